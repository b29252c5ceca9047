//! Numbers as keys: floats, and integers of 64 bits, which have more digits than a float.

use super::search::Key;
use crate::dtype::Scalar;
use std::cmp::Ordering;

/// A number of any dtype: the nearest float, and what an integer has beyond it. The pairs are in the order of the numbers, since
/// the nearest float never falls when a number rises.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(super) struct Number {
    near: f64,
    rest: i64,
}

impl Number {
    /// The nearest float.
    pub(super) fn value(self) -> f64 {
        self.near
    }

    /// How far it lies above `other`.
    pub(super) fn since(self, other: Number) -> f64 {
        (self.near - other.near) + (self.rest - other.rest) as f64
    }
}

impl From<f64> for Number {
    fn from(near: f64) -> Self {
        Number { near, rest: 0 }
    }
}

impl From<i128> for Number {
    fn from(value: i128) -> Self {
        let near = value as f64;
        // At most half the distance of two floats near 2⁶⁴.
        let rest = (value - near as i128) as i64;
        Number { near, rest }
    }
}

impl From<Scalar> for Number {
    fn from(value: Scalar) -> Self {
        match value.as_i128() {
            Some(integer) => integer.into(),
            None => value.as_f64().into(),
        }
    }
}

impl Key for Number {
    fn compare(&self, other: &Self) -> Ordering {
        let order = self.near.compare(&other.near);
        order.then(self.rest.cmp(&other.rest))
    }

    fn missing(&self) -> bool {
        self.near.is_nan()
    }

    fn distance(&self, other: &Self) -> Option<f64> {
        Some(self.since(*other).abs())
    }
}

/// The numbers on one scale with `first`: as they are where floats hold them, else what they lie above it.
pub(super) fn on_scale(numbers: &[Number], first: Option<Number>) -> Vec<f64> {
    let offset = first.filter(|_| numbers.iter().any(|n| n.rest != 0));
    let value = |n: &Number| offset.map_or(n.near, |first| n.since(first));
    numbers.iter().map(value).collect()
}
