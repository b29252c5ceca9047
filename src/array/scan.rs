//! Scans: running folds along an axis.

use super::array::Array;
use crate::geom::normalize_axis;
use crate::op::{Scan, ScanOp};

impl Array {
    /// Sum of the elements up to each, along `axis`. NumPy's `cumsum` (the standard's `cumulative_sum`).
    #[must_use]
    #[track_caller]
    pub fn cumsum(&self, axis: isize) -> Array {
        self.scan(ScanOp::Sum, axis, false)
    }

    #[track_caller]
    fn scan(&self, op: ScanOp, axis: isize, skipna: bool) -> Array {
        self.push(|g, a| {
            let shape = g.shape(a).to_vec();
            let axis = normalize_axis("cumsum", axis, shape.len())?;
            let dtype = op.dtype(g.dtype(a))?;
            let a = g.cast(a, dtype)?;
            let run = shape[axis].max(1);
            g.call(
                Scan {
                    op,
                    axis,
                    run,
                    skipna,
                },
                vec![a],
            )
        })
    }
}
