//! Casts between all pairs of dtypes, as `ndarray.astype`.
//!
//! Integers wrap around; floats lose their fraction. A float outside the range of an integer, and NaN, has no defined value
//! in NumPy: here it saturates and NaN gives 0, on every CPU. Complex numbers lose their imaginary part, to bool a number
//! is "not zero". Times change unit by multiplication or by division that rounds towards −∞; NaT stays NaT, and is NaN
//! as a float.

use super::column::{Column, InColumn};
use super::math::apply;
use super::number::Compare;
use crate::block::Buffer;
use crate::dtype::{DType, NAT, Physical};
use crate::error::Result;
use num_complex::Complex;

/// A value as another type.
pub(super) trait To<U>: Copy {
    fn to(self) -> U;
}

macro_rules! to {
    ($($A:ty => [$($B:ty),*];)*) => {$($(
        impl To<$B> for $A {
            #[inline(always)]
            fn to(self) -> $B {
                self as $B
            }
        }
    )*)*};
}

to! {
    i8 => [i8, i16, i32, i64, u8, u16, u32, u64, f32, f64];
    i16 => [i8, i16, i32, i64, u8, u16, u32, u64, f32, f64];
    i32 => [i8, i16, i32, i64, u8, u16, u32, u64, f32, f64];
    i64 => [i8, i16, i32, i64, u8, u16, u32, u64, f32, f64];
    u8 => [i8, i16, i32, i64, u8, u16, u32, u64, f32, f64];
    u16 => [i8, i16, i32, i64, u8, u16, u32, u64, f32, f64];
    u32 => [i8, i16, i32, i64, u8, u16, u32, u64, f32, f64];
    u64 => [i8, i16, i32, i64, u8, u16, u32, u64, f32, f64];
    f32 => [i8, i16, i32, i64, u8, u16, u32, u64, f32, f64];
    f64 => [i8, i16, i32, i64, u8, u16, u32, u64, f32, f64];
    bool => [i8, i16, i32, i64, u8, u16, u32, u64];
}

impl To<f32> for bool {
    #[inline(always)]
    fn to(self) -> f32 {
        f32::from(u8::from(self))
    }
}

impl To<f64> for bool {
    #[inline(always)]
    fn to(self) -> f64 {
        f64::from(u8::from(self))
    }
}

macro_rules! complex {
    ($($A:ty),*) => {$(
        impl To<Complex<f32>> for $A {
            #[inline(always)]
            fn to(self) -> Complex<f32> {
                Complex::new(To::<f32>::to(self), 0.0)
            }
        }
        impl To<Complex<f64>> for $A {
            #[inline(always)]
            fn to(self) -> Complex<f64> {
                Complex::new(To::<f64>::to(self), 0.0)
            }
        }
        impl To<$A> for Complex<f32> where f32: To<$A> {
            #[inline(always)]
            fn to(self) -> $A {
                self.re.to()
            }
        }
        impl To<$A> for Complex<f64> where f64: To<$A> {
            #[inline(always)]
            fn to(self) -> $A {
                self.re.to()
            }
        }
    )*};
}

complex!(i8, i16, i32, i64, u8, u16, u32, u64, f32, f64);

macro_rules! widths {
    ($($A:ty => $B:ty),*) => {$(
        impl To<Complex<$B>> for Complex<$A> {
            #[inline(always)]
            fn to(self) -> Complex<$B> {
                Complex::new(self.re as $B, self.im as $B)
            }
        }
    )*};
}

widths!(f32 => f32, f32 => f64, f64 => f32, f64 => f64);

impl To<Complex<f32>> for bool {
    #[inline(always)]
    fn to(self) -> Complex<f32> {
        Complex::new(self.to(), 0.0)
    }
}

impl To<Complex<f64>> for bool {
    #[inline(always)]
    fn to(self) -> Complex<f64> {
        Complex::new(self.to(), 0.0)
    }
}

fn from<A>(to: Physical, a: Column<'_>, out: &mut Buffer) -> Result<()>
where
    A: InColumn + Compare,
    A: To<i8> + To<i16> + To<i32> + To<i64> + To<u8> + To<u16> + To<u32> + To<u64>,
    A: To<f32> + To<f64> + To<Complex<f32>> + To<Complex<f64>>,
{
    match to {
        Physical::Bool => apply(a, out, |x: A| x.truth()),
        Physical::I8 => apply(a, out, <A as To<i8>>::to),
        Physical::I16 => apply(a, out, <A as To<i16>>::to),
        Physical::I32 => apply(a, out, <A as To<i32>>::to),
        Physical::I64 => apply(a, out, <A as To<i64>>::to),
        Physical::U8 => apply(a, out, <A as To<u8>>::to),
        Physical::U16 => apply(a, out, <A as To<u16>>::to),
        Physical::U32 => apply(a, out, <A as To<u32>>::to),
        Physical::U64 => apply(a, out, <A as To<u64>>::to),
        Physical::F32 => apply(a, out, <A as To<f32>>::to),
        Physical::F64 => apply(a, out, <A as To<f64>>::to),
        Physical::C64 => apply(a, out, <A as To<Complex<f32>>>::to),
        Physical::C128 => apply(a, out, <A as To<Complex<f64>>>::to),
    }
}

/// Writes the column `a` of dtype `from_dtype` as `to_dtype`.
///
/// # Errors
/// Internal when a register is of another type.
pub(super) fn cast(
    from_dtype: DType,
    to_dtype: DType,
    a: Column<'_>,
    out: &mut Buffer,
) -> Result<()> {
    use DType::{Datetime, Timedelta};
    let to = to_dtype.physical();
    match (from_dtype, to_dtype) {
        (Datetime(x) | Timedelta(x), Datetime(y) | Timedelta(y)) => {
            let (x, y) = (x.nanoseconds(), y.nanoseconds());
            if x >= y {
                let factor = x / y;
                apply(a, out, move |t: i64| {
                    if t == NAT {
                        NAT
                    } else {
                        t.wrapping_mul(factor)
                    }
                })
            } else {
                let divisor = y / x;
                apply(
                    a,
                    out,
                    move |t: i64| if t == NAT { NAT } else { t.div_euclid(divisor) },
                )
            }
        }
        (Datetime(_) | Timedelta(_), DType::F32) => {
            apply(a, out, |t: i64| if t == NAT { f32::NAN } else { t as f32 })
        }
        (Datetime(_) | Timedelta(_), DType::F64) => {
            apply(a, out, |t: i64| if t == NAT { f64::NAN } else { t as f64 })
        }
        (DType::F32, Datetime(_) | Timedelta(_)) => {
            apply(a, out, |x: f32| if x.is_nan() { NAT } else { x as i64 })
        }
        (DType::F64, Datetime(_) | Timedelta(_)) => {
            apply(a, out, |x: f64| if x.is_nan() { NAT } else { x as i64 })
        }
        (DType::C64, Datetime(_) | Timedelta(_)) => {
            apply(
                a,
                out,
                |x: Complex<f32>| if x.re.is_nan() { NAT } else { x.re as i64 },
            )
        }
        (DType::C128, Datetime(_) | Timedelta(_)) => {
            apply(
                a,
                out,
                |x: Complex<f64>| if x.re.is_nan() { NAT } else { x.re as i64 },
            )
        }
        _ => for_physical!(from_dtype.physical(), T => from::<T>(to, a, out)),
    }
}
