//! The fixed binary tree along which partial results are combined, and the set of partial results that waits in it.
//!
//! Definitions. A *segment* is a run of chunks along each reduced axis, fixed by the problem. A position (one segment
//! number per axis) becomes a leaf number by writing the axes' bits one after another, the last axis fastest; each axis
//! is padded to a power of two. A *node* is (level, index); the leaves have level 0, the parent of `(l, i)` is
//! `(l + 1, i / 2)`. A node is *real* when at least one leaf below it is a segment that exists.
//!
//! Laws: a state is only merged with the state of its sibling, left with right; a sibling that is not real counts as
//! merged. So the expression that yields the root depends on the numbers of segments alone, not on the order of arrival
//! nor on which rank held which leaf.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The binary tree over the segments of all reduced axes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SegmentTree {
    /// Real segments per axis.
    counts: Vec<usize>,
}

/// A node of a [`SegmentTree`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeId {
    /// Height above the leaves.
    pub level: u32,
    /// Number among the nodes of this level.
    pub index: u64,
}

impl NodeId {
    /// The node above.
    pub fn parent(self) -> NodeId {
        NodeId {
            level: self.level + 1,
            index: self.index >> 1,
        }
    }

    /// The other child of the parent.
    pub fn sibling(self) -> NodeId {
        NodeId {
            level: self.level,
            index: self.index ^ 1,
        }
    }

    /// True for the left child of its parent.
    pub fn is_left(self) -> bool {
        self.index & 1 == 0
    }
}

/// Bits that hold the numbers `0 .. count`.
fn bits(count: usize) -> u32 {
    usize::BITS - count.saturating_sub(1).leading_zeros()
}

impl SegmentTree {
    /// The tree over `counts[k]` segments along axis `k`; without axes it is one leaf.
    ///
    /// The bits of all axes together must stay within 63: more segments than any memory holds.
    pub fn new(counts: &[usize]) -> Self {
        debug_assert!(counts.iter().map(|&c| bits(c)).sum::<u32>() < 64);
        SegmentTree {
            counts: counts.to_vec(),
        }
    }

    /// Real segments per axis.
    pub fn counts(&self) -> &[usize] {
        &self.counts
    }

    /// Number of real segments.
    pub fn segments(&self) -> u64 {
        self.counts.iter().map(|&c| c as u64).product()
    }

    /// Levels above the leaves.
    pub fn height(&self) -> u32 {
        self.counts.iter().map(|&c| bits(c)).sum()
    }

    /// The leaf of a position, one segment number per axis.
    pub fn leaf(&self, position: &[usize]) -> NodeId {
        debug_assert_eq!(position.len(), self.counts.len());
        debug_assert!(position.iter().zip(&self.counts).all(|(p, c)| p < c));
        let index = position
            .iter()
            .zip(&self.counts)
            .fold(0, |index, (&p, &count)| (index << bits(count)) | p as u64);
        NodeId { level: 0, index }
    }

    /// The position of the first segment below a node; `None` when no real one lies there.
    pub fn first(&self, node: NodeId) -> Option<Vec<usize>> {
        if !self.real(node) {
            return None;
        }
        let mut rest = node.index << node.level;
        let mut position: Vec<usize> = (self.counts.iter().rev())
            .map(|&count| {
                let at = rest & ((1 << bits(count)) - 1);
                rest >>= bits(count);
                at as usize
            })
            .collect();
        position.reverse();
        Some(position)
    }

    /// The top of the tree.
    pub fn root(&self) -> NodeId {
        NodeId {
            level: self.height(),
            index: 0,
        }
    }

    /// True when a real segment lies below this node.
    pub fn real(&self, node: NodeId) -> bool {
        if node.level > self.height() || node.index >> (self.height() - node.level) != 0 {
            return false;
        }
        // The free bits are a suffix, so the smallest position below the node is its first leaf on every axis at once.
        let mut rest = node.index << node.level;
        self.counts.iter().rev().all(|&count| {
            let width = bits(count);
            let position = rest & ((1 << width) - 1);
            rest >>= width;
            position < count as u64
        })
    }
}

/// Partial results of complete subtrees; siblings merge as soon as both are there.
#[derive(Clone, Debug)]
pub struct Partials<S> {
    tree: SegmentTree,
    states: BTreeMap<NodeId, S>,
}

impl<S> Partials<S> {
    /// No partial results yet.
    pub fn new(tree: SegmentTree) -> Self {
        Partials {
            tree,
            states: BTreeMap::new(),
        }
    }

    /// Adds the state of a complete subtree and merges upwards as far as siblings are there, always `left <- right`.
    ///
    /// # Errors
    /// Internal when the node is outside the tree or was inserted before; what `merge` returns.
    pub fn insert(
        &mut self,
        mut node: NodeId,
        mut state: S,
        merge: &mut impl FnMut(&mut S, S) -> Result<()>,
    ) -> Result<()> {
        if !self.tree.real(node) {
            return Err(Error::internal(format!(
                "combine: {node:?} holds no segment of the tree over {:?} segments",
                self.tree.counts
            )));
        }
        let root = self.tree.root();
        while node != root {
            let sibling = node.sibling();
            if self.tree.real(sibling) {
                let Some(mut other) = self.states.remove(&sibling) else {
                    break;
                };
                if node.is_left() {
                    merge(&mut state, other)?;
                } else {
                    merge(&mut other, state)?;
                    state = other;
                }
            }
            node = node.parent();
        }
        if self.states.insert(node, state).is_some() {
            return Err(Error::internal(format!(
                "combine: {node:?} was inserted twice"
            )));
        }
        Ok(())
    }

    /// The state of the root, once all segments are in.
    pub fn complete(&mut self) -> Option<S> {
        self.states.remove(&self.tree.root())
    }

    /// The states that wait for siblings.
    pub fn states(&self) -> impl Iterator<Item = (&NodeId, &S)> {
        self.states.iter()
    }

    /// The states that wait for siblings, in the order of nodes: what a rank sends on.
    pub fn drain(self) -> Vec<(NodeId, S)> {
        self.states.into_iter().collect()
    }

    /// Number of states held.
    pub fn len(&self) -> usize {
        self.states.len()
    }

    /// True when no state is held.
    pub fn is_empty(&self) -> bool {
        self.states.is_empty()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn join(left: &mut String, right: String) -> Result<()> {
        *left = format!("({left} {right})");
        Ok(())
    }

    fn positions(counts: &[usize]) -> Vec<Vec<usize>> {
        counts.iter().fold(vec![vec![]], |all, &count| {
            all.iter()
                .flat_map(|p| (0..count).map(move |i| [p.as_slice(), &[i]].concat()))
                .collect()
        })
    }

    fn name(position: &[usize]) -> String {
        position
            .iter()
            .map(usize::to_string)
            .collect::<Vec<_>>()
            .join(".")
    }

    fn in_order(counts: &[usize]) -> (String, usize) {
        let tree = SegmentTree::new(counts);
        let mut partials = Partials::new(tree.clone());
        let mut most = 0;
        for p in positions(counts) {
            partials.insert(tree.leaf(&p), name(&p), &mut join).unwrap();
            most = most.max(partials.len());
        }
        (partials.complete().unwrap(), most)
    }

    #[test]
    fn small_trees() {
        assert_eq!(in_order(&[]).0, "");
        assert_eq!(in_order(&[1]).0, "0");
        assert_eq!(in_order(&[3]).0, "((0 1) 2)");
        assert_eq!(in_order(&[5]).0, "(((0 1) (2 3)) 4)");
        assert_eq!(in_order(&[2, 3]).0, "(((0.0 0.1) 0.2) ((1.0 1.1) 1.2))");
        let mut partials = Partials::new(SegmentTree::new(&[3]));
        let tree = partials.tree.clone();
        partials
            .insert(tree.leaf(&[0]), String::new(), &mut join)
            .unwrap();
        assert!(
            partials
                .insert(tree.leaf(&[0]), String::new(), &mut join)
                .is_err()
        );
        assert!(
            partials
                .insert(NodeId { level: 0, index: 3 }, String::new(), &mut join)
                .is_err()
        );
        assert!(
            partials
                .insert(NodeId { level: 9, index: 0 }, String::new(), &mut join)
                .is_err()
        );
        assert!(partials.complete().is_none() && !partials.is_empty());
    }

    proptest! {
        #[test]
        fn the_expression_depends_on_counts_alone(
            counts in prop::collection::vec(1usize..7, 0..4),
            ranks in 1usize..6,
            seed in prop::collection::vec(any::<u32>(), 216),
        ) {
            let (expected, most) = in_order(&counts);
            let tree = SegmentTree::new(&counts);
            prop_assert!(most as u32 <= tree.height() + 1);
            // Left with right: segments stay in order.
            let names: Vec<String> = positions(&counts).iter().map(|p| name(p)).collect();
            prop_assert_eq!(expected.replace(['(', ')'], ""), names.join(" "));
            let mut all: Vec<_> = positions(&counts).into_iter().zip(&seed).collect();
            all.sort_by_key(|(_, s)| **s);
            let mut parts: Vec<_> = (0..ranks).map(|_| Partials::new(tree.clone())).collect();
            for (p, s) in &all {
                let rank = (s.rotate_left(7) as usize) % ranks;
                parts[rank].insert(tree.leaf(p), name(p), &mut join).unwrap();
            }
            let mut last = Partials::new(tree);
            for part in parts.into_iter().rev() {
                for (node, state) in part.drain().into_iter().rev() {
                    last.insert(node, state, &mut join).unwrap();
                }
            }
            prop_assert_eq!(last.complete().unwrap(), expected);
            prop_assert_eq!(last.len(), 0);
        }

        #[test]
        fn a_node_is_real_when_a_leaf_below_it_is(counts in prop::collection::vec(1usize..6, 1..4)) {
            let tree = SegmentTree::new(&counts);
            let leaves: std::collections::BTreeSet<u64> =
                positions(&counts).iter().map(|p| tree.leaf(p).index).collect();
            for level in 0..=tree.height() {
                for index in 0..1u64 << (tree.height() - level) {
                    let below = leaves.range(index << level..(index + 1) << level).next().is_some();
                    prop_assert_eq!(tree.real(NodeId { level, index }), below);
                }
            }
        }
    }
}
