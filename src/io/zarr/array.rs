//! The description of one array, as version 3 has it: dtype, chunks, shards, codecs, keys and fill value.

use super::codecs::Pipeline;
use super::shard::Sharding;
use crate::dtype::{DType, Scalar, TimeUnit};
use crate::error::{Error, Result};
use crate::io::netcdf::attrs::scalars;
use crate::spec::{Layout, SourceSpec};
use zarrs::array::{DataType, FillValueMetadata};
use zarrs::metadata::v3::{ArrayMetadataV3, MetadataV3};

/// What is needed to find and decode the chunks of an array.
pub(super) struct ZarrArray {
    /// Lengths of what is decoded at once: a chunk, or a chunk inside a shard.
    pub(super) chunk: Vec<usize>,
    /// How such a chunk is encoded.
    pub(super) pipeline: Pipeline,
    /// What a file holds, where it holds several chunks.
    pub(super) shards: Option<Sharding>,
    pub(super) keys: Keys,
    pub(super) fill: Scalar,
}

/// How the key of a chunk is made of its place in the grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Keys {
    /// Keys begin with `c`.
    pub(super) default: bool,
    /// Between the numbers of the axes.
    pub(super) separator: char,
}

impl Keys {
    /// The key of a chunk, below its array.
    pub(super) fn key(self, chunk: &[usize]) -> String {
        let mut key = String::new();
        if self.default {
            key.push('c');
        }
        for number in chunk {
            if !key.is_empty() {
                key.push(self.separator);
            }
            key.push_str(&number.to_string());
        }
        if key.is_empty() {
            // Version 2's name for the chunk of a 0-d array.
            key.push('0');
        }
        key
    }
}

/// Lengths of an array or a chunk, small enough for this machine.
pub(super) fn lengths(numbers: impl IntoIterator<Item = u64>) -> Result<Vec<usize>, String> {
    let lengths: Vec<usize> = numbers
        .into_iter()
        .map(|n| usize::try_from(n).map_err(|_| format!("the length {n} is too large")))
        .collect::<Result<_, _>>()?;
    let bytes = lengths
        .iter()
        .try_fold(16usize, |product, n| product.checked_mul((*n).max(1)));
    match bytes {
        Some(bytes) if isize::try_from(bytes).is_ok() => Ok(lengths),
        _ => Err(format!("the lengths {lengths:?} are too large")),
    }
}

/// The dtype of numbers; else why they cannot be read.
pub(super) fn dtype(data_type: &MetadataV3) -> Result<DType, String> {
    let config = |key: &str| data_type.configuration().and_then(|c| c.get(key).cloned());
    Ok(match data_type.name() {
        "bool" => DType::Bool,
        "int8" => DType::I8,
        "int16" => DType::I16,
        "int32" => DType::I32,
        "int64" => DType::I64,
        "uint8" => DType::U8,
        "uint16" => DType::U16,
        "uint32" => DType::U32,
        "uint64" => DType::U64,
        "float32" => DType::F32,
        "float64" => DType::F64,
        "complex64" | "complex_float32" => DType::C64,
        "complex128" | "complex_float64" => DType::C128,
        name @ ("numpy.datetime64" | "numpy.timedelta64") => {
            let unit = config("unit");
            let unit = match unit.as_ref().and_then(|u| u.as_str()) {
                Some("s") => TimeUnit::Second,
                Some("ms") => TimeUnit::Milli,
                Some("us" | "μs") => TimeUnit::Micro,
                Some("ns") => TimeUnit::Nano,
                other => return Err(format!("{name} with the unit {}", other.unwrap_or("none"))),
            };
            if config("scale_factor").and_then(|f| f.as_u64()).unwrap_or(1) != 1 {
                return Err(format!("{name} counts several units at once"));
            }
            match name {
                "numpy.datetime64" => DType::Datetime(unit),
                _ => DType::Timedelta(unit),
            }
        }
        other => return Err(format!("the data type {other}")),
    })
}

/// The fill value of an array of numbers.
pub(super) fn fill(
    data_type: &MetadataV3,
    dtype: DType,
    fill: &FillValueMetadata,
) -> Result<Scalar, String> {
    let known = DataType::from_metadata(data_type).map_err(|e| e.to_string())?;
    let value = known
        .fill_value_v3(fill)
        .map_err(|_| format!("the fill_value {fill} is none of {dtype}"))?;
    scalars(dtype.physical(), value.as_ne_bytes())
        .ok()
        .and_then(|values| values.first().copied())
        .and_then(|value| match dtype {
            DType::Datetime(unit) => Some(Scalar::Datetime(value.as_i128()? as i64, unit)),
            DType::Timedelta(unit) => Some(Scalar::Timedelta(value.as_i128()? as i64, unit)),
            _ => Some(value),
        })
        .ok_or_else(|| format!("the fill_value {fill} is none of {dtype}"))
}

/// The lengths that a part of the description names.
fn chunk_shape(part: &MetadataV3, ndim: usize) -> Result<Vec<usize>, String> {
    let list = part.configuration().and_then(|c| c.get("chunk_shape"));
    let list = list.and_then(|l| l.as_array());
    let numbers: Option<Vec<u64>> = list.map(|l| l.iter().filter_map(|n| n.as_u64()).collect());
    let numbers = numbers.ok_or_else(|| format!("{} without chunk_shape", part.name()))?;
    if numbers.len() != ndim || numbers.contains(&0) || list.is_some_and(|l| l.len() != ndim) {
        return Err(format!(
            "the chunk_shape of {} does not fit an array of {ndim} dimensions: each of its lengths is at least 1",
            part.name()
        ));
    }
    lengths(numbers)
}

/// What finds the chunks of any array without shards.
pub(super) fn keys_and_chunk(meta: &ArrayMetadataV3) -> Result<(Keys, Vec<usize>), String> {
    if meta.chunk_grid.name() != "regular" {
        return Err(format!("the chunk grid {}", meta.chunk_grid.name()));
    }
    let chunk = chunk_shape(&meta.chunk_grid, meta.shape.len())?;
    Ok((keys(&meta.chunk_key_encoding)?, chunk))
}

impl ZarrArray {
    /// Reads a description; the reason when this array cannot be read.
    pub(super) fn new(meta: &ArrayMetadataV3, dtype: DType) -> Result<ZarrArray, String> {
        let ndim = meta.shape.len();
        let (keys, file_chunk) = keys_and_chunk(meta)?;
        if let Some(first) = meta.storage_transformers.first() {
            return Err(format!("the storage transformer {}", first.name()));
        }
        if let Some((name, _)) = meta
            .additional_fields
            .iter()
            .find(|(_, field)| field.must_understand())
        {
            return Err(format!("the field {name:?} of its description"));
        }
        let fill = fill(&meta.data_type, dtype, &meta.fill_value)?;
        let array = |chunk: Vec<usize>, codecs: &[MetadataV3], shards| {
            Ok(ZarrArray {
                pipeline: Pipeline::new(codecs, &meta.data_type, &meta.fill_value, dtype, &chunk)?,
                chunk,
                shards,
                keys,
                fill,
            })
        };
        match meta.codecs.as_slice() {
            [codec] if codec.name() == "sharding_indexed" => {
                let inner = chunk_shape(codec, ndim)?;
                let (sharding, codecs) = Sharding::new(codec, &file_chunk, &inner)?;
                array(inner, &codecs, Some(sharding))
            }
            codecs => array(file_chunk, codecs, None),
        }
    }
}

fn keys(encoding: &MetadataV3) -> Result<Keys, String> {
    let separator = encoding
        .configuration()
        .and_then(|c| c.get("separator"))
        .and_then(|s| s.as_str());
    let (default, usual) = match encoding.name() {
        "default" => (true, "/"),
        "v2" => (false, "."),
        other => return Err(format!("the chunk key encoding {other}")),
    };
    match separator.unwrap_or(usual) {
        "/" => Ok(Keys {
            default,
            separator: '/',
        }),
        "." => Ok(Keys {
            default,
            separator: '.',
        }),
        other => Err(format!("the separator {other:?} of chunk keys")),
    }
}

/// The description of an array out of its JSON form (version 3, as plans hold it).
pub(super) fn parse(text: &str) -> Result<ArrayMetadataV3> {
    serde_json::from_str(text)
        .map_err(|e| Error::internal(format!("the description of a Zarr array: {e}")))
}

/// The codecs of a variable, for people: `zstd(3)`, `shards of [100, 180]: blosc`.
pub(crate) fn codec_names(spec: &SourceSpec) -> String {
    let Layout::Zarr { metadata, .. } = &spec.layout else {
        return String::new();
    };
    let Ok(meta) = parse(metadata) else {
        return String::new();
    };
    let list = |codecs: &[MetadataV3]| {
        let names: Vec<&str> = (codecs.iter().map(MetadataV3::name))
            .filter(|name| *name != "bytes")
            .collect();
        names.join("+")
    };
    match meta.codecs.as_slice() {
        [codec] if codec.name() == "sharding_indexed" => {
            let inner = codec.configuration().and_then(|c| c.get("codecs").cloned());
            let inner = inner.and_then(|c| serde_json::from_value::<Vec<MetadataV3>>(c).ok());
            let shard = chunk_shape(&meta.chunk_grid, meta.shape.len()).unwrap_or_default();
            format!("shards of {shard:?}: {}", list(&inner.unwrap_or_default()))
        }
        codecs => list(codecs),
    }
}
