//! Statistics made of reductions: under the names and definitions of NumPy and SciPy. Missing values win.
//!
//! Those about the mean take two passes: the mean first, then the powers of what is left, so that large means cost no digits.

use super::array::Array;
use super::reduce::ReduceOptions;
use crate::dtype::{DType, Kind, promote};
use crate::error::{Error, Result};
use crate::geom::normalize_axes;
use crate::op::ReductionKind;

const KEPT: ReduceOptions = ReduceOptions {
    skipna: Some(false),
    keepdims: true,
};

impl Array {
    /// Largest less smallest, over `axes` (empty: all). NumPy's `ptp`.
    #[must_use]
    #[track_caller]
    pub fn ptp(&self, axes: &[isize]) -> Array {
        self.max(axes) - self.min(axes)
    }

    /// Number of elements that are not zero, over `axes` (empty: all), int64; NaN is not zero. NumPy's `count_nonzero`.
    #[must_use]
    #[track_caller]
    pub fn count_nonzero(&self, axes: &[isize]) -> Array {
        self.logical_not().invert().sum(axes)
    }

    /// Mean over `axes` (empty: all), weighted: `weights` have the shape of the array, or one axis along the only axis of
    /// `axes`. NumPy's `average`; where the weights sum to 0 it is NaN or infinite, not an error.
    #[must_use]
    #[track_caller]
    pub fn average(&self, axes: &[isize], weights: Option<&Array>) -> Array {
        let Some(weights) = weights else {
            return self.mean(axes);
        };
        if let Some(error) = self.check().err().or(weights.check().err()) {
            return Array::failed(self.session(), error);
        }
        let (weights, dtype) = match self.spread_weights(axes, weights) {
            Ok(spread) => spread,
            Err(error) => return Array::failed(self.session(), error),
        };
        let (x, weights) = (self.astype(dtype), weights.astype(dtype));
        (&x * &weights).sum(axes) / weights.sum(axes)
    }

    /// The weights in the shape of the array, and the dtype of the average.
    fn spread_weights(&self, axes: &[isize], weights: &Array) -> Result<(Array, DType)> {
        let common =
            promote(self.dtype(), weights.dtype()).map_err(|e| e.context("applying average"))?;
        let dtype = match self.dtype().kind() {
            Kind::Bool | Kind::Signed | Kind::Unsigned => promote(common, DType::F64)?,
            _ => common,
        };
        let (shape, own) = (self.shape(), weights.shape());
        if shape == own {
            return Ok((weights.clone(), dtype));
        }
        let axes = normalize_axes("average", axes, shape.len())?;
        match (axes.as_slice(), own.as_slice()) {
            ([axis], [len]) if shape[*axis] == *len => {
                Ok((weights.broadcast_axes(&[*axis], &shape), dtype))
            }
            _ => Err(Error::invalid(format!(
                "average: weights of shape {own:?} for an array of shape {shape:?} over axes {axes:?}; allowed are the shape of \
                 the array, or one axis as long as the only axis that is averaged"
            ))),
        }
    }

    /// Covariance of variables: the rows of a matrix with `rowvar`, else its columns; a vector is one variable. The divisor is
    /// n − ddof (NumPy's default: 1). float64 or complex128. NumPy's `cov`.
    #[must_use]
    #[track_caller]
    pub fn cov(&self, rowvar: bool, ddof: u32) -> Array {
        if self.check().is_err() {
            return self.clone();
        }
        let dtype = match self.dtype() {
            DType::C64 | DType::C128 => DType::C128,
            time if time.is_time() => {
                let error = format!("cov: not defined for {time}; allowed: numbers");
                return Array::failed(self.session(), Error::invalid(error));
            }
            _ => DType::F64,
        };
        let shape = self.shape();
        let x = self.astype(dtype);
        let (x, variables, n) = match *shape.as_slice() {
            [] => (x.broadcast_to(&[1, 1]), 1, 1),
            [n] => (x.broadcast_to(&[1, n]), 1, n),
            [m, n] if rowvar => (x, m, n),
            [n, m] => (x.transpose(&[1, 0]), m, n),
            _ => {
                let error =
                    format!("cov: the array has shape {shape:?}; at most two axes are allowed");
                return Array::failed(self.session(), Error::invalid(error));
            }
        };
        let x = &x - x.reduce(ReductionKind::Mean, &[1], KEPT);
        let cube = [variables, variables, n];
        let left = x.broadcast_axes(&[0, 2], &cube);
        let right = x.broadcast_axes(&[1, 2], &cube);
        let right = if dtype == DType::C128 {
            right.conj()
        } else {
            right
        };
        let made = (left * right).sum(&[2]) / (n as f64 - f64::from(ddof)).max(0.0);
        match (shape.len(), variables) {
            (0 | 1, _) | (2, 1) => made.index(0, 0).index(0, 0),
            _ => made,
        }
    }

    /// Correlation coefficients of variables, as in [`Array::cov`]. NumPy's `corrcoef`.
    #[must_use]
    #[track_caller]
    pub fn corrcoef(&self, rowvar: bool) -> Array {
        let cov = self.cov(rowvar, 1);
        if cov.ndim() == 0 {
            return cov.divide(&cov);
        }
        let spread = cov.diagonal(0, 0, 1).real().sqrt();
        let shape = cov.shape();
        let made = cov / spread.broadcast_axes(&[0], &shape) / spread.broadcast_axes(&[1], &shape);
        match made.dtype().is_complex() {
            true => made,
            false => made.clip(-1.0, 1.0),
        }
    }

    /// Central moment: the mean of (x − mean)ᵏ over `axes` (empty: all). SciPy's `stats.moment`.
    #[must_use]
    #[track_caller]
    pub fn moment(&self, order: u32, axes: &[isize]) -> Array {
        let x = self.as_float("moment");
        match order {
            // By definition, whatever the elements are; of nothing there is none.
            0 | 1 if self.folded(axes) > 0 => {
                let value = x.mean(axes).full_like(i64::from(order == 0));
                value.where_(&x.isnan().any(axes).logical_not())
            }
            _ => {
                let distance = &x - x.reduce(ReductionKind::Mean, axes, KEPT);
                distance.whole_power(order).mean(axes)
            }
        }
    }

    /// Skewness: m₃ / m₂^1.5 over `axes` (empty: all); without `bias` corrected for it. NaN where all elements are the same.
    /// SciPy's `stats.skew`.
    #[must_use]
    #[track_caller]
    pub fn skew(&self, axes: &[isize], bias: bool) -> Array {
        let x = self.as_float("skew");
        let (third, second, constant) = x.about_mean(3, axes);
        let value = third / second.power(1.5);
        let n = self.folded(axes) as f64;
        let value = match !bias && n > 2.0 {
            true => value * (((n - 1.0) * n).sqrt() / (n - 2.0)),
            false => value,
        };
        value.where_(&constant.logical_not())
    }

    /// Kurtosis: m₄ / m₂² over `axes` (empty: all), less 3 with `fisher`; without `bias` corrected for it. NaN where all
    /// elements are the same. SciPy's `stats.kurtosis`.
    #[must_use]
    #[track_caller]
    pub fn kurtosis(&self, axes: &[isize], fisher: bool, bias: bool) -> Array {
        let x = self.as_float("kurtosis");
        let (fourth, second, constant) = x.about_mean(4, axes);
        let value = fourth / second.square();
        let n = self.folded(axes) as f64;
        let value = match !bias && n > 3.0 {
            true => {
                let scaled = value * (n * n - 1.0) - 3.0 * (n - 1.0) * (n - 1.0);
                scaled * (1.0 / (n - 2.0) / (n - 3.0)) + 3.0
            }
            false => value,
        };
        let value = if fisher { value - 3.0 } else { value };
        value.where_(&constant.logical_not())
    }

    /// The central moments `order` and 2, and where the second is nothing beside the mean.
    #[track_caller]
    fn about_mean(&self, order: u32, axes: &[isize]) -> (Array, Array, Array) {
        let kept = self.reduce(ReductionKind::Mean, axes, KEPT);
        let distance = self - kept;
        let second = distance.square().mean(axes);
        let epsilon = match self.dtype() {
            DType::F32 => f64::from(f32::EPSILON),
            _ => f64::EPSILON,
        };
        let constant = second.less_equal((self.mean(axes) * epsilon).square());
        (distance.whole_power(order).mean(axes), second, constant)
    }

    /// By repeated squaring, in SciPy's order of products.
    #[track_caller]
    fn whole_power(&self, exponent: u32) -> Array {
        match exponent {
            0 => self.ones_like(),
            1 => self.clone(),
            _ => {
                let half = self.whole_power(exponent / 2).square();
                match exponent % 2 {
                    1 => half * self,
                    _ => half,
                }
            }
        }
    }

    /// Integers as float64.
    #[track_caller]
    fn as_float(&self, name: &str) -> Array {
        match self.dtype().kind() {
            Kind::Bool | Kind::Signed | Kind::Unsigned if self.check().is_ok() => {
                self.astype(DType::F64)
            }
            Kind::Time | Kind::Complex => Array::failed(
                self.session(),
                Error::invalid(format!(
                    "{name}: not defined for {}; allowed: real numbers",
                    self.dtype()
                )),
            ),
            _ => self.clone(),
        }
    }

    /// Number of elements that `axes` fold.
    fn folded(&self, axes: &[isize]) -> usize {
        let shape = self.shape();
        let axes = normalize_axes("skew", axes, shape.len()).unwrap_or_default();
        axes.iter().map(|axis| shape[*axis]).product()
    }
}
