//! Lines of a box along an axis: where they start, so that loops walk views of any strides without a copy.

use crate::block::BlockView;

/// A box taken apart: outer axes, the axis, and rows of what lies inside it.
pub(super) struct Lines {
    /// Where each index of the outer axes starts in the buffer.
    pub(super) outer: Vec<usize>,
    /// Elements between neighbours along the axis.
    pub(super) step: isize,
    /// Where the rows inside an element of the axis lie, from its first.
    pub(super) rows: Vec<isize>,
    /// Elements of a row; 1 when the axis is the last.
    pub(super) row: usize,
    /// Elements between neighbours of a row.
    pub(super) row_step: isize,
}

impl Lines {
    /// The lines of `view` along `axis`.
    pub(super) fn new(view: &BlockView<'_>, axis: usize) -> Self {
        let last = view.shape.len() - 1;
        let outer = offsets(&view.shape[..axis], &view.strides[..axis]);
        let inner = (axis + 1).min(last)..last;
        Lines {
            outer: (outer.into_iter())
                .map(|offset| (view.offset as isize + offset) as usize)
                .collect(),
            step: view.strides[axis],
            rows: offsets(&view.shape[inner.clone()], &view.strides[inner]),
            row: if axis == last { 1 } else { view.shape[last] },
            row_step: view.strides[last],
        }
    }

    /// Elements inside one element of the axis.
    pub(super) fn inner(&self) -> usize {
        self.rows.len() * self.row
    }

    /// Gives `each` the elements of one index of the axis in row-major order: their number, and where they lie.
    #[inline(always)]
    pub(super) fn each(&self, start: usize, index: usize, mut each: impl FnMut(usize, usize)) {
        let start = start as isize + index as isize * self.step;
        let mut number = 0;
        for row in &self.rows {
            let start = start + row;
            for k in 0..self.row as isize {
                each(number, (start + k * self.row_step) as usize);
                number += 1;
            }
        }
    }
}

/// Offsets of all indices of a box, in row-major order.
pub(super) fn offsets(shape: &[usize], strides: &[isize]) -> Vec<isize> {
    let mut result = vec![0];
    for (len, stride) in shape.iter().zip(strides) {
        result = result
            .iter()
            .flat_map(|offset| (0..*len as isize).map(move |i| offset + i * stride))
            .collect();
    }
    result
}
