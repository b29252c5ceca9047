//! Helpers that several test binaries share.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout
)]

pub mod along;
pub mod api;
pub mod comm_scenarios;
pub mod elements;
pub mod files;
pub mod labelled;
pub mod labelled_api;
pub mod oracle;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// The Python of tests that ask other tools: `.venv/bin/python` of the repository, else `HYPERSLAB_PYTHON`.
pub fn python() -> Option<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/bin/python");
    match own.exists() {
        true => Some(own),
        false => std::env::var_os("HYPERSLAB_PYTHON").map(PathBuf::from),
    }
}

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

/// Runs the tests whose names contain an argument of this process (all without one): the main function of test binaries
/// that start themselves as ranks.
pub fn main(tests: &[(&str, fn())]) {
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with('-'))
        .collect();
    for (name, test) in tests {
        if wanted.is_empty() || wanted.iter().any(|w| name.contains(w.as_str())) {
            let begin = Instant::now();
            test();
            println!(
                "test {name} ... ok ({:.1} s)",
                begin.elapsed().as_secs_f64()
            );
        }
    }
}

/// Fails when another process still runs this binary after five seconds.
pub fn no_rank_is_left() {
    let own = std::env::current_exe().unwrap();
    let me = std::process::id().to_string();
    let left = || {
        std::fs::read_dir("/proc").unwrap().flatten().any(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            let other = name != me && name.parse::<u32>().is_ok();
            other && std::fs::read_link(entry.path().join("exe")).is_ok_and(|exe| exe == own)
        })
    };
    let begin = Instant::now();
    while left() {
        assert!(begin.elapsed() < Duration::from_secs(5), "a rank is left");
        std::thread::sleep(Duration::from_millis(50));
    }
}
