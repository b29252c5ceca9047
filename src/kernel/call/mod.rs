//! Operations on blocks: one file per family.

mod bounds;
mod call;
mod fourier;
mod gather;
mod lines;
mod reshape;
mod scan;
mod sliding;
mod take;
mod turn;
mod window;

pub use call::{PieceView, call};
