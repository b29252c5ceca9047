//! Interpolation to other labels: of each dimension by itself (orthogonal), or along points.
//!
//! An interpolated element is a sum of few elements with weights: two along each axis (linear), one (nearest), those of a
//! window around it (cubic). The elements are taken lazily, the weights follow from labels in memory; nothing is gathered.

use super::coord::{Coord, Values};
use super::data_array::DataArray;
use super::dataset::{Dataset, each};
use super::indexer::Indexer;
use super::picks::Picks;
use super::taps::{DataTarget, InterpMethod, Rule, combinations, like, rules, together};
use crate::array::Array;
use crate::block::Block;
use crate::driver::Driver;
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result};

/// Most elements beside one that are weighted in one step; more of them go dimension by dimension.
const MOST_AT_ONCE: usize = 16;

/// The dtype of what is interpolated: integers become f64.
fn result_dtype(dtype: DType) -> DType {
    match dtype.is_float() || dtype.is_complex() {
        true => dtype,
        false => DType::F64,
    }
}

/// A lazy array of numbers along some dimensions, spread over those of an array.
fn over(session: &Driver, dims: &[String], shape: &[usize], block: Block, own: &[String]) -> Array {
    let axes: Vec<usize> = own
        .iter()
        .filter_map(|d| dims.iter().position(|k| k == d))
        .collect();
    session.from_block(block).broadcast_axes(&axes, shape)
}

impl DataArray {
    #[track_caller]
    fn interpolated(&self, group: &[Rule]) -> Result<Self> {
        let own: Vec<&Rule> = group.iter().filter(|r| self.has(&r.dim)).collect();
        if own.is_empty() {
            return Ok(self.clone());
        }
        let bare = DataArray {
            coords: Vec::new(),
            ..self.clone()
        };
        let elements: usize = own.iter().map(|r| r.taps.len()).product();
        let crossed = own.iter().flat_map(|r| &r.target.dims);
        let crossed = crossed.into_iter().any(|d| own.iter().any(|r| r.dim == *d));
        let mut result = match own.len() > 1 && elements > MOST_AT_ONCE && !crossed {
            false => bare.summed(&own)?,
            true => bare.summed_by_turns(&own)?,
        };
        let dims = result.dims.clone();
        result.attrs = self.attrs.clone();
        result.coords = interpolated_coords(&self.coords, group)?;
        result
            .coords
            .retain(|c| c.dims.iter().all(|d| dims.contains(d)));
        result.check()?;
        Ok(result)
    }

    /// One dimension after the other: of points in several dimensions the first rule makes points, which the next ones keep. The
    /// elements beside a point are as many as the sum of those along each dimension, not their product.
    #[track_caller]
    fn summed_by_turns(&self, own: &[&Rule]) -> Result<Self> {
        let place = |rule: &&Rule| (rule.dim.clone(), rule.points(&rule.taps[0]));
        let order = self.isel_owned("interp", own.iter().map(place).collect());
        let mut result = self.clone();
        for rule in own {
            result = result.summed(&[rule])?;
        }
        let order: Vec<&str> = order.dims.iter().map(String::as_str).collect();
        Ok(result.transpose(&order))
    }

    /// The sum of the elements of all taps of `own` with their weights, missing outside the labels. Dimensions of the targets that
    /// are there already are those of points: each element stays beside its point.
    #[track_caller]
    fn summed(&self, own: &[&Rule]) -> Result<Self> {
        let dtype = result_dtype(self.dtype());
        let counts: Vec<usize> = own.iter().map(|r| r.taps.len()).collect();
        let mut total: Option<DataArray> = None;
        let mut stays: Vec<(String, Indexer)> = Vec::new();
        for rule in own {
            for (axis, dim) in rule.target.dims.iter().enumerate() {
                let of_rule = own.iter().any(|r| r.dim == *dim);
                if self.has(dim) && !of_rule && stays.iter().all(|(d, _)| d != dim) {
                    stays.push((dim.clone(), Indexer::Points(rule.along(axis))));
                }
            }
        }
        let driver = Driver::of(self.array.session());
        for combination in combinations(&counts) {
            let indexers = own
                .iter()
                .zip(&combination)
                .map(|(rule, tap)| (rule.dim.clone(), rule.points(&rule.taps[*tap])));
            let indexers = indexers.chain(stays.iter().cloned());
            let corner = self.isel_owned("interp", indexers.collect());
            corner.check()?;
            let mut array = corner.array.astype(dtype);
            let (dims, shape) = (corner.dims.clone(), corner.shape());
            for (rule, tap) in own.iter().zip(&combination) {
                let weights = &rule.taps[*tap].weights;
                if weights.iter().all(|w| *w == 1.0) {
                    continue;
                }
                let block = Block::from_vec(rule.target.shape(), weights.clone())?;
                let weights = over(&driver, &dims, &shape, block, &rule.target.dims);
                let counts = over_mask(&driver, &dims, &shape, rule, *tap)?;
                let part = array.multiply(weights).astype(dtype);
                // An element of weight 0 does not count, whatever it is.
                array = match counts {
                    Some(counts) => part.where_or(&counts, 0),
                    None => part,
                };
            }
            total = Some(match total {
                None => corner.with_array(array),
                Some(sum) => sum.with_array(sum.array.add(&array)),
            });
        }
        let Some(mut result) = total else {
            return Err(Error::internal("interp: no taps"));
        };
        let (dims, shape) = (result.dims.clone(), result.shape());
        for rule in own {
            if rule.inside.iter().all(|i| *i) {
                continue;
            }
            let block = Block::from_vec(rule.target.shape(), rule.inside.clone())?;
            let inside = over(&driver, &dims, &shape, block, &rule.target.dims);
            result.array = result.array.where_(&inside);
        }
        Ok(result)
    }

    /// Elements at other labels of the dimensions: `targets` along its own dimension (its name) or along others (points: those
    /// that share a dimension go together). Outside the labels it is missing. Numeric coordinates along the dimensions are
    /// interpolated as the data are.
    #[must_use]
    #[track_caller]
    pub fn interp(&self, targets: &[(&str, DataTarget)], method: InterpMethod) -> Self {
        let made = || -> Result<Self> {
            self.check()?;
            for (dim, _) in targets {
                self.axis("interp", dim)?;
            }
            let rules = rules(&self.coords, targets, method)?;
            let mut result = self.clone();
            for group in together(rules) {
                result = result.interpolated(&group)?;
            }
            Ok(result)
        };
        made().unwrap_or_else(|error| self.clone().fail(error))
    }

    /// [`DataArray::interp`] to the labels of `other` along common dimensions of numbers or times.
    #[must_use]
    #[track_caller]
    pub fn interp_like(&self, other: &DataArray, method: InterpMethod) -> Self {
        let targets = like(&self.coords, &other.coords);
        let targets: Vec<(&str, DataTarget)> = targets
            .iter()
            .map(|(d, t)| (d.as_str(), t.clone()))
            .collect();
        let result = self.interp(&targets, method);
        // Labels that agree are those of `other`, with its attributes.
        let own = |c: &&Coord| c.is_index() && !matches!(c.values, Values::Texts(..));
        other.coords.iter().filter(own).fold(result, |made, coord| {
            match made
                .coords
                .iter()
                .any(|c| c.is_index() && c.same_values(coord) && c.name == coord.name)
            {
                true => made.assign_coords(coord.clone()),
                false => made,
            }
        })
    }
}

/// Where a tap counts; `None` when it does everywhere.
fn over_mask(
    driver: &Driver,
    dims: &[String],
    shape: &[usize],
    rule: &Rule,
    tap: usize,
) -> Result<Option<Array>> {
    let weights = &rule.taps[tap].weights;
    if weights.iter().all(|w| *w != 0.0) {
        return Ok(None);
    }
    let counts: Vec<bool> = weights.iter().map(|w| *w != 0.0).collect();
    let block = Block::from_vec(rule.target.shape(), counts)?;
    Ok(Some(over(driver, dims, shape, block, &rule.target.dims)))
}

/// Coordinates interpolated as data are; those that hold no numbers and lie along an interpolated dimension go.
fn interpolated_coords(coords: &[Coord], group: &[Rule]) -> Result<Vec<Coord>> {
    let mut result = Vec::new();
    for coord in coords {
        if group.iter().any(|r| r.dim == coord.name) {
            continue;
        }
        let own: Vec<&Rule> = group
            .iter()
            .filter(|r| coord.dims.contains(&r.dim))
            .collect();
        if own.is_empty() {
            result.push(coord.clone());
            continue;
        }
        match &coord.values {
            Values::Block(block) if !block.dtype().is_time() => {}
            _ => continue,
        }
        result.push(interpolated_coord(coord, &own)?);
    }
    for rule in group {
        let mut label = rule.target.clone();
        label.name.clone_from(&rule.dim);
        if let Some(index) = coords.iter().find(|c| c.name == rule.dim)
            && !rule.own_attrs
        {
            label.attrs = index.attrs.clone();
        }
        result.push(label);
        for more in &rule.more {
            if result.iter().all(|c| c.name != more.name) {
                result.push(more.clone());
            }
        }
    }
    Ok(result)
}

fn interpolated_coord(coord: &Coord, own: &[&Rule]) -> Result<Coord> {
    let sizes: Vec<(String, usize)> = coord
        .dims
        .iter()
        .cloned()
        .zip(coord.shape().to_vec())
        .collect();
    let counts: Vec<usize> = own.iter().map(|r| r.taps.len()).collect();
    let mut sum: Option<(Coord, Vec<f64>)> = None;
    for combination in combinations(&counts) {
        let indexers = own
            .iter()
            .zip(&combination)
            .map(|(rule, tap)| (rule.dim.clone(), rule.points(&rule.taps[*tap])));
        let corner = Picks::new("interp", &sizes, indexers.collect())?.coord(coord)?;
        let Values::Block(block) = &corner.values else {
            return Err(Error::internal("interp: a coordinate without numbers"));
        };
        let to: Vec<(String, usize)> = corner
            .dims
            .iter()
            .cloned()
            .zip(corner.shape().to_vec())
            .collect();
        let mut values: Vec<f64> = (0..block.elements())
            .map(|i| block.get(i).map_or(f64::NAN, Scalar::as_f64))
            .collect();
        for (rule, tap) in own.iter().zip(&combination) {
            let spread = |numbers: Vec<f64>| -> Result<Vec<f64>> {
                let mut along = rule.target.clone();
                along.values = Values::Block(Block::from_vec(rule.target.shape(), numbers)?.into());
                match &along.broadcast(&to)?.values {
                    Values::Block(b) => Ok(b.as_slice::<f64>().unwrap_or_default().to_vec()),
                    _ => Ok(Vec::new()),
                }
            };
            let weights = spread(rule.taps[*tap].weights.clone())?;
            let inside = rule.inside.iter().map(|i| if *i { 1.0 } else { f64::NAN });
            let inside = spread(inside.collect())?;
            for ((v, w), inside) in values.iter_mut().zip(weights).zip(inside) {
                *v = if w == 0.0 { 0.0 } else { *v * w };
                *v += inside - 1.0;
            }
        }
        sum = Some(match sum {
            None => (corner, values),
            Some((like, mut before)) => {
                before.iter_mut().zip(values).for_each(|(b, v)| *b += v);
                (like, before)
            }
        });
    }
    let Some((like, values)) = sum else {
        return Err(Error::internal("interp: no taps"));
    };
    let dtype = match &coord.values {
        Values::Block(block) => result_dtype(block.dtype()),
        _ => DType::F64,
    };
    let block = Block::from_vec(like.shape(), values)?;
    let block = match dtype {
        DType::F32 => {
            let narrow = block.as_slice::<f64>().unwrap_or_default();
            Block::from_vec(like.shape(), narrow.iter().map(|v| *v as f32).collect())?
        }
        _ => block,
    };
    Ok(Coord {
        values: Values::Block(block.into()),
        ..like
    })
}

impl Dataset {
    /// As [`DataArray::interp`], of every variable that has the dimensions.
    #[must_use]
    #[track_caller]
    pub fn interp(&self, targets: &[(&str, DataTarget)], method: InterpMethod) -> Dataset {
        let dims: Vec<&str> = targets.iter().map(|(dim, _)| *dim).collect();
        let made = self
            .check()
            .and_then(|()| self.check_dims("interp", &dims))
            .and_then(|()| rules(&self.coords, targets, method));
        let groups = match made {
            Ok(rules) => together(rules),
            Err(error) => return self.fail(error),
        };
        let mut coords = self.coords.clone();
        for group in &groups {
            coords = match interpolated_coords(&coords, group) {
                Ok(coords) => coords,
                Err(error) => return self.fail(error),
            };
        }
        let variables = each!(self, v => {
            let mut result = v.clone();
            for group in &groups {
                result = match result.interpolated(group) {
                    Ok(made) => made,
                    Err(error) => result.fail(error),
                };
            }
            result
        });
        self.of("interp", variables, &[(&self.origin, &coords)])
    }

    /// As [`DataArray::interp_like`].
    #[must_use]
    #[track_caller]
    pub fn interp_like(&self, other: &Dataset, method: InterpMethod) -> Dataset {
        let targets = like(&self.coords, &other.coords);
        let targets: Vec<(&str, DataTarget)> = targets
            .iter()
            .map(|(d, t)| (d.as_str(), t.clone()))
            .collect();
        let result = self.interp(&targets, method);
        // Labels that agree are those of `other`, with its attributes.
        let own = |c: &&Coord| c.is_index() && !matches!(c.values, Values::Texts(..));
        other.coords.iter().filter(own).fold(result, |made, coord| {
            match made
                .coords
                .iter()
                .any(|c| c.is_index() && c.same_values(coord) && c.name == coord.name)
            {
                true => made.assign_coords(coord.clone()),
                false => made,
            }
        })
    }
}
