//! `resample`: an axis of times at another frequency, after xarray.
//!
//! Down is a group reduction: the bin of each time is its code, and the codes of sorted times are contiguous. Up is a selection:
//! each new time takes an element of the array, and interpolation takes two. No step needs more of the axis than the tiles hold.
//! Bins without a time are missing, sums and counts, too, as in xarray; integers become floats there.

use super::cf::{Bins, TimeIndex, TimeResampler, bins, timedelta};
use super::coord::Coord;
use super::data_array::DataArray;
use super::group::GroupBy;
use super::reductions::reductions;
use crate::array::Array;
use crate::block::{Block, Native};
use crate::driver::Driver;
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result};
use crate::op::{BinaryOp, ReductionKind};
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
        let grouped = GroupBy {
            array: array.clone(),
            dim: self.dim.clone(),
            codes: self.codes.clone(),
            groups: Some(self.coord.clone()),
        };
        let mut result = grouped.reduce(kind, dims, skipna);
        let Ok(axis) = result.axis("resample", &self.dim) else {
            return result;
        };
        if let Some(least) = min_count {
            if !matches!(kind, ReductionKind::Sum | ReductionKind::Prod) {
                return result.fail(Error::invalid(format!(
                    "resample: min_count = {least} beside another reduction than sum or prod"
                )));
            }
            let count = grouped.reduce(ReductionKind::Count, dims, None);
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
                    let tolerance =
                        timedelta(text).map_err(|e| e.context("resample: tolerance"))?;
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
                        interpolated(&floats.array, axis, &from, &to)
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
                    Ok(self.pick(&floats, &positions))
                }
                _ => Err(Error::unsupported(format!(
                    "resample: interpolate: unknown kind {kind:?}; known: linear, nearest"
                ))),
            }
        };
        made().unwrap_or_else(|error| array.clone().fail(error))
    }
}

/// The array in the floats that its interpolation has.
pub(super) fn float_of(operation: &str, array: &DataArray) -> Result<DataArray> {
    let dtype = match array.dtype() {
        time if time.is_time() => {
            return Err(Error::invalid(format!(
                "{operation}: an array of {time}; numbers are interpolated"
            )));
        }
        complex @ (DType::C64 | DType::C128) => complex,
        _ => DType::F64,
    };
    Ok(array.with_array(array.array.astype(dtype)))
}

/// The position of the time nearest to a label, of two equally near ones the later or the earlier; `after` is the first not
/// before the label.
fn nearest(times: &[i128], label: i128, after: usize, later: bool) -> Option<usize> {
    match (after.checked_sub(1), times.get(after)) {
        (Some(before), Some(next)) => {
            let (back, on) = (label - times[before], next - label);
            let take_next = if later { on <= back } else { on < back };
            Some(if take_next { after } else { before })
        }
        (before, next) => next.map(|_| after).or(before),
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

/// A small vector along one axis of an array of this shape.
fn along<T: Native>(array: &Array, axis: usize, values: Vec<T>, shape: &[usize]) -> Array {
    match Block::from_vec(&[values.len()], values) {
        Ok(block) => Driver::of(array.session())
            .from_block(block)
            .broadcast_axes(&[axis], shape),
        Err(error) => Array::failed(array.session(), error),
    }
}

/// The array, missing along `axis` where `known` is false.
#[track_caller]
fn masked(array: &Array, axis: usize, known: &[bool]) -> Array {
    let known = along(array, axis, known.to_vec(), &array.shape());
    array.where_(&known)
}

/// The elements at positions along `axis`, missing where there is none.
#[track_caller]
pub(super) fn picked(array: &Array, axis: usize, positions: &[Option<usize>]) -> Array {
    let taken = nearby(array, axis, positions);
    if positions.iter().all(Option::is_some) {
        return taken;
    }
    let known: Vec<bool> = positions.iter().map(Option::is_some).collect();
    masked(&taken, axis, &known)
}

/// The elements at positions along `axis`, any one near by where there is none.
#[track_caller]
fn nearby(array: &Array, axis: usize, positions: &[Option<usize>]) -> Array {
    // Without a position any element does; one near by makes tiles need no more of the axis.
    let mut last = positions.iter().flatten().copied().next().unwrap_or(0);
    let indices: Vec<isize> = positions
        .iter()
        .map(|at| {
            last = at.unwrap_or(last);
            last as isize
        })
        .collect();
    array.take(&indices, Some(axis as isize))
}

/// The elements at positions along `axis`, `value` where there is none.
#[track_caller]
pub(super) fn filled(
    array: &Array,
    axis: usize,
    positions: &[Option<usize>],
    value: Scalar,
) -> Array {
    let known: Vec<bool> = positions.iter().map(Option::is_some).collect();
    let taken = nearby(array, axis, positions);
    let known = along(array, axis, known, &taken.shape());
    taken.where_or(&known, value)
}

/// The array, given at increasing `from` along `axis`, on the lines between them at `to`; missing outside. The formula is that of
/// `numpy.interp`.
#[track_caller]
pub(super) fn interpolated(array: &Array, axis: usize, from: &[f64], to: &[f64]) -> Array {
    let last = from.len() - 1;
    // NaN is in no place.
    let place = |x: f64| match x >= from[0] && x <= from[last] {
        true => Some(from.partition_point(|f| *f <= x) - 1),
        false => None,
    };
    let lows: Vec<Option<usize>> = to.iter().map(|x| place(*x)).collect();
    let highs: Vec<Option<usize>> = lows
        .iter()
        .zip(to)
        .map(|(low, x)| low.map(|low| if from[low] == *x { low } else { low + 1 }))
        .collect();
    let low = picked(array, axis, &lows);
    // Every new place is one of the old: nothing to interpolate.
    if lows == highs {
        return low;
    }
    let shape = low.shape();
    let ends = lows.iter().zip(&highs).zip(to);
    // At an old place: a step of 0 of a width of 1, so that nothing is added.
    let (steps, widths): (Vec<f64>, Vec<f64>) = ends
        .clone()
        .map(|((low, high), x)| match (low, high) {
            (Some(low), Some(high)) if low != high => (x - from[*low], from[*high] - from[*low]),
            _ => (0.0, 1.0),
        })
        .unzip();
    let exact: Vec<bool> = ends.map(|((low, high), _)| low == high).collect();
    let high = picked(array, axis, &highs);
    let slope = high.binary(BinaryOp::Subtract, &(&low).into()).binary(
        BinaryOp::Divide,
        &(&along(array, axis, widths, &shape)).into(),
    );
    let line = slope
        .binary(
            BinaryOp::Multiply,
            &(&along(array, axis, steps, &shape)).into(),
        )
        .binary(BinaryOp::Add, &(&low).into());
    let exact = along(array, axis, exact, &shape);
    low.where_or(&exact, &line)
}

/// A resampled array, waiting for its reduction, or to be filled.
#[derive(Clone, Debug)]
pub struct Resample {
    array: DataArray,
    placed: Option<Arc<Placed>>,
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
    /// Any reduction of the bins, by its record; `dims` as in [`GroupBy::reduce`].
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
