//! What earlier starts of a run have finished, as every rank knows it: derived from the journal, checked, and asked by every stage.

use crate::geom::{ChunkGrid, NodeId};
use crate::io::journal::{Blob, StoredState};
use crate::io::{Created, Piece, Place, Placement};
use crate::plan::{ArrayId, Plan, SinkTarget, Stage};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

/// A finished piece of a result that stays in memory.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct StoredResult {
    pub(super) stage: u32,
    pub(super) sink: u32,
    pub(super) start: Vec<usize>,
    pub(super) shape: Vec<usize>,
    pub(super) blob: Blob,
}

/// The partial results of the subtrees of one piece.
pub(super) type Nodes = HashMap<Vec<usize>, Vec<(NodeId, Blob)>>;

/// The states of a segment that was begun.
#[derive(Clone, Debug)]
pub(super) struct Begun {
    /// Tiles that are in them.
    pub(super) tiles: usize,
    /// Number and state of each sink that runs along the segment.
    pub(super) sinks: Vec<(u32, Blob)>,
}

/// What is finished of one variable of an output.
#[derive(Clone, Debug)]
enum Variable {
    Chunks {
        grid: ChunkGrid,
        done: Vec<u64>,
        count: usize,
    },
    Regions {
        starts: HashSet<Vec<usize>>,
        left: usize,
    },
}

/// What is finished of a run.
#[derive(Default)]
pub(super) struct Done {
    /// Folder of the journal.
    pub(super) folder: PathBuf,
    files: Vec<Vec<Variable>>,
    nodes: HashMap<(u32, u32), Nodes>,
    begun: HashMap<(u32, Vec<usize>, usize), Begun>,
    results: HashMap<(u32, u32), Vec<StoredResult>>,
    stored: HashSet<(u32, u32, Vec<usize>)>,
    /// Per stage: nothing of it is wanted any more.
    needless: Vec<bool>,
}

impl Done {
    /// Nothing is finished of these outputs.
    pub(super) fn new(folder: PathBuf, plan: &Plan, created: &[Created]) -> Self {
        let files = created.iter().zip(&plan.files).map(|(created, spec)| {
            let variables = created.variables.iter().zip(&spec.variables);
            variables
                .map(|(placement, spec)| match placement {
                    Placement::Contiguous { .. } => Variable::Regions {
                        starts: HashSet::new(),
                        left: spec.shape.iter().product(),
                    },
                    Placement::Chunked { grid } | Placement::Files { grid, .. } => {
                        Variable::Chunks {
                            grid: grid.clone(),
                            done: vec![0; grid.count().div_ceil(64)],
                            count: 0,
                        }
                    }
                })
                .collect()
        });
        Done {
            folder,
            files: files.collect(),
            needless: vec![false; plan.stages.len()],
            ..Done::default()
        }
    }

    /// Adds a piece of an output; `false` when there is none such, or it is there already.
    pub(super) fn add_piece(&mut self, file: u32, piece: &Piece) -> bool {
        let variables = self.files.get_mut(file as usize);
        let variable = variables.and_then(|v| v.get_mut(piece.variable as usize));
        match (variable, &piece.place) {
            (Some(Variable::Chunks { grid, done, count }), Place::Chunk(chunk)) => {
                let counts = grid.counts();
                let inside = chunk.len() == counts.len()
                    && chunk.iter().zip(&counts).all(|(at, count)| at < count);
                if !inside {
                    return false;
                }
                let number = grid.linear(chunk);
                let new = done[number / 64] & (1 << (number % 64)) == 0;
                done[number / 64] |= 1 << (number % 64);
                *count += usize::from(new);
                new
            }
            (Some(Variable::Regions { starts, left }), Place::Region(start, shape)) => {
                let elements = shape.iter().product::<usize>();
                let new = elements <= *left && starts.insert(start.clone());
                if new {
                    *left -= elements;
                }
                new
            }
            _ => false,
        }
    }

    /// Adds partial results of a stage.
    pub(super) fn add_state(&mut self, stage: u32, state: StoredState) {
        match state {
            StoredState::Node {
                sink,
                piece,
                node,
                blob,
            } => {
                let nodes = self.nodes.entry((stage, sink)).or_default();
                let nodes = nodes.entry(piece).or_default();
                // Of two starts one may have what the other has, and more: subtrees do not overlap otherwise.
                let covers = |a: NodeId, b: NodeId| {
                    a.level >= b.level && b.index >> (a.level - b.level) == a.index
                };
                if !nodes.iter().any(|(known, _)| covers(*known, node)) {
                    nodes.retain(|(known, _)| !covers(node, *known));
                    nodes.push((node, blob));
                }
            }
            StoredState::Running {
                column,
                segment,
                tiles,
                sinks,
            } => {
                let begun = self.begun.entry((stage, column, segment));
                let begun = begun.or_insert_with(|| Begun {
                    tiles: 0,
                    sinks: Vec::new(),
                });
                if tiles > begun.tiles {
                    *begun = Begun { tiles, sinks };
                }
            }
        }
    }

    /// Adds a piece of a result in memory.
    pub(super) fn add_result(&mut self, result: StoredResult) {
        let key = (result.stage, result.sink, result.start.clone());
        if self.stored.insert(key) {
            let sink = (result.stage, result.sink);
            self.results.entry(sink).or_default().push(result);
        }
    }

    /// To be called when everything is added: finds the stages of which nothing is wanted any more.
    pub(super) fn settle(&mut self, plan: &Plan) {
        let mut wanted: HashSet<ArrayId> = plan.keeps.iter().map(|(array, _)| *array).collect();
        for (number, stage) in plan.stages.iter().enumerate().rev() {
            let needless = match stage {
                Stage::Write(write) => self.all(write.file, write.variable),
                Stage::Pass(pass) => {
                    (pass.sinks.iter().flat_map(|sink| &sink.targets)).all(|target| match target {
                        // A scratch file is opened by all ranks, whoever reads it.
                        SinkTarget::Store(array) => {
                            !wanted.contains(array) && !plan.scratch.contains(array)
                        }
                        SinkTarget::Gather(_) => false,
                        SinkTarget::Write { file, variable } => self.all(*file, *variable),
                    })
                }
            };
            self.needless[number] = needless;
            match stage {
                _ if needless => {}
                Stage::Write(write) => {
                    wanted.insert(write.array);
                }
                Stage::Pass(pass) => wanted.extend(pass.arrays()),
            }
        }
    }

    /// Nothing of a stage is wanted any more.
    pub(super) fn needless(&self, stage: usize) -> bool {
        self.needless.get(stage).copied().unwrap_or(false)
    }

    /// Every piece of a variable is finished.
    fn all(&self, file: u32, variable: u32) -> bool {
        match &self.files[file as usize][variable as usize] {
            Variable::Chunks { grid, count, .. } => *count == grid.count(),
            Variable::Regions { left, .. } => *left == 0,
        }
    }

    /// A storage chunk of a variable is finished.
    pub(super) fn chunk(&self, file: u32, variable: u32, chunk: &[usize]) -> bool {
        match &self.files[file as usize][variable as usize] {
            Variable::Chunks { grid, done, .. } => {
                let number = grid.linear(chunk);
                done[number / 64] & (1 << (number % 64)) != 0
            }
            Variable::Regions { .. } => false,
        }
    }

    /// What begins there is finished in a variable of an output: a box of a contiguous one, else all chunks that meet it.
    pub(super) fn written(&self, file: u32, variable: u32, region: &crate::geom::Region) -> bool {
        match &self.files[file as usize][variable as usize] {
            Variable::Chunks { grid, count, .. } => {
                *count > 0
                    && grid
                        .overlapping(region)
                        .all(|chunk| self.chunk(file, variable, &chunk))
            }
            Variable::Regions { starts, .. } => starts.contains(&region.start),
        }
    }

    /// The partial results of a sink.
    pub(super) fn nodes(&self, stage: usize, sink: usize) -> Option<&Nodes> {
        self.nodes.get(&(stage as u32, sink as u32))
    }

    /// The states of a segment that was begun.
    pub(super) fn begun(&self, stage: usize, column: &[usize], segment: usize) -> Option<&Begun> {
        self.begun.get(&(stage as u32, column.to_vec(), segment))
    }

    /// Pieces of the result of a sink.
    pub(super) fn results(&self, stage: usize, sink: usize) -> &[StoredResult] {
        let results = self.results.get(&(stage as u32, sink as u32));
        results.map_or(&[], Vec::as_slice)
    }

    /// A piece of the result of a sink is at hand.
    pub(super) fn stored(&self, stage: usize, sink: usize, start: &[usize]) -> bool {
        let key = (stage as u32, sink as u32, start.to_vec());
        self.stored.contains(&key)
    }
}
