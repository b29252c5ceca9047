//! How an output is stored, as scripts say it: `#{ chunks: …, shards: …, deflate: 4, zstd: 3, lz4: 5, shuffle: true }`.

use super::args::{check_keys, flag, int, length, lengths};
use super::failure::{Raised, raise};
use crate::error::{Error, nearest_names};
use crate::spec::{Compression, Encoding};
use rhai::{Dynamic, Map};

/// The options that say how variables are stored.
pub(super) const KEYS: [&str; 6] = ["deflate", "zstd", "lz4", "shuffle", "chunks", "shards"];

/// The encoding that options of `operation` ask for; `dims` and `shape` are those of the variable, where it has names.
pub(super) fn encoding(
    operation: &str,
    options: &Map,
    others: &[&str],
    axes: Option<(&[String], &[usize])>,
) -> Raised<Encoding> {
    let known: Vec<&str> = others.iter().chain(&KEYS).copied().collect();
    check_keys(operation, options, &known)?;
    let compression = compression(operation, options)?;
    let on = compression.is_some_and(|c| c != Compression::None);
    Ok(Encoding {
        chunks: per_axis(operation, "chunks", options, axes)?,
        shards: per_axis(operation, "shards", options, axes)?,
        compression,
        shuffle: flag(operation, options, "shuffle")?.unwrap_or(on),
    })
}

fn compression(operation: &str, options: &Map) -> Raised<Option<Compression>> {
    let mut found = None;
    for (key, most) in [("deflate", 9), ("zstd", 19), ("lz4", 9)] {
        let Some(level) = options.get(key).filter(|level| !level.is_unit()) else {
            continue;
        };
        let what = format!("{operation}: {key}");
        let level = int(&what, level, &format!("a level of 1 … {most}"))?;
        let made = match (key, u8::try_from(level)) {
            (_, Ok(0)) => Compression::None,
            ("deflate", Ok(level)) if level <= most => Compression::Deflate(level),
            ("zstd", Ok(level)) if level <= most => Compression::Zstd(level),
            ("lz4", Ok(level)) if level <= most => Compression::Lz4(level),
            _ => {
                return Err(raise(Error::invalid(format!(
                    "{what} level {level} is not allowed; give 1 … {most} (0: no compression)"
                ))));
            }
        };
        if found.replace(made).is_some() {
            return Err(raise(Error::invalid(format!(
                "{operation}: more than one of deflate, zstd and lz4; give one"
            ))));
        }
    }
    Ok(found)
}

/// One length per axis: a list, or a map of names, where what is not named is whole.
fn per_axis(
    operation: &str,
    key: &str,
    options: &Map,
    axes: Option<(&[String], &[usize])>,
) -> Raised<Option<Vec<usize>>> {
    let Some(given) = options.get(key) else {
        return Ok(None);
    };
    let what = format!("{operation}: {key}");
    let Some((dims, shape)) = axes else {
        return lengths(&what, given, 1).map(Some);
    };
    let found = match given.as_map_ref() {
        Err(_) => lengths(&what, given, 1)?,
        Ok(by_dim) => {
            let name = |k: &str| dims.iter().any(|d| d == k);
            if let Some(unknown) = by_dim.keys().find(|k| !name(k)) {
                return Err(raise(Error::invalid(format!(
                    "{what}: unknown dimension {:?}; known: {}",
                    unknown.as_str(),
                    nearest_names(unknown, dims.iter().map(String::as_str))
                ))));
            }
            let one = |(dim, len): (&String, &usize)| match by_dim.get(dim.as_str()) {
                Some(given) => length(&what, given, 1),
                None => Ok((*len).max(1)),
            };
            dims.iter().zip(shape).map(one).collect::<Raised<_>>()?
        }
    };
    if found.len() != shape.len() {
        return Err(raise(Error::invalid(format!(
            "{what}: {} lengths for {} dimensions",
            found.len(),
            shape.len()
        ))));
    }
    Ok(Some(found))
}

/// Zarr's version, where options name one.
pub(super) fn zarr_format(operation: &str, options: &Map) -> Raised<Option<crate::spec::Format>> {
    let Some(version) = options.get("zarr_format") else {
        return Ok(None);
    };
    match Dynamic::as_int(version) {
        Ok(2) => Ok(Some(crate::spec::Format::Zarr2)),
        Ok(3) => Ok(Some(crate::spec::Format::Zarr3)),
        _ => Err(raise(Error::invalid(format!(
            "{operation}: zarr_format {version} is not allowed; allowed are 2 and 3"
        )))),
    }
}
