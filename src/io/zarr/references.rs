//! kerchunk's references: a JSON that says for each key of a Zarr 2 hierarchy its bytes, or in which file they lie.
//!
//! After the specification of kerchunk, versions 0 and 1. Laws: what a reference names is checked before it is read; references
//! that came over a network name no files of this machine.

use super::store::{MOST_METADATA, is_inside, parse_json};
use crate::error::{Error, Fault, Result};
use crate::geom::ChunkGrid;
use crate::io::index::StorageIndex;
use crate::io::remote::{Failure, Part, Place, is_url, local_path};
use crate::io::retry;
use crate::io::sniff::{no_input, open_unchanged};
use crate::spec::FileId;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Parsed references of up to so many bytes are kept for the next variable.
const KEPT_BYTES: u64 = 32 << 20;

/// Names that end a key of a description.
const DESCRIPTIONS: [&str; 3] = [".zgroup", ".zarray", ".zattrs"];

/// The keys of one JSON.
pub(super) struct References {
    shown: String,
    /// What relative names are relative to: a folder, or the URL of one.
    base: String,
    refs: BTreeMap<String, Value>,
    templates: Vec<(String, String)>,
}

/// Where the bytes of a key are.
enum Reference {
    Here(Vec<u8>),
    /// In a file or behind a URL: first byte and bytes, or all of it.
    There(String, Option<(u64, u64)>),
}

impl References {
    /// The references of a JSON that was seen.
    ///
    /// # Errors
    /// Data when it changed, or is no JSON of references.
    pub(super) fn of(id: &FileId) -> Result<Arc<References>> {
        static LAST: Mutex<Option<(FileId, Arc<References>)>> = Mutex::new(None);
        let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, references)) = &*last
            && known == id
        {
            return Ok(Arc::clone(references));
        }
        let shown = id.path.display().to_string();
        if id.bytes > MOST_METADATA {
            return Err(Error::data(format!(
                "open: {shown} has {} bytes: references of more than {MOST_METADATA} are not read",
                id.bytes
            )));
        }
        let mut text = Vec::new();
        match is_url(&id.path) {
            Some(_) => {
                let got = Place::new(&shown)?.get("", Part::Whole, MOST_METADATA, &mut text);
                if got.map_err(|e| e.opening())?.is_none() {
                    let gone = format!("open: {shown} does not exist any more");
                    return Err(Error::new(Fault::NoInput, gone));
                }
            }
            None => {
                let file = open_unchanged(id)?.take(MOST_METADATA);
                let mut file = file;
                file.read_to_end(&mut text)
                    .map_err(|e| no_input(&id.path, &e))?;
            }
        }
        let made = Arc::new(parse(&text, &shown)?);
        if text.len() as u64 <= KEPT_BYTES {
            *last = Some((id.clone(), Arc::clone(&made)));
        }
        Ok(made)
    }

    fn bad(&self, key: &str, why: impl std::fmt::Display) -> Error {
        Error::data(format!("{}: the reference {key:?}: {why}", self.shown))
    }

    fn reference(&self, key: &str, value: &Value) -> Result<Reference> {
        let list = match value {
            Value::String(text) => {
                return match text.strip_prefix("base64:") {
                    None => Ok(Reference::Here(text.clone().into_bytes())),
                    Some(coded) => (STANDARD.decode(coded).map(Reference::Here))
                        .map_err(|e| self.bad(key, format!("its base64: {e}"))),
                };
            }
            // A description as it is, which newer versions write.
            Value::Object(_) => return Ok(Reference::Here(value.to_string().into_bytes())),
            Value::Array(list) => list,
            _ => return Err(self.bad(key, "it is neither a text nor a list")),
        };
        let (Some(Value::String(url)), true) = (list.first(), matches!(list.len(), 1 | 3)) else {
            return Err(self.bad(key, "a list has a URL, or a URL, an offset and a length"));
        };
        let range = match list.as_slice() {
            [_, at, n] => match (at.as_u64(), n.as_u64()) {
                (Some(at), Some(n)) if at.checked_add(n).is_some() => Some((at, n)),
                _ => return Err(self.bad(key, format!("offset {at} and length {n}"))),
            },
            _ => None,
        };
        Ok(Reference::There(self.target(key, url)?, range))
    }

    /// The absolute path or the URL that a reference names.
    fn target(&self, key: &str, url: &str) -> Result<String> {
        let mut url = url.to_owned();
        while let Some((front, rest)) = url.split_once("{{") {
            let (name, back) = rest
                .split_once("}}")
                .ok_or_else(|| self.bad(key, format!("{url:?} has no end of a template")))?;
            let found = self
                .templates
                .iter()
                .find(|(known, _)| known == name.trim());
            let (_, text) = found.ok_or_else(|| {
                let why = format!(
                    "the template {:?}: only names of templates are filled in",
                    name.trim()
                );
                self.bad(key, why)
            })?;
            url = format!("{front}{text}{back}");
        }
        let from_afar = is_url(Path::new(&self.base)).is_some();
        let local = match is_url(Path::new(&url)) {
            Some("http" | "https" | "s3") => return Ok(url),
            Some("file") => local_path(&url),
            Some(other) => {
                let why = format!("nothing is read over {other}; files, http, https and s3 are");
                return Err(self.bad(key, why));
            }
            None if from_afar && !url.starts_with('/') && is_inside(&url) => {
                return Ok(format!("{}/{url}", self.base));
            }
            None => Some(Path::new(&self.base).join(&url)),
        };
        match local {
            Some(_) if from_afar => Err(self.bad(
                key,
                format!("{url:?} is a file; references from a server name URLs"),
            )),
            Some(path) => Ok(path.display().to_string()),
            None => Err(self.bad(key, format!("{url:?} is no file of this machine"))),
        }
    }

    /// The bytes of a small key; `None` when there is no such key.
    pub(super) fn small(&self, key: &str, most: u64) -> Result<Option<Vec<u8>>> {
        let Some(value) = self.refs.get(key) else {
            return Ok(None);
        };
        match self.reference(key, value)? {
            Reference::Here(bytes) => Ok(Some(bytes)),
            Reference::There(target, range) => {
                let mut bytes = Vec::new();
                read(&target, range, most, &mut bytes).map_err(|e| self.bad(key, e.why))?;
                Ok(Some(bytes))
            }
        }
    }

    /// The description under a key.
    pub(super) fn json(&self, key: &str) -> Result<Option<Value>> {
        match self.small(key, MOST_METADATA)? {
            Some(bytes) => parse_json(&bytes, &format!("{}: {key}", self.shown)).map(Some),
            None => Ok(None),
        }
    }

    /// All descriptions, as consolidated metadata have them.
    pub(super) fn listed(&self) -> Result<Map<String, Value>> {
        let mut listed = Map::new();
        for key in self.refs.keys() {
            let name = key.rsplit('/').next().unwrap_or(key);
            if name == "zarr.json" {
                return Err(self.bad(key, "references to Zarr version 3 are not read"));
            }
            if DESCRIPTIONS.contains(&name)
                && let Some(value) = self.json(key)?
            {
                listed.insert(key.clone(), value);
            }
        }
        Ok(listed)
    }

    /// Where the chunks of an array are.
    pub(super) fn index(
        &self,
        variable: &str,
        separator: char,
        grid: &ChunkGrid,
    ) -> Result<StorageIndex> {
        let prefix = match variable {
            "" => String::new(),
            name => format!("{name}/"),
        };
        let (mut chunks, mut here) = (Vec::new(), Vec::new());
        let mut files: Vec<String> = Vec::new();
        let mut numbers: HashMap<String, u32> = HashMap::new();
        let below = self.refs.range(prefix.clone()..);
        for (key, value) in below.take_while(|(key, _)| key.starts_with(&prefix)) {
            let Some(number) = place(&key[prefix.len()..], separator, grid) else {
                continue;
            };
            match self.reference(key, value)? {
                Reference::Here(bytes) => here.push((number, bytes)),
                Reference::There(target, range) => {
                    let file = *numbers.entry(target).or_insert_with_key(|target| {
                        files.push(target.clone());
                        files.len() as u32 - 1
                    });
                    chunks.push((number, file, range));
                }
            }
        }
        chunks.sort_unstable();
        here.sort_unstable();
        Ok(StorageIndex::References {
            files,
            chunks,
            here,
        })
    }
}

/// The row-major number of the chunk that a key names; `None` for keys of something else.
fn place(key: &str, separator: char, grid: &ChunkGrid) -> Option<u64> {
    if grid.axes.is_empty() {
        return (key == "0").then_some(0);
    }
    let parts: Vec<&str> = key.split(separator).collect();
    let mut number = 0u64;
    if parts.len() != grid.axes.len() {
        return None;
    }
    for (part, axis) in parts.iter().zip(&grid.axes) {
        let at: usize = part.parse().ok()?;
        if at >= axis.count() || at.to_string() != *part {
            return None;
        }
        number = number
            .checked_mul(axis.count() as u64)?
            .checked_add(at as u64)?;
    }
    Some(number)
}

fn parse(text: &[u8], shown: &str) -> Result<References> {
    let value = parse_json(text, shown)?;
    let bad = |why: &str| Err(Error::data(format!("open: {shown}: {why}")));
    let Value::Object(mut all) = value else {
        return bad("it holds no references");
    };
    let mut templates = Vec::new();
    let is_version1 = all.get("refs").is_some_and(Value::is_object);
    if is_version1 {
        if all.get("version").and_then(Value::as_u64) != Some(1) {
            return bad("references of another version than 0 and 1");
        }
        let generated = match all.get("gen") {
            None | Some(Value::Null) => false,
            Some(Value::Array(list)) => !list.is_empty(),
            Some(_) => true,
        };
        if generated {
            return bad(
                "its references are generated (`gen`), which is not read; write them out: kerchunk.utils.refs_as_fs, or fsspec's ReferenceFileSystem(...).save_json",
            );
        }
        if let Some(Value::Object(given)) = all.remove("templates") {
            for (name, text) in given {
                let Value::String(text) = text else {
                    return bad(&format!("the template {name:?} is no text"));
                };
                // Otherwise one could name another, or itself.
                if text.contains("{{") {
                    return bad(&format!(
                        "the template {name:?} is a program: only texts are filled in"
                    ));
                }
                templates.push((name, text));
            }
        }
        all = match all.remove("refs") {
            Some(Value::Object(refs)) => refs,
            _ => Map::new(),
        };
    }
    if !all.keys().any(|key| is_description(key)) {
        return bad("it is JSON, but holds no references to a Zarr hierarchy (kerchunk)");
    }
    let folder = match shown.rsplit_once('/') {
        Some((folder, _)) => folder,
        None => ".",
    };
    Ok(References {
        shown: shown.to_owned(),
        base: folder.to_owned(),
        refs: all.into_iter().collect(),
        templates,
    })
}

fn is_description(key: &str) -> bool {
    let name = key.rsplit('/').next().unwrap_or(key);
    name == ".zmetadata" || name == "zarr.json" || DESCRIPTIONS.contains(&name)
}

/// Reads what a reference names: a part of a file or of an object, or all of it when that is no more than `most`.
pub(super) fn read(
    target: &str,
    range: Option<(u64, u64)>,
    most: u64,
    into: &mut Vec<u8>,
) -> Result<(), Failure> {
    if let Some((_, n)) = range
        && (n == 0 || n > most)
    {
        let why = format!("{n} bytes of {target}: allowed are 1 … {most}");
        return Err(Failure::damaged(why));
    }
    if is_url(Path::new(target)).is_some() {
        let place = Place::new(target).map_err(|e| Failure::unreadable(e.message().to_owned()))?;
        let part = match range {
            Some((at, n)) => Part::Bytes(at, n as usize),
            None => Part::Whole,
        };
        return match place.get("", part, most, into)? {
            Some(_) => Ok(()),
            None => Err(Failure::unreadable(format!("{target} does not exist"))),
        };
    }
    let unreadable = |e: std::io::Error| {
        Failure::unreadable(no_input(&PathBuf::from(target), &e).message().to_owned())
    };
    // Before it is opened: a pipe would wait for a writer.
    if !std::fs::metadata(target).map_err(unreadable)?.is_file() {
        return Err(Failure::unreadable(format!("{target} is no file")));
    }
    let file = retry::open(Path::new(target)).map_err(unreadable)?;
    let has = file.metadata().map_err(unreadable)?.len();
    let (at, n) = range.unwrap_or((0, has));
    if n > most {
        return Err(Failure::damaged(format!(
            "{target} has {n} bytes, more than the {most} that it ever has"
        )));
    }
    if at + n > has {
        let end = at + n;
        return Err(Failure::damaged(format!(
            "bytes {at} to {end} of {target}, which has {has}"
        )));
    }
    crate::io::format::fit(into, n as usize);
    retry::read_exact(&file, into, at, target).map_err(unreadable)
}
