//! Colour maps of two dimensions: one panel, or one for each index of a third.

use super::axis::Axis;
use super::canvas::{Beside, Canvas, FAINT};
use super::colours::Rgb;
use super::options::PlotOptions;
use super::panels::{Sheet, Span};
use super::request::{Subject, cells_told};
use crate::array::Array;
use crate::error::{Error, Result};
use crate::labelled::{Coord, DataArray};
use crate::op::ReductionKind;

/// The longer side of a panel, in pixels, where there is one panel, and where there are two or more beside it.
const SIZES: [usize; 3] = [720, 440, 300];
/// A panel longer than this many times its width has no proportion to keep.
const MOST_RATIO: f64 = 6.0;
/// Height over width of panels whose axes are of two kinds.
const FREE_RATIO: f64 = 0.65;

/// A map that is ready to be computed: `array` is (panels, y, x), small.
pub(super) struct Map {
    pub(super) subject: Subject,
    pub(super) array: Array,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) names: Vec<String>,
    pub(super) cells: Option<String>,
    pub(super) columns: usize,
    yincrease: bool,
    size: usize,
    /// What is said of coordinates that are no axes.
    curved: Option<String>,
}

impl Map {
    /// The map of `subject` with `panels` of the dimension `over`.
    pub(super) fn prepare(
        subject: Subject,
        options: &PlotOptions,
        over: Option<&str>,
        names: Vec<String>,
        columns: usize,
    ) -> Result<Map> {
        let others: Vec<&str> = over.into_iter().collect();
        let plane = subject.plane(&others, &[2])?;
        let (x_dim, x_name) = match &options.x {
            Some(name) => subject.axis_named(name)?,
            None => (plane[1].clone(), plane[1].clone()),
        };
        let Some(y_dim) = (plane.iter()).find(|dim| **dim != x_dim && plane.contains(&x_dim))
        else {
            return Err(Error::invalid(format!(
                "{}: x {x_name:?} lies along {x_dim:?}, the dimension of the panels",
                subject.operation
            )));
        };
        let y_dim = y_dim.clone();
        let x = Axis::of(subject.operation, &subject.array, &x_dim, Some(&x_name))?;
        let y = Axis::of(subject.operation, &subject.array, &y_dim, None)?;
        x.check_sorted(subject.operation)?;
        y.check_sorted(subject.operation)?;
        let curved = curved(&subject.array, &[&y_dim, &x_dim]);
        let size = options.size.unwrap_or(SIZES[columns.clamp(1, 3) - 1]);
        let (by_x, by_y) = factors(&x, &y, size);
        let mut order: Vec<&str> = others.clone();
        order.extend([y_dim.as_str(), x_dim.as_str()]);
        let turned = subject.array.transpose(&order);
        let picks = subject.picks(options.decimate);
        let array = subject.decimated(
            &turned,
            &[(&y_dim, by_y), (&x_dim, by_x)],
            (!picks).then_some(ReductionKind::Mean),
        )?;
        let cells = cells_told(&[(&y, by_y), (&x, by_x)], picks);
        let (x, y) = (x.decimated(by_x), y.decimated(by_y));
        Ok(Map {
            array,
            cells,
            curved,
            names,
            columns,
            yincrease: options.yincrease,
            size,
            x,
            y,
            subject,
        })
    }

    /// Cells of a panel.
    pub(super) fn cells(&self) -> usize {
        self.x.len() * self.y.len()
    }

    /// Pixels of a panel: whole pixels for each cell where cells are alike, in proportion where both axes are of one kind.
    pub(super) fn panel(&self) -> (i32, i32) {
        let ((width, height), kept) = target(&self.x, &self.y, self.size);
        let per_cell = |axis: &Axis, pixels: f64| {
            let cell = axis.cell()?;
            Some((pixels / (axis.extent() / cell)).floor().max(1.0))
        };
        let (mut by_x, mut by_y) = (per_cell(&self.x, width), per_cell(&self.y, height));
        // Square cells stay square.
        if let (Some(a), Some(b), true) = (by_x, by_y, kept && square(&self.x, &self.y)) {
            (by_x, by_y) = (Some(a.min(b)), Some(a.min(b)));
        }
        let whole = |axis: &Axis, by: Option<f64>, pixels: f64| {
            let cells = axis.cell().map(|cell| axis.extent() / cell);
            let pixels = by.zip(cells).map_or(pixels, |(by, cells)| by * cells);
            (pixels.round() as i32).max(axis.len() as i32).max(16)
        };
        (whole(&self.x, by_x, width), whole(&self.y, by_y, height))
    }

    /// What stands around the panels.
    pub(super) fn sheet<'a>(
        &'a self,
        scale: &'a super::scale::Scale,
        slice: &'a str,
        names: &'a [String],
    ) -> Sheet<'a> {
        let panel = self.panel();
        let x = Span::new(self.x.limits(), &self.x.label, panel.0, false, |most| {
            let (low, high) = self.x.limits();
            self.x.ticks(low, high, most)
        });
        let mut y = Span::new(self.y.limits(), &self.y.label, panel.1, true, |most| {
            let (low, high) = self.y.limits();
            self.y.ticks(low, high, most)
        });
        y.turned = !self.yincrease;
        let told = self.cells.iter().chain(&self.curved);
        let mut notes: Vec<String> = told.cloned().collect();
        notes.push(match scale.nothing {
            true => "all values are missing".to_owned(),
            false => scale.told.clone(),
        });
        Sheet {
            title: &self.subject.title,
            slice,
            notes,
            names,
            columns: self.columns,
            panel,
            x,
            y,
            bar: Some((scale, &self.subject.label)),
            legend: Vec::new(),
        }
    }

    /// Colours the cells of a panel.
    pub(super) fn paint(
        &self,
        canvas: &mut Canvas,
        corner: (i32, i32),
        values: &[f64],
        colour: impl Fn(f64) -> Rgb,
    ) {
        let (width, height) = self.panel();
        let columns = self.x.cells(width as usize);
        let mut rows = self.y.cells(height as usize);
        if self.yincrease {
            rows.reverse();
        }
        let mut before: Option<(usize, Vec<Rgb>)> = None;
        for (at, row) in rows.into_iter().enumerate() {
            let line = match before.take() {
                Some((same, line)) if same == row => line,
                _ => {
                    let cells = &values[row * self.x.len()..(row + 1) * self.x.len()];
                    let colours: Vec<Rgb> = cells.iter().map(|v| colour(*v)).collect();
                    columns.iter().map(|c| colours[*c]).collect()
                }
            };
            canvas.row(corner.0, corner.1 + at as i32, line.iter().copied());
            before = Some((row, line));
        }
    }

    /// The whole picture.
    pub(super) fn draw(&self, values: &[f64], scale: &super::scale::Scale) -> Result<Canvas> {
        let sheet = self.sheet(scale, &self.subject.slice, &self.names);
        let (width, height) = sheet.size();
        let mut canvas = Canvas::new(width, height);
        for panel in 0..self.names.len() {
            let cells = &values[panel * self.cells()..(panel + 1) * self.cells()];
            self.paint(&mut canvas, sheet.corner(panel), cells, |v| scale.colour(v));
        }
        canvas.draw(|pen| {
            sheet.furniture(pen)?;
            for panel in 0..if scale.nothing { self.names.len() } else { 0 } {
                let ((left, top), (w, h)) = (sheet.corner(panel), sheet.panel);
                pen.text(
                    "no data",
                    (left + w / 2, top + h / 2),
                    Beside::Around,
                    16,
                    FAINT,
                )?;
            }
            Ok(())
        })?;
        Ok(canvas)
    }
}

/// A word about coordinates that lie along both dimensions of the map, as those of a curved grid do: its axes are not they.
fn curved(array: &DataArray, dims: &[&str; 2]) -> Option<String> {
    let both = |coord: &&Coord| {
        coord.dims.len() == 2
            && dims
                .iter()
                .all(|dim| coord.dims.iter().any(|own| own == dim))
    };
    let names: Vec<&str> = (array.coords().iter().filter(both))
        .map(|coord| coord.name.as_str())
        .collect();
    let lie = if names.len() == 1 { "lies" } else { "lie" };
    (!names.is_empty()).then(|| {
        format!(
            "axes are {} and {}: {} {lie} along both",
            dims[0],
            dims[1],
            names.join(" and ")
        )
    })
}

/// Width and height that a panel should have, and whether they keep the proportion of its axes.
fn target(x: &Axis, y: &Axis, size: usize) -> ((f64, f64), bool) {
    let size = size as f64;
    let ratio = y.extent() / x.extent();
    let kept = x.like(y) && (1.0 / MOST_RATIO..=MOST_RATIO).contains(&ratio);
    let ratio = if kept { ratio } else { FREE_RATIO };
    match ratio > 1.0 {
        true => ((size / ratio, size), kept),
        false => ((size, size * ratio), kept),
    }
}

/// Elements of each axis that become one cell, so that no cell is smaller than a pixel; square cells stay square.
fn factors(x: &Axis, y: &Axis, size: usize) -> (usize, usize) {
    let ((width, height), kept) = target(x, y, size);
    let by = |axis: &Axis, pixels: f64| axis.len().div_ceil((pixels.round() as usize).max(1));
    let (by_x, by_y) = (by(x, width), by(y, height));
    match kept && square(x, y) {
        true => (by_x.max(by_y), by_x.max(by_y)),
        false => (by_x, by_y),
    }
}

fn square(x: &Axis, y: &Axis) -> bool {
    let cells = x.cell().zip(y.cell());
    cells.is_some_and(|(x, y)| (x / y - 1.0).abs() < 1e-3)
}

/// Panels side by side.
pub(super) fn columns(panels: usize, wrap: Option<usize>) -> usize {
    let square = (panels as f64).sqrt().ceil() as usize;
    wrap.unwrap_or(square.min(4)).clamp(1, panels.max(1))
}
