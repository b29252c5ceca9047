//! Selections: a view's index space mapped to its parent's, axis by axis.
//! Law: `select(select(x, a), b) == select(x, compose(a, b))`.

use super::region::Region;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// `len` indices `start, start + step, …` of one axis; `step` may be negative, never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Span {
    /// First parent index.
    pub start: usize,
    /// Number of indices.
    pub len: usize,
    /// Distance between neighbours.
    pub step: isize,
}

impl Span {
    /// All of an axis.
    pub fn all(len: usize) -> Self {
        Span {
            start: 0,
            len,
            step: 1,
        }
    }

    /// Python's `start:stop:step` on an axis of `len` elements: negative bounds count from the end, bounds are clipped.
    ///
    /// # Errors
    /// Invalid input when `step` is 0.
    pub fn slice(
        start: Option<isize>,
        stop: Option<isize>,
        step: isize,
        len: usize,
    ) -> Result<Self> {
        if step == 0 {
            return Err(Error::invalid(
                "slice: step 0; allowed is any other integer",
            ));
        }
        let n = len as isize;
        // After CPython's PySlice_AdjustIndices.
        let (low, high) = if step > 0 { (0, n) } else { (-1, n - 1) };
        let bound = |value: Option<isize>, default: isize| match value {
            None => default,
            Some(v) => (if v < 0 { v + n } else { v }).clamp(low, high),
        };
        let (first, last) = if step > 0 { (0, n) } else { (n - 1, -1) };
        let (start, stop) = (bound(start, first), bound(stop, last));
        let distance = if step > 0 { stop - start } else { start - stop };
        let count = if distance <= 0 {
            0
        } else {
            (distance as usize).div_ceil(step.unsigned_abs())
        };
        Ok(Span {
            start: if count == 0 { 0 } else { start as usize },
            len: count,
            step,
        })
    }

    /// The parent index of view index `i`.
    pub fn parent(&self, i: usize) -> usize {
        (self.start as isize + i as isize * self.step) as usize
    }

    /// A span of this span's view.
    #[must_use]
    pub fn compose(&self, inner: &Span) -> Span {
        Span {
            start: if inner.len == 0 {
                0
            } else {
                self.parent(inner.start)
            },
            len: inner.len,
            step: self.step * inner.step,
        }
    }

    /// The smallest parent range `(start, len)` that holds view indices `start .. start + len`.
    pub fn parent_bounds(&self, start: usize, len: usize) -> (usize, usize) {
        if len == 0 {
            return (self.start, 0);
        }
        let (a, b) = (self.parent(start), self.parent(start + len - 1));
        (a.min(b), a.abs_diff(b) + 1)
    }
}

/// What happens to one axis of the parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AxisSelect {
    /// The axis stays, with these indices.
    Span(Span),
    /// The axis goes, at this index.
    Index(usize),
}

/// One selection per parent axis.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Select {
    /// One entry per parent axis.
    pub axes: Vec<AxisSelect>,
}

impl Select {
    /// Everything of `shape`.
    pub fn all(shape: &[usize]) -> Self {
        Select {
            axes: shape
                .iter()
                .map(|&len| AxisSelect::Span(Span::all(len)))
                .collect(),
        }
    }

    /// Shape of the view.
    pub fn shape(&self) -> Vec<usize> {
        self.spans().map(|(_, span)| span.len).collect()
    }

    /// The kept parent axes with their spans, in order.
    pub fn spans(&self) -> impl Iterator<Item = (usize, Span)> {
        self.axes
            .iter()
            .enumerate()
            .filter_map(|(axis, select)| match select {
                AxisSelect::Span(span) => Some((axis, *span)),
                AxisSelect::Index(_) => None,
            })
    }

    /// True when it is the identity on `shape`.
    pub fn is_all(&self, shape: &[usize]) -> bool {
        *self == Select::all(shape)
    }

    /// A selection of this selection's view, as one selection of the parent.
    #[must_use]
    pub fn compose(&self, inner: &Select) -> Select {
        let mut inner = inner.axes.iter();
        let axes = self
            .axes
            .iter()
            .map(|select| match select {
                AxisSelect::Index(index) => AxisSelect::Index(*index),
                AxisSelect::Span(span) => match inner.next() {
                    Some(AxisSelect::Span(second)) => AxisSelect::Span(span.compose(second)),
                    Some(AxisSelect::Index(index)) => AxisSelect::Index(span.parent(*index)),
                    None => AxisSelect::Span(*span),
                },
            })
            .collect();
        Select { axes }
    }

    /// The smallest parent region that holds a region of the view.
    pub fn parent_region(&self, view_region: &Region) -> Region {
        let mut view_axis = 0;
        let (start, shape) = self
            .axes
            .iter()
            .map(|select| match select {
                AxisSelect::Index(index) => (*index, 1),
                AxisSelect::Span(span) => {
                    view_axis += 1;
                    span.parent_bounds(
                        view_region.start[view_axis - 1],
                        view_region.shape[view_axis - 1],
                    )
                }
            })
            .unzip();
        Region { start, shape }
    }
}
