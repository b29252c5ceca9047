//! The pieces of slots that a thread holds for a tile: decoded, generated, computed, put together. What one box in memory
//! holds is not copied.

use super::gaps;
use super::pass::PassRun;
use crate::block::{Block, BlockView};
use crate::error::{Error, Result};
use crate::geom::{Region, Select};
use crate::kernel::{self, Interpreter, PieceView};
use crate::op::Program;
use crate::plan::{Make, Nesting, View, part_region};

/// One block per slot, reused from tile to tile.
pub(super) struct Pieces {
    pub(super) blocks: Vec<Option<Block>>,
    /// Slots in memory whose need crosses boxes: it was copied to the block.
    copied: Vec<bool>,
    /// Of the slots that a program makes.
    interpreters: Vec<Option<Interpreter>>,
    nesting: Nesting,
    /// Per slot: a band of a piece that an operation makes, before it is put in its place.
    bands: Vec<Option<Block>>,
}

impl Pieces {
    pub(super) fn new(run: &PassRun<'_>) -> Result<Self> {
        let slots = &run.pass.slots;
        let blocks = slots
            .iter()
            .map(|slot| Some(Block::zeros(slot.dtype, &[0])))
            .collect();
        let interpreters = slots
            .iter()
            .map(|slot| match &slot.make {
                Make::Fuse { program, .. } => Interpreter::new(program).map(Some),
                _ => Ok(None),
            })
            .collect::<Result<_>>()?;
        Ok(Pieces {
            blocks,
            copied: vec![false; slots.len()],
            interpreters,
            nesting: Nesting::new(run.pass),
            bands: vec![None; slots.len()],
        })
    }

    pub(super) fn bytes(&self) -> usize {
        let all = self.blocks.iter().chain(&self.bands);
        all.flatten().map(Block::bytes).sum()
    }

    /// Readies the blocks for a tile. Those of slots that it does not need serve slots that begin to be needed and are about as
    /// large, or go: a walk over many files holds the pieces of one tile, not of all files.
    pub(super) fn ready(&mut self, run: &PassRun<'_>, needs: &[Option<Region>]) {
        let mut free: Vec<Block> = Vec::new();
        for (number, need) in needs.iter().enumerate() {
            if need.is_some() {
                continue;
            }
            if let Some(block) = &mut self.blocks[number]
                && block.bytes() > 0
            {
                let empty = Block::zeros(block.dtype(), &[0]);
                free.push(std::mem::replace(block, empty));
            }
            self.bands[number] = None;
            if let Some(interpreter) = &mut self.interpreters[number] {
                interpreter.let_go();
            }
        }
        if free.is_empty() {
            return;
        }
        for (number, need) in needs.iter().enumerate() {
            let (Some(need), Some(block)) = (need, &mut self.blocks[number]) else {
                continue;
            };
            if block.bytes() > 0 || run.resident[number].is_some() {
                continue;
            }
            let elements = need.elements();
            let serves = |free: &Block| {
                free.dtype() == block.dtype()
                    && (elements..=elements + elements / 4).contains(&free.elements())
            };
            if let Some(found) = free.iter().position(serves) {
                *block = free.swap_remove(found);
            }
        }
    }

    /// Makes the needed box of every slot that is not loaded, in the order of their numbers; what is made inside a slot
    /// comes with it, by the bands of its piece.
    pub(super) fn make(&mut self, run: &PassRun<'_>, needs: &[Option<Region>]) -> Result<()> {
        for at in 0..self.nesting.outer().len() {
            self.make_slot(run, needs, self.nesting.outer()[at])?;
        }
        Ok(())
    }

    fn make_slot(
        &mut self,
        run: &PassRun<'_>,
        needs: &[Option<Region>],
        number: usize,
    ) -> Result<()> {
        let slot = &run.pass.slots[number];
        let Some(need) = &needs[number] else {
            return Ok(());
        };
        if matches!(slot.make, Make::Load(_)) {
            return self.load(run, number, need);
        }
        // Taken out while it is written; a slot never reads itself.
        let Some(mut block) = self.blocks[number].take() else {
            return Ok(());
        };
        block.reshape_for_reuse(&need.shape);
        for band in &run.pass.piece_bands(&self.nesting, number, need) {
            let of_band = match band == need {
                true => None,
                false => Some(run.piece_needs(&self.nesting, number, band, needs)),
            };
            let needs = of_band.as_deref().unwrap_or(needs);
            for at in 0..self.nesting.inner(number).len() {
                self.make_slot(run, needs, self.nesting.inner(number)[at])?;
            }
            self.make_band(run, needs, number, (band, need), &mut block)?;
        }
        self.blocks[number] = Some(block);
        Ok(())
    }

    /// Makes a band of the piece that `block` is to hold.
    fn make_band(
        &mut self,
        run: &PassRun<'_>,
        needs: &[Option<Region>],
        number: usize,
        (band, piece): (&Region, &Region),
        block: &mut Block,
    ) -> Result<()> {
        let slot = &run.pass.slots[number];
        match &slot.make {
            Make::Load(_) => Ok(()),
            // Nothing is made inside it, so there is one band.
            Make::Generate(generator) => kernel::generate(generator, &slot.shape, band, block),
            Make::Fuse { program, inputs } => {
                self.fuse(run, needs, number, (program, inputs), (band, piece), block)
            }
            Make::Assemble(parts) => {
                for (part, start) in parts {
                    let number = usize::from(*part);
                    if let Some(region) = part_region(&run.pass.slots[number], start, band) {
                        let own = region.relative_to(start);
                        let view = self.part(run, needs, number, &own)?;
                        block.paste(&region.relative_to(&piece.start), &view)?;
                    }
                }
                Ok(())
            }
            Make::Call { op, inputs } => {
                let shapes: Vec<&[usize]> = inputs
                    .iter()
                    .map(|slot| run.pass.slots[usize::from(*slot)].shape.as_slice())
                    .collect();
                let mut own = (band != piece).then(|| {
                    let spare = self.bands[number].take();
                    let mut own = spare.unwrap_or_else(|| Block::zeros(slot.dtype, &[0]));
                    own.reshape_for_reuse(&band.shape);
                    own
                });
                let pieces = inputs
                    .iter()
                    .enumerate()
                    .map(|(k, slot)| {
                        let region = op.demand(k, &shapes, band);
                        let view = self.part(run, needs, usize::from(*slot), &region)?;
                        Ok(PieceView { region, view })
                    })
                    .collect::<Result<Vec<_>>>()?;
                let out = own.as_mut().unwrap_or(block);
                kernel::call(op, &shapes, &pieces, band, out)?;
                if let Some(own) = own {
                    block.paste(&band.relative_to(&piece.start), &own.view())?;
                    self.bands[number] = Some(own);
                }
                Ok(())
            }
        }
    }

    /// Copies the need of a slot in memory, unless one box holds it.
    fn load(&mut self, run: &PassRun<'_>, number: usize, need: &Region) -> Result<()> {
        let (Some(hand), Some(block)) = (&run.resident[number], &mut self.blocks[number]) else {
            return Ok(());
        };
        self.copied[number] = hand.holding(need).is_none();
        if self.copied[number] {
            block.reshape_for_reuse(&need.shape);
            hand.copy_into(need, block)?;
        }
        Ok(())
    }

    fn fuse(
        &mut self,
        run: &PassRun<'_>,
        needs: &[Option<Region>],
        number: usize,
        (program, inputs): (&Program, &[View]),
        (band, piece): (&Region, &Region),
        block: &mut Block,
    ) -> Result<()> {
        let Some(mut interpreter) = self.interpreters[number].take() else {
            return Err(Error::internal(format!(
                "no interpreter for {} steps",
                program.steps.len()
            )));
        };
        let views = inputs
            .iter()
            .map(|view| self.view(run, needs, view, band))
            .collect::<Result<Vec<_>>>()?;
        // Bands follow each other in the row-major order of the piece.
        let at = band.relative_to(&piece.start).start;
        let before = at
            .iter()
            .zip(&piece.shape)
            .fold(0, |before, (i, len)| before * len + i);
        let out = (block.buffer_mut(), before);
        let done = gaps::run(&mut interpreter, program, &band.shape, &views, out);
        self.interpreters[number] = Some(interpreter);
        done
    }

    /// What a program that runs over `region` reads through `view`.
    pub(super) fn view<'a>(
        &'a self,
        run: &'a PassRun<'_>,
        needs: &'a [Option<Region>],
        view: &View,
        region: &Region,
    ) -> Result<BlockView<'a>> {
        let (block, held) = self.held(run, needs, usize::from(view.slot))?;
        Ok(block.select(&view.select.local(region, held)))
    }

    /// A box of a slot, inside what is held of it.
    fn part<'a>(
        &'a self,
        run: &'a PassRun<'_>,
        needs: &'a [Option<Region>],
        slot: usize,
        region: &Region,
    ) -> Result<BlockView<'a>> {
        let (block, held) = self.held(run, needs, slot)?;
        let all = Select::all(&run.pass.slots[slot].shape);
        Ok(block.select(&all.local(region, held)))
    }

    /// The block of a slot and the box that it holds.
    fn held<'a>(
        &'a self,
        run: &'a PassRun<'_>,
        needs: &'a [Option<Region>],
        slot: usize,
    ) -> Result<(&'a Block, &'a Region)> {
        let missing = || Error::internal(format!("slot {slot} is read before it is made"));
        let (Some(block), Some(need)) = (&self.blocks[slot], &needs[slot]) else {
            return Err(missing());
        };
        match &run.resident[slot] {
            Some(hand) if !self.copied[slot] => {
                let held = hand.holding(need).ok_or_else(missing)?;
                Ok((&held.block, &held.region))
            }
            _ => Ok((block, need)),
        }
    }
}
