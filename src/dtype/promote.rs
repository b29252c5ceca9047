//! The common dtype of two operands: `numpy.promote_types`, and NEP 50 for numbers written in a program.

use super::{DType, Kind, Scalar};
use crate::error::{Error, Result};

/// The common dtype of two arrays, after `numpy.promote_types` (NumPy 2.x).
///
/// # Errors
/// Invalid input where NumPy raises: datetimes with floats, a datetime with a datetime of which no common unit is exact.
pub fn promote(a: DType, b: DType) -> Result<DType> {
    use DType::{
        Bool, C64, C128, Datetime, F32, F64, I8, I16, I32, I64, Timedelta, U8, U16, U32, U64,
    };
    if a == b {
        return Ok(a);
    }
    let signed = |bytes: usize| match bytes {
        1 => I8,
        2 => I16,
        4 => I32,
        8 => I64,
        _ => F64,
    };
    let (low, high) = if a.kind() <= b.kind() { (a, b) } else { (b, a) };
    Ok(match (low, high) {
        (Bool, Datetime(_)) => return Err(no_common_dtype(a, b)),
        (Bool, other) => other,
        (Datetime(x), Datetime(y)) => Datetime(x.max(y)),
        (Timedelta(x), Timedelta(y)) => Timedelta(x.max(y)),
        (Timedelta(x), Datetime(y)) | (Datetime(y), Timedelta(x)) => Datetime(x.max(y)),
        // NumPy goes by int64, which does not hold every uint64.
        (other, Timedelta(unit)) if other.is_integer() && other != U64 => Timedelta(unit),
        (_, Timedelta(_) | Datetime(_)) => return Err(no_common_dtype(a, b)),
        (x, y) if x.kind() == y.kind() => {
            if x.size() >= y.size() {
                x
            } else {
                y
            }
        }
        // Unsigned with signed: the narrowest signed type that holds both.
        (u, s) if s.kind() == Kind::Signed => signed((2 * u.size()).max(s.size())),
        (U8 | U16 | I8 | I16, F32) => F32,
        (_, F32 | F64) => F64,
        (U8 | U16 | I8 | I16 | F32, C64) => C64,
        (U32 | U64 | I32 | I64 | F64, C64) => C128,
        _ => C128,
    })
}

fn no_common_dtype(a: DType, b: DType) -> Error {
    Error::invalid(format!(
        "no common dtype of {a} and {b}; cast one of them first"
    ))
}

/// The common dtype of an array and a weak scalar (a number written in a program), after NEP 50.
///
/// # Errors
/// Invalid input where NumPy raises; whether an integer fits is checked by [`Scalar::cast`].
pub fn promote_weak(array: DType, weak: Scalar) -> Result<DType> {
    Ok(match (array.kind(), weak.dtype().kind()) {
        (_, Kind::Time) => return promote(array, weak.dtype()),
        (Kind::Time, Kind::Bool | Kind::Signed | Kind::Unsigned) => array,
        (Kind::Time, _) => return Err(no_common_dtype(array, weak.dtype())),
        (Kind::Bool, Kind::Bool) => DType::Bool,
        (Kind::Bool, Kind::Signed | Kind::Unsigned) => DType::I64,
        (Kind::Bool | Kind::Signed | Kind::Unsigned, Kind::Float) => DType::F64,
        (Kind::Bool | Kind::Signed | Kind::Unsigned, Kind::Complex) => DType::C128,
        (Kind::Float, Kind::Complex) if array == DType::F32 => DType::C64,
        (Kind::Float, Kind::Complex) => DType::C128,
        _ => array,
    })
}
