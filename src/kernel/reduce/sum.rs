//! Sum, product and mean. Floats accumulate in f64 (complex numbers in two), integers in 64 bits and wrap around, as in
//! NumPy; the mean of integers accumulates in f64. The mean of timedeltas is cut to whole ticks.

use super::super::cast::To;
use super::super::column::InColumn;
use super::super::vector;
use super::counts::Counts;
use super::fold::{Cell, Family, Mode, Number, Out, Place, Time, Wire, put, refill};
use crate::block::Buffer;
use crate::dtype::NAT;
use crate::error::Result;
use num_complex::Complex;
use std::marker::PhantomData;

/// Arithmetic of an accumulator; `M` says whether an `i64` counts ticks, where NaT spreads.
pub(super) trait Total<M>: Cell {
    const ZERO: Self;
    const ONE: Self;
    fn plus(self, other: Self) -> Self;
    fn times(self, other: Self) -> Self;
    /// The mean of `count` elements whose sum is `self`.
    fn share(self, count: u64) -> Self;
}

impl Total<Number> for f64 {
    const ZERO: f64 = 0.0;
    const ONE: f64 = 1.0;
    #[inline(always)]
    fn plus(self, other: f64) -> f64 {
        self + other
    }
    #[inline(always)]
    fn times(self, other: f64) -> f64 {
        self * other
    }
    #[inline(always)]
    fn share(self, count: u64) -> f64 {
        self / count as f64
    }
}

impl Total<Number> for Complex<f64> {
    const ZERO: Self = Complex::new(0.0, 0.0);
    const ONE: Self = Complex::new(1.0, 0.0);
    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        Complex::new(self.re + other.re, self.im + other.im)
    }
    #[inline(always)]
    fn times(self, other: Self) -> Self {
        Complex::new(
            self.re * other.re - self.im * other.im,
            self.re * other.im + self.im * other.re,
        )
    }
    fn share(self, count: u64) -> Self {
        Complex::new(self.re / count as f64, self.im / count as f64)
    }
}

macro_rules! whole {
    ($($T:ty),*) => {$(
        impl Total<Number> for $T {
            const ZERO: $T = 0;
            const ONE: $T = 1;
            #[inline(always)]
            fn plus(self, other: $T) -> $T {
                self.wrapping_add(other)
            }
            #[inline(always)]
            fn times(self, other: $T) -> $T {
                self.wrapping_mul(other)
            }
            fn share(self, count: u64) -> $T {
                self.checked_div(count as $T).unwrap_or(0)
            }
        }
    )*};
}

whole!(i64, u64);

impl Total<Time> for i64 {
    const ZERO: i64 = 0;
    const ONE: i64 = 1;
    #[inline(always)]
    fn plus(self, other: i64) -> i64 {
        if self == NAT || other == NAT {
            NAT
        } else {
            self.wrapping_add(other)
        }
    }
    #[inline(always)]
    fn times(self, other: i64) -> i64 {
        if self == NAT || other == NAT {
            NAT
        } else {
            self.wrapping_mul(other)
        }
    }
    fn share(self, count: u64) -> i64 {
        if self == NAT {
            NAT
        } else {
            self.checked_div(count as i64).unwrap_or(NAT)
        }
    }
}

/// Sum (or product) of elements `T` in accumulators `A`, as results `R`.
pub(super) struct Sum<T, A, R, M, const PRODUCT: bool, const SKIP: bool> {
    totals: Vec<A>,
    types: PhantomData<(T, R, M)>,
}

impl<T, A, R, M, const PRODUCT: bool, const SKIP: bool> Sum<T, A, R, M, PRODUCT, SKIP>
where
    A: Total<M>,
{
    pub(super) fn new() -> Self {
        Sum {
            totals: Vec::new(),
            types: PhantomData,
        }
    }

    const START: A = if PRODUCT { A::ONE } else { A::ZERO };

    #[inline(always)]
    fn join_two(a: A, b: A) -> A {
        if PRODUCT { a.times(b) } else { a.plus(b) }
    }
}

impl<T, A, R, M, const PRODUCT: bool, const SKIP: bool> Sum<T, A, R, M, PRODUCT, SKIP>
where
    T: InColumn + To<A>,
    A: Total<M>,
    M: Mode<T>,
{
    #[inline(always)]
    fn add_one(total: &mut A, v: T) {
        let term = if SKIP && M::missing(v) {
            Self::START
        } else {
            v.to()
        };
        *total = Self::join_two(*total, term);
    }
}

impl<T, A, R, M, const PRODUCT: bool, const SKIP: bool> Family for Sum<T, A, R, M, PRODUCT, SKIP>
where
    T: InColumn + To<A>,
    A: Total<M> + To<R>,
    R: Cell,
    M: Mode<T>,
{
    type Item = T;

    fn keep(&mut self, cell: usize, values: &[T], _arg: i64) {
        let totals = &mut self.totals[cell..cell + values.len()];
        vector::update1(totals, values, Self::add_one);
    }

    fn keep_rows(
        &mut self,
        cell: usize,
        cells: usize,
        rows: vector::Rows<'_, T>,
        _arg: i64,
        _step: i64,
    ) {
        vector::rows1(&mut self.totals[cell..cell + cells], rows, Self::add_one);
    }

    fn reduce(&mut self, cell: usize, values: &[T], _arg: i64, _step: i64) {
        let row = vector::fold_lanes(
            values,
            Self::START,
            |total, v: T| {
                let term = if SKIP && M::missing(v) {
                    Self::START
                } else {
                    v.to()
                };
                Self::join_two(total, term)
            },
            Self::join_two,
        );
        self.totals[cell] = Self::join_two(self.totals[cell], row);
    }

    #[inline(always)]
    fn one(&mut self, cell: usize, value: T, _arg: i64) {
        if !(SKIP && M::missing(value)) {
            self.totals[cell] = Self::join_two(self.totals[cell], value.to());
        }
    }

    fn join(&mut self, right: &Self) {
        vector::update1(&mut self.totals, &right.totals, |a, b| {
            *a = Self::join_two(*a, b)
        });
    }

    fn finish(&mut self, _place: Place<'_>) -> Result<Buffer> {
        let mut sums = vec![R::default(); self.totals.len()];
        vector::map1(&self.totals, &mut sums, To::<R>::to);
        Ok(R::wrap(sums))
    }

    fn put(&self, out: &mut dyn Out) {
        put(&self.totals, out);
    }

    fn take(&mut self, from: &mut Wire<'_>) -> Result<()> {
        from.take(&mut self.totals)
    }

    fn clear(&mut self, cells: usize) {
        refill(&mut self.totals, cells, Self::START);
    }

    fn bytes(&self) -> usize {
        size_of_val(&self.totals[..])
    }
}

/// Mean of elements `T` in accumulators `A`, as results `R`.
pub(super) struct Mean<T, A, R, M, const SKIP: bool> {
    totals: Vec<A>,
    counts: Counts,
    types: PhantomData<(T, R, M)>,
}

impl<T, A: Total<M>, R, M, const SKIP: bool> Mean<T, A, R, M, SKIP> {
    pub(super) fn new() -> Self {
        Mean {
            totals: Vec::new(),
            counts: Counts::new(),
            types: PhantomData,
        }
    }
}

impl<T, A, R, M, const SKIP: bool> Mean<T, A, R, M, SKIP>
where
    T: InColumn + To<A>,
    A: Total<M>,
    M: Mode<T>,
{
    #[inline(always)]
    fn add_one(total: &mut A, count: &mut u32, v: T) {
        let skipped = SKIP && M::missing(v);
        *total = total.plus(if skipped { A::ZERO } else { v.to() });
        *count = count.wrapping_add(u32::from(!skipped));
    }
}

impl<T, A, R, M, const SKIP: bool> Family for Mean<T, A, R, M, SKIP>
where
    T: InColumn + To<A>,
    A: Total<M> + To<R>,
    R: Cell,
    M: Mode<T>,
{
    type Item = T;

    fn expect(&mut self, most: u64) {
        self.counts.expect(most);
    }

    fn keep(&mut self, cell: usize, values: &[T], _arg: i64) {
        let cells = cell..cell + values.len();
        let (totals, counts) = (&mut self.totals[cells.clone()], &mut self.counts.low[cells]);
        vector::update2(totals, counts, values, Self::add_one);
    }

    fn keep_rows(
        &mut self,
        cell: usize,
        cells: usize,
        rows: vector::Rows<'_, T>,
        _arg: i64,
        _step: i64,
    ) {
        let cells = cell..cell + cells;
        let (totals, counts) = (&mut self.totals[cells.clone()], &mut self.counts.low[cells]);
        vector::rows2(totals, counts, rows, Self::add_one);
    }

    fn reduce(&mut self, cell: usize, values: &[T], _arg: i64, _step: i64) {
        let row = vector::fold_lanes(
            values,
            A::ZERO,
            |total: A, v: T| {
                total.plus(if SKIP && M::missing(v) {
                    A::ZERO
                } else {
                    v.to()
                })
            },
            A::plus,
        );
        let count = if SKIP {
            vector::count(values, |v| !M::missing(v))
        } else {
            values.len() as u32
        };
        self.totals[cell] = self.totals[cell].plus(row);
        self.counts.low[cell] = self.counts.low[cell].wrapping_add(count);
    }

    #[inline(always)]
    fn one(&mut self, cell: usize, value: T, _arg: i64) {
        if !(SKIP && M::missing(value)) {
            self.totals[cell] = self.totals[cell].plus(value.to());
            self.counts.low[cell] = self.counts.low[cell].wrapping_add(1);
        }
    }

    fn join(&mut self, right: &Self) {
        vector::update1(&mut self.totals, &right.totals, |a, b| *a = a.plus(b));
        self.counts.join(&right.counts);
    }

    fn finish(&mut self, _place: Place<'_>) -> Result<Buffer> {
        let mut means = vec![R::default(); self.totals.len()];
        if self.counts.is_wide() {
            for (cell, (mean, total)) in means.iter_mut().zip(&self.totals).enumerate() {
                *mean = total.share(self.counts.get(cell)).to();
            }
        } else {
            vector::map2(&self.totals, &self.counts.low, &mut means, |total, n| {
                total.share(u64::from(n)).to()
            });
        }
        Ok(R::wrap(means))
    }

    fn put(&self, out: &mut dyn Out) {
        put(&self.totals, out);
        self.counts.put(out);
    }

    fn take(&mut self, from: &mut Wire<'_>) -> Result<()> {
        from.take(&mut self.totals)?;
        self.counts.take(from)
    }

    fn clear(&mut self, cells: usize) {
        refill(&mut self.totals, cells, A::ZERO);
        self.counts.clear(cells);
    }

    fn bytes(&self) -> usize {
        size_of_val(&self.totals[..]) + self.counts.bytes()
    }
}
