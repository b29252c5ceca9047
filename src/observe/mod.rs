//! What a job did and does: bytes and memory of each rank, times by stage and kind of work, spans by thread, the status that
//! others read while it runs, and what is told of it at the end.
//!
//! Only numbers pass through here: nothing that is recorded changes what is computed.

mod dashboard;
mod meter;
mod progress;
mod recorder;
mod report;
mod status;
mod timeline;
mod watch;

pub(crate) use dashboard::Dashboard;
pub use meter::{Held, Meter, Stats, rss_peak_bytes};
pub(crate) use progress::Progress;
pub use recorder::{Began, Observed, Recorder, Span, SpanRecord, StageRecord, Stand, Work};
pub use report::{Expected, Facts, InputFact, PlannedStage, html, summary};
pub(crate) use status::{About, StatusFiles, prepare};
pub use status::{Status, read_folder};
pub use timeline::perfetto;
pub use watch::{ProgressForm, Watch};
