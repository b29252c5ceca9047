//! Moves selections towards the sources: through element-wise operations, rechunks, other selections, and the kept axes
//! of reductions, so that only what is selected is read.

use super::rule::{Optimized, Rule};
use crate::error::Result;
use crate::expr::{Graph, GroupBy, MapOp, Node, NodeId, Schema};
use crate::geom::{Select, ViewAxis};
use std::collections::HashMap;

/// Pushes every selection as far down as it goes.
pub(super) struct PushSelect;

impl Rule for PushSelect {
    fn name(&self) -> &'static str {
        "push_select"
    }

    fn apply(&self, graph: &Graph, outputs: &[NodeId]) -> Result<Optimized> {
        let mut push = Push {
            to: Graph::new(),
            done: HashMap::new(),
            notes: Vec::new(),
        };
        // Id order is topological, so the recursion below is one level deep for nodes without a selection: a chain of
        // a million operations does not grow the stack.
        for id in graph.reachable(outputs) {
            push.plain(graph, id)?;
        }
        let outputs = outputs.iter().map(|id| push.done[&(*id, None)]).collect();
        push.notes.dedup();
        Ok(Optimized {
            graph: push.to,
            outputs,
            notes: push.notes,
        })
    }
}

struct Push {
    to: Graph,
    done: HashMap<(NodeId, Option<Select>), NodeId>,
    notes: Vec<String>,
}

impl Push {
    /// The node without a selection on top of it.
    fn plain(&mut self, from: &Graph, id: NodeId) -> Result<NodeId> {
        if let Some(done) = self.done.get(&(id, None)) {
            return Ok(*done);
        }
        let schema = from.schema(id).clone();
        let new = match from.node(id) {
            Node::Source(number) => self.to.source(from.sources()[*number as usize].clone())?,
            Node::Fill(value) => self.to.fill(*value, &schema.shape)?,
            Node::Map(op, inputs) => {
                let inputs = inputs
                    .iter()
                    .map(|i| self.plain(from, *i))
                    .collect::<Result<Vec<_>>>()?;
                self.to.push(Node::Map(*op, inputs), schema)?
            }
            Node::Select(input, select) => self.selected(from, *input, select)?,
            Node::Reduce {
                input,
                reduction,
                axes,
                group,
            } => {
                let input = self.plain(from, *input)?;
                let node = Node::Reduce {
                    input,
                    reduction: *reduction,
                    axes: axes.clone(),
                    group: group.clone(),
                };
                self.to.push(node, schema)?
            }
            Node::Rechunk(input, chunk) => {
                let input = self.plain(from, *input)?;
                self.to.push(Node::Rechunk(input, chunk.clone()), schema)?
            }
        };
        self.done.insert((id, None), new);
        Ok(new)
    }

    /// `select(node id)`, with the selection below the node where that is possible.
    fn selected(&mut self, from: &Graph, id: NodeId, select: &Select) -> Result<NodeId> {
        // An explicit stack: operations may be chained 100,000 deep under one selection.
        let mut stack = vec![(id, select.clone())];
        while let Some((id, select)) = stack.last().cloned() {
            if self.done.contains_key(&(id, Some(select.clone()))) {
                stack.pop();
                continue;
            }
            let mut missing = Vec::new();
            let new = self.try_push(from, id, &select, &mut missing)?;
            match new {
                Some(new) => {
                    self.done.insert((id, Some(select)), new);
                    stack.pop();
                }
                None => stack.extend(missing),
            }
        }
        Ok(self.done[&(id, Some(select.clone()))])
    }

    /// The pushed node, or the (node, selection) pairs that must be pushed before.
    fn try_push(
        &mut self,
        from: &Graph,
        id: NodeId,
        select: &Select,
        missing: &mut Vec<(NodeId, Select)>,
    ) -> Result<Option<NodeId>> {
        let mut need = |push: &Self, input: NodeId, select: &Select| {
            let found = push.done.get(&(input, Some(select.clone()))).copied();
            if found.is_none() {
                missing.push((input, select.clone()));
            }
            found
        };
        match from.node(id) {
            Node::Map(op, inputs) => {
                let inputs: Vec<Option<NodeId>> = inputs
                    .iter()
                    .map(|input| need(self, *input, select))
                    .collect();
                let Some(inputs) = inputs.into_iter().collect::<Option<Vec<_>>>() else {
                    return Ok(None);
                };
                let dtype = from.dtype(id);
                // A constant operand of a cast can fold on the way: the builder sees to it.
                if *op == MapOp::Cast {
                    return self.to.cast(inputs[0], dtype).map(Some);
                }
                let schema = Schema {
                    dtype,
                    ..self.to.schema(inputs[0]).clone()
                };
                self.to.push(Node::Map(*op, inputs), schema).map(Some)
            }
            Node::Select(input, outer) => Ok(need(self, *input, &outer.compose(select))),
            Node::Rechunk(input, chunk) => {
                let Some(new) = need(self, *input, select) else {
                    return Ok(None);
                };
                let chunk: Vec<usize> = select
                    .axes
                    .iter()
                    .map(|axis| match axis.parent {
                        Some(parent) => chunk[parent]
                            .div_ceil(axis.step.unsigned_abs())
                            .clamp(1, axis.len.max(1)),
                        None => axis.len.max(1),
                    })
                    .collect();
                let schema = Schema {
                    chunk: chunk.clone(),
                    ..self.to.schema(new).clone()
                };
                self.to.push(Node::Rechunk(new, chunk), schema).map(Some)
            }
            Node::Reduce {
                input,
                reduction,
                axes,
                group,
            } => match below_reduce(from.shape(*input), axes, group.as_ref(), select) {
                Some((inner, inner_axes, inner_group)) => {
                    let Some(new) = need(self, *input, &inner) else {
                        return Ok(None);
                    };
                    self.to
                        .reduce(new, *reduction, inner_axes, inner_group)
                        .map(Some)
                }
                None => {
                    self.notes.push(format!(
                        "a selection stays above a {}: it moves groups or axes",
                        reduction.name()
                    ));
                    let plain = self.plain(from, id)?;
                    self.to.select(plain, select.clone()).map(Some)
                }
            },
            Node::Source(_) | Node::Fill(_) => {
                let plain = self.plain(from, id)?;
                self.to.select(plain, select.clone()).map(Some)
            }
        }
    }
}

/// The selection of a reduction's input that makes the selection of its result: possible when the view keeps the order of
/// axes, adds none, and takes all groups in order.
fn below_reduce(
    shape: &[usize],
    axes: &[usize],
    group: Option<&GroupBy>,
    select: &Select,
) -> Option<(Select, Vec<usize>, Option<GroupBy>)> {
    let kept: Vec<usize> = (0..shape.len())
        .filter(|axis| !axes.contains(axis))
        .collect();
    let mut inner = Select::all(shape);
    let mut last = None;
    let mut stays = vec![false; shape.len()];
    for axis in &select.axes {
        let parent = axis.parent?;
        if last.is_some_and(|l| l >= parent) {
            return None;
        }
        last = Some(parent);
        let input_axis = kept[parent];
        stays[input_axis] = true;
        if group.is_some_and(|g| g.axis == input_axis) {
            let all = ViewAxis {
                parent: Some(parent),
                step: 1,
                len: group?.groups,
            };
            if *axis != all || select.base[parent] != 0 {
                return None;
            }
            continue;
        }
        inner.base[input_axis] = select.base[parent];
        inner.axes[input_axis] = ViewAxis {
            parent: Some(input_axis),
            step: axis.step,
            len: axis.len,
        };
    }
    // Kept axes that the view drops are fixed at one index of the input; the group axis cannot be.
    let mut renumbered = Vec::new();
    let mut result = inner.clone();
    for axis in (0..shape.len()).rev() {
        let reduced = axes.contains(&axis);
        if !reduced && !stays[axis] {
            if group.is_some_and(|g| g.axis == axis) {
                return None;
            }
            let parent = kept.iter().position(|k| *k == axis)?;
            result = result.fix(axis, select.base[parent]);
        } else {
            renumbered.push(axis);
        }
    }
    renumbered.reverse();
    let position = |axis: usize| renumbered.iter().position(|k| *k == axis);
    let axes = axes
        .iter()
        .map(|axis| position(*axis))
        .collect::<Option<Vec<_>>>()?;
    let group = match group {
        Some(g) => Some(GroupBy {
            axis: position(g.axis)?,
            ..g.clone()
        }),
        None => None,
    };
    Some((result, axes, group))
}
