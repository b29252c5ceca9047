//! Scans: each element of the result folds the elements of its run along an axis, up to its own.

use super::Family;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::geom::Region;
use serde::{Deserialize, Serialize};

/// A running fold.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Scan {
    /// What is folded.
    pub op: ScanOp,
    /// The axis.
    pub axis: usize,
    /// Elements of a run: runs start at its multiples; at least the axis' length means one run.
    pub run: usize,
    /// Missing elements count as the identity.
    pub skipna: bool,
}

/// What a scan folds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ScanOp {
    /// Cumulative sum.
    Sum,
    /// Cumulative product.
    Prod,
    /// Cumulative minimum.
    Min,
    /// Cumulative maximum.
    Max,
    /// The last element that is not missing.
    Ffill,
}

impl Family for Scan {
    fn name(&self) -> &'static str {
        match self.op {
            ScanOp::Sum => "cumsum",
            ScanOp::Prod => "cumprod",
            ScanOp::Min => "cummin",
            ScanOp::Max => "cummax",
            ScanOp::Ffill => "ffill",
        }
    }

    fn result(&self, inputs: &[(DType, &[usize])]) -> Result<(DType, Vec<usize>)> {
        let [(dtype, shape)] = inputs else {
            return Err(Error::internal(format!(
                "{} of {} arrays",
                self.name(),
                inputs.len()
            )));
        };
        Ok((self.op.dtype(*dtype)?, shape.to_vec()))
    }

    fn demand(&self, _number: usize, _shapes: &[&[usize]], wanted: &Region) -> Region {
        let mut region = wanted.clone();
        let before = wanted.start[self.axis] % self.run;
        region.start[self.axis] -= before;
        region.shape[self.axis] += before;
        region
    }

    fn weight(&self) -> f64 {
        4.0
    }
}

impl ScanOp {
    /// Dtype of the result: NumPy's for sums and products (integers in 64 bits).
    ///
    /// # Errors
    /// Invalid input when the dtype has no order (extremes of complex numbers), or no sum (times have no product).
    pub fn dtype(self, dtype: DType) -> Result<DType> {
        let refused = |what: &str| {
            Err(Error::invalid(format!(
                "cum{what}: it is not defined for {dtype}"
            )))
        };
        Ok(match self {
            ScanOp::Sum | ScanOp::Prod => match dtype {
                DType::Bool | DType::I8 | DType::I16 | DType::I32 | DType::I64 => DType::I64,
                DType::U8 | DType::U16 | DType::U32 | DType::U64 => DType::U64,
                DType::Datetime(_) => return refused("sum"),
                DType::Timedelta(_) if self == ScanOp::Prod => return refused("prod"),
                other => other,
            },
            ScanOp::Min | ScanOp::Max if dtype.is_complex() => return refused("min, cummax"),
            ScanOp::Min | ScanOp::Max | ScanOp::Ffill => dtype,
        })
    }
}
