//! `hyperslab calibrate`: measures this machine once, for `plan` to tell times by.
//!
//! Most rates are those of small jobs of the engine itself on one thread, so that what a loop costs beside its arithmetic is in
//! them. Ranks that a launcher started measure the network; the rest is measured by the first one while the others wait.

mod command;
mod files;
mod kernels;
mod network;

pub(super) use command::calibrate;
