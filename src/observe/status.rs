//! Where each rank stands, in a small file of its own that it writes over in place every second: no port, no message, and one
//! operation of the file system per rank and interval. Any node that sees the folder can watch.

use super::recorder::{Recorder, SpanRecord, Stand};
use crate::error::{Error, Fault, Result};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What a rank says of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {
    /// What the job runs.
    pub job: String,
    /// The rank.
    pub rank: u32,
    /// Ranks of the job.
    pub ranks: u32,
    /// Where it runs.
    pub host: String,
    /// Its process there.
    pub process: u32,
    /// Its compute threads.
    pub threads: u32,
    /// Bytes of array data that it may hold.
    pub memory_bytes: u64,
    /// `running`, `done` or `failed`.
    pub state: String,
    /// What it failed of.
    pub error: Option<String>,
    /// When the job began, in seconds since 1970.
    pub began_unix: f64,
    /// When this was written.
    pub updated_unix: f64,
    /// Seconds between two records.
    pub interval_s: f64,
    /// Where it stands.
    pub stand: Stand,
    /// What its threads did lately, where a page shows it.
    pub spans: Vec<SpanRecord>,
}

const SUFFIX: &str = "status";
/// Spans of a thread in one record.
const RECENT_SPANS: usize = 40;
/// Ranks for which the interval grows by a second.
const RANKS_PER_SECOND: usize = 512;

/// What does not change while a job runs.
pub(crate) struct About {
    /// What it runs.
    pub job: String,
    /// Its ranks.
    pub ranks: usize,
    /// Bytes of array data that a rank may hold.
    pub memory_bytes: u64,
}

/// Writes the status of a rank until it is dropped.
pub(crate) struct StatusFiles {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
    ended: Arc<Mutex<Option<std::result::Result<(), String>>>>,
}

/// Seconds since 1970.
pub(super) fn unix_now() -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0.0, |d| d.as_secs_f64())
}

fn failed(doing: &str, path: &Path, why: &std::io::Error) -> Error {
    Error::new(
        Fault::Output,
        format!("--status: {doing} {}: {why}", path.display()),
    )
}

/// Makes the folder and removes what an earlier job left in it. By one rank, before the others write there.
///
/// # Errors
/// Output when that fails.
pub(crate) fn prepare(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|e| failed("making the folder", folder, &e))?;
    let entries = std::fs::read_dir(folder).map_err(|e| failed("reading", folder, &e))?;
    for entry in entries.flatten() {
        if entry.path().extension().is_some_and(|e| e == SUFFIX) {
            let gone = std::fs::remove_file(entry.path());
            gone.map_err(|e| failed("removing", &entry.path(), &e))?;
        }
    }
    Ok(())
}

impl StatusFiles {
    /// Starts to write the status of the rank of `recorder` into `folder`.
    ///
    /// # Errors
    /// Output when the first record cannot be written. (Later ones that cannot are left out: a full disk of watchers does not end
    /// a job.)
    pub(crate) fn start(folder: &Path, recorder: &Arc<Recorder>, about: About) -> Result<Self> {
        let path = folder.join(format!("rank-{:06}.{SUFFIX}", recorder.rank()));
        let file = File::create(&path).map_err(|e| failed("creating", &path, &e))?;
        let ended = Arc::new(Mutex::new(None));
        let interval = Duration::from_secs(1 + (about.ranks / RANKS_PER_SECOND) as u64);
        let mut writer = Writer {
            file,
            path,
            longest: 0,
            recorder: recorder.clone(),
            about,
            interval,
            ended: ended.clone(),
            shown_ns: 0,
        };
        writer.write()?;
        let (stop, stopped) = channel::<()>();
        let thread = std::thread::Builder::new()
            .name("status".to_owned())
            .stack_size(256 << 10)
            .spawn(move || {
                while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                    let _ = writer.write();
                }
                let _ = writer.write();
            })
            .map_err(|e| Error::resource(format!("starting the status thread: {e}")))?;
        Ok(StatusFiles {
            stop: Some(stop),
            thread: Some(thread),
            ended,
        })
    }

    /// The job has ended: the last record says how.
    pub(crate) fn end(self, result: std::result::Result<(), String>) {
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
    }
}

impl Drop for StatusFiles {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Writer {
    file: File,
    path: PathBuf,
    /// Bytes of the longest record so far: shorter ones are filled up, so that nothing of an older one stays behind them.
    longest: usize,
    recorder: Arc<Recorder>,
    about: About,
    interval: Duration,
    ended: Arc<Mutex<Option<std::result::Result<(), String>>>>,
    shown_ns: u64,
}

impl Writer {
    fn write(&mut self) -> Result<()> {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let (state, error) = match &*ended {
            None => ("running", None),
            Some(Ok(())) => ("done", None),
            Some(Err(why)) => ("failed", Some(why.clone())),
        };
        drop(ended);
        let spans = self.recorder.recent(self.shown_ns, RECENT_SPANS);
        let shown = spans.iter().map(|span| span.start_ns + span.took_ns);
        self.shown_ns = shown.max().unwrap_or(self.shown_ns);
        let status = Status {
            job: self.about.job.clone(),
            rank: self.recorder.rank() as u32,
            ranks: self.about.ranks as u32,
            host: self.recorder.host().to_owned(),
            process: std::process::id(),
            threads: self.recorder.threads() as u32,
            memory_bytes: self.about.memory_bytes,
            state: state.to_owned(),
            error,
            began_unix: self.recorder.began_unix(),
            updated_unix: unix_now(),
            interval_s: self.interval.as_secs_f64(),
            stand: self.recorder.stand(),
            spans,
        };
        let text = serde_json::to_string(&status)
            .map_err(|e| Error::internal(format!("a status as JSON: {e}")))?;
        let mut record = format!("{:08x}\n{text}\n", crc32c::crc32c(text.as_bytes()));
        self.longest = self.longest.max(record.len());
        record.extend(std::iter::repeat_n(' ', self.longest - record.len()));
        let written = self.file.write_all_at(record.as_bytes(), 0);
        written.map_err(|e| failed("writing", &self.path, &e))
    }
}

/// A record whose checksum is right: a reader may meet one that is being written.
fn parse(text: &str) -> Option<Status> {
    let (sum, rest) = text.split_once('\n')?;
    let json = rest.split('\n').next()?;
    let right = u32::from_str_radix(sum, 16).ok()? == crc32c::crc32c(json.as_bytes());
    right.then(|| serde_json::from_str(json).ok()).flatten()
}

/// How often a record that is being written is read again.
const TRIES: usize = 5;

/// The records of all ranks in a folder, by rank. Those that are being written again and again are left out.
///
/// # Errors
/// Invalid input when the folder cannot be read, or has no records.
pub fn read_folder(folder: &Path) -> Result<Vec<Status>> {
    let bad = |why: &str| Error::invalid(format!("status of {}: {why}", folder.display()));
    let entries = std::fs::read_dir(folder).map_err(|e| bad(&e.to_string()))?;
    let mut all = Vec::new();
    let mut found = false;
    for entry in entries.flatten() {
        let path = entry.path();
        if path.extension().is_none_or(|e| e != SUFFIX) {
            continue;
        }
        found = true;
        for attempt in 0..TRIES {
            // One that is gone again, or is no text, is as good as none.
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            if let Some(status) = parse(&text) {
                all.push(status);
                break;
            }
            std::thread::sleep(Duration::from_millis(5 << attempt));
        }
    }
    if !found {
        return Err(bad(
            "no records; a job writes them with --status DIR (or HYPERSLAB_STATUS=DIR)",
        ));
    }
    all.sort_by_key(|status| status.rank);
    Ok(all)
}
