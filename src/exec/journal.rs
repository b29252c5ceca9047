//! What a rank notes while it runs, so that a later start goes on from there: pieces of outputs (by their writers), finished results in
//! memory, and partial results.
//!
//! Partial results change all the time. Who notes them waits fifty times as long as the noting took until it does so again:
//! at most 2 % of a thread's time goes into it, whatever their size.

use super::sink::{Finished, Running, SinkRun};
use crate::error::{Error, Result};
use crate::io::journal::{Blob, BlobWriter, Log, Record, StoredState};
use crate::kernel::{Out, State};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// So many times as long as it took passes until partial results are noted again.
const PAUSES: u32 = 50;

/// The journal of one rank.
pub(super) struct Journal {
    folder: PathBuf,
    /// Start and rank, as they are in the names of files.
    prefix: String,
    log: Arc<Log>,
    results: Mutex<Option<BlobWriter>>,
    /// Lane 0 is the rank's, for what waits; lane n is its thread n's.
    lanes: Vec<Mutex<Lane>>,
    /// Held for reading while a state leaves the tree and before its piece is noted: what waits is not noted meanwhile, lest the
    /// state be in neither.
    pub(super) delivering: RwLock<()>,
}

/// Two files take turns: that which the last record points to stays as it is until the next record is there.
struct Lane {
    turn: u8,
    due: Instant,
}

/// Partial results on their way into a file.
pub(super) struct States {
    writer: BlobWriter,
    states: Vec<StoredState>,
}

impl Out for BlobWriter {
    fn put(&mut self, bytes: &[u8]) {
        BlobWriter::put(self, bytes);
    }
}

impl States {
    fn blob(&mut self, state: &State) -> Result<Blob> {
        state.encode(&mut self.writer);
        self.writer.end().map_err(Error::internal)
    }
}

impl Journal {
    /// That of a rank in a start.
    pub(super) fn new(folder: &Path, start: u32, rank: usize, threads: usize) -> Self {
        let prefix = format!("{start}-{rank}");
        let lane = || {
            Mutex::new(Lane {
                turn: 0,
                due: Instant::now(),
            })
        };
        Journal {
            log: Arc::new(Log::new(folder.join(format!("{prefix}.log")))),
            folder: folder.to_owned(),
            prefix,
            results: Mutex::new(None),
            lanes: (0..=threads).map(|_| lane()).collect(),
            delivering: RwLock::new(()),
        }
    }

    /// The log of this rank.
    pub(super) fn log(&self) -> &Arc<Log> {
        &self.log
    }

    /// The folder.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Notes a finished piece of a result that stays in memory.
    pub(super) fn result(&self, (stage, sink): (usize, usize), finished: &Finished) {
        let mut results = self.results.lock().unwrap_or_else(PoisonError::into_inner);
        let written = (|| -> std::io::Result<Blob> {
            if results.is_none() {
                let name = format!("{}.results", self.prefix);
                *results = Some(BlobWriter::open(&self.folder, name, false)?);
            }
            let Some(writer) = &mut *results else {
                return Err(std::io::ErrorKind::NotFound.into());
            };
            writer.put(finished.block.buffer().as_bytes());
            writer.flush()?;
            writer.end()
        })();
        match written {
            Ok(blob) => self.log.note(&Record::Result {
                stage: stage as u32,
                sink: sink as u32,
                start: finished.region.start.clone(),
                shape: finished.region.shape.clone(),
                blob,
            }),
            Err(e) => self.log.fail(&e),
        }
    }

    /// Notes the states of a segment of which `tiles` tiles are in them; unless `now`, only when it is time.
    pub(super) fn running(
        &self,
        (lane, stage, now): (usize, usize, bool),
        (column, segment, tiles): (&[usize], usize, usize),
        sinks: &[Option<Running>],
    ) {
        self.states((lane, stage, now), |states| {
            let mut blobs = Vec::new();
            for (number, running) in sinks.iter().enumerate() {
                if let Some(Running::Fold(state)) = running {
                    blobs.push((number as u32, states.blob(state)?));
                }
            }
            states.states.push(StoredState::Running {
                column: column.to_vec(),
                segment,
                tiles,
                sinks: blobs,
            });
            Ok(())
        });
    }

    /// Notes what waits in the trees of all sinks; unless `now`, only when it is time and no piece is on its way.
    pub(super) fn waiting(&self, stage: usize, sinks: &[SinkRun<'_>], now: bool) {
        if !sinks.iter().any(SinkRun::waits) {
            return;
        }
        let Ok(_quiet) = self.delivering.try_write() else {
            return;
        };
        self.states((0, stage, now), |states| {
            for (number, sink) in sinks.iter().enumerate() {
                sink.each_waiting(|piece, node, state| {
                    let blob = states.blob(state)?;
                    states.states.push(StoredState::Node {
                        sink: number as u32,
                        piece: piece.to_vec(),
                        node,
                        blob,
                    });
                    Ok(())
                })?;
            }
            Ok(())
        });
    }

    /// True when a lane may note partial results again.
    pub(super) fn due(&self, lane: usize) -> bool {
        let Some(Ok(lane)) = self.lanes.get(lane).map(Mutex::try_lock) else {
            return false;
        };
        Instant::now() >= lane.due
    }

    fn states(
        &self,
        (lane, stage, now): (usize, usize, bool),
        fill: impl FnOnce(&mut States) -> Result<()>,
    ) {
        let Some(Ok(mut at)) = self.lanes.get(lane).map(Mutex::try_lock) else {
            return;
        };
        let began = Instant::now();
        if !now && began < at.due {
            return;
        }
        let name = format!("{}-{lane}.{}", self.prefix, at.turn);
        let written = (|| -> Result<Vec<StoredState>> {
            let writer = BlobWriter::open(&self.folder, name, true).map_err(Error::internal)?;
            let mut states = States {
                writer,
                states: Vec::new(),
            };
            fill(&mut states)?;
            states.writer.flush().map_err(Error::internal)?;
            Ok(states.states)
        })();
        match written {
            Ok(states) => self.log.note(&Record::States {
                stage: stage as u32,
                lane: lane as u32,
                states,
            }),
            Err(e) => self.log.fail(&e),
        }
        at.turn ^= 1;
        at.due = Instant::now() + (began.elapsed() * PAUSES).min(Duration::from_secs(600));
    }

    /// Brings everything to disk that this rank has noted: at a clean stop.
    pub(super) fn sync(&self) {
        let mut results = self.results.lock().unwrap_or_else(PoisonError::into_inner);
        let synced = results.as_mut().map_or(Ok(()), BlobWriter::sync);
        let synced = synced.and_then(|()| self.log.sync()).and_then(|()| {
            for lane in 0..self.lanes.len() {
                for turn in 0..2 {
                    let path = self.folder.join(format!("{}-{lane}.{turn}", self.prefix));
                    match std::fs::File::open(path) {
                        Ok(file) => file.sync_data()?,
                        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                        Err(e) => return Err(e),
                    }
                }
            }
            Ok(())
        });
        if let Err(e) = synced {
            self.log.fail(&e);
        }
    }
}
