//! Damaged, missing and changed input: an error that names the place, never a panic, a hang or a huge allocation.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "io_faults/filters.rs"]
mod filters;
#[path = "io_faults/formats.rs"]
mod formats;

use hyperslab::block::Block;
use hyperslab::error::{Error, Fault, Result};
use hyperslab::geom::Region;
use hyperslab::io::{self, Scratch, StorageIndex, VariableInfo};
use hyperslab::spec::SourceSpec;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/io")
        .join(name)
}

fn read(spec: &SourceSpec, index: Arc<StorageIndex>) -> Result<Block> {
    let source = io::open_source(spec, index)?;
    let region = Region::whole(&spec.shape);
    if region.elements() > 1 << 20 {
        return Err(Error::resource("a damaged shape"));
    }
    let mut block = Block::zeros(source.dtype(), &region.shape);
    let (mut raw, mut scratch) = (Vec::new(), Scratch::default());
    if region.is_empty() {
        return Ok(block);
    }
    let origin = vec![0; region.ndim()];
    for chunk in source.grid().overlapping(&region) {
        let part = source.grid().region(&chunk);
        source.fetch(&chunk, &mut raw)?;
        source.decode_into(&chunk, &raw, &mut scratch, &part, &mut block, &origin)?;
    }
    Ok(block)
}

fn fault(path: &Path) -> (Fault, String) {
    let e = io::open(path, None).map(|_| ()).unwrap_err();
    assert!(e.message().contains(&path.display().to_string()), "{e}");
    (e.fault(), e.message().to_owned())
}

#[test]
fn what_is_no_file_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let (kind, text) = fault(&dir.path().join("none.nc"));
    assert_eq!(kind, Fault::NoInput);
    assert!(text.contains("no such file"), "{text}");
    let (kind, text) = fault(dir.path());
    assert_eq!(kind, Fault::NoInput);
    assert!(text.contains("directory"), "{text}");
    let (kind, text) = fault(Path::new("gs://example/a.nc"));
    assert_eq!(kind, Fault::NoInput);
    assert!(text.contains("not read over gs"), "{text}");
    let cases: [(&str, &[u8], &str); 14] = [
        ("empty.nc", b"", "empty (0 bytes)"),
        ("early.nc", b"CDF\x03\0\0\0\0", "43 44 46 03"),
        ("page.nc", b"<!DOCTYPE html><html></html>", "HTML"),
        ("weather.nc", b"GRIB\0\0\0\0", "GRIB"),
        (
            "bulletin.grb",
            b"HTXY85 ECMF 210000\r\r\nGRIB\0\0\0\x01",
            "GRIB of edition 1",
        ),
        ("table.csv", b"\xef\xbb\xbflat;lon;t\n1;2;3\n4;5;6", "CSV"),
        ("row.csv", b"lat,lon\n1", "CSV"),
        (
            "arrays.npz",
            b"PK\x03\x04--------------------------a.npy",
            ".npz",
        ),
        (
            "files.zip",
            b"PK\x03\x04--------------------------a.txt",
            "zip archive",
        ),
        ("old.hdf", b"\x0e\x03\x13\x01", "HDF4"),
        ("dump.cdl", b"netcdf a {\n", "ncgen"),
        ("image.nc", b"II*\0\x08\0\0\0", "TIFF"),
        ("text.nc", b"hello world", "68 65 6c 6c"),
        (
            "pointer.nc",
            b"version https://git-lfs.github.com/spec/v1",
            "Git LFS",
        ),
    ];
    for (name, bytes, words) in cases {
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        let (kind, text) = fault(&path);
        assert_eq!(kind, Fault::Data);
        assert!(text.contains(words), "{text}");
    }
    // Permissions do not bind root.
    let path = dir.path().join("secret.nc");
    fs::copy(data("classic_names.nc"), &path).unwrap();
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o000)).unwrap();
    if fs::read(&path).is_err() {
        let (kind, text) = fault(&path);
        assert_eq!(kind, Fault::NoInput);
        assert!(text.contains("permission"), "{text}");
    }
}

#[test]
fn a_truncated_file_tells_both_lengths() {
    let dir = tempfile::tempdir().unwrap();
    for name in [
        "classic_names.nc",
        "layouts_earliest.h5",
        "layouts_latest.h5",
        "userblock.h5",
    ] {
        let bytes = fs::read(data(name)).unwrap();
        for percent in [25, 50, 90, 99] {
            let path = dir.path().join(format!("{percent}_{name}"));
            fs::write(&path, &bytes[..bytes.len() * percent / 100]).unwrap();
            let (kind, text) = fault(&path);
            assert_eq!(kind, Fault::Data);
            assert!(
                text.contains("truncated") && text.contains(&bytes.len().to_string()),
                "{text}"
            );
        }
    }
}

#[test]
fn a_file_that_changed_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.nc");
    fs::copy(data("classic_names.nc"), &path).unwrap();
    let info = io::open(&path, None).unwrap();
    let v = info.variable("v").unwrap();
    let index = Arc::new(io::index(&v.source).unwrap());
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(std::time::SystemTime::now() + Duration::from_secs(5))
        .unwrap();
    let e = read(&v.source, index.clone()).unwrap_err();
    assert!(
        e.is_data() && e.message().contains("changed while the job ran"),
        "{e}"
    );
    assert!(io::index(&v.source).unwrap_err().is_data());
    fs::remove_file(&path).unwrap();
    assert_eq!(read(&v.source, index).unwrap_err().fault(), Fault::NoInput);
}

/// A stored chunk with damaged bytes, read with the index and the file's identity renewed.
fn damaged_chunk(v: &VariableInfo, path: &Path, damage: impl Fn(&mut [u8])) -> Error {
    let StorageIndex::Chunked {
        addresses, sizes, ..
    } = io::index(&v.source).unwrap()
    else {
        panic!("a chunked variable");
    };
    let (at, size) = (addresses[0] as usize, sizes[0] as usize);
    let mut bytes = fs::read(path).unwrap();
    damage(&mut bytes[at..at + size]);
    fs::write(path, bytes).unwrap();
    let info = io::open(path, None).unwrap();
    let again = info.variable(&v.name).unwrap();
    let index = Arc::new(io::index(&again.source).unwrap());
    let e = read(&again.source, index).unwrap_err();
    assert!(e.is_data(), "{e}");
    for word in [
        path.display().to_string(),
        format!("variable {}", v.name),
        at.to_string(),
    ] {
        assert!(e.message().contains(&word), "{e}");
    }
    e
}

#[test]
fn damaged_chunks_name_their_place() {
    let dir = tempfile::tempdir().unwrap();
    let copy = |name: &str| {
        let path = dir.path().join(name);
        fs::copy(data(name), &path).unwrap();
        let info = io::open(&path, None).unwrap();
        (path, info)
    };
    let (path, info) = copy("classic_names.nc");
    let e = damaged_chunk(info.variable("v").unwrap(), &path, |b| b.fill(0xff));
    assert!(e.message().contains("deflate stream is damaged"), "{e}");
    // A valid stream of fewer bytes.
    let (path, info) = copy("classic_names.nc");
    let e = damaged_chunk(info.variable("v").unwrap(), &path, |b| {
        b[..8].copy_from_slice(&[0x78, 0x9c, 0x03, 0, 0, 0, 0, 1]);
    });
    assert!(
        e.message().contains("inflates to 0 bytes instead of 24"),
        "{e}"
    );
    let (path, info) = copy("layouts_earliest.h5");
    let e = damaged_chunk(info.variable("fletcher").unwrap(), &path, |b| b[3] ^= 1);
    assert!(e.message().contains("checksum"), "{e}");
}

#[test]
fn the_file_ends_before_the_chunk() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.nc");
    fs::copy(data("classic_names.nc"), &path).unwrap();
    let info = io::open(&path, None).unwrap();
    let mut spec = info.variable("v").unwrap().source.clone();
    let index = Arc::new(io::index(&spec).unwrap());
    let StorageIndex::Chunked { addresses, .. } = &*index else {
        panic!("chunked")
    };
    let last = addresses.iter().max().unwrap();
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.set_len(last + 1).unwrap();
    let meta = file.metadata().unwrap();
    spec.file.bytes = meta.len();
    spec.file.modified_ns = meta
        .modified()
        .unwrap()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_nanos() as i64;
    let e = read(&spec, index).unwrap_err();
    assert!(
        e.is_data() && e.message().contains("the file ends before"),
        "{e}"
    );
}

/// Damage of the global heap, where texts of any length lie, and of the attributes and variables that point to it. (Each
/// byte of the files is damaged in `src/io/hdf5/damage_tests.rs`.)
#[test]
fn damaged_texts_name_their_attribute_or_variable() {
    let dir = tempfile::tempdir().unwrap();
    let refused = |name: &str, damage: &dyn Fn(&mut [u8])| {
        let path = dir.path().join(name);
        let mut bytes = fs::read(data(name)).unwrap();
        damage(&mut bytes);
        fs::write(&path, bytes).unwrap();
        let (kind, text) = fault(&path);
        assert_eq!(kind, Fault::Data);
        text
    };
    let each = |bytes: &mut [u8], found: &[u8], change: &dyn Fn(&mut [u8])| {
        let places: Vec<usize> = (0..bytes.len() - 64)
            .filter(|at| bytes[*at..].starts_with(found))
            .collect();
        assert!(!places.is_empty());
        for at in places {
            change(&mut bytes[at..at + 64]);
        }
    };
    // The collection's version, then the size of its first object.
    for (at, value) in [(4, 9), (24 + 3, 0x7f)] {
        let text = refused("attributes_earliest.h5", &|bytes| {
            each(bytes, b"GCOL", &|heap| heap[at] = value);
        });
        assert!(text.contains("attribute text"), "{text}");
        assert!(text.contains("global heap"), "{text}");
        assert!(text.contains("the root group"), "{text}");
        let text = refused("texts_latest.h5", &|bytes| {
            each(bytes, b"GCOL", &|heap| heap[at] = value);
        });
        assert!(text.contains("variable both: damaged"), "{text}");
        let text = refused("strings.nc", &|bytes| {
            each(bytes, b"GCOL", &|heap| heap[at] = value);
        });
        assert!(text.contains("attribute history: damaged"), "{text}");
    }
    // The length of a text in its attribute: version 1, after the padded name, type and space.
    let text = refused("attributes_earliest.h5", &|bytes| {
        each(bytes, b"utf8\0", &|message| {
            message[8 + 24 + 8] = 0xff;
        });
    });
    assert!(text.contains("attribute utf8"), "{text}");
    // A checksum of a header.
    let text = refused("attributes_latest.h5", &|bytes| {
        each(bytes, b"utf8\0", &|message| message[0] = b'v');
    });
    assert!(text.contains("checksum"), "{text}");
}
