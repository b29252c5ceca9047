//! Argmin and argmax: the smallest index of the best element. The index decides between equals, not the order in which
//! tiles come, so partial results may be joined in any order. Without `skipna` the first missing value wins.

use super::super::vector;
use super::extremes::Ends;
use super::fold::{Family, Mode, Out, Place, Wire, put, refill};
use crate::block::{Buffer, Native};
use crate::error::{Error, Result};
use std::marker::PhantomData;

/// The index of a cell that saw nothing.
const NONE: i64 = -1;

pub(super) struct ArgExtreme<T, M, const MAX: bool> {
    values: Vec<T>,
    indices: Vec<i64>,
    skip: bool,
    mode: PhantomData<M>,
}

impl<T: Ends<M>, M: Mode<T>, const MAX: bool> ArgExtreme<T, M, MAX> {
    const START: T = if MAX { T::LOWEST } else { T::HIGHEST };

    pub(super) fn new(skip: bool) -> Self {
        ArgExtreme {
            values: Vec::new(),
            indices: Vec::new(),
            skip,
            mode: PhantomData,
        }
    }

    /// True when `v` stands before `best`, whatever the indices.
    #[inline(always)]
    fn beats(v: T, best: T) -> bool {
        match (M::missing(v), M::missing(best)) {
            (true, best_missing) => !best_missing,
            (false, true) => false,
            (false, false) => {
                if MAX {
                    best.lt(v)
                } else {
                    v.lt(best)
                }
            }
        }
    }

    #[inline(always)]
    fn update(skip: bool, best: &mut T, index: &mut i64, v: T, i: i64) {
        if i == NONE || (skip && M::missing(v)) {
            return;
        }
        let tie = i < *index && !Self::beats(*best, v);
        if *index == NONE || tie || Self::beats(v, *best) {
            *best = v;
            *index = i;
        }
    }
}

impl<T: Ends<M>, M: Mode<T>, const MAX: bool> Family for ArgExtreme<T, M, MAX> {
    type Item = T;

    fn keep(&mut self, cell: usize, values: &[T], arg: i64) {
        let cells = cell..cell + values.len();
        let skip = self.skip;
        vector::update2(
            &mut self.values[cells.clone()],
            &mut self.indices[cells],
            values,
            |best, index, v| Self::update(skip, best, index, v, arg),
        );
    }

    fn reduce(&mut self, cell: usize, values: &[T], arg: i64, step: i64) {
        let skip = self.skip;
        // The best value of the row first, in lanes; its place only when it matters.
        let best = vector::fold_lanes(
            values,
            Self::START,
            |best, v: T| {
                if !(skip && M::missing(v)) && Self::beats(v, best) {
                    v
                } else {
                    best
                }
            },
            |a, b| if Self::beats(b, a) { b } else { a },
        );
        if self.indices[cell] != NONE && Self::beats(self.values[cell], best) {
            return;
        }
        let at = values.iter().position(|v| {
            let skipped = skip && M::missing(*v);
            !(skipped || Self::beats(*v, best) || Self::beats(best, *v))
        });
        if let Some(at) = at {
            let (best, index) = (&mut self.values[cell], &mut self.indices[cell]);
            Self::update(skip, best, index, values[at], arg + at as i64 * step);
        }
    }

    #[inline(always)]
    fn one(&mut self, cell: usize, value: T, arg: i64) {
        Self::update(
            self.skip,
            &mut self.values[cell],
            &mut self.indices[cell],
            value,
            arg,
        );
    }

    fn join(&mut self, right: &Self) {
        let skip = self.skip;
        for cell in 0..self.values.len() {
            let (best, index) = (&mut self.values[cell], &mut self.indices[cell]);
            Self::update(skip, best, index, right.values[cell], right.indices[cell]);
        }
    }

    fn finish(&mut self, place: Place<'_>) -> Result<Buffer> {
        if let Some(cell) = self.indices.iter().position(|i| *i == NONE) {
            return Err(Error::data(format!(
                "{}: All-NaN slice encountered: {} has no element that counts",
                if MAX { "argmax" } else { "argmin" },
                place(cell)
            )));
        }
        Ok(i64::wrap(std::mem::take(&mut self.indices)))
    }

    fn put(&self, out: &mut dyn Out) {
        put(&self.values, out);
        put(&self.indices, out);
    }

    fn take(&mut self, from: &mut Wire<'_>) -> Result<()> {
        from.take(&mut self.values)?;
        from.take(&mut self.indices)
    }

    fn clear(&mut self, cells: usize) {
        refill(&mut self.values, cells, Self::START);
        refill(&mut self.indices, cells, NONE);
    }

    fn bytes(&self) -> usize {
        size_of_val(&self.values[..]) + 8 * self.indices.len()
    }
}
