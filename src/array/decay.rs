//! Sums whose elements fade: the recurrence below exponentially weighted statistics.

use super::array::{Array, Operand};
use super::scan::{LONG, RUN};
use super::select::from_memory;
use crate::block::Block;
use crate::dtype::DType;
use crate::error::Error;
use crate::geom::Select;
use crate::op::{Scan, ScanOp};

impl Array {
    /// Sum of the elements up to each along `axis`, where each counts `keep` times less with every step that it lies back:
    /// sᵢ = keep · sᵢ₋₁ + xᵢ, in float64.
    ///
    /// An axis longer than [`LONG`] is scanned run by run, as all scans are: what a run folds to is its elements times their
    /// weights at its end, and those totals fade by `keep` to the power of a run's length.
    #[track_caller]
    pub(crate) fn decayed_sum(&self, axis: usize, keep: f64) -> Array {
        let x = self.astype(DType::F64);
        let shape = x.shape();
        let Some(&len) = shape.get(axis).filter(|_| !shape.contains(&0)) else {
            return x;
        };
        let call = |run: usize| Scan {
            op: ScanOp::Decay(keep.to_bits()),
            axis,
            run,
            skipna: false,
            limit: None,
            breaks: Vec::new(),
        };
        if len <= LONG {
            return x.push(|g, a| g.call(call(len), vec![a]));
        }
        // Weights too small for a float stay above 0: an infinity keeps its place in a sum.
        let least = if keep > 0.0 { f64::MIN_POSITIVE } else { 0.0 };
        let mut weights = vec![1.0; RUN];
        for i in (0..RUN - 1).rev() {
            weights[i] = (weights[i + 1] * keep).max(least);
        }
        let next = (weights[0] * keep).max(least);
        let mut aligned = vec![1; shape.len() + 1];
        aligned[axis + 1] = RUN;
        let weights = match Block::from_vec(&aligned, weights) {
            Ok(weights) => from_memory(x.session(), weights),
            Err(error) => return Array::failed(x.session(), error),
        };
        let runs = len.div_ceil(RUN) - 1;
        let split = Select::split(&shape, axis, (runs, RUN as isize), (RUN, 1));
        let elements = x.push(|g, a| g.select(a, split));
        let totals = elements.multiply(&weights).sum(&[axis as isize + 1]);
        let starts = totals.decayed_sum(axis, next);
        x.push_with(&Operand::from(&starts), |g, a, starts| {
            match g.dtype(starts) {
                DType::F64 => g.call(call(RUN), vec![a, starts]),
                other => Err(Error::internal(format!("starts of {other}"))),
            }
        })
    }
}
