//! `rolling`: windows that slide along dimensions, after xarray.
//!
//! One dimension is a sliding fold of the array layer: work does not grow with the window, and tiles need no more of the axis than
//! themselves and a window less one. Several dimensions, and what has no sliding fold, are reductions of a view of the windows,
//! with a count beside them in the same pass. Coordinates stay as they are.

use super::data_array::DataArray;
use super::dataset_reduce::name_of;
use super::indexer::Indexer;
use crate::array::{Array, PadMode, ReduceOptions};
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result};
use crate::op::{ReductionKind, SlidingKind};

/// How windows lie: what a rolling array and a rolling dataset share.
#[derive(Clone, Debug)]
pub(super) struct Windows {
    /// Dimensions, the elements of their windows, and whether they lie around their element.
    pub(super) along: Vec<(String, usize, bool)>,
    pub(super) min_periods: Option<usize>,
}

impl Windows {
    pub(super) fn new(windows: &[(&str, usize)]) -> Self {
        let along = windows
            .iter()
            .map(|(dim, window)| ((*dim).to_owned(), *window, false));
        Windows {
            along: along.collect(),
            min_periods: None,
        }
    }

    pub(super) fn dims(&self) -> Vec<String> {
        self.along.iter().map(|(dim, ..)| dim.clone()).collect()
    }

    pub(super) fn center(&mut self, center: bool) {
        for (.., own) in &mut self.along {
            *own = center;
        }
    }

    pub(super) fn center_along(&mut self, dim: &str, center: bool) -> Result<()> {
        let known = self.along.iter().map(|(d, ..)| d.clone());
        let known: Vec<String> = known.collect();
        match self.along.iter_mut().find(|(d, ..)| d == dim) {
            Some((.., own)) => {
                *own = center;
                Ok(())
            }
            None => Err(Error::invalid(format!(
                "rolling: center names the dimension {dim:?}, which has no window; those with one: {}",
                known.join(", ")
            ))),
        }
    }

    /// The windows along the dimensions that `array` has.
    pub(super) fn of(&self, array: &DataArray) -> Self {
        let own = self.along.iter().filter(|(dim, ..)| array.has(dim));
        Windows {
            along: own.cloned().collect(),
            min_periods: self.min_periods,
        }
    }

    /// Refuses windows of no element or longer than their dimension, and more periods than elements.
    pub(super) fn check(&self, array: &DataArray) -> Result<()> {
        array.check()?;
        let dims: Vec<&str> = self.along.iter().map(|(dim, ..)| dim.as_str()).collect();
        if dims.is_empty() {
            return Err(Error::invalid(format!(
                "rolling: no dimension; give at least one of {} with its window",
                array.dims.join(", ")
            )));
        }
        let axes = array.axes("rolling", &dims)?;
        let shape = array.shape();
        for ((dim, window, _), axis) in self.along.iter().zip(axes) {
            let len = shape[axis];
            if *window == 0 || *window > len {
                return Err(Error::invalid(format!(
                    "rolling: a window of {window} along {dim:?} of length {len}; allowed are 1 … {len}"
                )));
            }
        }
        let elements: usize = self.along.iter().map(|(_, window, _)| window).product();
        match self.min_periods {
            Some(least) if least == 0 || least > elements => Err(Error::invalid(format!(
                "rolling: min_periods {least} with windows of {elements} elements; allowed are 1 … {elements}"
            ))),
            _ => Ok(()),
        }
    }

    fn least(&self) -> usize {
        let elements = self.along.iter().map(|(_, window, _)| window).product();
        self.min_periods.unwrap_or(elements)
    }

    /// The windows of `array` as new last axes, and which they are; `fill` lies outside.
    #[track_caller]
    fn view(&self, array: &DataArray, fill: Option<Scalar>) -> Result<(Array, Vec<isize>)> {
        let dims: Vec<&str> = self.along.iter().map(|(dim, ..)| dim.as_str()).collect();
        let axes = array.axes("rolling", &dims)?;
        let mut width = vec![(0, 0); array.dims.len()];
        for ((_, window, center), axis) in self.along.iter().zip(&axes) {
            let after = if *center { (window - 1) / 2 } else { 0 };
            width[*axis] = (window - 1 - after, after);
        }
        let (elements, fill) = match fill {
            Some(fill) => (array.array.clone(), fill),
            None => {
                let dtype = array.dtype().with_missing();
                let missing = Scalar::missing(dtype);
                let missing = missing
                    .ok_or_else(|| Error::internal(format!("nothing missing in {dtype}")))?;
                (array.array.astype(dtype), missing)
            }
        };
        let padded = elements.pad(&width, &PadMode::Constant(vec![(fill, fill)]));
        let lengths: Vec<usize> = self.along.iter().map(|(_, window, _)| *window).collect();
        let axes: Vec<isize> = axes.iter().map(|axis| *axis as isize).collect();
        let first = array.dims.len() as isize;
        let new = (first..first + axes.len() as isize).collect();
        Ok((padded.sliding_window_view(&lengths, &axes), new))
    }

    /// A reduction of the windows of `array`.
    #[track_caller]
    pub(super) fn reduce(&self, array: &DataArray, kind: ReductionKind) -> DataArray {
        let made = || -> Result<DataArray> {
            self.check(array)?;
            let dtype = array.dtype();
            if dtype.is_complex() || dtype.is_time() {
                return Err(Error::invalid(format!(
                    "rolling: not defined for {dtype}; allowed: real numbers and bool"
                )));
            }
            let folded = match (self.along.as_slice(), sliding(kind)) {
                ([(dim, window, center)], Some(kind)) => {
                    let axis = array.axis("rolling", dim)? as isize;
                    // A count is a float for its missing elements, but never a narrow one.
                    let elements = match kind {
                        SlidingKind::Count => array.array.astype(DType::F64),
                        _ => array.array.clone(),
                    };
                    let rolling = elements.rolling(axis, *window).center(*center);
                    rolling.min_periods(self.least()).reduce(kind)
                }
                _ => self.of_view(array, kind)?,
            };
            let mut result = array.with_array(folded);
            result.without_unit_of(kind);
            Ok(result)
        };
        made().unwrap_or_else(|error| array.clone().fail(error))
    }

    /// A reduction of the view of the windows, missing where they have too few elements.
    #[track_caller]
    fn of_view(&self, array: &DataArray, kind: ReductionKind) -> Result<Array> {
        use ReductionKind as R;
        let mut array = array.clone();
        // Integers are floats from the start: so is their result, for its missing elements.
        if !array.dtype().is_float() {
            array.array = array.array.astype(DType::F64);
        }
        let options = |skipna| ReduceOptions {
            skipna: Some(skipna),
            keepdims: false,
        };
        let (windows, axes) = self.view(&array, None)?;
        let folded = match kind {
            R::Argmin | R::Argmax if axes.len() > 1 => {
                return Err(Error::invalid(format!(
                    "rolling: {} of windows along {} dimensions has no position along one; give one dimension",
                    name_of(kind),
                    axes.len()
                )));
            }
            // Positions of missing elements never win.
            R::Argmin => (windows.fillna(f64::INFINITY)).reduce(kind, &axes, options(false)),
            R::Argmax => (windows.fillna(f64::NEG_INFINITY)).reduce(kind, &axes, options(false)),
            kind => windows.reduce(kind, &axes, options(true)),
        };
        let count = windows.reduce(R::Count, &axes, options(true));
        Ok(folded.where_(&count.ge(self.least() as i64)))
    }

    /// The windows as new last dimensions.
    #[track_caller]
    pub(super) fn construct(
        &self,
        array: &DataArray,
        names: &[(&str, &str)],
        stride: usize,
        fill: Option<Scalar>,
    ) -> DataArray {
        let made = || -> Result<DataArray> {
            self.check(array)?;
            if stride == 0 {
                return Err(Error::invalid("rolling: a stride of 0; give at least 1"));
            }
            let (windows, _) = self.view(array, fill)?;
            let mut result = array.with_array(windows);
            for (dim, ..) in &self.along {
                let name = names.iter().find(|(d, _)| d == dim).map(|(_, name)| *name);
                let name = name.ok_or_else(|| {
                    Error::invalid(format!(
                        "rolling: construct: no name for the windows along {dim:?}; give one per dimension"
                    ))
                })?;
                let taken = array.coord(name).is_some() || result.has(name);
                if taken {
                    return Err(Error::invalid(format!(
                        "rolling: construct: {name:?} is a dimension or a coordinate already; give another name"
                    )));
                }
                result.dims.push(name.to_owned());
            }
            if stride == 1 {
                return Ok(result);
            }
            let step = Indexer::Slice(None, None, stride as isize);
            let along = self
                .along
                .iter()
                .map(|(dim, ..)| (dim.clone(), step.clone()));
            Ok(result.isel_owned("rolling", along.collect()))
        };
        made().unwrap_or_else(|error| array.clone().fail(error))
    }
}

/// The sliding fold that is a reduction of each window, when there is one.
fn sliding(kind: ReductionKind) -> Option<SlidingKind> {
    use ReductionKind as R;
    Some(match kind {
        R::Sum => SlidingKind::Sum,
        R::Prod => SlidingKind::Prod,
        R::Mean => SlidingKind::Mean,
        R::Min => SlidingKind::Min,
        R::Max => SlidingKind::Max,
        R::Var { ddof } => SlidingKind::Var { ddof },
        R::Std { ddof } => SlidingKind::Std { ddof },
        R::Count => SlidingKind::Count,
        _ => return None,
    })
}

/// Methods of `$Type`, which has `reduce(ReductionKind) -> $Result`, by lines of a name, its reduction and its documentation.
macro_rules! folds {
    ($Type:ident => $Result:ident; $($name:ident => $Kind:ident $({ $($field:tt)* })?, $doc:literal;)*) => {
        impl $Type {$(
            #[doc = $doc]
            #[must_use]
            #[track_caller]
            pub fn $name(&self) -> $Result {
                self.reduce($crate::op::ReductionKind::$Kind $({ $($field)* })?)
            }
        )*}
    };
}

pub(super) use folds;

/// Windows that slide along dimensions of an array, waiting for their reduction. Their elements that are missing do not count.
#[derive(Clone, Debug)]
pub struct Rolling {
    array: DataArray,
    windows: Windows,
}

impl DataArray {
    /// Windows of so many elements along dimensions; each ends at its element. `x.rolling(&[("time", 30)]).mean()`. xarray's
    /// `rolling`.
    ///
    /// Windows of no element, or longer than the dimension, are errors. Results are floats: f32 stays, all else becomes f64.
    #[must_use]
    pub fn rolling(&self, windows: &[(&str, usize)]) -> Rolling {
        Rolling {
            array: self.clone(),
            windows: Windows::new(windows),
        }
    }
}

impl Rolling {
    /// The result is missing where a window has fewer elements that are not; all of them when not given.
    #[must_use]
    pub fn min_periods(mut self, least: usize) -> Self {
        self.windows.min_periods = Some(least);
        self
    }

    /// Windows lie around their element instead of before it.
    #[must_use]
    pub fn center(mut self, center: bool) -> Self {
        self.windows.center(center);
        self
    }

    /// As [`Rolling::center`], along one dimension.
    #[must_use]
    #[track_caller]
    pub fn center_along(mut self, dim: &str, center: bool) -> Self {
        if let Err(error) = self.windows.center_along(dim, center) {
            self.array = self.array.fail(error);
        }
        self
    }

    /// Dimensions with windows.
    pub fn dims(&self) -> Vec<String> {
        self.windows.dims()
    }

    /// `Ok` when the windows fit the array.
    ///
    /// # Errors
    /// The first error of the array's making, or of the windows.
    pub fn check(&self) -> Result<()> {
        self.windows.check(&self.array)
    }

    /// Any reduction of each window, by its record. Positions (argmin, argmax) are those in the window.
    #[must_use]
    #[track_caller]
    pub fn reduce(&self, kind: ReductionKind) -> DataArray {
        self.windows.reduce(&self.array, kind)
    }

    /// The windows as new last dimensions, by pairs of a dimension and the name of its windows; no element is copied. Of the
    /// others every `stride`-th stays. Missing elements or `fill` lie outside.
    #[must_use]
    #[track_caller]
    pub fn construct(
        &self,
        names: &[(&str, &str)],
        stride: usize,
        fill: Option<Scalar>,
    ) -> DataArray {
        self.windows.construct(&self.array, names, stride, fill)
    }
}

folds! { Rolling => DataArray;
    sum => Sum, "Sum of each window.";
    prod => Prod, "Product of each window.";
    mean => Mean, "Arithmetic mean of each window.";
    min => Min, "Smallest of each window.";
    max => Max, "Largest of each window.";
    std => Std { ddof: 0 }, "Standard deviation of each window (ddof 0).";
    var => Var { ddof: 0 }, "Variance of each window (ddof 0).";
    count => Count, "Number of elements of each window that are not missing.";
    argmin => Argmin, "Position of the first smallest in each window.";
    argmax => Argmax, "Position of the first largest in each window.";
}
