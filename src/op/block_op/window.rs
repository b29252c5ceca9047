//! Windows: each element of the result is made from a box of the input that starts at its own index, so the result is shorter
//! by the box less one. Borders are paddings before it.

use super::Family;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::geom::Region;
use serde::{Deserialize, Serialize};

/// What is made of a box of neighbours.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// What.
    pub kind: WindowKind,
    /// Lengths of the box.
    pub shape: Vec<usize>,
    /// Dtype of the result.
    pub dtype: DType,
}

/// What a window computes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum WindowKind {
    /// The sum of the elements times these weights (row-major), in f64. Integers lose the fraction.
    Correlate(Vec<f64>),
    /// The same in integers of 64 bits that wrap around.
    CorrelateIntegers(Vec<i64>),
    /// The mean, in f64.
    Mean,
    /// The smallest; NaN wins.
    Min,
    /// The largest; NaN wins.
    Max,
    /// The element of this rank, 0 for the smallest; NaN ranks above all.
    Rank(usize),
}

impl Family for Window {
    fn name(&self) -> &'static str {
        match self.kind {
            WindowKind::Correlate(_) | WindowKind::CorrelateIntegers(_) => "correlate",
            WindowKind::Mean => "uniform_filter",
            WindowKind::Min => "minimum_filter",
            WindowKind::Max => "maximum_filter",
            WindowKind::Rank(_) => "median_filter",
        }
    }

    fn result(&self, inputs: &[(DType, &[usize])]) -> Result<(DType, Vec<usize>)> {
        let [(_, shape)] = inputs else {
            return Err(Error::internal(format!(
                "{} of {} arrays",
                self.name(),
                inputs.len()
            )));
        };
        let fits = shape.len() == self.shape.len()
            && shape.iter().zip(&self.shape).all(|(n, w)| *w > 0 && w <= n);
        if !fits {
            return Err(Error::invalid(format!(
                "{}: a window of {:?} does not fit an array of shape {shape:?}",
                self.name(),
                self.shape
            )));
        }
        let shape = shape.iter().zip(&self.shape).map(|(n, w)| n + 1 - w);
        Ok((self.dtype, shape.collect()))
    }

    fn demand(&self, _number: usize, _shapes: &[&[usize]], wanted: &Region) -> Region {
        let shape = wanted.shape.iter().zip(&self.shape).map(|(n, w)| n + w - 1);
        Region::new(wanted.start.clone(), shape.collect::<Vec<_>>())
    }

    fn weight(&self) -> f64 {
        let elements = self.shape.iter().product::<usize>() as f64;
        match self.kind {
            WindowKind::Rank(_) => 8.0 * elements,
            _ => 1.0 + elements,
        }
    }

    /// Running values of a row, and where rows start.
    fn scratch_bytes(&self) -> usize {
        16
    }
}

/// A statistic of the elements that are not missing in each window of an axis. Windows at the ends of the axis have the
/// elements that there are.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Sliding {
    /// What.
    pub kind: SlidingKind,
    /// The axis.
    pub axis: usize,
    /// Elements of a window.
    pub window: usize,
    /// How many of them lie before the element that the window belongs to; less than `window`.
    pub before: usize,
    /// Fewer elements that are not missing: the result is missing.
    pub min_count: usize,
}

/// What a sliding window computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SlidingKind {
    /// Sum.
    Sum,
    /// Product.
    Prod,
    /// Arithmetic mean.
    Mean,
    /// Smallest.
    Min,
    /// Largest.
    Max,
    /// Variance.
    Var {
        /// Delta degrees of freedom.
        ddof: u32,
    },
    /// Standard deviation.
    Std {
        /// Delta degrees of freedom.
        ddof: u32,
    },
    /// Number of elements that are not missing.
    Count,
}

impl Family for Sliding {
    fn name(&self) -> &'static str {
        match self.kind {
            SlidingKind::Sum => "rolling sum",
            SlidingKind::Prod => "rolling prod",
            SlidingKind::Mean => "rolling mean",
            SlidingKind::Min => "rolling min",
            SlidingKind::Max => "rolling max",
            SlidingKind::Var { .. } => "rolling var",
            SlidingKind::Std { .. } => "rolling std",
            SlidingKind::Count => "rolling count",
        }
    }

    fn result(&self, inputs: &[(DType, &[usize])]) -> Result<(DType, Vec<usize>)> {
        let [(dtype @ (DType::F32 | DType::F64), shape)] = inputs else {
            return Err(Error::internal(format!("{} of {inputs:?}", self.name())));
        };
        if self.before >= self.window || self.axis >= shape.len() {
            return Err(Error::internal(format!("{}: {self:?}", self.name())));
        }
        Ok((*dtype, shape.to_vec()))
    }

    fn demand(&self, number: usize, shapes: &[&[usize]], wanted: &Region) -> Region {
        let (axis, len) = (self.axis, shapes[number][self.axis]);
        let after = self.window - 1 - self.before;
        let mut region = wanted.clone();
        region.start[axis] = wanted.start[axis].saturating_sub(self.before);
        region.shape[axis] = wanted.end(axis).saturating_add(after).min(len) - region.start[axis];
        region
    }

    fn weight(&self) -> f64 {
        8.0
    }

    /// The states of a block of columns, and where lines start.
    fn workspace_bytes(&self, _shapes: &[&[usize]], wanted: &Region) -> usize {
        let long = wanted.shape[self.axis].max(1);
        let states = (long.min(self.window) + 1) * self.columns().min(wanted.elements());
        STATE_BYTES * states + 16 * wanted.elements() / long
    }
}

/// Bytes of the largest running state of a window.
const STATE_BYTES: usize = 24;
/// Bytes of running states that are worked on at once: they stay in the second cache, and rows are long enough to be read ahead.
const BLOCK_BYTES: usize = 192 << 10;

impl Sliding {
    /// How many columns (elements of a row, each with its own windows) are worked on at once.
    pub fn columns(&self) -> usize {
        (BLOCK_BYTES / STATE_BYTES / self.window.max(1)).clamp(8, 512) / 8 * 8
    }
}
