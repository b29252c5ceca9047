//! Reductions and group-by: `x.mean()`, `x.std("time", #{ ddof: 1 })`, `x.sum(["y", "x"], #{ skipna: false })`.

use super::args::{check_keys, flag, int, texts};
use super::failure::{Raised, raise, refuse};
use super::operators::{array, data, dataset};
use super::registry::Registry;
use crate::array::{Array, ReduceOptions};
use crate::error::Error;
use crate::labelled::{DataArray, Dataset, DatasetGroupBy, GroupBy};
use crate::op::ReductionKind;
use rhai::{Dynamic, Map};

pub(super) const KINDS: [(&str, ReductionKind); 14] = [
    ("sum", ReductionKind::Sum),
    ("prod", ReductionKind::Prod),
    ("mean", ReductionKind::Mean),
    ("min", ReductionKind::Min),
    ("max", ReductionKind::Max),
    ("count", ReductionKind::Count),
    ("any", ReductionKind::Any),
    ("all", ReductionKind::All),
    ("argmin", ReductionKind::Argmin),
    ("argmax", ReductionKind::Argmax),
    ("var", ReductionKind::Var { ddof: 0 }),
    ("std", ReductionKind::Std { ddof: 0 }),
    ("first", ReductionKind::First),
    ("last", ReductionKind::Last),
];

/// Dimensions, if any, and options, if any.
pub(super) fn split(args: &[Dynamic]) -> (Option<&Dynamic>, Option<Map>) {
    let options = args
        .last()
        .and_then(|last| last.as_map_ref().ok().map(|map| map.clone()));
    let dims = match options {
        Some(_) => &args[..args.len() - 1],
        None => args,
    };
    (dims.first(), options)
}

/// The reduction with its options.
pub(super) fn options(
    name: &str,
    kind: ReductionKind,
    map: Option<&Map>,
    known: &[&str],
) -> Raised<(ReductionKind, Option<bool>)> {
    let Some(map) = map else {
        return Ok((kind, None));
    };
    let mut known = known.to_vec();
    known.push("skipna");
    let spread = matches!(kind, ReductionKind::Var { .. } | ReductionKind::Std { .. });
    if spread {
        known.push("ddof");
    }
    check_keys(name, map, &known)?;
    let skipna = flag(name, map, "skipna")?;
    let Some(ddof) = map.get("ddof") else {
        return Ok((kind, skipna));
    };
    let ddof = int(&format!("{name}: ddof"), ddof, "an integer")?;
    let ddof = u32::try_from(ddof).map_err(|_| {
        raise(Error::invalid(format!(
            "{name}: ddof {ddof} is not allowed; give 0 or more"
        )))
    })?;
    let kind = match kind {
        ReductionKind::Var { .. } => ReductionKind::Var { ddof },
        _ => ReductionKind::Std { ddof },
    };
    Ok((kind, skipna))
}

const DIMS: &str =
    "a dimension name, a list of them, or options #{…} (for two arrays: minimum, maximum)";

pub(super) fn dim_names(name: &str, dims: Option<&Dynamic>) -> Raised<Vec<String>> {
    match dims {
        None => Ok(Vec::new()),
        Some(dims) if dims.is_unit() => Ok(Vec::new()),
        Some(dims) => {
            let names = texts(name, dims, DIMS)?;
            // An empty list reduces nothing in NumPy, and everything here: refuse the doubt.
            match names.is_empty() {
                true => Err(refuse(
                    name,
                    dims,
                    "at least one dimension, or nothing for all",
                )),
                false => Ok(names),
            }
        }
    }
}

pub(super) fn axes(name: &str, dims: Option<&Dynamic>) -> Raised<Vec<isize>> {
    let one = |value: &Dynamic| int(name, value, "an axis number").map(|axis| axis as isize);
    match dims {
        None => Ok(Vec::new()),
        Some(dims) if dims.is_unit() => Ok(Vec::new()),
        Some(dims) => match dims.as_array_ref() {
            Ok(list) if list.is_empty() => {
                Err(refuse(name, dims, "at least one axis, or nothing for all"))
            }
            Ok(list) => list.iter().map(one).collect(),
            Err(_) => Ok(vec![one(dims)?]),
        },
    }
}

fn reduce_array(
    this: &Array,
    name: &str,
    kind: ReductionKind,
    skip: bool,
    args: &[Dynamic],
) -> Raised<Dynamic> {
    let (dims, map) = split(args);
    let (kind, skipna) = options(name, kind, map.as_ref(), &["keepdims"])?;
    let keepdims = match &map {
        Some(map) => flag(name, map, "keepdims")?.unwrap_or(false),
        None => false,
    };
    // By position NumPy's rule holds: missing values win unless they are skipped by name. Counts count what is there.
    let skipna = match (skipna, kind) {
        (None, ReductionKind::Count) => None,
        (given, _) => Some(given.unwrap_or(skip)),
    };
    array(this.reduce(kind, &axes(name, dims)?, ReduceOptions { skipna, keepdims }))
}

/// A labelled reduction: its name, kind, dimensions and options. `DataArray`, `Dataset` and their groups have it alike.
fn labelled<T: rhai::Variant + Clone>(
    registry: &mut Registry<'_>,
    name: &'static str,
    kind: ReductionKind,
    reduce: fn(&T, ReductionKind, &[&str], Option<bool>) -> Raised<Dynamic>,
) {
    registry.method::<T>(name, 0..=2, move |this, args| {
        let (dims, map) = split(args);
        let (kind, skipna) = options(name, kind, map.as_ref(), &[])?;
        let names = dim_names(name, dims)?;
        let dims: Vec<&str> = names.iter().map(String::as_str).collect();
        reduce(this, kind, &dims, skipna)
    });
}

pub(super) fn register(registry: &mut Registry<'_>) {
    for (name, kind) in KINDS {
        labelled::<GroupBy>(registry, name, kind, |this, kind, dims, skipna| {
            data(this.reduce(kind, dims, skipna))
        });
        labelled::<DatasetGroupBy>(registry, name, kind, |this, kind, dims, skipna| {
            dataset(this.reduce(kind, dims, skipna))
        });
        if matches!(kind, ReductionKind::First | ReductionKind::Last) {
            continue;
        }
        labelled::<DataArray>(registry, name, kind, |this, kind, dims, skipna| {
            data(this.reduce(kind, dims, skipna))
        });
        labelled::<Dataset>(registry, name, kind, |this, kind, dims, skipna| {
            dataset(this.reduce(kind, dims, skipna))
        });
        registry.method::<Array>(name, 0..=2, move |this, args| {
            reduce_array(this, name, kind, false, args)
        });
        let skipping = match kind {
            ReductionKind::Count | ReductionKind::Any | ReductionKind::All => continue,
            _ => format!("nan{name}"),
        };
        registry.method::<Array>(&skipping.clone(), 0..=2, move |this, args| {
            reduce_array(this, &skipping, kind, true, args)
        });
    }
}
