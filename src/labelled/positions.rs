//! Elements at positions along an axis, missing ones among them, and the lines between two: what new times and other calendars
//! make of an array. Both are selections; no rank holds more of the axis than its tiles need.

use super::data_array::DataArray;
use crate::array::Array;
use crate::block::{Block, Native};
use crate::driver::Driver;
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result};
use crate::op::BinaryOp;

/// The array in the floats that its interpolation has.
pub(super) fn float_of(operation: &str, array: &DataArray) -> Result<DataArray> {
    let dtype = match array.dtype() {
        time if time.is_time() => {
            return Err(Error::invalid(format!(
                "{operation}: an array of {time}; numbers are interpolated"
            )));
        }
        complex @ (DType::C64 | DType::C128) => complex,
        _ => DType::F64,
    };
    Ok(array.with_array(array.array.astype(dtype)))
}

/// The position of the time nearest to a label, of two equally near ones the later or the earlier; `after` is the first not
/// before the label.
pub(super) fn nearest(times: &[i128], label: i128, after: usize, later: bool) -> Option<usize> {
    match (after.checked_sub(1), times.get(after)) {
        (Some(before), Some(next)) => {
            let (back, on) = (label - times[before], next - label);
            let take_next = if later { on <= back } else { on < back };
            Some(if take_next { after } else { before })
        }
        (before, next) => next.map(|_| after).or(before),
    }
}

/// A small vector along one axis of an array of this shape.
fn along<T: Native>(array: &Array, axis: usize, values: Vec<T>, shape: &[usize]) -> Array {
    match Block::from_vec(&[values.len()], values) {
        Ok(block) => Driver::of(array.session())
            .from_block(block)
            .broadcast_axes(&[axis], shape),
        Err(error) => Array::failed(array.session(), error),
    }
}

/// The array, missing along `axis` where `known` is false.
#[track_caller]
pub(super) fn masked(array: &Array, axis: usize, known: &[bool]) -> Array {
    let known = along(array, axis, known.to_vec(), &array.shape());
    array.where_(&known)
}

/// The elements at positions along `axis`, missing where there is none.
#[track_caller]
pub(super) fn picked(array: &Array, axis: usize, positions: &[Option<usize>]) -> Array {
    let taken = nearby(array, axis, positions);
    if positions.iter().all(Option::is_some) {
        return taken;
    }
    let known: Vec<bool> = positions.iter().map(Option::is_some).collect();
    masked(&taken, axis, &known)
}

/// The elements at positions along `axis`, any one near by where there is none.
#[track_caller]
fn nearby(array: &Array, axis: usize, positions: &[Option<usize>]) -> Array {
    // Without a position any element does; one near by makes tiles need no more of the axis.
    let mut last = positions.iter().flatten().copied().next().unwrap_or(0);
    let indices: Vec<isize> = positions
        .iter()
        .map(|at| {
            last = at.unwrap_or(last);
            last as isize
        })
        .collect();
    array.take(&indices, Some(axis as isize))
}

/// The elements at positions along `axis`, `value` where there is none.
#[track_caller]
pub(super) fn filled(
    array: &Array,
    axis: usize,
    positions: &[Option<usize>],
    value: Scalar,
) -> Array {
    let known: Vec<bool> = positions.iter().map(Option::is_some).collect();
    let taken = nearby(array, axis, positions);
    let known = along(array, axis, known, &taken.shape());
    taken.where_or(&known, value)
}

/// Whose line an old place lies on, where both of its neighbours have one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Knots {
    /// None: it keeps its element, as in `numpy.interp`.
    Keep,
    /// That from the place before it, as in SciPy's `interp1d`: missing when the element before is.
    Before,
}

/// The array, given at increasing `from` along `axis`, on the lines between them at `to`; missing outside.
#[track_caller]
pub(super) fn interpolated(
    array: &Array,
    axis: usize,
    from: &[f64],
    to: &[f64],
    knots: Knots,
) -> Array {
    let last = from.len() - 1;
    // The two neighbours; NaN is in no place.
    let place = |x: &f64| {
        if !(*x >= from[0] && *x <= from[last]) {
            return (None, None);
        }
        if knots == Knots::Before && last > 0 {
            let high = from.partition_point(|f| f < x).clamp(1, last);
            return (Some(high - 1), Some(high));
        }
        let low = from.partition_point(|f| f <= x) - 1;
        let high = if from[low] == *x { low } else { low + 1 };
        (Some(low), Some(high))
    };
    let (lows, highs): (Vec<Option<usize>>, Vec<Option<usize>>) = to.iter().map(place).unzip();
    let low = picked(array, axis, &lows);
    // Every new place is one of the old: nothing to interpolate.
    if lows == highs {
        return low;
    }
    let shape = low.shape();
    let ends = lows.iter().zip(&highs).zip(to);
    // At an old place: a step of 0 of a width of 1, so that nothing is added.
    let (steps, widths): (Vec<f64>, Vec<f64>) = ends
        .clone()
        .map(|((low, high), x)| match (low, high) {
            (Some(low), Some(high)) if low != high => (x - from[*low], from[*high] - from[*low]),
            _ => (0.0, 1.0),
        })
        .unzip();
    let exact: Vec<bool> = ends
        .map(|((low, high), _)| low.is_some() && low == high)
        .collect();
    let high = picked(array, axis, &highs);
    let slope = high.binary(BinaryOp::Subtract, &(&low).into()).binary(
        BinaryOp::Divide,
        &(&along(array, axis, widths, &shape)).into(),
    );
    let line = slope
        .binary(
            BinaryOp::Multiply,
            &(&along(array, axis, steps, &shape)).into(),
        )
        .binary(BinaryOp::Add, &(&low).into());
    if !exact.contains(&true) {
        return line;
    }
    let exact = along(array, axis, exact, &shape);
    low.where_or(&exact, &line)
}
