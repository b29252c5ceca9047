//! The fabric of one rank: nothing leaves the process.

use super::endpoint::Endpoint;
use super::watchdog::Pulse;
use super::wire::{Aborter, Backoff, Wire, host_name};
use super::{Comm, CommStats, Message, Stream, Tag};
use crate::error::{Error, Result};
use std::sync::Arc;

/// A communicator of size 1: messages to oneself work, collectives return at once.
pub struct Solo(Endpoint<Alone>);

impl Solo {
    /// Rank 0 of 1.
    pub fn new() -> Self {
        Solo(Endpoint::new(Alone { host: host_name() }))
    }
}

impl Default for Solo {
    fn default() -> Self {
        Self::new()
    }
}

impl Comm for Solo {
    fn rank(&self) -> usize {
        0
    }
    fn size(&self) -> usize {
        1
    }
    fn host(&self) -> &str {
        self.0.host()
    }
    fn barrier(&self) -> Result<()> {
        self.0.barrier()
    }
    fn broadcast(&self, root: usize, bytes: &mut Vec<u8>) -> Result<()> {
        self.0.broadcast(root, bytes)
    }
    fn all_gather(&self, bytes: &[u8]) -> Result<Vec<Vec<u8>>> {
        Ok(vec![bytes.to_vec()])
    }
    fn gather(&self, root: usize, bytes: &[u8]) -> Result<Vec<Vec<u8>>> {
        self.0.gather(root, bytes)
    }
    fn exchange(
        &self,
        sends: Vec<(usize, Vec<u8>)>,
        receives: &[(usize, usize)],
    ) -> Result<Vec<Vec<u8>>> {
        self.0.exchange(sends, receives)
    }
    fn share_memory(&self, _: bool) -> Result<()> {
        Ok(())
    }
    fn shared_bytes(&self, _: usize) -> Option<usize> {
        None
    }
    fn stream(
        &self,
        outgoing: Option<Stream<'_>>,
        pack: &mut dyn FnMut(usize, &mut [u8]) -> Result<()>,
        incoming: Option<Stream<'_>>,
        paste: &mut dyn FnMut(usize, &[u8]) -> Result<()>,
    ) -> Result<()> {
        self.0.stream(outgoing, pack, incoming, paste)
    }
    fn send(&self, destination: usize, tag: Tag, bytes: Vec<u8>) -> Result<()> {
        self.0.send(destination, tag, bytes)
    }
    fn try_receive(&self, tag: Tag) -> Result<Option<Message>> {
        self.0.try_receive(tag)
    }
    fn bytes_in_flight(&self) -> usize {
        0
    }
    fn flush(&self) -> Result<()> {
        Ok(())
    }
    fn stats(&self) -> CommStats {
        self.0.stats()
    }
    fn pulse(&self) -> Arc<Pulse> {
        self.0.pulse()
    }
    fn abort(&self, exit_code: i32) -> ! {
        self.0.abort(exit_code)
    }
}

/// A wire to nobody: an endpoint of size 1 keeps its own messages and never uses it.
struct Alone {
    host: String,
}

fn nobody() -> Error {
    Error::internal("this job has one rank: there is nobody to send to")
}

impl Wire for Alone {
    fn rank(&self) -> usize {
        0
    }
    fn size(&self) -> usize {
        1
    }
    fn host(&self) -> &str {
        &self.host
    }
    fn limit(&self) -> usize {
        usize::MAX
    }
    fn post(&self, _: usize, _: u32, _: Arc<Vec<u8>>) -> Result<()> {
        Err(nobody())
    }
    fn poll(&self, _: Option<usize>, _: u32) -> Result<Option<Message>> {
        Err(nobody())
    }
    fn in_flight(&self, _: bool) -> Result<(usize, usize)> {
        Ok((0, 0))
    }
    fn absorb(&self) -> Result<()> {
        Ok(())
    }
    fn pause(&self, _: &mut Backoff, _: Option<usize>) -> Result<()> {
        Err(nobody())
    }
    fn aborter(&self) -> Aborter {
        Arc::new(|exit_code, _| std::process::exit(exit_code))
    }
    fn abort(&self, exit_code: i32) -> ! {
        std::process::exit(exit_code)
    }
}
