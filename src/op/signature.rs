//! Dtype rules of element-wise operations.
//!
//! A rule has two parts: the dtype in which operands are computed (they are cast to it first) and the dtype of the result.
//! Rules follow NumPy 2; times follow NumPy's datetime arithmetic.

use super::elementwise::{BinaryOp, UnaryOp};
use crate::dtype::{DType, Kind, promote};
use crate::error::{Error, Result};

/// The dtypes of one application of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The first operand is cast to this.
    pub left: DType,
    /// The second operand, where there is one, is cast to this.
    pub right: DType,
    /// Type of the result.
    pub result: DType,
}

fn refuse(name: &str, dtypes: &str, allowed: &str) -> Error {
    Error::invalid(format!(
        "{name}: not defined for {dtypes}; allowed: {allowed}"
    ))
}

/// The float type in which NumPy computes transcendental functions of `dtype` (f16 aside, which this version lacks:
/// 8-bit and 16-bit integers become f32, wider ones f64).
fn inexact(name: &str, dtype: DType) -> Result<DType> {
    Ok(match dtype {
        DType::Bool | DType::I8 | DType::U8 | DType::I16 | DType::U16 | DType::F32 => DType::F32,
        DType::C64 | DType::C128 => dtype,
        DType::Datetime(_) | DType::Timedelta(_) => {
            return Err(refuse(name, &dtype.to_string(), "numbers"));
        }
        _ => DType::F64,
    })
}

/// As [`inexact`], for functions that complex numbers do not have.
fn inexact_real(name: &str, dtype: DType) -> Result<DType> {
    match inexact(name, dtype)? {
        DType::C64 | DType::C128 => Err(refuse(name, &dtype.to_string(), "real numbers")),
        compute => Ok(compute),
    }
}

/// The type of the parts of a number.
fn part(dtype: DType) -> DType {
    match dtype {
        DType::C64 => DType::F32,
        DType::C128 => DType::F64,
        real => real,
    }
}

impl UnaryOp {
    /// The dtypes of `self` applied to `dtype`; `right` repeats `left`.
    ///
    /// # Errors
    /// Invalid input where NumPy raises a TypeError.
    pub fn signature(self, dtype: DType) -> Result<Signature> {
        use UnaryOp as U;
        let name = self.name();
        let of = |operand: DType, result: DType| Signature {
            left: operand,
            right: operand,
            result,
        };
        let kind = dtype.kind();
        Ok(match self {
            U::Negative | U::Positive | U::Sign if dtype == DType::Bool => {
                return Err(refuse(name, "bool", "numbers and timedeltas"));
            }
            U::Negative | U::Positive | U::Absolute | U::Sign
                if matches!(dtype, DType::Datetime(_)) =>
            {
                return Err(refuse(name, &dtype.to_string(), "numbers and timedeltas"));
            }
            U::Absolute => match dtype {
                DType::C64 => of(dtype, DType::F32),
                DType::C128 => of(dtype, DType::F64),
                _ => of(dtype, dtype),
            },
            U::Negative | U::Positive | U::Sign => of(dtype, dtype),
            U::Square
            | U::Reciprocal
            | U::Conjugate
            | U::Real
            | U::Imag
            | U::Isreal
            | U::Iscomplex
                if kind == Kind::Time =>
            {
                return Err(refuse(name, &dtype.to_string(), "numbers"));
            }
            U::Square | U::Reciprocal | U::Conjugate => match dtype {
                DType::Bool => of(DType::I8, DType::I8),
                _ => of(dtype, dtype),
            },
            U::Real | U::Imag => of(dtype, part(dtype)),
            U::Isreal | U::Iscomplex => of(dtype, DType::Bool),
            U::Signbit | U::Isposinf | U::Isneginf => match kind {
                Kind::Bool | Kind::Signed | Kind::Unsigned | Kind::Float => of(dtype, DType::Bool),
                Kind::Complex | Kind::Time => {
                    return Err(refuse(name, &dtype.to_string(), "real numbers"));
                }
            },
            U::BitwiseCount => match kind {
                Kind::Bool | Kind::Signed | Kind::Unsigned => of(dtype, DType::U8),
                _ => return Err(refuse(name, &dtype.to_string(), "bool and integers")),
            },
            U::Isnan | U::Isfinite | U::Isinf | U::LogicalNot => of(dtype, DType::Bool),
            U::Invert => match kind {
                Kind::Bool | Kind::Signed | Kind::Unsigned => of(dtype, dtype),
                _ => return Err(refuse(name, &dtype.to_string(), "bool and integers")),
            },
            U::Floor | U::Ceil | U::Trunc | U::Rint => match kind {
                Kind::Bool | Kind::Signed | Kind::Unsigned | Kind::Float => of(dtype, dtype),
                Kind::Complex | Kind::Time => {
                    return Err(refuse(name, &dtype.to_string(), "real numbers"));
                }
            },
            U::Sqrt
            | U::Exp
            | U::Log
            | U::Log2
            | U::Log10
            | U::Sin
            | U::Cos
            | U::Tan
            | U::Arcsin
            | U::Arccos
            | U::Arctan
            | U::Sinh
            | U::Cosh
            | U::Tanh
            | U::Exp2
            | U::Expm1
            | U::Log1p
            | U::Arcsinh
            | U::Arccosh
            | U::Arctanh => {
                let compute = inexact(name, dtype)?;
                of(compute, compute)
            }
            U::Cbrt | U::Degrees | U::Radians | U::Fabs => {
                let compute = inexact_real(name, dtype)?;
                of(compute, compute)
            }
            U::FrexpMantissa => {
                let compute = inexact_real(name, dtype)?;
                of(compute, compute)
            }
            U::FrexpExponent => of(inexact_real(name, dtype)?, DType::I32),
            // NumPy's is a function of Python: every integer becomes float64.
            U::I0 => {
                let compute = match kind {
                    Kind::Bool | Kind::Signed | Kind::Unsigned => DType::F64,
                    _ => inexact_real(name, dtype)?,
                };
                of(compute, compute)
            }
            U::Angle => {
                // NumPy puts the integer 0 beside it, which makes int64 of bool.
                let compute = match dtype {
                    DType::Bool => DType::F64,
                    _ => inexact(name, dtype)?,
                };
                of(compute, part(compute))
            }
            // NumPy multiplies by the number π first, which makes float64 of every integer.
            U::Sinc => {
                let compute = match kind {
                    Kind::Bool | Kind::Signed | Kind::Unsigned => DType::F64,
                    _ => inexact(name, dtype)?,
                };
                of(compute, compute)
            }
        })
    }
}

impl BinaryOp {
    /// True for the six comparisons.
    pub fn is_comparison(self) -> bool {
        use BinaryOp as B;
        matches!(
            self,
            B::Equal | B::NotEqual | B::Less | B::LessEqual | B::Greater | B::GreaterEqual
        )
    }

    /// The dtypes of `self` applied to arrays of `left` and `right`.
    ///
    /// # Errors
    /// Invalid input where NumPy raises a TypeError.
    pub fn signature(self, left: DType, right: DType) -> Result<Signature> {
        use BinaryOp as B;
        let name = self.name();
        let both = || format!("{left} and {right}");
        let of = |operand: DType, result: DType| Signature {
            left: operand,
            right: operand,
            result,
        };
        if left.is_time() || right.is_time() {
            return self.time_signature(left, right);
        }
        let common = promote(left, right).map_err(|e| e.context(format!("applying {name}")))?;
        Ok(match self {
            B::Add | B::Multiply | B::Minimum | B::Maximum | B::Fmin | B::Fmax => {
                of(common, common)
            }
            B::Subtract if common == DType::Bool => {
                return Err(refuse(
                    name,
                    "bool and bool",
                    "numbers; use bitwise_xor for bool",
                ));
            }
            B::Subtract => of(common, common),
            B::Divide => {
                let compute = match common {
                    DType::F32 | DType::C64 | DType::C128 => common,
                    _ => DType::F64,
                };
                of(compute, compute)
            }
            B::FloorDivide | B::Remainder | B::Fmod => match common {
                DType::Bool => of(DType::I8, DType::I8),
                DType::C64 | DType::C128 => return Err(refuse(name, &both(), "real numbers")),
                _ => of(common, common),
            },
            B::Power => match common {
                DType::Bool => of(DType::I8, DType::I8),
                _ => of(common, common),
            },
            B::BitwiseAnd | B::BitwiseOr | B::BitwiseXor => match common.kind() {
                Kind::Bool | Kind::Unsigned | Kind::Signed => of(common, common),
                _ => return Err(refuse(name, &both(), "bool and integers")),
            },
            B::FloatPower => match common {
                DType::C64 | DType::C128 => of(DType::C128, DType::C128),
                _ => of(DType::F64, DType::F64),
            },
            B::LeftShift | B::RightShift | B::Gcd | B::Lcm => match common {
                DType::Bool => of(DType::I8, DType::I8),
                _ if common.is_integer() => of(common, common),
                _ => return Err(refuse(name, &both(), "integers")),
            },
            B::Equal | B::NotEqual | B::Less | B::LessEqual | B::Greater | B::GreaterEqual => {
                of(common, DType::Bool)
            }
            B::LogicalAnd | B::LogicalOr | B::LogicalXor => Signature {
                left: DType::Bool,
                right: DType::Bool,
                result: DType::Bool,
            },
            B::Ldexp => match (right.kind(), inexact_real(name, left)?) {
                (Kind::Bool | Kind::Signed | Kind::Unsigned, compute) if right != DType::U64 => {
                    Signature {
                        left: compute,
                        right: DType::I64,
                        result: compute,
                    }
                }
                _ => {
                    return Err(refuse(
                        name,
                        &both(),
                        "real numbers and integers up to int64",
                    ));
                }
            },
            B::Arctan2
            | B::Hypot
            | B::Logaddexp
            | B::Logaddexp2
            | B::Copysign
            | B::Nextafter
            | B::Heaviside => match inexact(name, common)? {
                DType::C64 | DType::C128 => return Err(refuse(name, &both(), "real numbers")),
                compute => of(compute, compute),
            },
        })
    }

    /// Times: datetime − datetime, datetime ± timedelta, timedelta with timedelta or a number.
    fn time_signature(self, left: DType, right: DType) -> Result<Signature> {
        use BinaryOp as B;
        use DType::{Datetime, Timedelta};
        let refused = || {
            refuse(
                self.name(),
                &format!("{left} and {right}"),
                "differences, comparisons, sums with a timedelta, a timedelta times or over a number",
            )
        };
        let signature = |left, right, result| {
            Ok(Signature {
                left,
                right,
                result,
            })
        };
        match (self, left, right) {
            (B::Subtract, Datetime(a), Datetime(b)) => {
                let unit = a.max(b);
                signature(Datetime(unit), Datetime(unit), Timedelta(unit))
            }
            (B::Add | B::Subtract, Datetime(a), Timedelta(b)) => {
                let unit = a.max(b);
                signature(Datetime(unit), Timedelta(unit), Datetime(unit))
            }
            (B::Add, Timedelta(a), Datetime(b)) => {
                let unit = a.max(b);
                signature(Timedelta(unit), Datetime(unit), Datetime(unit))
            }
            (B::Add | B::Subtract | B::Remainder, Timedelta(a), Timedelta(b)) => {
                let unit = Timedelta(a.max(b));
                signature(unit, unit, unit)
            }
            (B::Divide, Timedelta(a), Timedelta(b)) => {
                let unit = Timedelta(a.max(b));
                signature(unit, unit, DType::F64)
            }
            (B::FloorDivide, Timedelta(a), Timedelta(b)) => {
                let unit = Timedelta(a.max(b));
                signature(unit, unit, DType::I64)
            }
            (B::Multiply, Timedelta(_), n) if n.is_integer() => signature(left, DType::I64, left),
            (B::Multiply, n, Timedelta(_)) if n.is_integer() => signature(DType::I64, right, right),
            (B::Multiply | B::Divide, Timedelta(_), n) if n.is_float() || n.is_integer() => {
                signature(left, DType::F64, left)
            }
            (B::Multiply, n, Timedelta(_)) if n.is_float() => signature(DType::F64, right, right),
            (B::FloorDivide, Timedelta(_), n) if n.is_integer() => {
                signature(left, DType::I64, left)
            }
            (B::Minimum | B::Maximum | B::Fmin | B::Fmax, Datetime(a), Datetime(b)) => {
                let unit = Datetime(a.max(b));
                signature(unit, unit, unit)
            }
            (B::Minimum | B::Maximum | B::Fmin | B::Fmax, Timedelta(a), Timedelta(b)) => {
                let unit = Timedelta(a.max(b));
                signature(unit, unit, unit)
            }
            (op, Datetime(a), Datetime(b)) if op.is_comparison() => {
                let unit = Datetime(a.max(b));
                signature(unit, unit, DType::Bool)
            }
            (op, Timedelta(a), Timedelta(b)) if op.is_comparison() => {
                let unit = Timedelta(a.max(b));
                signature(unit, unit, DType::Bool)
            }
            _ => Err(refused()),
        }
    }
}
