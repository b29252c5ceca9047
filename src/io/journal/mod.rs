//! The journal of a run that writes outputs: a folder beside the first of them that says what is finished, so that a run which was
//! stopped or killed can be continued, by any number of ranks.
//!
//! The folder `.NAME.hyperslab-TOKEN.journal` has
//! - `run.json`: what the run is (its [`RunKey`]); rank 0 holds a lock on it for as long as it lives;
//! - `attempt-N.json`: each start, with the unfinished outputs that it writes (`.NAME.hyperslab-TOKEN.part`);
//! - `N-R.log`: what rank R noted in start N, record after record, each with its length and CRC-32C; a record that was cut off
//!   by a kill ends the log;
//! - `N-R.results`, `N-R-L.0`, `N-R-L.1`: bytes that records point to, with their CRC-32C.
//!
//! Laws: a record is written after what it speaks of, and never becomes false; whoever reads it compares checksums before believing it.
//! Nothing here is synced but at a clean stop: what the system had not written when a node died fails its checksum, and is
//! made again.

mod folder;
mod key;
mod log;
mod parts;
mod record;
mod unfinished;

pub use folder::{Attempt, Found, Interrupted, JournalFolder, remove_part, tidy};
pub use key::{InputKey, RunKey, Sha};
pub use log::{BlobWriter, Log, read_blob};
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use log::{records, sealed};
pub(in crate::io) use parts::layout;
pub use parts::{ChunkIn, check_region, good_file, good_layout, read_chunk};
pub use record::{Blob, Record, StoredState};
pub use unfinished::{Noting, Unfinished, finished_run};
