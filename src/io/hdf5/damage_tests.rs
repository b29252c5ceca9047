//! Each byte of small files set to 0, to 255 and turned over: opening, indexing and reading all of it ends in `Ok` or in an
//! error of the data, in bounded time. Once with checksums, and once without, so that the damage reaches what they guard.
//!
//! The suite takes every few bytes; `HYPERSLAB_LONG=1` takes them all.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::bytes::FORGIVING;
use crate::fuzzing::read_all;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/io")
        .join(name)
}

/// Damages every `step`-th byte of a file; how many readings succeeded and failed.
fn sweep(name: &str, step: usize, forgiving: bool) -> (usize, usize) {
    FORGIVING.set(forgiving);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    let bytes = std::fs::read(data(name)).unwrap();
    std::fs::write(&path, &bytes).unwrap();
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    let whole = read_all(&path);
    assert!(whole.is_ok(), "{name}: {whole:?}");
    let (mut good, mut bad) = (0, 0);
    for at in (0..bytes.len()).step_by(step) {
        // Inside a long run of one value there is nothing but data and free space.
        let near = &bytes[at.saturating_sub(16)..(at + 16).min(bytes.len())];
        if near.iter().all(|b| *b == near[0]) {
            continue;
        }
        for damage in [0, 0xff, !bytes[at]] {
            if damage == bytes[at] || (damage == !bytes[at] && [0, 0xff].contains(&damage)) {
                continue;
            }
            let what = format!(
                "{name}: byte {at} set to {damage:#04x}, checksums {}",
                !forgiving
            );
            file.write_all_at(&[damage], at as u64).unwrap();
            let start = Instant::now();
            let result = catch_unwind(AssertUnwindSafe(|| read_all(&path)));
            assert!(
                start.elapsed() < Duration::from_secs(5),
                "{what}: {:?}",
                start.elapsed()
            );
            match result {
                Err(_) => panic!("{what}: a panic"),
                Ok(Ok(())) => good += 1,
                Ok(Err(e)) => {
                    assert!(!e.is_internal(), "{what}: {e}");
                    assert!(e.message().contains(name), "{what}: {e}");
                    bad += 1;
                }
            }
        }
        file.write_all_at(&bytes[at..=at], at as u64).unwrap();
    }
    (good, bad)
}

#[test]
fn every_damaged_byte_ends_in_ok_or_err() {
    let long = std::env::var_os("HYPERSLAB_LONG").is_some();
    // Of so many bytes one is damaged, here and in the long suite: primes, so that no kind of field is always left out.
    let files = [
        ("texts_earliest.h5", 11, 1),
        ("texts_latest.h5", 11, 1),
        ("attributes_earliest.h5", 47, 1),
        ("attributes_latest.h5", 47, 1),
        ("dense_latest.h5", 211, 3),
        ("trees_latest.h5", 131, 3),
        ("strings.nc", 11, 1),
        ("classic_names.nc", 47, 1),
        ("layouts_earliest.h5", 97, 3),
        ("layouts_latest.h5", 97, 3),
        ("userblock.h5", 11, 1),
        ("unlimited_latest.h5", 1999, 53),
    ];
    // Two threads: one lets wrong checksums through.
    std::thread::scope(|scope| {
        for forgiving in [false, true] {
            scope.spawn(move || {
                for (name, short_step, long_step) in files {
                    let step = if long { long_step } else { short_step };
                    let (good, bad) = sweep(name, step, forgiving);
                    assert!(
                        good > 0 && bad > 0,
                        "{name}: {good} readable, {bad} refused"
                    );
                    if std::env::var_os("HYPERSLAB_SWEEP_LOG").is_some() {
                        eprintln!("{name}, forgiving {forgiving}: {good} readable, {bad} refused");
                    }
                }
            });
        }
    });
}
