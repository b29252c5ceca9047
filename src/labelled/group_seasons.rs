//! Seasons of any months, after xarray's `SeasonGrouper` (one group per season) and `SeasonResampler` (one per season and year, where
//! a season that crosses the year belongs to the year in which it begins, and incomplete ones at the ends can be left out).

use super::cf::{CfTime, DateTime, TimeIndex};
use super::coord::{Coord, Values};
use super::grouping::{Key, NO_GROUP};
use crate::dtype::NAT;
use crate::error::{Error, Result};
use std::sync::Arc;

const MONTHS: &[u8] = b"JFMAMJJASONDJFMAMJJASOND";

/// Seasons by the initials of their months, as in `"JJAS"`.
#[derive(Clone, Debug)]
pub struct Seasons {
    names: Vec<String>,
    /// Of each year on its own; whether seasons that the times do not cover are left out.
    yearly: Option<bool>,
}

/// First month, from 0, and number of months.
fn months(name: &str) -> Result<(usize, usize)> {
    let wanted = name.as_bytes();
    let found = (0..12).find(|at| !wanted.is_empty() && MONTHS[*at..].starts_with(wanted));
    match found {
        Some(first) if wanted.len() <= 12 => Ok((first, wanted.len())),
        _ => Err(Error::invalid(format!(
            "groupby: {name:?} is no season; write the initials of months that follow one another, for example \"DJF\" or \"JJAS\""
        ))),
    }
}

impl Seasons {
    /// One group per season over all years: xarray's `SeasonGrouper`.
    pub fn grouper(names: &[&str]) -> Self {
        Seasons {
            names: names.iter().map(|n| (*n).to_owned()).collect(),
            yearly: None,
        }
    }

    /// One group per season and year, without those at the ends that the times do not cover: xarray's `SeasonResampler`.
    pub fn resampler(names: &[&str]) -> Self {
        Seasons {
            yearly: Some(true),
            ..Seasons::grouper(names)
        }
    }

    /// Whether seasons at the ends that the times do not cover are left out.
    #[must_use]
    pub fn drop_incomplete(mut self, drop: bool) -> Self {
        self.yearly = self.yearly.map(|_| drop);
        self
    }

    /// The groups of a coordinate of times.
    pub(super) fn key(&self, coord: &Coord) -> Result<Key> {
        let (counts, time) = coord.times().ok_or_else(|| {
            Error::invalid(format!(
                "groupby: {:?} is {}, not times; they have no seasons",
                coord.name,
                coord.dtype_name()
            ))
        })?;
        let seasons: Vec<(usize, usize)> = self
            .names
            .iter()
            .map(|n| months(n))
            .collect::<Result<_>>()?;
        // Seasons that share no month, layer by layer.
        let mut layers: Vec<[Option<usize>; 12]> = vec![[None; 12]];
        for (number, (first, len)) in seasons.iter().enumerate() {
            let months = || (*first..first + len).map(|month| month % 12);
            let free = |layer: &[Option<usize>; 12]| months().all(|m| layer[m].is_none());
            let at = layers.iter().position(free).unwrap_or_else(|| {
                layers.push([None; 12]);
                layers.len() - 1
            });
            months().for_each(|month| layers[at][month] = Some(number));
        }
        let season_of = layers[0];
        if layers.len() > 1 && self.yearly.is_some() {
            return Err(Error::invalid(format!(
                "groupby: the seasons {} overlap; those of a SeasonResampler share no month",
                self.names.join(", ")
            )));
        }
        // The season of each time, and the year in which it began.
        let place = |count: &i64| {
            let at = (*count != NAT).then(|| time.civil(*count))?;
            let month = at.month as usize - 1;
            let season = season_of[month]?;
            let before = seasons[season].0 > month;
            Some((season, at.year - i64::from(before), month))
        };
        let places: Vec<Option<(usize, i64, usize)>> = counts.iter().map(place).collect();
        let layer = |season_of: &[Option<usize>; 12]| -> Vec<u32> {
            let month =
                |count: &i64| (*count != NAT).then(|| time.civil(*count).month as usize - 1);
            let code = |count| month(count).and_then(|m| season_of[m]);
            let codes = counts.iter().map(code);
            codes
                .map(|code| code.map_or(NO_GROUP, |c| c as u32))
                .collect()
        };
        let more: Vec<Vec<u32>> = layers[1..].iter().map(layer).collect();
        let nowhere = |codes: &Vec<u32>| codes.iter().all(|code| *code == NO_GROUP);
        if places.iter().all(Option::is_none) && more.iter().all(nowhere) {
            return Err(Error::invalid(format!(
                "groupby: no time of {:?} is in a season of {}",
                coord.name,
                self.names.join(", ")
            )));
        }
        let lengths = coord.shape().iter().copied();
        let dims = coord.dims.iter().cloned().zip(lengths).collect();
        let Some(drop) = self.yearly else {
            let code = |p: &Option<(usize, i64, usize)>| p.map_or(NO_GROUP, |p| p.0 as u32);
            return Ok(Key {
                more,
                dims,
                codes: places.iter().map(code).collect(),
                groups: Coord {
                    name: "season".to_owned(),
                    dims: vec!["season".to_owned()],
                    values: Values::Texts(Arc::new(self.names.clone()), vec![self.names.len()]),
                    attrs: coord.attrs.clone(),
                    time: None,
                },
            });
        };
        self.by_year(coord, time, &seasons, &places, drop)
            .map(|(codes, groups)| Key {
                dims,
                codes,
                groups,
                more,
            })
    }

    /// The seasons of all years between the first and the last, labelled by their first days.
    fn by_year(
        &self,
        coord: &Coord,
        time: CfTime,
        seasons: &[(usize, usize)],
        places: &[Option<(usize, i64, usize)>],
        drop: bool,
    ) -> Result<(Vec<u32>, Coord)> {
        let key = |season: usize, year: i64| year * 12 + seasons[season].0 as i64;
        let known = || places.iter().flatten();
        let begin = known().min_by_key(|p| (key(p.0, p.1), (p.2 + 12 - seasons[p.0].0) % 12));
        let end = known().max_by_key(|p| (key(p.0, p.1), (p.2 + 12 - seasons[p.0].0) % 12));
        let (Some(begin), Some(end)) = (begin, end) else {
            return Err(Error::internal("groupby: seasons without times"));
        };
        let (mut low, mut high) = (key(begin.0, begin.1), key(end.0, end.1));
        if drop && begin.2 != seasons[begin.0].0 {
            low += 1;
        }
        let (first, len) = seasons[end.0];
        if drop && end.2 != (first + len - 1) % 12 {
            high -= 1;
        }
        let mut starts: Vec<i64> = (begin.1..=end.1)
            .flat_map(|year| (0..seasons.len()).map(move |season| (season, year)))
            .map(|(season, year)| key(season, year))
            .filter(|start| (low..=high).contains(start))
            .collect();
        starts.sort_unstable();
        if starts.is_empty() {
            return Err(Error::invalid(format!(
                "groupby: the times of {:?} cover no season of {} whole; keep incomplete ones with drop_incomplete: false",
                coord.name,
                self.names.join(", ")
            )));
        }
        let code = |p: &Option<(usize, i64, usize)>| {
            let found = p.and_then(|p| starts.binary_search(&key(p.0, p.1)).ok());
            found.map_or(NO_GROUP, |at| at as u32)
        };
        let codes = places.iter().map(code).collect();
        let label = |start: &i64| {
            let (year, month) = (start.div_euclid(12), start.rem_euclid(12) as u32 + 1);
            time.count(DateTime::date(year, month, 1)).ok_or_else(|| {
                Error::invalid(format!(
                    "groupby: {year}-{month:02}-01 does not fit the times of {:?}",
                    coord.name
                ))
            })
        };
        let counts = starts.iter().map(label).collect::<Result<Vec<i64>>>()?;
        let mut groups = Coord::of_times(&coord.name, &TimeIndex::new(counts, time))?;
        groups.attrs = coord.attrs.clone();
        Ok((codes, groups))
    }
}
