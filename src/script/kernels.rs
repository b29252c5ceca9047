//! Kernels and reductions that the program around the script registered, and files of arrays by position.

use super::args::{check_keys, int, length, lengths, map, text};
use super::elementwise::dtype;
use super::encoding::encoding;
use super::failure::{OrRaise, Raised, raise, refuse};
use super::operators::array;
use super::reduce::axes;
use super::registry::Registry;
use crate::array::{self as arrays, Array, StoreOptions};
use crate::driver::Driver;
use crate::error::Error;
use rhai::{Dynamic, FnPtr, Map};
use std::any::TypeId;
use std::cell::RefCell;

const KERNEL: &str = "the name of a registered kernel";

/// Numbers for a kernel: a list, one number, or nothing.
pub(super) fn params(operation: &str, given: Option<&Dynamic>) -> Raised<Vec<f64>> {
    let one = |value: &Dynamic| match super::args::scalar(value) {
        Some(number) => Ok(number.as_f64()),
        None => Err(refuse(operation, value, "a number")),
    };
    match given {
        None => Ok(Vec::new()),
        Some(value) => match value.as_array_ref() {
            Ok(list) => list.iter().map(one).collect(),
            Err(_) => Ok(vec![one(value)?]),
        },
    }
}

fn only_array(operation: &str, given: &Dynamic) -> Raised<Array> {
    let array = given.clone().try_cast::<Array>();
    array.ok_or_else(|| refuse(operation, given, "an Array"))
}

fn creation(registry: &mut Registry<'_>, driver: &Driver) {
    // `from_fn("kernel", [3, 4], "float64", [0.5])`
    let own = driver.clone();
    registry.function("from_fn", 3..=4, move |args| {
        let name = text("from_fn", &args[0], KERNEL)?;
        let shape = lengths("from_fn", &args[1], 0)?;
        let params = params("from_fn", args.get(3))?;
        array(own.from_fn(&name, &shape, dtype(&args[2])?, &params))
    });
    // `from_blocks("load", [100, 500, 500], [1, 500, 500], "float32", [2])`
    let own = driver.clone();
    registry.function("from_blocks", 4..=5, move |args| {
        let name = text("from_blocks", &args[0], KERNEL)?;
        let shape = lengths("from_blocks", &args[1], 0)?;
        let chunk = lengths("from_blocks", &args[2], 1)?;
        let params = params("from_blocks", args.get(4))?;
        array(own.from_blocks(&name, &shape, &chunk, dtype(&args[3])?, &params))
    });
    // `from_delayed("load", [i], [500, 500], "float32")`
    let own = driver.clone();
    registry.function("from_delayed", 4..=4, move |args| {
        let name = text("from_delayed", &args[0], KERNEL)?;
        let params = params("from_delayed", Some(&args[1]))?;
        let shape = lengths("from_delayed", &args[2], 0)?;
        array(own.from_delayed(&name, &params, &shape, dtype(&args[3])?))
    });
}

fn over_arrays(registry: &mut Registry<'_>) {
    // `x.apply_along_axis("sorted", 0, #{ len: 5, dtype: "float64", params: [1] })`
    registry.method::<Array>("apply_along_axis", 2..=3, |a, args| {
        const NAME: &str = "apply_along_axis";
        let kernel = text(NAME, &args[0], KERNEL)?;
        let axis = int(NAME, &args[1], "an axis number")? as isize;
        let options = match args.get(2) {
            Some(given) => map(NAME, given, "options #{…}")?,
            None => Map::new(),
        };
        check_keys(NAME, &options, &["len", "dtype", "params"])?;
        let len = options
            .get("len")
            .map(|len| length(NAME, len, 0))
            .transpose()?;
        let dtype = options.get("dtype").map_or(Ok(a.dtype()), dtype)?;
        let params = params(NAME, options.get("params"))?;
        array(a.apply_along_axis(&kernel, axis, len, dtype, &params))
    });
    // `blockwise("product", "ij", [x, "ik", y, "kj"], "int64", #{ new_axes: #{ d: 3 }, params: [1] })`
    registry.function("blockwise", 4..=5, |args| {
        const NAME: &str = "blockwise";
        let kernel = text(NAME, &args[0], KERNEL)?;
        let out = text(NAME, &args[1], "the labels of the result, one letter each")?;
        let list = args[2]
            .as_array_ref()
            .map_err(|_| refuse(NAME, &args[2], "a list of Arrays, each with its labels"))?;
        let pairs = list.chunks(2).map(|pair| match pair {
            [a, labels] => Ok((only_array(NAME, a)?, text(NAME, labels, "labels")?)),
            _ => Err(raise(Error::invalid(
                "blockwise: an Array without labels; give [x, \"ik\", y, \"kj\"]",
            ))),
        });
        let pairs = pairs.collect::<Raised<Vec<_>>>()?;
        let options = match args.get(4) {
            Some(given) => map(NAME, given, "options #{…}")?,
            None => Map::new(),
        };
        check_keys(NAME, &options, &["new_axes", "params"])?;
        let mut new_axes = Vec::new();
        if let Some(given) = options.get("new_axes") {
            for (label, len) in &map(NAME, given, "a map of labels and lengths")? {
                let mut letters = label.chars();
                match (letters.next(), letters.next()) {
                    (Some(letter), None) => new_axes.push((letter, length(NAME, len, 0)?)),
                    _ => return Err(refuse(NAME, given, "labels of one letter")),
                }
            }
        }
        let params = params(NAME, options.get("params"))?;
        let given: Vec<(&Array, &str)> = pairs.iter().map(|(a, l)| (a, l.as_str())).collect();
        let made = arrays::blockwise(&kernel, &out, &given, &new_axes, dtype(&args[3])?, &params);
        array(made.or_raise()?)
    });
    // `x.reduction("logsumexp", [0, 1], #{ keepdims: true })`
    registry.method::<Array>("reduction", 1..=3, |a, args| {
        const NAME: &str = "reduction";
        let name = text(NAME, &args[0], "the name of a registered reduction")?;
        let (last, before) = match args.split_last() {
            Some((last, before)) if last.is_map() => (map(NAME, last, "options")?, before),
            _ => (Map::new(), args),
        };
        check_keys(NAME, &last, &["keepdims"])?;
        let keepdims = super::args::flag(NAME, &last, "keepdims")?.unwrap_or(false);
        array(a.reduction(&name, &axes(NAME, before.get(1))?, keepdims))
    });
    // `x.apply_over_axes(|a, axis| a.sum(axis), [0, 2])`: a function of the script, called once per axis.
    registry.names.push("apply_over_axes".to_owned());
    let types = [
        TypeId::of::<Array>(),
        TypeId::of::<FnPtr>(),
        TypeId::of::<Dynamic>(),
    ];
    registry
        .engine
        .register_raw_fn("apply_over_axes", types, |context, args| {
            const NAME: &str = "apply_over_axes";
            let this: Array = args[0].flatten_clone().cast();
            let f: FnPtr = args[1].take().flatten().cast();
            let axes = axes(NAME, Some(&args[2].flatten_clone()))?;
            let failed = RefCell::new(None);
            let made = this.apply_over_axes(
                |a, axis| {
                    let made = f
                        .call_within_context(&context, (a.clone(), axis as i64))
                        .and_then(|made: Dynamic| only_array(NAME, &made));
                    made.unwrap_or_else(|error| {
                        failed.borrow_mut().get_or_insert(error);
                        Array::failed(a.session(), Error::invalid("the function of the script"))
                    })
                },
                &axes,
            );
            match failed.into_inner() {
                Some(error) => Err(error),
                None => array(made),
            }
        });
}

/// `store(#{ a: x, b: y }, "out.nc", #{ overwrite: true, deflate: 4, shuffle: true, chunks: [1, 500, 500] })`
fn store(args: &[Dynamic]) -> Raised<Dynamic> {
    const NAME: &str = "store";
    let named = map(NAME, &args[0], "a map of names and Arrays: #{ a: x }")?;
    let path = text(NAME, &args[1], "the path of a file")?;
    let options = match args.get(2) {
        Some(given) => map(NAME, given, "options #{…}")?,
        None => Map::new(),
    };
    let encoding = encoding(NAME, &options, &["overwrite"], None)?;
    let arrays = named
        .iter()
        .map(|(name, value)| Ok((name.as_str(), only_array(NAME, value)?)))
        .collect::<Raised<Vec<_>>>()?;
    let options = StoreOptions {
        overwrite: super::args::flag(NAME, &options, "overwrite")?.unwrap_or(false),
        encoding,
    };
    let given: Vec<(&str, &Array)> = arrays.iter().map(|(name, a)| (*name, a)).collect();
    crate::array::store(&given, path, &options).or_raise()?;
    Ok(Dynamic::UNIT)
}

pub(super) fn register(registry: &mut Registry<'_>, driver: &Driver) {
    creation(registry, driver);
    over_arrays(registry);
    registry.function("store", 2..=3, store);
}
