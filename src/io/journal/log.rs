//! The files of a journal: logs of records, and bytes that records point to.

use super::record::{Blob, Record};
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, ErrorKind, Read, Result, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// Bytes before a record: its length and its CRC-32C.
const HEAD: usize = 8;
/// No record is longer; what says so is damaged.
const LONGEST: u32 = 1 << 28;

/// A log that a rank appends to; it appears with its first record.
pub struct Log {
    path: PathBuf,
    file: Mutex<Option<File>>,
    failed: AtomicBool,
}

impl Log {
    /// As [`Log::append`]. A journal that cannot be written is no reason to end a run: it says so once, and is written no more.
    pub fn note(&self, record: &Record) {
        if self.failed.load(Relaxed) {
            return;
        }
        if let Err(e) = self.append(record) {
            self.fail(&e);
        }
    }

    /// Says once that nothing more is noted, and why.
    pub fn fail(&self, why: &dyn std::fmt::Display) {
        if !self.failed.swap(true, Relaxed) {
            tracing::warn!(
                "the journal {} cannot be written: {why}; if this run is stopped from now on, what comes now is computed again",
                self.path.display()
            );
        }
    }

    /// The log at a path where there is none yet.
    pub fn new(path: PathBuf) -> Self {
        Log {
            path,
            file: Mutex::new(None),
            failed: AtomicBool::new(false),
        }
    }

    /// Appends a record, by one call of the system: a kill cuts off at most the last one.
    ///
    /// # Errors
    /// Those of the system.
    pub fn append(&self, record: &Record) -> Result<()> {
        let head = vec![0; HEAD];
        let mut bytes = postcard::to_extend(record, head).map_err(std::io::Error::other)?;
        let length = (bytes.len() - HEAD) as u32;
        let sum = crc32c::crc32c(&bytes[HEAD..]);
        bytes[..4].copy_from_slice(&length.to_le_bytes());
        bytes[4..HEAD].copy_from_slice(&sum.to_le_bytes());
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if file.is_none() {
            let mut new = OpenOptions::new();
            new.append(true).create_new(true);
            *file = Some(new.open(&self.path)?);
        }
        match &mut *file {
            Some(file) => file.write_all(&bytes),
            None => Ok(()),
        }
    }

    /// Brings it to disk.
    ///
    /// # Errors
    /// Those of the system.
    pub fn sync(&self) -> Result<()> {
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.as_ref().map_or(Ok(()), File::sync_data)
    }

    /// The records of a log up to the first that is not whole.
    ///
    /// # Errors
    /// Those of the system.
    pub fn read(path: &Path) -> Result<Vec<Record>> {
        let mut bytes = Vec::new();
        File::open(path)?.read_to_end(&mut bytes)?;
        Ok(records(&bytes))
    }
}

/// A record with its length and checksum.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn sealed(record: &[u8]) -> Vec<u8> {
    let length = record.len() as u32;
    let sum = crc32c::crc32c(record);
    [&length.to_le_bytes(), &sum.to_le_bytes(), record].concat()
}

/// The records in the bytes of a log, up to the first that is not whole.
pub(crate) fn records(mut bytes: &[u8]) -> Vec<Record> {
    let mut records = Vec::new();
    while let Some((head, rest)) = bytes.split_first_chunk::<HEAD>() {
        let [a, b, c, d, s0, s1, s2, s3] = *head;
        let length = u32::from_le_bytes([a, b, c, d]);
        let Some((record, rest)) = rest.split_at_checked(length as usize) else {
            break;
        };
        if length > LONGEST || crc32c::crc32c(record) != u32::from_le_bytes([s0, s1, s2, s3]) {
            break;
        }
        let Ok(record) = postcard::from_bytes(record) else {
            break;
        };
        records.push(record);
        bytes = rest;
    }
    records
}

/// Writes bytes that records will point to, without keeping them in memory.
pub struct BlobWriter {
    file: BufWriter<File>,
    name: String,
    at: u64,
    start: u64,
    sum: u32,
    failed: Option<std::io::Error>,
}

impl BlobWriter {
    /// Into a file of the folder, behind what is there, or instead of it.
    ///
    /// # Errors
    /// Those of the system.
    pub fn open(folder: &Path, name: String, instead: bool) -> Result<Self> {
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(instead)
            .open(folder.join(&name))?;
        let at = file.seek(SeekFrom::End(0))?;
        Ok(BlobWriter {
            file: BufWriter::with_capacity(1 << 16, file),
            name,
            at,
            start: at,
            sum: 0,
            failed: None,
        })
    }

    /// More bytes; a failure shows in [`BlobWriter::end`].
    pub fn put(&mut self, bytes: &[u8]) {
        if self.failed.is_some() {
            return;
        }
        self.failed = self.file.write_all(bytes).err();
        self.sum = crc32c::crc32c_append(self.sum, bytes);
        self.at += bytes.len() as u64;
    }

    /// Ends a blob. It may be pointed to after [`BlobWriter::flush`].
    ///
    /// # Errors
    /// Those of the system.
    pub fn end(&mut self) -> Result<Blob> {
        if let Some(failed) = self.failed.take() {
            return Err(failed);
        }
        let blob = Blob {
            name: self.name.clone(),
            at: self.start,
            bytes: self.at - self.start,
            crc32c: self.sum,
        };
        (self.start, self.sum) = (self.at, 0);
        Ok(blob)
    }

    /// Gives everything to the system, so that it survives this process.
    ///
    /// # Errors
    /// Those of the system.
    pub fn flush(&mut self) -> Result<()> {
        self.file.flush()
    }

    /// Brings everything to disk.
    ///
    /// # Errors
    /// Those of the system.
    pub fn sync(&mut self) -> Result<()> {
        self.file.flush()?;
        self.file.get_ref().sync_data()
    }
}

/// The bytes of a blob; `None` when they are not what was written.
///
/// # Errors
/// Those of the system, but for a file that is missing or too short.
pub fn read_blob(folder: &Path, blob: &Blob) -> Result<Option<Vec<u8>>> {
    let missing =
        |e: &std::io::Error| matches!(e.kind(), ErrorKind::NotFound | ErrorKind::UnexpectedEof);
    let file = match File::open(folder.join(&blob.name)) {
        Ok(file) => file,
        Err(e) if missing(&e) => return Ok(None),
        Err(e) => return Err(e),
    };
    let end = blob.at.checked_add(blob.bytes);
    if end.is_none_or(|end| end > file.metadata().map_or(0, |m| m.len())) {
        return Ok(None);
    }
    let mut bytes = vec![0; blob.bytes as usize];
    match file.read_exact_at(&mut bytes, blob.at) {
        Ok(()) => Ok((crc32c::crc32c(&bytes) == blob.crc32c).then_some(bytes)),
        Err(e) if missing(&e) => Ok(None),
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::io::{Piece, Place};

    fn piece(number: usize) -> Record {
        Record::Piece {
            file: 0,
            piece: Piece {
                variable: 3,
                place: Place::Chunk(vec![number, 7]),
                bytes: 100,
                crc32c: 5,
            },
            address: 1 << 40,
        }
    }

    /// Cut off anywhere, or with any bit flipped, a log gives the records before the damage.
    #[test]
    fn a_damaged_log_gives_what_lies_before_the_damage() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("0-0.log");
        let log = Log::new(path.clone());
        let all: Vec<Record> = (0..4).map(piece).collect();
        for record in &all {
            log.append(record).unwrap();
        }
        assert_eq!(Log::read(&path).unwrap(), all);
        let bytes = std::fs::read(&path).unwrap();
        let each = bytes.len() / 4;
        for cut in 0..bytes.len() {
            assert_eq!(records(&bytes[..cut]), all[..cut / each]);
            let mut flipped = bytes.clone();
            flipped[cut] ^= 1 << (cut % 8);
            assert_eq!(records(&flipped), all[..cut / each]);
        }
    }

    #[test]
    fn blobs_are_read_back_or_refused() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = BlobWriter::open(dir.path(), "x".into(), true).unwrap();
        writer.put(b"first");
        let first = writer.end().unwrap();
        writer.put(b"sec");
        writer.put(b"ond");
        let second = writer.end().unwrap();
        writer.flush().unwrap();
        let read = |blob: &Blob| read_blob(dir.path(), blob).unwrap();
        assert_eq!(read(&first).unwrap(), b"first");
        assert_eq!(read(&second).unwrap(), b"second");
        let past = Blob {
            bytes: u64::MAX,
            ..second.clone()
        };
        assert_eq!(read(&past), None);
        let gone = Blob {
            name: "y".into(),
            ..second.clone()
        };
        assert_eq!(read(&gone), None);
        std::fs::write(dir.path().join("x"), b"firstsecund").unwrap();
        assert_eq!(read(&first).unwrap(), b"first");
        assert_eq!(read(&second), None);
    }
}
