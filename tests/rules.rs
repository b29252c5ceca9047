//! Rewrite rules keep shape, dtype and values: random graphs, evaluated element by element with rules on and off.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "support/geometry.rs"]
mod geometry;

use geometry::{dice, indices, view};
use hyperslab::dtype::DType;
use hyperslab::expr::{DataId, Graph, GroupBy, MapOp, Node, NodeId, SourceDecl};
use hyperslab::geom::{Region, Select, Span};
use hyperslab::op::{BinaryOp, Reduction, ReductionKind};
use hyperslab::optimize::{Optimized, Rule, optimize, rules};
use hyperslab::{Error, Result};
use proptest::prelude::*;
use std::collections::HashMap;

/// The group of an index: three groups, and some indices in none. The same for any length of axis.
fn code(index: usize) -> Option<usize> {
    (index % 5 != 3).then_some(index * 7 % 3)
}

/// The plainest evaluator: whole arrays of f64, one node after another.
struct Evaluator<'a> {
    graph: &'a Graph,
    done: HashMap<NodeId, Vec<f64>>,
}

impl Evaluator<'_> {
    fn flat(shape: &[usize], index: &[usize]) -> usize {
        index.iter().zip(shape).fold(0, |acc, (i, n)| acc * n + i)
    }

    fn value(&mut self, id: NodeId) -> Vec<f64> {
        if let Some(done) = self.done.get(&id) {
            return done.clone();
        }
        let graph = self.graph;
        let shape = graph.shape(id).to_vec();
        let count: usize = shape.iter().product();
        let result = match graph.node(id) {
            Node::Source(_) => (0..count)
                .map(|i| ((i * 37 + 11) % 101) as f64 - 50.0)
                .collect(),
            Node::Fill(value) => vec![value.as_f64(); count],
            Node::Map(MapOp::Binary(op), inputs) => {
                let (a, b) = (self.value(inputs[0]), self.value(inputs[1]));
                let f = match op {
                    BinaryOp::Add => |a: f64, b: f64| a + b,
                    BinaryOp::Subtract => |a: f64, b: f64| a - b,
                    other => panic!("{other:?}"),
                };
                a.iter().zip(&b).map(|(a, b)| f(*a, *b)).collect()
            }
            Node::Rechunk(input, _) => self.value(*input),
            Node::Select(input, select) => {
                let parent = self.value(*input);
                indices(&Region::whole(&shape))
                    .map(|i| parent[Self::flat(graph.shape(*input), &select.parent_index(&i))])
                    .collect()
            }
            Node::Reduce {
                input,
                reduction,
                axes,
                group,
            } => {
                let values = self.value(*input);
                let from = graph.shape(*input).to_vec();
                let mut cells: Vec<Option<f64>> = vec![None; count];
                for index in indices(&Region::whole(&from)) {
                    let mut kept = Vec::new();
                    let mut skip = false;
                    for (axis, i) in index.iter().enumerate().filter(|(a, _)| !axes.contains(a)) {
                        match group {
                            Some(g) if g.axis == axis => match code(*i) {
                                Some(group) => kept.push(group),
                                None => skip = true,
                            },
                            _ => kept.push(*i),
                        }
                    }
                    if skip {
                        continue;
                    }
                    let value = values[Self::flat(&from, &index)];
                    let cell = &mut cells[Self::flat(&shape, &kept)];
                    *cell = Some(match (*cell, reduction.kind) {
                        (None, _) => value,
                        (Some(old), ReductionKind::Sum) => old + value,
                        (Some(old), ReductionKind::Max) => old.max(value),
                        (Some(_), ReductionKind::Last) => value,
                        (_, other) => panic!("{other:?}"),
                    });
                }
                cells.into_iter().map(|cell| cell.unwrap_or(0.0)).collect()
            }
            other => panic!("{other:?}"),
        };
        self.done.insert(id, result.clone());
        result
    }
}

fn evaluate(graph: &Graph, outputs: &[NodeId]) -> Vec<Vec<f64>> {
    let mut evaluator = Evaluator {
        graph,
        done: HashMap::new(),
    };
    outputs.iter().map(|id| evaluator.value(*id)).collect()
}

/// One operation more on top of the newest node.
fn grow(g: &mut Graph, nodes: &mut Vec<NodeId>, what: u8, roll: geometry::Dice) {
    let top = *nodes.last().unwrap();
    let shape = g.shape(top).to_vec();
    let (_, seed, a, ..) = roll;
    let new = match what {
        0..=3 => {
            let select = view(&shape, roll, false);
            g.select(top, select).unwrap()
        }
        4 | 5 if !shape.is_empty() => {
            let kind =
                [ReductionKind::Sum, ReductionKind::Max, ReductionKind::Last][seed as usize % 3];
            let mut axes: Vec<usize> = (0..shape.len())
                .filter(|axis| seed >> (axis + 8) & 1 == 1)
                .collect();
            let axis = (a + 9) as usize % shape.len();
            let group = (what == 5).then_some(GroupBy {
                axis,
                codes: DataId(9),
                groups: 3,
            });
            if group.is_some() {
                axes.retain(|k| *k != axis);
            } else if axes.is_empty() {
                axes.push(axis);
            }
            g.reduce(
                top,
                Reduction {
                    kind,
                    skipna: false,
                },
                axes,
                group,
            )
            .unwrap()
        }
        6 => {
            // With another node, if one of a fitting shape exists; else with itself.
            let other = nodes[seed as usize % nodes.len()];
            g.binary(BinaryOp::Subtract, top, other)
                .unwrap_or_else(|_| g.binary(BinaryOp::Add, top, top).unwrap())
        }
        _ => {
            let chunk: Vec<usize> = shape.iter().map(|n| 1 + seed as usize % n).collect();
            g.rechunk(top, &chunk).unwrap()
        }
    };
    nodes.push(new);
}

fn source(g: &mut Graph, shape: &[usize]) -> NodeId {
    g.source(SourceDecl::Memory {
        data: DataId(0),
        dtype: DType::F64,
        shape: shape.to_vec(),
    })
    .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rules_keep_schema_and_values(
        shape in prop::collection::vec(1usize..6, 1..4),
        steps in prop::collection::vec((0u8..8, dice()), 1..9),
    ) {
        let mut g = Graph::new();
        let mut nodes = vec![source(&mut g, &shape)];
        for (what, roll) in steps {
            if g.shape(*nodes.last().unwrap()).iter().product::<usize>() < 2000 {
                grow(&mut g, &mut nodes, what, roll);
            }
        }
        let outputs = [nodes[nodes.len() - 1], nodes[nodes.len() / 2]];
        let off = evaluate(&g, &outputs);
        // Each rule alone, and all of them.
        let mut lists: Vec<Vec<Box<dyn Rule>>> = rules().into_iter().map(|r| vec![r]).collect();
        lists.push(rules());
        for list in lists {
            let name: Vec<&str> = list.iter().map(|r| r.name()).collect();
            let on = optimize(&g, &outputs, &list).unwrap();
            for (old, new) in outputs.iter().zip(&on.outputs) {
                prop_assert_eq!(g.shape(*old), on.graph.shape(*new));
                prop_assert_eq!(g.dtype(*old), on.graph.dtype(*new));
            }
            prop_assert_eq!(&evaluate(&on.graph, &on.outputs), &off, "{:?}\n{}\n{}", name, g, on.graph);
        }
        // Afterwards a selection lies on an element-wise operation only where something else looks at that too, or where it
        // repeats elements; on another selection it never lies.
        let on = optimize(&g, &outputs, &rules()).unwrap();
        let ids = on.graph.reachable(&on.outputs);
        let users = |node: NodeId| {
            let inner = ids.iter().filter(|id| on.graph.node(**id).inputs().contains(&node)).count();
            inner + usize::from(on.outputs.contains(&node))
        };
        for id in &ids {
            if let Node::Select(input, select) = on.graph.node(*id) {
                let seen = Region::whole(&select.shape());
                let repeats = seen.elements() > select.parent_region(&seen).elements();
                match on.graph.node(*input) {
                    Node::Map(..) => prop_assert!(repeats || users(*input) > 1, "{}", on.graph),
                    Node::Select(..) => prop_assert!(false, "{}", on.graph),
                    _ => {}
                }
            }
        }
    }
}

/// A selection of kept axes goes below a reduction, also when it fixes one, and so do two that share no element; one that
/// takes some groups stays above.
#[test]
fn selections_pass_reductions() {
    let sum = Reduction {
        kind: ReductionKind::Sum,
        skipna: false,
    };
    let mut g = Graph::new();
    let x = source(&mut g, &[6, 5, 4]);
    let total = g.reduce(x, sum, vec![1], None).unwrap();
    let fixed = g.select(total, Select::all(&[6, 4]).fix(0, 0)).unwrap();
    let stepped = Select::spans(&[
        Span {
            start: 5,
            len: 3,
            step: -2,
        },
        Span {
            start: 1,
            len: 2,
            step: 1,
        },
    ]);
    let stepped = g.select(total, stepped).unwrap();
    let group = Some(GroupBy {
        axis: 0,
        codes: DataId(9),
        groups: 3,
    });
    let grouped = g.reduce(x, sum, vec![1], group).unwrap();
    let beside = g.select(grouped, Select::all(&[3, 4]).fix(1, 3)).unwrap();
    let other = Some(GroupBy {
        axis: 0,
        codes: DataId(8),
        groups: 3,
    });
    let grouped = g.reduce(x, sum, vec![1], other).unwrap();
    let one_group = g.select(grouped, Select::all(&[3, 4]).fix(0, 1)).unwrap();
    let outputs = [fixed, stepped, beside, one_group];
    let on = optimize(&g, &outputs, &rules()).unwrap();
    assert_eq!(evaluate(&g, &outputs), evaluate(&on.graph, &on.outputs));
    let reduces = |id: NodeId| matches!(on.graph.node(id), Node::Reduce { .. });
    assert!(
        on.outputs[..3].iter().all(|id| reduces(*id)),
        "{}",
        on.graph
    );
    assert!(!reduces(on.outputs[3]), "{}", on.graph);
    assert_eq!(
        on.notes,
        ["push_select: a selection stays above a sum: it moves groups or axes"]
    );
}

/// Prune drops what no output needs.
#[test]
fn unreachable_sources_go() {
    let mut g = Graph::new();
    let x = source(&mut g, &[3]);
    let decl = SourceDecl::Memory {
        data: DataId(1),
        dtype: DType::F64,
        shape: vec![3],
    };
    let y = g.source(decl).unwrap();
    let _unused = g.binary(BinaryOp::Add, x, y).unwrap();
    let on = optimize(&g, &[x], &rules()).unwrap();
    assert_eq!((on.graph.len(), on.graph.sources().len()), (1, 1));
}

/// A rule that changes the dtype of an output.
struct Break;

impl Rule for Break {
    fn name(&self) -> &'static str {
        "break_dtype"
    }

    fn apply(&self, graph: &Graph, outputs: &[NodeId]) -> Result<Optimized> {
        let mut graph = graph.clone();
        let outputs = outputs
            .iter()
            .map(|id| graph.cast(*id, DType::F32))
            .collect::<Result<Vec<_>, Error>>()?;
        Ok(Optimized {
            graph,
            outputs,
            notes: Vec::new(),
        })
    }
}

#[test]
fn a_rule_that_breaks_the_schema_is_caught() {
    let mut g = Graph::new();
    let x = source(&mut g, &[3]);
    let error = optimize(&g, &[x], &[Box::new(Break)]).unwrap_err();
    assert!(error.is_internal());
    assert!(error.message().contains("break_dtype"), "{error}");
}
