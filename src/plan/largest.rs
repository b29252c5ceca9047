//! The largest pieces that a task holds, over tiles and bands that stand for all.

use super::bands::Nesting;
use super::decoded::stored_elements;
use super::memory::representatives;
use super::plan::{ArrayDecl, Make, Pass, Plan};
use crate::geom::Region;

/// Tiles that are looked at where the few that stand for all leave slots without a piece.
const MOST_TILES_TRIED: usize = 1 << 10;

/// The largest piece of a slot that a task makes.
#[derive(Clone, Copy, Default)]
pub(super) struct Largest {
    pub(super) elements: usize,
    /// Of the stored chunks that it lies in, where it is read from a file.
    pub(super) fetched: usize,
    /// Of a band of it, where it is made by bands.
    pub(super) of_band: usize,
    /// Bytes that an operation takes to make it.
    pub(super) workspace: usize,
}

/// Per slot, over tiles and bands that stand for all.
pub(super) struct LargestPieces {
    pub(super) pieces: Vec<Largest>,
    /// Per tile: the slots that it needs. A thread holds the pieces of one tile at a time.
    needed: Vec<Vec<usize>>,
}

impl LargestPieces {
    pub(super) fn new(plan: &Plan, pass: &Pass) -> Self {
        let nesting = Nesting::new(pass);
        let mut largest = LargestPieces {
            pieces: vec![Largest::default(); pass.slots.len()],
            needed: Vec::new(),
        };
        for tile in representatives(&pass.tiles) {
            largest.look(plan, pass, &nesting, &tile);
        }
        let mut touched = vec![false; pass.slots.len()];
        (largest.needed.iter().flatten()).for_each(|slot| touched[*slot] = true);
        if touched.contains(&false) {
            // Slots that lie side by side, as the files of a long series: tiles among all of them.
            let count = pass.tiles.count();
            for tile in (0..count).step_by(count.div_ceil(MOST_TILES_TRIED).max(1)) {
                let tile = pass.tiles.region(&pass.tiles.position(tile));
                largest.look(plan, pass, &nesting, &tile);
            }
        }
        largest
    }

    /// Bytes that the tile needs which needs most, when a slot takes what `bytes` says.
    pub(super) fn most(&self, bytes: impl Fn(usize, &Largest) -> u64) -> u64 {
        let of_slots: Vec<u64> = (self.pieces.iter().enumerate())
            .map(|(slot, largest)| bytes(slot, largest))
            .collect();
        let of_tile = |needed: &Vec<usize>| needed.iter().map(|slot| of_slots[*slot]).sum();
        self.needed.iter().map(of_tile).max().unwrap_or(0)
    }

    /// Notes the pieces of a tile, and the slots that it needs.
    fn look(&mut self, plan: &Plan, pass: &Pass, nesting: &Nesting, tile: &Region) {
        let of_tile = pass.slot_regions(tile);
        // What is loaded for a tile stays for all of its bands.
        for ((piece, need), slot) in self.pieces.iter_mut().zip(&of_tile).zip(&pass.slots) {
            let (Make::Load(array), Some(need)) = (&slot.make, need) else {
                continue;
            };
            piece.elements = piece.elements.max(need.elements());
            if let ArrayDecl::File(spec) = plan.array(*array) {
                piece.fetched = piece.fetched.max(stored_elements(need, spec));
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
        self.needed.push(needed.map(|(slot, _)| slot).collect());
    }
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
        if let Make::Call { op, .. } = &pass.slots[number].make {
            piece.workspace = piece.workspace.max(op.workspace_bytes(band));
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
