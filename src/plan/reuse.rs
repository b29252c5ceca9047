//! Chunks of files that several passes decode: the memory that a job has left keeps those of the first pass for the later ones. (An
//! anomaly reads its file twice: for the climatology, and to subtract it.)
//!
//! Which chunks a rank keeps is derived like everything else: the first ones, in the order of the storage grid, of those that it
//! decodes whole in the first pass and needs in the next one, as many as the plan gives memory for. Of a chunk it keeps the box
//! that later passes need: of one that they pick single points out of, hardly anything.

use super::decoded::views_by_axis;
use super::derive::PassGeometry;
use super::memory::Footprint;
use super::plan::{ArrayDecl, ArrayId, Make, Pass, Plan, Stage, View};
use crate::config::{Limits, format_bytes};
use crate::geom::{ChunkGrid, Region, positions};
use crate::spec::{Layout, SourceSpec};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Range;

/// What is left of the budget stays free by this part: for what is not counted as array data.
const LEFT_FREE: u64 = 8;
/// What was packed to less than this part unpacks about as fast as memory is had (burned areas, 13 times smaller when packed:
/// keeping them made a job slower): of such chunks only boxes of less than this part are kept.
const QUICKLY_UNPACKED: u64 = 8;
/// Ranks of which the largest need is looked for.
const RANKS_TRIED: usize = 256;
/// Tiles, times ranks, of a pass that are looked at one by one, where it is not dealt to ranks in boxes or not read axis by axis.
const MOST_TILES_LISTED: usize = 1 << 20;

/// Decoded chunks of a file that each rank keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reuse {
    /// The file's variable.
    pub array: ArrayId,
    /// The stage that decodes them.
    pub first: u32,
    /// The next one that needs them.
    pub next: u32,
    /// The last one.
    pub last: u32,
    /// Most bytes on a rank.
    pub bytes: u64,
}

/// A storage chunk, or all chunks at one place along an axis, as a rank meets it in a pass.
#[derive(Clone)]
struct Met {
    /// Tiles that need a part of it.
    tiles: u64,
    /// A tile needs all of it.
    whole: bool,
    /// The box around all that tiles need of it.
    part: Region,
}

impl Met {
    /// Notes what one more tile needs of chunk `number`, which is at `own`.
    fn again(all: &mut BTreeMap<usize, Met>, number: usize, need: &Region, own: &Region) {
        let Some(part) = need.intersect(own) else {
            return;
        };
        let whole = part == *own;
        match all.entry(number) {
            Entry::Vacant(place) => {
                let tiles = 1;
                place.insert(Met { tiles, whole, part });
            }
            Entry::Occupied(mut met) => {
                let met = met.get_mut();
                met.tiles += 1;
                met.whole |= whole;
                met.part = met.part.union_box(&part);
            }
        }
    }
}

/// The chunks of an array that a rank needs in a pass.
enum Needed {
    /// Those at these places along each axis, over and over.
    ByAxis(Vec<BTreeMap<usize, Met>>, u64),
    /// By number in the storage grid.
    Listed(BTreeMap<usize, Met>),
}

impl Needed {
    fn get(&self, grid: &ChunkGrid, number: usize) -> Option<Met> {
        match self {
            Needed::Listed(all) => all.get(&number).cloned(),
            Needed::ByAxis(axes, over) => {
                let mut met = Met {
                    tiles: *over,
                    whole: true,
                    part: Region::whole(&[]),
                };
                for (at, axis) in grid.position(number).iter().zip(axes) {
                    let along = axis.get(at)?;
                    met.tiles *= along.tiles;
                    met.whole &= along.whole;
                    met.part.start.extend(&along.part.start);
                    met.part.shape.extend(&along.part.shape);
                }
                Some(met)
            }
        }
    }

    /// Numbers of the chunks that a tile needs whole, in order.
    fn whole<'a>(&'a self, grid: &'a ChunkGrid) -> Box<dyn Iterator<Item = usize> + 'a> {
        match self {
            Needed::Listed(all) => {
                let whole = all.iter().filter(|(_, met)| met.whole);
                Box::new(whole.map(|(number, _)| *number))
            }
            Needed::ByAxis(axes, _) => {
                let whole: Vec<Vec<usize>> = (axes.iter())
                    .map(|axis| axis.iter().filter(|(_, met)| met.whole))
                    .map(|axis| axis.map(|(chunk, _)| *chunk).collect())
                    .collect();
                let all = positions(whole.iter().map(|axis| 0..axis.len()).collect());
                Box::new(all.map(move |at| {
                    let chunk: Vec<usize> = at.iter().zip(&whole).map(|(k, c)| c[*k]).collect();
                    grid.linear(&chunk)
                }))
            }
        }
    }
}

impl Plan {
    /// Finds what to keep, and adds it to the footprints.
    pub(super) fn keep_chunks(&mut self, footprints: &mut [Footprint], limits: &Limits) {
        for number in 0..self.arrays.len() {
            let array = ArrayId(number as u32);
            let ArrayDecl::File(spec) = self.array(array) else {
                continue;
            };
            if !is_packed(spec) {
                continue;
            }
            let reading: Vec<usize> = (self.stages.iter().enumerate())
                .filter(|(_, stage)| slot_of(stage, array, self.ranks).is_some())
                .map(|(number, _)| number)
                .collect();
            let [first, next, ..] = reading[..] else {
                continue;
            };
            let last = reading[reading.len() - 1];
            let peak = footprints[first..=last].iter().map(|f| f.peak_bytes).max();
            let free = limits.memory_bytes.saturating_sub(peak.unwrap_or(0));
            let mut reuse = Reuse {
                array,
                first: first as u32,
                next: next as u32,
                last: last as u32,
                bytes: free - free / LEFT_FREE,
            };
            let step = self.ranks.div_ceil(RANKS_TRIED);
            let of_rank = |rank: usize| -> u64 {
                let kept = self.kept_chunks(&reuse, rank);
                kept.iter().map(|(_, part)| part_bytes(spec, part)).sum()
            };
            let wanted = (0..self.ranks).step_by(step).map(of_rank).max();
            reuse.bytes = reuse.bytes.min(wanted.unwrap_or(0));
            if reuse.bytes == 0 {
                continue;
            }
            for footprint in &mut footprints[first..=last] {
                footprint.peak_bytes += reuse.bytes;
            }
            let mut spared = 0;
            for stage in &reading[1..] {
                let again = self.spared(&reuse, *stage);
                let decoded = &mut footprints[*stage].decoded_bytes;
                *decoded = decoded.saturating_sub(again);
                spared += again;
            }
            let stages: Vec<String> = reading[1..].iter().map(usize::to_string).collect();
            self.notes.push(format!(
                "{} of decoded {} stay in the memory that is left, up to {} per rank, for stage {}",
                format_bytes(spared),
                spec.variable,
                format_bytes(reuse.bytes),
                stages.join(" and ")
            ));
            self.reuse.push(reuse);
        }
    }

    /// The chunks that `rank` keeps, by their numbers in the storage grid, in order, and the box of each that it keeps.
    pub fn kept_chunks(&self, reuse: &Reuse, rank: usize) -> Vec<(usize, Region)> {
        let first = self.needed(reuse.array, reuse.first as usize, rank);
        let next = self.needed(reuse.array, reuse.next as usize, rank);
        let (Some((spec, grid, first)), Some((_, _, next))) = (first, next) else {
            return Vec::new();
        };
        let later: Vec<Needed> = (reuse.next + 1..=reuse.last)
            .filter_map(|stage| Some(self.needed(reuse.array, stage as usize, rank)?.2))
            .collect();
        let costly = is_costly(spec);
        let mut left = reuse.bytes;
        let mut kept = Vec::new();
        for number in first.whole(&grid) {
            let Some(met) = next.get(&grid, number) else {
                continue;
            };
            let more = later.iter().filter_map(|stage| stage.get(&grid, number));
            let part = more.fold(met.part, |part, met| part.union_box(&met.part));
            let bytes = part_bytes(spec, &part);
            if !costly && bytes > chunk_bytes(spec) / QUICKLY_UNPACKED {
                continue;
            }
            if bytes > left {
                break;
            }
            left -= bytes;
            kept.push((number, part));
        }
        kept
    }

    /// Bytes that a stage need not decode, on all ranks.
    fn spared(&self, reuse: &Reuse, stage: usize) -> u64 {
        let of_rank = |rank: usize| {
            let Some((spec, grid, needed)) = self.needed(reuse.array, stage, rank) else {
                return 0;
            };
            let kept = self.kept_chunks(reuse, rank).into_iter();
            let times = kept.filter_map(|(chunk, _)| Some(needed.get(&grid, chunk)?.tiles));
            times.sum::<u64>() * chunk_bytes(spec)
        };
        (0..self.ranks).map(of_rank).sum()
    }

    /// What `rank` needs of a file in a stage; `None` when it is nothing, or cannot be told in short.
    fn needed(
        &self,
        array: ArrayId,
        stage: usize,
        rank: usize,
    ) -> Option<(&SourceSpec, ChunkGrid, Needed)> {
        let ArrayDecl::File(spec) = self.array(array) else {
            return None;
        };
        let (pass, slot) = slot_of(&self.stages[stage], array, self.ranks)?;
        let grid = ChunkGrid::regular(&spec.shape, &spec.fetch_chunk()).ok()?;
        let geometry = PassGeometry::new(pass, rank);
        let views = views_by_axis(pass, slot).filter(|_| pass.runs.is_none());
        let needed = match views {
            Some(views) => {
                let tiles = geometry.tile_box(pass)?;
                let axes = (0..grid.ndim()).map(|axis| {
                    let mut met = BTreeMap::<usize, Met>::new();
                    let line = |range: Range<usize>| Region::new([range.start], [range.len()]);
                    for need in needs_along(pass, &views, &tiles, axis) {
                        let chunk = spec.fetch_chunk()[axis];
                        for number in need.start / chunk..need.end.div_ceil(chunk) {
                            let own = grid.axes[axis].range(number);
                            Met::again(&mut met, number, &line(need.clone()), &line(own));
                        }
                    }
                    met
                });
                // Along domain axes that the array does not have it is needed in every tile.
                let over = (views[0].select.axes.iter().zip(&tiles))
                    .filter(|(axis, _)| axis.parent.is_none())
                    .map(|(_, tiles)| tiles.len() as u64);
                Needed::ByAxis(axes.collect(), over.product())
            }
            None => {
                let mut met = BTreeMap::<usize, Met>::new();
                for tile in geometry.tiles(pass) {
                    let needs = pass.slot_regions(&pass.tiles.region(&tile));
                    let Some(need) = &needs[slot] else { continue };
                    for chunk in grid.overlapping(need) {
                        let own = grid.region(&chunk);
                        Met::again(&mut met, grid.linear(&chunk), need, &own);
                    }
                }
                Needed::Listed(met)
            }
        };
        Some((spec, grid, needed))
    }
}

/// Reading it again means unpacking it again.
fn is_packed(spec: &SourceSpec) -> bool {
    match &spec.layout {
        Layout::Chunked { filters, .. } => !filters.is_empty(),
        Layout::Zarr { .. } => true,
        _ => false,
    }
}

/// Decoding takes longer than copying what was decoded into memory that is fresh.
fn is_costly(spec: &SourceSpec) -> bool {
    match &spec.layout {
        Layout::Chunked { .. } => {
            let elements = spec.shape.iter().map(|n| *n as u64);
            let plain = elements.fold(spec.dtype.size() as u64, u64::saturating_mul);
            plain / QUICKLY_UNPACKED <= spec.file.bytes
        }
        _ => true,
    }
}

fn part_bytes(spec: &SourceSpec, part: &Region) -> u64 {
    (part.elements() * spec.dtype.size()) as u64
}

fn chunk_bytes(spec: &SourceSpec) -> u64 {
    let lengths = spec.fetch_chunk();
    let inside = lengths.iter().zip(&spec.shape);
    (inside.map(|(chunk, len)| chunk.min(len)).product::<usize>() * spec.dtype.size()) as u64
}

/// The pass and its one slot of an array, when what it needs can be told in short.
fn slot_of(stage: &Stage, array: ArrayId, ranks: usize) -> Option<(&Pass, usize)> {
    let Stage::Pass(pass) = stage else {
        return None;
    };
    let mut slots = (pass.slots.iter().enumerate())
        .filter(|(_, slot)| slot.make == Make::Load(array))
        .map(|(number, _)| number);
    let (Some(slot), None) = (slots.next(), slots.next()) else {
        return None;
    };
    let by_axis = pass.runs.is_none() && views_by_axis(pass, slot).is_some();
    (by_axis || pass.tiles.count().saturating_mul(ranks) <= MOST_TILES_LISTED)
        .then_some((pass, slot))
}

/// What each tile of a rank needs along an axis of the array.
fn needs_along(
    pass: &Pass,
    views: &[&View],
    tiles: &[Range<usize>],
    axis: usize,
) -> Vec<Range<usize>> {
    let bases = views.iter().map(|view| view.select.base[axis]);
    let (low, high) = (bases.clone().min().unwrap_or(0), bases.max().unwrap_or(0));
    let mut mapped = views[0].select.axes.iter().enumerate();
    let Some((domain, view)) = mapped.find(|(_, view)| view.parent == Some(axis)) else {
        return std::iter::once(low..high + 1).collect();
    };
    tiles[domain]
        .clone()
        .map(|tile| {
            let range = pass.tiles.axes[domain].range(tile);
            let (first, last) = (range.start as isize, range.end as isize - 1);
            let ends = [first * view.step, last * view.step];
            let from = low as isize + ends[0].min(ends[1]);
            let to = high as isize + ends[0].max(ends[1]);
            from as usize..to as usize + 1
        })
        .collect()
}
