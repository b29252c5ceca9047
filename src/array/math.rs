//! Element-wise methods and operators. Adding one: its name and dtype rule in `op`, its loop in `kernel`, its method here,
//! its golden data in `tests/golden`.

use super::array::{Array, Operand};
use crate::dtype::{DType, Scalar};
use crate::op::{BinaryOp, UnaryOp};

macro_rules! unary {
    ($($(#[$doc:meta])* $name:ident => $Op:ident;)*) => {
        impl Array {$(
            $(#[$doc])*
            #[must_use]
            #[track_caller]
            pub fn $name(&self) -> Array {
                self.push(|g, a| g.unary(UnaryOp::$Op, a))
            }
        )*}
    };
}

unary! {
    /// −x
    negative => Negative;
    /// |x|
    abs => Absolute;
    /// −1, 0 or 1
    sign => Sign;
    /// √x
    sqrt => Sqrt;
    /// eˣ
    exp => Exp;
    /// Natural logarithm
    log => Log;
    /// Logarithm to base 2
    log2 => Log2;
    /// Logarithm to base 10
    log10 => Log10;
    /// Sine of radians
    sin => Sin;
    /// Cosine of radians
    cos => Cos;
    /// Tangent of radians
    tan => Tan;
    /// Inverse sine, radians
    arcsin => Arcsin;
    /// Inverse cosine, radians
    arccos => Arccos;
    /// Inverse tangent, radians
    arctan => Arctan;
    /// Hyperbolic sine
    sinh => Sinh;
    /// Hyperbolic cosine
    cosh => Cosh;
    /// Hyperbolic tangent
    tanh => Tanh;
    /// Largest integer not above x
    floor => Floor;
    /// Smallest integer not below x
    ceil => Ceil;
    /// x without its fraction
    trunc => Trunc;
    /// Nearest integer, halves to even
    rint => Rint;
    /// True for NaN and NaT
    isnan => Isnan;
    /// True for numbers neither NaN nor infinite
    isfinite => Isfinite;
    /// True for ±∞
    isinf => Isinf;
    /// Bit-wise not
    invert => Invert;
    /// True where x is zero
    logical_not => LogicalNot;
}

macro_rules! binary {
    ($($(#[$doc:meta])* $name:ident => $Op:ident;)*) => {
        impl Array {$(
            $(#[$doc])*
            #[must_use]
            #[track_caller]
            pub fn $name(&self, other: impl Into<Operand>) -> Array {
                self.binary(BinaryOp::$Op, &other.into())
            }
        )*}
    };
}

binary! {
    /// x + y
    add => Add;
    /// x − y
    subtract => Subtract;
    /// x · y
    multiply => Multiply;
    /// True division
    divide => Divide;
    /// Python's `//`
    floor_divide => FloorDivide;
    /// Python's `%`
    remainder => Remainder;
    /// xʸ
    power => Power;
    /// x & y
    bitwise_and => BitwiseAnd;
    /// x | y
    bitwise_or => BitwiseOr;
    /// x ^ y
    bitwise_xor => BitwiseXor;
    /// x << y
    left_shift => LeftShift;
    /// x >> y
    right_shift => RightShift;
    /// x == y
    eq => Equal;
    /// x != y
    ne => NotEqual;
    /// x < y
    lt => Less;
    /// x <= y
    le => LessEqual;
    /// x > y
    gt => Greater;
    /// x >= y
    ge => GreaterEqual;
    /// Both not zero
    logical_and => LogicalAnd;
    /// At least one not zero
    logical_or => LogicalOr;
    /// Exactly one not zero
    logical_xor => LogicalXor;
    /// The smaller; NaN wins
    minimum => Minimum;
    /// The larger; NaN wins
    maximum => Maximum;
    /// Angle of the point (other, self): arctan2(self, other), radians
    arctan2 => Arctan2;
}

impl Array {
    /// Any operation of two operands, by its record.
    #[must_use]
    #[track_caller]
    pub fn binary(&self, op: BinaryOp, other: &Operand) -> Array {
        self.push_with(&self.beside(op, other), |g, a, b| g.binary(op, a, b))
    }

    /// As [`Array::binary`], with the operands in the other order: `other op self`.
    #[must_use]
    #[track_caller]
    pub fn binary_reversed(&self, op: BinaryOp, other: &Operand) -> Array {
        self.push_with(&self.beside(op, other), |g, a, b| g.binary(op, b, a))
    }

    /// A number beside times keeps its meaning: a factor is no time, days added to a date are.
    fn beside(&self, op: BinaryOp, other: &Operand) -> Operand {
        use BinaryOp::{Add, Divide, FloorDivide, Multiply, Subtract};
        let Operand::Weak(value) = other else {
            return other.clone();
        };
        let dtype = match (self.dtype(), value.dtype()) {
            (_, number) if number.is_time() => number,
            (DType::Timedelta(_), number) if matches!(op, Multiply | Divide | FloorDivide) => {
                number
            }
            (DType::Datetime(unit), number)
                if number.is_integer() && matches!(op, Add | Subtract) =>
            {
                DType::Timedelta(unit)
            }
            _ => return other.clone(),
        };
        let session = self.session();
        let node = value
            .cast(dtype)
            .and_then(|v| session.with_graph(|g| g.fill(v, &[])));
        Operand::Array(Array::new(session.clone(), node))
    }

    /// Any operation of one operand, by its record.
    #[must_use]
    #[track_caller]
    pub fn unary(&self, op: UnaryOp) -> Array {
        self.push(|g, a| g.unary(op, a))
    }

    /// The elements in another dtype (`ndarray.astype`).
    #[must_use]
    #[track_caller]
    pub fn astype(&self, dtype: DType) -> Array {
        self.push(|g, a| g.cast(a, dtype))
    }

    /// Elements brought into `min … max`.
    #[must_use]
    #[track_caller]
    pub fn clip(&self, min: impl Into<Operand>, max: impl Into<Operand>) -> Array {
        self.maximum(min).minimum(max)
    }

    /// Elements where `condition` holds, missing elsewhere: integers become floats as in xarray.
    #[must_use]
    #[track_caller]
    pub fn where_(&self, condition: &Array) -> Array {
        let dtype = self.dtype().with_missing();
        let missing = Scalar::missing(dtype).unwrap_or(Scalar::F64(f64::NAN));
        self.push_with(&condition.into(), |g, a, c| {
            let a = g.cast(a, dtype)?;
            let missing = g.fill(missing, &[])?;
            g.where_(c, a, missing)
        })
    }

    /// Elements where `condition` holds, those of `other` elsewhere.
    #[must_use]
    #[track_caller]
    pub fn where_or(&self, condition: &Array, other: impl Into<Operand>) -> Array {
        let other = other.into();
        let other = match other.node_beside(self) {
            Ok(node) => node,
            Err(error) => return Array::failed(self.session(), error),
        };
        self.push_with(&condition.into(), |g, a, c| g.where_(c, a, other))
    }

    /// `value` where elements are missing.
    #[must_use]
    #[track_caller]
    pub fn fillna(&self, value: impl Into<Operand>) -> Array {
        if !self.dtype().has_missing() {
            return self.clone();
        }
        self.push_with(&value.into(), |g, a, value| {
            let missing = g.unary(UnaryOp::Isnan, a)?;
            g.where_(missing, value, a)
        })
    }
}

macro_rules! operator {
    ($($Trait:ident, $method:ident, $Op:ident;)*) => {$(
        impl<T: Into<Operand>> std::ops::$Trait<T> for &Array {
            type Output = Array;
            #[track_caller]
            fn $method(self, other: T) -> Array {
                self.binary(BinaryOp::$Op, &other.into())
            }
        }
        impl<T: Into<Operand>> std::ops::$Trait<T> for Array {
            type Output = Array;
            #[track_caller]
            fn $method(self, other: T) -> Array {
                self.binary(BinaryOp::$Op, &other.into())
            }
        }
        reversed!($Trait, $method, $Op, f64, f32, i64, i32);
    )*};
}

macro_rules! reversed {
    ($Trait:ident, $method:ident, $Op:ident, $($T:ty),*) => {$(
        impl std::ops::$Trait<&Array> for $T {
            type Output = Array;
            #[track_caller]
            fn $method(self, other: &Array) -> Array {
                other.binary_reversed(BinaryOp::$Op, &self.into())
            }
        }
        impl std::ops::$Trait<Array> for $T {
            type Output = Array;
            #[track_caller]
            fn $method(self, other: Array) -> Array {
                other.binary_reversed(BinaryOp::$Op, &self.into())
            }
        }
    )*};
}

operator! {
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

impl std::ops::Neg for &Array {
    type Output = Array;
    #[track_caller]
    fn neg(self) -> Array {
        self.negative()
    }
}

impl std::ops::Not for &Array {
    type Output = Array;
    #[track_caller]
    fn not(self) -> Array {
        self.invert()
    }
}
