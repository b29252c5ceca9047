//! Moves boxes of resident arrays to the ranks that need them: every message is the intersection of the box that one rank
//! holds with the box that another needs, so both sides know it without asking.

use super::run::Resident;
use crate::block::{Block, Buffer};
use crate::comm::Comm;
use crate::error::{Error, Result};
use crate::geom::Region;
use crate::plan::{ArrayId, Plan, Stage};
use std::sync::Arc;

/// The box of `array` that this rank needs in `stage`, at hand: its own box when that suffices, else a new block filled
/// from its own and the others' boxes. `None` when it needs nothing. Collective.
pub(super) fn bring(
    comm: &dyn Comm,
    plan: &Plan,
    stage: &Stage,
    array: ArrayId,
    own: Option<&Resident>,
) -> Result<Option<Resident>> {
    let rank = comm.rank();
    let dtype = plan.array(array).dtype();
    let wants = |rank: usize| -> Option<Region> {
        let needed = plan.needed_region(stage, array, rank)?;
        let has = plan.owned_region(array, rank).is_some_and(|owned| owned.contains(&needed));
        (!has).then_some(needed)
    };
    let mut sends = Vec::new();
    if let Some(own) = own {
        for other in (0..comm.size()).filter(|other| *other != rank) {
            let Some(part) = wants(other).and_then(|needed| needed.intersect(&own.region)) else {
                continue;
            };
            let piece = Block::from_view(&own.block.part(&part.relative_to(&own.region.start)))?;
            sends.push((other, piece.buffer().as_bytes().to_vec()));
        }
    }
    let mine = wants(rank);
    let mut parts = Vec::new();
    if let Some(needed) = &mine {
        for other in (0..comm.size()).filter(|other| *other != rank) {
            if let Some(part) =
                plan.owned_region(array, other).and_then(|owned| owned.intersect(needed))
            {
                parts.push((other, part));
            }
        }
    }
    let receives: Vec<(usize, usize)> =
        parts.iter().map(|(other, part)| (*other, part.elements() * dtype.size())).collect();
    let received = comm.exchange(sends, &receives)?;
    let Some(needed) = mine else {
        // Either nothing is needed, or the own box holds all of it.
        return Ok(match plan.needed_region(stage, array, rank) {
            Some(_) => own.cloned(),
            None => None,
        });
    };
    let mut block = Block::zeros(dtype, &needed.shape);
    if let Some(own) = own {
        if let Some(part) = needed.intersect(&own.region) {
            block.paste(
                &part.relative_to(&needed.start),
                &own.block.part(&part.relative_to(&own.region.start)),
            )?;
        }
    }
    for ((_, part), bytes) in parts.iter().zip(received) {
        let buffer = Buffer::from_bytes(dtype.physical(), &bytes)?;
        let piece = Block::new(dtype, part.shape.clone(), buffer)
            .map_err(|e| e.context("unpacking an exchanged piece"))?;
        block.paste(&part.relative_to(&needed.start), &piece.view())?;
    }
    Ok(Some(Resident { region: needed, block: Arc::new(block) }))
}

/// The resident box of an array that must be there.
pub(super) fn expect_resident<'a>(
    array: ArrayId,
    resident: &'a Option<Resident>,
) -> Result<&'a Resident> {
    resident
        .as_ref()
        .ok_or_else(|| Error::internal(format!("array {} is needed but not at hand", array.0)))
}
