//! Where the data lie, by shape and type: first all variables of fixed size, then the records, each with a part of every
//! record variable. The file must hold all of it.

use super::header::{Header, Variable};
use crate::error::{Error, Result};
use crate::spec::FileId;

/// Where the data of a variable lie.
#[derive(Debug)]
pub(super) struct Extent {
    /// Its lengths.
    pub(super) shape: Vec<usize>,
    /// The first byte.
    pub(super) begin: u64,
    /// Bytes of all elements, of a record variable those in one record.
    bytes: u64,
    /// Of a record variable, the distance of two records.
    pub(super) stride: Option<u64>,
}

impl Extent {
    /// True when nothing of other variables lies between its elements.
    pub(super) fn is_contiguous(&self) -> bool {
        self.stride.is_none_or(|stride| stride == self.bytes)
    }
}

/// The number of records, and the extent of each variable in the order of the header.
///
/// # Errors
/// Data when the file is shorter than that, or when two variables share bytes.
pub(super) fn extents(id: &FileId, header: &Header) -> Result<(u64, Vec<Extent>)> {
    let failed = |variable: &Variable, what: String| {
        Error::data(format!(
            "open: {}: variable {}: {what}",
            id.path.display(),
            variable.name
        ))
    };
    let is_record = |v: &Variable| (v.dims.first()).is_some_and(|d| header.dims[*d].len.is_none());
    let mut extents = Vec::with_capacity(header.variables.len());
    for variable in &header.variables {
        let lens = || variable.dims.iter().filter_map(|d| header.dims[*d].len);
        let bytes = lens().try_fold(variable.kind.size() as u64, u64::checked_mul);
        let Some(bytes) = bytes.filter(|bytes| *bytes < 1 << 62) else {
            let lens: Vec<u64> = lens().collect();
            return Err(failed(
                variable,
                format!("lengths of {lens:?} are more than 2^62 bytes"),
            ));
        };
        if variable.begin < header.bytes {
            return Err(failed(
                variable,
                format!(
                    "its data begin at byte {}, inside the header of {} bytes",
                    variable.begin, header.bytes
                ),
            ));
        }
        extents.push(Extent {
            shape: lens().map(|len| len as usize).collect(),
            begin: variable.begin,
            bytes,
            stride: is_record(variable).then_some(0),
        });
    }
    let stride = stride(&extents);
    let records = match (header.records, stride) {
        (Some(records), _) => records,
        (None, None) => 0,
        // As many as the file holds of every variable.
        (None, Some(stride)) => extents
            .iter()
            .filter(|e| e.stride.is_some())
            .map(
                |e| match id.bytes.checked_sub(e.begin.saturating_add(e.bytes)) {
                    Some(after) => after / stride + 1,
                    None => 0,
                },
            )
            .min()
            .unwrap_or(0),
    };
    for (variable, extent) in header.variables.iter().zip(&mut extents) {
        let mut reach = Some(extent.bytes);
        if let (Some(own), Some(stride)) = (&mut extent.stride, stride) {
            *own = stride;
            extent
                .shape
                .insert(0, usize::try_from(records).unwrap_or(usize::MAX));
            reach = match records.checked_sub(1) {
                Some(before) => before
                    .checked_mul(stride)
                    .and_then(|b| b.checked_add(extent.bytes)),
                None => Some(0),
            };
        }
        let end = reach.and_then(|reach| reach.checked_add(extent.begin));
        if reach != Some(0) && end.is_none_or(|end| end > id.bytes) {
            let end = end.map_or("more than 2^64".to_owned(), |end| end.to_string());
            return Err(Error::data(format!(
                "open: {} is truncated: the data of variable {} in the shape {:?} end at byte {end}, it has {}",
                id.path.display(),
                variable.name,
                extent.shape,
                id.bytes
            )));
        }
    }
    apart(id, header, &extents, records)?;
    Ok((records, extents))
}

/// Bytes of a record: its parts, each filled up to a multiple of 4; one alone is not filled up. `None` without any.
fn stride(extents: &[Extent]) -> Option<u64> {
    let mut parts = extents.iter().filter(|e| e.stride.is_some());
    let first = parts.next()?.bytes;
    let mut sum = first.next_multiple_of(4);
    let mut alone = true;
    for part in parts {
        alone = false;
        sum = sum.saturating_add(part.bytes.next_multiple_of(4));
    }
    Some(if alone { first } else { sum })
}

/// Checks that no two variables share bytes: one of them would show the values of the other.
fn apart(id: &FileId, header: &Header, extents: &[Extent], records: u64) -> Result<()> {
    let mut fixed: Vec<(u64, u64, &str)> = Vec::new();
    let mut parts: Vec<(u64, u64, &str)> = Vec::new();
    for (variable, e) in header.variables.iter().zip(extents) {
        let list = match e.stride {
            Some(_) => &mut parts,
            None => &mut fixed,
        };
        list.push((e.begin, e.begin.saturating_add(e.bytes), &variable.name));
    }
    parts.sort_unstable();
    if let (Some(first), Some(last), 1..) = (parts.first().copied(), parts.last().copied(), records)
    {
        let stride = (extents.iter()).find_map(|e| e.stride).unwrap_or(0);
        if last.1 > first.0.saturating_add(stride) {
            return Err(Error::data(format!(
                "open: {}: variables {} and {} lie in one record of {stride} bytes, but begin at bytes {} and {}",
                id.path.display(),
                first.2,
                last.2,
                first.0,
                last.0
            )));
        }
        fixed.push((
            first.0,
            first.0.saturating_add(stride.saturating_mul(records)),
            first.2,
        ));
    }
    fixed.sort_unstable();
    for list in [&fixed, &parts] {
        for pair in list.windows(2) {
            let ((_, end, before), (begin, _, after)) = (pair[0], pair[1]);
            if begin < end {
                return Err(Error::data(format!(
                    "open: {}: variables {before} and {after} share the bytes from {begin} on",
                    id.path.display()
                )));
            }
        }
    }
    Ok(())
}
