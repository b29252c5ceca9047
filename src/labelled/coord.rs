//! Coordinates: small labelled arrays in memory.

use super::cf::{CfTime, TimeAttrs, TimeIndex};
use crate::block::Block;
use crate::dtype::{DType, Scalar};
use crate::error::Result;
use crate::geom::{Region, Select};
use crate::spec::Attrs;
use std::sync::Arc;

/// The values of a coordinate.
#[derive(Clone, Debug)]
pub enum Values {
    /// Numbers and datetimes.
    Block(Arc<Block>),
    /// Texts in row-major order with their lengths per axis.
    Texts(Arc<Vec<String>>, Vec<usize>),
    /// Times in a calendar that datetime64 does not know: i64 counts.
    CfTimes(Arc<Block>, CfTime),
}

/// A coordinate: a named small array along some dimensions (none for a scalar).
#[derive(Clone, Debug)]
pub struct Coord {
    /// Its name; that of its dimension for a dimension coordinate.
    pub name: String,
    /// Its dimensions.
    pub dims: Vec<String>,
    /// Its values.
    pub values: Values,
    /// Its attributes.
    pub attrs: Attrs,
    /// How times were stored in the file it came from.
    pub time: Option<TimeAttrs>,
}

impl Coord {
    /// A coordinate of numbers along its own dimension.
    pub fn index(name: &str, block: Block) -> Self {
        Coord {
            name: name.to_owned(),
            dims: vec![name.to_owned()],
            values: Values::Block(Arc::new(block)),
            attrs: Attrs::default(),
            time: None,
        }
    }

    /// Lengths per axis.
    pub fn shape(&self) -> &[usize] {
        match &self.values {
            Values::Block(block) | Values::CfTimes(block, _) => block.shape(),
            Values::Texts(_, shape) => shape,
        }
    }

    /// True for the coordinate that labels its own dimension.
    pub fn is_index(&self) -> bool {
        matches!(self.dims.as_slice(), [dim] if *dim == self.name)
    }

    /// The dtype in xarray's words.
    pub fn dtype_name(&self) -> String {
        match &self.values {
            Values::Block(block) => block.dtype().to_string(),
            Values::Texts(..) => "str".to_owned(),
            Values::CfTimes(..) => "cftime".to_owned(),
        }
    }

    /// The part that a selection of its dimensions takes.
    ///
    /// # Errors
    /// Internal only.
    pub fn select(&self, select: &Select, dims: Vec<String>) -> Result<Coord> {
        let values = match &self.values {
            Values::Block(block) => {
                Values::Block(Arc::new(Block::from_view(&block.select(select))?))
            }
            Values::CfTimes(block, time) => {
                Values::CfTimes(Arc::new(Block::from_view(&block.select(select))?), *time)
            }
            Values::Texts(texts, shape) => {
                // Positions first: the selection then works on numbers.
                let positions: Vec<u64> = (0..texts.len() as u64).collect();
                let picked = Block::from_view(&Block::from_vec(shape, positions)?.select(select))?;
                let texts = picked
                    .as_slice::<u64>()
                    .unwrap_or_default()
                    .iter()
                    .map(|p| texts[*p as usize].clone())
                    .collect();
                Values::Texts(Arc::new(texts), picked.shape().to_vec())
            }
        };
        Ok(Coord {
            values,
            dims,
            ..self.clone()
        })
    }

    /// True when both have the same values along the same dimensions, in any order (NaN equals NaN).
    pub fn same_values(&self, other: &Coord) -> bool {
        if self.dims != other.dims {
            let place = |dim: &String| other.dims.iter().position(|d| d == dim);
            let order: Option<Vec<usize>> = self.dims.iter().map(place).collect();
            let Some(order) = order.filter(|order| order.len() == other.dims.len()) else {
                return false;
            };
            let turned = other.select(&Select::transpose(other.shape(), &order), self.dims.clone());
            return turned.is_ok_and(|turned| self.same_values(&turned));
        }
        if self.shape() != other.shape() {
            return false;
        }
        match (&self.values, &other.values) {
            (Values::Block(a), Values::Block(b)) => {
                Arc::ptr_eq(a, b)
                    || (0..a.elements()).all(|i| match (a.get(i), b.get(i)) {
                        (Some(x), Some(y)) => same_scalar(x, y),
                        _ => false,
                    })
            }
            (Values::Texts(a, _), Values::Texts(b, _)) => a == b,
            (Values::CfTimes(a, x), Values::CfTimes(b, y)) => x == y && a == b,
            _ => false,
        }
    }

    /// The value at a row-major position as people read it.
    pub fn text(&self, position: usize) -> String {
        match &self.values {
            Values::Texts(texts, _) => texts.get(position).cloned().unwrap_or_default(),
            Values::Block(block) => match block.get(position) {
                Some(Scalar::Datetime(count, _)) if count == crate::dtype::NAT => "NaT".to_owned(),
                Some(Scalar::Datetime(count, unit)) => {
                    format_time(&CfTime::datetime64(unit), count)
                }
                Some(Scalar::F32(v)) => format!("{v}"),
                Some(Scalar::F64(v)) => format_float(v),
                Some(other) => other.to_string(),
                None => String::new(),
            },
            Values::CfTimes(block, time) => match block.get(position).and_then(Scalar::as_i128) {
                Some(count) => format_time(time, count as i64),
                None => String::new(),
            },
        }
    }

    /// The value at a row-major position with all its digits: for messages about labels that differ.
    pub fn exact_text(&self, position: usize) -> String {
        match &self.values {
            Values::Block(block) => match block.get(position) {
                Some(Scalar::F64(v)) => format!("{v}"),
                _ => self.text(position),
            },
            _ => self.text(position),
        }
    }

    /// The time that counts mean, and the counts, when this is a coordinate of times.
    pub fn times(&self) -> Option<(&[i64], CfTime)> {
        match &self.values {
            Values::CfTimes(block, time) => Some((block.as_slice::<i64>()?, *time)),
            Values::Block(block) => match block.dtype() {
                DType::Datetime(unit) => Some((block.as_slice::<i64>()?, CfTime::datetime64(unit))),
                _ => None,
            },
            Values::Texts(..) => None,
        }
    }

    /// The times of this coordinate, when it is one of times.
    pub fn time_index(&self) -> Option<TimeIndex> {
        self.times()
            .map(|(counts, time)| TimeIndex::new(counts.to_vec(), time))
    }

    /// The coordinate of times along the dimension `name`: datetime64 where that can hold their calendar.
    ///
    /// # Errors
    /// Internal only.
    pub fn of_times(name: &str, times: &TimeIndex) -> Result<Coord> {
        let block = Block::from_vec(&[times.len()], times.counts().to_vec())?;
        let mut coord = match times.datetime_unit() {
            Some(unit) => Coord::index(name, block.with_dtype(DType::Datetime(unit))?),
            None => Coord::index(name, block),
        };
        if let (None, Values::Block(block)) = (times.datetime_unit(), &coord.values) {
            coord.values = Values::CfTimes(block.clone(), *times.time());
        }
        Ok(coord)
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        self.shape().iter().product()
    }

    /// True without values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The whole as a region.
    pub fn region(&self) -> Region {
        Region::whole(self.shape())
    }
}

fn same_scalar(a: Scalar, b: Scalar) -> bool {
    match (a, b) {
        // Units may differ: compare instants.
        (Scalar::Datetime(x, u), Scalar::Datetime(y, v)) => {
            i128::from(x) * i128::from(u.nanoseconds())
                == i128::from(y) * i128::from(v.nanoseconds())
        }
        _ => match (a.as_i128(), b.as_i128()) {
            (Some(x), Some(y)) => x == y,
            _ => a.as_f64() == b.as_f64() || (a.is_missing() && b.is_missing()),
        },
    }
}

/// `2020-02-08T23:56:31`, with a fraction only where there is one.
fn format_time(time: &CfTime, count: i64) -> String {
    let t = time.civil(count);
    let mut text = format!("{:04}-{:02}-{:02}", t.year, t.month, t.day);
    if (t.hour, t.minute, t.second, t.nanosecond) != (0, 0, 0, 0) {
        text += &format!("T{:02}:{:02}:{:02}", t.hour, t.minute, t.second);
    }
    if t.nanosecond != 0 {
        let digits = format!("{:09}", t.nanosecond);
        text += &format!(".{}", digits.trim_end_matches('0'));
    }
    text
}

/// Four significant digits, as in xarray's summaries.
fn format_float(v: f64) -> String {
    if v == 0.0 || !v.is_finite() {
        return format!("{v}");
    }
    let magnitude = v.abs().log10().floor();
    if (-4.0..5.0).contains(&magnitude) {
        let digits = (3.0 - magnitude).max(0.0) as usize;
        let text = format!("{v:.digits$}");
        if text.contains('.') {
            return text.trim_end_matches('0').trim_end_matches('.').to_owned();
        }
        return text;
    }
    format!("{v:.3e}")
}
