//! Writing of regions of contiguous variables: every rank, at known addresses, without the library.
//!
//! Law: two ranks never write one byte twice (the plan gives every region one writer), so no lock is needed.

use crate::block::Block;
use crate::error::{Error, Fault, Result};
use crate::geom::Region;
use crate::io::paste::rows;
use crate::spec::VariableSpec;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// A created output file, opened for writing at known addresses.
///
/// A thread of its own has the system write to disk what is dirty while more is made: at the end little is left to wait for.
pub struct RegionWriter {
    file: Arc<File>,
    path: PathBuf,
    /// Bytes written, to tell the thread now and then.
    written: AtomicU64,
    flusher: Mutex<Option<Flusher>>,
}

/// The thread that flushes, and how to wake it.
struct Flusher {
    wake: SyncSender<()>,
    thread: JoinHandle<std::io::Result<()>>,
}

/// So many bytes are worth waking the thread.
const FLUSHED_BYTES: u64 = 64 << 20;

impl Flusher {
    fn start(file: &Arc<File>) -> Option<Self> {
        // One wake may wait: more would say nothing new.
        let (wake, woken) = sync_channel::<()>(1);
        let file = Arc::clone(file);
        let flush = move || woken.iter().try_for_each(|()| file.sync_data());
        let thread = std::thread::Builder::new().name("flush".to_owned());
        // Without it the end takes longer, no more.
        let thread = thread.spawn(flush).ok()?;
        Some(Flusher { wake, thread })
    }

    /// Waits until the thread is done. The system tells a failure to write once: it must not get lost.
    fn end(self) -> std::io::Result<()> {
        drop(self.wake);
        let ended = self.thread.join();
        ended.unwrap_or_else(|_| Err(std::io::Error::other("the thread that flushes has failed")))
    }
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
        let file = Arc::new(file);
        Ok(RegionWriter {
            file,
            path: temporary.to_owned(),
            written: AtomicU64::new(0),
            flusher: Mutex::new(None),
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
        self.flush_now_and_then(bytes.len() as u64);
        result
    }

    /// Wakes the thread that flushes when enough was written since it was woken last; the first time it is started.
    fn flush_now_and_then(&self, more: u64) {
        let before = self.written.fetch_add(more, Relaxed);
        if before / FLUSHED_BYTES == (before + more) / FLUSHED_BYTES {
            return;
        }
        let mut flusher = self.flusher.lock().unwrap_or_else(PoisonError::into_inner);
        if flusher.is_none() {
            *flusher = Flusher::start(&self.file);
        }
        if let Some(flusher) = &*flusher {
            // Full: it was woken and has not begun. Closed: it has failed, which the end tells.
            let _ = flusher.wake.try_send(());
        }
    }

    /// Waits until what was written is on disk.
    ///
    /// # Errors
    /// I/O when the system fails.
    pub fn sync(&self) -> Result<()> {
        let flusher = (self.flusher.lock())
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let flushed = flusher.map_or(Ok(()), Flusher::end);
        flushed.and_then(|()| self.file.sync_data()).map_err(|e| {
            Error::new(
                Fault::Io,
                format!("save: syncing {} failed: {e}", self.path.display()),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure of the thread is told at the end: the system tells it once.
    #[test]
    fn a_failure_to_flush_is_not_lost() {
        // A device that cannot be synced.
        let null = Arc::new(OpenOptions::new().write(true).open("/dev/null").unwrap());
        let flusher = Flusher::start(&null).unwrap();
        flusher.wake.send(()).unwrap();
        assert!(flusher.end().is_err());
        let idle = Flusher::start(&null).unwrap();
        assert!(idle.end().is_ok());
    }
}
