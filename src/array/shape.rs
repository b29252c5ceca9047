//! Shapes: the same elements under other axes. Where axes are only split, dropped or added this is a view.

use super::array::Array;
use crate::dtype::Scalar;
use crate::error::{Error, Result};
use crate::expr::{Graph, NodeId};
use crate::geom::{
    Select, Span, ViewAxis, broadcast_shapes, normalize_axes, normalize_axis, positions,
};
use crate::op::{Reshape, reshape_groups};

/// Merged axes of more elements than this are put together row by row when they have few rows: a tile that crosses the end
/// of a row would need both rows whole.
const LARGE_MERGE: usize = 1 << 22;
/// So many rows are few.
const FEW_ROWS: usize = 64;

/// Spans of one axis, and where each goes.
pub(super) type Segments = Vec<(Span, usize)>;

/// Boxes of `a` side by side: the product of the segments of each axis, which cover `shape`.
pub(super) fn boxes(
    g: &mut Graph,
    a: NodeId,
    segments: &[Segments],
    shape: &[usize],
) -> Result<NodeId> {
    let ranges = segments.iter().map(|list| 0..list.len()).collect();
    let mut parts = Vec::new();
    for index in positions(ranges) {
        let chosen: Vec<(Span, usize)> = index
            .iter()
            .zip(segments)
            .map(|(i, list)| list[*i])
            .collect();
        let spans: Vec<Span> = chosen.iter().map(|(span, _)| *span).collect();
        let start = chosen.iter().map(|(_, start)| *start).collect();
        parts.push((g.select(a, Select::spans(&spans))?, start));
    }
    if parts.is_empty() {
        let zero = Scalar::zero(g.dtype(a));
        return g.fill(zero, shape);
    }
    g.assemble(shape, parts)
}

/// `a` under another shape of as many elements.
pub(super) fn reshaped(g: &mut Graph, a: NodeId, shape: &[usize]) -> Result<NodeId> {
    let from = g.shape(a).to_vec();
    if from == shape {
        return Ok(a);
    }
    if from.contains(&0) {
        let zero = Scalar::zero(g.dtype(a));
        return g.fill(zero, shape);
    }
    let groups = reshape_groups(&from, shape);
    let long = |axes: std::ops::Range<usize>, shape: &[usize]| -> Vec<usize> {
        axes.filter(|axis| shape[*axis] != 1).collect()
    };
    if groups
        .iter()
        .all(|(old, _)| long(old.clone(), &from).len() <= 1)
    {
        let mut axes = Vec::with_capacity(shape.len());
        for (old, new) in groups {
            let parent = long(old, &from).first().copied();
            for axis in new.clone() {
                let step: usize = shape[axis + 1..new.end].iter().product();
                axes.push(match parent {
                    Some(_) if shape[axis] != 1 => ViewAxis {
                        parent,
                        step: step as isize,
                        len: shape[axis],
                    },
                    _ => ViewAxis {
                        parent: None,
                        step: 0,
                        len: 1,
                    },
                });
            }
        }
        let base = vec![0; from.len()];
        return g.select(a, Select { base, axes });
    }
    for (old, new) in &groups {
        let merged = long(old.clone(), &from);
        let targets = long(new.clone(), shape);
        let (Some(&outer), [target]) = (merged.first(), targets.as_slice()) else {
            continue;
        };
        let elements: usize = old.clone().map(|axis| from[axis]).product();
        if merged.len() < 2 || elements < LARGE_MERGE || from[outer] > FEW_ROWS {
            continue;
        }
        let mut row_shape = shape.to_vec();
        row_shape[*target] = shape[*target] / from[outer];
        let mut parts = Vec::with_capacity(from[outer]);
        for row in 0..from[outer] {
            let row_only = g.select(a, Select::all(&from).fix(outer, row))?;
            let mut start = vec![0; shape.len()];
            start[*target] = row * row_shape[*target];
            parts.push((reshaped(g, row_only, &row_shape)?, start));
        }
        return g.assemble(shape, parts);
    }
    let shape = shape.to_vec();
    g.call(Reshape { shape }, vec![a])
}

/// `a` with as many new axes of length 1 before its own as it lacks.
pub(super) fn padded(g: &mut Graph, a: NodeId, ndim: usize) -> Result<NodeId> {
    let mut shape = vec![1; ndim.saturating_sub(g.shape(a).len())];
    shape.extend(g.shape(a));
    reshaped(g, a, &shape)
}

/// The axes in the order `order`.
pub(super) fn permuted(g: &mut Graph, a: NodeId, order: &[usize]) -> Result<NodeId> {
    let select = Select::transpose(g.shape(a), order);
    g.select(a, select)
}

impl Array {
    /// The same elements in row-major order under another shape; one length may be −1: what remains. NumPy's `reshape`.
    #[must_use]
    #[track_caller]
    pub fn reshape(&self, shape: &[isize]) -> Array {
        let elements: usize = self.shape().iter().product();
        self.push(|g, a| {
            let known: usize = shape.iter().filter(|len| **len >= 0).map(|len| *len as usize).product();
            let open = shape.iter().filter(|len| **len < 0).count();
            let refused = || {
                Error::invalid(format!(
                    "reshape: {elements} elements cannot become shape {shape:?}; the product of the lengths must be {elements}, and \
                     at most one length may be -1"
                ))
            };
            if open > 1 || shape.iter().any(|len| *len < -1) || (open == 1 && (known == 0 || !elements.is_multiple_of(known))) {
                return Err(refused());
            }
            let shape: Vec<usize> = shape
                .iter()
                .map(|len| if *len < 0 { elements / known } else { *len as usize })
                .collect();
            if shape.iter().product::<usize>() != elements {
                return Err(refused());
            }
            reshaped(g, a, &shape)
        })
    }

    /// One axis of all elements in row-major order. NumPy's `ravel` (`flatten`).
    #[must_use]
    #[track_caller]
    pub fn ravel(&self) -> Array {
        self.push(|g, a| {
            let elements = g.shape(a).iter().product();
            reshaped(g, a, &[elements])
        })
    }

    /// Without `axes` of length 1 (empty: all such). NumPy's `squeeze`.
    #[must_use]
    #[track_caller]
    pub fn squeeze(&self, axes: &[isize]) -> Array {
        self.push(|g, a| {
            let shape = g.shape(a).to_vec();
            let gone: Vec<usize> = match axes {
                [] => (0..shape.len()).filter(|axis| shape[*axis] == 1).collect(),
                axes => normalize_axes("squeeze", axes, shape.len())?,
            };
            if let Some(axis) = gone.iter().find(|axis| shape[**axis] != 1) {
                return Err(Error::invalid(format!(
                    "squeeze: axis {axis} has length {}; only axes of length 1 can go",
                    shape[*axis]
                )));
            }
            let mut select = Select::all(&shape);
            for axis in gone.into_iter().rev() {
                select = select.fix(axis, 0);
            }
            g.select(a, select)
        })
    }

    /// New axes of length 1 at the places `axes` of the result. NumPy's `expand_dims`.
    #[must_use]
    #[track_caller]
    pub fn expand_dims(&self, axes: &[isize]) -> Array {
        self.push(|g, a| {
            let from = g.shape(a).to_vec();
            let new = match axes {
                [] => Vec::new(),
                axes => normalize_axes("expand_dims", axes, from.len() + axes.len())?,
            };
            let mut own = from.iter();
            let shape: Vec<usize> = (0..from.len() + new.len())
                .map(|axis| match new.contains(&axis) {
                    true => 1,
                    false => own.next().copied().unwrap_or(1),
                })
                .collect();
            reshaped(g, a, &shape)
        })
    }

    /// At least one axis. NumPy's `atleast_1d`.
    #[must_use]
    #[track_caller]
    pub fn atleast_1d(&self) -> Array {
        self.push(|g, a| padded(g, a, 1))
    }

    /// At least two axes: new ones come first. NumPy's `atleast_2d`.
    #[must_use]
    #[track_caller]
    pub fn atleast_2d(&self) -> Array {
        self.push(|g, a| padded(g, a, 2))
    }

    /// At least three axes: (n) becomes (1, n, 1), (m, n) becomes (m, n, 1). NumPy's `atleast_3d`.
    #[must_use]
    #[track_caller]
    pub fn atleast_3d(&self) -> Array {
        self.push(|g, a| {
            let shape = match *g.shape(a) {
                [] => vec![1, 1, 1],
                [n] => vec![1, n, 1],
                [m, n] => vec![m, n, 1],
                _ => return Ok(a),
            };
            reshaped(g, a, &shape)
        })
    }

    /// The axes in another order; negative numbers count from the end. The standard's `permute_dims`.
    #[must_use]
    #[track_caller]
    pub fn permute_dims(&self, order: &[isize]) -> Array {
        self.push(|g, a| {
            let ndim = g.shape(a).len();
            let axes = order
                .iter()
                .map(|axis| normalize_axis("permute_dims", *axis, ndim))
                .collect::<Result<Vec<_>>>()?;
            let mut sorted = axes.clone();
            sorted.sort_unstable();
            if sorted != (0..ndim).collect::<Vec<_>>() {
                return Err(Error::invalid(format!(
                    "permute_dims: {order:?} is not an order of the axes 0 … {}",
                    ndim.saturating_sub(1)
                )));
            }
            permuted(g, a, &axes)
        })
    }

    /// The axes in reverse order. NumPy's `.T`.
    #[must_use]
    #[track_caller]
    pub fn t(&self) -> Array {
        self.push(|g, a| {
            let order: Vec<usize> = (0..g.shape(a).len()).rev().collect();
            permuted(g, a, &order)
        })
    }

    /// The last two axes exchanged. The standard's `matrix_transpose` (`.mT`).
    #[must_use]
    #[track_caller]
    pub fn matrix_transpose(&self) -> Array {
        self.push(|g, a| {
            let ndim = g.shape(a).len();
            if ndim < 2 {
                return Err(Error::invalid(format!(
                    "matrix_transpose: the array has {ndim} axes; it must have at least 2"
                )));
            }
            let mut order: Vec<usize> = (0..ndim).collect();
            order.swap(ndim - 2, ndim - 1);
            permuted(g, a, &order)
        })
    }

    /// Two axes exchanged. NumPy's `swapaxes`.
    #[must_use]
    #[track_caller]
    pub fn swapaxes(&self, axis1: isize, axis2: isize) -> Array {
        self.push(|g, a| {
            let ndim = g.shape(a).len();
            let mut order: Vec<usize> = (0..ndim).collect();
            order.swap(
                normalize_axis("swapaxes", axis1, ndim)?,
                normalize_axis("swapaxes", axis2, ndim)?,
            );
            permuted(g, a, &order)
        })
    }

    /// The axes `from` go to the places `to`; the others stay in order. NumPy's `moveaxis`.
    #[must_use]
    #[track_caller]
    pub fn moveaxis(&self, from: &[isize], to: &[isize]) -> Array {
        self.push(|g, a| {
            let ndim = g.shape(a).len();
            if from.len() != to.len() {
                return Err(Error::invalid(format!(
                    "moveaxis: {} axes to {} places; the numbers must be equal",
                    from.len(),
                    to.len()
                )));
            }
            let distinct = |axes: &[isize]| -> Result<Vec<usize>> {
                let mut found = Vec::with_capacity(axes.len());
                for &axis in axes {
                    let axis = normalize_axis("moveaxis", axis, ndim)?;
                    if found.contains(&axis) {
                        return Err(Error::invalid(format!(
                            "moveaxis: axis {axis} is given twice"
                        )));
                    }
                    found.push(axis);
                }
                Ok(found)
            };
            let (from, to) = (distinct(from)?, distinct(to)?);
            let mut rest = (0..ndim).filter(|axis| !from.contains(axis));
            let order: Vec<usize> = (0..ndim)
                .filter_map(|place| match to.iter().position(|t| *t == place) {
                    Some(k) => Some(from[k]),
                    None => rest.next(),
                })
                .collect();
            permuted(g, a, &order)
        })
    }

    /// The elements in reverse order along `axes` (empty: all). NumPy's `flip`.
    #[must_use]
    #[track_caller]
    pub fn flip(&self, axes: &[isize]) -> Array {
        self.push(|g, a| {
            let shape = g.shape(a).to_vec();
            let axes = normalize_axes("flip", axes, shape.len())?;
            flipped(g, a, &axes)
        })
    }

    /// Reversed along the first axis. NumPy's `flipud`.
    #[must_use]
    #[track_caller]
    pub fn flipud(&self) -> Array {
        self.flip_axis("flipud", 0)
    }

    /// Reversed along the second axis. NumPy's `fliplr`.
    #[must_use]
    #[track_caller]
    pub fn fliplr(&self) -> Array {
        self.flip_axis("fliplr", 1)
    }

    #[track_caller]
    fn flip_axis(&self, name: &str, axis: usize) -> Array {
        self.push(|g, a| {
            let ndim = g.shape(a).len();
            if ndim <= axis {
                return Err(Error::invalid(format!(
                    "{name}: the array has {ndim} axes; it must have at least {}",
                    axis + 1
                )));
            }
            flipped(g, a, &[axis])
        })
    }

    /// Turned by `k` times 90 degrees from the first towards the second of `axes`. NumPy's `rot90`.
    #[must_use]
    #[track_caller]
    pub fn rot90(&self, k: isize, axes: [isize; 2]) -> Array {
        self.push(|g, a| {
            let ndim = g.shape(a).len();
            let first = normalize_axis("rot90", axes[0], ndim)?;
            let second = normalize_axis("rot90", axes[1], ndim)?;
            if first == second {
                return Err(Error::invalid(format!(
                    "rot90: the axes {axes:?} are one and the same; they must be different"
                )));
            }
            let mut order: Vec<usize> = (0..ndim).collect();
            order.swap(first, second);
            match k.rem_euclid(4) {
                0 => Ok(a),
                1 => {
                    let a = flipped(g, a, &[second])?;
                    permuted(g, a, &order)
                }
                2 => flipped(g, a, &[first, second]),
                _ => {
                    let a = permuted(g, a, &order)?;
                    flipped(g, a, &[second])
                }
            }
        })
    }

    /// Elements moved by `shifts` along `axes`, round the end; one shift may serve several axes, and without axes the
    /// elements move in row-major order. NumPy's `roll`.
    #[must_use]
    #[track_caller]
    pub fn roll(&self, shifts: &[isize], axes: &[isize]) -> Array {
        self.push(|g, a| {
            let shape = g.shape(a).to_vec();
            if axes.is_empty() {
                let shift = shifts.iter().sum();
                let elements = shape.iter().product();
                let flat = reshaped(g, a, &[elements])?;
                let rolled = rolled(g, flat, &[shift])?;
                return reshaped(g, rolled, &shape);
            }
            let mut by = vec![0isize; shape.len()];
            let count = match (shifts.len(), axes.len()) {
                (n, m) if n == m => n,
                (1, m) => m,
                (n, 1) => n,
                (n, m) => {
                    return Err(Error::invalid(format!(
                        "roll: {n} shifts for {m} axes; there must be one for each, or one for all"
                    )));
                }
            };
            for k in 0..count {
                let axis = axes[k % axes.len()];
                let axis = normalize_axis("roll", axis, shape.len())?;
                by[axis] += shifts[k % shifts.len()];
            }
            rolled(g, a, &by)
        })
    }
}

/// The arrays stretched to their common shape. NumPy's `broadcast_arrays`.
///
/// # Errors
/// The first error of an array's making; invalid input when lengths do not align.
pub fn broadcast_arrays(arrays: &[&Array]) -> Result<Vec<Array>> {
    let mut shape = Vec::new();
    for array in arrays {
        array.check()?;
        shape = broadcast_shapes("broadcast_arrays", &shape, &array.shape())?;
    }
    Ok(arrays.iter().map(|a| a.broadcast_to(&shape)).collect())
}

fn flipped(g: &mut Graph, a: NodeId, axes: &[usize]) -> Result<NodeId> {
    let shape = g.shape(a).to_vec();
    let spans: Vec<Span> = shape
        .iter()
        .enumerate()
        .map(|(axis, &len)| match axes.contains(&axis) && len > 0 {
            true => Span {
                start: len - 1,
                len,
                step: -1,
            },
            false => Span::all(len),
        })
        .collect();
    g.select(a, Select::spans(&spans))
}

fn rolled(g: &mut Graph, a: NodeId, by: &[isize]) -> Result<NodeId> {
    let shape = g.shape(a).to_vec();
    if shape.contains(&0) {
        return Ok(a);
    }
    let segments: Vec<Segments> = shape
        .iter()
        .zip(by)
        .map(|(&len, shift)| {
            let shift = shift.rem_euclid(len as isize) as usize;
            let span = |start, len| Span {
                start,
                len,
                step: 1,
            };
            match shift {
                0 => vec![(Span::all(len), 0)],
                shift => vec![(span(len - shift, shift), 0), (span(0, len - shift), shift)],
            }
        })
        .collect();
    boxes(g, a, &segments, &shape)
}
