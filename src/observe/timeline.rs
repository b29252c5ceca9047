//! The timeline of all threads, in the Trace Event Format that Perfetto (ui.perfetto.dev) and chrome://tracing read.
//! <https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU>

use super::recorder::{Observed, StageRecord};
use crate::error::{Error, Fault, Result};
use serde_json::json;
use std::io::Write;

/// Writes the timeline: a process for each rank, a track for each thread, and the stages above them.
///
/// # Errors
/// Output when writing fails.
pub fn perfetto(all: &[Observed], out: &mut dyn Write) -> Result<()> {
    let failed = |e: std::io::Error| Error::new(Fault::Output, format!("writing the trace: {e}"));
    let mut first = true;
    let mut event = |value: serde_json::Value| -> Result<()> {
        let before = if first { "[\n" } else { ",\n" };
        first = false;
        write!(out, "{before}{value}").map_err(failed)
    };
    for rank in all {
        let pid = rank.rank;
        let name = format!("rank {pid} on {}", rank.host);
        event(json!({"ph": "M", "name": "process_name", "pid": pid, "args": {"name": name}}))?;
        event(
            json!({"ph": "M", "name": "process_sort_index", "pid": pid, "args": {"sort_index": pid}}),
        )?;
        let lanes = std::iter::once("stages".to_owned())
            .chain(std::iter::once("main".to_owned()))
            .chain((0..rank.threads).map(|thread| format!("compute-{thread}")));
        for (tid, name) in lanes.enumerate() {
            event(
                json!({"ph": "M", "name": "thread_name", "pid": pid, "tid": tid, "args": {"name": name}}),
            )?;
        }
        for stage in &rank.stages {
            let name = match stage.stage {
                StageRecord::BESIDE => stage.kind.clone(),
                number => format!("stage {number}: {}", stage.kind),
            };
            event(json!({
                "ph": "X", "name": name, "cat": "stage", "pid": pid, "tid": 0,
                "ts": stage.start_s * 1e6, "dur": stage.seconds * 1e6,
                "args": {
                    "run": stage.run, "tiles": stage.tiles, "read_bytes": stage.stats.read_bytes,
                    "decoded_bytes": stage.stats.decoded_bytes, "moved_bytes": stage.stats.moved_bytes,
                    "written_bytes": stage.stats.written_bytes, "peak_bytes": stage.stats.peak_bytes,
                },
            }))?;
        }
        for span in &rank.spans {
            event(json!({
                "ph": "X", "name": span.work.name(), "cat": "work", "pid": pid, "tid": span.lane + 1,
                "ts": span.start_ns as f64 / 1e3, "dur": span.took_ns as f64 / 1e3,
                "args": {"run": span.run, "stage": span.stage},
            }))?;
        }
    }
    let end: &[u8] = if first { b"[]\n" } else { b"\n]\n" };
    out.write_all(end).map_err(failed)
}
