//! What a rank used: live bytes with their high-water mark, and counters of the work done.

use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Live bytes of array data on a rank.
#[derive(Debug, Default)]
pub struct Meter {
    live: AtomicU64,
    peak: AtomicU64,
    stage_peak: AtomicU64,
    /// Stored bytes read from files.
    pub read_bytes: AtomicU64,
    /// Bytes decoded from them.
    pub decoded_bytes: AtomicU64,
    /// Bytes written to files by this rank.
    pub written_bytes: AtomicU64,
    /// Bytes of stored results written to scratch files by this rank.
    pub scratch_written_bytes: AtomicU64,
    /// Bytes of them that it read.
    pub scratch_read_bytes: AtomicU64,
}

/// Bytes that are live until this is dropped.
#[derive(Debug)]
pub struct Held {
    meter: Arc<Meter>,
    bytes: u64,
}

impl Meter {
    /// Counts `bytes` as live.
    pub fn hold(self: &Arc<Self>, bytes: usize) -> Held {
        let mut held = Held {
            meter: self.clone(),
            bytes: 0,
        };
        held.set(bytes);
        held
    }

    /// Bytes that are live now.
    pub fn live_bytes(&self) -> u64 {
        self.live.load(Relaxed)
    }

    /// Most bytes that were live at once.
    pub fn peak_bytes(&self) -> u64 {
        self.peak.load(Relaxed)
    }

    /// The same since [`Meter::begin_stage`].
    pub fn stage_peak_bytes(&self) -> u64 {
        self.stage_peak.load(Relaxed)
    }

    /// The peak of a stage begins anew.
    pub fn begin_stage(&self) {
        self.stage_peak.store(self.live_bytes(), Relaxed);
    }

    /// What was counted so far, but for messages, which the communicator counts.
    pub fn stats(&self) -> Stats {
        Stats {
            read_bytes: self.read_bytes.load(Relaxed),
            decoded_bytes: self.decoded_bytes.load(Relaxed),
            moved_bytes: 0,
            messages: 0,
            written_bytes: self.written_bytes.load(Relaxed),
            scratch_written_bytes: self.scratch_written_bytes.load(Relaxed),
            scratch_read_bytes: self.scratch_read_bytes.load(Relaxed),
            peak_bytes: self.peak_bytes(),
            rss_peak_bytes: 0,
        }
    }
}

impl Held {
    /// Changes the number of bytes.
    pub fn set(&mut self, bytes: usize) {
        let bytes = bytes as u64;
        if bytes >= self.bytes {
            let grown = bytes - self.bytes;
            let live = self.meter.live.fetch_add(grown, Relaxed) + grown;
            self.meter.peak.fetch_max(live, Relaxed);
            self.meter.stage_peak.fetch_max(live, Relaxed);
        } else {
            self.meter.live.fetch_sub(self.bytes - bytes, Relaxed);
        }
        self.bytes = bytes;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.set(0);
    }
}

/// What one rank did in one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Stored bytes read from files.
    pub read_bytes: u64,
    /// Bytes decoded from them.
    pub decoded_bytes: u64,
    /// Bytes sent to other ranks.
    pub moved_bytes: u64,
    /// Messages sent to other ranks.
    pub messages: u64,
    /// Bytes written to files.
    pub written_bytes: u64,
    /// Bytes of stored results written to scratch files.
    pub scratch_written_bytes: u64,
    /// Bytes read from scratch files.
    pub scratch_read_bytes: u64,
    /// Most bytes of array data that were live at once.
    pub peak_bytes: u64,
    /// Most bytes of the whole process that were in memory at once so far (the high-water mark of the system).
    pub rss_peak_bytes: u64,
}

impl Stats {
    /// Sums of two ranks or runs; the larger peak.
    #[must_use]
    pub fn join(self, other: Stats) -> Stats {
        Stats {
            read_bytes: self.read_bytes + other.read_bytes,
            decoded_bytes: self.decoded_bytes + other.decoded_bytes,
            moved_bytes: self.moved_bytes + other.moved_bytes,
            messages: self.messages + other.messages,
            written_bytes: self.written_bytes + other.written_bytes,
            scratch_written_bytes: self.scratch_written_bytes + other.scratch_written_bytes,
            scratch_read_bytes: self.scratch_read_bytes + other.scratch_read_bytes,
            peak_bytes: self.peak_bytes.max(other.peak_bytes),
            rss_peak_bytes: self.rss_peak_bytes.max(other.rss_peak_bytes),
        }
    }

    /// What came since `before`; the peaks stay.
    #[must_use]
    pub fn since(self, before: &Stats) -> Stats {
        Stats {
            read_bytes: self.read_bytes.saturating_sub(before.read_bytes),
            decoded_bytes: self.decoded_bytes.saturating_sub(before.decoded_bytes),
            moved_bytes: self.moved_bytes.saturating_sub(before.moved_bytes),
            messages: self.messages.saturating_sub(before.messages),
            written_bytes: self.written_bytes.saturating_sub(before.written_bytes),
            scratch_written_bytes: (self.scratch_written_bytes)
                .saturating_sub(before.scratch_written_bytes),
            scratch_read_bytes: self
                .scratch_read_bytes
                .saturating_sub(before.scratch_read_bytes),
            ..self
        }
    }
}

/// Most bytes of this process that were in memory at once so far; 0 where the system does not say.
pub fn rss_peak_bytes() -> u64 {
    of_process("VmHWM:")
}

/// Bytes of this process that are in memory now.
pub(super) fn rss_bytes() -> u64 {
    of_process("VmRSS:")
}

fn of_process(what: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(what));
    let kib = line.and_then(|l| l.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kib.unwrap_or(0) << 10
}
