//! Random expressions of the array API against plain arrays (`plain.rs`): any shapes, dtypes and chunks, on any ranks, with the
//! rewrite rules and fusion on and off. Floats are small multiples of 2⁻¹⁶ wherever they are summed, so that sums are exact and
//! every bit can be compared.
//!
//! A failure is shrunk and kept in `expressions.proptest-regressions`. `HYPERSLAB_LONG=1` tries many (or as many as it says).

use super::grow::{Made, Step, grow, source, steps};
use super::support::files::limits;
use hyperslab::array::{Array, compute};
use hyperslab::block::Block;
use hyperslab::comm::Fabric;
use hyperslab::driver::{Config, Rewriting, Wanted, launch_with};
use hyperslab::plan::{Stage, Tiling};
use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, TestCaseError};

/// The expression's source and its steps; every node can be looked at by later steps.
fn expression(seeds: &[u64], list: &[Step]) -> Vec<Made> {
    let mut nodes: Vec<Made> = seeds.iter().map(|seed| source(*seed)).collect();
    for step in list {
        let new = grow(&nodes, *step);
        nodes.extend(new);
    }
    nodes
}

fn text(nodes: &[Made]) -> String {
    let line = |(number, node): (usize, &Made)| {
        let (dtype, shape) = (node.plain.dtype, &node.plain.shape);
        format!("v{number} = {}  # {dtype} {shape:?}\n", node.text)
    };
    nodes.iter().enumerate().map(line).collect()
}

/// How some nodes are computed together.
#[derive(Clone, Copy, Debug)]
struct Way {
    tile: usize,
    fabric: Fabric,
    rewriting: Rewriting,
}

/// Runs `work` on the arrays of some nodes.
fn with_arrays<T: Send>(
    nodes: &[Made],
    wanted: &[usize],
    way: Way,
    work: impl FnOnce(&[&Array]) -> hyperslab::Result<T> + Send,
) -> Result<T, TestCaseError> {
    let config = Config {
        limits: limits(1 + way.tile % 2, 64 << 20),
        fabric: Some(way.fabric),
        tiling: Tiling {
            elements: way.tile,
            ..Tiling::default()
        },
        rewriting: way.rewriting,
        ..Config::default()
    };
    let done = launch_with(&config, |driver| {
        let mut arrays: Vec<Array> = Vec::new();
        for (number, node) in nodes.iter().enumerate() {
            let array = (node.make)(driver, &arrays)?;
            array.check().map_err(|e| e.context(format!("v{number}")))?;
            arrays.push(array);
        }
        let outputs: Vec<&Array> = wanted.iter().map(|number| &arrays[*number]).collect();
        work(&outputs)
    });
    match done {
        Ok(done) => Ok(done.unwrap()),
        Err((_, error)) => Err(TestCaseError::fail(format!(
            "{way:?}: {error}\n{}",
            text(nodes)
        ))),
    }
}

/// The expression, and how it was computed.
fn report(nodes: &[Made], wanted: &[usize], way: Way, why: &str) -> TestCaseError {
    let plan = with_arrays(nodes, wanted, way, |arrays| {
        let nodes: hyperslab::Result<Vec<Wanted>> =
            arrays.iter().map(|a| a.node().map(Wanted::Block)).collect();
        let plan = arrays[0].session().plan(&nodes?, Vec::new())?;
        let places = plan.plan().stages.iter().map(|stage| match stage {
            Stage::Pass(pass) => format!("{:?}", pass.placement),
            Stage::Write(write) => format!("{:?}", write.placement),
        });
        let places: Vec<String> = places.collect();
        Ok(format!("{}\n{}", plan.plan(), places.join("\n")))
    });
    let plan = plan.unwrap_or_else(|e| e.to_string());
    TestCaseError::fail(format!("{way:?}: {why}\n{}\n{plan}", text(nodes)))
}

/// Bytes with all NaN alike: their sign and payload is the processor's.
fn bits(block: &Block) -> Vec<u64> {
    (0..block.elements())
        .map(|at| match block.get(at).unwrap() {
            v if v.as_i128().is_some() => v.as_i128().unwrap() as u64,
            v if v.as_f64().is_nan() => f64::NAN.to_bits(),
            v => v.as_f64().to_bits(),
        })
        .collect()
}

fn check(seeds: &[u64], list: &[Step], tile: usize, ranks: usize) -> Result<(), TestCaseError> {
    let nodes = expression(seeds, list);
    // The last one, one on the way, and all whose values nothing else shows.
    let last = nodes.len() - 1;
    let mut wanted = vec![last, nodes.len() / 2];
    wanted.extend((0..last).filter(|number| nodes[*number].tolerance > 0.0));
    let first = Way {
        tile,
        fabric: Fabric::Solo,
        rewriting: Rewriting::All,
    };
    let reference = with_arrays(&nodes, &wanted, first, compute)?;
    for (number, block) in wanted.iter().zip(&reference) {
        let node = &nodes[*number];
        if let Some(why) = node.plain.difference(block, node.tolerance) {
            let why = format!("v{number}: {why}");
            return Err(report(&nodes, &wanted, first, &why));
        }
    }
    let other = 1 + (ranks + tile) % 4;
    for (fabric, rewriting) in [
        (Fabric::Threads(ranks), Rewriting::All),
        (Fabric::Threads(other), Rewriting::NoRules),
        (Fabric::Threads(ranks), Rewriting::NoFusion),
    ] {
        let way = Way {
            tile,
            fabric,
            rewriting,
        };
        let found = with_arrays(&nodes, &wanted, way, compute)?;
        for ((number, block), expected) in wanted.iter().zip(&found).zip(&reference) {
            let node = &nodes[*number];
            // A mean may lie in other segments when its input is stored; on other ranks it may not.
            let wrong = match rewriting == Rewriting::All || node.tolerance == 0.0 {
                true => {
                    let same = block.shape() == expected.shape() && bits(block) == bits(expected);
                    (!same).then(|| format!("bits differ: {block:?}, {expected:?}"))
                }
                false => node.plain.difference(block, node.tolerance),
            };
            if let Some(why) = wrong {
                return Err(report(&nodes, &wanted, way, &format!("v{number}: {why}")));
            }
        }
    }
    Ok(())
}

/// Cases by default, and in the long form.
fn cases() -> u32 {
    match std::env::var("HYPERSLAB_LONG") {
        Ok(number) => number.parse().ok().filter(|n| *n > 1).unwrap_or(3000),
        Err(_) => 150,
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: cases(),
        max_shrink_iters: 3000,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("proptest-regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn random_expressions_are_those_of_plain_arrays(
        seeds in prop::collection::vec(any::<u64>(), 1..3),
        list in steps(),
        tile in prop_oneof![Just(1usize), Just(7), Just(50), Just(1 << 16)],
        ranks in 1usize..5,
    ) {
        check(&seeds, &list, tile, ranks)?;
    }
}
