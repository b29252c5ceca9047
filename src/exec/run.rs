//! Walks a plan: the same stages in the same order on every rank, each ending in a shared verdict.
//! What one stage does is in `stage.rs` and `write.rs`.

use super::exchange::bring;
use super::fetch::Readers;
use super::kept::Kept;
use super::output::OpenOutput;
use super::scratch::ScratchFiles;
use super::spare::Spares;
use super::stage::StageContext;
use super::write::{write_from_scratch, write_stage};
use crate::block::{Block, Buffer};
use crate::comm::{Comm, Tag, quiet_panics, share, verdict};
use crate::config::Limits;
use crate::error::{Context, Error, Result};
use crate::expr::DataId;
use crate::geom::Region;
use crate::io::{
    Created, Piece, RankWriter, Source, StorageIndex, TextVariable, Writer, index, open_source,
};
use crate::observe::{Meter, Observed, Recorder, StageRecord, Stats, Work, rss_peak_bytes};
use crate::plan::{self, ArrayDecl, ArrayId, Plan, ReadyPlan, Stage};
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
}

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
    held: HashMap<DataId, Resident>,
    pub(super) spares: Spares,
    pub(super) recorder: Arc<Recorder>,
    runs: u16,
}

/// The box of an array that lies in this rank's memory.
#[derive(Clone)]
pub(super) struct Resident {
    pub(super) region: Region,
    pub(super) block: Arc<Block>,
}

impl RankState {
    /// Threads and readers of a rank, which tell `recorder` what they do.
    ///
    /// # Errors
    /// Resource when the system refuses threads.
    pub fn new(limits: &Limits, recorder: Arc<Recorder>) -> Result<Self> {
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
    // Files appear under temporary names; a writer that is dropped removes its file.
    let mut writers: Vec<Writer> = Vec::new();
    let created: Vec<Created> = share(comm, || {
        let job = job.ok_or_else(|| Error::internal("rank 0 has no job"))?;
        plan.files
            .iter()
            .enumerate()
            .map(|(number, spec)| {
                let (writer, created) =
                    Writer::create(spec, &job.inline[number], &job.texts[number])?;
                writers.push(writer);
                Ok(created)
            })
            .collect()
    })?;
    let outputs = created
        .into_iter()
        .zip(&plan.files)
        .map(|(created, spec)| {
            Ok(OpenOutput {
                writer: RankWriter::open(spec, &created)?,
                created,
            })
        })
        .collect::<Result<Vec<_>>>();
    let outputs = verdict(comm, outputs)?;

    let mut gathered: Vec<Block> = if comm.rank() == 0 {
        plan.gathers
            .iter()
            .map(|(dtype, shape)| Block::zeros(*dtype, shape))
            .collect()
    } else {
        Vec::new()
    };
    let _gathered = meter.hold(gathered.iter().map(Block::bytes).sum());
    let mut resident: HashMap<ArrayId, Resident> = HashMap::new();
    for (number, decl) in plan.arrays.iter().enumerate() {
        if let ArrayDecl::Held { data, .. } = decl
            && let Some(held) = state.held.get(data)
        {
            resident.insert(ArrayId(number as u32), held.clone());
        }
    }
    if let Some(job) = job {
        for (number, decl) in plan.arrays.iter().enumerate() {
            if let ArrayDecl::Memory { data, shape, .. } = decl {
                let block = job.data.get(data).cloned();
                let block = block.ok_or_else(|| Error::internal("an array from memory is gone"))?;
                let region = Region::whole(shape);
                resident.insert(ArrayId(number as u32), Resident { region, block });
            }
        }
    }
    let mut living = meter.hold(0);
    drop(opens);
    recorder.end(&opening, "open", sent());
    let mut kept = verdict(comm, Kept::new(&plan, comm.rank()))?;
    for (number, stage) in plan.stages.iter().enumerate() {
        state.runs = state.runs.wrapping_add(1);
        // Two tags per stage, below the smallest upper bound that MPI allows (32767).
        let tags = [
            Tag(1 + (state.runs % 8000) * 2),
            Tag(2 + (state.runs % 8000) * 2),
        ];
        let mut context = StageContext {
            comm,
            plan: &plan,
            state,
            meter: &meter,
            codes: &codes,
            in_scratch: &in_scratch,
            outputs: &outputs,
            writers: &mut writers,
            gathered: &mut gathered,
            tags,
            number,
            kept: &kept,
            room: room.get(number).map_or(0, |room| *room as usize),
        };
        let _in_stage = tracing::info_span!("stage", number).entered();
        let began = recorder.begin(number as u32);
        (comm.pulse()).stage(&format!(
            "running stage {number} ({}) of the plan",
            stage.kind()
        ));
        let finished = match stage {
            Stage::Pass(pass) => context.pass(stage, pass, &resident),
            Stage::Write(write) if plan.in_scratch(write.array) => {
                write_from_scratch(&mut context, number, write).map(|()| Vec::new())
            }
            Stage::Write(write) => {
                let own = resident.get(&write.array);
                state.spares.keep_for(&[], 0);
                let spares = &state.spares;
                let exchanges = recorder.span(0, Work::Exchange);
                let brought = bring(comm, &plan, stage, write.array, own, (spares, true));
                drop(exchanges);
                let block = brought.and_then(|hand| {
                    let needed = plan.needed_region(stage, write.array, comm.rank());
                    let dtype = plan.array(write.array).dtype();
                    needed.map(|region| hand.whole(region, dtype)).transpose()
                });
                write_stage(&mut context, write, block).map(|()| Vec::new())
            }
        };
        let finished = finished.context(|| format!("running stage {number} of the plan"))?;
        resident.extend(finished);
        kept.close_after(number);
        let made = plan.scratch.iter().copied();
        let made: Vec<ArrayId> = made
            .filter(|array| plan.home_stage(*array) == Some(number))
            .collect();
        in_scratch.publish(comm, &made)?;
        in_scratch.close_before(&plan, number + 1);
        // Results that no later stage reads are dropped.
        let over = |array: &ArrayId, _: &mut Resident| {
            let kept = plan.keeps.iter().any(|(kept, _)| kept == array);
            !kept
                && !plan.stages[number + 1..].iter().any(|later| match later {
                    Stage::Pass(pass) => pass.loads(*array),
                    Stage::Write(write) => write.array == *array,
                })
        };
        for (_, dropped) in resident.extract_if(over) {
            state.spares.give(dropped);
        }
        living.set(stored_bytes(&plan, &resident));
        recorder.end(&began, stage.kind(), sent());
    }
    for (array, data) in &plan.keeps {
        if let Some(held) = resident.get(array) {
            state.held.insert(*data, held.clone());
        }
    }
    if !outputs.is_empty() {
        let began = recorder.begin(StageRecord::BESIDE);
        let finishes = recorder.span(0, Work::Finish);
        comm.pulse().stage("finishing the outputs");
        let synced = quiet_panics(|| {
            super::faults::point("finish", comm.rank())?;
            outputs.iter().try_for_each(|output| output.writer.sync())
        });
        verdict(comm, synced.flatten()).context(|| "finishing the outputs")?;
        let written = pieces_written(comm, &outputs)?;
        share(comm, || {
            let finished = writers.drain(..).zip(&written);
            finished
                .into_iter()
                .try_for_each(|(writer, pieces)| writer.finish(pieces))
        })?;
        drop(finishes);
        recorder.end(&began, "finish", sent());
    }
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

/// The pieces that all ranks wrote, per output; on rank 0. Collective.
fn pieces_written(comm: &dyn Comm, outputs: &[OpenOutput]) -> Result<Vec<Vec<Piece>>> {
    let own: Vec<Vec<Piece>> = outputs.iter().map(|o| o.writer.take_pieces()).collect();
    let encoded = postcard::to_stdvec(&own).map_err(|e| Error::internal(format!("pieces: {e}")))?;
    let mut all: Vec<Vec<Piece>> = own.iter().map(|_| Vec::new()).collect();
    for bytes in comm.gather(0, &encoded)? {
        let pieces: Vec<Vec<Piece>> =
            postcard::from_bytes(&bytes).map_err(|e| Error::internal(format!("pieces: {e}")))?;
        for (all, pieces) in all.iter_mut().zip(pieces) {
            all.extend(pieces);
        }
    }
    Ok(all)
}

/// Bytes of what stages stored in the memory of this rank (what earlier runs left is counted apart).
fn stored_bytes(plan: &Plan, resident: &HashMap<ArrayId, Resident>) -> usize {
    let stored = resident
        .iter()
        .filter(|(array, _)| plan.home_stage(**array).is_some());
    stored.map(|(_, held)| held.block.bytes()).sum()
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
