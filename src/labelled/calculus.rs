//! Derivatives and integrals along a coordinate, and the labels of extremes.

use super::coord::Coord;
use super::data_array::DataArray;
use super::dataset::{Dataset, each};
use super::keys::Keys;
use crate::array::{Array, ReduceOptions, Spacing};
use crate::block::Block;
use crate::driver::Driver;
use crate::dtype::{Scalar, TimeUnit};
use crate::error::{Error, Result};
use crate::op::ReductionKind;
use crate::spec::Attrs;

/// A 1-D coordinate as numbers: its dimension, and values (times in `unit`, or in nanoseconds, since their first).
fn numbers(
    operation: &str,
    coords: &[Coord],
    name: &str,
    unit: Option<TimeUnit>,
) -> Result<(String, Vec<f64>)> {
    let coord = coords.iter().find(|c| c.name == name).ok_or_else(|| {
        Error::invalid(format!(
            "{operation}: unknown coordinate {name:?}; known: {}",
            crate::error::nearest_names(name, coords.iter().map(|c| c.name.as_str()))
        ))
    })?;
    let [dim] = coord.dims.as_slice() else {
        return Err(Error::invalid(format!(
            "{operation}: the coordinate {name:?} has dimensions ({}); it must have one",
            coord.dims.join(", ")
        )));
    };
    let keys = Keys::of(coord);
    let Some(mut values) = keys.numbers() else {
        return Err(Error::invalid(format!(
            "{operation}: the coordinate {name:?} holds texts, not numbers"
        )));
    };
    if let (Keys::Times(..), Some(unit)) = (&keys, unit) {
        let length = unit.nanoseconds() as f64;
        values.iter_mut().for_each(|v| *v /= length);
    }
    if values.iter().any(|v| v.is_nan()) {
        return Err(Error::invalid(format!(
            "{operation}: the coordinate {name:?} has missing values; distances along it are not defined"
        )));
    }
    Ok((dim.clone(), values))
}

impl DataArray {
    /// A result in another unit: its attributes are not those of the array.
    fn without_attrs(&self, array: Array) -> Self {
        DataArray {
            attrs: Attrs::default(),
            ..self.with_array(array)
        }
    }

    fn in_memory(&self, values: Vec<f64>) -> Result<Array> {
        let block = Block::from_vec(&[values.len()], values)?;
        Ok(Driver::of(self.array.session()).from_block(block))
    }

    /// The derivative along the 1-D coordinate `coord`, by central differences (one-sided of `edge_order` 1 or 2 at the ends); per
    /// `unit` where it holds times (without one: per nanosecond).
    #[must_use]
    #[track_caller]
    pub fn differentiate(&self, coord: &str, edge_order: usize, unit: Option<TimeUnit>) -> Self {
        let made = || -> Result<Self> {
            let (dim, x) = numbers("differentiate", &self.coords, coord, unit)?;
            let axis = self.axis("differentiate", &dim)?;
            let x = Spacing::Coordinates(self.in_memory(x)?);
            let mut made = self.array.gradient(&[x], &[axis as isize], edge_order)?;
            match made.pop() {
                Some(array) => Ok(self.without_attrs(array)),
                None => Err(Error::internal("a gradient without a result")),
            }
        };
        made().unwrap_or_else(|error| self.clone().fail(error.context("differentiate")))
    }

    /// Areas of the trapezoids between neighbours along `axis`.
    fn trapezoids(&self, x: &[f64], axis: usize) -> Result<Array> {
        let steps: Vec<f64> = x.windows(2).map(|w| (w[1] - w[0]) * 0.5).collect();
        let at = axis as isize;
        let (after, before) = (
            self.array.slice(at, Some(1), None, 1),
            self.array.slice(at, None, Some(-1), 1),
        );
        let steps = self
            .in_memory(steps)?
            .broadcast_axes(&[axis], &after.shape());
        Ok(steps.multiply(after.add(&before)))
    }

    /// The integral along the 1-D coordinate `coord` by the trapezoidal rule; the dimension goes. Missing values win.
    #[must_use]
    #[track_caller]
    pub fn integrate(&self, coord: &str, unit: Option<TimeUnit>) -> Self {
        let made = || -> Result<Self> {
            let (dim, x) = numbers("integrate", &self.coords, coord, unit)?;
            let axis = self.axis("integrate", &dim)?;
            let options = ReduceOptions {
                skipna: Some(false),
                keepdims: false,
            };
            let areas = self.trapezoids(&x, axis)?;
            let array = areas.reduce(ReductionKind::Sum, &[axis as isize], options);
            let mut result = self.without_attrs(array);
            result.dims.remove(axis);
            result.coords = self.coords_without(&[&dim]);
            Ok(result)
        };
        made().unwrap_or_else(|error| self.clone().fail(error))
    }

    /// The integral up to each element along the 1-D coordinate `coord`, from 0 at the first.
    #[must_use]
    #[track_caller]
    pub fn cumulative_integrate(&self, coord: &str, unit: Option<TimeUnit>) -> Self {
        let made = || -> Result<Self> {
            let (dim, x) = numbers("cumulative_integrate", &self.coords, coord, unit)?;
            let axis = self.axis("cumulative_integrate", &dim)?;
            let sums = self.trapezoids(&x, axis)?.cumsum(axis as isize);
            let mut first = self.shape();
            first[axis] = first[axis].min(1);
            let zero = Driver::of(self.array.session())
                .full(&first, 0.0)
                .astype(sums.dtype());
            Ok(self.without_attrs(zero.concat(&[&sums], axis as isize)))
        };
        made().unwrap_or_else(|error| self.clone().fail(error))
    }

    /// The label along `dim` of the first smallest element; missing where all are missing. xarray's `idxmin`.
    #[must_use]
    #[track_caller]
    pub fn idxmin(&self, dim: &str) -> Self {
        self.label_of_extreme("idxmin", dim, ReductionKind::Argmin)
    }

    /// The label along `dim` of the first largest element; missing where all are missing. xarray's `idxmax`.
    #[must_use]
    #[track_caller]
    pub fn idxmax(&self, dim: &str) -> Self {
        self.label_of_extreme("idxmax", dim, ReductionKind::Argmax)
    }

    #[track_caller]
    fn label_of_extreme(&self, name: &str, dim: &str, kind: ReductionKind) -> Self {
        let made = || -> Result<Self> {
            let axis = self.axis(name, dim)?;
            let index = super::sel::index_of(name, &self.coords, dim)?;
            let super::Values::Block(labels) = &index.values else {
                return Err(Error::unsupported(format!(
                    "{name}: the labels of {dim:?} are {}, which is not computed with; take the position with {}",
                    index.dtype_name(),
                    name.replace("idx", "arg")
                )));
            };
            let at = axis as isize;
            let keep = ReduceOptions {
                skipna: None,
                keepdims: true,
            };
            let known = self.array.notnull();
            let any = known.any(&[at]);
            let mut shape = self.shape();
            if shape[axis] == 0 {
                return Err(Error::invalid(format!(
                    "{name}: dimension {dim:?} has length 0; there is no extreme"
                )));
            }
            // Lines without a value: any position, which is made missing below.
            let lines = any.expand_dims(&[at]).broadcast_to(&shape);
            let array = match self.dtype().has_missing() {
                true => {
                    let zero = Scalar::zero(self.dtype());
                    let zero = Driver::of(self.array.session()).full(&[], zero);
                    self.array.where_or(&lines, zero.astype(self.dtype()))
                }
                false => self.array.clone(),
            };
            let positions = array.reduce(kind, &[at], keep);
            let labels = Driver::of(self.array.session()).from_block(labels.clone());
            let mut line = vec![1; shape.len()];
            line[axis] = shape[axis];
            let line: Vec<isize> = line.iter().map(|n| *n as isize).collect();
            let picked = labels.reshape(&line).take_along_axis(&positions, at);
            shape.remove(axis);
            let picked = picked.squeeze(&[at]);
            let picked = match self.dtype().has_missing() {
                true => picked.where_(&any),
                false => picked,
            };
            let mut result = self.with_array(picked);
            result.dims.remove(axis);
            result.coords = self.coords_without(&[dim]);
            result.name = Some(dim.to_owned());
            Ok(result)
        };
        made().unwrap_or_else(|error| self.clone().fail(error))
    }
}

/// Methods of every variable that has the dimension of a coordinate.
macro_rules! of_variables {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $T:ty),*) by $coord:ident, $kept:expr;)*) => {
        impl Dataset {$(
            $(#[$doc])*
            #[must_use]
            #[track_caller]
            pub fn $name(&self, $coord: &str, $($arg: $T),*) -> Dataset {
                let dim = match self.coords.iter().find(|c| c.name == $coord) {
                    Some(Coord { dims, .. }) if dims.len() == 1 => dims[0].clone(),
                    Some(_) => {
                        return self.fail(Error::invalid(format!(
                            "{}: the coordinate {:?} must have one dimension", stringify!($name), $coord
                        )));
                    }
                    None => {
                        let known = self.coords.iter().map(|c| c.name.as_str());
                        return self.fail(Error::invalid(format!(
                            "{}: unknown coordinate {:?}; known: {}",
                            stringify!($name), $coord, crate::error::nearest_names($coord, known)
                        )));
                    }
                };
                let variables = each!(self, v => match v.has(&dim) {
                    true => v.$name($coord, $($arg),*),
                    false => v.clone(),
                });
                let kept: fn(&Coord, &str) -> bool = $kept;
                let coords: Vec<Coord> =
                    self.coords.iter().filter(|c| kept(c, &dim)).cloned().collect();
                self.of(stringify!($name), variables, &[(&self.origin, &coords)])
            }
        )*}
    };
}

of_variables! {
    /// As [`DataArray::differentiate`], of every variable that has the dimension.
    differentiate(edge_order: usize, unit: Option<TimeUnit>) by coord, |_, _| true;
    /// As [`DataArray::integrate`], of every variable that has the dimension.
    integrate(unit: Option<TimeUnit>) by coord, |c, dim| c.dims.iter().all(|d| d != dim);
    /// As [`DataArray::cumulative_integrate`], of every variable that has the dimension.
    cumulative_integrate(unit: Option<TimeUnit>) by coord, |_, _| true;
    /// As [`DataArray::idxmin`], of every variable that has the dimension.
    idxmin() by dim, |c, dim| c.dims.iter().all(|d| d != dim);
    /// As [`DataArray::idxmax`], of every variable that has the dimension.
    idxmax() by dim, |c, dim| c.dims.iter().all(|d| d != dim);
}
