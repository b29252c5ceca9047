//! The largest pieces that a task holds, over tiles and bands that stand for all.

use super::bands::Nesting;
use super::decoded::stored_elements;
use super::memory::representatives;
use super::plan::{ArrayDecl, Make, Pass, Plan};
use crate::geom::Region;

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
pub(super) fn largest_pieces(plan: &Plan, pass: &Pass) -> Vec<Largest> {
    let nesting = Nesting::new(pass);
    let mut pieces = vec![Largest::default(); pass.slots.len()];
    for tile in representatives(&pass.tiles) {
        let of_tile = pass.slot_regions(&tile);
        // What is loaded for a tile stays for all of its bands.
        for ((piece, need), slot) in pieces.iter_mut().zip(&of_tile).zip(&pass.slots) {
            let (Make::Load(array), Some(need)) = (&slot.make, need) else {
                continue;
            };
            piece.elements = piece.elements.max(need.elements());
            if let ArrayDecl::File(spec) = plan.array(*array) {
                piece.fetched = piece.fetched.max(stored_elements(need, spec));
            }
        }
        for band in some_bands(&pass.bands(&tile)) {
            let needs = pass.slot_regions(band);
            for slot in nesting.outer() {
                grow(pass, &nesting, *slot, &needs, &mut pieces);
            }
        }
    }
    pieces
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
