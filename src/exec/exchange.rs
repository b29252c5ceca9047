//! Moves boxes of resident arrays to the ranks that need them: every message is the intersection of the box that one rank
//! holds with the box that another needs, so both sides know it without asking.

use super::run::Resident;
use super::spare::Spares;
use crate::block::Block;
use crate::comm::Comm;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::geom::Region;
use crate::plan::{ArrayId, Plan, Stage, slabs};
use std::sync::Arc;

/// What a rank has at hand of an array in memory: boxes that do not overlap and cover what it needs. Its own box stays where
/// it is; what comes from another rank is a box of its own, so that a margin costs a margin.
#[derive(Clone, Default)]
pub(super) struct AtHand {
    pub(super) boxes: Vec<Resident>,
}

impl AtHand {
    /// The box that holds all of `region`.
    pub(super) fn holding(&self, region: &Region) -> Option<&Resident> {
        self.boxes.iter().find(|held| held.region.contains(region))
    }

    /// Copies `region` into `block`, which has its shape, from all boxes that share it.
    ///
    /// # Errors
    /// Internal when some of it is not at hand.
    pub(super) fn copy_into(&self, region: &Region, block: &mut Block) -> Result<()> {
        let mut found = 0;
        for held in &self.boxes {
            if let Some(part) = held.region.intersect(region) {
                let from = held.block.part(&part.relative_to(&held.region.start));
                block.paste(&part.relative_to(&region.start), &from)?;
                found += part.elements();
            }
        }
        match found == region.elements() {
            true => Ok(()),
            false => Err(Error::internal(format!(
                "{found} of the {} elements of {region:?} are at hand",
                region.elements()
            ))),
        }
    }

    /// All of `region` in one box.
    ///
    /// # Errors
    /// Internal when some of it is not at hand.
    pub(super) fn whole(self, region: Region, dtype: DType) -> Result<Resident> {
        if let [only] = &self.boxes[..]
            && only.region == region
        {
            return Ok(only.clone());
        }
        let mut block = Block::zeros(dtype, &region.shape);
        self.copy_into(&region, &mut block)?;
        Ok(Resident {
            region,
            block: Arc::new(block),
        })
    }
}

/// What this rank needs of `array` in `stage`; `joined`: in one box (made of this memory), however many ranks it comes from.
/// Collective.
pub(super) fn bring(
    comm: &dyn Comm,
    plan: &Plan,
    stage: &Stage,
    array: ArrayId,
    own: Option<&Resident>,
    joined: Option<&Spares>,
) -> Result<AtHand> {
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
    let mut boxes = Vec::new();
    if let (Some(own), Some(needed)) = (own, plan.needed_region(stage, array, rank))
        && own.region.intersect(&needed).is_some()
    {
        boxes.push(own.clone());
    }
    let mut whole = match (joined, &mine) {
        (Some(spares), Some(region)) => Some((spares.block(dtype, &region.shape), region.clone())),
        _ => None,
    };
    if let Some((block, region)) = &mut whole {
        for own in boxes.drain(..) {
            if let Some(part) = own.region.intersect(region) {
                let from = own.block.part(&part.relative_to(&own.region.start));
                block.paste(&part.relative_to(&region.start), &from)?;
            }
        }
    }
    // One partner to send to and one to receive from at a time, and slabs of bounded size: beside the boxes, at most one slab
    // in each direction is in memory. Both sides cut the same box, so they agree on the slabs without asking.
    let size = comm.size();
    let cut = |part: &Option<Region>| {
        part.as_ref()
            .map_or_else(Vec::new, |part| slabs(part, dtype.size()))
    };
    for shift in 1..size {
        let (to, from) = ((rank + shift) % size, (rank + size - shift) % size);
        let sends = cut(&own.and_then(|own| wants(to)?.intersect(&own.region)));
        let part = mine.as_ref().and_then(|needed| {
            plan.owned_region(array, from)
                .and_then(|owned| owned.intersect(needed))
        });
        let receives = cut(&part);
        let mut apart = part
            .filter(|_| joined.is_none())
            .map(|part| (Block::zeros(dtype, &part.shape), part));
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
            if let (Some(slab), Some(bytes), Some((block, part))) = (
                slab,
                received.into_iter().next(),
                apart.as_mut().or(whole.as_mut()),
            ) {
                block.paste_bytes(&slab.relative_to(&part.start), &bytes)?;
            }
        }
        boxes.extend(apart.map(|(block, region)| held(block, region)));
    }
    boxes.extend(whole.map(|(block, region)| held(block, region)));
    Ok(AtHand { boxes })
}

fn held(block: Block, region: Region) -> Resident {
    Resident {
        region,
        block: Arc::new(block),
    }
}
