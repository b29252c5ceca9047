//! Draws the four seasons as maps with one colour scale.

use super::cube::PIXEL_M;
use crate::block::Block;
use crate::driver::Driver;
use crate::error::{Context, Error, Fault, Result};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontStyle, register_font};
use std::path::Path;

const FONT: &str = "sans-serif";
const INK: RGBColor = RGBColor(40, 44, 52);
const FAINT: RGBColor = RGBColor(110, 116, 128);
/// No clear observation in the season: mostly water, which the job masks.
const MISSING: RGBColor = RGBColor(222, 225, 229);

/// NDVI and its colour, from bare ground to dense leaf.
const SCALE: [(f64, [f64; 3]); 8] = [
    (0.00, [121.0, 78.0, 40.0]),
    (0.12, [176.0, 129.0, 74.0]),
    (0.25, [224.0, 190.0, 128.0]),
    (0.37, [250.0, 236.0, 170.0]),
    (0.50, [205.0, 225.0, 130.0]),
    (0.63, [128.0, 186.0, 84.0]),
    (0.77, [52.0, 138.0, 60.0]),
    (0.90, [12.0, 84.0, 44.0]),
];

/// Names of the seasons as people say them.
const SEASONS: [(&str, &str); 4] = [
    ("DJF", "December–February"),
    ("MAM", "March–May"),
    ("JJA", "June–August"),
    ("SON", "September–November"),
];

// Lengths in pixels. One pixel of the picture is one pixel of the map.
const LEFT: i32 = 86;
const TOP: i32 = 128;
const GAP_X: i32 = 84;
const GAP_Y: i32 = 92;
const BAR_GAP: i32 = 48;
const BAR_WIDTH: i32 = 22;
const RIGHT: i32 = 96;
const BOTTOM: i32 = 80;

fn colour(ndvi: f64) -> RGBColor {
    if ndvi.is_nan() {
        return MISSING;
    }
    let (first, last) = (SCALE[0], SCALE[SCALE.len() - 1]);
    let v = ndvi.clamp(first.0, last.0);
    let above = SCALE
        .iter()
        .position(|(at, _)| *at >= v)
        .unwrap_or(SCALE.len() - 1)
        .max(1);
    let ((low, a), (high, b)) = (SCALE[above - 1], SCALE[above]);
    let t = (v - low) / (high - low);
    let mix = |i: usize| (a[i] + t * (b[i] - a[i])).round() as u8;
    RGBColor(mix(0), mix(1), mix(2))
}

type Area<'a> = DrawingArea<BitMapBackend<'a>, plotters::coord::Shift>;
type Drawn = std::result::Result<(), Box<dyn std::error::Error>>;

fn style(size: i32, ink: RGBColor, h: HPos, v: VPos) -> TextStyle<'static> {
    (FONT, size).into_font().color(&ink).pos(Pos::new(h, v))
}

fn write(area: &Area<'_>, text: &str, at: (i32, i32), style: &TextStyle<'_>) -> Drawn {
    area.draw(&Text::new(text.to_owned(), at, style))?;
    Ok(())
}

fn line(area: &Area<'_>, from: (i32, i32), to: (i32, i32)) -> Drawn {
    area.draw(&PathElement::new(vec![from, to], INK.stroke_width(1)))?;
    Ok(())
}

/// The map of one season with its frame, title and axes.
fn panel(
    area: &Area<'_>,
    corner: (i32, i32),
    title: &str,
    values: &[f64],
    size: (i32, i32),
) -> Drawn {
    let (left, top) = corner;
    let (width, height) = size;
    for (i, value) in values.iter().enumerate() {
        let (x, y) = (i as i32 % width, i as i32 / width);
        area.draw_pixel((left + x, top + y), &colour(*value))?;
    }
    let frame = [(left - 1, top - 1), (left + width, top + height)];
    area.draw(&Rectangle::new(frame, INK.stroke_width(1)))?;
    write(
        area,
        title,
        (left, top - 14),
        &style(21, INK, HPos::Left, VPos::Bottom),
    )?;
    let km = |pixels: i32| f64::from(pixels) * PIXEL_M / 1000.0;
    let per_km = 1000.0 / PIXEL_M;
    let mut tick = 0;
    while f64::from(tick) <= km(width) {
        let x = left + (f64::from(tick) * per_km).round() as i32;
        line(area, (x, top + height), (x, top + height + 5))?;
        let label = style(16, FAINT, HPos::Center, VPos::Top);
        write(area, &tick.to_string(), (x, top + height + 9), &label)?;
        tick += 2;
    }
    let mut tick = 0;
    while f64::from(tick) <= km(height) {
        let y = top + height - (f64::from(tick) * per_km).round() as i32;
        line(area, (left - 6, y), (left - 1, y))?;
        let label = style(16, FAINT, HPos::Right, VPos::Center);
        write(area, &tick.to_string(), (left - 11, y), &label)?;
        tick += 2;
    }
    Ok(())
}

fn colour_bar(area: &Area<'_>, left: i32, top: i32, height: i32) -> Drawn {
    let (low, high) = (SCALE[0].0, SCALE[SCALE.len() - 1].0);
    for row in 0..height {
        let value = high - (high - low) * f64::from(row) / f64::from(height - 1);
        let points = vec![(left, top + row), (left + BAR_WIDTH, top + row)];
        area.draw(&PathElement::new(points, colour(value).stroke_width(1)))?;
    }
    area.draw(&Rectangle::new(
        [(left - 1, top - 1), (left + BAR_WIDTH + 1, top + height)],
        INK.stroke_width(1),
    ))?;
    for tenth in (0..=9).step_by(3) {
        let value = f64::from(tenth) / 10.0;
        let y = top + ((high - value) / (high - low) * f64::from(height - 1)).round() as i32;
        line(area, (left + BAR_WIDTH + 1, y), (left + BAR_WIDTH + 6, y))?;
        let label = style(16, FAINT, HPos::Left, VPos::Center);
        write(
            area,
            &format!("{value:.1}"),
            (left + BAR_WIDTH + 12, y),
            &label,
        )?;
    }
    write(
        area,
        "NDVI",
        (left - 4, top - 14),
        &style(19, INK, HPos::Left, VPos::Bottom),
    )?;
    // The colour of no data has its own box below.
    let y = top + height + 30;
    area.draw(&Rectangle::new(
        [(left, y), (left + BAR_WIDTH, y + BAR_WIDTH)],
        MISSING.filled(),
    ))?;
    area.draw(&Rectangle::new(
        [(left, y), (left + BAR_WIDTH, y + BAR_WIDTH)],
        FAINT.stroke_width(1),
    ))?;
    write(
        area,
        "water",
        (left - 4, y + BAR_WIDTH + 6),
        &style(16, FAINT, HPos::Left, VPos::Top),
    )?;
    write(
        area,
        "or no data",
        (left - 4, y + BAR_WIDTH + 24),
        &style(16, FAINT, HPos::Left, VPos::Top),
    )
}

fn paint(png: &Path, seasons: &[(String, Vec<f64>)], size: (i32, i32)) -> Drawn {
    let (width, height) = size;
    let full = (
        LEFT + 2 * width + GAP_X + BAR_GAP + BAR_WIDTH + RIGHT,
        TOP + 2 * height + GAP_Y + BOTTOM,
    );
    let area = BitMapBackend::new(png, (full.0 as u32, full.1 as u32)).into_drawing_area();
    area.fill(&WHITE)?;
    write(
        &area,
        "Mean NDVI by season",
        (LEFT, 28),
        &style(32, INK, HPos::Left, VPos::Top),
    )?;
    let subtitle = "Synthetic Landsat-like scene, 24 dates in 2023, clouds, shadows and water masked by QA bits";
    write(
        &area,
        subtitle,
        (LEFT, 66),
        &style(17, FAINT, HPos::Left, VPos::Top),
    )?;
    for (number, (short, long)) in SEASONS.iter().enumerate() {
        let (column, row) = (number as i32 % 2, number as i32 / 2);
        let corner = (
            LEFT + column * (width + GAP_X),
            TOP + row * (height + GAP_Y),
        );
        let found = seasons.iter().find(|(name, _)| name == short);
        let empty = vec![f64::NAN; (width * height) as usize];
        let values = found.map_or(&empty, |(_, values)| values);
        panel(&area, corner, &format!("{short}   {long}"), values, size)?;
        if row == 1 {
            let at = (corner.0 + width / 2, corner.1 + height + 32);
            write(
                &area,
                "east (km)",
                at,
                &style(17, INK, HPos::Center, VPos::Top),
            )?;
        }
        if column == 0 {
            let turned = (FONT, 17)
                .into_font()
                .transform(FontTransform::Rotate270)
                .color(&INK);
            let turned = turned.pos(Pos::new(HPos::Center, VPos::Top));
            write(
                &area,
                "north (km)",
                (LEFT - 66, corner.1 + height / 2),
                &turned,
            )?;
        }
    }
    let bar_top = TOP + height / 2;
    colour_bar(
        &area,
        LEFT + 2 * width + GAP_X + BAR_GAP,
        bar_top,
        height + GAP_Y,
    )?;
    area.present()?;
    Ok(())
}

/// Reads the season means of `input` and draws them to `png`.
pub(super) fn draw(driver: &Driver, input: &Path, png: &Path) -> Result<()> {
    let dataset = driver.open(input)?;
    let ndvi = dataset.get("ndvi")?;
    let season = ndvi
        .coord("season")
        .ok_or_else(|| Error::internal("no season coordinate"))?;
    let names: Vec<String> = (0..season.len()).map(|i| season.text(i)).collect();
    let [_, height, width] = ndvi.shape()[..] else {
        return Err(Error::internal("the seasons are no cube"));
    };
    let block: Block = ndvi.compute_block()?;
    let plane = width * height;
    let value = |i: usize| block.get(i).map_or(f64::NAN, crate::dtype::Scalar::as_f64);
    let seasons: Vec<(String, Vec<f64>)> = names
        .into_iter()
        .enumerate()
        .map(|(number, name)| {
            (
                name,
                (number * plane..(number + 1) * plane).map(value).collect(),
            )
        })
        .collect();
    for font_style in [FontStyle::Normal, FontStyle::Bold] {
        let _ = register_font(FONT, font_style, epaint_default_fonts::UBUNTU_LIGHT);
    }
    paint(png, &seasons, (width as i32, height as i32))
        .map_err(|e| Error::new(Fault::Io, e))
        .context(|| format!("drawing {}", png.display()))
}
