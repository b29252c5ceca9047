//! The arena. Law: equal nodes have one id; a node's inputs have smaller ids, so id order is a topological order.

use super::node::{DataId, Node, NodeId, SourceDecl};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::geom::Home;
use std::collections::HashMap;

/// Shape, dtype and chunk lengths of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    /// Lengths per axis.
    pub shape: Vec<usize>,
    /// Type of the elements.
    pub dtype: DType,
    /// Chunk lengths per axis: those of the source or of the last `chunk` call.
    pub chunk: Vec<usize>,
}

/// An arena of nodes.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    nodes: Vec<Node>,
    schemas: Vec<Schema>,
    sources: Vec<SourceDecl>,
    /// Node and shape, encoded: floats have no equality, bytes have.
    ids: HashMap<Vec<u8>, NodeId>,
}

impl Graph {
    /// An empty graph.
    pub fn new() -> Self {
        Self::default()
    }

    /// The node `id`.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    /// Shape, dtype and chunks of the node `id`.
    pub fn schema(&self, id: NodeId) -> &Schema {
        &self.schemas[id.0 as usize]
    }

    /// Lengths of the node `id`.
    pub fn shape(&self, id: NodeId) -> &[usize] {
        &self.schema(id).shape
    }

    /// Dtype of the node `id`.
    pub fn dtype(&self, id: NodeId) -> DType {
        self.schema(id).dtype
    }

    /// The sources by number.
    pub fn sources(&self) -> &[SourceDecl] {
        &self.sources
    }

    /// The same graph where results that the ranks hold lie as `homes` says, by the number of each.
    #[must_use]
    pub fn with_homes(&self, homes: &HashMap<DataId, Home>) -> Graph {
        let mut graph = self.clone();
        for source in &mut graph.sources {
            if let SourceDecl::Held { data, home, .. } = source
                && let Some(now) = homes.get(data)
            {
                *home = now.clone();
            }
        }
        graph
    }

    /// Number of nodes.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// True before the first node.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The number of a source, new or shared.
    pub fn source_number(&mut self, decl: SourceDecl) -> u32 {
        match self.sources.iter().position(|known| *known == decl) {
            Some(found) => found as u32,
            None => {
                self.sources.push(decl);
                (self.sources.len() - 1) as u32
            }
        }
    }

    /// The id of a node, new or shared. Callers (the builders beside this file, and rules) vouch for the schema.
    pub fn push(&mut self, node: Node, schema: Schema) -> Result<NodeId> {
        let key = postcard::to_stdvec(&(&node, &schema.shape, schema.dtype))
            .map_err(|e| Error::internal(format!("encoding a graph node: {e}")))?;
        if let Some(id) = self.ids.get(&key) {
            return Ok(*id);
        }
        let id = NodeId(
            u32::try_from(self.nodes.len())
                .map_err(|_| Error::resource("the graph has more than 2³² operations"))?,
        );
        self.nodes.push(node);
        self.schemas.push(schema);
        self.ids.insert(key, id);
        Ok(id)
    }

    /// Ids that the outputs depend on, in ascending (topological) order.
    pub fn reachable(&self, outputs: &[NodeId]) -> Vec<NodeId> {
        let mut wanted = vec![false; self.nodes.len()];
        for output in outputs {
            wanted[output.0 as usize] = true;
        }
        for id in (0..self.nodes.len()).rev() {
            if wanted[id] {
                for input in self.nodes[id].inputs() {
                    wanted[input.0 as usize] = true;
                }
            }
        }
        (0..self.nodes.len())
            .filter(|id| wanted[*id])
            .map(|id| NodeId(id as u32))
            .collect()
    }
}
