//! `resample`: an axis of times at another frequency, after xarray.
//!
//! Down is a group reduction: the bin of each time is its code, and the codes of sorted times are contiguous. Up is a selection:
//! each new time takes an element of the array, and interpolation takes two. No step needs more of the axis than the tiles hold.
//! Bins without a time are missing, sums and counts, too, as in xarray; integers become floats there.

use super::cf::{Bins, TimeIndex, TimeResampler, bins, timedelta};
use super::coord::Coord;
use super::data_array::DataArray;
use super::grouping::Grouping;
use super::positions::{Knots, float_of, interpolated, masked, nearest, picked};
use super::reductions::reductions;
use crate::array::Array;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::op::ReductionKind;
use std::sync::Arc;

/// The bins of a dimension: what a resampled array and a resampled dataset share.
#[derive(Debug)]
pub(super) struct Placed {
    dim: String,
    /// The times of the dimension and the labels of the bins.
    times: TimeIndex,
    labels: TimeIndex,
    codes: Arc<Vec<u32>>,
    /// True for the bins with a time; none when all have one.
    filled: Option<Vec<bool>>,
    /// True when no bin has two times.
    single: bool,
    /// The labels as a coordinate.
    coord: Coord,
}

impl Placed {
    /// The bins along `dim`, whose coordinate is among `coords`.
    pub(super) fn new(coords: &[Coord], dim: &str, by: &TimeResampler) -> Result<Self> {
        let coord = coords.iter().find(|c| c.name == dim && c.is_index());
        let coord = coord.ok_or_else(|| {
            Error::invalid(format!(
                "resample: dimension {dim:?} has no coordinate; it must be labelled by times"
            ))
        })?;
        let times = coord.time_index().ok_or_else(|| {
            Error::invalid(format!(
                "resample: the coordinate {dim:?} is {}, not times",
                coord.dtype_name()
            ))
        })?;
        let found = bins(&times, by).map_err(|e| e.context(format!("resampling along {dim:?}")))?;
        let Bins { labels, codes } = found;
        let mut counts = vec![0u32; labels.len()];
        for code in &codes {
            counts[*code as usize] += 1;
        }
        let empty = counts.contains(&0);
        let label = Coord {
            attrs: coord.attrs.clone(),
            ..Coord::of_times(dim, &labels)?
        };
        Ok(Placed {
            dim: dim.to_owned(),
            times,
            labels,
            codes: Arc::new(codes),
            filled: empty.then(|| counts.iter().map(|n| *n > 0).collect()),
            single: counts.iter().all(|n| *n <= 1),
            coord: label,
        })
    }

    /// The labels of the bins.
    pub(super) fn labels(&self) -> &Coord {
        &self.coord
    }

    /// The dimension.
    pub(super) fn dim(&self) -> &str {
        &self.dim
    }

    /// The bins as groups.
    pub(super) fn grouping(&self) -> Grouping {
        Grouping::along(&self.dim, self.codes.clone(), self.coord.clone())
    }

    /// A reduction of each bin of `array`; what is missing in a bin with fewer than `min_count` elements is told by a count in
    /// the same pass.
    #[track_caller]
    pub(super) fn reduce(
        &self,
        array: &DataArray,
        kind: ReductionKind,
        dims: &[&str],
        skipna: Option<bool>,
        min_count: Option<usize>,
    ) -> DataArray {
        use ReductionKind as R;
        let mut array = array.clone();
        // The least of no integers is missing, so they are floats from the start: rounding keeps their order.
        let picks = matches!(kind, R::Min | R::Max | R::First | R::Last);
        if picks && self.filled.is_some() {
            array.array = array.array.astype(array.dtype().with_missing());
        }
        let by = self.grouping();
        let mut result = by.reduce(&array, kind, dims, skipna, false);
        let Ok(axis) = result.axis("resample", &self.dim) else {
            return result;
        };
        if let Some(least) = min_count {
            if !matches!(kind, ReductionKind::Sum | ReductionKind::Prod) {
                return result.fail(Error::invalid(format!(
                    "resample: min_count = {least} beside another reduction than sum or prod"
                )));
            }
            let count = by.reduce(&array, ReductionKind::Count, dims, None, false);
            let enough = count.array.ge(least as i64);
            result.array = result.array.where_(&enough);
        }
        if let Some(filled) = &self.filled {
            result.array = masked(&result.array, axis, filled);
        }
        result
    }

    /// The array with the labels of the bins: at each the element at a position, missing where there is none.
    #[track_caller]
    fn pick(&self, array: &DataArray, positions: &[Option<usize>]) -> DataArray {
        self.relabelled(array, |a, axis| picked(a, axis, positions))
    }

    /// What `f` makes of the array along the axis of the bins, with their labels.
    #[track_caller]
    fn relabelled(&self, array: &DataArray, f: impl FnOnce(&Array, usize) -> Array) -> DataArray {
        let axis = match array.axis("resample", &self.dim) {
            Ok(axis) => axis,
            Err(error) => return array.clone().fail(error),
        };
        let mut result = array.with_array(f(&array.array, axis));
        result.coords = array.coords_without(&[&self.dim]);
        result.coords.push(self.coord.clone());
        result
    }

    /// The instants of the array and of the labels; the former must differ.
    fn knots(&self) -> Result<(Vec<i128>, Vec<i128>)> {
        let times = self.times.all_instants("resample")?;
        if let Some(at) = times.windows(2).position(|w| w[0] == w[1]) {
            let twice = self
                .times
                .civil(at)
                .map_or(String::new(), |t| t.to_string());
            return Err(Error::invalid(format!(
                "resample: {:?} has {twice} at the positions {at} and {}; to fill new times the old ones must differ",
                self.dim,
                at + 1
            )));
        }
        Ok((times, self.labels.all_instants("resample")?))
    }

    /// The array at the labels, each filled from the time that `fill` says.
    #[track_caller]
    pub(super) fn fill(&self, array: &DataArray, fill: Fill, tolerance: Option<&str>) -> DataArray {
        let positions = || -> Result<Vec<Option<usize>>> {
            let tolerance = match tolerance {
                None => None,
                Some(text) => {
                    let tolerance = timedelta(text).map_err(|e| {
                        let why = e.message();
                        Error::invalid(format!("resample: tolerance = {text:?}: {why}"))
                    })?;
                    if tolerance < 0 {
                        return Err(Error::invalid(format!(
                            "resample: the tolerance {text:?} is negative"
                        )));
                    }
                    Some(tolerance)
                }
            };
            let (times, labels) = self.knots()?;
            let near = |at: &usize, label: i128| {
                tolerance.is_none_or(|tolerance| (times[*at] - label).abs() <= tolerance)
            };
            let one = |label: &i128| {
                let after = times.partition_point(|t| t < label);
                let upto = times.partition_point(|t| t <= label);
                let found = match fill {
                    Fill::Forward => upto.checked_sub(1),
                    Fill::Backward => Some(after).filter(|at| *at < times.len()),
                    Fill::Nearest { later } => nearest(&times, *label, after, later),
                };
                found.filter(|at| near(at, *label))
            };
            Ok(labels.iter().map(one).collect())
        };
        match positions() {
            Ok(positions) => self.pick(array, &positions),
            Err(error) => array.clone().fail(error),
        }
    }

    /// The array at the labels, missing at those that name no bin with a time; means where a bin has several.
    #[track_caller]
    pub(super) fn asfreq(&self, array: &DataArray) -> DataArray {
        if !self.single {
            return self.reduce(array, ReductionKind::Mean, &[], None, None);
        }
        let mut positions = vec![None; self.labels.len()];
        for (at, code) in self.codes.iter().enumerate() {
            positions[*code as usize] = Some(at);
        }
        // A mean, of one element: as floats.
        let mut floats = array.clone();
        if !array.dtype().has_missing() {
            floats.array = array.array.astype(DType::F64);
        }
        self.pick(&floats, &positions)
    }

    /// The array at the labels, on the line between its neighbours; missing outside its times.
    #[track_caller]
    pub(super) fn interpolate(&self, array: &DataArray, kind: &str) -> DataArray {
        let made = || -> Result<DataArray> {
            let floats = float_of("resample: interpolate", array)?;
            match kind {
                "linear" => {
                    let (times, labels) = self.knots()?;
                    let line = |t: &[i128]| t.iter().map(|t| (t - times[0]) as f64).collect();
                    let (from, to): (Vec<f64>, Vec<f64>) = (line(&times), line(&labels));
                    Ok(self.relabelled(array, |_, axis| {
                        interpolated(&floats.array, axis, &from, &to, Knots::Before)
                    }))
                }
                // Half-way the earlier one, as in SciPy; nothing outside.
                "nearest" => {
                    let (times, labels) = self.knots()?;
                    let inside = |t: &i128| *t >= times[0] && *t <= times[times.len() - 1];
                    let one = |label: &i128| {
                        let after = times.partition_point(|t| t < label);
                        nearest(&times, *label, after, false).filter(|_| inside(label))
                    };
                    let positions: Vec<Option<usize>> = labels.iter().map(one).collect();
                    // Taken, not computed: floats stay as they are.
                    let taken = match array.dtype().is_float() {
                        true => array,
                        false => &floats,
                    };
                    Ok(self.pick(taken, &positions))
                }
                _ => Err(Error::unsupported(format!(
                    "resample: interpolate: unknown kind {kind:?}; known: linear, nearest"
                ))),
            }
        };
        made().unwrap_or_else(|error| array.clone().fail(error))
    }
}

/// How up-sampling fills a new time.
#[derive(Clone, Copy)]
pub(super) enum Fill {
    /// With the last time before it.
    Forward,
    /// With the next time after it.
    Backward,
    /// With the nearest; of two the later or the earlier.
    Nearest { later: bool },
}

/// A resampled array, waiting for its reduction, or to be filled.
#[derive(Clone, Debug)]
pub struct Resample {
    pub(super) array: DataArray,
    pub(super) placed: Option<Arc<Placed>>,
}

impl DataArray {
    /// The array at another frequency of its times along `dim`: `x.resample("time", "ME").mean(())`. More is said by a
    /// [`TimeResampler`]: `TimeResampler::new("6h").closed("right")`. xarray's `resample`.
    ///
    /// Frequencies: `YE`, `YS`, `QE`, `QS` (`-JAN` … `-DEC`), `ME`, `MS`, `SME`, `SMS`, `W` (`-MON` … `-SUN`), `D`, `h`, `min`,
    /// `s`, `ms`, `us`, `ns`, each with a count before it.
    #[must_use]
    #[track_caller]
    pub fn resample(&self, dim: &str, by: impl Into<TimeResampler>) -> Resample {
        let placed = self
            .check()
            .and_then(|()| self.axis("resample", dim))
            .and_then(|_| Placed::new(&self.coords, dim, &by.into()));
        match placed {
            Ok(placed) => Resample {
                array: self.clone(),
                placed: Some(Arc::new(placed)),
            },
            Err(error) => Resample {
                array: self.clone().fail(error),
                placed: None,
            },
        }
    }
}

/// Methods that fill new times, of a resampled array or dataset with `filled(&self, |placed, array| …)`.
macro_rules! upsampling {
    ($Type:ident => $Result:ident) => {
        impl $Type {
            /// The array at the new times: missing where it has none (means where it has several). xarray's `asfreq`.
            #[must_use]
            #[track_caller]
            pub fn asfreq(&self) -> $Result {
                self.filled(|placed, a| placed.asfreq(a), true)
            }

            /// New times take the last element before them, at most `tolerance` (`"6h"`) away; also called `pad`.
            #[must_use]
            #[track_caller]
            pub fn ffill(&self, tolerance: Option<&str>) -> $Result {
                self.filled(|placed, a| placed.fill(a, Fill::Forward, tolerance), false)
            }

            /// New times take the next element after them, at most `tolerance` away; also called `backfill`.
            #[must_use]
            #[track_caller]
            pub fn bfill(&self, tolerance: Option<&str>) -> $Result {
                self.filled(|placed, a| placed.fill(a, Fill::Backward, tolerance), false)
            }

            /// New times take the nearest element, of two equally near ones the later, at most `tolerance` away.
            #[must_use]
            #[track_caller]
            pub fn nearest(&self, tolerance: Option<&str>) -> $Result {
                let fill = Fill::Nearest { later: true };
                self.filled(|placed, a| placed.fill(a, fill, tolerance), false)
            }

            /// New times lie on the lines between the elements (`"linear"`), or take the nearest (`"nearest"`, of two the
            /// earlier); as float64, missing outside.
            #[must_use]
            #[track_caller]
            pub fn interpolate(&self, kind: &str) -> $Result {
                self.filled(|placed, a| placed.interpolate(a, kind), false)
            }
        }
    };
}

pub(super) use upsampling;

impl Resample {
    /// Any reduction of the bins, by its record; `dims` as in [`GroupBy::reduce`](super::GroupBy::reduce).
    #[must_use]
    #[track_caller]
    pub fn reduce(&self, kind: ReductionKind, dims: &[&str], skipna: Option<bool>) -> DataArray {
        self.reduce_counted(kind, dims, skipna, None)
    }

    /// As [`Resample::reduce`]; sums and products of fewer than `min_count` elements are missing.
    #[must_use]
    #[track_caller]
    pub fn reduce_counted(
        &self,
        kind: ReductionKind,
        dims: &[&str],
        skipna: Option<bool>,
        min_count: Option<usize>,
    ) -> DataArray {
        match &self.placed {
            Some(placed) => placed.reduce(&self.array, kind, dims, skipna, min_count),
            None => self.array.clone(),
        }
    }

    #[track_caller]
    fn filled(&self, f: impl Fn(&Placed, &DataArray) -> DataArray, _everywhere: bool) -> DataArray {
        match &self.placed {
            Some(placed) => f(placed, &self.array),
            None => self.array.clone(),
        }
    }

    /// The labels of the bins; none after a failure.
    pub fn groups(&self) -> Option<&Coord> {
        self.placed.as_ref().map(|placed| &placed.coord)
    }
}

upsampling! { Resample => DataArray }

reductions! { Resample => DataArray;
    var => Var { ddof: 0 }, "Variance (ddof 0).";
    first => First, "First element of each bin that is not missing.";
    last => Last, "Last element of each bin that is not missing.";
}
