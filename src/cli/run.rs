//! `hyperslab run`.

use super::args::RunArgs;
use super::job;
use super::job::{command_line, print};
use super::report::Clock;
use crate::script::run_script;

pub(super) fn run(args: &RunArgs, clock: &Clock) -> u8 {
    let what = command_line("run", &args.script);
    job::run(
        &args.job,
        args.json,
        &what,
        |config| {
            config.watch = args.watch.watch(args.quiet || args.json)?;
            args.resume.apply(config)
        },
        |driver| {
            let mut out = |line: &str| {
                if !args.json {
                    print(line);
                }
            };
            job::reported(driver, clock, args.json, args.quiet, || {
                run_script(driver, &args.script.script, &args.script.sets, &mut out)
            })
        },
    )
}
