//! What a dataset looks like: shape, type, layout, filters, fill value. Parsed here, or told by the HDF5 library where its
//! form is not known here.

use super::bytes::{Bytes, Cursor};
use super::datatype::{Datatype, Type, number_type, to_native};
use super::header::{DATASPACE, DATATYPE, EXTERNAL, Header};
use super::layout::{LayoutMessage, layout};
use super::messages::{Dataspace, RawFilter, fill_value, filters};
use super::odd::from_odd;
use super::raw::{self, Raw, RawLayout};
use crate::error::Result;

/// A dataset, described.
pub(crate) struct Dataset {
    /// Of its header, base not included.
    pub(crate) address: u64,
    pub(crate) kind: Type,
    /// Bytes of a stored element.
    pub(crate) element_bytes: usize,
    /// `None` for a null dataspace.
    pub(crate) dims: Option<Vec<u64>>,
    pub(crate) limits: Vec<u64>,
    pub(crate) layout: RawLayout,
    /// Lengths of a chunk; empty when it has none.
    pub(crate) chunk: Vec<u64>,
    pub(crate) filters: Vec<RawFilter>,
    /// Its data lie in other files.
    pub(crate) external: bool,
    /// The fill value: of numbers native bytes, of other types those stored.
    pub(crate) fill: Option<Vec<u8>>,
    /// Where its bytes lie; `None` when only the library knows.
    pub(crate) storage: Option<LayoutMessage>,
}

impl Dataset {
    /// Describes the dataset that has this header.
    ///
    /// # Errors
    /// Data when the header is damaged, unsupported when it has a form that is not known here.
    pub(crate) fn parse(file: &Bytes, address: u64, header: &Header) -> Result<Dataset> {
        let needed = |kind: u16, what: &str| {
            header
                .resolved(file, kind)?
                .ok_or_else(|| file.damaged(header.at, format!("a dataset without a {what}")))
        };
        let (at, bytes) = needed(DATASPACE, "dataspace")?;
        let space = Dataspace::parse(file, &mut Cursor::new(file, at, &bytes))?;
        let (at, bytes) = needed(DATATYPE, "datatype")?;
        let datatype = Datatype::parse(file, &mut Cursor::new(file, at, &bytes))?;
        let (kind, bytes) = (datatype.kind.clone(), datatype.bytes);
        let storage = layout(file, header)?;
        let (layout, chunk) = match &storage {
            LayoutMessage::Compact(_) => (RawLayout::Compact, Vec::new()),
            LayoutMessage::Contiguous { .. } => (RawLayout::Contiguous, Vec::new()),
            LayoutMessage::Chunked { chunk, .. } => (RawLayout::Chunked, chunk.clone()),
            LayoutMessage::Unknown(why) => return Err(file.unknown(why)),
        };
        let rank = space.dims.as_ref().map_or(0, Vec::len);
        if layout == RawLayout::Chunked && (chunk.len() != rank || chunk.contains(&0)) {
            return Err(file.damaged(
                header.at,
                format!("chunks of {chunk:?} for a dataset of {rank} axes"),
            ));
        }
        let mut fill = fill_value(file, header)?;
        if let (Some(value), Ok((dtype, odd))) = (&mut fill, number_type(&kind)) {
            if value.len() != bytes {
                return Err(file.damaged(
                    header.at,
                    format!(
                        "a fill value of {} bytes for elements of {bytes}",
                        value.len()
                    ),
                ));
            }
            match odd {
                None => to_native(&kind, bytes, value),
                Some(why) => {
                    *value = from_odd(&datatype, dtype, value)
                        .ok_or_else(|| file.damaged(header.at, why))?;
                }
            }
        }
        Ok(Dataset {
            address,
            kind,
            element_bytes: bytes,
            dims: space.dims,
            limits: space.limits,
            layout,
            chunk,
            filters: filters(file, header)?,
            external: header.find(EXTERNAL).is_some(),
            fill,
            storage: Some(storage),
        })
    }

    /// Describes a dataset by the library's words.
    pub(crate) fn by_library(handle: raw::Handle, address: u64) -> Raw<Dataset> {
        let dataset = raw::Dataset::new(handle)?;
        let kind = dataset.shape.kind.clone();
        let fill = match number_type(&kind) {
            Ok((dtype, _)) => dataset.fill(dtype.physical()).ok().flatten(),
            Err(_) => None,
        };
        Ok(Dataset {
            address,
            kind,
            element_bytes: 0,
            dims: dataset.shape.dims.clone(),
            limits: dataset.shape.limits.clone(),
            layout: dataset.layout,
            chunk: dataset.chunk.clone(),
            filters: dataset.filters.clone(),
            external: dataset.external,
            fill,
            storage: None,
        })
    }
}
