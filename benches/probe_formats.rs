//! The least work of reading and of recompressing: bytes are read and decoded (and encoded and written) by a few threads, and
//! nothing is done with them. Not a benchmark by itself: `scripts/bench` runs it beside `hyperslab`.
//!
//! `probe_formats decode FILE VARIABLE THREADS`, `probe_formats recompress FILE VARIABLE THREADS OUTPUT`: prints seconds.
//! FILE: NetCDF-4 with deflate, or a Zarr hierarchy of version 3 with zstd, with or without shards.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use hyperslab::io::{self, StorageIndex};
use hyperslab::spec::{Filter, Layout};
use libdeflater::{CompressionLvl, Compressor, Decompressor};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

/// A run of stored bytes.
struct Piece {
    file: PathBuf,
    at: u64,
    bytes: usize,
}

fn main() {
    let args: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| a != "--bench")
        .collect();
    let [what, file, variable, threads, rest @ ..] = args.as_slice() else {
        return;
    };
    let threads: usize = threads.parse().unwrap();
    let info = io::open(Path::new(file), None).unwrap();
    let source = &info.variable(variable).unwrap().source;
    let size = source.dtype.size();
    let plain = source.layout.chunk().unwrap().iter().product::<usize>() * size;
    let (pieces, deflate, shuffled) = match (&source.layout, io::index(source).unwrap()) {
        (
            Layout::Chunked { filters, .. },
            StorageIndex::Chunked {
                addresses, sizes, ..
            },
        ) => {
            let pieces = addresses.iter().zip(&sizes);
            let pieces = pieces.map(|(at, bytes)| Piece {
                file: file.into(),
                at: *at,
                bytes: *bytes as usize,
            });
            let shuffled = filters.iter().any(|f| matches!(f, Filter::Shuffle(_)));
            (pieces.collect::<Vec<_>>(), true, shuffled)
        }
        (Layout::Zarr { metadata, .. }, _) => {
            let mut pieces = Vec::new();
            let shards = metadata.contains("sharding_indexed");
            walk(
                &Path::new(file).join(variable).join("c"),
                shards,
                source,
                &mut pieces,
            );
            (pieces, false, false)
        }
        _ => panic!("a format that is not probed"),
    };
    let output = rest.first().map(|path| File::create(path).unwrap());
    let (next, end, decoded) = (AtomicUsize::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut inflate = Decompressor::new();
                let mut unzstd = zstd::bulk::Decompressor::new().unwrap();
                let mut deflater = Compressor::new(CompressionLvl::new(4).unwrap());
                let (mut raw, mut one, mut two) = (Vec::new(), vec![0; plain], vec![0; plain]);
                let mut packed = vec![0; deflater.zlib_compress_bound(plain)];
                while let Some(piece) = pieces.get(next.fetch_add(1, Relaxed)) {
                    raw.resize(piece.bytes, 0);
                    let file = File::open(&piece.file).unwrap();
                    file.read_exact_at(&mut raw, piece.at).unwrap();
                    let n = match deflate {
                        true => inflate.zlib_decompress(&raw, &mut one).unwrap(),
                        false => unzstd.decompress_to_buffer(&raw, &mut one[..]).unwrap(),
                    };
                    assert_eq!(n, plain);
                    if shuffled {
                        unshuffle(&one, &mut two, size);
                        std::mem::swap(&mut one, &mut two);
                    }
                    decoded.fetch_add(n as u64, Relaxed);
                    if let ("recompress", Some(output)) = (what.as_str(), &output) {
                        shuffle(&one, &mut two, size);
                        let n = deflater.zlib_compress(&two, &mut packed).unwrap();
                        let at = end.fetch_add(n as u64, Relaxed);
                        output.write_all_at(&packed[..n], at).unwrap();
                    }
                }
            });
        }
    });
    if let Some(output) = &output {
        output.sync_all().unwrap();
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("{seconds:.4} s, {} bytes decoded", decoded.load(Relaxed));
}

fn unshuffle(from: &[u8], to: &mut [u8], size: usize) {
    let n = from.len() / size;
    if size == 4 {
        let (a, rest) = from.split_at(n);
        let (b, rest) = rest.split_at(n);
        let (c, d) = rest.split_at(n);
        let (to, _) = to.as_chunks_mut::<4>();
        for ((((to, a), b), c), d) in to.iter_mut().zip(a).zip(b).zip(c).zip(d) {
            *to = [*a, *b, *c, *d];
        }
        return;
    }
    for i in 0..n {
        for k in 0..size {
            to[i * size + k] = from[k * n + i];
        }
    }
}

fn shuffle(from: &[u8], to: &mut [u8], size: usize) {
    let n = from.len() / size;
    for k in 0..size {
        for (o, element) in to[k * n..(k + 1) * n]
            .iter_mut()
            .zip(from.chunks_exact(size))
        {
            *o = element[k];
        }
    }
}

/// The files of a Zarr array, or the chunks inside its shards (their index is at the end, with a checksum).
fn walk(
    folder: &Path,
    shards: bool,
    source: &hyperslab::spec::SourceSpec,
    pieces: &mut Vec<Piece>,
) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            walk(&path, shards, source, pieces);
            continue;
        }
        let bytes = path.metadata().unwrap().len();
        if !shards {
            pieces.push(Piece {
                file: path,
                at: 0,
                bytes: bytes as usize,
            });
            continue;
        }
        let Layout::Zarr { chunk, metadata } = &source.layout else {
            return;
        };
        let meta: serde_json::Value = serde_json::from_str(metadata).unwrap();
        let shard = meta["chunk_grid"]["configuration"]["chunk_shape"]
            .as_array()
            .unwrap();
        let inner: usize = shard
            .iter()
            .zip(chunk)
            .map(|(s, c)| s.as_u64().unwrap() as usize / c)
            .product();
        let mut index = vec![0; 16 * inner];
        let file = File::open(&path).unwrap();
        file.read_exact_at(&mut index, bytes - 16 * inner as u64 - 4)
            .unwrap();
        for entry in index.chunks_exact(16) {
            let number = |k: usize| u64::from_le_bytes(entry[k..k + 8].try_into().unwrap());
            if number(8) != u64::MAX {
                pieces.push(Piece {
                    file: path.clone(),
                    at: number(0),
                    bytes: number(8) as usize,
                });
            }
        }
    }
}
