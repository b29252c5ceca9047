//! Loops over blocks: fused element-wise programs and reductions. Knows no ranks and no files.
//!
//! ```text
//! inputs (views) --load--> registers of SUB_TILE elements --steps--> columns --feed--> reduce::State --finalize--> block
//! ```
//! An [`Interpreter`] runs an [`op::Program`](crate::op::Program) over a tile, sub-tile by sub-tile, and hands the
//! columns of its outputs to the caller; a [`State`] folds such columns into cells. Both decide once per sub-tile which
//! loop runs, never per element; the loops are in `vector`, compiled for several CPUs, with the same bits on each.

mod ars;
mod bessel;
mod call;
mod cast;
mod column;
mod complex;
mod division;
mod elementwise;
mod generate;
mod interpreter;
mod load;
mod math;
mod normal;
mod number;
mod reduce;
mod registry;
mod slots;
mod special;
mod time;
mod user;
mod vector;

pub use call::{PieceView, call};
pub use column::{Column, InColumn};
pub use generate::generate;
pub use interpreter::{Interpreter, SUB_TILE, SubTile};
pub use reduce::{
    AxisRole, FoldKernels, FoldSpec, FoldTile, NO_GROUP, Out, Partial, RegisteredReduction, Runs,
    State, register_reduction, registered_reduction,
};
pub use registry::{KernelFn, register_kernel, registered_kernel, registry_hash};
pub use user::KernelCall;

#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod vector_tests;
