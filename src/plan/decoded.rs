//! What a pass decodes: the chunks of files that its tiles touch.

use super::plan::{ArrayDecl, Make, Pass, Plan, Slot, View};
use crate::geom::Region;
use crate::spec::SourceSpec;

/// Tiles that are counted one by one.
const MOST_TILES_COUNTED: usize = 1 << 14;

/// Decoded bytes: each tile decodes the storage chunks that it overlaps, whole.
pub(super) fn decoded_bytes(plan: &Plan, pass: &Pass) -> u64 {
    let mut bytes = 0u64;
    let mut inner = Vec::new();
    for (number, slot) in pass.slots.iter().enumerate() {
        let Make::Load(array) = slot.make else {
            continue;
        };
        let ArrayDecl::File(spec) = plan.array(array) else {
            continue;
        };
        match views_by_axis(pass, number) {
            None => inner.push((number, spec)),
            Some(views) => bytes = bytes.saturating_add(decoded_by_axis(pass, &views, spec)),
        }
    }
    if inner.is_empty() {
        return bytes;
    }
    // What lies behind other slots is counted tile by tile, and scaled up from a sample of very many.
    let count = pass.tiles.count();
    let step = count.div_ceil(MOST_TILES_COUNTED).max(1);
    let mut sampled = 0u128;
    for tile in (0..count).step_by(step) {
        let needs = pass.slot_regions(&pass.tiles.region(&pass.tiles.position(tile)));
        for (number, spec) in &inner {
            if let Some(need) = &needs[*number] {
                sampled += decoded_chunks(need, spec) as u128;
            }
        }
    }
    let tiles = count.div_ceil(step).max(1) as u128;
    bytes.saturating_add((sampled * count as u128 / tiles) as u64)
}

/// The views of a slot that its program reads axis by axis: with the same steps, each axis at most once; `None` when there are
/// others.
pub(super) fn views_by_axis(pass: &Pass, number: usize) -> Option<Vec<&View>> {
    let views: Vec<&View> = (pass.inputs.iter())
        .filter(|view| usize::from(view.slot) == number)
        .collect();
    let separable = views.iter().all(|view| {
        let axes = view.select.axes.iter();
        let parents: Vec<_> = axes.filter_map(|axis| axis.parent).collect();
        let alone = (parents.iter().enumerate()).all(|(k, p)| !parents[..k].contains(p));
        alone && view.select.axes == views[0].select.axes
    });
    (!views.is_empty() && separable && !read_by_slots(pass, number)).then_some(views)
}

fn read_by_slots(pass: &Pass, number: usize) -> bool {
    let mut read = pass.slots.iter().flat_map(Slot::reads);
    read.any(|slot| usize::from(slot) == number)
}

/// Bytes that decoding the chunks of a region gives; of a chunk beyond the end of the array what lies inside.
fn decoded_chunks(region: &Region, spec: &SourceSpec) -> u64 {
    let chunk = spec.fetch_chunk();
    (0..chunk.len())
        .map(|axis| chunks_along(region, &chunk, axis) * chunk[axis].min(spec.shape[axis]))
        .map(|elements| elements as u64)
        .product::<u64>()
        * spec.dtype.size() as u64
}

/// Elements of the chunks of a region as they are stored: whole at the end of an array, too.
pub(super) fn stored_elements(region: &Region, spec: &SourceSpec) -> usize {
    let chunk = spec.fetch_chunk();
    (0..chunk.len())
        .map(|axis| chunks_along(region, &chunk, axis) * chunk[axis])
        .product()
}

/// Chunks that share a region along an axis.
fn chunks_along(region: &Region, chunk: &[usize], axis: usize) -> usize {
    match region.shape[axis] {
        0 => 0,
        _ => (region.end(axis) - 1) / chunk[axis] - region.start[axis] / chunk[axis] + 1,
    }
}

/// Decoded bytes of a variable whose views have the same steps and each of its axes at most once: axis by axis.
fn decoded_by_axis(pass: &Pass, views: &[&View], spec: &SourceSpec) -> u64 {
    let chunk = spec.fetch_chunk();
    let select = &views[0].select;
    // The box around all views begins at the smallest base and ends with the largest.
    let bases = |parent: usize| {
        let all = views.iter().map(|view| view.select.base[parent]);
        (all.clone().min().unwrap_or(0), all.max().unwrap_or(0))
    };
    let mut bytes = spec.dtype.size() as u64;
    let mut used = vec![false; spec.shape.len()];
    for (domain_axis, view) in select.axes.iter().enumerate() {
        let tiles = &pass.tiles.axes[domain_axis];
        match view.parent {
            // Repeated along this axis: once per tile.
            None => bytes = bytes.saturating_mul(tiles.count() as u64),
            Some(parent) => {
                used[parent] = true;
                let (low, high) = bases(parent);
                // Σ over tiles of (chunks that the tile overlaps) × chunk length, along one axis.
                let mut elements = 0u64;
                for tile in 0..tiles.count() {
                    let range = tiles.range(tile);
                    let (first, last) = (range.start as isize, range.end as isize - 1);
                    let ends = [first * view.step, last * view.step];
                    let from = low as isize + ends[0].min(ends[1]);
                    let to = high as isize + ends[0].max(ends[1]);
                    let chunks = to as usize / chunk[parent] - from as usize / chunk[parent] + 1;
                    elements += (chunks * chunk[parent].min(spec.shape[parent])) as u64;
                }
                bytes = bytes.saturating_mul(elements);
            }
        }
    }
    for (axis, used) in used.iter().enumerate() {
        if !used {
            let (low, high) = bases(axis);
            let chunks = high / chunk[axis] - low / chunk[axis] + 1;
            bytes = bytes.saturating_mul((chunks * chunk[axis].min(spec.shape[axis])) as u64);
        }
    }
    bytes
}
