//! Stored results in scratch files: every rank writes what its tasks finish at the address that the plan gives it, and any
//! rank reads what its tiles need, as it reads a file. Nothing is exchanged.

use super::run::Resident;
use super::sink::Finished;
use crate::block::Block;
use crate::comm::{Comm, share, verdict};
use crate::config::Limits;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::geom::{ChunkGrid, Region};
use crate::io::{Scratch, ScratchFile, ScratchFolder, Source, Window, leftovers};
use crate::plan::{ArrayId, Plan, SCRATCH_SPAN_BYTES, ScratchLayout, Stage, slabs};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Most bytes that are packed for one write.
const PACKED_BYTES: usize = 4 << 20;

/// One stored result as this rank has it open.
pub(super) struct InScratch {
    file: ScratchFile,
    layout: ScratchLayout,
    dtype: DType,
    rank: usize,
}

/// The scratch files of a run; those of arrays that nobody reads any more are closed.
#[derive(Default)]
pub(super) struct ScratchFiles {
    arrays: HashMap<ArrayId, Arc<InScratch>>,
    paths: Vec<(ArrayId, PathBuf)>,
    /// The names are still there: other nodes see what is written after it is synced and opened again.
    named: bool,
    /// On rank 0, as long as there are names.
    _folder: Option<ScratchFolder>,
}

/// What rank 0 made.
#[derive(Serialize, Deserialize)]
struct Made {
    paths: Vec<PathBuf>,
    unlinks: bool,
}

impl ScratchFiles {
    /// Makes and opens the files that the plan asks for. Collective.
    pub(super) fn open(comm: &dyn Comm, plan: &Plan, limits: &Limits) -> Result<Self> {
        if plan.scratch.is_empty() {
            return Ok(ScratchFiles::default());
        }
        let layouts = plan.scratch.iter();
        let layouts = layouts.map(|array| ScratchLayout::new(plan, *array));
        let layouts = verdict(comm, layouts.collect::<Result<Vec<_>>>())?;
        let mut folder = None;
        let made = share(comm, || {
            let parent = limits.scratch.as_ref();
            let parent = parent.ok_or_else(|| Error::internal("no folder for scratch files"))?;
            for left in leftovers(parent, comm.host()) {
                tracing::warn!(
                    "{} was left by a job that was killed; remove it",
                    left.display()
                );
            }
            // Between the ranges of ranks there are holes, which take no room.
            let mut made = ScratchFolder::create(parent, comm.host(), plan.scratch_bytes())?;
            let paths = (plan.scratch.iter().zip(&layouts))
                .map(|(array, layout)| made.file(&array.0.to_string(), layout.file_bytes()))
                .collect::<Result<Vec<_>>>()?;
            let unlinks = made.unlinks();
            folder = Some(made);
            Ok(Made { paths, unlinks })
        })?;
        let opened = (plan.scratch.iter().zip(layouts).zip(&made.paths))
            .map(|((array, layout), path)| {
                let stored = InScratch {
                    file: ScratchFile::open(path, comm.host())?,
                    layout,
                    dtype: plan.array(*array).dtype(),
                    rank: comm.rank(),
                };
                Ok((*array, Arc::new(stored)))
            })
            .collect::<Result<HashMap<_, _>>>();
        let arrays = verdict(comm, opened)?;
        if made.unlinks {
            // All ranks have them open.
            folder = None;
        }
        Ok(ScratchFiles {
            arrays,
            paths: plan.scratch.iter().copied().zip(made.paths).collect(),
            named: !made.unlinks,
            _folder: folder,
        })
    }

    /// The array, when it lies in a scratch file.
    pub(super) fn get(&self, array: ArrayId) -> Option<&Arc<InScratch>> {
        self.arrays.get(&array)
    }

    /// After the pass that made these arrays: all ranks see what all ranks wrote. Collective.
    pub(super) fn publish(&mut self, comm: &dyn Comm, arrays: &[ArrayId]) -> Result<()> {
        let written = || arrays.iter().filter_map(|array| self.arrays.get(array));
        if !self.named || written().next().is_none() {
            // One kernel, or a coherent file system; the stage ended in a verdict after the last write.
            return Ok(());
        }
        let synced = written().try_for_each(|stored| stored.file.sync());
        verdict(comm, synced)?;
        let mut reopened = Ok(());
        for (array, path) in self
            .paths
            .iter()
            .filter(|(array, _)| arrays.contains(array))
        {
            let Some(stored) = self.arrays.get_mut(array) else {
                continue;
            };
            match ScratchFile::open(path, comm.host()) {
                Ok(file) => {
                    *stored = Arc::new(InScratch {
                        file,
                        layout: stored.layout.clone(),
                        dtype: stored.dtype,
                        rank: stored.rank,
                    });
                }
                Err(error) => reopened = Err(error),
            }
        }
        verdict(comm, reopened)
    }

    /// Closes the files that no stage from `next` on reads: their room is free again, where they have no names.
    pub(super) fn close_before(&mut self, plan: &Plan, next: usize) {
        self.arrays.retain(|array, _| {
            let writes = plan.home_stage(*array).is_some_and(|stage| stage >= next);
            writes
                || plan.stages[next..].iter().any(|later| match later {
                    Stage::Pass(pass) => pass.loads(*array),
                    Stage::Write(write) => write.array == *array,
                })
        });
    }
}

impl InScratch {
    /// Writes a finished piece; `packed` is memory to reuse. Gives the bytes.
    pub(super) fn write(&self, finished: &Finished, packed: &mut Vec<u8>) -> Result<u64> {
        super::faults::point("scratch", self.rank)?;
        let bytes = finished.block.bytes();
        let size = self.dtype.size();
        if self.dtype.physical() != finished.block.dtype().physical() {
            return Err(Error::internal("a scratch file of another dtype"));
        }
        packed.clear();
        packed.shrink_to(PACKED_BYTES.min(bytes));
        packed.reserve_exact(PACKED_BYTES.min(bytes));
        // Where what is packed will lie: neighbouring chunks go in one write.
        let mut begin = 0u64;
        for chunk in self.layout.grid.overlapping(&finished.region) {
            let region = self.layout.grid.region(&chunk);
            if !finished.region.contains(&region) {
                return Err(Error::internal(format!(
                    "a chunk {region:?} of a scratch file crosses the finished piece {:?}",
                    finished.region
                )));
            }
            let mut address = self.layout.address(&region)?;
            if region == finished.region {
                self.file
                    .write(address, finished.block.buffer().as_bytes())?;
                continue;
            }
            for slab in slabs(&region, size) {
                let slab_bytes = slab.elements() * size;
                let follows = begin + packed.len() as u64 == address;
                if !packed.is_empty() && (!follows || packed.len() + slab_bytes > PACKED_BYTES) {
                    self.file.write(begin, packed)?;
                    packed.clear();
                }
                if packed.is_empty() {
                    begin = address;
                }
                let part = slab.relative_to(&finished.region.start);
                finished.block.part(&part).append_bytes(packed);
                address += slab_bytes as u64;
            }
        }
        if !packed.is_empty() {
            self.file.write(begin, packed)?;
        }
        Ok(bytes as u64)
    }

    /// Reads a box of the array.
    pub(super) fn read(&self, region: &Region) -> Result<Resident> {
        let mut block = Block::zeros(self.dtype, &region.shape);
        let mut raw = Vec::new();
        for chunk in self.layout.grid.overlapping(region) {
            if let Some(part) = self.layout.grid.region(&chunk).intersect(region) {
                self.fetch_part(&chunk, &part, &mut raw)?;
                block.paste_bytes(&part.relative_to(&region.start), &raw)?;
            }
        }
        Ok(Resident {
            region: region.clone(),
            block: Arc::new(block),
        })
    }

    /// Runs `work` on the window of `part` in the run of a chunk.
    fn windowed<R>(
        &self,
        chunk: &[usize],
        part: &Region,
        work: impl FnOnce(&Window<'_>) -> R,
    ) -> Result<R> {
        let region = self.layout.grid.region(chunk);
        let inside = part.relative_to(&region.start);
        Ok(work(&Window {
            address: self.layout.address(&region)?,
            element_bytes: self.dtype.size(),
            shape: &region.shape,
            start: &inside.start,
            part: &inside.shape,
        }))
    }
}

impl Source for InScratch {
    fn dtype(&self) -> DType {
        self.dtype
    }

    fn grid(&self) -> &ChunkGrid {
        &self.layout.grid
    }

    fn stored_bytes(&self, chunk: &[usize]) -> u64 {
        (self.layout.grid.region(chunk).elements() * self.dtype.size()) as u64
    }

    fn fetch(&self, chunk: &[usize], raw: &mut Vec<u8>) -> Result<()> {
        self.fetch_part(chunk, &self.layout.grid.region(chunk), raw)
    }

    fn fetch_part(&self, chunk: &[usize], part: &Region, raw: &mut Vec<u8>) -> Result<()> {
        self.windowed(chunk, part, |window| {
            self.file.read(window, SCRATCH_SPAN_BYTES, raw)
        })?
    }

    fn fetch_part_cached(&self, chunk: &[usize], part: &Region, raw: &mut Vec<u8>) -> bool {
        let read = self.windowed(chunk, part, |window| {
            self.file.read_cached(window, SCRATCH_SPAN_BYTES, raw)
        });
        read.unwrap_or(false)
    }

    fn decode_into(
        &self,
        _chunk: &[usize],
        raw: &[u8],
        _scratch: &mut Scratch,
        part: &Region,
        into: &mut Block,
        into_origin: &[usize],
    ) -> Result<()> {
        into.paste_bytes(&part.relative_to(into_origin), raw)
    }
}
