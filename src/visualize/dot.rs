//! DOT, for Graphviz and what reads it: one cluster for each graph.

use super::drawing::Drawing;
use std::fmt::Write;

/// A text between quotes.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Lines of a box, to the left.
fn lines(lines: &[String]) -> String {
    let mut all: String = lines
        .iter()
        .map(|line| {
            let quoted = quoted(line);
            format!("{}\\l", &quoted[1..quoted.len() - 1])
        })
        .collect();
    all.insert(0, '"');
    all.push('"');
    all
}

/// The drawings as clusters of one graph.
pub(super) fn dot(title: &str, drawings: &[Drawing]) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "digraph hyperslab {{\n  label={};\n  labelloc=t;\n  bgcolor=white;\n  node [shape=box, style=\"filled,rounded\", \
         fontname=\"monospace\", fontsize=11];\n  edge [fontname=\"monospace\", fontsize=10, color=\"#94a3b8\"];",
        quoted(title)
    );
    for (number, drawing) in drawings.iter().enumerate() {
        let _ = writeln!(out, "  subgraph cluster_{number} {{");
        let notes = drawing.notes.iter().cloned();
        let label: Vec<String> = [drawing.title.clone()].into_iter().chain(notes).collect();
        let _ = writeln!(out, "    label={};\n    labeljust=l;", lines(&label));
        for (id, node) in drawing.nodes.iter().enumerate() {
            let (fill, border) = node.kind.colours();
            let _ = writeln!(
                out,
                "    n{number}_{id} [label={}, fillcolor=\"{fill}\", color=\"{border}\"];",
                lines(&node.lines)
            );
        }
        for edge in &drawing.edges {
            let label = match edge.text.as_str() {
                "" => String::new(),
                text => format!(" [label={}]", quoted(text)),
            };
            let _ = writeln!(
                out,
                "    n{number}_{} -> n{number}_{}{label};",
                edge.from, edge.to
            );
        }
        let _ = writeln!(out, "  }}");
    }
    out.push_str("}\n");
    out
}
