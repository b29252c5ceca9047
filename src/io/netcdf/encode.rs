//! Encoding of output: blocks as little-endian bytes, storage chunks shuffled and deflated. Any thread.

use crate::block::Block;
use crate::dtype::{Physical, Scalar};
use crate::error::{Error, Result};
use crate::geom::Region;
use crate::io::filters::{Wrap, deflate, shuffle};
use crate::io::format::Scratch;
use crate::spec::VariableSpec;

/// The value that missing elements of a variable have in its file: `_FillValue`, else netCDF's default.
pub(crate) fn fill_value(spec: &VariableSpec) -> Result<Scalar> {
    match spec.attrs.number("_FillValue") {
        Some(value) if value.dtype() == spec.dtype => Ok(value),
        Some(value) => value.cast(spec.dtype).map_err(|e| {
            Error::invalid(format!(
                "variable {}: _FillValue: {}",
                spec.name,
                e.message()
            ))
        }),
        // After NC_FILL_* of netCDF-C's netcdf.h.
        None => Ok(match spec.dtype.physical() {
            Physical::Bool => Scalar::Bool(false),
            Physical::I8 => Scalar::I8(-127),
            Physical::I16 => Scalar::I16(-32767),
            Physical::I32 => Scalar::I32(-2_147_483_647),
            Physical::I64 => Scalar::I64(-9_223_372_036_854_775_806),
            Physical::U8 => Scalar::U8(255),
            Physical::U16 => Scalar::U16(65535),
            Physical::U32 => Scalar::U32(4_294_967_295),
            Physical::U64 => Scalar::U64(18_446_744_073_709_551_614),
            Physical::F32 => Scalar::F32(9.969_21e36),
            Physical::F64 => Scalar::F64(9.969_209_968_386_869e36),
            Physical::C64 | Physical::C128 => Scalar::zero(spec.dtype),
        }),
    }
}

/// The stored chunk lengths of a variable: its encoding's, cut to its shape; `None` when it is contiguous.
pub fn storage_chunk(spec: &VariableSpec) -> Option<Vec<usize>> {
    if spec.shape.is_empty() || spec.shape.contains(&0) {
        return None;
    }
    match &spec.encoding.chunks {
        Some(chunks) if chunks.len() == spec.shape.len() => Some(
            chunks
                .iter()
                .zip(&spec.shape)
                .map(|(c, n)| (*c).clamp(1, *n))
                .collect(),
        ),
        // Compression needs chunks: the whole variable is one when nothing else is said.
        _ if spec.encoding.deflate().is_some() => Some(spec.shape.clone()),
        _ => None,
    }
}

/// Encodes a block as the stored chunk of `chunk_shape`; a block at the edge is padded with the fill value.
///
/// # Errors
/// Internal when the block has another dtype than the variable or exceeds the chunk.
pub fn encode_chunk(
    spec: &VariableSpec,
    chunk_shape: &[usize],
    block: &Block,
    scratch: &mut Scratch,
) -> Result<Vec<u8>> {
    let fits = block.shape().len() == chunk_shape.len()
        && block.shape().iter().zip(chunk_shape).all(|(n, c)| n <= c);
    if block.dtype() != spec.dtype || !fits {
        return Err(Error::internal(format!(
            "variable {}: a block of {} {:?} for a chunk of {} {chunk_shape:?}",
            spec.name,
            block.dtype(),
            block.shape(),
            spec.dtype
        )));
    }
    let padded;
    let whole = if block.shape() == chunk_shape {
        block
    } else {
        let mut full = Block::filled(spec.dtype, chunk_shape, fill_value(spec)?)?;
        full.paste(&Region::whole(block.shape()), &block.view())?;
        padded = full;
        &padded
    };
    let bytes = whole.buffer().as_bytes();
    let size = spec.dtype.size();
    let shuffled = spec.encoding.shuffle && size > 1;
    let ready: &[u8] = if shuffled {
        scratch.bytes.resize(bytes.len(), 0);
        shuffle(bytes, size, &mut scratch.bytes);
        &scratch.bytes
    } else {
        bytes
    };
    let Some(level) = spec.encoding.deflate() else {
        return Ok(ready.to_vec());
    };
    deflate(
        ready,
        level.clamp(1, 9).into(),
        Wrap::Zlib,
        &mut scratch.more,
    )
    .map_err(Error::internal)?;
    Ok(scratch.more.clone())
}
