//! Runs that are stopped and continued: the bits of a run that was not, and no more work than was left.

use super::cube;
use hyperslab::array::{Array, StoreOptions, compute, store};
use hyperslab::comm::Fabric;
use hyperslab::config::Limits;
use hyperslab::driver::{Config, Driver, Journaled, launch_with};
use hyperslab::error::Fault;
use hyperslab::observe::Stats;
use hyperslab::op::ReductionKind;
use hyperslab::plan::Tiling;
use hyperslab::spec::{Compression, Encoding};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const SHAPE: [usize; 3] = [24, 30, 28];

/// What is written, by name.
type Outputs = fn(&Array) -> Vec<(&'static str, Array)>;

/// Each by the tiles of its pass.
fn element_wise(x: &Array) -> Vec<(&'static str, Array)> {
    vec![("doubled", x * 2.0 + 1.0), ("known", x.notnull())]
}

/// Folds along the stream and across it, of one sweep.
fn folds(x: &Array) -> Vec<(&'static str, Array)> {
    let codes = Arc::new((0..24u32).map(|t| t / 7).collect());
    vec![
        ("mean", x.nanmean(&[0])),
        ("std", x.nanstd(&[0], 1)),
        ("last", x.nanmax(&[2])),
        ("of_all", x.nansum(&[])),
        ("where_most", x.nanargmax(&[0])),
        (
            "groups",
            x.group_reduce(ReductionKind::Mean, 0, codes, 4, None),
        ),
        ("series", x.nansum(&[1, 2])),
    ]
}

/// A fold whose result stays in memory, then a sweep that uses it, which is folded again.
fn anomalies(x: &Array) -> Vec<(&'static str, Array)> {
    let anomaly = x - x.nanmean(&[0]).broadcast_to(&SHAPE);
    vec![("spread", anomaly.nanstd(&[0], 0)), ("anomaly", anomaly)]
}

/// Stored results that are exchanged, and chunks that are cut out of them.
fn turned(x: &Array) -> Vec<(&'static str, Array)> {
    vec![
        ("turned", x.transpose(&[2, 1, 0])),
        ("along", x.nan_to_num(0.0, None, None).cumsum(0)),
    ]
}

struct Job {
    input: PathBuf,
    outputs: Outputs,
    encoding: Encoding,
}

impl Job {
    fn run(
        &self,
        output: &Path,
        (ranks, threads): (usize, usize),
        journal: Journaled,
        stop_after: Option<u64>,
    ) -> hyperslab::Result<Stats> {
        let config = Config {
            limits: Limits {
                threads,
                reads: 2,
                ..Limits::default()
            },
            fabric: Some(Fabric::Threads(ranks)),
            tiling: Tiling {
                elements: 400,
                ..Tiling::default()
            },
            journal,
            stop_after,
            ..Config::default()
        };
        let program = |driver: &Driver| {
            let x = driver
                .open(self.input.to_str().unwrap())?
                .var("x")
                .array()
                .clone();
            let made = (self.outputs)(&x);
            let named: Vec<(&str, &Array)> = made.iter().map(|(name, y)| (*name, y)).collect();
            let options = StoreOptions {
                overwrite: false,
                encoding: self.encoding.clone(),
            };
            store(&named, output.to_str().unwrap(), &options)?;
            Ok(driver.session().finished().stats)
        };
        launch_with(&config, program)
            .map(Option::unwrap)
            .map_err(|(_, error)| error)
    }
}

/// The elements of all variables of an output, which must be whole.
fn elements(path: &Path) -> Vec<(String, Vec<u8>)> {
    let checked = hyperslab::io::check(path).unwrap();
    assert_eq!(checked.damages, Vec::<String>::new(), "{}", path.display());
    let program = |driver: &Driver| {
        let dataset = driver.open(path.to_str().unwrap())?;
        let names: Vec<String> = dataset
            .variables()
            .iter()
            .filter_map(|v| Some(v.name()?.to_owned()))
            .collect();
        names
            .into_iter()
            .map(|name| {
                let blocks = compute(&[dataset.var(&name).array()])?;
                Ok((name, blocks[0].buffer().as_bytes().to_vec()))
            })
            .collect()
    };
    let config = Config {
        fabric: Some(Fabric::Solo),
        ..Config::default()
    };
    let all = launch_with(&config, program).map_err(|(_, error)| error);
    all.unwrap().unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn input(folder: &Path) -> PathBuf {
    let path = folder.join("input.nc");
    let config = Config {
        fabric: Some(Fabric::Solo),
        ..Config::default()
    };
    let program = |driver: &Driver| {
        let encoding = Encoding {
            chunks: Some(vec![4, 15, 14]),
            compression: Some(Compression::Deflate(1)),
            ..Encoding::default()
        };
        let options = StoreOptions {
            overwrite: false,
            encoding,
        };
        store(
            &[("x", &driver.from_ndarray(cube(&SHAPE)))],
            path.to_str().unwrap(),
            &options,
        )
    };
    launch_with(&config, program)
        .map_err(|(_, error)| error)
        .unwrap();
    path
}

/// Stops after each number of tiles, goes on with other ranks and threads (being stopped again), and compares with a run that was
/// never stopped.
fn sweep(outputs: Outputs, output: &str, encoding: &Encoding, steps: usize) {
    let folder = tempfile::tempdir().unwrap();
    let job = Job {
        input: input(folder.path()),
        outputs,
        encoding: encoding.clone(),
    };
    let whole = folder.path().join(format!("whole_{output}"));
    let full = job.run(&whole, (2, 1), Journaled::Anew, None).unwrap();
    let expected = elements(&whole);
    let before = names(folder.path());
    let layouts = [(1, 1), (2, 1), (1, 2), (3, 1), (2, 2), (5, 1)];
    let mut stopped = 0;
    for after in (0..).step_by(steps) {
        let path = folder.path().join(output);
        let first = layouts[after % layouts.len()];
        let said = format!("{output} stopped after {after} tiles of each of {first:?}");
        let Err(error) = job.run(&path, first, Journaled::Anew, Some(after as u64)) else {
            assert_eq!(elements(&path), expected, "{said}");
            break;
        };
        stopped += 1;
        assert_eq!(error.fault(), Fault::Stopped, "{said}: {error}");
        assert!(error.to_string().contains("--resume"), "{said}: {error}");
        assert!(!path.exists(), "{said}");
        // A second start is stopped, too; the third gets to the end.
        let second = layouts[(after + 3) % layouts.len()];
        let _ = job.run(&path, second, Journaled::Resume, Some(2));
        let third = layouts[(after + 1) % layouts.len()];
        let last = job.run(&path, third, Journaled::Resume, None);
        let last = last.unwrap_or_else(|error| panic!("{said}: {error}"));
        assert!(
            last.decoded_bytes <= full.decoded_bytes,
            "{said}: {last:?} after {full:?}"
        );
        assert_eq!(
            elements(&path),
            expected,
            "{said}, then {second:?}, then {third:?}"
        );
        // Complete already: nothing is done.
        let again = job.run(&path, (1, 1), Journaled::Resume, Some(0)).unwrap();
        assert_eq!(again.decoded_bytes, 0, "{said}");
        match path.is_dir() {
            true => std::fs::remove_dir_all(&path).unwrap(),
            false => std::fs::remove_file(&path).unwrap(),
        }
        assert_eq!(names(folder.path()), before, "{said}");
    }
    assert!(stopped > 1, "{output}: {stopped} stops");
}

fn packed(chunks: [usize; 3]) -> Encoding {
    Encoding {
        chunks: Some(chunks.to_vec()),
        compression: Some(Compression::Deflate(1)),
        shuffle: true,
        ..Encoding::default()
    }
}

#[test]
fn element_wise_results_go_on_in_each_format() {
    sweep(element_wise, "plain.nc", &Encoding::default(), 3);
    sweep(element_wise, "packed.nc", &packed([4, 15, 14]), 3);
    sweep(element_wise, "chunks.zarr", &packed([4, 15, 14]), 3);
}

#[test]
fn folds_go_on_from_their_partial_results() {
    sweep(folds, "folds.nc", &Encoding::default(), 1);
    sweep(folds, "folds.zarr", &Encoding::default(), 5);
}

#[test]
fn several_passes_go_on() {
    sweep(anomalies, "anomalies.nc", &Encoding::default(), 2);
    sweep(anomalies, "anomalies.zarr", &Encoding::default(), 5);
}

#[test]
fn exchanged_results_go_on() {
    sweep(turned, "turned.nc", &packed([7, 30, 5]), 1);
    sweep(turned, "turned.zarr", &packed([28, 7, 6]), 1);
}

/// The later a run was stopped, the less is left: what was folded and stored is not read again.
#[test]
fn the_later_a_stop_the_less_is_left() {
    let folder = tempfile::tempdir().unwrap();
    for (name, outputs) in [
        ("plain", element_wise as Outputs),
        ("folds", folds),
        ("anomalies", anomalies),
    ] {
        let job = Job {
            input: folder.path().join("input.nc"),
            outputs,
            encoding: Encoding::default(),
        };
        if !job.input.exists() {
            input(folder.path());
        }
        let path = folder.path().join("out.nc");
        let alone = (1, 1);
        let full = job
            .run(&path, alone, Journaled::Anew, None)
            .unwrap()
            .decoded_bytes;
        std::fs::remove_file(&path).unwrap();
        let mut left = Vec::new();
        for after in 0.. {
            let stopped = job.run(&path, alone, Journaled::Anew, Some(after));
            let resumed = match stopped {
                Ok(_) => None,
                Err(_) => Some(job.run(&path, alone, Journaled::Resume, None).unwrap()),
            };
            std::fs::remove_file(&path).unwrap();
            match resumed {
                Some(stats) => left.push(stats.decoded_bytes),
                None => break,
            }
        }
        assert_eq!(left[0], full, "{name}: {left:?}");
        assert!(
            left.is_sorted_by(|a, b| a >= b),
            "{name}: {left:?} of {full}"
        );
        let last = left[left.len() - 1];
        assert!(
            left.len() > 5 && last <= full / 4,
            "{name}: {left:?} of {full}"
        );
    }
}
