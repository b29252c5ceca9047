//! HDF5: chunk indices read by our own walk, chunks read with `pread` and decoded outside the library.
//!
//! `raw` holds the library calls; `bytes` reads a file with bounds; `header` finds the layout message of a dataset;
//! `btree1`, `arrays` and `extensible` walk chunk indices; `index` joins them; `filters` decodes a chunk; `paste` puts a cropped chunk
//! into a block; `source` and `library` are the two sources.

mod arrays;
mod btree1;
mod bytes;
mod extensible;
mod filters;
mod header;
mod index;
mod library;
mod paste;
#[allow(unsafe_code)]
pub(crate) mod raw;
mod source;

pub(crate) use filters::shuffle;
pub(crate) use paste::rows;
pub(crate) use raw::start;

pub use index::{StorageIndex, index};
pub use library::LibrarySource;
pub use source::{Hdf5Source, open_source};
