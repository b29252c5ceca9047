//! Files that hyperslab writes, read by other programs (tests/golden/check_written.py), and real files against xarray.
//!
//! Python is `.venv/bin/python` of the repository, or `HYPERSLAB_PYTHON`; without either the checks by others are skipped.
//! Real files lie in `HYPERSLAB_SHARED` (default `../shared/data`); skipped where they are not.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

mod support;

use hyperslab::array::{StoreOptions, store};
use hyperslab::block::Block;
use hyperslab::comm::Fabric;
use hyperslab::driver::Driver;
use hyperslab::dtype::{DType, Scalar, TimeUnit};
use hyperslab::labelled::{Coord, DataArray, Dataset, Values};
use hyperslab::spec::{AttrValue, Compression, Encoding};
use ndarray::ArrayD;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use support::files::{dates, landsat, limits, ndvi, on_tiles, packed};
use support::python;

const SHAPE: [usize; 3] = [11, 23, 17];
/// None, and characters of 1 to 4 bytes.
const TEXTS: [&str; 5] = ["", "plain zone", "zone é", "日本", "🛰 4"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn shared() -> Option<PathBuf> {
    let default = root().join("../shared/data");
    let folder = std::env::var_os("HYPERSLAB_SHARED").map_or(default, PathBuf::from);
    ["tmmx_20190121.nc", "basin_mask.nc"]
        .iter()
        .all(|f| folder.join(f).exists())
        .then_some(folder)
}

fn coords() -> Vec<Coord> {
    let [_, ny, nx] = SHAPE;
    let y = (0..ny).map(|i| 100.5 - 2.5 * i as f64).collect();
    let mut y = Coord::index("y", Block::from_vec(&[ny], y).unwrap());
    y.attrs.set("units", "m");
    y.attrs.set("standard_name", "projection_y_coordinate");
    let x = (0..nx as i32).map(|i| 10 * i).collect();
    let x = Coord::index("x", Block::from_vec(&[nx], x).unwrap());
    let texts = |name: &str, dim: &str, len: usize| Coord {
        name: name.into(),
        dims: vec![dim.into()],
        values: Values::Texts(
            Arc::new((0..len).map(|i| TEXTS[i % 5].into()).collect()),
            vec![len],
        ),
        ..x.clone()
    };
    let zone = texts("zone", "y", ny);
    let kind = texts("kind", "kind", 5);
    let sensor = Coord {
        name: "sensor".into(),
        dims: Vec::new(),
        values: Values::Texts(Arc::new(vec!["été 日本 🛰".into()]), Vec::new()),
        ..x.clone()
    };
    let level = Coord {
        name: "level".into(),
        dims: Vec::new(),
        values: Values::Block(Arc::new(Block::from_vec(&[], vec![2.0]).unwrap())),
        ..x.clone()
    };
    vec![dates(SHAPE[0]), y, x, zone, level, sensor, kind]
}

/// A dataset of every kind that we write; the values are those of `expected` in check_written.py.
fn dataset(driver: &Driver) -> hyperslab::Result<Dataset> {
    let index = |scale: [i64; 3]| {
        ArrayD::from_shape_fn(&SHAPE[..], |i| {
            i[0] as i64 * scale[0] + i[1] as i64 * scale[1] + i[2] as i64 * scale[2]
        })
    };
    let array = |scale: [i64; 3]| driver.from_ndarray(index(scale)).chunk(&[2, 7, 17]);
    let all = coords();
    let labelled = |array, name: &str, dims: &[&str]| {
        let own = all
            .iter()
            .filter(|c| c.dims.iter().all(|d| dims.contains(&d.as_str())));
        DataArray::new(array, dims, own.cloned().collect()).rename(name)
    };
    let cube = |array, name: &str| labelled(array, name, &["time", "y", "x"]);
    let plain = array([1000, 20, 1]).astype(DType::F32) / 8.0;
    let sum = array([1, 1, 1]);
    let holes = plain.where_(&(&sum % 7).ne(0)).astype(DType::F64);
    let when = array([86400, 1, 0])
        .index(2, 0)
        .astype(DType::Timedelta(TimeUnit::Second));
    // 2020-01-01
    let epoch = driver.full(&[], Scalar::Datetime(1_577_836_800, TimeUnit::Second));
    let lag = array([60, -1, 0])
        .index(2, 0)
        .astype(DType::Timedelta(TimeUnit::Second));
    let levels = AttrValue::Numbers(vec![Scalar::I32(1), Scalar::I32(2), Scalar::I32(3)]);
    let mut dataset = Dataset::new([
        cube(plain.clone(), "plain")
            .with_attr("units", "K")
            .with_attr("levels", levels),
        // Stored chunks that divide no tile: written late, after the pieces have met.
        cube(holes, "holes").with_encoding(packed(&[3, 23, 4])),
        cube(array([31, 7, 1]).astype(DType::I16), "packed").with_encoding(packed(&[4, 9, 6])),
        cube(array([1, -3, 1]).astype(DType::I32), "late").with_encoding(packed(&[11, 5, 3])),
        cube((&sum % 3).eq(0), "flag"),
        cube((&sum % 250).astype(DType::U8), "bytes").with_encoding(Encoding {
            compression: Some(Compression::Deflate(4)),
            ..Encoding::default()
        }),
        cube(
            (array([1000, 0, 1]) * (1i64 << 40)).astype(DType::U64),
            "big",
        ),
        labelled(epoch + when, "when", &["time", "y"]),
        labelled(lag, "lag", &["time", "y"]),
        labelled(plain.astype(DType::F64).sum(&[]), "total", &[]),
        labelled(driver.full(&[5], 1.5), "kinds", &["kind"]),
    ])?;
    dataset = dataset.with_attr("title", "written — by hyperslab");
    Ok(dataset)
}

fn check(arguments: &[&Path]) {
    let Some(python) = python() else {
        println!("skipped: no .venv and no HYPERSLAB_PYTHON: nobody else reads our files");
        return;
    };
    let mut command = Command::new(python);
    command
        .arg(root().join("tests/golden/check_written.py"))
        .args(arguments);
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    println!("{text}");
}

#[test]
fn others_read_what_we_write() {
    let folder = tempfile::tempdir().unwrap();
    for (fabric, threads, name) in [
        (Fabric::Solo, 1, "cube.nc"),
        (Fabric::Threads(3), 2, "cube3.nc"),
    ] {
        on_tiles(1, fabric, limits(threads, 64 << 20), |driver| {
            dataset(driver)?.save(folder.path().join(name))
        })
        .unwrap();
    }
    let input = folder.path().join("landsat.nc");
    landsat(&input, [44, 60, 50], 32);
    on_tiles(1, Fabric::Threads(2), limits(1, 64 << 20), |driver| {
        ndvi(driver, &input)?.save(folder.path().join("season.nc"))
    })
    .unwrap();
    check(&[folder.path()]);
    // And so do we.
    on_tiles(1, Fabric::Solo, limits(1, 64 << 20), |driver| {
        let ours = driver.open(folder.path().join("cube.nc"))?;
        let three = driver.open(folder.path().join("cube3.nc"))?;
        for made in dataset(driver)?.variables() {
            let name = made.name().unwrap_or_default();
            let (a, b) = (made.compute_block()?, ours.var(name).compute_block()?);
            let c = three.var(name).compute_block()?;
            let bits = |block: &Block| block.buffer().as_bytes().to_vec();
            assert_eq!(a.shape(), b.shape(), "{name}");
            if !matches!(a.dtype(), DType::Datetime(_) | DType::Timedelta(_)) {
                assert_eq!(a.dtype(), b.dtype(), "{name}");
                assert!(bits(&a) == bits(&b), "{name}");
            }
            assert!(bits(&b) == bits(&c), "{name} of three ranks");
        }
        Ok(())
    })
    .unwrap();
}

#[test]
fn real_files_give_what_xarray_gives() {
    let Some(shared) = shared() else {
        println!("skipped: no real files");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    for (fabric, ranks) in [(Fabric::Solo, 1), (Fabric::Threads(3), 3)] {
        on_tiles(1000, fabric, limits(2, 64 << 20), |driver| {
            let tmmx = driver
                .open(shared.join("tmmx_20190121.nc"))?
                .var("air_temperature");
            let rows = tmmx.shape()[0];
            let bands = Block::from_vec(&[rows], (0..rows as i32).map(|r| r / 50).collect())?;
            Dataset::new([
                tmmx.mean("lat").rename("mean_lat"),
                tmmx.max("lon").rename("max_lon"),
                tmmx.mean(()).rename("mean_all"),
                tmmx.groupby_labels("lat", "band", &bands)
                    .mean(())
                    .rename("bands"),
            ])?
            .save(folder.path().join(format!("real_tmmx{ranks}.nc")))?;
            let basin = driver.open(shared.join("basin_mask.nc"))?.var("basin");
            let layers = basin.shape()[0];
            let half = Block::from_vec(&[layers], (0..layers as i32).map(|z| z % 2).collect())?;
            Dataset::new([
                basin.max("Z").rename("max_z"),
                basin.mean("X").rename("mean_x"),
                basin
                    .groupby_labels("Z", "half", &half)
                    .mean(())
                    .rename("by_z"),
            ])?
            .save(folder.path().join(format!("real_basin{ranks}.nc")))
        })
        .unwrap();
    }
    for file in ["tmmx", "basin"] {
        let bytes = |n| std::fs::read(folder.path().join(format!("real_{file}{n}.nc"))).unwrap();
        assert!(bytes(1) == bytes(3), "{file}: 3 ranks write other bytes");
    }
    check(&[Path::new("--real"), folder.path(), &shared]);
}

/// Arrays by position: one pass, names and lengths that differ, what NetCDF has no type for; read back by us and by xarray.
#[test]
fn stored_arrays_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("stored.nc");
    for ranks in [1, 3] {
        on_tiles(64, Fabric::Threads(ranks), limits(2, 1 << 30), |driver| {
            let x = driver.indices_1d(60).reshape(&[6, 10]);
            let (half, odd) = (&x.astype(DType::F32) * 0.5, x.remainder(2).eq(1));
            let when = x.index(1, 0).astype("datetime64[s]".parse()?);
            let options = StoreOptions {
                overwrite: true,
                encoding: Encoding {
                    chunks: None,
                    compression: Some(Compression::Deflate(3)),
                    shuffle: true,
                    ..Encoding::default()
                },
            };
            let total = x.sum(&[]);
            let arrays = [
                ("half", &half),
                ("odd", &odd),
                ("column", &x.sum(&[0])),
                ("when", &when),
                ("total", &total),
            ];
            store(&arrays, &path, &options)?;
            let back = driver.open(&path)?;
            assert_eq!(back.var("half").dims(), ["dim_0", "dim_1"]);
            assert_eq!(back.var("column").dims(), ["column_dim_0"]);
            assert_eq!(back.var("half").array().sum(&[]).item()?.as_f64(), 885.0);
            assert_eq!(back.var("total").array().item()?.as_f64(), 1770.0);
            let plain = StoreOptions::default();
            let complex = half.astype(DType::C64);
            let chunked = StoreOptions {
                encoding: Encoding {
                    chunks: Some(vec![2]),
                    ..Encoding::default()
                },
                ..StoreOptions::default()
            };
            for (made, words) in [
                (store(&arrays, &path, &plain), "exists"),
                (
                    store(&[], &path, &plain),
                    "store: no arrays; at least one is needed",
                ),
                (
                    store(&[("a", &x), ("a", &x)], &path, &plain),
                    "store: the name \"a\" is empty or there twice",
                ),
                (
                    store(&[("", &x)], &path, &plain),
                    "store: the name \"\" is empty",
                ),
                (
                    store(&[("c", &complex)], &path, &plain),
                    "store: variable \"c\" is complex64",
                ),
                (
                    store(&[("a", &x)], &path, &chunked),
                    "store: chunks [2] for array \"a\" of shape [6, 10]",
                ),
            ] {
                let error = made.unwrap_err();
                assert!(error.message().contains(words), "{error}");
            }
            Ok(())
        })
        .unwrap();
        let Some(python) = python() else { continue };
        let check = "import sys, numpy as np, xarray as xr\n\
            ds = xr.open_dataset(sys.argv[1]).load(); x = np.arange(60).reshape(6, 10)\n\
            assert (ds.half.values == (x * 0.5).astype('f4')).all() and ds.half.dtype == 'f4', ds\n\
            assert ds.odd.dtype == bool and (ds.odd.values == (x % 2 == 1)).all(), ds.odd\n\
            assert (ds.when.values == x[:, 0].astype('M8[s]')).all() and ds.when.dims == ('dim_0',), ds.when\n\
            assert (ds.column.values == x.sum(0)).all() and int(ds.total) == x.sum(), ds\n\
            assert ds.half.encoding['zlib'] and ds.half.encoding['shuffle'], ds.half.encoding\n";
        let out = Command::new(python)
            .args(["-c", check])
            .arg(&path)
            .output()
            .unwrap();
        assert!(
            out.status.success(),
            "{}",
            String::from_utf8_lossy(&out.stderr)
        );
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}
