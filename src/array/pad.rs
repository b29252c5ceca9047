//! Padding: the array between views of itself, and between constants. Nothing is copied until a tile needs it.

use super::array::Array;
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result};
use crate::expr::{Graph, NodeId, SourceDecl};
use crate::geom::{Select, ViewAxis};
use crate::op::{BinaryOp, Generator, Reduction, ReductionKind, UnaryOp};

/// What lies beyond the borders: NumPy's modes.
#[derive(Clone, Debug, PartialEq)]
pub enum PadMode {
    /// These values before and after: nothing (0), one pair for all axes, or one pair per axis.
    Constant(Vec<(Scalar, Scalar)>),
    /// The border.
    Edge,
    /// A line from the border to these values: nothing (0), one pair for all axes, or one pair per axis.
    LinearRamp(Vec<(Scalar, Scalar)>),
    /// Mirrored at the border element, which is not repeated.
    Reflect,
    /// Mirrored at the border, whose element is repeated.
    Symmetric,
    /// The other end.
    Wrap,
    /// The mean along the axis.
    Mean,
    /// The largest along the axis.
    Maximum,
    /// The smallest along the axis.
    Minimum,
}

impl PadMode {
    /// The same value everywhere beyond the borders.
    pub fn constant(value: impl Into<Scalar>) -> Self {
        let value = value.into();
        PadMode::Constant(vec![(value, value)])
    }

    /// NumPy's name.
    pub fn name(&self) -> &'static str {
        match self {
            PadMode::Constant(_) => "constant",
            PadMode::Edge => "edge",
            PadMode::LinearRamp(_) => "linear_ramp",
            PadMode::Reflect => "reflect",
            PadMode::Symmetric => "symmetric",
            PadMode::Wrap => "wrap",
            PadMode::Mean => "mean",
            PadMode::Maximum => "maximum",
            PadMode::Minimum => "minimum",
        }
    }
}

impl Array {
    /// The array with `width` elements (before, after) more along each axis: one pair for all axes, or one per axis. NumPy's
    /// `pad`.
    #[must_use]
    #[track_caller]
    pub fn pad(&self, width: &[(usize, usize)], mode: &PadMode) -> Array {
        self.push(|g, a| pad(g, a, width, mode))
    }
}

/// One pair per axis.
fn pairs<T: Copy>(what: &str, given: &[T], ndim: usize, default: T) -> Result<Vec<T>> {
    match given {
        [] => Ok(vec![default; ndim]),
        [one] => Ok(vec![*one; ndim]),
        given if given.len() == ndim => Ok(given.to_vec()),
        given => Err(Error::invalid(format!(
            "pad: {} {what} for {ndim} axes; give one pair for all axes, or one per axis",
            given.len()
        ))),
    }
}

pub(super) fn pad(
    g: &mut Graph,
    a: NodeId,
    width: &[(usize, usize)],
    mode: &PadMode,
) -> Result<NodeId> {
    let shape = g.shape(a).to_vec();
    if width.is_empty() && !shape.is_empty() {
        return Err(Error::invalid(
            "pad: no widths; give one pair for all axes, or one per axis",
        ));
    }
    let width = pairs("widths", width, shape.len(), (0, 0))?;
    if width.iter().all(|width| *width == (0, 0)) {
        return Ok(a);
    }
    let constant = matches!(mode, PadMode::Constant(_));
    for (axis, (len, width)) in shape.iter().zip(&width).enumerate() {
        if *len == 0 && *width != (0, 0) && !constant {
            return Err(Error::invalid(format!(
                "pad: axis {axis} is empty and cannot be extended in mode {}; only mode constant can",
                mode.name()
            )));
        }
    }
    let zero = Scalar::I64(0);
    match mode {
        PadMode::Constant(values) => {
            let values = pairs("constant_values", values, shape.len(), (zero, zero))?;
            constants(g, a, &width, &values)
        }
        PadMode::Edge | PadMode::Reflect | PadMode::Symmetric | PadMode::Wrap => {
            mirrored(g, a, &width, mode)
        }
        PadMode::LinearRamp(values) => {
            let values = pairs("end_values", values, shape.len(), (zero, zero))?;
            let mut result = a;
            for (axis, (width, ends)) in width.iter().zip(values).enumerate() {
                result = ramp(g, result, axis, *width, ends)?;
            }
            Ok(result)
        }
        PadMode::Mean | PadMode::Maximum | PadMode::Minimum => {
            let mut result = a;
            for (axis, width) in width.iter().enumerate() {
                result = statistic(g, result, axis, *width, mode)?;
            }
            Ok(result)
        }
    }
}

/// Slabs of constants around the array: those of a later axis have the corners.
fn constants(
    g: &mut Graph,
    a: NodeId,
    width: &[(usize, usize)],
    values: &[(Scalar, Scalar)],
) -> Result<NodeId> {
    let (inner, dtype) = (g.shape(a).to_vec(), g.dtype(a));
    let outer: Vec<usize> = (inner.iter().zip(width))
        .map(|(len, width)| width.0 + len + width.1)
        .collect();
    let first: Vec<usize> = width.iter().map(|width| width.0).collect();
    let mut parts = vec![(a, first.clone())];
    for (axis, (low, high)) in values.iter().enumerate() {
        let mut start = first.clone();
        let mut slab = inner.clone();
        start[..axis].fill(0);
        slab[..axis].copy_from_slice(&outer[..axis]);
        let sides = [
            (0, width[axis].0, low),
            (outer[axis] - width[axis].1, width[axis].1, high),
        ];
        for (at, len, value) in sides {
            if len > 0 {
                (start[axis], slab[axis]) = (at, len);
                parts.push((g.fill(value.cast(dtype)?, &slab)?, start.clone()));
            }
        }
    }
    g.assemble(&outer, parts)
}

/// Neighbouring results that are neighbours in the array, or one element again and again.
#[derive(Clone, Copy, PartialEq)]
struct Segment {
    first: usize,
    len: usize,
    step: isize,
}

/// The segments along an axis of `len` elements.
fn segments(len: usize, (before, after): (usize, usize), mode: &PadMode) -> Vec<Segment> {
    let n = len as isize;
    // Mirroring a single element repeats it.
    let edge = *mode == PadMode::Edge || (*mode == PadMode::Reflect && len == 1);
    let index = |at: isize| -> usize {
        let mirrored = |period: isize, top: isize| {
            let at = at.rem_euclid(period);
            if at < n { at } else { top - at }
        };
        (match mode {
            _ if edge => at.clamp(0, n - 1),
            PadMode::Wrap => at.rem_euclid(n),
            PadMode::Symmetric => mirrored(2 * n, 2 * n - 1),
            _ => mirrored(2 * n - 2, 2 * n - 2),
        }) as usize
    };
    let side = |from: isize, to: isize| {
        let mut made: Vec<Segment> = Vec::new();
        for at in from..to {
            let i = index(at);
            if let Some(open) = made.last_mut() {
                let step = i as isize - (open.first as isize + (open.len as isize - 1) * open.step);
                if (open.len == 1 && step.abs() <= 1) || (open.len > 1 && step == open.step) {
                    open.len += 1;
                    open.step = step;
                    continue;
                }
            }
            made.push(Segment {
                first: i,
                len: 1,
                step: 1,
            });
        }
        made
    };
    let mut all = side(-(before as isize), 0);
    all.push(Segment {
        first: 0,
        len,
        step: 1,
    });
    all.extend(side(n, n + after as isize));
    all
}

/// Boxes of views: one segment per axis each.
fn mirrored(g: &mut Graph, a: NodeId, width: &[(usize, usize)], mode: &PadMode) -> Result<NodeId> {
    let inner = g.shape(a).to_vec();
    let mut boxes: Vec<(Vec<usize>, Vec<Segment>)> = vec![(Vec::new(), Vec::new())];
    let mut outer = Vec::new();
    for (len, width) in inner.iter().zip(width) {
        let segments = match width {
            (0, 0) => vec![Segment {
                first: 0,
                len: *len,
                step: 1,
            }],
            width => segments(*len, *width, mode),
        };
        let mut next = Vec::with_capacity(boxes.len() * segments.len());
        for (start, chosen) in &boxes {
            let mut at = 0;
            for segment in &segments {
                let (mut start, mut chosen) = (start.clone(), chosen.clone());
                start.push(at);
                chosen.push(*segment);
                next.push((start, chosen));
                at += segment.len;
            }
        }
        boxes = next;
        outer.push(width.0 + len + width.1);
    }
    let mut parts = Vec::with_capacity(boxes.len());
    for (start, chosen) in boxes {
        let select = Select {
            base: chosen.iter().map(|s| s.first).collect(),
            axes: chosen
                .iter()
                .enumerate()
                .map(|(axis, s)| ViewAxis {
                    parent: (s.step != 0).then_some(axis),
                    step: s.step,
                    len: s.len,
                })
                .collect(),
        };
        parts.push((g.select(a, select)?, start));
    }
    g.assemble(&outer, parts)
}

/// The array between two others along an axis.
fn between(
    g: &mut Graph,
    a: NodeId,
    axis: usize,
    before: Option<NodeId>,
    after: Option<NodeId>,
) -> Result<NodeId> {
    let mut shape = g.shape(a).to_vec();
    let mut start = vec![0; shape.len()];
    let mut parts = Vec::new();
    for part in [before, Some(a), after].into_iter().flatten() {
        parts.push((part, start.clone()));
        start[axis] += g.shape(part)[axis];
    }
    shape[axis] = start[axis];
    g.assemble(&shape, parts)
}

/// One element of an axis, `len` times.
fn repeated(g: &mut Graph, a: NodeId, axis: usize, index: usize, len: usize) -> Result<NodeId> {
    let mut select = Select::all(g.shape(a));
    select.base[axis] = index;
    select.axes[axis] = ViewAxis {
        parent: None,
        step: 0,
        len,
    };
    g.select(a, select)
}

/// Lines from the borders to `ends`, as `linspace` without its end point.
fn ramp(
    g: &mut Graph,
    a: NodeId,
    axis: usize,
    (before, after): (usize, usize),
    ends: (Scalar, Scalar),
) -> Result<NodeId> {
    let dtype = g.dtype(a);
    if dtype.is_time() || dtype.is_complex() || dtype == DType::Bool {
        return Err(Error::invalid(format!(
            "pad: mode linear_ramp is not defined for {dtype}; allowed: real numbers"
        )));
    }
    if (before, after) == (0, 0) {
        // The axis may be empty.
        return Ok(a);
    }
    let last = g.shape(a)[axis] - 1;
    let mut side =
        |len: usize, border: usize, end: Scalar, backward: bool| -> Result<Option<NodeId>> {
            if len == 0 {
                return Ok(None);
            }
            let edge = repeated(g, a, axis, border, len)?;
            let edge = g.cast(edge, DType::F64)?;
            let end = g.fill(Scalar::F64(end.as_f64()), &[])?;
            let distance = g.binary(BinaryOp::Subtract, edge, end)?;
            let count = g.fill(Scalar::F64(len as f64), &[])?;
            let step = g.binary(BinaryOp::Divide, distance, count)?;
            let index = g.source(SourceDecl::Generated {
                generator: Generator::Index,
                shape: vec![len],
            })?;
            let shape = g.shape(edge).to_vec();
            let mut select = Select::broadcast(&[len], &[axis], &shape);
            if backward {
                select.base[0] = len - 1;
                select.axes[axis] = ViewAxis {
                    parent: Some(0),
                    step: -1,
                    len,
                };
            }
            let index = g.select(index, select)?;
            let index = g.cast(index, DType::F64)?;
            let along = g.binary(BinaryOp::Multiply, index, step)?;
            let mut line = g.binary(BinaryOp::Add, along, end)?;
            if dtype.is_integer() {
                line = g.unary(UnaryOp::Floor, line)?;
            }
            Ok(Some(g.cast(line, dtype)?))
        };
    let left = side(before, 0, ends.0, false)?;
    let right = side(after, last, ends.1, true)?;
    between(g, a, axis, left, right)
}

/// A statistic of the axis on both sides.
fn statistic(
    g: &mut Graph,
    a: NodeId,
    axis: usize,
    (before, after): (usize, usize),
    mode: &PadMode,
) -> Result<NodeId> {
    let dtype = g.dtype(a);
    let (shape, skipna) = (g.shape(a).to_vec(), false);
    let kind = match mode {
        PadMode::Mean => ReductionKind::Mean,
        PadMode::Maximum => ReductionKind::Max,
        _ => ReductionKind::Min,
    };
    if (before, after) == (0, 0) {
        return Ok(a);
    }
    let mut folded = g.reduce(a, Reduction { kind, skipna }, vec![axis], None)?;
    if dtype.is_integer() && *mode == PadMode::Mean {
        folded = g.unary(UnaryOp::Rint, folded)?;
    }
    let folded = g.cast(folded, dtype)?;
    let kept: Vec<usize> = (0..shape.len()).filter(|k| *k != axis).collect();
    let from = g.shape(folded).to_vec();
    let mut side = |len: usize| -> Result<Option<NodeId>> {
        if len == 0 {
            return Ok(None);
        }
        let mut to = shape.clone();
        to[axis] = len;
        g.select(folded, Select::broadcast(&from, &kept, &to))
            .map(Some)
    };
    let (left, right) = (side(before)?, side(after)?);
    between(g, a, axis, left, right)
}
