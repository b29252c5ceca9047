//! The builders: each checks its inputs, makes broadcasting and promotion explicit, and pushes nodes.

use super::graph::{Graph, Schema};
use super::node::{GroupBy, MapOp, Node, NodeId, SourceDecl};
use crate::dtype::{DType, Scalar, promote};
use crate::error::{Error, Result};
use crate::geom::{Select, broadcast_shapes};
use crate::op::{BinaryOp, BlockOp, Reduction, ReductionKind, UnaryOp};

/// Largest chunk in bytes: counts of one chunk must fit the 32-bit fields of file formats and messages.
const LARGEST_CHUNK_BYTES: u128 = 1 << 31;

impl Graph {
    /// The elements of a source.
    ///
    /// # Errors
    /// Internal when the graph cannot grow.
    pub fn source(&mut self, decl: SourceDecl) -> Result<NodeId> {
        let shape = decl.shape().to_vec();
        let chunk = match &decl {
            SourceDecl::File(spec) => spec.layout.chunk().map_or(shape.clone(), <[usize]>::to_vec),
            SourceDecl::Memory { .. } | SourceDecl::Held { .. } | SourceDecl::Generated { .. } => {
                shape.clone()
            }
        };
        let schema = Schema {
            shape,
            dtype: decl.dtype(),
            chunk,
        };
        let number = self.source_number(decl);
        self.push(Node::Source(number), schema)
    }

    /// `value` everywhere.
    ///
    /// # Errors
    /// Internal when the graph cannot grow.
    pub fn fill(&mut self, value: Scalar, shape: &[usize]) -> Result<NodeId> {
        let schema = Schema {
            shape: shape.to_vec(),
            dtype: value.dtype(),
            chunk: shape.to_vec(),
        };
        self.push(Node::Fill(value), schema)
    }

    /// `input` in another dtype; itself when it has it already.
    ///
    /// # Errors
    /// Invalid input when times are cast to complex numbers or bool to times.
    pub fn cast(&mut self, input: NodeId, dtype: DType) -> Result<NodeId> {
        let from = self.dtype(input);
        if from == dtype {
            return Ok(input);
        }
        if (from.is_time() && dtype.is_complex()) || (from.is_complex() && dtype.is_time()) {
            return Err(Error::invalid(format!(
                "astype: {from} cannot become {dtype}"
            )));
        }
        if let Node::Fill(value) = *self.node(input)
            && let Ok(value) = value.cast(dtype)
        {
            let shape = self.shape(input).to_vec();
            return self.fill(value, &shape);
        }
        let schema = Schema {
            dtype,
            ..self.schema(input).clone()
        };
        self.push(Node::Map(MapOp::Cast, vec![input]), schema)
    }

    /// `input` stretched to `shape` by NumPy's rules.
    ///
    /// # Errors
    /// Invalid input when it does not broadcast.
    pub fn broadcast_to(&mut self, input: NodeId, shape: &[usize]) -> Result<NodeId> {
        let from = self.shape(input).to_vec();
        if from == shape {
            return Ok(input);
        }
        let fits = from.len() <= shape.len()
            && from
                .iter()
                .rev()
                .zip(shape.iter().rev())
                .all(|(a, b)| a == b || *a == 1);
        if !fits {
            return Err(Error::invalid(format!(
                "broadcast_to: shape {from:?} does not broadcast to {shape:?}"
            )));
        }
        let axes: Vec<usize> = (shape.len() - from.len()..shape.len()).collect();
        self.select(input, Select::broadcast(&from, &axes, shape))
    }

    /// A view of `input`. The caller made the select for the shape of `input`.
    ///
    /// # Errors
    /// Internal when the graph cannot grow.
    pub fn select(&mut self, input: NodeId, select: Select) -> Result<NodeId> {
        let from = self.schema(input).clone();
        if select.is_all(&from.shape) {
            return Ok(input);
        }
        let shape = select.shape();
        if let Node::Fill(value) = *self.node(input) {
            return self.fill(value, &shape);
        }
        if let Node::Select(parent, outer) = self.node(input) {
            let (parent, composed) = (*parent, outer.compose(&select));
            return self.select(parent, composed);
        }
        let chunk = select
            .axes
            .iter()
            .map(|axis| match axis.parent {
                Some(parent) => from.chunk[parent]
                    .div_ceil(axis.step.unsigned_abs())
                    .clamp(1, axis.len.max(1)),
                None => axis.len,
            })
            .collect();
        self.push(
            Node::Select(input, select),
            Schema {
                shape,
                dtype: from.dtype,
                chunk,
            },
        )
    }

    /// One operand, element by element.
    ///
    /// # Errors
    /// Invalid input when the operation is not defined for the dtype.
    pub fn unary(&mut self, op: UnaryOp, input: NodeId) -> Result<NodeId> {
        let signature = op.signature(self.dtype(input))?;
        let input = self.cast(input, signature.left)?;
        let schema = Schema {
            dtype: signature.result,
            ..self.schema(input).clone()
        };
        self.push(Node::Map(MapOp::Unary(op), vec![input]), schema)
    }

    /// Two operands, element by element, after broadcasting and promotion.
    ///
    /// # Errors
    /// Invalid input when shapes do not align or the operation is not defined for the dtypes.
    pub fn binary(&mut self, op: BinaryOp, a: NodeId, b: NodeId) -> Result<NodeId> {
        let signature = op.signature(self.dtype(a), self.dtype(b))?;
        let shape = broadcast_shapes(op.name(), self.shape(a), self.shape(b))?;
        let a = self.cast(a, signature.left)?;
        let b = self.cast(b, signature.right)?;
        let inputs = vec![self.broadcast_to(a, &shape)?, self.broadcast_to(b, &shape)?];
        let chunk = self.common_chunk(&inputs);
        let schema = Schema {
            shape,
            dtype: signature.result,
            chunk,
        };
        self.push(Node::Map(MapOp::Binary(op), inputs), schema)
    }

    /// `condition ? then : otherwise`, after broadcasting; the two values are promoted to one dtype.
    ///
    /// # Errors
    /// Invalid input when shapes do not align, the condition is not bool, or there is no common dtype.
    pub fn where_(&mut self, condition: NodeId, then: NodeId, otherwise: NodeId) -> Result<NodeId> {
        if self.dtype(condition) != DType::Bool {
            return Err(Error::invalid(format!(
                "where: the condition is {}; it must be bool (compare it first: `x != 0`)",
                self.dtype(condition)
            )));
        }
        let dtype = promote(self.dtype(then), self.dtype(otherwise))
            .map_err(|e| e.context("applying where"))?;
        let shape = broadcast_shapes("where", self.shape(condition), self.shape(then))?;
        let shape = broadcast_shapes("where", &shape, self.shape(otherwise))?;
        let then = self.cast(then, dtype)?;
        let otherwise = self.cast(otherwise, dtype)?;
        let inputs = vec![
            self.broadcast_to(condition, &shape)?,
            self.broadcast_to(then, &shape)?,
            self.broadcast_to(otherwise, &shape)?,
        ];
        let chunk = self.common_chunk(&inputs);
        self.push(
            Node::Map(MapOp::Where, inputs),
            Schema {
                shape,
                dtype,
                chunk,
            },
        )
    }

    /// Folds `axes` (sorted, distinct), and one axis into groups.
    ///
    /// # Errors
    /// Invalid input when the dtype does not allow it, or an extreme of nothing is asked for.
    pub fn reduce(
        &mut self,
        input: NodeId,
        reduction: Reduction,
        axes: Vec<usize>,
        group: Option<GroupBy>,
    ) -> Result<NodeId> {
        let from = self.schema(input).clone();
        let dtype = reduction.result_dtype(from.dtype)?;
        if reduction.needs_identity()
            && let Some(axis) = axes.iter().find(|axis| from.shape[**axis] == 0)
        {
            return Err(Error::invalid(format!(
                "{}: axis {axis} has length 0, and the {} of nothing does not exist",
                reduction.name(),
                reduction.name()
            )));
        }
        if matches!(
            reduction.kind,
            ReductionKind::Argmin | ReductionKind::Argmax
        ) && group.is_some()
        {
            return Err(Error::unsupported(format!(
                "{} of groups; use it along a dimension, or group-by min/max",
                reduction.name()
            )));
        }
        let kept = (0..from.shape.len()).filter(|axis| !axes.contains(axis));
        let (shape, chunk): (Vec<usize>, Vec<usize>) = kept
            .map(|axis| match &group {
                Some(group) if group.axis == axis => (group.groups, group.groups.max(1)),
                _ => (from.shape[axis], from.chunk[axis]),
            })
            .unzip();
        let folded = axes.iter().copied().chain(group.as_ref().map(|g| g.axis));
        if folded.into_iter().any(|axis| from.shape[axis] == 0) {
            // Nothing to fold: the identity, without a pass.
            let value = match reduction.kind {
                ReductionKind::Prod => Scalar::I64(1).cast(dtype)?,
                ReductionKind::All => Scalar::Bool(true),
                ReductionKind::Sum | ReductionKind::Count | ReductionKind::Any => {
                    Scalar::zero(dtype)
                }
                _ => Scalar::missing(dtype).unwrap_or(Scalar::zero(dtype)),
            };
            return self.fill(value, &shape);
        }
        self.push(
            Node::Reduce {
                input,
                reduction,
                axes,
                group,
            },
            Schema {
                shape,
                dtype,
                chunk,
            },
        )
    }

    /// An operation on blocks.
    ///
    /// # Errors
    /// Invalid input when it is not defined for the inputs.
    pub fn call(&mut self, op: impl Into<BlockOp>, inputs: Vec<NodeId>) -> Result<NodeId> {
        let op = op.into();
        let schemas: Vec<(DType, &[usize])> = inputs
            .iter()
            .map(|input| (self.dtype(*input), self.shape(*input)))
            .collect();
        let (dtype, shape) = op.result(&schemas)?;
        let chunk = match (op.pieces(), inputs.first()) {
            (Some(pieces), _) => pieces.to_vec(),
            (None, Some(first)) if self.shape(*first).len() == shape.len() => {
                self.schema(*first).chunk.clone()
            }
            _ => shape.clone(),
        };
        let chunk = chunk
            .iter()
            .zip(&shape)
            .map(|(chunk, len)| *chunk.min(&(*len).max(1)))
            .collect();
        self.push(
            Node::Call(op, inputs),
            Schema {
                shape,
                dtype,
                chunk,
            },
        )
    }

    /// Boxes side by side: each input lies at its start; together they cover `shape` once.
    ///
    /// # Errors
    /// Internal when they do not cover it; invalid input when there is no common dtype.
    pub fn assemble(
        &mut self,
        shape: &[usize],
        parts: Vec<(NodeId, Vec<usize>)>,
    ) -> Result<NodeId> {
        let mut dtype = None;
        let mut covered = 0usize;
        for (part, start) in &parts {
            let (own, lengths) = (self.dtype(*part), self.shape(*part));
            dtype = Some(match dtype {
                None => own,
                Some(before) => promote(before, own)?,
            });
            covered += lengths.iter().product::<usize>();
            let inside = start.len() == shape.len()
                && lengths.len() == shape.len()
                && (0..shape.len()).all(|axis| start[axis] + lengths[axis] <= shape[axis]);
            if !inside {
                return Err(Error::internal(format!(
                    "a part of {lengths:?} at {start:?} of an array of {shape:?}"
                )));
            }
        }
        let (Some(dtype), true) = (dtype, covered == shape.iter().product::<usize>()) else {
            return Err(Error::internal(format!(
                "{} parts with {covered} elements for an array of {shape:?}",
                parts.len()
            )));
        };
        let (mut inputs, mut starts) = (Vec::new(), Vec::new());
        for (part, start) in parts {
            if self.shape(part).contains(&0) && covered > 0 {
                continue;
            }
            inputs.push(self.cast(part, dtype)?);
            starts.push(start);
        }
        if let ([only], Some(true)) = (
            inputs.as_slice(),
            inputs.first().map(|i| self.shape(*i) == shape),
        ) {
            return Ok(*only);
        }
        let chunk = (0..shape.len())
            .map(|axis| self.joined_chunk(&inputs, axis, shape[axis]))
            .collect();
        let schema = Schema {
            shape: shape.to_vec(),
            dtype,
            chunk,
        };
        self.push(Node::Assemble(inputs, starts), schema)
    }

    /// The same elements in chunks of `chunk`; lengths beyond the axis are cut to it.
    ///
    /// # Errors
    /// Invalid input when a length is 0, the count differs from the axes, or a chunk is beyond 2³¹ bytes.
    pub fn rechunk(&mut self, input: NodeId, chunk: &[usize]) -> Result<NodeId> {
        let schema = self.schema(input).clone();
        crate::geom::ChunkGrid::regular(&schema.shape, chunk)?;
        let chunk: Vec<usize> = chunk
            .iter()
            .zip(&schema.shape)
            .map(|(c, len)| *c.min(&(*len).max(1)))
            .collect();
        let bytes = chunk.iter().fold(schema.dtype.size() as u128, |acc, c| {
            acc.saturating_mul(*c as u128)
        });
        if bytes >= LARGEST_CHUNK_BYTES {
            return Err(Error::invalid(format!(
                "chunk: a chunk of {chunk:?} {} elements is {bytes} bytes; allowed are less than 2³¹ = 2147483648 bytes",
                schema.dtype
            )));
        }
        if chunk == schema.chunk {
            return Ok(input);
        }
        self.push(
            Node::Rechunk(input, chunk.clone()),
            Schema { chunk, ..schema },
        )
    }

    /// The largest chunk length of parts along an axis of `len`; parts that are one chunk there (the borders of a padding) have no
    /// say beside others, and what is but a little longer than its largest part is one chunk as that part is.
    fn joined_chunk(&self, parts: &[NodeId], axis: usize, len: usize) -> usize {
        let chunks = parts.iter().map(|part| self.schema(*part));
        let chunks = chunks.map(|part| (part.chunk[axis], part.shape[axis]));
        let cut = chunks.clone().filter(|(chunk, len)| chunk < len);
        match cut.map(|(chunk, _)| chunk).max() {
            Some(chunk) => chunk,
            None => match chunks.map(|(chunk, _)| chunk).max().unwrap_or(1) {
                chunk if 2 * chunk > len => len.max(1),
                chunk => chunk,
            },
        }
    }

    /// The smallest chunk lengths among inputs of one shape; inputs that are one chunk on an axis have no say there.
    fn common_chunk(&self, inputs: &[NodeId]) -> Vec<usize> {
        let shape = self.shape(inputs[0]).to_vec();
        (0..shape.len())
            .map(|axis| {
                inputs
                    .iter()
                    .map(|id| self.schema(*id).chunk[axis])
                    .min()
                    .unwrap_or(shape[axis])
            })
            .collect()
    }
}
