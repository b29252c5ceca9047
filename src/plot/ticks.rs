//! Places and texts of the marks of an axis: round numbers, and round dates of any CF calendar.

use crate::labelled::cf::{Calendar, DateTime};

/// A mark: its value and its text.
pub(super) type Tick = (f64, String);

/// The smallest of 1, 2, 5 times a power of ten that makes at most `most` steps of `range`.
fn round_step(range: f64, most: usize) -> f64 {
    let raw = range / most.max(1) as f64;
    let magnitude = 10f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0]
        .into_iter()
        .find(|s| s * magnitude >= raw * 0.9999);
    step.unwrap_or(10.0) * magnitude
}

/// A number as the marks of an axis with these steps show it.
pub(super) fn number(value: f64, step: f64, largest: f64) -> String {
    let decimals = (-step.log10().floor()).max(0.0);
    if !(1e-3..1e8).contains(&largest) {
        let digits = (largest.log10().floor() - step.log10().floor()).clamp(0.0, 15.0) as usize;
        // No -0.
        return match value == 0.0 {
            true => "0".to_owned(),
            false => format!("{value:.digits$e}"),
        };
    }
    let decimals = decimals.min(15.0) as usize;
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(rest) if rest.chars().all(|c| c == '0' || c == '.') => rest.to_owned(),
        _ => text,
    }
}

/// Round numbers between two limits, at most about `most`.
pub(super) fn numbers(low: f64, high: f64, most: usize) -> Vec<Tick> {
    let range = high - low;
    if !(range > 0.0 && range.is_finite()) {
        return vec![(low, number(low, low.abs().max(1.0), low.abs()))];
    }
    let step = round_step(range, most);
    let largest = low.abs().max(high.abs());
    let (first, last) = (
        (low / step - 1e-9).ceil() as i64,
        (high / step + 1e-9).floor() as i64,
    );
    (first..=last)
        .map(|i| (i as f64 * step, number(i as f64 * step, step, largest)))
        .collect()
}

const SECOND: i128 = 1_000_000_000;
const DAY: f64 = 86_400.0;
/// Steps inside a day, in seconds.
const IN_DAY: [i64; 15] = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 10_800, 21_600,
];
const DAYS: [u32; 4] = [1, 2, 5, 10];
const MONTHS: [u32; 4] = [1, 2, 3, 6];

fn seconds(time: DateTime, calendar: Calendar) -> f64 {
    (time.nanoseconds(calendar) / SECOND) as f64
}

pub(super) fn civil(at: f64, calendar: Calendar) -> DateTime {
    DateTime::from_nanoseconds(calendar, at.floor() as i128 * SECOND)
}

/// Round times between two limits in seconds since 1970-01-01, at most about `most`.
pub(super) fn times(low: f64, high: f64, calendar: Calendar, most: usize) -> Vec<Tick> {
    let range = high - low;
    let most = most.max(2) as f64;
    let inside = |ticks: Vec<Tick>| -> Vec<Tick> {
        let within = |tick: &Tick| (low..=high).contains(&tick.0);
        ticks.into_iter().filter(within).collect()
    };
    if let Some(step) = IN_DAY.into_iter().find(|s| range / *s as f64 <= most) {
        let first = (low / step as f64).ceil() as i64;
        let last = (high / step as f64).floor() as i64;
        let text = |at: f64| {
            let t = civil(at, calendar);
            match (t.hour, t.minute, t.second, step < 60) {
                (0, 0, 0, _) => format!("{:02}-{:02}", t.month, t.day),
                (.., true) => format!("{:02}:{:02}:{:02}", t.hour, t.minute, t.second),
                _ => format!("{:02}:{:02}", t.hour, t.minute),
            }
        };
        let ticks = (first..=last).map(|i| (i * step) as f64);
        return ticks.map(|at| (at, text(at))).collect();
    }
    let (from, to) = (civil(low, calendar), civil(high, calendar));
    let months =
        (from.year * 12 + i64::from(from.month) - 1)..=(to.year * 12 + i64::from(to.month));
    let month = |number: i64| (number.div_euclid(12), number.rem_euclid(12) as u32 + 1);
    if let Some(step) = DAYS
        .into_iter()
        .find(|s| range / DAY / f64::from(*s) <= most)
    {
        let mut ticks = Vec::new();
        for (year, month) in months.map(month) {
            let days = calendar.days_in_month(year, month);
            // The first of the next month is near the last of these.
            let last = if step == 1 {
                days
            } else {
                days.saturating_sub(step / 2)
            };
            for day in (1..=last).step_by(step as usize) {
                let at = seconds(DateTime::date(year, month, day), calendar);
                ticks.push((at, format!("{year:04}-{month:02}-{day:02}")));
            }
        }
        return inside(ticks);
    }
    if let Some(step) = MONTHS
        .into_iter()
        .find(|s| range / DAY / 30.4 / f64::from(*s) <= most)
    {
        let begins = |number: &i64| number.rem_euclid(i64::from(step)) == 0;
        let ticks = months.filter(begins).map(month).map(|(year, month)| {
            let at = seconds(DateTime::date(year, month, 1), calendar);
            (at, format!("{year:04}-{month:02}"))
        });
        return inside(ticks.collect());
    }
    let step = round_step((to.year - from.year).max(1) as f64, most as usize).max(1.0) as i64;
    let first = from.year.div_euclid(step);
    let ticks = (first..=to.year.div_euclid(step) + 1).map(|i| {
        let at = seconds(DateTime::date(i * step, 1, 1), calendar);
        (at, format!("{:04}", i * step))
    });
    inside(ticks.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(ticks: &[Tick]) -> Vec<&str> {
        ticks.iter().map(|(_, text)| text.as_str()).collect()
    }

    #[test]
    fn numbers_are_round() {
        assert_eq!(
            texts(&numbers(-1.0, 1.0, 5)),
            ["-1.0", "-0.5", "0.0", "0.5", "1.0"]
        );
        assert_eq!(texts(&numbers(0.3, 9.7, 5)), ["2", "4", "6", "8"]);
        assert_eq!(texts(&numbers(0.0, 3e-6, 3)), ["0", "1e-6", "2e-6", "3e-6"]);
        assert_eq!(texts(&numbers(5_320_000.0, 5_332_000.0, 3)).len(), 3);
        assert_eq!(texts(&numbers(2.0, 2.0, 5)), ["2"]);
    }

    #[test]
    fn times_are_round_in_their_calendar() {
        let noleap = Calendar::NoLeap;
        let at = |year, month, day| seconds(DateTime::date(year, month, day), noleap);
        let ticks = times(at(2000, 1, 1), at(2000, 6, 1), noleap, 6);
        assert_eq!(texts(&ticks)[..3], ["2000-01", "2000-02", "2000-03"]);
        // No 29th of February.
        assert_eq!(ticks[2].0 - ticks[1].0, 28.0 * DAY);
        let ticks = times(at(1850, 1, 1), at(2100, 1, 1), noleap, 6);
        assert_eq!(
            texts(&ticks),
            ["1850", "1900", "1950", "2000", "2050", "2100"]
        );
        let ticks = times(at(2000, 1, 1), at(2000, 1, 2), noleap, 5);
        assert_eq!(texts(&ticks), ["01-01", "06:00", "12:00", "18:00", "01-02"]);
        let ticks = times(at(2000, 1, 28), at(2000, 2, 8), noleap, 6);
        assert_eq!(texts(&ticks)[0], "2000-01-29");
    }
}
