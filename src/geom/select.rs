//! Selections: a view's index space mapped affinely to its parent's. One type covers slices, steps, integer indices,
//! new axes, broadcasts, flips, transposes, axes split in two and sliding windows, so that all of them compose and none
//! copies.
//!
//! Definitions. View index `i` means the parent element whose index on parent axis `a` is
//! `base[a] + Σ i[v] · step[v]` over the view axes `v` that come from `a` (several do where an axis is split, or where a
//! window slides along it).
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
        Span::run(0, len)
    }

    /// `len` neighbours from `start` on.
    pub fn run(start: usize, len: usize) -> Self {
        Span {
            start,
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
            Some(v) => (if v < 0 { v.saturating_add(n) } else { v }).clamp(low, high),
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
}

/// One axis of a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ViewAxis {
    /// The parent axis it walks along; `None` repeats the same elements (a new or broadcast axis).
    pub parent: Option<usize>,
    /// Parent elements between neighbours.
    pub step: isize,
    /// Length.
    pub len: usize,
}

/// An affine view of a parent array.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Select {
    /// Parent index of view index 0, one per parent axis.
    pub base: Vec<usize>,
    /// The axes of the view.
    pub axes: Vec<ViewAxis>,
}

impl Select {
    /// Everything of `shape`.
    pub fn all(shape: &[usize]) -> Self {
        Self::spans(&shape.iter().map(|&len| Span::all(len)).collect::<Vec<_>>())
    }

    /// One span per parent axis.
    pub fn spans(spans: &[Span]) -> Self {
        let axes = spans
            .iter()
            .enumerate()
            .map(|(axis, span)| ViewAxis {
                parent: Some(axis),
                step: span.step,
                len: span.len,
            })
            .collect();
        Select {
            base: spans.iter().map(|span| span.start).collect(),
            axes,
        }
    }

    /// Shape of the view.
    pub fn shape(&self) -> Vec<usize> {
        self.axes.iter().map(|axis| axis.len).collect()
    }

    /// The same view without `axis`, fixed at view index `index`.
    #[must_use]
    pub fn fix(mut self, axis: usize, index: usize) -> Self {
        let removed = self.axes.remove(axis);
        if let Some(parent) = removed.parent {
            self.base[parent] =
                (self.base[parent] as isize + index as isize * removed.step) as usize;
        }
        self
    }

    /// A view of `shape` in which `shape`'s axes go to `to_axes` of a larger shape, after NumPy's rules: other axes are
    /// new, axes of length 1 repeat.
    pub fn broadcast(shape: &[usize], to_axes: &[usize], to_shape: &[usize]) -> Self {
        let mut axes: Vec<ViewAxis> = to_shape
            .iter()
            .map(|&len| ViewAxis {
                parent: None,
                step: 0,
                len,
            })
            .collect();
        for (parent, (&axis, &len)) in to_axes.iter().zip(shape).enumerate() {
            if len == to_shape[axis] {
                axes[axis] = ViewAxis {
                    parent: Some(parent),
                    step: 1,
                    len,
                };
            }
        }
        Select {
            base: vec![0; shape.len()],
            axes,
        }
    }

    /// The axes of `shape` in another order: view axis `k` is parent axis `order[k]`.
    pub fn transpose(shape: &[usize], order: &[usize]) -> Self {
        let axes = order
            .iter()
            .map(|&parent| ViewAxis {
                parent: Some(parent),
                step: 1,
                len: shape[parent],
            })
            .collect();
        Select {
            base: vec![0; shape.len()],
            axes,
        }
    }

    /// Axis `axis` of `shape` as two: `outer` windows of `inner` elements, `outer_step` and `inner_step` elements apart. The
    /// caller made sure that the last window ends inside the axis.
    pub fn split(
        shape: &[usize],
        axis: usize,
        (outer, outer_step): (usize, isize),
        (inner, inner_step): (usize, isize),
    ) -> Self {
        let mut select = Select::all(shape);
        select.axes[axis] = ViewAxis {
            parent: Some(axis),
            step: outer_step,
            len: outer,
        };
        let window = ViewAxis {
            parent: Some(axis),
            step: inner_step,
            len: inner,
        };
        select.axes.insert(axis + 1, window);
        select
    }

    /// True when it is the identity on `shape`.
    pub fn is_all(&self, shape: &[usize]) -> bool {
        *self == Select::all(shape)
    }

    /// A selection of this selection's view, as one selection of the parent.
    #[must_use]
    pub fn compose(&self, inner: &Select) -> Select {
        let mut base = self.base.clone();
        for (axis, start) in self.axes.iter().zip(&inner.base) {
            if let Some(parent) = axis.parent {
                base[parent] = (base[parent] as isize + *start as isize * axis.step) as usize;
            }
        }
        let axes = inner
            .axes
            .iter()
            .map(|view| match view.parent.map(|middle| self.axes[middle]) {
                Some(ViewAxis {
                    parent: Some(parent),
                    step,
                    ..
                }) => ViewAxis {
                    parent: Some(parent),
                    step: step * view.step,
                    len: view.len,
                },
                _ => ViewAxis {
                    parent: None,
                    step: 0,
                    len: view.len,
                },
            })
            .collect();
        Select { base, axes }
    }

    /// The parent index of a view index.
    pub fn parent_index(&self, index: &[usize]) -> Vec<usize> {
        let mut result = self.base.clone();
        for (axis, i) in self.axes.iter().zip(index) {
            if let Some(parent) = axis.parent {
                result[parent] = (result[parent] as isize + *i as isize * axis.step) as usize;
            }
        }
        result
    }

    /// The smallest parent region that holds a region of the view (not empty).
    pub fn parent_region(&self, view_region: &Region) -> Region {
        let mut low: Vec<isize> = self.base.iter().map(|b| *b as isize).collect();
        let mut extent = vec![0isize; low.len()];
        for (v, axis) in self.axes.iter().enumerate() {
            if let Some(parent) = axis.parent {
                low[parent] += view_region.start[v] as isize * axis.step;
                let reach = view_region.shape[v].saturating_sub(1) as isize * axis.step;
                low[parent] += reach.min(0);
                extent[parent] += reach.abs();
            }
        }
        Region::new(
            low.iter().map(|low| *low as usize).collect::<Vec<_>>(),
            extent
                .iter()
                .map(|reach| *reach as usize + 1)
                .collect::<Vec<_>>(),
        )
    }

    /// The view restricted to `view_region`, over a parent of which only `parent_region` is at hand.
    #[must_use]
    pub fn local(&self, view_region: &Region, parent_region: &Region) -> Select {
        let first = self.parent_index(&view_region.start);
        let base = first
            .iter()
            .zip(&parent_region.start)
            .map(|(i, origin)| i - origin)
            .collect();
        let axes = self
            .axes
            .iter()
            .zip(&view_region.shape)
            .map(|(axis, &len)| ViewAxis { len, ..*axis })
            .collect();
        Select { base, axes }
    }
}
