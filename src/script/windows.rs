//! Windows and weights of labelled arrays and datasets: `x.rolling(#{ time: 30 }, #{ center: true }).mean()`,
//! `x.coarsen(#{ lat: 4, lon: 4 }, #{ boundary: "trim" }).mean()`, `x.weighted(w).mean(["lat", "lon"])`.

use super::args::{check_keys, flag, length, map, text};
use super::failure::{OrRaise, Raised, raise, refuse};
use super::labels::{by_ref, entries};
use super::operators::{data, dataset};
use super::reduce::{KINDS, dim_names, options, split};
use super::registry::Registry;
use crate::array::CoarsenBoundary;
use crate::error::Error;
use crate::labelled::{
    Coarsen, CoordFunc, DataArray, Dataset, DatasetCoarsen, DatasetRolling, DatasetWeighted,
    Rolling, Side, Weighted, WeightedKind,
};
use crate::op::ReductionKind;
use rhai::{Dynamic, Map};

type Lengths = Vec<(String, usize)>;

/// Windows by dimension, `("time", 30)` or `#{ time: 30 }`, and the options that follow.
fn windows(operation: &str, args: &[Dynamic], known: &[&str]) -> Raised<(Lengths, Map)> {
    const WHAT: &str = "a map of dimensions and the elements of their windows: #{ time: 30 }";
    let (lengths, rest) = match args {
        [by, rest @ ..] if by.is_map() => {
            let lengths = entries(operation, by, WHAT, |_, v| length(operation, v, 0))?;
            (lengths, rest)
        }
        [dim, window, rest @ ..] if dim.is_string() => {
            let dim = text(operation, dim, WHAT)?;
            (vec![(dim, length(operation, window, 0)?)], rest)
        }
        [other, ..] => return Err(refuse(operation, other, WHAT)),
        [] => return Err(refuse(operation, &Dynamic::UNIT, WHAT)),
    };
    let options = match rest {
        [] => Map::new(),
        [given] => map(operation, given, "options #{…}")?,
        [_, more, ..] => return Err(refuse(operation, more, "options at the end")),
    };
    check_keys(operation, &options, known)?;
    Ok((lengths, options))
}

/// What one value says for all (`Ok`), or a map for some by name (`Err`).
fn one_or_each<T>(
    operation: &str,
    value: &Dynamic,
    what: &str,
    read: impl Fn(&Dynamic) -> Raised<T>,
) -> Raised<Result<T, Vec<(String, T)>>> {
    match value.is_map() {
        true => Ok(Err(entries(operation, value, what, |_, v| read(v))?)),
        false => Ok(Ok(read(value)?)),
    }
}

/// `rolling` with its options, of `$Type` with these windows, checked.
macro_rules! rolling {
    ($this:expr, $args:expr) => {{
        const NAME: &str = "rolling";
        let (windows, options) = windows(NAME, $args, &["min_periods", "center"])?;
        let mut rolling = $this.rolling(&by_ref(&windows));
        if let Some(least) = options.get("min_periods").filter(|v| !v.is_unit()) {
            rolling = rolling.min_periods(length("rolling: min_periods", least, 0)?);
        }
        if let Some(center) = options.get("center") {
            let what = "true or false, or a map of them by dimension";
            let read = |v: &Dynamic| v.as_bool().map_err(|_| refuse("rolling: center", v, what));
            match one_or_each(NAME, center, what, read)? {
                Ok(all) => rolling = rolling.center(all),
                Err(each) => {
                    for (dim, center) in each {
                        rolling = rolling.center_along(&dim, center);
                    }
                }
            }
        }
        rolling.check().or_raise()?;
        Ok(Dynamic::from(rolling))
    }};
}

/// `coarsen` with its options, checked.
macro_rules! coarsen {
    ($this:expr, $args:expr) => {{
        const NAME: &str = "coarsen";
        let (windows, options) = windows(NAME, $args, &["boundary", "side", "coord_func"])?;
        let mut coarsen = $this.coarsen(&by_ref(&windows));
        if let Some(boundary) = options.get("boundary") {
            let boundary = text(NAME, boundary, "a boundary")?;
            coarsen = coarsen.boundary(boundary.parse::<CoarsenBoundary>().or_raise()?);
        }
        if let Some(side) = options.get("side") {
            let what = "a side, or a map of sides by dimension";
            let read = |v: &Dynamic| text(NAME, v, what)?.parse::<Side>().or_raise();
            match one_or_each(NAME, side, what, read)? {
                Ok(all) => coarsen = coarsen.side(all),
                Err(each) => {
                    for (dim, side) in each {
                        coarsen = coarsen.side_along(&dim, side);
                    }
                }
            }
        }
        if let Some(func) = options.get("coord_func") {
            let what = "the name of a reduction, or a map of them by coordinate";
            let read = |v: &Dynamic| text(NAME, v, what)?.parse::<CoordFunc>().or_raise();
            match one_or_each(NAME, func, what, read)? {
                Ok(all) => coarsen = coarsen.coord_func(all),
                Err(each) => {
                    for (name, func) in each {
                        coarsen = coarsen.coord_func_of(&name, func);
                    }
                }
            }
        }
        coarsen.check().or_raise()?;
        Ok(Dynamic::from(coarsen))
    }};
}

fn array_of(operation: &str, value: &Dynamic) -> Raised<DataArray> {
    let array = value.clone().try_cast::<DataArray>();
    array.ok_or_else(|| refuse(operation, value, "a DataArray"))
}

type Constructed = (Vec<(String, String)>, usize, Option<crate::dtype::Scalar>);

/// `construct("window")`, `construct(#{ time: "window" }, #{ stride: 2, fill_value: 0 })`.
fn construct(dims: &[String], args: &[Dynamic]) -> Raised<Constructed> {
    const NAME: &str = "construct";
    const WHAT: &str = "the name of the windows' dimension, or a map of names by dimension";
    let names = match args[0].is_map() {
        true => entries(NAME, &args[0], WHAT, |_, v| text(NAME, v, WHAT))?,
        false => match dims {
            [dim] => vec![(dim.clone(), text(NAME, &args[0], WHAT)?)],
            dims => {
                return Err(raise(Error::invalid(format!(
                    "{NAME}: windows along {} dimensions ({}); give a map with a name for each",
                    dims.len(),
                    dims.join(", ")
                ))));
            }
        },
    };
    let options = match args.get(1) {
        Some(given) => map(NAME, given, "options #{…}")?,
        None => Map::new(),
    };
    check_keys(NAME, &options, &["stride", "fill_value"])?;
    let stride = match options.get("stride") {
        Some(stride) => length("construct: stride", stride, 1)?,
        None => 1,
    };
    let fill = match options.get("fill_value") {
        None => None,
        Some(value) => match super::args::scalar(value) {
            Some(number) => Some(number),
            None => return Err(refuse("construct: fill_value", value, "a number")),
        },
    };
    Ok((names, stride, fill))
}

fn refs(names: &[(String, String)]) -> Vec<(&str, &str)> {
    let pair = names
        .iter()
        .map(|(dim, name)| (dim.as_str(), name.as_str()));
    pair.collect()
}

/// Divisors of spreads: no other option is known.
fn ddof(name: &str, kind: ReductionKind, args: &[Dynamic]) -> Raised<ReductionKind> {
    let Some(given) = args.first() else {
        return Ok(kind);
    };
    let given = map(name, given, "options #{…}")?;
    match kind {
        ReductionKind::Var { .. } | ReductionKind::Std { .. } => {
            check_keys(name, &given, &["ddof"])?;
            options(name, kind, Some(&given), &[]).map(|(kind, _)| kind)
        }
        _ => check_keys(name, &given, &[]).map(|()| kind),
    }
}

fn rolled(registry: &mut Registry<'_>) {
    for (name, kind) in KINDS {
        use ReductionKind as R;
        if matches!(kind, R::Any | R::All | R::First | R::Last) {
            continue;
        }
        registry.method::<Rolling>(name, 0..=1, move |this, args| {
            data(this.reduce(ddof(name, kind, args)?))
        });
        registry.method::<DatasetRolling>(name, 0..=1, move |this, args| {
            dataset(this.reduce(ddof(name, kind, args)?))
        });
    }
    registry.method::<Rolling>("construct", 1..=2, |this, args| {
        let (names, stride, fill) = construct(&this.dims(), args)?;
        data(this.construct(&refs(&names), stride, fill))
    });
    registry.method::<DatasetRolling>("construct", 1..=2, |this, args| {
        let (names, stride, fill) = construct(&this.dims(), args)?;
        dataset(this.construct(&refs(&names), stride, fill))
    });
}

fn coarsened(registry: &mut Registry<'_>) {
    for (name, kind) in KINDS {
        use ReductionKind as R;
        if matches!(kind, R::Argmin | R::Argmax | R::First | R::Last) {
            continue;
        }
        registry.method::<Coarsen>(name, 0..=1, move |this, args| {
            let (kind, skipna) = options(name, kind, split(args).1.as_ref(), &[])?;
            data(this.reduce_skipping(kind, skipna))
        });
        registry.method::<DatasetCoarsen>(name, 0..=1, move |this, args| {
            let (kind, skipna) = options(name, kind, split(args).1.as_ref(), &[])?;
            dataset(this.reduce_skipping(kind, skipna))
        });
    }
}

fn weighted(registry: &mut Registry<'_>) {
    const KINDS: [(&str, WeightedKind); 6] = [
        ("sum", WeightedKind::Sum),
        ("mean", WeightedKind::Mean),
        ("std", WeightedKind::Std),
        ("var", WeightedKind::Var),
        ("sum_of_weights", WeightedKind::SumOfWeights),
        ("sum_of_squares", WeightedKind::SumOfSquares),
    ];
    for (name, kind) in KINDS {
        let read = move |args: &[Dynamic]| -> Raised<(Vec<String>, Option<bool>)> {
            let (dims, given) = split(args);
            let given = given.unwrap_or_default();
            let known: &[&str] = match kind {
                WeightedKind::SumOfWeights => &[],
                _ => &["skipna"],
            };
            check_keys(name, &given, known)?;
            Ok((dim_names(name, dims)?, flag(name, &given, "skipna")?))
        };
        registry.method::<Weighted>(name, 0..=2, move |this, args| {
            let (dims, skipna) = read(args)?;
            let dims: Vec<&str> = dims.iter().map(String::as_str).collect();
            data(this.reduce(kind, &dims, skipna))
        });
        registry.method::<DatasetWeighted>(name, 0..=2, move |this, args| {
            let (dims, skipna) = read(args)?;
            let dims: Vec<&str> = dims.iter().map(String::as_str).collect();
            dataset(this.reduce(kind, &dims, skipna))
        });
    }
    registry.method::<DataArray>("weighted", 1..=1, |this, args| {
        let weighted = this.weighted(&array_of("weighted", &args[0])?);
        weighted.check().or_raise()?;
        Ok(Dynamic::from(weighted))
    });
    registry.method::<Dataset>("weighted", 1..=1, |this, args| {
        let weighted = this.weighted(&array_of("weighted", &args[0])?);
        weighted.check().or_raise()?;
        Ok(Dynamic::from(weighted))
    });
}

/// What printing one shows.
fn shown(kind: &str, dims: &[String]) -> Dynamic {
    format!("<hyperslab.{kind} along {}>", dims.join(", ")).into()
}

pub(super) fn register(registry: &mut Registry<'_>) {
    registry.method::<DataArray>("rolling", 1..=3, |this, args| rolling!(this, args));
    registry.method::<Dataset>("rolling", 1..=3, |this, args| rolling!(this, args));
    registry.method::<DataArray>("coarsen", 1..=3, |this, args| coarsen!(this, args));
    registry.method::<Dataset>("coarsen", 1..=3, |this, args| coarsen!(this, args));
    rolled(registry);
    coarsened(registry);
    weighted(registry);
    for name in ["to_string", "to_debug"] {
        registry.method::<Rolling>(name, 0..=0, |this, _| Ok(shown("Rolling", &this.dims())));
        registry
            .method::<DatasetRolling>(name, 0..=0, |this, _| Ok(shown("Rolling", &this.dims())));
        registry.method::<Coarsen>(name, 0..=0, |this, _| Ok(shown("Coarsen", &this.dims())));
        registry
            .method::<DatasetCoarsen>(name, 0..=0, |this, _| Ok(shown("Coarsen", &this.dims())));
        registry.method::<Weighted>(name, 0..=0, |_, _| Ok("<hyperslab.Weighted>".into()));
        registry.method::<DatasetWeighted>(name, 0..=0, |_, _| Ok("<hyperslab.Weighted>".into()));
    }
    let engine = &mut *registry.engine;
    engine.register_type_with_name::<Rolling>("Rolling");
    engine.register_type_with_name::<DatasetRolling>("DatasetRolling");
    engine.register_type_with_name::<Coarsen>("Coarsen");
    engine.register_type_with_name::<DatasetCoarsen>("DatasetCoarsen");
    engine.register_type_with_name::<Weighted>("Weighted");
    engine.register_type_with_name::<DatasetWeighted>("DatasetWeighted");
}
