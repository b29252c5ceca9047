//! Files: sources that fetch stored bytes and decode them into blocks, sinks that encode and write.

mod format;
pub mod hdf5;
pub mod netcdf;
mod scratch;

pub use format::{Scratch, Source};
pub(crate) use hdf5::start;
pub use hdf5::{Hdf5Source, LibrarySource, StorageIndex, index, open_source};
pub use netcdf::{
    Created, DimInfo, FileInfo, Placement, RegionWriter, TextVariable, Texts, VariableInfo, Writer,
    check_output, encode_chunk, open, storage_chunk,
};
pub use scratch::{ScratchFile, ScratchFolder, Window, leftovers};
