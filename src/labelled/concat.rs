//! `concat`: arrays and datasets one after another, along a dimension that they have or along a new one.
//!
//! Data become parts side by side, nothing is copied. Coordinates that differ are put together as well; those that agree stay.

use super::align::{common_dims, label_of, spread};
use super::coord::Coord;
use super::data_array::DataArray;
use super::dataset::Dataset;
use super::join::{Join, common_indexes};
use crate::array::{Array, Operand, result_type};
use crate::driver::Driver;
use crate::dtype::Scalar;
use crate::error::{Error, Result};
use std::panic::Location;

/// The dimension to put together along: its name, or a new one with its labels.
#[derive(Clone, Debug)]
pub enum Along {
    /// A dimension by name: of the arrays, or a new one.
    Dim(String),
    /// A new dimension with labels.
    Labels(Coord),
}

impl From<&str> for Along {
    fn from(dim: &str) -> Self {
        Along::Dim(dim.to_owned())
    }
}

impl From<Coord> for Along {
    fn from(labels: Coord) -> Self {
        Along::Labels(labels)
    }
}

impl Along {
    fn dim(&self) -> &str {
        match self {
            Along::Dim(dim) => dim,
            Along::Labels(labels) => &labels.name,
        }
    }
}

/// Which variables of datasets are put together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DataVars {
    /// All: those without the dimension are repeated along it (xarray's default).
    #[default]
    All,
    /// Those that have the dimension; of the others the first is taken.
    Minimal,
}

/// The array with the dimension `dim` of length 1 before its own, unless it has it.
#[track_caller]
fn with_dim(array: &DataArray, dim: &str) -> DataArray {
    match array.has(dim) {
        true => array.clone(),
        false => {
            let mut result = array.with_array(array.array.expand_dims(&[0]));
            result.dims.insert(0, dim.to_owned());
            result
        }
    }
}

/// The coordinates of parts along `dim`; `lengths` are theirs.
fn joined_coords(
    operation: &str,
    parts: &[&[Coord]],
    along: &Along,
    lengths: &[usize],
) -> Result<Vec<Coord>> {
    let dim = along.dim();
    let mut result: Vec<Coord> = Vec::new();
    for first in parts[0] {
        let mut own = Vec::with_capacity(parts.len());
        for (number, part) in parts.iter().enumerate() {
            let Some(coord) = part.iter().find(|c| c.name == first.name) else {
                return Err(Error::invalid(format!(
                    "{operation}: the coordinate {:?} is not in part {number}; give it to all parts, or drop it with drop_vars",
                    first.name
                )));
            };
            own.push(coord.clone());
        }
        let apart = own.iter().any(|c| c.dims.iter().any(|d| d == dim));
        // A scalar that becomes the index of the new dimension.
        let becomes = first.name == dim;
        if let (true, Along::Labels(_)) = (becomes, along) {
            continue;
        }
        if !apart && !becomes && own[1..].iter().all(|c| own[0].same_values(c)) {
            result.push(first.clone());
            continue;
        }
        let stretched = own
            .iter()
            .zip(lengths)
            .map(|(coord, len)| match coord.dims.iter().any(|d| d == dim) {
                true => Ok(coord.clone()),
                false => {
                    let mut to = vec![(dim.to_owned(), *len)];
                    to.extend(coord.dims.iter().cloned().zip(coord.shape().to_vec()));
                    coord.broadcast(&to)
                }
            })
            .collect::<Result<Vec<_>>>()?;
        result.push(Coord::joined(operation, &stretched, dim)?);
    }
    for (number, part) in parts.iter().enumerate().skip(1) {
        let lost = part
            .iter()
            .find(|c| parts[0].iter().all(|known| known.name != c.name));
        if let Some(lost) = lost {
            return Err(Error::invalid(format!(
                "{operation}: the coordinate {:?} of part {number} is not in part 0; give it to all parts, or drop it with drop_vars",
                lost.name
            )));
        }
    }
    if let Along::Labels(labels) = along {
        let total: usize = lengths.iter().sum();
        if labels.shape() != [total] {
            return Err(Error::invalid(format!(
                "{operation}: {:?} labels for {total} elements along {dim:?}",
                labels.shape()
            )));
        }
        result.push(labels.renamed(dim, vec![dim.to_owned()]));
    }
    Ok(result)
}

/// The parts of one variable along `dim`, which all of them have: in the order of dimensions of the first.
fn joined_data(operation: &str, parts: &[DataArray], dim: &str) -> Result<(Array, Vec<String>)> {
    let owners: Vec<String> = (0..parts.len()).map(|i| format!("part {i}")).collect();
    let sizes: Vec<(&str, &[String], Vec<usize>)> = owners
        .iter()
        .zip(parts)
        .map(|(owner, part)| {
            // The lengths along `dim` may differ.
            let shape = part.dims.iter().zip(part.shape());
            let shape = shape.map(|(d, n)| if d == dim { 0 } else { n }).collect();
            (owner.as_str(), part.dims(), shape)
        })
        .collect();
    let (dims, lengths) = common_dims(operation, &sizes)?;
    let axis = dims.iter().position(|d| d == dim).unwrap_or(0);
    let arrays: Vec<Array> = parts
        .iter()
        .map(|part| {
            let mut shape = lengths.clone();
            let own = part.dims.iter().position(|d| d == dim);
            shape[axis] = own.map_or(1, |own| part.shape()[own]);
            spread(part, &dims, &shape)
        })
        .collect();
    let operands: Vec<Operand> = arrays.iter().map(Operand::from).collect();
    result_type(&operands).map_err(|e| e.context(operation))?;
    let joined = match arrays.split_first() {
        None => return Err(Error::internal("no parts")),
        Some((only, [])) => only.clone(),
        Some((first, rest)) => first.concat(&rest.iter().collect::<Vec<_>>(), axis as isize),
    };
    joined.check()?;
    Ok((joined, dims))
}

/// Arrays one after another along a dimension that they have, or along a new one (their dimension 0). Other dimensions are joined
/// by `join` (xarray's default: outer, with missing values where an array has not a label); coordinates that differ are put
/// together, those that agree stay. Attributes are those of the first. xarray's `concat`.
///
/// # Errors
/// Invalid input when there are no arrays, a coordinate is not in all of them, or lengths and kinds of labels differ.
#[track_caller]
pub fn concat(arrays: &[&DataArray], along: impl Into<Along>, join: Join) -> Result<DataArray> {
    const NAME: &str = "concat";
    let along = along.into();
    let location = Location::caller();
    let made = || -> Result<DataArray> {
        let Some(first) = arrays.first() else {
            return Err(Error::invalid(
                "concat: no arrays; there must be at least one",
            ));
        };
        arrays.iter().try_for_each(|a| a.check())?;
        let dim = along.dim();
        let owners: Vec<String> = arrays.iter().map(|a| label_of(a)).collect();
        let all: Vec<(&str, &[Coord])> = owners
            .iter()
            .zip(arrays)
            .map(|(owner, a)| (owner.as_str(), a.coords()))
            .collect();
        let targets = common_indexes(NAME, &all, join, &[dim])?;
        let parts: Vec<DataArray> = arrays
            .iter()
            .map(|a| with_dim(&a.conform(NAME, &targets, None), dim))
            .collect();
        parts.iter().try_for_each(DataArray::check)?;
        let (array, dims) = joined_data(NAME, &parts, dim)?;
        let lengths = lengths_along(&parts, dim);
        let coords: Vec<&[Coord]> = parts.iter().map(DataArray::coords).collect();
        let coords = joined_coords(NAME, &coords, &along, &lengths)?;
        let mut result = first.with_array(array);
        result.dims = dims;
        result.coords = coords;
        Ok(result)
    };
    made().map_err(|e| e.at_call(location))
}

fn lengths_along(parts: &[DataArray], dim: &str) -> Vec<usize> {
    let len = |part: &DataArray| {
        let axis = part.dims.iter().position(|d| d == dim);
        axis.map_or(1, |axis| part.shape()[axis])
    };
    parts.iter().map(len).collect()
}

/// Datasets one after another, as [`concat`] does it with arrays: each variable with those of its name, missing values where a
/// dataset has no such variable.
///
/// # Errors
/// As [`concat`].
#[track_caller]
pub fn concat_datasets(
    datasets: &[&Dataset],
    along: impl Into<Along>,
    join: Join,
    data_vars: DataVars,
) -> Result<Dataset> {
    let along = along.into();
    let location = Location::caller();
    put_together(datasets, &along, join, data_vars).map_err(|e| e.at_call(location))
}

#[track_caller]
fn put_together(
    datasets: &[&Dataset],
    along: &Along,
    join: Join,
    data_vars: DataVars,
) -> Result<Dataset> {
    const NAME: &str = "concat";
    let Some(first) = datasets.first() else {
        return Err(Error::invalid(
            "concat: no datasets; there must be at least one",
        ));
    };
    datasets.iter().try_for_each(|d| d.check())?;
    let dim = along.dim();
    let all: Vec<(&str, &[Coord])> = datasets
        .iter()
        .map(|d| (d.origin.as_str(), d.coords()))
        .collect();
    let targets = common_indexes(NAME, &all, join, &[dim])?;
    let parts: Vec<Dataset> = datasets
        .iter()
        .map(|d| d.conform(NAME, &targets, None))
        .collect();
    parts.iter().try_for_each(Dataset::check)?;
    let known = |d: &Dataset| d.sizes().iter().any(|(name, _)| name == dim);
    let existing = parts.iter().any(known);
    let lengths: Vec<usize> = parts
        .iter()
        .map(|d| {
            d.sizes()
                .iter()
                .find(|(name, _)| name == dim)
                .map_or(1, |s| s.1)
        })
        .collect();
    let coords: Vec<&[Coord]> = parts.iter().map(Dataset::coords).collect();
    let coords = joined_coords(NAME, &coords, along, &lengths)?;
    let mut names: Vec<&str> = Vec::new();
    for variable in parts.iter().flat_map(Dataset::variables) {
        let name = variable.name().unwrap_or_default();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let mut variables = Vec::with_capacity(names.len());
    for name in names {
        let own: Vec<Option<&DataArray>> = parts
            .iter()
            .map(|d| d.variables.iter().find(|v| v.name() == Some(name)))
            .collect();
        let Some(like) = own.iter().flatten().next().copied() else {
            continue;
        };
        if data_vars == DataVars::Minimal && existing && own.iter().flatten().all(|v| !v.has(dim)) {
            variables.push(like.clone());
            continue;
        }
        let whole: Vec<DataArray> = own
            .iter()
            .zip(&parts)
            .zip(&lengths)
            .map(|((own, part), len)| match own {
                Some(own) => stretched(own, dim, *len),
                None => missing_like(like, part, dim, *len),
            })
            .collect();
        let (array, dims) = joined_data(NAME, &whole, dim)
            .map_err(|e| e.context(format!("working on variable {name:?} of datasets")))?;
        let mut result = like.with_array(array);
        result.coords = coords
            .iter()
            .filter(|c| c.dims.iter().all(|d| dims.contains(d)))
            .cloned()
            .collect();
        result.dims = dims;
        variables.push(result);
    }
    Ok(first.of(NAME, variables, &[("the parts", &coords)]))
}

/// A variable with the dimension: repeated along it where it has it not.
#[track_caller]
fn stretched(array: &DataArray, dim: &str, len: usize) -> DataArray {
    let result = with_dim(array, dim);
    match array.has(dim) || len == 1 {
        true => result,
        false => {
            let mut shape = array.shape();
            shape.insert(0, len);
            let axes: Vec<usize> = (1..shape.len()).collect();
            DataArray {
                array: array.array.broadcast_axes(&axes, &shape),
                ..result
            }
        }
    }
}

/// Missing values in the place of a variable that a dataset lacks.
#[track_caller]
fn missing_like(like: &DataArray, part: &Dataset, dim: &str, len: usize) -> DataArray {
    let like = with_dim(like, dim);
    let sizes = part.sizes();
    let shape: Vec<usize> = like
        .dims
        .iter()
        .zip(like.shape())
        .map(|(d, own)| match d == dim {
            true => len,
            false => sizes.iter().find(|(s, _)| s == d).map_or(own, |s| s.1),
        })
        .collect();
    let dtype = like.dtype().with_missing();
    let value = Scalar::missing(dtype).unwrap_or_else(|| Scalar::zero(dtype));
    let full = Driver::of(like.array.session())
        .full(&[], value)
        .astype(dtype);
    DataArray {
        array: full.broadcast_to(&shape),
        coords: Vec::new(),
        ..like
    }
}
