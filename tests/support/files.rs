//! Files that tests read: written by hyperslab itself.

use hyperslab::block::Block;
use hyperslab::comm::Fabric;
use hyperslab::config::Limits;
use hyperslab::driver::{Config, Driver, launch_with};
use hyperslab::dtype::{DType, TimeUnit};
use hyperslab::io;
use hyperslab::labelled::{Coord, DataArray, Dataset};
use hyperslab::plan::Tiling;
use hyperslab::spec::{Compression, Encoding};
use ndarray::ArrayD;
use std::path::Path;

/// Runs `program`; its error without the mark of who prints it.
pub fn on<T: Send>(
    fabric: Fabric,
    limits: Limits,
    program: impl FnOnce(&Driver) -> hyperslab::Result<T> + Send,
) -> hyperslab::Result<T> {
    on_tiles(Tiling::default().elements, fabric, limits, program)
}

/// As [`on`], with tiles that grow to `elements`: when it is small, small arrays have many tiles.
pub fn on_tiles<T: Send>(
    elements: usize,
    fabric: Fabric,
    limits: Limits,
    program: impl FnOnce(&Driver) -> hyperslab::Result<T> + Send,
) -> hyperslab::Result<T> {
    let config = Config {
        limits,
        fabric: Some(fabric),
        tiling: Tiling {
            elements,
            ..Tiling::default()
        },
        ..Config::default()
    };
    launch_with(&config, program)
        .map(Option::unwrap)
        .map_err(|(_, error)| error)
}

/// Limits of so many threads and bytes.
pub fn limits(threads: usize, memory_bytes: u64) -> Limits {
    Limits {
        threads,
        reads: 4,
        memory_bytes,
        ..Limits::default()
    }
}

/// Deflate and shuffle in chunks.
#[allow(clippy::needless_update)] // a field that is added to `Encoding` has its default here
pub fn packed(chunks: &[usize]) -> Encoding {
    Encoding {
        chunks: Some(chunks.to_vec()),
        compression: Some(Compression::Deflate(1)),
        shuffle: true,
        ..Encoding::default()
    }
}

/// One date each 8 days, from 2020-02-08.
pub fn dates(steps: usize) -> Coord {
    let counts: Vec<i64> = (0..steps as i64)
        .map(|t| 1_581_206_191 + t * 8 * 86400)
        .collect();
    let block = Block::from_vec(&[steps], counts).unwrap();
    Coord::index(
        "time",
        block.with_dtype(DType::Datetime(TimeUnit::Second)).unwrap(),
    )
}

/// A coordinate from `start` in steps.
pub fn regular(name: &str, len: usize, start: f64, step: f64) -> Coord {
    let values = (0..len).map(|i| start + step * i as f64).collect();
    Coord::index(name, Block::from_vec(&[len], values).unwrap())
}

/// A small Landsat cube: nir08, red (int16), qa_pixel (uint16), in chunks (1, chunk, chunk).
pub fn landsat(path: &Path, shape: [usize; 3], chunk: usize) {
    let [nt, ny, nx] = shape;
    let hash = |i: &ndarray::IxDyn, salt: usize| {
        let v = (i[0] / 2 * 31 + i[1] / 9 * 17 + i[2] / 11 * 7 + salt) as u64;
        (v.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as u32
    };
    let band = |base: i16, salt: usize| {
        ArrayD::from_shape_fn(&shape[..], |i| {
            base + (i[0] * 13 + i[1] + i[2]) as i16 % 997 + (hash(&i, salt) % 2000) as i16
        })
    };
    let qa = ArrayD::from_shape_fn(&shape[..], |i| match hash(&i, 5) % 7 {
        0 => 8u16 | 1 << 8,
        1 => 1,
        2 => 1 << 4,
        _ => 1 << 6,
    });
    on(Fabric::Solo, limits(2, 2 << 30), |driver| {
        let coords = vec![
            dates(nt),
            regular("y", ny, -3.922e6, -30.0),
            regular("x", nx, 1.272e6, 30.0),
        ];
        let encoding = packed(&[1, chunk.min(ny), chunk.min(nx)]);
        let make = |array, name: &str| {
            DataArray::new(array, &["time", "y", "x"], coords.clone())
                .rename(name)
                .with_encoding(encoding.clone())
        };
        Dataset::new([
            make(driver.from_ndarray(band(12000, 1)), "nir08"),
            make(driver.from_ndarray(band(9000, 2)), "red"),
            make(driver.from_ndarray(qa), "qa_pixel"),
        ])?
        .save(path)
    })
    .unwrap();
}

/// The season job of the README over the file of [`landsat`].
pub fn ndvi(driver: &Driver, input: &Path) -> hyperslab::Result<DataArray> {
    let ds = driver.open(input)?;
    let clear = (ds.var("qa_pixel") & 0b1001_1001).eq(0);
    let (nir, red) = (ds.var("nir08").where_(&clear), ds.var("red").where_(&clear));
    let ndvi = (&nir - &red) / (&nir + &red);
    Ok(ndvi.groupby("time.season").mean("time").rename("ndvi"))
}

/// Where chunk `number` of a variable lies: first byte and stored size.
pub fn chunk_at(path: &Path, variable: &str, number: usize) -> (u64, u32) {
    let info = io::open(path, None).unwrap();
    let found = info.variables.iter().find(|v| v.name == variable).unwrap();
    match io::index(&found.source).unwrap() {
        io::StorageIndex::Chunked {
            addresses, sizes, ..
        } => (addresses[number], sizes[number]),
        other => panic!("{variable} is not chunked: {other:?}"),
    }
}

/// Damages the middle of a stored chunk.
pub fn corrupt(path: &Path, variable: &str, number: usize) {
    let (at, size) = chunk_at(path, variable, number);
    let mut bytes = std::fs::read(path).unwrap();
    for byte in &mut bytes[at as usize + 2..(at + u64::from(size)) as usize] {
        *byte ^= 0x5a;
    }
    std::fs::write(path, bytes).unwrap();
}
