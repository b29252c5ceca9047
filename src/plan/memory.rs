//! Projected memory, reads and movement of each stage, per rank, by arithmetic alone.

use super::decoded::decoded_bytes;
use super::derive::{PassGeometry, SLAB_BYTES, SinkGeometry};
use super::largest::LargestPieces;
use super::plan::{ArrayDecl, ArrayId, Make, Pass, Plan, SinkTarget, Stage, WriteChunks};
use super::traffic::{Holders, arrivals, combined};
use super::waiting::{beside_a_task, beyond_segments, partial_bytes, piece_cells};
use crate::config::Limits;
use crate::geom::{ChunkGrid, Region, positions};
use std::collections::HashMap;

/// Beyond so many axes only the middle tile is looked at.
const MOST_AXES_TRIED: usize = 4;

/// What a stage costs on its worst rank, and in total.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    /// Peak bytes of array data on the worst rank.
    pub peak_bytes: u64,
    /// The rank with that peak.
    pub worst_rank: usize,
    /// Threads that can work at once within the budget on that rank.
    pub threads: usize,
    /// Bytes of one task on one thread.
    pub task_bytes: u64,
    /// Bytes that stay between stages: stored results, gathered ones, and the rank's window.
    pub resident_bytes: u64,
    /// Bytes of exchanged inputs on the worst rank.
    pub exchange_bytes: u64,
    /// Bytes that cross ranks, in total: inputs, partial results and what is gathered; packed chunks on their way to the one
    /// rank that writes them are not known.
    pub moved_bytes: u64,
    /// Messages, in total.
    pub messages: u64,
    /// Uncompressed bytes decoded, in total (chunks that several tiles need are counted as often).
    pub decoded_bytes: u64,
    /// Bytes of finished results written, in total (before compression).
    pub written_bytes: u64,
    /// Bytes of stored results written to scratch files, in total, and by the rank that writes most.
    pub scratch_written: (u64, u64),
    /// Bytes read from scratch files, in total, and by the rank that reads most (about).
    pub scratch_read: (u64, u64),
    /// Tasks in total, and on the busiest rank.
    pub tasks: (u64, u64),
    /// Ranks with work.
    pub working_ranks: usize,
}

/// The footprint of stage `stage` of `plan`.
///
/// # Memory
/// Walks the process grid, not the tasks: O(ranks × inputs).
pub fn footprint(plan: &Plan, stage: usize, limits: &Limits) -> Footprint {
    let mut result = match &plan.stages[stage] {
        Stage::Pass(pass) => pass_footprint(plan, stage, pass, limits),
        Stage::Write(write) => write_footprint(plan, stage, write, limits),
    };
    if !plan.scratch.is_empty() {
        let (written, read) = plan.scratch_traffic(&plan.stages[stage]);
        let (all, busiest) = result.tasks;
        let share = |bytes: u64| (bytes as u128 * busiest as u128 / all.max(1) as u128) as u64;
        result.scratch_written = (written, share(written));
        result.scratch_read = (read, share(read));
    }
    result
}

/// Bytes beside its pieces that a thread needs to pack or unpack runs of a scratch file that are shorter.
pub const SCRATCH_SPAN_BYTES: usize = 64 << 10;

/// Bytes that reader threads need at once when a stage reads scratch files.
fn reader_bytes(plan: &Plan, stage: &Stage, limits: &Limits) -> u64 {
    let reads = match stage {
        Stage::Pass(pass) => pass.arrays().iter().any(|array| plan.in_scratch(*array)),
        Stage::Write(write) => plan.in_scratch(write.array),
    };
    u64::from(reads) * (limits.reads * SCRATCH_SPAN_BYTES) as u64
}

/// Bytes that live on `rank` while `stage` runs: results stored by it or before it and used now or later, and what the rank
/// shares with others of its node.
fn resident(plan: &Plan, stage: usize, rank: usize, limits: &Limits) -> u64 {
    let mut bytes = limits.window_bytes(plan.ranks) as u64;
    for (number, decl) in plan.arrays.iter().enumerate() {
        let id = ArrayId(number as u32);
        if plan.in_scratch(id) {
            continue;
        }
        let (born, dtype) = match decl {
            ArrayDecl::File(_) => continue,
            ArrayDecl::Memory { dtype, .. } | ArrayDecl::Held { dtype, .. } => (0, *dtype),
            ArrayDecl::Result { stage, dtype, .. } => (*stage as usize, *dtype),
        };
        // What is held outlives the run.
        let held = matches!(decl, ArrayDecl::Held { .. })
            || plan.keeps.iter().any(|(array, _)| *array == id);
        let last_use = match held {
            true => plan.stages.len(),
            false => plan
                .stages
                .iter()
                .rposition(|s| uses(s, id))
                .unwrap_or(born),
        };
        if (born..=last_use.max(born)).contains(&stage)
            && let Some(region) = plan.owned_region(id, rank)
        {
            bytes += (region.elements() * dtype.size()) as u64;
        }
    }
    if rank == 0 {
        for (dtype, shape) in &plan.gathers {
            bytes += (shape.iter().product::<usize>() * dtype.size()) as u64;
        }
    }
    bytes
}

fn uses(stage: &Stage, array: ArrayId) -> bool {
    match stage {
        Stage::Pass(pass) => pass.loads(array),
        Stage::Write(write) => write.array == array,
    }
}

/// Ranks beyond which the largest piece that a rank sends is bounded by its box instead of looked for among all others.
const MANY_RANKS: usize = 32;

/// What a rank receives of an array for a stage.
#[derive(Default)]
struct Exchanged {
    moved_bytes: u64,
    messages: u64,
    /// The boxes that stay at hand while the stage runs.
    boxes: u64,
    /// While they come, one slab on its way in each direction (twice: packed, and in the hands of MPI; between ranks of a node
    /// it is less: what the window holds, which is always there).
    slabs: u64,
}

/// What `rank` receives of `array` for `stage`.
fn exchanged(
    plan: &Plan,
    stage: &Stage,
    array: ArrayId,
    rank: usize,
    holders: &mut Holders,
) -> Exchanged {
    let size = plan.array(array).dtype().size() as u64;
    let bytes = |region: Region| region.elements() as u64 * size;
    let wants = |rank: usize| {
        let needed = plan.needed_region(stage, array, rank)?;
        let has = plan
            .owned_region(array, rank)
            .is_some_and(|owned| owned.contains(&needed));
        (!has).then_some(needed)
    };
    let others = || (0..plan.ranks).filter(|other| *other != rank);
    let mut largest_out = 0;
    if let Some(own) = plan.owned_region(array, rank) {
        if plan.ranks > MANY_RANKS {
            largest_out = bytes(own);
        } else {
            for part in others().filter_map(|other| wants(other)?.intersect(&own)) {
                largest_out = largest_out.max(bytes(part));
            }
        }
    }
    let mut found = Exchanged::default();
    let mut largest_in = 0;
    let needed = arrivals(plan, stage, array, rank, holders, &mut |_, sent| {
        found.messages += sent.messages;
        found.moved_bytes += sent.bytes;
        largest_in = largest_in.max(sent.bytes);
    });
    let slab = |piece: u64| piece.min(SLAB_BYTES as u64);
    // One box is made of all where a stage writes it or stores it elsewhere.
    found.boxes = match stage {
        Stage::Pass(pass) if !plan.only_moves(pass) => found.moved_bytes,
        _ => needed.map_or(0, bytes),
    };
    found.slabs = 2 * (slab(largest_in) + slab(largest_out));
    found
}

/// Bytes that one thread needs to run a task of `pass`, without the results it keeps.
fn task_bytes(plan: &Plan, pass: &Pass) -> u64 {
    let mut bytes = LargestPieces::new(plan, pass).most(|number, largest| {
        let slot = &pass.slots[number];
        let size = slot.dtype.size();
        let piece = largest.elements;
        let bytes = match &slot.make {
            Make::Load(array) => match plan.array(*array) {
                // The decoded piece; its chunks are counted tile by tile.
                ArrayDecl::File(_) => piece * size,
                // The piece, and as it was stored; the same once more where the next tile is asked for before.
                _ if plan.in_scratch(*array) => {
                    let ahead = usize::from(pass.segment_tiles > 1);
                    piece * size * (2 + ahead) + SCRATCH_SPAN_BYTES
                }
                // Copied where it crosses the boxes of several ranks.
                ArrayDecl::Memory { .. } | ArrayDecl::Held { .. } | ArrayDecl::Result { .. } => {
                    piece * size * usize::from(plan.ranks > 1)
                }
            },
            Make::Generate(_) | Make::Assemble(_) => piece * size,
            Make::Fuse { program, .. } => piece * size + program.scratch_bytes(piece),
            Make::Call { .. } => (piece + largest.of_band) * size + largest.workspace,
        };
        bytes as u64
    });
    bytes += pass.program.scratch_bytes(pass.tiles.largest_chunk()) as u64;
    let mut largest = 0;
    for sink in &pass.sinks {
        let geometry = SinkGeometry::new(pass.tiles.ndim(), sink.fold.as_ref());
        let cells = piece_cells(pass, sink, &geometry);
        let piece = cells * sink.dtype.size() as u64;
        // Packed for a scratch file.
        let stored = |target: &SinkTarget| matches!(target, SinkTarget::Store(array) if plan.in_scratch(*array));
        if sink.targets.iter().any(stored) {
            bytes += piece.min(SLAB_BYTES as u64);
        }
        // Encoded chunk by chunk: as it is, shuffled and deflated.
        let encoded = |target: &SinkTarget| match *target {
            SinkTarget::Write { file, variable } => {
                let spec = &plan.files[file as usize].variables[variable as usize];
                let chunk = (spec.encoding.chunks.as_ref())
                    .and_then(|_| spec.encoding.unit(&spec.shape).ok());
                chunk.map_or(0, |c| c.iter().product::<usize>() * sink.dtype.size())
            }
            _ => 0,
        };
        largest = largest.max(sink.targets.iter().map(encoded).max().unwrap_or(0));
        match &sink.fold {
            None => bytes += piece,
            Some(fold) => {
                let element = pass.program.output_dtype(usize::from(sink.output));
                let state = cells * fold.reduction.state_bytes(element) as u64;
                bytes += state * (1 + beside_a_task(pass, &geometry)) + piece;
            }
        }
    }
    // Sinks encode one after the other.
    bytes + CHUNKS_TO_ENCODE * largest as u64
}

/// Tiles among which the one that needs most is: the first two, one in the middle and the last along every axis (few tiles
/// of a grid of many axes).
pub(super) fn representatives(tiles: &ChunkGrid) -> Vec<Region> {
    let few = tiles.ndim() > MOST_AXES_TRIED;
    let choices: Vec<Vec<usize>> = tiles
        .axes
        .iter()
        .map(|axis| {
            let count = axis.count();
            let mut tried = match few {
                true => vec![count / 2],
                false => vec![0, 1, count / 2, count.saturating_sub(1)],
            };
            tried.retain(|tile| *tile < count);
            tried.sort_unstable();
            tried.dedup();
            tried
        })
        .collect();
    positions(choices.iter().map(|tried| 0..tried.len()).collect())
        .map(|at| {
            let tile: Vec<usize> = at
                .iter()
                .zip(&choices)
                .map(|(k, tried)| tried[*k])
                .collect();
            tiles.region(&tile)
        })
        .collect()
}

/// Threads that can work at once on `rank` beside what already lives there; at least one.
pub fn footprint_threads(
    plan: &Plan,
    pass: &Pass,
    rank: usize,
    limits: &Limits,
    exchanged: u64,
) -> usize {
    let number = plan
        .stages
        .iter()
        .position(|s| matches!(s, Stage::Pass(p) if p == pass))
        .unwrap_or(0);
    let beside = resident(plan, number, rank, limits)
        + partial_bytes(pass, rank).0
        + exchanged
        + reader_bytes(plan, &plan.stages[number], limits);
    let free = limits.memory_bytes.saturating_sub(beside);
    ((free / task_bytes(plan, pass).max(1)) as usize).clamp(1, limits.threads.max(1))
}

fn pass_footprint(plan: &Plan, number: usize, pass: &Pass, limits: &Limits) -> Footprint {
    let stage = &plan.stages[number];
    let per_task = task_bytes(plan, pass);
    let mut result = Footprint {
        task_bytes: per_task,
        ..Footprint::default()
    };
    let mut holders: HashMap<ArrayId, Holders> = HashMap::new();
    for rank in 0..plan.ranks {
        let resident = resident(plan, number, rank, limits);
        let readers = reader_bytes(plan, stage, limits);
        // Arrays come one after the other.
        let (mut boxes, mut slabs) = (0, 0);
        for array in pass.arrays() {
            if !matches!(plan.array(array), ArrayDecl::File(_)) && !plan.in_scratch(array) {
                let known = holders.entry(array);
                let holders = known.or_insert_with(|| Holders::new(plan, array));
                let came = exchanged(plan, stage, array, rank, holders);
                result.moved_bytes += came.moved_bytes;
                result.messages += came.messages;
                boxes += came.boxes;
                slabs = came.slabs.max(slabs);
            }
        }
        let geometry = PassGeometry::new(pass, rank);
        let tasks = geometry.count() as u64;
        result.tasks.0 += tasks;
        result.tasks.1 = result.tasks.1.max(tasks);
        result.working_ranks += usize::from(tasks > 0);
        let (waiting, joining) = partial_bytes(pass, rank);
        let beside = resident + boxes + readers + waiting;
        let free = limits.memory_bytes.saturating_sub(beside);
        let threads = (limits.threads as u64)
            .min(tasks)
            .min(free / per_task.max(1))
            .max(1);
        let working = if tasks > 0 { threads * per_task } else { 0 };
        // The exchange is over before tasks begin, and they are before partial results are joined.
        let beyond = beyond_segments(pass, rank, tasks, if tasks > 0 { threads } else { 0 });
        let then = readers + (waiting + working - beyond).max(joining);
        let peak = resident + boxes + slabs.max(then);
        if peak > result.peak_bytes || rank == 0 {
            result.peak_bytes = peak;
            result.worst_rank = rank;
            result.threads = threads as usize;
            result.resident_bytes = resident;
            result.exchange_bytes = boxes + slabs;
        }
    }
    combined(pass, &mut |_, _, sent| {
        result.moved_bytes += sent.bytes;
        result.messages += sent.messages;
    });
    result.decoded_bytes = decoded_bytes(plan, pass);
    for sink in &pass.sinks {
        let bytes = (sink.shape.iter().product::<usize>() * sink.dtype.size()) as u64;
        for target in &sink.targets {
            match target {
                SinkTarget::Write { .. } => result.written_bytes += bytes,
                SinkTarget::Gather(_) => {
                    let own = match &pass.runs {
                        // Pieces are as many as tasks, and about equal in size.
                        Some(_) => {
                            let all: usize = pass.task_counts().iter().product();
                            bytes * PassGeometry::new(pass, 0).count() as u64 / all.max(1) as u64
                        }
                        None => SinkGeometry::new(pass.tiles.ndim(), sink.fold.as_ref())
                            .home(pass, sink)
                            .region(0)
                            .map_or(0, |region| (region.elements() * sink.dtype.size()) as u64),
                    };
                    result.moved_bytes += bytes - own;
                }
                SinkTarget::Store(_) => {}
            }
        }
    }
    result
}

/// Chunks that a thread holds while it encodes one.
const CHUNKS_TO_ENCODE: u64 = 3;
/// Chunks that a thread holds which writes chunks out of a scratch file: read, as stored, and three to encode it.
const CHUNKS_FROM_SCRATCH: u64 = 5;

/// Threads that can write chunks of a scratch file at once; at least one.
pub fn write_threads(plan: &Plan, number: usize, rank: usize, limits: &Limits) -> usize {
    let Stage::Write(write) = &plan.stages[number] else {
        return 1;
    };
    let chunk = write.chunks.largest_chunk() * plan.array(write.array).dtype().size();
    let beside =
        resident(plan, number, rank, limits) + reader_bytes(plan, &plan.stages[number], limits);
    let free = limits.memory_bytes.saturating_sub(beside);
    let each = CHUNKS_FROM_SCRATCH * chunk as u64 + SCRATCH_SPAN_BYTES as u64;
    ((free / each) as usize).clamp(1, limits.threads.max(1))
}

fn write_footprint(plan: &Plan, number: usize, write: &WriteChunks, limits: &Limits) -> Footprint {
    let stage = &plan.stages[number];
    let dtype = plan.array(write.array).dtype();
    let chunk_bytes = (write.chunks.largest_chunk() * dtype.size()) as u64;
    let scratch = plan.in_scratch(write.array);
    let task_bytes = match scratch {
        true => CHUNKS_FROM_SCRATCH * chunk_bytes + SCRATCH_SPAN_BYTES as u64,
        false => 3 * chunk_bytes,
    };
    let mut result = Footprint {
        task_bytes,
        written_bytes: (write.chunks.shape().iter().product::<usize>() * dtype.size()) as u64,
        working_ranks: write.placement.working_ranks(),
        threads: 1,
        ..Footprint::default()
    };
    let mut holders = Holders::new(plan, write.array);
    for rank in 0..plan.ranks {
        let resident = resident(plan, number, rank, limits);
        let (came, threads) = match scratch {
            true => {
                let readers = Exchanged {
                    boxes: reader_bytes(plan, stage, limits),
                    ..Exchanged::default()
                };
                (readers, write_threads(plan, number, rank, limits))
            }
            false => (exchanged(plan, stage, write.array, rank, &mut holders), 1),
        };
        result.moved_bytes += came.moved_bytes;
        result.messages += came.messages;
        let tasks: u64 = write
            .placement
            .task_box(rank)
            .map_or(0, |runs| runs.iter().map(|run| run.len() as u64).product());
        result.tasks.0 += tasks;
        result.tasks.1 = result.tasks.1.max(tasks);
        let peak = resident + came.boxes + came.slabs.max(threads as u64 * task_bytes);
        if peak > result.peak_bytes || rank == 0 {
            result.peak_bytes = peak;
            result.worst_rank = rank;
            result.threads = threads;
            result.resident_bytes = resident;
            result.exchange_bytes = came.boxes + came.slabs;
        }
    }
    result
}
