//! What a rank has left to do in a pass where an earlier start has been: which tiles, and from which states.

use super::done::Done;
use super::pass::PassRun;
use super::sink::Running;
use crate::block::{Block, Buffer};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::geom::Region;
use crate::io::journal::{Blob, read_blob};
use crate::plan::{PassGeometry, SinkTarget};
use std::collections::HashSet;

/// What is left of a segment.
pub(super) struct Left {
    /// Numbers of its tiles that are still to be done, ascending.
    pub(super) tiles: Vec<usize>,
    /// Per sink: the state in which it goes on.
    pub(super) states: Vec<Option<Running>>,
}

/// The bytes of a partial result, which were good when the run began.
fn bytes(done: &Done, blob: &Blob) -> Result<Vec<u8>> {
    let read = read_blob(&done.folder, blob).map_err(Error::internal)?;
    read.ok_or_else(|| {
        Error::internal(format!(
            "resume: {} of the journal {} has changed meanwhile",
            blob.name,
            done.folder.display()
        ))
    })
}

impl PassRun<'_> {
    /// What is left of a segment, its states not yet loaded: the first tile, and all of its tiles that are to be done.
    fn left_tiles(
        &self,
        tiles: &[Vec<usize>],
        column: &[usize],
        segment: usize,
    ) -> (usize, Vec<usize>) {
        let Some(done) = self.done else {
            return (0, (0..tiles.len()).collect());
        };
        let (mut runs, mut stops) = (Vec::new(), Vec::new());
        for (number, sink) in self.sinks.iter().enumerate() {
            match sink.streams() {
                true => runs.push(number),
                false => stops.push(sink),
            }
        }
        let mut at_segment = column.to_vec();
        if let Some(axis) = self.pass.stream_axis {
            at_segment[axis] = segment;
        }
        runs.retain(|number| !self.sinks[*number].covers(&at_segment));
        let covered = |tile: &Vec<usize>| stops.iter().all(|sink| sink.covers(tile));
        if runs.is_empty() {
            let numbers = 0..tiles.len();
            return (
                0,
                numbers.filter(|number| !covered(&tiles[*number])).collect(),
            );
        }
        let begun = done.begun(self.stage, column, segment).filter(|begun| {
            let has = |sink: &usize| {
                begun
                    .sinks
                    .iter()
                    .any(|(known, _)| *known as usize == *sink)
            };
            begun.tiles < tiles.len()
                && runs.iter().all(has)
                && tiles[..begun.tiles].iter().all(covered)
        });
        let first = begun.map_or(0, |begun| begun.tiles);
        (first, (first..tiles.len()).collect())
    }

    /// Number of tiles of a segment that are left.
    pub(super) fn count_left(&self, column: &[usize], segment: usize) -> usize {
        match self.done {
            None => self.tiles_of(segment),
            Some(_) => {
                let tiles = self.segment(column, segment);
                self.left_tiles(&tiles, column, segment).1.len()
            }
        }
    }

    /// What is left of a segment.
    pub(super) fn left(
        &self,
        tiles: &[Vec<usize>],
        first: &Region,
        (column, segment): (&[usize], usize),
    ) -> Result<Left> {
        let mut states: Vec<Option<Running>> = self.sinks.iter().map(|_| None).collect();
        let (from, tiles) = self.left_tiles(tiles, column, segment);
        if let Some(done) = self.done
            && from > 0
            && let Some(begun) = done.begun(self.stage, column, segment)
        {
            for (sink, blob) in &begun.sinks {
                if let Some(run) = self.sinks.get(*sink as usize).filter(|run| run.streams()) {
                    states[*sink as usize] = Some(run.begun(first, &bytes(done, blob)?)?);
                }
            }
        }
        Ok(Left { tiles, states })
    }

    /// Takes in the partial results and finished results of earlier starts that belong to this rank.
    pub(super) fn load_earlier(&self, rank: usize) -> Result<()> {
        let Some(done) = self.done else {
            return Ok(());
        };
        let own = self.own_positions(rank);
        for (number, sink) in self.sinks.iter().enumerate() {
            for (position, piece, node, blob) in sink.earlier_nodes() {
                if own.contains(&self.task_of(sink.streams(), &position)) {
                    sink.insert_encoded(piece, node, &bytes(done, blob)?)?;
                }
            }
            for result in done.results(self.stage, number) {
                let region = Region::new(result.start.clone(), result.shape.clone());
                let mut elements = None;
                for target in &sink.sink.targets {
                    let SinkTarget::Store(array) = target else {
                        continue;
                    };
                    let Some(store) = self.delivery.stores.get(array) else {
                        continue;
                    };
                    let Some(part) = region.intersect(&store.region) else {
                        continue;
                    };
                    let whole = match elements.take() {
                        Some(whole) => whole,
                        None => block(sink.sink.dtype, &region, &bytes(done, &result.blob)?)?,
                    };
                    let inside = part.relative_to(&region.start);
                    store.paste(&part, &whole.part(&inside))?;
                    elements = Some(whole);
                }
            }
        }
        Ok(())
    }

    /// The positions of this rank's tasks: tiles, but the segment along the stream axis.
    fn own_positions(&self, rank: usize) -> HashSet<Vec<usize>> {
        let columns = PassGeometry::new(self.pass, rank).columns(self.pass);
        let positions = columns.into_iter().flat_map(|(column, segments)| {
            segments.map(move |segment| {
                let mut position = column.clone();
                if let Some(axis) = self.pass.stream_axis {
                    position[axis] = segment;
                }
                position
            })
        });
        positions.collect()
    }

    /// The task that what a sink gets at `position` comes from: a sink that does not run along the segments counts tiles.
    fn task_of(&self, streams: bool, position: &[usize]) -> Vec<usize> {
        let mut task = position.to_vec();
        if let (Some(axis), false) = (self.pass.stream_axis, streams) {
            task[axis] /= self.pass.segment_tiles;
        }
        task
    }
}

fn block(dtype: DType, region: &Region, bytes: &[u8]) -> Result<Block> {
    let buffer = Buffer::from_bytes(dtype.physical(), bytes)?;
    Block::new(dtype, region.shape.clone(), buffer)
}
