//! `convert_calendar` and `interp_calendar` of labelled arrays, after xarray: selections and lines between two selections along
//! the times.

use super::cf::{Calendar, Converted, TimeIndex, convert_calendar};
use super::coord::{Coord, Values};
use super::data_array::DataArray;
use super::dataset::{Dataset, each};
use super::dataset_reduce::without;
use super::positions::{Knots, filled, float_of, interpolated, picked};
use crate::block::Block;
use crate::dtype::Scalar;
use crate::error::{Error, Result};
use crate::geom::Region;
use std::sync::Arc;

/// The times along `dim`.
fn times_along(operation: &str, coords: &[Coord], dim: &str) -> Result<TimeIndex> {
    let coord = coords.iter().find(|c| c.name == dim && c.is_index());
    coord.and_then(Coord::time_index).ok_or_else(|| {
        Error::invalid(format!(
            "{operation}: dimension {dim:?} is not labelled by times{}",
            coord.map_or(String::new(), |c| format!(", but by {}", c.dtype_name()))
        ))
    })
}

/// The part of a coordinate at positions along one of its dimensions.
fn taken(coord: &Coord, axis: usize, positions: &[usize]) -> Result<Coord> {
    let gather = |block: &Block| -> Result<Block> {
        let mut shape = block.shape().to_vec();
        shape[axis] = positions.len();
        let mut result = Block::zeros(block.dtype(), &shape);
        let mut placed = 0;
        // Neighbours go together.
        for run in positions.chunk_by(|a, b| a + 1 == *b) {
            let mut start = vec![0; shape.len()];
            let mut lengths = shape.clone();
            lengths[axis] = run.len();
            start[axis] = run[0];
            let from = Region::new(start.clone(), lengths.clone());
            start[axis] = placed;
            result.paste(&Region::new(start, lengths), &block.part(&from))?;
            placed += run.len();
        }
        Ok(result)
    };
    let values = match &coord.values {
        Values::Block(block) => Values::Block(Arc::new(gather(block)?)),
        Values::CfTimes(block, time) => Values::CfTimes(Arc::new(gather(block)?), *time),
        Values::Texts(texts, shape) => {
            let places: Vec<u64> = (0..texts.len() as u64).collect();
            let places = gather(&Block::from_vec(shape, places)?)?;
            let text = |at: &u64| texts[*at as usize].clone();
            let all = places.as_slice::<u64>().unwrap_or_default();
            Values::Texts(
                Arc::new(all.iter().map(text).collect()),
                places.shape().to_vec(),
            )
        }
    };
    Ok(Coord {
        values,
        ..coord.clone()
    })
}

/// The coordinates with other times along `dim`: those along it follow where every time was there, else they go.
fn converted_coords(coords: &[Coord], dim: &str, made: &Converted) -> Result<Vec<Coord>> {
    let positions: Option<Vec<usize>> = made.positions.iter().copied().collect();
    let mut result = Vec::new();
    for coord in coords {
        let axis = coord.dims.iter().position(|d| d == dim);
        match (axis, &positions) {
            (None, _) => result.push(coord.clone()),
            (Some(_), _) if coord.name == dim => result.push(Coord {
                attrs: coord.attrs.clone(),
                ..Coord::of_times(dim, &made.times)?
            }),
            (Some(axis), Some(positions)) => result.push(taken(coord, axis, positions)?),
            (Some(_), None) => {}
        }
    }
    Ok(result)
}

impl DataArray {
    /// The array with its times along `dim` in another calendar: the same dates, those that the calendar lacks dropped; beside
    /// `360_day` `align_on` says whether the `"date"` or the part of the `"year"` stays. With `missing`, dates that the frequency
    /// of the times asks for come in with that value. xarray's `convert_calendar`.
    #[must_use]
    #[track_caller]
    pub fn convert_calendar(
        &self,
        calendar: &str,
        dim: &str,
        align_on: Option<&str>,
        missing: Option<Scalar>,
    ) -> Self {
        let made = || -> Result<Self> {
            self.check()?;
            let axis = self.axis("convert_calendar", dim)?;
            let times = times_along("convert_calendar", &self.coords, dim)?;
            let to = Calendar::parse(calendar).map_err(|e| e.context("convert_calendar"))?;
            let Some(made) = convert_calendar(&times, to, align_on, missing.is_some())? else {
                return Ok(self.clone());
            };
            let array = match missing {
                Some(value) if made.positions.contains(&None) => {
                    filled(&self.array, axis, &made.positions, value)
                }
                _ => picked(&self.array, axis, &made.positions),
            };
            let mut result = self.with_array(array);
            result.coords = converted_coords(&self.coords, dim, &made)?;
            Ok(result)
        };
        made().unwrap_or_else(|error| self.clone().fail(error))
    }

    /// The array at other times along `dim`, of any calendar, by their part of the year: on the lines between its elements, missing
    /// outside. xarray's `interp_calendar`.
    #[must_use]
    #[track_caller]
    pub fn interp_calendar(&self, target: &TimeIndex, dim: &str) -> Self {
        const NAME: &str = "interp_calendar";
        let made = || -> Result<Self> {
            self.check()?;
            let axis = self.axis(NAME, dim)?;
            let times = times_along(NAME, &self.coords, dim)?;
            times.all_instants(NAME)?;
            let from = times.decimal_years();
            if from.is_empty() || !from.is_sorted_by(|a, b| a < b) {
                return Err(Error::invalid(format!(
                    "{NAME}: the {} times along {dim:?} are not increasing, or there are none",
                    from.len()
                )));
            }
            let floats = float_of(NAME, self)?;
            let array = interpolated(
                &floats.array,
                axis,
                &from,
                &target.decimal_years(),
                Knots::Keep,
            );
            let mut result = self.with_array(array);
            result.coords = self.coords_without(&[dim]);
            result.coords.push(Coord::of_times(dim, target)?);
            Ok(result)
        };
        made().unwrap_or_else(|error| self.clone().fail(error))
    }
}

impl Dataset {
    /// Every variable with the dimension as [`DataArray::convert_calendar`] makes it.
    #[must_use]
    #[track_caller]
    pub fn convert_calendar(
        &self,
        calendar: &str,
        dim: &str,
        align_on: Option<&str>,
        missing: Option<Scalar>,
    ) -> Dataset {
        self.with_times("convert_calendar", dim, |v| {
            v.convert_calendar(calendar, dim, align_on, missing)
        })
    }

    /// Every variable with the dimension as [`DataArray::interp_calendar`] makes it.
    #[must_use]
    #[track_caller]
    pub fn interp_calendar(&self, target: &TimeIndex, dim: &str) -> Dataset {
        self.with_times("interp_calendar", dim, |v| v.interp_calendar(target, dim))
    }

    #[track_caller]
    fn with_times(
        &self,
        operation: &str,
        dim: &str,
        change: impl Fn(&DataArray) -> DataArray,
    ) -> Dataset {
        if let Err(error) = self.check_dims(operation, &[dim]) {
            return self.fail(error);
        }
        let variables = each!(self, v => match v.has(dim) {
            true => change(v),
            false => v.clone(),
        });
        let kept = without(&self.coords, &[dim]);
        self.of(operation, variables, &[(&self.origin, &kept)])
    }
}
