//! The fixed palette of an animation: a GIF has 256 colours, and all frames share them.

use super::canvas::{FAINT, INK, WHITE};
use super::colours::{Colormap, MISSING, Rgb, UNNAMED};
use std::collections::HashMap;

/// Colours of the scale; the others are for texts and borders.
const SCALE: usize = 223;
/// Shades from paper to ink: texts have soft borders.
const SHADES: usize = 28;

/// Colours by their numbers, and numbers by colour.
pub(super) struct Palette {
    colours: Vec<Rgb>,
    known: HashMap<Rgb, u8>,
}

impl Palette {
    /// The colour map as the palette holds it, and the palette.
    pub(super) fn of(map: &Colormap) -> (Colormap, Palette) {
        let map = map.reduced(SCALE);
        let mut colours = map.colours().to_vec();
        colours.extend([WHITE, INK, FAINT, MISSING, UNNAMED]);
        let shade = |i: usize, c: usize| {
            let t = i as f64 / (SHADES - 1) as f64;
            (f64::from(WHITE[c]) + t * (f64::from(INK[c]) - f64::from(WHITE[c]))).round() as u8
        };
        colours.extend((0..SHADES).map(|i| [shade(i, 0), shade(i, 1), shade(i, 2)]));
        // A table of a GIF has a power of two of them.
        colours.resize(256, WHITE);
        let mut known = HashMap::new();
        for (number, colour) in colours.iter().enumerate() {
            known.entry(*colour).or_insert(number as u8);
        }
        (map, Palette { colours, known })
    }

    /// As GIF stores it.
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.colours.concat()
    }

    /// The number of a colour, or of the nearest one.
    pub(super) fn number(&mut self, colour: Rgb) -> u8 {
        let colours = &self.colours;
        *self.known.entry(colour).or_insert_with(|| {
            let distance = |other: &Rgb| -> i32 {
                let apart = |c: usize| i32::from(colour[c]) - i32::from(other[c]);
                (0..3).map(|c| apart(c) * apart(c)).sum()
            };
            let nearest = (0..colours.len()).min_by_key(|i| distance(&colours[*i]));
            nearest.unwrap_or(0) as u8
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn colours_of_the_scale_are_kept_and_others_are_near() {
        let map = Colormap::named("plot", "viridis").unwrap();
        let (map, mut palette) = Palette::of(&map);
        assert_eq!(palette.bytes().len(), 768);
        // Neighbours on the scale may be one colour after rounding.
        for colour in map.colours() {
            let number = usize::from(palette.number(*colour));
            assert_eq!(palette.colours[number], *colour);
        }
        let grey = palette.number([150, 152, 155]);
        let found = palette.colours[usize::from(grey)];
        assert!(
            (0..3).all(|c| found[c].abs_diff([150, 152, 155][c]) < 8),
            "{found:?}"
        );
    }
}
