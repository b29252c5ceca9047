//! The compressions of HDF5's registered filters: bytes of a chunk into exactly as many as it must have.
//!
//! Laws: no size that a chunk states is believed before it is compared with the size that it must have; nothing larger than
//! that is allocated. What follows the end of a stream is left alone, as by the filters themselves.

use super::bitshuffle;
use super::filters::inflate;
use super::format::fit;
use super::szip::Coding;
use super::zarr::{unblosc, unzstd};
use crate::spec::Filter;
use bzip2::{Decompress, Status};

/// Deflate makes at most 1032 bytes out of one: more are not even allocated.
const MOST_INFLATED: usize = 1032;

/// Unpacks `bytes` into `size` bytes, which replace those in `out`; `more` is memory that it may use.
///
/// # Errors
/// What is wrong with the bytes.
pub(super) fn unpack(
    filter: &Filter,
    bytes: &[u8],
    size: usize,
    out: &mut Vec<u8>,
    more: &mut Vec<u8>,
) -> Result<(), String> {
    match filter {
        Filter::Zstd => unzstd(bytes, size, out),
        Filter::Blosc => {
            // Blosc makes memory of its own: not a third time the chunk.
            *out = Vec::new();
            unblosc(bytes, size, out)
        }
        Filter::Deflate(_) => {
            if size / MOST_INFLATED > bytes.len() {
                return Err(format!("{} bytes cannot inflate to {size}", bytes.len()));
            }
            fit(out, size);
            inflate(bytes, out)
        }
        Filter::Lz4 => {
            let mut frame = Frame::new(bytes, size, "lz4")?;
            fit(out, size);
            unlz4(&mut frame, out)
        }
        Filter::Bzip2 => {
            fit(out, size);
            unbzip2(bytes, out)
        }
        Filter::Lzf => {
            fit(out, size);
            unlzf(bytes, out)
        }
        Filter::Bitshuffle {
            element,
            packed: Some(packing),
            ..
        } => {
            let mut frame = Frame::new(bytes, size, "bitshuffle")?;
            fit(out, size);
            bitshuffle::unpack(&mut frame, *packing, *element, out, more)
        }
        Filter::Szip {
            mask,
            block,
            bits,
            line,
        } => {
            let coding = Coding::new(*mask, *block, *bits, *line)
                .ok_or("its parameters of szip are not known here")?;
            fit(out, size);
            coding.unpack(bytes, out, more)
        }
        other => Err(format!("{other} is not undone here")),
    }
}

/// Compressed blocks behind a header: the size of the whole and of a block when unpacked, both most significant byte first; then
/// each block behind its own size.
pub(super) struct Frame<'a> {
    rest: &'a [u8],
    /// Bytes of a block when unpacked, but for the last one.
    pub(super) block: usize,
}

impl<'a> Frame<'a> {
    fn new(bytes: &'a [u8], size: usize, what: &str) -> Result<Frame<'a>, String> {
        let header = bytes.split_at_checked(12);
        let (header, rest) = header.ok_or(format!("it is too short for a header of {what}"))?;
        let stated = header[..8].iter().fold(0, |n, b| n << 8 | u64::from(*b));
        let block = header[8..].iter().fold(0, |n, b| n << 8 | usize::from(*b));
        if stated != size as u64 {
            return Err(format!(
                "its header of {what} says {stated} bytes instead of {size}"
            ));
        }
        Ok(Frame { rest, block })
    }

    /// The next bytes.
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self
            .rest
            .split_at_checked(count)
            .ok_or_else(|| format!("it ends {} bytes early", count - self.rest.len()))?;
        self.rest = rest;
        Ok(taken)
    }

    /// The next block, as it is stored.
    pub(super) fn block(&mut self) -> Result<&'a [u8], String> {
        let bytes = self
            .take(4)?
            .iter()
            .fold(0, |n, b| n << 8 | usize::from(*b));
        self.take(bytes)
    }
}

/// One block of LZ4 into exactly `out.len()` bytes.
pub(super) fn unlz4_block(bytes: &[u8], out: &mut [u8]) -> Result<(), String> {
    let expected = out.len();
    let size = i32::try_from(expected).map_err(|_| "a block of lz4 of 2 GiB or more")?;
    match lz4::block::decompress_to_buffer(bytes, Some(size), out) {
        Ok(n) if n == expected => Ok(()),
        Ok(n) => Err(format!(
            "a block of lz4 holds {n} bytes instead of {expected}"
        )),
        Err(_) => Err("a block of lz4 is damaged".into()),
    }
}

fn unlz4(frame: &mut Frame<'_>, out: &mut [u8]) -> Result<(), String> {
    if frame.block == 0 && !out.is_empty() {
        return Err("its header of lz4 says blocks of 0 bytes".into());
    }
    for part in out.chunks_mut(frame.block.max(1)) {
        let block = frame.block()?;
        // What does not get smaller is stored as it is.
        match block.len() == part.len() {
            true => part.copy_from_slice(block),
            false => unlz4_block(block, part)?,
        }
    }
    Ok(())
}

fn unbzip2(bytes: &[u8], out: &mut [u8]) -> Result<(), String> {
    let damaged = |e: bzip2::Error| format!("its bzip2 stream is damaged: {e}");
    let mut stream = Decompress::new(false);
    // The end of the stream, with its checksum, comes after the last byte: one more asks for it.
    let mut more = [0];
    loop {
        let (read, made) = (stream.total_in() as usize, stream.total_out() as usize);
        let into = match made < out.len() {
            true => &mut out[made..],
            false => &mut more[..],
        };
        let status = stream.decompress(&bytes[read..], into).map_err(damaged)?;
        let now = stream.total_out() as usize;
        if now > out.len() {
            return Err(format!(
                "its bzip2 stream holds more than {} bytes",
                out.len()
            ));
        }
        if status == Status::StreamEnd {
            return match now == out.len() {
                true => Ok(()),
                false => Err(format!(
                    "its bzip2 stream holds {now} bytes instead of {}",
                    out.len()
                )),
            };
        }
        if (stream.total_in() as usize, now) == (read, made) {
            return Err("its bzip2 stream ends early".into());
        }
    }
}

/// LibLZF: a control byte, then literal bytes, or a length and a distance back.
fn unlzf(bytes: &[u8], out: &mut [u8]) -> Result<(), String> {
    let short = || "its lzf stream ends early".to_owned();
    let mut rest = bytes.iter();
    let mut made = 0;
    while let Some(control) = rest.next() {
        let control = usize::from(*control);
        let mut next = || rest.next().map(|b| usize::from(*b)).ok_or_else(short);
        let length = match control >> 5 {
            0 => {
                let (literals, after) = rest
                    .as_slice()
                    .split_at_checked(control + 1)
                    .ok_or_else(short)?;
                let into = out.get_mut(made..made + literals.len());
                into.ok_or("its lzf stream holds too many bytes")?
                    .copy_from_slice(literals);
                rest = after.iter();
                made += literals.len();
                continue;
            }
            7 => 9 + next()?,
            length => length + 2,
        };
        let distance = ((control & 31) << 8) + next()? + 1;
        let (Some(from), true) = (made.checked_sub(distance), made + length <= out.len()) else {
            return Err("its lzf stream points outside".into());
        };
        if distance >= length {
            out.copy_within(from..from + length, made);
        } else {
            // It repeats what it makes.
            for k in 0..length {
                out[made + k] = out[from + k];
            }
        }
        made += length;
    }
    match made == out.len() {
        true => Ok(()),
        false => Err(format!(
            "its lzf stream holds {made} bytes instead of {}",
            out.len()
        )),
    }
}

/// For fuzzing: a chunk behind the filter that the head says, of the size that it says, with parameters out of it.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn unpack_any(head: [u8; 5], bytes: &[u8]) {
    use super::filters::{checked, unshuffle};
    use crate::spec::BlockPacking;

    let [kind, low, high, a, b] = head;
    let size = usize::from(u16::from_le_bytes([low, high]));
    let (element, block) = (usize::from(a % 17), 8 * usize::from(b));
    let packed = match kind / 16 % 3 {
        0 => None,
        1 => Some(BlockPacking::Lz4),
        _ => Some(BlockPacking::Zstd),
    };
    let bitshuffle = Filter::Bitshuffle {
        element,
        block,
        packed,
    };
    let filter = match kind % 10 {
        0 => Filter::Deflate(1),
        1 => Filter::Zstd,
        2 => Filter::Blosc,
        3 => Filter::Lz4,
        4 => Filter::Bzip2,
        5 => Filter::Lzf,
        6 => bitshuffle,
        7 => Filter::Szip {
            mask: u32::from(a),
            block: u32::from(b & 63),
            bits: u32::from(a >> 2),
            line: u32::from(low),
        },
        8 => {
            let _ = checked(bytes);
            return;
        }
        _ => {
            unshuffle(bytes, element, &mut vec![0; bytes.len()]);
            return;
        }
    };
    let (mut out, mut more) = (Vec::new(), Vec::new());
    if !filter.compresses() {
        out.resize(bytes.len(), 0);
        let _ = bitshuffle::undo(bytes, element, block, &mut out);
    } else if unpack(&filter, bytes, size, &mut out, &mut more).is_ok() {
        assert_eq!(out.len(), size, "{filter}");
    }
}
