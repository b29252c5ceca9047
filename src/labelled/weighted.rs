//! `weighted`: reductions in which each element counts as much as its weight, after xarray.
//!
//! Weights broadcast by name and meet the elements by label, as operands of a product do; sums are reductions of that product,
//! so nothing is stored. Where the weights of what is there sum to 0, results are missing.

use super::data_array::{DataArray, Dims};
use crate::array::Operand;
use crate::dtype::{DType, Kind};
use crate::error::{Error, Result, nearest_names};
use crate::op::{BinaryOp, ReductionKind};

/// Reductions with weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightedKind {
    /// Sum of the elements times their weights.
    Sum,
    /// That over the sum of the weights of elements that are not missing.
    Mean,
    /// Sum of the weights times the squared distance of their elements from the mean.
    SumOfSquares,
    /// That over the sum of weights: the biased variance.
    Var,
    /// Its square root.
    Std,
    /// Sum of the weights of elements that are not missing.
    SumOfWeights,
}

impl WeightedKind {
    fn name(self) -> &'static str {
        match self {
            WeightedKind::Sum => "weighted sum",
            WeightedKind::Mean => "weighted mean",
            WeightedKind::SumOfSquares => "weighted sum_of_squares",
            WeightedKind::Var => "weighted var",
            WeightedKind::Std => "weighted std",
            WeightedKind::SumOfWeights => "weighted sum_of_weights",
        }
    }
}

/// Weights that are numbers and all there. Finding a missing one takes one reduction of them, at this call.
pub(super) fn valid(weights: &DataArray) -> Result<()> {
    weights.check()?;
    let dtype = weights.dtype();
    if dtype.is_time() || dtype.is_complex() {
        return Err(Error::invalid(format!(
            "weighted: weights of {dtype}; allowed: real numbers and bool"
        )));
    }
    if !dtype.has_missing() {
        return Ok(());
    }
    let missing = weights.isnull().reduce(ReductionKind::Sum, &[], None);
    match missing.compute_block()?.get(0).and_then(|n| n.as_i128()) {
        Some(0) | None => Ok(()),
        Some(missing) => Err(Error::invalid(format!(
            "weighted: the weights cannot contain missing values, but {missing} of {} are; fill them with weights.fillna(0)",
            weights.shape().iter().product::<usize>()
        ))),
    }
}

/// The dimensions over which both are summed: the given ones, or all.
fn summed<'a>(
    operation: &str,
    array: &'a DataArray,
    weights: &'a DataArray,
    dims: &[&'a str],
) -> Result<Vec<&'a str>> {
    let mut all: Vec<&str> = array.dims.iter().map(String::as_str).collect();
    let more = weights.dims.iter().map(String::as_str);
    all.extend(more.filter(|dim| !array.has(dim)));
    match dims.iter().find(|dim| !all.contains(dim)) {
        Some(dim) => Err(Error::invalid(format!(
            "{operation}: unknown dimension {dim:?}; known: {}",
            nearest_names(dim, all.iter().copied())
        ))),
        None if dims.is_empty() => Ok(all),
        None => Ok(dims.to_vec()),
    }
}

/// Sum over `dims` of the elements times the weights.
#[track_caller]
fn product(array: &DataArray, weights: &DataArray, dims: &[&str]) -> DataArray {
    let times = array.binary(BinaryOp::Multiply, &weights.into());
    times.reduce(ReductionKind::Sum, dims, Some(false))
}

/// A weighted reduction of `array`; empty dimensions mean all of both.
#[track_caller]
pub(super) fn reduced(
    array: &DataArray,
    weights: &DataArray,
    kind: WeightedKind,
    dims: &[&str],
    skipna: Option<bool>,
) -> DataArray {
    let made = || -> Result<DataArray> {
        array.check()?;
        weights.check()?;
        let dims = summed(kind.name(), array, weights, dims)?;
        let dtype = array.dtype();
        if dtype.is_time() {
            return Err(Error::invalid(format!(
                "{}: not defined for {dtype}; allowed: numbers and bool",
                kind.name()
            )));
        }
        let skip = skipna.unwrap_or(true) && dtype.has_missing();
        let filled = |a: &DataArray| match skip {
            true => a.fillna(0.0),
            false => a.clone(),
        };
        let sum = || product(&filled(array), weights, &dims);
        let sum_of_weights = || {
            // Sums of bools count them.
            let weights = match weights.dtype().kind() {
                Kind::Bool => weights.astype(DType::I64),
                _ => weights.clone(),
            };
            let sum = product(&array.notnull(), &weights, &dims);
            let there = sum.array.binary(BinaryOp::NotEqual, &Operand::from(0.0));
            sum.with_array(sum.array.where_(&there))
        };
        let divided = |a: &DataArray| a.binary(BinaryOp::Divide, &sum_of_weights().into());
        let squares = || {
            let all = reduced(array, weights, WeightedKind::Mean, &dims, None);
            let distance = array.binary(BinaryOp::Subtract, &all.into());
            let squares = distance.binary(BinaryOp::Multiply, &(&distance).into());
            product(&filled(&squares), weights, &dims)
        };
        let mut result = match kind {
            WeightedKind::Sum => sum(),
            WeightedKind::Mean => divided(&sum()),
            WeightedKind::SumOfSquares => squares(),
            WeightedKind::Var => divided(&squares()),
            WeightedKind::Std => divided(&squares()).sqrt(),
            WeightedKind::SumOfWeights => sum_of_weights(),
        };
        result.name.clone_from(&array.name);
        result.attrs = array.attrs.clone();
        Ok(result)
    };
    made().unwrap_or_else(|error| array.clone().fail(error))
}

/// Methods of `$Type`, which has `reduce(WeightedKind, &[&str], Option<bool>) -> $Result`.
macro_rules! weighted {
    ($Type:ident => $Result:ident) => {
        impl $Type {
            /// Sum of the elements times their weights, over `dims` (empty: all).
            #[must_use]
            #[track_caller]
            pub fn sum<D: Dims>(&self, dims: D) -> $Result {
                self.reduce(WeightedKind::Sum, &dims.names(), None)
            }

            /// Weighted mean over `dims` (empty: all).
            #[must_use]
            #[track_caller]
            pub fn mean<D: Dims>(&self, dims: D) -> $Result {
                self.reduce(WeightedKind::Mean, &dims.names(), None)
            }

            /// Weighted standard deviation over `dims` (empty: all), biased.
            #[must_use]
            #[track_caller]
            pub fn std<D: Dims>(&self, dims: D) -> $Result {
                self.reduce(WeightedKind::Std, &dims.names(), None)
            }

            /// Weighted variance over `dims` (empty: all), biased.
            #[must_use]
            #[track_caller]
            pub fn var<D: Dims>(&self, dims: D) -> $Result {
                self.reduce(WeightedKind::Var, &dims.names(), None)
            }

            /// Sum of the weights of elements that are not missing, over `dims` (empty: all); missing where it is 0.
            #[must_use]
            #[track_caller]
            pub fn sum_of_weights<D: Dims>(&self, dims: D) -> $Result {
                self.reduce(WeightedKind::SumOfWeights, &dims.names(), None)
            }

            /// Weighted sum of squared distances from the mean, over `dims` (empty: all).
            #[must_use]
            #[track_caller]
            pub fn sum_of_squares<D: Dims>(&self, dims: D) -> $Result {
                self.reduce(WeightedKind::SumOfSquares, &dims.names(), None)
            }
        }
    };
}

pub(super) use weighted;

/// An array with weights, waiting for its reduction.
#[derive(Clone, Debug)]
pub struct Weighted {
    array: DataArray,
    weights: DataArray,
}

impl DataArray {
    /// The array with weights, which broadcast by name (the cosine of the latitude, areas of cells): `x.weighted(&w).mean(["lat",
    /// "lon"])`. xarray's `weighted`.
    ///
    /// Weights that are missing are an error: whether one is takes a reduction of floating-point weights at this call.
    #[must_use]
    #[track_caller]
    pub fn weighted(&self, weights: &DataArray) -> Weighted {
        let array = match self.check().and_then(|()| valid(weights)) {
            Ok(()) => self.clone(),
            Err(error) => self.clone().fail(error),
        };
        Weighted {
            array,
            weights: weights.clone(),
        }
    }
}

impl Weighted {
    /// `Ok` when array and weights are valid.
    ///
    /// # Errors
    /// The first error of their making.
    pub fn check(&self) -> Result<()> {
        self.array.check()
    }

    /// Any weighted reduction over dimensions of the array or the weights (empty: all).
    #[must_use]
    #[track_caller]
    pub fn reduce(&self, kind: WeightedKind, dims: &[&str], skipna: Option<bool>) -> DataArray {
        reduced(&self.array, &self.weights, kind, dims, skipna)
    }
}

weighted! { Weighted => DataArray }
