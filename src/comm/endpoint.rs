//! The collectives, written once over point-to-point messages, for all fabrics.
//!
//! Laws: all ranks call collectives in the same order, so messages of one channel between two ranks match in order; a
//! message to oneself never leaves the rank; no wait spins for long. Trees are binomial: log2(n) steps. A fabric error
//! marks the endpoint as broken, and `launch` then ends the job instead of waiting for ranks that will not come.

use super::watchdog::{EndOfPulse, Pulse};
use super::window::{Own, SLOT_BYTES, Windows};
use super::wire::{BARRIER, BROADCAST, Backoff, EXCHANGE, GATHER, Wire, channel, transfers};
use super::{Comm, CommStats, Message, Stream, Tag};
use crate::error::{Error, Result};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::sync::Arc;

/// One rank's communicator over a wire.
pub(super) struct Endpoint<W: Wire> {
    wire: W,
    /// Messages of `send` to oneself.
    own: RefCell<VecDeque<(Tag, Vec<u8>)>>,
    stats: Cell<CommStats>,
    broken: Cell<bool>,
    /// What this rank shares with others of its node.
    windows: RefCell<Option<Windows>>,
    pulse: Arc<Pulse>,
    _end_of_pulse: EndOfPulse,
}

impl<W: Wire> Endpoint<W> {
    pub(super) fn new(wire: W) -> Self {
        let pulse = Arc::new(Pulse::new(wire.aborter(), wire.is_apart()));
        Endpoint {
            wire,
            own: RefCell::default(),
            stats: Cell::default(),
            broken: Cell::new(false),
            windows: RefCell::default(),
            _end_of_pulse: EndOfPulse(Arc::clone(&pulse)),
            pulse,
        }
    }

    /// True after an error of the fabric itself, which other ranks may not have seen.
    pub(super) fn is_broken(&self) -> bool {
        self.broken.get()
    }

    pub(super) fn into_wire(self) -> W {
        self.wire
    }

    /// Notes an error of the fabric.
    fn note<T>(&self, result: Result<T>) -> Result<T> {
        self.broken.set(self.broken.get() || result.is_err());
        result
    }

    fn check_rank(&self, what: &str, rank: usize) -> Result<()> {
        if rank < self.wire.size() {
            return Ok(());
        }
        self.note(Err(Error::internal(format!(
            "{what} rank {rank}: this job has ranks 0 … {}",
            self.wire.size() - 1
        ))))
    }

    fn post(&self, destination: usize, channel: u32, bytes: Arc<Vec<u8>>) -> Result<()> {
        let mut stats = self.stats.get();
        stats.messages += transfers(bytes.len(), self.wire.limit());
        stats.bytes += bytes.len() as u64;
        self.stats.set(stats);
        self.pulse.tick();
        self.note(self.wire.post(destination, channel, bytes))
    }

    /// Calls `attempt` until it has a result; `source` is the rank waited for, if it is one.
    fn wait<T>(
        &self,
        source: Option<usize>,
        mut attempt: impl FnMut() -> Result<Option<T>>,
    ) -> Result<T> {
        let mut backoff = Backoff::new();
        let _waiting = self.pulse.waiting();
        loop {
            if let Some(value) = self.note(attempt())? {
                self.pulse.tick();
                return Ok(value);
            }
            // Else a sender in `flush` and its receiver in a collective would wait for one another.
            self.note(self.wire.absorb())?;
            self.note(self.wire.pause(&mut backoff, source))?;
        }
    }

    fn receive(&self, source: usize, channel: u32) -> Result<Vec<u8>> {
        let poll = || {
            Ok(self
                .wire
                .poll(Some(source), channel)?
                .map(|message| message.bytes))
        };
        self.wait(Some(source), poll)
    }

    /// Waits until the sends of this collective are delivered, so that their memory is free again.
    fn settle(&self) -> Result<()> {
        self.wait(None, || {
            Ok((self.wire.in_flight(true)?.1 == 0).then_some(()))
        })
    }
}

impl<W: Wire> Comm for Endpoint<W> {
    fn rank(&self) -> usize {
        self.wire.rank()
    }

    fn size(&self) -> usize {
        self.wire.size()
    }

    fn host(&self) -> &str {
        self.wire.host()
    }

    /// Dissemination: in round k each rank tells the one 2^k further.
    fn barrier(&self) -> Result<()> {
        let (rank, size) = (self.rank(), self.size());
        let mut step = 1;
        while step < size {
            self.post((rank + step) % size, BARRIER, Arc::new(Vec::new()))?;
            self.receive((rank + size - step) % size, BARRIER)?;
            step *= 2;
        }
        self.settle()
    }

    fn broadcast(&self, root: usize, bytes: &mut Vec<u8>) -> Result<()> {
        self.check_rank("broadcast from", root)?;
        let size = self.size();
        if size == 1 {
            return Ok(());
        }
        // Ranks counted from the root; the parent clears the lowest set bit.
        let me = (self.rank() + size - root) % size;
        let real = |relative: usize| (relative + root) % size;
        let lowest = if me == 0 {
            size.next_power_of_two()
        } else {
            me & me.wrapping_neg()
        };
        let shared = Arc::new(if me == 0 {
            std::mem::take(bytes)
        } else {
            self.receive(real(me - lowest), BROADCAST)?
        });
        let mut step = lowest / 2;
        while step > 0 {
            if me + step < size {
                self.post(real(me + step), BROADCAST, Arc::clone(&shared))?;
            }
            step /= 2;
        }
        self.settle()?;
        *bytes = Arc::unwrap_or_clone(shared);
        Ok(())
    }

    fn all_gather(&self, bytes: &[u8]) -> Result<Vec<Vec<u8>>> {
        let (rank, size) = (self.rank(), self.size());
        // What this rank holds: the entries of ranks rank .. rank + step, each with its length.
        let mut held = Vec::with_capacity(bytes.len() + 8);
        push_entry(&mut held, bytes);
        let mut step = 1;
        while step < size {
            if rank & step != 0 {
                self.post(rank - step, GATHER, Arc::new(std::mem::take(&mut held)))?;
                break;
            }
            if rank + step < size {
                held.extend(self.receive(rank + step, GATHER)?);
            }
            step *= 2;
        }
        self.broadcast(0, &mut held)?;
        self.note(split_entries(&held, size))
    }

    /// Every rank sends to the root at once: the values may be large and pass no third rank.
    fn gather(&self, root: usize, bytes: &[u8]) -> Result<Vec<Vec<u8>>> {
        self.check_rank("gather to", root)?;
        if self.rank() != root {
            self.post(root, GATHER, Arc::new(bytes.to_vec()))?;
            self.settle()?;
            return Ok(Vec::new());
        }
        (0..self.size())
            .map(|source| {
                if source == root {
                    Ok(bytes.to_vec())
                } else {
                    self.receive(source, GATHER)
                }
            })
            .collect()
    }

    fn exchange(
        &self,
        sends: Vec<(usize, Vec<u8>)>,
        receives: &[(usize, usize)],
    ) -> Result<Vec<Vec<u8>>> {
        let mut own = None;
        for (destination, bytes) in sends {
            self.check_rank("exchange: send to", destination)?;
            if destination == self.rank() {
                own = Some(bytes);
            } else {
                self.post(destination, EXCHANGE, Arc::new(bytes))?;
            }
        }
        let mut results: Vec<Option<Vec<u8>>> = vec![None; receives.len()];
        let mut waiting = Vec::with_capacity(receives.len());
        for (at, &(source, _)) in receives.iter().enumerate() {
            self.check_rank("exchange: receive from", source)?;
            if source == self.rank() {
                results[at] = own.take();
                if results[at].is_none() {
                    return self.note(Err(Error::internal(format!(
                        "exchange: rank {source} expects a message from itself and sent none"
                    ))));
                }
            } else {
                waiting.push(at);
            }
        }
        let check = |at: usize, found: usize| {
            let (source, expected) = receives[at];
            if found == expected {
                return Ok(());
            }
            Err(Error::internal(format!(
                "exchange: rank {} expects {expected} bytes from rank {source} and got {found}",
                self.rank()
            )))
        };
        for (at, result) in results.iter().enumerate() {
            if let Some(bytes) = result {
                self.note(check(at, bytes.len()))?;
            }
        }
        while !waiting.is_empty() {
            // One source is enough to notice that it has ended: all must come.
            let first = receives[waiting[0]].0;
            let before = waiting.len();
            self.wait(Some(first), || {
                let mut failed = None;
                waiting.retain(|&at| {
                    if failed.is_some() {
                        return true;
                    }
                    match self.wire.poll(Some(receives[at].0), EXCHANGE) {
                        Ok(None) => true,
                        Ok(Some(message)) => {
                            failed = check(at, message.bytes.len()).err();
                            results[at] = Some(message.bytes);
                            false
                        }
                        Err(error) => {
                            failed = Some(error);
                            true
                        }
                    }
                });
                match failed {
                    Some(error) => Err(error),
                    None => Ok((waiting.len() < before).then_some(())),
                }
            })?;
        }
        self.settle()?;
        Ok(results.into_iter().map(Option::unwrap_or_default).collect())
    }

    fn share_memory(&self, wanted: bool) -> Result<()> {
        if self.size() == 1 {
            return Ok(());
        }
        // Where a window cannot be had, messages serve.
        let own = wanted.then(|| Own::new().ok()).flatten();
        let addresses = self.all_gather(&own.as_ref().map_or_else(Vec::new, Own::address))?;
        let rank = self.rank();
        let opened = own.and_then(|own| own.open(rank, &addresses).ok());
        let ready = self.all_gather(&[u8::from(opened.is_some())])?;
        // All of a node or none: both ends of every pair see the same.
        let serves = |windows: &Windows| {
            let mut others = windows.neighbours();
            others.all(|other| ready[other] == [1])
        };
        *self.windows.borrow_mut() = opened.filter(serves);
        Ok(())
    }

    fn shared_bytes(&self, rank: usize) -> Option<usize> {
        let windows = self.windows.try_borrow().ok()?;
        windows.as_ref()?.reach(rank).then_some(SLOT_BYTES)
    }

    fn stream(
        &self,
        outgoing: Option<Stream<'_>>,
        pack: &mut dyn FnMut(usize, &mut [u8]) -> Result<()>,
        incoming: Option<Stream<'_>>,
        paste: &mut dyn FnMut(usize, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let none = || Error::internal("a stream between ranks that share no memory");
        let mut windows = self.windows.try_borrow_mut().map_err(|_| none())?;
        let windows = self.note(windows.as_mut().ok_or_else(none))?;
        let (mut sent, mut taken) = (0, 0);
        let lengths = |stream: &Option<Stream<'_>>| stream.map_or(0, |stream| stream.lengths.len());
        let (all_sent, all_taken) = (lengths(&outgoing), lengths(&incoming));
        while sent < all_sent || taken < all_taken {
            // An end of the one waited for ends the wait.
            let partner = incoming.filter(|_| taken < all_taken).or(outgoing);
            let partner = partner.map(|stream| stream.rank);
            self.wait(partner, || {
                // Before the look at the slots: what happens after it ends the pause.
                self.wire.in_flight(true)?;
                let mut moved = false;
                if let Some(stream) = outgoing.filter(|_| sent < all_sent) {
                    let length = stream.lengths[sent];
                    if windows.put(stream.rank, sent, length, |slot| pack(sent, slot))? {
                        (moved, sent) = (true, sent + 1);
                        self.wire.nudge(stream.rank);
                    }
                }
                if let Some(stream) = incoming.filter(|_| taken < all_taken) {
                    let length = stream.lengths[taken];
                    if windows.take(stream.rank, taken, length, |slot| paste(taken, slot))? {
                        (moved, taken) = (true, taken + 1);
                        self.wire.nudge(stream.rank);
                    }
                }
                Ok(moved.then_some(()))
            })?;
        }
        if let Some(stream) = outgoing {
            let mut stats = self.stats.get();
            stats.messages += stream.messages;
            stats.bytes += stream.lengths.iter().sum::<usize>() as u64;
            self.stats.set(stats);
        }
        Ok(())
    }

    fn send(&self, destination: usize, tag: Tag, bytes: Vec<u8>) -> Result<()> {
        self.check_rank("send to", destination)?;
        if destination == self.rank() {
            self.own.borrow_mut().push_back((tag, bytes));
            return Ok(());
        }
        self.post(destination, channel(tag), Arc::new(bytes))
    }

    fn try_receive(&self, tag: Tag) -> Result<Option<Message>> {
        let mut own = self.own.borrow_mut();
        if let Some(at) = own.iter().position(|(t, _)| *t == tag) {
            return Ok(own.remove(at).map(|(_, bytes)| Message {
                source: self.wire.rank(),
                bytes,
            }));
        }
        drop(own);
        if self.size() == 1 {
            return Ok(None);
        }
        self.note(self.wire.in_flight(false))?;
        let message = self.note(self.wire.poll(None, channel(tag)))?;
        if message.is_some() {
            self.pulse.tick();
        }
        Ok(message)
    }

    fn bytes_in_flight(&self) -> usize {
        // An error of the fabric comes out of the next call that can return one.
        self.note(self.wire.in_flight(false))
            .map_or(0, |(bytes, _)| bytes)
    }

    fn flush(&self) -> Result<()> {
        if self.size() == 1 {
            return Ok(());
        }
        self.wait(None, || {
            Ok((self.wire.in_flight(false)?.1 == 0).then_some(()))
        })
    }

    fn stats(&self) -> CommStats {
        self.stats.get()
    }

    fn pulse(&self) -> Arc<Pulse> {
        Arc::clone(&self.pulse)
    }

    fn abort(&self, exit_code: i32) -> ! {
        self.wire.abort(exit_code)
    }
}

fn push_entry(held: &mut Vec<u8>, bytes: &[u8]) {
    held.extend((bytes.len() as u64).to_le_bytes());
    held.extend(bytes);
}

fn split_entries(mut held: &[u8], size: usize) -> Result<Vec<Vec<u8>>> {
    let damaged = || Error::internal("all_gather: lengths and bytes do not agree");
    (0..size)
        .map(|_| {
            let (length, rest) = held.split_first_chunk::<8>().ok_or_else(damaged)?;
            let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| damaged())?;
            let (entry, rest) = rest.split_at_checked(length).ok_or_else(damaged)?;
            held = rest;
            Ok(entry.to_vec())
        })
        .collect()
}
