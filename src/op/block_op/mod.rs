//! Operations on blocks: what is not element by element. Each says what it needs of its inputs for a region of its result;
//! all else (tiles, margins, exchanges, memory) follows from that. One family, one file; the loops are in `kernel/call`.
//!
//! Laws: the elements of a region of the result depend on nothing but the demanded regions of the inputs, and not on
//! which region was asked for; a larger region never demands less.

mod block_op;
mod blockwise;
mod bounds;
mod fourier;
mod gather;
mod reshape;
mod scan;
mod take;
mod user;
mod window;

pub use block_op::{BlockOp, Family};
pub use blockwise::{Blockwise, Made};
pub use bounds::Bounds;
pub use fourier::{Fourier, Transform};
pub use gather::{Compress, SearchSorted, TakeAlong};
pub use reshape::{Reshape, reshape_groups};
pub use scan::{Scan, ScanOp};
pub use take::{MOST_TAKEN, Take};
pub use user::User;
pub use window::{Sliding, SlidingKind, Window, WindowKind};
