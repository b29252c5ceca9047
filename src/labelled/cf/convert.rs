//! Times from one calendar to another, after xarray's `convert_calendar`.

use super::calendar::{Calendar, DateTime};
use super::frequency::DAY;
use super::index::TimeIndex;
use super::range::{infer, steps};
use crate::error::{Error, Result};
use std::collections::HashMap;

/// Times of another calendar, and where each came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Converted {
    /// The times.
    pub times: TimeIndex,
    /// The position among the old times; `None` for a time that was not there.
    pub positions: Vec<Option<usize>>,
}

/// The same dates in another calendar (`align_on` `"date"`), or the same parts of the year (`"year"`); one of the two must be
/// chosen beside `360_day`. Dates that the calendar lacks are dropped; with `fill`, the times that the frequency of the old ones
/// asks for come in between, without a position.
///
/// `None` when the times are of that calendar already.
///
/// # Errors
/// Invalid input for an unknown or missing `align_on`, missing times, and with `fill` for times without a frequency.
pub fn convert_calendar(
    times: &TimeIndex,
    to: Calendar,
    align_on: Option<&str>,
    fill: bool,
) -> Result<Option<Converted>> {
    const NAME: &str = "convert_calendar";
    let from = times.calendar();
    if from == to {
        return Ok(None);
    }
    let sliced = [from, to].contains(&Calendar::Days360);
    let by_year = match align_on {
        Some("date") => false,
        Some("year") => sliced,
        None if !sliced => false,
        None => {
            return Err(Error::invalid(format!(
                "{NAME}: from {from} to {to}: say with align_on whether the \"date\" or the part of the \"year\" stays"
            )));
        }
        Some(other) => {
            return Err(Error::invalid(format!(
                "{NAME}: align_on = {other:?} is not allowed; give \"date\" or \"year\""
            )));
        }
    };
    let instants = times.all_instants(NAME)?;
    let mut found: Vec<(i128, usize)> = Vec::with_capacity(instants.len());
    for (at, instant) in instants.iter().enumerate() {
        let (day, rest) = (instant.div_euclid(DAY) as i64, instant.rem_euclid(DAY));
        let (year, month, date) = from.civil(day);
        let day = match by_year {
            false => to
                .has(year, month, date)
                .then(|| to.days(year, month, date)),
            true => {
                let (new, old) = (to.days_in_year(year), from.days_in_year(year));
                let place = (new * from.day_of_year(day)) as f64 / old as f64;
                Some(to.days(year, 1, 1) + place.round_ties_even() as i64 - 1)
            }
        };
        if let Some(day) = day {
            found.push((i128::from(day) * DAY + rest, at));
        }
    }
    if by_year {
        // Fewer days in the year: some meet, and the first stays.
        found.sort_unstable();
        found.dedup_by_key(|(instant, _)| *instant);
    }
    let (instants, positions): (Vec<i128>, Vec<Option<usize>>) = match fill {
        false => found.into_iter().map(|(t, at)| (t, Some(at))).unzip(),
        true => {
            let wanted = like(times, to)?;
            let known: HashMap<i128, usize> = found.into_iter().collect();
            let positions = wanted.iter().map(|t| known.get(t).copied()).collect();
            (wanted, positions)
        }
    };
    let instants: Vec<Option<i128>> = instants.into_iter().map(Some).collect();
    let times = TimeIndex::in_calendar(&instants, to).map_err(|e| e.context(NAME))?;
    Ok(Some(Converted { times, positions }))
}

/// The instants in another calendar from the same first to the same last date with the same frequency: `date_range_like`.
fn like(times: &TimeIndex, to: Calendar) -> Result<Vec<i128>> {
    const NAME: &str = "convert_calendar";
    let from = times.calendar();
    let Some(freq) = infer(times)? else {
        return Err(Error::invalid(format!(
            "{NAME}: the times have no frequency, so it is not known which ones are missing in the {to} calendar"
        )));
    };
    // A date that the calendar lacks gives way to the one before, or the one before that (30 February).
    let nearby = |at: usize| -> Option<(DateTime, bool)> {
        let civil = times.civil(at)?;
        let at_end = civil.day == from.days_in_month(civil.year, civil.month);
        let day = (civil.day.saturating_sub(2)..=civil.day)
            .rev()
            .find(|day| to.has(civil.year, civil.month, *day))?;
        Some((DateTime { day, ..civil }, at_end))
    };
    let (Some((start, _)), Some((mut end, at_end))) = (nearby(0), nearby(times.len() - 1)) else {
        return Err(Error::invalid(format!(
            "{NAME}: the first or the last date of the times has none near it in the {to} calendar"
        )));
    };
    if at_end && freq.keeps_month_end() {
        end.day = to.days_in_month(end.year, end.month);
    }
    let back = freq.is_negative();
    let start = freq.roll(start.nanoseconds(to), !back, to);
    steps(NAME, start, end.nanoseconds(to), &freq, to)
}
