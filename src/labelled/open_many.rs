//! Many files as one dataset: headers read once each, across the ranks; mismatches named by file.

use super::concat::{DataVars, concat_datasets};
use super::coord::{Coord, Values};
use super::dataset::Dataset;
use super::join::Join;
use super::keys::Keys;
use super::merge::combine_by_coords;
use super::open::dataset;
use crate::driver::Driver;
use crate::error::{Error, Fault, Result};
use crate::io::{self, Described};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// How [`Driver::open_many`] puts files together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ManyOptions {
    /// The files one after another in the order of their paths along this dimension, which may be new (xarray's
    /// `combine="nested"`); `None`: by their coordinates.
    pub concat_dim: Option<String>,
    /// One group of each file.
    pub group: Option<String>,
}

impl Driver {
    /// Opens many files as one dataset, lazily: by their coordinates, or along a dimension. Each header is read once, by one of
    /// the ranks. xarray's `open_mfdataset`.
    ///
    /// The files of one variable must agree: in dtype, dimensions, units and calendar; files with a part of the variables
    /// of others, and files whose labels overlap, are refused by name.
    ///
    /// # Errors
    /// Invalid input for no paths; those of [`Driver::open`], naming the file; data, naming the files, when they do not fit
    /// together.
    #[track_caller]
    pub fn open_many<P: AsRef<Path>>(&self, paths: &[P], options: &ManyOptions) -> Result<Dataset> {
        let paths: Vec<PathBuf> = paths.iter().map(|p| p.as_ref().to_owned()).collect();
        if paths.is_empty() {
            return Err(Error::invalid("open_many: no paths; give at least one"));
        }
        let described = self
            .session()
            .describe(paths.clone(), options.group.clone())?;
        check_alike(&paths, &described)?;
        let parts = paths
            .iter()
            .zip(&described)
            .map(|(path, described)| dataset(self, path, described))
            .collect::<Result<Vec<_>>>()?;
        drop(described);
        let refs: Vec<&Dataset> = parts.iter().collect();
        let origin = format!("{} and {} more", paths[0].display(), paths.len() - 1);
        let mut made = match &options.concat_dim {
            Some(dim) => concat_datasets(&refs, dim.as_str(), Join::Exact, DataVars::All)?,
            None => match in_one_row(&refs)? {
                Some((dim, order)) => {
                    let sorted: Vec<&Dataset> = order.iter().map(|at| refs[*at]).collect();
                    concat_datasets(&sorted, dim.as_str(), Join::Exact, DataVars::All)?
                }
                None => combine_by_coords(&refs)?,
            },
        };
        made.attrs = parts[0].attrs.clone();
        if paths.len() > 1 {
            made.origin = origin;
        }
        Ok(made)
    }

    /// As [`Driver::open_many`], the files that a pattern names, in the order of their names: `data/era5_*.nc`. `*`, `?` and `[…]`
    /// stand for parts of names, `**` for folders.
    ///
    /// # Errors
    /// Invalid input for a pattern that is none; no input when no file has such a name; else as [`Driver::open_many`].
    #[track_caller]
    pub fn open_glob(&self, pattern: &str, options: &ManyOptions) -> Result<Dataset> {
        let paths = paths_of(pattern)?;
        self.open_many(&paths, options)
    }
}

/// The paths that a pattern stands for, in order.
fn paths_of(pattern: &str) -> Result<Vec<PathBuf>> {
    if io::is_url(Path::new(pattern)).is_some() {
        return match pattern.contains(['*', '[']) {
            false => Ok(vec![pattern.into()]),
            true => Err(Error::invalid(format!(
                "open_many: the pattern {pattern:?}: servers list no files; give a list of URLs"
            ))),
        };
    }
    let found = glob::glob(pattern)
        .map_err(|e| Error::invalid(format!("open_many: the pattern {pattern:?}: {e}")))?;
    let mut paths = Vec::new();
    for path in found {
        paths.push(path.map_err(|e| {
            Error::new(
                Fault::NoInput,
                format!("open_many: {}: {}", e.path().display(), e.error()),
            )
        })?);
    }
    paths.sort();
    match paths.is_empty() {
        true => Err(Error::new(
            Fault::NoInput,
            format!("open_many: no file is named like {pattern:?}"),
        )),
        false => Ok(paths),
    }
}

/// Files of one variable agree, and no file lacks a variable that others of its kind have.
fn check_alike(paths: &[PathBuf], described: &[Described]) -> Result<()> {
    /// The first file with a variable, and what its variable is.
    struct First<'a> {
        file: usize,
        dtype: String,
        dims: &'a [String],
        texts: BTreeMap<&'static str, Option<&'a str>>,
    }
    let bad = |file: usize, variable: &str, what: &str, is: &str, first: usize, was: &str| {
        Err(Error::data(format!(
            "open_many: {}: variable {variable} has {what} {is}, but {was} in {}",
            paths[file].display(),
            paths[first].display()
        )))
    };
    let mut known: BTreeMap<&str, First<'_>> = BTreeMap::new();
    for (file, one) in described.iter().enumerate() {
        for v in &one.info.variables {
            let times = v.attrs.text("units").is_some_and(|u| u.contains(" since "));
            let mut texts = BTreeMap::new();
            // Times of other units are other numbers for the same instants: they are decoded.
            texts.insert("the units", v.attrs.text("units").filter(|_| !times));
            let calendar = v.attrs.text("calendar").or(times.then_some("standard"));
            texts.insert(
                "the calendar",
                calendar.map(|c| if c == "gregorian" { "standard" } else { c }),
            );
            let dtype = match &v.texts {
                Some(_) => "str".to_owned(),
                None => v.source.dtype.to_string(),
            };
            let Some(first) = known.get(v.name.as_str()) else {
                let dims = &v.dims;
                known.insert(
                    &v.name,
                    First {
                        file,
                        dtype,
                        dims,
                        texts,
                    },
                );
                continue;
            };
            // Integers of times may differ in width from file to file.
            if first.dtype != dtype && !times {
                return bad(file, &v.name, "the dtype", &dtype, first.file, &first.dtype);
            }
            if first.dims != v.dims {
                let (is, was) = (v.dims.join(", "), first.dims.join(", "));
                return bad(file, &v.name, "the dimensions", &is, first.file, &was);
            }
            for (what, text) in &texts {
                let was = first.texts[what];
                if *text != was {
                    let (is, was) = (text.unwrap_or("none"), was.unwrap_or("none"));
                    return bad(
                        file,
                        &v.name,
                        what,
                        &format!("{is:?}"),
                        first.file,
                        &format!("{was:?}"),
                    );
                }
            }
        }
    }
    // Files with none of another file's data variables complete it; files with a part of them lack the others.
    let names = |one: &Described| -> Vec<String> {
        let data = one
            .info
            .variables
            .iter()
            .filter(|v| !io::is_coordinate(&one.info, v));
        let mut names: Vec<String> = data.map(|v| v.name.clone()).collect();
        names.sort();
        names
    };
    let mut kinds: Vec<(usize, Vec<String>)> = Vec::new();
    for (file, one) in described.iter().enumerate() {
        let own = names(one);
        if kinds.iter().any(|(_, known)| *known == own) {
            continue;
        }
        for (first, known) in &kinds {
            if own.iter().any(|name| known.contains(name)) {
                let (lacks, has, name) = match known.iter().find(|name| !own.contains(name)) {
                    Some(name) => (file, *first, name),
                    None => match own.iter().find(|name| !known.contains(name)) {
                        Some(name) => (*first, file, name),
                        None => continue,
                    },
                };
                return Err(Error::data(format!(
                    "open_many: {} lacks the variable {name}, which {} has",
                    paths[lacks].display(),
                    paths[has].display()
                )));
            }
        }
        kinds.push((file, own));
    }
    Ok(())
}

/// The one dimension along which files of the same variables differ, and the order of the files; `None` when there is another
/// pattern. Overlapping files are refused.
fn in_one_row(parts: &[&Dataset]) -> Result<Option<(String, Vec<usize>)>> {
    let names = |d: &Dataset| -> Vec<String> {
        (d.variables.iter())
            .map(|v| v.name().unwrap_or_default().to_owned())
            .collect()
    };
    let first = parts[0];
    let same = names(first);
    if parts.len() < 2 || parts.iter().any(|d| names(d) != same) {
        return Ok(None);
    }
    let index =
        |d: &Dataset, dim: &str| d.coords.iter().position(|c| c.is_index() && c.name == dim);
    let mut differs: Option<String> = None;
    for (dim, _) in first.sizes() {
        let Some(own) = index(first, &dim) else {
            continue;
        };
        let all_same = parts[1..]
            .iter()
            .all(|d| index(d, &dim).is_some_and(|at| d.coords[at].same_values(&first.coords[own])));
        if !all_same && differs.replace(dim).is_some() {
            return Ok(None);
        }
    }
    let Some(dim) = differs else {
        return Ok(None);
    };
    // First and last label of each file, all as one coordinate, so that they can be compared.
    let mut ends: Vec<Coord> = Vec::with_capacity(2 * parts.len());
    for part in parts {
        let Some(at) = index(part, &dim) else {
            return Ok(None);
        };
        let coord = &part.coords[at];
        if coord.is_empty() || matches!(coord.values, Values::Texts(..)) {
            return Ok(None);
        }
        let last = coord.shape().first().map_or(0, |n| n - 1);
        for position in [0, last] {
            ends.push(coord.take(&dim, &[Some(position)])?);
        }
    }
    let keys = Keys::of(&Coord::joined("open_many", &ends, &dim)?);
    let mut rank = vec![0; ends.len()];
    for (place, at) in keys.sorted().into_iter().enumerate() {
        rank[at] = place;
    }
    let falls = (0..parts.len())
        .any(|file| rank[2 * file] > rank[2 * file + 1] && !keys.same(2 * file, 2 * file + 1));
    // In falling order a file's last label is its lowest.
    let (low, high) = if falls { (1, 0) } else { (0, 1) };
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by_key(|file| rank[2 * file + low]);
    for pair in order.windows(2) {
        let (a, b) = (2 * pair[0] + high, 2 * pair[1] + low);
        if rank[a] > rank[b] || keys.same(a, b) {
            return Err(Error::data(format!(
                "open_many: the labels along {dim:?} of {} and {} overlap; give concat_dim: {dim:?} to put the files one after \
                 another in the order of their paths",
                parts[pair[0]].origin, parts[pair[1]].origin
            )));
        }
    }
    if falls {
        order.reverse();
    }
    Ok(Some((dim, order)))
}
