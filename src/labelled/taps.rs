//! Which elements an interpolated one is made of, and with which weights: rules that follow from labels in memory.

use super::coord::{Coord, Values};
use super::indexer::{Indexer, Points};
use super::keys::Keys;
use super::number::{Number, on_scale};
use super::search::strict_direction;
use super::spline;
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

pub(super) fn rules(
    coords: &[Coord],
    targets: &[(&str, DataTarget)],
    method: InterpMethod,
) -> Result<Vec<Rule>> {
    targets
        .iter()
        .map(|(dim, target)| {
            let index = super::sel::index_of("interp", coords, dim)?;
            Rule::new(index, target, method)
        })
        .collect()
}

/// Common dimensions of numbers or times with other labels.
pub(super) fn like(own: &[Coord], other: &[Coord]) -> Vec<(String, DataTarget)> {
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

/// One of the elements that an interpolated one is made of, for each target.
pub(super) struct Tap {
    pub(super) positions: Vec<isize>,
    pub(super) weights: Vec<f64>,
}

/// How a dimension is interpolated: the taps, where targets lie inside the labels, and the dimensions of the targets.
pub(super) struct Rule {
    pub(super) dim: String,
    pub(super) target: Coord,
    pub(super) more: Vec<Coord>,
    pub(super) own_attrs: bool,
    pub(super) taps: Vec<Tap>,
    pub(super) inside: Vec<bool>,
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
        (Keys::Numbers(x), Keys::Numbers(wanted)) => {
            let all: Vec<Number> = x.iter().chain(&wanted).copied().collect();
            let mut values = on_scale(&all, x.first().copied());
            let wanted = values.split_off(x.len());
            Ok((values, wanted, order))
        }
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

    /// The index of each target along an axis of the targets.
    pub(super) fn along(&self, axis: usize) -> Points {
        let shape = self.target.shape().to_vec();
        let stride: usize = shape[axis + 1..].iter().product();
        let index = |at: usize| (at / stride % shape[axis]) as isize;
        Points {
            dims: self.target.dims.clone(),
            positions: (0..self.target.len()).map(index).collect(),
            shape,
            coords: Vec::new(),
        }
    }

    pub(super) fn points(&self, tap: &Tap) -> Indexer {
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

/// Rules that share dimensions of their targets go together (corners of a cell); others one after another.
pub(super) fn together(rules: Vec<Rule>) -> Vec<Vec<Rule>> {
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
pub(super) fn combinations(counts: &[usize]) -> Vec<Vec<usize>> {
    counts.iter().fold(vec![Vec::new()], |before, n| {
        before
            .iter()
            .flat_map(|head| {
                (0..*n).map(move |k| head.iter().copied().chain([k]).collect::<Vec<usize>>())
            })
            .collect()
    })
}
