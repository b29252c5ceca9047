//! Ranks and what they say to one another: one trait, three fabrics.
//!
//! Only a rank's main thread holds a communicator; every collective is called by all ranks in the same order. Messages
//! of any length are split here and nowhere else.

#[allow(clippy::module_inception)]
mod comm;
mod endpoint;
mod handshake;
mod heartbeat;
mod judge;
mod keeper;
mod launch;
mod mpi;
mod panics;
mod solo;
mod threads;
mod watchdog;
mod window;
mod wire;

#[cfg(test)]
mod tests;

pub use comm::{Comm, CommStats, Message, Stream, Tag, share, verdict};
pub use handshake::{WIRE_VERSION, handshake};
pub use launch::{Fabric, detect, launch, launcher_rank};
pub(crate) use mpi::library as mpi_library;
pub use panics::quiet_panics;
pub use solo::Solo;
pub use watchdog::{Pulse, Watchdog};
pub use window::windows_from_env;
