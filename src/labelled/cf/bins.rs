//! The bins of a resampling: which of them each time falls into, and their labels, by the rules of pandas' `resample`.
//!
//! A bin lies between two neighbouring edges; `closed` says which of the two belongs to it, `label` which one names it. Edges of
//! a fixed frequency count from an origin; edges of a calendar frequency are its dates at midnight. Bins that end with a period
//! (`ME`, `W` …) and are closed right go on to the last moment of their day.

use super::calendar::DateTime;
use super::frequency::{DAY, Frequency};
use super::index::TimeIndex;
use super::interval::parse_interval;
use super::range::{MOST_TIMES, steps};
use crate::error::{Error, Result};

/// A side of a bin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Its beginning.
    Left,
    /// Its end.
    Right,
}

impl Side {
    fn parse(option: &str, text: &str) -> Result<Self> {
        match text {
            "left" => Ok(Side::Left),
            "right" => Ok(Side::Right),
            _ => Err(Error::invalid(format!(
                "resample: {option} = {text:?} is not allowed; give \"left\" or \"right\""
            ))),
        }
    }
}

/// How times are put into bins: xarray's `TimeResampler`. `"ME".into()` is one with no more said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TimeResampler {
    freq: String,
    closed: Option<String>,
    label: Option<String>,
    origin: Option<String>,
    offset: Option<String>,
}

impl From<&str> for TimeResampler {
    fn from(freq: &str) -> Self {
        TimeResampler::new(freq)
    }
}

impl TimeResampler {
    /// Bins of a frequency: `1YE`, `QS-DEC`, `ME`, `W-WED`, `5D`, `6h`.
    pub fn new(freq: &str) -> Self {
        TimeResampler {
            freq: freq.to_owned(),
            ..TimeResampler::default()
        }
    }

    /// The edge that belongs to a bin, `left` or `right`; by itself right for `YE`, `QE`, `ME`, `W` and for an origin at the end.
    #[must_use]
    pub fn closed(mut self, side: &str) -> Self {
        self.closed = Some(side.to_owned());
        self
    }

    /// The edge that names a bin, `left` or `right`; by itself as for `closed`.
    #[must_use]
    pub fn label(mut self, side: &str) -> Self {
        self.label = Some(side.to_owned());
        self
    }

    /// Where the edges of a fixed frequency count from: `start_day` (midnight of the first day, the default), `start`, `epoch`
    /// (1970-01-01), `end`, `end_day`, or a date.
    #[must_use]
    pub fn origin(mut self, origin: &str) -> Self {
        self.origin = Some(origin.to_owned());
        self
    }

    /// What is added to the origin: `2h`, `-1D`.
    #[must_use]
    pub fn offset(mut self, offset: &str) -> Self {
        self.offset = Some(offset.to_owned());
        self
    }
}

/// The bins of times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bins {
    /// One time for each bin, in order.
    pub labels: TimeIndex,
    /// The bin of each time.
    pub codes: Vec<u32>,
}

/// Edges and the labels at them.
struct Edges {
    edges: Vec<i128>,
    labels: Vec<i128>,
}

/// Puts times into bins.
///
/// # Errors
/// Invalid input for an unknown frequency or option, times that are missing, not increasing or none at all, and for more bins
/// than can be kept.
pub fn bins(times: &TimeIndex, by: &TimeResampler) -> Result<Bins> {
    let freq = Frequency::parse(&by.freq).map_err(|e| e.context("resample"))?;
    if freq.is_negative() {
        return Err(Error::invalid(format!(
            "resample: the frequency {:?} goes back; give one that goes on",
            by.freq
        )));
    }
    let instants = times.all_instants("resample")?;
    if let Some(at) = instants.windows(2).position(|w| w[0] > w[1]) {
        return Err(Error::invalid(format!(
            "resample: the times are not increasing: {} at position {} comes after {}; sort them first with sortby",
            civil_text(times, at + 1),
            at + 1,
            civil_text(times, at)
        )));
    }
    let (Some(first), Some(last)) = (instants.first().copied(), instants.last().copied()) else {
        return Err(Error::invalid(
            "resample: there are no times; the dimension has length 0",
        ));
    };
    let from_end = matches!(by.origin.as_deref(), Some("end" | "end_day"));
    let default = match freq.is_end() || from_end {
        true => Side::Right,
        false => Side::Left,
    };
    let side = |option: &str, text: &Option<String>| {
        text.as_deref()
            .map_or(Ok(default), |text| Side::parse(option, text))
    };
    let closed = side("closed", &by.closed)?;
    let label = side("label", &by.label)?;
    let calendar = times.calendar();
    let Edges { edges, mut labels } = match freq.nanoseconds() {
        Some(length) => {
            let (first, last) = anchored(times, (first, last), length, closed, by)?;
            let edges = steps("resample", first, last, &freq, calendar)?;
            let labels = edges.clone();
            Edges { edges, labels }
        }
        None => {
            for (option, given) in [("origin", &by.origin), ("offset", &by.offset)] {
                if let Some(given) = given.as_deref().filter(|given| *given != "start_day") {
                    return Err(Error::invalid(format!(
                        "resample: {option} = {given:?} has no effect on the frequency {:?}; it is for D, h, min, s, ms, us, ns",
                        by.freq
                    )));
                }
            }
            let midnight = |t: i128| t.div_euclid(DAY) * DAY;
            let low = match closed {
                Side::Left => freq.roll(midnight(first), false, calendar),
                Side::Right => freq.shift(midnight(first), -1, calendar),
            };
            let high = freq.shift(midnight(last), 1, calendar);
            let mut labels = steps("resample", low, high, &freq, calendar)?;
            let mut edges = labels.clone();
            if freq.is_end() {
                if closed == Side::Right {
                    edges.iter_mut().for_each(|edge| *edge += DAY - 1);
                }
                // The last bin holds no time: the one before holds those of its last day.
                if edges.len() > 1 && edges[edges.len() - 2] > last {
                    edges.pop();
                    labels.pop();
                }
            }
            Edges { edges, labels }
        }
    };
    if edges.len() < 2 || edges.len() as i128 > MOST_TIMES {
        return Err(Error::internal(format!(
            "resample: {} edges for the frequency {:?}",
            edges.len(),
            by.freq
        )));
    }
    let mut codes = Vec::with_capacity(instants.len());
    let mut bin = 0;
    for (at, time) in instants.iter().enumerate() {
        let before = |edge: i128| match closed {
            Side::Left => edge <= *time,
            Side::Right => edge < *time,
        };
        while bin + 1 < edges.len() && before(edges[bin + 1]) {
            bin += 1;
        }
        if bin + 1 == edges.len() || !before(edges[0]) {
            return Err(Error::invalid(format!(
                "resample: the time {} lies outside the bins of the frequency {:?}",
                civil_text(times, at),
                by.freq
            )));
        }
        codes.push(bin as u32);
    }
    if label == Side::Right {
        labels.remove(0);
    }
    labels.truncate(edges.len() - 1);
    let labels: Vec<Option<i128>> = labels.into_iter().map(Some).collect();
    let labels =
        TimeIndex::of_instants(&labels, times.time()).map_err(|e| e.context("resample"))?;
    Ok(Bins { labels, codes })
}

fn civil_text(times: &TimeIndex, at: usize) -> String {
    times.civil(at).map_or("NaT".into(), |t| t.to_string())
}

/// The first and last edge of bins of a fixed length: pandas' `_adjust_dates_anchored`.
fn anchored(
    times: &TimeIndex,
    (mut first, last): (i128, i128),
    length: i128,
    closed: Side,
    by: &TimeResampler,
) -> Result<(i128, i128)> {
    let calendar = times.calendar();
    let mut origin = match by.origin.as_deref() {
        None | Some("start_day") => first.div_euclid(DAY) * DAY,
        Some("start") => first,
        Some("epoch") => DateTime::EPOCH.nanoseconds(calendar),
        Some(end @ ("end" | "end_day")) => {
            let end = match end {
                "end" => last,
                _ => -((-last).div_euclid(DAY)) * DAY,
            };
            let steps = (end - first).div_euclid(length) + i128::from(closed == Side::Left);
            first = end - steps * length;
            first
        }
        Some(text) => {
            let (start, _) = parse_interval(text, calendar).map_err(|e| {
                Error::invalid(format!(
                    "resample: origin = {text:?} is not allowed; give start_day, start, epoch, end, end_day or a date: {}",
                    e.message()
                ))
            })?;
            start.nanoseconds(calendar)
        }
    };
    if let Some(text) = &by.offset {
        origin += timedelta(text)
            .map_err(|e| Error::invalid(format!("resample: offset = {text:?}: {}", e.message())))?;
    }
    let (low, high) = (
        (first - origin).rem_euclid(length),
        (last - origin).rem_euclid(length),
    );
    Ok(match closed {
        Side::Right => (
            first - if low > 0 { low } else { length },
            last + if high > 0 { length - high } else { 0 },
        ),
        Side::Left => (first - low, last + length - high),
    })
}

/// Nanoseconds of a text such as `6h`, `1D`, `-30min`.
///
/// # Errors
/// Invalid input for another text, or a frequency without a fixed length.
pub fn timedelta(text: &str) -> Result<i128> {
    let known = "give a count of D, h, min, s, ms, us or ns: \"6h\"";
    Frequency::parse(text)
        .map_err(|e| Error::invalid(format!("{}; {known}", e.message())))?
        .nanoseconds()
        .ok_or_else(|| Error::invalid(format!("{text:?} is no length of time; {known}")))
}
