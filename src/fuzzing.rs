//! What the targets of `fuzz/` call: bytes from anywhere into every reader of foreign bytes. Only in tests and with the feature
//! `fuzzing`, which is no part of the public interface.
//!
//! Law: each function returns, whatever the bytes are, in time and memory that follow from their number; it panics where a
//! reader gives an error that blames the program instead of the bytes.

use crate::block::Block;
use crate::comm::Fabric;
use crate::config::Limits;
use crate::driver::{Config, launch_with};
use crate::error::Result;
use crate::geom::Region;
use crate::io::{self, FileInfo, Scratch, StorageIndex, VariableInfo, alone};
use crate::plan;
use crate::script::run_text;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The most elements that are read of a variable, and of a chunk: what a plan would refuse is none of the readers' matter.
const MOST_ELEMENTS: usize = 1 << 16;

/// A target: its name, which is that of its corpus too, and its function.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 7] = [
    ("hdf5", hdf5),
    ("netcdf3", netcdf3),
    ("npy", npy),
    ("zarr", zarr),
    ("chunk", chunk),
    ("wire", wire),
    ("script", script),
];

/// A file with these bytes: opened, indexed and read, its checksums once obeyed and once let through.
pub fn hdf5(bytes: &[u8]) {
    if bytes.starts_with(b"\x89HDF\r\n\x1a\n") {
        file(bytes);
    }
}

/// As [`hdf5`], of a file in one of the classic formats.
pub fn netcdf3(bytes: &[u8]) {
    if bytes.starts_with(b"CDF") {
        file(bytes);
    }
}

/// As [`hdf5`], of an `.npy` file.
pub fn npy(bytes: &[u8]) {
    if bytes.starts_with(b"\x93NUMPY") {
        file(bytes);
    }
}

/// A hierarchy: files, each its name, a line end, its content and a zero byte.
pub fn zarr(bytes: &[u8]) {
    let place = Place::new();
    let mut files = 0;
    for document in bytes.split(|b| *b == 0) {
        let Some(end) = document.iter().position(|b| *b == b'\n') else {
            continue;
        };
        let name = std::str::from_utf8(&document[..end]).unwrap_or_default();
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '/';
        // Inside the folder, and not too deep.
        if name.is_empty()
            || name.len() > 40
            || files == 8
            || !name.chars().all(plain)
            || name
                .split('/')
                .any(|part| part.is_empty() || part == "." || part == "..")
        {
            continue;
        }
        files += 1;
        let path = place.0.join(name);
        // Chunks are bytes that have no zeros here: written as hexadecimal digits.
        let content = &document[end + 1..];
        let content = content
            .strip_prefix(b"hex:")
            .map_or_else(|| content.to_vec(), unhex);
        let folder = path.parent().map(fs::create_dir_all);
        if folder.is_some_and(|made| made.is_ok()) {
            let _ = fs::write(&path, content);
        }
    }
    judge(read_all(&place.0));
}

fn unhex(digits: &[u8]) -> Vec<u8> {
    let digit = |b: u8| char::from(b).to_digit(16).unwrap_or(0) as u8;
    digits
        .chunks(2)
        .map(|pair| pair.iter().fold(0, |n, b| n << 4 | digit(*b)))
        .collect()
}

/// A chunk behind one of HDF5's filters. The first bytes: the filter, the size that the chunk must have (2), parameters (2).
pub fn chunk(bytes: &[u8]) {
    if let Some((head, rest)) = bytes.split_first_chunk::<5>() {
        io::unpack_any(*head, rest);
    }
}

/// What ranks send one another. The first byte says what; of a plan the checksum is made to fit.
pub fn wire(bytes: &[u8]) {
    let Some((kind, body)) = bytes.split_first() else {
        return;
    };
    match kind % 4 {
        0 => {
            let _ = plan::decode(body);
        }
        1 => {
            if let Ok(plan) = plan::decode(&plan::sealed(body)) {
                let again = plan::encode(&plan).and_then(|bytes| plan::decode(&bytes));
                assert!(again.is_ok(), "a plan that cannot be sent again");
            }
        }
        2 => {
            let _ = postcard::from_bytes::<Result<FileInfo>>(body);
        }
        _ => {
            let _ = postcard::from_bytes::<StorageIndex>(body);
        }
    }
}

/// A script, planned for four ranks.
pub fn script(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let config = Config {
        limits: Limits {
            memory_bytes: 16 << 20,
            threads: 1,
            reads: 1,
            scratch: None,
            ..Limits::default()
        },
        fabric: Some(Fabric::Threads(1)),
        dry_ranks: Some(4),
        ..Config::default()
    };
    let result = launch_with(&config, |driver| {
        run_text(driver, "fuzz.rhai", text, &[], &mut |_| {})
    });
    judge(result.map(|_| ()).map_err(|(_, error)| error));
}

fn file(bytes: &[u8]) {
    let place = Place::new();
    let path = place.0.join("file");
    if fs::write(&path, bytes).is_ok() {
        for forgiving in [false, true] {
            judge(alone(forgiving, || read_all(&path)));
        }
    }
}

/// Errors of the bytes, not of the program.
#[allow(clippy::panic)] // How a target tells.
fn judge(result: Result<()>) {
    if let Err(e) = result
        && e.is_internal()
    {
        panic!("{e}");
    }
}

/// Opens, indexes and reads everything; the last error.
fn read_all(path: &Path) -> Result<()> {
    let info = io::open(path, None)?;
    let mut last = Ok(());
    // What the HDF5 library reads is its own matter.
    let direct = |v: &&VariableInfo| v.readable.is_none() && v.source.library_only.is_none();
    for v in info.variables.iter().filter(direct) {
        if let Err(e) = read(v) {
            if e.is_internal() {
                return Err(e);
            }
            last = Err(e);
        }
    }
    last
}

fn read(v: &VariableInfo) -> Result<()> {
    let index = Arc::new(io::index(&v.source)?);
    let few = |lengths: &[usize]| {
        let count = lengths
            .iter()
            .try_fold(1usize, |n, len| n.checked_mul(*len));
        count.is_some_and(|n| n <= MOST_ELEMENTS)
    };
    let chunk = v.source.layout.chunk().unwrap_or_default();
    if matches!(*index, StorageIndex::Library) || !few(&v.source.shape) || !few(chunk) {
        return Ok(());
    }
    let region = Region::whole(&v.source.shape);
    let source = io::open_source(&v.source, index)?;
    if region.is_empty() {
        return Ok(());
    }
    let mut block = Block::zeros(source.dtype(), &region.shape);
    let (mut raw, mut scratch) = (Vec::new(), Scratch::default());
    let origin = vec![0; region.ndim()];
    for chunk in source.grid().overlapping(&region) {
        let part = source.grid().region(&chunk);
        source.fetch(&chunk, &mut raw)?;
        source.decode_into(&chunk, &raw, &mut scratch, &part, &mut block, &origin)?;
    }
    Ok(())
}

/// A folder in memory where there is one, gone with this value.
struct Place(PathBuf);

impl Place {
    fn new() -> Place {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let memory = Path::new("/dev/shm");
        let parent = match memory.is_dir() {
            true => memory.to_owned(),
            false => std::env::temp_dir(),
        };
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let place = parent.join(format!("hyperslab-fuzz-{}-{number}", std::process::id()));
        let _ = fs::create_dir_all(&place);
        Place(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every input that is kept: seeds, and what once failed.
    #[test]
    fn the_corpus_is_read() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
        for (name, target) in TARGETS {
            let mut inputs: Vec<PathBuf> = fs::read_dir(corpus.join(name))
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .collect();
            inputs.sort();
            assert!(inputs.len() > 2, "{name}: {} inputs", inputs.len());
            for input in inputs {
                println!("{}", input.display());
                target(&fs::read(&input).unwrap());
            }
        }
    }
}
