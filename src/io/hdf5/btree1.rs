//! Version 1 B-trees of chunks, the index of nearly all netCDF files: a walk of all nodes, each read once.
//!
//! After "HDF5 File Format Specification 3.0", III.A.1, node type 1. Guards: a node is visited once, and levels decrease
//! by one from parent to child, so that a damaged file can neither loop nor deepen the walk.

use super::bytes::{Bytes, Cursor};
use super::index::Table;
use crate::error::Result;
use std::collections::HashSet;

/// Fills `table` from the tree at `root` (base not included).
pub(crate) fn walk(file: &Bytes, root: u64, table: &mut Table<'_>) -> Result<()> {
    let Some(at) = file.locate(root) else {
        return Ok(());
    };
    let rank = table.chunk.len();
    let key_bytes = 8 + 8 * (rank + 1);
    let head_bytes = 8 + 2 * file.offset_bytes;
    let mut seen = HashSet::from([at]);
    let mut todo = vec![(at, None::<u8>)];
    let mut first = vec![0u64; rank];
    // Nodes of the default size fit one read; larger ones take a second.
    let guess = head_bytes + 64 * (key_bytes + file.offset_bytes) + key_bytes;
    while let Some((at, wanted)) = todo.pop() {
        let mut node = file.read_up_to(at, guess)?;
        let mut c = Cursor::new(file, at, &node);
        c.signature(b"TREE")?;
        let (kind, level, entries) = (c.u8()?, c.u8()?, c.u16()? as usize);
        if kind != 1 || wanted.is_some_and(|w| w != level) {
            return Err(file.damaged(at, format!("a B-tree node of type {kind}, level {level}")));
        }
        let size = head_bytes + entries * (key_bytes + file.offset_bytes);
        if size > node.len() {
            node = file.read(at, size)?;
        }
        let mut c = Cursor::new(file, at, &node);
        c.skip(head_bytes)?;
        for _ in 0..entries {
            let (size, mask) = (c.u32()?, c.u32()?);
            for start in &mut first {
                *start = c.uint(8)?;
            }
            c.skip(8)?;
            let key_end = c.offset();
            let child = c.address()?;
            let Some(child_at) = file.locate(child) else {
                continue;
            };
            if level == 0 {
                table.set(file, key_end, &first, child_at, size.into(), mask)?;
            } else {
                if !seen.insert(child_at) {
                    return Err(file.damaged(key_end, "a B-tree node with two parents"));
                }
                todo.push((child_at, Some(level - 1)));
            }
        }
    }
    Ok(())
}
