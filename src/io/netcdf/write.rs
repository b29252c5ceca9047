//! Writing of NetCDF-4 files. Rank 0 creates the file under a temporary name, appends ready chunks and finishes it; every
//! rank may write regions of contiguous variables at their known addresses.
//!
//! Laws: the final name appears only when the file is complete and on disk; a dropped writer removes its temporary file;
//! stored bytes are little-endian; contiguous variables are allocated when the file is created, and not filled.

use super::create::{Layout, Streamed, with_text_dims};
use crate::block::Block;
use crate::error::{Error, Fault, Result};
use crate::geom::ChunkGrid;
use crate::io::hdf5::raw::{self, Handle};
use crate::io::journal::{Noting, Unfinished, layout};
use crate::io::manifest::{Manifest, Piece, Pieces, Place};
use crate::io::save::{Created, Placement, TextVariable, directory, output, variable_bytes};
use crate::spec::{OutputSpec, VariableSpec};
use std::fs::File;
use std::path::{Path, PathBuf};

/// A file being written; on one rank only.
pub struct Writer {
    /// The library's file; closed before the rename.
    file: Option<Handle>,
    streamed: Vec<Streamed>,
    temporary: PathBuf,
    path: PathBuf,
    overwrite: bool,
    finished: bool,
    noting: Option<Noting>,
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
        unfinished: &Unfinished,
    ) -> Result<(Writer, Created)> {
        let path = std::path::absolute(&spec.path).unwrap_or_else(|_| spec.path.clone());
        let name = path
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default();
        if name.is_empty() {
            return Err(output(&path, "it has no file name"));
        }
        if unfinished.adopted {
            return Self::reopen(spec, inline, texts, &unfinished.part);
        }
        let temporary = unfinished.part.clone();
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
            noting: None,
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
        for (streamed, variable) in writer.streamed.iter_mut().zip(&spec.variables) {
            variables.push(if streamed.chunk.is_empty() {
                let address = streamed.dataset.offset();
                streamed.address = address;
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
                adopted: false,
                variables,
            },
        ))
    }

    pub(in crate::io) fn note_in(&mut self, noting: Noting, spec: &OutputSpec) {
        if self
            .streamed
            .iter()
            .all(|streamed| streamed.chunk.is_empty())
        {
            let addresses = self.streamed.iter().map(|streamed| streamed.address);
            match layout(&self.temporary, noting.file, spec, addresses.collect()) {
                Ok(layout) => noting.log.note(&layout),
                Err(e) => noting.log.fail(&e),
            }
        }
        self.noting = Some(noting);
    }

    pub(in crate::io) fn keep(&mut self) {
        self.finished = true;
    }

    /// Opens the unfinished file of an earlier start, all of whose streamed variables are contiguous.
    fn reopen(
        spec: &OutputSpec,
        inline: &[(VariableSpec, Block)],
        texts: &[TextVariable],
        part: &Path,
    ) -> Result<(Writer, Created)> {
        let path = std::path::absolute(&spec.path).unwrap_or_else(|_| spec.path.clone());
        let io = |why: String| {
            Error::new(
                Fault::Io,
                format!("save: writing on {} failed: {why}", part.display()),
            )
        };
        let file = raw::open_for_writing(part).map_err(io)?;
        let with_dims = with_text_dims(spec, texts);
        let layout = Layout {
            spec: &with_dims,
            inline,
            texts,
            file: &file,
        };
        let streamed = layout.open_streamed().map_err(io)?;
        let variables = streamed
            .iter()
            .map(|streamed| Placement::Contiguous {
                address: streamed.address,
            })
            .collect();
        let writer = Writer {
            file: Some(file),
            streamed,
            temporary: part.to_owned(),
            path,
            overwrite: spec.overwrite,
            finished: false,
            noting: None,
        };
        let created = Created {
            temporary: part.to_owned(),
            adopted: true,
            variables,
        };
        Ok((writer, created))
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
        if streamed.written[number].is_some() {
            return refused("it was written already");
        }
        let start: Vec<u64> = chunk
            .iter()
            .zip(&streamed.chunk)
            .map(|(i, c)| (i * c) as u64)
            .collect();
        let written = (streamed.dataset.write_chunk(&start, bytes))
            .and_then(|()| streamed.dataset.chunk_address(&start));
        let address = written.map_err(|why| {
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
        streamed.written[number] = Some(address);
        if let Some(noting) = &self.noting {
            let piece = Piece {
                variable: variable as u32,
                place: Place::Chunk(chunk.to_vec()),
                bytes: bytes.len() as u64,
                crc32c,
            };
            noting.note(&piece, address);
        }
        Ok(())
    }

    /// Closes the file, puts its manifest behind it, makes both durable and gives it its name.
    ///
    /// # Errors
    /// Internal when pieces are missing; I/O when writing fails; output when the name was taken meanwhile.
    pub fn finish(mut self, pieces: &[Piece], run: &str) -> Result<()> {
        let manifest = self.manifest(pieces, run)?;
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
        // The library alone says where its file ends.
        let file = File::options().read(true).write(true).open(&self.temporary);
        let file = file.map_err(|e| io("opening", &e))?;
        manifest
            .append_to(&file)
            .map_err(|e| io("writing the manifest of", &e))?;
        file.sync_all().map_err(|e| io("syncing", &e))?;
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

impl Writer {
    /// The manifest of the pieces of all ranks, which are all that there must be.
    fn manifest(&self, pieces: &[Piece], run: &str) -> Result<Manifest> {
        let mut manifest = Manifest::new(run);
        for streamed in &self.streamed {
            let dims = streamed.dataset.shape.dims.iter().flatten();
            manifest.variables.push(Pieces {
                name: streamed.name.clone(),
                size: streamed.size,
                shape: dims.map(|n| *n as usize).collect(),
                address: streamed.chunk.is_empty().then_some(streamed.address),
                ..Pieces::default()
            });
        }
        let mut elements = vec![0; self.streamed.len()];
        for piece in pieces {
            let number = piece.variable as usize;
            let (Some(streamed), Some(variable)) = (
                self.streamed.get(number),
                manifest.variables.get_mut(number),
            ) else {
                return Err(Error::internal("a piece of no variable of a file"));
            };
            match &piece.place {
                Place::Region(start, shape) => {
                    elements[number] += shape.iter().product::<usize>();
                    variable
                        .regions
                        .push((start.clone(), shape.clone(), piece.crc32c));
                }
                Place::Chunk(chunk) => {
                    let grid = ChunkGrid::regular(&variable.shape, &streamed.chunk)?;
                    let written = streamed.written.get(grid.linear(chunk)).copied().flatten();
                    let address = written.ok_or_else(|| {
                        Error::internal(format!(
                            "save: variable {}, chunk {chunk:?} has not come",
                            streamed.name
                        ))
                    })?;
                    variable
                        .chunks
                        .push((chunk.clone(), address, piece.bytes, piece.crc32c));
                }
            }
        }
        for (number, (streamed, variable)) in
            self.streamed.iter().zip(&manifest.variables).enumerate()
        {
            let (what, have, wanted) = match streamed.chunk.is_empty() {
                true => (
                    "elements",
                    elements[number],
                    variable.shape.iter().product::<usize>(),
                ),
                false => ("chunks", variable.chunks.len(), streamed.written.len()),
            };
            if have != wanted {
                return Err(Error::internal(format!(
                    "save: {}: variable {} has {have} of {wanted} {what}",
                    self.path.display(),
                    streamed.name,
                )));
            }
        }
        Ok(manifest)
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
