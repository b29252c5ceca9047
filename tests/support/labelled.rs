//! Labelled programs of the oracle (see make_oracle.py) with hyperslab: stacks of arrays, datasets and numbers.

use super::oracle::{binary_named, kind, optional, unary_named, weak};
use hyperslab::dtype::Scalar;
use hyperslab::labelled::{DataArray, DataOperand, Dataset, DatasetOperand, Indexer, Label};

/// What a program works on.
pub enum Item {
    Array(DataArray),
    Dataset(Dataset),
    Weak(Scalar),
}

impl Item {
    fn array(self) -> DataArray {
        match self {
            Item::Array(array) => array,
            Item::Dataset(_) | Item::Weak(_) => panic!("not an array"),
        }
    }

    fn operand(self) -> DataOperand {
        match self {
            Item::Array(array) => array.into(),
            Item::Weak(value) => value.into(),
            Item::Dataset(_) => panic!("a dataset beside an array"),
        }
    }

    fn beside_dataset(self) -> DatasetOperand {
        match self {
            Item::Array(array) => array.into(),
            Item::Weak(value) => value.into(),
            Item::Dataset(dataset) => dataset.into(),
        }
    }
}

/// The array that a program makes of a dataset.
pub fn build_labelled(dataset: &Dataset, program: &str) -> DataArray {
    run(dataset, program).array()
}

/// The dataset that a program makes of a dataset.
pub fn build_dataset(dataset: &Dataset, program: &str) -> Dataset {
    match run(dataset, program) {
        Item::Dataset(made) => made,
        Item::Array(_) | Item::Weak(_) => panic!("{program} makes no dataset"),
    }
}

fn names(text: &str) -> Vec<&str> {
    text.split(',').filter(|d| !d.is_empty()).collect()
}

/// Calls a method of the array or of the dataset: they have the same names.
macro_rules! either {
    ($item:expr, |$it:ident| $change:expr) => {
        match $item {
            Item::Array($it) => Item::Array($change),
            Item::Dataset($it) => Item::Dataset($change),
            Item::Weak(value) => panic!("{value} where an array belongs"),
        }
    };
}

fn run(dataset: &Dataset, program: &str) -> Item {
    let mut stack: Vec<Item> = Vec::new();
    for token in program.split_whitespace() {
        if let Some(number) = token.strip_prefix('#') {
            stack.push(Item::Weak(weak(number)));
            continue;
        }
        if let Ok(array) = dataset.get(token) {
            stack.push(Item::Array(array));
            continue;
        }
        let (name, rest) = token.split_once(':').unwrap_or((token, ""));
        let args: Vec<&str> = rest.split(':').collect();
        if name == "ds" {
            stack.push(Item::Dataset(dataset.vars(&names(args[0]))));
            continue;
        }
        let top = stack.pop().unwrap();
        let label = |text: &str| match args[0] {
            "time" => Label::from(text),
            _ => Label::from(text.parse::<f64>().unwrap()),
        };
        let made = match name {
            "var" => match top {
                Item::Dataset(dataset) => Item::Array(dataset.var(args[0])),
                _ => panic!("{token} in {program}"),
            },
            "where" => match stack.pop().unwrap() {
                Item::Dataset(a) => Item::Dataset(a.where_(top.beside_dataset())),
                a => Item::Array(a.array().where_(&top.array())),
            },
            "fillna" => match stack.pop().unwrap() {
                Item::Dataset(a) => Item::Dataset(a.fillna(top.beside_dataset())),
                a => Item::Array(a.array().fillna(top.operand())),
            },
            "r" => either!(top, |a| a.reduce(kind(args[0]), &names(args[1]), None)),
            "g" => {
                let dim = args[1].split('.').next().unwrap();
                let dims = if args[1].contains('.') {
                    vec![dim]
                } else {
                    Vec::new()
                };
                either!(top, |a| a.groupby(args[1]).reduce(
                    kind(args[0]),
                    &dims,
                    None
                ))
            }
            "isel" => {
                let indexer = match args.as_slice() {
                    [_, at] => Indexer::At(at.parse().unwrap()),
                    [_, rest @ ..] => Indexer::Slice(
                        optional(rest[0]),
                        optional(rest[1]),
                        rest.get(2).and_then(|s| optional(s)).unwrap_or(1),
                    ),
                    [] => panic!("{token}"),
                };
                either!(top, |a| a.isel([(args[0], indexer)]))
            }
            "sel" => either!(top, |a| a.sel(args[0], label(args[1]))),
            "near" => either!(top, |a| a.sel_nearest(args[0], label(args[1]))),
            "range" => {
                let (from, to) = (label(args[1]), label(args[2]));
                either!(top, |a| a.sel_range(
                    args[0],
                    Some(from.clone()),
                    Some(to.clone())
                ))
            }
            "tr" => Item::Array(top.array().transpose(&names(args[0]))),
            _ => match (binary_named(name), unary_named(name)) {
                (Some(op), _) => match (stack.pop().unwrap(), top) {
                    (Item::Dataset(a), b) => Item::Dataset(a.binary(op, &b.beside_dataset())),
                    (a, Item::Dataset(b)) => {
                        Item::Dataset(b.binary_reversed(op, &a.beside_dataset()))
                    }
                    (Item::Array(a), b) => Item::Array(a.binary(op, &b.operand())),
                    (a, Item::Array(b)) => Item::Array(b.binary_reversed(op, &a.operand())),
                    _ => panic!("two weak numbers in {program}"),
                },
                (None, Some(op)) => either!(top, |a| a.unary(op)),
                _ => panic!("unknown word {token} in {program}"),
            },
        };
        stack.push(made);
    }
    assert_eq!(stack.len(), 1, "{program}");
    stack.pop().unwrap()
}
