//! Reductions: names, dtype rules, and the bytes of their partial results.

use super::name::Name;
use crate::dtype::{DType, Kind};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a reduction computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ReductionKind {
    /// Sum; floats accumulate in f64, integers in 64 bits. Nothing valid: 0.
    Sum,
    /// Product, accumulated like the sum. Nothing valid: 1.
    Prod,
    /// Arithmetic mean. Nothing valid: NaN.
    Mean,
    /// Smallest. Nothing valid: NaN.
    Min,
    /// Largest. Nothing valid: NaN.
    Max,
    /// Variance with divisor `n − ddof`. `n <= ddof`: NaN.
    Var {
        /// Delta degrees of freedom.
        ddof: u32,
    },
    /// Square root of the variance.
    Std {
        /// Delta degrees of freedom.
        ddof: u32,
    },
    /// Number of elements that are not missing.
    Count,
    /// True when any element is not zero (NaN is not zero).
    Any,
    /// True when no element is zero.
    All,
    /// Index of the first smallest element along one axis, or of the flattened array.
    Argmin,
    /// Index of the first largest element.
    Argmax,
    /// First element in order (with skipna: first that is not missing).
    First,
    /// Last element in order (with skipna: last that is not missing).
    Last,
    /// What kernels of the user's program make of the elements.
    User(UserReduction),
}

/// A registered reduction, as plans carry it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct UserReduction {
    /// Its name in the registry of every rank.
    pub name: Name,
    /// Dtype of the elements.
    pub item: DType,
    /// Dtype of the result.
    pub output: DType,
    /// Bytes of a partial result.
    pub state_bytes: u32,
}

/// A reduction with its treatment of missing values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reduction {
    /// What it computes.
    pub kind: ReductionKind,
    /// Skip NaN and NaT; without it they win.
    pub skipna: bool,
}

impl Reduction {
    /// A reduction with xarray's default: skip missing values of types that have them. For `any` and `all` NaN is a number
    /// that is not zero, as in NumPy and xarray.
    pub fn new(kind: ReductionKind, dtype: DType) -> Self {
        let logical = matches!(kind, ReductionKind::Any | ReductionKind::All);
        Reduction {
            kind,
            skipna: dtype.has_missing() && !logical,
        }
    }

    /// NumPy's name.
    pub fn name(self) -> &'static str {
        match self.kind {
            ReductionKind::Sum => "sum",
            ReductionKind::Prod => "prod",
            ReductionKind::Mean => "mean",
            ReductionKind::Min => "min",
            ReductionKind::Max => "max",
            ReductionKind::Var { .. } => "var",
            ReductionKind::Std { .. } => "std",
            ReductionKind::Count => "count",
            ReductionKind::Any => "any",
            ReductionKind::All => "all",
            ReductionKind::Argmin => "argmin",
            ReductionKind::Argmax => "argmax",
            ReductionKind::First => "first",
            ReductionKind::Last => "last",
            ReductionKind::User(op) => op.name.as_str(),
        }
    }

    /// Dtype of the result for elements of `dtype`.
    ///
    /// # Errors
    /// Invalid input where the reduction has no meaning: sums of datetimes, extremes of complex numbers.
    pub fn result_dtype(self, dtype: DType) -> Result<DType> {
        use ReductionKind as R;
        let refused = |allowed: &str| {
            Err(Error::invalid(format!(
                "{}: not defined for {dtype}; allowed: {allowed}",
                self.name()
            )))
        };
        match self.kind {
            R::User(op) if op.item == dtype => Ok(op.output),
            R::User(op) => refused(&op.item.to_string()),
            R::Count | R::Argmin | R::Argmax if !dtype.is_complex() => Ok(DType::I64),
            R::Count => Ok(DType::I64),
            R::Any | R::All if dtype.is_time() => refused("bool and numbers"),
            R::Any | R::All => Ok(DType::Bool),
            R::First | R::Last => Ok(dtype),
            R::Min | R::Max if !dtype.is_complex() => Ok(dtype),
            R::Min | R::Max | R::Argmin | R::Argmax => refused("real numbers, bool and times"),
            R::Sum | R::Prod => match dtype.kind() {
                Kind::Bool | Kind::Signed => Ok(DType::I64),
                Kind::Unsigned => Ok(DType::U64),
                Kind::Float | Kind::Complex => Ok(dtype),
                Kind::Time => match (self.kind, dtype) {
                    (R::Sum, DType::Timedelta(_)) => Ok(dtype),
                    _ => refused("numbers (and sums of timedeltas)"),
                },
            },
            R::Mean => match dtype.kind() {
                Kind::Bool | Kind::Signed | Kind::Unsigned => Ok(DType::F64),
                Kind::Float | Kind::Complex => Ok(dtype),
                Kind::Time => match dtype {
                    DType::Timedelta(_) => Ok(dtype),
                    _ => refused("numbers and timedeltas"),
                },
            },
            R::Var { .. } | R::Std { .. } => match dtype {
                DType::F32 | DType::C64 => Ok(DType::F32),
                _ if dtype.is_time() => refused("numbers"),
                _ => Ok(DType::F64),
            },
        }
    }

    /// True when the order of the elements decides the result, so that partial results may only be joined in order.
    pub fn needs_identity(self) -> bool {
        matches!(
            self.kind,
            ReductionKind::Min
                | ReductionKind::Max
                | ReductionKind::Argmin
                | ReductionKind::Argmax
                | ReductionKind::First
                | ReductionKind::Last
        )
    }

    /// Bytes of one cell of the running state for elements of `dtype`. The kernels keep to it (a test compares).
    pub fn state_bytes(self, dtype: DType) -> usize {
        use ReductionKind as R;
        let wide = if dtype.is_complex() { 16 } else { 8 };
        match self.kind {
            R::Sum | R::Prod => wide,
            R::Count => 8,
            R::Mean => wide + 4,
            R::Min | R::Max | R::First | R::Last => dtype.size() + 1,
            // Count, mean, sum of squared deviations.
            R::Var { .. } | R::Std { .. } => 4 + wide + 8,
            R::Any | R::All => 1,
            R::User(op) => op.state_bytes as usize,
            R::Argmin | R::Argmax => dtype.size() + 8,
        }
    }
}

impl fmt::Display for Reduction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        if let ReductionKind::Var { ddof } | ReductionKind::Std { ddof } = self.kind {
            write!(f, " ddof={ddof}")?;
        }
        if self.skipna {
            f.write_str(" skipna")?;
        }
        Ok(())
    }
}
