//! Minimum and maximum. Without `skipna` a missing value wins; with it, a cell that saw nothing else is missing. Integers
//! have no missing value, so a cell without elements (an empty group) is an error that names it.

use super::super::column::InColumn;
use super::super::number::Compare;
use super::super::vector;
use super::fold::{Cell, Family, Mode, Number, Out, Place, Time, Wire, put, refill};
use crate::block::Buffer;
use crate::dtype::NAT;
use crate::error::{Error, Result};
use std::marker::PhantomData;

/// The ends of a type, and its missing value if it has one.
pub(super) trait Ends<M>: Cell + Compare + InColumn {
    const LOWEST: Self;
    const HIGHEST: Self;
    const MISSING: Option<Self>;
}

macro_rules! ends {
    ($($T:ty, $low:expr, $high:expr, $missing:expr;)*) => {$(
        impl Ends<Number> for $T {
            const LOWEST: $T = $low;
            const HIGHEST: $T = $high;
            const MISSING: Option<$T> = $missing;
        }
    )*};
}

ends! {
    bool, false, true, None;
    i8, i8::MIN, i8::MAX, None; i16, i16::MIN, i16::MAX, None;
    i32, i32::MIN, i32::MAX, None; i64, i64::MIN, i64::MAX, None;
    u8, u8::MIN, u8::MAX, None; u16, u16::MIN, u16::MAX, None;
    u32, u32::MIN, u32::MAX, None; u64, u64::MIN, u64::MAX, None;
    f32, f32::NEG_INFINITY, f32::INFINITY, Some(f32::NAN);
    f64, f64::NEG_INFINITY, f64::INFINITY, Some(f64::NAN);
}

impl Ends<Time> for i64 {
    const LOWEST: i64 = i64::MIN + 1;
    const HIGHEST: i64 = i64::MAX;
    const MISSING: Option<i64> = Some(NAT);
}

/// The results of cells of which some may have seen nothing.
pub(super) fn settle<T: Cell>(
    name: &str,
    values: Vec<T>,
    seen: &[u8],
    missing: Option<T>,
    place: Place<'_>,
) -> Result<Buffer> {
    let mut values = values;
    for (cell, value) in values.iter_mut().enumerate() {
        if seen[cell] == 0 {
            *value = missing.ok_or_else(|| {
                Error::data(format!(
                    "{name}: no element falls into {}, and {} has no missing value; cast to a float first",
                    place(cell),
                    T::DTYPE
                ))
            })?;
        }
    }
    Ok(T::wrap(values))
}

pub(super) struct Extreme<T, M, const MAX: bool, const SKIP: bool> {
    values: Vec<T>,
    /// 1 where an element counted.
    seen: Vec<u8>,
    mode: PhantomData<M>,
}

impl<T: Ends<M>, M: Mode<T>, const MAX: bool, const SKIP: bool> Extreme<T, M, MAX, SKIP> {
    const START: T = if MAX { T::LOWEST } else { T::HIGHEST };

    pub(super) fn new() -> Self {
        Extreme {
            values: Vec::new(),
            seen: Vec::new(),
            mode: PhantomData,
        }
    }

    /// The extreme of a cell's value and one more.
    #[inline(always)]
    fn pick(so_far: T, v: T) -> T {
        let better = if MAX { so_far.lt(v) } else { v.lt(so_far) };
        let wins = if SKIP {
            better && !M::missing(v)
        } else {
            M::missing(v) || (better && !M::missing(so_far))
        };
        if wins { v } else { so_far }
    }
}

impl<T: Ends<M>, M: Mode<T>, const MAX: bool, const SKIP: bool> Family
    for Extreme<T, M, MAX, SKIP>
{
    type Item = T;

    fn keep(&mut self, cell: usize, values: &[T], _arg: i64) {
        let cells = cell..cell + values.len();
        let (best, seen) = (&mut self.values[cells.clone()], &mut self.seen[cells]);
        vector::update1(best, values, |best, v| *best = Self::pick(*best, v));
        if SKIP {
            vector::update1(seen, values, |seen, v| *seen |= u8::from(!M::missing(v)));
        } else {
            seen.fill(1);
        }
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
        let (best, seen) = (&mut self.values[cells.clone()], &mut self.seen[cells]);
        if !SKIP {
            seen.fill(1);
        }
        let pick = |best: &mut T, v| *best = Self::pick(*best, v);
        vector::rows_met(best, seen, rows, pick, |v| !M::missing(v));
    }

    fn reduce(&mut self, cell: usize, values: &[T], _arg: i64, _step: i64) {
        let row = vector::fold_lanes(values, Self::START, Self::pick, Self::pick);
        self.values[cell] = Self::pick(self.values[cell], row);
        if self.seen[cell] == 0 {
            self.seen[cell] = u8::from(!SKIP || values.iter().any(|v| !M::missing(*v)));
        }
    }

    #[inline(always)]
    fn one(&mut self, cell: usize, value: T, _arg: i64) {
        self.values[cell] = Self::pick(self.values[cell], value);
        self.seen[cell] |= u8::from(!(SKIP && M::missing(value)));
    }

    fn join(&mut self, right: &Self) {
        vector::update1(&mut self.values, &right.values, |a, b| {
            *a = Self::pick(*a, b)
        });
        vector::update1(&mut self.seen, &right.seen, |a, b| *a |= b);
    }

    fn finish(&mut self, place: Place<'_>) -> Result<Buffer> {
        settle(
            if MAX { "max" } else { "min" },
            std::mem::take(&mut self.values),
            &self.seen,
            T::MISSING,
            place,
        )
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
        refill(&mut self.values, cells, Self::START);
        refill(&mut self.seen, cells, 0);
    }

    fn bytes(&self) -> usize {
        size_of_val(&self.values[..]) + self.seen.len()
    }
}
