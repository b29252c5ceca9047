//! What crosses ranks in a stage: messages and bytes of every rank, by arithmetic alone. Law: both are what `exec` sends
//! (`tests/plans.rs` holds how they grow with the ranks).
//!
//! What is gathered on rank 0 or sent to its writer is not counted here: it is the result, on any number of ranks.

use super::derive::{PassGeometry, SLAB_BYTES, SinkGeometry, slabs};
use super::plan::{ArrayDecl, ArrayId, Pass, Plan, Stage};
use crate::geom::{Home, HomeAxis, Region};
use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

/// Messages and bytes of one rank in a stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RankTraffic {
    /// Messages that arrive.
    pub messages_in: u64,
    /// Messages that leave.
    pub messages_out: u64,
    /// Bytes that arrive.
    pub bytes_in: u64,
    /// Bytes that leave.
    pub bytes_out: u64,
}

impl RankTraffic {
    /// Messages in the direction that has more.
    pub fn messages(&self) -> u64 {
        self.messages_in.max(self.messages_out)
    }

    /// Bytes in the direction that has more.
    pub fn bytes(&self) -> u64 {
        self.bytes_in.max(self.bytes_out)
    }
}

/// The traffic of every rank in a stage.
///
/// # Memory
/// One record per rank; time grows with the messages, at most ranks² where each rank needs something of every other.
pub fn traffic(plan: &Plan, stage: &Stage) -> Vec<RankTraffic> {
    let mut ranks = vec![RankTraffic::default(); plan.ranks];
    match stage {
        Stage::Pass(pass) => {
            for array in pass.arrays() {
                if !matches!(plan.array(array), ArrayDecl::File(_)) {
                    exchange(plan, stage, array, &mut ranks);
                }
            }
            combine(pass, &mut ranks);
        }
        Stage::Write(write) => exchange(plan, stage, write.array, &mut ranks),
    }
    ranks
}

/// Adds the exchange of `array`.
fn exchange(plan: &Plan, stage: &Stage, array: ArrayId, ranks: &mut [RankTraffic]) {
    if plan.in_scratch(array) {
        return;
    }
    let size = plan.array(array).dtype().size();
    let mut holders = Holders::new(plan, array);
    for rank in 0..ranks.len() {
        let Some(needed) = plan.needed_region(stage, array, rank) else {
            continue;
        };
        let owned = plan.owned_region(array, rank);
        if owned.is_some_and(|owned| owned.contains(&needed)) {
            continue;
        }
        holders.each(&needed, &mut |other, lengths, elements| {
            let bytes = (elements * size) as u64;
            if other == rank || bytes == 0 {
                return;
            }
            let messages = slab_count(lengths, bytes, size);
            ranks[rank].messages_in += messages;
            ranks[rank].bytes_in += bytes;
            ranks[other].messages_out += messages;
            ranks[other].bytes_out += bytes;
        });
    }
}

/// Messages of a box of these lengths.
pub(super) fn slab_count(lengths: &[usize], bytes: u64, size: usize) -> u64 {
    match bytes <= SLAB_BYTES as u64 {
        true => 1,
        false => slabs(&Region::whole(lengths), size).len() as u64,
    }
}

/// Adds the tree over the ranks that share pieces of a split sink: per step the size of the partial results, then they. Their
/// bytes are those of one state per cell: what ranks hold of a segment tree is mostly whole subtrees.
fn combine(pass: &Pass, ranks: &mut [RankTraffic]) {
    for sink in &pass.sinks {
        let geometry = SinkGeometry::new(pass.tiles.ndim(), sink.fold.as_ref());
        let Some(fold) = sink.fold.as_ref().filter(|_| geometry.is_split(pass)) else {
            continue;
        };
        let element = pass.program.output_dtype(usize::from(sink.output));
        let state = fold.reduction.state_bytes(element);
        for rank in 0..ranks.len() {
            let participants = geometry.participants(pass, rank);
            // Each group once, by its first rank.
            if participants.first() != Some(&rank) {
                continue;
            }
            let Some(domain) = PassGeometry::new(pass, rank).domain_region(pass) else {
                continue;
            };
            let cells = |axis: &usize| fold.cells(*axis, domain.shape[*axis]);
            let bytes = (geometry.kept.iter().map(cells).product::<usize>() * state + 8) as u64;
            let messages = 2 * bytes.div_ceil(SLAB_BYTES as u64);
            let mut distance = 1;
            while distance < participants.len() {
                for me in (distance..participants.len()).step_by(2 * distance) {
                    let (from, to) = (participants[me], participants[me - distance]);
                    ranks[from].messages_out += messages;
                    ranks[from].bytes_out += bytes;
                    ranks[to].messages_in += messages;
                    ranks[to].bytes_in += bytes;
                }
                distance *= 2;
            }
        }
    }
}

/// The parts of one axis that share elements with a range: what each adds to the number of its rank, and how many elements.
type Shared = Rc<Vec<(usize, usize)>>;

/// Who holds what of an array.
pub(super) struct Holders {
    /// None: all of it on rank 0.
    home: Option<Home>,
    /// Per axis of the home's placement: ranks from one part to the next.
    strides: Vec<usize>,
    /// Ranks often need the same range of an axis (all of it).
    known: HashMap<(usize, Range<usize>), Shared>,
}

impl Holders {
    pub(super) fn new(plan: &Plan, array: ArrayId) -> Self {
        let home = match plan.array(array) {
            ArrayDecl::Held { home, .. } => Some(home.clone()),
            _ => plan.home(array).ok(),
        };
        let mut strides = Vec::new();
        let mut stride = 1;
        for parts in home
            .iter()
            .flat_map(|home| home.placement.parts.iter().rev())
        {
            strides.insert(0, stride);
            stride *= parts;
        }
        Holders {
            home,
            strides,
            known: HashMap::new(),
        }
    }

    /// Calls `visit(rank, lengths, elements)` for each rank that holds some of `needed`, with the lengths of that box.
    pub(super) fn each(&mut self, needed: &Region, visit: Visit<'_>) {
        let Some(home) = &self.home else {
            return visit(0, &needed.shape, needed.elements());
        };
        let mut axes: Vec<Shared> = Vec::with_capacity(needed.ndim());
        for (axis, cut) in home.axes.iter().enumerate() {
            let range = needed.start[axis]..needed.end(axis);
            let HomeAxis::Cut { chunks, along } = cut else {
                axes.push(Rc::new(vec![(0, range.len())]));
                continue;
            };
            let key = (axis, range.clone());
            if let Some(known) = self.known.get(&key) {
                axes.push(known.clone());
                continue;
            }
            let tasks = chunks.chunks_of(range.clone());
            let mut shared = Vec::new();
            if !tasks.is_empty() {
                let first = home.placement.part_of(*along, tasks.start);
                let last = home.placement.part_of(*along, tasks.end - 1);
                for part in first..=last {
                    let run = home.placement.run(*along, part);
                    if !run.is_empty() {
                        let start = chunks.range(run.start).start.max(range.start);
                        let end = chunks.range(run.end - 1).end.min(range.end);
                        shared.push((part * self.strides[*along], end - start));
                    }
                }
            }
            let shared = Rc::new(shared);
            self.known.insert(key, shared.clone());
            axes.push(shared);
        }
        walk(&axes, (0, 1), &mut Vec::with_capacity(axes.len()), visit);
    }
}

/// What is done with a box: rank, lengths, elements.
type Visit<'a> = &'a mut dyn FnMut(usize, &[usize], usize);

/// All boxes of the axes from `lengths.len()` on; rank and elements are those of the axes before.
fn walk(
    axes: &[Shared],
    (rank, elements): (usize, usize),
    lengths: &mut Vec<usize>,
    visit: Visit<'_>,
) {
    let Some(axis) = axes.get(lengths.len()) else {
        return visit(rank, lengths, elements);
    };
    for (offset, len) in axis.iter() {
        lengths.push(*len);
        walk(axes, (rank + offset, elements * len), lengths, visit);
        lengths.pop();
    }
}
