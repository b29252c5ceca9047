//! Which format a file has, by its first bytes, before a reader sees it: errors that say what is wrong instead.

use super::foreign::looks_like;
use super::remote::{is_url, local_path, shown};
use super::zarr::{remote_id, root_id};
use super::{hdf5, npy, retry};
use crate::error::{Error, Fault, Result};
use crate::spec::{FileId, Format};
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What can be opened, for errors.
const READABLE: &str =
    "readable are NetCDF-4, HDF5, NetCDF-3, Zarr, .npy and kerchunk's references";

/// Size, time and absolute path of a file.
///
/// # Errors
/// No input when it is missing, not readable, or a directory.
pub(crate) fn file_id(path: &Path) -> Result<FileId> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let doing = || format!("looking at {}", path.display());
    let meta = retry::tried(doing, || std::fs::metadata(&absolute));
    let meta = meta.map_err(|e| no_input(path, &e))?;
    if meta.is_dir() {
        return Err(Error::new(
            Fault::NoInput,
            format!(
                "open: {} is a directory, and no Zarr hierarchy: it has neither zarr.json nor .zgroup nor .zarray; give a file",
                path.display()
            ),
        ));
    }
    Ok(FileId {
        path: absolute,
        bytes: meta.len(),
        modified_ns: meta
            .mtime()
            .saturating_mul(1_000_000_000)
            .saturating_add(meta.mtime_nsec()),
    })
}

/// The error of a file that cannot be opened.
pub(crate) fn no_input(path: &Path, e: &std::io::Error) -> Error {
    let why = match e.kind() {
        ErrorKind::NotFound => "no such file".to_owned(),
        ErrorKind::PermissionDenied => "no permission to read it".to_owned(),
        _ => e.to_string(),
    };
    Error::new(Fault::NoInput, format!("open: {}: {why}", path.display()))
}

/// The file of a record, unless it changed since it was described.
///
/// # Errors
/// No input when it cannot be opened; data when its size or time differ from the record.
pub(crate) fn open_unchanged(id: &FileId) -> Result<File> {
    let seen = file_id(&id.path)?;
    if seen.bytes != id.bytes || seen.modified_ns != id.modified_ns {
        return Err(Error::data(format!(
            "{} changed while the job ran: it had {} bytes, it has {}{}",
            id.path.display(),
            id.bytes,
            seen.bytes,
            if seen.bytes == id.bytes {
                " and another modification time"
            } else {
                ""
            }
        )));
    }
    retry::open(&id.path).map_err(|e| no_input(&id.path, &e))
}

/// The format of a file, by its first bytes.
///
/// # Errors
/// No input when it is missing, not readable, or a directory; data when it is empty, of a format that is not read here
/// (which is named), or shorter than its superblock says.
pub(super) fn sniff(path: &Path) -> Result<(FileId, Format)> {
    match (is_url(path), path.to_str()) {
        (Some("http" | "https" | "s3"), Some(url)) => return remote_id(url),
        (Some("file"), Some(url)) if local_path(url).is_some_and(|p| is_url(&p).is_none()) => {
            return sniff(&local_path(url).unwrap_or_default());
        }
        (Some(scheme), _) => {
            return Err(Error::new(
                Fault::NoInput,
                format!(
                    "open: {}: files are not read over {scheme}; download it first (over http, https and s3 Zarr and kerchunk's references are read)",
                    shown(path)
                ),
            ));
        }
        _ => {}
    }
    if path.is_dir()
        && let Some(id) = root_id(path)?
    {
        return Ok(match id.path.join("zarr.json").exists() {
            true => (id, Format::Zarr3),
            false => (id, Format::Zarr2),
        });
    }
    let id = file_id(path)?;
    let shown = path.display();
    if id.bytes == 0 {
        return Err(Error::data(format!("open: {shown} is empty (0 bytes)")));
    }
    let file = retry::open(&id.path).map_err(|e| no_input(path, &e))?;
    // A disk that fails is not a file of an unknown format.
    retry::read_exact(&file, &mut [0], 0, &shown)
        .map_err(|e| Error::new(Fault::Io, format!("open: reading {shown}: {e}")))?;
    let head = read_up_to(&file, 0, 512);
    if let [b'C', b'D', b'F', 1 | 2 | 5, ..] = head.as_slice() {
        return Ok((id, Format::NetCdf3));
    }
    if head.starts_with(npy::MAGIC) {
        return Ok((id, Format::Npy));
    }
    if is_references(&head) {
        return Ok((id, Format::Kerchunk));
    }
    let Some(at) = hdf5::superblock_offset(&file, id.bytes) else {
        return Err(Error::data(format!(
            "open: {shown} cannot be read: {}; {READABLE}",
            looks_like(&head)
        )));
    };
    if let Some(end) = hdf5::end_of_file(&read_up_to(&file, at, 128), at)
        && end > id.bytes
    {
        return Err(Error::data(format!(
            "open: {shown} is truncated: its header says {end} bytes, it has {}",
            id.bytes
        )));
    }
    Ok((id, Format::NetCdf4))
}

/// Whether a file begins like a JSON of references. Whether it is one shows when it is read.
fn is_references(head: &[u8]) -> bool {
    let start = String::from_utf8_lossy(head);
    let inside = start.trim_start().strip_prefix('{').map(str::trim_start);
    let keys = ["\"version\"", "\"refs\"", "\"templates\"", "\"gen\""];
    let described = [".zgroup\"", ".zattrs\"", ".zarray\"", ".zmetadata\""];
    inside.is_some_and(|inside| {
        keys.iter().any(|key| inside.starts_with(key))
            || described.iter().any(|key| start.contains(key))
    })
}

/// Up to `most` bytes at an offset, fewer at the end of the file and where the system fails.
pub(crate) fn read_up_to(file: &File, at: u64, most: usize) -> Vec<u8> {
    let mut bytes = vec![0; most];
    let mut got = 0;
    while let Ok(n @ 1..) = retry::read_some(file, &mut bytes[got..], at + got as u64) {
        got += n;
        if got == most {
            break;
        }
    }
    bytes.truncate(got);
    bytes
}
