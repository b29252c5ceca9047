//! The demo's cube: surface reflectance and QA in the layout of Landsat Collection 2, one year, 30 m pixels.

use super::landscape::{Ground, ground};
use super::noise::{fractal, hash01};
use crate::block::Block;
use crate::driver::Driver;
use crate::dtype::{DType, TimeUnit};
use crate::error::Result;
use crate::labelled::{Coord, DataArray, Dataset};
use crate::spec::{Compression, Encoding};
use std::path::Path;

/// Dates, rows, columns.
pub(super) const SHAPE: [usize; 3] = [24, 400, 360];
/// Lengths of a storage chunk.
const CHUNK: [usize; 3] = [1, 128, 128];
/// Side of a pixel, metres.
pub(super) const PIXEL_M: f64 = 30.0;
/// 2023-01-05T10:12:00, seconds since 1970: a morning overpass.
const FIRST: i64 = 1_672_913_520;
const DAYS_BETWEEN: f64 = 15.0;

/// Bits of Collection 2's QA_PIXEL.
const FILL: u16 = 1;
const CLOUD: u16 = 1 << 3;
const SHADOW: u16 = 1 << 4;
const CLEAR: u16 = 1 << 6;
const WATER: u16 = 1 << 7;

struct Pixels {
    nir: Vec<i16>,
    red: Vec<i16>,
    qa: Vec<u16>,
}

/// Cloudiness of a pixel on a date: above 0 is cloud. Clouds drift, so each date has its own.
fn cloud(date: usize, y: f64, x: f64) -> f64 {
    let cover = 0.49 + 0.15 * hash01(70, date as i64, 0);
    fractal(80 + 7 * date as u64, x, y, 90.0, 5) - cover
}

fn pixels() -> Pixels {
    let [dates, rows, columns] = SHAPE;
    let land: Vec<Ground> = (0..rows * columns)
        .map(|i| ground(i / columns, i % columns))
        .collect();
    let count = dates * rows * columns;
    let mut cube = Pixels {
        nir: vec![0; count],
        red: vec![0; count],
        qa: vec![0; count],
    };
    for date in 0..dates {
        let day = 5.0 + DAYS_BETWEEN * date as f64;
        // Some scenes end inside the cube.
        let edge = if date % 5 == 3 {
            40.0 + 80.0 * hash01(71, date as i64, 0)
        } else {
            -1e9
        };
        for y in 0..rows {
            for x in 0..columns {
                let at = (date * rows + y) * columns + x;
                let (yf, xf) = (y as f64, x as f64);
                if xf + 0.22 * yf < edge {
                    cube.qa[at] = FILL;
                    continue;
                }
                let here = &land[y * columns + x];
                let speckle = hash01(90 + date as u64, xf as i64, yf as i64) - 0.5;
                let ndvi = here.ndvi(day) + 0.03 * speckle;
                let bright = if here.water {
                    900.0
                } else {
                    3400.0 + 700.0 * fractal(8, xf, yf, 30.0, 3)
                };
                let mut nir = 0.5 * bright * (1.0 + ndvi);
                let mut red = 0.5 * bright * (1.0 - ndvi);
                let mut qa = if here.water { WATER } else { 0 };
                let thick = cloud(date, yf, xf);
                // The sun stands in the south-east: shadows fall to the upper left of their cloud.
                let shadow = cloud(date, yf + 14.0, xf + 18.0);
                if thick > 0.0 {
                    let white = (thick * 14.0).min(1.0);
                    nir += white * (7200.0 - nir);
                    red += white * (7000.0 - red);
                    qa |= CLOUD;
                } else if shadow > 0.0 {
                    nir *= 0.55;
                    red *= 0.55;
                    qa |= SHADOW;
                } else {
                    qa |= CLEAR;
                }
                cube.nir[at] = nir.round() as i16;
                cube.red[at] = red.round() as i16;
                cube.qa[at] = qa;
            }
        }
    }
    cube
}

fn text_coord(name: &str, block: Block, attrs: &[(&str, &str)]) -> Coord {
    let mut coord = Coord::index(name, block);
    for (name, value) in attrs {
        coord.attrs.set(name, *value);
    }
    coord
}

fn coords() -> Result<Vec<Coord>> {
    let [dates, rows, columns] = SHAPE;
    let step = (DAYS_BETWEEN * 86_400.0) as i64;
    let times: Vec<i64> = (0..dates as i64).map(|d| FIRST + d * step).collect();
    let times = Block::from_vec(&[dates], times)?.with_dtype(DType::Datetime(TimeUnit::Second))?;
    let y = (0..rows)
        .map(|i| 5_320_000.0 - PIXEL_M * i as f64)
        .collect();
    let x = (0..columns)
        .map(|i| 500_000.0 + PIXEL_M * i as f64)
        .collect();
    Ok(vec![
        text_coord("time", times, &[("standard_name", "time"), ("axis", "T")]),
        text_coord(
            "y",
            Block::from_vec(&[rows], y)?,
            &[
                ("standard_name", "projection_y_coordinate"),
                ("units", "m"),
                ("axis", "Y"),
            ],
        ),
        text_coord(
            "x",
            Block::from_vec(&[columns], x)?,
            &[
                ("standard_name", "projection_x_coordinate"),
                ("units", "m"),
                ("axis", "X"),
            ],
        ),
    ])
}

/// Computes the cube and saves it with the library's own writer.
pub(super) fn make(driver: &Driver, path: &Path) -> Result<()> {
    let Pixels { nir, red, qa } = pixels();
    let coords = coords()?;
    let encoding = Encoding {
        chunks: Some(CHUNK.to_vec()),
        compression: Some(Compression::Deflate(4)),
        shuffle: true,
        ..Encoding::default()
    };
    let variable = |name: &str, long_name: &str, block: Block| {
        DataArray::new(
            driver.from_block(block),
            &["time", "y", "x"],
            coords.clone(),
        )
        .rename(name)
        .chunk([("time", 1), ("y", CHUNK[1]), ("x", CHUNK[2])])
        .with_attr("long_name", long_name)
        .with_encoding(encoding.clone())
    };
    let nir = variable(
        "nir08",
        "near-infrared surface reflectance x 10000",
        Block::from_vec(&SHAPE, nir)?,
    );
    let red = variable(
        "red",
        "red surface reflectance x 10000",
        Block::from_vec(&SHAPE, red)?,
    );
    let qa = variable(
        "qa_pixel",
        "pixel quality, bits: 0 fill, 3 cloud, 4 cloud shadow, 6 clear, 7 water",
        Block::from_vec(&SHAPE, qa)?,
    );
    Dataset::new([nir, red, qa])?.save(path)
}
