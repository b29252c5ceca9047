//! Reading of the chunks of an array: a file each, or a range of a shard. What is not in a folder is fetched in `far`.
//!
//! Laws: no lock is held while bytes are read; a missing file is fill values; a file that is longer than any chunk, or a
//! range outside its shard, is refused before it is read.

use super::array::{self, ZarrArray};
use super::references::References;
use super::shard::{NOTHING, ShardIndex, Sharding};
use super::store::{check_unchanged, root_id};
use crate::block::Block;
use crate::dtype::DType;
use crate::error::{Error, Fault, Result};
use crate::geom::{ChunkGrid, Region};
use crate::io::format::{Scratch, Source, fit};
use crate::io::index::StorageIndex;
use crate::io::paste;
use crate::io::remote::{Place, is_url};
use crate::io::retry;
use crate::spec::{FileId, Format, Layout, SourceSpec};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use std::collections::HashMap;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Entries of shard indices that are kept for the next chunk: 16 bytes each.
const KEPT_ENTRIES: usize = 1 << 18;

/// A shard whose index was read.
pub(super) struct Shard {
    pub(super) file: ShardFile,
    pub(super) index: ShardIndex,
}

/// Where its chunks are got.
pub(super) enum ShardFile {
    Open(File),
    /// Of this version, where the server names versions.
    Remote(Option<u64>),
}

/// Where the chunks of an array are.
enum Chunks {
    Folder(PathBuf),
    Remote(Place),
    References(Arc<StorageIndex>),
}

/// Finds where the chunks of an array lie, as far as that is to be found.
///
/// # Errors
/// Data when the hierarchy changed since it was described, or references are damaged; no input when it is gone.
pub(in crate::io) fn index(spec: &SourceSpec) -> Result<StorageIndex> {
    let Layout::Zarr { metadata, chunk } = &spec.layout else {
        return Err(Error::internal("a Zarr source of another layout"));
    };
    // Asked once for all ranks: of folders each asks itself.
    check_unchanged(&spec.file)?;
    if spec.format != Format::Kerchunk {
        return Ok(StorageIndex::Keys);
    }
    let (keys, _) = array::keys_and_chunk(&array::parse(metadata)?).map_err(Error::internal)?;
    let grid = ChunkGrid::regular(&spec.shape, chunk)?;
    References::of(&spec.file)?.index(&spec.variable, keys.separator, &grid)
}

/// An array of a Zarr hierarchy.
pub(in crate::io) struct ZarrSource {
    spec: SourceSpec,
    array: ZarrArray,
    grid: ChunkGrid,
    chunks: Chunks,
    /// Shards whose index was read; `None` for those that are not there.
    shards: Mutex<HashMap<Vec<usize>, Option<Arc<Shard>>>>,
}

impl ZarrSource {
    /// Opens the array of a spec.
    ///
    /// # Errors
    /// Data when the hierarchy changed since it was described; no input when it is gone.
    pub(in crate::io) fn open(spec: &SourceSpec, index: Arc<StorageIndex>) -> Result<ZarrSource> {
        let Layout::Zarr { chunk, metadata } = &spec.layout else {
            return Err(Error::internal("a Zarr source of another layout"));
        };
        let root = &spec.file.path;
        let chunks = match (&*index, is_url(root), root.to_str()) {
            (StorageIndex::References { .. }, ..) => Chunks::References(index),
            (_, Some(_), Some(url)) => Chunks::Remote(Place::new(url)?),
            _ => {
                check_folder(&spec.file)?;
                Chunks::Folder(root.join(&spec.variable))
            }
        };
        let array = ZarrArray::new(&array::parse(metadata)?, spec.dtype).map_err(|why| {
            Error::unsupported(format!(
                "{}: variable {}: {why}",
                root.display(),
                spec.variable
            ))
        })?;
        Ok(ZarrSource {
            grid: ChunkGrid::regular(&spec.shape, chunk)?,
            chunks,
            spec: spec.clone(),
            array,
            shards: Mutex::default(),
        })
    }

    pub(super) fn damaged(&self, chunk: &[usize], why: impl std::fmt::Display) -> Error {
        Error::data(format!(
            "{}: variable {}, chunk {chunk:?} is damaged: {why}",
            self.spec.file.path.display(),
            self.spec.variable
        ))
    }

    pub(super) fn unreadable(&self, chunk: &[usize], e: &dyn std::fmt::Display) -> Error {
        Error::new(
            Fault::Io,
            format!(
                "reading {}: variable {}, chunk {chunk:?}: {e}",
                self.spec.file.path.display(),
                self.spec.variable
            ),
        )
    }

    /// The key of a chunk or a shard below the root.
    pub(super) fn key(&self, number: &[usize]) -> String {
        let key = self.array.keys.key(number);
        match self.spec.variable.as_str() {
            "" => key,
            variable => format!("{variable}/{key}"),
        }
    }

    /// More bytes than a stored chunk ever has.
    pub(super) fn most_bytes(&self) -> u64 {
        self.array.pipeline.most_bytes() as u64
    }

    /// The file of a chunk or a shard with its size; `None` when it was never written.
    fn file(&self, folder: &Path, key: &str, chunk: &[usize]) -> Result<Option<(File, u64)>> {
        let opened = retry::open(&folder.join(key)).and_then(|file| {
            let meta = file.metadata()?;
            Ok((file, meta.len()))
        });
        match opened {
            Ok(found) => Ok(Some(found)),
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                Ok(None)
            }
            Err(e) => Err(self.unreadable(chunk, &e)),
        }
    }

    /// The shard of a chunk, with the chunk's number in it. `read` reads it where it is not known yet.
    pub(super) fn shard(
        &self,
        sharding: &Sharding,
        chunk: &[usize],
        read: impl FnOnce(&[usize]) -> Result<Option<Shard>>,
    ) -> Result<(Option<Arc<Shard>>, usize)> {
        let (number, inner) = sharding.place(chunk);
        let known = self.shards.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shard) = known.get(&number) {
            return Ok((shard.clone(), inner));
        }
        drop(known);
        // Two threads may read one index; the later one is kept.
        let shard = read(&number)?.map(Arc::new);
        let mut known = self.shards.lock().unwrap_or_else(PoisonError::into_inner);
        if (known.len() + 1) * sharding.chunks().max(64) > KEPT_ENTRIES {
            known.clear();
        }
        known.insert(number, shard.clone());
        Ok((shard, inner))
    }
}

impl ZarrSource {
    /// Opens the file of a shard and reads its index.
    fn open_shard(
        &self,
        sharding: &Sharding,
        folder: &Path,
        number: &[usize],
        chunk: &[usize],
    ) -> Result<Option<Shard>> {
        let key = self.array.keys.key(number);
        let Some((file, bytes)) = self.file(folder, &key, chunk)? else {
            return Ok(None);
        };
        let need = sharding.index_bytes();
        if bytes < need as u64 {
            return Err(self.damaged(
                chunk,
                format!("shard {number:?} has {bytes} bytes, its index alone {need}"),
            ));
        }
        let mut raw = vec![0; need];
        let at = if sharding.at_start {
            0
        } else {
            bytes - need as u64
        };
        retry::read_exact(&file, &mut raw, at, folder.join(&key).display())
            .map_err(|e| self.unreadable(chunk, &e))?;
        let index = sharding
            .parse(&raw, bytes)
            .map_err(|why| self.damaged(chunk, format!("shard {number:?}: {why}")))?;
        Ok(Some(Shard {
            file: ShardFile::Open(file),
            index,
        }))
    }

    fn fetch_file(&self, folder: &Path, chunk: &[usize], raw: &mut Vec<u8>) -> Result<()> {
        let most = self.most_bytes();
        let size = |bytes: u64| match bytes {
            0 => Err(self.damaged(chunk, "it has no bytes")),
            n if n > most => Err(self.damaged(
                chunk,
                format!("it has {n} bytes, more than the {most} that a chunk ever has"),
            )),
            n => Ok(n as usize),
        };
        let (shard, alone);
        let (file, at, bytes) = match &self.array.shards {
            None => match self.file(folder, &self.array.keys.key(chunk), chunk)? {
                None => return Ok(()),
                Some((file, bytes)) => {
                    alone = file;
                    (&alone, 0, size(bytes)?)
                }
            },
            Some(sharding) => {
                let (found, inner) = self.shard(sharding, chunk, |number| {
                    self.open_shard(sharding, folder, number, chunk)
                })?;
                let Some(found) = found else { return Ok(()) };
                let (at, bytes) = found.index[inner];
                if (at, bytes) == (NOTHING, NOTHING) {
                    return Ok(());
                }
                shard = found;
                let ShardFile::Open(file) = &shard.file else {
                    return Err(Error::internal("a shard of a server in a folder"));
                };
                (file, at, size(bytes)?)
            }
        };
        fit(raw, bytes);
        let folder = folder.display();
        let read = retry::read_exact(file, raw, at, format_args!("chunk {chunk:?} in {folder}"));
        read.map_err(|e| match e.kind() {
            ErrorKind::UnexpectedEof => self.damaged(chunk, "its file got shorter"),
            _ => self.unreadable(chunk, &e),
        })
    }
}

/// Refuses a folder that is not the hierarchy that was described.
fn check_folder(id: &FileId) -> Result<()> {
    let root = &id.path;
    match root_id(root)? {
        None => {
            let gone = format!("open: {} is no Zarr hierarchy any more", root.display());
            Err(Error::new(Fault::NoInput, gone))
        }
        Some(seen) if seen != *id => Err(Error::data(format!(
            "{} changed while the job ran: its description is another one",
            root.display()
        ))),
        Some(_) => Ok(()),
    }
}

impl Source for ZarrSource {
    fn dtype(&self) -> DType {
        self.spec.dtype
    }

    fn grid(&self) -> &ChunkGrid {
        &self.grid
    }

    /// What a chunk has before it is encoded: how long its file is shows when it is opened.
    fn stored_bytes(&self, _chunk: &[usize]) -> u64 {
        (self.array.chunk.iter().product::<usize>() * self.spec.dtype.size()) as u64
    }

    fn fetch(&self, chunk: &[usize], raw: &mut Vec<u8>) -> Result<()> {
        raw.clear();
        match &self.chunks {
            Chunks::Folder(folder) => self.fetch_file(folder, chunk, raw),
            Chunks::Remote(place) => {
                self.fetch_remote(place, self.array.shards.as_ref(), chunk, raw)
            }
            Chunks::References(index) => {
                self.fetch_reference(index, self.grid.linear(chunk) as u64, chunk, raw)
            }
        }
    }

    /// Of a file whose name the system knows without asking the file system, or a shard that is open.
    fn fetch_cached(&self, chunk: &[usize], raw: &mut Vec<u8>) -> bool {
        let Chunks::Folder(folder) = &self.chunks else {
            return false;
        };
        let most = self.most_bytes();
        let (shard, alone);
        let (file, at, bytes) = match &self.array.shards {
            None => {
                let path = folder.join(self.array.keys.key(chunk));
                let flags = OFlags::RDONLY | OFlags::CLOEXEC;
                let opened = openat2(CWD, &path, flags, Mode::empty(), ResolveFlags::CACHED);
                let Ok(file) = opened.map(File::from) else {
                    return false;
                };
                let Ok(meta) = file.metadata() else {
                    return false;
                };
                alone = file;
                (&alone, 0, meta.len())
            }
            Some(sharding) => {
                let (number, inner) = sharding.place(chunk);
                let known = self.shards.lock().unwrap_or_else(PoisonError::into_inner);
                let Some(Some(found)) = known.get(&number) else {
                    return false;
                };
                let (at, bytes) = found.index[inner];
                shard = Arc::clone(found);
                let ShardFile::Open(file) = &shard.file else {
                    return false;
                };
                (file, at, bytes)
            }
        };
        // What is wrong, or was never written, shows in `fetch`.
        if bytes == 0 || bytes > most {
            return false;
        }
        fit(raw, bytes as usize);
        retry::read_cached(file, raw, at)
    }

    fn decode_into(
        &self,
        chunk: &[usize],
        raw: &[u8],
        scratch: &mut Scratch,
        part: &Region,
        into: &mut Block,
        into_origin: &[usize],
    ) -> Result<()> {
        let start: Vec<usize> = chunk
            .iter()
            .zip(&self.array.chunk)
            .map(|(i, c)| i * c)
            .collect();
        let place = paste::Place {
            chunk_shape: &self.array.chunk,
            chunk_start: &start,
            part,
            into_origin,
        };
        if raw.is_empty() {
            return paste::fill(&place, self.array.fill, into);
        }
        self.array
            .pipeline
            .decode(raw, scratch, &place, into)
            .map_err(|why| self.damaged(chunk, why))
    }
}
