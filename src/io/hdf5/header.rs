//! Object headers (versions 1 and 2): the messages that describe a group or a dataset.
//!
//! After "HDF5 File Format Specification 3.0", IV.A. Guards: a block of messages is read at most once, and the blocks of
//! one header may not add up to more than the file.

use super::bytes::{Bytes, Cursor};
use crate::error::Result;
use std::collections::{HashSet, VecDeque};

pub(crate) const DATASPACE: u16 = 0x01;
pub(crate) const LINK_INFO: u16 = 0x02;
pub(crate) const DATATYPE: u16 = 0x03;
pub(crate) const OLD_FILL: u16 = 0x04;
pub(crate) const FILL: u16 = 0x05;
pub(crate) const LINK: u16 = 0x06;
pub(crate) const EXTERNAL: u16 = 0x07;
pub(crate) const LAYOUT: u16 = 0x08;
pub(crate) const FILTERS: u16 = 0x0b;
pub(crate) const ATTRIBUTE: u16 = 0x0c;
const CONTINUATION: u16 = 0x10;
pub(crate) const SYMBOL_TABLE: u16 = 0x11;
pub(crate) const ATTRIBUTE_INFO: u16 = 0x15;
/// The largest number of a message that is known to the format's version 3.0.
const LAST_KNOWN: u16 = 0x18;

/// One message.
pub(crate) struct Message {
    pub(crate) kind: u16,
    pub(crate) flags: u8,
    /// When it was made among those of its kind; 0 where the header does not track it.
    pub(crate) order: u16,
    /// File offset of its bytes.
    pub(crate) at: u64,
    pub(crate) bytes: Vec<u8>,
}

/// The messages of one object, in their order in the file.
pub(crate) struct Header {
    /// File offset.
    pub(crate) at: u64,
    pub(crate) messages: Vec<Message>,
}

/// Blocks of messages that wait to be read, with their size.
struct Blocks {
    todo: VecDeque<(u64, u64)>,
    seen: HashSet<u64>,
    bytes: u64,
    v2: bool,
    /// Messages carry their creation order.
    order: bool,
}

impl Header {
    /// Reads the header at `address` (base not included).
    ///
    /// # Errors
    /// Data when it is damaged.
    pub(crate) fn read(file: &Bytes, address: u64) -> Result<Header> {
        let Some(at) = file.locate(address) else {
            return Err(file.damaged(0, "an object header without an address"));
        };
        let head = file.read_up_to(at, 64)?;
        let mut blocks = Blocks {
            todo: VecDeque::new(),
            seen: HashSet::new(),
            bytes: 0,
            v2: head.starts_with(b"OHDR"),
            order: false,
        };
        let mut header = Header {
            at,
            messages: Vec::new(),
        };
        let mut c = Cursor::new(file, at, &head);
        if blocks.v2 {
            c.skip(4)?;
            let version = c.u8()?;
            if version != 2 {
                return Err(file.damaged(at, format!("object header version {version}")));
            }
            let flags = c.u8()?;
            c.skip(if flags & 0x20 != 0 { 16 } else { 0 })?;
            c.skip(if flags & 0x10 != 0 { 4 } else { 0 })?;
            let size = c.uint(1 << (flags & 3))?;
            blocks.order = flags & 4 != 0;
            let prefix = c.offset() - at;
            blocks.push(file, at, size.saturating_add(prefix + 4))?;
            // The checksum covers the prefix, too.
            if let Some((at, size)) = blocks.todo.pop_front() {
                let bytes = file.read_checked(at, size as usize)?;
                let mut c = Cursor::new(file, at, &bytes);
                c.skip(prefix as usize)?;
                blocks.scan(file, &mut c, &mut header)?;
            }
        } else {
            let version = c.u8()?;
            if version != 1 {
                return Err(file.damaged(at, format!("object header version {version}")));
            }
            c.skip(7)?;
            let size = c.u32()?;
            blocks.push(file, at + 16, size.into())?;
        }
        while let Some((at, size)) = blocks.todo.pop_front() {
            if blocks.v2 {
                let bytes = file.read_checked(at, size as usize)?;
                let mut c = Cursor::new(file, at, &bytes);
                c.signature(b"OCHK")?;
                blocks.scan(file, &mut c, &mut header)?;
            } else {
                let bytes = file.read(at, size as usize)?;
                blocks.scan(file, &mut Cursor::new(file, at, &bytes), &mut header)?;
            }
        }
        Ok(header)
    }

    /// The first message of a kind.
    pub(crate) fn find(&self, kind: u16) -> Option<&Message> {
        self.all(kind).next()
    }

    /// The messages of a kind.
    pub(crate) fn all(&self, kind: u16) -> impl Iterator<Item = &Message> {
        self.messages.iter().filter(move |m| m.kind == kind)
    }

    /// The first message of a kind, or the one of another object that it stands for, with the offset of its bytes.
    pub(crate) fn resolved(&self, file: &Bytes, kind: u16) -> Result<Option<(u64, Vec<u8>)>> {
        match self.find(kind) {
            None => Ok(None),
            Some(m) if m.flags & 2 == 0 => Ok(Some((m.at, m.bytes.clone()))),
            Some(m) => shared(file, &mut Cursor::new(file, m.at, &m.bytes), kind).map(Some),
        }
    }
}

/// The message that a shared one stands for: its file offset and bytes.
pub(crate) fn shared(file: &Bytes, c: &mut Cursor<'_>, kind: u16) -> Result<(u64, Vec<u8>)> {
    let at = c.offset();
    let (version, place) = (c.u8()?, c.u8()?);
    match (version, place) {
        (1, _) | (2, _) | (3, 2) => {
            // Version 1 has an entry of a symbol table: after 6 reserved bytes a name, then the header.
            c.skip(if version == 1 {
                6 + file.length_bytes
            } else {
                0
            })?;
            let header = Header::read(file, c.address()?)?;
            match header.find(kind) {
                Some(m) if m.flags & 2 == 0 => Ok((m.at, m.bytes.clone())),
                _ => Err(file.damaged(at, "a shared message that stands for none")),
            }
        }
        (3, 1) if file.extends => {
            Err(file.unknown("a message in the file's heap of shared messages"))
        }
        _ => Err(file.damaged(
            at,
            format!("a shared message of version {version}, type {place}"),
        )),
    }
}

impl Blocks {
    fn push(&mut self, file: &Bytes, at: u64, size: u64) -> Result<()> {
        self.bytes = self.bytes.saturating_add(size);
        if self.bytes > file.len() || !self.seen.insert(at) {
            return Err(file.damaged(at, "object header blocks overlap"));
        }
        self.todo.push_back((at, size));
        Ok(())
    }

    fn scan(&mut self, file: &Bytes, c: &mut Cursor<'_>, header: &mut Header) -> Result<()> {
        let smallest = match (self.v2, self.order) {
            (false, _) => 8,
            (true, false) => 4,
            (true, true) => 6,
        };
        while c.left() >= smallest {
            let (kind, size, flags);
            let mut order = 0;
            if self.v2 {
                kind = u16::from(c.u8()?);
                size = c.u16()? as usize;
                flags = c.u8()?;
                if self.order {
                    order = c.u16()?;
                }
            } else {
                kind = c.u16()?;
                size = c.u16()? as usize;
                flags = c.u8()?;
                c.skip(3)?;
            }
            let at = c.offset();
            let bytes = c.take(size)?;
            if kind == CONTINUATION {
                let mut m = Cursor::new(file, at, bytes);
                let (address, size) = (m.address()?, m.length()?);
                let Some(block) = file.locate(address) else {
                    return Err(file.damaged(at, "a continuation without an address"));
                };
                self.push(file, block, size)?;
                continue;
            }
            if kind > LAST_KNOWN && flags & 0x80 != 0 {
                return Err(file.unknown(format!("a message of type {kind}")));
            }
            header.messages.push(Message {
                kind,
                flags,
                order,
                at,
                bytes: bytes.to_vec(),
            });
        }
        Ok(())
    }
}
