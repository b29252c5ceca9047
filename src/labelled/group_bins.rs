//! `groupby_bins`: the bin of each value of a key, after `pandas.cut`.

use super::coord::{Coord, Values};
use super::data_array::DataArray;
use super::dataset::Dataset;
use super::dataset_reduce::DatasetGroupBy;
use super::group::{GroupBy, GroupKey};
use super::grouping::{Key, NO_GROUP};
use super::keys::Keys;
use super::number::Number;
use crate::error::{Error, Result};
use std::sync::Arc;

/// Bins by their edges or their number, as `pandas.cut` takes them: `Bins::edges(&[0.0, 20.0, 45.0])`.
///
/// The labels are texts as pandas prints its intervals: `(0, 20]`.
#[derive(Clone, Debug)]
pub struct Bins {
    edges: Edges,
    labels: Option<Vec<String>>,
    right: bool,
    include_lowest: bool,
    precision: usize,
    integers: bool,
}

#[derive(Clone, Debug)]
enum Edges {
    Given(Vec<f64>),
    Number(usize),
}

impl Bins {
    fn new(edges: Edges) -> Self {
        Bins {
            edges,
            labels: None,
            right: true,
            include_lowest: false,
            precision: 3,
            integers: false,
        }
    }

    /// Between ascending edges.
    pub fn edges(edges: &[f64]) -> Self {
        Bins::new(Edges::Given(edges.to_vec()))
    }

    /// Between ascending edges that are integers, as their labels are then.
    pub fn integer_edges(edges: &[i64]) -> Self {
        Bins {
            integers: true,
            ..Bins::new(Edges::Given(edges.iter().map(|e| *e as f64).collect()))
        }
    }

    /// So many bins of equal width over the range of the values, which is made 0.1 % longer at its open end.
    pub fn number(number: usize) -> Self {
        Bins::new(Edges::Number(number))
    }

    /// Labels of the bins in place of their intervals.
    #[must_use]
    pub fn labels(mut self, labels: &[&str]) -> Self {
        self.labels = Some(labels.iter().map(|l| (*l).to_owned()).collect());
        self
    }

    /// Whether bins hold their right edge (they do) or their left one.
    #[must_use]
    pub fn right(mut self, right: bool) -> Self {
        self.right = right;
        self
    }

    /// Whether the first bin holds its left edge, too.
    #[must_use]
    pub fn include_lowest(mut self, include: bool) -> Self {
        self.include_lowest = include;
        self
    }

    /// Digits of the edges in labels (3).
    #[must_use]
    pub fn precision(mut self, precision: usize) -> Self {
        self.precision = precision;
        self
    }

    /// The edges over these values.
    fn found(&self, values: &[f64]) -> Result<Vec<f64>> {
        let edges = match &self.edges {
            Edges::Given(edges) => edges.clone(),
            Edges::Number(0) => {
                return Err(Error::invalid("groupby_bins: 0 bins; give at least one"));
            }
            Edges::Number(number) => return self.even(values, *number),
        };
        if edges.len() < 2 {
            return Err(Error::invalid(format!(
                "groupby_bins: {} edges; bins have at least two",
                edges.len()
            )));
        }
        if let Some(at) = (1..edges.len())
            .find(|at| edges[*at] <= edges[at - 1] || edges[*at].is_nan() || edges[at - 1].is_nan())
        {
            return Err(Error::invalid(format!(
                "groupby_bins: the edges must ascend; {} comes after {}",
                edges[at],
                edges[at - 1]
            )));
        }
        Ok(edges)
    }

    /// Edges of equal bins, as `pandas.cut` makes them.
    fn even(&self, values: &[f64], number: usize) -> Result<Vec<f64>> {
        let known = || values.iter().copied().filter(|v| !v.is_nan());
        let (low, high) = (
            known().fold(f64::INFINITY, f64::min),
            known().fold(f64::NEG_INFINITY, f64::max),
        );
        if !(low.is_finite() && high.is_finite()) {
            return Err(Error::invalid(format!(
                "groupby_bins: {number} bins between {low} and {high}; the values must have a finite range"
            )));
        }
        let step = |low: f64, high: f64| {
            let width = (high - low) / number as f64;
            let edge = |i: usize| {
                if i == number {
                    high
                } else {
                    i as f64 * width + low
                }
            };
            (0..=number).map(edge).collect::<Vec<f64>>()
        };
        if low == high {
            let by = |v: f64| if v == 0.0 { 0.001 } else { 0.001 * v.abs() };
            return Ok(step(low - by(low), high + by(high)));
        }
        let mut edges = step(low, high);
        let more = (high - low) * 0.001;
        match self.right {
            true => edges[0] -= more,
            false => edges[number] += more,
        }
        Ok(edges)
    }

    /// The bins of the values of a coordinate.
    pub(super) fn key(&self, coord: &Coord) -> Result<Key> {
        let Keys::Numbers(values) = Keys::of(coord) else {
            return Err(Error::unsupported(format!(
                "groupby_bins: the key {:?} is {}; bins are of numbers",
                coord.name,
                coord.dtype_name()
            )));
        };
        let values: Vec<f64> = values.into_iter().map(Number::value).collect();
        let edges = self.found(&values)?;
        let bins = edges.len() - 1;
        let code = |v: &f64| {
            // Edges before the value, and the value itself where a bin is open on its left.
            let before = match self.right {
                true => edges.partition_point(|e| e < v),
                false => edges.partition_point(|e| e <= v),
            };
            match before {
                _ if v.is_nan() => NO_GROUP,
                0 if self.right && self.include_lowest && *v == edges[0] => 0,
                0 => NO_GROUP,
                n if n > bins => NO_GROUP,
                n => n as u32 - 1,
            }
        };
        let codes: Vec<u32> = values.iter().map(code).collect();
        if codes.iter().all(|c| *c == NO_GROUP) {
            return Err(Error::invalid(format!(
                "groupby_bins: no value of {:?} falls into the bins with edges {edges:?}",
                coord.name
            )));
        }
        let labels = match &self.labels {
            Some(labels) if labels.len() != bins => {
                return Err(Error::invalid(format!(
                    "groupby_bins: {} labels for {bins} bins; give one per bin",
                    labels.len()
                )));
            }
            Some(labels) => labels.clone(),
            None => self.intervals(&edges),
        };
        let name = format!("{}_bins", coord.name);
        let lengths = coord.shape().iter().copied();
        Ok(Key {
            more: Vec::new(),
            dims: coord.dims.iter().cloned().zip(lengths).collect(),
            codes,
            groups: Coord {
                name: name.clone(),
                dims: vec![name],
                values: Values::Texts(Arc::new(labels), vec![bins]),
                attrs: coord.attrs.clone(),
                time: None,
            },
        })
    }

    /// The intervals as pandas prints them.
    fn intervals(&self, edges: &[f64]) -> Vec<String> {
        // As many digits as tell the edges apart.
        let differ = |precision: &usize| {
            let rounded: Vec<f64> = edges.iter().map(|e| rounded(*e, *precision)).collect();
            rounded.windows(2).all(|w| w[0] != w[1])
        };
        let precision = (self.precision..20).find(differ).unwrap_or(self.precision);
        let mut shown: Vec<f64> = edges.iter().map(|e| rounded(*e, precision)).collect();
        let mut integers = self.integers;
        if self.right && self.include_lowest {
            shown[0] -= 10f64.powi(-(precision as i32));
            integers = false;
        }
        let text = |v: f64| match integers {
            true => format!("{v}"),
            false => format!("{v:?}"),
        };
        let (left, right) = if self.right { ("(", "]") } else { ("[", ")") };
        shown
            .windows(2)
            .map(|w| format!("{left}{}, {}{right}", text(w[0]), text(w[1])))
            .collect()
    }
}

/// pandas' rounding of an edge: decimals of numbers from 1, else digits after the first one that is not 0.
fn rounded(v: f64, precision: usize) -> f64 {
    if !v.is_finite() || v == 0.0 {
        return v;
    }
    let digits = match v.trunc() == 0.0 {
        true => -(v.abs().log10().floor() as i32) - 1 + precision as i32,
        false => precision as i32,
    };
    let scale = 10f64.powi(digits);
    (v * scale).round_ties_even() / scale
}

impl DataArray {
    /// Groups by the bins of the values of a coordinate or of an array: xarray's `groupby_bins`. The dimension of a result is
    /// `{name}_bins`.
    #[must_use]
    #[track_caller]
    pub fn groupby_bins(&self, by: impl Into<GroupKey>, bins: &Bins) -> GroupBy {
        self.groupby(vec![GroupKey::Bins(Box::new(by.into()), bins.clone())])
    }
}

impl Dataset {
    /// Groups every variable by the bins of the values of a coordinate or of an array; see [`DataArray::groupby_bins`].
    #[must_use]
    #[track_caller]
    pub fn groupby_bins(&self, by: impl Into<GroupKey>, bins: &Bins) -> DatasetGroupBy {
        self.groupby(vec![GroupKey::Bins(Box::new(by.into()), bins.clone())])
    }
}
