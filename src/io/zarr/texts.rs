//! The values of small arrays of texts: variable-length UTF-8, fixed UTF-32 (NumPy's `U`), fixed bytes (NumPy's `S`).

use super::array::{Keys, lengths};
use super::steps::Step;
use super::store::Store;
use crate::error::{Error, Result};
use crate::geom::{ChunkGrid, Region};
use crate::io::info::Texts;
use std::borrow::Cow;
use std::num::NonZeroU64;
use zarrs::array::{
    ArrayBytes, ArrayToBytesCodecTraits, CodecChain, CodecOptions, DataType, FillValue,
};
use zarrs::metadata::v3::{ArrayMetadataV3, MetadataV3};

/// Arrays of more texts are not read whole.
const MOST_TEXTS: usize = 1 << 20;

/// No chunk of texts is longer, encoded or not.
const MOST_BYTES: u64 = 256 << 20;

/// How one text lies in decoded bytes.
#[derive(Clone, Copy)]
enum Form {
    Variable,
    Utf32,
    Bytes,
}

fn form(name: &str) -> Option<Form> {
    match name {
        "string" => Some(Form::Variable),
        "fixed_length_utf32" => Some(Form::Utf32),
        "null_terminated_bytes" | "fixed_length_ascii" => Some(Form::Bytes),
        _ => None,
    }
}

/// The texts of an array; `None` when it is none of texts, is too large, or cannot be read.
///
/// # Errors
/// No input when a chunk cannot be read; data when one is damaged.
pub(super) fn read(
    store: &Store,
    path: &str,
    meta: &ArrayMetadataV3,
    keys: Keys,
    chunk: &[usize],
) -> Result<Option<Texts>> {
    let Some(form) = form(meta.data_type.name()) else {
        return Ok(None);
    };
    let Ok(shape) = lengths(meta.shape.iter().copied()) else {
        return Ok(None);
    };
    let most: usize = chunk.iter().product();
    if shape.iter().product::<usize>() > MOST_TEXTS || most > MOST_TEXTS {
        return Ok(None);
    }
    // The steps from bytes to bytes are run here, with a limit; only how texts lie in bytes is left to zarrs.
    let mut codecs: Vec<MetadataV3> = Vec::new();
    let mut steps = Vec::new();
    for codec in &meta.codecs {
        match Step::new(codec, 1) {
            Ok(Some(step)) => steps.push(step),
            Ok(None) if steps.is_empty() => codecs.push(codec.clone()),
            _ => return Ok(None),
        }
    }
    let Ok(chain) = CodecChain::from_metadata(&codecs) else {
        return Ok(None);
    };
    if !chain.bytes_to_bytes_codecs().is_empty() {
        return Ok(None);
    }
    // zarrs knows texts of fixed width as bytes of that number.
    let config = meta.data_type.configuration();
    let width = config.and_then(|c| c.get("length_bytes")?.as_u64());
    let known = match (form, width) {
        (Form::Variable, _) => DataType::from_metadata(&meta.data_type)
            .ok()
            .and_then(|known| Some((known.fill_value_v3(&meta.fill_value).ok()?, known))),
        (_, Some(width @ 1..=65_536)) => {
            let raw = DataType::from_metadata(&MetadataV3::new(format!("r{}", 8 * width)));
            raw.ok()
                .map(|raw| (FillValue::new(vec![0; width as usize]), raw))
        }
        _ => None,
    };
    let Some((fill, data_type)) = known else {
        return Ok(None);
    };
    let lens: Vec<NonZeroU64> = chunk
        .iter()
        .filter_map(|n| NonZeroU64::new(*n as u64))
        .collect();
    let filled = match form {
        Form::Variable => String::from_utf8_lossy(fill.as_ne_bytes()).into_owned(),
        form => text(form, fill.as_ne_bytes()),
    };
    let mut values = vec![filled; shape.iter().product()];
    let grid = ChunkGrid::regular(&shape, chunk)?;
    for number in grid.overlapping(&Region::whole(&shape)) {
        let key = match path {
            "" => keys.key(&number),
            path => format!("{path}/{}", keys.key(&number)),
        };
        let Some(mut raw) = store.small(&key, MOST_BYTES)? else {
            continue;
        };
        let damaged = |why: String| {
            Error::data(format!(
                "open: variable {path}, chunk {number:?} ({}) is damaged: {why}",
                store.shown(&key)
            ))
        };
        for step in steps.iter().rev() {
            raw = step
                .undo_up_to(&raw, MOST_BYTES as usize)
                .map_err(damaged)?;
        }
        let decoded = chain
            .decode(
                Cow::Owned(raw),
                &lens,
                &data_type,
                &fill,
                &CodecOptions::default(),
            )
            .map_err(|e| damaged(e.to_string()))?;
        let texts: Vec<String> = match decoded {
            ArrayBytes::Variable(variable) => {
                let (bytes, offsets) = variable.into_parts();
                offsets
                    .windows(2)
                    .map(|w| bytes.get(w[0]..w[1]).unwrap_or_default())
                    .map(|b| String::from_utf8_lossy(b).into_owned())
                    .collect()
            }
            ArrayBytes::Fixed(bytes) => {
                let width = (bytes.len() / most.max(1)).max(1);
                bytes.chunks(width).map(|b| text(form, b)).collect()
            }
            ArrayBytes::Optional(_) => return Ok(None),
        };
        if texts.len() != most {
            return Err(damaged(format!(
                "it holds {} texts instead of {most}",
                texts.len()
            )));
        }
        let region = grid.region(&number);
        let full = ChunkGrid::regular(chunk, &vec![1; chunk.len()])?;
        let each = ChunkGrid::regular(&shape, &vec![1; shape.len()])?;
        for (at, text) in texts.into_iter().enumerate() {
            let inside = full.position(at);
            let place: Vec<usize> = region
                .start
                .iter()
                .zip(&inside)
                .map(|(s, i)| s + i)
                .collect();
            if place.iter().zip(&shape).all(|(p, n)| p < n) {
                values[each.linear(&place)] = text;
            }
        }
    }
    Ok(Some(Texts { shape, values }))
}

/// One text of fixed width, without the zeros that fill it up.
fn text(form: Form, bytes: &[u8]) -> String {
    match form {
        Form::Utf32 => {
            let (codes, _) = bytes.as_chunks::<4>();
            let chars = codes.iter().map(|c| u32::from_ne_bytes(*c));
            let text: String = chars
                .map(|c| char::from_u32(c).unwrap_or('\u{fffd}'))
                .collect();
            text.trim_end_matches('\0').to_owned()
        }
        Form::Variable | Form::Bytes => {
            let text = String::from_utf8_lossy(bytes);
            text.trim_end_matches('\0').to_owned()
        }
    }
}
