//! The report of a finished job: what ran, what was planned and what was measured, where the time went. As JSON, and as one page of
//! HTML that needs no other file.

use super::recorder::{Observed, StageRecord, Work};
use crate::error::{Error, Result};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A file that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InputFact {
    /// Its path or address.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// When it was last modified, in nanoseconds since 1970; 0 where that is not known.
    pub modified_ns: u64,
}

/// What was planned for a stage.
#[derive(Clone, Debug, Serialize)]
pub struct PlannedStage {
    /// Number of the run.
    pub run: u32,
    /// Number of the stage.
    pub stage: u32,
    /// What it does, in words.
    pub text: String,
    /// Most bytes of array data on a rank.
    pub peak_bytes: u64,
    /// Bytes decoded by all ranks.
    pub decoded_bytes: u64,
    /// Bytes moved between ranks.
    pub moved_bytes: u64,
    /// Messages between ranks.
    pub messages: u64,
    /// Bytes written, before compression.
    pub written_bytes: u64,
    /// Tasks of all ranks, and of the busiest one.
    pub tasks: (u64, u64),
}

/// The seconds that were to be expected of a machine whose rates were measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Expected {
    /// The machine, and when it was measured.
    pub profile: String,
    /// Seconds of all runs, with files on disk.
    pub seconds: f64,
    /// Run, stage ([`StageRecord::BESIDE`]: opening and finishing) and its seconds.
    #[serde(skip)]
    pub stages: Vec<(u32, u32, f64)>,
}

/// What a report says beside what the ranks recorded.
#[derive(Clone, Debug, Serialize)]
pub struct Facts {
    /// What was run.
    pub job: String,
    /// Version of the program.
    pub version: String,
    /// When it began, in seconds since 1970.
    pub began_unix: f64,
    /// Seconds from the start of the driver to the end of the program.
    pub elapsed_s: f64,
    /// What it failed of.
    pub error: Option<String>,
    /// Ranks.
    pub ranks: usize,
    /// Compute threads of each.
    pub threads: usize,
    /// Bytes of array data that a rank may hold.
    pub memory_bytes: u64,
    /// A number that is the same for the same plans of the same inputs, on any number of ranks.
    pub plan_hash: String,
    /// Files that were read.
    pub inputs: Vec<InputFact>,
    /// Files that were completed.
    pub outputs: Vec<String>,
    /// Stages of all runs.
    pub planned: Vec<PlannedStage>,
    /// How long they were to take; `None` where no machine profile was measured (`hyperslab calibrate`).
    pub expected: Option<Expected>,
}

/// What the ranks did in one stage, together.
#[derive(Default)]
struct Together {
    kind: String,
    start_s: f64,
    seconds: Vec<f64>,
    work_s: Vec<f64>,
    busy_s: Vec<f64>,
    tiles: u64,
    stats: super::meter::Stats,
}

fn together(run: u32, stage: u32, all: &[Observed]) -> Option<Together> {
    let mut sum = Together {
        start_s: f64::INFINITY,
        work_s: vec![0.0; Work::ALL.len()],
        ..Together::default()
    };
    for rank in all {
        let own = |record: &&StageRecord| (record.run, record.stage) == (run, stage);
        let (mut seconds, mut busy) = (0.0, 0.0);
        // What comes before and after the stages has two records of a run.
        for record in rank.stages.iter().filter(own) {
            sum.kind = match stage {
                StageRecord::BESIDE => "open and finish".to_owned(),
                _ => record.kind.clone(),
            };
            sum.start_s = sum.start_s.min(record.start_s);
            for (all, own) in sum.work_s.iter_mut().zip(&record.work_s) {
                *all += own;
                busy += own;
            }
            seconds += record.seconds;
            sum.tiles += record.tiles;
            sum.stats = sum.stats.join(record.stats);
        }
        sum.seconds.push(seconds);
        sum.busy_s.push(busy);
    }
    sum.start_s.is_finite().then_some(sum)
}

fn ratio(most: f64, mean: f64) -> f64 {
    if mean > 0.0 { most / mean } else { 1.0 }
}

fn rounded(seconds: f64) -> f64 {
    (seconds * 1e6).round() / 1e6
}

/// The report as JSON; `spans`: with those of threads.
///
/// Times are seconds; `work_s` are sums over threads by kind of work, `wait_s` what is left of the stage's time on all compute
/// threads.
pub fn summary(facts: &Facts, all: &[Observed], spans: bool) -> Value {
    let keys: BTreeSet<(u32, u32)> = (all.iter())
        .flat_map(|rank| rank.stages.iter().map(|stage| (stage.run, stage.stage)))
        .collect();
    let mut totals = vec![0.0; Work::ALL.len()];
    let mut waited = 0.0;
    let mut stages = Vec::new();
    for (run, stage) in keys {
        let Some(sum) = together(run, stage, all) else {
            continue;
        };
        let threads: f64 = (all.iter().zip(&sum.seconds))
            .map(|(rank, seconds)| f64::from(rank.threads) * seconds)
            .sum();
        let wait = (threads - sum.work_s.iter().sum::<f64>()).max(0.0);
        for (total, own) in totals.iter_mut().zip(&sum.work_s) {
            *total += own;
        }
        waited += wait;
        let busy = sum.busy_s.iter().copied().fold(0.0, f64::max);
        let mean = sum.busy_s.iter().sum::<f64>() / sum.busy_s.len().max(1) as f64;
        let slowest = (sum.busy_s.iter().enumerate()).max_by(|a, b| a.1.total_cmp(b.1));
        let planned = (facts.planned.iter()).find(|p| (p.run, p.stage) == (run, stage));
        let expected = facts.expected.as_ref().and_then(|expected| {
            let mut all = expected.stages.iter();
            let own = all.find(|own| (own.0, own.1) == (run, stage));
            own.map(|own| rounded(own.2))
        });
        stages.push(json!({
            "run": run,
            "stage": (stage != StageRecord::BESIDE).then_some(stage),
            "kind": sum.kind,
            "start_s": rounded(sum.start_s),
            "seconds": rounded(sum.seconds.iter().copied().fold(0.0, f64::max)),
            "expected_seconds": expected,
            "work_s": by_name(&sum.work_s),
            "wait_s": rounded(wait),
            "imbalance": rounded(ratio(busy, mean)),
            "slowest_rank": slowest.map(|(rank, _)| rank),
            "tiles": sum.tiles,
            "measured": {
                "read_bytes": sum.stats.read_bytes,
                "decoded_bytes": sum.stats.decoded_bytes,
                "moved_bytes": sum.stats.moved_bytes,
                "messages": sum.stats.messages,
                "written_bytes": sum.stats.written_bytes,
                "scratch_written_bytes": sum.stats.scratch_written_bytes,
                "scratch_read_bytes": sum.stats.scratch_read_bytes,
                "peak_bytes": sum.stats.peak_bytes,
            },
            "planned": planned,
        }));
    }
    let hosts: BTreeSet<&str> = all.iter().map(|rank| rank.host.as_str()).collect();
    let ranks: Vec<Value> = (all.iter())
        .map(|rank| {
            json!({
                "rank": rank.rank,
                "host": rank.host,
                "threads": rank.threads,
                "peak_bytes": rank.peak_bytes,
                "rss_peak_bytes": rank.rss_peak_bytes,
                "spans_dropped": rank.spans_dropped,
                "stages": rank.stages.iter().map(|s| json!([
                    s.run, (s.stage != StageRecord::BESIDE).then_some(s.stage), rounded(s.start_s), rounded(s.seconds),
                    rounded(s.work_s.iter().sum()), s.stats.peak_bytes,
                ])).collect::<Vec<_>>(),
                "spans": spans.then(|| rank.spans.iter().map(|s| json!([
                    s.lane, s.work as u8, s.start_ns / 1000, s.took_ns / 1000,
                ])).collect::<Vec<_>>()),
            })
        })
        .collect();
    json!({
        "facts": facts,
        "hosts": hosts,
        "node_hours": rounded(hosts.len() as f64 * facts.elapsed_s / 3600.0),
        "works": Work::ALL.iter().map(|w| w.name()).collect::<Vec<_>>(),
        "work_s": by_name(&totals),
        "wait_s": rounded(waited),
        "stages": stages,
        "ranks": ranks,
    })
}

fn by_name(work_s: &[f64]) -> Value {
    let named = Work::ALL.iter().zip(work_s);
    named
        .map(|(work, seconds)| (work.name().to_owned(), json!(rounded(*seconds))))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

const PAGE: &str = include_str!("report.html");
/// Where the page has its figures.
const PLACE: &str = "/*FIGURES*/null";

/// The report as a page of HTML.
///
/// # Errors
/// Internal when the figures are no JSON.
pub fn html(facts: &Facts, all: &[Observed]) -> Result<String> {
    let figures = serde_json::to_string(&summary(facts, all, true))
        .map_err(|e| Error::internal(format!("a report as JSON: {e}")))?;
    // Inside a script element nothing may look like its end.
    let figures = figures
        .replace('<', "\\u003c")
        .replace('\u{2028}', "\\u2028");
    Ok(PAGE.replacen(PLACE, &figures, 1))
}
