//! Shapes: lengths per axis, row-major strides, axis checks and NumPy's broadcasting rule.

use crate::error::{Error, Result};

/// Lengths per axis, outermost first; a 0-d array has an empty shape.
pub type Shape = Vec<usize>;

/// An axis number that may count from the end, checked against `ndim`.
///
/// # Errors
/// Invalid input when the axis is out of range; `operation` starts the message.
pub fn normalize_axis(operation: &str, axis: isize, ndim: usize) -> Result<usize> {
    let n = ndim as isize;
    if (-n..n).contains(&axis) {
        return Ok(axis.rem_euclid(n) as usize);
    }
    Err(Error::invalid(match ndim {
        0 => format!("{operation}: axis {axis} is out of range: the array has no axes"),
        _ => format!(
            "{operation}: axis {axis} is out of range; allowed are {} … {}",
            -n,
            n - 1
        ),
    }))
}

/// Several axes, sorted, each at most once; an empty list means all axes.
///
/// # Errors
/// Invalid input when one is out of range or given twice.
pub fn normalize_axes(operation: &str, axes: &[isize], ndim: usize) -> Result<Vec<usize>> {
    if axes.is_empty() {
        return Ok((0..ndim).collect());
    }
    let mut result = Vec::with_capacity(axes.len());
    for &axis in axes {
        let axis = normalize_axis(operation, axis, ndim)?;
        if result.contains(&axis) {
            return Err(Error::invalid(format!(
                "{operation}: axis {axis} is given twice"
            )));
        }
        result.push(axis);
    }
    result.sort_unstable();
    Ok(result)
}

/// The shape that two shapes broadcast to, after NumPy: aligned at the last axis, length 1 stretches.
///
/// # Errors
/// Invalid input when two lengths differ and neither is 1.
pub fn broadcast_shapes(operation: &str, a: &[usize], b: &[usize]) -> Result<Shape> {
    let ndim = a.len().max(b.len());
    let length = |shape: &[usize], axis: usize| {
        (axis + shape.len())
            .checked_sub(ndim)
            .map_or(1, |i| shape[i])
    };
    (0..ndim)
        .map(|axis| match (length(a, axis), length(b, axis)) {
            (x, y) if x == y => Ok(x),
            (1, y) => Ok(y),
            (x, 1) => Ok(x),
            (x, y) => Err(Error::invalid(format!(
                "{operation}: shapes {a:?} and {b:?} do not align: lengths {x} and {y} on axis {axis}; \
                 lengths must be equal, or one of them 1"
            ))),
        })
        .collect()
}
