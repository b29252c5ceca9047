//! Lazy N-d arrays by position: NumPy's and `dask.array`'s names, NumPy's rules.
//!
//! Operations carry a failure inside the lazy value: the first one wins, remembers the caller's line, and comes out at
//! `compute`, `save` or `check`.

mod array;
mod compose;
mod create;
mod differences;
mod element_wise;
mod filters;
mod index;
mod math;
mod matrices;
mod overlap;
mod pad;
mod random;
mod ranges;
mod reduce;
mod scan;
mod shape;
mod statistics;
mod windows;

pub use array::{Array, Operand, compute, persist};
pub use compose::{Bound, select};
pub use differences::Spacing;
pub(crate) use element_wise::{element_wise, weak_numbers};
pub use filters::{Border, ConvolveMode};
pub use overlap::Boundary;
pub use pad::PadMode;
pub use random::RandomGenerator;
pub use ranges::meshgrid;
pub use reduce::ReduceOptions;
pub use windows::{CoarsenBoundary, Rolling};
