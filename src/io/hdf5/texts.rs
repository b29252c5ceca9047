//! Texts of datasets and attributes: from bytes to strings, and the reading of whole datasets of texts.

use super::attributes::MOST_SMALL;
use super::bytes::{Bytes, Cursor};
use super::dataset::Dataset;
use super::datatype::Type;
use super::global_heap::GlobalHeap;
use super::index::of_layout;
use super::raw;
use crate::block::Block;
use crate::dtype::{DType, Scalar};
use crate::error::Result;
use crate::geom::Region;
use crate::io::direct::DirectSource;
use crate::io::format::{Scratch, Source};
use crate::io::index::StorageIndex;
use crate::spec::{Filter, Layout, SourceSpec};
use std::sync::Arc;

/// The most bytes of all texts of a variable of fixed length.
const MOST_TEXT_BYTES: u64 = 64 * MOST_SMALL;

/// UTF-8, else Latin-1: old files hold degree signs.
fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|b| char::from(*b)).collect(),
    }
}

/// The text in these bytes: up to a zero byte, without the spaces that pad it.
pub(crate) fn text_of(kind: &Type, bytes: &[u8]) -> String {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    let text = text(&bytes[..end]);
    match kind {
        Type::FixedString {
            space_padded: true, ..
        } => text.trim_end_matches(' ').to_owned(),
        _ => text,
    }
}

/// Whether the texts of a dataset can be read here.
pub(crate) fn are_known(dataset: &Dataset, layout: &Layout) -> bool {
    let filtered = match layout {
        Layout::Chunked { filters, .. } => filters.iter().any(|f| matches!(f, Filter::Other(..))),
        Layout::Contiguous | Layout::Records { .. } | Layout::Compact | Layout::Zarr { .. } => {
            false
        }
    };
    dataset.storage.is_some() && !dataset.external && !filtered
}

/// All texts of a dataset in row-major order. `spec` describes it with its own shape.
///
/// # Errors
/// Data when its structures or its texts are damaged; unsupported when it has too many or too long ones.
pub(crate) fn read(file: &Bytes, dataset: &Dataset, spec: &SourceSpec) -> Result<Vec<String>> {
    let count = spec
        .shape
        .iter()
        .try_fold(1u64, |product, n| product.checked_mul(*n as u64));
    let element_bytes = dataset.element_bytes;
    let Some(count) = count.filter(|count| {
        *count <= MOST_SMALL && (count.saturating_mul(element_bytes as u64) <= MOST_TEXT_BYTES)
    }) else {
        return Err(file.unknown(format!(
            "texts of {element_bytes} bytes in the shape {:?} are more than the allowed {MOST_SMALL}, or {MOST_TEXT_BYTES} bytes",
            spec.shape
        )));
    };
    let Some(layout) = dataset.storage.as_ref().filter(|_| count > 0) else {
        return Ok(Vec::new());
    };
    let index = of_layout(file, spec, layout, &dataset.limits, element_bytes)?;
    let bytes = stored_bytes(dataset, spec, index, count as usize)?;
    let mut texts = Vec::with_capacity(count as usize);
    let mut heap = GlobalHeap::new(file);
    for element in bytes.chunks_exact(element_bytes) {
        texts.push(match dataset.kind {
            // An element's own place in the file is behind filters: its errors name the heap.
            Type::VariableString => {
                let mut c = Cursor::new(file, 0, element);
                text_of(&dataset.kind, heap.list(&mut c, 1)?)
            }
            _ => text_of(&dataset.kind, element),
        });
    }
    Ok(texts)
}

/// The stored elements, read like numbers: the bytes of an element are one more axis.
fn stored_bytes(
    dataset: &Dataset,
    spec: &SourceSpec,
    index: StorageIndex,
    count: usize,
) -> Result<Vec<u8>> {
    let element_bytes = dataset.element_bytes;
    let mut spec = SourceSpec {
        dtype: DType::U8,
        big_endian: false,
        fill: Scalar::U8(0),
        ..spec.clone()
    };
    spec.shape.push(element_bytes);
    if let Layout::Chunked { chunk, .. } = &mut spec.layout {
        chunk.push(element_bytes);
    }
    // What was never written holds the fill value.
    let fill = match &dataset.fill {
        Some(fill) if fill.len() == element_bytes => fill.clone(),
        _ => vec![0; element_bytes],
    };
    let mut block = Block::from_vec(&spec.shape, fill.repeat(count))?;
    let source = DirectSource::open(&spec, Arc::new(index))?;
    let whole = Region::whole(&spec.shape);
    let origin = vec![0; spec.shape.len()];
    let (mut raw, mut scratch) = (Vec::new(), Scratch::default());
    for chunk in source.grid().overlapping(&whole) {
        if !source.is_written(&chunk) {
            continue;
        }
        source.fetch(&chunk, &mut raw)?;
        let part = source.grid().region(&chunk);
        source.decode_into(&chunk, &raw, &mut scratch, &part, &mut block, &origin)?;
    }
    Ok(block.buffer().as_bytes().to_vec())
}

/// All texts of a dataset, read by the library.
///
/// # Errors
/// Unsupported, with the library's words: a filter that it lacks, a file that is not there.
pub(crate) fn by_library(file: &Bytes, object: raw::Handle) -> Result<Vec<String>> {
    raw::Dataset::new(object)
        .and_then(|dataset| raw::read_texts(&dataset))
        .map_err(|why| file.unknown(why))
}
