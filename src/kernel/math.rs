//! Operations of one operand. Transcendental functions come from `libm`, so they give the same bits on every machine;
//! `sqrt` and the roundings are exact by IEEE 754.

use super::bessel::bessel_i0;
use super::column::{Column, InColumn, operand, result};
use super::complex::ComplexMath;
use super::elementwise::no_loop;
use super::number::{Compare, Float, Integer, Transcendental};
use super::special::Special;
use super::{time, vector};
use crate::block::Buffer;
use crate::dtype::{DType, Physical};
use crate::error::Result;
use crate::op::UnaryOp;
use num_complex::Complex;

/// A loop of operand `T` into the first elements of `out`.
pub(super) fn apply<T: InColumn, R: InColumn>(
    a: Column<'_>,
    out: &mut Buffer,
    f: impl Fn(T) -> R,
) -> Result<()> {
    let a = operand::<T>(a)?;
    vector::map1(a, result::<R>(out, a.len())?, f);
    Ok(())
}

/// The same for functions that call `libm`: there is nothing to vectorise.
fn apply_plain<T: InColumn, R: InColumn>(
    a: Column<'_>,
    out: &mut Buffer,
    f: impl Fn(T) -> R,
) -> Result<()> {
    let a = operand::<T>(a)?;
    vector::plain1(a, result::<R>(out, a.len())?, f);
    Ok(())
}

/// Applies `op` to a column whose dtype is that of its signature.
///
/// # Errors
/// Internal when the signature does not allow the dtype.
pub(super) fn unary(op: UnaryOp, dtype: DType, a: Column<'_>, out: &mut Buffer) -> Result<()> {
    if dtype.is_time() {
        return time::unary(op, dtype, a, out);
    }
    if op == UnaryOp::LogicalNot {
        return for_physical!(dtype.physical(), T => apply(a, out, |x: T| !x.truth()));
    }
    macro_rules! integer {
        ($T:ty, $absolute:expr) => {
            match op {
                UnaryOp::Negative => apply(a, out, <$T>::wrapping_neg),
                UnaryOp::Absolute => apply(a, out, $absolute),
                UnaryOp::Sign => apply(a, out, <$T as Integer>::sign),
                UnaryOp::Invert => apply(a, out, |x: $T| !x),
                UnaryOp::Square => apply(a, out, |x: $T| x.wrapping_mul(x)),
                // Whole numbers but 1 and −1 have none.
                UnaryOp::Reciprocal => apply(a, out, |x: $T| match x as i128 {
                    1 | -1 => x,
                    _ => 0,
                }),
                UnaryOp::BitwiseCount => apply(a, out, |x: $T| $absolute(x).count_ones() as u8),
                UnaryOp::Signbit => apply(a, out, <$T as Integer>::negative),
                _ => exact::<$T>(op, a, out),
            }
        };
    }
    match dtype.physical() {
        Physical::Bool => match op {
            UnaryOp::Absolute => apply(a, out, |x: bool| x),
            UnaryOp::BitwiseCount => apply(a, out, |x: bool| u8::from(x)),
            UnaryOp::Signbit => apply(a, out, |_: bool| false),
            UnaryOp::Invert => apply(a, out, |x: bool| !x),
            _ => exact::<bool>(op, a, out),
        },
        Physical::I8 => integer!(i8, i8::wrapping_abs),
        Physical::I16 => integer!(i16, i16::wrapping_abs),
        Physical::I32 => integer!(i32, i32::wrapping_abs),
        Physical::I64 => integer!(i64, i64::wrapping_abs),
        Physical::U8 => integer!(u8, |x: u8| x),
        Physical::U16 => integer!(u16, |x: u16| x),
        Physical::U32 => integer!(u32, |x: u32| x),
        Physical::U64 => integer!(u64, |x: u64| x),
        Physical::F32 => float32(op, a, out),
        Physical::F64 => float64(op, a, out),
        Physical::C64 => complex::<f32>(op, a, out),
        Physical::C128 => complex::<f64>(op, a, out),
    }
}

/// What is the same for bool and all integers: they are finite and whole.
fn exact<T: InColumn>(op: UnaryOp, a: Column<'_>, out: &mut Buffer) -> Result<()> {
    match op {
        UnaryOp::Isnan
        | UnaryOp::Isinf
        | UnaryOp::Isposinf
        | UnaryOp::Isneginf
        | UnaryOp::Iscomplex => apply(a, out, |_: T| false),
        UnaryOp::Isfinite | UnaryOp::Isreal => apply(a, out, |_: T| true),
        UnaryOp::Imag => apply(a, out, |_: T| T::default()),
        UnaryOp::Positive | UnaryOp::Real | UnaryOp::Conjugate => apply(a, out, |x: T| x),
        UnaryOp::Floor | UnaryOp::Ceil | UnaryOp::Trunc | UnaryOp::Rint => apply(a, out, |x: T| x),
        _ => Err(no_loop(op.name(), T::DTYPE)),
    }
}

/// Functions of `libm`, of floats and of complex numbers; the last place to look for a loop.
fn transcendental<T: InColumn + Transcendental>(
    op: UnaryOp,
    a: Column<'_>,
    out: &mut Buffer,
) -> Result<()> {
    use UnaryOp as U;
    match op {
        U::Exp => apply_plain(a, out, T::exp),
        U::Log => apply_plain(a, out, T::log),
        U::Log2 => apply_plain(a, out, T::log2),
        U::Log10 => apply_plain(a, out, T::log10),
        U::Sin => apply_plain(a, out, T::sin),
        U::Cos => apply_plain(a, out, T::cos),
        U::Tan => apply_plain(a, out, T::tan),
        U::Arcsin => apply_plain(a, out, T::arcsin),
        U::Arccos => apply_plain(a, out, T::arccos),
        U::Arctan => apply_plain(a, out, T::arctan),
        U::Sinh => apply_plain(a, out, T::sinh),
        U::Cosh => apply_plain(a, out, T::cosh),
        U::Tanh => apply_plain(a, out, T::tanh),
        U::Exp2 => apply_plain(a, out, T::exp2),
        U::Expm1 => apply_plain(a, out, T::expm1),
        U::Log1p => apply_plain(a, out, T::log1p),
        U::Arcsinh => apply_plain(a, out, T::arcsinh),
        U::Arccosh => apply_plain(a, out, T::arccosh),
        U::Arctanh => apply_plain(a, out, T::arctanh),
        U::Sinc => apply_plain(a, out, T::sinc),
        _ => Err(no_loop(op.name(), T::DTYPE)),
    }
}

macro_rules! float {
    ($name:ident, $T:ty) => {
        fn $name(op: UnaryOp, a: Column<'_>, out: &mut Buffer) -> Result<()> {
            use UnaryOp as U;
            match op {
                U::Negative => apply(a, out, |x: $T| -x),
                U::Absolute | U::Fabs => apply(a, out, |x: $T| x.abs()),
                U::Positive | U::Real | U::Conjugate => apply(a, out, |x: $T| x),
                U::Imag => apply(a, out, |_: $T| 0.0 as $T),
                U::Isreal => apply(a, out, |_: $T| true),
                U::Iscomplex => apply(a, out, |_: $T| false),
                U::Square => apply(a, out, |x: $T| x * x),
                U::Reciprocal => apply(a, out, |x: $T| 1.0 / x),
                U::Cbrt => apply_plain(a, out, |x: $T| Special::cbrt(x)),
                U::Degrees => apply(a, out, |x: $T| x.degrees()),
                U::Radians => apply(a, out, |x: $T| x.radians()),
                U::Angle => apply_plain(a, out, |x: $T| x.angle()),
                U::Signbit => apply(a, out, |x: $T| x.is_sign_negative()),
                U::Isposinf => apply(a, out, |x: $T| x == <$T>::INFINITY),
                U::Isneginf => apply(a, out, |x: $T| x == <$T>::NEG_INFINITY),
                U::FrexpMantissa => apply_plain(a, out, |x: $T| x.frexp().0),
                U::FrexpExponent => apply_plain(a, out, |x: $T| x.frexp().1),
                U::I0 => apply_plain(a, out, |x: $T| bessel_i0(f64::from(x)) as $T),
                U::Sign => apply(a, out, <$T as Float>::sign),
                U::Sqrt => apply(a, out, |x: $T| x.sqrt()),
                U::Floor => apply(a, out, |x: $T| x.floor()),
                U::Ceil => apply(a, out, |x: $T| x.ceil()),
                U::Trunc => apply(a, out, |x: $T| x.trunc()),
                U::Rint => apply(a, out, |x: $T| x.round_ties_even()),
                U::Isnan => apply(a, out, |x: $T| x.is_nan()),
                U::Isfinite => apply(a, out, |x: $T| x.is_finite()),
                U::Isinf => apply(a, out, |x: $T| x.is_infinite()),
                _ => transcendental::<$T>(op, a, out),
            }
        }
    };
}

float!(float32, f32);
float!(float64, f64);

/// `hypot` where the plain formula could leave the range (and for zeros, infinities and NaN), element by element.
fn moduli<T>(a: Column<'_>, out: &mut Buffer) -> Result<()>
where
    T: InColumn,
    Complex<T>: InColumn + ComplexMath<Part = T>,
{
    let a = operand::<Complex<T>>(a)?;
    let out = result::<T>(out, a.len())?;
    let quick = |x: Complex<T>| x.quick_modulus();
    if !vector::map1_checked(a, out, quick, Complex::<T>::is_sure) {
        for (out, a) in out.iter_mut().zip(a) {
            if !Complex::<T>::is_sure(*out) {
                *out = a.modulus();
            }
        }
    }
    Ok(())
}

fn complex<T>(op: UnaryOp, a: Column<'_>, out: &mut Buffer) -> Result<()>
where
    T: InColumn + Float,
    Complex<T>: InColumn + Compare + ComplexMath<Part = T>,
{
    use UnaryOp as U;
    match op {
        U::Negative => apply_plain(a, out, Complex::<T>::opposite),
        U::Absolute => moduli::<T>(a, out),
        U::Sign => apply_plain(a, out, <Complex<T> as ComplexMath>::sign),
        U::Sqrt => apply_plain(a, out, <Complex<T> as ComplexMath>::sqrt),
        U::Positive => apply_plain(a, out, |x: Complex<T>| x),
        U::Square => apply_plain(a, out, |x: Complex<T>| x.times(x)),
        U::Reciprocal => apply_plain(a, out, <Complex<T> as ComplexMath>::inverse),
        U::Conjugate => apply_plain(a, out, <Complex<T> as ComplexMath>::conjugate),
        U::Real => apply_plain(a, out, |x: Complex<T>| x.re),
        U::Imag => apply_plain(a, out, |x: Complex<T>| x.im),
        U::Angle => apply_plain(a, out, |x: Complex<T>| x.im.arctan2(x.re)),
        U::Isreal => apply_plain(a, out, |x: Complex<T>| x.im == T::default()),
        U::Iscomplex => apply_plain(a, out, |x: Complex<T>| x.im != T::default()),
        U::Isnan => apply(a, out, |x: Complex<T>| x.nan()),
        U::Isfinite => apply_plain(a, out, <Complex<T> as ComplexMath>::finite),
        U::Isinf => apply_plain(a, out, <Complex<T> as ComplexMath>::infinite),
        _ => transcendental::<Complex<T>>(op, a, out),
    }
}
