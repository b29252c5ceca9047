//! Group-by: by coordinates, components of times (`"time.season"`), labels beside the array, by one or several of them.

use super::cf::{Component, SEASONS};
use super::coord::{Coord, Values};
use super::data_array::DataArray;
use super::group_bins::Bins;
use super::group_seasons::Seasons;
use super::grouping::{Grouping, Key, NO_GROUP};
use super::reductions::reductions;
use crate::block::Block;
use crate::dtype::NAT;
use crate::error::{Error, Result, nearest_names};
use crate::op::ReductionKind;
use crate::spec::Attrs;
use std::sync::Arc;

/// What an array is grouped by.
#[derive(Clone, Debug)]
pub enum GroupKey {
    /// A coordinate (`"lat"`, of any dimensions) or a component of one of times (`"time.season"`).
    Name(String),
    /// A label for each index of its dimensions, which are some of the array's: a basin mask over a map. It is computed when
    /// the array is grouped, and lies in memory.
    Array(Box<DataArray>),
    /// The bin of each value of a key.
    Bins(Box<GroupKey>, Bins),
    /// The season of each time of a coordinate.
    Seasons(String, Seasons),
}

impl From<&str> for GroupKey {
    fn from(name: &str) -> Self {
        GroupKey::Name(name.to_owned())
    }
}

impl From<&DataArray> for GroupKey {
    fn from(array: &DataArray) -> Self {
        GroupKey::Array(Box::new(array.clone()))
    }
}

/// One or several keys: a name, an array, or lists of them.
#[derive(Clone, Debug)]
pub struct GroupKeys(Vec<GroupKey>);

impl From<&str> for GroupKeys {
    fn from(name: &str) -> Self {
        GroupKeys(vec![name.into()])
    }
}

impl From<&DataArray> for GroupKeys {
    fn from(array: &DataArray) -> Self {
        GroupKeys(vec![array.into()])
    }
}

impl<T: Into<GroupKey>, const N: usize> From<[T; N]> for GroupKeys {
    fn from(keys: [T; N]) -> Self {
        GroupKeys(keys.map(Into::into).to_vec())
    }
}

impl From<GroupKey> for GroupKeys {
    fn from(key: GroupKey) -> Self {
        GroupKeys(vec![key])
    }
}

impl From<Vec<GroupKey>> for GroupKeys {
    fn from(keys: Vec<GroupKey>) -> Self {
        GroupKeys(keys)
    }
}

impl GroupKeys {
    /// The groups of an array or dataset with these dimensions and coordinates.
    pub(super) fn of(&self, sizes: &[(String, usize)], coords: &[Coord]) -> Result<Grouping> {
        if self.0.is_empty() {
            return Err(Error::invalid(
                "groupby: no key; give a coordinate, a component of times or an array of labels",
            ));
        }
        let keys = self.0.iter().map(|key| key.of(sizes, coords));
        Grouping::new(keys.collect::<Result<Vec<Key>>>()?)
    }
}

impl GroupKey {
    fn of(&self, sizes: &[(String, usize)], coords: &[Coord]) -> Result<Key> {
        match self {
            GroupKey::Name(name) => match name.split_once('.') {
                Some((coord, component)) if coords.iter().all(|c| c.name != *name) => {
                    component_of(find(coords, coord, name)?, component, name)
                }
                _ => Key::of_values(find(coords, name, name)?),
            },
            GroupKey::Array(array) => Key::of_values(&labels_of(array, sizes, coords)?),
            GroupKey::Seasons(name, seasons) => seasons.key(find(coords, name, name)?),
            GroupKey::Bins(key, bins) => {
                let coord = match key.as_ref() {
                    GroupKey::Name(name) => find(coords, name, name)?.clone(),
                    GroupKey::Array(array) => labels_of(array, sizes, coords)?,
                    GroupKey::Bins(..) | GroupKey::Seasons(..) => {
                        return Err(Error::invalid(
                            "groupby_bins: bins are of a coordinate or an array",
                        ));
                    }
                };
                bins.key(&coord)
            }
        }
    }
}

fn find<'a>(coords: &'a [Coord], name: &str, by: &str) -> Result<&'a Coord> {
    coords.iter().find(|c| c.name == name).ok_or_else(|| {
        let known = nearest_names(name, coords.iter().map(|c| c.name.as_str()));
        let place = match name == by {
            true => String::new(),
            false => format!(" in {by:?}"),
        };
        Error::invalid(format!(
            "groupby: unknown coordinate {name:?}{place}; known: {known}"
        ))
    })
}

/// An array of labels as a coordinate: computed, along dimensions of the grouped array.
fn labels_of(array: &DataArray, sizes: &[(String, usize)], coords: &[Coord]) -> Result<Coord> {
    let name = array.name().unwrap_or("group");
    for (dim, len) in array.dims.iter().zip(array.shape()) {
        let Some((_, own)) = sizes.iter().find(|(d, _)| d == dim) else {
            let known = nearest_names(dim, sizes.iter().map(|(d, _)| d.as_str()));
            return Err(Error::invalid(format!(
                "groupby: the key {name:?} has the dimension {dim:?}, which is unknown; known: {known}"
            )));
        };
        if *own != len {
            return Err(Error::invalid(format!(
                "groupby: the key {name:?} has {len} labels for dimension {dim:?} of length {own}; give one per index"
            )));
        }
        let index = |coords: &[Coord]| {
            coords
                .iter()
                .find(|c| c.name == *dim && c.is_index())
                .cloned()
        };
        if let (Some(ours), Some(theirs)) = (index(coords), index(&array.coords))
            && !ours.same_values(&theirs)
        {
            return Err(Error::invalid(format!(
                "groupby: the key {name:?} has other labels along {dim:?} than the array; align them first"
            )));
        }
    }
    Ok(Coord {
        name: name.to_owned(),
        dims: array.dims.clone(),
        values: Values::Block(Arc::new(array.compute_block()?)),
        attrs: array.attrs.clone(),
        time: None,
    })
}

/// The groups of a component of times.
fn component_of(coord: &Coord, component: &str, by: &str) -> Result<Key> {
    let component =
        Component::parse(component).map_err(|e| e.context(format!("grouping by {by:?}")))?;
    let (counts, time) = coord.times().ok_or_else(|| {
        Error::invalid(format!(
            "groupby: {:?} is {}, not times; its component {:?} is not defined",
            coord.name,
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
        .map(|v| present.binary_search(v).map_or(NO_GROUP, |at| at as u32))
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
    let lengths = coord.shape().iter().copied();
    Ok(Key {
        dims: coord.dims.iter().cloned().zip(lengths).collect(),
        codes,
        more: Vec::new(),
        groups: Coord {
            name: component.name().to_owned(),
            dims: vec![component.name().to_owned()],
            values,
            attrs: Attrs::default(),
            time: None,
        },
    })
}

/// A grouped array, waiting for its reduction, or for arithmetic beside what each group has.
#[derive(Clone, Debug)]
pub struct GroupBy {
    pub(super) array: DataArray,
    pub(super) by: Option<Arc<Grouping>>,
}

impl DataArray {
    /// Groups by `"dim.component"` (season, month, year, dayofyear, hour …), by a coordinate, by an array of labels along some of
    /// its dimensions, or by several of these: `a.groupby(["time.month", "band"])`.
    ///
    /// Keys along several dimensions (a basin mask over the map) fold these together.
    ///
    /// # Memory
    /// 4 bytes on every rank for each combination of indices of the grouped dimensions: a map, not the cube over it.
    #[must_use]
    #[track_caller]
    pub fn groupby(&self, by: impl Into<GroupKeys>) -> GroupBy {
        let made = self
            .check()
            .and_then(|()| by.into().of(&self.sizes(), &self.coords));
        self.grouped(made)
    }

    #[track_caller]
    pub(super) fn grouped(&self, by: Result<Grouping>) -> GroupBy {
        match by {
            Ok(by) => GroupBy {
                array: self.clone(),
                by: Some(Arc::new(by)),
            },
            Err(error) => GroupBy {
                array: self.clone().fail(error),
                by: None,
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
            let coord = Coord::index(name, labels.clone());
            let key = Key::of_values(&coord.renamed(name, vec![dim.to_owned()]))?;
            Grouping::new(vec![key])
        });
        self.grouped(found)
    }
}

impl GroupBy {
    /// Any reduction of the groups, by its record. `dims` may name the grouped dimension (it always is reduced), as in
    /// xarray's `groupby("time.season").mean("time")`, and other dimensions with it: they are reduced in the same step.
    #[must_use]
    #[track_caller]
    pub fn reduce(&self, kind: ReductionKind, dims: &[&str], skipna: Option<bool>) -> DataArray {
        match &self.by {
            Some(by) => by.reduce(&self.array, kind, dims, skipna, false),
            None => self.array.clone(),
        }
    }

    /// The labels of the groups, of several keys those of the first; none after a failure.
    pub fn groups(&self) -> Option<&Coord> {
        self.by.as_ref().and_then(|by| by.keys.first())
    }

    /// The labels of each key: the dimensions of a reduction.
    pub fn keys(&self) -> &[Coord] {
        self.by.as_ref().map_or(&[], |by| &by.keys)
    }
}

reductions! { GroupBy => DataArray;
    var => Var { ddof: 0 }, "Variance (ddof 0).";
    first => First, "First element of each group that is not missing.";
    last => Last, "Last element of each group that is not missing.";
}
