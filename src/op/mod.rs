//! The vocabulary of operations: names and dtype rules. The loops live in `kernel`, the methods in `array`.

mod block_op;
mod elementwise;
mod generator;
mod program;
mod reduction;
mod signature;

pub use block_op::{
    BlockOp, Compress, Family, Fourier, MOST_TAKEN, Reshape, Scan, ScanOp, SearchSorted, Sliding,
    SlidingKind, Take, TakeAlong, Transform, User, Window, WindowKind, reshape_groups,
};
pub use elementwise::{BinaryOp, UnaryOp};
pub use generator::{Draw, Generator};
pub use program::{Instr, Program, ProgramBuilder, Register, SUB_TILE, Step};
pub use reduction::{Reduction, ReductionKind};
pub use signature::Signature;
