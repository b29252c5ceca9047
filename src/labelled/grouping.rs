//! The groups of elements: keys become small integer codes, one per index of the grouped dimensions, and a reduction is a fold
//! with these codes. Keys of one dimension fold along its axis; keys of several dimensions fold along the axis that these make
//! together, a view of the array.
//!
//! Memory: the codes are 4 bytes for each combination of indices of the grouped dimensions (a map of 1440 × 720: 4 MB), on every
//! rank, whatever the other dimensions are.

use super::coord::{Coord, Values};
use super::data_array::DataArray;
use super::positions::masked;
use crate::array::Array;
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result};
use crate::op::ReductionKind;
use std::sync::Arc;

/// The code of an element in no group.
pub(super) const NO_GROUP: u32 = u32::MAX;
/// Codes of several dimensions: more than this are no map but the array itself.
const MOST_CODES: usize = 1 << 28;

/// One key: the group of each element of its dimensions, row-major, and the labels of its groups.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) dims: Vec<(String, usize)>,
    pub(super) codes: Vec<u32>,
    pub(super) groups: Coord,
    /// Codes of groups that share elements with those of `codes`, layer by layer: seasons that overlap.
    pub(super) more: Vec<Vec<u32>>,
}

impl Key {
    /// The sorted unique values of a coordinate and the group of each; missing values belong to no group.
    pub(super) fn of_values(coord: &Coord) -> Result<Key> {
        let name = coord.name.as_str();
        let mut order: Vec<usize> = (0..coord.len()).collect();
        let mut codes = vec![NO_GROUP; coord.len()];
        let mut firsts = Vec::new();
        // Integers and times compare exactly, floats by value.
        let compare = |a: &Scalar, b: &Scalar| match (a.as_i128(), b.as_i128()) {
            (Some(x), Some(y)) => x.cmp(&y),
            _ => (a.as_f64() + 0.0).total_cmp(&(b.as_f64() + 0.0)),
        };
        let mut number = |order: &[usize], same: &dyn Fn(usize, usize) -> bool| {
            for (i, at) in order.iter().enumerate() {
                if i == 0 || !same(order[i - 1], *at) {
                    firsts.push(Some(*at));
                }
                codes[*at] = firsts.len() as u32 - 1;
            }
        };
        match &coord.values {
            Values::Texts(texts, _) => {
                order.sort_by(|a, b| texts[*a].cmp(&texts[*b]).then(a.cmp(b)));
                number(&order, &|a, b| texts[a] == texts[b]);
            }
            Values::Block(block) | Values::CfTimes(block, _) => {
                let values: Vec<Scalar> =
                    (0..block.elements()).filter_map(|i| block.get(i)).collect();
                let missing = |at: usize| match &coord.values {
                    Values::CfTimes(..) => values[at].as_i128() == Some(crate::dtype::NAT.into()),
                    _ => values[at].is_missing(),
                };
                order.retain(|at| !missing(*at));
                order.sort_by(|a, b| compare(&values[*a], &values[*b]).then(a.cmp(b)));
                number(&order, &|a, b| compare(&values[a], &values[b]).is_eq());
            }
        }
        // As in xarray, the labels of a dimension that descend stay in their order.
        let len = coord.len();
        if coord.is_index() && len > 1 && (0..len).all(|at| codes[at] as usize == len - 1 - at) {
            firsts.reverse();
            codes.reverse();
        }
        let groups = coord.gather(vec![name.to_owned()], &[firsts.len()], &firsts)?;
        let lengths = coord.shape().iter().copied();
        Ok(Key {
            dims: coord.dims.iter().cloned().zip(lengths).collect(),
            codes,
            groups,
            more: Vec::new(),
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.groups.name
    }
}

/// The groups of some dimensions by one or several keys; a group of several keys is a combination of one of each, row-major.
#[derive(Clone, Debug)]
pub(super) struct Grouping {
    pub(super) dims: Vec<(String, usize)>,
    pub(super) codes: Arc<Vec<u32>>,
    pub(super) keys: Vec<Coord>,
    /// True for the groups with an element; none when all have one.
    pub(super) filled: Option<Arc<Vec<bool>>>,
    /// Codes of groups that share elements with those of `codes`, of one key.
    more: Vec<Arc<Vec<u32>>>,
}

impl Grouping {
    /// Groups along one dimension, whose codes are at hand; a group without an element gives what its reduction gives of nothing.
    pub(super) fn along(dim: &str, codes: Arc<Vec<u32>>, groups: Coord) -> Self {
        Grouping {
            dims: vec![(dim.to_owned(), codes.len())],
            codes,
            keys: vec![groups],
            filled: None,
            more: Vec::new(),
        }
    }

    pub(super) fn new(keys: Vec<Key>) -> Result<Self> {
        let mut dims: Vec<(String, usize)> = Vec::new();
        for key in &keys {
            for (dim, len) in &key.dims {
                match dims.iter().find(|(d, _)| d == dim) {
                    None => dims.push((dim.clone(), *len)),
                    Some((_, before)) if before == len => {}
                    Some((_, before)) => {
                        return Err(Error::invalid(format!(
                            "groupby: the key {:?} has {len} labels along {dim:?}, another key {before}; all must have as many",
                            key.name()
                        )));
                    }
                }
            }
        }
        if let Some(key) = keys.iter().find(|key| key.dims.is_empty()) {
            return Err(Error::invalid(format!(
                "groupby: the key {:?} has no dimension; give one with a label per index",
                key.name()
            )));
        }
        for (i, key) in keys.iter().enumerate() {
            if keys[..i].iter().any(|k| k.name() == key.name()) {
                return Err(Error::invalid(format!(
                    "groupby: two keys are named {:?}; each names a dimension of the result",
                    key.name()
                )));
            }
        }
        if let Some(key) = keys.iter().find(|k| keys.len() > 1 && !k.more.is_empty()) {
            return Err(Error::invalid(format!(
                "groupby: the groups of {:?} overlap, beside other keys; group by it alone",
                key.name()
            )));
        }
        let many = || {
            let names: Vec<&str> = dims.iter().map(|(d, _)| d.as_str()).collect();
            Error::invalid(format!(
                "groupby: keys along {} together make more than {MOST_CODES} labels; reduce by one key after another",
                names.join(" and ")
            ))
        };
        let elements = dims
            .iter()
            .try_fold(1usize, |n, (_, len)| n.checked_mul(*len));
        let elements = elements.filter(|n| keys.len() == 1 || *n <= MOST_CODES);
        let elements = elements.ok_or_else(many)?;
        let groups = keys
            .iter()
            .try_fold(1usize, |n, k| n.checked_mul(k.groups.len()));
        let groups = groups.filter(|n| *n < NO_GROUP as usize && *n <= MOST_CODES);
        let groups = groups.ok_or_else(many)?;
        let codes = match keys.as_slice() {
            [one] => one.codes.clone(),
            _ => {
                let mut codes = vec![0u32; elements];
                for key in &keys {
                    let count = key.groups.len() as u32;
                    each_index(&dims, &key.dims, |at, own| {
                        codes[at] = match (codes[at], key.codes[own]) {
                            (NO_GROUP, _) | (_, NO_GROUP) => NO_GROUP,
                            (before, code) => before * count + code,
                        };
                    });
                }
                codes
            }
        };
        let mut filled = vec![false; groups];
        let more = keys.iter().flat_map(|key| &key.more);
        for code in codes.iter().chain(more.clone().flatten()) {
            if *code != NO_GROUP {
                filled[*code as usize] = true;
            }
        }
        let more = more.map(|codes| Arc::new(codes.clone())).collect();
        Ok(Grouping {
            dims,
            codes: Arc::new(codes),
            filled: filled.contains(&false).then(|| Arc::new(filled)),
            keys: keys.into_iter().map(|key| key.groups).collect(),
            more,
        })
    }

    pub(super) fn dim_names(&self) -> Vec<&str> {
        self.dims.iter().map(|(dim, _)| dim.as_str()).collect()
    }

    /// The grouped dimension, when it is one.
    pub(super) fn one_dim(&self) -> Option<&str> {
        match self.dims.as_slice() {
            [(dim, _)] => Some(dim),
            _ => None,
        }
    }

    pub(super) fn groups(&self) -> usize {
        self.keys.iter().map(Coord::len).product()
    }

    /// A failure when elements are in several groups.
    pub(super) fn check_apart(&self, operation: &str) -> Result<()> {
        match self.more.is_empty() {
            true => Ok(()),
            false => Err(Error::invalid(format!(
                "groupby: {operation} of groups that overlap; they have reductions only"
            ))),
        }
    }

    /// Groups that share no element, layer by layer, and which these are.
    fn layers(&self) -> Result<Vec<(Vec<usize>, Grouping)>> {
        let mut layers = Vec::new();
        let mut placed = vec![false; self.groups()];
        let last = self.more.len();
        for (number, codes) in self.more.iter().chain([&self.codes]).enumerate() {
            let mut own = vec![None; placed.len()];
            for code in codes.iter().filter(|code| **code != NO_GROUP) {
                own[*code as usize] = Some(0u32);
            }
            let filled: Vec<bool> = own.iter().map(Option::is_some).collect();
            // Groups without an element come last.
            let mine = (0..own.len()).filter(|g| filled[*g] || (number == last && !placed[*g]));
            let mine: Vec<usize> = mine.collect();
            for (new, group) in mine.iter().enumerate() {
                own[*group] = Some(new as u32);
                placed[*group] = true;
            }
            let code = |code: &u32| {
                own.get(*code as usize)
                    .copied()
                    .flatten()
                    .unwrap_or(NO_GROUP)
            };
            let labels: Vec<Option<usize>> = mine.iter().copied().map(Some).collect();
            let filled: Vec<bool> = mine.iter().map(|g| filled[*g]).collect();
            let by = Grouping {
                dims: self.dims.clone(),
                codes: Arc::new(codes.iter().map(code).collect()),
                keys: vec![self.keys[0].take(&self.keys[0].name, &labels)?],
                filled: filled.contains(&false).then(|| Arc::new(filled)),
                more: Vec::new(),
            };
            layers.push((mine, by));
        }
        Ok(layers)
    }

    /// The reduction of every layer, side by side in the order of the groups; they stand last, as in xarray.
    #[track_caller]
    fn reduce_layers(
        &self,
        array: &DataArray,
        kind: ReductionKind,
        dims: &[&str],
        skipna: Option<bool>,
        dataset: bool,
    ) -> Result<DataArray> {
        let mut order = Vec::new();
        let mut made = Vec::new();
        for (groups, by) in self.layers()? {
            let reduced = by.reduce(array, kind, dims, skipna, dataset);
            reduced.check()?;
            order.extend(groups);
            made.push(reduced);
        }
        let Some((first, rest)) = made.split_first() else {
            return Err(Error::internal("groupby: no layer of groups"));
        };
        let axis = first.axis("groupby", &self.keys[0].name)? as isize;
        let rest: Vec<&Array> = rest.iter().map(|a| &a.array).collect();
        let mut back: Vec<isize> = (0..order.len() as isize).collect();
        back.sort_by_key(|at| order[*at as usize]);
        let together = first.array.concat(&rest, axis).take(&back, Some(axis));
        let mut result = first.with_array(together.moveaxis(&[axis], &[-1]));
        let name = result.dims.remove(axis as usize);
        result.dims.push(name);
        result.coords = self.coords(&array.coords, dims);
        Ok(result)
    }

    /// A failure when the reduced dimensions leave a grouped one.
    pub(super) fn check_dims(&self, dims: &[&str]) -> Result<()> {
        let left = self
            .dims
            .iter()
            .find(|(dim, _)| !dims.contains(&dim.as_str()));
        match left {
            Some((dim, _)) if !dims.is_empty() => Err(Error::unsupported(format!(
                "groupby: reducing {dims:?} without the grouped dimension {dim:?}; name it, too, or reduce the array itself"
            ))),
            _ => Ok(()),
        }
    }

    /// Coordinates of the result: those along no reduced dimension, and the labels of the groups.
    pub(super) fn coords(&self, coords: &[Coord], dims: &[&str]) -> Vec<Coord> {
        let gone = |c: &Coord| {
            let along =
                |d: &String| dims.contains(&d.as_str()) || self.dims.iter().any(|(g, _)| g == d);
            c.dims.iter().any(along) || self.keys.iter().any(|k| k.name == c.name)
        };
        let mut kept: Vec<Coord> = coords.iter().filter(|c| !gone(c)).cloned().collect();
        kept.extend(self.keys.iter().cloned());
        kept
    }

    /// A reduction of each group, together with other dimensions. The groups stand where the dimension of one key stood; those
    /// of keys along several dimensions stand last. In a dataset, as in xarray, one key along one dimension stands first (but of first and last elements), and several
    /// keys stand last.
    #[track_caller]
    pub(super) fn reduce(
        &self,
        array: &DataArray,
        kind: ReductionKind,
        dims: &[&str],
        skipna: Option<bool>,
        dataset: bool,
    ) -> DataArray {
        if !self.more.is_empty() {
            let made = self.reduce_layers(array, kind, dims, skipna, dataset);
            return made.unwrap_or_else(|error| array.clone().fail(error));
        }
        let own = self.dim_names();
        let axes = self.check_dims(dims).and_then(|()| {
            let others: Vec<&str> = dims.iter().copied().filter(|d| !own.contains(d)).collect();
            Ok((
                array.axes("groupby", &own)?,
                array.axes("groupby", &others)?,
            ))
        });
        let (grouped, others) = match axes {
            Ok(axes) => axes,
            Err(error) => return array.clone().fail(error),
        };
        use ReductionKind as R;
        let mut input = array.array.clone();
        // The least of no integers is missing, so they are floats from the start: rounding keeps their order.
        if self.filled.is_some() && matches!(kind, R::Min | R::Max | R::First | R::Last) {
            input = input.astype(input.dtype().with_missing());
        }
        let mut names = array.dims.clone();
        // The axis of the codes, and the other axes to fold.
        let (mut at, mut folded) = (grouped[0], others);
        if grouped.len() > 1 {
            let rest: Vec<usize> = (0..names.len()).filter(|a| !grouped.contains(a)).collect();
            let order: Vec<isize> = rest.iter().chain(&grouped).map(|a| *a as isize).collect();
            let shape = array.shape();
            let mut merged: Vec<isize> = rest.iter().map(|a| shape[*a] as isize).collect();
            merged.push(self.codes.len() as isize);
            input = input.permute_dims(&order).reshape(&merged);
            folded = folded
                .iter()
                .filter_map(|axis| rest.iter().position(|a| a == axis))
                .collect();
            names = rest.iter().map(|a| names[*a].clone()).collect();
            at = rest.len();
            names.push(String::new());
        }
        let lengths: Vec<isize> = folded.iter().map(|a| *a as isize).collect();
        let codes = self.codes.clone();
        let mut made =
            input.group_reduce_over(kind, at as isize, codes, self.groups(), &lengths, skipna);
        at -= folded.iter().filter(|a| **a < at).count();
        let mut stays = 0..;
        names.retain(|_| stays.next().is_some_and(|axis| !folded.contains(&axis)));
        if let Some(filled) = &self.filled {
            if made.dtype() == DType::Bool {
                made = made.astype(DType::F64);
            }
            made = match kind {
                // xarray: the product of no integers is 1, among groups too.
                R::Prod if !array.dtype().has_missing() => made.astype(made.dtype().with_missing()),
                _ => masked(&made, at, filled),
            };
        }
        if dataset {
            let to = match (self.keys.len() > 1 || grouped.len() > 1, kind) {
                (true, _) => names.len() - 1,
                (false, R::First | R::Last) => at,
                (false, _) => 0,
            };
            made = made.moveaxis(&[at as isize], &[to as isize]);
            let name = names.remove(at);
            names.insert(to, name);
            at = to;
        }
        names.splice(at..=at, self.keys.iter().map(|k| k.name.clone()));
        if self.keys.len() > 1 {
            let mut shape: Vec<isize> = made.shape().iter().map(|n| *n as isize).collect();
            shape.splice(at..=at, self.keys.iter().map(|k| k.len() as isize));
            made = made.reshape(&shape);
        }
        let mut result = array.with_array(made);
        result.without_unit_of(kind);
        result.dims = names;
        result.coords = self.coords(&array.coords, dims);
        result
    }
}

/// Calls `visit` with the row-major position of each index of `dims` and its position in `own`, some of `dims`.
fn each_index(
    dims: &[(String, usize)],
    own: &[(String, usize)],
    mut visit: impl FnMut(usize, usize),
) {
    let stride_of = |dim: &String| match own.iter().position(|(d, _)| d == dim) {
        Some(axis) => own[axis + 1..].iter().map(|(_, n)| n).product(),
        None => 0usize,
    };
    let strides: Vec<usize> = dims.iter().map(|(dim, _)| stride_of(dim)).collect();
    let elements: usize = dims.iter().map(|(_, n)| n).product();
    let mut index = vec![0usize; dims.len()];
    let mut from = 0;
    for at in 0..elements {
        visit(at, from);
        for axis in (0..dims.len()).rev() {
            index[axis] += 1;
            from += strides[axis];
            if index[axis] < dims[axis].1 {
                break;
            }
            from -= strides[axis] * dims[axis].1;
            index[axis] = 0;
        }
    }
}
