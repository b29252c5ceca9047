//! NumPy's functions of creation and statistics, and element-wise ones with parameters.

use super::args::{Value, check_keys, flag, int, length, lengths, operand, scalar, text, value};
use super::elementwise::dtype;
use super::failure::{Raised, raise, refuse};
use super::operators::{array, data};
use super::registry::Registry;
use crate::array::{self as arrays, Array, Operand};
use crate::driver::Driver;
use crate::dtype::{DType, Scalar};
use crate::error::Error;
use crate::labelled::DataArray;
use rhai::{Dynamic, FnPtr, Map};
use std::any::TypeId;

fn number(operation: &str, given: &Dynamic) -> Raised<Scalar> {
    scalar(given).ok_or_else(|| refuse(operation, given, "a number"))
}

fn truth(operation: &str, given: Option<&Dynamic>, default: bool) -> Raised<bool> {
    match given {
        None => Ok(default),
        Some(given) => given
            .as_bool()
            .map_err(|_| refuse(operation, given, "true or false")),
    }
}

fn offset(operation: &str, given: Option<&Dynamic>) -> Raised<isize> {
    given.map_or(Ok(0), |given| {
        Ok(int(operation, given, "a diagonal, an integer")? as isize)
    })
}

fn only_array(operation: &str, given: &Dynamic) -> Raised<Array> {
    match value(operation, given)? {
        Value::Array(array) => Ok(array),
        _ => Err(refuse(operation, given, "an Array")),
    }
}

fn list(operation: &str, given: &Dynamic, what: &str) -> Raised<Vec<Dynamic>> {
    match given.as_array_ref() {
        Ok(list) => Ok(list.to_vec()),
        Err(_) => Err(refuse(operation, given, what)),
    }
}

fn all(made: Vec<Array>) -> Raised<Dynamic> {
    let made: rhai::Array = made.into_iter().map(array).collect::<Raised<_>>()?;
    Ok(Dynamic::from(made))
}

/// Axes of a reduction: nothing or `()` for all.
fn axes(operation: &str, given: Option<&Dynamic>) -> Raised<Vec<isize>> {
    super::reduce::axes(operation, given)
}

/// Axes and options of SciPy's statistics, whose axis is the first one unless they are told.
fn statistic(operation: &str, args: &[Dynamic], known: &[&str]) -> Raised<(Vec<isize>, Map)> {
    let options = args
        .last()
        .and_then(|last| last.as_map_ref().ok().map(|m| m.clone()));
    let given = match options {
        Some(_) => &args[..args.len() - 1],
        None => args,
    };
    let options = options.unwrap_or_default();
    check_keys(operation, &options, known)?;
    let axes = match given.first() {
        None => vec![0],
        Some(given) => axes(operation, Some(given))?,
    };
    Ok((axes, options))
}

fn creation(registry: &mut Registry<'_>, driver: &Driver) {
    let own = driver.clone();
    registry.function("arange", 1..=3, move |args| {
        let values = args
            .iter()
            .map(|a| number("arange", a))
            .collect::<Raised<Vec<_>>>()?;
        let (zero, one) = (Scalar::I64(0), Scalar::I64(1));
        array(match *values.as_slice() {
            [stop] => own.arange(zero, stop, one),
            [start, stop] => own.arange(start, stop, one),
            [start, stop, step, ..] => own.arange(start, stop, step),
            [] => own.arange(zero, zero, one),
        })
    });
    let own = driver.clone();
    registry.function("linspace", 2..=4, move |args| {
        let (start, stop) = (number("linspace", &args[0])?, number("linspace", &args[1])?);
        let num = match args.get(2) {
            Some(num) => length("linspace", num, 0)?,
            None => 50,
        };
        let endpoint = truth("linspace", args.get(3), true)?;
        array(own.linspace(start.as_f64(), stop.as_f64(), num, endpoint))
    });
    let own = driver.clone();
    registry.function("empty", 1..=1, move |args| {
        array(own.empty(&lengths("empty", &args[0], 0)?))
    });
    for (name, triangle) in [("eye", false), ("tri", true)] {
        let own = driver.clone();
        registry.function(name, 1..=3, move |args| {
            let rows = length(name, &args[0], 0)?;
            let columns = match args.get(1) {
                Some(columns) if !columns.is_unit() => Some(length(name, columns, 0)?),
                _ => None,
            };
            let k = offset(name, args.get(2))?;
            array(match triangle {
                true => own.tri(rows, columns, k),
                false => own.eye(rows, columns, k),
            })
        });
    }
    let own = driver.clone();
    registry.function("identity", 1..=1, move |args| {
        array(own.identity(length("identity", &args[0], 0)?))
    });
    let own = driver.clone();
    registry.function("indices", 1..=1, move |args| {
        array(own.indices(&lengths("indices", &args[0], 0)?))
    });
    registry.function("meshgrid", 1..=2, |args| {
        let made = list("meshgrid", &args[0], "a list of Arrays")?
            .iter()
            .map(|a| only_array("meshgrid", a))
            .collect::<Raised<Vec<_>>>()?;
        let indexing = match args.get(1) {
            Some(indexing) => text("meshgrid", indexing, "\"xy\" or \"ij\"")?,
            None => "xy".to_owned(),
        };
        all(arrays::meshgrid(
            &made.iter().collect::<Vec<_>>(),
            &indexing,
        ))
    });
    // `fromfunction(|i, j| i + j, [3, 4])`: a function of the script, called once, with arrays of indices.
    registry.names.push("fromfunction".to_owned());
    for count in 2..=3 {
        let mut types = vec![TypeId::of::<Dynamic>(); count];
        types[0] = TypeId::of::<FnPtr>();
        let own = driver.clone();
        registry
            .engine
            .register_raw_fn("fromfunction", types, move |context, args| {
                let f: FnPtr = args[0].take().flatten().cast();
                let shape = lengths("fromfunction", &args[1].flatten_clone(), 0)?;
                let dtype = match args.get(2) {
                    Some(name) => dtype(&name.flatten_clone())?,
                    None => DType::F64,
                };
                let indices = own.index_arrays(&shape, dtype);
                let indices: Vec<Dynamic> = indices.into_iter().map(Dynamic::from).collect();
                let made: Dynamic = f.call_within_context(&context, indices)?;
                match scalar(&made) {
                    Some(number) => array(own.full(&shape, number)),
                    None => array(only_array("fromfunction", &made)?),
                }
            });
    }
    registry.method::<Array>("zeros_like", 0..=0, |a, _| array(a.zeros_like()));
    registry.method::<Array>("ones_like", 0..=0, |a, _| array(a.ones_like()));
    registry.method::<Array>("empty_like", 0..=0, |a, _| array(a.empty_like()));
    registry.method::<Array>("full_like", 1..=1, |a, args| {
        array(a.full_like(number("full_like", &args[0])?))
    });
    registry.method::<Array>("tril", 0..=1, |a, args| {
        array(a.tril(offset("tril", args.first())?))
    });
    registry.method::<Array>("triu", 0..=1, |a, args| {
        array(a.triu(offset("triu", args.first())?))
    });
    registry.method::<Array>("diag", 0..=1, |a, args| {
        array(a.diag(offset("diag", args.first())?))
    });
    registry.method::<Array>("diagonal", 0..=3, |a, args| {
        let axis = |number: usize| match args.get(number) {
            Some(axis) => int("diagonal", axis, "an axis number").map(|axis| axis as isize),
            None => Ok(number as isize - 1),
        };
        array(a.diagonal(offset("diagonal", args.first())?, axis(1)?, axis(2)?))
    });
}

fn element_wise(registry: &mut Registry<'_>) {
    let places = |value: &Dynamic| -> Raised<i32> {
        let given = int("round", value, "a number of decimals")?;
        i32::try_from(given).map_err(|_| refuse("round", value, "a number of decimals"))
    };
    registry.method::<Array>("round", 1..=1, move |a, args| {
        array(a.round(places(&args[0])?))
    });
    registry.method::<DataArray>("round", 1..=1, move |a, args| {
        data(a.round(places(&args[0])?))
    });
    let values = |given: &Dynamic| -> Raised<Vec<Scalar>> {
        list("isin", given, "a list of numbers")?
            .iter()
            .map(|v| number("isin", v))
            .collect()
    };
    registry.method::<Array>("isin", 1..=1, move |a, args| {
        array(a.isin(&values(&args[0])?))
    });
    registry.method::<DataArray>("isin", 1..=1, move |a, args| {
        data(a.isin(&values(&args[0])?))
    });
    registry.method::<Array>("nan_to_num", 0..=3, |a, args| {
        let part = |at: usize| match args.get(at) {
            Some(given) if !given.is_unit() => {
                number("nan_to_num", given).map(|v| Some(v.as_f64()))
            }
            _ => Ok(None),
        };
        array(a.nan_to_num(part(0)?.unwrap_or(0.0), part(1)?, part(2)?))
    });
    registry.method::<Array>("divmod", 1..=1, |a, args| {
        let (quotient, rest) = a.divmod(operand("divmod", a, value("divmod", &args[0])?)?);
        all(vec![quotient, rest])
    });
    for (name, whole) in [("isclose", false), ("allclose", true)] {
        registry.method::<Array>(name, 1..=4, move |a, args| {
            let other = operand(name, a, value(name, &args[0])?)?;
            let tolerance = |at: usize, default: f64| match args.get(at) {
                Some(given) => number(name, given).map(Scalar::as_f64),
                None => Ok(default),
            };
            let (rtol, atol) = (tolerance(1, 1e-5)?, tolerance(2, 1e-8)?);
            let nan = truth(name, args.get(3), false)?;
            array(match whole {
                true => a.allclose(other, rtol, atol, nan),
                false => a.isclose(other, rtol, atol, nan),
            })
        });
    }
    // `select([c1, c2], [x, y], default)`.
    registry.function("select", 2..=3, |args| {
        let conditions = list("select", &args[0], "a list of conditions")?
            .iter()
            .map(|c| only_array("select", c))
            .collect::<Raised<Vec<_>>>()?;
        let part = |given: &Dynamic| -> Raised<Operand> {
            match value("select", given)? {
                Value::Array(array) => Ok(array.into()),
                Value::Weak(number) => Ok(number.into()),
                _ => Err(refuse("select", given, "an Array or a number")),
            }
        };
        let choices = list("select", &args[1], "a list of choices")?
            .iter()
            .map(part)
            .collect::<Raised<Vec<_>>>()?;
        let default = match args.get(2) {
            Some(given) => part(given)?,
            None => Operand::Weak(Scalar::I64(0)),
        };
        let conditions: Vec<&Array> = conditions.iter().collect();
        match arrays::select(&conditions, &choices, default) {
            Some(made) => array(made),
            None => Err(raise(Error::invalid(
                "select: no conditions; at least one is needed",
            ))),
        }
    });
}

fn statistics(registry: &mut Registry<'_>) {
    registry.method::<Array>("ptp", 0..=1, |a, args| {
        array(a.ptp(&axes("ptp", args.first())?))
    });
    registry.method::<Array>("count_nonzero", 0..=1, |a, args| {
        array(a.count_nonzero(&axes("count_nonzero", args.first())?))
    });
    registry.method::<Array>("average", 0..=2, |a, args| {
        let axes = axes("average", args.first())?;
        let weights = match args.get(1) {
            Some(weights) => Some(only_array("average", weights)?),
            None => None,
        };
        array(a.average(&axes, weights.as_ref()))
    });
    registry.method::<Array>("cov", 0..=1, |a, args| {
        let options = match args.first() {
            Some(given) => super::args::map("cov", given, "options #{…}")?,
            None => Map::new(),
        };
        check_keys("cov", &options, &["rowvar", "ddof"])?;
        let ddof = match options.get("ddof") {
            Some(ddof) => length("cov: ddof", ddof, 0)? as u32,
            None => 1,
        };
        array(a.cov(flag("cov", &options, "rowvar")?.unwrap_or(true), ddof))
    });
    registry.method::<Array>("corrcoef", 0..=1, |a, args| {
        let options = match args.first() {
            Some(given) => super::args::map("corrcoef", given, "options #{…}")?,
            None => Map::new(),
        };
        check_keys("corrcoef", &options, &["rowvar"])?;
        array(a.corrcoef(flag("corrcoef", &options, "rowvar")?.unwrap_or(true)))
    });
    registry.method::<Array>("moment", 1..=2, |a, args| {
        let order = length("moment", &args[0], 0)? as u32;
        let (axes, _) = statistic("moment", &args[1..], &[])?;
        array(a.moment(order, &axes))
    });
    registry.method::<Array>("skew", 0..=2, |a, args| {
        let (axes, options) = statistic("skew", args, &["bias"])?;
        array(a.skew(&axes, flag("skew", &options, "bias")?.unwrap_or(true)))
    });
    registry.method::<Array>("kurtosis", 0..=2, |a, args| {
        let (axes, options) = statistic("kurtosis", args, &["fisher", "bias"])?;
        let fisher = flag("kurtosis", &options, "fisher")?.unwrap_or(true);
        let bias = flag("kurtosis", &options, "bias")?.unwrap_or(true);
        array(a.kurtosis(&axes, fisher, bias))
    });
}

pub(super) fn register(registry: &mut Registry<'_>, driver: &Driver) {
    creation(registry, driver);
    element_wise(registry);
    statistics(registry);
}
