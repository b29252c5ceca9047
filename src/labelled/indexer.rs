//! What stands beside a dimension in `isel` and `sel`: positions and labels, one, a range, a list, or arrays of them.

use super::cf::parse_interval;
use super::coord::{Coord, Values};
use super::data_array::DataArray;
use crate::block::Block;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::spec::Attrs;
use std::ops::{Range, RangeFrom, RangeFull, RangeTo};

/// Positions along one dimension.
#[derive(Clone, Debug)]
pub enum Indexer {
    /// One position; the dimension goes. Negative positions count from the end.
    At(isize),
    /// `start:stop:step`, as in Python.
    Slice(Option<isize>, Option<isize>, isize),
    /// These positions, in this order.
    List(Vec<isize>),
    /// Positions along dimensions of their own: with others beside it, point by point (stations, tracks).
    Points(Points),
}

/// Positions along dimensions of their own.
#[derive(Clone, Debug)]
pub struct Points {
    /// The dimensions of the result.
    pub dims: Vec<String>,
    /// Their lengths.
    pub shape: Vec<usize>,
    /// The positions in row-major order.
    pub positions: Vec<isize>,
    /// Coordinates that lie along those dimensions.
    pub coords: Vec<Coord>,
}

macro_rules! indexers {
    ($($From:ty, |$value:ident| $indexer:expr;)*) => {$(
        impl From<$From> for Indexer {
            fn from($value: $From) -> Self {
                $indexer
            }
        }
    )*};
}

indexers! {
    isize, |at| Indexer::At(at);
    i32, |at| Indexer::At(at as isize);
    Range<isize>, |range| Indexer::Slice(Some(range.start), Some(range.end), 1);
    RangeFrom<isize>, |range| Indexer::Slice(Some(range.start), None, 1);
    RangeTo<isize>, |range| Indexer::Slice(None, Some(range.end), 1);
    RangeFull, |_all| Indexer::Slice(None, None, 1);
    Vec<isize>, |list| Indexer::List(list);
    Points, |points| Indexer::Points(points);
}

/// A label of a coordinate.
#[derive(Clone, Debug, PartialEq)]
pub enum Label {
    /// A number.
    Number(f64),
    /// An integer, with all its digits.
    Integer(i64),
    /// A text: a name, or a date such as `2020-08`.
    Text(String),
}

impl Label {
    /// The number that it is, as a float.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Label::Number(v) => Some(*v),
            Label::Integer(v) => Some(*v as f64),
            Label::Text(_) => None,
        }
    }
}

impl From<f64> for Label {
    fn from(value: f64) -> Self {
        Label::Number(value)
    }
}

impl From<i64> for Label {
    fn from(value: i64) -> Self {
        Label::Integer(value)
    }
}

impl From<i32> for Label {
    fn from(value: i32) -> Self {
        Label::Integer(i64::from(value))
    }
}

impl From<&str> for Label {
    fn from(value: &str) -> Self {
        Label::Text(value.to_owned())
    }
}

impl std::fmt::Display for Label {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Label::Number(v) => write!(f, "{v}"),
            Label::Integer(v) => write!(f, "{v}"),
            Label::Text(text) => write!(f, "{text:?}"),
        }
    }
}

/// Labels along one dimension.
#[derive(Clone, Debug)]
pub enum Labels {
    /// One label; the dimension goes.
    One(Label),
    /// From one label to another, both included; then every `step`-th.
    Range(Option<Label>, Option<Label>, isize),
    /// These labels, in this order.
    List(Vec<Label>),
    /// Labels along dimensions of their own: numbers or times of an array in memory, with its coordinates.
    Points(Coord, Vec<Coord>),
}

impl<T: Into<Label>> From<T> for Labels {
    fn from(label: T) -> Self {
        Labels::One(label.into())
    }
}

impl<T: Into<Label>> From<Vec<T>> for Labels {
    fn from(list: Vec<T>) -> Self {
        Labels::List(list.into_iter().map(Into::into).collect())
    }
}

impl DataArray {
    /// The array in the memory of rank 0 as a coordinate, under its name (or `name`): computed at this call.
    ///
    /// # Errors
    /// The first error of the array's making, or that of computing it.
    pub fn to_coord(&self, name: Option<&str>) -> Result<Coord> {
        let name = name.or(self.name()).unwrap_or("unnamed").to_owned();
        // What a coordinate of texts or of calendar times became is the coordinate itself.
        let own = self
            .coords
            .iter()
            .find(|c| c.name == name && c.dims == self.dims);
        if let Some(own) = own
            && !matches!(own.values, Values::Block(_))
        {
            return Ok(own.clone());
        }
        Ok(Coord {
            name,
            dims: self.dims.clone(),
            values: Values::Block(self.compute_block()?.into()),
            attrs: self.attrs.clone(),
            time: None,
        })
    }
}

impl Points {
    /// Positions that an array holds, along its dimensions: computed at this call. A 1-D array of bools stands for the positions
    /// where it is true.
    ///
    /// # Errors
    /// Invalid input when it holds no integers; as [`DataArray::to_coord`].
    pub fn of(array: &DataArray) -> Result<Points> {
        array.check()?;
        let (dims, coords) = (array.dims.clone(), array.coords.clone());
        if array.dtype() == DType::Bool && dims.len() == 1 {
            let block = array.compute_block()?;
            let marks = block.as_slice::<bool>().unwrap_or_default();
            let marked = marks.iter().enumerate().filter(|(_, m)| **m);
            let positions: Vec<isize> = marked.map(|(i, _)| i as isize).collect();
            return Ok(Points {
                dims,
                shape: vec![positions.len()],
                positions,
                coords: Vec::new(),
            });
        }
        if !array.dtype().is_integer() {
            return Err(Error::invalid(format!(
                "isel: positions of {}; allowed are integers (labels are taken by `sel`)",
                array.dtype()
            )));
        }
        let block = array.astype(DType::I64).compute_block()?;
        let positions = block.as_slice::<i64>().unwrap_or_default();
        Ok(Points {
            dims,
            shape: block.shape().to_vec(),
            positions: positions.iter().map(|at| *at as isize).collect(),
            coords,
        })
    }
}

impl Labels {
    /// Labels that an array holds, along its dimensions: computed at this call.
    ///
    /// # Errors
    /// As [`DataArray::to_coord`].
    pub fn points(array: &DataArray) -> Result<Labels> {
        array.check()?;
        Ok(Labels::Points(array.to_coord(None)?, array.coords.clone()))
    }
}

impl Coord {
    /// Dates as labels like those of this index of times: in its calendar and unit.
    ///
    /// # Errors
    /// Invalid input when a text is no date of the calendar, or this holds no times.
    pub fn of_dates(&self, name: &str, dates: &[String]) -> Result<Coord> {
        let Some((_, time)) = self.times() else {
            return Err(Error::invalid(format!(
                "the coordinate {:?} holds {}, not times",
                self.name,
                self.dtype_name()
            )));
        };
        let counts = dates.iter().map(|text| {
            let (start, _) = parse_interval(text, time.calendar)?;
            time.count(start).ok_or_else(|| {
                Error::invalid(format!(
                    "{text:?} does not fit the times of {:?}",
                    self.name
                ))
            })
        });
        let block = Block::from_vec(&[dates.len()], counts.collect::<Result<Vec<i64>>>()?)?;
        let values = match &self.values {
            Values::Block(own) => Values::Block(block.with_dtype(own.dtype())?.into()),
            _ => Values::CfTimes(block.into(), time),
        };
        Ok(Coord {
            name: name.to_owned(),
            dims: vec![name.to_owned()],
            values,
            attrs: Attrs::default(),
            time: self.time.clone(),
        })
    }

    /// The same values under another name and along other dimensions of the same lengths.
    #[must_use]
    pub fn relabelled(&self, name: &str, dims: &[&str]) -> Coord {
        self.renamed(name, dims.iter().map(|d| (*d).to_owned()).collect())
    }
}
