//! `Scalar`: one value of any dtype, and its exact conversion to another.

use super::{DType, NAT, TimeUnit};
use crate::error::{Error, Result};
use num_complex::Complex;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One value of any dtype.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Scalar {
    Bool(bool),
    I8(i8),
    I16(i16),
    I32(i32),
    I64(i64),
    U8(u8),
    U16(u16),
    U32(u32),
    U64(u64),
    F32(f32),
    F64(f64),
    C64(Complex<f32>),
    C128(Complex<f64>),
    Datetime(i64, TimeUnit),
    Timedelta(i64, TimeUnit),
}

impl Scalar {
    /// The dtype of the value.
    pub fn dtype(self) -> DType {
        match self {
            Scalar::Bool(_) => DType::Bool,
            Scalar::I8(_) => DType::I8,
            Scalar::I16(_) => DType::I16,
            Scalar::I32(_) => DType::I32,
            Scalar::I64(_) => DType::I64,
            Scalar::U8(_) => DType::U8,
            Scalar::U16(_) => DType::U16,
            Scalar::U32(_) => DType::U32,
            Scalar::U64(_) => DType::U64,
            Scalar::F32(_) => DType::F32,
            Scalar::F64(_) => DType::F64,
            Scalar::C64(_) => DType::C64,
            Scalar::C128(_) => DType::C128,
            Scalar::Datetime(_, unit) => DType::Datetime(unit),
            Scalar::Timedelta(_, unit) => DType::Timedelta(unit),
        }
    }

    /// The value as f64; complex numbers give their real part, NaT gives NaN.
    pub fn as_f64(self) -> f64 {
        match self {
            Scalar::Bool(v) => f64::from(u8::from(v)),
            Scalar::I8(v) => f64::from(v),
            Scalar::I16(v) => f64::from(v),
            Scalar::I32(v) => f64::from(v),
            Scalar::I64(v) => v as f64,
            Scalar::U8(v) => f64::from(v),
            Scalar::U16(v) => f64::from(v),
            Scalar::U32(v) => f64::from(v),
            Scalar::U64(v) => v as f64,
            Scalar::F32(v) => f64::from(v),
            Scalar::F64(v) => v,
            Scalar::C64(v) => f64::from(v.re),
            Scalar::C128(v) => v.re,
            Scalar::Datetime(v, _) | Scalar::Timedelta(v, _) => {
                if v == NAT {
                    f64::NAN
                } else {
                    v as f64
                }
            }
        }
    }

    /// The value as an integer when it is a bool, an integer or a time; `None` for floats and complex numbers.
    pub fn as_i128(self) -> Option<i128> {
        Some(match self {
            Scalar::Bool(v) => i128::from(v),
            Scalar::I8(v) => v.into(),
            Scalar::I16(v) => v.into(),
            Scalar::I32(v) => v.into(),
            Scalar::I64(v) | Scalar::Datetime(v, _) | Scalar::Timedelta(v, _) => v.into(),
            Scalar::U8(v) => v.into(),
            Scalar::U16(v) => v.into(),
            Scalar::U32(v) => v.into(),
            Scalar::U64(v) => v.into(),
            Scalar::F32(_) | Scalar::F64(_) | Scalar::C64(_) | Scalar::C128(_) => return None,
        })
    }

    /// True for NaN and NaT.
    pub fn is_missing(self) -> bool {
        match self {
            Scalar::F32(v) => v.is_nan(),
            Scalar::F64(v) => v.is_nan(),
            Scalar::C64(v) => v.is_nan(),
            Scalar::C128(v) => v.is_nan(),
            Scalar::Datetime(v, _) | Scalar::Timedelta(v, _) => v == NAT,
            _ => false,
        }
    }

    /// The missing value of `dtype`; integers and bool have none.
    pub fn missing(dtype: DType) -> Option<Scalar> {
        Some(match dtype {
            DType::F32 => Scalar::F32(f32::NAN),
            DType::F64 => Scalar::F64(f64::NAN),
            DType::C64 => Scalar::C64(Complex::new(f32::NAN, f32::NAN)),
            DType::C128 => Scalar::C128(Complex::new(f64::NAN, f64::NAN)),
            DType::Datetime(unit) => Scalar::Datetime(NAT, unit),
            DType::Timedelta(unit) => Scalar::Timedelta(NAT, unit),
            _ => return None,
        })
    }

    /// Zero of `dtype`.
    pub fn zero(dtype: DType) -> Scalar {
        // A cast of integer 0 fits every dtype.
        Scalar::I64(0).cast(dtype).unwrap_or(Scalar::I64(0))
    }

    /// The same number in another dtype, or an error when an integer does not fit (NumPy 2's OverflowError).
    ///
    /// # Errors
    /// Invalid input when an integer is out of the range of `dtype`, or a float or complex number is cast to a
    /// type that cannot hold its kind.
    pub fn cast(self, dtype: DType) -> Result<Scalar> {
        let bad = |why: &str| {
            Err(Error::invalid(format!(
                "the value {self} cannot be a {dtype}: {why}"
            )))
        };
        if let (DType::C64 | DType::C128, Scalar::C64(_) | Scalar::C128(_)) = (dtype, self) {
            let value = match self {
                Scalar::C64(v) => Complex::new(f64::from(v.re), f64::from(v.im)),
                Scalar::C128(v) => v,
                _ => unreachable!("guarded by the pattern above"),
            };
            return Ok(match dtype {
                DType::C64 => Scalar::C64(Complex::new(value.re as f32, value.im as f32)),
                _ => Scalar::C128(value),
            });
        }
        if self.dtype().is_complex() {
            return bad("the imaginary part would be lost");
        }
        let integer = match self.as_i128() {
            Some(v) => Some(v),
            None if self.as_f64().fract() == 0.0 && self.as_f64().abs() < 2f64.powi(63) => {
                Some(self.as_f64() as i128)
            }
            None => None,
        };
        macro_rules! int {
            ($variant:ident, $T:ty) => {
                match integer.map(<$T>::try_from) {
                    Some(Ok(v)) => Ok(Scalar::$variant(v)),
                    Some(Err(_)) => bad(&format!("allowed are {} … {}", <$T>::MIN, <$T>::MAX)),
                    None => bad("it is not an integer"),
                }
            };
        }
        match dtype {
            DType::Bool => Ok(Scalar::Bool(self.as_f64() != 0.0)),
            DType::I8 => int!(I8, i8),
            DType::I16 => int!(I16, i16),
            DType::I32 => int!(I32, i32),
            DType::I64 => int!(I64, i64),
            DType::U8 => int!(U8, u8),
            DType::U16 => int!(U16, u16),
            DType::U32 => int!(U32, u32),
            DType::U64 => int!(U64, u64),
            DType::F32 => Ok(Scalar::F32(self.as_f64() as f32)),
            DType::F64 => Ok(Scalar::F64(self.as_f64())),
            DType::C64 => Ok(Scalar::C64(Complex::new(self.as_f64() as f32, 0.0))),
            DType::C128 => Ok(Scalar::C128(Complex::new(self.as_f64(), 0.0))),
            DType::Datetime(unit) | DType::Timedelta(unit) => {
                let value = match integer.map(i64::try_from) {
                    _ if self.is_missing() => NAT,
                    Some(Ok(v)) => v,
                    _ => return bad("times are 64-bit integers"),
                };
                Ok(match dtype {
                    DType::Datetime(_) => Scalar::Datetime(value, unit),
                    _ => Scalar::Timedelta(value, unit),
                })
            }
        }
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scalar::Bool(v) => write!(f, "{v}"),
            Scalar::F32(v) => write!(f, "{v}"),
            Scalar::F64(v) => write!(f, "{v}"),
            Scalar::C64(v) => write!(f, "{v}"),
            Scalar::C128(v) => write!(f, "{v}"),
            Scalar::Datetime(NAT, _) | Scalar::Timedelta(NAT, _) => write!(f, "NaT"),
            Scalar::Datetime(v, unit) => write!(f, "datetime64({v}, '{}')", unit.code()),
            Scalar::Timedelta(v, unit) => write!(f, "timedelta64({v}, '{}')", unit.code()),
            Scalar::I8(v) => write!(f, "{v}"),
            Scalar::I16(v) => write!(f, "{v}"),
            Scalar::I32(v) => write!(f, "{v}"),
            Scalar::I64(v) => write!(f, "{v}"),
            Scalar::U8(v) => write!(f, "{v}"),
            Scalar::U16(v) => write!(f, "{v}"),
            Scalar::U32(v) => write!(f, "{v}"),
            Scalar::U64(v) => write!(f, "{v}"),
        }
    }
}
