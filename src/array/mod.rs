//! Lazy N-d arrays by position: NumPy's and `dask.array`'s names, NumPy's rules.
//!
//! Operations carry a failure inside the lazy value: the first one wins, remembers the caller's line, and comes out at
//! `compute`, `save` or `check`.

mod array;
mod create;
mod element_wise;
mod index;
mod math;
mod random;
mod reduce;
mod scan;
mod shape;

pub use array::{Array, Operand, compute, persist};
pub(crate) use element_wise::{element_wise, weak_numbers};
pub use random::RandomGenerator;
pub use reduce::ReduceOptions;
