//! Bands: what a tile makes for itself, made by runs of its rows that fit the second cache.
//!
//! A tile is as large as decoding, dispatch and whole axes want it. What it generates, transforms or puts together on the way
//! would go out to memory and come back. So a task makes these pieces for a band of the tile, runs the program over it, and
//! goes on to the next. Chunks of files stay decoded for the whole tile.
//!
//! Laws: bands partition the tile, in its row-major order. They follow from the pass and the tile alone, never from ranks,
//! threads or memory, since a fold may join its sub-tiles in other places where a band ends.

use super::plan::{Make, Pass};
use super::regions::needs;
use super::work::made;
use crate::geom::Region;
use crate::op::SUB_TILE;

/// Bytes of pieces that a band is cut to.
const BAND_BYTES: usize = 400 << 10;
/// Longer bands are a multiple of so many rows.
const ALIGN: usize = 8;
/// What is made again at the borders of bands may cost this part of all work.
const WORTH_A_BAND: f64 = 1.1;

impl Pass {
    /// The bands of a tile.
    pub fn bands(&self, tile: &Region) -> Vec<Region> {
        let (axis, rows) = self.band(tile);
        if rows >= tile.shape.get(axis).copied().unwrap_or(1) {
            return vec![tile.clone()];
        }
        (0..tile.shape[axis])
            .step_by(rows)
            .map(|first| cut(tile, axis, first, rows))
            .collect()
    }

    /// The axis that bands are cut along, and their length on it.
    fn band(&self, tile: &Region) -> (usize, usize) {
        // Axes of length 1 before it leave a band contiguous in the row-major order of the tile.
        let axis = tile.shape.iter().position(|len| *len > 1).unwrap_or(0);
        let Some(&len) = tile.shape.get(axis) else {
            return (axis, 1);
        };
        let whole = (axis, len);
        let all_loaded = self
            .slots
            .iter()
            .all(|slot| matches!(slot.make, Make::Load(_)));
        if all_loaded || tile.elements() <= SUB_TILE {
            return whole;
        }
        let weigh = |region: &Region| {
            let needs = needs(&self.slots, &self.inputs, region);
            let (mut bytes, mut work) = (0, 0.0);
            for (slot, need) in self.slots.iter().zip(&needs) {
                if let (false, Some(need)) = (matches!(slot.make, Make::Load(_)), need) {
                    bytes += need.elements() * slot.dtype.size();
                    work += made(&self.slots, slot, need);
                }
            }
            (bytes, work)
        };
        let (bytes, work) = weigh(tile);
        if bytes <= BAND_BYTES {
            return whole;
        }
        let row = tile.elements() / len;
        let rows = (len as f64 * BAND_BYTES as f64 / bytes as f64) as usize;
        // Transposed views then read whole lines of a cache.
        let rows = if rows > ALIGN {
            rows / ALIGN * ALIGN
        } else {
            rows
        };
        let rows = rows.max(SUB_TILE.div_ceil(row)).max(1);
        if rows >= len {
            return whole;
        }
        // From the middle, where margins are whole.
        let (_, of_band) = weigh(&cut(tile, axis, len / 2 / rows * rows, rows));
        let bands = len as f64 / rows as f64;
        match of_band * bands <= WORTH_A_BAND * work {
            true => (axis, rows),
            false => whole,
        }
    }
}

fn cut(tile: &Region, axis: usize, first: usize, rows: usize) -> Region {
    let mut band = tile.clone();
    band.start[axis] += first;
    band.shape[axis] = rows.min(tile.shape[axis] - first);
    band
}
