//! Numbers of a finished job, for people and as JSON; clocks.

use crate::config::{Limits, format_bytes};
use crate::driver::Finished;
use crate::dtype::TimeUnit;
use crate::error::Error;
use crate::labelled::cf::CfTime;
use serde_json::{Value, json};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// When this process started.
pub(super) struct Clock {
    main: Instant,
    /// Seconds from the start of the process to `main`: loading the program.
    before_main_s: f64,
}

impl Clock {
    /// Call first in `main`.
    pub(super) fn start() -> Self {
        Clock {
            main: Instant::now(),
            before_main_s: before_main_s().unwrap_or(0.0),
        }
    }

    /// Seconds since the start of the process.
    pub(super) fn elapsed_s(&self) -> f64 {
        self.before_main_s + self.main.elapsed().as_secs_f64()
    }
}

/// Age of this process by the kernel's account (in ticks of 10 ms): field 22 of /proc/self/stat against /proc/uptime.
fn before_main_s() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The second field, the name, may hold spaces: count from behind it.
    let after = stat.rsplit_once(')')?.1;
    let ticks: f64 = after.split_whitespace().nth(19)?.parse().ok()?;
    let uptime = std::fs::read_to_string("/proc/uptime").ok()?;
    let uptime: f64 = uptime.split_whitespace().next()?.parse().ok()?;
    // The kernel's unit for user space, the same on every Linux.
    const TICKS_PER_SECOND: f64 = 100.0;
    let age = uptime - ticks / TICKS_PER_SECOND;
    (0.0..60.0).contains(&age).then_some(age)
}

/// `2026-11-21T02:50:00Z`
pub(super) fn utc(now: SystemTime) -> String {
    let seconds = now.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let t = CfTime::datetime64(TimeUnit::Second).civil(seconds as i64);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        t.year, t.month, t.day, t.hour, t.minute, t.second
    )
}

fn millis(seconds: f64) -> f64 {
    (seconds * 1e6).round() / 1e6
}

/// The summary of a job that `run --json` prints.
///
/// `startup_s`: start of the process (by the kernel's account, ticks of 10 ms) to the start of the driver, so the launcher's
/// and MPI's start are in it. `elapsed_s`: start of the driver to the last output complete. Bytes and messages are sums over
/// ranks and runs; peaks are lists by rank: `measured_peak_bytes` of array data, `rss_peak_bytes` of the process.
pub(super) fn summary(
    done: &Finished,
    ranks: usize,
    limits: &Limits,
    startup_s: f64,
    elapsed_s: f64,
) -> Value {
    let mut rss = done.rss_peaks.clone();
    if rss.is_empty() {
        rss = vec![crate::observe::rss_peak_bytes()];
    }
    json!({
        "startup_s": millis(startup_s),
        "elapsed_s": millis(elapsed_s),
        "bytes_read": done.stats.read_bytes,
        "bytes_decoded": done.stats.decoded_bytes,
        "bytes_moved": done.stats.moved_bytes,
        "bytes_written": done.stats.written_bytes,
        "bytes_scratch_written": done.stats.scratch_written_bytes,
        "bytes_scratch_read": done.stats.scratch_read_bytes,
        "messages": done.stats.messages,
        "projected_peak_bytes": done.projected_bytes,
        "measured_peak_bytes": done.peaks,
        "rss_peak_bytes": rss,
        "ranks": ranks,
        "threads": limits.threads,
        "memory_bytes": limits.memory_bytes,
        "outputs": done.outputs.iter().map(|p| p.display().to_string()).collect::<Vec<_>>(),
        "runs": done.runs,
    })
}

/// The line that a person reads after a job.
pub(super) fn line(done: &Finished, ranks: usize, limits: &Limits, elapsed_s: f64) -> String {
    let peak = done.peaks.iter().copied().max().unwrap_or(0);
    let what = match done.outputs.as_slice() {
        [] => String::new(),
        [one] => format!("wrote {}, ", one.display()),
        several => format!("wrote {} files, ", several.len()),
    };
    let scratch = match done.stats.scratch_written_bytes {
        0 => String::new(),
        bytes => format!(
            "scratch files {} written and {} read, ",
            format_bytes(bytes),
            format_bytes(done.stats.scratch_read_bytes)
        ),
    };
    format!(
        "{what}{elapsed_s:.2} s on {ranks} rank{} × {} thread{}: read {}, decoded {}, moved {}, {scratch}peak {} per rank (projected {})",
        if ranks == 1 { "" } else { "s" },
        limits.threads,
        if limits.threads == 1 { "" } else { "s" },
        format_bytes(done.stats.read_bytes),
        format_bytes(done.stats.decoded_bytes),
        format_bytes(done.stats.moved_bytes),
        format_bytes(peak),
        format_bytes(done.projected_bytes),
    )
}

/// An error as JSON.
pub(super) fn error(error: &Error) -> Value {
    let origin = error.origin();
    json!({ "error": {
        "message": error.message(),
        "text": error.to_string(),
        "fault": error.fault(),
        "exit_code": error.fault().exit_code(),
        "rank": origin.map(|o| o.rank),
        "ranks": origin.map(|o| o.size),
        "host": origin.map(|o| o.host.clone()),
    }})
}
