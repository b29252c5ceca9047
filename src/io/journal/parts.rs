//! Pieces of an unfinished output of an earlier start: compared with their checksums, and brought into the new one.

use super::record::Record;
use crate::geom::Region;
use crate::io::manifest::{Sum, sum_beside};
use crate::io::paste::rows;
use crate::io::save::variable_bytes;
use crate::spec::{OutputSpec, VariableSpec};
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

/// The extents of the computed variables of a NetCDF-4 file.
fn extents(spec: &OutputSpec, addresses: &[u64]) -> Vec<(u64, u64)> {
    let all = spec.variables.iter().zip(addresses);
    all.map(|(variable, address)| (*address, variable_bytes(variable)))
        .filter(|(_, bytes)| *bytes > 0)
        .collect()
}

/// What a journal notes of a new NetCDF-4 file, whose descriptions are written.
///
/// # Errors
/// Those of the system.
pub(in crate::io) fn layout(
    path: &Path,
    number: u32,
    spec: &OutputSpec,
    addresses: Vec<u64>,
) -> Result<Record> {
    let file = File::open(path)?;
    let end = file.metadata()?.len();
    let crc32c = sum_beside(&file, end, extents(spec, &addresses))?;
    Ok(Record::Layout {
        file: number,
        end,
        crc32c,
        addresses,
    })
}

/// Whether the descriptions of a file are those that were noted, so that it can be written on.
///
/// # Errors
/// Those of the system, but for a file that is missing or too short.
pub fn good_layout(
    path: &Path,
    spec: &OutputSpec,
    (end, crc32c, addresses): (u64, u32, &[u64]),
) -> Result<bool> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(false),
        Err(e) => return Err(e),
    };
    if file.metadata()?.len() != end || addresses.len() != spec.variables.len() {
        return Ok(false);
    }
    Ok(sum_beside(&file, end, extents(spec, addresses))? == crc32c)
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

/// Compares a box of a contiguous variable, which begins at an address of a file, with its checksum, and copies it into another file, if
/// there is one; whether it is good (else what was copied is of no use, and is written again).
///
/// # Errors
/// Those of the system, but for a file that ends too early.
pub fn check_region(
    (from, from_address): (&File, u64),
    to: Option<(&File, u64)>,
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
                    .and_then(|()| match to {
                        Some((to, to_address)) => to.write_all_at(&part, to_address + at),
                        None => Ok(()),
                    });
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
