//! Shapes: axes, arrays put together and taken apart, chunks.

use super::args::{by_name, int, length, optional, whole_list};
use super::combine::{concat_labelled, many};
use super::failure::{OrRaise, Raised, raise, refuse};
use super::operators::array;
use super::registry::Registry;
use crate::array::{Array, ChunkLen, Cuts, Nested, block, broadcast_arrays};
use crate::config::parse_bytes;
use crate::error::Error;
use rhai::Dynamic;

/// A list of arrays.
fn arrays(operation: &str, value: &Dynamic) -> Raised<Vec<Array>> {
    let refused = || refuse(operation, value, "a list of arrays");
    let list = value.as_array_ref().map_err(|_| refused())?;
    if list.is_empty() {
        return Err(raise(Error::invalid(format!(
            "{operation}: an empty list; there must be at least one array"
        ))));
    }
    list.iter()
        .map(|v| match v.clone().try_cast::<Array>() {
            Some(array) => Ok(array),
            None => Err(refuse(operation, v, "an Array")),
        })
        .collect()
}

fn list_of(arrays: Vec<Array>) -> Raised<Dynamic> {
    let list = arrays.into_iter().map(array).collect::<Raised<Vec<_>>>()?;
    Ok(Dynamic::from(list))
}

fn nested(value: &Dynamic) -> Raised<Nested> {
    if let Some(array) = value.clone().try_cast::<Array>() {
        return Ok(Nested::Array(array));
    }
    match value.as_array_ref() {
        Ok(list) => Ok(Nested::List(
            list.iter().map(nested).collect::<Raised<_>>()?,
        )),
        Err(_) => Err(refuse("block", value, "an Array or lists of them")),
    }
}

fn axis_or(operation: &str, value: &Dynamic, default: isize) -> Raised<isize> {
    match value.is_unit() {
        true => Ok(default),
        false => Ok(int(operation, value, "an axis number")? as isize),
    }
}

fn chunk_len(value: &Dynamic) -> Raised<ChunkLen> {
    if value.is_unit() {
        return Ok(ChunkLen::Keep);
    }
    if let Ok(text) = value.as_immutable_string_ref()
        && text.as_str() == "auto"
    {
        return Ok(ChunkLen::Auto);
    }
    match value.as_int() {
        Ok(-1) => Ok(ChunkLen::Whole),
        Ok(_) => length("rechunk", value, 1).map(ChunkLen::Of),
        Err(_) => Err(refuse("rechunk", value, "a length, -1 (all) or \"auto\"")),
    }
}

/// Lengths per axis, one for all, a map of axes, `"auto"`, or bytes as `"64MiB"`.
fn rechunk(this: &Array, args: &[Dynamic]) -> Raised<Dynamic> {
    let chunks = &args[0];
    let mut limit = match args.get(1) {
        Some(v) if v.is_int() => Some(length("rechunk", v, 1)? as u64),
        Some(v) => Some(parse_bytes(&super::args::text("rechunk", v, "bytes")?).or_raise()?),
        None => None,
    };
    if let Ok(map) = chunks.as_map_ref() {
        let axes = map
            .iter()
            .map(|(axis, len)| match axis.parse::<isize>() {
                Ok(axis) => Ok((axis, chunk_len(len)?)),
                Err(_) => Err(refuse(
                    "rechunk",
                    &axis.to_string().into(),
                    "an axis number",
                )),
            })
            .collect::<Raised<Vec<_>>>()?;
        return array(this.rechunk_axes(&axes, limit));
    }
    if let Ok(text) = chunks.as_immutable_string_ref()
        && text.as_str() != "auto"
    {
        limit = Some(parse_bytes(&text).or_raise()?);
        return array(this.rechunk(&vec![ChunkLen::Auto; this.ndim()], limit));
    }
    let lengths = match chunks.as_array_ref() {
        Ok(list) => list.iter().map(chunk_len).collect::<Raised<Vec<_>>>()?,
        Err(_) => vec![chunk_len(chunks)?; this.ndim()],
    };
    array(this.rechunk(&lengths, limit))
}

fn roll(this: &Array, args: &[Dynamic]) -> Raised<Dynamic> {
    let args = by_name("roll", args, &["shift", "axis"])?;
    let axes = match args[1].is_unit() {
        true => Vec::new(),
        false => whole_list("roll", &args[1])?,
    };
    array(this.roll(&whole_list("roll", &args[0])?, &axes))
}

fn split(this: &Array, args: &[Dynamic], even: bool) -> Raised<Dynamic> {
    let operation = if even { "split" } else { "array_split" };
    let args = by_name(operation, args, &["sections", "axis"])?;
    let axis = axis_or(operation, &args[1], 0)?;
    let at;
    let cuts = match args[0].is_array() {
        true => {
            at = whole_list(operation, &args[0])?;
            Cuts::At(&at)
        }
        false => Cuts::Parts(length(operation, &args[0], 1)?),
    };
    match even {
        true => list_of(this.split(cuts, axis).or_raise()?),
        false => list_of(this.array_split(cuts, axis).or_raise()?),
    }
}

fn repeat(this: &Array, args: &[Dynamic]) -> Raised<Dynamic> {
    let args = by_name("repeat", args, &["repeats", "axis"])?;
    let axis = optional("repeat", &args[1])?;
    match args[0].is_array() {
        true => array(this.repeat_each(&super::args::lengths("repeat", &args[0], 0)?, axis)),
        false => array(this.repeat(length("repeat", &args[0], 0)?, axis)),
    }
}

pub(super) fn register(registry: &mut Registry<'_>) {
    type Plain = fn(&Array) -> Array;
    let plain: [(&str, Plain); 10] = [
        ("ravel", Array::ravel),
        ("flatten", Array::ravel),
        ("T", Array::t),
        ("matrix_transpose", Array::matrix_transpose),
        ("mT", Array::matrix_transpose),
        ("atleast_1d", Array::atleast_1d),
        ("atleast_2d", Array::atleast_2d),
        ("atleast_3d", Array::atleast_3d),
        ("flipud", Array::flipud),
        ("fliplr", Array::fliplr),
    ];
    for (name, body) in plain {
        registry.method::<Array>(name, 0..=0, move |this, _| array(body(this)));
    }
    type Axes = fn(&Array, &[isize]) -> Array;
    let axes: [(&str, Axes); 4] = [
        ("squeeze", Array::squeeze),
        ("expand_dims", Array::expand_dims),
        ("flip", Array::flip),
        ("permute_dims", Array::permute_dims),
    ];
    for (name, body) in axes {
        let least = usize::from(name == "expand_dims" || name == "permute_dims");
        registry.method::<Array>(name, least..=1, move |this, args| match args.first() {
            Some(axes) if !axes.is_unit() => array(body(this, &whole_list(name, axes)?)),
            _ => array(body(this, &[])),
        });
    }
    registry.method::<Array>("reshape", 1..=1, |this, args| {
        array(this.reshape(&whole_list("reshape", &args[0])?))
    });
    registry.method::<Array>("swapaxes", 2..=2, |this, args| {
        let axis = |k: usize| axis_or("swapaxes", &args[k], 0);
        array(this.swapaxes(axis(0)?, axis(1)?))
    });
    registry.method::<Array>("moveaxis", 2..=2, |this, args| {
        let axes = |k: usize| whole_list("moveaxis", &args[k]);
        array(this.moveaxis(&axes(0)?, &axes(1)?))
    });
    registry.method::<Array>("rot90", 0..=2, |this, args| {
        let args = by_name("rot90", args, &["k", "axes"])?;
        let axes = match args[1].is_unit() {
            true => vec![0, 1],
            false => whole_list("rot90", &args[1])?,
        };
        match axes.as_slice() {
            [a, b] => array(this.rot90(axis_or("rot90", &args[0], 1)?, [*a, *b])),
            _ => Err(refuse("rot90", &args[1], "a list of two axes")),
        }
    });
    registry.method::<Array>("roll", 1..=2, roll);
    registry.method::<Array>("tile", 1..=1, |this, args| {
        array(this.tile(&super::args::lengths("tile", &args[0], 0)?))
    });
    registry.method::<Array>("repeat", 1..=2, repeat);
    registry.method::<Array>("rechunk", 1..=2, rechunk);
    registry.method::<Array>("split", 1..=2, |this, args| split(this, args, true));
    registry.method::<Array>("array_split", 1..=2, |this, args| split(this, args, false));
    registry.method::<Array>("unstack", 0..=1, |this, args| {
        let args = by_name("unstack", args, &["axis"])?;
        list_of(this.unstack(axis_or("unstack", &args[0], 0)?).or_raise()?)
    });
    for name in ["concat", "concatenate", "stack"] {
        let counts = if name == "concat" { 1..=3 } else { 1..=2 };
        registry.function(name, counts, move |args| {
            if let ("concat", Some(many)) = (name, many(&args[0])) {
                return concat_labelled(many, &args[1..]);
            }
            let list = arrays(name, &args[0])?;
            let rest = by_name(name, &args[1..], &["axis"])?;
            let (first, others) = (&list[0], list[1..].iter().collect::<Vec<_>>());
            // `()` as the axis: all elements in row-major order, as NumPy's None.
            if args.len() > 1 && rest[0].is_unit() && name != "stack" {
                let flat: Vec<Array> = list.iter().map(Array::ravel).collect();
                return array(flat[0].concat(&flat[1..].iter().collect::<Vec<_>>(), 0));
            }
            let axis = axis_or(name, &rest[0], 0)?;
            array(match name {
                "stack" => first.stack(&others, axis),
                _ => first.concat(&others, axis),
            })
        });
    }
    type Stack = fn(&Array, &[&Array]) -> Array;
    let stacks: [(&str, Stack); 3] = [
        ("vstack", Array::vstack),
        ("hstack", Array::hstack),
        ("dstack", Array::dstack),
    ];
    for (name, body) in stacks {
        registry.function(name, 1..=1, move |args| {
            let list = arrays(name, &args[0])?;
            array(body(&list[0], &list[1..].iter().collect::<Vec<_>>()))
        });
    }
    registry.function("block", 1..=1, |args| {
        array(block(&nested(&args[0])?).or_raise()?)
    });
    registry.function("broadcast_arrays", 1..=1, |args| {
        let list = arrays("broadcast_arrays", &args[0])?;
        list_of(broadcast_arrays(&list.iter().collect::<Vec<_>>()).or_raise()?)
    });
}
