//! How long the job may run, and when it is told that the end is near.

use crate::error::{Error, Result};
use std::fmt;

/// Longest time that is believed: a year.
const LONGEST_S: u64 = 365 * 86_400;
/// Seconds before the limit at which a job is told, where it is long enough.
const NOTICE_S: u64 = 120;
/// The limit is so many times the estimate, and a start of ranks on many nodes more.
const ESTIMATES: f64 = 3.0;
const START_S: f64 = 120.0;
/// Slurm's own bound of `--signal`.
const LONGEST_NOTICE_S: u64 = 65_535;

/// A time limit, in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Walltime(pub(super) u64);

/// The time limit of a job, with the reason for it: what the user gave, else what is estimated (in seconds), with room for what an
/// estimate does not know.
pub(super) fn walltime(
    given: Option<Walltime>,
    estimate_s: Option<f64>,
) -> Result<(Walltime, String)> {
    match (given, estimate_s) {
        (Some(time), None) => Ok((time, "given by --time".to_owned())),
        (Some(time), Some(estimate)) => Ok((
            time,
            format!(
                "given by --time; estimated are {}",
                Walltime::above(estimate)
            ),
        )),
        (None, Some(estimate)) => {
            let minutes = ((ESTIMATES * estimate + START_S) / 60.0).ceil() * 60.0;
            Ok((
                Walltime::above(minutes),
                format!(
                    "{ESTIMATES} times the estimate of {}, and {START_S} s for the start",
                    Walltime::above(estimate)
                ),
            ))
        }
        (None, None) => Err(Error::invalid(
            "no --time: a job needs a time limit; write for example --time 01:00:00",
        )),
    }
}

/// Seconds before the limit at which the job is told.
pub(super) fn notice(time: Walltime, given: Option<u64>) -> Result<u64> {
    match given {
        None => Ok(NOTICE_S.min(time.0 / 4).max(1)),
        Some(seconds) if (1..time.0.min(LONGEST_NOTICE_S + 1)).contains(&seconds) => Ok(seconds),
        Some(seconds) => Err(Error::invalid(format!(
            "--signal-before {seconds}: allowed are 1 … {} s with --time {time}",
            (time.0 - 1).clamp(1, LONGEST_NOTICE_S)
        ))),
    }
}

impl Walltime {
    /// The whole seconds that hold `seconds`.
    fn above(seconds: f64) -> Self {
        Walltime((seconds.ceil() as u64).clamp(1, LONGEST_S))
    }

    /// From HH:MM:SS or D-HH:MM:SS.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let refused = || {
            Error::invalid(format!(
                "--time {text}: write HH:MM:SS or D-HH:MM:SS, minutes and seconds below 60, for example 01:30:00; allowed are 1 s … 365 days"
            ))
        };
        let number = |digits: &str, longest: usize| -> Result<u64> {
            let plain =
                (1..=longest).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
            match plain {
                true => digits.parse().map_err(|_| refused()),
                false => Err(refused()),
            }
        };
        let (days, clock) = match text.split_once('-') {
            Some((days, clock)) => (number(days, 3)?, clock),
            None => (0, text),
        };
        let parts: Vec<&str> = clock.split(':').collect();
        let [hours, minutes, seconds] = parts[..] else {
            return Err(refused());
        };
        let (hours, minutes, seconds) =
            (number(hours, 4)?, number(minutes, 2)?, number(seconds, 2)?);
        let in_a_day = !text.contains('-') || hours < 24;
        let total = days * 86_400 + hours * 3600 + minutes * 60 + seconds;
        match minutes < 60 && seconds < 60 && in_a_day && (1..=LONGEST_S).contains(&total) {
            true => Ok(Walltime(total)),
            false => Err(refused()),
        }
    }
}

impl fmt::Display for Walltime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, rest) = (self.0 / 86_400, self.0 % 86_400);
        if days > 0 {
            write!(f, "{days}-")?;
        }
        write!(
            f,
            "{:02}:{:02}:{:02}",
            rest / 3600,
            rest / 60 % 60,
            rest % 60
        )
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn times_are_those_of_slurm_in_full() {
        for (text, seconds, shown) in [
            ("00:00:01", 1, "00:00:01"),
            ("01:30:00", 5400, "01:30:00"),
            ("48:00:00", 172_800, "2-00:00:00"),
            ("2-03:04:05", 183_845, "2-03:04:05"),
            ("365-00:00:00", LONGEST_S, "365-00:00:00"),
        ] {
            let time = Walltime::parse(text).unwrap();
            assert_eq!((time.0, time.to_string().as_str()), (seconds, shown));
        }
        for text in [
            "",
            "60",
            "1:30",
            "00:00:00",
            "00:60:00",
            "00:00:60",
            "1-24:00:00",
            "-1:00:00",
            "+1:00:00",
            "1:2:3:4",
            "1h",
            "365-00:00:01",
            "00:00:0x",
            "1- 1:00:00",
            "99999:00:00",
        ] {
            let error = Walltime::parse(text).unwrap_err();
            assert!(error.message().contains("HH:MM:SS"), "{text}: {error}");
        }
    }

    #[test]
    fn what_is_given_comes_before_an_estimate() {
        let (time, why) = walltime(Some(Walltime(90)), Some(7.5)).unwrap();
        assert_eq!(time, Walltime(90));
        assert!(why.contains("00:00:08"), "{why}");
        let (time, why) = walltime(None, Some(3600.0)).unwrap();
        assert_eq!(time.to_string(), "03:02:00");
        assert!(why.contains("3 times the estimate of 01:00:00"), "{why}");
        assert_eq!(walltime(None, Some(1.0)).unwrap().0, Walltime(180));
        assert_eq!(
            walltime(None, Some(f64::INFINITY)).unwrap().0,
            Walltime(LONGEST_S)
        );
        let error = walltime(None, None).unwrap_err();
        assert!(error.message().contains("--time"), "{error}");
    }

    #[test]
    fn notice_comes_before_the_end() {
        let hour = Walltime(3600);
        assert_eq!(notice(hour, None).unwrap(), 120);
        assert_eq!(notice(Walltime(60), None).unwrap(), 15);
        assert_eq!(notice(Walltime(1), None).unwrap(), 1);
        assert_eq!(notice(hour, Some(3599)).unwrap(), 3599);
        for seconds in [0, 3600, 70_000] {
            let error = notice(hour, Some(seconds)).unwrap_err();
            assert!(error.message().contains("1 … 3599"), "{error}");
        }
        assert!(notice(Walltime(200_000), Some(70_000)).is_err());
    }
}
