//! An axis of a picture: the cells of a dimension by the values of its coordinate.

use super::ticks::{self, Tick};
use crate::error::{Error, Result};
use crate::labelled::cf::Calendar;
use crate::labelled::{Coord, DataArray, Values};
use crate::spec::Attrs;

/// What the values of an axis mean.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// Numbers.
    Numbers,
    /// Seconds since 1970-01-01.
    Times(Calendar),
    /// Names of the cells 0, 1, 2 …
    Texts(Vec<String>),
}

/// One axis.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    /// The dimension.
    pub(super) dim: String,
    pub(super) label: String,
    /// In the words of the coordinate; empty without.
    pub(super) units: String,
    /// There is a coordinate.
    pub(super) labelled: bool,
    pub(super) kind: Kind,
    /// Middles of the cells.
    pub(super) centres: Vec<f64>,
    /// Borders of the cells, one more than cells: half-way between the middles, as xarray infers them.
    pub(super) edges: Vec<f64>,
}

/// `long_name`, else `standard_name`, else the name; and the units. xarray's `label_from_attrs`.
pub(super) fn label(name: &str, attrs: &Attrs) -> String {
    let words = attrs.text("long_name").or(attrs.text("standard_name"));
    let words = words.filter(|w| !w.is_empty()).unwrap_or(name);
    match attrs.text("units").filter(|units| !units.is_empty()) {
        Some(units) => format!("{words} [{units}]"),
        None => words.to_owned(),
    }
}

/// Borders half-way between middles.
fn borders(centres: &[f64]) -> Vec<f64> {
    let half = |pair: &[f64]| 0.5 * (pair[1] - pair[0]);
    let first = centres.windows(2).next().map_or(0.5, half);
    let last = centres.windows(2).last().map_or(0.5, half);
    let mut edges = Vec::with_capacity(centres.len() + 1);
    edges.extend(centres.first().map(|c| c - first));
    edges.extend(centres.windows(2).map(|pair| pair[0] + half(pair)));
    edges.extend(centres.last().map(|c| c + last));
    edges
}

impl Axis {
    /// The axis of `dim` by the coordinate `name`, or by that of the dimension, or by positions.
    pub(super) fn of(
        operation: &str,
        array: &DataArray,
        dim: &str,
        name: Option<&str>,
    ) -> Result<Axis> {
        let len = array
            .dims()
            .iter()
            .position(|d| d == dim)
            .map_or(0, |axis| array.shape()[axis]);
        let Some(coord) = array.coord(name.unwrap_or(dim)) else {
            let centres: Vec<f64> = (0..len).map(|i| i as f64).collect();
            return Ok(Axis {
                dim: dim.to_owned(),
                label: dim.to_owned(),
                units: String::new(),
                labelled: false,
                kind: Kind::Numbers,
                edges: borders(&centres),
                centres,
            });
        };
        let (kind, centres) = Axis::values(operation, coord)?;
        Ok(Axis {
            dim: dim.to_owned(),
            label: match kind {
                // The units of times are in their texts.
                Kind::Times(_) => {
                    let mut attrs = coord.attrs.clone();
                    attrs.remove("units");
                    label(&coord.name, &attrs)
                }
                _ => label(&coord.name, &coord.attrs),
            },
            units: coord.attrs.text("units").unwrap_or_default().to_owned(),
            labelled: true,
            kind,
            edges: borders(&centres),
            centres,
        })
    }

    fn values(operation: &str, coord: &Coord) -> Result<(Kind, Vec<f64>)> {
        let missing = |at: usize| {
            Error::invalid(format!(
                "{operation}: coordinate {:?} has no value at position {at}; drop it with drop_coords, or select what is known",
                coord.name
            ))
        };
        if let Some(times) = coord.time_index() {
            let second = |(at, instant): (usize, Option<i128>)| {
                let instant = instant.ok_or_else(|| missing(at))?;
                // Whole seconds first: a double has no room for the nanoseconds of a date.
                let (whole, rest) = (
                    instant.div_euclid(1_000_000_000),
                    instant.rem_euclid(1_000_000_000),
                );
                Ok(whole as f64 + rest as f64 * 1e-9)
            };
            let values = times.instants().into_iter().enumerate().map(second);
            return Ok((
                Kind::Times(times.calendar()),
                values.collect::<Result<_>>()?,
            ));
        }
        match &coord.values {
            Values::Texts(texts, _) => Ok((
                Kind::Texts(texts.to_vec()),
                (0..texts.len()).map(|i| i as f64).collect(),
            )),
            Values::Block(block) | Values::CfTimes(block, _) => {
                let value = |at: usize| {
                    let value = block.get(at).map(crate::dtype::Scalar::as_f64);
                    value.filter(|v| v.is_finite()).ok_or_else(|| missing(at))
                };
                let values = (0..block.elements()).map(value);
                Ok((Kind::Numbers, values.collect::<Result<_>>()?))
            }
        }
    }

    /// Refuses middles that go up and down: cells would cover one another.
    pub(super) fn check_sorted(&self, operation: &str) -> Result<()> {
        let pairs = || self.centres.windows(2);
        if pairs().all(|p| p[0] <= p[1]) || pairs().all(|p| p[0] >= p[1]) {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "{operation}: the coordinate of dimension {:?} goes up and down, but cells lie side by side in its order; sort \
             the array with sortby({:?})",
            self.dim, self.dim
        )))
    }

    /// Number of cells.
    pub(super) fn len(&self) -> usize {
        self.centres.len()
    }

    /// The axis with cells of `factor` cells; the last may have fewer.
    pub(super) fn decimated(&self, factor: usize) -> Axis {
        if factor <= 1 {
            return self.clone();
        }
        let last = self.edges.len() - 1;
        let cells = self.len().div_ceil(factor);
        let edges: Vec<f64> = (0..=cells)
            .map(|i| self.edges[(i * factor).min(last)])
            .collect();
        let kind = match &self.kind {
            Kind::Texts(texts) => Kind::Texts(texts.iter().step_by(factor).cloned().collect()),
            kind => kind.clone(),
        };
        // Names lie at positions, whatever the cells hold.
        let (edges, centres) = match &kind {
            Kind::Texts(texts) => {
                let centres: Vec<f64> = (0..texts.len()).map(|i| i as f64).collect();
                (borders(&centres), centres)
            }
            _ => {
                let centres = edges.windows(2).map(|p| 0.5 * (p[0] + p[1])).collect();
                (edges, centres)
            }
        };
        Axis {
            kind,
            edges,
            centres,
            ..self.clone()
        }
    }

    /// Limits of the cells, from the smallest value.
    pub(super) fn limits(&self) -> (f64, f64) {
        let (a, b) = (
            self.edges.first().copied().unwrap_or_default(),
            self.edges.last().copied().unwrap_or_default(),
        );
        (a.min(b), a.max(b))
    }

    /// The length of all cells.
    pub(super) fn extent(&self) -> f64 {
        let (low, high) = self.limits();
        high - low
    }

    /// The cell at the middle of each of `pixels` pixels, from the smallest value on.
    pub(super) fn cells(&self, pixels: usize) -> Vec<usize> {
        let (low, high) = self.limits();
        let descending = self.edges.first() > self.edges.last();
        let last = self.len().saturating_sub(1);
        (0..pixels)
            .map(|p| {
                let at = low + (high - low) * (p as f64 + 0.5) / pixels as f64;
                let cell = match descending {
                    false => self.edges.partition_point(|e| *e <= at),
                    true => self.edges.partition_point(|e| *e > at),
                };
                cell.saturating_sub(1).min(last)
            })
            .collect()
    }

    /// Marks between `low` and `high`, at most about `most`.
    pub(super) fn ticks(&self, low: f64, high: f64, most: usize) -> Vec<Tick> {
        match &self.kind {
            Kind::Numbers if !self.labelled => {
                let whole = |t: &Tick| t.0.fract() == 0.0;
                let ticks = ticks::numbers(low, high, most);
                ticks.into_iter().filter(whole).collect()
            }
            Kind::Numbers => ticks::numbers(low, high, most),
            Kind::Times(calendar) => ticks::times(low, high, *calendar, most),
            Kind::Texts(texts) => {
                let step = texts.len().div_ceil(most.max(1)).max(1);
                let named = texts.iter().enumerate().step_by(step);
                named.map(|(i, text)| (i as f64, text.clone())).collect()
            }
        }
    }

    /// The length of one cell where all are the same (the last may be shorter).
    pub(super) fn cell(&self) -> Option<f64> {
        let mut widths = self.edges.windows(2).map(|p| (p[1] - p[0]).abs());
        let first = widths.next()?;
        let count = self.len();
        let alike = widths
            .enumerate()
            .all(|(i, w)| (w - first).abs() <= 1e-4 * first || (i + 2 == count && w < first));
        (alike && first > 0.0).then_some(first)
    }

    /// Whether both are lengths of one kind, so that a picture may keep their proportion.
    pub(super) fn like(&self, other: &Axis) -> bool {
        let (Kind::Numbers, Kind::Numbers) = (&self.kind, &other.kind) else {
            return false;
        };
        if !self.labelled && !other.labelled {
            return true;
        }
        let degrees = |axis: &Axis| axis.units.starts_with("degree");
        (!self.units.is_empty() && self.units == other.units)
            || (degrees(self) && degrees(other))
            || (self.units.is_empty()
                && other.units.is_empty()
                && [("x", "y"), ("lon", "lat"), ("longitude", "latitude")]
                    .contains(&(self.dim.as_str(), other.dim.as_str())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(centres: &[f64]) -> Axis {
        Axis {
            dim: "x".into(),
            label: "x".into(),
            units: String::new(),
            labelled: true,
            kind: Kind::Numbers,
            edges: borders(centres),
            centres: centres.to_vec(),
        }
    }

    /// `xarray.plot.utils._infer_interval_breaks`.
    #[test]
    fn borders_are_those_of_xarray() {
        assert_eq!(borders(&[0.0, 1.0, 3.0]), [-0.5, 0.5, 2.0, 4.0]);
        assert_eq!(borders(&[4.0, 2.0]), [5.0, 3.0, 1.0]);
        assert_eq!(borders(&[7.0]), [6.5, 7.5]);
    }

    #[test]
    fn pixels_meet_the_cell_under_their_middle() {
        assert_eq!(axis(&[0.0, 1.0, 2.0]).cells(6), [0, 0, 1, 1, 2, 2]);
        // From the smallest value on: the last cell of a descending axis first.
        assert_eq!(axis(&[2.0, 1.0, 0.0]).cells(3), [2, 1, 0]);
        // Cells of 1, 1.5 and 2.
        assert_eq!(axis(&[0.0, 1.0, 3.0]).cells(9), [0, 0, 1, 1, 1, 2, 2, 2, 2]);
        let seven = axis(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).decimated(3);
        assert_eq!(seven.edges, [-0.5, 2.5, 5.5, 6.5]);
        assert_eq!(seven.cell(), Some(3.0));
        assert_eq!(axis(&[0.0, 1.0, 3.0]).cell(), None);
    }
}
