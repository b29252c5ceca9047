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
use crate::plan::WriteChunks;
use rayon::prelude::*;
use std::sync::Arc;
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
