//! Missing elements: dropped, or filled along a dimension by their neighbours.

use super::align::{Aligned, align};
use super::data_array::DataArray;
use super::dataset::{Dataset, each};
use super::indexer::{Indexer, Label};
use super::join::Join;
use super::keys::Keys;
use crate::array::{Array, Operand, ReduceOptions, compute};
use crate::block::Block;
use crate::driver::Driver;
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result};
use crate::op::ReductionKind;

/// Which elements along a dimension `dropna` drops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DropWhere {
    /// Those with any missing value.
    #[default]
    Any,
    /// Those without any value.
    All,
    /// Those with fewer values than this.
    Below(usize),
}

/// How `interpolate_na` fills.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FillMethod {
    /// On the line between the neighbours.
    #[default]
    Linear,
    /// By the nearer neighbour; halfway by the first.
    Nearest,
}

/// What `interpolate_na` fills, and along what.
#[derive(Clone, Debug)]
pub struct FillOptions {
    /// How.
    pub method: FillMethod,
    /// By the labels of the dimension (else by positions).
    pub use_coordinate: bool,
    /// At most so many in a row.
    pub limit: Option<usize>,
    /// Only gaps up to this length between the values around them: in the unit of the labels, or a text such as `"3D"` along times.
    pub max_gap: Option<Label>,
}

impl Default for FillOptions {
    fn default() -> Self {
        FillOptions {
            method: FillMethod::Linear,
            use_coordinate: true,
            limit: None,
            max_gap: None,
        }
    }
}

fn true_positions(block: &Block) -> Indexer {
    let marks = block.as_slice::<bool>().unwrap_or_default();
    let marked = marks.iter().enumerate().filter(|(_, m)| **m);
    Indexer::List(marked.map(|(i, _)| i as isize).collect())
}

/// Any of a mask along each of its dimensions, computed in shared passes.
fn extents(mask: &Array, dims: &[String]) -> Result<Vec<(String, Indexer)>> {
    if mask.dtype() != DType::Bool {
        mask.check()?;
        return Err(Error::invalid(format!(
            "where: a condition of {}; conditions are true and false",
            mask.dtype()
        )));
    }
    let along: Vec<Array> = (0..dims.len())
        .map(|axis| {
            let others: Vec<isize> = (0..dims.len())
                .filter(|a| *a != axis)
                .map(|a| a as isize)
                .collect();
            match others.is_empty() {
                true => mask.clone(),
                false => mask.any(&others),
            }
        })
        .collect();
    let blocks = compute(&along.iter().collect::<Vec<_>>())?;
    Ok(dims
        .iter()
        .cloned()
        .zip(blocks.iter().map(true_positions))
        .collect())
}

/// Positions along `axis` with enough values.
fn kept_positions(counts: &Block, total: usize, which: DropWhere) -> Indexer {
    let least = match which {
        DropWhere::Any => total,
        DropWhere::All => 1,
        DropWhere::Below(least) => least,
    };
    let count = |i: usize| counts.get(i).and_then(Scalar::as_i128).unwrap_or(0) as usize;
    let all = (0..counts.elements()).filter(|i| count(*i) >= least);
    Indexer::List(all.map(|i| i as isize).collect())
}

impl DataArray {
    /// Elements where `condition` holds, missing elsewhere, without the labels at which it holds nowhere. xarray's
    /// `where(condition, drop=True)`.
    ///
    /// Which labels stay follows from the condition: it is computed at this call (a bool per label of each dimension).
    #[must_use]
    #[track_caller]
    pub fn where_drop(&self, condition: &DataArray) -> Self {
        let made = || -> Result<DataArray> {
            let pair = super::join::align(&[self, condition], Join::Inner, &[])?;
            let (this, condition) = (&pair[0], &pair[1]);
            let positions = extents(&condition.array, &condition.dims)?;
            let own: Vec<(String, Indexer)> = positions
                .iter()
                .filter(|(d, _)| this.has(d))
                .cloned()
                .collect();
            let result = this.isel_owned("where", own);
            Ok(result.where_(&condition.isel_owned("where", positions)))
        };
        made().unwrap_or_else(|error| self.clone().fail(error))
    }

    /// Without the elements along `dim` that have missing values (see [`DropWhere`]).
    ///
    /// What stays follows from the data: numbers of values are computed at this call.
    #[must_use]
    #[track_caller]
    pub fn dropna(&self, dim: &str, which: DropWhere) -> Self {
        let made = || -> Result<Indexer> {
            let axis = self.axis("dropna", dim)?;
            let shape = self.shape();
            let counts = counts_along(&self.array, axis).compute_block()?;
            let total = shape.iter().product::<usize>() / shape[axis].max(1);
            Ok(kept_positions(&counts, total, which))
        };
        match made() {
            Ok(stays) => self.isel_owned("dropna", vec![(dim.to_owned(), stays)]),
            Err(error) => self.clone().fail(error),
        }
    }

    /// Missing elements filled from the values around them along `dim`; those before the first and after the last value stay
    /// missing. xarray's `interpolate_na`: scans from both sides and element-wise operations, nothing is computed.
    #[must_use]
    #[track_caller]
    pub fn interpolate_na(&self, dim: &str, options: &FillOptions) -> Self {
        match self
            .axis("interpolate_na", dim)
            .and_then(|axis| self.filled(axis, options))
        {
            Ok(array) => self.with_array(array),
            Err(error) => self.clone().fail(error),
        }
    }

    fn filled(&self, axis: usize, options: &FillOptions) -> Result<Array> {
        const NAME: &str = "interpolate_na";
        let dim = &self.dims[axis];
        let shape = self.shape();
        let along = axis as isize;
        let index = self.coords.iter().find(|c| c.is_index() && c.name == *dim);
        let positions = || (0..shape[axis]).map(|i| i as f64).collect::<Vec<f64>>();
        let mut gap = None;
        let x = match index.filter(|_| options.use_coordinate) {
            None => positions(),
            Some(index) => {
                let keys = Keys::of(index);
                let order = match &keys {
                    Keys::Numbers(keys) => super::search::strict_direction(keys),
                    Keys::Times(keys, _) => super::search::strict_direction(keys),
                    Keys::Texts(_) => 0,
                };
                let Some(x) = keys.numbers().filter(|_| order > 0) else {
                    return Err(Error::invalid(format!(
                        "{NAME}: the labels of {dim:?} are not increasing numbers or times; sort them (sortby), or fill by position \
                         (use_coordinate: false)"
                    )));
                };
                if let Some(most) = &options.max_gap {
                    gap = keys.distance_of(NAME, dim, most)?;
                }
                x
            }
        };
        if let (None, Some(most)) = (gap, options.max_gap.as_ref().and_then(Label::number)) {
            gap = Some(most);
        }
        let driver = Driver::of(self.array.session());
        let spread = |values: Vec<f64>| -> Result<Array> {
            let block = Block::from_vec(&[values.len()], values)?;
            Ok(driver.from_block(block).broadcast_axes(&[axis], &shape))
        };
        let y = &self.array;
        if !y.dtype().has_missing() {
            return Ok(y.clone());
        }
        let known = y.notnull();
        let at = spread(x)?;
        let own = at.where_(&known);
        let (before, after) = (own.ffill(along, None), own.bfill(along, None));
        let (left, right) = (y.ffill(along, None), y.bfill(along, None));
        let value = match options.method {
            FillMethod::Linear => {
                let slope = right.subtract(&left).divide(after.subtract(&before));
                slope.multiply(at.subtract(&before)).add(&left)
            }
            FillMethod::Nearest => {
                let near = at.subtract(&before).less_equal(after.subtract(&at));
                let inside = before.notnull().logical_and(after.notnull());
                left.where_or(&near, &right).where_(&inside)
            }
        };
        let value = value.astype(y.dtype());
        let mut fill = known.logical_not();
        if let Some(limit) = options.limit {
            let place = spread(positions())?;
            let last = place.where_(&known).ffill(along, None);
            fill = fill.logical_and(place.subtract(&last).less_equal(limit as f64));
        }
        if let Some(most) = gap {
            fill = fill.logical_and(after.subtract(&before).less_equal(most));
        }
        let filled = value.where_or(&fill, y);
        filled.check()?;
        Ok(filled)
    }
}

/// Numbers of values along `axis`.
#[track_caller]
fn counts_along(array: &Array, axis: usize) -> Array {
    let others: Vec<isize> = (0..array.ndim())
        .filter(|a| *a != axis)
        .map(|a| a as isize)
        .collect();
    match others.is_empty() {
        true => array.notnull().astype(DType::I64),
        false => array.reduce(ReductionKind::Count, &others, ReduceOptions::default()),
    }
}

impl Dataset {
    /// As [`DataArray::where_drop`], of every variable with the labels that stay.
    #[must_use]
    #[track_caller]
    pub fn where_drop(&self, condition: &DataArray) -> Dataset {
        let found = condition
            .check()
            .and_then(|()| extents(&condition.array, &condition.dims));
        match found {
            Ok(positions) => {
                let small = condition.isel_owned("where", positions.clone());
                let mut own = Vec::new();
                let sizes = self.sizes();
                for (dim, stays) in positions {
                    if sizes.iter().any(|(d, _)| *d == dim) {
                        own.push((dim, stays));
                    }
                }
                self.isel_owned("where", own).where_(&small)
            }
            Err(error) => self.fail(error),
        }
    }

    /// As [`DataArray::dropna`]: missing values are counted over all variables that have the dimension.
    #[must_use]
    #[track_caller]
    pub fn dropna(&self, dim: &str, which: DropWhere) -> Dataset {
        let made = || -> Result<Indexer> {
            self.check()?;
            self.check_dims("dropna", &[dim])?;
            let mut counts = Vec::new();
            let mut total = 0;
            for variable in self.variables.iter().filter(|v| v.has(dim)) {
                let axis = variable.axis("dropna", dim)?;
                let shape = variable.shape();
                total += shape.iter().product::<usize>() / shape[axis].max(1);
                counts.push(counts_along(&variable.array, axis));
            }
            let Some((first, rest)) = counts.split_first() else {
                return Ok(Indexer::Slice(None, None, 1));
            };
            let sum = rest.iter().fold(first.clone(), |sum, own| sum.add(own));
            Ok(kept_positions(&sum.compute_block()?, total, which))
        };
        match made() {
            Ok(stays) => self.isel_owned("dropna", vec![(dim.to_owned(), stays)]),
            Err(error) => self.fail(error),
        }
    }

    /// As [`DataArray::interpolate_na`], of every variable that has the dimension.
    #[must_use]
    #[track_caller]
    pub fn interpolate_na(&self, dim: &str, options: &FillOptions) -> Dataset {
        if let Err(error) = self.check_dims("interpolate_na", &[dim]) {
            return self.fail(error);
        }
        let variables = each!(self, v => match v.has(dim) {
            true => v.interpolate_na(dim, options),
            false => v.clone(),
        });
        self.of("interpolate_na", variables, &[(&self.origin, &self.coords)])
    }
}

impl DataArray {
    /// Sums of products over `dims` (empty: all that both have): missing values win. xarray's `dot`, as a streamed reduction.
    #[must_use]
    #[track_caller]
    pub fn dot(&self, other: &DataArray, dims: &[&str]) -> Self {
        match align("dot", &[self, other], Join::Inner) {
            Ok(Aligned { arrays, labels }) => {
                let both: Vec<&str> = self
                    .dims
                    .iter()
                    .map(String::as_str)
                    .filter(|d| other.has(d))
                    .collect();
                let over = match dims {
                    [] => both,
                    _ => dims.to_vec(),
                };
                let product = labels.with_array(arrays[0].multiply(Operand::from(&arrays[1])));
                let mut sum = match over.is_empty() {
                    true => product,
                    false => product.reduce(ReductionKind::Sum, &over, Some(false)),
                };
                sum.name.clone_from(&self.name);
                sum
            }
            Err(error) => self.clone().fail(error),
        }
    }
}
