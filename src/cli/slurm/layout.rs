//! Ranks, threads and memory on the nodes of a job: what is asked for is checked, what is left open is chosen, with its reason.

use crate::config::format_bytes;
use crate::error::{Error, Result};

/// Memory of a rank's process beside its budget for array data: the program, MPI and its buffers, HDF5, stacks of threads …
const PROCESS_BYTES: u64 = 256 << 20;
/// … and one part in so many of the budget, for what allocators keep.
const SPARE_PART: u64 = 8;
/// Threads that a rank gets at most when nothing is said: about a NUMA domain.
const DOMAIN_CORES: usize = 16;
/// Bound of nodes, ranks and threads.
const MOST: usize = 1 << 20;

/// What the user said of the job's size; `None` is left to choose.
#[derive(Clone, Debug, Default)]
pub(super) struct Wish {
    pub(super) nodes: Option<usize>,
    pub(super) ranks: Option<usize>,
    pub(super) threads: Option<usize>,
    pub(super) cores_per_node: Option<usize>,
    pub(super) memory_per_node: Option<u64>,
    /// The budget of a rank for array data.
    pub(super) budget_bytes: u64,
}

/// A job's size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) nodes: usize,
    pub(super) ranks_per_node: usize,
    /// Threads of each rank.
    pub(super) threads: usize,
    /// Memory that each rank's process may need.
    pub(super) rank_bytes: u64,
    /// Why so, a sentence each.
    pub(super) reasons: Vec<String>,
}

impl Layout {
    pub(super) fn ranks(&self) -> usize {
        self.nodes * self.ranks_per_node
    }

    /// Memory to ask for on each node.
    pub(super) fn node_bytes(&self) -> u64 {
        self.rank_bytes.saturating_mul(self.ranks_per_node as u64)
    }
}

impl Wish {
    /// Memory that a rank's process may need.
    pub(super) fn rank_bytes(&self) -> u64 {
        self.budget_bytes + self.budget_bytes / SPARE_PART + PROCESS_BYTES
    }

    /// How [`Wish::rank_bytes`] comes about.
    pub(super) fn allowance(&self) -> String {
        format!(
            "{} for array data (--memory), {} for MPI, HDF5 and the program",
            format_bytes(self.budget_bytes),
            format_bytes(self.rank_bytes() - self.budget_bytes)
        )
    }

    /// Refuses numbers that no job has.
    pub(super) fn check(&self) -> Result<()> {
        for (name, value) in [
            ("--nodes", self.nodes),
            ("--ranks", self.ranks),
            ("--cores-per-node", self.cores_per_node),
        ] {
            if let Some(number) = value
                && !(1..=MOST).contains(&number)
            {
                return Err(Error::invalid(format!(
                    "{name} {number}: allowed are 1 … {MOST}"
                )));
            }
        }
        if let (Some(ranks), Some(nodes)) = (self.ranks, self.nodes)
            && ranks % nodes != 0
        {
            return Err(Error::invalid(format!(
                "--ranks {ranks} on --nodes {nodes}: allowed are multiples of {nodes}, as many ranks on each node"
            )));
        }
        if let (Some(threads), Some(cores)) = (self.threads, self.cores_per_node)
            && threads > cores
        {
            return Err(Error::invalid(format!(
                "--threads {threads} with --cores-per-node {cores}: allowed are 1 … {cores}"
            )));
        }
        if self.threads.is_none() && self.cores_per_node.is_none() {
            return Err(Error::invalid(
                "neither --cores-per-node nor --threads: give the cores of a node that the job may use, for example --cores-per-node 64 \
                 (`sinfo -o \"%P %c %m\"` shows partitions, cores and MB of memory), or the threads of each rank",
            ));
        }
        self.ranks_in_memory().map(|_| ())
    }

    /// Ranks that the memory of a node can hold.
    fn ranks_in_memory(&self) -> Result<usize> {
        let (Some(node), rank) = (self.memory_per_node, self.rank_bytes()) else {
            return Ok(usize::MAX);
        };
        match node / rank {
            0 => Err(Error::invalid(format!(
                "--memory-per-node {}: one rank needs {} ({}); allowed are {} and more, or a smaller --memory",
                format_bytes(node),
                format_bytes(rank),
                self.allowance(),
                format_bytes(rank),
            ))),
            ranks => Ok(usize::try_from(ranks).unwrap_or(usize::MAX)),
        }
    }

    /// Ranks of a node when their number is not given, and why.
    fn choice(&self) -> Result<(usize, String)> {
        let (by_cores, why) = match (self.cores_per_node, self.threads) {
            (Some(cores), Some(threads)) => (
                cores / threads,
                format!("{cores} cores of a node, {threads} for the threads of each (--threads)"),
            ),
            (Some(cores), None) => (
                cores.div_ceil(DOMAIN_CORES),
                format!(
                    "{cores} cores of a node, at most {DOMAIN_CORES} (about a NUMA domain) for each"
                ),
            ),
            (None, _) => (1, "one a node, whose cores are not known".to_owned()),
        };
        let in_memory = self.ranks_in_memory()?;
        Ok(match in_memory < by_cores {
            true => (
                in_memory,
                format!(
                    "{} of memory of a node, {} for each",
                    format_bytes(self.memory_per_node.unwrap_or(u64::MAX)),
                    format_bytes(self.rank_bytes())
                ),
            ),
            false => (by_cores, why),
        })
    }

    /// The layout on `nodes` nodes, where the user has not said how many, with at most `useful` ranks, where the user has not said
    /// how many (`useful` is what the plan has work for).
    pub(super) fn layout(&self, nodes: usize, useful: Option<usize>) -> Result<Layout> {
        self.check()?;
        let mut reasons = Vec::new();
        let (nodes, per_node) = match (self.nodes, self.ranks) {
            (Some(nodes), Some(ranks)) => {
                reasons.push("nodes and ranks as given".to_owned());
                (nodes, ranks / nodes)
            }
            (None, Some(ranks)) => {
                let (most, why) = self.choice()?;
                let nodes = (ranks.div_ceil(most)..=ranks)
                    .find(|nodes| ranks % nodes == 0)
                    .unwrap_or(ranks);
                reasons.push(format!(
                    "{ranks} ranks as given; at most {most} a node: {why}"
                ));
                (nodes, ranks / nodes)
            }
            (given, None) => {
                let nodes = given.unwrap_or(nodes);
                let (most, why) = self.choice()?;
                reasons.push(format!("{most} a node: {why}"));
                match useful {
                    Some(useful) if useful < nodes * most => {
                        let less = useful.div_ceil(nodes).max(1);
                        reasons.push(format!(
                            "fewer, {less} a node: the plan has work for {useful} at once"
                        ));
                        (nodes, less)
                    }
                    _ => (nodes, most),
                }
            }
        };
        let in_memory = self.ranks_in_memory()?;
        if per_node > in_memory {
            return Err(Error::invalid(format!(
                "{per_node} ranks on each node with --memory-per-node {}: one rank needs {} ({}); allowed are {in_memory} ranks on a \
                 node, {} and more, or a smaller --memory",
                format_bytes(self.memory_per_node.unwrap_or(u64::MAX)),
                format_bytes(self.rank_bytes()),
                self.allowance(),
                format_bytes(self.rank_bytes().saturating_mul(per_node as u64)),
            )));
        }
        let threads = match (self.threads, self.cores_per_node) {
            (Some(threads), Some(cores)) if threads * per_node > cores => {
                return Err(Error::invalid(format!(
                    "{per_node} ranks of --threads {threads} on each node with --cores-per-node {cores}: allowed are {} ranks on a node, \
                     or {} threads",
                    cores / threads,
                    cores / per_node
                )));
            }
            (Some(threads), _) => threads,
            (None, Some(cores)) if cores < per_node => {
                return Err(Error::invalid(format!(
                    "{per_node} ranks on each node with --cores-per-node {cores}: allowed are 1 … {cores} ranks on a node"
                )));
            }
            (None, Some(cores)) => cores / per_node,
            // `check` has refused this.
            (None, None) => 1,
        };
        Ok(Layout {
            nodes,
            ranks_per_node: per_node,
            threads,
            rank_bytes: self.rank_bytes(),
            reasons,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const GIB: u64 = 1 << 30;

    fn wish() -> Wish {
        Wish {
            budget_bytes: GIB,
            ..Wish::default()
        }
    }

    /// Nodes, ranks of each, threads of each rank.
    fn made(wish: &Wish, nodes: usize, useful: Option<usize>) -> (usize, usize, usize) {
        let layout = wish.layout(nodes, useful).unwrap();
        assert!(!layout.reasons.is_empty());
        (layout.nodes, layout.ranks_per_node, layout.threads)
    }

    #[test]
    fn what_is_left_open_is_chosen_from_cores_memory_and_the_plan() {
        let cores = |cores| Wish {
            cores_per_node: Some(cores),
            ..wish()
        };
        assert_eq!(made(&cores(64), 1, None), (1, 4, 16));
        assert_eq!(made(&cores(36), 2, None), (2, 3, 12));
        assert_eq!(made(&cores(2), 1, None), (1, 1, 2));
        // Idle ranks become threads of the others.
        assert_eq!(made(&cores(64), 1, Some(2)), (1, 2, 32));
        assert_eq!(made(&cores(64), 4, Some(5)), (4, 2, 32));
        assert_eq!(made(&cores(64), 4, Some(0)), (4, 1, 64));
        let small = Wish {
            memory_per_node: Some(4 * GIB),
            ..cores(64)
        };
        assert_eq!(made(&small, 1, None), (1, 2, 32));
        let eight = Wish {
            threads: Some(8),
            ..cores(64)
        };
        assert_eq!(made(&eight, 1, None), (1, 8, 8));
        let ranks = |ranks, nodes| Wish {
            ranks: Some(ranks),
            nodes,
            ..cores(64)
        };
        assert_eq!(made(&ranks(2, None), 1, Some(1)), (1, 2, 32));
        assert_eq!(made(&ranks(9, None), 1, None), (3, 3, 21));
        assert_eq!(made(&ranks(7, None), 1, None), (7, 1, 64));
        assert_eq!(made(&ranks(6, Some(3)), 1, None), (3, 2, 32));
        let alone = Wish {
            threads: Some(4),
            ..wish()
        };
        assert_eq!(made(&alone, 3, None), (3, 1, 4));
    }

    #[test]
    fn memory_of_a_node_is_that_of_its_ranks() {
        let wish = Wish {
            cores_per_node: Some(32),
            ..wish()
        };
        let layout = wish.layout(1, None).unwrap();
        assert_eq!(layout.rank_bytes, GIB + GIB / 8 + (256 << 20));
        assert_eq!(layout.node_bytes(), 2 * layout.rank_bytes);
    }

    #[test]
    fn what_cannot_be_is_refused_with_what_is_allowed() {
        let base = Wish {
            cores_per_node: Some(8),
            ..wish()
        };
        let refused = |wish: Wish, words: &[&str]| {
            let error = wish.layout(1, None).unwrap_err();
            for word in words {
                assert!(error.message().contains(word), "{error}\nexpected {word}");
            }
        };
        refused(wish(), &["--cores-per-node", "--threads"]);
        let zero = Wish {
            nodes: Some(0),
            ..base.clone()
        };
        refused(zero, &["--nodes 0", "1 … "]);
        let odd = Wish {
            nodes: Some(2),
            ranks: Some(7),
            ..base.clone()
        };
        refused(odd, &["--ranks 7", "multiples of 2"]);
        let threads = Wish {
            threads: Some(9),
            ..base.clone()
        };
        refused(threads, &["--threads 9", "1 … 8"]);
        let little = Wish {
            memory_per_node: Some(GIB),
            ..base.clone()
        };
        refused(little, &["--memory-per-node 1.00 GiB", "needs 1.38 GiB"]);
        let crowded = Wish {
            memory_per_node: Some(2 * GIB),
            nodes: Some(1),
            ranks: Some(2),
            ..base.clone()
        };
        refused(crowded, &["2 ranks", "1 ranks on a node", "2.75 GiB"]);
        let many = Wish {
            nodes: Some(1),
            ranks: Some(9),
            ..base.clone()
        };
        refused(many, &["9 ranks", "1 … 8"]);
        let full = Wish {
            nodes: Some(1),
            ranks: Some(4),
            threads: Some(4),
            ..base
        };
        refused(full, &["--threads 4", "2 ranks on a node", "2 threads"]);
    }
}
