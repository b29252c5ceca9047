//! The methods of `DataArray` that make pictures.

use super::animate::animate;
use super::histogram;
use super::lines;
use super::map::{Map, columns};
use super::options::PlotOptions;
use super::place::Place;
use super::request::{Subject, gathered};
use crate::error::Result;
use crate::labelled::DataArray;
use std::path::Path;

impl DataArray {
    /// Draws the array to a PNG: a line for one dimension, a colour map for two. Dimensions of length 1 do not count. xarray's
    /// `plot`, with its labels, limits and orientation, and robust limits unless [`PlotOptions::robust`] is off.
    ///
    /// Limits follow from the cells that are drawn. Flags (CF `flag_values` and `flag_meanings`) have a colour each, and their
    /// meanings beside it. Rows lie by the values of their coordinate: north is up.
    ///
    /// # Errors
    /// Invalid input for other numbers of dimensions, for times and complex numbers, and for unsorted coordinates; output
    /// errors, before anything is computed; the shared error of the ranks.
    ///
    /// # Memory
    /// The ranks make the array small before it is gathered: at most as many cells per axis as a panel has pixels
    /// ([`PlotOptions::size`]; 720 by default) come to rank 0, each the mean of its elements, or the first of them
    /// ([`PlotOptions::decimate`]). The picture says which. A line shows the mean, in a band from the smallest to the largest.
    pub fn plot(&self, path: impl AsRef<Path>) -> Result<()> {
        self.plot_with(path, &PlotOptions::default())
    }

    /// As [`DataArray::plot`], with options: `col` for a panel for each index of a dimension (one scale for all), `hue` for a
    /// line for each, limits, colours, sizes.
    ///
    /// # Errors
    /// As [`DataArray::plot`].
    pub fn plot_with(&self, path: impl AsRef<Path>, options: &PlotOptions) -> Result<()> {
        self.check()?;
        let session = self.array().session().clone();
        let place = Place::check("plot", path.as_ref(), "png", &session)?;
        let named = options.col.iter().chain(&options.hue);
        let kept: Vec<&str> = named.map(String::as_str).collect();
        let subject = Subject::of("plot", self, options, &kept)?;
        let others = kept.len();
        subject.plane(&kept, &[1, 2])?;
        let lines = subject.array.dims().len() - others == 1;
        let canvas = match lines {
            true => lines::draw(&subject, options)?,
            false => {
                // Two dimensions beside `hue` are one too many.
                let col = options.col.as_deref();
                subject.plane(&kept, if options.hue.is_some() { &[1] } else { &[2] })?;
                let names = subject.panels("col", col)?;
                let columns = columns(names.len(), options.col_wrap);
                let map = Map::prepare(subject, options, col, names, columns)?;
                let values = gathered(&[&map.array])?.pop().unwrap_or_default();
                match session.dry() {
                    true => None,
                    false => {
                        let scale = map.subject.scale(values.iter(), options)?;
                        Some(map.draw(&values, &scale)?)
                    }
                }
            }
        };
        match canvas {
            Some(canvas) => place.write_png(&canvas, &session),
            None => Ok(()),
        }
    }

    /// Draws a histogram of all elements to a PNG: equal bins from the smallest to the largest, as NumPy's `histogram` counts
    /// them in float64. NaN and infinite elements are in no bin; the picture tells their number.
    ///
    /// # Errors
    /// As [`DataArray::plot`]; invalid input for 0 bins or more than 200.
    ///
    /// # Memory
    /// Elements are counted on the ranks, in two passes: the limits, then the bins. Only counts come to rank 0.
    pub fn hist(&self, path: impl AsRef<Path>, bins: usize) -> Result<()> {
        self.hist_with(path, bins, &PlotOptions::default())
    }

    /// As [`DataArray::hist`], with options: limits and the title.
    ///
    /// # Errors
    /// As [`DataArray::hist`].
    pub fn hist_with(
        &self,
        path: impl AsRef<Path>,
        bins: usize,
        options: &PlotOptions,
    ) -> Result<()> {
        self.check()?;
        let session = self.array().session().clone();
        let place = Place::check("hist", path.as_ref(), "png", &session)?;
        let subject = Subject::of("hist", self, options, &[])?;
        match histogram::draw(&subject, bins, options)? {
            Some(canvas) => place.write_png(&canvas, &session),
            None => Ok(()),
        }
    }

    /// Draws a GIF with a map for each index of `dim`, all in one scale, from an array of two more dimensions.
    ///
    /// # Errors
    /// As [`DataArray::plot`]; invalid input for more than 2000 indices.
    ///
    /// # Memory
    /// As [`DataArray::plot`], 480 pixels by default, for 64 MiB of frames at a time. Where that is not all of them, the limits
    /// of the colours follow from a sample of the cells, and each batch of frames is a pass of its own.
    pub fn animate(&self, path: impl AsRef<Path>, dim: &str) -> Result<()> {
        animate(self, path.as_ref(), dim, &PlotOptions::default())
    }

    /// As [`DataArray::animate`], with options.
    ///
    /// # Errors
    /// As [`DataArray::animate`].
    pub fn animate_with(
        &self,
        path: impl AsRef<Path>,
        dim: &str,
        options: &PlotOptions,
    ) -> Result<()> {
        animate(self, path.as_ref(), dim, options)
    }
}
