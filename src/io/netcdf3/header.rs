//! The header: dimensions, attributes and variables.
//!
//! After "The NetCDF Classic Format Specification" (netCDF-C, Appendix B) and PnetCDF's for CDF-5. All numbers are big-endian;
//! counts and lengths have 4 bytes, in CDF-5 files 8. Nothing is allocated that the file could not hold.

use crate::dtype::DType;
use crate::error::{Error, Fault, Result};
use crate::io::netcdf::attrs::scalars;
use crate::io::retry;
use crate::io::sniff::open_unchanged;
use crate::spec::{AttrValue, Attrs, FileId};
use std::collections::HashSet;
use std::fs::File;

/// Bytes that are read at once.
const WINDOW: usize = 64 << 10;
/// The most bytes of one name or attribute: more are damage.
const MOST_BYTES: u64 = 256 << 20;

const DIMENSIONS: u32 = 10;
const VARIABLES: u32 = 11;
const ATTRIBUTES: u32 = 12;

/// A dimension.
#[derive(Debug)]
pub(super) struct Dim {
    pub(super) name: String,
    /// Its length; `None` for the record dimension.
    pub(super) len: Option<u64>,
}

/// What elements are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Char,
    Number(DType),
}

impl Type {
    /// Bytes of an element.
    pub(super) fn size(self) -> usize {
        match self {
            Type::Char => 1,
            Type::Number(dtype) => dtype.size(),
        }
    }
}

/// A variable.
#[derive(Debug)]
pub(super) struct Variable {
    pub(super) name: String,
    /// Numbers of its dimensions, all of them known; the record dimension is the first one.
    pub(super) dims: Vec<usize>,
    pub(super) attrs: Attrs,
    pub(super) kind: Type,
    /// Where its data, or its first record, begin.
    pub(super) begin: u64,
}

/// A header.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) dims: Vec<Dim>,
    pub(super) attrs: Attrs,
    pub(super) variables: Vec<Variable>,
    /// The number of records; `None` when it follows from the length of the file.
    pub(super) records: Option<u64>,
    /// Length of the header itself.
    pub(super) bytes: u64,
}

impl Header {
    /// Reads the header of a file.
    ///
    /// # Errors
    /// Data when the file changed, or its header is truncated or damaged, naming the byte; no input when it is gone.
    pub(super) fn read(id: &FileId) -> Result<Header> {
        let mut c = Cursor {
            id,
            file: open_unchanged(id)?,
            window: Vec::new(),
            used: 0,
            at: 0,
            wide: false,
            place: "its beginning".to_owned(),
        };
        let version = c.take(4)?[3];
        c.wide = version == 5;
        let streaming = if c.wide {
            u64::MAX
        } else {
            u64::from(u32::MAX)
        };
        let records = Some(c.count()?).filter(|n| *n != streaming);
        let dims = c.dims()?;
        c.place = "the global attributes".to_owned();
        let attrs = c.attrs()?;
        let variables = c.variables(version, &dims)?;
        Ok(Header {
            dims,
            attrs,
            variables,
            records,
            bytes: c.at,
        })
    }
}

/// A position in the header.
struct Cursor<'a> {
    id: &'a FileId,
    file: File,
    /// What was read of the file, of which `used` bytes lie before `at`.
    window: Vec<u8>,
    used: usize,
    /// The offset of the next byte.
    at: u64,
    /// Counts have 8 bytes.
    wide: bool,
    /// What is read, for errors.
    place: String,
}

impl Cursor<'_> {
    fn damaged(&self, what: impl std::fmt::Display) -> Error {
        Error::data(format!(
            "open: {}: its NetCDF-3 header is damaged at byte {}, in {}: {what}",
            self.id.path.display(),
            self.at,
            self.place
        ))
    }

    fn left(&self) -> u64 {
        self.id.bytes.saturating_sub(self.at)
    }

    /// The next bytes.
    fn take(&mut self, count: usize) -> Result<&[u8]> {
        if count as u64 > self.left() {
            return Err(Error::data(format!(
                "open: {} is truncated: it has {} bytes and ends inside its NetCDF-3 header, in {}",
                self.id.path.display(),
                self.id.bytes,
                self.place
            )));
        }
        if self.window.len() - self.used < count {
            let most = self.left().min(WINDOW as u64) as usize;
            self.window.clear();
            self.window.resize(most.max(count), 0);
            self.used = 0;
            retry::read_exact(
                &self.file,
                &mut self.window,
                self.at,
                self.id.path.display(),
            )
            .map_err(|e| {
                Error::new(
                    Fault::Io,
                    format!(
                        "reading {} at byte {}: {e}",
                        self.id.path.display(),
                        self.at
                    ),
                )
            })?;
        }
        let from = self.used;
        self.used += count;
        self.at += count as u64;
        Ok(&self.window[from..from + count])
    }

    fn uint(&mut self, width: usize) -> Result<u64> {
        let bytes = self.take(width)?;
        Ok(bytes.iter().fold(0, |acc, b| acc << 8 | u64::from(*b)))
    }

    /// A count, a length or the number of a dimension.
    fn count(&mut self) -> Result<u64> {
        self.uint(if self.wide { 8 } else { 4 })
    }

    /// Bytes that are filled up to a multiple of 4.
    fn padded(&mut self, what: &str, bytes: u64) -> Result<Vec<u8>> {
        if bytes > self.left().min(MOST_BYTES) {
            return Err(self.damaged(format!(
                "{what} of {bytes} bytes does not fit into the {} bytes that are left (truncated, or damaged)",
                self.left()
            )));
        }
        let bytes = self.take(bytes as usize)?.to_vec();
        let fill = (bytes.len().next_multiple_of(4) - bytes.len()) as u64;
        self.take(fill as usize)?;
        Ok(bytes)
    }

    fn name(&mut self) -> Result<String> {
        let bytes = self.count()?;
        if bytes == 0 {
            return Err(self.damaged("a name of no characters"));
        }
        let name = self.padded("a name", bytes)?;
        String::from_utf8(name).map_err(|e| {
            let shown = String::from_utf8_lossy(e.as_bytes()).into_owned();
            self.damaged(format!("the name {shown:?} is not UTF-8"))
        })
    }

    /// The number of elements of a list whose elements have at least `least` bytes.
    fn list(&mut self, tag: u32, what: &str, least: u64) -> Result<u64> {
        let (found, count) = (self.uint(4)?, self.count()?);
        if found != u64::from(tag) && (found, count) != (0, 0) {
            return Err(self.damaged(format!(
                "a list with the tag {found}; allowed is {tag}, or 0 for none"
            )));
        }
        self.fits(what, count, least)?;
        Ok(count)
    }

    fn fits(&self, what: &str, count: u64, least: u64) -> Result<()> {
        if count <= self.left() / least {
            return Ok(());
        }
        Err(self.damaged(format!(
            "{count} {what} do not fit into the {} bytes that are left (truncated, or damaged)",
            self.left()
        )))
    }

    fn dims(&mut self) -> Result<Vec<Dim>> {
        self.place = "the list of dimensions".to_owned();
        let count = self.list(DIMENSIONS, "dimensions", if self.wide { 20 } else { 12 })?;
        let (mut dims, mut names) = (Vec::<Dim>::new(), HashSet::new());
        for number in 0..count {
            self.place = format!("dimension {number}");
            let name = self.name()?;
            let len = self.count()?;
            self.place = format!("dimension {name}");
            if i64::try_from(len).is_err() {
                return Err(self.damaged(format!("its length is {len}")));
            }
            if len == 0
                && let Some(other) = dims.iter().find(|d| d.len.is_none())
            {
                return Err(self.damaged(format!(
                    "it is unlimited, as {} is; NetCDF-3 has one unlimited dimension",
                    other.name
                )));
            }
            if !names.insert(name.clone()) {
                return Err(self.damaged("a second dimension of this name"));
            }
            dims.push(Dim {
                name,
                len: (len > 0).then_some(len),
            });
        }
        Ok(dims)
    }

    /// Attributes; `place` is their owner.
    fn attrs(&mut self) -> Result<Attrs> {
        let owner = self.place.clone();
        let count = self.list(ATTRIBUTES, "attributes", if self.wide { 24 } else { 16 })?;
        let (mut attrs, mut names) = (Attrs::default(), HashSet::new());
        for number in 0..count {
            self.place = format!("{owner}, attribute {number}");
            let name = self.name()?;
            self.place = format!("{owner}, attribute {name}");
            let kind = self.kind()?;
            let count = self.count()?;
            let bytes = count.saturating_mul(kind.size() as u64);
            let mut bytes = self.padded("a value", bytes)?;
            let value = match kind {
                Type::Char => AttrValue::Text(text(&bytes)),
                Type::Number(dtype) => {
                    if cfg!(target_endian = "little") {
                        bytes
                            .chunks_exact_mut(dtype.size())
                            .for_each(<[u8]>::reverse);
                    }
                    let numbers = scalars(dtype.physical(), &bytes);
                    AttrValue::Numbers(numbers.map_err(|why| self.damaged(why))?)
                }
            };
            if !names.insert(name.clone()) {
                return Err(self.damaged("a second attribute of this name"));
            }
            attrs.0.push((name, value));
        }
        self.place = owner;
        Ok(attrs)
    }

    fn kind(&mut self) -> Result<Type> {
        Ok(match (self.uint(4)?, self.wide) {
            (1, _) => Type::Number(DType::I8),
            (2, _) => Type::Char,
            (3, _) => Type::Number(DType::I16),
            (4, _) => Type::Number(DType::I32),
            (5, _) => Type::Number(DType::F32),
            (6, _) => Type::Number(DType::F64),
            (7, true) => Type::Number(DType::U8),
            (8, true) => Type::Number(DType::U16),
            (9, true) => Type::Number(DType::U32),
            (10, true) => Type::Number(DType::I64),
            (11, true) => Type::Number(DType::U64),
            (other, wide) => {
                let most = if wide { 11 } else { 6 };
                return Err(self.damaged(format!("type {other}; allowed are 1 … {most}")));
            }
        })
    }

    fn variables(&mut self, version: u8, dims: &[Dim]) -> Result<Vec<Variable>> {
        self.place = "the list of variables".to_owned();
        let count = self.list(VARIABLES, "variables", if self.wide { 52 } else { 32 })?;
        let (mut variables, mut names) = (Vec::new(), HashSet::new());
        for number in 0..count {
            self.place = format!("variable {number}");
            let name = self.name()?;
            self.place = format!("variable {name}");
            if !names.insert(name.clone()) {
                return Err(self.damaged("a second variable of this name"));
            }
            let own = self.variable_dims(dims)?;
            let attrs = self.attrs()?;
            let kind = self.kind()?;
            // Its size is too small a number for large variables, and follows from the shape.
            self.count()?;
            let begin = match version {
                1 => i64::from(self.uint(4)? as u32 as i32),
                _ => self.uint(8)? as i64,
            };
            variables.push(Variable {
                name,
                dims: own,
                attrs,
                kind,
                begin: u64::try_from(begin)
                    .map_err(|_| self.damaged(format!("its data begin at byte {begin}")))?,
            });
        }
        Ok(variables)
    }

    fn variable_dims(&mut self, dims: &[Dim]) -> Result<Vec<usize>> {
        let count = self.count()?;
        self.fits("dimensions", count, if self.wide { 8 } else { 4 })?;
        let mut own = Vec::new();
        for axis in 0..count {
            let number = self.count()?;
            let known = usize::try_from(number).ok().filter(|n| *n < dims.len());
            let Some(number) = known else {
                return Err(self.damaged(format!(
                    "axis {axis} lies on dimension {number}; the file has {}",
                    dims.len()
                )));
            };
            if axis > 0 && dims[number].len.is_none() {
                return Err(self.damaged(format!(
                    "the unlimited dimension {} is its axis {axis}; allowed is axis 0",
                    dims[number].name
                )));
            }
            own.push(number);
        }
        Ok(own)
    }
}

/// Characters without zero bytes as UTF-8, else as Latin-1: old files hold degree signs.
pub(super) fn text(bytes: &[u8]) -> String {
    let bytes: Vec<u8> = bytes.iter().copied().filter(|b| *b != 0).collect();
    String::from_utf8(bytes)
        .unwrap_or_else(|e| e.as_bytes().iter().map(|b| char::from(*b)).collect())
}
