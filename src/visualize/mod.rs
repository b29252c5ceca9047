//! Graphs that people read: the lazy graph before and after optimisation and the stages of its plan, as SVG and as DOT.
//!
//! ```text
//! Trace (driver) -> Drawing: boxes and edges, alike ones collapsed -> layers -> SVG
//!                                                                 \-> DOT
//! ```
//!
//! After dask's `visualize`; what is drawn is the graph of operations, which does not grow with chunks or ranks.

mod boxes;
mod collapse;
mod dot;
mod drawing;
mod layers;
mod methods;
mod stages;
mod svg;

pub use drawing::Parts;
pub(crate) use methods::publish;
pub use methods::render;
