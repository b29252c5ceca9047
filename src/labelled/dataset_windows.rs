//! `rolling`, `coarsen` and `weighted` of all variables of a dataset, after xarray: variables without a window stay as they are.

use super::coarsen::{CoordFunc, Plan, Side, coarsening};
use super::data_array::{DataArray, Dims};
use super::dataset::{Dataset, each};
use super::dataset_reduce::name_of;
use super::indexer::Indexer;
use super::rolling::{Windows, folds};
use super::weighted::{WeightedKind, reduced, valid, weighted};
use crate::array::CoarsenBoundary;
use crate::dtype::Scalar;
use crate::error::{Error, Result};
use crate::op::ReductionKind;

/// Windows that slide along dimensions of a dataset, waiting for their reduction.
#[derive(Clone)]
pub struct DatasetRolling {
    dataset: Dataset,
    windows: Windows,
}

/// Windows side by side along dimensions of a dataset, waiting for their reduction.
#[derive(Clone)]
pub struct DatasetCoarsen {
    dataset: Dataset,
    plan: Plan,
}

/// A dataset with weights, waiting for its reduction.
#[derive(Clone)]
pub struct DatasetWeighted {
    dataset: Dataset,
    weights: DataArray,
}

impl Dataset {
    /// Windows of so many elements along dimensions, of every variable that has one of them; see [`DataArray::rolling`].
    #[must_use]
    #[track_caller]
    pub fn rolling(&self, windows: &[(&str, usize)]) -> DatasetRolling {
        let dims: Vec<&str> = windows.iter().map(|(dim, _)| *dim).collect();
        let dataset = match self.check_dims("rolling", &dims) {
            Ok(()) => self.clone(),
            Err(error) => self.fail(error),
        };
        DatasetRolling {
            dataset,
            windows: Windows::new(windows),
        }
    }

    /// Windows of so many elements side by side along dimensions; see [`DataArray::coarsen`].
    #[must_use]
    pub fn coarsen(&self, windows: &[(&str, usize)]) -> DatasetCoarsen {
        DatasetCoarsen {
            dataset: self.clone(),
            plan: Plan::new(windows),
        }
    }

    /// The variables with weights, which broadcast by name; see [`DataArray::weighted`].
    #[must_use]
    #[track_caller]
    pub fn weighted(&self, weights: &DataArray) -> DatasetWeighted {
        let dataset = match self.check().and_then(|()| valid(weights)) {
            Ok(()) => self.clone(),
            Err(error) => self.fail(error),
        };
        DatasetWeighted {
            dataset,
            weights: weights.clone(),
        }
    }
}

impl DatasetRolling {
    /// The result is missing where a window has fewer elements that are not; all of them when not given.
    #[must_use]
    pub fn min_periods(mut self, least: usize) -> Self {
        self.windows.min_periods = Some(least);
        self
    }

    /// Windows lie around their element instead of before it.
    #[must_use]
    pub fn center(mut self, center: bool) -> Self {
        self.windows.center(center);
        self
    }

    /// As [`DatasetRolling::center`], along one dimension.
    #[must_use]
    #[track_caller]
    pub fn center_along(mut self, dim: &str, center: bool) -> Self {
        if let Err(error) = self.windows.center_along(dim, center) {
            self.dataset = self.dataset.fail(error);
        }
        self
    }

    /// Dimensions with windows.
    pub fn dims(&self) -> Vec<String> {
        self.windows.dims()
    }

    /// `Ok` when the windows fit the variables.
    ///
    /// # Errors
    /// The first error of the dataset's making, or of the windows.
    pub fn check(&self) -> Result<()> {
        self.dataset.check()?;
        for variable in &self.dataset.variables {
            let own = self.windows.of(variable);
            if !own.along.is_empty() {
                own.check(variable)?;
            }
        }
        Ok(())
    }

    /// What `change` makes of every variable with windows, beside the coordinates of `labels`.
    #[track_caller]
    fn each(
        &self,
        labels: &Dataset,
        change: impl Fn(&Windows, &DataArray) -> DataArray,
    ) -> Dataset {
        let dataset = &self.dataset;
        let variables = each!(dataset, v => {
            let own = self.windows.of(v);
            match own.along.is_empty() {
                true => v.clone(),
                false => change(&own, v),
            }
        });
        dataset.of("rolling", variables, &[(&dataset.origin, &labels.coords)])
    }

    /// Any reduction of each window, by its record.
    #[must_use]
    #[track_caller]
    pub fn reduce(&self, kind: ReductionKind) -> Dataset {
        self.each(&self.dataset, |windows, v| windows.reduce(v, kind))
    }

    /// The windows as new last dimensions; see [`Rolling::construct`](super::Rolling::construct).
    #[must_use]
    #[track_caller]
    pub fn construct(
        &self,
        names: &[(&str, &str)],
        stride: usize,
        fill: Option<Scalar>,
    ) -> Dataset {
        let step = Indexer::Slice(None, None, stride.max(1) as isize);
        let along = self.windows.dims().into_iter();
        let steps = along.map(|dim| (dim, step.clone())).collect();
        let labels = self.dataset.isel_owned("rolling", steps);
        self.each(&labels, |windows, v| {
            windows.construct(v, names, stride, fill)
        })
    }
}

folds! { DatasetRolling => Dataset;
    sum => Sum, "Sum of each window.";
    prod => Prod, "Product of each window.";
    mean => Mean, "Arithmetic mean of each window.";
    min => Min, "Smallest of each window.";
    max => Max, "Largest of each window.";
    std => Std { ddof: 0 }, "Standard deviation of each window (ddof 0).";
    var => Var { ddof: 0 }, "Variance of each window (ddof 0).";
    count => Count, "Number of elements of each window that are not missing.";
    argmin => Argmin, "Position of the first smallest in each window.";
    argmax => Argmax, "Position of the first largest in each window.";
}

impl DatasetCoarsen {
    fn refused(mut self, error: Error) -> Self {
        self.dataset = self.dataset.fail(error);
        self
    }

    /// `Ok` when the windows fit the dataset.
    ///
    /// # Errors
    /// The first error of the dataset's making, or of the windows.
    pub fn check(&self) -> Result<()> {
        self.dataset.check()?;
        self.plan.check(&self.dataset.sizes())
    }

    /// Any reduction of each window, by its record.
    #[must_use]
    #[track_caller]
    pub fn reduce(&self, kind: ReductionKind) -> Dataset {
        self.reduce_skipping(kind, None)
    }

    /// As [`DatasetCoarsen::reduce`]; `skipna` as in [`DataArray::reduce`].
    #[must_use]
    #[track_caller]
    pub fn reduce_skipping(&self, kind: ReductionKind, skipna: Option<bool>) -> Dataset {
        let dataset = &self.dataset;
        let coords = match self
            .check()
            .and_then(|()| self.plan.coords(&dataset.coords))
        {
            Ok(coords) => coords,
            Err(error) => return dataset.fail(error),
        };
        let variables = each!(dataset, v => {
            let own = |c: &&super::Coord| v.coords.iter().any(|k| k.name == c.name);
            let own: Vec<_> = coords.iter().filter(own).cloned().collect();
            match self.plan.windows.iter().any(|(dim, ..)| v.has(dim)) {
                true => self.plan.reduce(v, kind, skipna, &own),
                false => v.clone(),
            }
        });
        dataset.of(name_of(kind), variables, &[(&dataset.origin, &coords)])
    }
}

coarsening! { DatasetCoarsen }

folds! { DatasetCoarsen => Dataset;
    sum => Sum, "Sum of each window.";
    prod => Prod, "Product of each window.";
    mean => Mean, "Arithmetic mean of each window.";
    min => Min, "Smallest of each window.";
    max => Max, "Largest of each window.";
    std => Std { ddof: 0 }, "Standard deviation of each window (ddof 0).";
    var => Var { ddof: 0 }, "Variance of each window (ddof 0).";
    count => Count, "Number of elements of each window that are not missing.";
    any => Any, "True when any element of the window is not zero.";
    all => All, "True when no element of the window is zero.";
}

impl DatasetWeighted {
    /// `Ok` when dataset and weights are valid.
    ///
    /// # Errors
    /// The first error of their making.
    pub fn check(&self) -> Result<()> {
        self.dataset.check()
    }

    /// Any weighted reduction of every variable over its dimensions and those of the weights (empty: all).
    #[must_use]
    #[track_caller]
    pub fn reduce(&self, kind: WeightedKind, dims: &[&str], skipna: Option<bool>) -> Dataset {
        let dataset = &self.dataset;
        let weights = &self.weights;
        let of_weights = |dim: &&str| !weights.has(dim);
        let others: Vec<&str> = dims.iter().copied().filter(of_weights).collect();
        if let Err(error) = dataset.check_dims("weighted", &others) {
            return dataset.fail(error);
        }
        let variables = each!(dataset, v => {
            let own = |dim: &&str| v.has(dim) || weights.has(dim);
            let own: Vec<&str> = dims.iter().copied().filter(own).collect();
            match dims.is_empty() || !own.is_empty() {
                true => reduced(v, weights, kind, &own, skipna),
                false => v.clone(),
            }
        });
        dataset.of("weighted", variables, &[])
    }
}

weighted! { DatasetWeighted => Dataset }
