//! Selection and chunks: `sel`, `isel`, `chunk`, `transpose`, and positions in brackets.

use super::args::{Labels, indexer, int, labels, length, lengths, map, text, texts};
use super::failure::{OrRaise, Raised, raise, refuse};
use super::operators::{array, data, dataset};
use super::registry::Registry;
use crate::array::Array;
use crate::error::{Error, nearest_names};
use crate::labelled::{DataArray, Dataset, Indexer};
use rhai::{Dynamic, Map};

fn chunk_map(value: &Dynamic) -> Raised<Vec<(String, usize)>> {
    map(
        "chunk",
        value,
        "a map of dimensions and chunk lengths: #{ time: 44 }",
    )?
    .iter()
    .map(|(dim, len)| Ok((dim.to_string(), length("chunk", len, 1)?)))
    .collect()
}

fn pairs(chunks: &[(String, usize)]) -> impl Iterator<Item = (&str, usize)> {
    chunks.iter().map(|(dim, len)| (dim.as_str(), *len))
}

fn isel_map(value: &Dynamic) -> Raised<Vec<(String, Indexer)>> {
    map(
        "isel",
        value,
        "a map of dimensions and positions: #{ time: 0..10, y: 5 }",
    )?
    .iter()
    .map(|(dim, at)| Ok((dim.to_string(), indexer("isel", at)?)))
    .collect()
}

fn nearest(args: &[Dynamic]) -> Raised<bool> {
    let Some(method) = args.get(1) else {
        return Ok(false);
    };
    let method = match method.as_map_ref() {
        Ok(options) => {
            super::args::check_keys("sel", &options, &["method"])?;
            options.get("method").cloned().unwrap_or(Dynamic::UNIT)
        }
        Err(_) => method.clone(),
    };
    match text("sel", &method, "the method \"nearest\"")?.as_str() {
        "nearest" => Ok(true),
        other => Err(raise(Error::invalid(format!(
            "sel: unknown method {other:?}; known: nearest"
        )))),
    }
}

const SEL: &str = "a map of dimensions and labels: #{ time: \"2020-08\", y: slice(40, 50) }";

fn step_slice(step: i64) -> Indexer {
    Indexer::Slice(None, None, step as isize)
}

/// `sel` of a `DataArray` or a `Dataset`: their methods have the same names.
macro_rules! sel {
    ($this:expr, $wanted:expr, $nearest:expr) => {{
        let mut result = $this.clone();
        for (dim, value) in $wanted {
            result = match labels("sel", value)? {
                Labels::One(label) if $nearest => result.sel_nearest(dim, label),
                Labels::One(label) => result.sel(dim, label),
                Labels::Range(from, to, step) => {
                    let range = result.sel_range(dim, from, to);
                    match step {
                        1 => range,
                        step => range.isel([(dim.as_str(), step_slice(step))]),
                    }
                }
            };
            result.check().or_raise()?;
        }
        result
    }};
}

fn sel_data(this: &DataArray, args: &[Dynamic]) -> Raised<Dynamic> {
    let nearest = nearest(args)?;
    data(sel!(this, &map("sel", &args[0], SEL)?, nearest))
}

fn known_dims(operation: &str, this: &Dataset, map: &Map) -> Raised<()> {
    let sizes = this.sizes();
    for dim in map.keys() {
        if !sizes.iter().any(|(known, _)| known == dim.as_str()) {
            let known = nearest_names(dim, sizes.iter().map(|(d, _)| d.as_str()));
            return Err(raise(Error::invalid(format!(
                "{operation}: unknown dimension {:?}; known: {known}",
                dim.as_str()
            ))));
        }
    }
    Ok(())
}

fn sel_dataset(this: &Dataset, args: &[Dynamic]) -> Raised<Dynamic> {
    let nearest = nearest(args)?;
    let wanted = map("sel", &args[0], SEL)?;
    known_dims("sel", this, &wanted)?;
    dataset(sel!(this, &wanted, nearest))
}

pub(super) fn register(registry: &mut Registry<'_>) {
    registry.method::<Dataset>("chunk", 1..=1, |this, args| {
        dataset(this.chunk(pairs(&chunk_map(&args[0])?)))
    });
    registry.method::<DataArray>("chunk", 1..=1, |this, args| {
        data(this.chunk(pairs(&chunk_map(&args[0])?)))
    });
    registry.method::<Array>("chunk", 1..=1, |this, args| {
        let shape = this.shape();
        if let Ok(given) = args[0].as_map_ref() {
            // #{ "0": 100 }: axis numbers as keys, as in dask.
            let mut chunk = this.chunk_shape();
            for (axis, len) in given.iter() {
                match axis
                    .parse::<usize>()
                    .ok()
                    .and_then(|axis| chunk.get_mut(axis))
                {
                    Some(place) => *place = length("chunk", len, 1)?,
                    None => {
                        return Err(raise(Error::invalid(format!(
                            "chunk: {:?} is no axis of an array with {} axes",
                            axis.as_str(),
                            shape.len()
                        ))));
                    }
                }
            }
            return array(this.chunk(&chunk));
        }
        let mut chunk = lengths("chunk", &args[0], 1)?;
        if args[0].is_int() && shape.len() != 1 {
            // One length holds for all axes, as in dask.
            chunk = vec![chunk[0]; shape.len()];
        }
        array(this.chunk(&chunk))
    });
    registry.method::<DataArray>("isel", 1..=1, |this, args| {
        let indexers = isel_map(&args[0])?;
        data(this.isel(indexers.iter().map(|(dim, at)| (dim.as_str(), *at))))
    });
    registry.method::<Dataset>("isel", 1..=1, |this, args| {
        known_dims(
            "isel",
            this,
            &map("isel", &args[0], "a map of dimensions and positions")?,
        )?;
        let indexers = isel_map(&args[0])?;
        dataset(this.isel(indexers.iter().map(|(dim, at)| (dim.as_str(), *at))))
    });
    registry.method::<DataArray>("sel", 1..=2, sel_data);
    registry.method::<Dataset>("sel", 1..=2, sel_dataset);
    registry.method::<DataArray>("transpose", 0..=1, |this, args| {
        let names = match args.first() {
            Some(dims) => texts(
                "transpose",
                dims,
                "a list of all dimensions in their new order",
            )?,
            None => this.dims().iter().rev().cloned().collect(),
        };
        data(this.transpose(&names.iter().map(String::as_str).collect::<Vec<_>>()))
    });
    registry.method::<Array>("transpose", 0..=1, |this, args| {
        let ndim = this.ndim();
        let order = match args.first() {
            None => (0..ndim).rev().collect(),
            Some(order) => {
                let Ok(list) = order.as_array_ref() else {
                    return Err(refuse("transpose", order, "a list of axis numbers"));
                };
                list.iter()
                    .map(|v| {
                        let axis = int("transpose", v, "an axis number")?;
                        Ok(if axis < 0 {
                            (axis + ndim as i64) as usize
                        } else {
                            axis as usize
                        })
                    })
                    .collect::<Raised<Vec<usize>>>()?
            }
        };
        array(this.transpose(&order))
    });
    registry.method::<Array>("broadcast_to", 1..=1, |this, args| {
        array(this.broadcast_to(&lengths("broadcast_to", &args[0], 0)?))
    });
}
