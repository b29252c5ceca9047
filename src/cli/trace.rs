//! The log on stderr, each line with the rank in front of it when a launcher started several.

use crate::comm::launcher_rank;
use std::io::{self, Write};
use tracing::level_filters::LevelFilter;

struct Prefixed(Option<usize>);

impl Write for Prefixed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut line = match self.0 {
            Some(rank) => format!("rank {rank}: ").into_bytes(),
            None => Vec::new(),
        };
        line.extend_from_slice(bytes);
        // One call per line, so that lines of several ranks do not mix.
        io::stderr().lock().write_all(&line)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
}

/// Starts the log at a level; a second start changes nothing.
pub(super) fn start(level: &str) {
    let rank = launcher_rank();
    let level: LevelFilter = level.parse().unwrap_or(LevelFilter::WARN);
    let _ = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_ansi(false)
        .with_writer(move || Prefixed(rank))
        .try_init();
}
