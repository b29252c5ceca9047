//! `hyperslab doctor`: what this machine and this launch give a job, and what stands in its way.

use super::args::DoctorArgs;
use super::job::{fail, print};
use crate::comm::{self, Comm};
use crate::config::{Limits, format_bytes};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::fmt::Write;

/// Variables of launchers and of HDF5 that change how a job runs.
const VARIABLES: [&str; 17] = [
    Limits::SCRATCH_VARIABLE,
    "OMPI_COMM_WORLD_SIZE",
    "OMPI_COMM_WORLD_RANK",
    "OMPI_MCA_hwloc_base_binding_policy",
    "PMI_SIZE",
    "PMI_RANK",
    "PMIX_RANK",
    "MV2_COMM_WORLD_SIZE",
    "SLURM_JOB_ID",
    "SLURM_STEP_ID",
    "SLURM_PROCID",
    "SLURM_NTASKS",
    "SLURM_CPUS_PER_TASK",
    "SLURM_MEM_PER_NODE",
    "OMP_NUM_THREADS",
    "HDF5_USE_FILE_LOCKING",
    "HYPERSLAB_WATCHDOG_SECONDS",
];

/// What one rank sees.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Seen {
    rank: usize,
    host: String,
    /// Cores of the machine.
    cores: usize,
    /// Cores that this rank may use.
    allowed: Vec<usize>,
    /// Threads that a job would start on this rank.
    threads: usize,
    /// Memory limits that hold here, with their names; the smallest counts.
    memory: Vec<(String, u64)>,
    open_files: Option<u64>,
    shm_bytes: Option<u64>,
    shm_free_bytes: Option<u64>,
    variables: Vec<(String, String)>,
}

fn allowed_cores() -> Vec<usize> {
    match rustix::thread::sched_getaffinity(None) {
        Ok(set) => (0..rustix::thread::CpuSet::MAX_CPU)
            .filter(|cpu| set.is_set(*cpu))
            .collect(),
        Err(_) => Vec::new(),
    }
}

fn file_number(path: &str) -> Option<u64> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

fn memory_limits() -> Vec<(String, u64)> {
    let mut found = Vec::new();
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    for (key, name) in [("MemTotal:", "machine"), ("MemAvailable:", "available now")] {
        let line = meminfo.lines().find_map(|l| l.strip_prefix(key));
        if let Some(kib) =
            line.and_then(|l| l.trim().trim_end_matches("kB").trim().parse::<u64>().ok())
        {
            found.push((name.to_owned(), kib << 10));
        }
    }
    // Version 2 has one file per group, on the way up to the root; version 1 its own tree.
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let own = groups
        .lines()
        .find_map(|l| l.strip_prefix("0::"))
        .unwrap_or("/")
        .to_owned();
    let mut path = own.trim_end_matches('/').to_owned();
    let mut limits: Vec<u64> = Vec::new();
    loop {
        limits.extend(file_number(&format!("/sys/fs/cgroup{path}/memory.max")));
        match path.rfind('/') {
            Some(cut) => path.truncate(cut),
            None => break,
        }
    }
    limits.extend(
        file_number("/sys/fs/cgroup/memory/memory.limit_in_bytes").filter(|b| *b < 1 << 60),
    );
    if let Some(least) = limits.into_iter().min() {
        found.push(("cgroup".to_owned(), least));
    }
    let address = rustix::process::getrlimit(rustix::process::Resource::As).current;
    if let Some(bytes) = address {
        found.push(("ulimit -v".to_owned(), bytes));
    }
    found
}

fn look(comm: &dyn Comm) -> Seen {
    let shm = rustix::fs::statvfs("/dev/shm").ok();
    Seen {
        rank: comm.rank(),
        host: comm.host().to_owned(),
        cores: std::fs::read_to_string("/proc/cpuinfo")
            .map(|text| text.lines().filter(|l| l.starts_with("processor")).count())
            .unwrap_or(0),
        allowed: allowed_cores(),
        threads: Limits::default().threads,
        memory: memory_limits(),
        open_files: rustix::process::getrlimit(rustix::process::Resource::Nofile).current,
        shm_bytes: shm.as_ref().map(|s| s.f_blocks * s.f_frsize),
        shm_free_bytes: shm.as_ref().map(|s| s.f_bavail * s.f_frsize),
        variables: VARIABLES
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)))
            .collect(),
    }
}

/// What is wrong or slow, one sentence each.
fn warnings(ranks: &[Seen]) -> Vec<String> {
    let mut found = Vec::new();
    let mut hosts: Vec<&str> = ranks.iter().map(|r| r.host.as_str()).collect();
    hosts.sort_unstable();
    hosts.dedup();
    for host in hosts {
        let here: Vec<&Seen> = ranks.iter().filter(|r| r.host == host).collect();
        let cores = here[0].cores;
        let threads: usize = here.iter().map(|r| r.threads).sum();
        let mut union: Vec<usize> = here
            .iter()
            .flat_map(|r| r.allowed.iter().copied())
            .collect();
        union.sort_unstable();
        union.dedup();
        if threads > union.len() && !union.is_empty() {
            found.push(format!(
                "{host}: {} ranks with {threads} threads together share {} cores; give each rank --threads {} or start fewer ranks",
                here.len(),
                union.len(),
                (union.len() / here.len()).max(1)
            ));
        }
        let bound = here.iter().all(|r| r.allowed.len() == 1);
        if bound && cores > here.len() {
            found.push(format!(
                "{host}: every rank is bound to one core, so each computes with one thread, and {} of {cores} cores stay idle; \
                 Open MPI binds so for up to two ranks: start with `mpirun --bind-to none` or `--map-by slot:PE={}`",
                cores - here.len(),
                (cores / here.len()).max(1)
            ));
        }
    }
    for rank in ranks {
        if rank.open_files.is_some_and(|n| n < 256) {
            found.push(format!(
                "rank {} may open only {} files; raise it with `ulimit -n`",
                rank.rank,
                rank.open_files.unwrap_or(0)
            ));
        }
        let least = rank
            .memory
            .iter()
            .filter(|(name, _)| name != "available now")
            .min_by_key(|m| m.1);
        if let Some((name, bytes)) = least {
            let neighbours = ranks.iter().filter(|r| r.host == rank.host).count() as u64;
            // A limit of the process is its own; the machine's and the group's are shared.
            let share = if name == "ulimit -v" {
                *bytes
            } else {
                *bytes / neighbours
            };
            if share < Limits::DEFAULT_MEMORY_BYTES {
                found.push(format!(
                    "rank {}: {} of memory for it ({name}), less than the default budget of {}; give --memory {}MiB or less",
                    rank.rank,
                    format_bytes(share),
                    format_bytes(Limits::DEFAULT_MEMORY_BYTES),
                    (share * 3 / 4) >> 20
                ));
            }
        }
    }
    if ranks.len() > 1
        && let Some(rank) = ranks
            .iter()
            .find(|r| r.shm_free_bytes.is_some_and(|b| b < 64 << 20))
    {
        found.push(format!(
                "{}: /dev/shm has {} free; MPI passes messages through it: in a container raise --shm-size",
                rank.host,
                format_bytes(rank.shm_free_bytes.unwrap_or(0))
            ));
    }
    found
}

fn cores_text(cores: &[usize]) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut at = 0;
    while at < cores.len() {
        let mut end = at;
        while end + 1 < cores.len() && cores[end + 1] == cores[end] + 1 {
            end += 1;
        }
        parts.push(match end - at {
            0 => cores[at].to_string(),
            _ => format!("{}-{}", cores[at], cores[end]),
        });
        at = end + 1;
    }
    parts.join(",")
}

fn report(ranks: &[Seen], mpi: &str, hdf5: &str, warnings: &[String]) -> String {
    let mut out = String::new();
    let fabric = match comm::detect() {
        comm::Fabric::Mpi => "MPI (a launcher started this process)",
        comm::Fabric::Solo | comm::Fabric::Threads(_) => {
            "one process (no launcher's variables; MPI is not started)"
        }
    };
    let first = &ranks[0];
    let _ = writeln!(out, "hyperslab  {}", env!("CARGO_PKG_VERSION"));
    let _ = writeln!(out, "MPI        {mpi}");
    let _ = writeln!(out, "HDF5       {hdf5}");
    let _ = writeln!(out, "fabric     {fabric}");
    let locking = std::env::var("HDF5_USE_FILE_LOCKING").unwrap_or_else(|_| "not set".into());
    let _ = writeln!(
        out,
        "locking    inputs are opened without file locks; HDF5_USE_FILE_LOCKING is {locking}"
    );
    let memory: Vec<String> = first
        .memory
        .iter()
        .map(|(name, bytes)| format!("{} ({name})", format_bytes(*bytes)))
        .collect();
    let _ = writeln!(out, "memory     {}", memory.join(", "));
    let files = first
        .open_files
        .map_or("unlimited".to_owned(), |n| n.to_string());
    let _ = writeln!(out, "files      {files} may be open at once");
    let size = |bytes: Option<u64>| bytes.map_or("unknown".to_owned(), format_bytes);
    let _ = writeln!(
        out,
        "/dev/shm   {}, {} free",
        size(first.shm_bytes),
        size(first.shm_free_bytes)
    );
    for (name, value) in &first.variables {
        let _ = writeln!(out, "variable   {name}={value}");
    }
    for rank in ranks {
        let _ = writeln!(
            out,
            "rank {:<5} {}: {} thread{} on cores {} of {}",
            rank.rank,
            rank.host,
            rank.threads,
            if rank.threads == 1 { "" } else { "s" },
            cores_text(&rank.allowed),
            rank.cores
        );
    }
    for warning in warnings {
        let _ = writeln!(out, "WARNING    {warning}");
    }
    if warnings.is_empty() {
        let _ = writeln!(out, "all is well");
    }
    out
}

pub(super) fn doctor(args: &DoctorArgs) -> u8 {
    let limits = Limits::default();
    let result = comm::launch(comm::detect(), limits.message_bytes, |comm| {
        let bytes = serde_json::to_vec(&look(comm))
            .map_err(|e| Error::internal(format!("doctor: encoding: {e}")))?;
        let all = comm.gather(0, &bytes)?;
        if comm.rank() != 0 {
            return Ok(None);
        }
        let seen = all
            .iter()
            .map(|bytes| {
                serde_json::from_slice(bytes)
                    .map_err(|e| Error::internal(format!("doctor: a rank's report: {e}")))
            })
            .collect::<Result<Vec<Seen>>>()?;
        Ok(Some(seen))
    });
    let ranks = match result {
        Ok(Some(ranks)) => ranks,
        Ok(None) => return 0,
        Err(error) => return fail(comm::launcher_rank().unwrap_or(0) == 0, args.json, &error),
    };
    let (mpi, hdf5) = (comm::mpi_library(), crate::io::hdf5::raw::library_version());
    let mut warnings = warnings(&ranks);
    if let (Some(folder), Some(rank)) = (&limits.scratch, ranks.first()) {
        let left = crate::io::leftovers(folder, &rank.host);
        let left = left.iter().map(|left| {
            format!(
                "{} holds scratch files of a job that was killed; remove it",
                left.display()
            )
        });
        warnings.extend(left);
    }
    if args.json {
        let object = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "mpi": mpi,
            "hdf5": hdf5,
            "fabric": format!("{:?}", comm::detect()),
            "ranks": ranks,
            "warnings": warnings,
        });
        print(&object.to_string());
    } else if args.quiet {
        warnings
            .iter()
            .for_each(|warning| print(&format!("WARNING    {warning}")));
    } else {
        print(report(&ranks, &mpi, &hdf5, &warnings).trim_end());
    }
    u8::from(!warnings.is_empty())
}
