//! Reading ahead: reads wait for the file system, decoding uses the CPU, so each has threads and a budget of its own.
//!
//! A task asks for the chunks of its next tile before it decodes those of the current one. What the system holds in its
//! memory is copied at once; for the rest a pool of reader threads (`Limits::reads`: the reads in flight of a rank), which
//! starts with the first such chunk, waits in the task's place.

use super::kept::KeptChunk;
use crate::comm::quiet_panics;
use crate::error::{Error, Result};
use crate::geom::Region;
use crate::io::Source;
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

struct Request {
    source: Arc<dyn Source>,
    chunk: Vec<usize>,
    part: Region,
    raw: Vec<u8>,
    slot: usize,
    reply: Sender<(usize, Result<Vec<u8>>)>,
}

/// The reader threads of one rank.
pub(super) struct Readers {
    reads: usize,
    requests: Option<Sender<Request>>,
    inbox: Receiver<Request>,
    /// None before the first request.
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Readers {
    /// At most `reads` reads at once.
    pub(super) fn new(reads: usize) -> Self {
        let (requests, inbox) = unbounded();
        Readers {
            reads: reads.max(1),
            requests: Some(requests),
            inbox,
            threads: Mutex::default(),
        }
    }

    fn send(&self, request: Request) -> Result<()> {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        while threads.len() < self.reads {
            let inbox = self.inbox.clone();
            let thread = std::thread::Builder::new()
                .name(format!("read-{}", threads.len()))
                // Room for the handshake of an encrypted connection too.
                .stack_size(1 << 20)
                .spawn(move || {
                    for mut request in inbox {
                        let (chunk, part, raw) = (&request.chunk, &request.part, &mut request.raw);
                        let fetched = quiet_panics(|| {
                            super::faults::here("read")?;
                            request.source.fetch_part(chunk, part, raw)
                        });
                        let result = fetched.flatten().map(|()| request.raw);
                        // The asker may have failed and gone: nobody waits for this chunk then.
                        let _ = request.reply.send((request.slot, result));
                    }
                })
                .map_err(|e| Error::resource(format!("starting a reader thread: {e}")))?;
            threads.push(thread);
        }
        drop(threads);
        let sent = self.requests.as_ref().map(|r| r.send(request).is_ok());
        match sent {
            Some(true) => Ok(()),
            _ => Err(Error::internal("the reader threads are gone")),
        }
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.requests = None;
        let threads = std::mem::take(&mut self.threads);
        for thread in threads.into_inner().unwrap_or_else(PoisonError::into_inner) {
            let _ = thread.join();
        }
    }
}

/// One stored chunk that a tile needs: for which input, and which part of the array it fills.
pub(super) struct Piece {
    pub(super) input: usize,
    pub(super) chunk: Vec<usize>,
    pub(super) part: Region,
    /// It was decoded by an earlier pass.
    pub(super) kept: Option<Arc<KeptChunk>>,
}

/// The chunks of one tile, on their way.
pub(super) struct Pending {
    pub(super) pieces: Vec<Piece>,
    raws: Vec<Option<Vec<u8>>>,
    waiting: usize,
    inbox: Receiver<(usize, Result<Vec<u8>>)>,
}

impl Readers {
    /// Asks for the chunks of `pieces`; `spare` gives buffers to reuse.
    pub(super) fn request(
        &self,
        sources: &[Option<Arc<dyn Source>>],
        pieces: Vec<Piece>,
        spare: &mut Vec<Vec<u8>>,
    ) -> Result<Pending> {
        let (reply, inbox) = bounded(pieces.len().max(1));
        let mut pending = Pending {
            raws: pieces.iter().map(|_| None).collect(),
            waiting: 0,
            inbox,
            pieces,
        };
        for (slot, piece) in pending.pieces.iter().enumerate() {
            let source = sources[piece.input]
                .as_ref()
                .ok_or_else(|| Error::internal("a chunk of an input that is no file"))?;
            let mut raw = spare.pop().unwrap_or_default();
            if piece.kept.is_some() || source.stored_bytes(&piece.chunk) == 0 {
                raw.clear();
                pending.raws[slot] = Some(raw);
                continue;
            }
            // Handing a chunk from thread to thread costs more than copying it out of the system's memory.
            if !super::faults::wanted("read")
                && source.fetch_part_cached(&piece.chunk, &piece.part, &mut raw)
            {
                pending.raws[slot] = Some(raw);
                continue;
            }
            let request = Request {
                source: source.clone(),
                chunk: piece.chunk.clone(),
                part: piece.part.clone(),
                raw,
                slot,
                reply: reply.clone(),
            };
            pending.waiting += 1;
            self.send(request)?;
        }
        Ok(pending)
    }
}

impl Pending {
    /// Waits for all chunks; their raw bytes in the order of the pieces.
    pub(super) fn wait(mut self) -> Result<(Vec<Piece>, Vec<Vec<u8>>)> {
        while self.waiting > 0 {
            let (slot, result) = self
                .inbox
                .recv()
                .map_err(|_| Error::internal("a reader thread ended early"))?;
            self.raws[slot] = Some(result?);
            self.waiting -= 1;
        }
        let raws = self
            .raws
            .into_iter()
            .map(Option::unwrap_or_default)
            .collect();
        Ok((self.pieces, raws))
    }
}
