//! Zarr, versions 2 and 3: a hierarchy of JSON descriptions, one file per chunk or per shard.
//!
//! Metadata and the rarer codecs are those of the zarrs crate; version 2 is turned into version 3 when it is opened.
//! Reading: `open` (the hierarchy) out of `store` (keys and values: a folder, a server, `references`), `array` (one array's description), `attrs`, `texts`;
//! `source` reads and `codecs` decode chunks (by `steps`), inside shards by `shard`. Writing: `create` (rank 0), `chunks` (every rank); `publish` gives what is finished its name.

mod array;
mod attrs;
mod chunks;
mod codecs;
mod create;
mod far;
mod open;
mod publish;
mod references;
mod shard;
mod source;
mod steps;
mod store;
mod texts;

pub(crate) use array::codec_names;
pub(super) use chunks::ChunkFiles;
pub(super) use create::Hierarchy;
pub(super) use open::open;
pub(super) use publish::check_existing;
pub(super) use source::{ZarrSource, index};
pub(super) use steps::{unblosc, unzstd};
pub(super) use store::{is_folder_name, remote_id, root_id};
