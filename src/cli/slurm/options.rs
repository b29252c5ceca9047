//! The options of `hyperslab slurm`.

use super::super::args::{JobArgs, ScriptArgs};
use super::super::watch::WatchArgs;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// What starts the ranks inside the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Launcher {
    /// `srun --mpi=pmix`
    Srun,
    /// `mpirun` of the MPI that is loaded
    Mpirun,
}

/// The command line of `hyperslab slurm`.
#[derive(Args)]
#[command(after_help = "\
Examples:
  hyperslab slurm season.rhai --set input=landsat.nc --set output=season.nc \\
      --cores-per-node 64 --time 01:00:00 --partition batch --submit
  hyperslab slurm year.rhai --array year=2001..2020 --set input=era5_{year}.nc --set output=mean_{year}.nc \\
      --nodes 2 --cores-per-node 48 --memory 8GiB --time 00:30:00 -o years.sbatch")]
pub(in crate::cli) struct SlurmArgs {
    #[command(flatten)]
    pub(super) script: ScriptArgs,
    #[command(flatten)]
    pub(super) job: JobArgs,
    #[command(flatten)]
    pub(super) watch: WatchArgs,
    /// Time limit of the job, HH:MM:SS or D-HH:MM:SS [default: three times the estimate of the plan, and two minutes]
    #[arg(long, value_name = "TIME")]
    pub(super) time: Option<String>,
    /// Seconds before the time limit at which the job is told by a signal [default: 120, of short jobs a quarter of their time]
    #[arg(long, value_name = "SECONDS")]
    pub(super) signal_before: Option<u64>,
    /// Nodes of the job [default: as few as the ranks, or the plan, need]
    #[arg(long, value_name = "N")]
    pub(super) nodes: Option<usize>,
    /// Ranks in all [default: from the cores and memory of the nodes and the tasks of the plan]
    #[arg(long, value_name = "N")]
    pub(super) ranks: Option<usize>,
    /// Cores of a node that the job may use
    #[arg(long, value_name = "N")]
    pub(super) cores_per_node: Option<usize>,
    /// Memory of a node that the job may use: 192GB, 250GiB …
    #[arg(long, value_name = "BYTES")]
    pub(super) memory_per_node: Option<String>,
    /// One job for each value of a constant: year=2001..2020 (both ends), month=01..12, model=a,b,c. `{year}` in a --set stands for
    /// its value
    #[arg(long, value_name = "NAME=VALUES")]
    pub(super) array: Option<String>,
    /// Jobs of the array that may run at once [default: all]
    #[arg(long, value_name = "N", requires = "array")]
    pub(super) at_once: Option<usize>,
    /// What starts the ranks
    #[arg(long, value_enum, default_value_t = Launcher::Srun)]
    pub(super) launcher: Launcher,
    /// The plugin by which srun starts the MPI's ranks; `srun --mpi=list` shows those of a cluster
    #[arg(long, value_name = "NAME", default_value = "pmix")]
    pub(super) mpi: String,
    /// Partition (queue)
    #[arg(long, value_name = "NAME")]
    pub(super) partition: Option<String>,
    /// Account that pays
    #[arg(long, value_name = "NAME")]
    pub(super) account: Option<String>,
    /// Quality of service
    #[arg(long, value_name = "NAME")]
    pub(super) qos: Option<String>,
    /// Features that the nodes must have
    #[arg(long, value_name = "LIST")]
    pub(super) constraint: Option<String>,
    /// Name of the job [default: that of the script]
    #[arg(long, value_name = "NAME")]
    pub(super) job_name: Option<String>,
    /// Where the job's messages go, in sbatch's patterns [default: %x-%j.log, of an array %x-%A_%a.log]
    #[arg(long, value_name = "PATTERN")]
    pub(super) job_log: Option<String>,
    /// Folder in which the job runs [default: this one]
    #[arg(long, value_name = "DIR")]
    pub(super) chdir: Option<PathBuf>,
    /// A line of the script before the ranks start, such as 'module load openmpi hdf5' (may be repeated)
    #[arg(long, value_name = "LINE")]
    pub(super) setup: Vec<String>,
    /// Another option for sbatch, such as --sbatch=--exclusive (may be repeated)
    #[arg(long, value_name = "OPTION", allow_hyphen_values = true)]
    pub(super) sbatch: Vec<String>,
    /// The hyperslab that the job starts [default: this one]
    #[arg(long, value_name = "PATH")]
    pub(super) program: Option<PathBuf>,
    /// Put the job back into the queue so many times when it stops at its time limit; each start goes on from the one before
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=1000), conflicts_with = "no_requeue")]
    pub(super) requeues: u32,
    /// Do not run the job again after a node has failed or another job has pushed it out
    #[arg(long)]
    pub(super) no_requeue: bool,
    /// Write the script to a file; one that was rendered before is replaced
    #[arg(short = 'o', long = "output", value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Hand the script to sbatch and print the number of the job
    #[arg(long)]
    pub(super) submit: bool,
    /// Print nothing but errors, and of --submit the number of the job
    #[arg(long)]
    pub(super) quiet: bool,
    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,
}
