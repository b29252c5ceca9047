//! NetCDF-3: classic (CDF-1), 64-bit offset (CDF-2) and 64-bit data (CDF-5) files, read without any library.
//!
//! `header` parses the header, `extents` says where the data must lie and checks that the file holds them, `open` describes
//! the file. The data are read like contiguous ones, record by record where there are several record variables.

mod extents;
mod header;
mod open;

pub(crate) use open::{index, open};
