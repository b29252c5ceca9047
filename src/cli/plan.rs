//! `hyperslab plan`: what a script would do, without doing it.

use super::args::PlanArgs;
use super::job::{self, command_line, print};
use crate::config::{Limits, format_bytes};
use crate::error::{Error, Result};
use crate::plan::{Footprint, RankTraffic, ReadyPlan, Stage, traffic};
use crate::script::run_script;
use serde_json::{Value, json};
use std::fmt::Write;

pub(super) fn plan(args: &PlanArgs) -> u8 {
    let what = command_line("plan", &args.script);
    let ranks = args.ranks;
    job::run(
        &args.job,
        args.json,
        &what,
        |config| {
            config.dry_ranks = Some(ranks.max(1));
            Ok(())
        },
        |driver| {
            if !(1..=1 << 20).contains(&ranks) {
                return Err(Error::invalid(format!(
                    "--ranks {ranks}: allowed are 1 … 1048576"
                )));
            }
            // What the script prints would be computed from zeros: it is not shown.
            run_script(driver, &args.script.script, &args.script.sets, &mut |_| {})?;
            let session = driver.session();
            let plans = session.planned();
            match args.json {
                true => print(&as_json(&plans, ranks, session.limits())?.to_string()),
                false => print(text(&plans, ranks, session.limits())?.trim_end()),
            }
            Ok(())
        },
    )
}

/// Sums over the stages of all plans; the peak is that of the worst stage.
#[derive(Default)]
pub(super) struct Totals {
    pub(super) peak_bytes: u64,
    pub(super) decoded_bytes: u64,
    pub(super) moved_bytes: u64,
    pub(super) messages: u64,
    pub(super) written_bytes: u64,
    pub(super) scratch_written_bytes: u64,
    pub(super) scratch_read_bytes: u64,
}

impl Totals {
    pub(super) fn of(plans: &[ReadyPlan]) -> Self {
        plans
            .iter()
            .flat_map(ReadyPlan::footprints)
            .fold(Totals::default(), |t, f| Totals {
                peak_bytes: t.peak_bytes.max(f.peak_bytes),
                decoded_bytes: t.decoded_bytes + f.decoded_bytes,
                moved_bytes: t.moved_bytes + f.moved_bytes,
                messages: t.messages + f.messages,
                written_bytes: t.written_bytes + f.written_bytes,
                scratch_written_bytes: t.scratch_written_bytes + f.scratch_written.0,
                scratch_read_bytes: t.scratch_read_bytes + f.scratch_read.0,
            })
    }
}

/// Tasks of the busiest rank over the mean of all ranks: 1 is a perfect balance.
pub(super) fn imbalance(footprint: &Footprint, ranks: usize) -> f64 {
    let (total, busiest) = footprint.tasks;
    match total {
        0 => 1.0,
        _ => busiest as f64 * ranks as f64 / total as f64,
    }
}

/// What crosses ranks in a stage: the mean of all ranks, and the busiest ones.
struct Moves {
    messages: (f64, u64, usize),
    bytes: (f64, u64, usize),
}

impl Moves {
    /// Of stage `stage` of `plan`.
    fn of(plan: &ReadyPlan, stage: usize) -> Self {
        let ranks = traffic(plan.plan(), &plan.plan().stages[stage]);
        // Each message leaves one rank and arrives at one: the means of both directions are the same.
        let over = |sent: fn(&RankTraffic) -> u64, worst: fn(&RankTraffic) -> u64| {
            let mean = ranks.iter().map(sent).sum::<u64>() as f64 / ranks.len().max(1) as f64;
            let numbered = ranks.iter().enumerate().rev();
            let busiest = numbered.max_by_key(|(_, traffic)| worst(traffic));
            busiest.map_or((mean, 0, 0), |(rank, t)| (mean, worst(t), rank))
        };
        Moves {
            messages: over(|t| t.messages_in, RankTraffic::messages),
            bytes: over(|t| t.bytes_in, RankTraffic::bytes),
        }
    }
}

/// What each stage sends between ranks, per rank.
fn moves_lines(out: &mut String, plan: &ReadyPlan) {
    for stage in 0..plan.footprints().len() {
        let moves = Moves::of(plan, stage);
        if moves.messages.1 > 0 {
            let ((mean, most, busy), (bytes, most_bytes, busy_bytes)) =
                (moves.messages, moves.bytes);
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

fn kind(stage: &Stage) -> &'static str {
    match stage {
        Stage::Pass(_) => "pass",
        Stage::Write(_) => "write",
    }
}

fn encoded_bytes(plan: &ReadyPlan) -> Result<usize> {
    Ok(crate::plan::encode(plan.plan())?.len())
}

fn text(plans: &[ReadyPlan], ranks: usize, limits: &Limits) -> Result<String> {
    let mut out = String::new();
    let _ = match plans {
        [] => writeln!(out, "The script computes nothing."),
        _ => writeln!(
            out,
            "Plan for {ranks} rank{}, {} per rank, {} thread{} each",
            if ranks == 1 { "" } else { "s" },
            format_bytes(limits.memory_bytes),
            limits.threads,
            if limits.threads == 1 { "" } else { "s" },
        ),
    };
    for (number, plan) in plans.iter().enumerate() {
        let bytes = format_bytes(encoded_bytes(plan)? as u64);
        let _ = writeln!(
            out,
            "\nrun {number} (encoded plan: {bytes})\n{}",
            plan.plan()
        );
        let _ = writeln!(
            out,
            "{:>5}  {:<5} {:>10} {:>5} {:>7} {:>10} {:>9} {:>10} {:>10} {:>8} {:>10}",
            "stage",
            "kind",
            "peak/rank",
            "rank",
            "threads",
            "task",
            "tasks",
            "imbalance",
            "decoded",
            "messages",
            "moved"
        );
        for (stage, f) in plan.footprints().iter().enumerate() {
            let _ = writeln!(
                out,
                "{stage:>5}  {:<5} {:>10} {:>5} {:>7} {:>10} {:>9} {:>10.2} {:>10} {:>8} {:>10}",
                kind(&plan.plan().stages[stage]),
                format_bytes(f.peak_bytes),
                f.worst_rank,
                f.threads,
                format_bytes(f.task_bytes),
                f.tasks.0,
                imbalance(f, ranks),
                format_bytes(f.decoded_bytes),
                f.messages,
                format_bytes(f.moved_bytes),
            );
        }
        scratch_lines(&mut out, plan);
        moves_lines(&mut out, plan);
    }
    let t = Totals::of(plans);
    if !plans.is_empty() {
        let _ = writeln!(
            out,
            "\ntotal: peak {} per rank of {}, decoded {}, moved {} in {} messages, written {} (before compression)",
            format_bytes(t.peak_bytes),
            format_bytes(limits.memory_bytes),
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
    }
    Ok(out)
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

fn as_json(plans: &[ReadyPlan], ranks: usize, limits: &Limits) -> Result<Value> {
    let mut runs = Vec::new();
    for plan in plans {
        let stages: Vec<Value> = plan
            .footprints()
            .iter()
            .zip(&plan.plan().stages)
            .enumerate()
            .map(|(number, (f, stage))| {
                let moves = Moves::of(plan, number);
                json!({
                    "messages_per_rank": moves.messages.0,
                    "messages_worst_rank": moves.messages.1,
                    "bytes_per_rank": moves.bytes.0,
                    "bytes_worst_rank": moves.bytes.1,
                    "kind": kind(stage),
                    "peak_bytes": f.peak_bytes,
                    "worst_rank": f.worst_rank,
                    "threads": f.threads,
                    "task_bytes": f.task_bytes,
                    "resident_bytes": f.resident_bytes,
                    "exchange_bytes": f.exchange_bytes,
                    "decoded_bytes": f.decoded_bytes,
                    "moved_bytes": f.moved_bytes,
                    "messages": f.messages,
                    "written_bytes": f.written_bytes,
                    "scratch_written_bytes": f.scratch_written.0,
                    "scratch_written_bytes_busiest_rank": f.scratch_written.1,
                    "scratch_read_bytes": f.scratch_read.0,
                    "scratch_read_bytes_busiest_rank": f.scratch_read.1,
                    "tasks": f.tasks.0,
                    "tasks_busiest_rank": f.tasks.1,
                    "working_ranks": f.working_ranks,
                    "imbalance": imbalance(f, ranks),
                })
            })
            .collect();
        let files: Vec<String> = plan
            .plan()
            .files
            .iter()
            .map(|f| f.path.display().to_string())
            .collect();
        runs.push(json!({
            "stages": stages,
            "outputs": files,
            "notes": plan.plan().notes,
            "encoded_plan_bytes": encoded_bytes(plan)?,
            "text": plan.plan().to_string(),
        }));
    }
    let t = Totals::of(plans);
    Ok(json!({
        "ranks": ranks,
        "threads": limits.threads,
        "memory_bytes": limits.memory_bytes,
        "peak_bytes": t.peak_bytes,
        "bytes_decoded": t.decoded_bytes,
        "bytes_moved": t.moved_bytes,
        "bytes_written": t.written_bytes,
        "bytes_scratch_written": t.scratch_written_bytes,
        "bytes_scratch_read": t.scratch_read_bytes,
        "scratch": limits.scratch,
        "messages": t.messages,
        "runs": runs,
    }))
}
