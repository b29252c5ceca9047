//! Index expressions: what stands between the brackets of NumPy's `x[…]`.

use super::array::Array;
use crate::error::{Error, Result};
use std::ops::{Range, RangeFrom, RangeFull, RangeInclusive, RangeTo};

/// One part of an index expression.
#[derive(Clone, Debug)]
pub enum Index {
    /// One element; the axis goes.
    At(isize),
    /// `start:stop:step`; `None` is an end.
    Slice(Option<isize>, Option<isize>, isize),
    /// As many whole axes as are left.
    Ellipsis,
    /// A new axis of length 1.
    NewAxis,
    /// These elements, in this order.
    List(Vec<isize>),
    /// The elements under a mask (bool, over as many axes as it has), or at the indices of an array of integers. It is
    /// computed when the expression is used, since the result's shape follows from it.
    Array(Array),
}

impl Index {
    /// All of an axis.
    pub const ALL: Index = Index::Slice(None, None, 1);
}

/// The parts of an index expression, or what was wrong with its text.
#[derive(Clone, Debug)]
pub struct IndexExpr(pub(super) Result<Vec<Index>>);

macro_rules! indices {
    ($($From:ty, |$value:ident| $index:expr;)*) => {$(
        impl From<$From> for Index {
            fn from($value: $From) -> Self {
                $index
            }
        }
        impl From<$From> for IndexExpr {
            fn from($value: $From) -> Self {
                IndexExpr(Ok(vec![$index]))
            }
        }
    )*};
}

indices! {
    isize, |at| Index::At(at);
    i32, |at| Index::At(at as isize);
    Range<isize>, |r| Index::Slice(Some(r.start), Some(r.end), 1);
    Range<i32>, |r| Index::Slice(Some(r.start as isize), Some(r.end as isize), 1);
    RangeInclusive<isize>, |r| Index::Slice(Some(*r.start()), (*r.end() != -1).then_some(*r.end() + 1), 1);
    RangeFrom<isize>, |r| Index::Slice(Some(r.start), None, 1);
    RangeTo<isize>, |r| Index::Slice(None, Some(r.end), 1);
    RangeFull, |_all| Index::ALL;
    Vec<isize>, |list| Index::List(list);
    &[isize], |list| Index::List(list.to_vec());
    &Array, |array| Index::Array(array.clone());
    Array, |array| Index::Array(array);
}

impl From<Index> for IndexExpr {
    fn from(index: Index) -> Self {
        IndexExpr(Ok(vec![index]))
    }
}

impl From<Vec<Index>> for IndexExpr {
    fn from(parts: Vec<Index>) -> Self {
        IndexExpr(Ok(parts))
    }
}

impl<const N: usize> From<[Index; N]> for IndexExpr {
    fn from(parts: [Index; N]) -> Self {
        IndexExpr(Ok(parts.into()))
    }
}

impl From<&str> for IndexExpr {
    /// NumPy's own text: `"1:5, ::-1, ..., newaxis, [0, 2, 7]"`.
    fn from(text: &str) -> Self {
        IndexExpr(parse(text))
    }
}

fn parse(text: &str) -> Result<Vec<Index>> {
    let refused = |part: &str| {
        Error::invalid(format!(
            "index {text:?}: {part:?} is not understood; allowed are integers, start:stop:step, lists of integers, ... and \
             newaxis, with commas between"
        ))
    };
    let number = |part: &str| -> Result<isize> { part.trim().parse().map_err(|_| refused(part)) };
    let bound = |part: &str| -> Result<Option<isize>> {
        match part.trim() {
            "" => Ok(None),
            part => number(part).map(Some),
        }
    };
    let mut parts = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let end = match rest.starts_with('[') {
            true => rest.find(']').ok_or_else(|| refused(rest))? + 1,
            false => rest.find(',').unwrap_or(rest.len()),
        };
        let (part, behind) = rest.split_at(end);
        let part = part.trim();
        let behind = behind.trim_start();
        rest = match behind.strip_prefix(',') {
            Some(next) => next.trim_start(),
            None if behind.is_empty() => behind,
            None => return Err(refused(behind)),
        };
        parts.push(match part {
            "..." | "…" => Index::Ellipsis,
            "newaxis" | "None" | "()" => Index::NewAxis,
            list if list.starts_with('[') => {
                let inside = list.trim_start_matches('[').trim_end_matches(']').trim();
                let numbers = inside.split(',').filter(|p| !p.trim().is_empty());
                Index::List(numbers.map(number).collect::<Result<_>>()?)
            }
            slice if slice.contains(':') => {
                let bounds: Vec<&str> = slice.split(':').collect();
                match bounds.as_slice() {
                    [start, stop] => Index::Slice(bound(start)?, bound(stop)?, 1),
                    [start, stop, step] => {
                        Index::Slice(bound(start)?, bound(stop)?, bound(step)?.unwrap_or(1))
                    }
                    _ => return Err(refused(part)),
                }
            }
            at => Index::At(number(at)?),
        });
    }
    Ok(parts)
}
