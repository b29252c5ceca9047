//! Attributes of a file as [`Attrs`]: in their order, without those by which netCDF and HDF5 keep house.

use crate::block::{Buffer, Native};
use crate::dtype::Element;
use crate::dtype::{DType, Physical, Scalar};
use crate::io::hdf5::raw::{self, Handle, Raw, Type};
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

/// The visible attributes of an object. One that cannot be read is left out, with a warning.
pub(crate) fn read_attrs(object: &Handle, place: &str) -> Raw<Attrs> {
    let mut attrs = Attrs::default();
    for name in raw::attribute_names(object)? {
        if HIDDEN.contains(&name.as_str()) {
            continue;
        }
        match read_attr(object, &name) {
            Ok(value) => attrs.0.push((name, value)),
            Err(why) => tracing::warn!("{place}: attribute {name} is left out: {why}"),
        }
    }
    Ok(attrs)
}

/// One attribute.
pub(crate) fn read_attr(object: &Handle, name: &str) -> Raw<AttrValue> {
    let attribute = raw::attribute(object, name)?;
    let kind = attribute.shape.kind.clone();
    if matches!(kind, Type::FixedString { .. } | Type::VariableString) {
        let mut texts = raw::read_texts(&attribute)?;
        let scalar = attribute.shape.dims.as_ref().is_none_or(Vec::is_empty);
        return Ok(match texts.len() {
            0 => AttrValue::Text(String::new()),
            1 => AttrValue::Text(texts.swap_remove(0)),
            _ if scalar => AttrValue::Text(texts.swap_remove(0)),
            _ => AttrValue::Texts(texts),
        });
    }
    let (dtype, _) = number_type(&kind)?;
    let bytes = raw::read_numbers(&attribute, dtype.physical())?;
    Ok(AttrValue::Numbers(scalars(dtype.physical(), &bytes)?))
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

/// The dtype of stored numbers, and why only the library can read them when that is so; an error for other types.
pub(crate) fn number_type(kind: &Type) -> Raw<(DType, Option<String>)> {
    let integer = |signed: bool, bytes: usize| {
        Some(match (signed, bytes) {
            (true, 1) => DType::I8,
            (true, 2) => DType::I16,
            (true, 4) => DType::I32,
            (true, 8) => DType::I64,
            (false, 1) => DType::U8,
            (false, 2) => DType::U16,
            (false, 4) => DType::U32,
            (false, 8) => DType::U64,
            _ => return None,
        })
    };
    let too_wide = |what: &str, bytes: &usize| format!("{what} of {bytes} bytes are not supported");
    match kind {
        Type::Integer {
            signed,
            bytes,
            bits,
            ..
        } => {
            let dtype = integer(*signed, *bytes).ok_or_else(|| too_wide("integers", bytes))?;
            let packed =
                (*bits != 8 * bytes).then(|| format!("integers of {bits} bits in {bytes} bytes"));
            Ok((dtype, packed))
        }
        Type::Enum { boolean: true, .. } => Ok((DType::Bool, None)),
        Type::Enum { signed, bytes, .. } => Ok((
            integer(*signed, *bytes).ok_or_else(|| too_wide("enums", bytes))?,
            None,
        )),
        Type::Float {
            bytes: 4,
            ieee: true,
            ..
        } => Ok((DType::F32, None)),
        Type::Float {
            bytes: 8,
            ieee: true,
            ..
        } => Ok((DType::F64, None)),
        Type::Float { bytes, .. } => {
            let dtype = if *bytes <= 4 { DType::F32 } else { DType::F64 };
            Ok((
                dtype,
                Some(format!("floats of {bytes} bytes, read as {dtype}")),
            ))
        }
        Type::Complex {
            bytes: 8,
            ieee: true,
            ..
        } => Ok((DType::C64, None)),
        Type::Complex {
            bytes: 16,
            ieee: true,
            ..
        } => Ok((DType::C128, None)),
        Type::Complex { bytes, .. } => Err(too_wide("complex numbers", bytes)),
        Type::FixedString { .. } | Type::VariableString => Err("texts, not numbers".into()),
        Type::Other(what) => Err(format!("its elements are {what}")),
    }
}

/// True when stored elements begin with their most significant byte.
pub(crate) fn is_big_endian(kind: &Type) -> bool {
    match kind {
        Type::Integer {
            big_endian, bytes, ..
        }
        | Type::Enum {
            big_endian, bytes, ..
        } => *big_endian && *bytes > 1,
        Type::Float { big_endian, .. } | Type::Complex { big_endian, .. } => *big_endian,
        _ => false,
    }
}
