//! Row-major positions stay, axes change.

use super::call::PieceView;
use crate::block::{Block, Native};
use crate::error::{Error, Result};
use crate::geom::{Region, positions};
use crate::op::Reshape;

/// Copies the elements of `region` of the result from a piece of the array of shape `from`.
pub(super) fn reshape(
    op: &Reshape,
    from: &[usize],
    piece: &PieceView<'_>,
    region: &Region,
    out: &mut Block,
) -> Result<()> {
    for_physical!(out.dtype().physical(), T => {
        match (T::slice(piece.view.buffer), T::slice_mut(out.buffer_mut())) {
            (Some(source), Some(target)) => {
                copy(from, &op.shape, piece, source, region, target);
                Ok(())
            }
            _ => Err(Error::internal("reshape: pieces of two types")),
        }
    })
}

/// Rows of the result, each cut where a row of the piece ends.
fn copy<T: Native>(
    from: &[usize],
    to: &[usize],
    piece: &PieceView<'_>,
    source: &[T],
    region: &Region,
    target: &mut [T],
) {
    let row = region.shape.last().copied().unwrap_or(1);
    let source_row = from.last().copied().unwrap_or(1).max(1);
    let step = piece.view.strides.last().copied().unwrap_or(1);
    let outer: Vec<_> = (0..region.ndim().saturating_sub(1))
        .map(|axis| region.start[axis]..region.end(axis))
        .collect();
    for (target, index) in target.chunks_mut(row.max(1)).zip(positions(outer)) {
        let last = region.start.last().copied().into_iter();
        let indices = index.iter().copied().chain(last);
        let mut at = indices.zip(to).fold(0, |at, (i, len)| at * len + i);
        let mut done = 0;
        while done < target.len() {
            let column = at % source_row;
            let run = (source_row - column).min(target.len() - done);
            let mut rest = at;
            let mut offset = piece.view.offset as isize;
            for axis in (0..from.len()).rev() {
                let i = rest % from[axis];
                rest /= from[axis];
                offset +=
                    (i as isize - piece.region.start[axis] as isize) * piece.view.strides[axis];
            }
            for (k, target) in target[done..done + run].iter_mut().enumerate() {
                *target = source[(offset + k as isize * step) as usize];
            }
            done += run;
            at += run;
        }
    }
}
