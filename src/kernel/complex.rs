//! Complex functions, from real functions of `libm`: the same bits everywhere. Division follows NumPy (Smith's method);
//! `sqrt` follows W. Kahan's scaling-free half; branch cuts are C99's on finite values.

use super::number::{Float, Transcendental};
use num_complex::Complex;

/// Functions of a complex number.
pub(super) trait ComplexMath: Transcendental {
    /// The type of the parts.
    type Part;
    fn plus(self, other: Self) -> Self;
    fn minus(self, other: Self) -> Self;
    fn times(self, other: Self) -> Self;
    fn over(self, other: Self) -> Self;
    fn power(self, exponent: Self) -> Self;
    fn modulus(self) -> Self::Part;
    /// The modulus by plain arithmetic, which `is_sure` of when no square on the way can leave the range.
    fn quick_modulus(self) -> Self::Part;
    fn is_sure(modulus: Self::Part) -> bool;
    fn opposite(self) -> Self;
    fn inverse(self) -> Self;
    fn conjugate(self) -> Self;
    fn sign(self) -> Self;
    fn sqrt(self) -> Self;
    fn finite(self) -> bool;
    fn infinite(self) -> bool;
}

macro_rules! complex {
    ($($T:ident),*) => {$(
        impl ComplexMath for Complex<$T> {
            type Part = $T;

            #[inline(always)]
            fn plus(self, other: Self) -> Self {
                Complex::new(self.re + other.re, self.im + other.im)
            }
            #[inline(always)]
            fn minus(self, other: Self) -> Self {
                Complex::new(self.re - other.re, self.im - other.im)
            }
            #[inline(always)]
            fn times(self, other: Self) -> Self {
                Complex::new(
                    self.re * other.re - self.im * other.im,
                    self.re * other.im + self.im * other.re,
                )
            }
            #[inline(always)]
            fn over(self, other: Self) -> Self {
                let (re, im) = (other.re.abs(), other.im.abs());
                if re >= im {
                    if re == 0.0 && im == 0.0 {
                        return Complex::new(self.re / re, self.im / re);
                    }
                    let ratio = other.im / other.re;
                    let scale = 1.0 / (other.re + other.im * ratio);
                    Complex::new(
                        (self.re + self.im * ratio) * scale,
                        (self.im - self.re * ratio) * scale,
                    )
                } else {
                    let ratio = other.re / other.im;
                    let scale = 1.0 / (other.im + other.re * ratio);
                    Complex::new(
                        (self.re * ratio + self.im) * scale,
                        (self.im * ratio - self.re) * scale,
                    )
                }
            }
            fn power(self, exponent: Self) -> Self {
                let one = Complex::new(1.0, 0.0);
                if exponent.re == 0.0 && exponent.im == 0.0 {
                    return one;
                }
                if self.re == 0.0 && self.im == 0.0 {
                    return if exponent.re > 0.0 && exponent.im == 0.0 {
                        Complex::new(0.0, 0.0)
                    } else {
                        Complex::new($T::NAN, $T::NAN)
                    };
                }
                // Small whole exponents are products, as in NumPy: exact for whole numbers.
                if exponent.im == 0.0 && exponent.re.trunc() == exponent.re && exponent.re.abs() < 100.0 {
                    let (mut n, mut base, mut product) = (exponent.re.abs() as u32, self, one);
                    while n > 0 {
                        if n & 1 == 1 {
                            product = product.times(base);
                        }
                        base = base.times(base);
                        n >>= 1;
                    }
                    return if exponent.re < 0.0 { one.over(product) } else { product };
                }
                Transcendental::exp(exponent.times(Transcendental::log(self)))
            }
            #[inline(always)]
            fn modulus(self) -> $T {
                Float::hypot(self.re, self.im)
            }
            #[inline(always)]
            fn quick_modulus(self) -> $T {
                (self.re * self.re + self.im * self.im).sqrt()
            }
            #[inline(always)]
            fn is_sure(modulus: $T) -> bool {
                // The square of a part below this may lose bits, but then it is too small to be seen in the sum.
                let least = <$T>::MIN_POSITIVE.sqrt() * 1e9;
                let most = <$T>::MAX.sqrt() * 1e-3;
                modulus > least && modulus < most
            }
            fn inverse(self) -> Self {
                Complex::new(1.0, 0.0).over(self)
            }
            #[inline(always)]
            fn conjugate(self) -> Self {
                Complex::new(self.re, -self.im)
            }
            #[inline(always)]
            fn opposite(self) -> Self {
                Complex::new(-self.re, -self.im)
            }
            fn sign(self) -> Self {
                let modulus = self.modulus();
                if modulus.is_nan() {
                    Complex::new($T::NAN, $T::NAN)
                } else if modulus.is_infinite() {
                    match (self.re.is_infinite(), self.im.is_infinite()) {
                        (true, true) => Complex::new($T::NAN, $T::NAN),
                        (true, false) => Complex::new($T::copysign(1.0, self.re), 0.0),
                        _ => Complex::new(0.0, $T::copysign(1.0, self.im)),
                    }
                } else if modulus == 0.0 {
                    Complex::new(0.0, 0.0)
                } else {
                    Complex::new(self.re / modulus, self.im / modulus)
                }
            }
            fn sqrt(self) -> Self {
                if self.re == 0.0 && self.im == 0.0 {
                    return Complex::new(0.0, self.im);
                }
                let root = ((self.re.abs() + self.modulus()) * 0.5).sqrt();
                let other = self.im.abs() / (2.0 * root);
                if self.re >= 0.0 {
                    Complex::new(root, $T::copysign(other, self.im))
                } else {
                    Complex::new(other, $T::copysign(root, self.im))
                }
            }
            #[inline(always)]
            fn finite(self) -> bool {
                self.re.is_finite() && self.im.is_finite()
            }
            #[inline(always)]
            fn infinite(self) -> bool {
                self.re.is_infinite() || self.im.is_infinite()
            }
        }

        impl Transcendental for Complex<$T> {
            fn exp(self) -> Self {
                let scale = Transcendental::exp(self.re);
                if self.im == 0.0 {
                    return Complex::new(scale, self.im);
                }
                Complex::new(scale * Transcendental::cos(self.im), scale * Transcendental::sin(self.im))
            }
            fn log(self) -> Self {
                Complex::new(Transcendental::log(self.modulus()), Float::arctan2(self.im, self.re))
            }
            fn log2(self) -> Self {
                let log = Transcendental::log(self);
                let scale = std::f64::consts::LOG2_E as $T;
                Complex::new(log.re * scale, log.im * scale)
            }
            fn log10(self) -> Self {
                let log = Transcendental::log(self);
                let scale = std::f64::consts::LOG10_E as $T;
                Complex::new(log.re * scale, log.im * scale)
            }
            fn sin(self) -> Self {
                Complex::new(
                    Transcendental::sin(self.re) * Transcendental::cosh(self.im),
                    Transcendental::cos(self.re) * Transcendental::sinh(self.im),
                )
            }
            fn cos(self) -> Self {
                Complex::new(
                    Transcendental::cos(self.re) * Transcendental::cosh(self.im),
                    -(Transcendental::sin(self.re) * Transcendental::sinh(self.im)),
                )
            }
            fn tan(self) -> Self {
                // tan z = −i tanh(iz)
                let t = Transcendental::tanh(Complex::new(-self.im, self.re));
                Complex::new(t.im, -t.re)
            }
            fn arcsin(self) -> Self {
                // After W. Kahan: re = atan(x / Re(√(1−z)·√(1+z))), im = asinh(Im(conj(√(1−z))·√(1+z))).
                let minus = ComplexMath::sqrt(Complex::new(1.0 - self.re, -self.im));
                let plus = ComplexMath::sqrt(Complex::new(1.0 + self.re, self.im));
                Complex::new(
                    Float::arctan2(self.re, minus.times(plus).re),
                    libm::asinh(f64::from(minus.conj().times(plus).im)) as $T,
                )
            }
            fn arccos(self) -> Self {
                let minus = ComplexMath::sqrt(Complex::new(1.0 - self.re, -self.im));
                let plus = ComplexMath::sqrt(Complex::new(1.0 + self.re, self.im));
                Complex::new(
                    2.0 * Float::arctan2(minus.re, plus.re),
                    libm::asinh(f64::from(plus.conj().times(minus).im)) as $T,
                )
            }
            fn arctan(self) -> Self {
                // re = ½ atan2(2x, 1 − x² − y²), im = ¼ log((x² + (y+1)²) / (x² + (y−1)²))
                let (x, y) = (f64::from(self.re), f64::from(self.im));
                let below = x * x + (y - 1.0) * (y - 1.0);
                Complex::new(
                    (0.5 * libm::atan2(2.0 * x, (1.0 - x) * (1.0 + x) - y * y)) as $T,
                    (0.25 * libm::log1p(4.0 * y / below)) as $T,
                )
            }
            fn sinh(self) -> Self {
                Complex::new(
                    Transcendental::sinh(self.re) * Transcendental::cos(self.im),
                    Transcendental::cosh(self.re) * Transcendental::sin(self.im),
                )
            }
            fn cosh(self) -> Self {
                Complex::new(
                    Transcendental::cosh(self.re) * Transcendental::cos(self.im),
                    Transcendental::sinh(self.re) * Transcendental::sin(self.im),
                )
            }
            fn tanh(self) -> Self {
                // Beyond 20 the quotient below overflows while the result is ±1.
                if self.re.abs() > 20.0 {
                    let tail = 4.0 * Transcendental::exp(-2.0 * self.re.abs());
                    return Complex::new(
                        $T::copysign(1.0, self.re),
                        tail * Transcendental::sin(self.im) * Transcendental::cos(self.im),
                    );
                }
                let (sinh, cos) = (Transcendental::sinh(self.re), Transcendental::cos(self.im));
                let below = sinh * sinh + cos * cos;
                Complex::new(
                    sinh * Transcendental::cosh(self.re) / below,
                    Transcendental::sin(self.im) * cos / below,
                )
            }
            fn exp2(self) -> Self {
                let scale = std::f64::consts::LN_2 as $T;
                Transcendental::exp(Complex::new(self.re * scale, self.im * scale))
            }
            fn expm1(self) -> Self {
                let half = Transcendental::sin(self.im / 2.0);
                Complex::new(
                    Transcendental::expm1(self.re) * Transcendental::cos(self.im) - 2.0 * half * half,
                    Transcendental::exp(self.re) * Transcendental::sin(self.im),
                )
            }
            fn log1p(self) -> Self {
                Transcendental::log(Complex::new(self.re + 1.0, self.im))
            }
            fn arcsinh(self) -> Self {
                // arsinh z = −i arcsin(iz)
                let w = Transcendental::arcsin(Complex::new(-self.im, self.re));
                Complex::new(w.im, -w.re)
            }
            fn arccosh(self) -> Self {
                let minus = ComplexMath::sqrt(Complex::new(self.re - 1.0, self.im));
                let plus = ComplexMath::sqrt(Complex::new(self.re + 1.0, self.im));
                Complex::new(
                    libm::asinh(f64::from(minus.conj().times(plus).re)) as $T,
                    2.0 * Float::arctan2(minus.im, plus.re),
                )
            }
            fn arctanh(self) -> Self {
                // artanh z = −i arctan(iz)
                let w = Transcendental::arctan(Complex::new(-self.im, self.re));
                Complex::new(w.im, -w.re)
            }
            fn sinc(self) -> Self {
                if self.re == 0.0 && self.im == 0.0 {
                    return Complex::new(1.0, 0.0);
                }
                let pi = std::f64::consts::PI as $T;
                let y = Complex::new(self.re * pi, self.im * pi);
                Transcendental::sin(y).over(y)
            }
        }
    )*};
}

complex!(f32, f64);
