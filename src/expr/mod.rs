//! The lazy graph: an arena of nodes with typed ids. Equal nodes share one id, and inputs have smaller ids than the
//! nodes that use them. Every input error is born here or above, when the user writes the call.

mod build;
mod display;
mod graph;
mod node;

pub use graph::{Graph, Schema};
pub use node::{DataId, GroupBy, MapOp, Node, NodeId, SourceDecl};
