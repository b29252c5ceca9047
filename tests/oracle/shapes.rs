//! Shape, selection and Fourier transforms against NumPy (tests/golden/make_shapes.py), as scripts write them.

use super::support::files::on_tiles;
use super::support::oracle::{Case, Oracle, chunks, difference, read_golden};
use hyperslab::array::{Array, compute};
use hyperslab::block::Block;
use hyperslab::comm::Fabric;
use hyperslab::config::Limits;
use hyperslab::driver::Driver;
use hyperslab::script::evaluate;
use std::sync::OnceLock;
use std::time::Instant;

fn cases() -> &'static Oracle {
    static CASES: OnceLock<Oracle> = OnceLock::new();
    CASES.get_or_init(|| read_golden("shapes.bin"))
}

/// The arrays of expressions, on inputs in chunks of `variant`; or why there are none.
fn results(
    driver: &Driver,
    programs: &[&str],
    variant: usize,
) -> hyperslab::Result<Vec<Vec<Result<Block, String>>>> {
    let inputs: Vec<(&str, Array)> = cases()
        .inputs
        .iter()
        .map(|(name, block)| {
            let array = driver.from_block(block.clone());
            let chunk = chunks(block.shape(), variant);
            (
                name.as_str(),
                chunk.map_or(array.clone(), |chunk| array.chunk(&chunk)),
            )
        })
        .collect();
    let mut made: Vec<Vec<Result<Array, String>>> = Vec::new();
    for program in programs {
        made.push(match evaluate(driver, program, &inputs) {
            Ok(arrays) => arrays.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error.to_string())],
        });
    }
    let good: Vec<&Array> = made
        .iter()
        .flatten()
        .filter_map(|a| a.as_ref().ok())
        .collect();
    let mut blocks = Vec::new();
    for batch in good.chunks(37) {
        match compute(batch) {
            Ok(done) => blocks.extend(done.into_iter().map(Ok)),
            Err(whole) => {
                let each: Vec<_> = batch.iter().map(|a| a.compute_block()).collect();
                match each.iter().all(Result::is_ok) {
                    true => {
                        blocks.extend(batch.iter().map(|_| Err(format!("only together: {whole}"))))
                    }
                    false => blocks.extend(each.into_iter().map(|r| r.map_err(|e| e.to_string()))),
                }
            }
        }
    }
    let mut blocks = blocks.into_iter();
    Ok(made
        .iter()
        .map(|arrays| {
            let one = |a: &Result<Array, String>| match a {
                Ok(_) => blocks.next().unwrap(),
                Err(error) => Err(error.clone()),
            };
            arrays.iter().map(one).collect()
        })
        .collect())
}

/// The cases by program: a list of arrays is several cases.
fn programs() -> Vec<(&'static str, Vec<&'static Case>)> {
    let only = std::env::var("HYPERSLAB_ORACLE_ONLY").ok();
    let mut found: Vec<(&str, Vec<&Case>)> = Vec::new();
    for case in &cases().cases {
        let wanted = only
            .as_deref()
            .is_none_or(|o| case.family == o || case.program.contains(o));
        match found.last_mut() {
            Some((program, list)) if *program == case.program => list.push(case),
            _ if wanted => found.push((&case.program, vec![case])),
            _ => {}
        }
    }
    found
}

fn limits(threads: usize) -> Limits {
    Limits {
        threads,
        reads: 2,
        ..Limits::default()
    }
}

#[test]
fn shapes_selections_and_transforms_are_those_of_numpy() {
    let mut wrong = Vec::new();
    for (variant, elements, fabric, threads, every) in [
        (0, 1 << 16, Fabric::Solo, 1, 1),
        (1, 1, Fabric::Solo, 2, 1),
        (3, 7, Fabric::Threads(2), 1, 2),
        (5, 20, Fabric::Threads(3), 2, 3),
        (2, 1, Fabric::Threads(4), 1, 5),
    ] {
        let begin = Instant::now();
        let chosen: Vec<_> = programs().into_iter().step_by(every).collect();
        let names: Vec<&str> = chosen.iter().map(|(program, _)| *program).collect();
        let found = on_tiles(elements, fabric, limits(threads), |driver| {
            results(driver, &names, variant)
        })
        .unwrap();
        for ((program, expected), blocks) in chosen.iter().zip(&found) {
            let mut say = |why: String| {
                wrong.push(format!(
                    "{program} (chunks {variant}, {fabric:?})\n    {why}"
                ));
            };
            if blocks.len() != expected.len() {
                say(match blocks.first() {
                    Some(Err(error)) => error.clone(),
                    _ => format!("{} arrays, expected {}", blocks.len(), expected.len()),
                });
                continue;
            }
            for (block, case) in blocks.iter().zip(expected) {
                let why = match block {
                    Ok(block) => difference(
                        block,
                        &cases().expected(&case.result),
                        case.scale,
                        case.loose,
                    ),
                    Err(error) => Some(error.clone()),
                };
                if let Some(why) = why {
                    say(why);
                }
            }
        }
        println!(
            "chunks {variant}, tiles of {elements}, {fabric:?}: {:?}",
            begin.elapsed()
        );
    }
    for line in wrong.iter().take(60) {
        println!("{line}");
    }
    assert!(wrong.is_empty(), "{} wrong", wrong.len());
}

/// The bits of transforms do not depend on tiles, ranks and threads.
#[test]
fn bits_of_transforms_are_the_same_everywhere() {
    let chosen: Vec<_> = programs()
        .into_iter()
        .filter(|(_, cases)| cases[0].family == "fft")
        .step_by(3)
        .map(|(program, _)| program)
        .collect();
    let compute = |variant, elements, fabric, threads| {
        on_tiles(elements, fabric, limits(threads), |driver| {
            results(driver, &chosen, variant)
        })
        .unwrap()
    };
    let reference = compute(0, 1 << 16, Fabric::Solo, 1);
    for (variant, elements, ranks, threads) in [(3, 1, 1, 2), (1, 30, 3, 1), (4, 5, 4, 2)] {
        let found = compute(variant, elements, Fabric::Threads(ranks), threads);
        for ((program, a), b) in chosen.iter().zip(&reference).zip(&found) {
            // Sums over tiles differ; transforms alone must not.
            if program.contains("sum") {
                continue;
            }
            for (a, b) in a.iter().zip(b) {
                let (a, b) = (a.as_ref().unwrap(), b.as_ref().unwrap());
                assert_eq!(a.buffer().as_bytes(), b.buffer().as_bytes(), "{program}");
            }
        }
    }
}
