//! Lazy N-d arrays by position: NumPy's and `dask.array`'s names, NumPy's rules.
//!
//! Operations carry a failure inside the lazy value: the first one wins, remembers the caller's line, and comes out at
//! `compute`, `save` or `check`.

mod array;
mod compose;
mod create;
mod element_wise;
mod index;
mod math;
mod matrices;
mod random;
mod ranges;
mod reduce;
mod scan;
mod shape;
mod statistics;

pub use array::{Array, Operand, compute, persist};
pub use compose::{Bound, select};
pub(crate) use element_wise::{element_wise, weak_numbers};
pub use random::RandomGenerator;
pub use ranges::meshgrid;
pub use reduce::ReduceOptions;
