//! Pictures: `a.plot("a.png")`, `a.plot("seasons.png", #{ col: "season" })`, `a.hist("a.png", 50)`, `a.animate("a.gif", "time")`,
//! and of graphs: `a.visualize("a.svg")`.

use super::args::{check_keys, flag, length, map, number, text};
use super::failure::{OrRaise, Raised, refuse};
use super::registry::Registry;
use crate::array::Array;
use crate::labelled::{DataArray, Dataset};
use crate::plot::{Center, PlotOptions};
use rhai::{Dynamic, Map};

const KEYS: [&str; 14] = [
    "vmin",
    "vmax",
    "center",
    "robust",
    "cmap",
    "x",
    "col",
    "col_wrap",
    "hue",
    "decimate",
    "size",
    "title",
    "yincrease",
    "fps",
];

/// The option `key` as `read` has it, where it is given.
fn given<T>(options: &Map, key: &str, read: impl Fn(&Dynamic) -> Raised<T>) -> Raised<Option<T>> {
    let value = options.get(key).filter(|value| !value.is_unit());
    value.map(read).transpose()
}

fn options(operation: &str, value: Option<&Dynamic>) -> Raised<PlotOptions> {
    let options = match value {
        None => Map::new(),
        Some(value) => map(operation, value, "options #{ vmin: 0, col: \"season\", … }")?,
    };
    check_keys(operation, &options, &KEYS)?;
    let named = |key: &str| format!("{operation}: {key}");
    let a_text = |key: &str| given(&options, key, |v| text(&named(key), v, "a text"));
    let a_number = |key: &str| given(&options, key, |v| number(&named(key), v, "a number"));
    let a_length = |key: &str| given(&options, key, |v| length(&named(key), v, 1));
    let center = given(&options, "center", |v| match v.as_bool() {
        Ok(false) => Ok(Center::Off),
        Ok(true) => Err(refuse(&named("center"), v, "a number or false")),
        Err(_) => number(&named("center"), v, "a number or false").map(Center::At),
    })?;
    let default = PlotOptions::default();
    Ok(PlotOptions {
        vmin: a_number("vmin")?,
        vmax: a_number("vmax")?,
        center: center.unwrap_or_default(),
        robust: flag(operation, &options, "robust")?.unwrap_or(default.robust),
        cmap: a_text("cmap")?,
        x: a_text("x")?,
        col: a_text("col")?,
        col_wrap: a_length("col_wrap")?,
        hue: a_text("hue")?,
        decimate: match a_text("decimate")? {
            Some(name) => name.parse().or_raise()?,
            None => default.decimate,
        },
        size: a_length("size")?,
        title: a_text("title")?,
        yincrease: flag(operation, &options, "yincrease")?.unwrap_or(default.yincrease),
        fps: a_number("fps")?.unwrap_or(default.fps),
    })
}

const PNG: &str = "the path of the picture, a .png";
/// NumPy's and matplotlib's.
const BINS: usize = 10;

const GRAPH: &str = "the path of the graph, a .svg or .dot";

pub(super) fn register(registry: &mut Registry<'_>) {
    registry.method::<Array>("visualize", 1..=1, |this, args| {
        this.visualize(text("visualize", &args[0], GRAPH)?)
            .or_raise()?;
        Ok(Dynamic::UNIT)
    });
    registry.method::<DataArray>("visualize", 1..=1, |this, args| {
        this.visualize(text("visualize", &args[0], GRAPH)?)
            .or_raise()?;
        Ok(Dynamic::UNIT)
    });
    registry.method::<Dataset>("visualize", 1..=1, |this, args| {
        this.visualize(text("visualize", &args[0], GRAPH)?)
            .or_raise()?;
        Ok(Dynamic::UNIT)
    });
    registry.method::<DataArray>("plot", 1..=2, |this, args| {
        let path = text("plot", &args[0], PNG)?;
        let options = options("plot", args.get(1))?;
        this.plot_with(path, &options).or_raise()?;
        Ok(Dynamic::UNIT)
    });
    registry.method::<DataArray>("hist", 1..=3, |this, args| {
        let path = text("hist", &args[0], PNG)?;
        let (bins, rest) = match &args[1..] {
            [first, rest @ ..] if !first.is_map() => (length("hist: bins", first, 1)?, rest),
            rest => (BINS, rest),
        };
        let options = options("hist", rest.first())?;
        this.hist_with(path, bins, &options).or_raise()?;
        Ok(Dynamic::UNIT)
    });
    registry.method::<DataArray>("animate", 2..=3, |this, args| {
        let path = text("animate", &args[0], "the path of the animation, a .gif")?;
        let dim = text("animate", &args[1], "the dimension of the frames")?;
        let options = options("animate", args.get(2))?;
        this.animate_with(path, &dim, &options).or_raise()?;
        Ok(Dynamic::UNIT)
    });
}
