//! Object headers (versions 1 and 2) of datasets: finds the data layout message.
//!
//! After "HDF5 File Format Specification 3.0", IV.A. Guards: a block of messages is read at most once, and the blocks of
//! one header may not add up to more than the file.

use super::bytes::{Bytes, Cursor};
use crate::error::Result;
use std::collections::HashSet;

const LAYOUT: u64 = 0x08;
const CONTINUATION: u64 = 0x10;

/// How the data of a dataset are found, after its layout message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LayoutMessage {
    /// The data themselves.
    Compact(Vec<u8>),
    /// An address (base not included, maybe undefined).
    Contiguous { address: u64 },
    /// Chunks.
    Chunked {
        /// Lengths of a chunk; the element size is not among them.
        chunk: Vec<u64>,
        /// Chunks that reach over the edge are not filtered.
        raw_edges: bool,
        /// How they are indexed.
        index: ChunkIndex,
        /// Where (base not included, maybe undefined).
        address: u64,
    },
    /// A version or class that is not parsed here.
    Unknown(String),
}

/// The kinds of chunk indices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ChunkIndex {
    BTree1,
    /// The only chunk; its size and filter mask when it is filtered.
    Single(Option<(u64, u32)>),
    Implicit,
    FixedArray {
        page_bits: u8,
    },
    ExtensibleArray,
    BTree2,
}

/// The layout message of the dataset whose header is at `address` (base not included).
pub(crate) fn layout(file: &Bytes, address: u64) -> Result<LayoutMessage> {
    let Some(at) = file.locate(address) else {
        return Err(file.damaged(0, "an object header without an address"));
    };
    let head = file.read_up_to(at, 64)?;
    let mut blocks = Blocks {
        todo: Vec::new(),
        seen: HashSet::new(),
        bytes: 0,
        v2: false,
        order: false,
    };
    let mut c = Cursor::new(file, at, &head);
    if head.starts_with(b"OHDR") {
        c.skip(4)?;
        let version = c.u8()?;
        if version != 2 {
            return Err(file.damaged(at, format!("object header version {version}")));
        }
        let flags = c.u8()?;
        c.skip(if flags & 0x20 != 0 { 16 } else { 0 })?;
        c.skip(if flags & 0x10 != 0 { 4 } else { 0 })?;
        let size = c.uint(1 << (flags & 3))?;
        (blocks.v2, blocks.order) = (true, flags & 4 != 0);
        blocks.push(file, c.offset(), size)?;
    } else {
        let version = c.u8()?;
        if version != 1 {
            return Err(file.damaged(at, format!("object header version {version}")));
        }
        c.skip(7)?;
        let size = c.u32()?;
        blocks.push(file, at + 16, size.into())?;
    }
    while let Some((at, size)) = blocks.todo.pop() {
        let bytes = file.read(at, size as usize)?;
        if let Some(layout) = blocks.scan(file, at, &bytes)? {
            return Ok(layout);
        }
    }
    Err(file.damaged(at, "no data layout message in the object header"))
}

struct Blocks {
    todo: Vec<(u64, u64)>,
    seen: HashSet<u64>,
    bytes: u64,
    v2: bool,
    /// Messages carry their creation order.
    order: bool,
}

impl Blocks {
    fn push(&mut self, file: &Bytes, at: u64, size: u64) -> Result<()> {
        self.bytes = self.bytes.saturating_add(size);
        if self.bytes > file.len() || !self.seen.insert(at) {
            return Err(file.damaged(at, "object header blocks overlap"));
        }
        self.todo.push((at, size));
        Ok(())
    }

    fn scan(&mut self, file: &Bytes, at: u64, bytes: &[u8]) -> Result<Option<LayoutMessage>> {
        let mut c = Cursor::new(file, at, bytes);
        let smallest = if self.v2 {
            4 + usize::from(self.order) * 2
        } else {
            8
        };
        while c.left() >= smallest {
            let (kind, size);
            if self.v2 {
                kind = u64::from(c.u8()?);
                size = c.u16()? as usize;
                c.skip(if self.order { 3 } else { 1 })?;
            } else {
                kind = u64::from(c.u16()?);
                size = c.u16()? as usize;
                c.skip(4)?;
            }
            let start = c.offset();
            let message = c.take(size)?;
            let mut m = Cursor::new(file, start, message);
            match kind {
                LAYOUT => return parse(file, &mut m).map(Some),
                CONTINUATION => {
                    let (address, size) = (m.address()?, m.length()?);
                    let Some(block) = file.locate(address) else {
                        return Err(file.damaged(start, "a continuation without an address"));
                    };
                    if self.v2 {
                        // "OCHK", messages, checksum.
                        let signature = file.read(block, 4)?;
                        Cursor::new(file, block, &signature).signature(b"OCHK")?;
                        self.push(file, block + 4, size.saturating_sub(8))?;
                    } else {
                        self.push(file, block, size)?;
                    }
                }
                _ => {}
            }
        }
        Ok(None)
    }
}

fn parse(file: &Bytes, m: &mut Cursor<'_>) -> Result<LayoutMessage> {
    let version = m.u8()?;
    if !(3..=5).contains(&version) {
        return Ok(LayoutMessage::Unknown(format!(
            "data layout version {version}"
        )));
    }
    match m.u8()? {
        0 => {
            let size = m.u16()? as usize;
            Ok(LayoutMessage::Compact(m.take(size)?.to_vec()))
        }
        1 => Ok(LayoutMessage::Contiguous {
            address: m.address()?,
        }),
        2 if version == 3 => {
            let rank = m.u8()? as usize;
            let address = m.address()?;
            let mut chunk = (0..rank).map(|_| m.uint(4)).collect::<Result<Vec<u64>>>()?;
            if chunk.pop().is_none() {
                return Err(file.damaged(m.offset(), "chunks without an element size"));
            }
            let index = ChunkIndex::BTree1;
            Ok(LayoutMessage::Chunked {
                chunk,
                raw_edges: false,
                index,
                address,
            })
        }
        2 => {
            let (flags, rank, width) = (m.u8()?, m.u8()? as usize, m.u8()? as usize);
            let mut chunk = (0..rank)
                .map(|_| m.uint(width))
                .collect::<Result<Vec<u64>>>()?;
            if chunk.pop().is_none() {
                return Err(file.damaged(m.offset(), "chunks without an element size"));
            }
            let index = match m.u8()? {
                1 if flags & 2 != 0 => ChunkIndex::Single(Some((m.length()?, m.u32()?))),
                1 => ChunkIndex::Single(None),
                2 => ChunkIndex::Implicit,
                3 => ChunkIndex::FixedArray { page_bits: m.u8()? },
                4 => {
                    m.skip(5)?;
                    ChunkIndex::ExtensibleArray
                }
                5 => {
                    m.skip(6)?;
                    ChunkIndex::BTree2
                }
                kind => return Ok(LayoutMessage::Unknown(format!("chunk index type {kind}"))),
            };
            let address = m.address()?;
            Ok(LayoutMessage::Chunked {
                chunk,
                raw_edges: flags & 1 != 0,
                index,
                address,
            })
        }
        class => Ok(LayoutMessage::Unknown(format!("data layout class {class}"))),
    }
}
