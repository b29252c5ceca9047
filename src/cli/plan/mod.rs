//! `hyperslab plan`: what a script would do and cost, without doing it.

mod command;
mod json;
mod text;

pub(super) use command::{online_cores, plan};
