//! The lazy array: a node of the session's graph, or the error that its making met.

use crate::block::{Block, Native};
use crate::driver::Session;
use crate::dtype::{DType, Scalar, promote_weak};
use crate::error::{Error, Result};
use crate::expr::{Graph, NodeId};
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

/// A lazy N-d array. Cloning is cheap.
#[derive(Clone)]
pub struct Array {
    session: Arc<Session>,
    node: Result<NodeId>,
}

/// An operand of an operation: an array, or a number that takes the array's dtype (NEP 50).
#[derive(Clone, Debug)]
pub enum Operand {
    /// An array.
    Array(Array),
    /// A number written in the program.
    Weak(Scalar),
}

impl From<&Array> for Operand {
    fn from(array: &Array) -> Self {
        Operand::Array(array.clone())
    }
}

impl From<Array> for Operand {
    fn from(array: Array) -> Self {
        Operand::Array(array)
    }
}

super::weak_numbers!(Operand);

impl Array {
    /// An array of a node.
    pub fn new(session: Arc<Session>, node: Result<NodeId>) -> Self {
        Array { session, node }
    }

    /// A failed array.
    #[track_caller]
    pub fn failed(session: &Arc<Session>, error: Error) -> Self {
        let error = error.at_call(Location::caller());
        Array {
            session: session.clone(),
            node: Err(error),
        }
    }

    /// What the arrays of a program share.
    pub fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// The node, or the first error of the array's making.
    ///
    /// # Errors
    /// The first error of the array's making.
    pub fn node(&self) -> Result<NodeId> {
        self.node.clone()
    }

    /// `Ok` when every operation so far was valid.
    ///
    /// # Errors
    /// The first error of the array's making.
    pub fn check(&self) -> Result<()> {
        self.node.as_ref().map(|_| ()).map_err(Clone::clone)
    }

    /// Lengths per axis; empty for a failed array.
    pub fn shape(&self) -> Vec<usize> {
        match self.node {
            Ok(node) => self.session.with_graph(|g| g.shape(node).to_vec()),
            Err(_) => Vec::new(),
        }
    }

    /// Number of axes.
    pub fn ndim(&self) -> usize {
        self.shape().len()
    }

    /// Type of the elements; bool for a failed array.
    pub fn dtype(&self) -> DType {
        match self.node {
            Ok(node) => self.session.with_graph(|g| g.dtype(node)),
            Err(_) => DType::Bool,
        }
    }

    /// Chunk lengths per axis.
    pub fn chunk_shape(&self) -> Vec<usize> {
        match self.node {
            Ok(node) => self.session.with_graph(|g| g.schema(node).chunk.clone()),
            Err(_) => Vec::new(),
        }
    }

    /// Pushes a node on the graph; a failure remembers the caller's line.
    #[track_caller]
    pub(crate) fn push(&self, build: impl FnOnce(&mut Graph, NodeId) -> Result<NodeId>) -> Array {
        let location = Location::caller();
        let node = self.node.clone().and_then(|node| {
            self.session
                .with_graph(|g| build(g, node))
                .map_err(|e| e.at_call(location))
        });
        Array {
            session: self.session.clone(),
            node,
        }
    }

    /// Pushes a node with a second operand.
    #[track_caller]
    pub(crate) fn push_with(
        &self,
        other: &Operand,
        build: impl FnOnce(&mut Graph, NodeId, NodeId) -> Result<NodeId>,
    ) -> Array {
        let location = Location::caller();
        let node = self.node.clone().and_then(|node| {
            let other = other.node_beside(self)?;
            self.session
                .with_graph(|g| build(g, node, other))
                .map_err(|e| e.at_call(location))
        });
        Array {
            session: self.session.clone(),
            node: node.map_err(|e| e.at_call(location)),
        }
    }

    /// The elements as a block on rank 0.
    ///
    /// # Errors
    /// The first error of the array's making, of planning (over budget), or the shared error of the ranks.
    ///
    /// # Memory
    /// The whole result on rank 0.
    pub fn compute_block(&self) -> Result<Block> {
        let mut blocks = self.session.compute(&[self.node()?])?;
        blocks
            .pop()
            .ok_or_else(|| Error::internal("a compute without a result"))
    }

    /// The elements as an `ndarray` on rank 0. `T` must be the element type of [`Array::dtype`].
    ///
    /// # Errors
    /// As [`Array::compute_block`]; invalid input when `T` is another type.
    pub fn compute<T: Native>(&self) -> Result<ndarray::ArrayD<T>> {
        let block = self.compute_block()?;
        if block.dtype().physical() != T::PHYSICAL {
            return Err(Error::invalid(format!(
                "compute: the array is {}, not {}; cast it first",
                block.dtype(),
                T::DTYPE
            )));
        }
        let shape = block.shape().to_vec();
        let mut buffer = block.into_buffer();
        let values = T::vec_mut(&mut buffer)
            .map(std::mem::take)
            .unwrap_or_default();
        ndarray::ArrayD::from_shape_vec(shape, values)
            .map_err(|e| Error::internal(format!("a result of the wrong length: {e}")))
    }

    /// The array, computed into the memories of the ranks: what uses the result does not compute it again. dask's `persist`.
    ///
    /// # Errors
    /// As [`Array::compute_block`].
    ///
    /// # Memory
    /// Each rank holds its part until [`Array::release`] or the end of the program.
    pub fn persist(&self) -> Result<Array> {
        persist(&[self])?
            .pop()
            .ok_or_else(|| Error::internal("a persist without a result"))
    }

    /// Gives up the memory of an array that [`Array::persist`] returned; computing with it later is an error.
    ///
    /// # Errors
    /// Invalid input when it is not such an array.
    pub fn release(&self) -> Result<()> {
        self.session.release(self.node()?)
    }

    /// The only element of an array of one element.
    ///
    /// # Errors
    /// As [`Array::compute_block`]; invalid input when there is not exactly one element.
    pub fn item(&self) -> Result<Scalar> {
        self.check()?;
        if self.shape().iter().product::<usize>() != 1 {
            return Err(Error::invalid(format!(
                "item: the array has shape {:?}; only arrays of one element have one item",
                self.shape()
            )));
        }
        self.compute_block()?
            .get(0)
            .ok_or_else(|| Error::internal("an empty result"))
    }
}

impl Operand {
    /// The operand as a node; a weak number takes the dtype that it has beside `array`.
    pub(crate) fn node_beside(&self, array: &Array) -> Result<NodeId> {
        match self {
            Operand::Array(other) => {
                if !Arc::ptr_eq(&other.session, &array.session) {
                    return Err(Error::invalid("arrays of two sessions cannot be combined"));
                }
                other.node.clone()
            }
            Operand::Weak(value) => {
                let dtype = promote_weak(array.dtype(), *value)?;
                let value = value.cast(dtype)?;
                array.session.with_graph(|g| g.fill(value, &[]))
            }
        }
    }
}

/// Computes several arrays in shared passes into the memories of the ranks, and returns arrays that stand for them.
///
/// # Errors
/// As [`Array::compute_block`].
///
/// # Memory
/// Each rank holds its part of each array until [`Array::release`] or the end of the program.
pub fn persist(arrays: &[&Array]) -> Result<Vec<Array>> {
    let Some(first) = arrays.first() else {
        return Ok(Vec::new());
    };
    let nodes = arrays
        .iter()
        .map(|a| a.node())
        .collect::<Result<Vec<_>>>()?;
    let held = first.session.persist(&nodes)?;
    Ok(held
        .into_iter()
        .map(|node| Array::new(first.session.clone(), Ok(node)))
        .collect())
}

/// Computes several arrays in shared passes: each input chunk is read and decoded once for all of them where domains
/// agree.
///
/// # Errors
/// As [`Array::compute_block`].
pub fn compute(arrays: &[&Array]) -> Result<Vec<Block>> {
    let Some(first) = arrays.first() else {
        return Ok(Vec::new());
    };
    let nodes = arrays
        .iter()
        .map(|a| a.node())
        .collect::<Result<Vec<_>>>()?;
    first.session.compute(&nodes)
}

impl fmt::Debug for Array {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Array {
    /// After dask.array's repr.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.node {
            Ok(_) => write!(
                f,
                "hyperslab.array<shape={:?}, dtype={}, chunks={:?}>",
                self.shape(),
                self.dtype(),
                self.chunk_shape()
            ),
            Err(error) => write!(f, "hyperslab.array<failed: {}>", error.message()),
        }
    }
}
