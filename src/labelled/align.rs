//! Operands brought together by name: common dimensions, coordinates that agree, attributes that do not conflict.

use super::coord::Coord;
use super::data_array::DataArray;
use super::join::{Join, common_indexes};
use crate::array::Array;
use crate::error::{Error, Result};
use crate::spec::Attrs;

/// The dimensions of operands (label, dimensions, lengths) in order of appearance, with their lengths.
pub(super) fn common_dims(
    operation: &str,
    inputs: &[(&str, &[String], Vec<usize>)],
) -> Result<(Vec<String>, Vec<usize>)> {
    let mut dims: Vec<String> = Vec::new();
    let mut lengths: Vec<usize> = Vec::new();
    let mut owners: Vec<&str> = Vec::new();
    for (label, names, shape) in inputs {
        for (dim, len) in names.iter().zip(shape) {
            match dims.iter().position(|d| d == dim) {
                None => {
                    dims.push(dim.clone());
                    lengths.push(*len);
                    owners.push(label);
                }
                Some(axis) if lengths[axis] != *len => {
                    return Err(Error::invalid(format!(
                        "{operation}: dimension {dim:?} has length {} in {} and {len} in {label}; lengths must be equal (select \
                         the common part with `sel` or `isel` first)",
                        lengths[axis], owners[axis],
                    )));
                }
                Some(_) => {}
            }
        }
    }
    Ok((dims, lengths))
}

/// The coordinates of operands (label, coordinates): those of dimensions must agree; others that conflict are dropped, as in
/// xarray (`compat="minimal"`).
pub(super) fn merge_coords(operation: &str, inputs: &[(&str, &[Coord])]) -> Result<Vec<Coord>> {
    let mut coords: Vec<(&str, Coord)> = Vec::new();
    let mut dropped: Vec<&str> = Vec::new();
    for (label, own) in inputs {
        for coord in *own {
            let at = coords.iter().position(|(_, c)| c.name == coord.name);
            match at.map(|at| (at, &coords[at])) {
                None if dropped.contains(&coord.name.as_str()) => {}
                None => coords.push((label, coord.clone())),
                Some((_, (_, known))) if known.same_values(coord) => {}
                Some((_, (owner, known))) if known.is_index() || coord.is_index() => {
                    let differ = (0..known.len().min(coord.len()))
                        .find(|i| known.exact_text(*i) != coord.exact_text(*i))
                        .unwrap_or(0);
                    return Err(Error::invalid(format!(
                        "{operation}: the coordinate {:?} of {owner} and {label} differs, first at position {differ}: {} and {}; \
                         select the common part first",
                        coord.name,
                        known.exact_text(differ),
                        coord.exact_text(differ)
                    )));
                }
                Some((at, _)) => {
                    coords.remove(at);
                    dropped.push(&coord.name);
                }
            }
        }
    }
    Ok(coords.into_iter().map(|(_, coord)| coord).collect())
}

/// Arrays brought to common dimensions, and the labels of what is made of them.
pub(super) struct Aligned {
    pub(super) arrays: Vec<Array>,
    pub(super) labels: DataArray,
}

/// How an input is named in errors.
pub(super) fn label_of(array: &DataArray) -> String {
    let name = array.name.clone();
    name.unwrap_or_else(|| "an unnamed array".into())
}

/// Brings arrays to common labels (by `join`) and common dimensions: those of the first, then new ones of the others.
pub(super) fn align(operation: &str, inputs: &[&DataArray], join: Join) -> Result<Aligned> {
    inputs.iter().try_for_each(|input| input.check())?;
    let owned;
    let mut inputs = inputs.to_vec();
    if let Some(joined) = joined(operation, &inputs, join)? {
        owned = joined;
        inputs = owned.iter().collect();
    }
    let labels: Vec<String> = inputs.iter().map(|input| label_of(input)).collect();
    let each = || inputs.iter().zip(&labels);
    let all: Vec<(&str, &[String], Vec<usize>)> = each()
        .map(|(input, label)| (label.as_str(), input.dims(), input.shape()))
        .collect();
    let (dims, shape) = common_dims(operation, &all)?;
    let all: Vec<(&str, &[Coord])> = each()
        .map(|(input, label)| (label.as_str(), input.coords()))
        .collect();
    let coords = merge_coords(operation, &all)?;
    let arrays = inputs
        .iter()
        .map(|input| spread(input, &dims, &shape))
        .collect();
    let mut attrs = inputs[0].attrs.clone();
    for input in &inputs[1..] {
        attrs = without_conflicts(&attrs, &input.attrs);
    }
    let mut labels = inputs[0].with_array(inputs[0].array.clone());
    labels.dims = dims;
    labels.coords = coords;
    labels.attrs = attrs;
    if inputs[1..].iter().any(|input| input.name != labels.name) {
        labels.name = None;
    }
    Ok(Aligned { arrays, labels })
}

/// The data of `input` along `dims`, which have all of its own: in that order, repeated along those that it lacks.
#[track_caller]
pub(super) fn spread(input: &DataArray, dims: &[String], shape: &[usize]) -> Array {
    let mut axes: Vec<(usize, usize)> = input
        .dims
        .iter()
        .enumerate()
        .filter_map(|(axis, dim)| Some((dims.iter().position(|d| d == dim)?, axis)))
        .collect();
    axes.sort_unstable();
    let order: Vec<usize> = axes.iter().map(|(_, axis)| *axis).collect();
    let to: Vec<usize> = axes.iter().map(|(to, _)| *to).collect();
    let mut array = input.array.clone();
    if order.iter().enumerate().any(|(i, axis)| i != *axis) {
        array = array.transpose(&order);
    }
    if to.len() != shape.len() {
        array = array.broadcast_axes(&to, shape);
    }
    array
}

/// The inputs of an operation with the labels that `join` leaves; `None` when all agree.
fn joined(operation: &str, inputs: &[&DataArray], join: Join) -> Result<Option<Vec<DataArray>>> {
    let owners: Vec<String> = inputs.iter().map(|input| label_of(input)).collect();
    let all: Vec<(&str, &[Coord])> = owners
        .iter()
        .zip(inputs)
        .map(|(owner, input)| (owner.as_str(), input.coords()))
        .collect();
    let targets = common_indexes(operation, &all, join, &[])?;
    if targets.is_empty() {
        return Ok(None);
    }
    refuse_nothing(operation, &all, &targets)?;
    let each = inputs.iter().map(|input| match join {
        Join::Override => input.overridden(&targets),
        _ => input.conform(operation, &targets, None),
    });
    let made: Vec<DataArray> = each.collect();
    made.iter().try_for_each(DataArray::check)?;
    Ok(Some(made))
}

/// An error when indexes that have labels have none in common: xarray goes on with arrays of length zero, of which nobody knows
/// why (0.1 is not 0.1000000015).
pub(super) fn refuse_nothing(
    operation: &str,
    inputs: &[(&str, &[Coord])],
    targets: &[Coord],
) -> Result<()> {
    for target in targets.iter().filter(|t| t.is_empty()) {
        let mut owners = inputs.iter().filter_map(|(owner, coords)| {
            let own = coords.iter().find(|c| c.name == target.name)?;
            (!own.is_empty()).then(|| {
                let (first, last) = (own.exact_text(0), own.exact_text(own.len() - 1));
                format!("{owner} from {first} to {last}")
            })
        });
        if let (Some(a), Some(b)) = (owners.next(), owners.next()) {
            return Err(Error::invalid(format!(
                "{operation}: no label of {:?} is in all operands: {a}, {b}; align them first (reindex_like with \
                 method \"nearest\", interp_like), or join=\"outer\"",
                target.name
            )));
        }
    }
    Ok(())
}

/// xarray's `keep_attrs="drop_conflicts"`: what both agree on, and what only one has.
pub(super) fn without_conflicts(a: &Attrs, b: &Attrs) -> Attrs {
    let mut kept = Attrs::default();
    for (name, value) in &a.0 {
        if b.get(name).is_none_or(|other| other == value) {
            kept.set(name, value.clone());
        }
    }
    for (name, value) in &b.0 {
        if a.get(name).is_none() {
            kept.set(name, value.clone());
        }
    }
    kept
}
