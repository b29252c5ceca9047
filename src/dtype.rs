//! Data types: NumPy's, without strings and objects, and NumPy 2's rules of promotion.
//!
//! Definitions. A [`DType`] is what a user sees; its [`Physical`] type is what a buffer holds (a datetime is an `i64`
//! with a unit). A [`Scalar`] is one value; a *weak* scalar (a number written in a program) takes the type of the array
//! beside it, after NumPy Enhancement Proposal 50.

use crate::error::{Error, Result};
use num_complex::Complex;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The unit of a datetime64 or timedelta64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TimeUnit {
    /// Days.
    Day,
    /// Hours.
    Hour,
    /// Minutes.
    Minute,
    /// Seconds.
    Second,
    /// 10⁻³ s.
    Milli,
    /// 10⁻⁶ s.
    Micro,
    /// 10⁻⁹ s.
    Nano,
}

impl TimeUnit {
    /// NumPy's code of the unit.
    pub fn code(self) -> &'static str {
        match self {
            TimeUnit::Day => "D",
            TimeUnit::Hour => "h",
            TimeUnit::Minute => "m",
            TimeUnit::Second => "s",
            TimeUnit::Milli => "ms",
            TimeUnit::Micro => "us",
            TimeUnit::Nano => "ns",
        }
    }

    /// Length in nanoseconds.
    pub fn nanoseconds(self) -> i64 {
        match self {
            TimeUnit::Day => 86_400_000_000_000,
            TimeUnit::Hour => 3_600_000_000_000,
            TimeUnit::Minute => 60_000_000_000,
            TimeUnit::Second => 1_000_000_000,
            TimeUnit::Milli => 1_000_000,
            TimeUnit::Micro => 1_000,
            TimeUnit::Nano => 1,
        }
    }
}

/// "Not a time": the missing value of datetimes and timedeltas, as in NumPy.
pub const NAT: i64 = i64::MIN;

/// The type of an array's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum DType {
    Bool,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    F32,
    F64,
    /// Two f32: NumPy's complex64.
    C64,
    /// Two f64: NumPy's complex128.
    C128,
    Datetime(TimeUnit),
    Timedelta(TimeUnit),
}

/// What a buffer holds: the 13 types that kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Physical {
    Bool,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    F32,
    F64,
    C64,
    C128,
}

/// Calls a macro or block once per physical type: `for_physical!(physical, T => expression using T)`.
#[macro_export]
macro_rules! for_physical {
    ($physical:expr, $T:ident => $body:expr) => {
        match $physical {
            $crate::dtype::Physical::Bool => {
                type $T = bool;
                $body
            }
            $crate::dtype::Physical::I8 => {
                type $T = i8;
                $body
            }
            $crate::dtype::Physical::I16 => {
                type $T = i16;
                $body
            }
            $crate::dtype::Physical::I32 => {
                type $T = i32;
                $body
            }
            $crate::dtype::Physical::I64 => {
                type $T = i64;
                $body
            }
            $crate::dtype::Physical::U8 => {
                type $T = u8;
                $body
            }
            $crate::dtype::Physical::U16 => {
                type $T = u16;
                $body
            }
            $crate::dtype::Physical::U32 => {
                type $T = u32;
                $body
            }
            $crate::dtype::Physical::U64 => {
                type $T = u64;
                $body
            }
            $crate::dtype::Physical::F32 => {
                type $T = f32;
                $body
            }
            $crate::dtype::Physical::F64 => {
                type $T = f64;
                $body
            }
            $crate::dtype::Physical::C64 => {
                type $T = ::num_complex::Complex<f32>;
                $body
            }
            $crate::dtype::Physical::C128 => {
                type $T = ::num_complex::Complex<f64>;
                $body
            }
        }
    };
}

/// The broad kinds of NumPy's type lattice, in order of promotion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// bool
    Bool,
    /// u8 … u64
    Unsigned,
    /// i8 … i64
    Signed,
    /// f32, f64
    Float,
    /// complex64, complex128
    Complex,
    /// datetime64, timedelta64
    Time,
}

impl DType {
    /// All dtypes, times with nanoseconds: for tests and tables.
    pub const ALL: [DType; 15] = [
        DType::Bool,
        DType::I8,
        DType::I16,
        DType::I32,
        DType::I64,
        DType::U8,
        DType::U16,
        DType::U32,
        DType::U64,
        DType::F32,
        DType::F64,
        DType::C64,
        DType::C128,
        DType::Datetime(TimeUnit::Nano),
        DType::Timedelta(TimeUnit::Nano),
    ];

    /// What a buffer of this type holds.
    pub fn physical(self) -> Physical {
        match self {
            DType::Bool => Physical::Bool,
            DType::I8 => Physical::I8,
            DType::I16 => Physical::I16,
            DType::I32 => Physical::I32,
            DType::I64 | DType::Datetime(_) | DType::Timedelta(_) => Physical::I64,
            DType::U8 => Physical::U8,
            DType::U16 => Physical::U16,
            DType::U32 => Physical::U32,
            DType::U64 => Physical::U64,
            DType::F32 => Physical::F32,
            DType::F64 => Physical::F64,
            DType::C64 => Physical::C64,
            DType::C128 => Physical::C128,
        }
    }

    /// Bytes of one element.
    pub fn size(self) -> usize {
        self.physical().size()
    }

    /// The broad kind.
    pub fn kind(self) -> Kind {
        match self {
            DType::Bool => Kind::Bool,
            DType::U8 | DType::U16 | DType::U32 | DType::U64 => Kind::Unsigned,
            DType::I8 | DType::I16 | DType::I32 | DType::I64 => Kind::Signed,
            DType::F32 | DType::F64 => Kind::Float,
            DType::C64 | DType::C128 => Kind::Complex,
            DType::Datetime(_) | DType::Timedelta(_) => Kind::Time,
        }
    }

    /// f32 or f64.
    pub fn is_float(self) -> bool {
        self.kind() == Kind::Float
    }

    /// Signed or unsigned integer.
    pub fn is_integer(self) -> bool {
        matches!(self.kind(), Kind::Signed | Kind::Unsigned)
    }

    /// complex64 or complex128.
    pub fn is_complex(self) -> bool {
        self.kind() == Kind::Complex
    }

    /// datetime64 or timedelta64.
    pub fn is_time(self) -> bool {
        self.kind() == Kind::Time
    }

    /// True when the type has a missing value (NaN or NaT).
    pub fn has_missing(self) -> bool {
        matches!(self.kind(), Kind::Float | Kind::Complex | Kind::Time)
    }

    /// The type of `where(condition)` without `other`, after xarray's `dtypes.maybe_promote`: integers of up to 16 bits
    /// (and bool) become f32, wider ones f64, types with a missing value stay.
    pub fn with_missing(self) -> DType {
        match self {
            DType::Bool | DType::I8 | DType::I16 | DType::U8 | DType::U16 => DType::F32,
            DType::I32 | DType::I64 | DType::U32 | DType::U64 => DType::F64,
            other => other,
        }
    }
}

impl Physical {
    /// Bytes of one element.
    pub fn size(self) -> usize {
        match self {
            Physical::Bool | Physical::I8 | Physical::U8 => 1,
            Physical::I16 | Physical::U16 => 2,
            Physical::I32 | Physical::U32 | Physical::F32 => 4,
            Physical::I64 | Physical::U64 | Physical::F64 | Physical::C64 => 8,
            Physical::C128 => 16,
        }
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            DType::Bool => "bool",
            DType::I8 => "int8",
            DType::I16 => "int16",
            DType::I32 => "int32",
            DType::I64 => "int64",
            DType::U8 => "uint8",
            DType::U16 => "uint16",
            DType::U32 => "uint32",
            DType::U64 => "uint64",
            DType::F32 => "float32",
            DType::F64 => "float64",
            DType::C64 => "complex64",
            DType::C128 => "complex128",
            DType::Datetime(unit) => return f.pad(&format!("datetime64[{}]", unit.code())),
            DType::Timedelta(unit) => return f.pad(&format!("timedelta64[{}]", unit.code())),
        })
    }
}

impl FromStr for DType {
    type Err = Error;

    /// NumPy's names, and Rust's short ones (`f32`, `i16`).
    fn from_str(name: &str) -> Result<Self> {
        let time = |rest: &str| {
            [
                TimeUnit::Day,
                TimeUnit::Hour,
                TimeUnit::Minute,
                TimeUnit::Second,
                TimeUnit::Milli,
                TimeUnit::Micro,
                TimeUnit::Nano,
            ]
            .into_iter()
            .find(|unit| rest == format!("[{}]", unit.code()))
        };
        if let Some(unit) = name.strip_prefix("datetime64").and_then(time) {
            return Ok(DType::Datetime(unit));
        }
        if let Some(unit) = name.strip_prefix("timedelta64").and_then(time) {
            return Ok(DType::Timedelta(unit));
        }
        Ok(match name {
            "bool" => DType::Bool,
            "int8" | "i8" => DType::I8,
            "int16" | "i16" => DType::I16,
            "int32" | "i32" => DType::I32,
            "int64" | "i64" | "int" => DType::I64,
            "uint8" | "u8" => DType::U8,
            "uint16" | "u16" => DType::U16,
            "uint32" | "u32" => DType::U32,
            "uint64" | "u64" => DType::U64,
            "float32" | "f32" => DType::F32,
            "float64" | "f64" | "float" => DType::F64,
            "complex64" => DType::C64,
            "complex128" | "complex" => DType::C128,
            _ => {
                return Err(Error::invalid(format!(
                    "unknown dtype {name:?}; known: bool, int8 … int64, uint8 … uint64, float32, float64, complex64, \
                     complex128, datetime64[s|ms|us|ns], timedelta64[s|ms|us|ns]"
                )));
            }
        })
    }
}

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

/// A Rust type that a buffer can hold.
pub trait Element: Copy + Send + Sync + PartialEq + fmt::Debug + Default + 'static {
    /// Its physical type.
    const PHYSICAL: Physical;
    /// Its dtype (`i64` is an integer here; times say so beside the buffer).
    const DTYPE: DType;
    /// The value as a scalar.
    fn to_scalar(self) -> Scalar;
}

macro_rules! element {
    ($($T:ty, $variant:ident;)*) => {$(
        impl Element for $T {
            const PHYSICAL: Physical = Physical::$variant;
            const DTYPE: DType = DType::$variant;
            fn to_scalar(self) -> Scalar {
                Scalar::$variant(self)
            }
        }
        impl From<$T> for Scalar {
            fn from(value: $T) -> Scalar {
                Scalar::$variant(value)
            }
        }
    )*};
}

element! {
    bool, Bool; i8, I8; i16, I16; i32, I32; i64, I64; u8, U8; u16, U16; u32, U32; u64, U64;
    f32, F32; f64, F64; Complex<f32>, C64; Complex<f64>, C128;
}
