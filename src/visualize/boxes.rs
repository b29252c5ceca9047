//! Boxes of a lazy graph: what each node does, its dtype, shape, chunks and bytes.

use super::collapse::Groups;
use super::drawing::{Drawing, Kind};
use crate::config::format_bytes;
use crate::driver::Wanted;
use crate::expr::{Graph, MapOp, Node, NodeId, SourceDecl};
use crate::spec::OutputSpec;

/// What a node does, in the words that users write, and what kind of work it is. No shapes, no file names.
fn words(graph: &Graph, id: NodeId) -> (Kind, String) {
    match graph.node(id) {
        Node::Source(number) => match &graph.sources()[*number as usize] {
            SourceDecl::File(spec) => (Kind::File, format!("read {}", spec.variable)),
            SourceDecl::Memory { .. } => (Kind::Source, "memory of rank 0".into()),
            SourceDecl::Held { .. } => (Kind::Source, "persisted".into()),
            SourceDecl::Generated { generator, .. } => (Kind::Source, generator.name().into()),
        },
        Node::Fill(value) => (Kind::Source, format!("{value}")),
        Node::Map(op, _) => {
            let name = match op {
                MapOp::Unary(op) => op.name().to_owned(),
                MapOp::Binary(op) => op.name().to_owned(),
                MapOp::Where => "where".to_owned(),
                MapOp::Cast => format!("cast to {}", graph.dtype(id)),
            };
            (Kind::Map, name)
        }
        Node::Select(..) => (Kind::View, "select".into()),
        Node::Reduce {
            reduction,
            axes,
            group,
            ..
        } => {
            let over = match (axes.as_slice(), group) {
                ([], _) => String::new(),
                (axes, _) => format!(" over axes {axes:?}"),
            };
            let groups = match group {
                Some(group) => format!(", {} groups of axis {}", group.groups, group.axis),
                None => String::new(),
            };
            (Kind::Reduce, format!("{reduction}{over}{groups}"))
        }
        Node::Assemble(..) => (Kind::View, "side by side".into()),
        Node::Call(op, _) => (Kind::Call, op.name().to_owned()),
        Node::Rechunk(..) => (Kind::View, "chunk".into()),
    }
}

/// `[28 … 31, 400]`: lengths of several shapes, axis by axis.
fn lengths<'a>(shapes: impl Iterator<Item = &'a [usize]> + Clone) -> String {
    let axes = shapes.clone().map(<[usize]>::len).max().unwrap_or(0);
    let text = |axis: usize| {
        let all = || shapes.clone().filter_map(|shape| shape.get(axis));
        match (all().min(), all().max()) {
            (Some(low), Some(high)) if low != high => format!("{low} … {high}"),
            (Some(low), _) => low.to_string(),
            _ => String::new(),
        }
    };
    let texts: Vec<String> = (0..axes).map(text).collect();
    format!("[{}]", texts.join(", "))
}

/// Bytes of the elements of a node.
pub(super) fn bytes(graph: &Graph, id: NodeId) -> u64 {
    let schema = graph.schema(id);
    let elements = schema.shape.iter().map(|n| *n as u64);
    elements.fold(schema.dtype.size() as u64, u64::saturating_mul)
}

/// Files that the members of a group read: one by name, several by their number.
fn files(graph: &Graph, members: &[NodeId]) -> Option<String> {
    let path = |id: &NodeId| match graph.node(*id) {
        Node::Source(number) => match &graph.sources()[*number as usize] {
            SourceDecl::File(spec) => Some(&spec.file.path),
            _ => None,
        },
        _ => None,
    };
    let mut paths: Vec<_> = members.iter().filter_map(path).collect();
    paths.dedup();
    let name = |path: &std::path::Path| {
        let name = path.file_name().unwrap_or(path.as_os_str());
        name.to_string_lossy().into_owned()
    };
    match paths.as_slice() {
        [] => None,
        [one] => Some(name(one)),
        [first, .., last] => Some(format!(
            "{} files: {} … {}",
            paths.len(),
            name(first),
            name(last)
        )),
    }
}

/// The graph of what is wanted.
pub(super) fn graph_drawing(
    title: &str,
    graph: &Graph,
    outputs: &[NodeId],
    wanted: &[Wanted],
    saved: &[OutputSpec],
) -> Drawing {
    let nodes = graph.reachable(outputs);
    let groups = Groups::of(graph, &nodes, |id| {
        // Several scalars of one program are different words: they stay apart by their values.
        format!("{} {}", words(graph, id).1, graph.dtype(id))
    });
    let mut drawing = Drawing {
        title: title.to_owned(),
        ..Drawing::default()
    };
    // A group may have members after those that use it: the way from the sources keeps the law of edges.
    let mut order: Vec<usize> = (0..groups.members.len()).collect();
    order.sort_by_key(|group| {
        (
            groups.heights[*group],
            groups.members[*group].first().copied(),
        )
    });
    let mut place = vec![0; order.len()];
    for group in order {
        let members = &groups.members[group];
        let Some(first) = members.first() else {
            continue;
        };
        let (kind, name) = words(graph, *first);
        let count = members.len();
        let mut lines = vec![match count {
            1 => name,
            _ => format!("{name} × {count}"),
        }];
        lines.extend(files(graph, members));
        if let Node::Assemble(parts, _) = graph.node(*first) {
            lines.push(format!("{} parts", parts.len()));
        }
        let schemas = members.iter().map(|id| graph.schema(*id));
        let shapes = lengths(schemas.clone().map(|s| s.shape.as_slice()));
        let total: u64 = members.iter().map(|id| bytes(graph, *id)).sum();
        if !matches!(graph.node(*first), Node::Fill(_)) {
            lines.push(format!("{} {shapes}", graph.dtype(*first)));
            let chunks = lengths(schemas.map(|s| s.chunk.as_slice()));
            if chunks != shapes {
                lines.push(format!("chunks {chunks}"));
            }
            lines.push(format_bytes(total));
        }
        place[group] = drawing.push(kind, lines);
        for member in members {
            for input in graph.node(*member).inputs() {
                if let Some(from) = groups.group(*input) {
                    drawing.link(place[from], place[group], "");
                }
            }
        }
    }
    for (wanted, node) in wanted.iter().zip(outputs) {
        let name = match wanted {
            Wanted::Block(_) => "result on rank 0".to_owned(),
            Wanted::Kept(..) => "persisted by the ranks".to_owned(),
            Wanted::Variable { file, variable, .. } => written(saved, *file, *variable),
        };
        let target = drawing.push(Kind::Output, vec![name, format_bytes(bytes(graph, *node))]);
        if let Some(from) = groups.group(*node) {
            drawing.link(place[from], target, "");
        }
    }
    if nodes.len() > groups.members.len() {
        drawing.notes.push(format!(
            "{} operations in {} boxes: alike ones are drawn as one (× their number)",
            nodes.len(),
            groups.members.len()
        ));
    }
    drawing
}

/// The name of a variable that is written.
pub(super) fn written(saved: &[OutputSpec], file: u32, variable: u32) -> String {
    let Some(spec) = saved.get(file as usize) else {
        return "written".to_owned();
    };
    let name = spec.path.file_name().unwrap_or(spec.path.as_os_str());
    let variable = spec.variables.get(variable as usize);
    format!(
        "{} in {}",
        variable.map_or("", |v| v.name.as_str()),
        name.to_string_lossy()
    )
}
