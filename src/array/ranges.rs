//! Arrays of numbers in order, and of indices: made from the indices of their elements where they are needed, stored nowhere.

use super::array::Array;
use crate::driver::Driver;
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result};
use crate::expr::{Graph, NodeId, SourceDecl};
use crate::geom::Select;
use crate::op::Generator;
use std::panic::Location;

/// The index along `axis` of every element of `shape`, int64.
pub(super) fn index_along(g: &mut Graph, shape: &[usize], axis: usize) -> Result<NodeId> {
    let own = [shape[axis]];
    let source = g.source(SourceDecl::Generated {
        generator: Generator::Index,
        shape: own.to_vec(),
    })?;
    g.select(source, Select::broadcast(&own, &[axis], shape))
}

/// How many elements `start`, `start + step`, … lie before `stop`, after NumPy.
fn count(start: Scalar, stop: Scalar, step: Scalar) -> Result<usize> {
    if let (Some(start), Some(stop), Some(step)) = (start.as_i128(), stop.as_i128(), step.as_i128())
    {
        let distance = if step > 0 { stop - start } else { start - stop };
        let count = distance.max(0).unsigned_abs().div_ceil(step.unsigned_abs());
        return usize::try_from(count).map_err(|_| too_many(start, stop, step));
    }
    let (from, to, by) = (start.as_f64(), stop.as_f64(), step.as_f64());
    let distance = to - from;
    let quotient = distance / by;
    if quotient.is_nan() {
        return Err(Error::invalid(format!(
            "arange: no length from start {start}, stop {stop}, step {step}; give finite numbers"
        )));
    }
    if quotient == 0.0 && distance != 0.0 {
        // Less than the smallest float, but not nothing.
        return Ok(usize::from(!quotient.is_sign_negative()));
    }
    let count = quotient.ceil().max(0.0);
    match count < isize::MAX as f64 {
        true => Ok(count as usize),
        false => Err(too_many(start, stop, step)),
    }
}

fn too_many(
    start: impl std::fmt::Display,
    stop: impl std::fmt::Display,
    step: impl std::fmt::Display,
) -> Error {
    Error::invalid(format!(
        "arange: start {start}, stop {stop}, step {step} are too many elements; allowed are less than 2⁶³"
    ))
}

impl Driver {
    /// The numbers from `start` to before `stop`, `step` apart: int64 for integers, float64 when one of them is a float. NumPy's
    /// `arange`, with its number of elements and its rounding.
    #[track_caller]
    pub fn arange(
        &self,
        start: impl Into<Scalar>,
        stop: impl Into<Scalar>,
        step: impl Into<Scalar>,
    ) -> Array {
        let location = Location::caller();
        let made = self.range(start.into(), stop.into(), step.into());
        Array::new(
            self.session().clone(),
            made.and_then(|a| a.node()).map_err(|e| e.at_call(location)),
        )
    }

    fn range(&self, start: Scalar, stop: Scalar, step: Scalar) -> Result<Array> {
        if step.as_f64() == 0.0 {
            return Err(Error::invalid(
                "arange: step 0 is not allowed; allowed is any other number",
            ));
        }
        for value in [start, stop, step] {
            if value.dtype().is_complex() || value.dtype().is_time() {
                return Err(Error::invalid(format!(
                    "arange: {value} is {}; allowed are integers and floats",
                    value.dtype()
                )));
            }
        }
        let len = count(start, stop, step)?;
        let index = self.indices_1d(len);
        let (Some(first), Some(by), true) =
            (start.as_i128(), step.as_i128(), stop.as_i128().is_some())
        else {
            let start = start.as_f64();
            // NumPy's step is the distance of the first two elements, as they are rounded.
            let step = (start + step.as_f64()) - start;
            return Ok(index.astype(DType::F64) * step + start);
        };
        let last = first + by * len.saturating_sub(1) as i128;
        for value in [first, last] {
            if i64::try_from(value).is_err() {
                return Err(Error::invalid(format!(
                    "arange: the element {value} is no int64; allowed are {} … {}",
                    i64::MIN,
                    i64::MAX
                )));
            }
        }
        // A step beyond int64 is that of one element at most.
        let by = i64::try_from(by).unwrap_or(0);
        Ok(index * by + first as i64)
    }

    /// `num` numbers from `start` to `stop`, evenly spaced, float64; without `endpoint` the last one is a step before `stop`.
    /// NumPy's `linspace`.
    #[track_caller]
    pub fn linspace(&self, start: f64, stop: f64, num: usize, endpoint: bool) -> Array {
        let parts = if endpoint { num.saturating_sub(1) } else { num };
        let distance = stop - start;
        let index = self.indices_1d(num).astype(DType::F64);
        let step = distance / parts as f64;
        let line = match (parts, step) {
            (0, _) => index * distance,
            // Steps below the smallest float.
            (_, 0.0) => index / parts as f64 * distance,
            _ => index * step,
        } + start;
        match endpoint && num > 1 {
            true => {
                let inner = self.indices_1d(num).lt(num as i64 - 1);
                line.where_or(&inner, stop)
            }
            false => line,
        }
    }

    /// For every element of `shape` its indices: shape (number of axes, …shape), int64. NumPy's `indices`.
    #[track_caller]
    pub fn indices(&self, shape: &[usize]) -> Array {
        let session = self.session();
        let location = Location::caller();
        let mut one = vec![1];
        one.extend_from_slice(shape);
        let node = session.with_graph(|g| {
            let mut parts = Vec::with_capacity(shape.len());
            for axis in 0..shape.len() {
                let mut start = vec![0; one.len()];
                start[0] = axis;
                parts.push((index_along(g, &one, axis + 1)?, start));
            }
            let mut whole = one.clone();
            whole[0] = shape.len();
            match parts.is_empty() {
                true => g.fill(Scalar::I64(0), &whole),
                false => g.assemble(&whole, parts),
            }
        });
        Array::new(session.clone(), node.map_err(|e| e.at_call(location)))
    }

    /// What `f` makes of the indices along each axis, arrays of `shape` and `dtype`: an expression, evaluated where its elements
    /// are needed. NumPy's `fromfunction`.
    #[track_caller]
    pub fn fromfunction(
        &self,
        f: impl FnOnce(&[Array]) -> Array,
        shape: &[usize],
        dtype: DType,
    ) -> Array {
        f(&self.index_arrays(shape, dtype))
    }

    /// The index along each axis, as arrays of `shape`.
    #[track_caller]
    pub(crate) fn index_arrays(&self, shape: &[usize], dtype: DType) -> Vec<Array> {
        let session = self.session();
        let location = Location::caller();
        (0..shape.len())
            .map(|axis| {
                let node = session.with_graph(|g| {
                    let index = index_along(g, shape, axis)?;
                    g.cast(index, dtype)
                });
                Array::new(session.clone(), node.map_err(|e| e.at_call(location)))
            })
            .collect()
    }
}

/// Coordinate arrays of coordinate vectors: views. `indexing` is `"xy"` (the first two axes exchanged, as for pictures) or `"ij"`.
/// NumPy's `meshgrid`.
#[must_use]
#[track_caller]
pub fn meshgrid(arrays: &[&Array], indexing: &str) -> Vec<Array> {
    let location = Location::caller();
    let fail = |error: Error| -> Vec<Array> {
        let failed = arrays.iter().map(|a| match a.check() {
            Ok(()) => Array::new(a.session().clone(), Err(error.clone().at_call(location))),
            Err(_) => (*a).clone(),
        });
        failed.collect()
    };
    if !["xy", "ij"].contains(&indexing) {
        return fail(Error::invalid(format!(
            "meshgrid: indexing {indexing:?} is not allowed; allowed are \"xy\" and \"ij\""
        )));
    }
    if let Some(error) = arrays.iter().find_map(|a| a.check().err()) {
        return fail(error);
    }
    if let Some(array) = arrays.iter().find(|a| a.ndim() > 1) {
        return fail(Error::invalid(format!(
            "meshgrid: an array has shape {:?}; coordinate vectors have one axis",
            array.shape()
        )));
    }
    let axis = |number: usize| match (number, indexing, arrays.len() > 1) {
        (0 | 1, "xy", true) => 1 - number,
        _ => number,
    };
    let mut shape = vec![1; arrays.len()];
    for (number, array) in arrays.iter().enumerate() {
        shape[axis(number)] = array.shape().first().copied().unwrap_or(1);
    }
    let grids = arrays.iter().enumerate().map(|(number, array)| {
        let axes = if array.ndim() == 0 {
            vec![]
        } else {
            vec![axis(number)]
        };
        array.broadcast_axes(&axes, &shape)
    });
    grids.collect()
}

impl Array {
    /// `value` everywhere, in the shape and dtype of this array.
    #[must_use]
    #[track_caller]
    pub fn full_like(&self, value: impl Into<Scalar>) -> Array {
        let value = value.into();
        self.push(|g, a| {
            let (shape, dtype) = (g.shape(a).to_vec(), g.dtype(a));
            let value = value
                .cast(dtype)
                .map_err(|e| e.context("applying full_like"))?;
            g.fill(value, &shape)
        })
    }

    /// Zeros in the shape and dtype of this array.
    #[must_use]
    #[track_caller]
    pub fn zeros_like(&self) -> Array {
        self.full_like(Scalar::I64(0))
    }

    /// Ones in the shape and dtype of this array.
    #[must_use]
    #[track_caller]
    pub fn ones_like(&self) -> Array {
        self.full_like(Scalar::I64(1))
    }

    /// As [`Array::zeros_like`]: nothing here is ever left undefined.
    #[must_use]
    #[track_caller]
    pub fn empty_like(&self) -> Array {
        self.zeros_like()
    }
}
