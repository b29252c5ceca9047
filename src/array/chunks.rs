//! Chunk lengths as users ask for them: lengths, the whole axis, or as fits a number of bytes.

use super::array::Array;
use crate::error::{Error, Result};
use crate::geom::normalize_axis;

/// Bytes of a chunk whose lengths are left to the library: dask's default.
const AUTO_BYTES: u64 = 128 << 20;

/// The chunk length of one axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChunkLen {
    /// So many elements.
    Of(usize),
    /// The whole axis: −1.
    Whole,
    /// As it is.
    Keep,
    /// What fits the limit of bytes: `"auto"`.
    Auto,
}

impl From<usize> for ChunkLen {
    fn from(len: usize) -> Self {
        ChunkLen::Of(len)
    }
}

impl Array {
    /// The same elements, to be worked on in chunks of these lengths, one per axis; those of `Auto` axes are chosen so that a
    /// chunk has at most `limit_bytes` (`None`: 128 MiB). dask's `rechunk`.
    #[must_use]
    #[track_caller]
    pub fn rechunk(&self, chunk: &[ChunkLen], limit_bytes: Option<u64>) -> Array {
        let (now, size) = (self.chunk_shape(), self.dtype().size());
        self.push(|g, a| {
            let lengths = chosen(
                g.shape(a),
                &now,
                chunk,
                size,
                limit_bytes.unwrap_or(AUTO_BYTES),
            )?;
            g.rechunk(a, &lengths)
        })
    }

    /// As [`Array::rechunk`], of some axes; the others stay as they are.
    #[must_use]
    #[track_caller]
    pub fn rechunk_axes(&self, axes: &[(isize, ChunkLen)], limit_bytes: Option<u64>) -> Array {
        let mut chunk = vec![ChunkLen::Keep; self.ndim()];
        for (axis, len) in axes {
            match normalize_axis("rechunk", *axis, chunk.len()) {
                Ok(axis) => chunk[axis] = *len,
                Err(error) if self.check().is_ok() => return Array::failed(self.session(), error),
                Err(_) => {}
            }
        }
        self.rechunk(&chunk, limit_bytes)
    }
}

/// The lengths meant by `chunk`. Automatic ones are as equal as the axes allow, as dask has it.
fn chosen(
    shape: &[usize],
    now: &[usize],
    chunk: &[ChunkLen],
    size: usize,
    limit_bytes: u64,
) -> Result<Vec<usize>> {
    if chunk.len() != shape.len() {
        return Err(Error::invalid(format!(
            "rechunk: {} chunk lengths for {} axes; there must be one for each",
            chunk.len(),
            shape.len()
        )));
    }
    if limit_bytes < size as u64 {
        return Err(Error::invalid(format!(
            "rechunk: a limit of {limit_bytes} bytes; an element has {size}"
        )));
    }
    let mut result = vec![0; shape.len()];
    let mut open = Vec::new();
    let mut left = limit_bytes as f64 / size as f64;
    for axis in 0..shape.len() {
        result[axis] = match chunk[axis] {
            ChunkLen::Of(len) => len,
            ChunkLen::Whole => shape[axis].max(1),
            ChunkLen::Keep => now[axis],
            ChunkLen::Auto => {
                open.push(axis);
                continue;
            }
        };
        left /= result[axis].min(shape[axis]).max(1) as f64;
    }
    // Axes shorter than an equal share are whole; the others share what they leave.
    while !open.is_empty() {
        let share = left.max(1.0).powf(1.0 / open.len() as f64);
        let (short, long): (Vec<usize>, Vec<usize>) =
            open.iter().partition(|axis| shape[**axis] as f64 <= share);
        if short.is_empty() {
            for axis in open {
                result[axis] = (share as usize).clamp(1, shape[axis].max(1));
            }
            break;
        }
        for axis in short {
            result[axis] = shape[axis].max(1);
            left /= result[axis] as f64;
        }
        open = long;
    }
    Ok(result)
}
