//! From values to colours: limits and colour map, by the rules of xarray's `_determine_cmap_params`.

use super::colours::{Colormap, MISSING, Rgb, UNNAMED};
use super::flags::Flags;
use super::options::{Center, PlotOptions};
use crate::error::Result;

/// Percent that robust limits leave out at each end: xarray's.
const ROBUST_PERCENT: f64 = 2.0;

/// Limits and colours.
#[derive(Clone, Debug)]
pub(super) struct Scale {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) colours: Colormap,
    /// Values lie below the lower limit, or above the upper one.
    pub(super) beyond: (bool, bool),
    /// No value at all.
    pub(super) nothing: bool,
    /// Some values are missing.
    pub(super) gaps: bool,
    /// How the limits came about, for people.
    pub(super) told: String,
    /// The values are flags: their numbers span the scale.
    pub(super) flags: Option<Flags>,
    /// Some values are not among the flags.
    pub(super) unnamed: bool,
}

/// NumPy's `percentile` of values in order.
pub(super) fn percentile(sorted: &[f64], percent: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let at = last as f64 * (percent / 100.0);
    let below = (at.floor() as usize).min(last);
    let (a, b, t) = (
        sorted[below],
        sorted[(below + 1).min(last)],
        at - below as f64,
    );
    // As NumPy interpolates: from the nearer end.
    match t >= 0.5 {
        true => b - (b - a) * (1.0 - t),
        false => a + (b - a) * t,
    }
}

impl Scale {
    /// The scale of these values.
    pub(super) fn of<'a>(
        operation: &str,
        values: impl Iterator<Item = &'a f64>,
        options: &PlotOptions,
    ) -> Result<Scale> {
        let mut gaps = false;
        let mut known: Vec<f64> = values
            .copied()
            .inspect(|v| gaps |= v.is_nan())
            .filter(|v| v.is_finite())
            .collect();
        let nothing = known.is_empty();
        if nothing {
            known.push(0.0);
        }
        known.sort_unstable_by(f64::total_cmp);
        let (least, most) = (known[0], known[known.len() - 1]);
        let found = match options.robust {
            true => (
                percentile(&known, ROBUST_PERCENT),
                percentile(&known, 100.0 - ROBUST_PERCENT),
            ),
            false => (least, most),
        };
        let center = match options.center {
            Center::At(center) => center,
            Center::Auto | Center::Off => 0.0,
        };
        let possibly =
            options.center != Center::Off && (options.vmin.is_none() || options.vmax.is_none());
        let (mut low, mut high) = (
            options.vmin.unwrap_or(found.0),
            options.vmax.unwrap_or(found.1),
        );
        let divergent =
            possibly && ((low < 0.0 && 0.0 < high) || matches!(options.center, Center::At(_)));
        if divergent {
            // A limit that was given decides; the upper one where both were.
            let given = options.vmax.or(options.vmin).map(|v| (v - center).abs());
            let reach = given.unwrap_or((low - center).abs().max((high - center).abs()));
            (low, high) = (center - reach, center + reach);
        }
        if low >= high {
            // As matplotlib widens a range of one value.
            let more = if low == 0.0 { 1e-3 } else { low.abs() * 1e-3 };
            (low, high) = (low.min(high) - more, low.max(high) + more);
        }
        let name = match (&options.cmap, divergent) {
            (Some(name), _) => name.as_str(),
            (None, true) => "RdBu_r",
            (None, false) => "viridis",
        };
        let told = match (options.vmin, options.vmax, options.robust) {
            (Some(_), Some(_), _) => "colours span vmin … vmax".to_owned(),
            (None, None, true) if divergent => {
                format!("colours span the 2nd … 98th percentile, symmetric about {center}")
            }
            (None, None, true) => "colours span the 2nd … 98th percentile".to_owned(),
            (None, None, false) if divergent => {
                format!("colours span all values, symmetric about {center}")
            }
            (None, None, false) => "colours span all values".to_owned(),
            _ => "colours span one limit that was given".to_owned(),
        };
        Ok(Scale {
            low,
            high,
            colours: Colormap::named(operation, name)?,
            beyond: (!nothing && least < low, !nothing && most > high),
            nothing,
            gaps,
            told,
            flags: None,
            unnamed: false,
        })
    }

    /// The scale of flags, a block of the bar for each; values that are none of them have a colour of their own.
    pub(super) fn of_flags<'a>(flags: Flags, values: impl Iterator<Item = &'a f64>) -> Scale {
        let (mut gaps, mut unnamed, mut nothing) = (false, false, true);
        for value in values {
            gaps |= value.is_nan();
            nothing &= value.is_nan();
            unnamed |= !value.is_nan() && flags.number(*value).is_none();
        }
        Scale {
            low: 0.0,
            high: flags.names.len() as f64,
            colours: flags.colormap(),
            beyond: (false, false),
            nothing,
            gaps,
            told: "colours are the meanings of the flags".to_owned(),
            flags: Some(flags),
            unnamed,
        }
    }

    /// The colour of a value.
    pub(super) fn colour(&self, value: f64) -> Rgb {
        let value = match &self.flags {
            Some(flags) if !value.is_nan() => match flags.number(value) {
                Some(number) => number as f64 + 0.5,
                None => return UNNAMED,
            },
            _ => value,
        };
        match value.is_nan() {
            true => MISSING,
            false => self.colours.at((value - self.low) / (self.high - self.low)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn scale(values: &[f64], options: &PlotOptions) -> Scale {
        Scale::of("plot", values.iter(), options).unwrap()
    }

    /// Limits of `xarray.plot.utils._determine_cmap_params(values, robust=True)` and others, xarray 2025.
    #[test]
    fn limits_are_those_of_xarray() {
        let values: Vec<f64> = (0..101).map(|i| f64::from(i * i)).collect();
        let robust = PlotOptions::default();
        let made = scale(&values, &robust);
        assert_eq!((made.low, made.high), (4.0, 9604.0));
        assert_eq!(made.beyond, (true, true));
        let all = PlotOptions {
            robust: false,
            ..robust.clone()
        };
        let made = scale(&values, &all);
        assert_eq!(
            (made.low, made.high, made.beyond),
            (0.0, 10000.0, (false, false))
        );
        // Both signs: symmetric about 0, red and blue.
        let signs: Vec<f64> = (-10..31).map(f64::from).collect();
        let made = scale(&signs, &all);
        assert_eq!((made.low, made.high), (-30.0, 30.0));
        assert_eq!(made.colour(-30.0), [5, 48, 97]);
        assert_eq!(made.colour(30.0), [103, 0, 31]);
        let off = PlotOptions {
            center: Center::Off,
            ..all.clone()
        };
        assert_eq!(scale(&signs, &off).low, -10.0);
        let about = PlotOptions {
            center: Center::At(5.0),
            ..all.clone()
        };
        let made = scale(&signs, &about);
        assert_eq!((made.low, made.high), (-20.0, 30.0));
        // Nothing, and one value.
        let made = scale(&[f64::NAN, f64::INFINITY], &robust);
        assert!(made.nothing && made.gaps && made.low < made.high);
        assert!(scale(&[7.0, 7.0], &robust).low < 7.0);
    }

    #[test]
    fn percentiles_are_those_of_numpy() {
        // np.percentile([1, 2, 4, 8, 16], [2, 50, 98])
        let values = [1.0, 2.0, 4.0, 8.0, 16.0];
        assert_eq!(percentile(&values, 2.0), 1.08);
        assert_eq!(percentile(&values, 50.0), 4.0);
        assert_eq!(percentile(&values, 98.0), 15.36);
    }
}
