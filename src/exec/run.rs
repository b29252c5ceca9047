//! Runs a plan: what the ranks are told, what they keep from one run to the next, how a run ends.
//! The walk over its stages is in `walk.rs`; what one stage does in `stage.rs` and `write.rs`.

use super::fetch::Readers;
use super::journal::Journal;
use super::resume::{self, Journaling, Lead};
use super::scratch::ScratchFiles;
use super::spare::Spares;
use super::stop::Stop;
use super::walk::Run;
use crate::block::{Block, Buffer};
use crate::comm::{Comm, quiet_panics, share, verdict};
use crate::config::Limits;
use crate::error::{Context, Error, Fault, Result};
use crate::expr::DataId;
use crate::geom::Region;
use crate::io::{Source, StorageIndex, TextVariable, Writer, index, open_source};
use crate::observe::{Meter, Observed, Recorder, StageRecord, Stats, Work, rss_peak_bytes};
use crate::plan::{self, ArrayDecl, Plan, ReadyPlan, Stage};
use crate::spec::{FileId, SourceSpec, VariableSpec};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;

/// What rank 0 wants computed.
pub struct Job {
    /// The plan.
    pub plan: ReadyPlan,
    /// Blocks that the plan names: arrays from memory and group codes.
    pub data: HashMap<DataId, Arc<Block>>,
    /// Per output file: variables whose values are at hand (coordinates).
    pub inline: Vec<Vec<(VariableSpec, Block)>>,
    /// Per output file: string variables.
    pub texts: Vec<Vec<TextVariable>>,
    /// Results of earlier runs that the ranks need not hold any longer.
    pub released: Vec<DataId>,
    /// That the run keeps a journal beside its first output.
    pub journal: Option<Journaling>,
}

/// Said of a run that did not reach its end.
const KEPT: &str = "what is finished is kept: a start with --resume goes on from there";

/// What rank 0 gets.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Gathered results by number.
    pub gathered: Vec<Block>,
    /// Sums over ranks; the peak is that of the worst rank.
    pub stats: Stats,
    /// Peak bytes per rank.
    pub peaks: Vec<u64>,
    /// High-water mark of each rank's process.
    pub rss_peaks: Vec<u64>,
}

/// What the ranks are told: small beside the data, whatever the number of chunks and ranks (but for the chunk addresses
/// of files, which are data: 12 bytes per chunk, sent once per file).
#[derive(Serialize, Deserialize)]
struct Command {
    plan: Vec<u8>,
    codes: Vec<(DataId, Vec<u8>)>,
    indices: Vec<(u32, StorageIndex)>,
    released: Vec<DataId>,
    /// Per stage: bytes by which the largest one needs more.
    room: Vec<u64>,
}

/// What a rank keeps from one run to the next.
pub struct RankState {
    pub(super) limits: Limits,
    pub(super) pool: rayon::ThreadPool,
    pub(super) readers: Readers,
    sources: HashMap<(FileId, String), Arc<dyn Source>>,
    /// Results of earlier runs.
    pub(super) held: HashMap<DataId, Resident>,
    pub(super) spares: Spares,
    pub(super) recorder: Arc<Recorder>,
    pub(super) stop: Stop,
    pub(super) runs: u16,
}

/// The box of an array that lies in this rank's memory.
#[derive(Clone)]
pub(super) struct Resident {
    pub(super) region: Region,
    pub(super) block: Arc<Block>,
}

impl RankState {
    /// Threads and readers of a rank, which tell `recorder` what they do and end when `stop` says so.
    ///
    /// # Errors
    /// Resource when the system refuses threads.
    pub fn new(limits: &Limits, recorder: Arc<Recorder>, stop: Stop) -> Result<Self> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(limits.threads.max(1))
            .thread_name(|number| format!("compute-{number}"))
            .build()
            .map_err(|e| Error::resource(format!("starting {} threads: {e}", limits.threads)))?;
        let readers = Readers::new(limits.reads);
        Ok(RankState {
            limits: limits.clone(),
            pool,
            readers,
            sources: HashMap::new(),
            held: HashMap::new(),
            spares: Spares::default(),
            recorder,
            stop,
            runs: 0,
        })
    }

    pub(super) fn source(&self, spec: &SourceSpec) -> Result<Arc<dyn Source>> {
        self.sources
            .get(&(spec.file.clone(), spec.variable.clone()))
            .cloned()
            .ok_or_else(|| Error::internal(format!("{} is not open", spec.variable)))
    }
}

/// Runs a plan: rank 0 brings the job, the other ranks `None`. Collective.
///
/// # Errors
/// The same on every rank.
pub fn execute(comm: &dyn Comm, state: &mut RankState, job: Option<&Job>) -> Result<Outcome> {
    let recorder = state.recorder.clone();
    let before = comm.stats();
    let sent = || (comm.stats().messages, comm.stats().bytes);
    let opening = recorder.begin(StageRecord::BESIDE);
    let opens = recorder.span(0, Work::Open);
    let Command {
        plan,
        codes,
        indices,
        released,
        room,
    } = share(comm, || {
        let job = job.ok_or_else(|| Error::internal("rank 0 has no job"))?;
        command(job, state)
    })?;
    let plan = verdict(comm, plan::decode(&plan))?;
    let meter = Arc::new(Meter::default());
    recorder.begin_run(&meter, plan.stages.len());
    let _in_run = tracing::info_span!("run", number = recorder.stand().run).entered();
    for data in released {
        if let Some(held) = state.held.remove(&data) {
            state.spares.give(held);
        }
    }
    let _held = meter.hold(state.held.values().map(|held| held.block.bytes()).sum());
    let _window = meter.hold(state.limits.window_bytes(comm.size()));
    comm.pulse().stage("opening the inputs of the plan");
    let opened = quiet_panics(|| {
        super::faults::point("open", comm.rank())?;
        open_sources(&plan, indices, state)
    });
    verdict(comm, opened.flatten()).context(|| "opening the inputs of the plan")?;
    let codes = codes
        .into_iter()
        .map(|(id, bytes)| {
            let buffer = Buffer::from_bytes(crate::dtype::Physical::U32, &bytes)?;
            let len = buffer.len();
            Ok((
                id,
                Arc::new(Block::new(crate::dtype::DType::U32, vec![len], buffer)?),
            ))
        })
        .collect::<Result<HashMap<_, _>>>();
    let codes = verdict(comm, codes)?;

    let mut in_scratch = ScratchFiles::open(comm, &plan, &state.limits)?;
    verdict(comm, state.stop.check())?;
    // Files appear under temporary names; a writer that is dropped removes its file.
    let mut writers: Vec<Writer> = Vec::new();
    let mut lead: Option<Lead> = None;
    let started = share(comm, || {
        let job = job.ok_or_else(|| Error::internal("rank 0 has no job"))?;
        let (started, leads) = resume::start(&plan, job, comm.host(), &mut writers)?;
        lead = leads;
        Ok(started)
    })?;
    let journal = started.journal.as_ref().map(|(folder, start)| {
        Journal::new(folder, *start, comm.rank(), state.limits.threads.max(1))
    });
    state.stop.tell_in(journal.as_ref().map(Journal::folder));
    let mut run = Run {
        comm,
        plan: &plan,
        job,
        state,
        meter: &meter,
        codes: &codes,
        room: &room,
        in_scratch: &mut in_scratch,
        writers: &mut writers,
        journal: journal.as_ref(),
        lead: lead.as_mut(),
    };
    let ended = run.outputs(&started).and_then(|(outputs, done)| {
        drop(opens);
        recorder.end(&opening, "open", sent());
        let gathered = run.stages(&outputs, done.as_ref());
        let gathered = gathered.inspect_err(|error| run.stopped(error, &outputs))?;
        run.finish(&outputs)?;
        Ok(gathered)
    });
    state.stop.tell_in(None);
    let gathered = match (ended, lead) {
        (Ok(gathered), Some(lead)) => {
            lead.finished();
            gathered
        }
        (Ok(gathered), None) => gathered,
        (Err(error), Some(lead)) => {
            if lead.keeps(&error) {
                writers.iter_mut().for_each(Writer::keep);
                drop(writers);
                if error.fault() == Fault::Stopped {
                    lead.stopped();
                }
                return Err(error.note(KEPT));
            }
            drop(writers);
            lead.failed();
            return Err(error);
        }
        (Err(error), None) => return Err(error),
    };
    recorder.end_run();
    let after = comm.stats();
    let stats = Stats {
        moved_bytes: after.bytes - before.bytes,
        messages: after.messages - before.messages,
        rss_peak_bytes: rss_peak_bytes(),
        ..meter.stats()
    };
    let encoded = postcard::to_stdvec(&stats)
        .map_err(|e| Error::internal(format!("encoding statistics: {e}")))?;
    let all: Vec<Stats> = comm
        .gather(0, &encoded)?
        .iter()
        .map(|bytes| postcard::from_bytes(bytes).unwrap_or_default())
        .collect();
    Ok(Outcome {
        gathered,
        stats: all.iter().copied().fold(Stats::default(), Stats::join),
        peaks: all.iter().map(|s| s.peak_bytes).collect(),
        rss_peaks: all.iter().map(|s| s.rss_peak_bytes).collect(),
    })
}

/// What rank 0 sends: the chunk addresses of files that the ranks have not opened yet are read here, once.
fn command(job: &Job, state: &RankState) -> Result<Command> {
    let plan = job.plan.plan();
    let mut indices = Vec::new();
    for (number, decl) in plan.arrays.iter().enumerate() {
        if let ArrayDecl::File(spec) = decl
            && !state
                .sources
                .contains_key(&(spec.file.clone(), spec.variable.clone()))
        {
            let found = index(spec).context(|| {
                format!("indexing {} of {}", spec.variable, spec.file.path.display())
            })?;
            indices.push((number as u32, found));
        }
    }
    let mut codes: Vec<(DataId, Vec<u8>)> = Vec::new();
    for stage in &plan.stages {
        let Stage::Pass(pass) = stage else { continue };
        for group in pass.sinks.iter().filter_map(|s| s.fold.as_ref()?.group) {
            let id = group.codes;
            if codes.iter().any(|(known, _)| *known == id) {
                continue;
            }
            let block = job
                .data
                .get(&id)
                .ok_or_else(|| Error::internal("the codes of a group-by are gone"))?;
            codes.push((id, block.buffer().as_bytes().to_vec()));
        }
    }
    Ok(Command {
        plan: plan::encode(plan)?,
        codes,
        indices,
        released: job.released.clone(),
        room: (job.plan.footprints().iter())
            .map(|stage| job.plan.peak_bytes().saturating_sub(stage.peak_bytes))
            .collect(),
    })
}

fn open_sources(
    plan: &Plan,
    indices: Vec<(u32, StorageIndex)>,
    state: &mut RankState,
) -> Result<()> {
    for (number, index) in indices {
        let ArrayDecl::File(spec) = &plan.arrays[number as usize] else {
            return Err(Error::internal("a chunk index of an array that is no file"));
        };
        let source = open_source(spec, Arc::new(index))?;
        state
            .sources
            .insert((spec.file.clone(), spec.variable.clone()), source);
    }
    Ok(())
}

/// What every rank recorded, on rank 0; the spans of at most [`SHOWN_RANKS`] ranks. Collective.
///
/// # Errors
/// Those of the fabric.
pub fn observed(comm: &dyn Comm, state: &RankState) -> Result<Vec<Observed>> {
    let mut own = state.recorder.observed();
    // Evenly spread, rank 0 among them.
    if !comm
        .rank()
        .is_multiple_of(comm.size().div_ceil(SHOWN_RANKS))
    {
        own.spans.clear();
    }
    let encoded = postcard::to_stdvec(&own)
        .map_err(|e| Error::internal(format!("encoding what was recorded: {e}")))?;
    comm.gather(0, &encoded)?
        .iter()
        .map(|bytes| {
            postcard::from_bytes(bytes)
                .map_err(|e| Error::internal(format!("what a rank recorded: {e}")))
        })
        .collect()
}

/// Ranks whose pieces of work rank 0 gets: a few MB of each.
const SHOWN_RANKS: usize = 32;
