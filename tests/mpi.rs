//! The oracle under `mpirun`: this binary starts itself as ranks, and every bit must be that of one process.
//! `HYPERSLAB_LONG=1` adds 7 ranks and all programs.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

mod support;

use hyperslab::array::{Array, compute};
use hyperslab::comm::Fabric;
use hyperslab::driver::{Config, Driver, launch_with};
use hyperslab::labelled::Values;
use hyperslab::plan::Tiling;
use hyperslab::script::evaluate;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Instant;
use support::elements::{self, elements};
use support::files::{landsat, limits, ndvi, on_tiles};
use support::labelled::build_labelled;
use support::mpirun_within;
use support::oracle::{Oracle, build, chunks, digest, golden, oracle, read_golden};

/// Says what the ranks do; without it this process is the test.
const CHILD: &str = "HYPERSLAB_MPI_CHILD";

/// Elements of a tile, in one process and on all ranks: small arrays have many tiles.
const TILE: usize = 1;

fn long() -> bool {
    std::env::var_os("HYPERSLAB_LONG").is_some()
}

fn main() {
    if let Ok(role) = std::env::var(CHILD) {
        let config = Config {
            // The least budget with windows.
            limits: limits(1, 256 << 20),
            tiling: Tiling {
                elements: TILE,
                ..Tiling::default()
            },
            ..Config::default()
        };
        match launch_with(&config, |driver| act(driver, &role)) {
            Ok(Some(lines)) => lines.iter().for_each(|line| println!("{line}")),
            Ok(None) => {}
            Err((prints, error)) => {
                if prints {
                    eprintln!("hyperslab: {error}");
                }
                std::process::exit(i32::from(error.fault().exit_code()));
            }
        }
        return;
    }
    support::main(&[
        ("programs", programs),
        ("array_programs", array_programs),
        ("labelled_programs", labelled_programs),
        ("season", season),
    ]);
}

/// What rank 0's program does: one line per result, with the digest of its bits.
fn act(driver: &Driver, role: &str) -> hyperslab::Result<Vec<String>> {
    let mut words = role.split(' ');
    match words.next() {
        Some("programs") => programs_of(driver, words.next().unwrap().parse().unwrap()),
        Some("arrays") => arrays_of(driver, words.next().unwrap().parse().unwrap()),
        Some("labelled") => labelled_of(driver),
        Some("season") => {
            let (input, output) = (words.next().unwrap(), words.next().unwrap());
            ndvi(driver, Path::new(input))?.save(output)?;
            Ok(Vec::new())
        }
        other => panic!("role {other:?}"),
    }
}

fn programs_of(driver: &Driver, variant: usize) -> hyperslab::Result<Vec<String>> {
    let every = if long() { 1 } else { 7 };
    let cases: Vec<_> = oracle().cases.iter().skip(variant).step_by(every).collect();
    let mut lines = Vec::new();
    for batch in cases.chunks(41) {
        let arrays: Vec<_> = batch
            .iter()
            .map(|c| build(driver, &c.program, variant))
            .collect();
        for (case, block) in batch
            .iter()
            .zip(compute(&arrays.iter().collect::<Vec<_>>())?)
        {
            let bits = digest(block.buffer().as_bytes(), 17);
            lines.push(format!("{bits:016x} {:?} {}", block.shape(), case.program));
        }
    }
    Ok(lines)
}

/// The programs of elements.bin and shapes.bin: a sample by default.
fn arrays_of(driver: &Driver, variant: usize) -> hyperslab::Result<Vec<String>> {
    let every = if long() { 1 } else { 37 };
    let mut made: Vec<(&str, Array)> = Vec::new();
    for case in elements().cases.iter().skip(variant).step_by(every) {
        made.push((
            &case.program,
            elements::build(driver, &case.program, variant),
        ));
    }
    let inputs: Vec<(&str, Array)> = shapes()
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
    let mut programs: Vec<&str> = shapes()
        .cases
        .iter()
        .map(|case| case.program.as_str())
        .collect();
    programs.dedup();
    for program in programs.into_iter().skip(variant).step_by(every) {
        made.extend(
            evaluate(driver, program, &inputs)?
                .into_iter()
                .map(|array| (program, array)),
        );
    }
    let mut lines = Vec::new();
    for batch in made.chunks(41) {
        let arrays: Vec<&Array> = batch.iter().map(|(_, array)| array).collect();
        for ((program, _), block) in batch.iter().zip(compute(&arrays)?) {
            let bits = digest(block.buffer().as_bytes(), 17);
            lines.push(format!(
                "{bits:016x} {:?} {}",
                block.shape(),
                program.replace('\n', " ")
            ));
        }
    }
    Ok(lines)
}

fn shapes() -> &'static Oracle {
    static SHAPES: OnceLock<Oracle> = OnceLock::new();
    SHAPES.get_or_init(|| read_golden("shapes.bin"))
}

fn labelled_of(driver: &Driver) -> hyperslab::Result<Vec<String>> {
    let dataset = driver.open(golden().join("oracle.nc"))?;
    let mut lines = Vec::new();
    for case in &oracle().labelled {
        let array = build_labelled(&dataset, &case.program);
        let block = array.compute_block()?;
        let bits = digest(block.buffer().as_bytes(), 17);
        lines.push(format!("{bits:016x} {:?} {}", block.shape(), case.program));
    }
    Ok(lines)
}

fn compare(role: &str, expected: &[String]) {
    let ranks: &[usize] = if long() {
        &[1, 2, 3, 4, 7]
    } else {
        &[1, 2, 3, 4]
    };
    for &ranks in ranks {
        let begin = Instant::now();
        let output = mpirun_within(ranks, 120)
            .arg(std::env::current_exe().unwrap())
            .env(CHILD, role)
            .env("HYPERSLAB_WINDOWS", if ranks == 3 { "off" } else { "on" })
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{role} on {ranks} ranks: {errors}");
        let text = String::from_utf8_lossy(&output.stdout);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines.len(),
            expected.len(),
            "{role} on {ranks} ranks: {text} {errors}"
        );
        for (line, expected) in lines.iter().zip(expected) {
            assert_eq!(line, expected, "{role} on {ranks} ranks");
        }
        println!(
            "  {role} on {ranks} ranks: {:.1} s",
            begin.elapsed().as_secs_f64()
        );
    }
}

fn programs() {
    for variant in [1, 3] {
        let role = format!("programs {variant}");
        let expected = on_tiles(TILE, Fabric::Solo, limits(2, 1 << 30), |driver| {
            act(driver, &role)
        })
        .unwrap();
        assert!(expected.len() > 100);
        compare(&role, &expected);
    }
}

fn array_programs() {
    // One chunk (on more ranks), thirds, and ragged ones.
    for variant in [0, 1, 3] {
        let role = format!("arrays {variant}");
        let expected = on_tiles(TILE, Fabric::Solo, limits(2, 1 << 30), |driver| {
            act(driver, &role)
        })
        .unwrap();
        assert!(expected.len() > 80);
        compare(&role, &expected);
    }
}

fn labelled_programs() {
    let expected = on_tiles(TILE, Fabric::Solo, limits(2, 1 << 30), labelled_of).unwrap();
    compare("labelled", &expected);
}

/// All variables and coordinates of a file, as bits.
fn contents(path: &Path) -> Vec<(String, Vec<u8>)> {
    on_tiles(TILE, Fabric::Solo, limits(1, 1 << 30), |driver| {
        let dataset = driver.open(path)?;
        let mut all = Vec::new();
        for variable in dataset.variables() {
            let name = format!("{:?} {:?}", variable.name(), variable.dims());
            all.push((name, variable.compute_block()?.buffer().as_bytes().to_vec()));
        }
        for coord in dataset.coords() {
            let bytes = match &coord.values {
                Values::Block(block) | Values::CfTimes(block, _) => {
                    block.buffer().as_bytes().to_vec()
                }
                Values::Texts(texts, _) => texts.join("|").into_bytes(),
            };
            all.push((coord.name.clone(), bytes));
        }
        Ok(all)
    })
    .unwrap()
}

fn season() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("cube.nc");
    landsat(&input, [44, 150, 130], 64);
    let output = |name: &str| -> PathBuf { folder.path().join(name) };
    let solo = output("solo.nc");
    on_tiles(TILE, Fabric::Solo, limits(2, 1 << 30), |driver| {
        ndvi(driver, &input)?.save(&solo)
    })
    .unwrap();
    let expected = contents(&solo);
    assert_eq!(expected[0].1.len() % (150 * 130 * 4), 0);
    for ranks in [1, 2, 3, 4] {
        let path = output(&format!("season{ranks}.nc"));
        let role = format!("season {} {}", input.display(), path.display());
        let ended = mpirun_within(ranks, 60)
            .arg(std::env::current_exe().unwrap())
            .env(CHILD, role)
            .output()
            .unwrap();
        assert!(
            ended.status.success(),
            "{}",
            String::from_utf8_lossy(&ended.stderr)
        );
        assert!(
            contents(&path) == expected,
            "{ranks} ranks give other values"
        );
        println!(
            "  {ranks} ranks: same values, {} bytes",
            if std::fs::read(&path).unwrap() == std::fs::read(&solo).unwrap() {
                "same"
            } else {
                "other"
            }
        );
    }
}
