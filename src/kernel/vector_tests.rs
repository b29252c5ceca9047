//! The same bits on every CPU: all operations, casts, choices and reductions by the loops that this machine picks and by those
//! of its base.
//!
//! One thing is left open: which NaN. IEEE 754 does not say whose sign and payload the sum of two NaN has, and Rust promises
//! none; a compiler that swaps operands in one version and not in the other is right. So NaN equals NaN here, and sums of
//! infinities on machines with and without AVX2 may differ in the sign of NaN.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use super::vector::base;
use super::{AxisRole, Column, FoldSpec, FoldTile, Interpreter, Runs, State};
use crate::block::{Block, Buffer};
use crate::dtype::DType;
use crate::op::{BinaryOp, Instr, Program, ProgramBuilder, Reduction, ReductionKind, UnaryOp};

/// Not a multiple of any vector's width.
const SHAPE: [usize; 2] = [37, 53];

/// Elements of every kind: any bit pattern for integers; for floats numbers of all sizes and zeros, and NaN and infinities
/// unless they are to be `finite`.
fn block(dtype: DType, seed: u64, finite: bool) -> Block {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut float = || {
        let bits = random();
        let fraction = (bits >> 11) as f64 / (1u64 << 53) as f64 - 0.5;
        match bits % 41 {
            0..=2 if finite => fraction,
            0 => f64::NAN,
            1 => f64::INFINITY,
            2 => f64::NEG_INFINITY,
            3 => -0.0,
            4 => 0.0,
            5..=20 => fraction * 20.0,
            _ => fraction * 2f64.powi((bits % 60) as i32 - 30),
        }
    };
    let count = SHAPE[0] * SHAPE[1];
    let buffer = match dtype {
        DType::F32 => Buffer::F32((0..count).map(|_| float() as f32).collect()),
        DType::F64 => Buffer::F64((0..count).map(|_| float()).collect()),
        DType::C64 => Buffer::C64(
            (0..count)
                .map(|_| num_complex::Complex::new(float() as f32, float() as f32))
                .collect(),
        ),
        DType::C128 => Buffer::C128(
            (0..count)
                .map(|_| num_complex::Complex::new(float(), float()))
                .collect(),
        ),
        DType::Bool => Buffer::Bool((0..count).map(|_| random() >> 40 & 1 == 1).collect()),
        _ => {
            let bytes: Vec<u8> = (0..count * dtype.size())
                .map(|_| (random() >> 32) as u8)
                .collect();
            Buffer::from_bytes(dtype.physical(), &bytes).unwrap()
        }
    };
    Block::new(dtype, SHAPE, buffer).unwrap()
}

/// The bytes of a buffer, every NaN as the same one.
fn bytes_of(buffer: &Buffer) -> Vec<u8> {
    macro_rules! one_nan {
        ($values:expr, $T:ty) => {
            $values
                .iter()
                .flat_map(|v| if v.is_nan() { <$T>::NAN } else { *v }.to_ne_bytes())
                .collect()
        };
    }
    match buffer {
        Buffer::F32(v) => one_nan!(v, f32),
        Buffer::F64(v) => one_nan!(v, f64),
        Buffer::C64(v) => one_nan!(bytemuck::cast_slice::<_, f32>(v), f32),
        Buffer::C128(v) => one_nan!(bytemuck::cast_slice::<_, f64>(v), f64),
        other => other.as_bytes().to_vec(),
    }
}

/// The bytes of a program's result; of its error, the text.
fn run(program: &Program, inputs: &[&Block]) -> Vec<u8> {
    let views: Vec<_> = inputs.iter().map(|b| b.view()).collect();
    let mut bytes = Vec::new();
    let mut work = Interpreter::new(program).unwrap();
    let done = work.run(&SHAPE, &views, &mut |sub| {
        bytes.extend_from_slice(&bytes_of(&sub.output(0).to_buffer()));
        Ok(())
    });
    done.map_or_else(|e| e.to_string().into_bytes(), |()| bytes)
}

/// Compares `work` by both versions of its loops.
struct Comparison {
    done: u64,
    loops: u64,
    wrong: Vec<String>,
}

impl Comparison {
    fn start() -> Self {
        Comparison {
            done: 0,
            loops: 0,
            wrong: Vec::new(),
        }
    }

    fn bits(&mut self, what: &str, work: impl Fn() -> Vec<u8>) {
        let (forced, loops) = base::force(&work);
        let picked = work();
        self.done += 1;
        self.loops += loops;
        if forced != picked {
            let at = forced.iter().zip(&picked).position(|(a, b)| a != b);
            self.wrong
                .push(format!("{what}: byte {at:?} of {}", forced.len()));
        }
    }

    fn end(self, least: u64) {
        assert!(self.wrong.is_empty(), "{:#?}", self.wrong);
        assert!(
            self.done >= least && self.loops >= least,
            "{} programs, {} loops",
            self.done,
            self.loops
        );
        #[cfg(target_arch = "x86_64")]
        if !std::arch::is_x86_feature_detected!("avx2") {
            println!("no AVX2 here: the base was compared with itself");
        }
    }
}

fn program(dtypes: &[DType], instr: impl FnOnce(&mut ProgramBuilder, &[u16]) -> u16) -> Program {
    let mut b = ProgramBuilder::new();
    let mut loads = Vec::new();
    for dtype in dtypes {
        let input = b.input(*dtype);
        loads.push(b.push(Instr::Load(input), *dtype));
    }
    let out = instr(&mut b, &loads);
    b.finish(vec![out])
}

#[test]
fn element_wise_bits_do_not_depend_on_the_version() {
    let mut c = Comparison::start();
    for dtype in DType::ALL {
        let (a, other) = (block(dtype, 1, false), block(dtype, 2, false));
        for op in UnaryOp::ALL {
            let Ok(signature) = op.signature(dtype) else {
                continue;
            };
            let p = program(&[dtype], |b, x| {
                let x = b.cast(x[0], signature.left);
                b.push(Instr::Unary(*op, x), signature.result)
            });
            c.bits(&format!("{} {dtype}", op.name()), || run(&p, &[&a]));
        }
        for op in BinaryOp::ALL {
            let Ok(signature) = op.signature(dtype, dtype) else {
                continue;
            };
            let p = program(&[dtype, dtype], |b, x| {
                let (x, y) = (b.cast(x[0], signature.left), b.cast(x[1], signature.right));
                b.push(Instr::Binary(*op, x, y), signature.result)
            });
            c.bits(&format!("{} {dtype}", op.name()), || run(&p, &[&a, &other]));
        }
        let p = program(&[DType::Bool, dtype, dtype], |b, x| {
            b.push(Instr::Where(x[0], x[1], x[2]), dtype)
        });
        let condition = block(DType::Bool, 3, false);
        c.bits(&format!("where {dtype}"), || {
            run(&p, &[&condition, &a, &other])
        });
        for to in DType::ALL {
            let p = program(&[dtype], |b, x| b.cast(x[0], to));
            c.bits(&format!("{dtype} as {to}"), || run(&p, &[&a]));
        }
    }
    c.end(600);
}

#[test]
fn bits_of_reductions_do_not_depend_on_the_version() {
    use ReductionKind as R;
    let kinds = [
        R::Sum,
        R::Prod,
        R::Mean,
        R::Min,
        R::Max,
        R::Var { ddof: 0 },
        R::Std { ddof: 1 },
        R::Count,
        R::Any,
        R::All,
        R::Argmin,
        R::Argmax,
        R::First,
        R::Last,
    ];
    let roles = [
        [AxisRole::Reduce, AxisRole::Reduce],
        [AxisRole::Keep, AxisRole::Reduce],
        [AxisRole::Reduce, AxisRole::Keep],
        [AxisRole::Group, AxisRole::Keep],
        [AxisRole::Keep, AxisRole::Group],
    ];
    let mut c = Comparison::start();
    for dtype in DType::ALL {
        let (whole, finite) = (block(dtype, 4, false), block(dtype, 5, true));
        for kind in kinds {
            for skipna in [false, true] {
                let reduction = Reduction {
                    kind,
                    skipna: skipna && dtype.has_missing(),
                };
                if reduction.result_dtype(dtype).is_err() {
                    continue;
                }
                for roles in roles {
                    let what = format!("{} {dtype} skipna {skipna} {roles:?}", reduction.name());
                    c.bits(&what, || reduce(reduction, &roles, &whole, false));
                    // And the states, which are sent to other ranks: there is no NaN in them.
                    c.bits(&format!("{what}, finite"), || {
                        reduce(reduction, &roles, &finite, true)
                    });
                }
            }
        }
    }
    c.end(2000);
}

fn reduce(reduction: Reduction, roles: &[AxisRole], whole: &Block, with_state: bool) -> Vec<u8> {
    let spec = FoldSpec {
        reduction,
        dtype: whole.dtype(),
        roles: roles.to_vec(),
        groups: 3,
    };
    let mut cells = Vec::new();
    let (mut strides, mut step, mut codes) = (vec![0; 2], 1, Vec::new());
    for axis in (0..2).rev() {
        if roles[axis] != AxisRole::Keep {
            strides[axis] = step;
            step *= SHAPE[axis] as i64;
        }
    }
    for axis in 0..2 {
        match roles[axis] {
            AxisRole::Keep => cells.push(SHAPE[axis]),
            AxisRole::Reduce => {}
            AxisRole::Group => {
                cells.push(3);
                codes = (0..SHAPE[axis] as u32).map(|i| i % 3).collect();
            }
        }
    }
    let mut state = State::new(&spec, &cells).unwrap();
    let tile = FoldTile {
        shape: &SHAPE,
        codes: &codes,
        arg_base: 0,
        arg_strides: &strides,
    };
    // Where rows fall into the same cells, the last of them at once.
    let first = match roles {
        [AxisRole::Reduce, AxisRole::Keep] => 20,
        _ => SHAPE[0],
    };
    let rest = Runs {
        start: first * SHAPE[1],
        count: SHAPE[0] - first,
        len: SHAPE[1],
        stride: SHAPE[1],
        pitch: SHAPE[1],
    };
    for runs in [Runs::one(0, first * SHAPE[1]), rest] {
        if runs.count > 0 {
            let column = Column::of(whole.buffer(), runs.start, runs.count * runs.stride);
            state.feed(&tile, &runs, column).unwrap();
        }
    }
    let mut bytes = Vec::new();
    if with_state {
        state.encode(&mut bytes);
    }
    match state.finalize() {
        Ok(block) => bytes.extend(bytes_of(block.buffer())),
        Err(error) => bytes.extend_from_slice(error.to_string().as_bytes()),
    }
    bytes
}
