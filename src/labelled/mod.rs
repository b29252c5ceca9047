//! Labelled arrays: xarray's `DataArray` and `Dataset` by name, over the lazy arrays of `array`.
//!
//! Labels become selections and small integer codes here, so that no layer below knows a name. Dimension coordinates are
//! in memory on rank 0; data variables are lazy.

mod align;
mod along;
mod calendars;
pub mod cf;
mod coord;
mod data_array;
mod dataset;
mod dataset_math;
mod dataset_reduce;
mod dataset_resample;
mod display;
mod group;
mod math;
mod open;
mod positions;
mod reductions;
mod resample;
mod save;
mod select;
mod times;

pub use coord::{Coord, Values};
pub use data_array::DataArray;
pub use dataset::Dataset;
pub use dataset_math::DatasetOperand;
pub use dataset_reduce::DatasetGroupBy;
pub use dataset_resample::DatasetResample;
pub use group::GroupBy;
pub use math::DataOperand;
pub use resample::Resample;
pub use select::{Indexer, Label};
pub use times::Times;
pub(crate) use times::{model_times, unknown_property};
