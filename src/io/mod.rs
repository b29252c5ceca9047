//! Files: sources that fetch stored bytes and decode them into blocks, sinks that encode and write.
//!
//! `open` is the one place that knows which format is read by whom; `sniff` tells the format of a file. A format describes
//! its files (`info`) and finds where the bytes lie (`index`); `direct` reads them, with `filters`, `unpack`, `bitshuffle`, `szip` and `paste`.

mod bitshuffle;
mod check;
mod described;
mod direct;
mod files;
mod filters;
mod foreign;
mod format;
pub mod hdf5;
mod index;
mod info;
pub mod journal;
mod manifest;
pub mod netcdf;
mod netcdf3;
mod npy;
mod open;
mod paste;
mod records;
mod remote;
mod retry;
mod save;
mod scratch;
mod sniff;
mod szip;
mod unpack;
mod zarr;

pub use check::{Checked, check};
pub use described::{Described, describe, is_coordinate, read_whole};
pub use direct::DirectSource;
pub(crate) use files::allow_many_files;
pub use format::{Scratch, Source};
pub use hdf5::LibrarySource;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use hdf5::alone;
pub(crate) use hdf5::start;
pub use index::{Referenced, StorageIndex};
pub use info::{DimInfo, FileInfo, Texts, VariableInfo};
pub use journal::{Noting, Unfinished, finished_run};
pub use manifest::{Piece, Place};
pub use netcdf::{encode_chunk, storage_chunk};
pub use open::{index, open, open_source};
pub(crate) use remote::{is_url, shown};
#[cfg(debug_assertions)]
pub(crate) use retry::fail_reads;
pub use save::{
    Chunk, Created, Placement, RankWriter, TextVariable, Writer, check_file, check_output,
};
pub use scratch::{ScratchFile, ScratchFolder, Window, leftovers};
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use unpack::unpack_any;
pub(crate) use zarr::codec_names as zarr_codecs;
