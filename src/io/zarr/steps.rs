//! The single steps of a chunk's encoding that turn bytes into bytes: compressions, shuffle, checksum.
//!
//! Laws: no size that a chunk states is believed before it is compared; nothing is allocated that so few bytes cannot hold.

use crate::io::filters::{Wrap, checked, deflate, fletcher32, inflate, shuffle, unshuffle};
use libdeflater::{DecompressionError, Decompressor};
use std::cell::RefCell;
use std::io::Read;
use zarrs::array::codec::{
    BloscCompressionLevel, BloscCompressor, BloscShuffleMode, blosc_compress_bytes,
    blosc_decompress_bytes, blosc_validate,
};
use zarrs::metadata::v3::MetadataV3;

thread_local! {
    /// One of each per thread: their tables are large.
    static GUNZIP: RefCell<Decompressor> = RefCell::new(Decompressor::new());
    static UNZSTD: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
    static ZSTD: RefCell<Option<(i32, zstd::bulk::Compressor<'static>)>> = const { RefCell::new(None) };
}

/// Deflate makes at most this many bytes out of one.
const MOST_INFLATED: usize = 1032;

/// zstd's densest block is 4 bytes for 128 KiB of one value; blosc is at best as dense as the zstd inside it.
const MOST_UNZSTD: usize = (128 << 10) / 4;

/// A step from bytes to bytes, in the order of writing.
#[derive(Debug)]
pub(super) enum Step {
    Crc32c,
    /// HDF5's, which references lead to.
    Fletcher32,
    Shuffle(usize),
    Gzip(i32),
    Zlib(i32),
    Zstd {
        level: i32,
        checksum: bool,
    },
    Blosc(Blosc),
}

/// How blosc is asked to encode.
#[derive(Debug)]
pub(super) struct Blosc {
    level: BloscCompressionLevel,
    shuffle: BloscShuffleMode,
    element: usize,
    compressor: BloscCompressor,
    block: usize,
}

impl Step {
    /// Whether the size of what it makes cannot be told.
    pub(super) fn compresses(&self) -> bool {
        !matches!(self, Step::Crc32c | Step::Fletcher32 | Step::Shuffle(_))
    }

    /// The step of a codec for elements of so many bytes; `None` when it is no step from bytes to bytes that is known here.
    pub(super) fn new(codec: &MetadataV3, element: usize) -> Result<Option<Step>, String> {
        let config = |key: &str| codec.configuration().and_then(|c| c.get(key));
        let number = |key: &str| config(key).and_then(serde_json::Value::as_i64);
        let level = |usual: i64| number("level").unwrap_or(usual).clamp(-131_072, 22) as i32;
        Ok(Some(match codec.name() {
            "crc32c" => Step::Crc32c,
            "fletcher32" | "numcodecs.fletcher32" => Step::Fletcher32,
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

    /// What a step of so many bytes makes of that many, where that can be told.
    pub(super) fn size_after(&self, size: Option<usize>) -> Option<usize> {
        match self {
            Step::Crc32c | Step::Fletcher32 => size.map(|n| n + 4),
            Step::Shuffle(_) => size,
            _ => None,
        }
    }

    /// Of a step that only adds a checksum: what it is of, once it fits.
    pub(super) fn checked<'a>(&self, bytes: &'a [u8]) -> Option<Result<&'a [u8], String>> {
        match self {
            Step::Crc32c => Some(crc_checked(bytes)),
            Step::Fletcher32 => Some(checked(bytes)),
            _ => None,
        }
    }

    /// The most bytes that so many encoded ones can hold.
    fn most_from(&self, encoded: usize) -> usize {
        match self {
            Step::Crc32c | Step::Fletcher32 | Step::Shuffle(_) => encoded,
            Step::Gzip(_) | Step::Zlib(_) => encoded.saturating_mul(MOST_INFLATED),
            Step::Zstd { .. } | Step::Blosc(_) => encoded.saturating_mul(MOST_UNZSTD),
        }
    }

    /// Undoes the step: exactly `size` bytes in `out`, or a refusal. `size` may be left out where nothing is compressed.
    pub(super) fn undo(
        &self,
        bytes: &[u8],
        size: Option<usize>,
        out: &mut Vec<u8>,
    ) -> Result<(), String> {
        let size = match (self, size) {
            (Step::Crc32c | Step::Fletcher32, _) => {
                let kept = self.checked(bytes).unwrap_or(Ok(bytes))?;
                out.clear();
                out.extend_from_slice(kept);
                return Ok(());
            }
            (Step::Shuffle(element), _) => {
                out.resize(bytes.len(), 0);
                unshuffle(bytes, *element, out);
                return Ok(());
            }
            (_, size) => size.ok_or("the size of what it holds cannot be told")?,
        };
        if size > self.most_from(bytes.len()) {
            return Err(format!("{} bytes cannot hold {size}", bytes.len()));
        }
        match self {
            Step::Gzip(_) => gunzip(bytes, size, out),
            Step::Zlib(_) => {
                out.resize(size, 0);
                inflate(bytes, out)
            }
            Step::Zstd { .. } => unzstd(bytes, size, out),
            _ => unblosc(bytes, size, out),
        }
    }

    /// Undoes the step where nobody knows how many bytes come out: at most `most`.
    pub(super) fn undo_up_to(&self, bytes: &[u8], most: usize) -> Result<Vec<u8>, String> {
        let most = most.min(self.most_from(bytes.len()));
        let mut out = Vec::new();
        match self {
            Step::Zstd { .. } => {
                let damaged = |e: std::io::Error| format!("its zstd frame is damaged: {e}");
                let frames = zstd::stream::read::Decoder::new(bytes).map_err(damaged)?;
                frames
                    .take(most as u64 + 1)
                    .read_to_end(&mut out)
                    .map_err(damaged)?;
            }
            Step::Blosc(_) => {
                let plain = header(bytes)?.0;
                if plain > most {
                    return Err(format!(
                        "its blosc header says {plain} bytes, more than {most}"
                    ));
                }
                unblosc(bytes, plain, &mut out)?;
            }
            Step::Gzip(_) | Step::Zlib(_) => {
                // No stream says how much it holds: memory is added as long as it is too little.
                let mut room = bytes.len().saturating_mul(4).clamp(64, most.max(64));
                loop {
                    out.resize(room, 0);
                    let done = GUNZIP.with_borrow_mut(|inflate| match self {
                        Step::Gzip(_) => inflate.gzip_decompress(bytes, &mut out),
                        _ => inflate.zlib_decompress(bytes, &mut out),
                    });
                    match done {
                        Ok(n) => break out.truncate(n),
                        Err(DecompressionError::InsufficientSpace) if room < most => {
                            room = room.saturating_mul(4).min(most);
                        }
                        Err(DecompressionError::InsufficientSpace) => {
                            return Err(format!("it inflates to more than {most} bytes"));
                        }
                        Err(DecompressionError::BadData) => {
                            return Err("its deflate stream is damaged".into());
                        }
                    }
                }
            }
            _ => self.undo(bytes, None, &mut out)?,
        }
        match out.len() <= most {
            true => Ok(out),
            false => Err(format!("it holds more than {most} bytes")),
        }
    }

    /// Does the step.
    pub(super) fn apply(&self, bytes: &[u8]) -> Result<Vec<u8>, String> {
        let mut out = Vec::new();
        match self {
            Step::Crc32c => {
                out.extend_from_slice(bytes);
                out.extend(crc32c::crc32c(bytes).to_le_bytes());
            }
            Step::Fletcher32 => {
                out.extend_from_slice(bytes);
                out.extend(fletcher32(bytes).to_le_bytes());
            }
            Step::Shuffle(element) => {
                out.resize(bytes.len(), 0);
                shuffle(bytes, *element, &mut out);
            }
            Step::Gzip(level) => deflate(bytes, *level, Wrap::Gzip, &mut out)?,
            Step::Zlib(level) => deflate(bytes, *level, Wrap::Zlib, &mut out)?,
            Step::Zstd { level, checksum } => out = zstd(bytes, *level, *checksum)?,
            Step::Blosc(b) => {
                out = blosc_compress_bytes(
                    bytes,
                    b.level,
                    b.shuffle,
                    b.element,
                    b.compressor,
                    b.block,
                    1,
                )
                .map_err(|e| e.to_string())?;
            }
        }
        Ok(out)
    }
}

/// What a CRC-32C is of, once it fits.
fn crc_checked(bytes: &[u8]) -> Result<&[u8], String> {
    let (kept, sum) = bytes
        .split_last_chunk::<4>()
        .ok_or("it is too short for its checksum")?;
    match crc32c::crc32c(kept).to_le_bytes() == *sum {
        true => Ok(kept),
        false => Err("its CRC-32C does not fit its bytes".into()),
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

/// Plain and packed bytes as the header of c-blosc 1 states them.
fn header(bytes: &[u8]) -> Result<(usize, usize), String> {
    let field = |at: usize| {
        let bytes = bytes.get(at..at + 4)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?) as usize)
    };
    match (field(4), field(12)) {
        (Some(plain), Some(packed)) => Ok((plain, packed)),
        _ => Err("it is too short for a blosc header".into()),
    }
}

pub(in crate::io) fn unblosc(bytes: &[u8], size: usize, out: &mut Vec<u8>) -> Result<(), String> {
    // Before anything is allocated: what the header says, against what must be.
    let (plain, packed) = header(bytes)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn step(codec: Value) -> Step {
        let codec: MetadataV3 = serde_json::from_value(codec).unwrap();
        Step::new(&codec, 4).unwrap().unwrap()
    }

    /// What the densest of each codec holds is decoded; one byte more than its bytes can hold is not even asked for.
    #[test]
    fn dense_chunks_are_decoded_and_impossible_ones_refused() {
        let level = |name: &str, level: i64| {
            step(json!({ "name": name, "configuration": { "level": level } }))
        };
        let blosc = |cname: &str, shuffle: &str| {
            step(json!({ "name": "blosc", "configuration": {
                "cname": cname, "clevel": 9, "shuffle": shuffle, "typesize": 4, "blocksize": 0 } }))
        };
        let zeros = vec![0; 8 << 20];
        for step in [
            level("gzip", 12),
            step(json!({ "name": "zlib", "configuration": { "level": 12 } })),
            level("zstd", 19),
            level("zstd", 1),
            blosc("zstd", "shuffle"),
            blosc("lz4", "noshuffle"),
            blosc("zlib", "bitshuffle"),
        ] {
            let packed = step.apply(&zeros).unwrap();
            let mut out = Vec::new();
            step.undo(&packed, Some(zeros.len()), &mut out).unwrap();
            assert_eq!(out, zeros, "{step:?}");
            assert_eq!(
                step.undo_up_to(&packed, zeros.len()).unwrap(),
                zeros,
                "{step:?}"
            );
            assert!(
                step.undo_up_to(&packed, zeros.len() - 1).is_err(),
                "{step:?}"
            );
            let mut out = Vec::new();
            let said = step.undo(&packed, Some(1 << 50), &mut out).unwrap_err();
            assert!(
                said.contains("cannot hold 1125899906842624"),
                "{said} of {step:?}"
            );
            assert_eq!(out.capacity(), 0, "{step:?}");
        }
        for step in ["crc32c", "fletcher32"].map(|name| step(json!({ "name": name }))) {
            let mut summed = step.apply(b"abcde").unwrap();
            assert_eq!(step.checked(&summed), Some(Ok(&b"abcde"[..])));
            summed[2] ^= 1;
            assert!(step.undo(&summed, None, &mut Vec::new()).is_err());
            assert!(step.undo(b"abc", None, &mut Vec::new()).is_err());
        }
        // A frame of RLE blocks alone, as dense as any: 64 times 128 KiB in 4 bytes each.
        let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58];
        for block in 0..64u32 {
            let header = (128 << 10 << 3) | (1 << 1) | u32::from(block == 63);
            frame.extend(&header.to_le_bytes()[..3]);
            frame.push(7);
        }
        let mut out = Vec::new();
        let size = Some(64 * (128 << 10));
        level("zstd", 1).undo(&frame, size, &mut out).unwrap();
        assert!(out.iter().all(|b| *b == 7));
    }
}
