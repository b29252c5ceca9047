//! Times as text by the directives of C's `strftime` that Python has.

use super::calendar::{Calendar, DateTime};
use super::index::TimeIndex;
use crate::error::{Error, Result};
use std::fmt::Write;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const WEEKDAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

/// A piece of a format.
enum Piece {
    Text(char),
    Directive(char),
}

/// The directives in the order of the message about others.
const KNOWN: &str = "YymdHIMSfjbBaApFTe%";

fn pieces(format: &str) -> Result<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            pieces.push(Piece::Text(c));
            continue;
        }
        match chars.next() {
            Some(directive) if KNOWN.contains(directive) => {
                pieces.push(Piece::Directive(directive));
            }
            other => {
                let known: Vec<String> = KNOWN.chars().map(|c| format!("%{c}")).collect();
                return Err(Error::invalid(format!(
                    "strftime: unknown directive {:?} in {format:?}; known: {}",
                    other.map_or("%".into(), |c| format!("%{c}")),
                    known.join(" ")
                )));
            }
        }
    }
    Ok(pieces)
}

fn write_time(
    text: &mut String,
    pieces: &[Piece],
    t: DateTime,
    calendar: Calendar,
) -> std::fmt::Result {
    let DateTime {
        year,
        month,
        day,
        hour,
        minute,
        second,
        nanosecond,
    } = t;
    let days = calendar.days(year, month, day);
    let month_name = MONTHS[month as usize - 1];
    let weekday = WEEKDAYS[calendar.day_of_week(days) as usize];
    for piece in pieces {
        let directive = match piece {
            Piece::Text(c) => {
                text.push(*c);
                continue;
            }
            Piece::Directive(directive) => *directive,
        };
        match directive {
            'Y' => write!(text, "{year:04}")?,
            'y' => write!(text, "{:02}", year.rem_euclid(100))?,
            'm' => write!(text, "{month:02}")?,
            'd' => write!(text, "{day:02}")?,
            'e' => write!(text, "{day:2}")?,
            'H' => write!(text, "{hour:02}")?,
            'I' => write!(text, "{:02}", (hour + 11) % 12 + 1)?,
            'M' => write!(text, "{minute:02}")?,
            'S' => write!(text, "{second:02}")?,
            'f' => write!(text, "{:06}", nanosecond / 1000)?,
            'j' => write!(text, "{:03}", calendar.day_of_year(days))?,
            'b' => text.push_str(&month_name[..3]),
            'B' => text.push_str(month_name),
            'a' => text.push_str(&weekday[..3]),
            'A' => text.push_str(weekday),
            'p' => text.push_str(if hour < 12 { "AM" } else { "PM" }),
            'F' => write!(text, "{year:04}-{month:02}-{day:02}")?,
            'T' => write!(text, "{hour:02}:{minute:02}:{second:02}")?,
            other => text.push(other),
        }
    }
    Ok(())
}

impl TimeIndex {
    /// The times by a format such as `%Y-%m-%d %H:%M`; `NaT` where missing.
    ///
    /// # Errors
    /// Invalid input for an unknown directive; the text lists the known ones.
    pub fn strftime(&self, format: &str) -> Result<Vec<String>> {
        let pieces = pieces(format)?;
        let one = |at: usize| {
            let Some(time) = self.civil(at) else {
                return Ok("NaT".to_owned());
            };
            let mut text = String::new();
            write_time(&mut text, &pieces, time, self.calendar())
                .map_err(|e| Error::internal(format!("strftime: {e}")))?;
            Ok(text)
        };
        (0..self.len()).map(one).collect()
    }
}
