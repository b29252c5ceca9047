//! Moves selections towards the sources: through element-wise operations, rechunks, other selections, and the kept axes
//! of reductions, so that only what is selected is computed, in the same fused program.
//!
//! A node that several overlapping selections look at (the shifted views of a stencil) keeps them above it: it is then
//! computed once per tile, with a margin, instead of once per view. The rule looks at each node once: its cost is linear
//! in the size of the graph, however many views of views there are.

use super::rule::{Optimized, Rule};
use crate::error::{Error, Result};
use crate::expr::{Graph, GroupBy, MapOp, Node, NodeId, Schema};
use crate::geom::{Region, Select, ViewAxis};
use std::collections::HashMap;

/// Pushes every selection as far down as it pays.
pub(super) struct PushSelect;

/// Most disjoint selections that are pushed through one node.
const MOST_DISJOINT: usize = 8;

impl Rule for PushSelect {
    fn name(&self) -> &'static str {
        "push_select"
    }

    fn apply(&self, graph: &Graph, outputs: &[NodeId]) -> Result<Optimized> {
        let ids = graph.reachable(outputs);
        let mut push = Push {
            from: graph,
            to: Graph::new(),
            wanted: HashMap::new(),
            done: HashMap::new(),
            notes: Vec::new(),
        };
        // From the outputs down (ids are a topological order): which views of each node are wanted.
        for output in outputs {
            push.want(*output, None);
        }
        for id in ids.iter().rev() {
            push.spread(*id);
        }
        // From the sources up: the wanted views are made.
        for id in &ids {
            push.make(*id)?;
        }
        let outputs = outputs
            .iter()
            .map(|id| push.view(*id, None))
            .collect::<Result<Vec<_>>>()?;
        push.notes.dedup();
        Ok(Optimized {
            graph: push.to,
            outputs,
            notes: push.notes,
        })
    }
}

/// A view of a node; `None` is all of it.
type View = Option<Select>;

struct Push<'a> {
    from: &'a Graph,
    to: Graph,
    wanted: HashMap<NodeId, Vec<View>>,
    done: HashMap<(NodeId, View), NodeId>,
    notes: Vec<String>,
}

impl Push<'_> {
    fn want(&mut self, id: NodeId, view: View) {
        let views = self.wanted.entry(id).or_default();
        if !views.contains(&view) {
            views.push(view);
        }
    }

    /// Replaces the views of a node by all of it, where pushing them further does not pay, and wants the views of its
    /// inputs that follow.
    fn spread(&mut self, id: NodeId) {
        let mut views = self.wanted.get(&id).cloned().unwrap_or_default();
        if !self.pushes(id, &views) {
            views = vec![None];
            self.wanted.insert(id, views.clone());
        }
        for view in views {
            for (input, view) in self.below(id, view.as_ref()) {
                self.want(input, view);
            }
        }
    }

    /// True when every view goes through the node, and no element is computed twice for it.
    fn pushes(&mut self, id: NodeId, views: &[View]) -> bool {
        let shape = self.from.shape(id);
        match self.from.node(id) {
            Node::Select(..) | Node::Rechunk(..) => true,
            // What a selection leaves out of these is not computed either: passes derive what a tile needs.
            Node::Source(_) | Node::Fill(_) | Node::Assemble(..) | Node::Call(..) => false,
            Node::Map(..) => apart(shape, views),
            Node::Reduce {
                input,
                reduction,
                axes,
                group,
            } => {
                let input = self.from.shape(*input);
                let through = views
                    .iter()
                    .flatten()
                    .all(|select| below_reduce(input, axes, group.as_ref(), select).is_some());
                if !through {
                    self.notes.push(format!(
                        "a selection stays above a {}: it moves groups or axes",
                        reduction.name()
                    ));
                }
                through && apart(shape, views)
            }
        }
    }

    /// The views of the inputs that make this view of a node.
    fn below(&self, id: NodeId, view: Option<&Select>) -> Vec<(NodeId, View)> {
        let node = self.from.node(id);
        match (node, view) {
            (Node::Select(input, outer), None) => vec![(*input, Some(outer.clone()))],
            (Node::Select(input, outer), Some(view)) => vec![(*input, Some(outer.compose(view)))],
            (
                Node::Reduce {
                    input, axes, group, ..
                },
                Some(view),
            ) => {
                let inner = below_reduce(self.from.shape(*input), axes, group.as_ref(), view);
                vec![(*input, inner.map(|(select, _, _)| select))]
            }
            (_, view) => node
                .inputs()
                .iter()
                .map(|input| (*input, view.cloned()))
                .collect(),
        }
    }

    /// The new node of a view: made as such, or as a selection of the whole node.
    fn view(&mut self, id: NodeId, view: View) -> Result<NodeId> {
        if let Some(done) = self.done.get(&(id, view.clone())) {
            return Ok(*done);
        }
        let whole = self.done.get(&(id, None)).copied();
        let (Some(whole), Some(select)) = (whole, &view) else {
            return Err(Error::internal(format!("node #{} is not made yet", id.0)));
        };
        let made = self.to.select(whole, select.clone())?;
        self.done.insert((id, view), made);
        Ok(made)
    }

    /// Makes all wanted views of a node.
    fn make(&mut self, id: NodeId) -> Result<()> {
        let views = self.wanted.get(&id).cloned().unwrap_or_default();
        for view in views {
            let inputs = self
                .below(id, view.as_ref())
                .into_iter()
                .map(|(input, view)| self.view(input, view))
                .collect::<Result<Vec<_>>>()?;
            let new = self.node(id, view.as_ref(), &inputs)?;
            self.done.insert((id, view), new);
        }
        Ok(())
    }

    /// A view of a node over its new inputs.
    fn node(&mut self, id: NodeId, view: Option<&Select>, inputs: &[NodeId]) -> Result<NodeId> {
        let schema = self.from.schema(id).clone();
        match (self.from.node(id), view) {
            (Node::Source(number), _) => {
                let decl = self.from.sources()[*number as usize].clone();
                self.to.source(decl)
            }
            (Node::Fill(value), _) => self.to.fill(*value, &schema.shape),
            (Node::Select(..), _) => Ok(inputs[0]),
            // A constant operand of a cast can fold on the way: the builder sees to it.
            (Node::Map(MapOp::Cast, _), Some(_)) => self.to.cast(inputs[0], schema.dtype),
            (Node::Map(op, _), Some(_)) => {
                let schema = Schema {
                    dtype: schema.dtype,
                    ..self.to.schema(inputs[0]).clone()
                };
                self.to.push(Node::Map(*op, inputs.to_vec()), schema)
            }
            (Node::Rechunk(_, chunk), Some(select)) => {
                let chunk: Vec<usize> = select
                    .axes
                    .iter()
                    .map(|axis| match axis.parent {
                        Some(parent) => chunk[parent]
                            .div_ceil(axis.step.unsigned_abs().max(1))
                            .clamp(1, axis.len.max(1)),
                        None => axis.len.max(1),
                    })
                    .collect();
                let schema = Schema {
                    chunk: chunk.clone(),
                    ..self.to.schema(inputs[0]).clone()
                };
                self.to.push(Node::Rechunk(inputs[0], chunk), schema)
            }
            (
                Node::Reduce {
                    input,
                    reduction,
                    axes,
                    group,
                },
                Some(select),
            ) => {
                let below = below_reduce(self.from.shape(*input), axes, group.as_ref(), select);
                let (_, axes, group) = below.ok_or_else(|| {
                    Error::internal("a selection does not go through its reduction")
                })?;
                self.to.reduce(inputs[0], *reduction, axes, group)
            }
            (node, None) => {
                let mut next = inputs.iter();
                let node = node.over(|old| next.next().copied().unwrap_or(old), |number| number);
                self.to.push(node, schema)
            }
            (node, Some(_)) => Err(Error::internal(format!("a view of {node:?}"))),
        }
    }
}

/// True for one view, and for a few views no two of which share elements, when none repeats elements either (a broadcast,
/// sliding windows).
fn apart(shape: &[usize], views: &[View]) -> bool {
    let hulls: Vec<Region> = views
        .iter()
        .map(|view| match view {
            Some(select) => select.parent_region(&Region::whole(&select.shape())),
            None => Region::whole(shape),
        })
        .collect();
    let disjoint = || {
        hulls
            .iter()
            .enumerate()
            .all(|(k, a)| hulls[..k].iter().all(|b| a.intersect(b).is_none()))
    };
    let repeats = views.iter().zip(&hulls).any(|(view, hull)| {
        view.as_ref()
            .is_some_and(|select| Region::whole(&select.shape()).elements() > hull.elements())
    });
    !repeats && (views.len() <= 1 || (views.len() <= MOST_DISJOINT && disjoint()))
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
