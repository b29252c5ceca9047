//! Random views and grids for property tests.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use hyperslab::geom::{AxisChunks, ChunkGrid, Region, Select, Span, positions};
use proptest::prelude::*;

/// Random numbers that choose one view of a shape.
pub type Dice = (u8, u32, i32, i32, i32);

/// What rolls a view.
pub fn dice() -> impl Strategy<Value = Dice> {
    (0u8..4, any::<u32>(), -9i32..10, -9i32..10, -3i32..4)
}

/// One view of `shape`: a slice (with any step), an index, a transpose, or a broadcast. With `empty`, slices may be empty.
pub fn view(shape: &[usize], dice: Dice, empty: bool) -> Select {
    let (kind, seed, a, b, step) = dice;
    let ndim = shape.len();
    let axis = if ndim == 0 { 0 } else { seed as usize % ndim };
    match kind {
        0 if ndim > 0 => {
            let step = if step == 0 { -1 } else { step as isize };
            let mut spans: Vec<Span> = shape.iter().map(|&len| Span::all(len)).collect();
            let bound = |v: i32| (v != 9).then_some(v as isize);
            let span = Span::slice(bound(a), bound(b), step, shape[axis]).unwrap();
            if span.len > 0 || empty {
                spans[axis] = span;
            } else {
                spans[axis] = Span::slice(None, None, step, shape[axis]).unwrap();
            }
            Select::spans(&spans)
        }
        1 if ndim > 0 && shape[axis] > 0 => {
            Select::all(shape).fix(axis, (a + 9) as usize % shape[axis])
        }
        2 => {
            let mut order: Vec<usize> = (0..ndim).collect();
            order.sort_by_key(|k| (seed >> (5 * k)) & 31);
            Select::transpose(shape, &order)
        }
        _ => {
            // A new axis, and every axis of length 1 stretched.
            let (at, len) = (
                seed as usize % (ndim + 1),
                1 + b.unsigned_abs() as usize % 3,
            );
            let mut to: Vec<usize> = shape.to_vec();
            if step > 0 {
                to.iter_mut()
                    .filter(|n| **n == 1)
                    .for_each(|n| *n = len + 1);
            }
            let axes: Vec<usize> = (0..ndim).map(|k| k + usize::from(k >= at)).collect();
            if ndim < 5 {
                to.insert(at, len);
                Select::broadcast(shape, &axes, &to)
            } else {
                Select::broadcast(shape, &(0..ndim).collect::<Vec<_>>(), &to)
            }
        }
    }
}

/// A cut of an axis: regular with a phase, or irregular.
pub fn cut(len: usize) -> BoxedStrategy<AxisChunks> {
    let regular = (1usize..len + 3)
        .prop_flat_map(|chunk| (Just(chunk), 0..chunk))
        .prop_map(move |(chunk, phase)| AxisChunks::Regular { len, chunk, phase });
    if len == 0 {
        return regular.boxed();
    }
    let irregular = prop::collection::vec(any::<bool>(), len - 1).prop_map(move |cuts| {
        let ends = (1..len).filter(|i| cuts[i - 1]).chain([len]).collect();
        AxisChunks::Irregular { ends }
    });
    prop_oneof![regular, irregular].boxed()
}

/// A grid over `shape`.
pub fn grid(shape: &[usize]) -> impl Strategy<Value = ChunkGrid> + use<> {
    shape
        .iter()
        .map(|len| cut(*len))
        .collect::<Vec<_>>()
        .prop_map(|axes| ChunkGrid { axes })
}

/// All indices of a region.
pub fn indices(region: &Region) -> impl Iterator<Item = Vec<usize>> {
    positions(
        (0..region.ndim())
            .map(|axis| region.start[axis]..region.end(axis))
            .collect(),
    )
}

/// A counter for each element of a shape.
pub struct Counts {
    shape: Vec<usize>,
    counts: Vec<u32>,
}

impl Counts {
    pub fn new(shape: &[usize]) -> Self {
        Counts {
            shape: shape.to_vec(),
            counts: vec![0; shape.iter().product()],
        }
    }

    /// Adds one to each element of `region`.
    pub fn add(&mut self, region: &Region) {
        for index in indices(region) {
            let at = index
                .iter()
                .zip(&self.shape)
                .fold(0, |acc, (i, n)| acc * n + i);
            self.counts[at] += 1;
        }
    }

    /// True when each element of `region` was counted once and the others never.
    pub fn once_in(&self, region: &Region) -> bool {
        let mut left = self.counts.clone();
        for index in indices(region) {
            let at = index
                .iter()
                .zip(&self.shape)
                .fold(0, |acc, (i, n)| acc * n + i);
            if left[at] != 1 {
                return false;
            }
            left[at] = 0;
        }
        left.iter().all(|c| *c == 0)
    }
}
