//! Operations along a dimension, by xarray's names: what keeps the dimensions.

use super::data_array::DataArray;
use super::indexer::Indexer;
use crate::array::Array;
use crate::driver::Driver;
use crate::error::Result;

impl DataArray {
    /// The array that `f` makes along the axis of `dim`, under the same names.
    #[track_caller]
    fn along(&self, name: &str, dim: &str, f: impl FnOnce(&Array, isize) -> Array) -> Self {
        match self.axis(name, dim) {
            Ok(axis) => self.with_array(f(&self.array, axis as isize)),
            Err(error) => self.clone().fail(error),
        }
    }

    /// Sum of the elements up to each along `dim`; missing ones are skipped, as xarray has it.
    #[must_use]
    #[track_caller]
    pub fn cumsum(&self, dim: &str) -> Self {
        self.along("cumsum", dim, |a, axis| a.nancumsum(axis))
    }

    /// Product of the elements up to each along `dim`; missing ones are skipped.
    #[must_use]
    #[track_caller]
    pub fn cumprod(&self, dim: &str) -> Self {
        self.along("cumprod", dim, |a, axis| a.nancumprod(axis))
    }

    /// Missing elements become the last one before them along `dim` that is not, at most `limit` in a row.
    #[must_use]
    #[track_caller]
    pub fn ffill(&self, dim: &str, limit: Option<usize>) -> Self {
        self.along("ffill", dim, |a, axis| a.ffill(axis, limit))
    }

    /// Missing elements become the first one after them along `dim` that is not, at most `limit` in a row.
    #[must_use]
    #[track_caller]
    pub fn bfill(&self, dim: &str, limit: Option<usize>) -> Self {
        self.along("bfill", dim, |a, axis| a.bfill(axis, limit))
    }

    /// Elements moved by `by` along `dim`, round the end; coordinates stay where they are. xarray's `roll`.
    #[must_use]
    #[track_caller]
    pub fn roll(&self, dim: &str, by: isize) -> Self {
        self.along("roll", dim, |a, axis| a.roll(&[by], &[axis]))
    }

    /// Elements moved by `by` along `dim`, with missing ones where none came from (integers become floats); coordinates stay
    /// where they are. xarray's `shift`.
    #[must_use]
    #[track_caller]
    pub fn shift(&self, dim: &str, by: isize) -> Self {
        if by == 0 {
            return self.along("shift", dim, |a, _| a.clone());
        }
        self.along("shift", dim, |a, axis| {
            let shape = a.shape();
            let len = shape.get(axis as usize).copied().unwrap_or(0) as isize;
            // True where the element that comes here is one of the array.
            let index = Driver::of(a.session()).indices_1d(len as usize);
            let known = match by > 0 {
                true => index.ge(by.min(len) as i64),
                false => index.lt((len + by).max(0) as i64),
            };
            let known = known.broadcast_axes(&[axis as usize], &shape);
            a.roll(&[by], &[axis]).where_(&known)
        })
    }

    /// The `n`-th difference of neighbours along `dim`; each has the label of the later one. xarray's `diff`.
    #[must_use]
    #[track_caller]
    pub fn diff(&self, dim: &str, n: usize) -> Self {
        let made = || -> Result<Self> {
            let axis = self.axis("diff", dim)? as isize;
            let labels = self.isel_one(dim, &Indexer::Slice(Some(n as isize), None, 1));
            labels.check()?;
            let array = self.array.diff(n, axis, None, None);
            Ok(labels.with_array(array))
        };
        made().unwrap_or_else(|error| self.clone().fail(error))
    }
}
