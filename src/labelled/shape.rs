//! Dimensions reordered, added and removed; elements sorted by labels.

use super::coord::Coord;
use super::data_array::DataArray;
use super::dataset::{Dataset, each};
use super::indexer::Indexer;
use super::keys::Keys;
use crate::error::{Error, Result, nearest_names};
use crate::geom::Select;

/// Dimensions in a new order, where `"..."` stands for those that are not named.
fn ordered(operation: &str, own: &[String], wanted: &[&str]) -> Result<Vec<String>> {
    let named: Vec<&str> = wanted.iter().copied().filter(|d| *d != "...").collect();
    let rest: Vec<&String> = own
        .iter()
        .filter(|d| !named.contains(&d.as_str()))
        .collect();
    let mut order = Vec::with_capacity(own.len());
    for dim in wanted {
        match *dim {
            "..." => order.extend(rest.iter().map(|d| (*d).clone())),
            dim => order.push(dim.to_owned()),
        }
    }
    if wanted.iter().filter(|d| **d == "...").count() > 1 {
        return Err(Error::invalid(format!(
            "{operation}: \"...\" is twice in {wanted:?}; it may be there once"
        )));
    }
    Ok(order)
}

/// The dimensions of a coordinate in the order of those of an array, as in xarray.
pub(super) fn turned(coord: &Coord, dims: &[String]) -> Result<Coord> {
    let along = |dim: &String| coord.dims.iter().position(|d| d == dim);
    let order: Vec<usize> = dims.iter().filter_map(along).collect();
    if order.is_sorted() || order.len() != coord.dims.len() {
        return Ok(coord.clone());
    }
    let names = order.iter().map(|a| coord.dims[*a].clone()).collect();
    coord.select(&Select::transpose(coord.shape(), &order), names)
}

/// The order in which the labels of 1-D coordinates increase, for each dimension that they lie along.
fn sorting(coords: &[Coord], by: &[&str], ascending: bool) -> Result<Vec<(String, Indexer)>> {
    let mut orders: Vec<(String, Vec<usize>)> = Vec::new();
    // The first counts most: sort by the last one first, keeping the order of equals.
    for name in by.iter().rev() {
        let coord = coords.iter().find(|c| c.name == *name).ok_or_else(|| {
            Error::invalid(format!(
                "sortby: unknown coordinate {name:?}; known: {}",
                nearest_names(name, coords.iter().map(|c| c.name.as_str()))
            ))
        })?;
        let [dim] = coord.dims.as_slice() else {
            return Err(Error::invalid(format!(
                "sortby: the coordinate {name:?} has dimensions ({}); sort by 1-D coordinates",
                coord.dims.join(", ")
            )));
        };
        let order = match orders.iter().position(|(d, _)| d == dim) {
            Some(at) => &mut orders[at].1,
            None => {
                orders.push((dim.clone(), (0..coord.len()).collect()));
                match orders.last_mut() {
                    Some((_, order)) => order,
                    None => continue,
                }
            }
        };
        let list: Vec<Option<usize>> = order.iter().copied().map(Some).collect();
        let sorted = Keys::of(&coord.take(dim, &list)?).sorted();
        *order = sorted.into_iter().map(|i| order[i]).collect();
    }
    Ok(orders
        .into_iter()
        .map(|(dim, mut order)| {
            if !ascending {
                order.reverse();
            }
            let list = order.into_iter().map(|i| i as isize).collect();
            (dim, Indexer::List(list))
        })
        .collect())
}

/// Positions of the labels that appear for the first time (or the last).
fn distinct(coords: &[Coord], dim: &str, last: bool) -> Result<Indexer> {
    let keys = Keys::of(super::sel::index_of("drop_duplicates", coords, dim)?);
    let order = keys.sorted();
    let mut stays = Vec::new();
    let mut start = 0;
    for i in 1..=order.len() {
        if i == order.len() || !keys.same(order[start], order[i]) {
            stays.push(order[if last { i - 1 } else { start }]);
            start = i;
        }
    }
    stays.sort_unstable();
    Ok(Indexer::List(
        stays.into_iter().map(|i| i as isize).collect(),
    ))
}

fn was_scalar(coords: &[Coord], coord: &Coord) -> bool {
    coords
        .iter()
        .any(|c| c.name == coord.name && c.dims.is_empty())
}

impl DataArray {
    /// The dimensions in another order; `"..."` stands for those that are not named.
    #[must_use]
    #[track_caller]
    pub fn transpose(&self, dims: &[&str]) -> Self {
        let names = match ordered("transpose", &self.dims, dims) {
            Ok(names) => names,
            Err(error) => return self.clone().fail(error),
        };
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let order = match self.axes("transpose", &names) {
            Ok(order) if order.len() == self.dims.len() => order,
            Ok(_) => {
                let text = format!(
                    "transpose: {dims:?} does not name all of {:?}; \"...\" stands for the others",
                    self.dims
                );
                return self.clone().fail(Error::invalid(text));
            }
            Err(error) => return self.clone().fail(error),
        };
        let mut result = self.with_array(self.array.transpose(&order));
        result.dims = order.iter().map(|a| self.dims[*a].clone()).collect();
        // Coordinates of several dimensions follow, as in xarray.
        for coord in &mut result.coords {
            match turned(coord, &result.dims) {
                Ok(turned) => *coord = turned,
                Err(error) => return self.clone().fail(error),
            }
        }
        result
    }

    /// New dimensions before position `axis` of the result (negative: from the end), each with a length, or with labels. A scalar
    /// coordinate of the name becomes the label.
    #[must_use]
    #[track_caller]
    pub fn expand_dims(&self, new: &[(&str, NewDim)], axis: isize) -> Self {
        let mut result = self.clone();
        let total = self.dims.len() + new.len();
        let at = if axis < 0 {
            axis + (total - new.len() + 1) as isize
        } else {
            axis
        };
        if at < 0 || at as usize > self.dims.len() {
            return result.fail(Error::invalid(format!(
                "expand_dims: axis {axis} is not allowed; the result has {total} dimensions"
            )));
        }
        for (number, (dim, what)) in new.iter().enumerate() {
            if result.has(dim) {
                return result.fail(Error::invalid(format!(
                    "expand_dims: the array has a dimension {dim:?} already"
                )));
            }
            let place = at as usize + number;
            let len = match what {
                NewDim::Len(len) => *len,
                NewDim::Labels(labels) => labels.len(),
            };
            let mut shape = result.shape();
            shape.insert(place, len);
            let axes: Vec<usize> = (0..shape.len()).filter(|a| *a != place).collect();
            let mut longer = result.with_array(result.array.broadcast_axes(&axes, &shape));
            longer.dims.insert(place, (*dim).to_owned());
            match what {
                NewDim::Len(_) => {
                    for coord in longer.coords.iter_mut().filter(|c| c.name == *dim) {
                        match coord.broadcast(&[((*dim).to_owned(), len)]) {
                            Ok(index) if coord.dims.is_empty() => *coord = index,
                            Ok(_) => {}
                            Err(error) => return result.fail(error),
                        }
                    }
                }
                NewDim::Labels(labels) => {
                    longer.coords.retain(|c| c.name != *dim);
                    let index = labels.renamed(dim, vec![(*dim).to_owned()]);
                    longer.coords.push(index);
                }
            }
            result = longer;
        }
        result
    }

    /// Without these dimensions, which must have length 1 (empty: all such). Their labels stay as scalar coordinates, unless they
    /// are dropped.
    #[must_use]
    #[track_caller]
    pub fn squeeze(&self, dims: &[&str], drop: bool) -> Self {
        let mut gone: Vec<String> = Vec::new();
        let shape = self.shape();
        for dim in dims {
            match self.axis("squeeze", dim) {
                Ok(axis) if shape[axis] == 1 => gone.push((*dim).to_owned()),
                Ok(axis) => {
                    return self.clone().fail(Error::invalid(format!(
                        "squeeze: dimension {dim:?} has length {}; only dimensions of length 1 can go",
                        shape[axis]
                    )));
                }
                Err(error) => return self.clone().fail(error),
            }
        }
        if dims.is_empty() {
            let single = self.dims.iter().zip(&shape).filter(|(_, n)| **n == 1);
            gone = single.map(|(d, _)| d.clone()).collect();
        }
        let at = gone.iter().map(|d| (d.clone(), Indexer::At(0))).collect();
        let mut result = self.isel_owned("squeeze", at);
        if drop {
            let known = &self.coords;
            result
                .coords
                .retain(|c| !c.dims.is_empty() || was_scalar(known, c));
        }
        result
    }

    /// Elements in the order of 1-D coordinates (the first counts most; equals stay in their order), or the other way round.
    #[must_use]
    #[track_caller]
    pub fn sortby(&self, by: &[&str], ascending: bool) -> Self {
        match sorting(&self.coords, by, ascending) {
            Ok(orders) => self.isel_owned("sortby", orders),
            Err(error) => self.clone().fail(error),
        }
    }

    /// Without elements whose label along `dim` was there before (or will come again, with `last`).
    #[must_use]
    #[track_caller]
    pub fn drop_duplicates(&self, dim: &str, last: bool) -> Self {
        let found = self.axis("drop_duplicates", dim);
        match found.and_then(|_| distinct(&self.coords, dim, last)) {
            Ok(stays) => self.isel_owned("drop_duplicates", vec![(dim.to_owned(), stays)]),
            Err(error) => self.clone().fail(error),
        }
    }
}

/// A dimension that is added.
#[allow(clippy::large_enum_variant)] // a handful of them, for one call
#[derive(Clone, Debug)]
pub enum NewDim {
    /// So long, without labels.
    Len(usize),
    /// With labels.
    Labels(Coord),
}

impl Dataset {
    /// The dimensions of every variable in another order; `"..."` stands for those that are not named.
    #[must_use]
    #[track_caller]
    pub fn transpose(&self, dims: &[&str]) -> Dataset {
        let all: Vec<String> = self.sizes().into_iter().map(|(d, _)| d).collect();
        let named: Vec<&str> = dims.iter().copied().filter(|d| *d != "...").collect();
        let order = self
            .check_dims("transpose", &named)
            .and_then(|()| ordered("transpose", &all, dims));
        let order = match order {
            Ok(order) if order.len() == all.len() => order,
            Ok(_) => {
                return self.fail(Error::invalid(format!(
                    "transpose: {dims:?} does not name all of {all:?}; \"...\" stands for the others"
                )));
            }
            Err(error) => return self.fail(error),
        };
        let variables = each!(self, v => {
            let own: Vec<&str> = order.iter().map(String::as_str).filter(|d| v.has(d)).collect();
            v.transpose(&own)
        });
        let coords = self.coords.iter().map(|c| turned(c, &order)).collect();
        self.with_coords("transpose", variables, coords)
    }

    /// New dimensions before those of every variable.
    #[must_use]
    #[track_caller]
    pub fn expand_dims(&self, new: &[(&str, NewDim)]) -> Dataset {
        let variables = each!(self, v => v.expand_dims(new, 0));
        let gone = |c: &&Coord| new.iter().all(|(dim, _)| c.name != *dim);
        let coords: Vec<Coord> = self.coords.iter().filter(gone).cloned().collect();
        self.with_coords("expand_dims", variables, Ok(coords))
    }

    /// Without these dimensions, which must have length 1 (empty: all such).
    #[must_use]
    #[track_caller]
    pub fn squeeze(&self, dims: &[&str], drop: bool) -> Dataset {
        let sizes = self.sizes();
        if let Err(error) = self.check_dims("squeeze", dims) {
            return self.fail(error);
        }
        let wanted = |dim: &str| dims.is_empty() || dims.contains(&dim);
        if let Some((dim, len)) = sizes
            .iter()
            .find(|(d, len)| dims.contains(&d.as_str()) && *len != 1)
        {
            return self.fail(Error::invalid(format!(
                "squeeze: dimension {dim:?} has length {len}; only dimensions of length 1 can go"
            )));
        }
        let gone: Vec<(String, Indexer)> = sizes
            .into_iter()
            .filter(|(d, len)| *len == 1 && wanted(d))
            .map(|(d, _)| (d, Indexer::At(0)))
            .collect();
        let result = self.isel_owned("squeeze", gone);
        if !drop {
            return result;
        }
        let gone = |c: &&Coord| c.dims.is_empty() && !was_scalar(&self.coords, c);
        let lost: Vec<&str> = result
            .coords
            .iter()
            .filter(gone)
            .map(|c| c.name.as_str())
            .collect();
        result.drop_vars(&lost)
    }

    /// As [`DataArray::sortby`], all variables alike.
    #[must_use]
    #[track_caller]
    pub fn sortby(&self, by: &[&str], ascending: bool) -> Dataset {
        match sorting(&self.coords, by, ascending) {
            Ok(orders) => self.isel_owned("sortby", orders),
            Err(error) => self.fail(error),
        }
    }

    /// As [`DataArray::drop_duplicates`], all variables alike.
    #[must_use]
    #[track_caller]
    pub fn drop_duplicates(&self, dim: &str, last: bool) -> Dataset {
        match distinct(&self.coords, dim, last) {
            Ok(stays) => self.isel_owned("drop_duplicates", vec![(dim.to_owned(), stays)]),
            Err(error) => self.fail(error),
        }
    }

    /// This dataset with other variables and coordinates.
    #[track_caller]
    pub(super) fn with_coords(
        &self,
        operation: &str,
        variables: Vec<DataArray>,
        coords: Result<Vec<Coord>>,
    ) -> Dataset {
        match coords {
            Ok(coords) => self.of(operation, variables, &[(&self.origin, &coords)]),
            Err(error) => self.fail(error),
        }
    }
}
