//! Arithmetic of indices: row-major numbers of elements, and the places in triangles of matrices. No list is stored.

use super::array::Array;
use super::choose::IndexMode;
use crate::driver::Driver;
use crate::error::{Error, Result};
use std::panic::Location;

/// Elements between neighbours along each axis, and of all.
fn strides(operation: &str, dims: &[usize], column_major: bool) -> Result<(Vec<i64>, i64)> {
    let mut strides = vec![1i64; dims.len()];
    let mut step = 1i64;
    let mut order: Vec<usize> = (0..dims.len()).rev().collect();
    if column_major {
        order.reverse();
    }
    for axis in order {
        strides[axis] = step;
        let longer = i64::try_from(dims[axis])
            .ok()
            .and_then(|len| step.checked_mul(len));
        step = longer.ok_or_else(|| {
            Error::invalid(format!(
                "{operation}: an array of shape {dims:?} has more elements than int64 can count"
            ))
        })?;
    }
    Ok((strides, step))
}

/// The numbers of the elements of an array of lengths `dims` with these indices, one array per axis: row-major, or column-major.
/// `mode` says what an index outside means: one for all axes, or one per axis. NumPy's `ravel_multi_index`.
///
/// # Errors
/// Invalid input when arrays, lengths and modes do not fit; the first error of an array's making. An index outside is an error
/// when the elements are computed.
#[track_caller]
pub fn ravel_multi_index(
    indices: &[&Array],
    dims: &[usize],
    mode: &[IndexMode],
    column_major: bool,
) -> Result<Array> {
    const NAME: &str = "ravel_multi_index";
    let location = Location::caller();
    let modes = match mode {
        [] => vec![IndexMode::Raise; dims.len()],
        [one] => vec![*one; dims.len()],
        modes => modes.to_vec(),
    };
    if indices.len() != dims.len() || modes.len() != dims.len() || dims.is_empty() {
        return Err(Error::invalid(format!(
            "{NAME}: {} index arrays and {} modes for an array of shape {dims:?}; give one array per axis, and one mode or one per axis",
            indices.len(),
            modes.len()
        ))
        .at_call(location));
    }
    let (strides, _) = strides(NAME, dims, column_major).map_err(|e| e.at_call(location))?;
    let mut sum: Option<Array> = None;
    for (axis, array) in indices.iter().enumerate() {
        let what = format!("{NAME}: index along axis {axis}");
        let index = array.inside(&what, dims[axis], modes[axis]);
        let part = index.multiply(strides[axis]);
        sum = Some(sum.map_or(part.clone(), |sum| sum.add(&part)));
    }
    let sum = sum.ok_or_else(|| Error::internal("no axes"))?;
    sum.check().map(|()| sum)
}

/// The indices, one array per axis, of the elements with these numbers in an array of lengths `dims`, counted row-major or
/// column-major. NumPy's `unravel_index`.
///
/// # Errors
/// Invalid input when the numbers are no integers; the first error of the array's making. A number outside is an error when the
/// elements are computed.
#[track_caller]
pub fn unravel_index(indices: &Array, dims: &[usize], column_major: bool) -> Result<Vec<Array>> {
    const NAME: &str = "unravel_index";
    let location = Location::caller();
    indices.check()?;
    let (strides, elements) = strides(NAME, dims, column_major).map_err(|e| e.at_call(location))?;
    let what = format!("{NAME}: index");
    let index = indices.inside(&what, elements as usize, IndexMode::Raise);
    let each = strides.iter().zip(dims).map(|(stride, len)| {
        let part = index
            .floor_divide((*stride).max(1))
            .remainder((*len).max(1) as i64);
        part.check().map(|()| part)
    });
    each.collect()
}

impl Driver {
    /// The row and column indices of the lower triangle of an `n` × `m` matrix (`None`: n), up to diagonal `k`. NumPy's
    /// `tril_indices`.
    #[must_use]
    #[track_caller]
    pub fn tril_indices(&self, n: usize, k: isize, m: Option<usize>) -> [Array; 2] {
        self.triangle_indices(n, k, m.unwrap_or(n), true)
    }

    /// The row and column indices of the upper triangle of an `n` × `m` matrix (`None`: n), from diagonal `k` on. NumPy's
    /// `triu_indices`.
    #[must_use]
    #[track_caller]
    pub fn triu_indices(&self, n: usize, k: isize, m: Option<usize>) -> [Array; 2] {
        self.triangle_indices(n, k, m.unwrap_or(n), false)
    }

    #[track_caller]
    fn triangle_indices(&self, n: usize, k: isize, m: usize, lower: bool) -> [Array; 2] {
        // Elements of the triangle in the rows before row i: those of rows of 1, 2, … m, m, … elements (lower; the first of
        // them is row −k), or of the rest of each row (upper). One formula for numbers and for arrays of them.
        let (width, k) = (m as i64, k as i64);
        let grown = |x: i64| {
            let short = x.clamp(0, width);
            short * (short + 1) / 2 + (x.max(width) - width) * width
        };
        let before = |row: i64| match lower {
            true => grown(row + k) - grown(k),
            false => width * row - (grown(row + k - 1) - grown(k - 1)),
        };
        let skipped = grown(if lower { k } else { k - 1 });
        let starts = |rows: &Array| {
            let grown = |x: &Array| {
                let short = x.clip(0, width);
                let one_more = short.add(1);
                let triangle = short.multiply(&one_more).floor_divide(2);
                triangle.add(x.maximum(width).subtract(width).multiply(width))
            };
            match lower {
                true => grown(&rows.add(k)).subtract(skipped),
                false => {
                    let left = grown(&rows.add(k - 1)).subtract(skipped);
                    rows.multiply(width).subtract(&left)
                }
            }
        };
        let total = before(n as i64).max(0) as usize;
        let index = self.indices_1d(total);
        // The last row that starts at or before an element.
        let ends = starts(&self.indices_1d(n).add(1));
        let rows = ends.searchsorted(&index, true);
        let first = match lower {
            true => None,
            false => Some(rows.add(k).maximum(0)),
        };
        let columns = index.subtract(starts(&rows));
        let columns = first.map_or(columns.clone(), |first| columns.add(&first));
        [rows, columns]
    }
}

impl Array {
    /// [`Driver::tril_indices`] for a matrix of this shape.
    ///
    /// # Errors
    /// Invalid input when the array has not two axes.
    pub fn tril_indices_from(&self, k: isize) -> Result<[Array; 2]> {
        let [n, m] = self.matrix_shape("tril_indices_from")?;
        Ok(Driver::of(self.session()).tril_indices(n, k, Some(m)))
    }

    /// [`Driver::triu_indices`] for a matrix of this shape.
    ///
    /// # Errors
    /// Invalid input when the array has not two axes.
    pub fn triu_indices_from(&self, k: isize) -> Result<[Array; 2]> {
        let [n, m] = self.matrix_shape("triu_indices_from")?;
        Ok(Driver::of(self.session()).triu_indices(n, k, Some(m)))
    }

    fn matrix_shape(&self, operation: &str) -> Result<[usize; 2]> {
        self.check()?;
        <[usize; 2]>::try_from(self.shape()).map_err(|shape| {
            Error::invalid(format!(
                "{operation}: the array has shape {shape:?}; a matrix of two axes is needed"
            ))
        })
    }
}
