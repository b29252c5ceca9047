//! Places of boxes: layers by the longest way from a source, an order inside each that crosses few edges, and columns.
//!
//! After K. Sugiyama, S. Tagawa and M. Toda, "Methods for visual understanding of hierarchical system structures", IEEE
//! Trans. SMC 11 (1981): an edge over several layers goes through an empty place in each.

use super::drawing::Drawing;

/// Sweeps down and up: more change little.
const SWEEPS: usize = 8;

/// Distances, in pixels.
pub(super) const GAP_X: f64 = 28.0;
pub(super) const GAP_Y: f64 = 46.0;

/// A box, or the empty place of an edge.
struct Place {
    layer: usize,
    width: f64,
    height: f64,
    x: f64,
    up: Vec<usize>,
    down: Vec<usize>,
}

/// Middles of boxes, the points of edges, and the size of the whole.
pub(super) struct Layout {
    /// Left, top of each box.
    pub(super) boxes: Vec<(f64, f64)>,
    /// Points of each edge, from the bottom of a box to the top of another.
    pub(super) edges: Vec<Vec<(f64, f64)>>,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// Lays a drawing out; `sizes` are those of its boxes.
pub(super) fn layout(drawing: &Drawing, sizes: &[(f64, f64)]) -> Layout {
    let count = drawing.nodes.len();
    let mut places: Vec<Place> = sizes
        .iter()
        .map(|(width, height)| Place {
            layer: 0,
            width: *width,
            height: *height,
            x: 0.0,
            up: Vec::new(),
            down: Vec::new(),
        })
        .collect();
    // Edges lead to higher numbers: one walk in order is enough.
    for node in 0..count {
        for edge in drawing.edges.iter().filter(|e| e.from == node) {
            places[edge.to].layer = places[edge.to].layer.max(places[node].layer + 1);
        }
    }
    // Sources lie right above their first use, as constants are easiest to read there.
    for node in (0..count).rev() {
        let is_source = !drawing.edges.iter().any(|e| e.to == node);
        let used = drawing.edges.iter().filter(|e| e.from == node);
        if let (true, Some(first)) = (is_source, used.map(|e| places[e.to].layer).min()) {
            places[node].layer = first - 1;
        }
    }
    let mut chains: Vec<Vec<usize>> = Vec::new();
    for edge in &drawing.edges {
        let mut chain = vec![edge.from];
        for layer in places[edge.from].layer + 1..places[edge.to].layer {
            places.push(Place {
                layer,
                width: 8.0,
                height: 0.0,
                x: 0.0,
                up: Vec::new(),
                down: Vec::new(),
            });
            chain.push(places.len() - 1);
        }
        chain.push(edge.to);
        for pair in chain.windows(2) {
            places[pair[0]].down.push(pair[1]);
            places[pair[1]].up.push(pair[0]);
        }
        chains.push(chain);
    }
    let layers = places.iter().map(|p| p.layer + 1).max().unwrap_or(0);
    let mut rows: Vec<Vec<usize>> = vec![Vec::new(); layers];
    for (number, place) in places.iter().enumerate() {
        rows[place.layer].push(number);
    }
    order(&mut rows, &places);
    spread(&rows, &mut places);
    finish(drawing, &rows, &places, &chains)
}

/// Orders each row by the mean place of the neighbours in the row before, up and down.
fn order(rows: &mut [Vec<usize>], places: &[Place]) {
    let mut at: Vec<f64> = vec![0.0; places.len()];
    let number = |row: &[usize], at: &mut [f64]| {
        for (place, node) in row.iter().enumerate() {
            at[*node] = place as f64;
        }
    };
    rows.iter().for_each(|row| number(row, &mut at));
    for sweep in 0..SWEEPS {
        let down = sweep % 2 == 0;
        let last = rows.len();
        for step in 0..last {
            let row = if down { step } else { last - 1 - step };
            let mean = |node: usize| {
                let near = if down {
                    &places[node].up
                } else {
                    &places[node].down
                };
                match near.len() {
                    0 => at[node],
                    n => near.iter().map(|i| at[*i]).sum::<f64>() / n as f64,
                }
            };
            let mut keyed: Vec<(f64, usize)> = rows[row].iter().map(|n| (mean(*n), *n)).collect();
            // Stable: equal means keep their order.
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
            rows[row] = keyed.into_iter().map(|(_, node)| node).collect();
            number(&rows[row], &mut at);
        }
    }
}

/// Columns: each box near the mean of its neighbours, no two over one another.
fn spread(rows: &[Vec<usize>], places: &mut [Place]) {
    for row in rows {
        let mut x = 0.0;
        for node in row {
            places[*node].x = x + places[*node].width / 2.0;
            x += places[*node].width + GAP_X;
        }
        for node in row {
            places[*node].x -= (x - GAP_X) / 2.0;
        }
    }
    for sweep in 0..2 * SWEEPS {
        let down = sweep % 2 == 0;
        for step in 0..rows.len() {
            let row = &rows[if down { step } else { rows.len() - 1 - step }];
            let wanted: Vec<f64> = row
                .iter()
                .map(|node| {
                    let near = if down {
                        &places[*node].up
                    } else {
                        &places[*node].down
                    };
                    match near.len() {
                        0 => places[*node].x,
                        n => near.iter().map(|i| places[*i].x).sum::<f64>() / n as f64,
                    }
                })
                .collect();
            settle(row, &wanted, places);
        }
    }
}

/// Puts the boxes of a row where they want to be, in their order and apart: boxes that would meet move as one, to the mean.
fn settle(row: &[usize], wanted: &[f64], places: &mut [Place]) {
    // A cluster: its first box, the mean of what its boxes want for the first, their number, and its length so far.
    let mut clusters: Vec<(usize, f64, f64, f64)> = Vec::new();
    for (i, node) in row.iter().enumerate() {
        let width = places[*node].width;
        clusters.push((i, wanted[i] - width / 2.0, 1.0, width + GAP_X));
        while let [.., before, last] = clusters.as_slice() {
            if before.1 + before.3 <= last.1 {
                break;
            }
            let count = before.2 + last.2;
            let left = (before.1 * before.2 + (last.1 - before.3) * last.2) / count;
            let joined = (before.0, left, count, before.3 + last.3);
            clusters.truncate(clusters.len() - 2);
            clusters.push(joined);
        }
    }
    for (number, (first, left, ..)) in clusters.iter().enumerate() {
        let end = clusters.get(number + 1).map_or(row.len(), |next| next.0);
        let mut x = *left;
        for node in &row[*first..end] {
            places[*node].x = x + places[*node].width / 2.0;
            x += places[*node].width + GAP_X;
        }
    }
}

fn finish(
    drawing: &Drawing,
    rows: &[Vec<usize>],
    places: &[Place],
    chains: &[Vec<usize>],
) -> Layout {
    let left = |p: &Place| p.x - p.width / 2.0;
    let least = places.iter().map(left).fold(f64::INFINITY, f64::min);
    let right = places.iter().map(|p| p.x + p.width / 2.0);
    let width = right.fold(f64::NEG_INFINITY, f64::max) - least;
    let mut tops = Vec::with_capacity(rows.len());
    let mut heights = Vec::with_capacity(rows.len());
    let mut y = 0.0;
    for row in rows {
        let height = row.iter().map(|n| places[*n].height).fold(0.0, f64::max);
        tops.push(y);
        heights.push(height);
        y += height + GAP_Y;
    }
    // A box lies in the middle of its row.
    let top = |p: &Place| tops[p.layer] + (heights[p.layer] - p.height) / 2.0;
    let boxes = places[..drawing.nodes.len()]
        .iter()
        .map(|p| (left(p) - least, top(p)))
        .collect();
    let edges = chains
        .iter()
        .map(|chain| {
            let mut points = Vec::new();
            for (step, number) in chain.iter().enumerate() {
                let p = &places[*number];
                let x = p.x - least;
                match step {
                    0 => points.push((x, top(p) + p.height)),
                    _ if step + 1 == chain.len() => points.push((x, top(p))),
                    // Straight through the row of others.
                    _ => points.extend([(x, tops[p.layer]), (x, tops[p.layer] + heights[p.layer])]),
                }
            }
            points
        })
        .collect();
    Layout {
        boxes,
        edges,
        width: if width.is_finite() { width } else { 0.0 },
        height: (y - GAP_Y).max(0.0),
    }
}

#[cfg(test)]
mod tests {
    use super::super::drawing::Kind;
    use super::*;

    #[test]
    fn boxes_lie_apart_and_below_what_they_read() {
        let mut drawing = Drawing::default();
        for _ in 0..12 {
            drawing.push(Kind::Map, vec!["x".into()]);
        }
        for (from, to) in [
            (0, 3),
            (1, 3),
            (2, 4),
            (3, 5),
            (4, 5),
            (0, 6),
            (5, 7),
            (6, 7),
            (0, 8),
            (8, 9),
            (2, 10),
            (9, 11),
            (7, 11),
        ] {
            drawing.link(from, to, "");
        }
        let sizes: Vec<(f64, f64)> = (0..12)
            .map(|i| (60.0 + 11.0 * f64::from(i % 5), 40.0))
            .collect();
        let made = layout(&drawing, &sizes);
        for a in 0..12 {
            for b in 0..a {
                let apart = |p: f64, w: f64, q: f64, v: f64| p + w <= q + 1e-6 || q + v <= p + 1e-6;
                let ((ax, ay), (bx, by)) = (made.boxes[a], made.boxes[b]);
                assert!(
                    apart(ax, sizes[a].0, bx, sizes[b].0) || apart(ay, sizes[a].1, by, sizes[b].1),
                    "boxes {a} and {b} meet: {:?}",
                    made.boxes
                );
            }
            assert!(made.boxes[a].0 >= 0.0 && made.boxes[a].0 + sizes[a].0 <= made.width + 1e-6);
        }
        for (edge, points) in drawing.edges.iter().zip(&made.edges) {
            assert!(made.boxes[edge.from].1 + 40.0 < made.boxes[edge.to].1);
            assert!(points.windows(2).all(|p| p[0].1 <= p[1].1), "{points:?}");
        }
        // Nothing of it is left to chance.
        assert_eq!(layout(&drawing, &sizes).boxes, made.boxes);
    }
}
