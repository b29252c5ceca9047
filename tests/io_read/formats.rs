//! NetCDF-3 and `.npy` against what xarray and NumPy read of the same files (`tests/data/io/make_formats.py`), bit for bit.

use super::{data, read};
use hyperslab::array::compute;
use hyperslab::block::Block;
use hyperslab::comm::Fabric;
use hyperslab::driver::{Config, launch_with};
use hyperslab::geom::Region;
use hyperslab::io;
use hyperslab::labelled::{ConvertOptions, Values};
use hyperslab::plan::Tiling;
use hyperslab::spec::{AttrValue, Attrs};
use serde_json::{Map, Value, json};
use std::path::PathBuf;

fn path(name: &str) -> PathBuf {
    data("formats").join(name)
}

fn golden() -> Map<String, Value> {
    let text = std::fs::read_to_string(path("formats.json")).unwrap();
    let mut all: Value = serde_json::from_str(&text).unwrap();
    match all["files"].take() {
        Value::Object(files) => files,
        other => panic!("{other}"),
    }
}

/// A block as its golden form.
fn coded(dims: &[String], block: &Block) -> Value {
    let bytes = block.buffer().as_bytes();
    let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    json!({"dims": dims, "shape": block.shape(), "dtype": block.dtype().to_string(), "hex": hex})
}

fn coded_texts(dims: &[String], shape: &[usize], texts: &[String]) -> Value {
    json!({"dims": dims, "shape": shape, "texts": texts})
}

fn coded_attrs(attrs: &Attrs) -> Value {
    let coded = |value: &AttrValue| match value {
        AttrValue::Text(text) => json!(text),
        AttrValue::Texts(texts) => json!(texts),
        AttrValue::Numbers(numbers) => {
            let number = |n: &hyperslab::dtype::Scalar| match n.as_i128() {
                Some(whole) => json!(whole),
                None => json!(format!("{:016x}", n.as_f64().to_bits())),
            };
            numbers.iter().map(number).collect()
        }
    };
    let attrs = attrs.0.iter().map(|(k, v)| (k.clone(), coded(v)));
    Value::Object(attrs.collect())
}

fn without_attrs(value: &Value) -> Value {
    let mut value = value.clone();
    value.as_object_mut().unwrap().remove("attrs");
    value
}

#[test]
fn stored_values_are_those_of_other_readers() {
    let mut files = 0;
    for (name, golden) in golden() {
        files += 1;
        let info = io::open(&path(&name), None).unwrap();
        if let Some(sizes) = golden.get("sizes") {
            let ours = info.dims.iter().map(|d| (d.name.clone(), json!(d.len)));
            assert_eq!(&Value::Object(ours.collect()), sizes, "{name}");
            assert_eq!(coded_attrs(&info.attrs), golden["attrs"], "{name}");
        }
        let expected = golden["variables"].as_object().unwrap();
        let numbers = info.variables.iter().filter(|v| v.readable.is_none());
        let mut seen = 0;
        for v in numbers {
            let what = format!("{name} {}", v.name);
            let wanted = &expected[&v.name];
            seen += 1;
            let whole = read(v, &Region::whole(&v.source.shape)).unwrap();
            let mut ours = coded(&v.dims, &whole);
            ours["shape"] = json!(v.shape());
            if v.fortran_order {
                // The stored axes are in opposite order: the engine turns them, see below.
                ours["hex"] = wanted["hex"].clone();
            }
            assert_eq!(ours, without_attrs(wanted), "{what}");
            if let Some(attrs) = wanted.get("attrs") {
                assert_eq!(&coded_attrs(&v.attrs), attrs, "{what}");
            }
            // A box across records.
            let start: Vec<usize> = v.source.shape.iter().map(|n| n / 3).collect();
            let len: Vec<usize> = v.source.shape.iter().map(|n| n - n / 2).collect();
            let region = Region::new(start, len);
            let mut part = Block::zeros(whole.dtype(), &region.shape);
            part.paste(&Region::whole(&region.shape), &whole.part(&region))
                .unwrap();
            assert_eq!(read(v, &region).unwrap(), part, "{what} {region:?}");
        }
        assert_eq!(seen, expected.len(), "{name}");
        for v in &info.variables {
            // xarray keeps the axis of the characters where there is no text.
            if let Some(texts) = v.texts.as_ref().filter(|t| !t.values.is_empty()) {
                let ours = coded_texts(&v.dims, &texts.shape, &texts.values);
                assert_eq!(ours, golden["decoded"][&v.name], "{name} {}", v.name);
            }
        }
    }
    assert!(files > 40, "{files}");
}

/// What hyperslab decodes of a file on these ranks, in tiles of so many elements.
fn opened(name: &str, ranks: usize, elements: usize) -> Map<String, Value> {
    let config = Config {
        fabric: Some(Fabric::Threads(ranks)),
        tiling: Tiling {
            elements,
            ..Tiling::default()
        },
        ..Config::default()
    };
    launch_with(&config, |driver| {
        let ds = driver.open(path(name))?;
        if name.starts_with("cdf") {
            let e = ds.get("covariance").unwrap_err();
            assert!(e.message().contains("dimension x twice"), "{e}");
        }
        let mut all = Map::new();
        let arrays: Vec<_> = ds.variables().iter().map(|v| v.array()).collect();
        for (v, block) in ds.variables().iter().zip(compute(&arrays)?) {
            all.insert(v.name().unwrap().to_owned(), coded(v.dims(), &block));
        }
        for c in ds.coords() {
            let value = match &c.values {
                Values::Block(block) => coded(&c.dims, block),
                Values::Texts(texts, shape) => coded_texts(&c.dims, shape, texts),
                Values::CfTimes(..) => panic!("{} is in an odd calendar", c.name),
            };
            all.insert(c.name.clone(), value);
        }
        Ok(all)
    })
    .unwrap_or_else(|e| panic!("{name} on {ranks} ranks: {e:?}"))
    .unwrap()
}

#[test]
fn decoded_values_are_those_of_xarray_on_any_ranks() {
    for (name, golden) in golden() {
        let expected = match golden.get("decoded") {
            Some(decoded) => decoded,
            None => &golden["variables"],
        };
        for (ranks, elements) in [(1, 1 << 20), (3, 8)] {
            let ours = opened(&name, ranks, elements);
            let expected = expected.as_object().unwrap();
            // Texts that are no coordinate, and axes on one dimension, are named as unreadable.
            let is_number = |v: &&Value| v.get("hex").is_some() && v["dims"] != json!(["x", "x"]);
            assert!(
                ours.len() >= expected.values().filter(is_number).count(),
                "{name}"
            );
            for (variable, value) in &ours {
                assert_eq!(
                    value, &expected[variable],
                    "{name} {variable} on {ranks} ranks"
                );
            }
        }
    }
}

#[test]
fn what_is_converted_stays_as_it_is_stored() {
    let dir = tempfile::tempdir().unwrap();
    for (name, golden) in golden() {
        let expected = golden["variables"].as_object().unwrap();
        // NetCDF has no complex numbers.
        let end = if name.contains("complex") {
            "zarr"
        } else {
            "nc"
        };
        let to = dir.path().join(&name).with_extension(end);
        let config = Config {
            fabric: Some(Fabric::Threads(2)),
            ..Config::default()
        };
        let options = ConvertOptions {
            overwrite: true,
            ..ConvertOptions::default()
        };
        launch_with(&config, |driver| driver.convert(path(&name), &to, &options))
            .unwrap_or_else(|e| panic!("{name}: {e:?}"));
        let info = io::open(&to, None).unwrap();
        for v in info.variables.iter().filter(|v| v.readable.is_none()) {
            let wanted = &expected[&v.name];
            let ours = coded(&v.dims, &read(v, &Region::whole(&v.source.shape)).unwrap());
            for key in ["dims", "shape"] {
                assert_eq!(ours[key], wanted[key], "{name} {}", v.name);
            }
            // The formats have numbers for times and bools.
            if ours["dtype"] == wanted["dtype"] {
                assert_eq!(ours["hex"], wanted["hex"], "{name} {}", v.name);
            }
        }
    }
}

#[test]
fn a_stream_has_the_records_that_the_file_holds() {
    let dir = tempfile::tempdir().unwrap();
    for (name, at) in [
        ("cdf1.nc", 4..8),
        ("cdf2.nc", 4..8),
        ("cdf5.nc", 4..12),
        ("scipy_one.nc", 4..8),
    ] {
        let mut bytes = std::fs::read(path(name)).unwrap();
        let whole = io::open(&path(name), None).unwrap();
        bytes[at].fill(0xff);
        let stream = dir.path().join(name);
        std::fs::write(&stream, &bytes).unwrap();
        let info = io::open(&stream, None).unwrap();
        assert_eq!(info.dims, whole.dims, "{name}");
        // The last record counts only when it is whole.
        std::fs::write(&stream, &bytes[..bytes.len() - 5]).unwrap();
        let info = io::open(&stream, None).unwrap();
        let records = |dims: &[io::DimInfo]| dims.iter().find(|d| d.unlimited).unwrap().len;
        let lost = if name == "scipy_one.nc" { 2 } else { 1 };
        assert_eq!(records(&info.dims), records(&whole.dims) - lost, "{name}");
    }
}

/// Writes big-endian values into a file.
fn put(file: &std::fs::File, at: u64, bytes: &[u8]) {
    use std::os::unix::fs::FileExt;
    file.write_all_at(bytes, at).unwrap();
}

/// Single elements, each read alone.
fn elements(v: &io::VariableInfo, places: &[&[usize]]) -> Vec<f64> {
    let one = |place: &&[usize]| {
        let region = Region::new(place.to_vec(), vec![1; place.len()]);
        read(v, &region).unwrap().get(0).unwrap().as_f64()
    };
    places.iter().map(one).collect()
}

#[test]
fn files_beyond_4_gib_are_read_in_place() {
    const GIB: u64 = 1 << 30;
    let dir = tempfile::tempdir().unwrap();
    // CDF-2: a fixed variable of 5 GiB, then three records with a part of 3 GiB and one of 2 elements.
    let mut head = b"CDF\x02".to_vec();
    let ints = |head: &mut Vec<u8>, values: &[u32]| {
        head.extend(values.iter().flat_map(|v| v.to_be_bytes()));
    };
    ints(&mut head, &[3, 10, 4]);
    for (name, len) in [(b"t", 0), (b"y", 5), (b"x", GIB as u32), (b"z", 2)] {
        ints(&mut head, &[1]);
        head.extend(name);
        head.extend([0; 3]);
        ints(&mut head, &[len]);
    }
    ints(&mut head, &[0, 0, 11, 3]);
    let (fixed, large, small) = (4096, 4096 + 5 * GIB, 4096 + 9 * GIB);
    for (name, dims, kind, begin) in [
        (b"f", &[1, 2][..], 1, fixed),
        (b"l", &[0, 2][..], 4, large),
        (b"s", &[0, 3][..], 3, small),
    ] {
        ints(&mut head, &[1]);
        head.extend(name);
        head.extend([0; 3]);
        ints(&mut head, &[dims.len() as u32]);
        ints(&mut head, dims);
        // The size of `l` does not fit: the format asks for this.
        ints(&mut head, &[0, 0, kind, u32::MAX]);
        head.extend(begin.to_be_bytes());
    }
    let path = dir.path().join("sparse.nc");
    let file = std::fs::File::create(&path).unwrap();
    put(&file, 0, &head);
    let stride = 4 * GIB + 4;
    file.set_len(large + 3 * stride).unwrap();
    put(&file, fixed + 5 * GIB - 1, &[7]);
    for t in 0..3 {
        put(
            &file,
            large + t * stride + 4 * (GIB - 1),
            &[0, 1, 2, t as u8],
        );
        put(
            &file,
            small + t * stride,
            &[0, 10 + t as u8, 0, 20 + t as u8],
        );
    }
    let info = io::open(&path, None).unwrap();
    let [f, l, s] = info.variables.as_slice() else {
        panic!("{info:?}");
    };
    let last = GIB as usize - 1;
    assert_eq!(elements(f, &[&[0, 0], &[4, last]]), [0.0, 7.0]);
    let places = [[0, last], [1, last], [2, last], [2, last - 1]];
    let places: Vec<&[usize]> = places.iter().map(|p| &p[..]).collect();
    assert_eq!(elements(l, &places), [66048.0, 66049.0, 66050.0, 0.0]);
    let whole = read(s, &Region::whole(&[3, 2])).unwrap();
    let values: Vec<f64> = (0..6).map(|i| whole.get(i).unwrap().as_f64()).collect();
    assert_eq!(values, [10.0, 20.0, 11.0, 21.0, 12.0, 22.0]);

    let path = dir.path().join("sparse.npy");
    let file = std::fs::File::create(&path).unwrap();
    let header = b"{'descr': '>i2', 'fortran_order': False, 'shape': (3, 1073741824), }\n";
    put(
        &file,
        0,
        &[&b"\x93NUMPY\x01\x00"[..], &[header.len() as u8, 0], header].concat(),
    );
    let data = 10 + header.len() as u64;
    file.set_len(data + 6 * GIB).unwrap();
    put(&file, data + 6 * GIB - 2, &[1, 0]);
    let v = &io::open(&path, None).unwrap().variables[0];
    assert_eq!(elements(v, &[&[2, last], &[1, 5]]), [256.0, 0.0]);
    file.set_len(data + 6 * GIB - 1).unwrap();
    assert!(
        io::open(&path, None)
            .unwrap_err()
            .message()
            .contains("truncated")
    );
}
