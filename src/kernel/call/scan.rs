//! Scans: running folds along an axis.

use super::call::PieceView;
use crate::block::{Block, Native};
use crate::error::{Error, Result};
use crate::geom::Region;
use crate::op::Scan;

/// The scan of the elements of `piece`, from the start of their run; those in `region` are kept.
pub(super) fn scan(
    op: &Scan,
    piece: &PieceView<'_>,
    region: &Region,
    out: &mut Block,
) -> Result<()> {
    let (axis, run) = (op.axis, op.run);
    let dense = Block::from_view(&piece.view)?;
    let (Some(from), Some(to)) = (dense.as_slice::<f64>(), f64::slice_mut(out.buffer_mut())) else {
        return Err(Error::unsupported(format!("{op:?}")));
    };
    let inner: usize = region.shape[axis + 1..].iter().product();
    let (long, kept) = (piece.region.shape[axis], region.shape[axis]);
    let before = long - kept;
    let mut totals = vec![0.0; inner];
    for (from, to) in from.chunks(long * inner).zip(to.chunks_mut(kept * inner)) {
        for (i, row) in from.chunks(inner).enumerate() {
            if (piece.region.start[axis] + i) % run == 0 {
                totals.fill(0.0);
            }
            for (total, v) in totals.iter_mut().zip(row) {
                *total += v;
            }
            if i >= before {
                let at = (i - before) * inner;
                to[at..at + inner].copy_from_slice(&totals);
            }
        }
    }
    Ok(())
}
