//! Version 2 B-trees: the chunk index of datasets with several unlimited axes, and the name index of links and attributes
//! that lie in a fractal heap.
//!
//! After "HDF5 File Format Specification 3.0", III.A.2. Guards: a node is visited once, levels decrease by one from parent
//! to child, a node has no more records than its size allows, and every node has its checksum.

use super::bytes::{Bytes, Cursor};
use super::index::Table;
use crate::error::Result;
use std::collections::HashSet;

/// Signature, version, type and checksum of a node.
const NODE_BYTES: u64 = 10;
/// A tree of this depth would have more records than any file.
const MOST_DEEP: u16 = 60;

/// The records of chunks, without and with filters.
pub(crate) const CHUNKS: [u8; 2] = [10, 11];

/// What all nodes share.
struct Tree<'a, 'v> {
    file: &'a Bytes,
    kind: u8,
    record_bytes: usize,
    levels: Vec<Level>,
    seen: HashSet<u64>,
    visited: u64,
    visit: &'v mut Visit<'v>,
}

/// Called with each record, its type and its size.
pub(crate) type Visit<'v> = dyn FnMut(&mut Cursor<'_>, u8, usize) -> Result<()> + 'v;

/// What the nodes of one level have: 0 are the leaves.
struct Level {
    most_records: u64,
    /// Records of a whole subtree.
    most_below: u64,
}

/// Bytes that hold numbers up to `most`.
fn width(most: u64) -> usize {
    most.max(1).ilog2() as usize / 8 + 1
}

/// Visits the records of the tree at `address` (base not included) in their order. `kinds` are the types it may have.
///
/// # Errors
/// Data when the tree is damaged, or `visit` fails.
pub(crate) fn walk(file: &Bytes, address: u64, kinds: &[u8], visit: &mut Visit<'_>) -> Result<()> {
    let Some(at) = file.locate(address) else {
        return Ok(());
    };
    let head = file.read_checked(at, 22 + file.offset_bytes + file.length_bytes)?;
    let mut c = Cursor::new(file, at, &head);
    c.signature(b"BTHD")?;
    let (version, kind) = (c.u8()?, c.u8()?);
    let (node_bytes, record_bytes, depth) = (u64::from(c.u32()?), c.u16()?, c.u16()?);
    c.skip(2)?;
    let (root, root_records, total) = (c.address()?, u64::from(c.u16()?), c.length()?);
    let leaf_records = node_bytes.saturating_sub(NODE_BYTES) / u64::from(record_bytes).max(1);
    if version != 0
        || !kinds.contains(&kind)
        || record_bytes == 0
        || leaf_records == 0
        || depth > MOST_DEEP
    {
        return Err(file.damaged(
            at,
            format!(
                "a B-tree of version {version}, type {kind}, depth {depth}, with records of {record_bytes} bytes"
            ),
        ));
    }
    let mut levels = vec![Level {
        most_records: leaf_records,
        most_below: leaf_records,
    }];
    let record = u64::from(record_bytes);
    for _ in 0..depth {
        let below = levels.last().map_or(0, |l| l.most_below);
        let total_bytes = if levels.len() > 1 { width(below) } else { 0 };
        let pointer = (file.offset_bytes + width(leaf_records) + total_bytes) as u64;
        let most_records = node_bytes.saturating_sub(NODE_BYTES + pointer) / (record + pointer);
        levels.push(Level {
            most_records,
            most_below: (most_records + 1)
                .saturating_mul(below)
                .saturating_add(most_records),
        });
    }
    let mut tree = Tree {
        file,
        kind,
        record_bytes: usize::from(record_bytes),
        levels,
        seen: HashSet::new(),
        visited: 0,
        visit,
    };
    if root_records > 0 || depth > 0 {
        tree.node(root, root_records, usize::from(depth))?;
    }
    if tree.visited != total {
        return Err(file.damaged(
            at,
            format!("a B-tree of {} records that promises {total}", tree.visited),
        ));
    }
    Ok(())
}

impl Tree<'_, '_> {
    fn node(&mut self, address: u64, records: u64, level: usize) -> Result<()> {
        let file = self.file;
        let Some(at) = file.locate(address) else {
            return Err(file.damaged(0, "a B-tree node without an address"));
        };
        if records > self.levels[level].most_records || !self.seen.insert(at) {
            return Err(file.damaged(
                at,
                format!("a B-tree node of {records} records, or with two parents"),
            ));
        }
        let count_bytes = width(self.levels[0].most_records);
        let total_bytes = match level {
            0 | 1 => 0,
            _ => width(self.levels[level - 1].most_below),
        };
        let pointers = if level == 0 { 0 } else { records as usize + 1 };
        let size = NODE_BYTES as usize
            + records as usize * self.record_bytes
            + pointers * (file.offset_bytes + count_bytes + total_bytes);
        let bytes = file.read_checked(at, size)?;
        let mut c = Cursor::new(file, at, &bytes);
        c.signature(if level == 0 { b"BTLF" } else { b"BTIN" })?;
        let (version, kind) = (c.u8()?, c.u8()?);
        if version != 0 || kind != self.kind {
            return Err(file.damaged(at, format!("a B-tree node of type {kind}")));
        }
        let mut keys = c.part(records as usize * self.record_bytes)?;
        for i in 0..=records {
            if level > 0 {
                let (child, count) = (c.address()?, c.uint(count_bytes)?);
                c.skip(total_bytes)?;
                self.node(child, count, level - 1)?;
            }
            if i < records {
                let mut record = keys.part(self.record_bytes)?;
                self.visited += 1;
                (self.visit)(&mut record, self.kind, self.record_bytes)?;
            }
        }
        Ok(())
    }
}

/// Fills `table` from the chunk index at `address` (base not included).
pub(crate) fn chunks(file: &Bytes, address: u64, table: &mut Table<'_>) -> Result<()> {
    let rank = table.chunk.len();
    let mut first = vec![0u64; rank];
    walk(file, address, &CHUNKS, &mut |c, kind, record_bytes| {
        let at = c.offset();
        let address = c.address()?;
        let (mut size, mut mask) = (table.chunk_bytes, 0);
        if kind == CHUNKS[1] {
            let size_bytes = record_bytes.checked_sub(file.offset_bytes + 4 + 8 * rank);
            let Some(size_bytes @ 1..=8) = size_bytes else {
                return Err(file.damaged(at, format!("chunk records of {record_bytes} bytes")));
            };
            (size, mask) = (c.uint(size_bytes)?, c.u32()?);
        } else if record_bytes != file.offset_bytes + 8 * rank {
            return Err(file.damaged(at, format!("chunk records of {record_bytes} bytes")));
        }
        for (start, chunk) in first.iter_mut().zip(table.chunk) {
            let number = c.uint(8)?;
            *start = number.checked_mul(*chunk).ok_or_else(|| {
                file.damaged(at, format!("a chunk number {number} in chunks of {chunk}"))
            })?;
        }
        match file.locate(address) {
            Some(chunk_at) => table.set(file, at, &first, chunk_at, size, mask),
            None => Ok(()),
        }
    })
}
