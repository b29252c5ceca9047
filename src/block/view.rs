//! Views: a buffer seen through an offset and strides, so that selections, broadcasts and transposes copy nothing.

use super::buffer::Buffer;
use crate::dtype::DType;

/// Elements `offset + Σ index[k] · strides[k]` of a buffer. Stride 0 repeats; strides may be negative.
///
/// Every index inside `shape` must stay inside the buffer; the constructors of `Block` see to it.
#[derive(Clone, Debug)]
pub struct BlockView<'a> {
    /// The memory.
    pub buffer: &'a Buffer,
    /// Its dtype (a datetime is an i64 buffer).
    pub dtype: DType,
    /// Element number of index 0.
    pub offset: usize,
    /// Lengths per axis.
    pub shape: Vec<usize>,
    /// Elements between neighbours, per axis.
    pub strides: Vec<isize>,
}

/// Row-major strides of a shape, in elements.
pub(super) fn row_major_strides(shape: &[usize]) -> Vec<isize> {
    let mut strides = vec![0; shape.len()];
    let mut step = 1;
    for (stride, len) in strides.iter_mut().zip(shape).rev() {
        *stride = step;
        step *= *len as isize;
    }
    strides
}

impl BlockView<'_> {
    /// Number of elements.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// True when the elements lie side by side in row-major order; axes of length 1 do not matter.
    pub fn is_contiguous(&self) -> bool {
        let mut step = 1;
        for (stride, len) in self.strides.iter().zip(&self.shape).rev() {
            if *len != 1 {
                if *stride != step {
                    return false;
                }
                step *= *len as isize;
            }
        }
        true
    }
}
