//! Operations along a dimension of labelled arrays: `x.cumsum("time")`, `x.ffill("time", 3)`, `x.shift("time", 1)`.

use super::args::{int, length, text};
use super::failure::Raised;
use super::operators::data;
use super::registry::Registry;
use crate::labelled::DataArray;
use rhai::Dynamic;

const DIM: &str = "the name of a dimension";

pub(super) fn register(registry: &mut Registry<'_>) {
    type Plain = fn(&DataArray, &str) -> DataArray;
    let all: [(&str, Plain); 2] = [
        ("cumsum", |a, dim| a.cumsum(dim)),
        ("cumprod", |a, dim| a.cumprod(dim)),
    ];
    for (name, f) in all {
        registry.method::<DataArray>(name, 1..=1, move |a, args| {
            data(f(a, &text(name, &args[0], DIM)?))
        });
    }
    type Fill = fn(&DataArray, &str, Option<usize>) -> DataArray;
    let all: [(&str, Fill); 2] = [
        ("ffill", |a, dim, limit| a.ffill(dim, limit)),
        ("bfill", |a, dim, limit| a.bfill(dim, limit)),
    ];
    for (name, f) in all {
        registry.method::<DataArray>(name, 1..=2, move |a, args| {
            let limit = args.get(1).filter(|limit| !limit.is_unit());
            let limit = limit.map(|limit| length(name, limit, 1)).transpose()?;
            data(f(a, &text(name, &args[0], DIM)?, limit))
        });
    }
    type Move = fn(&DataArray, &str, isize) -> DataArray;
    let all: [(&str, Move); 2] = [
        ("roll", |a, dim, by| a.roll(dim, by)),
        ("shift", |a, dim, by| a.shift(dim, by)),
    ];
    for (name, f) in all {
        registry.method::<DataArray>(name, 2..=2, move |a, args| {
            let by = int(name, &args[1], "a number of elements, an integer")? as isize;
            data(f(a, &text(name, &args[0], DIM)?, by))
        });
    }
    registry.method::<DataArray>("diff", 1..=2, |a, args: &[Dynamic]| -> Raised<Dynamic> {
        let n = args.get(1).map_or(Ok(1), |n| length("diff", n, 0))?;
        data(a.diff(&text("diff", &args[0], DIM)?, n))
    });
    registry.method::<DataArray>("notnull", 0..=0, |a, _| data(a.notnull()));
}
