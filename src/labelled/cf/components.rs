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
    /// Nanoseconds of the microsecond, 0 … 999.
    Nanosecond,
    /// 28 … 31.
    DaysInMonth,
    /// 360 … 366.
    DaysInYear,
    /// Week of ISO 8601, 1 … 53: the first has the year's first Thursday.
    Week,
    /// Year of that week.
    IsoYear,
    /// 1 in years with a leap day.
    IsLeapYear,
    /// 1 on the first day of a month.
    IsMonthStart,
    /// 1 on the last day of a month.
    IsMonthEnd,
    /// 1 on the first day of January, April, July, October.
    IsQuarterStart,
    /// 1 on the last day of March, June, September, December.
    IsQuarterEnd,
    /// 1 on the first of January.
    IsYearStart,
    /// 1 on the last day of December.
    IsYearEnd,
}

impl Component {
    const NAMES: [(&'static str, Component); 28] = [
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
        ("nanosecond", Component::Nanosecond),
        ("day_of_year", Component::DayOfYear),
        ("day_of_week", Component::DayOfWeek),
        ("days_in_month", Component::DaysInMonth),
        ("daysinmonth", Component::DaysInMonth),
        ("days_in_year", Component::DaysInYear),
        ("week", Component::Week),
        ("weekofyear", Component::Week),
        ("isoyear", Component::IsoYear),
        ("is_leap_year", Component::IsLeapYear),
        ("is_month_start", Component::IsMonthStart),
        ("is_month_end", Component::IsMonthEnd),
        ("is_quarter_start", Component::IsQuarterStart),
        ("is_quarter_end", Component::IsQuarterEnd),
        ("is_year_start", Component::IsYearStart),
        ("is_year_end", Component::IsYearEnd),
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

    /// The names, for messages and scripts.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Self::NAMES.iter().map(|(name, _)| *name)
    }

    /// True for components that are yes or no: 1 or 0.
    pub fn is_bool(self) -> bool {
        use Component as C;
        matches!(
            self,
            C::IsLeapYear
                | C::IsMonthStart
                | C::IsMonthEnd
                | C::IsQuarterStart
                | C::IsQuarterEnd
                | C::IsYearStart
                | C::IsYearEnd
        )
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
        let year = |days: i64| calendar.civil(days).0;
        let length_of_month = |days: i64| {
            let (year, month, _) = calendar.civil(days);
            i64::from(calendar.days_in_month(year, month))
        };
        let thursday = |days: i64| days - calendar.day_of_week(days) + 3;
        // The first or last day of every so many months.
        let edge = |days: i64, months: u32, end: bool| {
            let (year, month, day) = calendar.civil(days);
            i64::from(match end {
                true => month.is_multiple_of(months) && day == calendar.days_in_month(year, month),
                false => (month - 1).is_multiple_of(months) && day == 1,
            })
        };
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
            Component::Nanosecond => each!(|_days, nanos| nanos % 1000),
            Component::DaysInMonth => each!(|days, _nanos| length_of_month(days)),
            Component::DaysInYear => each!(|days, _nanos| calendar.days_in_year(year(days))),
            Component::Week => {
                each!(|days, _nanos| (calendar.day_of_year(thursday(days)) - 1) / 7 + 1)
            }
            Component::IsoYear => each!(|days, _nanos| year(thursday(days))),
            Component::IsLeapYear => each!(|days, _nanos| calendar.is_leap(year(days)).into()),
            Component::IsMonthStart => each!(|days, _nanos| edge(days, 1, false)),
            Component::IsMonthEnd => each!(|days, _nanos| edge(days, 1, true)),
            Component::IsQuarterStart => each!(|days, _nanos| edge(days, 3, false)),
            Component::IsQuarterEnd => each!(|days, _nanos| edge(days, 3, true)),
            Component::IsYearStart => each!(|days, _nanos| edge(days, 12, false)),
            Component::IsYearEnd => each!(|days, _nanos| edge(days, 12, true)),
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
