//! Where arrays come from: files, constants, lists; datasets; computing several arrays together.

use super::args::{Slice, check_keys, int, lengths, map, scalar, text, texts};
use super::failure::{OrRaise, Raised, raise, refuse};
use super::names::coords_of;
use super::operators::{array, data};
use super::registry::Registry;
use crate::array::Array;
use crate::block::Block;
use crate::driver::Driver;
use crate::dtype::Scalar;
use crate::error::{Error, Result};
use crate::labelled::{Coord, DataArray, Dataset, ManyOptions, Times, Values};
use rhai::{Dynamic, Map};
use std::sync::Arc;

/// A list of numbers, nested for more axes, as a block.
pub(super) fn block(operation: &str, list: &Dynamic) -> Raised<Block> {
    let mut shape = Vec::new();
    let mut leaves = Vec::new();
    flatten(operation, list, 0, &mut shape, &mut leaves)?;
    let bools = leaves.iter().all(|s| matches!(s, Scalar::Bool(_)));
    let integers = leaves.iter().all(|s| matches!(s, Scalar::I64(_)));
    match (bools && !leaves.is_empty(), integers && !leaves.is_empty()) {
        (true, _) => Block::from_vec(&shape, leaves.iter().map(|s| s.as_f64() != 0.0).collect()),
        (_, true) => {
            let values = leaves
                .iter()
                .filter_map(|s| s.as_i128())
                .map(|v| v as i64)
                .collect();
            Block::from_vec(&shape, values)
        }
        _ => Block::from_vec(&shape, leaves.iter().map(|s| s.as_f64()).collect()),
    }
    .or_raise()
}

fn flatten(
    operation: &str,
    value: &Dynamic,
    depth: usize,
    shape: &mut Vec<usize>,
    leaves: &mut Vec<Scalar>,
) -> Raised<()> {
    let ragged = || {
        raise(Error::invalid(format!(
            "{operation}: the lists differ in length or depth"
        )))
    };
    if let Ok(list) = value.as_array_ref() {
        match shape.get(depth) {
            Some(len) if *len != list.len() => return Err(ragged()),
            Some(_) => {}
            None if leaves.is_empty() && shape.len() == depth => shape.push(list.len()),
            None => return Err(ragged()),
        }
        return list
            .iter()
            .try_for_each(|v| flatten(operation, v, depth + 1, shape, leaves));
    }
    if depth != shape.len() {
        return Err(ragged());
    }
    match scalar(value) {
        Some(number) => {
            leaves.push(number);
            Ok(())
        }
        None => Err(refuse(operation, value, "a list of numbers")),
    }
}

pub(super) fn coord(name: &str, value: &Dynamic) -> Raised<Coord> {
    let operation = format!("data_array: the coordinate {name:?}");
    if let Ok(list) = value.as_array_ref()
        && !list.is_empty()
        && list.iter().all(Dynamic::is_string)
    {
        let texts = texts(&operation, value, "texts")?;
        let len = texts.len();
        let mut coord = Coord::index(name, Block::from_vec(&[0], Vec::<i64>::new()).or_raise()?);
        coord.values = Values::Texts(Arc::new(texts), vec![len]);
        return Ok(coord);
    }
    if let Some(times) = value.clone().try_cast::<Times>() {
        return Coord::of_times(name, times.index()).or_raise();
    }
    let block = block(&operation, value)?;
    let mut coord = Coord::index(name, block);
    if coord.shape().is_empty() {
        coord.dims.clear();
    }
    Ok(coord)
}

/// A function and method of one array, or of a list of arrays that share passes.
fn made_together(
    registry: &mut Registry<'_>,
    name: &'static str,
    make: impl Fn(&[&Array]) -> Result<Vec<Array>> + Clone + Send + Sync + 'static,
) {
    registry.function(name, 1..=1, move |args| match args[0].as_array_ref() {
        Ok(list) => made(name, &list, &make).map(Dynamic::from),
        Err(_) => Ok(made(name, &args[..1], &make)?
            .pop()
            .unwrap_or(Dynamic::UNIT)),
    });
}

/// Several arrays in shared passes, made by `make` (compute: into the memory of rank 0, persist: where they lie).
fn made(
    operation: &str,
    values: &[Dynamic],
    make: impl Fn(&[&Array]) -> Result<Vec<Array>>,
) -> Raised<Vec<Dynamic>> {
    let arrays = values
        .iter()
        .map(|value| {
            if let Some(data) = value.clone().try_cast::<DataArray>() {
                return Ok(data.array().clone());
            }
            match value.clone().try_cast::<Array>() {
                Some(array) => Ok(array),
                None => Err(refuse(operation, value, "an array or a list of arrays")),
            }
        })
        .collect::<Raised<Vec<Array>>>()?;
    let made = make(&arrays.iter().collect::<Vec<_>>()).or_raise()?;
    values
        .iter()
        .zip(made)
        .map(
            |(value, kept)| match value.clone().try_cast::<DataArray>() {
                None => array(kept),
                Some(like) => {
                    let dims: Vec<&str> = like.dims().iter().map(String::as_str).collect();
                    let mut result = DataArray::new(kept, &dims, like.coords().to_vec());
                    for (name, value) in &like.attrs().0 {
                        result = result.with_attr(name, value.clone());
                    }
                    data(match like.name() {
                        Some(name) => result.rename(name),
                        None => result,
                    })
                }
            },
        )
        .collect()
}

/// `open_many("data/era5_*.nc")`, `open_many(["a.nc", "b.nc"], #{ concat_dim: "time" })`.
fn open_many(driver: &Driver, args: &[Dynamic]) -> Raised<Dynamic> {
    const NAME: &str = "open_many";
    let options = match args.get(1) {
        Some(given) => map(NAME, given, "options #{ concat_dim: \"time\" }")?,
        None => Map::new(),
    };
    check_keys(NAME, &options, &["concat_dim", "group"])?;
    let named = |key: &str| {
        let value = options.get(key);
        value.map(|v| text(NAME, v, "a name")).transpose()
    };
    let options = ManyOptions {
        concat_dim: named("concat_dim")?,
        group: named("group")?,
    };
    let opened = match args[0].is_array() {
        true => driver.open_many(&texts(NAME, &args[0], "a list of paths")?, &options),
        false => driver.open_glob(&text(NAME, &args[0], "a pattern of paths")?, &options),
    };
    opened.or_raise().map(Dynamic::from)
}

pub(super) fn register(registry: &mut Registry<'_>, driver: &Driver) {
    let own = driver.clone();
    registry.function("open", 1..=2, move |args| {
        let path = text("open", &args[0], "the path of a file")?;
        let group = match args.get(1) {
            Some(group) => Some(text("open", group, "the name of a group")?),
            None => None,
        };
        own.open_group(path, group.as_deref())
            .or_raise()
            .map(Dynamic::from)
    });
    let own = driver.clone();
    registry.function("open_many", 1..=2, move |args| open_many(&own, args));
    for (name, value) in [("zeros", 0.0), ("ones", 1.0)] {
        let own = driver.clone();
        registry.function(name, 1..=1, move |args| {
            array(own.full(&lengths(name, &args[0], 0)?, value_of(value)))
        });
    }
    let own = driver.clone();
    registry.function("full", 2..=2, move |args| {
        let shape = lengths("full", &args[0], 0)?;
        match scalar(&args[1]) {
            Some(value) => array(own.full(&shape, value)),
            None => Err(refuse("full", &args[1], "a number")),
        }
    });
    let own = driver.clone();
    registry.function("array", 1..=1, move |args| {
        array(own.from_block(block("array", &args[0])?))
    });
    registry.method::<Array>("data_array", 1..=2, |this, args| {
        let names = texts("data_array", &args[0], "the names of the dimensions")?;
        let dims: Vec<&str> = names.iter().map(String::as_str).collect();
        let coords = match args.get(1) {
            Some(coords) => coords_of("data_array", coords, &[])?,
            None => Vec::new(),
        };
        data(DataArray::new(this.clone(), &dims, coords))
    });
    registry.function("dataset", 1..=1, |args| {
        let list = args[0]
            .as_array_ref()
            .map_err(|_| refuse("dataset", &args[0], "a list of named arrays"))?;
        let arrays = list
            .iter()
            .map(|value| match value.clone().try_cast::<DataArray>() {
                Some(data) => Ok(data),
                None => Err(refuse("dataset", value, "a DataArray with a name")),
            })
            .collect::<Raised<Vec<_>>>()?;
        Dataset::new(arrays).or_raise().map(Dynamic::from)
    });
    let own = driver.clone();
    made_together(registry, "compute", move |arrays| {
        let blocks = crate::array::compute(arrays)?;
        Ok(blocks
            .into_iter()
            .map(|block| own.from_block(block))
            .collect())
    });
    made_together(registry, "persist", crate::array::persist);
    registry.function("release", 1..=1, |args| {
        let array = match args[0].clone().try_cast::<DataArray>() {
            Some(data) => Some(data.array().clone()),
            None => args[0].clone().try_cast::<Array>(),
        };
        let array = array.ok_or_else(|| refuse("release", &args[0], "a persisted array"))?;
        array.release().or_raise().map(|()| Dynamic::UNIT)
    });
    registry.function("slice", 2..=3, |args| {
        let step = match args.get(2) {
            Some(step) => int("slice", step, "a step, an integer")?,
            None => 1,
        };
        if step == 0 {
            return Err(raise(Error::invalid("slice: the step 0 is not allowed")));
        }
        for end in &args[..2] {
            if !(end.is_int() || end.is_float() || end.is_string() || end.is_unit()) {
                return Err(refuse(
                    "slice",
                    end,
                    "a position, a label or () for the end",
                ));
            }
        }
        Ok(Dynamic::from(Slice {
            start: args[0].clone(),
            stop: args[1].clone(),
            step,
        }))
    });
}

fn value_of(value: f64) -> Scalar {
    Scalar::F64(value)
}
