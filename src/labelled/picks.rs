//! Checked positions along dimensions, and what they pick of arrays and of coordinates: one dimension at a time, or several point
//! by point. Data are selected lazily, coordinates at once; a list that is long is held by the plan in pieces, and nothing of
//! the data is gathered.

use super::coord::Coord;
use super::data_array::DataArray;
use super::indexer::{Indexer, Points};
use crate::array::{Array, Index};
use crate::error::{Error, Result, nearest_names};
use crate::geom::{Select, Span};

/// What is picked along one dimension.
enum Pick {
    At(usize),
    Span(Span),
    List(Vec<usize>),
}

/// Checked positions along some dimensions.
pub(super) struct Picks {
    single: Vec<(String, Pick)>,
    /// Picked together, point by point.
    together: Vec<(String, PointList)>,
    /// Coordinates that came with the positions.
    coords: Vec<Coord>,
}

struct PointList {
    dims: Vec<String>,
    shape: Vec<usize>,
    positions: Vec<usize>,
}

/// Positions as those of an axis: negative ones count from the end.
pub(super) fn checked(
    operation: &str,
    dim: &str,
    len: usize,
    positions: &[isize],
) -> Result<Vec<usize>> {
    let n = len as isize;
    positions
        .iter()
        .map(|at| match (-n..n).contains(at) {
            true => Ok(at.rem_euclid(n) as usize),
            false => Err(Error::invalid(match len {
                0 => format!("{operation}: position {at} is out of range: dimension {dim:?} has length 0"),
                _ => format!(
                    "{operation}: position {at} is out of range on dimension {dim:?} of length {len}; allowed are {} … {}",
                    -n,
                    n - 1
                ),
            })),
        })
        .collect()
}

impl Picks {
    /// Checks positions against the lengths of dimensions.
    pub(super) fn new(
        operation: &str,
        sizes: &[(String, usize)],
        indexers: Vec<(String, Indexer)>,
    ) -> Result<Picks> {
        let mut picks = Picks {
            single: Vec::new(),
            together: Vec::new(),
            coords: Vec::new(),
        };
        let len_of = |dim: &str| {
            let found = sizes.iter().find(|(d, _)| d == dim);
            found.map(|(_, len)| *len).ok_or_else(|| {
                let known = nearest_names(dim, sizes.iter().map(|(d, _)| d.as_str()));
                Error::invalid(format!(
                    "{operation}: unknown dimension {dim:?}; known: {known}"
                ))
            })
        };
        for (dim, indexer) in indexers {
            let len = len_of(&dim)?;
            let checked = |positions: &[isize]| checked(operation, &dim, len, positions);
            let pick = match indexer {
                Indexer::At(at) => Pick::At(checked(&[at])?[0]),
                Indexer::Slice(start, stop, step) => Pick::Span(
                    Span::slice(start, stop, step, len)
                        .map_err(|e| e.context(format!("selecting along {dim:?}")))?,
                ),
                Indexer::List(list) => Pick::List(checked(&list)?),
                Indexer::Points(points) => {
                    let positions = checked(&points.positions)?;
                    let Points {
                        dims,
                        shape,
                        coords,
                        ..
                    } = points;
                    for coord in coords {
                        if picks.coords.iter().all(|c| c.name != coord.name) {
                            picks.coords.push(coord);
                        }
                    }
                    let list = PointList {
                        dims,
                        shape,
                        positions,
                    };
                    picks.together.push((dim.clone(), list));
                    continue;
                }
            };
            picks.single.push((dim.clone(), pick));
        }
        picks.pair_with_own(sizes);
        if let [(dim, list)] = picks.together.as_slice()
            && list.dims == std::slice::from_ref(dim)
        {
            // Along itself: a list.
            let (dim, list) = picks.together.remove(0);
            picks.single.push((dim, Pick::List(list.positions)));
        } else {
            picks.check_points(operation)?;
        }
        Ok(picks)
    }

    /// Points along a dimension that stays pair with its own positions: `level` picked by an array along `time` takes one level
    /// at each time.
    fn pair_with_own(&mut self, sizes: &[(String, usize)]) {
        let named = |dim: &str| self.together.iter().any(|(d, _)| d == dim);
        let mut own: Vec<String> = Vec::new();
        for (_, list) in &self.together {
            for dim in &list.dims {
                let known = sizes.iter().any(|(d, _)| d == dim);
                if known && !named(dim) && !own.contains(dim) {
                    own.push(dim.clone());
                }
            }
        }
        for dim in own {
            let len = sizes.iter().find(|(d, _)| *d == dim).map_or(0, |s| s.1);
            let single = self.single.iter().position(|(d, _)| *d == dim);
            let positions = match single.map(|at| self.single.remove(at).1) {
                None => (0..len).collect(),
                Some(Pick::List(list)) => list,
                Some(Pick::Span(span)) => (0..span.len)
                    .map(|i| (span.start as isize + i as isize * span.step) as usize)
                    .collect(),
                Some(Pick::At(at)) => {
                    // The dimension goes; the points keep the name for their own.
                    self.single.push((dim, Pick::At(at)));
                    continue;
                }
            };
            let (dims, shape) = (vec![dim.clone()], vec![positions.len()]);
            self.together.push((
                dim,
                PointList {
                    dims,
                    shape,
                    positions,
                },
            ));
        }
    }

    fn check_points(&self, operation: &str) -> Result<()> {
        let mut known: Vec<(&String, usize, &String)> = Vec::new();
        for (dim, list) in &self.together {
            for (name, len) in list.dims.iter().zip(&list.shape) {
                match known.iter().find(|(n, ..)| *n == name) {
                    Some((_, other, owner)) if other != len => {
                        return Err(Error::invalid(format!(
                            "{operation}: the points along {name:?} are {other} for {owner:?} and {len} for {dim:?}; they must \
                             be as many"
                        )));
                    }
                    Some(_) => {}
                    None => known.push((name, *len, dim)),
                }
            }
        }
        Ok(())
    }

    /// The points of something with these dimensions.
    fn points_of(&self, dims: &[String]) -> Option<PointPlan> {
        let mut own: Vec<(usize, &PointList)> = Vec::new();
        for (axis, dim) in dims.iter().enumerate() {
            if let Some((_, list)) = self.together.iter().find(|(d, _)| d == dim) {
                own.push((axis, list));
            }
        }
        let (first, _) = own.first()?;
        let (mut names, mut shape): (Vec<String>, Vec<usize>) = Default::default();
        for (_, list) in &own {
            for (name, len) in list.dims.iter().zip(&list.shape) {
                if !names.contains(name) {
                    names.push(name.clone());
                    shape.push(*len);
                }
            }
        }
        let lists = own
            .iter()
            .map(|(_, list)| spread(list, &names, &shape))
            .collect();
        Some(PointPlan {
            axes: own.iter().map(|(axis, _)| *axis).collect(),
            at: *first,
            names,
            shape,
            lists,
        })
    }

    /// What is picked of a coordinate.
    pub(super) fn coord(&self, coord: &Coord) -> Result<Coord> {
        let mut result = coord.clone();
        if let Some(plan) = self.points_of(&coord.dims) {
            let own = coord.shape().to_vec();
            let mut dims: Vec<String> = Vec::new();
            let mut shape: Vec<usize> = Vec::new();
            for (axis, dim) in coord.dims.iter().enumerate() {
                if axis == plan.at {
                    dims.extend(plan.names.iter().cloned());
                    shape.extend(&plan.shape);
                }
                if !plan.axes.contains(&axis) {
                    dims.push(dim.clone());
                    shape.push(own[axis]);
                }
            }
            let strides: Vec<usize> = (0..own.len())
                .map(|axis| own[axis + 1..].iter().product())
                .collect();
            let points: usize = plan.shape.iter().product();
            let at_point = |p: usize| -> usize {
                let each = plan.axes.iter().zip(&plan.lists);
                each.map(|(axis, list)| list[p] * strides[*axis]).sum()
            };
            let mut flat = vec![0];
            for axis in 0..own.len() {
                if axis == plan.at {
                    flat = flat
                        .iter()
                        .flat_map(|before| (0..points).map(move |p| before + at_point(p)))
                        .collect();
                }
                if !plan.axes.contains(&axis) {
                    flat = flat
                        .iter()
                        .flat_map(|before| {
                            let stride = strides[axis];
                            (0..own[axis]).map(move |i| before + i * stride)
                        })
                        .collect();
                }
            }
            let flat: Vec<Option<usize>> = flat.into_iter().map(Some).collect();
            result = result.gather(dims, &shape, &flat)?;
        }
        for (dim, pick) in &self.single {
            let Some(axis) = result.dims.iter().position(|d| d == dim) else {
                continue;
            };
            result = match pick {
                Pick::List(list) => {
                    let list: Vec<Option<usize>> = list.iter().copied().map(Some).collect();
                    result.take(dim, &list)?
                }
                Pick::Span(span) => {
                    let mut spans: Vec<Span> =
                        result.shape().iter().map(|len| Span::all(*len)).collect();
                    spans[axis] = *span;
                    result.select(&Select::spans(&spans), result.dims.clone())?
                }
                Pick::At(at) => {
                    let mut dims = result.dims.clone();
                    dims.remove(axis);
                    result.select(&Select::all(result.shape()).fix(axis, *at), dims)?
                }
            };
        }
        Ok(result)
    }

    /// What is picked of an array, with its coordinates and those of the points.
    #[track_caller]
    pub(super) fn array(&self, array: &DataArray) -> DataArray {
        if array.check().is_err() {
            return array.clone();
        }
        let mut result = array.clone();
        let plan = self.points_of(&array.dims);
        if let Some(plan) = &plan {
            result.array = plan.take(&result.array);
            let mut dims = Vec::new();
            for (axis, dim) in array.dims.iter().enumerate() {
                if axis == plan.at {
                    dims.extend(plan.names.iter().cloned());
                }
                if !plan.axes.contains(&axis) {
                    dims.push(dim.clone());
                }
            }
            result.dims = dims;
            let twice = |(i, dim): (usize, &String)| result.dims[..i].contains(dim);
            if let Some(i) = (0..result.dims.len()).find(|i| twice((*i, &result.dims[*i]))) {
                let text = format!(
                    "isel: the points lie along {:?}, a dimension that the array has already",
                    result.dims[i]
                );
                return result.fail(Error::invalid(text));
            }
            result.encoding = Default::default();
        }
        for (dim, pick) in &self.single {
            let Some(axis) = result.dims.iter().position(|d| d == dim) else {
                continue;
            };
            result.array = match pick {
                Pick::List(list) => {
                    let list: Vec<isize> = list.iter().map(|at| *at as isize).collect();
                    result.encoding = Default::default();
                    result.array.take(&list, Some(axis as isize))
                }
                Pick::Span(span) => {
                    let shape = result.array.shape();
                    let mut spans: Vec<Span> = shape.iter().map(|len| Span::all(*len)).collect();
                    spans[axis] = *span;
                    result.array.select(&spans)
                }
                Pick::At(at) => {
                    result.dims.remove(axis);
                    result.array.index(axis as isize, *at as isize)
                }
            };
        }
        match self.coords(&array.coords, &result.dims) {
            Ok(coords) => result.coords = coords,
            Err(error) => return result.fail(error),
        }
        result
    }

    /// Picked coordinates, and those of the points that lie along `dims`.
    pub(super) fn coords(&self, coords: &[Coord], dims: &[String]) -> Result<Vec<Coord>> {
        let mut result = coords
            .iter()
            .map(|c| self.coord(c))
            .collect::<Result<Vec<_>>>()?;
        for coord in &self.coords {
            let fits = coord.dims.iter().all(|d| dims.contains(d));
            if fits && result.iter().all(|c| c.name != coord.name) {
                result.push(coord.clone());
            }
        }
        Ok(result)
    }

    /// The dimensions of the points.
    pub(super) fn point_dims(&self) -> impl Iterator<Item = &String> {
        self.together.iter().flat_map(|(_, list)| &list.dims)
    }
}

/// The positions of a list, repeated along the dimensions that it lacks.
fn spread(list: &PointList, names: &[String], shape: &[usize]) -> Vec<usize> {
    if list.dims == names {
        return list.positions.clone();
    }
    let stride_of = |name: &String| {
        let axis = list.dims.iter().position(|d| d == name)?;
        Some(list.shape[axis + 1..].iter().product::<usize>())
    };
    let mut flat = vec![0];
    for (name, len) in names.iter().zip(shape) {
        let stride = stride_of(name).unwrap_or(0);
        flat = flat
            .iter()
            .flat_map(|before| (0..*len).map(move |i| before + i * stride))
            .collect();
    }
    flat.into_iter().map(|at| list.positions[at]).collect()
}

/// Points of one array: the axes that they pick, where they stand in the result, and the positions.
struct PointPlan {
    axes: Vec<usize>,
    at: usize,
    names: Vec<String>,
    shape: Vec<usize>,
    lists: Vec<Vec<usize>>,
}

impl PointPlan {
    #[track_caller]
    fn take(&self, array: &Array) -> Array {
        let ndim = array.ndim();
        let mut lists = self.lists.iter();
        let parts: Vec<Index> = (0..ndim)
            .map(|axis| match self.axes.contains(&axis) {
                true => {
                    let list = lists.next().map_or(&[][..], Vec::as_slice);
                    Index::List(list.iter().map(|at| *at as isize).collect())
                }
                false => Index::ALL,
            })
            .collect();
        let mut taken = array.vindex(parts);
        if self.at > 0 {
            taken = taken.moveaxis(&[0], &[self.at as isize]);
        }
        if self.shape.len() != 1 {
            let mut shape: Vec<isize> = taken.shape().iter().map(|len| *len as isize).collect();
            let points = self.shape.iter().map(|len| *len as isize);
            shape.splice(self.at..=self.at, points);
            taken = taken.reshape(&shape);
        }
        taken
    }
}
