//! `DataArray`: a lazy array with names for its axes, coordinates and attributes.

use super::coord::Coord;
use super::reductions::reductions;
use crate::array::{Array, ReduceOptions};
use crate::block::{Block, Native};
use crate::dtype::DType;
use crate::error::{Error, Result, nearest_names};
use crate::op::ReductionKind;
use crate::spec::{AttrValue, Attrs, Encoding};
use std::panic::Location;

/// A labelled lazy array.
#[derive(Clone, Debug)]
pub struct DataArray {
    /// Its name, when it has one.
    pub(super) name: Option<String>,
    pub(super) dims: Vec<String>,
    pub(super) array: Array,
    pub(super) coords: Vec<Coord>,
    pub(super) attrs: Attrs,
    pub(super) encoding: Encoding,
}

impl DataArray {
    /// A labelled array; `dims` names the axes of `array`.
    #[track_caller]
    pub fn new(array: Array, dims: &[&str], coords: Vec<Coord>) -> Self {
        let names: Vec<String> = dims.iter().map(|d| (*d).to_owned()).collect();
        let shape = array.shape();
        let mut result = DataArray {
            name: None,
            dims: names,
            array,
            coords,
            attrs: Attrs::default(),
            encoding: Encoding::default(),
        };
        if result.array.check().is_err() {
            return result;
        }
        let repeated = dims
            .iter()
            .enumerate()
            .find(|(i, d)| dims[..*i].contains(d));
        let error = if dims.len() != shape.len() {
            Some(format!(
                "DataArray: {} dimension names {dims:?} for shape {shape:?}",
                dims.len()
            ))
        } else if let Some((_, dim)) = repeated {
            Some(format!(
                "DataArray: dimension {dim:?} is named twice in {dims:?}"
            ))
        } else {
            result.coords.iter().find_map(|coord| {
                let fits = coord.dims.len() == coord.shape().len()
                    && coord.dims.iter().zip(coord.shape()).all(|(dim, len)| {
                        result.dims.iter().position(|d| d == dim).is_some_and(|a| shape[a] == *len)
                    });
                (!fits).then(|| {
                    format!(
                        "DataArray: coordinate {:?} has dimensions {:?} of lengths {:?}; the array has {:?} of lengths {shape:?}",
                        coord.name,
                        coord.dims,
                        coord.shape(),
                        result.dims
                    )
                })
            })
        };
        if let Some(text) = error {
            result.array = Array::failed(result.array.session(), Error::invalid(text));
        }
        result
    }

    /// Its name.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Names of its dimensions.
    pub fn dims(&self) -> &[String] {
        &self.dims
    }

    /// The lazy array.
    pub fn array(&self) -> &Array {
        &self.array
    }

    /// Lengths per axis.
    pub fn shape(&self) -> Vec<usize> {
        self.array.shape()
    }

    /// Type of the elements.
    pub fn dtype(&self) -> DType {
        self.array.dtype()
    }

    /// Coordinates.
    pub fn coords(&self) -> &[Coord] {
        &self.coords
    }

    /// The coordinate `name`.
    pub fn coord(&self, name: &str) -> Option<&Coord> {
        self.coords.iter().find(|c| c.name == name)
    }

    /// Attributes.
    pub fn attrs(&self) -> &Attrs {
        &self.attrs
    }

    /// The same array under another name.
    #[must_use]
    pub fn rename(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// The same array with another name for a dimension and its coordinate.
    #[must_use]
    #[track_caller]
    pub fn rename_dim(mut self, from: &str, to: &str) -> Self {
        if let Err(error) = self.axis("rename", from) {
            return self.fail(error);
        }
        let swap = |name: &mut String| {
            if name == from {
                to.clone_into(name);
            }
        };
        self.dims.iter_mut().for_each(swap);
        for coord in &mut self.coords {
            swap(&mut coord.name);
            coord.dims.iter_mut().for_each(swap);
        }
        self
    }

    /// The same array with an attribute set.
    #[must_use]
    pub fn with_attr(mut self, name: &str, value: impl Into<AttrValue>) -> Self {
        self.attrs.set(name, value);
        self
    }

    /// How it will be stored: chunk lengths and compression.
    #[must_use]
    pub fn with_encoding(mut self, encoding: Encoding) -> Self {
        self.encoding = encoding;
        self
    }

    /// The same array with a coordinate added or replaced.
    #[must_use]
    #[track_caller]
    pub fn assign_coords(mut self, coord: Coord) -> Self {
        self.coords.retain(|c| c.name != coord.name);
        self.coords.push(coord);
        let dims: Vec<&str> = self.dims.iter().map(String::as_str).collect();
        let checked = DataArray::new(self.array.clone(), &dims, self.coords.clone());
        DataArray {
            array: checked.array,
            ..self
        }
    }

    /// A failed array in place of this one.
    #[track_caller]
    pub(super) fn fail(mut self, error: Error) -> Self {
        if self.array.check().is_ok() {
            self.array = Array::failed(self.array.session(), error.at_call(Location::caller()));
        }
        self
    }

    /// True when it has the dimension.
    pub(super) fn has(&self, dim: &str) -> bool {
        self.dims.iter().any(|d| d == dim)
    }

    /// What an operation on a dataset made of this variable, under the variable's name; an error names it.
    pub(super) fn named_as(&self, mut made: Self) -> Self {
        made.name = self.name.clone();
        if let (Err(error), Ok(())) = (made.check(), self.check()) {
            let name = self.name.as_deref().unwrap_or_default();
            let error = error.context(format!("working on variable {name:?} of a dataset"));
            made.array = Array::new(self.array.session().clone(), Err(error));
        }
        made
    }

    /// `Ok` when every operation so far was valid.
    ///
    /// # Errors
    /// The first error of the array's making.
    pub fn check(&self) -> Result<()> {
        self.array.check()
    }

    /// The axis of a dimension.
    pub(crate) fn axis(&self, operation: &str, dim: &str) -> Result<usize> {
        self.dims.iter().position(|d| d == dim).ok_or_else(|| {
            let known = nearest_names(dim, self.dims.iter().map(String::as_str));
            let name = self
                .name
                .as_deref()
                .map_or(String::new(), |n| format!(" of {n}"));
            Error::invalid(format!(
                "{operation}: unknown dimension {dim:?}{name}; known: {known}"
            ))
        })
    }

    pub(super) fn axes(&self, operation: &str, dims: &[&str]) -> Result<Vec<usize>> {
        let mut axes = Vec::new();
        for dim in dims {
            let axis = self.axis(operation, dim)?;
            if axes.contains(&axis) {
                return Err(Error::invalid(format!(
                    "{operation}: dimension {dim:?} is given twice"
                )));
            }
            axes.push(axis);
        }
        Ok(axes)
    }

    /// Coordinates that do not lie along `dims`.
    pub(super) fn coords_without(&self, dims: &[&str]) -> Vec<Coord> {
        self.coords
            .iter()
            .filter(|c| !c.dims.iter().any(|d| dims.contains(&d.as_str())))
            .cloned()
            .collect()
    }

    /// Any reduction over dimensions (empty: all), by its record.
    #[must_use]
    #[track_caller]
    pub fn reduce(&self, kind: ReductionKind, dims: &[&str], skipna: Option<bool>) -> Self {
        let name = crate::op::Reduction {
            kind,
            skipna: false,
        }
        .name();
        let axes = match self.axes(name, dims) {
            Ok(axes) => axes,
            Err(error) => return self.clone().fail(error),
        };
        let all: Vec<&str> = match dims {
            [] => self.dims.iter().map(String::as_str).collect(),
            dims => dims.to_vec(),
        };
        let positions: Vec<isize> = axes.iter().map(|a| *a as isize).collect();
        let array = self.array.reduce(
            kind,
            &positions,
            ReduceOptions {
                skipna,
                keepdims: false,
            },
        );
        let dims = self
            .dims
            .iter()
            .filter(|d| !all.contains(&d.as_str()))
            .cloned()
            .collect();
        let mut result = self.with_array(array);
        result.dims = dims;
        result.coords = self.coords_without(&all);
        result.without_unit_of(kind);
        result
    }

    /// Numbers of elements and positions have no unit. (xarray keeps the attribute.)
    pub(super) fn without_unit_of(&mut self, kind: ReductionKind) {
        use ReductionKind as R;
        if matches!(kind, R::Count | R::Argmin | R::Argmax) {
            self.attrs.remove("units");
        }
    }

    /// The same labels over another array of the same shape.
    pub(super) fn with_array(&self, array: Array) -> Self {
        DataArray {
            name: self.name.clone(),
            dims: self.dims.clone(),
            array,
            coords: self.coords.clone(),
            attrs: self.attrs.clone(),
            encoding: Encoding::default(),
        }
    }

    /// Chunk lengths by dimension; others stay as they are.
    #[must_use]
    #[track_caller]
    pub fn chunk<'a>(&self, chunks: impl IntoIterator<Item = (&'a str, usize)>) -> Self {
        let mut lengths = self.array.chunk_shape();
        for (dim, len) in chunks {
            match self.axis("chunk", dim) {
                Ok(axis) => lengths[axis] = len,
                Err(error) => return self.clone().fail(error),
            }
        }
        let array = self.array.chunk(&lengths);
        DataArray {
            array,
            ..self.clone()
        }
    }

    /// The elements as a block on rank 0.
    ///
    /// # Errors
    /// The first error of the array's making, of planning, or the shared error of the ranks.
    pub fn compute_block(&self) -> Result<Block> {
        self.array.compute_block()
    }

    /// The elements as an `ndarray` on rank 0.
    ///
    /// # Errors
    /// As [`DataArray::compute_block`]; invalid input when `T` is not the element type.
    pub fn compute<T: Native>(&self) -> Result<ndarray::ArrayD<T>> {
        self.array.compute()
    }
}

reductions! { DataArray => DataArray;
    var => Var { ddof: 0 }, "Variance (ddof 0).";
    argmin => Argmin, "Position of the first smallest.";
    argmax => Argmax, "Position of the first largest.";
}

/// Dimension names as people write them: `"time"`, `["y", "x"]`, `()` for all.
pub trait Dims {
    /// The names.
    fn names(&self) -> Vec<&str>;
}

impl Dims for &str {
    fn names(&self) -> Vec<&str> {
        vec![self]
    }
}

impl Dims for () {
    fn names(&self) -> Vec<&str> {
        Vec::new()
    }
}

impl<const N: usize> Dims for [&str; N] {
    fn names(&self) -> Vec<&str> {
        self.to_vec()
    }
}

impl Dims for &[&str] {
    fn names(&self) -> Vec<&str> {
        self.to_vec()
    }
}
