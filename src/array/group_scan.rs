//! Running folds inside groups.

use super::array::{Array, Operand};
use super::reduce::ReduceOptions;
use super::scan::{LONG, RUN};
use super::select::from_memory;
use crate::block::Block;
use crate::error::{Error, Result};
use crate::geom::Select;
use crate::op::{ReductionKind, Scan, ScanOp};

impl Array {
    /// The running sum or product along `axis`, afresh at every index of `breaks` (ascending); missing elements are skipped.
    ///
    /// A long axis is scanned run by run, as all scans are: what a run hands on is the fold of its elements from the last of its
    /// breaks on, and a run with a break takes nothing from the runs before it.
    #[track_caller]
    pub(crate) fn group_scan(&self, op: ScanOp, axis: usize, breaks: &[usize]) -> Array {
        let made = op.dtype(self.dtype()).map(|dtype| self.astype(dtype));
        match made.and_then(|x| x.scan_of_groups(op, axis, breaks, true)) {
            Ok(scanned) => scanned,
            Err(error) => Array::failed(self.session(), error),
        }
    }

    #[track_caller]
    fn scan_of_groups(
        &self,
        op: ScanOp,
        axis: usize,
        breaks: &[usize],
        skipna: bool,
    ) -> Result<Array> {
        let (kind, identity) = match op {
            ScanOp::Sum => (ReductionKind::Sum, 0),
            ScanOp::Prod => (ReductionKind::Prod, 1),
            _ => return Err(Error::internal(format!("{} of groups", op.name(false)))),
        };
        let dtype = self.dtype();
        let skipna = skipna && dtype.has_missing();
        let call = |run: usize| Scan {
            op,
            axis,
            run,
            skipna,
            limit: None,
            breaks: breaks.to_vec(),
        };
        let shape = self.shape();
        let len = shape[axis];
        if len <= LONG || shape.contains(&0) {
            return Ok(self.push(|g, a| g.call(call(len.max(1)), vec![a])));
        }
        let runs = len.div_ceil(RUN) - 1;
        // What is handed on: of a run with breaks, what comes after the last of them.
        let mut handed = vec![true; len];
        let mut fresh = Vec::new();
        for index in breaks.iter().filter(|b| **b < runs * RUN) {
            let run = index / RUN;
            handed[run * RUN..*index].fill(false);
            if fresh.last() != Some(&run) {
                fresh.push(run);
            }
        }
        let handed = from_memory(self.session(), Block::from_vec(&[len], handed)?);
        let handed = handed.broadcast_axes(&[axis], &shape);
        let elements = self.astype(op.wide(dtype)).where_or(&handed, identity);
        let split = Select::split(&shape, axis, (runs, RUN as isize), (RUN, 1));
        let elements = elements.push(|g, a| g.select(a, split));
        let options = ReduceOptions {
            skipna: Some(skipna),
            keepdims: false,
        };
        let totals = elements.reduce(kind, &[axis as isize + 1], options);
        let starts = totals.scan_of_groups(op, axis, &fresh, false)?;
        Ok(self.push_with(&Operand::from(&starts), |g, a, starts| {
            g.call(call(RUN), vec![a, starts])
        }))
    }
}
