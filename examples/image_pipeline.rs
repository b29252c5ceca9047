//! Random images, smoothed over 3 × 3 neighbours (floor division by 9, borders 0), and the power of each one's spectrum.
//!
//! ```sh
//! cargo run --release --example image_pipeline -- 200
//! mpirun -n 2 target/release/examples/image_pipeline 200 --threads 1
//! target/release/examples/image_pipeline 4 --save spectra.nc
//! ```
//! The images are one lazy stack, one image per chunk; nothing is computed before `compute`, and then each image passes through
//! all steps at once. A job that shows its progress computes the stack part by part. It fails when a spectrum is wrong: by
//! Parseval's theorem its power is that of the smoothed image, times the number of pixels.

#![allow(clippy::print_stdout)]

use hyperslab::array::{Array, Norm, PadMode, StoreOptions, compute, store};
use hyperslab::block::Block;
use hyperslab::driver::{Config, Driver, launch_with};
use hyperslab::{Error, Result};
use std::process::ExitCode;
use std::time::Instant;

const USAGE: &str =
    "usage: image_pipeline [IMAGES] [--side PIXELS] [--batch IMAGES] [--threads N] [--save FILE]";
/// Updates of the bar, unless --batch says otherwise.
const PARTS: usize = 10;

struct Arguments {
    images: usize,
    side: usize,
    batch: Option<usize>,
    save: Option<String>,
}

fn main() -> ExitCode {
    let mut config = Config::default();
    let mut given = Arguments {
        images: 20,
        side: 1000,
        batch: None,
        save: None,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let known = match argument.as_str() {
            "--side" => number(arguments.next(), &mut given.side),
            "--threads" => number(arguments.next(), &mut config.limits.threads),
            "--batch" => number(arguments.next(), given.batch.insert(1)),
            "--save" => {
                given.save = arguments.next();
                given.save.is_some()
            }
            _ => number(Some(argument), &mut given.images),
        };
        if !known {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    }
    match launch_with(&config, |driver| pipeline(driver, &given)) {
        Ok(_) => ExitCode::SUCCESS,
        Err((true, error)) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
        // Another rank has said why.
        Err((false, _)) => ExitCode::SUCCESS,
    }
}

fn number(text: Option<String>, to: &mut usize) -> bool {
    let value = text.and_then(|text| text.parse().ok()).filter(|n| *n > 0);
    value.map(|value| *to = value).is_some()
}

/// Nine shifted views of each image, summed; what a rank computes of it is one sweep.
fn smooth(images: &Array) -> Array {
    let side = images.shape()[1] as isize;
    let mut sum: Option<Array> = None;
    for y in 0..3 {
        for x in 0..3 {
            let rows = images.slice(1, Some(y), Some(side - 2 + y), 1);
            let part = rows.slice(2, Some(x), Some(side - 2 + x), 1);
            sum = Some(sum.map_or(part.clone(), |sum| sum + part));
        }
    }
    let inner = sum.map_or(images.clone(), |sum| sum.floor_divide(9));
    inner.pad(&[(0, 0), (1, 1), (1, 1)], &PadMode::constant(0.0))
}

fn pipeline(driver: &Driver, given: &Arguments) -> Result<()> {
    let (images, side) = (given.images, given.side);
    if side < 3 {
        return Err(Error::invalid(format!(
            "an image of {side} pixels a side; 3 are needed"
        )));
    }
    let stack = driver
        .default_rng(42)
        .uniform(0.0, 256.0, &[images, side, side])
        .chunk(&[1, side, side]);
    let smoothed = smooth(&stack);
    let spectra = smoothed.fft2(None, [-2, -1], Norm::Backward);
    let power = spectra.abs().square().sum(&[1, 2]);
    let energy = smoothed.square().sum(&[1, 2]) * (side * side) as f64;
    let brightness = smoothed.sum(&[1, 2]);
    let batch = given.batch.unwrap_or(images.div_ceil(PARTS));
    let start = Instant::now();
    let mut total = 0.0;
    for from in (0..images).step_by(batch) {
        let to = (from + batch).min(images);
        let of_part = |array: &Array| array.slice(0, Some(from as isize), Some(to as isize), 1);
        let made = compute(&[&of_part(&power), &of_part(&energy), &of_part(&brightness)])?;
        let [powers, energies, sums] = made.as_slice() else {
            return Err(Error::internal("three arrays asked for, others given"));
        };
        let value = |block: &Block, at: usize| block.get(at).map_or(f64::NAN, |v| v.as_f64());
        for at in 0..to - from {
            let (power, energy) = (value(powers, at), value(energies, at));
            if (power - energy).abs() > 1e-9 * energy || energy.is_nan() || energy <= 0.0 {
                return Err(Error::data(format!(
                    "image {}: the power of its spectrum is {power}, that of its pixels {energy}",
                    from + at
                )));
            }
            total += value(sums, at);
        }
        bar(to, images);
    }
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{images} images: {seconds:.3} s, {:.1} ms each; mean brightness {:.3}",
        1e3 * seconds / images as f64,
        total / (images * (side - 2) * (side - 2)) as f64
    );
    if let Some(path) = &given.save {
        let options = StoreOptions {
            overwrite: true,
            ..StoreOptions::default()
        };
        let arrays = [("smoothed", &smoothed), ("amplitude", &spectra.abs())];
        store(&arrays, path, &options)?;
        println!("saved: {path}");
    }
    Ok(())
}

/// A bar of text on standard error, drawn over itself.
fn bar(done: usize, all: usize) {
    const WIDTH: usize = 40;
    let full = done * WIDTH / all;
    let end = if done == all { "\n" } else { "" };
    eprint!(
        "\r[{}{}] {done}/{all} images{end}",
        "#".repeat(full),
        ".".repeat(WIDTH - full)
    );
}
