//! SVG: boxes with their texts, curved edges, a legend; light, readable without a style sheet.

use super::drawing::{Drawing, Kind, Node};
use super::layers::layout;
use std::fmt::Write;

/// Widths are those of a monospaced face: no font is measured, and the bytes are the same everywhere.
const FACE: &str = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace";
const SIZE: f64 = 12.0;
const CHARACTER: f64 = 0.605 * SIZE;
const LINE: f64 = 16.0;
const PADDING: f64 = 8.0;
const MARGIN: f64 = 24.0;
/// Longer lines end in `…`.
const MOST_CHARACTERS: usize = 60;
const MOST_OF_NOTE: usize = 110;
const INK: &str = "#1e293b";
const FAINT: &str = "#64748b";

/// A text inside an element or an attribute: no character of it is markup, none is refused by XML.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // XML 1.0 has no place for these, escaped or not.
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

fn fitted(line: &str) -> String {
    match line.chars().count() > MOST_CHARACTERS {
        true => line
            .chars()
            .take(MOST_CHARACTERS - 1)
            .chain(['…'])
            .collect(),
        false => line.to_owned(),
    }
}

/// Lines of a note, broken between words.
fn wrapped(note: &str) -> Vec<String> {
    let mut lines: Vec<String> = vec![String::new()];
    for word in note.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + word.chars().count() < MOST_OF_NOTE => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(format!("  {word}")),
        }
    }
    lines
}

fn size(node: &Node) -> (f64, f64) {
    let longest = node.lines.iter().map(|l| fitted(l).chars().count()).max();
    (
        (longest.unwrap_or(0) as f64 * CHARACTER + 2.0 * PADDING).max(64.0),
        node.lines.len() as f64 * LINE + 2.0 * PADDING - 4.0,
    )
}

fn text(out: &mut String, (x, y): (f64, f64), style: &str, line: &str) {
    // Leading spaces are part of a list.
    let _ = writeln!(
        out,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" xml:space=\"preserve\"{style}>{}</text>",
        escaped(line)
    );
}

/// Smooth from one point to the next: it leaves and arrives upright.
fn curve(points: &[(f64, f64)], dx: f64, dy: f64) -> String {
    let mut path = String::new();
    for (i, (x, y)) in points.iter().enumerate() {
        let (x, y) = (x + dx, y + dy);
        match i {
            0 => {
                let _ = write!(path, "M{x:.1} {y:.1}");
            }
            _ => {
                let (px, py) = (points[i - 1].0 + dx, points[i - 1].1 + dy);
                let middle = (py + y) / 2.0;
                let _ = match (px - x).abs() < 0.05 {
                    true => write!(path, "L{x:.1} {y:.1}"),
                    false => write!(
                        path,
                        "C{px:.1} {middle:.1} {x:.1} {middle:.1} {x:.1} {y:.1}"
                    ),
                };
            }
        }
    }
    path
}

/// One graph from `top` on; its width and where it ends.
fn drawing(out: &mut String, drawing: &Drawing, top: f64) -> (f64, f64) {
    let sizes: Vec<(f64, f64)> = drawing.nodes.iter().map(size).collect();
    let layout = layout(drawing, &sizes);
    let style = format!(" font-size=\"16\" font-weight=\"600\" fill=\"{INK}\"");
    text(out, (MARGIN, top + 16.0), &style, &drawing.title);
    let (dx, dy) = (MARGIN, top + 36.0);
    for (edge, points) in drawing.edges.iter().zip(&layout.edges) {
        let _ = writeln!(
            out,
            "<path d=\"{}\" fill=\"none\" stroke=\"#94a3b8\" stroke-width=\"1.4\" marker-end=\"url(#arrow)\"/>",
            curve(points, dx, dy)
        );
        if let (false, [.., from, to]) = (edge.text.is_empty(), points.as_slice()) {
            // Over the end of the edge, on paper of its own.
            let (x, y) = ((from.0 + to.0) / 2.0 + dx, (from.1 + to.1) / 2.0 + dy);
            let width = edge.text.chars().count() as f64 * CHARACTER * 0.92 + 6.0;
            let _ = writeln!(
                out,
                "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"14\" fill=\"#ffffff\" fill-opacity=\"0.85\"/>",
                x - width / 2.0,
                y - 8.0
            );
            let style = format!(" font-size=\"11\" text-anchor=\"middle\" fill=\"{FAINT}\"");
            text(out, (x, y + 3.0), &style, &edge.text);
        }
    }
    for ((node, (x, y)), (width, height)) in drawing.nodes.iter().zip(&layout.boxes).zip(&sizes) {
        let (x, y) = (x + dx, y + dy);
        let (fill, border) = node.kind.colours();
        let _ = writeln!(
            out,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"5\" fill=\"{fill}\" stroke=\"{border}\"/>"
        );
        for (number, line) in node.lines.iter().enumerate() {
            let style = match number {
                0 => format!(" font-weight=\"600\" fill=\"{INK}\""),
                _ => format!(" fill=\"{FAINT}\""),
            };
            let below = y + PADDING + 9.0 + number as f64 * LINE;
            text(out, (x + PADDING, below), &style, &fitted(line));
        }
    }
    let mut y = dy + layout.height + 24.0;
    let mut width = layout.width + 2.0 * MARGIN;
    for line in drawing.notes.iter().flat_map(|note| wrapped(note)) {
        let style = format!(" fill=\"{FAINT}\"");
        text(out, (MARGIN, y), &style, &line);
        width = width.max(line.chars().count() as f64 * CHARACTER + 2.0 * MARGIN);
        y += LINE;
    }
    (width, y + 20.0)
}

/// What the colours mean.
fn legend(out: &mut String, kinds: &[Kind], top: f64) -> f64 {
    let mut x = MARGIN;
    for kind in kinds {
        let (fill, border) = kind.colours();
        let _ = writeln!(
            out,
            "<rect x=\"{x:.1}\" y=\"{top:.1}\" width=\"16\" height=\"12\" rx=\"3\" fill=\"{fill}\" stroke=\"{border}\"/>"
        );
        let style = format!(" fill=\"{FAINT}\"");
        text(out, (x + 22.0, top + 10.0), &style, kind.name());
        x += 22.0 + kind.name().chars().count() as f64 * CHARACTER + 22.0;
    }
    x
}

/// The drawings, one below the other.
pub(super) fn svg(title: &str, drawings: &[Drawing]) -> String {
    let mut body = String::new();
    let style = format!(" font-size=\"18\" font-weight=\"700\" fill=\"{INK}\"");
    text(&mut body, (MARGIN, 34.0), &style, title);
    let mut kinds: Vec<Kind> = drawings
        .iter()
        .flat_map(|d| &d.nodes)
        .map(|n| n.kind)
        .collect();
    kinds.sort_unstable();
    kinds.dedup();
    let mut width = legend(&mut body, &kinds, 50.0);
    width = width.max(title.chars().count() as f64 * 11.5 + 2.0 * MARGIN);
    let mut y = 84.0;
    for one in drawings {
        let (wide, end) = drawing(&mut body, one, y);
        width = width.max(wide);
        y = end + 12.0;
    }
    if drawings.is_empty() {
        text(&mut body, (MARGIN, y), "", "Nothing is computed.");
        y += 24.0;
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{y:.0}\" \
         viewBox=\"0 0 {width:.0} {y:.0}\" font-family=\"{}\" font-size=\"{SIZE}\">\n<title>{}</title>\n<defs><marker id=\"arrow\" \
         viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" \
         fill=\"#94a3b8\"/></marker></defs>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n{body}</svg>\n",
        escaped(FACE),
        escaped(title),
    )
}
