//! Labelled arrays: xarray's `DataArray` and `Dataset` by name, over the lazy arrays of `array`.
//!
//! Labels become selections and small integer codes here, so that no layer below knows a name. Dimension coordinates are
//! in memory on rank 0; data variables are lazy.

mod align;
mod along;
mod calculus;
mod calendars;
pub mod cf;
mod concat;
mod coord;
mod data_array;
mod dataset;
mod dataset_math;
mod dataset_reduce;
mod dataset_resample;
mod display;
mod fit;
mod gather;
mod group;
mod indexer;
mod interp;
mod join;
mod kernels;
mod keys;
mod math;
mod merge;
mod missing;
mod names;
mod open;
mod picks;
mod positions;
mod reductions;
mod reindex;
mod resample;
mod save;
mod search;
mod sel;
mod select;
mod shape;
mod spline;
mod stack;
mod taps;
mod times;

pub use along::PadWith;
pub use concat::{Along, DataVars, concat, concat_datasets};
pub use coord::{Coord, Values};
pub use data_array::DataArray;
pub use dataset::Dataset;
pub use dataset_math::DatasetOperand;
pub use dataset_reduce::DatasetGroupBy;
pub use dataset_resample::DatasetResample;
pub use fit::{corr, cov, polyval};
pub use group::GroupBy;
pub use indexer::{Indexer, Label, Labels, Points};
pub use join::{Join, align, align_datasets};
pub use kernels::{WithCore, apply_ufunc};
pub use keys::{Lookup, Method};
pub use math::DataOperand;
pub use merge::{Compat, combine_by_coords, merge};
pub use missing::{DropWhere, FillMethod, FillOptions};
pub use reindex::broadcast;
pub use resample::Resample;
pub use shape::NewDim;
pub use taps::{DataTarget, InterpMethod};
pub use times::Times;
pub(crate) use times::{model_times, unknown_property};
