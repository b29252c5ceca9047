//! Values chosen by conditions or by indices, element by element.

use super::array::{Array, Operand};
use super::compose::{common_dtype, in_dtype};
use crate::error::{Error, Result};
use crate::op::Bounds;
use std::fmt;
use std::panic::Location;
use std::str::FromStr;

/// What an index outside its range means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IndexMode {
    /// An error, when the elements are computed. Negative ones are outside, too.
    #[default]
    Raise,
    /// It counts on from the other end.
    Wrap,
    /// The nearest that is inside.
    Clip,
}

impl FromStr for IndexMode {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "raise" => Ok(IndexMode::Raise),
            "wrap" => Ok(IndexMode::Wrap),
            "clip" => Ok(IndexMode::Clip),
            other => Err(Error::invalid(format!(
                "mode {other:?} is not allowed; allowed are \"raise\", \"wrap\" and \"clip\""
            ))),
        }
    }
}

/// What [`Array::piecewise`] takes where a condition holds: a number, an array, or what a function makes of the elements.
pub struct Chosen(Kind);

enum Kind {
    Value(Operand),
    Function(Box<dyn Fn(&Array) -> Array>),
}

impl Chosen {
    /// What `f` makes of the array: an expression, of which only the elements under the condition are taken.
    pub fn function(f: impl Fn(&Array) -> Array + 'static) -> Self {
        Chosen(Kind::Function(Box::new(f)))
    }
}

impl<T: Into<Operand>> From<T> for Chosen {
    fn from(value: T) -> Self {
        Chosen(Kind::Value(value.into()))
    }
}

impl fmt::Debug for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Value(value) => write!(f, "Chosen({value:?})"),
            Kind::Function(_) => f.write_str("Chosen(a function)"),
        }
    }
}

impl Array {
    /// The indices as int64, each brought into 0 … len − 1 as `mode` says; `what` names them in errors.
    #[track_caller]
    pub(super) fn inside(&self, what: &str, len: usize, mode: IndexMode) -> Array {
        let dtype = self.dtype();
        if self.check().is_ok() && !dtype.is_integer() && dtype != crate::dtype::DType::Bool {
            return Array::failed(
                self.session(),
                Error::invalid(format!("{what} of {dtype}; allowed are integers")),
            );
        }
        let index = self.astype(crate::dtype::DType::I64);
        let len = len as i64;
        match mode {
            IndexMode::Wrap => index.remainder(len.max(1)),
            IndexMode::Clip => index.clip(0, len.max(1) - 1),
            IndexMode::Raise => index.push(|g, a| {
                let op = Bounds {
                    what: what.to_owned(),
                    len: len as u64,
                };
                match g.shape(a).contains(&0) {
                    true => Ok(a),
                    false => g.call(op, vec![a]),
                }
            }),
        }
    }

    /// Per element the one of `choices` whose number this array has, after all were stretched to their common shape. NumPy's
    /// `choose`; each choice is one comparison for each element.
    #[must_use]
    #[track_caller]
    pub fn choose(&self, choices: &[Operand], mode: IndexMode) -> Array {
        let location = Location::caller();
        let made = || -> Result<Array> {
            self.check()?;
            let Some((last, others)) = choices.split_last() else {
                return Err(Error::invalid("choose: no choices; at least one is needed"));
            };
            let dtype = common_dtype(choices)?;
            let index = self.inside("choose: index", choices.len(), mode);
            index.check()?;
            let last = in_dtype(self, last, dtype)?;
            // Stretched even where there is only one choice.
            let mut result = last.where_or(&index.ge(0), &last);
            for (number, choice) in others.iter().enumerate().rev() {
                let choice = in_dtype(self, choice, dtype)?;
                result = choice.where_or(&index.eq(number as i64), &result);
                result.check()?;
            }
            Ok(result)
        };
        made().unwrap_or_else(|e| Array::new(self.session().clone(), Err(e.at_call(location))))
    }

    /// Where a condition holds what stands beside it (where several do, the last of them), and where none does one more choice
    /// (without it 0), all in the dtype of this array. NumPy's `piecewise`.
    #[must_use]
    #[track_caller]
    pub fn piecewise(&self, conditions: &[&Array], choices: &[Chosen]) -> Array {
        let location = Location::caller();
        let made = || -> Result<Array> {
            self.check()?;
            let count = conditions.len();
            if count == 0 || choices.len() != count && choices.len() != count + 1 {
                return Err(Error::invalid(format!(
                    "piecewise: {} choices for {count} conditions; give at least one condition, and one choice for each, or one more",
                    choices.len()
                )));
            }
            let (shape, dtype) = (self.shape(), self.dtype());
            let value = |choice: &Chosen| -> Result<Array> {
                let value = match &choice.0 {
                    Kind::Value(Operand::Array(array)) => array.clone(),
                    Kind::Value(Operand::Weak(value)) => {
                        let session = self.session();
                        let node = session.with_graph(|g| g.fill(*value, &[]));
                        Array::new(session.clone(), node)
                    }
                    Kind::Function(f) => f(self),
                };
                let value = value.astype(dtype).broadcast_to(&shape);
                value.check().map(|()| value)
            };
            let mut result = match choices.get(count) {
                Some(choice) => value(choice)?,
                None => self.zeros_like(),
            };
            for (condition, choice) in conditions.iter().zip(choices) {
                let condition = condition.as_mask().broadcast_to(&shape);
                result = value(choice)?.where_or(&condition, &result);
                result.check()?;
            }
            Ok(result)
        };
        made().unwrap_or_else(|e| Array::new(self.session().clone(), Err(e.at_call(location))))
    }
}
