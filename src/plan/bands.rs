//! Bands: what a tile makes for itself, made by runs of its rows that fit the second cache.
//!
//! A tile is as large as decoding, dispatch and whole axes want it. What it generates, transforms or puts together on the way
//! would go out to memory and come back. So a task makes these pieces for a band of the tile, runs the program over it, and
//! goes on to the next. Chunks of files stay decoded for the whole tile.
//!
//! Where the program needs a piece whole (a transform down the columns), the piece itself is made band by band, and so is all
//! that only it reads. A slot is made inside the one through which all that reads it passes, its immediate dominator; what the
//! program and others share is made inside none.
//!
//! Laws: bands partition the tile (or the piece), in its row-major order. They follow from the pass and the tile alone, never
//! from ranks, threads or memory, since a fold may join its sub-tiles in other places where a band ends. Of an inner
//! slot no more is made at once than the band of the outer one needs.

use super::plan::{Make, Pass, Sink, Slot};
use super::regions::{needs, needs_of_slot};
use super::work::made;
use crate::geom::Region;
use crate::op::SUB_TILE;

/// Rows of so many elements are taken side by side.
const LONG_ROW: usize = SUB_TILE / 8;
/// Bytes of pieces that a band is cut to.
const BAND_BYTES: usize = 400 << 10;
/// Longer bands are a multiple of so many rows.
const ALIGN: usize = 8;
/// What is made again at the borders of bands may cost this part of all work.
const WORTH_A_BAND: f64 = 1.1;

/// Which slots are made inside the making of another.
#[derive(Clone, Debug)]
pub struct Nesting {
    /// Per slot: the slots that are made inside it, ascending.
    inner: Vec<Vec<usize>>,
    /// The slots that are made inside none, ascending.
    outer: Vec<usize>,
}

impl Nesting {
    /// That of the slots of a pass.
    pub fn new(pass: &Pass) -> Self {
        let count = pass.slots.len();
        // Per slot its holder, `count` for the program. Readers have higher numbers, so they come first.
        let mut holder: Vec<Option<usize>> = vec![None; count + 1];
        let common = |holder: &[Option<usize>], mut a: usize, mut b: usize| {
            while a != b {
                // The lower one steps up; the program is the highest.
                let lower = if a < b { &mut a } else { &mut b };
                *lower = holder[*lower].unwrap_or(count);
            }
            a
        };
        let read = |slot: u16, reader: usize, holder: &mut Vec<Option<usize>>| {
            let slot = usize::from(slot);
            holder[slot] = Some(match holder[slot] {
                Some(before) => common(holder, before, reader),
                None => reader,
            });
        };
        for input in &pass.inputs {
            read(input.slot, count, &mut holder);
        }
        for number in (0..count).rev() {
            for slot in pass.slots[number].reads() {
                read(slot, number, &mut holder);
            }
        }
        let mut inner = vec![Vec::new(); count];
        let mut outer = Vec::new();
        for (slot, holder) in holder[..count].iter().enumerate() {
            match holder {
                Some(holder) if *holder < count => inner[*holder].push(slot),
                _ => outer.push(slot),
            }
        }
        Nesting { inner, outer }
    }

    /// The slots that are made inside no other, in the order in which they are made.
    pub fn outer(&self) -> &[usize] {
        &self.outer
    }

    /// The slots that are made inside `slot`, in the order in which they are made; inside of these may be more.
    pub fn inner(&self, slot: usize) -> &[usize] {
        &self.inner[slot]
    }

    /// Calls `each` for all that is made inside `slot`, at any depth.
    fn below(&self, slot: usize, each: &mut impl FnMut(usize)) {
        for &inner in &self.inner[slot] {
            each(inner);
            self.below(inner, each);
        }
    }
}

impl Pass {
    /// The bands of a tile.
    pub fn bands(&self, tile: &Region) -> Vec<Region> {
        if tile.elements() <= SUB_TILE {
            return vec![tile.clone()];
        }
        banded(tile, |region| {
            let needs = needs(&self.slots, &self.inputs, region);
            let all = 0..self.slots.len();
            self.weigh(all.filter_map(|slot| Some((slot, needs[slot].as_ref()?))))
        })
    }

    /// Rows of a band that fall into the same cells of every sink, one after the other; 1 where that is not so. The program then
    /// runs over the same columns of several rows at once: a cell meets its elements in the same order, but is loaded and
    /// stored once for all of them.
    pub fn rows_abreast(&self, band: &Region) -> usize {
        let Some(axis) = band.shape.iter().position(|len| *len > 1) else {
            return 1;
        };
        let steady = |sink: &Sink| {
            sink.fold.as_ref().is_some_and(|fold| {
                let only =
                    (fold.axes.iter()).all(|folded| *folded == axis || band.shape[*folded] == 1);
                only && fold.axes.contains(&axis) && fold.group.is_none()
            })
        };
        // Of short rows, row-major sub-tiles have many at once as it is.
        let long = band.elements() / band.shape[axis] >= LONG_ROW;
        match long && self.sinks.iter().all(steady) {
            true => band.shape[axis],
            false => 1,
        }
    }

    /// The bands of a piece, inside which others are made.
    pub fn piece_bands(&self, nesting: &Nesting, slot: usize, piece: &Region) -> Vec<Region> {
        if nesting.inner(slot).is_empty() || piece.elements() <= SUB_TILE {
            return vec![piece.clone()];
        }
        banded(piece, |region| {
            let needs = needs_of_slot(&self.slots, slot, region);
            let (mut bytes, mut work) = (0, made(&self.slots, &self.slots[slot], region));
            nesting.below(slot, &mut |inner| {
                let (more, made) = self.weigh(needs[inner].as_ref().map(|need| (inner, need)));
                bytes += more;
                work += made;
            });
            (bytes, work)
        })
    }

    /// What a band of a piece needs: of what is made inside it a share, of all else what was made before.
    pub fn piece_needs(
        &self,
        nesting: &Nesting,
        slot: usize,
        band: &Region,
        of_piece: &[Option<Region>],
    ) -> Vec<Option<Region>> {
        let mut of_band = needs_of_slot(&self.slots, slot, band);
        let mut needs = of_piece.to_vec();
        nesting.below(slot, &mut |inner| needs[inner] = of_band[inner].take());
        needs
    }

    /// Bytes of pieces that are not loaded, and the work of making them.
    fn weigh<'a>(&self, pieces: impl IntoIterator<Item = (usize, &'a Region)>) -> (usize, f64) {
        let (mut bytes, mut work) = (0, 0.0);
        for (slot, need) in pieces {
            let slot = &self.slots[slot];
            if !matches!(slot.make, Make::Load(_)) {
                bytes += need.elements() * slot.dtype.size();
                work += made(&self.slots, slot, need);
            }
        }
        (bytes, work)
    }
}

/// Cuts a region into bands whose pieces fit, as `weigh` tells, where that makes little again.
fn banded(region: &Region, weigh: impl Fn(&Region) -> (usize, f64)) -> Vec<Region> {
    // Axes of length 1 before it leave a band contiguous in the row-major order of the region.
    let axis = region.shape.iter().position(|len| *len > 1).unwrap_or(0);
    let whole = || vec![region.clone()];
    let Some(&len) = region.shape.get(axis) else {
        return whole();
    };
    let (bytes, work) = weigh(region);
    if bytes <= BAND_BYTES {
        return whole();
    }
    let row = region.elements() / len;
    let rows = (len as f64 * BAND_BYTES as f64 / bytes as f64) as usize;
    // Transposed views then read whole lines of a cache.
    let rows = if rows > ALIGN {
        rows / ALIGN * ALIGN
    } else {
        rows
    };
    let rows = rows.max(SUB_TILE.div_ceil(row)).max(1);
    if rows >= len {
        return whole();
    }
    // From the middle, where margins are whole.
    let (_, of_band) = weigh(&cut(region, axis, len / 2 / rows * rows, rows));
    let bands = len as f64 / rows as f64;
    if of_band * bands > WORTH_A_BAND * work {
        return whole();
    }
    (0..len)
        .step_by(rows)
        .map(|first| cut(region, axis, first, rows))
        .collect()
}

impl Slot {
    /// The slots that this one reads.
    pub(super) fn reads(&self) -> impl Iterator<Item = u16> + '_ {
        let (views, parts, pieces) = match &self.make {
            Make::Load(_) | Make::Generate(_) => (&[][..], &[][..], &[][..]),
            Make::Fuse { inputs, .. } => (&inputs[..], &[][..], &[][..]),
            Make::Assemble(parts) => (&[][..], &parts[..], &[][..]),
            Make::Call { inputs, .. } => (&[][..], &[][..], &inputs[..]),
        };
        let views = views.iter().map(|view| view.slot);
        let parts = parts.iter().map(|(slot, _)| *slot);
        views.chain(parts).chain(pieces.iter().copied())
    }
}

fn cut(tile: &Region, axis: usize, first: usize, rows: usize) -> Region {
    let mut band = tile.clone();
    band.start[axis] += first;
    band.shape[axis] = rows.min(tile.shape[axis] - first);
    band
}
