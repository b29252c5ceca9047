//! `resample`: `x.resample(#{ time: "ME" }).mean()`, `x.resample("time", "6h", #{ closed: "right" }).sum()`.

use super::args::{check_keys, map, text};
use super::failure::{Raised, raise, refuse};
use super::operators::{data, dataset};
use super::reduce::{KINDS, dim_names, options, split};
use super::registry::Registry;
use super::times::maybe_text;
use crate::error::Error;
use crate::labelled::cf::TimeResampler;
use crate::labelled::{DataArray, Dataset, DatasetResample, Resample};
use crate::op::ReductionKind;
use rhai::{Dynamic, Map};

const OPTIONS: [&str; 4] = ["closed", "label", "origin", "offset"];
const WANTED: &str = "a map of one dimension and its frequency: #{ time: \"ME\" }";

/// The dimension and how it is put into bins.
fn resampler(args: &[Dynamic]) -> Raised<(String, TimeResampler)> {
    const NAME: &str = "resample";
    let (dim, freq, given) = match args {
        [one] => {
            let mut given = map(NAME, one, WANTED)?;
            let dims: Vec<String> = given
                .keys()
                .filter(|key| !OPTIONS.contains(&key.as_str()))
                .map(|key| key.to_string())
                .collect();
            let [dim] = dims.as_slice() else {
                return Err(raise(Error::invalid(format!(
                    "resample: {} dimensions ({}); give {WANTED}",
                    dims.len(),
                    dims.join(", ")
                ))));
            };
            let freq = given.remove(dim.as_str()).unwrap_or(Dynamic::UNIT);
            (dim.clone(), freq, given)
        }
        [dim, freq, rest @ ..] => {
            let given = match rest.first() {
                Some(options) => map(NAME, options, "options: #{ closed: \"right\" }")?,
                None => Map::new(),
            };
            (
                text(NAME, dim, "the name of a dimension")?,
                freq.clone(),
                given,
            )
        }
        [] => return Err(refuse(NAME, &Dynamic::UNIT, WANTED)),
    };
    check_keys(NAME, &given, &OPTIONS)?;
    let freq = text(
        NAME,
        &freq,
        "a frequency, for example \"ME\", \"QS-DEC\" or \"6h\"",
    )?;
    let mut by = TimeResampler::new(&freq);
    let option = |key: &str| match given.get(key) {
        Some(value) => maybe_text(&format!("{NAME}: {key}"), value, "a text"),
        None => Ok(None),
    };
    if let Some(side) = option("closed")? {
        by = by.closed(&side);
    }
    if let Some(side) = option("label")? {
        by = by.label(&side);
    }
    if let Some(origin) = option("origin")? {
        by = by.origin(&origin);
    }
    if let Some(offset) = option("offset")? {
        by = by.offset(&offset);
    }
    Ok((dim, by))
}

/// A reduction by its record: dimensions, `skipna`, `min_count`.
type Reduce<T> = fn(&T, ReductionKind, &[&str], Option<bool>, Option<usize>) -> Raised<Dynamic>;

/// A reduction of bins with its options, `min_count` among them.
fn reduction<T: rhai::Variant + Clone>(
    registry: &mut Registry<'_>,
    name: &'static str,
    kind: ReductionKind,
    reduce: Reduce<T>,
) {
    registry.method::<T>(name, 0..=2, move |this, args| {
        let (dims, map) = split(args);
        let counted = matches!(kind, ReductionKind::Sum | ReductionKind::Prod);
        let known: &[&str] = if counted { &["min_count"] } else { &[] };
        let (kind, skipna) = options(name, kind, map.as_ref(), known)?;
        let least = match map.as_ref().and_then(|map| map.get("min_count")) {
            Some(least) => Some(super::args::length(
                &format!("{name}: min_count"),
                least,
                0,
            )?),
            None => None,
        };
        let names = dim_names(name, dims)?;
        let dims: Vec<&str> = names.iter().map(String::as_str).collect();
        reduce(this, kind, &dims, skipna, least)
    });
}

/// The tolerance of a fill: by position or by name.
fn tolerance(name: &str, args: &[Dynamic]) -> Raised<Option<String>> {
    const WHAT: &str = "a length of time, for example \"6h\"";
    match args.first() {
        Some(options) if options.is_map() => {
            let options = map(name, options, WHAT)?;
            check_keys(name, &options, &["tolerance"])?;
            let given = options.get("tolerance").cloned().unwrap_or(Dynamic::UNIT);
            maybe_text(name, &given, WHAT)
        }
        Some(given) => maybe_text(name, given, WHAT),
        None => Ok(None),
    }
}

fn kind(args: &[Dynamic]) -> Raised<String> {
    match args.first() {
        Some(kind) => text("interpolate", kind, "\"linear\" or \"nearest\""),
        None => Ok("linear".to_owned()),
    }
}

/// The methods that fill, of `$Type`, whose results go through `$raise`.
macro_rules! fills {
    ($registry:expr, $Type:ident, $raise:ident) => {
        $registry.method::<$Type>("asfreq", 0..=0, |this, _| $raise(this.asfreq()));
        $registry.method::<$Type>("interpolate", 0..=1, |this, args| {
            $raise(this.interpolate(&kind(args)?))
        });
        for name in ["ffill", "pad"] {
            $registry.method::<$Type>(name, 0..=1, move |this, args| {
                $raise(this.ffill(tolerance(name, args)?.as_deref()))
            });
        }
        for name in ["bfill", "backfill"] {
            $registry.method::<$Type>(name, 0..=1, move |this, args| {
                $raise(this.bfill(tolerance(name, args)?.as_deref()))
            });
        }
        $registry.method::<$Type>("nearest", 0..=1, |this, args| {
            $raise(this.nearest(tolerance("nearest", args)?.as_deref()))
        });
    };
}

pub(super) fn register(registry: &mut Registry<'_>) {
    registry.method::<DataArray>("resample", 1..=3, |this, args| {
        let (dim, by) = resampler(args)?;
        let made = this.resample(&dim, by);
        match made.groups() {
            Some(_) => Ok(Dynamic::from(made)),
            // The failure is in the lazy value.
            None => data(made.asfreq()),
        }
    });
    registry.method::<Dataset>("resample", 1..=3, |this, args| {
        let (dim, by) = resampler(args)?;
        let made = this.resample(&dim, by);
        match made.groups() {
            Some(_) => Ok(Dynamic::from(made)),
            None => dataset(made.asfreq()),
        }
    });
    for (name, kind) in KINDS {
        if matches!(kind, ReductionKind::Argmin | ReductionKind::Argmax) {
            continue;
        }
        reduction::<Resample>(registry, name, kind, |this, kind, dims, skipna, least| {
            data(this.reduce_counted(kind, dims, skipna, least))
        });
        reduction::<DatasetResample>(registry, name, kind, |this, kind, dims, skipna, least| {
            dataset(this.reduce_counted(kind, dims, skipna, least))
        });
    }
    fills!(registry, Resample, data);
    fills!(registry, DatasetResample, dataset);
    let engine = &mut *registry.engine;
    engine.register_type_with_name::<Resample>("Resample");
    engine.register_type_with_name::<DatasetResample>("DatasetResample");
}
