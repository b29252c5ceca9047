//! The chunk indices of files written with newer format bounds, as far as they are flat: one chunk, implicit, fixed array.
//!
//! After "HDF5 File Format Specification 3.0", VI and VII.C. Chunk number `i` of these indices counts row-major over the
//! dataset's largest extent, which may exceed its present one; numbers outside the present one are left out.

use super::bytes::{Bytes, Cursor};
use super::index::Table;
use crate::error::Result;

/// The chunk position of number `i`; `None` outside the present extent.
fn position(mut i: u64, counts: &[u64], table: &Table<'_>, first: &mut [u64]) -> bool {
    for axis in (0..counts.len()).rev() {
        first[axis] = (i % counts[axis]) * table.chunk[axis];
        i /= counts[axis];
    }
    first
        .iter()
        .zip(table.shape)
        .all(|(first, len)| *first < *len as u64)
}

/// Chunks per axis of the largest extent.
fn counts(file: &Bytes, table: &Table<'_>, limits: &[u64]) -> Result<(Vec<u64>, u64)> {
    let counts: Vec<u64> = limits
        .iter()
        .zip(table.chunk)
        .map(|(l, c)| l.div_ceil(*c).max(1))
        .collect();
    let total = counts
        .iter()
        .try_fold(1u64, |product, n| product.checked_mul(*n));
    match total {
        Some(total) => Ok((counts, total)),
        None => Err(file.damaged(0, "more chunks than can be counted")),
    }
}

/// The only chunk.
pub(crate) fn single(
    file: &Bytes,
    address: u64,
    filtered: Option<(u64, u32)>,
    table: &mut Table<'_>,
) -> Result<()> {
    let Some(at) = file.locate(address) else {
        return Ok(());
    };
    let (size, mask) = filtered.unwrap_or((table.chunk_bytes, 0));
    let first = vec![0; table.chunk.len()];
    table.set(file, at, &first, at, size, mask)
}

/// Unfiltered chunks one after another.
pub(crate) fn implicit(
    file: &Bytes,
    address: u64,
    limits: &[u64],
    table: &mut Table<'_>,
) -> Result<()> {
    let Some(at) = file.locate(address) else {
        return Ok(());
    };
    let (counts, total) = counts(file, table, limits)?;
    // Every chunk is allocated: more of them than the file has bytes is damage.
    if total
        .checked_mul(table.chunk_bytes.max(1))
        .is_none_or(|bytes| bytes > file.len())
    {
        return Err(file.damaged(
            at,
            format!("{total} chunks without an index exceed the file"),
        ));
    }
    let mut first = vec![0; counts.len()];
    for i in 0..total {
        if position(i, &counts, table, &mut first) {
            table.set(
                file,
                at,
                &first,
                at + i * table.chunk_bytes,
                table.chunk_bytes,
                0,
            )?;
        }
    }
    Ok(())
}

/// A fixed array, of one block or of pages.
pub(crate) fn fixed(
    file: &Bytes,
    address: u64,
    limits: &[u64],
    table: &mut Table<'_>,
) -> Result<()> {
    let Some(at) = file.locate(address) else {
        return Ok(());
    };
    let head = file.read_checked(at, 12 + file.length_bytes + file.offset_bytes)?;
    let mut c = Cursor::new(file, at, &head);
    c.signature(b"FAHD")?;
    c.skip(1)?;
    let (client, entry_bytes, page_bits) = (c.u8()?, c.u8()? as usize, c.u8()?);
    let (total, block) = (c.length()?, c.address()?);
    let (counts, expected) = counts(file, table, limits)?;
    let filtered = client == 1;
    let size_bytes = match (filtered, entry_bytes.checked_sub(file.offset_bytes)) {
        (false, Some(0)) => 0,
        (true, Some(rest @ 5..=12)) => rest - 4,
        _ => return Err(file.damaged(at, format!("array elements of {entry_bytes} bytes"))),
    };
    if total != expected || page_bits > 32 {
        return Err(file.damaged(
            at,
            format!("an array of {total} elements (2^{page_bits} a page) for {expected} chunks"),
        ));
    }
    if total
        .checked_mul(entry_bytes as u64)
        .is_none_or(|bytes| bytes > file.len().saturating_mul(64))
    {
        return Err(file.damaged(at, format!("an array of {total} elements exceeds the file")));
    }
    let Some(block) = file.locate(block) else {
        return Ok(());
    };
    let per_page = 1u64 << page_bits;
    let paged = total > per_page;
    let pages = if paged { total.div_ceil(per_page) } else { 1 };
    let bitmap_bytes = if paged { pages.div_ceil(8) as usize } else { 0 };
    // Every part ends with its checksum: in pages the head, then each page; else all of it together.
    let head_bytes = 6 + file.offset_bytes + bitmap_bytes;
    let head = match paged {
        true => file.read_checked(block, head_bytes + 4)?,
        false => file.read(block, head_bytes)?,
    };
    let mut c = Cursor::new(file, block, &head);
    c.signature(b"FADB")?;
    c.skip(2 + file.offset_bytes)?;
    let bitmap = c.take(bitmap_bytes)?.to_vec();
    let mut at = if paged { c.offset() + 4 } else { block };
    let mut first = vec![0; counts.len()];
    for page in 0..pages {
        let elements = per_page.min(total - page * per_page);
        let bytes = elements * entry_bytes as u64;
        let written = !paged || bitmap[page as usize / 8] & (128 >> (page % 8)) != 0;
        if written {
            let skipped = if paged { 0 } else { head_bytes };
            let page_bytes = file.read_checked(at, skipped + bytes as usize + 4)?;
            let mut c = Cursor::new(file, at, &page_bytes);
            c.skip(skipped)?;
            for i in page * per_page..page * per_page + elements {
                let (offset, address) = (c.offset(), c.address()?);
                let (size, mask) = match filtered {
                    true => (c.uint(size_bytes)?, c.u32()?),
                    false => (table.chunk_bytes, 0),
                };
                if let Some(chunk_at) = file.locate(address)
                    && position(i, &counts, table, &mut first)
                {
                    table.set(file, offset, &first, chunk_at, size, mask)?;
                }
            }
        }
        // Pages have their place whether or not they were written.
        at += bytes + 4;
    }
    Ok(())
}
