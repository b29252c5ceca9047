//! The small messages of a dataset's header: dataspace, fill value, filters.
//!
//! After "HDF5 File Format Specification 3.0", IV.A.2.b, e, f, l.

use super::bytes::{Bytes, Cursor};
use super::header::{FILL, FILTERS, Header, OLD_FILL};
use super::raw::UNLIMITED;
use crate::error::Result;

/// The most axes of a dataset.
const MOST_AXES: u8 = 32;

/// Lengths and limits of a dataset or an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dataspace {
    /// `None` for a null dataspace, empty for a scalar.
    pub(crate) dims: Option<Vec<u64>>,
    /// The most that each axis may grow to; [`UNLIMITED`] where nothing bounds it.
    pub(crate) limits: Vec<u64>,
}

impl Dataspace {
    /// Reads a dataspace message.
    pub(crate) fn parse(file: &Bytes, c: &mut Cursor<'_>) -> Result<Dataspace> {
        let at = c.offset();
        let (version, rank, flags) = (c.u8()?, c.u8()?, c.u8()?);
        let null = match version {
            1 => {
                c.skip(5)?;
                false
            }
            2 => match c.u8()? {
                0 | 1 => false,
                2 => true,
                kind => return Err(file.damaged(at, format!("a dataspace of type {kind}"))),
            },
            _ => return Err(file.damaged(at, format!("a dataspace of version {version}"))),
        };
        if rank > MOST_AXES {
            return Err(file.damaged(at, format!("a dataspace of {rank} axes")));
        }
        let mut lengths = || (0..rank).map(|_| c.length()).collect::<Result<Vec<_>>>();
        let dims = lengths()?;
        let mut limits = if flags & 1 != 0 {
            lengths()?
        } else {
            dims.clone()
        };
        let all_bits = u64::MAX >> (64 - 8 * file.length_bytes);
        for (limit, len) in limits.iter_mut().zip(&dims) {
            if *limit == all_bits {
                *limit = UNLIMITED;
            }
            if *limit < *len {
                return Err(file.damaged(at, format!("an axis of {len} that may have {limit}")));
            }
        }
        Ok(Dataspace {
            dims: (!null).then_some(dims),
            limits,
        })
    }

    /// Number of elements, when it is at most `most`.
    pub(crate) fn elements(&self, file: &Bytes, most: u64) -> Result<usize> {
        let Some(dims) = &self.dims else { return Ok(0) };
        dims.iter()
            .try_fold(1u64, |product, len| product.checked_mul(*len))
            .filter(|count| *count <= most)
            .map(|count| count as usize)
            .ok_or_else(|| {
                file.failed(format!(
                    "{dims:?} elements are more than the allowed {most}"
                ))
            })
    }
}

/// The bytes of a dataset's fill value, as stored; `None` when it is zero or undefined.
pub(crate) fn fill_value(file: &Bytes, header: &Header) -> Result<Option<Vec<u8>>> {
    let Some((at, bytes)) = header.resolved(file, FILL)? else {
        let Some((at, bytes)) = header.resolved(file, OLD_FILL)? else {
            return Ok(None);
        };
        let mut c = Cursor::new(file, at, &bytes);
        let size = c.u32()? as usize;
        return Ok(Some(c.take(size)?.to_vec()).filter(|value| !value.is_empty()));
    };
    let mut c = Cursor::new(file, at, &bytes);
    let version = c.u8()?;
    let defined = match version {
        1 | 2 => {
            c.skip(2)?;
            let defined = c.u8()? != 0;
            version == 1 || defined
        }
        3 => c.u8()? & 0x20 != 0,
        _ => return Err(file.damaged(at, format!("a fill value of version {version}"))),
    };
    if !defined {
        return Ok(None);
    }
    let size = c.u32()? as usize;
    // A size of all bits is how version 1 says "undefined".
    if version == 1 && size == u32::MAX as usize {
        return Ok(None);
    }
    Ok(Some(c.take(size)?.to_vec()).filter(|value| !value.is_empty()))
}

/// A filter of a dataset: number and parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RawFilter {
    pub(crate) number: i32,
    pub(crate) parameters: Vec<u32>,
}

/// The filters of a dataset, in the order in which they were applied.
pub(crate) fn filters(file: &Bytes, header: &Header) -> Result<Vec<RawFilter>> {
    let Some((at, bytes)) = header.resolved(file, FILTERS)? else {
        return Ok(Vec::new());
    };
    let mut c = Cursor::new(file, at, &bytes);
    let (version, count) = (c.u8()?, c.u8()?);
    match version {
        1 => c.skip(6)?,
        2 => {}
        _ => return Err(file.damaged(at, format!("filters of version {version}"))),
    }
    if count > 32 {
        return Err(file.damaged(at, format!("{count} filters; the most are 32")));
    }
    let mut filters = Vec::new();
    for _ in 0..count {
        let number = c.u16()?;
        let name_bytes = if version == 1 || number >= 256 {
            usize::from(c.u16()?)
        } else {
            0
        };
        c.skip(2)?;
        let values = c.u16()?;
        // Version 1 pads names to a multiple of 8, and an odd number of parameters to an even one.
        c.skip(match version {
            1 => name_bytes.next_multiple_of(8),
            _ => name_bytes,
        })?;
        let parameters = (0..values).map(|_| c.u32()).collect::<Result<Vec<_>>>()?;
        c.skip(if version == 1 && values % 2 == 1 {
            4
        } else {
            0
        })?;
        filters.push(RawFilter {
            number: number.into(),
            parameters,
        });
    }
    Ok(filters)
}
