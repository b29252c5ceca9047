//! Running sums and products inside groups, in the old order: `x.groupby("time.year").cumsum()`.
//!
//! Elements are brought together by group, scanned with a fresh start at each group, and brought back; neighbours that are
//! together already (years, months of a resample) stay where they are.

use super::data_array::DataArray;
use super::dataset::{Dataset, each};
use super::dataset_reduce::DatasetGroupBy;
use super::dataset_resample::DatasetResample;
use super::group::GroupBy;
use super::grouping::{Grouping, NO_GROUP};
use super::positions::{masked, picked};
use super::resample::Resample;
use crate::error::{Error, Result};
use crate::op::ScanOp;

/// The running fold of `array` inside the groups along one dimension; elements of no group are missing.
#[track_caller]
fn scanned(array: &DataArray, by: &Grouping, op: ScanOp) -> DataArray {
    let made = || -> Result<DataArray> {
        array.check()?;
        by.check_apart(op.name(false))?;
        let [(dim, _)] = by.dims.as_slice() else {
            return Err(Error::invalid(format!(
                "groupby: {} along {} together; group along one dimension",
                op.name(false),
                by.dim_names().join(" and ")
            )));
        };
        let axis = array.axis("groupby", dim)?;
        let codes = by.codes.as_slice();
        let mut order: Vec<usize> = (0..codes.len()).collect();
        order.sort_by_key(|at| codes[*at]);
        let starts = 1..order.len();
        let breaks: Vec<usize> = starts
            .filter(|i| codes[order[*i]] != codes[order[i - 1]])
            .collect();
        let moved = order.iter().enumerate().any(|(i, at)| i != *at);
        let mut elements = array.array.clone();
        if moved {
            let together: Vec<Option<usize>> = order.iter().copied().map(Some).collect();
            elements = picked(&elements, axis, &together);
        }
        let mut result = elements.group_scan(op, axis, &breaks);
        if moved {
            let mut back = vec![None; order.len()];
            for (i, at) in order.iter().enumerate() {
                back[*at] = Some(i);
            }
            result = picked(&result, axis, &back);
        }
        if codes.contains(&NO_GROUP) {
            let known: Vec<bool> = codes.iter().map(|code| *code != NO_GROUP).collect();
            result = masked(&result, axis, &known);
        }
        Ok(array.with_array(result))
    };
    made().unwrap_or_else(|error| array.clone().fail(error))
}

/// The same of every variable that has the dimension; the others stay.
#[track_caller]
fn scanned_all(dataset: &Dataset, by: &Grouping, op: ScanOp) -> Dataset {
    let has = |v: &DataArray| by.dims.iter().any(|(dim, _)| v.has(dim));
    let variables = each!(dataset, v => match has(v) {
        true => scanned(v, by, op),
        false => v.clone(),
    });
    dataset.of("groupby", variables, &[(&dataset.origin, &dataset.coords)])
}

/// Both operations of a type whose `$scan` is `fn(&self, ScanOp) -> $Result`.
macro_rules! running {
    ($($Type:ident => $Result:ident;)*) => {$(
        impl $Type {
            /// The dimension that is grouped, when it is one.
            pub(crate) fn dim(&self) -> Option<&str> {
                self.grouped_dim()
            }

            /// Sum of the elements of the same group up to each, in the old order; missing ones are skipped. Elements of no group
            /// are missing.
            #[must_use]
            #[track_caller]
            pub fn cumsum(&self) -> $Result {
                self.running(ScanOp::Sum)
            }

            /// Product of the elements of the same group up to each, in the old order; missing ones are skipped. Elements of no
            /// group are missing.
            #[must_use]
            #[track_caller]
            pub fn cumprod(&self) -> $Result {
                self.running(ScanOp::Prod)
            }
        }
    )*};
}

running! {
    GroupBy => DataArray;
    DatasetGroupBy => Dataset;
    Resample => DataArray;
    DatasetResample => Dataset;
}

impl GroupBy {
    fn grouped_dim(&self) -> Option<&str> {
        self.by.as_ref().and_then(|by| by.one_dim())
    }

    #[track_caller]
    fn running(&self, op: ScanOp) -> DataArray {
        match &self.by {
            Some(by) => scanned(&self.array, by, op),
            None => self.array.clone(),
        }
    }
}

impl DatasetGroupBy {
    fn grouped_dim(&self) -> Option<&str> {
        self.by.as_ref().and_then(|by| by.one_dim())
    }

    #[track_caller]
    fn running(&self, op: ScanOp) -> Dataset {
        match &self.by {
            Some(by) => scanned_all(&self.dataset, by, op),
            None => self.dataset.clone(),
        }
    }
}

impl Resample {
    fn grouped_dim(&self) -> Option<&str> {
        self.placed.as_ref().map(|placed| placed.dim())
    }

    #[track_caller]
    fn running(&self, op: ScanOp) -> DataArray {
        match &self.placed {
            Some(placed) => scanned(&self.array, &placed.grouping(), op),
            None => self.array.clone(),
        }
    }
}

impl DatasetResample {
    fn grouped_dim(&self) -> Option<&str> {
        self.placed.as_ref().map(|placed| placed.dim())
    }

    #[track_caller]
    fn running(&self, op: ScanOp) -> Dataset {
        match &self.placed {
            Some(placed) => scanned_all(&self.dataset, &placed.grouping(), op),
            None => self.dataset.clone(),
        }
    }
}
