//! Windows along axes: views of them, statistics of sliding ones, and coarser arrays of windows side by side.

use super::array::Array;
use super::pad::{PadMode, pad};
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result};
use crate::geom::{Select, Span, ViewAxis, normalize_axis};
use crate::op::{Reduction, ReductionKind, Sliding, SlidingKind};

/// What becomes of elements that fill no window of [`Array::coarsen`]: xarray's choices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CoarsenBoundary {
    /// They are an error.
    Exact,
    /// They are left out.
    Trim,
    /// Missing elements fill their window; integers become floats.
    Pad,
}

/// Windows that slide along an axis: statistics of the elements in them that are not missing, one per element. Floats stay
/// what they are, all else becomes f64; xarray's `rolling`.
///
/// Each result is a function of its window and its index: a window lies over at most one multiple of its length, and its two
/// parts are folded towards that cut and away from it. Work does not grow with the window.
#[derive(Clone)]
pub struct Rolling {
    array: Array,
    axis: isize,
    window: usize,
    min_periods: Option<usize>,
    center: bool,
}

impl Array {
    /// Windows of these lengths along `axes`, as new last axes; no element is copied. NumPy's `sliding_window_view`.
    #[must_use]
    #[track_caller]
    pub fn sliding_window_view(&self, window: &[usize], axes: &[isize]) -> Array {
        self.push(|g, a| {
            let shape = g.shape(a).to_vec();
            let all: Vec<isize> = (0..shape.len() as isize).collect();
            let axes = if axes.is_empty() { &all[..] } else { axes };
            if axes.len() != window.len() {
                return Err(Error::invalid(format!(
                    "sliding_window_view: {} windows for {} axes; give one per axis",
                    window.len(),
                    axes.len()
                )));
            }
            let mut select = Select::all(&shape);
            for (axis, window) in axes.iter().zip(window) {
                let axis = normalize_axis("sliding_window_view", *axis, shape.len())?;
                let len = &mut select.axes[axis].len;
                if *window == 0 || *window > *len {
                    return Err(Error::invalid(format!(
                        "sliding_window_view: a window of {window} on axis {axis} of length {len}; allowed are 1 … {len}"
                    )));
                }
                *len -= window - 1;
                select.axes.push(ViewAxis {
                    parent: Some(axis),
                    step: 1,
                    len: *window,
                });
            }
            g.select(a, select)
        })
    }

    /// Windows of `window` elements that slide along `axis`; each ends at its element.
    #[must_use]
    pub fn rolling(&self, axis: isize, window: usize) -> Rolling {
        Rolling {
            array: self.clone(),
            axis,
            window,
            min_periods: None,
            center: false,
        }
    }

    /// Windows side by side along some axes (axis, elements), each folded to one element. xarray's and dask's `coarsen`. `skipna`
    /// as in [`ReduceOptions`](super::ReduceOptions).
    #[must_use]
    #[track_caller]
    pub fn coarsen(
        &self,
        windows: &[(isize, usize)],
        boundary: CoarsenBoundary,
        kind: ReductionKind,
        skipna: Option<bool>,
    ) -> Array {
        self.push(|g, a| {
            let mut shape = g.shape(a).to_vec();
            let mut by_axis = vec![None; shape.len()];
            for (axis, window) in windows {
                let axis = normalize_axis("coarsen", *axis, shape.len())?;
                if *window == 0 || by_axis[axis].is_some() {
                    return Err(Error::invalid(format!(
                        "coarsen: a window of {window} on axis {axis}; give at least 1, once per axis"
                    )));
                }
                by_axis[axis] = Some(*window);
            }
            let mut a = a;
            let mut width = vec![(0, 0); shape.len()];
            for (axis, window) in by_axis.iter().enumerate() {
                let rest = window.map_or(0, |window| shape[axis] % window);
                match (boundary, window) {
                    (_, None) => {}
                    _ if rest == 0 => {}
                    (CoarsenBoundary::Exact, Some(window)) => {
                        return Err(Error::invalid(format!(
                            "coarsen: axis {axis} of length {} is no multiple of the window {window}; use boundary trim or pad",
                            shape[axis]
                        )));
                    }
                    (CoarsenBoundary::Trim, _) => shape[axis] -= rest,
                    (CoarsenBoundary::Pad, Some(window)) => width[axis].1 = window - rest,
                }
            }
            if width.iter().any(|width| *width != (0, 0)) {
                let dtype = g.dtype(a).with_missing();
                a = g.cast(a, dtype)?;
                let missing = Scalar::missing(dtype)
                    .ok_or_else(|| Error::internal(format!("nothing missing in {dtype}")))?;
                a = pad(g, a, &width, &PadMode::Constant(vec![(missing, missing)]))?;
                shape = g.shape(a).to_vec();
            }
            let spans: Vec<Span> = shape.iter().map(|len| Span::all(*len)).collect();
            let mut select = Select::spans(&spans);
            let mut folded = Vec::new();
            let mut axes = Vec::new();
            for (axis, window) in by_axis.iter().enumerate() {
                let whole = select.axes[axis];
                match window {
                    None => axes.push(whole),
                    Some(window) => {
                        axes.push(ViewAxis { step: *window as isize, len: whole.len / window, ..whole });
                        folded.push(axes.len());
                        axes.push(ViewAxis { len: *window, ..whole });
                    }
                }
            }
            select.axes = axes;
            let view = g.select(a, select)?;
            let mut reduction = Reduction::new(kind, g.dtype(view));
            if let Some(skipna) = skipna {
                reduction.skipna = skipna && g.dtype(view).has_missing();
            }
            match folded.is_empty() {
                true => Ok(view),
                false => g.reduce(view, reduction, folded, None),
            }
        })
    }
}

impl Rolling {
    /// The result is missing where a window has fewer elements that are not missing; the length of the window when not given.
    #[must_use]
    pub fn min_periods(mut self, least: usize) -> Self {
        self.min_periods = Some(least);
        self
    }

    /// Windows lie around their element instead of before it.
    #[must_use]
    pub fn center(mut self, center: bool) -> Self {
        self.center = center;
        self
    }

    /// Any statistic, by its record.
    #[must_use]
    #[track_caller]
    pub fn reduce(&self, kind: SlidingKind) -> Array {
        self.array.push(|g, a| {
            let (shape, dtype) = (g.shape(a).to_vec(), g.dtype(a));
            let axis = normalize_axis("rolling", self.axis, shape.len())?;
            let window = self.window;
            let min_count = self.min_periods.unwrap_or(window);
            if window == 0 {
                return Err(Error::invalid("rolling: a window of 0; give at least 1"));
            }
            if min_count == 0 || min_count > window {
                return Err(Error::invalid(format!(
                    "rolling: min_periods {min_count} with a window of {window}; allowed are 1 … {window}"
                )));
            }
            if dtype.is_complex() || dtype.is_time() {
                return Err(Error::invalid(format!(
                    "rolling: not defined for {dtype}; allowed: real numbers and bool"
                )));
            }
            let dtype = if dtype == DType::F32 { dtype } else { DType::F64 };
            let a = g.cast(a, dtype)?;
            if shape.contains(&0) {
                return Ok(a);
            }
            let after = if self.center { (window - 1) / 2 } else { 0 };
            let before = window - 1 - after;
            let op = Sliding { kind, axis, window, before, min_count };
            g.call(op, vec![a])
        })
    }

    /// Sum.
    #[must_use]
    #[track_caller]
    pub fn sum(&self) -> Array {
        self.reduce(SlidingKind::Sum)
    }

    /// Product.
    #[must_use]
    #[track_caller]
    pub fn prod(&self) -> Array {
        self.reduce(SlidingKind::Prod)
    }

    /// Arithmetic mean.
    #[must_use]
    #[track_caller]
    pub fn mean(&self) -> Array {
        self.reduce(SlidingKind::Mean)
    }

    /// Smallest.
    #[must_use]
    #[track_caller]
    pub fn min(&self) -> Array {
        self.reduce(SlidingKind::Min)
    }

    /// Largest.
    #[must_use]
    #[track_caller]
    pub fn max(&self) -> Array {
        self.reduce(SlidingKind::Max)
    }

    /// Variance with divisor `n − ddof`.
    #[must_use]
    #[track_caller]
    pub fn var(&self, ddof: u32) -> Array {
        self.reduce(SlidingKind::Var { ddof })
    }

    /// Standard deviation with divisor `n − ddof`.
    #[must_use]
    #[track_caller]
    pub fn std(&self, ddof: u32) -> Array {
        self.reduce(SlidingKind::Std { ddof })
    }

    /// Number of elements that are not missing.
    #[must_use]
    #[track_caller]
    pub fn count(&self) -> Array {
        self.reduce(SlidingKind::Count)
    }
}

/// Names of [`CoarsenBoundary`].
impl std::str::FromStr for CoarsenBoundary {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "exact" => Ok(CoarsenBoundary::Exact),
            "trim" => Ok(CoarsenBoundary::Trim),
            "pad" => Ok(CoarsenBoundary::Pad),
            other => Err(Error::invalid(format!(
                "coarsen: unknown boundary {other:?}; known: exact, trim, pad"
            ))),
        }
    }
}
