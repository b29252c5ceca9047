//! Zarr as other tools write and read it (tests/golden/zarr_files.py), through scripts and `convert`, on several ranks.
#![allow(clippy::print_stdout)]

use crate::support::python;
use crate::{alone, on, text};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Every hierarchy as NetCDF-4 and as Zarr again; `deep` is a group.
const SCRIPT: &str = r#"
for name in ["v3", "v2", "walked2", "walked3", "shards", "blosc", "gzip", "packed2", "packed3", "turned2", "turned3"] {
    let from = folder + "/" + name + ".zarr";
    open(from).save(folder + "/" + name + "." + to + ".nc");
}
open(folder + "/nested.zarr", "deep").save(folder + "/deep." + to + ".nc");
let v = open(folder + "/plain.nc");
let chunks = #{ time: 4, lat: 5, lon: 3 };
v["t2m"].save(folder + "/a." + to + ".zarr");
v["t2m"].save(folder + "/b." + to + ".zarr", #{ zarr_format: 2, lz4: 5, chunks: chunks });
v["t2m"].save(folder + "/c." + to + ".zarr", #{ zstd: 3, shuffle: false, chunks: chunks, shards: #{ time: 8, lat: 10, lon: 30 } });
v["t2m"].save(folder + "/d." + to + ".zarr", #{ deflate: 0, chunks: chunks });
v.save(folder + "/e." + to + ".zarr");
v.save(folder + "/f." + to + ".zarr", #{ zarr_format: 2 });
"#;

#[test]
fn zarr_is_that_of_other_tools_on_any_ranks() {
    let Some(python) = python() else {
        println!("skipped: no .venv and no HYPERSLAB_PYTHON");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().display().to_string();
    let tool = |args: &[&str]| {
        let mut command = Command::new(&python);
        let out = command.arg("tests/golden/zarr_files.py").args(args);
        let out = out
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        if said.contains("No module named 'zarr'") {
            return false;
        }
        assert!(out.status.success(), "{said}");
        true
    };
    if !tool(&["make", &folder]) {
        println!("skipped: this Python has no zarr");
        return;
    }
    let script = dir.path().join("forms.rhai").display().to_string();
    std::fs::write(&script, SCRIPT).unwrap();
    let mut pairs: Vec<String> = Vec::new();
    for ranks in [1, 3] {
        let run = |args: &[&str]| {
            let out = match ranks {
                1 => alone(args),
                ranks => on(ranks, args),
            };
            assert!(out.status.success(), "{args:?}: {}", text(&out));
        };
        let set = [format!("folder={folder}"), format!("to={ranks}")];
        run(&["run", &script, "--set", &set[0], "--set", &set[1]]);
        let at = |name: &str| format!("{folder}/{name}");
        let convert = |from: &str, to: &str, options: &[&str]| {
            let (from, to) = (at(from), at(to));
            let mut args = vec!["convert", &from, &to];
            args.extend(options);
            run(&args);
        };
        let out = |name: &str, end: &str| format!("{name}.{ranks}.{end}");
        convert(
            "plain.nc",
            &out("g", "zarr"),
            &["--chunks", "time=25,lat=3", "--shards", "lat=6,lon=12"],
        );
        convert(
            "v2.zarr",
            &out("h", "nc"),
            &["--chunks", "time=25,lat=2,lon=2"],
        );
        convert(
            "packed3.zarr",
            &out("i", "nc"),
            &["--memory", "3MiB", "--deflate", "1", "--no-shuffle"],
        );
        convert(
            "shards.zarr",
            &out("j", "zarr"),
            &["--zarr-format", "2", "--zstd", "9"],
        );
        convert(
            "plain.nc",
            &out("k", "zarr"),
            &["--variables", "t2m", "--zstd", "0"],
        );
        convert(
            "alone.zarr",
            &out("l", "zarr"),
            &["--chunks", "alone_dim_0=3"],
        );
        let names = [
            "v3", "v2", "walked2", "walked3", "shards", "blosc", "gzip", "packed2", "packed3",
            "turned2", "turned3",
        ];
        pairs.extend(names.map(|n| format!("{n}.zarr={n}.{ranks}.nc")));
        pairs.extend(["e.zarr", "f.zarr", "g.zarr"].map(|n| {
            let (name, end) = n.split_once('.').unwrap();
            format!("plain.nc={}", out(name, end))
        }));
        pairs.push(format!("v2.zarr={}", out("h", "nc")));
        pairs.push(format!("packed3.zarr={}", out("i", "nc")));
        pairs.extend(
            ["a", "b", "c", "d", "j", "k"].map(|n| format!("shards.zarr={n}.{ranks}.zarr")),
        );
    }
    let mut args = vec!["same", folder.as_str()];
    args.extend(pairs.iter().map(String::as_str));
    assert!(tool(&args));
    for name in ["a", "b", "c", "d", "e", "f", "g", "j", "k", "l"] {
        let [one, three] =
            [1, 3].map(|ranks| tree(&dir.path().join(format!("{name}.{ranks}.zarr"))));
        assert_eq!(
            one.keys().collect::<Vec<_>>(),
            three.keys().collect::<Vec<_>>(),
            "{name}"
        );
        for (key, bytes) in &one {
            // Descriptions of groups hold the history, with its time, and the manifest their checksums.
            let dated = [
                "zarr.json",
                ".zattrs",
                ".zmetadata",
                ".hyperslab-manifest.json",
            ];
            if !dated.contains(&key.as_str()) {
                assert!(
                    *bytes == three[key],
                    "{name}: {key} differs between 1 and 3 ranks"
                );
            }
        }
    }
    let left: Vec<String> = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with('.'))
        .collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}

/// Only a hierarchy is ever replaced, in one step; a folder of something else stays.
#[test]
fn only_a_hierarchy_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("x.zarr").display().to_string();
    let script = dir.path().join("s.rhai").display().to_string();
    std::fs::write(
        &script,
        "let a = arange(n).astype(\"float32\"); store(#{ a: a }, to);",
    )
    .unwrap();
    let run = |n: usize, more: &[&str]| {
        let (n, to) = (format!("n={n}"), format!("to={out}"));
        let mut args = vec!["run", &script, "--set", &n, "--set", &to];
        args.extend(more);
        alone(&args)
    };
    assert!(run(5, &[]).status.success());
    let five = tree(Path::new(&out));
    let refused = run(6, &[]);
    assert_eq!(refused.status.code(), Some(73), "{}", text(&refused));
    assert!(text(&refused).contains("it exists already; --overwrite replaces it"));
    assert!(tree(Path::new(&out)) == five);
    let replaced = run(6, &["--overwrite"]);
    assert!(replaced.status.success(), "{}", text(&replaced));
    assert!(tree(Path::new(&out)) != five);
    let folder = dir.path().join("mine.zarr");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("thesis.tex"), "all of it").unwrap();
    let to = format!("to={}", folder.display());
    let refused = alone(&["run", &script, "--set", "n=3", "--set", &to, "--overwrite"]);
    assert_eq!(refused.status.code(), Some(73), "{}", text(&refused));
    assert!(
        text(&refused).contains("is no Zarr hierarchy"),
        "{}",
        text(&refused)
    );
    assert!(folder.join("thesis.tex").exists());
    assert_eq!(
        std::fs::read_dir(dir.path()).unwrap().count(),
        3,
        "nothing left behind"
    );
}

/// All files below a folder.
pub(super) fn tree(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    fn walk(folder: &Path, prefix: &str, found: &mut BTreeMap<String, Vec<u8>>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            match entry.path().is_dir() {
                true => walk(&entry.path(), &format!("{name}/"), found),
                false => drop(found.insert(name, std::fs::read(entry.path()).unwrap())),
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(folder, "", &mut found);
    found
}
