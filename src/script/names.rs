//! Names, dimensions and coordinates of labelled arrays and datasets: `a.rename(#{ lat: "y" })`, `ds.assign_coords(#{ … })`,
//! `a.stack(#{ z: ["lat", "lon"] })`.

use super::args::{by_name, check_keys, flag, int, length, map, text, texts};
use super::combine::labels_of;
use super::create::coord;
use super::failure::{OrRaise, Raised, refuse};
use super::labels::{both, by_ref, entries};
use super::methods::attr_value;
use super::operators::{data, dataset};
use super::registry::Registry;
use crate::array::Array;
use crate::labelled::{Coord, DataArray, Dataset, NewDim};
use rhai::Dynamic;

const NAMES: &str = "a name or a list of names";

fn names_of(operation: &str, value: Option<&Dynamic>) -> Raised<Vec<String>> {
    match value.filter(|v| !v.is_unit()) {
        Some(value) => texts(operation, value, NAMES),
        None => Ok(Vec::new()),
    }
}

fn refs(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

/// Old names with new ones.
fn pairs(operation: &str, value: &Dynamic) -> Raised<Vec<(String, String)>> {
    entries(
        operation,
        value,
        "a map of names: #{ old: \"new\" }",
        |_, v| text(operation, v, "a new name"),
    )
}

fn pair_refs(pairs: &[(String, String)]) -> Vec<(&str, &str)> {
    pairs
        .iter()
        .map(|(a, b)| (a.as_str(), b.as_str()))
        .collect()
}

/// Coordinates of a map: arrays (computed at this line), lists along the dimension of their name, `["dim", [values]]`, one value.
pub(super) fn coords_of(operation: &str, value: &Dynamic, known: &[Coord]) -> Raised<Vec<Coord>> {
    let made = entries(operation, value, "a map of coordinates", |name, value| {
        if let Some(array) = value.clone().try_cast::<DataArray>() {
            let made = array.to_coord(Some(name)).or_raise()?;
            let dims: Vec<&str> = made.dims.iter().map(String::as_str).collect();
            return Ok(made.relabelled(name, &dims));
        }
        if let Ok(list) = value.as_array_ref()
            && let [dims, values] = list.as_slice()
            && (values.is_array() || values.is::<Array>())
            && (dims.is_string()
                || dims
                    .as_array_ref()
                    .is_ok_and(|d| d.iter().all(Dynamic::is_string)))
        {
            let dims = texts(operation, dims, "names of dimensions")?;
            let made = match values.clone().try_cast::<Array>() {
                Some(array) => Coord::index(name, array.compute_block().or_raise()?),
                None => coord(name, values)?,
            };
            return Ok(made.relabelled(name, &refs(&dims)));
        }
        if let Ok(one) = value.as_immutable_string_ref() {
            let made = coord(name, &Dynamic::from(vec![Dynamic::from(one.to_string())]))?;
            return made.scalar(0).or_raise();
        }
        let index = known.iter().find(|c| c.name == name);
        labels_of(operation, name, value, index).map(|made| match made.shape().is_empty() {
            true => made.relabelled(name, &[]),
            false => made,
        })
    })?;
    Ok(made.into_iter().map(|(_, coord)| coord).collect())
}

fn new_dims(value: &Dynamic) -> Raised<Vec<(String, NewDim)>> {
    const NAME: &str = "expand_dims";
    if value.is_map() {
        return entries(NAME, value, "a map", |dim, value| match value.as_int() {
            Ok(_) => length(NAME, value, 0).map(NewDim::Len),
            Err(_) => labels_of(NAME, dim, value, None).map(NewDim::Labels),
        });
    }
    let names = texts(NAME, value, NAMES)?;
    Ok(names
        .into_iter()
        .map(|name| (name, NewDim::Len(1)))
        .collect())
}

/// `#{ z: ["x", "y"] }`.
fn stacks(operation: &str, value: &Dynamic) -> Raised<Vec<(String, Vec<String>)>> {
    let what = "a map: #{ z: [\"x\", \"y\"] }";
    entries(operation, value, what, |_, dims| {
        texts(operation, dims, what)
    })
}

fn ascending(args: &[Dynamic]) -> Raised<bool> {
    match args.get(1) {
        None => Ok(true),
        Some(options) if options.is_map() => {
            let options = map("sortby", options, "options")?;
            check_keys("sortby", &options, &["ascending"])?;
            Ok(flag("sortby", &options, "ascending")?.unwrap_or(true))
        }
        Some(value) => value
            .as_bool()
            .map_err(|_| refuse("sortby", value, "true or false")),
    }
}

fn keep_last(args: &[Dynamic]) -> Raised<bool> {
    let args = by_name("drop_duplicates", args, &["dim", "keep"])?;
    match args[1].as_immutable_string_ref() {
        Err(_) if args[1].is_unit() => Ok(false),
        Ok(word) if word.as_str() == "first" => Ok(false),
        Ok(word) if word.as_str() == "last" => Ok(true),
        _ => Err(refuse("drop_duplicates", &args[1], "\"first\" or \"last\"")),
    }
}

fn dropping(operation: &str, args: &[Dynamic]) -> Raised<(Vec<String>, bool)> {
    let args = by_name(operation, args, &["names", "drop"])?;
    let names = names_of(operation, Some(&args[0]))?;
    match args[1].as_bool() {
        Ok(drop) => Ok((names, drop)),
        Err(_) if args[1].is_unit() => Ok((names, false)),
        Err(_) => Err(refuse(operation, &args[1], "true or false")),
    }
}

pub(super) fn register(registry: &mut Registry<'_>) {
    registry.method::<DataArray>("rename", 1..=1, |this, args| match args[0].is_map() {
        true => data(this.rename_all(&pair_refs(&pairs("rename", &args[0])?))),
        false => data(this.clone().rename(&text(
            "rename",
            &args[0],
            "a name, or a map of dimensions and coordinates: #{ old: \"new\" }",
        )?)),
    });
    registry.method::<Dataset>("rename", 1..=1, |this, args| {
        dataset(this.rename(&pair_refs(&pairs("rename", &args[0])?)))
    });
    both!(registry, "swap_dims", 1..=1, |this, args| {
        this.swap_dims(&pair_refs(&pairs("swap_dims", &args[0])?))
    });
    both!(registry, "assign_attrs", 1..=1, |this, args| {
        let attrs = entries("assign_attrs", &args[0], "a map of attributes", |_, v| {
            attr_value(v)
        })?;
        this.assign_attrs(&by_ref(&attrs))
    });
    both!(registry, "assign_coords", 1..=1, |this, args| {
        let mut result = this.clone();
        for coord in coords_of("assign_coords", &args[0], this.coords())? {
            result = result.assign_coords(coord);
        }
        result
    });
    registry.method::<Dataset>("assign", 1..=1, |this, args| {
        let more = entries("assign", &args[0], "a map of variables", |name, v| match v
            .clone()
            .try_cast::<DataArray>(
        ) {
            Some(array) => Ok(array.rename(name)),
            None => Err(refuse("assign", v, "a DataArray")),
        })?;
        let more: Vec<DataArray> = more.into_iter().map(|(_, array)| array).collect();
        dataset(this.assign(&more))
    });
    both!(registry, "drop_vars", 1..=1, |this, args| {
        this.drop_vars(&refs(&texts("drop_vars", &args[0], NAMES)?))
    });
    registry.method::<Dataset>("drop_dims", 1..=1, |this, args| {
        dataset(this.drop_dims(&refs(&texts("drop_dims", &args[0], NAMES)?)))
    });
    registry.method::<Dataset>("set_coords", 1..=1, |this, args| {
        dataset(this.set_coords(&refs(&texts("set_coords", &args[0], NAMES)?)))
    });
    registry.method::<DataArray>("reset_coords", 0..=2, |this, args| {
        let (names, drop) = dropping("reset_coords", args)?;
        match drop {
            true => data(this.drop_coords(&refs(&names))),
            false => dataset(this.reset_coords(&refs(&names)).or_raise()?),
        }
    });
    registry.method::<Dataset>("reset_coords", 0..=2, |this, args| {
        let (names, drop) = dropping("reset_coords", args)?;
        dataset(this.reset_coords(&refs(&names), drop))
    });
    registry.method::<DataArray>("to_dataset", 0..=1, |this, args| {
        let name = match args.first() {
            Some(name) => Some(text("to_dataset", name, "a name")?),
            None => None,
        };
        dataset(this.to_dataset(name.as_deref()).or_raise()?)
    });
    for name in ["to_dataarray", "to_array"] {
        registry.method::<Dataset>(name, 0..=1, move |this, args| {
            let dim = match args.first() {
                Some(dim) => text(name, dim, "the name of the new dimension")?,
                None => "variable".to_owned(),
            };
            data(this.to_dataarray(&dim).or_raise()?)
        });
    }
    both!(registry, "transpose", 0..=1, |this, args| {
        let names = match args.first() {
            Some(dims) => texts("transpose", dims, "a list of dimensions in their new order")?,
            None => super::labels::Named::dim_names(this)
                .into_iter()
                .rev()
                .collect(),
        };
        this.transpose(&refs(&names))
    });
    registry.method::<DataArray>("expand_dims", 1..=2, |this, args| {
        let axis = match args.get(1) {
            Some(axis) => int("expand_dims", axis, "an axis number")? as isize,
            None => 0,
        };
        data(this.expand_dims(&by_ref(&new_dims(&args[0])?), axis))
    });
    registry.method::<Dataset>("expand_dims", 1..=1, |this, args| {
        dataset(this.expand_dims(&by_ref(&new_dims(&args[0])?)))
    });
    both!(registry, "squeeze", 0..=2, |this, args| {
        let (dims, drop) = {
            let args = by_name("squeeze", args, &["dim", "drop"])?;
            let drop = args[1].as_bool().unwrap_or(false);
            (names_of("squeeze", Some(&args[0]))?, drop)
        };
        this.squeeze(&refs(&dims), drop)
    });
    both!(registry, "stack", 1..=1, |this, args| {
        let mut result = this.clone();
        for (new, dims) in stacks("stack", &args[0])? {
            result = result.stack(&new, &refs(&dims));
        }
        result
    });
    both!(registry, "unstack", 1..=2, |this, args| {
        let dim = text("unstack", &args[0], "the name of a dimension")?;
        let levels = names_of("unstack", args.get(1))?;
        this.unstack(&dim, &refs(&levels))
    });
    both!(registry, "sortby", 1..=2, |this, args| {
        let by = texts("sortby", &args[0], "a coordinate, or a list of them")?;
        this.sortby(&refs(&by), ascending(args)?)
    });
    both!(registry, "drop_duplicates", 1..=2, |this, args| {
        let dim = text("drop_duplicates", &args[0], "the name of a dimension")?;
        this.drop_duplicates(&dim, keep_last(args)?)
    });
}
