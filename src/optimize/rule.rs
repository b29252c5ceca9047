//! The contract of a rule, the ordered list, and the runner that checks each one.

use crate::error::{Error, Result};
use crate::expr::{Graph, NodeId};

/// A rewritten graph with the outputs' new ids, and why the rule did or did not fire.
#[derive(Clone, Debug)]
pub struct Optimized {
    /// The new graph.
    pub graph: Graph,
    /// The outputs, in the order they were given.
    pub outputs: Vec<NodeId>,
    /// One sentence per decision worth showing in `plan`.
    pub notes: Vec<String>,
}

/// A rewrite.
pub trait Rule {
    /// Stable name, a verb.
    fn name(&self) -> &'static str;

    /// The rewritten graph.
    ///
    /// # Errors
    /// Internal errors only: a rule never refuses a valid graph.
    fn apply(&self, graph: &Graph, outputs: &[NodeId]) -> Result<Optimized>;
}

/// The rules in their order.
pub fn rules() -> Vec<Box<dyn Rule>> {
    vec![
        // First: selections move to the sources, so that what is not selected becomes unreachable.
        Box::new(super::push_select::PushSelect),
        // Last: drops what no output needs.
        Box::new(super::prune::Prune),
    ]
}

/// Applies `rules` in order and checks each one's contract.
///
/// # Errors
/// Internal, naming the rule, when one changes the shape or dtype of an output.
pub fn optimize(graph: &Graph, outputs: &[NodeId], rules: &[Box<dyn Rule>]) -> Result<Optimized> {
    let mut current = Optimized {
        graph: graph.clone(),
        outputs: outputs.to_vec(),
        notes: Vec::new(),
    };
    for rule in rules {
        let mut next = rule.apply(&current.graph, &current.outputs)?;
        for (old, new) in current.outputs.iter().zip(&next.outputs) {
            let (old, new) = (current.graph.schema(*old), next.graph.schema(*new));
            if old.shape != new.shape || old.dtype != new.dtype {
                return Err(Error::internal(format!(
                    "the rule {} changed an output from {}{:?} to {}{:?}",
                    rule.name(),
                    old.dtype,
                    old.shape,
                    new.dtype,
                    new.shape
                )));
            }
        }
        let mut notes = std::mem::take(&mut current.notes);
        notes.extend(
            next.notes
                .drain(..)
                .map(|note| format!("{}: {note}", rule.name())),
        );
        current = Optimized { notes, ..next };
    }
    Ok(current)
}
