//! Moves boxes of resident arrays to the ranks that need them: every message is the intersection of the box that one rank
//! holds with the box that another needs, so both sides know it without asking.

use super::run::Resident;
use crate::block::Block;
use crate::comm::Comm;
use crate::error::{Error, Result};
use crate::geom::Region;
use crate::plan::{ArrayId, Plan, Stage, slabs};
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
        let has = plan
            .owned_region(array, rank)
            .is_some_and(|owned| owned.contains(&needed));
        (!has).then_some(needed)
    };
    let mine = wants(rank);
    // Either nothing is needed, or the own box holds all of it: then this rank only sends.
    let mut block = mine
        .as_ref()
        .map(|needed| Block::zeros(dtype, &needed.shape));
    if let (Some(needed), Some(block), Some(own)) = (&mine, &mut block, own)
        && let Some(part) = needed.intersect(&own.region)
    {
        let from = own.block.part(&part.relative_to(&own.region.start));
        block.paste(&part.relative_to(&needed.start), &from)?;
    }
    // One partner to send to and one to receive from at a time, and slabs of bounded size: beside the block, at most one slab
    // in each direction is in memory. Both sides cut the same box, so they agree on the slabs without asking.
    let size = comm.size();
    let cut = |part: Option<Region>| part.map_or_else(Vec::new, |part| slabs(&part, dtype.size()));
    for shift in 1..size {
        let (to, from) = ((rank + shift) % size, (rank + size - shift) % size);
        let sends = cut(own.and_then(|own| wants(to)?.intersect(&own.region)));
        let receives = cut(mine.as_ref().and_then(|needed| {
            plan.owned_region(array, from)
                .and_then(|owned| owned.intersect(needed))
        }));
        for round in 0..sends.len().max(receives.len()) {
            let mut send = Vec::new();
            if let (Some(own), Some(slab)) = (own, sends.get(round)) {
                let piece = own.block.part(&slab.relative_to(&own.region.start));
                send.push((to, piece.to_bytes()));
            }
            let slab = receives.get(round);
            let expected: Vec<(usize, usize)> = slab
                .iter()
                .map(|slab| (from, slab.elements() * dtype.size()))
                .collect();
            let received = comm.exchange(send, &expected)?;
            if let (Some(slab), Some(bytes), Some(needed), Some(block)) =
                (slab, received.into_iter().next(), &mine, &mut block)
            {
                block.paste_bytes(&slab.relative_to(&needed.start), &bytes)?;
            }
        }
    }
    Ok(match (mine, block) {
        (Some(region), Some(block)) => Some(Resident {
            region,
            block: Arc::new(block),
        }),
        _ => plan
            .needed_region(stage, array, rank)
            .and_then(|_| own.cloned()),
    })
}

/// The resident box of an array that must be there.
pub(super) fn expect_resident(array: ArrayId, resident: &Option<Resident>) -> Result<&Resident> {
    resident
        .as_ref()
        .ok_or_else(|| Error::internal(format!("array {} is needed but not at hand", array.0)))
}
