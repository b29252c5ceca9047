//! The end of a job before its work is done: a signal or the time left ends it between two tiles.
//!
//! Law: once it is time to stop it stays so, on every thread of the rank; other ranks are told by a file in the journal.

use crate::error::{Error, Fault, Result};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// The file in a journal that tells all ranks.
const FILE: &str = "stop";
/// How often a rank looks for it.
const LOOKS: Duration = Duration::from_secs(1);
/// Least time that the end takes, beside a tile.
const ENDING: Duration = Duration::from_secs(1);

/// Whether it is time to stop; shared by the threads of a rank.
pub struct Stop {
    /// Number of the signal that came.
    signal: Arc<AtomicUsize>,
    /// The end of the time that the job has, and what it is called.
    deadline: Option<(SystemTime, String)>,
    /// Tiles after which it stops: for tests.
    after: Option<u64>,
    tiles: AtomicU64,
    /// The longest that a tile took, in nanoseconds.
    longest: AtomicU64,
    stopped: AtomicBool,
    reason: Mutex<String>,
    /// The journal's file, and when it was looked for last.
    file: Mutex<Option<(PathBuf, Instant)>>,
}

impl Stop {
    /// Stops when `signal` is not 0, when the deadline comes near, or after so many tiles of a rank.
    pub fn new(
        signal: Arc<AtomicUsize>,
        deadline: Option<(SystemTime, String)>,
        after: Option<u64>,
    ) -> Self {
        Stop {
            signal,
            deadline,
            after,
            tiles: AtomicU64::new(0),
            longest: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
            reason: Mutex::default(),
            file: Mutex::new(None),
        }
    }

    /// From now on the ranks tell one another through this journal.
    pub(super) fn tell_in(&self, journal: Option<&Path>) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        *file = journal.map(|folder| (folder.join(FILE), Instant::now()));
    }

    /// Notes how long a tile took.
    pub(super) fn tile_took(&self, time: Duration) {
        self.longest.fetch_max(time.as_nanos() as u64, Relaxed);
    }

    /// As `check`, before a tile.
    pub(super) fn before_tile(&self) -> Result<()> {
        if let Some(after) = self.after
            && self.tiles.fetch_add(1, Relaxed) >= after
        {
            self.stop(&format!("after {after} tiles"), true);
        }
        self.check()
    }

    /// An error when it is time to stop.
    pub(super) fn check(&self) -> Result<()> {
        if !self.stopped.load(Relaxed) {
            self.look();
        }
        if !self.stopped.load(Relaxed) {
            return Ok(());
        }
        let reason = self.reason.lock().unwrap_or_else(PoisonError::into_inner);
        Err(Error::new(
            Fault::Stopped,
            format!("stopped {reason} before the end"),
        ))
    }

    fn look(&self) {
        match self.signal.load(Relaxed) {
            0 => {}
            number => return self.stop(&format!("by {}", name(number)), true),
        }
        if let Some((end, what)) = &self.deadline {
            // Two tiles: this one, and one that the others may be in.
            let ending = ENDING + Duration::from_nanos(2 * self.longest.load(Relaxed));
            if SystemTime::now() + ending >= *end {
                return self.stop(&format!("near the end of {what}"), true);
            }
        }
        let told = {
            let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            match &mut *file {
                Some((path, last)) if last.elapsed() >= LOOKS => {
                    *last = Instant::now();
                    std::fs::read_to_string(path).ok()
                }
                _ => None,
            }
        };
        if let Some(told) = told {
            self.stop(&told, false);
        }
    }

    fn stop(&self, reason: &str, tell: bool) {
        if self.stopped.swap(true, Relaxed) {
            return;
        }
        let mut text = self.reason.lock().unwrap_or_else(PoisonError::into_inner);
        reason.clone_into(&mut text);
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some((path, _)), true) = (&*file, tell) {
            // Without it the others stop when they are told themselves, or at the end of the stage.
            let _ = std::fs::write(path, reason);
        }
    }
}

impl std::fmt::Debug for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Stop({})", self.stopped.load(Relaxed))
    }
}

/// A start of the same run forgets what an earlier one was told.
pub(super) fn forget(journal: &Path) {
    let _ = std::fs::remove_file(journal.join(FILE));
}

fn name(signal: usize) -> String {
    use rustix::process::Signal;
    let number = i32::try_from(signal).unwrap_or(0);
    match number {
        n if n == Signal::TERM.as_raw() => "SIGTERM".to_owned(),
        n if n == Signal::USR1.as_raw() => "SIGUSR1".to_owned(),
        other => format!("signal {other}"),
    }
}
