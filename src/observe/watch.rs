//! How a job is watched: what its user asks for.

use crate::error::{Error, Result};
use std::path::PathBuf;

/// How progress is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProgressForm {
    /// Not at all.
    #[default]
    Off,
    /// A bar where standard error is a terminal; else lines, of jobs that take longer than half a minute.
    Auto,
    /// A bar.
    Bar,
    /// Lines.
    Lines,
}

/// What is shown and kept of a job beside its results. Nothing here changes a result.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watch {
    /// Progress on standard error, by rank 0.
    pub progress: ProgressForm,
    /// Folder, seen by all ranks, where each rank keeps a record of where it stands; `hyperslab top` shows them.
    pub status: Option<PathBuf>,
    /// Address (`127.0.0.1:8787`) where rank 0 serves a page that shows the job as it runs. Needs `status`; without one it
    /// gets a folder beside the working directory.
    pub dashboard: Option<String>,
    /// Where the report of the whole job goes: `.json`, else a self-contained page of HTML.
    pub report: Option<PathBuf>,
    /// Where the timeline of all threads goes, as Perfetto and chrome://tracing read it.
    pub trace: Option<PathBuf>,
}

/// The variables of the environment, for programs without a command line of ours.
const VARIABLES: [&str; 5] = [
    "HYPERSLAB_PROGRESS",
    "HYPERSLAB_STATUS",
    "HYPERSLAB_DASHBOARD",
    "HYPERSLAB_REPORT",
    "HYPERSLAB_TRACE",
];

impl ProgressForm {
    /// The names that [`ProgressForm::parse`] knows.
    pub const NAMES: [&str; 4] = ["off", "auto", "bar", "lines"];

    /// The form of this name.
    ///
    /// # Errors
    /// Invalid input for any other.
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "off" => Ok(ProgressForm::Off),
            "auto" => Ok(ProgressForm::Auto),
            "bar" => Ok(ProgressForm::Bar),
            "lines" => Ok(ProgressForm::Lines),
            other => Err(Error::invalid(format!(
                "progress {other:?}: allowed are {}",
                Self::NAMES.join(", ")
            ))),
        }
    }
}

impl Watch {
    /// What the variables `HYPERSLAB_PROGRESS` (off, auto, bar, lines), `HYPERSLAB_STATUS`, `HYPERSLAB_DASHBOARD`,
    /// `HYPERSLAB_REPORT` and `HYPERSLAB_TRACE` say.
    ///
    /// # Errors
    /// Invalid input for an unknown form of progress.
    pub fn from_env() -> Result<Self> {
        let text = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let path = |name: &str| text(name).map(PathBuf::from);
        let [progress, status, dashboard, report, trace] = VARIABLES;
        Ok(Watch {
            progress: match text(progress) {
                Some(name) => ProgressForm::parse(&name)
                    .map_err(|e| e.context("reading HYPERSLAB_PROGRESS"))?,
                None => ProgressForm::Off,
            },
            status: path(status),
            dashboard: text(dashboard),
            report: path(report),
            trace: path(trace),
        })
    }

    /// Whether each piece of work is to be recorded, not only sums.
    pub fn wants_spans(&self) -> bool {
        self.report.is_some() || self.trace.is_some() || self.dashboard.is_some()
    }

    /// Whether the ranks are asked at the end what they did.
    pub fn wants_facts(&self) -> bool {
        self.report.is_some() || self.trace.is_some()
    }
}
