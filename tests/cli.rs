//! The program as users start it, alone and under mpirun: outputs, messages, exit codes, nothing left behind.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

#[path = "cli/check.rs"]
mod check;
#[path = "cli/daily.rs"]
mod daily;
#[path = "cli/examples.rs"]
mod examples;
#[path = "cli/forecast.rs"]
mod forecast;
#[path = "cli/forms.rs"]
mod forms;
#[path = "cli/graph.rs"]
mod graph;
#[path = "cli/many.rs"]
mod many;
#[path = "cli/pictures.rs"]
mod pictures;
#[path = "cli/remote.rs"]
mod remote;
#[path = "cli/resume.rs"]
mod resume;
#[path = "support/server.rs"]
mod server;
#[path = "cli/slurm.rs"]
mod slurm;
#[path = "cli/slurm_cluster.rs"]
mod slurm_cluster;
mod support;
#[path = "cli/watch.rs"]
mod watch;
#[path = "cli/zarr.rs"]
mod zarr;

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

const BIN: &str = env!("CARGO_BIN_EXE_hyperslab");
const JOB: &str = "examples/ndvi_season.rhai";

/// The demo's cube, made once for all tests.
fn cube() -> &'static Path {
    static DIR: OnceLock<tempfile::TempDir> = OnceLock::new();
    static CUBE: OnceLock<PathBuf> = OnceLock::new();
    CUBE.get_or_init(|| {
        let dir = DIR.get_or_init(|| tempfile::tempdir().unwrap());
        let demo = dir.path().join("demo");
        let out = alone(&["demo", demo.to_str().unwrap()]);
        assert_eq!(out.status.code(), Some(0), "{}", text(&out));
        assert!(
            std::fs::read(demo.join("ndvi_season.png"))
                .unwrap()
                .starts_with(b"\x89PNG")
        );
        demo.join("landsat.nc")
    })
}

fn alone(args: &[&str]) -> Output {
    let mut command = Command::new("timeout");
    command.args(["-k", "5", "60", BIN]).args(args);
    // Tests may themselves run under a launcher.
    for (name, _) in std::env::vars() {
        if ["OMPI_", "PMI", "SLURM_"]
            .iter()
            .any(|p| name.starts_with(p))
        {
            command.env_remove(name);
        }
    }
    command.output().unwrap()
}

fn on(ranks: usize, args: &[&str]) -> Output {
    support::mpirun(ranks).arg(BIN).args(args).output().unwrap()
}

fn text(out: &Output) -> String {
    format!(
        "{}\n{}",
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr)
    )
}

fn json(out: &Output) -> Value {
    let text = String::from_utf8_lossy(&out.stdout);
    let line = text
        .lines()
        .find(|l| l.starts_with('{'))
        .unwrap_or_else(|| panic!("{text}"));
    serde_json::from_str(line).unwrap()
}

fn set(name: &str, value: &Path) -> String {
    format!("{name}={}", value.display())
}

/// Runs a script text; gives the output and the names of the files that are left in its directory.
fn script(source: &str, extra: &[&str]) -> (Output, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("job.rhai");
    std::fs::write(&file, source).unwrap();
    let (input, output) = (
        set("input", cube()),
        set("output", &dir.path().join("out.nc")),
    );
    let mut args = vec![
        "run",
        file.to_str().unwrap(),
        "--set",
        &input,
        "--set",
        &output,
    ];
    args.extend(extra);
    let out = alone(&args);
    let mut left: Vec<String> = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name != "job.rhai")
        .collect();
    left.sort();
    (out, left)
}

/// The script fails with this exit code and these words, once, and leaves nothing behind.
#[track_caller]
fn refused(source: &str, extra: &[&str], code: i32, words: &[&str]) {
    let (out, left) = script(source, extra);
    assert_eq!(out.status.code(), Some(code), "{source}\n{}", text(&out));
    for word in words {
        assert!(
            text(&out).contains(word),
            "{source}\n{}\nexpected {word}",
            text(&out)
        );
    }
    assert_eq!(
        text(&out).matches("hyperslab:").count(),
        1,
        "{}",
        text(&out)
    );
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn one_summary_object_and_the_same_file_on_any_ranks() {
    let dir = tempfile::tempdir().unwrap();
    let input = set("input", cube());
    let mut files = Vec::new();
    for ranks in [0, 1, 2, 3] {
        let path = dir.path().join(format!("{ranks}.nc"));
        let output = set("output", &path);
        let args = [
            "run",
            JOB,
            "--set",
            &input,
            "--set",
            &output,
            "--json",
            "--threads",
            "2",
        ];
        let out = if ranks == 0 {
            alone(&args)
        } else {
            on(ranks, &args)
        };
        assert_eq!(out.status.code(), Some(0), "{}", text(&out));
        let summary = json(&out);
        let ranks = ranks.max(1);
        assert_eq!(summary["ranks"], ranks);
        assert_eq!(summary["threads"], 2);
        for key in [
            "startup_s",
            "elapsed_s",
            "bytes_read",
            "bytes_decoded",
            "bytes_written",
            "projected_peak_bytes",
        ] {
            assert!(summary[key].as_f64().unwrap() > 0.0, "{key} in {summary}");
        }
        assert!(summary["bytes_moved"].is_u64() && summary["messages"].is_u64());
        for key in ["measured_peak_bytes", "rss_peak_bytes"] {
            assert_eq!(
                summary[key].as_array().unwrap().len(),
                ranks,
                "{key} in {summary}"
            );
        }
        let projected = summary["projected_peak_bytes"].as_u64().unwrap();
        for peak in summary["measured_peak_bytes"].as_array().unwrap() {
            assert!(peak.as_u64().unwrap() <= projected, "{summary}");
        }
        assert_eq!(summary["outputs"][0], path.display().to_string());
        assert_eq!(summary["runs"], 1);
        assert_eq!(
            String::from_utf8_lossy(&out.stdout)
                .matches("startup_s")
                .count(),
            1
        );
        files.push(values(&path));
    }
    for other in &files[1..] {
        assert!(files[0] == *other, "bits differ");
    }
}

/// The bits of the season means.
fn values(path: &Path) -> Vec<u32> {
    let config = hyperslab::driver::Config {
        fabric: Some(hyperslab::comm::Fabric::Solo),
        ..Default::default()
    };
    let bits = hyperslab::driver::launch_with(&config, |driver| {
        let ndvi = driver.open(path)?.var("ndvi").compute::<f32>()?;
        assert_eq!(ndvi.shape(), [4, 400, 360]);
        Ok(ndvi.iter().map(|v| v.to_bits()).collect())
    });
    bits.unwrap().unwrap()
}

#[test]
fn existing_output_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("season.nc");
    std::fs::write(&path, "precious").unwrap();
    let (input, output) = (set("input", cube()), set("output", &path));
    let args = ["run", JOB, "--set", &input, "--set", &output];
    let out = alone(&args);
    assert_eq!(out.status.code(), Some(73));
    assert!(text(&out).contains("--overwrite"), "{}", text(&out));
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    let out = alone(&[&args[..], &["--overwrite", "--quiet"]].concat());
    assert_eq!(out.status.code(), Some(0), "{}", text(&out));
    assert!(
        out.stdout.is_empty() && out.stderr.is_empty(),
        "{}",
        text(&out)
    );
    let info = json(&alone(&["info", path.to_str().unwrap(), "--json"]));
    let history = info["attrs"]["history"].as_str().unwrap();
    let expected = "Z: hyperslab 0.1.0 run examples/ndvi_season.rhai --set input=";
    assert!(history.contains(expected), "{history}");
}

#[test]
fn bad_scripts_and_files_are_refused_with_their_codes() {
    refused(
        "let ds = open(input);\nds.nir80.save(output);",
        &[],
        2,
        &["job.rhai:2:", "unknown variable \"nir80\"", "known: nir08"],
    );
    refused(
        "open(input).red.mean(\"tme\").save(output);",
        &[],
        2,
        &["unknown dimension \"tme\"", "known: time"],
    );
    refused(
        "open(input).red.groupby(\"time.seson\").mean().save(output);",
        &[],
        2,
        &["seson", "season"],
    );
    refused(
        "let x = ;\n",
        &[],
        2,
        &["job.rhai:1:9: syntax error", "1 | let x = ;", "|         ^"],
    );
    refused(
        "open(inputs);",
        &[],
        2,
        &[
            "job.rhai:1:6: unknown variable \"inputs\"",
            "--set inputs=…",
        ],
    );
    refused(
        "open(\"/nonexistent/a.nc\");",
        &[],
        66,
        &["/nonexistent/a.nc"],
    );
    refused("open(\"Cargo.toml\");", &[], 65, &["Cargo.toml"]);
    refused(
        "open(input).red.save(\"/nonexistent/out.nc\");",
        &[],
        73,
        &["/nonexistent", "does not exist"],
    );
    refused(
        "open(input).red.mean(\"time\").save(output);",
        &["--memory", "64KiB"],
        71,
        &["budget", "--memory"],
    );
    refused("open(input).red.chunk(#{ time: 0 });", &[], 2, &["0"]);
    refused(
        "open(input).red + open(input).nir08.isel(#{ y: 0..9 }).drop_vars(\"y\");",
        &[],
        2,
        &["\"y\"", "400", "9"],
    );
    refused("1", &["--memory", "lots"], 2, &["\"lots\"", "64MiB"]);
}

#[test]
fn errors_as_json() {
    let (out, _) = script("open(input).nothing;", &["--json"]);
    let error = &json(&out)["error"];
    assert_eq!(error["exit_code"], 2);
    assert_eq!(error["fault"], "InvalidInput");
    assert!(error["message"].as_str().unwrap().contains("nothing"));
    assert!(out.stderr.is_empty(), "{}", text(&out));
}

#[test]
fn one_message_under_mpirun() {
    let dir = tempfile::tempdir().unwrap();
    let (input, output) = (
        set("input", cube()),
        set("output", &dir.path().join("o.nc")),
    );
    let out = on(
        3,
        &[
            "run", JOB, "--set", &input, "--set", &output, "--memory", "64KiB",
        ],
    );
    assert_eq!(out.status.code(), Some(71), "{}", text(&out));
    assert_eq!(
        text(&out).matches("hyperslab: ").count(),
        1,
        "{}",
        text(&out)
    );
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    let out = on(3, &["run", "--no-such-option"]);
    assert_eq!(out.status.code(), Some(2), "{}", text(&out));
    assert_eq!(
        text(&out).matches("unexpected argument").count(),
        1,
        "{}",
        text(&out)
    );
    let out = on(2, &["run", "/nonexistent.rhai"]);
    assert_eq!(out.status.code(), Some(66), "{}", text(&out));
    assert_eq!(
        text(&out).matches("/nonexistent.rhai").count(),
        1,
        "{}",
        text(&out)
    );
}

#[test]
fn a_plan_is_told_without_running() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("o.nc");
    let (input, output) = (set("input", cube()), set("output", &path));
    let args = [
        "plan", JOB, "--set", &input, "--set", &output, "--ranks", "4",
    ];
    let out = alone(&args);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out));
    for word in ["4 ranks", "read nir08", "4 groups", "total: peak"] {
        assert!(text(&out).contains(word), "{}\nexpected {word}", text(&out));
    }
    let plan = json(&alone(&[&args[..], &["--json"]].concat()));
    assert_eq!(plan["ranks"], 4);
    assert!(plan["peak_bytes"].as_u64().unwrap() > 0);
    assert_eq!(plan["runs"][0]["outputs"][0], path.display().to_string());
    assert!(plan["runs"][0]["encoded_plan_bytes"].as_u64().unwrap() < 65536);
    assert!(!path.exists());
    let out = alone(&[&args[..], &["--memory", "64KiB"]].concat());
    assert_eq!(out.status.code(), Some(71), "{}", text(&out));
}

#[test]
fn info_and_doctor() {
    let file = cube().to_str().unwrap();
    let out = alone(&["info", file]);
    for word in [
        "qa_pixel",
        "uint16",
        "time: 24",
        "chunks [1, 128, 128]",
        "shuffle+deflate(4)",
    ] {
        assert!(text(&out).contains(word), "{}\nexpected {word}", text(&out));
    }
    let info = json(&alone(&["info", file, "--json"]));
    let red = info["variables"]
        .as_array()
        .unwrap()
        .iter()
        .find(|v| v["name"] == "red")
        .unwrap();
    assert_eq!(red["shape"], serde_json::json!([24, 400, 360]));
    assert!(red["stored_bytes"].as_u64().unwrap() < red["bytes"].as_u64().unwrap());
    assert_eq!(alone(&["info", "/nonexistent.nc"]).status.code(), Some(66));

    let doctor = json(&alone(&["doctor", "--json"]));
    assert_eq!(doctor["ranks"].as_array().unwrap().len(), 1);
    assert!(doctor["mpi"].as_str().unwrap().len() > 3);
    let out = on(2, &["doctor"]);
    assert!(
        text(&out).contains("rank 0") && text(&out).contains("rank 1"),
        "{}",
        text(&out)
    );
    assert!(matches!(out.status.code(), Some(0 | 1)));
}
