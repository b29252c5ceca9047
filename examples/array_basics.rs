//! The first things that people time: random arrays of 10,000 × 10,000 float64, reduced, transposed, moved between ranks.
//!
//! ```sh
//! cargo run --release --example array_basics
//! mpirun -n 2 target/release/examples/array_basics --threads 1
//! ```
//! Each line is run twice; the second time counts, from the call to the result on rank 0.

#![allow(clippy::print_stdout)]

use hyperslab::Result;
use hyperslab::array::{Array, Norm};
use hyperslab::driver::{Config, Driver, launch_with};
use std::time::Instant;

fn main() -> std::process::ExitCode {
    let mut config = Config::default();
    let mut arguments = std::env::args().skip(1);
    let mut n = 10_000;
    let mut only = String::new();
    while let Some(argument) = arguments.next() {
        let text = arguments.next().unwrap_or_default();
        match (argument.as_str(), text.parse()) {
            ("--threads", Ok(threads)) => config.limits.threads = threads,
            ("--n", Ok(value)) => n = value,
            ("--only", _) => only = text,
            _ => {
                eprintln!("usage: array_basics [--threads N] [--n LENGTH] [--only PART_OF_A_LINE]");
                return std::process::ExitCode::from(2);
            }
        }
    }
    config.limits.memory_bytes = 4 << 30;
    match launch_with(&config, |driver| basics(driver, n, &only)) {
        Ok(_) => std::process::ExitCode::SUCCESS,
        Err((_, error)) => {
            eprintln!("{error}");
            std::process::ExitCode::FAILURE
        }
    }
}

fn timed(only: &str, name: &str, mut work: impl FnMut() -> Result<f64>) -> Result<()> {
    if !name.contains(only) {
        return Ok(());
    }
    work()?;
    let start = Instant::now();
    let value = work()?;
    println!(
        "{name}: {:.3} s ({value:.6})",
        start.elapsed().as_secs_f64()
    );
    Ok(())
}

/// The first element of a small result.
fn first(array: &Array) -> Result<f64> {
    let block = array.compute_block()?;
    Ok(block.get(0).map_or(f64::NAN, |value| value.as_f64()))
}

fn basics(driver: &Driver, n: usize, only: &str) -> Result<()> {
    let mut seed = 0;
    let mut random = |chunk: &[usize]| {
        seed += 1;
        driver.default_rng(seed).random(&[n, n]).chunk(chunk)
    };
    timed(only, "random mean axis 0", || {
        first(&random(&[1000, 1000]).mean(&[0]))
    })?;
    timed(only, "random std", || {
        first(&random(&[1000, 1000]).std(&[], 0))
    })?;
    timed(only, "x + x.T sum", || {
        let x = random(&[1000, 1000]);
        first(&(&x + x.transpose(&[1, 0])).sum(&[]))
    })?;
    timed(only, "rechunk rows to columns", || {
        let x = random(&[100, n]).chunk(&[n, 100]);
        first(&x.sum(&[]))
    })?;
    timed(only, "fft of rows, then of columns", || {
        let side = n * 4096 / 10_000;
        let x = driver.default_rng(1).random(&[side, side]);
        let rows = x.chunk(&[256, side]).fft(None, -1, Norm::Backward);
        let both = rows.chunk(&[side, 256]).fft(None, 0, Norm::Backward);
        first(&both.abs().sum(&[]))
    })?;
    let in_memory = [
        "mean axis 0 from memory",
        "((x - 0.5) / (x + 0.5)).mean() from memory",
        "resplit rows to columns",
    ];
    if !in_memory.iter().any(|name| name.contains(only)) {
        return Ok(());
    }
    let x = random(&[1000, n]).persist()?;
    timed(only, "mean axis 0 from memory", || first(&x.mean(&[0])))?;
    timed(only, "((x - 0.5) / (x + 0.5)).mean() from memory", || {
        first(&((&x - 0.5) / (&x + 0.5)).mean(&[]))
    })?;
    timed(only, "resplit rows to columns", || {
        let columns = x.chunk(&[n, 1000]).persist()?;
        columns.release()?;
        Ok(0.0)
    })
}
