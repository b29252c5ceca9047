//! Planning what is wanted, and what became of it on the way: the graph as it was written, as it was rewritten, the plan.

use super::key::graph_digest;
use super::launch::{Journaled, Rewriting};
use super::session::{Session, Wanted};
use crate::error::{Error, Result};
use crate::expr::{Graph, Node, NodeId};
use crate::optimize::{Optimized, optimize, rules};
use crate::plan::{ArrayDecl, Prepared, ReadyPlan, Request, Target};
use crate::spec::OutputSpec;
use std::collections::HashSet;

/// One request from graph to plan.
#[derive(Clone, Debug)]
pub struct Trace {
    /// What was wanted, and where it goes.
    pub wanted: Vec<Wanted>,
    /// Files to write.
    pub files: Vec<OutputSpec>,
    /// The graph as it was written.
    pub graph: Graph,
    /// Its wanted nodes.
    pub outputs: Vec<NodeId>,
    /// The graph as it was rewritten.
    pub optimized: Optimized,
    /// The plan, or why there is none (over budget, for one).
    pub plan: Result<ReadyPlan>,
}

impl Session {
    /// Plans all wanted arrays together, so that they share passes.
    ///
    /// # Errors
    /// Resource when the plan does not fit the budget; unsupported or internal otherwise.
    pub fn plan(&self, wanted: &[Wanted], files: Vec<OutputSpec>) -> Result<ReadyPlan> {
        let trace = self.trace(wanted, files)?;
        let mut state = self.state();
        match &mut state.traces {
            None => trace.plan,
            Some(traces) => {
                traces.push(trace.clone());
                trace.plan
            }
        }
    }

    /// As [`Session::plan`], with the graphs on the way; nothing is kept.
    ///
    /// # Errors
    /// Internal, of the rewrite rules. That there is no plan is no error here.
    pub fn trace(&self, wanted: &[Wanted], files: Vec<OutputSpec>) -> Result<Trace> {
        let graph = self.state().graph.clone();
        let outputs: Vec<NodeId> = wanted
            .iter()
            .map(|w| match w {
                Wanted::Block(node) | Wanted::Kept(node, _) | Wanted::Variable { node, .. } => {
                    *node
                }
            })
            .collect();
        let rules = match self.rewriting {
            Rewriting::All => rules(),
            Rewriting::NoRules | Rewriting::NoFusion => Vec::new(),
        };
        let optimized = optimize(&graph, &outputs, &rules)?;
        let plan = self.planned_of(&optimized, wanted, files.clone());
        Ok(Trace {
            wanted: wanted.to_vec(),
            files,
            graph,
            outputs,
            optimized,
            plan,
        })
    }

    fn planned_of(
        &self,
        optimized: &Optimized,
        wanted: &[Wanted],
        files: Vec<OutputSpec>,
    ) -> Result<ReadyPlan> {
        let mut gathers = 0;
        let requests: Vec<Request> = wanted
            .iter()
            .zip(&optimized.outputs)
            .map(|(wanted, node)| {
                let target = match wanted {
                    Wanted::Block(_) => {
                        gathers += 1;
                        Target::Gather(gathers - 1)
                    }
                    Wanted::Kept(_, data) => Target::Keep(*data),
                    Wanted::Variable { file, variable, .. } => Target::Write {
                        file: *file,
                        variable: *variable,
                    },
                };
                Request {
                    node: *node,
                    target,
                }
            })
            .collect();
        let stored = match self.rewriting {
            Rewriting::All | Rewriting::NoRules => HashSet::new(),
            Rewriting::NoFusion => operations(&optimized.graph, &optimized.outputs),
        };
        let prepared = Prepared {
            graph: optimized.graph.clone(),
            requests,
            files,
            stored,
            tiling: self.tiling,
            notes: optimized.notes.clone(),
            // What the ranks hold for others takes room too.
            beside: (self.state().held.iter())
                .map(|(_, decl)| decl.clone())
                .collect(),
        };
        self.state().hash = crc32c::crc32c(prepared.graph.to_string().as_bytes());
        if self.journal != Journaled::Off {
            self.state().graph_digest = graph_digest(&prepared);
        }
        let ready = prepared.plan(self.ranks(), self.limits())?;
        for array in &ready.plan().arrays {
            if let ArrayDecl::Held { data, shape, .. } = array
                && self.state().gone.contains(data)
            {
                return Err(Error::invalid(format!(
                    "compute: it needs a persisted array of shape {shape:?} that was released"
                )));
            }
        }
        let mut state = self.state();
        if state.dry {
            state.prepared.push(prepared);
        }
        Ok(ready)
    }
}

/// The nodes that do something in a pass. Folds are stored as they are.
fn operations(graph: &Graph, outputs: &[NodeId]) -> HashSet<NodeId> {
    let works = |id: &NodeId| {
        matches!(
            graph.node(*id),
            Node::Map(..) | Node::Select(..) | Node::Assemble(..) | Node::Call(..)
        )
    };
    let all = graph.reachable(outputs);
    all.into_iter().filter(works).collect()
}
