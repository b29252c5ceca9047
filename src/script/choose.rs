//! Values chosen by conditions and indices, arithmetic of indices, parts of numbers, and questions about dtypes.

use super::args::{Value, check_keys, int, length, lengths, map, text, value};
use super::elementwise::dtype;
use super::failure::{OrRaise, Raised, raise, refuse};
use super::operators::array;
use super::registry::Registry;
use crate::array::{self as arrays, Array, Chosen, IndexMode, Operand};
use crate::driver::Driver;
use crate::dtype::DType;
use crate::error::Error;
use rhai::{Dynamic, FnPtr, Map};
use std::any::TypeId;

fn only_array(operation: &str, given: &Dynamic) -> Raised<Array> {
    let array = given.clone().try_cast::<Array>();
    array.ok_or_else(|| refuse(operation, given, "an Array"))
}

fn list(operation: &str, given: &Dynamic, what: &str) -> Raised<Vec<Dynamic>> {
    match given.as_array_ref() {
        Ok(list) => Ok(list.to_vec()),
        Err(_) => Err(refuse(operation, given, what)),
    }
}

fn only_arrays(operation: &str, given: &Dynamic) -> Raised<Vec<Array>> {
    list(operation, given, "a list of Arrays")?
        .iter()
        .map(|a| only_array(operation, a))
        .collect()
}

fn all(made: impl IntoIterator<Item = Array>) -> Raised<Dynamic> {
    let made: rhai::Array = made.into_iter().map(array).collect::<Raised<_>>()?;
    Ok(Dynamic::from(made))
}

fn part(operation: &str, given: &Dynamic) -> Raised<Operand> {
    match value(operation, given)? {
        Value::Array(array) => Ok(array.into()),
        Value::Weak(number) => Ok(number.into()),
        _ => Err(refuse(operation, given, "an Array or a number")),
    }
}

fn mode(operation: &str, given: Option<&Dynamic>) -> Raised<IndexMode> {
    given.map_or(Ok(IndexMode::Raise), |given| {
        text(operation, given, "a mode")?
            .parse()
            .map_err(|e: Error| raise(e.context(format!("reading the mode of {operation}"))))
    })
}

/// `"C"` or `"F"`.
fn column_major(operation: &str, given: Option<&Dynamic>) -> Raised<bool> {
    match given {
        None => Ok(false),
        Some(given) => match text(operation, given, "an order")?.as_str() {
            "C" => Ok(false),
            "F" => Ok(true),
            _ => Err(refuse(operation, given, "the order \"C\" or \"F\"")),
        },
    }
}

fn chosen(registry: &mut Registry<'_>) {
    registry.method::<Array>("choose", 1..=2, |a, args| {
        let choices = list("choose", &args[0], "a list of choices")?;
        let choices = choices.iter().map(|c| part("choose", c));
        let choices = choices.collect::<Raised<Vec<_>>>()?;
        array(a.choose(&choices, mode("choose", args.get(1))?))
    });
    // `x.piecewise([x < 0, x > 5], [|x| -x, 5, 0])`: numbers, arrays, or functions of the script, called once.
    registry.names.push("piecewise".to_owned());
    let types = [
        TypeId::of::<Array>(),
        TypeId::of::<Dynamic>(),
        TypeId::of::<Dynamic>(),
    ];
    registry
        .engine
        .register_raw_fn("piecewise", types, |context, args| {
            const NAME: &str = "piecewise";
            let this: Array = args[0].flatten_clone().cast();
            let conditions = only_arrays(NAME, &args[1].flatten_clone())?;
            let mut choices: Vec<Chosen> = Vec::new();
            for given in list(NAME, &args[2].flatten_clone(), "a list of choices")? {
                let given = match given.clone().try_cast::<FnPtr>() {
                    Some(f) => f.call_within_context(&context, (this.clone(),))?,
                    None => given,
                };
                choices.push(part(NAME, &given)?.into());
            }
            let conditions: Vec<&Array> = conditions.iter().collect();
            array(this.piecewise(&conditions, &choices))
        });
    for name in ["modf", "frexp"] {
        registry.method::<Array>(name, 0..=0, move |a, _| {
            let (one, two) = if name == "modf" { a.modf() } else { a.frexp() };
            all([one, two])
        });
    }
    registry.method::<Array>("notnull", 0..=0, |a, _| array(a.notnull()));
    registry.method::<Array>("ediff1d", 0..=2, |a, args| {
        let given = |at: usize| match args.get(at) {
            Some(given) if !given.is_unit() => only_array("ediff1d", given).map(Some),
            _ => Ok(None),
        };
        let (end, begin) = (given(0)?, given(1)?);
        array(a.ediff1d(end.as_ref(), begin.as_ref()))
    });
    registry.method::<Array>("rollaxis", 1..=2, |a, args| {
        let axis = |at: usize| match args.get(at) {
            Some(given) => int("rollaxis", given, "an axis number").map(|axis| axis as isize),
            None => Ok(0),
        };
        array(a.rollaxis(axis(0)?, axis(1)?))
    });
}

fn indices(registry: &mut Registry<'_>, driver: &Driver) {
    // `ravel_multi_index([i, j], [3, 4], #{ mode: ["wrap", "clip"], order: "F" })`
    registry.function("ravel_multi_index", 2..=3, |args| {
        const NAME: &str = "ravel_multi_index";
        let indices = only_arrays(NAME, &args[0])?;
        let options = match args.get(2) {
            Some(given) => map(NAME, given, "options #{…}")?,
            None => Map::new(),
        };
        check_keys(NAME, &options, &["mode", "order"])?;
        let modes = match options.get("mode") {
            Some(given) if given.is_array() => list(NAME, given, "modes")?
                .iter()
                .map(|one| mode(NAME, Some(one)))
                .collect::<Raised<Vec<_>>>()?,
            given => vec![mode(NAME, given)?],
        };
        let indices: Vec<&Array> = indices.iter().collect();
        let dims = lengths(NAME, &args[1], 0)?;
        let order = column_major(NAME, options.get("order"))?;
        array(arrays::ravel_multi_index(&indices, &dims, &modes, order).or_raise()?)
    });
    registry.method::<Array>("unravel_index", 1..=2, |a, args| {
        const NAME: &str = "unravel_index";
        let dims = lengths(NAME, &args[0], 0)?;
        all(arrays::unravel_index(a, &dims, column_major(NAME, args.get(1))?).or_raise()?)
    });
    for (name, lower) in [("tril_indices", true), ("triu_indices", false)] {
        let own = driver.clone();
        registry.function(name, 1..=3, move |args| {
            let n = length(name, &args[0], 0)?;
            let k = args.get(1).map_or(Ok(0), |k| int(name, k, "a diagonal"))? as isize;
            let m = args.get(2).map(|m| length(name, m, 0)).transpose()?;
            all(match lower {
                true => own.tril_indices(n, k, m),
                false => own.triu_indices(n, k, m),
            })
        });
    }
    for (name, lower) in [("tril_indices_from", true), ("triu_indices_from", false)] {
        registry.method::<Array>(name, 0..=1, move |a, args| {
            let k = args.first().map_or(Ok(0), |k| int(name, k, "a diagonal"))? as isize;
            let made = if lower {
                a.tril_indices_from(k)
            } else {
                a.triu_indices_from(k)
            };
            all(made.or_raise()?)
        });
    }
}

/// The dtype of an array, or that of a name.
fn dtype_of(operation: &str, given: &Dynamic) -> Raised<DType> {
    match given.clone().try_cast::<Array>() {
        Some(array) => Ok(array.dtype()),
        None if given.is_string() => dtype(given),
        None => Err(refuse(operation, given, "an Array or the name of a dtype")),
    }
}

fn dtypes(registry: &mut Registry<'_>) {
    registry.function("can_cast", 2..=3, |args| {
        let (from, to) = (
            dtype_of("can_cast", &args[0])?,
            dtype_of("can_cast", &args[1])?,
        );
        let rule = args
            .get(2)
            .map_or(Ok("safe".to_owned()), |r| text("can_cast", r, "a rule"))?;
        arrays::can_cast(from, to, &rule)
            .or_raise()
            .map(Dynamic::from)
    });
    // Arrays and numbers; a name of a dtype stands for an array of it.
    registry.function("result_type", 1..=8, |args| {
        let mut named: Option<DType> = None;
        let mut operands = Vec::new();
        for given in args {
            if !given.is_string() {
                operands.push(part("result_type", given)?);
                continue;
            }
            let next = dtype(given)?;
            named = Some(match named {
                Some(before) => crate::dtype::promote(before, next).or_raise()?,
                None => next,
            });
        }
        let dtype = match (named, operands.is_empty()) {
            (Some(named), true) => named,
            (None, _) => arrays::result_type(&operands).or_raise()?,
            (Some(named), false) => {
                let mut all = named;
                for operand in &operands {
                    all = match operand {
                        Operand::Weak(value) => crate::dtype::promote_weak(all, *value),
                        Operand::Array(array) => crate::dtype::promote(all, array.dtype()),
                    }
                    .or_raise()?;
                }
                all
            }
        };
        Ok(Dynamic::from(dtype.to_string()))
    });
    registry.function("isdtype", 2..=2, |args| {
        let kind = text("isdtype", &args[1], "a kind")?;
        arrays::isdtype(dtype_of("isdtype", &args[0])?, &kind)
            .or_raise()
            .map(Dynamic::from)
    });
    registry.function("finfo", 1..=1, |args| {
        let info = arrays::finfo(dtype_of("finfo", &args[0])?).or_raise()?;
        let mut made = Map::new();
        made.insert("bits".into(), i64::from(info.bits).into());
        for (name, value) in [
            ("eps", info.eps),
            ("max", info.max),
            ("min", info.min),
            ("smallest_normal", info.smallest_normal),
        ] {
            made.insert(name.into(), value.into());
        }
        made.insert("dtype".into(), info.dtype.to_string().into());
        Ok(made.into())
    });
    // The largest uint64 is no integer of the script language: a float then.
    registry.function("iinfo", 1..=1, |args| {
        let info = arrays::iinfo(dtype_of("iinfo", &args[0])?).or_raise()?;
        let whole = |value: i128| match i64::try_from(value) {
            Ok(value) => Dynamic::from(value),
            Err(_) => Dynamic::from(value as f64),
        };
        let mut made = Map::new();
        made.insert("bits".into(), i64::from(info.bits).into());
        made.insert("max".into(), whole(info.max));
        made.insert("min".into(), whole(info.min));
        made.insert("dtype".into(), info.dtype.to_string().into());
        Ok(made.into())
    });
}

pub(super) fn register(registry: &mut Registry<'_>, driver: &Driver) {
    chosen(registry);
    indices(registry, driver);
    dtypes(registry);
}
