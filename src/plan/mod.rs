//! Plans: what all ranks do, as plain data whose size grows with operations, not with chunks or ranks.
//!
//! ```text
//! Graph --lower--> Plan --validate--> ReadyPlan --(broadcast)--> derive per rank: boxes, sends, receives
//! ```
//!
//! Definitions.
//! - A *pass* walks the tiles of one *domain* (an index space); for each tile it fetches input pieces, runs one fused
//!   program, and feeds every *sink*.
//! - A *slot* is an array of which a task holds the box that its tile needs: loaded, generated, computed by a program, put
//!   together, or made by an operation on blocks. What a tile needs is derived backwards from it (`regions`).
//! - A *tile* is the unit of fetching and computing. The *stream axis* of a pass is walked tile by tile, in order, by one
//!   thread, so that running sums stay where they are.
//! - A *segment* is a run of tiles along the stream axis. Tiles and segments are fixed by the problem alone (shapes,
//!   storage chunks, operations), never by ranks, threads or memory: partial results belong to segments, so the bits of
//!   a result are a function of the problem.
//! - A *task* is one segment of one column of tiles: what a thread takes. The placement gives each rank a box of tasks.

mod advice;
mod bands;
mod cost;
mod decoded;
mod derive;
mod display;
mod estimate;
mod jobs;
mod largest;
mod locality;
mod lower;
mod memory;
mod met;
mod plan;
mod prepared;
mod profile;
mod program;
mod reads;
mod regions;
mod reuse;
mod runs;
mod scratch;
mod tiling;
mod traffic;
mod units;
mod validate;
mod waiting;
mod widen;
mod wire;
mod work;

pub use advice::{Advice, advice};
pub use bands::Nesting;
pub use derive::{PassGeometry, SinkGeometry, slabs, slabs_of};
pub use estimate::{Estimate, FilesAre, Machine, Moves, StageTime, estimate};
pub use lower::{Request, Target, lower, lower_storing};
pub use memory::{Footprint, SCRATCH_SPAN_BYTES, footprint, footprint_threads, write_threads};
pub use plan::{
    ArrayDecl, ArrayId, Fold, Groups, Make, Pass, Plan, Runs, Sink, SinkTarget, Slot, Stage, View,
    WriteChunks,
};
pub use prepared::{Fit, Node, Prepared, plan_all, smallest_ranks};
pub use profile::{
    CodecRate, CodecRates, FileRates, KernelRates, MemoryRates, NetworkRates, Profile,
};
pub use reads::{FileRead, Stored, file_reads};
pub use regions::part_region;
pub use reuse::Reuse;
pub use scratch::ScratchLayout;
pub use tiling::Tiling;
pub use traffic::{RankTraffic, traffic};
pub use validate::ReadyPlan;
pub use waiting::ROUND_BYTES;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use wire::sealed;
pub use wire::{decode, encode};
