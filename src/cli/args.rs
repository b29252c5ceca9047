//! Subcommands and their options.

use super::report::Clock;
use super::{demo, doctor, info, plan, run};
use crate::comm::launcher_rank;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Lazy, chunked, labelled N-d arrays for mpirun and Slurm.
#[derive(Parser)]
#[command(name = "hyperslab", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a job script, alone or under mpirun or srun
    Run(RunArgs),
    /// Tell what a job script would do: passes, memory, bytes, messages; nothing is computed
    Plan(PlanArgs),
    /// Show what is in a NetCDF, HDF5 or .npy file and how it is stored
    Info(InfoArgs),
    /// Make a small satellite cube, run the NDVI job over it and draw the four seasons
    Demo(DemoArgs),
    /// Check MPI, HDF5, ranks, threads, binding and limits
    Doctor(DoctorArgs),
}

/// What all jobs take.
#[derive(Args, Clone)]
pub(super) struct JobArgs {
    /// Bytes of array data that one rank may hold: 64MiB, 2GB … [default: 1GiB]
    #[arg(long, value_name = "BYTES")]
    pub(super) memory: Option<String>,
    /// Threads that compute on one rank [default: the cores that this rank may use]
    #[arg(long, value_name = "N")]
    pub(super) threads: Option<usize>,
    /// Folder that all ranks see, for stored results that do not fit in memory [default: $HYPERSLAB_SCRATCH; without it such
    /// a job is refused]
    #[arg(long, value_name = "DIR")]
    pub(super) scratch: Option<PathBuf>,
    /// Replace existing output files
    #[arg(long)]
    pub(super) overwrite: bool,
    /// What to log to stderr
    #[arg(long, value_name = "LEVEL", default_value = "warn", value_parser = ["off", "error", "warn", "info", "debug", "trace"])]
    pub(super) log: String,
}

/// A script and its constants.
#[derive(Args, Clone)]
pub(super) struct ScriptArgs {
    /// The job script
    pub(super) script: PathBuf,
    /// A constant of the script: an integer, a number, true, false, else a text (may be repeated)
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = assignment)]
    pub(super) sets: Vec<(String, String)>,
}

#[derive(Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    pub(super) script: ScriptArgs,
    #[command(flatten)]
    pub(super) job: JobArgs,
    /// Print nothing but what the script prints, and errors
    #[arg(long)]
    pub(super) quiet: bool,
    /// Print one JSON object at the end, instead of what the script prints
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    pub(super) script: ScriptArgs,
    #[command(flatten)]
    pub(super) job: JobArgs,
    /// Ranks to plan for [default: 1]
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) ranks: usize,
    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args)]
pub(super) struct InfoArgs {
    /// The file
    pub(super) file: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args)]
pub(super) struct DemoArgs {
    /// Where to put the files
    #[arg(default_value = "demo")]
    pub(super) dir: PathBuf,
    #[command(flatten)]
    pub(super) job: JobArgs,
}

#[derive(Args)]
pub(super) struct DoctorArgs {
    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE, for example input=landsat.nc".to_owned()),
    }
}

/// The program: parses the command line, runs, gives the exit code.
pub fn main() -> ExitCode {
    let clock = Clock::start();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Before there is a job every process sees the same mistake: one of them says it.
            if launcher_rank().unwrap_or(0) == 0 {
                let _ = error.print();
            } else {
                yield_to_printer();
            }
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let code = match cli.command {
        Command::Run(args) => run::run(&args, &clock),
        Command::Plan(args) => plan::plan(&args),
        Command::Info(args) => info::info(&args),
        Command::Demo(args) => demo::demo(&args),
        Command::Doctor(args) => doctor::doctor(&args),
    };
    ExitCode::from(code)
}

/// Launchers kill a job when its first process fails: the one that prints needs a moment.
pub(super) fn yield_to_printer() {
    std::thread::sleep(Duration::from_millis(300));
}
