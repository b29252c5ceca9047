//! Node kinds: few, since the many operations live in `op`.

use crate::dtype::{DType, Scalar};
use crate::geom::{Home, Select};
use crate::op::{BinaryOp, BlockOp, Generator, Reduction, UnaryOp};
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
    /// In the memories of the ranks, from an earlier run.
    Held {
        /// Its number in the session.
        data: DataId,
        /// Its dtype.
        dtype: DType,
        /// Its lengths.
        shape: Vec<usize>,
        /// Which rank holds what.
        home: Home,
    },
    /// Computed from the indices.
    Generated {
        /// How.
        generator: Generator,
        /// Its lengths.
        shape: Vec<usize>,
    },
}

impl SourceDecl {
    /// Lengths per axis.
    pub fn shape(&self) -> &[usize] {
        match self {
            SourceDecl::File(spec) => &spec.shape,
            SourceDecl::Memory { shape, .. }
            | SourceDecl::Held { shape, .. }
            | SourceDecl::Generated { shape, .. } => shape,
        }
    }

    /// Type of the stored elements.
    pub fn dtype(&self) -> DType {
        match self {
            SourceDecl::File(spec) => spec.dtype,
            SourceDecl::Memory { dtype, .. } | SourceDecl::Held { dtype, .. } => *dtype,
            SourceDecl::Generated { generator, .. } => generator.dtype(),
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
    /// Boxes side by side: the inputs, and where each starts; they cover the shape of the node once.
    Assemble(Vec<NodeId>, Vec<Vec<usize>>),
    /// An operation on blocks.
    Call(BlockOp, Vec<NodeId>),
    /// The same elements, to be worked on in chunks of these lengths.
    Rechunk(NodeId, Vec<usize>),
}

impl Node {
    /// The nodes it reads.
    pub fn inputs(&self) -> &[NodeId] {
        match self {
            Node::Source(_) | Node::Fill(_) => &[],
            Node::Map(_, inputs) | Node::Assemble(inputs, _) | Node::Call(_, inputs) => inputs,
            Node::Select(input, _) | Node::Reduce { input, .. } | Node::Rechunk(input, _) => {
                std::slice::from_ref(input)
            }
        }
    }

    /// The same node over other inputs, in the same order; `number` gives sources their new numbers.
    #[must_use]
    pub fn over(
        &self,
        mut new: impl FnMut(NodeId) -> NodeId,
        number: impl FnOnce(u32) -> u32,
    ) -> Node {
        let mut all = |inputs: &[NodeId]| inputs.iter().map(|i| new(*i)).collect::<Vec<_>>();
        match self {
            Node::Source(source) => Node::Source(number(*source)),
            Node::Fill(value) => Node::Fill(*value),
            Node::Map(op, inputs) => Node::Map(*op, all(inputs)),
            Node::Assemble(inputs, starts) => Node::Assemble(all(inputs), starts.clone()),
            Node::Call(op, inputs) => Node::Call(op.clone(), all(inputs)),
            Node::Select(input, select) => Node::Select(new(*input), select.clone()),
            Node::Rechunk(input, chunk) => Node::Rechunk(new(*input), chunk.clone()),
            Node::Reduce {
                input,
                reduction,
                axes,
                group,
            } => Node::Reduce {
                input: new(*input),
                reduction: *reduction,
                axes: axes.clone(),
                group: group.clone(),
            },
        }
    }
}
