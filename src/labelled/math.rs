//! Element-wise operations by name: dimensions are matched, coordinates must agree.

use super::coord::Coord;
use super::data_array::DataArray;
use crate::array::{Array, Operand, element_wise, weak_numbers};
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result};
use crate::op::{BinaryOp, UnaryOp};
use crate::spec::Attrs;

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

/// Arrays brought to common dimensions, and the labels of what is made of them.
struct Aligned {
    arrays: Vec<Array>,
    labels: DataArray,
}

/// Brings arrays to common dimensions: those of the first, then new ones of the others.
fn align(operation: &str, inputs: &[&DataArray]) -> Result<Aligned> {
    let mut dims: Vec<String> = Vec::new();
    let mut shape: Vec<usize> = Vec::new();
    let mut coords: Vec<Coord> = Vec::new();
    let mut dropped: Vec<String> = Vec::new();
    let label = |array: &DataArray| {
        array
            .name
            .clone()
            .unwrap_or_else(|| "an unnamed array".into())
    };
    for input in inputs {
        input.check()?;
        for (dim, len) in input.dims.iter().zip(input.shape()) {
            match dims.iter().position(|d| d == dim) {
                None => {
                    dims.push(dim.clone());
                    shape.push(len);
                }
                Some(axis) if shape[axis] != len => {
                    return Err(Error::invalid(format!(
                        "{operation}: dimension {dim:?} has length {} in {} and {len} in {}; lengths must be equal (select \
                         the common part with `sel` or `isel` first)",
                        shape[axis],
                        label(inputs[0]),
                        label(input)
                    )));
                }
                Some(_) => {}
            }
        }
        for coord in &input.coords {
            match coords.iter().find(|c| c.name == coord.name) {
                None if dropped.contains(&coord.name) => {}
                None => coords.push(coord.clone()),
                Some(known) if known.same_values(coord) => {}
                Some(known) if known.is_index() || coord.is_index() => {
                    let differ = (0..known.len().min(coord.len()))
                        .find(|i| known.exact_text(*i) != coord.exact_text(*i))
                        .unwrap_or(0);
                    return Err(Error::invalid(format!(
                        "{operation}: the coordinate {:?} of {} and {} differs, first at position {differ}: {} and {}; select \
                         the common part first",
                        coord.name,
                        label(inputs[0]),
                        label(input),
                        known.exact_text(differ),
                        coord.exact_text(differ)
                    )));
                }
                Some(_) => {
                    // Conflicting coordinates that label no dimension are dropped, as in xarray.
                    coords.retain(|c| c.name != coord.name);
                    dropped.push(coord.name.clone());
                }
            }
        }
    }
    let arrays = inputs
        .iter()
        .map(|input| {
            let mut axes: Vec<(usize, usize)> = input
                .dims
                .iter()
                .enumerate()
                .filter_map(|(axis, dim)| Some((dims.iter().position(|d| d == dim)?, axis)))
                .collect();
            axes.sort_unstable();
            let order: Vec<usize> = axes.iter().map(|(_, axis)| *axis).collect();
            let to: Vec<usize> = axes.iter().map(|(to, _)| *to).collect();
            let mut array = input.array.clone();
            if order.iter().enumerate().any(|(i, axis)| i != *axis) {
                array = array.transpose(&order);
            }
            if to.len() != shape.len() {
                array = array.broadcast_axes(&to, &shape);
            }
            array
        })
        .collect();
    let mut attrs = inputs[0].attrs.clone();
    for input in &inputs[1..] {
        attrs = without_conflicts(&attrs, &input.attrs);
    }
    let mut labels = inputs[0].with_array(inputs[0].array.clone());
    labels.dims = dims;
    labels.coords = coords;
    labels.attrs = attrs;
    if inputs[1..].iter().any(|input| input.name != labels.name) {
        labels.name = None;
    }
    Ok(Aligned { arrays, labels })
}

/// xarray's `keep_attrs="drop_conflicts"`: what both agree on, and what only one has.
fn without_conflicts(a: &Attrs, b: &Attrs) -> Attrs {
    let mut kept = Attrs::default();
    for (name, value) in &a.0 {
        if b.get(name).is_none_or(|other| other == value) {
            kept.set(name, value.clone());
        }
    }
    for (name, value) in &b.0 {
        if a.get(name).is_none() {
            kept.set(name, value.clone());
        }
    }
    kept
}

impl DataArray {
    /// Any operation of two operands, by its record.
    #[must_use]
    #[track_caller]
    pub fn binary(&self, op: BinaryOp, other: &DataOperand) -> Self {
        self.binary_in_order(op, other, false)
    }

    /// As [`DataArray::binary`], with the operands in the other order: `other op self`.
    #[must_use]
    #[track_caller]
    pub fn binary_reversed(&self, op: BinaryOp, other: &DataOperand) -> Self {
        self.binary_in_order(op, other, true)
    }

    #[track_caller]
    fn binary_in_order(&self, op: BinaryOp, other: &DataOperand, reversed: bool) -> Self {
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
                match align(op.name(), &inputs) {
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
            align("where", &[self, condition])
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
            DataOperand::Weak(value) => align("where", &[self, condition]).map(|a| {
                a.labels
                    .with_array(a.arrays[0].where_or(&a.arrays[1], Operand::Weak(value)))
            }),
            DataOperand::Array(other) => align("where", &[self, condition, &other]).map(|a| {
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
            DataOperand::Array(other) => match align("fillna", &[self, &other]) {
                Ok(Aligned { arrays, labels }) => labels.with_array(arrays[0].fillna(&arrays[1])),
                Err(error) => self.clone().fail(error),
            },
        }
    }

    /// Elements brought into `min … max`.
    #[must_use]
    #[track_caller]
    pub fn clip(&self, min: impl Into<DataOperand>, max: impl Into<DataOperand>) -> Self {
        self.binary(BinaryOp::Maximum, &min.into())
            .binary(BinaryOp::Minimum, &max.into())
    }
}

impl DataArray {
    /// True for missing values.
    #[must_use]
    #[track_caller]
    pub fn isnull(&self) -> Self {
        self.isnan()
    }
}

element_wise!(DataArray, DataOperand);
