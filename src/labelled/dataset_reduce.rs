//! Reductions and group-by of all variables of a dataset, after `xarray.Dataset`.
//!
//! A variable that has none of the reduced dimensions is reduced over no axis, as NumPy does with `axis=()`: its sum, mean,
//! minimum is itself, its standard deviation 0, its count 1 where it is not missing. Among groups it is the same in each.

use super::coord::Coord;
use super::data_array::DataArray;
use super::dataset::{Dataset, each};
use super::group::GroupKeys;
use super::grouping::Grouping;
use super::reductions::reductions;
use crate::array::ReduceOptions;
use crate::error::Error;
use crate::op::{Reduction, ReductionKind};
use std::sync::Arc;

impl Dataset {
    /// Any reduction over dimensions (empty: all), by its record.
    #[must_use]
    #[track_caller]
    pub fn reduce(&self, kind: ReductionKind, dims: &[&str], skipna: Option<bool>) -> Self {
        let name = name_of(kind);
        if let Err(error) = self.check_dims(name, dims) {
            return self.fail(error);
        }
        let variables = each!(self, v => {
            let own: Vec<&str> = dims.iter().copied().filter(|d| v.has(d)).collect();
            match dims.is_empty() || !own.is_empty() {
                true => v.reduce(kind, &own, skipna),
                false => over_nothing(v, kind, skipna),
            }
        });
        let kept: Vec<Coord> = match dims {
            [] => self
                .coords
                .iter()
                .filter(|c| c.dims.is_empty())
                .cloned()
                .collect(),
            dims => without(&self.coords, dims),
        };
        self.of(name, variables, &[(&self.origin, &kept)])
    }

    /// Groups every variable by a component of times (season, month, year …), a coordinate, an array of labels, or several of
    /// these; see [`DataArray::groupby`].
    #[must_use]
    #[track_caller]
    pub fn groupby(&self, by: impl Into<GroupKeys>) -> DatasetGroupBy {
        let made = self
            .check()
            .and_then(|()| by.into().of(&self.sizes(), &self.coords));
        let (dataset, by) = match made {
            Ok(by) => (self.clone(), Some(Arc::new(by))),
            Err(error) => (self.fail(error), None),
        };
        DatasetGroupBy { dataset, by }
    }
}

// `var` is the variable of a name here; the variance is `reduce(ReductionKind::Var { ddof: 0 }, …)`.
reductions! { Dataset => Dataset;
    argmin => Argmin, "Position of the first smallest.";
    argmax => Argmax, "Position of the first largest.";
}

/// A grouped dataset, waiting for its reduction, or for arithmetic beside what each group has.
#[derive(Clone)]
pub struct DatasetGroupBy {
    pub(super) dataset: Dataset,
    pub(super) by: Option<Arc<Grouping>>,
}

impl DatasetGroupBy {
    /// Any reduction of the groups of every variable, by its record; `dims` as in [`GroupBy::reduce`](super::GroupBy::reduce). A variable without a
    /// grouped dimension gets the groups as its first dimensions; one with some of them is repeated along the others.
    #[must_use]
    #[track_caller]
    pub fn reduce(&self, kind: ReductionKind, dims: &[&str], skipna: Option<bool>) -> Dataset {
        let dataset = &self.dataset;
        let Some(by) = &self.by else {
            return dataset.clone();
        };
        let checked = dataset
            .check_dims("groupby", dims)
            .and_then(|()| by.check_dims(dims));
        if let Err(error) = checked {
            return dataset.fail(error);
        }
        let variables = each!(dataset, v => {
            let mut own: Vec<&str> = dims.iter().copied().filter(|d| v.has(d)).collect();
            match by.dims.iter().any(|(dim, _)| v.has(dim)) {
                true => {
                    own.retain(|d| by.dims.iter().all(|(g, _)| g != d));
                    if !own.is_empty() {
                        own.extend(by.dim_names());
                    }
                    by.reduce(&along_all(v, by), kind, &own, skipna, true)
                }
                false => {
                    let rest = match own.is_empty() {
                        true => over_nothing(v, kind, skipna),
                        false => v.reduce(kind, &own, skipna),
                    };
                    by.keys.iter().rev().fold(rest, |v, key| in_each_group(&v, key))
                }
            }
        });
        let kept = by.coords(&dataset.coords, dims);
        dataset.of(name_of(kind), variables, &[(&dataset.origin, &kept)])
    }

    /// The labels of the groups, of several keys those of the first; none after a failure.
    pub fn groups(&self) -> Option<&Coord> {
        self.by.as_ref().and_then(|by| by.keys.first())
    }

    /// The labels of each key: the dimensions of a reduction.
    pub fn keys(&self) -> &[Coord] {
        self.by.as_ref().map_or(&[], |by| &by.keys)
    }
}

/// The array repeated along the grouped dimensions that it lacks, which come last.
#[track_caller]
fn along_all(array: &DataArray, by: &Grouping) -> DataArray {
    let lacks = by.dims.iter().filter(|(dim, _)| !array.has(dim));
    let (names, lengths): (Vec<String>, Vec<usize>) = lacks.cloned().unzip();
    if names.is_empty() {
        return array.clone();
    }
    let mut shape = array.shape();
    let axes: Vec<usize> = (0..shape.len()).collect();
    shape.extend(lengths);
    let mut result = array.with_array(array.array.broadcast_axes(&axes, &shape));
    result.dims.extend(names);
    result
}

reductions! { DatasetGroupBy => Dataset;
    var => Var { ddof: 0 }, "Variance (ddof 0).";
    first => First, "First element of each group that is not missing.";
    last => Last, "Last element of each group that is not missing.";
}

pub(super) fn name_of(kind: ReductionKind) -> &'static str {
    Reduction {
        kind,
        skipna: false,
    }
    .name()
}

pub(super) fn without(coords: &[Coord], dims: &[&str]) -> Vec<Coord> {
    let along = |c: &&Coord| c.dims.iter().any(|d| dims.contains(&d.as_str()));
    coords.iter().filter(|c| !along(c)).cloned().collect()
}

/// A reduction over no axis.
#[track_caller]
pub(super) fn over_nothing(
    array: &DataArray,
    kind: ReductionKind,
    skipna: Option<bool>,
) -> DataArray {
    use ReductionKind as R;
    match kind {
        // xarray: what is invariant keeps its dtype, too.
        R::Sum | R::Prod | R::Mean | R::Min | R::Max | R::First | R::Last => array.clone(),
        R::Argmin | R::Argmax => array.clone().fail(Error::invalid(format!(
            "{}: it has none of the reduced dimensions, so there is no position in it (its dimensions: {})",
            name_of(kind),
            array.dims.join(", ")
        ))),
        R::Var { .. } | R::Std { .. } | R::Count | R::Any | R::All | R::User(_) => {
            // Along a new axis of length 1.
            let mut shape = array.shape();
            let ndim = shape.len();
            let axes: Vec<usize> = (0..ndim).collect();
            shape.push(1);
            let options = ReduceOptions {
                skipna,
                keepdims: false,
            };
            let longer = array.array.broadcast_axes(&axes, &shape);
            let mut result = array.with_array(longer.reduce(kind, &[ndim as isize], options));
            result.without_unit_of(kind);
            result
        }
    }
}

/// The array once for each group: a new first dimension.
#[track_caller]
pub(super) fn in_each_group(array: &DataArray, groups: &Coord) -> DataArray {
    let mut shape = array.shape();
    let axes: Vec<usize> = (1..=shape.len()).collect();
    shape.insert(0, groups.len());
    let mut result = array.with_array(array.array.broadcast_axes(&axes, &shape));
    result.dims.insert(0, groups.name.clone());
    result.coords.retain(|c| c.name != groups.name);
    result.coords.push(groups.clone());
    result
}
