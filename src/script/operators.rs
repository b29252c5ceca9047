//! Operators in both orders for every pair of types: they work or raise, none answers by Rhai's default.

use super::args::{Slice, Value, data_operand, dataset_operand, operand, type_name, value};
use super::failure::{OrRaise, Raised, raise};
use super::registry::Registry;
use super::show::show;
use crate::array::{Array, RandomGenerator};
use crate::dtype::Scalar;
use crate::error::Error;
use crate::labelled::{
    Coarsen, DataArray, Dataset, DatasetCoarsen, DatasetGroupBy, DatasetResample, DatasetRolling,
    DatasetRollingExp, DatasetWeighted, GroupBy, Resample, Rolling, RollingExp, Times, Weighted,
};
use crate::op::{BinaryOp, UnaryOp};
use rhai::Dynamic;
use std::any::TypeId;

/// Operators of the script and what they compute.
pub(super) const OPERATORS: [(&str, BinaryOp); 17] = [
    ("+", BinaryOp::Add),
    ("-", BinaryOp::Subtract),
    ("*", BinaryOp::Multiply),
    ("/", BinaryOp::Divide),
    ("%", BinaryOp::Remainder),
    ("**", BinaryOp::Power),
    ("&", BinaryOp::BitwiseAnd),
    ("|", BinaryOp::BitwiseOr),
    ("^", BinaryOp::BitwiseXor),
    ("<<", BinaryOp::LeftShift),
    (">>", BinaryOp::RightShift),
    ("==", BinaryOp::Equal),
    ("!=", BinaryOp::NotEqual),
    ("<", BinaryOp::Less),
    ("<=", BinaryOp::LessEqual),
    (">", BinaryOp::Greater),
    (">=", BinaryOp::GreaterEqual),
];

/// A labelled result, raised when it failed.
pub(super) fn data(result: DataArray) -> Raised<Dynamic> {
    result.check().or_raise()?;
    Ok(Dynamic::from(result))
}

/// A dataset, raised when it failed.
pub(super) fn dataset(result: Dataset) -> Raised<Dynamic> {
    result.check().or_raise()?;
    Ok(Dynamic::from(result))
}

/// A result by position, raised when it failed.
pub(super) fn array(result: Array) -> Raised<Dynamic> {
    result.check().or_raise()?;
    Ok(Dynamic::from(result))
}

/// `left op right` of any two values, at least one of them an array.
pub(super) fn apply(name: &str, op: BinaryOp, left: &Dynamic, right: &Dynamic) -> Raised<Dynamic> {
    if left.is::<Times>() || right.is::<Times>() {
        return super::times::apply(op, name, left, right);
    }
    // As Rhai's own text operator does for everything.
    if name == "+" && (left.is_string() || right.is_string()) && !is_time(left) && !is_time(right) {
        return Ok(format!("{}{}", show(left)?, show(right)?).into());
    }
    let named = match name.starts_with(char::is_alphabetic) {
        true => name.to_owned(),
        false => format!("{} {name} {}", brief(left), brief(right)),
    };
    if let Some(made) = super::group::apply(&named, op, left, right) {
        return made;
    }
    match (value(&named, left)?, value(&named, right)?) {
        (Value::Dataset(a), b) => {
            let b = dataset_operand(&named, &a, b)?;
            dataset(a.binary(op, &b))
        }
        (a, Value::Dataset(b)) => {
            let a = dataset_operand(&named, &b, a)?;
            dataset(b.binary_reversed(op, &a))
        }
        (Value::Data(a), b) => {
            let b = data_operand(&named, &a, b)?;
            data(a.binary(op, &b))
        }
        (a, Value::Data(b)) => {
            let a = data_operand(&named, &b, a)?;
            data(b.binary_reversed(op, &a))
        }
        (Value::Array(a), b) => {
            let b = operand(&named, &a, b)?;
            array(a.binary(op, &b))
        }
        (a, Value::Array(b)) => {
            let a = operand(&named, &b, a)?;
            array(b.binary_reversed(op, &a))
        }
        (Value::Weak(a), Value::Weak(b)) => numbers(&named, op, a, b),
        _ => Err(raise(Error::invalid(format!(
            "{named}: {} and {}; give an array or numbers",
            type_name(left),
            type_name(right)
        )))),
    }
}

fn is_time(value: &Dynamic) -> bool {
    let dtype = match (
        value.clone().try_cast::<DataArray>(),
        value.clone().try_cast::<Array>(),
    ) {
        (Some(data), _) => data.dtype(),
        (_, Some(array)) => array.dtype(),
        _ => return false,
    };
    dtype.is_time()
}

fn brief(value: &Dynamic) -> &'static str {
    match () {
        () if value.is::<DataArray>() => "DataArray",
        () if value.is::<Array>() => "Array",
        () if value.is::<Dataset>() => "Dataset",
        () if value.is::<GroupBy>() || value.is::<DatasetGroupBy>() => "GroupBy",
        () if value.is::<Slice>() => "slice",
        () if value.is::<Times>() => "times",
        () if value.is::<Resample>() || value.is::<DatasetResample>() => "Resample",
        () if value.is::<Rolling>() || value.is::<DatasetRolling>() => "Rolling",
        () if value.is::<RollingExp>() || value.is::<DatasetRollingExp>() => "RollingExp",
        () if value.is::<Coarsen>() || value.is::<DatasetCoarsen>() => "Coarsen",
        () if value.is::<Weighted>() || value.is::<DatasetWeighted>() => "Weighted",
        () if value.is_string() => "text",
        () if value.is_int() || value.is_float() => "number",
        () if value.is_bool() => "bool",
        () if value.is_unit() => "()",
        () if value.is_array() => "list",
        () if value.is_map() => "map",
        () => "value",
    }
}

/// Named functions of two plain numbers.
fn numbers(name: &str, op: BinaryOp, a: Scalar, b: Scalar) -> Raised<Dynamic> {
    let (x, y) = (a.as_f64(), b.as_f64());
    let result = match (op, a.as_i128(), b.as_i128()) {
        (BinaryOp::FloorDivide, Some(_), Some(0)) => {
            return Err(raise(Error::invalid(format!("{name}: division by zero"))));
        }
        (BinaryOp::FloorDivide, Some(a), Some(b)) => {
            let floor = a.div_euclid(b) - i128::from(b < 0 && a.rem_euclid(b) != 0);
            return Ok(Dynamic::from(floor as i64));
        }
        (BinaryOp::FloorDivide, ..) => (x / y).floor(),
        (BinaryOp::Minimum, Some(a), Some(b)) => return Ok(Dynamic::from(a.min(b) as i64)),
        (BinaryOp::Maximum, Some(a), Some(b)) => return Ok(Dynamic::from(a.max(b) as i64)),
        (BinaryOp::Minimum, ..) if x.is_nan() || x <= y => x,
        (BinaryOp::Maximum, ..) if x.is_nan() || x >= y => x,
        (BinaryOp::Minimum | BinaryOp::Maximum, ..) => y,
        (BinaryOp::Power, ..) => x.powf(y),
        (BinaryOp::Arctan2, ..) => x.atan2(y),
        _ => {
            return Err(raise(Error::invalid(format!(
                "{name}: two numbers; at least one operand must be an array"
            ))));
        }
    };
    Ok(Dynamic::from(result))
}

fn operators_of<T: rhai::Variant + Clone>(registry: &mut Registry<'_>) {
    let (own, any) = (TypeId::of::<T>(), TypeId::of::<Dynamic>());
    for (name, op) in OPERATORS {
        for types in [[own, any], [any, own]] {
            registry
                .engine
                .register_raw_fn(name, types, move |_, args| {
                    apply(name, op, &args[0].flatten_clone(), &args[1].flatten_clone())
                });
        }
    }
}

fn unary(name: &str, op: UnaryOp, operand: &Dynamic) -> Raised<Dynamic> {
    match value(name, operand)? {
        Value::Data(a) => data(a.unary(op)),
        Value::Array(a) => array(a.unary(op)),
        Value::Dataset(a) => dataset(a.unary(op)),
        _ => Err(raise(Error::invalid(format!(
            "{name}: {} is no array",
            type_name(operand)
        )))),
    }
}

fn unaries_of<T: rhai::Variant + Clone>(registry: &mut Registry<'_>) {
    registry
        .engine
        .register_raw_fn("-", [TypeId::of::<T>()], |_, args| {
            unary("-", UnaryOp::Negative, &args[0].flatten_clone())
        });
    registry
        .engine
        .register_raw_fn("!", [TypeId::of::<T>()], |_, args| {
            unary("!", UnaryOp::Invert, &args[0].flatten_clone())
        });
    registry
        .engine
        .register_raw_fn("+", [TypeId::of::<T>()], |_, args| {
            let operand = args[0].flatten_clone();
            value("+", &operand).map(|_| operand)
        });
}

pub(super) fn register(registry: &mut Registry<'_>) {
    operators_of::<DataArray>(registry);
    operators_of::<Array>(registry);
    operators_of::<Dataset>(registry);
    operators_of::<GroupBy>(registry);
    operators_of::<DatasetGroupBy>(registry);
    operators_of::<Slice>(registry);
    operators_of::<Times>(registry);
    operators_of::<Resample>(registry);
    operators_of::<DatasetResample>(registry);
    operators_of::<Rolling>(registry);
    operators_of::<DatasetRolling>(registry);
    operators_of::<RollingExp>(registry);
    operators_of::<DatasetRollingExp>(registry);
    operators_of::<Coarsen>(registry);
    operators_of::<DatasetCoarsen>(registry);
    operators_of::<Weighted>(registry);
    operators_of::<DatasetWeighted>(registry);
    operators_of::<RandomGenerator>(registry);
    unaries_of::<DataArray>(registry);
    unaries_of::<Array>(registry);
    unaries_of::<Dataset>(registry);
    unaries_of::<GroupBy>(registry);
    unaries_of::<DatasetGroupBy>(registry);
    unaries_of::<Slice>(registry);
    unaries_of::<Times>(registry);
    unaries_of::<Resample>(registry);
    unaries_of::<DatasetResample>(registry);
    unaries_of::<Rolling>(registry);
    unaries_of::<DatasetRolling>(registry);
    unaries_of::<RollingExp>(registry);
    unaries_of::<DatasetRollingExp>(registry);
    unaries_of::<Coarsen>(registry);
    unaries_of::<DatasetCoarsen>(registry);
    unaries_of::<Weighted>(registry);
    unaries_of::<DatasetWeighted>(registry);
}
