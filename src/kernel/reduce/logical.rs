//! Any, all and count.

use super::super::column::InColumn;
use super::super::number::Compare;
use super::super::vector;
use super::fold::{Cell, Family, Mode, Out, Place, Wire, put, refill};
use crate::block::{Buffer, Native};
use crate::error::Result;
use std::marker::PhantomData;

/// Any (`ALL` false) or all. NaN is not zero, so it counts as true; with `skipna` it does not count.
pub(super) struct Logical<T, M, const ALL: bool> {
    truths: Vec<bool>,
    skip: bool,
    types: PhantomData<(T, M)>,
}

impl<T, M, const ALL: bool> Logical<T, M, ALL>
where
    T: InColumn + Compare,
    M: Mode<T>,
{
    pub(super) fn new(skip: bool) -> Self {
        Logical {
            truths: Vec::new(),
            skip,
            types: PhantomData,
        }
    }

    /// What an element contributes: `ALL` when it decides nothing.
    #[inline(always)]
    fn truth(skip: bool, v: T) -> bool {
        if skip && M::missing(v) {
            ALL
        } else {
            v.truth()
        }
    }

    #[inline(always)]
    fn join_two(a: bool, b: bool) -> bool {
        if ALL { a & b } else { a | b }
    }
}

impl<T, M, const ALL: bool> Family for Logical<T, M, ALL>
where
    T: InColumn + Compare + Cell,
    M: Mode<T>,
{
    type Item = T;

    fn keep(&mut self, cell: usize, values: &[T], _arg: i64) {
        let skip = self.skip;
        let truths = &mut self.truths[cell..cell + values.len()];
        vector::update1(truths, values, |a, v| {
            *a = Self::join_two(*a, Self::truth(skip, v))
        });
    }

    fn reduce(&mut self, cell: usize, values: &[T], _arg: i64, _step: i64) {
        let skip = self.skip;
        let fold = |a, v: T| Self::join_two(a, Self::truth(skip, v));
        let row = vector::fold_lanes(values, ALL, fold, Self::join_two);
        self.truths[cell] = Self::join_two(self.truths[cell], row);
    }

    #[inline(always)]
    fn one(&mut self, cell: usize, value: T, _arg: i64) {
        self.truths[cell] = Self::join_two(self.truths[cell], Self::truth(self.skip, value));
    }

    fn join(&mut self, right: &Self) {
        vector::update1(&mut self.truths, &right.truths, |a, b| {
            *a = Self::join_two(*a, b)
        });
    }

    fn finish(&mut self, _place: Place<'_>) -> Result<Buffer> {
        Ok(bool::wrap(std::mem::take(&mut self.truths)))
    }

    fn put(&self, out: &mut dyn Out) {
        put(&self.truths, out);
    }

    fn take(&mut self, from: &mut Wire<'_>) -> Result<()> {
        from.take(&mut self.truths)
    }

    fn clear(&mut self, cells: usize) {
        refill(&mut self.truths, cells, ALL);
    }

    fn bytes(&self) -> usize {
        self.truths.len()
    }
}

/// Number of elements that are not missing, whatever `skipna` says.
pub(super) struct Count<T, M> {
    counts: Vec<i64>,
    types: PhantomData<(T, M)>,
}

impl<T, M> Count<T, M> {
    pub(super) fn new() -> Self {
        Count {
            counts: Vec::new(),
            types: PhantomData,
        }
    }
}

impl<T: InColumn, M: Mode<T>> Family for Count<T, M> {
    type Item = T;

    fn keep(&mut self, cell: usize, values: &[T], _arg: i64) {
        let counts = &mut self.counts[cell..cell + values.len()];
        vector::update1(counts, values, |n, v| {
            *n = n.wrapping_add(i64::from(!M::missing(v)))
        });
    }

    fn reduce(&mut self, cell: usize, values: &[T], _arg: i64, _step: i64) {
        self.counts[cell] += i64::from(vector::count(values, |v| !M::missing(v)));
    }

    #[inline(always)]
    fn one(&mut self, cell: usize, value: T, _arg: i64) {
        self.counts[cell] += i64::from(!M::missing(value));
    }

    fn join(&mut self, right: &Self) {
        vector::update1(&mut self.counts, &right.counts, |a, b| {
            *a = a.wrapping_add(b)
        });
    }

    fn finish(&mut self, _place: Place<'_>) -> Result<Buffer> {
        Ok(i64::wrap(std::mem::take(&mut self.counts)))
    }

    fn put(&self, out: &mut dyn Out) {
        put(&self.counts, out);
    }

    fn take(&mut self, from: &mut Wire<'_>) -> Result<()> {
        from.take(&mut self.counts)
    }

    fn clear(&mut self, cells: usize) {
        refill(&mut self.counts, cells, 0);
    }

    fn bytes(&self) -> usize {
        8 * self.counts.len()
    }
}
