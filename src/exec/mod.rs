//! Where plan meets data: each rank walks the stages of a plan in order, and every stage ends in a shared verdict.

mod codes;
mod combine;
mod describe;
mod exchange;
mod faults;
mod fetch;
mod gaps;
mod kept;
mod local;
mod messages;
mod output;
mod pass;
mod pieces;
mod run;
mod scratch;
mod sink;
mod spare;
mod stage;
mod write;

pub use describe::describe_files;
pub use run::{Job, Outcome, RankState, execute, observed};
