//! Element-wise operations: their names. Their dtype rules are in `signature.rs`.

use serde::{Deserialize, Serialize};

macro_rules! names {
    ($(#[$doc:meta])* $Enum:ident { $($(#[$vdoc:meta])* $Variant:ident = $name:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $Enum { $($(#[$vdoc])* $Variant,)* }

        impl $Enum {
            /// Every operation, for tests and tables.
            pub const ALL: &'static [$Enum] = &[$($Enum::$Variant,)*];

            /// NumPy's name.
            pub fn name(self) -> &'static str {
                match self { $($Enum::$Variant => $name,)* }
            }
        }
    };
}

names! {
    /// Operations of one operand.
    UnaryOp {
        /// −x; an error for bool and unsigned times, two's complement for unsigned integers, as in NumPy.
        Negative = "negative",
        /// |x|; for complex numbers the modulus, a float.
        Absolute = "absolute",
        /// −1, 0, 1; NaN stays.
        Sign = "sign",
        /// √x
        Sqrt = "sqrt",
        /// eˣ
        Exp = "exp",
        /// ln x
        Log = "log",
        /// log₂ x
        Log2 = "log2",
        /// log₁₀ x
        Log10 = "log10",
        /// sin x, x in radians
        Sin = "sin",
        /// cos x
        Cos = "cos",
        /// tan x
        Tan = "tan",
        /// arcsin x
        Arcsin = "arcsin",
        /// arccos x
        Arccos = "arccos",
        /// arctan x
        Arctan = "arctan",
        /// sinh x
        Sinh = "sinh",
        /// cosh x
        Cosh = "cosh",
        /// tanh x
        Tanh = "tanh",
        /// Largest integer not above x
        Floor = "floor",
        /// Smallest integer not below x
        Ceil = "ceil",
        /// x without its fraction
        Trunc = "trunc",
        /// Nearest integer, halves to even
        Rint = "rint",
        /// True for NaN and NaT
        Isnan = "isnan",
        /// True for numbers that are neither NaN nor infinite
        Isfinite = "isfinite",
        /// True for ±∞
        Isinf = "isinf",
        /// Bit-wise not; logical not for bool
        Invert = "invert",
        /// True where x is zero
        LogicalNot = "logical_not",
        /// x; an error for bool, as in NumPy
        Positive = "positive",
        /// x · x
        Square = "square",
        /// 1 / x; integers stay integers, and that of 0 is 0 here (NumPy leaves it open)
        Reciprocal = "reciprocal",
        /// ∛x
        Cbrt = "cbrt",
        /// 2ˣ
        Exp2 = "exp2",
        /// eˣ − 1
        Expm1 = "expm1",
        /// ln(1 + x)
        Log1p = "log1p",
        /// arsinh x
        Arcsinh = "arcsinh",
        /// arcosh x
        Arccosh = "arccosh",
        /// artanh x
        Arctanh = "arctanh",
        /// Radians as degrees
        Degrees = "degrees",
        /// Degrees as radians
        Radians = "radians",
        /// sin(πx) / (πx), 1 at 0
        Sinc = "sinc",
        /// |x| of real numbers, always a float
        Fabs = "fabs",
        /// True where the sign bit is set: −0.0 and NaN with a sign, too
        Signbit = "signbit",
        /// True for +∞
        Isposinf = "isposinf",
        /// True for −∞
        Isneginf = "isneginf",
        /// True where the imaginary part is 0
        Isreal = "isreal",
        /// True where the imaginary part is not 0
        Iscomplex = "iscomplex",
        /// The real part
        Real = "real",
        /// The imaginary part; 0 for real numbers
        Imag = "imag",
        /// The complex conjugate
        Conjugate = "conjugate",
        /// The angle of a complex number, in radians; 0 or π for real ones
        Angle = "angle",
        /// Number of ones among the bits of |x|, uint8
        BitwiseCount = "bitwise_count",
        /// The mantissa m of x = m · 2ᵉ with ½ ≤ |m| < 1; 0, ±∞ and NaN are their own
        FrexpMantissa = "frexp_mantissa",
        /// The exponent e of x = m · 2ᵉ with ½ ≤ |m| < 1, int32; 0 for 0, ±∞ and NaN
        FrexpExponent = "frexp_exponent",
        /// Modified Bessel function of the first kind, order 0
        I0 = "i0",
    }
}

names! {
    /// Operations of two operands.
    BinaryOp {
        /// x + y
        Add = "add",
        /// x − y
        Subtract = "subtract",
        /// x · y
        Multiply = "multiply",
        /// True division; integers give f64
        Divide = "divide",
        /// Python's `//`: rounds towards −∞; integer division by zero gives 0, as in NumPy
        FloorDivide = "floor_divide",
        /// Python's `%`: the sign of the divisor; integer remainder by zero gives 0, as in NumPy
        Remainder = "remainder",
        /// xʸ
        Power = "power",
        /// x & y
        BitwiseAnd = "bitwise_and",
        /// x | y
        BitwiseOr = "bitwise_or",
        /// x ^ y
        BitwiseXor = "bitwise_xor",
        /// x << y; shifts of at least the width give 0, as in NumPy
        LeftShift = "left_shift",
        /// x >> y; shifts of at least the width give 0 or −1, as in NumPy
        RightShift = "right_shift",
        /// x == y
        Equal = "equal",
        /// x != y
        NotEqual = "not_equal",
        /// x < y
        Less = "less",
        /// x <= y
        LessEqual = "less_equal",
        /// x > y
        Greater = "greater",
        /// x >= y
        GreaterEqual = "greater_equal",
        /// Both not zero
        LogicalAnd = "logical_and",
        /// At least one not zero
        LogicalOr = "logical_or",
        /// Exactly one not zero
        LogicalXor = "logical_xor",
        /// The smaller; NaN wins
        Minimum = "minimum",
        /// The larger; NaN wins
        Maximum = "maximum",
        /// Angle of the point (y, x), in radians
        Arctan2 = "arctan2",
        /// √(x² + y²) without overflow on the way
        Hypot = "hypot",
        /// ln(eˣ + eʸ) without overflow on the way
        Logaddexp = "logaddexp",
        /// log₂(2ˣ + 2ʸ) without overflow on the way
        Logaddexp2 = "logaddexp2",
        /// |x| with the sign of y
        Copysign = "copysign",
        /// The next float from x towards y
        Nextafter = "nextafter",
        /// 0 for x < 0, 1 for x > 0, y for x = 0
        Heaviside = "heaviside",
        /// The smaller; NaN loses
        Fmin = "fmin",
        /// The larger; NaN loses
        Fmax = "fmax",
        /// C's `%`: the sign of the dividend; of integers by zero 0, as in NumPy
        Fmod = "fmod",
        /// xʸ, always in 64-bit floats
        FloatPower = "float_power",
        /// Greatest common divisor
        Gcd = "gcd",
        /// Least common multiple
        Lcm = "lcm",
        /// x · 2ʸ for integers y, rounded once
        Ldexp = "ldexp",
    }
}
