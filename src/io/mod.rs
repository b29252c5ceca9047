//! Files: sources that fetch stored bytes and decode them into blocks, sinks that encode and write.

mod format;

pub use format::{Scratch, Source};
