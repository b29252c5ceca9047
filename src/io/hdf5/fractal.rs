//! Fractal heaps: where an object's many links or attributes lie.
//!
//! After "HDF5 File Format Specification 3.0", III.G. A managed object has an offset in one address space, which is cut
//! into direct blocks, doubling in size from row to row of a table; rows of blocks larger than the largest direct block are
//! indirect ones, tables again. Guards: an indirect block is smaller than the one that holds it; an object lies in its block.

use super::btree2;
use super::bytes::{Bytes, Cursor};
use crate::error::Result;
use std::collections::HashMap;
use std::rc::Rc;

/// Records of huge objects: filtered or not, with an identifier or an address.
const HUGE_BY_NUMBER: u8 = 1;

/// An opened heap.
pub(crate) struct FractalHeap<'a> {
    file: &'a Bytes,
    at: u64,
    id_bytes: usize,
    checked: bool,
    most_managed: u64,
    huge_tree: u64,
    columns: u64,
    first_block: u64,
    largest_direct: u64,
    /// Bits of an offset.
    offset_bits: u32,
    root: u64,
    root_rows: u64,
    /// Blocks that were read, by file offset.
    blocks: HashMap<u64, Rc<Vec<u8>>>,
}

/// An object: where it lies and its bytes.
pub(crate) type Object = (u64, Vec<u8>);

impl<'a> FractalHeap<'a> {
    /// Opens the heap at `address` (base not included).
    ///
    /// # Errors
    /// Data when its header is damaged; unsupported when its blocks are filtered.
    pub(crate) fn open(file: &'a Bytes, address: u64) -> Result<FractalHeap<'a>> {
        let Some(at) = file.locate(address) else {
            return Err(file.damaged(0, "a fractal heap without an address"));
        };
        let (o, l) = (file.offset_bytes, file.length_bytes);
        let head = file.read_up_to(at, 26 + 3 * o + 12 * l)?;
        let mut c = Cursor::new(file, at, &head);
        c.signature(b"FRHP")?;
        let version = c.u8()?;
        let (id_bytes, filter_bytes, flags) = (usize::from(c.u16()?), c.u16()?, c.u8()?);
        if version != 0 {
            return Err(file.damaged(at, format!("a fractal heap of version {version}")));
        }
        if filter_bytes > 0 {
            return Err(file.unknown("a fractal heap with filters"));
        }
        file.read_checked(at, 26 + 3 * o + 12 * l)?;
        let most_managed = u64::from(c.u32()?);
        c.skip(l)?;
        let huge_tree = c.address()?;
        c.skip(l + o + 8 * l)?;
        let columns = u64::from(c.u16()?);
        let (first_block, largest_direct) = (c.length()?, c.length()?);
        let offset_bits = u32::from(c.u16()?);
        c.skip(2)?;
        let (root, root_rows) = (c.address()?, u64::from(c.u16()?));
        let fits = columns.is_power_of_two()
            && first_block.is_power_of_two()
            && largest_direct.is_power_of_two()
            && first_block <= largest_direct
            && (1..=64).contains(&offset_bits)
            && columns
                .checked_mul(first_block)
                .is_some_and(|row| row.ilog2() < offset_bits)
            && id_bytes > 1
            && root_rows <= 64;
        if !fits {
            return Err(file.damaged(at, "a fractal heap that contradicts itself"));
        }
        Ok(FractalHeap {
            file,
            at,
            id_bytes,
            checked: flags & 2 != 0,
            most_managed,
            huge_tree,
            columns,
            first_block,
            largest_direct,
            offset_bits,
            root,
            root_rows,
            blocks: HashMap::new(),
        })
    }

    /// Bytes of an identifier.
    pub(crate) fn id_bytes(&self) -> usize {
        self.id_bytes
    }

    /// The object of an identifier, which is taken from `c`.
    ///
    /// # Errors
    /// Data when there is none or a block is damaged.
    pub(crate) fn object(&mut self, c: &mut Cursor<'_>) -> Result<Object> {
        let file = self.file;
        let mut id = c.part(self.id_bytes)?;
        let at = id.offset();
        let head = id.u8()?;
        match (head >> 6, head >> 4 & 3) {
            (0, 0) => {
                let offset = id.uint(self.block_offset_bytes())?;
                let len = id.uint(self.length_bytes())?;
                if len > self.most_managed {
                    return Err(file.damaged(at, format!("a heap object of {len} bytes")));
                }
                self.managed(at, offset, len)
            }
            (0, 1) => self.huge(&mut id),
            (0, 2) => {
                // Short identifiers hold up to 16 bytes, longer ones say so in 12 bits.
                let len = match self.id_bytes > 18 {
                    false => usize::from(head & 15) + 1,
                    true => (usize::from(head & 15) << 8 | usize::from(id.u8()?)) + 1,
                };
                let start = id.offset();
                Ok((start, id.take(len)?.to_vec()))
            }
            _ => Err(file.damaged(
                at,
                format!("a heap identifier that begins with {head:#04x}"),
            )),
        }
    }

    fn block_offset_bytes(&self) -> usize {
        self.offset_bits.div_ceil(8) as usize
    }

    fn length_bytes(&self) -> usize {
        let direct = (self.largest_direct.ilog2() as usize).div_ceil(8);
        direct.min(self.most_managed.max(1).ilog2() as usize / 8 + 1)
    }

    /// Bytes of the blocks of a row.
    fn block_bytes(&self, row: u64) -> u64 {
        self.first_block
            << row
                .saturating_sub(1)
                .min(63 - u64::from(self.first_block.ilog2()))
    }

    fn direct_rows(&self) -> u64 {
        u64::from(self.largest_direct.ilog2() - self.first_block.ilog2()) + 2
    }

    fn managed(&mut self, at: u64, offset: u64, len: u64) -> Result<Object> {
        let file = self.file;
        // A root without rows is a direct block of the smallest size.
        let (mut address, mut rows, mut bytes) = (self.root, self.root_rows, self.first_block);
        // Offset of the block at `address`, and the depth.
        let (mut start, mut levels) = (0u64, 0);
        while rows > 0 {
            levels += 1;
            let Some(block) = file.locate(address) else {
                return Err(file.damaged(at, "a heap block without an address"));
            };
            let inside = offset - start;
            // Row 0 and row 1 have blocks of one size; from then on they double, and so do the rows' starts.
            let row_bytes = self.columns * self.first_block;
            let row = match inside / row_bytes {
                0 => 0,
                n => u64::from(n.ilog2()) + 1,
            };
            if row >= rows || levels > 64 {
                return Err(file.damaged(at, format!("a heap object at {offset}, beyond its heap")));
            }
            let row_start = if row == 0 { 0 } else { row_bytes << (row - 1) };
            bytes = self.block_bytes(row);
            let column = (inside - row_start) / bytes;
            let entry = row * self.columns + column;
            let head = 5 + file.offset_bytes + self.block_offset_bytes();
            // All entries are addresses, without filters.
            let size = head + (rows * self.columns) as usize * file.offset_bytes + 4;
            let table = match self.blocks.get(&block) {
                Some(table) => table.clone(),
                None => {
                    let table = Rc::new(file.read_checked(block, size)?);
                    self.blocks.insert(block, table.clone());
                    table
                }
            };
            let mut c = Cursor::new(file, block, &table);
            self.head(&mut c, b"FHIB", start)?;
            c.skip(entry as usize * file.offset_bytes)?;
            address = c.address()?;
            start += row_start + column * bytes;
            rows = match row < self.direct_rows() {
                true => 0,
                false => u64::from(bytes.ilog2().saturating_sub(row_bytes.ilog2())) + 1,
            };
        }
        let Some(block) = file.locate(address) else {
            return Err(file.damaged(at, "a heap block without an address"));
        };
        let data = self.direct(block, start, bytes)?;
        let inside = offset.checked_sub(start).map(|n| n as usize);
        let found = inside.and_then(|n| data.get(n..)?.get(..len as usize));
        match (found, inside) {
            (Some(object), Some(inside)) => Ok((block + inside as u64, object.to_vec())),
            _ => Err(file.damaged(
                at,
                format!("a heap object of {len} bytes at {offset}, beyond its block"),
            )),
        }
    }

    fn head(&self, c: &mut Cursor<'_>, signature: &[u8; 4], start: u64) -> Result<()> {
        let at = c.offset();
        c.signature(signature)?;
        let (version, heap) = (c.u8()?, c.address()?);
        let found = c.uint(self.block_offset_bytes())?;
        if version != 0 || self.file.locate(heap) != Some(self.at) || found != start {
            return Err(self
                .file
                .damaged(at, "a heap block that belongs to another heap or place"));
        }
        Ok(())
    }

    fn direct(&mut self, at: u64, start: u64, bytes: u64) -> Result<Rc<Vec<u8>>> {
        if let Some(block) = self.blocks.get(&at) {
            return Ok(block.clone());
        }
        let file = self.file;
        let mut data = file.read(at, bytes as usize)?;
        let mut c = Cursor::new(file, at, &data);
        self.head(&mut c, b"FHDB", start)?;
        if self.checked {
            let stored = c.u32()?;
            let place = (c.offset() - at) as usize - 4;
            // The sum is made with zeros in its own place.
            data[place..place + 4].fill(0);
            let found = super::checksum::lookup3(&data);
            if found != stored && !file.forgives() {
                return Err(file.damaged(
                    at,
                    format!("its checksum is {found:08x}, stored is {stored:08x}"),
                ));
            }
        }
        let block = Rc::new(data);
        self.blocks.insert(at, block.clone());
        Ok(block)
    }

    fn huge(&self, id: &mut Cursor<'_>) -> Result<Object> {
        let file = self.file;
        let at = id.offset();
        // Where an identifier has room for them, it holds address and length itself.
        if id.left() >= file.offset_bytes + file.length_bytes {
            let (address, len) = (id.address()?, id.length()?);
            return self.huge_bytes(at, address, len);
        }
        let wanted = id.uint(id.left().min(8))?;
        let mut found = None;
        btree2::walk(file, self.huge_tree, &[HUGE_BY_NUMBER], &mut |c, _, _| {
            let (address, len, number) = (c.address()?, c.length()?, c.length()?);
            if number == wanted {
                found = Some((address, len));
            }
            Ok(())
        })?;
        match found {
            Some((address, len)) => self.huge_bytes(at, address, len),
            None => Err(file.damaged(at, format!("no huge heap object {wanted}"))),
        }
    }

    fn huge_bytes(&self, at: u64, address: u64, len: u64) -> Result<Object> {
        let file = self.file;
        match (file.locate(address), usize::try_from(len)) {
            (Some(place), Ok(len)) => Ok((place, file.read(place, len)?)),
            _ => Err(file.damaged(at, "a huge heap object without an address")),
        }
    }
}
