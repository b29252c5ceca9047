//! Text of values: `print`, `to_string`, `item`. A result of one element is computed, larger ones say what they are.

use super::args::Slice;
use super::failure::{Failure, OrRaise, Raised};
use super::registry::Registry;
use crate::array::Array;
use crate::dtype::{NAT, Scalar};
use crate::error::Error;
use crate::labelled::cf::CfTime;
use crate::labelled::{
    Coord, DataArray, Dataset, DatasetGroupBy, DatasetResample, GroupBy, Resample, Times,
};
use rhai::{Dynamic, EvalAltResult};
use std::sync::{Arc, OnceLock};

/// The first error of a text that could not be made. Where a value stands in a text (`${…}`), Rhai writes the name of its
/// type when `to_string` fails: so the error is kept here, and ends the script at its next step.
#[derive(Clone, Default)]
pub(super) struct Untold(Arc<OnceLock<Error>>);

impl Untold {
    /// The error, when there is one.
    pub(super) fn error(&self) -> Option<Error> {
        self.0.get().cloned()
    }

    /// As an error of the script, when there is one.
    pub(super) fn raised(&self) -> Option<Dynamic> {
        Some(Dynamic::from(Failure(self.error()?)))
    }

    fn keep(&self, text: Raised<String>) -> Raised<Dynamic> {
        match text {
            Ok(text) => Ok(text.into()),
            Err(error) => {
                if let EvalAltResult::ErrorRuntime(value, _) = &*error
                    && let Some(Failure(error)) = value.clone().try_cast()
                {
                    // A later one changes nothing: the first is reported.
                    let _ = self.0.set(error);
                }
                Err(error)
            }
        }
    }
}

/// A number as a script reads it; times as ISO text, complex numbers as text.
pub(super) fn to_dynamic(value: Scalar) -> Dynamic {
    match value {
        Scalar::Bool(v) => v.into(),
        Scalar::F32(v) => Dynamic::from(f64::from(v)),
        Scalar::F64(v) => v.into(),
        Scalar::C64(_) | Scalar::C128(_) | Scalar::Timedelta(..) => value.to_string().into(),
        Scalar::Datetime(NAT, _) => "NaT".into(),
        Scalar::Datetime(count, unit) => {
            let t = CfTime::datetime64(unit).civil(count);
            let mut text = format!("{:04}-{:02}-{:02}", t.year, t.month, t.day);
            text += &format!("T{:02}:{:02}:{:02}", t.hour, t.minute, t.second);
            text.into()
        }
        Scalar::U64(v) => match i64::try_from(v) {
            Ok(v) => v.into(),
            Err(_) => Dynamic::from(v as f64),
        },
        other => other
            .as_i128()
            .map_or_else(|| other.to_string().into(), |v| (v as i64).into()),
    }
}

/// The text of one element: floats keep their point, as in Python.
fn scalar_text(value: Scalar) -> String {
    match value {
        Scalar::F32(v) => format!("{v:?}"),
        Scalar::F64(v) => format!("{v:?}"),
        Scalar::Datetime(..) => to_dynamic(value).to_string(),
        other => other.to_string(),
    }
}

fn show_array(array: &Array) -> Raised<String> {
    match array.shape().is_empty() {
        true => array.item().map(scalar_text).or_raise(),
        false => Ok(array.to_string()),
    }
}

/// The text of any value.
pub(super) fn show(value: &Dynamic) -> Raised<String> {
    if let Some(data) = value.clone().try_cast::<DataArray>() {
        return show_data(&data);
    }
    if let Some(array) = value.clone().try_cast::<Array>() {
        return show_array(&array);
    }
    if let Some(ds) = value.clone().try_cast::<Dataset>() {
        return Ok(ds.to_string().trim_end().to_owned());
    }
    if let Some(times) = value.clone().try_cast::<Times>() {
        return Ok(super::times::show(&times));
    }
    Ok(value.to_string())
}

fn show_data(data: &DataArray) -> Raised<String> {
    match data.shape().is_empty() {
        true => show_array(data.array()),
        false => Ok(data.to_string().trim_end().to_owned()),
    }
}

fn show_groups(kind: &str, groups: Option<&Coord>) -> String {
    match groups {
        Some(coord) => {
            let names: Vec<String> = (0..coord.len().min(12)).map(|i| coord.text(i)).collect();
            let more = if coord.len() > 12 { ", …" } else { "" };
            format!(
                "<hyperslab.{kind} {:?}, {} groups: {}{more}>",
                coord.name,
                coord.len(),
                names.join(", ")
            )
        }
        None => format!("<hyperslab.{kind}: failed>"),
    }
}

fn show_slice(slice: &Slice) -> String {
    format!("slice({}, {}, {})", slice.start, slice.stop, slice.step)
}

pub(super) fn register(registry: &mut Registry<'_>, untold: &Untold) {
    // Rhai's own would print the name of the type where the computation fails.
    for name in ["print", "debug"] {
        registry.method::<DataArray>(name, 0..=0, |a, _| Ok(show_data(a)?.into()));
        registry.method::<Array>(name, 0..=0, |a, _| Ok(show_array(a)?.into()));
    }
    for name in ["to_string", "to_debug"] {
        let kept = untold.clone();
        registry.method::<DataArray>(name, 0..=0, move |a, _| kept.keep(show_data(a)));
        let kept = untold.clone();
        registry.method::<Array>(name, 0..=0, move |a, _| kept.keep(show_array(a)));
        registry.method::<Dataset>(name, 0..=0, |a, _| Ok(a.to_string().trim_end().into()));
        registry.method::<GroupBy>(name, 0..=0, |a, _| {
            Ok(show_groups("GroupBy", a.groups()).into())
        });
        registry.method::<DatasetGroupBy>(name, 0..=0, |a, _| {
            Ok(show_groups("GroupBy", a.groups()).into())
        });
        registry.method::<Resample>(name, 0..=0, |a, _| {
            Ok(show_groups("Resample", a.groups()).into())
        });
        registry.method::<DatasetResample>(name, 0..=0, |a, _| {
            Ok(show_groups("Resample", a.groups()).into())
        });
        registry.method::<Slice>(name, 0..=0, |a, _| Ok(show_slice(a).into()));
        registry.method::<Failure>(name, 0..=0, |a, _| Ok(a.0.to_string().into()));
    }
    registry.method::<DataArray>("item", 0..=0, |a, _| {
        a.array().item().map(to_dynamic).or_raise()
    });
    registry.method::<Array>("item", 0..=0, |a, _| a.item().map(to_dynamic).or_raise());
}
