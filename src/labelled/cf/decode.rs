//! What a variable's attributes say about its stored numbers: `_Unsigned`, `_FillValue`, `missing_value`, `scale_factor`,
//! `add_offset`, `units`, `dtype`. The rules of decoded dtypes are xarray's (`xarray/coding/variables.py`).
//!
//! Two differences, both on purpose: a missing value is compared in the stored dtype (xarray compares a float64 attribute
//! with float32 data and finds nothing), and an integer `scale_factor` decodes to float64 (in xarray to that integer
//! type, which has no missing value).

use super::time::TimeUnits;
use crate::dtype::{DType, Scalar, TimeUnit};
use crate::error::{Error, Result};
use crate::spec::{AttrValue, Attrs};
use serde::{Deserialize, Serialize};

/// Time attributes as they stand in the file, and parsed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeAttrs {
    /// The `units` attribute.
    pub units_text: String,
    /// The `calendar` attribute.
    pub calendar_text: Option<String>,
    /// Both, parsed.
    pub units: TimeUnits,
}

/// How stored numbers become values: reinterpret, mask, scale, shift; or reinterpret, mask, decode as times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decoding {
    /// The stored integers are read with the other sign convention (`_Unsigned`).
    pub unsigned: bool,
    /// The dtype of the stored numbers after that.
    pub raw: DType,
    /// Stored values that mean "missing", in the dtype `raw`; attributes that no stored value can equal are left out.
    pub missing: Vec<Scalar>,
    /// Factor, applied first, in the decoded dtype.
    pub scale: Option<f64>,
    /// Summand, applied after the factor, in the decoded dtype.
    pub offset: Option<f64>,
    /// The decoded dtype. Times: datetime64[ns], unless the range of the values asks for another target (see
    /// [`TimeUnits::codec_integers`]); int64 for counts in a model calendar.
    pub dtype: DType,
    /// The numbers are times.
    pub time: Option<TimeAttrs>,
    /// The stored numbers are booleans, true when not 0 (attribute `dtype = "bool"`).
    pub is_bool: bool,
}

impl Decoding {
    /// True when the stored numbers are the values.
    pub fn is_identity(&self) -> bool {
        !self.unsigned
            && self.missing.is_empty()
            && self.scale.is_none()
            && self.offset.is_none()
            && self.time.is_none()
            && !self.is_bool
            && self.dtype == self.raw
    }
}

/// The attributes of variable `name`, stored as `dtype`, as a [`Decoding`].
///
/// # Errors
/// Data errors that name the variable and quote the attribute: not a number where one is needed, times that cannot be
/// parsed.
pub fn decoding(name: &str, dtype: DType, attrs: &Attrs) -> Result<Decoding> {
    let raw = signedness(name, dtype, attrs)?;
    let scale = factor(name, attrs, "scale_factor")?;
    let offset = factor(name, attrs, "add_offset")?;
    let fills = Fills::of(name, dtype, raw, attrs)?;
    let time = time_attrs(name, raw, attrs)?;
    let is_packed = scale.is_some() || offset.is_some();
    let mut decoded = raw;
    if fills.any_value {
        decoded = match (is_packed, &time) {
            (true, _) => float_dtype(raw, scale, offset),
            (false, Some(_)) if raw.is_integer() => DType::I64,
            (false, _) => raw.with_missing(),
        };
    }
    // A fill value has chosen the float already; NaN in float data is one that needs no mask.
    if is_packed && (!fills.any_attribute || time.is_some()) {
        decoded = float_dtype(decoded, scale, offset);
    }
    if is_packed && !decoded.is_float() && !decoded.is_complex() {
        decoded = float_dtype(raw, scale, offset);
    }
    let is_bool = attrs.text("dtype") == Some("bool")
        && (raw.is_integer() || raw.is_float())
        && !is_packed
        && !fills.any_value
        && time.is_none();
    let value_dtype = match &time {
        Some(time) if time.units.is_real_calendar() => DType::Datetime(TimeUnit::Nano),
        Some(_) => DType::I64,
        None if is_bool => DType::Bool,
        None => decoded,
    };
    Ok(Decoding {
        unsigned: raw != dtype,
        raw,
        missing: fills.missing,
        scale: scale.map(Scalar::as_f64),
        offset: offset.map(Scalar::as_f64),
        dtype: value_dtype,
        time,
        is_bool,
    })
}

/// `variable x: attribute a = value: why`.
fn refused(name: &str, attribute: &str, value: &AttrValue, why: &str) -> Error {
    let shown = match value {
        AttrValue::Text(text) => format!("{text:?}"),
        AttrValue::Texts(texts) => format!("{texts:?}"),
        AttrValue::Numbers(numbers) => {
            let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
            numbers.join(", ")
        }
    };
    Error::data(format!(
        "variable {name}: attribute {attribute} = {shown}: {why}"
    ))
}

/// The dtype after `_Unsigned`; ignored for floats, as in xarray.
fn signedness(name: &str, dtype: DType, attrs: &Attrs) -> Result<DType> {
    let Some(value) = attrs.get("_Unsigned") else {
        return Ok(dtype);
    };
    let text = value
        .as_text()
        .ok_or_else(|| refused(name, "_Unsigned", value, "must be \"true\" or \"false\""))?;
    Ok(match (text, dtype) {
        ("true", DType::I8) => DType::U8,
        ("true", DType::I16) => DType::U16,
        ("true", DType::I32) => DType::U32,
        ("true", DType::I64) => DType::U64,
        ("false", DType::U8) => DType::I8,
        ("false", DType::U16) => DType::I16,
        ("false", DType::U32) => DType::I32,
        ("false", DType::U64) => DType::I64,
        _ => dtype,
    })
}

/// `scale_factor` or `add_offset`: one finite number.
fn factor(name: &str, attrs: &Attrs, attribute: &str) -> Result<Option<Scalar>> {
    let Some(value) = attrs.get(attribute) else {
        return Ok(None);
    };
    value
        .as_number()
        .filter(|number| number.dtype().is_float() || number.dtype().is_integer())
        .map(Some)
        .ok_or_else(|| refused(name, attribute, value, "must be one real number"))
}

/// xarray's `_choose_float_dtype`: a float type that holds the decoded values.
fn float_dtype(stored: DType, scale: Option<Scalar>, offset: Option<Scalar>) -> DType {
    let float = |number: Scalar| {
        if number.dtype() == DType::F32 {
            DType::F32
        } else {
            DType::F64
        }
    };
    match (scale, offset) {
        // Both of one float type: CF's own rule, but 32-bit integers do not fit float32.
        (Some(scale), Some(offset))
            if scale.dtype() == offset.dtype() && scale.dtype().is_float() =>
        {
            if stored.is_integer() && stored.size() == 4 {
                DType::F64
            } else {
                float(scale)
            }
        }
        (_, Some(_)) => DType::F64,
        (Some(scale), None) => float(scale),
        (None, None) => stored.with_missing(),
    }
}

#[derive(Default)]
struct Fills {
    missing: Vec<Scalar>,
    /// There is a value other than NaN: the decoded type needs a missing value.
    any_value: bool,
    /// There is an attribute that counts; NaN on integers does not.
    any_attribute: bool,
}

impl Fills {
    fn of(name: &str, stored: DType, raw: DType, attrs: &Attrs) -> Result<Fills> {
        let mut fills = Fills::default();
        for attribute in ["missing_value", "_FillValue"] {
            let Some(value) = attrs.get(attribute) else {
                continue;
            };
            let AttrValue::Numbers(numbers) = value else {
                return Err(refused(
                    name,
                    attribute,
                    value,
                    &format!("must be a number like the {stored} data"),
                ));
            };
            let real = numbers.iter().filter(|n| !n.as_f64().is_nan());
            let before = fills.any_value;
            for number in real.clone() {
                fills.any_value = true;
                let fill = in_dtype(*number, stored, raw);
                fills
                    .missing
                    .extend(fill.filter(|fill| !fills.missing.contains(fill)));
            }
            let any = real.count() > 0;
            fills.any_value = before || any;
            fills.any_attribute |= any || !raw.is_integer();
        }
        Ok(fills)
    }
}

/// A fill value as a value of `raw`; `None` when no stored value can equal it.
fn in_dtype(fill: Scalar, stored: DType, raw: DType) -> Option<Scalar> {
    if !raw.is_integer() {
        return fill.cast(raw).ok();
    }
    let value = match fill.as_i128() {
        Some(value) => value,
        None => {
            let float = fill.as_f64();
            (float.fract() == 0.0 && float.abs() < 2f64.powi(64)).then_some(float as i128)?
        }
    };
    let exact = |value: i128| {
        let scalar = match i64::try_from(value) {
            Ok(value) => Scalar::I64(value),
            Err(_) => Scalar::U64(u64::try_from(value).ok()?),
        };
        scalar
            .cast(raw)
            .ok()
            .filter(|cast| cast.as_i128() == Some(value))
    };
    // `_Unsigned` data often has a signed fill value: the same bits.
    let range = 1i128 << (8 * raw.size());
    let other = match (raw != stored, value < 0) {
        (true, true) => Some(value + range),
        (true, false) => Some(value - range),
        _ => None,
    };
    exact(value).or_else(|| other.and_then(exact))
}

/// The time attributes, when `units` has the word "since" and the data is numeric.
fn time_attrs(name: &str, raw: DType, attrs: &Attrs) -> Result<Option<TimeAttrs>> {
    let Some(text) = attrs
        .text("units")
        .filter(|text| text.split_whitespace().any(|w| w == "since"))
    else {
        return Ok(None);
    };
    if !raw.is_integer() && !raw.is_float() {
        return Ok(None);
    }
    let calendar = attrs.text("calendar");
    let units = TimeUnits::parse(text, calendar)
        .map_err(|e| Error::data(format!("variable {name}: {}", e.message())))?;
    Ok(Some(TimeAttrs {
        units_text: text.to_owned(),
        calendar_text: calendar.map(str::to_owned),
        units,
    }))
}
