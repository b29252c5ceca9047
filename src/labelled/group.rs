//! Group-by along one dimension: by a component of its times (`"time.season"`), or by labels.

use super::cf::{Component, SEASONS};
use super::coord::{Coord, Values};
use super::data_array::DataArray;
use super::reductions::reductions;
use crate::block::Block;
use crate::dtype::{NAT, Scalar};
use crate::error::{Error, Result, nearest_names};
use crate::op::ReductionKind;
use crate::spec::Attrs;
use std::sync::Arc;

/// A grouped array, waiting for its reduction.
#[derive(Clone, Debug)]
pub struct GroupBy {
    pub(super) array: DataArray,
    pub(super) dim: String,
    pub(super) codes: Arc<Vec<u32>>,
    pub(super) groups: Option<Coord>,
}

impl DataArray {
    /// Groups by `"dim.component"` (season, month, year, dayofyear, hour …) or by the 1-D coordinate `name`.
    #[must_use]
    #[track_caller]
    pub fn groupby(&self, by: &str) -> GroupBy {
        match self.check().and_then(|()| groups_of(&self.coords, by)) {
            Ok((dim, codes, groups)) => GroupBy {
                array: self.clone(),
                dim,
                codes: Arc::new(codes),
                groups: Some(groups),
            },
            Err(error) => GroupBy {
                array: self.clone().fail(error),
                dim: String::new(),
                codes: Arc::default(),
                groups: None,
            },
        }
    }

    /// Groups by labels given beside the array: one per index of `dim`; the groups are sorted.
    #[must_use]
    #[track_caller]
    pub fn groupby_labels(&self, dim: &str, name: &str, labels: &Block) -> GroupBy {
        let found = self.axis("groupby", dim).and_then(|axis| {
            let len = self.shape()[axis];
            if labels.shape() != [len] {
                return Err(Error::invalid(format!(
                    "groupby: {:?} labels for dimension {dim:?} of length {len}; give one per index",
                    labels.shape()
                )));
            }
            unique(name, &Values::Block(Arc::new(labels.clone())))
        });
        match found {
            Ok((codes, groups)) => GroupBy {
                array: self.clone(),
                dim: dim.to_owned(),
                codes: Arc::new(codes),
                groups: Some(groups),
            },
            Err(error) => GroupBy {
                array: self.clone().fail(error),
                dim: dim.to_owned(),
                codes: Arc::default(),
                groups: None,
            },
        }
    }
}

/// The grouped dimension, the group of each of its indices, and the labels of the groups.
pub(super) fn groups_of(coords: &[Coord], by: &str) -> Result<(String, Vec<u32>, Coord)> {
    let find = |name: &str| coords.iter().find(|c| c.name == name);
    let known = || {
        let names = coords.iter().map(|c| c.name.as_str());
        nearest_names(by, names)
    };
    if let Some(coord) = find(by) {
        let [dim] = coord.dims.as_slice() else {
            return Err(Error::unsupported(format!(
                "groupby: the coordinate {by:?} has dimensions {:?}; group by a 1-D coordinate",
                coord.dims
            )));
        };
        let (codes, groups) = unique(by, &coord.values)?;
        return Ok((dim.clone(), codes, groups));
    }
    let Some((name, component)) = by.split_once('.') else {
        return Err(Error::invalid(format!(
            "groupby: unknown coordinate {by:?}; known: {}",
            known()
        )));
    };
    let coord = find(name).ok_or_else(|| {
        Error::invalid(format!(
            "groupby: unknown coordinate {name:?} in {by:?}; known: {}",
            known()
        ))
    })?;
    let [dim] = coord.dims.as_slice() else {
        return Err(Error::invalid(format!(
            "groupby: the coordinate {name:?} has dimensions {:?}; group by a 1-D coordinate",
            coord.dims
        )));
    };
    let component =
        Component::parse(component).map_err(|e| e.context(format!("grouping by {by:?}")))?;
    let (counts, time) = coord.times().ok_or_else(|| {
        Error::invalid(format!(
            "groupby: {name:?} is {}, not times; its component {:?} is not defined",
            coord.dtype_name(),
            component.name()
        ))
    })?;
    let values = component.of(counts, &time);
    let mut present: Vec<i64> = values.iter().copied().filter(|v| *v != NAT).collect();
    present.sort_unstable();
    present.dedup();
    let codes = values
        .iter()
        .map(|v| present.binary_search(v).map_or(u32::MAX, |at| at as u32))
        .collect();
    let values = match component {
        Component::Season => {
            let names: Vec<String> = present
                .iter()
                .map(|s| SEASONS[*s as usize].to_owned())
                .collect();
            let len = names.len();
            Values::Texts(Arc::new(names), vec![len])
        }
        _ => Values::Block(Arc::new(Block::from_vec(&[present.len()], present)?)),
    };
    Ok((dim.clone(), codes, group_coord(component.name(), values)))
}

fn group_coord(name: &str, values: Values) -> Coord {
    Coord {
        name: name.to_owned(),
        dims: vec![name.to_owned()],
        values,
        attrs: Attrs::default(),
        time: None,
    }
}

/// The group of each value and the sorted unique values; missing values belong to no group.
fn unique(name: &str, values: &Values) -> Result<(Vec<u32>, Coord)> {
    match values {
        Values::Texts(texts, _) => {
            let mut sorted: Vec<String> = texts.to_vec();
            sorted.sort();
            sorted.dedup();
            let codes = texts
                .iter()
                .map(|t| sorted.binary_search(t).map_or(u32::MAX, |at| at as u32))
                .collect();
            let len = sorted.len();
            Ok((
                codes,
                group_coord(name, Values::Texts(Arc::new(sorted), vec![len])),
            ))
        }
        Values::Block(block) | Values::CfTimes(block, _) => {
            let scalars: Vec<Scalar> = (0..block.elements()).filter_map(|i| block.get(i)).collect();
            // Integers and times compare exactly, floats by value.
            let order = |a: &Scalar, b: &Scalar| match (a.as_i128(), b.as_i128()) {
                (Some(x), Some(y)) => x.cmp(&y),
                _ => a.as_f64().total_cmp(&(b.as_f64() + 0.0)),
            };
            let mut sorted: Vec<(Scalar, u64)> = scalars
                .iter()
                .enumerate()
                .filter(|(_, s)| !s.is_missing())
                .map(|(i, s)| (*s, i as u64))
                .collect();
            sorted.sort_by(|a, b| order(&a.0, &b.0).then(a.1.cmp(&b.1)));
            sorted.dedup_by(|a, b| order(&a.0, &b.0).is_eq());
            let codes = scalars
                .iter()
                .map(|s| {
                    sorted
                        .binary_search_by(|(u, _)| order(u, s))
                        .map_or(u32::MAX, |at| at as u32)
                })
                .collect();
            let mut groups = Block::zeros(block.dtype(), &[sorted.len()]);
            for (at, (_, from)) in sorted.iter().enumerate() {
                let one = crate::geom::Region::new([*from as usize], [1]);
                groups.paste(&crate::geom::Region::new([at], [1]), &block.part(&one))?;
            }
            let groups = Arc::new(groups);
            let values = match values {
                Values::CfTimes(_, time) => Values::CfTimes(groups, *time),
                _ => Values::Block(groups),
            };
            Ok((codes, group_coord(name, values)))
        }
    }
}

impl GroupBy {
    /// Any reduction of the groups, by its record. `dims` may name the grouped dimension (it always is reduced), as in
    /// xarray's `groupby("time.season").mean("time")`; other dimensions are reduced after it.
    #[must_use]
    #[track_caller]
    pub fn reduce(&self, kind: ReductionKind, dims: &[&str], skipna: Option<bool>) -> DataArray {
        let array = &self.array;
        let Some(groups) = &self.groups else {
            return array.clone();
        };
        let axis = match array.axis("groupby", &self.dim) {
            Ok(axis) => axis,
            Err(error) => return array.clone().fail(error),
        };
        if let Some(other) = dims.iter().find(|d| **d != self.dim) {
            let known = array.dims.iter().any(|d| d == other);
            return array.clone().fail(match known {
                true => Error::unsupported(format!(
                    "groupby: reducing {other:?} together with the grouped dimension {:?}; reduce it in a second step",
                    self.dim
                )),
                false => Error::invalid(format!(
                    "groupby: unknown dimension {other:?}; known: {}",
                    array.dims.join(", ")
                )),
            });
        }
        let reduced = array.array.group_reduce(
            kind,
            axis as isize,
            self.codes.clone(),
            groups.len(),
            skipna,
        );
        let mut result = array.with_array(reduced);
        result.without_unit_of(kind);
        result.dims[axis] = groups.name.clone();
        result.coords = array.coords_without(&[&self.dim]);
        result.coords.push(groups.clone());
        result
    }

    /// The labels of the groups; none after a failure.
    pub fn groups(&self) -> Option<&Coord> {
        self.groups.as_ref()
    }
}

reductions! { GroupBy => DataArray;
    var => Var { ddof: 0 }, "Variance (ddof 0).";
    first => First, "First element of each group that is not missing.";
    last => Last, "Last element of each group that is not missing.";
}
