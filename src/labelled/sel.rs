//! Selection by label: labels become positions here, once for all variables of a dataset.

use super::coord::Coord;
use super::data_array::DataArray;
use super::dataset::Dataset;
use super::indexer::{Indexer, Label, Labels, Points};
use super::keys::{Keys, Lookup, Method, Target};
use super::search::{between, direction};
use crate::error::{Error, Result, nearest_names};
use crate::geom::Span;

/// The coordinate that labels `dim`.
pub(super) fn index_of<'a>(operation: &str, coords: &'a [Coord], dim: &str) -> Result<&'a Coord> {
    coords
        .iter()
        .find(|c| c.is_index() && c.name == dim)
        .ok_or_else(|| {
            Error::invalid(format!(
                "{operation}: dimension {dim:?} has no coordinate; select by position with `isel`"
            ))
        })
}

/// The labels beside one that is not there, as people read them.
fn beside(coord: &Coord, keys: &Keys, wanted: &Keys, place: usize) -> String {
    if let (Keys::Texts(texts), Keys::Texts(wanted)) = (keys, wanted) {
        return format!(
            "known: {}",
            nearest_names(&wanted[place], texts.iter().map(String::as_str))
        );
    }
    let order = keys.sorted();
    let below = |at: &usize| match (keys, wanted) {
        (Keys::Numbers(keys), Keys::Numbers(wanted)) => keys[*at] < wanted[place],
        (Keys::Times(keys, _), Keys::Times(wanted, _)) => {
            keys[*at] != i128::MIN && keys[*at] < wanted[place]
        }
        _ => false,
    };
    let above = order.partition_point(below);
    let near: Vec<String> = [above.checked_sub(1), Some(above)]
        .into_iter()
        .flatten()
        .filter_map(|at| order.get(at).map(|at| coord.text(*at)))
        .collect();
    match near.as_slice() {
        [] => "it has no labels".to_owned(),
        [one] => format!("the nearest is {one}"),
        several => format!("the nearest are {}", several.join(" and ")),
    }
}

fn not_found(
    operation: &str,
    coord: &Coord,
    keys: &Keys,
    (wanted, place): (&Keys, usize),
    label: &str,
    lookup: &Lookup,
) -> Error {
    let dim = &coord.name;
    let near = beside(coord, keys, wanted, place);
    let within = match &lookup.tolerance {
        Some(tolerance) => format!(" within {tolerance}"),
        None => String::new(),
    };
    Error::invalid(match lookup.method {
        Method::Exact if coord.is_empty() => {
            format!("{operation}: {label} is not in the coordinate {dim:?}, which is empty")
        }
        Method::Exact if matches!(keys, Keys::Texts(_)) => {
            format!("{operation}: {label} is not in the coordinate {dim:?}; {near}")
        }
        Method::Exact => format!(
            "{operation}: {label} is not in the coordinate {dim:?}, which goes from {} to {} in {} steps; {near}; take the nearest \
             with method \"nearest\"",
            coord.text(0),
            coord.text(coord.len() - 1),
            coord.len()
        ),
        method => format!(
            "{operation}: no label of {dim:?} is{within} of {label} by the method {:?}; {near}",
            method.to_string()
        ),
    })
}

/// The position of one label, or the positions of a span of time or of repeated labels.
fn one(coord: &Coord, label: &Label, lookup: &Lookup) -> Result<Indexer> {
    let dim = coord.name.as_str();
    let keys = Keys::of(coord);
    let target = keys.target(dim, label)?;
    if let (Target::Time(start, end), Keys::Times(times, _), Method::Exact) =
        (&target, &keys, lookup.method)
        && end - start > 1_000_000_000
    {
        let span = between(dim, times, Some(*start), Some(*end), true)?;
        if span.len == 0 {
            let wanted = keys.of_labels(dim, std::slice::from_ref(label))?;
            let text = label.to_string();
            return Err(not_found("sel", coord, &keys, (&wanted, 0), &text, lookup));
        }
        return Ok(slice_of(span));
    }
    let wanted = keys.of_labels(dim, std::slice::from_ref(label))?;
    if lookup.method == Method::Exact && lookup.tolerance.is_none() {
        // A label that is there several times takes all of them, as in pandas.
        let all: Vec<isize> = (0..keys.len())
            .filter(|at| match (&keys, &wanted) {
                (Keys::Numbers(keys), Keys::Numbers(wanted)) => keys[*at] == wanted[0],
                (Keys::Times(keys, _), Keys::Times(wanted, _)) => keys[*at] == wanted[0],
                (Keys::Texts(keys), Keys::Texts(wanted)) => keys[*at] == wanted[0],
                _ => false,
            })
            .map(|at| at as isize)
            .collect();
        return match all.as_slice() {
            [] => {
                let text = label.to_string();
                Err(not_found("sel", coord, &keys, (&wanted, 0), &text, lookup))
            }
            [at] => Ok(Indexer::At(*at)),
            _ => Ok(Indexer::List(all)),
        };
    }
    match keys.find("sel", dim, &wanted, lookup)?.first() {
        Some(Some(at)) => Ok(Indexer::At(*at as isize)),
        _ => {
            let text = label.to_string();
            Err(not_found("sel", coord, &keys, (&wanted, 0), &text, lookup))
        }
    }
}

fn slice_of(span: Span) -> Indexer {
    let (start, end) = (span.start as isize, (span.start + span.len) as isize);
    Indexer::Slice(Some(start), Some(end), span.step)
}

/// The positions of many labels.
pub(super) fn many(
    operation: &str,
    coord: &Coord,
    wanted: &Keys,
    lookup: &Lookup,
    text: impl Fn(usize) -> String,
) -> Result<Vec<isize>> {
    let keys = Keys::of(coord);
    let found = keys.find(operation, &coord.name, wanted, lookup)?;
    let each = found.into_iter().enumerate();
    each.map(|(place, at)| {
        at.map(|at| at as isize).ok_or_else(|| {
            let text = text(place);
            not_found(operation, coord, &keys, (wanted, place), &text, lookup)
        })
    })
    .collect()
}

/// The span from one label to another.
fn range(coord: &Coord, from: &Option<Label>, to: &Option<Label>) -> Result<Span> {
    let dim = coord.name.as_str();
    let keys = Keys::of(coord);
    let bound = |label: &Option<Label>| label.as_ref().map(|l| keys.target(dim, l)).transpose();
    match (&keys, bound(from)?, bound(to)?) {
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
                        Error::invalid(format!("sel: {label} is not in the coordinate {dim:?}"))
                    }),
            };
            let (a, b) = (place(from, 0)?, place(to, texts.len().saturating_sub(1))?);
            Ok(Span {
                start: a,
                len: (b + 1).saturating_sub(a),
                step: 1,
            })
        }
    }
}

/// Labels as positions.
fn positions(coord: &Coord, labels: &Labels, lookup: &Lookup) -> Result<Indexer> {
    let dim = coord.name.as_str();
    match labels {
        Labels::One(label) => one(coord, label, lookup),
        Labels::Range(..) if lookup.method != Method::Exact => Err(Error::invalid(format!(
            "sel: the method {:?} beside a range along {dim:?}; ranges take all labels between their ends",
            lookup.method.to_string()
        ))),
        Labels::Range(from, to, step) => {
            let span = range(coord, from, to)?;
            // Every step-th of the range.
            let within = Span::slice(None, None, *step, span.len)?;
            let list = (0..within.len).map(|i| within.start as isize + i as isize * within.step);
            Ok(match step {
                1 => slice_of(span),
                _ if *step > 0 => Indexer::Slice(
                    Some(span.start as isize),
                    Some((span.start + span.len) as isize),
                    *step,
                ),
                _ => Indexer::List(list.map(|i| span.start as isize + i).collect()),
            })
        }
        Labels::List(list) => {
            let wanted = Keys::of(coord).of_labels(dim, list)?;
            let text = |place: usize| list[place].to_string();
            many("sel", coord, &wanted, lookup, text).map(Indexer::List)
        }
        Labels::Points(at, coords) => {
            let wanted = Keys::of(at);
            let positions = many("sel", coord, &wanted, lookup, |place| at.exact_text(place))?;
            Ok(match at.dims.is_empty() {
                true => Indexer::At(positions[0]),
                false => Indexer::Points(Points {
                    dims: at.dims.clone(),
                    shape: at.shape().to_vec(),
                    positions,
                    coords: coords.clone(),
                }),
            })
        }
    }
}

fn all_positions(
    operation: &str,
    coords: &[Coord],
    labels: &[(&str, Labels)],
    lookup: &Lookup,
) -> Result<Vec<(String, Indexer)>> {
    labels
        .iter()
        .map(|(dim, labels)| {
            let coord = index_of(operation, coords, dim)?;
            Ok(((*dim).to_owned(), positions(coord, labels, lookup)?))
        })
        .collect()
}

/// Positions of labels to leave out.
fn dropped(coords: &[Coord], labels: &[(&str, Vec<Label>)]) -> Result<Vec<(String, Vec<isize>)>> {
    labels
        .iter()
        .map(|(dim, list)| {
            let coord = index_of("drop_sel", coords, dim)?;
            let keys = Keys::of(coord);
            let wanted = keys.of_labels(dim, list)?;
            // A label that is there several times goes everywhere.
            let mut out = Vec::new();
            for (place, label) in list.iter().enumerate() {
                let before = out.len();
                out.extend(
                    (0..keys.len())
                        .filter(|at| match (&keys, &wanted) {
                            (Keys::Numbers(keys), Keys::Numbers(wanted)) => {
                                keys[*at] == wanted[place]
                            }
                            (Keys::Times(keys, _), Keys::Times(wanted, _)) => {
                                keys[*at] == wanted[place]
                            }
                            (Keys::Texts(keys), Keys::Texts(wanted)) => keys[*at] == wanted[place],
                            _ => false,
                        })
                        .map(|at| at as isize),
                );
                if out.len() == before {
                    let (text, exact) = (label.to_string(), Lookup::default());
                    return Err(not_found(
                        "drop_sel",
                        coord,
                        &keys,
                        (&wanted, place),
                        &text,
                        &exact,
                    ));
                }
            }
            Ok(((*dim).to_owned(), out))
        })
        .collect()
}

impl DataArray {
    /// The element with this label along `dim`; the dimension goes. A date that names a span of time (`"2020-08"`) takes all
    /// its elements, and the dimension stays, as in xarray.
    #[must_use]
    #[track_caller]
    pub fn sel(&self, dim: &str, label: impl Into<Label>) -> Self {
        self.sel_labels(&[(dim, Labels::One(label.into()))], &Lookup::default())
    }

    /// The element whose label is nearest along `dim`; the dimension goes. Of two equally near labels the
    /// larger, as in pandas.
    #[must_use]
    #[track_caller]
    pub fn sel_nearest(&self, dim: &str, label: impl Into<Label>) -> Self {
        self.sel_labels(&[(dim, Labels::One(label.into()))], &Method::Nearest.into())
    }

    /// The elements from label `from` to label `to`, both included, along a monotonic coordinate; `None` is an end.
    #[must_use]
    #[track_caller]
    pub fn sel_range(&self, dim: &str, from: Option<Label>, to: Option<Label>) -> Self {
        self.sel_labels(&[(dim, Labels::Range(from, to, 1))], &Lookup::default())
    }

    /// Elements by label along several dimensions: one label, a range, a list, or points (arrays of labels along dimensions of
    /// their own, which are taken together, point by point). xarray's `sel(indexers, method, tolerance)`.
    #[must_use]
    #[track_caller]
    pub fn sel_labels(&self, labels: &[(&str, Labels)], lookup: &Lookup) -> Self {
        if self.check().is_err() {
            return self.clone();
        }
        for (dim, _) in labels {
            if let Err(error) = self.axis("sel", dim) {
                return self.clone().fail(error);
            }
        }
        match all_positions("sel", &self.coords, labels, lookup) {
            Ok(indexers) => self.isel_owned("sel", indexers),
            Err(error) => self.clone().fail(error),
        }
    }

    /// Without the elements that have these labels.
    #[must_use]
    #[track_caller]
    pub fn drop_sel(&self, labels: &[(&str, Vec<Label>)]) -> Self {
        match dropped(&self.coords, labels) {
            Ok(out) => self.drop_isel(out.iter().map(|(d, o)| (d.as_str(), o.clone()))),
            Err(error) => self.clone().fail(error),
        }
    }
}

impl Dataset {
    /// The element with this label, on every variable that has the dimension.
    #[must_use]
    #[track_caller]
    pub fn sel(&self, dim: &str, label: impl Into<Label>) -> Dataset {
        self.sel_labels(&[(dim, Labels::One(label.into()))], &Lookup::default())
    }

    /// The element whose label is nearest, on every variable that has the dimension.
    #[must_use]
    #[track_caller]
    pub fn sel_nearest(&self, dim: &str, label: impl Into<Label>) -> Dataset {
        self.sel_labels(&[(dim, Labels::One(label.into()))], &Method::Nearest.into())
    }

    /// The elements from one label to another, both included, on every variable that has the dimension.
    #[must_use]
    #[track_caller]
    pub fn sel_range(&self, dim: &str, from: Option<Label>, to: Option<Label>) -> Dataset {
        self.sel_labels(&[(dim, Labels::Range(from, to, 1))], &Lookup::default())
    }

    /// As [`DataArray::sel_labels`], on every variable that has the dimensions.
    #[must_use]
    #[track_caller]
    pub fn sel_labels(&self, labels: &[(&str, Labels)], lookup: &Lookup) -> Dataset {
        if self.check().is_err() {
            return self.clone();
        }
        let dims: Vec<&str> = labels.iter().map(|(dim, _)| *dim).collect();
        let found = self
            .check_dims("sel", &dims)
            .and_then(|()| all_positions("sel", &self.coords, labels, lookup));
        match found {
            Ok(indexers) => self.isel_owned("sel", indexers),
            Err(error) => self.fail(error),
        }
    }

    /// Without the elements that have these labels.
    #[must_use]
    #[track_caller]
    pub fn drop_sel(&self, labels: &[(&str, Vec<Label>)]) -> Dataset {
        match dropped(&self.coords, labels) {
            Ok(out) => self.drop_isel(out.iter().map(|(d, o)| (d.as_str(), o.clone()))),
            Err(error) => self.fail(error),
        }
    }
}
