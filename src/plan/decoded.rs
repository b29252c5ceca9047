//! What a pass decodes: the chunks of files that its tiles touch.

use super::plan::{ArrayDecl, Make, Pass, Plan, Slot, View};
use crate::geom::{ChunkGrid, Region};
use crate::spec::SourceSpec;

/// Tiles that are counted one by one.
const MOST_TILES_COUNTED: usize = 1 << 14;

/// The chunks of a file that the tiles of a pass touch, and how often.
pub(super) enum Touched {
    /// Axis by axis: a chunk is touched as often as its places along the axes are, multiplied.
    ByAxis {
        /// Per axis of the file, per place along it: how many tiles (along the axis of the domain that it is) touch it.
        times: Vec<Vec<u64>>,
        /// Tiles along axes of the domain that the file does not have.
        over: u64,
        /// Per axis: indices that the program looks at.
        needed: Vec<u64>,
    },
    /// Tile by tile, all of them or a sample.
    ByTile {
        /// What each tile that was looked at needs.
        needs: Vec<Region>,
        /// Tiles of the pass, and those that were looked at.
        count: usize,
        /// See `count`.
        looked_at: usize,
        /// Elements of the box around all that is needed.
        needed: u64,
    },
}

impl Touched {
    /// Elements of the chunks, as often as they are touched; of a chunk beyond the end of the array what lies inside.
    pub(super) fn elements(&self, grid: &ChunkGrid) -> u64 {
        match self {
            Touched::ByAxis { times, over, .. } => {
                let along = grid.axes.iter().zip(times).map(|(axis, times)| {
                    let all = times.iter().enumerate().filter(|(_, n)| **n > 0);
                    all.map(|(k, n)| n * axis.range(k).len() as u64)
                        .sum::<u64>()
                });
                along.fold(*over, u64::saturating_mul)
            }
            Touched::ByTile {
                needs,
                count,
                looked_at,
                ..
            } => {
                let of_need = |need: &Region| {
                    let along = grid.axes.iter().enumerate().map(|(axis, chunks)| {
                        let touched = chunks.chunks_of(need.start[axis]..need.end(axis));
                        match touched.is_empty() {
                            true => 0,
                            false => {
                                let last = chunks.range(touched.end - 1);
                                (last.end - chunks.range(touched.start).start) as u128
                            }
                        }
                    });
                    along.product::<u128>()
                };
                let sum: u128 = needs.iter().map(of_need).sum();
                u64::try_from(sum * *count as u128 / (*looked_at).max(1) as u128)
                    .unwrap_or(u64::MAX)
            }
        }
    }

    /// Elements that are needed, each once.
    pub(super) fn needed(&self) -> u64 {
        match self {
            Touched::ByAxis { over: 0, .. } => 0,
            Touched::ByAxis { needed, .. } => needed.iter().copied().fold(1, u64::saturating_mul),
            Touched::ByTile { needed, .. } => *needed,
        }
    }

    /// Per axis: how many times as many indices are decoded as are needed; nothing where that is not known axis by axis.
    pub(super) fn along(&self, grid: &ChunkGrid) -> Vec<f64> {
        let Touched::ByAxis { times, needed, .. } = self else {
            return Vec::new();
        };
        let axes = grid.axes.iter().zip(times).zip(needed);
        axes.map(|((axis, times), needed)| {
            let all = times.iter().enumerate().filter(|(_, n)| **n > 0);
            let decoded: u64 = all.map(|(k, n)| n * axis.range(k).len() as u64).sum();
            decoded as f64 / (*needed).max(1) as f64
        })
        .collect()
    }

    /// Chunks, as often as they are touched.
    pub(super) fn chunks(&self) -> u64 {
        match self {
            Touched::ByAxis { times, over, .. } => {
                let along = times.iter().map(|times| times.iter().sum::<u64>());
                along.fold(*over, u64::saturating_mul)
            }
            Touched::ByTile { .. } => 0,
        }
    }

    /// All tiles were looked at.
    pub(super) fn is_exact(&self) -> bool {
        match self {
            Touched::ByAxis { .. } => true,
            Touched::ByTile {
                count, looked_at, ..
            } => count == looked_at,
        }
    }
}

/// What a pass touches of files, by slot.
pub(super) fn touched(plan: &Plan, pass: &Pass) -> Vec<(usize, Touched)> {
    let mut all = Vec::new();
    let mut inner = Vec::new();
    for (number, slot) in pass.slots.iter().enumerate() {
        let Make::Load(array) = slot.make else {
            continue;
        };
        let ArrayDecl::File(spec) = plan.array(array) else {
            continue;
        };
        match views_by_axis(pass, number) {
            None => inner.push((number, Vec::new())),
            Some(views) => all.push((number, by_axis(pass, &views, spec))),
        }
    }
    if inner.is_empty() {
        return all;
    }
    // What lies behind other slots is looked at tile by tile, and scaled up from a sample of very many.
    let count = pass.tiles.count();
    if count == 0 {
        return all;
    }
    let step = count.div_ceil(MOST_TILES_COUNTED).max(1);
    for tile in (0..count).step_by(step) {
        let needs = pass.slot_regions(&pass.tiles.region(&pass.tiles.position(tile)));
        for (number, found) in &mut inner {
            found.extend(needs[*number].clone());
        }
    }
    let whole = pass.slot_regions(&Region::whole(&pass.tiles.shape()));
    for (number, needs) in inner {
        let touched = Touched::ByTile {
            needs,
            count,
            looked_at: count.div_ceil(step),
            needed: (whole[number].as_ref()).map_or(0, |whole| whole.elements() as u64),
        };
        all.push((number, touched));
    }
    all
}

/// Decoded bytes: each tile decodes the storage chunks that it overlaps, whole.
pub(super) fn decoded_bytes(plan: &Plan, pass: &Pass) -> u64 {
    let decoded = touched(plan, pass).into_iter().map(|(slot, touched)| {
        let Make::Load(array) = pass.slots[slot].make else {
            return 0;
        };
        let ArrayDecl::File(spec) = plan.array(array) else {
            return 0;
        };
        ChunkGrid::regular(&spec.shape, &spec.fetch_chunk()).map_or(0, |grid| {
            let size = spec.dtype.size() as u64;
            touched.elements(&grid).saturating_mul(size)
        })
    });
    decoded.fold(0, u64::saturating_add)
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

/// What is touched of a variable whose views have the same steps and each of its axes at most once: axis by axis.
fn by_axis(pass: &Pass, views: &[&View], spec: &SourceSpec) -> Touched {
    let chunk = spec.fetch_chunk();
    let select = &views[0].select;
    // The box around all views begins at the smallest base and ends with the largest.
    let bases = |parent: usize| {
        let all = views.iter().map(|view| view.select.base[parent]);
        (all.clone().min().unwrap_or(0), all.max().unwrap_or(0))
    };
    let places = |axis: usize| spec.shape[axis].div_ceil(chunk[axis].max(1));
    let mut times: Vec<Option<Vec<u64>>> = vec![None; spec.shape.len()];
    let mut over = 1u64;
    let mut needed = vec![1u64; spec.shape.len()];
    for (domain_axis, view) in select.axes.iter().enumerate() {
        let tiles = &pass.tiles.axes[domain_axis];
        let Some(parent) = view.parent else {
            // Repeated along this axis: once per tile.
            over = over.saturating_mul(tiles.count() as u64);
            continue;
        };
        let (low, high) = bases(parent);
        let mut along = vec![0u64; places(parent)];
        for tile in 0..tiles.count() {
            let range = tiles.range(tile);
            let (first, last) = (range.start as isize, range.end as isize - 1);
            let ends = [first * view.step, last * view.step];
            let from = low as isize + ends[0].min(ends[1]);
            let to = high as isize + ends[0].max(ends[1]);
            let touched = from as usize / chunk[parent]..to as usize / chunk[parent] + 1;
            for place in along.iter_mut().take(touched.end).skip(touched.start) {
                *place += 1;
            }
        }
        times[parent] = Some(along);
        // Views that are shifted look at what lies between their first elements, too; never at more than all.
        let looked_at = tiles.len() + (high - low).min(tiles.len() * (views.len() - 1));
        needed[parent] = looked_at.min(spec.shape[parent]) as u64;
    }
    let times = times.into_iter().enumerate().map(|(axis, times)| {
        times.unwrap_or_else(|| {
            let (low, high) = bases(axis);
            needed[axis] = (high - low + 1).min(views.len()) as u64;
            let mut along = vec![0; places(axis)];
            let touched = low / chunk[axis]..high / chunk[axis] + 1;
            for place in along.iter_mut().take(touched.end).skip(touched.start) {
                *place = 1;
            }
            along
        })
    });
    let times = times.collect::<Vec<_>>();
    Touched::ByAxis {
        times,
        over,
        needed,
    }
}
