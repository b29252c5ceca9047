//! Labelled arrays and datasets brought together: `align([a, b], "inner")`, `concat([a, b], "time")`, `merge([ds, other])`.

use super::args::{check_keys, map, scalar, text, texts};
use super::create::{block, coord};
use super::failure::{OrRaise, Raised, raise, refuse};
use super::labels::{both, entries, lookup};
use super::operators::{data, dataset};
use super::registry::Registry;
use crate::array::Array;
use crate::dtype::Scalar;
use crate::error::Error;
use crate::labelled::{
    self, Along, Coord, DataArray, DataVars, Dataset, Join, Lookup, Times, combine_by_coords,
    concat, concat_datasets, merge,
};
use rhai::{Dynamic, Map};
use std::str::FromStr;

/// A list of labelled arrays, or of datasets.
pub(super) enum Many {
    Arrays(Vec<DataArray>),
    Datasets(Vec<Dataset>),
}

/// The list of labelled objects; `None` when it holds others.
pub(super) fn many(value: &Dynamic) -> Option<Many> {
    let list = value.as_array_ref().ok()?;
    let first = list.first()?;
    if first.is::<DataArray>() {
        let all = list.iter().map(|v| v.clone().try_cast::<DataArray>());
        return all.collect::<Option<_>>().map(Many::Arrays);
    }
    let all = list.iter().map(|v| v.clone().try_cast::<Dataset>());
    all.collect::<Option<_>>().map(Many::Datasets)
}

fn objects(operation: &str, value: &Dynamic) -> Raised<Many> {
    many(value).ok_or_else(|| refuse(operation, value, "a list of DataArrays, or of Datasets"))
}

fn list<T: rhai::Variant + Clone>(values: Vec<T>) -> Dynamic {
    Dynamic::from(
        values
            .into_iter()
            .map(Dynamic::from)
            .collect::<rhai::Array>(),
    )
}

/// A word that stands for a choice; `()` is the default.
pub(super) fn choice<T: FromStr<Err = Error>>(
    operation: &str,
    value: Option<&Dynamic>,
    default: T,
) -> Raised<T> {
    match value.filter(|v| !v.is_unit()) {
        None => Ok(default),
        Some(value) => {
            let word = text(operation, value, "a word")?;
            word.parse()
                .map_err(|e: Error| raise(Error::invalid(format!("{operation}: {}", e.message()))))
        }
    }
}

fn options(operation: &str, args: &[Dynamic], known: &[&str]) -> Raised<Map> {
    let options = match args.first() {
        Some(given) => map(operation, given, "options #{…}")?,
        None => Map::new(),
    };
    check_keys(operation, &options, known)?;
    Ok(options)
}

/// Labels of one dimension as a coordinate: a list (dates as text beside an index of times), or a 1-D array.
pub(super) fn labels_of(
    operation: &str,
    dim: &str,
    value: &Dynamic,
    index: Option<&Coord>,
) -> Raised<Coord> {
    if let Some(array) = value.clone().try_cast::<DataArray>() {
        let made = array.to_coord(Some(dim)).or_raise()?;
        if made.dims.len() != 1 {
            return Err(raise(Error::invalid(format!(
                "{operation}: the labels of {dim:?} have {} dimensions; give a 1-D array",
                made.dims.len()
            ))));
        }
        return Ok(made.relabelled(dim, &[dim]));
    }
    if let Some(array) = value.clone().try_cast::<Array>() {
        return Ok(Coord::index(dim, array.compute_block().or_raise()?));
    }
    if let (Some(index), Ok(given)) = (index, value.as_array_ref())
        && index.times().is_some()
        && given.iter().all(Dynamic::is_string)
    {
        let dates = texts(operation, value, "dates")?;
        return index.of_dates(dim, &dates).or_raise();
    }
    match value.is_array() || value.is::<Times>() {
        true => coord(dim, value),
        false => Ok(Coord::index(dim, block(operation, value)?)),
    }
}

/// What along dimensions is asked for: labels, how they are looked up, and the value where there are none.
type Wanted = (Vec<Coord>, Lookup, Option<Scalar>);

fn reindexing(operation: &str, coords: &[Coord], args: &[Dynamic]) -> Raised<Wanted> {
    let targets = entries(
        operation,
        &args[0],
        "a map of dimensions and labels",
        |dim, value| {
            let index = coords.iter().find(|c| c.name == dim);
            labels_of(operation, dim, value, index)
        },
    )?;
    let (lookup, fill) = filling(operation, &args[1..])?;
    let targets = targets.into_iter().map(|(_, coord)| coord).collect();
    Ok((targets, lookup, fill))
}

/// `"nearest"`, or `#{ method, tolerance, fill_value }`.
fn filling(operation: &str, args: &[Dynamic]) -> Raised<(Lookup, Option<Scalar>)> {
    let Some(given) = args.first().filter(|given| given.is_map()) else {
        return Ok((lookup(operation, args)?, None));
    };
    let mut given = map(operation, given, "options")?;
    check_keys(operation, &given, &["method", "tolerance", "fill_value"])?;
    let fill = match given.remove("fill_value") {
        None => None,
        Some(value) => match scalar(&value) {
            Some(number) => Some(number),
            None => return Err(refuse(operation, &value, "a number as fill_value")),
        },
    };
    let lookup = lookup(operation, &[Dynamic::from(given)])?;
    Ok((lookup, fill))
}

fn join_of(args: &[Dynamic], place: usize, default: Join) -> Raised<Join> {
    let given = args.get(place);
    match given.filter(|v| v.is_map()) {
        Some(options) => {
            let options = map("join", options, "options")?;
            check_keys("join", &options, &["join"])?;
            choice("join", options.get("join"), default)
        }
        None => choice("join", given, default),
    }
}

/// `concat([a, b], "time", #{ join: "outer", data_vars: "minimal" })`; labels of a new dimension as a named DataArray.
pub(super) fn concat_labelled(many: Many, args: &[Dynamic]) -> Raised<Dynamic> {
    const NAME: &str = "concat";
    let Some(given) = args.first() else {
        return Err(refuse(NAME, &Dynamic::UNIT, "the name of a dimension"));
    };
    let along = match given.clone().try_cast::<DataArray>() {
        Some(labels) => Along::Labels(labels.to_coord(None).or_raise()?),
        None => Along::Dim(text(NAME, given, "the name of a dimension, or its labels")?),
    };
    let options = options(NAME, &args[1..], &["join", "data_vars"])?;
    let join = choice(NAME, options.get("join"), Join::Outer)?;
    let data_vars = match options.get("data_vars") {
        None => DataVars::All,
        Some(value) => match text(NAME, value, "\"all\" or \"minimal\"")?.as_str() {
            "all" => DataVars::All,
            "minimal" => DataVars::Minimal,
            _ => return Err(refuse(NAME, value, "\"all\" or \"minimal\"")),
        },
    };
    match many {
        Many::Arrays(arrays) => {
            let arrays: Vec<&DataArray> = arrays.iter().collect();
            data(concat(&arrays, along, join).or_raise()?)
        }
        Many::Datasets(parts) => {
            let parts: Vec<&Dataset> = parts.iter().collect();
            dataset(concat_datasets(&parts, along, join, data_vars).or_raise()?)
        }
    }
}

fn datasets(operation: &str, value: &Dynamic) -> Raised<Vec<Dataset>> {
    let made = match value.as_array_ref() {
        Ok(list) => list
            .iter()
            .map(|v| {
                if let Some(array) = v.clone().try_cast::<DataArray>() {
                    return array.to_dataset(None).or_raise();
                }
                v.clone()
                    .try_cast::<Dataset>()
                    .ok_or_else(|| refuse(operation, v, "a Dataset or a named DataArray"))
            })
            .collect::<Raised<Vec<_>>>()?,
        Err(_) => return Err(refuse(operation, value, "a list of Datasets")),
    };
    Ok(made)
}

fn merged(operation: &str, parts: &[Dataset], args: &[Dynamic]) -> Raised<Dynamic> {
    let options = options(operation, args, &["compat", "join"])?;
    let compat = choice(operation, options.get("compat"), Default::default())?;
    let join = choice(operation, options.get("join"), Join::Outer)?;
    let parts: Vec<&Dataset> = parts.iter().collect();
    dataset(merge(&parts, compat, join).or_raise()?)
}

/// `equals` and its kin: a bool, computed at this line.
macro_rules! comparisons {
    ($registry:expr, $($name:ident),*) => {$(
        $registry.method::<DataArray>(stringify!($name), 1..=1, |this, args| {
            match args[0].clone().try_cast::<DataArray>() {
                Some(other) => Ok(this.$name(&other).or_raise()?.into()),
                None => Err(refuse(stringify!($name), &args[0], "a DataArray")),
            }
        });
        $registry.method::<Dataset>(stringify!($name), 1..=1, |this, args| {
            match args[0].clone().try_cast::<Dataset>() {
                Some(other) => Ok(this.$name(&other).or_raise()?.into()),
                None => Err(refuse(stringify!($name), &args[0], "a Dataset")),
            }
        });
    )*};
}

pub(super) fn register(registry: &mut Registry<'_>) {
    comparisons!(registry, equals, identical, broadcast_equals);
    registry.function("align", 1..=2, |args| {
        let join = join_of(args, 1, Join::Inner)?;
        Ok(match objects("align", &args[0])? {
            Many::Arrays(arrays) => {
                let arrays: Vec<&DataArray> = arrays.iter().collect();
                list(labelled::align(&arrays, join, &[]).or_raise()?)
            }
            Many::Datasets(parts) => {
                let parts: Vec<&Dataset> = parts.iter().collect();
                list(labelled::align_datasets(&parts, join, &[]).or_raise()?)
            }
        })
    });
    registry.function("broadcast", 1..=1, |args| {
        match objects("broadcast", &args[0])? {
            Many::Arrays(arrays) => {
                let arrays: Vec<&DataArray> = arrays.iter().collect();
                Ok(list(labelled::broadcast(&arrays).or_raise()?))
            }
            Many::Datasets(_) => Err(refuse("broadcast", &args[0], "a list of DataArrays")),
        }
    });
    registry.function("merge", 1..=2, |args| {
        merged("merge", &datasets("merge", &args[0])?, &args[1..])
    });
    registry.method::<Dataset>("merge", 1..=2, |this, args| {
        let other = datasets("merge", &Dynamic::from(vec![args[0].clone()]))?;
        let parts: Vec<Dataset> = std::iter::once(this.clone()).chain(other).collect();
        merged("merge", &parts, &args[1..])
    });
    registry.function("combine_by_coords", 1..=1, |args| {
        let parts = datasets("combine_by_coords", &args[0])?;
        dataset(combine_by_coords(&parts.iter().collect::<Vec<_>>()).or_raise()?)
    });
    both!(registry, "reindex", 1..=3, |this, args| {
        let (targets, lookup, fill) = reindexing("reindex", this.coords(), args)?;
        this.reindex(&targets, &lookup, fill)
    });
    registry.method::<DataArray>("reindex_like", 1..=3, |this, args| {
        let (lookup, fill) = filling("reindex_like", &args[1..])?;
        data(this.reindex_like(&like("reindex_like", &args[0])?, &lookup, fill))
    });
    registry.method::<Dataset>("reindex_like", 1..=3, |this, args| {
        let (lookup, fill) = filling("reindex_like", &args[1..])?;
        let other = dataset_like("reindex_like", &args[0])?;
        dataset(this.reindex_like(&other, &lookup, fill))
    });
    both!(registry, "broadcast_like", 1..=1, |this, args| {
        let Some(other) = args[0].clone().try_cast::<DataArray>() else {
            return Err(refuse("broadcast_like", &args[0], "a DataArray"));
        };
        this.broadcast_like(&other)
    });
    registry.method::<DataArray>("combine_first", 1..=1, |this, args| {
        let Some(other) = args[0].clone().try_cast::<DataArray>() else {
            return Err(refuse("combine_first", &args[0], "a DataArray"));
        };
        data(this.combine_first(&other))
    });
    registry.method::<Dataset>("combine_first", 1..=1, |this, args| {
        let Some(other) = args[0].clone().try_cast::<Dataset>() else {
            return Err(refuse("combine_first", &args[0], "a Dataset"));
        };
        dataset(this.combine_first(&other))
    });
}

/// An array whose labels are taken: of a dataset, those of all its coordinates.
pub(super) fn like(operation: &str, value: &Dynamic) -> Raised<DataArray> {
    if let Some(array) = value.clone().try_cast::<DataArray>() {
        return Ok(array);
    }
    match value.clone().try_cast::<Dataset>() {
        Some(dataset) => dataset.indexes().or_raise(),
        None => Err(refuse(operation, value, "a DataArray or a Dataset")),
    }
}

/// A dataset whose labels are taken: of an array, one with its coordinates.
pub(super) fn dataset_like(operation: &str, value: &Dynamic) -> Raised<Dataset> {
    match value.clone().try_cast::<Dataset>() {
        Some(dataset) => Ok(dataset),
        None => like(operation, value)?
            .rename("__like__")
            .to_dataset(None)
            .or_raise(),
    }
}
