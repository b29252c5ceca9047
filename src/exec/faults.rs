//! Injected faults, in builds with debug assertions only: `HYPERSLAB_FAULT=KIND:POINT:RANK`, for example
//! `panic:compute:3`.
//!
//! Kinds: `error`, `panic`, `abort`, `kill` (SIGKILL), `hang` (an hour of sleep), `slow` (five seconds). Points: `open` (a source), `exchange`
//! (before inputs are brought; a panic, abort or kill: nothing there may fail on one rank alone), `compute` (each task),
//! `combine`, `finish` (rank 0, before files get their names).

use crate::error::Result;

/// Fails here on `rank` if the environment says so.
#[cfg(debug_assertions)]
pub(super) fn point(at: &str, rank: usize) -> Result<()> {
    use crate::error::Error;
    use std::sync::OnceLock;

    static FAULT: OnceLock<Option<(String, String, usize)>> = OnceLock::new();
    let fault = FAULT.get_or_init(|| {
        let text = std::env::var("HYPERSLAB_FAULT").ok()?;
        let mut parts = text.split(':');
        let (kind, point) = (parts.next()?.to_owned(), parts.next()?.to_owned());
        Some((kind, point, parts.next()?.parse().ok()?))
    });
    let Some((kind, _, _)) = fault.as_ref().filter(|(_, p, r)| p == at && *r == rank) else {
        return Ok(());
    };
    // Dying on purpose is what this file is for.
    #[allow(clippy::panic, clippy::disallowed_methods)]
    match kind.as_str() {
        "abort" => std::process::abort(),
        "kill" => {
            use rustix::process::{Signal, getpid, kill_process};
            kill_process(getpid(), Signal::KILL).map_err(Error::internal)
        }
        "hang" => {
            std::thread::sleep(std::time::Duration::from_secs(3600));
            Ok(())
        }
        "slow" => {
            std::thread::sleep(std::time::Duration::from_secs(5));
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
