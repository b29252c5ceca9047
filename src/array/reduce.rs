//! Reductions. By position NumPy's rule holds: missing values win; the `nan…` forms skip them.

use super::array::Array;
use super::dtypes::can_cast;
use crate::block::Block;
use crate::error::{Error, Result};
use crate::expr::GroupBy;
use crate::geom::{Select, ViewAxis, normalize_axes, normalize_axis};
use crate::kernel::registered_reduction;
use crate::op::{Reduction, ReductionKind};
use std::panic::Location;
use std::sync::Arc;

/// How a reduction treats missing values and axes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReduceOptions {
    /// Skip NaN and NaT; `None` means xarray's default: skip for types that have them.
    pub skipna: Option<bool>,
    /// Reduced axes stay, with length 1.
    pub keepdims: bool,
}

impl ReduceOptions {
    /// Missing values win, as NumPy's plain functions have it.
    const PLAIN: Self = ReduceOptions {
        skipna: Some(false),
        keepdims: false,
    };
    /// Missing values are skipped: NumPy's `nan…` functions.
    const SKIPPING: Self = ReduceOptions {
        skipna: Some(true),
        keepdims: false,
    };
}

macro_rules! reductions {
    ($($(#[$doc:meta])* $name:ident, $skipping:ident => $Kind:ident;)*) => {
        impl Array {$(
            $(#[$doc])*
            /// Over `axes` (empty: all). Missing values win.
            #[must_use]
            #[track_caller]
            pub fn $name(&self, axes: &[isize]) -> Array {
                self.reduce(ReductionKind::$Kind, axes, ReduceOptions::PLAIN)
            }

            $(#[$doc])*
            /// Over `axes` (empty: all). Missing values are skipped.
            #[must_use]
            #[track_caller]
            pub fn $skipping(&self, axes: &[isize]) -> Array {
                self.reduce(ReductionKind::$Kind, axes, ReduceOptions::SKIPPING)
            }
        )*}
    };
}

reductions! {
    #[doc = "Sum."] sum, nansum => Sum;
    #[doc = "Product."] prod, nanprod => Prod;
    #[doc = "Arithmetic mean."] mean, nanmean => Mean;
    #[doc = "Smallest."] min, nanmin => Min;
    #[doc = "Largest."] max, nanmax => Max;
    #[doc = "Index of the first smallest."] argmin, nanargmin => Argmin;
    #[doc = "Index of the first largest."] argmax, nanargmax => Argmax;
}

impl Array {
    /// Any reduction, by its record.
    #[must_use]
    #[track_caller]
    pub fn reduce(&self, kind: ReductionKind, axes: &[isize], options: ReduceOptions) -> Array {
        let shape = self.shape();
        let dtype = self.dtype();
        self.push(|g, a| {
            let mut reduction = Reduction::new(kind, dtype);
            if let Some(skipna) = options.skipna {
                reduction.skipna = skipna && dtype.has_missing();
            }
            let axes = normalize_axes(reduction.name(), axes, shape.len())?;
            if matches!(kind, ReductionKind::Argmin | ReductionKind::Argmax)
                && axes.len() != 1
                && axes.len() != shape.len()
            {
                return Err(Error::invalid(format!(
                    "{}: along one axis or over all, not over axes {axes:?} of {}",
                    reduction.name(),
                    shape.len()
                )));
            }
            if matches!(kind, ReductionKind::First | ReductionKind::Last) && axes.len() > 1 {
                return Err(Error::unsupported(format!(
                    "{}: along one axis, not over axes {axes:?}: elements have an order along an axis only",
                    reduction.name()
                )));
            }
            let reduced = g.reduce(a, reduction, axes.clone(), None)?;
            if !options.keepdims {
                return Ok(reduced);
            }
            let mut parent = 0;
            let view = (0..shape.len())
                .map(|axis| {
                    if axes.contains(&axis) {
                        return ViewAxis { parent: None, step: 0, len: 1 };
                    }
                    parent += 1;
                    ViewAxis { parent: Some(parent - 1), step: 1, len: shape[axis] }
                })
                .collect();
            g.select(reduced, Select { base: vec![0; parent], axes: view })
        })
    }

    /// A registered reduction (see [`register_reduction`](crate::kernel::register_reduction)) over `axes` (empty: all), with
    /// `keepdims` reduced axes stay with length 1. dask's `reduction`. Elements of other dtypes are cast to those of the reduction
    /// where NumPy calls that safe.
    #[must_use]
    #[track_caller]
    pub fn reduction(&self, name: &str, axes: &[isize], keepdims: bool) -> Array {
        let location = Location::caller();
        let made = || -> Result<Array> {
            self.check()?;
            let registered = registered_reduction(name)?;
            let (dtype, item) = (self.dtype(), registered.op.item);
            if !can_cast(dtype, item, "safe")? {
                return Err(Error::invalid(format!(
                    "reduction {name:?}: it folds {item}, which {dtype} does not become under the rule \"safe\"; cast the array first"
                )));
            }
            let options = ReduceOptions {
                keepdims,
                ..ReduceOptions::PLAIN
            };
            let kind = ReductionKind::User(registered.op);
            let shape = self.shape();
            let folded = normalize_axes(name, axes, shape.len())?;
            if folded.iter().any(|axis| shape[*axis] == 0) {
                // The shape of a fold over nothing, with what the kernels say of it.
                let counted = self.reduce(ReductionKind::Count, axes, options);
                return Ok(counted
                    .astype(registered.op.output)
                    .full_like(registered.of_nothing()?));
            }
            Ok(self.astype(item).reduce(kind, axes, options))
        };
        made().unwrap_or_else(|e| Array::new(self.session().clone(), Err(e.at_call(location))))
    }

    /// What `f` makes of the array along one of `axes`, and of that along the next; an axis that goes stays with length 1. NumPy's
    /// `apply_over_axes`: `x.apply_over_axes(|a, axis| a.sum(&[axis]), &[0, 2])`.
    #[must_use]
    #[track_caller]
    pub fn apply_over_axes(&self, f: impl Fn(&Array, isize) -> Array, axes: &[isize]) -> Array {
        let ndim = self.ndim();
        let mut result = self.clone();
        for axis in axes {
            let axis = match normalize_axis("apply_over_axes", *axis, ndim) {
                Ok(axis) => axis as isize,
                Err(_) if self.check().is_err() => return self.clone(),
                Err(error) => return Array::failed(self.session(), error),
            };
            let folded = f(&result, axis);
            result = match folded.ndim() {
                _ if folded.check().is_err() => return folded,
                same if same == ndim => folded,
                less if less + 1 == ndim => folded.expand_dims(&[axis]),
                other => {
                    return Array::failed(
                        self.session(),
                        Error::invalid(format!(
                            "apply_over_axes: the function made {other} axes of {ndim}; it must keep them, or fold one"
                        )),
                    );
                }
            };
        }
        result
    }

    /// Folds one axis into groups: `codes[i]` is the group of index `i` (`u32::MAX`: none), below `groups`.
    #[must_use]
    #[track_caller]
    pub fn group_reduce(
        &self,
        kind: ReductionKind,
        axis: isize,
        codes: Arc<Vec<u32>>,
        groups: usize,
        skipna: Option<bool>,
    ) -> Array {
        self.group_reduce_over(kind, axis, codes, groups, &[], skipna)
    }

    /// As [`Array::group_reduce`], and folds other `axes` to nothing.
    #[track_caller]
    pub(crate) fn group_reduce_over(
        &self,
        kind: ReductionKind,
        axis: isize,
        codes: Arc<Vec<u32>>,
        groups: usize,
        axes: &[isize],
        skipna: Option<bool>,
    ) -> Array {
        let shape = self.shape();
        let dtype = self.dtype();
        let checked = normalize_axis("groupby", axis, shape.len())
            .and_then(|axis| check_codes(&codes, shape[axis], groups).map(|block| (axis, block)));
        let (axis, block) = match checked {
            Ok(checked) => checked,
            Err(_) if self.check().is_err() => return self.clone(),
            Err(error) => return Array::failed(self.session(), error),
        };
        let codes = self.session().keep(Arc::new(block));
        self.push(|g, a| {
            let mut folded = Vec::with_capacity(axes.len());
            for other in axes {
                folded.push(normalize_axis("groupby", *other, shape.len())?);
            }
            folded.sort_unstable();
            let mut reduction = Reduction::new(kind, dtype);
            if let Some(skipna) = skipna {
                reduction.skipna = skipna && dtype.has_missing();
            }
            g.reduce(
                a,
                reduction,
                folded,
                Some(GroupBy {
                    axis,
                    codes,
                    groups,
                }),
            )
        })
    }

    /// Number of elements that are not missing, over `axes`.
    #[must_use]
    #[track_caller]
    pub fn count(&self, axes: &[isize]) -> Array {
        self.reduce(ReductionKind::Count, axes, ReduceOptions::default())
    }

    /// True when any element is not zero.
    #[must_use]
    #[track_caller]
    pub fn any(&self, axes: &[isize]) -> Array {
        self.reduce(ReductionKind::Any, axes, ReduceOptions::PLAIN)
    }

    /// True when no element is zero.
    #[must_use]
    #[track_caller]
    pub fn all(&self, axes: &[isize]) -> Array {
        self.reduce(ReductionKind::All, axes, ReduceOptions::PLAIN)
    }

    /// Variance with divisor `n − ddof`.
    #[must_use]
    #[track_caller]
    pub fn var(&self, axes: &[isize], ddof: u32) -> Array {
        self.reduce(ReductionKind::Var { ddof }, axes, ReduceOptions::PLAIN)
    }

    /// Standard deviation with divisor `n − ddof`.
    #[must_use]
    #[track_caller]
    pub fn std(&self, axes: &[isize], ddof: u32) -> Array {
        self.reduce(ReductionKind::Std { ddof }, axes, ReduceOptions::PLAIN)
    }

    /// Variance that skips missing values.
    #[must_use]
    #[track_caller]
    pub fn nanvar(&self, axes: &[isize], ddof: u32) -> Array {
        self.reduce(ReductionKind::Var { ddof }, axes, ReduceOptions::SKIPPING)
    }

    /// Standard deviation that skips missing values.
    #[must_use]
    #[track_caller]
    pub fn nanstd(&self, axes: &[isize], ddof: u32) -> Array {
        self.reduce(ReductionKind::Std { ddof }, axes, ReduceOptions::SKIPPING)
    }
}

fn check_codes(codes: &[u32], len: usize, groups: usize) -> Result<Block> {
    if codes.len() != len {
        return Err(Error::invalid(format!(
            "groupby: {} labels for an axis of length {len}",
            codes.len()
        )));
    }
    if let Some(code) = codes
        .iter()
        .find(|c| **c != u32::MAX && **c as usize >= groups)
    {
        return Err(Error::invalid(format!(
            "groupby: label {code} with {groups} groups; allowed are 0 … {}",
            groups.saturating_sub(1)
        )));
    }
    Block::from_vec(&[len], codes.to_vec())
}
