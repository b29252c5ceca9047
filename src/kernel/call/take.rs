//! Elements at listed indices.

use super::call::PieceView;
use crate::block::{Block, Native};
use crate::error::{Error, Result};
use crate::geom::{Region, positions};
use crate::op::Take;

/// Copies the points of `region` of the result from the box around them.
pub(super) fn take(
    op: &Take,
    piece: &PieceView<'_>,
    region: &Region,
    out: &mut Block,
) -> Result<()> {
    for_physical!(out.dtype().physical(), T => {
        match (T::slice(piece.view.buffer), T::slice_mut(out.buffer_mut())) {
            (Some(source), Some(target)) => {
                copy(op, piece, source, region, target);
                Ok(())
            }
            _ => Err(Error::internal("take: pieces of two types")),
        }
    })
}

/// Offsets of the indices of a box, in row-major order.
fn offsets(shape: &[usize], strides: &[isize]) -> Vec<isize> {
    positions(shape.iter().map(|len| 0..*len).collect())
        .map(|index| {
            index
                .iter()
                .zip(strides)
                .map(|(i, s)| *i as isize * s)
                .sum()
        })
        .collect()
}

fn copy<T: Native>(
    op: &Take,
    piece: &PieceView<'_>,
    source: &[T],
    region: &Region,
    target: &mut [T],
) {
    let view = &piece.view;
    let strides: Vec<isize> = op
        .rest(view.shape.len())
        .iter()
        .map(|axis| view.strides[*axis])
        .collect();
    let wanted = region.start[op.at]..region.end(op.at);
    let points: Vec<isize> = wanted
        .map(|point| {
            let steps = op.axes.iter().zip(&op.indices);
            steps
                .map(|(&axis, list)| {
                    (list[point] as isize - piece.region.start[axis] as isize) * view.strides[axis]
                })
                .sum()
        })
        .collect();
    let before = offsets(&region.shape[..op.at], &strides[..op.at]);
    let behind = &region.shape[op.at + 1..];
    let first = view.offset as isize;
    let Some((&row, outer)) = behind.split_last() else {
        let mut target = target.iter_mut();
        for base in before {
            for (point, to) in points.iter().zip(&mut target) {
                *to = source[(first + base + point) as usize];
            }
        }
        return;
    };
    let step = strides[strides.len() - 1];
    let rows = offsets(outer, &strides[op.at..strides.len() - 1]);
    let mut target = target.chunks_mut(row.max(1));
    for base in before {
        for point in &points {
            for (offset, to) in rows.iter().zip(&mut target) {
                let at = first + base + point + offset;
                if step == 1 {
                    let at = at as usize;
                    to.copy_from_slice(&source[at..at + row]);
                } else {
                    for (i, to) in to.iter_mut().enumerate() {
                        *to = source[(at + i as isize * step) as usize];
                    }
                }
            }
        }
    }
}
