//! Putting a cropped piece of a decoded chunk into a block: plain bytes, shuffled bytes or one value.
//!
//! The hot path of reading: rows are as long as the two shapes allow, and each row runs one loop over slices.

use crate::block::{Block, Buffer, Native};
use crate::dtype::{Physical, Scalar};
use crate::error::{Error, Result};
use crate::geom::Region;

/// Calls `row(src, dst, len)` for runs that are side by side in both shapes; `part` is cut out of `src_shape` at
/// `src_start` and put into `dst_shape` at `dst_start`. All in elements.
pub(crate) fn rows(
    part: &[usize],
    src_shape: &[usize],
    src_start: &[usize],
    dst_shape: &[usize],
    dst_start: &[usize],
    mut row: impl FnMut(usize, usize, usize),
) {
    if part.contains(&0) {
        return;
    }
    let ndim = part.len();
    // Axes from `outer` on form one run: all but the first of them are whole in both shapes.
    let (mut outer, mut run) = (ndim, 1);
    while outer > 0 {
        outer -= 1;
        run *= part[outer];
        if part[outer] != src_shape[outer] || part[outer] != dst_shape[outer] {
            break;
        }
    }
    let offset = |shape: &[usize], start: &[usize]| {
        start
            .iter()
            .zip(shape)
            .fold(0, |acc, (s, len)| acc * len + s)
    };
    let (mut src, mut dst) = (offset(src_shape, src_start), offset(dst_shape, dst_start));
    let step = |shape: &[usize], axis: usize| shape[axis + 1..].iter().product::<usize>();
    let steps: Vec<(usize, usize)> = (0..outer)
        .map(|axis| (step(src_shape, axis), step(dst_shape, axis)))
        .collect();
    let mut index = vec![0usize; outer];
    loop {
        row(src, dst, run);
        let mut axis = outer;
        loop {
            if axis == 0 {
                return;
            }
            axis -= 1;
            index[axis] += 1;
            src += steps[axis].0;
            dst += steps[axis].1;
            if index[axis] < part[axis] {
                break;
            }
            src -= steps[axis].0 * part[axis];
            dst -= steps[axis].1 * part[axis];
            index[axis] = 0;
        }
    }
}

/// Where a piece comes from and goes to.
pub(crate) struct Place<'a> {
    /// Shape of the decoded chunk, edges included.
    pub(crate) chunk_shape: &'a [usize],
    /// First element of the chunk in array coordinates.
    pub(crate) chunk_start: &'a [usize],
    /// The part wanted, in array coordinates.
    pub(crate) part: &'a Region,
    /// First element of the block in array coordinates.
    pub(crate) into_origin: &'a [usize],
}

impl Place<'_> {
    /// Checks that the part lies in the chunk and in the block.
    fn starts(&self, into: &Block) -> Result<(Vec<usize>, Vec<usize>)> {
        let part = self.part;
        let inside = |origin: &[usize], shape: &[usize]| {
            origin.len() == part.ndim()
                && shape.len() == part.ndim()
                && (0..part.ndim()).all(|k| {
                    part.start[k] >= origin[k] && part.end(k) <= origin[k].saturating_add(shape[k])
                })
        };
        if !inside(self.chunk_start, self.chunk_shape) || !inside(self.into_origin, into.shape()) {
            return Err(Error::internal(format!(
                "decode: part {part:?} of a chunk at {:?} {:?} into a block at {:?} {:?}",
                self.chunk_start,
                self.chunk_shape,
                self.into_origin,
                into.shape()
            )));
        }
        let relative = |origin: &[usize]| {
            part.start
                .iter()
                .zip(origin)
                .map(|(s, o)| s - o)
                .collect::<Vec<usize>>()
        };
        Ok((relative(self.chunk_start), relative(self.into_origin)))
    }

    fn each_row(&self, into: &Block, row: impl FnMut(usize, usize, usize)) -> Result<()> {
        let (src, dst) = self.starts(into)?;
        // The shape is needed while the buffer is changed.
        let dst_shape = into.shape().to_vec();
        rows(
            &self.part.shape,
            self.chunk_shape,
            &src,
            &dst_shape,
            &dst,
            row,
        );
        Ok(())
    }

    /// The rows as a list, when the block is to be changed while they run.
    fn row_list(&self, into: &Block) -> Result<Vec<(usize, usize, usize)>> {
        let mut list = Vec::new();
        self.each_row(into, |s, d, n| list.push((s, d, n)))?;
        Ok(list)
    }
}

/// The memory of a block as bytes; none for bool, where not every byte is a value.
fn bytes_mut(buffer: &mut Buffer) -> Option<&mut [u8]> {
    Some(match buffer {
        Buffer::Bool(_) => return None,
        Buffer::I8(v) => bytemuck::cast_slice_mut(v),
        Buffer::I16(v) => bytemuck::cast_slice_mut(v),
        Buffer::I32(v) => bytemuck::cast_slice_mut(v),
        Buffer::I64(v) => bytemuck::cast_slice_mut(v),
        Buffer::U8(v) => v,
        Buffer::U16(v) => bytemuck::cast_slice_mut(v),
        Buffer::U32(v) => bytemuck::cast_slice_mut(v),
        Buffer::U64(v) => bytemuck::cast_slice_mut(v),
        Buffer::F32(v) => bytemuck::cast_slice_mut(v),
        Buffer::F64(v) => bytemuck::cast_slice_mut(v),
        Buffer::C64(v) => bytemuck::cast_slice_mut(v),
        Buffer::C128(v) => bytemuck::cast_slice_mut(v),
    })
}

/// Bytes of the unit that endianness reverses: half of a complex number.
fn unit(physical: Physical) -> usize {
    match physical {
        Physical::C64 => 4,
        Physical::C128 => 8,
        other => other.size(),
    }
}

/// Row-major bytes of the chunk.
pub(crate) fn plain(
    place: &Place<'_>,
    bytes: &[u8],
    big_endian: bool,
    into: &mut Block,
) -> Result<()> {
    let physical = into.dtype().physical();
    let (size, unit) = (physical.size(), unit(physical));
    check_length(place, bytes, size)?;
    let list = place.row_list(into)?;
    if let Buffer::Bool(values) = into.buffer_mut() {
        for (src, dst, n) in list {
            for (o, b) in values[dst..dst + n].iter_mut().zip(&bytes[src..src + n]) {
                *o = *b != 0;
            }
        }
        return Ok(());
    }
    let Some(out) = bytes_mut(into.buffer_mut()) else {
        return Err(Error::internal("a bool buffer seen as bytes"));
    };
    let swap = big_endian != cfg!(target_endian = "big") && unit > 1;
    for (src, dst, n) in list {
        let row = &mut out[dst * size..(dst + n) * size];
        row.copy_from_slice(&bytes[src * size..(src + n) * size]);
        if swap {
            swap_units(row, unit);
        }
    }
    Ok(())
}

/// Reverses the bytes of every unit.
fn swap_units(bytes: &mut [u8], unit: usize) {
    match unit {
        2 => bytes
            .as_chunks_mut::<2>()
            .0
            .iter_mut()
            .for_each(|u| u.reverse()),
        4 => bytes
            .as_chunks_mut::<4>()
            .0
            .iter_mut()
            .for_each(|u| u.reverse()),
        8 => bytes
            .as_chunks_mut::<8>()
            .0
            .iter_mut()
            .for_each(|u| u.reverse()),
        _ => bytes.chunks_exact_mut(unit).for_each(<[u8]>::reverse),
    }
}

/// Shuffled bytes of the chunk: all first bytes, all second bytes, …
pub(crate) fn shuffled(
    place: &Place<'_>,
    bytes: &[u8],
    big_endian: bool,
    into: &mut Block,
) -> Result<()> {
    let physical = into.dtype().physical();
    let (size, unit) = (physical.size(), unit(physical));
    check_length(place, bytes, size)?;
    let list = place.row_list(into)?;
    let elements = bytes.len() / size;
    if elements == 0 {
        return Ok(());
    }
    let Some(out) = bytes_mut(into.buffer_mut()) else {
        return plain(place, bytes, big_endian, into);
    };
    // Byte k of an element in memory is in this plane.
    let swap = big_endian != cfg!(target_endian = "big");
    let plane = |k: usize| {
        let k = if swap {
            k / unit * unit + (unit - 1 - k % unit)
        } else {
            k
        };
        &bytes[k * elements..(k + 1) * elements]
    };
    match size {
        1 => {
            for (src, dst, n) in list {
                out[dst..dst + n].copy_from_slice(&bytes[src..src + n]);
            }
        }
        2 => join::<2>(std::array::from_fn(plane), &list, out),
        4 => join::<4>(std::array::from_fn(plane), &list, out),
        8 => join::<8>(std::array::from_fn(plane), &list, out),
        _ => join::<16>(std::array::from_fn(plane), &list, out),
    }
    Ok(())
}

fn join<const N: usize>(planes: [&[u8]; N], list: &[(usize, usize, usize)], out: &mut [u8]) {
    for &(src, dst, n) in list {
        let planes = planes.map(|p| &p[src..src + n]);
        let (out, _) = out[dst * N..(dst + n) * N].as_chunks_mut::<N>();
        join_row::<N>(&planes, out);
    }
}

/// `out[i] = [planes[0][i], planes[1][i], …]`.
#[inline(always)]
fn join_row<const N: usize>(planes: &[&[u8]; N], out: &mut [[u8; N]]) {
    let n = out.len();
    let planes = planes.map(|p| &p[..n]);
    for i in 0..n {
        out[i] = std::array::from_fn(|k| planes[k][i]);
    }
}

/// One value everywhere in the part.
pub(crate) fn fill(place: &Place<'_>, value: Scalar, into: &mut Block) -> Result<()> {
    let physical = into.dtype().physical();
    let list = place.row_list(into)?;
    for_physical!(physical, T => {
        match (T::from_scalar(value), T::slice_mut(into.buffer_mut())) {
            (Some(value), Some(out)) => {
                for (_, dst, n) in list {
                    out[dst..dst + n].fill(value);
                }
                Ok(())
            }
            _ => Err(Error::internal(format!("a fill value {value} for a block of {}", into.dtype()))),
        }
    })
}

fn check_length(place: &Place<'_>, bytes: &[u8], size: usize) -> Result<()> {
    let expected = place.chunk_shape.iter().product::<usize>() * size;
    if bytes.len() == expected {
        return Ok(());
    }
    Err(Error::internal(format!(
        "decode: {} bytes of a chunk of {expected}",
        bytes.len()
    )))
}
