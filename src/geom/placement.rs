//! Placements: which rank owns which box of a grid of tasks.
//!
//! Definitions. A *process grid* gives each axis of a task grid a number of parts; rank `r` owns, on every axis, the run
//! of tasks of its part. Ranks beyond the product of the parts are idle. Law: the boxes of all ranks partition the grid.

use serde::{Deserialize, Serialize};
use std::collections::HashMap;
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
    let bound = |p: usize| match p.checked_mul(count) {
        Some(product) => product / parts,
        None => (p as u128 * count as u128 / parts as u128) as usize,
    };
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
    /// `length(axis, run)` is the work of a run of tasks along one axis (its elements: tasks at the edge of an array are
    /// smaller); the load of a rank is the product over axes. `split_cost[axis]` orders axes for ties (lower is better): an
    /// axis that is reduced costs a combine, so it is split only when the others give too few tasks. Among equal loads the
    /// grid with the lower cost, then with fewer ranks, wins.
    pub fn choose(
        counts: &[usize],
        length: &dyn Fn(usize, Range<usize>) -> usize,
        ranks: usize,
        split_cost: &[u64],
    ) -> Self {
        let mut search = Search {
            counts,
            length,
            split_cost,
            parts: vec![1; counts.len()],
            longest: vec![HashMap::new(); counts.len()],
            best: (u128::MAX, u64::MAX, usize::MAX),
            best_parts: vec![1; counts.len()],
        };
        search.axis(0, ranks.max(1), 1);
        Placement {
            counts: counts.to_vec(),
            parts: search.best_parts,
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
        let runs = coordinates.iter().enumerate();
        Some(runs.map(|(axis, part)| self.run(axis, *part)).collect())
    }

    /// The tasks of one part of an axis.
    pub fn run(&self, axis: usize, part: usize) -> Range<usize> {
        split_evenly(self.counts[axis], self.parts[axis], part)
    }

    /// The part of an axis that a task belongs to.
    pub fn part_of(&self, axis: usize, task: usize) -> usize {
        let (count, parts) = (self.counts[axis], self.parts[axis]);
        // The inverse of `split_evenly`: the last part whose run starts at or before the task.
        let mut part = (task as u128 * parts as u128 / count as u128) as usize;
        while self.run(axis, part).end <= task {
            part += 1;
        }
        part
    }

    /// The rank that owns the task at grid position `task`.
    pub fn owner(&self, task: &[usize]) -> usize {
        let coordinates: Vec<usize> = (0..self.parts.len())
            .map(|axis| self.part_of(axis, task[axis]))
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

struct Search<'a> {
    counts: &'a [usize],
    length: &'a dyn Fn(usize, Range<usize>) -> usize,
    split_cost: &'a [u64],
    parts: Vec<usize>,
    /// Per axis: part count → longest run.
    longest: Vec<HashMap<usize, usize>>,
    /// Load, cost and ranks of the best grid so far.
    best: (u128, u64, usize),
    best_parts: Vec<usize>,
}

impl Search<'_> {
    fn axis(&mut self, axis: usize, ranks: usize, load: u128) {
        if axis == self.counts.len() {
            let cost = self
                .parts
                .iter()
                .zip(self.split_cost)
                .map(|(p, cost)| cost.saturating_mul(*p as u64 - 1))
                .fold(0u64, u64::saturating_add);
            let found = (load, cost, self.parts.iter().product());
            if found < self.best {
                self.best = found;
                self.best_parts.clone_from(&self.parts);
            }
            return;
        }
        // All part counts, since the last task of an axis may be short; at most `ranks` (1 + ln ranks)² grids in 3-D.
        for parts in 1..=self.counts[axis].clamp(1, ranks) {
            self.parts[axis] = parts;
            let worst = self.worst(axis, parts);
            self.axis(axis + 1, ranks / parts, load.saturating_mul(worst as u128));
        }
        self.parts[axis] = 1;
    }

    /// The longest of `parts` runs of an axis; each is looked for once. Of many runs a sample is enough, with runs of most tasks
    /// in it: runs differ by one task, and only those at the ends of the axis have short ones.
    fn worst(&mut self, axis: usize, parts: usize) -> usize {
        let (count, length) = (self.counts[axis], self.length);
        *self.longest[axis].entry(parts).or_insert_with(|| {
            // The runs 0 … p have floor((p + 1) · rest / parts) tasks more than p + 1 short ones: the first, the second and the
            // last run with one more.
            let rest = count % parts;
            let long = [1, 2, rest].map(|k| (k * parts).div_ceil(rest.max(1)).max(1) - 1);
            let sample = (0..parts).step_by(parts.div_ceil(64));
            sample
                .chain(long.into_iter().filter(|p| *p < parts))
                .map(|p| length(axis, split_evenly(count, parts, p)))
                .max()
                .unwrap_or(0)
        })
    }
}
