//! `Dataset`: variables that share dimensions and coordinates.

use super::coord::Coord;
use super::data_array::DataArray;
use super::select::{Indexer, Label};
use crate::array::Array;
use crate::driver::Session;
use crate::error::{Error, Result, nearest_names};
use crate::spec::{AttrValue, Attrs};
use std::sync::Arc;

/// Named arrays over common dimensions.
#[derive(Clone)]
pub struct Dataset {
    pub(super) session: Arc<Session>,
    pub(super) variables: Vec<DataArray>,
    pub(super) coords: Vec<Coord>,
    pub(super) attrs: Attrs,
    /// Variables that were not opened, and why: to explain an unknown name.
    pub(super) unreadable: Vec<(String, String)>,
    /// Where it came from, for messages.
    pub(super) origin: String,
}

impl Dataset {
    /// A dataset of named arrays.
    ///
    /// # Errors
    /// Invalid input when an array has no name, two have the same, or dimensions and coordinates disagree.
    pub fn new(arrays: impl IntoIterator<Item = DataArray>) -> Result<Self> {
        let variables: Vec<DataArray> = arrays.into_iter().collect();
        let Some(first) = variables.first() else {
            return Err(Error::invalid("Dataset: no arrays"));
        };
        let mut coords: Vec<Coord> = Vec::new();
        for (number, array) in variables.iter().enumerate() {
            array.check()?;
            let Some(name) = array.name() else {
                return Err(Error::invalid(format!(
                    "Dataset: array {number} has no name; give it one with `rename`"
                )));
            };
            if variables[..number].iter().any(|v| v.name() == Some(name)) {
                return Err(Error::invalid(format!(
                    "Dataset: two arrays are named {name:?}"
                )));
            }
            for (dim, len) in array.dims.iter().zip(array.shape()) {
                for other in &variables[..number] {
                    let there = other
                        .dims
                        .iter()
                        .position(|d| d == dim)
                        .map(|a| other.shape()[a]);
                    if let Some(there) = there.filter(|there| *there != len) {
                        return Err(Error::invalid(format!(
                            "Dataset: dimension {dim:?} has length {there} in {:?} and {len} in {name:?}",
                            other.name().unwrap_or("")
                        )));
                    }
                }
            }
            for coord in &array.coords {
                match coords.iter().find(|c| c.name == coord.name) {
                    None => coords.push(coord.clone()),
                    Some(known) if known.same_values(coord) => {}
                    Some(_) => {
                        return Err(Error::invalid(format!(
                            "Dataset: the coordinate {:?} of {name:?} differs from that of the other arrays",
                            coord.name
                        )));
                    }
                }
            }
        }
        Ok(Dataset {
            session: first.array.session().clone(),
            coords,
            variables,
            attrs: Attrs::default(),
            unreadable: Vec::new(),
            origin: "the dataset".to_owned(),
        })
    }

    /// The variable or coordinate `name`; a failed array when there is none.
    #[must_use]
    #[track_caller]
    pub fn var(&self, name: &str) -> DataArray {
        match self.get(name) {
            Ok(array) => array,
            Err(error) => {
                let error = error.at_call(std::panic::Location::caller());
                let array = Array::new(self.session.clone(), Err(error));
                DataArray::new(array, &[], Vec::new()).rename(name)
            }
        }
    }

    /// The variable or coordinate `name`.
    ///
    /// # Errors
    /// Invalid input for an unknown name; the text lists the known ones, the nearest first.
    pub fn get(&self, name: &str) -> Result<DataArray> {
        if let Some(found) = self.variables.iter().find(|v| v.name() == Some(name)) {
            return Ok(found.clone());
        }
        if let Some(coord) = self.coords.iter().find(|c| c.name == name) {
            return self.coord_array(coord);
        }
        if let Some((_, why)) = self.unreadable.iter().find(|(n, _)| n == name) {
            return Err(Error::unsupported(format!(
                "variable {name:?} of {} cannot be read: {why}",
                self.origin
            )));
        }
        let names = self.variables.iter().filter_map(DataArray::name);
        let names = names.chain(self.coords.iter().map(|c| c.name.as_str()));
        Err(Error::invalid(format!(
            "unknown variable {name:?} in {}; known: {}",
            self.origin,
            nearest_names(name, names)
        )))
    }

    fn coord_array(&self, coord: &Coord) -> Result<DataArray> {
        let super::Values::Block(block) = &coord.values else {
            return Err(Error::unsupported(format!(
                "the coordinate {:?} holds {}, which is not computed with",
                coord.name,
                coord.dtype_name()
            )));
        };
        let (dtype, shape) = (block.dtype(), block.shape().to_vec());
        let data = self.session.keep(block.clone());
        let node = self
            .session
            .with_graph(|g| g.source(crate::expr::SourceDecl::Memory { data, dtype, shape }));
        let dims: Vec<&str> = coord.dims.iter().map(String::as_str).collect();
        let along: Vec<Coord> = self
            .coords
            .iter()
            .filter(|c| c.dims.iter().all(|d| coord.dims.contains(d)))
            .cloned()
            .collect();
        let mut array = DataArray::new(Array::new(self.session.clone(), node), &dims, along);
        array.name = Some(coord.name.clone());
        array.attrs = coord.attrs.clone();
        Ok(array)
    }

    /// Data variables in order.
    pub fn variables(&self) -> &[DataArray] {
        &self.variables
    }

    /// Coordinates in order.
    pub fn coords(&self) -> &[Coord] {
        &self.coords
    }

    /// Global attributes.
    pub fn attrs(&self) -> &Attrs {
        &self.attrs
    }

    /// The same dataset with a global attribute set.
    #[must_use]
    pub fn with_attr(mut self, name: &str, value: impl Into<AttrValue>) -> Self {
        self.attrs.set(name, value);
        self
    }

    /// Dimensions with their lengths, in order of appearance.
    pub fn sizes(&self) -> Vec<(String, usize)> {
        let mut sizes: Vec<(String, usize)> = Vec::new();
        let coords = self
            .coords
            .iter()
            .map(|c| (c.dims.as_slice(), c.shape().to_vec()));
        let all = self
            .variables
            .iter()
            .map(|v| (v.dims(), v.shape()))
            .chain(coords);
        for (dims, shape) in all {
            for (dim, len) in dims.iter().zip(shape) {
                if !sizes.iter().any(|(known, _)| known == dim) {
                    sizes.push((dim.clone(), len));
                }
            }
        }
        sizes
    }

    /// `change` on every variable; coordinates follow.
    fn map(&self, change: impl Fn(&DataArray) -> DataArray) -> Dataset {
        let variables: Vec<DataArray> = self.variables.iter().map(change).collect();
        let mut coords: Vec<Coord> = Vec::new();
        for variable in &variables {
            for coord in &variable.coords {
                if !coords.iter().any(|c| c.name == coord.name) {
                    coords.push(coord.clone());
                }
            }
        }
        Dataset {
            variables,
            coords,
            ..self.clone()
        }
    }

    /// Chunk lengths by dimension, on every variable that has it. A dimension that no variable has is an error that comes
    /// out of every variable.
    #[must_use]
    #[track_caller]
    pub fn chunk<'a>(&self, chunks: impl IntoIterator<Item = (&'a str, usize)>) -> Dataset {
        let chunks: Vec<(&str, usize)> = chunks.into_iter().collect();
        let sizes = self.sizes();
        let unknown = chunks
            .iter()
            .find(|(dim, _)| !sizes.iter().any(|(d, _)| d == dim));
        if let Some((dim, _)) = unknown {
            let known = nearest_names(dim, sizes.iter().map(|(d, _)| d.as_str()));
            let error = Error::invalid(format!("chunk: unknown dimension {dim:?}; known: {known}"));
            let error = error.at_call(std::panic::Location::caller());
            return self.map(|v| v.clone().fail(error.clone()));
        }
        let location = std::panic::Location::caller();
        self.map(|v| {
            let own = chunks
                .iter()
                .filter(|(dim, _)| v.dims.iter().any(|d| d == dim))
                .copied();
            let result = v.chunk(own);
            match result.check() {
                Ok(()) => result,
                Err(error) => v.clone().fail(error.at_call(location)),
            }
        })
    }

    /// Elements by position, on every variable that has the dimension.
    #[must_use]
    #[track_caller]
    pub fn isel<'a>(&self, indexers: impl IntoIterator<Item = (&'a str, Indexer)>) -> Dataset {
        let indexers: Vec<(&str, Indexer)> = indexers.into_iter().collect();
        self.map(|v| {
            let own = indexers
                .iter()
                .filter(|(dim, _)| v.dims.iter().any(|d| d == dim))
                .copied();
            v.isel(own)
        })
    }

    /// The element with this label, on every variable that has the dimension.
    #[must_use]
    #[track_caller]
    pub fn sel(&self, dim: &str, label: impl Into<Label>) -> Dataset {
        let label = label.into();
        self.map(|v| match v.dims.iter().any(|d| d == dim) {
            true => v.sel(dim, label.clone()),
            false => v.clone(),
        })
    }

    /// The element whose label is nearest, on every variable that has the dimension.
    #[must_use]
    #[track_caller]
    pub fn sel_nearest(&self, dim: &str, label: impl Into<Label>) -> Dataset {
        let label = label.into();
        self.map(|v| match v.dims.iter().any(|d| d == dim) {
            true => v.sel_nearest(dim, label.clone()),
            false => v.clone(),
        })
    }

    /// The elements from one label to another, both included, on every variable that has the dimension.
    #[must_use]
    #[track_caller]
    pub fn sel_range(&self, dim: &str, from: Option<Label>, to: Option<Label>) -> Dataset {
        self.map(|v| match v.dims.iter().any(|d| d == dim) {
            true => v.sel_range(dim, from.clone(), to.clone()),
            false => v.clone(),
        })
    }

    /// `Ok` when every variable is valid.
    ///
    /// # Errors
    /// The first error of a variable's making.
    pub fn check(&self) -> Result<()> {
        self.variables.iter().try_for_each(DataArray::check)
    }
}
