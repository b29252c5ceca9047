//! A plan and its costs for people.

use super::command::{Costs, Totals, imbalance, read_of};
use crate::config::format_bytes;
use crate::driver::Forecast;
use crate::error::Result;
use crate::plan::{FilesAre, ReadyPlan, encode};
use std::fmt::Write;

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// `850 ms`, `12.3 s`, `4 min 10 s`, `3 h 20 min`.
fn format_seconds(seconds: f64) -> String {
    match seconds {
        s if s < 0.001 => format!("{:.0} µs", s * 1e6),
        s if s < 1.0 => format!("{:.0} ms", s * 1e3),
        s if s < 10.0 => format!("{s:.2} s"),
        s if s < 100.0 => format!("{s:.1} s"),
        s if s < 5400.0 => {
            let whole = s.round() as u64;
            format!("{} min {} s", whole / 60, whole % 60)
        }
        s => {
            let minutes = (s / 60.0).round() as u64;
            format!("{} h {} min", minutes / 60, minutes % 60)
        }
    }
}

/// Bytes that are read, with `≤` where only a bound or a guess is known.
fn read((bytes, exact): (u64, bool)) -> String {
    match exact {
        true => format_bytes(bytes),
        false => format!("~{}", format_bytes(bytes)),
    }
}

pub(super) fn of(costs: &Costs<'_>) -> Result<String> {
    let mut out = String::new();
    let (ranks, limits) = (costs.ranks, costs.limits);
    let _ = match costs.plans {
        [] => writeln!(out, "The script computes nothing."),
        _ => writeln!(
            out,
            "Plan for {ranks} rank{}, {} per rank, {} thread{} each",
            plural(ranks),
            format_bytes(limits.memory_bytes),
            limits.threads,
            plural(limits.threads),
        ),
    };
    if let Some(fit) = costs.fit {
        let _ = writeln!(
            out,
            "smallest that fits: {} node{} × {} rank{} × {} thread{}",
            fit.nodes,
            plural(fit.nodes),
            fit.ranks_per_node,
            plural(fit.ranks_per_node),
            limits.threads,
            plural(limits.threads),
        );
    }
    for (number, (plan, forecast)) in costs.plans.iter().zip(&costs.forecasts).enumerate() {
        let bytes = format_bytes(encode(plan.plan())?.len() as u64);
        let _ = writeln!(
            out,
            "\nrun {number} (encoded plan: {bytes})\n{}",
            plan.plan()
        );
        stages(&mut out, plan, forecast, ranks);
        times(&mut out, forecast);
        scratch_lines(&mut out, plan);
        moves_lines(&mut out, forecast);
        for advice in &forecast.advice {
            let _ = writeln!(out, "advice: {}\n        {}", advice.reason, advice.fix);
        }
    }
    if !costs.plans.is_empty() {
        total(&mut out, costs);
    }
    Ok(out)
}

fn stages(out: &mut String, plan: &ReadyPlan, forecast: &Forecast, ranks: usize) {
    let _ = writeln!(
        out,
        "{:>5}  {:<5} {:>10} {:>5} {:>7} {:>10} {:>9} {:>10} {:>10} {:>10} {:>8} {:>10} {:>10}",
        "stage",
        "kind",
        "peak/rank",
        "rank",
        "threads",
        "task",
        "tasks",
        "imbalance",
        "read",
        "decoded",
        "messages",
        "moved",
        "time"
    );
    for (stage, f) in plan.footprints().iter().enumerate() {
        let _ = writeln!(
            out,
            "{stage:>5}  {:<5} {:>10} {:>5} {:>7} {:>10} {:>9} {:>10.2} {:>10} {:>10} {:>8} {:>10} {:>10}",
            plan.plan().stages[stage].kind(),
            format_bytes(f.peak_bytes),
            f.worst_rank,
            f.threads,
            format_bytes(f.task_bytes),
            f.tasks.0,
            imbalance(f, ranks),
            read(read_of(forecast, stage)),
            format_bytes(f.decoded_bytes),
            f.messages,
            format_bytes(f.moved_bytes),
            format_seconds(forecast.estimate.stages[stage].total_s),
        );
    }
}

/// Where the time of each stage goes.
fn times(out: &mut String, forecast: &Forecast) {
    for (stage, time) in forecast.estimate.stages.iter().enumerate() {
        let parts = [
            ("read", time.read_s),
            ("decode", time.decode_s),
            ("compute", time.compute_s),
            ("exchange", time.exchange_s),
            ("write", time.write_s),
        ];
        let parts: Vec<String> = (parts.iter())
            .filter(|(_, seconds)| *seconds > 0.005 * time.total_s)
            .map(|(name, seconds)| format!("{name} {}", format_seconds(*seconds)))
            .collect();
        if !parts.is_empty() {
            let _ = writeln!(out, "stage {stage} takes: {}", parts.join(", "));
        }
    }
}

/// What each stage sends between ranks, per rank.
fn moves_lines(out: &mut String, forecast: &Forecast) {
    for (stage, time) in forecast.estimate.stages.iter().enumerate() {
        let ((mean, most, busy), (bytes, most_bytes, busy_bytes)) =
            (time.moves.messages, time.moves.bytes);
        if most > 0 {
            let _ = writeln!(
                out,
                "stage {stage} sends per rank {mean:.1} messages of {} in all; at most {most} (rank {busy}), and at most {} (rank \
                 {busy_bytes})",
                format_bytes(bytes as u64),
                format_bytes(most_bytes),
            );
        }
    }
}

/// What each stage writes to scratch files and reads from them.
fn scratch_lines(out: &mut String, plan: &ReadyPlan) {
    for (stage, f) in plan.footprints().iter().enumerate() {
        for (does, to, (all, busiest)) in [
            ("writes", "to", f.scratch_written),
            ("reads", "from", f.scratch_read),
        ] {
            if all > 0 {
                let (all, busiest) = (format_bytes(all), format_bytes(busiest));
                let _ = writeln!(
                    out,
                    "stage {stage} {does} {all} {to} scratch files, the busiest rank {busiest}"
                );
            }
        }
    }
}

fn total(out: &mut String, costs: &Costs<'_>) {
    let t = Totals::of(costs);
    let _ = writeln!(
        out,
        "\ntotal: peak {} per rank of {}, read {}, decoded {}, moved {} in {} messages, written {} (before compression)",
        format_bytes(t.peak_bytes),
        format_bytes(costs.limits.memory_bytes),
        read((t.read_bytes, t.read_exact)),
        format_bytes(t.decoded_bytes),
        format_bytes(t.moved_bytes),
        t.messages,
        format_bytes(t.written_bytes),
    );
    if t.scratch_written_bytes > 0 {
        let (written, read) = (t.scratch_written_bytes, t.scratch_read_bytes);
        let (written, read) = (format_bytes(written), format_bytes(read));
        let _ = writeln!(out, "scratch files: {written} written, {read} read");
    }
    let profile = costs.machine.profile;
    let nodes = costs.machine.nodes(costs.ranks);
    let by = match profile.is_measured() {
        true => format!("rates of {}, measured {}", profile.machine, profile.measured),
        false => "built-in rates, which are rather slow: `hyperslab calibrate` measures those of this machine".to_owned(),
    };
    let files = match costs.machine.files {
        FilesAre::OnDisk => "files on disk",
        FilesAre::Cached => "files in the system's memory",
    };
    let _ = writeln!(
        out,
        "time: about {} on {nodes} node{} of {} core{}, {files} ({by})",
        format_seconds(t.seconds),
        plural(nodes),
        costs.machine.cores_per_node,
        plural(costs.machine.cores_per_node),
    );
}
