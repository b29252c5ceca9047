//! Alike nodes as one: 365 files that are read, decoded and joined in the same way are one chain of boxes.
//!
//! Definition. Two nodes are alike when they do the same (their words, without shapes and file names), to alike inputs. Alike
//! nodes have the same distance from the sources, so that taking them together makes no cycle.

use crate::expr::{Graph, NodeId};
use std::collections::HashMap;

/// Fewer alike nodes than this stay apart: `a`, and `a` one step later.
const FEWEST: usize = 4;

/// Nodes that are drawn as one box, in the order of their first members.
pub(super) struct Groups {
    pub(super) members: Vec<Vec<NodeId>>,
    /// The longest way from a source, of each group.
    pub(super) heights: Vec<usize>,
    of: HashMap<NodeId, usize>,
}

impl Groups {
    /// The groups of `nodes`, which are in the order of their ids; `words` says what a node does.
    pub(super) fn of(graph: &Graph, nodes: &[NodeId], words: impl Fn(NodeId) -> String) -> Groups {
        let mut kinds: HashMap<(String, Vec<usize>), usize> = HashMap::new();
        let mut kind_of: HashMap<NodeId, usize> = HashMap::new();
        let mut counts: Vec<usize> = Vec::new();
        for node in nodes {
            let mut inputs: Vec<usize> = graph
                .node(*node)
                .inputs()
                .iter()
                .filter_map(|input| kind_of.get(input).copied())
                .collect();
            // How many parts are joined does not make a difference in kind.
            inputs.dedup();
            let next = kinds.len();
            let kind = *kinds.entry((words(*node), inputs)).or_insert(next);
            kind_of.insert(*node, kind);
            counts.resize(kinds.len(), 0);
            counts[kind] += 1;
        }
        let mut members: Vec<Vec<NodeId>> = Vec::new();
        let mut heights: Vec<usize> = Vec::new();
        let mut group_of_kind: HashMap<usize, usize> = HashMap::new();
        let mut of = HashMap::new();
        for node in nodes {
            let kind = kind_of[node];
            let group = match group_of_kind.get(&kind) {
                Some(group) if counts[kind] >= FEWEST => *group,
                _ => {
                    members.push(Vec::new());
                    let below = graph.node(*node).inputs().iter();
                    let below = below.filter_map(|i| of.get(i).map(|g: &usize| heights[*g] + 1));
                    heights.push(below.max().unwrap_or(0));
                    group_of_kind.insert(kind, members.len() - 1);
                    members.len() - 1
                }
            };
            members[group].push(*node);
            of.insert(*node, group);
        }
        Groups {
            members,
            heights,
            of,
        }
    }

    /// The group of a node.
    pub(super) fn group(&self, node: NodeId) -> Option<usize> {
        self.of.get(&node).copied()
    }
}
