//! The superblock: widths of addresses, the root group, and whether the file can be parsed here at all.
//!
//! After "HDF5 File Format Specification 3.0", II.A.

use super::bytes::{Bytes, Cursor};
use super::header::Header;
use crate::error::Result;
use crate::io::sniff;
use crate::spec::FileId;
use std::fs::File;

/// The first bytes of a superblock.
const SIGNATURE: &[u8; 8] = b"\x89HDF\r\n\x1a\n";
/// Message of the superblock extension: the metadata lie in an image, not at their places.
const CACHE_IMAGE: u16 = 0x18;

/// Opens a file; the address of its root group's header; why only the library can read it, when that is so.
///
/// # Errors
/// Data when the file changed, or its superblock is damaged.
pub(crate) fn open(id: &FileId, place: &str) -> Result<(Bytes, u64, Option<String>)> {
    let mut file = Bytes::open(id, place)?;
    let Some(at) = superblock_offset(file.file(), file.len()) else {
        return Err(file.damaged(0, "no HDF5 signature"));
    };
    let head = file.read_up_to(at, 128)?;
    let mut c = Cursor::new(&file, at, &head);
    c.skip(8)?;
    let version = c.u8()?;
    c.skip(if version < 2 { 4 } else { 0 })?;
    let (offset_bytes, length_bytes) = (usize::from(c.u8()?), usize::from(c.u8()?));
    if version > 3 {
        return Err(file.damaged(at, format!("superblock version {version}")));
    }
    let widths = [2, 4, 8];
    if !widths.contains(&offset_bytes) || !widths.contains(&length_bytes) {
        return Err(file.damaged(at, "addresses of an unknown width"));
    }
    (file.offset_bytes, file.length_bytes) = (offset_bytes, length_bytes);
    // The library takes the place of the signature as the base, whatever the superblock says.
    file.base = at;
    let mut c = Cursor::new(&file, at, &head);
    if version < 2 {
        // Base, free space, end, driver; then the root's entry: name, header.
        c.skip(if version == 0 { 24 } else { 28 })?;
        c.skip(3 * offset_bytes)?;
        let driver = c.address()?;
        c.skip(offset_bytes)?;
        let root = c.address()?;
        // Such a file cannot be opened alone by any reader.
        if driver != file.undefined() {
            return Err(file.damaged(at, "a file driver's record: one file of several"));
        }
        return Ok((file, root, None));
    }
    file.read_checked(at, 12 + 4 * offset_bytes + 4)?;
    c.skip(12 + offset_bytes)?;
    let extension = c.address()?;
    c.skip(offset_bytes)?;
    let root = c.address()?;
    let mut why = None;
    file.extends = extension != file.undefined();
    if file.extends {
        let extension = Header::read(&file, extension)?;
        if extension.find(CACHE_IMAGE).is_some() {
            why = Some("its metadata lie in a cache image".to_owned());
        }
    }
    Ok((file, root, why))
}

/// Where the superblock begins: 0, 512, 1024, 2048 …
pub(crate) fn superblock_offset(file: &File, bytes: u64) -> Option<u64> {
    let mut at = 0;
    while at + 8 <= bytes {
        if sniff::read_up_to(file, at, 8) == SIGNATURE {
            return Some(at);
        }
        at = if at == 0 { 512 } else { at * 2 };
    }
    None
}

/// The end of the file according to a superblock with 8-byte addresses.
pub(crate) fn end_of_file(superblock: &[u8], offset: u64) -> Option<u64> {
    let word = |at: usize| {
        let bytes: [u8; 8] = superblock.get(at..at + 8)?.try_into().ok()?;
        Some(u64::from_le_bytes(bytes))
    };
    let (base, end) = match superblock.get(8)? {
        0 if superblock.get(13) == Some(&8) => (word(24)?, word(40)?),
        1 if superblock.get(13) == Some(&8) => (word(28)?, word(44)?),
        2 | 3 if superblock.get(9) == Some(&8) => (word(12)?, word(28)?),
        _ => return None,
    };
    // The library takes a moved base address as found; the end stays relative to the old one.
    Some(if base == offset {
        end
    } else {
        end.wrapping_sub(base).wrapping_add(offset)
    })
}
