//! Labelled arrays: xarray's `DataArray` and `Dataset` by name, over the lazy arrays of `array`.
//!
//! Labels become selections and small integer codes here, so that no layer below knows a name. Dimension coordinates are
//! in memory on rank 0; data variables are lazy.

pub mod cf;
mod coord;
mod data_array;
mod dataset;
mod display;
mod group;
mod math;
mod open;
mod save;
mod select;

pub use coord::{Coord, Values};
pub use data_array::DataArray;
pub use dataset::Dataset;
pub use group::GroupBy;
pub use math::DataOperand;
pub use select::{Indexer, Label};
