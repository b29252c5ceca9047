//! Elements at listed indices: along one axis, or of points over several.

use super::Family;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::geom::Region;
use serde::{Deserialize, Serialize};

/// Most entries of one operation: it is part of the plan, which every rank gets. Longer lists are several operations.
pub const MOST_TAKEN: usize = 1 << 16;

/// The elements whose indices on `axes` are listed: the listed axes become one, the axis of the points.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Take {
    /// Listed axes of the input, ascending.
    pub axes: Vec<usize>,
    /// The axis of the points in the result.
    pub at: usize,
    /// Per listed axis the index of each point, inside the axis.
    pub indices: Vec<Vec<u64>>,
}

impl Take {
    /// Number of points.
    pub fn points(&self) -> usize {
        self.indices.first().map_or(0, Vec::len)
    }

    /// The axes of an input of `ndim` that are not listed.
    pub fn rest(&self, ndim: usize) -> Vec<usize> {
        (0..ndim).filter(|axis| !self.axes.contains(axis)).collect()
    }
}

impl Family for Take {
    fn name(&self) -> &'static str {
        "take"
    }

    fn result(&self, inputs: &[(DType, &[usize])]) -> Result<(DType, Vec<usize>)> {
        let [(dtype, shape)] = inputs else {
            return Err(Error::internal(format!("take of {} arrays", inputs.len())));
        };
        let inside = self.axes.len() == self.indices.len()
            && self.axes.iter().zip(&self.indices).all(|(axis, list)| {
                *axis < shape.len()
                    && list.len() == self.points()
                    && list.iter().all(|i| *i < shape[*axis] as u64)
            });
        let mut result: Vec<usize> = self.rest(shape.len()).iter().map(|a| shape[*a]).collect();
        if !inside || self.at > result.len() {
            return Err(Error::internal(format!(
                "take of {} points along {:?} of {shape:?}",
                self.points(),
                self.axes
            )));
        }
        result.insert(self.at, self.points());
        Ok((*dtype, result))
    }

    fn demand(&self, number: usize, shapes: &[&[usize]], wanted: &Region) -> Region {
        let mut region = Region::whole(shapes[number]);
        let (first, end) = (wanted.start[self.at], wanted.end(self.at));
        for (&axis, list) in self.axes.iter().zip(&self.indices) {
            let listed = &list[first..end];
            let low = listed.iter().min().copied().unwrap_or(0) as usize;
            let high = listed.iter().max().copied().unwrap_or(0) as usize;
            region.start[axis] = low;
            region.shape[axis] = high - low + 1;
        }
        for (k, axis) in self.rest(region.ndim()).into_iter().enumerate() {
            let k = k + usize::from(k >= self.at);
            region.start[axis] = wanted.start[k];
            region.shape[axis] = wanted.shape[k];
        }
        region
    }

    fn weight(&self) -> f64 {
        2.0
    }
}
