//! `hyperslab graph`: what a script would do, as a picture.

use super::args::GraphArgs;
use super::job::{self, command_line, print};
use crate::error::{Error, Result};
use crate::script::run_script;
use crate::visualize::{Parts, publish, render};
use serde_json::json;

pub(super) fn graph(args: &GraphArgs) -> u8 {
    let what = command_line("graph", &args.script);
    let ranks = args.ranks;
    job::run(
        &args.job,
        args.json,
        &what,
        |config| {
            config.dry_ranks = Some(ranks.max(1));
            config.keep_graphs = true;
            Ok(())
        },
        |driver| {
            if !(1..=1 << 20).contains(&ranks) {
                return Err(Error::invalid(format!(
                    "--ranks {ranks}: allowed are 1 … 1048576"
                )));
            }
            let parts: Parts = args.part.parse()?;
            // The name is refused before the script runs.
            render(&args.output, "", &[], parts)?;
            let ran = run_script(driver, &args.script.script, &args.script.sets, &mut |_| {});
            let session = driver.session();
            let traces = session.traces();
            // A plan over the budget ends a script, but it is drawn up to there, with the reason.
            if let (Err(error), false) = (ran, traces.iter().any(|t| t.plan.is_err())) {
                return Err(error);
            }
            let title = args.script.script.display().to_string();
            publish(
                &args.output,
                &render(&args.output, &title, &traces, parts)?,
                session,
            )?;
            said(args, traces.len())
        },
    )
}

fn said(args: &GraphArgs, runs: usize) -> Result<()> {
    let path = args.output.display();
    if args.json {
        print(
            &json!({ "output": path.to_string(), "runs": runs, "ranks": args.ranks }).to_string(),
        );
    } else if !args.quiet {
        let plural = if runs == 1 { "" } else { "s" };
        print(&format!("drew {path}: {runs} run{plural}"));
    }
    Ok(())
}
