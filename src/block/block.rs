//! Blocks: a buffer with a dtype and a shape, in row-major order.

use super::buffer::{Buffer, Native};
use super::view::{BlockView, row_major_strides};
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result};
use crate::geom::{Region, Select};

/// A dense, row-major N-d piece of an array.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    dtype: DType,
    shape: Vec<usize>,
    buffer: Buffer,
}

impl Block {
    /// A block that owns `buffer`.
    ///
    /// # Errors
    /// Internal when the buffer's length or type does not fit.
    pub fn new(dtype: DType, shape: impl Into<Vec<usize>>, buffer: Buffer) -> Result<Self> {
        let shape = shape.into();
        if buffer.len() != shape.iter().product::<usize>() || buffer.physical() != dtype.physical()
        {
            return Err(Error::internal(format!(
                "a block of {dtype} {shape:?} from {} elements of {:?}",
                buffer.len(),
                buffer.physical()
            )));
        }
        Ok(Block {
            dtype,
            shape,
            buffer,
        })
    }

    /// Zeros.
    pub fn zeros(dtype: DType, shape: &[usize]) -> Self {
        let buffer = Buffer::zeros(dtype.physical(), shape.iter().product());
        Block {
            dtype,
            shape: shape.to_vec(),
            buffer,
        }
    }

    /// The same value everywhere; it is cast to `dtype` first.
    ///
    /// # Errors
    /// Invalid input when the value does not fit `dtype`.
    pub fn filled(dtype: DType, shape: &[usize], value: Scalar) -> Result<Self> {
        let buffer = Buffer::filled(dtype.physical(), value.cast(dtype)?, shape.iter().product())?;
        Ok(Block {
            dtype,
            shape: shape.to_vec(),
            buffer,
        })
    }

    /// A block of `values` in row-major order.
    ///
    /// # Errors
    /// Internal when the number of values does not fit the shape.
    pub fn from_vec<T: Native>(shape: &[usize], values: Vec<T>) -> Result<Self> {
        Block::new(T::DTYPE, shape, T::wrap(values))
    }

    /// Type of the elements.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The same memory under another dtype of the same physical type (an i64 as a datetime).
    ///
    /// # Errors
    /// Internal when the physical types differ.
    pub fn with_dtype(self, dtype: DType) -> Result<Self> {
        Block::new(dtype, self.shape, self.buffer)
    }

    /// The same elements under another shape of the same number of elements.
    ///
    /// # Errors
    /// Internal when the number of elements differs.
    pub fn with_shape(self, shape: &[usize]) -> Result<Self> {
        Block::new(self.dtype, shape, self.buffer)
    }

    /// Lengths per axis.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Number of elements.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// Size in bytes.
    pub fn bytes(&self) -> usize {
        self.buffer.bytes()
    }

    /// The memory.
    pub fn buffer(&self) -> &Buffer {
        &self.buffer
    }

    /// The memory, to be changed.
    pub fn buffer_mut(&mut self) -> &mut Buffer {
        &mut self.buffer
    }

    /// The memory itself.
    pub fn into_buffer(self) -> Buffer {
        self.buffer
    }

    /// The elements in row-major order, when they are of type `T`.
    pub fn as_slice<T: Native>(&self) -> Option<&[T]> {
        T::slice(&self.buffer)
    }

    /// The element at a row-major position; `None` beyond the end.
    pub fn get(&self, position: usize) -> Option<Scalar> {
        let scalar = for_physical!(self.buffer.physical(), T => {
            T::slice(&self.buffer).and_then(|v| v.get(position)).map(|v| {
                crate::dtype::Element::to_scalar(*v)
            })
        })?;
        Some(match (self.dtype, scalar) {
            (DType::Datetime(unit), Scalar::I64(v)) => Scalar::Datetime(v, unit),
            (DType::Timedelta(unit), Scalar::I64(v)) => Scalar::Timedelta(v, unit),
            (_, other) => other,
        })
    }

    /// The whole block.
    pub fn view(&self) -> BlockView<'_> {
        BlockView {
            buffer: &self.buffer,
            dtype: self.dtype,
            offset: 0,
            shape: self.shape.clone(),
            strides: row_major_strides(&self.shape),
        }
    }

    /// The block seen through a selection made for its shape.
    pub fn select(&self, select: &Select) -> BlockView<'_> {
        let strides = row_major_strides(&self.shape);
        BlockView {
            buffer: &self.buffer,
            dtype: self.dtype,
            offset: select
                .base
                .iter()
                .zip(&strides)
                .map(|(i, stride)| i * *stride as usize)
                .sum(),
            shape: select.shape(),
            strides: select
                .axes
                .iter()
                .map(|axis| axis.parent.map_or(0, |parent| strides[parent] * axis.step))
                .collect(),
        }
    }

    /// Makes this a block of `shape`, reusing its memory; the elements are unspecified afterwards.
    pub fn reshape_for_reuse(&mut self, shape: &[usize]) {
        let elements = shape.iter().product();
        let physical = self.buffer.physical();
        let grows = for_physical!(physical, T => {
            T::vec_mut(&mut self.buffer).is_none_or(|values| {
                let grows = values.capacity() < elements;
                if !grows {
                    values.resize(elements, T::default());
                }
                grows
            })
        });
        if grows {
            // What was there goes first: both need not be in memory, and nothing is copied.
            self.buffer = Buffer::zeros(physical, 0);
            self.buffer = Buffer::zeros(physical, elements);
        }
        self.shape.clear();
        self.shape.extend_from_slice(shape);
    }

    /// A dense copy of a view.
    ///
    /// # Errors
    /// Internal only.
    pub fn from_view(view: &BlockView<'_>) -> Result<Block> {
        let mut block = Block::zeros(view.dtype, &view.shape);
        block.paste(&Region::whole(&view.shape), view)?;
        Ok(block)
    }

    /// A part of the block; `region` must lie inside it.
    pub fn part(&self, region: &Region) -> BlockView<'_> {
        let mut view = self.view();
        debug_assert!(
            Region::whole(&self.shape).contains(region),
            "a part inside the block"
        );
        view.offset = region
            .start
            .iter()
            .zip(&view.strides)
            .map(|(start, stride)| start * *stride as usize)
            .sum();
        view.shape.clone_from(&region.shape);
        view
    }

    /// Copies `source` (any strides, same dtype) into `region` of this block.
    ///
    /// # Errors
    /// Internal when types or shapes differ.
    pub fn paste(&mut self, region: &Region, source: &BlockView<'_>) -> Result<()> {
        if source.buffer.physical() != self.buffer.physical() || source.shape != region.shape {
            return Err(Error::internal(format!(
                "pasting {} {:?} into {} {region:?}",
                source.dtype, source.shape, self.dtype
            )));
        }
        if region.is_empty() {
            return Ok(());
        }
        let strides = row_major_strides(&self.shape);
        let offset: usize = region
            .start
            .iter()
            .zip(&strides)
            .map(|(start, stride)| start * *stride as usize)
            .sum();
        for_physical!(self.buffer.physical(), T => {
            if let (Some(to), Some(from)) = (T::slice_mut(&mut self.buffer), T::slice(source.buffer)) {
                copy_rows(to, offset, &strides, from, source.offset, &source.strides, &region.shape);
            }
        });
        Ok(())
    }
}

/// Copies a box row by row; a row is the last axis.
fn copy_rows<T: Copy>(
    to: &mut [T],
    to_offset: usize,
    to_strides: &[isize],
    from: &[T],
    from_offset: usize,
    from_strides: &[isize],
    shape: &[usize],
) {
    let Some((&row, outer)) = shape.split_last() else {
        to[to_offset] = from[from_offset];
        return;
    };
    let (to_step, from_step) = (to_strides[outer.len()], from_strides[outer.len()]);
    let mut index = vec![0usize; outer.len()];
    let (mut a, mut b) = (to_offset as isize, from_offset as isize);
    loop {
        if to_step == 1 && from_step == 1 {
            let (a, b) = (a as usize, b as usize);
            to[a..a + row].copy_from_slice(&from[b..b + row]);
        } else {
            for i in 0..row as isize {
                to[(a + i * to_step) as usize] = from[(b + i * from_step) as usize];
            }
        }
        let mut axis = outer.len();
        loop {
            if axis == 0 {
                return;
            }
            axis -= 1;
            index[axis] += 1;
            a += to_strides[axis];
            b += from_strides[axis];
            if index[axis] < outer[axis] {
                break;
            }
            a -= to_strides[axis] * outer[axis] as isize;
            b -= from_strides[axis] * outer[axis] as isize;
            index[axis] = 0;
        }
    }
}
