//! The trait of the fabrics, and the verdict that all ranks share.

use super::panics::quiet_panics;
use super::watchdog::Pulse;
use crate::error::{Error, Fault, Origin, Result};
use std::sync::Arc;

/// What a point-to-point message is about; one tag per stream of messages in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(pub u16);

/// A received message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Rank that sent it.
    pub source: usize,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// What a rank has sent so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CommStats {
    /// Messages sent to other ranks, after splitting.
    pub messages: u64,
    /// Bytes sent to other ranks.
    pub bytes: u64,
}

/// Pieces on their way between this rank and another one that shares memory with it.
#[derive(Clone, Copy, Debug)]
pub struct Stream<'a> {
    /// The other rank.
    pub rank: usize,
    /// Bytes of each piece, at most those of [`Comm::shared_bytes`].
    pub lengths: &'a [usize],
    /// Messages that this would have been: what the statistics count.
    pub messages: u64,
}

/// A communicator of one rank. Not `Send`: it stays on the rank's main thread.
///
/// Methods marked *collective* are called by all ranks in the same order. Errors from these calls are errors of the
/// fabric itself; they cannot be agreed on, so callers let them end the job.
pub trait Comm {
    /// This rank, from 0.
    fn rank(&self) -> usize;

    /// Number of ranks.
    fn size(&self) -> usize;

    /// Host name of this rank.
    fn host(&self) -> &str;

    /// Waits for all ranks. Collective.
    fn barrier(&self) -> Result<()>;

    /// Gives every rank the bytes of `root`; on other ranks the old content of `bytes` is dropped. Collective.
    fn broadcast(&self, root: usize, bytes: &mut Vec<u8>) -> Result<()>;

    /// The bytes of every rank, in the order of ranks, on every rank: for small values. Collective.
    fn all_gather(&self, bytes: &[u8]) -> Result<Vec<Vec<u8>>>;

    /// The bytes of every rank, in the order of ranks, on `root`; empty elsewhere. Collective.
    fn gather(&self, root: usize, bytes: &[u8]) -> Result<Vec<Vec<u8>>>;

    /// Sparse all-to-all: sends each buffer to its rank and returns the expected ones in the order of `receives`
    /// (rank, bytes). At most one message per pair of ranks; a message to oneself is allowed. What rank `r` sends to `s`
    /// is what `s` expects from `r`; another length is an internal error. Collective.
    fn exchange(
        &self,
        sends: Vec<(usize, Vec<u8>)>,
        receives: &[(usize, usize)],
    ) -> Result<Vec<Vec<u8>>>;

    /// Lets ranks of one node share memory for [`Comm::stream`], where that can be had; `false`: this rank wants none of it.
    /// Collective; ranks may differ.
    fn share_memory(&self, wanted: bool) -> Result<()>;

    /// Largest piece that goes to and from `rank` through shared memory; `None`: it goes as a message. The same on both.
    fn shared_bytes(&self, rank: usize) -> Option<usize>;

    /// Moves the pieces of one stream to a neighbour and of one from a neighbour, both at once: `pack` writes a piece, by its
    /// number, to where the neighbour's `paste` reads it. Returns when all have arrived and the last one has left this rank.
    /// Both ends of a stream call it, in the same order of streams on all ranks.
    fn stream(
        &self,
        outgoing: Option<Stream<'_>>,
        pack: &mut dyn FnMut(usize, &mut [u8]) -> Result<()>,
        incoming: Option<Stream<'_>>,
        paste: &mut dyn FnMut(usize, &[u8]) -> Result<()>,
    ) -> Result<()>;

    /// Starts to send and returns at once; the fabric keeps the buffer until it is delivered. Messages with one tag
    /// between two ranks arrive in order.
    fn send(&self, destination: usize, tag: Tag, bytes: Vec<u8>) -> Result<()>;

    /// A message with this tag that has arrived, if there is one; also moves messages in flight along.
    fn try_receive(&self, tag: Tag) -> Result<Option<Message>>;

    /// Bytes of `send` calls that are not delivered yet: a sender's back-pressure.
    fn bytes_in_flight(&self) -> usize;

    /// Waits until everything sent is delivered. Like every call that waits, it takes in what others `send` to this rank
    /// meanwhile (for a later `try_receive`), so a flush meets no deadlock with a collective or another flush.
    fn flush(&self) -> Result<()>;

    /// What this rank has sent so far.
    fn stats(&self) -> CommStats;

    /// The signs of life of this rank, which a watchdog reads; messages tick it.
    fn pulse(&self) -> Arc<Pulse>;

    /// Ends the job on all ranks at once with this exit code. For errors that cannot be agreed on.
    fn abort(&self, exit_code: i32) -> !;

    /// Where errors born on this rank say they are from.
    fn origin(&self) -> Origin {
        Origin {
            rank: self.rank(),
            size: self.size(),
            host: self.host().to_owned(),
        }
    }
}

/// Turns each rank's own result into one that all share: `Ok` with the rank's value when every rank is `Ok`, else the
/// error of the lowest failing rank, on every rank. Collective: called by all ranks, also (above all) by failing ones.
///
/// # Errors
/// The error of the lowest failing rank (before a stop, which is none), with its rank and host noted.
pub fn verdict<T>(comm: &dyn Comm, result: Result<T>) -> Result<T> {
    if comm.size() == 1 {
        return result;
    }
    let mine = match &result {
        Ok(_) => Vec::new(),
        Err(error) => {
            let error = error.clone().at_rank(comm.origin());
            postcard::to_stdvec(&error)
                .map_err(|e| Error::internal(format!("error record: {e}")))?
        }
    };
    let all = comm.all_gather(&mine)?;
    let mut errors = all.iter().filter(|bytes| !bytes.is_empty()).map(|bytes| {
        postcard::from_bytes(bytes)
            .unwrap_or_else(|e| Error::internal(format!("error record of another rank: {e}")))
    });
    let Some(first) = errors.next() else {
        return result;
    };
    // That a job was to stop anyway hides no failure.
    let stopped = |error: &Error| error.fault() == Fault::Stopped;
    match stopped(&first) {
        true => Err(errors.find(|error| !stopped(error)).unwrap_or(first)),
        false => Err(first),
    }
}

/// Runs `make` on rank 0 alone and gives its result, or its error, to every rank as one message. Collective.
///
/// # Errors
/// The error of `make`, the same on every rank.
pub fn share<T>(comm: &dyn Comm, make: impl FnOnce() -> Result<T>) -> Result<T>
where
    T: serde::Serialize + serde::de::DeserializeOwned,
{
    // A panic would leave the other ranks waiting, and what rank 0 has begun lying about.
    let make = || quiet_panics(make).flatten();
    if comm.size() == 1 {
        return make();
    }
    let damaged = |e: postcard::Error| Error::internal(format!("a shared record: {e}"));
    if comm.rank() == 0 {
        let result = make().map_err(|e| e.at_rank(comm.origin()));
        let mut bytes = postcard::to_stdvec(&result).map_err(damaged)?;
        comm.broadcast(0, &mut bytes)?;
        return result;
    }
    let mut bytes = Vec::new();
    comm.broadcast(0, &mut bytes)?;
    postcard::from_bytes::<Result<T>>(&bytes).map_err(damaged)?
}
