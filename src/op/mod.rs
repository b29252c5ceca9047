//! The vocabulary of operations: names and dtype rules. The loops live in `kernel`, the methods in `array`.

mod block_op;
mod elementwise;
mod generator;
mod name;
mod program;
mod reduction;
mod signature;

pub use block_op::{
    BlockOp, Blockwise, Bounds, Compress, Family, Fourier, MOST_TAKEN, Made, Reshape, Scan, ScanOp,
    SearchSorted, Sliding, SlidingKind, Take, TakeAlong, Transform, User, Window, WindowKind,
    reshape_groups,
};
pub use elementwise::{BinaryOp, UnaryOp};
pub use generator::{Draw, Generator};
pub use name::Name;
pub use program::{Instr, Program, ProgramBuilder, Register, SUB_TILE, Step};
pub use reduction::{Reduction, ReductionKind, UserReduction};
pub use signature::Signature;
