//! The whole engine against NumPy and xarray (tests/golden/make_oracle.py), and its bits against themselves: the same on
//! any ranks, threads and budget.
//!
//! Tiles are made small, so that arrays of a thousand elements have as many tiles as a cube of a gigabyte.
//! `HYPERSLAB_LONG=1` tries every chunking on every fabric.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

#[path = "oracle/coverage.rs"]
mod coverage;
#[path = "oracle/expressions.rs"]
mod expressions;
#[path = "oracle/grow.rs"]
mod grow;
#[path = "oracle/labels.rs"]
mod labels;
#[path = "oracle/long_scans.rs"]
mod long_scans;
#[path = "oracle/plain.rs"]
mod plain;
#[path = "oracle/refusals.rs"]
mod refusals;
#[path = "oracle/resample.rs"]
mod resample;
#[path = "oracle/shapes.rs"]
mod shapes;
mod support;

use hyperslab::array::compute;
use hyperslab::block::Block;
use hyperslab::comm::Fabric;
use hyperslab::config::Limits;
use hyperslab::driver::Driver;
use hyperslab::labelled::{Dataset, Indexer, Values};
use hyperslab::op::BinaryOp;
use hyperslab::spec::AttrValue;
use std::time::Instant;
use support::elements::{self, elements};
use support::files::on_tiles;
use support::labelled::{build_dataset, build_labelled};
use support::oracle::{Case, build, difference, golden, oracle};

/// Outputs of one `compute`.
const BATCH: usize = 37;
const VARIANTS: usize = 6;

fn long() -> bool {
    std::env::var_os("HYPERSLAB_LONG").is_some()
}

fn limits(threads: usize) -> Limits {
    Limits {
        threads,
        reads: 2,
        ..Limits::default()
    }
}

/// Computes all cases in batches; a batch that fails is computed case by case.
fn run(driver: &Driver, cases: &[&Case], variant: usize) -> Vec<Result<Block, String>> {
    let mut results = Vec::new();
    for batch in cases.chunks(BATCH) {
        let arrays: Vec<_> = batch
            .iter()
            .map(|case| build(driver, &case.program, variant))
            .collect();
        match compute(&arrays.iter().collect::<Vec<_>>()) {
            Ok(blocks) => results.extend(blocks.into_iter().map(Ok)),
            Err(whole) => {
                let each: Vec<_> = arrays.iter().map(|a| a.compute_block()).collect();
                if each.iter().all(Result::is_ok) {
                    println!("only together: {whole}");
                    results.extend(batch.iter().map(|_| Err(format!("only together: {whole}"))));
                } else {
                    results.extend(each.into_iter().map(|r| r.map_err(|e| e.to_string())));
                }
            }
        }
    }
    results
}

/// Says every wrong case and fails if there is one.
fn judge(what: &str, wrong: &[(String, String)]) {
    for (program, why) in wrong.iter().take(60) {
        println!("{what}: {program}\n    {why}");
    }
    assert!(wrong.is_empty(), "{what}: {} wrong", wrong.len());
}

fn selected(every: usize) -> Vec<&'static Case> {
    let only = std::env::var("HYPERSLAB_ORACLE_ONLY").ok();
    let all = oracle().cases.iter();
    let wanted = all.filter(|case| {
        only.as_deref()
            .is_none_or(|o| case.family == o || case.program == o)
    });
    wanted.step_by(every).collect()
}

#[test]
fn values_are_those_of_numpy() {
    for variant in 0..VARIANTS {
        for elements in [1, 50, 1 << 16] {
            // Every chunking with its own tiles; grown tiles for two of them.
            if elements > 1 && !(long() || variant % 4 == 1) {
                continue;
            }
            let begin = Instant::now();
            // Chunks of one element are many: fewer programs.
            let cases = selected(if variant == 2 && !long() { 5 } else { 1 });
            let results = on_tiles(elements, Fabric::Solo, limits(1), |driver| {
                Ok(run(driver, &cases, variant))
            })
            .unwrap();
            let wrong: Vec<(String, String)> = cases
                .iter()
                .zip(&results)
                .filter_map(|(case, result)| {
                    let why = match result {
                        Ok(block) => difference(
                            block,
                            &oracle().expected(&case.result),
                            case.scale,
                            case.loose,
                        )?,
                        Err(error) => error.clone(),
                    };
                    Some((case.program.clone(), why))
                })
                .collect();
            println!(
                "chunks {variant}, tiles of {elements}: {:?}",
                begin.elapsed()
            );
            judge(&format!("chunks {variant}, tiles of {elements}"), &wrong);
        }
    }
}

#[test]
fn bits_are_the_same_on_any_ranks_threads_and_budget() {
    let variants: &[usize] = if long() { &[0, 1, 2, 3, 4, 5] } else { &[1, 3] };
    // All programs are computed together: all of them need more room than a third of them.
    let tight = if long() { 16 << 20 } else { 4 << 20 };
    for &variant in variants {
        for elements in [1, 20] {
            let cases = selected(if long() { 1 } else { 3 });
            let compute = |cases: &[&Case], fabric, limits| {
                on_tiles(elements, fabric, limits, |driver| {
                    Ok(run(driver, cases, variant))
                })
                .unwrap()
            };
            let reference = compute(&cases, Fabric::Solo, limits(1));
            let mut number = 0;
            for ranks in [1, 2, 3, 4, 7] {
                for threads in [1, 2, 3] {
                    for memory in [1 << 30, tight] {
                        if !long()
                            && ((ranks + threads + elements) % 3 != 0
                                || (memory > tight) != (ranks % 2 == 0))
                        {
                            continue;
                        }
                        // All ways for all programs take hours: in the long form each way has a seventh of them, by whole
                        // batches, since tiles follow from all that is computed together.
                        number += 1;
                        let chosen: Vec<usize> = (0..cases.len())
                            .filter(|k| !long() || (k / BATCH + number).is_multiple_of(7))
                            .collect();
                        let begin = Instant::now();
                        let limits = Limits {
                            memory_bytes: memory,
                            ..limits(threads)
                        };
                        let some: Vec<&Case> = chosen.iter().map(|k| cases[*k]).collect();
                        let results = compute(&some, Fabric::Threads(ranks), limits);
                        let wrong: Vec<(String, String)> = chosen
                            .iter()
                            .zip(&results)
                            .filter_map(|(k, result)| {
                                let why = match (&reference[*k], result) {
                                    (Ok(a), Ok(b)) => (a.buffer().as_bytes()
                                        != b.buffer().as_bytes())
                                    .then(|| {
                                        difference(b, a, 0.0, false).unwrap_or("bits".into())
                                    })?,
                                    (Err(_), Err(_)) => return None,
                                    (_, Err(error)) | (Err(error), _) => error.clone(),
                                };
                                Some((cases[*k].program.clone(), why))
                            })
                            .collect();
                        let what = format!(
                            "chunks {variant}, tiles of {elements}, {ranks} ranks x {threads} threads, {memory} bytes"
                        );
                        println!("{what}: {:?}", begin.elapsed());
                        judge(&what, &wrong);
                    }
                }
            }
        }
    }
}

/// Creation, element-wise functions with parameters and statistics: values on every chunking, and bits on any ranks.
#[test]
fn elements_are_those_of_numpy() {
    let only = std::env::var("HYPERSLAB_ORACLE_ONLY").ok();
    let cases: Vec<&Case> = elements()
        .cases
        .iter()
        .filter(|case| {
            only.as_deref()
                .is_none_or(|o| case.family == o || case.program == o)
        })
        .collect();
    for (variant, tiles) in [(0, 1 << 16), (1, 20), (2, 50), (3, 1), (4, 7), (5, 50)] {
        let mut reference: Option<Vec<Result<Block, String>>> = None;
        for (fabric, threads) in [
            (Fabric::Solo, 1),
            (Fabric::Threads(2), 1),
            (Fabric::Threads(3), 2),
            (Fabric::Threads(4), 1),
        ] {
            // One chunk on more ranks, too.
            let lone = variant == 0 && fabric == Fabric::Threads(4);
            if variant % 3 != 1 && fabric != Fabric::Solo && !lone && !long() {
                continue;
            }
            let begin = Instant::now();
            let results = on_tiles(tiles, fabric, limits(threads), |driver| {
                let mut results = Vec::new();
                for batch in cases.chunks(BATCH) {
                    let arrays: Vec<_> = batch
                        .iter()
                        .map(|case| elements::build(driver, &case.program, variant))
                        .collect();
                    match compute(&arrays.iter().collect::<Vec<_>>()) {
                        Ok(blocks) => results.extend(blocks.into_iter().map(Ok)),
                        Err(_) => results.extend(
                            arrays
                                .iter()
                                .map(|a| a.compute_block().map_err(|e| e.to_string())),
                        ),
                    }
                }
                Ok(results)
            })
            .unwrap();
            let what = format!("chunks {variant}, tiles of {tiles}, {fabric:?} x {threads}");
            println!("{what}: {:?}", begin.elapsed());
            let mut wrong: Vec<(String, String)> = Vec::new();
            for (number, (case, result)) in cases.iter().zip(&results).enumerate() {
                let why = match (result, reference.as_ref().map(|r| &r[number])) {
                    (Ok(block), None) => {
                        let expected = elements().expected(&case.result);
                        difference(block, &expected, case.scale, case.loose)
                    }
                    (Ok(block), Some(Ok(before))) => (block.buffer().as_bytes()
                        != before.buffer().as_bytes())
                    .then(|| "bits".to_owned()),
                    (Err(error), _) => Some(error.clone()),
                    (Ok(_), Some(Err(error))) => Some(format!("before: {error}")),
                };
                wrong.extend(why.map(|why| (case.program.clone(), why)));
            }
            judge(&what, &wrong);
            reference.get_or_insert(results);
        }
    }
}

/// Random arrays have the same bits on any ranks, chunks and budget; those of one generator differ.
#[test]
fn random_arrays_depend_on_seed_and_index_alone() {
    let made = |fabric, threads, tiles, chunk: [usize; 3]| {
        on_tiles(tiles, fabric, limits(threads), |driver| {
            let rng = driver.default_rng(7);
            let size = [11, 6, 9];
            let arrays = [
                rng.random(&size),
                rng.random(&size),
                rng.random_as(&size, hyperslab::dtype::DType::F32),
                rng.standard_normal(&size),
                rng.normal(5.0, 2.0, &size),
                rng.uniform(-1.0, 3.0, &size),
                rng.exponential(2.0, &size),
                rng.integers(-3, 1000, &size),
                rng.random(&[]),
                rng.random(&[3, 0]),
            ];
            let chunked: Vec<_> = arrays
                .iter()
                .map(|a| match a.ndim() {
                    3 => a.chunk(&chunk),
                    _ => a.clone(),
                })
                .collect();
            let part = arrays[3].slice(1, Some(4), None, -1).transpose(&[2, 0, 1]);
            compute(&chunked.iter().chain([&part]).collect::<Vec<_>>())
        })
        .unwrap()
    };
    let reference = made(Fabric::Solo, 1, 1 << 16, [11, 6, 9]);
    assert_ne!(
        reference[0].buffer(),
        reference[1].buffer(),
        "streams of one generator"
    );
    for ranks in 1..=4 {
        for chunk in [[11, 6, 9], [4, 3, 9], [1, 1, 1], [3, 5, 2]] {
            let blocks = made(Fabric::Threads(ranks), 1 + ranks % 2, 7, chunk);
            for (number, (a, b)) in reference.iter().zip(&blocks).enumerate() {
                assert!(
                    a.shape() == b.shape() && a.buffer().as_bytes() == b.buffer().as_bytes(),
                    "array {number} on {ranks} ranks in chunks of {chunk:?}"
                );
            }
        }
    }
    let uniform = reference[5].as_slice::<f64>().unwrap();
    assert!(uniform.iter().all(|v| (-1.0..3.0).contains(v)));
    let integers = reference[7].as_slice::<i64>().unwrap();
    assert!(integers.iter().all(|v| (-3..1000).contains(v)));
}

/// docs/api.md says what the code has. `HYPERSLAB_BLESS=1` writes it.
#[test]
fn the_table_of_the_api_is_that_of_the_code() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/api.md");
    let table = support::api::table();
    if std::env::var_os("HYPERSLAB_BLESS").is_some_and(|v| v == "1") {
        std::fs::write(&path, &table).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = table
        .lines()
        .zip(written.lines().chain(std::iter::repeat("")))
        .find(|(now, before)| now != before);
    assert!(
        table == written,
        "docs/api.md is not what the code has: {differs:?}; run HYPERSLAB_BLESS=1 cargo test --test oracle api"
    );
}

/// Bad input is an error at the call, with operation, value and what is allowed.
#[test]
fn bad_input_of_creation_and_statistics_is_named() {
    on_tiles(1, Fabric::Solo, limits(1), |driver| {
        let rng = driver.default_rng(1);
        let x = driver.arange(0, 6, 1);
        let square = x.reshape(&[2, 3]);
        let cube = x.reshape(&[1, 2, 3]);
        let time = x.astype("datetime64[s]".parse()?);
        let complex = x.astype("complex64".parse()?);
        let mut said = String::new();
        for made in [
            driver.arange(0, 5, 0),
            driver.arange(0.0, f64::NAN, 1.0),
            driver.arange(0.0, f64::INFINITY, 1.0),
            driver.arange(i64::MAX - 1, u64::MAX, 1),
            x.tril(0),
            cube.diag(0),
            square.diagonal(0, 0, 2),
            square.diagonal(0, 1, -1),
            hyperslab::array::meshgrid(&[&x], "yx").remove(0),
            hyperslab::array::meshgrid(&[&square], "ij").remove(0),
            x.full_like(1.5),
            rng.integers(5, 5, &[2]),
            rng.normal(0.0, -1.0, &[2]),
            rng.normal(&x, 1.0, &[2, 5]),
            rng.uniform(0.0, f64::INFINITY, &[2]),
            rng.random_as(&[2], "int8".parse()?),
            rng.random(&[usize::MAX, 3]),
            complex.round(1),
            complex.nan_to_num(0.0, None, None),
            x.isin(&(0..2000).collect::<Vec<i64>>()),
            hyperslab::array::select(&[&x.lt(3)], &[], 0).unwrap(),
            hyperslab::array::select(&[&x], &[1.into()], 0).unwrap(),
            square.average(&[0], Some(&x)),
            cube.cov(true, 1),
            time.cov(true, 1),
            time.skew(&[0], true),
            complex.moment(2, &[0]),
            x.ptp(&[1]),
            x.astype("bool".parse()?).positive(),
            complex.signbit(),
            x.astype("float32".parse()?).gcd(2),
            complex.hypot(1.0),
            time.real(),
        ] {
            let error = made.check().unwrap_err();
            assert!(
                error
                    .call_site()
                    .is_some_and(|site| site.contains("tests/oracle.rs")),
                "{error}: {:?}",
                error.call_site()
            );
            said += error.message();
            said += "\n";
        }
        let path = golden().join("errors_elements.txt");
        if std::env::var_os("HYPERSLAB_BLESS").is_some_and(|v| v == "1") {
            std::fs::write(&path, &said).unwrap();
        }
        assert_eq!(said, std::fs::read_to_string(path).unwrap());
        Ok(())
    })
    .unwrap();
}

#[test]
fn labelled_arrays_are_those_of_xarray() {
    let path = golden().join("oracle.nc");
    for (fabric, threads, elements) in [
        (Fabric::Solo, 1, 1 << 16),
        (Fabric::Solo, 2, 1),
        (Fabric::Threads(3), 1, 1),
        (Fabric::Threads(4), 2, 100),
    ] {
        let mut wrong: Vec<(String, String)> = Vec::new();
        let path = &path;
        let found = on_tiles(elements, fabric, limits(threads), |driver| {
            let dataset = driver.open(path)?;
            let mut wrong = Vec::new();
            for case in &oracle().labelled {
                let array = build_labelled(&dataset, &case.program);
                let mut say = |why: String| wrong.push((case.program.clone(), why));
                match array.compute_block() {
                    Err(error) => {
                        say(error.to_string());
                        continue;
                    }
                    Ok(block) => {
                        let expected = oracle().expected(&case.result);
                        if let Some(why) = difference(&block, &expected, case.scale, case.loose) {
                            say(why);
                        }
                    }
                }
                if array.dims() != case.dims {
                    say(format!("dims {:?}, expected {:?}", array.dims(), case.dims));
                }
                if array.name() != case.name.as_deref() {
                    say(format!("name {:?}, expected {:?}", array.name(), case.name));
                }
                let mut names: Vec<&str> = array.coords().iter().map(|c| c.name.as_str()).collect();
                names.sort_unstable();
                let expected: Vec<&str> = case.coords.keys().map(String::as_str).collect();
                if names != expected {
                    say(format!("coordinates {names:?}, expected {expected:?}"));
                    continue;
                }
                for (name, record) in &case.coords {
                    let coord = array.coord(name).unwrap();
                    if coord.dims != record.dims {
                        say(format!("coordinate {name}: dims {:?}", coord.dims));
                    }
                    match (&coord.values, &record.texts) {
                        (Values::Texts(texts, _), Some(expected)) if **texts == *expected => {}
                        (Values::Block(block), None) => {
                            let expected = oracle().coord(record).unwrap();
                            let why = match block.dtype() == expected.dtype() {
                                true => difference(block, &expected, 0.0, false),
                                // Units of times may differ.
                                false => (0..block.elements())
                                    .any(|i| {
                                        coord.text(i)
                                            != hyperslab::labelled::Coord::index(
                                                "x",
                                                expected.clone(),
                                            )
                                            .text(i)
                                    })
                                    .then(|| {
                                        format!(
                                            "{} {:?}, expected {}",
                                            block.dtype(),
                                            block.shape(),
                                            expected.dtype()
                                        )
                                    }),
                            };
                            if let Some(why) = why {
                                say(format!("coordinate {name}: {why}"));
                            }
                        }
                        (ours, expected) => say(format!(
                            "coordinate {name}: {ours:?}, expected {expected:?}"
                        )),
                    }
                }
                let attrs: std::collections::BTreeMap<String, String> = array
                    .attrs()
                    .0
                    .iter()
                    .map(|(name, value)| (name.clone(), text_of(value)))
                    .collect();
                if attrs != case.attrs {
                    say(format!("attributes {attrs:?}, expected {:?}", case.attrs));
                }
            }
            Ok(wrong)
        });
        wrong.extend(found.unwrap());
        judge(
            &format!("{fabric:?} x {threads}, tiles of {elements}"),
            &wrong,
        );
    }
}

/// Operators of Rust are those operations; a failure names the variable and the caller's line, and comes out of every variable.
#[test]
fn datasets_have_operators_and_carry_failures() {
    let path = golden().join("oracle.nc");
    on_tiles(1, Fabric::Solo, limits(1), |driver| {
        let ds = driver.open(&path)?;
        let two = ds.vars(&["tas", "pr"]);
        let pr = ds.var("pr");
        let same = |a: &Dataset, b: &Dataset| -> hyperslab::Result<()> {
            let (a, b) = (a.var("tas").compute_block()?, b.var("tas").compute_block()?);
            assert_eq!(difference(&a, &b, 0.0, false), None);
            Ok(())
        };
        same(
            &(&pr - &two),
            &two.binary_reversed(BinaryOp::Subtract, &(&pr).into()),
        )?;
        same(&(1.0 - &two), &-&(&two - 1))?;
        same(&two.map(|v| v - &pr), &(&two - &pr))?;
        // Labels that differ are joined; lengths without labels must agree.
        let short = two.isel([("time", Indexer::Slice(None, Some(5), 1))]);
        same(&(&two + &short), &(&short + &short))?;
        let failed = &two + &short.drop_vars(&["time"]);
        let error = failed.check().unwrap_err();
        assert!(
            error.to_string().contains("working on variable \"tas\""),
            "{error}"
        );
        assert!(
            error
                .call_site()
                .is_some_and(|site| site.contains("tests/oracle.rs")),
            "{error}"
        );
        // No common variable, but labels that cannot be joined: the dataset itself carries the failure.
        let failed = ds.vars(&["hits"]) + two.isel([("time", Indexer::List(vec![0, 0, 1]))]);
        assert!(failed.check().unwrap_err().message().contains("\"time\""));
        assert!(failed.mean("time").var("hits").check().is_err());
        assert!(
            failed
                .save("/nonexistent/never.nc")
                .unwrap_err()
                .is_invalid_input()
        );
        let error = two.mean("tme").check().unwrap_err();
        assert!(error.message().contains("known: time"), "{error}");
        assert!(
            error
                .call_site()
                .is_some_and(|site| site.contains("tests/oracle.rs")),
            "{error}"
        );
        Ok(())
    })
    .unwrap();
}

/// Which variables an operation on datasets leaves, and the coordinates and attributes of the whole; the values are those of
/// the test above.
#[test]
fn datasets_are_those_of_xarray() {
    let path = golden().join("oracle.nc");
    on_tiles(1, Fabric::Solo, limits(1), |driver| {
        let dataset = driver.open(&path)?;
        assert!(oracle().datasets.len() > 40);
        for case in &oracle().datasets {
            let made = build_dataset(&dataset, &case.program);
            made.check()?;
            let names: Vec<&str> = made.variables().iter().filter_map(|v| v.name()).collect();
            assert_eq!(names, case.variables, "{}", case.program);
            let mut coords: Vec<&str> = made.coords().iter().map(|c| c.name.as_str()).collect();
            coords.sort_unstable();
            assert_eq!(coords, case.coords, "{}", case.program);
            let attrs: std::collections::BTreeMap<String, String> = made
                .attrs()
                .0
                .iter()
                .map(|(name, value)| (name.clone(), text_of(value)))
                .collect();
            assert_eq!(attrs, case.attrs, "{}", case.program);
        }
        Ok(())
    })
    .unwrap();
}

fn text_of(value: &AttrValue) -> String {
    match value {
        AttrValue::Numbers(numbers) if numbers.len() == 1 => match numbers[0].as_i128() {
            Some(v) => v.to_string(),
            None => format!("{:?}", numbers[0].as_f64()),
        },
        AttrValue::Text(text) => text.clone(),
        other => format!("{other:?}"),
    }
}
