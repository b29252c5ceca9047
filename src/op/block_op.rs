//! Operations on blocks: what is not element by element. Each says what it needs of its inputs for a region of its result;
//! all else (tiles, halos, exchanges) follows from that.
//!
//! Laws: the elements of a region of the result depend on nothing but the demanded regions of the inputs, and not on
//! which region was asked for; a larger region never demands less.

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::geom::Region;
use serde::{Deserialize, Serialize};

/// A block operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum BlockOp {
    /// The same elements in row-major order under another shape.
    Reshape {
        /// Lengths of the result.
        shape: Vec<usize>,
    },
    /// Each element of the result folds the elements of its run along `axis` up to its own; runs of `run` elements start
    /// at the multiples of `run`.
    Scan {
        /// What is folded.
        op: ScanOp,
        /// The axis.
        axis: usize,
        /// Elements of a run; at least the axis' length means one run.
        run: usize,
        /// Missing elements count as the identity.
        skipna: bool,
    },
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

impl BlockOp {
    /// Stable name: NumPy's or xarray's.
    pub fn name(&self) -> &'static str {
        match self {
            BlockOp::Reshape { .. } => "reshape",
            BlockOp::Scan { op, .. } => match op {
                ScanOp::Sum => "cumsum",
                ScanOp::Prod => "cumprod",
                ScanOp::Min => "cummin",
                ScanOp::Max => "cummax",
                ScanOp::Ffill => "ffill",
            },
        }
    }

    /// Dtype and shape of the result.
    ///
    /// # Errors
    /// Invalid input when the operation is not defined for the inputs.
    pub fn result(&self, inputs: &[(DType, &[usize])]) -> Result<(DType, Vec<usize>)> {
        let name = self.name();
        match (self, inputs) {
            (BlockOp::Reshape { shape }, [(dtype, from)]) => {
                let elements = |shape: &[usize]| shape.iter().product::<usize>();
                if elements(from) != elements(shape) {
                    return Err(Error::invalid(format!(
                        "{name}: {} elements of shape {from:?} cannot become shape {shape:?}",
                        elements(from)
                    )));
                }
                Ok((*dtype, shape.clone()))
            }
            (BlockOp::Scan { op, .. }, [(dtype, shape)]) => Ok((op.dtype(*dtype)?, shape.to_vec())),
            _ => Err(Error::internal(format!(
                "{name} with {} inputs",
                inputs.len()
            ))),
        }
    }

    /// Work per element of the result, where copying one is 1.
    pub fn weight(&self) -> f64 {
        match self {
            BlockOp::Reshape { .. } => 1.0,
            BlockOp::Scan { .. } => 4.0,
        }
    }

    /// Bytes of workspace per element of a piece of the result.
    pub fn scratch_bytes(&self) -> usize {
        0
    }

    /// What input `number` must hold to make the region `wanted` (not empty) of the result; `shapes` are those of the
    /// inputs.
    pub fn demand(&self, number: usize, shapes: &[&[usize]], wanted: &Region) -> Region {
        let shape = shapes[number];
        match self {
            BlockOp::Reshape { shape: to } => reshaped(to, shape, wanted),
            BlockOp::Scan { axis, run, .. } => {
                let mut region = wanted.clone();
                let start = wanted.start[*axis] / run * run;
                region.shape[*axis] += wanted.start[*axis] - start;
                region.start[*axis] = start;
                region
            }
        }
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

/// The smallest region of `from` that holds the row-major positions of the region `wanted` of `to`.
fn reshaped(to: &[usize], from: &[usize], wanted: &Region) -> Region {
    let position = |index: &mut dyn Iterator<Item = usize>| {
        index.zip(to).fold(0usize, |at, (i, len)| at * len + i)
    };
    let first = position(&mut wanted.start.iter().copied());
    let last = position(&mut (0..to.len()).map(|axis| wanted.end(axis) - 1));
    let index = |mut at: usize| {
        let mut index = vec![0; from.len()];
        for (i, len) in index.iter_mut().zip(from).rev() {
            *i = at % len;
            at /= len;
        }
        index
    };
    let (first, last) = (index(first), index(last));
    // Up to the outermost axis on which they differ both are equal; below it everything may be needed.
    let mut region = Region::new(first.clone(), vec![1; from.len()]);
    let mut differ = false;
    for axis in 0..from.len() {
        if differ {
            region.start[axis] = 0;
            region.shape[axis] = from[axis];
        } else if first[axis] != last[axis] {
            region.shape[axis] = last[axis] - first[axis] + 1;
            differ = true;
        }
    }
    region
}
