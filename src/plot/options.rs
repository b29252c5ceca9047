//! What a picture may be asked for.

use crate::error::{Error, Result};

/// How an array with more cells than pixels becomes small, on the ranks and before it is gathered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Decimate {
    /// The mean of the cells of a pixel; the first of them for bool and for flags (CF `flag_values`, `flag_masks`, `flag_meanings`).
    #[default]
    Auto,
    /// The mean of the cells that are not missing.
    Mean,
    /// The first cell.
    Pick,
}

impl std::str::FromStr for Decimate {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "auto" => Ok(Decimate::Auto),
            "mean" => Ok(Decimate::Mean),
            "pick" => Ok(Decimate::Pick),
            other => Err(Error::invalid(format!(
                "plot: unknown decimate {other:?}; known: auto, mean, pick"
            ))),
        }
    }
}

/// The value in the middle of a divergent scale: xarray's `center`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Center {
    /// 0 where the limits lie on both sides of it; else there is none.
    #[default]
    Auto,
    /// None: never a divergent scale.
    Off,
    /// This value.
    At(f64),
}

/// Options of [`plot_with`](crate::labelled::DataArray::plot_with) and its kin. Names and defaults are xarray's, but for
/// `robust`, which is on here: one broken pixel should not hide the field.
#[derive(Clone, Debug, PartialEq)]
pub struct PlotOptions {
    /// Lower limit of the colours, or of the value axis of lines.
    pub vmin: Option<f64>,
    /// Upper limit.
    pub vmax: Option<f64>,
    /// Middle of a divergent scale.
    pub center: Center,
    /// Limits are the 2nd and 98th percentiles of what is drawn; without it the smallest and largest.
    pub robust: bool,
    /// Name of a colour map ([`colormaps`](super::colormaps)), with `_r` reversed; `None`: viridis, or RdBu_r where divergent.
    pub cmap: Option<String>,
    /// The dimension, or 1-D coordinate, along the horizontal axis; `None`: the last dimension.
    pub x: Option<String>,
    /// The dimension with a panel for each index.
    pub col: Option<String>,
    /// Panels side by side.
    pub col_wrap: Option<usize>,
    /// The dimension with a line for each index.
    pub hue: Option<String>,
    /// How cells become pixels.
    pub decimate: Decimate,
    /// Pixels along the longer side of a panel, 50 … 4000.
    pub size: Option<usize>,
    /// The title, in place of that made of the metadata.
    pub title: Option<String>,
    /// Values of the vertical axis grow upwards.
    pub yincrease: bool,
    /// Frames a second of an animation.
    pub fps: f64,
}

impl Default for PlotOptions {
    fn default() -> Self {
        PlotOptions {
            vmin: None,
            vmax: None,
            center: Center::Auto,
            robust: true,
            cmap: None,
            x: None,
            col: None,
            col_wrap: None,
            hue: None,
            decimate: Decimate::Auto,
            size: None,
            title: None,
            yincrease: true,
            fps: 4.0,
        }
    }
}

impl PlotOptions {
    /// Refuses values that no picture can have.
    pub(super) fn check(&self, operation: &str) -> Result<()> {
        for (name, value) in [("vmin", self.vmin), ("vmax", self.vmax)] {
            if value.is_some_and(|v| !v.is_finite()) {
                return Err(Error::invalid(format!(
                    "{operation}: {name} is not a finite number"
                )));
            }
        }
        if let (Some(low), Some(high)) = (self.vmin, self.vmax)
            && low >= high
        {
            return Err(Error::invalid(format!(
                "{operation}: vmin {low} is not below vmax {high}"
            )));
        }
        if let Center::At(value) = self.center
            && !value.is_finite()
        {
            return Err(Error::invalid(format!(
                "{operation}: center is not a finite number"
            )));
        }
        if let Some(size) = self.size
            && !(50..=4000).contains(&size)
        {
            return Err(Error::invalid(format!(
                "{operation}: size {size} is not allowed; a panel has 50 … 4000 pixels"
            )));
        }
        if self.col_wrap == Some(0) {
            return Err(Error::invalid(format!(
                "{operation}: col_wrap 0 is not allowed; give at least 1"
            )));
        }
        if !(0.1..=50.0).contains(&self.fps) {
            return Err(Error::invalid(format!(
                "{operation}: fps {} is not allowed; give 0.1 … 50 frames a second",
                self.fps
            )));
        }
        match &self.cmap {
            Some(name) => super::colours::Colormap::named(operation, name).map(drop),
            None => Ok(()),
        }
    }
}
