//! Arrays with elements left out, put in or replaced: new lazy arrays, put together from parts of the old.

use super::array::{Array, Operand};
use super::index_expr::{Index, IndexExpr};
use super::join::joined;
use super::select::{Part, checked, from_memory, resolved, taken};
use super::shape::{Segments, boxes, padded, reshaped};
use crate::block::Block;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::expr::{Graph, NodeId};
use crate::geom::{Select, Span, ViewAxis, normalize_axis};
use std::panic::Location;

/// So many gaps are put side by side; more of them are a list of what stays.
const FEW_GAPS: usize = 256;

/// The listed positions of one axis.
fn listed(operation: &str, index: Index, axis: usize, len: usize) -> Result<Vec<u64>> {
    let refused = || {
        Error::invalid(format!(
            "{operation}: an ellipsis or a new axis is no index here; allowed are integers, slices, lists and masks"
        ))
    };
    // An ellipsis alone would be taken for the whole axis.
    if matches!(index, Index::Ellipsis | Index::NewAxis) {
        return Err(refused());
    }
    let mut parts = resolved(operation, index.into(), &[len])?;
    match (parts.pop(), parts.is_empty()) {
        (Some(Part::At(at)), true) => checked(operation, &[at], axis, len),
        (Some(Part::List(list)), true) => checked(operation, &list.values, axis, len),
        (Some(Part::Slice(start, stop, step)), true) => {
            let span = Span::slice(start, stop, step, len)?;
            let at = |k: usize| (span.start as isize + k as isize * span.step) as u64;
            Ok((0..span.len).map(at).collect())
        }
        _ => Err(refused()),
    }
}

impl Array {
    /// Fails with an error that has the caller's line.
    fn or_failed(&self, made: Result<Array>, location: &Location<'_>) -> Array {
        match made {
            Ok(array) => array,
            Err(error) => Array::new(self.session().clone(), Err(error.at_call(location))),
        }
    }

    /// Without the elements at `index` (an integer, a slice, a list or a mask) along `axis` (`None`: in row-major order).
    /// NumPy's `delete`.
    #[must_use]
    #[track_caller]
    pub fn delete(&self, index: impl Into<Index>, axis: Option<isize>) -> Array {
        let (this, axis) = self.axis_or_flat(axis);
        if this.check().is_err() {
            return this;
        }
        let shape = this.shape();
        let gone = normalize_axis("delete", axis, shape.len())
            .and_then(|axis| Ok((axis, listed("delete", index.into(), axis, shape[axis])?)));
        this.push(|g, a| {
            let (axis, mut gone) = gone?;
            gone.sort_unstable();
            gone.dedup();
            let mut stays: Segments = Vec::new();
            let (mut next, mut placed) = (0, 0);
            for end in gone.iter().map(|i| *i as usize).chain([shape[axis]]) {
                if end > next {
                    let span = Span::run(next, end - next);
                    stays.push((span, placed));
                    placed += span.len;
                }
                next = end + 1;
            }
            let mut to = shape.clone();
            to[axis] = placed;
            if stays.len() > FEW_GAPS {
                let list: Vec<u64> = stays
                    .iter()
                    .flat_map(|(span, _)| span.start as u64..(span.start + span.len) as u64)
                    .collect();
                return taken(g, a, &[axis], axis, &[list]);
            }
            let mut segments: Vec<Segments> =
                shape.iter().map(|&len| vec![(Span::all(len), 0)]).collect();
            segments[axis] = stays;
            boxes(g, a, &segments, &to)
        })
    }

    /// With `values` before the elements at `index` along `axis` (`None`: in row-major order); they take this array's dtype
    /// and broadcast to its lengths. NumPy's `insert`.
    #[must_use]
    #[track_caller]
    pub fn insert(
        &self,
        index: impl Into<Index>,
        values: impl Into<Operand>,
        axis: Option<isize>,
    ) -> Array {
        let (this, axis) = self.axis_or_flat(axis);
        if this.check().is_err() {
            return this;
        }
        let (shape, index) = (this.shape(), index.into());
        let single = matches!(index, Index::At(_));
        let places = normalize_axis("insert", axis, shape.len()).and_then(|axis| {
            // One behind the last element is a place, too; negative ones count from the end.
            let len = shape[axis] as isize;
            let list = match index {
                Index::At(at) => vec![at],
                Index::List(list) => list,
                other => listed("insert", other, axis, shape[axis])?
                    .into_iter()
                    .map(|i| i as isize)
                    .collect(),
            };
            let list = list
                .into_iter()
                .map(|i| match (-len..=len).contains(&i) {
                    true => Ok(if i < 0 { i + len } else { i } as usize),
                    false => Err(Error::invalid(format!(
                        "insert: index {i} is out of range on axis {axis}; allowed are {} … {len}",
                        -len
                    ))),
                })
                .collect::<Result<Vec<usize>>>()?;
            Ok((axis, list))
        });
        this.push_with(&values.into(), |g, a, v| {
            let (axis, places) = places?;
            let v = g.cast(v, g.dtype(a))?;
            let mut v = padded(g, v, shape.len())?;
            let mut wanted = shape.clone();
            if places.len() == 1 {
                if single {
                    // NumPy: the first axis of the values goes along `axis`.
                    let mut order: Vec<usize> = (1..shape.len()).collect();
                    order.insert(axis, 0);
                    let select = Select::transpose(g.shape(v), &order);
                    v = g.select(v, select)?;
                }
                wanted[axis] = g.shape(v)[axis];
            } else {
                wanted[axis] = places.len();
            }
            let v = g
                .broadcast_to(v, &wanted)
                .map_err(|e| e.context("applying insert"))?;
            let piece = |g: &mut Graph, node: NodeId, start: usize, len: usize| {
                let mut spans: Vec<Span> = g.shape(node).iter().map(|l| Span::all(*l)).collect();
                spans[axis] = Span::run(start, len);
                g.select(node, Select::spans(&spans))
            };
            let mut order: Vec<usize> = (0..places.len()).collect();
            order.sort_by_key(|k| places[*k]);
            let each = if places.len() == 1 { wanted[axis] } else { 1 };
            let mut parts = Vec::new();
            let mut done = 0;
            for k in order {
                if places[k] > done {
                    parts.push(piece(g, a, done, places[k] - done)?);
                    done = places[k];
                }
                parts.push(piece(g, v, k, each)?);
            }
            if shape[axis] > done || parts.is_empty() {
                parts.push(piece(g, a, done, shape[axis] - done)?);
            }
            joined(g, "insert", &parts, axis as isize)
        })
    }

    /// With `values` behind the elements along `axis`; without it both are one axis first. NumPy's `append`.
    #[must_use]
    #[track_caller]
    pub fn append(&self, values: impl Into<Operand>, axis: Option<isize>) -> Array {
        self.push_with(&values.into(), |g, a, v| match axis {
            Some(axis) => joined(g, "append", &[a, v], axis),
            None => {
                let mut flat = |node: NodeId| {
                    let elements = g.shape(node).iter().product();
                    reshaped(g, node, &[elements])
                };
                let parts = [flat(a)?, flat(v)?];
                joined(g, "append", &parts, 0)
            }
        })
    }

    /// The array after NumPy's `x[index] = value`: this one stays as it is. The value takes this array's dtype and broadcasts
    /// to what is selected. One list, slices and integers may be in the expression, or a mask alone (with one value).
    #[must_use]
    #[track_caller]
    pub fn set_at(&self, index: impl Into<IndexExpr>, value: impl Into<Operand>) -> Array {
        let location = Location::caller();
        if self.check().is_err() {
            return self.clone();
        }
        let (expr, value) = (index.into(), value.into());
        if let Ok([Index::Array(mask)]) = expr.0.as_deref()
            && mask.dtype() == DType::Bool
            && mask.shape() == self.shape()
        {
            return self.push_with(&value, |g, a, v| {
                let mask = Operand::from(mask).node_beside(self);
                let one = g.shape(v).iter().product::<usize>() == 1;
                if !one {
                    return Err(Error::unsupported(format!(
                        "set_at: values of shape {:?} under a mask of several axes; one value is possible, or \
                         x.where_or(!mask, values) with values of the array's shape",
                        g.shape(v)
                    )));
                }
                let v = g.cast(v, g.dtype(a))?;
                let v = reshaped(g, v, &[])?;
                g.where_(mask?, v, a)
            });
        }
        let made = resolved("set_at", expr, &self.shape())
            .and_then(|parts| self.replaced(parts, &value, location));
        self.or_failed(made, location)
    }

    fn replaced(
        &self,
        parts: Vec<Part>,
        value: &Operand,
        location: &Location<'_>,
    ) -> Result<Array> {
        let shape = self.shape();
        // What is selected, as the value sees it; and per axis of the array: the places, and the value's axis.
        let mut view = Vec::new();
        let mut places: Vec<(Places, Option<usize>)> = Vec::new();
        let mut many = 0;
        for part in parts {
            let axis = places.len();
            match part {
                Part::NewAxis => view.push(1),
                Part::At(at) => {
                    let at = checked("set_at", &[at], axis, shape[axis])?[0] as usize;
                    let span = Span::run(at, 1);
                    places.push((Places::Span(span), None));
                }
                Part::Slice(start, stop, step) => {
                    let span = Span::slice(start, stop, step, shape[axis])?;
                    places.push((Places::Span(span), Some(view.len())));
                    view.push(span.len);
                }
                Part::List(list) => {
                    many += 1;
                    if many > 1 || list.shape.len() != 1 {
                        return Err(Error::unsupported(
                            "set_at: several lists, or one of several axes; one list of one axis is possible",
                        ));
                    }
                    let list = checked("set_at", &list.values, axis, shape[axis])?;
                    view.push(list.len());
                    places.push((Places::List(list), Some(view.len() - 1)));
                }
            }
        }
        // Along axes with steps or lists: which element of the value goes to each place.
        let mut masks = Vec::new();
        for (axis, (places, _)) in places.iter().enumerate() {
            let Some(inverse) = places.inverse(shape[axis]) else {
                continue;
            };
            if inverse.iter().all(Option::is_none) {
                return Ok(self.clone());
            }
            let marks: Vec<bool> = inverse.iter().map(Option::is_some).collect();
            let mask = from_memory(self.session(), Block::from_vec(&[shape[axis]], marks)?);
            // Places that keep their element take the value's element of their neighbour: demands stay local.
            let mut last = inverse.iter().flatten().next().copied().unwrap_or(0);
            let list: Vec<u64> = inverse
                .iter()
                .map(|i| {
                    last = i.unwrap_or(last);
                    last
                })
                .collect();
            masks.push((axis, mask.node()?, list));
        }
        if view.contains(&0) {
            return Ok(self.clone());
        }
        let value = value.node_beside(self)?;
        let made = self.session().with_graph(|g| {
            let a = self.node()?;
            let v = g.cast(value, g.dtype(a))?;
            // NumPy drops leading axes of length 1 that the selection lacks.
            let mut lengths = g.shape(v).to_vec();
            while lengths.len() > view.len() && lengths[0] == 1 {
                lengths.remove(0);
            }
            let v = reshaped(g, v, &lengths)?;
            let v = g
                .broadcast_to(v, &view)
                .map_err(|e| e.context("applying set_at"))?;
            // The value in the order of the array's axes.
            let axes = places
                .iter()
                .map(|(_, axis)| ViewAxis {
                    parent: *axis,
                    step: isize::from(axis.is_some()),
                    len: axis.map_or(1, |axis| view[axis]),
                })
                .collect();
            let base = vec![0; view.len()];
            let mut v = g.select(v, Select { base, axes })?;
            for (axis, _, list) in &masks {
                v = taken(g, v, &[*axis], *axis, std::slice::from_ref(list))?;
            }
            let masked: Vec<usize> = masks.iter().map(|(axis, ..)| *axis).collect();
            // The box between the first and the last place; axes with masks are whole.
            let mut hull = Vec::with_capacity(shape.len());
            for (axis, (places, _)) in places.iter().enumerate() {
                hull.push(match places {
                    Places::Span(span) if !masked.contains(&axis) => {
                        if span.step < 0 {
                            let all: Vec<Span> = g.shape(v).iter().map(|l| Span::all(*l)).collect();
                            let mut spans = all;
                            spans[axis] = Span {
                                start: span.len - 1,
                                len: span.len,
                                step: -1,
                            };
                            v = g.select(v, Select::spans(&spans))?;
                            (span.start + 1 - span.len, span.len)
                        } else {
                            (span.start, span.len)
                        }
                    }
                    _ => (0, shape[axis]),
                });
            }
            if !masks.is_empty() {
                let spans: Vec<Span> = hull
                    .iter()
                    .map(|&(start, len)| Span::run(start, len))
                    .collect();
                let old = g.select(a, Select::spans(&spans))?;
                let lengths: Vec<usize> = hull.iter().map(|(_, len)| *len).collect();
                let mut all: Option<NodeId> = None;
                for (axis, mask, _) in &masks {
                    let select = Select::broadcast(&[shape[*axis]], &[*axis], &lengths);
                    let mask = g.select(*mask, select)?;
                    all = Some(match all {
                        Some(before) => g.binary(crate::op::BinaryOp::LogicalAnd, before, mask)?,
                        None => mask,
                    });
                }
                if let Some(mask) = all {
                    v = g.where_(mask, v, old)?;
                }
            }
            around(g, a, v, &shape, &hull)
        });
        made.map(|node| Array::new(self.session().clone(), Ok(node)))
            .map_err(|e: Error| e.at_call(location))
    }
}

/// The places of one axis that are set.
enum Places {
    Span(Span),
    List(Vec<u64>),
}

impl Places {
    /// Per place of the axis the position that is set there; `None` where places lie side by side.
    fn inverse(&self, len: usize) -> Option<Vec<Option<u64>>> {
        let mut inverse = vec![None; len];
        match self {
            Places::Span(span) if span.step.abs() == 1 || span.len <= 1 => return None,
            Places::Span(span) => {
                for k in 0..span.len {
                    inverse[(span.start as isize + k as isize * span.step) as usize] =
                        Some(k as u64);
                }
            }
            // The last of equal indices wins, as in NumPy.
            Places::List(list) => {
                for (k, at) in list.iter().enumerate() {
                    inverse[*at as usize] = Some(k as u64);
                }
            }
        }
        Some(inverse)
    }
}

/// `a` with the box `hull` (start and length per axis) replaced by `v`.
fn around(
    g: &mut Graph,
    a: NodeId,
    v: NodeId,
    shape: &[usize],
    hull: &[(usize, usize)],
) -> Result<NodeId> {
    let mut parts = vec![(v, hull.iter().map(|(start, _)| *start).collect::<Vec<_>>())];
    // Slabs before and behind the box along each axis, inside the box along those before it.
    let mut spans: Vec<Span> = shape.iter().map(|&len| Span::all(len)).collect();
    for (axis, &(start, len)) in hull.iter().enumerate() {
        for (from, to) in [(0, start), (start + len, shape[axis])] {
            if to > from {
                let mut slab = spans.clone();
                slab[axis] = Span::run(from, to - from);
                let starts = slab.iter().map(|span| span.start).collect();
                parts.push((g.select(a, Select::spans(&slab))?, starts));
            }
        }
        spans[axis] = Span::run(start, len);
    }
    g.assemble(shape, parts)
}
