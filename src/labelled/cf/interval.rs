//! Times as people write them: `2020-08` is a whole month.

use super::calendar::{Calendar, DateTime};
use crate::error::{Error, Result};

/// What a text like `2020`, `2020-08`, `2020-08-14`, `2020-08-14T03`, `…T03:00`, `…T03:00:00` or `…T03:00:00.5` denotes: the
/// half-open interval from its first instant to the first one after it. A space may stand for `T`, a `Z` may follow.
///
/// # Errors
/// Invalid input when the text is no such date, or the date does not exist in the calendar.
pub fn parse_interval(text: &str, calendar: Calendar) -> Result<(DateTime, DateTime)> {
    let refused = || {
        Error::invalid(format!(
            "{text:?} is not a date of the {calendar} calendar; write for example 2020, 2020-08, 2020-08-14 or \
             2020-08-14T03:00:00"
        ))
    };
    let (start, length) = parse(text).ok_or_else(refused)?;
    if !calendar.has(start.year, start.month, start.day) {
        return Err(refused());
    }
    let end = match length {
        Length::Year => DateTime {
            year: start.year + 1,
            ..start
        },
        Length::Month if start.month == 12 => DateTime {
            year: start.year + 1,
            month: 1,
            ..start
        },
        Length::Month => DateTime {
            month: start.month + 1,
            ..start
        },
        Length::Nanoseconds(length) => {
            DateTime::from_nanoseconds(calendar, start.nanoseconds(calendar) + i128::from(length))
        }
    };
    Ok((start, end))
}

enum Length {
    Year,
    Month,
    Nanoseconds(i64),
}

/// Two digits below `end`.
fn two(text: &str, end: u32) -> Option<u32> {
    let value = (text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit()))
        .then(|| text.parse().ok())??;
    (value < end).then_some(value)
}

fn parse(text: &str) -> Option<(DateTime, Length)> {
    const SECOND: i64 = 1_000_000_000;
    let text = text.trim().strip_suffix('Z').unwrap_or(text.trim());
    let (date, time) = match text.split_once(['T', ' ']) {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let (negative, digits) = match date.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, date.strip_prefix('+').unwrap_or(date)),
    };
    let mut parts = digits.split('-');
    let year = parts
        .next()
        .filter(|y| (4..=6).contains(&y.len()) && y.bytes().all(|b| b.is_ascii_digit()))?;
    let year: i64 = year.parse().ok()?;
    let mut start = DateTime::date(if negative { -year } else { year }, 1, 1);
    let mut length = Length::Year;
    if let Some(month) = parts.next() {
        start.month = two(month, 13).filter(|m| *m > 0)?;
        length = Length::Month;
    }
    if let Some(day) = parts.next() {
        start.day = two(day, 32).filter(|d| *d > 0)?;
        length = Length::Nanoseconds(86_400 * SECOND);
    }
    if parts.next().is_some() {
        return None;
    }
    let Some(time) = time else {
        return Some((start, length));
    };
    if !matches!(length, Length::Nanoseconds(_)) {
        return None;
    }
    let mut parts = time.split(':');
    start.hour = two(parts.next()?, 24)?;
    let mut length = 3600 * SECOND;
    if let Some(minute) = parts.next() {
        start.minute = two(minute, 60)?;
        length = 60 * SECOND;
    }
    if let Some(second) = parts.next() {
        let (whole, fraction) = second.split_once('.').unwrap_or((second, ""));
        start.second = two(whole, 60)?;
        length = SECOND;
        if second.contains('.') {
            let good =
                (1..=9).contains(&fraction.len()) && fraction.bytes().all(|b| b.is_ascii_digit());
            let fraction_value: u32 = if good {
                fraction.parse().ok()?
            } else {
                return None;
            };
            let place = 10i64.pow(9 - fraction.len() as u32);
            start.nanosecond = fraction_value * place as u32;
            length = place;
        }
    }
    parts
        .next()
        .is_none()
        .then_some((start, Length::Nanoseconds(length)))
}
