//! Runs of tasks: an alternative to boxes for passes whose results leave at once.
//!
//! A process grid cuts every axis straight, so 12 tiles of unequal size on 2 ranks leave one rank with 62 % of the work.
//! Where no later pass needs to know which box a rank holds, tasks are dealt along one order of the axes instead: each
//! rank takes a run of it with its share of the elements. Law: every task has exactly one rank (the one that the middle of
//! its elements falls to); which one changes no bit, since partial results belong to segments.

use super::derive::segment_tiles;
use super::plan::{Pass, Runs, SinkTarget};
use crate::geom::positions;
use std::ops::Range;

/// Most tasks, and tasks × ranks, that are dealt one by one; more tasks than that are balanced well by boxes.
const MOST_TASKS: usize = 1 << 12;
const MOST_DEALT: usize = 1 << 18;
/// Runs must be better than boxes by this part of the load (in 1/64), since boxes share more at their edges.
const GAIN: u128 = 2;

/// Calls `visit(rank, task, weight)` for every task, in the order of the runs.
pub(super) fn deal(pass: &Pass, runs: &Runs, mut visit: impl FnMut(usize, &[usize], u128)) {
    let counts = pass.task_counts();
    let weights: Vec<Vec<u128>> = (0..counts.len())
        .map(|axis| {
            (0..counts[axis])
                .map(|task| length(pass, axis, task..task + 1))
                .collect()
        })
        .collect();
    let total: u128 = weights.iter().map(|w| w.iter().sum::<u128>()).product();
    let ranks = runs.ranks as u128;
    let mut before = 0u128;
    let ordered: Vec<Range<usize>> = runs.order.iter().map(|axis| 0..counts[*axis]).collect();
    let mut task = vec![0; counts.len()];
    for position in positions(ordered) {
        for (axis, at) in runs.order.iter().zip(&position) {
            task[*axis] = *at;
        }
        let weight: u128 = task.iter().zip(&weights).map(|(at, w)| w[*at]).product();
        let middle = 2 * before + weight;
        let rank = (middle * ranks / (2 * total).max(1)).min(ranks - 1);
        visit(rank as usize, &task, weight);
        before += weight;
    }
}

/// Elements of a run of tasks along one axis.
fn length(pass: &Pass, axis: usize, run: Range<usize>) -> u128 {
    let tiles = match pass.stream_axis {
        Some(stream) if stream == axis => segment_tiles(pass, axis, run),
        _ => run,
    };
    match tiles.is_empty() {
        true => 0,
        false => {
            let axis = &pass.tiles.axes[axis];
            (axis.range(tiles.end - 1).end - axis.range(tiles.start).start) as u128
        }
    }
}

/// The runs that balance `pass` better than its boxes, when there are some and no one needs boxes.
pub(super) fn choose(pass: &Pass, ranks: usize) -> Option<Runs> {
    let counts = pass.task_counts();
    let tasks = counts.iter().fold(1usize, |a, c| a.saturating_mul(*c));
    if ranks < 2 || !(2..=MOST_TASKS).contains(&tasks) || tasks * ranks.min(tasks) > MOST_DEALT {
        return None;
    }
    let wide: Vec<usize> = (0..counts.len()).filter(|axis| counts[*axis] > 1).collect();
    let free = pass.sinks.iter().all(|sink| {
        let stored = sink
            .targets
            .iter()
            .any(|t| matches!(t, SinkTarget::Store(_)));
        let folds =
            (sink.fold.as_ref()).is_some_and(|fold| wide.iter().any(|axis| fold.folds(*axis)));
        !stored && !folds
    });
    if !free {
        return None;
    }
    let boxes = (0..pass.placement.working_ranks())
        .filter_map(|rank| pass.placement.task_box(rank))
        .map(|runs| {
            runs.into_iter()
                .enumerate()
                .map(|(axis, run)| length(pass, axis, run))
                .product()
        })
        .max()
        .unwrap_or(u128::MAX);
    // Rows first, then columns first: the two orders that keep runs compact in 2-D.
    let mut orders = vec![(0..counts.len()).collect::<Vec<_>>()];
    orders.push((0..counts.len()).rev().collect());
    orders
        .into_iter()
        .map(|order| {
            let runs = Runs {
                order,
                ranks: ranks.min(tasks),
            };
            let mut loads = vec![0u128; runs.ranks];
            deal(pass, &runs, |rank, _, weight| loads[rank] += weight);
            (loads.into_iter().max().unwrap_or(0), runs)
        })
        .min_by_key(|(load, _)| *load)
        .filter(|(load, _)| load * 64 < boxes.saturating_mul(64 - GAIN))
        .map(|(_, runs)| runs)
}
