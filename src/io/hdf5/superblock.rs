//! The superblock: widths of addresses, the root group, and whether the file can be parsed here at all.
//!
//! After "HDF5 File Format Specification 3.0", II.A.

use super::bytes::{Bytes, Cursor};
use super::header::Header;
use crate::error::Result;
use crate::spec::FileId;

/// Message of the superblock extension: the metadata lie in an image, not at their places.
const CACHE_IMAGE: u16 = 0x18;

/// Opens a file; the address of its root group's header; why only the library can read it, when that is so.
///
/// # Errors
/// Data when the file changed, or its superblock is damaged.
pub(crate) fn open(id: &FileId, place: &str) -> Result<(Bytes, u64, Option<String>)> {
    let mut file = Bytes::open(id, place)?;
    let Some(at) = crate::io::netcdf::superblock_offset(file.file(), file.len()) else {
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
