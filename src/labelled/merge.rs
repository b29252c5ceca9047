//! `merge` and `combine_by_coords`: datasets with different variables, or with parts of the same ones, become one.

use super::concat::{DataVars, concat_datasets};
use super::coord::Coord;
use super::data_array::DataArray;
use super::dataset::Dataset;
use super::join::{Join, align_datasets};
use super::keys::Keys;
use crate::array::{Array, compute};
use crate::block::Block;
use crate::error::{Error, Result, nearest_names};
use std::panic::Location;
use std::str::FromStr;

/// What holds for variables of one name in several datasets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compat {
    /// Where both have values these are equal; where one is missing the other is taken.
    #[default]
    NoConflicts,
    /// All values and dimensions are equal.
    Equals,
    /// Attributes, too.
    Identical,
    /// The first is taken, nothing is compared.
    Override,
}

impl FromStr for Compat {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Ok(match text {
            "no_conflicts" => Compat::NoConflicts,
            "equals" | "broadcast_equals" => Compat::Equals,
            "identical" => Compat::Identical,
            "override" => Compat::Override,
            other => {
                return Err(Error::invalid(format!(
                    "unknown compat {other:?}; known: {}",
                    nearest_names(
                        other,
                        ["no_conflicts", "equals", "identical", "override"].into_iter()
                    )
                )));
            }
        })
    }
}

/// Two variables of one name are compared.
struct Question {
    name: String,
    equal: Array,
}

/// One bool: no element of `x` and `y` differs (missing beside anything, when `missing_fits`; missing beside missing always).
#[track_caller]
pub(super) fn equal(x: &Array, y: &Array, missing_fits: bool) -> Array {
    let (no_x, no_y) = (x.isnull(), y.isnull());
    let missing = match missing_fits {
        true => no_x.logical_or(&no_y),
        false => no_x.logical_and(&no_y),
    };
    x.equal(y).logical_or(&missing).all(&[])
}

/// One dataset of the variables of all, with the labels that `join` leaves. xarray's `merge`; attributes are those of the first.
///
/// Variables that several datasets have are compared by `compat` at this call (a bool per pair is computed, in shared passes);
/// `Override` computes nothing.
///
/// # Errors
/// Invalid input when variables or coordinates conflict, or labels cannot be joined.
#[track_caller]
pub fn merge(datasets: &[&Dataset], compat: Compat, join: Join) -> Result<Dataset> {
    let location = Location::caller();
    merged("merge", datasets, compat, join).map_err(|e| e.at_call(location))
}

#[track_caller]
fn merged(operation: &str, datasets: &[&Dataset], compat: Compat, join: Join) -> Result<Dataset> {
    let Some(first) = datasets.first() else {
        return Err(Error::invalid(format!(
            "{operation}: no datasets; there must be at least one"
        )));
    };
    let aligned = align_datasets(datasets, join, &[]).map_err(|e| e.context(operation))?;
    let mut coords: Vec<Coord> = Vec::new();
    for coord in aligned.iter().flat_map(|d| &d.coords) {
        match coords.iter().find(|c| c.name == coord.name) {
            None => coords.push(coord.clone()),
            Some(known) if compat == Compat::Override || known.same_values(coord) => {}
            Some(known) => {
                let filled = match compat {
                    Compat::NoConflicts => without_conflict(operation, known, coord)?,
                    _ => None,
                };
                if let Some(filled) = filled {
                    let at = coords.iter().position(|c| c.name == coord.name);
                    if let Some(place) = at.and_then(|at| coords.get_mut(at)) {
                        *place = filled;
                    }
                    continue;
                }
                return Err(Error::invalid(format!(
                    "{operation}: conflicting values of the coordinate {:?} of dimensions ({}) and ({}); drop one with drop_vars, \
                     or take the first with compat=\"override\"",
                    coord.name,
                    known.dims.join(", "),
                    coord.dims.join(", ")
                )));
            }
        }
    }
    let mut variables: Vec<DataArray> = Vec::new();
    let mut questions: Vec<Question> = Vec::new();
    for variable in aligned.iter().flat_map(|d| &d.variables) {
        let Some(at) = variables.iter().position(|v| v.name == variable.name) else {
            variables.push(variable.clone());
            continue;
        };
        if compat == Compat::Override {
            continue;
        }
        let known = &variables[at];
        let name = variable.name().unwrap_or_default().to_owned();
        if known.dims.iter().any(|d| !variable.has(d)) || known.dims.len() != variable.dims.len() {
            return Err(Error::invalid(format!(
                "{operation}: the variable {name:?} has dimensions ({}) in one dataset and ({}) in another",
                known.dims.join(", "),
                variable.dims.join(", ")
            )));
        }
        if compat == Compat::Identical && known.attrs != variable.attrs {
            return Err(Error::invalid(format!(
                "{operation}: the attributes of the variable {name:?} differ; compat \"equals\" does not compare them"
            )));
        }
        let order: Vec<&str> = known.dims.iter().map(String::as_str).collect();
        let other = variable.transpose(&order);
        let missing_fits = compat == Compat::NoConflicts;
        questions.push(Question {
            name,
            equal: equal(&known.array, &other.array, missing_fits),
        });
        if missing_fits {
            let filled = known.with_array(known.array.fillna(&other.array));
            variables[at] = filled;
        }
    }
    for variable in &mut variables {
        let dims = &variable.dims;
        let own = coords
            .iter()
            .filter(|c| c.dims.iter().all(|d| dims.contains(d)));
        variable.coords = own.cloned().collect();
    }
    let asked: Vec<&Array> = questions.iter().map(|q| &q.equal).collect();
    for (question, block) in questions.iter().zip(compute(&asked)?) {
        if !holds(&block) {
            return Err(Error::invalid(format!(
                "{operation}: conflicting values of the variable {:?} in two datasets; rename one, or take the first with \
                 compat=\"override\"",
                question.name
            )));
        }
    }
    // A name is a variable or a coordinate.
    if let Some(both) = variables
        .iter()
        .find(|v| coords.iter().any(|c| Some(c.name.as_str()) == v.name()))
    {
        return Err(Error::invalid(format!(
            "{operation}: {:?} is a variable of one dataset and a coordinate of another; rename one",
            both.name().unwrap_or_default()
        )));
    }
    let made = first.of(operation, variables, &[("the datasets", &coords)]);
    made.check()?;
    Ok(made)
}

/// Two coordinates as one, when no element differs that both have.
fn without_conflict(operation: &str, a: &Coord, b: &Coord) -> Result<Option<Coord>> {
    if a.dims != b.dims || a.shape() != b.shape() {
        return Ok(None);
    }
    let (known, other) = (Keys::of(a), Keys::of(b));
    let n = a.len();
    let mut places = Vec::with_capacity(n);
    let flat = |coord: &Coord| {
        let all: Vec<Option<usize>> = (0..n).map(Some).collect();
        coord.gather(vec!["element".to_owned()], &[n], &all)
    };
    let both = Coord::joined(operation, &[flat(a)?, flat(b)?], "element")?;
    let keys = Keys::of(&both);
    for i in 0..n {
        places.push(Some(match (known.missing(i), other.missing(i)) {
            (true, false) => n + i,
            (false, false) if !keys.same(i, n + i) => return Ok(None),
            _ => i,
        }));
    }
    Ok(Some(Coord {
        attrs: a.attrs.clone(),
        ..both
            .gather(a.dims.clone(), a.shape(), &places)?
            .renamed(&a.name, a.dims.clone())
    }))
}

pub(super) fn holds(block: &Block) -> bool {
    block
        .as_slice::<bool>()
        .is_some_and(|v| v.iter().all(|b| *b))
}

/// Datasets put together by their labels: those with the same variables one after another along the dimensions whose labels differ,
/// in their order, then all merged. xarray's `combine_by_coords`.
///
/// # Errors
/// Invalid input when labels of parts overlap, or parts do not make a whole; as [`merge`].
#[track_caller]
pub fn combine_by_coords(datasets: &[&Dataset]) -> Result<Dataset> {
    const NAME: &str = "combine_by_coords";
    let location = Location::caller();
    let made = || -> Result<Dataset> {
        datasets.iter().try_for_each(|d| d.check())?;
        let mut groups: Vec<(Vec<&str>, Vec<&Dataset>)> = Vec::new();
        for dataset in datasets {
            let mut names: Vec<&str> = dataset
                .variables
                .iter()
                .filter_map(DataArray::name)
                .collect();
            names.sort_unstable();
            match groups.iter_mut().find(|(known, _)| *known == names) {
                Some((_, own)) => own.push(dataset),
                None => groups.push((names, vec![dataset])),
            }
        }
        groups.sort_by(|a, b| a.0.cmp(&b.0));
        let parts = groups
            .iter()
            .map(|(_, own)| hypercube(NAME, own))
            .collect::<Result<Vec<_>>>()?;
        let parts: Vec<&Dataset> = parts.iter().collect();
        merged(NAME, &parts, Compat::NoConflicts, Join::Outer)
    };
    made().map_err(|e| e.at_call(location))
}

fn index<'a>(dataset: &'a Dataset, dim: &str) -> Option<&'a Coord> {
    dataset
        .coords
        .iter()
        .find(|c| c.is_index() && c.name == dim)
}

/// Parts of the same variables, along the dimensions whose labels differ.
#[track_caller]
fn hypercube(operation: &str, parts: &[&Dataset]) -> Result<Dataset> {
    let mut dims: Vec<String> = Vec::new();
    for (dim, _) in parts[0].sizes() {
        let Some(first) = index(parts[0], &dim) else {
            continue;
        };
        let differs = |d: &&Dataset| index(d, &dim).is_none_or(|c| !c.same_values(first));
        if parts[1..].iter().any(differs) {
            dims.push(dim);
        }
    }
    if dims.is_empty() && parts.len() > 1 {
        return Err(Error::invalid(format!(
            "{operation}: {} datasets with the same variables have the same labels along all dimensions; there is no order \
             between them: put them together with concat along a dimension by name",
            parts.len()
        )));
    }
    along_dims(operation, parts, &dims)
}

#[track_caller]
fn along_dims(operation: &str, parts: &[&Dataset], dims: &[String]) -> Result<Dataset> {
    let Some((dim, rest)) = dims.split_first() else {
        return match parts {
            [only] => Ok((*only).clone()),
            _ => Err(Error::invalid(format!(
                "{operation}: {} datasets have the same labels along all dimensions that differ; each part may be there once",
                parts.len()
            ))),
        };
    };
    // Parts that share the labels of this dimension belong together along the others.
    let mut groups: Vec<(Coord, Vec<&Dataset>)> = Vec::new();
    for part in parts {
        let Some(own) = index(part, dim) else {
            return Err(Error::invalid(format!(
                "{operation}: a dataset has no labels along {dim:?}"
            )));
        };
        match groups.iter_mut().find(|(known, _)| known.same_values(own)) {
            Some((_, list)) => list.push(part),
            None => groups.push((own.clone(), vec![part])),
        }
    }
    let firsts = groups
        .iter()
        .map(|(coord, _)| coord.take(dim, &[(!coord.is_empty()).then_some(0)]))
        .collect::<Result<Vec<_>>>()?;
    let keys = Keys::of(&Coord::joined(operation, &firsts, dim)?);
    let mut order = keys.sorted();
    let decreasing = groups.iter().any(|(coord, _)| falls(coord));
    if decreasing {
        order.reverse();
    }
    let inner = order
        .iter()
        .map(|at| along_dims(operation, &groups[*at].1, rest))
        .collect::<Result<Vec<_>>>()?;
    let inner: Vec<&Dataset> = inner.iter().collect();
    let made = concat_datasets(&inner, dim.as_str(), Join::Outer, DataVars::All)?;
    made.check()?;
    let whole = index(&made, dim).map(Keys::of);
    let sorted = whole.map(|keys| {
        let order = keys.sorted();
        let distinct = order.windows(2).all(|w| !keys.same(w[0], w[1]));
        distinct && (order.is_sorted() || order.iter().rev().is_sorted())
    });
    match sorted {
        Some(false) => Err(Error::invalid(format!(
            "{operation}: the labels along {dim:?} overlap or are not monotonic when the datasets are put together; use concat for \
             parts in an order of your own"
        ))),
        _ => Ok(made),
    }
}

/// True for labels that go down.
fn falls(coord: &Coord) -> bool {
    let order = Keys::of(coord).sorted();
    order.len() > 1 && order.iter().rev().is_sorted()
}
