//! The first things that people time: random arrays of 10,000 × 10,000 float64, reduced, transposed, moved between ranks.
//!
//! ```sh
//! cargo run --release --example array_basics
//! mpirun -n 2 target/release/examples/array_basics --threads 1
//! ```
//! Each line is run twice; the second time counts, from the call to the result on rank 0.

#![allow(clippy::print_stdout)]

use hyperslab::Result;
use hyperslab::array::Array;
use hyperslab::driver::{Config, Driver, launch_with};
use std::time::Instant;

fn main() -> std::process::ExitCode {
    let mut config = Config::default();
    let mut arguments = std::env::args().skip(1);
    let mut n = 10_000;
    while let Some(argument) = arguments.next() {
        let value = arguments.next().and_then(|v| v.parse().ok());
        match (argument.as_str(), value) {
            ("--threads", Some(threads)) => config.limits.threads = threads,
            ("--n", Some(value)) => n = value,
            _ => {
                eprintln!("usage: array_basics [--threads N] [--n LENGTH]");
                return std::process::ExitCode::from(2);
            }
        }
    }
    config.limits.memory_bytes = 4 << 30;
    match launch_with(&config, |driver| basics(driver, n)) {
        Ok(_) => std::process::ExitCode::SUCCESS,
        Err((_, error)) => {
            eprintln!("{error}");
            std::process::ExitCode::FAILURE
        }
    }
}

fn timed(name: &str, mut work: impl FnMut() -> Result<f64>) -> Result<()> {
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

fn basics(driver: &Driver, n: usize) -> Result<()> {
    let mut seed = 0;
    let mut random = |chunk: &[usize]| {
        seed += 1;
        driver.default_rng(seed).random(&[n, n]).chunk(chunk)
    };
    timed("random mean axis 0", || {
        first(&random(&[1000, 1000]).mean(&[0]))
    })?;
    timed("random std", || first(&random(&[1000, 1000]).std(&[], 0)))?;
    timed("x + x.T sum", || {
        let x = random(&[1000, 1000]);
        first(&(&x + x.transpose(&[1, 0])).sum(&[]))
    })?;
    timed("rechunk rows to columns", || {
        let x = random(&[100, n]).chunk(&[n, 100]);
        first(&x.sum(&[]))
    })?;
    let x = random(&[1000, n]).persist()?;
    timed("mean axis 0 from memory", || first(&x.mean(&[0])))?;
    timed("((x - 0.5) / (x + 0.5)).mean() from memory", || {
        first(&((&x - 0.5) / (&x + 0.5)).mean(&[]))
    })?;
    timed("resplit rows to columns", || {
        let columns = x.chunk(&[n, 1000]).persist()?;
        columns.release()?;
        Ok(0.0)
    })
}
