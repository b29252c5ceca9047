//! Smallest, largest, mean and standard deviation along time of a stack of radar images with gaps, in one pass.
//!
//! ```sh
//! cargo run --release --example radar_statistics -- rain.nc     # the variable rain(time, y, x)
//! cargo run --release --example radar_statistics -- --make rain.nc 100 443 235
//! ```
//! The four statistics share the pass: every chunk of the file is read and decoded once, which the counters of the run tell. It
//! fails when they tell otherwise, or when the statistics of some pixels are not those of a plain loop.

#![allow(clippy::print_stdout)]

use hyperslab::array::{Array, StoreOptions, compute, store};
use hyperslab::driver::{Config, Driver, launch_with};
use hyperslab::dtype::DType;
use hyperslab::kernel::{KernelCall, register_kernel};
use hyperslab::spec::{Compression, Encoding};
use hyperslab::{Error, Result};
use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let run = || {
        register_kernel("rain", rain).map_err(|e| (true, e))?;
        launch_with(&Config::default(), |driver| match words.as_slice() {
            ["--make", path, sizes @ ..] if sizes.len() == 3 => make(driver, path, sizes),
            [path] if !path.starts_with('-') => statistics(driver, path),
            _ => Err(Error::invalid(
                "usage: radar_statistics FILE, or radar_statistics --make FILE TIMES ROWS COLUMNS",
            )),
        })
    };
    match run() {
        Ok(_) => ExitCode::SUCCESS,
        Err((true, error)) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
        // Another rank has said why.
        Err((false, _)) => ExitCode::SUCCESS,
    }
}

/// A shower that wanders over a round region; outside of it there are no values.
fn rain(call: &mut KernelCall<'_>) -> Result<()> {
    let (start, size) = (call.start().to_vec(), [call.params()[0], call.params()[1]]);
    for (at, out) in call.output::<f32>()?.indexed_iter_mut() {
        let time = (start[0] + at[0]) as f64;
        let place = |axis: usize| (start[axis] + at[axis]) as f64 / size[axis - 1] - 0.5;
        let (y, x) = (place(1), place(2));
        let (far_y, far_x) = (y - 0.4 * (time / 37.0).sin(), x - 0.4 * (time / 53.0).cos());
        let shower = 20.0 * (-30.0 * (far_y * far_y + far_x * far_x)).exp();
        // Some noise, of which every element has its own.
        let noise = ((time * 7.0 + y * 1e4 + x * 1e6).sin() * 1e4).fract().abs();
        let seen = y * y + x * x < 0.23;
        *out = if seen {
            (shower + noise) as f32
        } else {
            f32::NAN
        };
    }
    Ok(())
}

fn make(driver: &Driver, path: &str, sizes: &[&str]) -> Result<()> {
    let sizes: Vec<usize> = sizes.iter().flat_map(|size| size.parse()).collect();
    let [_, rows, columns] = *sizes.as_slice() else {
        return Err(Error::invalid("--make: three lengths are needed"));
    };
    let params = [rows as f64, columns as f64];
    let rain = driver.from_fn("rain", &sizes, DType::F32, &params);
    let options = StoreOptions {
        overwrite: true,
        encoding: Encoding {
            chunks: Some(vec![1, rows, columns]),
            compression: Some(Compression::Deflate(2)),
            shuffle: true,
            ..Encoding::default()
        },
    };
    store(&[("rain", &rain)], path, &options)
}

fn statistics(driver: &Driver, path: &str) -> Result<()> {
    let data = driver.open(path)?;
    let rain = data.var("rain").array().clone();
    let shape = rain.shape();
    let [times, rows, columns] = *shape.as_slice() else {
        return Err(Error::invalid(format!(
            "rain has shape {shape:?}; (time, y, x) is needed"
        )));
    };
    let before = driver.session().finished().stats;
    let start = Instant::now();
    let made = compute(&[
        &rain.nanmin(&[0]),
        &rain.nanmax(&[0]),
        &rain.nanmean(&[0]),
        &rain.nanstd(&[0], 0),
    ])?;
    let seconds = start.elapsed().as_secs_f64();
    let after = driver.session().finished().stats;
    let decoded = after.decoded_bytes - before.decoded_bytes;
    println!("nan statistics of {shape:?}: {seconds:.3} s; {decoded} bytes decoded");
    let stored = (times * rows * columns * rain.dtype().size()) as u64;
    if decoded != stored {
        return Err(Error::data(format!(
            "{decoded} bytes were decoded of {stored}: not every chunk once"
        )));
    }
    let corners = [
        (rows / 2, columns / 2),
        (rows / 3, columns / 2),
        (rows / 2, columns / 5),
        (0, 0),
        (rows - 1, columns - 1),
    ];
    for (y, x) in corners {
        let got = made
            .iter()
            .map(|block| block.get(y * columns + x).map(|value| value.as_f64()))
            .collect::<Option<Vec<f64>>>();
        let got = got.ok_or_else(|| Error::internal("a statistic without a pixel"))?;
        let due = plain(&rain, y, x)?;
        for (name, (got, due)) in ["nanmin", "nanmax", "nanmean", "nanstd"]
            .iter()
            .zip(got.iter().zip(due))
        {
            let near = (got - due).abs() <= 1e-6 * due.abs().max(1e-3);
            if !(near || got.is_nan() && due.is_nan()) {
                return Err(Error::data(format!(
                    "{name} of the pixel ({y}, {x}) is {got}, and a plain loop says {due}"
                )));
            }
        }
    }
    Ok(())
}

/// The statistics of one pixel by a plain loop.
fn plain(rain: &Array, y: usize, x: usize) -> Result<[f64; 4]> {
    let line = rain.index(2, x as isize).index(1, y as isize);
    let values = line.astype(DType::F64).compute::<f64>()?;
    let seen: Vec<f64> = values.iter().copied().filter(|v| !v.is_nan()).collect();
    let count = seen.len() as f64;
    let mean = seen.iter().sum::<f64>() / count;
    let spread = seen.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
    Ok([
        seen.iter().copied().fold(f64::NAN, f64::min),
        seen.iter().copied().fold(f64::NAN, f64::max),
        mean,
        spread.sqrt(),
    ])
}
