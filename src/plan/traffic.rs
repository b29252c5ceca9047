//! What crosses ranks in a stage: messages and bytes of every rank, by arithmetic alone. Law: both are what `exec` sends
//! (`tests/plans.rs` holds how they grow with the ranks).
//!
//! What is gathered on rank 0 or sent to its writer is not counted per rank: it is the result, on any number of ranks. The
//! total of a stage has what is gathered; what the one writer of packed chunks is sent nobody knows before they are packed.
//! Beside this travel plans, verdicts, and some bytes of names around each partial result.
//!
//! The totals (`memory.rs`) and the lines per rank are sums over the same calls of [`arrivals`] and [`combined`].

use super::derive::{PassGeometry, SLAB_BYTES, SinkGeometry, slabs};
use super::plan::{ArrayDecl, ArrayId, Pass, Plan, Stage};
use super::waiting::{ROUND_BYTES, states_sent};
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
            combined(pass, &mut |from, to, sent| {
                ranks[from].sends(sent);
                ranks[to].receives(sent);
            });
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
    let mut holders = Holders::new(plan, array);
    for rank in 0..ranks.len() {
        arrivals(
            plan,
            stage,
            array,
            rank,
            &mut holders,
            &mut |other, sent| {
                ranks[rank].receives(sent);
                ranks[other].sends(sent);
            },
        );
    }
}

/// What one rank sends to another.
#[derive(Clone, Copy)]
pub(super) struct Sent {
    pub(super) messages: u64,
    pub(super) bytes: u64,
}

impl RankTraffic {
    fn receives(&mut self, sent: Sent) {
        self.messages_in += sent.messages;
        self.bytes_in += sent.bytes;
    }

    fn sends(&mut self, sent: Sent) {
        self.messages_out += sent.messages;
        self.bytes_out += sent.bytes;
    }
}

/// Calls `visit(other, sent)` for each rank that sends `rank` something of `array` for `stage`; gives the box that `rank` needs,
/// where it does not hold all of it.
pub(super) fn arrivals(
    plan: &Plan,
    stage: &Stage,
    array: ArrayId,
    rank: usize,
    holders: &mut Holders,
    visit: &mut dyn FnMut(usize, Sent),
) -> Option<Region> {
    let size = plan.array(array).dtype().size();
    let needed = plan.needed_region(stage, array, rank)?;
    let owned = plan.owned_region(array, rank);
    if owned.is_some_and(|owned| owned.contains(&needed)) {
        return None;
    }
    holders.each(&needed, &mut |other, lengths, elements| {
        let bytes = (elements * size) as u64;
        if other != rank && bytes > 0 {
            let messages = slab_count(lengths, bytes, size);
            visit(other, Sent { messages, bytes });
        }
    });
    Some(needed)
}

/// Messages of a box of these lengths.
fn slab_count(lengths: &[usize], bytes: u64, size: usize) -> u64 {
    match bytes <= SLAB_BYTES as u64 {
        true => 1,
        false => slabs(&Region::whole(lengths), size).len() as u64,
    }
}

/// Calls `visit(from, to, sent)` for the partial results that ranks send along the tree over those that share pieces of a
/// split sink: in rounds, of each its size and then the states, as many of a piece as do not merge before.
pub(super) fn combined(pass: &Pass, visit: &mut dyn FnMut(usize, usize, Sent)) {
    for sink in &pass.sinks {
        let geometry = SinkGeometry::new(pass.tiles.ndim(), sink.fold.as_ref());
        let Some(fold) = sink.fold.as_ref().filter(|_| geometry.is_split(pass)) else {
            continue;
        };
        let element = pass.program.output_dtype(usize::from(sink.output));
        let state = fold.reduction.state_bytes(element);
        let group: usize = (geometry.folded.iter())
            .map(|axis| pass.placement.parts[*axis])
            .product();
        let states: Vec<u64> = (0..group)
            .map(|me| states_sent(pass, &geometry, me))
            .collect();
        for rank in 0..pass.placement.working_ranks() {
            // Each group once, by its first rank.
            let at = pass.placement.coordinates(rank);
            if !at.is_some_and(|at| geometry.folded.iter().all(|axis| at[*axis] == 0)) {
                continue;
            }
            let participants = geometry.participants(pass, rank);
            let own = PassGeometry::new(pass, rank);
            let Some((domain, tiles)) = own.domain_region(pass).zip(own.tile_box(pass)) else {
                continue;
            };
            let cells = |axis: &usize| fold.cells(*axis, domain.shape[*axis]);
            let bytes = (geometry.kept.iter().map(cells).product::<usize>() * state) as u64;
            let pieces: u64 = geometry
                .plain()
                .map(|axis| tiles[axis].len() as u64)
                .product();
            for (me, from) in participants.iter().enumerate().skip(1) {
                let to = participants[me - (1 << me.trailing_zeros())];
                let bytes = bytes * states[me];
                let rounds = rounds(pieces, bytes);
                let sent = Sent {
                    messages: 2 * rounds,
                    bytes: bytes + 8 * rounds,
                };
                visit(*from, to, sent);
            }
        }
    }
}

/// Rounds in which `bytes` of so many pieces travel: a round ends with the piece that fills it.
fn rounds(pieces: u64, bytes: u64) -> u64 {
    let of_piece = bytes.div_ceil(pieces.max(1)).max(1);
    let of_round = (ROUND_BYTES as u64).div_ceil(of_piece);
    pieces.div_ceil(of_round).max(1)
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
