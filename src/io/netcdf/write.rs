//! Writing of NetCDF-4 files. Rank 0 creates the file under a temporary name, appends ready chunks and finishes it; every
//! rank may write regions of contiguous variables at their known addresses.
//!
//! Laws: the final name appears only when the file is complete and on disk; a dropped writer removes its temporary file;
//! stored bytes are little-endian; contiguous variables are allocated when the file is created, and not filled.

use super::create::{Layout, Streamed, with_text_dims};
use crate::block::Block;
use crate::config::format_bytes;
use crate::error::{Error, Fault, Result};
use crate::geom::ChunkGrid;
use crate::io::hdf5::raw::{self, Handle};
use crate::spec::{Attrs, OutputSpec, VariableSpec};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

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
    /// Encoded chunks, appended by the writer.
    Chunked {
        /// The stored chunks.
        grid: ChunkGrid,
    },
}

/// What other ranks need to know about a created file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Created {
    /// The file while it is written.
    pub temporary: PathBuf,
    /// One per streamed variable.
    pub variables: Vec<Placement>,
}

/// A file being written; on one rank only.
pub struct Writer {
    /// The library's file; closed before the rename.
    file: Option<Handle>,
    streamed: Vec<Streamed>,
    temporary: PathBuf,
    path: PathBuf,
    overwrite: bool,
    finished: bool,
}

fn output(path: &Path, why: impl std::fmt::Display) -> Error {
    Error::new(Fault::Output, format!("save: {}: {why}", path.display()))
}

/// The directory of a path.
fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Checks that a file can be created at `path`.
///
/// # Errors
/// Output when it exists and may not be replaced, is a directory, or its directory is missing or read-only.
pub fn check_output(spec: &OutputSpec) -> Result<()> {
    let path = &spec.path;
    if path.is_dir() {
        return Err(output(path, "it is a directory; give the name of a file"));
    }
    if path.symlink_metadata().is_ok() && !spec.overwrite {
        return Err(output(path, "it exists already; --overwrite replaces it"));
    }
    let directory = directory(path);
    match std::fs::metadata(directory) {
        Ok(meta) if !meta.is_dir() => {
            return Err(output(
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
            return Err(output(
                path,
                format!("the directory {} {why}", directory.display()),
            ));
        }
    }
    let access = rustix::fs::access(directory, rustix::fs::Access::WRITE_OK);
    if let Err(e) = access {
        return Err(output(
            path,
            format!("the directory {} is not writable: {e}", directory.display()),
        ));
    }
    // Contiguous bytes are certain; compressed ones are at most as many, and usually far fewer: only the first count.
    let needed: u64 = spec
        .variables
        .iter()
        .filter(|v| v.encoding.deflate.is_none())
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

fn variable_bytes(spec: &VariableSpec) -> u64 {
    spec.shape
        .iter()
        .fold(spec.dtype.size() as u64, |product, n| {
            product.saturating_mul(*n as u64)
        })
}

impl Writer {
    /// Creates the file with its dimensions, attributes and small variables, and makes room for the streamed ones.
    ///
    /// # Errors
    /// Output when the file cannot be created; invalid input when the spec contradicts itself; I/O when writing fails.
    pub fn create(
        spec: &OutputSpec,
        inline: &[(VariableSpec, Block)],
        texts: &[TextVariable],
    ) -> Result<(Writer, Created)> {
        check_output(spec)?;
        check_names(spec, inline, texts)?;
        let path = std::path::absolute(&spec.path).unwrap_or_else(|_| spec.path.clone());
        let name = path
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default();
        if name.is_empty() {
            return Err(output(&path, "it has no file name"));
        }
        let temporary =
            directory(&path).join(format!(".{name}.hyperslab-{}.part", std::process::id()));
        // A left-over of an earlier process of this number.
        let _ = std::fs::remove_file(&temporary);
        let file = raw::create_file(&temporary)
            .map_err(|why| output(&path, format!("it cannot be created: {why}")))?;
        // From here on the writer owns the temporary file, and removes it on failure.
        let mut writer = Writer {
            file: None,
            streamed: Vec::new(),
            temporary: temporary.clone(),
            path: path.clone(),
            overwrite: spec.overwrite,
            finished: false,
        };
        let spec = &with_text_dims(spec, texts);
        let made = Layout {
            spec,
            inline,
            texts,
            file: &file,
        }
        .build();
        writer.file = Some(file);
        let io = |why: String| {
            Error::new(
                Fault::Io,
                format!("save: writing {} failed: {why}", path.display()),
            )
        };
        writer.streamed = made.map_err(io)?;
        if let Some(file) = &writer.file {
            raw::flush(file).map_err(io)?;
        }
        let mut variables = Vec::new();
        for (streamed, variable) in writer.streamed.iter().zip(&spec.variables) {
            variables.push(if streamed.chunk.is_empty() {
                let address = streamed.dataset.offset();
                if address == raw::UNDEFINED && variable_bytes(variable) > 0 {
                    return Err(Error::internal(format!(
                        "save: variable {} was not allocated",
                        variable.name
                    )));
                }
                Placement::Contiguous { address }
            } else {
                Placement::Chunked {
                    grid: ChunkGrid::regular(&variable.shape, &streamed.chunk)?,
                }
            });
        }
        Ok((
            writer,
            Created {
                temporary,
                variables,
            },
        ))
    }

    /// Appends the encoded bytes of one chunk of streamed variable number `variable`.
    ///
    /// # Errors
    /// Internal when the chunk does not exist or was written already; I/O when writing fails.
    pub fn append_chunk(&mut self, variable: usize, chunk: &[usize], bytes: &[u8]) -> Result<()> {
        let Some(streamed) = self.streamed.get_mut(variable) else {
            return Err(Error::internal(format!(
                "save: no streamed variable number {variable}"
            )));
        };
        let dims: Vec<usize> = streamed
            .dataset
            .shape
            .dims
            .iter()
            .flatten()
            .map(|n| *n as usize)
            .collect();
        let refused = |why: &str| {
            Err(Error::internal(format!(
                "save: variable {}, chunk {chunk:?}: {why}",
                streamed.name
            )))
        };
        if streamed.chunk.is_empty() || chunk.len() != dims.len() {
            return refused("it has no such chunk");
        }
        let grid = ChunkGrid::regular(&dims, &streamed.chunk)?;
        if chunk.iter().zip(grid.counts()).any(|(i, n)| *i >= n) {
            return refused("it has no such chunk");
        }
        let number = grid.linear(chunk);
        if streamed.written[number] {
            return refused("it was written already");
        }
        let start: Vec<u64> = chunk
            .iter()
            .zip(&streamed.chunk)
            .map(|(i, c)| (i * c) as u64)
            .collect();
        streamed.dataset.write_chunk(&start, bytes).map_err(|why| {
            Error::new(
                Fault::Io,
                format!(
                    "save: writing {} failed: variable {}, chunk {chunk:?}, {} bytes: {why}",
                    self.path.display(),
                    streamed.name,
                    bytes.len()
                ),
            )
        })?;
        streamed.written[number] = true;
        Ok(())
    }

    /// Closes the file, makes it durable and gives it its name.
    ///
    /// # Errors
    /// Internal when chunks are missing; I/O when writing fails; output when the name was taken meanwhile.
    pub fn finish(mut self) -> Result<()> {
        for streamed in &self.streamed {
            let have = streamed.written.iter().filter(|w| **w).count();
            if have != streamed.wanted {
                return Err(Error::internal(format!(
                    "save: {}: variable {} has {have} of {} chunks",
                    self.path.display(),
                    streamed.name,
                    streamed.wanted
                )));
            }
        }
        let path = self.path.clone();
        let io = |doing: &str, why: &dyn std::fmt::Display| {
            Error::new(
                Fault::Io,
                format!("save: {doing} {} failed: {why}", path.display()),
            )
        };
        self.streamed.clear();
        if let Some(file) = self.file.take() {
            raw::flush(&file).map_err(|e| io("writing", &e))?;
            file.close().map_err(|e| io("closing", &e))?;
        }
        File::open(&self.temporary)
            .and_then(|f| f.sync_all())
            .map_err(|e| io("syncing", &e))?;
        if !self.overwrite && self.path.symlink_metadata().is_ok() {
            return Err(output(
                &self.path,
                "it appeared meanwhile; --overwrite replaces it",
            ));
        }
        // The system frees a file with its last name or descriptor, in a time that grows with its size: kept open across
        // the rename, a file that is replaced is freed by a thread that nobody waits for.
        let replaced = self.path.symlink_metadata().is_ok_and(|m| m.is_file());
        let replaced = replaced.then(|| File::open(&self.path).ok()).flatten();
        std::fs::rename(&self.temporary, &self.path).map_err(|e| io("renaming to", &e))?;
        self.finished = true;
        if let Some(replaced) = replaced {
            // Without a thread it is freed here.
            let _ = std::thread::Builder::new().spawn(move || drop(replaced));
        }
        File::open(directory(&self.path))
            .and_then(|d| d.sync_all())
            .map_err(|e| io("syncing the directory of", &e))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.finished {
            self.streamed.clear();
            self.file = None;
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
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
