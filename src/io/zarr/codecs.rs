//! The codecs of a chunk. What turns bytes into bytes runs here, into memory that is used again; what rearranges elements
//! beyond a transposition runs in zarrs.
//!
//! Laws: a chunk is decoded to exactly its size or refused; no size that a chunk states is believed before it is compared.

use crate::block::Block;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::geom::{Region, Select};
use crate::io::filters::{inflate, shuffle, unshuffle};
use crate::io::format::Scratch;
use crate::io::paste::{self, Place};
use libdeflater::{CompressionLvl, Compressor, DecompressionError, Decompressor};
use std::borrow::Cow;
use std::cell::RefCell;
use std::num::NonZeroU64;
use zarrs::array::codec::{
    BloscCompressionLevel, BloscCompressor, BloscShuffleMode, blosc_compress_bytes,
    blosc_decompress_bytes, blosc_validate,
};
use zarrs::array::{
    ArrayBytes, ArrayToBytesCodecTraits, CodecChain, CodecOptions, DataType, FillValue,
    FillValueMetadata,
};
use zarrs::metadata::v3::MetadataV3;

thread_local! {
    /// One of each per thread: their tables are large.
    static GUNZIP: RefCell<Decompressor> = RefCell::new(Decompressor::new());
    static UNZSTD: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
    static ZSTD: RefCell<Option<(i32, zstd::bulk::Compressor<'static>)>> = const { RefCell::new(None) };
}

/// A step from bytes to bytes, in the order of writing.
#[derive(Debug)]
enum Step {
    Crc32c,
    Shuffle(usize),
    Gzip(i32),
    Zlib(i32),
    Zstd { level: i32, checksum: bool },
    Blosc(Blosc),
}

#[derive(Debug)]
struct Blosc {
    level: BloscCompressionLevel,
    shuffle: BloscShuffleMode,
    element: usize,
    compressor: BloscCompressor,
    block: usize,
}

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

impl Step {
    /// Whether the size of what it makes cannot be told.
    fn compresses(&self) -> bool {
        !matches!(self, Step::Crc32c | Step::Shuffle(_))
    }

    fn new(codec: &MetadataV3, element: usize) -> Result<Option<Step>, String> {
        let config = |key: &str| codec.configuration().and_then(|c| c.get(key));
        let number = |key: &str| config(key).and_then(serde_json::Value::as_i64);
        let level = |usual: i64| number("level").unwrap_or(usual).clamp(-131_072, 22) as i32;
        Ok(Some(match codec.name() {
            "crc32c" => Step::Crc32c,
            "shuffle" | "numcodecs.shuffle" => {
                Step::Shuffle(number("elementsize").unwrap_or(4).clamp(1, 1 << 16) as usize)
            }
            "gzip" | "numcodecs.gzip" => Step::Gzip(level(5)),
            "zlib" | "numcodecs.zlib" => Step::Zlib(level(1)),
            "zstd" | "numcodecs.zstd" => Step::Zstd {
                level: level(0),
                checksum: config("checksum").and_then(|c| c.as_bool()) == Some(true),
            },
            "blosc" => {
                let text = |key: &str| config(key).and_then(|v| v.as_str()).unwrap_or_default();
                let element = match number("typesize") {
                    Some(n @ 1..=255) => n as usize,
                    _ => element,
                };
                let clevel = number("clevel").unwrap_or(5).clamp(0, 9) as u8;
                Step::Blosc(Blosc {
                    level: BloscCompressionLevel::try_from(clevel)
                        .map_err(|_| format!("the level {clevel} of blosc"))?,
                    shuffle: match text("shuffle") {
                        "bitshuffle" => BloscShuffleMode::BitShuffle,
                        "shuffle" => BloscShuffleMode::Shuffle,
                        _ => BloscShuffleMode::NoShuffle,
                    },
                    element,
                    compressor: match text("cname") {
                        "blosclz" => BloscCompressor::BloscLZ,
                        "lz4hc" => BloscCompressor::LZ4HC,
                        "snappy" => BloscCompressor::Snappy,
                        "zlib" => BloscCompressor::Zlib,
                        "zstd" => BloscCompressor::Zstd,
                        _ => BloscCompressor::LZ4,
                    },
                    block: number("blocksize").unwrap_or(0).max(0) as usize,
                })
            }
            _ => return Ok(None),
        }))
    }
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
            size = match step {
                Step::Crc32c => size.map(|n| n + 4),
                Step::Shuffle(_) => size,
                _ => None,
            };
        }
        // The current bytes: `len` of them, in `raw` or in `front`.
        let (mut in_raw, mut len) = (true, raw.len());
        for (step, size) in self.steps.iter().zip(sizes).rev() {
            let current: &[u8] = if in_raw { &raw[..len] } else { &front[..len] };
            match step {
                Step::Crc32c => {
                    let kept = len
                        .checked_sub(4)
                        .ok_or("it is too short for its checksum")?;
                    let (bytes, sum) = current.split_at(kept);
                    if crc32c::crc32c(bytes).to_le_bytes() != sum {
                        return Err("its CRC-32C does not fit its bytes".into());
                    }
                    len = kept;
                    continue;
                }
                Step::Shuffle(element) => {
                    back.resize(len, 0);
                    unshuffle(current, *element, back);
                }
                Step::Gzip(_) => gunzip(current, expected(size)?, back)?,
                Step::Zlib(_) => {
                    back.resize(expected(size)?, 0);
                    inflate(current, back)?;
                }
                Step::Zstd { .. } => unzstd(current, expected(size)?, back)?,
                Step::Blosc(_) => unblosc(current, expected(size)?, back)?,
            }
            std::mem::swap(front, back);
            (in_raw, len) = (false, front.len());
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
            let next = match step {
                Step::Crc32c => {
                    let mut next = current.to_vec();
                    next.extend(crc32c::crc32c(&current).to_le_bytes());
                    next
                }
                Step::Shuffle(element) => {
                    let mut next = vec![0; current.len()];
                    shuffle(&current, *element, &mut next);
                    next
                }
                Step::Gzip(level) | Step::Zlib(level) => {
                    let level = CompressionLvl::new((*level).clamp(0, 12))
                        .map_err(|_| format!("the level {level} of deflate"))?;
                    let mut compressor = Compressor::new(level);
                    let gzip = matches!(step, Step::Gzip(_));
                    let most = match gzip {
                        true => compressor.gzip_compress_bound(current.len()),
                        false => compressor.zlib_compress_bound(current.len()),
                    };
                    let mut next = vec![0; most];
                    let done = match gzip {
                        true => compressor.gzip_compress(&current, &mut next),
                        false => compressor.zlib_compress(&current, &mut next),
                    };
                    next.truncate(done.map_err(|e| format!("deflate: {e:?}"))?);
                    next
                }
                Step::Zstd { level, checksum } => zstd(&current, *level, *checksum)?,
                Step::Blosc(b) => blosc_compress_bytes(
                    &current,
                    b.level,
                    b.shuffle,
                    b.element,
                    b.compressor,
                    b.block,
                    1,
                )
                .map_err(|e| e.to_string())?,
            };
            current = Cow::Owned(next);
        }
        Ok(current.into_owned())
    }
}

fn expected(size: Option<usize>) -> Result<usize, String> {
    size.ok_or_else(|| "the size of what it holds cannot be told".into())
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

fn gunzip(bytes: &[u8], size: usize, out: &mut Vec<u8>) -> Result<(), String> {
    out.resize(size, 0);
    GUNZIP.with_borrow_mut(|gunzip| match gunzip.gzip_decompress(bytes, out) {
        Ok(n) if n == size => Ok(()),
        Ok(n) => Err(format!("it inflates to {n} bytes instead of {size}")),
        Err(DecompressionError::InsufficientSpace) => {
            Err(format!("it inflates to more than {size} bytes"))
        }
        Err(DecompressionError::BadData) => Err("its gzip stream is damaged".into()),
    })
}

pub(in crate::io) fn unzstd(bytes: &[u8], size: usize, out: &mut Vec<u8>) -> Result<(), String> {
    out.resize(size, 0);
    UNZSTD.with_borrow_mut(|slot| {
        if slot.is_none() {
            *slot = Some(zstd::bulk::Decompressor::new().map_err(|e| format!("zstd: {e}"))?);
        }
        let unzstd = slot.as_mut().ok_or("no decompressor")?;
        match unzstd.decompress_to_buffer(bytes, out.as_mut_slice()) {
            Ok(n) if n == size => Ok(()),
            Ok(n) => Err(format!("its zstd frame holds {n} bytes instead of {size}")),
            Err(e) => Err(format!("its zstd frame is damaged: {e}")),
        }
    })
}

fn zstd(bytes: &[u8], level: i32, checksum: bool) -> Result<Vec<u8>, String> {
    ZSTD.with_borrow_mut(|slot| {
        if slot.as_ref().is_none_or(|(have, _)| *have != level) {
            let made = zstd::bulk::Compressor::new(level).map_err(|e| format!("zstd: {e}"))?;
            *slot = Some((level, made));
        }
        let (_, zstd) = slot.as_mut().ok_or("no compressor")?;
        zstd.include_checksum(checksum)
            .and_then(|()| zstd.compress(bytes))
            .map_err(|e| format!("zstd: {e}"))
    })
}

pub(in crate::io) fn unblosc(bytes: &[u8], size: usize, out: &mut Vec<u8>) -> Result<(), String> {
    // Before anything is allocated: what the header says, against what must be. After the format of c-blosc 1.
    let field = |at: usize| {
        let bytes = bytes.get(at..at + 4)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?) as usize)
    };
    let (Some(plain), Some(packed)) = (field(4), field(12)) else {
        return Err("it is too short for a blosc header".into());
    };
    if plain != size || packed != bytes.len() {
        return Err(format!(
            "its blosc header says {packed} bytes for {plain}, it has {} for {size}",
            bytes.len()
        ));
    }
    if size == 0 {
        out.clear();
        return Ok(());
    }
    if blosc_validate(bytes) != Some(size) {
        return Err("its blosc header is damaged".into());
    }
    *out = blosc_decompress_bytes(bytes, size, 1).map_err(|_| "its blosc blocks are damaged")?;
    match out.len() == size {
        true => Ok(()),
        false => Err(format!(
            "its blosc blocks hold {} bytes instead of {size}",
            out.len()
        )),
    }
}
