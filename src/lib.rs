//! hyperslab: lazy, chunked, labelled N-d arrays for `mpirun` and Slurm.

#[macro_use]
pub mod dtype;
pub mod array;
pub mod block;
pub mod cli;
pub mod comm;
pub mod config;
pub mod driver;
pub mod error;
pub mod exec;
pub mod expr;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
pub mod geom;
pub mod io;
pub mod kernel;
pub mod labelled;
pub mod observe;
pub mod op;
pub mod optimize;
pub mod plan;
pub mod plot;
pub mod script;
pub mod spec;
pub mod visualize;

pub use driver::launch;
pub use error::{Error, Result};
