//! Loads: how the elements of an input reach the loops. A contiguous input is borrowed; any other is gathered, row by
//! row, in the row-major order of the tile.

use super::column::{Column, result};
use super::reduce::Runs;
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
        runs: &Runs,
        out: &mut Buffer,
    ) -> Result<()> {
        for_physical!(view.buffer.physical(), T => {
            let from = T::slice(view.buffer).unwrap_or(&[]);
            let out = result::<T>(out, runs.count * runs.len)?;
            for (run, out) in out.chunks_exact_mut(runs.len).enumerate() {
                self.rows(from, runs.start + run * runs.stride, out);
            }
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
            let first = base + column as isize * step;
            // A transposed view: what is a row here lies across the rows of memory, so several rows are read at once.
            if let (true, Some(&(len, 1)), Some(&index)) =
                (step != 1, outer.last(), self.index.last())
                && column == 0
                && out.len() >= ACROSS * row
                && len - index >= ACROSS
            {
                let (now, later) = out.split_at_mut(ACROSS * row);
                across(from, first, step, now, row);
                out = later;
                if out.is_empty() {
                    return;
                }
                base += advance(&mut self.index, outer, ACROSS);
                continue;
            }
            let run = (row - column).min(out.len());
            let (now, later) = out.split_at_mut(run);
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
            base += advance(&mut self.index, outer, 1);
        }
    }
}

/// Goes on by `rows`, at most to the end of the innermost axis of `outer`; what that adds to the place in the buffer.
fn advance(index: &mut [usize], outer: &[(usize, isize)], rows: usize) -> isize {
    let (mut moved, mut by) = (0, rows);
    for (index, (len, stride)) in index.iter_mut().zip(outer).rev() {
        *index += by;
        moved += by as isize * stride;
        if *index < *len {
            break;
        }
        moved -= stride * *len as isize;
        *index = 0;
        by = 1;
    }
    moved
}

/// Rows that are read at once: eight neighbours of eight bytes share a line of the cache.
const ACROSS: usize = 8;

/// Copies [`ACROSS`] rows of `row` elements whose first elements are neighbours in memory.
fn across<T: Native>(from: &[T], first: isize, step: isize, out: &mut [T], row: usize) {
    let mut rows = out.chunks_exact_mut(row);
    let mut next = || rows.next().unwrap_or_default();
    let mut rows: [&mut [T]; ACROSS] = std::array::from_fn(|_| next());
    let line = |column: usize| {
        let at = (first + column as isize * step) as usize;
        &from[at..at + ACROSS]
    };
    // Square by square, which the compiler turns in registers.
    let whole = row - row % ACROSS;
    for column in (0..whole).step_by(ACROSS) {
        let mut square = [[T::default(); ACROSS]; ACROSS];
        for k in 0..ACROSS {
            for (turned, value) in square.iter_mut().zip(line(column + k)) {
                turned[k] = *value;
            }
        }
        for (row, turned) in rows.iter_mut().zip(&square) {
            row[column..column + ACROSS].copy_from_slice(turned);
        }
    }
    for column in whole..row {
        for (row, value) in rows.iter_mut().zip(line(column)) {
            row[column] = *value;
        }
    }
}
