//! Chunks of a new hierarchy: each is a file, or with others a shard, written by the rank that owns it.
//!
//! Laws: a file is created new, so that a second writer of a chunk is an error and not a race (but where an earlier start may have
//! been killed while it wrote it: there the plan alone gives a chunk one writer); nothing is complete before
//! `sync` has returned on every rank.

use super::array::{self, ZarrArray};
use crate::block::Block;
use crate::dtype::Scalar;
use crate::error::{Error, Fault, Result};
use crate::geom::{ChunkGrid, Region};
use crate::io::save::{Created, Placement};
use crate::spec::VariableSpec;
use std::borrow::Cow;
use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// More files than this are brought to disk by one call for the whole file system.
const SYNCED_ALONE: usize = 256;

/// The files of a hierarchy that this rank writes.
pub(in crate::io) struct ChunkFiles {
    root: PathBuf,
    /// Files of an earlier start are there.
    adopted: bool,
    variables: Vec<Files>,
    /// Folders that exist, and those of the files that were written first.
    folders: Mutex<HashSet<PathBuf>>,
    files: Mutex<Vec<PathBuf>>,
}

struct Files {
    folder: PathBuf,
    array: ZarrArray,
    grid: ChunkGrid,
}

impl ChunkFiles {
    /// The writer of a created hierarchy.
    pub(in crate::io) fn open(created: &Created, specs: &[VariableSpec]) -> Result<ChunkFiles> {
        let root = created.temporary.clone();
        if !root.is_dir() {
            return Err(Error::new(
                Fault::Io,
                format!(
                    "save: {} is not there; its directory must be shared by all nodes",
                    root.display()
                ),
            ));
        }
        let mut variables = Vec::new();
        for (placement, spec) in created.variables.iter().zip(specs) {
            let Placement::Files {
                grid,
                folder,
                metadata,
            } = placement
            else {
                return Err(Error::internal(
                    "a variable of a Zarr hierarchy without files",
                ));
            };
            variables.push(Files {
                folder: root.join(folder),
                array: ZarrArray::new(&array::parse(metadata)?, spec.dtype)
                    .map_err(Error::internal)?,
                grid: grid.clone(),
            });
        }
        Ok(ChunkFiles {
            root,
            adopted: created.adopted,
            variables,
            folders: Mutex::default(),
            files: Mutex::default(),
        })
    }

    fn files(&self, variable: usize) -> Result<&Files> {
        let files = self.variables.get(variable);
        files.ok_or_else(|| Error::internal(format!("no streamed variable {variable}")))
    }

    /// Encodes one chunk or shard out of a block that begins at its first element; past the edge of the variable the block
    /// ends.
    pub(in crate::io) fn encode(&self, variable: usize, block: &Block) -> Result<Vec<u8>> {
        let array = &self.files(variable)?.array;
        let encode = |part: &Block| {
            let full = padded(part, &array.chunk, array.fill)?;
            array
                .pipeline
                .encode(full.buffer().as_bytes())
                .map_err(Error::internal)
        };
        match &array.shards {
            None => encode(block),
            Some(sharding) => {
                let region = Region::whole(block.shape());
                let inner = ChunkGrid::regular(block.shape(), &array.chunk)?;
                let mut chunks: Vec<Option<Vec<u8>>> = vec![None; sharding.chunks()];
                for number in inner.overlapping(&region) {
                    let (_, at) = sharding.place(&number);
                    let part = Block::from_view(&block.part(&inner.region(&number)))?;
                    chunks[at] = Some(encode(&part)?);
                }
                Ok(sharding.join(&chunks))
            }
        }
    }

    /// The file of a chunk or shard.
    pub(in crate::io) fn path(&self, variable: usize, chunk: &[usize]) -> Result<PathBuf> {
        let files = self.files(variable)?;
        debug_assert!(
            files.grid.linear(chunk) < files.grid.count(),
            "a chunk of the grid"
        );
        Ok(files.folder.join(files.array.keys.key(chunk)))
    }

    /// Writes one encoded chunk or shard.
    pub(in crate::io) fn write(
        &self,
        variable: usize,
        chunk: &[usize],
        bytes: &[u8],
    ) -> Result<()> {
        let path = self.path(variable, chunk)?;
        self.put(&path, bytes).map_err(|e| {
            Error::new(
                Fault::Io,
                format!(
                    "save: writing {} failed: chunk {chunk:?}, {} bytes: {e}",
                    path.display(),
                    bytes.len()
                ),
            )
        })
    }

    fn put(&self, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
        if let Some(folder) = path.parent() {
            let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
            if !folders.contains(folder) {
                std::fs::create_dir_all(folder)?;
                folders.insert(folder.to_owned());
            }
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(!self.adopted)
            .create(true)
            .truncate(self.adopted)
            .open(path)?;
        file.write_all(bytes)?;
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if files.len() <= SYNCED_ALONE {
            files.push(path.to_owned());
        }
        Ok(())
    }

    /// Brings everything that this rank wrote to disk.
    pub(in crate::io) fn sync(&self) -> Result<()> {
        let failed = |path: &Path, e: std::io::Error| {
            Error::new(
                Fault::Io,
                format!("save: syncing {} failed: {e}", path.display()),
            )
        };
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        // What an earlier start wrote is on disk, too, when this returns.
        if self.adopted || files.len() > SYNCED_ALONE {
            let root = File::open(&self.root).map_err(|e| failed(&self.root, e))?;
            return rustix::fs::syncfs(&root).map_err(|e| failed(&self.root, e.into()));
        }
        let folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        for path in files.iter().chain(folders.iter()) {
            File::open(path)
                .and_then(|file| file.sync_all())
                .map_err(|e| failed(path, e))?;
        }
        Ok(())
    }
}

/// A block of a whole chunk: what lies past the edge of the variable is the fill value.
fn padded<'a>(block: &'a Block, chunk: &[usize], fill: Scalar) -> Result<Cow<'a, Block>> {
    if block.shape() == chunk {
        return Ok(Cow::Borrowed(block));
    }
    let mut full = Block::filled(block.dtype(), chunk, fill)?;
    full.paste(&Region::whole(block.shape()), &block.view())?;
    Ok(Cow::Owned(full))
}
