//! Operations along a dimension of labelled arrays and datasets: `x.cumsum("time")`, `x.ffill("time", 3)`, `x.shift("time", 1)`,
//! `x.interp(#{ lat: [10, 15] })`, `x.differentiate("time", 1, "D")`.

use super::args::{by_name, check_keys, flag, int, label, length, map, scalar, text, texts};
use super::combine::{choice, dataset_like, labels_of, like};
use super::elementwise::dtype;
use super::failure::{OrRaise, Raised, raise, refuse};
use super::labels::{both, by_ref, entries};
use super::operators::{data, dataset};
use super::registry::Registry;
use crate::dtype::{Scalar, TimeUnit};
use crate::error::Error;
use crate::labelled::{
    Coord, DataArray, DataTarget, Dataset, DropWhere, FillMethod, FillOptions, InterpMethod,
    PadWith, WithCore, apply_ufunc, corr, cov, polyval,
};
use rhai::{Dynamic, Map};

const DIM: &str = "the name of a dimension";

fn limit(operation: &str, value: Option<&Dynamic>) -> Raised<Option<usize>> {
    let given = value.filter(|limit| !limit.is_unit());
    given.map(|limit| length(operation, limit, 1)).transpose()
}

type Steps = Vec<(String, isize)>;

/// Steps by dimension: `("time", 1)`, or `#{ time: 1, x: -2 }`; what follows stays.
fn steps<'a>(operation: &str, args: &'a [Dynamic]) -> Raised<(Steps, &'a [Dynamic])> {
    let one = |value: &Dynamic| -> Raised<isize> {
        Ok(int(operation, value, "a number of elements, an integer")? as isize)
    };
    if args[0].is_map() {
        let all = entries(
            operation,
            &args[0],
            "a map of dimensions and steps",
            |_, v| one(v),
        )?;
        return Ok((all, &args[1..]));
    }
    let dim = text(operation, &args[0], DIM)?;
    match args.get(1) {
        Some(by) => Ok((vec![(dim, one(by)?)], &args[2..])),
        None => Err(refuse(
            operation,
            &args[0],
            "a dimension and a number of elements",
        )),
    }
}

fn options(operation: &str, value: Option<&Dynamic>, known: &[&str]) -> Raised<Map> {
    let options = match value {
        Some(given) => map(operation, given, "options #{…}")?,
        None => Map::new(),
    };
    check_keys(operation, &options, known)?;
    Ok(options)
}

fn fill_of(operation: &str, options: &Map, key: &str) -> Raised<Option<Scalar>> {
    match options.get(key) {
        None => Ok(None),
        Some(value) => match scalar(value) {
            Some(number) => Ok(Some(number)),
            None => Err(refuse(operation, value, "a number")),
        },
    }
}

fn unit(operation: &str, value: Option<&Dynamic>) -> Raised<Option<TimeUnit>> {
    let Some(value) = value.filter(|v| !v.is_unit()) else {
        return Ok(None);
    };
    let code = text(operation, value, "a unit of time")?;
    match TimeUnit::ALL.into_iter().find(|unit| unit.code() == code) {
        Some(unit) => Ok(Some(unit)),
        None => Err(refuse(
            operation,
            value,
            "one of \"D\", \"h\", \"m\", \"s\", \"ms\", \"us\", \"ns\"",
        )),
    }
}

/// Targets of `interp` and its method: `(#{ lat: [10, 15] }, "linear")`.
fn targets(
    coords: &[Coord],
    args: &[Dynamic],
) -> Raised<(Vec<(String, DataTarget)>, InterpMethod)> {
    const NAME: &str = "interp";
    let what = "a map of dimensions and labels";
    let targets = entries(NAME, &args[0], what, |dim, value| {
        if let Some(array) = value.clone().try_cast::<DataArray>() {
            let labels = array.to_coord(Some(dim)).or_raise()?;
            let coords = array.coords().to_vec();
            let coords = coords.into_iter().filter(|c| c.name != dim).collect();
            return Ok(DataTarget {
                labels,
                coords,
                own_attrs: true,
            });
        }
        let index = coords.iter().find(|c| c.name == dim);
        if value.is_string() {
            let list = Dynamic::from(vec![value.clone()]);
            let made = labels_of(NAME, dim, &list, index)?;
            return made.scalar(0).or_raise().map(DataTarget::from);
        }
        let made = labels_of(NAME, dim, value, index)?;
        Ok(match made.shape().is_empty() {
            true => made.relabelled(dim, &[]).into(),
            false => made.into(),
        })
    })?;
    Ok((targets, interp_method(args.get(1))?))
}

fn interp_method(value: Option<&Dynamic>) -> Raised<InterpMethod> {
    match value.filter(|v| v.is_map()) {
        Some(given) => {
            let options = options("interp", Some(given), &["method"])?;
            choice("interp", options.get("method"), InterpMethod::Linear)
        }
        None => choice("interp", value, InterpMethod::Linear),
    }
}

type Widths = Vec<(String, (usize, usize))>;

fn pads(args: &[Dynamic]) -> Raised<(Widths, PadWith)> {
    const NAME: &str = "pad";
    let width = entries(NAME, &args[0], "a map: #{ x: [1, 2] }", |_, value| {
        let list = super::args::lengths(NAME, value, 0)?;
        match list.as_slice() {
            [both] => Ok((*both, *both)),
            [before, after] => Ok((*before, *after)),
            _ => Err(refuse(NAME, value, "a length, or a list of two")),
        }
    })?;
    let given = match args.get(1) {
        Some(word) if word.is_string() => {
            let mut options = Map::new();
            options.insert("mode".into(), word.clone());
            options
        }
        given => options(NAME, given, &["mode", "constant_values"])?,
    };
    let mode = match given.get("mode") {
        None => "constant".to_owned(),
        Some(mode) => text(NAME, mode, "a mode")?,
    };
    let mode = match mode.as_str() {
        "constant" => PadWith::Constant(fill_of(NAME, &given, "constant_values")?),
        "edge" => PadWith::Edge,
        "reflect" => PadWith::Reflect,
        "symmetric" => PadWith::Symmetric,
        "wrap" => PadWith::Wrap,
        other => {
            let known = ["constant", "edge", "reflect", "symmetric", "wrap"];
            return Err(raise(Error::invalid(format!(
                "{NAME}: unknown mode {other:?}; known: {}",
                crate::error::nearest_names(other, known.into_iter())
            ))));
        }
    };
    Ok((width, mode))
}

fn fill_options(args: &[Dynamic]) -> Raised<FillOptions> {
    const NAME: &str = "interpolate_na";
    let given = match args.first() {
        Some(word) if word.is_string() => {
            let mut options = Map::new();
            options.insert("method".into(), word.clone());
            options
        }
        given => options(
            NAME,
            given,
            &["method", "use_coordinate", "limit", "max_gap"],
        )?,
    };
    let mut made = FillOptions::default();
    if let Some(method) = given.get("method") {
        made.method = match text(NAME, method, "a method")?.as_str() {
            "linear" => FillMethod::Linear,
            "nearest" => FillMethod::Nearest,
            _ => return Err(refuse(NAME, method, "\"linear\" or \"nearest\"")),
        };
    }
    made.use_coordinate = flag(NAME, &given, "use_coordinate")?.unwrap_or(true);
    made.limit = limit(NAME, given.get("limit"))?;
    made.max_gap = given
        .get("max_gap")
        .map(|gap| label(NAME, gap))
        .transpose()?;
    Ok(made)
}

fn drop_where(args: &[Dynamic]) -> Raised<DropWhere> {
    const NAME: &str = "dropna";
    let args = by_name(NAME, args, &["how", "thresh"])?;
    if !args[1].is_unit() {
        return Ok(DropWhere::Below(length(NAME, &args[1], 0)?));
    }
    if args[0].is_unit() {
        return Ok(DropWhere::Any);
    }
    match text(NAME, &args[0], "\"any\" or \"all\"")?.as_str() {
        "any" => Ok(DropWhere::Any),
        "all" => Ok(DropWhere::All),
        _ => Err(refuse(NAME, &args[0], "\"any\" or \"all\"")),
    }
}

fn array_of(operation: &str, value: &Dynamic) -> Raised<DataArray> {
    let array = value.clone().try_cast::<DataArray>();
    array.ok_or_else(|| refuse(operation, value, "a DataArray"))
}

fn dims_of(operation: &str, value: Option<&Dynamic>) -> Raised<Vec<String>> {
    match value.filter(|v| !v.is_unit()) {
        Some(value) => texts(operation, value, "a dimension or a list of them"),
        None => Ok(Vec::new()),
    }
}

fn refs(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

fn two_arrays(registry: &mut Registry<'_>) {
    // `cov(x, y, "time", 1)`, `corr(x, y, "time")`
    registry.method::<DataArray>("cov", 1..=3, |a, args| {
        let rest = by_name("cov", &args[1..], &["dim", "ddof"])?;
        let dims = dims_of("cov", Some(&rest[0]))?;
        let ddof = match rest[1].is_unit() {
            true => 1,
            false => length("cov", &rest[1], 0)? as u32,
        };
        data(cov(a, &array_of("cov", &args[0])?, &refs(&dims), ddof).or_raise()?)
    });
    registry.method::<DataArray>("corr", 1..=2, |a, args| {
        let rest = by_name("corr", &args[1..], &["dim"])?;
        let dims = dims_of("corr", Some(&rest[0]))?;
        data(corr(a, &array_of("corr", &args[0])?, &refs(&dims)).or_raise()?)
    });
    both!(registry, "isin", 1..=1, |a, args| {
        let list = args[0]
            .as_array_ref()
            .map_err(|_| refuse("isin", &args[0], "a list of numbers"))?;
        let values = list.iter().map(|v| match scalar(v) {
            Some(number) => Ok(number),
            None => Err(refuse("isin", v, "a number")),
        });
        a.isin(&values.collect::<Raised<Vec<Scalar>>>()?)
    });
    registry.method::<DataArray>("dot", 1..=2, |a, args| {
        let dims = dims_of("dot", args.get(1))?;
        data(a.dot(&array_of("dot", &args[0])?, &refs(&dims)))
    });
    registry.method::<DataArray>("polyfit", 2..=2, |a, args| {
        let degree = length("polyfit", &args[1], 0)?;
        dataset(
            a.polyfit(&text("polyfit", &args[0], DIM)?, degree)
                .or_raise()?,
        )
    });
    registry.method::<Dataset>("polyfit", 2..=2, |d, args| {
        let degree = length("polyfit", &args[1], 0)?;
        dataset(
            d.polyfit(&text("polyfit", &args[0], DIM)?, degree)
                .or_raise()?,
        )
    });
    registry.function("polyval", 2..=2, |args| {
        let (x, c) = (
            array_of("polyval", &args[0])?,
            array_of("polyval", &args[1])?,
        );
        data(polyval(&x, &c).or_raise()?)
    });
    // `apply_ufunc("kernel", [x, ["time"], y, []], #{ output: #{ lag: 5 }, dtype: "float64", params: [1] })`
    registry.function("apply_ufunc", 2..=3, |args| {
        const NAME: &str = "apply_ufunc";
        let kernel = text(NAME, &args[0], "the name of a registered kernel")?;
        let list = args[1].as_array_ref().map_err(|_| {
            refuse(
                NAME,
                &args[1],
                "a list of DataArrays, each with a list of its core dimensions",
            )
        })?;
        let mut inputs: Vec<(DataArray, Vec<String>)> = Vec::new();
        for pair in list.chunks(2) {
            let core = dims_of(NAME, pair.get(1))?;
            inputs.push((array_of(NAME, &pair[0])?, core));
        }
        let given = options(NAME, args.get(2), &["output", "dtype", "params"])?;
        let out = match given.get("output") {
            Some(out) => entries(NAME, out, "a map of dimensions and lengths", |_, v| {
                length(NAME, v, 0)
            })?,
            None => Vec::new(),
        };
        let out: Vec<(&str, usize)> = out.iter().map(|(d, n)| (d.as_str(), *n)).collect();
        let kind = match (given.get("dtype"), inputs.first()) {
            (Some(given), _) => dtype(given)?,
            (None, Some((first, _))) => first.dtype(),
            (None, None) => return Err(refuse(NAME, &args[1], "at least one DataArray")),
        };
        let params = super::kernels::params(NAME, given.get("params"))?;
        let cores: Vec<Vec<&str>> = inputs.iter().map(|(_, core)| refs(core)).collect();
        let with: Vec<WithCore<'_>> = inputs
            .iter()
            .zip(&cores)
            .map(|((a, _), core)| (a, core.as_slice()))
            .collect();
        data(apply_ufunc(&kernel, &with, &out, kind, &params).or_raise()?)
    });
}

pub(super) fn register(registry: &mut Registry<'_>) {
    both!(registry, "cumsum", 1..=1, |a, args| a
        .cumsum(&text("cumsum", &args[0], DIM)?));
    both!(registry, "cumprod", 1..=1, |a, args| a
        .cumprod(&text("cumprod", &args[0], DIM)?));
    both!(registry, "ffill", 1..=2, |a, args| {
        a.ffill(&text("ffill", &args[0], DIM)?, limit("ffill", args.get(1))?)
    });
    both!(registry, "bfill", 1..=2, |a, args| {
        a.bfill(&text("bfill", &args[0], DIM)?, limit("bfill", args.get(1))?)
    });
    both!(registry, "roll", 1..=3, |a, args| {
        let (by, rest) = steps("roll", args)?;
        let given = options("roll", rest.first(), &["roll_coords"])?;
        let coords = flag("roll", &given, "roll_coords")?.unwrap_or(false);
        by.iter().fold(a.clone(), |a, (dim, by)| match coords {
            true => a.roll_coords(dim, *by),
            false => a.roll(dim, *by),
        })
    });
    both!(registry, "shift", 1..=3, |a, args| {
        let (by, rest) = steps("shift", args)?;
        let given = options("shift", rest.first(), &["fill_value"])?;
        let fill = fill_of("shift", &given, "fill_value")?;
        by.iter()
            .fold(a.clone(), |a, (dim, by)| a.shift_with(dim, *by, fill))
    });
    both!(registry, "diff", 1..=3, |a, args| {
        let rest = by_name("diff", &args[1..], &["n", "label"])?;
        let n = match rest[0].is_unit() {
            true => 1,
            false => length("diff", &rest[0], 0)?,
        };
        let lower = match rest[1].is_unit() {
            true => false,
            false => match text("diff", &rest[1], "\"upper\" or \"lower\"")?.as_str() {
                "upper" => false,
                "lower" => true,
                _ => return Err(refuse("diff", &rest[1], "\"upper\" or \"lower\"")),
            },
        };
        a.diff_labelled(&text("diff", &args[0], DIM)?, n, lower)
    });
    both!(registry, "pad", 1..=2, |a, args| {
        let (width, mode) = pads(args)?;
        width.iter().fold(a.clone(), |a, (dim, (before, after))| {
            a.pad(dim, *before, *after, mode)
        })
    });
    both!(registry, "notnull", 0..=0, |a, _args| a.notnull());
    both!(registry, "dropna", 1..=3, |a, args| {
        a.dropna(&text("dropna", &args[0], DIM)?, drop_where(&args[1..])?)
    });
    both!(registry, "where_drop", 1..=1, |a, args| {
        a.where_drop(&array_of("where_drop", &args[0])?)
    });
    both!(registry, "interpolate_na", 1..=2, |a, args| {
        let dim = text("interpolate_na", &args[0], DIM)?;
        a.interpolate_na(&dim, &fill_options(&args[1..])?)
    });
    both!(registry, "interp", 1..=2, |a, args| {
        let (targets, method) = targets(a.coords(), args)?;
        a.interp(&by_ref(&targets), method)
    });
    registry.method::<DataArray>("interp_like", 1..=2, |a, args| {
        let method = interp_method(args.get(1))?;
        data(a.interp_like(&like("interp_like", &args[0])?, method))
    });
    registry.method::<Dataset>("interp_like", 1..=2, |a, args| {
        let method = interp_method(args.get(1))?;
        dataset(a.interp_like(&dataset_like("interp_like", &args[0])?, method))
    });
    both!(registry, "differentiate", 1..=3, |a, args| {
        let rest = by_name(
            "differentiate",
            &args[1..],
            &["edge_order", "datetime_unit"],
        )?;
        let order = match rest[0].is_unit() {
            true => 1,
            false => length("differentiate", &rest[0], 1)?,
        };
        let unit = unit("differentiate", Some(&rest[1]))?;
        a.differentiate(&text("differentiate", &args[0], DIM)?, order, unit)
    });
    both!(registry, "integrate", 1..=2, |a, args| {
        let mut result = a.clone();
        for coord in texts("integrate", &args[0], "a coordinate or a list of them")? {
            result = result.integrate(&coord, unit("integrate", args.get(1))?);
        }
        result
    });
    both!(registry, "cumulative_integrate", 1..=2, |a, args| {
        let coord = text("cumulative_integrate", &args[0], "a coordinate")?;
        a.cumulative_integrate(&coord, unit("cumulative_integrate", args.get(1))?)
    });
    both!(registry, "idxmin", 1..=1, |a, args| a
        .idxmin(&text("idxmin", &args[0], DIM)?));
    both!(registry, "idxmax", 1..=1, |a, args| a
        .idxmax(&text("idxmax", &args[0], DIM)?));
    two_arrays(registry);
}
