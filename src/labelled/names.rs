//! Names, coordinates and attributes changed; data variables become coordinates and the other way round.

use super::coord::{Coord, Values};
use super::data_array::DataArray;
use super::dataset::{Dataset, each};
use crate::array::Array;
use crate::error::{Error, Result, nearest_names};
use crate::spec::{AttrValue, Attrs};

/// A name that is not there.
fn unknown<'a>(operation: &str, name: &str, known: impl Iterator<Item = &'a str>) -> Error {
    Error::invalid(format!(
        "{operation}: unknown name {name:?}; known: {}",
        nearest_names(name, known)
    ))
}

/// New names of dimensions and coordinates, all at once.
fn renamed(coords: &[Coord], names: &[(&str, &str)]) -> Vec<Coord> {
    coords
        .iter()
        .map(|coord| {
            let dims = coord.dims.iter().map(|d| new_name(d, names)).collect();
            coord.renamed(&new_name(&coord.name, names), dims)
        })
        .collect()
}

fn new_name(name: &str, names: &[(&str, &str)]) -> String {
    let found = names.iter().find(|(from, _)| *from == name);
    found.map_or(name, |(_, to)| to).to_owned()
}

/// An error when two have the same name after all.
fn all_distinct<'a>(operation: &str, names: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut seen: Vec<&str> = Vec::new();
    for name in names {
        if seen.contains(&name) {
            return Err(Error::invalid(format!(
                "{operation}: the new name {name:?} is taken already"
            )));
        }
        seen.push(name);
    }
    Ok(())
}

impl DataArray {
    /// Other names for dimensions and coordinates: `[("lat", "y")]`.
    #[must_use]
    #[track_caller]
    pub fn rename_all(&self, names: &[(&str, &str)]) -> Self {
        for (from, _) in names {
            let known = || {
                let coords = self.coords.iter().map(|c| c.name.as_str());
                self.dims.iter().map(String::as_str).chain(coords)
            };
            if !known().any(|name| name == *from) {
                return self.clone().fail(unknown("rename", from, known()));
            }
        }
        let mut result = self.clone();
        result.dims = self.dims.iter().map(|d| new_name(d, names)).collect();
        result.coords = renamed(&self.coords, names);
        let dims = all_distinct("rename", result.dims.iter().map(String::as_str));
        let coords = all_distinct("rename", result.coords.iter().map(|c| c.name.as_str()));
        match dims.and(coords) {
            Ok(()) => result,
            Err(error) => self.clone().fail(error),
        }
    }

    /// Other dimensions in place of these: `[("time", "month")]`. A 1-D coordinate of the new name becomes the index, and the old
    /// index stays as a coordinate.
    #[must_use]
    #[track_caller]
    pub fn swap_dims(&self, names: &[(&str, &str)]) -> Self {
        if let Err(error) = swappable(&self.dims, &self.coords, names) {
            return self.clone().fail(error);
        }
        let mut result = self.clone();
        swap(&mut result.dims, names);
        result
            .coords
            .iter_mut()
            .for_each(|c| swap(&mut c.dims, names));
        result
    }

    /// Attributes set or replaced.
    #[must_use]
    pub fn assign_attrs(&self, attrs: &[(&str, AttrValue)]) -> Self {
        let mut result = self.clone();
        assign(&mut result.attrs, attrs);
        result
    }

    /// Without these coordinates.
    #[must_use]
    #[track_caller]
    pub fn drop_vars(&self, names: &[&str]) -> Self {
        let known = || self.coords.iter().map(|c| c.name.as_str());
        if let Some(name) = names.iter().find(|n| !known().any(|k| k == **n)) {
            return self.clone().fail(unknown("drop_vars", name, known()));
        }
        let mut result = self.clone();
        result.coords.retain(|c| !names.contains(&c.name.as_str()));
        result
    }

    /// Without these coordinates, none of which labels a dimension (empty: all such). With `drop`; else see
    /// [`DataArray::reset_coords`].
    #[must_use]
    #[track_caller]
    pub fn drop_coords(&self, names: &[&str]) -> Self {
        match resettable(&self.coords, names) {
            Ok(names) => {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                self.drop_vars(&names)
            }
            Err(error) => self.clone().fail(error),
        }
    }

    /// A dataset of this array and of these coordinates as variables (empty: all that label no dimension).
    ///
    /// # Errors
    /// Invalid input when the array has no name, a coordinate does not exist or labels a dimension.
    pub fn reset_coords(&self, names: &[&str]) -> Result<Dataset> {
        Dataset::new([self.clone()])?.reset_coords_checked(names)
    }

    /// A dataset of this variable alone, under `name` or its own name.
    ///
    /// # Errors
    /// Invalid input when there is no name.
    pub fn to_dataset(&self, name: Option<&str>) -> Result<Dataset> {
        let mut array = self.clone();
        if let Some(name) = name {
            array.name = Some(name.to_owned());
        }
        Dataset::new([array])
    }
}

fn swappable(dims: &[String], coords: &[Coord], names: &[(&str, &str)]) -> Result<()> {
    for (from, to) in names {
        if !dims.iter().any(|d| d == from) {
            return Err(unknown("swap_dims", from, dims.iter().map(String::as_str)));
        }
        if let Some(coord) = coords.iter().find(|c| c.name == *to)
            && coord.dims != [*from]
        {
            return Err(Error::invalid(format!(
                "swap_dims: the coordinate {to:?} has dimensions ({}); it must lie along {from:?} alone",
                coord.dims.join(", ")
            )));
        }
        if dims.iter().any(|d| d == to) {
            return Err(Error::invalid(format!(
                "swap_dims: there is a dimension {to:?} already"
            )));
        }
    }
    Ok(())
}

fn swap(dims: &mut [String], names: &[(&str, &str)]) {
    for dim in dims {
        *dim = new_name(dim, names);
    }
}

fn assign(attrs: &mut Attrs, more: &[(&str, AttrValue)]) {
    for (name, value) in more {
        attrs.set(name, value.clone());
    }
}

/// Coordinates that label no dimension: those of `names`, or all.
fn resettable(coords: &[Coord], names: &[&str]) -> Result<Vec<String>> {
    for name in names {
        match coords.iter().find(|c| c.name == *name) {
            None => {
                let known = coords.iter().map(|c| c.name.as_str());
                return Err(unknown("reset_coords", name, known));
            }
            Some(coord) if coord.is_index() => {
                return Err(Error::invalid(format!(
                    "reset_coords: {name:?} labels its own dimension; such a coordinate can only be dropped (drop_vars)"
                )));
            }
            Some(_) => {}
        }
    }
    let wanted = |c: &&Coord| match names {
        [] => !c.is_index(),
        _ => names.contains(&c.name.as_str()),
    };
    Ok(coords
        .iter()
        .filter(wanted)
        .map(|c| c.name.clone())
        .collect())
}

impl Dataset {
    fn all_names(&self) -> impl Iterator<Item = &str> {
        let variables = self.variables.iter().filter_map(DataArray::name);
        variables.chain(self.coords.iter().map(|c| c.name.as_str()))
    }

    /// Other names for variables, coordinates and dimensions.
    #[must_use]
    #[track_caller]
    pub fn rename(&self, names: &[(&str, &str)]) -> Dataset {
        let sizes = self.sizes();
        for (from, _) in names {
            let known = || {
                self.all_names()
                    .chain(sizes.iter().map(|(d, _)| d.as_str()))
            };
            if !known().any(|name| name == *from) {
                return self.fail(unknown("rename", from, known()));
            }
        }
        let coords = renamed(&self.coords, names);
        let mut variables = Vec::with_capacity(self.variables.len());
        for variable in &self.variables {
            let mut result = variable.clone();
            result.name = variable.name().map(|name| new_name(name, names));
            result.dims = variable.dims.iter().map(|d| new_name(d, names)).collect();
            result.coords = renamed(&variable.coords, names);
            if let Err(error) = all_distinct("rename", result.dims.iter().map(String::as_str)) {
                return self.fail(error);
            }
            variables.push(result);
        }
        let all = variables
            .iter()
            .filter_map(DataArray::name)
            .chain(coords.iter().map(|c| c.name.as_str()));
        if let Err(error) = all_distinct("rename", all) {
            return self.fail(error);
        }
        self.with_coords("rename", variables, Ok(coords))
    }

    /// As [`DataArray::swap_dims`].
    #[must_use]
    #[track_caller]
    pub fn swap_dims(&self, names: &[(&str, &str)]) -> Dataset {
        let dims: Vec<String> = self.sizes().into_iter().map(|(d, _)| d).collect();
        if let Err(error) = swappable(&dims, &self.coords, names) {
            return self.fail(error);
        }
        let mut coords = self.coords.clone();
        coords.iter_mut().for_each(|c| swap(&mut c.dims, names));
        let variables = each!(self, v => {
            let mut result = v.clone();
            swap(&mut result.dims, names);
            result.coords.iter_mut().for_each(|c| swap(&mut c.dims, names));
            result
        });
        self.with_coords("swap_dims", variables, Ok(coords))
    }

    /// Global attributes set or replaced.
    #[must_use]
    pub fn assign_attrs(&self, attrs: &[(&str, AttrValue)]) -> Dataset {
        let mut result = self.clone();
        assign(&mut result.attrs, attrs);
        result
    }

    /// Coordinates added or replaced.
    #[must_use]
    #[track_caller]
    pub fn assign_coords(&self, coord: Coord) -> Dataset {
        let sizes = self.sizes();
        for (dim, len) in coord.dims.iter().zip(coord.shape()) {
            if let Some((_, known)) = sizes.iter().find(|(d, _)| d == dim)
                && known != len
            {
                return self.fail(Error::invalid(format!(
                    "assign_coords: {:?} has length {len} along {dim:?}; the dataset has {known}",
                    coord.name
                )));
            }
        }
        let mut coords = self.coords.clone();
        coords.retain(|c| c.name != coord.name);
        coords.push(coord.clone());
        let mut variables = Vec::with_capacity(self.variables.len());
        for variable in self
            .variables
            .iter()
            .filter(|v| v.name() != Some(&coord.name))
        {
            let mut result = variable.clone();
            result.coords.retain(|c| c.name != coord.name);
            if coord.dims.iter().all(|d| result.has(d)) {
                result.coords.push(coord.clone());
            }
            variables.push(result);
        }
        self.with_coords("assign_coords", variables, Ok(coords))
    }

    /// Variables added or replaced, each under its name; their labels are brought to those of the dataset (xarray joins left).
    #[must_use]
    #[track_caller]
    pub fn assign(&self, more: &[DataArray]) -> Dataset {
        let mut variables = self.variables.clone();
        for array in more {
            let Some(name) = array.name() else {
                return self.fail(Error::invalid(
                    "assign: an array has no name; give it one with `rename`",
                ));
            };
            if self.coords.iter().any(|c| c.name == name) {
                return self.fail(Error::invalid(format!(
                    "assign: {name:?} is a coordinate; change it with assign_coords"
                )));
            }
            let indexes: Vec<Coord> = self
                .coords
                .iter()
                .filter(|c| c.is_index())
                .cloned()
                .collect();
            let made = array.conform("assign", &indexes, None);
            match variables.iter_mut().find(|v| v.name() == Some(name)) {
                Some(known) => *known = made,
                None => variables.push(made),
            }
        }
        self.of("assign", variables, &[(&self.origin, &self.coords)])
    }

    /// Without these variables and coordinates.
    #[must_use]
    #[track_caller]
    pub fn drop_vars(&self, names: &[&str]) -> Dataset {
        if let Some(name) = names.iter().find(|n| !self.all_names().any(|k| k == **n)) {
            return self.fail(unknown("drop_vars", name, self.all_names()));
        }
        let gone = |name: &str| names.contains(&name);
        let mut result = self.clone();
        result.variables.retain(|v| !v.name().is_some_and(gone));
        result.coords.retain(|c| !gone(&c.name));
        for variable in &mut result.variables {
            variable.coords.retain(|c| !gone(&c.name));
        }
        result
    }

    /// Without these dimensions and all variables and coordinates that have them.
    #[must_use]
    #[track_caller]
    pub fn drop_dims(&self, dims: &[&str]) -> Dataset {
        if let Err(error) = self.check_dims("drop_dims", dims) {
            return self.fail(error);
        }
        let has = |own: &[String]| own.iter().any(|d| dims.contains(&d.as_str()));
        let mut result = self.clone();
        result.variables.retain(|v| !has(&v.dims));
        result.coords.retain(|c| !has(&c.dims));
        result
    }

    /// Variables made coordinates. Coordinates are in the memory of rank 0: the variables are computed at this call, in shared
    /// passes.
    #[must_use]
    #[track_caller]
    pub fn set_coords(&self, names: &[&str]) -> Dataset {
        if let Some(name) = names.iter().find(|n| !self.all_names().any(|k| k == **n)) {
            return self.fail(unknown("set_coords", name, self.all_names()));
        }
        let wanted = |v: &&DataArray| v.name().is_some_and(|n| names.contains(&n));
        let chosen: Vec<&DataArray> = self.variables.iter().filter(wanted).collect();
        let arrays: Vec<&Array> = chosen.iter().map(|v| &v.array).collect();
        let blocks = match crate::array::compute(&arrays) {
            Ok(blocks) => blocks,
            Err(error) => return self.fail(error.context("set_coords")),
        };
        let mut result = self.clone();
        result.variables.retain(|v| !wanted(&v));
        for (variable, block) in chosen.into_iter().zip(blocks) {
            let coord = Coord {
                name: variable.name().unwrap_or_default().to_owned(),
                dims: variable.dims.clone(),
                values: Values::Block(block.into()),
                attrs: variable.attrs.clone(),
                time: None,
            };
            result = result.assign_coords(coord);
        }
        result
    }

    /// Coordinates made variables (empty: all that label no dimension).
    #[must_use]
    #[track_caller]
    pub fn reset_coords(&self, names: &[&str], drop: bool) -> Dataset {
        let made = match drop {
            true => resettable(&self.coords, names).map(|names| {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                self.drop_vars(&names)
            }),
            false => self.reset_coords_checked(names),
        };
        match made {
            Ok(made) => made,
            Err(error) => self.fail(error),
        }
    }

    fn reset_coords_checked(&self, names: &[&str]) -> Result<Dataset> {
        let names = resettable(&self.coords, names)?;
        let mut moved = Vec::with_capacity(names.len());
        for name in &names {
            let mut array = self.get(name)?;
            array.coords.retain(|c| !names.contains(&c.name));
            moved.push(array);
        }
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut result = self.drop_vars(&names);
        result.variables.extend(moved);
        Ok(result)
    }

    /// The variables along a new dimension `dim` before all, with their names as labels. xarray's `to_dataarray`.
    ///
    /// # Errors
    /// Invalid input when there are no variables, or dtypes have no common one.
    #[track_caller]
    pub fn to_dataarray(&self, dim: &str) -> Result<DataArray> {
        self.check()?;
        let arrays: Vec<&DataArray> = self.variables.iter().collect();
        let whole = super::reindex::broadcast(&arrays)?;
        let names: Vec<String> = self
            .variables
            .iter()
            .filter_map(|v| v.name.clone())
            .collect();
        let len = names.len();
        let labels = Coord {
            name: dim.to_owned(),
            dims: vec![dim.to_owned()],
            values: Values::Texts(names.into(), vec![len]),
            attrs: Attrs::default(),
            time: None,
        };
        let mut bare: Vec<DataArray> = whole;
        for array in &mut bare {
            array.coords = self.coords.clone();
            array.name = None;
            array
                .coords
                .retain(|c| c.dims.iter().all(|d| array.dims.contains(d)));
        }
        let bare: Vec<&DataArray> = bare.iter().collect();
        let mut result = super::concat::concat(&bare, labels, super::join::Join::Outer)?;
        result.attrs = self.attrs.clone();
        Ok(result)
    }
}
