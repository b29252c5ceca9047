//! HDF5: chunk indices read by our own walk, chunks read with `pread` and decoded outside the library.
//!
//! `raw` holds the library calls. `bytes` reads a file with bounds, `superblock`, `header`, `groups`, `datatype`, `odd`, `messages`,
//! `layout` and `attributes` parse its objects, `fractal`, `global_heap` and `btree2` what these point to; `dataset` joins what
//! describes a dataset, `reader` a file, with the library behind it for forms that are not known here. `btree1`, `btree2`,
//! `arrays` and `extensible` walk chunk indices, `index` joins them; `filters` decodes a chunk; `paste` puts a cropped chunk
//! into a block; `texts` reads datasets of texts; `source` and `library` are the two sources.

mod arrays;
mod attributes;
mod btree1;
mod btree2;
mod bytes;
mod checksum;
#[cfg(test)]
mod damage_tests;
pub(crate) mod dataset;
pub(crate) mod datatype;
mod extensible;
mod filters;
mod fractal;
mod global_heap;
mod groups;
mod header;
mod index;
mod layout;
mod library;
pub(crate) mod messages;
mod odd;
mod paste;
#[allow(unsafe_code)]
pub(crate) mod raw;
pub(crate) mod reader;
mod source;
mod superblock;
pub(crate) mod texts;

pub(crate) use attributes::Value;
pub(crate) use filters::shuffle;
pub(crate) use paste::rows;
pub(crate) use raw::start;

pub use index::{StorageIndex, index};
pub use library::LibrarySource;
pub use source::{Hdf5Source, open_source};
