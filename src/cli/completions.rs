//! `hyperslab completions`: what a shell needs to complete the command line.

use super::args::command;
use super::job::print;
use clap::Args;
use clap_complete::{Shell, generate};

#[derive(Args)]
pub(super) struct CompletionArgs {
    /// The shell
    #[arg(value_parser = clap::value_parser!(Shell))]
    shell: Shell,
}

pub(super) fn completions(args: &CompletionArgs) -> u8 {
    let mut text = Vec::new();
    generate(args.shell, &mut command(), "hyperslab", &mut text);
    print(String::from_utf8_lossy(&text).trim_end());
    0
}
