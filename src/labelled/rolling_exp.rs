//! `rolling_exp`: exponentially weighted statistics, after xarray and numbagg.
//!
//! The element that lies k steps back counts (1 − α)ᵏ times; missing ones do not count. All of them are made of sums whose
//! elements fade, which are scans: no axis needs to be one chunk.

use super::align::{Aligned, align};
use super::data_array::DataArray;
use super::dataset::{Dataset, each};
use super::join::Join;
use crate::array::Array;
use crate::dtype::DType;
use crate::error::{Error, Result, nearest_names};
use std::str::FromStr;

/// What the window of [`DataArray::rolling_exp`] says; as in pandas' `ewm`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WindowType {
    /// Span s ≥ 1: α = 2 / (s + 1).
    #[default]
    Span,
    /// Centre of mass c ≥ 0: α = 1 / (c + 1).
    Com,
    /// Steps h > 0 after which a weight is half: α = 1 − exp(ln ½ / h).
    Halflife,
    /// 0 < α ≤ 1 itself.
    Alpha,
}

impl FromStr for WindowType {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        const NAMES: [&str; 4] = ["span", "com", "halflife", "alpha"];
        Ok(match text {
            "span" => WindowType::Span,
            "com" => WindowType::Com,
            "halflife" => WindowType::Halflife,
            "alpha" => WindowType::Alpha,
            other => {
                return Err(Error::invalid(format!(
                    "rolling_exp: unknown window_type {other:?}; known: {}",
                    nearest_names(other, NAMES.into_iter())
                )));
            }
        })
    }
}

/// α of a window.
fn alpha(window: f64, window_type: WindowType) -> Result<f64> {
    let (fits, alpha, allowed) = match window_type {
        WindowType::Span => (window >= 1.0, 2.0 / (window + 1.0), "span must be ≥ 1"),
        WindowType::Com => (window >= 0.0, 1.0 / (window + 1.0), "com must be ≥ 0"),
        WindowType::Halflife => (
            window > 0.0,
            1.0 - (0.5f64.ln() / window).exp(),
            "halflife must be > 0",
        ),
        WindowType::Alpha => (
            window > 0.0 && window <= 1.0,
            window,
            "alpha must be > 0 and ≤ 1",
        ),
    };
    match fits && window.is_finite() {
        true => Ok(alpha),
        false => Err(Error::invalid(format!(
            "rolling_exp: a window of {window}; {allowed}"
        ))),
    }
}

/// How elements fade: what an array and a dataset share.
#[derive(Clone, Debug)]
struct Fading {
    dim: String,
    alpha: Result<f64>,
    min_weight: f64,
}

/// A statistic of what fades.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Statistic {
    Mean,
    Sum,
    Var,
    Std,
}

/// One fading sum: of `x` along the axis, by the factor of a step.
struct Sums {
    axis: usize,
    keep: f64,
}

impl Sums {
    #[track_caller]
    fn of(&self, x: &Array) -> Array {
        x.decayed_sum(self.axis, self.keep)
    }

    /// The sum of the squared weights.
    #[track_caller]
    fn squared(&self, x: &Array) -> Array {
        x.decayed_sum(self.axis, self.keep * self.keep)
    }
}

impl Fading {
    fn new(dim: &str, window: f64, window_type: WindowType) -> Self {
        Fading {
            dim: dim.to_owned(),
            alpha: alpha(window, window_type),
            min_weight: 0.0,
        }
    }

    fn sums(&self, array: &DataArray) -> Result<(f64, Sums)> {
        let axis = array.axis("rolling_exp", &self.dim)?;
        let dtype = array.dtype();
        if dtype.is_complex() || dtype.is_time() {
            return Err(Error::invalid(format!(
                "rolling_exp: not defined for {dtype}; allowed: real numbers and bool"
            )));
        }
        if !(0.0..=1.0).contains(&self.min_weight) {
            return Err(Error::invalid(format!(
                "rolling_exp: min_weight {}; allowed are 0 … 1",
                self.min_weight
            )));
        }
        let alpha = self.alpha.clone()?;
        let keep = 1.0 - alpha;
        Ok((alpha, Sums { axis, keep }))
    }

    /// `result` where the weights of `count`, the fading number of elements, suffice.
    #[track_caller]
    fn enough(&self, alpha: f64, result: Array, count: &Array) -> Array {
        match self.min_weight > 0.0 {
            true => result.where_(&count.multiply(alpha).ge(self.min_weight)),
            false => result,
        }
    }

    #[track_caller]
    fn statistic(&self, array: &DataArray, statistic: Statistic) -> DataArray {
        let made = || -> Result<DataArray> {
            array.check()?;
            let (alpha, sums) = self.sums(array)?;
            let x = array.array.astype(DType::F64);
            let known = x.notnull();
            let x = x.where_or(&known, 0.0);
            let count = sums.of(&known);
            let total = sums.of(&x);
            let result = match statistic {
                Statistic::Mean => total.divide(&count),
                // Once there was an element there is a sum, however little is left of it.
                Statistic::Sum => total.where_(&known.cummax(sums.axis as isize)),
                Statistic::Var | Statistic::Std => {
                    let mean = total.divide(&count);
                    let of_squares = sums.of(&x.multiply(&x)).divide(&count);
                    let biased = of_squares.subtract(mean.multiply(&mean));
                    let var = unbiased(&biased, &known, &count, &sums);
                    match statistic {
                        Statistic::Std => var.sqrt(),
                        _ => var,
                    }
                }
            };
            Ok(array.with_array(self.enough(alpha, result, &count)))
        };
        made().unwrap_or_else(|error| array.clone().fail(error))
    }

    /// Covariance or correlation of the pairs in which nothing is missing.
    #[track_caller]
    fn of_pairs(&self, array: &DataArray, other: &DataArray, correlated: bool) -> DataArray {
        let made = || -> Result<DataArray> {
            let name = if correlated { "corr" } else { "cov" };
            let Aligned { arrays, labels } = align(name, &[array, other], Join::Exact)?;
            if labels.dims != array.dims {
                return Err(Error::invalid(format!(
                    "rolling_exp: {name}: the other array has dimensions ({}) that this one lacks, which has ({})",
                    other.dims.join(", "),
                    array.dims.join(", ")
                )));
            }
            let (alpha, sums) = self.sums(array)?;
            self.sums(other)?;
            let x = arrays[0].astype(DType::F64);
            let y = arrays[1].astype(DType::F64);
            let known = x.notnull().logical_and(y.notnull());
            let (x, y) = (x.where_or(&known, 0.0), y.where_or(&known, 0.0));
            let count = sums.of(&known);
            let (sum_x, sum_y) = (sums.of(&x), sums.of(&y));
            let about = |a: &Array, sum_a: &Array, b: &Array, sum_b: &Array| {
                let shared = sum_a.multiply(sum_b).divide(&count);
                sums.of(&a.multiply(b)).subtract(shared)
            };
            let cov = about(&x, &sum_x, &y, &sum_y);
            let result = match correlated {
                false => unbiased(&cov.divide(&count), &known, &count, &sums),
                true => {
                    let var_x = about(&x, &sum_x, &x, &sum_x);
                    let var_y = about(&y, &sum_y, &y, &sum_y);
                    let scale = var_x.multiply(&var_y).sqrt();
                    let corr = cov.divide(&scale).where_(&scale.gt(0.0));
                    corr.where_(&bias(&known, &count, &sums).gt(0.0))
                }
            };
            let mut result = labels.with_array(self.enough(alpha, result, &count));
            result.attrs = array.attrs.clone();
            result.name = array.name.clone();
            Ok(result)
        };
        made().unwrap_or_else(|error| array.clone().fail(error))
    }
}

/// One less the sum of the squared weights, which add up to one.
#[track_caller]
fn bias(known: &Array, count: &Array, sums: &Sums) -> Array {
    let squares = sums.squared(known).divide(count.multiply(count));
    squares.binary_reversed(crate::op::BinaryOp::Subtract, &1.0.into())
}

/// A moment without the bias of few elements; missing where one element has all the weight.
#[track_caller]
fn unbiased(moment: &Array, known: &Array, count: &Array, sums: &Sums) -> Array {
    let bias = bias(known, count, sums);
    moment.divide(&bias).where_(&bias.gt(0.0))
}

/// Exponentially weighted elements of an array, waiting for their statistic. Missing elements do not count.
#[derive(Clone, Debug)]
pub struct RollingExp {
    array: DataArray,
    fading: Fading,
}

/// As [`RollingExp`], of every variable of a dataset that has the dimension.
#[derive(Clone)]
pub struct DatasetRollingExp {
    dataset: Dataset,
    fading: Fading,
}

impl DataArray {
    /// Elements that count less the further back they lie along `dim`: `x.rolling_exp("time", 30.0, WindowType::Span).mean()`.
    /// Results are float64. xarray's `rolling_exp`.
    #[must_use]
    pub fn rolling_exp(&self, dim: &str, window: f64, window_type: WindowType) -> RollingExp {
        RollingExp {
            array: self.clone(),
            fading: Fading::new(dim, window, window_type),
        }
    }
}

impl Dataset {
    /// As [`DataArray::rolling_exp`], of every variable that has the dimension; the others stay.
    #[must_use]
    #[track_caller]
    pub fn rolling_exp(
        &self,
        dim: &str,
        window: f64,
        window_type: WindowType,
    ) -> DatasetRollingExp {
        let dataset = match self.check_dims("rolling_exp", &[dim]) {
            Ok(()) => self.clone(),
            Err(error) => self.fail(error),
        };
        DatasetRollingExp {
            dataset,
            fading: Fading::new(dim, window, window_type),
        }
    }
}

impl RollingExp {
    /// `Ok` when the window fits the array.
    ///
    /// # Errors
    /// The first error of the array's making, or of the window.
    pub fn check(&self) -> Result<()> {
        self.array.check()?;
        self.fading.sums(&self.array).map(|_| ())
    }

    #[track_caller]
    fn made(&self, statistic: Statistic) -> DataArray {
        self.fading.statistic(&self.array, statistic)
    }

    /// Covariance with `other`, which has the same labels, of the pairs in which nothing is missing.
    #[must_use]
    #[track_caller]
    pub fn cov(&self, other: &DataArray) -> DataArray {
        self.fading.of_pairs(&self.array, other, false)
    }

    /// Correlation with `other`, which has the same labels, of the pairs in which nothing is missing.
    #[must_use]
    #[track_caller]
    pub fn corr(&self, other: &DataArray) -> DataArray {
        self.fading.of_pairs(&self.array, other, true)
    }
}

impl DatasetRollingExp {
    /// `Ok` when the window fits the variables that have the dimension.
    ///
    /// # Errors
    /// The first error of the dataset's making, or of the window.
    pub fn check(&self) -> Result<()> {
        self.dataset.check()?;
        self.fading.alpha.clone()?;
        let own = |v: &&DataArray| v.has(&self.fading.dim);
        let mut variables = self.dataset.variables.iter().filter(own);
        variables.try_for_each(|v| self.fading.sums(v).map(|_| ()))
    }

    #[track_caller]
    fn made(&self, statistic: Statistic) -> Dataset {
        let dataset = &self.dataset;
        let variables = each!(dataset, v => match v.has(&self.fading.dim) {
            true => self.fading.statistic(v, statistic),
            false => v.clone(),
        });
        dataset.of(
            "rolling_exp",
            variables,
            &[(&dataset.origin, &dataset.coords)],
        )
    }
}

/// What both have.
macro_rules! statistics {
    ($($Type:ident => $Result:ident;)*) => {$(
        impl $Type {
            /// The dimension.
            pub fn dim(&self) -> &str {
                &self.fading.dim
            }

            /// The result is missing where the weights of the elements that are there, which add up to 1 at most, are less.
            #[must_use]
            pub fn min_weight(mut self, least: f64) -> Self {
                self.fading.min_weight = least;
                self
            }

            /// Weighted mean of the elements up to each.
            #[must_use]
            #[track_caller]
            pub fn mean(&self) -> $Result {
                self.made(Statistic::Mean)
            }

            /// Weighted sum of the elements up to each, where the element itself counts once.
            #[must_use]
            #[track_caller]
            pub fn sum(&self) -> $Result {
                self.made(Statistic::Sum)
            }

            /// Weighted variance, without bias.
            #[must_use]
            #[track_caller]
            pub fn var(&self) -> $Result {
                self.made(Statistic::Var)
            }

            /// Weighted standard deviation: the root of the variance.
            #[must_use]
            #[track_caller]
            pub fn std(&self) -> $Result {
                self.made(Statistic::Std)
            }
        }
    )*};
}

statistics! {
    RollingExp => DataArray;
    DatasetRollingExp => Dataset;
}
