//! Global heap collections: where texts and lists of any length lie.
//!
//! After "HDF5 File Format Specification 3.0", III.E. HDF5 1.10.8 reads beyond its memory on damaged ones, so they never
//! reach it. Guards: objects lie inside their collection; collections do not overlap, so that all together have at most the
//! bytes of the file; so have all that is read.

use super::bytes::{Bytes, Cursor};
use crate::error::Result;
use std::collections::HashMap;
use std::ops::Range;

/// One collection: its bytes, and where each object lies in them.
struct Collection {
    bytes: Vec<u8>,
    objects: HashMap<u32, Range<usize>>,
}

/// The collections that one reader met.
pub(crate) struct GlobalHeap<'a> {
    file: &'a Bytes,
    collections: HashMap<u64, Collection>,
    /// Bytes of the collections.
    held_bytes: u64,
    /// Bytes that were given out.
    given_bytes: u64,
}

impl<'a> GlobalHeap<'a> {
    pub(crate) fn new(file: &'a Bytes) -> Self {
        GlobalHeap {
            file,
            collections: HashMap::new(),
            held_bytes: 0,
            given_bytes: 0,
        }
    }

    /// The elements that a stored description (count, collection, object) of a list stands for; none for a null one.
    ///
    /// # Errors
    /// Data when the description, the collection or the object contradict one another.
    pub(crate) fn list(&mut self, c: &mut Cursor<'_>, element_bytes: usize) -> Result<&[u8]> {
        let file = self.file;
        let at = c.offset();
        let (count, address, number) = (c.u32()? as usize, c.address()?, c.u32()?);
        // Unwritten elements are zeros.
        if address == 0 || count == 0 {
            return Ok(&[]);
        }
        let Some(place) = file.locate(address) else {
            return Ok(&[]);
        };
        if !self.collections.contains_key(&place) {
            let collection = self.collection(place)?;
            self.collections.insert(place, collection);
        }
        let object = self.collections.get(&place).and_then(|collection| {
            let range = collection.objects.get(&number)?.clone();
            collection.bytes.get(range)
        });
        let Some(object) = object else {
            return Err(file.damaged(
                at,
                format!("the global heap at {place} has no object {number}"),
            ));
        };
        let wanted = count.checked_mul(element_bytes);
        let Some(list) = wanted.and_then(|bytes| object.get(..bytes)) else {
            return Err(file.damaged(
                at,
                format!(
                    "{count} elements of {element_bytes} bytes in an object of {} bytes of the global heap at {place}",
                    object.len()
                ),
            ));
        };
        self.given_bytes += list.len() as u64;
        if self.given_bytes > file.len() {
            return Err(file.damaged(at, "elements of the global heap that lie over one another"));
        }
        Ok(list)
    }

    fn collection(&mut self, at: u64) -> Result<Collection> {
        let file = self.file;
        let head_bytes = 8 + file.length_bytes;
        let head = file.read(at, head_bytes)?;
        let mut c = Cursor::new(file, at, &head);
        c.signature(b"GCOL")?;
        let version = c.u8()?;
        c.skip(3)?;
        let size = c.length()?;
        if version != 1 || size < head_bytes as u64 {
            return Err(file.damaged(
                at,
                format!("a global heap of version {version}, {size} bytes"),
            ));
        }
        self.held_bytes = self.held_bytes.saturating_add(size);
        if self.held_bytes > file.len() {
            return Err(file.damaged(
                at,
                "global heaps that lie over one another or beyond the end",
            ));
        }
        let bytes = file.read(at, size as usize)?;
        let mut c = Cursor::new(file, at, &bytes);
        c.skip(head_bytes)?;
        let mut objects = HashMap::new();
        // Too few bytes for another object are free.
        while c.left() >= 8 + file.length_bytes {
            let (here, number) = (c.offset(), c.u16()?);
            c.skip(6)?;
            let len = c.length()?;
            // Number 0 is the free space, which ends the collection.
            if number == 0 {
                break;
            }
            let start = (c.offset() - at) as usize;
            let Some(len) = usize::try_from(len).ok().filter(|len| *len <= c.left()) else {
                return Err(
                    file.damaged(here, format!("an object of {len} bytes in a global heap"))
                );
            };
            // Objects are padded to a multiple of 8 bytes.
            c.skip(len.next_multiple_of(8).min(c.left()))?;
            if objects
                .insert(u32::from(number), start..start + len)
                .is_some()
            {
                return Err(file.damaged(here, format!("two objects {number} in a global heap")));
            }
        }
        Ok(Collection { bytes, objects })
    }
}
