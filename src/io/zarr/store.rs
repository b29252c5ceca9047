//! The keys of a Zarr hierarchy, and the values of small ones: in a folder, on a server, or behind references.

use super::references::References;
use crate::error::{Error, Fault, Result};
use crate::io::remote::{Part, Place, is_url};
use crate::io::retry;
use crate::io::sniff::no_input;
use crate::spec::{FileId, Format};
use serde_json::{Map, Value};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Descriptions that make a folder a hierarchy, in the order in which they are looked for.
const ROOTS: [&str; 4] = ["zarr.json", ".zmetadata", ".zgroup", ".zarray"];

/// No description is longer: a consolidated one of ten thousand arrays has some MiB.
pub(super) const MOST_METADATA: u64 = 256 << 20;

/// Stands before the numbers that JSON has no form for, and Python writes all the same.
pub(super) const BARE: char = '\u{e000}';

/// Names that are descriptions, wherever they stand.
const DESCRIPTIONS: [&str; 5] = ["zarr.json", ".zgroup", ".zarray", ".zattrs", ".zmetadata"];

/// Whether a group or an array can have this name: one folder, below the one it is in.
pub(in crate::io) fn is_folder_name(name: &str) -> bool {
    let dots = name.chars().all(|c| c == '.');
    !dots && !name.contains(['/', '\0']) && !DESCRIPTIONS.contains(&name)
}

/// Whether a path leads to something inside the hierarchy, and nowhere else.
pub(super) fn is_inside(path: &str) -> bool {
    path.is_empty() || path.split('/').all(is_folder_name)
}

/// Where the keys of a hierarchy are.
pub(super) enum Store {
    /// In a folder of this machine.
    Folder(PathBuf),
    /// On a server.
    Remote(Place),
    /// Wherever references say.
    References(Arc<References>),
}

impl Store {
    /// The store of a hierarchy that was seen.
    pub(super) fn of(id: &FileId, format: Format) -> Result<Store> {
        Ok(match (format, is_url(&id.path), id.path.to_str()) {
            (Format::Kerchunk, ..) => Store::References(References::of(id)?),
            (_, Some(_), Some(url)) => Store::Remote(Place::new(url)?),
            _ => Store::Folder(id.path.clone()),
        })
    }

    /// What people call the value of a key.
    pub(super) fn shown(&self, key: &str) -> String {
        match self {
            Store::Folder(root) => root.join(key).display().to_string(),
            Store::Remote(place) => place.shown(key),
            Store::References(_) => format!("the reference {key:?}"),
        }
    }

    /// The value of a key, which has at most `most` bytes; `None` when there is none.
    pub(super) fn small(&self, key: &str, most: u64) -> Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        match self {
            Store::Folder(root) => {
                let path = root.join(key);
                let doing = || format!("reading {}", path.display());
                let read = || {
                    bytes.clear();
                    File::open(&path)?.take(most).read_to_end(&mut bytes)
                };
                match retry::tried(doing, read) {
                    Ok(_) => {}
                    Err(e)
                        if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
                    {
                        return Ok(None);
                    }
                    Err(e) => return Err(no_input(&path, &e)),
                };
                Ok(Some(bytes))
            }
            Store::Remote(place) => {
                let got = place.get(key, Part::Whole, most, &mut bytes);
                Ok(got.map_err(|e| e.opening())?.map(|_| bytes))
            }
            Store::References(references) => references.small(key, most),
        }
    }

    /// The description under a key; `None` when there is none.
    pub(super) fn json(&self, key: &str) -> Result<Option<Value>> {
        match self.small(key, MOST_METADATA)? {
            Some(bytes) => parse_json(&bytes, &self.shown(key)).map(Some),
            None => Ok(None),
        }
    }

    /// All descriptions of version 2 in one, where they are in one.
    pub(super) fn consolidated(&self) -> Result<Option<Map<String, Value>>> {
        let all = self.json(".zmetadata")?;
        match (all.and_then(|all| all.get("metadata").cloned()), self) {
            (Some(Value::Object(listed)), _) => Ok(Some(listed)),
            (_, Store::References(references)) => references.listed().map(Some),
            _ => Ok(None),
        }
    }

    /// The names of the folders below `prefix`, in order.
    pub(super) fn folders(&self, prefix: &str) -> Result<Vec<String>> {
        let root = match self {
            Store::Folder(root) => root,
            Store::References(_) => return Ok(Vec::new()),
            Store::Remote(place) => match place.folders(prefix) {
                Some(listed) => return listed.map_err(|e| e.opening()),
                None => {
                    return Err(Error::new(
                        Fault::NoInput,
                        format!(
                            "open: {}: a web server lists no folders, so its metadata must be in one: zarr.consolidate_metadata(store) in Python where it is written",
                            place.shown(prefix)
                        ),
                    ));
                }
            },
        };
        let path = root.join(prefix);
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&path).map_err(|e| no_input(&path, &e))? {
            let entry = entry.map_err(|e| no_input(&path, &e))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            // A link may lead to a folder.
            if !name.starts_with('.') && entry.path().is_dir() {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }
}

/// JSON, also with the numbers that Python writes bare.
pub(super) fn parse_json(bytes: &[u8], shown: &str) -> Result<Value> {
    let text = std::str::from_utf8(bytes)
        .map_err(|e| Error::data(format!("open: {shown} is no JSON: {e}")))?;
    serde_json::from_str(text).or_else(|first| {
        serde_json::from_str(&with_marked_numbers(text))
            .map_err(|_| Error::data(format!("open: {shown} is no JSON: {first}")))
    })
}

/// `NaN` and `Infinity` outside of texts, which Python's json writes bare, as marked texts.
fn with_marked_numbers(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut inside = false;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if inside && c == '\\' {
            let end = rest.char_indices().nth(2).map_or(rest.len(), |(at, _)| at);
            out.push_str(&rest[..end]);
            rest = &rest[end..];
            continue;
        }
        let bare = ["-Infinity", "Infinity", "NaN"];
        if let Some(token) = bare.iter().find(|t| !inside && rest.starts_with(**t)) {
            out.push('"');
            out.push(BARE);
            out.push_str(token);
            out.push('"');
            rest = &rest[token.len()..];
            continue;
        }
        inside ^= c == '"';
        out.push(c);
        rest = &rest[c.len_utf8()..];
    }
    out
}

/// Which version of a hierarchy was seen, by its root's description; `None` when the folder has none.
///
/// # Errors
/// No input when it cannot be looked at.
pub(in crate::io) fn root_id(path: &Path) -> Result<Option<FileId>> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for name in ROOTS {
        match std::fs::metadata(absolute.join(name)) {
            Ok(meta) => {
                return Ok(Some(FileId {
                    path: absolute,
                    bytes: meta.len(),
                    modified_ns: meta
                        .mtime()
                        .saturating_mul(1_000_000_000)
                        .saturating_add(meta.mtime_nsec()),
                }));
            }
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) => return Err(no_input(path, &e)),
        }
    }
    Ok(None)
}

/// The hierarchy at a URL, or the references there, as it is now.
///
/// # Errors
/// No input when there is none.
pub(in crate::io) fn remote_id(url: &str) -> Result<(FileId, Format)> {
    let place = Place::new(url)?;
    // The format shows by which of them is there.
    let found = match url.trim_end_matches('/').ends_with(".json") {
        true => first_of(&place, &[""])?.map(|(id, _)| (id, Format::Kerchunk)),
        false => first_of(&place, &ROOTS)?.map(|(id, at)| match at {
            0 => (id, Format::Zarr3),
            _ => (id, Format::Zarr2),
        }),
    };
    found.ok_or_else(|| {
        Error::new(
            Fault::NoInput,
            format!(
                "open: {}: there is no Zarr hierarchy: none of {}; other files are not read from servers: download them, or make references by kerchunk",
                place.shown(""),
                ROOTS.join(", ")
            ),
        )
    })
}

/// The first of some keys that is there.
fn first_of(place: &Place, keys: &[&str]) -> Result<Option<(FileId, usize)>> {
    let mut denied = None;
    for (at, key) in keys.iter().enumerate() {
        let mut byte = Vec::new();
        match place.get(key, Part::Bytes(0, 1), 1, &mut byte) {
            Ok(Some(answer)) => {
                let id = FileId {
                    path: PathBuf::from(place.shown("")),
                    bytes: answer.total.unwrap_or(0),
                    modified_ns: answer.version.unwrap_or(0) as i64,
                };
                return Ok(Some((id, at)));
            }
            Ok(None) => {}
            // To those who may not list, some stores say so of what is not there.
            Err(e) if matches!(e.status, Some(401 | 403)) => denied = Some(e),
            Err(e) => return Err(e.opening()),
        }
    }
    denied.map_or(Ok(None), |e| Err(e.opening()))
}

/// Refuses a hierarchy on a server that is not the one that was described.
///
/// # Errors
/// Data when it is another one; no input when it is gone.
pub(in crate::io) fn check_unchanged(id: &FileId) -> Result<()> {
    let Some(url) = id.path.to_str().filter(|_| is_url(&id.path).is_some()) else {
        return Ok(());
    };
    match remote_id(url)?.0 == *id {
        true => Ok(()),
        false => Err(Error::data(format!(
            "{url} changed while the job ran: its description is another one"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_numbers_are_marked_outside_of_texts_only() {
        let text = r#"{"a": NaN, "b": "NaN \" NaN", "c": [-Infinity, Infinity]}"#;
        let value: Value = serde_json::from_str(&with_marked_numbers(text)).unwrap();
        assert_eq!(value["a"], format!("{BARE}NaN"));
        assert_eq!(value["b"], "NaN \" NaN");
        assert_eq!(value["c"][0], format!("{BARE}-Infinity"));
        assert_eq!(value["c"][1], format!("{BARE}Infinity"));
    }
}
