//! Subcommands and their options.

use super::completions::{CompletionArgs, completions};
use super::report::Clock;
use super::resume::ResumeArgs;
use super::watch::{TopArgs, WatchArgs, top};
use super::{calibrate, check, convert, demo, doctor, graph, info, plan, run, slurm};
use crate::comm::launcher_rank;
use clap::{Args, CommandFactory, Parser, Subcommand};
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
    #[command(
        after_help = "Examples:\n  hyperslab run job.rhai --set input=a.nc --set output=b.nc\n  mpirun -n 4 hyperslab run job.rhai --memory 4GiB --threads 8 --status /scratch/me/job --report report.html\n  srun --mpi=pmix hyperslab run job.rhai --resume --time-limit 11:55:00"
    )]
    Run(RunArgs),
    /// Tell what a job script would do: passes, memory, bytes, messages; nothing is computed
    #[command(
        after_help = "Examples:\n  hyperslab plan job.rhai --set input=a.nc --ranks 64\n  hyperslab plan job.rhai --memory-per-node 256GiB --cores-per-node 64 --threads 8\n  hyperslab plan job.rhai --ranks 4096 --json"
    )]
    Plan(PlanArgs),
    /// Measure this machine once (about 15 s), so that `plan` can tell times
    #[command(
        after_help = "Examples:\n  hyperslab calibrate --dir /scratch/me\n  mpirun -n 2 --map-by node hyperslab calibrate -o machine.json"
    )]
    Calibrate(CalibrateArgs),
    /// Write a Slurm batch script for a job script, from its plan, and submit it
    Slurm(Box<slurm::SlurmArgs>),
    /// Draw what a job script would do: the graph as written, after optimisation, and the stages; nothing is computed
    #[command(
        after_help = "Examples:\n  hyperslab graph job.rhai --set input=a.nc -o job.svg\n  hyperslab graph job.rhai --ranks 64 \
                            --of stages -o stages.svg\n  hyperslab graph job.rhai -o job.dot && dot -Tpdf job.dot -o job.pdf"
    )]
    Graph(GraphArgs),
    /// Show what is in a NetCDF, HDF5, Zarr or .npy file and how it is stored
    #[command(
        after_help = "Examples:\n  hyperslab info era5.nc\n  hyperslab info \"era5_*.nc\" --json\n  hyperslab info https://host/store.zarr"
    )]
    Info(InfoArgs),
    /// Compare outputs with the checksums they were written with
    #[command(
        after_help = "Examples:\n  hyperslab check out.nc out.zarr\n  hyperslab check --quiet results/*.nc && rm -r scratch"
    )]
    Check(CheckArgs),
    /// Write a file in another format, chunking or compression
    #[command(
        after_help = "Examples:\n  hyperslab convert in.nc out.zarr --chunks time=100,lat=180\n  hyperslab convert in.zarr out.nc --deflate 4 --memory 512MiB --scratch /scratch/me\n  mpirun -n 8 hyperslab convert big.nc big.zarr --shards time=1000,lat=180"
    )]
    Convert(ConvertArgs),
    /// Make a small satellite cube, run the NDVI job over it and draw the four seasons
    #[command(
        after_help = "Examples:\n  mpirun -n 2 hyperslab demo demo\n  hyperslab demo /scratch/me/demo --json"
    )]
    Demo(DemoArgs),
    /// Show where the ranks of a running job stand, from any node that sees its --status folder
    #[command(
        after_help = "Examples:\n  hyperslab top /scratch/me/job\n  hyperslab top /scratch/me/job --once\n  hyperslab top /scratch/me/job --json"
    )]
    Top(TopArgs),
    /// Check MPI, HDF5, ranks, threads, binding and limits
    #[command(
        after_help = "Examples:\n  hyperslab doctor\n  srun --mpi=pmix hyperslab doctor --json"
    )]
    Doctor(DoctorArgs),
    /// Print what a shell needs to complete this command line
    #[command(
        after_help = "Examples:\n  hyperslab completions bash > ~/.local/share/bash-completion/completions/hyperslab"
    )]
    Completions(CompletionArgs),
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
    #[command(flatten)]
    pub(super) resume: ResumeArgs,
    #[command(flatten)]
    pub(super) watch: WatchArgs,
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
    /// Look for the fewest ranks that fit nodes with this memory: 64GiB, 512GB …; each has the threads of --threads
    #[arg(long, value_name = "BYTES", conflicts_with_all = ["ranks", "memory"])]
    pub(super) memory_per_node: Option<String>,
    /// Cores of a node [default: those of the machine profile]
    #[arg(long, value_name = "N")]
    pub(super) cores_per_node: Option<usize>,
    /// Machine profile to tell times by [default: $HYPERSLAB_PROFILE, else ~/.config/hyperslab/machine.json, else built-in rates]
    #[arg(long, value_name = "FILE")]
    pub(super) profile: Option<PathBuf>,
    /// Tell times as if the input files were in the system's memory
    #[arg(long)]
    pub(super) cached: bool,
    /// Print nothing but errors: whether the job can run as it is says the exit code
    #[arg(long)]
    pub(super) quiet: bool,
    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args)]
pub(super) struct CalibrateArgs {
    /// Where the profile goes [default: $HYPERSLAB_PROFILE, else ~/.config/hyperslab/machine.json]
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Folder on the file system of the jobs, for some 200 MB for a moment [default: this one]
    #[arg(long, value_name = "DIR")]
    pub(super) dir: Option<PathBuf>,
    /// Threads that measure together [default: the cores that this process may use]
    #[arg(long, value_name = "N")]
    pub(super) threads: Option<usize>,
    /// Less data, once: a second or two, and rates that may be wrong by half
    #[arg(long)]
    pub(super) quick: bool,
    /// Print nothing but errors
    #[arg(long)]
    pub(super) quiet: bool,
    /// Print the profile
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args)]
pub(super) struct GraphArgs {
    #[command(flatten)]
    pub(super) script: ScriptArgs,
    #[command(flatten)]
    pub(super) job: JobArgs,
    /// Ranks to plan for [default: 1]
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) ranks: usize,
    /// The picture: .svg, or .dot for Graphviz
    #[arg(short, long, value_name = "FILE", default_value = "graph.svg")]
    pub(super) output: PathBuf,
    /// What of each run is drawn
    #[arg(long = "of", value_name = "PART", default_value = "all", value_parser = ["all", "graph", "optimized", "stages"])]
    pub(super) part: String,
    /// Print nothing but errors
    #[arg(long)]
    pub(super) quiet: bool,
    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args)]
pub(super) struct InfoArgs {
    /// The file, or the URL of a Zarr hierarchy or of references; several, or a pattern in quotes, are shown as the one dataset that
    /// they are together
    #[arg(required = true)]
    pub(super) files: Vec<PathBuf>,
    /// Put several files one after another along this dimension, in their order, instead of by their coordinates
    #[arg(long, value_name = "DIM")]
    pub(super) concat_dim: Option<String>,
    /// Print nothing but errors: whether the file can be read says the exit code
    #[arg(long)]
    pub(super) quiet: bool,
    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args)]
pub(super) struct CheckArgs {
    /// NetCDF-4 files and Zarr hierarchies that hyperslab has written
    #[arg(required = true)]
    pub(super) files: Vec<PathBuf>,
    /// Print one JSON object for each file
    #[arg(long)]
    pub(super) json: bool,
    /// Say nothing of files that are as they were written
    #[arg(long)]
    pub(super) quiet: bool,
}

#[derive(Args)]
pub(super) struct ConvertArgs {
    /// NetCDF-4, HDF5, NetCDF-3, Zarr, .npy or references (kerchunk); of Zarr and references a URL, too
    pub(super) input: PathBuf,
    /// The output: Zarr where the name ends in .zarr, else NetCDF-4
    pub(super) output: PathBuf,
    /// Lengths of chunks: time=100,lat=180 (may be repeated); other dimensions keep theirs
    #[arg(long, value_name = "DIM=N", value_delimiter = ',')]
    pub(super) chunks: Vec<String>,
    /// Lengths of shards, files of several chunks (Zarr version 3)
    #[arg(long, value_name = "DIM=N", value_delimiter = ',')]
    pub(super) shards: Vec<String>,
    /// Compress by zlib at a level of 1 … 9; 0: not at all
    #[arg(long, value_name = "LEVEL", conflicts_with_all = ["zstd", "lz4"])]
    pub(super) deflate: Option<u8>,
    /// Compress by Zstandard at a level of 1 … 19 (Zarr)
    #[arg(long, value_name = "LEVEL", conflicts_with = "lz4")]
    pub(super) zstd: Option<u8>,
    /// Compress by LZ4 at a level of 1 … 9 (Zarr)
    #[arg(long, value_name = "LEVEL")]
    pub(super) lz4: Option<u8>,
    /// Compress the bytes as they are, not shuffled
    #[arg(long)]
    pub(super) no_shuffle: bool,
    /// Version of Zarr: 2 or 3 [default: 3]
    #[arg(long, value_name = "N")]
    pub(super) zarr_format: Option<u8>,
    /// One group of the input
    #[arg(long, value_name = "NAME")]
    pub(super) group: Option<String>,
    /// Only these variables, with their coordinates
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(super) variables: Vec<String>,
    #[command(flatten)]
    pub(super) job: JobArgs,
    #[command(flatten)]
    pub(super) resume: ResumeArgs,
    #[command(flatten)]
    pub(super) watch: WatchArgs,
    /// Print nothing but errors
    #[arg(long)]
    pub(super) quiet: bool,
    /// Print one JSON object at the end
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
    /// Print nothing but errors
    #[arg(long)]
    pub(super) quiet: bool,
    /// Print one JSON object at the end
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args)]
pub(super) struct DoctorArgs {
    /// Print nothing but warnings
    #[arg(long)]
    pub(super) quiet: bool,
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
        Command::Calibrate(args) => calibrate::calibrate(&args, &clock),
        Command::Slurm(args) => slurm::slurm(&args),
        Command::Graph(args) => graph::graph(&args),
        Command::Info(args) => info::info(&args),
        Command::Check(args) => check::check(&args),
        Command::Convert(args) => convert::convert(&args, &clock),
        Command::Demo(args) => demo::demo(&args, &clock),
        Command::Top(args) => top(&args),
        Command::Doctor(args) => doctor::doctor(&args),
        Command::Completions(args) => completions(&args),
    };
    ExitCode::from(code)
}

/// The command line, for what describes it.
pub(super) fn command() -> clap::Command {
    Cli::command()
}

/// Launchers kill a job when its first process fails: the one that prints needs a moment.
pub(super) fn yield_to_printer() {
    std::thread::sleep(Duration::from_millis(300));
}
