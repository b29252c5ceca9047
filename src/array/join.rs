//! Arrays put together, taken apart and repeated.

use super::array::{Array, Operand};
use super::shape::{padded, reshaped};
use crate::error::{Error, Result};
use crate::expr::{Graph, NodeId};
use crate::geom::{Select, Span, ViewAxis, normalize_axis};

/// So many copies are put side by side; more of them are a view with a new axis, merged.
const FEW_COPIES: usize = 64;

/// Arrays in nested lists, for [`block`].
#[derive(Clone, Debug)]
pub enum Nested {
    /// An array.
    Array(Array),
    /// Blocks side by side along the axis of this depth.
    List(Vec<Nested>),
}

/// Where `split` cuts.
#[derive(Clone, Copy, Debug)]
pub enum Cuts<'a> {
    /// So many parts.
    Parts(usize),
    /// Before these indices, as in Python slices.
    At(&'a [isize]),
}

/// The nodes one after another along `axis`.
pub(super) fn joined(
    g: &mut Graph,
    operation: &str,
    parts: &[NodeId],
    axis: isize,
) -> Result<NodeId> {
    let first = g.shape(parts[0]).to_vec();
    let mut shape = first.clone();
    let axis = normalize_axis(operation, axis, shape.len())?;
    shape[axis] = 0;
    let mut placed = Vec::with_capacity(parts.len());
    for (number, &part) in parts.iter().enumerate() {
        let lengths = g.shape(part);
        let fits = lengths.len() == shape.len()
            && (0..shape.len()).all(|k| k == axis || lengths[k] == first[k]);
        if !fits {
            return Err(Error::invalid(format!(
                "{operation}: array {number} has shape {lengths:?}, the first one {first:?}; all axes but axis {axis} must agree"
            )));
        }
        let mut start = vec![0; shape.len()];
        start[axis] = shape[axis];
        shape[axis] += lengths[axis];
        placed.push((part, start));
    }
    g.assemble(&shape, placed)
}

impl Array {
    /// The array and an axis of it; without one all elements in row-major order, and their only axis.
    #[track_caller]
    pub(super) fn axis_or_flat(&self, axis: Option<isize>) -> (Array, isize) {
        match axis {
            Some(axis) => (self.clone(), axis),
            None => (self.ravel(), 0),
        }
    }

    /// Puts this array and `others` together after each was brought in form.
    #[track_caller]
    fn join(
        &self,
        operation: &str,
        others: &[&Array],
        form: impl Fn(&mut Graph, NodeId) -> Result<NodeId>,
        axis: impl Fn(usize) -> isize,
    ) -> Array {
        let others: Result<Vec<_>> = others
            .iter()
            .map(|other| Operand::from(*other).node_beside(self))
            .collect();
        self.push(|g, a| {
            let mut parts = vec![form(g, a)?];
            for other in others? {
                parts.push(form(g, other)?);
            }
            let axis = axis(g.shape(parts[0]).len());
            joined(g, operation, &parts, axis)
        })
    }

    /// This array and `others` one after another along `axis`. NumPy's `concat` (`concatenate`).
    #[must_use]
    #[track_caller]
    pub fn concat(&self, others: &[&Array], axis: isize) -> Array {
        self.join("concat", others, |_, a| Ok(a), |_| axis)
    }

    /// This array and `others`, all of one shape, along a new axis. NumPy's `stack`.
    #[must_use]
    #[track_caller]
    pub fn stack(&self, others: &[&Array], axis: isize) -> Array {
        let own = self.shape();
        let form = |g: &mut Graph, a: NodeId| {
            let mut shape = g.shape(a).to_vec();
            if shape != own {
                return Err(Error::invalid(format!(
                    "stack: an array has shape {shape:?}, the first one {own:?}; all must agree"
                )));
            }
            shape.insert(normalize_axis("stack", axis, own.len() + 1)?, 1);
            reshaped(g, a, &shape)
        };
        self.join("stack", others, form, |_| axis)
    }

    /// This array and `others` one below the other: along the first axis, rows of 1-D arrays. NumPy's `vstack`.
    #[must_use]
    #[track_caller]
    pub fn vstack(&self, others: &[&Array]) -> Array {
        self.join("vstack", others, |g, a| padded(g, a, 2), |_| 0)
    }

    /// This array and `others` side by side: along the second axis, 1-D arrays along the first. NumPy's `hstack`.
    #[must_use]
    #[track_caller]
    pub fn hstack(&self, others: &[&Array]) -> Array {
        let axis = |ndim| isize::from(ndim > 1);
        self.join("hstack", others, |g, a| padded(g, a, 1), axis)
    }

    /// This array and `others` one behind the other: along the third axis. NumPy's `dstack`.
    #[must_use]
    #[track_caller]
    pub fn dstack(&self, others: &[&Array]) -> Array {
        let form = |g: &mut Graph, a: NodeId| {
            let shape = match *g.shape(a) {
                [] => vec![1, 1, 1],
                [n] => vec![1, n, 1],
                [m, n] => vec![m, n, 1],
                _ => return Ok(a),
            };
            reshaped(g, a, &shape)
        };
        self.join("dstack", others, form, |_| 2)
    }

    /// Parts along `axis`; those of [`Cuts::Parts`] must be equal. NumPy's `split`.
    ///
    /// # Errors
    /// The first error of the array's making; invalid input when the axis does not exist or the parts are not equal.
    pub fn split(&self, cuts: Cuts<'_>, axis: isize) -> Result<Vec<Array>> {
        self.check()?;
        let shape = self.shape();
        let axis = normalize_axis("split", axis, shape.len())?;
        if let Cuts::Parts(parts) = cuts
            && (parts == 0 || !shape[axis].is_multiple_of(parts))
        {
            return Err(Error::invalid(format!(
                "split: {} elements of axis {axis} in {parts} parts; the parts must be equal (array_split allows others)",
                shape[axis]
            )));
        }
        self.array_split(cuts, axis as isize)
    }

    /// Parts along `axis`; the first ones are longer where they cannot be equal. NumPy's `array_split`.
    ///
    /// # Errors
    /// The first error of the array's making; invalid input when the axis does not exist or no part is asked for.
    pub fn array_split(&self, cuts: Cuts<'_>, axis: isize) -> Result<Vec<Array>> {
        self.check()?;
        let shape = self.shape();
        let axis = normalize_axis("array_split", axis, shape.len())?;
        let len = shape[axis];
        let bounds: Vec<(Option<isize>, Option<isize>)> = match cuts {
            Cuts::Parts(0) => {
                return Err(Error::invalid(
                    "array_split: 0 parts; there must be at least 1",
                ));
            }
            Cuts::Parts(parts) => {
                let (each, longer) = (len / parts, len % parts);
                let start = |k: usize| (k * each + k.min(longer)) as isize;
                (0..parts)
                    .map(|k| (Some(start(k)), Some(start(k + 1))))
                    .collect()
            }
            Cuts::At(at) => {
                let starts = std::iter::once(None).chain(at.iter().copied().map(Some));
                let stops = at.iter().copied().map(Some).chain([None]);
                // NumPy takes `a[0:first]` for the first part.
                starts.map(|s| s.or(Some(0))).zip(stops).collect()
            }
        };
        Ok(bounds
            .into_iter()
            .map(|(start, stop)| self.slice(axis as isize, start, stop, 1))
            .collect())
    }

    /// The arrays along `axis`, which goes. The standard's `unstack`.
    ///
    /// # Errors
    /// The first error of the array's making; invalid input when the axis does not exist.
    pub fn unstack(&self, axis: isize) -> Result<Vec<Array>> {
        self.check()?;
        let shape = self.shape();
        let axis = normalize_axis("unstack", axis, shape.len())?;
        let all = 0..shape[axis] as isize;
        Ok(all.map(|i| self.index(axis as isize, i)).collect())
    }

    /// The array so many times along each axis; missing axes come first. NumPy's `tile`.
    #[must_use]
    #[track_caller]
    pub fn tile(&self, repeats: &[usize]) -> Array {
        self.push(|g, a| {
            let ndim = repeats.len().max(g.shape(a).len());
            let a = padded(g, a, ndim)?;
            let own = g.shape(a).to_vec();
            let mut times = vec![1; ndim - repeats.len()];
            times.extend(repeats);
            let shape: Vec<usize> = own.iter().zip(&times).map(|(n, r)| n * r).collect();
            if shape.contains(&0) {
                let zero = crate::dtype::Scalar::zero(g.dtype(a));
                return g.fill(zero, &shape);
            }
            let copies: usize = own
                .iter()
                .zip(&times)
                .filter(|(n, _)| **n > 1)
                .map(|(_, r)| *r)
                .product();
            if copies <= FEW_COPIES {
                let mut a = a;
                for axis in 0..ndim {
                    let mut lengths = g.shape(a).to_vec();
                    if lengths[axis] == 1 {
                        lengths[axis] = times[axis];
                        a = g.broadcast_to(a, &lengths)?;
                    } else if times[axis] > 1 {
                        a = joined(g, "tile", &vec![a; times[axis]], axis as isize)?;
                    }
                }
                return Ok(a);
            }
            let mut axes = Vec::with_capacity(2 * ndim);
            for (parent, (&len, &times)) in own.iter().zip(&times).enumerate() {
                axes.push(ViewAxis {
                    parent: None,
                    step: 0,
                    len: times,
                });
                axes.push(ViewAxis {
                    parent: Some(parent),
                    step: 1,
                    len,
                });
            }
            let base = vec![0; ndim];
            let a = g.select(a, Select { base, axes })?;
            reshaped(g, a, &shape)
        })
    }

    /// Each element `times` times along `axis` (`None`: in row-major order). NumPy's `repeat` with one count.
    #[must_use]
    #[track_caller]
    pub fn repeat(&self, times: usize, axis: Option<isize>) -> Array {
        let (this, axis) = self.axis_or_flat(axis);
        this.push(|g, a| {
            let mut shape = g.shape(a).to_vec();
            let axis = normalize_axis("repeat", axis, shape.len())?;
            let spans: Vec<Span> = shape.iter().map(|len| Span::all(*len)).collect();
            let mut select = Select::spans(&spans);
            let copies = ViewAxis {
                parent: None,
                step: 0,
                len: times,
            };
            select.axes.insert(axis + 1, copies);
            shape[axis] *= times;
            let a = g.select(a, select)?;
            reshaped(g, a, &shape)
        })
    }

    /// Element `i` of `axis` `counts[i]` times (`None`: of the elements in row-major order). NumPy's `repeat` with counts.
    #[must_use]
    #[track_caller]
    pub fn repeat_each(&self, counts: &[usize], axis: Option<isize>) -> Array {
        let (this, axis) = self.axis_or_flat(axis);
        if this.check().is_err() {
            return this;
        }
        let shape = this.shape();
        let len = match normalize_axis("repeat", axis, shape.len()) {
            Ok(axis) => shape[axis],
            Err(error) => return Array::failed(self.session(), error),
        };
        match counts {
            [times] => this.repeat(*times, Some(axis)),
            counts if counts.len() == len => {
                let each = counts.iter().enumerate();
                let list: Vec<isize> = each
                    .flat_map(|(i, n)| std::iter::repeat_n(i as isize, *n))
                    .collect();
                this.take(&list, Some(axis))
            }
            counts => Array::failed(
                self.session(),
                Error::invalid(format!(
                    "repeat: {} counts for {len} elements; there must be one for each, or one for all",
                    counts.len()
                )),
            ),
        }
    }
}

/// An array of nested lists of arrays: the innermost lists along the last axis, those around them along the one before.
/// NumPy's `block`.
///
/// # Errors
/// The first error of an array's making; invalid input when the lists are empty or differ in depth, or lengths do not agree.
#[track_caller]
pub fn block(nested: &Nested) -> Result<Array> {
    fn depth(nested: &Nested) -> Result<(usize, usize)> {
        match nested {
            Nested::Array(array) => {
                array.check()?;
                Ok((0, array.ndim()))
            }
            Nested::List(list) => {
                let mut all = list.iter().map(depth);
                let Some(first) = all.next() else {
                    return Err(Error::invalid(
                        "block: an empty list; each must hold at least one array",
                    ));
                };
                let (deep, mut ndim) = first?;
                for other in all {
                    let (other, n) = other?;
                    if other != deep {
                        return Err(Error::invalid(format!(
                            "block: lists of depth {deep} and {other} side by side; all must be of one depth"
                        )));
                    }
                    ndim = ndim.max(n);
                }
                Ok((deep + 1, ndim))
            }
        }
    }
    #[track_caller]
    fn put(nested: &Nested, level: isize, ndim: usize) -> Result<Array> {
        match nested {
            Nested::Array(array) => Ok(array.push(|g, a| padded(g, a, ndim))),
            Nested::List(list) => {
                let parts = list
                    .iter()
                    .map(|part| put(part, level - 1, ndim))
                    .collect::<Result<Vec<_>>>()?;
                let (first, others) = parts
                    .split_first()
                    .ok_or_else(|| Error::internal("an empty list of blocks"))?;
                let others: Vec<&Array> = others.iter().collect();
                Ok(first.join("block", &others, |_, a| Ok(a), |_| -level))
            }
        }
    }
    let (deep, ndim) = depth(nested)?;
    put(nested, deep as isize, ndim.max(deep))
}
