//! Where the data of a pass lie: in storage chunks, which tiles follow, and in the memories of ranks, which placements
//! follow.

use super::derive::PassGeometry;
use super::plan::{ArrayDecl, Fold, Make, Pass, Plan, Slot, View};
use super::tiling::Stored;
use crate::geom::{HomeAxis, Placement, Select};

/// Most slots that are looked at to find the arrays in files behind a domain.
const MOST_SEEN: usize = 1000;

/// Ranks that are looked at to weigh a placement.
const MOST_RANKS_WEIGHED: usize = 16;
/// Bytes of a partial result, about.
const PARTIAL_BYTES: usize = 16;

/// The arrays in files, and those that kernels make by whole pieces, that the domain looks at; what lies behind an operation on blocks counts as seen through it
/// unchanged when it has as many axes.
pub(super) fn files_seen(plan: &Plan, slots: &[Slot], inputs: &[View]) -> Vec<Stored> {
    let mut seen = Vec::new();
    let mut stack: Vec<(u16, Select)> = inputs
        .iter()
        .rev()
        .map(|input| (input.slot, input.select.clone()))
        .collect();
    // Parts of a large assembly all look alike; enough of them decide.
    let mut steps = 0;
    while let Some((number, select)) = stack.pop() {
        steps += 1;
        let slot = &slots[usize::from(number)];
        match &slot.make {
            Make::Load(array) => {
                if let ArrayDecl::File(spec) = plan.array(*array) {
                    let bytes = spec.dtype.size() as u128;
                    seen.push(Stored {
                        select,
                        chunk: spec.fetch_chunk(),
                        bytes: spec.shape.iter().fold(bytes, |a, n| a * *n as u128),
                    });
                }
            }
            _ if steps > MOST_SEEN => {}
            Make::Generate(_) => {}
            Make::Fuse { inputs, .. } => {
                stack.extend(inputs.iter().map(|i| (i.slot, i.select.compose(&select))));
            }
            Make::Call { op, inputs } => {
                if let Some(pieces) = op.pieces() {
                    let bytes = slot.dtype.size() as u128;
                    seen.push(Stored {
                        select: select.clone(),
                        chunk: pieces.to_vec(),
                        bytes: slot.shape.iter().fold(bytes, |a, n| a * *n as u128),
                    });
                }
                let alike = inputs
                    .iter()
                    .filter(|i| slots[usize::from(**i)].shape.len() == slot.shape.len());
                stack.extend(alike.map(|i| (*i, select.clone())));
            }
            Make::Assemble(parts) => {
                stack.extend(
                    parts
                        .iter()
                        .take(1)
                        .map(|(slot, _)| (*slot, select.clone())),
                );
            }
        }
    }
    seen
}

/// True when a pass only brings one array to other chunks.
pub(super) fn moves(pass: &Pass, folds: &[Option<&Fold>]) -> bool {
    matches!((&pass.slots[..], &pass.inputs[..]), ([slot], [view])
        if matches!(slot.make, Make::Load(_)) && view.select.is_all(&slot.shape))
        && pass.program.steps.len() == 1
        && folds.iter().all(Option::is_none)
}

/// Takes the placement of an array that the ranks hold, when that moves fewer bytes than the balanced one: partial
/// results of a fold are often smaller than what is folded.
///
/// Where the pass only moves an array to chunks with `whole` axes, those are what was asked for: it does not stay.
pub(super) fn stay_home(plan: &Plan, pass: &mut Pass, folds: &[Option<&Fold>], whole: &[bool]) {
    if moves(pass, folds) && whole.contains(&true) {
        return;
    }
    let balanced = pass.placement.clone();
    let counts = pass.task_counts();
    let mut best = (moved(plan, pass, folds), balanced.clone());
    for view in &pass.inputs.clone() {
        let Make::Load(array) = pass.slots[usize::from(view.slot)].make else {
            continue;
        };
        let home = match plan.array(array) {
            ArrayDecl::Held { home, .. } => home.clone(),
            ArrayDecl::Result { .. } => match plan.home(array) {
                Ok(home) => home,
                Err(_) => continue,
            },
            ArrayDecl::File(_) | ArrayDecl::Memory { .. } => continue,
        };
        let mut parts = vec![1; counts.len()];
        // Several axes may look at one (a split of it, the windows of a moving mean): the outermost takes its cut.
        let mut taken = vec![false; home.axes.len()];
        for (axis, seen) in view.select.axes.iter().enumerate() {
            if let Some(parent) = seen.parent.filter(|parent| !taken[*parent])
                && let HomeAxis::Cut { along, .. } = &home.axes[parent]
            {
                taken[parent] = true;
                parts[axis] = home.placement.parts[*along].min(counts[axis]).max(1);
            }
        }
        let working: usize = parts.iter().product();
        if working * 2 <= balanced.working_ranks() || working > plan.ranks {
            continue;
        }
        pass.placement = Placement {
            counts: counts.clone(),
            parts,
        };
        let moved = moved(plan, pass, folds);
        if moved < best.0 {
            best = (moved, pass.placement.clone());
        }
    }
    pass.placement = best.1;
}

/// Bytes that a pass moves between ranks: inputs that others hold, and partial results.
fn moved(plan: &Plan, pass: &Pass, folds: &[Option<&Fold>]) -> u64 {
    let ranks = pass.placement.working_ranks();
    // All ranks of a grid do about the same; a few stand for very many.
    let sampled: Vec<usize> = (0..ranks)
        .step_by(ranks.div_ceil(MOST_RANKS_WEIGHED))
        .collect();
    let mut bytes = 0u128;
    for rank in &sampled {
        let geometry = PassGeometry::new(pass, *rank);
        for array in pass.arrays() {
            let decl = plan.array(array);
            let (Some(needed), false) = (
                geometry.array_region(pass, array),
                matches!(decl, ArrayDecl::File(_)),
            ) else {
                continue;
            };
            let own = plan.owned_region(array, *rank);
            let at_hand = own.and_then(|own| own.intersect(&needed));
            let missing = needed.elements() - at_hand.map_or(0, |part| part.elements());
            bytes += (missing * decl.dtype().size()) as u128;
        }
        let Some(domain) = geometry.domain_region(pass) else {
            continue;
        };
        for fold in folds.iter().flatten() {
            let split =
                (0..domain.ndim()).any(|axis| fold.folds(axis) && pass.placement.parts[axis] > 1);
            if split {
                let kept: usize = (0..domain.ndim())
                    .filter(|axis| fold.keeps(*axis))
                    .map(|axis| fold.cells(axis, domain.shape[axis]))
                    .product();
                bytes += (kept * PARTIAL_BYTES) as u128;
            }
        }
    }
    (bytes * ranks as u128 / sampled.len().max(1) as u128) as u64
}
