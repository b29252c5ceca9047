//! Keys searched: exactly, by their neighbours, and between two bounds.

use super::keys::{Method, NO_TIME};
use crate::error::{Error, Result};
use crate::geom::Span;
use std::cmp::Ordering;

/// A key that has an order.
pub(super) trait Key: Clone + PartialOrd {
    /// Total: missing keys come last.
    fn compare(&self, other: &Self) -> Ordering;
    fn missing(&self) -> bool;
    /// How far two keys are from one another, where that is defined.
    fn distance(&self, other: &Self) -> Option<f64>;
}

impl Key for f64 {
    fn compare(&self, other: &Self) -> Ordering {
        let missing = self.is_nan().cmp(&other.is_nan());
        missing.then(self.partial_cmp(other).unwrap_or(Ordering::Equal))
    }

    fn missing(&self) -> bool {
        self.is_nan()
    }

    fn distance(&self, other: &Self) -> Option<f64> {
        Some((self - other).abs())
    }
}

impl Key for i128 {
    fn compare(&self, other: &Self) -> Ordering {
        (self.missing(), self).cmp(&(other.missing(), other))
    }

    fn missing(&self) -> bool {
        *self == NO_TIME
    }

    fn distance(&self, other: &Self) -> Option<f64> {
        Some(self.saturating_sub(*other).unsigned_abs() as f64)
    }
}

impl Key for String {
    fn compare(&self, other: &Self) -> Ordering {
        self.cmp(other)
    }

    fn missing(&self) -> bool {
        false
    }

    fn distance(&self, _: &Self) -> Option<f64> {
        None
    }
}

/// +1 for strictly increasing, −1 for strictly decreasing keys, 0 otherwise.
pub(super) fn strict_direction<T: Key>(keys: &[T]) -> i8 {
    if keys.iter().any(Key::missing) {
        return 0;
    }
    if keys.windows(2).all(|w| w[0] < w[1]) {
        1
    } else if keys.windows(2).all(|w| w[0] > w[1]) {
        -1
    } else {
        0
    }
}

pub(super) struct Search<'a> {
    pub(super) operation: &'a str,
    pub(super) dim: &'a str,
    pub(super) method: Method,
    pub(super) tolerance: Option<f64>,
}

impl Search<'_> {
    pub(super) fn find<T: Key>(&self, keys: &[T], wanted: &[T]) -> Result<Vec<Option<usize>>> {
        let direction = strict_direction(keys);
        if direction == 0 {
            return self.among_unordered(keys, wanted);
        }
        let find = |key: &T| {
            if key.missing() {
                return Ok(None);
            }
            let at = keys.partition_point(|k| if direction > 0 { k < key } else { k > key });
            if keys.get(at).is_some_and(|k| k == key) {
                return Ok(Some(at));
            }
            let (left, right) = (at.checked_sub(1), (at < keys.len()).then_some(at));
            let found = match self.method {
                Method::Exact => None,
                Method::Ffill => left,
                Method::Bfill => right,
                Method::Nearest => match (left, right) {
                    (Some(l), Some(r)) => {
                        let far = |at: usize| {
                            keys[at].distance(key).ok_or_else(|| {
                                Error::invalid(format!(
                                    "{}: texts have no nearest label along {:?}",
                                    self.operation, self.dim
                                ))
                            })
                        };
                        let (to_left, to_right) = (far(l)?, far(r)?);
                        // Of two equally near the larger, as in pandas.
                        let left_wins =
                            to_left < to_right || (to_left == to_right && direction < 0);
                        Some(if left_wins { l } else { r })
                    }
                    (left, right) => left.or(right),
                },
            };
            Ok(found.filter(|at| {
                let near = |most: f64| keys[*at].distance(key).is_some_and(|d| d <= most);
                self.tolerance.is_none_or(near)
            }))
        };
        wanted.iter().map(find).collect()
    }

    /// Exact labels of an index without order; repeated ones cannot be told apart.
    fn among_unordered<T: Key>(&self, keys: &[T], wanted: &[T]) -> Result<Vec<Option<usize>>> {
        if self.method != Method::Exact {
            return Err(Error::invalid(format!(
                "{}: the coordinate {:?} is neither increasing nor decreasing (or has NaN or repeated labels), so \
                 the method {:?} is not defined; sort it first with sortby, or take it by position",
                self.operation,
                self.dim,
                self.method.to_string()
            )));
        }
        let mut order: Vec<usize> = (0..keys.len()).collect();
        order.sort_by(|a, b| keys[*a].compare(&keys[*b]));
        let twice = order
            .windows(2)
            .find(|w| keys[w[0]].compare(&keys[w[1]]).is_eq());
        if let Some(twice) = twice
            && !wanted.is_empty()
        {
            return Err(Error::invalid(format!(
                "{}: the coordinate {:?} has the same label at positions {} and {}, so its labels do not tell positions; \
                 drop the repeated ones with drop_duplicates, or select by position with isel",
                self.operation, self.dim, twice[0], twice[1]
            )));
        }
        Ok(wanted
            .iter()
            .map(|key| {
                let found = order.binary_search_by(|at| keys[*at].compare(key));
                found.ok().map(|at| order[at])
            })
            .collect())
    }
}

/// +1 for increasing, −1 for decreasing keys; an error otherwise.
pub(super) fn direction<T: Key>(dim: &str, keys: &[T]) -> Result<i8> {
    if keys.iter().any(Key::missing) {
        // Below: neither.
    } else if keys.windows(2).all(|w| w[0] <= w[1]) {
        return Ok(1);
    } else if keys.windows(2).all(|w| w[0] >= w[1]) {
        return Ok(-1);
    }
    Err(Error::invalid(format!(
        "sel: the coordinate {dim:?} is neither increasing nor decreasing (or has NaN), so a range of labels is not \
         defined; select by position with `isel`"
    )))
}

/// Positions whose key lies in `low ..= high` of monotonic keys.
pub(super) fn between<T: Key>(
    dim: &str,
    keys: &[T],
    low: Option<T>,
    high: Option<T>,
    high_open: bool,
) -> Result<Span> {
    let direction = direction(dim, keys)?;
    let above = |key: &T| low.as_ref().is_none_or(|low| key >= low);
    let below = |key: &T| {
        high.as_ref()
            .is_none_or(|high| if high_open { key < high } else { key <= high })
    };
    let (start, end) = if direction > 0 {
        (
            keys.partition_point(|k| !above(k)),
            keys.partition_point(below),
        )
    } else {
        (
            keys.partition_point(|k| !below(k)),
            keys.partition_point(above),
        )
    };
    Ok(Span {
        start: start.min(end),
        len: end.saturating_sub(start),
        step: 1,
    })
}
