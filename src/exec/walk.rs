//! The walk over the stages of a plan, the same on every rank, from created outputs to complete ones.

use super::done::Done;
use super::exchange::bring;
use super::journal::Journal;
use super::kept::Kept;
use super::output::OpenOutput;
use super::resume::{self, Lead, Started};
use super::run::{Job, RankState, Resident};
use super::scratch::ScratchFiles;
use super::stage::StageContext;
use super::write::{write_from_scratch, write_stage};
use crate::block::Block;
use crate::comm::{Comm, Tag, quiet_panics, share, verdict};
use crate::error::{Context, Error, Fault, Result};
use crate::expr::DataId;
use crate::geom::Region;
use crate::io::{Noting, Piece, RankWriter, Writer};
use crate::observe::{Meter, StageRecord, Work};
use crate::plan::{ArrayDecl, ArrayId, Plan, Stage};
use std::collections::HashMap;
use std::sync::Arc;

/// A run on one rank.
pub(super) struct Run<'a> {
    pub(super) comm: &'a dyn Comm,
    pub(super) plan: &'a Plan,
    /// On rank 0.
    pub(super) job: Option<&'a Job>,
    pub(super) state: &'a mut RankState,
    pub(super) meter: &'a Arc<Meter>,
    pub(super) codes: &'a HashMap<DataId, Arc<Block>>,
    /// Per stage: bytes by which the largest one needs more.
    pub(super) room: &'a [u64],
    pub(super) in_scratch: &'a mut ScratchFiles,
    /// On rank 0.
    pub(super) writers: &'a mut Vec<Writer>,
    pub(super) journal: Option<&'a Journal>,
    /// On rank 0.
    pub(super) lead: Option<&'a mut Lead>,
}

impl Run<'_> {
    fn sent(&self) -> (u64, u64) {
        let stats = self.comm.stats();
        (stats.messages, stats.bytes)
    }

    /// Opens the created outputs, with what earlier starts have finished of them. Collective.
    pub(super) fn outputs(&mut self, started: &Started) -> Result<(Vec<OpenOutput>, Option<Done>)> {
        let noting = |file: usize| {
            let log = self.journal.map(|journal| journal.log().clone());
            log.map(|log| Noting {
                file: file as u32,
                log,
            })
        };
        for (file, writer) in self.writers.iter_mut().enumerate() {
            if let Some(noting) = noting(file) {
                writer.note_in(noting, &self.plan.files[file]);
            }
        }
        let outputs = (started.created.iter().zip(&self.plan.files).enumerate())
            .map(|(file, (created, spec))| {
                Ok(OpenOutput {
                    writer: RankWriter::open(spec, created, noting(file))?,
                    created: created.clone(),
                })
            })
            .collect::<Result<Vec<_>>>();
        let outputs = verdict(self.comm, outputs)?;
        let lead = self.lead.as_deref_mut();
        let pool = &self.state.pool;
        let done = resume::adopt(
            self.comm,
            self.plan,
            started,
            &outputs,
            self.writers,
            lead,
            pool,
        )?;
        Ok((outputs, done))
    }

    /// Walks the stages; gives what was gathered, on rank 0. Collective.
    pub(super) fn stages(
        &mut self,
        outputs: &[OpenOutput],
        done: Option<&Done>,
    ) -> Result<Vec<Block>> {
        let (comm, plan, meter, codes) = (self.comm, self.plan, self.meter, self.codes);
        let recorder = self.state.recorder.clone();
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
                && let Some(held) = self.state.held.get(data)
            {
                resident.insert(ArrayId(number as u32), held.clone());
            }
        }
        if let Some(job) = self.job {
            for (number, decl) in plan.arrays.iter().enumerate() {
                if let ArrayDecl::Memory { data, shape, .. } = decl {
                    let block = job.data.get(data).cloned();
                    let block =
                        block.ok_or_else(|| Error::internal("an array from memory is gone"))?;
                    let region = Region::whole(shape);
                    resident.insert(ArrayId(number as u32), Resident { region, block });
                }
            }
        }
        let mut living = meter.hold(0);
        let mut kept = verdict(comm, Kept::new(plan, comm.rank()))?;
        for (number, stage) in plan.stages.iter().enumerate() {
            self.state.runs = self.state.runs.wrapping_add(1);
            // Two tags per stage, below the smallest upper bound that MPI allows (32767).
            let tags = [
                Tag(1 + (self.state.runs % 8000) * 2),
                Tag(2 + (self.state.runs % 8000) * 2),
            ];
            let mut context = StageContext {
                comm,
                plan,
                state: &*self.state,
                meter,
                codes,
                in_scratch: self.in_scratch,
                outputs,
                writers: self.writers,
                gathered: &mut gathered,
                tags,
                number,
                kept: &kept,
                done,
                journal: self.journal,
                room: self.room.get(number).map_or(0, |room| *room as usize),
            };
            (comm.pulse()).stage(&format!(
                "running stage {number} ({}) of the plan",
                stage.kind()
            ));
            let _in_stage = tracing::info_span!("stage", number).entered();
            let began = recorder.begin(number as u32);
            let finished = match stage {
                _ if done.is_some_and(|done| done.needless(number)) => Ok(Vec::new()),
                Stage::Pass(pass) => context.pass(stage, pass, &resident),
                Stage::Write(write) if plan.in_scratch(write.array) => {
                    write_from_scratch(&mut context, number, write).map(|()| Vec::new())
                }
                Stage::Write(write) => {
                    let own = resident.get(&write.array);
                    self.state.spares.keep_for(&[], 0);
                    let spares = &self.state.spares;
                    let exchanges = recorder.span(0, Work::Exchange);
                    let brought = bring(comm, plan, stage, write.array, own, (spares, true));
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
            self.in_scratch.publish(comm, &made)?;
            self.in_scratch.close_before(plan, number + 1);
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
                self.state.spares.give(dropped);
            }
            living.set(stored_bytes(plan, &resident));
            recorder.end(&began, stage.kind(), self.sent());
        }
        for (array, data) in &plan.keeps {
            if let Some(held) = resident.get(array) {
                self.state.held.insert(*data, held.clone());
            }
        }
        Ok(gathered)
    }

    /// What is finished is brought to disk when a stop ends the run, so that it is there when the node is not.
    pub(super) fn stopped(&self, error: &Error, outputs: &[OpenOutput]) {
        let Some(journal) = self.journal.filter(|_| error.fault() == Fault::Stopped) else {
            return;
        };
        for output in outputs {
            if let Err(e) = output.writer.sync() {
                tracing::warn!("{e}");
            }
        }
        journal.sync();
    }

    /// Completes the outputs. Collective.
    pub(super) fn finish(&mut self, outputs: &[OpenOutput]) -> Result<()> {
        if outputs.is_empty() {
            return Ok(());
        }
        let comm = self.comm;
        let recorder = self.state.recorder.clone();
        let began = recorder.begin(StageRecord::BESIDE);
        let finishes = recorder.span(0, Work::Finish);
        comm.pulse().stage("finishing the outputs");
        let synced = quiet_panics(|| {
            super::faults::point("finish", comm.rank())?;
            outputs.iter().try_for_each(|output| output.writer.sync())
        });
        verdict(comm, synced.flatten()).context(|| "finishing the outputs")?;
        let mut written = pieces_written(comm, outputs)?;
        let run = self.job.and_then(|job| job.journal.as_ref());
        let run = run.map(|journal| journal.key.digest()).unwrap_or_default();
        let (writers, lead) = (&mut *self.writers, self.lead.as_deref());
        share(comm, || {
            if let Some(lead) = lead {
                for (written, adopted) in written.iter_mut().zip(&lead.adopted) {
                    written.extend(adopted.iter().cloned());
                }
            }
            let finished = writers.drain(..).zip(&written);
            finished
                .into_iter()
                .try_for_each(|(writer, pieces)| writer.finish(pieces, &run))
        })?;
        drop(finishes);
        recorder.end(&began, "finish", self.sent());
        Ok(())
    }
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
