//! The table of element-wise methods and operators: one line gives the method of every type that has arrays in it (`Array`,
//! `DataArray`, `Dataset`). Adding one: its name and dtype rule in `op`, its loop in `kernel`, its line here, its golden
//! data in `tests/golden`.

/// Methods and operators of `$Type`, which has `unary(UnaryOp)`, `binary(BinaryOp, &$Operand)` and `binary_reversed`;
/// `$Operand` is what stands beside it, and takes numbers.
macro_rules! element_wise {
    ($Type:ident, $Operand:ident) => {
        $crate::array::element_wise! { @unary $Type;
            negative => Negative, "−x";
            abs => Absolute, "|x|";
            sign => Sign, "−1, 0 or 1";
            sqrt => Sqrt, "√x";
            exp => Exp, "eˣ";
            log => Log, "Natural logarithm";
            log2 => Log2, "Logarithm to base 2";
            log10 => Log10, "Logarithm to base 10";
            sin => Sin, "Sine of radians";
            cos => Cos, "Cosine of radians";
            tan => Tan, "Tangent of radians";
            arcsin => Arcsin, "Inverse sine, radians";
            arccos => Arccos, "Inverse cosine, radians";
            arctan => Arctan, "Inverse tangent, radians";
            sinh => Sinh, "Hyperbolic sine";
            cosh => Cosh, "Hyperbolic cosine";
            tanh => Tanh, "Hyperbolic tangent";
            floor => Floor, "Largest integer not above x";
            ceil => Ceil, "Smallest integer not below x";
            trunc => Trunc, "x without its fraction";
            rint => Rint, "Nearest integer, halves to even";
            isnan => Isnan, "True for NaN and NaT";
            isfinite => Isfinite, "True for numbers neither NaN nor infinite";
            isinf => Isinf, "True for ±∞";
            invert => Invert, "Bit-wise not";
            logical_not => LogicalNot, "True where x is zero";
            positive => Positive, "x";
            square => Square, "x · x";
            reciprocal => Reciprocal, "1 / x";
            cbrt => Cbrt, "∛x";
            exp2 => Exp2, "2ˣ";
            expm1 => Expm1, "eˣ − 1";
            log1p => Log1p, "ln(1 + x)";
            arcsinh => Arcsinh, "Inverse hyperbolic sine";
            arccosh => Arccosh, "Inverse hyperbolic cosine";
            arctanh => Arctanh, "Inverse hyperbolic tangent";
            degrees => Degrees, "Radians as degrees";
            rad2deg => Degrees, "Radians as degrees";
            radians => Radians, "Degrees as radians";
            deg2rad => Radians, "Degrees as radians";
            sinc => Sinc, "sin(πx) / (πx)";
            fabs => Fabs, "|x| as a float";
            signbit => Signbit, "True where the sign bit is set";
            isposinf => Isposinf, "True for +∞";
            isneginf => Isneginf, "True for −∞";
            isreal => Isreal, "True where the imaginary part is 0";
            iscomplex => Iscomplex, "True where the imaginary part is not 0";
            real => Real, "The real part";
            imag => Imag, "The imaginary part";
            conj => Conjugate, "The complex conjugate";
            conjugate => Conjugate, "The complex conjugate";
            angle => Angle, "The angle in the complex plane, radians";
            bitwise_count => BitwiseCount, "Ones among the bits of |x|";
            frexp_mantissa => FrexpMantissa, "The mantissa of `frexp`";
            frexp_exponent => FrexpExponent, "The exponent of `frexp`";
            i0 => I0, "Modified Bessel function of the first kind, order 0";
            acos => Arccos, "The standard's name of `arccos`";
            acosh => Arccosh, "The standard's name of `arccosh`";
            asin => Arcsin, "The standard's name of `arcsin`";
            asinh => Arcsinh, "The standard's name of `arcsinh`";
            atan => Arctan, "The standard's name of `arctan`";
            atanh => Arctanh, "The standard's name of `arctanh`";
            bitwise_invert => Invert, "The standard's name of `invert`";
        }
        $crate::array::element_wise! { @binary $Type, $Operand;
            add => Add, "x + y";
            subtract => Subtract, "x − y";
            multiply => Multiply, "x · y";
            divide => Divide, "True division";
            floor_divide => FloorDivide, "Python's `//`";
            remainder => Remainder, "Python's `%`";
            power => Power, "xʸ";
            bitwise_and => BitwiseAnd, "x & y";
            bitwise_or => BitwiseOr, "x | y";
            bitwise_xor => BitwiseXor, "x ^ y";
            left_shift => LeftShift, "x << y";
            right_shift => RightShift, "x >> y";
            eq => Equal, "x == y";
            ne => NotEqual, "x != y";
            lt => Less, "x < y";
            le => LessEqual, "x <= y";
            gt => Greater, "x > y";
            ge => GreaterEqual, "x >= y";
            logical_and => LogicalAnd, "Both not zero";
            logical_or => LogicalOr, "At least one not zero";
            logical_xor => LogicalXor, "Exactly one not zero";
            minimum => Minimum, "The smaller; NaN wins";
            maximum => Maximum, "The larger; NaN wins";
            arctan2 => Arctan2, "Angle of the point (other, self): arctan2(self, other), radians";
            hypot => Hypot, "√(x² + y²)";
            logaddexp => Logaddexp, "ln(eˣ + eʸ)";
            logaddexp2 => Logaddexp2, "log₂(2ˣ + 2ʸ)";
            copysign => Copysign, "|x| with the sign of y";
            nextafter => Nextafter, "The next float from x towards y";
            heaviside => Heaviside, "0, y or 1 by the sign of x";
            fmin => Fmin, "The smaller; NaN loses";
            fmax => Fmax, "The larger; NaN loses";
            fmod => Fmod, "C's `%`";
            float_power => FloatPower, "xʸ in 64-bit floats";
            gcd => Gcd, "Greatest common divisor";
            lcm => Lcm, "Least common multiple";
            ldexp => Ldexp, "x · 2ʸ for integers y";
            atan2 => Arctan2, "The standard's name of `arctan2`";
            pow => Power, "The standard's name of `power`";
            bitwise_left_shift => LeftShift, "The standard's name of `left_shift`";
            bitwise_right_shift => RightShift, "The standard's name of `right_shift`";
            equal => Equal, "x == y";
            not_equal => NotEqual, "x != y";
            less => Less, "x < y";
            less_equal => LessEqual, "x <= y";
            greater => Greater, "x > y";
            greater_equal => GreaterEqual, "x >= y";
        }
        $crate::array::element_wise! { @operator $Type, $Operand;
            Add, add, Add;
            Sub, sub, Subtract;
            Mul, mul, Multiply;
            Div, div, Divide;
            Rem, rem, Remainder;
            BitAnd, bitand, BitwiseAnd;
            BitOr, bitor, BitwiseOr;
            BitXor, bitxor, BitwiseXor;
            Shl, shl, LeftShift;
            Shr, shr, RightShift;
        }
        impl std::ops::Neg for &$Type {
            type Output = $Type;
            #[track_caller]
            fn neg(self) -> $Type {
                self.negative()
            }
        }
        impl std::ops::Not for &$Type {
            type Output = $Type;
            #[track_caller]
            fn not(self) -> $Type {
                self.invert()
            }
        }
    };
    (@unary $Type:ident; $($name:ident => $Op:ident, $doc:literal;)*) => {
        impl $Type {$(
            #[doc = $doc]
            #[must_use]
            #[track_caller]
            pub fn $name(&self) -> $Type {
                self.unary($crate::op::UnaryOp::$Op)
            }
        )*}
    };
    (@binary $Type:ident, $Operand:ident; $($name:ident => $Op:ident, $doc:literal;)*) => {
        impl $Type {$(
            #[doc = $doc]
            #[must_use]
            #[track_caller]
            pub fn $name(&self, other: impl Into<$Operand>) -> $Type {
                self.binary($crate::op::BinaryOp::$Op, &other.into())
            }
        )*}
    };
    (@operator $Type:ident, $Operand:ident; $($Trait:ident, $method:ident, $Op:ident;)*) => {$(
        impl<T: Into<$Operand>> std::ops::$Trait<T> for &$Type {
            type Output = $Type;
            #[track_caller]
            fn $method(self, other: T) -> $Type {
                self.binary($crate::op::BinaryOp::$Op, &other.into())
            }
        }
        impl<T: Into<$Operand>> std::ops::$Trait<T> for $Type {
            type Output = $Type;
            #[track_caller]
            fn $method(self, other: T) -> $Type {
                self.binary($crate::op::BinaryOp::$Op, &other.into())
            }
        }
        $crate::array::element_wise! { @reversed $Type, $Trait, $method, $Op: f64, f32, i64, i32 }
    )*};
    (@reversed $Type:ident, $Trait:ident, $method:ident, $Op:ident: $($Number:ty),*) => {$(
        impl std::ops::$Trait<&$Type> for $Number {
            type Output = $Type;
            #[track_caller]
            fn $method(self, other: &$Type) -> $Type {
                other.binary_reversed($crate::op::BinaryOp::$Op, &self.into())
            }
        }
        impl std::ops::$Trait<$Type> for $Number {
            type Output = $Type;
            #[track_caller]
            fn $method(self, other: $Type) -> $Type {
                other.binary_reversed($crate::op::BinaryOp::$Op, &self.into())
            }
        }
    )*};
}

/// Numbers written in the program as operands: they take the dtype of what stands beside them (NEP 50).
macro_rules! weak_numbers {
    ($Operand:ident) => {
        $crate::array::weak_numbers! { $Operand;
            i32 => I64 as i64, i64 => I64 as i64, u8 => I64 as i64, u16 => I64 as i64, u32 => I64 as i64, u64 => U64 as u64,
            f32 => F64 as f64, f64 => F64 as f64, bool => Bool as bool
        }
        impl From<$crate::dtype::Scalar> for $Operand {
            fn from(value: $crate::dtype::Scalar) -> Self {
                $Operand::Weak(value)
            }
        }
    };
    ($Operand:ident; $($T:ty => $variant:ident as $Wide:ty),*) => {$(
        impl From<$T> for $Operand {
            fn from(value: $T) -> Self {
                $Operand::Weak($crate::dtype::Scalar::$variant(<$Wide>::from(value)))
            }
        }
    )*};
}

pub(crate) use {element_wise, weak_numbers};
