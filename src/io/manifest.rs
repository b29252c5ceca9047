//! What was written of an output, piece by piece with checksums: behind the end of a NetCDF-4 file, in a file of its own in a
//! Zarr hierarchy.
//!
//! An HDF5 file ends where its superblock says; the library neither reads nor minds what lies behind, and cuts it off when it
//! changes the file: a file that another program has changed has no manifest, rather than a wrong one.
//!
//! Form: one line of JSON, a line with its CRC-32C, and behind an HDF5 file a line of [`FOOTER`] bytes with the length of both.
//! Checksums are CRC-32C (Castagnoli, RFC 3720 appendix B.4) of the stored bytes.

use super::retry;
use crate::error::{Error, Result};
use crate::geom::Region;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Where a Zarr hierarchy has it: a hidden file, which no reader takes for an array.
pub(super) const FILE_NAME: &str = ".hyperslab-manifest.json";

/// Bytes of the last line behind an HDF5 file.
const FOOTER: usize = 40;
const FOOTER_WORD: &str = "hyperslab-manifest-1";
const SUM_WORD: &str = "crc32c";

/// A piece of a streamed variable that a rank has written, or has encoded for rank 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// Number of the streamed variable.
    pub variable: u32,
    /// Which piece.
    pub place: Place,
    /// Stored bytes.
    pub bytes: u64,
    /// Their CRC-32C.
    pub crc32c: u32,
}

/// Which piece of a variable.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Place {
    /// A storage chunk or shard by its position in the grid.
    Chunk(Vec<usize>),
    /// A box of a contiguous variable, in row-major order: first indices and lengths.
    Region(Vec<usize>, Vec<usize>),
}

/// The manifest of an output.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// Version of this form.
    pub(super) manifest: u32,
    /// What wrote it.
    pub(super) software: String,
    /// Digest of the run that wrote it (`journal::RunKey`); empty where it had none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) run: String,
    /// Of a NetCDF-4 file: the variables that were written piece by piece.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) variables: Vec<Pieces>,
    /// Of a NetCDF-4 file: all bytes that no variable of `variables` has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) rest: Option<Rest>,
    /// Of a Zarr hierarchy: each file below the root with its bytes and their checksum.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) files: Vec<(String, u64, u32)>,
}

/// The pieces of one variable of a NetCDF-4 file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pieces {
    pub(super) name: String,
    /// Bytes of an element.
    pub(super) size: usize,
    pub(super) shape: Vec<usize>,
    /// Of a contiguous variable: its first byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) address: Option<u64>,
    /// First indices, lengths and checksum of each box.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) regions: Vec<(Vec<usize>, Vec<usize>, u32)>,
    /// Position, first byte, bytes and checksum of each chunk.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) chunks: Vec<(Vec<usize>, u64, u64, u32)>,
}

/// The bytes of a NetCDF-4 file that belong to no piece: descriptions, indices, attributes, small variables.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Rest {
    /// Where the HDF5 file ends.
    pub(super) end: u64,
    pub(super) crc32c: u32,
}

impl Pieces {
    /// Bytes of the whole variable.
    fn bytes(&self) -> u64 {
        let elements = self.shape.iter().map(|n| *n as u64);
        elements.fold(self.size as u64, u64::saturating_mul)
    }

    /// The bytes that the variable has in the file: first byte and length.
    fn extents(&self) -> Vec<(u64, u64)> {
        match self.address {
            // What has no bytes has no address, either.
            Some(_) if self.bytes() == 0 => Vec::new(),
            Some(address) => vec![(address, self.bytes())],
            None => self.chunks.iter().map(|(_, at, n, _)| (*at, *n)).collect(),
        }
    }
}

impl Manifest {
    pub(super) fn new(run: &str) -> Self {
        Manifest {
            run: run.to_owned(),
            manifest: 1,
            software: concat!("hyperslab ", env!("CARGO_PKG_VERSION")).to_owned(),
            ..Manifest::default()
        }
    }

    fn text(&self) -> Result<Vec<u8>> {
        let mut text = serde_json::to_vec(self).map_err(Error::internal)?;
        let sum = crc32c::crc32c(&text);
        text.extend(format!("\n{SUM_WORD} {sum:08x}\n").into_bytes());
        Ok(text)
    }

    fn parse(text: &[u8]) -> std::result::Result<Manifest, String> {
        let damaged = || "its manifest is damaged".to_owned();
        let line = SUM_WORD.len() + 11;
        let at = text.len().checked_sub(line).ok_or_else(damaged)?;
        let (json, sum) = text.split_at(at);
        let expected = format!("\n{SUM_WORD} {:08x}\n", crc32c::crc32c(json));
        if sum != expected.as_bytes() {
            return Err(damaged());
        }
        let manifest: Manifest =
            serde_json::from_slice(json).map_err(|e| format!("its manifest: {e}"))?;
        match manifest.manifest {
            1 => Ok(manifest),
            other => Err(format!(
                "its manifest has version {other}; this program reads version 1"
            )),
        }
    }

    /// The text of the file [`FILE_NAME`].
    pub(super) fn of_files(mut files: Vec<(String, u64, u32)>, run: &str) -> Result<Vec<u8>> {
        files.sort_unstable();
        let manifest = Manifest {
            files,
            ..Manifest::new(run)
        };
        manifest.text()
    }

    /// Completes the manifest of a closed HDF5 file and puts it behind its end.
    pub(super) fn append_to(mut self, file: &File) -> std::io::Result<()> {
        let end = file.metadata()?.len();
        for variable in &mut self.variables {
            variable.chunks.sort_unstable();
            variable.regions.sort_unstable();
        }
        let crc32c = self.sum_of_rest(file, end)?;
        self.rest = Some(Rest { end, crc32c });
        let mut text = self
            .text()
            .map_err(|e| std::io::Error::other(e.to_string()))?;
        text.extend(format!("{FOOTER_WORD} {:018}\n", text.len()).into_bytes());
        file.write_all_at(&text, end)
    }

    /// The checksum of all bytes before `end` that are of no piece.
    pub(super) fn sum_of_rest(&self, file: &File, end: u64) -> std::io::Result<u32> {
        sum_beside(
            file,
            end,
            self.variables.iter().flat_map(Pieces::extents).collect(),
        )
    }

    /// That behind an HDF5 file; `None` when there is none.
    pub(super) fn behind(
        file: &File,
    ) -> std::io::Result<Option<std::result::Result<Manifest, String>>> {
        let bytes = file.metadata()?.len();
        let mut footer = [0u8; FOOTER];
        let Some(footer_at) = bytes.checked_sub(FOOTER as u64) else {
            return Ok(None);
        };
        file.read_exact_at(&mut footer, footer_at)?;
        let word = std::str::from_utf8(&footer).ok();
        let length = word
            .and_then(|line| line.strip_prefix(FOOTER_WORD))
            .and_then(|rest| rest.trim().parse::<u64>().ok());
        let Some(length) = length else {
            return Ok(None);
        };
        let Some(end) = footer_at.checked_sub(length) else {
            return Ok(Some(Err("its manifest is longer than the file".into())));
        };
        let mut text = vec![0; length as usize];
        file.read_exact_at(&mut text, end)?;
        let manifest = Manifest::parse(&text).and_then(|manifest| match &manifest.rest {
            Some(rest) if rest.end == end => Ok(manifest),
            Some(rest) => Err(format!(
                "it was written with {} bytes before its manifest, and has {end}",
                rest.end
            )),
            None => Err("its manifest is none of a NetCDF-4 file".into()),
        });
        Ok(Some(manifest))
    }

    /// That of a Zarr hierarchy; `None` when there is none.
    pub(super) fn inside(
        root: &Path,
    ) -> std::io::Result<Option<std::result::Result<Manifest, String>>> {
        match std::fs::read(root.join(FILE_NAME)) {
            Ok(text) => Ok(Some(Manifest::parse(&text))),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }
}

/// The checksum of all bytes of a file before `end` that are in none of the stretches.
pub(super) fn sum_beside(
    file: &File,
    end: u64,
    mut extents: Vec<(u64, u64)>,
) -> std::io::Result<u32> {
    extents.sort_unstable();
    let mut sum = Sum::default();
    let mut done = 0u64;
    for (start, bytes) in extents {
        if start > done {
            sum.add(file, done, start.min(end) - done)?;
        }
        done = done.max(start.saturating_add(bytes));
        if done >= end {
            return Ok(sum.crc32c);
        }
    }
    sum.add(file, done, end - done)?;
    Ok(sum.crc32c)
}

/// A checksum that is taken of stretches of a file, read in parts.
#[derive(Default)]
pub(super) struct Sum {
    pub(super) crc32c: u32,
    part: Vec<u8>,
}

/// Bytes that are read at once.
const PART: u64 = 1 << 20;

impl Sum {
    /// Adds a stretch.
    pub(super) fn add(&mut self, file: &File, mut at: u64, mut bytes: u64) -> std::io::Result<()> {
        while bytes > 0 {
            let now = bytes.min(PART);
            self.part.resize(now as usize, 0);
            retry::read_exact(file, &mut self.part, at, "a file that is checked")?;
            self.crc32c = crc32c::crc32c_append(self.crc32c, &self.part);
            at += now;
            bytes -= now;
        }
        Ok(())
    }
}

impl Piece {
    /// Of a storage chunk.
    pub(super) fn chunk(variable: usize, chunk: &[usize], stored: &[u8]) -> Self {
        Piece {
            variable: variable as u32,
            place: Place::Chunk(chunk.to_vec()),
            bytes: stored.len() as u64,
            crc32c: crc32c::crc32c(stored),
        }
    }

    /// Of a box of a contiguous variable.
    pub(super) fn region(variable: usize, region: &Region, stored: &[u8]) -> Self {
        Piece {
            variable: variable as u32,
            place: Place::Region(region.start.clone(), region.shape.clone()),
            bytes: stored.len() as u64,
            crc32c: crc32c::crc32c(stored),
        }
    }
}
