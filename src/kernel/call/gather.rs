//! Elements at computed indices, places in sorted lists, elements under a mask.

use super::call::PieceView;
use crate::block::{Block, BlockView, Native};
use crate::dtype::{DType, Physical};
use crate::error::{Error, Result};
use crate::geom::{Region, positions};
use crate::op::{Compress, SearchSorted, TakeAlong};
use std::cmp::Ordering;

/// Offsets of the rows (along the last axis) of a view, in row-major order; a 0-d view has one.
fn rows<'a>(view: &'a BlockView<'_>) -> impl Iterator<Item = isize> + 'a {
    let outer = view.shape.len().saturating_sub(1);
    positions(view.shape[..outer].iter().map(|len| 0..*len).collect()).map(|index| {
        let steps = index.iter().zip(&view.strides);
        view.offset as isize + steps.map(|(i, s)| *i as isize * s).sum::<isize>()
    })
}

fn step(view: &BlockView<'_>) -> isize {
    view.strides.last().copied().unwrap_or(1)
}

/// The elements of `values` at the indices that the second piece has.
pub(super) fn take_along(
    op: &TakeAlong,
    len: usize,
    (values, indices): (&PieceView<'_>, &PieceView<'_>),
    out: &mut Block,
) -> Result<()> {
    let other = || Error::internal("take_along_axis: pieces of two types");
    let list = i64::slice(indices.view.buffer).ok_or_else(other)?;
    for_physical!(out.dtype().physical(), T => {
        match (T::slice(values.view.buffer), T::slice_mut(out.buffer_mut())) {
            (Some(source), Some(target)) => along(op.axis, len, &values.view, source, &indices.view, list, target),
            _ => Err(other()),
        }
    })
}

fn along<T: Native>(
    axis: usize,
    len: usize,
    values: &BlockView<'_>,
    source: &[T],
    indices: &BlockView<'_>,
    list: &[i64],
    target: &mut [T],
) -> Result<()> {
    let row = indices.shape.last().copied().unwrap_or(1);
    let at_end = axis + 1 == indices.shape.len();
    // Along the axis itself the values stay at its start: the index says how far to go.
    let mut walk = values.strides.clone();
    walk[axis] = 0;
    let (own, along) = (if at_end { 0 } else { step(values) }, values.strides[axis]);
    let outer = indices.shape.len() - 1;
    let places = positions(indices.shape[..outer].iter().map(|len| 0..*len).collect());
    let mut target = target.chunks_mut(row.max(1));
    for ((from, place), to) in rows(indices).zip(places).zip(&mut target) {
        let base: isize = place.iter().zip(&walk).map(|(i, s)| *i as isize * s).sum();
        for (k, to) in to.iter_mut().enumerate() {
            let index = list[(from + k as isize * step(indices)) as usize];
            let wanted = if index < 0 { index + len as i64 } else { index };
            if !(0..len as i64).contains(&wanted) {
                return Err(Error::invalid(format!(
                    "take_along_axis: index {index} is out of range on axis {axis} of length {len}"
                )));
            }
            let at = values.offset as isize + base + k as isize * own + wanted as isize * along;
            *to = source[at as usize];
        }
    }
    Ok(())
}

/// The place of each value in a sorted list.
pub(super) fn search(
    op: &SearchSorted,
    sorted: &PieceView<'_>,
    values: &PieceView<'_>,
    out: &mut Block,
) -> Result<()> {
    let other = || Error::internal("searchsorted: pieces of two types");
    let list = Block::from_view(&sorted.view)?;
    let places = i64::slice_mut(out.buffer_mut()).ok_or_else(other)?;
    // NaT counts as the largest, as NaN does.
    let time = sorted.view.dtype.is_time();
    macro_rules! over {
        ($T:ty, $order:expr) => {{
            let list = list.as_slice::<$T>().ok_or_else(other)?;
            let source = <$T>::slice(values.view.buffer).ok_or_else(other)?;
            find(op.right, list, source, &values.view, places, $order)
        }};
    }
    macro_rules! float {
        ($T:ty) => {
            over!($T, |a: &$T, b: &$T| a
                .partial_cmp(b)
                .unwrap_or_else(|| a.is_nan().cmp(&b.is_nan())))
        };
    }
    match list.buffer().physical() {
        Physical::Bool => over!(bool, Ord::cmp),
        Physical::I8 => over!(i8, Ord::cmp),
        Physical::I16 => over!(i16, Ord::cmp),
        Physical::I32 => over!(i32, Ord::cmp),
        Physical::I64 if time => {
            over!(i64, |a: &i64, b: &i64| a
                .wrapping_sub(1)
                .cmp(&b.wrapping_sub(1)))
        }
        Physical::I64 => over!(i64, Ord::cmp),
        Physical::U8 => over!(u8, Ord::cmp),
        Physical::U16 => over!(u16, Ord::cmp),
        Physical::U32 => over!(u32, Ord::cmp),
        Physical::U64 => over!(u64, Ord::cmp),
        Physical::F32 => float!(f32),
        Physical::F64 => float!(f64),
        Physical::C64 | Physical::C128 => return Err(other()),
    }
    Ok(())
}

fn find<T: Native>(
    right: bool,
    list: &[T],
    source: &[T],
    values: &BlockView<'_>,
    out: &mut [i64],
    order: impl Fn(&T, &T) -> Ordering,
) {
    let row = values.shape.last().copied().unwrap_or(1);
    for (from, to) in rows(values).zip(out.chunks_mut(row.max(1))) {
        for (k, to) in to.iter_mut().enumerate() {
            let value = &source[(from + k as isize * step(values)) as usize];
            *to = list.partition_point(|v| match order(v, value) {
                Ordering::Less => true,
                Ordering::Equal => right,
                Ordering::Greater => false,
            }) as i64;
        }
    }
}

/// The elements under a mask, from the first block that has wanted ones.
pub(super) fn compress(
    op: &Compress,
    (values, mask): (&PieceView<'_>, &PieceView<'_>),
    region: &Region,
    out: &mut Block,
) -> Result<()> {
    let other = || Error::internal("compress: pieces of two types");
    debug_assert_eq!(mask.view.dtype, DType::Bool);
    let marks = bool::slice(mask.view.buffer).ok_or_else(other)?;
    let first = mask.region.start[0] / op.rows;
    let before = op.before[first] as usize;
    for_physical!(out.dtype().physical(), T => {
        match (T::slice(values.view.buffer), T::slice_mut(out.buffer_mut())) {
            (Some(source), Some(target)) => {
                let mut skip = region.start[0] - before;
                let mut done = 0;
                let row = mask.view.shape.last().copied().unwrap_or(1) as isize;
                let (by, own) = (step(&mask.view), step(&values.view));
                'all: for (m, v) in rows(&mask.view).zip(rows(&values.view)) {
                    for k in 0..row {
                        if !marks[(m + k * by) as usize] {
                            continue;
                        }
                        if skip > 0 {
                            skip -= 1;
                            continue;
                        }
                        if done == target.len() {
                            break 'all;
                        }
                        target[done] = source[(v + k * own) as usize];
                        done += 1;
                    }
                }
                match done == target.len() {
                    true => Ok(()),
                    false => Err(Error::internal("compress: the mask changed after it was counted")),
                }
            }
            _ => Err(other()),
        }
    })
}
