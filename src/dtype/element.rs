//! The Rust types that buffers hold.

use super::{DType, Physical, Scalar};
use num_complex::Complex;
use std::fmt;

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
