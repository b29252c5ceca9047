//! Groups: the links by which objects are found. Old groups have a B-tree (version 1) of symbols and a heap of names, new
//! ones link messages, or a fractal heap where there are many.
//!
//! After "HDF5 File Format Specification 3.0", III.A.1, III.B, III.D, IV.A.2.c, g and r. Guards: a node is visited once,
//! levels decrease by one from parent to child, a path follows a fixed number of links.

use super::btree2;
use super::bytes::{Bytes, Cursor};
use super::fractal::FractalHeap;
use super::header::{DATASPACE, DATATYPE, Header, LAYOUT, LINK, LINK_INFO, SYMBOL_TABLE};
use super::raw::Kind;
use crate::error::Result;
use std::collections::HashSet;

/// The type of the B-tree of link names.
const BY_NAME: u8 = 5;
/// How many links one path may follow, those of its soft links among them.
const MOST_STEPS: usize = 256;
/// The link types of the format: hard, soft; all others lie outside the file.
const HARD: u8 = 0;
const SOFT: u8 = 1;

/// What a link leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// The address of an object's header, base not included.
    Hard(u64),
    /// A path from the link's group, or from the root.
    Soft(String),
}

/// The kind of object that a header describes.
pub(crate) fn kind(header: &Header) -> Kind {
    if header.find(DATATYPE).is_some() && header.find(DATASPACE).is_some() {
        Kind::Dataset
    } else if header.find(SYMBOL_TABLE).is_some() || header.find(LINK_INFO).is_some() {
        Kind::Group
    } else if header.find(LAYOUT).is_some() {
        Kind::Dataset
    } else {
        Kind::Other
    }
}

/// The hard and soft links of a group, in order of creation where the file knows it, else by name.
///
/// # Errors
/// Data when a structure is damaged, unsupported when it has a form that is not known here.
pub(crate) fn links(file: &Bytes, header: &Header) -> Result<Vec<(String, Target)>> {
    if let Some(table) = header.find(SYMBOL_TABLE) {
        let mut c = Cursor::new(file, table.at, &table.bytes);
        let (tree, heap) = (c.address()?, c.address()?);
        return symbols(file, tree, heap);
    }
    let mut found = Vec::new();
    for message in header.all(LINK) {
        link(
            file,
            &mut Cursor::new(file, message.at, &message.bytes),
            &mut found,
        )?;
    }
    if let Some(info) = header.find(LINK_INFO) {
        let mut c = Cursor::new(file, info.at, &info.bytes);
        let (version, flags) = (c.u8()?, c.u8()?);
        if version != 0 {
            return Err(file.damaged(info.at, format!("links of version {version}")));
        }
        c.skip(if flags & 1 != 0 { 8 } else { 0 })?;
        let (heap, names) = (c.address()?, c.address()?);
        if heap != file.undefined() {
            let mut heap = FractalHeap::open(file, heap)?;
            btree2::walk(file, names, &[BY_NAME], &mut |c, _, bytes| {
                if bytes != heap.id_bytes() + 4 {
                    return Err(file.damaged(c.offset(), format!("records of {bytes} bytes")));
                }
                c.skip(4)?;
                let (at, bytes) = heap.object(c)?;
                link(file, &mut Cursor::new(file, at, &bytes), &mut found)
            })?;
        }
    }
    found.sort_by(|a, b| (a.order, &a.name).cmp(&(b.order, &b.name)));
    Ok(found
        .into_iter()
        .filter_map(|l| Some((l.name, l.target?)))
        .collect())
}

struct Link {
    name: String,
    order: Option<u64>,
    target: Option<Target>,
}

/// A link message.
fn link(file: &Bytes, c: &mut Cursor<'_>, found: &mut Vec<Link>) -> Result<()> {
    let at = c.offset();
    let (version, flags) = (c.u8()?, c.u8()?);
    if version != 1 {
        return Err(file.damaged(at, format!("a link of version {version}")));
    }
    let kind = if flags & 8 != 0 { c.u8()? } else { HARD };
    let order = match flags & 4 {
        0 => None,
        _ => Some(c.uint(8)?),
    };
    c.skip(if flags & 16 != 0 { 1 } else { 0 })?;
    let name_bytes = c.uint(1 << (flags & 3))?;
    let name_bytes = usize::try_from(name_bytes).unwrap_or(usize::MAX);
    let name = String::from_utf8_lossy(c.take(name_bytes)?).into_owned();
    let target = match kind {
        HARD => Some(Target::Hard(c.address()?)),
        SOFT => {
            let len = usize::from(c.u16()?);
            let path = String::from_utf8_lossy(c.take(len)?).into_owned();
            Some(Target::Soft(path))
        }
        _ => None,
    };
    found.push(Link {
        name,
        order,
        target,
    });
    Ok(())
}

/// The links of an old group.
fn symbols(file: &Bytes, tree: u64, heap: u64) -> Result<Vec<(String, Target)>> {
    let names = Names::open(file, heap)?;
    let Some(root) = file.locate(tree) else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    let mut seen = HashSet::from([root]);
    // Children are pushed last first, so that names come in order.
    let mut todo = vec![(root, None::<u8>)];
    while let Some((at, wanted)) = todo.pop() {
        let head = file.read(at, 8)?;
        if head.starts_with(b"SNOD") {
            if wanted != Some(0) {
                return Err(file.damaged(at, "a symbol node at another level"));
            }
            symbol_node(file, at, &names, &mut found)?;
            continue;
        }
        let mut c = Cursor::new(file, at, &head);
        c.signature(b"TREE")?;
        let (kind, level, entries) = (c.u8()?, c.u8()?, usize::from(c.u16()?));
        if kind != 0 || wanted.is_some_and(|w| w.checked_sub(1) != Some(level)) {
            return Err(file.damaged(at, format!("a B-tree node of type {kind}, level {level}")));
        }
        let (o, l) = (file.offset_bytes, file.length_bytes);
        let start = at + 8 + 2 * o as u64;
        let bytes = file.read(start, entries * (o + l))?;
        let mut c = Cursor::new(file, start, &bytes);
        let mut children = Vec::new();
        for _ in 0..entries {
            c.skip(l)?;
            let here = c.offset();
            let Some(child) = file.locate(c.address()?) else {
                return Err(file.damaged(here, "a B-tree child without an address"));
            };
            if !seen.insert(child) {
                return Err(file.damaged(here, "a B-tree node with two parents"));
            }
            children.push((child, Some(level)));
        }
        todo.extend(children.into_iter().rev());
    }
    Ok(found)
}

fn symbol_node(
    file: &Bytes,
    at: u64,
    names: &Names,
    found: &mut Vec<(String, Target)>,
) -> Result<()> {
    let head = file.read(at, 8)?;
    let mut c = Cursor::new(file, at, &head);
    c.signature(b"SNOD")?;
    let version = c.u8()?;
    c.skip(1)?;
    let count = usize::from(c.u16()?);
    if version != 1 {
        return Err(file.damaged(at, format!("a symbol node of version {version}")));
    }
    let bytes = file.read(at + 8, count * (24 + 2 * file.offset_bytes))?;
    let mut c = Cursor::new(file, at + 8, &bytes);
    for _ in 0..count {
        let here = c.offset();
        let (name, address, cached) = (c.address()?, c.address()?, c.u32()?);
        c.skip(4)?;
        let scratch = u64::from(c.u32()?);
        c.skip(12)?;
        let name = names.get(file, here, name)?;
        let target = match cached {
            2 => Target::Soft(names.get(file, here, scratch)?),
            0 | 1 => Target::Hard(address),
            _ => return Err(file.damaged(here, format!("a symbol of kind {cached}"))),
        };
        found.push((name, target));
    }
    Ok(())
}

/// A local heap: the names of an old group.
struct Names(Vec<u8>);

impl Names {
    fn open(file: &Bytes, address: u64) -> Result<Names> {
        let Some(at) = file.locate(address) else {
            return Err(file.damaged(0, "a heap of names without an address"));
        };
        let head = file.read(at, 8 + 2 * file.length_bytes + file.offset_bytes)?;
        let mut c = Cursor::new(file, at, &head);
        c.signature(b"HEAP")?;
        c.skip(4)?;
        let size = c.length()?;
        c.skip(file.length_bytes)?;
        let Some(data) = file.locate(c.address()?) else {
            return Err(file.damaged(at, "a heap of names without data"));
        };
        Ok(Names(
            file.read(data, usize::try_from(size).unwrap_or(usize::MAX))?,
        ))
    }

    fn get(&self, file: &Bytes, at: u64, offset: u64) -> Result<String> {
        let rest = usize::try_from(offset).ok().and_then(|o| self.0.get(o..));
        let name = rest.and_then(|rest| Some(&rest[..rest.iter().position(|b| *b == 0)?]));
        match name {
            Some(name) => Ok(String::from_utf8_lossy(name).into_owned()),
            None => Err(file.damaged(at, format!("a name at {offset}, beyond its heap"))),
        }
    }
}

/// The address of the object at `path` from the group at `from`; `None` when there is none.
///
/// # Errors
/// As [`links`].
pub(crate) fn resolve(file: &Bytes, root: u64, from: u64, path: &str) -> Result<Option<u64>> {
    follow(file, root, from, path, &mut 0)
}

fn follow(
    file: &Bytes,
    root: u64,
    from: u64,
    path: &str,
    steps: &mut usize,
) -> Result<Option<u64>> {
    let mut at = if path.starts_with('/') { root } else { from };
    for part in path.split('/').filter(|p| !p.is_empty() && *p != ".") {
        *steps += 1;
        if *steps > MOST_STEPS {
            return Err(file.failed(format!("{path} follows more than {MOST_STEPS} links")));
        }
        let header = Header::read(file, at)?;
        if kind(&header) != Kind::Group {
            return Ok(None);
        }
        let links = links(file, &header)?;
        at = match links.into_iter().find(|(name, _)| name == part) {
            Some((_, Target::Hard(address))) => address,
            Some((_, Target::Soft(path))) => match follow(file, root, at, &path, steps)? {
                Some(address) => address,
                None => return Ok(None),
            },
            None => return Ok(None),
        };
    }
    Ok(Some(at))
}
