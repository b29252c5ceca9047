//! Kernels of the user's program, by name.

use super::Family;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::geom::Region;
use serde::{Deserialize, Serialize};

/// A registered kernel: it makes a box of the result from the same box of its inputs and the margin around it. All inputs have
/// one shape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct User {
    /// Its name in the registry of every rank.
    pub name: String,
    /// Numbers that it takes.
    pub params: Vec<f64>,
    /// Margin on either side, per axis.
    pub depth: Vec<usize>,
    /// Per axis. True: margins end at the borders of the array, and the result is as long as it. False: the inputs bring their
    /// borders, and the result is shorter by both margins.
    pub clipped: Vec<bool>,
    /// Dtype of the result.
    pub dtype: DType,
}

impl Family for User {
    fn name(&self) -> &'static str {
        "map_overlap"
    }

    fn result(&self, inputs: &[(DType, &[usize])]) -> Result<(DType, Vec<usize>)> {
        let Some((_, shape)) = inputs.first() else {
            return Err(Error::internal("map_overlap of no arrays"));
        };
        let margin = |axis: usize| match self.clipped[axis] {
            true => 0,
            false => 2 * self.depth[axis],
        };
        let fits = inputs.iter().all(|(_, other)| other == shape)
            && shape.len() == self.depth.len()
            && shape.len() == self.clipped.len()
            && (0..shape.len()).all(|axis| shape[axis] >= margin(axis));
        if !fits {
            return Err(Error::internal(format!(
                "map_overlap: depth {:?} over {inputs:?}",
                self.depth
            )));
        }
        let shape = (0..shape.len()).map(|axis| shape[axis] - margin(axis));
        Ok((self.dtype, shape.collect()))
    }

    fn demand(&self, number: usize, shapes: &[&[usize]], wanted: &Region) -> Region {
        let mut region = wanted.clone();
        for (axis, depth) in self.depth.iter().enumerate() {
            if self.clipped[axis] {
                let start = wanted.start[axis].saturating_sub(*depth);
                let end = (wanted.end(axis) + depth).min(shapes[number][axis]);
                region.start[axis] = start;
                region.shape[axis] = end - start;
            } else {
                region.shape[axis] += 2 * depth;
            }
        }
        region
    }

    fn weight(&self) -> f64 {
        16.0
    }

    /// What a kernel may hold of its own.
    fn scratch_bytes(&self) -> usize {
        16
    }
}
