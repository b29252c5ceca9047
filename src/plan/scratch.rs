//! Stored results in scratch files: which ones go there, and where each of their pieces lies.
//!
//! Which: those of a stage over budget, the largest first, until all stages fit. It is decided after tiles, segments and
//! placement, which follow from the problem and the ranks alone: a result in a scratch file has the same bits as one in memory.
//!
//! Where: pure arithmetic, the same on every rank, so no rank is told where a piece lies. An array has one file. Each rank
//! writes a range of it that begins on a multiple of [`ALIGN_BYTES`]: no two ranks write one page or one lock of a
//! file system. In the range lie the chunks of a grid in row-major order, each as one run of bytes; the grid cuts what a task
//! finishes by what a task of a later stage reads. Law: the chunks partition the array, and their runs do not overlap.

use super::memory::{Footprint, footprint};
use super::plan::{ArrayDecl, ArrayId, Make, Pass, Plan, SinkTarget, Stage};
use crate::config::{Limits, format_bytes};
use crate::error::{Error, Result};
use crate::geom::{AxisChunks, ChunkGrid, Home, Region};

/// The range of each rank begins on a multiple of this.
const ALIGN_BYTES: u64 = 1 << 20;
/// Tiles of a pass whose needs are summed one by one; of more a sample is.
const MOST_TILES_COUNTED: usize = 1 << 12;

/// Where the pieces of a stored result lie in its scratch file.
#[derive(Clone, Debug)]
pub struct ScratchLayout {
    /// The chunks: each lies in one run of bytes, written by one rank.
    pub grid: ChunkGrid,
    home: Home,
    /// Per rank: where its range begins. One more: the length of the file.
    bases: Vec<u64>,
    element_bytes: u64,
}

impl ScratchLayout {
    /// The layout of `array`.
    ///
    /// # Errors
    /// Internal when the array is no result.
    pub fn new(plan: &Plan, array: ArrayId) -> Result<Self> {
        let home = plan.home(array)?;
        let decl = plan.array(array);
        let ArrayDecl::Result { stage, sink, .. } = decl else {
            return Err(Error::internal(format!("array {} is no result", array.0)));
        };
        let Stage::Pass(pass) = &plan.stages[*stage as usize] else {
            return Err(Error::internal(format!("stage {stage} is no pass")));
        };
        let written = pass.piece_grid(&pass.sinks[*sink as usize]);
        let read = plan.read_lengths(array);
        let axes = (written.axes.iter().zip(read))
            .map(|(axis, read)| cut(axis, read))
            .collect();
        let element_bytes = decl.dtype().size() as u64;
        let mut bases = vec![0u64];
        let mut end = 0u64;
        for rank in 0..plan.ranks {
            let elements = home.region(rank).map_or(0, |own| own.elements());
            end = (end + elements as u64 * element_bytes).next_multiple_of(ALIGN_BYTES);
            bases.push(end);
        }
        Ok(ScratchLayout {
            grid: ChunkGrid { axes },
            home,
            bases,
            element_bytes,
        })
    }

    /// Length of the file, with the unused ends of the ranks' ranges.
    pub fn file_bytes(&self) -> u64 {
        self.bases.last().copied().unwrap_or(0)
    }

    /// Where the run of a chunk begins, whose box is `region`.
    ///
    /// # Errors
    /// Internal when no rank writes it.
    pub fn address(&self, region: &Region) -> Result<u64> {
        let rank = self.home.owner(&region.start);
        let own = rank.and_then(|rank| self.home.region(rank));
        let (Some(rank), Some(own)) = (rank, own.filter(|own| own.contains(region))) else {
            return Err(Error::internal(format!("no rank writes all of {region:?}")));
        };
        // Of the chunks before it in row-major order, those that first differ on axis k fill a box: along k what lies before,
        // on axes before k the chunk's own length, on axes after k all.
        let mut before = 0u64;
        for axis in 0..own.ndim() {
            let outer: usize = region.shape[..axis].iter().product();
            let inner: usize = own.shape[axis + 1..].iter().product();
            before += (outer * (region.start[axis] - own.start[axis]) * inner) as u64;
        }
        Ok(self.bases[rank] + before * self.element_bytes)
    }
}

/// An axis of what is written, cut so that a reader of runs of `read` elements finds them apart.
fn cut(written: &AxisChunks, read: usize) -> AxisChunks {
    let whole = match written {
        AxisChunks::Regular { chunk, .. } => *chunk,
        AxisChunks::Irregular { .. } => written.longest(),
    };
    if read == 0 || read >= written.longest() {
        return written.clone();
    }
    let part = whole.div_ceil(whole.div_ceil(read)).max(1);
    if let AxisChunks::Regular { len, chunk, phase } = written
        && chunk.is_multiple_of(part)
    {
        return AxisChunks::Regular {
            len: *len,
            chunk: part,
            phase: phase % part,
        };
    }
    let mut ends = Vec::new();
    for number in 0..written.count() {
        let range = written.range(number);
        ends.extend((range.start + part..range.end).step_by(part));
        ends.push(range.end);
    }
    AxisChunks::Irregular { ends }
}

impl Plan {
    /// True when the array lies in a scratch file.
    pub fn in_scratch(&self, array: ArrayId) -> bool {
        self.scratch.contains(&array)
    }

    /// True when `pass` does nothing but bring one array in memory to another placement.
    pub fn only_moves(&self, pass: &Pass) -> bool {
        let stores = |target: &SinkTarget| matches!(target, SinkTarget::Store(array) if self.in_scratch(*array));
        pass.only_moves()
            && !pass.arrays().iter().any(|array| self.in_scratch(*array))
            && !pass.sinks[0].targets.iter().any(stores)
    }

    /// The stage that makes the array; `None` for what no stage makes.
    pub fn home_stage(&self, array: ArrayId) -> Option<usize> {
        match self.array(array) {
            ArrayDecl::Result { stage, .. } => Some(*stage as usize),
            _ => None,
        }
    }

    /// Bytes of all elements of an array.
    pub fn array_bytes(&self, array: ArrayId) -> u64 {
        let decl = self.array(array);
        let size = decl.dtype().size() as u64;
        (decl.shape().iter()).fold(size, |bytes, len| bytes.saturating_mul(*len as u64))
    }

    /// Bytes of all results in scratch files.
    pub fn scratch_bytes(&self) -> u64 {
        self.scratch
            .iter()
            .map(|array| self.array_bytes(*array))
            .sum()
    }

    /// Per axis: the shortest run that a task of a later stage reads at once.
    fn read_lengths(&self, array: ArrayId) -> Vec<usize> {
        let mut lengths = self.array(array).shape().to_vec();
        let mut read = |shape: &[usize]| {
            for (length, read) in lengths.iter_mut().zip(shape) {
                *length = (*length).min((*read).max(1));
            }
        };
        for stage in &self.stages {
            match stage {
                Stage::Pass(pass) if pass.loads(array) && pass.tiles.count() > 0 => {
                    let counts = pass.tiles.counts();
                    let middle: Vec<usize> = counts.iter().map(|count| count / 2).collect();
                    for (_, need) in pass.scratch_needs(array, &middle) {
                        read(&need.shape);
                    }
                }
                Stage::Write(write) if write.array == array => {
                    let chunk: Vec<usize> =
                        write.chunks.axes.iter().map(AxisChunks::longest).collect();
                    read(&chunk);
                }
                _ => {}
            }
        }
        lengths
    }

    /// Bytes that `stage` writes to scratch files, and reads from them, in all.
    pub(super) fn scratch_traffic(&self, stage: &Stage) -> (u64, u64) {
        match stage {
            Stage::Write(write) if self.in_scratch(write.array) => {
                (0, self.array_bytes(write.array))
            }
            Stage::Write(_) => (0, 0),
            Stage::Pass(pass) => {
                let targets = pass.sinks.iter().flat_map(|sink| &sink.targets);
                let written = targets
                    .map(|target| match target {
                        SinkTarget::Store(array) if self.in_scratch(*array) => {
                            self.array_bytes(*array)
                        }
                        _ => 0,
                    })
                    .sum();
                let arrays = pass.arrays();
                let loaded = arrays.iter().filter(|array| self.in_scratch(**array));
                (
                    written,
                    loaded.map(|array| self.read_by(pass, *array)).sum(),
                )
            }
        }
    }

    fn read_by(&self, pass: &Pass, array: ArrayId) -> u64 {
        let count = pass.tiles.count();
        let step = count.div_ceil(MOST_TILES_COUNTED).max(1);
        let size = self.array(array).dtype().size() as u128;
        let mut bytes = 0u128;
        for tile in (0..count).step_by(step) {
            for (_, need) in pass.scratch_needs(array, &pass.tiles.position(tile)) {
                bytes += need.elements() as u128 * size;
            }
        }
        let seen = count.div_ceil(step).max(1) as u128;
        (bytes * count as u128 / seen) as u64
    }

    /// Moves stored results to scratch files, the largest of the worst stage first, until all stages fit or none is left
    /// that could help. Gives the footprints of the stages as they are then.
    pub(super) fn spill(&mut self, limits: &Limits) -> Vec<Footprint> {
        loop {
            let footprints: Vec<Footprint> = (0..self.stages.len())
                .map(|stage| footprint(self, stage, limits))
                .collect();
            let over = footprints.iter().enumerate().rev();
            let Some((stage, worst)) = over.max_by_key(|(_, f)| f.peak_bytes) else {
                return footprints;
            };
            if worst.peak_bytes <= limits.memory_bytes {
                return footprints;
            }
            let candidates = (0..self.arrays.len() as u32).map(ArrayId).filter(|array| {
                !self.in_scratch(*array)
                    && !self.keeps.iter().any(|(kept, _)| kept == array)
                    && self.lives_in(*array, stage)
            });
            let largest =
                candidates.max_by_key(|array| (self.array_bytes(*array), u32::MAX - array.0));
            match largest {
                Some(array) => self.scratch.push(array),
                None => return footprints,
            }
        }
    }

    /// True for a result that takes memory while `stage` runs.
    fn lives_in(&self, array: ArrayId, stage: usize) -> bool {
        let ArrayDecl::Result { stage: born, .. } = self.array(array) else {
            return false;
        };
        let last = self.stages.iter().rposition(|stage| match stage {
            Stage::Pass(pass) => pass.loads(array),
            Stage::Write(write) => write.array == array,
        });
        let born = *born as usize;
        (born..=last.unwrap_or(born)).contains(&stage)
    }

    /// What goes to scratch files, for people.
    pub fn scratch_notes(&self, limits: &Limits) -> Vec<String> {
        let Some(folder) = &limits.scratch else {
            return Vec::new();
        };
        let note = |array: &ArrayId| {
            let decl = self.array(*array);
            let stage = match decl {
                ArrayDecl::Result { stage, .. } => *stage,
                _ => 0,
            };
            format!(
                "the result of stage {stage} ({} {:?}, {}) does not fit the memory budget of {} per rank: it goes to scratch \
                 files in {}",
                decl.dtype(),
                decl.shape(),
                format_bytes(self.array_bytes(*array)),
                format_bytes(limits.memory_bytes),
                folder.display()
            )
        };
        self.scratch.iter().map(note).collect()
    }
}

impl Pass {
    /// Slots that load `array`, and the box that the tile at `position` needs of each.
    fn scratch_needs(&self, array: ArrayId, position: &[usize]) -> Vec<(usize, Region)> {
        let needs = self.slot_regions(&self.tiles.region(position));
        (needs.into_iter().enumerate())
            .filter(|(slot, _)| self.slots[*slot].make == Make::Load(array))
            .filter_map(|(slot, need)| Some((slot, need?)))
            .collect()
    }
}
