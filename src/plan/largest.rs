//! The largest pieces that a task holds, over tiles and bands that stand for all.

use super::bands::Nesting;
use super::decoded::stored_elements;
use super::memory::representatives;
use super::plan::{ArrayDecl, Make, Pass, Plan, Slot};
use crate::geom::{AxisChunks, Region};

/// Tiles that are looked at where the few that stand for all leave slots without a piece.
const MOST_TILES_TRIED: usize = 1 << 10;

/// The largest piece of a slot that a task makes.
#[derive(Clone, Copy, Default)]
pub(super) struct Largest {
    pub(super) elements: usize,
    /// Bytes of the stored chunks that it lies in, where it is read from a file.
    stored_bytes: usize,
    /// Of a band of it, where it is made by bands.
    pub(super) of_band: usize,
    /// Bytes that an operation takes to make it.
    pub(super) workspace: usize,
}

/// A tile that was looked at.
struct Looked {
    /// The slots that it needs. A thread holds the pieces of one tile at a time.
    slots: Vec<usize>,
    /// Bytes of the chunks of files that it needs, as they are stored (they are not packed to more).
    stored_bytes: usize,
}

/// Per slot, over tiles and bands that stand for all.
pub(super) struct LargestPieces {
    pieces: Vec<Largest>,
    tiles: Vec<Looked>,
}

impl LargestPieces {
    pub(super) fn new(plan: &Plan, pass: &Pass) -> Self {
        let nesting = Nesting::new(pass);
        let mut largest = LargestPieces {
            pieces: vec![Largest::default(); pass.slots.len()],
            tiles: Vec::new(),
        };
        for tile in representatives(&pass.tiles) {
            largest.look(plan, pass, &nesting, &tile);
        }
        let mut touched = vec![false; pass.slots.len()];
        let looked = largest.tiles.iter().flat_map(|tile| &tile.slots);
        looked.for_each(|slot| touched[*slot] = true);
        let mut every = false;
        if touched.contains(&false) {
            // Slots that lie side by side, as the files of a long series: tiles among all of them.
            let count = pass.tiles.count();
            let step = count.div_ceil(MOST_TILES_TRIED).max(1);
            every = step == 1;
            if every {
                largest.tiles.clear();
            }
            for tile in (0..count).step_by(step) {
                let tile = pass.tiles.region(&pass.tiles.position(tile));
                largest.look(plan, pass, &nesting, &tile);
            }
        }
        largest.fetch(plan, pass, every);
        largest
    }

    /// Bytes that the tile needs which needs most, when a slot takes what `bytes` says, beside the chunks of files.
    pub(super) fn most(&self, bytes: impl Fn(usize, &Largest) -> u64) -> u64 {
        let of_slots: Vec<u64> = (self.pieces.iter().enumerate())
            .map(|(slot, largest)| bytes(slot, largest))
            .collect();
        let of_tile = |tile: &Looked| {
            let slots = tile.slots.iter().map(|slot| of_slots[*slot]);
            slots.sum::<u64>() + tile.stored_bytes as u64
        };
        self.tiles.iter().map(of_tile).max().unwrap_or(0)
    }

    /// Adds to the chunks of each tile those of the next one, which are asked for before, and one chunk as it is unpacked.
    ///
    /// Where slots lie side by side, a tile at the border of two needs few chunks of each: with `every` tile looked at, its
    /// own chunks count. Else the tiles stand for others: each slot counts with the most that a tile needs of it.
    fn fetch(&mut self, plan: &Plan, pass: &Pass, every: bool) {
        let stream = pass.stream_axis.filter(|_| pass.segment_tiles > 1);
        let own: Vec<usize> = match every {
            true => self.tiles.iter().map(|tile| tile.stored_bytes).collect(),
            false => (self.tiles.iter())
                .map(|tile| {
                    let slots = tile.slots.iter();
                    slots.map(|slot| self.pieces[*slot].stored_bytes).sum()
                })
                .collect(),
        };
        // From one tile to the next in row-major order.
        let step: Option<usize> = stream.map(|axis| {
            let inner = &pass.tiles.axes[axis + 1..];
            inner.iter().map(AxisChunks::count).product()
        });
        for number in 0..self.tiles.len() {
            let next = match (stream, step) {
                (None, _) | (_, None) => 0,
                (Some(_), Some(_)) if !every => own[number],
                (Some(axis), Some(step)) => {
                    let at = pass.tiles.position(number)[axis];
                    let last = at + 1 == pass.tiles.axes[axis].count();
                    if last { 0 } else { own[number + step] }
                }
            };
            let unpacked = (self.tiles[number].slots.iter())
                .map(|slot| unpacked_bytes(plan, &pass.slots[*slot]))
                .max();
            self.tiles[number].stored_bytes = own[number] + next + unpacked.unwrap_or(0);
        }
    }

    /// Notes the pieces of a tile, and the slots that it needs.
    fn look(&mut self, plan: &Plan, pass: &Pass, nesting: &Nesting, tile: &Region) {
        let of_tile = pass.slot_regions(tile);
        // What is loaded for a tile stays for all of its bands.
        let mut stored_bytes = 0;
        for ((piece, need), slot) in self.pieces.iter_mut().zip(&of_tile).zip(&pass.slots) {
            let (Make::Load(array), Some(need)) = (&slot.make, need) else {
                continue;
            };
            piece.elements = piece.elements.max(need.elements());
            if let ArrayDecl::File(spec) = plan.array(*array) {
                let bytes = stored_elements(need, spec) * slot.dtype.size();
                piece.stored_bytes = piece.stored_bytes.max(bytes);
                stored_bytes += bytes;
            }
        }
        let bands = pass.bands(tile);
        for band in some_bands(&bands) {
            let of_band = (bands.len() > 1).then(|| pass.slot_regions(band));
            let needs = of_band.as_deref().unwrap_or(&of_tile);
            for slot in nesting.outer() {
                grow(pass, nesting, *slot, needs, &mut self.pieces);
            }
        }
        let needed = of_tile
            .iter()
            .enumerate()
            .filter(|(_, need)| need.is_some());
        self.tiles.push(Looked {
            slots: needed.map(|(slot, _)| slot).collect(),
            stored_bytes,
        });
    }
}

/// Bytes of a chunk of a file between its stored form and the piece, where it is packed or cut into chunks.
fn unpacked_bytes(plan: &Plan, slot: &Slot) -> usize {
    let Make::Load(array) = slot.make else {
        return 0;
    };
    let ArrayDecl::File(spec) = plan.array(array) else {
        return 0;
    };
    let chunk = spec.layout.chunk();
    chunk.map_or(0, |chunk| {
        chunk.iter().product::<usize>() * slot.dtype.size()
    })
}

/// The first two, one in the middle and the last: as for tiles.
fn some_bands(bands: &[Region]) -> impl Iterator<Item = &Region> {
    let count = bands.len();
    let some = move |number: &usize| [0, 1, count / 2, count - 1].contains(number);
    (0..count).filter(some).map(|number| &bands[number])
}

/// Notes the piece of a slot, and of those made inside it.
fn grow(
    pass: &Pass,
    nesting: &Nesting,
    number: usize,
    needs: &[Option<Region>],
    pieces: &mut [Largest],
) {
    let Some(need) = &needs[number] else { return };
    let piece = &mut pieces[number];
    piece.elements = piece.elements.max(need.elements());
    let bands = pass.piece_bands(nesting, number, need);
    for band in some_bands(&bands) {
        let piece = &mut pieces[number];
        if let Make::Call { op, inputs } = &pass.slots[number].make {
            let shapes: Vec<&[usize]> = (inputs.iter())
                .map(|slot| pass.slots[usize::from(*slot)].shape.as_slice())
                .collect();
            piece.workspace = piece.workspace.max(op.workspace_bytes(&shapes, band));
        }
        if bands.len() == 1 {
            nesting
                .inner(number)
                .iter()
                .for_each(|inner| grow(pass, nesting, *inner, needs, pieces));
            continue;
        }
        piece.of_band = piece.of_band.max(band.elements());
        let needs = pass.piece_needs(nesting, number, band, needs);
        nesting
            .inner(number)
            .iter()
            .for_each(|inner| grow(pass, nesting, *inner, &needs, pieces));
    }
}
