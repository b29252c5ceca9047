//! Typed memory: buffers, blocks (a buffer with a shape) and views (a block seen through strides).

mod block;
mod buffer;
mod pack;
mod pages;
mod view;

pub use block::Block;
pub use buffer::{Buffer, Native};
pub use pages::keep_freed_memory;
pub use view::BlockView;
