//! What one rank does in a stage, derived from the plan by pure arithmetic: the same on every rank, for every rank.
//! Law: what `r` sends to `s` is what `s` expects from `r` (both are the intersection of two boxes).

use super::plan::{ArrayDecl, ArrayId, Fold, Make, Pass, Plan, Sink, Stage};
use super::runs::deal;
use crate::error::{Error, Result};
use crate::geom::{AxisChunks, Home, HomeAxis, Region, positions};
use std::ops::Range;

/// The geometry of a pass on one rank.
#[derive(Clone, Debug)]
pub struct PassGeometry {
    /// Runs of tasks per domain axis: the box that this rank owns, or that holds its run; `None` on an idle rank.
    pub tasks: Option<Vec<Range<usize>>>,
    /// The columns of a run, when tasks are dealt in runs.
    run: Option<Vec<Vec<usize>>>,
}

impl PassGeometry {
    /// The part of `rank` in `pass`.
    pub fn new(pass: &Pass, rank: usize) -> Self {
        let Some(runs) = &pass.runs else {
            // Empty runs (more parts than tasks cannot happen, but an axis of length 0 has no tasks) mean no work.
            let tasks = pass
                .placement
                .task_box(rank)
                .filter(|b| b.iter().all(|r| !r.is_empty()));
            return PassGeometry { tasks, run: None };
        };
        let mut own: Vec<Vec<usize>> = Vec::new();
        if rank >= runs.ranks {
            return PassGeometry {
                tasks: None,
                run: Some(own),
            };
        }
        deal(pass, runs, |to, task, _| {
            if to == rank {
                own.push(task.to_vec());
            }
        });
        let tasks = own.first().map(|first| {
            let mut tasks: Vec<Range<usize>> = first.iter().map(|at| *at..*at + 1).collect();
            for task in &own {
                for (range, at) in tasks.iter_mut().zip(task) {
                    *range = range.start.min(*at)..range.end.max(at + 1);
                }
            }
            tasks
        });
        PassGeometry {
            tasks,
            run: Some(own),
        }
    }

    /// Number of tasks.
    pub fn count(&self) -> usize {
        match (&self.run, &self.tasks) {
            (Some(run), _) => run.len(),
            (None, Some(tasks)) => tasks.iter().map(ExactSizeIterator::len).product(),
            (None, None) => 0,
        }
    }

    /// The runs of tiles per domain axis; `None` on an idle rank.
    pub fn tile_box(&self, pass: &Pass) -> Option<Vec<Range<usize>>> {
        let mut tiles = self.tasks.clone()?;
        if let Some(axis) = pass.stream_axis {
            tiles[axis] = segment_tiles(pass, axis, tiles[axis].clone());
        }
        Some(tiles)
    }

    /// The part of the domain; `None` on an idle rank.
    pub fn domain_region(&self, pass: &Pass) -> Option<Region> {
        Some(box_region(&pass.tiles.axes, &self.tile_box(pass)?))
    }

    /// The part of an array that this rank needs: a box; `None` when it needs nothing.
    pub fn array_region(&self, pass: &Pass, array: ArrayId) -> Option<Region> {
        let needs = pass.slot_regions(&self.domain_region(pass)?);
        (pass.slots.iter().zip(needs))
            .filter(|(slot, _)| slot.make == Make::Load(array))
            .filter_map(|(_, need)| need)
            .reduce(|a, b| a.union_box(&b))
    }

    /// The grid positions of all tiles, one by one.
    pub fn tiles(&self, pass: &Pass) -> Vec<Vec<usize>> {
        let columns = self.columns(pass).into_iter();
        columns
            .flat_map(|(column, segments)| {
                let along = match pass.stream_axis {
                    Some(axis) => segment_tiles(pass, axis, segments),
                    None => 0..1,
                };
                along.map(move |tile| {
                    let mut position = column.clone();
                    if let Some(axis) = pass.stream_axis {
                        position[axis] = tile;
                    }
                    position
                })
            })
            .collect()
    }

    /// Columns of tasks, in row-major order: positions with the stream axis at 0, and the run of segments of each.
    pub fn columns(&self, pass: &Pass) -> Vec<(Vec<usize>, Range<usize>)> {
        if let Some(run) = &self.run {
            // A task is one segment of one column: the stream axis is at its segment.
            return run
                .iter()
                .map(|task| {
                    let mut column = task.clone();
                    let segment = match pass.stream_axis {
                        Some(axis) => std::mem::replace(&mut column[axis], 0),
                        None => 0,
                    };
                    (column, segment..segment + 1)
                })
                .collect();
        }
        let Some(tasks) = &self.tasks else {
            return Vec::new();
        };
        let mut ranges = tasks.clone();
        let segments = match pass.stream_axis {
            Some(axis) => std::mem::replace(&mut ranges[axis], 0..1),
            None => 0..1,
        };
        positions(ranges)
            .map(|position| (position, segments.clone()))
            .collect()
    }
}

/// Tiles of a run of segments.
pub(crate) fn segment_tiles(pass: &Pass, axis: usize, segments: Range<usize>) -> Range<usize> {
    let count = pass.tiles.axes[axis].count();
    (segments.start * pass.segment_tiles).min(count)..(segments.end * pass.segment_tiles).min(count)
}

/// The region of a box of chunks.
fn box_region(axes: &[AxisChunks], chunks: &[Range<usize>]) -> Region {
    let ranges: Vec<Range<usize>> = axes
        .iter()
        .zip(chunks)
        .map(|(axis, run)| axis.range(run.start).start..axis.range(run.end - 1).end)
        .collect();
    Region::new(
        ranges.iter().map(|r| r.start).collect::<Vec<_>>(),
        ranges
            .iter()
            .map(ExactSizeIterator::len)
            .collect::<Vec<_>>(),
    )
}

/// The geometry of one sink: which domain axes stay, which are folded, and who finishes what.
#[derive(Clone, Debug)]
pub struct SinkGeometry {
    /// Domain axes of the result's axes, in order (the group axis among them).
    pub kept: Vec<usize>,
    /// Domain axes whose tiles or segments each give a partial result (the group axis among them), in order.
    pub folded: Vec<usize>,
    /// The group axis.
    pub group: Option<usize>,
}

impl SinkGeometry {
    /// The geometry of `sink` in a domain of `ndim` axes.
    pub fn new(ndim: usize, fold: Option<&Fold>) -> Self {
        let Some(fold) = fold else {
            return SinkGeometry {
                kept: (0..ndim).collect(),
                folded: Vec::new(),
                group: None,
            };
        };
        SinkGeometry {
            kept: (0..ndim).filter(|axis| fold.keeps(*axis)).collect(),
            folded: (0..ndim).filter(|axis| fold.folds(*axis)).collect(),
            group: fold.group_axis(),
        }
    }

    /// Domain axes that are kept as they are.
    pub fn plain(&self) -> impl Iterator<Item = usize> + '_ {
        self.kept
            .iter()
            .copied()
            .filter(|axis| Some(*axis) != self.group)
    }

    /// True when the pieces of the sink on this placement are split over ranks, so that partial results are combined.
    pub fn is_split(&self, pass: &Pass) -> bool {
        self.folded
            .iter()
            .any(|axis| pass.placement.parts[*axis] > 1)
    }

    /// The ranks that hold partial results of the pieces of `rank`, ascending; the first one finishes and owns them.
    pub fn participants(&self, pass: &Pass, rank: usize) -> Vec<usize> {
        let Some(coordinates) = pass.placement.coordinates(rank) else {
            return Vec::new();
        };
        let ranges = coordinates
            .iter()
            .enumerate()
            .map(|(axis, c)| {
                if self.folded.contains(&axis) {
                    0..pass.placement.parts[axis]
                } else {
                    *c..*c + 1
                }
            })
            .collect();
        positions(ranges)
            .map(|position| pass.placement.rank_at(&position))
            .collect()
    }

    /// Which rank finishes and holds which box of the result.
    pub fn home(&self, pass: &Pass, sink: &Sink) -> Home {
        let axes = (self.kept.iter().enumerate())
            .map(|(result_axis, axis)| match self.group == Some(*axis) {
                true => HomeAxis::Whole(sink.shape[result_axis]),
                false => HomeAxis::Cut {
                    chunks: task_chunks(pass, *axis),
                    along: *axis,
                },
            })
            .collect();
        Home {
            placement: pass.placement.clone(),
            folded: self.folded.clone(),
            axes,
        }
    }
}

/// The cut of a domain axis into tasks.
fn task_chunks(pass: &Pass, axis: usize) -> AxisChunks {
    let tiles = &pass.tiles.axes[axis];
    if pass.stream_axis != Some(axis) || pass.segment_tiles == 1 {
        return tiles.clone();
    }
    match tiles {
        AxisChunks::Regular { len, chunk, phase } => AxisChunks::Regular {
            len: *len,
            chunk: chunk.saturating_mul(pass.segment_tiles),
            phase: *phase,
        },
        AxisChunks::Irregular { ends } => {
            let mut ends: Vec<usize> = (ends.iter().copied())
                .skip(pass.segment_tiles - 1)
                .step_by(pass.segment_tiles)
                .collect();
            if ends.last() != Some(&tiles.len()) {
                ends.push(tiles.len());
            }
            AxisChunks::Irregular { ends }
        }
    }
}

impl Plan {
    /// The box of a memory or result array that `rank` holds; `None` when it holds nothing or the array is a file.
    pub fn owned_region(&self, array: ArrayId, rank: usize) -> Option<Region> {
        match self.array(array) {
            ArrayDecl::File(_) => None,
            ArrayDecl::Held { home, .. } => home.region(rank),
            ArrayDecl::Memory { shape, .. } => (rank == 0).then(|| Region::whole(shape)),
            ArrayDecl::Result { stage, sink, .. } => {
                let Stage::Pass(pass) = &self.stages[*stage as usize] else {
                    return None;
                };
                let sink = &pass.sinks[*sink as usize];
                SinkGeometry::new(pass.tiles.ndim(), sink.fold.as_ref())
                    .home(pass, sink)
                    .region(rank)
            }
        }
    }

    /// Which rank holds which box of a result.
    ///
    /// # Errors
    /// Internal when the array is no result.
    pub fn home(&self, array: ArrayId) -> Result<Home> {
        if let ArrayDecl::Result { stage, sink, .. } = self.array(array)
            && let Stage::Pass(pass) = &self.stages[*stage as usize]
        {
            let sink = &pass.sinks[*sink as usize];
            let geometry = SinkGeometry::new(pass.tiles.ndim(), sink.fold.as_ref());
            return Ok(geometry.home(pass, sink));
        }
        Err(Error::internal(format!("array {} is no result", array.0)))
    }

    /// The box of `array` that `rank` needs in `stage`; `None` when it needs nothing of it.
    pub fn needed_region(&self, stage: &Stage, array: ArrayId, rank: usize) -> Option<Region> {
        match stage {
            Stage::Pass(pass) => PassGeometry::new(pass, rank).array_region(pass, array),
            Stage::Write(write) => {
                let chunks = write.placement.task_box(rank)?;
                if chunks.iter().any(Range::is_empty) {
                    return None;
                }
                Some(box_region(&write.chunks.axes, &chunks))
            }
        }
    }
}

/// Largest slab of a message, in bytes: large enough that its start costs little, small beside any budget.
pub(super) const SLAB_BYTES: usize = 4 << 20;

/// A box cut along its outermost axes into slabs of at most 4 MiB: what travels in one message.
pub fn slabs(region: &Region, element_bytes: usize) -> Vec<Region> {
    slabs_of(region, element_bytes, SLAB_BYTES)
}

/// The same for slabs of at most `most_bytes` (or one element).
pub fn slabs_of(region: &Region, element_bytes: usize, most_bytes: usize) -> Vec<Region> {
    let mut cut = region.shape.clone();
    for axis in 0..cut.len() {
        let inner: usize = cut[axis + 1..].iter().product::<usize>() * element_bytes;
        cut[axis] = (most_bytes / inner.max(1)).clamp(1, cut[axis].max(1));
        if cut[axis] > 1 {
            break;
        }
    }
    let counts = region
        .shape
        .iter()
        .zip(&cut)
        .map(|(len, cut)| 0..len.div_ceil(*cut));
    positions(counts.collect())
        .map(|at| {
            let (start, shape) = (0..cut.len())
                .map(|axis| {
                    let first = at[axis] * cut[axis];
                    let len = cut[axis].min(region.shape[axis] - first);
                    (region.start[axis] + first, len)
                })
                .unzip();
            Region { start, shape }
        })
        .collect()
}
