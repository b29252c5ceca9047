//! What the loops of a pass take on one thread, by the rates of a machine: steps of programs, folds, operations on blocks. The
//! numbers are nanoseconds for the whole domain, as the middle tile says it.

use super::plan::{ArrayDecl, Make, Pass, Plan, Sink, SinkTarget, Slot, View};
use super::profile::{KernelRates, Profile};
use crate::geom::Region;
use crate::op::{BinaryOp, BlockOp, Instr, Program, ReductionKind, UnaryOp};

/// What the loops of a pass do.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Compute {
    /// Nanoseconds on one thread.
    pub(super) ns: f64,
    /// Operations on elements: steps of programs, elements that folds take, and what operations on blocks weigh.
    pub(super) operations: f64,
}

impl Compute {
    fn add(&mut self, elements: f64, operations: f64, ns: f64) {
        self.ns += elements * ns;
        self.operations += elements * operations;
    }
}

/// What the loops of `pass` do.
pub(super) fn compute(plan: &Plan, pass: &Pass, profile: &Profile) -> Compute {
    let mut cost = Compute::default();
    let shape = pass.tiles.shape();
    if shape.contains(&0) {
        return cost;
    }
    let rates = &profile.kernels;
    let copy_byte_ns = 1e9 / profile.memory.one_bytes_per_s;
    let middle: Vec<usize> = pass.tiles.counts().iter().map(|count| count / 2).collect();
    let tile = pass.tiles.region(&middle);
    let needs = pass.slot_regions(&tile);
    for (slot, need) in pass.slots.iter().zip(&needs) {
        let Some(need) = need else { continue };
        let elements = need.elements() as f64;
        let size = slot.dtype.size() as f64;
        match &slot.make {
            Make::Load(array) => match plan.array(*array) {
                // In the rates of decoding.
                ArrayDecl::File(_) => {}
                // Seen where it is on one rank, put together on several.
                _ => {
                    let copied = f64::from(u8::from(plan.ranks > 1));
                    cost.add(elements, 0.0, copied * size * copy_byte_ns);
                }
            },
            Make::Generate(_) => cost.add(elements, 1.0, rates.generate_ns),
            Make::Fuse { program, inputs } => {
                steps(&mut cost, program, inputs, &pass.slots, elements, rates);
                cost.add(elements, 0.0, size * copy_byte_ns);
            }
            Make::Assemble(_) => cost.add(elements, 0.0, size * copy_byte_ns),
            Make::Call { op, inputs } => call(&mut cost, op, inputs, &pass.slots, need, rates),
        }
    }
    let elements = tile.elements() as f64;
    steps(
        &mut cost,
        &pass.program,
        &pass.inputs,
        &pass.slots,
        elements,
        rates,
    );
    for sink in &pass.sinks {
        let size = sink.dtype.size() as f64;
        match &sink.fold {
            None => cost.add(elements, 0.0, size * copy_byte_ns),
            Some(_) => cost.add(elements, 1.0, fold(sink, rates)),
        }
        // Kept by the rank: copied into what it holds.
        let kept = |target: &&SinkTarget| !matches!(target, SinkTarget::Write { .. });
        let copies = sink.targets.iter().filter(kept).count() as f64;
        if sink.fold.is_none() {
            cost.add(elements, 0.0, copies * size * copy_byte_ns);
        }
    }
    let domain = shape.iter().map(|len| *len as f64).product::<f64>();
    let times = domain / elements.max(1.0);
    cost.ns *= times;
    cost.operations *= times;
    cost.ns += profile.tile_s * 1e9 * pass.tiles.count() as f64;
    cost
}

/// An element that a fold takes.
fn fold(sink: &Sink, rates: &KernelRates) -> f64 {
    let Some(fold) = &sink.fold else {
        return 0.0;
    };
    use ReductionKind as R;
    let plain = match fold.reduction.kind {
        R::Var { .. } | R::Std { .. } | R::Argmin | R::Argmax | R::User(_) => rates.statistic_ns,
        _ => rates.fold_ns,
    };
    match fold.group {
        Some(_) => plain.max(rates.group_ns),
        None => plain,
    }
}

/// The steps of a program over so many elements.
fn steps(
    cost: &mut Compute,
    program: &Program,
    inputs: &[View],
    slots: &[Slot],
    elements: f64,
    rates: &KernelRates,
) {
    let size = |register: u16| program.steps[usize::from(register)].dtype.size();
    for step in &program.steps {
        // The loop runs at the pace of the widest elements.
        let widest = Program::operands(&step.instr)
            .map(size)
            .chain([step.dtype.size()])
            .max()
            .unwrap_or(1);
        let plain = widest as f64 * rates.step_byte_ns;
        let function = match step.instr {
            Instr::Load(number) => {
                // Elements that do not lie side by side are collected first.
                let strided = inputs.get(usize::from(number)).is_some_and(|view| {
                    let parents = slots[usize::from(view.slot)].shape.len();
                    let last = view.select.axes.last();
                    last.is_some_and(|axis| match axis.parent {
                        Some(parent) => parent + 1 < parents || axis.step != 1,
                        None => false,
                    })
                });
                cost.add(elements, 0.0, if strided { rates.weight_ns } else { 0.0 });
                continue;
            }
            Instr::Const(_) => continue,
            Instr::Unary(op, _) => is_unary_function(op),
            Instr::Binary(op, ..) => is_binary_function(op),
            Instr::Where(..) | Instr::Cast(_) => false,
        };
        let ns = match function {
            true => rates.function_ns,
            false => plain,
        };
        cost.add(elements, 1.0, ns);
    }
}

/// One of those that take a series, a table or a division per element, not an instruction of the vector unit.
fn is_unary_function(op: UnaryOp) -> bool {
    use UnaryOp as U;
    !matches!(
        op,
        U::Negative
            | U::Absolute
            | U::Sign
            | U::Sqrt
            | U::Floor
            | U::Ceil
            | U::Trunc
            | U::Rint
            | U::Isnan
            | U::Isfinite
            | U::Isinf
            | U::Invert
            | U::LogicalNot
            | U::Positive
            | U::Square
            | U::Reciprocal
            | U::Degrees
            | U::Radians
            | U::Fabs
            | U::Signbit
            | U::Isposinf
            | U::Isneginf
            | U::Isreal
            | U::Iscomplex
            | U::Real
            | U::Imag
            | U::Conjugate
            | U::BitwiseCount
    )
}

fn is_binary_function(op: BinaryOp) -> bool {
    use BinaryOp as B;
    matches!(
        op,
        B::FloorDivide
            | B::Remainder
            | B::Power
            | B::Arctan2
            | B::Hypot
            | B::Logaddexp
            | B::Logaddexp2
            | B::Nextafter
            | B::Fmod
            | B::FloatPower
            | B::Gcd
            | B::Lcm
            | B::Ldexp
    )
}

/// An operation on blocks that makes this region.
fn call(
    cost: &mut Compute,
    op: &BlockOp,
    inputs: &[u16],
    slots: &[Slot],
    wanted: &Region,
    rates: &KernelRates,
) {
    let shapes: Vec<&[usize]> = (inputs.iter())
        .map(|slot| slots[usize::from(*slot)].shape.as_slice())
        .collect();
    let weight = op.work(&shapes, wanted);
    let elements = wanted.elements() as f64;
    match op {
        BlockOp::Fourier(op) => {
            let whole = shapes.first().map_or(elements, |shape| {
                let along = op.axes.iter().map(|axis| shape[*axis].max(2) as f64);
                let others = (0..shape.len()).filter(|axis| !op.axes.contains(axis));
                let others: f64 = others.map(|axis| wanted.shape[axis] as f64).product();
                let all: f64 = along.clone().product::<f64>() * others;
                // By the steps of a fast transform: as many as the logarithm of its length says.
                all * along.map(|len| len.log2() / 10.0).sum::<f64>()
            });
            cost.add(whole, 10.0, rates.fourier_ns);
        }
        BlockOp::Sliding(_) => cost.add(elements, weight / elements.max(1.0), rates.window_ns),
        _ => cost.add(weight, 1.0, rates.weight_ns),
    }
}
