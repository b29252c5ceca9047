//! Frequencies as xarray and pandas write them: `YE-NOV`, `QS-DEC`, `2ME`, `W-WED`, `5D`, `1h30min`.
//!
//! Definitions. A calendar frequency has **anchors**: the days it may fall on, numbered by integers in order. `floor_index`
//! is the number of the last anchor not after a day, so that all arithmetic is on numbers: n steps from an anchor is the
//! anchor n further on; from between two anchors the first step forward ends at the next one, the first step back at the one
//! before. The time of day stays. A fixed frequency is a number of nanoseconds.

use super::calendar::Calendar;
use crate::error::{Error, Result, nearest_names};
use std::fmt;

/// Nanoseconds of a day.
pub(crate) const DAY: i128 = 86_400_000_000_000;

const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];

const WEEKDAYS: [&str; 7] = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"];

/// Fixed units, the longest first.
const FIXED: [(&str, i128); 7] = [
    ("D", DAY),
    ("h", DAY / 24),
    ("min", DAY / 1440),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// Spellings that pandas and xarray gave up, and the ones that hold now; anchors (`-NOV`) may follow.
const OLD: [(&str, &str); 16] = [
    ("A", "YE"),
    ("Y", "YE"),
    ("AS", "YS"),
    ("Q", "QE"),
    ("M", "ME"),
    ("SM", "SME"),
    ("H", "h"),
    ("T", "min"),
    ("S", "s"),
    ("L", "ms"),
    ("U", "us"),
    ("N", "ns"),
    ("d", "D"),
    ("w", "W"),
    ("m", "min"),
    ("y", "YE"),
];

/// What is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Every `length` months, one of them `month`; on the first or the last day. Years have 12, quarters 3.
    Months { length: i64, month: u32, end: bool },
    /// Twice a month: on the first and on `day`, or on `day` and on the last.
    HalfMonths { day: u32, end: bool },
    /// Every week on a day, Monday = 0.
    Weeks { weekday: i64 },
    /// So many nanoseconds; the count of the frequency is in them.
    Fixed { nanoseconds: i128 },
}

/// A frequency: a step, and how many of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frequency {
    count: i64,
    step: Step,
}

/// Most steps in one frequency, and most times that it is taken: dates stay far within 64 bits.
const MOST: i64 = 1_000_000;
pub(crate) const MOST_STEPS: i64 = 1_000_000_000;

impl Frequency {
    /// Reads a frequency: a count (1 when it is missing, negative for steps back) and a name.
    ///
    /// # Errors
    /// Invalid input for an unknown name (the text lists the known ones), an old spelling (it names the new one), no count
    /// of steps or too many.
    pub fn parse(text: &str) -> Result<Self> {
        let refused = |why: String| Error::invalid(format!("frequency {text:?}: {why}"));
        let trimmed = text.trim();
        let end = trimmed
            .find(|c: char| !(c.is_ascii_digit() || "+-. ".contains(c)))
            .unwrap_or(trimmed.len());
        let (number, name) = (trimmed[..end].trim(), &trimmed[end..]);
        let (base, anchor) = match name.split_once('-') {
            Some((base, anchor)) => (base, Some(anchor)),
            None => (name, None),
        };
        if let Some((_, new)) = OLD.iter().find(|(old, _)| *old == base) {
            let anchor = anchor.map_or(String::new(), |a| format!("-{a}"));
            return Err(refused(format!(
                "{name:?} is an old spelling; write {:?}",
                format!("{number}{new}{anchor}")
            )));
        }
        let Some(step) = calendar_step(base, anchor).map_err(&refused)? else {
            let nanoseconds = fixed(trimmed).map_err(&refused)?;
            return match nanoseconds {
                0 => Err(refused("no time at all; steps must go on".into())),
                _ => Ok(Frequency {
                    count: 1,
                    step: Step::Fixed { nanoseconds },
                }),
            };
        };
        let count: i64 = match number {
            "" | "+" => 1,
            "-" => -1,
            _ => number.parse().map_err(|_| {
                refused(format!(
                    "{number:?} is no count of {base}; give a whole number"
                ))
            })?,
        };
        if count == 0 || count.abs() > MOST {
            return Err(refused(format!(
                "the count {count} is not allowed; give 1 … {MOST}, or a negative one for steps back"
            )));
        }
        Ok(Frequency { count, step })
    }

    /// A fixed frequency of so many nanoseconds.
    pub(crate) fn of_nanoseconds(nanoseconds: i128) -> Self {
        Frequency {
            count: 1,
            step: Step::Fixed { nanoseconds },
        }
    }

    /// Its length when that is the same everywhere: days and shorter. Weeks are bound to their day.
    pub fn nanoseconds(&self) -> Option<i128> {
        match self.step {
            Step::Fixed { nanoseconds } => Some(nanoseconds),
            _ => None,
        }
    }

    /// True for steps back.
    pub fn is_negative(&self) -> bool {
        match self.step {
            Step::Fixed { nanoseconds } => nanoseconds < 0,
            _ => self.count < 0,
        }
    }

    /// True when it falls on the ends of years, quarters, months or weeks: such bins are closed and labelled right in pandas.
    pub fn is_end(&self) -> bool {
        match self.step {
            Step::Months { end, .. } => end,
            Step::Weeks { .. } => true,
            Step::HalfMonths { .. } | Step::Fixed { .. } => false,
        }
    }

    /// True for frequencies that end or begin with a month's last day, and for days: whose ranges end with a month when another
    /// calendar's month has other days.
    pub(crate) fn keeps_month_end(&self) -> bool {
        match self.step {
            Step::Months { end, .. } => end,
            Step::Fixed { nanoseconds } => nanoseconds % DAY == 0,
            _ => false,
        }
    }

    /// The day number of an anchor.
    fn anchor(&self, index: i64, calendar: Calendar) -> i64 {
        let of_month = |month: i64, day: Option<u32>| {
            let (year, month) = (month.div_euclid(12), month.rem_euclid(12) as u32 + 1);
            let day = day.unwrap_or_else(|| calendar.days_in_month(year, month));
            calendar.days(year, month, day)
        };
        match self.step {
            Step::Months { length, month, end } => {
                let phase = i64::from(month - 1).rem_euclid(length);
                of_month(index * length + phase, (!end).then_some(1))
            }
            Step::HalfMonths { day, end } => {
                let month = index.div_euclid(2);
                match (index.rem_euclid(2), end) {
                    (0, false) => of_month(month, Some(1)),
                    (0, true) | (_, false) => of_month(month, Some(day)),
                    (_, true) => of_month(month, None),
                }
            }
            Step::Weeks { weekday } => 7 * index - calendar.day_of_week(0) + weekday,
            Step::Fixed { .. } => index,
        }
    }

    /// The number of the last anchor not after a day.
    fn floor_index(&self, day: i64, calendar: Calendar) -> i64 {
        let month = || {
            let (year, month, _) = calendar.civil(day);
            year * 12 + i64::from(month) - 1
        };
        let mut index = match self.step {
            Step::Months {
                length, month: m, ..
            } => (month() - i64::from(m - 1).rem_euclid(length)).div_euclid(length),
            Step::HalfMonths { .. } => month() * 2 + 1,
            Step::Weeks { weekday } => (day + calendar.day_of_week(0) - weekday).div_euclid(7),
            Step::Fixed { .. } => day,
        };
        // The anchor of the month may lie after the day: at most two of them.
        while self.anchor(index, calendar) > day {
            index -= 1;
        }
        index
    }

    /// The instant `steps` (at most 10⁹) times the frequency after `instant`.
    pub fn shift(&self, instant: i128, steps: i64, calendar: Calendar) -> i128 {
        if let Step::Fixed { nanoseconds } = self.step {
            return instant + nanoseconds * i128::from(steps);
        }
        let (day, rest) = (instant.div_euclid(DAY) as i64, instant.rem_euclid(DAY));
        let floor = self.floor_index(day, calendar);
        let steps = self.count * steps.clamp(-MOST_STEPS, MOST_STEPS);
        let between = self.anchor(floor, calendar) != day;
        let index = floor + steps + i64::from(between && steps <= 0);
        i128::from(self.anchor(index, calendar)) * DAY + rest
    }

    /// The instant itself when its day is an anchor, else at the next (`forward`) or the last anchor.
    pub fn roll(&self, instant: i128, forward: bool, calendar: Calendar) -> i128 {
        if self.nanoseconds().is_some() {
            return instant;
        }
        let (day, rest) = (instant.div_euclid(DAY) as i64, instant.rem_euclid(DAY));
        let floor = self.floor_index(day, calendar);
        let on = self.anchor(floor, calendar) == day;
        let index = floor + i64::from(!on && forward);
        i128::from(self.anchor(index, calendar)) * DAY + rest
    }

    /// About how many steps lie between two instants.
    pub(crate) fn steps_between(&self, first: i128, last: i128, calendar: Calendar) -> i128 {
        let (distance, step) = match self.step {
            Step::Fixed { nanoseconds } => (last - first, nanoseconds),
            _ => {
                let index =
                    |t: i128| i128::from(self.floor_index(t.div_euclid(DAY) as i64, calendar));
                (index(last) - index(first), i128::from(self.count))
            }
        };
        distance / step
    }
}

/// The step of a name that is bound to the calendar; `None` for other names.
fn calendar_step(base: &str, anchor: Option<&str>) -> std::result::Result<Option<Step>, String> {
    let place = |names: &[&str], default: usize| match anchor {
        None => Ok(default),
        Some(anchor) => names.iter().position(|n| *n == anchor).ok_or_else(|| {
            format!(
                "unknown anchor {anchor:?} of {base}; known: {}",
                names.join(", ")
            )
        }),
    };
    let months = |length: i64, default: usize, end: bool| {
        Ok(Some(Step::Months {
            length,
            month: place(&MONTHS, default)? as u32 + 1,
            end,
        }))
    };
    match base {
        "YE" => months(12, 11, true),
        "YS" => months(12, 0, false),
        "QE" => months(3, 11, true),
        "QS" => months(3, 0, false),
        "ME" | "MS" if anchor.is_none() => Ok(Some(Step::Months {
            length: 1,
            month: 1,
            end: base == "ME",
        })),
        "W" => Ok(Some(Step::Weeks {
            weekday: place(&WEEKDAYS, 6)? as i64,
        })),
        "SME" | "SMS" => {
            let end = base == "SME";
            let least = if end { 1 } else { 2 };
            let day = match anchor {
                None => 15,
                Some(anchor) => anchor
                    .parse()
                    .ok()
                    .filter(|day| (least..=27).contains(day))
                    .ok_or_else(|| {
                        format!("the day {anchor:?} of {base} is not allowed; give {least} … 27")
                    })?,
            };
            Ok(Some(Step::HalfMonths { day, end }))
        }
        "B" | "C" | "bh" | "BME" | "BMS" | "BQE" | "BQS" | "BYE" | "BYS" => Err(
            "frequencies of business days are not known here: data has no office hours; use D, W or ME"
                .into(),
        ),
        _ => Ok(None),
    }
}

/// Nanoseconds of `5D`, `-6h`, `1.5h`, `1h30min`.
fn fixed(text: &str) -> std::result::Result<i128, String> {
    let mut rest = text;
    let mut sum = 0i128;
    let mut sign = 1;
    if let Some(tail) = rest.strip_prefix('-') {
        (sign, rest) = (-1, tail);
    } else if let Some(tail) = rest.strip_prefix('+') {
        rest = tail;
    }
    loop {
        let trimmed = rest.trim_start();
        let end = trimmed
            .find(|c: char| !(c.is_ascii_digit() || c == '.'))
            .unwrap_or(trimmed.len());
        let (number, tail) = trimmed.split_at(end);
        let tail = tail.trim_start();
        let end = tail
            .find(|c: char| c.is_ascii_digit() || c.is_whitespace())
            .unwrap_or(tail.len());
        let (name, tail) = tail.split_at(end);
        let Some((_, length)) = FIXED.iter().find(|(known, _)| *known == name) else {
            const KNOWN: [&str; 16] = [
                "YE", "YS", "QE", "QS", "ME", "MS", "SME", "SMS", "W", "D", "h", "min", "s", "ms",
                "us", "ns",
            ];
            return Err(format!(
                "unknown name {name:?}; known: {}; a count before it, an anchor after it: \"5D\", \"YE-NOV\", \"QS-DEC\", \"W-WED\"",
                nearest_names(name, KNOWN.iter().copied())
            ));
        };
        let part = amount(number, *length)
            .ok_or_else(|| format!("{number:?} is no count of {name}; give a number"))?;
        sum = sum
            .checked_add(part)
            .filter(|sum| *sum < i128::from(i64::MAX) * 1_000_000)
            .ok_or_else(|| format!("{number} {name} is too long"))?;
        rest = tail.trim_start();
        if rest.is_empty() {
            return Ok(sign * sum);
        }
    }
}

/// `number` (empty: 1) times `length`, when that is whole.
fn amount(number: &str, length: i128) -> Option<i128> {
    if number.is_empty() {
        return Some(length);
    }
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.len() > 18 || fraction.len() > 15 || fraction.contains('.') {
        return None;
    }
    let whole: i128 = match whole {
        "" if fraction.is_empty() => return None,
        "" => 0,
        digits => digits.parse().ok()?,
    };
    let mut sum = whole.checked_mul(length)?;
    if !fraction.is_empty() {
        let scale = 10i128.pow(fraction.len() as u32);
        let part = fraction.parse::<i128>().ok()? * length;
        if part % scale != 0 {
            return None;
        }
        sum += part / scale;
    }
    Some(sum)
}

impl fmt::Display for Frequency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, name) = match self.step {
            Step::Months { length, month, end } => {
                let side = if end { "E" } else { "S" };
                let anchor = MONTHS[month as usize - 1];
                let name = match length {
                    12 => format!("Y{side}-{anchor}"),
                    3 => format!("Q{side}-{anchor}"),
                    _ => format!("M{side}"),
                };
                (i128::from(self.count), name)
            }
            Step::HalfMonths { day, end } => {
                let name = if end { "SME" } else { "SMS" };
                (i128::from(self.count), format!("{name}-{day}"))
            }
            Step::Weeks { weekday } => {
                let name = format!("W-{}", WEEKDAYS[weekday as usize]);
                (i128::from(self.count), name)
            }
            Step::Fixed { nanoseconds } => {
                let unit = FIXED.iter().find(|(_, length)| nanoseconds % length == 0);
                let (name, length) = unit.copied().unwrap_or(("ns", 1));
                (nanoseconds / length, name.to_owned())
            }
        };
        match count {
            1 => write!(f, "{name}"),
            count => write!(f, "{count}{name}"),
        }
    }
}

/// The frequency of years (12), quarters (3) or months (1).
pub(crate) fn of_months(length: i64, month: u32, end: bool, count: i64) -> Frequency {
    Frequency {
        count,
        step: Step::Months { length, month, end },
    }
}

/// The frequency of weeks on a day, Monday = 0.
pub(crate) fn of_weeks(weekday: i64, count: i64) -> Frequency {
    Frequency {
        count,
        step: Step::Weeks { weekday },
    }
}
