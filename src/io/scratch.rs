//! Scratch files: raw bytes of stored results that do not fit in memory, in a folder that all ranks see.
//!
//! The files of one run lie in a hidden folder of their own, which nobody else may enter. Where the file system keeps an open
//! file that has lost its name, on every node, the names go as soon as all ranks have opened them: then nothing can remain,
//! however the job ends. Elsewhere (NFS and what is not known) they go at the end and on errors; what a killed job leaves is
//! found by its name ([`leftovers`]).

use super::retry;
use crate::config::format_bytes;
use crate::error::{Error, Fault, Result};
use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Names of scratch folders begin so; host, process and time follow.
const PREFIX: &str = ".hyperslab-scratch-";
/// A folder of another host that was not touched for so long counts as left.
const OLD_SECONDS: u64 = 24 * 3600;

/// File systems on which an open file without a name stays, for every node that has it open (`statfs(2)`): ext, XFS, Btrfs,
/// tmpfs, overlay, ZFS, Lustre, GPFS, BeeGFS.
const KEEP_OPEN_FILES: [u64; 9] = [
    0xef53,
    0x5846_5342,
    0x9123_683e,
    0x0102_1994,
    0x794c_7630,
    0x2fc1_2fc1,
    0x0bd0_0bd0,
    0x4750_4653,
    0x1983_0326,
];

/// The folder of one run; its files and itself are removed when it is dropped.
#[derive(Debug)]
pub struct ScratchFolder {
    path: PathBuf,
    files: Vec<PathBuf>,
    /// Open files stay without their names.
    unlinks: bool,
}

fn failed(fault: Fault, what: impl std::fmt::Display) -> Error {
    Error::new(fault, format!("scratch files: {what}"))
}

/// A failed write or read: the system says why.
fn broken(path: &Path, doing: &str, bytes: usize, at: u64, error: &std::io::Error) -> Error {
    let doing = format!("{doing} {bytes} bytes at {at} of {}", path.display());
    failed(Fault::Io, format!("{doing}: {error}"))
}

impl ScratchFolder {
    /// Makes a folder in `parent` for files of `bytes` in all.
    ///
    /// # Errors
    /// Output when there is no such folder, or it may not be written to; resource when it has too little room.
    pub fn create(parent: &Path, host: &str, bytes: u64) -> Result<Self> {
        let shown = parent.display();
        let parent = parent.canonicalize().map_err(|e| {
            let advice = "make it, or name another with `--scratch`";
            failed(
                Fault::Output,
                format!("the folder {shown} cannot be used: {e}; {advice}"),
            )
        })?;
        let status = rustix::fs::statvfs(&parent)
            .map_err(|e| failed(Fault::Output, format!("the folder {shown}: {e}")))?;
        let free = status.f_bavail.saturating_mul(status.f_frsize);
        // Some file systems do not say how large they are.
        if status.f_blocks > 0 && free < bytes {
            return Err(failed(
                Fault::Resource,
                format!(
                    "the plan needs {} in {shown}, where {} are free; name another folder with `--scratch`, or raise `--memory`",
                    format_bytes(bytes),
                    format_bytes(free)
                ),
            ));
        }
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let nanos = since.map_or(0, |d| d.as_nanos());
        let name = format!("{PREFIX}{host}-{}-{nanos}", std::process::id());
        let path = parent.join(name);
        DirBuilder::new().mode(0o700).create(&path).map_err(|e| {
            failed(
                Fault::Output,
                format!("no folder can be made in {shown}: {e}"),
            )
        })?;
        let kind = rustix::fs::statfs(&path).map(|status| status.f_type as u64 & 0xffff_ffff);
        Ok(ScratchFolder {
            unlinks: kind.is_ok_and(|kind| KEEP_OPEN_FILES.contains(&kind)),
            path,
            files: Vec::new(),
        })
    }

    /// Makes the file `name` of `bytes`; nothing is stored yet.
    ///
    /// # Errors
    /// Output when it cannot be made; I/O when it may not be so long.
    pub fn file(&mut self, name: &str, bytes: u64) -> Result<PathBuf> {
        let path = self.path.join(name);
        let mut options = OpenOptions::new();
        let made = options.write(true).create_new(true).mode(0o600).open(&path);
        let file = made.map_err(|e| failed(Fault::Output, format!("{}: {e}", path.display())))?;
        self.files.push(path.clone());
        file.set_len(bytes).map_err(|e| {
            let bytes = format_bytes(bytes);
            failed(
                Fault::Io,
                format!("{} cannot have {bytes}: {e}", path.display()),
            )
        })?;
        Ok(path)
    }

    /// True when the files stay without their names, so that they may lose them when all ranks have opened them.
    pub fn unlinks(&self) -> bool {
        self.unlinks
    }
}

impl Drop for ScratchFolder {
    fn drop(&mut self) {
        // What cannot be removed is named by a later start.
        for file in &self.files {
            let _ = std::fs::remove_file(file);
        }
        let _ = std::fs::remove_dir(&self.path);
    }
}

/// Scratch folders in `parent` whose job has ended: a process of this host that is no more, or untouched for a day.
pub fn leftovers(parent: &Path, host: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(parent) else {
        return Vec::new();
    };
    let left = |name: &str, modified: Option<SystemTime>| -> Option<bool> {
        let mut words = name.strip_prefix(PREFIX)?.rsplitn(3, '-');
        let (_, process, of) = (words.next()?, words.next()?, words.next()?);
        if of == host {
            let process = process.parse::<i32>().ok();
            let process = process.and_then(rustix::process::Pid::from_raw)?;
            // Of another user: it lives.
            let lives = rustix::process::test_kill_process(process);
            return Some(lives == Err(rustix::io::Errno::SRCH));
        }
        let age = modified?.elapsed().ok()?;
        Some(age.as_secs() > OLD_SECONDS)
    };
    let mut found: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| {
            let modified = entry.metadata().and_then(|m| m.modified()).ok();
            left(&entry.file_name().to_string_lossy(), modified) == Some(true)
        })
        .map(|entry| entry.path())
        .collect();
    found.sort();
    found
}

/// A scratch file as one rank has it open. Many threads read and write it at once, at addresses that the plan gives.
#[derive(Debug)]
pub struct ScratchFile {
    file: File,
    path: PathBuf,
}

/// A box inside an array that lies in a file in row-major order.
struct Runs<'a> {
    shape: &'a [usize],
    start: &'a [usize],
    part: &'a [usize],
    /// The axes from here on are whole: elements of one index before them are one run.
    whole_from: usize,
}

impl<'a> Runs<'a> {
    fn new(shape: &'a [usize], start: &'a [usize], part: &'a [usize]) -> Self {
        let mut whole_from = shape.len();
        while whole_from > 0 && part[whole_from - 1] == shape[whole_from - 1] {
            whole_from -= 1;
        }
        // The axis before the whole ones is cut, but what is taken of it lies together.
        Runs {
            shape,
            start,
            part,
            whole_from: whole_from.saturating_sub(1),
        }
    }

    /// Elements of one run.
    fn len(&self) -> usize {
        self.part[self.whole_from..].iter().product()
    }

    /// First elements of the runs, in order.
    fn starts(&self) -> impl Iterator<Item = usize> + '_ {
        let outer = self.part[..self.whole_from].iter().map(|len| 0..*len);
        crate::geom::positions(outer.collect()).map(|at| {
            (0..self.shape.len()).fold(0, |sum, axis| {
                sum * self.shape[axis] + self.start[axis] + at.get(axis).copied().unwrap_or(0)
            })
        })
    }
}

/// The box of a run of bytes that is read: where the array that holds it begins, its lengths, and the part of it.
#[derive(Clone, Copy, Debug)]
pub struct Window<'a> {
    /// Where the array begins in the file.
    pub address: u64,
    /// Bytes of an element.
    pub element_bytes: usize,
    /// Lengths of the array.
    pub shape: &'a [usize],
    /// First index of the part.
    pub start: &'a [usize],
    /// Lengths of the part.
    pub part: &'a [usize],
}

impl ScratchFile {
    /// Opens a file that rank 0 has made.
    ///
    /// # Errors
    /// Output when this rank does not see it.
    pub fn open(path: &Path, host: &str) -> Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path);
        let file = file.map_err(|e| {
            let folder = path.parent().and_then(Path::parent).unwrap_or(path);
            failed(
                Fault::Output,
                format!(
                    "host {host} does not see what rank 0 made in {}: {e}; name a folder that all nodes share (`--scratch`)",
                    folder.display()
                ),
            )
        })?;
        Ok(ScratchFile {
            file,
            path: path.to_owned(),
        })
    }

    /// Writes bytes at an address.
    ///
    /// # Errors
    /// I/O, with the place: the disk is full, a quota is spent, the device fails.
    pub fn write(&self, address: u64, bytes: &[u8]) -> Result<()> {
        let written = self.file.write_all_at(bytes, address);
        written.map_err(|e| broken(&self.path, "writing", bytes.len(), address, &e))
    }

    /// Makes what was written visible to other nodes.
    ///
    /// # Errors
    /// I/O when the system fails.
    pub fn sync(&self) -> Result<()> {
        let synced = self.file.sync_data();
        synced.map_err(|e| failed(Fault::Io, format!("{}: {e}", self.path.display())))
    }

    /// Replaces `raw` with the elements of a window in row-major order, `span_bytes` at a time where they lie apart.
    ///
    /// # Errors
    /// I/O when the system fails, or the file ends early.
    pub fn read(&self, window: &Window<'_>, span_bytes: usize, raw: &mut Vec<u8>) -> Result<()> {
        self.gather(window, span_bytes, raw, |buffer, at| {
            let read = retry::read_exact(&self.file, buffer, at, self.path.display());
            read.map_err(|e| broken(&self.path, "reading", buffer.len(), at, &e))
        })
    }

    /// As `read` when the bytes are in the system's memory; else `false`.
    pub fn read_cached(&self, window: &Window<'_>, span_bytes: usize, raw: &mut Vec<u8>) -> bool {
        let read = self.gather(
            window,
            span_bytes,
            raw,
            |buffer, at| match retry::read_cached(&self.file, buffer, at) {
                true => Ok(()),
                false => Err(()),
            },
        );
        read.is_ok()
    }

    fn gather<E>(
        &self,
        window: &Window<'_>,
        span_bytes: usize,
        raw: &mut Vec<u8>,
        read: impl Fn(&mut [u8], u64) -> Result<(), E>,
    ) -> Result<(), E> {
        let size = window.element_bytes;
        let total = window.part.iter().product::<usize>() * size;
        // Exactly as large as it is projected.
        raw.truncate(total);
        raw.shrink_to(total);
        raw.reserve_exact(total - raw.len());
        raw.resize(total, 0);
        if total == 0 {
            return Ok(());
        }
        let runs = Runs::new(window.shape, window.start, window.part);
        let run = runs.len() * size;
        let mut firsts = runs.starts().map(|first| first * size).peekable();
        let mut rest = &mut raw[..];
        let mut span = Vec::new();
        while let Some(first) = firsts.next() {
            // Runs that lie near one another are read together, with what is between them.
            let mut inside = vec![0];
            while let Some(next) = firsts.next_if(|next| next + run - first <= span_bytes) {
                inside.push(next - first);
            }
            let at = window.address + first as u64;
            let (now, later) = rest.split_at_mut((inside.len() * run).min(rest.len()));
            rest = later;
            if inside.len() == 1 {
                read(now, at)?;
                continue;
            }
            span.resize(inside[inside.len() - 1] + run, 0);
            read(&mut span, at)?;
            for (to, from) in now.chunks_exact_mut(run).zip(&inside) {
                to.copy_from_slice(&span[*from..*from + run]);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn windows_are_read_in_row_major_order() {
        let folder = tempfile::tempdir().unwrap();
        let mut scratch = ScratchFolder::create(folder.path(), "here", 1 << 20).unwrap();
        let path = scratch.file("0", 1 << 20).unwrap();
        let file = ScratchFile::open(&path, "here").unwrap();
        let shape = [5usize, 6, 7];
        let values: Vec<u16> = (0..210).collect();
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_ne_bytes()).collect();
        file.write(100, &bytes).unwrap();
        for start in [[0, 0, 0], [1, 2, 3], [4, 0, 1], [0, 5, 0]] {
            for part in [
                [5, 6, 7],
                [1, 1, 1],
                [2, 6, 7],
                [3, 4, 4],
                [1, 6, 2],
                [4, 1, 7],
            ] {
                let part: Vec<usize> = (0..3)
                    .map(|axis: usize| usize::min(part[axis], shape[axis] - start[axis]))
                    .collect();
                let expected: Vec<u8> = values
                    .iter()
                    .filter(|v| {
                        let at = [**v as usize / 42, **v as usize / 7 % 6, **v as usize % 7];
                        (0..3).all(|k| (start[k]..start[k] + part[k]).contains(&at[k]))
                    })
                    .flat_map(|v| v.to_ne_bytes())
                    .collect();
                for span in [1, 20, 4096] {
                    let window = Window {
                        address: 100,
                        element_bytes: 2,
                        shape: &shape,
                        start: &start,
                        part: &part,
                    };
                    let mut raw = vec![9; 1000];
                    file.read(&window, span, &mut raw).unwrap();
                    assert_eq!(raw, expected, "{start:?} {part:?} by {span}");
                    assert!(raw.capacity() <= expected.len().max(8));
                    assert!(!file.read_cached(&window, span, &mut raw) || raw == expected);
                }
            }
        }
        drop(scratch);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_a_killed_job_left_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        let dead = folder
            .path()
            .join(format!("{PREFIX}node-7-{}-1", child.id()));
        let own = format!("{PREFIX}node-7-{}-1", std::process::id());
        let other = format!("{PREFIX}node-8-{}-1", child.id());
        for name in [
            dead.clone(),
            folder.path().join(own),
            folder.path().join(other),
        ] {
            std::fs::create_dir(name).unwrap();
        }
        std::fs::create_dir(folder.path().join("data")).unwrap();
        assert_eq!(leftovers(folder.path(), "node-7"), [dead]);
    }

    #[test]
    fn no_folder_no_room() {
        let folder = tempfile::tempdir().unwrap();
        let error = ScratchFolder::create(&folder.path().join("none"), "here", 1).unwrap_err();
        assert!(error.message().contains("cannot be used"), "{error}");
        let error = ScratchFolder::create(folder.path(), "here", 1 << 62).unwrap_err();
        assert!(error.message().contains("are free"), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
