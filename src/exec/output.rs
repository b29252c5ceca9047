//! Where finished pieces go: stores, gathered results, and output files.

use super::messages::Parcel;
use super::meter::Meter;
use super::scratch::ScratchFiles;
use super::sink::Finished;
use crate::block::{Block, BlockView};
use crate::error::{Error, Result};
use crate::geom::{ChunkGrid, Region};
use crate::io::{Created, Placement as Placed, RegionWriter, Scratch, encode_chunk};
use crate::plan::{ArrayId, Plan, SinkTarget};
use crossbeam_channel::Sender;
use std::collections::HashMap;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, PoisonError};

/// An output file as every rank sees it: created by rank 0, complete only when rank 0 has finished it.
pub(super) struct OpenOutput {
    pub(super) created: Created,
    pub(super) writer: RegionWriter,
}

/// A box of a result array that is being filled on this rank.
pub(super) struct Store {
    pub(super) region: Region,
    pub(super) block: Mutex<Block>,
}

impl Store {
    /// Puts in a box of the array.
    pub(super) fn paste(&self, region: &Region, view: &BlockView<'_>) -> Result<()> {
        let mut block = self.block.lock().unwrap_or_else(PoisonError::into_inner);
        block.paste(&region.relative_to(&self.region.start), view)
    }

    /// Bytes that it holds.
    pub(super) fn bytes(&self) -> usize {
        let block = self.block.lock().unwrap_or_else(PoisonError::into_inner);
        block.bytes()
    }
}

/// Delivers finished pieces; shared by the threads of a rank.
pub(super) struct Delivery<'a> {
    pub(super) plan: &'a Plan,
    pub(super) stores: &'a HashMap<ArrayId, Store>,
    pub(super) in_scratch: &'a ScratchFiles,
    pub(super) outputs: &'a [OpenOutput],
    pub(super) meter: &'a Meter,
}

impl Delivery<'_> {
    /// Sends a finished piece to all targets of its sink.
    pub(super) fn deliver(
        &self,
        targets: &[SinkTarget],
        finished: &Finished,
        outgoing: &Sender<Parcel>,
        scratch: &mut Scratch,
    ) -> Result<()> {
        if finished.region.is_empty() {
            return Ok(());
        }
        for target in targets {
            match *target {
                SinkTarget::Store(array) => self.store(array, finished, scratch)?,
                SinkTarget::Gather(number) => {
                    let parcel = Parcel::Piece {
                        number,
                        start: finished.region.start.clone(),
                        shape: finished.region.shape.clone(),
                        bytes: finished.block.buffer().as_bytes().to_vec(),
                    };
                    send(outgoing, parcel)?;
                }
                SinkTarget::Write { file, variable } => {
                    self.write(file, variable, finished, outgoing, scratch)?;
                }
            }
        }
        Ok(())
    }

    fn store(&self, array: ArrayId, finished: &Finished, scratch: &mut Scratch) -> Result<()> {
        if let Some(stored) = self.in_scratch.get(array) {
            let bytes = stored.write(finished, &mut scratch.bytes)?;
            self.meter.scratch_written_bytes.fetch_add(bytes, Relaxed);
            return Ok(());
        }
        let store = self
            .stores
            .get(&array)
            .ok_or_else(|| Error::internal(format!("array {} has no store here", array.0)))?;
        store.paste(&finished.region, &finished.block.view())
    }

    fn write(
        &self,
        file: u32,
        variable: u32,
        finished: &Finished,
        outgoing: &Sender<Parcel>,
        scratch: &mut Scratch,
    ) -> Result<()> {
        let output = &self.outputs[file as usize];
        let spec = &self.plan.files[file as usize].variables[variable as usize];
        match &output.created.variables[variable as usize] {
            Placed::Contiguous { address } => {
                output
                    .writer
                    .write(*address, spec, &finished.region, &finished.block)?;
                self.meter
                    .written_bytes
                    .fetch_add(finished.block.bytes() as u64, Relaxed);
            }
            Placed::Chunked { grid } => {
                for chunk in grid.overlapping(&finished.region) {
                    let bytes = encode_part(spec, grid, &chunk, finished, scratch)?;
                    self.meter
                        .written_bytes
                        .fetch_add(bytes.len() as u64, Relaxed);
                    send(
                        outgoing,
                        Parcel::Chunk {
                            file,
                            variable,
                            chunk,
                            bytes,
                        },
                    )?;
                }
            }
        }
        Ok(())
    }
}

/// Encodes one storage chunk out of a block that holds all of it.
pub(super) fn encode_part(
    spec: &crate::spec::VariableSpec,
    grid: &ChunkGrid,
    chunk: &[usize],
    finished: &Finished,
    scratch: &mut Scratch,
) -> Result<Vec<u8>> {
    let region = grid.region(chunk);
    let full: Vec<usize> = grid.axes.iter().map(|axis| axis.longest()).collect();
    if region == finished.region {
        return encode_chunk(spec, &full, &finished.block, scratch);
    }
    if !finished.region.contains(&region) {
        return Err(Error::internal(format!(
            "storage chunk {chunk:?} of {} crosses a finished piece",
            spec.name
        )));
    }
    let part = finished
        .block
        .part(&region.relative_to(&finished.region.start));
    encode_chunk(spec, &full, &Block::from_view(&part)?, scratch)
}

pub(super) fn send(outgoing: &Sender<Parcel>, parcel: Parcel) -> Result<()> {
    outgoing
        .send(parcel)
        .map_err(|_| Error::internal("the rank's main thread no longer listens"))
}
