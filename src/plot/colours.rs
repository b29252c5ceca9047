//! Colour maps: the 256 colours of each are matplotlib's (`colormaps.txt`).

use crate::error::{Error, Result, nearest_names};

/// Red, green, blue.
pub(super) type Rgb = [u8; 3];

const TABLES: &str = include_str!("colormaps.txt");
/// Colours of a map.
pub(super) const LEVELS: usize = 256;
/// Neither a value nor a colour of any map.
pub(super) const MISSING: Rgb = [222, 225, 229];

/// A value that is none of the flags of an array.
pub(super) const UNNAMED: Rgb = [90, 94, 100];

/// Lines that follow one another, as matplotlib's tab10 has them.
pub(super) const LINES: [Rgb; 10] = [
    [31, 119, 180],
    [255, 127, 14],
    [44, 160, 44],
    [214, 39, 40],
    [148, 103, 189],
    [140, 86, 75],
    [227, 119, 194],
    [127, 127, 127],
    [188, 189, 34],
    [23, 190, 207],
];

fn tables() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = TABLES.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(' '))
}

/// Names of the colour maps; each also with `_r`, reversed.
pub fn colormaps() -> Vec<&'static str> {
    tables().map(|(name, _)| name).collect()
}

/// The colours of one map, from its low end.
#[derive(Clone, Debug)]
pub(super) struct Colormap(Vec<Rgb>);

impl Colormap {
    /// The colour map `name`.
    pub(super) fn named(operation: &str, name: &str) -> Result<Colormap> {
        let (base, reversed) = match name.strip_suffix("_r") {
            Some(base) => (base, true),
            None => (name, false),
        };
        let Some((_, text)) = tables().find(|(known, _)| *known == base) else {
            return Err(Error::invalid(format!(
                "{operation}: unknown colour map {name:?}; known: {} (each with _r: reversed)",
                nearest_names(name, tables().map(|(known, _)| known))
            )));
        };
        let byte = |at: usize| {
            let digits = text.get(at..at + 2).unwrap_or_default();
            u8::from_str_radix(digits, 16)
                .map_err(|e| Error::internal(format!("the table of the colour map {base}: {e}")))
        };
        let mut colours = (0..LEVELS)
            .map(|i| Ok([byte(6 * i)?, byte(6 * i + 2)?, byte(6 * i + 4)?]))
            .collect::<Result<Vec<Rgb>>>()?;
        if reversed {
            colours.reverse();
        }
        Ok(Colormap(colours))
    }

    /// A map of these colours.
    pub(super) fn of(colours: Vec<Rgb>) -> Colormap {
        Colormap(colours)
    }

    /// At most `levels` colours from end to end: a frame of a GIF has no room for all.
    pub(super) fn reduced(&self, levels: usize) -> Colormap {
        if self.0.len() <= levels {
            return self.clone();
        }
        let last = (self.0.len() - 1) as f64 / (levels.max(2) - 1) as f64;
        let at = |i: usize| self.0[(i as f64 * last).round() as usize];
        Colormap((0..levels.max(2)).map(at).collect())
    }

    pub(super) fn colours(&self) -> &[Rgb] {
        &self.0
    }

    /// The colour of a fraction of the range; what lies outside has the colour of its end.
    pub(super) fn at(&self, fraction: f64) -> Rgb {
        let levels = self.0.len();
        let at = (fraction * levels as f64)
            .floor()
            .clamp(0.0, (levels - 1) as f64);
        self.0[at as usize]
    }
}
