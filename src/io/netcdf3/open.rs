//! The description of a file, and where the bytes of its variables lie.

use super::extents::{Extent, extents};
use super::header::{Header, Type, Variable, text};
use crate::block::Block;
use crate::dtype::{DType, Scalar};
use crate::error::{Context, Error, Result};
use crate::geom::Region;
use crate::io::direct::DirectSource;
use crate::io::format::{Scratch, Source};
use crate::io::index::StorageIndex;
use crate::io::info::{DimInfo, FileInfo, Texts, VariableInfo};
use crate::spec::{FileId, Format, Layout, SourceSpec};
use std::sync::Arc;

/// The most texts of a variable that are read, and the most bytes of them: those of NetCDF-4.
const MOST_TEXTS: usize = 1 << 20;
const MOST_TEXT_BYTES: usize = 64 << 20;

/// The metadata of a NetCDF-3 file.
///
/// # Errors
/// Data when its header is damaged or the file is shorter than the header says.
pub(crate) fn open(id: FileId) -> Result<FileInfo> {
    let header = Header::read(&id)?;
    let (records, extents) = extents(&id, &header)?;
    let dims = header.dims.iter().map(|dim| DimInfo {
        name: dim.name.clone(),
        len: usize::try_from(dim.len.unwrap_or(records)).unwrap_or(usize::MAX),
        unlimited: dim.len.is_none(),
    });
    let dims: Vec<DimInfo> = dims.collect();
    let variables = (header.variables.iter().zip(&extents))
        .map(|(variable, extent)| describe(&id, &dims, variable, extent))
        .collect::<Result<_>>()?;
    Ok(FileInfo {
        id,
        dims,
        attrs: header.attrs,
        variables,
        left_out: Vec::new(),
    })
}

/// Where the bytes of a variable lie.
///
/// # Errors
/// Those of [`open`].
pub(crate) fn index(spec: &SourceSpec) -> Result<StorageIndex> {
    let header = Header::read(&spec.file)?;
    let (_, extents) = extents(&spec.file, &header)?;
    let found = (header.variables.iter().zip(&extents)).find(|(v, _)| v.name == spec.variable);
    match found {
        Some((_, extent)) if extent.shape == spec.shape => Ok(at(extent)),
        _ => Err(Error::internal(format!(
            "variable {} of {} is not the described one",
            spec.variable,
            spec.file.path.display()
        ))),
    }
}

fn at(extent: &Extent) -> StorageIndex {
    StorageIndex::Contiguous {
        address: Some(extent.begin),
    }
}

fn describe(
    id: &FileId,
    dims: &[DimInfo],
    variable: &Variable,
    extent: &Extent,
) -> Result<VariableInfo> {
    // A text is described by its bytes.
    let dtype = match variable.kind {
        Type::Number(dtype) => dtype,
        Type::Char => DType::U8,
    };
    let fill = variable.attrs.number("_FillValue");
    let layout = match extent.stride {
        Some(stride) if !extent.is_contiguous() => Layout::Records { stride },
        _ => Layout::Contiguous,
    };
    let source = SourceSpec {
        file: id.clone(),
        format: Format::NetCdf3,
        variable: variable.name.clone(),
        dtype,
        shape: extent.shape.clone(),
        layout,
        big_endian: true,
        fill: fill
            .filter(|fill| fill.dtype() == dtype)
            .unwrap_or_else(|| default_fill(dtype)),
        library_only: None,
    };
    let names = variable.dims.iter().map(|d| dims[*d].name.clone());
    let mut info = VariableInfo {
        name: variable.name.clone(),
        dims: names.collect(),
        attrs: variable.attrs.clone(),
        source,
        fortran_order: false,
        texts: None,
        readable: None,
    };
    if variable.kind == Type::Char {
        info.readable = Some("it holds texts".to_owned());
        let texts = texts(&info.source, extent);
        info.texts = texts.context(|| format!("reading variable {}", variable.name))?;
        if info.texts.is_some() {
            info.dims.pop();
            info.source.shape.pop();
        }
    }
    Ok(info)
}

/// The texts of a variable of characters, whose last axis are the characters of one text; `None` when they are too many.
fn texts(spec: &SourceSpec, extent: &Extent) -> Result<Option<Texts>> {
    let (length, outer) = match spec.shape.split_last() {
        Some((length, outer)) => (*length, outer),
        None => (1, &[][..]),
    };
    let count: usize = outer.iter().product();
    let bytes: usize = spec.shape.iter().product();
    if count > MOST_TEXTS || bytes > MOST_TEXT_BYTES {
        tracing::warn!(
            "{}: the texts of variable {} in the shape {:?} are not read: more than {MOST_TEXTS}, or {MOST_TEXT_BYTES} bytes",
            spec.file.path.display(),
            spec.variable,
            spec.shape
        );
        return Ok(None);
    }
    let mut block = Block::zeros(DType::U8, &spec.shape);
    let whole = Region::whole(&spec.shape);
    if bytes > 0 {
        let source = DirectSource::open(spec, Arc::new(at(extent)))?;
        let (mut raw, mut scratch) = (Vec::new(), Scratch::default());
        let origin = vec![0; spec.shape.len()];
        for chunk in source.grid().overlapping(&whole) {
            source.fetch(&chunk, &mut raw)?;
            let part = source.grid().region(&chunk);
            source.decode_into(&chunk, &raw, &mut scratch, &part, &mut block, &origin)?;
        }
    }
    let characters = block.buffer().as_bytes();
    let texts = (0..count).map(|i| text(&characters[i * length..(i + 1) * length]));
    Ok(Some(Texts {
        shape: outer.to_vec(),
        values: texts.map(|text| text.trim_end().to_owned()).collect(),
    }))
}

/// What netCDF writes where no value was given.
fn default_fill(dtype: DType) -> Scalar {
    match dtype {
        DType::I8 => Scalar::I8(-127),
        DType::U8 => Scalar::U8(255),
        DType::I16 => Scalar::I16(-32767),
        DType::U16 => Scalar::U16(65535),
        DType::I32 => Scalar::I32(-2_147_483_647),
        DType::U32 => Scalar::U32(4_294_967_295),
        DType::I64 => Scalar::I64(-9_223_372_036_854_775_806),
        DType::U64 => Scalar::U64(18_446_744_073_709_551_614),
        DType::F32 => Scalar::F32(9.969_21e36),
        DType::F64 => Scalar::F64(9.969_209_968_386_869e36),
        other => Scalar::zero(other),
    }
}
