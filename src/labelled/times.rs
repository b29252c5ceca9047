//! `Times`: labelled times of any calendar in memory, and xarray's `.dt` on them.

use super::cf::{Component, Frequency, Rounding, SEASONS, TimeIndex, infer_freq, timedelta};
use super::coord::{Coord, Values};
use super::data_array::DataArray;
use super::dataset::Dataset;
use crate::array::Array;
use crate::block::Block;
use crate::driver::{Driver, Session};
use crate::dtype::{DType, NAT};
use crate::error::{Error, Result, nearest_names};
use crate::op::BinaryOp;
use std::cmp::Ordering;
use std::sync::Arc;

/// Most times that are brought into memory to look at them.
const MOST: usize = 1 << 24;

/// Times with a name, dimensions and the coordinates along them, in the memory of rank 0.
#[derive(Clone)]
pub struct Times {
    session: Arc<Session>,
    coord: Coord,
    /// Coordinates along the same dimensions.
    beside: Vec<Coord>,
    index: TimeIndex,
}

impl DataArray {
    /// The times of this array: of a coordinate that it is (`ds.get("time")`), else computed. xarray's `.dt`.
    ///
    /// # Errors
    /// Invalid input for an array that holds no times, or too many to bring into memory.
    ///
    /// # Collective
    /// An array that is no coordinate is computed.
    pub fn dt(&self) -> Result<Times> {
        self.check()?;
        let name = self.name.as_deref().unwrap_or("time");
        let own = self
            .coords
            .iter()
            .find(|c| c.name == name && c.dims == self.dims);
        if let Some(coord) = own.filter(|c| c.times().is_some()) {
            return Times::of_coord(self.array.session(), coord, &self.coords);
        }
        let shape = self.shape();
        let DType::Datetime(_) = self.dtype() else {
            return Err(Error::invalid(format!(
                "dt: {name:?} is an array of {}, not of times",
                self.dtype()
            )));
        };
        let elements: usize = shape.iter().product();
        if elements > MOST {
            return Err(Error::unsupported(format!(
                "dt: {elements} times; at most {MOST} are looked at in memory: select some first"
            )));
        }
        let coord = Coord {
            dims: self.dims.clone(),
            values: Values::Block(Arc::new(self.array.compute_block()?)),
            attrs: self.attrs.clone(),
            ..Coord::index(name, Block::zeros(DType::I64, &[0]))
        };
        Times::of_coord(self.array.session(), &coord, &self.coords)
    }
}

impl Dataset {
    /// The times of the coordinate or variable `name`, in any calendar.
    ///
    /// # Errors
    /// As [`DataArray::dt`]; invalid input for an unknown name.
    pub fn dt(&self, name: &str) -> Result<Times> {
        self.check()?;
        match self.coords.iter().find(|c| c.name == name) {
            Some(coord) => Times::of_coord(&self.session, coord, &self.coords),
            None => self.get(name)?.dt(),
        }
    }
}

impl Dataset {
    /// As [`model_times`].
    pub(crate) fn model_times(&self, name: &str) -> Option<Result<Times>> {
        let coord = self.coords.iter().find(|c| c.name == name)?;
        matches!(coord.values, Values::CfTimes(..))
            .then(|| Times::of_coord(&self.session, coord, &self.coords))
    }
}

impl Times {
    /// Times along a dimension of their own: what `date_range` made, as a coordinate.
    ///
    /// # Errors
    /// Internal only.
    pub fn new(driver: &Driver, name: &str, index: TimeIndex) -> Result<Self> {
        let coord = Coord::of_times(name, &index)?;
        Ok(Times {
            session: driver.session().clone(),
            beside: vec![coord.clone()],
            coord,
            index,
        })
    }

    fn of_coord(session: &Arc<Session>, coord: &Coord, coords: &[Coord]) -> Result<Self> {
        let index = coord.time_index().ok_or_else(|| {
            Error::invalid(format!(
                "dt: the coordinate {:?} is {}, not times",
                coord.name,
                coord.dtype_name()
            ))
        })?;
        let along = |c: &&Coord| c.dims.iter().all(|d| coord.dims.contains(d));
        Ok(Times {
            session: session.clone(),
            coord: coord.clone(),
            beside: coords.iter().filter(along).cloned().collect(),
            index,
        })
    }

    /// The times.
    pub fn index(&self) -> &TimeIndex {
        &self.index
    }

    /// The times as a coordinate.
    pub fn coord(&self) -> &Coord {
        &self.coord
    }

    /// An array with the labels of the times.
    fn array(&self, name: &str, block: Block) -> Result<DataArray> {
        let block = block.with_shape(self.coord.shape())?;
        let array = Driver::of(&self.session).from_block(block);
        let dims: Vec<&str> = self.coord.dims.iter().map(String::as_str).collect();
        Ok(DataArray::new(array, &dims, self.beside.clone()).rename(name))
    }

    /// The times themselves as an array of datetime64.
    ///
    /// # Errors
    /// Unsupported for calendars that datetime64 does not know.
    pub fn data(&self) -> Result<DataArray> {
        let Some(unit) = self.index.datetime_unit() else {
            return Err(Error::unsupported(format!(
                "{:?} holds times of the {} calendar, which are not computed with as arrays; use dt, or convert_calendar",
                self.coord.name,
                self.index.calendar()
            )));
        };
        let counts = self.index.counts().to_vec();
        let block = Block::from_vec(&[counts.len()], counts)?.with_dtype(DType::Datetime(unit))?;
        self.array(&self.coord.name, block)
    }

    /// A component by xarray's name: `year`, `month`, `dayofyear`, `days_in_month`, `week`, `is_month_end`, `decimal_year` … as
    /// int64, bool or float64; with a missing time the integers are float64.
    ///
    /// # Errors
    /// Invalid input for an unknown name, or for `season`, which is text: see [`Times::season`].
    pub fn component(&self, name: &str) -> Result<DataArray> {
        let len = self.index.len();
        if name == "decimal_year" {
            return self.array(name, Block::from_vec(&[len], self.index.decimal_years())?);
        }
        let component = Component::parse(name)?;
        if component == Component::Season {
            return Err(Error::unsupported(
                "season: seasons are texts, not computed with as arrays; group by \"time.season\"",
            ));
        }
        let values = component.of(self.index.counts(), self.index.time());
        let block = match (component.is_bool(), values.contains(&NAT)) {
            (true, _) => Block::from_vec(&[len], values.iter().map(|v| *v == 1).collect())?,
            (false, false) => Block::from_vec(&[len], values)?,
            (false, true) => {
                let float = |v: &i64| if *v == NAT { f64::NAN } else { *v as f64 };
                Block::from_vec(&[len], values.iter().map(float).collect())?
            }
        };
        self.array(name, block)
    }

    /// The names that [`Times::component`] knows.
    pub fn components() -> impl Iterator<Item = &'static str> {
        Component::names()
            .filter(|name| *name != "season")
            .chain(["decimal_year"])
    }

    /// The season of each time: `DJF`, `MAM`, `JJA` or `SON`; `nan` where missing, as in xarray.
    pub fn season(&self) -> Vec<&'static str> {
        let codes = Component::Season.of(self.index.counts(), self.index.time());
        let name = |code: &i64| SEASONS.get(*code as usize).copied().unwrap_or("nan");
        codes.iter().map(name).collect()
    }

    /// The times as texts by a format such as `%Y-%m-%d`.
    ///
    /// # Errors
    /// Invalid input for an unknown directive.
    pub fn strftime(&self, format: &str) -> Result<Vec<String>> {
        self.index.strftime(format)
    }

    fn with_index(&self, index: TimeIndex) -> Result<Self> {
        let values = Coord::of_times(&self.coord.name, &index)?.values;
        let values = match values {
            Values::Block(block) => Values::Block(Arc::new(
                Block::clone(&block).with_shape(self.coord.shape())?,
            )),
            Values::CfTimes(block, time) => Values::CfTimes(
                Arc::new(Block::clone(&block).with_shape(self.coord.shape())?),
                time,
            ),
            texts => texts,
        };
        let coord = Coord {
            values,
            time: None,
            ..self.coord.clone()
        };
        Ok(Times {
            coord,
            index,
            ..self.clone()
        })
    }

    fn rounded(&self, rounding: Rounding, freq: &str) -> Result<Self> {
        self.with_index(self.index.rounded(rounding, &Frequency::parse(freq)?)?)
    }

    /// The times rounded down to multiples of a fixed frequency: `"D"`, `"6h"`.
    ///
    /// # Errors
    /// Invalid input for a frequency without a fixed length.
    pub fn floor(&self, freq: &str) -> Result<Self> {
        self.rounded(Rounding::Floor, freq)
    }

    /// The times rounded up.
    ///
    /// # Errors
    /// As [`Times::floor`].
    pub fn ceil(&self, freq: &str) -> Result<Self> {
        self.rounded(Rounding::Ceil, freq)
    }

    /// The times rounded to the nearest multiple, half-way to the even one.
    ///
    /// # Errors
    /// As [`Times::floor`].
    pub fn round(&self, freq: &str) -> Result<Self> {
        self.rounded(Rounding::Round, freq)
    }

    /// The times `steps` lengths or frequencies later: `times.plus("6h", 1)`, `times.plus("MS", -2)`.
    ///
    /// # Errors
    /// Invalid input for an unknown frequency, or times that fit no unit.
    pub fn plus(&self, freq: &str, steps: i64) -> Result<Self> {
        let freq = Frequency::parse(freq)?;
        self.with_index(self.index.shift(steps, &freq)?)
    }

    /// The differences to other times, one by one or to a single one, as timedelta64.
    ///
    /// # Errors
    /// Invalid input for another calendar or length.
    pub fn minus(&self, other: &TimeIndex) -> Result<DataArray> {
        let (counts, unit) = self.index.minus(other)?;
        let block = Block::from_vec(&[counts.len()], counts)?.with_dtype(DType::Timedelta(unit))?;
        self.array(&self.coord.name, block)
    }

    /// The differences of other times, or a single one, to these.
    ///
    /// # Errors
    /// As [`Times::minus`].
    pub fn distance_to(&self, other: &TimeIndex) -> Result<DataArray> {
        let (counts, unit) = self.index.minus(other)?;
        let turned = counts.into_iter().map(|c| if c == NAT { NAT } else { -c });
        let counts: Vec<i64> = turned.collect();
        let block = Block::from_vec(&[counts.len()], counts)?.with_dtype(DType::Timedelta(unit))?;
        self.array(&self.coord.name, block)
    }

    /// How the times compare with others, one by one or with a single one; nothing is said of missing ones but that they differ.
    ///
    /// # Errors
    /// Invalid input for another calendar or length, or an operation that is no comparison.
    pub fn compare(&self, op: BinaryOp, other: &TimeIndex) -> Result<DataArray> {
        let holds = |order: Option<Ordering>| match op {
            BinaryOp::Equal => Ok(order.is_some_and(Ordering::is_eq)),
            BinaryOp::NotEqual => Ok(order.is_none_or(Ordering::is_ne)),
            BinaryOp::Less => Ok(order.is_some_and(Ordering::is_lt)),
            BinaryOp::LessEqual => Ok(order.is_some_and(Ordering::is_le)),
            BinaryOp::Greater => Ok(order.is_some_and(Ordering::is_gt)),
            BinaryOp::GreaterEqual => Ok(order.is_some_and(Ordering::is_ge)),
            _ => Err(Error::invalid(format!(
                "{}: not of times; they are compared, subtracted, and moved by lengths of time",
                op.name()
            ))),
        };
        let orders = self.index.compare(other)?;
        let marks = orders
            .into_iter()
            .map(holds)
            .collect::<Result<Vec<bool>>>()?;
        self.array(&self.coord.name, Block::from_vec(&[marks.len()], marks)?)
    }

    /// The frequency of the times; `None` when they have none.
    ///
    /// # Errors
    /// Invalid input for fewer than three times, or missing ones.
    pub fn infer_freq(&self) -> Result<Option<String>> {
        Ok(infer_freq(&self.index)?.map(|freq| freq.to_string()))
    }

    /// A length of time in nanoseconds: `"6h"`, `"-1D"`.
    ///
    /// # Errors
    /// Invalid input for another text.
    pub fn length(text: &str) -> Result<i128> {
        timedelta(text)
    }
}

/// A coordinate of times that datetime64 cannot hold, under the name that is asked for.
pub(crate) fn model_times(array_of: &Array, coords: &[Coord], name: &str) -> Option<Result<Times>> {
    let coord = coords.iter().find(|c| c.name == name)?;
    matches!(coord.values, Values::CfTimes(..))
        .then(|| Times::of_coord(array_of.session(), coord, coords))
}

/// The message of an unknown property of times.
pub(crate) fn unknown_property(name: &str) -> Error {
    let more = ["season", "calendar", "size", "dt"];
    let known = Times::components().chain(more);
    Error::invalid(format!(
        "times have no property {name:?}; known: {}",
        nearest_names(name, known)
    ))
}
