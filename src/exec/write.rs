//! The write stage: each rank encodes the storage chunks that it owns, out of a box that was exchanged to it.

use super::messages::Parcel;
use super::output::{encode_part, send};
use super::run::Resident;
use super::sink::Finished;
use super::stage::StageContext;
use crate::comm::verdict;
use crate::error::{Error, Result};
use crate::geom::positions;
use crate::io::Scratch;
use crate::plan::{WriteChunks, write_threads};
use crossbeam_channel::Sender;
use rayon::prelude::*;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

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
    let (plan, state, meter) = (context.plan, context.state, context.meter);
    let spec = &plan.files[write.file as usize].variables[write.variable as usize];
    let tag = context.tags[0];
    let written = context.parcels(tag, true, |outgoing| {
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
                    let bytes = encode_part(spec, &write.chunks, chunk, &whole, scratch)?;
                    meter.written_bytes.fetch_add(bytes.len() as u64, Relaxed);
                    let (file, variable) = (write.file, write.variable);
                    send(
                        outgoing,
                        Parcel::Chunk {
                            file,
                            variable,
                            chunk: chunk.clone(),
                            bytes,
                        },
                    )
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
    let spec = &plan.files[write.file as usize].variables[write.variable as usize];
    let stored = context.in_scratch.get(write.array).cloned();
    let threads = write_threads(plan, number, rank, &state.limits);
    let next = AtomicUsize::new(0);
    let one = |outgoing: &Sender<Parcel>, scratch: &mut Scratch, chunk: &[usize]| {
        let stored = stored.as_ref();
        let stored = stored.ok_or_else(|| Error::internal("a scratch file is not open"))?;
        let resident = stored.read(&write.chunks.region(chunk))?;
        let block = Arc::try_unwrap(resident.block).unwrap_or_else(|shared| (*shared).clone());
        let region = resident.region;
        let read = block.bytes();
        meter.scratch_read_bytes.fetch_add(read as u64, Relaxed);
        let whole = Finished { region, block };
        let bytes = encode_part(spec, &write.chunks, chunk, &whole, scratch)?;
        meter.written_bytes.fetch_add(bytes.len() as u64, Relaxed);
        // The chunk, as it was read, and encoded.
        let _held =
            meter.hold(2 * read + bytes.len() + scratch.bytes.capacity() + scratch.more.capacity());
        let (file, variable) = (write.file, write.variable);
        let chunk = chunk.to_vec();
        send(
            outgoing,
            Parcel::Chunk {
                file,
                variable,
                chunk,
                bytes,
            },
        )
    };
    let written = context.parcels(context.tags[0], true, |outgoing| {
        let results = state.pool.broadcast(|worker| {
            let mut scratch = Scratch::default();
            while worker.index() < threads {
                let Some(chunk) = chunks.get(next.fetch_add(1, Relaxed)) else {
                    break;
                };
                if let Err(error) = one(outgoing, &mut scratch, chunk) {
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
