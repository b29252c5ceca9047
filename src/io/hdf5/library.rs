//! Reading through the HDF5 library, under its one lock: for filters and layouts that the direct path does not know.

use super::raw::{self, Dataset, Kind};
use crate::block::Block;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::geom::{ChunkGrid, Region};
use crate::io::format::{Scratch, Source};
use crate::io::paste::{self, Place};
use crate::io::sniff::open_unchanged;
use crate::spec::{Layout, SourceSpec};

/// A variable that the library reads; `fetch` gives decoded, native bytes of the chunk's part inside the shape.
pub struct LibrarySource {
    spec: SourceSpec,
    dataset: Dataset,
    grid: ChunkGrid,
}

impl LibrarySource {
    /// Opens the variable and says once in the log why it is slow.
    ///
    /// # Errors
    /// Data when the file changed or cannot be read; no input when it is gone.
    pub fn open(spec: &SourceSpec) -> Result<LibrarySource> {
        open_unchanged(&spec.file)?;
        let failed = |why: String| {
            Error::data(format!(
                "{}: variable {}: {why}",
                spec.file.path.display(),
                spec.variable
            ))
        };
        let file = raw::open_file(&spec.file.path).map_err(failed)?;
        let (object, kind) = raw::open_object(&file, &spec.variable).map_err(failed)?;
        if kind != Kind::Dataset {
            return Err(failed("it is no dataset".into()));
        }
        let dataset = Dataset::new(object).map_err(failed)?;
        let shape: Vec<usize> = dataset
            .shape
            .dims
            .iter()
            .flatten()
            .map(|d| *d as usize)
            .collect();
        if shape != spec.shape {
            return Err(failed(format!(
                "its shape is {shape:?}, described was {:?}",
                spec.shape
            )));
        }
        tracing::warn!(
            "{}: variable {} is read through the HDF5 library, one thread at a time: {}",
            spec.file.path.display(),
            spec.variable,
            spec.library_only
                .as_deref()
                .unwrap_or("its layout is not known here")
        );
        let grid = match &spec.layout {
            Layout::Chunked { chunk, .. } => ChunkGrid::regular(&spec.shape, chunk)?,
            Layout::Contiguous | Layout::Records { .. } | Layout::Compact | Layout::Zarr { .. } => {
                ChunkGrid::regular(&spec.shape, &spec.fetch_chunk())?
            }
        };
        Ok(LibrarySource {
            spec: spec.clone(),
            dataset,
            grid,
        })
    }
}

impl Source for LibrarySource {
    fn dtype(&self) -> DType {
        self.spec.dtype
    }

    fn grid(&self) -> &ChunkGrid {
        &self.grid
    }

    fn stored_bytes(&self, chunk: &[usize]) -> u64 {
        // What the library reads is not known; decoded bytes are an upper estimate.
        (self.grid.region(chunk).elements() * self.spec.dtype.size()) as u64
    }

    fn fetch(&self, chunk: &[usize], bytes: &mut Vec<u8>) -> Result<()> {
        let region = self.grid.region(chunk);
        bytes.resize(region.elements() * self.spec.dtype.size(), 0);
        let wide = |v: &[usize]| v.iter().map(|n| *n as u64).collect::<Vec<u64>>();
        self.dataset
            .read_box(
                &wide(&region.start),
                &wide(&region.shape),
                self.spec.dtype.physical(),
                bytes,
            )
            .map_err(|why| {
                Error::data(format!(
                    "{}: variable {}, chunk {chunk:?} cannot be read: {why}",
                    self.spec.file.path.display(),
                    self.spec.variable
                ))
            })
    }

    fn decode_into(
        &self,
        chunk: &[usize],
        raw: &[u8],
        _scratch: &mut Scratch,
        part: &Region,
        into: &mut Block,
        into_origin: &[usize],
    ) -> Result<()> {
        let region = self.grid.region(chunk);
        let place = Place {
            chunk_shape: &region.shape,
            chunk_start: &region.start,
            part,
            into_origin,
        };
        paste::plain(&place, raw, cfg!(target_endian = "big"), into)
    }
}
