//! The one place that knows which format is read by whom.

use super::direct::DirectSource;
use super::format::Source;
use super::hdf5::{self, LibrarySource};
use super::index::StorageIndex;
use super::info::FileInfo;
use super::sniff::sniff;
use super::zarr::{self, ZarrSource};
use super::{netcdf, netcdf3, npy};
use crate::error::{Error, Result};
use crate::spec::{Format, SourceSpec};
use std::path::Path;
use std::sync::Arc;

/// The metadata of `path`, or of one group in it. Read once, on one rank; the result is plain data.
///
/// # Errors
/// No input when the file is missing, not readable or a directory; data when it is empty, of another format (which is
/// named), truncated or damaged; invalid input when the group does not exist.
pub fn open(path: &Path, group: Option<&str>) -> Result<FileInfo> {
    let (id, format) = sniff(path)?;
    match format {
        Format::NetCdf4 => netcdf::open(id, group),
        Format::Zarr2 | Format::Zarr3 | Format::Kerchunk => zarr::open(id, format, group),
        Format::NetCdf3 | Format::Npy if group.is_some_and(|g| !g.trim_matches('/').is_empty()) => {
            Err(Error::invalid(format!(
                "open: {} has no group {:?}: {format} has no groups",
                path.display(),
                group.unwrap_or_default()
            )))
        }
        Format::NetCdf3 => netcdf3::open(id),
        Format::Npy => npy::open(id),
    }
}

/// Finds where the bytes of a variable lie.
///
/// # Errors
/// Data when the file changed or its structures are damaged, naming the byte; no input when it is gone.
pub fn index(spec: &SourceSpec) -> Result<StorageIndex> {
    match spec.format {
        Format::NetCdf4 => hdf5::index(spec),
        Format::NetCdf3 => netcdf3::index(spec),
        Format::Npy => npy::index(spec),
        Format::Zarr2 | Format::Zarr3 | Format::Kerchunk => zarr::index(spec),
    }
}

/// Opens a variable: directly, or through a library where its spec says so.
///
/// # Errors
/// Data when the file changed or the index does not fit the spec; no input when the file is gone.
pub fn open_source(spec: &SourceSpec, index: Arc<StorageIndex>) -> Result<Arc<dyn Source>> {
    if matches!(*index, StorageIndex::Keys | StorageIndex::References { .. }) {
        return Ok(Arc::new(ZarrSource::open(spec, index)?));
    }
    if spec.library_only.is_some() || matches!(*index, StorageIndex::Library) {
        return Ok(Arc::new(LibrarySource::open(spec)?));
    }
    Ok(Arc::new(DirectSource::open(spec, index)?))
}
