//! Operations along a dimension, by xarray's names: what keeps the dimensions.

use super::coord::Coord;
use super::data_array::DataArray;
use super::dataset::{Dataset, each};
use super::indexer::Indexer;
use super::reindex::reindexed;
use crate::array::Array;
use crate::dtype::Scalar;
use crate::error::{Error, Result};

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

    /// As [`DataArray::roll`], and the coordinates move, too (`roll_coords=True`).
    #[must_use]
    #[track_caller]
    pub fn roll_coords(&self, dim: &str, by: isize) -> Self {
        let axis = match self.axis("roll", dim) {
            Ok(axis) => axis,
            Err(error) => return self.clone().fail(error),
        };
        let len = self.shape()[axis] as isize;
        let from = |i: isize| (i - by).rem_euclid(len.max(1));
        self.isel_owned(
            "roll",
            vec![(dim.to_owned(), Indexer::List((0..len).map(from).collect()))],
        )
    }

    /// Elements moved by `by` along `dim`, with missing ones where none came from (integers become floats); coordinates stay
    /// where they are. xarray's `shift`.
    #[must_use]
    #[track_caller]
    pub fn shift(&self, dim: &str, by: isize) -> Self {
        self.shift_with(dim, by, None)
    }

    /// As [`DataArray::shift`], with `fill` where none came from.
    #[must_use]
    #[track_caller]
    pub fn shift_with(&self, dim: &str, by: isize, fill: Option<Scalar>) -> Self {
        self.along("shift", dim, |a, axis| {
            let len = a.shape().get(axis as usize).copied().unwrap_or(0) as isize;
            let from = |i: isize| (0..len).contains(&(i - by)).then_some((i - by) as usize);
            let places: Vec<Option<usize>> = (0..len).map(from).collect();
            reindexed(a, axis as usize, &places, fill)
        })
    }

    /// More elements before and after those along `dim`: missing ones or `fill` (constant), or what the border, its mirror or the
    /// other end has. Labels are padded alike, with missing ones for constant. xarray's `pad`.
    #[must_use]
    #[track_caller]
    pub fn pad(&self, dim: &str, before: usize, after: usize, mode: PadWith) -> Self {
        let axis = match self.axis("pad", dim) {
            Ok(axis) => axis,
            Err(error) => return self.clone().fail(error),
        };
        let fill = match mode {
            PadWith::Constant(fill) => fill,
            _ => None,
        };
        let padded = mode.places(self.shape()[axis], before, after);
        let places = match padded {
            Ok(places) => places,
            Err(error) => return self.clone().fail(error),
        };
        let mut result = self.with_array(reindexed(&self.array, axis, &places, fill));
        match padded_coords(&self.coords, dim, &places) {
            Ok(coords) => result.coords = coords,
            Err(error) => return result.fail(error),
        }
        result
    }

    /// The `n`-th difference of neighbours along `dim`; each has the label of the later one. xarray's `diff`.
    #[must_use]
    #[track_caller]
    pub fn diff(&self, dim: &str, n: usize) -> Self {
        self.diff_labelled(dim, n, false)
    }

    /// As [`DataArray::diff`]; with `lower` each has the label of the earlier one.
    #[must_use]
    #[track_caller]
    pub fn diff_labelled(&self, dim: &str, n: usize, lower: bool) -> Self {
        let made = || -> Result<Self> {
            let axis = self.axis("diff", dim)? as isize;
            let n_labels = n as isize;
            let labels = match lower {
                true => Indexer::Slice(
                    None,
                    Some((self.shape()[axis as usize] as isize - n_labels).max(0)),
                    1,
                ),
                false => Indexer::Slice(Some(n_labels), None, 1),
            };
            let labels = self.isel_one(dim, &labels);
            labels.check()?;
            let array = self.array.diff(n, axis, None, None);
            Ok(labels.with_array(array))
        };
        made().unwrap_or_else(|error| self.clone().fail(error))
    }
}

/// What `pad` puts beyond the borders.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PadWith {
    /// A value, or missing ones.
    Constant(Option<Scalar>),
    /// The border.
    Edge,
    /// Mirrored at the border element, which is not repeated.
    Reflect,
    /// Mirrored at the border, whose element is repeated.
    Symmetric,
    /// The other end.
    Wrap,
}

impl PadWith {
    /// Where each element of the padded axis comes from.
    fn places(self, len: usize, before: usize, after: usize) -> Result<Vec<Option<usize>>> {
        let n = len as isize;
        let least = match self {
            PadWith::Constant(_) => 0,
            PadWith::Reflect => 2,
            _ => 1,
        };
        if len < least && before + after > 0 {
            return Err(Error::invalid(format!(
                "pad: a dimension of length {len} cannot be padded by this mode; it needs {least} or more"
            )));
        }
        let from = |i: isize| match self {
            PadWith::Constant(_) => (0..n).contains(&i).then_some(i),
            PadWith::Edge => Some(i.clamp(0, n - 1)),
            PadWith::Wrap => Some(i.rem_euclid(n)),
            PadWith::Symmetric => {
                let i = i.rem_euclid(2 * n);
                Some(if i < n { i } else { 2 * n - 1 - i })
            }
            PadWith::Reflect => {
                let i = i.rem_euclid(2 * n - 2);
                Some(if i < n { i } else { 2 * n - 2 - i })
            }
        };
        let all = -(before as isize)..n + after as isize;
        Ok(all.map(|i| from(i).map(|i| i as usize)).collect())
    }
}

fn padded_coords(coords: &[Coord], dim: &str, places: &[Option<usize>]) -> Result<Vec<Coord>> {
    coords.iter().map(|c| c.take(dim, places)).collect()
}

/// Methods of every variable that has the dimension; the others stay.
macro_rules! of_variables {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $T:ty),*);)*) => {
        impl Dataset {$(
            $(#[$doc])*
            #[must_use]
            #[track_caller]
            pub fn $name(&self, dim: &str, $($arg: $T),*) -> Dataset {
                if let Err(error) = self.check_dims(stringify!($name), &[dim]) {
                    return self.fail(error);
                }
                let variables = each!(self, v => match v.has(dim) {
                    true => v.$name(dim, $($arg),*),
                    false => v.clone(),
                });
                self.of(stringify!($name), variables, &[(&self.origin, &self.coords)])
            }
        )*}
    };
}

of_variables! {
    /// As [`DataArray::cumsum`], of every variable that has the dimension.
    cumsum();
    /// As [`DataArray::cumprod`], of every variable that has the dimension.
    cumprod();
    /// As [`DataArray::ffill`], of every variable that has the dimension.
    ffill(limit: Option<usize>);
    /// As [`DataArray::bfill`], of every variable that has the dimension.
    bfill(limit: Option<usize>);
    /// As [`DataArray::roll`], of every variable that has the dimension.
    roll(by: isize);
    /// As [`DataArray::shift_with`], of every variable that has the dimension.
    shift_with(by: isize, fill: Option<Scalar>);
}

impl Dataset {
    /// As [`DataArray::shift`], of every variable that has the dimension.
    #[must_use]
    #[track_caller]
    pub fn shift(&self, dim: &str, by: isize) -> Dataset {
        self.shift_with(dim, by, None)
    }

    /// As [`DataArray::roll_coords`], all variables alike.
    #[must_use]
    #[track_caller]
    pub fn roll_coords(&self, dim: &str, by: isize) -> Dataset {
        let len = self
            .sizes()
            .iter()
            .find(|(d, _)| d == dim)
            .map_or(0, |s| s.1) as isize;
        let from = |i: isize| (i - by).rem_euclid(len.max(1));
        match self.check_dims("roll", &[dim]) {
            Ok(()) => self.isel_owned(
                "roll",
                vec![(dim.to_owned(), Indexer::List((0..len).map(from).collect()))],
            ),
            Err(error) => self.fail(error),
        }
    }

    /// As [`DataArray::diff`], of every variable that has the dimension.
    #[must_use]
    #[track_caller]
    pub fn diff(&self, dim: &str, n: usize) -> Dataset {
        self.diff_labelled(dim, n, false)
    }

    /// As [`DataArray::diff_labelled`], of every variable that has the dimension.
    #[must_use]
    #[track_caller]
    pub fn diff_labelled(&self, dim: &str, n: usize, lower: bool) -> Dataset {
        if let Err(error) = self.check_dims("diff", &[dim]) {
            return self.fail(error);
        }
        let variables = each!(self, v => match v.has(dim) {
            true => v.diff_labelled(dim, n, lower),
            false => v.clone(),
        });
        self.of("diff", variables, &[])
    }

    /// As [`DataArray::pad`], of every variable that has the dimension.
    #[must_use]
    #[track_caller]
    pub fn pad(&self, dim: &str, before: usize, after: usize, mode: PadWith) -> Dataset {
        let made = self.check_dims("pad", &[dim]).and_then(|()| {
            let len = self
                .sizes()
                .iter()
                .find(|(d, _)| d == dim)
                .map_or(0, |s| s.1);
            padded_coords(&self.coords, dim, &mode.places(len, before, after)?)
        });
        match made {
            Ok(coords) => {
                let variables = each!(self, v => match v.has(dim) {
                    true => v.pad(dim, before, after, mode),
                    false => v.clone(),
                });
                self.with_coords("pad", variables, Ok(coords))
            }
            Err(error) => self.fail(error),
        }
    }

    /// True for values that are there.
    #[must_use]
    #[track_caller]
    pub fn notnull(&self) -> Dataset {
        let variables = each!(self, v => v.notnull());
        self.of("notnull", variables, &[(&self.origin, &self.coords)])
    }

    /// True where an element equals one of `values`.
    #[must_use]
    #[track_caller]
    pub fn isin<T: Into<Scalar> + Clone>(&self, values: &[T]) -> Dataset {
        let variables = each!(self, v => v.isin(values));
        self.of("isin", variables, &[(&self.origin, &self.coords)])
    }

    /// Rounded to so many decimals, halves to even.
    #[must_use]
    #[track_caller]
    pub fn round(&self, decimals: i32) -> Dataset {
        let variables = each!(self, v => v.round(decimals));
        self.of("round", variables, &[(&self.origin, &self.coords)])
    }
}
