//! What ends a job early: signals, and the time that it has.

use super::launch::Config;
use crate::error::{Error, Result};
use crate::exec::Stop;
use signal_hook::consts::{SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Where Slurm says when the job ends, in seconds since 1970.
const SLURM_END: &str = "SLURM_JOB_END_TIME";
/// Slurm kills at that time; the clocks of nodes differ, and syncing takes its time.
const BEFORE_SLURM: Duration = Duration::from_secs(30);
/// One wish to stop may come as several signals, from a batch script and a launcher.
const ONE_WISH: Duration = Duration::from_secs(2);

/// The number of the signal that came, of this process.
static SIGNAL: OnceLock<Arc<AtomicUsize>> = OnceLock::new();

/// What ends the jobs of this configuration early.
pub(super) fn stop(config: &Config) -> Result<Stop> {
    let signal = match config.dry_ranks {
        Some(_) => Arc::default(),
        None => signals()?,
    };
    let mut deadline = None;
    if let Some(limit) = config.time_limit {
        deadline = Some((SystemTime::now() + limit, "--time-limit".to_owned()));
    }
    if let Some(end) = slurm_end(std::env::var(SLURM_END).ok().as_deref())
        && deadline.as_ref().is_none_or(|(other, _)| end < *other)
    {
        deadline = Some((end, "the job's time in Slurm".to_owned()));
    }
    Ok(Stop::new(signal, deadline, config.stop_after))
}

fn slurm_end(text: Option<&str>) -> Option<SystemTime> {
    let seconds = text?.trim().parse().ok()?;
    let end = UNIX_EPOCH.checked_add(Duration::from_secs(seconds))?;
    end.checked_sub(BEFORE_SLURM)
}

/// From now on SIGTERM and SIGUSR1 ask for a stop between two tiles, and a second one, later, ends the process as ever.
fn signals() -> Result<Arc<AtomicUsize>> {
    if let Some(signal) = SIGNAL.get() {
        return Ok(signal.clone());
    }
    let failed = |e: std::io::Error| Error::resource(format!("waiting for signals: {e}"));
    let mut signals = Signals::new([SIGTERM, SIGUSR1]).map_err(failed)?;
    let signal = SIGNAL.get_or_init(Arc::default).clone();
    let came = signal.clone();
    let wait = move || {
        let mut first: Option<Instant> = None;
        for number in signals.forever() {
            came.store(usize::try_from(number).unwrap_or(1), Relaxed);
            if first.get_or_insert_with(Instant::now).elapsed() > ONE_WISH {
                let _ = signal_hook::low_level::emulate_default_handler(number);
            }
        }
    };
    let thread = std::thread::Builder::new().name("signals".to_owned());
    thread.spawn(wait).map_err(failed)?;
    Ok(signal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_slurm_job_ends_before_slurm_ends_it() {
        let end = |seconds| Some(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(slurm_end(Some("1000030")), end(1_000_000));
        assert_eq!(slurm_end(Some("soon")), None);
        assert_eq!(slurm_end(None), None);
    }
}
