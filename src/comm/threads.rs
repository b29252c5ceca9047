//! The fabric of n ranks as threads of one process: distributed tests are plain `cargo test`.
//!
//! Each rank has a mailbox. Messages are split as on a real network, so that tests cover it. A rank that panics or
//! aborts wakes all others, and each blocked call there returns an error; a rank that waits for one that has ended gets
//! an error, too. The process itself never ends.

use super::endpoint::Endpoint;
use super::panics::panic_text;
use super::wire::{Aborter, Backoff, USER, Wire, host_name, is_inline, pieces};
use super::{Comm, Message};
use crate::error::{Error, Origin, Result};
use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a waiting rank sleeps at most before it looks again.
const LONGEST_SLEEP: Duration = Duration::from_millis(20);

struct Parcel {
    source: usize,
    length: usize,
    pieces: Vec<Arc<Vec<u8>>>,
    /// The sender's count of bytes in flight still holds this one.
    counted: bool,
}

#[derive(Default)]
struct Inbox {
    /// Grows with everything a waiting rank may want to see.
    version: u64,
    channels: BTreeMap<u32, VecDeque<Parcel>>,
}

#[derive(Default)]
struct Mailbox {
    inbox: Mutex<Inbox>,
    news: Condvar,
    finished: AtomicBool,
    bytes_in_flight: AtomicUsize,
    messages_in_flight: AtomicUsize,
}

struct Fabric {
    boxes: Vec<Mailbox>,
    aborted: AtomicBool,
    /// Why the job ended early: the first reason stays.
    reason: Mutex<Option<Error>>,
    limit: usize,
    host: String,
}

/// The payload of the panic by which `abort` leaves a rank.
struct Aborted;

impl Fabric {
    fn inbox(&self, rank: usize) -> MutexGuard<'_, Inbox> {
        self.boxes[rank]
            .inbox
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self, rank: usize) {
        self.inbox(rank).version += 1;
        self.boxes[rank].news.notify_all();
    }

    fn end(&self, reason: Error) {
        self.reason
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(reason);
        self.aborted.store(true, Ordering::SeqCst);
        (0..self.boxes.len()).for_each(|rank| self.wake(rank));
    }

    /// The reason why the job has ended, as an error, for every call of every rank.
    fn check(&self) -> Result<()> {
        if !self.aborted.load(Ordering::SeqCst) {
            return Ok(());
        }
        let reason = self
            .reason
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        Err(reason.unwrap_or_else(|| Error::internal("the job was ended")))
    }

    fn finish(&self, rank: usize) {
        self.boxes[rank].finished.store(true, Ordering::SeqCst);
        (0..self.boxes.len()).for_each(|rank| self.wake(rank));
    }

    fn delivered(&self, parcel: &mut Parcel) {
        if std::mem::take(&mut parcel.counted) {
            let sender = &self.boxes[parcel.source];
            sender
                .bytes_in_flight
                .fetch_sub(parcel.length, Ordering::SeqCst);
            sender.messages_in_flight.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

struct ThreadWire {
    fabric: Arc<Fabric>,
    rank: usize,
    /// Version of the inbox at the last look.
    seen: std::cell::Cell<u64>,
}

impl Wire for ThreadWire {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.fabric.boxes.len()
    }

    fn host(&self) -> &str {
        &self.fabric.host
    }

    fn limit(&self) -> usize {
        self.fabric.limit
    }

    fn post(&self, destination: usize, channel: u32, bytes: Arc<Vec<u8>>) -> Result<()> {
        self.fabric.check()?;
        let length = bytes.len();
        let limit = self.fabric.limit;
        let pieces = if is_inline(length, limit) || length <= limit {
            vec![bytes]
        } else {
            pieces(length, limit)
                .map(|piece| Arc::new(bytes[piece].to_vec()))
                .collect()
        };
        let counted = channel >= USER;
        if counted {
            let own = &self.fabric.boxes[self.rank];
            own.bytes_in_flight.fetch_add(length, Ordering::SeqCst);
            own.messages_in_flight.fetch_add(1, Ordering::SeqCst);
        }
        let parcel = Parcel {
            source: self.rank,
            length,
            pieces,
            counted,
        };
        let mut inbox = self.fabric.inbox(destination);
        inbox.channels.entry(channel).or_default().push_back(parcel);
        inbox.version += 1;
        drop(inbox);
        self.fabric.boxes[destination].news.notify_all();
        Ok(())
    }

    fn poll(&self, source: Option<usize>, channel: u32) -> Result<Option<Message>> {
        self.fabric.check()?;
        let mut inbox = self.fabric.inbox(self.rank);
        self.seen.set(inbox.version);
        let Some(queue) = inbox.channels.get_mut(&channel) else {
            return Ok(None);
        };
        let wanted = |parcel: &Parcel| source.is_none_or(|source| source == parcel.source);
        let Some(mut parcel) = queue
            .iter()
            .position(wanted)
            .and_then(|at| queue.remove(at))
        else {
            return Ok(None);
        };
        drop(inbox);
        let counted = parcel.counted;
        self.fabric.delivered(&mut parcel);
        if counted {
            self.fabric.wake(parcel.source);
        }
        let bytes = match parcel.pieces.len() {
            1 => parcel
                .pieces
                .pop()
                .map(Arc::unwrap_or_clone)
                .unwrap_or_default(),
            _ => parcel
                .pieces
                .iter()
                .flat_map(|piece| piece.iter().copied())
                .collect(),
        };
        if bytes.len() != parcel.length {
            return Err(Error::internal(format!(
                "a message of {} bytes arrived in pieces of {} bytes together",
                parcel.length,
                bytes.len()
            )));
        }
        Ok(Some(Message {
            source: parcel.source,
            bytes,
        }))
    }

    fn in_flight(&self, collective: bool) -> Result<(usize, usize)> {
        self.seen.set(self.fabric.inbox(self.rank).version);
        if collective {
            // What lies in a mailbox is delivered.
            return Ok((0, 0));
        }
        let own = &self.fabric.boxes[self.rank];
        Ok((
            own.bytes_in_flight.load(Ordering::SeqCst),
            own.messages_in_flight.load(Ordering::SeqCst),
        ))
    }

    fn absorb(&self) -> Result<()> {
        let mut inbox = self.fabric.inbox(self.rank);
        let mut senders = Vec::new();
        for parcel in inbox
            .channels
            .range_mut(USER..)
            .flat_map(|(_, queue)| queue)
        {
            if parcel.counted {
                self.fabric.delivered(parcel);
                senders.push(parcel.source);
            }
        }
        drop(inbox);
        senders
            .into_iter()
            .for_each(|sender| self.fabric.wake(sender));
        Ok(())
    }

    fn nudge(&self, rank: usize) {
        self.fabric.wake(rank);
    }

    fn pause(&self, _: &mut Backoff, source: Option<usize>) -> Result<()> {
        // Read before the version: everything a rank posts comes before its end.
        let gone = source.is_some_and(|s| self.fabric.boxes[s].finished.load(Ordering::SeqCst));
        self.fabric.check()?;
        let inbox = self.fabric.inbox(self.rank);
        if inbox.version != self.seen.get() {
            return Ok(());
        }
        if let (true, Some(source)) = (gone, source) {
            return Err(Error::internal(format!(
                "rank {} waits for a message from rank {source}, which has ended",
                self.rank
            )));
        }
        // A lost wake-up costs one sleep, no more.
        drop(
            self.fabric.boxes[self.rank]
                .news
                .wait_timeout(inbox, LONGEST_SLEEP),
        );
        Ok(())
    }

    fn aborter(&self) -> Aborter {
        let (fabric, rank) = (Arc::clone(&self.fabric), self.rank);
        Arc::new(move |exit_code, report| {
            eprintln!("hyperslab: {report}");
            fabric.end(ended(
                &fabric,
                rank,
                &format!("{report} (exit code {exit_code})"),
            ));
        })
    }

    fn abort(&self, exit_code: i32) -> ! {
        let text = format!(
            "rank {} ended the job with exit code {exit_code}",
            self.rank
        );
        self.fabric.end(ended(&self.fabric, self.rank, &text));
        resume_unwind(Box::new(Aborted))
    }
}

fn ended(fabric: &Fabric, rank: usize, text: &str) -> Error {
    Error::internal(text).at_rank(Origin {
        rank,
        size: fabric.boxes.len(),
        host: fabric.host.clone(),
    })
}

/// Runs `body` on `ranks` threads, rank 0 on this one, and returns rank 0's result.
///
/// # Errors
/// What rank 0 returns; when a rank panicked or ended the job, that.
pub(super) fn run<T: Send>(
    ranks: usize,
    message_bytes: usize,
    body: &(impl Fn(&dyn Comm) -> Result<T> + Sync),
) -> Result<T> {
    if ranks == 0 {
        return Err(Error::invalid("a job of 0 ranks: the least is 1"));
    }
    let fabric = Arc::new(Fabric {
        boxes: (0..ranks).map(|_| Mailbox::default()).collect(),
        aborted: AtomicBool::new(false),
        reason: Mutex::new(None),
        limit: message_bytes.max(1),
        host: host_name(),
    });
    let rank_main = |rank: usize| -> Option<Result<T>> {
        let wire = ThreadWire {
            fabric: Arc::clone(&fabric),
            rank,
            seen: std::cell::Cell::new(0),
        };
        let endpoint = Endpoint::new(wire);
        let outcome = catch_unwind(AssertUnwindSafe(|| body(&endpoint)));
        let result = match outcome {
            Ok(result) => {
                if let (true, Err(error)) = (endpoint.is_broken(), &result) {
                    fabric.end(error.clone());
                }
                Some(result)
            }
            Err(payload) => {
                if !payload.is::<Aborted>() {
                    let text = panic_text(payload.as_ref());
                    fabric.end(ended(&fabric, rank, &format!("a rank panicked: {text}")));
                }
                None
            }
        };
        fabric.finish(rank);
        result
    };
    let first = std::thread::scope(|scope| {
        for rank in 1..ranks {
            let spawned = std::thread::Builder::new()
                .name(format!("rank {rank}"))
                .stack_size(8 << 20)
                .spawn_scoped(scope, move || drop(rank_main(rank)));
            if let Err(error) = spawned {
                fabric.end(Error::resource(format!(
                    "cannot start the thread of rank {rank}: {error}"
                )));
                break;
            }
        }
        rank_main(0)
    });
    let reason = fabric
        .reason
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    match (reason, first) {
        (Some(reason), _) => Err(reason),
        (None, Some(result)) => result,
        (None, None) => Err(Error::internal("rank 0 ended without a result")),
    }
}
