//! `equals`, `identical`, `broadcast_equals`: one bool for two arrays or datasets, computed on all ranks in one pass.

use super::coord::Coord;
use super::data_array::DataArray;
use super::dataset::Dataset;
use super::merge::{equal, holds};
use crate::array::{Array, compute};
use crate::dtype::Scalar;
use crate::error::Result;
use crate::spec::{AttrValue, Attrs};
use std::panic::Location;

/// How much has to be the same.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Same {
    /// Values where lengths are repeated along dimensions that one lacks.
    Broadcast,
    /// Dimensions and values.
    Equal,
    /// Names and attributes, too.
    Identical,
}

/// The same names with the same values in any order; NaN is NaN.
fn same_attrs(a: &Attrs, b: &Attrs) -> bool {
    let numbers = |x: &[Scalar], y: &[Scalar]| {
        x.len() == y.len()
            && x.iter()
                .zip(y)
                .all(|(x, y)| x == y || (x.is_missing() && y.is_missing()))
    };
    let same = |x: &AttrValue, y: &AttrValue| match (x, y) {
        (AttrValue::Numbers(x), AttrValue::Numbers(y)) => numbers(x, y),
        _ => x == y,
    };
    let found = |(name, value): &(String, AttrValue)| b.get(name).is_some_and(|o| same(value, o));
    a.0.len() == b.0.len() && a.0.iter().all(found)
}

/// The coordinate repeated along `dims`, which have its own among them.
fn repeated(coord: &Coord, dims: &[String], shape: &[usize]) -> Result<Coord> {
    let stride_of = |dim: &String| match coord.dims.iter().position(|d| d == dim) {
        Some(axis) => coord.shape()[axis + 1..].iter().product(),
        None => 0usize,
    };
    let strides: Vec<usize> = dims.iter().map(stride_of).collect();
    let place = |mut at: usize| {
        let mut from = 0;
        for (len, stride) in shape.iter().zip(&strides).rev() {
            from += at % len * stride;
            at /= len;
        }
        Some(from)
    };
    let places: Vec<Option<usize>> = (0..shape.iter().product()).map(place).collect();
    coord.gather(dims.to_vec(), shape, &places)
}

/// The dimensions of both with their lengths, or none where these differ.
fn both_dims(
    (dims, shape): (&[String], &[usize]),
    (others, lengths): (&[String], &[usize]),
) -> Option<(Vec<String>, Vec<usize>)> {
    let (mut all, mut long) = (dims.to_vec(), shape.to_vec());
    for (dim, len) in others.iter().zip(lengths) {
        match all.iter().position(|d| d == dim) {
            Some(axis) if long[axis] != *len => return None,
            Some(_) => {}
            None => {
                all.push(dim.clone());
                long.push(*len);
            }
        }
    }
    Some((all, long))
}

fn same_coord(a: &Coord, b: &Coord, same: Same) -> Result<bool> {
    if same == Same::Broadcast && a.dims != b.dims {
        let (own, other) = ((&*a.dims, a.shape()), (&*b.dims, b.shape()));
        let Some((dims, shape)) = both_dims(own, other) else {
            return Ok(false);
        };
        return Ok(repeated(a, &dims, &shape)?.same_values(&repeated(b, &dims, &shape)?));
    }
    let attrs = same != Same::Identical || same_attrs(&a.attrs, &b.attrs);
    Ok(a.dims == b.dims && a.same_values(b) && attrs)
}

/// Coordinates of the same names with the same values.
fn same_coords(a: &[Coord], b: &[Coord], same: Same) -> Result<bool> {
    if a.len() != b.len() {
        return Ok(false);
    }
    for coord in a {
        match b.iter().find(|c| c.name == coord.name) {
            Some(other) if same_coord(coord, other, same)? => {}
            _ => return Ok(false),
        }
    }
    Ok(true)
}

/// What is to be computed to know whether the elements are the same; none where they cannot be.
#[track_caller]
fn question(a: &DataArray, b: &DataArray, same: Same) -> Result<Option<Array>> {
    a.check()?;
    b.check()?;
    if a.dtype().is_time() != b.dtype().is_time() {
        return Ok(None);
    }
    if same == Same::Identical && !same_attrs(&a.attrs, &b.attrs) {
        return Ok(None);
    }
    let (x, y) = (a.shape(), b.shape());
    let asked = match same {
        Same::Broadcast => {
            let both = both_dims((&a.dims, &x), (&b.dims, &y));
            both.map(|(dims, shape)| {
                let over = |v: &DataArray| super::align::spread(v, &dims, &shape);
                equal(&over(a), &over(b), false)
            })
        }
        _ => (a.dims == b.dims && x == y).then(|| equal(&a.array, &b.array, false)),
    };
    asked.iter().try_for_each(Array::check)?;
    Ok(asked)
}

/// One pass for all questions.
fn answered(questions: &[Array]) -> Result<bool> {
    let asked: Vec<&Array> = questions.iter().collect();
    Ok(asked.is_empty() || compute(&asked)?.iter().all(holds))
}

fn same_arrays(a: &DataArray, b: &DataArray, same: Same) -> Result<bool> {
    let names = same != Same::Identical || a.name == b.name;
    match question(a, b, same)? {
        Some(asked) if names && same_coords(&a.coords, &b.coords, same)? => answered(&[asked]),
        _ => Ok(false),
    }
}

fn same_datasets(a: &Dataset, b: &Dataset, same: Same) -> Result<bool> {
    a.check()?;
    b.check()?;
    let attrs = same != Same::Identical || same_attrs(&a.attrs, &b.attrs);
    let count = a.variables.len() == b.variables.len();
    if !attrs || !count || !same_coords(&a.coords, &b.coords, same)? {
        return Ok(false);
    }
    let mut questions = Vec::new();
    for variable in &a.variables {
        let Some(other) = b.variables.iter().find(|v| v.name == variable.name) else {
            return Ok(false);
        };
        match question(variable, other, same)? {
            Some(asked) => questions.push(asked),
            None => return Ok(false),
        }
    }
    answered(&questions)
}

macro_rules! comparisons {
    ($($Type:ident by $same:ident;)*) => {$(
        impl $Type {
            /// True when both have the same dimensions, coordinates and values; NaN equals NaN. Names and attributes do not count.
            ///
            /// # Errors
            /// The first error of their making, or of computing.
            #[track_caller]
            pub fn equals(&self, other: &$Type) -> Result<bool> {
                let location = Location::caller();
                $same(self, other, Same::Equal).map_err(|e| e.at_call(location))
            }

            /// As `equals`; names and attributes, those of coordinates among them, have to be the same, too.
            ///
            /// # Errors
            /// The first error of their making, or of computing.
            #[track_caller]
            pub fn identical(&self, other: &$Type) -> Result<bool> {
                let location = Location::caller();
                $same(self, other, Same::Identical).map_err(|e| e.at_call(location))
            }

            /// As `equals`, after both are repeated along the dimensions that one of them lacks.
            ///
            /// # Errors
            /// The first error of their making, or of computing.
            #[track_caller]
            pub fn broadcast_equals(&self, other: &$Type) -> Result<bool> {
                let location = Location::caller();
                $same(self, other, Same::Broadcast).map_err(|e| e.at_call(location))
            }
        }
    )*};
}

comparisons! {
    DataArray by same_arrays;
    Dataset by same_datasets;
}
