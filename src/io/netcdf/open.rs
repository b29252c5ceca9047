//! The metadata of a file: dimensions, attributes, variables. Read once, on one rank; the result is plain data.
//!
//! Two passes: the first lists every dataset and finds the dimension scales of the whole file, the second describes the
//! datasets inside the wanted group, since a group's variables may lie on dimensions of the groups above it.

use super::attrs::{read_attrs, scalars};
use super::dims::{Phony, Scale, axis_names, scale};
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Fault, Result};
use crate::io::hdf5::dataset::Dataset;
use crate::io::hdf5::datatype::{Type, is_big_endian, number_type};
use crate::io::hdf5::raw::{Kind, RawLayout};
use crate::io::hdf5::reader::{AttributeList, Reader};
use crate::io::hdf5::registered::{filter, library_only, missing_filter};
use crate::io::hdf5::texts;
use crate::io::info::{DimInfo, FileInfo, Texts, VariableInfo};
use crate::spec::{Attrs, FileId, Format, Layout, SourceSpec};
use std::collections::HashSet;

/// The metadata of a NetCDF-4 or HDF5 file, or of one group in it.
///
/// # Errors
/// Data when it is damaged; invalid input when the group does not exist.
pub(crate) fn open(id: FileId, group: Option<&str>) -> Result<FileInfo> {
    let reader = Reader::open(&id, "the file")?;
    let mut walk = Walk {
        reader: &reader,
        found: Vec::new(),
        groups: HashSet::new(),
        left_out: Vec::new(),
    };
    walk.group(reader.root, "", 0)?;
    let mut scales = walk.scales()?;
    let inside = group.map(|g| g.trim_matches('/')).filter(|g| !g.is_empty());
    let (top, prefix) = match inside {
        None => (reader.root, String::new()),
        Some(name) => match reader.find(name)? {
            Some(top) if reader.kind(&format!("group {name}"), top)? == Kind::Group => {
                (top, format!("{name}/"))
            }
            _ => {
                return Err(Error::invalid(format!(
                    "open: {} has no group {name:?}",
                    id.path.display()
                )));
            }
        },
    };
    for scale in &mut scales {
        // Dimensions of the groups above are visible by their last name.
        scale.name = match scale.name.strip_prefix(&prefix) {
            Some(name) => name.to_owned(),
            None => scale.name.rsplit('/').next().unwrap_or_default().to_owned(),
        };
    }
    let place = match prefix.trim_end_matches('/') {
        "" => "the root group".to_owned(),
        name => format!("group {name}"),
    };
    let attrs = reader.attributes(&place, top)?;
    let attrs = read_attrs(&reader, &attrs, &id.path.display().to_string())?;
    let mut info = describe(&reader, &id, &walk.found, &prefix, &scales, attrs)?;
    info.left_out = walk.left_out;
    Ok(info)
}

/// A dataset that the first pass found.
struct Found {
    path: String,
    dataset: Dataset,
    attributes: AttributeList,
}

struct Walk<'a> {
    reader: &'a Reader,
    found: Vec<Found>,
    groups: HashSet<u64>,
    left_out: Vec<(String, String)>,
}

impl Walk<'_> {
    fn group(&mut self, address: u64, prefix: &str, depth: usize) -> Result<()> {
        // A group may be linked from inside itself.
        if depth > 64 || !self.groups.insert(address) {
            return Ok(());
        }
        let reader = self.reader;
        let place = match prefix {
            "" => "the root group".to_owned(),
            name => format!("group {}", name.trim_end_matches('/')),
        };
        let mut nested = Vec::new();
        for (name, target) in reader.links(&place, address)? {
            let path = format!("{prefix}{name}");
            let place = format!("variable {path}");
            let kind = match target {
                Ok(object) => reader.kind(&place, object).map(|kind| (object, kind)),
                Err(why) => Err(Error::data(why)),
            };
            match kind {
                Ok((object, Kind::Group)) => nested.push((path, object)),
                Ok((object, Kind::Dataset)) => match reader.dataset(&place, object) {
                    Ok(dataset) => {
                        let attributes = reader.attributes(&place, object)?;
                        self.found.push(Found {
                            path,
                            dataset,
                            attributes,
                        });
                    }
                    Err(why) => self.left_out(path, &why),
                },
                Ok((_, Kind::Other)) => {}
                Err(why) => self.left_out(path, &why),
            }
        }
        for (path, object) in nested {
            self.group(object, &format!("{path}/"), depth + 1)?;
        }
        Ok(())
    }

    fn left_out(&mut self, path: String, why: &Error) {
        tracing::warn!("{path} is left out: {}", why.message());
        self.left_out.push((path, why.message().to_owned()));
    }

    fn scales(&self) -> Result<Vec<Scale>> {
        let mut scales = Vec::new();
        for f in &self.found {
            scales.extend(scale(self.reader, &f.path, &f.dataset, &f.attributes)?);
        }
        // netCDF numbers its dimensions; a stable sort keeps the file's order where it does not.
        scales.sort_by_key(|s| s.number.unwrap_or(i128::MAX));
        Ok(scales)
    }
}

fn describe(
    reader: &Reader,
    id: &FileId,
    found: &[Found],
    prefix: &str,
    scales: &[Scale],
    attrs: Attrs,
) -> Result<FileInfo> {
    let mut dims: Vec<DimInfo> = Vec::new();
    let (mut phony, mut variables) = (Phony::default(), Vec::new());
    for entry in found {
        let Some(name) = entry.path.strip_prefix(prefix) else {
            continue;
        };
        let own = scales.iter().find(|s| s.address == entry.dataset.address);
        if own.is_some_and(|s| !s.is_variable) {
            continue;
        }
        let shape: Vec<usize> = match &entry.dataset.dims {
            Some(dims) => dims.iter().map(|d| *d as usize).collect(),
            None => vec![0],
        };
        let names = match &entry.dataset.dims {
            Some(_) => axis_names(reader, &entry.dataset, &entry.attributes, own, scales)?,
            None => vec![None],
        };
        let names = phony.name_axes(names, &shape);
        let mut variable = describe_variable(reader, id, entry, name, names, shape)?;
        variable.attrs = read_attrs(reader, &entry.attributes, &entry.path)?;
        variables.push(variable);
    }
    // Scales inside the group, and those above it that its variables use.
    for scale in scales {
        let used = variables
            .iter()
            .any(|v: &VariableInfo| v.dims.contains(&scale.name));
        let here = found
            .iter()
            .any(|f| f.path.strip_prefix(prefix) == Some(scale.name.as_str()));
        if (used || here) && !dims.iter().any(|d| d.name == scale.name) {
            let mut len = scale.len;
            if scale.unlimited {
                // An unlimited dimension is as long as its longest variable.
                for v in &variables {
                    for (dim, n) in v.dims.iter().zip(&v.source.shape) {
                        if *dim == scale.name {
                            len = len.max(*n);
                        }
                    }
                }
            }
            dims.push(DimInfo {
                name: scale.name.clone(),
                len,
                unlimited: scale.unlimited,
            });
        }
    }
    for (number, len) in phony.0.iter().enumerate() {
        dims.push(DimInfo {
            name: format!("phony_dim_{number}"),
            len: *len,
            unlimited: false,
        });
    }
    for variable in &mut variables {
        stretch(variable, &dims);
    }
    Ok(FileInfo {
        id: id.clone(),
        dims,
        attrs,
        variables,
        left_out: Vec::new(),
    })
}

/// A chunked variable that was not written to the end of an unlimited dimension reads as fill values there.
fn stretch(variable: &mut VariableInfo, dims: &[DimInfo]) {
    if !matches!(variable.source.layout, Layout::Chunked { .. })
        || variable.source.library_only.is_some()
    {
        return;
    }
    for (name, len) in variable.dims.iter().zip(&mut variable.source.shape) {
        if let Some(dim) = dims.iter().find(|d| d.name == *name && d.unlimited) {
            *len = dim.len.max(*len);
        }
    }
}

fn describe_variable(
    reader: &Reader,
    id: &FileId,
    entry: &Found,
    name: &str,
    mut dims: Vec<String>,
    shape: Vec<usize>,
) -> Result<VariableInfo> {
    let dataset = &entry.dataset;
    let kind = &dataset.kind;
    let layout = match dataset.layout {
        RawLayout::Compact => Layout::Compact,
        RawLayout::Contiguous | RawLayout::Virtual => Layout::Contiguous,
        RawLayout::Chunked => Layout::Chunked {
            chunk: dataset.chunk.iter().map(|c| *c as usize).collect(),
            filters: dataset.filters.iter().map(filter).collect(),
        },
    };
    let mut source = SourceSpec {
        file: id.clone(),
        format: Format::NetCdf4,
        variable: entry.path.clone(),
        dtype: DType::U8,
        shape,
        layout,
        big_endian: is_big_endian(kind),
        fill: Scalar::U8(0),
        library_only: None,
    };
    let readable;
    let mut texts = None;
    match number_type(kind) {
        Ok((dtype, why)) => {
            source.dtype = dtype;
            source.fill = fill_value(dataset, dtype);
            source.library_only = why.or_else(|| library_only(dataset));
            let library = source.library_only.as_ref();
            readable = library.and_then(|_| missing_filter(dataset));
        }
        Err(why) => {
            readable = Some(why);
            texts = read_text_variable(reader, dataset, &mut dims, &mut source)?;
        }
    }
    // netCDF-C marks a variable that has the name of a dimension but does not lie on it.
    let name = match name.rsplit_once('/') {
        Some((group, last)) => {
            format!(
                "{group}/{}",
                last.strip_prefix("_nc4_non_coord_").unwrap_or(last)
            )
        }
        None => name
            .strip_prefix("_nc4_non_coord_")
            .unwrap_or(name)
            .to_owned(),
    };
    Ok(VariableInfo {
        name,
        dims,
        attrs: Attrs::default(),
        source,
        fortran_order: false,
        texts,
        readable,
    })
}

fn fill_value(dataset: &Dataset, dtype: DType) -> Scalar {
    let stored = dataset.fill.as_ref();
    stored
        .and_then(|bytes| scalars(dtype.physical(), bytes).ok()?.first().copied())
        .unwrap_or_else(|| Scalar::zero(dtype))
}

/// The values of a small text variable; of a char array, whose last axis are the characters of one text.
fn read_text_variable(
    reader: &Reader,
    dataset: &Dataset,
    dims: &mut Vec<String>,
    source: &mut SourceSpec,
) -> Result<Option<Texts>> {
    if !matches!(
        dataset.kind,
        Type::FixedString { .. } | Type::VariableString
    ) {
        return Ok(None);
    }
    let place = format!("variable {}", source.variable);
    let file = reader.bytes.at(&place);
    let values = if texts::are_known(dataset, &source.layout) {
        texts::read(&file, dataset, source)
    } else if dataset.kind == Type::VariableString || !dataset.filters.is_empty() {
        // HDF5 1.10.8 reads beyond its memory where such texts, or the parameters of such filters, are damaged.
        Err(file.unknown("texts behind a layout or a filter that is not known here"))
    } else {
        tracing::info!("{place} is read through the HDF5 library: its layout is not known here");
        reader
            .by_library(dataset.address)
            .and_then(|object| texts::by_library(&file, object))
    };
    let values = match values {
        Ok(values) => values,
        Err(why) if why.fault() == Fault::Unsupported => {
            tracing::warn!("the texts of {} are not read: {why}", dims.join(", "));
            return Ok(None);
        }
        Err(why) => return Err(why),
    };
    let shape = &mut source.shape;
    if let (Type::FixedString { bytes: 1, .. }, Some(len)) = (&dataset.kind, shape.last().copied())
    {
        dims.pop();
        shape.pop();
        let joined = match len {
            0 => vec![String::new(); shape.iter().product()],
            _ => values
                .chunks(len)
                .map(|c| characters(&c.concat()).trim_end().to_owned())
                .collect(),
        };
        return Ok(Some(Texts {
            shape: shape.clone(),
            values: joined,
        }));
    }
    Ok(Some(Texts {
        shape: shape.clone(),
        values,
    }))
}

/// Single bytes, each read as a Latin-1 character of its own, as the UTF-8 text that they are together; texts that are no
/// UTF-8 stay Latin-1.
fn characters(latin1: &str) -> String {
    let bytes: Option<Vec<u8>> = latin1.chars().map(|c| u8::try_from(c).ok()).collect();
    bytes
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .unwrap_or_else(|| latin1.to_owned())
}
