//! What every fabric must do, as one body that runs on all ranks of any of them.

use hyperslab::comm::{Comm, Stream, Tag, handshake, verdict};
use hyperslab::{Error, Result};

/// A small generator that all ranks step alike.
struct Lcg(u64);

impl Lcg {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

fn bytes(from: usize, to: usize, length: usize) -> Vec<u8> {
    (0..length)
        .map(|k| (k * 7 + from * 31 + to * 101) as u8)
        .collect()
}

/// All scenarios, with messages of up to `longest` bytes.
pub fn all(comm: &dyn Comm, longest: usize) -> Result<()> {
    handshake(comm, 42)?;
    broadcasts(comm, longest)?;
    gathers(comm)?;
    exchanges(comm, longest)?;
    streams(comm, longest)?;
    sends(comm, longest)?;
    flush_meets_collective(comm, longest)?;
    verdicts(comm)?;
    comm.barrier()
}

fn broadcasts(comm: &dyn Comm, longest: usize) -> Result<()> {
    for root in 0..comm.size() {
        for length in [0, 1, 5, longest] {
            let mut data = if comm.rank() == root {
                bytes(root, 0, length)
            } else {
                vec![9; 3]
            };
            comm.broadcast(root, &mut data)?;
            assert_eq!(data, bytes(root, 0, length));
        }
    }
    Ok(())
}

fn gathers(comm: &dyn Comm) -> Result<()> {
    let (rank, size) = (comm.rank(), comm.size());
    // Idle ranks say nothing: length 0.
    let length = |rank: usize| if rank % 3 == 1 { 0 } else { rank * 5 + 1 };
    let expected: Vec<Vec<u8>> = (0..size).map(|r| bytes(r, 1, length(r))).collect();
    assert_eq!(comm.all_gather(&bytes(rank, 1, length(rank)))?, expected);
    for root in 0..size {
        let found = comm.gather(root, &bytes(rank, 1, length(rank)))?;
        assert_eq!(
            found,
            if rank == root {
                expected.clone()
            } else {
                vec![]
            }
        );
    }
    Ok(())
}

/// Through shared memory to every other rank, more pieces than a window has slots, up to the longest that it takes.
fn streams(comm: &dyn Comm, longest: usize) -> Result<()> {
    let (rank, size) = (comm.rank(), comm.size());
    comm.share_memory(true)?;
    for shift in 1..size {
        let (to, from) = ((rank + shift) % size, (rank + size - shift) % size);
        // All ranks of the tests are on one node.
        let most = comm
            .shared_bytes(to)
            .ok_or_else(|| Error::internal("no window"))?;
        let lengths = |from: usize, to: usize| -> Vec<usize> {
            let pieces = (from * 5 + to * 3) % 11;
            let length = |k: usize| {
                if k == 0 && shift == 1 {
                    most
                } else {
                    (k * longest / 11).min(most)
                }
            };
            (0..pieces).map(length).collect()
        };
        let (sends, receives) = (lengths(rank, to), lengths(from, rank));
        let stream = |rank, lengths| Stream {
            rank,
            lengths,
            messages: 1,
        };
        let mut arrived = 0;
        comm.stream(
            Some(stream(to, &sends)),
            &mut |piece, slot| {
                slot.copy_from_slice(&bytes(rank + piece, to, sends[piece]));
                Ok(())
            },
            Some(stream(from, &receives)),
            &mut |piece, slot| {
                assert!(slot == bytes(from + piece, rank, receives[piece]));
                arrived += 1;
                Ok(())
            },
        )?;
        assert_eq!(arrived, receives.len());
    }
    Ok(())
}

fn exchanges(comm: &dyn Comm, longest: usize) -> Result<()> {
    let (rank, size) = (comm.rank(), comm.size());
    let mut random = Lcg(11);
    for round in 0..20 {
        let (mut sends, mut receives) = (Vec::new(), Vec::new());
        for from in 0..size {
            for to in 0..size {
                let there = random.below(3) < round % 4;
                let length = random.below(longest as u64 + 1) as usize;
                let length = if length.is_multiple_of(5) { 0 } else { length };
                if there && from == rank {
                    sends.push((to, bytes(from, to, length)));
                }
                if there && to == rank {
                    receives.insert(0, (from, length));
                }
            }
        }
        let found = comm.exchange(sends, &receives)?;
        let expected: Vec<_> = receives
            .iter()
            .map(|&(from, n)| bytes(from, rank, n))
            .collect();
        assert_eq!(found, expected);
    }
    Ok(())
}

/// All ranks send to rank 0 on two tags; each stream arrives in order.
fn sends(comm: &dyn Comm, longest: usize) -> Result<()> {
    let (rank, size) = (comm.rank(), comm.size());
    let length = |k: usize| if k.is_multiple_of(3) { longest } else { k };
    const COUNT: usize = 12;
    for k in 0..COUNT {
        let mut message = vec![k as u8];
        message.extend(bytes(rank, k, length(k)));
        comm.send(0, Tag(k as u16 % 2), message)?;
    }
    if rank == 0 {
        let mut next = vec![[0usize, 1]; size];
        let mut left = COUNT * size;
        while left > 0 {
            for tag in [1u16, 0] {
                if let Some(message) = comm.try_receive(Tag(tag))? {
                    let at = &mut next[message.source][usize::from(tag)];
                    assert_eq!(usize::from(message.bytes[0]), *at);
                    assert_eq!(message.bytes[1..], bytes(message.source, *at, length(*at)));
                    *at += 2;
                    left -= 1;
                }
            }
            std::thread::yield_now();
        }
        assert!(comm.try_receive(Tag(0))?.is_none());
    }
    comm.flush()?;
    assert_eq!(comm.bytes_in_flight(), 0);
    comm.barrier()
}

/// Senders flush while their receiver is in a collective: nobody waits for ever, and the messages are there later.
fn flush_meets_collective(comm: &dyn Comm, longest: usize) -> Result<()> {
    let (rank, size) = (comm.rank(), comm.size());
    let to = (rank + 1) % size;
    for k in 0..3 {
        comm.send(to, Tag(7), bytes(rank, k, longest))?;
    }
    if rank != 0 {
        comm.flush()?;
    }
    comm.barrier()?;
    for k in 0..3 {
        let message = loop {
            if let Some(message) = comm.try_receive(Tag(7))? {
                break message;
            }
        };
        assert_eq!(message.bytes, bytes((rank + size - 1) % size, k, longest));
    }
    comm.flush()
}

fn verdicts(comm: &dyn Comm) -> Result<()> {
    assert_eq!(verdict(comm, Ok(comm.rank()))?, comm.rank());
    for failing in 0..comm.size() {
        let result = match comm.rank() {
            rank if rank < failing => Ok(()),
            rank => Err(Error::data(format!("bad chunk {rank}"))),
        };
        let error = verdict(comm, result)
            .err()
            .ok_or_else(|| Error::internal("no error"))?;
        assert_eq!(error.message(), format!("bad chunk {failing}"));
        assert!(error.is_data());
        if comm.size() > 1 {
            assert_eq!(error.origin().map(|o| o.rank), Some(failing));
        }
    }
    Ok(())
}
