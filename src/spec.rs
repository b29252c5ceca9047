//! Plain records of what is read and written: variables, attributes, storage layout, encodings.
//!
//! These travel in plans, so they hold no data and no chunk lists. The index of a file's chunks is data: it is made once,
//! on one rank, and broadcast beside the plan.

use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum AttrValue {
    /// Text.
    Text(String),
    /// Several texts.
    Texts(Vec<String>),
    /// One number or several, all of one dtype.
    Numbers(Vec<Scalar>),
}

impl From<&str> for AttrValue {
    fn from(text: &str) -> Self {
        AttrValue::Text(text.to_owned())
    }
}

impl From<String> for AttrValue {
    fn from(text: String) -> Self {
        AttrValue::Text(text)
    }
}

impl From<f64> for AttrValue {
    fn from(number: f64) -> Self {
        AttrValue::Numbers(vec![Scalar::F64(number)])
    }
}

impl AttrValue {
    /// The text, when it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            AttrValue::Text(text) => Some(text),
            AttrValue::Texts(_) | AttrValue::Numbers(_) => None,
        }
    }

    /// The number, when it is exactly one.
    pub fn as_number(&self) -> Option<Scalar> {
        match self {
            AttrValue::Numbers(numbers) => match numbers.as_slice() {
                [one] => Some(*one),
                _ => None,
            },
            AttrValue::Text(_) | AttrValue::Texts(_) => None,
        }
    }
}

/// Attributes in their order in the file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Attrs(pub Vec<(String, AttrValue)>);

impl Attrs {
    /// The value of `name`.
    pub fn get(&self, name: &str) -> Option<&AttrValue> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value)
    }

    /// The text of `name`, when it is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(AttrValue::as_text)
    }

    /// The number of `name`, when it is one number.
    pub fn number(&self, name: &str) -> Option<Scalar> {
        self.get(name).and_then(AttrValue::as_number)
    }

    /// Sets `name`, in place when it exists.
    pub fn set(&mut self, name: &str, value: impl Into<AttrValue>) {
        let value = value.into();
        match self.0.iter_mut().find(|(key, _)| key == name) {
            Some(entry) => entry.1 = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// Removes `name` and returns its value.
    pub fn remove(&mut self, name: &str) -> Option<AttrValue> {
        let at = self.0.iter().position(|(key, _)| key == name)?;
        Some(self.0.remove(at).1)
    }
}

/// File formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Format {
    /// NetCDF-4: HDF5 with dimension scales. Plain HDF5 opens too.
    NetCdf4,
    /// Zarr, version 2.
    Zarr2,
    /// Zarr, version 3.
    Zarr3,
    /// NetCDF-3: classic, 64-bit offset, 64-bit data (CDF-5).
    NetCdf3,
    /// One array of NumPy.
    Npy,
    /// A JSON of references, as kerchunk makes them, to the chunks of a Zarr 2 hierarchy.
    Kerchunk,
}

impl Format {
    /// The format that an output of this name is written in: Zarr version 3 for `.zarr`, else NetCDF-4.
    pub fn of_output(path: &Path) -> Format {
        match path
            .extension()
            .is_some_and(|end| end.eq_ignore_ascii_case("zarr"))
        {
            true => Format::Zarr3,
            false => Format::NetCdf4,
        }
    }

    /// True for a folder of descriptions and chunks.
    pub fn is_zarr(self) -> bool {
        matches!(self, Format::Zarr2 | Format::Zarr3)
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Format::NetCdf4 => "NetCDF-4",
            Format::Zarr2 => "Zarr version 2",
            Format::Zarr3 => "Zarr version 3",
            Format::NetCdf3 => "NetCDF-3",
            Format::Npy => ".npy",
            Format::Kerchunk => "references (kerchunk)",
        })
    }
}

/// A step of a chunk's encoding, in the order of writing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Filter {
    /// Bytes of equal rank side by side; the size of an element in bytes.
    Shuffle(usize),
    /// zlib at a level of 0 … 9.
    Deflate(u8),
    /// A checksum of 4 bytes after the data.
    Fletcher32,
    /// zstd frames.
    Zstd,
    /// A buffer of c-blosc 1.
    Blosc,
    /// LZ4 blocks behind a header of their own.
    Lz4,
    /// A bzip2 stream.
    Bzip2,
    /// LibLZF, as h5py has it.
    Lzf,
    /// Bits of equal rank side by side, in blocks.
    Bitshuffle {
        /// Bytes of an element.
        element: usize,
        /// Elements of a block; 0 for the usual number. A compressed chunk says its own.
        block: usize,
        /// Compression of each block.
        packed: Option<BlockPacking>,
    },
    /// Adaptive entropy coding (CCSDS 121), as HDF5 has it.
    Szip {
        /// Options of the coder.
        mask: u32,
        /// Pixels of a block.
        block: u32,
        /// Bits of a pixel.
        bits: u32,
        /// Pixels of a scan line.
        line: u32,
    },
    /// Any other registered HDF5 filter, with its parameters.
    Other(i32, Vec<u32>),
}

/// What packs the blocks of a bitshuffled chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum BlockPacking {
    /// LZ4.
    Lz4,
    /// zstd.
    Zstd,
}

impl Filter {
    /// Whether the size of what it makes cannot be told from the size of what it gets.
    pub fn compresses(&self) -> bool {
        match self {
            Filter::Shuffle(_) | Filter::Fletcher32 => false,
            Filter::Bitshuffle { packed, .. } => packed.is_some(),
            _ => true,
        }
    }
}

impl std::fmt::Display for Filter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = match self {
            Filter::Shuffle(_) => "shuffle",
            Filter::Deflate(level) => return write!(f, "deflate({level})"),
            Filter::Fletcher32 => "fletcher32",
            Filter::Zstd => "zstd",
            Filter::Blosc => "blosc",
            Filter::Lz4 => "lz4",
            Filter::Bzip2 => "bzip2",
            Filter::Lzf => "lzf",
            Filter::Bitshuffle { packed, .. } => match packed {
                None => "bitshuffle",
                Some(BlockPacking::Lz4) => "bitshuffle(lz4)",
                Some(BlockPacking::Zstd) => "bitshuffle(zstd)",
            },
            Filter::Szip { .. } => "szip",
            Filter::Other(number, _) => return write!(f, "filter {number}"),
        };
        f.write_str(name)
    }
}

/// How the bytes of a variable lie in its file.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Layout {
    /// One run of bytes.
    Contiguous,
    /// One run of bytes for each index of the first axis, at equal distances: what lies between belongs to other variables.
    Records {
        /// Bytes from the beginning of a record to that of the next.
        stride: u64,
    },
    /// In the header.
    Compact,
    /// Chunks of this shape, each encoded by the filters.
    Chunked {
        /// Lengths of a chunk.
        chunk: Vec<usize>,
        /// Steps of the encoding, in the order of writing.
        filters: Vec<Filter>,
    },
    /// Chunks of a Zarr array, a file each or several in one.
    Zarr {
        /// Lengths of what is decoded at once: a chunk, or a chunk inside a shard.
        chunk: Vec<usize>,
        /// The array's description in JSON, as version 3 has it, without attributes.
        metadata: String,
    },
}

impl Layout {
    /// Lengths of a stored chunk, where there are chunks.
    pub fn chunk(&self) -> Option<&[usize]> {
        match self {
            Layout::Chunked { chunk, .. } | Layout::Zarr { chunk, .. } => Some(chunk),
            Layout::Contiguous | Layout::Records { .. } | Layout::Compact => None,
        }
    }
}

/// Which version of a file was seen: a job refuses a file that changed under it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FileId {
    /// Absolute path.
    pub path: PathBuf,
    /// Size in bytes.
    pub bytes: u64,
    /// Modification time, nanoseconds since 1970.
    pub modified_ns: i64,
}

/// Reading on over so many bytes that nobody wants costs as much as another read.
pub const GAP_BYTES: usize = 4096;

/// One variable of one file, as stored: what a rank needs to read it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourceSpec {
    /// The file.
    pub file: FileId,
    /// Its format.
    pub format: Format,
    /// Path of the variable inside the file: `nir08`, `group/nir08`.
    pub variable: String,
    /// Stored dtype (no CF decoding).
    pub dtype: DType,
    /// Lengths per axis.
    pub shape: Vec<usize>,
    /// How the bytes lie.
    pub layout: Layout,
    /// True when multi-byte elements are stored most significant byte first.
    pub big_endian: bool,
    /// The value of elements that were never written.
    pub fill: Scalar,
    /// Why the direct path cannot read it, when it cannot: the library is used instead.
    pub library_only: Option<String>,
}

impl SourceSpec {
    /// Lengths of what is fetched at once: a storage chunk; of a contiguous variable, a run of about 1 MiB of rows; of
    /// records, as many as take the time of such a run.
    pub fn fetch_chunk(&self) -> Vec<usize> {
        const RUN_BYTES: usize = 1 << 20;
        if let Some(chunk) = self.layout.chunk() {
            return chunk.to_vec();
        }
        // Whole inner axes as long as they fit, then a part of one axis, then single rows.
        let mut chunk = vec![1; self.shape.len()];
        let mut bytes = self.dtype.size();
        for axis in (0..self.shape.len()).rev() {
            let len = self.shape[axis].max(1);
            chunk[axis] = (RUN_BYTES / bytes.max(1)).clamp(1, len);
            bytes = bytes.saturating_mul(chunk[axis]);
            if chunk[axis] < len {
                break;
            }
        }
        if let (Layout::Records { stride }, Some((records, record))) =
            (&self.layout, chunk.split_first_mut())
        {
            let record = record.iter().product::<usize>() * self.dtype.size();
            let gap = usize::try_from(*stride).map_or(usize::MAX, |s| s.saturating_sub(record));
            *records = (*records)
                .min(RUN_BYTES / (record + gap.min(GAP_BYTES)))
                .max(1);
        }
        chunk
    }
}

/// How a variable is written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Encoding {
    /// Chunk lengths; `None` means contiguous without compression (NetCDF-4), else what suits the tasks that write.
    pub chunks: Option<Vec<usize>>,
    /// Lengths of a shard, a file of several chunks (Zarr version 3): multiples of the chunk lengths.
    pub shards: Option<Vec<usize>>,
    /// `None` is the format's own choice: NetCDF-4 does not compress, Zarr does as [`Compression::ZARR`] with shuffle.
    pub compression: Option<Compression>,
    /// Bytes of equal rank side by side before compression.
    pub shuffle: bool,
}

/// How chunks are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Compression {
    /// Not at all.
    None,
    /// zlib, at a level of 1 … 9. In Zarr: with shuffle blosc's zlib, else gzip (version 2: zlib).
    Deflate(u8),
    /// Zstandard, at a level of 1 … 19 (with shuffle blosc's, 1 … 9). Zarr only.
    Zstd(u8),
    /// LZ4 in blosc, at a level of 1 … 9. Zarr only.
    Lz4(u8),
}

impl Compression {
    /// What a Zarr array gets that asks for nothing.
    pub const ZARR: Compression = Compression::Zstd(3);
}

impl Encoding {
    /// True when it is stored in chunks rather than as one run of bytes.
    pub fn is_chunked(&self) -> bool {
        self.chunks.is_some() || self.compression.is_some()
    }

    /// The same for an output of this format: a Zarr array has chunks and, unless told otherwise, is compressed.
    pub fn for_format(&self, format: Format) -> Encoding {
        match format.is_zarr() {
            true => Encoding {
                compression: Some(self.compression.unwrap_or(Compression::ZARR)),
                shuffle: self.shuffle || self.compression.is_none(),
                ..self.clone()
            },
            false => self.clone(),
        }
    }

    /// The level of deflate, where that is the compression.
    pub fn deflate(&self) -> Option<u8> {
        match self.compression {
            Some(Compression::Deflate(level)) => Some(level),
            _ => None,
        }
    }

    /// Lengths of a stored chunk of a variable of this shape.
    pub fn chunk(&self, shape: &[usize]) -> Vec<usize> {
        let asked = |axis: usize| self.chunks.as_ref().and_then(|c| c.get(axis).copied());
        shape
            .iter()
            .enumerate()
            .map(|(axis, len)| asked(axis).unwrap_or(*len).clamp(1, (*len).max(1)))
            .collect()
    }

    /// Lengths of what is written at once: a shard where there are shards, else a chunk.
    ///
    /// # Errors
    /// Invalid input when shards are not made of whole chunks.
    pub fn unit(&self, shape: &[usize]) -> Result<Vec<usize>> {
        let chunk = self.chunk(shape);
        let Some(shards) = &self.shards else {
            return Ok(chunk);
        };
        let asked = self.chunks.as_ref().filter(|c| c.len() == shape.len());
        let whole = asked.is_some_and(|c| {
            shards.len() == c.len()
                && shards
                    .iter()
                    .zip(c)
                    .all(|(s, c)| *s > 0 && *c > 0 && s.is_multiple_of(*c))
        });
        if !whole {
            return Err(Error::invalid(format!(
                "save: shards of {shards:?} for chunks of {:?}; give chunks too, and lengths of shards that are multiples of them",
                self.chunks.as_deref().unwrap_or_default()
            )));
        }
        // A shard larger than the variable ends with its last chunk.
        Ok((shards.iter().zip(&chunk).zip(shape))
            .map(|((shard, chunk), len)| {
                (shard / chunk * chunk).clamp(*chunk, (*len).max(1).next_multiple_of(*chunk))
            })
            .collect())
    }
}

/// A variable to write.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VariableSpec {
    /// Its name.
    pub name: String,
    /// Names of its dimensions.
    pub dims: Vec<String>,
    /// Its dtype in the file: numbers only (times are encoded before).
    pub dtype: DType,
    /// Its lengths.
    pub shape: Vec<usize>,
    /// Its attributes; `_FillValue` among them has the variable's dtype.
    pub attrs: Attrs,
    /// How it is stored.
    pub encoding: Encoding,
}

/// A file to write: its dimensions, small coordinate variables come with their values, large variables are streamed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutputSpec {
    /// Where it will appear when complete.
    pub path: PathBuf,
    /// Its format.
    pub format: Format,
    /// Replace an existing file.
    pub overwrite: bool,
    /// Dimensions with their lengths.
    pub dims: Vec<(String, usize)>,
    /// Global attributes.
    pub attrs: Attrs,
    /// Variables whose values are computed; the plan's write steps number them.
    pub variables: Vec<VariableSpec>,
}
