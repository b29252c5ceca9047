//! Where plan meets data: each rank walks the stages of a plan in order, and every stage ends in a shared verdict.

mod codes;
mod combine;
mod describe;
mod done;
mod earlier;
mod exchange;
mod faults;
mod fetch;
mod found;
mod gaps;
mod journal;
mod kept;
mod left;
mod local;
mod messages;
mod output;
mod pass;
mod pieces;
mod resume;
mod run;
mod scratch;
mod sink;
mod spare;
mod stage;
mod stop;
mod walk;
mod worker;
mod write;

pub use describe::describe_files;
pub use resume::Journaling;
pub use run::{Job, Outcome, RankState, execute, observed};
pub use stop::Stop;
