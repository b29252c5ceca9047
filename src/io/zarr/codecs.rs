//! The codecs of a chunk, one after the other. The steps from bytes to bytes run here (`steps`), into memory that is used again;
//! what rearranges elements beyond a transposition runs in zarrs.
//!
//! Law: a chunk is decoded to exactly its size or refused.

use super::steps::Step;
use crate::block::Block;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::geom::{Region, Select};
use crate::io::format::Scratch;
use crate::io::paste::{self, Place};
use std::borrow::Cow;
use std::num::NonZeroU64;
use zarrs::array::{
    ArrayBytes, ArrayToBytesCodecTraits, CodecChain, CodecOptions, DataType, FillValue,
    FillValueMetadata,
};
use zarrs::metadata::v3::MetadataV3;

/// How elements lie in the bytes that the steps begin with.
enum Elements {
    /// Row-major.
    Plain { big_endian: bool },
    /// Row-major in the order of these axes.
    Transposed { big_endian: bool, order: Vec<usize> },
    /// As zarrs knows.
    Other(Box<Other>),
}

struct Other {
    chain: CodecChain,
    data_type: DataType,
    fill: FillValue,
    shape: Vec<NonZeroU64>,
    /// Bytes of an encoded chunk before the steps.
    bytes: usize,
}

/// The codecs of the chunks of one array.
pub(super) struct Pipeline {
    elements: Elements,
    steps: Vec<Step>,
    chunk: Vec<usize>,
    dtype: DType,
}

fn is_elements(codec: &MetadataV3) -> bool {
    matches!(codec.name(), "bytes" | "transpose")
}

impl Pipeline {
    /// The codecs of chunks of this shape; the reason when one is not known.
    pub(super) fn new(
        codecs: &[MetadataV3],
        data_type: &MetadataV3,
        fill: &FillValueMetadata,
        dtype: DType,
        chunk: &[usize],
    ) -> Result<Pipeline, String> {
        let mut steps: Vec<Step> = Vec::new();
        let mut first: Vec<MetadataV3> = Vec::new();
        for codec in codecs {
            match Step::new(codec, dtype.size())? {
                Some(step) => steps.push(step),
                None if steps.is_empty() => first.push(codec.clone()),
                None => return Err(format!("the codec {} after compression", codec.name())),
            }
        }
        let compressing = steps.iter().filter(|step| step.compresses()).count();
        if compressing > 1 {
            return Err("two compressions one after the other".into());
        }
        let elements = match first.iter().all(is_elements) {
            true => plain(&first, chunk.len())?,
            false => Elements::Other(Box::new(Other::new(&first, data_type, fill, chunk)?)),
        };
        Ok(Pipeline {
            elements,
            steps,
            chunk: chunk.to_vec(),
            dtype,
        })
    }

    /// Bytes of a chunk before the steps.
    fn plain_bytes(&self) -> usize {
        match &self.elements {
            Elements::Other(other) => other.bytes,
            _ => self.chunk.iter().product::<usize>() * self.dtype.size(),
        }
    }

    /// More bytes than an encoded chunk ever has: a longer file is no chunk.
    pub(super) fn most_bytes(&self) -> usize {
        let plain = self.plain_bytes();
        plain + plain / 16 + (64 << 10)
    }

    /// Decodes a chunk and puts a part of it into a block.
    pub(super) fn decode(
        &self,
        raw: &[u8],
        scratch: &mut Scratch,
        place: &Place<'_>,
        into: &mut Block,
    ) -> Result<(), String> {
        let (mut front, mut back) = (
            std::mem::take(&mut scratch.bytes),
            std::mem::take(&mut scratch.more),
        );
        let result = self
            .unpack(raw, &mut front, &mut back)
            .and_then(|bytes| self.paste(bytes, place, into));
        (scratch.bytes, scratch.more) = (front, back);
        result
    }

    /// Runs the steps backwards; the bytes lie in one of the buffers, or still in `raw`.
    fn unpack<'a>(
        &self,
        raw: &'a [u8],
        front: &'a mut Vec<u8>,
        back: &'a mut Vec<u8>,
    ) -> Result<&'a [u8], String> {
        // What each step began with, as far as it can be told.
        let mut size = Some(self.plain_bytes());
        let mut sizes = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            sizes.push(size);
            size = step.size_after(size);
        }
        // The current bytes: `len` of them, in `raw` or in `front`. The first step goes from one to the other: one buffer.
        let (mut in_raw, mut len) = (true, raw.len());
        for (step, size) in self.steps.iter().zip(sizes).rev() {
            let current = if in_raw { &raw[..len] } else { &front[..len] };
            if let Some(kept) = step.checked(current) {
                len = kept?.len();
                continue;
            }
            if in_raw {
                step.undo(&raw[..len], size, front)?;
                in_raw = false;
            } else {
                step.undo(&front[..len], size, back)?;
                std::mem::swap(front, back);
            }
            len = front.len();
        }
        let bytes: &[u8] = if in_raw { &raw[..len] } else { &front[..len] };
        match bytes.len() == self.plain_bytes() {
            true => Ok(bytes),
            false => Err(format!(
                "it has {} bytes instead of {}",
                bytes.len(),
                self.plain_bytes()
            )),
        }
    }

    fn paste(&self, bytes: &[u8], place: &Place<'_>, into: &mut Block) -> Result<(), String> {
        let text = |e: Error| e.message().to_owned();
        match &self.elements {
            Elements::Plain { big_endian } => {
                paste::plain(place, bytes, *big_endian, into).map_err(text)
            }
            Elements::Transposed { big_endian, order } => {
                let shape: Vec<usize> = order.iter().map(|axis| self.chunk[*axis]).collect();
                let mut turned = Block::zeros(self.dtype, &shape);
                let origin = vec![0; shape.len()];
                let whole = Place {
                    chunk_shape: &shape,
                    chunk_start: &origin,
                    part: &Region::whole(&shape),
                    into_origin: &origin,
                };
                paste::plain(&whole, bytes, *big_endian, &mut turned).map_err(text)?;
                let mut inverse = vec![0; order.len()];
                for (k, axis) in order.iter().enumerate() {
                    inverse[*axis] = k;
                }
                let part = place.part.relative_to(place.chunk_start);
                let view = Select::transpose(&shape, &inverse);
                let view = view.local(&part, &Region::whole(&shape));
                let to = place.part.relative_to(place.into_origin);
                into.paste(&to, &turned.select(&view)).map_err(text)
            }
            Elements::Other(other) => {
                let decoded = other.decode(bytes)?;
                paste::plain(place, &decoded, cfg!(target_endian = "big"), into).map_err(text)
            }
        }
    }

    /// Encodes a whole chunk, given as little-endian bytes in row-major order. Only for pipelines that were made for writing.
    pub(super) fn encode(&self, bytes: &[u8]) -> Result<Vec<u8>, String> {
        let mut current: Cow<'_, [u8]> = Cow::Borrowed(bytes);
        for step in &self.steps {
            current = Cow::Owned(step.apply(&current)?);
        }
        Ok(current.into_owned())
    }
}

fn plain(codecs: &[MetadataV3], ndim: usize) -> Result<Elements, String> {
    let mut order: Vec<usize> = (0..ndim).collect();
    let mut big_endian = None;
    for codec in codecs {
        let config = |key: &str| codec.configuration().and_then(|c| c.get(key));
        if big_endian.is_some() {
            return Err(format!("the codec {} after bytes", codec.name()));
        }
        if codec.name() == "bytes" {
            big_endian = Some(match config("endian").and_then(|e| e.as_str()) {
                None | Some("little") => false,
                Some("big") => true,
                Some(other) => return Err(format!("the endian {other:?}")),
            });
            continue;
        }
        let turn: Vec<usize> = match config("order") {
            Some(serde_json::Value::String(f)) if f == "F" => (0..ndim).rev().collect(),
            Some(serde_json::Value::String(c)) if c == "C" => (0..ndim).collect(),
            Some(serde_json::Value::Array(list)) => list
                .iter()
                .filter_map(|n| n.as_u64().map(|n| n as usize))
                .collect(),
            _ => Vec::new(),
        };
        let mut sorted = turn.clone();
        sorted.sort_unstable();
        if sorted != (0..ndim).collect::<Vec<_>>() {
            return Err(format!("the order of transpose is none of {ndim} axes"));
        }
        order = turn.iter().map(|axis| order[*axis]).collect();
    }
    let big_endian = big_endian.ok_or("no codec that turns elements into bytes")?;
    Ok(match order.is_sorted() {
        true => Elements::Plain { big_endian },
        false => Elements::Transposed { big_endian, order },
    })
}

impl Other {
    fn new(
        codecs: &[MetadataV3],
        data_type: &MetadataV3,
        fill: &FillValueMetadata,
        chunk: &[usize],
    ) -> Result<Other, String> {
        let text = |e: &dyn std::fmt::Display| e.to_string();
        let chain = CodecChain::from_metadata(codecs).map_err(|e| {
            let names: Vec<&str> = codecs.iter().map(MetadataV3::name).collect();
            format!("the codecs {}: {e}", names.join(", "))
        })?;
        if !chain.bytes_to_bytes_codecs().is_empty() {
            let names: Vec<&str> = codecs.iter().map(MetadataV3::name).collect();
            return Err(format!("one of the codecs {}", names.join(", ")));
        }
        let data_type = DataType::from_metadata(data_type).map_err(|e| text(&e))?;
        let fill = data_type.fill_value_v3(fill).map_err(|e| text(&e))?;
        let shape: Vec<NonZeroU64> = chunk
            .iter()
            .filter_map(|n| NonZeroU64::new(*n as u64))
            .collect();
        let bytes = chain
            .encoded_representation(&shape, &data_type, &fill)
            .map_err(|e| text(&e))?
            .size()
            .ok_or("its chunks have no fixed size")?;
        Ok(Other {
            chain,
            data_type,
            fill,
            shape,
            bytes: usize::try_from(bytes).map_err(|e| text(&e))?,
        })
    }

    fn decode<'a>(&self, bytes: &'a [u8]) -> Result<Cow<'a, [u8]>, String> {
        let decoded = self
            .chain
            .decode(
                Cow::Borrowed(bytes),
                &self.shape,
                &self.data_type,
                &self.fill,
                &CodecOptions::default(),
            )
            .map_err(|e| e.to_string())?;
        match decoded {
            ArrayBytes::Fixed(bytes) => Ok(bytes),
            _ => Err("its elements have no fixed size".into()),
        }
    }
}
