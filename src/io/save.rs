//! The one place that knows which format is written by whom.

use super::format::Scratch;
use super::journal::{Noting, Unfinished};
use super::manifest::Piece;
use super::netcdf::{self, RegionWriter};
use super::remote::{is_url, shown};
use super::zarr::{self, ChunkFiles, Hierarchy};
use crate::block::Block;
use crate::config::format_bytes;
use crate::error::{Error, Fault, Result};
use crate::geom::{ChunkGrid, Region};
use crate::spec::{Attrs, Compression, OutputSpec, VariableSpec};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// A small variable of texts, written with its values in UTF-8.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TextVariable {
    /// Its name.
    pub name: String,
    /// Names of its dimensions.
    pub dims: Vec<String>,
    /// Its attributes.
    pub attrs: Attrs,
    /// Its values in row-major order.
    pub values: Vec<String>,
}

/// Where the bytes of a streamed variable go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Placement {
    /// Row-major, little-endian, from this byte of the file on; any rank writes there.
    Contiguous {
        /// First byte.
        address: u64,
    },
    /// Encoded chunks, appended by rank 0.
    Chunked {
        /// The stored chunks.
        grid: ChunkGrid,
    },
    /// A file for each chunk or shard, written by the rank that owns it.
    Files {
        /// The chunks or shards.
        grid: ChunkGrid,
        /// The variable's folder below that of the output.
        folder: String,
        /// The description of the array, as every rank needs it.
        metadata: String,
    },
}

/// What other ranks need to know about a created output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Created {
    /// The file or the folder while it is written.
    pub temporary: PathBuf,
    /// It is of an earlier start, and has pieces already.
    pub adopted: bool,
    /// One per streamed variable.
    pub variables: Vec<Placement>,
}

pub(super) fn output(path: &Path, why: impl std::fmt::Display) -> Error {
    refused("save", path, why)
}

fn refused(operation: &str, path: &Path, why: impl std::fmt::Display) -> Error {
    Error::new(
        Fault::Output,
        format!("{operation}: {}: {why}", path.display()),
    )
}

/// The directory of a path.
pub(super) fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// An output being written; on rank 0 only. Dropped before it is finished, it removes what it created.
pub enum Writer {
    /// A NetCDF-4 file.
    NetCdf4(netcdf::Writer),
    /// A Zarr hierarchy.
    Zarr(ZarrWriter),
}

/// A Zarr hierarchy being written.
pub struct ZarrWriter(Hierarchy);

impl Writer {
    /// Creates the output under a temporary name, with its dimensions, attributes and small variables.
    ///
    /// # Errors
    /// Output when it cannot be created; invalid input when the spec contradicts itself; I/O when writing fails.
    pub fn create(
        spec: &OutputSpec,
        inline: &[(VariableSpec, Block)],
        texts: &[TextVariable],
        unfinished: &Unfinished,
    ) -> Result<(Writer, Created)> {
        if !unfinished.adopted {
            check_output(spec)?;
        }
        check_names(spec, inline, texts)?;
        if spec.format.is_zarr() {
            let (hierarchy, created) = Hierarchy::create(spec, inline, texts, unfinished)?;
            return Ok((Writer::Zarr(ZarrWriter(hierarchy)), created));
        }
        let (writer, created) = netcdf::Writer::create(spec, inline, texts, unfinished)?;
        Ok((Writer::NetCdf4(writer), created))
    }

    /// What is appended from now on is noted there.
    pub fn note_in(&mut self, noting: Noting, spec: &OutputSpec) {
        match self {
            Writer::NetCdf4(writer) => writer.note_in(noting, spec),
            // The ranks that write the chunks note them.
            Writer::Zarr(_) => {}
        }
    }

    /// It stays, unfinished, when it is dropped.
    pub fn keep(&mut self) {
        match self {
            Writer::NetCdf4(writer) => writer.keep(),
            Writer::Zarr(ZarrWriter(hierarchy)) => hierarchy.keep(),
        }
    }

    /// Appends the encoded bytes of one chunk of streamed variable number `variable`, with their CRC-32C.
    ///
    /// # Errors
    /// Internal when the chunk does not exist or was written already; I/O when writing fails.
    pub fn append_chunk(
        &mut self,
        variable: usize,
        chunk: &[usize],
        bytes: &[u8],
        crc32c: u32,
    ) -> Result<()> {
        match self {
            Writer::NetCdf4(writer) => writer.append_chunk(variable, chunk, bytes, crc32c),
            Writer::Zarr(_) => Err(Error::internal(
                "a chunk of a Zarr hierarchy on its way to rank 0",
            )),
        }
    }

    /// Makes the output durable, with the manifest of its pieces, and gives it its name. `pieces`: those of all ranks; `run`: the
    /// digest of the run that wrote it.
    ///
    /// # Errors
    /// Internal when pieces are missing; I/O when writing fails; output when the name was taken meanwhile.
    pub fn finish(self, pieces: &[Piece], run: &str) -> Result<()> {
        match self {
            Writer::NetCdf4(writer) => writer.finish(pieces, run),
            Writer::Zarr(ZarrWriter(hierarchy)) => hierarchy.finish(pieces, run),
        }
    }
}

/// What a rank writes itself of a created output.
pub struct RankWriter {
    kind: Kind,
    /// What was written or encoded here.
    pieces: Mutex<Vec<Piece>>,
    noting: Option<Noting>,
}

enum Kind {
    Regions(RegionWriter),
    Files(ChunkFiles),
}

impl RankWriter {
    /// Opens a created output.
    ///
    /// # Errors
    /// I/O when it cannot be opened: on another node, the directory may not be shared.
    pub fn open(
        spec: &OutputSpec,
        created: &Created,
        noting: Option<Noting>,
    ) -> Result<RankWriter> {
        let kind = match spec.format.is_zarr() {
            true => Kind::Files(ChunkFiles::open(created, &spec.variables)?),
            false => Kind::Regions(RegionWriter::open(&created.temporary)?),
        };
        Ok(RankWriter {
            kind,
            pieces: Mutex::default(),
            noting,
        })
    }

    /// Writes `block` as `region` of contiguous variable number `variable`, whose first byte is at `address`.
    ///
    /// # Errors
    /// Internal when block, region and variable do not fit; I/O when writing fails, naming the bytes.
    pub fn write_region(
        &self,
        (variable, address): (usize, u64),
        spec: &VariableSpec,
        region: &Region,
        block: &Block,
    ) -> Result<()> {
        match &self.kind {
            Kind::Regions(writer) => writer.write(address, spec, region, block)?,
            Kind::Files(_) => {
                return Err(Error::internal("a contiguous variable of a Zarr hierarchy"));
            }
        }
        let piece = Piece::region(variable, region, block.buffer().as_bytes());
        if let Some(noting) = &self.noting {
            noting.note(&piece, address);
        }
        self.note(piece);
        Ok(())
    }

    /// Notes a piece that was copied from an earlier start; it is not among those that were written here.
    pub fn note_copied(&self, piece: &Piece, address: u64) {
        if let Some(noting) = &self.noting {
            noting.note(piece, address);
        }
    }

    /// The file of a chunk, where each is a file of its own.
    pub fn chunk_file(&self, variable: usize, chunk: &[usize]) -> Option<PathBuf> {
        match &self.kind {
            Kind::Files(files) => files.path(variable, chunk).ok(),
            Kind::Regions(_) => None,
        }
    }

    fn note(&self, piece: Piece) {
        let mut pieces = self.pieces.lock().unwrap_or_else(PoisonError::into_inner);
        pieces.push(piece);
    }

    /// Encodes storage chunk number `chunk` of a variable, whose chunks have the lengths `full`, and writes it where each is a
    /// file of its own. `block` ends where the variable does.
    ///
    /// # Errors
    /// Internal when block and chunk do not fit; I/O when writing fails.
    pub fn chunk(
        &self,
        spec: &VariableSpec,
        variable: usize,
        chunk: &[usize],
        full: &[usize],
        block: &Block,
        scratch: &mut Scratch,
    ) -> Result<Chunk> {
        match &self.kind {
            Kind::Files(files) => {
                let bytes = files.encode(variable, block)?;
                files.write(variable, chunk, &bytes)?;
                let piece = Piece::chunk(variable, chunk, &bytes);
                if let Some(noting) = &self.noting {
                    noting.note(&piece, 0);
                }
                self.note(piece);
                Ok(Chunk::Written(bytes.len() as u64))
            }
            Kind::Regions(_) => {
                let bytes = netcdf::encode_chunk(spec, full, block, scratch)?;
                let piece = Piece::chunk(variable, chunk, &bytes);
                let crc32c = piece.crc32c;
                self.note(piece);
                Ok(Chunk::Encoded(bytes, crc32c))
            }
        }
    }

    /// What was written or encoded here since this was asked last.
    pub fn take_pieces(&self) -> Vec<Piece> {
        let mut pieces = self.pieces.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *pieces)
    }

    /// Brings everything that this rank wrote to disk.
    ///
    /// # Errors
    /// I/O when the system reports a failed write.
    pub fn sync(&self) -> Result<()> {
        match &self.kind {
            Kind::Regions(writer) => writer.sync(),
            Kind::Files(files) => files.sync(),
        }
    }
}

/// What became of a storage chunk.
pub enum Chunk {
    /// It was written here: so many bytes.
    Written(u64),
    /// Its bytes, for rank 0 to append, and their CRC-32C.
    Encoded(Vec<u8>, u32),
}

/// Refuses the address of a server.
fn local(operation: &str, path: &Path) -> Result<()> {
    match is_url(path) {
        None => Ok(()),
        Some(_) => Err(Error::new(
            Fault::Output,
            format!(
                "{operation}: {}: nothing is written to servers; write to a folder, then copy it",
                shown(path)
            ),
        )),
    }
}

/// Checks that a file (no hierarchy) can be created at `path`.
///
/// # Errors
/// As [`check_output`].
pub fn check_file(operation: &str, path: &Path, overwrite: bool) -> Result<()> {
    local(operation, path)?;
    if path.is_dir() {
        return Err(refused(
            operation,
            path,
            "it is a directory; give the name of a file",
        ));
    }
    if path.symlink_metadata().is_ok() && !overwrite {
        return Err(refused(
            operation,
            path,
            "it exists already; --overwrite replaces it",
        ));
    }
    check_directory(operation, path)
}

/// Checks that files can be created beside `path`.
fn check_directory(operation: &str, path: &Path) -> Result<()> {
    let directory = directory(path);
    match std::fs::metadata(directory) {
        Ok(meta) if !meta.is_dir() => {
            return Err(refused(
                operation,
                path,
                format!("{} is no directory", directory.display()),
            ));
        }
        Ok(_) => {}
        Err(e) => {
            let why = match e.kind() {
                std::io::ErrorKind::NotFound => "does not exist; create it first".to_owned(),
                _ => e.to_string(),
            };
            return Err(refused(
                operation,
                path,
                format!("the directory {} {why}", directory.display()),
            ));
        }
    }
    let access = rustix::fs::access(directory, rustix::fs::Access::WRITE_OK);
    if let Err(e) = access {
        return Err(refused(
            operation,
            path,
            format!("the directory {} is not writable: {e}", directory.display()),
        ));
    }
    Ok(())
}

/// Checks that a file can be created at `path`.
///
/// # Errors
/// Output when it exists and may not be replaced, is a directory, or its directory is missing or read-only.
pub fn check_output(spec: &OutputSpec) -> Result<()> {
    let path = &spec.path;
    if spec.format.is_zarr() {
        local("save", path)?;
        zarr::check_existing(spec)?;
        check_directory("save", path)?;
    } else {
        check_file("save", path, spec.overwrite)?;
    }
    let directory = directory(path);
    // Contiguous bytes are certain; compressed ones are at most as many, and usually far fewer: only the first count.
    let needed: u64 = spec
        .variables
        .iter()
        .filter(|v| matches!(v.encoding.compression, None | Some(Compression::None)))
        .map(variable_bytes)
        .fold(0, u64::saturating_add);
    if let Ok(stat) = rustix::fs::statvfs(directory) {
        let free = stat.f_bavail.saturating_mul(stat.f_frsize);
        if needed > free {
            return Err(output(
                path,
                format!(
                    "it needs {}, but {} has {} free",
                    format_bytes(needed),
                    directory.display(),
                    format_bytes(free)
                ),
            ));
        }
    }
    Ok(())
}

pub(super) fn variable_bytes(spec: &VariableSpec) -> u64 {
    spec.shape
        .iter()
        .fold(spec.dtype.size() as u64, |product, n| {
            product.saturating_mul(*n as u64)
        })
}

fn check_names(
    spec: &OutputSpec,
    inline: &[(VariableSpec, Block)],
    texts: &[TextVariable],
) -> Result<()> {
    let lengths: BTreeMap<&str, usize> = spec
        .dims
        .iter()
        .map(|(n, len)| (n.as_str(), *len))
        .collect();
    let mut seen: Vec<&str> = Vec::new();
    let numbers = spec.variables.iter().chain(inline.iter().map(|(v, _)| v));
    let all = numbers
        .map(|v| (v.name.as_str(), &v.dims, Some(&v.shape)))
        .chain(texts.iter().map(|t| (t.name.as_str(), &t.dims, None)));
    for (name, dims, shape) in all {
        let bad = |why: String| Err(output(&spec.path, format!("variable {name:?}: {why}")));
        if name.is_empty() || name.contains(['/', '\0']) {
            return bad("this is no name for a variable".into());
        }
        if spec.format.is_zarr() && !zarr::is_folder_name(name) {
            return bad("Zarr has no folder of this name for a variable; rename it".into());
        }
        if seen.contains(&name) {
            return bad("two variables of one name".into());
        }
        seen.push(name);
        for (axis, dim) in dims.iter().enumerate() {
            let Some(len) = lengths.get(dim.as_str()) else {
                return bad(format!(
                    "its dimension {dim:?} is not among the file's dimensions"
                ));
            };
            if shape.is_some_and(|s| s.get(axis) != Some(len)) {
                return bad(format!(
                    "shape {shape:?}, but dimension {dim} has length {len}"
                ));
            }
        }
        if shape.is_some_and(|s| s.len() != dims.len()) {
            return bad(format!("{} dimensions for the shape {shape:?}", dims.len()));
        }
    }
    for t in texts {
        // It ends a text of either form.
        if let Some(text) = t.values.iter().find(|text| text.contains('\0')) {
            return Err(output(
                &spec.path,
                format!("variable {:?}: a zero byte in the text {text:?}", t.name),
            ));
        }
    }
    for (v, block) in inline {
        if block.shape() != v.shape.as_slice() || block.dtype() != v.dtype {
            return Err(Error::internal(format!(
                "save: variable {}: a block of {} {:?} for {} {:?}",
                v.name,
                block.dtype(),
                block.shape(),
                v.dtype,
                v.shape
            )));
        }
    }
    Ok(())
}
