//! The calendars of the CF conventions (section 4.4.1): civil dates to day numbers and back.
//!
//! Day 0 is 1970-01-01 of the Gregorian calendar; `standard` and `julian` count the same real days. In the model
//! calendars (noleap, all_leap, 360_day) day 0 is their own 1970-01-01. Years are astronomical: year 0 exists in all
//! calendars; CF data begins in year 1.
//!
//! The Gregorian and Julian arithmetic is Howard Hinnant's ("chrono-Compatible Low-Level Date Algorithms"): a year begins
//! in March, so that the leap day is its last, and months follow the line (153 m + 2) / 5.

use crate::dtype::TimeUnit;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A CF calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Calendar {
    /// Julian before 1582-10-15, Gregorian from then on; also called `gregorian`. CF's default.
    Standard,
    /// Gregorian for all years.
    ProlepticGregorian,
    /// A leap year every four years.
    Julian,
    /// No leap years; also called `365_day`.
    NoLeap,
    /// Leap years only; also called `366_day`.
    AllLeap,
    /// Twelve months of 30 days.
    Days360,
}

/// A civil date and time in some calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DateTime {
    /// Astronomical year.
    pub year: i64,
    /// 1 … 12.
    pub month: u32,
    /// 1 … 31.
    pub day: u32,
    /// 0 … 23.
    pub hour: u32,
    /// 0 … 59.
    pub minute: u32,
    /// 0 … 59.
    pub second: u32,
    /// 0 … 999,999,999.
    pub nanosecond: u32,
}

/// Days before each month of a year without and with a leap day.
const BEFORE: [[u32; 13]; 2] = [
    [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365],
    [0, 31, 60, 91, 121, 152, 182, 213, 244, 274, 305, 335, 366],
];

/// The first day of the Gregorian calendar, 1582-10-15, as a day number.
const REFORM: i64 = -141_427;

/// Year that begins in March, months after March, and the day of that year.
fn from_march(year: i64, month: u32, day: u32) -> (i64, i64) {
    let year = year - i64::from(month <= 2);
    let months = i64::from((month + 9) % 12);
    (year, (153 * months + 2) / 5 + i64::from(day) - 1)
}

fn to_january(year: i64, day_of_year: i64) -> (i64, u32, u32) {
    let months = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * months + 2) / 5 + 1;
    let month = if months < 10 { months + 3 } else { months - 9 };
    (year + i64::from(month <= 2), month as u32, day as u32)
}

fn gregorian_to_days(year: i64, month: u32, day: u32) -> i64 {
    let (year, day_of_year) = from_march(year, month, day);
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719_468
}

fn days_to_gregorian(days: i64) -> (i64, u32, u32) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    to_january(
        year + era * 400,
        of_era - (365 * year + year / 4 - year / 100),
    )
}

fn julian_to_days(year: i64, month: u32, day: u32) -> i64 {
    let (year, day_of_year) = from_march(year, month, day);
    year.div_euclid(4) * 1461 + year.rem_euclid(4) * 365 + day_of_year - 719_470
}

fn days_to_julian(days: i64) -> (i64, u32, u32) {
    let days = days + 719_470;
    let of_era = days.rem_euclid(1461);
    let year = (of_era - of_era / 1460) / 365;
    to_january(year + days.div_euclid(1461) * 4, of_era - 365 * year)
}

impl Calendar {
    /// The calendar of a `calendar` attribute; case does not matter.
    ///
    /// # Errors
    /// Invalid input for another name; the text lists the known ones.
    pub fn parse(name: &str) -> Result<Self> {
        Ok(match name.trim().to_ascii_lowercase().as_str() {
            "standard" | "gregorian" => Calendar::Standard,
            "proleptic_gregorian" => Calendar::ProlepticGregorian,
            "julian" => Calendar::Julian,
            "noleap" | "365_day" => Calendar::NoLeap,
            "all_leap" | "366_day" => Calendar::AllLeap,
            "360_day" => Calendar::Days360,
            _ => {
                return Err(Error::invalid(format!(
                    "unknown calendar {name:?}; known: standard, gregorian, proleptic_gregorian, julian, noleap, 365_day, \
                     all_leap, 366_day, 360_day"
                )));
            }
        })
    }

    /// CF's name.
    pub fn name(self) -> &'static str {
        match self {
            Calendar::Standard => "standard",
            Calendar::ProlepticGregorian => "proleptic_gregorian",
            Calendar::Julian => "julian",
            Calendar::NoLeap => "noleap",
            Calendar::AllLeap => "all_leap",
            Calendar::Days360 => "360_day",
        }
    }

    /// True when the year has a leap day; in `360_day` no year has one.
    pub fn is_leap(self, year: i64) -> bool {
        let gregorian = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        match self {
            Calendar::Standard if year < 1582 => year % 4 == 0,
            Calendar::Standard | Calendar::ProlepticGregorian => gregorian,
            Calendar::Julian => year % 4 == 0,
            Calendar::NoLeap | Calendar::Days360 => false,
            Calendar::AllLeap => true,
        }
    }

    /// Days of a month; `standard` skips 1582-10-05 … 14, which this does not count.
    pub fn days_in_month(self, year: i64, month: u32) -> u32 {
        if self == Calendar::Days360 {
            return 30;
        }
        let before = &BEFORE[usize::from(self.is_leap(year))];
        before[month as usize] - before[month as usize - 1]
    }

    /// Days of a year; those that `standard` skips in 1582 count.
    pub fn days_in_year(self, year: i64) -> i64 {
        match self {
            Calendar::Days360 => 360,
            _ => 365 + i64::from(self.is_leap(year)),
        }
    }

    /// The day number of a civil date.
    pub fn days(self, year: i64, month: u32, day: u32) -> i64 {
        let in_year = |leap: usize| i64::from(BEFORE[leap][month as usize - 1] + day) - 1;
        match self {
            Calendar::ProlepticGregorian => gregorian_to_days(year, month, day),
            Calendar::Standard if (year, month, day) >= (1582, 10, 15) => {
                gregorian_to_days(year, month, day)
            }
            Calendar::Standard | Calendar::Julian => julian_to_days(year, month, day),
            Calendar::NoLeap => (year - 1970) * 365 + in_year(0),
            Calendar::AllLeap => (year - 1970) * 366 + in_year(1),
            Calendar::Days360 => (year - 1970) * 360 + i64::from((month - 1) * 30 + day) - 1,
        }
    }

    /// Year, month and day of a day number.
    pub fn civil(self, days: i64) -> (i64, u32, u32) {
        let model = |length: i64, leap: usize| {
            let of_year = days.rem_euclid(length) as u32;
            // A month has at most 31 days, so this is the month or the one before.
            let mut month = (of_year / 31) as usize;
            month += usize::from(of_year >= BEFORE[leap][month + 1]);
            let day = of_year - BEFORE[leap][month] + 1;
            (1970 + days.div_euclid(length), month as u32 + 1, day)
        };
        match self {
            Calendar::ProlepticGregorian => days_to_gregorian(days),
            Calendar::Standard if days >= REFORM => days_to_gregorian(days),
            Calendar::Standard | Calendar::Julian => days_to_julian(days),
            Calendar::NoLeap => model(365, 0),
            Calendar::AllLeap => model(366, 1),
            Calendar::Days360 => {
                let of_year = days.rem_euclid(360) as u32;
                (
                    1970 + days.div_euclid(360),
                    of_year / 30 + 1,
                    of_year % 30 + 1,
                )
            }
        }
    }

    /// Day of the year, from 1. The ten days that `standard` skips in 1582 count, as in cftime.
    pub fn day_of_year(self, days: i64) -> i64 {
        let (year, month, day) = self.civil(days);
        match self {
            Calendar::Days360 => i64::from((month - 1) * 30 + day),
            _ => i64::from(BEFORE[usize::from(self.is_leap(year))][month as usize - 1] + day),
        }
    }

    /// Day of the week, Monday = 0. Weeks of the model calendars run on without end; where they begin is cftime's choice.
    pub fn day_of_week(self, days: i64) -> i64 {
        let shift = match self {
            Calendar::AllLeap => 6,
            Calendar::Days360 => 2,
            // 1970-01-01 was a Thursday.
            _ => 3,
        };
        (days + shift).rem_euclid(7)
    }

    /// True when the date exists in this calendar.
    pub fn has(self, year: i64, month: u32, day: u32) -> bool {
        (1..=12).contains(&month)
            && (1..=self.days_in_month(year, month)).contains(&day)
            && !(self == Calendar::Standard
                && (year, month) == (1582, 10)
                && (5..15).contains(&day))
    }
}

impl fmt::Display for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl DateTime {
    /// 1970-01-01 00:00:00.
    pub const EPOCH: DateTime = DateTime {
        year: 1970,
        month: 1,
        day: 1,
        hour: 0,
        minute: 0,
        second: 0,
        nanosecond: 0,
    };

    /// Midnight of a date.
    pub fn date(year: i64, month: u32, day: u32) -> Self {
        DateTime {
            year,
            month,
            day,
            ..Self::EPOCH
        }
    }

    /// Nanoseconds since midnight.
    pub fn nanoseconds_of_day(self) -> i64 {
        i64::from(self.hour * 3600 + self.minute * 60 + self.second) * 1_000_000_000
            + i64::from(self.nanosecond)
    }

    /// Nanoseconds since 1970-01-01 in this calendar.
    pub fn nanoseconds(self, calendar: Calendar) -> i128 {
        let days = calendar.days(self.year, self.month, self.day);
        i128::from(days) * i128::from(TimeUnit::Day.nanoseconds())
            + i128::from(self.nanoseconds_of_day())
    }

    /// The time so many nanoseconds after 1970-01-01 in this calendar.
    pub fn from_nanoseconds(calendar: Calendar, nanoseconds: i128) -> Self {
        let day = i128::from(TimeUnit::Day.nanoseconds());
        let (year, month, date) = calendar.civil(nanoseconds.div_euclid(day) as i64);
        let rest = nanoseconds.rem_euclid(day) as i64;
        let seconds = (rest / 1_000_000_000) as u32;
        DateTime {
            year,
            month,
            day: date,
            hour: seconds / 3600,
            minute: seconds / 60 % 60,
            second: seconds % 60,
            nanosecond: (rest % 1_000_000_000) as u32,
        }
    }

    /// Counts of `unit` since 1970-01-01, rounded down; `None` when it does not fit 64 bits.
    pub fn to_unit(self, calendar: Calendar, unit: TimeUnit) -> Option<i64> {
        let count = self
            .nanoseconds(calendar)
            .div_euclid(i128::from(unit.nanoseconds()));
        i64::try_from(count)
            .ok()
            .filter(|count| *count != crate::dtype::NAT)
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DateTime {
            year,
            month,
            day,
            hour,
            minute,
            second,
            nanosecond,
        } = self;
        write!(
            f,
            "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"
        )?;
        match nanosecond {
            0 => Ok(()),
            n if n % 1_000 == 0 => write!(f, ".{:06}", n / 1_000),
            n => write!(f, ".{n:09}"),
        }
    }
}
