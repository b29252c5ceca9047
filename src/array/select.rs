//! Selection by index expressions: slices are views; lists of few runs are views side by side; other lists are held by the
//! plan, in pieces, each of which demands the box around its own indices only.

use super::array::Array;
use super::index_expr::{Index, IndexExpr};
use super::shape::reshaped;
use crate::block::Block;
use crate::driver::Session;
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result};
use crate::expr::{Graph, NodeId, SourceDecl};
use crate::geom::{Select, Span, ViewAxis, broadcast_shapes, normalize_axis};
use crate::op::{MOST_TAKEN, Take};
use std::panic::Location;
use std::sync::Arc;

/// Most entries of an index list: it is part of the plan, which every rank holds.
const MOST_INDICES: usize = 1 << 24;
/// A list of so many runs becomes views side by side.
const FEW_RUNS: usize = 64;

/// How several lists go together.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Together {
    /// NumPy's rule: point by point, in the place of the lists when they are neighbours, else first.
    Numpy,
    /// Every list along its own axis.
    Outer,
    /// Point by point, first.
    Points,
}

/// A list of indices of any shape, not yet checked.
#[derive(Clone)]
pub(super) struct List {
    pub(super) values: Vec<isize>,
    pub(super) shape: Vec<usize>,
}

/// One part of a resolved expression.
#[derive(Clone)]
pub(super) enum Part {
    At(isize),
    Slice(Option<isize>, Option<isize>, isize),
    NewAxis,
    List(List),
}

/// An array of a block in the memory of rank 0.
pub(super) fn from_memory(session: &Arc<Session>, block: Block) -> Array {
    let (dtype, shape) = (block.dtype(), block.shape().to_vec());
    let data = session.keep(Arc::new(block));
    let node = session.with_graph(|g| g.source(SourceDecl::Memory { data, dtype, shape }));
    Array::new(session.clone(), node)
}

/// The positions where a block of bools is true.
fn positions_of(block: &Block) -> Vec<isize> {
    let marks = block.as_slice::<bool>().unwrap_or_default();
    let marked = marks.iter().enumerate().filter(|(_, m)| **m);
    marked.map(|(i, _)| i as isize).collect()
}

/// The integers of an array, computed.
pub(super) fn computed_list(operation: &str, array: &Array) -> Result<List> {
    if !array.dtype().is_integer() {
        array.check()?;
        return Err(Error::invalid(format!(
            "{operation}: an index of {}; indices are integers or bools",
            array.dtype()
        )));
    }
    let block = array.astype(DType::I64).compute_block()?;
    let values = block.as_slice::<i64>().unwrap_or_default();
    Ok(List {
        values: values.iter().map(|v| *v as isize).collect(),
        shape: block.shape().to_vec(),
    })
}

/// The indices that an array stands for along its axes: of a mask where it is true, else its integers.
fn lists_of(operation: &str, array: &Array) -> Result<Vec<List>> {
    array.check()?;
    if array.dtype() != DType::Bool {
        return Ok(vec![computed_list(operation, array)?]);
    }
    if array.ndim() == 1 {
        let values = positions_of(&array.compute_block()?);
        let shape = vec![values.len()];
        return Ok(vec![List { values, shape }]);
    }
    array
        .nonzero()?
        .iter()
        .map(|list| computed_list(operation, list))
        .collect()
}

/// The parts of an expression over `shape`: one for each axis, and the new axes; arrays are computed.
pub(super) fn resolved(operation: &str, expr: IndexExpr, shape: &[usize]) -> Result<Vec<Part>> {
    let parts = expr.0?;
    let mut used = 0;
    let mut open = 0;
    for part in &parts {
        match part {
            Index::At(_) | Index::Slice(..) | Index::List(_) => used += 1,
            Index::Array(array) if array.dtype() == DType::Bool => used += array.ndim(),
            Index::Array(_) => used += 1,
            Index::Ellipsis => open += 1,
            Index::NewAxis => {}
        }
    }
    if open > 1 {
        return Err(Error::invalid(format!(
            "{operation}: {open} ellipses; there may be one"
        )));
    }
    if used > shape.len() {
        return Err(Error::invalid(format!(
            "{operation}: {used} indices for an array of {} axes",
            shape.len()
        )));
    }
    let mut result = Vec::new();
    let mut axis = 0;
    let all = Part::Slice(None, None, 1);
    for part in parts {
        match part {
            Index::At(at) => result.push(Part::At(at)),
            Index::Slice(start, stop, step) => result.push(Part::Slice(start, stop, step)),
            Index::NewAxis => {
                result.push(Part::NewAxis);
                continue;
            }
            Index::Ellipsis => {
                let skipped = shape.len() - used;
                result.extend(std::iter::repeat_n(all.clone(), skipped));
                axis += skipped;
                continue;
            }
            Index::List(values) => {
                let shape = vec![values.len()];
                result.push(Part::List(List { values, shape }));
            }
            Index::Array(array) => {
                let lengths = array.shape();
                if array.dtype() == DType::Bool && lengths != shape[axis..axis + lengths.len()] {
                    return Err(Error::invalid(format!(
                        "{operation}: a mask of shape {lengths:?} over axes of lengths {:?}; they must agree",
                        &shape[axis..axis + lengths.len()]
                    )));
                }
                let lists = lists_of(operation, &array)?;
                axis += lists.len() - 1;
                result.extend(lists.into_iter().map(Part::List));
            }
        }
        axis += 1;
    }
    if open == 0 {
        result.extend(std::iter::repeat_n(all, shape.len() - used));
    }
    Ok(result)
}

/// Indices that may count from the end, as those of an axis of `len` elements.
pub(super) fn checked(
    operation: &str,
    values: &[isize],
    axis: usize,
    len: usize,
) -> Result<Vec<u64>> {
    if values.len() > MOST_INDICES {
        return Err(Error::unsupported(format!(
            "{operation}: a list of {} indices; lists hold at most {MOST_INDICES}: select with slices or a mask instead",
            values.len()
        )));
    }
    let n = len as isize;
    values
        .iter()
        .map(|&v| match (-n..n).contains(&v) {
            true => Ok(v.rem_euclid(n) as u64),
            false => Err(Error::invalid(match len {
                0 => format!("{operation}: index {v} is out of range: axis {axis} is empty"),
                _ => format!(
                    "{operation}: index {v} is out of range on axis {axis}; allowed are {} … {}",
                    -n,
                    n - 1
                ),
            })),
        })
        .collect()
}

/// Runs of equal steps: first index, step, length. `None` when there are many.
fn runs(list: &[u64]) -> Option<Vec<(u64, isize, usize)>> {
    let mut found: Vec<(u64, isize, usize)> = Vec::new();
    let mut i = 0;
    while i < list.len() {
        if found.len() == FEW_RUNS {
            return None;
        }
        let mut end = i + 1;
        let step = match list.get(end) {
            Some(next) => *next as isize - list[i] as isize,
            None => 1,
        };
        while end < list.len() && list[end] as isize - list[end - 1] as isize == step {
            end += 1;
        }
        // Two elements are no run yet: the second may begin a longer one.
        if end == i + 2 && end < list.len() {
            end = i + 1;
        }
        let step = if end == i + 1 { 1 } else { step };
        found.push((list[i], step, end - i));
        i = end;
    }
    Some(found)
}

/// The points whose indices on `axes` are listed, along an axis at `at` of the result.
pub(super) fn taken(
    g: &mut Graph,
    a: NodeId,
    axes: &[usize],
    at: usize,
    lists: &[Vec<u64>],
) -> Result<NodeId> {
    let from = g.shape(a).to_vec();
    let points = lists.first().map_or(0, Vec::len);
    let mut shape: Vec<usize> = (0..from.len())
        .filter(|axis| !axes.contains(axis))
        .map(|axis| from[axis])
        .collect();
    shape.insert(at, points);
    if shape.contains(&0) {
        let zero = Scalar::zero(g.dtype(a));
        return g.fill(zero, &shape);
    }
    let mut parts = Vec::new();
    let mut placed = vec![0; shape.len()];
    if let ([axis], [list]) = (axes, lists)
        && *axis == at
        && let Some(runs) = runs(list)
        && (runs.len() == 1 || runs.len() * 2 <= points)
    {
        for (first, step, len) in runs {
            let mut select = Select::all(&from);
            select.base[at] = first as usize;
            select.axes[at] = ViewAxis {
                parent: (step != 0).then_some(at),
                step,
                len,
            };
            parts.push((g.select(a, select)?, placed.clone()));
            placed[at] += len;
        }
        return g.assemble(&shape, parts);
    }
    for first in (0..points).step_by(MOST_TAKEN) {
        let end = points.min(first + MOST_TAKEN);
        let op = Take {
            axes: axes.to_vec(),
            at,
            indices: lists.iter().map(|list| list[first..end].to_vec()).collect(),
        };
        placed[at] = first;
        parts.push((g.call(op, vec![a])?, placed.clone()));
    }
    g.assemble(&shape, parts)
}

impl Array {
    /// The elements of an index expression, by NumPy's rules: slices of any step, `...`, new axes, lists of integers (several
    /// lists: point by point), masks. From text as in `x.at("1:5, ::-1, ..., newaxis")`, or from parts.
    ///
    /// Arrays in the expression (masks, computed indices) are computed at this call.
    #[must_use]
    #[track_caller]
    pub fn at(&self, index: impl Into<IndexExpr>) -> Array {
        self.indexed("index", index.into(), Together::Numpy)
    }

    /// As [`Array::at`], but each list goes along its own axis. xarray's and zarr's outer (orthogonal) indexing.
    #[must_use]
    #[track_caller]
    pub fn oindex(&self, index: impl Into<IndexExpr>) -> Array {
        self.indexed("oindex", index.into(), Together::Outer)
    }

    /// As [`Array::at`], but the points of the lists are always the first axes. dask's `vindex`.
    #[must_use]
    #[track_caller]
    pub fn vindex(&self, index: impl Into<IndexExpr>) -> Array {
        self.indexed("vindex", index.into(), Together::Points)
    }

    #[track_caller]
    fn indexed(&self, operation: &str, expr: IndexExpr, together: Together) -> Array {
        if self.check().is_err() {
            return self.clone();
        }
        if let Ok([Index::Array(mask)]) = expr.0.as_deref()
            && mask.dtype() == DType::Bool
            && mask.check().is_ok()
            && mask.shape() == self.shape()
        {
            return self.masked(mask);
        }
        let location = Location::caller();
        match resolved(operation, expr, &self.shape()) {
            Ok(parts) => self.push(|g, a| selected(g, a, operation, parts, together)),
            Err(error) => Array::new(self.session().clone(), Err(error.at_call(location))),
        }
    }

    /// The elements at `indices` along `axis` (`None`: in row-major order). NumPy's `take`.
    #[must_use]
    #[track_caller]
    pub fn take(&self, indices: &[isize], axis: Option<isize>) -> Array {
        self.push(|g, a| {
            let (a, axis) = match axis {
                Some(axis) => (a, normalize_axis("take", axis, g.shape(a).len())?),
                None => {
                    let elements = g.shape(a).iter().product();
                    (reshaped(g, a, &[elements])?, 0)
                }
            };
            let list = checked("take", indices, axis, g.shape(a)[axis])?;
            taken(g, a, &[axis], axis, &[list])
        })
    }
}

fn selected(
    g: &mut Graph,
    a: NodeId,
    operation: &str,
    parts: Vec<Part>,
    together: Together,
) -> Result<NodeId> {
    let from = g.shape(a).to_vec();
    let listed = parts.iter().any(|part| matches!(part, Part::List(_)));
    // A view of what is not listed; listed axes stay whole. An integer beside lists is a list of one, but not in `oindex`.
    let mut base = vec![0; from.len()];
    let mut axes: Vec<ViewAxis> = Vec::new();
    let mut lists: Vec<(usize, usize, List)> = Vec::new();
    let mut parent = 0;
    for (place, part) in parts.into_iter().enumerate() {
        if matches!(part, Part::NewAxis) {
            axes.push(ViewAxis {
                parent: None,
                step: 0,
                len: 1,
            });
            continue;
        }
        let len = from[parent];
        match part {
            Part::At(at) if listed && together != Together::Outer => {
                let list = List {
                    values: vec![at],
                    shape: Vec::new(),
                };
                lists.push((axes.len(), place, list));
                axes.push(whole(parent, len));
            }
            Part::At(at) => base[parent] = checked(operation, &[at], parent, len)?[0] as usize,
            Part::Slice(start, stop, step) => {
                let span = Span::slice(start, stop, step, len)?;
                base[parent] = span.start;
                axes.push(ViewAxis {
                    parent: Some(parent),
                    step: span.step,
                    len: span.len,
                });
            }
            Part::List(list) => {
                lists.push((axes.len(), place, list));
                axes.push(whole(parent, len));
            }
            Part::NewAxis => {}
        }
        parent += 1;
    }
    let a = g.select(a, Select { base, axes })?;
    if lists.is_empty() {
        return Ok(a);
    }
    if together == Together::Outer {
        let mut a = a;
        for (axis, _, list) in lists {
            if list.shape.len() != 1 {
                return Err(Error::invalid(format!(
                    "{operation}: indices of shape {:?} on axis {axis}; outer indices have one axis",
                    list.shape
                )));
            }
            let list = checked(operation, &list.values, axis, g.shape(a)[axis])?;
            a = taken(g, a, &[axis], axis, &[list])?;
        }
        return Ok(a);
    }
    let mut points: Vec<usize> = Vec::new();
    for (_, _, list) in &lists {
        points = broadcast_shapes(operation, &points, &list.shape)?;
    }
    let count: usize = points.iter().product();
    let neighbours = lists.windows(2).all(|pair| pair[0].1 + 1 == pair[1].1);
    let at = match together {
        Together::Points => 0,
        _ if neighbours => lists[0].0,
        _ => 0,
    };
    let listed: Vec<usize> = lists.iter().map(|(axis, _, _)| *axis).collect();
    let mut own = Vec::with_capacity(lists.len());
    for (axis, _, list) in &lists {
        let values = checked(operation, &list.values, *axis, g.shape(a)[*axis])?;
        own.push(stretched(&values, &list.shape, &points, count));
    }
    let a = taken(g, a, &listed, at, &own)?;
    let mut shape = g.shape(a).to_vec();
    shape.splice(at..=at, points);
    reshaped(g, a, &shape)
}

fn whole(parent: usize, len: usize) -> ViewAxis {
    ViewAxis {
        parent: Some(parent),
        step: 1,
        len,
    }
}

/// A list of `shape` repeated to fill `points`, as NumPy broadcasts.
fn stretched(values: &[u64], shape: &[usize], points: &[usize], count: usize) -> Vec<u64> {
    if shape == points {
        return values.to_vec();
    }
    let before = points.len() - shape.len();
    (0..count)
        .map(|number| {
            let (mut rest, mut at, mut step) = (number, 0, 1);
            for axis in (0..points.len()).rev() {
                let i = rest % points[axis];
                rest /= points[axis];
                if axis >= before {
                    let len = shape[axis - before];
                    at += if len == 1 { 0 } else { i * step };
                    step *= len;
                }
            }
            values[at]
        })
        .collect()
}
