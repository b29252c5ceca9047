//! Attributes of a file as [`Attrs`]: in their order, without those by which netCDF and HDF5 keep house.

use crate::block::{Buffer, Native};
use crate::dtype::Element;
use crate::dtype::{Physical, Scalar};
use crate::error::Result;
use crate::io::hdf5::Value;
use crate::io::hdf5::raw::Raw;
use crate::io::hdf5::reader::{AttributeList, Reader};
use crate::spec::{AttrValue, Attrs};

/// Attributes that a user never sees.
const HIDDEN: [&str; 10] = [
    "CLASS",
    "NAME",
    "REFERENCE_LIST",
    "DIMENSION_LIST",
    "DIMENSION_LABELS",
    "_Netcdf4Dimid",
    "_Netcdf4Coordinates",
    "_NCProperties",
    "_nc3_strict",
    "_NCCOPY",
];

/// The visible attributes of an object. One of a type without a form here is left out, with a warning.
///
/// # Errors
/// Data when one is damaged, naming file, object and attribute.
pub(crate) fn read_attrs(reader: &Reader, of: &AttributeList, place: &str) -> Result<Attrs> {
    let mut attrs = Attrs::default();
    for name in of.names() {
        if HIDDEN.contains(&name.as_str()) {
            continue;
        }
        match read_attr(reader, of, &name)? {
            Some(Ok(value)) => attrs.0.push((name, value)),
            Some(Err(why)) => tracing::warn!("{place}: attribute {name} is left out: {why}"),
            None => {}
        }
    }
    Ok(attrs)
}

/// One attribute: its value, or why it has no form here; `None` when there is none of this name.
///
/// # Errors
/// Data when it is damaged.
pub(crate) fn read_attr(
    reader: &Reader,
    of: &AttributeList,
    name: &str,
) -> Result<Option<Raw<AttrValue>>> {
    Ok(match reader.value(of, name)? {
        None => None,
        Some(Value::Texts(mut texts, scalar)) => Some(Ok(match texts.len() {
            0 => AttrValue::Text(String::new()),
            1 => AttrValue::Text(texts.swap_remove(0)),
            _ if scalar => AttrValue::Text(texts.swap_remove(0)),
            _ => AttrValue::Texts(texts),
        })),
        Some(Value::Numbers(dtype, bytes)) => {
            Some(scalars(dtype.physical(), &bytes).map(AttrValue::Numbers))
        }
        Some(Value::References(_)) => Some(Err("its elements are variable-length lists".into())),
        Some(Value::Other(why)) => Some(Err(why)),
    })
}

/// Native bytes as scalars.
pub(crate) fn scalars(physical: Physical, bytes: &[u8]) -> Raw<Vec<Scalar>> {
    let buffer = Buffer::from_bytes(physical, bytes).map_err(|e| e.to_string())?;
    Ok(for_physical!(physical, T => {
        T::slice(&buffer).unwrap_or(&[]).iter().map(|v| Element::to_scalar(*v)).collect()
    }))
}

/// Scalars of one dtype as native bytes.
pub(crate) fn scalar_bytes(value: Scalar) -> Raw<Vec<u8>> {
    let physical = value.dtype().physical();
    let buffer = Buffer::filled(physical, value, 1).map_err(|e| e.to_string())?;
    Ok(buffer.as_bytes().to_vec())
}
