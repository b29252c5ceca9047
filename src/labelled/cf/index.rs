//! `TimeIndex`: times of any calendar in one value, after pandas' `DatetimeIndex` and xarray's `CFTimeIndex`.
//!
//! Definitions. An **instant** is a number of nanoseconds since day 0 of the calendar of the times (`i128`: no calendar and unit
//! overflows it). Times are stored as counts of a unit since an epoch; what is computed from them goes through instants and
//! back into the unit they had, or into a finer one that holds them all.

use super::calendar::{Calendar, DateTime};
use super::frequency::{DAY, Frequency, MOST_STEPS};
use super::interval::parse_interval;
use super::time::CfTime;
use crate::dtype::{NAT, TimeUnit};
use crate::error::{Error, Result};

/// Times: counts of a unit since an epoch in a calendar; `NAT` is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeIndex {
    counts: Vec<i64>,
    time: CfTime,
}

/// How times are rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// Down.
    Floor,
    /// Up.
    Ceil,
    /// To the nearest; half-way to the even multiple.
    Round,
}

/// Units from the finest; counts of an instant in the first one that holds all.
const FINEST_FIRST: [TimeUnit; 4] = [
    TimeUnit::Nano,
    TimeUnit::Micro,
    TimeUnit::Milli,
    TimeUnit::Second,
];

impl TimeIndex {
    /// Counts and what they count.
    pub fn new(counts: Vec<i64>, time: CfTime) -> Self {
        TimeIndex { counts, time }
    }

    /// The times of these instants in the unit and epoch of `like`, or in the longest finer unit that holds them all.
    ///
    /// # Errors
    /// Invalid input when no unit holds them all.
    pub fn of_instants(instants: &[Option<i128>], like: &CfTime) -> Result<Self> {
        let units = TimeUnit::ALL.into_iter().filter(|unit| *unit >= like.unit);
        Self::in_first(instants, units, like.epoch, like.calendar)
    }

    /// The times of these instants: datetime64 for dates of the real calendars from 1582-10-15 on (and proleptic ones), in the
    /// finest unit that holds them; counts in microseconds since 1970 for others.
    ///
    /// # Errors
    /// Invalid input when no unit holds them all.
    pub fn in_calendar(instants: &[Option<i128>], calendar: Calendar) -> Result<Self> {
        let real = match calendar {
            Calendar::ProlepticGregorian => true,
            Calendar::Standard => {
                let reform = DateTime::date(1582, 10, 15).nanoseconds(calendar);
                instants.iter().flatten().all(|t| *t >= reform)
            }
            _ => false,
        };
        if real {
            let gregorian = Calendar::ProlepticGregorian;
            return Self::in_first(instants, FINEST_FIRST, DateTime::EPOCH, gregorian);
        }
        let units = [
            TimeUnit::Micro,
            TimeUnit::Nano,
            TimeUnit::Milli,
            TimeUnit::Second,
        ];
        Self::in_first(instants, units, DateTime::EPOCH, calendar)
    }

    /// The times in the first of these units that holds them all exactly.
    fn in_first(
        instants: &[Option<i128>],
        units: impl IntoIterator<Item = TimeUnit>,
        epoch: DateTime,
        calendar: Calendar,
    ) -> Result<Self> {
        let zero = epoch.nanoseconds(calendar);
        for unit in units {
            let per = i128::from(unit.nanoseconds());
            let count = |instant: &Option<i128>| match instant {
                None => Some(NAT),
                Some(t) => {
                    let count = i64::try_from((t - zero).div_euclid(per)).ok()?;
                    ((t - zero).rem_euclid(per) == 0 && count != NAT).then_some(count)
                }
            };
            if let Some(counts) = instants.iter().map(count).collect() {
                let time = CfTime {
                    unit,
                    epoch,
                    calendar,
                };
                return Ok(TimeIndex { counts, time });
            }
        }
        let show = |t: Option<&i128>| {
            t.map_or(String::new(), |t| {
                DateTime::from_nanoseconds(calendar, *t).to_string()
            })
        };
        Err(Error::invalid(format!(
            "times from {} to {} of the {calendar} calendar fit no unit of 64 bits",
            show(instants.iter().flatten().min()),
            show(instants.iter().flatten().max())
        )))
    }

    /// The times of texts such as `2000-02-30T06:00`.
    ///
    /// # Errors
    /// Invalid input for a text that is no date of the calendar.
    pub fn of_texts(texts: &[&str], calendar: Calendar) -> Result<Self> {
        let instants = texts
            .iter()
            .map(|text| {
                Ok(Some(
                    parse_interval(text, calendar)?.0.nanoseconds(calendar),
                ))
            })
            .collect::<Result<Vec<_>>>()?;
        Self::in_calendar(&instants, calendar)
    }

    /// The counts.
    pub fn counts(&self) -> &[i64] {
        &self.counts
    }

    /// What the counts count.
    pub fn time(&self) -> &CfTime {
        &self.time
    }

    /// The calendar. datetime64 values are proleptic Gregorian.
    pub fn calendar(&self) -> Calendar {
        self.time.calendar
    }

    /// Number of times.
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// True without times.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// The unit when these are values of datetime64.
    pub fn datetime_unit(&self) -> Option<TimeUnit> {
        let plain = self.time.epoch == DateTime::EPOCH
            && self.time.calendar == Calendar::ProlepticGregorian;
        plain.then_some(self.time.unit)
    }

    /// The instants; `None` where missing.
    pub fn instants(&self) -> Vec<Option<i128>> {
        let zero = self.time.epoch.nanoseconds(self.time.calendar);
        let per = i128::from(self.time.unit.nanoseconds());
        let instant = |count: &i64| (*count != NAT).then(|| zero + i128::from(*count) * per);
        self.counts.iter().map(instant).collect()
    }

    /// The instants of times none of which may be missing.
    ///
    /// # Errors
    /// Invalid input that names the first missing one.
    pub(crate) fn all_instants(&self, operation: &str) -> Result<Vec<i128>> {
        let instants = self.instants();
        match instants.iter().position(Option::is_none) {
            None => Ok(instants.into_iter().flatten().collect()),
            Some(at) => Err(Error::invalid(format!(
                "{operation}: the time at position {at} is missing (NaT); drop it first"
            ))),
        }
    }

    /// The civil time at a position; `None` where missing.
    pub fn civil(&self, at: usize) -> Option<DateTime> {
        let count = *self.counts.get(at)?;
        (count != NAT).then(|| self.time.civil(count))
    }

    /// The times at these positions.
    pub fn take(&self, positions: &[usize]) -> Self {
        let counts = positions.iter().map(|at| self.counts[*at]).collect();
        TimeIndex {
            counts,
            time: self.time,
        }
    }

    /// Every time moved by `nanoseconds`: time ± timedelta.
    ///
    /// # Errors
    /// Invalid input when the result fits no unit.
    pub fn plus(&self, nanoseconds: i128) -> Result<Self> {
        let moved: Vec<Option<i128>> = self
            .instants()
            .into_iter()
            .map(|t| t.map(|t| t + nanoseconds))
            .collect();
        Self::of_instants(&moved, &self.time)
    }

    /// Every time `steps` times the frequency later.
    ///
    /// # Errors
    /// Invalid input when the result fits no unit.
    pub fn shift(&self, steps: i64, freq: &Frequency) -> Result<Self> {
        if steps.abs() > MOST_STEPS {
            return Err(Error::invalid(format!(
                "shift: {steps} steps of {freq}; at most {MOST_STEPS} are possible"
            )));
        }
        let moved: Vec<Option<i128>> = self
            .instants()
            .into_iter()
            .map(|t| t.map(|t| freq.shift(t, steps, self.time.calendar)))
            .collect();
        Self::of_instants(&moved, &self.time)
    }

    /// The differences to `other`, one by one or to its only time, as counts of a timedelta64 and their unit: nanoseconds, or
    /// the finest longer unit that holds them all. Missing where either is.
    ///
    /// # Errors
    /// Invalid input when calendars or lengths differ, or no unit holds the differences.
    pub fn minus(&self, other: &TimeIndex) -> Result<(Vec<i64>, TimeUnit)> {
        self.same_calendar("subtract", other)?;
        let (a, b) = (self.instants(), other.instants());
        let b = one_by_one("subtract", a.len(), &b)?;
        let differences: Vec<Option<i128>> =
            a.iter().zip(b).map(|(a, b)| Some((*a)? - b?)).collect();
        let held = Self::in_first(
            &differences,
            FINEST_FIRST,
            DateTime::EPOCH,
            Calendar::ProlepticGregorian,
        )
        .map_err(|_| {
            Error::invalid("subtract: the differences of the times fit no unit of 64 bits")
        })?;
        Ok((held.counts, held.time.unit))
    }

    /// The order of each time and that of `other`, one by one or its only one; `None` where either is missing.
    ///
    /// # Errors
    /// Invalid input when calendars or lengths differ.
    pub fn compare(&self, other: &TimeIndex) -> Result<Vec<Option<std::cmp::Ordering>>> {
        self.same_calendar("compare", other)?;
        let (a, b) = (self.instants(), other.instants());
        let b = one_by_one("compare", a.len(), &b)?;
        Ok(a.iter().zip(b).map(|(a, b)| Some((*a)?.cmp(&b?))).collect())
    }

    fn same_calendar(&self, operation: &str, other: &TimeIndex) -> Result<()> {
        let (a, b) = (self.calendar(), other.calendar());
        match a == b {
            true => Ok(()),
            false => Err(Error::invalid(format!(
                "{operation}: times of the calendars {a} and {b} have no order and no distance; convert one with convert_calendar"
            ))),
        }
    }

    /// The times rounded to multiples of a fixed frequency since 1970-01-01, as in pandas.
    ///
    /// # Errors
    /// Invalid input for a frequency whose length varies, or a result that fits no unit.
    pub fn rounded(&self, rounding: Rounding, freq: &Frequency) -> Result<Self> {
        let name = match rounding {
            Rounding::Floor => "floor",
            Rounding::Ceil => "ceil",
            Rounding::Round => "round",
        };
        let Some(length) = freq.nanoseconds().filter(|n| *n > 0) else {
            return Err(Error::invalid(format!(
                "{name}: the frequency {freq} has no fixed length; give a count of D, h, min, s, ms, us or ns"
            )));
        };
        let zero = DateTime::EPOCH.nanoseconds(self.time.calendar);
        let round = |t: i128| {
            let since = t - zero;
            let (floor, rest) = (since.div_euclid(length), since.rem_euclid(length));
            let up = match rounding {
                Rounding::Floor => false,
                Rounding::Ceil => rest > 0,
                Rounding::Round => match (2 * rest).cmp(&length) {
                    std::cmp::Ordering::Less => false,
                    std::cmp::Ordering::Equal => floor.rem_euclid(2) == 1,
                    std::cmp::Ordering::Greater => true,
                },
            };
            zero + (floor + i128::from(up)) * length
        };
        let rounded: Vec<Option<i128>> =
            self.instants().into_iter().map(|t| t.map(round)).collect();
        Self::of_instants(&rounded, &self.time)
    }

    /// Years with the part of the year that has gone: xarray's `decimal_year`. NaN where missing.
    pub fn decimal_years(&self) -> Vec<f64> {
        let calendar = self.time.calendar;
        let decimal = |t: i128| {
            let (year, _, _) = calendar.civil(t.div_euclid(DAY) as i64);
            let start = i128::from(calendar.days(year, 1, 1)) * DAY;
            let days = calendar.days_in_year(year);
            year as f64 + (t - start) as f64 / (i128::from(days) * DAY) as f64
        };
        let years = |t: Option<i128>| t.map_or(f64::NAN, decimal);
        self.instants().into_iter().map(years).collect()
    }
}

/// `other` beside `len` elements: as long as they are, or one for all.
fn one_by_one<'a, T: Copy>(
    operation: &str,
    len: usize,
    other: &'a [T],
) -> Result<impl Iterator<Item = T> + 'a> {
    if other.len() != len && other.len() != 1 {
        return Err(Error::invalid(format!(
            "{operation}: {} times beside {len}; give as many, or one",
            other.len()
        )));
    }
    // One is repeated, as many are run through.
    let times = if other.len() == len { 1 } else { len };
    Ok(std::iter::repeat_n(other, times).flatten().copied())
}
