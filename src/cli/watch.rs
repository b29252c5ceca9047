//! Options by which a job is watched, and `hyperslab top`, which shows the status of a job from any node.

use super::job::{fail, print};
use crate::config::format_bytes;
use crate::error::{Error, Result};
use crate::observe::{ProgressForm, StageRecord, Status, Watch, Work, read_folder};
use clap::Args;
use console::Term;
use serde_json::json;
use std::ffi::OsStr;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How a job is watched.
#[derive(Args, Clone)]
pub(super) struct WatchArgs {
    /// Progress on stderr; auto: a bar on a terminal, else a line every 30 seconds [default: $HYPERSLAB_PROGRESS, else auto]
    #[arg(long, value_name = "FORM", value_parser = ProgressForm::NAMES)]
    progress: Option<String>,
    /// Folder, seen by all ranks, where each rank says every second where it stands, for `hyperslab top`
    /// [default: $HYPERSLAB_STATUS; without it none is written]
    #[arg(long, value_name = "DIR")]
    status: Option<PathBuf>,
    /// Serve a page that shows the job as it runs: 127.0.0.1:8787. It has no password; reach it through `ssh -L`
    #[arg(long, value_name = "ADDRESS")]
    dashboard: Option<String>,
    /// Write a report at the end: plan against measured, where the time went, timeline; HTML, or JSON where the name ends in .json
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Write the timeline of all threads at the end, for ui.perfetto.dev
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
}

impl WatchArgs {
    /// The options that are given, for another command line.
    pub(super) fn given(&self) -> Vec<(&'static str, &OsStr)> {
        [
            ("progress", self.progress.as_deref().map(OsStr::new)),
            ("status", self.status.as_deref().map(Path::as_os_str)),
            ("dashboard", self.dashboard.as_deref().map(OsStr::new)),
            ("report", self.report.as_deref().map(Path::as_os_str)),
            ("trace", self.trace.as_deref().map(Path::as_os_str)),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
    }

    /// What they ask for; the environment says the rest. A job that is to be `silent` shows no progress of its own accord.
    pub(super) fn watch(&self, silent: bool) -> Result<Watch> {
        let env = Watch::from_env()?;
        let progress = match (&self.progress, env.progress, silent) {
            (Some(name), ..) => ProgressForm::parse(name)?,
            (None, ProgressForm::Off, false)
                if std::env::var_os("HYPERSLAB_PROGRESS").is_none() =>
            {
                ProgressForm::Auto
            }
            (None, form, false) => form,
            (None, _, true) => ProgressForm::Off,
        };
        Ok(Watch {
            progress,
            status: self.status.clone().or(env.status),
            dashboard: self.dashboard.clone().or(env.dashboard),
            report: self.report.clone().or(env.report),
            trace: self.trace.clone().or(env.trace),
        })
    }
}

#[derive(Args)]
pub(super) struct TopArgs {
    /// The folder that the job writes its status in (its --status)
    dir: PathBuf,
    /// Show it once, not again and again
    #[arg(long)]
    once: bool,
    /// Seconds between two pictures
    #[arg(long, value_name = "S", default_value_t = 1.0)]
    interval: f64,
    /// Print nothing but the ranks that failed or give no sign, once
    #[arg(long)]
    quiet: bool,
    /// Print the records of all ranks as one JSON array, once
    #[arg(long)]
    json: bool,
}

/// `hyperslab top`.
pub(super) fn top(args: &TopArgs) -> u8 {
    match show(args) {
        Ok(()) => 0,
        Err(error) => fail(true, args.json, &error),
    }
}

fn show(args: &TopArgs) -> Result<()> {
    if !(0.1..=3600.0).contains(&args.interval) {
        return Err(Error::invalid(format!(
            "--interval {}: allowed are 0.1 … 3600 seconds",
            args.interval
        )));
    }
    let mut all = read_folder(&args.dir)?;
    if args.json {
        print(&json!(all).to_string());
        return Ok(());
    }
    if args.quiet {
        let now = now();
        for status in &all {
            if let (what, false) = state(status, now) {
                print(&format!("rank {} on {}: {what}", status.rank, status.host));
            }
        }
        return Ok(());
    }
    let term = Term::stdout();
    if args.once || !term.is_term() {
        print(picture(&all, &[], now(), usize::MAX).trim_end());
        return Ok(());
    }
    let mut before: Vec<Status> = Vec::new();
    loop {
        let rows = usize::from(term.size().0);
        let picture = picture(&all, &before, now(), rows.saturating_sub(1));
        let shown = term.clear_screen().and_then(|()| term.write_str(&picture));
        // The terminal is gone.
        if shown.is_err() || all.iter().all(|status| status.state != "running") {
            return Ok(());
        }
        std::thread::sleep(Duration::from_secs_f64(args.interval));
        before = std::mem::replace(&mut all, read_folder(&args.dir)?);
    }
}

fn now() -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0.0, |d| d.as_secs_f64())
}

/// Intervals after which a rank counts as silent.
const SILENT: f64 = 5.0;

/// What a rank is at, in a word or two, and whether all is well.
fn state(status: &Status, now: f64) -> (String, bool) {
    let silent = now - status.updated_unix;
    match (&status.error, status.state.as_str()) {
        (Some(error), _) => (format!("failed: {error}"), false),
        (None, "running") if silent > SILENT * status.interval_s + SILENT => {
            (format!("no sign for {silent:.0} s"), false)
        }
        (None, state) => (state.to_owned(), true),
    }
}

/// Bytes decoded per second since an earlier record, or since the job began.
fn rate(status: &Status, before: Option<&Status>) -> f64 {
    let bytes = |status: &Status| status.stand.stats.decoded_bytes as f64;
    let (bytes_before, at) = match before {
        Some(before) if before.updated_unix < status.updated_unix => {
            (bytes(before), before.updated_unix)
        }
        _ => (0.0, status.began_unix),
    };
    let seconds = status.updated_unix - at;
    if seconds > 0.0 {
        ((bytes(status) - bytes_before) / seconds).max(0.0)
    } else {
        0.0
    }
}

/// The job and its ranks, in at most `rows` lines; those that need a look come first where not all fit.
fn picture(all: &[Status], before: &[Status], now: f64, rows: usize) -> String {
    let mut out = String::new();
    let Some(first) = all.first() else {
        return out;
    };
    let stand = |part: fn(&Status) -> u64| all.iter().map(part).sum::<u64>();
    let (done, total) = (stand(|s| s.stand.tiles), stand(|s| s.stand.tiles_total));
    let elapsed = all.iter().map(|s| s.stand.elapsed_s).fold(0.0, f64::max);
    let running = all.iter().filter(|s| s.state == "running").count();
    let _ = writeln!(out, "{}", first.job);
    let _ = writeln!(
        out,
        "{} of {} ranks seen, {running} running, {elapsed:.0} s; {done} of {total} tiles of this stage, decoded {}, moved {} in {} messages, written {}",
        all.len(),
        first.ranks,
        format_bytes(stand(|s| s.stand.stats.decoded_bytes)),
        format_bytes(stand(|s| s.stand.stats.moved_bytes)),
        stand(|s| s.stand.stats.messages),
        format_bytes(stand(|s| s.stand.stats.written_bytes)),
    );
    // The rank that is behind: the smallest part of its tiles, in the earliest stage.
    let part = |s: &Status| s.stand.tiles as f64 / s.stand.tiles_total.max(1) as f64;
    let at = |s: &Status| (s.stand.run, s.stand.stage);
    let slowest = (all.iter().filter(|s| s.state == "running"))
        .min_by(|a, b| at(a).cmp(&at(b)).then(part(a).total_cmp(&part(b))));
    if let Some(slow) = slowest.filter(|_| all.len() > 1) {
        let _ = writeln!(out, "slowest: rank {} on {}", slow.rank, slow.host);
    }
    let _ = writeln!(
        out,
        "\n{:>6} {:<16} {:>12} {:>15} {:>10} {:>12} {:>10} {:>10} {:>10} {:>10}  {:<16} state",
        "rank",
        "host",
        "stage",
        "tiles",
        "decoded",
        "rate",
        "moved",
        "written",
        "memory",
        "process",
        "most time in",
    );
    let mut ranks: Vec<&Status> = all.iter().collect();
    let room = rows.saturating_sub(6);
    if ranks.len() > room {
        ranks.sort_by(|a, b| {
            let well = |s: &Status| state(s, now).1;
            well(a)
                .cmp(&well(b))
                .then(at(a).cmp(&at(b)))
                .then(part(a).total_cmp(&part(b)))
        });
    }
    for status in ranks.iter().take(room) {
        let s = &status.stand;
        let stage = match (s.idle, s.stage) {
            (true, _) => "-".to_owned(),
            (false, StageRecord::BESIDE) => format!("{}.open/finish", s.run),
            (false, stage) => format!("{}.{stage} of {}", s.run, s.stages),
        };
        let before = before.iter().find(|b| b.rank == status.rank);
        let most = (Work::ALL.iter().zip(&s.work_s))
            .max_by(|a, b| a.1.total_cmp(b.1))
            .map_or(String::new(), |(work, seconds)| {
                format!("{} {seconds:.1} s", work.name())
            });
        let _ = writeln!(
            out,
            "{:>6} {:<16} {:>12} {:>15} {:>10} {:>12} {:>10} {:>10} {:>10} {:>10}  {:<16} {}",
            status.rank,
            status.host,
            stage,
            format!("{} / {}", s.tiles, s.tiles_total),
            format_bytes(s.stats.decoded_bytes),
            format!("{}/s", format_bytes(rate(status, before) as u64)),
            format_bytes(s.stats.moved_bytes),
            format_bytes(s.stats.written_bytes),
            format_bytes(s.live_bytes),
            format_bytes(s.rss_bytes),
            most,
            state(status, now).0,
        );
    }
    if ranks.len() > room {
        let _ = writeln!(out, "… and {} more ranks", ranks.len() - room);
    }
    out
}
