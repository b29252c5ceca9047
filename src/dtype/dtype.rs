//! `DType`: the type that a user sees, its kind, name and size.

use super::{Physical, TimeUnit};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

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
            TimeUnit::ALL
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
