//! The keys and values of a Zarr hierarchy in a folder: JSON descriptions are read whole, chunks in ranges.

use crate::error::{Error, Fault, Result};
use crate::io::sniff::no_input;
use crate::spec::FileId;
use serde_json::Value;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Descriptions that make a folder a hierarchy, in the order in which they are looked for.
const ROOTS: [&str; 4] = ["zarr.json", ".zmetadata", ".zgroup", ".zarray"];

/// No description is longer: a consolidated one of ten thousand arrays has some MiB.
const MOST_METADATA: u64 = 256 << 20;

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

/// A folder that holds a hierarchy.
pub(super) struct Store {
    root: PathBuf,
}

impl Store {
    pub(super) fn new(root: &Path) -> Self {
        Store {
            root: root.to_owned(),
        }
    }

    /// The file of a key.
    pub(super) fn path(&self, key: &str) -> PathBuf {
        self.root.join(key)
    }

    /// The description under a key; `None` when there is none.
    pub(super) fn json(&self, key: &str) -> Result<Option<Value>> {
        let path = self.path(key);
        let shown = path.display();
        let file = match std::fs::File::open(&path) {
            Ok(file) => file,
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(e) => return Err(no_input(&path, &e)),
        };
        let mut text = String::new();
        let read = file.take(MOST_METADATA).read_to_string(&mut text);
        read.map_err(|e| Error::new(Fault::Data, format!("open: {shown}: {e}")))?;
        match serde_json::from_str(&text) {
            Ok(value) => Ok(Some(value)),
            Err(first) => serde_json::from_str(&with_marked_numbers(&text))
                .map(Some)
                .map_err(|_| Error::data(format!("open: {shown} is no JSON: {first}"))),
        }
    }

    /// The names of the folders below `prefix`, in order.
    pub(super) fn folders(&self, prefix: &str) -> Result<Vec<String>> {
        let path = self.path(prefix);
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
