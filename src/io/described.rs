//! A file's metadata with the values of its coordinates: all that opening it needs, found on any rank.

use super::format::{Scratch, Source};
use super::info::{FileInfo, VariableInfo};
use super::open::{index, open, open_source};
use super::remote::{is_url, shown};
use crate::block::{Block, Buffer};
use crate::error::{Context, Error, Result};
use crate::geom::Region;
use crate::spec::{Format, SourceSpec};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;

/// Auxiliary coordinates of up to this many elements are read at once; larger ones stay lazy data variables.
const LARGEST_COORD: usize = 1 << 20;

/// No variable of more elements is read whole: what says it is longer is damaged, or made to exhaust memory.
const LARGEST_WHOLE: usize = 1 << 27;

/// Chunks of a coordinate that are fetched from far away at once.
const FAR_AT_ONCE: usize = 16;

/// What is known about a file, with the stored values of its coordinates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Described {
    /// The metadata.
    pub info: FileInfo,
    /// Number of a variable, and its values as bytes of this machine.
    values: Vec<(u32, Vec<u8>)>,
}

impl Described {
    /// The stored values of a coordinate; `None` for variables that are none, and for texts.
    ///
    /// # Errors
    /// Internal only.
    pub fn values(&self, number: usize) -> Result<Option<Block>> {
        let found = self
            .values
            .iter()
            .find(|(known, _)| *known as usize == number);
        let Some((_, bytes)) = found else {
            return Ok(None);
        };
        let spec = &self.info.variables[number].source;
        let buffer = Buffer::from_bytes(spec.dtype.physical(), bytes)?;
        Block::new(spec.dtype, spec.shape.clone(), buffer).map(Some)
    }
}

/// Opens a file and reads its coordinates whole: variables on the dimension of their name, and small ones that others name in
/// their attribute `coordinates`.
///
/// # Errors
/// As [`open`]; data when a coordinate is damaged.
pub fn describe(path: &Path, group: Option<&str>) -> Result<Described> {
    let opening = || format!("opening {}", shown(path));
    let info = open(path, group).context(opening)?;
    let mut values = Vec::new();
    for (number, variable) in info.variables.iter().enumerate() {
        if is_coordinate(&info, variable)
            && variable.texts.is_none()
            && variable.readable.is_none()
            && !variable.fortran_order
        {
            let read = read_whole(&variable.source)
                .context(|| format!("reading the coordinate {}", variable.name));
            let block = read.context(opening)?;
            values.push((number as u32, block.buffer().as_bytes().to_vec()));
        }
    }
    Ok(Described { info, values })
}

/// Whether a variable is a coordinate that is read when its file is opened.
pub fn is_coordinate(info: &FileInfo, variable: &VariableInfo) -> bool {
    if matches!(variable.dims.as_slice(), [dim] if *dim == variable.name) {
        return true;
    }
    let small = variable.source.shape.iter().product::<usize>() <= LARGEST_COORD;
    small
        && (info.variables.iter())
            .filter_map(|v| v.attrs.text("coordinates"))
            .flat_map(str::split_whitespace)
            .any(|name| name == variable.name)
}

/// The values of a small variable.
///
/// # Errors
/// As reading: I/O, and data when its bytes are damaged; resource when it is not small.
pub fn read_whole(spec: &SourceSpec) -> Result<Block> {
    let elements = (spec.shape.iter()).fold(1usize, |product, n| product.saturating_mul(*n));
    if elements > LARGEST_WHOLE {
        return Err(Error::resource(format!(
            "{}: variable {}: a coordinate of {elements} elements; coordinates are read whole, at most {LARGEST_WHOLE} elements",
            spec.file.path.display(),
            spec.variable
        )));
    }
    let source = open_source(spec, Arc::new(index(spec)?))?;
    let mut block = Block::zeros(spec.dtype, &spec.shape);
    let (mut raw, mut scratch) = (Vec::new(), Scratch::default());
    let whole = Region::whole(&spec.shape);
    if whole.is_empty() {
        return Ok(block);
    }
    let origin = vec![0; spec.shape.len()];
    // What is far away is waited for together: a time axis may have a chunk for each of its values.
    let at_once = match is_url(&spec.file.path).is_some() || spec.format == Format::Kerchunk {
        true => FAR_AT_ONCE,
        false => 1,
    };
    let chunks: Vec<Vec<usize>> = source.grid().overlapping(&whole).collect();
    for some in chunks.chunks(at_once) {
        let raws = fetch_all(&*source, some, std::mem::take(&mut raw));
        for (chunk, fetched) in some.iter().zip(raws) {
            raw = fetched?;
            let part = source.grid().region(chunk);
            source.decode_into(chunk, &raw, &mut scratch, &part, &mut block, &origin)?;
        }
    }
    Ok(block)
}

/// Fetches some chunks, each on a thread of its own; a single one here, into the memory of `spare`.
fn fetch_all(
    source: &dyn Source,
    chunks: &[Vec<usize>],
    mut spare: Vec<u8>,
) -> Vec<Result<Vec<u8>>> {
    let fetch = |chunk: &[usize], mut raw: Vec<u8>| {
        raw.clear();
        match source.stored_bytes(chunk) {
            0 => Ok(raw),
            _ => source.fetch(chunk, &mut raw).map(|()| raw),
        }
    };
    if let [one] = chunks {
        return vec![fetch(one, std::mem::take(&mut spare))];
    }
    std::thread::scope(|scope| {
        let threads: Vec<_> = chunks
            .iter()
            .map(|chunk| scope.spawn(|| fetch(chunk, Vec::new())))
            .collect();
        threads
            .into_iter()
            .map(|thread| {
                let gone = |_| Err(Error::internal("a thread that fetched a chunk"));
                thread.join().unwrap_or_else(gone)
            })
            .collect()
    })
}
