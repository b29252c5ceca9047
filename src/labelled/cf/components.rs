//! Year, month, season …: components of times, whole arrays at once.

use super::calendar::Calendar;
use super::time::CfTime;
use crate::dtype::{NAT, TimeUnit};
use crate::error::{Error, Result, nearest_names};
use serde::{Deserialize, Serialize};

/// The seasons in the order of their codes: alphabetical, as xarray's groupby sorts them.
pub const SEASONS: [&str; 4] = ["DJF", "JJA", "MAM", "SON"];

/// Season code of each month.
const SEASON_OF_MONTH: [i64; 12] = [0, 0, 2, 2, 2, 1, 1, 1, 3, 3, 3, 0];

/// A component of a time; names are those of xarray's `.dt`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Component {
    /// Astronomical year.
    Year,
    /// 1 … 12.
    Month,
    /// 1 … 31.
    Day,
    /// 0 … 23.
    Hour,
    /// 0 … 59.
    Minute,
    /// 0 … 59.
    Second,
    /// 0 … 999,999 of the second.
    Microsecond,
    /// 1 … 366.
    DayOfYear,
    /// Monday = 0.
    DayOfWeek,
    /// 1 … 4.
    Quarter,
    /// An index of [`SEASONS`].
    Season,
}

impl Component {
    const NAMES: [(&'static str, Component); 12] = [
        ("year", Component::Year),
        ("month", Component::Month),
        ("day", Component::Day),
        ("hour", Component::Hour),
        ("minute", Component::Minute),
        ("second", Component::Second),
        ("microsecond", Component::Microsecond),
        ("dayofyear", Component::DayOfYear),
        ("dayofweek", Component::DayOfWeek),
        ("weekday", Component::DayOfWeek),
        ("quarter", Component::Quarter),
        ("season", Component::Season),
    ];

    /// The component of a name.
    ///
    /// # Errors
    /// Invalid input for an unknown name; the text lists the known ones.
    pub fn parse(name: &str) -> Result<Self> {
        Self::NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, c)| *c)
            .ok_or_else(|| {
                let known = nearest_names(name, Self::NAMES.iter().map(|(known, _)| *known));
                Error::invalid(format!("unknown time component {name:?}; known: {known}"))
            })
    }

    /// xarray's name.
    pub fn name(self) -> &'static str {
        Self::NAMES
            .iter()
            .find(|(_, c)| *c == self)
            .map_or("", |(name, _)| name)
    }

    /// This component of datetime64 values of `unit`; NaT stays `NAT`.
    pub fn of_datetimes(self, values: &[i64], unit: TimeUnit) -> Vec<i64> {
        self.of(values, &CfTime::datetime64(unit))
    }

    /// This component of counts in the unit, epoch and calendar of `time`; `NAT` stays `NAT`.
    pub fn of(self, values: &[i64], time: &CfTime) -> Vec<i64> {
        let calendar = time.calendar;
        let per_day = TimeUnit::Day.nanoseconds() / time.unit.nanoseconds();
        let second = 1_000_000_000i64;
        // The epoch splits into days, whole units of the day and a rest in nanoseconds smaller than a unit.
        let epoch_days = calendar.days(time.epoch.year, time.epoch.month, time.epoch.day);
        let of_day = time.epoch.nanoseconds_of_day();
        let (epoch_units, rest) = (
            of_day / time.unit.nanoseconds(),
            of_day % time.unit.nanoseconds(),
        );
        // Days first, so that nothing overflows near the ends of the range.
        let split = |value: i64| {
            let units = value.rem_euclid(per_day) + epoch_units;
            let days = value.div_euclid(per_day) + epoch_days + units.div_euclid(per_day);
            (
                days,
                units.rem_euclid(per_day) * time.unit.nanoseconds() + rest,
            )
        };
        // One loop per component: the choice is made once, outside.
        macro_rules! each {
            (|$days:ident, $nanos:ident| $value:expr) => {
                values
                    .iter()
                    .map(|&value| {
                        if value == NAT {
                            return NAT;
                        }
                        let ($days, $nanos) = split(value);
                        $value
                    })
                    .collect()
            };
        }
        let month = |days: i64| i64::from(calendar.civil(days).1);
        match self {
            Component::Year => each!(|days, _nanos| calendar.civil(days).0),
            Component::Month => each!(|days, _nanos| month(days)),
            Component::Day => each!(|days, _nanos| i64::from(calendar.civil(days).2)),
            Component::Hour => each!(|_days, nanos| nanos / (3600 * second)),
            Component::Minute => each!(|_days, nanos| nanos / (60 * second) % 60),
            Component::Second => each!(|_days, nanos| nanos / second % 60),
            Component::Microsecond => each!(|_days, nanos| nanos / 1000 % 1_000_000),
            Component::DayOfYear => each!(|days, _nanos| calendar.day_of_year(days)),
            Component::DayOfWeek => each!(|days, _nanos| calendar.day_of_week(days)),
            Component::Quarter => each!(|days, _nanos| (month(days) + 2) / 3),
            Component::Season => each!(|days, _nanos| SEASON_OF_MONTH[month(days) as usize - 1]),
        }
    }
}

impl CfTime {
    /// What datetime64 values of `unit` are: counts since 1970-01-01 in the proleptic Gregorian calendar.
    pub fn datetime64(unit: TimeUnit) -> Self {
        CfTime {
            unit,
            epoch: super::calendar::DateTime::EPOCH,
            calendar: Calendar::ProlepticGregorian,
        }
    }
}
