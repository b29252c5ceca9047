//! Times: `date_range("2000", #{ periods: 12, freq: "MS" })`, `ds.time.dt.month`, `infer_freq`, and operators beside times of
//! any calendar.

use super::args::{by_name, int, length, text, type_name};
use super::failure::{OrRaise, Raised, raise, refuse};
use super::operators::data;
use super::registry::Registry;
use crate::driver::Driver;
use crate::error::Error;
use crate::labelled::cf::{Calendar, Component, Frequency, TimeIndex, date_range};
use crate::labelled::{DataArray, Dataset, Times, unknown_property};
use crate::op::BinaryOp;
use rhai::{Dynamic, Engine, Map};

fn list<T: Into<Dynamic>>(values: impl IntoIterator<Item = T>) -> Dynamic {
    Dynamic::from(values.into_iter().map(Into::into).collect::<rhai::Array>())
}

/// A text, or nothing for `()`.
pub(super) fn maybe_text(operation: &str, value: &Dynamic, what: &str) -> Raised<Option<String>> {
    match value.is_unit() {
        true => Ok(None),
        false => text(operation, value, what).map(Some),
    }
}

/// The times of a value: of `date_range`, of a coordinate in a model calendar, of an array of datetime64.
pub(super) fn times_of(operation: &str, value: &Dynamic) -> Raised<Times> {
    if let Some(times) = value.clone().try_cast::<Times>() {
        return Ok(times);
    }
    match value.clone().try_cast::<DataArray>() {
        Some(array) => array.dt().or_raise(),
        None => Err(refuse(
            operation,
            value,
            "times: a coordinate or a date_range",
        )),
    }
}

/// A property of times.
fn property(times: &Times, name: &str) -> Raised<Dynamic> {
    Ok(match name {
        "season" => list(times.season()),
        "calendar" => times.index().calendar().name().into(),
        "size" => Dynamic::from(times.index().len() as i64),
        "dt" => Dynamic::from(times.clone()),
        name if Times::components().any(|known| known == name) => {
            return data(times.component(name).or_raise()?);
        }
        name => return Err(raise(unknown_property(name))),
    })
}

/// `times op other` and `other op times`.
pub(super) fn apply(op: BinaryOp, name: &str, left: &Dynamic, right: &Dynamic) -> Raised<Dynamic> {
    let named = format!("times {name}");
    let Some(times) = left.clone().try_cast::<Times>() else {
        let Some(times) = right.clone().try_cast::<Times>() else {
            return Err(refuse(&named, left, "times"));
        };
        // The other way round.
        let turned = match op {
            BinaryOp::Less => BinaryOp::Greater,
            BinaryOp::LessEqual => BinaryOp::GreaterEqual,
            BinaryOp::Greater => BinaryOp::Less,
            BinaryOp::GreaterEqual => BinaryOp::LessEqual,
            BinaryOp::Subtract => {
                let other = other_times(&named, &times, left)?;
                return data(times.distance_to(&other).or_raise()?);
            }
            same => same,
        };
        return apply(turned, name, &Dynamic::from(times), left);
    };
    let texted = right.is_string();
    match op {
        BinaryOp::Add | BinaryOp::Subtract if texted => {
            let by = text(&named, right, "a length of time")?;
            // A date is a time, anything else a length.
            if op == BinaryOp::Subtract
                && let Ok(date) = TimeIndex::of_texts(&[&by], times.index().calendar())
            {
                return data(times.minus(&date).or_raise()?);
            }
            let steps = if op == BinaryOp::Add { 1 } else { -1 };
            times.plus(&by, steps).or_raise().map(Dynamic::from)
        }
        BinaryOp::Subtract => {
            let other = times_of(&named, right)?;
            data(times.minus(other.index()).or_raise()?)
        }
        op if op.is_comparison() => {
            let other = other_times(&named, &times, right)?;
            data(times.compare(op, &other).or_raise()?)
        }
        _ => Err(raise(Error::invalid(format!(
            "{named}: {} is not allowed; times are compared with times and dates, subtracted, and moved by lengths: times + \"6h\"",
            type_name(right)
        )))),
    }
}

/// Times, or one from the text of a date.
fn other_times(operation: &str, beside: &Times, value: &Dynamic) -> Raised<TimeIndex> {
    if let Ok(date) = value.as_immutable_string_ref() {
        return TimeIndex::of_texts(&[date.as_str()], beside.index().calendar()).or_raise();
    }
    times_of(operation, value).map(|times| times.index().clone())
}

pub(super) fn show(times: &Times) -> String {
    let coord = times.coord();
    let shown: Vec<String> = (0..coord.len().min(6)).map(|at| coord.text(at)).collect();
    let more = if coord.len() > 6 { ", …" } else { "" };
    format!(
        "<hyperslab.Times {:?} ({}), {} of them: {}{more}>",
        coord.name,
        times.index().calendar(),
        coord.len(),
        shown.join(", ")
    )
}

const FREQ: &str = "a frequency, for example \"6h\" or \"MS\"";

pub(super) fn register(registry: &mut Registry<'_>, driver: &Driver) {
    let own = driver.clone();
    registry.function("date_range", 1..=6, move |args| {
        const NAME: &str = "date_range";
        let names = ["start", "end", "periods", "freq", "calendar", "name"];
        let given = by_name(NAME, args, &names)?;
        let date = |value| maybe_text(NAME, value, "a date as text, or () for none");
        let (start, end) = (date(&given[0])?, date(&given[1])?);
        let periods = match given[2].is_unit() {
            true => None,
            false => Some(length(NAME, &given[2], 0)?),
        };
        let freq = maybe_text(NAME, &given[3], FREQ)?;
        let calendar = maybe_text(NAME, &given[4], "the name of a calendar")?;
        let calendar = Calendar::parse(calendar.as_deref().unwrap_or("standard"))
            .map_err(|e| e.context(NAME))
            .or_raise()?;
        let made = date_range(
            start.as_deref(),
            end.as_deref(),
            periods,
            freq.as_deref(),
            calendar,
        );
        let name = maybe_text(NAME, &given[5], "a name")?;
        let name = name.as_deref().unwrap_or("time");
        let times = Times::new(&own, name, made.or_raise()?).or_raise()?;
        Ok(Dynamic::from(times))
    });
    registry.function("infer_freq", 1..=1, |args| {
        let freq = times_of("infer_freq", &args[0])?.infer_freq().or_raise()?;
        Ok(freq.map_or(Dynamic::UNIT, Dynamic::from))
    });
    type Round = fn(&Times, &str) -> crate::Result<Times>;
    let all: [(&str, Round); 3] = [
        ("floor", Times::floor),
        ("ceil", Times::ceil),
        ("round", Times::round),
    ];
    for (name, f) in all {
        registry.method::<Times>(name, 1..=1, move |times, args| {
            let freq = text(name, &args[0], FREQ)?;
            f(times, &freq).or_raise().map(Dynamic::from)
        });
    }
    registry.method::<Times>("strftime", 1..=1, |times, args| {
        let format = text("strftime", &args[0], "a format, for example \"%Y-%m-%d\"")?;
        times.strftime(&format).or_raise().map(list)
    });
    registry.method::<Times>("isocalendar", 0..=0, |times, _| {
        let mut map = Map::new();
        for (key, name) in [
            ("year", "isoyear"),
            ("week", "week"),
            ("weekday", "weekday"),
        ] {
            let part = times.component(name).or_raise()?;
            // ISO counts the days of the week from 1.
            let part = match name {
                "weekday" => part.binary(BinaryOp::Add, &crate::dtype::Scalar::I64(1).into()),
                _ => part,
            };
            map.insert(key.into(), Dynamic::from(part));
        }
        Ok(Dynamic::from(map))
    });
    registry.method::<Times>("data_array", 0..=0, |times, _| {
        data(times.data().or_raise()?)
    });
    registry.method::<Times>("shift", 1..=2, |times, args| {
        let steps = int("shift", &args[0], "a number of steps, an integer")?;
        let freq = match args.get(1) {
            Some(freq) => text("shift", freq, FREQ)?,
            None => times.infer_freq().or_raise()?.ok_or_else(|| {
                raise(Error::invalid(
                    "shift: the times have no frequency; give one",
                ))
            })?,
        };
        Frequency::parse(&freq).or_raise()?;
        times.plus(&freq, steps).or_raise().map(Dynamic::from)
    });
    for name in ["to_string", "to_debug"] {
        registry.method::<Times>(name, 0..=0, |times, _| Ok(show(times).into()));
    }
    convert(registry);
    properties(&mut *registry.engine);
}

fn properties(engine: &mut Engine) {
    engine.register_type_with_name::<Times>("Times");
    engine.register_get("dt", |array: &mut DataArray| -> Raised<Dynamic> {
        array.dt().or_raise().map(Dynamic::from)
    });
    let names = Component::names().chain(["decimal_year", "calendar", "size", "dt"]);
    for name in names {
        engine.register_get(name, move |times: &mut Times| property(times, name));
    }
    engine.register_indexer_get(|times: &mut Times, name: &str| property(times, name));
}

fn convert(registry: &mut Registry<'_>) {
    /// The calendar, the dimension, `align_on` and `missing`.
    type Options = (String, String, Option<String>, Option<crate::dtype::Scalar>);
    fn options(args: &[Dynamic]) -> Raised<Options> {
        const NAME: &str = "convert_calendar";
        let given = by_name(NAME, args, &["calendar", "dim", "align_on", "missing"])?;
        let calendar = text(NAME, &given[0], "the name of a calendar")?;
        let dim = maybe_text(NAME, &given[1], "the name of a dimension")?;
        let align = maybe_text(NAME, &given[2], "\"date\" or \"year\"")?;
        let missing = match given[3].is_unit() {
            true => None,
            false => Some(
                super::args::scalar(&given[3])
                    .ok_or_else(|| refuse(NAME, &given[3], "a number for missing dates"))?,
            ),
        };
        Ok((
            calendar,
            dim.unwrap_or_else(|| "time".into()),
            align,
            missing,
        ))
    }
    registry.method::<DataArray>("convert_calendar", 1..=4, |this, args| {
        let (calendar, dim, align, missing) = options(args)?;
        data(this.convert_calendar(&calendar, &dim, align.as_deref(), missing))
    });
    registry.method::<Dataset>("convert_calendar", 1..=4, |this, args| {
        let (calendar, dim, align, missing) = options(args)?;
        super::operators::dataset(this.convert_calendar(&calendar, &dim, align.as_deref(), missing))
    });
    fn target(args: &[Dynamic]) -> Raised<(TimeIndex, String)> {
        const NAME: &str = "interp_calendar";
        let given = by_name(NAME, args, &["target", "dim"])?;
        let dim = maybe_text(NAME, &given[1], "the name of a dimension")?;
        let times = times_of(NAME, &given[0])?;
        Ok((times.index().clone(), dim.unwrap_or_else(|| "time".into())))
    }
    registry.method::<DataArray>("interp_calendar", 1..=2, |this, args| {
        let (times, dim) = target(args)?;
        data(this.interp_calendar(&times, &dim))
    });
    registry.method::<Dataset>("interp_calendar", 1..=2, |this, args| {
        let (times, dim) = target(args)?;
        super::operators::dataset(this.interp_calendar(&times, &dim))
    });
}
