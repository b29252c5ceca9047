//! Every operation, cast and reduction against NumPy's answers in `tests/golden/kernel.txt` (made by the script beside it).
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use super::{AxisRole, FoldSpec, FoldTile, Interpreter, State};
use crate::block::{Block, Buffer, Native};
use crate::dtype::{DType, Physical, Scalar};
use crate::op::{BinaryOp, Instr, ProgramBuilder, Reduction, ReductionKind, UnaryOp};
use num_complex::Complex;
use std::collections::HashMap;

const GOLDEN: &str = include_str!("../../tests/golden/kernel.txt");

fn buffer(dtype: DType, words: &[&str]) -> Buffer {
    fn parse<T: Native + std::str::FromStr>(words: &[&str]) -> Buffer {
        T::wrap(words.iter().map(|w| w.parse().ok().unwrap()).collect())
    }
    fn complex<T: std::str::FromStr>(words: &[&str]) -> Vec<Complex<T>> {
        let part = |w: &str| w.parse().ok().unwrap();
        words
            .iter()
            .map(|w| {
                w.split_once(',')
                    .map(|(re, im)| Complex::new(part(re), part(im)))
                    .unwrap()
            })
            .collect()
    }
    match dtype.physical() {
        Physical::Bool => bool::wrap(words.iter().map(|w| *w == "1").collect()),
        Physical::I8 => parse::<i8>(words),
        Physical::I16 => parse::<i16>(words),
        Physical::I32 => parse::<i32>(words),
        Physical::I64 => parse::<i64>(words),
        Physical::U8 => parse::<u8>(words),
        Physical::U16 => parse::<u16>(words),
        Physical::U32 => parse::<u32>(words),
        Physical::U64 => parse::<u64>(words),
        Physical::F32 => parse::<f32>(words),
        Physical::F64 => parse::<f64>(words),
        Physical::C64 => Buffer::C64(complex::<f32>(words)),
        Physical::C128 => Buffer::C128(complex::<f64>(words)),
    }
}

fn block(dtype: DType, shape: &[usize], words: &[&str]) -> Block {
    Block::new(dtype, shape, buffer(dtype, words)).unwrap()
}

/// What "equal" means for a record.
#[derive(Clone, Copy)]
struct Near {
    /// Units in the last place for real floats; for complex numbers 8 of them, relative to the modulus.
    ulps: u64,
    zero_sign: bool,
    relative: f64,
}

const EXACT: Near = Near {
    ulps: 0,
    zero_sign: true,
    relative: 0.0,
};

fn same(got: Scalar, want: Scalar, near: Near) -> bool {
    let real = |a: f64, b: f64, ulp_bits: u32| {
        let ulps = near.ulps as f64
            * (b.abs() * 2f64.powi(-(ulp_bits as i32))).max(if ulp_bits == 23 {
                f64::from(f32::from_bits(1))
            } else {
                f64::from_bits(1)
            });
        (a.is_nan() && b.is_nan())
            || (a == b
                && (!near.zero_sign || a != 0.0 || a.is_sign_negative() == b.is_sign_negative()))
            || ((near.ulps > 0 || near.relative > 0.0)
                && (a - b).abs() <= ulps.max(near.relative * b.abs()))
    };
    let complex = |a: Complex<f64>, b: Complex<f64>, eps: f64| {
        let loose = 40.0 * near.ulps as f64 * eps + near.relative;
        (a.is_nan() && b.is_nan())
            || (a.re == b.re && a.im == b.im)
            || libm::hypot(a.re - b.re, a.im - b.im) <= loose * libm::hypot(b.re, b.im)
    };
    match (got, want) {
        (Scalar::F32(a), Scalar::F32(b)) => real(a.into(), b.into(), 23),
        (Scalar::F64(a), Scalar::F64(b)) => real(a, b, 52),
        (Scalar::C64(a), Scalar::C64(b)) => complex(
            Complex::new(a.re.into(), a.im.into()),
            Complex::new(b.re.into(), b.im.into()),
            f32::EPSILON.into(),
        ),
        (Scalar::C128(a), Scalar::C128(b)) => complex(a, b, f64::EPSILON),
        (a, b) => a == b,
    }
}

/// Compares word by word; `?` matches anything.
fn compare(record: &str, got: &Block, words: &[&str], near: Near, bad: &mut Vec<String>) {
    assert_eq!(got.elements(), words.len(), "{record}");
    for (i, word) in words.iter().enumerate() {
        if *word == "?" {
            continue;
        }
        let want = block(got.dtype(), &[1], &[word]).get(0).unwrap();
        let found = got.get(i).unwrap();
        if !same(found, want, near) {
            bad.push(format!("{record} [{i}]: {found}, NumPy {want}"));
        }
    }
}

fn run(
    builder: ProgramBuilder,
    output: u16,
    inputs: &[&Block],
    shape: &[usize],
) -> crate::Result<Block> {
    let program = builder.finish(vec![output]);
    let views: Vec<_> = inputs.iter().map(|b| b.view()).collect();
    let dtype = program.output_dtype(0);
    let mut result = None;
    let mut work = Interpreter::new(&program)?;
    work.run(shape, &views, &mut |sub| {
        result = Some(Block::new(dtype, [sub.len], sub.output(0).to_buffer())?);
        Ok(())
    })?;
    Ok(result.unwrap())
}

fn records() -> impl Iterator<Item = (&'static str, Vec<&'static str>, Vec<&'static str>)> {
    GOLDEN.lines().filter(|l| !l.starts_with('#')).map(|line| {
        let (head, values) = line.split_once(" : ").unwrap();
        (
            head,
            head.split(' ').collect(),
            values.split_whitespace().collect(),
        )
    })
}

fn sets() -> HashMap<(&'static str, &'static str), Vec<&'static str>> {
    records()
        .filter(|r| r.1[0] == "set")
        .map(|(_, head, values)| ((head[1], head[2]), values))
        .collect()
}

fn verdict(bad: Vec<String>, done: usize, least: usize) {
    let shown = bad.iter().take(40).cloned().collect::<Vec<_>>().join("\n");
    assert!(
        bad.is_empty(),
        "{} of {done} records' values differ:\n{shown}",
        bad.len()
    );
    assert!(done >= least, "only {done} records were compared");
}

const MATH: &[&str] = &[
    "exp",
    "log",
    "log2",
    "log10",
    "sin",
    "cos",
    "tan",
    "arcsin",
    "arccos",
    "arctan",
    "sinh",
    "cosh",
    "tanh",
    "power",
    "arctan2",
    "exp2",
    "expm1",
    "log1p",
    "arcsinh",
    "arccosh",
    "arctanh",
    "sinc",
    "angle",
    "cbrt",
    "i0",
    "hypot",
    "logaddexp",
    "logaddexp2",
    "float_power",
];

fn near(op: &str, dtype: &str) -> Near {
    let loose = MATH.contains(&op) || (dtype.starts_with("complex"));
    Near {
        ulps: if loose { 2 } else { 0 },
        zero_sign: !loose && !["minimum", "maximum", "fmin", "fmax"].contains(&op),
        relative: 0.0,
    }
}

#[test]
fn unary_operations_answer_as_numpy() {
    let (sets, mut bad, mut done) = (sets(), Vec::new(), 0);
    for (record, head, values) in records().filter(|r| r.1[0] == "unary") {
        let op = *UnaryOp::ALL.iter().find(|op| op.name() == head[1]).unwrap();
        let dtype: DType = head[2].parse().unwrap();
        let Ok(signature) = op.signature(dtype) else {
            continue;
        };
        if signature.left != dtype {
            continue;
        }
        let input = &sets[&(head[3], head[2])];
        let block = block(dtype, &[input.len()], input);
        let mut b = ProgramBuilder::new();
        let k = b.input(dtype);
        let x = b.push(Instr::Load(k), dtype);
        let y = b.push(Instr::Unary(op, x), signature.result);
        let got = run(b, y, &[&block], &[input.len()]).unwrap();
        assert_eq!(got.dtype().to_string(), head[4], "{record}");
        compare(record, &got, &values, near(head[1], head[2]), &mut bad);
        done += 1;
    }
    verdict(bad, done, 380);
}

#[test]
fn binary_operations_answer_as_numpy() {
    let (sets, mut bad, mut done) = (sets(), Vec::new(), 0);
    for (record, head, values) in records().filter(|r| r.1[0] == "binary") {
        let op = *BinaryOp::ALL
            .iter()
            .find(|op| op.name() == head[1])
            .unwrap();
        let dtypes: [DType; 2] = [head[2].parse().unwrap(), head[4].parse().unwrap()];
        let Ok(signature) = op.signature(dtypes[0], dtypes[1]) else {
            continue;
        };
        let (a, b) = (&sets[&(head[3], head[2])], &sets[&(head[5], head[4])]);
        let shape = [a.len(), b.len()];
        let left = block(dtypes[0], &[a.len()], a);
        let right = block(dtypes[1], &[b.len()], b);
        let mut builder = ProgramBuilder::new();
        let inputs = dtypes.map(|d| builder.input(d));
        let x = builder.push(Instr::Load(inputs[0]), dtypes[0]);
        let y = builder.push(Instr::Load(inputs[1]), dtypes[1]);
        let x = builder.cast(x, signature.left);
        let y = builder.cast(y, signature.right);
        let z = builder.push(Instr::Binary(op, x, y), signature.result);
        let program = builder.finish(vec![z]);
        // All pairs, by broadcasting the two vectors against each other.
        let mut views = [left.view(), right.view()];
        views[0].strides = vec![1, 0];
        views[1].strides = vec![0, 1];
        for view in &mut views {
            view.shape = shape.to_vec();
        }
        let mut got = None;
        let mut work = Interpreter::new(&program).unwrap();
        work.run(&shape, &views, &mut |sub| {
            got = Some(Block::new(
                signature.result,
                [sub.len],
                sub.output(0).to_buffer(),
            )?);
            Ok(())
        })
        .unwrap();
        let got = got.unwrap();
        if got.dtype().to_string() != head[6] {
            bad.push(format!("{record}: dtype {}", got.dtype()));
            continue;
        }
        compare(record, &got, &values, near(head[1], head[2]), &mut bad);
        done += 1;
    }
    verdict(bad, done, 365);
}

#[test]
fn casts_answer_as_numpy() {
    let (sets, mut bad, mut done) = (sets(), Vec::new(), 0);
    for (record, head, values) in records().filter(|r| r.1[0] == "cast") {
        let (from, to): (DType, DType) = (head[1].parse().unwrap(), head[3].parse().unwrap());
        let input = &sets[&(head[2], head[1])];
        let block = block(from, &[input.len()], input);
        let mut b = ProgramBuilder::new();
        let k = b.input(from);
        let x = b.push(Instr::Load(k), from);
        let y = b.cast(x, to);
        let got = run(b, y, &[&block], &[input.len()]).unwrap();
        compare(record, &got, &values, EXACT, &mut bad);
        done += 1;
    }
    verdict(bad, done, 180);
}

fn kind(name: &str, ddof: u32) -> ReductionKind {
    use ReductionKind as R;
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
        _ => panic!("reduction {name}"),
    }
}

#[test]
fn reductions_answer_as_numpy() {
    let (mut data, mut bad, mut done) = (HashMap::new(), Vec::new(), 0);
    for (record, head, values) in records() {
        if head[0] == "data" {
            let shape: Vec<usize> = head[2].split(',').map(|n| n.parse().unwrap()).collect();
            data.insert(head[1], block(head[1].parse().unwrap(), &shape, &values));
        }
        if head[0] != "reduce" {
            continue;
        }
        let whole = &data[head[4]];
        let roles: Vec<AxisRole> = head[5]
            .chars()
            .map(|c| match c {
                'k' => AxisRole::Keep,
                'r' => AxisRole::Reduce,
                _ => AxisRole::Group,
            })
            .collect();
        let codes: Vec<u32> = match head[6] {
            "-" => Vec::new(),
            list => list.split(',').map(|c| c.parse().unwrap()).collect(),
        };
        let reduction = Reduction {
            kind: kind(head[1], head[2].parse().unwrap()),
            skipna: head[3] == "1",
        };
        let spec = FoldSpec {
            reduction,
            dtype: whole.dtype(),
            roles: roles.clone(),
            groups: 3,
        };
        let cell_shape: Vec<usize> = roles
            .iter()
            .zip(whole.shape())
            .filter_map(|(role, len)| match role {
                AxisRole::Keep => Some(*len),
                AxisRole::Reduce => None,
                AxisRole::Group => Some(3),
            })
            .collect();
        // The index of argmin runs over all axes that are not kept, row-major.
        let (mut arg_strides, mut step) = (vec![0; 3], 1);
        for axis in (0..3).rev() {
            if roles[axis] != AxisRole::Keep {
                arg_strides[axis] = step;
                step *= whole.shape()[axis] as i64;
            }
        }
        let mut state = State::new(&spec, &cell_shape).unwrap();
        let tile = FoldTile {
            shape: whole.shape(),
            codes: &codes,
            arg_base: 0,
            arg_strides: &arg_strides,
        };
        let elements = whole.elements();
        // In uneven pieces: a fold may not care where a run ends, but for the last bits of a sum.
        for (start, end) in [(0, 7), (7, 8), (8, 25), (25, elements)] {
            let column = super::Column::of(whole.buffer(), start, end - start);
            state
                .feed(&tile, &super::Runs::one(start, end - start), column)
                .unwrap();
        }
        assert_eq!(
            state.live_bytes(),
            State::bytes(&spec, &cell_shape),
            "{record}"
        );
        let mut bytes = Vec::new();
        state.encode(&mut bytes);
        let mut state = State::decode(&spec, &cell_shape, &bytes).unwrap();
        let got = state.finalize();
        if values == ["error"] {
            match got {
                Ok(_) => bad.push(format!("{record}: no error")),
                Err(e) if e.is_data() => {}
                Err(e) => bad.push(format!("{record}: {e}")),
            }
        } else {
            match got {
                Err(e) => bad.push(format!("{record}: {e}")),
                Ok(got) if got.dtype().to_string() != head[7] => {
                    bad.push(format!("{record}: dtype {}", got.dtype()));
                }
                Ok(got) => {
                    let single = got.dtype() == DType::F32;
                    let near = Near {
                        ulps: 0,
                        zero_sign: false,
                        relative: if single { 6e-8 } else { 1e-12 },
                    };
                    compare(record, &got, &values, near, &mut bad);
                }
            }
        }
        done += 1;
    }
    verdict(bad, done, 900);
}
