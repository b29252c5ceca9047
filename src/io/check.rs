//! Whether the stored bytes of an output are those that were written.

use super::manifest::{FILE_NAME, Manifest, Pieces, Sum};
use super::paste::rows;
use crate::error::{Error, Fault, Result};
use rayon::prelude::*;
use std::collections::HashSet;
use std::fs::File;
use std::path::Path;

/// What a check has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Pieces that were compared: chunks, boxes, files, and what lies between them.
    pub pieces: u64,
    /// Bytes that were read.
    pub bytes: u64,
    /// One line for each piece that is not as it was written.
    pub damages: Vec<String>,
}

impl Checked {
    fn of(bytes: u64, damage: Option<String>) -> Self {
        Checked {
            pieces: 1,
            bytes,
            damages: damage.into_iter().collect(),
        }
    }

    fn join(mut self, other: Checked) -> Self {
        self.pieces += other.pieces;
        self.bytes += other.bytes;
        self.damages.extend(other.damages);
        self
    }
}

/// Compares an output with its manifest, in parallel on the threads of the pool that calls. Memory: 1 MiB per thread beside the
/// manifest.
///
/// # Errors
/// No input when it is missing; data when it has no manifest, or a damaged one; I/O when reading fails.
pub fn check(path: &Path) -> Result<Checked> {
    let io = |e: std::io::Error| {
        let fault = match e.kind() {
            std::io::ErrorKind::NotFound => Fault::NoInput,
            _ => Fault::Io,
        };
        Error::new(fault, format!("check: {}: {e}", path.display()))
    };
    let is_folder = std::fs::metadata(path).map_err(io)?.is_dir();
    let file = (!is_folder)
        .then(|| File::open(path))
        .transpose()
        .map_err(io)?;
    let manifest = match &file {
        Some(file) => Manifest::behind(file),
        None => Manifest::inside(path),
    };
    let bad = |why: &str| Error::new(Fault::Data, format!("check: {}: {why}", path.display()));
    let manifest = (manifest.map_err(io)?)
        .ok_or_else(|| {
            bad("it has no manifest: it was not written by hyperslab as NetCDF-4 or Zarr, or another program has changed it since")
        })?
        .map_err(|why| bad(&why))?;
    match &file {
        Some(file) => of_file(file, &manifest).map_err(io),
        None => of_folder(path, &manifest).map_err(io),
    }
}

fn of_file(file: &File, manifest: &Manifest) -> std::io::Result<Checked> {
    let end = manifest.rest.as_ref().map_or(0, |rest| rest.end);
    let mut all = Checked::default();
    for variable in &manifest.variables {
        type Found = std::io::Result<Checked>;
        let chunks = variable
            .chunks
            .par_iter()
            .map(|(chunk, at, bytes, crc32c)| -> Found {
                let what = || format!("variable {}, chunk {chunk:?}", variable.name);
                if at.checked_add(*bytes).is_none_or(|last| last > end) {
                    return Ok(Checked::of(0, Some(format!("{}: past the end", what()))));
                }
                let mut sum = Sum::default();
                sum.add(file, *at, *bytes)?;
                let last = at + bytes;
                let damage = differs(sum.crc32c, *crc32c);
                let damage = damage.map(|how| format!("{} (bytes {at} to {last}): {how}", what()));
                Ok(Checked::of(*bytes, damage))
            });
        let regions = variable
            .regions
            .par_iter()
            .map(|(start, shape, crc32c)| -> Found {
                let what = || format!("variable {}, box of {shape:?} at {start:?}", variable.name);
                Ok(match sum_of_box(file, variable, start, shape, end)? {
                    None => Checked::of(0, Some(format!("{}: past the end", what()))),
                    Some((bytes, sum)) => {
                        let damage = differs(sum, *crc32c);
                        Checked::of(bytes, damage.map(|how| format!("{}: {how}", what())))
                    }
                })
            });
        let found = chunks
            .chain(regions)
            .try_reduce(Checked::default, |a, b| Ok(a.join(b)))?;
        all = all.join(found);
    }
    if let Some(rest) = &manifest.rest {
        let sum = manifest.sum_of_rest(file, rest.end)?;
        let damage = differs(sum, rest.crc32c);
        let what = "descriptions, indices and small variables";
        all = all.join(Checked::of(0, damage.map(|how| format!("{what}: {how}"))));
        all.bytes = rest.end;
    }
    Ok(all)
}

fn differs(found: u32, written: u32) -> Option<String> {
    (found != written).then(|| format!("CRC-32C {found:08x}, written with {written:08x}"))
}

/// Bytes and checksum of a box of a contiguous variable; `None` when it is not inside variable and file.
fn sum_of_box(
    file: &File,
    variable: &Pieces,
    start: &[usize],
    shape: &[usize],
    end: u64,
) -> std::io::Result<Option<(u64, u32)>> {
    let inside = start.len() == variable.shape.len()
        && shape.len() == variable.shape.len()
        && (start.iter().zip(shape).zip(&variable.shape))
            .all(|((start, n), len)| start.checked_add(*n).is_some_and(|last| last <= *len));
    let whole = (variable.shape.iter()).try_fold(variable.size as u64, |bytes, n| {
        bytes.checked_mul(*n as u64)
    });
    let (Some(address), Some(whole), true) = (variable.address, whole, inside) else {
        return Ok(None);
    };
    if address.checked_add(whole).is_none_or(|last| last > end) {
        return Ok(None);
    }
    let mut sum = Sum::default();
    let mut bytes = 0;
    let mut done = Ok(());
    let origin = vec![0; shape.len()];
    let size = variable.size as u64;
    rows(
        shape,
        shape,
        &origin,
        &variable.shape,
        start,
        |_, dst, n| {
            if done.is_ok() {
                bytes += n as u64 * size;
                done = sum.add(file, address + dst as u64 * size, n as u64 * size);
            }
        },
    );
    done.map(|()| Some((bytes, sum.crc32c)))
}

fn of_folder(root: &Path, manifest: &Manifest) -> std::io::Result<Checked> {
    let found = (manifest.files.par_iter())
        .map(|(key, bytes, crc32c)| {
            let below = !key.starts_with('/') && key.split('/').all(|part| part != "..");
            if !below {
                return Ok(Checked::of(0, Some(format!("{key:?}: no path below it"))));
            }
            let file = match File::open(root.join(key)) {
                Ok(file) => file,
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                    return Ok(Checked::of(0, Some(format!("{key}: it is missing"))));
                }
                Err(e) => return Err(e),
            };
            let have = file.metadata()?.len();
            if have != *bytes {
                let how = format!("{key}: {have} bytes, written with {bytes}");
                return Ok(Checked::of(0, Some(how)));
            }
            let mut sum = Sum::default();
            sum.add(&file, 0, have)?;
            let damage = differs(sum.crc32c, *crc32c).map(|how| format!("{key}: {how}"));
            Ok(Checked::of(have, damage))
        })
        .try_reduce(Checked::default, |a, b| Ok(a.join(b)))?;
    let known: HashSet<&str> = manifest
        .files
        .iter()
        .map(|(key, ..)| key.as_str())
        .collect();
    let mut strange = Vec::new();
    others(root, "", &known, &mut strange)?;
    strange.sort_unstable();
    let strange = strange
        .into_iter()
        .map(|key| format!("{key}: it was not there when this was written"));
    Ok(found.join(Checked {
        damages: strange.collect(),
        ..Checked::default()
    }))
}

/// Files below a folder that the manifest does not name.
fn others(
    root: &Path,
    below: &str,
    known: &HashSet<&str>,
    strange: &mut Vec<String>,
) -> std::io::Result<()> {
    for entry in std::fs::read_dir(root.join(below))? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let key = match below {
            "" => name.into_owned(),
            _ => format!("{below}/{name}"),
        };
        if entry.file_type()?.is_dir() {
            others(root, &key, known, strange)?;
        } else if key != FILE_NAME && !known.contains(key.as_str()) {
            strange.push(key);
        }
    }
    Ok(())
}
