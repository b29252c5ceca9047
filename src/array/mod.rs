//! Lazy N-d arrays by position: NumPy's and `dask.array`'s names, NumPy's rules.
//!
//! Operations carry a failure inside the lazy value: the first one wins, remembers the caller's line, and comes out at
//! `compute`, `save` or `check`.

mod array;
mod choose;
mod chunks;
mod compose;
mod create;
mod decay;
mod differences;
mod dtypes;
mod edit;
mod element_wise;
mod filters;
mod fourier;
mod group_scan;
mod index;
mod index_expr;
mod index_math;
mod join;
mod kernels;
mod mask;
mod math;
mod matrices;
mod overlap;
mod pad;
mod random;
mod ranges;
mod reduce;
mod scan;
mod select;
mod shape;
mod statistics;
mod store;
mod windows;

pub use array::{Array, Operand, compute, persist};
pub use choose::{Chosen, IndexMode};
pub use chunks::ChunkLen;
pub use compose::{Bound, select};
pub use differences::Spacing;
pub use dtypes::{FloatInfo, IntInfo, can_cast, finfo, iinfo, isdtype, result_type};
pub(crate) use element_wise::{element_wise, weak_numbers};
pub use filters::{Border, ConvolveMode};
pub use fourier::Norm;
pub use index_expr::{Index, IndexExpr};
pub use index_math::{ravel_multi_index, unravel_index};
pub use join::{Cuts, Nested, block};
pub use kernels::blockwise;
pub use overlap::Boundary;
pub use pad::PadMode;
pub use random::RandomGenerator;
pub use ranges::meshgrid;
pub use reduce::ReduceOptions;
pub use shape::broadcast_arrays;
pub use store::{StoreOptions, store};
pub(crate) use store::{as_stored, unit_name};
pub use windows::{CoarsenBoundary, Rolling};
