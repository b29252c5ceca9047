//! `hyperslab run`.

use super::args::RunArgs;
use super::job::{command_line, print};
use super::report::Clock;
use super::{job, report};
use crate::script::run_script;
use std::io::Write;
use std::time::Instant;

pub(super) fn run(args: &RunArgs, clock: &Clock) -> u8 {
    let what = command_line("run", &args.script);
    job::run(
        &args.job,
        args.json,
        &what,
        |_| {},
        |driver| {
            let (startup_s, start) = (clock.elapsed_s(), Instant::now());
            let mut out = |line: &str| {
                if !args.json {
                    print(line);
                }
            };
            run_script(driver, &args.script.script, &args.script.sets, &mut out)?;
            let elapsed_s = start.elapsed().as_secs_f64();
            let session = driver.session();
            let (done, ranks, limits) = (session.finished(), session.ranks(), session.limits());
            if args.json {
                print(&report::summary(&done, ranks, limits, startup_s, elapsed_s).to_string());
            } else if !args.quiet {
                let line = report::line(&done, ranks, limits, elapsed_s);
                let _ = writeln!(std::io::stderr().lock(), "{line}");
            }
            Ok(())
        },
    )
}
