//! `map` over groups: a function of the program on the array of each group, and its results put together again.

use super::concat::concat;
use super::coord::Coord;
use super::data_array::DataArray;
use super::group::GroupBy;
use super::grouping::NO_GROUP;
use super::indexer::Indexer;
use super::join::Join;
use crate::error::{Error, Result};

impl GroupBy {
    /// The indices of each group along the grouped dimension.
    ///
    /// # Errors
    /// When the groups are of several keys or dimensions, or the grouping failed.
    pub fn indices(&self) -> Result<Vec<Vec<usize>>> {
        self.array.check()?;
        let by = self.by.as_ref();
        let by = by.ok_or_else(|| Error::internal("groupby: no groups"))?;
        by.check_apart("the arrays")?;
        if by.dims.len() > 1 || by.keys.len() > 1 {
            let names: Vec<&str> = by.keys.iter().map(|k| k.name.as_str()).collect();
            return Err(Error::unsupported(format!(
                "groupby: the arrays of groups by several keys or dimensions ({} along {}); group by one key along one dimension",
                names.join(", "),
                by.dim_names().join(", ")
            )));
        }
        let mut indices = vec![Vec::new(); by.groups()];
        for (at, code) in by.codes.iter().enumerate().filter(|(_, c)| **c != NO_GROUP) {
            indices[*code as usize].push(at);
        }
        Ok(indices)
    }

    /// The array of each group, in the order of [`GroupBy::groups`]: what iteration gives in xarray.
    ///
    /// # Errors
    /// As [`GroupBy::indices`].
    #[track_caller]
    pub fn arrays(&self) -> Result<Vec<DataArray>> {
        let indices = self.indices()?;
        let dim = self.by.as_ref().map_or("", |by| by.dims[0].0.as_str());
        let one = |list: Vec<usize>| {
            let list = list.into_iter().map(|at| at as isize).collect();
            self.array.isel_one(dim, &Indexer::List(list))
        };
        Ok(indices.into_iter().map(one).collect())
    }

    /// What `f` makes of the array of each group, put together along the grouped dimension, in the old order where `f` keeps its
    /// length; else along a dimension of the groups. xarray's `map` (`apply`).
    ///
    /// The graph grows with the number of groups: a reduction by name is one pass over the array.
    #[must_use]
    #[track_caller]
    pub fn map(&self, mut f: impl FnMut(&DataArray) -> DataArray) -> DataArray {
        let made = self.arrays().map(|arrays| {
            arrays
                .iter()
                .filter(|a| !a.shape().contains(&0))
                .map(&mut f)
                .collect()
        });
        match made.and_then(|made: Vec<DataArray>| self.put_together(&made)) {
            Ok(result) => result,
            Err(error) => self.array.clone().fail(error),
        }
    }

    /// The results of the groups that have elements, together.
    #[track_caller]
    pub(crate) fn put_together(&self, made: &[DataArray]) -> Result<DataArray> {
        let indices = self.indices()?;
        let by = self.by.as_ref();
        let by = by.ok_or_else(|| Error::internal("groupby: no groups"))?;
        let dim = by.dims[0].0.as_str();
        let full: Vec<usize> = (0..indices.len())
            .filter(|g| !indices[*g].is_empty())
            .collect();
        if made.len() != full.len() {
            return Err(Error::internal("groupby: a group was lost"));
        }
        made.iter().try_for_each(DataArray::check)?;
        let parts: Vec<&DataArray> = made.iter().collect();
        let along = |a: &DataArray| a.dims.iter().position(|d| d == dim);
        let same = full.iter().zip(made).all(|(group, a)| {
            along(a).is_some_and(|axis| a.shape()[axis] == indices[*group].len())
        });
        if same && !made.is_empty() {
            let together = concat(&parts, dim, Join::Exact)?;
            let order: Vec<usize> = full
                .iter()
                .flat_map(|g| indices[*g].iter().copied())
                .collect();
            let mut back: Vec<isize> = (0..order.len() as isize).collect();
            back.sort_by_key(|at| order[*at as usize]);
            let result = together.isel_one(dim, &Indexer::List(back));
            let order: Vec<&str> = self.array.dims.iter().map(String::as_str).collect();
            return Ok(
                match order.len() == result.dims.len() && order.iter().all(|d| result.has(d)) {
                    true => result.transpose(&order),
                    false => result,
                },
            );
        }
        if made.iter().any(|a| along(a).is_some()) {
            return concat(&parts, dim, Join::Exact);
        }
        let labels: Vec<Option<usize>> = full.iter().map(|g| Some(*g)).collect();
        let groups: Coord = by.keys[0].take(&by.keys[0].name, &labels)?;
        concat(&parts, groups, Join::Exact)
    }
}
