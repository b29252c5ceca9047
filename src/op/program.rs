//! Fused element-wise programs: what one pass computes for each element, as data.
//!
//! A program is in single-assignment form: step `i` writes register `i`, and reads only registers below `i`. Operands of a
//! step already have the dtypes that the operation computes in: casts are steps of their own.

use super::elementwise::{BinaryOp, UnaryOp};
use crate::dtype::{DType, Scalar};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The number of a step whose result is meant.
pub type Register = u16;

/// Elements of a sub-tile: what a program works on at once, so that its registers stay in the first caches. Fixed: it
/// never depends on threads, ranks, memory or CPU.
pub const SUB_TILE: usize = 4096;

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Instr {
    /// The element of input `0`, `1`, …
    Load(u16),
    /// The same value everywhere.
    Const(Scalar),
    /// One operand.
    Unary(UnaryOp, Register),
    /// Two operands.
    Binary(BinaryOp, Register, Register),
    /// `condition ? then : otherwise`; the condition is bool.
    Where(Register, Register, Register),
    /// The operand in the dtype of this step.
    Cast(Register),
}

/// One step: what it does and the dtype of its result.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// What it does.
    pub instr: Instr,
    /// The dtype of its register.
    pub dtype: DType,
}

/// A fused element-wise program.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Program {
    /// Dtypes of the inputs.
    pub inputs: Vec<DType>,
    /// The steps in order.
    pub steps: Vec<Step>,
    /// Registers whose values leave the program, in the order of its sinks.
    pub outputs: Vec<Register>,
}

impl Program {
    /// Dtype of output `index`.
    pub fn output_dtype(&self, index: usize) -> DType {
        self.steps[usize::from(self.outputs[index])].dtype
    }

    /// Upper bound of the bytes that running the program over so many elements at a time needs for its registers.
    pub fn scratch_bytes(&self, elements: usize) -> usize {
        self.steps
            .iter()
            .map(|step| step.dtype.size() * SUB_TILE.min(elements))
            .sum()
    }

    /// Registers that a step reads.
    pub fn operands(instr: &Instr) -> impl Iterator<Item = Register> {
        let list: [Option<Register>; 3] = match *instr {
            Instr::Load(_) | Instr::Const(_) => [None; 3],
            Instr::Unary(_, a) | Instr::Cast(a) => [Some(a), None, None],
            Instr::Binary(_, a, b) => [Some(a), Some(b), None],
            Instr::Where(c, a, b) => [Some(c), Some(a), Some(b)],
        };
        list.into_iter().flatten()
    }
}

impl fmt::Display for Program {
    /// One step a line: `%3 = add(%1, %2) : float32`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.steps.iter().enumerate() {
            write!(f, "%{i} = ")?;
            match step.instr {
                Instr::Load(input) => write!(f, "load({input})")?,
                Instr::Const(value) => write!(f, "{value}")?,
                Instr::Unary(op, a) => write!(f, "{}(%{a})", op.name())?,
                Instr::Binary(op, a, b) => write!(f, "{}(%{a}, %{b})", op.name())?,
                Instr::Where(c, a, b) => write!(f, "where(%{c}, %{a}, %{b})")?,
                Instr::Cast(a) => write!(f, "cast(%{a})")?,
            }
            writeln!(f, " : {}", step.dtype)?;
        }
        let outputs: Vec<String> = self.outputs.iter().map(|o| format!("%{o}")).collect();
        write!(f, "-> {}", outputs.join(", "))
    }
}

/// Builds a program; equal steps share one register.
#[derive(Clone, Debug, Default)]
pub struct ProgramBuilder {
    program: Program,
}

impl ProgramBuilder {
    /// An empty program.
    pub fn new() -> Self {
        Self::default()
    }

    /// Declares an input and returns its number.
    pub fn input(&mut self, dtype: DType) -> u16 {
        self.program.inputs.push(dtype);
        (self.program.inputs.len() - 1) as u16
    }

    /// The register of a step, new or shared.
    pub fn push(&mut self, instr: Instr, dtype: DType) -> Register {
        let step = Step { instr, dtype };
        // NaN constants compare unequal to themselves: they get a register each, which is only a little waste.
        if let Some(found) = self.program.steps.iter().position(|s| *s == step) {
            return found as Register;
        }
        self.program.steps.push(step);
        (self.program.steps.len() - 1) as Register
    }

    /// The register in `dtype`: itself when it has it already.
    pub fn cast(&mut self, register: Register, dtype: DType) -> Register {
        if self.program.steps[usize::from(register)].dtype == dtype {
            return register;
        }
        self.push(Instr::Cast(register), dtype)
    }

    /// Number of steps so far.
    pub fn len(&self) -> usize {
        self.program.steps.len()
    }

    /// True before the first step.
    pub fn is_empty(&self) -> bool {
        self.program.steps.is_empty()
    }

    /// Ends the program with the registers that leave it.
    pub fn finish(mut self, outputs: Vec<Register>) -> Program {
        self.program.outputs = outputs;
        self.program
    }
}
