//! Element-wise functions: unary and binary mathematics, `where`, `fillna`, `clip`, `astype`.

use super::args::{Value, data_operand, operand, text, value};
use super::failure::{OrRaise, Raised, refuse};
use super::operators::{apply, array, data};
use super::registry::Registry;
use crate::array::Array;
use crate::dtype::DType;
use crate::labelled::DataArray;
use crate::op::{BinaryOp, UnaryOp};
use rhai::Dynamic;

/// Other names under which users know an operation.
const UNARY_ALIASES: [(&str, UnaryOp); 5] = [
    ("abs", UnaryOp::Absolute),
    ("isnull", UnaryOp::Isnan),
    ("round", UnaryOp::Rint),
    ("ceiling", UnaryOp::Ceil),
    ("ln", UnaryOp::Log),
];
const BINARY_ALIASES: [(&str, BinaryOp); 5] = [
    ("floordiv", BinaryOp::FloorDivide),
    ("pow", BinaryOp::Power),
    ("mod", BinaryOp::Remainder),
    ("atan2", BinaryOp::Arctan2),
    ("true_divide", BinaryOp::Divide),
];

fn dtype(value: &Dynamic) -> Raised<DType> {
    text(
        "astype",
        value,
        "the name of a dtype, for example \"float32\"",
    )?
    .parse()
    .or_raise()
}

fn condition_of(this: &DataArray, value: &Dynamic) -> Raised<DataArray> {
    match self::value("where", value)? {
        Value::Data(condition) => Ok(condition),
        Value::Array(condition) if condition.ndim() == 0 => {
            Ok(DataArray::new(condition, &[], Vec::new()))
        }
        other @ Value::Array(_) => {
            data_operand("where", this, other)?;
            Err(refuse("where", value, "a condition with dimension names"))
        }
        _ => Err(refuse(
            "where",
            value,
            "a condition, an array of true and false",
        )),
    }
}

fn where_data(this: &DataArray, args: &[Dynamic]) -> Raised<Dynamic> {
    let condition = condition_of(this, &args[0])?;
    match args.get(1) {
        None => data(this.where_(&condition)),
        Some(other) => {
            let other = data_operand("where", this, value("where", other)?)?;
            data(this.where_or(&condition, other))
        }
    }
}

fn where_array(this: &Array, args: &[Dynamic]) -> Raised<Dynamic> {
    let condition = match value("where", &args[0])? {
        Value::Array(condition) => condition,
        _ => {
            return Err(refuse(
                "where",
                &args[0],
                "a condition, an array of true and false",
            ));
        }
    };
    match args.get(1) {
        None => array(this.where_(&condition)),
        Some(other) => {
            let other = operand("where", this, value("where", other)?)?;
            array(this.where_or(&condition, other))
        }
    }
}

pub(super) fn register(registry: &mut Registry<'_>) {
    let named = UnaryOp::ALL.iter().map(|op| (op.name(), *op));
    for (name, op) in named.chain(UNARY_ALIASES) {
        registry.method::<DataArray>(name, 0..=0, move |a, _| data(a.unary(op)));
        registry.method::<Array>(name, 0..=0, move |a, _| array(a.unary(op)));
    }
    let named = BinaryOp::ALL.iter().map(|op| (op.name(), *op));
    for (name, op) in named.chain(BINARY_ALIASES) {
        registry.method::<DataArray>(name, 1..=1, move |a, args| {
            apply(name, op, &Dynamic::from(a.clone()), &args[0])
        });
        registry.method::<Array>(name, 1..=1, move |a, args| {
            apply(name, op, &Dynamic::from(a.clone()), &args[0])
        });
        // Numbers first: minimum(0, x), floordiv(7, 2).
        registry.method::<i64>(name, 1..=1, move |a, args| {
            apply(name, op, &Dynamic::from(*a), &args[0])
        });
        registry.method::<f64>(name, 1..=1, move |a, args| {
            apply(name, op, &Dynamic::from(*a), &args[0])
        });
    }
    registry.method::<DataArray>("where", 1..=2, where_data);
    registry.method::<Array>("where", 1..=2, where_array);
    registry.method::<DataArray>("fillna", 1..=1, |a, args| {
        let value = data_operand("fillna", a, value("fillna", &args[0])?)?;
        data(a.fillna(value))
    });
    registry.method::<Array>("fillna", 1..=1, |a, args| {
        let value = operand("fillna", a, value("fillna", &args[0])?)?;
        array(a.fillna(value))
    });
    registry.method::<DataArray>("clip", 2..=2, |a, args| {
        // `()` is an open end.
        let mut result = Dynamic::from(a.clone());
        for (op, bound) in [(BinaryOp::Maximum, &args[0]), (BinaryOp::Minimum, &args[1])] {
            if !bound.is_unit() {
                result = apply("clip", op, &result, bound)?;
            }
        }
        Ok(result)
    });
    registry.method::<Array>("clip", 2..=2, |a, args| {
        let mut result = Dynamic::from(a.clone());
        for (op, bound) in [(BinaryOp::Maximum, &args[0]), (BinaryOp::Minimum, &args[1])] {
            if !bound.is_unit() {
                result = apply("clip", op, &result, bound)?;
            }
        }
        Ok(result)
    });
    registry.method::<DataArray>("astype", 1..=1, |a, args| data(a.astype(dtype(&args[0])?)));
    registry.method::<Array>("astype", 1..=1, |a, args| array(a.astype(dtype(&args[0])?)));
}
