//! The objects of a new NetCDF-4 file: variables, attributes, dimension scales and the references between them.
//!
//! After netCDF-C's libhdf5 and the HDF5 Dimension Scale specification: a coordinate variable is its dimension's scale, a
//! dimension without a variable gets a placeholder, scales are numbered by `_Netcdf4Dimid` in the order of the spec.

use super::attrs::scalar_bytes;
use super::dims::NO_VARIABLE;
use super::encode::{fill_value, storage_chunk};
use crate::block::Block;
use crate::dtype::{DType, Physical, Scalar};
use crate::io::hdf5::raw::{self, Creation, Dataset, Element, Handle, Raw};
use crate::io::save::TextVariable;
use crate::spec::{AttrValue, Attrs, OutputSpec, VariableSpec};
use std::collections::BTreeMap;

/// A streamed variable with the count of its chunks.
pub(super) struct Streamed {
    pub(super) name: String,
    pub(super) dataset: Dataset,
    /// Bytes of an element.
    pub(super) size: usize,
    pub(super) chunk: Vec<usize>,
    /// Of a contiguous variable: its first byte.
    pub(super) address: u64,
    /// Per chunk: its first byte, once it is written.
    pub(super) written: Vec<Option<u64>>,
}

/// A variable of any kind, as the file's builder sees it.
struct Made {
    address: u64,
    dims: Vec<String>,
}

/// Texts that name the steps of their own dimension are stored as characters (bytes of UTF-8 along one more dimension, with
/// `_Encoding`, as xarray stores texts of fixed width), all others as NC_STRING. xarray, netCDF4, h5netcdf and ncdump read
/// either; the form by place is for CDO (2.1.1, all tried): an NC_STRING coordinate of a dimension makes it refuse the
/// file or drop the variable; characters beside a dimension or in a scalar it takes for the x axis of a variable whose own
/// axes have no units, and drops the variable. What it does not use it passes over in the chosen form.
fn are_chars(text: &TextVariable) -> bool {
    let few = text.values.len().saturating_mul(text_width(&text.values)) <= MOST_CHARS;
    text.dims.len() == 1 && text.dims[0] == text.name && few
}

/// The most characters that one variable is read and written with.
const MOST_CHARS: usize = 1 << 20;

/// The dimension of the characters of texts.
fn text_dim(width: usize) -> String {
    format!("string{width}")
}

/// Bytes of the longest text, at least one.
fn text_width(texts: &[String]) -> usize {
    texts.iter().map(String::len).max().unwrap_or(0).max(1)
}

/// The spec with the dimensions of its texts' characters.
pub(super) fn with_text_dims(spec: &OutputSpec, texts: &[TextVariable]) -> OutputSpec {
    let mut spec = spec.clone();
    for text in texts.iter().filter(|text| are_chars(text)) {
        let width = text_width(&text.values);
        let dim = (text_dim(width), width);
        if !spec.dims.contains(&dim) {
            spec.dims.push(dim);
        }
    }
    spec
}

/// The builder of a file's objects.
pub(super) struct Layout<'a> {
    pub(super) spec: &'a OutputSpec,
    pub(super) inline: &'a [(VariableSpec, Block)],
    pub(super) texts: &'a [TextVariable],
    pub(super) file: &'a Handle,
}

impl Layout<'_> {
    /// Creates everything. netCDF numbers dimensions in the order of the spec.
    pub(super) fn build(&self) -> Raw<Vec<Streamed>> {
        let (root, _) = raw::open_object(self.file, "/")?;
        raw::write_text(
            &root,
            "_NCProperties",
            &format!(
                "version=2,hyperslab={},hdf5={}",
                env!("CARGO_PKG_VERSION"),
                raw::library_version()
            ),
        )?;
        write_attrs(&root, &self.spec.attrs, None)?;
        let mut made: Vec<Made> = Vec::new();
        let mut scales: BTreeMap<String, (u64, Handle)> = BTreeMap::new();
        let mut streamed = Vec::new();
        for (v, block) in self.inline {
            let dataset = self.variable(v, false)?;
            dataset.write_all(v.dtype.physical(), block.buffer().as_bytes())?;
            self.note(&v.name, &v.dims, dataset.handle(), &mut made, &mut scales)?;
        }
        for t in self.texts {
            let chars = are_chars(t);
            let width = text_width(&t.values);
            let mut dims = t.dims.clone();
            if chars {
                dims.push(text_dim(width));
            }
            let lengths: Vec<u64> = dims.iter().map(|d| self.length(d)).collect();
            let how = Creation {
                element: if chars { Element::Char } else { Element::Text },
                dims: &lengths,
                chunk: None,
                shuffle: false,
                deflate: None,
                fill: None,
                allocate: false,
            };
            let dataset = raw::create_dataset(self.file, &self.stored_name(&t.name, &dims), &how)?;
            write_attrs(dataset.handle(), &t.attrs, None)?;
            if chars {
                raw::write_text(dataset.handle(), "_Encoding", "utf-8")?;
                let mut bytes = vec![0; t.values.len() * width];
                for (to, text) in bytes.chunks_exact_mut(width).zip(&t.values) {
                    to[..text.len()].copy_from_slice(text.as_bytes());
                }
                dataset.write_chars(&bytes)?;
            } else {
                dataset.write_texts(&t.values)?;
            }
            self.note(&t.name, &dims, dataset.handle(), &mut made, &mut scales)?;
        }
        for v in &self.spec.variables {
            let dataset = self.variable(v, true)?;
            self.note(&v.name, &v.dims, dataset.handle(), &mut made, &mut scales)?;
            let chunk = storage_chunk(v).unwrap_or_default();
            let wanted = match chunk.is_empty() {
                true => 0,
                false => v
                    .shape
                    .iter()
                    .zip(&chunk)
                    .map(|(n, c)| n.div_ceil(*c))
                    .product(),
            };
            streamed.push(Streamed {
                name: v.name.clone(),
                dataset,
                size: v.dtype.size(),
                chunk,
                address: raw::UNDEFINED,
                written: vec![None; wanted],
            });
        }
        self.dimensions(&made, &mut scales)?;
        Ok(streamed)
    }

    fn length(&self, dim: &str) -> u64 {
        self.spec
            .dims
            .iter()
            .find(|(name, _)| name == dim)
            .map_or(0, |(_, len)| *len as u64)
    }

    fn is_dim(&self, name: &str) -> bool {
        self.spec.dims.iter().any(|(dim, _)| dim == name)
    }

    /// A variable that has the name of a dimension but does not begin with it is hidden behind a prefix, as netCDF-C does.
    fn stored_name(&self, name: &str, dims: &[String]) -> String {
        match self.is_dim(name) && dims.first().is_none_or(|d| d != name) {
            true => format!("_nc4_non_coord_{name}"),
            false => name.to_owned(),
        }
    }

    /// The streamed variables of a file that was built before; contiguous ones.
    pub(super) fn open_streamed(&self) -> Raw<Vec<Streamed>> {
        let all = self.spec.variables.iter();
        all.map(|v| {
            let (object, _) = raw::open_object(self.file, &self.stored_name(&v.name, &v.dims))?;
            let dataset = Dataset::new(object)?;
            Ok(Streamed {
                name: v.name.clone(),
                address: dataset.offset(),
                dataset,
                size: v.dtype.size(),
                chunk: Vec::new(),
                written: Vec::new(),
            })
        })
        .collect()
    }

    fn variable(&self, v: &VariableSpec, streamed: bool) -> Raw<Dataset> {
        let fill = scalar_bytes(fill_value(v).map_err(|e| e.to_string())?)?;
        let dims: Vec<u64> = v.shape.iter().map(|n| *n as u64).collect();
        let chunk = storage_chunk(v).map(|c| c.iter().map(|n| *n as u64).collect::<Vec<u64>>());
        let how = Creation {
            element: Element::Number(v.dtype.physical()),
            dims: &dims,
            chunk: chunk.as_deref(),
            shuffle: v.encoding.shuffle && v.dtype.size() > 1,
            deflate: v.encoding.deflate().map(|level| level.clamp(1, 9)),
            fill: Some(&fill),
            allocate: streamed && chunk.is_none(),
        };
        let dataset = raw::create_dataset(self.file, &self.stored_name(&v.name, &v.dims), &how)
            .map_err(|why| format!("variable {}: {why}", v.name))?;
        write_attrs(dataset.handle(), &v.attrs, Some(v.dtype))?;
        Ok(dataset)
    }

    /// Remembers a variable for the lists of dimensions; a coordinate variable becomes a dimension scale.
    fn note(
        &self,
        name: &str,
        dims: &[String],
        object: &Handle,
        made: &mut Vec<Made>,
        scales: &mut BTreeMap<String, (u64, Handle)>,
    ) -> Raw<()> {
        let address = raw::header_address(object)?;
        if self.is_dim(name) && dims.first().is_some_and(|d| d == name) {
            raw::write_c_text(object, "CLASS", "DIMENSION_SCALE")?;
            raw::write_c_text(object, "NAME", name)?;
            if dims.len() > 1 {
                let numbers: Vec<i32> = dims.iter().map(|d| self.number(d)).collect();
                let bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_ne_bytes()).collect();
                raw::write_numbers(object, "_Netcdf4Coordinates", Physical::I32, &bytes)?;
            }
            let (again, _) = raw::open_object(self.file, name)?;
            scales.insert(name.to_owned(), (address, again));
            return Ok(());
        }
        let addresses = dims.to_vec();
        made.push(Made {
            address,
            dims: addresses,
        });
        Ok(())
    }

    fn number(&self, dim: &str) -> i32 {
        self.spec
            .dims
            .iter()
            .position(|(name, _)| name == dim)
            .unwrap_or(0) as i32
    }

    /// Scales of dimensions without variables, then the references between scales and variables.
    fn dimensions(&self, made: &[Made], scales: &mut BTreeMap<String, (u64, Handle)>) -> Raw<()> {
        for (dim, len) in &self.spec.dims {
            if scales.contains_key(dim) {
                continue;
            }
            let dims = [*len as u64];
            let how = Creation {
                element: Element::Placeholder,
                dims: &dims,
                chunk: None,
                shuffle: false,
                deflate: None,
                fill: None,
                allocate: false,
            };
            let dataset = raw::create_dataset(self.file, dim, &how)?;
            raw::write_c_text(dataset.handle(), "CLASS", "DIMENSION_SCALE")?;
            raw::write_c_text(dataset.handle(), "NAME", &format!("{NO_VARIABLE}.{len:10}"))?;
            let address = raw::header_address(dataset.handle())?;
            let (again, _) = raw::open_object(self.file, dim)?;
            scales.insert(dim.clone(), (address, again));
        }
        for (dim, (_, scale)) in scales.iter() {
            raw::write_number(scale, "_Netcdf4Dimid", self.number(dim))?;
        }
        let mut users: BTreeMap<&str, Vec<(u64, i32)>> = BTreeMap::new();
        for variable in made.iter().filter(|m| !m.dims.is_empty()) {
            let list: Vec<u64> = variable
                .dims
                .iter()
                .filter_map(|d| scales.get(d))
                .map(|(a, _)| *a)
                .collect();
            let object = raw::open_by_address(self.file, variable.address)?;
            raw::write_dimension_list(&object, &list)?;
            for (axis, dim) in variable.dims.iter().enumerate() {
                users
                    .entry(dim)
                    .or_default()
                    .push((variable.address, axis as i32));
            }
        }
        for (dim, list) in users {
            if let Some((_, scale)) = scales.get(dim) {
                raw::write_reference_list(scale, &list)?;
            }
        }
        Ok(())
    }
}

/// Writes attributes; `_FillValue` gets the variable's dtype.
fn write_attrs(object: &Handle, attrs: &Attrs, dtype: Option<DType>) -> Raw<()> {
    for (name, value) in &attrs.0 {
        let failed = |why: String| format!("attribute {name}: {why}");
        match value {
            AttrValue::Text(text) => raw::write_text(object, name, text).map_err(failed)?,
            AttrValue::Texts(texts) => raw::write_text_list(object, name, texts).map_err(failed)?,
            AttrValue::Numbers(numbers) => {
                let mut numbers = numbers.clone();
                if let (true, Some(dtype)) = (name == "_FillValue", dtype) {
                    for n in &mut numbers {
                        *n = n.cast(dtype).map_err(|e| failed(e.to_string()))?;
                    }
                }
                let Some(first) = numbers.first().map(|n| stored(*n)) else {
                    continue;
                };
                let physical = first.dtype().physical();
                let mut bytes = Vec::new();
                for number in &numbers {
                    let number = stored(*number);
                    if number.dtype().physical() != physical {
                        return Err(failed("numbers of several dtypes".into()));
                    }
                    bytes.extend(scalar_bytes(number)?);
                }
                raw::write_numbers(object, name, physical, &bytes).map_err(failed)?;
            }
        }
    }
    Ok(())
}

/// Attributes have no bool: it is written as a byte.
fn stored(number: Scalar) -> Scalar {
    match number {
        Scalar::Bool(v) => Scalar::I8(i8::from(v)),
        other => other,
    }
}
