//! `--array NAME=VALUES`: one job for each value of a constant.

use crate::error::{Error, Result};

/// Jobs of an array. Slurm's own bound is a site's choice (`MaxArraySize`, 1001 by default); each value is planned.
const MOST: usize = 10_000;

/// A constant and its values, each a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Values {
    pub(super) name: String,
    pub(super) values: Vec<String>,
}

impl Values {
    /// From `year=2001..2020` (both ends belong to it; leading zeros stay) or `model=a,b,c`.
    pub(super) fn parse(text: &str, sets: &[(String, String)]) -> Result<Self> {
        let refused = |why: &str| {
            Error::invalid(format!(
                "--array {text}: {why}; write for example year=2001..2020, month=01..12 or model=a,b,c"
            ))
        };
        let (name, list) = text.split_once('=').ok_or_else(|| refused("no NAME="))?;
        if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || c == '_') {
            return Err(refused("the name is none of a constant"));
        }
        if sets.iter().any(|(set, _)| set == name) {
            return Err(refused("the constant has a --set, too"));
        }
        let values: Vec<String> = match list.split_once("..") {
            Some((first, last)) => {
                let number = |end: &str| -> Result<i64> {
                    end.parse()
                        .map_err(|_| refused("the ends of a range are integers"))
                };
                let (low, high) = (number(first)?, number(last)?);
                let count = high.checked_sub(low).and_then(|n| usize::try_from(n).ok());
                let count = count.ok_or_else(|| refused("the range is empty"))?;
                if count >= MOST {
                    return Err(refused(&format!("more than {MOST} values")));
                }
                let width = match first.starts_with('0') {
                    true => first.len(),
                    false => 0,
                };
                (low..=high).map(|n| format!("{n:0width$}")).collect()
            }
            None => list.split(',').map(str::to_owned).collect(),
        };
        if values.len() > MOST {
            return Err(refused(&format!("more than {MOST} values")));
        }
        for (at, value) in values.iter().enumerate() {
            if value.is_empty() {
                return Err(refused("a value is empty"));
            }
            if values[..at].contains(value) {
                return Err(refused(&format!("the value {value} is there twice")));
            }
        }
        Ok(Values {
            name: name.to_owned(),
            values,
        })
    }

    /// What stands for the value in other constants.
    pub(super) fn placeholder(&self) -> String {
        format!("{{{}}}", self.name)
    }

    /// The constants of the job of `value`.
    pub(super) fn sets_of(&self, value: &str, sets: &[(String, String)]) -> Vec<(String, String)> {
        let filled = |(name, text): &(String, String)| {
            (name.clone(), text.replace(&self.placeholder(), value))
        };
        let mut all: Vec<(String, String)> = sets.iter().map(filled).collect();
        all.push((self.name.clone(), value.to_owned()));
        all
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn ranges_have_both_ends_and_lists_their_order() {
        let values = |text: &str| Values::parse(text, &[]).unwrap().values;
        assert_eq!(values("year=1999..2001"), ["1999", "2000", "2001"]);
        assert_eq!(values("m=08..11"), ["08", "09", "10", "11"]);
        assert_eq!(values("k=-1..1"), ["-1", "0", "1"]);
        assert_eq!(values("model=b,a c"), ["b", "a c"]);
        let sets = [("year".to_owned(), "1".to_owned())];
        assert!(Values::parse("year=1,2", &sets).is_err());
        for text in [
            "year",
            "=1",
            "a b=1",
            "year=",
            "year=1,,2",
            "year=2..1",
            "year=1..x",
            "year=1,1",
            "year=0..10000",
            "year=-9223372036854775808..9223372036854775807",
        ] {
            let error = Values::parse(text, &[]).unwrap_err();
            assert!(error.message().contains("2001..2020"), "{text}: {error}");
        }
        let years = Values::parse("year=1..2", &[]).unwrap();
        let sets = [("input".to_owned(), "a_{year}_{year}{other}.nc".to_owned())];
        let filled = years.sets_of("2", &sets);
        assert_eq!(filled[0].1, "a_2_2{other}.nc");
        assert_eq!(filled[1], ("year".to_owned(), "2".to_owned()));
    }
}
