//! Graph → plan: cuts the graph into passes, shares passes between outputs, chooses tiles and placement.
//!
//! A fold is a pass of its own level: what it reads has level 0 when it is a source, else one more than the highest
//! fold below it. Folds and element-wise outputs of one level over one domain share a pass, so that each input chunk is
//! read and decoded once for all of them.

use super::plan::{ArrayDecl, ArrayId, Fold, Pass, Plan, Sink, SinkTarget, Stage, WriteChunks};
use super::program::{expression, fuse, leaf_of};
use super::runs;
use super::tiling::{self, Stored, Tiling};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::expr::{Graph, Node, NodeId, SourceDecl};
use crate::geom::{ChunkGrid, Placement};
use crate::spec::OutputSpec;
use std::collections::HashMap;

/// Where an output of the graph is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// On rank 0, as this result of `compute`.
    Gather(u32),
    /// In this variable of this file.
    Write {
        /// Number of the file.
        file: u32,
        /// Number of its variable.
        variable: u32,
    },
}

/// One wanted output.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// The node.
    pub node: NodeId,
    /// Where it is wanted.
    pub target: Target,
}

/// One result that a pass has to make: a fold of an expression, or the expression itself.
struct Job {
    /// The node whose value is wanted: a `Reduce`, or the root itself.
    node: NodeId,
    /// The fused expression.
    root: NodeId,
    fold: Option<Fold>,
    targets: Vec<Target>,
    /// Later passes read it.
    stored: bool,
    level: usize,
}

/// Lowers an optimised graph to a plan for `ranks`, with tiles as `tiling` asks.
///
/// # Errors
/// Unsupported when one pass would be too large; internal when the graph breaks a law.
pub fn lower(
    graph: &Graph,
    requests: &[Request],
    files: Vec<OutputSpec>,
    ranks: usize,
    tiling: Tiling,
) -> Result<Plan> {
    let mut lowering = Lowering {
        graph,
        tiling,
        plan: Plan {
            ranks,
            arrays: Vec::new(),
            stages: Vec::new(),
            files,
            gathers: gathers(graph, requests),
            notes: Vec::new(),
        },
        arrays: HashMap::new(),
    };
    let mut jobs = jobs(graph, requests)?;
    jobs.sort_by_key(|job| job.level);
    let mut deferred = Vec::new();
    while !jobs.is_empty() {
        // Jobs of the lowest level over the domain of the first: one pass.
        let (level, domain) = (jobs[0].level, graph.shape(jobs[0].root).to_vec());
        let (shared, rest): (Vec<Job>, Vec<Job>) = jobs
            .into_iter()
            .partition(|j| j.level == level && graph.shape(j.root) == domain);
        jobs = rest;
        lowering.pass(&domain, &shared, &mut deferred)?;
    }
    for write in deferred {
        lowering.plan.stages.push(Stage::Write(write));
    }
    lowering.note_repeated_reads();
    Ok(lowering.plan)
}

fn gathers(graph: &Graph, requests: &[Request]) -> Vec<(DType, Vec<usize>)> {
    let count = requests
        .iter()
        .filter_map(|r| match r.target {
            Target::Gather(number) => Some(number as usize + 1),
            Target::Write { .. } => None,
        })
        .max()
        .unwrap_or(0);
    let mut result = vec![(DType::Bool, Vec::new()); count];
    for request in requests {
        if let Target::Gather(number) = request.target {
            let schema = graph.schema(request.node);
            result[number as usize] = (schema.dtype, schema.shape.clone());
        }
    }
    result
}

/// Every fold that an output needs, and every output that is not a fold.
fn jobs(graph: &Graph, requests: &[Request]) -> Result<Vec<Job>> {
    let outputs: Vec<NodeId> = requests.iter().map(|r| r.node).collect();
    let mut jobs: Vec<Job> = Vec::new();
    let mut levels: HashMap<NodeId, usize> = HashMap::new();
    // The level of a node is that of the highest fold below it; ids ascend, so inputs come first.
    for id in graph.reachable(&outputs) {
        let node = graph.node(id);
        let below = node
            .inputs()
            .iter()
            .map(|input| levels[input])
            .max()
            .unwrap_or(0);
        let is_fold = matches!(node, Node::Reduce { .. });
        levels.insert(id, below + usize::from(is_fold));
        if let Node::Reduce {
            input,
            reduction,
            axes,
            group,
        } = node
        {
            jobs.push(Job {
                node: id,
                root: *input,
                fold: Some(Fold {
                    reduction: *reduction,
                    axes: axes.clone(),
                    group: group.as_ref().map(|g| (g.axis, g.codes, g.groups)),
                }),
                targets: Vec::new(),
                stored: false,
                level: below,
            });
        }
    }
    for request in requests {
        // Outputs reach their fold through rechunks, which change no value.
        let mut node = request.node;
        while let Node::Rechunk(input, _) = graph.node(node) {
            node = *input;
        }
        match jobs.iter_mut().find(|job| job.node == node) {
            Some(job) => job.targets.push(request.target),
            None => jobs.push(Job {
                node,
                root: request.node,
                fold: None,
                targets: vec![request.target],
                stored: false,
                level: levels[&node],
            }),
        }
    }
    // A fold is stored when another pass loads it.
    let roots: Vec<NodeId> = jobs.iter().map(|job| job.root).collect();
    for root in roots {
        for id in expression(graph, &[root]) {
            let leaf = leaf_of(graph, id).map(|(leaf, _)| leaf);
            if let Some(job) = jobs
                .iter_mut()
                .find(|job| Some(job.node) == leaf && job.fold.is_some())
            {
                job.stored = true;
            }
        }
    }
    Ok(jobs)
}

struct Lowering<'a> {
    graph: &'a Graph,
    tiling: Tiling,
    plan: Plan,
    /// Arrays of sources and stored folds.
    arrays: HashMap<NodeId, ArrayId>,
}

impl Lowering<'_> {
    fn array(&mut self, leaf: NodeId) -> Result<ArrayId> {
        if let Some(id) = self.arrays.get(&leaf) {
            return Ok(*id);
        }
        let Node::Source(number) = self.graph.node(leaf) else {
            return Err(Error::internal(format!(
                "node #{} is loaded before it is made",
                leaf.0
            )));
        };
        let decl = match &self.graph.sources()[*number as usize] {
            SourceDecl::File(spec) => ArrayDecl::File(spec.clone()),
            SourceDecl::Memory { data, dtype, shape } => ArrayDecl::Memory {
                data: *data,
                dtype: *dtype,
                shape: shape.clone(),
            },
        };
        Ok(self.add(leaf, decl))
    }

    fn add(&mut self, node: NodeId, decl: ArrayDecl) -> ArrayId {
        let id = ArrayId(self.plan.arrays.len() as u32);
        self.plan.arrays.push(decl);
        self.arrays.insert(node, id);
        id
    }

    fn pass(
        &mut self,
        domain: &[usize],
        jobs: &[Job],
        deferred: &mut Vec<WriteChunks>,
    ) -> Result<()> {
        let roots: Vec<NodeId> = jobs.iter().map(|job| job.root).collect();
        let (program, inputs) = fuse(self.graph, &roots, &mut |leaf| self.array(leaf))?;
        let stored: Vec<Stored> = inputs
            .iter()
            .map(|input| match self.plan.array(input.array) {
                ArrayDecl::File(spec) => Stored {
                    chunk: Some(spec.fetch_chunk()),
                    bytes: spec
                        .shape
                        .iter()
                        .fold(spec.dtype.size() as u128, |a, n| a * *n as u128),
                },
                ArrayDecl::Memory { .. } | ArrayDecl::Result { .. } => Stored {
                    chunk: None,
                    bytes: 0,
                },
            })
            .collect();
        let folds: Vec<Option<&Fold>> = jobs.iter().map(|job| job.fold.as_ref()).collect();
        let folded: Vec<usize> = (0..domain.len())
            .filter(|axis| {
                folds.iter().flatten().any(|f| {
                    f.axes.contains(axis) || f.group.as_ref().is_some_and(|g| g.0 == *axis)
                })
            })
            .collect();
        let hint = self.graph.schema(roots[0]).chunk.clone();
        let tiles = tiling::tiles(self.tiling, domain, &inputs, &stored, Some(&hint), &folded);
        let (stream_axis, segment_tiles) = tiling::stream(&tiles, &folds);
        let mut pass = Pass {
            tiles,
            stream_axis,
            segment_tiles,
            inputs,
            program,
            sinks: Vec::new(),
            placement: Placement::single(&[]),
            runs: None,
        };
        pass.placement = tiling::place(&pass, &folds, self.plan.ranks);
        let stage = self.plan.stages.len() as u32;
        for (output, job) in jobs.iter().enumerate() {
            let schema = self.graph.schema(job.node);
            let mut sink = Sink {
                output: output as u16,
                fold: job.fold.clone(),
                dtype: schema.dtype,
                shape: schema.shape.clone(),
                targets: Vec::new(),
            };
            let mut store = job.stored;
            let mut late = Vec::new();
            for target in &job.targets {
                match *target {
                    Target::Gather(number) => sink.targets.push(SinkTarget::Gather(number)),
                    Target::Write { file, variable } => {
                        match self.late_chunks(&pass, &sink, file, variable)? {
                            None => sink.targets.push(SinkTarget::Write { file, variable }),
                            Some(chunks) => {
                                store = true;
                                late.push((file, variable, chunks));
                            }
                        }
                    }
                }
            }
            if store {
                let decl = ArrayDecl::Result {
                    stage,
                    sink: pass.sinks.len() as u32,
                    dtype: schema.dtype,
                    shape: schema.shape.clone(),
                };
                let array = self.add(job.node, decl);
                sink.targets.push(SinkTarget::Store(array));
                for (file, variable, chunks) in late {
                    let placement = Placement::choose(
                        &chunks.counts(),
                        &|_, run| run.len(),
                        self.plan.ranks,
                        &(1..=chunks.ndim() as u64).collect::<Vec<_>>(),
                    );
                    deferred.push(WriteChunks {
                        array,
                        file,
                        variable,
                        chunks,
                        placement,
                    });
                }
            }
            pass.sinks.push(sink);
        }
        pass.runs = runs::choose(&pass, self.plan.ranks);
        self.plan.stages.push(Stage::Pass(pass));
        Ok(())
    }

    /// The storage chunks of an output that are not each inside one finished piece: such an output is stored first, and
    /// written in a stage of its own in which each chunk has one owner. `None`: pieces can be written as they finish.
    fn late_chunks(
        &mut self,
        pass: &Pass,
        sink: &Sink,
        file: u32,
        variable: u32,
    ) -> Result<Option<ChunkGrid>> {
        let name = self.plan.files[file as usize].variables[variable as usize]
            .name
            .clone();
        let spec = &mut self.plan.files[file as usize].variables[variable as usize];
        if !spec.encoding.is_chunked() {
            return Ok(None);
        }
        let pieces = pass.piece_grid(sink);
        if spec.encoding.chunks.is_none() {
            // The best chunks for writing are the pieces themselves, without phase: chunks start at 0 in files.
            let chunk = pieces
                .axes
                .iter()
                .map(|axis| axis.longest().max(1))
                .collect();
            spec.encoding.chunks = Some(chunk);
        }
        let chunk = spec.encoding.chunks.clone().unwrap_or_default();
        let chunks = ChunkGrid::regular(&sink.shape, &chunk)
            .map_err(|e| e.context(format!("choosing the chunks of output variable {name}")))?;
        if pieces.is_coarsening_of(&chunks) {
            return Ok(None);
        }
        self.plan.notes.push(format!(
            "{name}: storage chunks {chunk:?} cross the pieces that tasks finish; it is stored and exchanged before writing"
        ));
        Ok(Some(chunks))
    }

    /// Tells which stored variables several passes read, and why.
    fn note_repeated_reads(&mut self) {
        let mut notes = Vec::new();
        for (number, decl) in self.plan.arrays.iter().enumerate() {
            let ArrayDecl::File(spec) = decl else {
                continue;
            };
            let domains: Vec<Vec<usize>> = self
                .plan
                .stages
                .iter()
                .filter_map(|stage| match stage {
                    Stage::Pass(pass)
                        if pass
                            .inputs
                            .iter()
                            .any(|i| i.array == ArrayId(number as u32)) =>
                    {
                        Some(pass.tiles.shape())
                    }
                    _ => None,
                })
                .collect();
            if domains.len() > 1 {
                notes.push(format!(
                    "{} is read by {} passes: over domains {domains:?}; passes are shared over one domain, and a pass that uses \
                     the result of another comes after it",
                    spec.variable,
                    domains.len()
                ));
            }
        }
        self.plan.notes.extend(notes);
    }
}
