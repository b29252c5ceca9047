//! A thread that ends the job when nothing moves: a hang costs an allocation, an error only the rest of a run.
//!
//! A rank *moves* when it ticks: `exec` ticks per tile, the communicator per message. A rank that computes without a
//! tick for the limit is hung. A rank that waits in `comm` may wait for one that works alone, so it only warns at the
//! limit, and ends the job at [`PATIENCE`] times the limit: then the others' ticks were no progress either.

use super::Comm;
use super::wire::Aborter;
use crate::error::{Error, Fault, Result};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How many limits a rank may wait for others.
const PATIENCE: u32 = 6;
/// The default limit.
const DEFAULT_SECONDS: u64 = 600;
/// Sets the limit in seconds; 0 turns the watchdog off.
const VARIABLE: &str = "HYPERSLAB_WATCHDOG_SECONDS";

/// The signs of life of one rank; shared between its threads.
pub struct Pulse {
    moves: AtomicU64,
    waiting: AtomicBool,
    abort: Aborter,
}

/// While it lives, the rank waits for other ranks.
pub(super) struct Waiting<'a>(&'a Pulse);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.store(false, Ordering::Relaxed);
    }
}

impl Pulse {
    pub(super) fn new(abort: Aborter) -> Self {
        Pulse {
            moves: AtomicU64::new(0),
            waiting: AtomicBool::new(false),
            abort,
        }
    }

    /// Notes progress: a tile done, a message moved. Any thread.
    pub fn tick(&self) {
        self.moves.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn waiting(&self) -> Waiting<'_> {
        self.waiting.store(true, Ordering::Relaxed);
        Waiting(self)
    }
}

impl std::fmt::Debug for Pulse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pulse({})", self.moves.load(Ordering::Relaxed))
    }
}

struct Shared {
    pulse: Arc<Pulse>,
    place: String,
    /// Current stage, and true when the watchdog shall end.
    state: Mutex<(String, bool)>,
    wake: Condvar,
}

/// Watches one rank until it is dropped. Off in a job of one rank.
pub struct Watchdog {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Watchdog {
    /// The limit that the environment variable `HYPERSLAB_WATCHDOG_SECONDS` sets, default 600 s; `None` when it is 0.
    ///
    /// # Errors
    /// Invalid input when the variable is not a whole number of seconds.
    pub fn limit_from_env() -> Result<Option<Duration>> {
        let seconds = match std::env::var(VARIABLE) {
            Err(_) => DEFAULT_SECONDS,
            Ok(text) => text.trim().parse().map_err(|_| {
                Error::invalid(format!(
                    "{VARIABLE}={text:?} is not a whole number of seconds; 0 turns the watchdog off"
                ))
            })?,
        };
        Ok((seconds > 0).then(|| Duration::from_secs(seconds)))
    }

    /// Starts to watch; `None` watches nothing.
    pub fn start(comm: &dyn Comm, limit: Option<Duration>) -> Self {
        let shared = Arc::new(Shared {
            pulse: comm.pulse(),
            place: format!(
                "rank {} of {}, host {}",
                comm.rank(),
                comm.size(),
                comm.host()
            ),
            state: Mutex::default(),
            wake: Condvar::new(),
        });
        let thread = limit.filter(|_| comm.size() > 1).and_then(|limit| {
            let shared = Arc::clone(&shared);
            // Without a thread to watch with, the job runs unwatched rather than not at all.
            std::thread::Builder::new()
                .name("watchdog".into())
                .spawn(move || watch(&shared, limit))
                .ok()
        });
        Watchdog { shared, thread }
    }

    /// Says what the rank does now: the text of a later report.
    pub fn stage(&self, text: &str) {
        let mut state = self
            .shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        text.clone_into(&mut state.0);
        drop(state);
        self.tick();
    }

    /// Notes progress.
    pub fn tick(&self) {
        self.shared.pulse.tick();
    }

    /// For the threads of a rank: they tick, too.
    pub fn pulse(&self) -> Arc<Pulse> {
        Arc::clone(&self.shared.pulse)
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .1 = true;
        self.shared.wake.notify_all();
        if let Some(thread) = self.thread.take() {
            // A watchdog that panicked has nothing to say any more.
            let _ = thread.join();
        }
    }
}

fn watch(shared: &Shared, limit: Duration) {
    let period = (limit / 8).clamp(Duration::from_millis(10), Duration::from_secs(10));
    let mut seen = shared.pulse.moves.load(Ordering::Relaxed);
    let mut since = Instant::now();
    let mut warned = false;
    let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
    while !state.1 {
        state = shared
            .wake
            .wait_timeout(state, period)
            .unwrap_or_else(PoisonError::into_inner)
            .0;
        let moves = shared.pulse.moves.load(Ordering::Relaxed);
        if moves != seen {
            (seen, since, warned) = (moves, Instant::now(), false);
            continue;
        }
        let still = since.elapsed();
        if still < limit || state.1 {
            continue;
        }
        let waiting = shared.pulse.waiting.load(Ordering::Relaxed);
        let stage = if state.0.is_empty() {
            "no stage yet"
        } else {
            &state.0
        };
        let what = if waiting {
            "waits for other ranks"
        } else {
            "has not moved"
        };
        let report = format!(
            "{}: {what} for {} s in: {stage}",
            shared.place,
            still.as_secs_f64().round()
        );
        if !waiting || still >= limit * PATIENCE {
            let report = format!(
                "{report}\n  the watchdog ends the job; {VARIABLE} sets its limit ({} s), 0 turns it off",
                limit.as_secs_f64()
            );
            (shared.pulse.abort)(i32::from(Fault::Internal.exit_code()), &report);
            return;
        }
        if !warned {
            warned = true;
            eprintln!("hyperslab: warning: {report}");
        }
    }
}
