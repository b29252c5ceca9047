//! `x.rolling_exp("time", 30).mean()`, `x.rolling_exp(#{ time: 5 }, #{ window_type: "halflife", min_weight: 0.5 }).std()`.

use super::args::{check_keys, map, number, text};
use super::failure::{OrRaise, Raised, raise, refuse};
use super::labels::entries;
use super::operators::{data, dataset};
use super::registry::Registry;
use crate::error::Error;
use crate::labelled::{DataArray, Dataset, DatasetRollingExp, RollingExp, WindowType};
use rhai::{Dynamic, Map};

const NAME: &str = "rolling_exp";

/// The dimension, its window, what the window says, and the least weight.
fn window(args: &[Dynamic]) -> Raised<(String, f64, WindowType, Option<f64>)> {
    const WHAT: &str = "a map of a dimension and its window: #{ time: 30 }";
    let (dim, window, rest) = match args {
        [by, rest @ ..] if by.is_map() => {
            let mut windows = entries(NAME, by, WHAT, |_, v| number(NAME, v, "a window"))?;
            match (windows.pop(), windows.len()) {
                (Some((dim, window)), 0) => (dim, window, rest),
                (_, more) => {
                    return Err(raise(Error::invalid(format!(
                        "{NAME}: windows along {} dimensions; allowed is one",
                        more + usize::from(more > 0)
                    ))));
                }
            }
        }
        [dim, window, rest @ ..] if dim.is_string() => (
            text(NAME, dim, WHAT)?,
            number(NAME, window, "a window")?,
            rest,
        ),
        [other, ..] => return Err(refuse(NAME, other, WHAT)),
        [] => return Err(refuse(NAME, &Dynamic::UNIT, WHAT)),
    };
    let options = match rest {
        [] => Map::new(),
        [kind] if kind.is_string() => Map::from([("window_type".into(), kind.clone())]),
        [given] => map(NAME, given, "a window_type or options #{…}")?,
        [_, more, ..] => return Err(refuse(NAME, more, "options at the end")),
    };
    check_keys(NAME, &options, &["window_type", "min_weight"])?;
    let window_type = match options.get("window_type") {
        Some(given) => text(NAME, given, "a window_type")?.parse().or_raise()?,
        None => WindowType::default(),
    };
    let least = options.get("min_weight");
    let least = least.map(|v| number("rolling_exp: min_weight", v, "a number"));
    Ok((dim, window, window_type, least.transpose()?))
}

/// `rolling_exp` with its options, of `$this`, checked.
macro_rules! fading {
    ($this:expr, $args:expr) => {{
        let (dim, window, window_type, least) = window($args)?;
        let mut fading = $this.rolling_exp(&dim, window, window_type);
        if let Some(least) = least {
            fading = fading.min_weight(least);
        }
        fading.check().or_raise()?;
        Ok(Dynamic::from(fading))
    }};
}

fn other(name: &str, args: &[Dynamic]) -> Raised<DataArray> {
    let other = args[0].clone().try_cast::<DataArray>();
    other.ok_or_else(|| refuse(name, &args[0], "a DataArray"))
}

fn shown(dim: &str) -> Raised<Dynamic> {
    Ok(format!("<hyperslab.RollingExp along {dim}>").into())
}

pub(super) fn register(registry: &mut Registry<'_>) {
    registry.method::<DataArray>(NAME, 1..=3, |this, args| fading!(this, args));
    registry.method::<Dataset>(NAME, 1..=3, |this, args| fading!(this, args));
    type OfArray = fn(&RollingExp) -> DataArray;
    type OfDataset = fn(&DatasetRollingExp) -> Dataset;
    let statistics: [(&str, OfArray, OfDataset); 4] = [
        ("mean", RollingExp::mean, DatasetRollingExp::mean),
        ("sum", RollingExp::sum, DatasetRollingExp::sum),
        ("var", RollingExp::var, DatasetRollingExp::var),
        ("std", RollingExp::std, DatasetRollingExp::std),
    ];
    for (name, of_array, of_dataset) in statistics {
        registry.method::<RollingExp>(name, 0..=0, move |this, _| data(of_array(this)));
        registry.method::<DatasetRollingExp>(name, 0..=0, move |this, _| dataset(of_dataset(this)));
    }
    registry.method::<RollingExp>("cov", 1..=1, |this, args| {
        data(this.cov(&other("cov", args)?))
    });
    registry.method::<RollingExp>("corr", 1..=1, |this, args| {
        data(this.corr(&other("corr", args)?))
    });
    for name in ["to_string", "to_debug"] {
        registry.method::<RollingExp>(name, 0..=0, |this, _| shown(this.dim()));
        registry.method::<DatasetRollingExp>(name, 0..=0, |this, _| shown(this.dim()));
    }
    let engine = &mut *registry.engine;
    engine.register_type_with_name::<RollingExp>("RollingExp");
    engine.register_type_with_name::<DatasetRollingExp>("DatasetRollingExp");
}
