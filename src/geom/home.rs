//! Homes: which box of a result each rank holds.
//!
//! A result of a pass is finished where its tasks ran: the placement of the tasks says who holds what. Law: the boxes of
//! all ranks partition the result.

use super::grid::AxisChunks;
use super::placement::Placement;
use super::region::Region;
use serde::{Deserialize, Serialize};

/// The boxes in which the ranks hold an array. Its size does not depend on the number of chunks or ranks.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Home {
    /// The placement of the tasks that made it.
    pub placement: Placement,
    /// Axes of the placement whose first parts alone hold the result: others sent them their partial results.
    pub folded: Vec<usize>,
    /// Per axis of the array: how it is cut.
    pub axes: Vec<HomeAxis>,
}

/// How one axis of an array is cut.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum HomeAxis {
    /// All of its elements lie together.
    Whole(usize),
    /// Its chunks are the tasks along an axis of the placement.
    Cut {
        /// The chunks.
        chunks: AxisChunks,
        /// The axis of the placement.
        along: usize,
    },
}

impl Home {
    /// The box that `rank` holds; `None` when it holds nothing.
    pub fn region(&self, rank: usize) -> Option<Region> {
        let coordinates = self.placement.coordinates(rank)?;
        if self.folded.iter().any(|axis| coordinates[*axis] != 0) {
            return None;
        }
        let tasks = self.placement.task_box(rank)?;
        if tasks.iter().any(std::ops::Range::is_empty) {
            return None;
        }
        let (start, shape) = self
            .axes
            .iter()
            .map(|axis| match axis {
                HomeAxis::Whole(len) => (0, *len),
                HomeAxis::Cut { chunks, along } => {
                    let run = &tasks[*along];
                    let start = chunks.range(run.start).start;
                    (start, chunks.range(run.end - 1).end - start)
                }
            })
            .unzip();
        Some(Region { start, shape })
    }
    /// The rank that holds the element at `index`; `None` outside the array.
    pub fn owner(&self, index: &[usize]) -> Option<usize> {
        if self.placement.counts.contains(&0) {
            return None;
        }
        let mut task = vec![0; self.placement.counts.len()];
        for (axis, at) in self.axes.iter().zip(index) {
            match axis {
                HomeAxis::Whole(len) if at < len => {}
                HomeAxis::Cut { chunks, along } if *at < chunks.len() => {
                    task[*along] = chunks.chunk_of(*at);
                }
                _ => return None,
            }
        }
        Some(self.placement.owner(&task))
    }
}
