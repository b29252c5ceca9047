//! Pixels, and a pen for texts and lines on them.

use super::colours::Rgb;
use crate::error::{Error, Result};
use plotters::backend::BitMapBackend;
use plotters::prelude::{
    Color, DrawingArea, FontTransform, IntoDrawingArea, IntoFont, PathElement, Polygon, RGBColor,
    Rectangle, Text,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontStyle, register_font};
use std::sync::Once;

const FONT: &str = "sans-serif";
pub(super) const INK: Rgb = [40, 44, 52];
pub(super) const FAINT: Rgb = [110, 116, 128];
pub(super) const WHITE: Rgb = [255, 255, 255];

/// What the drawing crate may say.
pub(super) type Drawn = std::result::Result<(), Box<dyn std::error::Error>>;

fn ready() {
    static FONTS: Once = Once::new();
    FONTS.call_once(|| {
        for style in [FontStyle::Normal, FontStyle::Bold] {
            let _ = register_font(FONT, style, epaint_default_fonts::UBUNTU_LIGHT);
        }
    });
}

/// Width of a text in pixels.
pub(super) fn width(text: &str, size: i32) -> i32 {
    ready();
    (FONT, size)
        .into_font()
        .box_size(text)
        .map_or(0, |(width, _)| width as i32)
}

/// The text, cut where it is wider than `most` pixels.
pub(super) fn fitted(text: &str, size: i32, most: i32) -> String {
    if width(text, size) <= most {
        return text.to_owned();
    }
    let mut kept: Vec<char> = text.chars().collect();
    while kept.pop().is_some() {
        let short: String = kept.iter().chain(&['…']).collect();
        if width(&short, size) <= most {
            return short;
        }
    }
    String::new()
}

/// A picture of RGB pixels, rows from the top.
#[derive(Clone)]
pub(super) struct Canvas {
    width: i32,
    height: i32,
    rgb: Vec<u8>,
}

impl Canvas {
    /// White paper.
    pub(super) fn new(width: i32, height: i32) -> Canvas {
        ready();
        Canvas {
            width,
            height,
            rgb: vec![255; 3 * width as usize * height as usize],
        }
    }

    pub(super) fn size(&self) -> (i32, i32) {
        (self.width, self.height)
    }

    pub(super) fn rgb(&self) -> &[u8] {
        &self.rgb
    }

    /// Colours `out.len() / 3` pixels from (x, y) on, as `colours` says.
    pub(super) fn row(&mut self, x: i32, y: i32, colours: impl Iterator<Item = Rgb>) {
        let start = 3 * (y as usize * self.width as usize + x as usize);
        for (pixel, colour) in self.rgb[start..].chunks_exact_mut(3).zip(colours) {
            pixel.copy_from_slice(&colour);
        }
    }

    /// Pixels `from` … `to` of a row.
    pub(super) fn part(&self, y: i32, from: i32, to: i32) -> impl Iterator<Item = Rgb> {
        let at = |x: i32| 3 * (y * self.width + x) as usize;
        let bytes = &self.rgb[at(from)..at(to)];
        bytes.chunks_exact(3).map(|p| [p[0], p[1], p[2]])
    }

    /// The smallest box around what differs from another picture of this size; one pixel where nothing does.
    pub(super) fn changed(&self, other: &Canvas) -> ((i32, i32), (i32, i32)) {
        let line = 3 * self.width as usize;
        let (mut from, mut to) = ((self.width, self.height), (0, 0));
        let rows = self
            .rgb
            .chunks_exact(line)
            .zip(other.rgb.chunks_exact(line));
        for (y, (a, b)) in rows.enumerate().filter(|(_, (a, b))| a != b) {
            let mut apart = (0..line).filter(|i| a[*i] != b[*i]);
            let first = apart.next().unwrap_or(0);
            let last = apart.next_back().unwrap_or(first);
            from = (from.0.min((first / 3) as i32), from.1.min(y as i32));
            to = (to.0.max((last / 3) as i32 + 1), y as i32 + 1);
        }
        match to.1 > 0 {
            true => (from, to),
            false => ((0, 0), (1, 1)),
        }
    }

    /// Draws texts and lines.
    pub(super) fn draw(&mut self, work: impl FnOnce(&Pen<'_>) -> Drawn) -> Result<()> {
        let size = (self.width as u32, self.height as u32);
        let area = BitMapBackend::with_buffer(&mut self.rgb, size).into_drawing_area();
        let pen = Pen { area };
        work(&pen)
            .and_then(|()| Ok(pen.area.present()?))
            .map_err(|e| Error::internal(format!("drawing a picture: {e}")))
    }
}

/// Draws on a canvas.
pub(super) struct Pen<'a> {
    area: DrawingArea<BitMapBackend<'a>, plotters::coord::Shift>,
}

/// Where a text lies beside its point.
#[derive(Clone, Copy)]
pub(super) enum Beside {
    /// To the right, in the middle of its height.
    Right,
    /// To the left.
    Left,
    /// Below, in the middle of its width.
    Below,
    /// Below, beginning at the point.
    BelowRight,
    /// Above, beginning at the point.
    AboveRight,
    /// Around it.
    Around,
}

fn paint(colour: Rgb) -> RGBColor {
    RGBColor(colour[0], colour[1], colour[2])
}

impl Pen<'_> {
    pub(super) fn text(
        &self,
        text: &str,
        at: (i32, i32),
        beside: Beside,
        size: i32,
        ink: Rgb,
    ) -> Drawn {
        let (h, v) = match beside {
            Beside::Right => (HPos::Left, VPos::Center),
            Beside::Left => (HPos::Right, VPos::Center),
            Beside::Below => (HPos::Center, VPos::Top),
            Beside::BelowRight => (HPos::Left, VPos::Top),
            Beside::AboveRight => (HPos::Left, VPos::Bottom),
            Beside::Around => (HPos::Center, VPos::Center),
        };
        let style = (FONT, size).into_font().color(&paint(ink));
        let style = style.pos(Pos::new(h, v));
        self.area.draw(&Text::new(text.to_owned(), at, style))?;
        Ok(())
    }

    /// A text that reads upwards, its middle at the point.
    pub(super) fn upwards(&self, text: &str, at: (i32, i32), size: i32, ink: Rgb) -> Drawn {
        let font = (FONT, size).into_font();
        let style = font.transform(FontTransform::Rotate270).color(&paint(ink));
        let style = style.pos(Pos::new(HPos::Center, VPos::Top));
        self.area.draw(&Text::new(text.to_owned(), at, style))?;
        Ok(())
    }

    pub(super) fn path(&self, points: Vec<(i32, i32)>, ink: Rgb, width: u32) -> Drawn {
        let path = PathElement::new(points, paint(ink).stroke_width(width));
        self.area.draw(&path)?;
        Ok(())
    }

    /// A filled box; corners included.
    pub(super) fn fill(&self, from: (i32, i32), to: (i32, i32), colour: Rgb) -> Drawn {
        self.area
            .draw(&Rectangle::new([from, to], paint(colour).filled()))?;
        Ok(())
    }

    /// An area with part of the paper showing through.
    pub(super) fn shade(&self, points: Vec<(i32, i32)>, colour: Rgb) -> Drawn {
        self.area
            .draw(&Polygon::new(points, paint(colour).mix(0.25)))?;
        Ok(())
    }

    /// The border of a box.
    pub(super) fn frame(&self, from: (i32, i32), to: (i32, i32), ink: Rgb) -> Drawn {
        self.area
            .draw(&Rectangle::new([from, to], paint(ink).stroke_width(1)))?;
        Ok(())
    }
}
