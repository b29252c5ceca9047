//! HDF5: metadata and chunk indices read by our own walk, outside the library.
//!
//! `raw` holds the library calls. `bytes` reads a file with bounds, `superblock`, `header`, `groups`, `datatype`, `odd`, `messages`,
//! `layout` and `attributes` parse its objects, `fractal`, `global_heap` and `btree2` what these point to; `registered` knows the filters by number; `dataset` joins what
//! describes a dataset, `reader` a file, with the library behind it for forms that are not known here. `btree1`, `btree2`,
//! `arrays` and `extensible` walk chunk indices, `index` joins them; `texts` reads datasets of texts; `library` is the source
//! that goes through the library; the other one is `io::direct`.

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
mod fractal;
mod global_heap;
mod groups;
mod header;
mod index;
mod layout;
mod library;
pub(crate) mod messages;
mod odd;
#[allow(unsafe_code)]
pub(crate) mod raw;
pub(crate) mod reader;
pub(crate) mod registered;
mod superblock;
pub(crate) mod texts;

pub(crate) use attributes::Value;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use bytes::alone;
pub(crate) use index::index;
pub(crate) use raw::start;
pub(crate) use superblock::{end_of_file, superblock_offset};

pub use library::LibrarySource;
