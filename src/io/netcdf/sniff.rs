//! Whether a path can be an HDF5 file at all, before the library sees it: errors that say what is wrong instead.

use crate::error::{Error, Fault, Result};
use crate::spec::FileId;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

/// First bytes of an HDF5 superblock.
pub(crate) const HDF5_SIGNATURE: &[u8; 8] = b"\x89HDF\r\n\x1a\n";

/// Size, time and absolute path of a file.
///
/// # Errors
/// No input when it is missing, not readable, or a directory.
pub(crate) fn file_id(path: &Path) -> Result<FileId> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let meta = std::fs::metadata(&absolute).map_err(|e| no_input(path, &e))?;
    if meta.is_dir() {
        return Err(Error::new(
            Fault::NoInput,
            format!(
                "open: {} is a directory; give a NetCDF-4 or HDF5 file",
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

/// Checks signature and size of a file.
///
/// # Errors
/// Data when it is empty, of another format (which is named), or shorter than its superblock says.
pub(crate) fn check(path: &Path) -> Result<FileId> {
    let id = file_id(path)?;
    let shown = path.display();
    if id.bytes == 0 {
        return Err(Error::data(format!("open: {shown} is empty (0 bytes)")));
    }
    let file = File::open(&id.path).map_err(|e| no_input(path, &e))?;
    let head = read_at(&file, 0, 512);
    let Some(at) = superblock_offset(&file, id.bytes) else {
        return Err(Error::data(format!(
            "open: {shown} is not HDF5: {}; readable are NetCDF-4 and HDF5",
            looks_like(&head)
        )));
    };
    if let Some(end) = end_of_file(&read_at(&file, at, 128), at)
        && end > id.bytes
    {
        return Err(Error::data(format!(
            "open: {shown} is truncated: its header says {end} bytes, it has {}",
            id.bytes
        )));
    }
    Ok(id)
}

fn read_at(file: &File, at: u64, most: usize) -> Vec<u8> {
    let mut bytes = vec![0; most];
    let mut got = 0;
    while let Ok(n @ 1..) = file.read_at(&mut bytes[got..], at + got as u64) {
        got += n;
        if got == most {
            break;
        }
    }
    bytes.truncate(got);
    bytes
}

/// Where the superblock begins: 0, 512, 1024, 2048 …
pub(crate) fn superblock_offset(file: &File, bytes: u64) -> Option<u64> {
    let mut at = 0;
    while at + 8 <= bytes {
        if read_at(file, at, 8) == HDF5_SIGNATURE {
            return Some(at);
        }
        at = if at == 0 { 512 } else { at * 2 };
    }
    None
}

/// The end of the file according to a superblock with 8-byte addresses.
fn end_of_file(superblock: &[u8], offset: u64) -> Option<u64> {
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

fn looks_like(head: &[u8]) -> String {
    let start = String::from_utf8_lossy(&head[..head.len().min(256)])
        .trim_start()
        .to_lowercase();
    let known: &[(&[u8], &str)] = &[
        (
            b"CDF\x01",
            "it looks like NetCDF-3 classic (convert it: nccopy -k nc4 in.nc out.nc)",
        ),
        (
            b"CDF\x02",
            "it looks like NetCDF-3 64-bit offset (convert it: nccopy -k nc4 in.nc out.nc)",
        ),
        (
            b"CDF\x05",
            "it looks like NetCDF-3 64-bit data, CDF-5 (convert it: nccopy -k nc4 in.nc out.nc)",
        ),
        (
            b"GRIB",
            "it looks like GRIB (convert it: cdo -f nc4 copy in.grib out.nc)",
        ),
        (
            b"II*\0",
            "it looks like TIFF (convert it: gdal_translate -of netCDF -co FORMAT=NC4 in.tif out.nc)",
        ),
        (
            b"MM\0*",
            "it looks like TIFF (convert it: gdal_translate -of netCDF -co FORMAT=NC4 in.tif out.nc)",
        ),
        (
            b"II+\0",
            "it looks like BigTIFF (convert it: gdal_translate -of netCDF -co FORMAT=NC4 in.tif out.nc)",
        ),
        (b"\x0e\x03\x13\x01", "it looks like HDF4"),
        (b"\x1f\x8b", "it looks gzip-compressed (unpack it first)"),
        (
            b"PK\x03\x04",
            "it looks like a zip archive (unpack it first)",
        ),
        (
            b"\x28\xb5\x2f\xfd",
            "it looks zstd-compressed (unpack it first)",
        ),
        (b"%PDF", "it looks like PDF"),
        (b"\x89PNG", "it looks like a PNG image"),
        (
            b"version https://git-lfs",
            "it is a Git LFS pointer, not the data (git lfs pull)",
        ),
    ];
    if let Some((_, text)) = known.iter().find(|(magic, _)| head.starts_with(magic)) {
        return (*text).to_owned();
    }
    if start.starts_with("<!doctype html") || start.starts_with("<html") {
        return "it looks like an HTML page (a failed download or a login page)".into();
    }
    if start.starts_with("<?xml") || start.starts_with('<') {
        return "it looks like XML".into();
    }
    if start.starts_with('{') {
        return "it looks like JSON".into();
    }
    let shown: Vec<String> = head.iter().take(8).map(|b| format!("{b:02x}")).collect();
    format!("it begins with the bytes {}", shown.join(" "))
}
