//! From one format, chunking or compression to another: values, attributes and names stay as they are stored.

use crate::array::as_stored;
use crate::block::Block;
use crate::driver::{Driver, Save, SaveVariable};
use crate::dtype::DType;
use crate::error::{Context, Error, Result, nearest_names};
use crate::io::{self, FileInfo, TextVariable, VariableInfo};
use crate::spec::{
    AttrValue, Attrs, Compression, Encoding, Filter, Format, Layout, OutputSpec, VariableSpec,
};
use std::path::Path;

/// What [`Driver::convert`] changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConvertOptions {
    /// The format; `None`: by the name of the output (`.zarr` or NetCDF-4).
    pub format: Option<Format>,
    /// One group of the input.
    pub group: Option<String>,
    /// Only these variables, and those on one dimension of the same name; all when empty.
    pub variables: Vec<String>,
    /// Lengths of chunks by dimension; others stay as they are.
    pub chunks: Vec<(String, usize)>,
    /// Lengths of shards by dimension (Zarr version 3); others are as long as a chunk.
    pub shards: Vec<(String, usize)>,
    /// Another compression than the input's, or than the format's own choice.
    pub compression: Option<Compression>,
    /// Shuffle before compression; `None`: with compression.
    pub shuffle: Option<bool>,
    /// Replace an existing output.
    pub overwrite: bool,
}

impl Driver {
    /// Writes the variables of a file, whatever it is, to another one, without decoding: packed numbers stay packed. Every
    /// rank reads, decodes, rechunks and encodes its part; the output appears when it is complete.
    ///
    /// # Errors
    /// Those of opening; invalid input for unknown names; unsupported, naming the variable, for one that cannot be read or that
    /// the output's format has no form for; output and I/O errors.
    ///
    /// # Memory
    /// Within the budget: pieces are written as they come, and what has to be turned is exchanged in rounds, or goes through
    /// scratch files.
    pub fn convert(
        &self,
        input: impl AsRef<Path>,
        output: impl AsRef<Path>,
        options: &ConvertOptions,
    ) -> Result<()> {
        let (input, output) = (input.as_ref(), output.as_ref());
        let info = io::open(input, options.group.as_deref())
            .context(|| format!("opening {}", input.display()))?;
        let save = to_save(self, &info, output, options)
            .context(|| format!("converting {}", input.display()))?;
        self.session().save(vec![save])
    }
}

fn to_save(
    driver: &Driver,
    info: &FileInfo,
    output: &Path,
    options: &ConvertOptions,
) -> Result<Save> {
    let format = options.format.unwrap_or_else(|| Format::of_output(output));
    let names = || info.variables.iter().map(|v| v.name.as_str());
    for wanted in &options.variables {
        if !names().any(|name| name == wanted) {
            return Err(Error::invalid(format!(
                "convert: no variable {wanted:?}; known: {}",
                nearest_names(wanted, names())
            )));
        }
    }
    let dims = || info.dims.iter().map(|d| d.name.as_str());
    for (dim, _) in options.chunks.iter().chain(&options.shards) {
        if !dims().any(|known| known == dim) {
            return Err(Error::invalid(format!(
                "convert: no dimension {dim:?}; known: {}",
                nearest_names(dim, dims())
            )));
        }
    }
    let chosen = |v: &&VariableInfo| {
        let all = options.variables.is_empty();
        all || options.variables.contains(&v.name) || belongs(v, info, &options.variables)
    };
    let mut save = Save {
        spec: OutputSpec {
            path: output.to_owned(),
            format,
            overwrite: options.overwrite,
            dims: Vec::new(),
            attrs: info.attrs.clone(),
            variables: Vec::new(),
        },
        variables: Vec::new(),
        inline: Vec::new(),
        texts: Vec::new(),
    };
    for variable in info.variables.iter().filter(chosen) {
        let place = || format!("convert: variable {}", variable.name);
        if variable.name.contains('/') {
            return Err(Error::unsupported(format!(
                "{}: groups are converted one by one; name one with --group, or variables with --variables",
                place()
            )));
        }
        for (dim, len) in variable.dims.iter().zip(variable.shape()) {
            if !save.spec.dims.iter().any(|(known, _)| known == dim) {
                save.spec.dims.push((dim.clone(), len));
            }
        }
        match (&variable.texts, &variable.readable) {
            (Some(texts), _) => save.texts.push(TextVariable {
                name: variable.name.clone(),
                dims: variable.dims[..texts.shape.len().min(variable.dims.len())].to_vec(),
                attrs: variable.attrs.clone(),
                values: texts.values.clone(),
            }),
            (None, Some(why)) => {
                return Err(Error::unsupported(format!(
                    "{}: {why}; name others with --variables",
                    place()
                )));
            }
            (None, None) => number(driver, info, variable, format, options, &mut save)?,
        }
    }
    let sharded = |v: &SaveVariable| v.spec.encoding.shards.is_some();
    if !options.shards.is_empty() && !save.variables.iter().any(sharded) {
        return Err(Error::invalid(
            "convert: shards, but no variable has chunks; give --chunks too",
        ));
    }
    Ok(save)
}

/// Whether a variable is a coordinate of one of the wanted variables: of a dimension, or named by it.
fn belongs(v: &VariableInfo, info: &FileInfo, wanted: &[String]) -> bool {
    let index = matches!(v.dims.as_slice(), [dim] if *dim == v.name);
    let mut theirs = info
        .variables
        .iter()
        .filter(|other| wanted.contains(&other.name));
    theirs.any(|other| {
        let named = other.attrs.text("coordinates").unwrap_or_default();
        (index && other.dims.contains(&v.name)) || named.split_whitespace().any(|n| n == v.name)
    })
}

fn number(
    driver: &Driver,
    info: &FileInfo,
    variable: &VariableInfo,
    format: Format,
    options: &ConvertOptions,
    save: &mut Save,
) -> Result<()> {
    let source = &variable.source;
    let raw = super::open::stored(driver, variable);
    let mut attrs = variable.attrs.clone();
    let (stored, dtype) = match other_form(source.dtype) {
        true => as_stored("convert", &variable.name, &raw, format, &mut attrs)?,
        false => (raw, source.dtype),
    };
    keep_typed(&mut attrs, dtype);
    let shape = stored.shape();
    let spec = VariableSpec {
        name: variable.name.clone(),
        dims: variable.dims.clone(),
        dtype,
        attrs,
        encoding: encoding(variable, &shape, format, options)?,
        shape,
    };
    if io::is_coordinate(info, variable) && !other_form(source.dtype) && !variable.fortran_order {
        let block: Block = io::read_whole(source)?;
        let encoding = match format.is_zarr() {
            true => Encoding {
                chunks: None,
                shards: None,
                ..spec.encoding.clone()
            },
            false => Encoding::default(),
        };
        save.inline.push((VariableSpec { encoding, ..spec }, block));
        return Ok(());
    }
    save.variables.push(SaveVariable {
        spec,
        node: stored.node()?,
    });
    Ok(())
}

/// Whether a format may have another form for a dtype, or none.
fn other_form(dtype: DType) -> bool {
    let times = matches!(dtype, DType::Datetime(_) | DType::Timedelta(_));
    times || matches!(dtype, DType::Bool | DType::C64 | DType::C128)
}

/// `missing_value` is of the variable's dtype in every format.
fn keep_typed(attrs: &mut Attrs, dtype: DType) {
    for (name, value) in &mut attrs.0 {
        if let (true, AttrValue::Numbers(numbers)) = (name == "missing_value", value) {
            for number in numbers {
                if let Ok(cast) = number.cast(dtype) {
                    *number = cast;
                }
            }
        }
    }
}

/// Chunks and compression: what is asked for, else what the input has.
fn encoding(
    variable: &VariableInfo,
    shape: &[usize],
    format: Format,
    options: &ConvertOptions,
) -> Result<Encoding> {
    let layout = &variable.source.layout;
    let by_dim = |list: &[(String, usize)], usual: &dyn Fn(usize) -> usize| -> Vec<usize> {
        let dims = variable.dims.iter().enumerate();
        dims.map(|(axis, dim)| {
            let asked = list.iter().find(|(name, _)| name == dim);
            asked.map_or_else(|| usual(axis), |(_, len)| *len)
        })
        .collect()
    };
    let named =
        |list: &[(String, usize)]| list.iter().any(|(name, _)| variable.dims.contains(name));
    let had = layout.chunk().filter(|c| c.len() == shape.len());
    let chunks = match (named(&options.chunks), had) {
        (true, had) => Some(by_dim(&options.chunks, &|axis| {
            had.map_or(shape[axis], |c| c[axis]).max(1)
        })),
        (false, Some(had)) => Some(had.to_vec()),
        (false, None) => None,
    };
    let shards = match (&chunks, named(&options.shards)) {
        (Some(chunks), true) => Some(by_dim(&options.shards, &|axis| chunks[axis])),
        _ => None,
    };
    let before = compression_of(layout);
    let compression = match (options.compression, before) {
        (Some(asked), _) => Some(asked),
        (None, _) if format.is_zarr() => None,
        (None, before) => before,
    };
    if let (false, Some(Compression::Zstd(_) | Compression::Lz4(_))) =
        (format.is_zarr(), compression)
    {
        return Err(Error::unsupported(
            "convert: NetCDF-4 is written with deflate or without compression; give --deflate",
        ));
    }
    let on = compression.is_some_and(|c| c != Compression::None);
    let encoding = Encoding {
        chunks,
        shards,
        compression: compression.filter(|c| format.is_zarr() || *c != Compression::None),
        shuffle: options.shuffle.unwrap_or(on) && on,
    };
    Ok(encoding.for_format(format))
}

/// The compression of a variable as NetCDF-4 would have it.
fn compression_of(layout: &Layout) -> Option<Compression> {
    match layout {
        Layout::Chunked { filters, .. } => filters.iter().find_map(|f| match f {
            Filter::Deflate(level) => Some(Compression::Deflate((*level).clamp(1, 9))),
            other if other.compresses() => Some(Compression::Deflate(4)),
            _ => None,
        }),
        // Nearly always compressed; deflate is what every reader of NetCDF-4 has.
        Layout::Zarr { .. } => Some(Compression::Deflate(4)),
        Layout::Contiguous | Layout::Records { .. } | Layout::Compact => None,
    }
}
