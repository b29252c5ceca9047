//! Labelled arrays: xarray's `DataArray` and `Dataset` by name, over the lazy arrays of `array`.
//!
//! Labels become selections and small integer codes here, so that no layer below knows a name. Dimension coordinates are
//! in memory on rank 0; data variables are lazy.

mod align;
mod along;
pub mod cf;
mod coord;
mod data_array;
mod dataset;
mod dataset_math;
mod dataset_reduce;
mod display;
mod group;
mod math;
mod open;
mod reductions;
mod save;
mod select;

pub use coord::{Coord, Values};
pub use data_array::DataArray;
pub use dataset::Dataset;
pub use dataset_math::DatasetOperand;
pub use dataset_reduce::DatasetGroupBy;
pub use group::GroupBy;
pub use math::DataOperand;
pub use select::{Indexer, Label};
