//! "days since 2020-02-08": time units after CF section 4.4 and UDUNITS, decoded as xarray does.
//!
//! Decoding. Dates of the real calendars from 1582-10-15 on become datetime64, in nanoseconds when all values fit, else in
//! microseconds, milliseconds or seconds. Other dates stay counts with unit, epoch and calendar ([`CfTime`]). Integers
//! decode exactly; floats as in xarray: multiplied by the target's units per unit in f64, then cut.

use super::calendar::{Calendar, DateTime};
use crate::dtype::{NAT, TimeUnit};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// A parsed `units` attribute of times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeUnits {
    /// Nanoseconds of one unit.
    pub nanoseconds: i64,
    /// The reference time, in UTC.
    pub reference: DateTime,
    /// The calendar in which the reference is read.
    pub calendar: Calendar,
}

/// Times that datetime64 cannot hold: `i64` counts of `unit` since `epoch` in `calendar`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CfTime {
    /// Unit of a count.
    pub unit: TimeUnit,
    /// Time of count 0.
    pub epoch: DateTime,
    /// Calendar of the epoch and of the components.
    pub calendar: Calendar,
}

impl CfTime {
    /// The civil time of a count.
    pub fn civil(&self, count: i64) -> DateTime {
        let since = i128::from(count) * i128::from(self.unit.nanoseconds());
        DateTime::from_nanoseconds(self.calendar, self.epoch.nanoseconds(self.calendar) + since)
    }

    /// The count of a civil time, rounded down; `None` when it does not fit 64 bits.
    pub fn count(&self, time: DateTime) -> Option<i64> {
        let since = time.nanoseconds(self.calendar) - self.epoch.nanoseconds(self.calendar);
        i64::try_from(since.div_euclid(i128::from(self.unit.nanoseconds()))).ok()
    }
}

/// Lengths of units in nanoseconds, by their UDUNITS names.
const UNITS: [(&[&str], i64); 8] = [
    (&["week", "weeks"], 7 * 86_400_000_000_000),
    (&["day", "days", "d"], 86_400_000_000_000),
    (&["hour", "hours", "hr", "hrs", "h"], 3_600_000_000_000),
    (&["minute", "minutes", "min", "mins"], 60_000_000_000),
    (&["second", "seconds", "sec", "secs", "s"], 1_000_000_000),
    (
        &[
            "millisecond",
            "milliseconds",
            "millisec",
            "millisecs",
            "msec",
            "msecs",
            "ms",
        ],
        1_000_000,
    ),
    (
        &[
            "microsecond",
            "microseconds",
            "microsec",
            "microsecs",
            "us",
            "µs",
        ],
        1_000,
    ),
    (
        &["nanosecond", "nanoseconds", "nanosec", "nanosecs", "ns"],
        1,
    ),
];

impl TimeUnits {
    /// Parses `units` ("days since 2020-02-08 23:56:31") and `calendar` (default `standard`).
    ///
    /// # Errors
    /// Data errors that quote the attribute: not of this form, an unknown unit, months or years, a reference date that
    /// does not exist.
    pub fn parse(units: &str, calendar: Option<&str>) -> Result<Self> {
        let calendar = Calendar::parse(calendar.unwrap_or("standard"))
            .map_err(|e| Error::data(format!("attribute calendar: {}", e.message())))?;
        let refused = |why: &str| Error::data(format!("attribute units = {units:?}: {why}"));
        let mut words = units.trim().splitn(3, char::is_whitespace);
        let (unit, since) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        let reference = words.next().unwrap_or("").trim();
        if !since.eq_ignore_ascii_case("since") || reference.is_empty() {
            return Err(refused(
                "not a time; write for example \"days since 2020-02-08 23:56:31\"",
            ));
        }
        let lower = unit.to_lowercase();
        if [
            "month",
            "months",
            "mon",
            "year",
            "years",
            "yr",
            "yrs",
            "common_year",
            "common_years",
        ]
        .contains(&lower.as_str())
        {
            return Err(refused(
                "months and years have no fixed length; CF discourages them and xarray refuses them for standard \
                 calendars; use days",
            ));
        }
        let known = UNITS
            .iter()
            .find(|(names, _)| names.contains(&lower.as_str()));
        let Some((_, nanoseconds)) = known else {
            return Err(refused(&format!(
                "unknown unit {unit:?}; known: weeks, days, hours, minutes, seconds, milliseconds, microseconds, \
                 nanoseconds"
            )));
        };
        let (local, offset_minutes) = parse_reference(reference)
            .ok_or_else(|| refused("the reference is not a date like 2020-02-08 23:56:31"))?;
        if !calendar.has(local.year, local.month, local.day) {
            return Err(refused(&format!(
                "the reference date is not in the {calendar} calendar"
            )));
        }
        let utc = local.nanoseconds(calendar) - i128::from(offset_minutes) * 60_000_000_000;
        let reference = DateTime::from_nanoseconds(calendar, utc);
        Ok(TimeUnits {
            nanoseconds: *nanoseconds,
            reference,
            calendar,
        })
    }

    /// True when dates of this calendar can be datetime64 (from 1582-10-15 on).
    pub fn is_real_calendar(&self) -> bool {
        matches!(
            self.calendar,
            Calendar::Standard | Calendar::ProlepticGregorian
        )
    }

    /// How integers between `least` and `most` are decoded.
    ///
    /// # Errors
    /// Data when no unit can hold them.
    pub fn codec_integers(&self, least: i64, most: i64) -> Result<TimeCodec> {
        let since = |value: i64| i128::from(value) * i128::from(self.nanoseconds);
        self.codec(since(least), since(most), true)
    }

    /// How floats between `least` and `most` are decoded.
    ///
    /// # Errors
    /// Data when no unit can hold them.
    pub fn codec_floats(&self, least: f64, most: f64) -> Result<TimeCodec> {
        let since = |value: f64| (value * self.nanoseconds as f64).clamp(-1e36, 1e36) as i128;
        self.codec(since(least), since(most), false)
    }

    /// The codec of values between `low` and `high` nanoseconds after the reference.
    fn codec(&self, low: i128, high: i128, exact: bool) -> Result<TimeCodec> {
        let zero = self.reference.nanoseconds(self.calendar);
        let (low, high) = (zero + low, zero + high);
        let reform = DateTime::date(1582, 10, 15).nanoseconds(Calendar::ProlepticGregorian);
        let before = zero.min(low) < reform && self.calendar == Calendar::Standard;
        let datetime = self.is_real_calendar() && !before;
        let units = [
            TimeUnit::Nano,
            TimeUnit::Micro,
            TimeUnit::Milli,
            TimeUnit::Second,
        ];
        let fits = |unit: TimeUnit| {
            let per = i128::from(unit.nanoseconds());
            let inside = |n: i128| i64::try_from(n / per).is_ok_and(|n| n != NAT);
            self.nanoseconds % unit.nanoseconds() == 0
                && zero % per == 0
                && [zero, low, high, low - zero, high - zero]
                    .into_iter()
                    .all(inside)
        };
        if let Some(unit) = units.into_iter().find(|unit| datetime && fits(*unit)) {
            return Ok(TimeCodec {
                target: TimeTarget::Datetime(unit),
                factor: self.nanoseconds / unit.nanoseconds(),
                offset: (zero / i128::from(unit.nanoseconds())) as i64,
                round: false,
            });
        }
        // Counts from the reference: integers keep their unit, floats go to microseconds, as in cftime.
        let exact_units = [
            TimeUnit::Day,
            TimeUnit::Hour,
            TimeUnit::Minute,
            TimeUnit::Second,
        ];
        let fine_units = [
            TimeUnit::Micro,
            TimeUnit::Milli,
            TimeUnit::Second,
            TimeUnit::Nano,
        ];
        let candidates = if exact { exact_units.iter() } else { [].iter() }.chain(&fine_units);
        let unit = candidates.copied().find(|unit| {
            let inside = |n: i128| i64::try_from(n / i128::from(unit.nanoseconds())).is_ok();
            self.nanoseconds % unit.nanoseconds() == 0 && inside(low - zero) && inside(high - zero)
        });
        let Some(unit) = unit else {
            return Err(Error::data(format!(
                "times from {:e} to {:e} s after {} do not fit 64 bits",
                (low - zero) as f64 / 1e9,
                (high - zero) as f64 / 1e9,
                self.reference
            )));
        };
        let epoch = self.reference;
        Ok(TimeCodec {
            target: TimeTarget::Counts(CfTime {
                unit,
                epoch,
                calendar: self.calendar,
            }),
            factor: self.nanoseconds / unit.nanoseconds(),
            offset: 0,
            round: true,
        })
    }

    /// Decodes integers; `i64::MIN` is NaT, as in xarray.
    ///
    /// # Errors
    /// Data when a value does not fit.
    pub fn decode_integers(&self, values: &[i64]) -> Result<(TimeTarget, Vec<i64>)> {
        let real = || values.iter().filter(|v| **v != NAT);
        let (least, most) = (real().min().unwrap_or(&0), real().max().unwrap_or(&0));
        let codec = self.codec_integers(*least, *most)?;
        let decoded = values
            .iter()
            .map(|v| codec.integer(*v))
            .collect::<Result<_>>()?;
        Ok((codec.target, decoded))
    }

    /// Decodes floats; NaN is NaT.
    ///
    /// # Errors
    /// Data when a value does not fit.
    pub fn decode_floats(&self, values: &[f64]) -> Result<(TimeTarget, Vec<i64>)> {
        let real = || values.iter().copied().filter(|v| !v.is_nan());
        let least = real().reduce(f64::min).unwrap_or(0.0);
        let most = real().reduce(f64::max).unwrap_or(0.0);
        let codec = self.codec_floats(least, most)?;
        let decoded = values
            .iter()
            .map(|v| codec.float(*v))
            .collect::<Result<_>>()?;
        Ok((codec.target, decoded))
    }
}

/// What decoded times are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TimeTarget {
    /// datetime64 of this unit.
    Datetime(TimeUnit),
    /// Counts in a calendar that datetime64 does not know.
    Counts(CfTime),
}

/// Decodes one value after another: `offset + value * factor`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeCodec {
    /// What the decoded integers are.
    pub target: TimeTarget,
    factor: i64,
    offset: i64,
    /// Floats are rounded (cftime's way) instead of cut (xarray's).
    round: bool,
}

impl TimeCodec {
    fn overflow(value: impl std::fmt::Display) -> Error {
        Error::data(format!(
            "time value {value} does not fit the 64 bits of its decoded unit"
        ))
    }

    /// One integer, exactly; `i64::MIN` stays NaT.
    ///
    /// # Errors
    /// Data when it does not fit.
    pub fn integer(&self, value: i64) -> Result<i64> {
        if value == NAT {
            return Ok(NAT);
        }
        value
            .checked_mul(self.factor)
            .and_then(|v| v.checked_add(self.offset))
            .filter(|v| *v != NAT)
            .ok_or_else(|| Self::overflow(value))
    }

    /// One float; NaN is NaT.
    ///
    /// # Errors
    /// Data when it does not fit.
    pub fn float(&self, value: f64) -> Result<i64> {
        if value.is_nan() {
            return Ok(NAT);
        }
        let scaled = value * self.factor as f64;
        let scaled = if self.round {
            scaled.round_ties_even()
        } else {
            scaled
        };
        if scaled.abs() >= 9_223_372_036_854_775_808.0 {
            return Err(Self::overflow(value));
        }
        (scaled as i64)
            .checked_add(self.offset)
            .filter(|v| *v != NAT)
            .ok_or_else(|| Self::overflow(value))
    }
}

/// The reference of "days since …": the civil time as written and its offset from UTC in minutes.
fn parse_reference(text: &str) -> Option<(DateTime, i64)> {
    let text = text.trim();
    // The date: year-month-day, each with one digit or more; month and day may be missing.
    let negative = text.starts_with('-');
    let body = text.strip_prefix(['-', '+']).unwrap_or(text);
    let end = body
        .find(|c: char| !(c.is_ascii_digit() || c == '-'))
        .unwrap_or(body.len());
    let (date, rest) = body.split_at(end);
    let mut parts = date
        .split('-')
        .map(|part| part.parse::<u32>().ok().filter(|_| part.len() < 7));
    let year = i64::from(parts.next()??);
    let month = parts.next().unwrap_or(Some(1))?;
    let day = parts.next().unwrap_or(Some(1))?;
    if parts.next().is_some() {
        return None;
    }
    let mut time = DateTime::date(if negative { -year } else { year }, month, day);
    let rest = rest.strip_prefix('T').unwrap_or(rest).trim_start();
    let end = rest
        .find(|c: char| !(c.is_ascii_digit() || c == ':' || c == '.'))
        .unwrap_or(rest.len());
    let (clock, mut zone) = rest.split_at(end);
    // "2000-01-01 +01:00": a zone without a time of day.
    if !clock.is_empty() {
        let mut parts = clock.split(':');
        let mut number = |end: u32| match parts.next() {
            None => Some(0),
            Some(part) => part.parse::<u32>().ok().filter(|value| *value < end),
        };
        time.hour = number(24)?;
        time.minute = number(60)?;
        if let Some(second) = parts.next() {
            let (whole, fraction) = second.split_once('.').unwrap_or((second, ""));
            time.second = whole.parse().ok().filter(|s: &u32| *s < 60)?;
            let digits: String = fraction
                .chars()
                .chain("000000000".chars())
                .take(9)
                .collect();
            time.nanosecond = digits.parse().ok()?;
        }
        if parts.next().is_some() {
            return None;
        }
    }
    zone = zone.trim();
    for name in ["UTC", "GMT", "Z"] {
        if let Some(rest) = zone.strip_prefix(name) {
            zone = rest.trim_start();
            break;
        }
    }
    Some((time, parse_zone(zone)?))
}

/// Minutes of "", "+01:00", "-0330", "+1", "-5:30".
fn parse_zone(zone: &str) -> Option<i64> {
    if zone.is_empty() {
        return Some(0);
    }
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let digits = zone.strip_prefix(['+', '-'])?;
    let (hours, minutes) = match digits.split_once(':') {
        Some((hours, minutes)) => (hours, minutes),
        None if digits.is_ascii() && digits.len() > 2 => digits.split_at(digits.len() - 2),
        None => (digits, "0"),
    };
    let hours: i64 = hours.parse::<u32>().ok().filter(|h| *h < 24)?.into();
    let minutes: i64 = minutes.parse::<u32>().ok().filter(|m| *m < 60)?.into();
    Some(sign * (hours * 60 + minutes))
}

/// datetime64 values as CF stores them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedTimes {
    /// The `units` attribute: "days since 2020-02-08 00:00:00".
    pub units: String,
    /// The `calendar` attribute.
    pub calendar: Calendar,
    /// The numbers; NaT stays `i64::MIN`.
    pub values: Vec<i64>,
}

/// Encodes datetimes (see [`CfTime::datetime64`]) or counts: since the first one, in the coarsest unit that is exact, as
/// xarray does.
///
/// # Errors
/// Data when the difference of two times does not fit.
pub fn encode_times(values: &[i64], time: &CfTime) -> Result<EncodedTimes> {
    let first = values.iter().copied().find(|v| *v != NAT).unwrap_or(0);
    let reference = time.civil(first);
    let since = |value: i64| {
        value.checked_sub(first).ok_or_else(|| {
            Error::data(format!(
                "the times from {reference} to {} span too far",
                time.civil(value)
            ))
        })
    };
    let names = [
        "days",
        "hours",
        "minutes",
        "seconds",
        "milliseconds",
        "microseconds",
        "nanoseconds",
    ];
    let units = TimeUnit::ALL;
    let mut at = 0;
    for value in values.iter().filter(|v| **v != NAT) {
        let difference = since(*value)?;
        while units[at] < time.unit
            && difference % (units[at].nanoseconds() / time.unit.nanoseconds()) != 0
        {
            at += 1;
        }
    }
    // A unit coarser than the counts divides; a finer one never comes first.
    let divisor = units[at].nanoseconds() / time.unit.nanoseconds();
    let encode = |value: &i64| {
        if *value == NAT {
            Ok(NAT)
        } else {
            Ok(since(*value)? / divisor)
        }
    };
    Ok(EncodedTimes {
        units: format!("{} since {reference}", names[at]),
        calendar: time.calendar,
        values: values.iter().map(encode).collect::<Result<_>>()?,
    })
}
