//! Lines of one dimension: one, one for each index of `hue`, in one panel or in one for each index of `col`.

use super::axis::Axis;
use super::canvas::{Beside, Canvas, Drawn, FAINT, Pen};
use super::colours::LINES;
use super::map::columns;
use super::options::PlotOptions;
use super::panels::{Sheet, Span};
use super::request::{Subject, cells_told, gathered};
use super::ticks;
use crate::error::{Error, Result};
use crate::labelled::DataArray;
use crate::op::ReductionKind;

/// Width of a panel in pixels: of one, and of several.
const WIDTHS: [usize; 2] = [860, 400];
const MOST_LINES: usize = 20;
const RATIO: f64 = 0.5;

/// Points of all lines of all panels, one after another; smallest and largest where points stand for several elements.
struct Points {
    values: Vec<f64>,
    reach: Option<(Vec<f64>, Vec<f64>)>,
}

/// Draws the lines of `subject`; `None` in a dry run.
pub(super) fn draw(subject: &Subject, options: &PlotOptions) -> Result<Option<Canvas>> {
    let operation = subject.operation;
    let (col, hue) = (options.col.as_deref(), options.hue.as_deref());
    let others: Vec<&str> = col.into_iter().chain(hue).collect();
    let plane = subject.plane(&others, &[1])?;
    let (dim, name) = match &options.x {
        Some(name) => subject.axis_named(name)?,
        None => (plane[0].clone(), plane[0].clone()),
    };
    if dim != plane[0] {
        return Err(Error::invalid(format!(
            "{operation}: x {name:?} lies along {dim:?}, which is col or hue"
        )));
    }
    let names = subject.panels("col", col)?;
    let hues = match hue {
        None => vec![String::new()],
        Some(hue) => subject.indices(hue)?,
    };
    if hues.len() > MOST_LINES {
        return Err(Error::invalid(format!(
            "{operation}: hue {hue:?} has {} indices; a panel has at most {MOST_LINES} lines: select some, or plot both \
             dimensions as a map",
            hues.len()
        )));
    }
    let axis = Axis::of(operation, &subject.array, &dim, Some(&name))?;
    let columns = columns(names.len(), options.col_wrap);
    let width = options.size.unwrap_or(WIDTHS[columns.min(2) - 1]);
    let factor = axis.len().div_ceil(width);
    let mut order = others.clone();
    order.push(&dim);
    let turned: DataArray = subject.array.transpose(&order);
    let picks = subject.picks(options.decimate);
    let small = |kind| subject.decimated(&turned, &[(&dim, factor)], kind);
    let points = match factor > 1 && !picks {
        true => {
            use ReductionKind as R;
            let (mean, min, max) = (
                small(Some(R::Mean))?,
                small(Some(R::Min))?,
                small(Some(R::Max))?,
            );
            let mut made = gathered(&[&mean, &min, &max])?.into_iter();
            let mut next = || made.next().unwrap_or_default();
            Points {
                values: next(),
                reach: Some((next(), next())),
            }
        }
        false => Points {
            values: gathered(&[&small(None)?])?.pop().unwrap_or_default(),
            reach: None,
        },
    };
    if subject.array.array().session().dry() {
        return Ok(None);
    }
    let cells = cells_told(&[(&axis, factor)], picks);
    let axis = axis.decimated(factor);
    let panel = (width as i32, (width as f64 * RATIO) as i32);
    let (low, high) = limits(&points, options);
    let mut ends = axis
        .centres
        .iter()
        .copied()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), v| {
            (least.min(v), most.max(v))
        });
    if ends.0 >= ends.1 {
        ends = axis.limits();
    }
    let x = Span::new(ends, &axis.label, panel.0, false, |most| {
        axis.ticks(ends.0, ends.1, most)
    });
    let mut y = Span::new((low, high), &subject.label, panel.1, true, |most| {
        ticks::numbers(low, high, most)
    });
    y.turned = !options.yincrease;
    let mut notes = Vec::new();
    notes.extend(cells.map(|told| told.replace("a cell is", "a point is")));
    if points.reach.is_some() {
        notes.push("the band spans the smallest and the largest of them".to_owned());
    }
    let nothing = !points.values.iter().any(|v| v.is_finite());
    if nothing {
        notes.push("all values are missing".to_owned());
    }
    let colour = |line: usize| LINES[line % LINES.len()];
    let legend = match hue {
        None => Vec::new(),
        Some(_) => hues
            .iter()
            .cloned()
            .enumerate()
            .map(|(i, h)| (h, colour(i)))
            .collect(),
    };
    let sheet = Sheet {
        title: &subject.title,
        slice: &subject.slice,
        notes,
        names: &names,
        columns,
        panel,
        x,
        y,
        bar: None,
        legend,
    };
    let (width, height) = sheet.size();
    let mut canvas = Canvas::new(width, height);
    canvas.draw(|pen| {
        for panel in 0..names.len() {
            for line in 0..hues.len() {
                let start = (panel * hues.len() + line) * axis.len();
                let part = start..start + axis.len();
                let reach = points.reach.as_ref();
                let reach = reach.map(|(low, high)| (&low[part.clone()], &high[part.clone()]));
                let values = &points.values[part];
                Line {
                    sheet: &sheet,
                    axis: &axis,
                    corner: sheet.corner(panel),
                    ink: colour(line),
                }
                .draw(pen, values, reach)?;
            }
            if nothing {
                let ((left, top), (w, h)) = (sheet.corner(panel), sheet.panel);
                pen.text(
                    "no data",
                    (left + w / 2, top + h / 2),
                    Beside::Around,
                    16,
                    FAINT,
                )?;
            }
        }
        sheet.furniture(pen)
    })?;
    Ok(Some(canvas))
}

/// Limits of the value axis: of all lines, and a little more.
fn limits(points: &Points, options: &PlotOptions) -> (f64, f64) {
    let reach = points
        .reach
        .iter()
        .flat_map(|(low, high)| low.iter().chain(high));
    let all = points.values.iter().chain(reach);
    let (mut low, mut high) = all
        .filter(|v| v.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| {
            (low.min(*v), high.max(*v))
        });
    if low > high {
        (low, high) = (0.0, 1.0);
    }
    if low == high {
        let more = if low == 0.0 { 1.0 } else { low.abs() * 0.05 };
        (low, high) = (low - more, high + more);
    }
    let pad = 0.04 * (high - low);
    let (low, high) = (
        options.vmin.unwrap_or(low - pad),
        options.vmax.unwrap_or(high + pad),
    );
    match low < high {
        true => (low, high),
        // One limit was given, beyond all values.
        false => (low.min(high), low.max(high) + 1.0),
    }
}

/// One line of a panel.
struct Line<'a> {
    sheet: &'a Sheet<'a>,
    axis: &'a Axis,
    corner: (i32, i32),
    ink: [u8; 3],
}

impl Line<'_> {
    fn at(&self, point: usize, value: f64) -> (i32, i32) {
        let (width, height) = self.sheet.panel;
        let x = self
            .sheet
            .x
            .place(self.axis.centres[point], width)
            .clamp(0, width - 1);
        let y = self.sheet.y.row(value, height).clamp(0, height - 1);
        (self.corner.0 + x, self.corner.1 + y)
    }

    fn draw(&self, pen: &Pen<'_>, values: &[f64], reach: Option<(&[f64], &[f64])>) -> Drawn {
        // A gap ends a line; a point between two gaps is a dot.
        let known: Vec<usize> = (0..values.len())
            .filter(|i| values[*i].is_finite())
            .collect();
        for run in known.chunk_by(|a, b| a + 1 == *b) {
            if let Some((low, high)) = reach {
                let upper = run.iter().map(|i| self.at(*i, high[*i]));
                let lower = run.iter().rev().map(|i| self.at(*i, low[*i]));
                pen.shade(upper.chain(lower).collect(), self.ink)?;
            }
            let points: Vec<(i32, i32)> = run.iter().map(|i| self.at(*i, values[*i])).collect();
            match points.as_slice() {
                [(x, y)] => pen.fill((x - 1, y - 1), (x + 1, y + 1), self.ink)?,
                _ => pen.path(points, self.ink, 1)?,
            }
        }
        Ok(())
    }
}
