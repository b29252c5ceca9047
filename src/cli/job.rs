//! From options to a running job, and from its error to a message and an exit code.

use super::args::{JobArgs, ScriptArgs, yield_to_printer};
use super::report::Clock;
use super::{report, trace};
use crate::comm::launcher_rank;
use crate::config::{Limits, parse_bytes};
use crate::driver::{Config, Driver, launch_with};
use crate::error::{Error, Result};
use std::io::Write;
use std::time::{Instant, SystemTime};

/// The configuration of a job.
pub(super) fn config(args: &JobArgs, what: &str) -> Result<Config> {
    let mut limits = Limits::default();
    if let Some(memory) = &args.memory {
        limits.memory_bytes = parse_bytes(memory).map_err(|e| e.context("reading --memory"))?;
    }
    if let Some(threads) = args.threads {
        if !(1..=4096).contains(&threads) {
            return Err(Error::invalid(format!(
                "--threads {threads}: allowed are 1 … 4096"
            )));
        }
        limits.threads = threads;
    }
    if let Some(scratch) = &args.scratch {
        limits.scratch = Some(scratch.clone());
    }
    let history = format!(
        "{}: hyperslab {} {what}",
        report::utc(SystemTime::now()),
        env!("CARGO_PKG_VERSION")
    );
    Ok(Config {
        limits,
        overwrite: args.overwrite,
        history,
        ..Config::default()
    })
}

/// The command line of a script job as it goes into the history of its outputs.
pub(super) fn command_line(command: &str, script: &ScriptArgs) -> String {
    let mut line = format!("{command} {}", script.script.display());
    for (name, value) in &script.sets {
        let plain = value
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_-./,:=+".contains(c));
        let quoted = if plain {
            value.clone()
        } else {
            format!("'{value}'")
        };
        line += &format!(" --set {name}={quoted}");
    }
    line
}

/// Runs `program` as a job; gives the exit code. The leading rank prints its error: as text, or inside a JSON object.
pub(super) fn run(
    args: &JobArgs,
    json: bool,
    what: &str,
    adjust: impl FnOnce(&mut Config) -> Result<()>,
    program: impl FnOnce(&Driver) -> Result<()> + Send,
) -> u8 {
    let adjusted = config(args, what).and_then(|mut config| {
        adjust(&mut config)?;
        Ok(config)
    });
    let config = match adjusted {
        Ok(config) => config,
        Err(error) => return fail(launcher_rank().unwrap_or(0) == 0, json, &error),
    };
    trace::start(&args.log);
    match launch_with(&config, program) {
        Ok(_) => 0,
        Err((prints, error)) => fail(prints, json, &error),
    }
}

/// Says an error once and gives its exit code.
pub(super) fn fail(prints: bool, json: bool, error: &Error) -> u8 {
    match (prints, json) {
        (false, _) => yield_to_printer(),
        (true, true) => print(&report::error(error).to_string()),
        (true, false) => {
            let _ = writeln!(std::io::stderr().lock(), "hyperslab: {error}");
        }
    }
    error.fault().exit_code()
}

/// A line on stdout. A closed pipe is the reader's wish.
pub(super) fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}");
    let _ = out.flush();
}

/// What `run` and `convert` say at their end: `program`'s jobs as JSON, or as a line that `quiet` leaves out.
pub(super) fn reported(
    driver: &Driver,
    clock: &Clock,
    json: bool,
    quiet: bool,
    program: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let (startup_s, start) = (clock.elapsed_s(), Instant::now());
    program()?;
    let elapsed_s = start.elapsed().as_secs_f64();
    let session = driver.session();
    let (done, ranks, limits) = (session.finished(), session.ranks(), session.limits());
    if json {
        print(&report::summary(&done, ranks, limits, startup_s, elapsed_s).to_string());
    } else if !quiet {
        let line = report::line(&done, ranks, limits, elapsed_s);
        let _ = writeln!(std::io::stderr().lock(), "{line}");
    }
    Ok(())
}
