//! What a tile costs beside what it makes: margins, repeated decoding, and whole axes computed again for each tile. The
//! numbers are weights, not seconds; only their ratios count.

use super::plan::{ArrayDecl, Make, Plan, Slot, View};
use super::regions::needs;
use crate::geom::Region;

/// Work of storing an element of a slot in one pass and loading it in another.
pub(super) const STORING: f64 = 8.0;
/// Work of writing a run of a file, of any length: a call of the system, and parts of two pages.
pub(super) const WRITING_A_RUN: f64 = 2000.0;
/// Work saved per element of the domain that makes a pass of its own worth while.
const WORTH_STORING: f64 = 2.0;

/// The body of a pass, to be weighed under different tiles.
pub(super) struct Body<'a> {
    pub(super) plan: &'a Plan,
    pub(super) slots: &'a [Slot],
    pub(super) inputs: &'a [View],
    pub(super) domain: &'a [usize],
    /// Work of writing a run of a file, of any length; 0 when tiles are not written as rows.
    pub(super) per_run: f64,
}

impl Body<'_> {
    /// A tile of these lengths from the middle of the domain, where margins are whole.
    fn middle(&self, tile: &[usize]) -> Region {
        let (start, shape): (Vec<usize>, Vec<usize>) = tile
            .iter()
            .zip(self.domain)
            .map(|(tile, len)| {
                let tile = *tile.min(len);
                ((len / 2 / tile.max(1) * tile).min(len - tile), tile)
            })
            .unzip();
        Region { start, shape }
    }

    /// True when a row of the domain, or of what a program makes, lies along another axis of something it looks at.
    pub(super) fn looks_across(&self) -> bool {
        let of_slots = self.slots.iter().flat_map(|slot| match &slot.make {
            Make::Fuse { inputs, .. } => &inputs[..],
            _ => &[],
        });
        self.inputs.iter().chain(of_slots).any(|view| {
            let last = view.select.axes.last().and_then(|axis| axis.parent);
            last.is_some_and(|parent| parent + 1 < self.slots[usize::from(view.slot)].shape.len())
        })
    }

    /// Work per element of the domain when tiles have these lengths.
    pub(super) fn per_element(&self, tile: &[usize]) -> f64 {
        let tile = self.middle(tile);
        let needs = needs(self.slots, self.inputs, &tile);
        let work: f64 = (0..self.slots.len())
            .filter_map(|slot| Some(self.weight(slot, needs[slot].as_ref()?)))
            .sum();
        let own = tile.elements() as f64;
        (work + own) / own.max(1.0) + self.per_run / self.run(&tile.shape) as f64
    }

    /// Elements of a tile that lie side by side in a row-major array.
    fn run(&self, tile: &[usize]) -> usize {
        let mut run = 1;
        for (tile, len) in tile.iter().zip(self.domain).rev() {
            run *= tile;
            if tile < len {
                break;
            }
        }
        run.max(1)
    }

    /// Bytes of all slots for a tile of these lengths.
    pub(super) fn bytes(&self, tile: &[usize]) -> usize {
        let needs = needs(self.slots, self.inputs, &self.middle(tile));
        (self.slots.iter().zip(&needs))
            .filter_map(|(slot, need)| Some(need.as_ref()?.elements() * slot.dtype.size()))
            .sum()
    }

    /// Bytes of what is made for a tile of these lengths: all slots that are not loaded.
    pub(super) fn made_bytes(&self, tile: &[usize]) -> usize {
        let needs = needs(self.slots, self.inputs, &self.middle(tile));
        (self.slots.iter().zip(&needs))
            .filter(|(slot, _)| !matches!(slot.make, Make::Load(_)))
            .filter_map(|(slot, need)| Some(need.as_ref()?.elements() * slot.dtype.size()))
            .sum()
    }

    /// Bytes of the chunks of files that a tile of these lengths needs, which are fetched together.
    pub(super) fn fetched_bytes(&self, tile: &[usize]) -> usize {
        let needs = needs(self.slots, self.inputs, &self.middle(tile));
        let fetched = (self.slots.iter().zip(&needs)).filter_map(|(slot, need)| {
            let Make::Load(array) = slot.make else {
                return None;
            };
            let ArrayDecl::File(spec) = self.plan.array(array) else {
                return None;
            };
            let elements = decoded(&spec.fetch_chunk(), need.as_ref()?);
            Some(elements as usize * slot.dtype.size())
        });
        fetched.sum()
    }

    /// The slot that costs most by being made again for tile after tile of these lengths, when storing it once (and moving
    /// it between ranks) costs less. Those that are `stored` already do not count: they are what the pass makes.
    pub(super) fn most_repeated(
        &self,
        tile: &[usize],
        stored: &dyn Fn(usize) -> bool,
    ) -> Option<usize> {
        if self.domain.contains(&0) {
            return None;
        }
        let middle = self.middle(tile);
        let needs = needs(self.slots, self.inputs, &middle);
        let tiles: f64 = (self.domain.iter().zip(&middle.shape))
            .map(|(len, tile)| *len as f64 / *tile as f64)
            .product();
        let domain: f64 = self.domain.iter().map(|len| *len as f64).product();
        (0..self.slots.len())
            .filter(|slot| !self.resident(*slot) && !stored(*slot))
            .filter_map(|slot| {
                let need = needs[slot].as_ref()?;
                let whole = Region::whole(&self.slots[slot].shape);
                let again = self.weight(slot, need) * tiles - self.weight(slot, &whole);
                let store = STORING * whole.elements() as f64;
                (again > WORTH_STORING * (domain + store)).then_some((slot, again))
            })
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .map(|(slot, _)| slot)
    }

    fn resident(&self, slot: usize) -> bool {
        match self.slots[slot].make {
            Make::Load(array) => !matches!(self.plan.array(array), ArrayDecl::File(_)),
            _ => false,
        }
    }

    /// Work of making this region of a slot.
    fn weight(&self, slot: usize, region: &Region) -> f64 {
        match &self.slots[slot].make {
            Make::Load(array) => match self.plan.array(*array) {
                // Chunks are decoded whole.
                ArrayDecl::File(spec) => 6.0 * decoded(&spec.fetch_chunk(), region),
                ArrayDecl::Memory { .. } | ArrayDecl::Held { .. } | ArrayDecl::Result { .. } => 0.0,
            },
            _ => made(self.slots, &self.slots[slot], region),
        }
    }
}

/// Elements of the chunks that a region touches.
fn decoded(chunk: &[usize], region: &Region) -> f64 {
    (0..chunk.len())
        .map(|axis| {
            let first = region.start[axis] / chunk[axis];
            let last = (region.end(axis).max(1) - 1) / chunk[axis];
            ((last + 1 - first) * chunk[axis]) as f64
        })
        .product()
}

/// Work of making this region of a slot that is not loaded.
pub(super) fn made(slots: &[Slot], slot: &Slot, region: &Region) -> f64 {
    let elements = region.elements() as f64;
    match &slot.make {
        Make::Load(_) => 0.0,
        Make::Generate(_) => 3.0 * elements,
        Make::Fuse { program, .. } => (1.0 + 0.25 * program.steps.len() as f64) * elements,
        Make::Assemble(_) => elements,
        Make::Call { op, inputs } => {
            let shapes: Vec<&[usize]> = inputs
                .iter()
                .map(|slot| slots[usize::from(*slot)].shape.as_slice())
                .collect();
            op.work(&shapes, region)
        }
    }
}
