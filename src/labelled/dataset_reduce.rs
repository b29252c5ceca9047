//! Reductions and group-by of all variables of a dataset, after `xarray.Dataset`.
//!
//! A variable that has none of the reduced dimensions is reduced over no axis, as NumPy does with `axis=()`: its sum, mean,
//! minimum is itself, its standard deviation 0, its count 1 where it is not missing. Among groups it is the same in each.

use super::coord::Coord;
use super::data_array::DataArray;
use super::dataset::{Dataset, each};
use super::group::{GroupBy, groups_of};
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

    /// Groups every variable by `"dim.component"` (season, month, year …) or by the 1-D coordinate `by`.
    #[must_use]
    #[track_caller]
    pub fn groupby(&self, by: &str) -> DatasetGroupBy {
        let (dataset, found) = match self.check().and_then(|()| groups_of(&self.coords, by)) {
            Ok(found) => (self.clone(), Some(found)),
            Err(error) => (self.fail(error), None),
        };
        let (dim, codes, groups) = match found {
            Some((dim, codes, groups)) => (dim, codes, Some(groups)),
            None => (String::new(), Vec::new(), None),
        };
        DatasetGroupBy {
            dataset,
            dim,
            codes: Arc::new(codes),
            groups,
        }
    }
}

// `var` is the variable of a name here; the variance is `reduce(ReductionKind::Var { ddof: 0 }, …)`.
reductions! { Dataset => Dataset;
    argmin => Argmin, "Position of the first smallest.";
    argmax => Argmax, "Position of the first largest.";
}

/// A grouped dataset, waiting for its reduction.
#[derive(Clone)]
pub struct DatasetGroupBy {
    dataset: Dataset,
    dim: String,
    codes: Arc<Vec<u32>>,
    groups: Option<Coord>,
}

impl DatasetGroupBy {
    /// Any reduction of the groups of every variable, by its record; `dims` as in [`GroupBy::reduce`]. A variable without the
    /// grouped dimension gets the groups as its first dimension.
    #[must_use]
    #[track_caller]
    pub fn reduce(&self, kind: ReductionKind, dims: &[&str], skipna: Option<bool>) -> Dataset {
        let dataset = &self.dataset;
        let Some(groups) = &self.groups else {
            return dataset.clone();
        };
        if let Err(error) = dataset.check_dims("groupby", dims) {
            return dataset.fail(error);
        }
        let variables = each!(dataset, v => match v.has(&self.dim) {
            true => {
                let grouped = GroupBy {
                    array: v.clone(),
                    dim: self.dim.clone(),
                    codes: self.codes.clone(),
                    groups: Some(groups.clone()),
                };
                grouped.reduce(kind, dims, skipna)
            }
            false => in_each_group(&over_nothing(v, kind, skipna), groups),
        });
        let mut kept = without(&dataset.coords, &[&self.dim]);
        kept.retain(|c| c.name != groups.name);
        kept.push(groups.clone());
        dataset.of(name_of(kind), variables, &[(&dataset.origin, &kept)])
    }

    /// The labels of the groups; none after a failure.
    pub fn groups(&self) -> Option<&Coord> {
        self.groups.as_ref()
    }
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
