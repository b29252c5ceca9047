//! Selection, views and chunks.

use super::array::Array;
use crate::error::Error;
use crate::geom::{Select, Span, normalize_axis};

impl Array {
    /// One span per axis.
    #[must_use]
    #[track_caller]
    pub fn select(&self, spans: &[Span]) -> Array {
        let shape = self.shape();
        self.push(|g, a| {
            if spans.len() != shape.len() {
                return Err(Error::invalid(format!(
                    "select: {} spans for {} axes",
                    spans.len(),
                    shape.len()
                )));
            }
            for (axis, (span, len)) in spans.iter().zip(&shape).enumerate() {
                let last = span.start as isize + (span.len as isize - 1) * span.step;
                if span.len > 0 && (span.start >= *len || last < 0 || last >= *len as isize) {
                    return Err(Error::invalid(format!(
                        "select: {span:?} lies outside axis {axis} of length {len}"
                    )));
                }
            }
            g.select(a, Select::spans(spans))
        })
    }

    /// `axis` moved before the one at `start` (which may be the number of axes). NumPy's `rollaxis`.
    #[must_use]
    #[track_caller]
    pub fn rollaxis(&self, axis: isize, start: isize) -> Array {
        let ndim = self.ndim();
        self.push(|g, a| {
            let axis = normalize_axis("rollaxis", axis, ndim)?;
            let place = if start < 0 {
                start + ndim as isize
            } else {
                start
            };
            if !(0..=ndim as isize).contains(&place) {
                return Err(Error::invalid(format!(
                    "rollaxis: start {start} for {ndim} axes; allowed are {} … {ndim}",
                    -(ndim as isize)
                )));
            }
            // Counted without the axis itself.
            let place = place as usize - usize::from(axis < place as usize);
            let mut order: Vec<usize> = (0..ndim).filter(|k| *k != axis).collect();
            order.insert(place, axis);
            let shape = g.shape(a).to_vec();
            g.select(a, Select::transpose(&shape, &order))
        })
    }

    /// `start:stop:step` along one axis, as in Python; `None` is an end.
    #[must_use]
    #[track_caller]
    pub fn slice(
        &self,
        axis: isize,
        start: Option<isize>,
        stop: Option<isize>,
        step: isize,
    ) -> Array {
        let shape = self.shape();
        self.push(|g, a| {
            let axis = normalize_axis("slice", axis, shape.len())?;
            let mut spans: Vec<Span> = shape.iter().map(|&len| Span::all(len)).collect();
            spans[axis] = Span::slice(start, stop, step, shape[axis])?;
            g.select(a, Select::spans(&spans))
        })
    }

    /// The elements at `index` along `axis`; the axis goes. Negative indices count from the end.
    #[must_use]
    #[track_caller]
    pub fn index(&self, axis: isize, index: isize) -> Array {
        let shape = self.shape();
        self.push(|g, a| {
            let axis = normalize_axis("index", axis, shape.len())?;
            let len = shape[axis] as isize;
            if !(-len..len).contains(&index) {
                return Err(Error::invalid(match len {
                    0 => format!("index: {index} is out of range: axis {axis} is empty"),
                    _ => format!(
                        "index: {index} is out of range on axis {axis}; allowed are {} … {}",
                        -len,
                        len - 1
                    ),
                }));
            }
            g.select(
                a,
                Select::all(&shape).fix(axis, index.rem_euclid(len) as usize),
            )
        })
    }

    /// The axes in another order.
    #[must_use]
    #[track_caller]
    pub fn transpose(&self, order: &[usize]) -> Array {
        let shape = self.shape();
        self.push(|g, a| {
            let mut sorted = order.to_vec();
            sorted.sort_unstable();
            if sorted != (0..shape.len()).collect::<Vec<_>>() {
                return Err(Error::invalid(format!(
                    "transpose: {order:?} is not an order of the axes 0 … {}",
                    shape.len().saturating_sub(1)
                )));
            }
            g.select(a, Select::transpose(&shape, order))
        })
    }

    /// Axis `k` goes to axis `axes[k]` of `shape`; other axes are new, axes of length 1 repeat.
    #[must_use]
    #[track_caller]
    pub fn broadcast_axes(&self, axes: &[usize], shape: &[usize]) -> Array {
        let from = self.shape();
        self.push(|g, a| g.select(a, Select::broadcast(&from, axes, shape)))
    }

    /// NumPy's `broadcast_to`.
    #[must_use]
    #[track_caller]
    pub fn broadcast_to(&self, shape: &[usize]) -> Array {
        self.push(|g, a| g.broadcast_to(a, shape))
    }

    /// The same elements, to be worked on in chunks of these lengths (one per axis).
    #[must_use]
    #[track_caller]
    pub fn chunk(&self, chunk: &[usize]) -> Array {
        self.push(|g, a| g.rechunk(a, chunk))
    }
}
