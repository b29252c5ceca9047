//! Coordinates taken apart and put together: elements at positions, with missing ones where there is no position; parts one
//! after another. Coordinates lie in the memory of rank 0, so all of this is at hand when an operation is written down.

use super::cf::CfTime;
use super::coord::{Coord, Values};
use crate::block::{Block, Native};
use crate::dtype::{DType, NAT, Scalar, TimeUnit, promote};
use crate::error::{Error, Result};
use std::sync::Arc;

/// The text of a label that is missing.
const NO_TEXT: &str = "nan";

/// The row-major position in an array of `shape` of each element of the box that `lists` picks, one list per axis.
fn flat_positions(shape: &[usize], lists: &[Vec<Option<usize>>]) -> Vec<Option<usize>> {
    let mut flat = vec![Some(0)];
    for (len, list) in shape.iter().zip(lists) {
        flat = flat
            .iter()
            .flat_map(|before: &Option<usize>| {
                list.iter().map(move |at| Some((*before)? * len + (*at)?))
            })
            .collect();
    }
    flat
}

/// `block` in another dtype, element by element.
fn cast(block: &Block, dtype: DType) -> Result<Block> {
    if block.dtype() == dtype {
        return Ok(block.clone());
    }
    let mut result = Block::zeros(dtype, block.shape());
    for i in 0..block.elements() {
        let value = match (block.get(i), dtype) {
            // To a finer unit, where it fits; what does not fit was refused before.
            (Some(Scalar::Datetime(v, from)), DType::Datetime(to)) => {
                Scalar::Datetime(in_unit(v, from, to)?, to)
            }
            (Some(Scalar::Timedelta(v, from)), DType::Timedelta(to)) => {
                Scalar::Timedelta(in_unit(v, from, to)?, to)
            }
            (Some(value), _) => value.cast(dtype)?,
            (None, _) => return Err(Error::internal("a coordinate is too short")),
        };
        for_physical!(dtype.physical(), T => {
            if let (Some(slots), Some(value)) =
                (<T as Native>::slice_mut(result.buffer_mut()), <T as Native>::from_scalar(value)) {
                slots[i] = value;
            }
        });
    }
    Ok(result)
}

fn in_unit(count: i64, from: TimeUnit, to: TimeUnit) -> Result<i64> {
    if count == NAT {
        return Ok(NAT);
    }
    let nanoseconds = i128::from(count) * i128::from(from.nanoseconds());
    let (whole, rest) = (
        nanoseconds / i128::from(to.nanoseconds()),
        nanoseconds % i128::from(to.nanoseconds()),
    );
    match i64::try_from(whole) {
        Ok(v) if rest == 0 => Ok(v),
        _ => Err(Error::invalid(format!(
            "the time {count} {} does not fit the unit {} of the other coordinate",
            from.code(),
            to.code()
        ))),
    }
}

fn gathered(block: &Block, shape: &[usize], positions: &[Option<usize>]) -> Result<Block> {
    let missing = positions.iter().any(Option::is_none);
    let dtype = match missing {
        true => block.dtype().with_missing(),
        false => block.dtype(),
    };
    let block = cast(block, dtype)?;
    let hole = Scalar::missing(dtype).unwrap_or_else(|| Scalar::zero(dtype));
    let made = for_physical!(dtype.physical(), T => {
        let values = block.as_slice::<T>().unwrap_or_default();
        let hole = <T as Native>::from_scalar(hole).unwrap_or_default();
        let pick = |at: &Option<usize>| at.and_then(|at| values.get(at).copied()).unwrap_or(hole);
        Block::from_vec(shape, positions.iter().map(pick).collect::<Vec<T>>())
    })?;
    made.with_dtype(dtype)
}

impl Coord {
    /// The elements at row-major `positions`, along new dimensions; missing ones where there is none (integers become floats).
    pub(super) fn gather(
        &self,
        dims: Vec<String>,
        shape: &[usize],
        positions: &[Option<usize>],
    ) -> Result<Coord> {
        let values = match &self.values {
            Values::Block(block) => Values::Block(Arc::new(gathered(block, shape, positions)?)),
            Values::CfTimes(block, time) => {
                let counts = block.as_slice::<i64>().unwrap_or_default();
                let pick =
                    |at: &Option<usize>| at.and_then(|at| counts.get(at).copied()).unwrap_or(NAT);
                let counts = Block::from_vec(shape, positions.iter().map(pick).collect())?;
                Values::CfTimes(Arc::new(counts), *time)
            }
            Values::Texts(texts, _) => {
                let pick = |at: &Option<usize>| match at.and_then(|at| texts.get(at)) {
                    Some(text) => text.clone(),
                    None => NO_TEXT.to_owned(),
                };
                Values::Texts(
                    Arc::new(positions.iter().map(pick).collect()),
                    shape.to_vec(),
                )
            }
        };
        Ok(Coord {
            values,
            dims,
            ..self.clone()
        })
    }

    /// The elements at these indices along `dim`, missing ones where there is none; itself when it does not lie along `dim`.
    pub(super) fn take(&self, dim: &str, indices: &[Option<usize>]) -> Result<Coord> {
        let Some(axis) = self.dims.iter().position(|d| d == dim) else {
            return Ok(self.clone());
        };
        let mut shape = self.shape().to_vec();
        let lists: Vec<Vec<Option<usize>>> = (0..shape.len())
            .map(|a| match a == axis {
                true => indices.to_vec(),
                false => (0..shape[a]).map(Some).collect(),
            })
            .collect();
        let flat = flat_positions(&shape, &lists);
        shape[axis] = indices.len();
        self.gather(self.dims.clone(), &shape, &flat)
    }

    /// The element at a row-major position, without dimensions.
    ///
    /// # Errors
    /// Invalid input when there is none.
    pub fn scalar(&self, position: usize) -> Result<Coord> {
        if position >= self.len() {
            return Err(Error::invalid(format!(
                "the coordinate {:?} has no element {position}; it has {}",
                self.name,
                self.len()
            )));
        }
        self.gather(Vec::new(), &[], &[Some(position)])
    }

    /// The same values under another name and along other dimensions of the same lengths.
    pub(super) fn renamed(&self, name: &str, dims: Vec<String>) -> Coord {
        Coord {
            name: name.to_owned(),
            dims,
            ..self.clone()
        }
    }

    /// Repeated along new dimensions: `to` names all of them in order, with lengths.
    pub(super) fn broadcast(&self, to: &[(String, usize)]) -> Result<Coord> {
        let own = self.shape().to_vec();
        let strides: Vec<usize> = (0..own.len())
            .map(|axis| own[axis + 1..].iter().product())
            .collect();
        let mut flat = vec![0];
        for (dim, len) in to {
            let stride = self
                .dims
                .iter()
                .position(|d| d == dim)
                .map_or(0, |axis| strides[axis]);
            flat = flat
                .iter()
                .flat_map(|before| (0..*len).map(move |i| before + i * stride))
                .collect();
        }
        let positions: Vec<Option<usize>> = flat.into_iter().map(Some).collect();
        let shape: Vec<usize> = to.iter().map(|(_, len)| *len).collect();
        let dims = to.iter().map(|(dim, _)| dim.clone()).collect();
        self.gather(dims, &shape, &positions)
    }

    /// `parts` one after another along `dim`, which all of them have, in the dtype that holds all.
    pub(super) fn joined(operation: &str, parts: &[Coord], dim: &str) -> Result<Coord> {
        let Some(first) = parts.first() else {
            return Err(Error::internal("no coordinates to join"));
        };
        let axis = first.dims.iter().position(|d| d == dim).unwrap_or(0);
        let mut shape = first.shape().to_vec();
        for part in &parts[1..] {
            let fits = part.dims == first.dims
                && (0..shape.len()).all(|a| a == axis || part.shape()[a] == first.shape()[a]);
            if !fits {
                return Err(Error::invalid(format!(
                    "{operation}: the coordinate {:?} has dimensions {:?} of lengths {:?} in one part and {:?} of {:?} in \
                     another; all but {dim:?} must agree",
                    first.name,
                    first.dims,
                    first.shape(),
                    part.dims,
                    part.shape()
                )));
            }
            shape[axis] += part.shape()[axis];
        }
        // All parts behind one another in memory, then in their places.
        let all = behind(operation, parts)?;
        let (mut starts, mut offset) = (Vec::new(), 0);
        for part in parts {
            for i in 0..part.shape()[axis] {
                starts.push((offset, part.shape()[axis], i));
            }
            offset += part.len();
        }
        let outer: usize = shape[..axis].iter().product();
        let inner: usize = shape[axis + 1..].iter().product();
        let mut positions = Vec::with_capacity(shape.iter().product());
        for o in 0..outer {
            for (offset, len, i) in &starts {
                let from = offset + (o * len + i) * inner;
                positions.extend((from..from + inner).map(Some));
            }
        }
        all.gather(first.dims.clone(), &shape, &positions)
    }
}

/// All values of the parts as one list, in a dtype that holds all of them.
fn behind(operation: &str, parts: &[Coord]) -> Result<Coord> {
    let first = &parts[0];
    let count: usize = parts.iter().map(Coord::len).sum();
    let mixed = |other: &Coord| {
        Error::invalid(format!(
            "{operation}: the coordinate {:?} holds {} in one part and {} in another",
            first.name,
            first.dtype_name(),
            other.dtype_name()
        ))
    };
    let values = match &first.values {
        Values::Texts(..) => {
            let mut texts = Vec::with_capacity(count);
            for part in parts {
                match &part.values {
                    Values::Texts(own, _) => texts.extend(own.iter().cloned()),
                    _ => return Err(mixed(part)),
                }
            }
            Values::Texts(Arc::new(texts), vec![count])
        }
        Values::CfTimes(_, time) => {
            let mut counts = Vec::with_capacity(count);
            for part in parts {
                match &part.values {
                    Values::CfTimes(own, other) if other == time => {
                        counts.extend(own.as_slice::<i64>().unwrap_or_default());
                    }
                    Values::CfTimes(own, other) if other.calendar == time.calendar => {
                        counts.extend(recounted(own, other, time).ok_or_else(|| mixed(part))?);
                    }
                    _ => return Err(mixed(part)),
                }
            }
            Values::CfTimes(Arc::new(Block::from_vec(&[count], counts)?), *time)
        }
        Values::Block(block) => {
            let mut dtype = block.dtype();
            for part in &parts[1..] {
                let Values::Block(other) = &part.values else {
                    return Err(mixed(part));
                };
                if dtype.is_time() != other.dtype().is_time() {
                    return Err(mixed(part));
                }
                dtype = promote(dtype, other.dtype())?;
            }
            let mut blocks = Vec::new();
            for part in parts {
                if let Values::Block(own) = &part.values {
                    blocks.push(cast(own, dtype)?);
                }
            }
            let all = for_physical!(dtype.physical(), T => {
                let mut values: Vec<T> = Vec::with_capacity(count);
                for block in &blocks {
                    values.extend_from_slice(block.as_slice::<T>().unwrap_or_default());
                }
                Block::from_vec(&[count], values)
            })?;
            Values::Block(Arc::new(all.with_dtype(dtype)?))
        }
    };
    Ok(Coord {
        values,
        ..first.clone()
    })
}

/// Counts of one unit and epoch as those of another.
fn recounted(block: &Block, from: &CfTime, to: &CfTime) -> Option<Vec<i64>> {
    let counts = block.as_slice::<i64>()?;
    let again = |count: &i64| match *count {
        NAT => Some(NAT),
        count => to.count(from.civil(count)),
    };
    counts.iter().map(again).collect()
}
