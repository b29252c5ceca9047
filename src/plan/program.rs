//! The body of a pass: element-wise operations are fused into programs; what they read are slots.

use super::plan::{ArrayId, Make, Slot, View};
use crate::error::{Error, Result};
use crate::expr::{Graph, MapOp, Node, NodeId, SourceDecl};
use crate::geom::Select;
use crate::op::{Instr, Program, ProgramBuilder, Register};
use std::collections::{BTreeSet, HashMap, HashSet};

/// Two views of one node share a slot, that is one box around both, when they start at most this many elements apart on
/// every axis: the shifted views of a stencil do, two months of a year do not.
const NEAR: usize = 64;

/// Where a leaf is loaded from; `None` when it is made in the pass.
pub(super) type Loads<'a> = &'a mut dyn FnMut(NodeId) -> Result<Option<ArrayId>>;

/// What separates passes: nodes whose values are stored.
pub(super) type Stored = HashSet<NodeId>;

/// A leaf of a fused expression and the view of it that is needed.
pub(super) fn leaf_of(graph: &Graph, stored: &Stored, id: NodeId) -> Option<(NodeId, Select)> {
    if stored.contains(&id) {
        return Some((id, Select::all(graph.shape(id))));
    }
    match graph.node(id) {
        Node::Source(_) | Node::Reduce { .. } | Node::Assemble(..) | Node::Call(..) => {
            Some((id, Select::all(graph.shape(id))))
        }
        Node::Select(input, select) => {
            // Rechunks below a selection change nothing.
            let mut input = *input;
            while let Node::Rechunk(below, _) = graph.node(input) {
                if stored.contains(&input) {
                    break;
                }
                input = *below;
            }
            Some((input, select.clone()))
        }
        Node::Fill(_) | Node::Map(..) | Node::Rechunk(..) => None,
    }
}

/// Nodes of the fused expressions of `roots` in ascending order, down to and including leaves.
fn expression(graph: &Graph, stored: &Stored, roots: &[NodeId]) -> Vec<NodeId> {
    let mut wanted = BTreeSet::new();
    let mut stack = roots.to_vec();
    while let Some(id) = stack.pop() {
        if wanted.insert(id) && leaf_of(graph, stored, id).is_none() {
            stack.extend(graph.node(id).inputs());
        }
    }
    wanted.into_iter().collect()
}

/// The nodes whose values `root` loads: sources, folds, and what else is stored.
pub(super) fn leaves(graph: &Graph, stored: &Stored, root: NodeId) -> BTreeSet<NodeId> {
    let mut seen = BTreeSet::new();
    let mut found = BTreeSet::new();
    let mut stack = vec![root];
    while let Some(id) = stack.pop() {
        if !seen.insert(id) {
            continue;
        }
        let loaded = matches!(graph.node(id), Node::Reduce { .. }) || stored.contains(&id);
        if id != root && loaded {
            found.insert(id);
        } else {
            stack.extend(graph.node(id).inputs());
        }
    }
    found
}

/// The slots of a pass while they are made.
pub(super) struct Body<'a> {
    graph: &'a Graph,
    stored: &'a Stored,
    loads: Loads<'a>,
    pub(super) slots: Vec<Slot>,
    /// The node of each slot.
    pub(super) nodes: Vec<NodeId>,
    /// The views of each node that a slot serves.
    known: HashMap<NodeId, Vec<(Select, u16)>>,
}

impl<'a> Body<'a> {
    pub(super) fn new(graph: &'a Graph, stored: &'a Stored, loads: Loads<'a>) -> Self {
        Body {
            graph,
            stored,
            loads,
            slots: Vec::new(),
            nodes: Vec::new(),
            known: HashMap::new(),
        }
    }

    /// One program for all `roots`, and its inputs: equal loads and equal steps are shared.
    pub(super) fn fuse(&mut self, roots: &[NodeId]) -> Result<(Program, Vec<View>)> {
        let graph = self.graph;
        let mut builder = ProgramBuilder::new();
        let mut inputs: Vec<View> = Vec::new();
        let mut registers: HashMap<NodeId, Register> = HashMap::new();
        for id in expression(graph, self.stored, roots) {
            let dtype = graph.dtype(id);
            let register = if let Some((leaf, select)) = leaf_of(graph, self.stored, id) {
                let slot = self.slot(leaf, &select)?;
                let input = View { slot, select };
                let number = match inputs.iter().position(|known| *known == input) {
                    Some(found) => found as u16,
                    None => {
                        inputs.push(input);
                        builder.input(dtype)
                    }
                };
                builder.push(Instr::Load(number), dtype)
            } else {
                let operand = |id: &NodeId| registers[id];
                match graph.node(id) {
                    Node::Fill(value) => builder.push(Instr::Const(*value), dtype),
                    Node::Rechunk(input, _) => operand(input),
                    Node::Map(op, operands) => {
                        let instr = match (op, operands.as_slice()) {
                            (MapOp::Unary(op), [a]) => Instr::Unary(*op, operand(a)),
                            (MapOp::Binary(op), [a, b]) => {
                                Instr::Binary(*op, operand(a), operand(b))
                            }
                            (MapOp::Where, [c, a, b]) => {
                                Instr::Where(operand(c), operand(a), operand(b))
                            }
                            (MapOp::Cast, [a]) => Instr::Cast(operand(a)),
                            (op, operands) => {
                                return Err(Error::internal(format!(
                                    "{op:?} with {} operands",
                                    operands.len()
                                )));
                            }
                        };
                        builder.push(instr, dtype)
                    }
                    other => {
                        return Err(Error::internal(format!("{other:?} inside a fused program")));
                    }
                }
            };
            if builder.len() > usize::from(u16::MAX) {
                return Err(Error::unsupported(format!(
                    "one pass fuses more than {} element-wise operations; split the expression by computing a part of it first",
                    u16::MAX
                )));
            }
            registers.insert(id, register);
        }
        let outputs = roots.iter().map(|root| registers[root]).collect();
        Ok((builder.finish(outputs), inputs))
    }

    /// The slot that serves a view of a node.
    fn slot(&mut self, node: NodeId, select: &Select) -> Result<u16> {
        let served = self.known.entry(node).or_default();
        if let Some((_, slot)) = served.iter().find(|(other, _)| near(other, select)) {
            return Ok(*slot);
        }
        let make = self.make(node)?;
        // Making it may have added slots, so its number is known only now.
        let number = u16::try_from(self.slots.len()).map_err(|_| {
            Error::unsupported(format!(
                "one pass puts together more than {} pieces; compute a part of the expression first",
                u16::MAX
            ))
        })?;
        self.slots.push(Slot {
            dtype: self.graph.dtype(node),
            shape: self.graph.shape(node).to_vec(),
            make,
        });
        self.nodes.push(node);
        let served = self.known.entry(node).or_default();
        served.push((select.clone(), number));
        Ok(number)
    }

    /// The slot that serves all of a node. Rechunks change nothing: what is below them serves, and is not copied.
    fn whole(&mut self, node: NodeId) -> Result<u16> {
        let mut node = node;
        while let (false, Node::Rechunk(below, _)) =
            (self.stored.contains(&node), self.graph.node(node))
        {
            node = *below;
        }
        let all = Select::all(self.graph.shape(node));
        self.slot(node, &all)
    }

    fn make(&mut self, node: NodeId) -> Result<Make> {
        if let Some(array) = (self.loads)(node)? {
            return Ok(Make::Load(array));
        }
        let graph = self.graph;
        match graph.node(node) {
            Node::Source(number) => match &graph.sources()[*number as usize] {
                SourceDecl::Generated { generator, .. } => Ok(Make::Generate(*generator)),
                _ => Err(Error::internal("a source that is not loaded")),
            },
            Node::Call(op, inputs) => {
                let inputs = inputs
                    .iter()
                    .map(|input| self.whole(*input))
                    .collect::<Result<Vec<_>>>()?;
                Ok(Make::Call {
                    op: op.clone(),
                    inputs,
                })
            }
            Node::Assemble(inputs, starts) => {
                let mut parts = Vec::with_capacity(inputs.len());
                for (input, start) in inputs.iter().zip(starts) {
                    parts.push((self.part(*input)?, start.clone()));
                }
                Ok(Make::Assemble(parts))
            }
            Node::Reduce { .. } => Err(Error::internal(format!(
                "node #{} is loaded before it is made",
                node.0
            ))),
            Node::Fill(_) | Node::Map(..) | Node::Select(..) | Node::Rechunk(..) => {
                let (program, inputs) = self.fuse(&[node])?;
                Ok(Make::Fuse { program, inputs })
            }
        }
    }

    /// A slot of its own for a part of an assembled array: the needs of two parts of one node lie far apart (the two ends
    /// of a roll).
    fn part(&mut self, node: NodeId) -> Result<u16> {
        let before = self.known.remove(&node);
        let slot = self.whole(node);
        match before {
            Some(before) => self.known.insert(node, before),
            None => self.known.remove(&node),
        };
        slot
    }
}

/// True when two views of one array walk in the same steps and start near one another.
fn near(a: &Select, b: &Select) -> bool {
    let steps = |select: &Select| {
        select
            .axes
            .iter()
            .map(|axis| (axis.parent, axis.step))
            .collect::<Vec<_>>()
    };
    a.base
        .iter()
        .zip(&b.base)
        .all(|(a, b)| a.abs_diff(*b) <= NEAR)
        && (a == b || steps(a) == steps(b))
}
