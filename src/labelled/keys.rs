//! The labels of an index as keys that are searched: numbers without loss, times as nanoseconds in their calendar, texts.
//!
//! Laws: a label is found where pandas' `get_indexer` finds it (of two equally near labels the larger; ffill and bfill are the
//! neighbours by position); labels that are repeated, NaN or not monotonic where order is needed are an error.

use super::cf::{CfTime, parse_interval};
use super::coord::{Coord, Values};
use super::indexer::Label;
use super::number::{Number, on_scale};
use super::search::{Key, Search};
use crate::dtype::NAT;
use crate::error::{Error, Result, nearest_names};
use std::str::FromStr;

/// How a label that is not in an index is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// Not at all.
    #[default]
    Exact,
    /// The nearest label.
    Nearest,
    /// The last label before it (`pad`).
    Ffill,
    /// The first label after it (`backfill`).
    Bfill,
}

impl FromStr for Method {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "nearest" => Ok(Method::Nearest),
            "ffill" | "pad" => Ok(Method::Ffill),
            "bfill" | "backfill" => Ok(Method::Bfill),
            other => Err(Error::invalid(format!(
                "unknown method {other:?}; known: {}",
                nearest_names(other, ["nearest", "ffill", "bfill"].into_iter())
            ))),
        }
    }
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Method::Exact => "exact",
            Method::Nearest => "nearest",
            Method::Ffill => "ffill",
            Method::Bfill => "bfill",
        })
    }
}

/// How labels are looked up: the method, and how far from the label the found one may be (a number in the unit of the
/// coordinate; along times a text such as `"12h"` or `"1D"`).
#[derive(Clone, Debug, Default)]
pub struct Lookup {
    /// How a label that is not there is found.
    pub method: Method,
    /// The largest distance.
    pub tolerance: Option<Label>,
}

impl From<Method> for Lookup {
    fn from(method: Method) -> Self {
        Lookup {
            method,
            tolerance: None,
        }
    }
}

/// The values of an index as ordered keys.
#[derive(Clone, Debug)]
pub(super) enum Keys {
    Numbers(Vec<Number>),
    Times(Vec<i128>, CfTime),
    Texts(Vec<String>),
}

/// What a label means along an index: one value, or a half-open interval of times.
pub(super) enum Target {
    Number(Number),
    Time(i128, i128),
    Text(String),
}

/// The key of a time that is missing.
pub(super) const NO_TIME: i128 = i128::MIN;

impl Keys {
    pub(super) fn of(coord: &Coord) -> Keys {
        if let Some((counts, time)) = coord.times() {
            let instant = |count: &i64| match *count {
                NAT => NO_TIME,
                count => time.civil(count).nanoseconds(time.calendar),
            };
            return Keys::Times(counts.iter().map(instant).collect(), time);
        }
        match &coord.values {
            Values::Block(block) => Keys::Numbers(
                (0..block.elements())
                    .map(|i| block.get(i).map_or(f64::NAN.into(), Number::from))
                    .collect(),
            ),
            Values::Texts(texts, _) => Keys::Texts(texts.to_vec()),
            Values::CfTimes(..) => Keys::Texts(Vec::new()),
        }
    }

    /// What a label means beside these keys.
    pub(super) fn target(&self, dim: &str, label: &Label) -> Result<Target> {
        match (self, label) {
            (Keys::Numbers(_), Label::Number(v)) => Ok(Target::Number((*v).into())),
            (Keys::Numbers(_), Label::Integer(v)) => Ok(Target::Number(i128::from(*v).into())),
            (Keys::Texts(_), Label::Text(text)) => Ok(Target::Text(text.clone())),
            (Keys::Times(_, time), Label::Text(text)) => {
                let (start, end) = parse_interval(text, time.calendar)
                    .map_err(|e| e.context(format!("selecting along {dim:?}")))?;
                Ok(Target::Time(
                    start.nanoseconds(time.calendar),
                    end.nanoseconds(time.calendar),
                ))
            }
            _ => {
                let kind = match self {
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

    /// Labels as keys of this kind; a date is its first instant.
    pub(super) fn of_labels(&self, dim: &str, labels: &[Label]) -> Result<Keys> {
        let mut numbers = Vec::new();
        let mut times = Vec::new();
        let mut texts = Vec::new();
        for label in labels {
            match self.target(dim, label)? {
                Target::Number(v) => numbers.push(v),
                Target::Time(start, _) => times.push(start),
                Target::Text(text) => texts.push(text),
            }
        }
        Ok(match self {
            Keys::Numbers(_) => Keys::Numbers(numbers),
            Keys::Times(_, time) => Keys::Times(times, *time),
            Keys::Texts(_) => Keys::Texts(texts),
        })
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Keys::Numbers(keys) => keys.len(),
            Keys::Times(keys, _) => keys.len(),
            Keys::Texts(keys) => keys.len(),
        }
    }

    /// The order in which the keys increase; equal ones stay in theirs, missing ones come last.
    pub(super) fn sorted(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.len()).collect();
        match self {
            Keys::Numbers(keys) => order.sort_by(|a, b| keys[*a].compare(&keys[*b])),
            Keys::Times(keys, _) => order.sort_by(|a, b| keys[*a].compare(&keys[*b])),
            Keys::Texts(keys) => order.sort_by(|a, b| keys[*a].compare(&keys[*b])),
        }
        order
    }

    /// True when two positions have the same key.
    pub(super) fn same(&self, a: usize, b: usize) -> bool {
        match self {
            Keys::Numbers(keys) => keys[a].compare(&keys[b]).is_eq(),
            Keys::Times(keys, _) => keys[a] == keys[b],
            Keys::Texts(keys) => keys[a] == keys[b],
        }
    }

    /// True when the key at a position is NaN or no time.
    pub(super) fn missing(&self, at: usize) -> bool {
        match self {
            Keys::Numbers(keys) => keys[at].missing(),
            Keys::Times(keys, _) => keys[at].missing(),
            Keys::Texts(_) => false,
        }
    }

    /// The keys as numbers to compute with: as they are, or the nanoseconds of times.
    pub(super) fn numbers(&self) -> Option<Vec<f64>> {
        match self {
            Keys::Numbers(keys) => Some(on_scale(keys, keys.first().copied())),
            // Since the first: nanoseconds since 1970 have no room in 53 bits.
            Keys::Times(keys, _) => {
                let first = keys.first().copied().unwrap_or(0);
                let since = |key: &i128| match *key {
                    NO_TIME => f64::NAN,
                    key => (key - first) as f64,
                };
                Some(keys.iter().map(since).collect())
            }
            Keys::Texts(_) => None,
        }
    }

    /// The position of each wanted key, by `lookup`; `None` where there is none.
    pub(super) fn find(
        &self,
        operation: &str,
        dim: &str,
        wanted: &Keys,
        lookup: &Lookup,
    ) -> Result<Vec<Option<usize>>> {
        let mixed = || {
            Error::invalid(format!(
                "{operation}: the labels of {dim:?} and those asked for are of different kinds"
            ))
        };
        let tolerance = self.tolerance(operation, dim, lookup)?;
        let search = Search {
            operation,
            dim,
            method: lookup.method,
            tolerance,
        };
        match (self, wanted) {
            (Keys::Numbers(keys), Keys::Numbers(wanted)) => search.find(keys, wanted),
            (Keys::Times(keys, a), Keys::Times(wanted, b)) if a.calendar == b.calendar => {
                search.find(keys, wanted)
            }
            (Keys::Texts(keys), Keys::Texts(wanted)) => search.find(keys, wanted),
            // An empty list has no kind of its own.
            (_, wanted) if wanted.len() == 0 => Ok(Vec::new()),
            _ => Err(mixed()),
        }
    }

    /// A distance along these keys: a number, or nanoseconds of a text along times.
    pub(super) fn distance_of(
        &self,
        operation: &str,
        dim: &str,
        distance: &Label,
    ) -> Result<Option<f64>> {
        let lookup = Lookup {
            method: Method::Nearest,
            tolerance: Some(distance.clone()),
        };
        self.tolerance(operation, dim, &lookup)
    }

    fn tolerance(&self, operation: &str, dim: &str, lookup: &Lookup) -> Result<Option<f64>> {
        let refused = |label: &Label, allowed: &str| {
            Error::invalid(format!(
                "{operation}: the tolerance {label} along {dim:?} is not allowed; give {allowed}"
            ))
        };
        match (self, &lookup.tolerance) {
            (_, None) => Ok(None),
            (_, Some(_)) if lookup.method == Method::Exact => Err(Error::invalid(format!(
                "{operation}: a tolerance needs a method: nearest, ffill or bfill"
            ))),
            (Keys::Numbers(_), Some(label)) if label.number().is_some_and(|v| v >= 0.0) => {
                Ok(label.number())
            }
            (Keys::Times(..), Some(label @ Label::Text(text))) => match duration(text) {
                Some(nanoseconds) => Ok(Some(nanoseconds)),
                None => Err(refused(
                    label,
                    "a number and a unit such as \"12h\" or \"1D\"",
                )),
            },
            (Keys::Times(..), Some(label)) => Err(refused(
                label,
                "a number and a unit such as \"12h\" or \"1D\"",
            )),
            (Keys::Numbers(_), Some(label)) => Err(refused(label, "a number from 0")),
            (Keys::Texts(_), Some(label)) => Err(refused(label, "none: the labels are texts")),
        }
    }
}

/// Nanoseconds of a text such as `12h`.
fn duration(text: &str) -> Option<f64> {
    let text = text.trim();
    let split = text.find(|c: char| c.is_ascii_alphabetic())?;
    let number: f64 = match text[..split].trim() {
        "" => 1.0,
        number => number.parse().ok()?,
    };
    let unit = match text[split..].trim() {
        "W" => 7.0 * 86400e9,
        "D" | "d" => 86400e9,
        "h" | "H" => 3600e9,
        "min" | "m" => 60e9,
        "s" => 1e9,
        "ms" => 1e6,
        "us" => 1e3,
        "ns" => 1.0,
        _ => return None,
    };
    (number >= 0.0).then_some(number * unit)
}
