//! Chunk grids. Law: the chunks of a grid tile its shape once, disjoint and complete.

use super::region::Region;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// How one axis is cut. The size of this record does not grow with the number of chunks unless they are irregular.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AxisChunks {
    /// Chunks of `chunk` elements; the first may start `phase` elements into a chunk, the last may be shorter.
    Regular {
        /// Length of the axis.
        len: usize,
        /// Length of a chunk, at least 1.
        chunk: usize,
        /// Elements that the first chunk lacks: below `chunk`. A window into a chunked array keeps its boundaries so.
        phase: usize,
    },
    /// Chunks of any lengths: the end of each, increasing; the last is the length of the axis.
    Irregular {
        /// One past the last index of each chunk.
        ends: Vec<usize>,
    },
}

impl AxisChunks {
    /// Length of the axis.
    pub fn len(&self) -> usize {
        match self {
            AxisChunks::Regular { len, .. } => *len,
            AxisChunks::Irregular { ends } => ends.last().copied().unwrap_or(0),
        }
    }

    /// True when the axis has length 0.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of chunks; an axis of length 0 has none.
    pub fn count(&self) -> usize {
        match self {
            AxisChunks::Regular { len: 0, .. } => 0,
            AxisChunks::Regular { len, chunk, phase } => (len + phase).div_ceil(*chunk),
            AxisChunks::Irregular { ends } => ends.len(),
        }
    }

    /// Indices of chunk `index`.
    pub fn range(&self, index: usize) -> Range<usize> {
        match self {
            AxisChunks::Regular { len, chunk, phase } => {
                (index * chunk).saturating_sub(*phase)..((index + 1) * chunk - phase).min(*len)
            }
            AxisChunks::Irregular { ends } => {
                (if index == 0 { 0 } else { ends[index - 1] })..ends[index]
            }
        }
    }

    /// The chunk that holds element `position`.
    pub fn chunk_of(&self, position: usize) -> usize {
        match self {
            AxisChunks::Regular { chunk, phase, .. } => (position + phase) / chunk,
            AxisChunks::Irregular { ends } => ends.partition_point(|end| *end <= position),
        }
    }

    /// The chunks that share elements with `range` (not empty).
    pub fn chunks_of(&self, range: Range<usize>) -> Range<usize> {
        if range.is_empty() {
            return 0..0;
        }
        self.chunk_of(range.start)..self.chunk_of(range.end - 1) + 1
    }

    /// Length of the longest chunk.
    pub fn longest(&self) -> usize {
        match self {
            AxisChunks::Regular { len, chunk, .. } => *chunk.min(len),
            AxisChunks::Irregular { .. } => (0..self.count())
                .map(|i| self.range(i).len())
                .max()
                .unwrap_or(0),
        }
    }
}

/// A cut of a shape into boxes, as the product of cuts of its axes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ChunkGrid {
    /// One cut per axis.
    pub axes: Vec<AxisChunks>,
}

impl ChunkGrid {
    /// A regular grid; chunk lengths beyond the axis are cut to it.
    ///
    /// # Errors
    /// Invalid input when a chunk length is 0 or the number of lengths differs from the number of axes.
    pub fn regular(shape: &[usize], chunk: &[usize]) -> Result<Self> {
        if shape.len() != chunk.len() {
            return Err(Error::invalid(format!(
                "chunk: {} chunk sizes for an array of {} axes; give one per axis",
                chunk.len(),
                shape.len()
            )));
        }
        if let Some(axis) = chunk.iter().position(|c| *c == 0) {
            return Err(Error::invalid(format!(
                "chunk: chunk size 0 on axis {axis}; allowed are 1 … {} (the length of the axis)",
                shape[axis].max(1)
            )));
        }
        let axes = shape
            .iter()
            .zip(chunk)
            .map(|(&len, &chunk)| AxisChunks::Regular {
                len,
                chunk: chunk.min(len.max(1)),
                phase: 0,
            })
            .collect();
        Ok(ChunkGrid { axes })
    }

    /// One chunk that is the whole shape.
    pub fn single(shape: &[usize]) -> Self {
        let axes = shape
            .iter()
            .map(|&len| AxisChunks::Regular {
                len,
                chunk: len.max(1),
                phase: 0,
            })
            .collect();
        ChunkGrid { axes }
    }

    /// Number of axes.
    pub fn ndim(&self) -> usize {
        self.axes.len()
    }

    /// The shape that is cut.
    pub fn shape(&self) -> Vec<usize> {
        self.axes.iter().map(AxisChunks::len).collect()
    }

    /// Number of chunks per axis.
    pub fn counts(&self) -> Vec<usize> {
        self.axes.iter().map(AxisChunks::count).collect()
    }

    /// Number of chunks.
    pub fn count(&self) -> usize {
        self.axes.iter().map(AxisChunks::count).product()
    }

    /// The box of the chunk at grid position `index`.
    pub fn region(&self, index: &[usize]) -> Region {
        let ranges: Vec<_> = self
            .axes
            .iter()
            .zip(index)
            .map(|(axis, &i)| axis.range(i))
            .collect();
        Region {
            start: ranges.iter().map(|r| r.start).collect(),
            shape: ranges.iter().map(ExactSizeIterator::len).collect(),
        }
    }

    /// Row-major number of the chunk at grid position `index`.
    pub fn linear(&self, index: &[usize]) -> usize {
        self.axes
            .iter()
            .zip(index)
            .fold(0, |acc, (axis, i)| acc * axis.count() + i)
    }

    /// Grid position of the chunk with row-major number `linear`.
    pub fn position(&self, mut linear: usize) -> Vec<usize> {
        let mut index = vec![0; self.ndim()];
        for (i, axis) in index.iter_mut().zip(&self.axes).rev() {
            let count = axis.count().max(1);
            *i = linear % count;
            linear /= count;
        }
        index
    }

    /// Grid positions, in row-major order, of the chunks that share elements with `region`.
    pub fn overlapping(&self, region: &Region) -> impl Iterator<Item = Vec<usize>> + use<> {
        let ranges: Vec<Range<usize>> = self
            .axes
            .iter()
            .enumerate()
            .map(|(axis, cut)| cut.chunks_of(region.start[axis]..region.end(axis)))
            .collect();
        positions(ranges)
    }

    /// Elements of the largest chunk.
    pub fn largest_chunk(&self) -> usize {
        self.axes.iter().map(AxisChunks::longest).product()
    }

    /// True when every boundary of `self` inside the shape is also a boundary of `finer`, so that each chunk of `finer`
    /// lies in one chunk of `self`.
    pub fn is_coarsening_of(&self, finer: &ChunkGrid) -> bool {
        self.axes.iter().zip(&finer.axes).all(|(coarse, fine)| {
            coarse == fine
                || (0..coarse.count()).all(|i| {
                    let start = coarse.range(i).start;
                    start == 0 || fine.range(fine.chunk_of(start)).start == start
                })
        })
    }
}

/// All positions of a box of integer ranges in row-major order; one (empty) position for no axes.
pub fn positions(ranges: Vec<Range<usize>>) -> impl Iterator<Item = Vec<usize>> {
    let mut next: Option<Vec<usize>> = if ranges.iter().any(|r| r.is_empty()) {
        None
    } else {
        Some(ranges.iter().map(|r| r.start).collect())
    };
    std::iter::from_fn(move || {
        let current = next.take()?;
        let mut following = current.clone();
        for axis in (0..ranges.len()).rev() {
            following[axis] += 1;
            if following[axis] < ranges[axis].end {
                next = Some(following);
                break;
            }
            following[axis] = ranges[axis].start;
        }
        Some(current)
    })
}
