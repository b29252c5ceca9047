//! Indices that must lie inside an axis.

use super::call::PieceView;
use crate::block::{Block, Native};
use crate::error::{Error, Result};
use crate::op::Bounds;

/// Copies the indices, and names the first that is outside.
pub(super) fn bounds(op: &Bounds, piece: &PieceView<'_>, out: &mut Block) -> Result<()> {
    let all = crate::geom::Region::whole(&piece.region.shape);
    out.paste(&all, &piece.view)?;
    let values = i64::slice(out.buffer()).unwrap_or_default();
    // A negative index is a very large one without a sign.
    match values.iter().find(|index| **index as u64 >= op.len) {
        None => Ok(()),
        Some(index) => Err(Error::invalid(format!(
            "{} {index} is out of range; allowed are 0 … {}",
            op.what,
            op.len.saturating_sub(1)
        ))),
    }
}
