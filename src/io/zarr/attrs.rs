//! Attributes in JSON, by the rules of xarray's Zarr backend.

use super::store::BARE;
use crate::dtype::{DType, Scalar};
use crate::spec::{AttrValue, Attrs};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Number, Value};

/// The attribute that names dimensions in version 2.
pub(super) const DIMS: &str = "_ARRAY_DIMENSIONS";

/// Attributes of an array of this dtype, or of a group. `_FillValue` and `missing_value` get the array's dtype; xarray
/// writes the `_FillValue` of floats as the base64 form of a little-endian float64.
pub(super) fn read(map: &Map<String, Value>, dtype: Option<DType>) -> Attrs {
    let mut attrs = Attrs::default();
    for (name, value) in map {
        if name == DIMS {
            continue;
        }
        let Some(mut read) = value_of(value) else {
            continue;
        };
        if let (Some(dtype), true) = (
            dtype,
            matches!(name.as_str(), "_FillValue" | "missing_value"),
        ) {
            if let (AttrValue::Text(text), true) = (&read, dtype.is_float())
                && let Some(number) = packed_float(text)
            {
                read = AttrValue::Numbers(vec![Scalar::F64(number)]);
            }
            if let AttrValue::Numbers(numbers) = &read {
                let cast: Vec<Scalar> = numbers.iter().filter_map(|n| n.cast(dtype).ok()).collect();
                if cast.len() == numbers.len() {
                    read = AttrValue::Numbers(cast);
                }
            }
        }
        attrs.set(name, read);
    }
    attrs
}

fn packed_float(text: &str) -> Option<f64> {
    let bytes = STANDARD.decode(text).ok()?;
    Some(f64::from_le_bytes(bytes.try_into().ok()?))
}

/// A number of JSON, or one that Python wrote bare.
fn number(value: &Value) -> Option<Scalar> {
    match value {
        Value::Number(n) => Some(match (n.as_i64(), n.as_u64()) {
            (Some(v), _) => Scalar::I64(v),
            (None, Some(v)) => Scalar::U64(v),
            (None, None) => Scalar::F64(n.as_f64()?),
        }),
        Value::Bool(v) => Some(Scalar::Bool(*v)),
        Value::String(text) => match text.strip_prefix(BARE)? {
            "NaN" => Some(Scalar::F64(f64::NAN)),
            "Infinity" => Some(Scalar::F64(f64::INFINITY)),
            _ => Some(Scalar::F64(f64::NEG_INFINITY)),
        },
        _ => None,
    }
}

fn value_of(value: &Value) -> Option<AttrValue> {
    if let Some(number) = number(value) {
        return Some(AttrValue::Numbers(vec![number]));
    }
    match value {
        Value::Null => None,
        Value::String(text) => Some(AttrValue::Text(text.clone())),
        Value::Array(list) => {
            let texts: Option<Vec<String>> = (list.iter().map(Value::as_str))
                .map(|text| Some(text?.to_owned()))
                .collect();
            let numbers: Option<Vec<Scalar>> = list.iter().map(number).collect();
            Some(match (numbers, texts) {
                (Some(numbers), _) => AttrValue::Numbers(alike(numbers)),
                (None, Some(texts)) => AttrValue::Texts(texts),
                (None, None) => AttrValue::Text(value.to_string()),
            })
        }
        other => Some(AttrValue::Text(other.to_string())),
    }
}

/// Numbers of one dtype: floats where there are several.
fn alike(numbers: Vec<Scalar>) -> Vec<Scalar> {
    let first = numbers.first().map(|n| n.dtype());
    match numbers.iter().all(|n| Some(n.dtype()) == first) {
        true => numbers,
        false => numbers.iter().map(|n| Scalar::F64(n.as_f64())).collect(),
    }
}

/// The JSON form of attributes; `_FillValue` of floats as xarray writes it in version 3, in version 2 it is left to the
/// array's description.
pub(super) fn write(attrs: &Attrs, dtype: Option<DType>, version: u8) -> Map<String, Value> {
    let mut map = Map::new();
    for (name, value) in &attrs.0 {
        if name == "_FillValue" && dtype.is_some() {
            if version == 2 {
                continue;
            }
            if let (Some(dtype), Some(fill)) = (dtype, attrs.number(name))
                && dtype.is_float()
            {
                let text = STANDARD.encode(fill.as_f64().to_le_bytes());
                map.insert(name.clone(), Value::String(text));
                continue;
            }
        }
        let value = match value {
            AttrValue::Text(text) => Value::String(text.clone()),
            AttrValue::Texts(texts) => texts.iter().map(|t| Value::String(t.clone())).collect(),
            AttrValue::Numbers(numbers) => match numbers.as_slice() {
                [one] => json_number(*one),
                several => several.iter().map(|n| json_number(*n)).collect(),
            },
        };
        map.insert(name.clone(), value);
    }
    map
}

/// A number; the ones that JSON has no form for as texts, as the specification of version 3 writes them.
pub(super) fn json_number(number: Scalar) -> Value {
    match number {
        Scalar::Bool(v) => Value::Bool(v),
        Scalar::U64(v) => Value::Number(v.into()),
        Scalar::C64(_) | Scalar::C128(_) => {
            let (re, im) = match number {
                Scalar::C64(v) => (f64::from(v.re), f64::from(v.im)),
                Scalar::C128(v) => (v.re, v.im),
                other => (other.as_f64(), 0.0),
            };
            Value::Array(vec![
                json_number(Scalar::F64(re)),
                json_number(Scalar::F64(im)),
            ])
        }
        Scalar::F32(v) if v.is_finite() => {
            // The shortest decimal that gives the same f32.
            let short = v.to_string().parse().unwrap_or(f64::from(v));
            Number::from_f64(short).map_or(Value::Null, Value::Number)
        }
        other => match other.as_i128().and_then(|v| i64::try_from(v).ok()) {
            Some(v) => Value::Number(v.into()),
            None => match other.as_f64() {
                v if v.is_nan() => Value::String("NaN".into()),
                v if v.is_infinite() && v > 0.0 => Value::String("Infinity".into()),
                v if v.is_infinite() => Value::String("-Infinity".into()),
                v => Number::from_f64(v).map_or(Value::Null, Value::Number),
            },
        },
    }
}
