//! What a source of array data can do.

use crate::block::Block;
use crate::dtype::DType;
use crate::error::Result;
use crate::geom::{ChunkGrid, Region};

/// Reusable memory of one decoding thread.
#[derive(Debug, Default)]
pub struct Scratch {
    /// Bytes between two steps of a decoder.
    pub bytes: Vec<u8>,
    /// Bytes after the next step.
    pub more: Vec<u8>,
}

/// A stored array: its chunks are fetched as raw bytes (waiting for the file system), then decoded (using the CPU).
///
/// Calls may come from any thread, many at once.
pub trait Source: Send + Sync {
    /// Stored dtype.
    fn dtype(&self) -> DType;

    /// The stored chunks; for a contiguous variable, runs of about 1 MiB of its outermost rows.
    fn grid(&self) -> &ChunkGrid;

    /// Bytes that `fetch` of this chunk reads: 0 when it was never written (its elements are the fill value).
    fn stored_bytes(&self, chunk: &[usize]) -> u64;

    /// Replaces `raw` with the stored bytes of a chunk: one `pread`, of records a few. No lock.
    ///
    /// # Errors
    /// I/O errors of the system; data errors when the file ends before the chunk does.
    fn fetch(&self, chunk: &[usize], raw: &mut Vec<u8>) -> Result<()>;

    /// As `fetch` when the bytes are in the system's memory, so that nobody has to wait; else `false`, and `raw` holds
    /// nothing of use. No error: what is wrong shows in `fetch`.
    fn fetch_cached(&self, _chunk: &[usize], _raw: &mut Vec<u8>) -> bool {
        false
    }

    /// As `fetch`, or only what `decode_into` needs for the part `part` of the chunk, where that can be had alone.
    ///
    /// # Errors
    /// Those of `fetch`.
    fn fetch_part(&self, chunk: &[usize], _part: &Region, raw: &mut Vec<u8>) -> Result<()> {
        self.fetch(chunk, raw)
    }

    /// As `fetch_part` when the bytes are in the system's memory; else `false`.
    fn fetch_part_cached(&self, chunk: &[usize], _part: &Region, raw: &mut Vec<u8>) -> bool {
        self.fetch_cached(chunk, raw)
    }

    /// Decodes the part `part` (array coordinates, inside the chunk) of a fetched chunk into `into`, whose first
    /// element is at `into_origin` in array coordinates.
    ///
    /// # Errors
    /// Data errors naming file, variable and chunk when the bytes are damaged.
    fn decode_into(
        &self,
        chunk: &[usize],
        raw: &[u8],
        scratch: &mut Scratch,
        part: &Region,
        into: &mut Block,
        into_origin: &[usize],
    ) -> Result<()>;
}

/// Makes `raw` this long. It grows to no more than that: a vector that grows by itself takes up to twice the memory, which the
/// plan does not know of.
pub(super) fn fit(raw: &mut Vec<u8>, size: usize) {
    if raw.capacity() < size {
        raw.clear();
        raw.reserve_exact(size);
    }
    raw.resize(size, 0);
}
