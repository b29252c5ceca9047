//! Loads: how the elements of an input reach the loops. A contiguous input is borrowed; any other is gathered, row by
//! row, in the row-major order of the tile.

use super::column::{Column, result};
use crate::block::{BlockView, Buffer, Native};
use crate::error::{Error, Result};

/// The walk through one input, kept between tiles so that it allocates only when the number of axes grows.
#[derive(Default)]
pub(super) struct Load {
    /// Borrowed: element `start` of the tile is element `offset + start` of the buffer.
    pub(super) direct: bool,
    offset: usize,
    /// Lengths and strides, outermost first; neighbours that lie side by side are one axis.
    axes: Vec<(usize, isize)>,
    /// Position on the axes above the row.
    index: Vec<usize>,
}

impl Load {
    /// Looks at an input of one tile.
    ///
    /// # Errors
    /// Internal when the view leaves its buffer.
    pub(super) fn prepare(&mut self, view: &BlockView<'_>) -> Result<()> {
        self.offset = view.offset;
        self.direct = view.is_contiguous();
        self.axes.clear();
        let (mut low, mut high) = (view.offset as isize, view.offset as isize);
        for (&len, &stride) in view.shape.iter().zip(&view.strides) {
            let reach = stride * (len as isize - 1);
            if reach < 0 {
                low += reach;
            } else {
                high += reach;
            }
            if len == 1 {
                continue;
            }
            match self.axes.last_mut() {
                Some((outer, step)) if *step == stride * len as isize => {
                    *outer *= len;
                    *step = stride;
                }
                _ => self.axes.push((len, stride)),
            }
        }
        if self.axes.is_empty() {
            self.axes.push((1, 1));
        }
        self.index.clear();
        self.index.resize(self.axes.len() - 1, 0);
        if view.elements() > 0 && (low < 0 || high >= view.buffer.len() as isize) {
            return Err(Error::internal(format!(
                "a view of elements {low} … {high} of a buffer of {}",
                view.buffer.len()
            )));
        }
        Ok(())
    }

    /// The elements of a sub-tile of a direct input.
    pub(super) fn borrow<'a>(&self, view: &BlockView<'a>, start: usize, len: usize) -> Column<'a> {
        Column::of(view.buffer, self.offset + start, len)
    }

    /// Copies the elements of a sub-tile into a register.
    ///
    /// # Errors
    /// Internal when the register is of another type.
    pub(super) fn gather(
        &mut self,
        view: &BlockView<'_>,
        start: usize,
        len: usize,
        out: &mut Buffer,
    ) -> Result<()> {
        for_physical!(view.buffer.physical(), T => {
            let from = T::slice(view.buffer).unwrap_or(&[]);
            self.rows(from, start, result::<T>(out, len)?);
        });
        Ok(())
    }

    fn rows<T: Native>(&mut self, from: &[T], start: usize, mut out: &mut [T]) {
        let Some((&(row, step), outer)) = self.axes.split_last() else {
            return;
        };
        let mut rest = start / row;
        let mut column = start % row;
        let mut base = self.offset as isize;
        for (index, (len, stride)) in self.index.iter_mut().zip(outer).rev() {
            *index = rest % len;
            rest /= len;
            base += *index as isize * stride;
        }
        loop {
            let run = (row - column).min(out.len());
            let (now, later) = out.split_at_mut(run);
            let first = base + column as isize * step;
            match step {
                1 => now.copy_from_slice(&from[first as usize..first as usize + run]),
                0 => now.fill(from[first as usize]),
                _ => {
                    let mut at = first;
                    for out in now {
                        *out = from[at as usize];
                        at += step;
                    }
                }
            }
            out = later;
            if out.is_empty() {
                return;
            }
            column = 0;
            for (index, (len, stride)) in self.index.iter_mut().zip(outer).rev() {
                *index += 1;
                base += stride;
                if *index < *len {
                    break;
                }
                base -= stride * *len as isize;
                *index = 0;
            }
        }
    }
}
