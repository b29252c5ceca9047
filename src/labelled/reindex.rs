//! Elements brought to other labels: taken where an index has them, missing (or filled) where it has not.

use super::align::{common_dims, label_of, spread};
use super::coord::Coord;
use super::data_array::DataArray;
use super::dataset::{Dataset, each};
use super::join::{Join, common_indexes};
use super::keys::{Keys, Lookup};
use crate::array::{Array, Operand};
use crate::block::Block;
use crate::driver::Driver;
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result};

/// The elements at `indices` along `axis`, and where there is none: `fill`, or a missing value (integers become floats).
#[track_caller]
pub(super) fn reindexed(
    array: &Array,
    axis: usize,
    indices: &[Option<usize>],
    fill: Option<Scalar>,
) -> Array {
    if array.check().is_err() {
        return array.clone();
    }
    let mut shape = array.shape();
    let unchanged =
        indices.len() == shape[axis] && indices.iter().enumerate().all(|(i, at)| *at == Some(i));
    if unchanged {
        return array.clone();
    }
    let Some(first) = indices.iter().flatten().next().copied() else {
        // Nothing of the array is left: what it would be filled with, in its dtype.
        shape[axis] = indices.len();
        if indices.is_empty() {
            return array.take(&[], Some(axis as isize));
        }
        let dtype = match fill {
            None => array.dtype().with_missing(),
            Some(_) => array.dtype(),
        };
        let value = fill
            .or(Scalar::missing(dtype))
            .unwrap_or(Scalar::zero(dtype));
        let full = Driver::of(array.session()).full(&[], value).astype(dtype);
        return full.broadcast_to(&shape);
    };
    // Holes repeat the element before them: runs stay runs, which are views.
    let mut last = first;
    let list: Vec<isize> = indices
        .iter()
        .map(|at| {
            last = at.unwrap_or(last);
            last as isize
        })
        .collect();
    let taken = array.take(&list, Some(axis as isize));
    if indices.iter().all(Option::is_some) {
        return taken;
    }
    let known: Vec<bool> = indices.iter().map(Option::is_some).collect();
    let known = match Block::from_vec(&[known.len()], known) {
        Ok(known) => Driver::of(array.session()).from_block(known),
        Err(error) => return Array::failed(array.session(), error),
    };
    let known = known.broadcast_axes(&[axis], &taken.shape());
    match fill {
        None => taken.where_(&known),
        Some(value) => taken.where_or(&known, Operand::Weak(value)),
    }
}

/// Where the labels of `target` are along a dimension of `coords`; `None` where that has no labels.
fn places(
    operation: &str,
    coords: &[Coord],
    target: &Coord,
    lookup: &Lookup,
) -> Result<Option<Vec<Option<usize>>>> {
    let Some(index) = coords
        .iter()
        .find(|c| c.is_index() && c.name == target.name)
    else {
        return Ok(None);
    };
    if index.same_values(target) {
        return Ok(Some((0..index.len()).map(Some).collect()));
    }
    let (keys, wanted) = (Keys::of(index), Keys::of(target));
    keys.find(operation, &target.name, &wanted, lookup)
        .map(Some)
}

/// The coordinates after a dimension got the labels of `target`.
fn relabelled(coords: &[Coord], target: &Coord, indices: &[Option<usize>]) -> Result<Vec<Coord>> {
    coords
        .iter()
        .map(
            |coord| match coord.is_index() && coord.name == target.name {
                true => Ok(Coord {
                    // The attributes of the index are those that it had.
                    attrs: coord.attrs.clone(),
                    ..target.clone()
                }),
                false => coord.take(&target.name, indices),
            },
        )
        .collect()
}

fn no_labels(operation: &str, target: &Coord, len: usize) -> Error {
    Error::invalid(format!(
        "{operation}: dimension {:?} of length {len} has no labels, so it cannot be brought to the {} labels of another array",
        target.name,
        target.len()
    ))
}

impl DataArray {
    /// The array with the labels of `targets` along the dimensions that it has.
    #[track_caller]
    pub(super) fn conform(&self, operation: &str, targets: &[Coord], fill: Option<Scalar>) -> Self {
        self.relabel(operation, targets, &Lookup::default(), fill)
    }

    #[track_caller]
    fn relabel(
        &self,
        operation: &str,
        targets: &[Coord],
        lookup: &Lookup,
        fill: Option<Scalar>,
    ) -> Self {
        let mut result = self.clone();
        for target in targets {
            let Some(axis) = result.dims.iter().position(|d| *d == target.name) else {
                continue;
            };
            let indices = match places(operation, &result.coords, target, lookup) {
                Ok(Some(indices)) => indices,
                Ok(None) if result.shape()[axis] == target.len() => {
                    result.coords.push(target.clone());
                    continue;
                }
                Ok(None) => {
                    let len = result.shape()[axis];
                    return result.fail(no_labels(operation, target, len));
                }
                Err(error) => return result.fail(error),
            };
            let array = reindexed(&result.array, axis, &indices, fill);
            let coords = relabelled(&result.coords, target, &indices);
            result = match coords {
                Ok(coords) => DataArray {
                    coords,
                    ..result.with_array(array)
                },
                Err(error) => return result.fail(error),
            };
        }
        result
    }

    /// The elements with the labels of `targets` along their dimensions, looked up by `lookup`; where there is none `fill`, or a
    /// missing value (integers become floats).
    #[must_use]
    #[track_caller]
    pub fn reindex(&self, targets: &[Coord], lookup: &Lookup, fill: Option<Scalar>) -> Self {
        for target in targets {
            if let Err(error) = self.axis("reindex", &target.name) {
                return self.clone().fail(error);
            }
        }
        self.relabel("reindex", targets, lookup, fill)
    }

    /// [`DataArray::reindex`] to the labels that `other` has along common dimensions.
    #[must_use]
    #[track_caller]
    pub fn reindex_like(&self, other: &DataArray, lookup: &Lookup, fill: Option<Scalar>) -> Self {
        if let Err(error) = other.check() {
            return self.clone().fail(error);
        }
        let indexes: Vec<Coord> = other
            .coords
            .iter()
            .filter(|c| c.is_index())
            .cloned()
            .collect();
        self.relabel("reindex_like", &indexes, lookup, fill)
    }

    /// The elements of this array, and where they are missing those of `other`, with the labels of both (outer join). xarray's
    /// `combine_first`.
    #[must_use]
    #[track_caller]
    pub fn combine_first(&self, other: &DataArray) -> Self {
        match super::align::align("combine_first", &[self, other], Join::Outer) {
            Ok(both) => {
                let filled = both.arrays[0].fillna(&both.arrays[1]);
                let result = both.labels.with_array(filled);
                DataArray {
                    attrs: self.attrs.clone(),
                    name: self.name.clone(),
                    ..result
                }
            }
            Err(error) => self.clone().fail(error),
        }
    }

    /// Repeated along the dimensions of `other` that it lacks, after an outer join of the labels: the dimensions of `other`,
    /// then its own.
    #[must_use]
    #[track_caller]
    pub fn broadcast_like(&self, other: &DataArray) -> Self {
        match broadcast_all("broadcast_like", &[other, self]) {
            Ok(mut both) => both.pop().unwrap_or_else(|| self.clone()),
            Err(error) => self.clone().fail(error),
        }
    }
}

/// The arrays with common labels (outer join) and all dimensions of all, in order of appearance. xarray's `broadcast`.
///
/// # Errors
/// As [`align`](super::align()).
pub fn broadcast(arrays: &[&DataArray]) -> Result<Vec<DataArray>> {
    broadcast_all("broadcast", arrays)
}

fn broadcast_all(operation: &str, arrays: &[&DataArray]) -> Result<Vec<DataArray>> {
    arrays.iter().try_for_each(|a| a.check())?;
    let owners: Vec<String> = arrays.iter().map(|a| label_of(a)).collect();
    let all: Vec<(&str, &[Coord])> = owners
        .iter()
        .zip(arrays)
        .map(|(owner, a)| (owner.as_str(), a.coords()))
        .collect();
    let targets = common_indexes(operation, &all, Join::Outer, &[])?;
    let made: Vec<DataArray> = arrays
        .iter()
        .map(|a| a.conform(operation, &targets, None))
        .collect();
    made.iter().try_for_each(DataArray::check)?;
    let sizes: Vec<(&str, &[String], Vec<usize>)> = owners
        .iter()
        .zip(&made)
        .map(|(owner, a)| (owner.as_str(), a.dims(), a.shape()))
        .collect();
    let (dims, shape) = common_dims(operation, &sizes)?;
    // The index of each dimension is that of the first array that has it, before coordinates of its name.
    let mut indexes: Vec<Coord> = Vec::new();
    for coord in made.iter().flat_map(DataArray::coords) {
        if coord.is_index() && indexes.iter().all(|c| c.name != coord.name) {
            indexes.push(coord.clone());
        }
    }
    Ok(made
        .iter()
        .map(|a| {
            let mut result = a.with_array(spread(a, &dims, &shape));
            result.dims = dims.clone();
            result
                .coords
                .retain(|c| indexes.iter().all(|i| i.name != c.name));
            result.coords.extend(indexes.iter().cloned());
            result
        })
        .collect())
}

impl Dataset {
    /// The dataset with the labels of `targets` along the dimensions that it has.
    #[track_caller]
    pub(super) fn conform(
        &self,
        operation: &str,
        targets: &[Coord],
        fill: Option<Scalar>,
    ) -> Dataset {
        self.relabel(operation, targets, &Lookup::default(), fill)
    }

    #[track_caller]
    fn relabel(
        &self,
        operation: &str,
        targets: &[Coord],
        lookup: &Lookup,
        fill: Option<Scalar>,
    ) -> Dataset {
        if self.check().is_err() || targets.is_empty() {
            return self.clone();
        }
        let mut coords = self.coords.clone();
        for target in targets {
            let made = match places(operation, &coords, target, lookup) {
                Ok(Some(indices)) => relabelled(&coords, target, &indices),
                Ok(None) => continue,
                Err(error) => return self.fail(error),
            };
            coords = match made {
                Ok(made) => made,
                Err(error) => return self.fail(error),
            };
        }
        let variables = each!(self, v => v.relabel(operation, targets, lookup, fill));
        self.of(operation, variables, &[(&self.origin, &coords)])
    }

    /// As [`DataArray::reindex`], of every variable that has the dimensions.
    #[must_use]
    #[track_caller]
    pub fn reindex(&self, targets: &[Coord], lookup: &Lookup, fill: Option<Scalar>) -> Dataset {
        let dims: Vec<&str> = targets.iter().map(|t| t.name.as_str()).collect();
        match self.check_dims("reindex", &dims) {
            Ok(()) => self.relabel("reindex", targets, lookup, fill),
            Err(error) => self.fail(error),
        }
    }

    /// [`Dataset::reindex`] to the labels of another dataset.
    #[must_use]
    #[track_caller]
    pub fn reindex_like(&self, other: &Dataset, lookup: &Lookup, fill: Option<Scalar>) -> Dataset {
        if let Err(error) = other.check() {
            return self.fail(error);
        }
        let indexes: Vec<Coord> = other
            .coords
            .iter()
            .filter(|c| c.is_index())
            .cloned()
            .collect();
        self.relabel("reindex_like", &indexes, lookup, fill)
    }

    /// The variables of this dataset, where they are missing those of `other`, and those that only `other` has, with the labels
    /// of both (outer join). xarray's `combine_first`.
    #[must_use]
    #[track_caller]
    pub fn combine_first(&self, other: &Dataset) -> Dataset {
        let both = super::join::align_datasets(&[self, other], Join::Outer, &[]);
        let both = both.map_err(|e| e.context("combine_first"));
        let (this, other) = match both.as_deref() {
            Ok([this, other]) => (this, other),
            Ok(_) => return self.clone(),
            Err(error) => return self.fail(error.clone()),
        };
        let find = |name: Option<&str>| other.variables.iter().find(|v| v.name() == name);
        let mut variables = each!(this, v => match find(v.name()) {
            Some(other) => v.fillna(other),
            None => v.clone(),
        });
        let more = |v: &&DataArray| this.variables.iter().all(|own| own.name != v.name);
        // As if they filled missing values: integers become floats.
        let filled = |v: &DataArray| match v.dtype().has_missing() {
            true => v.clone(),
            false => v.astype(DType::F64),
        };
        variables.extend(other.variables.iter().filter(more).map(filled));
        let coords = [
            (this.origin.as_str(), this.coords()),
            ("the other dataset", other.coords()),
        ];
        this.of("combine_first", variables, &coords)
    }

    /// An array without data that has the labels of all dimensions: for operations that take those of an array.
    ///
    /// # Errors
    /// The first error of the dataset's making.
    pub fn indexes(&self) -> Result<DataArray> {
        self.check()?;
        let indexes: Vec<Coord> = self
            .coords
            .iter()
            .filter(|c| c.is_index())
            .cloned()
            .collect();
        let dims: Vec<&str> = indexes.iter().map(|c| c.name.as_str()).collect();
        let shape: Vec<usize> = indexes.iter().map(Coord::len).collect();
        let empty = Driver::of(&self.session)
            .full(&[], 0i64)
            .broadcast_to(&shape);
        Ok(DataArray::new(empty, &dims, indexes.clone()))
    }

    /// As [`DataArray::broadcast_like`], of every variable.
    #[must_use]
    #[track_caller]
    pub fn broadcast_like(&self, other: &DataArray) -> Dataset {
        let variables = each!(self, v => v.broadcast_like(other));
        self.of("broadcast_like", variables, &[(&self.origin, &self.coords)])
    }
}
