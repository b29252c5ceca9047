//! `coarsen`: windows side by side along dimensions, each folded to one element, after xarray.
//!
//! Elements are folded by the array layer from a view of the windows. Coordinates lie in memory on rank 0 and are folded here:
//! numbers and times by their mean, or as `coord_func` says.

use super::coarsen_coords::{Places, folded};
use super::coord::Coord;
use super::data_array::DataArray;
use super::indexer::Indexer;
use super::rolling::folds;
use crate::array::{Array, CoarsenBoundary, PadMode};
use crate::dtype::Scalar;
use crate::error::{Error, Result, nearest_names};
use crate::op::ReductionKind;

/// Where the elements lie that fill no window: at the end, or at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Side {
    /// Windows begin at the first element.
    #[default]
    Left,
    /// Windows end at the last element.
    Right,
}

impl std::str::FromStr for Side {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "left" => Ok(Side::Left),
            "right" => Ok(Side::Right),
            other => Err(Error::invalid(format!(
                "coarsen: unknown side {other:?}; known: left, right"
            ))),
        }
    }
}

/// What becomes of the labels of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum CoordFunc {
    /// Their mean.
    #[default]
    Mean,
    /// The smallest.
    Min,
    /// The largest.
    Max,
}

impl std::str::FromStr for CoordFunc {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "mean" => Ok(CoordFunc::Mean),
            "min" => Ok(CoordFunc::Min),
            "max" => Ok(CoordFunc::Max),
            other => Err(Error::invalid(format!(
                "coarsen: unknown coord_func {other:?}; known: mean, min, max"
            ))),
        }
    }
}

/// How an array is coarsened: what an array and a dataset share.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// Dimensions, the elements of their windows, and where those lie that fill none.
    pub(super) windows: Vec<(String, usize, Side)>,
    pub(super) boundary: CoarsenBoundary,
    /// What becomes of all coordinates, and of those with a name.
    coord_func: (CoordFunc, Vec<(String, CoordFunc)>),
}

impl Plan {
    pub(super) fn new(windows: &[(&str, usize)]) -> Self {
        let windows = windows
            .iter()
            .map(|(dim, window)| ((*dim).to_owned(), *window, Side::Left));
        Plan {
            windows: windows.collect(),
            boundary: CoarsenBoundary::Exact,
            coord_func: (CoordFunc::Mean, Vec::new()),
        }
    }

    pub(super) fn dims(&self) -> Vec<String> {
        self.windows.iter().map(|(dim, ..)| dim.clone()).collect()
    }

    pub(super) fn side(&mut self, side: Side) {
        for (.., own) in &mut self.windows {
            *own = side;
        }
    }

    pub(super) fn side_along(&mut self, dim: &str, side: Side) -> Result<()> {
        let known: Vec<String> = self.windows.iter().map(|(d, ..)| d.clone()).collect();
        match self.windows.iter_mut().find(|(d, ..)| d == dim) {
            Some((.., own)) => {
                *own = side;
                Ok(())
            }
            None => Err(Error::invalid(format!(
                "coarsen: side names the dimension {dim:?}, which has no window; those with one: {}",
                known.join(", ")
            ))),
        }
    }

    pub(super) fn coord_func(&mut self, func: CoordFunc) {
        self.coord_func.0 = func;
    }

    pub(super) fn coord_func_of(&mut self, name: &str, func: CoordFunc) {
        self.coord_func.1.retain(|(own, _)| own != name);
        self.coord_func.1.push((name.to_owned(), func));
    }

    /// Refuses windows of no element, and dimensions that they do not fill with an exact boundary.
    pub(super) fn check(&self, sizes: &[(String, usize)]) -> Result<()> {
        for (at, (dim, window, _)) in self.windows.iter().enumerate() {
            let len = sizes.iter().find(|(d, _)| d == dim).map(|(_, len)| *len);
            let Some(len) = len else {
                let known = nearest_names(dim, sizes.iter().map(|(d, _)| d.as_str()));
                return Err(Error::invalid(format!(
                    "coarsen: unknown dimension {dim:?}; known: {known}"
                )));
            };
            if self.windows[..at].iter().any(|(d, ..)| d == dim) {
                return Err(Error::invalid(format!(
                    "coarsen: dimension {dim:?} is given twice"
                )));
            }
            if *window == 0 {
                return Err(Error::invalid(format!(
                    "coarsen: a window of 0 along {dim:?}; give at least 1"
                )));
            }
            match self.boundary {
                CoarsenBoundary::Exact if len % window != 0 => {
                    return Err(Error::invalid(format!(
                        "coarsen: {dim:?} of length {len} is no multiple of the window {window}: {} elements fill none; use \
                         boundary \"trim\" or \"pad\"",
                        len % window
                    )));
                }
                CoarsenBoundary::Trim if *window > len => {
                    return Err(Error::invalid(format!(
                        "coarsen: a window of {window} along {dim:?} of length {len}: boundary \"trim\" leaves nothing"
                    )));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Elements before the windows that are left out, those after, and those that are padded, before and after.
    fn ends(&self, window: usize, side: Side, len: usize) -> [usize; 4] {
        let rest = len % window;
        let more = (window - rest) % window;
        match (self.boundary, side) {
            (CoarsenBoundary::Exact, _) => [0; 4],
            (CoarsenBoundary::Trim, Side::Left) => [0, rest, 0, 0],
            (CoarsenBoundary::Trim, Side::Right) => [rest, 0, 0, 0],
            (CoarsenBoundary::Pad, Side::Left) => [0, 0, 0, more],
            (CoarsenBoundary::Pad, Side::Right) => [0, 0, more, 0],
        }
    }

    /// A reduction of the windows of `array`, without its coordinates.
    #[track_caller]
    fn elements(
        &self,
        array: &DataArray,
        kind: ReductionKind,
        skipna: Option<bool>,
    ) -> Result<Array> {
        let mut windows = Vec::new();
        let mut picked = Vec::new();
        let mut width = vec![(0, 0); array.dims.len()];
        for (dim, window, side) in self.windows.iter().filter(|(dim, ..)| array.has(dim)) {
            let axis = array.axis("coarsen", dim)?;
            let len = array.shape()[axis];
            let [out, cut, before, after] = self.ends(*window, *side, len);
            if out + cut > 0 {
                let (start, stop) = (out as isize, (len - cut) as isize);
                picked.push((dim.clone(), Indexer::Slice(Some(start), Some(stop), 1)));
            }
            width[axis] = (before, after);
            windows.push((axis as isize, *window));
        }
        // Coordinates are folded apart.
        let mut bare = array.clone();
        bare.coords.clear();
        let mut elements = bare.isel_owned("coarsen", picked).array;
        if width.iter().any(|width| *width != (0, 0)) {
            let dtype = elements.dtype().with_missing();
            let missing = Scalar::missing(dtype)
                .ok_or_else(|| Error::internal(format!("nothing missing in {dtype}")))?;
            let constant = PadMode::Constant(vec![(missing, missing)]);
            elements = elements.astype(dtype).pad(&width, &constant);
        }
        Ok(elements.coarsen(&windows, CoarsenBoundary::Exact, kind, skipna))
    }

    /// A reduction of the windows of `array`, with these coordinates.
    #[track_caller]
    pub(super) fn reduce(
        &self,
        array: &DataArray,
        kind: ReductionKind,
        skipna: Option<bool>,
        coords: &[Coord],
    ) -> DataArray {
        let elements = match array
            .check()
            .and_then(|()| self.elements(array, kind, skipna))
        {
            Ok(elements) => elements,
            Err(error) => return array.clone().fail(error),
        };
        let mut result = array.with_array(elements);
        result.coords = coords.to_vec();
        result.without_unit_of(kind);
        result
    }

    /// The coordinates of the windows.
    pub(super) fn coords(&self, coords: &[Coord]) -> Result<Vec<Coord>> {
        coords.iter().map(|coord| self.coord(coord)).collect()
    }

    fn coord(&self, coord: &Coord) -> Result<Coord> {
        let mut lines: Vec<(Places, usize)> = Vec::new();
        for (dim, len) in coord.dims.iter().zip(coord.shape()) {
            let own = self.windows.iter().find(|(d, ..)| d == dim);
            lines.push(match own {
                None => ((0..*len).map(Some).collect(), 1),
                Some((_, window, side)) => {
                    let [out, cut, before, after] = self.ends(*window, *side, *len);
                    let mut places = vec![None; before];
                    places.extend((out..len - cut).map(Some));
                    places.resize(places.len() + after, None);
                    (places, *window)
                }
            });
        }
        let windowed = |dim: &String| self.windows.iter().any(|(d, ..)| d == dim);
        if !coord.dims.iter().any(windowed) {
            return Ok(coord.clone());
        }
        let named = self.coord_func.1.iter().find(|(own, _)| *own == coord.name);
        let func = named.map_or(self.coord_func.0, |(_, func)| *func);
        folded(coord, &lines, func)
    }
}

/// Methods that say how windows lie, of `$Type` with a `plan` and `refused(self, Error)`.
macro_rules! coarsening {
    ($Type:ident) => {
        impl $Type {
            /// Dimensions with windows.
            pub fn dims(&self) -> Vec<String> {
                self.plan.dims()
            }

            /// What becomes of elements that fill no window: an error by default.
            #[must_use]
            pub fn boundary(mut self, boundary: CoarsenBoundary) -> Self {
                self.plan.boundary = boundary;
                self
            }

            /// Where the elements lie that fill no window: at the end by default.
            #[must_use]
            pub fn side(mut self, side: Side) -> Self {
                self.plan.side(side);
                self
            }

            /// As [`Self::side`], along one dimension.
            #[must_use]
            #[track_caller]
            pub fn side_along(mut self, dim: &str, side: Side) -> Self {
                match self.plan.side_along(dim, side) {
                    Ok(()) => self,
                    Err(error) => self.refused(error),
                }
            }

            /// What becomes of the labels of a window: their mean by default.
            #[must_use]
            pub fn coord_func(mut self, func: CoordFunc) -> Self {
                self.plan.coord_func(func);
                self
            }

            /// As [`Self::coord_func`], of the coordinate `name`.
            #[must_use]
            pub fn coord_func_of(mut self, name: &str, func: CoordFunc) -> Self {
                self.plan.coord_func_of(name, func);
                self
            }
        }
    };
}

pub(super) use coarsening;

/// Windows side by side along dimensions of an array, waiting for their reduction.
#[derive(Clone, Debug)]
pub struct Coarsen {
    array: DataArray,
    plan: Plan,
}

impl DataArray {
    /// Windows of so many elements side by side along dimensions: `x.coarsen(&[("lat", 4), ("lon", 4)]).mean()`. xarray's
    /// `coarsen`.
    #[must_use]
    pub fn coarsen(&self, windows: &[(&str, usize)]) -> Coarsen {
        Coarsen {
            array: self.clone(),
            plan: Plan::new(windows),
        }
    }

    fn named_sizes(&self) -> Vec<(String, usize)> {
        self.dims.iter().cloned().zip(self.shape()).collect()
    }
}

impl Coarsen {
    fn refused(mut self, error: Error) -> Self {
        self.array = self.array.fail(error);
        self
    }

    /// `Ok` when the windows fit the array.
    ///
    /// # Errors
    /// The first error of the array's making, or of the windows.
    pub fn check(&self) -> Result<()> {
        self.array.check()?;
        self.plan.check(&self.array.named_sizes())
    }

    /// Any reduction of each window, by its record.
    #[must_use]
    #[track_caller]
    pub fn reduce(&self, kind: ReductionKind) -> DataArray {
        self.reduce_skipping(kind, None)
    }

    /// As [`Coarsen::reduce`]; `skipna` as in [`DataArray::reduce`].
    #[must_use]
    #[track_caller]
    pub fn reduce_skipping(&self, kind: ReductionKind, skipna: Option<bool>) -> DataArray {
        match self
            .check()
            .and_then(|()| self.plan.coords(&self.array.coords))
        {
            Ok(coords) => self.plan.reduce(&self.array, kind, skipna, &coords),
            Err(error) => self.array.clone().fail(error),
        }
    }
}

coarsening! { Coarsen }

folds! { Coarsen => DataArray;
    sum => Sum, "Sum of each window.";
    prod => Prod, "Product of each window.";
    mean => Mean, "Arithmetic mean of each window.";
    min => Min, "Smallest of each window.";
    max => Max, "Largest of each window.";
    std => Std { ddof: 0 }, "Standard deviation of each window (ddof 0).";
    var => Var { ddof: 0 }, "Variance of each window (ddof 0).";
    count => Count, "Number of elements of each window that are not missing.";
    any => Any, "True when any element of the window is not zero.";
    all => All, "True when no element of the window is zero.";
}
