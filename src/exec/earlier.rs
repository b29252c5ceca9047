//! What earlier starts have finished, as one sink of a pass sees it.

use super::done::{Done, Nodes};
use super::sink::{Finished, Running, SinkRun};
use crate::error::{Error, Result};
use crate::geom::{NodeId, Region};
use crate::io::journal::Blob;
use crate::kernel::State;
use crate::plan::SinkTarget;

/// What earlier starts have finished, as one sink sees it.
#[derive(Clone, Copy)]
pub(super) struct Earlier<'a> {
    pub(super) done: &'a Done,
    /// Number of the stage.
    pub(super) stage: usize,
    /// Number of the sink.
    pub(super) sink: usize,
}

impl<'a> SinkRun<'a> {
    /// True when an earlier start has finished a piece, for all that it is wanted for.
    pub(super) fn is_done(&self, piece: &[usize]) -> bool {
        let Some(Earlier { done, stage, sink }) = self.earlier else {
            return false;
        };
        let region = self.piece_region(piece);
        let mut targets = self.sink.targets.iter();
        targets.all(|target| match target {
            SinkTarget::Store(_) => done.stored(stage, sink, &region.start),
            SinkTarget::Gather(_) => false,
            SinkTarget::Write { file, variable } => done.written(*file, *variable, &region),
        })
    }

    /// True when an earlier start has what the tile or segment at `position` contributes.
    pub(super) fn covers(&self, position: &[usize]) -> bool {
        let Some(Earlier { done, stage, sink }) = self.earlier else {
            return false;
        };
        let piece = self.piece_of(position);
        if self.is_done(&piece) {
            return true;
        }
        let Some(fold) = self.fold.as_ref().filter(|fold| !fold.single) else {
            return false;
        };
        let nodes = done.nodes(stage, sink).and_then(|nodes| nodes.get(&piece));
        nodes.is_some_and(|nodes| {
            let folded = self.geometry.folded.iter();
            let leaf: Vec<usize> = folded.map(|axis| position[*axis]).collect();
            let leaf = fold.tree.leaf(&leaf);
            (nodes.iter()).any(|(node, _)| leaf.index >> node.level == node.index)
        })
    }

    /// The partial results of earlier starts, but of pieces that are done; each with the position of its first segment.
    pub(super) fn earlier_nodes(&self) -> Vec<(Vec<usize>, &[usize], NodeId, &'a Blob)> {
        let (Some(Earlier { done, stage, sink }), Some(fold)) = (self.earlier, &self.fold) else {
            return Vec::new();
        };
        let Some(nodes): Option<&'a Nodes> = done.nodes(stage, sink) else {
            return Vec::new();
        };
        let mut all = Vec::new();
        for (piece, nodes) in nodes {
            if piece.len() != self.geometry.plain().count() || self.is_done(piece) {
                continue;
            }
            for (node, blob) in nodes {
                if let Some(first) = fold.tree.first(*node) {
                    let mut position = vec![0; self.pass.tiles.ndim()];
                    (self.geometry.plain().zip(piece)).for_each(|(axis, at)| position[axis] = *at);
                    (self.geometry.folded.iter().zip(&first))
                        .for_each(|(axis, at)| position[*axis] = *at);
                    all.push((position, piece.as_slice(), *node, blob));
                }
            }
        }
        all
    }

    /// The running state of an earlier start.
    pub(super) fn begun(&self, tile: &Region, bytes: &[u8]) -> Result<Running> {
        let fold = self.fold.as_ref();
        let fold = fold.ok_or_else(|| Error::internal("a running state without a fold"))?;
        let shape = self.cell_shape(tile);
        Ok(Running::Fold(State::decode(&fold.spec, &shape, bytes)?))
    }

    /// Pieces that are complete now, of a sink whose pieces are complete on this rank.
    pub(super) fn finish_complete(&self) -> Result<Vec<Finished>> {
        let pieces = self.waiting_pieces();
        let mut finished = Vec::new();
        for piece in pieces {
            if let Some(mut state) = self.take_complete(&piece)? {
                finished.push(self.finish(&mut state, &piece)?);
            }
        }
        Ok(finished)
    }
}
