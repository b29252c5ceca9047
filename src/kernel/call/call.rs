//! From an operation to its loops.

use super::{bounds, fourier, gather, reshape, scan, sliding, take, window};
use crate::block::{Block, BlockView};
use crate::error::{Error, Result};
use crate::geom::Region;
use crate::kernel::user;
use crate::op::BlockOp;

/// The demanded box of an input.
pub struct PieceView<'a> {
    /// Where it lies in the input.
    pub region: Region,
    /// Its elements.
    pub view: BlockView<'a>,
}

/// Makes the box `region` of the result of `op` in `out` (of its shape; its elements are unspecified before) from the boxes
/// of its inputs that it demands; `shapes` are those of the whole inputs.
///
/// # Errors
/// Internal when pieces do not fit the operation; else as the operation says.
pub fn call(
    op: &BlockOp,
    shapes: &[&[usize]],
    pieces: &[PieceView<'_>],
    region: &Region,
    out: &mut Block,
) -> Result<()> {
    match (op, pieces) {
        (BlockOp::Fourier(op), [piece]) => fourier::fourier(op, shapes, piece, region, out),
        (BlockOp::Reshape(op), [piece]) => reshape::reshape(op, shapes[0], piece, region, out),
        (BlockOp::Scan(op), [piece]) => scan::scan(op, piece, None, region, out),
        (BlockOp::Scan(op), [piece, starts]) => scan::scan(op, piece, Some(starts), region, out),
        (BlockOp::Window(op), [piece]) => window::window(op, piece, out),
        (BlockOp::Sliding(op), [piece]) => sliding::sliding(op, piece, region, out),
        (BlockOp::User(op), pieces) => user::overlap(op, pieces, region, out),
        (BlockOp::Blockwise(op), pieces) => user::blockwise(op, pieces, region, out),
        (BlockOp::Bounds(op), [piece]) => bounds::bounds(op, piece, out),
        (BlockOp::Take(op), [piece]) => take::take(op, piece, region, out),
        (BlockOp::TakeAlong(op), [values, indices]) => {
            gather::take_along(op, shapes[0][op.axis], (values, indices), out)
        }
        (BlockOp::SearchSorted(op), [sorted, values]) => gather::search(op, sorted, values, out),
        (BlockOp::Compress(op), [values, mask]) => {
            gather::compress(op, (values, mask), region, out)
        }
        (op, pieces) => Err(Error::internal(format!(
            "{} of {} pieces",
            op.name(),
            pieces.len()
        ))),
    }
}
