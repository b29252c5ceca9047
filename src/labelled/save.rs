//! Saving to CF NetCDF-4 and Zarr: coordinates with their attributes, times encoded, `_FillValue`, `history`.

use super::cf::encode_times;
use super::coord::{Coord, Values};
use super::data_array::DataArray;
use super::dataset::Dataset;
use crate::array::{as_stored, unit_name};
use crate::block::Block;
use crate::driver::{Save, SaveVariable};
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result};
use crate::io::TextVariable;
use crate::spec::{AttrValue, Attrs, Encoding, Format, OutputSpec, VariableSpec};
use std::path::Path;

impl DataArray {
    /// Computes the array and writes it, with its coordinates: as Zarr (version 3) where the path ends in `.zarr`, else as
    /// NetCDF-4. The output appears when it is complete.
    ///
    /// # Errors
    /// The first error of the array's making, of planning, output errors, or the shared error of the ranks.
    ///
    /// # Memory
    /// Finished pieces are written as they come: the result is never whole in memory.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        self.save_as(path, Format::of_output(path))
    }

    /// As [`DataArray::save`], in this format.
    ///
    /// # Errors
    /// As [`DataArray::save`].
    pub fn save_as(&self, path: impl AsRef<Path>, format: Format) -> Result<()> {
        self.check()?;
        let named = match self.name() {
            Some(_) => self.clone(),
            None => self.clone().rename("__xarray_dataarray_variable__"),
        };
        Dataset::new([named])?.save_as(path, format)
    }
}

impl Dataset {
    /// Computes all variables in shared passes and writes them, with their coordinates: as Zarr (version 3) where the path
    /// ends in `.zarr`, else as NetCDF-4. The output appears when it is complete.
    ///
    /// # Errors
    /// As [`DataArray::save`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        self.save_as(path, Format::of_output(path))
    }

    /// As [`Dataset::save`], in this format.
    ///
    /// # Errors
    /// As [`DataArray::save`].
    pub fn save_as(&self, path: impl AsRef<Path>, format: Format) -> Result<()> {
        let save = self.to_save(path.as_ref(), format)?;
        self.session.save(vec![save])
    }

    fn to_save(&self, path: &Path, format: Format) -> Result<Save> {
        self.check()?;
        let mut spec = OutputSpec {
            path: path.to_owned(),
            format,
            overwrite: false,
            dims: self.sizes(),
            attrs: self.attrs.clone(),
            variables: Vec::new(),
        };
        if spec.attrs.get("Conventions").is_none() {
            spec.attrs.set("Conventions", "CF-1.11");
        }
        let line = self.session.history();
        if !line.is_empty() {
            let history = match spec.attrs.text("history") {
                // The newest line first, as NCO and CDO do.
                Some(before) => format!("{line}\n{before}"),
                None => line.to_owned(),
            };
            spec.attrs.set("history", history);
        }
        let mut inline = Vec::new();
        let mut texts = Vec::new();
        for coord in &self.coords {
            match &coord.values {
                Values::Texts(values, _) => texts.push(TextVariable {
                    name: coord.name.clone(),
                    dims: coord.dims.clone(),
                    attrs: coord.attrs.clone(),
                    values: values.to_vec(),
                }),
                Values::Block(_) | Values::CfTimes(..) => inline.push(encode_coord(coord)?),
            }
        }
        let variables = self
            .variables
            .iter()
            .map(|v| self.save_variable(v, format))
            .collect::<Result<_>>()?;
        Ok(Save {
            spec,
            variables,
            inline,
            texts,
        })
    }

    fn save_variable(&self, array: &DataArray, format: Format) -> Result<SaveVariable> {
        let name = array.name().unwrap_or_default().to_owned();
        let mut attrs = array.attrs.clone();
        let auxiliary: Vec<&str> = array
            .coords
            .iter()
            .filter(|c| !c.is_index())
            .map(|c| c.name.as_str())
            .collect();
        if !auxiliary.is_empty() {
            attrs.set("coordinates", auxiliary.join(" "));
        }
        let (lazy, dtype) = as_stored("save", &name, array.array(), format, &mut attrs)?;
        let encoding = match (&array.encoding.chunks, array.encoding.compression) {
            _ if format.is_zarr() => array.encoding.for_format(format),
            (None, None) => Encoding::default(),
            (_, None) if !array.encoding.shuffle => {
                // Chunks that came from the input file say nothing about an output that is not compressed.
                Encoding::default()
            }
            _ => array.encoding.clone(),
        };
        Ok(SaveVariable {
            spec: VariableSpec {
                name,
                dims: array.dims().to_vec(),
                dtype,
                shape: array.shape(),
                attrs,
                encoding,
            },
            node: lazy.node()?,
        })
    }
}

/// A coordinate of numbers or times, as it is stored.
fn encode_coord(coord: &Coord) -> Result<(VariableSpec, Block)> {
    let mut attrs: Attrs = coord.attrs.clone();
    let block = match (coord.times(), &coord.values) {
        (Some((counts, time)), _) => {
            let encoded = encode_times(counts, &time)?;
            attrs.set("units", encoded.units);
            attrs.set("calendar", encoded.calendar.name());
            Block::from_vec(coord.shape(), encoded.values)?
        }
        (None, Values::Block(block)) => match block.dtype() {
            DType::Bool => {
                attrs.set("dtype", "bool");
                let bytes = block.as_slice::<bool>().unwrap_or_default();
                Block::from_vec(block.shape(), bytes.iter().map(|b| i8::from(*b)).collect())?
            }
            DType::Timedelta(unit) => {
                attrs.set("units", unit_name(unit));
                block.as_ref().clone().with_dtype(DType::I64)?
            }
            _ => block.as_ref().clone(),
        },
        (None, _) => return Err(Error::internal("a coordinate of texts among the numbers")),
    };
    if !coord.is_index()
        && let (Some(missing), true) = (Scalar::missing(block.dtype()), block.dtype().is_float())
    {
        attrs
            .0
            .insert(0, ("_FillValue".into(), AttrValue::Numbers(vec![missing])));
    }
    let spec = VariableSpec {
        name: coord.name.clone(),
        dims: coord.dims.clone(),
        dtype: block.dtype(),
        shape: block.shape().to_vec(),
        attrs,
        encoding: Encoding::default(),
    };
    Ok((spec, block))
}
