//! The same elements in row-major order under another shape.

use super::Family;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::geom::Region;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// NumPy's `reshape`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reshape {
    /// Lengths of the result.
    pub shape: Vec<usize>,
}

impl Family for Reshape {
    fn name(&self) -> &'static str {
        "reshape"
    }

    fn result(&self, inputs: &[(DType, &[usize])]) -> Result<(DType, Vec<usize>)> {
        let [(dtype, from)] = inputs else {
            return Err(Error::internal(format!(
                "reshape of {} arrays",
                inputs.len()
            )));
        };
        let elements = |shape: &[usize]| shape.iter().product::<usize>();
        if elements(from) != elements(&self.shape) {
            return Err(Error::invalid(format!(
                "reshape: {} elements of shape {from:?} cannot become shape {:?}",
                elements(from),
                self.shape
            )));
        }
        Ok((*dtype, self.shape.clone()))
    }

    fn demand(&self, number: usize, shapes: &[&[usize]], wanted: &Region) -> Region {
        let from = shapes[number];
        let mut region = Region::whole(from);
        for (old, new) in reshape_groups(from, &self.shape) {
            let part = Region::new(&wanted.start[new.clone()], &wanted.shape[new.clone()]);
            let part = reshaped(&self.shape[new], &from[old.clone()], &part);
            region.start[old.clone()].copy_from_slice(&part.start);
            region.shape[old].copy_from_slice(&part.shape);
        }
        region
    }

    fn weight(&self) -> f64 {
        1.0
    }
}

/// The runs of axes of two shapes of as many elements (not none) that hold the same elements, as short as possible.
pub fn reshape_groups(from: &[usize], to: &[usize]) -> Vec<(Range<usize>, Range<usize>)> {
    let mut groups = Vec::new();
    let (mut i, mut j) = (0, 0);
    while i < from.len() && j < to.len() {
        let (first, start) = (i, j);
        let (mut old, mut new) = (from[i], to[j]);
        (i, j) = (i + 1, j + 1);
        while old != new {
            if old < new && i < from.len() {
                old *= from[i];
                i += 1;
            } else if j < to.len() {
                new *= to[j];
                j += 1;
            } else {
                break;
            }
        }
        groups.push((first..i, start..j));
    }
    if i < from.len() || j < to.len() {
        groups.push((i..from.len(), j..to.len()));
    }
    groups
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
