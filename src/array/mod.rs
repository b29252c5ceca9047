//! Lazy N-d arrays by position: NumPy's and `dask.array`'s names, NumPy's rules.
//!
//! Operations carry a failure inside the lazy value: the first one wins, remembers the caller's line, and comes out at
//! `compute`, `save` or `check`.

mod array;
mod chunks;
mod create;
mod edit;
mod element_wise;
mod fourier;
mod index;
mod index_expr;
mod join;
mod mask;
mod math;
mod random;
mod reduce;
mod scan;
mod select;
mod shape;

pub use array::{Array, Operand, compute, persist};
pub use chunks::ChunkLen;
pub(crate) use element_wise::{element_wise, weak_numbers};
pub use fourier::Norm;
pub use index_expr::{Index, IndexExpr};
pub use join::{Cuts, Nested, block};
pub use random::RandomGenerator;
pub use reduce::ReduceOptions;
pub use shape::broadcast_arrays;
