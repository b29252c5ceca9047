//! Where finished pieces go: stores, gathered results, and output files.

use super::done::Done;
use super::journal::Journal;
use super::messages::Parcel;
use super::scratch::ScratchFiles;
use super::sink::Finished;
use crate::block::{Block, BlockView};
use crate::error::{Error, Result};
use crate::geom::{ChunkGrid, Region};
use crate::io::{Chunk, Created, Placement as Placed, RankWriter, Scratch};
use crate::observe::Meter;
use crate::plan::{ArrayId, Plan, Sink, SinkTarget, Stage};
use crate::spec::VariableSpec;
use crossbeam_channel::Sender;
use std::collections::HashMap;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, PoisonError};

/// Results of at most this part of the elements of a pass are noted in a journal.
const SMALL_PART: usize = 8;

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
    /// What earlier starts have written.
    pub(super) done: Option<&'a Done>,
    /// The journal, and the number of the stage.
    pub(super) journal: Option<(&'a Journal, usize)>,
}

impl Delivery<'_> {
    /// Sends a finished piece to all targets of its sink, which has this number.
    pub(super) fn deliver(
        &self,
        (number, sink): (usize, &Sink),
        finished: &Finished,
        outgoing: &Sender<Parcel>,
        scratch: &mut Scratch,
    ) -> Result<()> {
        if finished.region.is_empty() {
            return Ok(());
        }
        for target in &sink.targets {
            match *target {
                SinkTarget::Store(array) => {
                    self.store(array, finished, scratch)?;
                    if let Some((journal, stage)) = self.journal
                        && self.is_small(stage, sink)
                        && !self.plan.in_scratch(array)
                    {
                        journal.result((stage, number), finished);
                    }
                }
                SinkTarget::Gather(result) => {
                    let parcel = Parcel::Piece {
                        number: result,
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

    /// Whether the result of a sink is small beside what a pass makes it from: then noting it costs little.
    fn is_small(&self, stage: usize, sink: &Sink) -> bool {
        let Some(Stage::Pass(pass)) = self.plan.stages.get(stage) else {
            return false;
        };
        let elements = |shape: &[usize]| shape.iter().product::<usize>();
        elements(&sink.shape) <= elements(&pass.tiles.shape()) / SMALL_PART
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
        let there =
            |region: &Region| (self.done).is_some_and(|done| done.written(file, variable, region));
        match &output.created.variables[variable as usize] {
            Placed::Contiguous { .. } if there(&finished.region) => {}
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
                    if (self.done).is_some_and(|done| done.chunk(file, variable, &chunk)) {
                        continue;
                    }
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
        let (bytes, crc32c) = match made {
            Chunk::Written(bytes) => {
                meter.written_bytes.fetch_add(bytes, Relaxed);
                return Ok(0);
            }
            Chunk::Encoded(bytes, crc32c) => (bytes, crc32c),
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
                crc32c,
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
