//! Reads of local files, tried again when they fail for a reason that may pass.
//!
//! On a parallel or network file system a server that fails over, or a client that was evicted, shows as EIO, ESTALE or
//! ETIMEDOUT in the one read that met it. Each such read is tried once more after each of [`PAUSES`]; what remains is an error with the
//! number of tries. Everything that reads files goes through here, but for the HDF5 library and reads of servers
//! (`remote/http.rs`), which have tries of their own.

use rustix::io::{Errno, ReadWriteFlags, preadv2};
use std::fmt::Display;
use std::fs::File;
use std::io::{Error, IoSliceMut, Result};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

/// Before the second try, the third, the fourth.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(100),
    Duration::from_millis(400),
    Duration::from_millis(1600),
];

/// Whether another try may go well.
fn may_pass(error: &Error) -> bool {
    const PASSING: [Errno; 14] = [
        Errno::IO,
        Errno::STALE,
        Errno::AGAIN,
        Errno::INTR,
        Errno::TIMEDOUT,
        Errno::BUSY,
        Errno::NETDOWN,
        Errno::NETUNREACH,
        Errno::HOSTUNREACH,
        Errno::CONNRESET,
        Errno::CONNABORTED,
        Errno::NOTCONN,
        // Lustre's answer of a client that was evicted.
        Errno::SHUTDOWN,
        Errno::REMOTEIO,
    ];
    let number = error.raw_os_error();
    PASSING
        .iter()
        .any(|errno| number == Some(errno.raw_os_error()))
}

/// Runs `attempt` until it goes well, or fails for good; `doing` says what it does, for warnings.
///
/// # Errors
/// The last one; with the number of tries, when it was one that may pass.
pub(super) fn tried<T>(
    doing: impl Fn() -> String,
    mut attempt: impl FnMut() -> Result<T>,
) -> Result<T> {
    let tries = PAUSES.len() + 1;
    for (number, pause) in PAUSES.iter().enumerate() {
        match fault().and_then(|()| attempt()) {
            Err(error) if may_pass(&error) => {
                tracing::warn!(
                    "{}: {error}; try {} of {tries} follows in {} s",
                    doing(),
                    number + 2,
                    pause.as_secs_f64()
                );
                std::thread::sleep(*pause);
            }
            ended => return ended,
        }
    }
    fault()
        .and_then(|()| attempt())
        .map_err(|error| match may_pass(&error) {
            true => Error::new(error.kind(), format!("{error}, after {tries} tries")),
            false => error,
        })
}

/// Opens a file for reading.
pub(super) fn open(path: &Path) -> Result<File> {
    tried(
        || format!("opening {}", path.display()),
        || File::open(path),
    )
}

/// Fills a buffer from `at` on; `name` is the file's, for warnings.
///
/// # Errors
/// `UnexpectedEof` when the file ends before; those of the system.
pub(super) fn read_exact(
    file: &File,
    buffer: &mut [u8],
    at: u64,
    name: impl Display,
) -> Result<()> {
    let bytes = buffer.len();
    tried(
        || format!("reading {bytes} bytes at byte {at} of {name}"),
        || file.read_exact_at(buffer, at),
    )
}

/// Reads up to as many bytes as the buffer has; 0 at the end of the file.
pub(super) fn read_some(file: &File, buffer: &mut [u8], at: u64) -> Result<usize> {
    tried(
        || format!("reading a file's beginning at byte {at}"),
        || file.read_at(buffer, at),
    )
}

/// Fills a buffer with bytes that the system has in its memory; `false` when they are elsewhere: then nothing waits.
pub(super) fn read_cached(file: &File, buffer: &mut [u8], at: u64) -> bool {
    let bytes = buffer.len();
    let now = ReadWriteFlags::NOWAIT;
    fault_free() && preadv2(file, &mut [IoSliceMut::new(buffer)], at, now) == Ok(bytes)
}

#[cfg(debug_assertions)]
mod injected {
    use std::sync::atomic::AtomicUsize;

    /// Tries that fail before one goes well.
    pub(super) static FAILING: AtomicUsize = AtomicUsize::new(0);
}

/// The next so many tries of this process fail with EIO: for tests.
#[cfg(debug_assertions)]
pub(crate) fn fail_reads(count: usize) {
    injected::FAILING.store(count, std::sync::atomic::Ordering::SeqCst);
}

#[cfg(debug_assertions)]
fn fault() -> Result<()> {
    use std::sync::atomic::Ordering::SeqCst;
    let taken = injected::FAILING.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1));
    match taken {
        Ok(_) => Err(Errno::IO.into()),
        Err(_) => Ok(()),
    }
}

#[cfg(debug_assertions)]
fn fault_free() -> bool {
    injected::FAILING.load(std::sync::atomic::Ordering::SeqCst) == 0
}

#[cfg(not(debug_assertions))]
#[inline(always)]
fn fault() -> Result<()> {
    Ok(())
}

#[cfg(not(debug_assertions))]
#[inline(always)]
fn fault_free() -> bool {
    true
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::io::ErrorKind;
    use std::time::Instant;

    fn failing(times: usize, errno: Errno) -> (Result<u32>, usize, Duration) {
        let (mut calls, begin) = (0, Instant::now());
        let result = tried(
            || "reading a test".to_owned(),
            || {
                calls += 1;
                if calls <= times {
                    Err(errno.into())
                } else {
                    Ok(7)
                }
            },
        );
        (result, calls, begin.elapsed())
    }

    #[test]
    fn errors_that_may_pass_are_tried_again_and_no_others() {
        let (result, calls, took) = failing(2, Errno::TIMEDOUT);
        assert_eq!((result.unwrap(), calls), (7, 3));
        assert!(
            took >= PAUSES[0] + PAUSES[1] && took < Duration::from_secs(5),
            "{took:?}"
        );
        let (result, calls, _) = failing(9, Errno::IO);
        assert_eq!(calls, 4);
        let text = result.unwrap_err().to_string();
        assert!(
            text.contains("Input/output error") && text.ends_with("after 4 tries"),
            "{text}"
        );
        for errno in [Errno::NOENT, Errno::ACCESS, Errno::NXIO] {
            let (result, calls, _) = failing(1, errno);
            assert_eq!(
                (result.unwrap_err().raw_os_error(), calls),
                (Some(errno.raw_os_error()), 1)
            );
        }
        // A file that ends is damaged, however often it is read.
        let file = tempfile::tempfile().unwrap();
        let error = read_exact(&file, &mut [0; 3], 0, "it").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    }
}
