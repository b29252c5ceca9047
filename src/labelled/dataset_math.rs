//! Element-wise operations on all variables of a dataset, after `xarray.Dataset`.
//!
//! Beside another dataset, variables of one name meet; names that only one has are left out (xarray's default,
//! `arithmetic_join="inner"`). Beside an array or a number, every variable meets it. Of indexes that differ the common part is
//! taken, once for all variables.

use super::align::{refuse_nothing, without_conflicts};
use super::coord::Coord;
use super::data_array::DataArray;
use super::dataset::{Dataset, each};
use super::join::{Join, common_indexes};
use super::math::DataOperand;
use crate::array::{element_wise, weak_numbers};
use crate::dtype::{DType, Scalar};
use crate::error::Error;
use crate::op::{BinaryOp, UnaryOp};
use crate::spec::Attrs;

/// What stands beside a dataset.
#[derive(Clone)]
pub enum DatasetOperand {
    /// Another dataset: variable by variable.
    Dataset(Box<Dataset>),
    /// A labelled array, beside every variable.
    Array(Box<DataArray>),
    /// A number written in the program, beside every variable.
    Weak(Scalar),
}

macro_rules! operands {
    ($($T:ident => $Variant:ident),*) => {$(
        impl From<&$T> for DatasetOperand {
            fn from(value: &$T) -> Self {
                DatasetOperand::$Variant(Box::new(value.clone()))
            }
        }
        impl From<$T> for DatasetOperand {
            fn from(value: $T) -> Self {
                DatasetOperand::$Variant(Box::new(value))
            }
        }
    )*};
}

operands!(Dataset => Dataset, DataArray => Array);
weak_numbers!(DatasetOperand);

impl DatasetOperand {
    /// What stands beside the variable `name`; `None` when a dataset has no such variable.
    fn beside(&self, name: Option<&str>) -> Option<DataOperand> {
        match self {
            DatasetOperand::Dataset(other) => {
                let found = other.variables.iter().find(|v| v.name() == name);
                found.map(DataOperand::from)
            }
            DatasetOperand::Array(array) => Some(DataOperand::Array(array.clone())),
            DatasetOperand::Weak(value) => Some(DataOperand::Weak(*value)),
        }
    }

    fn coords(&self) -> &[Coord] {
        match self {
            DatasetOperand::Dataset(other) => other.coords(),
            DatasetOperand::Array(array) => array.coords(),
            DatasetOperand::Weak(_) => &[],
        }
    }

    fn attrs(&self) -> Attrs {
        match self {
            DatasetOperand::Dataset(other) => other.attrs.clone(),
            DatasetOperand::Array(array) => array.attrs.clone(),
            DatasetOperand::Weak(_) => Attrs::default(),
        }
    }

    fn check(&self) -> Result<(), Error> {
        match self {
            DatasetOperand::Dataset(other) => other.check(),
            DatasetOperand::Array(array) => array.check(),
            DatasetOperand::Weak(_) => Ok(()),
        }
    }
}

/// Both operands with the labels that `join` leaves of indexes that differ.
fn brought(
    this: &Dataset,
    operation: &str,
    other: &DatasetOperand,
    join: Join,
) -> Result<Option<(Dataset, DatasetOperand)>, Error> {
    this.check()?;
    other.check()?;
    let all = [
        (this.origin.as_str(), this.coords()),
        ("the other operand", other.coords()),
    ];
    let targets = common_indexes(operation, &all, join, &[])?;
    if targets.is_empty() {
        return Ok(None);
    }
    if join == Join::Inner {
        refuse_nothing(operation, &all, &targets)?;
    }
    let other = match other {
        DatasetOperand::Dataset(other) => other.conform(operation, &targets, None).into(),
        DatasetOperand::Array(array) => array.conform(operation, &targets, None).into(),
        DatasetOperand::Weak(value) => DatasetOperand::Weak(*value),
    };
    Ok(Some((this.conform(operation, &targets, None), other)))
}

/// The dataset of `$change` for every variable that has something beside it: a loop, for the caller's line.
macro_rules! paired {
    ($this:expr, $operation:expr, $other:expr, $join:expr, |$variable:ident, $beside:ident| $change:expr) => {{
        let (this, other, operation): (&Dataset, &DatasetOperand, &str) =
            ($this, $other, $operation);
        let joined = match brought(this, operation, other, $join) {
            Ok(joined) => joined,
            Err(error) => return this.fail(error),
        };
        let (this, other) = match &joined {
            Some((this, other)) => (this, other),
            None => (this, other),
        };
        let mut variables = Vec::with_capacity(this.variables.len());
        for $variable in &this.variables {
            if let Some($beside) = other.beside($variable.name()) {
                variables.push($variable.named_as($change));
            }
        }
        let coords = [
            (this.origin.as_str(), this.coords()),
            ("the other operand", other.coords()),
        ];
        this.of(operation, variables, &coords)
    }};
}

impl Dataset {
    /// Any operation of two operands, by its record.
    #[must_use]
    #[track_caller]
    pub fn binary(&self, op: BinaryOp, other: &DatasetOperand) -> Self {
        self.binary_joined(op, other, Join::Inner)
    }

    /// As [`Dataset::binary`], with the labels that `join` leaves where indexes differ.
    #[must_use]
    #[track_caller]
    pub fn binary_joined(&self, op: BinaryOp, other: &DatasetOperand, join: Join) -> Self {
        let mut result = paired!(self, op.name(), other, join, |v, beside| v
            .binary(op, &beside));
        result.attrs = without_conflicts(&self.attrs, &other.attrs());
        result
    }

    /// As [`Dataset::binary`], with the operands in the other order: `other op self`.
    #[must_use]
    #[track_caller]
    pub fn binary_reversed(&self, op: BinaryOp, other: &DatasetOperand) -> Self {
        let mut result = paired!(self, op.name(), other, Join::Inner, |v, beside| v
            .binary_reversed(op, &beside));
        result.attrs = without_conflicts(&self.attrs, &other.attrs());
        result
    }

    /// Any operation of one operand, by its record.
    #[must_use]
    #[track_caller]
    pub fn unary(&self, op: UnaryOp) -> Self {
        let variables = each!(self, v => v.unary(op));
        self.of(op.name(), variables, &[(&self.origin, &self.coords)])
    }

    /// True for missing values.
    #[must_use]
    #[track_caller]
    pub fn isnull(&self) -> Self {
        self.isnan()
    }

    /// The elements in another dtype.
    #[must_use]
    #[track_caller]
    pub fn astype(&self, dtype: DType) -> Self {
        let variables = each!(self, v => v.astype(dtype));
        self.of("astype", variables, &[(&self.origin, &self.coords)])
    }

    /// Elements where `condition` holds, missing elsewhere: integers become floats as in xarray. The conditions of a dataset
    /// hold for its variables; names that only one dataset has are left out.
    #[must_use]
    #[track_caller]
    pub fn where_(&self, condition: impl Into<DatasetOperand>) -> Self {
        let condition = condition.into();
        paired!(
            self,
            "where",
            &condition,
            Join::Inner,
            |v, beside| match beside {
                DataOperand::Array(condition) => v.where_(&condition),
                DataOperand::Weak(value) => v.clone().fail(no_condition(value)),
            }
        )
    }

    /// Elements where `condition` holds, those of `other` elsewhere. Datasets must have the same variables (xarray's
    /// `dataset_join="exact"`).
    #[must_use]
    #[track_caller]
    pub fn where_or(
        &self,
        condition: impl Into<DatasetOperand>,
        other: impl Into<DatasetOperand>,
    ) -> Self {
        let (condition, other) = (condition.into(), other.into());
        if let Err(error) = other.check() {
            return self.fail(error);
        }
        for (what, operand) in [("condition", &condition), ("other", &other)] {
            if let DatasetOperand::Dataset(operand) = operand
                && !self.same_names(operand)
            {
                return self.fail(Error::invalid(format!(
                    "where: the variables of the {what} are {}, those of the dataset {}; with a value for elsewhere they must be \
                     the same",
                    operand.names().join(", "),
                    self.names().join(", ")
                )));
            }
        }
        paired!(self, "where", &condition, Join::Exact, |v, beside| {
            match (beside, other.beside(v.name())) {
                (DataOperand::Array(condition), Some(other)) => v.where_or(&condition, other),
                (DataOperand::Weak(value), _) => v.clone().fail(no_condition(value)),
                (_, None) => v.clone().fail(Error::internal("where: a name was lost")),
            }
        })
    }

    /// `value` where elements are missing; a variable that a dataset of values does not have stays.
    #[must_use]
    #[track_caller]
    pub fn fillna(&self, value: impl Into<DatasetOperand>) -> Self {
        let value = value.into();
        if let DatasetOperand::Dataset(values) = &value
            && let Some(more) = values.names().iter().find(|n| !self.names().contains(n))
        {
            return self.fail(Error::invalid(format!(
                "fillna: the values have a variable {more:?}, which the dataset has not; its variables are {}",
                self.names().join(", ")
            )));
        }
        let value = match brought(self, "fillna", &value, Join::Left) {
            Ok(Some((_, value))) => value,
            Ok(None) => value,
            Err(error) => return self.fail(error),
        };
        let variables = each!(self, v => match value.beside(v.name()) {
            Some(value) => v.fillna(value),
            None => v.clone(),
        });
        let coords = [
            (self.origin.as_str(), self.coords()),
            ("the values", value.coords()),
        ];
        self.of("fillna", variables, &coords)
    }

    /// Elements brought into `min … max`.
    #[must_use]
    #[track_caller]
    pub fn clip(&self, min: impl Into<DatasetOperand>, max: impl Into<DatasetOperand>) -> Self {
        self.binary_joined(BinaryOp::Maximum, &min.into(), Join::Exact)
            .binary_joined(BinaryOp::Minimum, &max.into(), Join::Exact)
    }

    fn names(&self) -> Vec<&str> {
        self.variables.iter().filter_map(DataArray::name).collect()
    }

    fn same_names(&self, other: &Dataset) -> bool {
        let sorted = |ds: &Dataset| {
            let mut names: Vec<String> = ds.names().into_iter().map(str::to_owned).collect();
            names.sort_unstable();
            names
        };
        sorted(self) == sorted(other)
    }
}

fn no_condition(value: Scalar) -> Error {
    Error::invalid(format!(
        "where: the number {value} is no condition; give an array or a dataset of true and false"
    ))
}

element_wise!(Dataset, DatasetOperand);

/// `array op dataset`: the array meets every variable.
macro_rules! array_on_the_left {
    ($($Trait:ident, $method:ident, $Op:ident;)*) => {$(
        impl std::ops::$Trait<&Dataset> for &DataArray {
            type Output = Dataset;
            #[track_caller]
            fn $method(self, other: &Dataset) -> Dataset {
                other.binary_reversed(BinaryOp::$Op, &self.into())
            }
        }
    )*};
}

array_on_the_left! {
    Add, add, Add;
    Sub, sub, Subtract;
    Mul, mul, Multiply;
    Div, div, Divide;
}
