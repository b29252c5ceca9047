//! What of an array a picture shows: dimensions, axes, and the array made small. Nothing is computed here.

use super::axis::{Axis, label};
use super::flags::Flags;
use super::options::{Center, Decimate, PlotOptions};
use super::scale::Scale;
use crate::array::{Array, CoarsenBoundary, compute};
use crate::block::Block;
use crate::dtype::{DType, Kind};
use crate::error::{Error, Result, nearest_names};
use crate::labelled::{DataArray, Indexer};
use crate::op::ReductionKind;

/// Most panels of a picture.
const MOST_PANELS: usize = 64;

/// An array that a picture can be made of, and what its texts say.
pub(super) struct Subject {
    pub(super) array: DataArray,
    pub(super) operation: &'static str,
    /// The name and the units of the values.
    pub(super) label: String,
    pub(super) title: String,
    /// Labels of what was selected: xarray's title of a slice.
    pub(super) slice: String,
}

impl Subject {
    /// Checks what every picture needs; dimensions of length 1 go, but for `kept`.
    pub(super) fn of(
        operation: &'static str,
        array: &DataArray,
        options: &PlotOptions,
        kept: &[&str],
    ) -> Result<Subject> {
        array.check()?;
        options.check(operation)?;
        match array.dtype().kind() {
            Kind::Complex => {
                return Err(Error::invalid(format!(
                    "{operation}: not defined for {}; take its abs(), angle(), real() or imag()",
                    array.dtype()
                )));
            }
            Kind::Time => {
                return Err(Error::invalid(format!(
                    "{operation}: not defined for {}; allowed: numbers and bool (times are labels of axes; durations divided by \
                     a duration are numbers)",
                    array.dtype()
                )));
            }
            Kind::Bool | Kind::Signed | Kind::Unsigned | Kind::Float => {}
        }
        let shape = array.shape();
        for (dim, len) in array.dims().iter().zip(&shape) {
            if *len == 0 {
                return Err(Error::invalid(format!(
                    "{operation}: the array has no element: dimension {dim:?} has length 0"
                )));
            }
        }
        for name in kept {
            array.axis(operation, name)?;
        }
        let single: Vec<&str> = array
            .dims()
            .iter()
            .zip(&shape)
            .filter(|(dim, len)| **len == 1 && !kept.contains(&dim.as_str()))
            .map(|(dim, _)| dim.as_str())
            .collect();
        // An array of one element keeps an axis.
        let single = match single.len() == shape.len() && !single.is_empty() {
            true => &single[1..],
            false => &single[..],
        };
        let array = match single {
            [] => array.clone(),
            single => array.squeeze(single, false),
        };
        array.check()?;
        let scalars: Vec<String> = array
            .coords()
            .iter()
            .filter(|c| c.dims.is_empty())
            .map(|c| {
                let units = c.attrs.text("units").filter(|_| c.times().is_none());
                let units = units.map_or(String::new(), |u| format!(" [{u}]"));
                format!("{} = {}{units}", c.name, c.text(0))
            })
            .collect();
        let name = array.name().unwrap_or_default();
        let label = label(name, array.attrs());
        let title = match &options.title {
            Some(title) => title.clone(),
            None => label.clone(),
        };
        Ok(Subject {
            operation,
            label,
            title,
            slice: scalars.join(", "),
            array,
        })
    }

    /// The dimensions that are no panels, lines or frames; they must be as many as `wanted`.
    pub(super) fn plane(&self, others: &[&str], wanted: &[usize]) -> Result<Vec<String>> {
        let dims: Vec<String> = (self.array.dims().iter())
            .filter(|dim| !others.contains(&dim.as_str()))
            .cloned()
            .collect();
        if wanted.contains(&dims.len()) {
            return Ok(dims);
        }
        let operation = self.operation;
        let first = dims.first().map_or("time", String::as_str);
        let count = wanted.iter().map(usize::to_string);
        let count = count.collect::<Vec<_>>().join(" or ");
        let beside = match others {
            [] => String::new(),
            others => format!(" beside {}", others.join(" and ")),
        };
        Err(Error::invalid(format!(
            "{operation}: the array has {} dimensions ({}){beside}, a picture has {count}: select with isel or sel, reduce with \
             mean({first:?}) and the like, draw a panel for each index with #{{ col: {first:?} }}, or animate over {first:?}",
            dims.len(),
            dims.join(", ")
        )))
    }

    /// Names of the indices of a dimension: `season = DJF`.
    pub(super) fn indices(&self, dim: &str) -> Result<Vec<String>> {
        let axis = self.array.axis(self.operation, dim)?;
        let len = self.array.shape()[axis];
        let coord = self.array.coord(dim).filter(|c| c.dims.len() == 1);
        Ok((0..len)
            .map(|i| match coord {
                Some(coord) => format!("{dim} = {}", coord.text(i)),
                None => format!("{dim} = {i}"),
            })
            .collect())
    }

    /// As [`Subject::indices`], of no more than a picture has panels.
    pub(super) fn panels(&self, option: &str, dim: Option<&str>) -> Result<Vec<String>> {
        let Some(dim) = dim else {
            return Ok(vec![String::new()]);
        };
        let found = self.indices(dim)?;
        match found.len() > MOST_PANELS {
            true => Err(Error::invalid(format!(
                "{}: {option} {dim:?} has {} indices; a picture has at most {MOST_PANELS}: select some, or animate over {dim:?}",
                self.operation,
                found.len()
            ))),
            false => Ok(found),
        }
    }

    /// The dimension and the coordinate that `name` stands for: a dimension, or a coordinate along one.
    pub(super) fn axis_named(&self, name: &str) -> Result<(String, String)> {
        let operation = self.operation;
        if self.array.dims().iter().any(|d| d == name) {
            return Ok((name.to_owned(), name.to_owned()));
        }
        let known = || {
            let coords = self.array.coords().iter().filter(|c| c.dims.len() == 1);
            let names = coords.map(|c| c.name.as_str());
            nearest_names(
                name,
                names.chain(self.array.dims().iter().map(String::as_str)),
            )
        };
        match self.array.coord(name).map(|c| c.dims.as_slice()) {
            Some([dim]) => Ok((dim.clone(), name.to_owned())),
            Some(dims) => Err(Error::invalid(format!(
                "{operation}: coordinate {name:?} lies along {} dimensions ({}); an axis is a dimension or a coordinate along \
                 one: {}; or interp to such coordinates first",
                dims.len(),
                dims.join(", "),
                known()
            ))),
            None => Err(Error::invalid(format!(
                "{operation}: unknown dimension or coordinate {name:?}; known: {}",
                known()
            ))),
        }
    }

    /// The scale of these values: that of flags where the array has some and no other is asked for.
    pub(super) fn scale<'a>(
        &self,
        values: impl Iterator<Item = &'a f64>,
        options: &PlotOptions,
    ) -> Result<Scale> {
        let asked = options.vmin.is_some() || options.vmax.is_some() || options.cmap.is_some();
        let asked = asked || options.center != Center::Auto || !self.picks(options.decimate);
        match Flags::of(self.array.attrs()).filter(|_| !asked) {
            Some(flags) => Ok(Scale::of_flags(flags, values)),
            None => Scale::of(self.operation, values, options),
        }
    }

    /// How cells become pixels.
    pub(super) fn picks(&self, decimate: Decimate) -> bool {
        let flags = ["flag_values", "flag_masks", "flag_meanings"];
        match decimate {
            Decimate::Mean => false,
            Decimate::Pick => true,
            Decimate::Auto => {
                self.array.dtype() == DType::Bool
                    || flags
                        .iter()
                        .any(|name| self.array.attrs().get(name).is_some())
            }
        }
    }

    /// The array with `factors` cells of each dimension as one, folded by `kind` or, with `None`, the first of them.
    pub(super) fn decimated(
        &self,
        array: &DataArray,
        factors: &[(&str, usize)],
        kind: Option<ReductionKind>,
    ) -> Result<Array> {
        let factors: Vec<(&str, usize)> = factors.iter().filter(|f| f.1 > 1).copied().collect();
        let made = match (factors.as_slice(), kind) {
            ([], _) => array.array().clone(),
            (factors, None) => {
                let slices = factors
                    .iter()
                    .map(|(dim, n)| (*dim, Indexer::Slice(None, None, *n as isize)));
                array.isel(slices).array().clone()
            }
            (factors, Some(kind)) => {
                let windows = factors
                    .iter()
                    .map(|(dim, n)| Ok((array.axis(self.operation, dim)? as isize, *n)))
                    .collect::<Result<Vec<_>>>()?;
                let numbers = match array.dtype() {
                    DType::Bool => array.array().astype(DType::F32),
                    _ => array.array().clone(),
                };
                numbers.coarsen(&windows, CoarsenBoundary::Pad, kind, None)
            }
        };
        let made = match made.dtype() {
            DType::F32 | DType::F64 => made,
            // All integers of 16 bits are float32.
            DType::Bool | DType::I8 | DType::U8 | DType::I16 | DType::U16 => {
                made.astype(DType::F32)
            }
            _ => made.astype(DType::F64),
        };
        made.check()?;
        Ok(made)
    }
}

/// What is written below a picture about its cells.
pub(super) fn cells_told(axes: &[(&Axis, usize)], picks: bool) -> Option<String> {
    let grown: Vec<&(&Axis, usize)> = axes.iter().filter(|(_, factor)| *factor > 1).collect();
    if grown.is_empty() {
        return None;
    }
    let sizes: Vec<String> = (grown.iter().enumerate())
        .map(|(number, (axis, factor))| match number {
            0 => format!("{factor} elements along {}", axis.dim),
            _ => format!("{factor} along {}", axis.dim),
        })
        .collect();
    let how = if picks { "the first" } else { "the mean" };
    Some(format!("a cell is {how} of {}", sizes.join(" × ")))
}

/// Computes arrays in one pass; their numbers.
pub(super) fn gathered(arrays: &[&Array]) -> Result<Vec<Vec<f64>>> {
    Ok(compute(arrays)?.iter().map(numbers).collect())
}

fn numbers(block: &Block) -> Vec<f64> {
    if let Some(values) = block.as_slice::<f64>() {
        return values.to_vec();
    }
    let narrow = block.as_slice::<f32>().unwrap_or_default();
    narrow.iter().map(|v| f64::from(*v)).collect()
}
