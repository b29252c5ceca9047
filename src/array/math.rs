//! Element-wise operations by position: any operation by its record, and those with a rule of their own. The methods and
//! operators of each name come from the table in `element_wise.rs`.

use super::array::{Array, Operand};
use crate::dtype::{DType, Scalar};
use crate::op::{BinaryOp, UnaryOp};

super::element_wise!(Array, Operand);

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
            // An exponent is no number of the array's kind.
            (_, number) if op == BinaryOp::Ldexp && !number.is_float() => number,
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
