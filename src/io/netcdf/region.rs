//! Writing of regions of contiguous variables: every rank, at known addresses, without the library.
//!
//! Law: two ranks never write one byte twice (the plan gives every region one writer), so no lock is needed.

use crate::block::Block;
use crate::error::{Error, Fault, Result};
use crate::geom::Region;
use crate::io::hdf5::rows;
use crate::spec::VariableSpec;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// A created output file, opened for writing at known addresses.
pub struct RegionWriter {
    file: File,
    path: PathBuf,
}

impl RegionWriter {
    /// Opens the temporary file of a created output.
    ///
    /// # Errors
    /// I/O when it cannot be opened: on another node, the directory may not be shared.
    pub fn open(temporary: &Path) -> Result<Self> {
        let file = OpenOptions::new().write(true).open(temporary).map_err(|e| {
            Error::new(
                Fault::Io,
                format!(
                    "save: {} cannot be opened for writing: {e}; its directory must be shared by all nodes",
                    temporary.display()
                ),
            )
        })?;
        Ok(RegionWriter {
            file,
            path: temporary.to_owned(),
        })
    }

    /// Writes `block` as `region` of the variable whose first byte is at `address`; neighbouring rows in one `pwrite`.
    ///
    /// # Errors
    /// Internal when block, region and variable do not fit; I/O when writing fails, naming the bytes.
    pub fn write(
        &self,
        address: u64,
        spec: &VariableSpec,
        region: &Region,
        block: &Block,
    ) -> Result<()> {
        if block.dtype() != spec.dtype
            || block.shape() != region.shape.as_slice()
            || region.ndim() != spec.shape.len()
            || !Region::whole(&spec.shape).contains(region)
        {
            return Err(Error::internal(format!(
                "save: variable {} {} {:?}: a block of {} {:?} for {region:?}",
                spec.name,
                spec.dtype,
                spec.shape,
                block.dtype(),
                block.shape()
            )));
        }
        let size = spec.dtype.size();
        let bytes = block.buffer().as_bytes();
        let origin = vec![0; region.ndim()];
        let mut result = Ok(());
        rows(
            &region.shape,
            block.shape(),
            &origin,
            &spec.shape,
            &region.start,
            |src, dst, n| {
                if result.is_err() {
                    return;
                }
                let (at, row) = (
                    address + (dst * size) as u64,
                    &bytes[src * size..(src + n) * size],
                );
                result = self.file.write_all_at(row, at).map_err(|e| {
                    Error::new(
                        Fault::Io,
                        format!(
                            "save: writing {} failed: variable {}, {} bytes at byte {at}: {e}",
                            self.path.display(),
                            spec.name,
                            row.len()
                        ),
                    )
                });
            },
        );
        result
    }

    /// Waits until what was written is on disk.
    ///
    /// # Errors
    /// I/O when the system fails.
    pub fn sync(&self) -> Result<()> {
        self.file.sync_data().map_err(|e| {
            Error::new(
                Fault::Io,
                format!("save: syncing {} failed: {e}", self.path.display()),
            )
        })
    }
}
