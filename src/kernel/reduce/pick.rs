//! First and last: in the order in which elements are fed, which is row-major inside a tile and canonical between tiles.
//! With `skipna` missing values are passed over; a cell without any other is missing, or an error for integers.

use super::super::column::InColumn;
use super::super::vector;
use super::extremes::settle;
use super::fold::{Cell, Family, Mode, Out, Place, Wire, put, refill};
use crate::block::Buffer;
use crate::error::Result;
use std::marker::PhantomData;

pub(super) struct Pick<T, M, const LAST: bool> {
    values: Vec<T>,
    /// 1 where an element was taken.
    seen: Vec<u8>,
    missing: Option<T>,
    skip: bool,
    mode: PhantomData<M>,
}

impl<T: Cell, M: Mode<T>, const LAST: bool> Pick<T, M, LAST> {
    /// `missing` is the value of a cell without elements, if the type has one.
    pub(super) fn new(missing: Option<T>, skip: bool) -> Self {
        Pick {
            values: Vec::new(),
            seen: Vec::new(),
            missing,
            skip,
            mode: PhantomData,
        }
    }

    #[inline(always)]
    fn update(skip: bool, value: &mut T, seen: &mut u8, v: T) {
        let wins = !(skip && M::missing(v)) && (LAST || *seen == 0);
        *value = if wins { v } else { *value };
        *seen |= u8::from(wins);
    }
}

impl<T, M, const LAST: bool> Family for Pick<T, M, LAST>
where
    T: Cell + InColumn,
    M: Mode<T>,
{
    type Item = T;

    fn keep(&mut self, cell: usize, values: &[T], _arg: i64) {
        let cells = cell..cell + values.len();
        let (taken, seen) = (&mut self.values[cells.clone()], &mut self.seen[cells]);
        let skip = self.skip;
        vector::update2(taken, seen, values, |taken, seen, v| {
            Self::update(skip, taken, seen, v)
        });
    }

    fn reduce(&mut self, cell: usize, values: &[T], arg: i64, _step: i64) {
        let counts = |v: &&T| !(self.skip && M::missing(**v));
        let found = if LAST {
            values.iter().rfind(counts)
        } else {
            values.iter().find(counts)
        };
        if let Some(v) = found {
            self.one(cell, *v, arg);
        }
    }

    #[inline(always)]
    fn one(&mut self, cell: usize, value: T, _arg: i64) {
        Self::update(
            self.skip,
            &mut self.values[cell],
            &mut self.seen[cell],
            value,
        );
    }

    fn join(&mut self, right: &Self) {
        for cell in 0..self.values.len() {
            if right.seen[cell] == 1 && (LAST || self.seen[cell] == 0) {
                self.values[cell] = right.values[cell];
                self.seen[cell] = 1;
            }
        }
    }

    fn finish(&mut self, place: Place<'_>) -> Result<Buffer> {
        let name = if LAST { "last" } else { "first" };
        let values = std::mem::take(&mut self.values);
        settle(name, values, &self.seen, self.missing, place)
    }

    fn put(&self, out: &mut dyn Out) {
        put(&self.values, out);
        put(&self.seen, out);
    }

    fn take(&mut self, from: &mut Wire<'_>) -> Result<()> {
        from.take(&mut self.values)?;
        from.take(&mut self.seen)
    }

    fn clear(&mut self, cells: usize) {
        refill(&mut self.values, cells, T::default());
        refill(&mut self.seen, cells, 0);
    }

    fn bytes(&self) -> usize {
        size_of_val(&self.values[..]) + self.seen.len()
    }
}
