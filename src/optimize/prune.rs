//! Drops nodes and sources that no output needs.

use super::rule::{Optimized, Rule};
use crate::error::Result;
use crate::expr::{Graph, Node, NodeId};
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
            let node = match graph.node(id) {
                Node::Source(number) => {
                    let decl = graph.sources()[*number as usize].clone();
                    Node::Source(pruned.source_number(decl))
                }
                Node::Fill(value) => Node::Fill(*value),
                Node::Map(op, inputs) => Node::Map(*op, inputs.iter().map(|i| ids[i]).collect()),
                Node::Select(input, select) => Node::Select(ids[input], select.clone()),
                Node::Reduce {
                    input,
                    reduction,
                    axes,
                    group,
                } => Node::Reduce {
                    input: ids[input],
                    reduction: *reduction,
                    axes: axes.clone(),
                    group: group.clone(),
                },
                Node::Rechunk(input, chunk) => Node::Rechunk(ids[input], chunk.clone()),
            };
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
