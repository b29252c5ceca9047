//! Graph → plan: cuts the graph into passes, shares passes between outputs, chooses tiles and placement.
//!
//! A fold is a pass of its own level: what it reads has level 0 when it is a source, else one more than the highest
//! fold below it. Folds and element-wise outputs of one level over one domain share a pass, so that each input chunk is
//! read and decoded once for all of them. All else happens inside a pass, tile by tile, unless that makes the same again
//! and again (a transform along each of two axes): then its value is stored, as if it were a fold, and read by a later pass.

use super::jobs::{Job, jobs};
use super::locality;
use super::plan::{ArrayDecl, ArrayId, Fold, Pass, Plan, Sink, SinkTarget, Stage, WriteChunks};
use super::program::{self, Stored as StoredNodes};
use super::runs;
use super::tiling::{self, Tiling};
use super::units;
use super::work::{Body, WRITING_A_RUN};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::expr::{DataId, Graph, Node, NodeId, SourceDecl};
use crate::geom::{ChunkGrid, Placement};
use crate::spec::OutputSpec;
use std::collections::{HashMap, HashSet};

/// Where an output of the graph is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// On rank 0, as this result of `compute`.
    Gather(u32),
    /// In the memories of the ranks, under this number.
    Keep(DataId),
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
    lower_storing(graph, requests, files, ranks, tiling, StoredNodes::new())
}

/// As [`lower`], where each node of `stored` has its value stored in a pass of its own: what is stored changes no value, so a
/// comparison with everything stored tests what happens inside passes.
///
/// # Errors
/// As [`lower`].
pub fn lower_storing(
    graph: &Graph,
    requests: &[Request],
    files: Vec<OutputSpec>,
    ranks: usize,
    tiling: Tiling,
    mut stored: HashSet<NodeId>,
) -> Result<Plan> {
    loop {
        let attempt = attempt(graph, requests, files.clone(), ranks, tiling, &stored)?;
        match attempt {
            Attempt::Planned(plan) => return Ok(plan),
            // Each round stores one more node, so this ends.
            Attempt::Store(node) if stored.insert(node) => {}
            Attempt::Store(node) => {
                return Err(Error::internal(format!("node #{} is stored twice", node.0)));
            }
        }
    }
}

/// What came of lowering with a set of stored nodes.
enum Attempt {
    Planned(Plan),
    /// This node had better be stored too.
    Store(NodeId),
}

fn attempt(
    graph: &Graph,
    requests: &[Request],
    files: Vec<OutputSpec>,
    ranks: usize,
    tiling: Tiling,
    stored: &StoredNodes,
) -> Result<Attempt> {
    let mut lowering = Lowering {
        graph,
        tiling,
        stored,
        plan: Plan {
            ranks,
            arrays: Vec::new(),
            stages: Vec::new(),
            files,
            gathers: gathers(graph, requests),
            keeps: Vec::new(),
            scratch: Vec::new(),
            reuse: Vec::new(),
            notes: Vec::new(),
        },
        arrays: HashMap::new(),
    };
    let mut jobs = jobs(graph, requests, stored)?;
    jobs.sort_by_key(|job| job.level);
    let mut deferred = Vec::new();
    while !jobs.is_empty() {
        // Jobs of the lowest level over the domain of the first: one pass. A node that is stored since others would make it
        // again and again has tiles of its own, and so a pass of its own.
        let (level, domain) = (jobs[0].level, graph.shape(jobs[0].root).to_vec());
        let first = jobs[0].node;
        let alone = |job: &Job| {
            job.node != first && (stored.contains(&first) || stored.contains(&job.node))
        };
        let (shared, rest): (Vec<Job>, Vec<Job>) = jobs
            .into_iter()
            .partition(|j| j.level == level && graph.shape(j.root) == domain && !alone(j));
        jobs = rest;
        if let Some(node) = lowering.pass(&domain, &shared, &mut deferred)? {
            return Ok(Attempt::Store(node));
        }
    }
    for write in deferred {
        lowering.plan.stages.push(Stage::Write(write));
    }
    lowering.note_repeated_reads();
    Ok(Attempt::Planned(lowering.plan))
}

fn gathers(graph: &Graph, requests: &[Request]) -> Vec<(DType, Vec<usize>)> {
    let count = requests
        .iter()
        .filter_map(|r| match r.target {
            Target::Gather(number) => Some(number as usize + 1),
            Target::Write { .. } | Target::Keep(_) => None,
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

struct Lowering<'a> {
    graph: &'a Graph,
    tiling: Tiling,
    stored: &'a StoredNodes,
    plan: Plan,
    /// Arrays of sources, stored folds and other stored nodes.
    arrays: HashMap<NodeId, ArrayId>,
}

impl Lowering<'_> {
    /// The array of a leaf that is loaded; `None` for what a pass makes itself.
    fn array(&mut self, leaf: NodeId) -> Result<Option<ArrayId>> {
        if let Some(id) = self.arrays.get(&leaf) {
            return Ok(Some(*id));
        }
        let Node::Source(number) = self.graph.node(leaf) else {
            return Ok(None);
        };
        let decl = match &self.graph.sources()[*number as usize] {
            SourceDecl::File(spec) => ArrayDecl::File(spec.clone()),
            SourceDecl::Memory { data, dtype, shape } => ArrayDecl::Memory {
                data: *data,
                dtype: *dtype,
                shape: shape.clone(),
            },
            SourceDecl::Held {
                data,
                dtype,
                shape,
                home,
            } => ArrayDecl::Held {
                data: *data,
                dtype: *dtype,
                shape: shape.clone(),
                home: home.clone(),
            },
            SourceDecl::Generated { .. } => return Ok(None),
        };
        Ok(Some(self.add(leaf, decl)))
    }

    fn add(&mut self, node: NodeId, decl: ArrayDecl) -> ArrayId {
        let id = ArrayId(self.plan.arrays.len() as u32);
        self.plan.arrays.push(decl);
        self.arrays.insert(node, id);
        id
    }

    /// True when pieces of this target are written to rows of a contiguous variable.
    fn in_rows(&self, target: &Target) -> bool {
        let Target::Write { file, variable } = *target else {
            return false;
        };
        let spec = &self.plan.files[file as usize].variables[variable as usize];
        !spec.encoding.is_chunked()
    }

    /// Plans the pass of `jobs`; or names a node that had better be stored before.
    fn pass(
        &mut self,
        domain: &[usize],
        jobs: &[Job],
        deferred: &mut Vec<WriteChunks>,
    ) -> Result<Option<NodeId>> {
        let roots: Vec<NodeId> = jobs.iter().map(|job| job.root).collect();
        let mut others = self.stored.clone();
        for job in jobs.iter().filter(|job| job.fold.is_none()) {
            others.remove(&job.node);
        }
        let graph = self.graph;
        let mut load = |leaf: NodeId| self.array(leaf);
        let mut body = program::Body::new(graph, &others, &mut load);
        let (program, inputs) = body.fuse(&roots)?;
        let (slots, nodes) = (body.slots, body.nodes);
        let seen = locality::files_seen(&self.plan, &slots, &inputs);
        let folds: Vec<Option<&Fold>> = jobs.iter().map(|job| job.fold.as_ref()).collect();
        let folded: Vec<usize> = (0..domain.len())
            .filter(|axis| folds.iter().flatten().any(|f| f.folds(*axis)))
            .collect();
        let hint = self.graph.schema(roots[0]).chunk.clone();
        let weighed = Body {
            plan: &self.plan,
            slots: &slots,
            inputs: &inputs,
            domain,
            per_run: match (jobs.iter().filter(|job| job.fold.is_none()))
                .any(|job| job.targets.iter().any(|target| self.in_rows(target)))
            {
                true => WRITING_A_RUN * self.tiling.of_default(),
                false => 0.0,
            },
        };
        let mut tiles = tiling::tiles(self.tiling, &weighed, &seen, Some(&hint), &folded);
        if let Some(unit) = self.written_unit(jobs, domain)?
            && let Some(whole) = units::on_units(&weighed, &tiles, &unit, self.tiling.bytes)
        {
            tiles = whole;
        }
        let lengths: Vec<usize> = tiles.axes.iter().map(|axis| axis.longest()).collect();
        if let Some(slot) =
            weighed.most_repeated(&lengths, &|slot| self.stored.contains(&nodes[slot]))
        {
            return Ok(Some(nodes[slot]));
        }
        let apart = tiling::apart(weighed.domain.len(), &seen);
        let stream = tiling::stream(&tiles, &folds);
        let state_bytes: Vec<usize> = (folds.iter().enumerate())
            .filter_map(|(output, fold)| {
                Some(
                    fold.as_ref()?
                        .reduction
                        .state_bytes(program.output_dtype(output)),
                )
            })
            .collect();
        let (tiles, segment_tiles) =
            tiling::thickened(&weighed, tiles, stream, &folds, &state_bytes, &apart);
        let stream_axis = stream.0;
        let mut pass = Pass {
            tiles,
            stream_axis,
            segment_tiles,
            slots,
            inputs,
            program,
            sinks: Vec::new(),
            placement: Placement::single(&[]),
            runs: None,
        };
        let whole: Vec<bool> = (hint.iter().zip(domain)).map(|(c, len)| c >= len).collect();
        let mixed = whole.contains(&true) && whole.contains(&false);
        let whole = if mixed {
            whole
        } else {
            vec![false; whole.len()]
        };
        pass.placement = tiling::place(&pass, &folds, self.plan.ranks, &whole);
        locality::stay_home(&self.plan, &mut pass, &folds, &whole);
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
            let mut keeps = Vec::new();
            for target in &job.targets {
                match *target {
                    Target::Gather(number) => sink.targets.push(SinkTarget::Gather(number)),
                    Target::Keep(data) => {
                        store = true;
                        keeps.push(data);
                    }
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
                self.plan
                    .keeps
                    .extend(keeps.into_iter().map(|data| (array, data)));
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
        Ok(None)
    }

    /// What whole tiles of a pass must hold so that all its outputs are written as pieces finish: whole storage chunks. `None` when
    /// something is folded, or no output says how long its chunks are.
    fn written_unit(&self, jobs: &[Job], domain: &[usize]) -> Result<Option<Vec<usize>>> {
        let mut found: Vec<Vec<usize>> = Vec::new();
        for job in jobs {
            if job.fold.is_some() {
                return Ok(None);
            }
            for target in &job.targets {
                let Target::Write { file, variable } = *target else {
                    continue;
                };
                let spec = &self.plan.files[file as usize].variables[variable as usize];
                if spec.encoding.chunks.is_some() && spec.shape == domain {
                    let unit = spec.encoding.unit(&spec.shape)?;
                    if !found.contains(&unit) {
                        found.push(unit);
                    }
                }
            }
        }
        Ok(units::common(&found, domain))
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
        let chunk = spec.encoding.unit(&sink.shape)?;
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
                    Stage::Pass(pass) if pass.loads(ArrayId(number as u32)) => {
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
