//! Joins partial results across ranks. The fixed tree over segments decides what is joined with what; ranks only decide
//! where it happens, along a binomial tree of the ranks that share a piece, ending at the first of them.

use super::sink::SinkRun;
use crate::comm::Comm;
use crate::error::{Error, Result};
use crate::geom::NodeId;
use crate::plan::Pass;
use serde::{Deserialize, Serialize};

/// The partial results of one piece, as they travel.
#[derive(Serialize, Deserialize)]
struct Parts {
    piece: Vec<usize>,
    nodes: Vec<(NodeId, Vec<u8>)>,
}

/// Brings the partial results of a split sink to the ranks that own its pieces. Collective.
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
        let payload = match to {
            Some(_) => take_all(sink)?,
            None => Vec::new(),
        };
        // Sizes first: which subtrees are whole depends on the boxes of several ranks.
        let sizes = comm.exchange(
            to.map(|rank| (rank, (payload.len() as u64).to_le_bytes().to_vec()))
                .into_iter()
                .collect(),
            &from.map(|rank| (rank, 8)).into_iter().collect::<Vec<_>>(),
        )?;
        let expected = match sizes.first() {
            Some(bytes) => u64::from_le_bytes(
                bytes
                    .as_slice()
                    .try_into()
                    .map_err(|_| Error::internal("a size of 8 bytes"))?,
            ),
            None => 0,
        };
        let received = comm.exchange(
            to.map(|rank| (rank, payload)).into_iter().collect(),
            &from
                .map(|rank| (rank, expected as usize))
                .into_iter()
                .collect::<Vec<_>>(),
        )?;
        if let Some(bytes) = received.first() {
            put_all(sink, bytes)?;
        }
        distance *= 2;
    }
    Ok(())
}

fn take_all(sink: &SinkRun<'_>) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    for (piece, partials) in sink.take_partials() {
        let nodes = partials
            .drain()
            .into_iter()
            .map(|(node, state)| {
                let mut bytes = Vec::new();
                state.encode(&mut bytes);
                (node, bytes)
            })
            .collect();
        all.push(Parts { piece, nodes });
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
