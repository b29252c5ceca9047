//! Creation: constants and arrays from memory.

use super::array::Array;
use crate::block::{Block, Native};
use crate::driver::Driver;
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result};
use crate::expr::SourceDecl;
use crate::op::Generator;
use std::sync::Arc;

impl Driver {
    /// `value` everywhere; its dtype is that of the value.
    pub fn full(&self, shape: &[usize], value: impl Into<Scalar>) -> Array {
        let value = value.into();
        let session = self.session();
        Array::new(
            session.clone(),
            session.with_graph(|g| g.fill(value, shape)),
        )
    }

    /// Zeros of f64, as in NumPy; `astype` for others.
    pub fn zeros(&self, shape: &[usize]) -> Array {
        self.full(shape, Scalar::F64(0.0))
    }

    /// Ones of f64.
    pub fn ones(&self, shape: &[usize]) -> Array {
        self.full(shape, Scalar::F64(1.0))
    }

    /// As [`Driver::zeros`]: nothing here is ever left undefined.
    pub fn empty(&self, shape: &[usize]) -> Array {
        self.zeros(shape)
    }

    /// An array whose elements are made from their indices, on every rank what it needs.
    pub(crate) fn generated(&self, generator: Generator, shape: &[usize]) -> Array {
        let session = self.session();
        let shape = shape.to_vec();
        let node = session.with_graph(|g| g.source(SourceDecl::Generated { generator, shape }));
        Array::new(session.clone(), node)
    }

    /// The indices 0 … len − 1 as int64: NumPy's `arange(len)`.
    pub fn indices_1d(&self, len: usize) -> Array {
        self.generated(Generator::Index, &[len])
    }

    /// An array of a block in the memory of rank 0. Other ranks get the parts that they need when they need them.
    #[track_caller]
    pub fn from_block(&self, block: impl Into<Arc<Block>>) -> Array {
        let block = block.into();
        let session = self.session();
        let (dtype, shape) = (block.dtype(), block.shape().to_vec());
        let data = session.keep(block);
        let node = session.with_graph(|g| g.source(SourceDecl::Memory { data, dtype, shape }));
        Array::new(session.clone(), node)
    }

    /// An array of an `ndarray` in the memory of rank 0. In standard layout nothing is copied.
    #[track_caller]
    pub fn from_ndarray<T: Native>(&self, values: ndarray::ArrayD<T>) -> Array {
        let shape = values.shape().to_vec();
        let values = match values.is_standard_layout() {
            true => values.into_raw_vec_and_offset(),
            false => {
                let dense: Vec<T> = values.iter().copied().collect();
                (dense, Some(0))
            }
        };
        let elements: usize = shape.iter().product();
        let block = match values {
            (values, None | Some(0)) if values.len() == elements => Block::from_vec(&shape, values),
            (values, offset) => {
                let from = offset.unwrap_or(0);
                match values.get(from..from + elements) {
                    Some(part) => Block::from_vec(&shape, part.to_vec()),
                    None => Err(Error::internal("an ndarray outside its own memory")),
                }
            }
        };
        match block {
            Ok(block) => self.from_block(block),
            Err(error) => Array::failed(self.session(), error),
        }
    }

    /// A 0-d array of `value`, with its own dtype (not weak).
    ///
    /// # Errors
    /// Invalid input when the value does not fit `dtype`.
    pub fn scalar(&self, value: Scalar, dtype: DType) -> Result<Array> {
        Ok(self.full(&[], value.cast(dtype)?))
    }
}
