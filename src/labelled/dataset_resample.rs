//! `resample` of all variables of a dataset, after xarray: reductions repeat a variable without the dimension in each bin, as
//! group-by does; filling leaves it as it is.

use super::cf::TimeResampler;
use super::coord::Coord;
use super::data_array::DataArray;
use super::dataset::{Dataset, each};
use super::dataset_reduce::{in_each_group, name_of, over_nothing, without};
use super::reductions::reductions;
use super::resample::{Fill, Placed, upsampling};
use crate::op::ReductionKind;
use std::sync::Arc;

/// A resampled dataset, waiting for its reduction, or to be filled.
#[derive(Clone)]
pub struct DatasetResample {
    pub(super) dataset: Dataset,
    dim: String,
    pub(super) placed: Option<Arc<Placed>>,
}

impl Dataset {
    /// The dataset at another frequency of its times along `dim`; see [`DataArray::resample`].
    #[must_use]
    #[track_caller]
    pub fn resample(&self, dim: &str, by: impl Into<TimeResampler>) -> DatasetResample {
        let placed = self
            .check()
            .and_then(|()| self.check_dims("resample", &[dim]))
            .and_then(|()| Placed::new(&self.coords, dim, &by.into()));
        let (dataset, placed) = match placed {
            Ok(placed) => (self.clone(), Some(Arc::new(placed))),
            Err(error) => (self.fail(error), None),
        };
        DatasetResample {
            dataset,
            dim: dim.to_owned(),
            placed,
        }
    }
}

impl DatasetResample {
    /// Any reduction of the bins of every variable, by its record; `dims` as in [`GroupBy::reduce`](super::GroupBy::reduce).
    #[must_use]
    #[track_caller]
    pub fn reduce(&self, kind: ReductionKind, dims: &[&str], skipna: Option<bool>) -> Dataset {
        self.reduce_counted(kind, dims, skipna, None)
    }

    /// As [`DatasetResample::reduce`]; sums and products of fewer than `min_count` elements are missing.
    #[must_use]
    #[track_caller]
    pub fn reduce_counted(
        &self,
        kind: ReductionKind,
        dims: &[&str],
        skipna: Option<bool>,
        min_count: Option<usize>,
    ) -> Dataset {
        if let Err(error) = self.dataset.check_dims("resample", dims) {
            return self.dataset.fail(error);
        }
        let Some(placed) = &self.placed else {
            return self.dataset.clone();
        };
        self.each(name_of(kind), placed, |v| match v.has(&self.dim) {
            true => placed.reduce(v, kind, dims, skipna, min_count),
            false => in_each_group(&over_nothing(v, kind, skipna), placed.labels()),
        })
    }

    /// The variables that `f` makes, and the labels of the bins beside the other coordinates.
    #[track_caller]
    fn each(
        &self,
        operation: &str,
        placed: &Placed,
        f: impl Fn(&DataArray) -> DataArray,
    ) -> Dataset {
        let dataset = &self.dataset;
        let variables = each!(dataset, v => f(v));
        let mut kept = without(&dataset.coords, &[&self.dim]);
        kept.push(placed.labels().clone());
        dataset.of(operation, variables, &[(&dataset.origin, &kept)])
    }

    #[track_caller]
    fn filled(&self, f: impl Fn(&Placed, &DataArray) -> DataArray, everywhere: bool) -> Dataset {
        let Some(placed) = &self.placed else {
            return self.dataset.clone();
        };
        self.each("resample", placed, |v| match v.has(&self.dim) {
            true => f(placed, v),
            false if everywhere => in_each_group(v, placed.labels()),
            false => v.clone(),
        })
    }

    /// The labels of the bins; none after a failure.
    pub fn groups(&self) -> Option<&Coord> {
        self.placed.as_ref().map(|placed| placed.labels())
    }
}

upsampling! { DatasetResample => Dataset }

reductions! { DatasetResample => Dataset;
    var => Var { ddof: 0 }, "Variance (ddof 0).";
    first => First, "First element of each bin that is not missing.";
    last => Last, "Last element of each bin that is not missing.";
}
