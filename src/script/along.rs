//! Operations along axes, by position: scans, differences, padding, windows, filters, kernels of the program.

use super::args::{check_keys, flag, int, length, lengths, map, operand, scalar, text, value};
use super::create::block;
use super::failure::{OrRaise, Raised, raise, refuse};
use super::operators::array;
use super::registry::Registry;
use crate::array::{
    Array, Border, Boundary, CoarsenBoundary, ConvolveMode, Operand, PadMode, Rolling, Spacing,
};
use crate::dtype::{DType, Scalar};
use crate::error::{Error, nearest_names};
use crate::op::ReductionKind;
use rhai::{Dynamic, Map};

const AXIS: &str = "an axis number";

fn axis(name: &str, value: &Dynamic) -> Raised<isize> {
    int(name, value, AXIS).map(|axis| axis as isize)
}

/// An argument that may be left out or be `()`.
fn given(args: &[Dynamic], number: usize) -> Option<&Dynamic> {
    args.get(number).filter(|value| !value.is_unit())
}

fn axis_or(name: &str, args: &[Dynamic], number: usize, default: isize) -> Raised<isize> {
    given(args, number).map_or(Ok(default), |value| axis(name, value))
}

/// The options at the end, if any, and what comes before them.
fn options<'a>(name: &str, args: &'a [Dynamic], known: &[&str]) -> Raised<(&'a [Dynamic], Map)> {
    let Some((last, before)) = args.split_last() else {
        return Ok((args, Map::new()));
    };
    match last.as_map_ref() {
        Ok(options) => {
            check_keys(name, &options, known)?;
            Ok((before, options.clone()))
        }
        Err(_) => Ok((args, Map::new())),
    }
}

/// A value, or a list of them.
fn each<T>(value: &Dynamic, one: impl Fn(&Dynamic) -> Raised<T>) -> Raised<Vec<T>> {
    match value.as_array_ref() {
        Ok(list) => list.iter().map(one).collect(),
        Err(_) => Ok(vec![one(value)?]),
    }
}

fn number(name: &str, value: &Dynamic) -> Raised<f64> {
    match scalar(value) {
        Some(number) => Ok(number.as_f64()),
        None => Err(refuse(name, value, "a number")),
    }
}

fn axes(name: &str, value: Option<&Dynamic>) -> Raised<Vec<isize>> {
    value.map_or(Ok(Vec::new()), |value| each(value, |v| axis(name, v)))
}

fn unknown<T>(name: &str, what: &str, given: &str, known: &[&str]) -> Raised<T> {
    Err(raise(Error::invalid(format!(
        "{name}: unknown {what} {given:?}; known: {}",
        nearest_names(given, known.iter().copied())
    ))))
}

fn scans(registry: &mut Registry<'_>) {
    type Scan = fn(&Array, Option<isize>) -> Array;
    let all: [(&'static str, Scan); 8] = [
        ("cumsum", |a, axis| a.cumsum(axis)),
        ("cumprod", |a, axis| a.cumprod(axis)),
        ("nancumsum", |a, axis| a.nancumsum(axis)),
        ("nancumprod", |a, axis| a.nancumprod(axis)),
        ("cummin", |a, axis| a.cummin(axis)),
        ("cummax", |a, axis| a.cummax(axis)),
        ("nancummin", |a, axis| a.nancummin(axis)),
        ("nancummax", |a, axis| a.nancummax(axis)),
    ];
    for (name, scan) in all {
        registry.method::<Array>(name, 0..=1, move |a, args| {
            let along = given(args, 0).map(|v| axis(name, v)).transpose()?;
            array(scan(a, along))
        });
    }
    type Cumulative = fn(&Array, Option<isize>, bool) -> Array;
    let all: [(&'static str, Cumulative); 2] = [
        ("cumulative_sum", |a, axis, first| {
            a.cumulative_sum(axis, first)
        }),
        ("cumulative_prod", |a, axis, first| {
            a.cumulative_prod(axis, first)
        }),
    ];
    for (name, scan) in all {
        registry.method::<Array>(name, 0..=2, move |a, args| {
            let (args, options) = options(name, args, &["include_initial"])?;
            let along = given(args, 0).map(|v| axis(name, v)).transpose()?;
            let first = flag(name, &options, "include_initial")?.unwrap_or(false);
            array(scan(a, along, first))
        });
    }
    type Fill = fn(&Array, isize, Option<usize>) -> Array;
    let all: [(&'static str, Fill); 2] = [
        ("ffill", |a, axis, limit| a.ffill(axis, limit)),
        ("bfill", |a, axis, limit| a.bfill(axis, limit)),
    ];
    for (name, fill) in all {
        registry.method::<Array>(name, 1..=2, move |a, args| {
            let limit = given(args, 1).map(|v| length(name, v, 1)).transpose()?;
            array(fill(a, axis(name, &args[0])?, limit))
        });
    }
}

fn beside(name: &str, a: &Array, given: Option<&Dynamic>) -> Raised<Option<Operand>> {
    given.map(|v| operand(name, a, value(name, v)?)).transpose()
}

fn array_of(name: &str, value: &Dynamic) -> Raised<Array> {
    match value.clone().try_cast::<Array>() {
        Some(array) => Ok(array),
        None => Err(refuse(name, value, "an Array")),
    }
}

fn differences(registry: &mut Registry<'_>) {
    registry.method::<Array>("diff", 0..=4, |a, args| {
        let n = given(args, 0).map_or(Ok(1), |v| length("diff", v, 0))?;
        let axis = axis_or("diff", args, 1, -1)?;
        let prepend = beside("diff", a, given(args, 2))?;
        array(a.diff(n, axis, prepend, beside("diff", a, given(args, 3))?))
    });
    registry.method::<Array>("gradient", 0..=2, |a, args| {
        let (args, options) = options("gradient", args, &["axis", "edge_order"])?;
        let spacing = match given(args, 0) {
            None => Vec::new(),
            Some(value) => each(value, |v| match v.clone().try_cast::<Array>() {
                Some(coordinates) => Ok(Spacing::Coordinates(coordinates)),
                None => number("gradient", v).map(Spacing::Even),
            })?,
        };
        let axes = axes("gradient", options.get("axis"))?;
        let order = options.get("edge_order");
        let order = order.map_or(Ok(1), |v| length("gradient: edge_order", v, 1))?;
        let mut made = a.gradient(&spacing, &axes, order).or_raise()?;
        match made.len() {
            1 => array(made.remove(0)),
            _ => Ok(Dynamic::from(
                made.into_iter().map(Dynamic::from).collect::<rhai::Array>(),
            )),
        }
    });
    registry.method::<Array>("trapezoid", 0..=3, |a, args| {
        let x = given(args, 0)
            .map(|v| array_of("trapezoid", v))
            .transpose()?;
        let dx = given(args, 1).map_or(Ok(1.0), |v| number("trapezoid", v))?;
        array(a.trapezoid(x.as_ref(), dx, axis_or("trapezoid", args, 2, -1)?))
    });
}

/// Pairs (before, after): a number, one pair, or a list of pairs.
fn pairs<T: Copy>(
    name: &str,
    value: &Dynamic,
    one: impl Fn(&Dynamic) -> Raised<T>,
) -> Raised<Vec<(T, T)>> {
    let Ok(list) = value.as_array_ref() else {
        let both = one(value)?;
        return Ok(vec![(both, both)]);
    };
    let pair = |list: &[Dynamic]| match list {
        [before, after] => Ok((one(before)?, one(after)?)),
        _ => Err(refuse(
            name,
            value,
            "a number, a pair [before, after], or one pair per axis",
        )),
    };
    match list.iter().any(Dynamic::is_array) {
        false => Ok(vec![pair(&list)?]),
        true => list
            .iter()
            .map(|item| match item.as_array_ref() {
                Ok(list) => pair(&list),
                Err(_) => Err(refuse(name, item, "a pair [before, after]")),
            })
            .collect(),
    }
}

const PADS: [&str; 9] = [
    "constant",
    "edge",
    "linear_ramp",
    "reflect",
    "symmetric",
    "wrap",
    "mean",
    "maximum",
    "minimum",
];

fn pad(a: &Array, args: &[Dynamic]) -> Raised<Dynamic> {
    let (args, options) = options("pad", args, &["constant_values", "end_values"])?;
    let Some(width) = args.first() else {
        return Err(raise(Error::invalid("pad: no widths")));
    };
    let width = pairs("pad", width, |v| length("pad", v, 0))?;
    let values = |key: &str| match options.get(key) {
        None => Ok(Vec::new()),
        Some(value) => pairs("pad", value, |v| {
            scalar(v).ok_or_else(|| refuse("pad", v, "a number"))
        }),
    };
    let mode = given(args, 1).map_or(Ok("constant".to_owned()), |v| text("pad", v, "a mode"))?;
    let mode = match mode.as_str() {
        "constant" => PadMode::Constant(values("constant_values")?),
        "linear_ramp" => PadMode::LinearRamp(values("end_values")?),
        "edge" => PadMode::Edge,
        "reflect" => PadMode::Reflect,
        "symmetric" => PadMode::Symmetric,
        "wrap" => PadMode::Wrap,
        "mean" => PadMode::Mean,
        "maximum" => PadMode::Maximum,
        "minimum" => PadMode::Minimum,
        other => return unknown("pad", "mode", other, &PADS),
    };
    array(a.pad(&width, &mode))
}

fn windows(registry: &mut Registry<'_>) {
    registry.method::<Array>("pad", 1..=3, pad);
    registry.method::<Array>("sliding_window_view", 1..=2, |a, args| {
        let window = lengths("sliding_window_view", &args[0], 1)?;
        let axes = axes("sliding_window_view", given(args, 1))?;
        array(a.sliding_window_view(&window, &axes))
    });
    registry.method::<Array>("rolling", 2..=3, |a, args| {
        let (args, options) = options("rolling", args, &["min_periods", "center"])?;
        let [along, window] = args else {
            return Err(raise(Error::invalid("rolling: give an axis and a window")));
        };
        let mut rolling = a.rolling(axis("rolling", along)?, length("rolling", window, 1)?);
        if let Some(least) = options.get("min_periods") {
            rolling = rolling.min_periods(length("rolling: min_periods", least, 1)?);
        }
        let center = flag("rolling", &options, "center")?.unwrap_or(false);
        Ok(Dynamic::from(rolling.center(center)))
    });
    type Roll = fn(&Rolling) -> Array;
    let all: [(&str, Roll); 6] = [
        ("sum", |r| r.sum()),
        ("prod", |r| r.prod()),
        ("mean", |r| r.mean()),
        ("min", |r| r.min()),
        ("max", |r| r.max()),
        ("count", |r| r.count()),
    ];
    for (name, roll) in all {
        registry.method::<Rolling>(name, 0..=0, move |r, _| array(roll(r)));
    }
    type Spread = fn(&Rolling, u32) -> Array;
    let all: [(&'static str, Spread); 2] = [
        ("var", |r, ddof| r.var(ddof)),
        ("std", |r, ddof| r.std(ddof)),
    ];
    for (name, roll) in all {
        registry.method::<Rolling>(name, 0..=1, move |r, args| {
            let (_, options) = options(name, args, &["ddof"])?;
            let ddof = options.get("ddof");
            let ddof = ddof.map_or(Ok(0), |v| length(&format!("{name}: ddof"), v, 0))?;
            array(roll(r, u32::try_from(ddof).unwrap_or(u32::MAX)))
        });
    }
    registry.method::<Array>("coarsen", 2..=3, coarsen);
    registry
        .engine
        .register_type_with_name::<Rolling>("Rolling");
}

/// `x.coarsen("mean", #{ "0": 2, "1": 3 }, #{ boundary: "trim" })`: dask's order.
fn coarsen(a: &Array, args: &[Dynamic]) -> Raised<Dynamic> {
    const KINDS: [(&str, ReductionKind); 12] = [
        ("sum", ReductionKind::Sum),
        ("prod", ReductionKind::Prod),
        ("mean", ReductionKind::Mean),
        ("min", ReductionKind::Min),
        ("max", ReductionKind::Max),
        ("count", ReductionKind::Count),
        ("any", ReductionKind::Any),
        ("all", ReductionKind::All),
        ("var", ReductionKind::Var { ddof: 0 }),
        ("std", ReductionKind::Std { ddof: 0 }),
        ("argmin", ReductionKind::Argmin),
        ("argmax", ReductionKind::Argmax),
    ];
    let name = text("coarsen", &args[0], "the name of a reduction")?;
    let Some((_, kind)) = KINDS.iter().find(|(known, _)| *known == name) else {
        return unknown(
            "coarsen",
            "reduction",
            &name,
            &KINDS.map(|(known, _)| known),
        );
    };
    let windows = map(
        "coarsen",
        &args[1],
        "a map of axes and windows: #{ \"0\": 2 }",
    )?;
    let windows: Vec<(isize, usize)> = windows
        .iter()
        .map(|(axis, window)| {
            let number = axis.parse().map_err(|_| {
                raise(Error::invalid(format!(
                    "coarsen: {:?} is no axis number",
                    axis.as_str()
                )))
            })?;
            Ok((number, length("coarsen", window, 1)?))
        })
        .collect::<Raised<_>>()?;
    let (_, options) = options("coarsen", &args[2..], &["boundary", "skipna"])?;
    let boundary: CoarsenBoundary = match options.get("boundary") {
        None => CoarsenBoundary::Exact,
        Some(name) => text("coarsen", name, "a boundary")?.parse().or_raise()?,
    };
    let skipna = flag("coarsen", &options, "skipna")?;
    array(a.coarsen(&windows, boundary, *kind, skipna))
}

/// Mode, cval and origin of a filter.
fn border(name: &str, options: &Map) -> Raised<(Border, Vec<isize>)> {
    const MODES: [&str; 5] = ["reflect", "constant", "nearest", "mirror", "wrap"];
    let mode = options
        .get("mode")
        .map_or(Ok("reflect".to_owned()), |v| text(name, v, "a mode"))?;
    let border = match mode.as_str() {
        "reflect" => Border::Reflect,
        "constant" => Border::Constant(match options.get("cval") {
            None => Scalar::F64(0.0),
            Some(value) => scalar(value).ok_or_else(|| refuse(name, value, "a number"))?,
        }),
        "nearest" => Border::Nearest,
        "mirror" => Border::Mirror,
        "wrap" => Border::Wrap,
        other => return unknown(name, "mode", other, &MODES),
    };
    Ok((border, axes(name, options.get("origin"))?))
}

const FILTER: [&str; 3] = ["mode", "cval", "origin"];

fn filters(registry: &mut Registry<'_>) {
    type Filter = fn(&Array, &[usize], Border, &[isize]) -> Array;
    let all: [(&'static str, Filter); 4] = [
        ("uniform_filter", |a, s, b, o| a.uniform_filter(s, b, o)),
        ("minimum_filter", |a, s, b, o| a.minimum_filter(s, b, o)),
        ("maximum_filter", |a, s, b, o| a.maximum_filter(s, b, o)),
        ("median_filter", |a, s, b, o| a.median_filter(s, b, o)),
    ];
    for (name, filter) in all {
        registry.method::<Array>(name, 1..=2, move |a, args| {
            let size = lengths(name, &args[0], 1)?;
            let (_, options) = options(name, &args[1..], &FILTER)?;
            let (border, origin) = border(name, &options)?;
            array(filter(a, &size, border, &origin))
        });
    }
    registry.method::<Array>("gaussian_filter", 1..=2, |a, args| {
        let name = "gaussian_filter";
        let sigma = each(&args[0], |v| number(name, v))?;
        let (_, options) = options(name, &args[1..], &["mode", "cval", "order", "truncate"])?;
        let order = options.get("order");
        let order = order.map_or(Ok(Vec::new()), |v| lengths(name, v, 0))?;
        let truncate = options
            .get("truncate")
            .map_or(Ok(4.0), |v| number(name, v))?;
        let (border, _) = border(name, &options)?;
        array(a.gaussian_filter(&sigma, &order, border, truncate))
    });
    type Line = fn(&Array, &[f64], isize, Border, isize) -> Array;
    let all: [(&'static str, Line); 2] = [
        ("correlate1d", |a, w, x, b, o| a.correlate1d(w, x, b, o)),
        ("convolve1d", |a, w, x, b, o| a.convolve1d(w, x, b, o)),
    ];
    for (name, filter) in all {
        registry.method::<Array>(name, 1..=2, move |a, args| {
            let weights = each(&args[0], |v| number(name, v))?;
            let (_, options) = options(name, &args[1..], &["mode", "cval", "origin", "axis"])?;
            let along = options.get("axis").map_or(Ok(-1), |v| axis(name, v))?;
            let (border, origin) = border(name, &options)?;
            let origin = origin.first().copied().unwrap_or(0);
            array(filter(a, &weights, along, border, origin))
        });
    }
    type Signal = fn(&Array, &crate::block::Block, ConvolveMode) -> Array;
    let all: [(&'static str, Signal, &str); 2] = [
        ("convolve", |a, k, m| a.convolve(k, m), "full"),
        ("correlate", |a, k, m| a.correlate(k, m), "valid"),
    ];
    for (name, signal, default) in all {
        registry.method::<Array>(name, 1..=2, move |a, args| {
            let mode =
                given(args, 1).map_or(Ok(default.to_owned()), |v| text(name, v, "a mode"))?;
            let mode = match mode.as_str() {
                "full" => ConvolveMode::Full,
                "same" => ConvolveMode::Same,
                "valid" => ConvolveMode::Valid,
                other => return unknown(name, "mode", other, &["full", "same", "valid"]),
            };
            array(signal(a, &block(name, &args[0])?, mode))
        });
    }
    type Weights = fn(&Array, &crate::block::Block, Border, &[isize]) -> Array;
    let all: [(&'static str, Weights); 2] = [
        ("ndimage_correlate", |a, w, b, o| {
            a.ndimage_correlate(w, b, o)
        }),
        ("ndimage_convolve", |a, w, b, o| a.ndimage_convolve(w, b, o)),
    ];
    for (name, filter) in all {
        registry.method::<Array>(name, 1..=2, move |a, args| {
            let (_, options) = options(name, &args[1..], &FILTER)?;
            let (border, origin) = border(name, &options)?;
            array(filter(a, &block(name, &args[0])?, border, &origin))
        });
    }
}

/// dtype, params and other arrays of a registered kernel.
fn kernel(name: &str, a: &Array, options: &Map) -> Raised<(DType, Vec<f64>, Vec<Array>)> {
    let dtype = match options.get("dtype") {
        None => a.dtype(),
        Some(dtype) => text(name, dtype, "the name of a dtype")?
            .parse()
            .or_raise()?,
    };
    let params = options.get("params");
    let params = params.map_or(Ok(Vec::new()), |v| each(v, |v| number(name, v)))?;
    let others = options.get("others");
    let others = others.map_or(Ok(Vec::new()), |v| each(v, |v| array_of(name, v)))?;
    Ok((dtype, params, others))
}

fn boundary(name: &str, value: &Dynamic) -> Raised<Boundary> {
    const KNOWN: [&str; 4] = ["none", "nearest", "reflect", "periodic"];
    if let Some(value) = scalar(value) {
        return Ok(Boundary::Constant(value));
    }
    Ok(
        match text(name, value, "a boundary or a number")?.as_str() {
            "none" => Boundary::None,
            "nearest" => Boundary::Nearest,
            "reflect" => Boundary::Reflect,
            "periodic" => Boundary::Periodic,
            other => return unknown(name, "boundary", other, &KNOWN),
        },
    )
}

pub(super) fn register(registry: &mut Registry<'_>) {
    scans(registry);
    differences(registry);
    windows(registry);
    filters(registry);
    const OPTIONS: [&str; 3] = ["dtype", "params", "others"];
    registry.method::<Array>("map_blocks", 1..=2, |a, args| {
        let called = text("map_blocks", &args[0], "the name of a registered kernel")?;
        let (_, options) = options("map_blocks", &args[1..], &OPTIONS)?;
        let (dtype, params, others) = kernel("map_blocks", a, &options)?;
        let others: Vec<&Array> = others.iter().collect();
        array(a.map_blocks(&called, &others, dtype, &params))
    });
    registry.method::<Array>("map_overlap", 2..=4, |a, args| {
        let name = "map_overlap";
        let called = text(name, &args[0], "the name of a registered kernel")?;
        let depth = lengths(name, &args[1], 0)?;
        let (rest, options) = options(name, &args[2..], &OPTIONS)?;
        let edges = match given(rest, 0) {
            None => vec![Boundary::None],
            Some(value) => each(value, |v| boundary(name, v))?,
        };
        let (dtype, params, others) = kernel(name, a, &options)?;
        let others: Vec<&Array> = others.iter().collect();
        array(a.map_overlap(&called, &others, &depth, &edges, dtype, &params))
    });
}
