//! Selection of labelled arrays and datasets: `a.sel(#{ lat: 40, time: "2020-08" })`, `ds.isel(#{ time: 0..10 })`.

use super::args::{check_keys, indexer, int, label, labels, map, text, whole_list};
use super::failure::{Raised, raise, refuse};
use super::operators::{data, dataset};
use super::registry::Registry;
use crate::error::Error;
use crate::labelled::{DataArray, Dataset, Indexer, Label, Labels, Lookup};
use rhai::Dynamic;

/// Registers a method of `DataArray` and of `Dataset` whose bodies read alike.
macro_rules! both {
    ($registry:expr, $name:expr, $counts:expr, |$this:ident, $args:ident| $body:expr) => {
        $registry.method::<DataArray>($name, $counts, move |$this, $args| data($body));
        $registry.method::<Dataset>($name, $counts, move |$this, $args| dataset($body));
    };
}

pub(super) use both;

const ISEL: &str = "a map of dimensions and positions: #{ time: 0..10, y: 5 }";
const SEL: &str = "a map of dimensions and labels: #{ time: \"2020-08\", y: slice(40, 50) }";

/// Names with what `read` makes of each value of a map.
pub(super) fn entries<T>(
    operation: &str,
    value: &Dynamic,
    what: &str,
    read: impl Fn(&str, &Dynamic) -> Raised<T>,
) -> Raised<Vec<(String, T)>> {
    map(operation, value, what)?
        .iter()
        .map(|(name, value)| Ok((name.to_string(), read(name, value)?)))
        .collect()
}

/// Borrowed names beside their values.
pub(super) fn by_ref<T: Clone>(entries: &[(String, T)]) -> Vec<(&str, T)> {
    let pair = entries
        .iter()
        .map(|(name, value)| (name.as_str(), value.clone()));
    pair.collect()
}

/// How labels are looked up: `"nearest"`, or `#{ method: "nearest", tolerance: 0.5 }`.
pub(super) fn lookup(operation: &str, args: &[Dynamic]) -> Raised<Lookup> {
    let Some(given) = args.first().filter(|given| !given.is_unit()) else {
        return Ok(Lookup::default());
    };
    let (method, tolerance) = match given.as_map_ref() {
        Ok(options) => {
            check_keys(operation, &options, &["method", "tolerance"])?;
            let method = options.get("method").cloned();
            (method, options.get("tolerance").cloned())
        }
        Err(_) => (Some(given.clone()), args.get(1).cloned()),
    };
    let mut lookup = Lookup::default();
    if let Some(method) = method.filter(|m| !m.is_unit()) {
        let method = text(
            operation,
            &method,
            "a method: \"nearest\", \"ffill\" or \"bfill\"",
        )?;
        lookup.method = method
            .parse()
            .map_err(|e: Error| raise(Error::invalid(format!("{operation}: {}", e.message()))))?;
    }
    if let Some(tolerance) = tolerance.filter(|t| !t.is_unit()) {
        lookup.tolerance = Some(label(operation, &tolerance)?);
    }
    Ok(lookup)
}

fn positions(value: &Dynamic) -> Raised<Vec<(String, Indexer)>> {
    entries("isel", value, ISEL, |_, at| indexer("isel", at))
}

fn wanted(value: &Dynamic) -> Raised<Vec<(String, Labels)>> {
    entries("sel", value, SEL, |_, value| labels("sel", value))
}

fn label_list(operation: &str, value: &Dynamic) -> Raised<Vec<Label>> {
    match value.as_array_ref() {
        Ok(list) => list.iter().map(|v| label(operation, v)).collect(),
        Err(_) => Ok(vec![label(operation, value)?]),
    }
}

/// Numbers by dimension: of a map, one for all dimensions, or 5 without any (3 is not guessed for `thin`).
fn counts(operation: &str, dims: &[String], args: &[Dynamic]) -> Raised<Vec<(String, isize)>> {
    let one = |value: &Dynamic| Ok(int(operation, value, "an integer")? as isize);
    match args.first() {
        Some(given) if given.is_map() => entries(
            operation,
            given,
            "a map of dimensions and numbers",
            |_, value| one(value),
        ),
        Some(given) => {
            let n = one(given)?;
            Ok(dims.iter().map(|dim| (dim.clone(), n)).collect())
        }
        None if operation == "thin" => Err(refuse(
            operation,
            &Dynamic::UNIT,
            "a number or a map of dimensions and numbers",
        )),
        None => Ok(dims.iter().map(|dim| (dim.clone(), 5)).collect()),
    }
}

/// Names of all dimensions.
pub(super) trait Named {
    fn dim_names(&self) -> Vec<String>;
}

impl Named for DataArray {
    fn dim_names(&self) -> Vec<String> {
        self.dims().to_vec()
    }
}

impl Named for Dataset {
    fn dim_names(&self) -> Vec<String> {
        self.sizes().into_iter().map(|(dim, _)| dim).collect()
    }
}

pub(super) fn register(registry: &mut Registry<'_>) {
    both!(registry, "isel", 1..=1, |this, args| {
        this.isel(by_ref(&positions(&args[0])?))
    });
    both!(registry, "sel", 1..=3, |this, args| {
        let lookup = lookup("sel", &args[1..])?;
        this.sel_labels(&by_ref(&wanted(&args[0])?), &lookup)
    });
    both!(registry, "drop_isel", 1..=1, |this, args| {
        let out = entries("drop_isel", &args[0], ISEL, |_, v| {
            whole_list("drop_isel", v)
        })?;
        this.drop_isel(by_ref(&out))
    });
    both!(registry, "drop_sel", 1..=1, |this, args| {
        let out = entries("drop_sel", &args[0], SEL, |_, v| label_list("drop_sel", v))?;
        this.drop_sel(&by_ref(&out))
    });
    both!(registry, "head", 0..=1, |this, args| {
        this.head(&by_ref(&counts("head", &this.dim_names(), args)?))
    });
    both!(registry, "tail", 0..=1, |this, args| {
        this.tail(&by_ref(&counts("tail", &this.dim_names(), args)?))
    });
    both!(registry, "thin", 0..=1, |this, args| {
        this.thin(&by_ref(&counts("thin", &this.dim_names(), args)?))
    });
}
