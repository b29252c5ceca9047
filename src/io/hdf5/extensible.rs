//! Extensible arrays: the chunk index of datasets with one unlimited axis, written with newer format bounds.
//!
//! After "HDF5 File Format Specification 3.0", VII.D. Elements count row-major with the unlimited axis moved to the front.
//! The first lie in the index block; then come super blocks u = 0, 1, … of 2^(u/2) data blocks, each of 2^((u+1)/2) times
//! the smallest number of elements; the addresses of the data blocks of the first super blocks lie in the index block.

use super::bytes::{Bytes, Cursor};
use super::index::Table;
use super::raw::UNLIMITED;
use crate::error::Result;

/// The numbers of a header that the walk needs.
struct Array<'a, 'b> {
    file: &'a Bytes,
    filtered: bool,
    entry_bytes: usize,
    size_bytes: usize,
    page_bits: u8,
    /// Bytes of a block's offset.
    offset_bytes: usize,
    /// Elements that may be set.
    total: u64,
    /// Element number of what is read next.
    next: u64,
    /// Axes, the unlimited one first, and chunks along each of them (the first is unbounded).
    order: Vec<usize>,
    counts: Vec<u64>,
    table: &'a mut Table<'b>,
}

/// Fills `table` from the array at `address` (base not included).
pub(crate) fn walk(
    file: &Bytes,
    address: u64,
    limits: &[u64],
    table: &mut Table<'_>,
) -> Result<()> {
    let Some(at) = file.locate(address) else {
        return Ok(());
    };
    let head = file.read_checked(at, 16 + 6 * file.length_bytes + file.offset_bytes)?;
    let mut c = Cursor::new(file, at, &head);
    c.signature(b"EAHD")?;
    c.skip(1)?;
    let (client, entry_bytes, bits, in_index) = (c.u8()?, c.u8()? as usize, c.u8()?, c.u8()?);
    let (smallest, pointers, page_bits) = (c.u8()?, c.u8()?, c.u8()?);
    c.skip(4 * file.length_bytes)?;
    let total = c.length()?;
    c.skip(file.length_bytes)?;
    let index_block = c.address()?;
    let size_bytes = match (client, entry_bytes.checked_sub(file.offset_bytes)) {
        (0, Some(0)) => 0,
        (1, Some(rest @ 5..=12)) => rest - 4,
        _ => return Err(file.damaged(at, format!("array elements of {entry_bytes} bytes"))),
    };
    let fits = smallest.is_power_of_two()
        && pointers.is_power_of_two()
        && bits <= 64
        && page_bits < 32
        && u32::from(bits) >= smallest.ilog2();
    let Some(unlimited) = limits.iter().position(|l| *l == UNLIMITED).filter(|_| fits) else {
        return Err(file.damaged(at, "an extensible array that contradicts itself"));
    };
    let mut order: Vec<usize> = vec![unlimited];
    order.extend((0..limits.len()).filter(|axis| *axis != unlimited));
    let counts = order
        .iter()
        .map(|k| limits[*k].div_ceil(table.chunk[*k]).max(1))
        .collect();
    let Some(block) = file.locate(index_block) else {
        return Ok(());
    };
    let mut array = Array {
        file,
        filtered: client == 1,
        entry_bytes,
        size_bytes,
        page_bits,
        offset_bytes: usize::from(bits).div_ceil(8),
        total,
        next: 0,
        order,
        counts,
        table,
    };
    let all_supers = 1 + u32::from(bits) - smallest.ilog2();
    let direct_supers = (2 * pointers.ilog2()).min(all_supers);
    let direct_blocks = 2 * (usize::from(pointers) - 1);
    let super_blocks = (all_supers - direct_supers) as usize;
    let head_bytes = 6 + file.offset_bytes;
    let first_bytes = usize::from(in_index) * entry_bytes;
    let bytes = file.read_checked(
        block,
        head_bytes + first_bytes + (direct_blocks + super_blocks) * file.offset_bytes + 4,
    )?;
    let mut c = Cursor::new(file, block, &bytes);
    c.signature(b"EAIB")?;
    c.skip(2 + file.offset_bytes)?;
    array.elements(&mut c, in_index.into())?;
    let blocks_of = |u: u32| 1u64 << (u / 2).min(62);
    let elements_of = |u: u32| u64::from(smallest) << u.div_ceil(2).min(48);
    for u in 0..direct_supers {
        for _ in 0..blocks_of(u) {
            let data_block = c.address()?;
            array.data_block(data_block, elements_of(u), &[], 0)?;
        }
    }
    for u in direct_supers..all_supers {
        if array.next >= array.total {
            break;
        }
        let address = c.address()?;
        array.super_block(address, blocks_of(u), elements_of(u))?;
    }
    Ok(())
}

impl Array<'_, '_> {
    /// Notes `count` elements.
    fn elements(&mut self, c: &mut Cursor<'_>, count: u64) -> Result<()> {
        let mut first = vec![0; self.counts.len()];
        for _ in 0..count {
            let (at, address) = (c.offset(), c.address()?);
            let (size, mask) = match self.filtered {
                true => (c.uint(self.size_bytes)?, c.u32()?),
                false => (self.table.chunk_bytes, 0),
            };
            let number = self.next;
            self.next += 1;
            let Some(chunk_at) = self.file.locate(address) else {
                continue;
            };
            if number < self.total && self.position(number, &mut first) {
                self.table
                    .set(self.file, at, &first, chunk_at, size, mask)?;
            }
        }
        Ok(())
    }

    /// The first element of chunk `number`; false outside the present extent.
    fn position(&self, mut number: u64, first: &mut [u64]) -> bool {
        for k in (1..self.order.len()).rev() {
            let axis = self.order[k];
            first[axis] = (number % self.counts[k]) * self.table.chunk[axis];
            number /= self.counts[k];
        }
        let axis = self.order[0];
        first[axis] = number.saturating_mul(self.table.chunk[axis]);
        first
            .iter()
            .zip(self.table.shape)
            .all(|(first, len)| *first < *len as u64)
    }

    fn data_block(
        &mut self,
        address: u64,
        elements: u64,
        pages: &[u8],
        first_bit: u64,
    ) -> Result<()> {
        let Some(at) = self.file.locate(address) else {
            self.next = self.next.saturating_add(elements);
            return Ok(());
        };
        let head = 6 + self.file.offset_bytes + self.offset_bytes;
        let per_page = 1u64 << self.page_bits;
        // Every part ends with its checksum: in pages the head, then each page; else all of it together.
        if elements <= per_page {
            return self.run(at, Some(head), elements);
        }
        let bytes = self.file.read_checked(at, head + 4)?;
        Cursor::new(self.file, at, &bytes).signature(b"EADB")?;
        let mut at = at + head as u64 + 4;
        for page in 0..elements / per_page {
            let bit = first_bit + page;
            let written = pages
                .get(bit as usize / 8)
                .is_some_and(|bits| bits & (128 >> (bit % 8)) != 0);
            if written {
                self.run(at, None, per_page)?;
            } else {
                self.next += per_page;
            }
            at += per_page * self.entry_bytes as u64 + 4;
        }
        Ok(())
    }

    /// Elements side by side from a file offset on, after the head of a data block where there is one.
    fn run(&mut self, at: u64, head: Option<usize>, elements: u64) -> Result<()> {
        let bytes = elements.saturating_mul(self.entry_bytes as u64);
        if bytes > self.file.len() {
            return Err(self
                .file
                .damaged(at, format!("{elements} array elements exceed the file")));
        }
        let head_bytes = head.unwrap_or(0);
        let bytes = self
            .file
            .read_checked(at, head_bytes + bytes as usize + 4)?;
        let mut c = Cursor::new(self.file, at, &bytes);
        if head.is_some() {
            c.signature(b"EADB")?;
            c.skip(head_bytes - 4)?;
        }
        self.elements(&mut c, elements)
    }

    fn super_block(&mut self, address: u64, blocks: u64, elements: u64) -> Result<()> {
        let Some(at) = self.file.locate(address) else {
            self.next = self.next.saturating_add(blocks.saturating_mul(elements));
            return Ok(());
        };
        let per_page = 1u64 << self.page_bits;
        let bitmap = if elements > per_page {
            (elements / per_page).div_ceil(8)
        } else {
            0
        };
        let bytes = blocks
            .saturating_mul(bitmap + self.file.offset_bytes as u64)
            .saturating_add((6 + self.file.offset_bytes + self.offset_bytes) as u64);
        if bytes > self.file.len() {
            return Err(self
                .file
                .damaged(at, format!("a super block of {blocks} data blocks")));
        }
        let bytes = self.file.read_checked(at, bytes as usize + 4)?;
        let mut c = Cursor::new(self.file, at, &bytes);
        c.signature(b"EASB")?;
        c.skip(2 + self.file.offset_bytes + self.offset_bytes)?;
        let bitmaps = c.take((blocks * bitmap) as usize)?;
        for block in 0..blocks {
            // The bits of all data blocks follow one another, not byte by byte.
            let first_bit = block * (elements / per_page);
            let data_block = c.address()?;
            self.data_block(data_block, elements, bitmaps, first_bit)?;
        }
        Ok(())
    }
}
