//! What a graph asks passes for: every fold that an output needs, and every output that is not a fold, each with its level.

use super::lower::{Request, Target};
use super::plan::{Fold, Groups};
use super::program::{Stored as StoredNodes, leaves};
use crate::error::Result;
use crate::expr::{Graph, Node, NodeId};
use crate::op::{BlockOp, ReductionKind};
use std::collections::HashMap;

/// One result that a pass has to make: a fold of an expression, or the expression itself.
pub(super) struct Job {
    /// The node whose value is wanted: a `Reduce`, or the root itself.
    pub(super) node: NodeId,
    /// The fused expression.
    pub(super) root: NodeId,
    pub(super) fold: Option<Fold>,
    pub(super) targets: Vec<Target>,
    /// Later passes read it.
    pub(super) stored: bool,
    pub(super) level: usize,
}

/// Every fold that an output needs, and every output that is not a fold.
pub(super) fn jobs(graph: &Graph, requests: &[Request], stored: &StoredNodes) -> Result<Vec<Job>> {
    let outputs: Vec<NodeId> = requests.iter().map(|r| r.node).collect();
    let mut jobs: Vec<Job> = Vec::new();
    let mut levels: HashMap<NodeId, usize> = HashMap::new();
    // The level of a node is that of the highest fold below it; ids ascend, so inputs come first.
    for id in graph.reachable(&outputs) {
        let node = graph.node(id);
        let below = node
            .inputs()
            .iter()
            .map(|input| levels[input])
            .max()
            .unwrap_or(0);
        let is_fold = matches!(node, Node::Reduce { .. });
        levels.insert(id, below + usize::from(is_fold || stored.contains(&id)));
        if let Node::Reduce {
            input,
            reduction,
            axes,
            group,
        } = node
        {
            let fold = Fold {
                reduction: *reduction,
                axes: axes.clone(),
                group: group.as_ref().map(|g| Groups {
                    first: g.axis,
                    last: g.axis,
                    codes: g.codes,
                    groups: g.groups,
                }),
            };
            let (root, fold) = unmerged(graph, stored, *input, fold);
            jobs.push(Job {
                node: id,
                root,
                fold: Some(fold),
                targets: Vec::new(),
                stored: false,
                level: below,
            });
        } else if stored.contains(&id) {
            jobs.push(Job {
                node: id,
                root: id,
                fold: None,
                targets: Vec::new(),
                stored: true,
                level: below,
            });
        }
    }
    for request in requests {
        // Outputs reach their fold through rechunks, which change no value.
        let mut node = request.node;
        while let Node::Rechunk(input, _) = graph.node(node) {
            node = *input;
        }
        match jobs.iter_mut().find(|job| job.node == node) {
            Some(job) => job.targets.push(request.target),
            None => jobs.push(Job {
                node,
                root: request.node,
                fold: None,
                targets: vec![request.target],
                stored: false,
                level: levels[&node],
            }),
        }
    }
    // A fold is stored when another pass loads it.
    let roots: Vec<NodeId> = jobs.iter().map(|job| job.root).collect();
    for root in roots {
        // The root of a fold may itself be one.
        let below = leaves(graph, stored, root);
        for job in &mut jobs {
            job.stored |= below.contains(&job.node) || (job.node == root && job.fold.is_some());
        }
    }
    Ok(jobs)
}

/// Groups over an axis into which a reshape merges others are groups over those: the pass keeps the tiles of what is stored,
/// and nothing is copied. Not for what depends on the order of the elements, which tiles change.
fn unmerged(graph: &Graph, stored: &StoredNodes, input: NodeId, fold: Fold) -> (NodeId, Fold) {
    use ReductionKind as R;
    let ordered = matches!(
        fold.reduction.kind,
        R::First | R::Last | R::Argmin | R::Argmax | R::User(_)
    );
    let (Some(group), false) = (fold.group, ordered || stored.contains(&input)) else {
        return (input, fold);
    };
    let Node::Call(BlockOp::Reshape(reshape), inputs) = graph.node(input) else {
        return (input, fold);
    };
    let [from] = inputs[..] else {
        return (input, fold);
    };
    let (old, new) = (graph.shape(from), &reshape.shape);
    // What lies before and behind the group axis must stay as it is.
    let (before, behind) = (group.last, new.len() - group.last - 1);
    let fits = old.len() > new.len()
        && !old.contains(&0)
        && old[..before] == new[..before]
        && old[old.len() - behind..] == new[new.len() - behind..];
    if !fits {
        return (input, fold);
    }
    let more = old.len() - new.len();
    let moved = |axis: &usize| *axis + if *axis > group.last { more } else { 0 };
    let fold = Fold {
        axes: fold.axes.iter().map(moved).collect(),
        group: Some(Groups {
            last: group.last + more,
            ..group
        }),
        ..fold
    };
    (from, fold)
}
