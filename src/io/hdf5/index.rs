//! The index of a variable's bytes: where each chunk lies. Made once, on one rank, then broadcast.
//!
//! The library's own listing of chunks is quadratic in HDF5 1.10 (20,000 chunks take 3.8 s), so the index is walked here
//! with plain reads; what the walk does not know falls back to the library, with a note in the log.

use super::bytes::Bytes;
use super::layout::{ChunkIndex, LayoutMessage};
use super::raw;
use super::reader::Reader;
use super::{arrays, btree1, btree2, extensible};
use crate::error::{Error, Result};
use crate::geom::ChunkGrid;
use crate::io::index::StorageIndex;
use crate::spec::{Layout, SourceSpec};

/// The chunks found so far, by row-major number.
pub(crate) struct Table<'a> {
    pub(crate) shape: &'a [usize],
    pub(crate) chunk: &'a [u64],
    /// Bytes of a whole chunk, decoded.
    pub(crate) chunk_bytes: u64,
    counts: Vec<u64>,
    addresses: Vec<u64>,
    sizes: Vec<u32>,
    masks: Vec<u32>,
}

impl<'a> Table<'a> {
    fn new(source: &'a SourceSpec, chunk: &'a [u64], element_bytes: usize) -> Result<Table<'a>> {
        let place = || {
            format!(
                "{}: variable {}",
                source.file.path.display(),
                source.variable
            )
        };
        if chunk.len() != source.shape.len() || chunk.contains(&0) {
            return Err(Error::data(format!(
                "{}: chunks of {chunk:?} for the shape {:?}",
                place(),
                source.shape
            )));
        }
        let counts: Vec<u64> = source
            .shape
            .iter()
            .zip(chunk)
            .map(|(len, c)| (*len as u64).div_ceil(*c))
            .collect();
        let total = counts
            .iter()
            .try_fold(1u64, |product, n| product.checked_mul(*n));
        let chunk_bytes = chunk
            .iter()
            .try_fold(element_bytes as u64, |product, n| product.checked_mul(*n))
            .filter(|bytes| *bytes < 1 << 40);
        // Chunks that were never written cost the file nothing, so a little room is left for them.
        let most = (source.file.bytes / 8).max(1 << 22);
        let (Some(total), Some(chunk_bytes)) = (total.filter(|t| *t <= most), chunk_bytes) else {
            return Err(Error::data(format!(
                "{}: shape {:?} in chunks of {chunk:?} is no sensible number of chunks for a file of {} bytes",
                place(),
                source.shape,
                source.file.bytes
            )));
        };
        let total = total as usize;
        Ok(Table {
            shape: &source.shape,
            chunk,
            chunk_bytes,
            counts,
            addresses: vec![u64::MAX; total],
            sizes: vec![0; total],
            masks: Vec::new(),
        })
    }

    /// Notes the chunk whose first element is `first`; chunks outside the shape are left out.
    ///
    /// `at` is where the file says so.
    pub(crate) fn set(
        &mut self,
        file: &Bytes,
        at: u64,
        first: &[u64],
        address: u64,
        size: u64,
        mask: u32,
    ) -> Result<()> {
        let mut number = 0u64;
        for axis in 0..self.chunk.len() {
            if !first[axis].is_multiple_of(self.chunk[axis]) {
                return Err(file.damaged(at, format!("a chunk that begins at {first:?}")));
            }
            let position = first[axis] / self.chunk[axis];
            if position >= self.counts[axis] {
                return Ok(());
            }
            number = number * self.counts[axis] + position;
        }
        let (number, end) = (number as usize, address.checked_add(size));
        if end.is_none_or(|end| end > file.len()) || size > u64::from(u32::MAX) {
            return Err(file.damaged(
                at,
                format!(
                    "the chunk at {first:?} has {size} bytes at {address}, beyond the end of the file ({} bytes)",
                    file.len()
                ),
            ));
        }
        self.addresses[number] = address;
        self.sizes[number] = size as u32;
        if mask != 0 {
            self.masks.resize(self.addresses.len(), 0);
            self.masks[number] = mask;
        }
        Ok(())
    }

    /// Chunks that reach over the edge were not filtered.
    fn unfilter_edges(&mut self, grid: &ChunkGrid) {
        self.masks.resize(self.addresses.len(), 0);
        for number in 0..self.addresses.len() {
            let region = grid.region(&grid.position(number));
            if region
                .shape
                .iter()
                .zip(self.chunk)
                .any(|(len, c)| (*len as u64) < *c)
            {
                self.masks[number] = u32::MAX;
            }
        }
    }

    fn finish(self) -> StorageIndex {
        StorageIndex::Chunked {
            addresses: self.addresses,
            sizes: self.sizes,
            masks: self.masks,
        }
    }
}

/// Finds where the bytes of a variable lie.
///
/// # Errors
/// Data when the file changed or its structures are damaged, naming the byte; no input when it is gone.
pub(crate) fn index(source: &SourceSpec) -> Result<StorageIndex> {
    if source.library_only.is_some() {
        return Ok(StorageIndex::Library);
    }
    let reader = Reader::open(&source.file, &format!("variable {}", source.variable))?;
    let dataset = reader.dataset_at(&source.variable)?;
    match &dataset.storage {
        Some(layout) => of_layout(
            &reader.bytes,
            source,
            layout,
            &dataset.limits,
            source.dtype.size(),
        ),
        None => by_library(&reader, source, dataset.address),
    }
}

/// The index of a variable of this layout, whose elements have so many bytes.
///
/// # Errors
/// As [`index`].
pub(crate) fn of_layout(
    file: &Bytes,
    source: &SourceSpec,
    layout: &LayoutMessage,
    limits: &[u64],
    element_bytes: usize,
) -> Result<StorageIndex> {
    let failed = |why: String| file.failed(format!("it cannot be indexed: {why}"));
    let whole_bytes = || {
        source
            .shape
            .iter()
            .try_fold(element_bytes as u64, |product, n| {
                product.checked_mul(*n as u64)
            })
    };
    match layout {
        LayoutMessage::Unknown(why) => Err(file.unknown(why)),
        LayoutMessage::Compact(bytes) => {
            if whole_bytes() != Some(bytes.len() as u64) {
                return Err(failed(format!(
                    "{} stored bytes for the shape {:?}",
                    bytes.len(),
                    source.shape
                )));
            }
            Ok(StorageIndex::Compact(bytes.clone()))
        }
        LayoutMessage::Contiguous { address } => {
            let (address, bytes) = (file.locate(*address), whole_bytes());
            if let Some(at) = address
                && bytes
                    .and_then(|b| b.checked_add(at))
                    .is_none_or(|end| end > file.len())
            {
                return Err(file.damaged(
                    at,
                    format!(
                        "the variable's {} bytes reach beyond the end of the file ({} bytes)",
                        bytes.unwrap_or(u64::MAX),
                        file.len()
                    ),
                ));
            }
            Ok(StorageIndex::Contiguous { address })
        }
        LayoutMessage::Chunked {
            chunk,
            raw_edges,
            index,
            address,
        } => {
            let Layout::Chunked {
                chunk: described, ..
            } = &source.layout
            else {
                return Err(failed("it is chunked, but was described otherwise".into()));
            };
            if described
                .iter()
                .map(|c| *c as u64)
                .ne(chunk.iter().copied())
            {
                return Err(failed(format!(
                    "chunks of {chunk:?} instead of {described:?}"
                )));
            }
            let mut table = Table::new(source, chunk, element_bytes)?;
            let address = *address;
            match index {
                ChunkIndex::BTree1 => btree1::walk(file, address, &mut table)?,
                ChunkIndex::Single(filtered) => {
                    arrays::single(file, address, *filtered, &mut table)?;
                }
                ChunkIndex::Implicit => arrays::implicit(file, address, limits, &mut table)?,
                ChunkIndex::FixedArray => arrays::fixed(file, address, limits, &mut table)?,
                // HDF5 1.10 lists these chunks at wrong positions when the axis is an inner one (tried).
                ChunkIndex::ExtensibleArray => {
                    extensible::walk(file, address, limits, &mut table)?;
                }
                ChunkIndex::BTree2 => btree2::chunks(file, address, &mut table)?,
            }
            if *raw_edges {
                table.unfilter_edges(&ChunkGrid::regular(&source.shape, described)?);
            }
            Ok(table.finish())
        }
    }
}

/// The index by the library's own listing.
fn by_library(reader: &Reader, source: &SourceSpec, address: u64) -> Result<StorageIndex> {
    let file = &reader.bytes;
    let failed = |why: String| file.failed(why);
    let dataset = raw::Dataset::new(reader.by_library(address)?).map_err(failed)?;
    match &source.layout {
        Layout::Contiguous => {
            let address = dataset.offset();
            Ok(StorageIndex::Contiguous {
                address: (address != raw::UNDEFINED).then_some(address),
            })
        }
        Layout::Compact | Layout::Records { .. } | Layout::Zarr { .. } => Ok(StorageIndex::Library),
        Layout::Chunked { .. } => {
            let mut table = Table::new(source, &dataset.chunk, source.dtype.size())?;
            for i in 0..dataset.chunk_count().map_err(failed)? {
                let (first, address, size, mask) = dataset.chunk_info(i).map_err(failed)?;
                table.set(file, 0, &first, address, size, mask)?;
            }
            Ok(table.finish())
        }
    }
}
