//! A pass on one rank: threads take tasks; a task walks the tiles of a segment, fetches and decodes their inputs, runs the
//! fused program, and feeds the sinks.

use super::done::Done;
use super::exchange::AtHand;
use super::fetch::{Pending, Piece, Readers};
use super::journal::Journal;
use super::kept::Keeping;
use super::messages::Parcel;
use super::output::{Delivery, Store};
use super::pieces::Pieces;
use super::sink::{Running, SinkRun};
use super::stop::Stop;
use crate::block::Block;
use crate::comm::{Pulse, quiet_panics};
use crate::error::{Context, Error, Fault, Result};
use crate::geom::Region;
use crate::io::{Scratch, Source};
use crate::kernel::Interpreter;
use crate::observe::{Held, Meter, Recorder, Work};
use crate::op::Instr;
use crate::plan::{ArrayDecl, Make, Nesting, Pass, PassGeometry, Plan, SinkTarget};
use crossbeam_channel::Sender;
use rayon::prelude::*;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

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
struct Task {
    column: Vec<usize>,
    segments: Range<usize>,
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
    fn pieces(&self, needs: &[Option<Region>]) -> Vec<Piece> {
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
    fn stored_as_it_is(&self) -> Option<&Store> {
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
    fn band_needs(
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

    fn in_scratch(&self, input: usize) -> bool {
        matches!(self.pass.slots[input].make, Make::Load(array) if self.plan.in_scratch(array))
    }

    fn variable(&self, input: usize) -> String {
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

/// One thread's workspace in a pass.
struct Worker<'r, 'a> {
    run: &'r PassRun<'a>,
    interpreter: Interpreter,
    pieces: Pieces,
    spare: Vec<Vec<u8>>,
    /// Per sink: memory of an earlier tile.
    idle: Vec<Option<Running>>,
    scratch: Scratch,
    held: Held,
    /// Its number among the threads that are recorded.
    lane: usize,
}

impl<'r, 'a> Worker<'r, 'a> {
    fn new(run: &'r PassRun<'a>, lane: usize) -> Result<Self> {
        Ok(Worker {
            lane,
            run,
            interpreter: Interpreter::new(&run.pass.program)?,
            pieces: Pieces::new(run)?,
            spare: Vec::new(),
            idle: run.sinks.iter().map(|_| None).collect(),
            scratch: Scratch::default(),
            held: run.meter.hold(0),
        })
    }

    fn run(&mut self, task: &Task, outgoing: &Sender<Parcel>, failed: &AtomicBool) -> Result<()> {
        for segment in task.segments.clone() {
            self.segment(&task.column, segment, outgoing, failed)?;
        }
        Ok(())
    }

    fn segment(
        &mut self,
        column: &[usize],
        segment: usize,
        outgoing: &Sender<Parcel>,
        failed: &AtomicBool,
    ) -> Result<()> {
        let run = self.run;
        let tiles = run.segment(column, segment);
        let regions: Vec<Region> = tiles
            .iter()
            .map(|tile| run.pass.tiles.region(tile))
            .collect();
        let left = run.left(&tiles, &regions[0], (column, segment))?;
        let mut streaming = left.states;
        let mut following = left.tiles.iter().skip(1);
        let mut next = match left.tiles.first() {
            Some(first) => Some(self.request(&regions[*first])?),
            None => return Ok(()),
        };
        for number in left.tiles.iter().copied() {
            let (tile, region) = (&tiles[number], &regions[number]);
            let began = Instant::now();
            if let Err(stopped) = run.stop.before_tile() {
                // The states of this segment would be lost.
                if let Some(journal) = run
                    .journal
                    .filter(|_| streaming.iter().any(Option::is_some))
                {
                    let at = (column, segment, number);
                    journal.running((self.lane, run.stage, true), at, &streaming);
                }
                return Err(stopped);
            }
            if failed.load(Relaxed) {
                return Ok(());
            }
            run.pulse.tick();
            let _in_tile = tracing::debug_span!("tile", position = ?tile).entered();
            let Some(pending) = next.take() else { break };
            if let Some(following) = following.next() {
                next = Some(self.request(&regions[*following])?);
            }
            let (needs, pending) = pending;
            let reads = run.recorder.span(self.lane, Work::Read);
            let (pieces, raws) = pending.wait()?;
            drop(reads);
            let decodes = run.recorder.span(self.lane, Work::Decode);
            self.decode(&needs, &pieces, &raws)?;
            drop(decodes);
            self.spare.extend(raws);
            let computes = run.recorder.span(self.lane, Work::Compute);
            if let Some(store) = run.stored_as_it_is() {
                for band in run.pass.bands(region) {
                    let needs = run.band_needs(&needs, &band, region);
                    self.pieces.make(run, &needs)?;
                    let bytes = raw_bytes(&self.spare) + self.pieces.bytes();
                    self.held.set(bytes + self.scratch.bytes.capacity());
                    let view = self.pieces.view(run, &needs, &run.pass.inputs[0], &band)?;
                    store.paste(&band, &view)?;
                }
                run.recorder.tile_done();
                run.stop.tile_took(began.elapsed());
                continue;
            }
            let mut running = Vec::with_capacity(run.sinks.len());
            let idle = self.idle.iter_mut();
            for ((sink, state), idle) in run.sinks.iter().zip(&mut streaming).zip(idle) {
                running.push(match state.take() {
                    Some(state) => state,
                    None => sink.start(region, idle.take())?,
                });
            }
            let mut done = 0;
            for band in run.pass.bands(region) {
                let needs = run.band_needs(&needs, &band, region);
                self.pieces.make(run, &needs)?;
                self.compute(region, (&band, done), &needs, &mut running)?;
                done += band.elements();
            }
            drop(computes);
            let _delivers = run.recorder.span(self.lane, Work::Deliver);
            let last = number + 1 == tiles.len();
            let delivering = run.journal.map(|journal| {
                let delivering = journal.delivering.read();
                delivering.unwrap_or_else(PoisonError::into_inner)
            });
            for (number, running) in running.into_iter().enumerate() {
                let sink = &run.sinks[number];
                if sink.streams() && !last {
                    streaming[number] = Some(running);
                    continue;
                }
                let mut position = tile.clone();
                if let (true, Some(axis)) = (sink.streams(), run.pass.stream_axis) {
                    position[axis] = segment;
                }
                let (finished, left) = sink.end(running, &position, region)?;
                self.idle[number] = left;
                if let Some(finished) = finished {
                    run.delivery.deliver(
                        (number, sink.sink),
                        &finished,
                        outgoing,
                        &mut self.scratch,
                    )?;
                    if self.idle[number].is_none() {
                        self.idle[number] = sink.recycle(finished);
                    }
                }
            }
            drop(delivering);
            run.recorder.tile_done();
            run.stop.tile_took(began.elapsed());
            if let Some(journal) = run.journal {
                if !last && streaming.iter().any(Option::is_some) && journal.due(self.lane) {
                    let at = (column, segment, number + 1);
                    journal.running((self.lane, run.stage, false), at, &streaming);
                }
                if journal.due(0) {
                    journal.waiting(run.stage, &run.sinks, false);
                }
            }
        }
        Ok(())
    }

    /// Asks for what a tile needs: the boxes of all slots, and the chunks on their way.
    fn request(&mut self, tile: &Region) -> Result<(Vec<Option<Region>>, Pending)> {
        let run = self.run;
        let _reads = run.recorder.span(self.lane, Work::Read);
        let needs = run.pass.slot_regions(tile);
        let pieces = run.pieces(&needs);
        let pending = run.readers.request(&run.sources, pieces, &mut self.spare)?;
        if !run.plan.scratch.is_empty() {
            // Parts of scratch files differ in length; what the next tile does not use would add to what it holds.
            self.spare.clear();
        }
        Ok((needs, pending))
    }

    fn decode(
        &mut self,
        needs: &[Option<Region>],
        pieces: &[Piece],
        raws: &[Vec<u8>],
    ) -> Result<()> {
        let run = self.run;
        self.pieces.ready(run, needs);
        let blocks = &mut self.pieces.blocks;
        for ((block, need), source) in blocks.iter_mut().zip(needs).zip(&run.sources) {
            if let (Some(block), Some(need), Some(_)) = (block, need, source) {
                block.reshape_for_reuse(&need.shape);
            }
        }
        let mut by_input: Vec<Vec<usize>> = vec![Vec::new(); blocks.len()];
        for (number, piece) in pieces.iter().enumerate() {
            by_input[piece.input].push(number);
        }
        let decode = |input: usize, block: &mut Option<Block>, scratch: &mut Scratch| {
            let (Some(source), Some(block), Some(need)) =
                (&run.sources[input], block, &needs[input])
            else {
                return Ok(());
            };
            let (mut read, mut decoded) = (0, 0);
            let in_scratch = run.in_scratch(input);
            for number in &by_input[input] {
                let (piece, raw) = (&pieces[*number], &raws[*number]);
                if let Some(kept) = &piece.kept {
                    let inside = piece.part.relative_to(&kept.region.start);
                    let into = piece.part.relative_to(&need.start);
                    block.paste(&into, &kept.block.part(&inside))?;
                    continue;
                }
                super::faults::here("decode")?;
                source
                    .decode_into(&piece.chunk, raw, scratch, &piece.part, block, &need.start)
                    .context(|| format!("reading {}", run.variable(input)))?;
                read += raw.len() as u64;
                let chunk = source.grid().region(&piece.chunk).elements();
                decoded += (chunk * block.dtype().size()) as u64;
                if let Some(Keeping::Gives(kept)) = &run.kept[input] {
                    kept.offer(&piece.chunk, (block, need), run.meter)?;
                }
            }
            if in_scratch {
                run.meter.scratch_read_bytes.fetch_add(read, Relaxed);
                return Ok(());
            }
            run.meter.read_bytes.fetch_add(read, Relaxed);
            run.meter.decoded_bytes.fetch_add(decoded, Relaxed);
            Ok(())
        };
        if run.idle.load(Relaxed) > 0 && pieces.len() > 1 {
            return blocks
                .par_iter_mut()
                .enumerate()
                .try_for_each_init(Scratch::default, |scratch, (input, block)| {
                    quiet_panics(|| decode(input, block, scratch)).flatten()
                });
        }
        let scratch = &mut self.scratch;
        blocks
            .iter_mut()
            .enumerate()
            .try_for_each(|(input, block)| decode(input, block, scratch))
    }

    /// Runs the program over a band, before which `done` elements of the tile were computed.
    fn compute(
        &mut self,
        tile: &Region,
        (band, done): (&Region, usize),
        needs: &[Option<Region>],
        running: &mut [Running],
    ) -> Result<()> {
        let run = self.run;
        let mut bytes =
            raw_bytes(&self.spare) + self.scratch.bytes.capacity() + self.pieces.bytes();
        let views = (run.pass.inputs.iter())
            .map(|view| self.pieces.view(run, needs, view, band))
            .collect::<Result<Vec<_>>>()?;
        for state in running.iter() {
            bytes += state.bytes();
        }
        self.held.set(bytes);
        let rows = run.pass.rows_abreast(band);
        self.interpreter
            .run_rows(&band.shape, rows, &views, &mut |sub| {
                for (sink, running) in run.sinks.iter().zip(running.iter_mut()) {
                    let output = usize::from(sink.sink.output);
                    let mut runs = sub.runs(output);
                    runs.start += done;
                    sink.feed(running, tile, &runs, sub.output(output))?;
                }
                Ok(())
            })
    }
}

fn raw_bytes(raws: &[Vec<u8>]) -> usize {
    raws.iter().map(Vec::capacity).sum()
}
