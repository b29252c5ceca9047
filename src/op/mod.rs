//! The vocabulary of operations: names and dtype rules. The loops live in `kernel`, the methods in `array`.

mod elementwise;
mod program;
mod reduction;

pub use elementwise::{BinaryOp, Signature, UnaryOp};
pub use program::{Instr, Program, ProgramBuilder, Register, SUB_TILE, Step};
pub use reduction::{Reduction, ReductionKind};
