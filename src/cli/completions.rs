//! `hyperslab completions`: what a shell needs to complete the command line.

use super::args::command;
use super::job::print;
use clap::Args;
use clap_complete::{Shell, generate};
use serde_json::json;

#[derive(Args)]
pub(super) struct CompletionArgs {
    /// The shell
    #[arg(value_parser = clap::value_parser!(Shell))]
    shell: Shell,
    /// Print nothing but errors: whether the shell is known says the exit code
    #[arg(long)]
    quiet: bool,
    /// Print one JSON object with the text
    #[arg(long)]
    json: bool,
}

pub(super) fn completions(args: &CompletionArgs) -> u8 {
    let mut text = Vec::new();
    generate(args.shell, &mut command(), "hyperslab", &mut text);
    let text = String::from_utf8_lossy(&text);
    if args.json {
        print(&json!({ "shell": args.shell.to_string(), "text": text }).to_string());
    } else if !args.quiet {
        print(text.trim_end());
    }
    0
}
