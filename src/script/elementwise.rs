//! Element-wise functions: unary and binary mathematics, `where`, `fillna`, `clip`, `astype`.

use super::args::{Value, data_operand, dataset_operand, operand, text, value};
use super::failure::{OrRaise, Raised, refuse};
use super::operators::{apply, array, data, dataset};
use super::registry::Registry;
use crate::array::Array;
use crate::dtype::DType;
use crate::labelled::{DataArray, Dataset, DatasetOperand, Join};
use crate::op::{BinaryOp, UnaryOp};
use rhai::{Dynamic, FnPtr, NativeCallContext};
use std::any::TypeId;

/// Other names under which users know an operation.
const UNARY_ALIASES: &[(&str, UnaryOp)] = &[
    ("abs", UnaryOp::Absolute),
    ("isnull", UnaryOp::Isnan),
    ("round", UnaryOp::Rint),
    ("ceiling", UnaryOp::Ceil),
    ("ln", UnaryOp::Log),
    ("rad2deg", UnaryOp::Degrees),
    ("deg2rad", UnaryOp::Radians),
    ("conj", UnaryOp::Conjugate),
    ("fix", UnaryOp::Trunc),
    ("acos", UnaryOp::Arccos),
    ("acosh", UnaryOp::Arccosh),
    ("asin", UnaryOp::Arcsin),
    ("asinh", UnaryOp::Arcsinh),
    ("atan", UnaryOp::Arctan),
    ("atanh", UnaryOp::Arctanh),
    ("bitwise_invert", UnaryOp::Invert),
    ("bitwise_not", UnaryOp::Invert),
];
const BINARY_ALIASES: &[(&str, BinaryOp)] = &[
    ("floordiv", BinaryOp::FloorDivide),
    ("pow", BinaryOp::Power),
    ("mod", BinaryOp::Remainder),
    ("atan2", BinaryOp::Arctan2),
    ("true_divide", BinaryOp::Divide),
    ("bitwise_left_shift", BinaryOp::LeftShift),
    ("bitwise_right_shift", BinaryOp::RightShift),
];

pub(super) fn dtype(value: &Dynamic) -> Raised<DType> {
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

/// `#{ drop: true }`.
fn drops(options: &Dynamic) -> Raised<bool> {
    let options = super::args::map("where", options, "a value, or options #{ drop: true }")?;
    super::args::check_keys("where", &options, &["drop"])?;
    Ok(super::args::flag("where", &options, "drop")?.unwrap_or(false))
}

fn where_data(this: &DataArray, args: &[Dynamic]) -> Raised<Dynamic> {
    let condition = condition_of(this, &args[0])?;
    match args.get(1) {
        None => data(this.where_(&condition)),
        Some(options) if options.is_map() => match drops(options)? {
            true => data(this.where_drop(&condition)),
            false => data(this.where_(&condition)),
        },
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

fn where_dataset(this: &Dataset, args: &[Dynamic]) -> Raised<Dynamic> {
    let condition = match value("where", &args[0])? {
        condition @ (Value::Data(_) | Value::Dataset(_) | Value::Array(_)) => {
            dataset_operand("where", this, condition)?
        }
        Value::Weak(_) | Value::Text(_) => {
            let allowed = "a condition, an array or a dataset of true and false";
            return Err(refuse("where", &args[0], allowed));
        }
    };
    match args.get(1) {
        None => dataset(this.where_(condition)),
        Some(options) if options.is_map() => match (drops(options)?, condition) {
            (true, DatasetOperand::Array(condition)) => dataset(this.where_drop(&condition)),
            (true, _) => Err(refuse("where: drop", &args[0], "a DataArray as condition")),
            (false, condition) => dataset(this.where_(condition)),
        },
        Some(other) => {
            let other = dataset_operand("where", this, value("where", other)?)?;
            dataset(this.where_or(condition, other))
        }
    }
}

/// `()` is an open end.
fn clip(this: Dynamic, args: &[Dynamic]) -> Raised<Dynamic> {
    let mut result = this;
    for (op, bound) in [(BinaryOp::Maximum, &args[0]), (BinaryOp::Minimum, &args[1])] {
        if !bound.is_unit() {
            result = apply("clip", op, &result, bound)?;
        }
    }
    Ok(result)
}

/// `ds.map(|v| …)`: a function of the script on every variable.
fn map(context: &NativeCallContext<'_>, this: &Dataset, f: &FnPtr) -> Raised<Dynamic> {
    let mut made = Vec::new();
    for variable in this.variables() {
        let result: Dynamic = f.call_within_context(context, (variable.clone(),))?;
        match value("map", &result)? {
            Value::Data(array) => made.push(array),
            _ => return Err(refuse("map", &result, "a function that gives a DataArray")),
        }
    }
    let mut made = made.into_iter();
    dataset(this.map(|variable| made.next().unwrap_or_else(|| variable.clone())))
}

pub(super) fn register(registry: &mut Registry<'_>) {
    let named = UnaryOp::ALL.iter().map(|op| (op.name(), *op));
    for (name, op) in named.chain(UNARY_ALIASES.iter().copied()) {
        registry.method::<DataArray>(name, 0..=0, move |a, _| data(a.unary(op)));
        registry.method::<Array>(name, 0..=0, move |a, _| array(a.unary(op)));
        registry.method::<Dataset>(name, 0..=0, move |a, _| dataset(a.unary(op)));
    }
    let named = BinaryOp::ALL.iter().map(|op| (op.name(), *op));
    for (name, op) in named.chain(BINARY_ALIASES.iter().copied()) {
        binary_of::<DataArray>(registry, name, op);
        binary_of::<Array>(registry, name, op);
        binary_of::<Dataset>(registry, name, op);
        registry.method::<DataArray>(name, 2..=2, move |a, args| {
            joined(name, op, &Dynamic::from(a.clone()), args)
        });
        registry.method::<Dataset>(name, 2..=2, move |a, args| {
            joined(name, op, &Dynamic::from(a.clone()), args)
        });
        // Numbers first: minimum(0, x), floordiv(7, 2).
        binary_of::<i64>(registry, name, op);
        binary_of::<f64>(registry, name, op);
    }
    registry.method::<DataArray>("where", 1..=2, where_data);
    registry.method::<Array>("where", 1..=2, where_array);
    registry.method::<Dataset>("where", 1..=2, where_dataset);
    registry.method::<DataArray>("fillna", 1..=1, |a, args| {
        let value = data_operand("fillna", a, value("fillna", &args[0])?)?;
        data(a.fillna(value))
    });
    registry.method::<Array>("fillna", 1..=1, |a, args| {
        let value = operand("fillna", a, value("fillna", &args[0])?)?;
        array(a.fillna(value))
    });
    registry.method::<Dataset>("fillna", 1..=1, |a, args| {
        let value = dataset_operand("fillna", a, value("fillna", &args[0])?)?;
        dataset(a.fillna(value))
    });
    registry.method::<DataArray>("clip", 2..=2, |a, args| {
        clip(Dynamic::from(a.clone()), args)
    });
    registry.method::<Array>("clip", 2..=2, |a, args| {
        clip(Dynamic::from(a.clone()), args)
    });
    registry.method::<Dataset>("clip", 2..=2, |a, args| {
        clip(Dynamic::from(a.clone()), args)
    });
    registry.method::<DataArray>("astype", 1..=1, |a, args| data(a.astype(dtype(&args[0])?)));
    registry.method::<Array>("astype", 1..=1, |a, args| array(a.astype(dtype(&args[0])?)));
    registry.method::<Dataset>("astype", 1..=1, |a, args| {
        dataset(a.astype(dtype(&args[0])?))
    });
    registry.names.push("map".to_owned());
    let types = [TypeId::of::<Dataset>(), TypeId::of::<FnPtr>()];
    registry
        .engine
        .register_raw_fn("map", types, |context, args| {
            let f: FnPtr = args[1].take().flatten().cast();
            let this: Dataset = args[0].flatten_clone().cast();
            map(&context, &this, &f)
        });
}

fn binary_of<T: rhai::Variant + Clone>(registry: &mut Registry<'_>, name: &str, op: BinaryOp) {
    let named = name.to_owned();
    registry.method::<T>(name, 1..=1, move |a, args| {
        apply(&named, op, &Dynamic::from(a.clone()), &args[0])
    });
}

/// `a.add(b, #{ join: "outer" })`: which labels are left of indexes that differ.
fn joined(name: &str, op: BinaryOp, a: &Dynamic, args: &[Dynamic]) -> Raised<Dynamic> {
    let options = super::args::map(name, &args[1], "options #{ join: \"outer\" }")?;
    super::args::check_keys(name, &options, &["join"])?;
    let join = super::combine::choice(name, options.get("join"), Join::Inner)?;
    match (value(name, a)?, value(name, &args[0])?) {
        (Value::Data(a), b) if !matches!(b, Value::Dataset(_)) => {
            let b = data_operand(name, &a, b)?;
            data(a.binary_joined(op, &b, join))
        }
        (Value::Dataset(a), b) => {
            let b = dataset_operand(name, &a, b)?;
            dataset(a.binary_joined(op, &b, join))
        }
        _ => Err(refuse(name, &args[0], "a labelled array or a number")),
    }
}
