//! Floor division and remainders of floats without a call of `fmod` per element.
//!
//! The result is that of NumPy's `npy_divmod`, bit by bit: its `fmod` is exact, and so is the one here. With n = trunc(a / b)
//! below 2²⁶ and b split into a high part of 26 bits and the rest, n·high and n·low are exact products, and a − n·high − n·low is
//! an exact difference (Sterbenz, "Floating-Point Computation", 1974: both terms are close or multiples of one small unit). The
//! rounded quotient may be a whole number when the true one is a little less: the difference then has the wrong sign, and n is
//! one too large. f32 is the same without the split: the product of n and b fits an f64.
//!
//! Where that does not hold (quotients beyond 2²⁶, divisors near the ends of the range, zeros, infinities, NaN) the quick form
//! gives NaN, and those elements go through [`Float`]'s plain functions one by one.

use super::column::{Column, InColumn, operand, result};
use super::number::{Compare, Float};
use super::special::Special;
use super::vector;
use crate::block::Buffer;
use crate::error::Result;

/// Floats with quick forms; NaN where they are not sure.
pub(super) trait Division: InColumn + Compare + Special {
    fn quick_floor_divide(self, other: Self) -> Self;
    fn quick_remainder(self, other: Self) -> Self;
    fn quick_fmod(self, other: Self) -> Self;
}

/// The parts that all forms need: n with sign, and the exact rest; `None` as NaN in the rest.
struct Parts {
    quotient: f64,
    whole: f64,
    rest: f64,
}

/// Beyond these, products of `b` and a small number may leave the range.
const LEAST: f64 = f64::from_bits((1023 - 900) << 52);
const MOST: f64 = f64::from_bits((1023 + 900) << 52);

#[inline(always)]
fn corrected(a: f64, b: f64, quotient: f64, whole: f64, rest: f64, sure: bool) -> Parts {
    let over = (rest < 0.0 && a > 0.0) | (rest > 0.0 && a < 0.0);
    let back = b.abs().copysign(a);
    let rest = if over { rest + back } else { rest };
    let whole = if over {
        whole - 1f64.copysign(quotient)
    } else {
        whole
    };
    Parts {
        quotient,
        whole,
        rest: if sure { rest } else { f64::NAN },
    }
}

#[inline(always)]
fn divide_doubles(a: f64, b: f64) -> Parts {
    const SPLIT: f64 = 134_217_729.0; // 2²⁷ + 1: Veltkamp
    const WHOLE: f64 = 67_108_864.0; // 2²⁶
    let quotient = a / b;
    let whole = quotient.trunc();
    let wide = SPLIT * b;
    let high = wide - (wide - b);
    let low = b - high;
    let rest = (a - whole * high) - whole * low;
    let sure = (quotient.abs() < WHOLE) & (b.abs() < MOST) & (b.abs() > LEAST);
    corrected(a, b, quotient, whole, rest, sure)
}

#[inline(always)]
fn divide_singles(a: f32, b: f32) -> Parts {
    // NumPy divides the rounded difference in f32 and takes the nearest whole number: exact below this.
    const WHOLE: f64 = 2_097_152.0; // 2²¹
    let (a, b) = (f64::from(a), f64::from(b));
    let quotient = a / b;
    let whole = quotient.trunc();
    let rest = a - whole * b;
    corrected(a, b, quotient, whole, rest, quotient.abs() < WHOLE)
}

macro_rules! division {
    ($($T:ident, $divide:path;)*) => {$(
        impl Division for $T {
            #[inline(always)]
            fn quick_floor_divide(self, other: Self) -> Self {
                let parts = $divide(self, other);
                let crossing = (parts.rest != 0.0) & ((parts.rest < 0.0) != (other < 0.0));
                let floor = if crossing { parts.whole - 1.0 } else { parts.whole };
                let floor = if floor == 0.0 { 0f64.copysign(parts.quotient) } else { floor };
                // NaN where the rest is: a sum with it keeps it, one with the zero of another rest changes nothing.
                (if parts.rest.is_nan() { f64::NAN } else { floor }) as $T
            }
            #[inline(always)]
            fn quick_remainder(self, other: Self) -> Self {
                let rest = $divide(self, other).rest as $T;
                let crossing = (rest < 0.0) != (other < 0.0);
                let moved = if crossing { rest + other } else { rest };
                if rest == 0.0 { (0.0 as $T).copysign(other) } else { moved }
            }
            #[inline(always)]
            fn quick_fmod(self, other: Self) -> Self {
                let rest = $divide(self, other).rest as $T;
                if rest == 0.0 { (0.0 as $T).copysign(self) } else { rest }
            }
        }
    )*};
}

division! {
    f32, divide_singles;
    f64, divide_doubles;
}

fn apply<T: Division>(
    a: Column<'_>,
    b: Column<'_>,
    out: &mut Buffer,
    quick: impl Fn(T, T) -> T,
    plain: impl Fn(T, T) -> T,
) -> Result<()> {
    let (a, b) = (operand::<T>(a)?, operand::<T>(b)?);
    let out = result::<T>(out, a.len())?;
    if !vector::map2_checked(a, b, out, quick, |x| !x.nan()) {
        for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
            if out.nan() {
                *out = plain(*a, *b);
            }
        }
    }
    Ok(())
}

/// `floor(a / b)`, as NumPy.
pub(super) fn floor_divide<T: Division>(
    a: Column<'_>,
    b: Column<'_>,
    out: &mut Buffer,
) -> Result<()> {
    apply::<T>(a, b, out, T::quick_floor_divide, <T as Float>::floor_divide)
}

/// What remains of it, with the sign of the divisor.
pub(super) fn remainder<T: Division>(a: Column<'_>, b: Column<'_>, out: &mut Buffer) -> Result<()> {
    apply::<T>(a, b, out, T::quick_remainder, <T as Float>::remainder)
}

/// C's `fmod`, with the sign of the dividend.
pub(super) fn fmod<T: Division>(a: Column<'_>, b: Column<'_>, out: &mut Buffer) -> Result<()> {
    apply::<T>(a, b, out, T::quick_fmod, <T as Special>::fmod)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Doubles of all sizes, whole numbers and their multiples, neighbours of multiples, and what is special.
    fn doubles(count: usize, seed: u64) -> Vec<f64> {
        let mut state = seed;
        let mut random = move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) ^ (state << 40)
        };
        (0..count)
            .map(|_| {
                let bits = random();
                let unit = (random() >> 12) as f64 / (1u64 << 52) as f64 - 0.5;
                match bits % 16 {
                    0 => f64::from_bits(random()),
                    1 => 0f64.copysign(unit),
                    2 => [f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 5e-324]
                        [(bits >> 8) as usize % 4],
                    3..=7 => (unit * 200.0).trunc(),
                    8..=10 => (unit * 200.0).trunc() / 8.0 + f64::from_bits(0x3cb0_0000_0000_0000),
                    11 => (unit * 200.0).trunc() * 0.1,
                    _ => unit * 2f64.powi((bits >> 8) as i32 % 80 - 40),
                }
            })
            .collect()
    }

    fn same<T: Division>(x: T, y: T, bits: impl Fn(T) -> u64) -> bool {
        (x.nan() && y.nan()) || bits(x) == bits(y)
    }

    /// The quick forms are those of `fmod` wherever they are sure, and they are sure of nearly all that is not special.
    #[test]
    fn quick_forms_are_exact() {
        const COUNT: usize = 400_000;
        let (mut sure, mut all) = (0, 0);
        let check = |a: f64, b: f64| {
            let forms: [(f64, f64); 3] = [
                (a.quick_floor_divide(b), Float::floor_divide(a, b)),
                (a.quick_remainder(b), Float::remainder(a, b)),
                (a.quick_fmod(b), a % b),
            ];
            for (quick, plain) in forms {
                assert!(
                    quick.nan() || same(quick, plain, f64::to_bits),
                    "{a:e} {b:e}: {quick:e}, {plain:e}"
                );
            }
            let (c, d) = (a as f32, b as f32);
            let forms: [(f32, f32); 3] = [
                (c.quick_floor_divide(d), Float::floor_divide(c, d)),
                (c.quick_remainder(d), Float::remainder(c, d)),
                (c.quick_fmod(d), c % d),
            ];
            for (quick, plain) in forms {
                assert!(
                    quick.nan() || same(quick, plain, |x| u64::from(x.to_bits())),
                    "{c:e} {d:e}: {quick:e}, {plain:e}"
                );
            }
            !a.quick_floor_divide(b).nan()
        };
        for (a, b) in doubles(COUNT, 1).into_iter().zip(doubles(COUNT, 2)) {
            let usual = a.abs() < 1e6 && b.abs() > 1e-1 && b.abs() < 1e6;
            all += usize::from(usual);
            sure += usize::from(check(a, b) && usual);
            // Multiples, and their neighbours on both sides.
            let multiple = b * (a % 1e4).trunc();
            for near in [multiple, multiple.next_up(), multiple.next_down()] {
                check(near, b);
            }
        }
        assert!(all > COUNT / 4 && sure == all, "{sure} of {all}");
    }
}
