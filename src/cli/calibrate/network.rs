//! Latency and bandwidth between ranks.

use crate::comm::Comm;
use crate::error::Result;
use crate::plan::{MemoryRates, NetworkRates};
use std::time::Instant;

/// Bytes of a large message: a slab of an exchange.
const SLAB_BYTES: usize = 4 << 20;
const SMALL_MESSAGES: usize = 200;
const SLABS: usize = 32;

/// Every rank sends to the one half the ranks away, and gets from another: with several nodes that is across them. Collective; rank 0
/// brings the rates of its memory.
pub(super) fn measure(comm: &dyn Comm, memory: Option<&MemoryRates>) -> Result<NetworkRates> {
    let ranks = comm.size();
    if ranks == 1 {
        let copied = memory.map_or(1e9, |memory| memory.all_bytes_per_s);
        // What one rank would say to another of the same node: packed and pasted.
        return Ok(NetworkRates {
            latency_s: 2e-6,
            bytes_per_s: (copied / 3.0).max(1.0),
        });
    }
    let half = ranks.div_ceil(2);
    let (to, from) = (
        (comm.rank() + half) % ranks,
        (comm.rank() + ranks - half) % ranks,
    );
    let rounds = |count: usize, bytes: usize| -> Result<f64> {
        comm.barrier()?;
        let start = Instant::now();
        for _ in 0..count {
            comm.exchange(vec![(to, vec![0u8; bytes])], &[(from, bytes)])?;
        }
        comm.barrier()?;
        Ok(start.elapsed().as_secs_f64() / count as f64)
    };
    rounds(SMALL_MESSAGES / 10, 8)?;
    let latency_s = rounds(SMALL_MESSAGES, 8)?;
    rounds(2, SLAB_BYTES)?;
    let slab_s = rounds(SLABS, SLAB_BYTES)?;
    Ok(NetworkRates {
        latency_s: latency_s.max(1e-7),
        bytes_per_s: SLAB_BYTES as f64 / (slab_s - latency_s).max(1e-7),
    })
}
