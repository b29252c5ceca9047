//! Job scripts in Rhai: the library's operations under the names that users know, without a compiler.
//!
//! Types are `DataArray`, `Dataset`, their groups (labelled) and `Array` (by position). An operation that is wrong raises at
//! once, at the script's own line and column. Scripts are read on rank 0 only.
//!
//! Rhai answers a comparison of two types that nobody registered with `false`, in silence. So every operator is registered
//! here for our types beside anything at all: it works or it raises.

mod along;
mod args;
mod choose;
mod combine;
mod create;
mod elementwise;
mod encoding;
mod failure;
mod fourier;
mod group;
mod index;
mod kernels;
mod labelled_along;
mod labels;
mod methods;
mod names;
mod numpy;
mod operators;
mod plot;
mod random;
mod reduce;
mod registry;
mod resample;
mod rolling_exp;
mod run;
mod select;
mod shape;
mod show;
mod times;
mod windows;

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use run::run_each;
pub use run::{Item, evaluate, evaluate_items, run_script, run_text};
