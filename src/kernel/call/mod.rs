//! Operations on blocks: one file per family.

mod call;
mod fourier;
mod gather;
mod reshape;
mod scan;
mod take;

pub use call::{PieceView, call};
