//! Scans: running folds along an axis.
//!
//! No axis need be one chunk. Up to [`LONG`] elements a scan is one operation, whose tiles hold the axis whole. A longer axis is
//! cut into runs of [`RUN`] elements: a reduction folds each run, a scan of those totals (short; by this same rule) says what
//! each run starts from, and each run is scanned on from there. So all ranks work at once, and a tile never reaches further
//! back than the start of its run. Which form is used follows from the shape alone.

use super::array::Array;
use super::shape::reshaped;
use crate::dtype::Scalar;
use crate::error::{Error, Result};
use crate::expr::{Graph, NodeId};
use crate::geom::{Select, Span, normalize_axis};
use crate::op::{Reduction, ReductionKind, Scan, ScanOp};

/// Axes longer than this are scanned run by run.
pub(super) const LONG: usize = 1 << 14;
/// Elements of a run: its scan costs far more than the start that it is given, and a tile that begins inside one makes little
/// twice.
pub(super) const RUN: usize = 1 << 10;

macro_rules! scans {
    ($($(#[$doc:meta])* $name:ident, $skipping:ident => $Op:ident;)*) => {
        impl Array {$(
            $(#[$doc])*
            /// Along `axis`, or of the elements in row-major order (`None`). NaN and NaT win from where they are.
            #[must_use]
            #[track_caller]
            pub fn $name(&self, axis: impl Into<Option<isize>>) -> Array {
                self.scan(ScanOp::$Op, axis.into(), false)
            }

            $(#[$doc])*
            /// Along `axis`, or of the elements in row-major order (`None`). Missing elements are skipped.
            #[must_use]
            #[track_caller]
            pub fn $skipping(&self, axis: impl Into<Option<isize>>) -> Array {
                self.scan(ScanOp::$Op, axis.into(), true)
            }
        )*}
    };
}

scans! {
    #[doc = "Sum of the elements up to each: floats accumulate in 64 bits, integers become 64 bits wide and wrap around."]
    cumsum, nancumsum => Sum;
    #[doc = "Product of the elements up to each, accumulated like the sum."]
    cumprod, nancumprod => Prod;
    #[doc = "Smallest of the elements up to each (NumPy's `minimum.accumulate`, `fmin.accumulate`)."]
    cummin, nancummin => Min;
    #[doc = "Largest of the elements up to each (NumPy's `maximum.accumulate`, `fmax.accumulate`)."]
    cummax, nancummax => Max;
}

impl Array {
    /// The standard's `cumulative_sum`: `axis` may be left out for one axis only; with `include_initial` the result begins with 0
    /// and is one longer.
    #[must_use]
    #[track_caller]
    pub fn cumulative_sum(&self, axis: Option<isize>, include_initial: bool) -> Array {
        self.cumulative("cumulative_sum", ScanOp::Sum, axis, include_initial)
    }

    /// The standard's `cumulative_prod`: `axis` may be left out for one axis only; with `include_initial` the result begins with
    /// 1 and is one longer.
    #[must_use]
    #[track_caller]
    pub fn cumulative_prod(&self, axis: Option<isize>, include_initial: bool) -> Array {
        self.cumulative("cumulative_prod", ScanOp::Prod, axis, include_initial)
    }

    /// Missing elements become the last one before them along `axis` that is not, at most `limit` in a row. xarray's `ffill`.
    #[must_use]
    #[track_caller]
    pub fn ffill(&self, axis: isize, limit: Option<usize>) -> Array {
        self.filled("ffill", axis, limit, false)
    }

    /// Missing elements become the first one after them along `axis` that is not, at most `limit` in a row. xarray's `bfill`.
    #[must_use]
    #[track_caller]
    pub fn bfill(&self, axis: isize, limit: Option<usize>) -> Array {
        self.filled("bfill", axis, limit, true)
    }

    #[track_caller]
    fn scan(&self, op: ScanOp, axis: Option<isize>, skipna: bool) -> Array {
        let (array, axis) = match axis {
            Some(axis) => (self.clone(), axis),
            None => (self.reshape(&[-1]), 0),
        };
        array.push(|g, a| {
            let axis = normalize_axis(op.name(skipna), axis, g.shape(a).len())?;
            let a = g.cast(a, op.dtype(g.dtype(a))?)?;
            scan(g, a, op, axis, skipna)
        })
    }

    #[track_caller]
    fn cumulative(
        &self,
        name: &str,
        op: ScanOp,
        axis: Option<isize>,
        include_initial: bool,
    ) -> Array {
        self.push(|g, a| {
            // As in NumPy an array without axes is a run of one element.
            let a = match (axis, g.shape(a).is_empty()) {
                (None, true) => reshaped(g, a, &[1])?,
                _ => a,
            };
            let mut shape = g.shape(a).to_vec();
            let axis = match (axis, shape.len()) {
                (Some(axis), ndim) => normalize_axis(name, axis, ndim)?,
                (None, 1) => 0,
                (None, ndim) => {
                    return Err(Error::invalid(format!(
                        "{name}: an array with {ndim} axes needs `axis`; it may be left out for 1 axis only"
                    )));
                }
            };
            let dtype = op.dtype(g.dtype(a))?;
            let a = g.cast(a, dtype)?;
            let scanned = scan(g, a, op, axis, false)?;
            if !include_initial {
                return Ok(scanned);
            }
            let one = i64::from(op == ScanOp::Prod);
            let mut start = vec![0; shape.len()];
            let len = shape[axis];
            shape[axis] = 1;
            let initial = g.fill(Scalar::I64(one).cast(dtype)?, &shape)?;
            shape[axis] = len + 1;
            let first = (initial, start.clone());
            start[axis] = 1;
            g.assemble(&shape, vec![first, (scanned, start)])
        })
    }

    #[track_caller]
    fn filled(&self, name: &str, axis: isize, limit: Option<usize>, backward: bool) -> Array {
        self.push(|g, a| {
            let shape = g.shape(a).to_vec();
            let axis = normalize_axis(name, axis, shape.len())?;
            if limit == Some(0) {
                return Err(Error::invalid(format!(
                    "{name}: limit 0 is not allowed; give at least 1, or nothing for no limit"
                )));
            }
            if !g.dtype(a).has_missing() {
                return Ok(a);
            }
            let turned = if backward { flip(g, a, axis)? } else { a };
            let filled = match limit.filter(|limit| *limit < shape[axis]) {
                None => scan(g, turned, ScanOp::Ffill, axis, true)?,
                limit => {
                    let run = shape[axis].max(1);
                    let op = ScanOp::Ffill;
                    let skipna = true;
                    g.call(
                        Scan {
                            op,
                            axis,
                            run,
                            skipna,
                            limit,
                            breaks: Vec::new(),
                        },
                        vec![turned],
                    )?
                }
            };
            if backward {
                flip(g, filled, axis)
            } else {
                Ok(filled)
            }
        })
    }
}

/// The elements along `axis` in the other order.
fn flip(g: &mut Graph, a: NodeId, axis: usize) -> Result<NodeId> {
    let shape = g.shape(a).to_vec();
    let mut spans: Vec<Span> = shape.iter().map(|len| Span::all(*len)).collect();
    if shape[axis] > 0 {
        spans[axis] = Span::slice(None, None, -1, shape[axis])?;
    }
    g.select(a, Select::spans(&spans))
}

/// The scan of `a`, which has the dtype of the result.
fn scan(g: &mut Graph, a: NodeId, op: ScanOp, axis: usize, skipna: bool) -> Result<NodeId> {
    let shape = g.shape(a).to_vec();
    let dtype = g.dtype(a);
    let skipna = skipna && dtype.has_missing();
    let call = |run| Scan {
        op,
        axis,
        run,
        skipna,
        limit: None,
        breaks: Vec::new(),
    };
    let len = shape[axis];
    if len <= LONG || shape.contains(&0) {
        return g.call(call(len.max(1)), vec![a]);
    }
    let kind = match op {
        ScanOp::Sum => ReductionKind::Sum,
        ScanOp::Prod => ReductionKind::Prod,
        ScanOp::Min => ReductionKind::Min,
        ScanOp::Max => ReductionKind::Max,
        ScanOp::Ffill => ReductionKind::Last,
        ScanOp::Decay(_) => return Err(Error::internal("a fading sum of plain totals")),
    };
    // Every run but the last gives a start to the next.
    let runs = len.div_ceil(RUN) - 1;
    let elements = g.cast(a, op.wide(dtype))?;
    let split = Select::split(&shape, axis, (runs, RUN as isize), (RUN, 1));
    let split = g.select(elements, split)?;
    let reduction = Reduction { kind, skipna };
    let totals = g.reduce(split, reduction, vec![axis + 1], None)?;
    // A run that is all missing has no extreme; a sum that is NaN is one of ∞ − ∞, and stays.
    let skip_totals = skipna && !matches!(op, ScanOp::Sum | ScanOp::Prod);
    let starts = scan(g, totals, op, axis, skip_totals)?;
    g.call(call(RUN), vec![a, starts])
}
