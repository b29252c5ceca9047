//! `hyperslab check`: outputs of jobs on any ranks, damaged ones, and files that somebody else has changed.
#![allow(clippy::print_stdout)]

use super::support::python;
use super::{alone, json, on, text};
use std::process::Command;

const JOB: &str = r#"
let x = default_rng(5).random([40, 60, 50]).data_array(["time", "y", "x"], #{}).rename("v");
x.save(to + "/plain.nc");
x.save(to + "/packed.nc", #{ chunks: [7, 20, 50], deflate: 1 });
x.save(to + "/hierarchy.zarr", #{ chunks: [10, 10, 50], shards: [20, 20, 50] });
"#;

#[test]
fn outputs_are_checked_against_what_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let job = dir.path().join("job.rhai");
    std::fs::write(&job, JOB).unwrap();
    let job = job.display().to_string();
    let names = ["plain.nc", "packed.nc", "hierarchy.zarr"];
    for ranks in [1, 3] {
        let folder = dir.path().join(ranks.to_string());
        std::fs::create_dir(&folder).unwrap();
        let to = format!("to={}", folder.display());
        let args = ["run", job.as_str(), "--set", &to];
        let out = match ranks {
            1 => alone(&args),
            _ => on(ranks, &args),
        };
        assert!(out.status.success(), "{}", text(&out));
        let paths = names.map(|name| folder.join(name).display().to_string());
        let out = alone(&["check", &paths[0], &paths[1], &paths[2]]);
        assert_eq!(out.status.code(), Some(0), "{}", text(&out));
        let said = text(&out);
        assert_eq!(said.matches("as they were written").count(), 3, "{said}");
        let quiet = alone(&["check", "--quiet", &paths[0]]);
        assert_eq!((quiet.status.code(), text(&quiet).trim()), (Some(0), ""));

        let mut bytes = std::fs::read(&paths[1]).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x10;
        std::fs::write(&paths[1], bytes).unwrap();
        let out = alone(&["check", &paths[1], &paths[2]]);
        assert_eq!(out.status.code(), Some(65), "{}", text(&out));
        let said = text(&out);
        assert!(
            said.contains("packed.nc: 1 of ") && said.contains("variable v, chunk ["),
            "{said}"
        );
        assert!(said.contains("hierarchy.zarr: "), "{said}");
        let out = alone(&["check", "--json", &paths[1]]);
        assert_eq!(out.status.code(), Some(65));
        let object = json(&out);
        assert_eq!(
            (&object["ok"], object["damages"].as_array().unwrap().len()),
            (&false.into(), 1)
        );
    }

    let Some(python) = python() else {
        println!("skipped: no .venv and no HYPERSLAB_PYTHON: nobody else changes our files");
        return;
    };
    let path = dir.path().join("1/plain.nc").display().to_string();
    let change =
        "import netCDF4, sys; d = netCDF4.Dataset(sys.argv[1], 'a'); d.note = 'changed'; d.close()";
    let changed = Command::new(python)
        .args(["-c", change, &path])
        .status()
        .unwrap();
    assert!(changed.success());
    let out = alone(&["check", &path]);
    assert_eq!(out.status.code(), Some(65), "{}", text(&out));
    let said = text(&out);
    assert!(
        said.contains("another program has changed it since"),
        "{said}"
    );
}
