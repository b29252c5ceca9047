//! The oracle's machine: reads tests/golden/oracle.bin and runs its programs (see make_oracle.py) with hyperslab.

use hyperslab::array::{Array, Operand, ReduceOptions};
use hyperslab::block::{Block, Buffer};
use hyperslab::driver::Driver;
use hyperslab::dtype::{DType, Scalar};
use hyperslab::op::{BinaryOp, ReductionKind, UnaryOp};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

/// An array in the file.
#[derive(Clone, Debug, Deserialize)]
pub struct Record {
    pub dtype: String,
    pub shape: Vec<usize>,
    pub offset: usize,
}

/// A program over arrays and what NumPy answers.
#[derive(Clone, Debug, Deserialize)]
pub struct Case {
    pub family: String,
    pub program: String,
    pub scale: f64,
    pub loose: bool,
    #[serde(flatten)]
    pub result: Record,
}

/// A coordinate of a labelled answer.
#[derive(Clone, Debug, Deserialize)]
pub struct CoordRecord {
    pub dims: Vec<String>,
    pub texts: Option<Vec<String>>,
    pub dtype: Option<String>,
    pub shape: Option<Vec<usize>>,
    pub offset: Option<usize>,
}

/// A program over a dataset and what xarray answers.
#[derive(Clone, Debug, Deserialize)]
pub struct LabelledCase {
    pub program: String,
    pub scale: f64,
    pub loose: bool,
    pub dims: Vec<String>,
    pub coords: BTreeMap<String, CoordRecord>,
    pub attrs: BTreeMap<String, String>,
    pub name: Option<String>,
    #[serde(flatten)]
    pub result: Record,
}

/// What xarray answers to a program whose result is a dataset, but for its variables: they are labelled cases of their own.
#[derive(Clone, Debug, Deserialize)]
pub struct DatasetCase {
    pub program: String,
    pub variables: Vec<String>,
    pub coords: Vec<String>,
    pub attrs: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Head {
    inputs: BTreeMap<String, Record>,
    cases: Vec<Case>,
    #[serde(default)]
    labelled: Vec<LabelledCase>,
    #[serde(default)]
    datasets: Vec<DatasetCase>,
}

/// The whole of oracle.bin.
pub struct Oracle {
    pub inputs: BTreeMap<String, Arc<Block>>,
    pub cases: Vec<Case>,
    pub labelled: Vec<LabelledCase>,
    pub datasets: Vec<DatasetCase>,
    values: Vec<u8>,
}

/// The folder of golden data; `HYPERSLAB_ORACLE` names another one, to try more random programs.
pub fn golden() -> PathBuf {
    match std::env::var_os("HYPERSLAB_ORACLE") {
        Some(path) => PathBuf::from(path),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden"),
    }
}

/// The oracle, read once.
pub fn oracle() -> &'static Oracle {
    static ORACLE: OnceLock<Oracle> = OnceLock::new();
    ORACLE.get_or_init(|| {
        let mut all = read_golden("oracle.bin");
        // Operations along axes have a script and a file of their own.
        let along = read_golden("along.bin");
        let shift = all.values.len();
        all.inputs.extend(along.inputs);
        all.cases.extend(along.cases.into_iter().map(|mut case| {
            case.result.offset += shift;
            case
        }));
        all.values.extend(along.values);
        all
    })
}

/// A file of golden data, of the form of oracle.bin.
pub fn read_golden(name: &str) -> Oracle {
    let packed = std::fs::read(golden().join(name)).unwrap();
    let length = u64::from_le_bytes(packed[..8].try_into().unwrap()) as usize;
    let mut data = vec![0; length];
    libdeflater::Decompressor::new()
        .zlib_decompress(&packed[8..], &mut data)
        .unwrap();
    let head = u32::from_le_bytes(data[..4].try_into().unwrap()) as usize;
    let parsed: Head = serde_json::from_slice(&data[4..4 + head]).unwrap();
    let values = data.split_off(4 + head);
    let inputs = parsed
        .inputs
        .iter()
        .map(|(n, r)| (n.clone(), Arc::new(block(&values, r))))
        .collect();
    Oracle {
        inputs,
        cases: parsed.cases,
        labelled: parsed.labelled,
        datasets: parsed.datasets,
        values,
    }
}

fn block(values: &[u8], record: &Record) -> Block {
    let dtype: DType = record.dtype.parse().unwrap();
    let bytes = record.shape.iter().product::<usize>() * dtype.size();
    let part = &values[record.offset..record.offset + bytes];
    Block::new(
        dtype,
        record.shape.clone(),
        Buffer::from_bytes(dtype.physical(), part).unwrap(),
    )
    .unwrap()
}

impl Oracle {
    pub fn expected(&self, record: &Record) -> Block {
        block(&self.values, record)
    }

    pub fn coord(&self, coord: &CoordRecord) -> Option<Block> {
        let record = Record {
            dtype: coord.dtype.clone()?,
            shape: coord.shape.clone()?,
            offset: coord.offset?,
        };
        Some(block(&self.values, &record))
    }
}

/// Chunk lengths of variant `variant` for `shape`: whole, thirds, ones, beyond the axis, prime pieces, mixed by axis.
pub fn chunks(shape: &[usize], variant: usize) -> Option<Vec<usize>> {
    if variant == 0 {
        return None;
    }
    let lengths =
        shape
            .iter()
            .enumerate()
            .map(|(axis, &len)| match (variant, (variant + axis) % 4) {
                (1, _) => len.div_ceil(3).max(1),
                (2, _) => 1,
                (_, 0) => len + 3,
                (_, 1) => 2,
                (_, 2) => 5,
                _ => len.div_ceil(2).max(1),
            });
    Some(lengths.collect())
}

enum Item {
    Array(Array),
    Weak(Scalar),
}

impl Item {
    fn array(self) -> Array {
        match self {
            Item::Array(array) => array,
            Item::Weak(value) => panic!("{value} where an array belongs"),
        }
    }

    fn operand(self) -> Operand {
        match self {
            Item::Array(array) => Operand::Array(array),
            Item::Weak(value) => Operand::Weak(value),
        }
    }
}

fn numbers<T: std::str::FromStr>(text: &str) -> Vec<T> {
    text.split(',').filter_map(|t| t.parse().ok()).collect()
}

pub(super) fn optional(text: &str) -> Option<isize> {
    text.parse().ok()
}

pub fn kind(name: &str) -> ReductionKind {
    use ReductionKind as R;
    let (name, ddof) = name.split_once('@').unwrap_or((name, "0"));
    let ddof = ddof.parse().unwrap();
    match name {
        "sum" => R::Sum,
        "prod" => R::Prod,
        "mean" => R::Mean,
        "min" => R::Min,
        "max" => R::Max,
        "var" => R::Var { ddof },
        "std" => R::Std { ddof },
        "count" => R::Count,
        "any" => R::Any,
        "all" => R::All,
        "argmin" => R::Argmin,
        "argmax" => R::Argmax,
        "first" => R::First,
        "last" => R::Last,
        other => panic!("reduction {other}"),
    }
}

pub(super) fn weak(token: &str) -> Scalar {
    match token.parse::<i64>() {
        Ok(value) => Scalar::I64(value),
        Err(_) => Scalar::F64(token.parse().unwrap()),
    }
}

pub(super) fn binary_named(name: &str) -> Option<BinaryOp> {
    BinaryOp::ALL.iter().copied().find(|op| op.name() == name)
}

pub(super) fn unary_named(name: &str) -> Option<UnaryOp> {
    UnaryOp::ALL.iter().copied().find(|op| op.name() == name)
}

fn is_element_wise(name: &str) -> bool {
    binary_named(name).is_some() || unary_named(name).is_some()
}

/// A program over the oracle's inputs, in chunks of `variant`.
pub fn build(driver: &Driver, program: &str, variant: usize) -> Array {
    let oracle = oracle();
    let mut stack: Vec<Item> = Vec::new();
    for token in program.split_whitespace() {
        if let Some(number) = token.strip_prefix('#') {
            stack.push(Item::Weak(weak(number)));
            continue;
        }
        if let Some(block) = oracle.inputs.get(token) {
            let array = driver.from_block(block.clone());
            stack.push(Item::Array(match chunks(block.shape(), variant) {
                Some(chunk) => array.chunk(&chunk),
                None => array,
            }));
            continue;
        }
        let (name, rest) = token.split_once(':').unwrap_or((token, ""));
        let args: Vec<&str> = rest.split(':').collect();
        let top = stack.pop().unwrap();
        let made = match name {
            "where" => stack.pop().unwrap().array().where_(&top.array()),
            "where_or" => {
                let condition = stack.pop().unwrap().array();
                stack
                    .pop()
                    .unwrap()
                    .array()
                    .where_or(&condition, top.operand())
            }
            "fillna" => stack.pop().unwrap().array().fillna(top.operand()),
            "clip" => {
                let low = stack.pop().unwrap().operand();
                stack.pop().unwrap().array().clip(low, top.operand())
            }
            "astype" => top.array().astype(args[0].parse().unwrap()),
            "r" if args.len() == 3 => {
                let options = ReduceOptions {
                    skipna: Some(args[2].contains('s')),
                    keepdims: args[2].contains('k'),
                };
                top.array()
                    .reduce(kind(args[0]), &numbers(args[1]), options)
            }
            "g" => {
                let codes = oracle.inputs[&format!("codes_{}", args[2])]
                    .as_slice::<u32>()
                    .unwrap();
                let skip = Some(args.get(4).is_some_and(|f| f.contains('s')));
                let groups = args[3].parse().unwrap();
                let axis = args[1].parse().unwrap();
                top.array().group_reduce(
                    kind(args[0]),
                    axis,
                    Arc::new(codes.to_vec()),
                    groups,
                    skip,
                )
            }
            "sl" => {
                let step = optional(args[3]).unwrap_or(1);
                top.array().slice(
                    args[0].parse().unwrap(),
                    optional(args[1]),
                    optional(args[2]),
                    step,
                )
            }
            "ix" => top
                .array()
                .index(args[0].parse().unwrap(), args[1].parse().unwrap()),
            "tr" => top.array().transpose(&numbers(args[0])),
            "bc" => top.array().broadcast_to(&numbers::<usize>(args[0])),
            "bx" => top
                .array()
                .broadcast_axes(&numbers::<usize>(args[0]), &numbers::<usize>(args[1])),
            _ if !is_element_wise(name) => {
                let below = || stack.pop().unwrap().array();
                super::along::word(name, &args, &top.array(), below)
                    .unwrap_or_else(|| panic!("unknown word {token} in {program}"))
            }
            _ => match (binary_named(name), unary_named(name)) {
                (Some(op), _) => match (stack.pop().unwrap(), top) {
                    (Item::Array(a), b) => a.binary(op, &b.operand()),
                    (a, Item::Array(b)) => b.binary_reversed(op, &a.operand()),
                    _ => panic!("two weak numbers in {program}"),
                },
                (None, Some(op)) => top.array().unary(op),
                _ => panic!("unknown word {token} in {program}"),
            },
        };
        stack.push(Item::Array(made));
    }
    assert_eq!(stack.len(), 1, "{program}");
    stack.pop().unwrap().array()
}

/// `None` when `ours` has the values of `expected`: exact where exact, else within 1e-6 (32-bit) or 1e-12 of the largest
/// magnitude on the way.
pub fn difference(ours: &Block, expected: &Block, scale: f64, loose: bool) -> Option<String> {
    if ours.shape() != expected.shape() || ours.dtype() != expected.dtype() {
        return Some(format!(
            "{} {:?}, expected {} {:?}",
            ours.dtype(),
            ours.shape(),
            expected.dtype(),
            expected.shape()
        ));
    }
    let tolerance = match ours.dtype() {
        DType::F32 | DType::C64 | DType::F64 | DType::C128 if loose => 1e-6,
        DType::F32 | DType::C64 => 1e-6,
        DType::F64 | DType::C128 if !loose => 1e-12,
        _ => 0.0,
    };
    let parts = |value: Scalar| -> (f64, f64) {
        match value {
            Scalar::C64(v) => (f64::from(v.re), f64::from(v.im)),
            Scalar::C128(v) => (v.re, v.im),
            other => (other.as_f64(), 0.0),
        }
    };
    for position in 0..ours.elements() {
        let (a, b) = (ours.get(position).unwrap(), expected.get(position).unwrap());
        let same = match (a.as_i128(), b.as_i128()) {
            (Some(x), Some(y)) => x == y,
            _ => {
                let ((x, xi), (y, yi)) = (parts(a), parts(b));
                let missing = |r: f64, i: f64| r.is_nan() || i.is_nan();
                let near = |x: f64, y: f64| {
                    x == y || (x - y).abs() <= tolerance * y.abs().max(scale).max(1e-300)
                };
                match (missing(x, xi), missing(y, yi)) {
                    (false, false) => near(x, y) && near(xi, yi),
                    (a, b) => a == b,
                }
            }
        };
        if !same {
            return Some(format!(
                "{} {:?}: element {position} is {a}, expected {b}",
                ours.dtype(),
                ours.shape()
            ));
        }
    }
    None
}

/// Where a zero has the other sign.
pub fn other_sign(ours: &Block, expected: &Block) -> Option<String> {
    let signs = |value: Scalar| match value {
        Scalar::F32(v) => [v == 0.0 && v.is_sign_negative(), false],
        Scalar::F64(v) => [v == 0.0 && v.is_sign_negative(), false],
        Scalar::C64(v) => [v.re, v.im].map(|v| v == 0.0 && v.is_sign_negative()),
        Scalar::C128(v) => [v.re, v.im].map(|v| v == 0.0 && v.is_sign_negative()),
        _ => [false; 2],
    };
    (0..ours.elements())
        .find(|k| ours.get(*k).map(signs) != expected.get(*k).map(signs))
        .map(|k| {
            format!(
                "element {k} is {:?}, expected {:?}",
                ours.get(k),
                expected.get(k)
            )
        })
}

/// FNV-1a of bytes: a digest that two processes can compare.
pub fn digest(bytes: &[u8], start: u64) -> u64 {
    bytes.iter().fold(start, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
