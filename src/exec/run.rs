//! Walks a plan: the same stages in the same order on every rank, each ending in a shared verdict.
//! Over 500 lines: the stages of a run share one context; the pass stage is to move to a file of its own.

use super::combine::combine;
use super::exchange::bring;
use super::fetch::Readers;
use super::messages::{Parcel, pump};
use super::meter::{Meter, Stats, rss_peak_bytes};
use super::output::{Delivery, OpenOutput, Store};
use super::pass::{PassRun, deliver_combined};
use super::sink::SinkRun;
use super::write::write_stage;
use crate::block::{Block, Buffer};
use crate::comm::{Comm, Tag, quiet_panics, share, verdict};
use crate::config::Limits;
use crate::error::{Context, Error, Result};
use crate::expr::DataId;
use crate::geom::Region;
use crate::io::{
    Created, RegionWriter, Source, StorageIndex, TextVariable, Writer, index, open_source,
};
use crate::plan::{self, ArrayDecl, ArrayId, Pass, Plan, ReadyPlan, SinkTarget, Stage};
use crate::spec::{FileId, SourceSpec, VariableSpec};
use crossbeam_channel::bounded;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

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
}

/// What a rank keeps from one run to the next.
pub struct RankState {
    limits: Limits,
    pool: rayon::ThreadPool,
    readers: Readers,
    sources: HashMap<(FileId, String), Arc<dyn Source>>,
    runs: u16,
}

/// The box of an array that lies in this rank's memory.
#[derive(Clone)]
pub(super) struct Resident {
    pub(super) region: Region,
    pub(super) block: Arc<Block>,
}

impl RankState {
    /// Threads and readers of a rank.
    ///
    /// # Errors
    /// Resource when the system refuses threads.
    pub fn new(limits: &Limits) -> Result<Self> {
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
            runs: 0,
        })
    }

    pub(super) fn pool(&self) -> &rayon::ThreadPool {
        &self.pool
    }

    fn source(&self, spec: &SourceSpec) -> Result<Arc<dyn Source>> {
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
    let Command {
        plan,
        codes,
        indices,
    } = share(comm, || {
        let job = job.ok_or_else(|| Error::internal("rank 0 has no job"))?;
        command(job, state)
    })?;
    let plan = verdict(comm, plan::decode(&plan))?;
    let meter = Arc::new(Meter::default());
    let opened = super::faults::point("open", comm.rank())
        .and_then(|()| open_sources(&plan, indices, state));
    verdict(comm, opened)?;
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
        .map(|created| {
            Ok(OpenOutput {
                writer: RegionWriter::open(&created.temporary)?,
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
            outputs: &outputs,
            writers: &mut writers,
            gathered: &mut gathered,
            tags,
        };
        let finished = match stage {
            Stage::Pass(pass) => context.pass(stage, pass, &resident),
            Stage::Write(write) => {
                let own = resident.get(&write.array);
                let block = bring(comm, &plan, stage, write.array, own);
                write_stage(&mut context, write, block).map(|()| Vec::new())
            }
        };
        let finished = finished.context(|| format!("running stage {number} of the plan"))?;
        resident.extend(finished);
        // Results that no later stage reads are dropped.
        resident.retain(|array, _| {
            plan.stages[number + 1..].iter().any(|later| match later {
                Stage::Pass(pass) => pass.inputs.iter().any(|input| input.array == *array),
                Stage::Write(write) => write.array == *array,
            })
        });
    }
    if !outputs.is_empty() {
        let synced = outputs.iter().try_for_each(|output| output.writer.sync());
        verdict(comm, synced)?;
        share(comm, || {
            super::faults::point("finish", 0)?;
            writers.drain(..).try_for_each(Writer::finish)
        })?;
    }
    let sent = comm.stats();
    let stats = Stats {
        read_bytes: meter.read_bytes.load(Relaxed),
        decoded_bytes: meter.decoded_bytes.load(Relaxed),
        written_bytes: meter.written_bytes.load(Relaxed),
        moved_bytes: sent.bytes,
        messages: sent.messages,
        peak_bytes: meter.peak_bytes(),
        rss_peak_bytes: rss_peak_bytes(),
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
        for (_, id, _) in pass
            .sinks
            .iter()
            .filter_map(|s| s.fold.as_ref()?.group.as_ref())
        {
            if codes.iter().any(|(known, _)| known == id) {
                continue;
            }
            let block = job
                .data
                .get(id)
                .ok_or_else(|| Error::internal("the codes of a group-by are gone"))?;
            codes.push((*id, block.buffer().as_bytes().to_vec()));
        }
    }
    Ok(Command {
        plan: plan::encode(plan)?,
        codes,
        indices,
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

/// What a running stage has at hand.
pub(super) struct StageContext<'a> {
    pub(super) comm: &'a dyn Comm,
    pub(super) plan: &'a Plan,
    pub(super) state: &'a RankState,
    pub(super) meter: &'a Arc<Meter>,
    pub(super) codes: &'a HashMap<DataId, Arc<Block>>,
    pub(super) outputs: &'a [OpenOutput],
    pub(super) writers: &'a mut Vec<Writer>,
    pub(super) gathered: &'a mut Vec<Block>,
    pub(super) tags: [Tag; 2],
}

impl StageContext<'_> {
    /// Exchange of inputs, local pass, combine. Collective.
    fn pass(
        &mut self,
        stage: &Stage,
        pass: &Pass,
        resident: &HashMap<ArrayId, Resident>,
    ) -> Result<Vec<(ArrayId, Resident)>> {
        let (comm, plan, state, meter) = (self.comm, self.plan, self.state, self.meter);
        super::faults::point("exchange", comm.rank())?;
        let mut at_hand: HashMap<ArrayId, Option<Resident>> = HashMap::new();
        for input in &pass.inputs {
            let array = input.array;
            if at_hand.contains_key(&array) || matches!(plan.array(array), ArrayDecl::File(_)) {
                continue;
            }
            let block = bring(comm, plan, stage, array, resident.get(&array))?;
            at_hand.insert(array, block);
        }
        let exchanged: usize = at_hand
            .iter()
            .filter_map(|(array, block)| {
                let block = block.as_ref()?;
                let same = resident
                    .get(array)
                    .is_some_and(|r| Arc::ptr_eq(&r.block, &block.block));
                (!same).then(|| block.block.bytes())
            })
            .sum();
        let _exchanged = meter.hold(exchanged);

        let prepared = self.prepare(pass);
        let (sources, sinks, stores) = verdict(comm, prepared)?;
        let footprint_threads =
            plan::footprint_threads(plan, pass, comm.rank(), &state.limits, exchanged as u64);
        let run = PassRun {
            plan,
            pass,
            sources,
            resident: pass
                .inputs
                .iter()
                .map(|input| at_hand.get(&input.array).cloned().flatten())
                .collect(),
            sinks,
            delivery: Delivery {
                plan,
                stores: &stores,
                outputs: self.outputs,
                meter,
            },
            readers: &state.readers,
            meter,
            threads: footprint_threads,
            pulse: comm.pulse(),
            idle: AtomicUsize::new(0),
        };
        let rank = comm.rank();
        let local = self.with_parcels(self.tags[0], pass, |outgoing| {
            run.run(&state.pool, rank, outgoing)
        });
        verdict(comm, local)?;
        if run.sinks.iter().any(|sink| sink.geometry.is_split(pass)) {
            let mut combined = super::faults::point("combine", comm.rank());
            for sink in run.sinks.iter().filter(|sink| sink.geometry.is_split(pass)) {
                let result = combine(comm, pass, sink);
                combined = combined.and(result);
            }
            verdict(comm, combined)?;
            let delivered = self.with_parcels(self.tags[1], pass, |outgoing| {
                run.sinks
                    .iter()
                    .filter(|sink| sink.geometry.is_split(pass))
                    .try_for_each(|sink| deliver_combined(&run, sink, outgoing))
            });
            verdict(comm, delivered)?;
        }
        drop(run);
        Ok(stores
            .into_iter()
            .map(|(array, store)| {
                let block = store
                    .block
                    .into_inner()
                    .unwrap_or_else(PoisonError::into_inner);
                (
                    array,
                    Resident {
                        region: store.region,
                        block: Arc::new(block),
                    },
                )
            })
            .collect())
    }

    #[allow(clippy::type_complexity)]
    fn prepare<'p>(
        &self,
        pass: &'p Pass,
    ) -> Result<(
        Vec<Option<Arc<dyn Source>>>,
        Vec<SinkRun<'p>>,
        HashMap<ArrayId, Store>,
    )> {
        let sources = pass
            .inputs
            .iter()
            .map(|input| match self.plan.array(input.array) {
                ArrayDecl::File(spec) => self.state.source(spec).map(Some),
                _ => Ok(None),
            })
            .collect::<Result<Vec<_>>>()?;
        let mut sinks = Vec::new();
        let mut stores = HashMap::new();
        for sink in &pass.sinks {
            let codes = sink.fold.as_ref().and_then(|fold| fold.group.as_ref());
            let codes = codes.and_then(|(_, id, _)| self.codes.get(id).cloned());
            sinks.push(SinkRun::new(pass, sink, codes, self.meter));
            for target in &sink.targets {
                if let SinkTarget::Store(array) = target
                    && let Some(region) = self.plan.owned_region(*array, self.comm.rank())
                {
                    let block = Mutex::new(Block::zeros(sink.dtype, &region.shape));
                    stores.insert(*array, Store { region, block });
                }
            }
        }
        Ok((sources, sinks, stores))
    }

    /// Runs `work` on a thread of its own while this one moves its parcels to rank 0. Collective when the pass sends
    /// parcels at all, which all ranks know from the plan.
    fn with_parcels(
        &mut self,
        tag: Tag,
        pass: &Pass,
        work: impl FnOnce(&crossbeam_channel::Sender<Parcel>) -> Result<()> + Send,
    ) -> Result<()> {
        let parcels = pass
            .sinks
            .iter()
            .flat_map(|sink| &sink.targets)
            .any(|target| match target {
                SinkTarget::Gather(_) => true,
                SinkTarget::Store(_) => false,
                SinkTarget::Write { file, variable } => self.plan.files[*file as usize].variables
                    [*variable as usize]
                    .encoding
                    .is_chunked(),
            });
        self.parcels(tag, parcels, work)
    }

    /// As `with_parcels`, for any work.
    pub(super) fn parcels(
        &mut self,
        tag: Tag,
        parcels: bool,
        work: impl FnOnce(&crossbeam_channel::Sender<Parcel>) -> Result<()> + Send,
    ) -> Result<()> {
        let (sender, receiver) = bounded(2 * self.state.limits.threads.max(1));
        if !parcels {
            return quiet_panics(|| work(&sender)).flatten();
        }
        let (comm, writers, gathered) = (self.comm, &mut *self.writers, &mut *self.gathered);
        std::thread::scope(|scope| {
            let worker = scope.spawn(move || {
                let result = quiet_panics(|| work(&sender)).flatten();
                drop(sender);
                result
            });
            let pumped = pump(comm, tag, &receiver, &mut |parcel| {
                accept(parcel, writers, gathered)
            });
            let worked = worker
                .join()
                .unwrap_or_else(|_| Err(Error::internal("a worker thread panicked")));
            worked.and(pumped)
        })
    }
}

/// A parcel that has arrived on rank 0.
fn accept(parcel: Parcel, writers: &mut [Writer], gathered: &mut [Block]) -> Result<()> {
    match parcel {
        Parcel::Chunk {
            file,
            variable,
            chunk,
            bytes,
        } => writers[file as usize].append_chunk(variable as usize, &chunk, &bytes),
        Parcel::Piece {
            number,
            start,
            shape,
            bytes,
        } => {
            let result = &mut gathered[number as usize];
            let buffer = Buffer::from_bytes(result.dtype().physical(), &bytes)?;
            let piece = Block::new(result.dtype(), shape.clone(), buffer)?;
            result.paste(&Region::new(start, shape), &piece.view())
        }
        Parcel::End => Ok(()),
    }
}
