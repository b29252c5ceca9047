//! The engine over arrays in memory: the same bits on any ranks and threads, and NumPy's values.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

#[path = "engine/kernels.rs"]
mod kernels_of_the_program;
#[path = "engine/resume.rs"]
mod resume;

use hyperslab::array::{Array, Boundary, Norm, PadMode, StoreOptions, compute, store};
use hyperslab::block::Block;
use hyperslab::comm::Fabric;
use hyperslab::config::Limits;
use hyperslab::driver::{Config, Driver, launch_with};
use hyperslab::dtype::DType;
use hyperslab::kernel::{KernelCall, register_kernel};
use hyperslab::op::ReductionKind;
use hyperslab::plan::Tiling;
use hyperslab::spec::{Compression, Encoding};
use ndarray::ArrayD;
use std::sync::Arc;

fn on<T: Send>(
    fabric: Fabric,
    threads: usize,
    program: impl FnOnce(&Driver) -> hyperslab::Result<T> + Send,
) -> T {
    let limits = Limits {
        threads,
        reads: 2,
        ..Limits::default()
    };
    let config = Config {
        limits,
        fabric: Some(fabric),
        ..Config::default()
    };
    launch_with(&config, program)
        .map_err(|(_, e)| e)
        .unwrap()
        .unwrap()
}

fn cube(shape: &[usize]) -> ArrayD<f32> {
    let mut state = 12345u64;
    ArrayD::from_shape_fn(shape, |_| {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        let v = (state >> 40) as f32 / 1e4;
        if state.is_multiple_of(11) {
            f32::NAN
        } else {
            v
        }
    })
}

fn outputs(driver: &Driver) -> hyperslab::Result<Vec<Block>> {
    let x = driver
        .from_ndarray(cube(&[37, 150, 110]))
        .chunk(&[5, 40, 30]);
    let codes = Arc::new(
        (0..37u32)
            .map(|t| if t == 3 { u32::MAX } else { t / 10 })
            .collect(),
    );
    let y = &x * 2.0 + 1.0;
    let mean = y.nanmean(&[]);
    let anomaly = &x - x.nanmean(&[0]).broadcast_to(&[37, 150, 110]);
    let list: Vec<Array> = vec![
        mean,
        y.nansum(&[0]),
        y.nansum(&[1, 2]),
        y.nanstd(&[0, 1], 1),
        y.max(&[2]),
        y.nanargmax(&[0]),
        y.nanargmin(&[]),
        x.group_reduce(ReductionKind::Mean, 0, Arc::clone(&codes), 4, None),
        x.group_reduce(ReductionKind::Last, 0, codes, 4, None)
            .nanmean(&[1, 2]),
        anomaly.nanstd(&[], 0),
        x.slice(0, Some(3), Some(30), 4)
            .slice(2, None, None, -1)
            .transpose(&[2, 0, 1])
            .nansum(&[1]),
        x.isnan().any(&[0]),
        x.count(&[0, 2]),
        x.slice(1, Some(5), Some(9), 1),
    ];
    compute(&list.iter().collect::<Vec<_>>())
}

#[test]
fn bits_do_not_depend_on_ranks_and_threads() {
    let reference = on(Fabric::Solo, 1, outputs);
    for ranks in [1, 2, 3, 4, 7] {
        for threads in [1, 2, 3] {
            let blocks = on(Fabric::Threads(ranks), threads, outputs);
            for (number, (a, b)) in reference.iter().zip(&blocks).enumerate() {
                assert_eq!(a.shape(), b.shape());
                assert!(
                    a.buffer().as_bytes() == b.buffer().as_bytes(),
                    "output {number} differs on {ranks} ranks x {threads} threads"
                );
            }
        }
    }
}

/// Folds of a stack in storage chunks of one step, whose tiles take several steps at once.
#[test]
fn stacks_fold_by_several_steps_with_the_same_bits_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stack.nc");
    let path = path.to_str().unwrap();
    let (shape, cells) = ([40, 83, 97], 83 * 97);
    on(Fabric::Solo, 1, |driver| {
        let encoding = Encoding {
            chunks: Some(vec![1, 83, 97]),
            compression: Some(Compression::Deflate(1)),
            shuffle: true,
            ..Encoding::default()
        };
        let options = StoreOptions {
            overwrite: true,
            encoding,
        };
        store(&[("x", &driver.from_ndarray(cube(&shape)))], path, &options)
    });
    let program = |driver: &Driver| {
        let x = driver.open(path)?.var("x").array().clone();
        let doubled = &x + &x;
        let made = compute(&[
            &x.nanmin(&[0]),
            &x.nanmax(&[0]),
            &x.nanmean(&[0]),
            &x.nanstd(&[0], 0),
            &doubled.nansum(&[0]),
            &x.nanargmax(&[0]),
        ])?;
        let decoded = driver.session().finished().stats.decoded_bytes;
        assert_eq!(decoded, (4 * 40 * cells) as u64, "each chunk once");
        Ok(made)
    };
    let run = |fabric, threads| {
        let config = Config {
            limits: Limits {
                threads,
                ..Limits::default()
            },
            fabric: Some(fabric),
            tiling: Tiling {
                elements: 1,
                ..Tiling::default()
            },
            ..Config::default()
        };
        launch_with(&config, program)
            .map_err(|(_, e)| e)
            .unwrap()
            .unwrap()
    };
    let reference = run(Fabric::Solo, 1);
    for (ranks, threads) in [(1, 3), (2, 1), (3, 2), (7, 1)] {
        let blocks = run(Fabric::Threads(ranks), threads);
        for (number, (a, b)) in reference.iter().zip(&blocks).enumerate() {
            assert!(
                a.buffer().as_bytes() == b.buffer().as_bytes(),
                "output {number} differs on {ranks} ranks x {threads} threads"
            );
        }
    }
    let x = cube(&shape);
    let x = x.as_slice().unwrap();
    let close = |a: f64, b: f64| (a - b).abs() <= 1e-6 * b.abs();
    for cell in (0..cells).step_by(101) {
        let line = || (0..40).map(|t| f64::from(x[t * cells + cell]));
        let seen: Vec<f64> = line().filter(|v| !v.is_nan()).collect();
        let count = seen.len() as f64;
        let mean = seen.iter().sum::<f64>() / count;
        let var = seen.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
        let max = seen.iter().copied().fold(f64::NAN, f64::max);
        let got: Vec<f64> = reference
            .iter()
            .map(|block| block.get(cell).unwrap().as_f64())
            .collect();
        assert_eq!(got[0], seen.iter().copied().fold(f64::NAN, f64::min));
        assert_eq!(got[1], max);
        assert!(close(got[2], mean) && close(got[3], var.sqrt()), "{got:?}");
        assert!(close(got[4], 2.0 * mean * count), "{got:?}");
        assert_eq!(Some(got[5] as usize), line().position(|v| v == max));
    }
}

#[test]
fn values_are_those_of_a_plain_loop() {
    let blocks = on(Fabric::Solo, 2, outputs);
    let x = cube(&[37, 150, 110]);
    let valid: Vec<f64> = x
        .iter()
        .filter(|v| !v.is_nan())
        .map(|v| f64::from(v * 2.0 + 1.0))
        .collect();
    let mean = valid.iter().sum::<f64>() / valid.len() as f64;
    let ours = blocks[0].as_slice::<f32>().unwrap()[0];
    assert!(
        (f64::from(ours) - mean).abs() < 1e-6 * mean.abs(),
        "{ours} {mean}"
    );
    let sum = blocks[1].as_slice::<f32>().unwrap();
    for (cell, sum) in sum.iter().enumerate() {
        let column: f64 = (0..37)
            .map(|t| x.as_slice().unwrap()[t * 150 * 110 + cell])
            .filter(|v| !v.is_nan())
            .map(|v| f64::from(v * 2.0 + 1.0))
            .sum();
        assert!((f64::from(*sum) - column).abs() <= 1e-6 * column.abs());
    }
    let window = &blocks[13];
    assert_eq!(window.shape(), [37, 4, 110]);
    let first = window.as_slice::<f32>().unwrap()[0];
    let expected = x[[0, 5, 0]];
    assert!(first == expected || (first.is_nan() && expected.is_nan()));
    assert_eq!(blocks[10].shape(), [110, 150]);
}

#[test]
fn empty_axes_have_identities() {
    let blocks = on(Fabric::Threads(2), 1, |driver| {
        let x = driver.zeros(&[0, 3]);
        compute(&[&x.sum(&[0]), &x.sum(&[1]), &x])
    });
    assert_eq!(blocks[0].as_slice::<f64>().unwrap(), [0.0; 3]);
    assert_eq!(blocks[1].shape(), [0]);
    assert_eq!(blocks[2].shape(), [0, 3]);
}

/// f64 values that sums keep exact.
fn exact(shape: &[usize]) -> ArrayD<f64> {
    let mut next = 0u64;
    ArrayD::from_shape_fn(shape, |_| {
        next = next
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (next >> 50) as f64
    })
}

fn block_operations(driver: &Driver) -> hyperslab::Result<Vec<Block>> {
    let x = driver.from_ndarray(exact(&[60, 70])).chunk(&[16, 16]);
    let shift = |y: isize, x_: isize| {
        x.slice(0, Some(1 + y), Some(59 + y), 1)
            .slice(1, Some(1 + x_), Some(69 + x_), 1)
    };
    let mut smooth = shift(-1, -1);
    for y in -1..2 {
        for x in -1..2 {
            if (y, x) != (-1, -1) {
                smooth = smooth + shift(y, x);
            }
        }
    }
    let doubled = &x * 2.0;
    let list = vec![
        x.cumsum(0),
        x.cumsum(1).cumsum(0),
        doubled.cumsum(0).slice(0, Some(5), Some(50), 3).sum(&[1]),
        x.reshape(&[-1]),
        x.reshape(&[7, 30, 20]).transpose(&[2, 0, 1]),
        (&x + 1.0).concat(&[&x, &doubled], 0),
        x.slice(1, Some(50), None, 1)
            .concat(&[&x.slice(1, None, Some(50), 1)], 1),
        smooth,
        driver.indices_1d(1000).reshape(&[10, 100]).sum(&[0]),
        x.concat(&[&doubled], 1).cumsum(1).max(&[0]),
    ];
    compute(&list.iter().collect::<Vec<_>>())
}

/// An element of a window is a function of the window and of its index: sums of random floats, whose last bits tell where a
/// running sum began, in tiles of many lengths.
#[test]
fn windows_do_not_know_of_tiles() {
    let made = |elements: usize, ranks: usize| {
        let config = Config {
            fabric: Some(Fabric::Threads(ranks)),
            tiling: Tiling {
                elements,
                ..Tiling::default()
            },
            ..Config::default()
        };
        launch_with(&config, |driver| {
            let x = driver.default_rng(3).standard_normal(&[5003]) * 1e3 + 0.1;
            let whole = x.rolling(0, 37);
            let some = x.rolling(0, 300).min_periods(2).center(true);
            compute(&[
                &whole.sum(),
                &whole.mean(),
                &whole.std(1),
                &some.sum(),
                &some.var(0),
            ])
        })
        .unwrap()
        .unwrap()
    };
    let due = made(1 << 18, 1);
    assert!(
        due[3]
            .as_slice::<f64>()
            .unwrap()
            .iter()
            .all(|v| v.is_finite())
    );
    for (elements, ranks) in [(1, 1), (64, 2), (100, 3), (1000, 1), (1777, 2)] {
        for (number, (due, made)) in due.iter().zip(made(elements, ranks)).enumerate() {
            assert!(
                due.buffer().as_bytes() == made.buffer().as_bytes(),
                "output {number} in tiles of {elements} on {ranks} ranks"
            );
        }
    }
}

/// Pieces larger than a band, made inside one another (random, smoothed, padded, transformed), are those that are made one
/// after another and kept between.
#[test]
fn pieces_made_by_bands_are_those_made_at_once() {
    let images = |driver: &Driver| -> hyperslab::Result<Array> {
        let x = driver.default_rng(7).uniform(-40.0, 200.0, &[2, 190, 410]);
        let x = x.chunk(&[1, 190, 410]);
        let mut sum: Option<Array> = None;
        for (dy, dx) in (0..9).map(|k| (k / 3, k % 3)) {
            let part = x.slice(1, Some(dy), Some(188 + dy), 1);
            let part = part.slice(2, Some(dx), Some(408 + dx), 1);
            sum = Some(sum.map_or(part.clone(), |sum| sum + part));
        }
        let sum = sum.ok_or_else(|| hyperslab::Error::internal("no parts"))?;
        let smoothed = sum.floor_divide(9);
        Ok(smoothed.pad(&[(0, 0), (1, 1), (1, 1)], &PadMode::constant(0.0)))
    };
    let program = |driver: &Driver, kept: bool| {
        let smoothed = images(driver)?;
        let smoothed = match kept {
            true => smoothed.persist()?,
            false => smoothed,
        };
        let spectra = smoothed.fft2(None, [-2, -1], Norm::Backward);
        let down = smoothed.cumsum(1);
        compute(&[&spectra, &down, &spectra.abs().sum(&[1, 2]), &smoothed])
    };
    let due = on(Fabric::Solo, 1, |driver| program(driver, true));
    let values = due[3].as_slice::<f64>().unwrap();
    assert!(values.iter().all(|v| *v == v.floor()) && values.iter().any(|v| *v > 30.0));
    for (ranks, threads) in [(1, 1), (1, 3), (2, 2), (3, 1)] {
        let made = on(Fabric::Threads(ranks), threads, |driver| {
            program(driver, false)
        });
        for (number, (due, made)) in due.iter().zip(&made).enumerate() {
            assert!(
                due.buffer().as_bytes() == made.buffer().as_bytes(),
                "output {number} on {ranks} ranks x {threads} threads"
            );
        }
    }
}

#[test]
fn operations_on_blocks_are_the_same_everywhere() {
    let x = exact(&[60, 70]);
    let at = |y: usize, x_: usize| x[[y, x_]];
    let reference = on(Fabric::Solo, 1, block_operations);
    let value = |number: usize, index: usize| reference[number].as_slice::<f64>().unwrap()[index];
    for y in 0..60 {
        for c in 0..70 {
            let i = y * 70 + c;
            assert_eq!(value(0, i), (0..=y).map(|k| at(k, c)).sum::<f64>());
            assert_eq!(value(3, i), at(y, c));
            assert_eq!(value(5, i), at(y, c) + 1.0);
            assert_eq!(value(5, i + 60 * 70), at(y, c));
            assert_eq!(value(5, i + 120 * 70), 2.0 * at(y, c));
            assert_eq!(value(6, i), at(y, (c + 50) % 70));
            let corner: f64 = (0..=y)
                .flat_map(|a| (0..=c).map(move |b| (a, b)))
                .map(|(a, b)| at(a, b))
                .sum();
            assert_eq!(value(1, i), corner);
        }
    }
    for y in 0..58 {
        for c in 0..68 {
            let sum: f64 = (0..9).map(|k| at(y + k / 3, c + k % 3)).sum();
            assert_eq!(value(7, y * 68 + c), sum);
        }
    }
    assert_eq!(reference[4].shape(), [20, 7, 30]);
    // [20, 7, 30] at [0, 1, 0] is [7, 30, 20] at [1, 0, 0].
    assert_eq!(value(4, 30), x.as_slice().unwrap()[600]);
    let sums = reference[8].as_slice::<i64>().unwrap();
    assert_eq!(sums[3], (0..10).map(|k| k * 100 + 3).sum::<i64>());
    for ranks in [1, 2, 3, 4, 7] {
        for threads in [1, 2] {
            let blocks = on(Fabric::Threads(ranks), threads, block_operations);
            for (number, (a, b)) in reference.iter().zip(&blocks).enumerate() {
                assert_eq!(a.shape(), b.shape());
                assert!(
                    a.buffer().as_bytes() == b.buffer().as_bytes(),
                    "output {number} differs on {ranks} ranks x {threads} threads"
                );
            }
        }
    }
}

#[test]
fn persisted_arrays_stay_with_the_ranks() {
    let program = |driver: &Driver| {
        let x = (driver.from_ndarray(exact(&[60, 70])) * 2.0)
            .chunk(&[7, 70])
            .persist()?;
        let mean = x.sum(&[0]);
        let columns = (&x + 1.0).chunk(&[60, 9]).persist()?;
        let blocks = compute(&[
            &mean,
            &columns,
            &columns.cumsum(0),
            &x.slice(0, None, None, -1),
        ])?;
        x.release()?;
        let error = x.sum(&[]).compute_block().unwrap_err();
        assert_eq!(
            error.message(),
            "compute: it needs a persisted array of shape [60, 70] that was released"
        );
        assert!(mean.release().is_err());
        // What is still held works; what was released is gone on all ranks with the next run.
        assert_eq!(columns.max(&[]).compute_block()?.elements(), 1);
        Ok(blocks)
    };
    let reference = on(Fabric::Solo, 1, program);
    let x = exact(&[60, 70]) * 2.0;
    assert_eq!(
        reference[0].as_slice::<f64>().unwrap(),
        x.sum_axis(ndarray::Axis(0)).as_slice().unwrap()
    );
    assert_eq!(
        reference[1].as_slice::<f64>().unwrap(),
        (&x + 1.0).as_slice().unwrap()
    );
    assert_eq!(
        reference[3].as_slice::<f64>().unwrap()[..70],
        x.as_slice().unwrap()[59 * 70..]
    );
    for ranks in [2, 3, 7] {
        let blocks = on(Fabric::Threads(ranks), 2, program);
        for (a, b) in reference.iter().zip(&blocks) {
            assert!(
                a.buffer().as_bytes() == b.buffer().as_bytes(),
                "{ranks} ranks"
            );
        }
    }
}

/// 3 × 3 sums of integers, floor-divided by the first parameter (9 without one); where a border cuts the margin, over what is
/// there. The second input, if any, is added.
fn smooth9(call: &mut KernelCall<'_>) -> hyperslab::Result<()> {
    let by = call.params().first().map_or(9, |v| *v as i64);
    let shape = call.shape().to_vec();
    let margins = [call.margin(0), call.margin(1)];
    let mut made = Vec::with_capacity(shape[0] * shape[1]);
    let x = call.input::<i64>(0)?;
    for y in 0..shape[0] {
        for c in 0..shape[1] {
            let range = |axis: usize, at: usize| {
                let (before, after) = margins[axis];
                let near = at + before;
                near.saturating_sub(1)..(near + 2).min(before + shape[axis] + after)
            };
            let rows = range(0, y);
            let sum: i64 = rows
                .flat_map(|a| range(1, c).map(move |b| (a, b)))
                .map(|(a, b)| x[[a, b]])
                .sum();
            let extra = match call.inputs() {
                2 => call.input::<i64>(1)?[[y + margins[0].0, c + margins[1].0]],
                _ => 0,
            };
            made.push(sum.div_euclid(by) + extra);
        }
    }
    let mut out = call.output::<i64>()?;
    out.iter_mut().zip(made).for_each(|(to, v)| *to = v);
    Ok(())
}

/// Half of the first input, and the second, and the number of the row.
fn rows(call: &mut KernelCall<'_>) -> hyperslab::Result<()> {
    let (by, start) = (call.params()[0], call.start()[0]);
    let (x, y) = (call.input::<i64>(0)?, call.input::<i64>(1)?);
    let made: Vec<f64> = (x.indexed_iter().zip(y.iter()))
        .map(|((at, x), y)| *x as f64 * by + *y as f64 + (start + at[0]) as f64)
        .collect();
    let mut out = call.output::<f64>()?;
    out.iter_mut().zip(made).for_each(|(to, v)| *to = v);
    Ok(())
}

fn kernels(driver: &Driver) -> hyperslab::Result<Vec<Block>> {
    let values = exact(&[23, 31]).mapv(|v| v as i64 - 5000);
    let x = driver.from_ndarray(values).chunk(&[7, 8]);
    let mut list = Vec::new();
    for (boundary, mode) in [
        (Boundary::Constant(7i64.into()), PadMode::constant(7i64)),
        (Boundary::Nearest, PadMode::Edge),
        (Boundary::Reflect, PadMode::Symmetric),
        (Boundary::Periodic, PadMode::Wrap),
    ] {
        let padded = x.pad(&[(1, 1)], &mode);
        let mut sum: Option<Array> = None;
        for y in 0..3 {
            for c in 0..3 {
                let part = padded.slice(0, Some(y), Some(y + 23), 1);
                let part = part.slice(1, Some(c), Some(c + 31), 1);
                sum = Some(sum.map_or(part.clone(), |sum| sum + part));
            }
        }
        list.extend(sum.map(|sum| sum.floor_divide(9)));
        list.push(x.map_overlap("smooth9", &[], &[1], &[boundary], DType::I64, &[]));
    }
    let none = [Boundary::None, Boundary::Nearest];
    list.push(x.map_overlap("smooth9", &[&x], &[1, 1], &none, DType::I64, &[1.0]));
    let first = x.slice(0, Some(0), Some(1), 1);
    list.push(x.map_blocks("rows", &[&first], DType::F64, &[0.5]));
    compute(&list.iter().collect::<Vec<_>>())
}

#[test]
fn kernels_of_the_program_are_the_same_as_expressions() {
    register_kernel("rows", rows).unwrap();
    register_kernel("smooth9", smooth9).unwrap();
    register_kernel("smooth9", smooth9).unwrap();
    let other = register_kernel("smooth9", |_| Ok(())).unwrap_err();
    assert!(
        other.message().contains("the name \"smooth9\" is taken"),
        "{other}"
    );
    let reference = on(Fabric::Solo, 1, kernels);
    for pair in reference[..8].chunks(2) {
        assert_eq!(pair[0], pair[1]);
    }
    let x = exact(&[23, 31]).mapv(|v| v as i64 - 5000);
    // Nothing beyond the first row, the border again beyond the first column.
    let sum = 2 * (x[[0, 0]] + x[[1, 0]]) + x[[0, 1]] + x[[1, 1]] + x[[0, 0]];
    assert_eq!(reference[8].as_slice::<i64>().unwrap()[0], sum);
    let scaled = x[[20, 30]] as f64 * 0.5 + x[[0, 30]] as f64 + 20.0;
    assert_eq!(
        reference[9].as_slice::<f64>().unwrap()[20 * 31 + 30],
        scaled
    );
    for ranks in [1, 2, 3, 4] {
        let blocks = on(Fabric::Threads(ranks), 2, kernels);
        for (number, (a, b)) in reference.iter().zip(&blocks).enumerate() {
            assert_eq!(a, b, "output {number} on {ranks} ranks");
        }
    }
    on(Fabric::Solo, 1, |driver| {
        let x = driver.zeros(&[4, 5]);
        let error = x.map_blocks("smoth9", &[], DType::I64, &[]).check();
        let error = error.unwrap_err();
        assert!(
            error
                .message()
                .contains("map_blocks: unknown kernel \"smoth9\"; known: "),
            "{error}"
        );
        let wrong = x
            .map_blocks("smooth9", &[], DType::I64, &[])
            .compute_block();
        let error = wrong.unwrap_err();
        assert!(
            error.to_string().contains("input 0 is float64, not int64"),
            "{error}"
        );
        Ok(())
    });
}

/// An axis longer than one run, in tiles of every rank, against a plain sum; nothing holds the axis whole.
#[test]
fn long_scans_stream() {
    let n = 3_000_000usize;
    let sums = |driver: &Driver| {
        let x = driver.indices_1d(n);
        let y = x.remainder(7).astype(DType::F32);
        compute(&[
            &x.cumsum(0).slice(0, None, None, 99_991),
            &y.cumsum(0).slice(0, None, None, 99_991),
            &y.cumsum(0).mean(&[0]),
        ])
    };
    let reference = on(Fabric::Solo, 1, sums);
    let exact = |k: usize| (0..=k).map(|i| (i % 7) as u64).sum::<u64>();
    for (number, k) in (0..n).step_by(99_991).enumerate() {
        assert_eq!(
            reference[0].as_slice::<i64>().unwrap()[number],
            (k * (k + 1) / 2) as i64
        );
        assert_eq!(
            reference[1].as_slice::<f32>().unwrap()[number],
            exact(k) as f32
        );
    }
    for ranks in [2, 3] {
        let blocks = on(Fabric::Threads(ranks), 2, sums);
        assert_eq!(reference, blocks, "{ranks} ranks");
    }
    let limits = Limits {
        threads: 1,
        memory_bytes: 16 << 20,
        ..Limits::default()
    };
    let config = Config {
        limits,
        fabric: Some(Fabric::Threads(2)),
        ..Config::default()
    };
    // The axis is 24 MB, the budget of a rank 16.
    let small = launch_with(&config, |driver| {
        driver.indices_1d(n).cumsum(0).max(&[0]).compute_block()
    });
    let small = small.unwrap().unwrap();
    assert_eq!(small.as_slice::<i64>().unwrap(), [(n * (n - 1) / 2) as i64]);
}

#[test]
fn partial_results_travel_in_rounds() {
    // Each rank holds steps of all cells: 6.4 MB of partial sums travel, in rounds of 4 MiB.
    let mean = |driver: &Driver| {
        let x = driver.default_rng(5).random(&[6, 800, 1000]);
        let held = x.chunk(&[1, 800, 1000]).persist()?;
        held.mean(&[0]).compute_block()
    };
    let reference = on(Fabric::Solo, 2, mean);
    for ranks in [2, 3] {
        let block = on(Fabric::Threads(ranks), 1, mean);
        assert!(
            reference.buffer().as_bytes() == block.buffer().as_bytes(),
            "{ranks} ranks"
        );
    }
}
