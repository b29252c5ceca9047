//! A thread at work in a pass: it walks the tiles of a segment, brings and decodes their inputs, runs the program, ends pieces.

use super::fetch::{Pending, Piece};
use super::kept::Keeping;
use super::messages::Parcel;
use super::pass::{PassRun, Task};
use super::pieces::Pieces;
use super::sink::Running;
use crate::block::Block;
use crate::comm::quiet_panics;
use crate::error::{Context, Result};
use crate::geom::Region;
use crate::io::Scratch;
use crate::kernel::Interpreter;
use crate::observe::{Held, Work};
use crossbeam_channel::Sender;
use rayon::prelude::*;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Instant;

/// One thread's workspace in a pass.
pub(super) struct Worker<'r, 'a> {
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
    pub(super) fn new(run: &'r PassRun<'a>, lane: usize) -> Result<Self> {
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

    pub(super) fn run(
        &mut self,
        task: &Task,
        outgoing: &Sender<Parcel>,
        failed: &AtomicBool,
    ) -> Result<()> {
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
