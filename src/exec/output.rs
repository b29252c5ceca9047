//! Where finished pieces go: stores, gathered results, and output files.

use super::messages::Parcel;
use super::scratch::ScratchFiles;
use super::sink::Finished;
use crate::block::{Block, BlockView};
use crate::error::{Error, Result};
use crate::geom::{ChunkGrid, Region};
use crate::io::{Chunk, Created, Placement as Placed, RankWriter, Scratch};
use crate::observe::Meter;
use crate::plan::{ArrayId, Plan, SinkTarget};
use crate::spec::VariableSpec;
use crossbeam_channel::Sender;
use std::collections::HashMap;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, PoisonError};

/// An output file as every rank sees it: created by rank 0, complete only when rank 0 has finished it.
pub(super) struct OpenOutput {
    pub(super) created: Created,
    pub(super) writer: RankWriter,
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
                super::faults::here("write")?;
                output.writer.write_region(
                    (variable as usize, *address),
                    spec,
                    &finished.region,
                    &finished.block,
                )?;
                self.meter
                    .written_bytes
                    .fetch_add(finished.block.bytes() as u64, Relaxed);
            }
            Placed::Chunked { grid } | Placed::Files { grid, .. } => {
                let to = ChunkTarget {
                    output,
                    spec,
                    file,
                    variable,
                    grid,
                };
                for chunk in grid.overlapping(&finished.region) {
                    to.put(chunk, finished, outgoing, self.meter, scratch)?;
                }
            }
        }
        Ok(())
    }
}

/// A chunked variable of an output.
pub(super) struct ChunkTarget<'a> {
    pub(super) output: &'a OpenOutput,
    pub(super) spec: &'a VariableSpec,
    pub(super) file: u32,
    pub(super) variable: u32,
    /// Its storage chunks.
    pub(super) grid: &'a ChunkGrid,
}

impl ChunkTarget<'_> {
    /// Encodes one storage chunk out of a block that holds all of it, and writes it, or sends it to the rank that does. Returns
    /// the bytes that are on their way.
    pub(super) fn put(
        &self,
        chunk: Vec<usize>,
        finished: &Finished,
        outgoing: &Sender<Parcel>,
        meter: &Meter,
        scratch: &mut Scratch,
    ) -> Result<usize> {
        super::faults::here("write")?;
        let region = self.grid.region(&chunk);
        let full: Vec<usize> = self.grid.axes.iter().map(|axis| axis.longest()).collect();
        let part;
        let block = if region == finished.region {
            &finished.block
        } else if finished.region.contains(&region) {
            let inside = region.relative_to(&finished.region.start);
            part = Block::from_view(&finished.block.part(&inside))?;
            &part
        } else {
            return Err(Error::internal(format!(
                "storage chunk {chunk:?} of {} crosses a finished piece",
                self.spec.name
            )));
        };
        let variable = self.variable as usize;
        let made =
            (self.output.writer).chunk(self.spec, variable, &chunk, &full, block, scratch)?;
        let bytes = match made {
            Chunk::Written(bytes) => {
                meter.written_bytes.fetch_add(bytes, Relaxed);
                return Ok(0);
            }
            Chunk::Encoded(bytes) => bytes,
        };
        let on_their_way = bytes.len();
        meter.written_bytes.fetch_add(on_their_way as u64, Relaxed);
        send(
            outgoing,
            Parcel::Chunk {
                file: self.file,
                variable: self.variable,
                chunk,
                bytes,
            },
        )?;
        Ok(on_their_way)
    }
}

pub(super) fn send(outgoing: &Sender<Parcel>, parcel: Parcel) -> Result<()> {
    outgoing
        .send(parcel)
        .map_err(|_| Error::internal("the rank's main thread no longer listens"))
}
