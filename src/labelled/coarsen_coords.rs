//! The coordinates of coarser arrays: what becomes of the labels of a window. They are small and in memory on rank 0.

use super::cf::TimeIndex;
use super::coarsen::CoordFunc;
use super::coord::{Coord, Values};
use crate::block::Block;
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result};
use std::sync::Arc;

/// Positions of a dimension as its windows take them, `None` for padding.
pub(super) type Places = Vec<Option<usize>>;

/// A coordinate whose windows are folded: along each axis the places that they take and their elements.
pub(super) fn folded(coord: &Coord, lines: &[(Places, usize)], func: CoordFunc) -> Result<Coord> {
    let from = coord.shape();
    let shape: Vec<usize> = lines
        .iter()
        .map(|(places, window)| places.len() / window)
        .collect();
    if let Some(times) = coord.time_index() {
        let instants = times.instants();
        if func != CoordFunc::Mean {
            let places = extremes(from, lines, &shape, func, |at| instants[at]);
            return coord.gather(coord.dims.clone(), &shape, &places);
        }
        let means = each_window(from, lines, &shape, |at| {
            let own = at.iter().filter_map(|at| instants[*at]);
            let count = own.clone().count() as i128;
            (count > 0).then(|| own.sum::<i128>().div_euclid(count))
        });
        let means = TimeIndex::of_instants(&means, times.time())?;
        let values = match Coord::of_times(&coord.name, &means)?.values {
            Values::Block(block) => Values::Block(Arc::new((*block).clone().with_shape(&shape)?)),
            Values::CfTimes(block, time) => {
                Values::CfTimes(Arc::new((*block).clone().with_shape(&shape)?), time)
            }
            texts => texts,
        };
        return Ok(Coord {
            values,
            ..coord.clone()
        });
    }
    let block = match &coord.values {
        Values::Block(block) if !block.dtype().is_complex() && !block.dtype().is_time() => block,
        _ => {
            return Err(Error::invalid(format!(
                "coarsen: the coordinate {:?} of {} has no {func:?}; drop it first (drop_vars)",
                coord.name,
                coord.dtype_name()
            )));
        }
    };
    let number = |at: usize| block.get(at).map(Scalar::as_f64).filter(|v| !v.is_nan());
    if func != CoordFunc::Mean {
        let places = extremes(from, lines, &shape, func, number);
        let mut made = coord.gather(coord.dims.clone(), &shape, &places)?;
        // Padding would have made them floats.
        let padded = lines.iter().any(|(places, _)| places.contains(&None));
        if padded && !block.dtype().has_missing() {
            let picked = places
                .iter()
                .map(|at| at.and_then(number).unwrap_or(f64::NAN));
            let picked = Block::from_vec(&shape, picked.collect::<Vec<f64>>())?;
            made.values = Values::Block(Arc::new(picked));
        }
        return Ok(made);
    }
    let means = each_window(from, lines, &shape, |at| {
        let own = at.iter().filter_map(|at| number(*at));
        own.clone().sum::<f64>() / own.count() as f64
    });
    let means = match block.dtype() {
        DType::F32 => Block::from_vec(&shape, means.iter().map(|v| *v as f32).collect())?,
        _ => Block::from_vec(&shape, means)?,
    };
    Ok(Coord {
        values: Values::Block(Arc::new(means)),
        ..coord.clone()
    })
}

/// Where the smallest or the largest of each window lies; the first of equal ones.
fn extremes<K: PartialOrd>(
    from: &[usize],
    lines: &[(Places, usize)],
    shape: &[usize],
    func: CoordFunc,
    key: impl Fn(usize) -> Option<K>,
) -> Vec<Option<usize>> {
    each_window(from, lines, shape, |at| {
        let mut best: Option<(usize, K)> = None;
        for at in at {
            let Some(own) = key(*at) else { continue };
            let better = match (&best, func) {
                (None, _) => true,
                (Some((_, known)), CoordFunc::Min) => own < *known,
                (Some((_, known)), _) => own > *known,
            };
            if better {
                best = Some((*at, own));
            }
        }
        best.map(|(at, _)| at)
    })
}

/// What `fold` makes of each window, in row-major order; it gets the row-major positions that are in the window.
fn each_window<T>(
    from: &[usize],
    lines: &[(Places, usize)],
    shape: &[usize],
    mut fold: impl FnMut(&[usize]) -> T,
) -> Vec<T> {
    let count = shape.iter().product();
    let mut made = Vec::with_capacity(count);
    let mut at: Vec<usize> = Vec::new();
    let mut index = vec![0; shape.len()];
    for _ in 0..count {
        at.clear();
        at.push(0);
        for (axis, (places, window)) in lines.iter().enumerate() {
            let own = &places[index[axis] * window..][..*window];
            let next = at.iter().flat_map(|at| {
                own.iter()
                    .flatten()
                    .map(move |place| at * from[axis] + place)
            });
            at = next.collect();
        }
        made.push(fold(&at));
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            if index[axis] < shape[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    made
}
