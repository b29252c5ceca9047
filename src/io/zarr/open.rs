//! The metadata of a hierarchy: groups, arrays, dimensions, attributes. Read once, on one rank; the result is plain data.
//!
//! Consolidated metadata (one description of everything, at the root) are taken where they are; else folders are walked.

use super::array::{self, ZarrArray};
use super::attrs;
use super::store::{Store, is_inside};
use super::texts;
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Fault, Result};
use crate::io::info::{DimInfo, FileInfo, VariableInfo};
use crate::spec::{AttrValue, Attrs, FileId, Format, Layout, SourceSpec};
use serde_json::{Map, Value};
use zarrs::array::{ArrayMetadataV2, FillValueMetadata};
use zarrs::convert::array_metadata_v2_to_v3;
use zarrs::metadata::v3::ArrayMetadataV3;

/// Groups inside groups: more levels than this are a loop of links.
const DEEPEST: usize = 64;

/// An array or a group of the hierarchy.
struct Node {
    /// Path below the root, without a slash at either end.
    path: String,
    attrs: Map<String, Value>,
    /// The description of an array (`Err`: why it cannot be read), nothing for a group.
    array: Option<Result<Described, String>>,
}

struct Described {
    meta: ArrayMetadataV3,
    /// Version 2's fill value, which stands for missing values; not `null`.
    missing: Option<FillValueMetadata>,
    dims: Option<Vec<Option<String>>>,
}

/// The metadata of a hierarchy, or of one group in it.
///
/// # Errors
/// Data when a description is damaged, naming its file; invalid input when the group does not exist.
pub(in crate::io) fn open(id: FileId, format: Format, group: Option<&str>) -> Result<FileInfo> {
    let store = Store::of(&id, format)?;
    let mut nodes = match format {
        Format::Zarr3 => version3(&store)?,
        _ => version2(&store)?,
    };
    // Consolidated metadata name paths: none of them may lead to files that are not the hierarchy's.
    for node in nodes.iter_mut().filter(|node| !is_inside(&node.path)) {
        node.array = Some(Err("its path is none inside the hierarchy".into()));
    }
    let inside = group.map(|g| g.trim_matches('/')).unwrap_or_default();
    let Some(top) = nodes.iter().position(|n| n.path == inside) else {
        return Err(Error::invalid(format!(
            "open: {} has no group {inside:?}",
            id.path.display()
        )));
    };
    if let Some(Ok(described)) = &nodes[top].array
        && inside.is_empty()
    {
        // The hierarchy is one array: a variable of the folder's name.
        let name = id
            .path
            .file_stem()
            .map(|s| s.to_string_lossy().into_owned());
        let variable = describe(
            &store,
            &id,
            format,
            "",
            &name.unwrap_or_default(),
            described,
            &nodes[top].attrs,
        )?;
        return finish(id, Attrs::default(), vec![variable], Vec::new());
    }
    let attrs = attrs::read(&nodes[top].attrs, None);
    let prefix = match inside {
        "" => String::new(),
        name => format!("{name}/"),
    };
    let (mut variables, mut left_out) = (Vec::new(), Vec::new());
    for node in &nodes {
        let Some(name) = node.path.strip_prefix(&prefix).filter(|n| !n.is_empty()) else {
            continue;
        };
        match &node.array {
            None => {}
            Some(Err(why)) => left_out.push((name.to_owned(), why.clone())),
            Some(Ok(described)) => {
                variables.push(describe(
                    &store,
                    &id,
                    format,
                    &node.path,
                    name,
                    described,
                    &node.attrs,
                )?);
            }
        }
    }
    finish(id, attrs, variables, left_out)
}

/// Adds the dimensions.
fn finish(
    id: FileId,
    attrs: Attrs,
    variables: Vec<VariableInfo>,
    left_out: Vec<(String, String)>,
) -> Result<FileInfo> {
    let mut dims: Vec<DimInfo> = Vec::new();
    for variable in &variables {
        for (name, len) in variable.dims.iter().zip(&variable.source.shape) {
            match dims.iter().find(|d| d.name == *name) {
                Some(dim) if dim.len != *len => {
                    return Err(Error::data(format!(
                        "open: {}: dimension {name} has length {} and, in variable {}, {len}",
                        id.path.display(),
                        dim.len,
                        variable.name
                    )));
                }
                Some(_) => {}
                None => dims.push(DimInfo {
                    name: name.clone(),
                    len: *len,
                    unlimited: false,
                }),
            }
        }
    }
    Ok(FileInfo {
        id,
        dims,
        attrs,
        variables,
        left_out,
    })
}

/// Joins a path.
fn below(group: &str, name: &str) -> String {
    match group {
        "" => name.to_owned(),
        group => format!("{group}/{name}"),
    }
}

fn object(value: Option<Value>) -> Map<String, Value> {
    match value {
        Some(Value::Object(map)) => map,
        _ => Map::new(),
    }
}

fn version3(store: &Store) -> Result<Vec<Node>> {
    let root = store.json("zarr.json")?;
    let root = root.ok_or_else(|| Error::new(Fault::NoInput, "open: zarr.json is gone"))?;
    let mut nodes = vec![node3(String::new(), &root)];
    let listed = root
        .get("consolidated_metadata")
        .and_then(|c| c.get("metadata"));
    if let Some(Value::Object(listed)) = listed {
        nodes.extend(
            listed
                .iter()
                .map(|(path, value)| node3(path.clone(), value)),
        );
        return Ok(nodes);
    }
    let mut groups = match nodes[0].array {
        None => vec![(String::new(), 0)],
        Some(_) => Vec::new(),
    };
    while let Some((group, depth)) = groups.pop() {
        for name in store.folders(&group)? {
            let path = below(&group, &name);
            let Some(value) = store.json(&format!("{path}/zarr.json"))? else {
                continue;
            };
            let node = node3(path.clone(), &value);
            if node.array.is_none() && depth < DEEPEST {
                groups.push((path, depth + 1));
            }
            nodes.push(node);
        }
    }
    Ok(nodes)
}

fn node3(path: String, value: &Value) -> Node {
    let attrs = object(value.get("attributes").cloned());
    let array = match value.get("node_type").and_then(Value::as_str) {
        Some("group") => None,
        Some("array") => Some(array3(value)),
        other => Some(Err(format!(
            "its node_type is {}",
            other.unwrap_or("missing")
        ))),
    };
    Node { path, attrs, array }
}

fn array3(value: &Value) -> Result<Described, String> {
    let mut bare = value.clone();
    if let Value::Object(map) = &mut bare {
        map.remove("attributes");
    }
    let meta: ArrayMetadataV3 =
        serde_json::from_value(bare).map_err(|e| format!("its description: {e}"))?;
    let dims = value.get("dimension_names").and_then(Value::as_array);
    let dims = dims.map(|names| {
        names
            .iter()
            .map(|n| n.as_str().map(str::to_owned))
            .collect()
    });
    Ok(Described {
        meta,
        missing: None,
        dims,
    })
}

fn version2(store: &Store) -> Result<Vec<Node>> {
    if let Some(listed) = store.consolidated()? {
        let attrs = |path: &str| object(listed.get(&below(path, ".zattrs")).cloned());
        let mut nodes = Vec::new();
        for (key, value) in &listed {
            let (path, name) = key.rsplit_once('/').unwrap_or(("", key));
            match name {
                ".zgroup" => nodes.push(Node {
                    path: path.to_owned(),
                    attrs: attrs(path),
                    array: None,
                }),
                ".zarray" => nodes.push(node2(path.to_owned(), value, attrs(path))),
                _ => {}
            }
        }
        return Ok(nodes);
    }
    let mut nodes = Vec::new();
    let mut paths = vec![(String::new(), 0)];
    while let Some((path, depth)) = paths.pop() {
        let attrs = || Ok::<_, Error>(object(store.json(&below(&path, ".zattrs"))?));
        if let Some(value) = store.json(&below(&path, ".zarray"))? {
            nodes.push(node2(path.clone(), &value, attrs()?));
        } else if store.json(&below(&path, ".zgroup"))?.is_some() {
            nodes.push(Node {
                attrs: attrs()?,
                path: path.clone(),
                array: None,
            });
            if depth < DEEPEST {
                let names = store.folders(&path)?;
                paths.extend(names.iter().rev().map(|n| (below(&path, n), depth + 1)));
            }
        }
    }
    Ok(nodes)
}

fn node2(path: String, value: &Value, attrs: Map<String, Value>) -> Node {
    let dims = attrs.get(attrs::DIMS).and_then(Value::as_array);
    let dims = dims.map(|names| {
        names
            .iter()
            .map(|n| n.as_str().map(str::to_owned))
            .collect()
    });
    let described = (|| {
        let mut value = value.clone();
        // The numbers that Python writes bare are texts in the description.
        if let Some(Value::String(fill)) = value.get_mut("fill_value") {
            *fill = fill.trim_start_matches(super::store::BARE).to_owned();
        }
        let old: ArrayMetadataV2 =
            serde_json::from_value(value).map_err(|e| format!("its description: {e}"))?;
        let meta = array_metadata_v2_to_v3(&old).map_err(|e| e.to_string())?;
        Ok(Described {
            missing: (!old.fill_value.is_null()).then(|| meta.fill_value.clone()),
            meta,
            dims,
        })
    })();
    Node {
        path,
        attrs,
        array: Some(described),
    }
}

fn describe(
    store: &Store,
    id: &FileId,
    format: Format,
    path: &str,
    name: &str,
    described: &Described,
    json: &Map<String, Value>,
) -> Result<VariableInfo> {
    let meta = &described.meta;
    let place = || format!("open: {}: variable {name}", id.path.display());
    let shape = array::lengths(meta.shape.iter().copied())
        .map_err(|why| Error::data(format!("{}: {why}", place())))?;
    if let Some(names) = &described.dims
        && names.len() != shape.len()
    {
        return Err(Error::data(format!(
            "{}: {} names of dimensions for {} dimensions",
            place(),
            names.len(),
            shape.len()
        )));
    }
    // Dimensions of a nested group are its own.
    let group = name.rsplit_once('/').map_or("", |(group, _)| group);
    let dims = (0..shape.len())
        .map(|axis| {
            let named = described.dims.as_ref().and_then(|d| d[axis].clone());
            let dim = named.unwrap_or_else(|| {
                format!("{}_dim_{axis}", name.rsplit('/').next().unwrap_or(name))
            });
            below(group, &dim)
        })
        .collect();
    let dtype = array::dtype(&meta.data_type);
    let known = dtype.clone().unwrap_or(DType::U8);
    let made = dtype.clone().and_then(|dtype| ZarrArray::new(meta, dtype));
    let (chunk, fill) = match &made {
        Ok(array) => (array.chunk.clone(), array.fill),
        Err(_) => (shape.iter().map(|n| (*n).max(1)).collect(), Scalar::U8(0)),
    };
    let texts = match &dtype {
        Ok(_) => None,
        Err(_) => match array::keys_and_chunk(meta) {
            Ok((keys, chunk)) => texts::read(store, path, meta, keys, &chunk)?,
            Err(_) => None,
        },
    };
    let mut own = attrs::read(json, Some(known));
    if let (Some(_), Ok(_), None) = (&described.missing, &made, own.get("_FillValue")) {
        own.set("_FillValue", AttrValue::Numbers(vec![fill]));
    }
    let mut bare = meta.clone();
    bare.attributes = Map::new();
    Ok(VariableInfo {
        name: name.to_owned(),
        dims,
        attrs: own,
        source: SourceSpec {
            file: id.clone(),
            format,
            variable: path.to_owned(),
            dtype: known,
            shape,
            layout: Layout::Zarr {
                chunk,
                metadata: serde_json::to_string(&bare)
                    .map_err(|e| Error::internal(format!("{}: {e}", place())))?,
            },
            big_endian: false,
            fill,
            library_only: None,
        },
        texts,
        fortran_order: false,
        readable: made.err().map(|why| format!("{why} is not read here")),
    })
}
