//! Selection by values: masks, indices of non-zero elements, computed indices, places in sorted lists.
//!
//! How many elements a mask lets through is counted when the operation is called (one small number per block of rows); the
//! elements themselves stay where they are.

use super::array::{Array, Operand};
use super::shape::reshaped;
use crate::dtype::{DType, Scalar, promote};
use crate::error::{Error, Result};
use crate::expr::SourceDecl;
use crate::geom::{Select, normalize_axis};
use crate::op::{BinaryOp, Compress, Generator, SearchSorted, TakeAlong};
use std::panic::Location;

/// Most blocks of rows that a mask is counted in.
const MOST_BLOCKS: usize = 4096;

impl Array {
    /// Counts a mask of at least one axis by blocks of rows.
    fn counted(mask: &Array) -> Result<Compress> {
        let shape = mask.shape();
        let rows = shape[0].div_ceil(MOST_BLOCKS).max(1);
        let full = shape[0] / rows;
        let axes: Vec<isize> = (1..=shape.len() as isize).collect();
        let mut split: Vec<isize> = vec![full as isize, rows as isize];
        split.extend(shape[1..].iter().map(|len| *len as isize));
        let end = (full * rows) as isize;
        let main = mask.slice(0, None, Some(end), 1).reshape(&split).sum(&axes);
        let tail = mask.slice(0, Some(end), None, 1).sum(&[]);
        let blocks = super::compute(&[&main, &tail])?;
        let mut before = vec![0u64];
        let mut total = 0;
        for block in &blocks {
            for count in block.as_slice::<i64>().unwrap_or_default() {
                total += *count as u64;
                before.push(total);
            }
        }
        if end as usize == shape[0] {
            before.pop();
        }
        Ok(Compress { rows, before })
    }

    /// The elements under a mask of the same shape, in row-major order: NumPy's `x[mask]`. The mask is counted at this call.
    #[must_use]
    #[track_caller]
    pub fn masked(&self, mask: &Array) -> Array {
        let location = Location::caller();
        let made = self.masks(&[self], mask).map(|mut made| made.pop());
        match made {
            Ok(Some(array)) => array,
            Ok(None) => self.clone(),
            Err(error) => Array::new(self.session().clone(), Err(error.at_call(location))),
        }
    }

    /// What of each of `arrays` is under one mask.
    fn masks(&self, arrays: &[&Array], mask: &Array) -> Result<Vec<Array>> {
        self.check()?;
        mask.check()?;
        if mask.dtype() != DType::Bool || mask.shape() != self.shape() {
            return Err(Error::invalid(format!(
                "index: a mask of {} {:?} over an array of shape {:?}; it must be bool and of the same shape",
                mask.dtype(),
                mask.shape(),
                self.shape()
            )));
        }
        if self.shape().contains(&0) {
            return Ok(arrays.iter().map(|a| a.ravel()).collect());
        }
        let mask = mask.atleast_1d();
        let op = Self::counted(&mask)?;
        let nothing = op.before.last() == Some(&0);
        let made = arrays.iter().map(|array| {
            array
                .atleast_1d()
                .push_with(&Operand::from(&mask), |g, a, m| match nothing {
                    true => {
                        let zero = Scalar::zero(g.dtype(a));
                        g.fill(zero, &[0])
                    }
                    false => g.call(op.clone(), vec![a, m]),
                })
        });
        Ok(made.collect())
    }

    /// The indices of the elements that are not zero, one int64 array per axis. NumPy's `nonzero`. They are counted at this
    /// call.
    ///
    /// # Errors
    /// The first error of the array's making, or of counting; invalid input for an array without axes.
    pub fn nonzero(&self) -> Result<Vec<Array>> {
        self.check()?;
        let shape = self.shape();
        if shape.is_empty() {
            return Err(Error::invalid(
                "nonzero: the array has no axes; use atleast_1d(x).nonzero()",
            ));
        }
        let mask = self.as_mask();
        let indices: Vec<Array> = (0..shape.len())
            .map(|axis| {
                let session = self.session();
                let generator = Generator::Index;
                let len = vec![shape[axis]];
                let decl = SourceDecl::Generated {
                    generator,
                    shape: len.clone(),
                };
                let node = session.with_graph(|g| {
                    let index = g.source(decl)?;
                    g.select(index, Select::broadcast(&len, &[axis], &shape))
                });
                Array::new(session.clone(), node)
            })
            .collect();
        self.masks(&indices.iter().collect::<Vec<_>>(), &mask)
    }

    /// The indices of the elements that are not zero, one row each. NumPy's `argwhere`.
    ///
    /// # Errors
    /// The first error of the array's making, or of counting.
    pub fn argwhere(&self) -> Result<Array> {
        if self.ndim() == 0 {
            // A row without indices, or no row.
            let rows = self.flatnonzero()?.shape()[0];
            let made = (self.session()).with_graph(|g| g.fill(Scalar::I64(0), &[rows, 0]));
            return Ok(Array::new(self.session().clone(), made));
        }
        let lists = self.nonzero()?;
        match lists.split_first() {
            Some((first, others)) => {
                let others: Vec<&Array> = others.iter().collect();
                Ok(first.stack(&others, 1))
            }
            None => Err(Error::internal("argwhere without axes")),
        }
    }

    /// The row-major indices of the elements that are not zero. NumPy's `flatnonzero`.
    ///
    /// # Errors
    /// As [`Array::nonzero`].
    pub fn flatnonzero(&self) -> Result<Array> {
        let mut lists = self.ravel().nonzero()?;
        lists
            .pop()
            .ok_or_else(|| Error::internal("flatnonzero without axes"))
    }

    #[track_caller]
    pub(super) fn as_mask(&self) -> Array {
        match self.dtype() {
            DType::Bool => self.clone(),
            dtype => {
                let session = self.session();
                let zero = session.with_graph(|g| g.fill(Scalar::zero(dtype), &[]));
                let zero = Array::new(session.clone(), zero);
                self.binary(BinaryOp::NotEqual, &zero.into())
            }
        }
    }

    /// The elements along `axis` (`None`: in row-major order) where `condition`, of one axis, is true; it may be shorter.
    /// NumPy's `compress`. The condition is computed at this call.
    #[must_use]
    #[track_caller]
    pub fn compress(&self, condition: &Array, axis: Option<isize>) -> Array {
        let location = Location::caller();
        let list = || -> Result<Vec<isize>> {
            self.check()?;
            condition.check()?;
            if condition.ndim() != 1 {
                return Err(Error::invalid(format!(
                    "compress: a condition of shape {:?}; it must have one axis",
                    condition.shape()
                )));
            }
            let block = condition.as_mask().compute_block()?;
            let marks = block.as_slice::<bool>().unwrap_or_default();
            let marked = marks.iter().enumerate().filter(|(_, m)| **m);
            Ok(marked.map(|(i, _)| i as isize).collect())
        };
        if axis.is_none() && self.check().is_ok() {
            let flat = self.ravel();
            if condition.shape() == flat.shape() {
                return flat.masked(&condition.as_mask());
            }
        }
        match list() {
            Ok(list) => self.take(&list, axis),
            Err(error) => Array::new(self.session().clone(), Err(error.at_call(location))),
        }
    }

    /// The elements where `condition`, of as many elements, is not zero, in row-major order. NumPy's `extract(condition, x)`.
    #[must_use]
    #[track_caller]
    pub fn extract(&self, condition: &Array) -> Array {
        let condition = condition.as_mask();
        match condition.shape() == self.shape() {
            true => self.masked(&condition),
            false => self.ravel().masked(&condition.ravel()),
        }
    }

    /// The elements at `indices` (integers, lengths as this array's but along `axis`) along `axis`. NumPy's
    /// `take_along_axis`.
    #[must_use]
    #[track_caller]
    pub fn take_along_axis(&self, indices: &Array, axis: isize) -> Array {
        self.push_with(&Operand::from(indices), |g, a, i| {
            let shape = g.shape(a).to_vec();
            let axis = normalize_axis("take_along_axis", axis, shape.len())?;
            let mut wanted = g.shape(i).to_vec();
            if !g.dtype(i).is_integer() {
                return Err(Error::invalid(format!(
                    "take_along_axis: indices of {}; they must be integers",
                    g.dtype(i)
                )));
            }
            let fits = wanted.len() == shape.len()
                && (0..shape.len())
                    .all(|k| k == axis || wanted[k] == shape[k] || wanted[k] == 1 || shape[k] == 1);
            if !fits {
                return Err(Error::invalid(format!(
                    "take_along_axis: indices of shape {wanted:?} for an array of shape {shape:?}; all axes but axis {axis} must \
                     agree"
                )));
            }
            let mut values = shape.clone();
            for k in (0..shape.len()).filter(|k| *k != axis) {
                let len = if shape[k] == 1 { wanted[k] } else { shape[k] };
                (wanted[k], values[k]) = (len, len);
            }
            if wanted.contains(&0) {
                let zero = Scalar::zero(g.dtype(a));
                return g.fill(zero, &wanted);
            }
            if shape[axis] == 0 {
                return Err(Error::invalid(format!(
                    "take_along_axis: axis {axis} is empty; there is nothing to take"
                )));
            }
            let a = g.broadcast_to(a, &values)?;
            let i = g.cast(i, DType::I64)?;
            let i = g.broadcast_to(i, &wanted)?;
            g.call(TakeAlong { axis }, vec![a, i])
        })
    }

    /// Where `values` belong in this array, of one sorted axis: before equal elements, or behind them when `right`. NumPy's
    /// `searchsorted`.
    #[must_use]
    #[track_caller]
    pub fn searchsorted(&self, values: impl Into<Operand>, right: bool) -> Array {
        self.push_with(&values.into(), |g, a, v| {
            if g.shape(a).len() != 1 {
                return Err(Error::invalid(format!(
                    "searchsorted: the sorted array has shape {:?}; it must have one axis",
                    g.shape(a)
                )));
            }
            let dtype = promote(g.dtype(a), g.dtype(v))?;
            if dtype.is_complex() {
                return Err(Error::unsupported(format!(
                    "searchsorted of {dtype}; it is there for bool, integers, floats and times"
                )));
            }
            let shape = g.shape(v).to_vec();
            if g.shape(a) == [0] || shape.contains(&0) {
                return g.fill(Scalar::I64(0), &shape);
            }
            let (a, v) = (g.cast(a, dtype)?, g.cast(v, dtype)?);
            let flat = if shape.is_empty() {
                vec![1]
            } else {
                shape.clone()
            };
            let v = reshaped(g, v, &flat)?;
            let found = g.call(SearchSorted { right }, vec![a, v])?;
            reshaped(g, found, &shape)
        })
    }
}
