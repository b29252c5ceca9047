//! A plan and its costs for programs.

use super::command::{Costs, Totals, imbalance, read_of};
use crate::driver::Forecast;
use crate::error::Result;
use crate::plan::{FilesAre, ReadyPlan, encode};
use serde_json::{Value, json};

fn stage(plan: &ReadyPlan, forecast: &Forecast, number: usize, ranks: usize) -> Value {
    let (f, time) = (
        &plan.footprints()[number],
        &forecast.estimate.stages[number],
    );
    let (read, exact) = read_of(forecast, number);
    let needed: u64 = forecast.reads[number]
        .iter()
        .map(|read| read.needed_bytes)
        .sum();
    json!({
        "kind": plan.plan().stages[number].kind(),
        "peak_bytes": f.peak_bytes,
        "worst_rank": f.worst_rank,
        "threads": f.threads,
        "task_bytes": f.task_bytes,
        "resident_bytes": f.resident_bytes,
        "exchange_bytes": f.exchange_bytes,
        "read_bytes": read,
        "read_bytes_exact": exact,
        "needed_bytes": needed,
        "decoded_bytes": f.decoded_bytes,
        "moved_bytes": f.moved_bytes,
        "messages": f.messages,
        "messages_per_rank": time.moves.messages.0,
        "messages_worst_rank": time.moves.messages.1,
        "bytes_per_rank": time.moves.bytes.0,
        "bytes_worst_rank": time.moves.bytes.1,
        "written_bytes": f.written_bytes,
        "scratch_written_bytes": f.scratch_written.0,
        "scratch_written_bytes_busiest_rank": f.scratch_written.1,
        "scratch_read_bytes": f.scratch_read.0,
        "scratch_read_bytes_busiest_rank": f.scratch_read.1,
        "tasks": f.tasks.0,
        "tasks_busiest_rank": f.tasks.1,
        "working_ranks": f.working_ranks,
        "imbalance": imbalance(f, ranks),
        "operations": time.operations,
        "seconds": {
            "total": time.total_s,
            "read": time.read_s,
            "decode": time.decode_s,
            "compute": time.compute_s,
            "exchange": time.exchange_s,
            "write": time.write_s,
        },
    })
}

pub(super) fn of(costs: &Costs<'_>) -> Result<Value> {
    let (ranks, limits, machine) = (costs.ranks, costs.limits, &costs.machine);
    let mut runs = Vec::new();
    for (plan, forecast) in costs.plans.iter().zip(&costs.forecasts) {
        let stages: Vec<Value> = (0..plan.footprints().len())
            .map(|number| stage(plan, forecast, number, ranks))
            .collect();
        let files: Vec<String> = (plan.plan().files.iter())
            .map(|f| f.path.display().to_string())
            .collect();
        runs.push(json!({
            "stages": stages,
            "outputs": files,
            "notes": plan.plan().notes,
            "advice": forecast.advice,
            "seconds": forecast.estimate.total_s(),
            "encoded_plan_bytes": encode(plan.plan())?.len(),
            "text": plan.plan().to_string(),
        }));
    }
    let t = Totals::of(costs);
    let advice: Vec<_> = costs.forecasts.iter().flat_map(|f| &f.advice).collect();
    Ok(json!({
        "ranks": ranks,
        "threads": limits.threads,
        "memory_bytes": limits.memory_bytes,
        "nodes": machine.nodes(ranks),
        "ranks_per_node": machine.ranks_per_node.min(ranks),
        "cores_per_node": machine.cores_per_node,
        "smallest_that_fits": costs.fit.map(|fit| json!({
            "nodes": fit.nodes,
            "ranks": fit.ranks,
            "ranks_per_node": fit.ranks_per_node,
            "threads": limits.threads,
        })),
        "peak_bytes": t.peak_bytes,
        "bytes_read": t.read_bytes,
        "bytes_read_exact": t.read_exact,
        "bytes_decoded": t.decoded_bytes,
        "bytes_moved": t.moved_bytes,
        "bytes_written": t.written_bytes,
        "bytes_scratch_written": t.scratch_written_bytes,
        "bytes_scratch_read": t.scratch_read_bytes,
        "scratch": limits.scratch,
        "messages": t.messages,
        "operations": t.operations,
        "seconds": t.seconds,
        "profile": {
            "machine": machine.profile.machine,
            "measured": machine.profile.is_measured().then_some(&machine.profile.measured),
        },
        "files_in_memory": machine.files == FilesAre::Cached,
        "advice": advice,
        "runs": runs,
    }))
}
