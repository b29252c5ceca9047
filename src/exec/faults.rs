//! Injected faults, in builds with debug assertions only: `HYPERSLAB_FAULT=KIND:POINT:RANK`, for example
//! `panic:compute:3`.
//!
//! Kinds: `error`, `panic`, `abort`, `kill` (SIGKILL), `stop` (SIGSTOP), `hang` (an hour of sleep), `slow` (five seconds, once), and `transient` (the next two
//! reads of local files fail with EIO; once). Points: `open` (before a rank opens its inputs), `exchange` (before inputs are
//! brought), `read` (when the bytes of a chunk are fetched, by a reader thread), `decode` (each chunk), `compute` (each task),
//! `move` (each piece that a rank packs for another), `combine`, `merge` (each message of partial results), `write` (each piece that a rank encodes or writes), `finish` (before a rank syncs its outputs), `scratch`.

use crate::error::Result;

/// As [`point`], where a panic becomes an error: for the main thread, whose panics end the job.
pub(super) fn quiet_point(at: &str, rank: usize) -> Result<()> {
    match cfg!(debug_assertions) {
        true => crate::comm::quiet_panics(|| point(at, rank)).flatten(),
        false => Ok(()),
    }
}

/// Fails here if the environment says so for the rank that the launcher gave this process.
#[cfg(debug_assertions)]
pub(super) fn here(at: &str) -> Result<()> {
    match asked().as_ref().is_some_and(|(_, point, _)| point == at) {
        true => point(at, crate::comm::launcher_rank().unwrap_or(0)),
        false => Ok(()),
    }
}

/// Whether a fault is asked for at this point.
#[cfg(debug_assertions)]
pub(super) fn wanted(at: &str) -> bool {
    asked().as_ref().is_some_and(|(_, point, _)| point == at)
}

/// Kind, point and rank.
#[cfg(debug_assertions)]
fn asked() -> &'static Option<(String, String, usize)> {
    static FAULT: std::sync::OnceLock<Option<(String, String, usize)>> = std::sync::OnceLock::new();
    FAULT.get_or_init(|| {
        let text = std::env::var("HYPERSLAB_FAULT").ok()?;
        let mut parts = text.split(':');
        let (kind, point) = (parts.next()?.to_owned(), parts.next()?.to_owned());
        Some((kind, point, parts.next()?.parse().ok()?))
    })
}

/// Fails here on `rank` if the environment says so.
#[cfg(debug_assertions)]
pub(super) fn point(at: &str, rank: usize) -> Result<()> {
    use crate::error::Error;
    use rustix::process::{Signal, getpid, kill_process};
    use std::sync::Once;

    let fault = asked().as_ref().filter(|(_, p, r)| p == at && *r == rank);
    let Some((kind, ..)) = fault else {
        return Ok(());
    };
    // Dying on purpose is what this file is for.
    #[allow(clippy::panic, clippy::disallowed_methods)]
    match kind.as_str() {
        "abort" => std::process::abort(),
        "kill" => kill_process(getpid(), Signal::KILL).map_err(Error::internal),
        "stop" => kill_process(getpid(), Signal::STOP).map_err(Error::internal),
        "hang" => {
            std::thread::sleep(std::time::Duration::from_secs(3600));
            Ok(())
        }
        "slow" => {
            static ONCE: Once = Once::new();
            ONCE.call_once(|| std::thread::sleep(std::time::Duration::from_secs(5)));
            Ok(())
        }
        "transient" => {
            static ONCE: Once = Once::new();
            ONCE.call_once(|| crate::io::fail_reads(2));
            Ok(())
        }
        "panic" => std::panic::panic_any(format!("injected at {at}")),
        _ => Err(Error::internal(format!("injected at {at}"))),
    }
}

/// Nothing, in builds without debug assertions.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub(super) fn point(_at: &str, _rank: usize) -> Result<()> {
    Ok(())
}

/// Nothing, in builds without debug assertions.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub(super) fn here(_at: &str) -> Result<()> {
    Ok(())
}

/// Never, in builds without debug assertions.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub(super) fn wanted(_at: &str) -> bool {
    false
}
