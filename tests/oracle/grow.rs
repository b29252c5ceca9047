//! Steps of random expressions: each makes a plain array and says how the engine makes the same.

#![allow(unreachable_pub)]

use super::plain::{Cell, Plain, common_shape, every};
use Cell::{Float, Int};
use hyperslab::array::{Array, Index, IndexExpr, PadMode, ReduceOptions};
use hyperslab::driver::Driver;
use hyperslab::dtype::DType;
use hyperslab::op::{BinaryOp, ReductionKind, UnaryOp};
use proptest::prelude::*;

/// Most elements of a node.
const MOST: usize = 700;
/// Most axes.
const MOST_AXES: usize = 4;

/// Which operation, and the random number from which all its choices are drawn: 0 is the plainest.
pub type Step = (u8, u64);

/// Random lists of steps.
pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec((0u8..16, any::<u64>()), 1..9)
}

type Make = Box<dyn Fn(&Driver, &[Array]) -> hyperslab::Result<Array> + Send + Sync>;

/// A node of an expression.
pub struct Made {
    pub text: String,
    pub plain: Plain,
    /// How the engine makes it from the nodes before.
    pub make: Make,
    /// Floats may differ by so much: 0 for what is exact. Only exact nodes are looked at by others.
    pub tolerance: f64,
}

fn made(
    text: String,
    plain: Plain,
    make: impl Fn(&Driver, &[Array]) -> hyperslab::Result<Array> + Send + Sync + 'static,
) -> Option<Made> {
    Some(Made {
        text,
        plain,
        make: Box::new(make),
        tolerance: 0.0,
    })
}

/// Choices drawn from one number, digit by digit.
struct Dice(u64);

impl Dice {
    /// 0 … n − 1.
    fn roll(&mut self, n: usize) -> usize {
        let n = n.max(1) as u64;
        let found = self.0 % n;
        self.0 /= n;
        found as usize
    }

    /// −n … n.
    fn signed(&mut self, n: usize) -> isize {
        let found = self.roll(2 * n + 1) as isize;
        if found % 2 == 0 {
            found / 2
        } else {
            -(found + 1) / 2
        }
    }

    fn flag(&mut self) -> bool {
        self.roll(2) == 1
    }

    /// One of these.
    fn of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.roll(list.len())]
    }
}

const DTYPES: [DType; 7] = [
    DType::I64,
    DType::F64,
    DType::I32,
    DType::F32,
    DType::U8,
    DType::Bool,
    DType::I16,
];

/// An array in memory, one that is generated, or a constant.
pub fn source(seed: u64) -> Made {
    let mut dice = Dice(seed);
    let (kind, dtype) = (dice.roll(6), dice.of(&DTYPES));
    let ndim = [1, 2, 3, 2, 0, 4][dice.roll(6)];
    let mut shape: Vec<usize> = (0..ndim)
        .map(|_| [3, 1, 5, 7, 2, 4, 9, 6, 0][dice.roll(9)])
        .collect();
    while shape.iter().product::<usize>() > MOST {
        shape.pop();
    }
    let chunk: Vec<usize> = shape
        .iter()
        .map(|len| len.saturating_sub(dice.roll(*len)).max(1))
        .collect();
    if kind == 4 {
        let len = shape.iter().product::<usize>();
        let (shape, flat) = (
            shape.clone(),
            shape.iter().map(|n| *n as isize).collect::<Vec<_>>(),
        );
        let mut next = -1;
        let plain = Plain::from_fn(DType::I64, &shape, |_| {
            next += 1;
            Int(next)
        });
        let text = format!("arange({len}).reshape({shape:?})");
        return made(text, plain, move |driver, _| {
            Ok(driver.arange(0, len as i64, 1).reshape(&flat))
        })
        .unwrap();
    }
    if kind == 5 {
        let value = dice.signed(3);
        let plain = Plain::from_fn(DType::F64, &shape, |_| Float(value as f64));
        let text = format!("full({shape:?}, {value})");
        return made(text, plain, move |driver, _| {
            Ok(driver.full(&shape, value as f64))
        })
        .unwrap();
    }
    let wild = dice.roll(3);
    let mut state = dice.0 | 1;
    let plain = Plain::from_fn(dtype, &shape, |_| {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        let v = (state >> 33) % 1009;
        let cell = match (dtype.is_float(), wild, v % 13) {
            (true, 1.., 0) => Float(f64::NAN),
            (true, 2, 1) => Float(f64::INFINITY),
            (true, 2, 2) => Float(f64::NEG_INFINITY),
            (true, _, 3) => Float(-0.0),
            (true, ..) => Float((v % 129) as f64 / 4.0 - 16.0),
            (false, 2, 0) => Int(i128::from(i64::MAX)),
            (false, 2, 1) => Int(i128::from(i64::MIN)),
            (false, ..) => Int(i128::from(v % 31) - 15),
        };
        cell.cast(dtype)
    });
    let block = std::sync::Arc::new(plain.block());
    let text = format!("array({:?}).chunk({chunk:?})", plain.cells);
    made(text, plain, move |driver, _| {
        Ok(driver.from_block(block.clone()).chunk(&chunk))
    })
    .unwrap()
}

/// One more node; `None` when the step has no meaning here.
pub fn grow(nodes: &[Made], (what, seed): Step) -> Option<Made> {
    let mut dice = Dice(seed);
    // Mostly the newest.
    let usable: Vec<usize> = (0..nodes.len())
        .rev()
        .filter(|n| nodes[*n].tolerance == 0.0)
        .collect();
    let pick = dice.roll(4);
    let of = usable[if pick == 3 {
        dice.roll(usable.len())
    } else {
        0
    }];
    let x = &nodes[of].plain;
    let axis = dice.roll(x.ndim());
    match what {
        0 => unary(of, x, &mut dice),
        1 | 2 => binary(nodes, &usable, of, &mut dice),
        3 => choose(nodes, &usable, of, &mut dice),
        4 => cast(of, x, &mut dice),
        5 | 6 => select(of, x, &mut dice),
        7 => order(of, x, axis, &mut dice),
        8 => reshape(of, x, axis, &mut dice),
        9 | 10 => reduce(of, x, &mut dice),
        11 => join(nodes, &usable, of, axis, &mut dice),
        12 => borders(of, x, axis, &mut dice),
        13 => shifted(of, x, axis, &mut dice),
        14 => scan(of, x, axis, &mut dice),
        _ => chunk(of, x, &mut dice),
    }
    .filter(|node| node.plain.cells.len() <= MOST && node.plain.ndim() <= MOST_AXES)
}

fn unary(of: usize, x: &Plain, dice: &mut Dice) -> Option<Made> {
    use UnaryOp as U;
    let int = |f: fn(i128) -> i128, g: fn(f64) -> f64| {
        move |v| match v {
            Int(v) => Int(f(v)),
            Float(v) => Float(g(v)),
        }
    };
    let op = dice.of(&[
        U::Absolute,
        U::Negative,
        U::Square,
        U::Sign,
        U::Isnan,
        U::LogicalNot,
        U::Invert,
        U::Floor,
        U::Sqrt,
        U::Signbit,
    ]);
    let plain = match op {
        U::Absolute => x.map(x.dtype, int(i128::abs, f64::abs)),
        U::Negative if x.dtype != DType::Bool => x.map(x.dtype, int(|v| -v, |v| -v)),
        U::Square if x.dtype != DType::Bool => x.map(x.dtype, int(|v| v * v, |v| v * v)),
        U::Sign if x.dtype != DType::Bool => x.map(
            x.dtype,
            int(i128::signum, |v| {
                if v.is_nan() || v == 0.0 {
                    v
                } else {
                    v.signum()
                }
            }),
        ),
        U::Isnan => x.map(DType::Bool, |v| Int(v.is_nan().into())),
        U::LogicalNot => x.map(DType::Bool, |v| Int((!v.truth()).into())),
        U::Invert if x.dtype == DType::Bool => x.map(DType::Bool, |v| Int((!v.truth()).into())),
        U::Invert if !x.dtype.is_float() => x.map(x.dtype, int(|v| !v, |v| v)),
        U::Floor if x.dtype.is_float() => x.map(x.dtype, int(|v| v, f64::floor)),
        U::Sqrt if x.dtype.is_float() => x.map(x.dtype, int(|v| v, f64::sqrt)),
        U::Signbit if x.dtype.is_float() => {
            x.map(DType::Bool, |v| Int(v.float().is_sign_negative().into()))
        }
        _ => return None,
    };
    // The sign of NaN is the processor's.
    if op == U::Signbit && x.cells.iter().any(|v| v.is_nan() || v.float() == 0.0) {
        return None;
    }
    made(format!("{}(v{of})", op.name()), plain, move |_, v| {
        Ok(v[of].unary(op))
    })
}

fn floor_mod(a: i128, b: i128) -> (i128, i128) {
    match b {
        0 => (0, 0),
        b => (
            a.div_euclid(b) - i128::from(b < 0 && a.rem_euclid(b) != 0),
            {
                let rest = a % b;
                if rest != 0 && (rest < 0) != (b < 0) {
                    rest + b
                } else {
                    rest
                }
            },
        ),
    }
}

fn arithmetic(op: BinaryOp, a: Cell, b: Cell) -> Cell {
    use BinaryOp as B;
    let less = a.less(b);
    let smaller = |take_a: bool| if take_a { a } else { b };
    match (op, a, b) {
        (B::Add, Int(a), Int(b)) => Int(a + b),
        (B::Subtract, Int(a), Int(b)) => Int(a - b),
        (B::Multiply, Int(a), Int(b)) => Int(a.wrapping_mul(b)),
        (B::FloorDivide, Int(a), Int(b)) => Int(floor_mod(a, b).0),
        (B::Remainder, Int(a), Int(b)) => Int(floor_mod(a, b).1),
        (B::BitwiseAnd, Int(a), Int(b)) => Int(a & b),
        (B::BitwiseXor, Int(a), Int(b)) => Int(a ^ b),
        (B::Add, a, b) => Float(a.float() + b.float()),
        (B::Subtract, a, b) => Float(a.float() - b.float()),
        (B::Multiply, a, b) => Float(a.float() * b.float()),
        (B::Divide, a, b) => Float(a.float() / b.float()),
        (B::Minimum | B::Maximum, ..) if a.is_nan() => a,
        (B::Minimum | B::Maximum, ..) if b.is_nan() => b,
        (B::Fmin | B::Fmax, ..) if a.is_nan() => b,
        (B::Fmin | B::Fmax, ..) if b.is_nan() => a,
        (B::Minimum | B::Fmin, ..) => smaller(less),
        (B::Maximum | B::Fmax, ..) => smaller(!less),
        (B::Less, ..) => Int(less.into()),
        (B::GreaterEqual, ..) => Int((!less && !a.is_nan() && !b.is_nan()).into()),
        (B::Equal, Int(a), Int(b)) => Int((a == b).into()),
        (B::Equal, a, b) => Int((a.float() == b.float()).into()),
        (B::LogicalOr, ..) => Int((a.truth() || b.truth()).into()),
        (op, ..) => panic!("{op:?}"),
    }
}

/// With another node where shapes fit, else with itself; or with a number.
fn binary(nodes: &[Made], usable: &[usize], of: usize, dice: &mut Dice) -> Option<Made> {
    use BinaryOp as B;
    let op = dice.of(&[
        B::Add,
        B::Subtract,
        B::Multiply,
        B::Minimum,
        B::Maximum,
        B::Less,
        B::Equal,
        B::GreaterEqual,
        B::Fmin,
        B::Fmax,
        B::LogicalOr,
        B::BitwiseAnd,
        B::BitwiseXor,
        B::FloorDivide,
        B::Remainder,
        B::Divide,
    ]);
    let x = &nodes[of].plain;
    let ints = !x.dtype.is_float();
    let bool_result = matches!(op, B::Less | B::Equal | B::GreaterEqual | B::LogicalOr);
    let result = |common: DType| {
        let allowed = match op {
            B::BitwiseAnd | B::BitwiseXor => !common.is_float(),
            B::FloorDivide | B::Remainder => !common.is_float() && common != DType::Bool,
            B::Subtract => common != DType::Bool,
            B::Divide => common == DType::F64 || common == DType::F32,
            _ => true,
        };
        allowed.then_some(if bool_result { DType::Bool } else { common })
    };
    let name = op.name();
    if dice.roll(3) == 0 {
        let number = dice.signed(3);
        // A weak number takes the dtype of the array: bool has no such, and unsigned ones no negative.
        if x.dtype == DType::Bool || (number < 0 && matches!(x.dtype, DType::U8 | DType::U64)) {
            return None;
        }
        let number = if matches!(op, B::FloorDivide | B::Remainder) && number == 0 {
            3
        } else {
            number
        };
        let dtype = result(x.dtype)?;
        let weak = Int(number as i128).cast(x.dtype);
        let reversed = dice.flag();
        let plain = x.map(dtype, |v| match reversed {
            true => arithmetic(op, weak, v),
            false => arithmetic(op, v, weak),
        });
        let number = number as i64;
        return made(
            format!(
                "{name}(v{of}, {number}{})",
                if reversed { ", reversed" } else { "" }
            ),
            plain,
            move |_, v| {
                Ok(match reversed {
                    true => v[of].binary_reversed(op, &number.into()),
                    false => v[of].binary(op, &number.into()),
                })
            },
        );
    }
    let fitting: Vec<usize> = usable
        .iter()
        .copied()
        .filter(|other| common_shape(&nodes[*other].plain.shape, &x.shape).is_some())
        .collect();
    let other = dice.of(&fitting);
    let y = &nodes[other].plain;
    let _ = ints;
    let common = hyperslab::dtype::promote(x.dtype, y.dtype).ok()?;
    let dtype = result(common)?;
    let plain = x.zip(y, Some(dtype), |a, b| arithmetic(op, a, b))?;
    made(format!("{name}(v{of}, v{other})"), plain, move |_, v| {
        Ok(v[of].binary(op, &(&v[other]).into()))
    })
}

fn choose(nodes: &[Made], usable: &[usize], of: usize, dice: &mut Dice) -> Option<Made> {
    let (c, y) = (dice.of(usable), dice.of(usable));
    let (x, condition, other) = (&nodes[of].plain, &nodes[c].plain, &nodes[y].plain);
    let shape = common_shape(&common_shape(&x.shape, &condition.shape)?, &other.shape)?;
    let common = hyperslab::dtype::promote(x.dtype, other.dtype).ok()?;
    let wide = |p: &Plain| p.broadcast(&shape);
    let (a, b, condition) = (
        wide(&x.cast(common)),
        wide(&other.cast(common)),
        wide(condition),
    );
    let mut plain = a.clone();
    for (at, cell) in plain.cells.iter_mut().enumerate() {
        if !condition.cells[at].truth() {
            *cell = b.cells[at];
        }
    }
    made(
        format!("where(v{c} != 0, v{of}, v{y})"),
        plain,
        move |_, v| {
            let condition = v[c].astype(DType::Bool);
            Ok(v[of].where_or(&condition, &v[y]))
        },
    )
}

fn cast(of: usize, x: &Plain, dice: &mut Dice) -> Option<Made> {
    let dtype = dice.of(&DTYPES);
    x.fits(dtype).then_some(())?;
    let plain = x.cast(dtype);
    made(format!("v{of}.astype({dtype})"), plain, move |_, v| {
        Ok(v[of].astype(dtype))
    })
}

/// One part per axis (some left whole), with new axes and an ellipsis among them.
fn select(of: usize, x: &Plain, dice: &mut Dice) -> Option<Made> {
    let mut parts: Vec<Index> = Vec::new();
    // Per axis of the result: the axis looked at, and where.
    let mut axes: Vec<(Option<usize>, Vec<usize>)> = Vec::new();
    let mut fixed = vec![0; x.ndim()];
    let mut listed = false;
    let until = dice.roll(x.ndim() + 1);
    for (axis, &len) in x.shape.iter().enumerate() {
        let bound = |dice: &mut Dice| match dice.roll(3) {
            0 => None,
            _ => Some(dice.signed(len + 2)),
        };
        match if axis > until { 0 } else { dice.roll(6) } {
            1 if len > 0 => {
                let at = dice.roll(len);
                fixed[axis] = at;
                let back = dice.flag();
                parts.push(Index::At(if back {
                    at as isize - len as isize
                } else {
                    at as isize
                }));
            }
            // Two lists would be looked at together.
            2 if len > 0 && !listed => {
                listed = true;
                let list: Vec<usize> = (0..dice.roll(5)).map(|_| dice.roll(len)).collect();
                parts.push(Index::List(
                    list.iter()
                        .map(|at| *at as isize - if *at % 2 == 1 { len as isize } else { 0 })
                        .collect(),
                ));
                axes.push((Some(axis), list));
            }
            0 => {
                parts.push(Index::ALL);
                axes.push((Some(axis), (0..len).collect()));
            }
            _ => {
                let step = dice.of(&[1, -1, 2, -2, 3, -3]);
                let (start, stop) = (bound(dice), bound(dice));
                parts.push(Index::Slice(start, stop, step));
                axes.push((Some(axis), slice(start, stop, step, len)));
            }
        }
        if dice.roll(7) == 6 {
            parts.push(Index::NewAxis);
            axes.push((None, vec![0]));
        }
    }
    // With one integer and one list NumPy's rule moves axes: such are not made here.
    if listed && parts.iter().any(|p| matches!(p, Index::At(_))) {
        return None;
    }
    let shape: Vec<usize> = axes.iter().map(|(_, list)| list.len()).collect();
    let plain = x.look(&shape, |index| {
        let mut from = fixed.clone();
        for (at, (axis, list)) in index.iter().zip(&axes) {
            if let Some(axis) = axis {
                from[*axis] = list[*at];
            }
        }
        from
    });
    made(format!("v{of}{parts:?}"), plain, move |_, v| {
        Ok(v[of].at(IndexExpr::from(parts.clone())))
    })
}

/// The positions of Python's slice.
fn slice(start: Option<isize>, stop: Option<isize>, step: isize, len: usize) -> Vec<usize> {
    let n = len as isize;
    let (low, high) = if step > 0 { (0, n) } else { (-1, n - 1) };
    let place = |v: isize| (if v < 0 { v + n } else { v }).clamp(low, high);
    let mut at = start.map_or(if step > 0 { low } else { high }, place);
    let end = stop.map_or(if step > 0 { high } else { low }, place);
    let mut found = Vec::new();
    while (step > 0 && at < end) || (step < 0 && at > end) {
        found.push(at as usize);
        at += step;
    }
    found
}

/// Transposes, flips, rolls, rotations.
fn order(of: usize, x: &Plain, axis: usize, dice: &mut Dice) -> Option<Made> {
    let ndim = x.ndim();
    let mut order: Vec<usize> = (0..ndim).collect();
    match dice.roll(4) {
        0 => {
            for at in 1..ndim {
                order.swap(at, dice.roll(at + 1));
            }
            made(
                format!("v{of}.transpose({order:?})"),
                x.transpose(&order),
                move |_, v| Ok(v[of].transpose(&order)),
            )
        }
        _ if ndim == 0 => None,
        1 => {
            let len = x.shape[axis];
            let plain = x.along(axis, len, |at| len - 1 - at);
            made(format!("flip(v{of}, {axis})"), plain, move |_, v| {
                Ok(v[of].flip(&[axis as isize]))
            })
        }
        2 => {
            let (len, shift) = (x.shape[axis], dice.signed(9));
            let plain = x.along(axis, len, |at| {
                (at as isize - shift).rem_euclid(len as isize) as usize
            });
            made(
                format!("roll(v{of}, {shift}, {axis})"),
                plain,
                move |_, v| Ok(v[of].roll(&[shift], &[axis as isize])),
            )
        }
        _ => {
            let second = dice.roll(ndim);
            if second == axis {
                return None;
            }
            let len = x.shape[second];
            order.swap(axis, second);
            // A quarter turn: flipped, then transposed.
            let plain = x.along(second, len, |at| len - 1 - at).transpose(&order);
            made(
                format!("rot90(v{of}, 1, [{axis}, {second}])"),
                plain,
                move |_, v| Ok(v[of].rot90(1, [axis as isize, second as isize])),
            )
        }
    }
}

/// Another shape of the same elements, or of repeated ones.
fn reshape(of: usize, x: &Plain, axis: usize, dice: &mut Dice) -> Option<Made> {
    let signed = |shape: &[usize]| shape.iter().map(|n| *n as isize).collect::<Vec<_>>();
    match dice.roll(6) {
        0 => made(
            format!("ravel(v{of})"),
            x.with_shape(&[x.cells.len()]),
            move |_, v| Ok(v[of].ravel()),
        ),
        1 => {
            // Two axes merged, or one split.
            let mut shape = x.shape.clone();
            if shape.is_empty() {
                shape = vec![1, 1];
            } else if axis + 1 < shape.len() && dice.flag() {
                shape[axis] *= shape.remove(axis + 1);
            } else {
                let len = shape[axis];
                let divisors: Vec<usize> = (1..=len).filter(|d| len.is_multiple_of(*d)).collect();
                if len == 0 {
                    return None;
                }
                let first = dice.of(&divisors);
                shape[axis] = len / first;
                shape.insert(axis, first);
            }
            let to = signed(&shape);
            made(
                format!("v{of}.reshape({shape:?})"),
                x.with_shape(&shape),
                move |_, v| Ok(v[of].reshape(&to)),
            )
        }
        2 => {
            let at = dice.roll(x.ndim() + 1);
            let mut shape = x.shape.clone();
            shape.insert(at, 1);
            made(
                format!("expand_dims(v{of}, {at})"),
                x.with_shape(&shape),
                move |_, v| Ok(v[of].expand_dims(&[at as isize])),
            )
        }
        3 => {
            let shape: Vec<usize> = x.shape.iter().copied().filter(|n| *n != 1).collect();
            made(
                format!("squeeze(v{of})"),
                x.with_shape(&shape),
                move |_, v| Ok(v[of].squeeze(&[])),
            )
        }
        4 => {
            let mut shape: Vec<usize> = x
                .shape
                .iter()
                .map(|n| if *n == 1 { 1 + dice.roll(4) } else { *n })
                .collect();
            if dice.flag() {
                shape.insert(0, 1 + dice.roll(3));
            }
            if shape.iter().product::<usize>() > MOST {
                return None;
            }
            made(
                format!("broadcast_to(v{of}, {shape:?})"),
                x.broadcast(&shape),
                move |_, v| Ok(v[of].broadcast_to(&shape)),
            )
        }
        _ if x.ndim() == 0 => None,
        _ => {
            let times = dice.roll(3);
            let plain = x.along(axis, x.shape[axis] * times, |at| at / times);
            made(
                format!("repeat(v{of}, {times}, {axis})"),
                plain,
                move |_, v| Ok(v[of].repeat(times, Some(axis as isize))),
            )
        }
    }
}

fn sum(cells: &[Cell]) -> Cell {
    match cells.first() {
        Some(Float(_)) => Float(cells.iter().map(|v| v.float()).sum()),
        _ => Int(cells.iter().fold(0, |sum, v| match v {
            Int(v) => sum + v,
            Float(_) => sum,
        })),
    }
}

/// The position of the first extreme; NaN is one.
fn extreme(cells: &[Cell], largest: bool) -> usize {
    let mut best = 0;
    for (at, cell) in cells.iter().enumerate() {
        let better = if largest {
            cells[best].less(*cell)
        } else {
            cell.less(cells[best])
        };
        if !cells[best].is_nan() && (cell.is_nan() || better) {
            best = at;
        }
    }
    best
}

fn reduce(of: usize, x: &Plain, dice: &mut Dice) -> Option<Made> {
    use ReductionKind as R;
    let kind = dice.of(&[
        R::Sum,
        R::Max,
        R::Min,
        R::Any,
        R::All,
        R::Count,
        R::Mean,
        R::Argmax,
        R::Argmin,
        R::Prod,
        R::Last,
        R::First,
    ]);
    let mut axes: Vec<usize> = (0..x.ndim()).filter(|_| dice.flag()).collect();
    if axes.is_empty() {
        axes = match dice.flag() && x.ndim() > 0 {
            true => vec![dice.roll(x.ndim())],
            false => (0..x.ndim()).collect(),
        };
    }
    let skipna = dice.flag() && x.dtype.is_float();
    let keepdims = dice.flag();
    let float = x.dtype.is_float();
    let wide = match x.dtype {
        dtype if dtype.is_float() => dtype,
        DType::U8 | DType::U64 => DType::U64,
        _ => DType::I64,
    };
    let inner: usize = axes.iter().map(|axis| x.shape[*axis]).product();
    let mut tolerance = 0.0;
    let ordered = matches!(kind, R::Argmax | R::Argmin | R::First | R::Last);
    if ordered && axes.len() != 1
        || (inner == 0 && !matches!(kind, R::Sum | R::Any | R::All | R::Count | R::Prod))
    {
        return None;
    }
    let kept = |cells: &[Cell]| -> Vec<Cell> {
        cells
            .iter()
            .copied()
            .filter(|v| !(skipna && v.is_nan()))
            .collect()
    };
    let nothing = Float(f64::NAN);
    let plain = match kind {
        R::Sum | R::Mean | R::Prod => {
            if kind != R::Sum && float || !x.sums_exactly() || kind == R::Mean {
                // Of the sum of magnitudes: terms may cancel.
                let finite = x
                    .cells
                    .iter()
                    .map(|v| v.float().abs())
                    .filter(|v| v.is_finite());
                let relative = if wide == DType::F32 { 1e-5 } else { 1e-9 };
                tolerance = relative * finite.sum::<f64>().max(1.0);
            }
            if kind == R::Prod && float {
                return None;
            }
            let dtype = if kind == R::Mean && !float {
                DType::F64
            } else {
                wide
            };
            x.fold(&axes, dtype, |cells| {
                let cells = kept(cells);
                match kind {
                    R::Sum if cells.is_empty() => Int(0),
                    R::Sum => sum(&cells),
                    R::Prod => Int(cells.iter().fold(1, |product, v| match v {
                        Int(v) => i128::from((product as i64).wrapping_mul(*v as i64)),
                        Float(_) => product,
                    })),
                    _ if cells.is_empty() => nothing,
                    // As NumPy: in floats from the start.
                    _ => Float(cells.iter().map(|v| v.float()).sum::<f64>() / cells.len() as f64),
                }
            })
        }
        R::Max | R::Min => x.fold(&axes, x.dtype, |cells| match kept(cells) {
            cells if cells.is_empty() => nothing,
            cells => cells[extreme(&cells, kind == R::Max)],
        }),
        R::Any => x.fold(&axes, DType::Bool, |cells| {
            Int(kept(cells).iter().any(|v| v.truth()).into())
        }),
        R::All => x.fold(&axes, DType::Bool, |cells| {
            Int(kept(cells).iter().all(|v| v.truth()).into())
        }),
        // Of what is not missing, with or without skipna.
        R::Count => x.fold(&axes, DType::I64, |cells| {
            Int(cells.iter().filter(|v| !v.is_nan()).count() as i128)
        }),
        R::Argmax | R::Argmin if skipna => return None,
        R::Argmax | R::Argmin => x.fold(&axes, DType::I64, |cells| {
            Int(extreme(cells, kind == R::Argmax) as i128)
        }),
        R::First => x.fold(&axes, x.dtype, |cells| {
            kept(cells).first().copied().unwrap_or(nothing)
        }),
        _ => x.fold(&axes, x.dtype, |cells| {
            kept(cells).last().copied().unwrap_or(nothing)
        }),
    };
    let plain = match keepdims {
        true => {
            let shape: Vec<usize> = (0..x.ndim())
                .map(|axis| {
                    if axes.contains(&axis) {
                        1
                    } else {
                        x.shape[axis]
                    }
                })
                .collect();
            plain.with_shape(&shape)
        }
        false => plain,
    };
    let signed: Vec<isize> = axes.iter().map(|axis| *axis as isize).collect();
    let options = ReduceOptions {
        skipna: Some(skipna),
        keepdims,
    };
    let text = format!("v{of}.reduce({kind:?}, {axes:?}, skipna={skipna}, keepdims={keepdims})");
    let node = made(text, plain, move |_, v| {
        Ok(v[of].reduce(kind, &signed, options))
    })?;
    Some(Made { tolerance, ..node })
}

/// Concatenated or stacked with a node of the same shape, or with a part of itself; or with an element set.
fn join(nodes: &[Made], usable: &[usize], of: usize, axis: usize, dice: &mut Dice) -> Option<Made> {
    let x = &nodes[of].plain;
    let signed = axis as isize;
    let fitting = |stack: bool| -> Vec<usize> {
        let fits = |y: &Plain| {
            y.ndim() == x.ndim()
                && (0..x.ndim()).all(|a| (a == axis && !stack) || x.shape[a] == y.shape[a])
        };
        usable
            .iter()
            .copied()
            .filter(|n| fits(&nodes[*n].plain))
            .collect()
    };
    match dice.roll(3) {
        0 if x.ndim() > 0 => {
            let y = dice.of(&fitting(false));
            let other = &nodes[y].plain;
            let common = hyperslab::dtype::promote(x.dtype, other.dtype).ok()?;
            let plain = x.cast(common).concat(&other.cast(common), axis);
            made(
                format!("concat([v{of}, v{y}], {axis})"),
                plain,
                move |_, v| Ok(v[of].concat(&[&v[y]], signed)),
            )
        }
        1 => {
            let y = dice.of(&fitting(true));
            let other = &nodes[y].plain;
            let common = hyperslab::dtype::promote(x.dtype, other.dtype).ok()?;
            let mut shape = x.shape.clone();
            shape.insert(axis, 1);
            let (a, b) = (
                x.cast(common).with_shape(&shape),
                other.cast(common).with_shape(&shape),
            );
            made(
                format!("stack([v{of}, v{y}], {axis})"),
                a.concat(&b, axis),
                move |_, v| Ok(v[of].stack(&[&v[y]], signed)),
            )
        }
        2 if x.ndim() > 0 && x.shape[axis] > 0 => {
            let at = dice.roll(x.shape[axis]);
            let mut plain = x.clone();
            for (cell, index) in plain.cells.iter_mut().zip(every(&x.shape)) {
                if index[axis] == at {
                    *cell = Int(1).cast(x.dtype);
                }
            }
            let mut parts = vec![Index::ALL; axis];
            parts.push(Index::At(at as isize));
            made(format!("v{of}.set_at({parts:?}, 1)"), plain, move |_, v| {
                Ok(v[of].set_at(parts.clone(), 1i64))
            })
        }
        _ => None,
    }
}

/// Padding of one axis.
fn borders(of: usize, x: &Plain, axis: usize, dice: &mut Dice) -> Option<Made> {
    if x.ndim() == 0 || x.shape[axis] == 0 {
        return None;
    }
    let n = x.shape[axis] as isize;
    let (before, after) = (dice.roll(4), dice.roll(4));
    let len = before + x.shape[axis] + after;
    let mut width = vec![(0, 0); x.ndim()];
    width[axis] = (before, after);
    let mode = dice.of(&[0, 1, 2, 3, 4]);
    let (mode, plain) = match mode {
        0 => {
            let mut shape = x.shape.clone();
            shape[axis] = len;
            let plain = Plain::from_fn(x.dtype, &shape, |mut index| {
                let inside = index[axis] >= before && index[axis] < before + x.shape[axis];
                index[axis] = index[axis].wrapping_sub(before);
                if inside {
                    x.at(&index)
                } else {
                    Int(1).cast(x.dtype)
                }
            });
            (PadMode::constant(1i64), plain)
        }
        mode => {
            let from = |at: usize| -> usize {
                let at = at as isize - before as isize;
                let folded = |period: isize, at: isize| {
                    let at = at.rem_euclid(period.max(1));
                    at.min(period - at)
                };
                (match mode {
                    1 => at.clamp(0, n - 1),
                    2 if n == 1 => 0,
                    2 => folded(2 * (n - 1), at),
                    3 => {
                        let at = at.rem_euclid(2 * n);
                        at.min(2 * n - 1 - at)
                    }
                    _ => at.rem_euclid(n),
                }) as usize
            };
            let modes = [
                PadMode::Edge,
                PadMode::Reflect,
                PadMode::Symmetric,
                PadMode::Wrap,
            ];
            (modes[mode - 1].clone(), x.along(axis, len, from))
        }
    };
    made(
        format!("pad(v{of}, {width:?}, {})", mode.name()),
        plain,
        move |_, v| Ok(v[of].pad(&width, &mode)),
    )
}

/// Sums of shifted slices along an axis: a smooth of 2 … 4 elements; or a difference.
fn shifted(of: usize, x: &Plain, axis: usize, dice: &mut Dice) -> Option<Made> {
    if x.ndim() == 0 || x.dtype == DType::Bool {
        return None;
    }
    let len = x.shape[axis];
    let window = 2 + dice.roll(3);
    if len < window {
        return None;
    }
    let (step, left) = (dice.of(&[1isize, -1]), len + 1 - window);
    let place = move |at: usize, k: usize| if step > 0 { at + k } else { left - 1 - at + k };
    let mut plain = x.along(axis, left, |at| place(at, 0));
    for k in 1..window {
        plain = plain.zip(&x.along(axis, left, |at| place(at, k)), None, |a, b| {
            arithmetic(BinaryOp::Add, a, b)
        })?;
    }
    made(
        format!("sum of {window} shifted slices of v{of} along {axis}, step {step}"),
        plain,
        move |_, v| {
            let part = |k: usize| {
                let slice = v[of].slice(
                    axis as isize,
                    Some(k as isize),
                    Some((k + left) as isize),
                    1,
                );
                if step > 0 {
                    slice
                } else {
                    slice.flip(&[axis as isize])
                }
            };
            Ok((1..window).fold(part(0), |sum, k| sum + part(k)))
        },
    )
}

fn scan(of: usize, x: &Plain, axis: usize, dice: &mut Dice) -> Option<Made> {
    if x.ndim() == 0 {
        return None;
    }
    let signed = axis as isize;
    let skipna = dice.flag();
    let wide = match x.dtype {
        dtype if dtype.is_float() => dtype,
        DType::U8 | DType::U64 => DType::U64,
        _ => DType::I64,
    };
    let kept = move |cells: &[Cell]| -> Vec<Cell> {
        cells
            .iter()
            .copied()
            .filter(|v| !(skipna && v.is_nan()))
            .collect()
    };
    match dice.roll(3) {
        0 => {
            x.sums_exactly().then_some(())?;
            let plain = x.scan(axis, wide, |cells| match kept(cells) {
                cells if cells.is_empty() => Int(0),
                cells => sum(&cells),
            });
            made(
                format!("cumsum(v{of}, {axis}, skipna={skipna})"),
                plain,
                move |_, v| {
                    Ok(if skipna {
                        v[of].nancumsum(signed)
                    } else {
                        v[of].cumsum(signed)
                    })
                },
            )
        }
        1 => {
            let plain = x.scan(axis, x.dtype, |cells| match kept(cells) {
                cells if cells.is_empty() => Float(f64::NAN),
                cells => cells[extreme(&cells, true)],
            });
            made(
                format!("cummax(v{of}, {axis}, skipna={skipna})"),
                plain,
                move |_, v| {
                    Ok(if skipna {
                        v[of].nancummax(signed)
                    } else {
                        v[of].cummax(signed)
                    })
                },
            )
        }
        _ if !x.dtype.is_float() => None,
        _ => {
            let plain = x.scan(axis, x.dtype, |cells| {
                cells
                    .iter()
                    .rev()
                    .copied()
                    .find(|v| !v.is_nan())
                    .unwrap_or(Float(f64::NAN))
            });
            made(format!("ffill(v{of}, {axis})"), plain, move |_, v| {
                Ok(v[of].ffill(signed, None))
            })
        }
    }
}

/// Other chunks, or held by the ranks.
fn chunk(of: usize, x: &Plain, dice: &mut Dice) -> Option<Made> {
    if dice.roll(3) == 2 {
        return made(format!("v{of}.persist()"), x.clone(), move |_, v| {
            v[of].persist()
        });
    }
    let chunk: Vec<usize> = x
        .shape
        .iter()
        .map(|len| len.saturating_sub(dice.roll(*len)).max(1))
        .collect();
    made(format!("v{of}.chunk({chunk:?})"), x.clone(), move |_, v| {
        Ok(v[of].chunk(&chunk))
    })
}
