//! Animations: a map for each index of a dimension, in one scale.
//!
//! Frames come to rank 0 in batches of bounded bytes. One batch is one pass. Of more, the limits of the colours come first,
//! from a thin sample of all frames, and each batch is a pass over its own indices.

use super::canvas::Canvas;
use super::map::Map;
use super::options::PlotOptions;
use super::palette::Palette;
use super::place::Place;
use super::request::{Subject, gathered};
use super::scale::Scale;
use crate::error::{Error, Result};
use crate::labelled::DataArray;
use gif::{DisposalMethod, Encoder, Frame, Repeat};
use std::io::Write;
use std::path::Path;

/// Pixels along the longer side of the map, where nothing is said.
const SIZE: usize = 480;
/// Most frames; a year of days, and some.
const MOST_FRAMES: usize = 2000;
/// Bytes of frames on rank 0 at a time, as float64.
const BATCH_BYTES: usize = 64 << 20;
/// Cells of all frames that the limits follow from where frames come in batches.
const SAMPLE: usize = 4_000_000;

pub(super) fn animate(
    array: &DataArray,
    path: &Path,
    dim: &str,
    options: &PlotOptions,
) -> Result<()> {
    let operation = "animate";
    let session = array.array().session().clone();
    array.check()?;
    let place = Place::check(operation, path, "gif", &session)?;
    for (name, given) in [("col", &options.col), ("hue", &options.hue)] {
        if given.is_some() {
            return Err(Error::invalid(format!(
                "animate: option {name} has no meaning here: a frame is one map"
            )));
        }
    }
    let options = PlotOptions {
        size: Some(options.size.unwrap_or(SIZE)),
        ..options.clone()
    };
    let subject = Subject::of(operation, array, &options, &[dim])?;
    let names = subject.indices(dim)?;
    if names.len() > MOST_FRAMES {
        return Err(Error::invalid(format!(
            "animate: dimension {dim:?} has {} indices; an animation has at most {MOST_FRAMES} frames: select some, or thin \
             them with thin(#{{ {dim}: {} }})",
            names.len(),
            names.len().div_ceil(MOST_FRAMES)
        )));
    }
    let map = Map::prepare(subject, &options, Some(dim), names, 1)?;
    let batch = (BATCH_BYTES / 8 / map.cells().max(1)).clamp(1, map.names.len());
    let (first, mut scale) = match batch == map.names.len() {
        true => {
            let values = gathered(&[&map.array])?.pop().unwrap_or_default();
            let scale = map.subject.scale(values.iter(), &options)?;
            (Some(values), scale)
        }
        false => {
            let values = sample(&map)?;
            let mut scale = map.subject.scale(values.iter(), &options)?;
            scale.told += ", of a sample of the cells";
            (None, scale)
        }
    };
    let (colours, palette) = Palette::of(&scale.colours);
    scale.colours = colours;
    let mut film = Film {
        map: &map,
        scale: &scale,
        palette,
        delay: (100.0 / options.fps).round().max(2.0) as u16,
        before: None,
    };
    if session.dry() {
        // The batches are planned, too.
        for start in (0..map.names.len()).step_by(batch) {
            if first.is_none() {
                batched(&map, start, batch)?;
            }
        }
        return Ok(());
    }
    let mut out = place.create()?;
    {
        let (width, height) = film.size();
        let sizes = (u16::try_from(width), u16::try_from(height));
        let (Ok(width), Ok(height)) = sizes else {
            return Err(place.failed(format!("{width} × {height} pixels are too many")));
        };
        let table = film.palette.bytes();
        let mut encoder =
            Encoder::new(&mut out, width, height, &table).map_err(|e| place.failed(e))?;
        encoder
            .set_repeat(Repeat::Infinite)
            .map_err(|e| place.failed(e))?;
        for start in (0..map.names.len()).step_by(batch) {
            let values = match &first {
                Some(values) => values.clone(),
                None => batched(&map, start, batch)?,
            };
            for (offset, cells) in values.chunks_exact(map.cells()).enumerate() {
                let frame = film.frame(start + offset, cells)?;
                encoder.write_frame(&frame).map_err(|e| place.failed(e))?;
            }
        }
    }
    out.flush().map_err(|e| place.failed(e))?;
    place.publish(out, &session)
}

/// The frames from `start` on.
fn batched(map: &Map, start: usize, batch: usize) -> Result<Vec<f64>> {
    let end = (start + batch).min(map.names.len());
    let part = map
        .array
        .slice(0, Some(start as isize), Some(end as isize), 1);
    Ok(gathered(&[&part])?.pop().unwrap_or_default())
}

/// Every so manieth cell of the frames.
fn sample(map: &Map) -> Result<Vec<f64>> {
    let cells = map.names.len() * map.cells();
    let step = cells.div_ceil(SAMPLE).max(1);
    // Frames and cells of both axes alike: no frame has them all, and none is left out by more than its neighbours.
    let by_axis = (step as f64).cbrt().ceil() as isize;
    let thin = (0..3).fold(map.array.clone(), |thin, axis| {
        thin.slice(axis, None, None, by_axis)
    });
    Ok(gathered(&[&thin])?.pop().unwrap_or_default())
}

/// Frames one after another; each holds what is not as before.
struct Film<'a> {
    map: &'a Map,
    scale: &'a Scale,
    palette: Palette,
    delay: u16,
    before: Option<Canvas>,
}

impl Film<'_> {
    fn size(&self) -> (i32, i32) {
        let one = [String::new()];
        self.map.sheet(self.scale, &self.map.names[0], &one).size()
    }

    /// Texts and axes are drawn once; then only the cells and the line below the title change.
    fn frame(&mut self, number: usize, cells: &[f64]) -> Result<Frame<'static>> {
        let one = [String::new()];
        let slice = match self.map.subject.slice.as_str() {
            "" => self.map.names[number].clone(),
            slice => format!("{}, {slice}", self.map.names[number]),
        };
        let sheet = self.map.sheet(self.scale, &slice, &one);
        let (width, height) = sheet.size();
        let mut canvas = Canvas::new(width, height);
        canvas.draw(|pen| sheet.furniture(pen))?;
        self.map.paint(&mut canvas, sheet.corner(0), cells, |v| {
            self.scale.colour(v)
        });
        let (from, to) = match &self.before {
            None => ((0, 0), (width, height)),
            Some(before) => canvas.changed(before),
        };
        let mut pixels = Vec::with_capacity(((to.0 - from.0) * (to.1 - from.1)) as usize);
        for y in from.1..to.1 {
            let colours = canvas.part(y, from.0, to.0);
            pixels.extend(colours.map(|colour| self.palette.number(colour)));
        }
        self.before = Some(canvas);
        Ok(Frame {
            delay: self.delay,
            dispose: DisposalMethod::Keep,
            left: from.0 as u16,
            top: from.1 as u16,
            width: (to.0 - from.0) as u16,
            height: (to.1 - from.1) as u16,
            buffer: pixels.into(),
            ..Frame::default()
        })
    }
}
