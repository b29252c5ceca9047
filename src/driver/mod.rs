//! The driver on rank 0 and the service loop on all ranks.
//!
//! The user's program runs on a thread of rank 0 and reads like a serial program; the main thread of every rank, which
//! alone speaks to the others, serves its requests: it broadcasts a plan, and all ranks walk it.

mod forecast;
mod key;
mod launch;
mod noted;
mod session;
mod stop;
mod trace;
mod watch;

pub use forecast::{Forecast, StoredSizes, forecast};
pub use launch::{Config, Driver, Journaled, Rewriting, launch, launch_with};
pub use noted::Noted;
pub use session::{Finished, Save, SaveVariable, Session, Wanted};
pub use trace::Trace;
