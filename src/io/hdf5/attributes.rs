//! Attributes of an object: messages of its header, or objects of a fractal heap where there are many.
//!
//! After "HDF5 File Format Specification 3.0", IV.A.2.m and v.

use super::btree2;
use super::bytes::{Bytes, Cursor};
use super::datatype::{Datatype, Type, number_type, to_native};
use super::fractal::FractalHeap;
use super::global_heap::GlobalHeap;
use super::header::{ATTRIBUTE, ATTRIBUTE_INFO, DATASPACE, DATATYPE, Header, shared};
use super::messages::Dataspace;
use super::odd::from_odd;
use super::texts::text_of;
use crate::dtype::DType;
use crate::error::Result;

/// The types of the B-tree of attribute names.
const BY_NAME: u8 = 8;
/// The most elements of an attribute that are read.
pub(crate) const MOST_SMALL: u64 = 1 << 20;

/// An attribute as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct Attribute {
    pub(crate) name: String,
    datatype: Datatype,
    space: Dataspace,
    /// File offset of the data.
    at: u64,
    data: Vec<u8>,
}

/// What an attribute holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// Texts; `true` when the attribute is a scalar.
    Texts(Vec<String>, bool),
    /// Native bytes of numbers.
    Numbers(DType, Vec<u8>),
    /// Lists of addresses of objects.
    References(Vec<Vec<u64>>),
    /// Why it holds nothing that this library has a form for.
    Other(String),
}

/// The attributes of the object with this header, in order of creation where the file knows it.
///
/// # Errors
/// Data when one is damaged, unsupported when one has a form that is not known here.
pub(crate) fn attributes(file: &Bytes, header: &Header) -> Result<Vec<Attribute>> {
    let mut found = Vec::new();
    for message in header.all(ATTRIBUTE) {
        let place = file.place();
        let file = &file.at(&format!("{place}, attribute number {}", found.len()));
        let attribute = match message.flags & 2 {
            0 => parse(file, message.at, &message.bytes, place)?,
            _ => {
                let mut c = Cursor::new(file, message.at, &message.bytes);
                let (at, bytes) = shared(file, &mut c, ATTRIBUTE)?;
                parse(file, at, &bytes, place)?
            }
        };
        found.push((u32::from(message.order), attribute));
    }
    if let Some(info) = header.find(ATTRIBUTE_INFO) {
        let mut c = Cursor::new(file, info.at, &info.bytes);
        let (version, flags) = (c.u8()?, c.u8()?);
        if version != 0 {
            return Err(file.damaged(info.at, format!("attributes of version {version}")));
        }
        c.skip(if flags & 1 != 0 { 2 } else { 0 })?;
        let (heap, names) = (c.address()?, c.address()?);
        if heap != file.undefined() {
            let mut heap = FractalHeap::open(file, heap)?;
            btree2::walk(file, names, &[BY_NAME], &mut |c, _, bytes| {
                if bytes != heap.id_bytes() + 9 {
                    return Err(file.damaged(c.offset(), format!("records of {bytes} bytes")));
                }
                let (at, bytes) = heap.object(c)?;
                let (flags, order) = (c.u8()?, c.u32()?);
                if flags & 2 != 0 {
                    return Err(file.unknown("an attribute in the file's heap of shared messages"));
                }
                found.push((order, parse(file, at, &bytes, file.place())?));
                Ok(())
            })?;
        }
    }
    // Stable: where nothing tracks the order, that of the file stays.
    found.sort_by_key(|(order, _)| *order);
    Ok(found.into_iter().map(|(_, attribute)| attribute).collect())
}

/// One attribute message; its errors name it after `place`.
fn parse(file: &Bytes, at: u64, bytes: &[u8], place: &str) -> Result<Attribute> {
    let mut c = Cursor::new(file, at, bytes);
    let (version, flags) = (c.u8()?, c.u8()?);
    if !(1..=3).contains(&version) {
        return Err(file.damaged(at, format!("an attribute of version {version}")));
    }
    let (name_bytes, type_bytes, space_bytes) = (c.u16()?, c.u16()?, c.u16()?);
    c.skip(if version == 3 { 1 } else { 0 })?;
    // Version 1 pads each part to a multiple of 8 bytes.
    let padded = |bytes: u16| match version {
        1 => usize::from(bytes).next_multiple_of(8),
        _ => usize::from(bytes),
    };
    let name = c.part(padded(name_bytes))?.zero_ended()?;
    let name = String::from_utf8_lossy(name).into_owned();
    let file = &file.at(&format!("{place}, attribute {name}"));
    let part = |start: u64, bytes: &[u8], is_shared: bool, kind: u16| match is_shared {
        false => Ok((start, bytes.to_vec())),
        true => shared(file, &mut Cursor::new(file, start, bytes), kind),
    };
    let start = c.offset();
    let stored = c.take(padded(type_bytes))?;
    let (at_type, stored) = part(start, stored, version > 1 && flags & 1 != 0, DATATYPE)?;
    let datatype = Datatype::parse(file, &mut Cursor::new(file, at_type, &stored))?;
    let start = c.offset();
    let stored = c.take(padded(space_bytes))?;
    let (at_space, stored) = part(start, stored, version > 1 && flags & 2 != 0, DATASPACE)?;
    let space = Dataspace::parse(file, &mut Cursor::new(file, at_space, &stored))?;
    Ok(Attribute {
        name,
        datatype,
        space,
        at: c.offset(),
        data: c.rest().to_vec(),
    })
}

impl Attribute {
    /// What it holds. `file` names the object in its errors.
    ///
    /// # Errors
    /// Data when it is damaged or too large.
    pub(crate) fn value(&self, file: &Bytes) -> Result<Value> {
        let file = &file.at(&format!("{}, attribute {}", file.place(), self.name));
        let element_bytes = self.datatype.bytes;
        if let Type::Other(what) = &self.datatype.kind {
            return Ok(Value::Other(format!("its elements are {what}")));
        }
        let count = self.space.elements(file, MOST_SMALL)?;
        let data = count
            .checked_mul(element_bytes)
            .and_then(|bytes| self.data.get(..bytes));
        let Some(data) = data else {
            return Err(file.damaged(
                self.at,
                format!(
                    "{count} elements of {element_bytes} bytes in {} bytes",
                    self.data.len()
                ),
            ));
        };
        let mut c = Cursor::new(file, self.at, data);
        let scalar = self.space.dims.as_ref().is_none_or(Vec::is_empty);
        match &self.datatype.kind {
            kind @ Type::FixedString { .. } => Ok(Value::Texts(
                data.chunks_exact(element_bytes)
                    .map(|bytes| text_of(kind, bytes))
                    .collect(),
                scalar,
            )),
            kind @ Type::VariableString => {
                let mut heap = GlobalHeap::new(file);
                let texts = (0..count).map(|_| Ok(text_of(kind, heap.list(&mut c, 1)?)));
                Ok(Value::Texts(texts.collect::<Result<_>>()?, scalar))
            }
            Type::ReferenceLists => {
                let mut heap = GlobalHeap::new(file);
                let mut lists = Vec::new();
                for _ in 0..count {
                    let at = c.offset();
                    let list = heap.list(&mut c, file.offset_bytes)?;
                    let mut list = Cursor::new(file, at, list);
                    let addresses = (0..list.left() / file.offset_bytes).map(|_| list.address());
                    lists.push(addresses.collect::<Result<_>>()?);
                }
                Ok(Value::References(lists))
            }
            kind => match number_type(kind) {
                Ok((dtype, None)) => {
                    let mut bytes = data.to_vec();
                    to_native(kind, element_bytes, &mut bytes);
                    Ok(Value::Numbers(dtype, bytes))
                }
                Ok((dtype, Some(why))) => match from_odd(&self.datatype, dtype, data) {
                    Some(bytes) => Ok(Value::Numbers(dtype, bytes)),
                    None => Ok(Value::Other(why)),
                },
                Err(why) => Ok(Value::Other(why)),
            },
        }
    }
}
