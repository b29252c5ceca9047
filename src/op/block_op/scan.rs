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
    /// Elements of a run: runs start at its multiples; at least the axis' length means one run. A run starts afresh, or, with a
    /// second input, from what the runs before it fold to: that input has run `r + 1`'s start at index `r` of the axis, in
    /// the dtype of [`ScanOp::wide`].
    pub run: usize,
    /// Missing elements count as the identity.
    pub skipna: bool,
    /// Fill at most so many elements after one that is not missing ([`ScanOp::Ffill`] alone); then runs do not matter.
    pub limit: Option<usize>,
    /// Indices along the axis where the fold starts afresh, too, ascending: the first ones of groups.
    pub breaks: Vec<usize>,
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
    /// Sum whose elements fade: before each is added the sum so far is multiplied by the number with these bits (f64).
    Decay(u64),
}

impl Scan {
    /// The last index up to `index` where the fold starts afresh for a group, or 0.
    fn last_break(&self, index: usize) -> usize {
        let after = self.breaks.partition_point(|b| *b <= index);
        after.checked_sub(1).map_or(0, |at| self.breaks[at])
    }
}

impl Family for Scan {
    fn name(&self) -> &'static str {
        self.op.name(self.skipna)
    }

    fn result(&self, inputs: &[(DType, &[usize])]) -> Result<(DType, Vec<usize>)> {
        let ([(dtype, shape)] | [(dtype, shape), _]) = inputs else {
            return Err(Error::internal(format!(
                "{} of {} arrays",
                self.name(),
                inputs.len()
            )));
        };
        if let [_, (wide, starts)] = inputs {
            let mut expected = shape.to_vec();
            expected[self.axis] = shape[self.axis].div_ceil(self.run).saturating_sub(1);
            if *wide != self.op.wide(*dtype) || expected != *starts {
                return Err(Error::internal(format!(
                    "{}: runs start from {wide} {starts:?}, not {expected:?}",
                    self.name()
                )));
            }
        }
        Ok((self.op.dtype(*dtype)?, shape.to_vec()))
    }

    fn demand(&self, number: usize, _shapes: &[&[usize]], wanted: &Region) -> Region {
        let mut region = wanted.clone();
        if number == 1 {
            let (first, last) = (
                wanted.start[self.axis] / self.run,
                (wanted.end(self.axis) - 1) / self.run,
            );
            region.start[self.axis] = first.saturating_sub(1);
            region.shape[self.axis] = last.max(1) - first.saturating_sub(1);
            return region;
        }
        let before = match self.limit {
            Some(limit) => limit.min(wanted.start[self.axis]),
            None => wanted.start[self.axis] % self.run,
        };
        let before = before.min(wanted.start[self.axis] - self.last_break(wanted.start[self.axis]));
        region.start[self.axis] -= before;
        region.shape[self.axis] += before;
        region
    }

    fn weight(&self) -> f64 {
        4.0
    }

    /// All of what lies before, back to the start of the run, is folded again.
    fn work(&self, shapes: &[&[usize]], wanted: &Region) -> f64 {
        self.weight() * self.demand(0, shapes, wanted).elements() as f64
    }

    /// A running value per element of a row, and where its line starts.
    fn scratch_bytes(&self) -> usize {
        32
    }

    fn grain(&self) -> Option<(usize, usize)> {
        self.limit.is_none().then_some((self.axis, self.run))
    }
}

impl ScanOp {
    /// NumPy's name, and that of a scan that skips missing elements.
    pub fn name(self, skipna: bool) -> &'static str {
        match (self, skipna) {
            (ScanOp::Sum, false) => "cumsum",
            (ScanOp::Sum, true) => "nancumsum",
            (ScanOp::Prod, false) => "cumprod",
            (ScanOp::Prod, true) => "nancumprod",
            (ScanOp::Min, false) => "cummin",
            (ScanOp::Min, true) => "nancummin",
            (ScanOp::Max, false) => "cummax",
            (ScanOp::Max, true) => "nancummax",
            (ScanOp::Ffill, _) => "ffill",
            (ScanOp::Decay(_), _) => "rolling_exp",
        }
    }

    /// Dtype of the result: NumPy's for sums and products (integers in 64 bits).
    ///
    /// # Errors
    /// Invalid input when the dtype has no order (extremes of complex numbers), or no sum (times have no product).
    pub fn dtype(self, dtype: DType) -> Result<DType> {
        let refused = |allowed: &str| {
            Err(Error::invalid(format!(
                "{}: not defined for {dtype}; allowed: {allowed}",
                self.name(false)
            )))
        };
        Ok(match self {
            ScanOp::Sum | ScanOp::Prod => match dtype {
                DType::Bool | DType::I8 | DType::I16 | DType::I32 | DType::I64 => DType::I64,
                DType::U8 | DType::U16 | DType::U32 | DType::U64 => DType::U64,
                DType::Datetime(_) if self == ScanOp::Sum => {
                    return refused("numbers and timedeltas");
                }
                DType::Datetime(_) | DType::Timedelta(_) if self == ScanOp::Prod => {
                    return refused("numbers");
                }
                other => other,
            },
            ScanOp::Min | ScanOp::Max if dtype.is_complex() => {
                return refused("real numbers, bool and times");
            }
            ScanOp::Decay(_) if dtype != DType::F64 => return refused("float64"),
            ScanOp::Min | ScanOp::Max | ScanOp::Ffill | ScanOp::Decay(_) => dtype,
        })
    }

    /// What is handed from run to run where elements are of `dtype`: sums and products of floats keep 64 bits.
    pub fn wide(self, dtype: DType) -> DType {
        match (self, dtype) {
            (ScanOp::Sum | ScanOp::Prod, DType::F32) => DType::F64,
            (ScanOp::Sum | ScanOp::Prod, DType::C64) => DType::C128,
            _ => dtype,
        }
    }
}
