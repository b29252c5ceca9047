//! Options of jobs that can be stopped and continued.

use crate::config::parse_duration;
use crate::driver::{Config, Journaled};
use crate::error::Result;
use clap::Args;

#[derive(Args, Clone)]
pub(super) struct ResumeArgs {
    /// Go on where the same job was stopped or killed: outputs that are complete stay as they are, of others only what is missing is
    /// computed, on any number of ranks; without an interrupted job it begins as ever
    #[arg(long)]
    pub(super) resume: bool,
    /// Keep no journal beside the outputs: a job that is stopped is lost
    #[arg(long, conflicts_with = "resume")]
    pub(super) no_journal: bool,
    /// Stop cleanly before so much time has passed, with exit code 75: 90s, 10min, 1.5h, 2d or 1-12:00:00; a job of Slurm does so
    /// before its time limit in any case
    #[arg(long, value_name = "TIME")]
    pub(super) time_limit: Option<String>,
}

impl ResumeArgs {
    /// Puts the options into a configuration.
    pub(super) fn apply(&self, config: &mut Config) -> Result<()> {
        let env = Config::from_env()?;
        config.journal = match (self.resume, self.no_journal) {
            (true, _) => Journaled::Resume,
            (_, true) => Journaled::Off,
            _ => env.journal,
        };
        config.time_limit = match &self.time_limit {
            Some(text) => {
                Some(parse_duration(text).map_err(|e| e.context("reading --time-limit"))?)
            }
            None => env.time_limit,
        };
        Ok(())
    }
}
