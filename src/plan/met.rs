//! Which chunks of an array a rank meets in a pass: how many tiles need each, whether one needs all of it, and the box around what they
//! need. By places along each axis where that tells it all, so that a million chunks take a thousand records.

use crate::geom::{AxisChunks, ChunkGrid};
use std::collections::BTreeMap;
use std::ops::Range;

/// A storage chunk, or all chunks at one place along an axis, as a rank meets it in a pass.
#[derive(Clone, Copy, Default)]
pub(super) struct Met {
    /// Tiles that need a part of it.
    pub(super) tiles: u64,
    /// A tile needs all of it.
    pub(super) whole: bool,
}

impl Met {
    pub(super) fn again(&mut self, whole: bool) {
        self.tiles += 1;
        self.whole |= whole;
    }
}

/// The box of a chunk that is needed of it: a range along each axis of the array.
pub(super) type Part = Vec<Range<usize>>;

/// The places along an axis that a rank meets, from this one on, and what tiles need of the chunks there.
pub(super) struct Along {
    first: usize,
    met: Vec<Met>,
    parts: Part,
}

pub(super) fn widen(part: &mut Range<usize>, more: &Range<usize>) {
    *part = match part.start >= part.end {
        true => more.clone(),
        false => part.start.min(more.start)..part.end.max(more.end),
    };
}

impl Along {
    /// What tiles with these needs meet of chunks of this length.
    pub(super) fn new(needs: &[Range<usize>], chunk: usize, axis: &AxisChunks) -> Along {
        let places = |need: &Range<usize>| need.start / chunk..need.end.div_ceil(chunk);
        let first = needs.iter().map(|need| places(need).start).min();
        let end = needs.iter().map(|need| places(need).end).max();
        let (first, end) = (first.unwrap_or(0), end.unwrap_or(0));
        let mut met = vec![Met::default(); end.saturating_sub(first)];
        let mut parts = vec![0..0; met.len()];
        for need in needs {
            for number in places(need) {
                let own = axis.range(number);
                met[number - first].again(need.start <= own.start && own.end <= need.end);
                let part = need.start.max(own.start)..need.end.min(own.end);
                widen(&mut parts[number - first], &part);
            }
        }
        Along { first, met, parts }
    }

    pub(super) fn get(&self, place: usize) -> Option<Met> {
        let met = self.met.get(place.checked_sub(self.first)?)?;
        (met.tiles > 0).then_some(*met)
    }
}

/// The chunks of an array that a rank needs in a pass.
pub(super) enum Needed {
    /// Those at these places along each axis, over and over.
    ByAxis(Vec<Along>, u64),
    /// By number in the storage grid.
    Listed(BTreeMap<usize, (Met, Part)>),
}

impl Needed {
    /// What the rank meets of the chunk at `place`, whose number is `number`.
    pub(super) fn get(&self, number: usize, place: &[usize]) -> Option<Met> {
        match self {
            Needed::Listed(all) => all.get(&number).map(|(met, _)| *met),
            Needed::ByAxis(axes, over) => {
                let mut met = Met {
                    tiles: *over,
                    whole: true,
                };
                for (at, axis) in place.iter().zip(axes) {
                    let along = axis.get(*at)?;
                    met.tiles *= along.tiles;
                    met.whole &= along.whole;
                }
                Some(met)
            }
        }
    }

    /// Widens `part` by what tiles need of the chunk at `place`, whose number is `number`.
    pub(super) fn add_part(&self, number: usize, place: &[usize], part: &mut Part) {
        match self {
            Needed::Listed(all) => {
                if let Some((_, more)) = all.get(&number) {
                    part.iter_mut().zip(more).for_each(|(p, m)| widen(p, m));
                }
            }
            Needed::ByAxis(axes, _) => {
                let met = place
                    .iter()
                    .zip(axes)
                    .all(|(at, axis)| axis.get(*at).is_some());
                let along = part.iter_mut().zip(place).zip(axes).filter(|_| met);
                along.for_each(|((p, at), axis)| widen(p, &axis.parts[at - axis.first]));
            }
        }
    }

    /// Calls `visit(number, place)` for the chunks that a tile needs whole, in order, until it says `false`.
    pub(super) fn each_whole(
        &self,
        grid: &ChunkGrid,
        visit: &mut dyn FnMut(usize, &[usize]) -> bool,
    ) {
        match self {
            Needed::Listed(all) => {
                for (number, _) in all.iter().filter(|(_, (met, _))| met.whole) {
                    if !visit(*number, &grid.position(*number)) {
                        return;
                    }
                }
            }
            Needed::ByAxis(axes, _) => {
                let whole: Vec<Vec<usize>> = (axes.iter())
                    .map(|axis| (axis.first..).zip(&axis.met).filter(|(_, met)| met.whole))
                    .map(|axis| axis.map(|(place, _)| place).collect())
                    .collect();
                if whole.iter().any(Vec::is_empty) {
                    return;
                }
                // Places in row-major order, without an allocation for each.
                let mut at = vec![0; whole.len()];
                let mut place: Vec<usize> = whole.iter().map(|list| list[0]).collect();
                loop {
                    if !visit(grid.linear(&place), &place) {
                        return;
                    }
                    let mut axis = whole.len();
                    loop {
                        let Some(before) = axis.checked_sub(1) else {
                            return;
                        };
                        axis = before;
                        at[axis] += 1;
                        if at[axis] < whole[axis].len() {
                            place[axis] = whole[axis][at[axis]];
                            break;
                        }
                        at[axis] = 0;
                        place[axis] = whole[axis][0];
                    }
                }
            }
        }
    }
}
