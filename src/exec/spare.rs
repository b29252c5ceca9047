//! Memory of results that nobody reads any longer, for the next ones of about their size: fresh memory costs a visit of the
//! kernel per page, in a loop of time steps as much as the arithmetic.
//!
//! Law: what is spare while a stage works, and what the plan says of the stage, are together no more than the plan says of its
//! largest stage. The rest goes back to the system before the stage brings or makes anything; between stages no more is held than
//! was live just before.

use super::run::Resident;
use crate::block::Block;
use crate::dtype::DType;
use std::sync::{Arc, Mutex, PoisonError};

/// Smaller blocks are not kept: the allocator has their like at hand.
const LEAST_BYTES: usize = 4 << 20;

/// The blocks of a rank that wait for a new use.
#[derive(Default)]
pub(super) struct Spares(Mutex<Vec<Block>>);

impl Spares {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Block>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the block when nobody else holds it.
    pub(super) fn give(&self, resident: Resident) {
        if let Ok(block) = Arc::try_unwrap(resident.block)
            && block.bytes() >= LEAST_BYTES
        {
            self.lock().push(block);
        }
    }

    /// Lets all go but what serves for blocks of these dtypes and numbers of elements, each once, and `room` bytes for later
    /// stages, of which it gives what is used.
    pub(super) fn keep_for(&self, wanted: &[(DType, usize)], room: usize) -> usize {
        let mut all = self.lock();
        let kept = wanted.iter().filter_map(|(dtype, elements)| {
            let found = find(&all, *dtype, *elements)?;
            Some(all.swap_remove(found))
        });
        let mut kept: Vec<Block> = kept.collect();
        let mut beside = 0;
        for block in all.drain(..) {
            if beside + block.bytes() <= room {
                beside += block.bytes();
                kept.push(block);
            }
        }
        *all = kept;
        beside
    }

    /// True when nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// A block whose elements are unspecified.
    pub(super) fn block(&self, dtype: DType, shape: &[usize]) -> Block {
        let mut all = self.lock();
        let spare = find(&all, dtype, shape.iter().product()).map(|found| all.swap_remove(found));
        drop(all);
        spare
            .and_then(|mut block| {
                block.reshape_for_reuse(shape);
                block.with_dtype(dtype).ok()
            })
            .unwrap_or_else(|| Block::zeros(dtype, shape))
    }
}

/// The smallest block that can hold so many elements, and is not much larger.
fn find(all: &[Block], dtype: DType, elements: usize) -> Option<usize> {
    let fits = |block: &Block| {
        let has: usize = block.shape().iter().product();
        block.dtype().physical() == dtype.physical()
            && (elements..=elements + elements / 8).contains(&has)
    };
    (0..all.len())
        .filter(|at| fits(&all[*at]))
        .min_by_key(|at| all[*at].bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geom::Region;

    fn resident(elements: usize) -> Resident {
        Resident {
            region: Region::whole(&[elements]),
            block: Arc::new(Block::zeros(DType::F64, &[elements])),
        }
    }

    #[test]
    fn memory_is_used_again_when_it_fits() {
        let spares = Spares::default();
        let n = 1 << 20;
        let (small, held) = (resident(1000), resident(n));
        let again = held.clone();
        spares.give(small);
        spares.give(held);
        assert!(spares.lock().is_empty(), "too small, or held by another");
        spares.give(again);
        spares.give(resident(2 * n));
        spares.give(resident(3 * n));
        let wanted = [(DType::F64, n - n / 16), (DType::I64, 2 * n)];
        assert_eq!(spares.keep_for(&wanted, 24 * n - 1), 16 * n);
        assert_eq!(spares.lock().len(), 2);
        assert_eq!(spares.keep_for(&wanted, 16 * n - 1), 0);
        assert_eq!(spares.lock().len(), 1);
        let address = spares.lock()[0].as_slice::<f64>().map(<[f64]>::as_ptr);
        let block = spares.block(DType::F64, &[15, n / 16]);
        assert_eq!(block.shape(), [15, n / 16]);
        assert_eq!(block.as_slice::<f64>().map(<[f64]>::as_ptr), address);
        assert!(spares.lock().is_empty());
        spares.keep_for(&[], 0);
        assert_eq!(spares.block(DType::F64, &[7]).shape(), [7]);
    }
}
