//! The scripts of daily work: the same file on any ranks, and what xarray makes of the same input.
#![allow(clippy::print_stdout)]

use super::support::python;
use super::{alone, json, on, text};
use std::process::Command;

const CUBES: &str = r#"
let t = date_range("2001-01-01", #{ periods: 800 });
let lat = []; for i in 0..25 { lat.push(-60.0 + 5.0 * i); }
let lon = []; for i in 0..36 { lon.push(10.0 * i); }
let v = (arange(800 * 25 * 36).reshape([800, 25, 36]) * 7 % 1013).astype("float32") / 10.0;
let v = v.where((arange(800).reshape([800, 1, 1]) + arange(25).reshape([25, 1])) % 11 != 3);
let on_map = #{ lat: lat, lon: lon };
let t2m = v.data_array(["time", "lat", "lon"], #{ time: t, lat: lat, lon: lon }).rename("t2m");
let basin = (arange(25 * 36).reshape([25, 36]) / 70).floor().astype("int32");
let basin = basin.data_array(["lat", "lon"], on_map).rename("basin");
dataset([t2m, basin]).save(daily, #{ deflate: 1 });
let grid = #{ time: t, latitude: lat, longitude: lon };
let burned = (v - 50.0).clip(0.0, 100.0).data_array(["time", "latitude", "longitude"], grid);
let lsm = (arange(25 * 36).reshape([25, 36]) % 5).astype("float32") / 4.0;
let lsm = lsm.data_array(["latitude", "longitude"], #{ latitude: lat, longitude: lon });
dataset([burned.rename("burned_area"), lsm.rename("lsm")]).save(fires, #{ deflate: 1 });
"#;

#[test]
fn daily_work_is_that_of_xarray_on_any_ranks() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    std::fs::write(at("cubes.rhai"), CUBES).unwrap();
    let (daily, fires) = (
        format!("daily={}", at("daily.nc")),
        format!("fires={}", at("fires.nc")),
    );
    let out = alone(&[
        "run",
        "--json",
        &at("cubes.rhai"),
        "--set",
        &daily,
        "--set",
        &fires,
    ]);
    assert!(out.status.success(), "{}", text(&out));
    let told = json(&out);
    let projected = told["projected_peak_bytes"].as_u64().unwrap();
    let peak = told["measured_peak_bytes"][0].as_u64().unwrap();
    assert!(peak <= projected, "{told}");
    for (job, script, cube) in [
        ("anomaly", "monthly_anomaly", "daily.nc"),
        ("seasfire", "fire_season", "fires.nc"),
        ("basins", "basin_means", "daily.nc"),
        ("rolling", "rolling_mean", "daily.nc"),
    ] {
        let script = format!("examples/{script}.rhai");
        let input = format!("input={}", at(cube));
        let mut files = Vec::new();
        for ranks in [1, 3] {
            let output = at(&format!("{job}{ranks}.nc"));
            let set = format!("output={output}");
            // Little memory makes other tiles where nothing is folded.
            let memory = if ranks == 1 { "1GiB" } else { "48MiB" };
            let mut args = vec![
                "run", &script, "--set", &input, "--set", &set, "--memory", memory,
            ];
            if job == "anomaly" {
                args.extend(["--set", "variable=t2m"]);
            }
            let out = match ranks {
                1 => alone(&args),
                ranks => on(ranks, &args),
            };
            assert!(out.status.success(), "{job}: {}", text(&out));
            files.push(output);
        }
        let Some(python) = python() else {
            println!("skipped: no .venv and no HYPERSLAB_PYTHON");
            continue;
        };
        let theirs = at("theirs.nc");
        let run = |args: &[&str]| {
            let out = Command::new(&python).args(args).output().unwrap();
            assert!(out.status.success(), "{job}: {}", text(&out));
        };
        run(&[
            "benches/peers/labels_xarray.py",
            job,
            &at(cube),
            &theirs,
            "--eager",
        ]);
        run(&["benches/peers/same.py", &files[0], &theirs]);
        // The same bits, not only the same numbers.
        run(&["benches/peers/same.py", &files[1], &files[0], "--bits"]);
    }
}
