//! Operations of two operands: one `match` per sub-tile from operation × physical type to a loop of one type.

use super::column::{Column, InColumn, operand, result};
use super::complex::ComplexMath;
use super::division::{self, Division};
use super::number::{Compare, Integer};
use super::{time, vector};
use crate::block::Buffer;
use crate::dtype::{DType, Element, Physical};
use crate::error::{Error, Result};
use crate::op::BinaryOp;
use num_complex::Complex;

/// A loop of operands `T`, `U` into the first elements of `out`.
pub(super) fn apply<T: InColumn, U: InColumn, R: InColumn>(
    a: Column<'_>,
    b: Column<'_>,
    out: &mut Buffer,
    f: impl Fn(T, U) -> R,
) -> Result<()> {
    let (a, b) = (operand::<T>(a)?, operand::<U>(b)?);
    vector::map2(a, b, result::<R>(out, a.len())?, f);
    Ok(())
}

/// The same for functions that the compiler cannot vectorise: divisions of integers, calls of `libm`.
fn apply_plain<T: InColumn, U: InColumn, R: InColumn>(
    a: Column<'_>,
    b: Column<'_>,
    out: &mut Buffer,
    f: impl Fn(T, U) -> R,
) -> Result<()> {
    let (a, b) = (operand::<T>(a)?, operand::<U>(b)?);
    vector::plain2(a, b, result::<R>(out, a.len())?, f);
    Ok(())
}

/// The error of an operation that the signature does not allow: the program was not checked.
pub(super) fn no_loop(name: &str, dtype: DType) -> Error {
    Error::internal(format!("{name}: no loop for {dtype}"))
}

/// Applies `op` to columns whose dtypes are those of its signature.
///
/// # Errors
/// Invalid input for negative integer powers of integers, as in NumPy.
pub(super) fn binary(
    op: BinaryOp,
    dtypes: (DType, DType),
    a: Column<'_>,
    b: Column<'_>,
    out: &mut Buffer,
) -> Result<()> {
    if dtypes.0.is_time() || dtypes.1.is_time() {
        return time::binary(op, dtypes, a, b, out);
    }
    let physical = dtypes.0.physical();
    if op.is_comparison() {
        return for_physical!(physical, T => compare::<T>(op, a, b, out));
    }
    macro_rules! integer {
        ($T:ty) => {
            integers::<$T>(
                op,
                a,
                b,
                out,
                (<$T>::wrapping_add, <$T>::wrapping_sub, <$T>::wrapping_mul),
                (|x, y| x & y, |x, y| x | y, |x, y| x ^ y),
            )
        };
    }
    match physical {
        Physical::Bool => bools(op, a, b, out),
        Physical::I8 => integer!(i8),
        Physical::I16 => integer!(i16),
        Physical::I32 => integer!(i32),
        Physical::I64 => integer!(i64),
        Physical::U8 => integer!(u8),
        Physical::U16 => integer!(u16),
        Physical::U32 => integer!(u32),
        Physical::U64 => integer!(u64),
        Physical::F32 => floats::<f32>(op, a, b, out),
        Physical::F64 => floats::<f64>(op, a, b, out),
        Physical::C64 => complexes::<f32>(op, a, b, out),
        Physical::C128 => complexes::<f64>(op, a, b, out),
    }
}

fn compare<T: InColumn + Compare>(
    op: BinaryOp,
    a: Column<'_>,
    b: Column<'_>,
    out: &mut Buffer,
) -> Result<()> {
    match op {
        BinaryOp::Equal => apply(a, b, out, |x: T, y: T| Compare::eq(x, y)),
        BinaryOp::NotEqual => apply(a, b, out, |x: T, y: T| !Compare::eq(x, y)),
        BinaryOp::Less => apply(a, b, out, |x: T, y: T| Compare::lt(x, y)),
        BinaryOp::LessEqual => apply(a, b, out, |x: T, y: T| Compare::le(x, y)),
        BinaryOp::Greater => apply(a, b, out, |x: T, y: T| Compare::lt(y, x)),
        BinaryOp::GreaterEqual => apply(a, b, out, |x: T, y: T| Compare::le(y, x)),
        _ => Err(no_loop(op.name(), T::DTYPE)),
    }
}

fn bools(op: BinaryOp, a: Column<'_>, b: Column<'_>, out: &mut Buffer) -> Result<()> {
    use BinaryOp as B;
    match op {
        B::Multiply | B::Minimum | B::Fmin | B::BitwiseAnd | B::LogicalAnd => {
            apply(a, b, out, |x: bool, y: bool| x & y)
        }
        B::Add | B::Maximum | B::Fmax | B::BitwiseOr | B::LogicalOr => {
            apply(a, b, out, |x: bool, y: bool| x | y)
        }
        B::BitwiseXor | B::LogicalXor => apply(a, b, out, |x: bool, y: bool| x ^ y),
        _ => Err(no_loop(op.name(), DType::Bool)),
    }
}

fn integers<T: InColumn + Compare + Integer>(
    op: BinaryOp,
    a: Column<'_>,
    b: Column<'_>,
    out: &mut Buffer,
    (add, subtract, multiply): (impl Fn(T, T) -> T, impl Fn(T, T) -> T, impl Fn(T, T) -> T),
    (and, or, xor): (impl Fn(T, T) -> T, impl Fn(T, T) -> T, impl Fn(T, T) -> T),
) -> Result<()> {
    use BinaryOp as B;
    match op {
        B::Add => apply(a, b, out, add),
        B::Subtract => apply(a, b, out, subtract),
        B::Multiply => apply(a, b, out, multiply),
        B::BitwiseAnd => apply(a, b, out, and),
        B::BitwiseOr => apply(a, b, out, or),
        B::BitwiseXor => apply(a, b, out, xor),
        B::FloorDivide => apply_plain(a, b, out, T::floor_divide),
        B::Remainder => apply_plain(a, b, out, T::remainder),
        B::LeftShift => apply(a, b, out, T::left_shift),
        B::RightShift => apply(a, b, out, T::right_shift),
        B::Minimum | B::Fmin => apply(a, b, out, |x: T, y: T| x.minimum(y)),
        B::Maximum | B::Fmax => apply(a, b, out, |x: T, y: T| x.maximum(y)),
        B::Fmod => apply_plain(a, b, out, T::fmod),
        B::Gcd => apply_plain(a, b, out, T::gcd),
        B::Lcm => apply_plain(a, b, out, T::lcm),
        B::Power => {
            if let Some(power) = operand::<T>(b)?.iter().find(|y| y.negative()) {
                return Err(Error::invalid(format!(
                    "power: Integers to negative integer powers are not allowed (exponent {power:?} of {}); cast one \
                     operand to float64",
                    T::DTYPE
                )));
            }
            apply_plain(a, b, out, T::power)
        }
        _ => Err(no_loop(op.name(), T::DTYPE)),
    }
}

fn floats<T>(op: BinaryOp, a: Column<'_>, b: Column<'_>, out: &mut Buffer) -> Result<()>
where
    T: Division,
    T: std::ops::Add<Output = T> + std::ops::Sub<Output = T>,
    T: std::ops::Mul<Output = T> + std::ops::Div<Output = T>,
{
    use BinaryOp as B;
    match op {
        B::Add => apply(a, b, out, |x: T, y: T| x + y),
        B::Subtract => apply(a, b, out, |x: T, y: T| x - y),
        B::Multiply => apply(a, b, out, |x: T, y: T| x * y),
        B::Divide => apply(a, b, out, |x: T, y: T| x / y),
        B::FloorDivide => division::floor_divide::<T>(a, b, out),
        B::Remainder => division::remainder::<T>(a, b, out),
        B::Power => apply_plain(a, b, out, T::power),
        B::FloatPower => apply_plain(a, b, out, T::power),
        B::Arctan2 => apply_plain(a, b, out, T::arctan2),
        B::Hypot => apply_plain(a, b, out, T::hypot),
        B::Logaddexp => apply_plain(a, b, out, T::logaddexp),
        B::Logaddexp2 => apply_plain(a, b, out, T::logaddexp2),
        B::Nextafter => apply_plain(a, b, out, T::nextafter),
        B::Fmod => division::fmod::<T>(a, b, out),
        B::Ldexp => apply_plain(a, b, out, |x: T, n: i64| x.ldexp(n)),
        B::Copysign => apply(a, b, out, |x: T, y: T| x.copysign(y)),
        B::Heaviside => apply(a, b, out, |x: T, y: T| x.heaviside(y)),
        B::Minimum => apply(a, b, out, |x: T, y: T| x.minimum(y)),
        B::Maximum => apply(a, b, out, |x: T, y: T| x.maximum(y)),
        B::Fmin => apply(a, b, out, |x: T, y: T| x.fmin(y)),
        B::Fmax => apply(a, b, out, |x: T, y: T| x.fmax(y)),
        _ => Err(no_loop(op.name(), T::DTYPE)),
    }
}

fn complexes<T>(op: BinaryOp, a: Column<'_>, b: Column<'_>, out: &mut Buffer) -> Result<()>
where
    T: Copy,
    Complex<T>: InColumn + Compare + ComplexMath,
{
    use BinaryOp as B;
    match op {
        B::Add => apply(a, b, out, Complex::<T>::plus),
        B::Subtract => apply(a, b, out, Complex::<T>::minus),
        B::Multiply => apply(a, b, out, Complex::<T>::times),
        B::Divide => apply_plain(a, b, out, Complex::<T>::over),
        B::Power | B::FloatPower => apply_plain(a, b, out, Complex::<T>::power),
        B::Fmin => apply_plain(a, b, out, |x: Complex<T>, y: Complex<T>| x.fmin(y)),
        B::Fmax => apply_plain(a, b, out, |x: Complex<T>, y: Complex<T>| x.fmax(y)),
        B::Minimum => apply_plain(a, b, out, |x: Complex<T>, y: Complex<T>| x.minimum(y)),
        B::Maximum => apply_plain(a, b, out, |x: Complex<T>, y: Complex<T>| x.maximum(y)),
        _ => Err(no_loop(op.name(), <Complex<T> as Element>::DTYPE)),
    }
}
