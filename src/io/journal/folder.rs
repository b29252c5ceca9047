//! The folder of a journal: made beside an output, found again, removed.

use super::key::RunKey;
use super::log::Log;
use super::record::Record;
use crate::io::save::directory;
use rayon::prelude::*;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{ErrorKind, Result, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// What the names of everything unfinished have in the middle.
const MIDDLE: &str = ".hyperslab-";
const JOURNAL: &str = ".journal";
const PART: &str = ".part";
/// Of a journal that is being removed.
const GONE: &str = ".gone";
const RUN: &str = "run.json";
/// Version of the form of journals.
const VERSION: u32 = 1;

/// A start of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Its number, from 0.
    pub number: u32,
    /// Where rank 0 ran.
    pub host: String,
    /// Its process.
    pub pid: u32,
    /// Number of ranks.
    pub ranks: usize,
    /// Digest of tiles and stages: partial results of others cannot be used.
    pub tiles: String,
    /// The unfinished outputs that it writes.
    pub parts: Vec<PathBuf>,
}

#[derive(Serialize, Deserialize)]
struct Run {
    journal: u32,
    software: String,
    key: RunKey,
}

/// The journal of a run that this process leads; it is locked as long as this lives.
pub struct JournalFolder {
    path: PathBuf,
    token: String,
    next: u32,
    run: File,
}

/// What was found of an earlier run.
pub enum Interrupted {
    /// Nothing.
    No,
    /// It is still running.
    Running(PathBuf),
    /// Another run: in what it differs.
    Other(PathBuf, String),
    /// The same run.
    Same(JournalFolder, Found),
}

/// What the same run has noted.
#[derive(Default)]
pub struct Found {
    /// Its starts.
    pub attempts: Vec<Attempt>,
    /// Per log: the number of the start, and the records in their order.
    pub logs: Vec<(u32, Vec<Record>)>,
}

/// A name for what is unfinished that no other process uses.
fn token() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |d| d.as_nanos() as u64);
    format!("{:x}-{:x}", std::process::id(), now & 0xff_ffff_ffff)
}

fn hidden(path: &Path, token: &str, ending: &str) -> Option<PathBuf> {
    let name = path.file_name()?.to_string_lossy();
    Some(directory(path).join(format!(".{name}{MIDDLE}{token}{ending}")))
}

/// The name of an output while it is written: of the run whose journal has this token, or of none.
pub(super) fn part_name(path: &Path, of: Option<&str>) -> Option<PathBuf> {
    match of {
        Some(token) => hidden(path, token, PART),
        None => hidden(path, &token(), PART),
    }
}

/// The journals of an output: paths and tokens.
fn journals(output: &Path) -> Vec<(PathBuf, String)> {
    beside(output, JOURNAL)
}

/// What lies beside an output with this ending: paths and tokens.
fn beside(output: &Path, ending: &str) -> Vec<(PathBuf, String)> {
    let Some(name) = output.file_name() else {
        return Vec::new();
    };
    let before = format!(".{}{MIDDLE}", name.to_string_lossy());
    let Ok(entries) = std::fs::read_dir(directory(output)) else {
        return Vec::new();
    };
    let names = entries.flatten().filter_map(|entry| {
        let name = entry.file_name();
        let name = name.to_str()?;
        let token = name.strip_prefix(&before)?.strip_suffix(ending)?;
        Some((entry.path(), token.to_owned()))
    });
    names.collect()
}

/// The lock of a journal, when its run is dead; `None` when it lives.
fn lock(path: &Path) -> Result<Option<File>> {
    let file = File::options()
        .read(true)
        .write(true)
        .open(path.join(RUN))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(Errno::WOULDBLOCK) => Ok(None),
        // A file system without locks: nobody can be asked.
        Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::NOLCK | Errno::INVAL) => Ok(Some(file)),
        Err(e) => Err(e.into()),
    }
}

fn attempts(path: &Path) -> Vec<Attempt> {
    let mut all = Vec::new();
    for number in 0.. {
        let Ok(text) = std::fs::read(path.join(format!("attempt-{number}.json"))) else {
            break;
        };
        // One that was cut off has written nothing.
        let Ok(attempt) = serde_json::from_slice(&text) else {
            break;
        };
        all.push(attempt);
    }
    all
}

impl JournalFolder {
    /// A new journal beside `output`.
    ///
    /// # Errors
    /// Those of the system.
    pub fn create(output: &Path, key: &RunKey) -> Result<Self> {
        let token = token();
        let path = hidden(output, &token, JOURNAL)
            .ok_or_else(|| std::io::Error::from(ErrorKind::InvalidInput))?;
        std::fs::create_dir(&path)?;
        let run = Run {
            journal: VERSION,
            software: env!("CARGO_PKG_VERSION").to_owned(),
            key: key.clone(),
        };
        let mut file = File::options()
            .write(true)
            .create_new(true)
            .open(path.join(RUN))?;
        // Where there are no locks it goes without.
        let _ = flock(&file, FlockOperation::NonBlockingLockExclusive);
        file.write_all(&serde_json::to_vec(&run)?)?;
        Ok(JournalFolder {
            path,
            token,
            next: 0,
            run: file,
        })
    }

    /// Looks for the journal of an interrupted run of `output`; that of the same run wins over others, the latest over earlier ones.
    ///
    /// # Errors
    /// Those of the system.
    pub fn find(output: &Path, key: &RunKey) -> Result<Interrupted> {
        let mut other = Interrupted::No;
        let mut all = journals(output);
        // Tokens of one process grow with time; of several any order is right.
        all.sort_by_cached_key(|(path, _)| {
            let changed = path.join(RUN).metadata().and_then(|m| m.modified());
            std::cmp::Reverse(changed.ok())
        });
        for (path, token) in all {
            let Ok(Some(run)) = read_run(&path) else {
                continue;
            };
            let lock = match lock(&path) {
                Ok(Some(lock)) => lock,
                Ok(None) => return Ok(Interrupted::Running(path)),
                Err(e) if e.kind() == ErrorKind::NotFound => continue,
                Err(e) => return Err(e),
            };
            let run = match run {
                Ok(run) => run,
                Err(why) => {
                    other = Interrupted::Other(path, why);
                    continue;
                }
            };
            if let Some(difference) = run.key.difference(key) {
                other = Interrupted::Other(path, difference);
                continue;
            }
            let attempts = attempts(&path);
            let logs = read_logs(&path, attempts.len() as u32)?;
            let folder = JournalFolder {
                next: attempts.len() as u32,
                path,
                token,
                run: lock,
            };
            return Ok(Interrupted::Same(folder, Found { attempts, logs }));
        }
        Ok(other)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What names the unfinished outputs of its next start.
    pub fn token(&self) -> String {
        format!("{}-{}", self.token, self.next)
    }

    /// Number of the next start.
    pub fn next(&self) -> u32 {
        self.next
    }

    /// Notes a start, before its first output is made.
    ///
    /// # Errors
    /// Those of the system.
    pub fn begin(&mut self, attempt: &Attempt) -> Result<()> {
        let text = serde_json::to_vec(attempt)?;
        let name = format!("attempt-{}.json", attempt.number);
        std::fs::write(self.path.join(name), text)?;
        self.next = attempt.number + 1;
        Ok(())
    }

    /// Brings the folder to disk, with its few files that have no owner on another rank.
    ///
    /// # Errors
    /// Those of the system.
    pub fn sync(&self) -> Result<()> {
        for number in 0..self.next {
            File::open(self.path.join(format!("attempt-{number}.json")))?.sync_all()?;
        }
        self.run.sync_all()?;
        File::open(&self.path)?.sync_all()?;
        File::open(directory(&self.path))?.sync_all()
    }

    /// The run is over: nothing is left to go on from.
    ///
    /// # Errors
    /// Those of the system.
    pub fn remove(self) -> Result<()> {
        discard(&self.path)
    }
}

fn read_run(path: &Path) -> Result<Option<std::result::Result<Run, String>>> {
    let text = std::fs::read(path.join(RUN))?;
    let Ok(value) = serde_json::from_slice::<serde_json::Value>(&text) else {
        return Ok(None);
    };
    let software = value["software"].as_str().unwrap_or("?").to_owned();
    Ok(Some(match serde_json::from_value::<Run>(value) {
        Ok(run) if run.journal == VERSION => Ok(run),
        _ => Err(format!(
            "it was started by hyperslab {software}, whose journal this version does not read"
        )),
    }))
}

fn read_logs(path: &Path, attempts: u32) -> Result<Vec<(u32, Vec<Record>)>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let name = entry?.file_name();
        let Some(name) = name.to_str().map(str::to_owned) else {
            continue;
        };
        let numbers = name.strip_suffix(".log").and_then(|n| n.split_once('-'));
        let attempt = numbers.and_then(|(attempt, rank)| {
            rank.parse::<usize>().ok()?;
            attempt.parse::<u32>().ok()
        });
        if let Some(attempt) = attempt.filter(|attempt| *attempt < attempts) {
            names.push((attempt, name));
        }
    }
    names.sort();
    names
        .into_par_iter()
        .map(|(attempt, name)| Ok((attempt, Log::read(&path.join(name))?)))
        .collect()
}

/// Removes what dead runs have left of an output that is complete now.
pub fn tidy(output: &Path) {
    for (path, _) in journals(output) {
        if let Ok(Some(_lock)) = lock(&path) {
            let found = attempts(&path);
            for part in found.iter().flat_map(|attempt| &attempt.parts) {
                remove_part(part);
            }
            let _ = discard(&path);
        }
    }
    for (path, _) in beside(output, GONE) {
        let _ = std::fs::remove_dir_all(path);
    }
}

/// Removes a journal. It gets another name first: one that a kill has left with half of its files is none.
fn discard(path: &Path) -> Result<()> {
    let gone = path.with_extension(&GONE[1..]);
    std::fs::rename(path, &gone)?;
    std::fs::remove_dir_all(gone)
}

/// Removes an unfinished output of a dead run. What stays in the way is no harm.
pub fn remove_part(part: &Path) {
    let name = part.file_name().map(|n| n.to_string_lossy().into_owned());
    // The name comes out of a file: nothing but what this program names so is ever removed.
    if !name.is_some_and(|n| n.starts_with('.') && n.contains(MIDDLE) && n.ends_with(PART)) {
        return;
    }
    let _ = match part.symlink_metadata() {
        Ok(meta) if meta.is_dir() => std::fs::remove_dir_all(part),
        Ok(_) => std::fs::remove_file(part),
        Err(_) => Ok(()),
    };
}
