//! The write stage: each rank encodes the storage chunks that it owns, out of a box that was exchanged to it.

use super::messages::Parcel;
use super::output::{ChunkTarget, OpenOutput};
use super::run::Resident;
use super::sink::Finished;
use super::stage::StageContext;
use crate::comm::{quiet_panics, verdict};
use crate::error::{Error, Result};
use crate::geom::positions;
use crate::io::Scratch;
use crate::observe::Work;
use crate::plan::{Plan, WriteChunks, write_threads};
use crossbeam_channel::Sender;
use rayon::prelude::*;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

/// The variable that a stage writes.
fn target<'a>(
    outputs: &'a [OpenOutput],
    plan: &'a Plan,
    write: &'a WriteChunks,
) -> ChunkTarget<'a> {
    ChunkTarget {
        output: &outputs[write.file as usize],
        spec: &plan.files[write.file as usize].variables[write.variable as usize],
        file: write.file,
        variable: write.variable,
        grid: &write.chunks,
    }
}

/// Whether encoded chunks go to rank 0, which has the file.
fn to_rank_0(plan: &Plan, write: &WriteChunks) -> bool {
    !plan.files[write.file as usize].format.is_zarr()
}

/// The chunks that no earlier start has written.
fn left(
    context: &StageContext<'_>,
    write: &WriteChunks,
    mut chunks: Vec<Vec<usize>>,
) -> Vec<Vec<usize>> {
    if let Some(done) = context.done {
        chunks.retain(|chunk| !done.chunk(write.file, write.variable, chunk));
    }
    chunks
}

/// Encodes and writes the chunks of one variable. Collective.
pub(super) fn write_stage(
    context: &mut StageContext<'_>,
    write: &WriteChunks,
    block: Result<Option<Resident>>,
) -> Result<()> {
    let block = verdict(context.comm, block)?;
    let rank = context.comm.rank();
    let chunks: Vec<Vec<usize>> = write
        .placement
        .task_box(rank)
        .map(|runs| positions(runs).collect())
        .unwrap_or_default();
    let chunks = left(context, write, chunks);
    let (plan, state, meter) = (context.plan, context.state, context.meter);
    let to = target(context.outputs, plan, write);
    let (tag, parcels) = (context.tags[0], to_rank_0(plan, write));
    state.recorder.expect(chunks.len());
    let written = context.parcels(tag, parcels, |outgoing| {
        if chunks.is_empty() {
            return Ok(());
        }
        let resident = block.ok_or_else(|| Error::internal("a stored result is not at hand"))?;
        let block = Arc::try_unwrap(resident.block).unwrap_or_else(|shared| (*shared).clone());
        let whole = Finished {
            region: resident.region,
            block,
        };
        state.pool.install(|| {
            chunks
                .par_iter()
                .try_for_each_init(Scratch::default, |scratch, chunk| {
                    state.stop.check()?;
                    let lane = rayon::current_thread_index().map_or(0, |thread| thread + 1);
                    let _writes = state.recorder.span(lane, Work::Write);
                    quiet_panics(|| to.put(chunk.clone(), &whole, outgoing, meter, scratch))
                        .flatten()?;
                    state.recorder.tile_done();
                    Ok(())
                })
        })
    });
    verdict(context.comm, written)
}

/// Encodes and writes the chunks of one variable that lies in a scratch file, each read when it is its turn. Collective.
pub(super) fn write_from_scratch(
    context: &mut StageContext<'_>,
    number: usize,
    write: &WriteChunks,
) -> Result<()> {
    let (plan, state, meter) = (context.plan, context.state, context.meter);
    let rank = context.comm.rank();
    let chunks: Vec<Vec<usize>> = write
        .placement
        .task_box(rank)
        .map(|runs| positions(runs).collect())
        .unwrap_or_default();
    let chunks = left(context, write, chunks);
    let to = target(context.outputs, plan, write);
    let stored = context.in_scratch.get(write.array).cloned();
    let threads = write_threads(plan, number, rank, &state.limits);
    let next = AtomicUsize::new(0);
    state.recorder.expect(chunks.len());
    let one = |outgoing: &Sender<Parcel>, scratch: &mut Scratch, chunk: &[usize]| {
        state.stop.check()?;
        let lane = rayon::current_thread_index().map_or(0, |thread| thread + 1);
        let _writes = state.recorder.span(lane, Work::Write);
        let stored = stored.as_ref();
        let stored = stored.ok_or_else(|| Error::internal("a scratch file is not open"))?;
        let resident = stored.read(&write.chunks.region(chunk))?;
        let block = Arc::try_unwrap(resident.block).unwrap_or_else(|shared| (*shared).clone());
        let region = resident.region;
        let read = block.bytes();
        meter.scratch_read_bytes.fetch_add(read as u64, Relaxed);
        let whole = Finished { region, block };
        // The chunk, as it was read, and encoded.
        let mut held = meter.hold(2 * read);
        let on_their_way = to.put(chunk.to_vec(), &whole, outgoing, meter, scratch)?;
        held.set(2 * read + on_their_way + scratch.bytes.capacity() + scratch.more.capacity());
        state.recorder.tile_done();
        Ok(())
    };
    let (tag, parcels) = (context.tags[0], to_rank_0(plan, write));
    let written = context.parcels(tag, parcels, |outgoing| {
        let results = state.pool.broadcast(|worker| {
            let mut scratch = Scratch::default();
            while worker.index() < threads {
                let Some(chunk) = chunks.get(next.fetch_add(1, Relaxed)) else {
                    break;
                };
                let written = quiet_panics(|| one(outgoing, &mut scratch, chunk)).flatten();
                if let Err(error) = written {
                    // The others need not go on.
                    next.store(chunks.len(), Relaxed);
                    return Err(error);
                }
            }
            Ok(())
        });
        results.into_iter().collect()
    });
    verdict(context.comm, written)
}
