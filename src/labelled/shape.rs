//! Dimensions reordered, added, removed, put together and taken apart; elements sorted by labels.

use super::align::spread;
use super::coord::Coord;
use super::data_array::DataArray;
use super::dataset::{Dataset, each};
use super::indexer::Indexer;
use super::keys::Keys;
use super::reindex::reindexed;
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
fn turned(coord: &Coord, dims: &[String]) -> Result<Coord> {
    let along = |dim: &String| coord.dims.iter().position(|d| d == dim);
    let order: Vec<usize> = dims.iter().filter_map(along).collect();
    if order.is_sorted() || order.len() != coord.dims.len() {
        return Ok(coord.clone());
    }
    let names = order.iter().map(|a| coord.dims[*a].clone()).collect();
    coord.select(&Select::transpose(coord.shape(), &order), names)
}

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

    /// Dimensions put together to one, the last of the result: its coordinates are those of the dimensions, repeated along it
    /// (xarray's `create_index=False`: there are no multi-indexes here).
    #[must_use]
    #[track_caller]
    pub fn stack(&self, new: &str, dims: &[&str]) -> Self {
        let axes = match self.axes("stack", dims) {
            Ok(axes) if !axes.is_empty() && !(self.has(new) && !dims.contains(&new)) => axes,
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
