//! Bounds-checked reading of a file's structures: nothing is read or allocated beyond the end of the file.

use super::checksum::lookup3;
use crate::error::{Error, Fault, Result};
use crate::io::retry;
use crate::io::sniff::open_unchanged;
use crate::spec::FileId;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The most bytes of one structure: larger ones are damage, whatever the length of the file.
const MOST_BYTES: usize = 256 << 20;

#[cfg(any(test, feature = "fuzzing"))]
thread_local! {
    /// Lets wrong checksums through on this thread.
    pub(crate) static FORGIVING: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
    /// Asks the library nothing on this thread: it may read beyond its memory where forms that are not known here are damaged.
    static ALONE: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Reads without the library, with wrong checksums let through or not.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn alone<T>(forgiving: bool, read: impl FnOnce() -> T) -> T {
    let before = (FORGIVING.replace(forgiving), ALONE.replace(true));
    let result = read();
    FORGIVING.set(before.0);
    ALONE.set(before.1);
    result
}

/// An opened file with the widths of its addresses.
#[derive(Clone)]
pub(crate) struct Bytes {
    file: Arc<File>,
    len: u64,
    path: Arc<PathBuf>,
    /// What is read, for errors: `variable nir08`.
    place: Arc<str>,
    /// Added to every address in the file.
    pub(crate) base: u64,
    /// Bytes of an address.
    pub(crate) offset_bytes: usize,
    /// Bytes of a length.
    pub(crate) length_bytes: usize,
    /// The superblock has an extension: only then may messages lie in a heap of the whole file.
    pub(crate) extends: bool,
}

impl Bytes {
    /// Opens the file, unless it changed since it was described; `superblock` sets base and widths.
    pub(crate) fn open(id: &FileId, place: &str) -> Result<Bytes> {
        Ok(Bytes {
            file: Arc::new(open_unchanged(id)?),
            len: id.bytes,
            path: Arc::new(id.path.clone()),
            place: place.into(),
            base: 0,
            offset_bytes: 8,
            length_bytes: 8,
            extends: false,
        })
    }

    /// The same file, with another place in its errors.
    pub(crate) fn at(&self, place: &str) -> Bytes {
        Bytes {
            place: place.into(),
            ..self.clone()
        }
    }

    /// The file itself.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What is read, for errors.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    /// An error about what is read.
    pub(crate) fn failed(&self, what: impl std::fmt::Display) -> Error {
        Error::data(format!("{}: {}: {what}", self.path.display(), self.place))
    }

    /// The error of a damaged structure at file offset `at`.
    pub(crate) fn damaged(&self, at: u64, what: impl std::fmt::Display) -> Error {
        self.failed(format_args!("damaged HDF5 structure at byte {at}: {what}"))
    }

    /// The error of a valid form that is not parsed here: the HDF5 library may know it.
    pub(crate) fn unknown(&self, what: impl std::fmt::Display) -> Error {
        Error::unsupported(format!("{}: {}: {what}", self.path.display(), self.place))
    }

    /// Length of the file.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// The undefined address, all bits set.
    pub(crate) fn undefined(&self) -> u64 {
        if self.offset_bytes == 8 {
            u64::MAX
        } else {
            (1 << (8 * self.offset_bytes)) - 1
        }
    }

    /// Bytes at a file offset (base included).
    pub(crate) fn read(&self, at: u64, count: usize) -> Result<Vec<u8>> {
        if count > MOST_BYTES {
            return Err(self.damaged(
                at,
                format!("a structure of {count} bytes; the most are {MOST_BYTES}"),
            ));
        }
        if at
            .checked_add(count as u64)
            .is_none_or(|end| end > self.len)
        {
            return Err(self.damaged(
                at,
                format!(
                    "{count} bytes reach beyond the end of the file ({} bytes)",
                    self.len
                ),
            ));
        }
        let mut bytes = vec![0; count];
        retry::read_exact(&self.file, &mut bytes, at, self.path.display()).map_err(|e| {
            Error::new(
                Fault::Io,
                format!("reading {} at byte {at}: {e}", self.path.display()),
            )
        })?;
        Ok(bytes)
    }

    /// Bytes whose last four are the checksum of the others; given back without it.
    pub(crate) fn read_checked(&self, at: u64, count: usize) -> Result<Vec<u8>> {
        let mut bytes = self.read(at, count)?;
        let Some((_, sum)) = bytes.split_last_chunk::<4>() else {
            return Err(self.damaged(at, "a structure without its checksum"));
        };
        let stored = u32::from_le_bytes(*sum);
        bytes.truncate(count - 4);
        let found = lookup3(&bytes);
        if stored != found && !self.forgives() {
            return Err(self.damaged(
                at,
                format!("its checksum is {found:08x}, stored is {stored:08x}"),
            ));
        }
        Ok(bytes)
    }

    /// Whether wrong checksums are let through: only in tests of what lies behind them.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn forgives(&self) -> bool {
        FORGIVING.get()
    }

    #[cfg(not(any(test, feature = "fuzzing")))]
    pub(crate) fn forgives(&self) -> bool {
        false
    }

    /// Whether the library may be asked about what is not known here.
    pub(crate) fn has_library(&self) -> bool {
        #[cfg(any(test, feature = "fuzzing"))]
        return !ALONE.get();
        #[cfg(not(any(test, feature = "fuzzing")))]
        true
    }

    /// Up to `most` bytes at an offset, fewer at the end of the file.
    pub(crate) fn read_up_to(&self, at: u64, most: usize) -> Result<Vec<u8>> {
        let left = self.len.saturating_sub(at);
        self.read(at, most.min(usize::try_from(left).unwrap_or(usize::MAX)))
    }

    /// The file offset of an address; `None` when it is undefined.
    pub(crate) fn locate(&self, address: u64) -> Option<u64> {
        if address == self.undefined() {
            None
        } else {
            address.checked_add(self.base)
        }
    }
}

/// A position in a piece of a file that was read.
pub(crate) struct Cursor<'a> {
    file: &'a Bytes,
    start: u64,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// The beginning of `bytes`, which lie at file offset `start`.
    pub(crate) fn new(file: &'a Bytes, start: u64, bytes: &'a [u8]) -> Self {
        Cursor {
            file,
            start,
            bytes,
            at: 0,
        }
    }

    /// File offset of the next byte.
    pub(crate) fn offset(&self) -> u64 {
        self.start + self.at as u64
    }

    /// The bytes left.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or(&[])
    }

    /// The next bytes as a piece of their own.
    pub(crate) fn part(&mut self, count: usize) -> Result<Cursor<'a>> {
        let start = self.offset();
        Ok(Cursor::new(self.file, start, self.take(count)?))
    }

    /// A text that ends with a zero byte, which is taken, too.
    pub(crate) fn zero_ended(&mut self) -> Result<&'a [u8]> {
        let rest = self.rest();
        let Some(len) = rest.iter().position(|b| *b == 0) else {
            return Err(self.file.damaged(self.offset(), "a name without an end"));
        };
        self.skip(len + 1)?;
        Ok(&rest[..len])
    }

    /// Bytes left.
    pub(crate) fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// The next bytes.
    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        match self.bytes.get(self.at..).and_then(|rest| rest.get(..count)) {
            Some(bytes) => {
                self.at += count;
                Ok(bytes)
            }
            None => Err(self
                .file
                .damaged(self.offset(), "a structure ends too early")),
        }
    }

    /// Leaves bytes out.
    pub(crate) fn skip(&mut self, count: usize) -> Result<()> {
        self.take(count).map(|_| ())
    }

    /// An unsigned little-endian number of 1 … 8 bytes.
    pub(crate) fn uint(&mut self, width: usize) -> Result<u64> {
        if width > 8 {
            return Err(self
                .file
                .damaged(self.offset(), format!("a number of {width} bytes")));
        }
        Ok(self
            .take(width)?
            .iter()
            .rev()
            .fold(0, |acc, b| acc << 8 | u64::from(*b)))
    }

    pub(crate) fn u8(&mut self) -> Result<u8> {
        Ok(self.take(1)?[0])
    }

    pub(crate) fn u16(&mut self) -> Result<u16> {
        Ok(self.uint(2)? as u16)
    }

    pub(crate) fn u32(&mut self) -> Result<u32> {
        Ok(self.uint(4)? as u32)
    }

    /// An address, base not included; undefined ones are [`Bytes::undefined`].
    pub(crate) fn address(&mut self) -> Result<u64> {
        self.uint(self.file.offset_bytes)
    }

    /// A length.
    pub(crate) fn length(&mut self) -> Result<u64> {
        self.uint(self.file.length_bytes)
    }

    /// Checks a signature.
    pub(crate) fn signature(&mut self, wanted: &[u8; 4]) -> Result<()> {
        let at = self.offset();
        let found = self.take(4)?;
        if found == wanted {
            return Ok(());
        }
        Err(self.file.damaged(
            at,
            format!(
                "{:?} instead of {:?}",
                String::from_utf8_lossy(found),
                String::from_utf8_lossy(wanted)
            ),
        ))
    }
}
