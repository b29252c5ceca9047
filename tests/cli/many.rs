//! Many files as one: the same dataset as before it was cut, on any ranks; files that do not fit together are named.

use super::{alone, on, text};

/// A cube whole, and cut along time and latitude; files that do not belong to it.
const MAKE: &str = r#"
let t = date_range("2001-01-01", #{ periods: 40 });
let lat = []; for i in 0..12 { lat.push(-55.0 + 10.0 * i); }
let v = (arange(40 * 12 * 5).reshape([40, 12, 5]) * 7 % 1013).astype("float32") / 10.0;
let a = v.data_array(["time", "lat", "lon"], #{ time: t, lat: lat, lon: [1, 2, 3, 4, 5] }).rename("t2m").with_attr("units", "K");
let b = (v * 2.0).data_array(["time", "lat", "lon"], #{ time: t, lat: lat, lon: [1, 2, 3, 4, 5] }).rename("rain");
dataset([a, b]).save(folder + "/whole.nc");
for i in 0..8 {
    let part = #{ time: slice(5 * i, 5 * i + 5) };
    dataset([a.isel(part), b.isel(part)]).save(folder + "/days" + (7 - i) + ".nc");
    for j in 0..3 {
        let tile = #{ time: slice(5 * i, 5 * i + 5), lat: slice(4 * j, 4 * j + 4) };
        dataset([a.isel(tile), b.isel(tile)]).save(folder + "/tile" + i + j + ".zarr");
    }
}
a.save(folder + "/only_a.nc");
b.save(folder + "/only_b.nc");
let last = #{ time: slice(30, 40) };
dataset([a.isel(last), b.isel(last)]).save(folder + "/overlaps.nc");
let next = #{ time: slice(35, 40) };
dataset([a.isel(next).with_attr("units", "degC"), b.isel(next)]).save(folder + "/degrees.nc");
dataset([a.isel(next).astype("float64"), b.isel(next)]).save(folder + "/doubles.nc");
dataset([a.isel(next).transpose(["lat", "time", "lon"]), b.isel(next)]).save(folder + "/turned.nc");
a.isel(next).save(folder + "/lacking.nc");
"#;

const JOIN: &str = r#"
open_many(folder + "/days?.nc").save(folder + "/days." + to + ".nc");
open_many(folder + "/tile??.zarr").save(folder + "/tiles." + to + ".nc");
open_many([folder + "/only_a.nc", folder + "/only_b.nc"]).save(folder + "/both." + to + ".nc");
let listed = []; for i in 0..8 { listed.push(folder + "/days" + (7 - i) + ".nc"); }
open_many(listed, #{ concat_dim: "time" }).save(folder + "/listed." + to + ".nc");
let whole = open(folder + "/whole.nc");
for name in ["days", "tiles", "both", "listed"] {
    let made = open(folder + "/" + name + "." + to + ".nc");
    if !made.equals(whole) { throw name + " is not the whole"; }
}
"#;

#[test]
fn files_are_put_together_as_they_were_cut() {
    let dir = tempfile::tempdir().unwrap();
    let folder = format!("folder={}", dir.path().display());
    let script = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let out = alone(&["run", &script("make.rhai", MAKE), "--set", &folder]);
    assert!(out.status.success(), "{}", text(&out));
    let join = script("join.rhai", JOIN);
    for ranks in [1, 3] {
        let to = format!("to={ranks}");
        let args = ["run", join.as_str(), "--set", &folder, "--set", &to];
        let out = match ranks {
            1 => alone(&args),
            ranks => on(ranks, &args),
        };
        assert!(out.status.success(), "{}", text(&out));
    }
    let said = |files: &str| {
        let files: Vec<String> = files
            .split(' ')
            .map(|f| format!("{:?}", dir.path().join(f)))
            .collect();
        let job = format!("open_many([{}]);", files.join(", "));
        let out = alone(&["run", &script("bad.rhai", &job)]);
        assert!(!out.status.success(), "{files:?} were put together");
        text(&out)
    };
    for (files, says) in [
        (
            "days3.nc overlaps.nc days0.nc",
            "the labels along \"time\" of",
        ),
        (
            "days3.nc degrees.nc",
            "degrees.nc: variable t2m has the units \"degC\", but \"K\" in",
        ),
        (
            "days3.nc doubles.nc",
            "doubles.nc: variable t2m has the dtype float64, but float32 in",
        ),
        (
            "days3.nc turned.nc",
            "turned.nc: variable t2m has the dimensions lat, time, lon, but time, lat, lon in",
        ),
        (
            "days3.nc lacking.nc",
            "lacking.nc lacks the variable rain, which",
        ),
        ("days3.nc nothing.nc", "nothing.nc: no such file"),
        ("days3.nc days3.nc", "there is no order between them"),
    ] {
        let said = said(files);
        assert!(said.contains(says), "{said}\n  instead of {says:?}");
    }
    let missing = format!("open_many({:?});", dir.path().join("no*.nc"));
    let out = alone(&["run", &script("none.rhai", &missing)]);
    assert!(
        text(&out).contains("no file is named like"),
        "{}",
        text(&out)
    );
}

/// More files than the system lets a process have open.
#[test]
fn a_limit_of_open_files_does_not_bound_a_dataset() {
    let dir = tempfile::tempdir().unwrap();
    let folder = format!("folder={}", dir.path().display());
    let script = dir.path().join("job.rhai");
    let job = r#"
let x = arange(90 * 6).reshape([90, 6]).data_array(["t", "x"], #{}).rename("v");
for i in 0..90 { x.isel(#{ t: slice(i, i + 1) }).save(folder + "/part" + (100 + i) + ".nc"); }
let many = open_many(folder + "/part*.nc", #{ concat_dim: "t" });
print("sum " + many.v.sum(()).compute() + " max " + many.v.max("t").sum(()).compute());
"#;
    std::fs::write(&script, job).unwrap();
    let mut command = std::process::Command::new("timeout");
    let limited = "ulimit -n 40 && exec \"$0\" \"$@\"";
    command.args([
        "60",
        "sh",
        "-c",
        limited,
        super::BIN,
        "run",
        "--set",
        &folder,
    ]);
    let out = command.arg(&script).output().unwrap();
    assert!(out.status.success(), "{}", text(&out));
    let wanted = format!("sum {} max {}", 539 * 540 / 2, (534..540).sum::<i32>());
    assert!(text(&out).contains(&wanted), "{}", text(&out));
}

#[test]
fn info_shows_many_files_as_one() {
    let dir = tempfile::tempdir().unwrap();
    let folder = format!("folder={}", dir.path().display());
    let script = dir.path().join("make.rhai");
    std::fs::write(&script, MAKE).unwrap();
    let out = alone(&["run", script.to_str().unwrap(), "--set", &folder]);
    assert!(out.status.success(), "{}", text(&out));
    let at = |name: &str| dir.path().join(name).display().to_string();
    let out = alone(&["info", &at("days?.nc")]);
    assert!(out.status.success(), "{}", text(&out));
    for word in ["time: 40", "lat: 12", "t2m", "rain"] {
        assert!(text(&out).contains(word), "{word}: {}", text(&out));
    }
    let out = super::json(&alone(&[
        "info",
        "--json",
        &at("only_a.nc"),
        &at("only_b.nc"),
    ]));
    let variables = out["variables"].as_array().unwrap().iter();
    let names: Vec<&str> = variables.filter_map(|v| v["name"].as_str()).collect();
    assert_eq!(names, ["rain", "t2m"], "{out}");
    let out = alone(&["info", &at("days1.nc"), &at("lacking.nc")]);
    assert_eq!(out.status.code(), Some(65), "{}", text(&out));
    assert!(text(&out).contains("lacking.nc"), "{}", text(&out));
    let out = alone(&["info", &at("none*.nc")]);
    assert_eq!(out.status.code(), Some(66), "{}", text(&out));
}
