//! The data layout message of a dataset: where its bytes lie, or how its chunks are indexed.
//!
//! After "HDF5 File Format Specification 3.0", IV.A.2.i.

use super::bytes::{Bytes, Cursor};
use super::header::Header;
use crate::error::Result;

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
    FixedArray,
    ExtensibleArray,
    BTree2,
}

/// The layout of the dataset that has this header.
pub(crate) fn layout(file: &Bytes, header: &Header) -> Result<LayoutMessage> {
    let Some(message) = header.find(super::header::LAYOUT) else {
        return Err(file.damaged(header.at, "no data layout message in the object header"));
    };
    let m = &mut Cursor::new(file, message.at, &message.bytes);
    let version = m.u8()?;
    match version {
        // Of HDF5 before 1.6.
        1 | 2 => {
            return Ok(LayoutMessage::Unknown(format!(
                "data layout version {version}"
            )));
        }
        3..=5 => {}
        _ => return Err(file.damaged(message.at, format!("data layout version {version}"))),
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
                3 => {
                    m.skip(1)?;
                    ChunkIndex::FixedArray
                }
                4 => {
                    m.skip(5)?;
                    ChunkIndex::ExtensibleArray
                }
                5 => {
                    m.skip(6)?;
                    ChunkIndex::BTree2
                }
                kind => {
                    return Err(file.damaged(message.at, format!("chunk index type {kind}")));
                }
            };
            let address = m.address()?;
            Ok(LayoutMessage::Chunked {
                chunk,
                raw_edges: flags & 1 != 0,
                index,
                address,
            })
        }
        3 => Ok(LayoutMessage::Unknown("a virtual dataset".into())),
        class => Err(file.damaged(message.at, format!("data layout class {class}"))),
    }
}
