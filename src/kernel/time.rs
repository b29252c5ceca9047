//! Arithmetic of datetimes and timedeltas: 64-bit counts of a unit, with NaT. NaT spreads like NaN; comparisons with it are
//! false, `!=` is true. Overflow wraps around. After NumPy's `loops.c.src`.

use super::column::Column;
use super::elementwise::{apply, no_loop};
use super::math;
use super::number::Integer;
use crate::block::Buffer;
use crate::dtype::{DType, NAT};
use crate::error::Result;
use crate::op::{BinaryOp, UnaryOp};

/// NaT when one of the operands is NaT.
#[inline(always)]
fn both(a: i64, b: i64, value: i64) -> i64 {
    if a == NAT || b == NAT { NAT } else { value }
}

/// The count, cut to an integer; NaT when it is none or does not fit.
#[inline(always)]
fn ticks(value: f64) -> i64 {
    if value.abs() < 9_223_372_036_854_775_808.0 {
        value as i64
    } else {
        NAT
    }
}

/// One operand of dtype datetime64 or timedelta64.
///
/// # Errors
/// Internal when the signature does not allow the dtype.
pub(super) fn unary(op: UnaryOp, dtype: DType, a: Column<'_>, out: &mut Buffer) -> Result<()> {
    match op {
        UnaryOp::Negative => math::apply(a, out, i64::wrapping_neg),
        UnaryOp::Absolute => math::apply(a, out, i64::wrapping_abs),
        UnaryOp::Positive => math::apply(a, out, |x: i64| x),
        UnaryOp::Sign => math::apply(
            a,
            out,
            |x: i64| if x == NAT { NAT } else { Integer::sign(x) },
        ),
        UnaryOp::Isnan => math::apply(a, out, |x: i64| x == NAT),
        UnaryOp::Isfinite => math::apply(a, out, |x: i64| x != NAT),
        UnaryOp::Isinf => math::apply(a, out, |_: i64| false),
        UnaryOp::LogicalNot => math::apply(a, out, |x: i64| x == 0),
        _ => Err(no_loop(op.name(), dtype)),
    }
}

/// Two operands, of which one or both are times.
///
/// # Errors
/// Internal when the signature does not allow the dtypes.
pub(super) fn binary(
    op: BinaryOp,
    dtypes: (DType, DType),
    a: Column<'_>,
    b: Column<'_>,
    out: &mut Buffer,
) -> Result<()> {
    use BinaryOp as B;
    match (op, dtypes.0.is_time(), dtypes.1.is_time(), dtypes) {
        (B::Multiply, true, false, (_, DType::F64)) => {
            apply(a, b, out, |x: i64, y: f64| both(x, x, ticks(x as f64 * y)))
        }
        (B::Multiply, false, true, (DType::F64, _)) => {
            apply(a, b, out, |x: f64, y: i64| both(y, y, ticks(x * y as f64)))
        }
        (B::Multiply, true, false, _) => {
            apply(a, b, out, |x: i64, y: i64| both(x, x, x.wrapping_mul(y)))
        }
        (B::Multiply, false, true, _) => {
            apply(a, b, out, |x: i64, y: i64| both(y, y, x.wrapping_mul(y)))
        }
        (B::Divide, true, false, _) => {
            apply(a, b, out, |x: i64, y: f64| both(x, x, ticks(x as f64 / y)))
        }
        // NumPy cuts towards zero here, though not for two timedeltas.
        (B::FloorDivide, true, false, _) => apply(a, b, out, |x: i64, y: i64| {
            if y == 0 {
                NAT
            } else {
                both(x, x, x.wrapping_div(y))
            }
        }),
        (_, true, true, _) => times(op, dtypes.0, a, b, out),
        _ => Err(no_loop(op.name(), dtypes.0)),
    }
}

fn times(op: BinaryOp, dtype: DType, a: Column<'_>, b: Column<'_>, out: &mut Buffer) -> Result<()> {
    use BinaryOp as B;
    match op {
        B::Add => apply(a, b, out, |x: i64, y: i64| both(x, y, x.wrapping_add(y))),
        B::Subtract => apply(a, b, out, |x: i64, y: i64| both(x, y, x.wrapping_sub(y))),
        B::Divide => apply(a, b, out, |x: i64, y: i64| {
            if x == NAT || y == NAT {
                f64::NAN
            } else {
                x as f64 / y as f64
            }
        }),
        // NumPy gives 0 for NaT here, since an int64 has no missing value.
        B::FloorDivide => apply(a, b, out, |x: i64, y: i64| {
            if x == NAT || y == NAT {
                0
            } else {
                Integer::floor_divide(x, y)
            }
        }),
        B::Remainder => apply(a, b, out, |x: i64, y: i64| {
            if y == 0 {
                NAT
            } else {
                both(x, y, Integer::remainder(x, y))
            }
        }),
        B::Minimum => apply(a, b, out, |x: i64, y: i64| both(x, y, x.min(y))),
        B::Maximum => apply(a, b, out, |x: i64, y: i64| both(x, y, x.max(y))),
        // NaT is the smallest count.
        B::Fmax => apply(a, b, out, |x: i64, y: i64| x.max(y)),
        B::Fmin => apply(a, b, out, |x: i64, y: i64| match (x, y) {
            (NAT, other) | (other, NAT) => other,
            _ => x.min(y),
        }),
        B::Equal => apply(a, b, out, |x: i64, y: i64| x != NAT && y != NAT && x == y),
        B::NotEqual => apply(a, b, out, |x: i64, y: i64| x == NAT || y == NAT || x != y),
        B::Less => apply(a, b, out, |x: i64, y: i64| x != NAT && y != NAT && x < y),
        B::LessEqual => apply(a, b, out, |x: i64, y: i64| x != NAT && y != NAT && x <= y),
        B::Greater => apply(a, b, out, |x: i64, y: i64| x != NAT && y != NAT && x > y),
        B::GreaterEqual => apply(a, b, out, |x: i64, y: i64| x != NAT && y != NAT && x >= y),
        _ => Err(no_loop(op.name(), dtype)),
    }
}
