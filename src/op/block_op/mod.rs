//! Operations on blocks: what is not element by element. Each says what it needs of its inputs for a region of its result;
//! all else (tiles, margins, exchanges, memory) follows from that. One family, one file; the loops are in `kernel/call`.
//!
//! Laws: the elements of a region of the result depend on nothing but the demanded regions of the inputs, and not on
//! which region was asked for; a larger region never demands less.

#[allow(clippy::module_inception)]
mod block_op;
mod reshape;
mod scan;
mod user;
mod window;

pub use block_op::{BlockOp, Family};
pub use reshape::Reshape;
pub use scan::{Scan, ScanOp};
pub use user::User;
pub use window::{Sliding, SlidingKind, Window, WindowKind};
