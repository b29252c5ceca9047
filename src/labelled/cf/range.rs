//! `date_range`, and the frequency that times have.

use super::calendar::Calendar;
use super::frequency::{DAY, Frequency, of_months, of_weeks};
use super::index::TimeIndex;
use super::interval::parse_interval;
use crate::error::{Error, Result};

/// Most times that one range may have: they are kept in memory.
pub(crate) const MOST_TIMES: i128 = 1 << 24;

fn too_many(operation: &str, count: i128, freq: &Frequency) -> Error {
    Error::invalid(format!(
        "{operation}: about {count} times with the frequency {freq}; at most {MOST_TIMES} are possible: give a longer one"
    ))
}

/// The instants from `start` in steps of `freq` that do not pass `end`.
pub(crate) fn steps(
    operation: &str,
    start: i128,
    end: i128,
    freq: &Frequency,
    calendar: Calendar,
) -> Result<Vec<i128>> {
    let back = freq.is_negative();
    if if back { end > start } else { end < start } {
        return Ok(Vec::new());
    }
    let about = freq.steps_between(start, end, calendar);
    if about > MOST_TIMES {
        return Err(too_many(operation, about, freq));
    }
    let mut instants = Vec::with_capacity(about as usize + 1);
    // From the start each time: no step depends on a rounded one.
    for step in 0.. {
        let at = freq.shift(start, step, calendar);
        if if back { at < end } else { at > end } {
            break;
        }
        instants.push(at);
    }
    Ok(instants)
}

/// Times from `start` to `end` (both included), or `periods` of them, at a frequency: three of the four are given, and the
/// frequency is a day when fewer are. Without a frequency, `periods` times at equal distances.
///
/// A calendar frequency begins at its first date not before `start`. xarray's and pandas' `date_range`.
///
/// # Errors
/// Invalid input for dates that the calendar lacks, an unknown frequency, too few or too many of the four, too many times.
pub fn date_range(
    start: Option<&str>,
    end: Option<&str>,
    periods: Option<usize>,
    freq: Option<&str>,
    calendar: Calendar,
) -> Result<TimeIndex> {
    const NAME: &str = "date_range";
    let instant = |text: &str| -> Result<i128> {
        let (start, _) = parse_interval(text, calendar).map_err(|e| e.context(NAME))?;
        Ok(start.nanoseconds(calendar))
    };
    let start = start.map(instant).transpose()?;
    let end = end.map(instant).transpose()?;
    let given = usize::from(start.is_some()) + usize::from(end.is_some());
    let given = given + usize::from(periods.is_some());
    let freq = match freq {
        None if given < 3 => Some("D"),
        freq => freq,
    };
    if given + usize::from(freq.is_some()) != 3 {
        return Err(Error::invalid(format!(
            "{NAME}: {} of start, end, periods and freq are given; give exactly three (freq is \"D\" where it is left out)",
            given + usize::from(freq.is_some())
        )));
    }
    let count = periods.unwrap_or(0) as i128;
    if count > MOST_TIMES {
        return Err(Error::invalid(format!(
            "{NAME}: {count} periods; at most {MOST_TIMES} are possible"
        )));
    }
    let instants = match (start, end, freq) {
        (Some(start), Some(end), None) => linear(start, end, count),
        (start, end, Some(freq)) => {
            let freq = Frequency::parse(freq).map_err(|e| e.context(NAME))?;
            let back = freq.is_negative();
            let start = start.map(|t| freq.roll(t, !back, calendar));
            let end = end.map(|t| freq.roll(t, back, calendar));
            let nth = |from: i128, sign: i64| freq.shift(from, sign * (count as i64 - 1), calendar);
            match (start, end) {
                _ if periods == Some(0) => Vec::new(),
                (Some(start), Some(end)) => steps(NAME, start, end, &freq, calendar)?,
                (Some(start), None) => steps(NAME, start, nth(start, 1), &freq, calendar)?,
                (None, Some(end)) => steps(NAME, nth(end, -1), end, &freq, calendar)?,
                (None, None) => Vec::new(),
            }
        }
        _ => Vec::new(),
    };
    let instants: Vec<Option<i128>> = instants.into_iter().map(Some).collect();
    TimeIndex::in_calendar(&instants, calendar).map_err(|e| e.context(NAME))
}

/// `count` instants at equal distances, rounded down to microseconds.
fn linear(start: i128, end: i128, count: i128) -> Vec<i128> {
    match count {
        0 => Vec::new(),
        1 => vec![start],
        _ => (0..count)
            .map(|i| start + ((end - start) * i / (count - 1)).div_euclid(1000) * 1000)
            .collect(),
    }
}

/// The frequency of times, `None` when they have none: years, quarters and months by their first or last days, else equal
/// distances; seven days are a week. xarray's `infer_freq`.
///
/// # Errors
/// Invalid input for fewer than three times, or missing ones.
pub fn infer_freq(times: &TimeIndex) -> Result<Option<Frequency>> {
    let inferred = infer(times)?;
    let real = matches!(
        times.calendar(),
        Calendar::Standard | Calendar::ProlepticGregorian
    );
    // Weeks are of the real calendars, as in pandas.
    Ok(
        inferred.map(|freq| match (freq.nanoseconds(), times.civil(0)) {
            (Some(length), Some(first)) if real && length % (7 * DAY) == 0 => {
                let day = times.calendar().days(first.year, first.month, first.day);
                let weekday = times.calendar().day_of_week(day);
                of_weeks(weekday, (length / (7 * DAY)) as i64)
            }
            _ => freq,
        }),
    )
}

/// As [`infer_freq`], with weeks as seven days.
pub(crate) fn infer(times: &TimeIndex) -> Result<Option<Frequency>> {
    const NAME: &str = "infer_freq";
    if times.len() < 3 {
        return Err(Error::invalid(format!(
            "{NAME}: {} times; at least 3 are needed to tell a frequency",
            times.len()
        )));
    }
    let instants = times.all_instants(NAME)?;
    let calendar = times.calendar();
    let real = matches!(calendar, Calendar::Standard | Calendar::ProlepticGregorian);
    if !(instants.is_sorted_by(|a, b| a < b) || instants.is_sorted_by(|a, b| a > b)) {
        return Ok(None);
    }
    // The smallest step, and whether it is the only one.
    let unique = |values: &[i128]| {
        let mut found: Vec<i128> = values.windows(2).map(|w| w[1] - w[0]).collect();
        found.sort_unstable();
        found.dedup();
        found
    };
    let deltas = unique(&instants);
    if deltas[0] % DAY != 0 {
        return Ok((deltas.len() == 1).then(|| Frequency::of_nanoseconds(deltas[0])));
    }
    let dates: Vec<(i64, u32, u32)> = instants
        .iter()
        .map(|t| calendar.civil(t.div_euclid(DAY) as i64))
        .collect();
    let on = |test: &dyn Fn(&(i64, u32, u32)) -> bool| dates.iter().all(test);
    let ends = on(&|(year, month, day)| *day == calendar.days_in_month(*year, *month));
    let begins = on(&|(_, _, day)| *day == 1);
    let months: Vec<i128> = dates
        .iter()
        .map(|(year, month, _)| i128::from(year * 12 + i64::from(*month)))
        .collect();
    if let ([step], true) = (unique(&months).as_slice(), ends || begins)
        && *step != 0
    {
        let month = dates[0].1;
        let step = *step as i64;
        return Ok(Some(match step {
            _ if step % 12 == 0 => of_months(12, month, ends, step / 12),
            // pandas names quarters that begin after the first such month of the year, others and xarray after the last.
            _ if step % 3 == 0 && real && !ends => {
                of_months(3, (month - 1) % 3 + 1, ends, step / 3)
            }
            _ if step % 3 == 0 => of_months(3, [12, 10, 11][month as usize % 3], ends, step / 3),
            _ => of_months(1, 1, ends, step),
        }));
    }
    let [step] = deltas.as_slice() else {
        return Ok(None);
    };
    Ok(Some(Frequency::of_nanoseconds(*step)))
}
