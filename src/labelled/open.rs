//! Opening a file as a dataset: metadata and coordinates on rank 0, CF decoding as lazy operations.

use super::cf::{Decoding, TimeTarget, decoding};
use super::coord::{Coord, Values};
use super::data_array::DataArray;
use super::dataset::Dataset;
use crate::array::{Array, Operand};
use crate::block::Block;
use crate::driver::Driver;
use crate::dtype::{DType, Scalar};
use crate::error::{Context, Error, Result};
use crate::expr::SourceDecl;
use crate::io::{self, Described, VariableInfo};
use crate::op::UnaryOp;
use crate::spec::{Attrs, Encoding};
use std::path::Path;
use std::sync::Arc;

/// Attributes that say how numbers are stored: they are decoded, not kept.
const STORAGE_ATTRS: [&str; 6] = [
    "_Encoding",
    "_FillValue",
    "missing_value",
    "scale_factor",
    "add_offset",
    "_Unsigned",
];

impl Driver {
    /// Opens a NetCDF-4, HDF5, NetCDF-3, Zarr or `.npy` file lazily, CF-decoded. Only metadata and coordinates are read.
    ///
    /// The array of a `.npy` file becomes the variable `data` on the dimensions `dim_0`, `dim_1`, …
    ///
    /// # Errors
    /// No input when the file is missing; data when it is damaged or of another format.
    pub fn open(&self, path: impl AsRef<Path>) -> Result<Dataset> {
        self.open_group(path, None)
    }

    /// As [`Driver::open`], one group of the file.
    ///
    /// # Errors
    /// As [`Driver::open`]; invalid input when there is no such group.
    pub fn open_group(&self, path: impl AsRef<Path>, group: Option<&str>) -> Result<Dataset> {
        let path = path.as_ref();
        dataset(self, path, &io::describe(path, group)?)
    }
}

/// The dataset of a described file.
pub(super) fn dataset(driver: &Driver, path: &Path, described: &Described) -> Result<Dataset> {
    put_together(driver, path, described).context(|| format!("opening {}", path.display()))
}

fn put_together(driver: &Driver, path: &Path, described: &Described) -> Result<Dataset> {
    let info = &described.info;
    let mut coords: Vec<Coord> = Vec::new();
    let mut rest: Vec<&VariableInfo> = Vec::new();
    for (number, variable) in info.variables.iter().enumerate() {
        if io::is_coordinate(info, variable)
            && let Some(coord) = coord(variable, described.values(number)?)?
        {
            coords.push(coord);
            continue;
        }
        rest.push(variable);
    }
    let mut dataset = Dataset {
        session: driver.session().clone(),
        variables: Vec::new(),
        coords,
        attrs: info.attrs.clone(),
        unreadable: info.left_out.clone(),
        origin: path.display().to_string(),
        failure: None,
    };
    for variable in rest {
        let dims = &variable.dims;
        let twice = (1..dims.len()).find(|k| dims[..*k].contains(&dims[*k]));
        let twice = twice.map(|k| format!("it has the dimension {} twice", dims[k]));
        match variable.readable.as_ref().or(twice.as_ref()) {
            Some(why) => dataset
                .unreadable
                .push((variable.name.clone(), why.clone())),
            None => {
                let array = data_variable(driver, variable, &dataset.coords)?;
                dataset.variables.push(array);
            }
        }
    }
    Ok(dataset)
}

/// A coordinate, when it can be one: readable numbers or texts.
fn coord(variable: &VariableInfo, stored: Option<Block>) -> Result<Option<Coord>> {
    let mut result = Coord {
        name: variable.name.clone(),
        dims: variable.dims.clone(),
        values: Values::Texts(Arc::default(), Vec::new()),
        attrs: kept_attrs(&variable.attrs),
        time: None,
    };
    if let Some(texts) = &variable.texts {
        result.dims.truncate(texts.shape.len());
        result.values = Values::Texts(Arc::new(texts.values.clone()), texts.shape.clone());
        return Ok(Some(result));
    }
    let Some(block) = stored else {
        return Ok(None);
    };
    let what = || format!("reading the coordinate {}", variable.name);
    let decoding = decoding(&variable.name, variable.source.dtype, &variable.attrs)?;
    result.values = decode_block(&decoding, &block).context(what)?;
    if decoding.is_bool {
        result.attrs.remove("dtype");
    }
    if let Some(time) = decoding.time {
        result.attrs.remove("units");
        result.attrs.remove("calendar");
        result.time = Some(time);
    }
    Ok(Some(result))
}

fn kept_attrs(attrs: &Attrs) -> Attrs {
    let storage = |name: &str| STORAGE_ATTRS.contains(&name) || name == "coordinates";
    Attrs(
        attrs
            .0
            .iter()
            .filter(|(name, _)| !storage(name))
            .cloned()
            .collect(),
    )
}

/// Decodes a block in memory by the same rules as a lazy variable.
fn decode_block(decoding: &Decoding, block: &Block) -> Result<Values> {
    if decoding.is_identity() {
        return Ok(Values::Block(Arc::new(block.clone())));
    }
    let missing = |value: Scalar| {
        decoding
            .missing
            .iter()
            .any(|m| match (m.as_i128(), value.as_i128()) {
                // Exactly: integers have more digits than a float.
                (Some(m), Some(value)) => m == value,
                _ => m.as_f64() == value.as_f64(),
            })
    };
    let scalars = |i: usize| -> Option<Scalar> {
        let value = block.get(i)?;
        if !decoding.unsigned {
            return Some(value);
        }
        let bits = value.as_i128()?;
        let width = 8 * block.dtype().size() as u32;
        let wrapped = match decoding.raw.kind() {
            crate::dtype::Kind::Unsigned => bits.rem_euclid(1 << width),
            _ => (bits + (1 << (width - 1))).rem_euclid(1 << width) - (1 << (width - 1)),
        };
        Scalar::I64(0).cast(decoding.raw).ok()?;
        if let Ok(v) = i64::try_from(wrapped) {
            Scalar::I64(v).cast(decoding.raw).ok()
        } else {
            None
        }
    };
    let count = block.elements();
    if let Some(time) = &decoding.time {
        let (target, counts) = if decoding.raw.is_float() {
            let values: Vec<f64> = (0..count)
                .filter_map(scalars)
                .map(|v| if missing(v) { f64::NAN } else { v.as_f64() })
                .collect();
            time.units.decode_floats(&values)?
        } else {
            let values: Vec<i64> = (0..count)
                .filter_map(scalars)
                .map(|v| match v.as_i128() {
                    Some(v128) if !missing(v) => v128 as i64,
                    _ => crate::dtype::NAT,
                })
                .collect();
            time.units.decode_integers(&values)?
        };
        let counts = Block::from_vec(block.shape(), counts)?;
        return Ok(match target {
            TimeTarget::Datetime(unit) => {
                Values::Block(Arc::new(counts.with_dtype(DType::Datetime(unit))?))
            }
            TimeTarget::Counts(time) => Values::CfTimes(Arc::new(counts), time),
        });
    }
    let decoded: Vec<f64> = (0..count)
        .filter_map(scalars)
        .map(|v| {
            if missing(v) {
                return f64::NAN;
            }
            v.as_f64() * decoding.scale.unwrap_or(1.0) + decoding.offset.unwrap_or(0.0)
        })
        .collect();
    let block = match decoding.dtype {
        DType::F32 => Block::from_vec(block.shape(), decoded.iter().map(|v| *v as f32).collect()),
        DType::Bool => Block::from_vec(block.shape(), decoded.iter().map(|v| *v != 0.0).collect()),
        _ => Block::from_vec(block.shape(), decoded),
    };
    Ok(Values::Block(Arc::new(block?)))
}

/// A data variable as a lazy array.
fn data_variable(driver: &Driver, variable: &VariableInfo, coords: &[Coord]) -> Result<DataArray> {
    let decoding = decoding(&variable.name, variable.source.dtype, &variable.attrs)?;
    let session = driver.session();
    let node = session.with_graph(|g| g.source(SourceDecl::File(variable.source.clone())));
    let mut raw = Array::new(session.clone(), node);
    if variable.fortran_order {
        let order: Vec<usize> = (0..variable.dims.len()).rev().collect();
        raw = raw.transpose(&order);
    }
    let array = decode_lazily(&decoding, raw, &variable.name)?;
    let dims: Vec<&str> = variable.dims.iter().map(String::as_str).collect();
    let own: Vec<Coord> = coords
        .iter()
        .filter(|c| c.dims.iter().all(|d| variable.dims.contains(d)))
        .cloned()
        .collect();
    let mut result = DataArray::new(array, &dims, own).rename(&variable.name);
    result.attrs = kept_attrs(&variable.attrs);
    if decoding.is_bool {
        result.attrs.remove("dtype");
    }
    if decoding.time.is_some() {
        result.attrs.remove("units");
        result.attrs.remove("calendar");
    }
    if let Some(chunk) = variable.source.layout.chunk() {
        result.encoding = Encoding {
            chunks: Some(chunk.to_vec()),
            ..Encoding::default()
        };
    }
    result.check()?;
    Ok(result)
}

/// CF decoding as operations on the lazy array: they are fused with what follows.
fn decode_lazily(decoding: &Decoding, raw: Array, name: &str) -> Result<Array> {
    let mut array = raw;
    if decoding.unsigned {
        // Casts between integers of one width keep the bits.
        array = array.astype(decoding.raw);
    }
    if decoding.is_bool {
        return Ok(array.ne(0));
    }
    let mut missing: Option<Array> = None;
    for value in &decoding.missing {
        let here = match value.is_missing() {
            true => array.unary(UnaryOp::Isnan),
            false => array.eq(Operand::Weak(*value)),
        };
        missing = Some(match missing {
            Some(other) => other.logical_or(&here),
            None => here,
        });
    }
    if let Some(time) = &decoding.time {
        let codec = match decoding.raw.is_float() {
            true => time.units.codec_floats(0.0, 0.0)?,
            false => time.units.codec_integers(0, 0)?,
        };
        let TimeTarget::Datetime(unit) = codec.target else {
            return Err(Error::unsupported(format!(
                "variable {name} holds times in the calendar {:?}, which is only decoded for coordinates",
                time.calendar_text.as_deref().unwrap_or("standard")
            )));
        };
        let (zero, one) = match decoding.raw.is_float() {
            true => (codec.float(0.0)?, codec.float(1.0)?),
            false => (codec.integer(0)?, codec.integer(1)?),
        };
        let factor = one - zero;
        let delta = match decoding.raw.is_float() {
            true => (array * factor).astype(DType::Timedelta(unit)),
            false => array.astype(DType::Timedelta(unit)) * factor,
        };
        let epoch = Operand::Weak(Scalar::Datetime(zero, unit));
        let times = delta.binary_reversed(crate::op::BinaryOp::Add, &epoch);
        return Ok(match missing {
            Some(missing) => times.where_(&missing.logical_not()),
            None => times,
        });
    }
    let plain = array.clone();
    array = array.astype(decoding.dtype);
    if let Some(scale) = decoding.scale {
        array = array * scale;
    }
    if let Some(offset) = decoding.offset {
        array = array + offset;
    }
    Ok(match missing {
        // A missing value that is NaN already is what it should be.
        Some(_)
            if plain.dtype().has_missing() && decoding.missing.iter().all(|m| m.is_missing()) =>
        {
            array
        }
        Some(missing) => array.where_(&missing.logical_not()),
        None => array,
    })
}
