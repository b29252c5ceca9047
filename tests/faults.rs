//! Bad input and injected faults: one clear message, its own exit code, no hang, no file that looks complete.
//!
//! This binary starts itself under `mpirun`; faults inside the engine are asked for by `HYPERSLAB_FAULT` (src/exec/faults.rs).

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

#[path = "faults/matrix.rs"]
mod matrix;
#[path = "faults/scratch.rs"]
mod scratch;
#[path = "faults/soak.rs"]
mod soak;
mod support;
#[path = "faults/unwritable.rs"]
mod unwritable;

use hyperslab::comm::Fabric;
use hyperslab::driver::{Config, Driver, launch_with};
use hyperslab::error::Fault;
use hyperslab::plan::Tiling;
use hyperslab::{Error, Result};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use support::files::{corrupt, landsat, limits, ndvi, on};
use support::{mpirun_within, no_rank_is_left};
use tempfile::TempDir;

/// Says what the ranks do; without it this process is the test.
const CHILD: &str = "HYPERSLAB_FAULTS_CHILD";
/// So many ranks as threads of the child.
const THREADS: &str = "HYPERSLAB_FAULTS_THREADS";
/// Warnings are printed.
const TOLD: &str = "HYPERSLAB_FAULTS_TOLD";

fn main() {
    if let Ok(role) = std::env::var(CHILD) {
        unwritable::constrain();
        if std::env::var_os(TOLD).is_some() {
            let told = tracing_subscriber::fmt().with_writer(std::io::stderr);
            told.with_ansi(false).init();
        }
        let threads = std::env::var(THREADS).ok().and_then(|n| n.parse().ok());
        let fabric = threads.map(Fabric::Threads);
        if role == "message" {
            return soak::long_message().unwrap();
        }
        let many_tiles = Tiling {
            elements: 1,
            ..Tiling::default()
        };
        let (limits, tiling) =
            soak::config(&role).unwrap_or_else(|| (scratch::limits(&role), many_tiles));
        let config = Config {
            limits,
            tiling,
            fabric,
            ..Config::default()
        };
        match launch_with(&config, |driver| act(driver, &role)) {
            Ok(_) => {}
            Err((true, error)) => {
                eprintln!("hyperslab: {error}");
                std::process::exit(i32::from(error.fault().exit_code()));
            }
            // A launcher kills the job at the first exit code that is not 0, perhaps before rank 0 has said why.
            Err((false, _)) => {}
        }
        return;
    }
    support::main(&[
        ("names_shapes_and_chunks", names_shapes_and_chunks),
        ("files", files),
        ("budgets", budgets),
        ("outputs", outputs),
        ("corrupt_chunk", corrupt_chunk),
        ("disk_full", unwritable::disk_full),
        ("permissions", unwritable::permissions),
        ("scratch_faults", scratch::faults),
        ("scratch_folders", scratch::folders),
        ("files_that_change", files_that_change),
        ("foreign_launcher", foreign_launcher),
        ("injected", injected),
        ("killed_ranks", killed_ranks),
        ("matrix", matrix::matrix),
        ("middle_of_collectives", matrix::others),
        ("transient_reads", matrix::transient),
        ("many_computes", soak::computes),
        ("ranks_start_and_stop", soak::starts),
        ("counts", soak::counts),
    ]);
}

fn act(driver: &Driver, role: &str) -> Result<()> {
    let words: Vec<&str> = role.split(' ').collect();
    match words.as_slice() {
        ["season", input, output] => ndvi(driver, Path::new(input))?.save(output),
        ["copy", input, output] => {
            let dataset = driver.open(input)?;
            (dataset.var("nir08") * 1.5).rename("v").save(output)
        }
        ["noise", layout, output] => unwritable::save_noise(driver, layout, output),
        ["part_instead", layout, output] => unwritable::save_part_instead(driver, layout, output),
        ["turn", kib] => scratch::turn(driver, kib),
        ["many", input, count] => soak::many(driver, input, count.parse().unwrap()),
        ["known"] | ["pieces"] => soak::known(driver),
        ["beyond"] => soak::beyond(driver),
        ["anomaly", input, output] => matrix::anomaly(driver, input, output),
        ["vanish", input, how] => {
            let mean = driver.open(input)?.var("red").mean(());
            match *how {
                "removed" => std::fs::remove_file(input).map_err(Error::internal)?,
                "shortened" => {
                    let bytes = std::fs::read(input).map_err(Error::internal)?;
                    std::fs::write(input, &bytes[..bytes.len() / 2]).map_err(Error::internal)?;
                }
                _ => {
                    let bytes = std::fs::read(input).map_err(Error::internal)?;
                    std::fs::write(input, [bytes, vec![0; 10]].concat())
                        .map_err(Error::internal)?;
                }
            }
            mean.compute_block().map(drop)
        }
        other => panic!("role {other:?}"),
    }
}

/// A folder with a cube of chunks (1, 20, 20).
fn cube() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cube.nc");
    landsat(&path, [12, 80, 60], 20);
    (folder, path)
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs a role on so many ranks; a fault may be injected.
fn ranks(count: usize, role: &str, fault: Option<&str>) -> (Output, Duration) {
    match fault {
        Some(fault) => ranks_with(count, role, &[("HYPERSLAB_FAULT", fault)]),
        None => ranks_with(count, role, &[]),
    }
}

/// Runs a role on so many ranks, with variables of the environment.
fn ranks_with(count: usize, role: &str, set: &[(&str, &str)]) -> (Output, Duration) {
    let begin = Instant::now();
    let mut command = mpirun_within(count, 40);
    command
        .arg(std::env::current_exe().unwrap())
        .env(CHILD, role)
        .envs(set.iter().copied());
    (command.output().unwrap(), begin.elapsed())
}

/// Names in a folder other than the input's.
fn left_in(folder: &TempDir) -> Vec<String> {
    std::fs::read_dir(folder.path())
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name != "cube.nc")
        .collect()
}

/// The error of a program, the same on one rank and on three.
fn refused(program: impl Fn(&Driver) -> Result<()> + Send + Sync) -> Error {
    let plain = |error: &Error| error.message().to_owned();
    let solo = on(Fabric::Solo, limits(1, 64 << 20), &program).unwrap_err();
    let three = on(Fabric::Threads(3), limits(2, 64 << 20), &program).unwrap_err();
    assert_eq!(plain(&solo), plain(&three));
    assert_eq!(solo.fault(), three.fault());
    three
}

fn says(error: &Error, parts: &[&str]) {
    let text = error.to_string();
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
}

fn names_shapes_and_chunks() {
    let (_folder, path) = cube();
    let error = refused(|d| d.open(&path)?.var("nir80").mean("time").check());
    says(&error, &["nir80", "known: nir08, ", "cube.nc"]);
    assert_eq!(error.fault(), Fault::InvalidInput);
    assert!(
        error
            .call_site()
            .is_some_and(|site| site.contains("faults.rs")),
        "{error}"
    );
    let error = refused(|d| {
        d.open(&path)?
            .var("nir08")
            .mean("tim")
            .compute_block()
            .map(drop)
    });
    says(&error, &["mean", "\"tim\"", "time", "faults.rs"]);
    let error = refused(|d| {
        d.open(&path)?
            .var("red")
            .groupby("time.seasn")
            .mean(())
            .check()
    });
    says(&error, &["seasn", "season"]);
    let error = refused(|d| {
        d.open(&path)?
            .var("red")
            .groupby("tme.season")
            .mean(())
            .check()
    });
    says(&error, &["tme", "time"]);
    let error = refused(|d| {
        let ds = d.open(&path)?;
        let part = ds.var("red").isel([("y", (0..7).into())]);
        // With the coordinate the common labels are taken.
        (ds.var("nir08") + part.drop_vars(&["y"])).check()
    });
    says(&error, &["\"y\"", "80", "7", "red", "nir08"]);
    let error = refused(|d| {
        let ds = d.open(&path)?;
        let (a, b) = (
            ds.var("red").isel([("x", (0..9).into())]),
            ds.var("nir08").isel([("x", (10..19).into())]),
        );
        (a - b).check()
    });
    says(
        &error,
        &[
            "no label of \"x\"",
            "red from 1272000",
            "nir08 from 1272300",
        ],
    );
    let error = refused(|d| d.open(&path)?.chunk([("time", 0)]).check());
    says(&error, &["chunk", "0"]);
    let error = refused(|d| d.zeros(&[1 << 40]).chunk(&[1 << 28]).check());
    says(&error, &["chunk", "2147483648"]);
    let error = refused(|d| d.open(&path)?.chunk([("tim", 3)]).check());
    says(&error, &["chunk", "\"tim\"", "time"]);
    let error = refused(|d| {
        (d.zeros(&[3, 4]) + d.zeros(&[3, 5]))
            .compute_block()
            .map(drop)
    });
    says(&error, &["add", "[3, 4]", "[3, 5]"]);
    let error = refused(|d| d.open(&path)?.var("red").sel("x", 3.5).check());
    says(&error, &["sel", "3.5", "\"x\""]);
}

fn files() {
    let (folder, path) = cube();
    let error = refused(|d| d.open(folder.path().join("none.nc")).map(drop));
    says(&error, &["none.nc"]);
    assert_eq!(error.fault(), Fault::NoInput);
    let text = folder.path().join("text.nc");
    std::fs::write(
        &text,
        "no file of numbers, but text that is long enough to be one",
    )
    .unwrap();
    let error = refused(|d| d.open(&text).map(drop));
    says(&error, &["text.nc", "HDF5"]);
    assert_eq!(error.fault(), Fault::Data);
    let mut bytes = std::fs::read(&path).unwrap();
    // Behind the file lies its manifest, which reading does not need.
    let manifest = b"{\"manifest\"";
    let end = bytes.windows(manifest.len()).rposition(|w| w == manifest);
    bytes.truncate(end.unwrap());
    for part in [0, 7, 100, bytes.len() / 3, bytes.len() / 2, bytes.len() - 1] {
        let short = folder.path().join("short.nc");
        std::fs::write(&short, &bytes[..part]).unwrap();
        let error = refused(|d| {
            let dataset = d.open(&short)?;
            dataset.var("red").mean(()).compute_block()?;
            dataset.var("nir08").mean(()).compute_block()?;
            dataset.var("qa_pixel").max(()).compute_block().map(drop)
        });
        says(&error, &["short.nc"]);
        assert_eq!(
            error.fault(),
            Fault::Data,
            "{part} of {} bytes: {error}",
            bytes.len()
        );
    }
}

fn budgets() {
    let (folder, path) = cube();
    let out = folder.path().join("out.nc");
    for fabric in [Fabric::Solo, Fabric::Threads(3)] {
        let error = on(fabric, limits(1, 5000), |d| ndvi(d, &path)?.save(&out)).unwrap_err();
        assert_eq!(error.fault(), Fault::Resource, "{error}");
        says(&error, &["4.88 KiB"]);
        println!("  {}", error.to_string().replace('\n', "\n  "));
        // A result that cannot fit on rank 0.
        let error = on(fabric, limits(1, 1 << 20), |d| {
            d.zeros(&[1000, 1000]).compute_block().map(drop)
        })
        .unwrap_err();
        assert_eq!(error.fault(), Fault::Resource, "{error}");
        println!("  {}", error.to_string().replace('\n', "\n  "));
    }
    assert!(left_in(&folder).is_empty());
}

fn outputs() {
    let (folder, path) = cube();
    let error = refused(|d| ndvi(d, &path)?.save(folder.path().join("no/such/out.nc")));
    assert_eq!(error.fault(), Fault::Output);
    says(&error, &["no/such"]);
    let there = folder.path().join("there.nc");
    std::fs::write(&there, "precious").unwrap();
    let error = refused(|d| ndvi(d, &path)?.save(&there));
    assert_eq!(error.fault(), Fault::Output);
    says(&error, &["there.nc", "exists"]);
    assert_eq!(std::fs::read(&there).unwrap(), b"precious");
    std::fs::remove_file(&there).unwrap();
    // The input itself is no output, not even with overwrite.
    let config = Config {
        limits: limits(1, 64 << 20),
        overwrite: true,
        ..Config::default()
    };
    let before = std::fs::read(&path).unwrap();
    let config = Config {
        fabric: Some(Fabric::Solo),
        ..config
    };
    let ended = launch_with(&config, |d| {
        (d.open(&path)?.var("red") * 2).rename("red").save(&path)
    });
    let (_, error) = ended.err().unwrap();
    assert_eq!(error.fault(), Fault::Output);
    says(&error, &["is also the input", "another path"]);
    assert!(before == std::fs::read(&path).unwrap());
    assert!(left_in(&folder).is_empty(), "{:?}", left_in(&folder));
}

fn corrupt_chunk() {
    let (folder, path) = cube();
    // Chunks are (12, 4, 3): the last in x and y of time 5, so that one rank alone needs it.
    corrupt(&path, "red", 5 * 12 + 11);
    let out = folder.path().join("out.nc");
    let role = format!("season {} {}", path.display(), out.display());
    for count in [1, 3] {
        let (output, took) = ranks(count, &role, None);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(65), "{text}");
        assert!(took < Duration::from_secs(10), "{took:?}");
        for part in ["red of ", "cube.nc", "chunk [5, 3, 2]"] {
            assert!(text.contains(part), "{part:?} is not in: {text}");
        }
        // The last column of tiles is the last rank's.
        assert!(
            count == 1 || text.contains("on rank 2 of 3, host"),
            "{text}"
        );
        assert_eq!(text.matches("hyperslab: ").count(), 1, "{text}");
        assert!(left_in(&folder).is_empty(), "{:?}", left_in(&folder));
        if count == 3 {
            println!("  {}", text.replace('\n', "\n  "));
        }
    }
    no_rank_is_left();
}

fn files_that_change() {
    for (how, fault) in [
        ("removed", Fault::NoInput),
        ("shortened", Fault::Data),
        ("grown", Fault::Data),
    ] {
        for count in [1, 3] {
            let (_folder, path) = cube();
            let (output, took) = ranks(count, &format!("vanish {} {how}", path.display()), None);
            let text = stderr(&output);
            println!("  {how}: {}", text.lines().next().unwrap_or("nothing"));
            assert_eq!(
                output.status.code(),
                Some(i32::from(fault.exit_code())),
                "{how} on {count} ranks: {text}"
            );
            assert!(
                text.contains("cube.nc") && took < Duration::from_secs(10),
                "{text}"
            );
        }
    }
}

fn foreign_launcher() {
    let (folder, path) = cube();
    let out = folder.path().join("out.nc");
    let output = Command::new("timeout")
        .args(["-k", "5", "30"])
        .arg(std::env::current_exe().unwrap())
        .env(
            CHILD,
            format!("season {} {}", path.display(), out.display()),
        )
        .env("PMI_SIZE", "4")
        .env("OMPI_ALLOW_RUN_AS_ROOT", "1")
        .env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")
        .output()
        .unwrap();
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(
        text.contains("PMI_SIZE=4") && text.contains("mpirun"),
        "{text}"
    );
    assert!(left_in(&folder).is_empty());
}

/// Errors and panics on one rank of four: one message, in time, no output.
fn injected() {
    let (folder, path) = cube();
    let out = folder.path().join("out.nc");
    let role = format!("season {} {}", path.display(), out.display());
    for (fault, code) in [
        ("panic:compute:3", Some(70)),
        ("error:compute:1", Some(70)),
        ("error:open:2", Some(70)),
        ("error:finish:0", Some(70)),
        ("panic:exchange:3", None),
        ("panic:compute:0", Some(70)),
    ] {
        let (output, took) = ranks(4, &role, Some(fault));
        let text = stderr(&output);
        assert!(!output.status.success(), "{fault}: {text}");
        if code.is_some() {
            assert_eq!(output.status.code(), code, "{fault}: {text}");
        }
        assert!(took < Duration::from_secs(10), "{fault}: {took:?}");
        let point = fault.split(':').nth(1).unwrap();
        let count = text.matches(&format!("injected at {point}")).count();
        assert_eq!(count, 1, "{fault}: {text}");
        let rank = fault.split(':').nth(2).unwrap();
        if point != "finish" {
            assert!(
                text.contains(&format!("rank {rank} of 4")),
                "{fault}: {text}"
            );
        }
        assert!(!out.exists(), "{fault}");
        if code.is_some() {
            assert!(
                left_in(&folder).is_empty(),
                "{fault}: {:?}",
                left_in(&folder)
            );
        }
        for name in left_in(&folder) {
            let left = folder.path().join(name);
            match left.is_dir() {
                true => std::fs::remove_dir_all(left).unwrap(),
                false => std::fs::remove_file(left).unwrap(),
            }
        }
        println!("  {fault}: {:.1} s", took.as_secs_f64());
    }
    no_rank_is_left();
}

fn killed_ranks() {
    let (folder, path) = cube();
    let out = folder.path().join("out.nc");
    let role = format!("season {} {}", path.display(), out.display());
    for fault in [
        "kill:compute:2",
        "kill:finish:0",
        "kill:exchange:3",
        "abort:compute:1",
    ] {
        let (output, took) = ranks(4, &role, Some(fault));
        assert!(!output.status.success(), "{fault}");
        assert!(took < Duration::from_secs(10), "{fault}: {took:?}");
        assert!(!out.exists(), "{fault}");
        for name in left_in(&folder) {
            assert!(name != "out.nc");
            let left = folder.path().join(name);
            match left.is_dir() {
                true => std::fs::remove_dir_all(left).unwrap(),
                false => std::fs::remove_file(left).unwrap(),
            }
        }
        println!("  {fault}: {:.1} s", took.as_secs_f64());
    }
    no_rank_is_left();
}
