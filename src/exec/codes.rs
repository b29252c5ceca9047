//! Codes of groups for the tiles of a pass.
//!
//! A fold over groups of several axes (a mask over the map) sees these axes of a tile as one, as they lie in memory. The codes of
//! a tile are then a box of the mask. They are put together once for every box, when the first tile over it is folded.

use crate::block::Block;
use crate::error::{Error, Result};
use crate::geom::{AxisChunks, Region, positions};
use crate::plan::{Groups, Pass};
use std::sync::{Arc, OnceLock};

/// The codes of one sink.
pub(super) struct Codes {
    groups: Groups,
    /// Of all indices of the group axes, in row-major order.
    all: Arc<Block>,
    /// Lengths of the group axes in the domain.
    shape: Vec<usize>,
    /// The cut of the domain into tiles along the group axes, for the number of a box.
    tiles: Vec<AxisChunks>,
    /// Per box of the cut, its codes; empty for one axis.
    boxes: Vec<OnceLock<Vec<u32>>>,
}

impl Codes {
    /// The codes `all` of the groups of a sink of `pass`.
    pub(super) fn new(pass: &Pass, groups: Groups, all: Arc<Block>) -> Self {
        let tiles = pass.tiles.axes[groups.first..=groups.last].to_vec();
        let boxes = match tiles.len() {
            1 => 0,
            _ => tiles.iter().map(|axis| axis.count()).product(),
        };
        Codes {
            groups,
            all,
            shape: tiles.iter().map(|axis| axis.len()).collect(),
            tiles,
            boxes: (0..boxes).map(|_| OnceLock::new()).collect(),
        }
    }

    /// True when several axes become groups.
    pub(super) fn merges(&self) -> bool {
        self.shape.len() > 1
    }

    /// The lengths of a tile with its group axes as one.
    pub(super) fn merged(&self, tile: &[usize]) -> Vec<usize> {
        let Groups { first, last, .. } = self.groups;
        let mut shape = tile[..first].to_vec();
        shape.push(tile[first..=last].iter().product());
        shape.extend(&tile[last + 1..]);
        shape
    }

    /// The codes of a tile, one per index of its group axes in row-major order.
    ///
    /// # Errors
    /// Internal when the codes do not fit the domain.
    pub(super) fn of(&self, tile: &Region) -> Result<&[u32]> {
        let Groups { first, last, .. } = self.groups;
        let short = || Error::internal("group codes shorter than their axes");
        let all = self.all.as_slice::<u32>().ok_or_else(short)?;
        if all.len() != self.shape.iter().product::<usize>() {
            return Err(short());
        }
        if !self.merges() {
            return all
                .get(tile.start[first]..tile.end(first))
                .ok_or_else(short);
        }
        let number = (first..=last)
            .zip(&self.tiles)
            .fold(0, |number, (axis, tiles)| {
                number * tiles.count() + tiles.chunk_of(tile.start[axis])
            });
        let codes = self.boxes.get(number).ok_or_else(short)?.get_or_init(|| {
            let rows = (first..last).map(|axis| tile.start[axis]..tile.end(axis));
            let mut codes = Vec::with_capacity(tile.shape[first..=last].iter().product());
            for row in positions(rows.collect()) {
                let at = (row.iter().chain([&tile.start[last]]).zip(&self.shape))
                    .fold(0, |at, (index, len)| at * len + index);
                codes.extend_from_slice(&all[at..at + tile.shape[last]]);
            }
            codes
        });
        // A tile that is no box of the cut has codes of its own, which nobody asks for.
        match codes.len() == tile.shape[first..=last].iter().product::<usize>() {
            true => Ok(codes),
            false => Err(Error::internal("the codes of a part of a tile")),
        }
    }
}
