//! Zarr, versions 2 and 3: a hierarchy of JSON descriptions, one file per chunk or per shard.
//!
//! Metadata and the rarer codecs are those of the zarrs crate; version 2 is turned into version 3 when it is opened.
//! Reading: `open` (the hierarchy) out of `store` (keys and values), `array` (one array's description), `attrs`, `texts`;
//! `source` reads and `codecs` decode chunks, inside shards by `shard`. Writing: `create` (rank 0), `chunks` (every rank).

mod array;
mod attrs;
mod chunks;
mod codecs;
mod create;
mod open;
mod shard;
mod source;
mod store;
mod texts;

pub(crate) use array::codec_names;
pub(super) use chunks::ChunkFiles;
pub(super) use codecs::{unblosc, unzstd};
pub(super) use create::{Hierarchy, check_existing};
pub(super) use open::open;
pub(super) use source::ZarrSource;
pub(super) use store::root_id;
