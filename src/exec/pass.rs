//! A pass on one rank: threads take tasks; a task walks the tiles of a segment, fetches and decodes their inputs, runs the
//! fused program, and feeds the sinks.

use super::done::Done;
use super::exchange::AtHand;
use super::fetch::{Piece, Readers};
use super::journal::Journal;
use super::kept::Keeping;
use super::messages::Parcel;
use super::output::{Delivery, Store};
use super::sink::SinkRun;
use super::stop::Stop;
use super::worker::Worker;
use crate::comm::{Pulse, quiet_panics};
use crate::error::{Error, Fault, Result};
use crate::geom::Region;
use crate::io::Source;
use crate::observe::{Meter, Recorder};
use crate::op::Instr;
use crate::plan::{ArrayDecl, Make, Nesting, Pass, PassGeometry, Plan, SinkTarget};
use crossbeam_channel::Sender;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

/// Everything that the threads of a rank share in one pass.
pub(super) struct PassRun<'a> {
    pub(super) plan: &'a Plan,
    pub(super) pass: &'a Pass,
    /// Per slot: the file that it is read from.
    pub(super) sources: Vec<Option<Arc<dyn Source>>>,
    /// Per slot: the boxes in memory that it is loaded from.
    pub(super) resident: Vec<Option<AtHand>>,
    /// Per slot: whether chunks of it are kept for later passes, or were by an earlier one.
    pub(super) kept: Vec<Option<Keeping>>,
    pub(super) sinks: Vec<SinkRun<'a>>,
    pub(super) delivery: Delivery<'a>,
    pub(super) readers: &'a Readers,
    pub(super) meter: &'a Arc<Meter>,
    pub(super) threads: usize,
    /// Signs of life for the watchdog.
    pub(super) pulse: Arc<Pulse>,
    pub(super) recorder: &'a Recorder,
    /// Number of the stage.
    pub(super) stage: usize,
    pub(super) done: Option<&'a Done>,
    pub(super) journal: Option<&'a Journal>,
    pub(super) stop: &'a Stop,
    /// Threads of the pool without a task: they help others to decode.
    pub(super) idle: AtomicUsize,
}

/// A run of segments of one column of tiles.
pub(super) struct Task {
    pub(super) column: Vec<usize>,
    pub(super) segments: Range<usize>,
}

impl PassRun<'_> {
    /// Runs all tasks of this rank on the pool's threads. Blocks; returns the first error in the order of tasks' ends.
    pub(super) fn run(
        &self,
        pool: &rayon::ThreadPool,
        rank: usize,
        outgoing: &Sender<Parcel>,
    ) -> Result<()> {
        let tasks = self.tasks(rank);
        let left = tasks.iter().flat_map(|task| {
            let segments = task.segments.clone();
            segments.map(|segment| self.count_left(&task.column, segment))
        });
        self.recorder.expect(left.sum());
        let next = AtomicUsize::new(0);
        let failed = AtomicBool::new(false);
        let error: Mutex<Option<Error>> = Mutex::new(None);
        // `broadcast` pins one loop to each thread: a task is never stolen while its thread waits inside another one, so
        // at most `threads` tasks hold memory.
        pool.broadcast(|context| {
            if context.index() >= self.threads {
                self.idle.fetch_add(1, Relaxed);
                return;
            }
            let mut worker = match Worker::new(self, context.index() + 1) {
                Ok(worker) => worker,
                Err(e) => return note(&error, &failed, e),
            };
            while !failed.load(Relaxed) {
                let Some(task) = tasks.get(next.fetch_add(1, Relaxed)) else {
                    break;
                };
                // A panic of a kernel becomes an error of this rank, so that the stage still ends in a verdict.
                let ended = quiet_panics(|| {
                    super::faults::point("compute", rank)?;
                    worker.run(task, outgoing, &failed)
                })
                .flatten();
                if let Err(e) = ended {
                    return note(&error, &failed, e);
                }
            }
            self.idle.fetch_add(1, Relaxed);
        });
        match error.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => {
                if let (Some(journal), Fault::Stopped) = (self.journal, error.fault()) {
                    journal.waiting(self.stage, &self.sinks, true);
                }
                Err(error)
            }
            None => Ok(()),
        }
    }

    fn tasks(&self, rank: usize) -> Vec<Task> {
        let columns = PassGeometry::new(self.pass, rank).columns(self.pass);
        // With enough columns a thread walks all segments of its column, which keeps few partial results waiting.
        let whole = columns.len() >= 2 * self.threads;
        columns
            .into_iter()
            .flat_map(|(column, segments)| {
                let step = if whole { segments.len().max(1) } else { 1 };
                segments.clone().step_by(step).map(move |first| Task {
                    column: column.clone(),
                    segments: first..(first + step).min(segments.end),
                })
            })
            .collect()
    }

    /// Number of tiles of a segment.
    pub(super) fn tiles_of(&self, segment: usize) -> usize {
        let Some(axis) = self.pass.stream_axis else {
            return 1;
        };
        let (count, long) = (self.pass.tiles.axes[axis].count(), self.pass.segment_tiles);
        count.saturating_sub(segment * long).min(long)
    }

    /// Tiles of a segment of a column: their grid positions.
    pub(super) fn segment(&self, column: &[usize], segment: usize) -> Vec<Vec<usize>> {
        let Some(axis) = self.pass.stream_axis else {
            return vec![column.to_vec()];
        };
        let count = self.pass.tiles.axes[axis].count();
        let first = segment * self.pass.segment_tiles;
        (first..(first + self.pass.segment_tiles).min(count))
            .map(|tile| {
                let mut position = column.to_vec();
                position[axis] = tile;
                position
            })
            .collect()
    }

    /// The stored chunks that a tile needs.
    pub(super) fn pieces(&self, needs: &[Option<Region>]) -> Vec<Piece> {
        let mut pieces = Vec::new();
        for (number, (need, source)) in needs.iter().zip(&self.sources).enumerate() {
            let (Some(source), Some(needed)) = (source, need) else {
                continue;
            };
            let grid = source.grid();
            for chunk in grid.overlapping(needed) {
                if let Some(part) = grid.region(&chunk).intersect(needed) {
                    let kept = match &self.kept[number] {
                        Some(Keeping::Takes(kept)) => kept.find(&chunk, &part),
                        _ => None,
                    };
                    pieces.push(Piece {
                        input: number,
                        chunk,
                        part,
                        kept,
                    });
                }
            }
        }
        pieces
    }

    /// Where the pieces go when nothing is left to compute and one store takes them: they need not pass through a sink.
    pub(super) fn stored_as_it_is(&self) -> Option<&Store> {
        let ([sink], [input], [step]) = (
            &self.pass.sinks[..],
            &self.pass.inputs[..],
            &self.pass.program.steps[..],
        ) else {
            return None;
        };
        let slot = &self.pass.slots[usize::from(input.slot)];
        let same = matches!(step.instr, Instr::Load(_))
            && sink.fold.is_none()
            && slot.dtype == sink.dtype
            && input.select.is_all(&slot.shape);
        match sink.targets[..] {
            [SinkTarget::Store(array)] if same => self.delivery.stores.get(&array),
            _ => None,
        }
    }

    /// What a band needs: of files what was decoded for its tile, of all else no more than its share.
    pub(super) fn band_needs(
        &self,
        of_tile: &[Option<Region>],
        band: &Region,
        tile: &Region,
    ) -> Vec<Option<Region>> {
        if band == tile {
            return of_tile.to_vec();
        }
        let mut needs = self.pass.slot_regions(band);
        self.keep_decoded(&mut needs, of_tile);
        needs
    }

    /// The same for a band of the piece of a slot.
    pub(super) fn piece_needs(
        &self,
        nesting: &Nesting,
        slot: usize,
        band: &Region,
        of_piece: &[Option<Region>],
    ) -> Vec<Option<Region>> {
        let mut needs = self.pass.piece_needs(nesting, slot, band, of_piece);
        self.keep_decoded(&mut needs, of_piece);
        needs
    }

    fn keep_decoded(&self, needs: &mut [Option<Region>], decoded: &[Option<Region>]) {
        for ((need, decoded), source) in needs.iter_mut().zip(decoded).zip(&self.sources) {
            if source.is_some() {
                need.clone_from(decoded);
            }
        }
    }

    pub(super) fn in_scratch(&self, input: usize) -> bool {
        matches!(self.pass.slots[input].make, Make::Load(array) if self.plan.in_scratch(array))
    }

    pub(super) fn variable(&self, input: usize) -> String {
        if self.in_scratch(input) {
            return "a stored result".to_owned();
        }
        if let Make::Load(array) = self.pass.slots[input].make
            && let ArrayDecl::File(spec) = self.plan.array(array)
        {
            return format!("{} of {}", spec.variable, spec.file.path.display());
        }
        "an array in memory".to_owned()
    }
}

fn note(first: &Mutex<Option<Error>>, failed: &AtomicBool, error: Error) {
    failed.store(true, Relaxed);
    first
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .get_or_insert(error);
}
