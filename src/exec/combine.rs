//! Joins partial results across ranks. The fixed tree over segments decides what is joined with what; ranks only decide
//! where it happens, along a binomial tree of the ranks that share a piece, ending at the first of them.

use super::local::Local;
use super::sink::SinkRun;
use crate::comm::Comm;
use crate::error::{Error, Result};
use crate::geom::{NodeId, Partials};
use crate::kernel::State;
use crate::plan::{Pass, ROUND_BYTES};
use serde::{Deserialize, Serialize};

/// Added to the size of a round that is not the last one.
const MORE: u64 = 1 << 63;

/// The partial results of one piece, as they travel.
#[derive(Serialize, Deserialize)]
struct Parts {
    piece: Vec<usize>,
    nodes: Vec<(NodeId, Vec<u8>)>,
}

/// Brings the partial results of a split sink to the ranks that own its pieces. Collective; what fails on this rank alone is
/// its error at the end.
pub(super) fn combine(comm: &dyn Comm, pass: &Pass, sink: &SinkRun<'_>) -> Result<()> {
    let participants = sink.geometry.participants(pass, comm.rank());
    let me = participants.iter().position(|rank| *rank == comm.rank());
    // The process grid is a product: all groups of participants have the same number of ranks.
    let group: usize = sink
        .geometry
        .folded
        .iter()
        .map(|axis| pass.placement.parts[*axis])
        .product();
    let local = Local::default();
    let mut distance = 1;
    while distance < group {
        let mut to = None;
        let mut from = None;
        if let Some(me) = me {
            if me % (2 * distance) == distance {
                to = Some(participants[me - distance]);
            } else if me % (2 * distance) == 0 && me + distance < group {
                from = Some(participants[me + distance]);
            }
        }
        // In rounds: beside the states themselves at most one batch of them is in memory, packed.
        let mut pieces = match to {
            Some(_) => sink.take_partials(),
            None => Vec::new(),
        }
        .into_iter()
        .peekable();
        while to.is_some() || from.is_some() {
            let payload = match local.attempt(|| batch(&mut pieces)) {
                Some(payload) => payload,
                None => {
                    pieces = Vec::new().into_iter().peekable();
                    Vec::new()
                }
            };
            // Sizes first: which subtrees are whole depends on the boxes of several ranks.
            let more = if pieces.peek().is_some() { MORE } else { 0 };
            let sizes = comm.exchange(
                to.map(|rank| (rank, (payload.len() as u64 | more).to_le_bytes().to_vec()))
                    .into_iter()
                    .collect(),
                &from.map(|rank| (rank, 8)).into_iter().collect::<Vec<_>>(),
            )?;
            let announced = match sizes.first() {
                Some(bytes) => u64::from_le_bytes(
                    bytes
                        .as_slice()
                        .try_into()
                        .map_err(|_| Error::internal("a size of 8 bytes"))?,
                ),
                None => 0,
            };
            let expected = announced & !MORE;
            let received = comm.exchange(
                to.map(|rank| (rank, payload)).into_iter().collect(),
                &from
                    .map(|rank| (rank, expected as usize))
                    .into_iter()
                    .collect::<Vec<_>>(),
            )?;
            if let Some(bytes) = received.first() {
                local.attempt(|| {
                    super::faults::here("merge")?;
                    put_all(sink, bytes)
                });
            }
            if more == 0 {
                to = None;
            }
            if announced & MORE == 0 {
                from = None;
            }
        }
        distance *= 2;
    }
    local.ended()
}

/// The next pieces, encoded: of one round, or nothing when none is left.
fn batch(pieces: &mut impl Iterator<Item = (Vec<usize>, Partials<State>)>) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    let mut bytes = 0;
    for (piece, partials) in pieces {
        let nodes: Vec<(NodeId, Vec<u8>)> = partials
            .drain()
            .into_iter()
            .map(|(node, state)| {
                let mut bytes = Vec::new();
                state.encode(&mut bytes);
                (node, bytes)
            })
            .collect();
        bytes += nodes.iter().map(|(_, state)| state.len()).sum::<usize>();
        all.push(Parts { piece, nodes });
        if bytes >= ROUND_BYTES {
            break;
        }
    }
    if all.is_empty() {
        return Ok(Vec::new());
    }
    postcard::to_stdvec(&all).map_err(|e| Error::internal(format!("encoding partial results: {e}")))
}

fn put_all(sink: &SinkRun<'_>, bytes: &[u8]) -> Result<()> {
    let all: Vec<Parts> = postcard::from_bytes(bytes)
        .map_err(|e| Error::internal(format!("partial results of another rank: {e}")))?;
    for parts in all {
        for (node, bytes) in parts.nodes {
            sink.insert_encoded(&parts.piece, node, &bytes)?;
        }
    }
    Ok(())
}
