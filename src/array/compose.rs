//! Element-wise functions with parameters, made of the operations of the table.

use super::array::{Array, Operand};
use crate::dtype::{DType, Kind, Scalar, promote, promote_weak};
use crate::error::{Error, Result};
use crate::op::{BinaryOp, UnaryOp};
use std::panic::Location;

/// Most values of [`Array::isin`]: one comparison each, for every element.
const MOST_VALUES: usize = 1024;

/// An end of [`Array::clip`]: an operand, or `()` for none.
#[derive(Clone, Debug)]
pub struct Bound(Option<Operand>);

impl<T: Into<Operand>> From<T> for Bound {
    fn from(value: T) -> Self {
        Bound(Some(value.into()))
    }
}

impl From<()> for Bound {
    fn from((): ()) -> Self {
        Bound(None)
    }
}

impl Array {
    /// Elements brought into `min … max`; `()` is an open end. NumPy's `clip`.
    #[must_use]
    #[track_caller]
    pub fn clip(&self, min: impl Into<Bound>, max: impl Into<Bound>) -> Array {
        let mut result = self.clone();
        if let Bound(Some(min)) = min.into() {
            result = result.maximum(min);
        }
        if let Bound(Some(max)) = max.into() {
            result = result.minimum(max);
        }
        result
    }

    /// The fraction and the whole part, both with the sign of x; integers become floats. NumPy's `modf`.
    #[must_use]
    #[track_caller]
    pub fn modf(&self) -> (Array, Array) {
        let x = self.fabs().copysign(self);
        let whole = x.trunc();
        let rest = x.subtract(&whole);
        // Nothing is left of an infinity.
        let rest = rest.where_or(&x.isinf().invert(), 0.0);
        (rest.copysign(&x), whole)
    }

    /// The mantissa m and the exponent e (int32) of x = m · 2ᵉ with ½ ≤ |m| < 1. NumPy's `frexp`.
    #[must_use]
    #[track_caller]
    pub fn frexp(&self) -> (Array, Array) {
        (self.frexp_mantissa(), self.frexp_exponent())
    }

    /// True where an element is neither NaN nor NaT. dask's `notnull`.
    #[must_use]
    #[track_caller]
    pub fn notnull(&self) -> Array {
        self.isnan().logical_not()
    }

    /// True where an element is NaN or NaT. dask's `isnull`.
    #[must_use]
    #[track_caller]
    pub fn isnull(&self) -> Array {
        self.isnan()
    }

    /// Rounded to `decimals` places, halves to even; negative ones are places before the point. NumPy's `round`, and by its
    /// way: scaled, rounded, scaled back.
    #[must_use]
    #[track_caller]
    pub fn round(&self, decimals: i32) -> Array {
        let dtype = self.dtype();
        match dtype.kind() {
            _ if self.check().is_err() => self.clone(),
            Kind::Bool | Kind::Time | Kind::Complex => Array::failed(
                self.session(),
                Error::invalid(format!(
                    "round: not defined for {dtype}; allowed: real numbers"
                )),
            ),
            Kind::Signed | Kind::Unsigned if decimals >= 0 => self.clone(),
            _ if decimals == 0 => self.rint(),
            _ => {
                let scale = 10f64.powi(decimals.saturating_abs());
                let rounded = match decimals > 0 {
                    true => self.multiply(scale).rint().divide(scale),
                    false => self.divide(scale).rint().multiply(scale),
                };
                rounded.astype(dtype)
            }
        }
    }

    /// NaN as `nan`, +∞ as `posinf` and −∞ as `neginf` (`None`: the largest and smallest number of the dtype). NumPy's
    /// `nan_to_num`.
    #[must_use]
    #[track_caller]
    pub fn nan_to_num(&self, nan: f64, posinf: Option<f64>, neginf: Option<f64>) -> Array {
        let largest = match self.dtype() {
            DType::F32 => f64::from(f32::MAX),
            DType::F64 => f64::MAX,
            dtype if dtype.is_complex() || dtype.is_time() => {
                return Array::failed(
                    self.session(),
                    Error::invalid(format!(
                        "nan_to_num: not defined for {dtype}; allowed: real numbers"
                    )),
                );
            }
            _ => return self.clone(),
        };
        let put = |array: Array, at: UnaryOp, value: f64| {
            array.push(|g, a| {
                let at = g.unary(at, a)?;
                let value = g.fill(Scalar::F64(value).cast(g.dtype(a))?, &[])?;
                g.where_(at, value, a)
            })
        };
        let array = put(self.clone(), UnaryOp::Isposinf, posinf.unwrap_or(largest));
        let array = put(array, UnaryOp::Isneginf, neginf.unwrap_or(-largest));
        put(array, UnaryOp::Isnan, nan)
    }

    /// True where an element equals one of `values`; NaN equals none. NumPy's `isin`, for lists of up to 1024 values: each is
    /// compared with each element.
    #[must_use]
    #[track_caller]
    pub fn isin<T: Into<Scalar> + Clone>(&self, values: &[T]) -> Array {
        let mut values: Vec<Scalar> = values.iter().cloned().map(Into::into).collect();
        values.sort_by(|a, b| a.as_f64().total_cmp(&b.as_f64()));
        values.dedup();
        self.push(|g, a| {
            if values.len() > MOST_VALUES {
                return Err(Error::invalid(format!(
                    "isin: {} different values; allowed are at most {MOST_VALUES}",
                    values.len()
                )));
            }
            let mut found = Vec::with_capacity(values.len());
            for value in values {
                // With its own dtype, as the elements of a list of NumPy.
                let value = g.fill(value, &[])?;
                found.push(g.binary(BinaryOp::Equal, a, value)?);
            }
            // By pairs: a graph of little depth.
            while found.len() > 1 {
                let mut next = Vec::with_capacity(found.len().div_ceil(2));
                for pair in found.chunks(2) {
                    next.push(match pair {
                        [a, b] => g.binary(BinaryOp::LogicalOr, *a, *b)?,
                        rest => rest[0],
                    });
                }
                found = next;
            }
            match found.first() {
                Some(found) => Ok(*found),
                None => {
                    let shape = g.shape(a).to_vec();
                    g.fill(Scalar::Bool(false), &shape)
                }
            }
        })
    }

    /// Quotient and rest: `floor_divide` and `remainder`. NumPy's `divmod`.
    #[must_use]
    #[track_caller]
    pub fn divmod(&self, other: impl Into<Operand>) -> (Array, Array) {
        let other = other.into();
        (self.floor_divide(other.clone()), self.remainder(other))
    }

    /// True where |self − other| <= atol + rtol · |other|; equal infinities are close, NaN is close to NaN with `equal_nan` only.
    /// NumPy's `isclose` (rtol 1e-5, atol 1e-8).
    #[must_use]
    #[track_caller]
    pub fn isclose(
        &self,
        other: impl Into<Operand>,
        rtol: f64,
        atol: f64,
        equal_nan: bool,
    ) -> Array {
        let other = other.into();
        let other = match other.node_beside(self) {
            Ok(node) => Array::new(self.session().clone(), Ok(node)),
            Err(error) => return Array::failed(self.session(), error),
        };
        // As in NumPy: differences of unsigned numbers would wrap around, and the smallest integer has no magnitude.
        let other = match other.dtype() == DType::Bool || other.dtype().is_integer() {
            true => other.astype(DType::F64),
            false => other,
        };
        let bound = other.abs() * rtol + atol;
        let near = self.subtract(&other).abs().less_equal(bound);
        let close = near
            .logical_and(other.isfinite())
            .logical_or(self.eq(&other));
        match equal_nan {
            true => close.logical_or(self.isnan().logical_and(other.isnan())),
            false => close,
        }
    }

    /// True when all elements are close (0-d). NumPy's `allclose`.
    #[must_use]
    #[track_caller]
    pub fn allclose(
        &self,
        other: impl Into<Operand>,
        rtol: f64,
        atol: f64,
        equal_nan: bool,
    ) -> Array {
        self.isclose(other, rtol, atol, equal_nan).all(&[])
    }
}

/// Elements of the first choice whose condition holds, of `default` where none does. NumPy's `select`.
#[must_use]
#[track_caller]
pub fn select(
    conditions: &[&Array],
    choices: &[Operand],
    default: impl Into<Operand>,
) -> Option<Array> {
    let first = conditions.first()?;
    let default = default.into();
    let location = Location::caller();
    let made = chosen(first, conditions, choices, &default).map_err(|e| e.at_call(location));
    Some(match made {
        Ok(array) => array,
        Err(error) => Array::new(first.session().clone(), Err(error)),
    })
}

#[track_caller]
fn chosen(
    first: &Array,
    conditions: &[&Array],
    choices: &[Operand],
    default: &Operand,
) -> Result<Array> {
    if conditions.len() != choices.len() {
        return Err(Error::invalid(format!(
            "select: {} conditions and {} choices; there must be as many",
            conditions.len(),
            choices.len()
        )));
    }
    let mut all = choices.to_vec();
    all.push(default.clone());
    let dtype = common_dtype(&all)?;
    let mut result = in_dtype(first, default, dtype)?;
    for (condition, choice) in conditions.iter().zip(choices).rev() {
        result = in_dtype(first, choice, dtype)?.where_or(condition, &result);
        result.check()?;
    }
    Ok(result)
}

/// NumPy's result type: arrays by their dtypes, then the numbers beside them.
pub(super) fn common_dtype(operands: &[Operand]) -> Result<DType> {
    let mut dtype: Option<DType> = None;
    for operand in operands {
        if let Operand::Array(array) = operand {
            array.check()?;
            dtype = Some(match dtype {
                Some(before) => promote(before, array.dtype())?,
                None => array.dtype(),
            });
        }
    }
    for operand in operands {
        if let Operand::Weak(value) = operand {
            dtype = Some(match dtype {
                Some(before) => promote_weak(before, *value)?,
                None => value.dtype(),
            });
        }
    }
    Ok(dtype.unwrap_or(DType::I64))
}

/// A choice as an array; a number becomes one of no axes.
#[track_caller]
pub(super) fn in_dtype(beside: &Array, operand: &Operand, dtype: DType) -> Result<Array> {
    Ok(match operand {
        Operand::Array(array) => array.astype(dtype),
        Operand::Weak(value) => {
            let value = value.cast(dtype)?;
            let session = beside.session();
            Array::new(session.clone(), session.with_graph(|g| g.fill(value, &[])))
        }
    })
}
