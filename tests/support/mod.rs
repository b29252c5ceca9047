//! Helpers that several test binaries share.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::panic)]

pub mod comm_scenarios;
pub mod oracle;

use std::process::Command;

/// `mpirun -n ranks` under `timeout`: as root, with more ranks than cores, in a container. Append the program.
pub fn mpirun(ranks: usize) -> Command {
    mpirun_within(ranks, 60)
}

/// [`mpirun`] that is killed after so many seconds.
pub fn mpirun_within(ranks: usize, seconds: u32) -> Command {
    let mut command = Command::new("timeout");
    command.args(["-k", "5", &seconds.to_string(), "mpirun", "--oversubscribe"]);
    command.args(["--mca", "btl_vader_single_copy_mechanism", "none"]);
    command.args(["-n", &ranks.to_string()]);
    command.env("OMPI_ALLOW_RUN_AS_ROOT", "1");
    command.env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
    command
}
