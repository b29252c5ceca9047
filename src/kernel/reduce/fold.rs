//! What a family of reductions implements, and how one dynamic call per sub-tile reaches its typed loops.

use super::super::column::{Column, InColumn, operand};
use super::super::vector::Rows;
use super::walk::{FoldTile, Row, Runs, Walk};
use crate::block::{Buffer, Native};
use crate::dtype::NAT;
use crate::error::{Error, Result};
use bytemuck::NoUninit;
use num_complex::Complex;
use std::any::Any;

/// A type whose values lie in cells and travel between ranks.
pub(super) trait Cell: Native + NoUninit {}
impl<T: Native + NoUninit> Cell for T {}

/// Names the place of a cell for messages: "group 3".
pub(super) type Place<'a> = &'a dyn Fn(usize) -> String;

/// A family of reductions over elements of one type. Cells are numbered in row-major order of the cell shape.
pub(super) trait Family: Send + Sync + 'static {
    /// Type of the elements.
    type Item: InColumn;
    /// A sub-tile of a tile of which one cell gets at most `most` elements is about to come.
    fn expect(&mut self, _most: u64) {}
    /// Element `i` falls into cell `cell + i`.
    fn keep(&mut self, cell: usize, values: &[Self::Item], arg: i64);
    /// Row after row, element `i` falls into cell `cell + i`, of `cells` cells; an index grows by `step` from row to row.
    fn keep_rows(
        &mut self,
        cell: usize,
        cells: usize,
        rows: Rows<'_, Self::Item>,
        arg: i64,
        step: i64,
    ) {
        let mut arg = arg;
        for row in rows.values.chunks(rows.pitch) {
            self.keep(cell, &row[..cells], arg);
            arg += step;
        }
    }
    /// All elements fall into one cell.
    fn reduce(&mut self, cell: usize, values: &[Self::Item], arg: i64, step: i64);
    /// One element falls into one cell.
    fn one(&mut self, cell: usize, value: Self::Item, arg: i64);
    /// Takes in the cells of `right`, which come after these.
    fn join(&mut self, right: &Self);
    /// The results. The cells are not to be fed again before `clear`.
    fn finish(&mut self, place: Place<'_>) -> Result<Buffer>;
    /// Writes the cells.
    fn put(&self, out: &mut dyn Out);
    /// Reads the cells.
    fn take(&mut self, from: &mut Wire<'_>) -> Result<()>;
    /// `cells` cells that have seen nothing. Memory that is there is used again; what is new is written at once, since
    /// pages that are first read and then written are mapped twice, and the second time all cores are interrupted.
    fn clear(&mut self, cells: usize);
    /// Bytes of all cells.
    fn bytes(&self) -> usize;
}

/// A family behind a pointer: one call per sub-tile.
pub(super) trait Fold: Send + Sync {
    fn feed(
        &mut self,
        walk: &mut Walk,
        tile: &FoldTile<'_>,
        runs: &Runs,
        values: Column<'_>,
    ) -> Result<()>;
    fn merge(&mut self, right: &dyn Fold) -> Result<()>;
    fn finalize(&mut self, place: Place<'_>) -> Result<Buffer>;
    fn encode(&self, out: &mut dyn Out);
    fn decode(&mut self, from: &mut Wire<'_>) -> Result<()>;
    fn reset(&mut self, cells: usize);
    fn bytes(&self) -> usize;
    fn any(&self) -> &dyn Any;
}

impl<F: Family> Fold for F {
    fn feed(
        &mut self,
        walk: &mut Walk,
        tile: &FoldTile<'_>,
        runs: &Runs,
        values: Column<'_>,
    ) -> Result<()> {
        let values = operand::<F::Item>(values)?;
        if runs.start == 0 {
            self.expect(walk.per_cell);
        }
        if runs.count > 1
            && let Some(step) = walk.abreast(runs.stride)
        {
            let pitch = runs.pitch;
            let arg = tile.arg_base + (runs.start / runs.stride) as i64 * step;
            let cell = runs.start % runs.stride;
            let count = runs.count;
            let rows = Rows {
                values,
                pitch,
                count,
            };
            self.keep_rows(cell, runs.len, rows, arg, step);
            return Ok(());
        }
        for run in 0..runs.count {
            walk.seek(runs.start + run * runs.stride, runs.len);
            feed_run(self, walk, tile, &values[run * runs.pitch..][..runs.len]);
        }
        Ok(())
    }

    fn merge(&mut self, right: &dyn Fold) -> Result<()> {
        let right = right.any().downcast_ref::<F>();
        self.join(right.ok_or_else(|| Error::internal("merging partials of two kinds"))?);
        Ok(())
    }

    fn finalize(&mut self, place: Place<'_>) -> Result<Buffer> {
        self.finish(place)
    }

    fn encode(&self, out: &mut dyn Out) {
        self.put(out);
    }

    fn decode(&mut self, from: &mut Wire<'_>) -> Result<()> {
        self.take(from)
    }

    fn reset(&mut self, cells: usize) {
        self.clear(cells);
    }

    fn bytes(&self) -> usize {
        Family::bytes(self)
    }

    fn any(&self) -> &dyn Any {
        self
    }
}

/// Feeds the run that `walk` was told of.
fn feed_run<F: Family>(fold: &mut F, walk: &mut Walk, tile: &FoldTile<'_>, values: &[F::Item]) {
    let groups = walk.groups();
    while let Some(row) = walk.next_row(tile) {
        match row {
            Row::Keep { cell, at, arg } => fold.keep(cell, &values[at], arg),
            Row::Reduce {
                cell,
                at,
                arg,
                step,
            } if at.len() >= SHORT => {
                fold.reduce(cell, &values[at], arg, step);
            }
            Row::Reduce {
                cell,
                at,
                mut arg,
                step,
            } => {
                for value in &values[at] {
                    fold.one(cell, *value, arg);
                    arg += step;
                }
            }
            Row::Group {
                cell,
                at,
                mut arg,
                step,
                codes,
            } => {
                let values = &values[at];
                let mut from = 0;
                while from < values.len() {
                    let code = codes[from] as usize;
                    let run = run(&codes[from..]);
                    let of_run = &values[from..from + run];
                    if code >= groups {
                        // In no group.
                    } else if run >= SHORT {
                        fold.reduce(cell + code, of_run, arg, step);
                    } else {
                        for (k, value) in of_run.iter().enumerate() {
                            fold.one(cell + code, *value, arg + k as i64 * step);
                        }
                    }
                    from += run;
                    arg += run as i64 * step;
                }
            }
        }
    }
}

/// How many codes at the front are the same (not none): masks over a map have long runs, whose elements are added abreast.
fn run(codes: &[u32]) -> usize {
    let first = codes[0];
    let mut run = 1;
    // Most codes along time change at once.
    if codes.get(1) != Some(&first) {
        return run;
    }
    while let Some(next) = codes.get(run..run + SHORT)
        && next.iter().fold(true, |same, code| same & (*code == first))
    {
        run += SHORT;
    }
    run + codes[run..]
        .iter()
        .take_while(|code| **code == first)
        .count()
}

/// Rows of fewer elements are added one by one: lanes would cost more than they save. Fixed, since it orders sums.
const SHORT: usize = 8;

/// Makes `cells` copies of `value` out of a vector, with its memory.
pub(super) fn refill<T: Copy>(cells: &mut Vec<T>, len: usize, value: T) {
    cells.clear();
    cells.resize(len, value);
}

/// Appends the bytes of a vector of cells.
pub(super) fn put<T: Cell>(cells: &[T], out: &mut dyn Out) {
    out.put(bytemuck::cast_slice(cells));
}

/// Where encoded cells go: to memory, or to a file without a copy in memory.
pub trait Out {
    /// Appends bytes.
    fn put(&mut self, bytes: &[u8]);
}

impl Out for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Encoded cells, read from the front.
pub(super) struct Wire<'a>(pub(super) &'a [u8]);

impl Wire<'_> {
    /// Reads a vector of cells whose length is known.
    ///
    /// # Errors
    /// Internal when the bytes end too early.
    pub(super) fn take<T: Cell>(&mut self, cells: &mut [T]) -> Result<()> {
        T::read_bytes(self.next(size_of_val(cells))?, cells);
        Ok(())
    }

    /// Reads the bytes of cells of another kind.
    ///
    /// # Errors
    /// As [`Wire::take`].
    pub(super) fn bytes(&mut self, out: &mut [u8]) -> Result<()> {
        out.copy_from_slice(self.next(out.len())?);
        Ok(())
    }

    fn next(&mut self, size: usize) -> Result<&[u8]> {
        let (now, later) = self.0.split_at_checked(size).ok_or_else(|| {
            Error::internal(format!(
                "a partial result ends {} bytes early",
                size - self.0.len()
            ))
        })?;
        self.0 = later;
        Ok(now)
    }
}

/// How elements of type `T` say that they are missing: a marker, since a datetime is an `i64` too.
pub(super) trait Mode<T>: Copy + Send + Sync + 'static {
    fn missing(value: T) -> bool;
}

/// Numbers: NaN is missing.
#[derive(Clone, Copy)]
pub(super) struct Number;

/// Times: NaT is missing.
#[derive(Clone, Copy)]
pub(super) struct Time;

macro_rules! whole {
    ($($T:ty),*) => {$(
        impl Mode<$T> for Number {
            #[inline(always)]
            fn missing(_: $T) -> bool {
                false
            }
        }
    )*};
}

whole!(bool, i8, i16, i32, i64, u8, u16, u32, u64);

macro_rules! float {
    ($($T:ty),*) => {$(
        impl Mode<$T> for Number {
            #[inline(always)]
            fn missing(value: $T) -> bool {
                value.is_nan()
            }
        }
        impl Mode<Complex<$T>> for Number {
            #[inline(always)]
            fn missing(value: Complex<$T>) -> bool {
                value.re.is_nan() || value.im.is_nan()
            }
        }
    )*};
}

float!(f32, f64);

impl Mode<i64> for Time {
    #[inline(always)]
    fn missing(value: i64) -> bool {
        value == NAT
    }
}
