//! One stage on one rank: what it has at hand, the pass stage (exchange of inputs, local pass, combine), and the pump that
//! moves finished parcels to rank 0 while threads compute.

use super::combine::combine;
use super::done::Done;
use super::earlier::Earlier;
use super::exchange::{AtHand, bring, parts};
use super::journal::Journal;
use super::kept::Kept;
use super::messages::{Parcel, pump};
use super::output::{Delivery, OpenOutput, Store};
use super::pass::PassRun;
use super::run::{RankState, Resident};
use super::scratch::ScratchFiles;
use super::sink::{Finished, SinkRun};
use crate::block::{Block, Buffer};
use crate::comm::{Comm, Tag, quiet_panics, verdict};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::expr::DataId;
use crate::geom::Region;
use crate::io::{Scratch, Source, Writer};
use crate::observe::{Meter, Work};
use crate::plan::{self, ArrayDecl, ArrayId, Make, Pass, Plan, SinkTarget, Stage};
use crossbeam_channel::{Sender, bounded};
use std::collections::HashMap;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, PoisonError};

/// What a running stage has at hand.
pub(super) struct StageContext<'a> {
    pub(super) comm: &'a dyn Comm,
    pub(super) plan: &'a Plan,
    pub(super) state: &'a RankState,
    pub(super) meter: &'a Arc<Meter>,
    pub(super) codes: &'a HashMap<DataId, Arc<Block>>,
    pub(super) in_scratch: &'a ScratchFiles,
    pub(super) outputs: &'a [OpenOutput],
    pub(super) writers: &'a mut Vec<Writer>,
    pub(super) gathered: &'a mut Vec<Block>,
    pub(super) tags: [Tag; 2],
    /// Number of the stage.
    pub(super) number: usize,
    pub(super) kept: &'a Kept,
    /// What earlier starts have finished.
    pub(super) done: Option<&'a Done>,
    pub(super) journal: Option<&'a Journal>,
    /// Bytes by which the largest stage of the plan needs more than this one.
    pub(super) room: usize,
}

impl<'a> StageContext<'a> {
    /// Exchange of inputs, local pass, combine. Collective.
    pub(super) fn pass(
        &mut self,
        stage: &Stage,
        pass: &Pass,
        resident: &HashMap<ArrayId, Resident>,
    ) -> Result<Vec<(ArrayId, Resident)>> {
        let (comm, plan, state, meter) = (self.comm, self.plan, self.state, self.meter);
        let mut ready = super::faults::quiet_point("exchange", comm.rank());
        let mut spare = meter.hold(0);
        let joined = plan.only_moves(pass);
        if !state.spares.is_empty() {
            let mut wanted = self.wanted(pass);
            for array in pass.arrays().into_iter().filter(|_| !joined) {
                if !matches!(plan.array(array), ArrayDecl::File(_)) && !plan.in_scratch(array) {
                    let dtype = plan.array(array).dtype();
                    let parts = parts(plan, stage, array, comm.rank());
                    wanted.extend(parts.map(|(_, part)| (dtype, part.elements())));
                }
            }
            spare.set(state.spares.keep_for(&wanted, self.room));
        }
        let mut at_hand: HashMap<ArrayId, AtHand> = HashMap::new();
        let exchanges = state.recorder.span(0, Work::Exchange);
        for array in pass.arrays() {
            if matches!(plan.array(array), ArrayDecl::File(_)) || plan.in_scratch(array) {
                continue;
            }
            let own = resident.get(&array);
            // The others are in the exchange, too: what fails on this rank alone is said in the verdict after it.
            match bring(comm, plan, stage, array, own, (&state.spares, joined)) {
                Ok(block) => drop(at_hand.insert(array, block)),
                Err(error) => ready = ready.and(Err(error)),
            }
        }
        if let ([array], true) = (&pass.arrays()[..], joined)
            && let [SinkTarget::Store(stored)] = pass.sinks[0].targets[..]
            && let (Ok(()), Some(brought)) = (&ready, at_hand.remove(array))
        {
            let moved = match plan.owned_region(stored, comm.rank()) {
                Some(region) => brought.whole(region, plan.array(stored).dtype()).map(Some),
                None => Ok(None),
            };
            let moved = verdict(comm, moved)?;
            return Ok(moved.map(|block| (stored, block)).into_iter().collect());
        }
        drop(exchanges);
        let exchanged: usize = at_hand
            .iter()
            .flat_map(|(array, hand)| {
                let own = resident.get(array);
                hand.boxes
                    .iter()
                    .filter(move |held| own.is_none_or(|own| !Arc::ptr_eq(&own.block, &held.block)))
            })
            .map(|held| held.block.bytes())
            .sum();
        let _exchanged = meter.hold(exchanged);

        let prepared = ready.and_then(|()| self.prepare(pass));
        let (sources, sinks, stores) = verdict(comm, prepared)?;
        let stored = stores.values().map(|store| store.bytes());
        let _stored = meter.hold(stored.sum());
        let footprint_threads =
            plan::footprint_threads(plan, pass, comm.rank(), &state.limits, exchanged as u64);
        let run = PassRun {
            plan,
            pass,
            sources,
            resident: pass
                .slots
                .iter()
                .map(|slot| match slot.make {
                    Make::Load(array) => at_hand.get(&array).cloned(),
                    _ => None,
                })
                .collect(),
            kept: pass
                .slots
                .iter()
                .map(|slot| match slot.make {
                    Make::Load(array) => self.kept.of(array, self.number),
                    _ => None,
                })
                .collect(),
            sinks,
            delivery: Delivery {
                plan,
                stores: &stores,
                in_scratch: self.in_scratch,
                outputs: self.outputs,
                meter,
                done: self.done,
                journal: self.journal.map(|journal| (journal, self.number)),
            },
            readers: &state.readers,
            meter,
            threads: footprint_threads,
            pulse: comm.pulse(),
            recorder: &state.recorder,
            stage: self.number,
            done: self.done,
            journal: self.journal,
            stop: &state.stop,
            idle: AtomicUsize::new(0),
        };
        let rank = comm.rank();
        let local = self.with_parcels(self.tags[0], pass, |outgoing| {
            run.load_earlier(rank)?;
            for (number, sink) in run.sinks.iter().enumerate() {
                if run.done.is_some() && !sink.geometry.is_split(pass) {
                    deliver_all(&run, number, sink.finish_complete()?, outgoing)?;
                }
            }
            run.run(&state.pool, rank, outgoing)
        });
        verdict(comm, local)?;
        if run.sinks.iter().any(|sink| sink.geometry.is_split(pass)) {
            let combines = state.recorder.span(0, Work::Combine);
            let mut combined = super::faults::quiet_point("combine", comm.rank());
            for sink in run.sinks.iter().filter(|sink| sink.geometry.is_split(pass)) {
                let result = combine(comm, pass, sink);
                combined = combined.and(result);
            }
            verdict(comm, combined)?;
            drop(combines);
            let delivered = self.with_parcels(self.tags[1], pass, |outgoing| {
                let sinks = run.sinks.iter().enumerate();
                sinks
                    .filter(|(_, sink)| sink.geometry.is_split(pass))
                    .try_for_each(|(number, sink)| {
                        deliver_all(&run, number, sink.finish_all()?, outgoing)
                    })
            });
            verdict(comm, delivered)?;
        }
        drop(run);
        // What came from other ranks; what is this rank's own has another holder, and stays.
        for brought in at_hand.into_values().flat_map(|hand| hand.boxes) {
            state.spares.give(brought);
        }
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

    /// Dtype and elements of each block that this rank fills in a pass.
    fn wanted(&self, pass: &Pass) -> Vec<(DType, usize)> {
        let targets = pass.sinks.iter().flat_map(|sink| {
            let stored = sink.targets.iter().filter_map(|target| match target {
                SinkTarget::Store(array) => Some(*array),
                SinkTarget::Gather(_) | SinkTarget::Write { .. } => None,
            });
            stored.map(move |array| (sink.dtype, array))
        });
        targets
            .filter(|(_, array)| !self.plan.in_scratch(*array))
            .filter_map(|(dtype, array)| {
                let region = self.plan.owned_region(array, self.comm.rank())?;
                Some((dtype, region.elements()))
            })
            .collect()
    }

    #[allow(clippy::type_complexity)]
    fn prepare<'p>(
        &self,
        pass: &'p Pass,
    ) -> Result<(
        Vec<Option<Arc<dyn Source>>>,
        Vec<SinkRun<'p>>,
        HashMap<ArrayId, Store>,
    )>
    where
        'a: 'p,
    {
        let sources = pass
            .slots
            .iter()
            .map(|slot| match slot.make {
                Make::Load(array) => match self.plan.array(array) {
                    ArrayDecl::File(spec) => self.state.source(spec).map(Some),
                    _ => {
                        let stored = self.in_scratch.get(array).cloned();
                        Ok(stored.map(|stored| stored as Arc<dyn Source>))
                    }
                },
                _ => Ok(None),
            })
            .collect::<Result<Vec<_>>>()?;
        let mut sinks = Vec::new();
        let mut stores = HashMap::new();
        for (number, sink) in pass.sinks.iter().enumerate() {
            let earlier = self.done.map(|done| Earlier {
                done,
                stage: self.number,
                sink: number,
            });
            let group = sink.fold.as_ref().and_then(|fold| fold.group);
            let codes = group.and_then(|group| self.codes.get(&group.codes).cloned());
            sinks.push(SinkRun::new(pass, sink, codes, self.meter, earlier));
            for target in &sink.targets {
                if let SinkTarget::Store(array) = target
                    && !self.plan.in_scratch(*array)
                    && let Some(region) = self.plan.owned_region(*array, self.comm.rank())
                {
                    // Every element of it will be delivered.
                    let block = self.state.spares.block(sink.dtype, &region.shape);
                    let block = Mutex::new(block);
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
        work: impl FnOnce(&Sender<Parcel>) -> Result<()> + Send,
    ) -> Result<()> {
        let parcels = pass
            .sinks
            .iter()
            .flat_map(|sink| &sink.targets)
            .any(|target| match target {
                SinkTarget::Gather(_) => true,
                SinkTarget::Store(_) => false,
                SinkTarget::Write { file, variable } => {
                    let file = &self.plan.files[*file as usize];
                    !file.format.is_zarr()
                        && file.variables[*variable as usize].encoding.is_chunked()
                }
            });
        self.parcels(tag, parcels, work)
    }

    /// As `with_parcels`, for any work.
    pub(super) fn parcels(
        &mut self,
        tag: Tag,
        parcels: bool,
        work: impl FnOnce(&Sender<Parcel>) -> Result<()> + Send,
    ) -> Result<()> {
        let (sender, receiver) = bounded(2 * self.state.limits.threads.max(1));
        if !parcels {
            return quiet_panics(|| work(&sender)).flatten();
        }
        let (comm, writers, gathered) = (self.comm, &mut *self.writers, &mut *self.gathered);
        let recorder = &self.state.recorder;
        std::thread::scope(|scope| {
            let worker = scope.spawn(move || {
                let result = quiet_panics(|| work(&sender)).flatten();
                drop(sender);
                result
            });
            let pumped = pump(comm, tag, &receiver, &mut |parcel| {
                let _writes = recorder.span(0, Work::Write);
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
            crc32c,
        } => writers[file as usize].append_chunk(variable as usize, &chunk, &bytes, crc32c),
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

/// Delivers pieces of a sink that did not become complete with a tile.
fn deliver_all(
    run: &PassRun<'_>,
    number: usize,
    all: Vec<Finished>,
    outgoing: &Sender<Parcel>,
) -> Result<()> {
    let mut scratch = Scratch::default();
    for finished in all {
        run.delivery.deliver(
            (number, run.sinks[number].sink),
            &finished,
            outgoing,
            &mut scratch,
        )?;
    }
    Ok(())
}
