//! Moves boxes of resident arrays to the ranks that need them: every message is the intersection of the box that one rank
//! holds with the box that another needs, so both sides know it without asking.

use super::local::Local;
use super::run::Resident;
use super::spare::Spares;
use crate::block::Block;
use crate::comm::{Comm, Stream};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::geom::Region;
use crate::plan::{ArrayId, Plan, Stage, slabs, slabs_of};
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

/// What `rank` gets of `array` in `stage`, by the ranks that it comes from.
pub(super) fn parts<'a>(
    plan: &'a Plan,
    stage: &'a Stage,
    array: ArrayId,
    rank: usize,
) -> impl Iterator<Item = (usize, Region)> + 'a {
    let needed = plan.needed_region(stage, array, rank).filter(|needed| {
        let owned = plan.owned_region(array, rank);
        !owned.is_some_and(|owned| owned.contains(needed))
    });
    needed.into_iter().flat_map(move |needed| {
        let others = (0..plan.ranks).filter(move |other| *other != rank);
        others.filter_map(move |other| {
            let part = plan.owned_region(array, other)?.intersect(&needed)?;
            Some((other, part))
        })
    })
}

/// What this rank needs of `array` in `stage`, in memory of `spares` where there is some; `joined`: in one box, however many
/// ranks it comes from. Collective: what fails on this rank alone (packing, pasting) is its error when the others have what they
/// wait for.
pub(super) fn bring(
    comm: &dyn Comm,
    plan: &Plan,
    stage: &Stage,
    array: ArrayId,
    own: Option<&Resident>,
    (spares, joined): (&Spares, bool),
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
        (true, Some(region)) => Some((spares.block(dtype, &region.shape), region.clone())),
        _ => None,
    };
    let local = Local::default();
    if let Some((block, region)) = &mut whole {
        for own in boxes.drain(..) {
            if let Some(part) = own.region.intersect(region) {
                local.attempt(|| {
                    let from = own.block.part(&part.relative_to(&own.region.start));
                    block.paste(&part.relative_to(&region.start), &from)
                });
            }
        }
    }
    // One partner to send to and one to receive from at a time, and slabs of bounded size: beside the boxes, at most one slab
    // in each direction is in memory. Both sides cut the same box, so they agree on the slabs without asking.
    let size = comm.size();
    for shift in 1..size {
        let (to, from) = ((rank + shift) % size, (rank + size - shift) % size);
        let sends = own.and_then(|own| wants(to)?.intersect(&own.region));
        let part = mine.as_ref().and_then(|needed| {
            plan.owned_region(array, from)
                .and_then(|owned| owned.intersect(needed))
        });
        let mut apart = part
            .as_ref()
            .filter(|_| !joined)
            .map(|part| (spares.block(dtype, &part.shape), part.clone()));
        let out = Outgoing {
            own,
            to,
            part: sends.as_ref(),
        };
        let into = apart.as_mut().or(whole.as_mut());
        let into = into.map(|(block, held)| (block, &*held));
        let incoming = Incoming {
            into,
            from,
            part: part.as_ref(),
        };
        swap(comm, dtype, out, incoming, &local)?;
        boxes.extend(apart.map(|(block, region)| held(block, region)));
    }
    boxes.extend(whole.map(|(block, region)| held(block, region)));
    local.ended()?;
    Ok(AtHand { boxes })
}

/// A part of a box of this rank, for another one.
struct Outgoing<'a> {
    own: Option<&'a Resident>,
    to: usize,
    part: Option<&'a Region>,
}

/// A part of a box of another rank, and the block for it with the box that this one holds.
struct Incoming<'a> {
    into: Option<(&'a mut Block, &'a Region)>,
    from: usize,
    part: Option<&'a Region>,
}

/// Sends one part and receives another: through memory that the two ranks share, or by messages.
///
/// Ranks take up the partners of one shift at a time, and of these first the neighbours, so no two wait for one another.
fn swap(
    comm: &dyn Comm,
    dtype: DType,
    out: Outgoing<'_>,
    mut incoming: Incoming<'_>,
    local: &Local,
) -> Result<()> {
    let shared = |rank: usize, part: Option<&Region>| comm.shared_bytes(rank).zip(part.cloned());
    let near = (
        shared(out.to, out.part),
        shared(incoming.from, incoming.part),
    );
    if near.0.is_some() || near.1.is_some() {
        let cut = |part: &Option<(usize, Region)>| {
            let slabs = part
                .as_ref()
                .map(|(most, part)| slabs_of(part, dtype.size(), *most));
            let slabs = slabs.unwrap_or_default();
            let bytes = |slab: &Region| slab.elements() * dtype.size();
            let lengths: Vec<usize> = slabs.iter().map(bytes).collect();
            (slabs, lengths)
        };
        let ((sends, out_lengths), (receives, in_lengths)) = (cut(&near.0), cut(&near.1));
        let stream = |rank: usize, part: &Option<(usize, Region)>, lengths| Stream {
            rank,
            lengths,
            messages: part
                .as_ref()
                .map_or(0, |(_, part)| slabs(part, dtype.size()).len() as u64),
        };
        let sending = near
            .0
            .as_ref()
            .map(|_| stream(out.to, &near.0, &out_lengths));
        let taking = near
            .1
            .as_ref()
            .map(|_| stream(incoming.from, &near.1, &in_lengths));
        comm.stream(
            sending,
            &mut |number, bytes| {
                if let Some(own) = out.own {
                    local.attempt(|| {
                        super::faults::here("move")?;
                        let slab = sends[number].relative_to(&own.region.start);
                        own.block.part(&slab).write_bytes(bytes)
                    });
                }
                Ok(())
            },
            taking,
            &mut |number, bytes| {
                if let Some((block, held)) = &mut incoming.into {
                    let slab = receives[number].relative_to(&held.start);
                    local.attempt(|| block.paste_bytes(&slab, bytes));
                }
                Ok(())
            },
        )?;
    }
    let far = |part: Option<&Region>, near: bool| match part {
        Some(part) if !near => slabs(part, dtype.size()),
        _ => Vec::new(),
    };
    let sends = far(out.part, near.0.is_some());
    let receives = far(incoming.part, near.1.is_some());
    for round in 0..sends.len().max(receives.len()) {
        let mut send = Vec::new();
        if let (Some(own), Some(slab)) = (out.own, sends.get(round)) {
            let packed = local.attempt(|| {
                super::faults::here("move")?;
                let piece = own.block.part(&slab.relative_to(&own.region.start));
                Ok(piece.to_bytes())
            });
            let nothing = || vec![0; slab.elements() * dtype.size()];
            send.push((out.to, packed.unwrap_or_else(nothing)));
        }
        let slab = receives.get(round);
        let expected: Vec<(usize, usize)> = slab
            .iter()
            .map(|slab| (incoming.from, slab.elements() * dtype.size()))
            .collect();
        let received = comm.exchange(send, &expected)?;
        if let (Some(slab), Some(bytes), Some((block, held))) =
            (slab, received.into_iter().next(), &mut incoming.into)
        {
            local.attempt(|| block.paste_bytes(&slab.relative_to(&held.start), &bytes));
        }
    }
    Ok(())
}

fn held(block: Block, region: Region) -> Resident {
    Resident {
        region,
        block: Arc::new(block),
    }
}
