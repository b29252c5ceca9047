//! Fusion: the element-wise operations between loads and sinks of one pass become one program.

use super::plan::{ArrayId, Input};
use crate::error::{Error, Result};
use crate::expr::{Graph, MapOp, Node, NodeId};
use crate::geom::Select;
use crate::op::{Instr, Program, ProgramBuilder, Register};
use std::collections::HashMap;

/// Where a leaf of a fused expression is loaded from.
pub(super) type Leaf<'a> = &'a mut dyn FnMut(NodeId) -> Result<ArrayId>;

/// A leaf of a fused expression and the view of it that the domain needs.
pub(super) fn leaf_of(graph: &Graph, id: NodeId) -> Option<(NodeId, Select)> {
    match graph.node(id) {
        Node::Source(_) | Node::Reduce { .. } => Some((id, Select::all(graph.shape(id)))),
        Node::Select(input, select) => {
            // Under a selection there may be rechunks; the push-down rule leaves nothing else there but leaves.
            let mut input = *input;
            while let Node::Rechunk(below, _) = graph.node(input) {
                input = *below;
            }
            Some((input, select.clone()))
        }
        Node::Fill(_) | Node::Map(..) | Node::Rechunk(..) => None,
    }
}

/// Nodes of the fused expressions of `roots` in ascending order, down to and including leaves.
pub(super) fn expression(graph: &Graph, roots: &[NodeId]) -> Vec<NodeId> {
    let mut wanted = std::collections::BTreeSet::new();
    let mut stack = roots.to_vec();
    while let Some(id) = stack.pop() {
        if wanted.insert(id) && leaf_of(graph, id).is_none() {
            stack.extend(graph.node(id).inputs());
        }
    }
    wanted.into_iter().collect()
}

/// One program for all `roots`, and its inputs: equal loads and equal steps are shared.
pub(super) fn fuse(
    graph: &Graph,
    roots: &[NodeId],
    array_of: Leaf<'_>,
) -> Result<(Program, Vec<Input>)> {
    let mut builder = ProgramBuilder::new();
    let mut inputs: Vec<Input> = Vec::new();
    let mut registers: HashMap<NodeId, Register> = HashMap::new();
    for id in expression(graph, roots) {
        let dtype = graph.dtype(id);
        let register = if let Some((leaf, select)) = leaf_of(graph, id) {
            let input = Input {
                array: array_of(leaf)?,
                select,
            };
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
                        (MapOp::Binary(op), [a, b]) => Instr::Binary(*op, operand(a), operand(b)),
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
                other => return Err(Error::internal(format!("{other:?} inside a fused program"))),
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
