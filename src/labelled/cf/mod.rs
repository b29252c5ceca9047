//! CF conventions as pure functions: calendars, time units, components of times, and what attributes say about stored
//! numbers. No file is opened here.

mod bins;
mod calendar;
mod components;
mod convert;
mod decode;
mod frequency;
mod index;
mod interval;
mod range;
mod strftime;
mod time;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod time_tests;

pub use bins::{Bins, Side, TimeResampler, bins, timedelta};
pub use calendar::{Calendar, DateTime};
pub use components::{Component, SEASONS};
pub use convert::{Converted, convert_calendar};
pub use decode::{Decoding, TimeAttrs, decoding};
pub use frequency::Frequency;
pub use index::{Rounding, TimeIndex};
pub use interval::parse_interval;
pub use range::{date_range, infer_freq};
pub use time::{CfTime, EncodedTimes, TimeCodec, TimeTarget, TimeUnits, encode_times};
