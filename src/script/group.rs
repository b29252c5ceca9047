//! Group-by in scripts: `x.groupby("time.month")`, `x.groupby(mask)`, `x.groupby(["time.month", "band"])`,
//! `x.groupby_bins("lat", [0, 20, 45])`; arithmetic of groups, and functions of the script on them.

use super::args::{Value, check_keys, flag, length, map, text, texts, value};
use super::failure::{OrRaise, Raised, raise, refuse};
use super::operators::{data, dataset};
use super::registry::Registry;
use crate::error::Error;
use crate::labelled::{
    Bins, DataArray, DataOperand, Dataset, DatasetGroupBy, DatasetOperand, DatasetResample,
    GroupBy, GroupKey, Resample, Seasons,
};
use crate::op::{BinaryOp, ReductionKind};
use rhai::{Dynamic, FnPtr, NativeCallContext};
use std::any::TypeId;

const BY: &str = "a coordinate or its component, for example \"time.season\"";
const BINS: &str = "a list of edges or a number of bins";

fn key(operation: &str, given: &Dynamic) -> Raised<GroupKey> {
    if let Some(array) = given.clone().try_cast::<DataArray>() {
        return Ok(GroupKey::from(&array));
    }
    Ok(GroupKey::Name(text(operation, given, BY)?))
}

fn keys(given: &Dynamic) -> Raised<Vec<GroupKey>> {
    if let Ok(by) = given.as_map_ref() {
        const WANTED: &str =
            "seasons of a coordinate: #{ time: SeasonGrouper([\"DJF\", \"JJA\"]) }";
        let one = |(name, seasons): (&rhai::Identifier, &Dynamic)| match seasons
            .clone()
            .try_cast::<Seasons>()
        {
            Some(seasons) => Ok(GroupKey::Seasons(name.to_string(), seasons)),
            None => Err(refuse("groupby", seasons, WANTED)),
        };
        return by.iter().map(one).collect();
    }
    match given.as_array_ref() {
        Ok(list) => list.iter().map(|one| key("groupby", one)).collect(),
        Err(_) => Ok(vec![key("groupby", given)?]),
    }
}

/// A failure is in the lazy value: a reduction brings it out.
fn grouped(made: GroupBy) -> Raised<Dynamic> {
    match made.groups() {
        Some(_) => Ok(Dynamic::from(made)),
        None => data(made.reduce(ReductionKind::Count, &[], None)),
    }
}

fn grouped_dataset(made: DatasetGroupBy) -> Raised<Dynamic> {
    match made.groups() {
        Some(_) => Ok(Dynamic::from(made)),
        None => dataset(made.reduce(ReductionKind::Count, &[], None)),
    }
}

fn bins(args: &[Dynamic]) -> Raised<(GroupKey, Bins)> {
    const NAME: &str = "groupby_bins";
    let by = key(NAME, &args[0])?;
    let mut bins = match args[1].as_array_ref() {
        Ok(list) => {
            let number = |edge: &Dynamic| match (edge.as_int(), edge.as_float()) {
                (Ok(v), _) => Ok(v as f64),
                (_, Ok(v)) => Ok(v),
                _ => Err(refuse(NAME, edge, "an edge: a number")),
            };
            let edges = list.iter().map(number).collect::<Raised<Vec<f64>>>()?;
            let integers: Result<Vec<i64>, _> = list.iter().map(Dynamic::as_int).collect();
            match integers {
                Ok(integers) => Bins::integer_edges(&integers),
                Err(_) => Bins::edges(&edges),
            }
        }
        Err(_) if args[1].is_int() => Bins::number(length(NAME, &args[1], 0)?),
        Err(_) => return Err(refuse(NAME, &args[1], BINS)),
    };
    if let Some(options) = args.get(2) {
        let options = map(NAME, options, "options: #{ right: false }")?;
        let known = ["right", "labels", "include_lowest", "precision"];
        check_keys(NAME, &options, &known)?;
        if let Some(right) = flag(NAME, &options, "right")? {
            bins = bins.right(right);
        }
        if let Some(include) = flag(NAME, &options, "include_lowest")? {
            bins = bins.include_lowest(include);
        }
        if let Some(labels) = options.get("labels").filter(|l| !l.is_unit()) {
            let labels = texts(NAME, labels, "a list of texts, one per bin")?;
            let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
            bins = bins.labels(&labels);
        }
        if let Some(precision) = options.get("precision") {
            bins = bins.precision(length(NAME, precision, 0)?);
        }
    }
    Ok((by, bins))
}

/// `left op right` where one of them is grouped; none where neither is.
pub(super) fn apply(
    name: &str,
    op: BinaryOp,
    left: &Dynamic,
    right: &Dynamic,
) -> Option<Raised<Dynamic>> {
    let is_group = |v: &Dynamic| v.is::<GroupBy>() || v.is::<DatasetGroupBy>();
    match (is_group(left), is_group(right)) {
        (true, false) => Some(beside(name, op, left, right, false)),
        (false, true) => Some(beside(name, op, right, left, true)),
        // Two groups: the message says what a group is.
        _ => None,
    }
}

fn beside(
    name: &str,
    op: BinaryOp,
    groups: &Dynamic,
    other: &Dynamic,
    reversed: bool,
) -> Raised<Dynamic> {
    let other = value(name, other)?;
    if let Some(groups) = groups.clone().try_cast::<GroupBy>() {
        let operand: DataOperand = match other {
            Value::Dataset(other) => return dataset(groups.binary_dataset(op, &other, reversed)),
            Value::Data(other) => other.into(),
            Value::Weak(number) => number.into(),
            _ => return Err(unlabelled(name)),
        };
        return data(match reversed {
            true => groups.binary_reversed(op, &operand),
            false => groups.binary(op, &operand),
        });
    }
    let Some(groups) = groups.clone().try_cast::<DatasetGroupBy>() else {
        return Err(raise(Error::internal("groupby: no groups")));
    };
    let operand: DatasetOperand = match other {
        Value::Dataset(other) => other.into(),
        Value::Data(other) => other.into(),
        Value::Weak(number) => number.into(),
        _ => return Err(unlabelled(name)),
    };
    dataset(match reversed {
        true => groups.binary_reversed(op, &operand),
        false => groups.binary(op, &operand),
    })
}

fn unlabelled(name: &str) -> Box<rhai::EvalAltResult> {
    raise(Error::invalid(format!(
        "{name}: a GroupBy beside what has no dimension of its groups; give a DataArray or a Dataset, or reduce it first"
    )))
}

/// `x.groupby("time.month").map(|v| …)`: a function of the script on the array of each group.
fn map_groups(context: &NativeCallContext<'_>, this: &GroupBy, f: &FnPtr) -> Raised<Dynamic> {
    let mut made = Vec::new();
    for array in this.arrays().or_raise()? {
        if array.shape().contains(&0) {
            continue;
        }
        let result: Dynamic = f.call_within_context(context, (array,))?;
        match value("map", &result)? {
            Value::Data(array) => made.push(array),
            _ => return Err(refuse("map", &result, "a function that gives a DataArray")),
        }
    }
    data(this.put_together(&made).or_raise()?)
}

/// `cumsum` and `cumprod` of groups; the grouped dimension may be named.
macro_rules! running {
    ($registry:expr, $($Type:ident => $raise:ident),*) => {$(
        $registry.method::<$Type>("cumsum", 0..=1, |this, args| {
            alone("cumsum", this.dim(), args)?;
            $raise(this.cumsum())
        });
        $registry.method::<$Type>("cumprod", 0..=1, |this, args| {
            alone("cumprod", this.dim(), args)?;
            $raise(this.cumprod())
        });
    )*};
}

/// A running fold is along the grouped dimension and no other.
fn alone(name: &str, grouped: Option<&str>, args: &[Dynamic]) -> Raised<()> {
    let Some(given) = args.first() else {
        return Ok(());
    };
    let dim = text(name, given, "the grouped dimension")?;
    match grouped {
        Some(grouped) if grouped != dim => Err(raise(Error::invalid(format!(
            "{name}: along {dim:?} inside groups of {grouped:?}; the running fold is along the grouped dimension"
        )))),
        _ => Ok(()),
    }
}

pub(super) fn register(registry: &mut Registry<'_>) {
    registry
        .engine
        .register_type_with_name::<Seasons>("Seasons");
    const LIST: &str = "a list of seasons: [\"DJF\", \"MAM\"]";
    registry.function("SeasonGrouper", 1..=1, |args| {
        let names = texts("SeasonGrouper", &args[0], LIST)?;
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        Ok(Dynamic::from(Seasons::grouper(&names)))
    });
    registry.function("SeasonResampler", 1..=2, |args| {
        const NAME: &str = "SeasonResampler";
        let names = texts(NAME, &args[0], LIST)?;
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut seasons = Seasons::resampler(&names);
        if let Some(options) = args.get(1) {
            let options = map(NAME, options, "options: #{ drop_incomplete: false }")?;
            check_keys(NAME, &options, &["drop_incomplete"])?;
            if let Some(drop) = flag(NAME, &options, "drop_incomplete")? {
                seasons = seasons.drop_incomplete(drop);
            }
        }
        Ok(Dynamic::from(seasons))
    });
    registry.method::<DataArray>("groupby", 1..=1, |this, args| {
        grouped(this.groupby(keys(&args[0])?))
    });
    registry.method::<Dataset>("groupby", 1..=1, |this, args| {
        grouped_dataset(this.groupby(keys(&args[0])?))
    });
    registry.method::<DataArray>("groupby", 2..=2, |this, args| {
        let dim = text("groupby", &args[0], "the name of a dimension")?;
        let Some(labels) = args[1].clone().try_cast::<DataArray>() else {
            return Err(refuse(
                "groupby",
                &args[1],
                "labels: a 1-D DataArray along the dimension",
            ));
        };
        if labels.dims() != [dim.clone()] {
            return Err(raise(Error::invalid(format!(
                "groupby: the labels have dimensions ({}); they must lie along {dim:?} alone",
                labels.dims().join(", ")
            ))));
        }
        grouped(this.groupby(&labels))
    });
    registry.method::<DataArray>("groupby_bins", 2..=3, |this, args| {
        let (by, bins) = bins(args)?;
        grouped(this.groupby_bins(by, &bins))
    });
    registry.method::<Dataset>("groupby_bins", 2..=3, |this, args| {
        let (by, bins) = bins(args)?;
        grouped_dataset(this.groupby_bins(by, &bins))
    });
    registry.method::<GroupBy>("fillna", 1..=1, |this, args| {
        match value("fillna", &args[0])? {
            Value::Data(other) => data(this.fillna(&other)),
            _ => Err(unlabelled("fillna")),
        }
    });
    running!(registry, GroupBy => data, DatasetGroupBy => dataset);
    running!(registry, Resample => data, DatasetResample => dataset);
    for name in ["map", "apply"] {
        registry.names.push(name.to_owned());
        let types = [TypeId::of::<GroupBy>(), TypeId::of::<FnPtr>()];
        registry
            .engine
            .register_raw_fn(name, types, |context, args| {
                let f: FnPtr = args[1].take().flatten().cast();
                let this: GroupBy = args[0].flatten_clone().cast();
                map_groups(&context, &this, &f)
            });
    }
}
