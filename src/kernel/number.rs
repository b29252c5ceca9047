//! What the operations mean on one value: NumPy's semantics, as small functions that inline into the loops.

use num_complex::Complex;

/// Order and equality as NumPy's comparisons see them: false with NaN, lexicographic for complex numbers.
pub(super) trait Compare: Copy {
    fn eq(self, other: Self) -> bool;
    fn lt(self, other: Self) -> bool;
    fn le(self, other: Self) -> bool;
    /// Not a number.
    fn nan(self) -> bool;
    /// Not zero; NaN is not zero.
    fn truth(self) -> bool;
    /// The smaller; NaN wins, the first one of two.
    fn minimum(self, other: Self) -> Self {
        if self.le(other) || self.nan() {
            self
        } else {
            other
        }
    }
    /// The larger; NaN wins, the first one of two.
    fn maximum(self, other: Self) -> Self {
        if other.le(self) || self.nan() {
            self
        } else {
            other
        }
    }
    /// The smaller; NaN loses.
    #[inline(always)]
    fn fmin(self, other: Self) -> Self {
        if self.le(other) || other.nan() {
            self
        } else {
            other
        }
    }
    /// The larger; NaN loses.
    #[inline(always)]
    fn fmax(self, other: Self) -> Self {
        if other.le(self) || other.nan() {
            self
        } else {
            other
        }
    }
}

macro_rules! compare {
    ($($T:ty, |$x:ident| $nan:expr, $zero:expr;)*) => {$(
        impl Compare for $T {
            #[inline(always)]
            fn eq(self, other: Self) -> bool {
                self == other
            }
            #[inline(always)]
            fn lt(self, other: Self) -> bool {
                self < other
            }
            #[inline(always)]
            fn le(self, other: Self) -> bool {
                self <= other
            }
            #[inline(always)]
            fn nan(self) -> bool {
                let $x = self;
                $nan
            }
            #[inline(always)]
            fn truth(self) -> bool {
                self != $zero
            }
        }
    )*};
}

compare! {
    bool, |_x| false, false;
    i8, |_x| false, 0; i16, |_x| false, 0; i32, |_x| false, 0; i64, |_x| false, 0;
    u8, |_x| false, 0; u16, |_x| false, 0; u32, |_x| false, 0; u64, |_x| false, 0;
    f32, |x| x.is_nan(), 0.0; f64, |x| x.is_nan(), 0.0;
}

macro_rules! compare_complex {
    ($($T:ty),*) => {$(
        impl Compare for Complex<$T> {
            #[inline(always)]
            fn eq(self, other: Self) -> bool {
                self.re == other.re && self.im == other.im
            }
            #[inline(always)]
            fn lt(self, other: Self) -> bool {
                (self.re < other.re && !self.im.is_nan() && !other.im.is_nan())
                    || (self.re == other.re && self.im < other.im)
            }
            #[inline(always)]
            fn le(self, other: Self) -> bool {
                (self.re < other.re && !self.im.is_nan() && !other.im.is_nan())
                    || (self.re == other.re && self.im <= other.im)
            }
            #[inline(always)]
            fn nan(self) -> bool {
                self.re.is_nan() || self.im.is_nan()
            }
            #[inline(always)]
            fn truth(self) -> bool {
                self.re != 0.0 || self.im != 0.0
            }
        }
    )*};
}

compare_complex!(f32, f64);

/// Integers: two's complement wraps around, division by zero gives 0.
pub(super) trait Integer: Copy {
    /// Rounds towards −∞.
    fn floor_divide(self, other: Self) -> Self;
    /// Has the sign of the divisor.
    fn remainder(self, other: Self) -> Self;
    /// By repeated squaring; the exponent is not negative.
    fn power(self, exponent: Self) -> Self;
    /// Shifts of at least the width, and negative ones, push all bits out.
    fn left_shift(self, by: Self) -> Self;
    /// As above, filling with the sign.
    fn right_shift(self, by: Self) -> Self;
    fn sign(self) -> Self;
    fn negative(self) -> bool;
    /// Has the sign of the dividend.
    fn fmod(self, other: Self) -> Self;
    fn gcd(self, other: Self) -> Self;
    fn lcm(self, other: Self) -> Self;
}

/// Euclid's algorithm.
fn common_divisor(a: u64, b: u64) -> u64 {
    let (mut a, mut b) = (a, b);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

macro_rules! integer {
    ($($T:ty;)*) => {$(
        #[allow(unused_comparisons, clippy::manual_range_contains)]
        impl Integer for $T {
            #[inline(always)]
            fn floor_divide(self, other: Self) -> Self {
                if other == 0 {
                    return 0;
                }
                let quotient = self.wrapping_div(other);
                let inexact = self.wrapping_rem(other) != 0;
                if inexact && ((self < 0) != (other < 0)) {
                    quotient.wrapping_sub(1)
                } else {
                    quotient
                }
            }
            #[inline(always)]
            fn remainder(self, other: Self) -> Self {
                if other == 0 {
                    return 0;
                }
                let rest = self.wrapping_rem(other);
                if rest != 0 && ((rest < 0) != (other < 0)) { rest.wrapping_add(other) } else { rest }
            }
            #[inline(always)]
            fn power(self, exponent: Self) -> Self {
                let (mut base, mut exponent, mut product) = (self, exponent, 1);
                while exponent > 0 {
                    if exponent & 1 == 1 {
                        product = <$T>::wrapping_mul(product, base);
                    }
                    base = base.wrapping_mul(base);
                    exponent >>= 1;
                }
                product
            }
            #[inline(always)]
            fn left_shift(self, by: Self) -> Self {
                if by >= 0 && (by as u64) < u64::from(<$T>::BITS) {
                    self.wrapping_shl(by as u32)
                } else {
                    0
                }
            }
            #[inline(always)]
            fn right_shift(self, by: Self) -> Self {
                if by >= 0 && (by as u64) < u64::from(<$T>::BITS) {
                    self.wrapping_shr(by as u32)
                } else if self < 0 {
                    (0 as $T).wrapping_sub(1)
                } else {
                    0
                }
            }
            #[inline(always)]
            fn sign(self) -> Self {
                if self < 0 { (0 as $T).wrapping_sub(1) } else { (self != 0) as $T }
            }
            #[inline(always)]
            fn negative(self) -> bool {
                self < 0
            }
            #[inline(always)]
            fn fmod(self, other: Self) -> Self {
                if other == 0 { 0 } else { self.wrapping_rem(other) }
            }
            fn gcd(self, other: Self) -> Self {
                let size = |x: Self| if x < 0 { (x as i64).unsigned_abs() } else { x as u64 };
                common_divisor(size(self), size(other)) as Self
            }
            fn lcm(self, other: Self) -> Self {
                let size = |x: Self| if x < 0 { (x as i64).unsigned_abs() } else { x as u64 };
                let (a, b) = (size(self), size(other));
                match common_divisor(a, b) {
                    0 => 0,
                    divisor => (a / divisor).wrapping_mul(b) as Self,
                }
            }
        }
    )*};
}

integer! {
    i8; i16; i32; i64; u8; u16; u32; u64;
}

/// Functions of floats and of complex numbers, from those of `libm`: the same bits everywhere.
pub(super) trait Transcendental: Copy {
    fn exp(self) -> Self;
    fn log(self) -> Self;
    fn log2(self) -> Self;
    fn log10(self) -> Self;
    fn sin(self) -> Self;
    fn cos(self) -> Self;
    fn tan(self) -> Self;
    fn arcsin(self) -> Self;
    fn arccos(self) -> Self;
    fn arctan(self) -> Self;
    fn sinh(self) -> Self;
    fn cosh(self) -> Self;
    fn tanh(self) -> Self;
    fn exp2(self) -> Self;
    fn expm1(self) -> Self;
    fn log1p(self) -> Self;
    fn arcsinh(self) -> Self;
    fn arccosh(self) -> Self;
    fn arctanh(self) -> Self;
    /// sin(πx) / (πx)
    fn sinc(self) -> Self;
}

/// Floats. `floor_divide` and `remainder` follow NumPy's `npy_divmod`, the rest calls `libm`: the same bits everywhere.
pub(super) trait Float: Transcendental {
    fn floor_divide(self, other: Self) -> Self;
    fn remainder(self, other: Self) -> Self;
    fn power(self, exponent: Self) -> Self;
    fn arctan2(self, other: Self) -> Self;
    fn sign(self) -> Self;
    fn hypot(self, other: Self) -> Self;
}

macro_rules! float {
    ($($T:ty { $($method:ident = $function:path,)* } $pow:path, $atan2:path, $hypot:path;)*) => {$(
        impl Transcendental for $T {
            $(#[inline(always)]
            fn $method(self) -> Self {
                $function(self)
            })*
            fn sinc(self) -> Self {
                if self == 0.0 {
                    return 1.0;
                }
                let y = (std::f64::consts::PI as $T) * self;
                Transcendental::sin(y) / y
            }
        }
        impl Float for $T {
            #[inline(always)]
            fn floor_divide(self, other: Self) -> Self {
                if other == 0.0 {
                    return self / other;
                }
                let rest = self % other;
                let mut quotient = (self - rest) / other;
                if rest != 0.0 && ((other < 0.0) != (rest < 0.0)) {
                    quotient -= 1.0;
                }
                if quotient == 0.0 {
                    return <$T>::copysign(0.0, self / other);
                }
                let floor = quotient.floor();
                if quotient - floor > 0.5 { floor + 1.0 } else { floor }
            }
            #[inline(always)]
            fn remainder(self, other: Self) -> Self {
                let rest = self % other;
                if other == 0.0 {
                    return rest;
                }
                if rest == 0.0 {
                    <$T>::copysign(0.0, other)
                } else if (other < 0.0) != (rest < 0.0) {
                    rest + other
                } else {
                    rest
                }
            }
            #[inline(always)]
            fn power(self, exponent: Self) -> Self {
                $pow(self, exponent)
            }
            #[inline(always)]
            fn arctan2(self, other: Self) -> Self {
                $atan2(self, other)
            }
            #[inline(always)]
            fn hypot(self, other: Self) -> Self {
                $hypot(self, other)
            }
            #[inline(always)]
            fn sign(self) -> Self {
                if self > 0.0 {
                    1.0
                } else if self < 0.0 {
                    -1.0
                } else if self == 0.0 {
                    0.0
                } else {
                    self
                }
            }
        }
    )*};
}

float! {
    f32 {
        exp = libm::expf, log = libm::logf, log2 = libm::log2f, log10 = libm::log10f,
        sin = libm::sinf, cos = libm::cosf, tan = libm::tanf,
        arcsin = libm::asinf, arccos = libm::acosf, arctan = libm::atanf,
        sinh = libm::sinhf, cosh = libm::coshf, tanh = libm::tanhf,
        exp2 = libm::exp2f, expm1 = libm::expm1f, log1p = libm::log1pf,
        arcsinh = libm::asinhf, arccosh = libm::acoshf, arctanh = libm::atanhf,
    } libm::powf, libm::atan2f, libm::hypotf;
    f64 {
        exp = libm::exp, log = libm::log, log2 = libm::log2, log10 = libm::log10,
        sin = libm::sin, cos = libm::cos, tan = libm::tan,
        arcsin = libm::asin, arccos = libm::acos, arctan = libm::atan,
        sinh = libm::sinh, cosh = libm::cosh, tanh = libm::tanh,
        exp2 = libm::exp2, expm1 = libm::expm1, log1p = libm::log1p,
        arcsinh = libm::asinh, arccosh = libm::acosh, arctanh = libm::atanh,
    } libm::pow, libm::atan2, libm::hypot;
}
