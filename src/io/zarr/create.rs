//! A new hierarchy, by rank 0: descriptions, coordinates and texts under a temporary name; complete when it gets its name.
//!
//! Laws: the final name appears only when every chunk was written and is on disk; a writer that is dropped removes its folder;
//! only a Zarr hierarchy is ever replaced.

use super::array::{self, ZarrArray};
use super::attrs::{self, json_number};
use super::publish::replace;
use crate::block::Block;
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Fault, Result};
use crate::geom::ChunkGrid;
use crate::io::journal::Unfinished;
use crate::io::manifest::{self, Manifest, Piece, Place};
use crate::io::save::{Created, Placement, TextVariable, directory, output};
use crate::spec::{Compression, Format, OutputSpec, VariableSpec};
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::fs::File;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use zarrs::array::{
    ArrayBytes, ArrayMetadataV2, ArrayToBytesCodecTraits, CodecChain, CodecOptions, DataType,
    FillValue,
};
use zarrs::convert::array_metadata_v2_to_v3;
use zarrs::metadata::v3::MetadataV3;

/// A hierarchy being written; on one rank only.
pub(in crate::io) struct Hierarchy {
    temporary: PathBuf,
    path: PathBuf,
    overwrite: bool,
    finished: bool,
    /// The streamed variables.
    streamed: Vec<Streamed>,
    /// Files that were written here: path below the folder, bytes, CRC-32C.
    files: Vec<(String, u64, u32)>,
}

struct Streamed {
    name: String,
    keys: array::Keys,
    /// Files that must come.
    wanted: u64,
}

impl Hierarchy {
    /// Creates the folder with its descriptions, coordinates and texts.
    pub(in crate::io) fn create(
        spec: &OutputSpec,
        inline: &[(VariableSpec, Block)],
        texts: &[TextVariable],
        unfinished: &Unfinished,
    ) -> Result<(Hierarchy, Created)> {
        let path = std::path::absolute(&spec.path).unwrap_or_else(|_| spec.path.clone());
        if path.file_name().is_none_or(|name| name.is_empty()) {
            return Err(output(&path, "it has no name"));
        }
        let temporary = unfinished.part.clone();
        if !unfinished.adopted {
            std::fs::create_dir(&temporary)
                .map_err(|why| output(&path, format!("it cannot be created: {why}")))?;
        }
        let mut hierarchy = Hierarchy {
            temporary: temporary.clone(),
            path,
            overwrite: spec.overwrite,
            // What an earlier start has made is only given up by one that goes on.
            finished: unfinished.adopted,
            streamed: Vec::new(),
            files: Vec::new(),
        };
        let version = if spec.format == Format::Zarr2 { 2 } else { 3 };
        let mut nodes: Vec<(String, Description)> = Vec::new();
        for (variable, block) in inline {
            let description = describe(variable, version)?;
            hierarchy.write_whole(variable, &description, block)?;
            nodes.push((variable.name.clone(), description));
        }
        for text in texts {
            let description = describe_texts(text, &spec.dims, version);
            hierarchy.write_texts(text, &description)?;
            nodes.push((text.name.clone(), description));
        }
        let mut variables = Vec::new();
        for variable in &spec.variables {
            let description = describe(variable, version)?;
            let grid =
                ChunkGrid::regular(&variable.shape, &variable.encoding.unit(&variable.shape)?)?;
            hierarchy.streamed.push(Streamed {
                name: variable.name.clone(),
                keys: description.keys,
                wanted: grid.count() as u64,
            });
            variables.push(Placement::Files {
                grid,
                folder: variable.name.clone(),
                metadata: description.normal()?,
            });
            nodes.push((variable.name.clone(), description));
        }
        hierarchy.write_descriptions(spec, version, &nodes)?;
        hierarchy.finished = false;
        Ok((
            hierarchy,
            Created {
                temporary,
                adopted: unfinished.adopted,
                variables,
            },
        ))
    }

    pub(in crate::io) fn keep(&mut self) {
        self.finished = true;
    }

    fn put(&mut self, key: &str, bytes: &[u8]) -> Result<()> {
        let sum = crc32c::crc32c(bytes);
        self.files.push((key.to_owned(), bytes.len() as u64, sum));
        let file = self.temporary.join(key);
        let written = file
            .parent()
            .map_or(Ok(()), std::fs::create_dir_all)
            .and_then(|()| std::fs::write(&file, bytes))
            .and_then(|()| File::open(&file)?.sync_all());
        written.map_err(|e| self.failed("writing", &e))
    }

    fn failed(&self, doing: &str, why: &dyn std::fmt::Display) -> Error {
        Error::new(
            Fault::Io,
            format!("save: {doing} {} failed: {why}", self.path.display()),
        )
    }

    /// Writes a small variable, which is one chunk.
    fn write_whole(
        &mut self,
        spec: &VariableSpec,
        description: &Description,
        block: &Block,
    ) -> Result<()> {
        if block.elements() == 0 {
            return Ok(());
        }
        let meta = array::parse(&description.normal()?)?;
        let array = ZarrArray::new(&meta, spec.dtype).map_err(Error::internal)?;
        let bytes = array
            .pipeline
            .encode(block.buffer().as_bytes())
            .map_err(Error::internal)?;
        let key = array.keys.key(&vec![0; spec.shape.len()]);
        self.put(&format!("{}/{key}", spec.name), &bytes)
    }

    fn write_texts(&mut self, text: &TextVariable, description: &Description) -> Result<()> {
        if text.values.is_empty() {
            return Ok(());
        }
        let failed = |why: &dyn std::fmt::Display| self.failed("encoding texts for", why);
        let codecs: Vec<MetadataV3> = vec![MetadataV3::new("vlen-utf8")];
        let chain = CodecChain::from_metadata(&codecs).map_err(|e| failed(&e))?;
        let mut bytes = Vec::new();
        let mut offsets = vec![0];
        for value in &text.values {
            bytes.extend(value.as_bytes());
            offsets.push(bytes.len());
        }
        let kind = DataType::from_metadata(&MetadataV3::new("string")).map_err(|e| failed(&e))?;
        let offsets = zarrs::array::ArrayBytesOffsets::new(offsets).map_err(|e| failed(&e))?;
        let values = ArrayBytes::new_vlen(bytes, offsets).map_err(|e| failed(&e))?;
        let shape: Vec<NonZeroU64> = description
            .chunk
            .iter()
            .filter_map(|n| NonZeroU64::new(*n as u64))
            .collect();
        let fill = FillValue::new(Vec::new());
        let encoded = chain
            .encode(values, &shape, &kind, &fill, &CodecOptions::default())
            .map_err(|e| failed(&e))?;
        let encoded: Cow<'_, [u8]> = encoded;
        let key = description.keys.key(&vec![0; shape.len()]);
        self.put(&format!("{}/{key}", text.name), &encoded)
    }

    fn write_descriptions(
        &mut self,
        spec: &OutputSpec,
        version: u8,
        nodes: &[(String, Description)],
    ) -> Result<()> {
        let text = |value: &Value| serde_json::to_vec_pretty(value).map_err(Error::internal);
        let root = attrs::write(&spec.attrs, None, version);
        let mut listed = Map::new();
        if version == 3 {
            for (name, node) in nodes {
                self.put(&format!("{name}/zarr.json"), &text(&node.value)?)?;
                listed.insert(name.clone(), node.value.clone());
            }
            let root = json!({
                "zarr_format": 3,
                "node_type": "group",
                "attributes": root,
                "consolidated_metadata": { "kind": "inline", "must_understand": false, "metadata": listed },
            });
            return self.put("zarr.json", &text(&root)?);
        }
        let group = json!({ "zarr_format": 2 });
        for (key, value) in [(".zgroup", &group), (".zattrs", &Value::Object(root))] {
            self.put(key, &text(value)?)?;
            listed.insert(key.to_owned(), value.clone());
        }
        for (name, node) in nodes {
            for (key, value) in [(".zarray", &node.value), (".zattrs", &node.attrs)] {
                self.put(&format!("{name}/{key}"), &text(value)?)?;
                listed.insert(format!("{name}/{key}"), value.clone());
            }
        }
        let all = json!({ "zarr_consolidated_format": 1, "metadata": listed });
        self.put(".zmetadata", &text(&all)?)
    }

    /// Gives the folder its name, once every rank's files are on disk. `pieces`: the chunks or shards of all ranks.
    pub(in crate::io) fn finish(mut self, pieces: &[Piece], run: &str) -> Result<()> {
        let mut written = vec![0; self.streamed.len()];
        for piece in pieces {
            let number = piece.variable as usize;
            let (Some(streamed), Place::Chunk(chunk)) = (self.streamed.get(number), &piece.place)
            else {
                return Err(Error::internal("a piece of no variable of a hierarchy"));
            };
            written[number] += 1;
            let key = format!("{}/{}", streamed.name, streamed.keys.key(chunk));
            self.files.push((key, piece.bytes, piece.crc32c));
        }
        for (streamed, have) in self.streamed.iter().zip(written) {
            if streamed.wanted != have {
                return Err(Error::internal(format!(
                    "save: {}: variable {} has {have} of {} chunks",
                    self.path.display(),
                    streamed.name,
                    streamed.wanted
                )));
            }
        }
        let manifest = Manifest::of_files(std::mem::take(&mut self.files), run)?;
        self.put(manifest::FILE_NAME, &manifest)?;
        let sync = |path: &Path| File::open(path).and_then(|folder| folder.sync_all());
        sync(&self.temporary).map_err(|e| self.failed("syncing", &e))?;
        if self.path.symlink_metadata().is_ok() {
            if !self.overwrite {
                return Err(output(
                    &self.path,
                    "it appeared meanwhile; --overwrite replaces it",
                ));
            }
            // From here on what is finished stays, whatever happens to its name.
            self.finished = true;
            replace(&self.temporary, &self.path)?;
        } else {
            std::fs::rename(&self.temporary, &self.path)
                .map_err(|e| self.failed("renaming to", &e))?;
            self.finished = true;
        }
        sync(directory(&self.path)).map_err(|e| self.failed("syncing the directory of", &e))
    }
}

impl Drop for Hierarchy {
    fn drop(&mut self) {
        if !self.finished {
            let _ = std::fs::remove_dir_all(&self.temporary);
        }
    }
}

/// The description of one array in the version that is written.
struct Description {
    version: u8,
    /// `zarr.json`, or `.zarray`.
    value: Value,
    /// `.zattrs` of version 2.
    attrs: Value,
    keys: array::Keys,
    chunk: Vec<usize>,
}

impl Description {
    /// As version 3 has it, without attributes: what every rank needs.
    fn normal(&self) -> Result<String> {
        let bad = |e: &dyn std::fmt::Display| Error::internal(format!("a Zarr description: {e}"));
        if self.version == 3 {
            let mut value = self.value.clone();
            if let Value::Object(map) = &mut value {
                map.remove("attributes");
            }
            return Ok(value.to_string());
        }
        let old: ArrayMetadataV2 =
            serde_json::from_value(self.value.clone()).map_err(|e| bad(&e))?;
        let meta = array_metadata_v2_to_v3(&old).map_err(|e| bad(&e))?;
        serde_json::to_string(&meta).map_err(|e| bad(&e))
    }
}

fn data_type(dtype: DType) -> (&'static str, &'static str) {
    match dtype.physical() {
        crate::dtype::Physical::Bool => ("bool", "|b1"),
        crate::dtype::Physical::I8 => ("int8", "|i1"),
        crate::dtype::Physical::I16 => ("int16", "<i2"),
        crate::dtype::Physical::I32 => ("int32", "<i4"),
        crate::dtype::Physical::I64 => ("int64", "<i8"),
        crate::dtype::Physical::U8 => ("uint8", "|u1"),
        crate::dtype::Physical::U16 => ("uint16", "<u2"),
        crate::dtype::Physical::U32 => ("uint32", "<u4"),
        crate::dtype::Physical::U64 => ("uint64", "<u8"),
        crate::dtype::Physical::F32 => ("float32", "<f4"),
        crate::dtype::Physical::F64 => ("float64", "<f8"),
        crate::dtype::Physical::C64 => ("complex64", "<c8"),
        crate::dtype::Physical::C128 => ("complex128", "<c16"),
    }
}

/// The value of what is not written: `_FillValue`, else zero.
pub(super) fn fill_value(spec: &VariableSpec) -> Result<Scalar> {
    match spec.attrs.number("_FillValue") {
        Some(value) => value.cast(spec.dtype).map_err(|e| {
            Error::invalid(format!(
                "variable {}: _FillValue: {}",
                spec.name,
                e.message()
            ))
        }),
        None => Ok(Scalar::zero(spec.dtype)),
    }
}

/// Codecs after the elements are bytes, as version 3 names them.
fn compressors(compression: Compression, shuffle: bool, size: usize) -> Vec<Value> {
    let blosc = |cname: &str, level: i64| {
        let mode = if shuffle && size > 1 {
            "shuffle"
        } else {
            "noshuffle"
        };
        vec![json!({ "name": "blosc", "configuration": {
            "cname": cname, "clevel": level.clamp(0, 9), "shuffle": mode, "typesize": size, "blocksize": 0 } })]
    };
    let shuffled = shuffle && size > 1;
    match compression {
        Compression::None => Vec::new(),
        Compression::Deflate(level) if shuffled => blosc("zlib", level.into()),
        Compression::Deflate(level) => {
            vec![json!({ "name": "gzip", "configuration": { "level": level } })]
        }
        Compression::Zstd(level) if shuffled => blosc("zstd", level.into()),
        Compression::Zstd(level) => {
            vec![json!({ "name": "zstd", "configuration": { "level": level, "checksum": false } })]
        }
        Compression::Lz4(level) => blosc("lz4", level.into()),
    }
}

/// As version 2 names the one of them.
fn compressor2(compression: Compression, shuffle: bool, size: usize) -> Value {
    let mode = i64::from(shuffle && size > 1);
    let blosc = |cname: &str, level: i64| json!({ "id": "blosc", "cname": cname, "clevel": level.clamp(0, 9), "shuffle": mode, "blocksize": 0 });
    match compression {
        Compression::None => Value::Null,
        Compression::Deflate(level) if mode == 1 => blosc("zlib", level.into()),
        Compression::Deflate(level) => json!({ "id": "zlib", "level": level }),
        Compression::Zstd(level) if mode == 1 => blosc("zstd", level.into()),
        Compression::Zstd(level) => json!({ "id": "zstd", "level": level }),
        Compression::Lz4(level) => blosc("lz4", level.into()),
    }
}

fn describe(spec: &VariableSpec, version: u8) -> Result<Description> {
    let size = spec.dtype.size();
    let encoding = &spec.encoding;
    let compression = encoding.compression.unwrap_or(Compression::ZARR);
    let shuffle = encoding.shuffle || encoding.compression.is_none();
    let unit = encoding.unit(&spec.shape)?;
    let chunk = encoding.chunk(&spec.shape);
    let fill = fill_value(spec)?;
    let attributes = attrs::write(&spec.attrs, Some(spec.dtype), version);
    if version == 2 {
        if encoding.shards.is_some() {
            return Err(Error::invalid(format!(
                "save: variable {}: shards are of Zarr version 3; leave them out or write version 3",
                spec.name
            )));
        }
        let mut attributes = attributes;
        attributes.insert(attrs::DIMS.to_owned(), json!(spec.dims));
        let missing = spec.attrs.get("_FillValue").is_some();
        return Ok(Description {
            version,
            value: json!({
                "zarr_format": 2,
                "shape": spec.shape,
                "chunks": chunk,
                "dtype": data_type(spec.dtype).1,
                "compressor": compressor2(compression, shuffle, size),
                "fill_value": if missing { json_number(fill) } else { Value::Null },
                "order": "C",
                "filters": null,
                "dimension_separator": ".",
            }),
            attrs: Value::Object(attributes),
            keys: array::Keys {
                default: false,
                separator: '.',
            },
            chunk,
        });
    }
    let mut codecs = vec![json!({ "name": "bytes", "configuration": { "endian": "little" } })];
    codecs.extend(compressors(compression, shuffle, size));
    if encoding.shards.is_some() {
        codecs = vec![json!({ "name": "sharding_indexed", "configuration": {
            "chunk_shape": chunk,
            "codecs": codecs,
            "index_codecs": [{ "name": "bytes", "configuration": { "endian": "little" } }, { "name": "crc32c" }],
            "index_location": "end",
        } })];
    }
    Ok(Description {
        version,
        value: json!({
            "zarr_format": 3,
            "node_type": "array",
            "shape": spec.shape,
            "data_type": data_type(spec.dtype).0,
            "chunk_grid": { "name": "regular", "configuration": { "chunk_shape": unit } },
            "chunk_key_encoding": { "name": "default", "configuration": { "separator": "/" } },
            "fill_value": json_number(fill),
            "codecs": codecs,
            "attributes": attributes,
            "dimension_names": spec.dims,
            "storage_transformers": [],
        }),
        attrs: Value::Null,
        keys: array::Keys {
            default: true,
            separator: '/',
        },
        chunk,
    })
}

fn describe_texts(text: &TextVariable, dims: &[(String, usize)], version: u8) -> Description {
    let shape: Vec<usize> = text
        .dims
        .iter()
        .map(|dim| {
            dims.iter()
                .find(|(name, _)| name == dim)
                .map_or(0, |(_, len)| *len)
        })
        .collect();
    let chunk: Vec<usize> = shape.iter().map(|n| (*n).max(1)).collect();
    let mut attributes = attrs::write(&text.attrs, None, version);
    if version == 2 {
        attributes.insert(attrs::DIMS.to_owned(), json!(text.dims));
        return Description {
            version,
            value: json!({
                "zarr_format": 2, "shape": shape, "chunks": chunk, "dtype": "|O", "compressor": null,
                "fill_value": "", "order": "C", "filters": [{ "id": "vlen-utf8" }], "dimension_separator": ".",
            }),
            attrs: Value::Object(attributes),
            keys: array::Keys {
                default: false,
                separator: '.',
            },
            chunk,
        };
    }
    Description {
        version,
        value: json!({
            "zarr_format": 3, "node_type": "array", "shape": shape, "data_type": "string",
            "chunk_grid": { "name": "regular", "configuration": { "chunk_shape": chunk } },
            "chunk_key_encoding": { "name": "default", "configuration": { "separator": "/" } },
            "fill_value": "", "codecs": [{ "name": "vlen-utf8" }], "attributes": attributes,
            "dimension_names": text.dims, "storage_transformers": [],
        }),
        attrs: Value::Null,
        keys: array::Keys {
            default: true,
            separator: '/',
        },
        chunk,
    }
}
