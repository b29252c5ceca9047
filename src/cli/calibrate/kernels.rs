//! Rates of memory and of the loops of the engine.

use crate::array::{Array, Border, Norm, compute};
use crate::comm::Fabric;
use crate::config::Limits;
use crate::driver::{Config, Driver, launch_with};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::op::ReductionKind;
use crate::plan::{KernelRates, MemoryRates, Tiling};
use std::sync::Arc;
use std::time::Instant;

/// Elements of the array that loops run over: 32 MiB of 32-bit floats, more than caches hold.
const SHAPE: [usize; 3] = [32, 256, 1024];
/// The same for a quick look.
const SMALL_SHAPE: [usize; 3] = [8, 64, 1024];
/// Runs of each measurement; the quickest counts.
const RUNS: usize = 3;

/// What was measured.
pub(super) struct Measured {
    pub(super) rates: KernelRates,
    pub(super) parallel_efficiency: f64,
    pub(super) stage_s: f64,
    pub(super) tile_s: f64,
}

/// The seconds of the quickest run.
pub(super) fn quickest(quick: bool, mut run: impl FnMut() -> Result<()>) -> Result<f64> {
    let mut best = f64::INFINITY;
    for _ in 0..if quick { 1 } else { RUNS } {
        let start = Instant::now();
        run()?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok(best)
}

/// Runs a program on this process alone.
pub(super) fn on<T: Send>(
    threads: usize,
    tiling: Tiling,
    program: impl FnOnce(&Driver) -> Result<T> + Send,
) -> Result<T> {
    let config = Config {
        limits: Limits {
            threads,
            memory_bytes: 2 << 30,
            scratch: None,
            ..Limits::default()
        },
        fabric: Some(Fabric::Solo),
        tiling,
        overwrite: true,
        ..Config::default()
    };
    launch_with(&config, program)
        .map_err(|(_, error)| error)?
        .ok_or_else(|| Error::internal("calibrate: a program without a result"))
}

fn computed(array: &Array) -> Result<()> {
    compute(&[array]).map(drop)
}

/// Copies of 64 MiB, by one thread and by all.
pub(super) fn memory(threads: usize) -> MemoryRates {
    const BYTES: usize = 64 << 20;
    let copy = |threads: usize| {
        let rates: Vec<f64> = std::thread::scope(|scope| {
            let all: Vec<_> = (0..threads)
                .map(|_| {
                    scope.spawn(|| {
                        let from = vec![1u8; BYTES / threads];
                        let mut to = vec![0u8; BYTES / threads];
                        let mut best = f64::INFINITY;
                        for _ in 0..4 {
                            let start = Instant::now();
                            to.copy_from_slice(std::hint::black_box(&from));
                            std::hint::black_box(&mut to);
                            best = best.min(start.elapsed().as_secs_f64());
                        }
                        (BYTES / threads) as f64 / best.max(1e-9)
                    })
                })
                .collect();
            all.into_iter()
                .filter_map(|thread| thread.join().ok())
                .collect()
        });
        rates.iter().sum::<f64>().max(1.0)
    };
    MemoryRates {
        one_bytes_per_s: copy(1),
        all_bytes_per_s: copy(threads.max(1)),
    }
}

/// A chain of steps over `x`, and its sum.
fn chain(x: &Array, steps: usize) -> Array {
    let mut y = x.clone();
    for step in 0..steps {
        y = match step % 4 {
            0 => &y * 1.0001,
            1 => &y + x,
            2 => &y - 0.25,
            _ => &y * x,
        };
    }
    y.sum(&[0, 1, 2])
}

/// All loops.
pub(super) fn measure(threads: usize, quick: bool) -> Result<Measured> {
    let shape = if quick { SMALL_SHAPE } else { SHAPE };
    let elements = shape.iter().product::<usize>() as f64;
    let ns = |seconds: f64| (seconds * 1e9 / elements).max(1e-3);
    let (mut rates, sweep, made) = on(1, Tiling::default(), |driver| {
        let x = driver
            .default_rng(1)
            .random_as(&shape, DType::F32)
            .persist()?;
        let time = |array: &Array| quickest(quick, || computed(array));
        const STEPS: usize = 16;
        let sum = time(&x.sum(&[0, 1, 2]))?;
        let sweep = time(&chain(&x, STEPS))?;
        let functions = time(&(&x.sin() + &x.exp()).sum(&[0, 1, 2]))?;
        let map = time(&x.mean(&[0]))?;
        let spread = time(&x.std(&[0], 0))?;
        let codes = Arc::new((0..shape[0]).map(|t| t as u32 % 4).collect::<Vec<u32>>());
        let groups = x.group_reduce(ReductionKind::Mean, 0, codes, 4, None);
        let groups = time(&groups)?;
        let made = driver.default_rng(2).random_as(&shape, DType::F32);
        let made = time(&made.sum(&[0, 1, 2]))?;
        let fourier = x.fft(None, 2, Norm::Backward).real();
        let fourier = time(&fourier.sum(&[0, 1, 2]))?;
        let rolling = x.rolling(0, 8).min_periods(1).mean();
        let rolling = time(&rolling.sum(&[0, 1, 2]))?;
        let smooth = x.uniform_filter(&[1, 3, 3], Border::Nearest, &[0, 0, 0]);
        let smooth = time(&smooth.sum(&[0, 1, 2]))?;
        let beside = |seconds: f64| ns((seconds - sum).max(0.0));
        let rates = KernelRates {
            // Of the widest elements: the chain is 32-bit floats.
            step_byte_ns: beside(sweep) / (STEPS * 4) as f64,
            function_ns: beside(functions) / 2.0,
            fold_ns: ns(sum.max(map)),
            statistic_ns: ns(spread),
            group_ns: ns(groups),
            generate_ns: beside(made),
            fourier_ns: beside(fourier),
            // By the weight that the operations state: 8 and 1 + 9.
            window_ns: beside(rolling) / 8.0,
            weight_ns: beside(smooth) / 10.0,
        };
        Ok((rates, sweep, made))
    })?;
    let parallel_efficiency = match threads {
        0 | 1 => 1.0,
        _ => on(threads, Tiling::default(), |driver| {
            let x = driver
                .default_rng(1)
                .random_as(&shape, DType::F32)
                .persist()?;
            let all = quickest(quick, || computed(&chain(&x, 16)))?;
            let made_by_all = driver.default_rng(2).random_as(&shape, DType::F32);
            let made_by_all = quickest(quick, || computed(&made_by_all.sum(&[0, 1, 2])))?;
            Ok(((sweep + made) / (all + made_by_all) / threads as f64).clamp(0.05, 1.0))
        })?,
    };
    // Tiles of 1024 elements, and stages of next to nothing.
    let (tile_s, stage_s) = on(
        1,
        Tiling {
            elements: 1,
            ..Tiling::default()
        },
        |driver| {
            let x = driver
                .default_rng(3)
                .random_as(&[1024, 1024], DType::F32)
                .persist()?;
            let few = quickest(quick, || computed(&x.chunk(&[1024, 1024]).sum(&[0, 1])))?;
            let many = quickest(quick, || computed(&x.chunk(&[1, 1024]).sum(&[0, 1])))?;
            let small = driver.default_rng(4).random_as(&[4, 4], DType::F32);
            let small = quickest(quick, || computed(&small.sum(&[0, 1])))?;
            Ok(((many - few).max(0.0) / 1024.0, small))
        },
    )?;
    rates.fold_ns = rates.fold_ns.max(1e-3);
    Ok(Measured {
        rates,
        parallel_efficiency,
        stage_s,
        tile_s: tile_s.clamp(1e-7, 1e-3),
    })
}
