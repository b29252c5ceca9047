//! What `plan` says before ten jobs of different kinds, and what they take then: bytes, memory and (`HYPERSLAB_LONG=1`) time.
#![allow(clippy::print_stdout)]

use super::{BIN, alone, json, on, text};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

const INPUTS: &str = r#"
let t = date_range("2001-01-01", #{ periods: steps });
let y = []; for i in 0..side { y.push(0.5 * i); }
let x = []; for i in 0..side { x.push(0.5 * i); }
let noise = default_rng(1).random([steps, side, side]);
let v = ((noise * 2000.0).rint() * 0.25).astype("float32");
let v = v.data_array(["time", "y", "x"], #{ time: t, y: y, x: x }).rename("v");
v.save(dir + "/packed.nc", #{ deflate: 1, chunks: #{ time: 40, y: 50, x: 75 } });
v.save(dir + "/plain.nc");
v.save(dir + "/v.zarr", #{ zstd: 1, chunks: #{ time: 40, y: 50, x: 75 } });
for k in 0..24 {
    let part = v.isel(#{ time: slice(k * steps / 24, (k + 1) * steps / 24) });
    part.save(dir + `/part${100 + k}.nc`, #{ deflate: 1, chunks: #{ time: 5, y: 100, x: 100 } });
}
"#;

/// Name, script, and whether what it writes is as long in the file as in memory.
const JOBS: [(&str, &str, bool); 10] = [
    (
        "season",
        r#"open(dir + "/packed.nc").v.groupby("time.season").mean("time").save(out);"#,
        true,
    ),
    (
        "anomaly",
        r#"let v = open(dir + "/packed.nc").v;
           let packed = #{ deflate: 1, chunks: #{ time: 40, y: 50, x: 75 } };
           (v - v.mean("time")).rename("a").save(out, packed);"#,
        false,
    ),
    (
        "rolling",
        r#"open(dir + "/packed.nc").v.rolling(#{ time: 30 }).mean().rename("r").save(out);"#,
        true,
    ),
    (
        "rechunk",
        r#"open(dir + "/packed.nc").v.save(out, #{ deflate: 1, chunks: #{ time: 400, y: 20, x: 20 } });"#,
        false,
    ),
    (
        "fft",
        r#"let z = default_rng(2).random([400, 200, 200]).chunk([40, 50, 200]).fft((), 0);
           z.abs().mean([0]).data_array(["y", "x"]).rename("f").save(out);"#,
        true,
    ),
    (
        "resample",
        r#"open(dir + "/plain.nc").v.resample(#{ time: "1MS" }).mean().save(out);"#,
        true,
    ),
    (
        "stencil",
        r#"let smooth = default_rng(3).random([400, 200, 200]).chunk([40, 100, 200]).uniform_filter([1, 5, 5]);
           smooth.data_array(["t", "y", "x"]).rename("s").save(out);"#,
        true,
    ),
    (
        "concat",
        r#"open_many(dir + "/part*.nc").v.std("time").rename("c").save(out);"#,
        true,
    ),
    (
        "zarr",
        r#"(open(dir + "/v.zarr").v / 100.0).exp().max(["y", "x"]).rename("z").save(out);"#,
        true,
    ),
    (
        "select",
        r#"let few = open(dir + "/packed.nc").v.isel(#{ y: slice(30, 90), time: slice(7, 333, 3) });
           few.mean(["y", "x"]).rename("m").save(out);"#,
        true,
    ),
];

/// What three ranks tell each other beside data in a job of two runs at most.
const CONTROL_BYTES: u64 = 24 << 10;

struct Jobs {
    dir: tempfile::TempDir,
}

impl Jobs {
    fn new(steps: usize, side: usize) -> Jobs {
        let dir = tempfile::tempdir().unwrap();
        let jobs = Jobs { dir };
        let inputs = jobs.at("inputs.rhai");
        std::fs::write(&inputs, INPUTS).unwrap();
        let (steps, side) = (format!("steps={steps}"), format!("side={side}"));
        let dir = format!("dir={}", jobs.dir.path().display());
        let out = alone(&[
            "run", &inputs, "--set", &dir, "--set", &steps, "--set", &side,
        ]);
        assert!(out.status.success(), "{}", text(&out));
        for (name, script, _) in JOBS {
            std::fs::write(jobs.at(&format!("{name}.rhai")), script).unwrap();
        }
        jobs
    }

    fn at(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    /// `plan` or `run` of a job, for so many ranks.
    fn told(&self, what: &str, name: &str, ranks: usize, more: &[&str]) -> Value {
        let script = self.at(&format!("{name}.rhai"));
        let dir = format!("dir={}", self.dir.path().display());
        let out = format!("out={}", self.at("out.nc"));
        let count = ranks.to_string();
        let mut args = vec![
            what,
            &script,
            "--json",
            "--overwrite",
            "--set",
            &dir,
            "--set",
            &out,
        ];
        args.extend(["--threads", "2"]);
        args.extend(more);
        let out = match (what, ranks) {
            ("plan", _) => {
                args.extend(["--ranks", &count]);
                alone(&args)
            }
            (_, 1) => alone(&args),
            (_, ranks) => on(ranks, &args),
        };
        assert!(out.status.success(), "{name}: {}", text(&out));
        json(&out)
    }
}

fn bytes(told: &Value, name: &str) -> u64 {
    told[name]
        .as_u64()
        .unwrap_or_else(|| panic!("{name}: {told}"))
}

#[test]
fn what_ten_jobs_read_write_and_hold_is_what_their_plans_say() {
    let jobs = Jobs::new(400, 200);
    let mut wrong = Vec::new();
    for ranks in [1, 3] {
        for (name, _, plain) in JOBS {
            let plan = jobs.told("plan", name, ranks, &[]);
            let run = jobs.told("run", name, ranks, &[]);
            let peaks = run["measured_peak_bytes"].as_array().unwrap();
            let peak = peaks.iter().filter_map(Value::as_u64).max().unwrap();
            let projected = bytes(&plan, "peak_bytes");
            println!(
                "{name} on {ranks}: peak {peak} of {projected} ({:.2}), read {} of {}, decoded {} of {}, moved {} of {}, written {} of {}",
                peak as f64 / projected as f64,
                run["bytes_read"],
                plan["bytes_read"],
                run["bytes_decoded"],
                plan["bytes_decoded"],
                run["bytes_moved"],
                plan["bytes_moved"],
                run["bytes_written"],
                plan["bytes_written"],
            );
            let mut must = |holds: bool, what: &str| {
                if !holds {
                    wrong.push(format!("{name} on {ranks}: {what}"));
                }
            };
            must(
                bytes(&run, "projected_peak_bytes") == projected,
                "projection",
            );
            must(peak <= projected, "peak over the projection");
            must(
                peak as f64 >= 0.6 * projected as f64,
                "peak far below the projection",
            );
            must(
                bytes(&run, "bytes_decoded") == bytes(&plan, "bytes_decoded"),
                "decoded",
            );
            let (read, due) = (bytes(&run, "bytes_read"), bytes(&plan, "bytes_read"));
            match plan["bytes_read_exact"].as_bool() {
                Some(true) => must(read == due, "read"),
                _ => must(read.abs_diff(due) < due / 10, "read, about"),
            }
            let (written, due) = (bytes(&run, "bytes_written"), bytes(&plan, "bytes_written"));
            match plain {
                true => must(written == due, "written"),
                false => must(written < due, "written, packed"),
            }
            let (moved, due) = (bytes(&run, "bytes_moved"), bytes(&plan, "bytes_moved"));
            let stages = plan["runs"].as_array().unwrap().iter();
            let stages = stages.flat_map(|run| run["stages"].as_array().unwrap());
            // The same by the ranks' lines: inputs and partial results; nothing is gathered in these jobs.
            let lines: f64 = stages.map(|s| s["bytes_per_rank"].as_f64().unwrap()).sum();
            must(
                (lines * ranks as f64).round() as u64 == due,
                "the lines of the ranks are not the total that moves",
            );
            // Beside it travel plans, verdicts, places of chunks and names of partial results; and what is packed goes to the
            // one rank that writes it: how much that is, packing tells.
            let beside = match (ranks, plain) {
                (1, _) => 0,
                (_, true) => CONTROL_BYTES,
                (_, false) => CONTROL_BYTES + written,
            };
            must((due..=due + beside).contains(&moved), "moved");
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_calibration_is_a_profile_that_plans_use() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    let (profile, folder) = (at("machine.json"), dir.path().display().to_string());
    let out = alone(&["calibrate", "--quick", "-o", &profile, "--dir", &folder]);
    assert!(out.status.success(), "{}", text(&out));
    // Nothing but the profile is left.
    let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    let script = at("job.rhai");
    std::fs::write(
        &script,
        "default_rng(1).random([64, 1000]).chunk([1, 1000]).sum().compute();",
    )
    .unwrap();
    let plan = |more: &[&str]| {
        let mut args = vec!["plan", &script, "--json"];
        args.extend(more);
        alone(&args)
    };
    let told = json(&plan(&["--profile", &profile]));
    assert!(told["profile"]["measured"].is_string(), "{told}");
    assert!(
        told["seconds"]
            .as_f64()
            .is_some_and(|s| s > 0.0 && s < 60.0),
        "{told}"
    );
    // A report holds it beside what was measured, in total and by stage.
    let report = at("report.json");
    let reported = |profile: &str| -> Value {
        let mut command = Command::new(BIN);
        command.args(["run", &script, "--report", &report, "--overwrite"]);
        command.env("HYPERSLAB_PROFILE", profile);
        assert!(command.output().unwrap().status.success());
        serde_json::from_slice(&std::fs::read(&report).unwrap()).unwrap()
    };
    let shown = reported(&profile);
    let near = |a: &Value, b: f64| (a.as_f64().unwrap() - b).abs() < 1e-5;
    let run = &told["runs"][0];
    let expected = &shown["facts"]["expected"];
    assert!(
        near(&expected["seconds"], run["seconds"].as_f64().unwrap()),
        "{expected} {run}"
    );
    let stages = shown["stages"].as_array().unwrap();
    let stage = stages.iter().find(|stage| stage["stage"] == 0).unwrap();
    let planned = run["stages"][0]["seconds"]["total"].as_f64().unwrap();
    assert!(near(&stage["expected_seconds"], planned), "{stage} {run}");
    assert!(stage["seconds"].as_f64().unwrap() > 0.0, "{stage}");
    // By the environment as well; and none at all is the built-in one, which the text says.
    let of = |name: &str, value: &Path| {
        let mut command = Command::new(BIN);
        command
            .args(["plan", &script])
            .env_remove("HYPERSLAB_PROFILE");
        command
            .env("XDG_CONFIG_HOME", dir.path().join("empty"))
            .env(name, value);
        command.output().unwrap()
    };
    let said = text(&of("HYPERSLAB_PROFILE", Path::new(&profile)));
    assert!(said.contains("measured 2"), "{said}");
    let said = text(&of("XDG_CONFIG_HOME", &dir.path().join("none")));
    assert!(
        said.contains("built-in rates") && said.contains("hyperslab calibrate"),
        "{said}"
    );
    // Foreign and damaged ones.
    for (content, says) in [
        ("{}", "not a machine profile"),
        ("{\"hyperslab_machine_profile\": 1}", "damaged"),
        ("\0", "not JSON"),
    ] {
        std::fs::write(&profile, content).unwrap();
        let out = plan(&["--profile", &profile]);
        assert_eq!(out.status.code(), Some(65), "{}", text(&out));
        assert!(
            text(&out).contains(says) && text(&out).contains("machine.json"),
            "{}",
            text(&out)
        );
    }
    let out = plan(&["--profile", &at("missing.json")]);
    assert_ne!(out.status.code(), Some(0), "{}", text(&out));
}

/// Two ranks measure the network between them; what cannot be is refused.
#[test]
fn a_calibration_under_mpirun_measures_the_network() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    let (profile, folder) = (at("machine.json"), dir.path().display().to_string());
    let args = [
        "calibrate",
        "--quick",
        "--json",
        "-o",
        &profile,
        "--dir",
        &folder,
    ];
    let out = on(2, &args);
    assert!(out.status.success(), "{}", text(&out));
    let kept = std::fs::read_to_string(&profile).unwrap();
    let told: Value = serde_json::from_str(&kept).unwrap();
    assert_eq!(told["ranks"], 2, "{told}");
    let figure = |name: &str| told["network"][name].as_f64().unwrap();
    // Two ranks of one machine: no quicker than memory, no slower than a modem; less than a second for 8 bytes.
    let memory = told["memory"]["all_bytes_per_s"].as_f64().unwrap();
    let (latency, rate) = (figure("latency_s"), figure("bytes_per_s"));
    assert!((1e-7..1.0).contains(&latency), "{told}");
    assert!((1e6..4.0 * memory).contains(&rate), "{told}");
    // They are not those of one rank, where memory stands in.
    assert_ne!(latency, 2e-6, "{told}");
    // And `plan` tells the time of an exchange by them.
    let script = at("job.rhai");
    let source = "default_rng(1).random([512, 512]).chunk([8, 512]).persist().chunk([512, 8]).sum([0]).compute();";
    std::fs::write(&script, source).unwrap();
    let exchange = |profile: &str| {
        let out = alone(&[
            "plan",
            &script,
            "--json",
            "--ranks",
            "4",
            "--profile",
            profile,
        ]);
        let told = json(&out);
        let runs = told["runs"].as_array().unwrap().iter();
        let stages = runs.flat_map(|run| run["stages"].as_array().unwrap().iter());
        let seconds = stages.map(|stage| stage["seconds"]["exchange"].as_f64().unwrap());
        seconds.sum::<f64>()
    };
    let before = exchange(&profile);
    let changed = |name: &str, value: Value| {
        let mut changed = told.clone();
        changed["network"][name] = value;
        std::fs::write(&profile, changed.to_string()).unwrap();
    };
    changed("latency_s", (1000.0 * latency).into());
    assert!(exchange(&profile) > 10.0 * before);
    for (name, value) in [
        ("latency_s", -1.0),
        ("latency_s", 1e4),
        ("bytes_per_s", 0.0),
        ("bytes_per_s", 4e13),
    ] {
        changed(name, value.into());
        let out = alone(&["plan", &script, "--profile", &profile]);
        assert_eq!(out.status.code(), Some(65), "{}", text(&out));
        let says = format!("network.{name} is ");
        assert!(text(&out).contains(&says), "{}", text(&out));
    }
    // Options that make no sense, on all ranks alike, and nothing is written.
    let out = on(
        2,
        &[
            "calibrate",
            "--threads",
            "0",
            "-o",
            &at("none.json"),
            "--dir",
            &folder,
        ],
    );
    assert!(!out.status.success() && text(&out).contains("--threads 0"));
    let out = on(
        2,
        &[
            "calibrate",
            "--quick",
            "-o",
            &at("none.json"),
            "--dir",
            &at("missing"),
        ],
    );
    assert!(!out.status.success() && text(&out).contains("--dir names a folder"));
    assert!(!Path::new(&at("none.json")).exists());
}

#[test]
fn plans_name_the_fewest_nodes_and_ranks() {
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("job.rhai").display().to_string();
    // 1 GiB is kept by the ranks, and read again there.
    let source = "let x = default_rng(1).random([1024, 256, 512]).chunk([8, 256, 512]).persist();\nx.sum().compute();";
    std::fs::write(&script, source).unwrap();
    let fit = |memory: &str| {
        let args = [
            "plan",
            &script,
            "--json",
            "--threads",
            "2",
            "--cores-per-node",
            "8",
            "--memory-per-node",
            memory,
        ];
        let out = alone(&args);
        assert!(out.status.success(), "{}", text(&out));
        json(&out)
    };
    let one = fit("64GiB");
    assert_eq!(one["smallest_that_fits"]["ranks"], 1, "{one}");
    let some = fit("512MiB");
    let found = &some["smallest_that_fits"];
    assert_eq!(found["ranks_per_node"], 4, "{some}");
    let nodes = found["nodes"].as_u64().unwrap();
    assert!((3..=5).contains(&nodes), "{some}");
    assert_eq!(some["ranks"].as_u64().unwrap(), 4 * nodes);
    assert!(bytes(&some, "peak_bytes") <= bytes(&some, "memory_bytes"));
}

/// A machine that does nothing else: `HYPERSLAB_LONG=1`.
#[test]
fn the_time_of_ten_jobs_is_told_within_a_factor_of_two() {
    if std::env::var_os("HYPERSLAB_LONG").is_none() {
        return;
    }
    let jobs = Jobs::new(1600, 200);
    let profile = jobs.at("machine.json");
    let folder = jobs.at("");
    let out = alone(&[
        "calibrate",
        "-o",
        &profile,
        "--dir",
        &folder,
        "--threads",
        "2",
    ]);
    assert!(out.status.success(), "{}", text(&out));
    println!("{}", text(&out));
    let mut wrong = Vec::new();
    for (name, ..) in JOBS {
        let plan = jobs.told("plan", name, 1, &["--profile", &profile, "--cached"]);
        let told = plan["seconds"].as_f64().unwrap();
        let mut took: Vec<f64> = (0..3)
            .map(|_| {
                let run = jobs.told("run", name, 1, &[]);
                run["elapsed_s"].as_f64().unwrap() + run["startup_s"].as_f64().unwrap()
            })
            .collect();
        took.sort_by(f64::total_cmp);
        let ratio = told / took[1];
        println!("{name}: told {told:.2} s, took {took:.2?}: {ratio:.2}");
        if !(0.5..=2.0).contains(&ratio) {
            wrong.push(format!("{name}: {ratio:.2}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}
