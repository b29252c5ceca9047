//! Generated arrays: elements from their indices.

use crate::block::{Block, Native};
use crate::error::{Error, Result};
use crate::geom::{Region, positions};
use crate::op::{Draw, Generator};

/// Makes the box `region` of a generated array of `shape` in `out`, of the shape of the region.
///
/// # Errors
/// Internal when `out` has another type.
pub fn generate(
    generator: &Generator,
    shape: &[usize],
    region: &Region,
    out: &mut Block,
) -> Result<()> {
    let other = || Error::internal(format!("{} in a block of another type", generator.name()));
    match generator {
        Generator::Index => {
            let first = region.start.first().copied().unwrap_or(0) as i64;
            let out = i64::slice_mut(out.buffer_mut()).ok_or_else(other)?;
            for (value, index) in out.iter_mut().zip(first..) {
                *value = index;
            }
        }
        Generator::Random { seed, draw } => match draw {
            Draw::Uniform => {
                let out = f64::slice_mut(out.buffer_mut()).ok_or_else(other)?;
                rows(shape, region, out, |index| {
                    let [a, b, _, _] = philox(*seed, index);
                    let bits = u64::from(a) << 32 | u64::from(b);
                    (bits >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
                });
            }
            Draw::Normal | Draw::Integers { .. } => return Err(other()),
        },
    }
    Ok(())
}

/// Sets every element of a box from its row-major index in the whole array.
fn rows<T>(shape: &[usize], region: &Region, out: &mut [T], f: impl Fn(u64) -> T) {
    let row = region.shape.last().copied().unwrap_or(1).max(1);
    let outer: Vec<_> = (0..region.ndim().saturating_sub(1))
        .map(|axis| region.start[axis]..region.end(axis))
        .collect();
    for (row, index) in out.chunks_mut(row).zip(positions(outer)) {
        let last = region.start.last().copied().into_iter();
        let indices = index.iter().copied().chain(last);
        let first = indices
            .zip(shape)
            .fold(0u64, |at, (i, len)| at * *len as u64 + i as u64);
        for (value, index) in row.iter_mut().zip(first..) {
            *value = f(index);
        }
    }
}

/// Philox4x32-10: four random words of a counter under a key.
fn philox(seed: u64, counter: u64) -> [u32; 4] {
    const M0: u64 = 0xD251_1F53;
    const M1: u64 = 0xCD9E_8D57;
    const W0: u32 = 0x9E37_79B9;
    const W1: u32 = 0xBB67_AE85;
    let mut key = [seed as u32, (seed >> 32) as u32];
    let mut c = [counter as u32, (counter >> 32) as u32, 0, 0];
    for _ in 0..10 {
        let (a, b) = (M0 * u64::from(c[0]), M1 * u64::from(c[2]));
        c = [
            (b >> 32) as u32 ^ c[1] ^ key[0],
            b as u32,
            (a >> 32) as u32 ^ c[3] ^ key[1],
            a as u32,
        ];
        key = [key[0].wrapping_add(W0), key[1].wrapping_add(W1)];
    }
    c
}
