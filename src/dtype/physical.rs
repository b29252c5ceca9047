//! What buffers hold, and the macro that compiles an expression for each.

use serde::{Deserialize, Serialize};

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
