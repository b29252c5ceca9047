//! Names of dimensions: from dimension scales, as netCDF writes them, or made up for plain HDF5.
//!
//! Definitions. A *scale* is a dataset with `CLASS = DIMENSION_SCALE`; its path is the dimension's name. A scale whose
//! `NAME` begins with [`NO_VARIABLE`] is no variable. A variable names its scales, one per axis, in `DIMENSION_LIST`; a
//! scale that is itself a variable lies on its own dimension, unless `_Netcdf4Coordinates` lists others by number.

use crate::error::Result;
use crate::io::hdf5::Value;
use crate::io::hdf5::dataset::Dataset;
use crate::io::hdf5::raw::UNLIMITED;
use crate::io::hdf5::reader::{AttributeList, Reader};
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

fn integers(reader: &Reader, of: &AttributeList, name: &str) -> Result<Option<Vec<i128>>> {
    Ok(match read_attr(reader, of, name)? {
        Some(Ok(AttrValue::Numbers(numbers))) => numbers.iter().map(|n| n.as_i128()).collect(),
        _ => None,
    })
}

fn text(reader: &Reader, of: &AttributeList, name: &str) -> Result<Option<String>> {
    Ok(match read_attr(reader, of, name)? {
        Some(Ok(AttrValue::Text(text))) => Some(text),
        _ => None,
    })
}

/// The scale that a dataset is, if it is one.
///
/// # Errors
/// Data when one of the attributes that say so is damaged.
pub(crate) fn scale(
    reader: &Reader,
    name: &str,
    dataset: &Dataset,
    of: &AttributeList,
) -> Result<Option<Scale>> {
    if text(reader, of, "CLASS")?.as_deref() != Some("DIMENSION_SCALE") {
        return Ok(None);
    }
    let label = text(reader, of, "NAME")?;
    let number = integers(reader, of, "_Netcdf4Dimid")?;
    let Some(dims) = &dataset.dims else {
        return Ok(None);
    };
    Ok(Some(Scale {
        // A variable of the same name that does not lie on the dimension makes netCDF hide one behind a prefix.
        name: name.to_owned(),
        address: dataset.address,
        len: dims.first().copied().unwrap_or(1) as usize,
        unlimited: dataset.limits.first() == Some(&UNLIMITED),
        is_variable: !label.is_some_and(|t| t.starts_with(NO_VARIABLE)),
        number: number.and_then(|n| n.first().copied()),
    }))
}

/// Names of the axes of a dataset, `None` where nothing names one.
///
/// # Errors
/// Data when one of the attributes that name them is damaged.
pub(crate) fn axis_names(
    reader: &Reader,
    dataset: &Dataset,
    of: &AttributeList,
    own: Option<&Scale>,
    scales: &[Scale],
) -> Result<Vec<Option<String>>> {
    let rank = dataset.dims.as_ref().map_or(0, Vec::len);
    if let Some(Value::References(lists)) = reader.value(of, "DIMENSION_LIST")?
        && lists.len() == rank
    {
        let named = |list: &Vec<u64>| {
            let address = list.first()?;
            Some(scales.iter().find(|s| s.address == *address)?.name.clone())
        };
        return Ok(lists.iter().map(named).collect());
    }
    if let Some(numbers) = integers(reader, of, "_Netcdf4Coordinates")?
        && numbers.len() == rank
    {
        let named = |n: &i128| Some(scales.iter().find(|s| s.number == Some(*n))?.name.clone());
        return Ok(numbers.iter().map(named).collect());
    }
    Ok(match own {
        Some(scale) if rank == 1 => vec![Some(scale.name.clone())],
        _ => vec![None; rank],
    })
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
