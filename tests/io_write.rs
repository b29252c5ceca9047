//! Writing of NetCDF-4 files, read back by our own reader; and faults of output.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use hyperslab::block::Block;
use hyperslab::dtype::{DType, Scalar};
use hyperslab::error::{Error, Fault};
use hyperslab::geom::{ChunkGrid, Region};
use hyperslab::io::{
    self, Chunk, Piece, Place, Placement, RankWriter, Scratch, TextVariable, Unfinished, Writer,
};
use hyperslab::spec::{AttrValue, Attrs, Compression, Encoding, Format, OutputSpec, VariableSpec};
use std::path::Path;
use std::sync::Arc;

const SHAPE: [usize; 3] = [5, 7, 6];

fn value(dtype: DType, i: usize) -> Scalar {
    let v = ((i * 7 + 3) % 120) as i64;
    let v = if dtype == DType::Bool { v % 2 } else { v };
    Scalar::I64(v).cast(dtype).unwrap()
}

fn block(dtype: DType, region: &Region, shape: &[usize]) -> Block {
    let mut block = Block::zeros(dtype, &region.shape);
    let grid = ChunkGrid::regular(&region.shape, &vec![1; region.ndim()]).unwrap();
    for n in 0..region.elements() {
        let at = grid.position(n);
        let linear = at
            .iter()
            .zip(&region.start)
            .zip(shape)
            .fold(0, |acc, ((a, s), len)| acc * len + a + s);
        let one = Block::filled(dtype, &vec![1; region.ndim()], value(dtype, linear)).unwrap();
        block
            .paste(&Region::new(at, vec![1; region.ndim()]), &one.view())
            .unwrap();
    }
    block
}

fn variable(name: &str, dtype: DType, encoding: Encoding) -> VariableSpec {
    let mut attrs = Attrs::default();
    attrs.set("units", "m s-1");
    attrs.set("long_name", "Grüße");
    VariableSpec {
        name: name.into(),
        dims: ["time", "y", "x"].map(String::from).to_vec(),
        dtype,
        shape: SHAPE.to_vec(),
        attrs,
        encoding,
    }
}

fn spec(path: &Path, variables: Vec<VariableSpec>) -> OutputSpec {
    let mut attrs = Attrs::default();
    attrs.set("title", "a test");
    attrs.set("empty", "");
    attrs.set("names", AttrValue::Texts(vec!["a".into(), "b".into()]));
    attrs.set(
        "numbers",
        AttrValue::Numbers(vec![Scalar::I16(1), Scalar::I16(2)]),
    );
    OutputSpec {
        path: path.to_owned(),
        format: Format::NetCdf4,
        overwrite: false,
        dims: [("time", 5), ("y", 7), ("x", 6), ("season", 2)]
            .map(|(n, l)| (n.to_owned(), l))
            .to_vec(),
        attrs,
        variables,
    }
}

fn inline() -> Vec<(VariableSpec, Block)> {
    let time = VariableSpec {
        name: "time".into(),
        dims: vec!["time".into()],
        dtype: DType::F64,
        shape: vec![5],
        attrs: Attrs(vec![("units".into(), "days since 2000-01-01".into())]),
        encoding: Encoding::default(),
    };
    vec![(
        time,
        Block::from_vec(&[5], vec![0.0f64, 1.0, 2.0, 3.0, 4.0]).unwrap(),
    )]
}

fn seasons() -> Vec<TextVariable> {
    vec![TextVariable {
        name: "season".into(),
        dims: vec!["season".into()],
        attrs: Attrs::default(),
        values: vec!["DJF".into(), "été".into()],
    }]
}

fn write(spec: &OutputSpec) {
    let (mut writer, created) = Writer::create(
        spec,
        &inline(),
        &seasons(),
        &Unfinished::new(&spec.path, None),
    )
    .unwrap();
    let own = RankWriter::open(spec, &created, None).unwrap();
    let mut scratch = Scratch::default();
    for (number, (placement, v)) in created.variables.iter().zip(&spec.variables).enumerate() {
        match placement {
            Placement::Contiguous { address } => {
                let grid = ChunkGrid::regular(&v.shape, &[2, 3, 4]).unwrap();
                for i in 0..grid.count() {
                    let region = grid.region(&grid.position(i));
                    let part = block(v.dtype, &region, &v.shape);
                    own.write_region((number, *address), v, &region, &part)
                        .unwrap();
                }
            }
            Placement::Chunked { grid } | Placement::Files { grid, .. } => {
                let full: Vec<usize> = grid.axes.iter().map(|axis| axis.longest()).collect();
                for i in 0..grid.count() {
                    let at = grid.position(i);
                    let part = block(v.dtype, &grid.region(&at), &v.shape);
                    match own
                        .chunk(v, number, &at, &full, &part, &mut scratch)
                        .unwrap()
                    {
                        Chunk::Encoded(bytes, crc32c) => {
                            writer.append_chunk(number, &at, &bytes, crc32c).unwrap();
                        }
                        Chunk::Written(bytes) => assert!(bytes > 0),
                    }
                }
            }
        }
    }
    own.sync().unwrap();
    assert!(
        !spec.path.exists() || spec.overwrite,
        "the name appears only at the end"
    );
    writer.finish(&own.take_pieces(), "").unwrap();
}

#[test]
fn a_hierarchy_has_each_chunk_once_or_does_not_appear() {
    let dir = tempfile::tempdir().unwrap();
    let chunks = Some(vec![5, 7, 3]);
    let encoding = Encoding {
        chunks,
        ..Encoding::default()
    };
    let mut spec = spec(
        &dir.path().join("out.zarr"),
        vec![variable("v", DType::F32, encoding)],
    );
    spec.format = Format::Zarr3;
    for written in [0, 1, 3] {
        let (writer, _) =
            Writer::create(&spec, &[], &[], &Unfinished::new(&spec.path, None)).unwrap();
        let piece = |at: usize| Piece {
            variable: 0,
            place: Place::Chunk(vec![0, 0, at]),
            bytes: 1,
            crc32c: 0,
        };
        let pieces: Vec<Piece> = (0..written).map(piece).collect();
        let e = writer.finish(&pieces, "").unwrap_err();
        let says = format!("variable v has {written} of 2 chunks");
        assert!(e.message().contains(&says), "{e}");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
    let (writer, created) =
        Writer::create(&spec, &[], &[], &Unfinished::new(&spec.path, None)).unwrap();
    let own = RankWriter::open(&spec, &created, None).unwrap();
    let part = block(DType::F32, &Region::new(vec![0; 3], vec![5, 7, 3]), &SHAPE);
    let mut scratch = Scratch::default();
    let mut put = |at: &[usize]| {
        own.chunk(&spec.variables[0], 0, at, &[5, 7, 3], &part, &mut scratch)
            .map(|_| ())
    };
    put(&[0, 0, 0]).unwrap();
    let e = put(&[0, 0, 0]).unwrap_err();
    assert!(
        e.message().contains("chunk [0, 0, 0]") && e.message().contains("exists"),
        "{e}"
    );
    let mut pieces = own.take_pieces();
    assert_eq!(pieces.len(), 1, "a failed write is no chunk");
    put(&[0, 0, 1]).unwrap();
    pieces.extend(own.take_pieces());
    writer.finish(&pieces, "").unwrap();
    // Names that Zarr's folders cannot have.
    for name in [
        ".",
        "..",
        "...",
        "zarr.json",
        ".zgroup",
        ".zarray",
        ".zattrs",
        ".zmetadata",
        "a/b",
    ] {
        let mut spec = spec.clone();
        spec.path = dir.path().join("named.zarr");
        spec.variables[0].name = name.into();
        let e = Writer::create(&spec, &[], &[], &Unfinished::new(&spec.path, None))
            .map(|_| ())
            .unwrap_err();
        assert!(e.message().contains(&format!("variable {name:?}")), "{e}");
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

fn encodings() -> Vec<Encoding> {
    let chunks = Some(vec![2, 3, 4]);
    vec![
        Encoding::default(),
        Encoding {
            chunks: chunks.clone(),
            compression: None,
            shuffle: false,
            ..Encoding::default()
        },
        Encoding {
            chunks: chunks.clone(),
            compression: Some(Compression::Deflate(1)),
            shuffle: true,
            ..Encoding::default()
        },
        Encoding {
            chunks: chunks.clone(),
            compression: Some(Compression::Deflate(9)),
            shuffle: false,
            ..Encoding::default()
        },
        Encoding {
            chunks,
            compression: None,
            shuffle: true,
            ..Encoding::default()
        },
        Encoding {
            chunks: None,
            compression: Some(Compression::Deflate(4)),
            shuffle: true,
            ..Encoding::default()
        },
    ]
}

fn numbers() -> Vec<DType> {
    use DType::{C64, C128, F32, F64, I8, I16, I32, I64, U8, U16, U32, U64};
    vec![I8, I16, I32, I64, U8, U16, U32, U64, F32, F64, C64, C128]
}

#[test]
fn every_dtype_and_encoding_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out.nc");
    let mut variables = Vec::new();
    for (e, encoding) in encodings().into_iter().enumerate() {
        for dtype in numbers() {
            variables.push(variable(&format!("{dtype}_{e}"), dtype, encoding.clone()));
        }
    }
    variables[0]
        .attrs
        .set("_FillValue", AttrValue::Numbers(vec![Scalar::I8(-1)]));
    let spec = spec(&path, variables);
    write(&spec);
    let left: Vec<_> = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(left, ["out.nc"]);
    let info = io::open(&path, None).unwrap();
    let dims: Vec<_> = info.dims.iter().map(|d| (d.name.clone(), d.len)).collect();
    // The season's characters, two of them of two bytes, have a dimension of their own.
    let mut wanted = spec.dims.clone();
    wanted.push(("string5".into(), 5));
    assert_eq!(dims, wanted);
    assert_eq!(info.attrs, spec.attrs);
    assert_eq!(
        info.variable("season")
            .unwrap()
            .texts
            .as_ref()
            .unwrap()
            .values,
        ["DJF", "été"]
    );
    assert_eq!(info.variable("time").unwrap().dims, ["time"]);
    for v in &spec.variables {
        let found = info.variable(&v.name).unwrap();
        assert_eq!(
            (&found.dims, &found.attrs),
            (&v.dims, &v.attrs),
            "{}",
            v.name
        );
        assert_eq!(found.source.dtype, v.dtype);
        let index = Arc::new(io::index(&found.source).unwrap());
        let source = io::open_source(&found.source, index).unwrap();
        let region = Region::whole(&SHAPE);
        let mut whole = Block::zeros(v.dtype, &SHAPE);
        let (mut raw, mut scratch) = (Vec::new(), Scratch::default());
        for chunk in source.grid().overlapping(&region) {
            let part = source.grid().region(&chunk);
            source.fetch(&chunk, &mut raw).unwrap();
            source
                .decode_into(&chunk, &raw, &mut scratch, &part, &mut whole, &[0; 3])
                .unwrap();
        }
        assert_eq!(whole, block(v.dtype, &region, &SHAPE), "{}", v.name);
    }
    if let Ok(keep) = std::env::var("HYPERSLAB_KEEP_OUTPUT") {
        std::fs::copy(&path, keep).unwrap();
    }
}

/// An output of each kind of piece: boxes, chunks, compressed chunks; of a hierarchy chunks and shards.
fn of_all_kinds(path: &Path, format: Format) -> OutputSpec {
    let compressed = Encoding {
        chunks: Some(vec![2, 3, 4]),
        compression: Some(Compression::Deflate(1)),
        shuffle: true,
        ..Encoding::default()
    };
    let shards = Encoding {
        chunks: Some(vec![1, 3, 2]),
        shards: (format == Format::Zarr3).then(|| vec![2, 3, 4]),
        ..compressed.clone()
    };
    let mut spec = spec(
        path,
        vec![
            variable("plain", DType::F64, Encoding::default()),
            variable("packed", DType::I16, compressed),
            variable("other", DType::F32, shards),
        ],
    );
    spec.format = format;
    spec
}

/// Files below a folder, or the file.
fn files(path: &Path) -> Vec<std::path::PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let below = std::fs::read_dir(path).unwrap();
    below
        .flat_map(|entry| files(&entry.unwrap().path()))
        .collect()
}

#[test]
fn a_check_finds_every_byte_that_is_not_as_it_was_written() {
    let dir = tempfile::tempdir().unwrap();
    for (name, format) in [
        ("out.nc", Format::NetCdf4),
        ("out2.zarr", Format::Zarr2),
        ("out3.zarr", Format::Zarr3),
    ] {
        let path = dir.path().join(name);
        write(&of_all_kinds(&path, format));
        let sound = io::check(&path).unwrap();
        assert_eq!(sound.damages, [""; 0], "{name}");
        assert!(sound.pieces > 40, "{name}: {}", sound.pieces);
        for file in files(&path) {
            let whole = std::fs::read(&file).unwrap();
            let places = if path.is_file() { 301 } else { 13 };
            let step = (whole.len() / places).max(1);
            for at in (0..whole.len()).step_by(step).chain([whole.len() - 1]) {
                let mut bytes = whole.clone();
                bytes[at] ^= 4;
                std::fs::write(&file, &bytes).unwrap();
                let found = io::check(&path);
                let found = found.map(|checked| checked.damages.len());
                assert!(
                    found.as_ref().map_or_else(Error::is_data, |n| *n == 1),
                    "{name}: byte {at} of {}: {found:?}",
                    file.display()
                );
            }
            for cut in [0, 1, whole.len() / 2, whole.len() - 1] {
                std::fs::write(&file, &whole[..cut]).unwrap();
                let found = io::check(&path).map(|checked| checked.damages.len());
                assert!(
                    found.as_ref().map_or_else(Error::is_data, |n| *n == 1),
                    "{name}: {} cut to {cut}: {found:?}",
                    file.display()
                );
            }
            std::fs::write(&file, &whole).unwrap();
            if path.is_dir() {
                std::fs::remove_file(&file).unwrap();
                let found = io::check(&path).map(|checked| checked.damages);
                let key = file.strip_prefix(&path).unwrap().display().to_string();
                match found {
                    Ok(damages) => assert_eq!(damages, [format!("{key}: it is missing")]),
                    Err(e) => assert!(key.starts_with(".hyperslab") && e.is_data(), "{e}"),
                }
                std::fs::write(&file, &whole).unwrap();
            }
        }
        if path.is_dir() {
            std::fs::write(path.join("packed/stray"), "x").unwrap();
            assert_eq!(
                io::check(&path).unwrap().damages,
                ["packed/stray: it was not there when this was written"]
            );
            std::fs::remove_file(path.join("packed/stray")).unwrap();
        }
        assert_eq!(io::check(&path).unwrap(), sound, "{name}");
    }
}

#[test]
fn damages_name_variable_and_chunk() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out.nc");
    let spec = of_all_kinds(&path, Format::NetCdf4);
    write(&spec);
    let whole = std::fs::read(&path).unwrap();
    let find = |what: &[u8]| whole.windows(what.len()).position(|w| w == what).unwrap();
    let part = block(
        DType::I16,
        &Region::new(vec![2, 6, 4], vec![2, 1, 2]),
        &SHAPE,
    );
    let chunk = io::encode_chunk(
        &spec.variables[1],
        &[2, 3, 4],
        &part,
        &mut Scratch::default(),
    );
    let chunk = chunk.unwrap();
    let at = find(&chunk);
    let mut bytes = whole.clone();
    bytes[at] ^= 1;
    bytes[find(b"a test")] = b'A';
    std::fs::write(&path, &bytes).unwrap();
    let damages = io::check(&path).unwrap().damages;
    assert_eq!(damages.len(), 2, "{damages:?}");
    let place = format!("(bytes {at} to {})", at + chunk.len());
    assert!(
        damages[0].starts_with(&format!(
            "variable packed, chunk [1, 2, 1] {place}: CRC-32C "
        )),
        "{damages:?}"
    );
    assert!(
        damages[1].starts_with("descriptions, indices"),
        "{damages:?}"
    );

    let foreign = dir.path().join("foreign.nc");
    std::fs::write(&foreign, b"no manifest").unwrap();
    let e = io::check(&foreign).unwrap_err();
    assert!(
        e.is_data() && e.message().contains("it has no manifest"),
        "{e}"
    );
    assert_eq!(
        io::check(&dir.path().join("none")).unwrap_err().fault(),
        Fault::NoInput
    );
}

#[test]
fn a_piece_that_is_missing_ends_in_an_error() {
    let dir = tempfile::tempdir().unwrap();
    for (name, format) in [("out.nc", Format::NetCdf4), ("out.zarr", Format::Zarr3)] {
        let path = dir.path().join(name);
        let spec = of_all_kinds(&path, format);
        let (writer, created) =
            Writer::create(&spec, &inline(), &[], &Unfinished::new(&spec.path, None)).unwrap();
        let own = RankWriter::open(&spec, &created, None).unwrap();
        if let Placement::Contiguous { address } = &created.variables[0] {
            let region = Region::new(vec![0, 0, 0], vec![4, 7, 6]);
            let part = block(DType::F64, &region, &SHAPE);
            own.write_region((0, *address), &spec.variables[0], &region, &part)
                .unwrap();
        }
        let e = writer.finish(&own.take_pieces(), "").unwrap_err();
        let wanted = match format {
            Format::NetCdf4 => "variable plain has 168 of 210 elements",
            _ => "variable plain has 0 of 1 chunks",
        };
        assert!(e.is_internal() && e.message().contains(wanted), "{e}");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}

#[test]
fn an_existing_file_needs_overwrite() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out.nc");
    std::fs::write(&path, "old").unwrap();
    let mut spec = spec(&path, vec![variable("v", DType::F32, Encoding::default())]);
    let e = Writer::create(&spec, &inline(), &[], &Unfinished::new(&spec.path, None))
        .map(|_| ())
        .unwrap_err();
    assert_eq!(e.fault(), Fault::Output);
    assert!(e.message().contains("--overwrite"), "{e}");
    assert_eq!(std::fs::read(&path).unwrap(), b"old");
    spec.overwrite = true;
    write(&spec);
    assert!(io::open(&path, None).is_ok());
}

#[test]
fn output_faults_name_the_place() {
    let dir = tempfile::tempdir().unwrap();
    let fault = |path: &Path, change: &dyn Fn(&mut OutputSpec)| {
        let mut spec = spec(path, vec![variable("v", DType::F32, Encoding::default())]);
        change(&mut spec);
        let e = Writer::create(&spec, &[], &[], &Unfinished::new(&spec.path, None))
            .map(|_| ())
            .unwrap_err();
        assert_eq!(e.fault(), Fault::Output, "{e}");
        e.message().to_owned()
    };
    let none = |_: &mut OutputSpec| {};
    assert!(fault(dir.path(), &none).contains("is a directory"));
    assert!(fault(&dir.path().join("no/such/out.nc"), &none).contains("does not exist"));
    assert!(
        fault(&dir.path().join("big.nc"), &|s| {
            s.dims[0].1 = 1 << 50;
            s.variables[0].shape[0] = 1 << 50;
        })
        .contains("free")
    );
    assert!(
        fault(&dir.path().join("dims.nc"), &|s| s.variables[0].dims[1] =
            "lat".into())
        .contains("\"lat\"")
    );
    let mut texts = seasons();
    texts[0].values[1] = "a\0b".into();
    let spec = spec(&dir.path().join("text.nc"), Vec::new());
    let e = Writer::create(&spec, &inline(), &texts, &Unfinished::new(&spec.path, None))
        .map(|_| ())
        .unwrap_err();
    assert_eq!(e.fault(), Fault::Output, "{e}");
    assert!(e.message().contains(r#""season": a zero byte"#), "{e}");
    assert_eq!(
        std::fs::read_dir(dir.path()).unwrap().count(),
        0,
        "nothing is left behind"
    );
}

#[test]
fn an_unfinished_file_disappears() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out.nc");
    let encoding = Encoding {
        chunks: Some(vec![2, 3, 4]),
        compression: Some(Compression::Deflate(1)),
        shuffle: true,
        ..Encoding::default()
    };
    let spec = spec(&path, vec![variable("v", DType::F32, encoding)]);
    let (mut writer, created) =
        Writer::create(&spec, &[], &[], &Unfinished::new(&spec.path, None)).unwrap();
    assert!(created.temporary.exists());
    writer.append_chunk(0, &[0, 0, 0], &[1, 2, 3], 0).unwrap();
    assert!(
        writer
            .append_chunk(0, &[0, 0, 0], &[1], 0)
            .unwrap_err()
            .is_internal()
    );
    assert!(
        writer
            .append_chunk(0, &[0, 9, 0], &[1], 0)
            .unwrap_err()
            .is_internal()
    );
    let e = writer.finish(&[], "").unwrap_err();
    assert!(e.message().contains("0 of 18 chunks"), "{e}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}
