//! Decoded chunks that a rank keeps from one pass for later ones, as the plan says.

use crate::block::Block;
use crate::error::Result;
use crate::geom::{ChunkGrid, Region};
use crate::observe::{Held, Meter};
use crate::plan::{ArrayDecl, ArrayId, Plan, Reuse};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What a rank keeps of all files.
#[derive(Default)]
pub(super) struct Kept(HashMap<ArrayId, Arc<KeptChunks>>);

/// What it keeps of one.
pub(super) struct KeptChunks {
    reuse: Reuse,
    grid: ChunkGrid,
    /// The chunks that are kept, and the box of each.
    wanted: HashMap<usize, Region>,
    chunks: Mutex<HashMap<usize, Arc<KeptChunk>>>,
}

/// What later passes need of a chunk.
pub(super) struct KeptChunk {
    pub(super) region: Region,
    pub(super) block: Block,
    _held: Held,
}

/// What a pass does with the kept chunks of a file.
#[derive(Clone)]
pub(super) enum Keeping {
    /// It decodes them.
    Gives(Arc<KeptChunks>),
    /// It takes them.
    Takes(Arc<KeptChunks>),
}

impl Kept {
    pub(super) fn new(plan: &Plan, rank: usize) -> Result<Self> {
        let mut kept = HashMap::new();
        for reuse in &plan.reuse {
            let ArrayDecl::File(spec) = plan.array(reuse.array) else {
                continue;
            };
            let chunks = KeptChunks {
                reuse: reuse.clone(),
                grid: ChunkGrid::regular(&spec.shape, &spec.fetch_chunk())?,
                wanted: plan.kept_chunks(reuse, rank).into_iter().collect(),
                chunks: Mutex::default(),
            };
            kept.insert(reuse.array, Arc::new(chunks));
        }
        Ok(Kept(kept))
    }

    /// What stage number `stage` does with the chunks of `array`.
    pub(super) fn of(&self, array: ArrayId, stage: usize) -> Option<Keeping> {
        let kept = self.0.get(&array)?;
        let stage = stage as u32;
        if stage == kept.reuse.first {
            return Some(Keeping::Gives(kept.clone()));
        }
        let takes = (kept.reuse.first..=kept.reuse.last).contains(&stage);
        takes.then(|| Keeping::Takes(kept.clone()))
    }

    /// Lets go of what no stage after `stage` takes.
    pub(super) fn close_after(&mut self, stage: usize) {
        self.0.retain(|_, kept| kept.reuse.last as usize > stage);
    }
}

impl KeptChunks {
    /// What was kept of a chunk, when `part` is in it.
    pub(super) fn find(&self, chunk: &[usize], part: &Region) -> Option<Arc<KeptChunk>> {
        let chunks = self.chunks.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = chunks.get(&self.grid.linear(chunk))?;
        kept.region.contains(part).then(|| kept.clone())
    }

    /// Keeps of a chunk what is wanted, when that was decoded into `block`, which holds `held`.
    pub(super) fn offer(
        &self,
        chunk: &[usize],
        (block, held): (&Block, &Region),
        meter: &Arc<Meter>,
    ) -> Result<()> {
        let number = self.grid.linear(chunk);
        let Some(region) = self.wanted.get(&number).cloned() else {
            return Ok(());
        };
        if !held.contains(&region) {
            return Ok(());
        }
        let lock = || self.chunks.lock().unwrap_or_else(PoisonError::into_inner);
        if lock().contains_key(&number) {
            return Ok(());
        }
        let own = Block::from_view(&block.part(&region.relative_to(&held.start)))?;
        let kept = KeptChunk {
            _held: meter.hold(own.bytes()),
            region,
            block: own,
        };
        lock().entry(number).or_insert_with(|| Arc::new(kept));
        Ok(())
    }
}
