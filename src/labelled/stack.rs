//! Dimensions put together to one, and a dimension taken apart by its coordinates.

use super::align::spread;
use super::coord::Coord;
use super::data_array::DataArray;
use super::dataset::{Dataset, each};
use super::keys::Keys;
use super::reindex::reindexed;
use super::shape::turned;
use crate::error::{Error, Result, nearest_names};

/// A coordinate stacked along the new dimension: those of the stacked dimensions become labels along it.
fn stacked_coord(coord: &Coord, dims: &[(String, usize)], new: &str) -> Result<Coord> {
    if !coord.dims.iter().any(|d| dims.iter().any(|(s, _)| s == d)) {
        return Ok(coord.clone());
    }
    let mut to: Vec<(String, usize)> = coord
        .dims
        .iter()
        .cloned()
        .zip(coord.shape().to_vec())
        .filter(|(d, _)| dims.iter().all(|(s, _)| s != d))
        .collect();
    let others = to.len();
    to.extend(dims.iter().cloned());
    let whole = coord.broadcast(&to)?;
    let mut names: Vec<String> = to[..others].iter().map(|(d, _)| d.clone()).collect();
    let mut shape: Vec<usize> = to[..others].iter().map(|(_, n)| *n).collect();
    names.push(new.to_owned());
    shape.push(dims.iter().map(|(_, n)| n).product());
    let all: Vec<Option<usize>> = (0..whole.len()).map(Some).collect();
    whole.gather(names, &shape, &all)
}

/// How a dimension is taken apart: the new dimensions with their labels, and the position of each combination.
struct Unstacked {
    dim: String,
    levels: Vec<Coord>,
    places: Vec<Option<usize>>,
}

impl Unstacked {
    fn new(coords: &[Coord], dim: &str, levels: &[&str]) -> Result<Unstacked> {
        let along: Vec<&Coord> = coords
            .iter()
            .filter(|c| c.dims == [dim] && c.name != dim)
            .filter(|c| levels.is_empty() || levels.contains(&c.name.as_str()))
            .collect();
        let missing = levels.iter().find(|l| along.iter().all(|c| c.name != **l));
        if let (Some(level), _) | (None, Some(level)) = (missing, along.is_empty().then_some(&"")) {
            let known = coords.iter().filter(|c| c.dims == [dim] && c.name != dim);
            return Err(Error::invalid(format!(
                "unstack: {level:?} is no 1-D coordinate along {dim:?}, and such coordinates become the new dimensions; known: {}",
                nearest_names(level, known.map(|c| c.name.as_str()))
            )));
        }
        let along: Vec<&Coord> = match levels {
            [] => along,
            _ => levels
                .iter()
                .filter_map(|l| along.iter().find(|c| c.name == *l).copied())
                .collect(),
        };
        let mut labels = Vec::new();
        let mut codes: Vec<Vec<usize>> = Vec::new();
        for coord in along {
            let keys = Keys::of(coord);
            let order = keys.sorted();
            // The labels in the order in which they appear.
            let mut first_of = vec![0; keys.len()];
            let mut start = 0;
            for (i, at) in order.iter().enumerate() {
                if i > 0 && !keys.same(order[i - 1], *at) {
                    start = i;
                }
                first_of[*at] = order[start];
            }
            let firsts: Vec<usize> = (0..keys.len()).filter(|i| first_of[*i] == *i).collect();
            let number = |i: usize| firsts.partition_point(|f| *f < first_of[i]);
            codes.push((0..keys.len()).map(number).collect());
            let list: Vec<Option<usize>> = firsts.into_iter().map(Some).collect();
            let taken = coord.take(dim, &list)?;
            labels.push(taken.renamed(&coord.name, vec![coord.name.clone()]));
        }
        let shape: Vec<usize> = labels.iter().map(Coord::len).collect();
        let mut places = vec![None; shape.iter().product()];
        for i in 0..codes.first().map_or(0, Vec::len) {
            let flat = codes.iter().zip(&shape).fold(0, |at, (c, n)| at * n + c[i]);
            if let Some(before) = places[flat].replace(i) {
                return Err(Error::invalid(format!(
                    "unstack: positions {before} and {i} of {dim:?} have the same labels ({}); each combination may be there once",
                    labels
                        .iter()
                        .map(|l| l.name.as_str())
                        .collect::<Vec<_>>()
                        .join(", ")
                )));
            }
        }
        Ok(Unstacked {
            dim: dim.to_owned(),
            levels: labels,
            places,
        })
    }

    fn coords(&self, coords: &[Coord]) -> Result<Vec<Coord>> {
        let mut result = Vec::new();
        for coord in coords {
            if coord.name == self.dim || self.levels.iter().any(|l| l.name == coord.name) {
                continue;
            }
            if !coord.dims.contains(&self.dim) {
                result.push(coord.clone());
                continue;
            }
            // The stacked dimension last, then in its parts.
            let mut dims = coord.dims.clone();
            dims.retain(|d| *d != self.dim);
            let mut order = dims.clone();
            order.push(self.dim.clone());
            let last = turned(coord, &order)?;
            let mut shape = last.shape()[..dims.len()].to_vec();
            let taken = last.take(&self.dim, &self.places)?;
            dims.extend(self.levels.iter().map(|l| l.name.clone()));
            shape.extend(self.levels.iter().map(Coord::len));
            let all: Vec<Option<usize>> = (0..taken.len()).map(Some).collect();
            result.push(taken.gather(dims, &shape, &all)?);
        }
        result.extend(self.levels.iter().cloned());
        Ok(result)
    }

    #[track_caller]
    fn array(&self, array: &DataArray) -> DataArray {
        let Some(axis) = array.dims.iter().position(|d| *d == self.dim) else {
            return array.clone();
        };
        let last = array.array.moveaxis(&[axis as isize], &[-1]);
        let ndim = array.dims.len();
        let taken = reindexed(&last, ndim - 1, &self.places, None);
        let mut shape: Vec<isize> = taken.shape().iter().map(|n| *n as isize).collect();
        shape.pop();
        shape.extend(self.levels.iter().map(|l| l.len() as isize));
        let mut result = array.with_array(taken.reshape(&shape));
        result.dims.remove(axis);
        result
            .dims
            .extend(self.levels.iter().map(|l| l.name.clone()));
        match self.coords(&array.coords) {
            Ok(coords) => result.coords = coords,
            Err(error) => return result.fail(error),
        }
        result
    }
}

impl DataArray {
    /// Dimensions put together to one, the last of the result: its coordinates are those of the dimensions, repeated along it
    /// (xarray's `create_index=False`: there are no multi-indexes here).
    #[must_use]
    #[track_caller]
    pub fn stack(&self, new: &str, dims: &[&str]) -> Self {
        let axes = match self.axes("stack", dims) {
            Ok(axes) if !axes.is_empty() && (!self.has(new) || dims.contains(&new)) => axes,
            Ok(axes) => {
                let why = match axes.is_empty() {
                    true => "no dimensions to put together".to_owned(),
                    false => format!("the array has a dimension {new:?} already"),
                };
                return self.clone().fail(Error::invalid(format!("stack: {why}")));
            }
            Err(error) => return self.clone().fail(error),
        };
        let shape = self.shape();
        let others: Vec<usize> = (0..shape.len()).filter(|a| !axes.contains(a)).collect();
        let order: Vec<usize> = others.iter().chain(&axes).copied().collect();
        let mut flat: Vec<isize> = others.iter().map(|a| shape[*a] as isize).collect();
        flat.push(axes.iter().map(|a| shape[*a] as isize).product());
        let array = self.array.transpose(&order).reshape(&flat);
        let mut result = self.with_array(array);
        result.dims = others.iter().map(|a| self.dims[*a].clone()).collect();
        result.dims.push(new.to_owned());
        let sizes: Vec<(String, usize)> = axes
            .iter()
            .map(|a| (self.dims[*a].clone(), shape[*a]))
            .collect();
        let coords = self.coords.iter().map(|c| stacked_coord(c, &sizes, new));
        match coords.collect::<Result<Vec<_>>>() {
            Ok(coords) => result.coords = coords,
            Err(error) => return result.fail(error),
        }
        result
    }

    /// A dimension taken apart by its 1-D coordinates (`levels`; empty: all): each becomes a dimension with its labels in order of
    /// appearance, the last of the result. Combinations that are not there are missing.
    #[must_use]
    #[track_caller]
    pub fn unstack(&self, dim: &str, levels: &[&str]) -> Self {
        if let Err(error) = self.axis("unstack", dim) {
            return self.clone().fail(error);
        }
        match Unstacked::new(&self.coords, dim, levels) {
            Ok(unstacked) => unstacked.array(self),
            Err(error) => self.clone().fail(error),
        }
    }
}

impl Dataset {
    /// As [`DataArray::stack`]: variables that have one of the dimensions are repeated along the others.
    #[must_use]
    #[track_caller]
    pub fn stack(&self, new: &str, dims: &[&str]) -> Dataset {
        if let Err(error) = self.check_dims("stack", dims) {
            return self.fail(error);
        }
        let all = self.sizes();
        let sizes: Vec<(String, usize)> = dims
            .iter()
            .filter_map(|dim| all.iter().find(|(d, _)| d == dim).cloned())
            .collect();
        let variables = each!(self, v => match dims.iter().any(|d| v.has(d)) {
            true => {
                let mut whole = v.clone();
                let lacks = sizes.iter().filter(|(d, _)| !v.has(d));
                whole.dims.extend(lacks.clone().map(|(d, _)| d.clone()));
                let mut shape = v.shape();
                shape.extend(lacks.map(|(_, n)| *n));
                whole.array = spread(v, &whole.dims, &shape);
                whole.stack(new, dims)
            }
            false => v.clone(),
        });
        let coords = self.coords.iter().map(|c| stacked_coord(c, &sizes, new));
        let coords = coords.collect();
        self.with_coords("stack", variables, coords)
    }

    /// As [`DataArray::unstack`], of every variable that has the dimension.
    #[must_use]
    #[track_caller]
    pub fn unstack(&self, dim: &str, levels: &[&str]) -> Dataset {
        let unstacked = self
            .check_dims("unstack", &[dim])
            .and_then(|()| Unstacked::new(&self.coords, dim, levels));
        match unstacked {
            Ok(unstacked) => {
                let variables = each!(self, v => unstacked.array(v));
                self.with_coords("unstack", variables, unstacked.coords(&self.coords))
            }
            Err(error) => self.fail(error),
        }
    }
}
