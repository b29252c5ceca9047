//! `hyperslab plan`: what a script would do and cost, without doing it.

mod command;
mod json;
mod text;

pub(super) use command::{Costs, Totals, imbalance, online_cores, plan};
