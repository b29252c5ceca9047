//! Chunks of files that several passes decode: the memory that a job has left keeps those of the first pass for the later ones. (An
//! anomaly reads its file twice: for the climatology, and to subtract it.)
//!
//! Which chunks a rank keeps is derived like everything else: the first ones, in the order of the storage grid, of those that it
//! decodes whole in the first pass and needs in the next one, as many as the plan gives memory for. Of a chunk it keeps the box
//! that later passes need: of one that they pick single points out of, hardly anything.

use super::decoded::views_by_axis;
use super::derive::PassGeometry;
use super::memory::Footprint;
use super::met::{Along, Met, Needed, Part, widen};
use super::plan::{ArrayDecl, ArrayId, Make, Pass, Plan, Stage, View};
use crate::config::{Limits, format_bytes};
use crate::geom::{ChunkGrid, Region};
use crate::spec::{Layout, SourceSpec};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
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

/// Takes a kept chunk: its number, its place, the box that is kept of it, and what the next stage meets of it.
type Visit<'a> = &'a mut dyn FnMut(usize, &[usize], &Part, Met);

/// What a stage need not decode of an array, since an earlier one left it decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spared {
    pub(super) array: ArrayId,
    pub(super) stage: usize,
    /// Elements of the chunks, and the chunks themselves, as often as they would be decoded.
    pub(super) elements: u64,
    pub(super) chunks: u64,
}

impl Plan {
    /// Finds what to keep, and adds it to the footprints; tells what that spares.
    pub(super) fn keep_chunks(
        &mut self,
        footprints: &mut [Footprint],
        limits: &Limits,
    ) -> Vec<Spared> {
        let mut all = Vec::new();
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
            let ranks = (0..self.ranks).step_by(step);
            let wanted = ranks.map(|rank| self.kept_bytes(&reuse, rank)).max();
            reuse.bytes = reuse.bytes.min(wanted.unwrap_or(0));
            if reuse.bytes == 0 {
                continue;
            }
            for footprint in &mut footprints[first..=last] {
                footprint.peak_bytes += reuse.bytes;
            }
            let mut spared = 0;
            for stage in &reading[1..] {
                let found = self.spared(&reuse, *stage);
                let again = found.elements * spec.dtype.size() as u64;
                all.push(found);
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
        all
    }

    /// The chunks that `rank` keeps, by their numbers in the storage grid, in order, and the box of each that it keeps.
    pub fn kept_chunks(&self, reuse: &Reuse, rank: usize) -> Vec<(usize, Region)> {
        let mut kept = Vec::new();
        self.each_kept(reuse, rank, &mut |number, _, part, _| {
            let start: Vec<usize> = part.iter().map(|range| range.start).collect();
            let shape: Vec<usize> = part.iter().map(ExactSizeIterator::len).collect();
            kept.push((number, Region::new(start, shape)));
        });
        kept
    }

    /// Bytes of them.
    fn kept_bytes(&self, reuse: &Reuse, rank: usize) -> u64 {
        let size = self.array(reuse.array).dtype().size() as u64;
        let mut bytes = 0;
        self.each_kept(reuse, rank, &mut |_, _, part, _| {
            bytes += size * elements(part)
        });
        bytes
    }

    /// Calls `visit(number, place, part, met)` for them, with what the next stage meets of each.
    fn each_kept(&self, reuse: &Reuse, rank: usize, visit: Visit<'_>) {
        let first = self.needed(reuse.array, reuse.first as usize, rank);
        let next = self.needed(reuse.array, reuse.next as usize, rank);
        let (Some((spec, grid, first)), Some((_, _, next))) = (first, next) else {
            return;
        };
        let later: Vec<Needed> = (reuse.next + 1..=reuse.last)
            .filter_map(|stage| Some(self.needed(reuse.array, stage as usize, rank)?.2))
            .collect();
        let (costly, size) = (is_costly(spec), spec.dtype.size() as u64);
        let most = match costly {
            true => u64::MAX,
            false => chunk_bytes(spec) / QUICKLY_UNPACKED,
        };
        let mut left = reuse.bytes;
        let mut part: Part = vec![0..0; grid.ndim()];
        first.each_whole(&grid, &mut |number, place| {
            let Some(met) = next.get(number, place) else {
                return true;
            };
            part.fill(0..0);
            next.add_part(number, place, &mut part);
            for stage in &later {
                stage.add_part(number, place, &mut part);
            }
            let bytes = size * elements(&part);
            if bytes > most {
                return true;
            }
            if bytes > left {
                return false;
            }
            left -= bytes;
            visit(number, place, &part, met);
            true
        });
    }

    /// Bytes on a rank that would keep all of an array's chunks that later stages need again; `None` where none do, or where
    /// decoding them again takes no longer.
    pub(super) fn memory_to_keep(&self, array: ArrayId, footprints: &[Footprint]) -> Option<u64> {
        let ArrayDecl::File(spec) = self.array(array) else {
            return None;
        };
        let reading: Vec<usize> = (self.stages.iter().enumerate())
            .filter(|(_, stage)| slot_of(stage, array, self.ranks).is_some())
            .map(|(number, _)| number)
            .collect();
        let ([first, next, ..], true) = (&reading[..], is_costly(spec)) else {
            return None;
        };
        let all = Reuse {
            array,
            first: *first as u32,
            next: *next as u32,
            last: footprints.len().saturating_sub(1) as u32,
            bytes: u64::MAX,
        };
        let step = self.ranks.div_ceil(RANKS_TRIED);
        let ranks = (0..self.ranks).step_by(step);
        let wanted = ranks.map(|rank| self.kept_bytes(&all, rank)).max();
        wanted.filter(|bytes| *bytes > 0)
    }

    /// What a stage need not decode, on all ranks.
    fn spared(&self, reuse: &Reuse, stage: usize) -> Spared {
        let mut spared = Spared {
            array: reuse.array,
            stage,
            elements: 0,
            chunks: 0,
        };
        let ArrayDecl::File(spec) = self.array(reuse.array) else {
            return spared;
        };
        let Ok(grid) = ChunkGrid::regular(&spec.shape, &spec.fetch_chunk()) else {
            return spared;
        };
        self.each_spared(reuse, stage, &mut |_, place, times| {
            let lengths = place.iter().zip(&grid.axes);
            let lengths = lengths.map(|(at, axis)| axis.range(*at).len() as u64);
            spared.elements += times * lengths.product::<u64>();
            spared.chunks += times;
        });
        spared
    }

    /// Calls `visit(number, place, times)` for the chunks that a stage need not decode, and how often it would, rank by rank.
    pub(super) fn each_spared(
        &self,
        reuse: &Reuse,
        stage: usize,
        visit: &mut dyn FnMut(usize, &[usize], u64),
    ) {
        for rank in 0..self.ranks {
            if stage == reuse.next as usize {
                self.each_kept(reuse, rank, &mut |number, place, _, met| {
                    visit(number, place, met.tiles);
                });
                continue;
            }
            let Some((_, _, needed)) = self.needed(reuse.array, stage, rank) else {
                continue;
            };
            self.each_kept(reuse, rank, &mut |number, place, _, _| {
                if let Some(met) = needed.get(number, place) {
                    visit(number, place, met.tiles);
                }
            });
        }
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
                let chunk = spec.fetch_chunk();
                let axes = (0..grid.ndim()).map(|axis| {
                    let needs = needs_along(pass, &views, &tiles, axis);
                    Along::new(&needs, chunk[axis], &grid.axes[axis])
                });
                // Along domain axes that the array does not have it is needed in every tile.
                let over = (views[0].select.axes.iter().zip(&tiles))
                    .filter(|(axis, _)| axis.parent.is_none())
                    .map(|(_, tiles)| tiles.len() as u64);
                Needed::ByAxis(axes.collect(), over.product())
            }
            None => {
                let mut met = BTreeMap::<usize, (Met, Part)>::new();
                for tile in geometry.tiles(pass) {
                    let needs = pass.slot_regions(&pass.tiles.region(&tile));
                    let Some(need) = &needs[slot] else { continue };
                    for chunk in grid.overlapping(need) {
                        let own = grid.region(&chunk);
                        let Some(inside) = own.intersect(need) else {
                            continue;
                        };
                        let (met, part) = met.entry(grid.linear(&chunk)).or_default();
                        met.again(inside == own);
                        part.resize(grid.ndim(), 0..0);
                        for (axis, part) in part.iter_mut().enumerate() {
                            widen(part, &(inside.start[axis]..inside.end(axis)));
                        }
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
            is_packed(spec) && plain / QUICKLY_UNPACKED <= spec.file.bytes
        }
        Layout::Zarr { .. } => true,
        _ => false,
    }
}

fn elements(part: &Part) -> u64 {
    part.iter().map(|range| range.len() as u64).product()
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
