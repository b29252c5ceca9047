//! Peak memory: what was measured on each rank is at most what the plan projected, and does not grow with time steps.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

mod support;

use hyperslab::array::{Border, compute};
use hyperslab::block::Block;
use hyperslab::comm::Fabric;
use hyperslab::config::Limits;
use hyperslab::driver::{Config, Driver, Finished, launch_with};
use hyperslab::dtype::DType;
use hyperslab::labelled::{DataArray, Dataset, Indexer, ManyOptions, Points};
use hyperslab::op::ReductionKind;
use hyperslab::plan::Tiling;
use hyperslab::plot::PlotOptions;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use support::files::{landsat, limits, ndvi, on, on_tiles, packed};

/// The numbers of a finished program.
fn measured(
    elements: usize,
    fabric: Fabric,
    threads: usize,
    memory: u64,
    program: impl FnOnce(&Driver) -> hyperslab::Result<()> + Send,
) -> Finished {
    on_tiles(elements, fabric, limits(threads, memory), |driver| {
        program(driver)?;
        Ok(driver.session().finished())
    })
    .unwrap()
}

fn within(what: &str, done: &Finished, memory: u64) {
    println!(
        "{what}: measured {:?}, projected {}",
        done.peaks, done.projected_bytes
    );
    for (rank, peak) in done.peaks.iter().enumerate() {
        assert!(
            *peak <= done.projected_bytes,
            "{what}: rank {rank} used {peak} bytes, projected {}",
            done.projected_bytes
        );
    }
    assert!(done.projected_bytes <= memory, "{what}");
}

type Work = fn(&Driver, &Path, &Path) -> hyperslab::Result<()>;

fn season(d: &Driver, input: &Path, out: &Path) -> hyperslab::Result<()> {
    ndvi(d, input)?.save(out)
}

fn copy(d: &Driver, input: &Path, out: &Path) -> hyperslab::Result<()> {
    (d.open(input)?.var("red") * 0.5).rename("v").save(out)
}

fn means(d: &Driver, input: &Path, _: &Path) -> hyperslab::Result<()> {
    let ds = d.open(input)?;
    let (red, nir) = (ds.var("red"), ds.var("nir08"));
    compute(&[
        red.mean("time").array(),
        nir.std(["y", "x"]).array(),
        (&red + &nir).max(()).array(),
        red.count("x").array(),
    ])
    .map(drop)
}

/// Statistics of maps whose running states do not fit the cache: tiles of several steps.
fn statistics(d: &Driver, input: &Path, _: &Path) -> hyperslab::Result<()> {
    let ds = d.open(input)?;
    let red = ds.var("red").array().clone();
    let nir = ds.var("nir08").array().clone();
    compute(&[
        &red.min(&[0]),
        &red.max(&[0]),
        &(&red + &nir).mean(&[0]),
        &nir.std(&[0], 0),
    ])
    .map(drop)
}

fn anomaly(d: &Driver, input: &Path, out: &Path) -> hyperslab::Result<()> {
    let red = d.open(input)?.var("red");
    (&red - &red.mean("time")).rename("anomaly").save(out)
}

fn turned(d: &Driver, input: &Path, _: &Path) -> hyperslab::Result<()> {
    let red = d.open(input)?.var("red");
    red.transpose(&["x", "time", "y"])
        .sum("time")
        .compute_block()
        .map(drop)
}

fn memory(d: &Driver, _: &Path, _: &Path) -> hyperslab::Result<()> {
    let x = d.from_ndarray(ndarray::ArrayD::from_shape_fn(&[60, 90, 70][..], |i| {
        i[0] as f32
    }));
    let codes = Arc::new((0..60).map(|t| t % 4).collect());
    let groups = x
        .chunk(&[7, 30, 70])
        .group_reduce(ReductionKind::Mean, 0, codes, 4, None);
    compute(&[
        &groups,
        &x.max(&[0]),
        &(&x - &groups.max(&[0])).std(&[1, 2], 0),
    ])
    .map(drop)
}

/// A map, a line with its band, a histogram and a film of small frames.
fn pictures(d: &Driver, input: &Path, out: &Path) -> hyperslab::Result<()> {
    let red = d.open(input)?.var("red");
    let name = |ending| {
        let path = out.with_extension(ending);
        let _ = std::fs::remove_file(&path);
        path
    };
    let small = PlotOptions {
        size: Some(50),
        ..PlotOptions::default()
    };
    red.mean("time").plot_with(name("png"), &small)?;
    red.max(["time", "y"]).plot_with(name("png"), &small)?;
    red.hist(name("png"), 5)?;
    red.animate_with(name("gif"), "time", &small)
}

const WORK: [(&str, Work); 8] = [
    ("pictures", pictures),
    ("statistics", statistics),
    ("season", season),
    ("copy", copy),
    ("means", means),
    ("anomaly", anomaly),
    ("turned", turned),
    ("memory", memory),
];

#[test]
fn peaks_stay_below_the_projection() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("cube.nc");
    landsat(&input, [20, 150, 170], 64);
    let mut wrong = Vec::new();
    for elements in [1, 1 << 16] {
        for (name, work) in WORK {
            for (fabric, threads, budget) in [
                (Fabric::Solo, 1, 1 << 30),
                (Fabric::Solo, 3, 1 << 30),
                (Fabric::Threads(3), 2, 1 << 30),
                (Fabric::Threads(4), 1, 24 << 20),
            ] {
                let out: PathBuf = folder.path().join("out.nc");
                let done = measured(elements, fabric, threads, budget, |d| work(d, &input, &out));
                let what = format!("{name} on {fabric:?} x {threads}, tiles of {elements}");
                println!(
                    "{what}: measured {:?}, projected {}",
                    done.peaks, done.projected_bytes
                );
                assert!(done.projected_bytes <= budget, "{what}");
                if done.peaks.iter().any(|peak| *peak > done.projected_bytes) {
                    wrong.push(format!(
                        "{what}: {:?} > {}",
                        done.peaks, done.projected_bytes
                    ));
                }
                let _ = std::fs::remove_file(&out);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Partial results wait: in a rank's share of a split fold until the ranks combine, and in folds whose pieces are walked
/// across. Both are projected.
#[test]
fn partial_results_that_wait_are_projected() {
    type Made = fn(&Driver) -> hyperslab::Result<()>;
    let few_columns: Made = |d| {
        let x = d.default_rng(3).random(&[600, 30, 64]).chunk(&[5, 15, 32]);
        compute(&[&x.mean(&[0])]).map(drop)
    };
    let many_columns: Made = |d| {
        let x = d.default_rng(3).random(&[160, 60, 64]).chunk(&[5, 10, 8]);
        compute(&[&x.std(&[0], 0)]).map(drop)
    };
    let across: Made = |d| {
        let x = d.default_rng(3).random(&[400, 30, 50]).chunk(&[5, 3, 50]);
        compute(&[&x.mean(&[1]), &x.max(&[0])]).map(drop)
    };
    let both: Made = |d| {
        let x = d.default_rng(3).random(&[90, 8, 110]).chunk(&[3, 8, 5]);
        compute(&[&x.mean(&[0, 2])]).map(drop)
    };
    let groups: Made = |d| {
        let x = d.default_rng(3).random(&[240, 30, 40]).chunk(&[2, 30, 20]);
        let codes = Arc::new((0..240).map(|t| t % 12).collect());
        let x = x.group_reduce(ReductionKind::Mean, 0, codes, 12, None);
        x.compute_block().map(drop)
    };
    let mut wrong = Vec::new();
    for (name, work) in [
        ("few columns", few_columns),
        ("many columns", many_columns),
        ("across", across),
        ("both", both),
        ("groups", groups),
    ] {
        for (ranks, threads) in [(1, 1), (1, 2), (2, 1), (3, 1), (5, 2), (7, 1)] {
            let done = measured(1, Fabric::Threads(ranks), threads, 1 << 30, work);
            let what = format!("{name} on {ranks} x {threads}");
            println!(
                "{what}: measured {:?}, projected {}",
                done.peaks, done.projected_bytes
            );
            if done.peaks.iter().any(|peak| *peak > done.projected_bytes) {
                wrong.push(format!(
                    "{what}: {:?} > {}",
                    done.peaks, done.projected_bytes
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A walk over many files holds the pieces of the files that a tile lies in, and the projection says so.
#[test]
fn many_files_are_held_a_tile_at_a_time() {
    const FILES: usize = 60;
    let folder = tempfile::tempdir().unwrap();
    let name = |chunked: bool, file: usize| match chunked {
        true => folder.path().join(format!("packed{file:02}.nc")),
        false => folder.path().join(format!("plain{file:02}.nc")),
    };
    measured(1, Fabric::Solo, 2, 1 << 30, |d| {
        for file in 0..FILES {
            // Of uneven lengths.
            let x = d.default_rng(file as u64).random(&[3 + file % 3, 90, 120]);
            let x = DataArray::new(x, &["time", "y", "x"], Vec::new()).rename("v");
            x.save(name(false, file))?;
            let counts = (&x * 1e4).astype(DType::I16);
            let counts = counts.with_encoding(packed(&[2, 90, 120]));
            counts
                .with_attr("scale_factor", 1e-4)
                .save(name(true, file))?;
        }
        Ok(())
    });
    let whole = (FILES * 4 * 90 * 120 * 8) as u64;
    let out = folder.path().join("out.nc");
    type Made = fn(&DataArray, &Path) -> hyperslab::Result<()>;
    let map: Made = |v, _| v.mean("time").compute_block().map(drop);
    let series: Made = |v, _| (v * 2.0).std(["y", "x"]).compute_block().map(drop);
    let copy: Made = |v, out| v.save(out);
    let mut wrong = Vec::new();
    for chunked in [false, true] {
        let paths: Vec<PathBuf> = (0..FILES).map(|file| name(chunked, file)).collect();
        let options = ManyOptions {
            concat_dim: Some("time".into()),
            ..ManyOptions::default()
        };
        for (job, work) in [("map", map), ("series", series), ("copy", copy)] {
            for (fabric, threads) in [
                (Fabric::Solo, 1),
                (Fabric::Solo, 3),
                (Fabric::Threads(3), 1),
            ] {
                let done = measured(1, fabric, threads, 1 << 30, |d| {
                    work(&d.open_many(&paths, &options)?.var("v"), &out)
                });
                let what = format!("{job}, packed {chunked}, on {fabric:?} x {threads}");
                println!(
                    "{what}: {:?}, projected {}, whole {whole}",
                    done.peaks, done.projected_bytes
                );
                let _ = std::fs::remove_file(&out);
                let peak = *done.peaks.iter().max().unwrap();
                let fits = peak <= done.projected_bytes;
                if !fits || peak > whole / 3 || done.projected_bytes > whole / 2 {
                    wrong.push(what);
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The decoded bytes that the plan projects.
fn decoded_by_plan(
    ranks: usize,
    limits: Limits,
    program: impl FnOnce(&Driver) -> hyperslab::Result<()> + Send,
) -> u64 {
    let config = Config {
        limits,
        dry_ranks: Some(ranks),
        tiling: Tiling {
            elements: 1,
            ..Tiling::default()
        },
        ..Config::default()
    };
    let plans = launch_with(&config, |driver| {
        program(driver)?;
        Ok(driver.session().planned())
    });
    let plans = plans.map_err(|(_, e)| e).unwrap().unwrap();
    let stages = plans.iter().flat_map(|plan| plan.footprints());
    stages.map(|stage| stage.decoded_bytes).sum()
}

/// Chunks that a second pass needs stay in the memory that is left: all, some, or none of them; never another result.
#[test]
fn decoded_chunks_stay_where_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let (input, out) = (folder.path().join("in.nc"), folder.path().join("out.nc"));
    let whole = 60 * 90 * 120 * 8;
    measured(1, Fabric::Solo, 2, 1 << 30, |d| {
        let x = d.default_rng(5).random(&[60, 90, 120]);
        let x = DataArray::new(x, &["time", "y", "x"], Vec::new()).rename("v");
        x.with_encoding(packed(&[5, 30, 40])).save(&input)
    });
    let (mut results, mut kept) = (Vec::new(), Vec::new());
    for (ranks, threads) in [(1, 1), (1, 3), (2, 2), (3, 1)] {
        for budget in [64u64 << 20, 4 << 20, 2560 << 10, 1 << 20] {
            let limits = limits(threads, budget);
            let program = |d: &Driver| {
                let v = d.open(&input)?.var("v");
                let doubled = (&v - &v.mean("time")) * 2.0;
                (doubled + &v.max(["y", "x"])).rename("v").save(&out)
            };
            let fabric = match ranks {
                1 => Fabric::Solo,
                _ => Fabric::Threads(ranks),
            };
            let done = on_tiles(1, fabric, limits.clone(), |d| {
                program(d)?;
                Ok(d.session().finished())
            });
            let Ok(done) = done else {
                // Not even a task fits on one thread.
                assert!(budget < 2 << 20);
                continue;
            };
            let what = format!("{ranks} x {threads} in {budget}");
            println!(
                "{what}: {:?} of {}, decoded {}",
                done.peaks, done.projected_bytes, done.stats.decoded_bytes
            );
            assert!(
                done.peaks.iter().all(|peak| *peak <= done.projected_bytes),
                "{what}"
            );
            assert!(done.projected_bytes <= budget, "{what}");
            assert_eq!(
                done.stats.decoded_bytes,
                decoded_by_plan(ranks, limits, program),
                "{what}"
            );
            kept.push((ranks, budget, 2 * whole - done.stats.decoded_bytes));
            results.push(
                on(Fabric::Solo, support::files::limits(1, 1 << 30), |d| {
                    d.open(&out)?.var("v").compute_block()
                })
                .unwrap(),
            );
            std::fs::remove_file(&out).unwrap();
        }
    }
    assert!(results.iter().all(|block| *block == results[0]));
    let of = |ranks: usize, budget: u64| {
        kept.iter()
            .find(|k| (k.0, k.1) == (ranks, budget))
            .map(|k| k.2)
    };
    assert_eq!(of(1, 64 << 20), Some(whole), "{kept:?}");
    assert!(
        of(1, 4 << 20).is_some_and(|bytes| bytes > 0 && bytes < whole),
        "{kept:?}"
    );
    assert!(of(3, 64 << 20).is_some_and(|bytes| bytes > 0), "{kept:?}");
}

/// Of chunks that later passes pick single points out of, those points stay: the chunks are not decoded again, also where they
/// unpack so quickly that whole ones would not be kept.
#[test]
fn points_that_later_passes_pick_stay() {
    let folder = tempfile::tempdir().unwrap();
    let (input, out) = (folder.path().join("in.nc"), folder.path().join("out.nc"));
    let whole = 60 * 90 * 120 * 8;
    measured(1, Fabric::Solo, 2, 1 << 30, |d| {
        // Mostly zeros: the file is far smaller than what it holds.
        let x = d.default_rng(5).random(&[60, 90, 120]);
        let x = x.lt(0.01) * x;
        let x = DataArray::new(x, &["time", "y", "x"], Vec::new()).rename("v");
        x.with_encoding(packed(&[5, 30, 40])).save(&input)
    });
    assert!(std::fs::metadata(&input).unwrap().len() < whole / 8);
    let plenty = limits(1, 1 << 30);
    let points = |positions: &[isize]| {
        Indexer::Points(Points {
            dims: vec!["place".to_owned()],
            shape: vec![positions.len()],
            positions: positions.to_vec(),
            coords: Vec::new(),
        })
    };
    let mut results: Vec<Block> = Vec::new();
    for (ranks, threads) in [(1, 2), (3, 1)] {
        let limits = limits(threads, 64 << 20);
        let program = |d: &Driver| {
            let v = d.open(&input)?.var("v");
            // Two places in one chunk, one in another.
            let places = [("y", points(&[4, 6, 71])), ("x", points(&[50, 53, 3]))];
            let sums = v.sum("time").rename("sums");
            let series = v.isel(places).rename("series");
            Dataset::new([sums, series])?.save(&out)
        };
        let fabric = match ranks {
            1 => Fabric::Solo,
            _ => Fabric::Threads(ranks),
        };
        let done = on_tiles(1, fabric, limits.clone(), |d| {
            program(d)?;
            Ok(d.session().finished())
        });
        let done = done.unwrap();
        assert_eq!(
            done.stats.decoded_bytes,
            decoded_by_plan(ranks, limits, program),
            "{ranks} ranks"
        );
        if ranks == 1 {
            assert_eq!(done.stats.decoded_bytes, whole);
        }
        let block = on(Fabric::Solo, plenty.clone(), |d| {
            d.open(&out)?.var("series").compute_block()
        });
        results.push(block.unwrap());
        std::fs::remove_file(&out).unwrap();
    }
    let direct = on(Fabric::Solo, plenty, |d| {
        let v = d.open(&input)?.var("v");
        let at = |y: isize, x: isize| v.isel([("y", Indexer::At(y)), ("x", Indexer::At(x))]);
        compute(&[at(4, 50).array(), at(6, 53).array(), at(71, 3).array()])
    });
    for (place, series) in direct.unwrap().iter().enumerate() {
        for time in 0..60 {
            let expected = series.get(time);
            for block in &results {
                assert_eq!(block.get(3 * time + place), expected);
            }
        }
    }
}

/// What a program with stored results gives, and what it took.
fn stored(fabric: Fabric, limits: Limits, out: &Path) -> hyperslab::Result<(Vec<Block>, Finished)> {
    let result = on_tiles(1 << 10, fabric, limits, |driver| {
        let x = driver.default_rng(3).random(&[300, 280, 6]);
        // A fold is stored; others read it in shifted boxes, and across.
        let mean = x.chunk(&[16, 70, 6]).mean(&[2]);
        let near = mean.uniform_filter(&[3, 5], Border::Wrap, &[0, 0]);
        let across = mean
            .transpose(&[1, 0])
            .chunk(&[10, 300])
            .diff(2, 1, None, None);
        // Storage chunks that cross what tasks finish: written in a stage of its own.
        let late = DataArray::new(mean, &["y", "x"], Vec::new()).rename("v");
        late.with_encoding(packed(&[33, 50])).save(out)?;
        let blocks = compute(&[&near.max(&[1]), &across.sum(&[0]), &across.min(&[1])])?;
        let saved = driver.open(out)?.var("v").compute_block()?;
        Ok(([blocks, vec![saved]].concat(), driver.session().finished()))
    });
    let _ = std::fs::remove_file(out);
    result
}

#[test]
fn stored_results_over_the_budget_go_to_scratch_files() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.nc");
    let scratch = folder.path().join("scratch");
    std::fs::create_dir(&scratch).unwrap();
    let (reference, done) = stored(Fabric::Solo, limits(2, 1 << 30), &out).unwrap();
    assert_eq!(done.stats.scratch_written_bytes, 0);
    for (fabric, threads) in [
        (Fabric::Solo, 1),
        (Fabric::Threads(2), 2),
        (Fabric::Threads(3), 1),
        (Fabric::Threads(4), 3),
    ] {
        // Less than one thread needs with the stored 672 kB in memory. (A small budget has no window, either.)
        let (_, done) = stored(fabric, limits(1, 128 << 20), &out).unwrap();
        let budget = done.projected_bytes * 9 / 10;
        let what = format!("{fabric:?} x {threads} in {budget}");
        let refused = stored(fabric, limits(threads, budget), &out).unwrap_err();
        let text = refused.to_string();
        assert!(
            text.contains("--scratch DIR") && refused.is_resource(),
            "{what}: {text}"
        );
        let limits = Limits {
            scratch: Some(scratch.clone()),
            ..limits(threads, budget)
        };
        let (blocks, done) = stored(fabric, limits, &out).unwrap();
        within(&what, &done, budget);
        assert!(
            done.stats.scratch_written_bytes >= 300 * 280 * 8,
            "{what}: {:?}",
            done.stats
        );
        assert!(
            done.stats.scratch_read_bytes >= done.stats.scratch_written_bytes,
            "{what}"
        );
        for (number, (a, b)) in reference.iter().zip(&blocks).enumerate() {
            assert!(
                a.buffer().as_bytes() == b.buffer().as_bytes(),
                "{what}: result {number}"
            );
        }
        assert_eq!(std::fs::read_dir(&scratch).unwrap().count(), 0, "{what}");
    }
}

#[test]
fn more_time_steps_need_no_more_memory() {
    // Sixteen columns of tiles: enough for all, so that time is not split. (Where it is, each segment has its partial
    // results, and their number is bounded.)
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.nc");
    let mut peaks = Vec::new();
    for steps in [44, 176] {
        let input = folder.path().join(format!("cube{steps}.nc"));
        landsat(&input, [steps, 256, 256], 64);
        for (number, fabric) in [Fabric::Solo, Fabric::Threads(3)].into_iter().enumerate() {
            let done = measured(1 << 12, fabric, 2, 64 << 20, |d| season(d, &input, &out));
            within(&format!("{steps} steps on {fabric:?}"), &done, 64 << 20);
            peaks.push((number, done.stats.peak_bytes));
            std::fs::remove_file(&out).unwrap();
        }
    }
    for number in 0..2 {
        let of: Vec<u64> = peaks
            .iter()
            .filter(|p| p.0 == number)
            .map(|p| p.1)
            .collect();
        assert!(
            of[1] as f64 <= of[0] as f64 * 1.1,
            "{of:?} bytes at 44 and 176 steps"
        );
    }
}

#[test]
fn the_season_job_runs_in_64_mib() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("cube.nc");
    landsat(&input, [44, 512, 512], 512);
    let out = folder.path().join("out.nc");
    for (fabric, threads) in [(Fabric::Solo, 2), (Fabric::Threads(2), 1)] {
        let done = measured(1 << 16, fabric, threads, 64 << 20, |d| {
            season(d, &input, &out)
        });
        within(&format!("{fabric:?}"), &done, 64 << 20);
        std::fs::remove_file(&out).unwrap();
    }
}
