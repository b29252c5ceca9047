//! Damaged NetCDF-3 and `.npy` files: an error that names the file and the place, or a valid description.

use super::{data, fault, read};
use hyperslab::error::{Fault, Result};
use hyperslab::io;
use std::fs;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A NetCDF-3 file by its parts.
struct Cdf {
    version: u8,
    bytes: Vec<u8>,
}

impl Cdf {
    fn new(version: u8, records: u64) -> Cdf {
        let bytes = [b"CDF", [version].as_slice()].concat();
        Cdf { version, bytes }.count(records)
    }

    fn int(mut self, value: u32) -> Cdf {
        self.bytes.extend(value.to_be_bytes());
        self
    }

    fn count(mut self, value: u64) -> Cdf {
        match self.version {
            5 => self.bytes.extend(value.to_be_bytes()),
            _ => self.bytes.extend((value as u32).to_be_bytes()),
        }
        self
    }

    fn begin(mut self, value: i64) -> Cdf {
        match self.version {
            1 => self.bytes.extend((value as i32).to_be_bytes()),
            _ => self.bytes.extend(value.to_be_bytes()),
        }
        self
    }

    fn list(self, tag: u32, count: u64) -> Cdf {
        self.int(tag).count(count)
    }

    fn name(self, name: &[u8]) -> Cdf {
        let mut next = self.count(name.len() as u64);
        next.bytes.extend(name);
        next.bytes.resize(next.bytes.len().next_multiple_of(4), 0);
        next
    }

    fn dims(self, dims: &[(&str, u64)]) -> Cdf {
        let list = self.list(10, dims.len() as u64);
        (dims.iter()).fold(list, |c, (name, len)| c.name(name.as_bytes()).count(*len))
    }

    /// A variable without attributes.
    fn variable(self, name: &str, dims: &[u64], kind: u32, begin: i64) -> Cdf {
        let start = self.name(name.as_bytes()).count(dims.len() as u64);
        let dims = dims.iter().fold(start, |c, d| c.count(*d));
        dims.list(0, 0).int(kind).count(0).begin(begin)
    }

    /// The file, with so many bytes of data after 1000 bytes of header.
    fn file(mut self, data: usize) -> Vec<u8> {
        assert!(self.bytes.len() <= 1000);
        self.bytes.resize(1000 + data, 7);
        self.bytes
    }
}

/// A file of one variable `v`, whose header the caller completes.
fn one(version: u8, dims: &[(&str, u64)], own: &[u64], kind: u32, begin: i64) -> Cdf {
    let head = Cdf::new(version, 2).dims(dims).list(0, 0).list(11, 1);
    head.variable("v", own, kind, begin)
}

fn refused(bytes: &[u8], words: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("damaged.file");
    fs::write(&path, bytes).unwrap();
    let (kind, text) = fault(&path);
    assert_eq!(kind, Fault::Data, "{text}");
    for word in words {
        assert!(text.contains(word), "{text:?} lacks {word:?}");
    }
}

#[test]
fn a_netcdf3_header_that_contradicts_itself_is_refused() {
    // The builder makes files that are read.
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("good.nc");
    for version in [1, 2, 5] {
        let good = one(version, &[("t", 0), ("x", 3)], &[0, 1], 3, 1000).file(12);
        fs::write(&path, good).unwrap();
        let info = io::open(&path, None).unwrap();
        assert_eq!(info.variables[0].source.shape, [2, 3]);
        let e = io::open(&path, Some("deep")).unwrap_err();
        assert!(e.message().contains("no groups"), "{e}");

        let dims = |names: &[(&str, u64)]| Cdf::new(version, 0).dims(names);
        refused(
            &dims(&[("t", 0), ("u", 0)]).file(0),
            &["dimension u", "unlimited, as t is"],
        );
        refused(
            &dims(&[("t", 2), ("t", 3)]).file(0),
            &["dimension t", "second dimension"],
        );
        refused(&dims(&[("", 2)]).file(0), &["dimension 0", "no characters"]);
        let latin = Cdf::new(version, 0).list(10, 1).name(b"caf\xe9").count(3);
        refused(&latin.file(0), &["dimension 0", "not UTF-8", "caf"]);
        let tag = Cdf::new(version, 0).list(11, 1);
        refused(
            &tag.file(0),
            &["list of dimensions", "tag 11", "allowed is 10"],
        );

        let attribute = |kind: u32, count: u64| {
            let head = Cdf::new(version, 0).dims(&[]).list(12, 1).name(b"units");
            head.int(kind).count(count).int(0)
        };
        refused(&attribute(12, 1).file(0), &["attribute units", "type 12"]);
        refused(
            &attribute(6, 1 << 30).file(0),
            &["attribute units", "8589934592 bytes"],
        );
        let twice = Cdf::new(version, 0).dims(&[]).list(12, 2);
        let twice = (0..2).fold(twice, |c, _| c.name(b"units").int(2).count(1).int(0));
        refused(&twice.file(0), &["attribute units", "second attribute"]);

        let v = "variable v";
        refused(
            &one(version, &[("x", 3)], &[1], 3, 1000).file(6),
            &[v, "dimension 1", "has 1"],
        );
        refused(
            &one(version, &[("x", 3)], &[u64::from(u32::MAX)], 3, 1000).file(6),
            &[v, "4294967295"],
        );
        refused(
            &one(version, &[("x", 3), ("t", 0)], &[0, 1], 3, 1000).file(12),
            &[v, "unlimited dimension t", "axis 1"],
        );
        refused(
            &one(version, &[("x", 3)], &[0], 12, 1000).file(6),
            &[v, "type 12"],
        );
        refused(
            &one(version, &[("x", 3)], &[0], 0, 1000).file(6),
            &[v, "type 0"],
        );
        refused(
            &one(version, &[("x", 3)], &[0], 3, -5).file(6),
            &[v, "begin at byte -5"],
        );
        refused(
            &one(version, &[("x", 3)], &[0], 3, 8).file(6),
            &[v, "inside the header"],
        );
        refused(
            &one(version, &[("x", 3)], &[0], 3, 1000).file(5),
            &["truncated", v, "[3]", "1006", "1005"],
        );
        refused(
            &one(version, &[("t", 0), ("x", 3)], &[0, 1], 3, 1000).file(11),
            &["truncated", v, "[2, 3]"],
        );
        refused(
            &one(version, &[("x", 1 << 30)], &[0, 0, 0], 3, 1000).file(5),
            &[v, "2^62"],
        );

        let two = |a: (&[u64], i64), b: (&[u64], i64)| {
            let head = Cdf::new(version, 2)
                .dims(&[("t", 0), ("x", 3)])
                .list(0, 0)
                .list(11, 2);
            head.variable("a", a.0, 3, a.1)
                .variable("b", b.0, 3, b.1)
                .file(100)
        };
        refused(
            &two((&[1], 1000), (&[1], 1004)),
            &["variables a and b", "share", "1004"],
        );
        refused(
            &two((&[0, 1], 1008), (&[1], 1018)),
            &["variables a and b", "share", "1018"],
        );
        refused(
            &two((&[0, 1], 1000), (&[0, 1], 1004)),
            &["variables a and b", "share"],
        );
        refused(
            &two((&[0, 1], 1000), (&[0, 1], 1050)),
            &["variables a and b", "one record"],
        );
        refused(
            &two((&[1], 1000), (&[1, 1], 1006))[..1010],
            &["truncated", "variable b"],
        );
        let same = Cdf::new(version, 0)
            .dims(&[("x", 3)])
            .list(0, 0)
            .list(11, 2);
        let same = same
            .variable("a", &[0], 3, 1000)
            .variable("a", &[0], 3, 1008);
        refused(&same.file(100), &["variable a", "second variable"]);
    }
    refused(
        &one(1, &[("x", 3)], &[0], 7, 1000).file(6),
        &["variable v", "type 7", "1 … 6"],
    );
    let negative = Cdf::new(5, 0).dims(&[("x", 1 << 63)]);
    refused(&negative.file(0), &["dimension x", "its length"]);
    refused(b"CDF\x03\0\0\0\0\0\0\0\0", &["43 44 46 03"]);
}

#[test]
fn counts_that_no_file_could_hold_allocate_nothing() {
    for version in [1, 2, 5] {
        let most = if version == 5 { (1 << 63) - 1 } else { 1 << 31 };
        for count in [most, 1 << 20] {
            let words = &["do not fit", &count.to_string()];
            let start = || Cdf::new(version, 0);
            refused(&start().list(10, count).file(0), words);
            refused(&start().dims(&[]).list(12, count).file(0), words);
            refused(&start().dims(&[]).list(0, 0).list(11, count).file(0), words);
            let variable = start().dims(&[("x", 3)]).list(0, 0).list(11, 1).name(b"v");
            refused(&variable.count(count).file(0), words);
            let name = start().list(10, 1).count(count);
            refused(&name.file(0), &["a name of", "does not fit"]);
            let value = start().dims(&[]).list(12, 1).name(b"a").int(2).count(count);
            refused(
                &value.file(0),
                &["attribute a", "a value of", "does not fit"],
            );
        }
    }
}

const FILES: [&str; 14] = [
    "cdf1.nc",
    "cdf2.nc",
    "cdf5.nc",
    "one_record.nc",
    "no_record.nc",
    "nothing.nc",
    "scipy1.nc",
    "scipy_one.nc",
    "fortran.npy",
    "bool.npy",
    "big_complex128.npy",
    "datetime_ms.npy",
    "version2.npy",
    "scalar.npy",
];

#[test]
fn a_file_cut_at_any_byte_is_truncated() {
    let dir = tempfile::tempdir().unwrap();
    for name in FILES {
        let bytes = fs::read(data("formats").join(name)).unwrap();
        let path = dir.path().join(name);
        fs::write(&path, &bytes).unwrap();
        let file = fs::File::options().write(true).open(&path).unwrap();
        for len in (1..bytes.len()).rev() {
            file.set_len(len as u64).unwrap();
            match io::open(&path, None) {
                // What fills up the last value to 4 bytes may lack.
                Ok(_) => assert!(
                    len + 4 > bytes.len() && name.ends_with(".nc"),
                    "{name} of {len} bytes"
                ),
                Err(e) => {
                    let text = e.message();
                    assert_eq!(e.fault(), Fault::Data, "{name} of {len} bytes: {text}");
                    assert!(text.contains(name), "{text}");
                    // Too little is left to tell the format.
                    let known = len >= if name.ends_with(".nc") { 4 } else { 6 };
                    assert!(
                        !known || text.contains("truncated"),
                        "{name} of {len} bytes: {text}"
                    );
                }
            }
        }
    }
}

/// Opens, indexes and reads everything; the last error.
fn read_all(path: &Path) -> Result<()> {
    let info = io::open(path, None)?;
    for v in info.variables.iter().filter(|v| v.readable.is_none()) {
        let index = Arc::new(io::index(&v.source)?);
        // Nothing that is described lies outside of the file.
        let elements: usize = v.source.shape.iter().product();
        assert!((elements * v.source.dtype.size()) as u64 <= info.id.bytes);
        read(&v.source, index)?;
    }
    Ok(())
}

#[test]
fn every_damaged_byte_ends_in_ok_or_err() {
    let dir = tempfile::tempdir().unwrap();
    let long = std::env::var_os("HYPERSLAB_LONG").is_some();
    for name in FILES {
        let bytes = fs::read(data("formats").join(name)).unwrap();
        let path = dir.path().join(name);
        fs::write(&path, &bytes).unwrap();
        let file = fs::File::options().write(true).open(&path).unwrap();
        let (mut good, mut bad) = (0, 0);
        // A prime, so that no kind of field is always left out.
        let step = if long || bytes.len() < 400 { 1 } else { 37 };
        for at in (0..bytes.len()).step_by(step) {
            for damage in [0, 0xff, 0x7f, bytes[at] ^ 1, bytes[at] ^ 0x80] {
                if damage == bytes[at] {
                    continue;
                }
                file.write_all_at(&[damage], at as u64).unwrap();
                let what = format!("{name}: byte {at} set to {damage:#04x}");
                let start = Instant::now();
                let result = catch_unwind(AssertUnwindSafe(|| read_all(&path)));
                assert!(start.elapsed() < Duration::from_secs(5), "{what}");
                match result {
                    Err(_) => panic!("{what}: a panic"),
                    Ok(Ok(())) => good += 1,
                    Ok(Err(e)) => {
                        let known = [Fault::Data, Fault::Unsupported].contains(&e.fault());
                        assert!(known && e.message().contains(name), "{what}: {e}");
                        bad += 1;
                    }
                }
            }
            file.write_all_at(&bytes[at..=at], at as u64).unwrap();
        }
        assert!(
            bad > 0 && (good > 0 || name == "nothing.nc"),
            "{name}: {good} {bad}"
        );
    }
}

fn npy(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + data, 7);
    bytes
}

#[test]
fn what_is_wrong_with_an_npy_file_is_named() {
    let dict = |descr: &str, fortran: &str, shape: &str| {
        format!("{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}  \n")
    };
    let good = dict("'<i2'", "False", "(2, 3)");
    refused(&npy(&good, 11), &["truncated", "12 bytes", "11 follow"]);
    let mut later = npy(&good, 12);
    later[6] = 4;
    refused(&later, &["version 4.0", "1.0, 2.0 and 3.0"]);
    let headers: [(&str, &[&str]); 12] = [
        ("", &["it ends where '{'"]),
        ("[1, 2]", &["'[' where '{'"]),
        ("{'descr': '<i2'}", &["\"fortran_order\" is not there"]),
        ("{'descr': '<i2', 'descr': '<i2'}", &["\"descr\" twice"]),
        ("{'names': '<i2'}", &["the key \"names\""]),
        ("{'descr' '<i2'}", &["where ':'"]),
        ("{'descr: <i2}", &["without an end"]),
        (&dict("'<i2'", "0", "(2, 3)"), &["True or False"]),
        (&dict("'<i2'", "False", "(2, -3)"), &["whole number"]),
        (
            &dict("'<i2'", "False", "(2, 99999999999999999999)"),
            &["whole number"],
        ),
        (&dict("'<i2'", "False", "[2, 3]"), &["'[' where '('"]),
        (&(good.clone() + "x"), &["more after"]),
    ];
    for (header, words) in headers {
        refused(&npy(header, 12), &[words, &["its .npy header"]].concat());
    }
    for shape in [
        "(4611686018427387904, 2)",
        "(1099511627776, 1099511627776, 0)",
        "(18446744073709551615,)",
    ] {
        refused(
            &npy(&dict("'<i2'", "False", shape), 12),
            &["more than 2^63 bytes"],
        );
    }
    refused(
        &npy(&dict("'<i2'", "True", "(1000000, 1000000)"), 12),
        &["truncated", "2000000000000"],
    );
    let mut long = b"\x93NUMPY\x02\x00".to_vec();
    long.extend((2u32 << 20).to_le_bytes());
    refused(&long, &["truncated"]);
    long.resize(3 << 20, b' ');
    refused(&long, &["a header of 2097152 bytes"]);

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("odd.npy");
    for (descr, word) in [
        ("'|O'", "Python objects"),
        ("'<f2'", "float16"),
        ("'<f16'", "long double"),
        ("'<U5'", "texts"),
        ("'|S5'", "texts"),
        ("'|V8'", "raw bytes"),
        ("'<M8'", "times in another unit"),
        ("'<M8[W]'", "times in another unit"),
        ("'<m8[25s]'", "times in another unit"),
        ("[('lat', '<f4'), ('lon', '<f4', (2,))]", "structured"),
        ("'<i3'", "no dtype"),
        ("'i4'", "no dtype"),
        ("''", "no dtype"),
    ] {
        fs::write(&path, npy(&dict(descr, "False", "(2,)"), 64)).unwrap();
        let (kind, text) = fault(&path);
        assert_eq!(kind, Fault::Unsupported, "{text}");
        let named = descr.trim_matches('\'');
        assert!(
            text.contains(word) && text.contains(&named[..named.len().min(20)]),
            "{text}"
        );
    }
}
