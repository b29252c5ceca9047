//! Pieces of an unfinished output of an earlier start: compared with their checksums, and brought into the new one.

use crate::geom::Region;
use crate::io::manifest::Sum;
use crate::io::paste::rows;
use crate::spec::VariableSpec;
use std::fs::File;
use std::io::{ErrorKind, Result};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Bytes that are copied at once.
const PART: usize = 1 << 20;

/// Whether a file has these bytes. What is right is on its way to disk when this returns.
///
/// # Errors
/// Those of the system, but for a missing file.
pub fn good_file(path: &Path, bytes: u64, crc32c: u32) -> Result<bool> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(false),
        Err(e) => return Err(e),
    };
    if file.metadata()?.len() != bytes {
        return Ok(false);
    }
    let mut sum = Sum::default();
    sum.add(&file, 0, bytes)?;
    Ok(sum.crc32c == crc32c)
}

/// Where an encoded chunk lies.
#[derive(Clone, Copy, Debug)]
pub struct ChunkIn {
    /// First byte.
    pub at: u64,
    /// Number of bytes.
    pub bytes: u64,
    /// Their CRC-32C.
    pub crc32c: u32,
}

/// The bytes of an encoded chunk; `None` when they are not what was written.
///
/// # Errors
/// Those of the system, but for a file that ends too early.
pub fn read_chunk(from: &File, chunk: ChunkIn) -> Result<Option<Vec<u8>>> {
    let end = chunk.at.checked_add(chunk.bytes);
    if end.is_none_or(|end| end > from.metadata().map_or(0, |m| m.len())) {
        return Ok(None);
    }
    let mut bytes = vec![0; chunk.bytes as usize];
    match from.read_exact_at(&mut bytes, chunk.at) {
        Ok(()) => Ok((crc32c::crc32c(&bytes) == chunk.crc32c).then_some(bytes)),
        Err(e) if e.kind() == ErrorKind::UnexpectedEof => Ok(None),
        Err(e) => Err(e),
    }
}

/// Copies a box of a contiguous variable from one file, where it begins at one address, into another; whether its bytes are those
/// of the checksum (else what was copied is of no use, and is written again).
///
/// # Errors
/// Those of the system, but for a file that ends too early.
pub fn copy_region(
    (from, from_address): (&File, u64),
    (to, to_address): (&File, u64),
    spec: &VariableSpec,
    region: &Region,
    crc32c: u32,
) -> Result<bool> {
    if !Region::whole(&spec.shape).contains(region) {
        return Ok(false);
    }
    let size = spec.dtype.size();
    let origin = vec![0; region.ndim()];
    let mut part = Vec::new();
    let (mut sum, mut done) = (0, Ok(()));
    let shape = &region.shape;
    rows(
        shape,
        shape,
        &origin,
        &spec.shape,
        &region.start,
        |_, dst, n| {
            let (mut at, mut left) = ((dst * size) as u64, n * size);
            while left > 0 && done.is_ok() {
                let now = left.min(PART);
                part.resize(now, 0);
                done = from
                    .read_exact_at(&mut part, from_address + at)
                    .and_then(|()| to.write_all_at(&part, to_address + at));
                sum = crc32c::crc32c_append(sum, &part);
                (at, left) = (at + now as u64, left - now);
            }
        },
    );
    match done {
        Ok(()) => Ok(sum == crc32c),
        Err(e) if e.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(e) => Err(e),
    }
}
