//! What stands around the cells and lines: titles, axes, the colour bar, notes; of one panel or of several side by side.

use super::canvas::{Beside, Drawn, FAINT, INK, Pen, fitted, width};
use super::colours::{MISSING, UNNAMED};
use super::scale::Scale;
use super::ticks::{self, Tick};

// Heights of texts, in pixels.
const TITLE: i32 = 22;
const LABEL: i32 = 16;
const TICK: i32 = 14;
const NOTE: i32 = 13;
// Distances.
const EDGE: i32 = 18;
const GAP_X: i32 = 22;
const BAR_GAP: i32 = 26;
const BAR_WIDTH: i32 = 18;
const BAR_TIP: i32 = 12;
/// Most pixels of the name of a flag.
const MOST_NAME: i32 = 180;
/// Texts below need this width.
const LEAST_WIDTH: i32 = 440;

/// One direction of a panel.
pub(super) struct Span {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) ticks: Vec<Tick>,
    pub(super) label: String,
    /// Values grow downwards.
    pub(super) turned: bool,
}

impl Span {
    /// With as many marks as fit `pixels`, when `ticks` makes at most as many as it is asked for.
    pub(super) fn new(
        (low, high): (f64, f64),
        label: &str,
        pixels: i32,
        upright: bool,
        ticks: impl Fn(usize) -> Vec<Tick>,
    ) -> Span {
        let mut span = Span {
            low,
            high,
            ticks: Vec::new(),
            label: label.to_owned(),
            turned: false,
        };
        for most in (1..=(pixels / 40).clamp(2, 12) as usize).rev() {
            span.ticks = ticks(most);
            let room = |pair: &[Tick]| {
                let apart = span.place(pair[1].0, pixels) - span.place(pair[0].0, pixels);
                let needed = match upright {
                    true => TICK + 6,
                    false => (width(&pair[0].1, TICK) + width(&pair[1].1, TICK)) / 2 + 12,
                };
                apart.abs() >= needed
            };
            if span.ticks.windows(2).all(room) {
                break;
            }
        }
        span
    }

    /// The pixel of a value, from the low end.
    pub(super) fn place(&self, value: f64, pixels: i32) -> i32 {
        let at = (value - self.low) / (self.high - self.low) * f64::from(pixels);
        // Far outside is outside.
        at.clamp(-1e6, 1e6).floor() as i32
    }

    /// The row of a value below the top of a panel.
    pub(super) fn row(&self, value: f64, height: i32) -> i32 {
        let at = self.place(value, height).min(height);
        match self.turned {
            true => at.min(height - 1),
            false => height - 1 - at.min(height - 1),
        }
    }
}

/// A picture of panels.
pub(super) struct Sheet<'a> {
    pub(super) title: &'a str,
    pub(super) slice: &'a str,
    pub(super) notes: Vec<String>,
    /// One for each panel; empty texts for a single one.
    pub(super) names: &'a [String],
    pub(super) columns: usize,
    /// Pixels of a panel.
    pub(super) panel: (i32, i32),
    pub(super) x: Span,
    pub(super) y: Span,
    /// The colour bar and its label.
    pub(super) bar: Option<(&'a Scale, &'a str)>,
    /// Names and colours of lines.
    pub(super) legend: Vec<(String, [u8; 3])>,
}

impl Sheet<'_> {
    fn rows(&self) -> i32 {
        self.names.len().div_ceil(self.columns) as i32
    }

    fn named(&self) -> bool {
        self.names.iter().any(|name| !name.is_empty())
    }

    fn left(&self) -> i32 {
        let widest = self.y.ticks.iter().map(|(_, t)| width(t, TICK)).max();
        let label = if self.y.label.is_empty() {
            0
        } else {
            LABEL + 12
        };
        EDGE + label + widest.unwrap_or(0) + 10
    }

    fn top(&self) -> i32 {
        let slice = if self.slice.is_empty() { 0 } else { LABEL + 8 };
        EDGE + TITLE + 12 + slice + self.header()
    }

    /// Room for the name of a panel.
    fn header(&self) -> i32 {
        if self.named() { LABEL + 10 } else { 0 }
    }

    fn bar_ticks(scale: &Scale, height: i32) -> Vec<Tick> {
        match &scale.flags {
            Some(flags) => (flags.names.iter().enumerate())
                .map(|(number, name)| (number as f64 + 0.5, fitted(name, TICK, MOST_NAME)))
                .collect(),
            None => ticks::numbers(scale.low, scale.high, (height / 50).clamp(2, 8) as usize),
        }
    }

    fn right(&self) -> i32 {
        let legend = self.legend.iter().map(|(name, _)| width(name, TICK)).max();
        let legend = legend.map_or(0, |w| BAR_GAP + 24 + w);
        let bar = self.bar.map_or(0, |(scale, _)| {
            let ticks = Self::bar_ticks(scale, self.bar_height());
            let widest = ticks.iter().map(|(_, t)| width(t, TICK)).max();
            BAR_GAP
                + BAR_WIDTH
                + 10
                + widest.unwrap_or(0).max(width("no data", TICK) - 30)
                + LABEL
                + 16
        });
        EDGE + legend + bar
    }

    fn inner(&self) -> (i32, i32) {
        let columns = self.columns.min(self.names.len()) as i32;
        (
            columns * self.panel.0 + (columns - 1) * GAP_X,
            self.rows() * self.panel.1 + (self.rows() - 1) * (self.header() + 14),
        )
    }

    fn bar_height(&self) -> i32 {
        // Names of flags stand one above the other.
        let flags = self.bar.and_then(|(scale, _)| scale.flags.as_ref());
        let least = flags.map_or(0, |flags| flags.names.len() as i32 * (TICK + 4));
        self.inner().1.min(640).max(least)
    }

    /// Width and height of the whole.
    pub(super) fn size(&self) -> (i32, i32) {
        let (inner_x, inner_y) = self.inner();
        let notes = self.notes.len() as i32 * (NOTE + 4);
        let bottom = 12 + TICK + 8 + LABEL + 14 + notes + EDGE / 2;
        let bar = self.bar.map_or(0, |_| self.bar_height() + BAR_TIP + 60);
        (
            (self.left() + inner_x + self.right()).max(LEAST_WIDTH),
            self.top() + (inner_y + bottom).max(bar),
        )
    }

    /// The upper left pixel of a panel.
    pub(super) fn corner(&self, panel: usize) -> (i32, i32) {
        let (column, row) = ((panel % self.columns) as i32, (panel / self.columns) as i32);
        (
            self.left() + column * (self.panel.0 + GAP_X),
            self.top() + row * (self.panel.1 + self.header() + 14),
        )
    }

    /// Draws all but what is inside the panels.
    pub(super) fn furniture(&self, pen: &Pen<'_>) -> Drawn {
        let whole = self.size();
        let left = self.left();
        let most = whole.0 - left - EDGE;
        let title = fitted(self.title, TITLE, most);
        pen.text(&title, (left, EDGE), Beside::BelowRight, TITLE, INK)?;
        let slice = fitted(self.slice, LABEL, most);
        let at = (left, EDGE + TITLE + 8);
        pen.text(&slice, at, Beside::BelowRight, LABEL, FAINT)?;
        for panel in 0..self.names.len() {
            self.axes(pen, panel)?;
        }
        let (inner_x, inner_y) = self.inner();
        let label = fitted(&self.x.label, LABEL, whole.0 - 2 * EDGE);
        // Centred below the panels, or as far to the left as it must be.
        let middle = (left + inner_x / 2).max(EDGE + width(&label, LABEL) / 2);
        let below = self.top() + inner_y + 12 + TICK + 6;
        pen.text(&label, (middle, below), Beside::Below, LABEL, INK)?;
        let label = fitted(&self.y.label, LABEL, whole.1 - EDGE);
        let beside = (EDGE - 4, self.top() + inner_y / 2);
        pen.upwards(&label, beside, LABEL, INK)?;
        for (number, note) in self.notes.iter().enumerate() {
            let at = (EDGE, below + LABEL + 12 + number as i32 * (NOTE + 4));
            let note = fitted(note, NOTE, whole.0 - 2 * EDGE);
            pen.text(&note, at, Beside::BelowRight, NOTE, FAINT)?;
        }
        if let Some((scale, label)) = self.bar {
            self.colour_bar(pen, scale, label)?;
        }
        for (number, (name, colour)) in self.legend.iter().enumerate() {
            let x = left + inner_x + BAR_GAP;
            let y = self.top() + 10 + number as i32 * (TICK + 8);
            pen.path(vec![(x, y), (x + 18, y)], *colour, 2)?;
            pen.text(name, (x + 24, y), Beside::Right, TICK, INK)?;
        }
        Ok(())
    }

    fn axes(&self, pen: &Pen<'_>, panel: usize) -> Drawn {
        let (left, top) = self.corner(panel);
        let (width, height) = self.panel;
        pen.frame((left - 1, top - 1), (left + width, top + height), INK)?;
        let name = fitted(&self.names[panel], LABEL, width);
        pen.text(&name, (left, top - 6), Beside::AboveRight, LABEL, INK)?;
        let lowest = panel + self.columns >= self.names.len();
        for (value, text) in &self.x.ticks {
            let x = left + self.x.place(*value, width).min(width - 1);
            let length = if lowest { 5 } else { 3 };
            pen.path(vec![(x, top + height), (x, top + height + length)], INK, 1)?;
            if lowest {
                pen.text(text, (x, top + height + 8), Beside::Below, TICK, FAINT)?;
            }
        }
        let first = panel.is_multiple_of(self.columns);
        for (value, text) in &self.y.ticks {
            let y = top + self.y.row(*value, height);
            let length = if first { 6 } else { 3 };
            pen.path(vec![(left - length, y), (left - 1, y)], INK, 1)?;
            if first {
                pen.text(text, (left - 10, y), Beside::Left, TICK, FAINT)?;
            }
        }
        Ok(())
    }

    fn colour_bar(&self, pen: &Pen<'_>, scale: &Scale, label: &str) -> Drawn {
        let (inner_x, inner_y) = self.inner();
        let height = self.bar_height();
        let left = self.left() + inner_x + BAR_GAP;
        let right = left + BAR_WIDTH;
        let top = self.top() + (inner_y - height).max(0) / 2;
        for row in 0..height {
            // From the middle of a row, so that the ends have the colours of the limits.
            let t = 1.0 - (f64::from(row) + 0.5) / f64::from(height);
            let colour = scale.colours.at(t);
            pen.path(vec![(left, top + row), (right, top + row)], colour, 1)?;
        }
        pen.frame((left - 1, top - 1), (right + 1, top + height), INK)?;
        // Pointed ends: values lie beyond the limits, and have the colour of the end.
        for (beyond, base, step, at) in [
            (scale.beyond.1, top - 2, -1, 1.0),
            (scale.beyond.0, top + height + 1, 1, 0.0),
        ] {
            for row in 0..if beyond { BAR_TIP } else { 0 } {
                let inset = row * (BAR_WIDTH / 2) / BAR_TIP;
                let y = base + step * row;
                pen.path(
                    vec![(left + inset, y), (right - inset, y)],
                    scale.colours.at(at),
                    1,
                )?;
            }
        }
        for (value, text) in Self::bar_ticks(scale, height) {
            let t = (value - scale.low) / (scale.high - scale.low);
            let y = top + height - 1 - ((t * f64::from(height)) as i32).min(height - 1);
            pen.path(vec![(right + 2, y), (right + 6, y)], INK, 1)?;
            pen.text(&text, (right + 10, y), Beside::Right, TICK, FAINT)?;
        }
        let at = (self.size().0 - EDGE - LABEL, top + height / 2);
        let label = fitted(label, LABEL, inner_y.max(height) + 40);
        pen.upwards(&label, at, LABEL, INK)?;
        let beside = [
            (scale.gaps, MISSING, "no data"),
            (scale.unnamed, UNNAMED, "unnamed"),
        ];
        let shown = beside.iter().filter(|(there, ..)| *there);
        for (number, (_, colour, name)) in shown.enumerate() {
            let y = top + height + BAR_TIP + 10 + 18 * number as i32;
            pen.fill((left, y), (right, y + 12), *colour)?;
            pen.frame((left, y), (right, y + 12), FAINT)?;
            pen.text(name, (right + 8, y + 6), Beside::Right, TICK, FAINT)?;
        }
        Ok(())
    }
}
