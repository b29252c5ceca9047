//! `Dataset`: variables that share dimensions and coordinates.

use super::align::{common_dims, merge_coords};
use super::coord::Coord;
use super::data_array::DataArray;
use crate::array::Array;
use crate::driver::Session;
use crate::error::{Error, Result, nearest_names};
use crate::spec::{AttrValue, Attrs};
use std::panic::Location;
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
    /// An operation on the whole that failed; its variables carry the same error.
    pub(super) failure: Option<Error>,
}

/// A `Vec` of the variables of `$dataset`, changed and under their old names. A loop, not a closure: `#[track_caller]` does not
/// reach into closures, and an error should name the user's line.
macro_rules! each {
    ($dataset:expr, $variable:ident => $change:expr) => {{
        let mut changed = Vec::with_capacity($dataset.variables.len());
        for $variable in &$dataset.variables {
            changed.push($variable.named_as($change));
        }
        changed
    }};
}

pub(super) use each;

/// The entries of `pairs` whose dimension `array` has.
fn present<'a, T: Copy>(
    array: &DataArray,
    pairs: &[(&'a str, T)],
) -> impl Iterator<Item = (&'a str, T)> {
    pairs.iter().filter(|(dim, _)| array.has(dim)).copied()
}

/// An error when a dimension has several lengths.
fn fit(operation: &str, variables: &[DataArray]) -> Result<()> {
    let all: Vec<(&str, &[String], Vec<usize>)> = variables
        .iter()
        .map(|v| (v.name().unwrap_or_default(), v.dims(), v.shape()))
        .collect();
    common_dims(operation, &all).map(drop)
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
        }
        fit("Dataset", &variables)?;
        let mut coords: Vec<Coord> = Vec::new();
        for array in &variables {
            for coord in &array.coords {
                match coords.iter().find(|c| c.name == coord.name) {
                    None => coords.push(coord.clone()),
                    Some(known) if known.same_values(coord) => {}
                    Some(_) => {
                        return Err(Error::invalid(format!(
                            "Dataset: the coordinate {:?} of {:?} differs from that of the other arrays",
                            coord.name,
                            array.name().unwrap_or_default()
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
            failure: None,
        })
    }

    /// The variable or coordinate `name`; a failed array when there is none.
    #[must_use]
    #[track_caller]
    pub fn var(&self, name: &str) -> DataArray {
        match self.get(name) {
            Ok(array) => array,
            Err(error) => {
                let error = error.at_call(Location::caller());
                let array = Array::new(self.session.clone(), Err(error));
                DataArray::new(array, &[], Vec::new()).rename(name)
            }
        }
    }

    /// The dataset of these variables, with the coordinates along their dimensions (xarray's `ds[["tas", "pr"]]`).
    #[must_use]
    #[track_caller]
    pub fn vars(&self, names: &[&str]) -> Dataset {
        let mut variables: Vec<DataArray> = Vec::new();
        for name in names {
            match self.get(name) {
                Ok(_) if variables.iter().any(|v| v.name() == Some(name)) => {}
                Ok(variable) => variables.push(variable),
                Err(error) => return self.fail(error),
            }
        }
        self.of("choosing variables", variables, &[])
    }

    /// The variable or coordinate `name`.
    ///
    /// # Errors
    /// Invalid input for an unknown name; the text lists the known ones, the nearest first.
    pub fn get(&self, name: &str) -> Result<DataArray> {
        if let Some(error) = &self.failure {
            return Err(error.clone());
        }
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

    /// `change` of every variable, under its old name (`Dataset.map`). Attributes are those of the result; coordinates that
    /// label no dimension and differ between variables are dropped.
    ///
    /// Where the results do not fit together (dimensions of several lengths, other labels) the dataset fails.
    #[must_use]
    #[track_caller]
    pub fn map(&self, mut change: impl FnMut(&DataArray) -> DataArray) -> Dataset {
        let variables = each!(self, v => change(v));
        self.of("map", variables, &[])
    }

    /// This dataset with other variables. Its coordinates are `more` and those of the variables, merged as in xarray.
    #[track_caller]
    pub(super) fn of(
        &self,
        operation: &str,
        mut variables: Vec<DataArray>,
        more: &[(&str, &[Coord])],
    ) -> Dataset {
        let own = variables
            .iter()
            .map(|v| (v.name().unwrap_or_default(), v.coords()));
        let all: Vec<(&str, &[Coord])> = more.iter().copied().chain(own).collect();
        let merged = match variables.iter().find_map(|v| v.check().err()) {
            // It comes out of its variable.
            Some(_) => Ok(self.coords.clone()),
            None => fit(operation, &variables).and_then(|()| merge_coords(operation, &all)),
        };
        match merged {
            Ok(coords) => {
                for variable in &mut variables {
                    let known = |c: &Coord| coords.iter().any(|k| k.name == c.name);
                    variable.coords.retain(known);
                }
                Dataset {
                    variables,
                    coords,
                    ..self.clone()
                }
            }
            Err(error) => self.fail(error),
        }
    }

    /// A failed dataset in place of this one.
    #[track_caller]
    pub(super) fn fail(&self, error: Error) -> Dataset {
        if self.check().is_err() {
            return self.clone();
        }
        let error = error.at_call(Location::caller());
        Dataset {
            variables: each!(self, v => v.clone().fail(error.clone())),
            failure: Some(error),
            ..self.clone()
        }
    }

    /// A failure when a dimension is in no variable and no coordinate.
    pub(super) fn check_dims(&self, operation: &str, dims: &[&str]) -> Result<()> {
        let sizes = self.sizes();
        let known = |dim: &str| sizes.iter().any(|(d, _)| d == dim);
        match dims.iter().find(|dim| !known(dim)) {
            None => Ok(()),
            Some(dim) => Err(Error::invalid(format!(
                "{operation}: unknown dimension {dim:?}; known: {}",
                nearest_names(dim, sizes.iter().map(|(d, _)| d.as_str()))
            ))),
        }
    }

    /// Chunk lengths by dimension, on every variable that has it. A dimension that no variable has is an error that comes
    /// out of every variable.
    #[must_use]
    #[track_caller]
    pub fn chunk<'a>(&self, chunks: impl IntoIterator<Item = (&'a str, usize)>) -> Dataset {
        let chunks: Vec<(&str, usize)> = chunks.into_iter().collect();
        let dims: Vec<&str> = chunks.iter().map(|(dim, _)| *dim).collect();
        if let Err(error) = self.check_dims("chunk", &dims) {
            return self.fail(error);
        }
        let variables = each!(self, v => v.chunk(present(v, &chunks)));
        self.of("chunk", variables, &[])
    }

    /// `Ok` when every variable is valid.
    ///
    /// # Errors
    /// The first error of the dataset's or a variable's making.
    pub fn check(&self) -> Result<()> {
        self.failure.clone().map_or(Ok(()), Err)?;
        self.variables.iter().try_for_each(DataArray::check)
    }
}
