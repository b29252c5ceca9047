//! Ranks and what they say to one another: one trait, three fabrics.
//!
//! Only a rank's main thread holds a communicator; every collective is called by all ranks in the same order. Messages
//! of any length are split here and nowhere else.

mod comm;

pub use comm::{Comm, CommStats, Message, Tag, share, verdict};
