//! Boxes as bytes, for messages: packed and unpacked row by row, each element copied once on either side.

use super::block::Block;
use super::buffer::Native;
use super::view::{BlockView, row_major_strides};
use crate::error::{Error, Result};
use crate::geom::Region;

/// The first elements of the rows of a box; a row is the last axis.
fn rows(offset: isize, shape: &[usize], strides: &[isize], mut each: impl FnMut(usize)) {
    let outer = shape.len().saturating_sub(1);
    let mut index = vec![0usize; outer];
    let mut at = offset;
    loop {
        each(at as usize);
        let mut axis = outer;
        loop {
            if axis == 0 {
                return;
            }
            axis -= 1;
            index[axis] += 1;
            at += strides[axis];
            if index[axis] < shape[axis] {
                break;
            }
            at -= strides[axis] * shape[axis] as isize;
            index[axis] = 0;
        }
    }
}

impl BlockView<'_> {
    /// The elements in row-major order as bytes, in the order of bytes of this machine.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.elements() * self.buffer.physical().size());
        self.append_bytes(&mut bytes);
        bytes
    }

    /// Writes what `to_bytes` gives.
    ///
    /// # Errors
    /// Internal when `bytes` has another length.
    pub fn write_bytes(&self, bytes: &mut [u8]) -> Result<()> {
        let size = self.buffer.physical().size();
        if bytes.len() != self.elements() * size {
            return Err(Error::internal(format!(
                "packing {:?} of {} into {} bytes",
                self.shape,
                self.dtype,
                bytes.len()
            )));
        }
        if bytes.is_empty() {
            return Ok(());
        }
        let from = self.buffer.as_bytes();
        let row = self.shape.last().copied().unwrap_or(1);
        let step = self.strides.last().copied().unwrap_or(1);
        let mut to = bytes.chunks_exact_mut(row * size);
        rows(self.offset as isize, &self.shape, &self.strides, |first| {
            let Some(to) = to.next() else { return };
            if step == 1 {
                to.copy_from_slice(&from[first * size..(first + row) * size]);
                return;
            }
            for (k, to) in to.chunks_exact_mut(size).enumerate() {
                let at = (first as isize + k as isize * step) as usize * size;
                to.copy_from_slice(&from[at..at + size]);
            }
        });
        Ok(())
    }

    /// Appends what `to_bytes` gives.
    pub fn append_bytes(&self, bytes: &mut Vec<u8>) {
        let size = self.buffer.physical().size();
        let from = self.buffer.as_bytes();
        if self.shape.contains(&0) {
            return;
        }
        let row = self.shape.last().copied().unwrap_or(1);
        let step = self.strides.last().copied().unwrap_or(1);
        rows(self.offset as isize, &self.shape, &self.strides, |first| {
            if step == 1 {
                bytes.extend_from_slice(&from[first * size..(first + row) * size]);
                return;
            }
            for k in 0..row as isize {
                let at = (first as isize + k * step) as usize * size;
                bytes.extend_from_slice(&from[at..at + size]);
            }
        });
    }
}

impl Block {
    /// Copies the bytes of [`BlockView::to_bytes`] into `region` of this block.
    ///
    /// # Errors
    /// Internal when they are not as many as the region has, or the region lies outside.
    pub fn paste_bytes(&mut self, region: &Region, bytes: &[u8]) -> Result<()> {
        let size = self.dtype().size();
        if bytes.len() != region.elements() * size || !Region::whole(self.shape()).contains(region)
        {
            return Err(Error::internal(format!(
                "unpacking {} bytes into {region:?} of a block of {} {:?}",
                bytes.len(),
                self.dtype(),
                self.shape()
            )));
        }
        if region.is_empty() {
            return Ok(());
        }
        let strides = row_major_strides(self.shape());
        let offset: isize = (region.start.iter().zip(&strides))
            .map(|(start, stride)| *start as isize * stride)
            .sum();
        let row = region.shape.last().copied().unwrap_or(1);
        let mut source = bytes.chunks_exact(row * size);
        for_physical!(self.buffer().physical(), T => {
            if let Some(to) = T::slice_mut(self.buffer_mut()) {
                rows(offset, &region.shape, &strides, |first| {
                    if let Some(bytes) = source.next() {
                        T::read_bytes(bytes, &mut to[first..first + row]);
                    }
                });
            }
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::geom::Select;

    #[test]
    fn boxes_travel_as_bytes() {
        let block = Block::from_vec(&[3, 4, 5], (0..60i32).collect()).unwrap();
        let region = Region::new([1, 0, 2], [2, 3, 2]);
        let bytes = block.part(&region).to_bytes();
        let mut other = Block::from_vec(&[3, 4, 5], vec![-1i32; 60]).unwrap();
        other.paste_bytes(&region, &bytes).unwrap();
        for (at, value) in other.as_slice::<i32>().unwrap().iter().enumerate() {
            let inside = at / 20 >= 1 && at / 5 % 4 < 3 && (2..4).contains(&(at % 5));
            assert_eq!(*value, if inside { at as i32 } else { -1 });
        }
        let mut written = vec![0; bytes.len()];
        block.part(&region).write_bytes(&mut written).unwrap();
        assert_eq!(written, bytes);
        assert!(block.part(&region).write_bytes(&mut written[1..]).is_err());
        let turned = block.select(&Select::transpose(&[3, 4, 5], &[2, 1, 0]));
        assert_eq!(
            turned.to_bytes()[..12],
            Block::from_view(&turned).unwrap().buffer().as_bytes()[..12]
        );
        let mut written = vec![0; 240];
        turned.write_bytes(&mut written).unwrap();
        assert_eq!(written, turned.to_bytes());
        assert!(other.paste_bytes(&region, &bytes[1..]).is_err());
        let mut scalar = Block::from_vec(&[], vec![1.0f64]).unwrap();
        scalar
            .paste_bytes(&Region::whole(&[]), &2.0f64.to_ne_bytes())
            .unwrap();
        assert_eq!(scalar.view().to_bytes(), 2.0f64.to_ne_bytes());
    }
}
