//! Placements: which rank owns which box of a grid of tasks.
//!
//! Definitions. A *process grid* gives each axis of a task grid a number of parts; rank `r` owns, on every axis, the run
//! of tasks of its part. Ranks beyond the product of the parts are idle. Law: the boxes of all ranks partition the grid.

use serde::{Deserialize, Serialize};
use std::ops::Range;

/// A block decomposition of a task grid over ranks. Its size does not depend on the number of tasks or ranks.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Placement {
    /// Number of tasks per axis.
    pub counts: Vec<usize>,
    /// Number of parts per axis: the process grid. Its product is the number of working ranks.
    pub parts: Vec<usize>,
}

/// The run of part `part` when `count` things are split into `parts` runs that differ by at most one.
pub fn split_evenly(count: usize, parts: usize, part: usize) -> Range<usize> {
    let bound = |p: usize| (p as u128 * count as u128 / parts as u128) as usize;
    bound(part)..bound(part + 1)
}

impl Placement {
    /// Everything on rank 0.
    pub fn single(counts: &[usize]) -> Self {
        Placement {
            counts: counts.to_vec(),
            parts: vec![1; counts.len()],
        }
    }

    /// The process grid with the smallest worst load for at most `ranks` ranks.
    ///
    /// `split_cost[axis]` orders axes for ties (lower is better): an axis that is reduced costs a combine, so it is split
    /// only when the others give too few tasks. Among equal loads the grid with the lower cost, then with fewer ranks,
    /// wins.
    pub fn choose(counts: &[usize], ranks: usize, split_cost: &[u64]) -> Self {
        let mut best = (u128::MAX, u64::MAX, usize::MAX, Vec::new());
        let mut parts = vec![1; counts.len()];
        search(counts, ranks.max(1), split_cost, 0, &mut parts, &mut best);
        Placement {
            counts: counts.to_vec(),
            parts: best.3,
        }
    }

    /// Number of ranks that own tasks.
    pub fn working_ranks(&self) -> usize {
        self.parts.iter().product()
    }

    /// Position of `rank` in the process grid; `None` when it is idle.
    pub fn coordinates(&self, rank: usize) -> Option<Vec<usize>> {
        if rank >= self.working_ranks() {
            return None;
        }
        let mut rest = rank;
        let mut result = vec![0; self.parts.len()];
        for (coordinate, parts) in result.iter_mut().zip(&self.parts).rev() {
            *coordinate = rest % parts;
            rest /= parts;
        }
        Some(result)
    }

    /// The rank at a position of the process grid.
    pub fn rank_at(&self, coordinates: &[usize]) -> usize {
        self.parts
            .iter()
            .zip(coordinates)
            .fold(0, |acc, (parts, c)| acc * parts + c)
    }

    /// The runs of tasks, one per axis, that `rank` owns; `None` when it is idle.
    pub fn task_box(&self, rank: usize) -> Option<Vec<Range<usize>>> {
        let coordinates = self.coordinates(rank)?;
        Some(
            (0..self.parts.len())
                .map(|axis| split_evenly(self.counts[axis], self.parts[axis], coordinates[axis]))
                .collect(),
        )
    }

    /// The rank that owns the task at grid position `task`.
    pub fn owner(&self, task: &[usize]) -> usize {
        let coordinates: Vec<usize> = (0..self.parts.len())
            .map(|axis| {
                let (count, parts) = (self.counts[axis], self.parts[axis]);
                // The inverse of `split_evenly`: the last part whose run starts at or before the task.
                let mut part = (task[axis] as u128 * parts as u128 / count as u128) as usize;
                while split_evenly(count, parts, part).end <= task[axis] {
                    part += 1;
                }
                part
            })
            .collect();
        self.rank_at(&coordinates)
    }

    /// Tasks of the busiest rank.
    pub fn worst_load(&self) -> u128 {
        self.counts
            .iter()
            .zip(&self.parts)
            .map(|(c, p)| c.div_ceil(*p) as u128)
            .product()
    }
}

fn search(
    counts: &[usize],
    ranks: usize,
    split_cost: &[u64],
    axis: usize,
    parts: &mut Vec<usize>,
    best: &mut (u128, u64, usize, Vec<usize>),
) {
    if axis == counts.len() {
        let load = counts
            .iter()
            .zip(parts.iter())
            .map(|(c, p)| c.div_ceil(*p) as u128)
            .product();
        let cost = parts
            .iter()
            .zip(split_cost)
            .map(|(p, cost)| cost.saturating_mul(*p as u64 - 1))
            .fold(0u64, u64::saturating_add);
        let used = parts.iter().product();
        if (load, cost, used) < (best.0, best.1, best.2) {
            *best = (load, cost, used, parts.clone());
        }
        return;
    }
    let most = counts[axis].clamp(1, ranks);
    let mut candidate = most;
    while candidate >= 1 {
        // Of all part counts with the same longest run, only the smallest matters: step down over the others.
        let longest = counts[axis].max(1).div_ceil(candidate);
        let smallest = counts[axis].max(1).div_ceil(longest);
        parts[axis] = smallest;
        search(counts, ranks / smallest, split_cost, axis + 1, parts, best);
        candidate = smallest - 1;
    }
    parts[axis] = 1;
}
