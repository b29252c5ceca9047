//! Shape, selection, folds and Fourier transforms against NumPy (tests/golden/make_shapes.py), as scripts write them.
//! `HYPERSLAB_LONG=1` tries every program on every chunking.

use super::support::files::on_tiles;
use super::support::oracle::{Case, Oracle, chunks, difference, other_sign, read_golden};
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
        (3, 7, Fabric::Threads(2), 1, 3),
        (5, 20, Fabric::Threads(3), 2, 4),
        (2, 1, Fabric::Threads(4), 1, 7),
        // One chunk, more ranks.
        (0, 1 << 16, Fabric::Threads(4), 1, 11),
    ] {
        let every = if std::env::var_os("HYPERSLAB_LONG").is_some() {
            1
        } else {
            every
        };
        let begin = Instant::now();
        let chosen: Vec<_> = (programs().into_iter())
            .skip(variant % every)
            .step_by(every)
            .collect();
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
                    Ok(block) => {
                        let expected = cases().expected(&case.result);
                        let other = difference(block, &expected, case.scale, case.loose);
                        // What is only moved keeps the sign of a zero.
                        match case.family == "shape" {
                            false => other,
                            true => other.or_else(|| other_sign(block, &expected)),
                        }
                    }
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

/// What NumPy refuses is refused here, at the call, with what is allowed.
#[test]
fn bad_input_is_refused_with_what_is_allowed() {
    let cases = [
        (
            "f8.reshape([7, -1])",
            "reshape: 120 elements cannot become shape [7, -1]; the product of the lengths must be 120, and at most one length may be -1",
        ),
        (
            "f8.squeeze(1)",
            "squeeze: axis 1 has length 4; only axes of length 1 can go",
        ),
        (
            "f8.expand_dims([0, 0])",
            "expand_dims: axis 0 is given twice",
        ),
        (
            "row.mT()",
            "matrix_transpose: the array has 1 axes; it must have at least 2",
        ),
        (
            "f8.permute_dims([0, 0, 1])",
            "permute_dims: [0, 0, 1] is not an order of the axes 0 … 2",
        ),
        (
            "f8.moveaxis([0, 0], [1, 2])",
            "moveaxis: axis 0 is given twice",
        ),
        (
            "f8.rot90(1, [0, 0])",
            "rot90: the axes [0, 0] are one and the same; they must be different",
        ),
        (
            "f8.roll([1, 2], [0, 1, 2])",
            "roll: 2 shifts for 3 axes; there must be one for each, or one for all",
        ),
        (
            "row.fliplr()",
            "fliplr: the array has 1 axes; it must have at least 2",
        ),
        (
            "concat([f8, plane])",
            "concat: array 1 has shape [4, 6], the first one [5, 4, 6]; all axes but axis 0 must agree",
        ),
        (
            "concat([])",
            "concat: an empty list; there must be at least one array",
        ),
        (
            "stack([plane, row])",
            "stack: an array has shape [6], the first one [4, 6]; all must agree",
        ),
        (
            "block([row, [row]])",
            "block: lists of depth 0 and 1 side by side; all must be of one depth",
        ),
        (
            "f8.split(3)",
            "split: 5 elements of axis 0 in 3 parts; the parts must be equal (array_split allows others)",
        ),
        (
            "row.repeat([1, 2])",
            "repeat: 2 counts for 6 elements; there must be one for each, or one for all",
        ),
        (
            "f8.rechunk([1, 2])",
            "rechunk: 2 chunk lengths for 3 axes; there must be one for each",
        ),
        (
            "broadcast_arrays([row, line])",
            "broadcast_arrays: shapes [6] and [101] do not align: lengths 6 and 101 on axis 0; lengths must be equal, or one of them 1",
        ),
        (
            "f8[\"5\"]",
            "index: index 5 is out of range on axis 0; allowed are -5 … 4",
        ),
        (
            "f8[\"[0, 7]\"]",
            "index: index 7 is out of range on axis 0; allowed are -5 … 4",
        ),
        (
            "f8[\"0, 0, 0, 0\"]",
            "index: 4 indices for an array of 3 axes",
        ),
        ("f8[\"..., ...\"]", "index: 2 ellipses; there may be one"),
        (
            "f8[\"1:x\"]",
            "index \"1:x\": \"x\" is not understood; allowed are integers, start:stop:step, lists of integers, ... and newaxis, with commas between",
        ),
        ("f8[\"::0\"]", "slice: step 0; allowed is any other integer"),
        (
            "f8[mask2]",
            "index: a mask of shape [6] over axes of lengths [5]; they must agree",
        ),
        (
            "f8[plane]",
            "index: an index of float64; indices are integers or bools",
        ),
        (
            "f8[\"[0, 1], [0, 1, 2]\"]",
            "index: shapes [2] and [3] do not align: lengths 2 and 3 on axis 0; lengths must be equal, or one of them 1",
        ),
        (
            "f8.take([9], 1)",
            "take: index 9 is out of range on axis 1; allowed are -4 … 3",
        ),
        (
            "f8.take_along_axis(plane, 0)",
            "take_along_axis: indices of float64; they must be integers",
        ),
        (
            "f8.take_along_axis(pick, 0)",
            "take_along_axis: indices of shape [4] for an array of shape [5, 4, 6]; all axes but axis 0 must agree",
        ),
        (
            "plane.searchsorted(row)",
            "searchsorted: the sorted array has shape [4, 6]; it must have one axis",
        ),
        (
            "c8.ravel().searchsorted(row)",
            "searchsorted of complex128; it is there for bool, integers, floats and times",
        ),
        (
            "zero.nonzero()",
            "nonzero: the array has no axes; use atleast_1d(x).nonzero()",
        ),
        (
            "f8.delete(5, 0)",
            "delete: index 5 is out of range on axis 0; allowed are -5 … 4",
        ),
        (
            "f8.insert(6, 1, 0)",
            "insert: index 6 is out of range on axis 0; allowed are -5 … 5",
        ),
        (
            "f8.set_at(\"1\", line)",
            "broadcast_to: shape [101] does not broadcast to [4, 6]",
        ),
        (
            "f8.fft(0)",
            "fft: a transform of 0 elements (axis 2); there must be at least 1",
        ),
        (
            "f8.fft((), 3)",
            "fft: axis 3 is out of range; allowed are -3 … 2",
        ),
        (
            "f8.fft((), 0, \"both\")",
            "fft: norm \"both\" is not allowed; allowed are \"backward\", \"ortho\" and \"forward\"",
        ),
        (
            "M.fft()",
            "fft: not defined for datetime64[s]; allowed are numbers",
        ),
        (
            "c8.rfft()",
            "rfft: not defined for complex64; allowed are real numbers",
        ),
        (
            "f8.fft2([3])",
            "fft2: 1 lengths for 2 axes; there must be one for each",
        ),
    ];
    let found = on_tiles(1 << 16, Fabric::Solo, limits(1), |driver| {
        let names: Vec<&str> = cases.iter().map(|(program, _)| *program).collect();
        results(driver, &names, 0)
    })
    .unwrap();
    for ((program, message), found) in cases.iter().zip(&found) {
        match &found[0] {
            Err(error) => assert!(error.contains(message), "{program}: {error}"),
            Ok(_) => panic!("{program}: no error"),
        }
    }
    // What only the data tells comes out of `compute`.
    let late = on_tiles(4, Fabric::Threads(2), limits(1), |driver| {
        results(
            driver,
            &["plane.take_along_axis(array([[0], [1], [2], [6]]), 1)"],
            0,
        )
    });
    let message = "take_along_axis: index 6 is out of range on axis 1 of length 6";
    match &late.unwrap()[0][0] {
        Err(error) => assert!(error.contains(message), "{error}"),
        Ok(_) => panic!("no error"),
    }
}

/// Lists demand the box around their own indices, masks the rows that hold the wanted elements; reshapes keep the axes that
/// they do not touch.
#[test]
fn demands_are_local() {
    use hyperslab::geom::Region;
    use hyperslab::op::{BlockOp, Compress, Reshape, Take};
    let demand = |op: BlockOp, shape: &[usize], start: Vec<usize>, lengths: Vec<usize>| {
        op.demand(0, &[shape], &Region::new(start, lengths))
    };
    let list: Vec<u64> = (0..1000).map(|i| i * 37).collect();
    let take = Take {
        axes: vec![0],
        at: 0,
        indices: vec![list],
    };
    assert_eq!(
        demand(take.into(), &[40_000, 9], vec![500, 3], vec![10, 4]),
        Region::new([500 * 37, 3], [9 * 37 + 1, 4])
    );
    let compress = Compress {
        rows: 10,
        before: vec![0, 4, 4, 4, 9, 20],
    };
    let rows = |start, len| demand(compress.clone().into(), &[47, 5], vec![start], vec![len]);
    assert_eq!(rows(0, 4), Region::new([0, 0], [10, 5]));
    assert_eq!(rows(4, 1), Region::new([30, 0], [10, 5]));
    assert_eq!(rows(3, 17), Region::new([0, 0], [47, 5]));
    let reshape = Reshape {
        shape: vec![60, 7, 20],
    };
    assert_eq!(
        demand(
            reshape.into(),
            &[6, 10, 7, 4, 5],
            vec![12, 2, 0],
            vec![5, 3, 5]
        ),
        Region::new([1, 2, 2, 0, 0], [1, 5, 3, 1, 5])
    );
}
