//! Boxes inside a shape.

use serde::{Deserialize, Serialize};

/// A box: `start[k] .. start[k] + shape[k]` on every axis `k`. A region of a 0-d array has one element.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Region {
    /// First index per axis.
    pub start: Vec<usize>,
    /// Length per axis.
    pub shape: Vec<usize>,
}

impl Region {
    /// A region from its first indices and lengths.
    pub fn new(start: impl Into<Vec<usize>>, shape: impl Into<Vec<usize>>) -> Self {
        let (start, shape) = (start.into(), shape.into());
        debug_assert_eq!(
            start.len(),
            shape.len(),
            "a region has one start and one length per axis"
        );
        Region { start, shape }
    }

    /// The whole of `shape`.
    pub fn whole(shape: &[usize]) -> Self {
        Region {
            start: vec![0; shape.len()],
            shape: shape.to_vec(),
        }
    }

    /// Number of axes.
    pub fn ndim(&self) -> usize {
        self.shape.len()
    }

    /// Number of elements.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// True when an axis has length 0.
    pub fn is_empty(&self) -> bool {
        self.shape.contains(&0)
    }

    /// One past the last index of `axis`.
    pub fn end(&self, axis: usize) -> usize {
        self.start[axis] + self.shape[axis]
    }

    /// The common part; `None` when it is empty.
    pub fn intersect(&self, other: &Region) -> Option<Region> {
        debug_assert_eq!(self.ndim(), other.ndim(), "regions of one space");
        let mut result = self.clone();
        for axis in 0..self.ndim() {
            let start = self.start[axis].max(other.start[axis]);
            let end = self.end(axis).min(other.end(axis));
            if start >= end {
                return None;
            }
            result.start[axis] = start;
            result.shape[axis] = end - start;
        }
        Some(result)
    }

    /// True when every element of `other` lies in this region.
    pub fn contains(&self, other: &Region) -> bool {
        (0..self.ndim())
            .all(|axis| self.start[axis] <= other.start[axis] && other.end(axis) <= self.end(axis))
    }

    /// The same box seen from `origin`: `global_to_local`.
    ///
    /// `origin[k] <= start[k]` must hold on every axis.
    #[must_use]
    pub fn relative_to(&self, origin: &[usize]) -> Region {
        Region {
            start: self
                .start
                .iter()
                .zip(origin)
                .map(|(start, origin)| start - origin)
                .collect(),
            shape: self.shape.clone(),
        }
    }

    /// The smallest box that holds both.
    #[must_use]
    pub fn union_box(&self, other: &Region) -> Region {
        let start: Vec<usize> = self
            .start
            .iter()
            .zip(&other.start)
            .map(|(a, b)| *a.min(b))
            .collect();
        let shape = (0..self.ndim())
            .map(|axis| self.end(axis).max(other.end(axis)) - start[axis])
            .collect();
        Region { start, shape }
    }
}
