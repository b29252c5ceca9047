//! What arrays share: the graph, the blocks that the program brought along, and the way to the ranks.

use super::launch::{Config, Journaled, Rewriting};
use super::noted::{Noted, provenance};
use super::trace::Trace;
use crate::block::Block;
use crate::config::Limits;
use crate::error::{Error, Fault, Result};
use crate::exec::{Job, Journaling, Outcome};
use crate::expr::{DataId, Graph, Node, NodeId, SourceDecl};
use crate::io::journal::tidy;
use crate::io::{Described, TextVariable, finished_run};
use crate::observe::Stats;
use crate::plan::{ArrayDecl, Plan, Prepared, ReadyPlan, Tiling};
use crate::spec::{OutputSpec, VariableSpec};
use crossbeam_channel::{Sender, bounded};
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A message to rank 0's main thread.
pub(super) enum Message {
    /// Run this job and answer.
    Run(Box<Job>, Sender<Result<Outcome>>),
    /// Describe these files, or one group of each, and answer.
    Describe(Vec<PathBuf>, Option<String>, Sender<Result<Vec<Described>>>),
    /// The program has ended, with this result.
    End(Result<()>),
}

/// What arrays of one program share.
pub struct Session {
    messages: Sender<Message>,
    limits: Limits,
    pub(super) tiling: Tiling,
    pub(super) rewriting: Rewriting,
    ranks: usize,
    overwrite: bool,
    pub(super) journal: Journaled,
    history: String,
    /// Plans and inputs are noted for a report.
    notes: bool,
    state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) graph: Graph,
    data: HashMap<DataId, Arc<Block>>,
    next: u64,
    /// What the ranks hold from earlier runs.
    pub(super) held: Vec<(DataId, ArrayDecl)>,
    /// Held by the ranks, but not wanted any longer: they are told with the next run.
    released: Vec<DataId>,
    /// Work and memory of all runs so far.
    done: Finished,
    /// Of all runs so far, where a report is wanted.
    noted: Noted,
    /// Stands for the graph that was planned last.
    pub(super) hash: u32,
    /// Digest of the same.
    pub(super) graph_digest: String,
    /// Stands for all runs so far whose results the ranks hold.
    before: String,
    /// `plan` stops the program at its first run and takes the plan instead.
    pub(super) dry: bool,
    planned: Vec<ReadyPlan>,
    /// What it planned, for other numbers of ranks.
    pub(super) prepared: Vec<Prepared>,
    /// Graphs are kept beside the plans.
    pub(super) traces: Option<Vec<Trace>>,
    /// All that was ever released.
    pub(super) gone: HashSet<DataId>,
}

/// What the runs of a program did so far.
#[derive(Clone, Debug, Default)]
pub struct Finished {
    /// Sums over runs and ranks; the peak is that of the worst rank and run.
    pub stats: Stats,
    /// Largest measured peak of each rank.
    pub peaks: Vec<u64>,
    /// Latest high-water mark of each rank's process.
    pub rss_peaks: Vec<u64>,
    /// Largest projected peak of a rank.
    pub projected_bytes: u64,
    /// Number of runs.
    pub runs: u64,
    /// Output files that were completed.
    pub outputs: Vec<PathBuf>,
}

/// One array that is wanted on rank 0 or in a file.
#[derive(Clone, Copy, Debug)]
pub enum Wanted {
    /// As a block on rank 0.
    Block(NodeId),
    /// In the memories of the ranks, under this number.
    Kept(NodeId, DataId),
    /// In a variable of a file.
    Variable {
        /// The array.
        node: NodeId,
        /// Number of the file in the same call.
        file: u32,
        /// Number of the variable.
        variable: u32,
    },
}

/// A computed variable of a file to save.
#[derive(Clone, Debug)]
pub struct SaveVariable {
    /// Name, dims, attributes, encoding.
    pub spec: VariableSpec,
    /// Its elements.
    pub node: NodeId,
}

/// A file to save.
#[derive(Debug)]
pub struct Save {
    /// Path, dims, attributes; its `variables` are filled from `variables`.
    pub spec: OutputSpec,
    /// Computed variables.
    pub variables: Vec<SaveVariable>,
    /// Variables whose values are at hand.
    pub inline: Vec<(VariableSpec, Block)>,
    /// String variables.
    pub texts: Vec<TextVariable>,
}

impl Session {
    /// The session of a job that plans for `ranks`.
    pub(super) fn new(messages: Sender<Message>, config: &Config, ranks: usize) -> Self {
        let state = Mutex::new(State {
            dry: config.dry_ranks.is_some(),
            traces: (config.dry_ranks.is_some() && config.keep_graphs).then(Vec::new),
            ..State::default()
        });
        Session {
            messages,
            limits: config.limits.clone(),
            tiling: config.tiling,
            rewriting: config.rewriting,
            ranks,
            overwrite: config.overwrite,
            journal: config.journal,
            history: config.history.clone(),
            notes: config.watch.wants_facts(),
            state,
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // A program thread that panicked while it held the lock has ended the job.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works on the graph.
    pub fn with_graph<R>(&self, work: impl FnOnce(&mut Graph) -> R) -> R {
        work(&mut self.state().graph)
    }

    /// Keeps a block that nodes refer to.
    pub fn keep(&self, block: Arc<Block>) -> DataId {
        let mut state = self.state();
        let id = DataId(state.next);
        state.next += 1;
        state.data.insert(id, block);
        id
    }

    /// What the key of a run is made of: digest of the graph, blocks, digest of the runs before.
    pub(super) fn facts(&self) -> (String, HashMap<DataId, Arc<Block>>, String) {
        let state = self.state();
        (
            state.graph_digest.clone(),
            state.data.clone(),
            state.before.clone(),
        )
    }

    /// Limits of a rank.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Ranks of the job (in a dry run: ranks that are planned for).
    pub fn ranks(&self) -> usize {
        self.ranks
    }

    /// Replace existing output.
    pub fn overwrite(&self) -> bool {
        self.overwrite
    }

    /// A dry run: plans are made, and nothing is computed or written.
    pub fn dry(&self) -> bool {
        self.state().dry
    }

    /// Counts a file that the program wrote by itself among the outputs.
    pub fn wrote(&self, path: PathBuf) {
        self.state().done.outputs.push(path);
    }

    /// The line for the `history` attribute of outputs.
    pub fn history(&self) -> &str {
        &self.history
    }

    /// What the runs did so far.
    pub fn finished(&self) -> Finished {
        self.state().done.clone()
    }

    /// What was planned and read, where a report is wanted.
    pub fn noted(&self) -> Noted {
        self.state().noted.clone()
    }

    /// The graphs and plans of a dry run that keeps them.
    pub fn traces(&self) -> Vec<Trace> {
        self.state().traces.clone().unwrap_or_default()
    }

    /// The plans of a dry run.
    pub fn planned(&self) -> Vec<ReadyPlan> {
        self.state().planned.clone()
    }

    /// What a dry run planned, ready to be planned for other numbers of ranks.
    pub fn prepared(&self) -> Vec<Prepared> {
        self.state().prepared.clone()
    }

    /// Computes blocks onto rank 0, all in shared passes.
    ///
    /// # Errors
    /// Those of planning, and the shared error of the ranks.
    pub fn compute(&self, nodes: &[NodeId]) -> Result<Vec<Block>> {
        let wanted: Vec<Wanted> = nodes.iter().map(|n| Wanted::Block(*n)).collect();
        let plan = self.plan(&wanted, Vec::new())?;
        let shapes: Vec<_> = plan.plan().gathers.clone();
        if self.state().dry {
            self.state().planned.push(plan);
            // A dry run goes on with zeros, so that all runs of a program are planned.
            return Ok(shapes
                .iter()
                .map(|(dtype, shape)| Block::zeros(*dtype, shape))
                .collect());
        }
        self.run(plan, Vec::new(), Vec::new(), None)
            .map(|outcome| outcome.gathered)
    }

    /// Computes arrays into the memories of the ranks, all in shared passes; the new nodes stand for what they hold.
    ///
    /// # Errors
    /// Those of planning, and the shared error of the ranks.
    ///
    /// # Memory
    /// Each rank holds its part until [`Session::release`].
    pub fn persist(&self, nodes: &[NodeId]) -> Result<Vec<NodeId>> {
        let wanted: Vec<Wanted> = nodes
            .iter()
            .map(|node| {
                let mut state = self.state();
                state.next += 1;
                Wanted::Kept(*node, DataId(state.next - 1))
            })
            .collect();
        let plan = self.plan(&wanted, Vec::new())?;
        let mut held = Vec::with_capacity(nodes.len());
        let mut decls = Vec::with_capacity(nodes.len());
        for wanted in &wanted {
            let Wanted::Kept(_, data) = wanted else {
                continue;
            };
            let decl = held_source(plan.plan(), *data)?;
            if let SourceDecl::Held {
                data,
                dtype,
                shape,
                home,
            } = decl.clone()
            {
                let decl = ArrayDecl::Held {
                    data,
                    dtype,
                    shape,
                    home,
                };
                decls.push((data, decl));
            }
            held.push(self.with_graph(|g| g.source(decl))?);
        }
        if self.state().dry {
            self.state().planned.push(plan);
        } else {
            if self.journal != Journaled::Off {
                let key = self.run_key(plan.plan(), &[]).digest();
                self.state().before = key;
            }
            self.run(plan, Vec::new(), Vec::new(), None)?;
        }
        self.state().held.extend(decls);
        Ok(held)
    }

    /// What is known about files: each header is read once, by one of the ranks.
    ///
    /// # Errors
    /// Of the first file, in their order, that cannot be opened.
    pub fn describe(&self, paths: Vec<PathBuf>, group: Option<String>) -> Result<Vec<Described>> {
        let (reply, answer) = bounded(1);
        let gone = || Error::internal("the job has ended; files cannot be opened any more");
        self.messages
            .send(Message::Describe(paths, group, reply))
            .map_err(|_| gone())?;
        answer.recv().map_err(|_| gone())?
    }

    /// The ranks give up what they hold of a persisted array; using it later is an error.
    ///
    /// # Errors
    /// Invalid input when the node is not a persisted array, or was released before.
    pub fn release(&self, node: NodeId) -> Result<()> {
        let mut state = self.state();
        let data = match state.graph.node(node) {
            Node::Source(number) => match &state.graph.sources()[*number as usize] {
                SourceDecl::Held { data, .. } => Some(*data),
                _ => None,
            },
            _ => None,
        };
        let data = data.ok_or_else(|| {
            Error::invalid("release: the array is not one that `persist` returned")
        })?;
        if state.gone.insert(data) {
            state.released.push(data);
            state.held.retain(|(held, _)| *held != data);
        }
        Ok(())
    }

    /// Saves files, all in shared passes.
    ///
    /// # Errors
    /// Those of planning, and the shared error of the ranks; on an error no output appears.
    pub fn save(&self, mut files: Vec<Save>) -> Result<()> {
        let mut wanted = Vec::new();
        let mut specs = Vec::new();
        for (number, file) in files.iter_mut().enumerate() {
            for (variable, save) in file.variables.iter().enumerate() {
                wanted.push(Wanted::Variable {
                    node: save.node,
                    file: number as u32,
                    variable: variable as u32,
                });
                file.spec.variables.push(save.spec.clone());
            }
            file.spec.overwrite |= self.overwrite;
            specs.push(file.spec.clone());
        }
        let paths: Vec<_> = specs.iter().map(|spec| spec.path.clone()).collect();
        let mut plan = self.plan(&wanted, specs)?;
        refuse_own_input(plan.plan())?;
        let journal = (self.journal != Journaled::Off).then(|| Journaling {
            key: self.run_key(plan.plan(), &files),
            resume: self.journal == Journaled::Resume,
        });
        if !self.history.is_empty() {
            let provenance = provenance(plan.plan(), self.state().hash);
            for attrs in plan.output_attrs() {
                attrs.set("provenance", provenance.clone());
            }
        }
        if self.state().dry {
            self.state().planned.push(plan);
            return Ok(());
        }
        if let Some(journal) = journal.as_ref().filter(|journal| journal.resume) {
            let key = journal.key.digest();
            let complete = |path: &PathBuf| finished_run(path).is_some_and(|run| run == key);
            if paths.iter().all(complete) {
                for path in &paths {
                    tracing::info!("resume: {} is complete", path.display());
                    tidy(path);
                }
                self.state().done.outputs.extend(paths);
                return Ok(());
            }
            // Of several outputs one may have got its name before the end: the same bytes replace it.
            plan.overwrite_where(|path| complete(&path.to_owned()));
        }
        let (inline, texts) = files
            .into_iter()
            .map(|file| (file.inline, file.texts))
            .unzip();
        self.run(plan, inline, texts, journal)?;
        self.state().done.outputs.extend(paths);
        Ok(())
    }

    fn run(
        &self,
        plan: ReadyPlan,
        inline: Vec<Vec<(VariableSpec, Block)>>,
        texts: Vec<Vec<TextVariable>>,
        journal: Option<Journaling>,
    ) -> Result<Outcome> {
        let projected = plan.peak_bytes();
        if self.notes {
            let mut state = self.state();
            let (run, hash) = (state.done.runs, state.hash);
            state.noted.note(&plan, run, hash);
        }
        for note in plan.plan().scratch_notes(&self.limits) {
            tracing::warn!("{note}");
        }
        let data = self.state().data.clone();
        let released = std::mem::take(&mut self.state().released);
        let job = Box::new(Job {
            plan,
            data,
            inline,
            texts,
            released,
            journal,
        });
        let (reply, answer) = bounded(1);
        let gone = || Error::internal("the job has ended; arrays cannot be computed any more");
        self.messages
            .send(Message::Run(job, reply))
            .map_err(|_| gone())?;
        let outcome = answer.recv().map_err(|_| gone())??;
        let mut state = self.state();
        let done = &mut state.done;
        let peak = done.stats.peak_bytes;
        done.stats = done.stats.join(outcome.stats);
        done.stats.peak_bytes = peak.max(outcome.stats.peak_bytes);
        done.peaks
            .resize(outcome.peaks.len().max(done.peaks.len()), 0);
        for (known, new) in done.peaks.iter_mut().zip(&outcome.peaks) {
            *known = (*known).max(*new);
        }
        done.rss_peaks = outcome.rss_peaks.clone();
        done.projected_bytes = done.projected_bytes.max(projected);
        done.runs += 1;
        Ok(outcome)
    }
}

/// What the ranks hold after a run of `plan` under the number `data`.
fn held_source(plan: &Plan, data: DataId) -> Result<SourceDecl> {
    let kept = plan.keeps.iter().find(|(_, number)| *number == data);
    let (array, _) = kept.ok_or_else(|| Error::internal("a persisted array without a sink"))?;
    let decl = plan.array(*array);
    Ok(SourceDecl::Held {
        data,
        dtype: decl.dtype(),
        shape: decl.shape().to_vec(),
        home: plan.home(*array)?,
    })
}

/// An output may not replace a file that the same plan reads: a failure half-way must leave the input, and the rename
/// would pull it from under later runs of the same program.
fn refuse_own_input(plan: &Plan) -> Result<()> {
    for output in &plan.files {
        let Ok(path) = output.path.canonicalize() else {
            continue;
        };
        for array in &plan.arrays {
            if let ArrayDecl::File(spec) = array
                && spec
                    .file
                    .path
                    .canonicalize()
                    .is_ok_and(|input| input == path)
            {
                return Err(Error::new(
                    Fault::Output,
                    format!(
                        "save: {} is also the input that {} is read from; write to another path",
                        output.path.display(),
                        spec.variable
                    ),
                ));
            }
        }
    }
    Ok(())
}
