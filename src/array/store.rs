//! Arrays by position into a file: the sibling of `DataArray::save` and `Dataset::save` for arrays without names and coordinates.

use super::array::Array;
use crate::driver::{Save, SaveVariable};
use crate::dtype::{DType, NAT, Scalar, TimeUnit};
use crate::error::{Error, Result};
use crate::spec::{AttrValue, Attrs, Encoding, Format, OutputSpec, VariableSpec};
use std::panic::Location;
use std::path::Path;

/// How [`store`] writes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreOptions {
    /// Replace a file that is there.
    pub overwrite: bool,
    /// Chunks and compression of every variable; chunk lengths for its axes need arrays of so many axes.
    pub encoding: Encoding,
}

/// Computes arrays in shared passes and writes them as the variables of a NetCDF-4 file (of a Zarr hierarchy, where the path ends in `.zarr`), which appears when it is complete. Axes
/// become the dimensions `dim_0`, `dim_1`, …; where two arrays differ in length there, that of the later one is called after the
/// array: `b_dim_0`. dask's `store` and `to_hdf5`.
///
/// # Errors
/// Invalid input when a name is empty or there twice, or an array is complex; the first error of an array's making, of planning,
/// output errors, or the shared error of the ranks.
///
/// # Memory
/// Finished pieces are written as they come: no array is ever whole in memory.
#[track_caller]
pub fn store(
    arrays: &[(&str, &Array)],
    path: impl AsRef<Path>,
    options: &StoreOptions,
) -> Result<()> {
    let location = Location::caller();
    let save = to_save(arrays, path.as_ref(), options).map_err(|e| e.at_call(location))?;
    match arrays.first() {
        Some((_, first)) => first.session().save(vec![save]),
        None => Err(Error::invalid("store: no arrays; at least one is needed").at_call(location)),
    }
}

fn to_save(arrays: &[(&str, &Array)], path: &Path, options: &StoreOptions) -> Result<Save> {
    let format = Format::of_output(path);
    let mut spec = OutputSpec {
        path: path.to_owned(),
        format,
        overwrite: options.overwrite,
        dims: Vec::new(),
        attrs: Attrs::default(),
        variables: Vec::new(),
    };
    if let Some((_, first)) = arrays.first()
        && !first.session().history().is_empty()
    {
        spec.attrs
            .set("history", first.session().history().to_owned());
    }
    let mut variables: Vec<SaveVariable> = Vec::with_capacity(arrays.len());
    for (name, array) in arrays {
        array.check()?;
        if name.is_empty() || variables.iter().any(|v| v.spec.name == *name) {
            return Err(Error::invalid(format!(
                "store: the name {name:?} is empty or there twice; every array needs its own"
            )));
        }
        if let Some((_, first)) = arrays.first() {
            super::array::Operand::from(*array).node_beside(first)?;
        }
        let shape = array.shape();
        if let Some(chunks) = &options.encoding.chunks
            && chunks.len() != shape.len()
        {
            return Err(Error::invalid(format!(
                "store: chunks {chunks:?} for array {name:?} of shape {shape:?}; give one length per axis"
            )));
        }
        let mut dims = Vec::with_capacity(shape.len());
        for (axis, len) in shape.iter().enumerate() {
            let mut dim = format!("dim_{axis}");
            if spec.dims.iter().any(|(d, known)| *d == dim && known != len) {
                dim = format!("{name}_dim_{axis}");
            }
            if !spec.dims.iter().any(|(known, _)| *known == dim) {
                spec.dims.push((dim.clone(), *len));
            }
            dims.push(dim);
        }
        let mut attrs = Attrs::default();
        let (stored, dtype) = as_stored("store", name, array, format, &mut attrs)?;
        variables.push(SaveVariable {
            spec: VariableSpec {
                name: (*name).to_owned(),
                dims,
                dtype,
                shape,
                attrs,
                encoding: options.encoding.for_format(format),
            },
            node: stored.node()?,
        });
    }
    Ok(Save {
        spec,
        variables,
        inline: Vec::new(),
        texts: Vec::new(),
    })
}

/// An array as NetCDF has it, with the attributes that say what it was: bool and times become integers, missing numbers the
/// `_FillValue`.
pub(crate) fn as_stored(
    operation: &str,
    name: &str,
    array: &Array,
    format: Format,
    attrs: &mut Attrs,
) -> Result<(Array, DType)> {
    let missing = |attrs: &mut Attrs, value: Scalar| {
        let value = AttrValue::Numbers(vec![value]);
        attrs.0.insert(0, ("_FillValue".into(), value));
    };
    Ok(match array.dtype() {
        // NetCDF has no bool: bytes with an attribute, as xarray writes them.
        DType::Bool => {
            attrs.set("dtype", "bool");
            (array.astype(DType::I8), DType::I8)
        }
        DType::Datetime(unit) => {
            attrs.set("units", format!("{} since 1970-01-01", unit_name(unit)));
            attrs.set("calendar", "proleptic_gregorian");
            missing(attrs, Scalar::I64(NAT));
            (array.astype(DType::I64), DType::I64)
        }
        DType::Timedelta(unit) => {
            attrs.set("units", unit_name(unit));
            missing(attrs, Scalar::I64(NAT));
            (array.astype(DType::I64), DType::I64)
        }
        dtype @ (DType::C64 | DType::C128) if !format.is_zarr() => {
            return Err(Error::unsupported(format!(
                "{operation}: variable {name:?} is {dtype}, and NetCDF has no complex numbers; save its real and imaginary parts"
            )));
        }
        dtype => {
            if let (Some(value), true) = (Scalar::missing(dtype), dtype.is_float()) {
                missing(attrs, value);
            }
            (array.clone(), dtype)
        }
    })
}

/// CF's name of a unit of time.
pub(crate) fn unit_name(unit: TimeUnit) -> &'static str {
    use TimeUnit as U;
    match unit {
        U::Day => "days",
        U::Hour => "hours",
        U::Minute => "minutes",
        U::Second => "seconds",
        U::Milli => "milliseconds",
        U::Micro => "microseconds",
        U::Nano => "nanoseconds",
    }
}
