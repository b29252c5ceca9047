//! The bitshuffle filter: in each block of elements, bits of equal rank side by side, so that compressors find them.
//!
//! Of a block of `n` elements (a multiple of 8) of `s` bytes, bit `j` of byte `k` of element `8 i + b` is bit `b` of byte `i` of
//! row `8 k + j`; a row has `n / 8` bytes. Fewer than 8 elements at the end of a chunk stay as they are.
//!
//! A tile of all rows is turned at once, in memory that stays in the cache: bits between the eight rows of a byte by exchanges
//! of halves, quarters and eighths, then bytes between all rows by zips of two. Both are loops over slices.

use super::unpack::{Frame, unlz4_block};
use super::zarr::unzstd;
use crate::spec::BlockPacking;

/// Bytes of a block when nobody says how many elements it has.
const USUAL_BLOCK_BYTES: usize = 8192;
/// The least elements of such a block.
const LEAST_ELEMENTS: usize = 128;
/// Bytes of a tile's rows.
const WIDTH: usize = 64;

/// Memory of the turned tile, used again for every block.
#[derive(Default)]
struct Tile {
    rows: Vec<u8>,
    next: Vec<u8>,
}

/// Undoes a bitshuffle without compression.
///
/// # Errors
/// When the blocks are no multiples of 8 elements, or elements larger than the chunk.
pub(super) fn undo(
    bytes: &[u8],
    element: usize,
    block: usize,
    out: &mut [u8],
) -> Result<(), String> {
    check(element, block, out.len())?;
    let block = match block {
        0 => (USUAL_BLOCK_BYTES / element / 8 * 8).max(LEAST_ELEMENTS),
        n => n,
    };
    let mut tile = Tile::default();
    each_block(element, block, out, |at, out| {
        turn(&bytes[at..at + out.len()], element, out, &mut tile);
        Ok(())
    })?;
    let rest = whole_groups(element, out.len());
    out[rest..].copy_from_slice(&bytes[rest..]);
    Ok(())
}

/// Unpacks compressed blocks, one after the other into `shuffled`, and undoes their bitshuffle.
///
/// # Errors
/// What is wrong with the bytes.
pub(super) fn unpack(
    frame: &mut Frame<'_>,
    packing: BlockPacking,
    element: usize,
    out: &mut [u8],
    shuffled: &mut Vec<u8>,
) -> Result<(), String> {
    let block = frame.block / element.max(1);
    check(element, block, out.len())?;
    if block == 0 {
        return Err("its header of bitshuffle says blocks of no elements".into());
    }
    let mut tile = Tile::default();
    each_block(element, block, out, |_, out| {
        let packed = frame.block()?;
        match packing {
            BlockPacking::Lz4 => {
                shuffled.resize(out.len(), 0);
                unlz4_block(packed, shuffled)?;
            }
            BlockPacking::Zstd => unzstd(packed, out.len(), shuffled)?,
        }
        turn(shuffled, element, out, &mut tile);
        Ok(())
    })?;
    let rest = whole_groups(element, out.len());
    let left = frame.take(out.len() - rest)?;
    out[rest..].copy_from_slice(left);
    Ok(())
}

fn check(element: usize, block: usize, bytes: usize) -> Result<(), String> {
    if element == 0 || !bytes.is_multiple_of(element) {
        return Err(format!(
            "bitshuffle of elements of {element} bytes in a chunk of {bytes}"
        ));
    }
    match block % 8 {
        0 => Ok(()),
        _ => Err(format!(
            "bitshuffle in blocks of {block} elements, which is no multiple of 8"
        )),
    }
}

/// Bytes of the elements that are shuffled: those in groups of 8.
fn whole_groups(element: usize, bytes: usize) -> usize {
    bytes / element / 8 * 8 * element
}

/// Calls `work` with the place and the bytes of each block; the last one may have fewer elements, still a multiple of 8.
fn each_block(
    element: usize,
    block: usize,
    out: &mut [u8],
    mut work: impl FnMut(usize, &mut [u8]) -> Result<(), String>,
) -> Result<(), String> {
    let end = whole_groups(element, out.len());
    let bytes = block.saturating_mul(element);
    let mut at = 0;
    for part in out[..end].chunks_mut(bytes) {
        work(at, part)?;
        at += part.len();
    }
    Ok(())
}

/// Turns one block.
fn turn(bytes: &[u8], element: usize, out: &mut [u8], tile: &mut Tile) {
    let (rows, width) = (8 * element, bytes.len() / element / 8);
    for first in (0..width).step_by(WIDTH) {
        let wide = WIDTH.min(width - first);
        tile.rows.resize(rows * wide, 0);
        for k in 0..element {
            let row = |j: usize| {
                let at = (8 * k + j) * width + first;
                &bytes[at..at + wide]
            };
            turn_bits(std::array::from_fn(row), k, element, wide, &mut tile.rows);
        }
        let out = &mut out[first * rows..(first + wide) * rows];
        turn_bytes(rows, wide, tile, out);
    }
}

/// Exchanges bits between the eight rows of byte `k` of an element: bit `b` of row `j` becomes bit `j` of row `b`, which is put
/// at row `b * element + k` of `to`.
fn turn_bits(rows: [&[u8]; 8], k: usize, element: usize, wide: usize, to: &mut [u8]) {
    // Of full width for nearly all tiles: loops of a constant length.
    let mut r = [[0u8; WIDTH]; 8];
    for (r, row) in r.iter_mut().zip(rows) {
        r[..wide].copy_from_slice(row);
    }
    for (step, mask) in [(4, 0x0f), (2, 0x33), (1, 0x55)] {
        for j in (0..8).filter(|j| j & step == 0) {
            let (low, high) = r.split_at_mut(j + step);
            for (a, b) in low[j].iter_mut().zip(&mut high[0]) {
                let (x, y) = (*a, *b);
                *a = (x & mask) | (y & mask) << step;
                *b = (x >> step & mask) | (y & !mask);
            }
        }
    }
    for (b, r) in r.iter().enumerate() {
        let at = (b * element + k) * wide;
        to[at..at + wide].copy_from_slice(&r[..wide]);
    }
}

/// `out[i * rows + r] = tile[r][i]`.
fn turn_bytes(rows: usize, wide: usize, tile: &mut Tile, out: &mut [u8]) {
    if !rows.is_power_of_two() {
        for (i, out) in out.chunks_exact_mut(rows).enumerate() {
            for (r, o) in out.iter_mut().enumerate() {
                *o = tile.rows[r * wide + i];
            }
        }
        return;
    }
    // Row r and the one half of all rows behind it become one, until there is one row.
    tile.next.resize(rows * wide, 0);
    let (mut count, mut wide) = (rows, wide);
    while count > 2 {
        zip_halves(&tile.rows, count / 2, wide, &mut tile.next);
        std::mem::swap(&mut tile.rows, &mut tile.next);
        (count, wide) = (count / 2, wide * 2);
    }
    zip_halves(&tile.rows, 1, wide, out);
}

fn zip_halves(from: &[u8], count: usize, wide: usize, to: &mut [u8]) {
    let (low, high) = from.split_at(count * wide);
    let rows = low.chunks_exact(wide).zip(high.chunks_exact(wide));
    for ((low, high), to) in rows.zip(to.chunks_exact_mut(2 * wide)) {
        let (to, _) = to.as_chunks_mut::<2>();
        for ((a, b), o) in low.iter().zip(high).zip(to) {
            *o = [*a, *b];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bit by bit, as the format says.
    fn shuffled(bytes: &[u8], element: usize, block: usize) -> Vec<u8> {
        let mut out = bytes.to_vec();
        let end = whole_groups(element, bytes.len());
        let mut at = 0;
        for part in bytes[..end].chunks(block * element) {
            let groups = part.len() / element / 8;
            let to = &mut out[at..at + part.len()];
            to.fill(0);
            for e in 0..groups * 8 {
                for k in 0..element {
                    for j in 0..8 {
                        let bit = part[e * element + k] >> j & 1;
                        to[(8 * k + j) * groups + e / 8] |= bit << (e % 8);
                    }
                }
            }
            at += part.len();
        }
        out
    }

    #[test]
    fn undone_in_blocks_of_any_size() {
        let mut state = 1u32;
        for element in [1, 2, 3, 4, 5, 8, 12, 16] {
            for count in [0, 1, 7, 8, 9, 23, 64, 130, 1000, 2049] {
                let mut bytes = vec![0u8; count * element];
                for b in &mut bytes {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    *b = (state >> 24) as u8;
                }
                for block in [8, 24, 512, 1024] {
                    let mut out = vec![0; bytes.len()];
                    undo(&shuffled(&bytes, element, block), element, block, &mut out).unwrap();
                    assert!(out == bytes, "{element} {count} {block}");
                }
            }
        }
    }

    #[test]
    fn parameters_that_cannot_be_are_refused() {
        let mut out = [0; 24];
        for (element, block) in [(0, 8), (5, 8), (4, 7), (usize::MAX, 8)] {
            undo(&[0; 24], element, block, &mut out).unwrap_err();
        }
    }
}
