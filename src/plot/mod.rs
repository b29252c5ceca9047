//! Pictures of arrays: maps, lines, histograms, animations.
//!
//! An array is made small **on the ranks**, before anything is gathered: rank 0 gets at most a few thousand cells per axis, so
//! that an array larger than memory can be looked at. What was done is written below the picture.
//!
//! ```text
//! DataArray -> request (dims, axes, decimation: lazy) -> one run -> numbers on rank 0 -> scale -> canvas -> file
//! ```
//!
//! Preparing (`request`, `axis`, `scale`, `ticks`) knows no pixels; drawing (`map`, `lines`, `animate` on a `canvas`) knows no
//! arrays. Conventions are those of xarray's plots: limits, divergent maps, labels, orientation by coordinate values.

mod animate;
mod axis;
mod canvas;
mod colours;
mod data_array;
mod flags;
mod histogram;
mod lines;
mod map;
mod options;
mod palette;
mod panels;
mod place;
mod request;
mod scale;
mod ticks;

pub use colours::colormaps;
pub use options::{Center, Decimate, PlotOptions};
