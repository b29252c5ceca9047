//! Counts beside sums: 32 bits per cell while that holds, since the memory of the cells is what a mean over few elements
//! per cell waits for.
//!
//! Before a tile could carry a cell past 2³² − 1, all counts are moved into 64-bit ones. Some cell may then have 2³²
//! elements, so a job that gets there has few cells: the extra 8 bytes per cell stay small beside what was read.

use super::fold::{Out, Wire, put, refill};
use crate::error::Result;

pub(super) struct Counts {
    /// Elements since the last spill.
    pub(super) low: Vec<u32>,
    /// Elements before it; empty until the first spill.
    wide: Vec<u64>,
    /// No entry of `low` is larger.
    bound: u64,
    limit: u64,
}

impl Counts {
    pub(super) fn new() -> Self {
        Counts {
            low: Vec::new(),
            wide: Vec::new(),
            bound: 0,
            limit: u64::from(u32::MAX),
        }
    }

    /// Makes room for `most` more elements in any cell.
    pub(super) fn expect(&mut self, most: u64) {
        if self.bound.saturating_add(most) > self.limit {
            self.spill();
        }
        self.bound = self.bound.saturating_add(most);
    }

    fn spill(&mut self) {
        self.wide.resize(self.low.len(), 0);
        for (wide, low) in self.wide.iter_mut().zip(&mut self.low) {
            *wide += u64::from(*low);
            *low = 0;
        }
        self.bound = 0;
    }

    /// Elements of a cell.
    #[inline(always)]
    pub(super) fn get(&self, cell: usize) -> u64 {
        u64::from(self.low[cell]) + self.wide.get(cell).copied().unwrap_or(0)
    }

    /// All at or above 2³²: the sums of moments may not take `low` for the count.
    pub(super) fn is_wide(&self) -> bool {
        !self.wide.is_empty()
    }

    pub(super) fn join(&mut self, right: &Counts) {
        self.expect(right.bound);
        for (low, right) in self.low.iter_mut().zip(&right.low) {
            *low += *right;
        }
        if !right.wide.is_empty() {
            self.wide.resize(self.low.len(), 0);
            for (wide, right) in self.wide.iter_mut().zip(&right.wide) {
                *wide += *right;
            }
        }
    }

    pub(super) fn put(&self, out: &mut dyn Out) {
        put(&[self.wide.len() as u64, self.bound], out);
        put(&self.low, out);
        put(&self.wide, out);
    }

    pub(super) fn take(&mut self, from: &mut Wire<'_>) -> Result<()> {
        let mut head = [0u64; 2];
        from.take(&mut head)?;
        self.bound = head[1];
        from.take(&mut self.low)?;
        self.wide.clear();
        if head[0] > 0 {
            self.wide.resize(self.low.len(), 0);
            from.take(&mut self.wide)?;
        }
        Ok(())
    }

    /// Counts of `cells` cells, all 0.
    pub(super) fn clear(&mut self, cells: usize) {
        refill(&mut self.low, cells, 0);
        self.wide = Vec::new();
        self.bound = 0;
    }

    pub(super) fn bytes(&self) -> usize {
        4 * self.low.len() + 8 * self.wide.len()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn counts_go_on_past_their_limit() {
        let mut counts = Counts::new();
        counts.clear(2);
        counts.limit = 10;
        for _ in 0..100 {
            counts.expect(3);
            counts.low[0] += 3;
            counts.low[1] += 1;
            assert!(counts.low[0] <= 10);
        }
        assert_eq!((counts.get(0), counts.get(1)), (300, 100));
        let mut wire = Vec::new();
        counts.put(&mut wire);
        let mut copy = Counts::new();
        copy.clear(2);
        copy.limit = 10;
        copy.take(&mut Wire(&wire)).unwrap();
        copy.join(&counts);
        assert_eq!((copy.get(0), copy.get(1)), (600, 200));
    }
}
