//! Operations on blocks: one file per family.

mod call;
mod lines;
mod reshape;
mod scan;
mod sliding;
mod window;

pub use call::{PieceView, call};
