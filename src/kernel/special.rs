//! Functions of two floats, and roots and angles of one, beyond those of `number.rs`: NumPy's definitions over `libm`.

use super::number::{Float, Transcendental};

/// Floats with the rest of NumPy's functions.
pub(super) trait Special: Float {
    fn cbrt(self) -> Self;
    fn degrees(self) -> Self;
    fn radians(self) -> Self;
    /// 0 or π.
    fn angle(self) -> Self;
    fn copysign(self, sign: Self) -> Self;
    fn nextafter(self, towards: Self) -> Self;
    /// C's `%`.
    fn fmod(self, other: Self) -> Self;
    fn logaddexp(self, other: Self) -> Self;
    fn logaddexp2(self, other: Self) -> Self;
    fn heaviside(self, at_zero: Self) -> Self;
    /// Mantissa and exponent.
    fn frexp(self) -> (Self, i32);
    /// self · 2ⁿ for a whole number n.
    fn ldexp(self, n: i64) -> Self;
}

macro_rules! special {
    ($($T:ident, $cbrt:path, $nextafter:path, $frexp:path, $ldexp:path;)*) => {$(
        impl Special for $T {
            fn cbrt(self) -> Self {
                $cbrt(self)
            }
            #[inline(always)]
            fn degrees(self) -> Self {
                self * (180.0 / std::$T::consts::PI)
            }
            #[inline(always)]
            fn radians(self) -> Self {
                self * (std::$T::consts::PI / 180.0)
            }
            fn angle(self) -> Self {
                Float::arctan2(0.0, self)
            }
            #[inline(always)]
            fn copysign(self, sign: Self) -> Self {
                <$T>::copysign(self, sign)
            }
            fn nextafter(self, towards: Self) -> Self {
                $nextafter(self, towards)
            }
            fn fmod(self, other: Self) -> Self {
                self % other
            }
            fn logaddexp(self, other: Self) -> Self {
                // Infinities of one sign, whose difference is NaN, among them.
                if self == other {
                    return self + std::$T::consts::LN_2;
                }
                let distance = self - other;
                if distance > 0.0 {
                    self + Transcendental::log1p(Transcendental::exp(-distance))
                } else if distance <= 0.0 {
                    other + Transcendental::log1p(Transcendental::exp(distance))
                } else {
                    distance
                }
            }
            fn logaddexp2(self, other: Self) -> Self {
                if self == other {
                    return self + 1.0;
                }
                let distance = self - other;
                let log = |x: $T| std::$T::consts::LOG2_E * Transcendental::log1p(x);
                if distance > 0.0 {
                    self + log(Transcendental::exp2(-distance))
                } else if distance <= 0.0 {
                    other + log(Transcendental::exp2(distance))
                } else {
                    distance
                }
            }
            fn frexp(self) -> (Self, i32) {
                match self.is_finite() {
                    true => $frexp(self),
                    false => (self, 0),
                }
            }
            fn ldexp(self, n: i64) -> Self {
                // Beyond all exponents on both sides.
                $ldexp(self, n.clamp(-9999, 9999) as i32)
            }
            #[inline(always)]
            fn heaviside(self, at_zero: Self) -> Self {
                if self == 0.0 {
                    at_zero
                } else if self < 0.0 {
                    0.0
                } else if self > 0.0 {
                    1.0
                } else {
                    self
                }
            }
        }
    )*};
}

special! {
    f32, libm::cbrtf, libm::nextafterf, libm::frexpf, libm::ldexpf;
    f64, libm::cbrt, libm::nextafter, libm::frexp, libm::ldexp;
}
