//! Elements at indices that are themselves computed: along an axis, and places in a sorted list.

use super::Family;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::geom::Region;
use serde::{Deserialize, Serialize};

/// NumPy's `take_along_axis`: the second input has the indices (int64), in the shape of the result.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TakeAlong {
    /// The axis of the indices.
    pub axis: usize,
}

impl Family for TakeAlong {
    fn name(&self) -> &'static str {
        "take_along_axis"
    }

    fn result(&self, inputs: &[(DType, &[usize])]) -> Result<(DType, Vec<usize>)> {
        match inputs {
            [(dtype, _), (DType::I64, wanted)] => Ok((*dtype, wanted.to_vec())),
            _ => Err(Error::internal(format!("take_along_axis of {inputs:?}"))),
        }
    }

    fn demand(&self, number: usize, shapes: &[&[usize]], wanted: &Region) -> Region {
        let mut region = wanted.clone();
        if number == 0 {
            region.start[self.axis] = 0;
            region.shape[self.axis] = shapes[0][self.axis];
        }
        region
    }

    fn weight(&self) -> f64 {
        3.0
    }
}

/// NumPy's `searchsorted`: the first input is one sorted axis, the second the values, of the same dtype.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SearchSorted {
    /// The place behind equal elements, not before them.
    pub right: bool,
}

impl Family for SearchSorted {
    fn name(&self) -> &'static str {
        "searchsorted"
    }

    fn result(&self, inputs: &[(DType, &[usize])]) -> Result<(DType, Vec<usize>)> {
        match inputs {
            [(a, [_]), (b, wanted)] if a == b && !a.is_complex() => {
                Ok((DType::I64, wanted.to_vec()))
            }
            _ => Err(Error::internal(format!("searchsorted of {inputs:?}"))),
        }
    }

    fn demand(&self, number: usize, shapes: &[&[usize]], wanted: &Region) -> Region {
        match number {
            0 => Region::whole(shapes[0]),
            _ => wanted.clone(),
        }
    }

    fn weight(&self) -> f64 {
        20.0
    }
}

/// The elements under a mask (the second input, of the shape of the first) in row-major order.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Compress {
    /// Rows of the first axis in one block.
    pub rows: usize,
    /// Elements under the mask before each block, and of all at the end.
    pub before: Vec<u64>,
}

impl Compress {
    /// The blocks with the elements `range` of the result.
    pub fn blocks(&self, range: std::ops::Range<usize>) -> std::ops::Range<usize> {
        let first = self.before.partition_point(|n| *n <= range.start as u64);
        let end = self.before.partition_point(|n| *n < range.end as u64);
        first.saturating_sub(1)..end
    }
}

impl Family for Compress {
    fn name(&self) -> &'static str {
        "compress"
    }

    fn result(&self, inputs: &[(DType, &[usize])]) -> Result<(DType, Vec<usize>)> {
        match inputs {
            [(dtype, shape), (DType::Bool, mask)] if shape == mask && !shape.is_empty() => Ok((
                *dtype,
                vec![self.before.last().copied().unwrap_or(0) as usize],
            )),
            _ => Err(Error::internal(format!("compress of {inputs:?}"))),
        }
    }

    fn demand(&self, number: usize, shapes: &[&[usize]], wanted: &Region) -> Region {
        let mut region = Region::whole(shapes[number]);
        let blocks = self.blocks(wanted.start[0]..wanted.end(0));
        region.start[0] = blocks.start * self.rows;
        let end = (blocks.end * self.rows).min(shapes[number][0]);
        region.shape[0] = end - region.start[0];
        region
    }

    fn weight(&self) -> f64 {
        3.0
    }
}
