//! Interpolation to other labels: of each dimension by itself (orthogonal), or along points.
//!
//! An interpolated element is a sum of few elements with weights: two along each axis (linear), one (nearest), those of a
//! window around it (cubic). The elements are taken lazily, the weights follow from labels in memory; nothing is gathered.

use super::coord::{Coord, Values};
use super::data_array::DataArray;
use super::dataset::{Dataset, each};
use super::indexer::{Indexer, Points};
use super::keys::{Keys, strict_direction};
use super::select::Picks;
use super::spline;
use crate::array::Array;
use crate::block::Block;
use crate::driver::Driver;
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result, nearest_names};
use std::str::FromStr;

/// How values between labels are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InterpMethod {
    /// On the line between the two neighbours.
    #[default]
    Linear,
    /// The nearer neighbour; halfway the one with the smaller label.
    Nearest,
    /// By the cubic spline through all ("not-a-knot", as SciPy's); labels farther than 24 away count less than 10⁻¹³ and are
    /// left out.
    Cubic,
}

impl FromStr for InterpMethod {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "linear" => Ok(InterpMethod::Linear),
            "nearest" => Ok(InterpMethod::Nearest),
            "cubic" => Ok(InterpMethod::Cubic),
            other => Err(Error::invalid(format!(
                "unknown method {other:?}; known: {}",
                nearest_names(other, ["linear", "nearest", "cubic"].into_iter())
            ))),
        }
    }
}

/// One of the elements that an interpolated one is made of, for each target.
struct Tap {
    positions: Vec<isize>,
    weights: Vec<f64>,
}

/// How a dimension is interpolated: the taps, where targets lie inside the labels, and the dimensions of the targets.
struct Rule {
    dim: String,
    target: Coord,
    more: Vec<Coord>,
    own_attrs: bool,
    taps: Vec<Tap>,
    inside: Vec<bool>,
}

fn order_of(keys: &Keys) -> i8 {
    match keys {
        Keys::Numbers(keys) => strict_direction(keys),
        Keys::Times(keys, _) => strict_direction(keys),
        Keys::Texts(_) => 0,
    }
}

/// The labels and targets as numbers on one scale.
fn on_one_scale(index: &Coord, target: &Coord) -> Result<(Vec<f64>, Vec<f64>, i8)> {
    let dim = &index.name;
    let (keys, wanted) = (Keys::of(index), Keys::of(target));
    let order = order_of(&keys);
    if order == 0 {
        return Err(Error::invalid(format!(
            "interp: the labels of {dim:?} are not numbers or times that increase or decrease (or have NaN or repeated ones); sort \
             them with sortby"
        )));
    }
    match (keys, wanted) {
        (Keys::Numbers(x), Keys::Numbers(wanted)) => Ok((x, wanted, order)),
        (Keys::Times(x, a), Keys::Times(wanted, b)) if a.calendar == b.calendar => {
            let first = x.first().copied().unwrap_or(0);
            let since = |t: &i128| match *t {
                i128::MIN => f64::NAN,
                t => (t - first) as f64,
            };
            let (x, wanted) = (
                x.iter().map(since).collect(),
                wanted.iter().map(since).collect(),
            );
            Ok((x, wanted, order))
        }
        _ => Err(Error::invalid(format!(
            "interp: the labels of {dim:?} are {} and the targets {}; they must be of one kind",
            index.dtype_name(),
            target.dtype_name()
        ))),
    }
}

impl Rule {
    fn new(index: &Coord, target: &DataTarget, method: InterpMethod) -> Result<Rule> {
        let DataTarget {
            labels: target,
            coords: more,
            own_attrs,
        } = target.clone();
        let dim = index.name.clone();
        let (x, wanted, order) = on_one_scale(index, &target)?;
        let n = x.len();
        let least = if method == InterpMethod::Cubic { 4 } else { 1 };
        if n < least {
            return Err(Error::invalid(format!(
                "interp: dimension {dim:?} has {n} labels; this method needs at least {least}"
            )));
        }
        let (low, high) = match order > 0 {
            true => (x[0], x[n - 1]),
            false => (x[n - 1], x[0]),
        };
        let inside: Vec<bool> = wanted.iter().map(|v| *v >= low && *v <= high).collect();
        let taps = match method {
            InterpMethod::Cubic => cubic(&x, &wanted, &inside, order),
            _ => neighbours(&x, &wanted, &inside, order, method),
        };
        Ok(Rule {
            dim,
            target,
            more,
            own_attrs,
            taps,
            inside,
        })
    }

    fn points(&self, tap: &Tap) -> Indexer {
        Indexer::Points(Points {
            dims: self.target.dims.clone(),
            shape: self.target.shape().to_vec(),
            positions: tap.positions.clone(),
            coords: Vec::new(),
        })
    }
}

fn neighbours(
    x: &[f64],
    wanted: &[f64],
    inside: &[bool],
    order: i8,
    method: InterpMethod,
) -> Vec<Tap> {
    let (mut left, mut right, mut to_right) = (Vec::new(), Vec::new(), Vec::new());
    for (v, inside) in wanted.iter().zip(inside) {
        if !inside {
            left.push(0);
            right.push(0);
            to_right.push(0.0);
            continue;
        }
        let at = x.partition_point(|k| if order > 0 { k < v } else { k > v });
        // At a label its element alone counts: a missing neighbour does not make it missing.
        if x.get(at).is_some_and(|k| k == v) {
            left.push(at as isize);
            right.push(at as isize);
            to_right.push(0.0);
            continue;
        }
        left.push(at as isize - 1);
        right.push(at as isize);
        to_right.push((v - x[at - 1]) / (x[at] - x[at - 1]));
    }
    if method == InterpMethod::Nearest {
        // Halfway the smaller label, as SciPy rounds.
        let nearer = |i: usize| {
            let take_right = match order > 0 {
                true => to_right[i] > 0.5,
                false => to_right[i] >= 0.5,
            };
            if take_right { right[i] } else { left[i] }
        };
        let positions: Vec<isize> = (0..left.len()).map(nearer).collect();
        let weights = vec![1.0; positions.len()];
        return vec![Tap { positions, weights }];
    }
    let to_left = to_right.iter().map(|w| 1.0 - w).collect();
    vec![
        Tap {
            positions: left,
            weights: to_left,
        },
        Tap {
            positions: right,
            weights: to_right,
        },
    ]
}

fn cubic(x: &[f64], wanted: &[f64], inside: &[bool], order: i8) -> Vec<Tap> {
    let n = x.len();
    let ascending: Vec<f64> = match order > 0 {
        true => x.to_vec(),
        false => x.iter().rev().copied().collect(),
    };
    let width = n.min(spline::WINDOW);
    let mut taps: Vec<Tap> = (0..width)
        .map(|_| Tap {
            positions: Vec::new(),
            weights: Vec::new(),
        })
        .collect();
    for (v, inside) in wanted.iter().zip(inside) {
        let (start, weights) = match inside {
            true => spline::weights(&ascending, *v),
            false => (0, vec![0.0; width]),
        };
        for (k, tap) in taps.iter_mut().enumerate() {
            let at = start + k;
            let at = if order > 0 { at } else { n - 1 - at };
            tap.positions.push(at as isize);
            tap.weights.push(weights[k]);
        }
    }
    taps
}

/// The dtype of what is interpolated: integers become f64.
fn result_dtype(dtype: DType) -> DType {
    match dtype.is_float() || dtype.is_complex() {
        true => dtype,
        false => DType::F64,
    }
}

/// Rules that share dimensions of their targets go together (corners of a cell); others one after another.
fn together(rules: Vec<Rule>) -> Vec<Vec<Rule>> {
    let mut groups: Vec<Vec<Rule>> = Vec::new();
    for rule in rules {
        let dims = rule.target.dims.clone();
        let shares = |group: &Vec<Rule>| {
            group
                .iter()
                .any(|r| r.target.dims.iter().any(|d| dims.contains(d)))
        };
        match groups.iter().position(shares) {
            Some(at) => groups[at].push(rule),
            None => groups.push(vec![rule]),
        }
    }
    groups
}

/// All combinations of one tap per rule.
fn combinations(counts: &[usize]) -> Vec<Vec<usize>> {
    counts.iter().fold(vec![Vec::new()], |before, n| {
        before
            .iter()
            .flat_map(|head| {
                (0..*n).map(move |k| head.iter().copied().chain([k]).collect::<Vec<usize>>())
            })
            .collect()
    })
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
        let dtype = result_dtype(self.dtype());
        let counts: Vec<usize> = own.iter().map(|r| r.taps.len()).collect();
        let mut total: Option<DataArray> = None;
        let bare = DataArray {
            coords: Vec::new(),
            ..self.clone()
        };
        let driver = Driver::of(self.array.session());
        for combination in combinations(&counts) {
            let indexers = own
                .iter()
                .zip(&combination)
                .map(|(rule, tap)| (rule.dim.clone(), rule.points(&rule.taps[*tap])));
            let corner = bare.isel_owned("interp", indexers.collect());
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
        for rule in &own {
            if rule.inside.iter().all(|i| *i) {
                continue;
            }
            let block = Block::from_vec(rule.target.shape(), rule.inside.clone())?;
            let inside = over(&driver, &dims, &shape, block, &rule.target.dims);
            result.array = result.array.where_(&inside);
        }
        result.attrs = self.attrs.clone();
        result.coords = interpolated_coords(&self.coords, group)?;
        result
            .coords
            .retain(|c| c.dims.iter().all(|d| dims.contains(d)));
        result.check()?;
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
        self.interp(&targets, method)
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

/// Targets along one dimension: labels, and the coordinates that lie beside them.
#[derive(Clone, Debug)]
pub struct DataTarget {
    /// The labels, along the dimension itself or along others.
    pub labels: Coord,
    /// Coordinates of the labels' own dimensions.
    pub coords: Vec<Coord>,
    /// The attributes are those of the labels (else those that the dimension had).
    pub own_attrs: bool,
}

impl From<Coord> for DataTarget {
    fn from(labels: Coord) -> Self {
        DataTarget {
            labels,
            coords: Vec::new(),
            own_attrs: false,
        }
    }
}

fn rules(
    coords: &[Coord],
    targets: &[(&str, DataTarget)],
    method: InterpMethod,
) -> Result<Vec<Rule>> {
    let made: Vec<Rule> = targets
        .iter()
        .map(|(dim, target)| {
            let index = super::sel::index_of("interp", coords, dim)?;
            Rule::new(index, target, method)
        })
        .collect::<Result<_>>()?;
    if method == InterpMethod::Cubic && together_count(&made) > 1 {
        return Err(Error::unsupported(
            "interp: the method \"cubic\" along points in several dimensions; interpolate each dimension by itself, or use \"linear\"",
        ));
    }
    Ok(made)
}

/// Most rules that share a dimension of their targets.
fn together_count(rules: &[Rule]) -> usize {
    let shared = |a: &Rule, b: &Rule| a.target.dims.iter().any(|d| b.target.dims.contains(d));
    rules
        .iter()
        .map(|a| rules.iter().filter(|b| shared(a, b)).count())
        .max()
        .unwrap_or(0)
}

/// Common dimensions of numbers or times with other labels.
fn like(own: &[Coord], other: &[Coord]) -> Vec<(String, DataTarget)> {
    own.iter()
        .filter(|c| c.is_index() && !matches!(c.values, Values::Texts(..)))
        .filter_map(|c| {
            let target = other.iter().find(|o| o.is_index() && o.name == c.name)?;
            (!target.same_values(c)).then(|| {
                let mut target = DataTarget::from(target.clone());
                target.own_attrs = true;
                (c.name.clone(), target)
            })
        })
        .collect()
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
        self.interp(&targets, method)
    }
}
