//! `hyperslab slurm`: options → plan → script → file, stdout or sbatch.

use super::super::job::{self, command_line, print};
use super::super::plan::{Costs, Totals, online_cores};
use super::super::trace;
use super::array::Values;
use super::layout::{Layout, Wish};
use super::options::SlurmArgs;
use super::render::{self, Job, MARK, of};
use super::walltime::{Walltime, notice, walltime};
use super::{quote, submit};
use crate::comm::{Fabric, detect, launcher_rank};
use crate::config::{Limits, format_bytes, parse_bytes};
use crate::driver::{Config, StoredSizes, forecast, launch_with};
use crate::error::{Error, Fault, Result};
use crate::plan::{Machine, Profile, ReadyPlan};
use crate::script::run_script;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Nodes up to which a plan over the budget is tried on more of them.
const MOST_NODES: usize = 64;
/// Outputs that the head of a script names.
const NAMED: usize = 6;

/// The command; gives the exit code.
pub(in crate::cli) fn slurm(args: &SlurmArgs) -> u8 {
    trace::start(&args.job.log);
    match run(args) {
        Ok(()) => 0,
        Err(error) => job::fail(launcher_rank().unwrap_or(0) == 0, args.json, &error),
    }
}

/// What the plans of a job say, of an array those of the job that needs most.
#[derive(Default)]
struct Figures {
    totals: Totals,
    /// Ranks that some stage has work for.
    working: usize,
    /// Runs, and stages of them.
    runs: usize,
    stages: usize,
    /// Tasks of the stage with most of them.
    tasks: u64,
    /// Tasks of the busiest rank over the mean of all ranks, in that stage.
    imbalance: f64,
    outputs: Vec<PathBuf>,
}

impl Figures {
    fn of(plans: &[ReadyPlan], layout: &Layout, limits: &Limits, profile: &Profile) -> Self {
        let ranks = layout.ranks();
        // The nodes of the job have these cores at least, whatever the machine that was measured.
        let cores = profile.cores.max(layout.ranks_per_node * layout.threads);
        let mut machine = Machine::filled(profile, cores, layout.threads);
        machine.ranks_per_node = layout.ranks_per_node;
        let sizes = StoredSizes::of(plans);
        let costs = Costs {
            plans,
            forecasts: (plans.iter())
                .map(|plan| forecast(plan, &sizes, &machine, limits))
                .collect(),
            ranks,
            limits,
            machine,
            fit: None,
        };
        let stages = || plans.iter().flat_map(ReadyPlan::footprints);
        let largest = stages().max_by_key(|f| f.tasks.0);
        let outputs = plans.iter().flat_map(|plan| &plan.plan().files);
        Figures {
            totals: Totals::of(&costs),
            working: stages().map(|f| f.working_ranks).max().unwrap_or(0),
            runs: plans.len(),
            stages: stages().count(),
            tasks: largest.map_or(0, |f| f.tasks.0),
            imbalance: largest.map_or(1.0, |f| super::super::plan::imbalance(f, ranks)),
            outputs: outputs.map(|file| file.path.clone()).collect(),
        }
    }
}

/// Plans the script, or all jobs of the array, for `layout`, without running anything.
fn planned(
    args: &SlurmArgs,
    config: &Config,
    array: Option<&Values>,
    layout: &Layout,
) -> Result<Vec<Figures>> {
    let mut config = config.clone();
    config.fabric = Some(Fabric::Solo);
    config.dry_ranks = Some(layout.ranks());
    config.limits.threads = layout.threads;
    let profile = Profile::load(None, online_cores())?;
    let plan = |sets: &[(String, String)]| -> Result<Figures> {
        let made = launch_with(&config, |driver| {
            let ran = run_script(driver, &args.script.script, sets, &mut |_| {});
            let session = driver.session();
            // As `plan`: a script that looks at values is planned until zeros end it.
            if session.planned().is_empty() {
                ran?;
            }
            Ok(Figures::of(
                &session.planned(),
                layout,
                session.limits(),
                &profile,
            ))
        });
        let made = made.map_err(|(_, error)| error)?;
        made.ok_or_else(|| Error::internal("a plan without a driver"))
    };
    let Some(array) = array else {
        return Ok(vec![plan(&args.script.sets)?]);
    };
    let jobs = array.values.iter().map(|value| {
        plan(&array.sets_of(value, &args.script.sets))
            .map_err(|e| e.context(format!("planning the job of {}={value}", array.name)))
    });
    let jobs = jobs.collect::<Result<Vec<_>>>()?;
    let mut writers = BTreeMap::new();
    for (job, value) in jobs.iter().zip(&array.values) {
        for output in &job.outputs {
            if let Some(other) = writers.insert(output, value)
                && other != value
            {
                return Err(Error::invalid(format!(
                    "--array {name}=…: the jobs of {name}={other} and {name}={value} both write {}; let its name follow {name}, for \
                     example --set output=out_{{{name}}}.nc",
                    output.display(),
                    name = array.name,
                )));
            }
        }
    }
    Ok(jobs)
}

/// The layout, with the plans for it. Where nodes are left open, as few as hold the plan; where ranks are, as many as have work.
fn chosen(
    args: &SlurmArgs,
    config: &Config,
    array: Option<&Values>,
    wish: &Wish,
) -> Result<(Layout, Vec<Figures>)> {
    let open = wish.nodes.is_none() && wish.ranks.is_none();
    let mut nodes = 1;
    let mut refused: Option<Error> = None;
    let (layout, figures) = loop {
        let layout = wish.layout(nodes, None)?;
        match planned(args, config, array, &layout) {
            Err(error) if open && error.fault() == Fault::Resource => {
                let first = refused.get_or_insert(error);
                if nodes == MOST_NODES {
                    return Err(first.clone().context(format!(
                        "planning for one node; more nodes, up to {MOST_NODES}, do not help"
                    )));
                }
                nodes *= 2;
            }
            Err(error) => return Err(error),
            Ok(figures) => break (layout, figures),
        }
    };
    let working = figures.iter().map(|f| f.working).max().unwrap_or(0);
    let fewer = wish.layout(nodes, Some(working))?;
    let (mut layout, figures) = match fewer.ranks() < layout.ranks() {
        // Fewer ranks may need more memory each: then the idle ones stay.
        true => match planned(args, config, array, &fewer) {
            Ok(figures) => (fewer, figures),
            Err(_) => (layout, figures),
        },
        false => (layout, figures),
    };
    if (1..layout.ranks()).contains(&working) {
        layout.reasons.push(format!(
            "the plan has work for {working} of the {} ranks at once: the others wait",
            layout.ranks()
        ));
    }
    if nodes > 1 {
        layout.reasons.push(format!(
            "{nodes} nodes: the plan does not fit the memory of fewer ranks"
        ));
    }
    Ok((layout, figures))
}

fn run(args: &SlurmArgs) -> Result<()> {
    if detect() == Fabric::Mpi {
        return Err(Error::invalid(
            "hyperslab slurm under mpirun or srun: start it alone; the script that it writes starts the ranks",
        ));
    }
    let config = job::config(&args.job, &command_line("slurm", &args.script))?;
    let memory_per_node = args.memory_per_node.as_deref().map(parse_bytes).transpose();
    let wish = Wish {
        nodes: args.nodes,
        ranks: args.ranks,
        threads: args.job.threads,
        cores_per_node: args.cores_per_node,
        memory_per_node: memory_per_node.map_err(|e| e.context("reading --memory-per-node"))?,
        budget_bytes: config.limits.memory_bytes,
    };
    // All that is wrong with the options is said before a file is opened.
    wish.check()?;
    let given = args.time.as_deref().map(Walltime::parse).transpose()?;
    if let Some(time) = given {
        notice(time, args.signal_before)?;
    }
    let values = |text: &String| Values::parse(text, &args.script.sets);
    let array = args.array.as_ref().map(values).transpose()?;
    if args.at_once == Some(0) {
        return Err(Error::invalid("--at-once 0: allowed are 1 and more"));
    }
    let (layout, figures) = chosen(args, &config, array.as_ref(), &wish)?;
    // Templates say the same on every machine: with a time that is given nothing is estimated.
    let longest = figures
        .iter()
        .map(|job| job.totals.seconds)
        .reduce(f64::max);
    let (time, time_reason) = walltime(given, longest.filter(|_| given.is_none()))?;
    let notice_s = notice(time, args.signal_before)?;
    let folder = match &args.chdir {
        Some(folder) => folder.clone(),
        None => std::env::current_dir()
            .map_err(|e| Error::new(Fault::Io, format!("the current folder: {e}")))?,
    };
    let program = match &args.program {
        Some(program) => program.clone(),
        None => std::env::current_exe()
            .map_err(|e| Error::new(Fault::Io, format!("the path of hyperslab: {e}")))?,
    };
    let mut notes = notes(&wish, &layout, &figures, array.as_ref());
    notes.push(format!("  time: {time}, {time_reason}"));
    let script = render::render(&Job {
        args,
        layout: &layout,
        notes: &notes,
        time,
        notice_s,
        array: array.as_ref(),
        program: &program,
        folder: &folder,
        scratch: config.limits.scratch.as_ref(),
    })?;
    if let Some(path) = &args.output {
        write(path, &script)?;
    }
    let id = match args.submit {
        true => Some(submit::submit(&script, args.output.as_deref())?),
        false => None,
    };
    if args.json {
        let most = |of: fn(&Totals) -> u64| figures.iter().map(|f| of(&f.totals)).max();
        print(
            &json!({
                "script": script,
                "file": args.output,
                "job_id": id,
                "job_name": render::name(args),
                "nodes": layout.nodes,
                "ranks": layout.ranks(),
                "ranks_per_node": layout.ranks_per_node,
                "threads": layout.threads,
                "memory_bytes": config.limits.memory_bytes,
                "memory_bytes_per_node": layout.node_bytes(),
                "time_s": time.0,
                "signal_before_s": notice_s,
                "array": array.map(|a| json!({ "name": a.name, "values": a.values })),
                "peak_bytes": most(|t| t.peak_bytes),
                "bytes_decoded": most(|t| t.decoded_bytes),
                "bytes_moved": most(|t| t.moved_bytes),
                "bytes_written": most(|t| t.written_bytes),
                "reasons": layout.reasons,
            })
            .to_string(),
        );
    } else if let Some(id) = id {
        print(&id);
    } else if args.output.is_none() && !args.quiet {
        print(script.trim_end());
    }
    Ok(())
}

/// The head of the script: the command that made it, the plan, the choices.
fn notes(wish: &Wish, layout: &Layout, figures: &[Figures], array: Option<&Values>) -> Vec<String> {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .map(|word| quote::shell(&word))
        .collect();
    let (nodes, ranks, threads) = (layout.nodes, layout.ranks(), layout.threads);
    let s = |n: usize| if n == 1 { "" } else { "s" };
    let mut notes = vec![
        format!("  hyperslab {}", words.join(" ")),
        String::new(),
        format!(
            "The plan for {ranks} rank{} of {threads} thread{}{}:",
            s(ranks),
            s(threads),
            match array {
                Some(array) => format!(
                    ", of the {} jobs of the array that which needs most memory",
                    array.values.len()
                ),
                None => String::new(),
            }
        ),
    ];
    if let Some(f) = figures.iter().max_by_key(|f| f.totals.peak_bytes) {
        let t = &f.totals;
        notes.push(format!(
            "  peak {} per rank, {} run{} in {} stage{}, {} tile{} in the largest stage (imbalance {:.2})",
            of(t.peak_bytes, wish.budget_bytes),
            f.runs,
            s(f.runs),
            f.stages,
            s(f.stages),
            f.tasks,
            if f.tasks == 1 { "" } else { "s" },
            f.imbalance,
        ));
        notes.push(format!(
            "  {} decoded, {} moved in {} messages, {} written before compression",
            format_bytes(t.decoded_bytes),
            format_bytes(t.moved_bytes),
            t.messages,
            format_bytes(t.written_bytes),
        ));
        if t.scratch_written_bytes > 0 {
            notes.push(format!(
                "  {} written to scratch files and {} read",
                format_bytes(t.scratch_written_bytes),
                format_bytes(t.scratch_read_bytes)
            ));
        }
        for output in f.outputs.iter().take(NAMED) {
            notes.push(format!("  writes {}", output.display()));
        }
        if f.outputs.len() > NAMED {
            notes.push(format!("  and {} more files", f.outputs.len() - NAMED));
        }
    }
    notes.push("Why this size:".to_owned());
    for reason in &layout.reasons {
        notes.push(format!("  {reason}"));
    }
    notes.push(format!(
        "  memory: {} a rank, {}; {} of them on each of {nodes} node{}",
        format_bytes(layout.rank_bytes),
        wish.allowance(),
        layout.ranks_per_node,
        s(nodes),
    ));
    notes
}

/// Writes the script; nothing but an earlier one is replaced.
fn write(path: &Path, script: &str) -> Result<()> {
    let refused = |why: String| {
        Error::new(
            Fault::Output,
            format!("writing the script {}: {why}", path.display()),
        )
    };
    match std::fs::read(path) {
        Ok(old) => {
            let marked = old
                .split(|b| *b == b'\n')
                .nth(1)
                .is_some_and(|l| l.starts_with(MARK.as_bytes()));
            if !marked {
                return Err(refused(
                    "the file exists and was not rendered by this command; give another -o"
                        .to_owned(),
                ));
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(refused(error.to_string())),
    }
    std::fs::write(path, script).map_err(|e| refused(e.to_string()))
}
