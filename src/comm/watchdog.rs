//! Ends the job when nothing moves: a hang costs an allocation, an error only the rest of a run.
//!
//! A rank *moves* when it ticks: `exec` ticks per tile, the communicator per message. Each rank has a keeper, a thread that
//! sees whether the rank moves. Between processes the keepers tell rank 0's by datagrams (`heartbeat.rs`), beside the
//! messages of the ranks, so that a rank that waits in MPI tells it too; rank 0 alone then judges (`judge.rs`), and rank 1
//! whether rank 0 is alive: one report for the job, which names the rank that the others wait for.
//!
//! Where no datagrams come through, a keeper knows its own rank alone. One that computes without a tick for the limit is hung.
//! One that waits may wait for a rank that works, so it only warns at the limit, and ends the job at [`super::judge::PATIENCE`]
//! times the limit: then the others' ticks were no progress either.

use super::Comm;
use super::judge::Signs;
use super::keeper::Keeper;
use super::wire::Aborter;
use crate::error::{Error, Fault, Result};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The default limit.
const DEFAULT_SECONDS: u64 = 600;
/// Sets the limit in seconds; 0 turns the watchdog off.
const VARIABLE: &str = "HYPERSLAB_WATCHDOG_SECONDS";

/// The signs of life of one rank; shared between its threads.
pub struct Pulse {
    moves: AtomicU64,
    /// Calls that wait for other ranks.
    waiting: AtomicU32,
    /// Watchdogs that live: between requests of the program a rank may be still for ever.
    watched: AtomicU32,
    stage: Mutex<String>,
    abort: Aborter,
    /// Ranks are processes: only then is there something that datagrams tell and memory does not.
    apart: bool,
    keeper: Mutex<Option<Keeper>>,
}

/// While it lives, the rank waits for other ranks.
pub(crate) struct Waiting<'a>(&'a Pulse);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Ends the keeper of a rank with its communicator.
pub(super) struct EndOfPulse(pub(super) Arc<Pulse>);

impl Drop for EndOfPulse {
    fn drop(&mut self) {
        let keeper = lock(&self.0.keeper).take();
        drop(keeper);
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pulse {
    pub(super) fn new(abort: Aborter, apart: bool) -> Self {
        Pulse {
            moves: AtomicU64::new(0),
            waiting: AtomicU32::new(0),
            watched: AtomicU32::new(0),
            stage: Mutex::default(),
            abort,
            apart,
            keeper: Mutex::default(),
        }
    }

    /// Notes progress: a tile done, a message moved. Any thread.
    pub fn tick(&self) {
        self.moves.fetch_add(1, Ordering::Relaxed);
    }

    /// Says what the rank does now: the text of a later report.
    pub fn stage(&self, text: &str) {
        text.clone_into(&mut lock(&self.stage));
        self.tick();
        if let Some(keeper) = &*lock(&self.keeper) {
            keeper.tell(self);
        }
    }

    /// What the rank does now, if that can be told at once: for a thread that panics.
    pub(super) fn doing(&self) -> Option<String> {
        let stage = self.stage.try_lock().ok()?;
        (!stage.is_empty()).then(|| stage.clone())
    }

    pub(crate) fn waiting(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Waiting(self)
    }

    /// True where ranks are processes.
    pub(super) fn is_apart(&self) -> bool {
        self.apart
    }

    /// Ends the job with a report.
    pub(super) fn end_job(&self, report: &str, limit: Duration) {
        let report = format!(
            "{report}\n  the watchdog ends the job; {VARIABLE} sets its limit ({} s), 0 turns it off",
            limit.as_secs_f64()
        );
        (self.abort)(i32::from(Fault::Internal.exit_code()), &report);
    }

    pub(super) fn signs(&self) -> Signs {
        Signs {
            moves: self.moves.load(Ordering::Relaxed),
            waiting: self.waiting.load(Ordering::Relaxed) > 0,
            watched: self.watched.load(Ordering::Relaxed) > 0,
            stage: lock(&self.stage).clone(),
        }
    }
}

impl std::fmt::Debug for Pulse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pulse({})", self.moves.load(Ordering::Relaxed))
    }
}

/// Watches one rank until it is dropped. Off in a job of one rank.
pub struct Watchdog {
    pulse: Arc<Pulse>,
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

    /// Starts to watch; `None` watches nothing. Collective the first time, which starts the keepers for the rest of the job
    /// with the limit of that time.
    pub fn start(comm: &dyn Comm, limit: Option<Duration>) -> Self {
        let pulse = comm.pulse();
        if comm.size() > 1 {
            let mut keeper = lock(&pulse.keeper);
            if keeper.is_none() {
                *keeper = Some(Keeper::start(comm, &pulse, limit));
            }
        }
        pulse.tick();
        pulse.watched.fetch_add(1, Ordering::Relaxed);
        Watchdog { pulse }
    }

    /// Says what the rank does now: the text of a later report.
    pub fn stage(&self, text: &str) {
        self.pulse.stage(text);
    }

    /// Notes progress.
    pub fn tick(&self) {
        self.pulse.tick();
    }

    /// For the threads of a rank: they tick, too.
    pub fn pulse(&self) -> Arc<Pulse> {
        Arc::clone(&self.pulse)
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.pulse.watched.fetch_sub(1, Ordering::Relaxed);
        self.pulse.stage("");
    }
}
