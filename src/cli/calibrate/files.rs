//! Rates of files and of the filters of their chunks.

use super::kernels::{on, quickest};
use crate::array::{Array, compute};
use crate::driver::Driver;
use crate::dtype::DType;
use crate::error::{Error, Fault, Result};
use crate::labelled::DataArray;
use crate::plan::{CodecRate, FileRates, Profile, Tiling};
use crate::spec::{Compression, Encoding};
use rustix::fs::{Advice, fadvise};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// 64 MiB of 32-bit floats in chunks of 1 MiB.
const SHAPE: [usize; 3] = [64, 256, 1024];
/// The same for a quick look.
const SMALL_SHAPE: [usize; 3] = [8, 64, 1024];
const CHUNK: [usize; 3] = [4, 64, 1024];
/// Bytes of one read.
const READ_BYTES: usize = 1 << 20;
/// Threads that read from the disk at once: as many as a rank has reads in flight.
const READERS: usize = 16;
/// Chunks of 4 KiB that are files of their own.
const SMALL: usize = 256;

/// What was measured.
pub(super) struct Measured {
    pub(super) rates: FileRates,
    pub(super) plain: CodecRate,
    pub(super) deflate: CodecRate,
    pub(super) zstd: CodecRate,
}

fn encoding(compression: Option<Compression>, chunks: &[usize]) -> Encoding {
    Encoding {
        chunks: compression.map(|_| chunks.to_vec()),
        shuffle: compression.is_some_and(|c| c != Compression::None),
        compression,
        ..Encoding::default()
    }
}

/// A variable as it is stored by a job: its file, and the seconds.
fn saved(array: &Array, path: &Path, encoding: Encoding) -> Result<f64> {
    let dims = &["t", "y", "x"][3 - array.ndim()..];
    let variable = DataArray::new(array.clone(), dims, Vec::new()).rename("v");
    let start = Instant::now();
    variable.with_encoding(encoding).save(path)?;
    Ok(start.elapsed().as_secs_f64())
}

/// Seconds of a job that reads a variable and sums it.
fn summed(driver: &Driver, path: &Path, quick: bool) -> Result<f64> {
    let v = driver.open(path)?.var("v").array().clone();
    let axes: Vec<isize> = (0..v.ndim() as isize).collect();
    quickest(quick, || compute(&[&v.sum(&axes)]).map(drop))
}

fn bytes_of(path: &Path) -> f64 {
    let Ok(meta) = std::fs::metadata(path) else {
        return 0.0;
    };
    if !meta.is_dir() {
        return meta.len() as f64;
    }
    let inside = std::fs::read_dir(path).into_iter().flatten().flatten();
    inside.map(|entry| bytes_of(&entry.path())).sum()
}

fn failed(path: &Path, e: &std::io::Error) -> Error {
    Error::new(
        Fault::Io,
        format!("calibrate: reading {}: {e}", path.display()),
    )
}

/// Bytes per second that `threads` read of a file.
fn read_rate(path: &Path, threads: usize) -> Result<f64> {
    let file = File::open(path).map_err(|e| failed(path, &e))?;
    let bytes = file.metadata().map_err(|e| failed(path, &e))?.len();
    let blocks = bytes / READ_BYTES as u64;
    let next = std::sync::atomic::AtomicU64::new(0);
    let start = Instant::now();
    let results: Vec<std::io::Result<()>> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut buffer = vec![0u8; READ_BYTES];
                    loop {
                        let block = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        if block >= blocks {
                            return Ok(());
                        }
                        file.read_exact_at(&mut buffer, block * READ_BYTES as u64)?;
                    }
                })
            })
            .collect();
        all.into_iter()
            .map(|thread| thread.join().unwrap_or(Ok(())))
            .collect()
    });
    for result in results {
        result.map_err(|e| failed(path, &e))?;
    }
    let seconds = start.elapsed().as_secs_f64().max(1e-9);
    Ok((blocks * READ_BYTES as u64) as f64 / seconds)
}

/// Files of a folder, all of them.
fn inside(path: &Path) -> Vec<PathBuf> {
    match path.is_dir() {
        false => vec![path.to_owned()],
        true => (std::fs::read_dir(path).into_iter().flatten().flatten())
            .flat_map(|entry| inside(&entry.path()))
            .collect(),
    }
}

/// Asks the system to forget a file. It does where nobody else uses it and all of it is on the disk.
fn forget(path: &Path) {
    for file in inside(path) {
        if let Ok(file) = File::open(file) {
            let _ = file.sync_all();
            let _ = fadvise(&file, 0, None, Advice::DontNeed);
        }
    }
}

/// Nanoseconds for packed and for plain bytes, from two files: `(packed, plain, ns)` each.
fn solved(a: (f64, f64, f64), b: (f64, f64, f64)) -> (f64, f64) {
    let determinant = a.0 * b.1 - b.0 * a.1;
    let whole = ((a.2 + b.2) / (a.1 + b.1)).max(1e-3);
    if determinant.abs() < 0.05 * a.1 * b.1 {
        return (0.0, whole);
    }
    let packed = (a.2 * b.1 - b.2 * a.1) / determinant;
    let plain = (a.0 * b.2 - b.0 * a.2) / determinant;
    match packed >= 0.0 && plain > 0.0 {
        true => (packed, plain),
        false => (0.0, whole),
    }
}

/// All rates, from files in `folder`.
pub(super) fn measure(folder: &Path, profile: &Profile, quick: bool) -> Result<Measured> {
    let shape = if quick { SMALL_SHAPE } else { SHAPE };
    let bytes = (shape.iter().product::<usize>() * 4) as f64;
    let fold_s = profile.kernels.fold_ns * 1e-9 * bytes / 4.0;
    on(1, Tiling::default(), |driver| {
        // As measurements are: some digits of noise on values that change slowly; and as masks and counts are: few values.
        let noise = driver.default_rng(7).random_as(&shape, DType::F32);
        let rough = ((&noise * 4000.0).rint() * 0.125)
            .astype(DType::F32)
            .persist()?;
        let even = ((&noise * noise.clone() * 4.0).rint())
            .astype(DType::F32)
            .persist()?;
        let plain_path = folder.join("plain.nc");
        let tiny = driver.default_rng(8).random_as(&[4, 4], DType::F32);
        let mut save_s = f64::INFINITY;
        for _ in 0..2 {
            save_s = save_s.min(saved(&tiny, &folder.join("tiny.nc"), encoding(None, &[]))?);
        }
        let mut write_s = f64::INFINITY;
        for _ in 0..2 {
            write_s = write_s.min(saved(&rough, &plain_path, encoding(None, &[]))?);
        }
        let write_s = (write_s - save_s).max(1e-3);
        let cached = read_rate(&plain_path, 1)?.max(read_rate(&plain_path, 1)?);
        let of_job = summed(driver, &plain_path, quick)?;
        // Bytes that are pasted pass the memory once more, or the caches at least.
        let least_ns = 0.25e9 / profile.memory.one_bytes_per_s;
        let plain_ns = ((of_job - fold_s - bytes / cached) * 1e9 / bytes).max(least_ns);
        forget(&plain_path);
        let disk = read_rate(&plain_path, READERS)?;
        // The same packed.
        let codec = |name: &str, compression: Compression| -> Result<CodecRate> {
            let mut seen = Vec::new();
            let mut encode_s = 0.0;
            for (kind, array) in [("rough", &rough), ("even", &even)] {
                let path = folder.join(format!("{kind}.{name}"));
                let save = saved(array, &path, encoding(Some(compression), &CHUNK))?;
                let packed = bytes_of(&path);
                let files = match name {
                    "zarr" => inside(&path).len() as f64 * profile.files.file_s.min(1e-4),
                    _ => 0.0,
                };
                let written = packed / (bytes / write_s);
                encode_s += (save - save_s - written - files).max(0.0);
                let read = summed(driver, &path, quick)? - fold_s - packed / cached - files;
                seen.push((packed, bytes, read.max(0.0) * 1e9));
            }
            let (packed_ns, plain_ns) = solved(seen[0], seen[1]);
            Ok(CodecRate {
                packed_ns,
                plain_ns,
                encode_ns: (encode_s * 1e9 / (2.0 * bytes)).max(1e-3),
            })
        };
        let deflate = codec("nc", Compression::Deflate(1))?;
        let zstd = codec("zarr", Compression::Zstd(1))?;
        // Chunks of 4 KiB, a file each.
        let small = driver
            .default_rng(9)
            .random_as(&[SMALL, 1024], DType::F32)
            .persist()?;
        let path = folder.join("small.zarr");
        saved(&small, &path, encoding(Some(Compression::None), &[1, 1024]))?;
        let file_s = (summed(driver, &path, quick)? - profile.stage_s).max(0.0) / SMALL as f64;
        Ok(Measured {
            rates: FileRates {
                cached_bytes_per_s: cached,
                disk_bytes_per_s: disk,
                write_bytes_per_s: bytes / write_s,
                file_s,
                save_s,
            },
            plain: CodecRate {
                packed_ns: 0.0,
                plain_ns,
                encode_ns: 1e9 / profile.memory.one_bytes_per_s,
            },
            deflate,
            zstd,
        })
    })
}
