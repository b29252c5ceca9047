//! Node kinds: few, since the many operations live in `op`.

use crate::dtype::{DType, Scalar};
use crate::geom::Select;
use crate::op::{BinaryOp, Reduction, UnaryOp};
use crate::spec::SourceSpec;
use serde::{Deserialize, Serialize};

/// The number of a node in its graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NodeId(pub u32);

/// The number of a block of data that a program brought along (an array from memory, the labels of a group-by).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DataId(pub u64);

/// Where elements come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum SourceDecl {
    /// A variable of a file.
    File(SourceSpec),
    /// A block in the memory of rank 0.
    Memory {
        /// Its number in the session.
        data: DataId,
        /// Its dtype.
        dtype: DType,
        /// Its lengths.
        shape: Vec<usize>,
    },
}

impl SourceDecl {
    /// Lengths per axis.
    pub fn shape(&self) -> &[usize] {
        match self {
            SourceDecl::File(spec) => &spec.shape,
            SourceDecl::Memory { shape, .. } => shape,
        }
    }

    /// Type of the stored elements.
    pub fn dtype(&self) -> DType {
        match self {
            SourceDecl::File(spec) => spec.dtype,
            SourceDecl::Memory { dtype, .. } => *dtype,
        }
    }
}

/// An element-wise operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MapOp {
    /// One operand.
    Unary(UnaryOp),
    /// Two operands.
    Binary(BinaryOp),
    /// Condition, then, otherwise.
    Where,
    /// To the dtype of the node.
    Cast,
}

/// The labels of a group-by along one axis.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct GroupBy {
    /// The axis whose elements are labelled; in the result it has one element per group.
    pub axis: usize,
    /// A 1-D u32 block: the group of every index of the axis; `u32::MAX` belongs to none.
    pub codes: DataId,
    /// Number of groups.
    pub groups: usize,
}

/// What a node computes from its inputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Node {
    /// The elements of a source; its number in the graph's list.
    Source(u32),
    /// The same value everywhere.
    Fill(Scalar),
    /// Element by element; all inputs have the shape of the node and the dtypes that the operation computes in.
    Map(MapOp, Vec<NodeId>),
    /// A view.
    Select(NodeId, Select),
    /// Axes folded to nothing, or to groups.
    Reduce {
        /// The elements.
        input: NodeId,
        /// What is computed.
        reduction: Reduction,
        /// Axes that disappear, sorted; the group axis is not among them.
        axes: Vec<usize>,
        /// The axis that is folded to groups.
        group: Option<GroupBy>,
    },
    /// The same elements, to be worked on in chunks of these lengths.
    Rechunk(NodeId, Vec<usize>),
}

impl Node {
    /// The nodes it reads.
    pub fn inputs(&self) -> &[NodeId] {
        match self {
            Node::Source(_) | Node::Fill(_) => &[],
            Node::Map(_, inputs) => inputs,
            Node::Select(input, _) | Node::Reduce { input, .. } | Node::Rechunk(input, _) => {
                std::slice::from_ref(input)
            }
        }
    }
}
