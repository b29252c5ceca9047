//! A request of a program, optimised and ready to be planned for any number of ranks; and the smallest number that fits.

use super::lower::{Request, lower_storing};
use super::plan::ArrayDecl;
use super::tiling::Tiling;
use super::validate::ReadyPlan;
use crate::config::{Limits, format_bytes};
use crate::error::{Error, Result};
use crate::expr::{DataId, Graph, NodeId};
use crate::geom::Home;
use crate::spec::OutputSpec;
use std::collections::{HashMap, HashSet};

/// What one run of a program asks for: its optimised graph, and what is wanted of it.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The optimised graph.
    pub graph: Graph,
    /// What is wanted.
    pub requests: Vec<Request>,
    /// Files to write.
    pub files: Vec<OutputSpec>,
    /// Nodes that are stored, whatever it costs.
    pub stored: HashSet<NodeId>,
    /// Sizes of tiles, before memory has its say.
    pub tiling: Tiling,
    /// What the optimizer did.
    pub notes: Vec<String>,
    /// What ranks hold beside what the request needs.
    pub beside: Vec<ArrayDecl>,
}

impl Prepared {
    /// The plan for so many ranks.
    ///
    /// # Errors
    /// Resource when it does not fit the budget; unsupported or internal otherwise.
    pub fn plan(&self, ranks: usize, limits: &Limits) -> Result<ReadyPlan> {
        self.plan_beside(&self.graph, &self.beside, ranks, limits)
    }

    fn plan_beside(
        &self,
        graph: &Graph,
        beside: &[ArrayDecl],
        ranks: usize,
        limits: &Limits,
    ) -> Result<ReadyPlan> {
        let of_thread = limits.memory_bytes / limits.threads.max(1) as u64;
        let tiling = self.tiling.for_tasks_of(of_thread);
        let (files, stored) = (self.files.clone(), self.stored.clone());
        let mut plan = lower_storing(graph, &self.requests, files, ranks, tiling, stored)?;
        plan.notes.splice(0..0, self.notes.iter().cloned());
        for array in beside {
            let same = |other: &ArrayDecl| matches!((other, array), (ArrayDecl::Held { data: a, .. }, ArrayDecl::Held { data: b, .. }) if a == b);
            if !plan.arrays.iter().any(same) {
                plan.arrays.push(array.clone());
            }
        }
        plan.validate(limits)
    }
}

/// The plans of all requests of a program, in their order, for so many ranks: what one keeps in the memory of the ranks lies for the
/// next ones where that many ranks have it.
///
/// # Errors
/// That of the first request that cannot be planned.
pub fn plan_all(requests: &[Prepared], ranks: usize, limits: &Limits) -> Result<Vec<ReadyPlan>> {
    let mut homes: HashMap<DataId, Home> = HashMap::new();
    let mut plans = Vec::with_capacity(requests.len());
    for request in requests {
        let graph = request.graph.with_homes(&homes);
        let mut beside = request.beside.clone();
        for array in &mut beside {
            if let ArrayDecl::Held { data, home, .. } = array
                && let Some(now) = homes.get(data)
            {
                *home = now.clone();
            }
        }
        let ready = request.plan_beside(&graph, &beside, ranks, limits)?;
        for (array, data) in &ready.plan().keeps {
            homes.insert(*data, ready.plan().home(*array)?);
        }
        plans.push(ready);
    }
    Ok(plans)
}

/// A node of a machine, for the search of `smallest_ranks`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// Memory that a job may take of it.
    pub memory_bytes: u64,
    /// Its cores.
    pub cores: usize,
}

/// A number of ranks that fits.
#[derive(Clone, Debug)]
pub struct Fit {
    /// Nodes.
    pub nodes: usize,
    /// Ranks in total.
    pub ranks: usize,
    /// Ranks on a node, at most.
    pub ranks_per_node: usize,
    /// What each rank may use.
    pub limits: Limits,
    /// The plans.
    pub plans: Vec<ReadyPlan>,
}

/// Most nodes that are tried.
const MOST_NODES: usize = 1 << 14;
/// Ranks beyond which a plan takes too long for a search.
const MOST_RANKS: usize = 1 << 17;
/// What is not array data (programs, libraries, buffers of MPI) takes this part of a node's memory.
const NOT_ARRAYS: u64 = 8;

impl Node {
    /// What each of so many ranks on this node may use.
    pub fn limits(&self, ranks: usize, limits: &Limits) -> Limits {
        let memory = self.memory_bytes - self.memory_bytes / NOT_ARRAYS;
        Limits {
            memory_bytes: (memory / ranks.max(1) as u64).max(1),
            ..limits.clone()
        }
    }
}

/// The smallest number of ranks, each with `limits.threads` threads, with which all requests fit into nodes like `node`: ranks on one
/// node, else nodes full of ranks.
///
/// # Errors
/// Resource when even the most nodes that are tried do not do; other errors of planning as they come.
pub fn smallest_ranks(requests: &[Prepared], node: Node, limits: &Limits) -> Result<Fit> {
    let full = (node.cores / limits.threads.max(1)).max(1);
    // Candidates in order: one rank alone, a full node, two full nodes …
    let layout = |step: usize| match step {
        0 => (1, 1),
        nodes => (nodes, full),
    };
    let attempt = |step: usize| -> Result<std::result::Result<Fit, Error>> {
        let (nodes, per_node) = layout(step);
        let limits = node.limits(per_node, limits);
        match plan_all(requests, nodes * per_node, &limits) {
            Ok(plans) => Ok(Ok(Fit {
                nodes,
                ranks: nodes * per_node,
                ranks_per_node: per_node,
                limits,
                plans,
            })),
            Err(error) if error.is_resource() => Ok(Err(error)),
            Err(error) => Err(error),
        }
    };
    // Double until it fits, then halve the gap: more ranks need no more memory each.
    let (mut low, mut high) = (0, 0);
    let mut before = String::new();
    let mut fit = loop {
        match attempt(high)? {
            Ok(fit) => break fit,
            Err(error) => {
                let next = (2 * high).max(1);
                // What twice the ranks did not change, more will not.
                let stuck = high > 1 && before == error.message();
                error.message().clone_into(&mut before);
                if stuck || next > MOST_NODES || next * full > MOST_RANKS {
                    let memory = format_bytes(node.memory_bytes);
                    return Err(error.context(format!(
                        "looking for nodes of {memory}: {high} of them do not do"
                    )));
                }
                (low, high) = (high, next);
            }
        }
    };
    while high - low > 1 {
        let middle = usize::midpoint(low, high);
        match attempt(middle)? {
            Ok(found) => (fit, high) = (found, middle),
            Err(_) => low = middle,
        }
    }
    Ok(fit)
}
