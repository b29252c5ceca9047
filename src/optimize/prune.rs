//! Drops nodes and sources that no output needs.

use super::rule::{Optimized, Rule};
use crate::error::Result;
use crate::expr::{Graph, NodeId};
use std::collections::HashMap;

/// Keeps what the outputs reach.
pub(super) struct Prune;

impl Rule for Prune {
    fn name(&self) -> &'static str {
        "prune"
    }

    fn apply(&self, graph: &Graph, outputs: &[NodeId]) -> Result<Optimized> {
        let mut pruned = Graph::new();
        let mut ids: HashMap<NodeId, NodeId> = HashMap::new();
        for id in graph.reachable(outputs) {
            let node = graph.node(id).over(
                |input| ids[&input],
                |number| pruned.source_number(graph.sources()[number as usize].clone()),
            );
            ids.insert(id, pruned.push(node, graph.schema(id).clone())?);
        }
        let outputs = outputs.iter().map(|id| ids[id]).collect();
        Ok(Optimized {
            graph: pruned,
            outputs,
            notes: Vec::new(),
        })
    }
}
