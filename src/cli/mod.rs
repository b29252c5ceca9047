//! The command line: `run`, `plan`, `graph`, `calibrate`, `slurm`, `info`, `check`, `convert`, `top`, `demo`, `doctor`, each in a human
//! and a `--json` form.
//!
//! One rank prints: the one that leads the job. All ranks of a job end with the same exit code: 0, or that of the error's
//! fault (see [`crate::error::Fault`]); wrong usage is 2.

mod args;
mod calibrate;
mod check;
mod completions;
mod convert;
mod demo;
mod doctor;
mod graph;
mod info;
mod job;
mod plan;
mod report;
mod resume;
mod run;
mod slurm;
mod trace;
mod watch;

pub use args::main;
