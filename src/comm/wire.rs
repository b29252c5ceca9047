//! What a fabric must do: move one whole message from rank to rank. Collectives are built on it once, in `endpoint.rs`.
//!
//! A message is its length (u64) and its pieces of at most `limit` bytes; short messages travel with their length.
//! Channels below [`USER`] belong to collectives, the others are the tags of `send`. Messages of one channel between two
//! ranks arrive in order.

use super::{Message, Tag};
use crate::error::Result;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(super) const BARRIER: u32 = 1;
pub(super) const BROADCAST: u32 = 2;
pub(super) const GATHER: u32 = 3;
pub(super) const EXCHANGE: u32 = 4;
/// First channel of `send`: `USER + tag`.
pub(super) const USER: u32 = 16;

/// Messages up to this many bytes travel with their length, as one piece.
const INLINE_BYTES: usize = 4096;

/// The channel of a tag.
pub(super) fn channel(tag: Tag) -> u32 {
    USER + u32::from(tag.0)
}

/// Ends the job with an exit code and a reason, from any thread.
pub(super) type Aborter = Arc<dyn Fn(i32, &str) + Send + Sync>;

/// A fabric as one rank sees it.
pub(super) trait Wire {
    fn rank(&self) -> usize;
    fn size(&self) -> usize;
    fn host(&self) -> &str;
    /// Largest piece, in bytes.
    fn limit(&self) -> usize;
    /// Starts to send to another rank; the fabric keeps the bytes until they are delivered.
    fn post(&self, destination: usize, channel: u32, bytes: Arc<Vec<u8>>) -> Result<()>;
    /// A whole message that has arrived, from this source or from any.
    fn poll(&self, source: Option<usize>, channel: u32) -> Result<Option<Message>>;
    /// Bytes and messages posted and not delivered yet, of collectives or of `send`; moves them along.
    fn in_flight(&self, collective: bool) -> Result<(usize, usize)>;
    /// Takes in messages of `send` that wait at this rank, so that their senders may go on.
    fn absorb(&self) -> Result<()>;
    /// News for another rank that it sees without a message: ends its pause. Where pauses are short there is nothing to do.
    fn nudge(&self, _rank: usize) {}
    /// Waits a little for news; an error when the awaited source, or the job, has ended.
    fn pause(&self, backoff: &mut Backoff, source: Option<usize>) -> Result<()>;
    /// True where ranks are processes: one may be stopped alone.
    fn is_apart(&self) -> bool {
        false
    }
    fn aborter(&self) -> Aborter;
    fn abort(&self, exit_code: i32) -> !;
}

/// True when a message is sent as one piece with its length.
pub(super) fn is_inline(length: usize, limit: usize) -> bool {
    length <= INLINE_BYTES.min(limit)
}

/// What goes ahead of a message that a fabric splits: its length and that of its pieces, both u64; pieces of length 0: the
/// bytes follow at once.
pub(super) enum Header {
    /// The whole message.
    Inline(Vec<u8>),
    /// The message follows in pieces.
    Pieces {
        /// Bytes of the message.
        length: usize,
        /// Bytes of a piece, at least 1.
        limit: usize,
    },
}

impl Header {
    const BYTES: usize = 16;

    /// The header of a message, and whether the message is in it.
    pub(super) fn encode(bytes: &[u8], limit: usize) -> (Vec<u8>, bool) {
        let inline = is_inline(bytes.len(), limit);
        let piece = if inline { 0 } else { limit.max(1) as u64 };
        let mut header = [(bytes.len() as u64).to_le_bytes(), piece.to_le_bytes()].concat();
        if inline {
            header.extend_from_slice(bytes);
        }
        (header, inline)
    }

    /// What a header says; `None` when it is damaged.
    pub(super) fn decode(mut header: Vec<u8>) -> Option<Self> {
        let number = |at: usize| {
            let bytes = header.get(at..at + 8)?.first_chunk()?;
            usize::try_from(u64::from_le_bytes(*bytes)).ok()
        };
        let (length, limit) = (number(0)?, number(8)?);
        let rest = header.len() - Self::BYTES;
        match limit {
            0 if rest == length => {
                header.drain(..Self::BYTES);
                Some(Header::Inline(header))
            }
            0 => None,
            _ if rest != 0 => None,
            _ => Some(Header::Pieces { length, limit }),
        }
    }
}

/// The pieces of a message that is not sent inline.
pub(super) fn pieces(length: usize, limit: usize) -> impl Iterator<Item = Range<usize>> {
    let limit = limit.max(1);
    (0..length.div_ceil(limit)).map(move |k| k * limit..((k + 1) * limit).min(length))
}

/// Transfers that one message makes.
pub(super) fn transfers(length: usize, limit: usize) -> u64 {
    if is_inline(length, limit) {
        1
    } else {
        1 + length.div_ceil(limit.max(1)) as u64
    }
}

/// Waiting without burning the cores that compute: spins for 10 µs, yields until 300 µs, then sleeps 20, 40, …, 200 µs.
///
/// The first phase is longer than a peer's longest sleep (200 µs and the system's 60): else two ranks that answer one
/// another each find the other asleep, for ever (measured: 2 ranks, an all_gather of 900 µs instead of 9 µs).
///
/// MPI moves long messages only while it is called, so a wait that moves bytes goes on yielding for as long as they take
/// at [`Self::SLOW`]; a sleep between two fragments cost a factor of ten.
pub(super) struct Backoff {
    since: Option<Instant>,
    sleep: Duration,
}

impl Backoff {
    const SPIN: Duration = Duration::from_micros(10);
    const YIELD: Duration = Duration::from_micros(300);
    const FIRST: Duration = Duration::from_micros(20);
    const LONGEST: Duration = Duration::from_micros(200);
    /// Bytes per microsecond of a slow transfer within a node.
    const SLOW: u64 = 500;

    pub(super) fn new() -> Self {
        Backoff {
            since: None,
            sleep: Self::FIRST,
        }
    }

    /// Waits a little; `moving` bytes are on their way.
    pub(super) fn wait(&mut self, moving: usize) {
        let since = *self.since.get_or_insert_with(Instant::now);
        let waited = since.elapsed();
        if waited < Self::SPIN {
            std::hint::spin_loop();
        } else if waited < Self::YIELD + Duration::from_micros(moving as u64 / Self::SLOW) {
            std::thread::yield_now();
        } else {
            std::thread::sleep(self.sleep);
            self.sleep = (self.sleep * 2).min(Self::LONGEST);
        }
    }
}

/// The name of this host.
pub(super) fn host_name() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}
