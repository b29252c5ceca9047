//! What a tile needs: boxes of the slots of a pass, derived backwards from the tile by pure arithmetic.
//! Law: a larger tile never needs less, so the needs of a rank's part of the domain hold those of each of its tiles.

use super::plan::{Make, Pass, Slot, View};
use crate::geom::Region;

impl Pass {
    /// Per slot the box that the program needs of it to run over `tile` (not empty); `None` where it needs nothing.
    pub fn slot_regions(&self, tile: &Region) -> Vec<Option<Region>> {
        needs(&self.slots, &self.inputs, tile)
    }
}

/// Per slot the box that views from `region` need of it.
pub(super) fn needs(slots: &[Slot], inputs: &[View], region: &Region) -> Vec<Option<Region>> {
    let mut needs: Vec<Option<Region>> = vec![None; slots.len()];
    for input in inputs {
        add(&mut needs, input.slot, input.select.parent_region(region));
    }
    grow(slots, &mut needs, slots.len());
    needs
}

/// Per slot the box that making this box of `slot` needs of it.
pub(super) fn needs_of_slot(slots: &[Slot], slot: usize, region: &Region) -> Vec<Option<Region>> {
    let mut needs: Vec<Option<Region>> = vec![None; slots.len()];
    needs[slot] = Some(region.clone());
    grow(slots, &mut needs, slot + 1);
    needs
}

fn add(needs: &mut [Option<Region>], slot: u16, region: Region) {
    let need = &mut needs[usize::from(slot)];
    *need = Some(match need.take() {
        Some(before) => before.union_box(&region),
        None => region,
    });
}

/// Adds what the slots below `end` need for what is needed of them.
fn grow(slots: &[Slot], needs: &mut [Option<Region>], end: usize) {
    for number in (0..end).rev() {
        let Some(region) = needs[number].clone() else {
            continue;
        };
        match &slots[number].make {
            Make::Load(_) | Make::Generate(_) => {}
            Make::Fuse { inputs, .. } => {
                for input in inputs {
                    add(needs, input.slot, input.select.parent_region(&region));
                }
            }
            Make::Assemble(parts) => {
                for (slot, start) in parts {
                    if let Some(part) = part_region(&slots[usize::from(*slot)], start, &region) {
                        add(needs, *slot, part.relative_to(start));
                    }
                }
            }
            Make::Call { op, inputs } => {
                let shapes: Vec<&[usize]> = inputs
                    .iter()
                    .map(|slot| slots[usize::from(*slot)].shape.as_slice())
                    .collect();
                for (k, slot) in inputs.iter().enumerate() {
                    add(needs, *slot, op.demand(k, &shapes, &region));
                }
            }
        }
    }
}

/// The part of `region` that a part of an assembled array covers, in the coordinates of the whole.
pub fn part_region(part: &Slot, start: &[usize], region: &Region) -> Option<Region> {
    Region::new(start, part.shape.as_slice()).intersect(region)
}
