//! From the options to plans and their costs.

use super::super::args::PlanArgs;
use super::super::job::{self, command_line, print};
use super::{json, text};
use crate::config::{Limits, parse_bytes};
use crate::driver::{Forecast, StoredSizes, forecast};
use crate::error::Error;
use crate::plan::{FilesAre, Fit, Footprint, Machine, Node, Profile, ReadyPlan, smallest_ranks};
use crate::script::run_script;

/// More array data than any rank has: what a search for ranks plans its first attempt with.
const NO_LIMIT_BYTES: u64 = 1 << 50;

/// Plans and their costs.
pub(in super::super) struct Costs<'a> {
    pub(in super::super) plans: &'a [ReadyPlan],
    pub(in super::super) forecasts: Vec<Forecast>,
    pub(in super::super) ranks: usize,
    pub(in super::super) limits: &'a Limits,
    pub(in super::super) machine: Machine<'a>,
    /// What a search found.
    pub(in super::super) fit: Option<&'a Fit>,
}

pub(in super::super) fn plan(args: &PlanArgs) -> u8 {
    let what = command_line("plan", &args.script);
    let ranks = args.ranks;
    let search = args.memory_per_node.is_some();
    job::run(
        &args.job,
        args.json,
        &what,
        |config| {
            config.dry_ranks = Some(if search { 1 } else { ranks.max(1) });
            if search {
                config.limits.memory_bytes = NO_LIMIT_BYTES;
            }
            Ok(())
        },
        |driver| {
            if !(1..=1 << 20).contains(&ranks) {
                return Err(Error::invalid(format!(
                    "--ranks {ranks}: allowed are 1 … 1048576"
                )));
            }
            let profile = Profile::load(args.profile.as_deref(), online_cores())?;
            let cores = match args.cores_per_node {
                Some(0) => {
                    return Err(Error::invalid(
                        "--cores-per-node 0: allowed are 1 and more".to_owned(),
                    ));
                }
                Some(cores) => cores,
                None => profile.cores,
            };
            let memory = (args.memory_per_node.as_ref())
                .map(|text| parse_bytes(text).map_err(|e| e.context("reading --memory-per-node")))
                .transpose()?;
            // What the script prints would be computed from zeros: it is not shown.
            let ran = run_script(driver, &args.script.script, &args.script.sets, &mut |_| {});
            let session = driver.session();
            // A script that looks at values finds zeros, and may end for that: what it had computed until then is planned.
            let ended = match ran {
                Err(error) if session.planned().is_empty() => return Err(error),
                other => other.err().map(|error| error.to_string()),
            };
            let fit = match memory {
                None => None,
                Some(memory_bytes) => {
                    let node = Node {
                        memory_bytes,
                        cores,
                    };
                    Some(smallest_ranks(&session.prepared(), node, session.limits())?)
                }
            };
            let planned = session.planned();
            let (plans, ranks, limits) = match &fit {
                Some(fit) => (&fit.plans, fit.ranks, &fit.limits),
                None => (&planned, ranks, session.limits()),
            };
            let mut machine = Machine::filled(&profile, cores, limits.threads);
            if let Some(fit) = &fit {
                machine.ranks_per_node = fit.ranks_per_node;
            }
            if args.cached {
                machine.files = FilesAre::Cached;
            }
            let sizes = StoredSizes::of(plans);
            let costs = Costs {
                plans,
                forecasts: (plans.iter())
                    .map(|plan| forecast(plan, &sizes, &machine, limits))
                    .collect(),
                ranks,
                limits,
                machine,
                fit: fit.as_ref(),
            };
            if args.json {
                let mut object = json::of(&costs)?;
                object["ended_early"] = ended.into();
                print(&object.to_string());
                return Ok(());
            }
            let text = text::of(&costs)?;
            if args.quiet {
                return Ok(());
            }
            print(text.trim_end());
            if let Some(why) = ended {
                print(&format!(
                    "\nThe script ended here, since a plan knows no values: {why}\nWhat comes after is not planned."
                ));
            }
            Ok(())
        },
    )
}

/// Cores of this machine, whichever of them this process may use.
pub(in super::super) fn online_cores() -> usize {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let listed = info
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count();
    match listed {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        _ => listed,
    }
}

/// Sums over the stages of all plans; the peak is that of the worst stage.
#[derive(Default)]
pub(in super::super) struct Totals {
    pub(in super::super) peak_bytes: u64,
    pub(in super::super) read_bytes: u64,
    pub(in super::super) read_exact: bool,
    pub(in super::super) decoded_bytes: u64,
    pub(in super::super) moved_bytes: u64,
    pub(in super::super) messages: u64,
    pub(in super::super) written_bytes: u64,
    pub(in super::super) scratch_written_bytes: u64,
    pub(in super::super) scratch_read_bytes: u64,
    pub(in super::super) operations: f64,
    /// With the start of the program.
    pub(in super::super) seconds: f64,
}

impl Totals {
    pub(in super::super) fn of(costs: &Costs<'_>) -> Self {
        let stages = costs.plans.iter().flat_map(ReadyPlan::footprints);
        let mut t = stages.fold(Totals::default(), |t, f| Totals {
            peak_bytes: t.peak_bytes.max(f.peak_bytes),
            decoded_bytes: t.decoded_bytes + f.decoded_bytes,
            moved_bytes: t.moved_bytes + f.moved_bytes,
            messages: t.messages + f.messages,
            written_bytes: t.written_bytes + f.written_bytes,
            scratch_written_bytes: t.scratch_written_bytes + f.scratch_written.0,
            scratch_read_bytes: t.scratch_read_bytes + f.scratch_read.0,
            ..t
        });
        let reads = || {
            costs
                .forecasts
                .iter()
                .flat_map(|f| f.reads.iter().flatten())
        };
        t.read_bytes = reads().map(|read| read.read_bytes).sum();
        t.read_exact = reads().all(|read| read.exact);
        let estimates = || costs.forecasts.iter().map(|f| &f.estimate);
        let stages = estimates().flat_map(|e| &e.stages);
        t.operations = stages.map(|stage| stage.operations).sum();
        t.seconds = estimates().map(|e| e.total_s()).sum::<f64>() + costs.machine.profile.start_s;
        t
    }
}

/// Tasks of the busiest rank over the mean of all ranks: 1 is a perfect balance.
pub(in super::super) fn imbalance(footprint: &Footprint, ranks: usize) -> f64 {
    let (total, busiest) = footprint.tasks;
    match total {
        0 => 1.0,
        _ => busiest as f64 * ranks as f64 / total as f64,
    }
}

/// Bytes that a stage reads, and whether they are known.
pub(super) fn read_of(forecast: &Forecast, stage: usize) -> (u64, bool) {
    let reads = &forecast.reads[stage];
    (
        reads.iter().map(|read| read.read_bytes).sum(),
        reads.iter().all(|read| read.exact),
    )
}
