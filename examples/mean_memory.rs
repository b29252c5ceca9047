//! The mean of an array in memory, in GB/s: 256 MiB of f64, the best of five.
//!
//! `cargo run --release --example mean_memory`

use std::time::Instant;

fn main() -> hyperslab::Result<()> {
    const ELEMENTS: usize = 32 << 20;
    hyperslab::launch(|driver| {
        let values = ndarray::Array1::from_elem(ELEMENTS, 1.5f64).into_dyn();
        let mean = driver.from_ndarray(values).mean(&[]);
        let mut best = f64::INFINITY;
        for _ in 0..5 {
            let start = Instant::now();
            let result = mean.item()?;
            best = best.min(start.elapsed().as_secs_f64());
            if result.as_f64().to_bits() != 1.5f64.to_bits() {
                return Err(hyperslab::Error::internal(format!(
                    "the mean of 1.5 is {result}"
                )));
            }
        }
        let rate = (ELEMENTS * 8) as f64 / best / 1e9;
        // The result of this example is what it prints.
        #[allow(clippy::print_stdout)]
        {
            println!("mean {rate:.2} GB/s");
        }
        Ok(())
    })
}
