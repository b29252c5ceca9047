//! Partial results that wait for one another: how many states a sink holds at most beside the running ones, by arithmetic.
//!
//! Definitions. A *piece* is what a tile contributes to of a result: the position of its kept axes. Along the folded axes a
//! rank has a run of segments each; a state waits in the tree of segments (`geom/tree.rs`) until its sibling is there.
//! Tasks come in row-major order, the stream axis innermost: where a folded axis is outside a kept one, the pieces along
//! the kept one all wait at once.
//!
//! Law: a rank never holds more states than these functions say (`a_rank_holds_no_more_states_than_is_said` below).

use super::derive::SinkGeometry;
use super::plan::{Pass, Sink};
use std::ops::Range;

/// Bytes of partial results that end a round of a combine: large enough that a message's start costs little, small beside
/// any budget.
pub const ROUND_BYTES: usize = 4 << 20;

/// A folded axis on a rank: its run of segments, of how many, and whether tasks walk it innermost.
#[derive(Clone, Debug)]
struct Folded {
    run: Range<usize>,
    count: usize,
    stream: bool,
}

impl Folded {
    fn whole(&self) -> bool {
        self.run.len() == self.count
    }
}

/// Complete subtrees into which a run of segments along one axis falls.
fn subtrees(run: &Range<usize>, count: usize) -> u64 {
    // What lies beyond the last segment counts as merged.
    let end = match run.end == count {
        true => count.next_power_of_two(),
        false => run.end,
    };
    let (mut at, mut found) = (run.start, 0);
    while at < run.end {
        let aligned = match at {
            0 => usize::BITS - 1,
            _ => at.trailing_zeros(),
        };
        at += 1 << aligned.min((end - at).ilog2());
        found += 1;
    }
    found
}

/// States of a piece that wait when all segments of the box are in.
fn left(axes: &[Folded]) -> u64 {
    match axes.split_first() {
        None => 1,
        Some((axis, rest)) if rest.iter().all(Folded::whole) => subtrees(&axis.run, axis.count),
        // No two of this axis can merge before the rest is there.
        Some((axis, rest)) => axis.run.len() as u64 * left(rest),
    }
}

/// States of a piece that wait while its segments come in, beside those that are left of finished parts of it.
fn coming(axes: &[Folded]) -> u64 {
    let Some((axis, rest)) = axes.split_first() else {
        return 0;
    };
    // In order, one state waits per level of the tree, and on the way up from a start inside it as many again.
    let segments = axis.run.len().max(1);
    let levels = u64::from(segments.ilog2()) * if axis.whole() { 1 } else { 2 };
    let levels = levels.min(segments as u64 - 1);
    if rest.iter().all(|axis| axis.run.len() <= 1) {
        levels
    } else if axis.stream {
        // All of this axis come before the next of the others.
        axis.run.len() as u64 * coming(rest)
    } else if rest.iter().all(Folded::whole) {
        levels + coming(rest)
    } else {
        coming(rest)
    }
}

/// The interval `range` of row-major numbers in a grid of `lengths`, as boxes.
fn boxes(lengths: &[usize], range: Range<usize>) -> Vec<Vec<Range<usize>>> {
    let Some((_, inner)) = lengths.split_first() else {
        return match range.is_empty() {
            true => Vec::new(),
            false => vec![Vec::new()],
        };
    };
    let row: usize = inner.iter().product();
    let (first, last) = (range.start.div_ceil(row), range.end / row);
    let within = |at: usize, part: Range<usize>| {
        let parts = boxes(inner, part).into_iter();
        parts.map(move |rest| std::iter::once(at..at + 1).chain(rest).collect())
    };
    if first > last {
        // Inside one row.
        let start = last * row;
        return within(last, range.start - start..range.end - start).collect();
    }
    let mut all = Vec::new();
    if range.start < first * row {
        let start = (first - 1) * row;
        all.extend(within(first - 1, range.start - start..row));
    }
    if first < last {
        let whole = inner.iter().map(|len| 0..*len);
        all.push(std::iter::once(first..last).chain(whole).collect());
    }
    if last * row < range.end {
        all.extend(within(last, 0..range.end - last * row));
    }
    all
}

/// The folded axes of a sink in the order of the tree, with the runs that parts `parts[k]` of the placement have together.
fn folded(pass: &Pass, geometry: &SinkGeometry, parts: &[Range<usize>]) -> Vec<Folded> {
    (geometry.folded.iter().zip(parts))
        .map(|(axis, parts)| Folded {
            run: match parts.is_empty() {
                true => 0..0,
                false => {
                    let runs = [parts.start, parts.end - 1].map(|p| pass.placement.run(*axis, p));
                    runs[0].start..runs[1].end
                }
            },
            count: pass.placement.counts[*axis],
            stream: pass.stream_axis == Some(*axis),
        })
        .collect()
}

/// Tiles of the longest run of a rank along an axis that is kept, or segments along one that is folded.
fn longest(pass: &Pass, geometry: &SinkGeometry, axis: usize) -> u64 {
    let tasks = pass.placement.counts[axis].div_ceil(pass.placement.parts[axis].max(1));
    let tiles = match pass.stream_axis == Some(axis) && !geometry.folded.contains(&axis) {
        true => pass.tiles.axes[axis]
            .count()
            .min(tasks * pass.segment_tiles),
        false => tasks,
    };
    tiles as u64
}

/// States that wait while one thread works, in the worst box of a rank; those of finished parts of a split piece not.
pub(super) fn beside_a_task(pass: &Pass, geometry: &SinkGeometry) -> u64 {
    let axes: Vec<Folded> = (geometry.folded.iter())
        .map(|axis| {
            let count = pass.placement.counts[*axis];
            Folded {
                run: 0..longest(pass, geometry, *axis) as usize,
                count,
                stream: pass.stream_axis == Some(*axis),
            }
        })
        .collect();
    // Pieces that wait at once: along the kept axes that tasks walk inside the first folded one.
    let outer = (0..pass.tiles.ndim()).filter(|axis| pass.stream_axis != Some(*axis));
    let inside = outer
        .chain(pass.stream_axis)
        .skip_while(|axis| !(geometry.folded.contains(axis) && longest(pass, geometry, *axis) > 1));
    let pieces: u64 = inside
        .filter(|axis| !geometry.folded.contains(axis))
        .map(|axis| longest(pass, geometry, axis))
        .product();
    pieces * coming(&axes)
}

/// Parts of the placement along the folded axes: those of the ranks that share pieces.
fn parts(pass: &Pass, geometry: &SinkGeometry) -> Vec<usize> {
    let folded = geometry.folded.iter();
    folded.map(|axis| pass.placement.parts[*axis]).collect()
}

/// States of a piece that the ranks `range` of such a group have together.
fn states(pass: &Pass, geometry: &SinkGeometry, parts: &[usize], range: Range<usize>) -> u64 {
    let all = boxes(parts, range);
    all.iter().map(|b| left(&folded(pass, geometry, b))).sum()
}

/// States of a piece that number `me` of the ranks that share it sends on, when all that it receives is in: of the subtree of
/// ranks that ends with it; none of the first one, which finishes the piece.
pub(super) fn states_sent(pass: &Pass, geometry: &SinkGeometry, me: usize) -> u64 {
    if me == 0 {
        return 0;
    }
    let parts = parts(pass, geometry);
    let group: usize = parts.iter().product();
    let end = (me + (1 << me.trailing_zeros())).min(group);
    states(pass, geometry, &parts, me..end)
}

/// States of a split sink on one rank: those that wait at the end of the pass, and the most while ranks combine them.
struct Split {
    waiting: u64,
    combining: u64,
    /// States of one piece that travel together.
    of_piece: u64,
    /// The most that travel from one rank to another, in rounds.
    travelling: u64,
}

/// What a split sink keeps on `rank`; `None` when it is not split, or the rank idle.
fn split(pass: &Pass, geometry: &SinkGeometry, rank: usize) -> Option<Split> {
    if !geometry.is_split(pass) {
        return None;
    }
    let coordinates = pass.placement.coordinates(rank)?;
    let pieces: u64 = geometry
        .plain()
        .map(|axis| {
            let tasks = pass.placement.run(axis, coordinates[axis]).len();
            let tiles = match pass.stream_axis == Some(axis) {
                true => tasks * pass.segment_tiles,
                false => tasks,
            };
            tiles.min(pass.tiles.axes[axis].count()) as u64
        })
        .product();
    let parts = parts(pass, geometry);
    let me = (geometry.folded.iter().zip(&parts)).fold(0, |number, (axis, parts)| {
        number * parts + coordinates[*axis]
    });
    let group: usize = parts.iter().product();
    let states = |range: Range<usize>| states(pass, geometry, &parts, range);
    let own = states(me..me + 1);
    let (mut most, mut received, mut distance) = (own, 0, 1);
    while distance < group && me % (2 * distance) == 0 {
        if me + distance < group {
            let end = (me + 2 * distance).min(group);
            received = received.max(states(me + distance..end));
            most = most.max(states(me..end));
        }
        distance *= 2;
    }
    let of_piece = own.max(received);
    let sent = states_sent(pass, geometry, me);
    Some(Split {
        travelling: pieces * received.max(sent),
        waiting: pieces * own,
        // One piece is here before it is joined.
        combining: pieces * most + of_piece,
        of_piece: of_piece.max(most),
    })
}

/// Cells of the largest piece of a sink.
pub(super) fn piece_cells(pass: &Pass, sink: &Sink, geometry: &SinkGeometry) -> u64 {
    let length = |axis: &usize| {
        let tile = pass.tiles.axes[*axis].longest();
        (sink.fold.as_ref()).map_or(tile, |fold| fold.cells(*axis, tile))
    };
    geometry
        .kept
        .iter()
        .map(|axis| length(axis) as u64)
        .product()
}

/// Bytes of partial results on `rank` at the end of a pass, until the ranks combine them; and the most while they do, with
/// what travels.
pub(super) fn partial_bytes(pass: &Pass, rank: usize) -> (u64, u64) {
    let (mut waiting, mut joining) = (0, 0u64);
    for sink in &pass.sinks {
        let geometry = SinkGeometry::new(pass.tiles.ndim(), sink.fold.as_ref());
        let (Some(fold), Some(split)) = (&sink.fold, split(pass, &geometry, rank)) else {
            continue;
        };
        let element = pass.program.output_dtype(usize::from(sink.output));
        let cells = piece_cells(pass, sink, &geometry);
        let state = cells * fold.reduction.state_bytes(element) as u64;
        waiting += split.waiting * state;
        // Sinks follow one another. A round is in memory twice: piece by piece, and as one message.
        let all = split.combining * state;
        let round = (split.travelling * state).min(ROUND_BYTES as u64 + split.of_piece * state);
        joining = joining.max(all - split.waiting * state + 2 * round);
    }
    (waiting, waiting + joining)
}

/// Bytes that [`partial_bytes`] and the tasks of `threads` threads count beyond one state for each segment of the rank: no
/// segment has two.
pub(super) fn beyond_segments(pass: &Pass, rank: usize, tasks: u64, threads: u64) -> u64 {
    let of_sink = |sink: &Sink| {
        let fold = sink.fold.as_ref()?;
        let geometry = SinkGeometry::new(pass.tiles.ndim(), Some(fold));
        let streams = pass.stream_axis.is_some_and(|axis| fold.folds(axis));
        let segments = tasks
            * if streams {
                1
            } else {
                pass.segment_tiles as u64
            };
        let waiting = split(pass, &geometry, rank).map_or(0, |split| split.waiting);
        let states = waiting + threads * beside_a_task(pass, &geometry);
        let element = pass.program.output_dtype(usize::from(sink.output));
        let state = piece_cells(pass, sink, &geometry) * fold.reduction.state_bytes(element) as u64;
        Some(states.saturating_sub(segments.max(1)) * state)
    };
    pass.sinks.iter().filter_map(of_sink).sum()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::geom::{Partials, SegmentTree, positions};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_rank_holds_no_more_states_than_is_said(
            axes in prop::collection::vec((1usize..14, 0usize..14, 1usize..14), 1..4),
            stream in 0usize..4,
        ) {
            let axes: Vec<Folded> = axes
                .iter()
                .enumerate()
                .map(|(number, &(count, start, len))| {
                    let start = start % count;
                    Folded { run: start..(start + len).min(count), count, stream: number == stream }
                })
                .collect();
            let counts: Vec<usize> = axes.iter().map(|axis| axis.count).collect();
            let tree = SegmentTree::new(&counts);
            let mut partials = Partials::new(tree.clone());
            // The stream axis innermost.
            let order: Vec<usize> = (0..axes.len())
                .filter(|k| *k != stream)
                .chain((0..axes.len()).filter(|k| *k == stream))
                .collect();
            let mut most = 0;
            for at in positions(order.iter().map(|k| axes[*k].run.clone()).collect()) {
                let mut leaf = vec![0; axes.len()];
                for (k, at) in order.iter().zip(at) {
                    leaf[*k] = at;
                }
                partials.insert(tree.leaf(&leaf), (), &mut |_, _| Ok(())).unwrap();
                most = most.max(partials.len() as u64);
            }
            prop_assert_eq!(partials.len() as u64, left(&axes));
            prop_assert!(most <= left(&axes) + coming(&axes), "{} of {:?}: {} + {}", most, axes, left(&axes), coming(&axes));
        }

        #[test]
        fn boxes_partition_an_interval(
            lengths in prop::collection::vec(1usize..5, 1..4),
            ends in (0usize..100, 0usize..100),
        ) {
            let all: usize = lengths.iter().product();
            let (a, b) = (ends.0 % (all + 1), ends.1 % (all + 1));
            let range = a.min(b)..a.max(b);
            let mut found: Vec<usize> = boxes(&lengths, range.clone())
                .into_iter()
                .flat_map(positions)
                .map(|at| at.iter().zip(&lengths).fold(0, |number, (at, len)| number * len + at))
                .collect();
            found.sort_unstable();
            prop_assert_eq!(found, range.collect::<Vec<_>>());
        }
    }
}
