//! Every public operation on arrays is proved: a golden program has its name (or the word that stands for it), or a test calls
//! it by name.

use super::support::elements::elements;
use super::support::files::{limits, on_tiles};
use super::support::oracle::{difference, oracle, read_golden};
use hyperslab::comm::Fabric;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Files that give words of golden programs their methods.
const WORDS: &[&str] = &[
    "support/oracle.rs",
    "support/along.rs",
    "support/elements.rs",
];

/// What is no operation on elements, with the reason.
const EXCEPTIONS: &[(&str, &str)] = &[
    ("new", "made by all others"),
    ("failed", "carries the errors of all others"),
    ("session", "an accessor"),
    ("node", "an accessor"),
    ("name", "an accessor of modes"),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        match entry.path() {
            path if path.is_dir() => sources(&path, found),
            path if path.extension().is_some_and(|e| e == "rs") => found.push(path),
            _ => {}
        }
    }
}

/// The words of a text: runs of letters, digits and underscores.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .filter(|word| !word.is_empty())
}

/// Names of the public functions of `src/array`, written out or in the tables of macros.
fn operations(root: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut files = Vec::new();
    sources(&root.join("src/array"), &mut files);
    for file in files {
        for line in std::fs::read_to_string(file).unwrap().lines() {
            let line = line.trim_start();
            let line = match line.strip_prefix("#[doc = ") {
                // The reductions' table has its lines so: `#[doc = "Sum."] sum, nansum => Sum;`
                Some(rest) => rest.split_once("\"] ").map_or("", |(_, rest)| rest),
                None => line,
            };
            // `pub fn $name` is in the table of its macro.
            if let Some(rest) = line
                .strip_prefix("pub fn ")
                .filter(|rest| !rest.starts_with('$'))
            {
                names.extend(words(rest).next().map(str::to_owned));
                continue;
            }
            // `sqrt => Sqrt, "√x";`, `fft, fft2, fftn => Forward;`
            if let Some((left, right)) = line.split_once(" => ")
                && right.ends_with(';')
                && right.starts_with(char::is_uppercase)
                && left
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_, ".contains(c))
            {
                names.extend(words(left).map(str::to_owned));
            }
        }
    }
    names
}

#[test]
fn every_operation_has_a_golden_program_or_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let operations = operations(root);
    assert!(operations.len() > 250, "{} operations", operations.len());
    let shapes = read_golden("shapes.bin");
    let mut golden: BTreeSet<String> = BTreeSet::new();
    for case in oracle()
        .cases
        .iter()
        .chain(&elements().cases)
        .chain(&shapes.cases)
    {
        golden.extend(words(&case.program).map(str::to_owned));
    }
    let mut files = Vec::new();
    sources(&root.join("tests"), &mut files);
    let mut proved = golden.clone();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let of_words = WORDS.iter().any(|name| file.ends_with(name));
        let mut word: Vec<&str> = Vec::new();
        for line in text.lines() {
            if !of_words {
                // `x.roll(…)`, `select(…)`
                proved.extend(line.match_indices('(').filter_map(|(at, _)| {
                    let before = &line[..at];
                    words(before)
                        .last()
                        .filter(|w| before.ends_with(w))
                        .map(str::to_owned)
                }));
                continue;
            }
            // `"rl" => top.roll(…)`, or the method on the lines below.
            if let Some((left, _)) = line.split_once(" =>")
                && left.trim_start().starts_with('"')
            {
                word = left.split('"').skip(1).step_by(2).collect();
            }
            if word.iter().any(|word| golden.contains(*word)) {
                proved.extend(line.match_indices("(").filter_map(|(at, _)| {
                    let before = &line[..at];
                    words(before)
                        .last()
                        .filter(|w| before.ends_with(w))
                        .map(str::to_owned)
                }));
            }
        }
    }
    let excepted: BTreeSet<&str> = EXCEPTIONS.iter().map(|(name, _)| *name).collect();
    let missing: Vec<&String> = operations
        .iter()
        .filter(|name| !proved.contains(*name) && !excepted.contains(name.as_str()))
        .filter(|name| !element_wise(name))
        .collect();
    assert!(
        missing.is_empty(),
        "without a golden program or a test: {missing:?}"
    );
    let gone: Vec<_> = excepted
        .iter()
        .filter(|name| !operations.contains(**name))
        .collect();
    assert!(gone.is_empty(), "excepted, but gone: {gone:?}");
}

/// Element-wise operations have golden data of their own, by the name of their record (`kernel.txt`, which
/// `tests/laws.rs::every_operation_has_golden_data` holds complete); other names of one are methods of the same table.
fn element_wise(name: &str) -> bool {
    let table = include_str!("../../src/array/element_wise.rs");
    table
        .lines()
        .any(|line| line.trim_start().starts_with(&format!("{name} => ")))
}

/// Methods that only name another one in short give what that gives.
#[test]
fn short_forms_are_the_long_ones() {
    use hyperslab::array::{ChunkLen, ReduceOptions};
    use hyperslab::dtype::{DType, Scalar};
    use hyperslab::op::ReductionKind as R;
    on_tiles(3, Fabric::Threads(2), limits(1, 64 << 20), |driver| {
        let values = |index: ndarray::IxDyn| match index[0] * 5 + index[1] * 3 + index[2] {
            n if n % 7 == 3 => f64::NAN,
            n => n as f64 / 4.0 - 3.0,
        };
        let x = ndarray::ArrayD::from_shape_fn(vec![4, 3, 5], values);
        let x = driver.from_ndarray(x).chunk(&[2, 3, 2]);
        let long = |kind| {
            let options = ReduceOptions {
                skipna: Some(true),
                keepdims: false,
            };
            x.reduce(kind, &[1], options)
        };
        for (short, long) in [
            (x.nanmin(&[1]), long(R::Min)),
            (x.nanmax(&[1]), long(R::Max)),
            (x.nanprod(&[1]), long(R::Prod)),
            (x.nanvar(&[1], 1), long(R::Var { ddof: 1 })),
            (x.matrix_transpose(), x.swapaxes(-1, -2)),
            (
                x.repeat_each(&[2, 0, 1], Some(1)),
                x.take(&[0, 0, 2], Some(1)),
            ),
            (x.empty_like(), &x.fillna(0.0) * 0.0),
            (
                driver.scalar(Scalar::I64(3), DType::F32)?,
                driver.full(&[], 3.0).astype(DType::F32),
            ),
        ] {
            let (short, long) = (short.compute_block()?, long.compute_block()?);
            assert_eq!(difference(&short, &long, 0.0, false), None);
        }
        let chunked = x.rechunk_axes(&[(-1, ChunkLen::Of(4)), (0, ChunkLen::Whole)], None);
        assert_eq!(chunked.chunk_shape(), [4, 3, 4]);
        Ok(())
    })
    .unwrap();
}
