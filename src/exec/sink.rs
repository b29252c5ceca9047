//! Sinks at work: running states of folds, the trees in which partial results wait for one another, and finished pieces.

use super::codes::Codes;
use super::earlier::Earlier;
use crate::block::{Block, Buffer, Native};
use crate::dtype::{DType, Physical};
use crate::error::{Error, Result};
use crate::geom::{NodeId, Partials, Region, SegmentTree};
use crate::kernel::{AxisRole, Column, FoldSpec, FoldTile, InColumn, Runs, State};
use crate::observe::{Held, Meter};
use crate::op::ReductionKind;
use crate::plan::{Pass, Sink, SinkGeometry};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Pieces with partial results, by the tile positions of their kept axes.
type Pieces = HashMap<Vec<usize>, Partials<State>>;

/// What waits, and its bytes in the rank's meter.
struct Waiting {
    pieces: Pieces,
    bytes: usize,
    held: Held,
}

/// One sink of a running pass; shared by the rank's threads.
pub(super) struct SinkRun<'a> {
    pub(super) sink: &'a Sink,
    pub(super) geometry: SinkGeometry,
    pub(super) pass: &'a Pass,
    element: DType,
    pub(super) fold: Option<FoldRun>,
    waiting: Mutex<Waiting>,
    pub(super) earlier: Option<Earlier<'a>>,
}

pub(super) struct FoldRun {
    pub(super) spec: FoldSpec,
    codes: Option<Codes>,
    /// One leaf: the running state is the result, no tree is needed.
    pub(super) single: bool,
    pub(super) tree: SegmentTree,
    /// Row-major strides of the reduced axes, for the indices that argmin and argmax report.
    arg_strides: Vec<i64>,
}

/// A finished piece of a result.
pub(super) struct Finished {
    /// Where it lies in the result.
    pub(super) region: Region,
    /// Its elements.
    pub(super) block: Block,
}

impl<'a> SinkRun<'a> {
    pub(super) fn new(
        pass: &'a Pass,
        sink: &'a Sink,
        codes: Option<Arc<Block>>,
        meter: &Arc<Meter>,
        earlier: Option<Earlier<'a>>,
    ) -> Self {
        let ndim = pass.tiles.ndim();
        let geometry = SinkGeometry::new(ndim, sink.fold.as_ref());
        let element = pass.program.output_dtype(usize::from(sink.output));
        let counts = pass.task_counts();
        let fold = sink.fold.as_ref().map(|fold| {
            let leaves: Vec<usize> = geometry.folded.iter().map(|axis| counts[*axis]).collect();
            let roles = (0..ndim)
                .filter(|axis| fold.axes.contains(axis) || fold.keeps(*axis))
                .map(|axis| match fold.group_axis() {
                    Some(group) if group == axis => AxisRole::Group,
                    _ if fold.axes.contains(&axis) => AxisRole::Reduce,
                    _ => AxisRole::Keep,
                })
                .collect();
            let domain = pass.tiles.shape();
            let mut arg_strides = vec![0i64; ndim];
            if matches!(
                fold.reduction.kind,
                ReductionKind::Argmin | ReductionKind::Argmax
            ) {
                let mut stride = 1i64;
                for axis in fold.axes.iter().rev() {
                    arg_strides[*axis] = stride;
                    stride = stride.saturating_mul(domain[*axis] as i64);
                }
            }
            FoldRun {
                spec: FoldSpec {
                    reduction: fold.reduction,
                    dtype: element,
                    roles,
                    groups: fold.group.map_or(0, |g| g.groups),
                },
                codes: codes.and_then(|codes| Some(Codes::new(pass, fold.group?, codes))),
                single: leaves.iter().product::<usize>() == 1,
                tree: SegmentTree::new(&leaves),
                arg_strides,
            }
        });
        let waiting = Waiting {
            pieces: Pieces::new(),
            bytes: 0,
            held: meter.hold(0),
        };
        SinkRun {
            sink,
            geometry,
            pass,
            element,
            fold,
            waiting: Mutex::new(waiting),
            earlier,
        }
    }

    /// True when the running state goes on from tile to tile along the stream axis.
    pub(super) fn streams(&self) -> bool {
        self.pass
            .stream_axis
            .is_some_and(|axis| self.geometry.folded.contains(&axis))
    }

    /// Lengths of the piece that a tile contributes to.
    pub(super) fn cell_shape(&self, tile: &Region) -> Vec<usize> {
        self.geometry
            .kept
            .iter()
            .map(|axis| match (&self.fold, self.geometry.group) {
                (Some(fold), Some(group)) if group == *axis => fold.spec.groups,
                _ => tile.shape[*axis],
            })
            .collect()
    }

    /// What the sink holds while a tile (or a run of tiles) is fed to it.
    ///
    /// `spare` is what this thread held for an earlier tile: its memory is used again.
    pub(super) fn start(&self, tile: &Region, spare: Option<Running>) -> Result<Running> {
        let shape = self.cell_shape(tile);
        Ok(match (&self.fold, spare) {
            (None, Some(Running::Keep(mut block))) => {
                block.reshape_for_reuse(&shape);
                Running::Keep(block)
            }
            (None, _) => Running::Keep(Block::zeros(self.element, &shape)),
            (Some(_), Some(Running::Fold(mut state))) => {
                state.reset(&shape);
                Running::Fold(state)
            }
            (Some(fold), _) => Running::Fold(State::new(&fold.spec, &shape)?),
        })
    }

    /// Feeds the elements of one sub-tile.
    pub(super) fn feed(
        &self,
        running: &mut Running,
        tile: &Region,
        runs: &Runs,
        values: Column<'_>,
    ) -> Result<()> {
        match (running, &self.fold) {
            (Running::Keep(block), None) => (0..runs.count).try_for_each(|run| {
                let values = values.part(run * runs.pitch, runs.len);
                copy_column(block.buffer_mut(), runs.start + run * runs.stride, values)
            }),
            (Running::Fold(state), Some(fold)) => {
                let codes = match &fold.codes {
                    Some(codes) => codes.of(tile)?,
                    None => &[],
                };
                let arg_base = tile
                    .start
                    .iter()
                    .zip(&fold.arg_strides)
                    .map(|(start, stride)| *start as i64 * stride)
                    .sum();
                let merged;
                let shape = match &fold.codes {
                    Some(codes) if codes.merges() => {
                        merged = codes.merged(&tile.shape);
                        &merged
                    }
                    _ => &tile.shape,
                };
                let fold_tile = FoldTile {
                    shape,
                    codes,
                    arg_base,
                    arg_strides: &fold.arg_strides,
                };
                state.feed(&fold_tile, runs, values)
            }
            _ => Err(Error::internal("a sink was fed the state of another")),
        }
    }

    /// Ends a tile or a segment: a finished piece, when there is one, and what is left of `running` to be used again.
    ///
    /// `position` has the tile numbers per domain axis, but the segment number along the stream axis when the sink
    /// streams.
    pub(super) fn end(
        &self,
        running: Running,
        position: &[usize],
        tile: &Region,
    ) -> Result<(Option<Finished>, Option<Running>)> {
        if self.covers(position) {
            // Another sink needed the tile.
            return Ok((None, Some(running)));
        }
        let state = match (running, &self.fold) {
            (Running::Keep(block), _) => {
                let region = tile.clone();
                return Ok((Some(Finished { region, block }), None));
            }
            (Running::Fold(mut state), Some(fold)) if fold.single => {
                let finished = self.finish(&mut state, &self.piece_of(position))?;
                return Ok((Some(finished), Some(Running::Fold(state))));
            }
            (Running::Fold(state), Some(_)) => state,
            (Running::Fold(_), None) => return Err(Error::internal("a state without a fold")),
        };
        let leaf: Vec<usize> = self
            .geometry
            .folded
            .iter()
            .map(|axis| position[*axis])
            .collect();
        let piece = self.piece_of(position);
        let Some(fold) = &self.fold else {
            return Ok((None, None));
        };
        let spare = self.insert(&piece, fold.tree.leaf(&leaf), state)?;
        if self.earlier.is_some() && self.geometry.is_split(self.pass) {
            // With what an earlier start had a piece may be complete on a rank that does not own it.
            return Ok((None, spare.map(Running::Fold)));
        }
        match self.take_complete(&piece)? {
            Some(mut state) => {
                let finished = self.finish(&mut state, &piece)?;
                Ok((Some(finished), Some(Running::Fold(state))))
            }
            None => Ok((None, spare.map(Running::Fold))),
        }
    }

    /// The block of a delivered piece, when the sink can use its memory again.
    pub(super) fn recycle(&self, finished: Finished) -> Option<Running> {
        self.fold.is_none().then_some(Running::Keep(finished.block))
    }

    pub(super) fn piece_of(&self, position: &[usize]) -> Vec<usize> {
        self.geometry.plain().map(|axis| position[axis]).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        // A thread that panicked while it held the lock has already failed the stage.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a partial result; gives one that was merged into another, whose memory can be used again.
    fn insert(&self, piece: &[usize], node: NodeId, state: State) -> Result<Option<State>> {
        let Some(fold) = &self.fold else {
            return Ok(None);
        };
        let mut spare = None;
        let state_bytes = state.live_bytes();
        let mut waiting = self.lock();
        let partials = waiting
            .pieces
            .entry(piece.to_vec())
            .or_insert_with(|| Partials::new(fold.tree.clone()));
        let before = partials.len();
        partials.insert(node, state, &mut |left: &mut State, right: State| {
            left.merge(&right)?;
            spare = Some(right);
            Ok(())
        })?;
        let after = partials.len();
        waiting.change(before, after, state_bytes);
        Ok(spare)
    }

    pub(super) fn take_complete(&self, piece: &[usize]) -> Result<Option<State>> {
        let mut waiting = self.lock();
        let Some(partials) = waiting.pieces.get_mut(piece) else {
            return Ok(None);
        };
        let complete = partials.complete();
        if let Some(state) = &complete {
            waiting.pieces.remove(piece);
            waiting.change(1, 0, state.live_bytes());
        }
        Ok(complete)
    }

    /// Everything that waits, to be sent to another rank.
    pub(super) fn take_partials(&self) -> Vec<(Vec<usize>, Partials<State>)> {
        let mut waiting = self.lock();
        let mut all: Vec<_> = waiting.pieces.drain().collect();
        let bytes = waiting.bytes;
        waiting.change(1, 0, bytes);
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }

    /// The pieces of which partial results wait.
    pub(super) fn waiting_pieces(&self) -> Vec<Vec<usize>> {
        self.lock().pieces.keys().cloned().collect()
    }

    /// True when partial results wait for others.
    pub(super) fn waits(&self) -> bool {
        !self.lock().pieces.is_empty()
    }

    /// Every partial result that waits, while none comes or goes.
    pub(super) fn each_waiting(
        &self,
        mut visit: impl FnMut(&[usize], NodeId, &State) -> Result<()>,
    ) -> Result<()> {
        let waiting = self.lock();
        for (piece, partials) in &waiting.pieces {
            for (node, state) in partials.states() {
                visit(piece, *node, state)?;
            }
        }
        Ok(())
    }

    /// A partial result of another rank.
    pub(super) fn insert_encoded(&self, piece: &[usize], node: NodeId, bytes: &[u8]) -> Result<()> {
        let Some(fold) = &self.fold else {
            return Ok(());
        };
        let shape = self.piece_region(piece).shape;
        let state = State::decode(&fold.spec, &shape, bytes)?;
        self.insert(piece, node, state).map(|_| ())
    }

    /// Pieces that are complete now (after a combine); what is not complete on their owner is an error.
    pub(super) fn finish_all(&self) -> Result<Vec<Finished>> {
        let mut finished = Vec::new();
        for (piece, mut partials) in self.take_partials() {
            let mut state = partials.complete().ok_or_else(|| {
                Error::internal(format!("partial results of piece {piece:?} are missing"))
            })?;
            finished.push(self.finish(&mut state, &piece)?);
        }
        Ok(finished)
    }

    /// Where a piece lies in the result.
    pub(super) fn piece_region(&self, piece: &[usize]) -> Region {
        let mut plain = piece.iter();
        let (start, shape) = self
            .geometry
            .kept
            .iter()
            .enumerate()
            .map(|(result_axis, axis)| {
                if self.geometry.group == Some(*axis) {
                    return (0, self.sink.shape[result_axis]);
                }
                let range = self.pass.tiles.axes[*axis].range(plain.next().copied().unwrap_or(0));
                (range.start, range.len())
            })
            .unzip();
        Region { start, shape }
    }

    pub(super) fn finish(&self, state: &mut State, piece: &[usize]) -> Result<Finished> {
        let region = self.piece_region(piece);
        let block = state.finalize()?;
        if block.dtype().physical() != self.sink.dtype.physical() || block.shape() != region.shape {
            return Err(Error::internal(format!(
                "a finished piece is {} {:?}, expected {} {:?}",
                block.dtype(),
                block.shape(),
                self.sink.dtype,
                region.shape
            )));
        }
        Ok(Finished {
            region,
            block: block.with_dtype(self.sink.dtype)?,
        })
    }
}

impl Waiting {
    /// Notes that the number of waiting states of `bytes` each went from `before` to `after`.
    fn change(&mut self, before: usize, after: usize, bytes: usize) {
        self.bytes = (self.bytes + after * bytes).saturating_sub(before * bytes);
        self.held.set(self.bytes);
    }
}

/// What a sink holds while tiles are fed to it.
pub(super) enum Running {
    Keep(Block),
    Fold(State),
}

impl Running {
    /// Bytes that it holds.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Running::Keep(block) => block.bytes(),
            Running::Fold(state) => state.live_bytes(),
        }
    }
}

/// Copies a column to `start` of a buffer of the same physical type.
pub(super) fn copy_column(buffer: &mut Buffer, start: usize, column: Column<'_>) -> Result<()> {
    let physical: Physical = buffer.physical();
    for_physical!(physical, T => {
        match (T::slice_mut(buffer), T::elements(column)) {
            (Some(to), Some(from)) => {
                to[start..start + from.len()].copy_from_slice(from);
                Ok(())
            }
            _ => Err(Error::internal(format!("a column that is not {physical:?}"))),
        }
    })
}
