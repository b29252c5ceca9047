//! Reductions: columns of elements folded into cells.
//!
//! ```text
//! column of a sub-tile --walk--> rows --fold--> cells (values, counts, …) --finalize--> block
//! ```
//! [`State`] is the running partial result of all cells of one task; `walk` cuts a sub-tile into rows, and a family of
//! folds (`sum`, `moments`, `extremes`, `arg`, `logical`, `pick`, `user`) has one vector loop for each role of the innermost
//! axis. The order of all additions is fixed by the tile alone: see `vector`.

mod arg;
mod counts;
mod extremes;
mod fold;
mod logical;
mod moments;
mod pick;
mod state;
mod sum;
mod user;
mod walk;

pub use fold::Out;
pub use state::{FoldSpec, State};
pub(in crate::kernel) use user::reduction_names;
pub use user::{
    FoldKernels, Partial, RegisteredReduction, register_reduction, registered_reduction,
};
pub use walk::{AxisRole, FoldTile, NO_GROUP, Runs};
