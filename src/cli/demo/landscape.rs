//! What grows where, and when: the NDVI of a made-up valley with a river, a lake, forests, meadows and fields.

use super::noise::{fractal, hash01};
use std::f64::consts::TAU;

/// The ground at a pixel.
#[derive(Clone, Copy)]
pub(super) struct Ground {
    /// Open water.
    pub(super) water: bool,
    /// NDVI in the dead of winter.
    low: f64,
    /// What summer adds.
    amplitude: f64,
    /// Day of the year of the greenest leaf.
    peak_day: f64,
    /// How narrow the green season is: 1 is a cosine.
    sharpness: f64,
}

/// The ground at row `y`, column `x`.
pub(super) fn ground(y: usize, x: usize) -> Ground {
    let (yf, xf) = (y as f64, x as f64);
    let height = fractal(1, xf, yf, 150.0, 6);
    let moisture = fractal(2, xf, yf, 110.0, 5);
    // A river winds from the upper left to the lower right.
    let middle = 90.0
        + 0.42 * yf
        + 38.0 * (yf / 61.0).sin()
        + 26.0 * (fractal(3, 0.0, yf, 60.0, 3) - 0.5) * 2.0;
    let distance = (xf - middle).abs();
    let lake = ((xf - 258.0) / 44.0).powi(2) + ((yf - 112.0) / 30.0).powi(2);
    let shore = 0.55 * (fractal(4, xf, yf, 24.0, 4) - 0.5);
    let water = distance < 3.4 + 2.0 * fractal(5, xf, yf, 40.0, 2) || lake + shore < 1.0;
    // Fields lie on the flat land along the river, in crooked rows.
    let bent = (
        xf + 0.35 * yf + 6.0 * (yf / 40.0).sin(),
        yf - 0.3 * xf + 6.0 * (xf / 50.0).cos(),
    );
    let (column, row) = (
        (bent.0 / 26.0).floor() as i64,
        (bent.1 / 18.0).floor() as i64,
    );
    let crop = hash01(6, column, row);
    let flat = height < 0.53 && distance < 120.0 + 60.0 * (moisture - 0.5);
    let texture = 0.06 * (fractal(7, xf, yf, 7.0, 3) - 0.5);
    let (low, amplitude, peak_day, sharpness) = if flat && crop < 0.72 {
        match crop {
            // Winter grain: green in May, harvested in July.
            c if c < 0.26 => (0.22, 0.50, 138.0, 3.2),
            // Maize: bare until June.
            c if c < 0.46 => (0.14, 0.66, 218.0, 3.4),
            // Meadow.
            c if c < 0.60 => (0.36, 0.36, 172.0, 1.1),
            // Fallow.
            _ => (0.13, 0.13, 150.0, 1.6),
        }
    } else if height > 0.66 {
        // Rock and alpine grass.
        let bare = ((height - 0.66) / 0.12).clamp(0.0, 1.0);
        (0.24 - 0.18 * bare, 0.36 - 0.30 * bare, 205.0, 2.4)
    } else if moisture > 0.52 {
        // Evergreen forest.
        (0.58 + 0.2 * (moisture - 0.52), 0.17, 190.0, 1.0)
    } else {
        // Deciduous forest, thinner where it is dry.
        let dense = (moisture / 0.52).clamp(0.4, 1.0);
        (0.24 + 0.06 * dense, 0.56 * dense, 196.0, 1.5)
    };
    Ground {
        water,
        low: low + texture,
        amplitude,
        peak_day,
        sharpness,
    }
}

impl Ground {
    /// NDVI on a day of the year.
    pub(super) fn ndvi(&self, day: f64) -> f64 {
        if self.water {
            return -0.22;
        }
        let season = 0.5 + 0.5 * (TAU * (day - self.peak_day) / 365.0).cos();
        (self.low + self.amplitude * season.powf(self.sharpness)).clamp(-0.2, 0.93)
    }
}
