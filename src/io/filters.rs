//! The HDF5 filters that are run here: deflate, shuffle, Fletcher-32.

use libdeflater::{CompressionLvl, Compressor, DecompressionError, Decompressor};
use std::cell::RefCell;

thread_local! {
    /// One decompressor per thread: its tables are large.
    static INFLATE: RefCell<Decompressor> = RefCell::new(Decompressor::new());
    /// One compressor per thread with its level.
    static DEFLATE: RefCell<Option<(i32, Compressor)>> = const { RefCell::new(None) };
}

/// What is around a deflate stream.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrap {
    Zlib,
    Gzip,
}

/// Deflates at a level of 0 … 12 into `out`, in place of what was there.
pub(crate) fn deflate(
    bytes: &[u8],
    level: i32,
    wrap: Wrap,
    out: &mut Vec<u8>,
) -> Result<(), String> {
    DEFLATE.with_borrow_mut(|slot| {
        let level = level.clamp(0, 12);
        if slot.as_ref().is_none_or(|(have, _)| *have != level) {
            let made = CompressionLvl::new(level).map_err(|_| format!("deflate level {level}"))?;
            *slot = Some((level, Compressor::new(made)));
        }
        let (_, compressor) = slot.as_mut().ok_or("no compressor")?;
        let most = match wrap {
            Wrap::Zlib => compressor.zlib_compress_bound(bytes.len()),
            Wrap::Gzip => compressor.gzip_compress_bound(bytes.len()),
        };
        out.resize(most, 0);
        let done = match wrap {
            Wrap::Zlib => compressor.zlib_compress(bytes, out),
            Wrap::Gzip => compressor.gzip_compress(bytes, out),
        };
        let n = done.map_err(|e| format!("deflate of {} bytes: {e:?}", bytes.len()))?;
        out.truncate(n);
        Ok(())
    })
}

/// Inflates zlib bytes into exactly `out.len()` bytes.
pub(crate) fn inflate(bytes: &[u8], out: &mut [u8]) -> Result<(), String> {
    let expected = out.len();
    INFLATE.with_borrow_mut(|inflate| match inflate.zlib_decompress(bytes, out) {
        Ok(n) if n == expected => Ok(()),
        Ok(n) => Err(format!("it inflates to {n} bytes instead of {expected}")),
        Err(DecompressionError::InsufficientSpace) => {
            Err(format!("it inflates to more than {expected} bytes"))
        }
        Err(DecompressionError::BadData) => Err("its deflate stream is damaged".into()),
    })
}

/// Bytes of equal rank apart again: `out[i * size + k] = bytes[k * n + i]`; odd bytes at the end stay.
pub(crate) fn unshuffle(bytes: &[u8], size: usize, out: &mut [u8]) {
    let n = bytes.len() / size.max(1);
    for i in 0..n {
        for k in 0..size {
            out[i * size + k] = bytes[k * n + i];
        }
    }
    out[n * size..].copy_from_slice(&bytes[n * size..]);
}

/// The reverse of [`unshuffle`].
pub(crate) fn shuffle(bytes: &[u8], size: usize, out: &mut [u8]) {
    let n = bytes.len() / size.max(1);
    match size {
        2 => shuffle_n::<2>(bytes, n, out),
        4 => shuffle_n::<4>(bytes, n, out),
        8 => shuffle_n::<8>(bytes, n, out),
        _ => {
            for k in 0..size {
                for i in 0..n {
                    out[k * n + i] = bytes[i * size + k];
                }
            }
        }
    }
    out[n * size..].copy_from_slice(&bytes[n * size..]);
}

fn shuffle_n<const N: usize>(bytes: &[u8], n: usize, out: &mut [u8]) {
    let (elements, _) = bytes.as_chunks::<N>();
    for k in 0..N {
        for (o, element) in out[k * n..(k + 1) * n].iter_mut().zip(elements) {
            *o = element[k];
        }
    }
}

/// The checksum of HDF5's Fletcher-32 filter: over 16-bit words, most significant byte first.
pub(crate) fn fletcher32(bytes: &[u8]) -> u32 {
    let (mut a, mut b) = (0u32, 0u32);
    let (words, rest) = bytes.as_chunks::<2>();
    // 360 words are the most before the sums could overflow.
    for block in words.chunks(360) {
        for word in block {
            a += u32::from(u16::from_be_bytes(*word));
            b += a;
        }
        a = (a & 0xffff) + (a >> 16);
        b = (b & 0xffff) + (b >> 16);
    }
    if let [last] = rest {
        a += u32::from(*last) << 8;
        b += a;
        a = (a & 0xffff) + (a >> 16);
        b = (b & 0xffff) + (b >> 16);
    }
    a = (a & 0xffff) + (a >> 16);
    b = (b & 0xffff) + (b >> 16);
    b << 16 | a
}

/// Checks and removes the checksum after the data.
pub(crate) fn checked(bytes: &[u8]) -> Result<&[u8], String> {
    let Some((data, sum)) = bytes.split_last_chunk::<4>() else {
        return Err(format!("{} bytes are too few for a checksum", bytes.len()));
    };
    let (stored, found) = (u32::from_le_bytes(*sum), fletcher32(data));
    // HDF5 before 1.6.3 stored the halves with their bytes exchanged.
    let old = (found & 0x00ff_00ff) << 8 | (found & 0xff00_ff00) >> 8;
    if stored == found || stored == old {
        return Ok(data);
    }
    Err(format!(
        "its checksum is {found:08x}, stored is {stored:08x}"
    ))
}
