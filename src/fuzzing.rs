//! What the targets of `fuzz/` call: bytes from anywhere into every reader of foreign bytes. Only in tests and with the feature
//! `fuzzing`, which is no part of the public interface.
//!
//! Law: each function returns, whatever the bytes are, in time and memory that follow from their number; it panics where a
//! reader gives an error that blames the program instead of the bytes.

use crate::block::Block;
use crate::comm::Fabric;
use crate::config::Limits;
use crate::driver::{Config, launch_with};
use crate::error::{Error, Result};
use crate::geom::Region;
use crate::io::{self, FileInfo, Scratch, StorageIndex, VariableInfo, alone};
use crate::plan;
use crate::script::run_each;
use crossbeam_channel::{Receiver, Sender, unbounded};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

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

/// What ranks send one another, and what they note in a journal. The first byte says what; of a plan and of a record the checksum is
/// made to fit.
pub fn wire(bytes: &[u8]) {
    let Some((kind, body)) = bytes.split_first() else {
        return;
    };
    match kind % 6 {
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
        3 => {
            let _ = postcard::from_bytes::<StorageIndex>(body);
        }
        4 => {
            let _ = io::journal::records(body);
        }
        _ => {
            let _ = io::journal::records(&io::journal::sealed(body));
        }
    }
}

/// A script, planned for four ranks.
pub fn script(bytes: &[u8]) {
    static SCRIPTS: LazyLock<Mutex<Scripts>> = LazyLock::new(|| Mutex::new(Scripts::start()));
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let scripts = SCRIPTS.lock().unwrap_or_else(PoisonError::into_inner);
    let sent = scripts.texts.send(text.to_owned()).is_ok();
    judge(match scripts.results.recv() {
        Ok(result) if sent => result,
        _ => Err(Error::internal("the thread of the scripts is gone")),
    });
}

/// A thread that plans scripts: a job is longer in the making than a small script.
struct Scripts {
    texts: Sender<String>,
    results: Receiver<Result<()>>,
}

impl Scripts {
    /// Scripts of one job: its graph grows with each.
    const OF_A_JOB: usize = 500;

    fn start() -> Scripts {
        let (texts, sources) = unbounded::<String>();
        let (told, results) = unbounded();
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
        std::thread::spawn(move || {
            loop {
                let done = launch_with(&config, |driver| {
                    let some = sources.iter().take(Self::OF_A_JOB);
                    run_each(driver, some, |result| {
                        let _ = told.send(result);
                    });
                    Ok(())
                });
                if done.is_err() {
                    return;
                }
            }
        });
        Scripts { texts, results }
    }
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
pub(crate) fn read_all(path: &Path) -> Result<()> {
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

    /// Seeds of the target `wire`, with `HYPERSLAB_BLESS=1`: plans and what describes files, as ranks send them.
    #[test]
    fn seeds_of_the_wire() {
        if std::env::var_os("HYPERSLAB_BLESS").is_none() {
            return;
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let keep = |name: &str, kind: u8, body: &[u8]| {
            let folder = root.join("fuzz/corpus/wire");
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(name), [&[kind], body].concat()).unwrap();
        };
        let config = Config {
            fabric: Some(Fabric::Threads(1)),
            dry_ranks: Some(3),
            ..Config::default()
        };
        let plans = launch_with(&config, |driver| {
            let a = driver.arange(0i64, 1200i64, 1i64).reshape(&[40, 30]);
            let a = a.chunk(&[10, 30]);
            a.mean(&[0]).compute_block()?;
            (&a + 1).chunk(&[40, 5]).sum(&[1]).compute_block()?;
            a.flip(&[0]).compute_block()?;
            Ok(driver.session().planned())
        });
        let plans = plans.unwrap().unwrap();
        for (k, plan) in plans.iter().enumerate() {
            let bytes = plan::encode(plan.plan()).unwrap();
            keep(&format!("plan-{k}"), 1, &bytes[9..]);
        }
        let info = io::open(&root.join("tests/data/io/strings.nc"), None).unwrap();
        let index = io::index(&info.variables[0].source).unwrap();
        keep("index", 3, &postcard::to_stdvec(&index).unwrap());
        let info: Result<FileInfo> = Ok(info);
        keep("info", 2, &postcard::to_stdvec(&info).unwrap());
    }

    fn corpus(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
        let mut inputs: Vec<_> = fs::read_dir(folder.join(name))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| (path.clone(), fs::read(path).unwrap()))
            .collect();
        inputs.sort();
        assert!(inputs.len() > 2, "{name}: {} inputs", inputs.len());
        inputs
    }

    /// Every input that is kept: seeds, and what once failed.
    #[test]
    #[allow(clippy::print_stdout)] // shown with a failure: the input that it was
    fn the_corpus_is_read() {
        for (name, target) in TARGETS {
            for (path, bytes) in corpus(name) {
                println!("{}", path.display());
                target(&bytes);
            }
        }
    }

    /// What a fuzzer does first, without one: bytes of the seeds changed, and pieces of them taken out, doubled or exchanged with
    /// those of another seed. `HYPERSLAB_LONG=1` takes a hundred times as many; `HYPERSLAB_FUZZ=TARGET` takes that one alone.
    #[test]
    fn changed_seeds_are_read() {
        let long = std::env::var_os("HYPERSLAB_LONG").is_some();
        let only = std::env::var("HYPERSLAB_FUZZ").unwrap_or_default();
        let mut state = 1u64;
        let mut random = |below: usize| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) as usize % below.max(1)
        };
        for (name, target) in TARGETS {
            let seeds = corpus(name);
            if !only.is_empty() && only != name {
                continue;
            }
            for round in 0..if long { 1000 } else { 10 } {
                for (path, seed) in &seeds {
                    let mut bytes = seed.clone();
                    for _ in 0..=random(4) {
                        let len = bytes.len();
                        let (at, size) = (random(len), random(16));
                        let end = (at + size).min(len);
                        match random(6) {
                            0 if len > 0 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][random(5)],
                            1 if len > 0 => bytes[at] ^= 1 << random(8),
                            2 if len > 0 => bytes[at] = random(256) as u8,
                            3 => drop(bytes.drain(at..end)),
                            4 => bytes.extend_from_within(at..end),
                            _ => {
                                let other = &seeds[random(seeds.len())].1;
                                let from = random(other.len());
                                let piece = other[from..(from + size).min(other.len())].to_vec();
                                bytes.splice(at..end, piece);
                            }
                        }
                    }
                    let input = bytes.clone();
                    if std::panic::catch_unwind(move || target(&bytes)).is_err() {
                        let found = std::env::temp_dir().join(format!("found-{name}-{round}"));
                        fs::write(&found, input).unwrap();
                        panic!("{} changed: {}", path.display(), found.display());
                    }
                }
            }
        }
    }
}
