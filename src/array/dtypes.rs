//! Questions about dtypes, as NumPy and the standard answer them.

use super::array::Operand;
use super::compose::common_dtype;
use crate::dtype::{DType, Kind, promote};
use crate::error::{Error, Result};

/// Limits of a float, or of the parts of a complex number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FloatInfo {
    /// Bits of a number (of a part of a complex one).
    pub bits: u32,
    /// Distance from 1 to the next larger number.
    pub eps: f64,
    /// Largest number.
    pub max: f64,
    /// Smallest number: −max.
    pub min: f64,
    /// Smallest positive number of full precision.
    pub smallest_normal: f64,
    /// The dtype of a part.
    pub dtype: DType,
}

/// Limits of an integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntInfo {
    /// Bits of a number.
    pub bits: u32,
    /// Largest number.
    pub max: i128,
    /// Smallest number.
    pub min: i128,
    /// The dtype.
    pub dtype: DType,
}

/// Limits of a float dtype; of a complex one those of its parts. NumPy's `finfo`.
///
/// # Errors
/// Invalid input for other dtypes.
pub fn finfo(dtype: DType) -> Result<FloatInfo> {
    match dtype {
        DType::F32 | DType::C64 => Ok(FloatInfo {
            bits: 32,
            eps: f32::EPSILON.into(),
            max: f32::MAX.into(),
            min: f32::MIN.into(),
            smallest_normal: f32::MIN_POSITIVE.into(),
            dtype: DType::F32,
        }),
        DType::F64 | DType::C128 => Ok(FloatInfo {
            bits: 64,
            eps: f64::EPSILON,
            max: f64::MAX,
            min: f64::MIN,
            smallest_normal: f64::MIN_POSITIVE,
            dtype: DType::F64,
        }),
        _ => Err(Error::invalid(format!(
            "finfo: {dtype} is no float; allowed are floats and complex numbers"
        ))),
    }
}

/// Limits of an integer dtype. NumPy's `iinfo`.
///
/// # Errors
/// Invalid input for other dtypes.
pub fn iinfo(dtype: DType) -> Result<IntInfo> {
    if !dtype.is_integer() {
        return Err(Error::invalid(format!(
            "iinfo: {dtype} is no integer; allowed are int8 … int64 and uint8 … uint64"
        )));
    }
    let bits = 8 * dtype.size() as u32;
    let (min, max) = match dtype.kind() {
        Kind::Unsigned => (0, (1i128 << bits) - 1),
        _ => (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1),
    };
    Ok(IntInfo {
        bits,
        max,
        min,
        dtype,
    })
}

/// True when `dtype` is of a kind: `"bool"`, `"signed integer"`, `"unsigned integer"`, `"integral"`, `"real floating"`,
/// `"complex floating"`, `"numeric"`, or the name of a dtype. The standard's `isdtype`.
///
/// # Errors
/// Invalid input for other kinds.
pub fn isdtype(dtype: DType, kind: &str) -> Result<bool> {
    let own = dtype.kind();
    Ok(match kind {
        "bool" => own == Kind::Bool,
        "signed integer" => own == Kind::Signed,
        "unsigned integer" => own == Kind::Unsigned,
        "integral" => matches!(own, Kind::Signed | Kind::Unsigned),
        "real floating" => own == Kind::Float,
        "complex floating" => own == Kind::Complex,
        "numeric" => !matches!(own, Kind::Bool | Kind::Time),
        other => match other.parse::<DType>() {
            Ok(named) => named == dtype,
            Err(_) => {
                return Err(Error::invalid(format!(
                    "isdtype: unknown kind {other:?}; known are \"bool\", \"signed integer\", \"unsigned integer\", \"integral\", \
                     \"real floating\", \"complex floating\", \"numeric\" and the names of dtypes"
                )));
            }
        },
    })
}

/// True when elements of `from` may be cast to `to` under the rule `casting`: `"no"`, `"equiv"`, `"safe"` (every value stays what
/// it is, or is a float next to it where NumPy says so), `"same_kind"` or `"unsafe"`. NumPy's `can_cast`; the standard's is
/// `"safe"`.
///
/// # Errors
/// Invalid input for other rules.
pub fn can_cast(from: DType, to: DType, casting: &str) -> Result<bool> {
    // A time difference and a point in time have a common dtype, since they can be added; neither is the other.
    let point = matches!((from, to), (DType::Timedelta(_), DType::Datetime(_)));
    let safe = || !point && promote(from, to).is_ok_and(|common| common == to);
    let order = |dtype: DType| match dtype.kind() {
        Kind::Bool => 0,
        Kind::Unsigned => 1,
        Kind::Signed => 2,
        Kind::Float => 3,
        Kind::Complex => 4,
        Kind::Time => 5,
    };
    let same_kind = || match (from, to) {
        (DType::Datetime(_), DType::Datetime(_)) | (DType::Timedelta(_), DType::Timedelta(_)) => {
            true
        }
        (_, DType::Timedelta(_)) => order(from) <= 2,
        _ if from.is_time() || to.is_time() => false,
        _ => order(from) <= order(to),
    };
    match casting {
        "no" | "equiv" => Ok(from == to),
        "safe" => Ok(safe()),
        "same_kind" => Ok(safe() || same_kind()),
        "unsafe" => Ok(true),
        other => Err(Error::invalid(format!(
            "can_cast: casting {other:?} is not allowed; allowed are \"no\", \"equiv\", \"safe\", \"same_kind\" and \"unsafe\""
        ))),
    }
}

/// The dtype that arrays and numbers beside them have together. NumPy's `result_type`.
///
/// # Errors
/// Invalid input when there are none, or no common dtype; the first error of an array's making.
pub fn result_type(operands: &[Operand]) -> Result<DType> {
    match operands.is_empty() {
        true => Err(Error::invalid(
            "result_type: no arrays; at least one array or number is needed",
        )),
        false => common_dtype(operands),
    }
}
