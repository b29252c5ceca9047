//! Reads the arguments of script functions: numbers, names, shapes, maps, slices.

use super::failure::{OrRaise, Raised, raise, refuse};
use crate::array::{Array, Operand, RandomGenerator};
use crate::dtype::{DType, Scalar};
use crate::error::Error;
use crate::labelled::cf::{Calendar, parse_interval};
use crate::labelled::{
    Coarsen, DataArray, DataOperand, Dataset, DatasetCoarsen, DatasetGroupBy, DatasetOperand,
    DatasetResample, DatasetRolling, DatasetRollingExp, DatasetWeighted, GroupBy, Indexer, Label,
    Labels, Points, Resample, Rolling, RollingExp, Times, Weighted,
};
use rhai::{Dynamic, Map};
use std::ops::{Range, RangeInclusive};

/// `slice(a, b)` and `slice(a, b, step)`: positions for `isel`, labels for `sel`; `()` is an end.
#[derive(Clone)]
pub(super) struct Slice {
    pub(super) start: Dynamic,
    pub(super) stop: Dynamic,
    pub(super) step: i64,
}

/// The type of a value in the words of a script.
pub(super) fn type_name(value: &Dynamic) -> String {
    if value.is::<DataArray>() {
        return "a DataArray".into();
    }
    if value.is::<Array>() {
        return "an Array".into();
    }
    if value.is::<Dataset>() {
        return "a Dataset".into();
    }
    if value.is::<GroupBy>() || value.is::<DatasetGroupBy>() {
        return "a GroupBy (reduce it first, for example with mean())".into();
    }
    if value.is::<Resample>() || value.is::<DatasetResample>() {
        return "a Resample (reduce it first, for example with mean(), or fill it)".into();
    }
    if value.is::<Rolling>() || value.is::<DatasetRolling>() {
        return "windows of rolling (reduce them first, for example with mean())".into();
    }
    if value.is::<RollingExp>() || value.is::<DatasetRollingExp>() {
        return "windows of rolling_exp (reduce them first, for example with mean())".into();
    }
    if value.is::<Coarsen>() || value.is::<DatasetCoarsen>() {
        return "windows of coarsen (reduce them first, for example with mean())".into();
    }
    if value.is::<Weighted>() || value.is::<DatasetWeighted>() {
        return "a weighted array (reduce it first, for example with mean())".into();
    }
    if value.is::<Times>() {
        return "times".into();
    }
    if value.is::<Slice>() {
        return "a slice".into();
    }
    if value.is::<RandomGenerator>() {
        return "a random generator".into();
    }
    if value.is_unit() {
        return "()".into();
    }
    if let Ok(text) = value.as_immutable_string_ref() {
        return format!("the text {:?}", text.as_str());
    }
    match value.type_name() {
        "i64" => format!("the integer {value}"),
        "f64" => format!("the number {value}"),
        "bool" => format!("{value}"),
        "array" => "a list".into(),
        "map" => "a map".into(),
        "char" => format!("the character {value}"),
        other => format!("a value of type {other}"),
    }
}

/// An operand: an array, a dataset or a number.
#[derive(Clone)]
pub(super) enum Value {
    Data(DataArray),
    Dataset(Dataset),
    Array(Array),
    Weak(Scalar),
    Text(String),
}

pub(super) fn value(operation: &str, dynamic: &Dynamic) -> Raised<Value> {
    if let Some(data) = dynamic.clone().try_cast::<DataArray>() {
        return Ok(Value::Data(data));
    }
    if let Some(array) = dynamic.clone().try_cast::<Array>() {
        return Ok(Value::Array(array));
    }
    if let Some(scalar) = scalar(dynamic) {
        return Ok(Value::Weak(scalar));
    }
    if let Ok(text) = dynamic.as_immutable_string_ref() {
        return Ok(Value::Text(text.to_string()));
    }
    if let Some(dataset) = dynamic.clone().try_cast::<Dataset>() {
        return Ok(Value::Dataset(dataset));
    }
    Err(refuse(operation, dynamic, "an array or a number"))
}

/// A number or bool of the script.
pub(super) fn scalar(value: &Dynamic) -> Option<Scalar> {
    if let Ok(v) = value.as_int() {
        return Some(Scalar::I64(v));
    }
    if let Ok(v) = value.as_float() {
        return Some(Scalar::F64(v));
    }
    value.as_bool().ok().map(Scalar::Bool)
}

/// A text beside an array of times is a date.
fn date(operation: &str, dtype: DType, text: &str) -> Raised<Scalar> {
    let DType::Datetime(unit) = dtype else {
        return Err(raise(Error::invalid(format!(
            "{operation}: the text {text:?} beside an array of {dtype}; texts are dates beside times only"
        ))));
    };
    let calendar = Calendar::ProlepticGregorian;
    let (start, _) = parse_interval(text, calendar).map_err(raise)?;
    let count = start.to_unit(calendar, unit).ok_or_else(|| {
        raise(Error::invalid(format!(
            "{operation}: {text:?} does not fit {dtype}"
        )))
    })?;
    Ok(Scalar::Datetime(count, unit))
}

/// The other operand of a labelled array.
pub(super) fn data_operand(operation: &str, this: &DataArray, other: Value) -> Raised<DataOperand> {
    Ok(match other {
        Value::Data(other) => other.into(),
        Value::Weak(scalar) => scalar.into(),
        Value::Text(text) => date(operation, this.dtype(), &text)?.into(),
        Value::Array(array) => named(operation, array, || {
            format!("a DataArray ({})", this.dims().join(", "))
        })?
        .into(),
        Value::Dataset(_) => return Err(no_dataset(operation, "a DataArray")),
    })
}

/// What stands beside a dataset.
pub(super) fn dataset_operand(
    operation: &str,
    this: &Dataset,
    other: Value,
) -> Raised<DatasetOperand> {
    Ok(match other {
        Value::Dataset(other) => other.into(),
        Value::Data(other) => other.into(),
        Value::Weak(scalar) => scalar.into(),
        Value::Text(text) => {
            return Err(raise(Error::invalid(format!(
                "{operation}: the text {text:?} beside a Dataset; texts are dates beside arrays of times: take a variable, \
                 ds.name or ds[\"name\"]"
            ))));
        }
        Value::Array(array) => named(operation, array, || {
            let dims: Vec<String> = this.sizes().into_iter().map(|(dim, _)| dim).collect();
            format!("a Dataset ({})", dims.join(", "))
        })?
        .into(),
    })
}

/// An array by position beside labelled ones: a single number has no dimensions to be named, others are refused.
fn named(operation: &str, array: Array, beside: impl Fn() -> String) -> Raised<DataArray> {
    if array.ndim() == 0 {
        return Ok(DataArray::new(array, &[], Vec::new()));
    }
    Err(raise(Error::invalid(format!(
        "{operation}: an Array of shape {:?} has no dimension names to match those of {}; name them with \
         data_array(x, [\"…\"])",
        array.shape(),
        beside()
    ))))
}

fn no_dataset(operation: &str, beside: &str) -> Box<rhai::EvalAltResult> {
    raise(Error::invalid(format!(
        "{operation}: a Dataset beside {beside} gives many arrays; take a variable of it: ds.name or ds[\"name\"]"
    )))
}

/// The other operand of an array by position.
pub(super) fn operand(operation: &str, this: &Array, other: Value) -> Raised<Operand> {
    Ok(match other {
        Value::Array(other) => other.into(),
        Value::Weak(scalar) => scalar.into(),
        Value::Text(text) => Operand::Weak(date(operation, this.dtype(), &text)?),
        Value::Dataset(_) => return Err(no_dataset(operation, "an Array")),
        Value::Data(data) => {
            return Err(raise(Error::invalid(format!(
                "{operation}: an Array of shape {:?} has no dimension names to match those of a DataArray ({}); name them with \
                 data_array(x, [\"…\"])",
                this.shape(),
                data.dims().join(", ")
            ))));
        }
    })
}

/// A text.
pub(super) fn text(operation: &str, value: &Dynamic, what: &str) -> Raised<String> {
    match value.as_immutable_string_ref() {
        Ok(text) => Ok(text.to_string()),
        Err(_) => Err(refuse(operation, value, what)),
    }
}

/// A number, whole or not.
pub(super) fn number(operation: &str, value: &Dynamic, what: &str) -> Raised<f64> {
    let whole = value.as_int().map(|v| v as f64);
    whole
        .or_else(|_| value.as_float())
        .map_err(|_| refuse(operation, value, what))
}

/// An integer.
pub(super) fn int(operation: &str, value: &Dynamic, what: &str) -> Raised<i64> {
    value.as_int().map_err(|_| refuse(operation, value, what))
}

/// A length: an integer from `least`.
pub(super) fn length(operation: &str, value: &Dynamic, least: i64) -> Raised<usize> {
    let number = int(operation, value, "a length, an integer")?;
    match usize::try_from(number) {
        Ok(len) if number >= least => Ok(len),
        _ => Err(raise(Error::invalid(format!(
            "{operation}: the length {number} is not allowed; lengths are at least {least}"
        )))),
    }
}

/// A length or a list of lengths.
pub(super) fn lengths(operation: &str, value: &Dynamic, least: i64) -> Raised<Vec<usize>> {
    match value.as_array_ref() {
        Ok(list) => list.iter().map(|v| length(operation, v, least)).collect(),
        Err(_) => Ok(vec![length(operation, value, least)?]),
    }
}

/// A list of texts, or one text.
pub(super) fn texts(operation: &str, value: &Dynamic, what: &str) -> Raised<Vec<String>> {
    match value.as_array_ref() {
        Ok(list) => list.iter().map(|v| text(operation, v, what)).collect(),
        Err(_) => Ok(vec![text(operation, value, what)?]),
    }
}

/// A map.
pub(super) fn map(operation: &str, value: &Dynamic, what: &str) -> Raised<Map> {
    match value.as_map_ref() {
        Ok(map) => Ok(map.clone()),
        Err(_) => Err(refuse(operation, value, what)),
    }
}

/// Refuses keys of an options map that a function does not know.
pub(super) fn check_keys(operation: &str, map: &Map, known: &[&str]) -> Raised<()> {
    for key in map.keys() {
        if !known.contains(&key.as_str()) {
            return Err(raise(Error::invalid(format!(
                "{operation}: unknown option {:?}; known: {}",
                key.as_str(),
                crate::error::nearest_names(key, known.iter().copied())
            ))));
        }
    }
    Ok(())
}

/// A bool option.
pub(super) fn flag(operation: &str, map: &Map, key: &str) -> Raised<Option<bool>> {
    match map.get(key) {
        None => Ok(None),
        Some(value) => match value.as_bool() {
            Ok(flag) => Ok(Some(flag)),
            Err(_) => Err(refuse(
                &format!("{operation}: {key}"),
                value,
                "true or false",
            )),
        },
    }
}

const POSITIONS: &str =
    "a position, a range (0..10), slice(a, b, step), a list or an array of positions";

fn end(operation: &str, value: &Dynamic) -> Raised<Option<isize>> {
    match value.is_unit() {
        true => Ok(None),
        false => Ok(Some(int(operation, value, "an integer or ()")? as isize)),
    }
}

/// Positions along one dimension.
pub(super) fn indexer(operation: &str, value: &Dynamic) -> Raised<Indexer> {
    if let Ok(at) = value.as_int() {
        return Ok(Indexer::At(at as isize));
    }
    if let Some(range) = value.clone().try_cast::<Range<i64>>() {
        return Ok(Indexer::Slice(
            Some(range.start as isize),
            Some(range.end as isize),
            1,
        ));
    }
    if let Some(range) = value.clone().try_cast::<RangeInclusive<i64>>() {
        // -1 as the last position means the end, not an empty range.
        let stop = (*range.end() != -1).then_some(*range.end() as isize + 1);
        return Ok(Indexer::Slice(Some(*range.start() as isize), stop, 1));
    }
    if let Some(slice) = value.clone().try_cast::<Slice>() {
        let (start, stop) = (end(operation, &slice.start)?, end(operation, &slice.stop)?);
        return Ok(Indexer::Slice(start, stop, slice.step as isize));
    }
    if let Some(array) = value.clone().try_cast::<DataArray>() {
        return Points::of(&array).or_raise().map(Indexer::Points);
    }
    if value.is_array() {
        return whole_list(operation, value).map(Indexer::List);
    }
    Err(refuse(operation, value, POSITIONS))
}

pub(super) fn label(operation: &str, value: &Dynamic) -> Raised<Label> {
    if let Ok(text) = value.as_immutable_string_ref() {
        return Ok(Label::Text(text.to_string()));
    }
    match scalar(value) {
        Some(Scalar::I64(number)) => Ok(Label::Integer(number)),
        Some(number) => Ok(Label::Number(number.as_f64())),
        None => Err(refuse(
            operation,
            value,
            "a label (a number or a text), a list of them, slice(a, b) or an array",
        )),
    }
}

/// Labels along one dimension.
pub(super) fn labels(operation: &str, value: &Dynamic) -> Raised<Labels> {
    let bound = |value: &Dynamic| match value.is_unit() {
        true => Ok(None),
        false => label(operation, value).map(Some),
    };
    if let Some(slice) = value.clone().try_cast::<Slice>() {
        return Ok(Labels::Range(
            bound(&slice.start)?,
            bound(&slice.stop)?,
            slice.step as isize,
        ));
    }
    if value.is::<Range<i64>>() || value.is::<RangeInclusive<i64>>() {
        return Err(raise(Error::invalid(format!(
            "{operation}: a range a..b leaves out its end, but labels include both ends; write slice(a, b), or select by \
             position with isel"
        ))));
    }
    if let Some(array) = value.clone().try_cast::<DataArray>() {
        return Labels::points(&array).or_raise();
    }
    if let Ok(list) = value.as_array_ref() {
        let list = list.iter().map(|v| label(operation, v));
        return Ok(Labels::List(list.collect::<Raised<_>>()?));
    }
    label(operation, value).map(Labels::One)
}

/// Arguments by position, and by name in a map at the end: one value per name, `()` where none is given.
pub(super) fn by_name(operation: &str, args: &[Dynamic], names: &[&str]) -> Raised<Vec<Dynamic>> {
    let mut values = vec![Dynamic::UNIT; names.len()];
    let (last, before) = match args.split_last() {
        Some((last, before)) if last.is_map() => (Some(last), before),
        _ => (None, args),
    };
    for (place, value) in values.iter_mut().zip(before) {
        *place = value.clone();
    }
    if let Some(options) = last {
        let options = map(operation, options, "options")?;
        check_keys(operation, &options, names)?;
        for (name, place) in names.iter().zip(&mut values) {
            if let Some(value) = options.get(*name) {
                *place = value.clone();
            }
        }
    }
    Ok(values)
}

/// An integer, or `()` for none.
pub(super) fn optional(operation: &str, value: &Dynamic) -> Raised<Option<isize>> {
    match value.is_unit() {
        true => Ok(None),
        false => Ok(Some(int(operation, value, "an integer or ()")? as isize)),
    }
}

/// An integer or a list of them.
pub(super) fn whole_list(operation: &str, value: &Dynamic) -> Raised<Vec<isize>> {
    let one = |v: &Dynamic| int(operation, v, "an integer").map(|v| v as isize);
    match value.as_array_ref() {
        Ok(list) => list.iter().map(one).collect(),
        Err(_) => Ok(vec![one(value)?]),
    }
}
