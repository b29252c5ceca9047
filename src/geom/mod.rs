//! Geometry: shapes, regions, selections, chunk grids and placements. Pure arithmetic, no data.
//!
//! Definitions. A *shape* is a list of lengths, one per axis. A *region* is a box inside a shape. A *select* maps the
//! index space of a view to that of its parent, axis by axis. A *chunk grid* cuts a shape into boxes. A *placement* says
//! which rank owns which box of a grid.
//!
//! Laws (property tests in `tests/laws.rs`): the chunks of a grid tile its shape once, disjoint and complete; the pieces
//! of an overlap partition the destination; `select(select(x, a), b) == select(x, compose(a, b))`; the boxes of a
//! placement partition its grid.

mod grid;
mod home;
mod placement;
mod region;
mod select;
mod shape;
mod tree;

pub use grid::{AxisChunks, ChunkGrid, positions};
pub use home::{Home, HomeAxis};
pub use placement::{Placement, split_evenly};
pub use region::Region;
pub use select::{Select, Span, ViewAxis};
pub use shape::{Shape, broadcast_shapes, normalize_axes, normalize_axis};
pub use tree::{NodeId, Partials, SegmentTree};
