//! NetCDF-4: HDF5 with dimension scales.
//!
//! Reading of metadata: `open` (the whole), `dims`, `attrs`. Writing: `write` (rank 0) with
//! `create` (a file's objects),
//! `encode` (chunks, any thread), `region` (contiguous variables, every rank).

pub(crate) mod attrs;
mod create;
mod dims;
mod encode;
mod open;
mod region;
mod write;

pub(crate) use open::open;

pub use encode::{encode_chunk, storage_chunk};
pub use region::RegionWriter;
pub use write::Writer;
