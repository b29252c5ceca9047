//! Selection by position and by label. Labels become positions here.

use super::cf::{CfTime, parse_interval};
use super::coord::{Coord, Values};
use super::data_array::DataArray;
use crate::dtype::Scalar;
use crate::error::{Error, Result};
use crate::geom::{Select, Span};
use std::ops::{Range, RangeFrom, RangeFull, RangeTo};

/// Positions along one dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Indexer {
    /// One position; the dimension goes. Negative positions count from the end.
    At(isize),
    /// `start:stop:step`, as in Python.
    Slice(Option<isize>, Option<isize>, isize),
}

impl From<isize> for Indexer {
    fn from(at: isize) -> Self {
        Indexer::At(at)
    }
}

impl From<i32> for Indexer {
    fn from(at: i32) -> Self {
        Indexer::At(at as isize)
    }
}

impl From<Range<isize>> for Indexer {
    fn from(range: Range<isize>) -> Self {
        Indexer::Slice(Some(range.start), Some(range.end), 1)
    }
}

impl From<RangeFrom<isize>> for Indexer {
    fn from(range: RangeFrom<isize>) -> Self {
        Indexer::Slice(Some(range.start), None, 1)
    }
}

impl From<RangeTo<isize>> for Indexer {
    fn from(range: RangeTo<isize>) -> Self {
        Indexer::Slice(None, Some(range.end), 1)
    }
}

impl From<RangeFull> for Indexer {
    fn from(_: RangeFull) -> Self {
        Indexer::Slice(None, None, 1)
    }
}

/// A label of a coordinate.
#[derive(Clone, Debug, PartialEq)]
pub enum Label {
    /// A number.
    Number(f64),
    /// A text: a name, or a date such as `2020-08`.
    Text(String),
}

impl From<f64> for Label {
    fn from(value: f64) -> Self {
        Label::Number(value)
    }
}

impl From<i64> for Label {
    fn from(value: i64) -> Self {
        Label::Number(value as f64)
    }
}

impl From<i32> for Label {
    fn from(value: i32) -> Self {
        Label::Number(f64::from(value))
    }
}

impl From<&str> for Label {
    fn from(value: &str) -> Self {
        Label::Text(value.to_owned())
    }
}

impl std::fmt::Display for Label {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Label::Number(v) => write!(f, "{v}"),
            Label::Text(text) => write!(f, "{text:?}"),
        }
    }
}

/// The values of an index as ordered keys: numbers as f64, times as nanoseconds since 1970 in their calendar.
enum Keys {
    Numbers(Vec<f64>),
    Times(Vec<i128>, CfTime),
    Texts(Vec<String>),
}

/// What a label means along an index: one value, or a half-open interval of times.
enum Target {
    Number(f64),
    Time(i128, i128),
}

fn keys(coord: &Coord) -> Keys {
    if let Some((counts, time)) = coord.times() {
        let keys = counts.iter().map(|c| instant(*c, &time)).collect();
        return Keys::Times(keys, time);
    }
    match &coord.values {
        Values::Block(block) => Keys::Numbers(
            (0..block.elements())
                .map(|i| block.get(i).map_or(f64::NAN, Scalar::as_f64))
                .collect(),
        ),
        Values::Texts(texts, _) => Keys::Texts(texts.to_vec()),
        Values::CfTimes(..) => Keys::Texts(Vec::new()),
    }
}

fn instant(count: i64, time: &CfTime) -> i128 {
    time.civil(count).nanoseconds(time.calendar)
}

fn target(dim: &str, keys: &Keys, label: &Label) -> Result<Target> {
    match (keys, label) {
        (Keys::Numbers(_), Label::Number(v)) => Ok(Target::Number(*v)),
        (Keys::Times(_, time), Label::Text(text)) => {
            let (start, end) = parse_interval(text, time.calendar)
                .map_err(|e| e.context(format!("selecting along {dim:?}")))?;
            Ok(Target::Time(
                start.nanoseconds(time.calendar),
                end.nanoseconds(time.calendar),
            ))
        }
        _ => {
            let kind = match keys {
                Keys::Numbers(_) => "numbers",
                Keys::Times(..) => "times: write them as text, for example \"2020-08\"",
                Keys::Texts(_) => "texts",
            };
            Err(Error::invalid(format!(
                "sel: {label} is no label of {dim:?}, whose labels are {kind}"
            )))
        }
    }
}

/// +1 for increasing, −1 for decreasing keys; an error otherwise.
fn direction<T: PartialOrd>(dim: &str, keys: &[T]) -> Result<i8> {
    if keys.windows(2).all(|w| w[0] <= w[1]) {
        Ok(1)
    } else if keys.windows(2).all(|w| w[0] >= w[1]) {
        Ok(-1)
    } else {
        Err(Error::invalid(format!(
            "sel: the coordinate {dim:?} is neither increasing nor decreasing (or has NaN), so a range of labels is not \
             defined; select by position with `isel`"
        )))
    }
}

/// Positions whose key lies in `low ..= high` of monotonic keys.
fn between<T: PartialOrd>(
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

impl DataArray {
    #[track_caller]
    pub(super) fn isel_one(&self, dim: &str, indexer: &Indexer) -> Self {
        let axis = match self.axis("isel", dim) {
            Ok(axis) => axis,
            Err(error) => return self.clone().fail(error),
        };
        let len = self.shape().get(axis).copied().unwrap_or(0);
        match *indexer {
            Indexer::At(at) => {
                let n = len as isize;
                if !(-n..n).contains(&at) {
                    return self.clone().fail(Error::invalid(format!(
                        "isel: position {at} is out of range on dimension {dim:?} of length {len}; allowed are {} … {}",
                        -n,
                        n - 1
                    )));
                }
                self.take(axis, None, at.rem_euclid(n) as usize)
            }
            Indexer::Slice(start, stop, step) => match Span::slice(start, stop, step, len) {
                Ok(span) => self.take(axis, Some(span), 0),
                Err(error) => self
                    .clone()
                    .fail(error.context(format!("selecting along {dim:?}"))),
            },
        }
    }

    /// A span of an axis, or one position of it.
    #[track_caller]
    fn take(&self, axis: usize, span: Option<Span>, at: usize) -> Self {
        let shape = self.shape();
        let dim = self.dims[axis].clone();
        let array = match span {
            Some(span) => {
                let spans: Vec<Span> = (0..shape.len())
                    .map(|a| if a == axis { span } else { Span::all(shape[a]) })
                    .collect();
                self.array.select(&spans)
            }
            None => self.array.index(axis as isize, at as isize),
        };
        let mut result = self.with_array(array);
        result.encoding = self.encoding.clone();
        if span.is_none() {
            result.dims.remove(axis);
        }
        let mut coords = Vec::new();
        for coord in &self.coords {
            let Some(of) = coord.dims.iter().position(|d| *d == dim) else {
                coords.push(coord.clone());
                continue;
            };
            let mut dims = coord.dims.clone();
            let select = match span {
                Some(span) => {
                    let spans: Vec<Span> = coord
                        .shape()
                        .iter()
                        .enumerate()
                        .map(|(a, len)| if a == of { span } else { Span::all(*len) })
                        .collect();
                    Select::spans(&spans)
                }
                None => {
                    dims.remove(of);
                    Select::all(coord.shape()).fix(of, at)
                }
            };
            match coord.select(&select, dims) {
                Ok(coord) => coords.push(coord),
                Err(error) => return result.fail(error),
            }
        }
        result.coords = coords;
        result
    }

    fn index_coord(&self, dim: &str) -> Result<&Coord> {
        self.axis("sel", dim)?;
        self.coords
            .iter()
            .find(|c| c.is_index() && c.name == dim)
            .ok_or_else(|| {
                Error::invalid(format!(
                    "sel: dimension {dim:?} has no coordinate; select by position with `isel`"
                ))
            })
    }

    /// The element with this label along `dim`; the dimension goes. A date that names a span of time (`"2020-08"`) takes all
    /// its elements, and the dimension stays, as in xarray.
    #[must_use]
    #[track_caller]
    pub fn sel(&self, dim: &str, label: impl Into<Label>) -> Self {
        let label = label.into();
        let found = self.index_coord(dim).and_then(|coord| {
            let keys = keys(coord);
            let missing = || {
                let (first, last) = (coord.text(0), coord.text(coord.len().saturating_sub(1)));
                Error::invalid(format!(
                    "sel: {label} is not in the coordinate {dim:?}, which goes from {first} to {last} in {} steps; take the nearest \
                     with method \"nearest\"",
                    coord.len()
                ))
            };
            if let (Keys::Texts(texts), Label::Text(text)) = (&keys, &label) {
                return match texts.iter().position(|t| t == text) {
                    Some(at) => Ok((None, at)),
                    None => Err(Error::invalid(format!(
                        "sel: {label} is not in the coordinate {dim:?}; known: {}",
                        crate::error::nearest_names(text, texts.iter().map(String::as_str))
                    ))),
                };
            }
            match (target(dim, &keys, &label)?, &keys) {
                (Target::Number(v), Keys::Numbers(keys)) => {
                    keys.iter().position(|k| *k == v).map(|at| (None, at)).ok_or_else(missing)
                }
                (Target::Time(start, end), Keys::Times(keys, _)) => {
                    if end - start <= 1_000_000_000 {
                        if let Some(at) = keys.iter().position(|k| *k == start) {
                            return Ok((None, at));
                        }
                    }
                    let span = between(dim, keys, Some(start), Some(end), true)?;
                    if span.len == 0 {
                        return Err(missing());
                    }
                    Ok((Some(span), 0))
                }
                _ => Err(missing()),
            }
        });
        self.take_found(dim, found)
    }

    /// The element whose label is nearest along `dim`; the dimension goes. Of two equally near labels the
    /// larger, as in pandas.
    #[must_use]
    #[track_caller]
    pub fn sel_nearest(&self, dim: &str, label: impl Into<Label>) -> Self {
        let label = label.into();
        let found = self.index_coord(dim).and_then(|coord| {
            let keys = keys(coord);
            let best = match (target(dim, &keys, &label)?, &keys) {
                (Target::Number(v), Keys::Numbers(keys)) => keys
                    .iter()
                    .enumerate()
                    .filter(|(_, k)| !k.is_nan())
                    .min_by(|a, b| {
                        let near = (a.1 - v).abs().total_cmp(&(b.1 - v).abs());
                        near.then(b.1.total_cmp(a.1))
                    })
                    .map(|(at, _)| at),
                (Target::Time(start, _), Keys::Times(keys, _)) => keys
                    .iter()
                    .enumerate()
                    .min_by_key(|(_, k)| ((**k - start).abs(), std::cmp::Reverse(**k)))
                    .map(|(at, _)| at),
                _ => None,
            };
            best.map(|at| (None, at))
                .ok_or_else(|| Error::invalid(format!("sel: no label of {dim:?} is near {label}")))
        });
        self.take_found(dim, found)
    }

    /// The elements from label `from` to label `to`, both included, along a monotonic coordinate; `None` is an end.
    #[must_use]
    #[track_caller]
    pub fn sel_range(&self, dim: &str, from: Option<Label>, to: Option<Label>) -> Self {
        let found = self.index_coord(dim).and_then(|coord| {
            let keys = keys(coord);
            let bound =
                |label: &Option<Label>| label.as_ref().map(|l| target(dim, &keys, l)).transpose();
            match (&keys, bound(&from)?, bound(&to)?) {
                (Keys::Numbers(keys), low, high) => {
                    let number = |t| match t {
                        Some(Target::Number(v)) => Some(v),
                        _ => None,
                    };
                    let (mut low, mut high) = (number(low), number(high));
                    // A decreasing coordinate is written in its own order: sel(y = 50 : 40).
                    if direction(dim, keys)? < 0 && keys.len() > 1 {
                        std::mem::swap(&mut low, &mut high);
                    }
                    between(dim, keys, low, high, false)
                }
                (Keys::Times(keys, _), low, high) => {
                    let start = |t: &Option<Target>| match t {
                        Some(Target::Time(start, _)) => Some(*start),
                        _ => None,
                    };
                    let end = |t: &Option<Target>| match t {
                        Some(Target::Time(_, end)) => Some(*end),
                        _ => None,
                    };
                    if direction(dim, keys)? < 0 && keys.len() > 1 {
                        between(dim, keys, start(&high), end(&low), true)
                    } else {
                        between(dim, keys, start(&low), end(&high), true)
                    }
                }
                (Keys::Texts(texts), _, _) => {
                    let place = |label: &Option<Label>, default: usize| match label {
                        None => Ok(default),
                        Some(label) => texts
                            .iter()
                            .position(|t| matches!(label, Label::Text(text) if text == t))
                            .ok_or_else(|| {
                                Error::invalid(format!(
                                    "sel: {label} is not in the coordinate {dim:?}"
                                ))
                            }),
                    };
                    let (a, b) = (place(&from, 0)?, place(&to, texts.len().saturating_sub(1))?);
                    Ok(Span {
                        start: a,
                        len: (b + 1).saturating_sub(a),
                        step: 1,
                    })
                }
            }
            .map(|span| (Some(span), 0))
        });
        self.take_found(dim, found)
    }

    #[track_caller]
    fn take_found(&self, dim: &str, found: Result<(Option<Span>, usize)>) -> Self {
        match found.and_then(|found| self.axis("sel", dim).map(|axis| (axis, found))) {
            Ok((axis, (span, at))) => self.take(axis, span, at),
            Err(error) => self.clone().fail(error),
        }
    }
}
