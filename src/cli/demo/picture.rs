//! Draws the four seasons as maps with one colour scale.

use crate::driver::Driver;
use crate::error::Result;
use crate::labelled::{Label, Labels, Lookup};
use crate::plot::PlotOptions;
use std::path::Path;

/// The seasons as a year has them; group-by sorts them by name.
const SEASONS: [&str; 4] = ["DJF", "MAM", "JJA", "SON"];

/// Reads the season means of `input` and draws them to `png`. Water, which the job masks, has the colour of no data.
pub(super) fn draw(driver: &Driver, input: &Path, png: &Path) -> Result<()> {
    let labels = SEASONS.map(|season| Label::Text(season.to_owned()));
    let options = PlotOptions {
        // From bare ground to dense leaf.
        vmin: Some(0.0),
        vmax: Some(0.9),
        cmap: Some("RdYlGn".into()),
        col: Some("season".into()),
        title: Some("Mean NDVI by season of a synthetic Landsat-like scene".into()),
        ..PlotOptions::default()
    };
    (driver.open(input)?.get("ndvi")?)
        .sel_labels(
            &[("season", Labels::List(labels.to_vec()))],
            &Lookup::default(),
        )
        .plot_with(png, &options)
}
