//! Operations on blocks: one file per family.

mod call;
mod lines;
mod reshape;
mod scan;

pub use call::{PieceView, call};
