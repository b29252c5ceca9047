//! What a job is allowed to use, parsed once.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// Limits of one rank. Threads and memory never change a result, only how it is computed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of array data that one rank may hold at once.
    pub memory_bytes: u64,
    /// Threads that compute on one rank.
    pub threads: usize,
    /// Reads in flight on one rank; more than threads, since reads wait for the file system.
    pub reads: usize,
    /// Largest piece of a message, in bytes; longer messages are split in `comm`.
    pub message_bytes: usize,
    /// Folder for stored results that do not fit in memory, seen by all ranks under this name; `None`: such a plan is refused.
    pub scratch: Option<PathBuf>,
}

impl Limits {
    /// The variable of the environment with the folder for scratch files, where neither program nor command line says one.
    pub const SCRATCH_VARIABLE: &str = "HYPERSLAB_SCRATCH";
    /// Default budget of a rank when neither the user nor the job says one: 1 GiB.
    pub const DEFAULT_MEMORY_BYTES: u64 = 1 << 30;
    /// Default reads in flight of one rank.
    pub const DEFAULT_READS: usize = 16;
    /// MPI counts are C ints: pieces stay at 1 GiB, well below 2³¹ − 1 bytes.
    pub const DEFAULT_MESSAGE_BYTES: usize = 1 << 30;
}

/// Memory that a rank shares with the others of its node, for exchanges: of this size, however many they are.
pub const WINDOW_BYTES: usize = 2 << 20;
/// The window may be this part of a rank's budget; with less there is none.
const WINDOW_PART: u64 = 128;

impl Limits {
    /// Bytes of a rank's window in a job of so many ranks.
    pub fn window_bytes(&self, ranks: usize) -> usize {
        let small = WINDOW_BYTES as u64 <= self.memory_bytes / WINDOW_PART;
        if ranks > 1 && small { WINDOW_BYTES } else { 0 }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            memory_bytes: Self::DEFAULT_MEMORY_BYTES,
            threads: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            reads: Self::DEFAULT_READS,
            message_bytes: Self::DEFAULT_MESSAGE_BYTES,
            scratch: std::env::var_os(Self::SCRATCH_VARIABLE)
                .filter(|folder| !folder.is_empty())
                .map(PathBuf::from),
        }
    }
}

/// A time from `"90s"`, `"10min"`, `"1.5h"`, `"2d"`, a plain number of seconds, or as Slurm writes it: `"30:00"`, `"1:30:00"`,
/// `"1-12:00:00"`.
///
/// # Errors
/// Invalid input when the text is no positive time of at most 366 days.
pub fn parse_duration(text: &str) -> Result<Duration> {
    let refused = || {
        Error::invalid(format!(
            "{text:?} is no time; write for example 90s, 10min, 1.5h, 2d, or 1-12:00:00 (days-hours:minutes:seconds), at most 366 days"
        ))
    };
    let trimmed = text.trim();
    let seconds = if trimmed.contains(':') {
        let (days, clock) = match trimmed.split_once('-') {
            Some((days, clock)) => (days.parse::<u32>().map_err(|_| refused())?, clock),
            None => (0, trimmed),
        };
        let parts: Vec<u32> = (clock.split(':'))
            .map(|part| part.parse().map_err(|_| refused()))
            .collect::<Result<_>>()?;
        // As in Slurm: minutes:seconds, or hours:minutes:seconds.
        let seconds = match parts[..] {
            [minutes, seconds] => f64::from(minutes) * 60.0 + f64::from(seconds),
            [hours, minutes, seconds] => {
                f64::from(hours) * 3600.0 + f64::from(minutes) * 60.0 + f64::from(seconds)
            }
            _ => return Err(refused()),
        };
        f64::from(days) * 86_400.0 + seconds
    } else {
        let split = trimmed.find(|c: char| !(c.is_ascii_digit() || c == '.'));
        let (number, unit) = trimmed.split_at(split.unwrap_or(trimmed.len()));
        let number: f64 = number.parse().map_err(|_| refused())?;
        let factor = match unit.trim() {
            "" | "s" | "sec" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            _ => return Err(refused()),
        };
        number * factor
    };
    if !(seconds > 0.0 && seconds <= 366.0 * 86_400.0) {
        return Err(refused());
    }
    Ok(Duration::from_secs_f64(seconds))
}

/// Bytes from `"64MiB"`, `"2GB"`, `"512k"` or a plain number; units as Dask reads them (k = 1000, Ki = 1024).
///
/// # Errors
/// Invalid input when the text is not a positive number with a known unit.
pub fn parse_bytes(text: &str) -> Result<u64> {
    let refused = || {
        Error::invalid(format!(
            "{text:?} is not a size in bytes; write for example 64MiB, 2GB, 512KiB or 1000000"
        ))
    };
    let trimmed = text.trim();
    let split = trimmed
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(split);
    let number: f64 = number.parse().map_err(|_| refused())?;
    let factor: f64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "k" | "kb" => 1e3,
        "m" | "mb" => 1e6,
        "g" | "gb" => 1e9,
        "t" | "tb" => 1e12,
        "ki" | "kib" => 1024.0,
        "mi" | "mib" => 1024f64.powi(2),
        "gi" | "gib" => 1024f64.powi(3),
        "ti" | "tib" => 1024f64.powi(4),
        _ => return Err(refused()),
    };
    let bytes = number * factor;
    if !(1.0..=2f64.powi(62)).contains(&bytes) {
        return Err(refused());
    }
    Ok(bytes as u64)
}

/// `1.5 GiB`, `512 B`: bytes for people.
pub fn format_bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    match unit {
        0 => format!("{bytes} B"),
        _ if value < 10.0 => format!("{value:.2} {}", UNITS[unit]),
        _ if value < 100.0 => format!("{value:.1} {}", UNITS[unit]),
        _ => format!("{value:.0} {}", UNITS[unit]),
    }
}
