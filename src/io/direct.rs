//! Reading of variables of any format whose bytes lie in one file: `pread` of a chunk, then decoding on the calling thread.
//!
//! Laws: no lock is held while bytes are read; the bytes of a chunk are decoded to exactly its size or refused; a
//! chunk that was never written is fill values; a file that changed since it was described is refused.

use super::bitshuffle;
use super::files::PooledFile;
use super::filters;
use super::format::{Scratch, Source, fit};
use super::index::StorageIndex;
use super::paste::{self, Place};
use super::records::gather;
use super::retry;
use super::unpack::unpack;
use crate::block::Block;
use crate::dtype::DType;
use crate::error::{Error, Fault, Result};
use crate::geom::{ChunkGrid, Region};
use crate::spec::{Filter, Layout, SourceSpec};
use std::io::ErrorKind;
use std::sync::Arc;

/// A variable of one file, read without any library.
pub struct DirectSource {
    spec: SourceSpec,
    index: Arc<StorageIndex>,
    file: Arc<PooledFile>,
    grid: ChunkGrid,
    /// Lengths of a stored chunk, which may exceed the variable.
    chunk: Vec<usize>,
    filters: Vec<Filter>,
}

impl DirectSource {
    /// The file is opened when it is first read.
    ///
    /// # Errors
    /// Data when the index does not fit the spec.
    pub fn open(spec: &SourceSpec, index: Arc<StorageIndex>) -> Result<DirectSource> {
        let file = PooledFile::of(&spec.file);
        let (grid, chunk, filters) = match &spec.layout {
            Layout::Chunked { chunk, filters } => (
                ChunkGrid::regular(&spec.shape, chunk)?,
                chunk.clone(),
                filters.clone(),
            ),
            Layout::Contiguous | Layout::Records { .. } => (
                ChunkGrid::regular(&spec.shape, &spec.fetch_chunk())?,
                Vec::new(),
                Vec::new(),
            ),
            // Refused below: its index is another one.
            Layout::Compact | Layout::Zarr { .. } => {
                (ChunkGrid::single(&spec.shape), Vec::new(), Vec::new())
            }
        };
        let fits = match (&*index, &spec.layout) {
            (
                StorageIndex::Chunked {
                    addresses,
                    sizes,
                    masks,
                },
                Layout::Chunked { .. },
            ) => {
                let count = grid.count();
                addresses.len() == count
                    && sizes.len() == count
                    && (masks.is_empty() || masks.len() == count)
            }
            (StorageIndex::Contiguous { .. }, Layout::Contiguous | Layout::Records { .. }) => true,
            (StorageIndex::Compact(bytes), Layout::Compact) => {
                bytes.len() == spec.shape.iter().product::<usize>() * spec.dtype.size()
            }
            _ => false,
        };
        if !fits {
            return Err(Error::internal(format!(
                "the index of variable {} of {} does not fit its layout",
                spec.variable,
                spec.file.path.display()
            )));
        }
        Ok(DirectSource {
            spec: spec.clone(),
            index,
            file,
            grid,
            chunk,
            filters,
        })
    }

    /// Address, size and filter mask of what `fetch` reads; `None` when nothing was ever written.
    fn stored(&self, chunk: &[usize]) -> Option<(u64, usize, u32)> {
        match &*self.index {
            StorageIndex::Chunked {
                addresses,
                sizes,
                masks,
            } => {
                let number = self.grid.linear(chunk);
                let address = *addresses.get(number)?;
                let mask = masks.get(number).copied().unwrap_or(0);
                (address != u64::MAX).then(|| (address, sizes[number] as usize, mask))
            }
            StorageIndex::Contiguous { address } => {
                let (region, shape) = (self.grid.region(chunk), &self.spec.shape);
                let size = self.spec.dtype.size();
                let row_major = |from: usize| {
                    (region.start[from..].iter().zip(&shape[from..]))
                        .fold(0, |acc, (s, len)| acc * len + s)
                };
                let offset = match (&self.spec.layout, region.start.first()) {
                    (Layout::Records { stride }, Some(record)) => {
                        *record as u64 * stride + (row_major(1) * size) as u64
                    }
                    _ => (row_major(0) * size) as u64,
                };
                Some(((*address)? + offset, region.elements() * size, 0))
            }
            StorageIndex::Compact(bytes) => Some((0, bytes.len(), 0)),
            StorageIndex::Keys | StorageIndex::References { .. } | StorageIndex::Library => None,
        }
    }

    /// Fills `raw` with what is stored of a chunk from `address` on: by one call of `read`; of records, by few calls, and only
    /// with those of `part`.
    fn read_with<E>(
        &self,
        chunk: &[usize],
        part: Option<&Region>,
        address: u64,
        raw: &mut [u8],
        mut read: impl FnMut(&mut [u8], u64) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let region = self.grid.region(chunk);
        let (Layout::Records { stride }, Some(count @ 1..)) =
            (&self.spec.layout, region.shape.first().copied())
        else {
            return read(raw, address);
        };
        let (first, record) = (region.start[0], raw.len() / count);
        let wanted = part.map_or(0..count, |part| {
            let end = part.end(0).saturating_sub(first).min(count);
            part.start[0].saturating_sub(first).min(end)..end
        });
        let address = address + wanted.start as u64 * stride;
        let raw = &mut raw[wanted.start * record..wanted.end * record];
        gather(raw, address, record, *stride, read)
    }

    fn fetch_rows(&self, chunk: &[usize], part: Option<&Region>, raw: &mut Vec<u8>) -> Result<()> {
        if let StorageIndex::Compact(bytes) = &*self.index {
            raw.clone_from(bytes);
            return Ok(());
        }
        let Some((address, size, _)) = self.stored(chunk) else {
            raw.clear();
            return Ok(());
        };
        fit(raw, size);
        let file = self.file.get()?;
        self.read_with(chunk, part, address, raw, |buffer, address| {
            let size = buffer.len();
            let name = self.spec.file.path.display();
            let read = retry::read_exact(&file, buffer, address, name);
            read.map_err(|e| match e.kind() {
                ErrorKind::UnexpectedEof => self.damaged(
                    chunk,
                    format!("the file ends before byte {}", address.saturating_add(size as u64)),
                ),
                _ => Error::new(
                    Fault::Io,
                    format!(
                        "reading {}: variable {}, chunk {chunk:?}, {size} bytes at byte {address}: {e}",
                        self.spec.file.path.display(),
                        self.spec.variable
                    ),
                ),
            })
        })
    }

    fn fetch_rows_cached(&self, chunk: &[usize], part: Option<&Region>, raw: &mut Vec<u8>) -> bool {
        if matches!(&*self.index, StorageIndex::Compact(_)) {
            return false;
        }
        let Some((address, size, _)) = self.stored(chunk) else {
            return false;
        };
        // An error is told by the read that may wait.
        let Ok(file) = self.file.get() else {
            return false;
        };
        fit(raw, size);
        self.read_with(
            chunk,
            part,
            address,
            raw,
            |buffer, address| match retry::read_cached(&file, buffer, address) {
                true => Ok(()),
                false => Err(()),
            },
        )
        .is_ok()
    }

    /// Whether a chunk was ever written.
    pub(crate) fn is_written(&self, chunk: &[usize]) -> bool {
        self.stored(chunk).is_some()
    }

    fn damaged(&self, chunk: &[usize], why: impl std::fmt::Display) -> Error {
        let at = self.stored(chunk).map_or(0, |(address, ..)| address);
        Error::data(format!(
            "{}: variable {}, chunk {chunk:?} at byte {at} is damaged: {why}",
            self.spec.file.path.display(),
            self.spec.variable
        ))
    }

    /// Runs the filters backwards, then pastes; the last one, when it is a shuffle, is done while pasting.
    fn decode_chunk(
        &self,
        chunk: &[usize],
        raw: &[u8],
        scratch: &mut Scratch,
        place: &Place<'_>,
        mask: u32,
        into: &mut Block,
    ) -> Result<()> {
        let size = self.spec.dtype.size();
        let bytes = self.chunk.iter().product::<usize>() * size;
        let runs: Vec<&Filter> = self
            .filters
            .iter()
            .enumerate()
            .filter(|(i, _)| mask & 1u32.checked_shl(*i as u32).unwrap_or(0) == 0)
            .map(|(_, filter)| filter)
            .collect();
        // The bytes are in one of the two buffers of the scratch, or still raw.
        let (mut front, mut back) = (
            std::mem::take(&mut scratch.bytes),
            std::mem::take(&mut scratch.more),
        );
        let mut range = 0..raw.len();
        let mut in_raw = true;
        let mut fused = false;
        let result = (|| {
            for (i, filter) in runs.iter().enumerate().rev() {
                let current = if in_raw {
                    &raw[range.clone()]
                } else {
                    &front[range.clone()]
                };
                match filter {
                    Filter::Fletcher32 => {
                        let kept = filters::checked(current).map_err(|e| self.damaged(chunk, e))?;
                        range = range.start..range.start + kept.len();
                    }
                    packed if packed.compresses() => {
                        // Checksums that were made before the compression are inside it.
                        let sums = runs[..i]
                            .iter()
                            .filter(|f| ***f == Filter::Fletcher32)
                            .count();
                        let expected = bytes + 4 * sums;
                        // The same memory for every chunk stays in the cache.
                        if in_raw {
                            unpack(packed, &raw[range.clone()], expected, &mut front, &mut back)
                        } else {
                            let mut more = Vec::new();
                            let unpacked = unpack(packed, current, expected, &mut back, &mut more);
                            std::mem::swap(&mut front, &mut back);
                            unpacked
                        }
                        .map_err(|e| self.damaged(chunk, e))?;
                        (range, in_raw) = (0..expected, false);
                    }
                    Filter::Bitshuffle { element, block, .. } => {
                        back.resize(current.len(), 0);
                        bitshuffle::undo(current, *element, *block, &mut back)
                            .map_err(|e| self.damaged(chunk, e))?;
                        std::mem::swap(&mut front, &mut back);
                        (range, in_raw) = (0..front.len(), false);
                    }
                    Filter::Shuffle(width) if i == 0 && *width == size => fused = true,
                    Filter::Shuffle(width) => {
                        back.resize(current.len(), 0);
                        filters::unshuffle(current, *width, &mut back);
                        std::mem::swap(&mut front, &mut back);
                        (range, in_raw) = (0..front.len(), false);
                    }
                    other => {
                        return Err(Error::internal(format!("{other} on the direct path")));
                    }
                }
            }
            let current = if in_raw {
                &raw[range.clone()]
            } else {
                &front[range.clone()]
            };
            if current.len() != bytes {
                return Err(self.damaged(
                    chunk,
                    format!("it has {} bytes instead of {bytes}", current.len()),
                ));
            }
            match fused {
                true => paste::shuffled(place, current, self.spec.big_endian, into),
                false => paste::plain(place, current, self.spec.big_endian, into),
            }
        })();
        (scratch.bytes, scratch.more) = (front, back);
        result
    }
}

impl Source for DirectSource {
    fn dtype(&self) -> DType {
        self.spec.dtype
    }

    fn grid(&self) -> &ChunkGrid {
        &self.grid
    }

    fn stored_bytes(&self, chunk: &[usize]) -> u64 {
        match &*self.index {
            StorageIndex::Compact(_) => 0,
            _ => self.stored(chunk).map_or(0, |(_, size, _)| size as u64),
        }
    }

    fn fetch(&self, chunk: &[usize], raw: &mut Vec<u8>) -> Result<()> {
        self.fetch_rows(chunk, None, raw)
    }

    fn fetch_cached(&self, chunk: &[usize], raw: &mut Vec<u8>) -> bool {
        self.fetch_rows_cached(chunk, None, raw)
    }

    fn fetch_part(&self, chunk: &[usize], part: &Region, raw: &mut Vec<u8>) -> Result<()> {
        self.fetch_rows(chunk, Some(part), raw)
    }

    fn fetch_part_cached(&self, chunk: &[usize], part: &Region, raw: &mut Vec<u8>) -> bool {
        self.fetch_rows_cached(chunk, Some(part), raw)
    }

    fn decode_into(
        &self,
        chunk: &[usize],
        raw: &[u8],
        scratch: &mut Scratch,
        part: &Region,
        into: &mut Block,
        into_origin: &[usize],
    ) -> Result<()> {
        if into.dtype() != self.spec.dtype {
            return Err(Error::internal(format!(
                "decode: {} into a block of {}",
                self.spec.dtype,
                into.dtype()
            )));
        }
        let region = self.grid.region(chunk);
        let chunked = !self.chunk.is_empty();
        let place = Place {
            chunk_shape: if chunked { &self.chunk } else { &region.shape },
            chunk_start: &region.start,
            part,
            into_origin,
        };
        let Some((_, size, mask)) = self.stored(chunk) else {
            return paste::fill(&place, self.spec.fill, into);
        };
        if raw.len() != size {
            return Err(Error::internal(format!(
                "decode: {} bytes were fetched, {size} are stored",
                raw.len()
            )));
        }
        if chunked {
            self.decode_chunk(chunk, raw, scratch, &place, mask, into)
        } else {
            paste::plain(&place, raw, self.spec.big_endian, into)
        }
    }
}
