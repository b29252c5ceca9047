//! Names of dimensions: from dimension scales, as netCDF writes them, or made up for plain HDF5.
//!
//! Definitions. A *scale* is a dataset with `CLASS = DIMENSION_SCALE`; its path is the dimension's name. A scale whose
//! `NAME` begins with [`NO_VARIABLE`] is no variable. A variable names its scales, one per axis, in `DIMENSION_LIST`; a
//! scale that is itself a variable lies on its own dimension, unless `_Netcdf4Coordinates` lists others by number.

use crate::io::hdf5::raw::{self, Handle, UNLIMITED};
use crate::io::netcdf::attrs::read_attr;
use crate::spec::AttrValue;

/// The beginning of `NAME` of a dimension without a variable, as netCDF-C writes it.
pub(crate) const NO_VARIABLE: &str = "This is a netCDF dimension but not a netCDF variable";

/// One dimension scale.
#[derive(Clone, Debug)]
pub(crate) struct Scale {
    pub(crate) name: String,
    pub(crate) address: u64,
    pub(crate) len: usize,
    pub(crate) unlimited: bool,
    /// False for a dimension without a variable.
    pub(crate) is_variable: bool,
    /// `_Netcdf4Dimid`.
    pub(crate) number: Option<i128>,
}

fn integers(object: &Handle, name: &str) -> Option<Vec<i128>> {
    match read_attr(object, name).ok()? {
        AttrValue::Numbers(numbers) => numbers.iter().map(|n| n.as_i128()).collect(),
        AttrValue::Text(_) | AttrValue::Texts(_) => None,
    }
}

/// The scale that a dataset is, if it is one.
pub(crate) fn scale(name: &str, dataset: &raw::Dataset, names: &[String]) -> Option<Scale> {
    let object = dataset.handle();
    let has = |name: &str| names.iter().any(|n| n == name);
    if !has("CLASS") || read_attr(object, "CLASS").ok()?.as_text() != Some("DIMENSION_SCALE") {
        return None;
    }
    let label = if has("NAME") {
        read_attr(object, "NAME").ok()
    } else {
        None
    };
    let no_variable = label
        .as_ref()
        .and_then(AttrValue::as_text)
        .is_some_and(|t| t.starts_with(NO_VARIABLE));
    let number = if has("_Netcdf4Dimid") {
        integers(object, "_Netcdf4Dimid")
    } else {
        None
    };
    Some(Scale {
        // A variable of the same name that does not lie on the dimension makes netCDF hide one behind a prefix.
        name: name.to_owned(),
        address: raw::header_address(object).ok()?,
        len: dataset.shape.dims.as_ref()?.first().copied().unwrap_or(1) as usize,
        unlimited: dataset.shape.limits.first() == Some(&UNLIMITED),
        is_variable: !no_variable,
        number: number.and_then(|n| n.first().copied()),
    })
}

/// Names of the axes of a dataset, `None` where nothing names one.
pub(crate) fn axis_names(
    dataset: &raw::Dataset,
    names: &[String],
    own: Option<&Scale>,
    scales: &[Scale],
) -> Vec<Option<String>> {
    let rank = dataset.shape.dims.as_ref().map_or(0, Vec::len);
    let object = dataset.handle();
    let has = |name: &str| names.iter().any(|n| n == name);
    if has("DIMENSION_LIST")
        && let Ok(lists) = raw::dimension_list(object)
        && lists.len() == rank
    {
        let named = |list: &Vec<u64>| {
            let address = list.first()?;
            Some(scales.iter().find(|s| s.address == *address)?.name.clone())
        };
        return lists.iter().map(named).collect();
    }
    if has("_Netcdf4Coordinates")
        && let Some(numbers) = integers(object, "_Netcdf4Coordinates")
        && numbers.len() == rank
    {
        let named = |n: &i128| Some(scales.iter().find(|s| s.number == Some(*n))?.name.clone());
        return numbers.iter().map(named).collect();
    }
    match own {
        Some(scale) if rank == 1 => vec![Some(scale.name.clone())],
        _ => vec![None; rank],
    }
}

/// Made-up dimensions `phony_dim_0`, …: one per length, twice where one variable has a length twice.
#[derive(Default)]
pub(crate) struct Phony(pub(crate) Vec<usize>);

impl Phony {
    /// Fills the missing names of one variable.
    pub(crate) fn name_axes(&mut self, names: Vec<Option<String>>, shape: &[usize]) -> Vec<String> {
        let mut used = Vec::new();
        names
            .into_iter()
            .zip(shape)
            .map(|(name, len)| {
                name.unwrap_or_else(|| {
                    let found = (0..self.0.len()).find(|i| self.0[*i] == *len && !used.contains(i));
                    let number = found.unwrap_or_else(|| {
                        self.0.push(*len);
                        self.0.len() - 1
                    });
                    used.push(number);
                    format!("phony_dim_{number}")
                })
            })
            .collect()
    }
}
