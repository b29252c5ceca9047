//! Variance and standard deviation: count, mean and sum of squared deviations per cell.
//!
//! One element joins a cell after B. P. Welford (1962), a row or another partial after T. F. Chan, G. H. Golub and
//! R. J. LeVeque (1979); a row is folded in two passes around its own mean; of several rows that fall into the same cells, a
//! cell's elements are folded in one pass around its mean so far, or the first of them. No sum of squares of raw values is ever
//! formed, so data far from zero keep their digits. A complex number deviates by |x − mean|².

use super::super::cast::To;
use super::super::column::InColumn;
use super::super::vector;
use super::counts::Counts;
use super::fold::{Cell, Family, Mode, Number, Out, Place, Wire, put, refill};
use crate::block::Buffer;
use crate::error::Result;
use num_complex::Complex;
use std::marker::PhantomData;

/// A mean: f64 or two of them.
pub(super) trait Mid: Cell {
    const ZERO: Self;
    fn plus(self, other: Self) -> Self;
    fn minus(self, other: Self) -> Self;
    fn by(self, factor: f64) -> Self;
    fn over(self, divisor: f64) -> Self;
    /// Scalar product; of a deviation with itself: its square.
    fn dot(self, other: Self) -> f64;
}

impl Mid for f64 {
    const ZERO: f64 = 0.0;
    #[inline(always)]
    fn plus(self, other: f64) -> f64 {
        self + other
    }
    #[inline(always)]
    fn minus(self, other: f64) -> f64 {
        self - other
    }
    #[inline(always)]
    fn by(self, factor: f64) -> f64 {
        self * factor
    }
    #[inline(always)]
    fn over(self, divisor: f64) -> f64 {
        self / divisor
    }
    #[inline(always)]
    fn dot(self, other: f64) -> f64 {
        self * other
    }
}

impl Mid for Complex<f64> {
    const ZERO: Self = Complex::new(0.0, 0.0);
    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        Complex::new(self.re + other.re, self.im + other.im)
    }
    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        Complex::new(self.re - other.re, self.im - other.im)
    }
    #[inline(always)]
    fn by(self, factor: f64) -> Self {
        Complex::new(self.re * factor, self.im * factor)
    }
    #[inline(always)]
    fn over(self, divisor: f64) -> Self {
        Complex::new(self.re / divisor, self.im / divisor)
    }
    #[inline(always)]
    fn dot(self, other: Self) -> f64 {
        self.re * other.re + self.im * other.im
    }
}

/// Variance of elements `T` with means `A`, as results `R` (f32 or f64).
pub(super) struct Moments<T, A, R, const SKIP: bool> {
    means: Vec<A>,
    squares: Vec<f64>,
    counts: Counts,
    ddof: u32,
    root: bool,
    types: PhantomData<(T, R)>,
}

impl<T, A: Mid, R, const SKIP: bool> Moments<T, A, R, SKIP> {
    /// `root`: the standard deviation.
    pub(super) fn new(ddof: u32, root: bool) -> Self {
        Moments {
            means: Vec::new(),
            squares: Vec::new(),
            counts: Counts::new(),
            ddof,
            root,
            types: PhantomData,
        }
    }

    /// Joins `count` elements of which mean and squares are known; the count of the cell is not touched.
    fn chan(&mut self, cell: usize, count: u64, mean: A, squares: f64) {
        if count == 0 {
            return;
        }
        let before = self.counts.get(cell);
        if before == 0 {
            self.means[cell] = mean;
            self.squares[cell] = squares;
            return;
        }
        let (before, count) = (before as f64, count as f64);
        let share = count / (before + count);
        let delta = mean.minus(self.means[cell]);
        self.means[cell] = self.means[cell].plus(delta.by(share));
        self.squares[cell] += squares + delta.dot(delta) * (before * share);
    }
}

impl<T, A, R, const SKIP: bool> Family for Moments<T, A, R, SKIP>
where
    T: InColumn + To<A>,
    A: Mid,
    R: Cell,
    f64: To<R>,
    Number: Mode<T>,
{
    type Item = T;

    fn expect(&mut self, most: u64) {
        self.counts.expect(most);
    }

    fn keep(&mut self, cell: usize, values: &[T], arg: i64) {
        if self.counts.is_wide() {
            for (i, v) in values.iter().enumerate() {
                self.one(cell + i, *v, arg);
            }
            return;
        }
        let cells = cell..cell + values.len();
        vector::update3(
            &mut self.means[cells.clone()],
            &mut self.squares[cells.clone()],
            &mut self.counts.low[cells],
            values,
            |mean, squares, count, v| {
                let skipped = SKIP && Number::missing(v);
                let next = count.wrapping_add(1);
                let x: A = v.to();
                let delta = x.minus(*mean);
                let moved = mean.plus(delta.over(f64::from(next)));
                let square = *squares + delta.dot(x.minus(moved));
                *mean = if skipped { *mean } else { moved };
                *squares = if skipped { *squares } else { square };
                *count = if skipped { *count } else { next };
            },
        );
    }

    fn keep_rows(
        &mut self,
        cell: usize,
        cells: usize,
        rows: vector::Rows<'_, T>,
        arg: i64,
        step: i64,
    ) {
        if self.counts.is_wide() {
            for (number, row) in rows.values.chunks(rows.pitch).enumerate() {
                self.keep(cell, &row[..cells], arg + number as i64 * step);
            }
            return;
        }
        let cells = cell..cell + cells;
        // About the mean so far, which is near: T. F. Chan and others again, without a division for each element.
        vector::rows_about(
            A::ZERO,
            (
                &mut self.means[cells.clone()],
                &mut self.squares[cells.clone()],
                &mut self.counts.low[cells],
            ),
            rows,
            |count, mean, v| {
                let counts = !(SKIP && Number::missing(v));
                *mean = if count == 0 && counts { v.to() } else { *mean };
                counts
            },
            |mean, sum, squares, count, v| {
                let skipped = SKIP && Number::missing(v);
                let delta = if skipped { A::ZERO } else { v.to().minus(mean) };
                *sum = sum.plus(delta);
                *squares += delta.dot(delta);
                *count = count.wrapping_add(u32::from(!skipped));
            },
            |mean, squares, count, sum, more, seen| {
                *count = count.wrapping_add(seen);
                let moved = sum.over(f64::from((*count).max(1)));
                *mean = mean.plus(moved);
                *squares += more - sum.dot(moved);
            },
        );
    }

    fn reduce(&mut self, cell: usize, values: &[T], _arg: i64, _step: i64) {
        let count = if SKIP {
            vector::count(values, |v| !Number::missing(v))
        } else {
            values.len() as u32
        };
        let sum = vector::fold_lanes(
            values,
            A::ZERO,
            |sum: A, v: T| {
                sum.plus(if SKIP && Number::missing(v) {
                    A::ZERO
                } else {
                    v.to()
                })
            },
            A::plus,
        );
        let mean = sum.over(f64::from(count));
        let squares = vector::fold_lanes(
            values,
            0.0,
            |sum: f64, v: T| {
                let delta = To::<A>::to(v).minus(mean);
                sum + if SKIP && Number::missing(v) {
                    0.0
                } else {
                    delta.dot(delta)
                }
            },
            |a, b| a + b,
        );
        self.chan(cell, u64::from(count), mean, squares);
        self.counts.low[cell] = self.counts.low[cell].wrapping_add(count);
    }

    #[inline(always)]
    fn one(&mut self, cell: usize, value: T, _arg: i64) {
        if SKIP && Number::missing(value) {
            return;
        }
        self.counts.low[cell] = self.counts.low[cell].wrapping_add(1);
        let x: A = value.to();
        let delta = x.minus(self.means[cell]);
        let moved = self.means[cell].plus(delta.over(self.counts.get(cell) as f64));
        self.squares[cell] += delta.dot(x.minus(moved));
        self.means[cell] = moved;
    }

    fn join(&mut self, right: &Self) {
        if !(self.counts.is_wide() || right.counts.is_wide()) {
            vector::join_pairs(
                &mut self.means,
                &mut self.squares,
                &self.counts.low,
                &right.means,
                &right.squares,
                &right.counts.low,
                |mean, squares, before, right, more, count| {
                    // As `chan`, with choices that a vector can make.
                    let (first, none) = (before == 0, count == 0);
                    let (before, count) = (f64::from(before), f64::from(count));
                    let share = count / (before + count);
                    let delta = right.minus(*mean);
                    let moved = mean.plus(delta.by(share));
                    let sum = *squares + (more + delta.dot(delta) * (before * share));
                    let moved = if first { right } else { moved };
                    let sum = if first { more } else { sum };
                    *mean = if none { *mean } else { moved };
                    *squares = if none { *squares } else { sum };
                },
            );
            self.counts.join(&right.counts);
            return;
        }
        for cell in 0..self.means.len() {
            self.chan(
                cell,
                right.counts.get(cell),
                right.means[cell],
                right.squares[cell],
            );
        }
        self.counts.join(&right.counts);
    }

    fn finish(&mut self, _place: Place<'_>) -> Result<Buffer> {
        let ddof = u64::from(self.ddof);
        let variance = |cell: usize| match self.counts.get(cell) {
            count if count <= ddof => f64::NAN,
            count => self.squares[cell] / (count - ddof) as f64,
        };
        let result = |cell| {
            let value: f64 = variance(cell);
            To::<R>::to(if self.root { value.sqrt() } else { value })
        };
        Ok(R::wrap((0..self.means.len()).map(result).collect()))
    }

    fn put(&self, out: &mut dyn Out) {
        put(&self.means, out);
        put(&self.squares, out);
        self.counts.put(out);
    }

    fn take(&mut self, from: &mut Wire<'_>) -> Result<()> {
        from.take(&mut self.means)?;
        from.take(&mut self.squares)?;
        self.counts.take(from)
    }

    fn clear(&mut self, cells: usize) {
        refill(&mut self.means, cells, A::ZERO);
        refill(&mut self.squares, cells, 0.0);
        self.counts.clear(cells);
    }

    fn bytes(&self) -> usize {
        size_of_val(&self.means[..]) + 8 * self.squares.len() + self.counts.bytes()
    }
}
