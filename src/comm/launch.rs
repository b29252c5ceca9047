//! Chooses the fabric from the environment and runs a body on its ranks.

use super::{Comm, Solo, mpi, threads};
use crate::error::{Error, Result};

/// Where the ranks of a job live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fabric {
    /// One rank, this process.
    Solo,
    /// So many ranks as threads of this process.
    Threads(usize),
    /// Processes that a launcher started.
    Mpi,
}

/// Variables in which launchers say the number of ranks, the most trustworthy first.
const SIZES: [&str; 4] = [
    "OMPI_COMM_WORLD_SIZE",
    "PMI_SIZE",
    "MV2_COMM_WORLD_SIZE",
    "SLURM_STEP_NUM_TASKS",
];
/// Variables that a launcher sets for each rank.
const RANKS: [&str; 4] = [
    "OMPI_COMM_WORLD_RANK",
    "PMI_RANK",
    "PMIX_RANK",
    "MV2_COMM_WORLD_RANK",
];

/// The fabric that the environment asks for: `Mpi` when a launcher's variables are there, else `Solo`.
///
/// Never starts MPI: that costs 0.3 s.
pub fn detect() -> Fabric {
    detect_from(|name| std::env::var(name).ok())
}

fn detect_from(get: impl Fn(&str) -> Option<String>) -> Fabric {
    let has = |name: &&str| get(name).is_some();
    // A batch script has SLURM_PROCID, too; only a step's task has both.
    let step = has(&"SLURM_PROCID") && has(&"SLURM_STEP_ID");
    if SIZES[..3].iter().any(has) || RANKS.iter().any(has) || step {
        Fabric::Mpi
    } else {
        Fabric::Solo
    }
}

/// The rank that a launcher gave this process, without starting MPI: to print a message once before there is a job.
pub fn launcher_rank() -> Option<usize> {
    let number = |name: &str| std::env::var(name).ok()?.trim().parse().ok();
    let step = || match detect() {
        Fabric::Mpi => number("SLURM_PROCID"),
        Fabric::Solo | Fabric::Threads(_) => None,
    };
    RANKS.iter().find_map(|name| number(name)).or_else(step)
}

/// The number of ranks that the launcher promised, and the variable that says so.
fn promised_size(get: impl Fn(&str) -> Option<String>) -> Option<(&'static str, usize)> {
    let number = |name| get(name)?.trim().parse().ok().map(|size| (name, size));
    let step = get("SLURM_PROCID").is_some() && get("SLURM_STEP_ID").is_some();
    SIZES[..3]
        .iter()
        .find_map(|&name| number(name))
        .or_else(|| {
            if step {
                number(SIZES[3]).or_else(|| number("SLURM_NTASKS"))
            } else {
                None
            }
        })
}

/// Refuses singletons that a foreign launcher started: each would think it is the whole job.
fn check_size(get: impl Fn(&str) -> Option<String>, world: usize) -> Result<()> {
    match promised_size(get) {
        Some((name, promised)) if promised > 1 && world == 1 => Err(Error::invalid(format!(
            "the launcher says {name}={promised}, but MPI sees a job of {world} rank: the launcher belongs to another MPI; \
             start with the mpirun (or srun --mpi=...) of the MPI that hyperslab was built with, {}",
            mpi::library()
        ))),
        _ => Ok(()),
    }
}

/// Runs `body` on every rank of the fabric, each on its main thread, and returns this process's result (of `Threads`,
/// rank 0's). Messages are split into pieces of `message_bytes`.
///
/// Under MPI a panic on any thread prints one report and ends the job; so does an error of the fabric itself. Other
/// errors must be the same on all ranks (see [`super::verdict`]).
///
/// # Errors
/// What `body` returns; invalid input when the launcher and MPI disagree on the size of the job; internal when a rank
/// of `Threads` panicked.
pub fn launch<T: Send>(
    fabric: Fabric,
    message_bytes: usize,
    body: impl Fn(&dyn Comm) -> Result<T> + Sync,
) -> Result<T> {
    match fabric {
        Fabric::Solo => body(&Solo::new()),
        Fabric::Threads(ranks) => threads::run(ranks, message_bytes, &body),
        Fabric::Mpi => {
            let check = |world| check_size(|name| std::env::var(name).ok(), world);
            mpi::run(message_bytes, check, &body)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn env<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |name| {
            pairs
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        }
    }

    #[test]
    fn launchers_are_known_by_their_variables() {
        assert_eq!(detect_from(env(&[])), Fabric::Solo);
        assert_eq!(
            detect_from(env(&[("SLURM_PROCID", "0"), ("SLURM_NTASKS", "4")])),
            Fabric::Solo
        );
        for name in SIZES[..3].iter().chain(&RANKS) {
            assert_eq!(detect_from(env(&[(name, "1")])), Fabric::Mpi, "{name}");
        }
        let step = [
            ("SLURM_PROCID", "0"),
            ("SLURM_STEP_ID", "0"),
            ("SLURM_NTASKS", "4"),
        ];
        assert_eq!(detect_from(env(&step)), Fabric::Mpi);
        assert_eq!(promised_size(env(&step)), Some(("SLURM_NTASKS", 4)));
    }

    #[test]
    fn singletons_of_a_foreign_launcher_are_refused() {
        check_size(env(&[]), 1).unwrap();
        check_size(env(&[("PMI_SIZE", "4")]), 4).unwrap();
        check_size(env(&[("PMI_SIZE", "1")]), 1).unwrap();
        let error = check_size(env(&[("PMI_SIZE", "4")]), 1).unwrap_err();
        assert!(error.is_invalid_input());
        assert!(error.message().contains("PMI_SIZE=4"), "{error}");
    }
}
