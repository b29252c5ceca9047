//! Indexes brought together: which labels several arrays share, by xarray's `join`.

use super::coord::Coord;
use super::data_array::DataArray;
use super::dataset::Dataset;
use super::keys::{Keys, Lookup};
use crate::error::{Error, Result, nearest_names};
use std::str::FromStr;

/// Which labels are left of indexes that differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Join {
    /// Those that all have, in the order of the first: the rule of arithmetic.
    #[default]
    Inner,
    /// Those that any has, sorted.
    Outer,
    /// Those of the first.
    Left,
    /// Those of the last.
    Right,
    /// They must not differ.
    Exact,
    /// Those of the first, whatever the others say; lengths must be equal.
    Override,
}

impl FromStr for Join {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        const NAMES: [&str; 6] = ["inner", "outer", "left", "right", "exact", "override"];
        Ok(match text {
            "inner" => Join::Inner,
            "outer" => Join::Outer,
            "left" => Join::Left,
            "right" => Join::Right,
            "exact" => Join::Exact,
            "override" => Join::Override,
            other => {
                return Err(Error::invalid(format!(
                    "unknown join {other:?}; known: {}",
                    nearest_names(other, NAMES.into_iter())
                )));
            }
        })
    }
}

/// The labels that all have who have the index, for each dimension where they differ.
pub(super) fn common_indexes(
    operation: &str,
    inputs: &[(&str, &[Coord])],
    join: Join,
    exclude: &[&str],
) -> Result<Vec<Coord>> {
    let mut targets: Vec<Coord> = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    for coord in inputs.iter().flat_map(|(_, coords)| coords.iter()) {
        if !coord.is_index()
            || seen.contains(&coord.name.as_str())
            || exclude.contains(&coord.name.as_str())
        {
            continue;
        }
        seen.push(&coord.name);
        let own: Vec<(&str, &Coord)> = inputs
            .iter()
            .filter_map(|(owner, coords)| {
                let index = coords.iter().find(|c| c.is_index() && c.name == coord.name);
                Some((*owner, index?))
            })
            .collect();
        if own[1..].iter().all(|(_, c)| own[0].1.same_values(c)) {
            continue;
        }
        targets.push(common_index(operation, &own, join)?);
    }
    Ok(targets)
}

fn common_index(operation: &str, own: &[(&str, &Coord)], join: Join) -> Result<Coord> {
    let (first_owner, first) = own[0];
    let dim = first.name.as_str();
    match join {
        Join::Left => Ok(first.clone()),
        Join::Right => Ok(own[own.len() - 1].1.clone()),
        Join::Override => match own.iter().find(|(_, c)| c.len() != first.len()) {
            None => Ok(first.clone()),
            Some((owner, other)) => Err(Error::invalid(format!(
                "{operation}: join \"override\" along {dim:?}: {} labels of {first_owner}, {} of {owner}; there must be as many",
                first.len(),
                other.len()
            ))),
        },
        Join::Exact => {
            let differs = own[1..].iter().find(|(_, c)| !first.same_values(c));
            let (owner, other) = differs.copied().unwrap_or((first_owner, first));
            Err(differing(operation, (first_owner, first), (owner, other)))
        }
        Join::Inner => {
            let wanted = Keys::of(first);
            let mut stays = vec![true; first.len()];
            unique(operation, first_owner, first, &wanted)?;
            for (_, other) in &own[1..] {
                let found = Keys::of(other).find(operation, dim, &wanted, &Lookup::default())?;
                for (stays, found) in stays.iter_mut().zip(found) {
                    *stays &= found.is_some();
                }
            }
            let list: Vec<Option<usize>> =
                (0..first.len()).filter(|i| stays[*i]).map(Some).collect();
            first.take(dim, &list)
        }
        Join::Outer => {
            for (owner, coord) in own {
                unique(operation, owner, coord, &Keys::of(coord))?;
            }
            let all: Vec<Coord> = own.iter().map(|(_, c)| (*c).clone()).collect();
            let all = Coord::joined(operation, &all, dim)?;
            let keys = Keys::of(&all);
            let mut order = keys.sorted();
            order.dedup_by(|b, a| keys.same(*a, *b));
            let list: Vec<Option<usize>> = order.into_iter().map(Some).collect();
            all.take(dim, &list)
        }
    }
}

/// Two indexes that were to be equal.
pub(super) fn differing(
    operation: &str,
    (owner, a): (&str, &Coord),
    (other, b): (&str, &Coord),
) -> Error {
    let place = (0..a.len().min(b.len()))
        .find(|i| a.exact_text(*i) != b.exact_text(*i))
        .unwrap_or(a.len().min(b.len()));
    let text = |coord: &Coord| match place < coord.len() {
        true => coord.exact_text(place),
        false => "none".to_owned(),
    };
    Error::invalid(format!(
        "{operation}: the coordinate {:?} of {owner} and {other} differs, first at position {place}: {} and {}",
        a.name,
        text(a),
        text(b)
    ))
}

/// An index that is joined must tell its positions.
fn unique(operation: &str, owner: &str, coord: &Coord, keys: &Keys) -> Result<()> {
    let order = keys.sorted();
    match order.windows(2).find(|w| keys.same(w[0], w[1])) {
        None => Ok(()),
        Some(w) => Err(Error::invalid(format!(
            "{operation}: the coordinate {:?} of {owner} differs from the others and has the label {} twice (positions {} and {}), so \
             they cannot be aligned; drop the repeated ones with drop_duplicates",
            coord.name,
            coord.text(w[0]),
            w[0],
            w[1]
        ))),
    }
}

/// The arrays with common labels. xarray's `align`: nothing is computed, elements are selected, and missing ones filled in where
/// an array has not a label.
///
/// # Errors
/// Invalid input when indexes that differ have repeated labels or are of different kinds, lengths of dimensions without labels
/// differ, or `join` is exact.
pub fn align(arrays: &[&DataArray], join: Join, exclude: &[&str]) -> Result<Vec<DataArray>> {
    arrays.iter().try_for_each(|a| a.check())?;
    let owners: Vec<String> = arrays.iter().map(|a| super::align::label_of(a)).collect();
    let all: Vec<(&str, &[Coord])> = owners
        .iter()
        .zip(arrays)
        .map(|(owner, a)| (owner.as_str(), a.coords()))
        .collect();
    let targets = common_indexes("align", &all, join, exclude)?;
    let made: Vec<DataArray> = arrays
        .iter()
        .map(|a| match join {
            Join::Override => a.overridden(&targets),
            _ => a.conform("align", &targets, None),
        })
        .collect();
    made.iter().try_for_each(DataArray::check)?;
    let sizes: Vec<(&str, &[String], Vec<usize>)> = owners
        .iter()
        .zip(&made)
        .map(|(owner, a)| (owner.as_str(), a.dims(), a.shape()))
        .collect();
    super::align::common_dims("align", &without(sizes, exclude))?;
    Ok(made)
}

/// Dimensions and lengths without those that are excluded: they may differ.
fn without<'a>(
    sizes: Vec<(&'a str, &'a [String], Vec<usize>)>,
    exclude: &[&str],
) -> Vec<(&'a str, &'a [String], Vec<usize>)> {
    match exclude {
        [] => sizes,
        _ => Vec::new(),
    }
}

/// As [`align`], of datasets.
///
/// # Errors
/// As [`align`].
pub fn align_datasets(datasets: &[&Dataset], join: Join, exclude: &[&str]) -> Result<Vec<Dataset>> {
    datasets.iter().try_for_each(|d| d.check())?;
    let all: Vec<(&str, &[Coord])> = datasets
        .iter()
        .map(|d| (d.origin.as_str(), d.coords()))
        .collect();
    let targets = common_indexes("align", &all, join, exclude)?;
    let made: Vec<Dataset> = datasets
        .iter()
        .map(|d| match join {
            Join::Override => targets.iter().fold((*d).clone(), |made, target| {
                let has = made.coords.iter().any(|c| c.name == target.name);
                if has {
                    made.assign_coords(target.clone())
                } else {
                    made
                }
            }),
            _ => d.conform("align", &targets, None),
        })
        .collect();
    made.iter().try_for_each(Dataset::check)?;
    Ok(made)
}

impl DataArray {
    /// The same elements under the labels of `targets`, whatever its own were.
    #[track_caller]
    pub(super) fn overridden(&self, targets: &[Coord]) -> Self {
        targets
            .iter()
            .fold(self.clone(), |made, target| match made.has(&target.name) {
                true => made.assign_coords(target.clone()),
                false => made,
            })
    }
}
