//! CF conventions as pure functions: calendars, time units, components of times, and what attributes say about stored
//! numbers. No file is opened here.

mod calendar;
mod components;
mod decode;
mod interval;
mod time;

#[cfg(test)]
mod tests;

pub use calendar::{Calendar, DateTime};
pub use components::{Component, SEASONS};
pub use decode::{Decoding, TimeAttrs, decoding};
pub use interval::parse_interval;
pub use time::{CfTime, EncodedTimes, TimeCodec, TimeTarget, TimeUnits, encode_times};
