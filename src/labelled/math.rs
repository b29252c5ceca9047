//! Element-wise operations by name: dimensions are matched, labels that differ are joined (xarray's `arithmetic_join`: inner).

use super::align::{Aligned, align};
use super::data_array::DataArray;
use super::join::Join;
use crate::array::{Operand, element_wise, weak_numbers};
use crate::dtype::{DType, Scalar};
use crate::error::Result;
use crate::op::{BinaryOp, UnaryOp};

/// An operand of a labelled operation.
#[derive(Clone, Debug)]
pub enum DataOperand {
    /// A labelled array.
    Array(Box<DataArray>),
    /// A number written in the program.
    Weak(Scalar),
}

impl From<&DataArray> for DataOperand {
    fn from(array: &DataArray) -> Self {
        DataOperand::Array(Box::new(array.clone()))
    }
}

impl From<DataArray> for DataOperand {
    fn from(array: DataArray) -> Self {
        DataOperand::Array(Box::new(array))
    }
}

weak_numbers!(DataOperand);

impl DataArray {
    /// Any operation of two operands, by its record.
    #[must_use]
    #[track_caller]
    pub fn binary(&self, op: BinaryOp, other: &DataOperand) -> Self {
        self.binary_in_order(op, other, false, Join::Inner)
    }

    /// As [`DataArray::binary`], with the labels that `join` leaves where indexes differ (inner otherwise).
    #[must_use]
    #[track_caller]
    pub fn binary_joined(&self, op: BinaryOp, other: &DataOperand, join: Join) -> Self {
        self.binary_in_order(op, other, false, join)
    }

    /// As [`DataArray::binary`], with the operands in the other order: `other op self`.
    #[must_use]
    #[track_caller]
    pub fn binary_reversed(&self, op: BinaryOp, other: &DataOperand) -> Self {
        self.binary_in_order(op, other, true, Join::Inner)
    }

    #[track_caller]
    fn binary_in_order(
        &self,
        op: BinaryOp,
        other: &DataOperand,
        reversed: bool,
        join: Join,
    ) -> Self {
        match other {
            DataOperand::Weak(value) => {
                let other = Operand::Weak(*value);
                self.with_array(match reversed {
                    true => self.array.binary_reversed(op, &other),
                    false => self.array.binary(op, &other),
                })
            }
            DataOperand::Array(other) => {
                let inputs = match reversed {
                    true => [other, self],
                    false => [self, other],
                };
                match align(op.name(), &inputs, join) {
                    Ok(Aligned { arrays, labels }) => {
                        labels.with_array(arrays[0].binary(op, &Operand::from(&arrays[1])))
                    }
                    Err(error) => self.clone().fail(error),
                }
            }
        }
    }

    /// Any operation of one operand, by its record.
    #[must_use]
    #[track_caller]
    pub fn unary(&self, op: UnaryOp) -> Self {
        self.with_array(self.array.unary(op))
    }

    /// The elements in another dtype.
    #[must_use]
    #[track_caller]
    pub fn astype(&self, dtype: DType) -> Self {
        self.with_array(self.array.astype(dtype))
    }

    /// Elements where `condition` holds, missing elsewhere: integers become floats as in xarray.
    #[must_use]
    #[track_caller]
    pub fn where_(&self, condition: &DataArray) -> Self {
        self.kept(
            align("where", &[self, condition], Join::Inner)
                .map(|a| a.labels.with_array(a.arrays[0].where_(&a.arrays[1]))),
        )
    }

    /// A result that keeps the name and the attributes of this array, whatever stood beside it.
    #[track_caller]
    fn kept(&self, result: Result<Self>) -> Self {
        match result {
            Ok(result) => DataArray {
                attrs: self.attrs.clone(),
                name: self.name.clone(),
                ..result
            },
            Err(error) => self.clone().fail(error),
        }
    }

    /// Elements where `condition` holds, those of `other` elsewhere.
    #[must_use]
    #[track_caller]
    pub fn where_or(&self, condition: &DataArray, other: impl Into<DataOperand>) -> Self {
        let result = match other.into() {
            DataOperand::Weak(value) => align("where", &[self, condition], Join::Exact).map(|a| {
                a.labels
                    .with_array(a.arrays[0].where_or(&a.arrays[1], Operand::Weak(value)))
            }),
            DataOperand::Array(other) => align("where", &[self, condition, &other], Join::Exact)
                .map(|a| {
                    a.labels
                        .with_array(a.arrays[0].where_or(&a.arrays[1], &a.arrays[2]))
                }),
        };
        self.kept(result)
    }

    /// `value` where elements are missing.
    #[must_use]
    #[track_caller]
    pub fn fillna(&self, value: impl Into<DataOperand>) -> Self {
        match value.into() {
            DataOperand::Weak(value) => self.with_array(self.array.fillna(Operand::Weak(value))),
            DataOperand::Array(other) => {
                let aligned = align("fillna", &[self, &other], Join::Left);
                self.kept(aligned.map(|a| a.labels.with_array(a.arrays[0].fillna(&a.arrays[1]))))
            }
        }
    }

    /// Rounded to so many decimals, halves to even.
    #[must_use]
    #[track_caller]
    pub fn round(&self, decimals: i32) -> Self {
        self.with_array(self.array.round(decimals))
    }

    /// True where an element equals one of `values`.
    #[must_use]
    #[track_caller]
    pub fn isin<T: Into<Scalar> + Clone>(&self, values: &[T]) -> Self {
        self.with_array(self.array.isin(values))
    }

    /// Elements brought into `min … max`.
    #[must_use]
    #[track_caller]
    pub fn clip(&self, min: impl Into<DataOperand>, max: impl Into<DataOperand>) -> Self {
        self.binary_joined(BinaryOp::Maximum, &min.into(), Join::Exact)
            .binary_joined(BinaryOp::Minimum, &max.into(), Join::Exact)
    }
}

impl DataArray {
    /// True for missing values.
    #[must_use]
    #[track_caller]
    pub fn isnull(&self) -> Self {
        self.isnan()
    }

    /// True for values that are there.
    #[must_use]
    #[track_caller]
    pub fn notnull(&self) -> Self {
        self.isnan().logical_not()
    }
}

element_wise!(DataArray, DataOperand);
