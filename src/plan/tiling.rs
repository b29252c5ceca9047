//! Choice of tiles, stream axis, segments and placement.
//!
//! Tiles and segments are functions of the problem alone. The constants are chosen by these reasons, and not
//! yet swept by a benchmark:
//! - a tile of at least [`SMALL_TILE`] elements makes the fixed cost of a tile (fetch, decode set-up, one dispatch per step)
//!   small; a tile is never larger than [`LARGE_TILE`] unless a storage chunk is: chunks are decoded whole;
//! - a segment must be long enough that joining its partial result costs little beside making it.

use super::derive::segment_tiles;
use super::locality::moves;
use super::plan::{ArrayDecl, Fold, Make, Pass};
use super::widen::widened;
use super::work::Body;
use crate::geom::{AxisChunks, ChunkGrid, Placement, Select};

/// Tiles grow to at least this many elements, unless a [`Tiling`] says otherwise.
pub(super) const SMALL_TILE: usize = 1 << 16;
/// Tiles that grow stay at or below this many elements.
const LARGE_TILE: usize = 1 << 18;

/// Rows that a tile of whole rows keeps.
pub(super) const FEW_ROWS: usize = 16;

/// What a job says about tiles. It is part of the problem: segments follow tiles, so sums of floats may differ in their last
/// bits between two tilings, while ranks, threads and memory never change a bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tiling {
    /// Elements that a tile of small storage chunks grows to, 1 … 2¹⁸ (what lies outside is brought to the nearer end).
    /// Tests make it small, so that small arrays have many tiles.
    pub elements: usize,
    /// Most bytes of pieces that a tile is widened to where nothing is folded, so that no bit depends on it: a session with
    /// little memory makes it smaller. Elsewhere it is always [`MOST_TILE_BYTES`].
    pub bytes: usize,
}

/// Most bytes of pieces that a tile is widened to.
pub(super) const MOST_TILE_BYTES: usize = 64 << 20;

impl Default for Tiling {
    fn default() -> Self {
        Tiling {
            elements: SMALL_TILE,
            bytes: MOST_TILE_BYTES,
        }
    }
}

impl Tiling {
    /// How small its tiles are, 1 for the default: what makes tiles larger counts less where they are to be small.
    pub(super) fn of_default(self) -> f64 {
        self.elements.clamp(1, SMALL_TILE) as f64 / SMALL_TILE as f64
    }

    /// The same for a session whose tasks may hold so many bytes each.
    #[must_use]
    pub fn for_tasks_of(self, bytes: u64) -> Self {
        // Beside the pieces of a tile a task holds stored chunks, results and workspace.
        let pieces = usize::try_from(bytes / 2).unwrap_or(usize::MAX);
        let bytes = self
            .bytes
            .min(pieces.clamp(LEAST_TILE_BYTES, MOST_TILE_BYTES));
        Tiling { bytes, ..self }
    }
}

/// However little memory there is, tiles are widened to this.
const LEAST_TILE_BYTES: usize = 1 << 20;

/// Running states of this size pass by in the second cache of a core.
const CACHED_STATE_BYTES: usize = 256 << 10;
/// Most steps of the stream in a tile that grows along it, and most bytes of its pieces.
const MOST_STEPS: usize = 16;
const MOST_THICK_BYTES: usize = 8 << 20;

/// Columns of tasks that count as enough for space alone to keep ranks and threads busy.
const ENOUGH_COLUMNS: usize = 8;
/// Most segments of one reduction over all columns, so that partial results stay few.
const MOST_SEGMENTS: usize = 4096;
/// Most segments of a column whose state is large: at most 1 + log₂ of it states are in memory at once.
const MOST_LARGE_STATES: usize = 8;
/// The same when there are so few columns that ranks and threads must share them.
const MOST_LARGE_STATES_FEW_COLUMNS: usize = 64;

/// What storage says about one array that is read.
pub(super) struct Stored {
    /// The array seen from the domain.
    pub select: Select,
    /// Chunk lengths per array axis.
    pub chunk: Vec<usize>,
    /// Bytes of the array, to weigh inputs.
    pub bytes: u128,
}

/// Elements of stored chunks that are decoded as quickly as a tile is begun and ended.
const WORTH_SKIPPING: usize = 1 << 14;

/// The input with the most bytes: decoding its chunks twice would cost the most.
fn heaviest(stored: &[Stored]) -> Option<&Stored> {
    let all = stored.iter();
    all.reduce(|a, b| if b.bytes > a.bytes { b } else { a })
}

/// Per axis of the domain: whether what is looked at lies so far apart (every 24th step of a file with a chunk for each) that whole
/// chunks lie between. A tile needs boxes, so one with several such elements would decode what nobody looks at.
pub(super) fn apart(ndim: usize, stored: &[Stored]) -> Vec<bool> {
    let mut apart = vec![false; ndim];
    let Some(Stored { select, chunk, .. }) = heaviest(stored) else {
        return apart;
    };
    let elements = chunk
        .iter()
        .fold(1usize, |all, len| all.saturating_mul(*len));
    for (apart, view) in apart.iter_mut().zip(&select.axes) {
        if let Some(parent) = view.parent {
            let along = chunk[parent].max(1);
            let between = view.step.unsigned_abs().saturating_sub(along);
            *apart = (elements / along).saturating_mul(between) >= WORTH_SKIPPING;
        }
    }
    apart
}

/// The tiles of a domain, of at least `tiling.elements` where the domain has them. `hint` has the user's chunk lengths per axis,
/// where there are some.
pub(super) fn tiles(
    tiling: Tiling,
    body: &Body<'_>,
    stored: &[Stored],
    hint: Option<&[usize]>,
    folded: &[usize],
) -> ChunkGrid {
    let domain = body.domain;
    // Per axis: the unit that tiles are multiples of, and where its boundaries lie.
    let mut unit = vec![1usize; domain.len()];
    let mut phase = vec![0usize; domain.len()];
    let mut from_storage = vec![false; domain.len()];
    if let Some(Stored { select, chunk, .. }) = heaviest(stored) {
        for (axis, view) in select.axes.iter().enumerate() {
            if let Some(parent) = view.parent {
                unit[axis] = chunk[parent].div_ceil(view.step.unsigned_abs()).max(1);
                if view.step == 1 {
                    phase[axis] = select.base[parent] % chunk[parent];
                }
                from_storage[axis] = true;
            }
        }
    }
    if let Some(hint) = hint {
        for axis in 0..domain.len() {
            if !from_storage[axis] {
                unit[axis] = hint[axis].max(1);
            }
        }
    }
    for axis in 0..domain.len() {
        if unit[axis] >= domain[axis] + phase[axis] {
            unit[axis] = (domain[axis] + phase[axis]).max(1);
        }
    }
    // A user's chunk may be the whole of a large axis: without storage chunks, cut it to what fits a tile.
    let mut elements: usize = unit.iter().fold(1, |acc: usize, u| acc.saturating_mul(*u));
    // The longest axis is halved: tiles become compact, with short borders, and views across the axes (a transpose) meet rows as
    // long. But whole rows of which a few fit are contiguous in memory, so then outer axes are halved first.
    let whole_rows = match (unit.last(), domain.last()) {
        (Some(unit), Some(len)) => unit == len && unit * FEW_ROWS <= LARGE_TILE,
        _ => false,
    };
    let compact = !whole_rows || body.looks_across();
    while elements > LARGE_TILE {
        let free = (0..domain.len()).filter(|axis| !from_storage[*axis] && unit[*axis] > 1);
        let outer = free.clone().find(|axis| !compact && unit[*axis] > FEW_ROWS);
        let longest = free.max_by_key(|axis| (unit[*axis], usize::MAX - axis));
        let Some(axis) = outer.or(longest) else {
            break;
        };
        // In halves: tiles go on dividing the chunk, so ranks that share an axis can have equal parts.
        let others = elements / unit[axis];
        unit[axis] = unit[axis].div_ceil(2);
        elements = others.saturating_mul(unit[axis]);
    }
    // Grow small tiles: innermost axes first (long rows), the streamed axes last (they cost memory for nothing).
    let apart = apart(domain.len(), stored);
    let mut order: Vec<usize> = (0..domain.len())
        .rev()
        .filter(|axis| !apart[*axis])
        .collect();
    order.sort_by_key(|axis| folded.contains(axis));
    let mut tile = unit.clone();
    let small = tiling.elements.clamp(1, LARGE_TILE);
    for axis in order {
        if elements >= small {
            break;
        }
        let others = elements / tile[axis];
        let most = (domain[axis] + phase[axis]).div_ceil(unit[axis]).max(1);
        let factor = small
            .div_ceil(others.saturating_mul(unit[axis]).max(1))
            .clamp(1, most);
        tile[axis] = unit[axis] * factor;
        elements = others.saturating_mul(tile[axis]);
        if factor == most {
            tile[axis] = (domain[axis] + phase[axis]).max(1);
        }
    }
    let most = match folded.is_empty() {
        true => tiling.bytes,
        false => MOST_TILE_BYTES,
    };
    let grown = (most as f64 * tiling.of_default()) as usize;
    let tile = widened(body, tile, folded, most, grown);
    let axes = (0..domain.len())
        .map(|axis| AxisChunks::Regular {
            len: domain[axis],
            chunk: tile[axis],
            phase: if (2..domain[axis]).contains(&tile[axis]) {
                phase[axis] % tile[axis]
            } else {
                0
            },
        })
        .collect();
    ChunkGrid { axes }
}

/// The stream axis and the tiles of one segment.
pub(super) fn stream(tiles: &ChunkGrid, folds: &[Option<&Fold>]) -> (Option<usize>, usize) {
    let ndim = tiles.ndim();
    if ndim == 0 {
        return (None, 1);
    }
    let counts = tiles.counts();
    // Cells of a fold's running state for one tile: the larger, the more it pays to keep it in place.
    let cells = |fold: &Fold| -> usize {
        let kept: usize = (0..ndim)
            .filter(|axis| !fold.folds(*axis))
            .map(|axis| tiles.axes[axis].longest())
            .product();
        kept * fold.group.map_or(1, |g| g.groups)
    };
    let Some(largest) = folds.iter().flatten().max_by_key(|fold| cells(fold)) else {
        // Nothing is folded: every tile is a task of its own.
        return (Some(0), 1);
    };
    // Among its folded axes, the one with the most tiles; the outermost wins ties.
    let axis = (0..ndim)
        .filter(|axis| largest.folds(*axis))
        .max_by_key(|axis| (counts[*axis], ndim - axis))
        .unwrap_or(0);
    let columns: usize = counts
        .iter()
        .enumerate()
        .filter(|(a, _)| *a != axis)
        .map(|(_, c)| c)
        .product();
    let tile_elements = tiles.largest_chunk().max(1);
    // Joining a partial result costs about one pass over its cells; the segment should be 8 times that.
    let ratio = cells(largest).div_ceil(tile_elements);
    // (shortest segment in tiles, most segments of a column): many small states cost nothing; large ones are bounded in
    // number, so that the memory of a task does not grow with the length of the stream axis.
    let (shortest, most) = if cells(largest) * 8 <= tile_elements {
        (1, (MOST_SEGMENTS / columns.max(1)).max(1))
    } else if columns < ENOUGH_COLUMNS {
        (8 * ratio.max(1), MOST_LARGE_STATES_FEW_COLUMNS)
    } else {
        (64 * ratio.max(1), MOST_LARGE_STATES)
    };
    let length = shortest
        .max(counts[axis].div_ceil(most))
        .clamp(1, counts[axis].max(1));
    (Some(axis), length)
}

/// Tiles of several steps along the stream axis, and as many fewer in a segment, where the running states of all folds do
/// not fit the cache: they then pass through it once for each tile instead of once for each step.
///
/// `state_bytes` has the bytes of a cell of each fold; `apart` is what [`apart`] says.
pub(super) fn thickened(
    body: &Body<'_>,
    tiles: ChunkGrid,
    stream: (Option<usize>, usize),
    folds: &[Option<&Fold>],
    state_bytes: &[usize],
    apart: &[bool],
) -> (ChunkGrid, usize) {
    let (Some(axis), length) = stream else {
        return (tiles, stream.1);
    };
    if apart[axis] {
        return (tiles, length);
    }
    let lengths: Vec<usize> = tiles.axes.iter().map(AxisChunks::longest).collect();
    let outermost = lengths[..axis].iter().all(|len| *len <= 1);
    let files = body.slots.iter().all(|slot| match slot.make {
        Make::Load(array) => matches!(body.plan.array(array), ArrayDecl::File(_)),
        _ => false,
    });
    // A cell gets one element of each step.
    let steady = |fold: &&Fold| {
        let others = fold.axes.iter().all(|a| *a == axis || lengths[*a] <= 1);
        fold.group.is_none() && fold.axes.contains(&axis) && others
    };
    let all = folds.iter().all(|fold| fold.as_ref().is_some_and(steady));
    let step: usize = lengths.iter().product::<usize>() / lengths[axis].max(1);
    let state = step * state_bytes.iter().sum::<usize>();
    if !(outermost && files && all) || state <= CACHED_STATE_BYTES {
        return (tiles, length);
    }
    // As many tiles as divide a segment evenly; two at least, so that one is read while the other is decoded.
    let bytes = body.bytes(&lengths).max(1);
    let most = (MOST_STEPS / lengths[axis].max(1)).min(MOST_THICK_BYTES / bytes);
    if most < 2 || length < 4 {
        return (tiles, length);
    }
    let parts = length.div_ceil(most).max(2);
    let factor = length.div_ceil(parts);
    let mut tiles = tiles;
    if let AxisChunks::Regular { chunk, .. } = &mut tiles.axes[axis] {
        *chunk *= factor;
    }
    (tiles, parts)
}

/// The placement of tasks: kept axes are split before folded ones, and outer axes before inner ones. `whole` are axes that
/// the user wants in one chunk: they are split last, and not at all where a pass does nothing but bring an array to such chunks
/// and the other axes have work for all ranks.
pub(super) fn place(
    pass: &Pass,
    folds: &[Option<&Fold>],
    ranks: usize,
    whole: &[bool],
) -> Placement {
    let task_counts = pass.task_counts();
    // Each kind of cost outweighs all that come after it, on any number of ranks: parts − 1 of all axes are fewer than ranks.
    let most = (ranks * (1 + task_counts.len())) as u64;
    let (splits, folded) = (most.max(100), most.saturating_mul(most).max(1000));
    let costs: Vec<u64> = (0..task_counts.len())
        .map(|axis| {
            let folding = folds.iter().flatten().filter(|f| f.folds(axis)).count() as u64;
            let dear = folded.saturating_mul(folding);
            dear.saturating_add(1 + axis as u64 + splits * u64::from(whole[axis]))
        })
        .collect();
    let length = |axis: usize, run: std::ops::Range<usize>| {
        let tiles = match pass.stream_axis {
            Some(stream) if stream == axis => segment_tiles(pass, axis, run),
            _ => run,
        };
        let axis = &pass.tiles.axes[axis];
        match tiles.is_empty() {
            true => 0,
            false => axis.range(tiles.end - 1).end - axis.range(tiles.start).start,
        }
    };
    let others: usize = (task_counts.iter().zip(whole))
        .filter(|(_, whole)| !**whole)
        .map(|(count, _)| count)
        .product();
    if others >= ranks && moves(pass, folds) {
        let free: Vec<usize> = (task_counts.iter().zip(whole))
            .map(|(count, whole)| if *whole { 1.min(*count) } else { *count })
            .collect();
        let parts = Placement::choose(&free, &length, ranks, &costs).parts;
        return Placement {
            counts: task_counts,
            parts,
        };
    }
    Placement::choose(&task_counts, &length, ranks, &costs)
}
