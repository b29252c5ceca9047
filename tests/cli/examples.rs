//! The examples, as users start them: each asserts its result, and says so by its exit code.

use super::{alone, json, on, text};
use std::path::PathBuf;
use std::process::Output;

/// An example's program: `cargo test` builds them beside the program itself.
fn example(name: &str) -> PathBuf {
    let built = PathBuf::from(super::BIN)
        .with_file_name("examples")
        .join(name);
    assert!(
        built.exists(),
        "{} is not built: cargo build --examples",
        built.display()
    );
    built
}

fn run(ranks: usize, name: &str, args: &[&str]) -> Output {
    let mut command = super::support::mpirun(ranks);
    command.arg(example(name)).args(args).output().unwrap()
}

fn good(out: &Output) {
    assert_eq!(out.status.code(), Some(0), "{}", text(out));
}

#[test]
fn images_go_through_the_pipeline() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("spectra.nc");
    let saved = path.to_str().unwrap();
    for ranks in [1, 3] {
        let out = run(
            ranks,
            "image_pipeline",
            &["7", "--side", "40", "--batch", "3", "--save", saved],
        );
        good(&out);
        let said = text(&out);
        assert!(said.contains("mean brightness 126.986"), "{said}");
        assert!(said.contains("] 7/7 images"), "{said}");
        assert!(path.exists());
    }
    let args = [
        "run",
        "examples/image_pipeline.rhai",
        "--set",
        "images=7",
        "--set",
        "side=40",
    ];
    for out in [alone(&args), on(2, &args)] {
        good(&out);
        assert!(text(&out).contains("7 of 7 images"), "{}", text(&out));
    }
}

#[test]
fn radar_statistics_decode_each_chunk_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("rain.nc");
    let path = path.to_str().unwrap();
    good(&run(
        2,
        "radar_statistics",
        &["--make", path, "19", "44", "37"],
    ));
    for ranks in [1, 3] {
        let out = run(ranks, "radar_statistics", &[path]);
        good(&out);
        let decoded = format!("{} bytes decoded", 19 * 44 * 37 * 4);
        assert!(text(&out).contains(&decoded), "{}", text(&out));
    }
    let input = format!("input={path}");
    let args = [
        "run",
        "examples/radar_statistics.rhai",
        "--set",
        &input,
        "--set",
        "dim=dim_0",
    ];
    for out in [alone(&args), on(2, &args)] {
        good(&out);
        assert!(
            text(&out).contains("mean of all pixels: "),
            "{}",
            text(&out)
        );
    }
    // What the plan said each rank would need is what it needed, or more.
    for ranks in [1, 3] {
        let out = on(ranks, &[&args[..1], &["--json"], &args[1..]].concat());
        good(&out);
        let told = json(&out);
        let projected = told["projected_peak_bytes"].as_u64().unwrap();
        let peaks = told["measured_peak_bytes"].as_array().unwrap();
        assert_eq!(peaks.len(), ranks);
        // The stack is one task: other ranks may have nothing to do.
        assert!(peaks[0].as_u64().unwrap() > 0, "{told}");
        for peak in peaks {
            assert!(peak.as_u64().unwrap() <= projected, "{told}");
        }
    }
}

#[test]
fn radar_images_become_a_film() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let input = path("rain.nc");
    good(&run(
        1,
        "radar_statistics",
        &["--make", &input, "9", "30", "40"],
    ));
    let mut films = Vec::new();
    for ranks in [1, 2] {
        let output = path(&format!("{ranks}.gif"));
        let sets = [format!("input={input}"), format!("output={output}")];
        let args = [
            "run",
            "examples/radar_animation.rhai",
            "--set",
            "dim=dim_0",
            "--set",
            &sets[0],
            "--set",
            &sets[1],
        ];
        let out = on(ranks, &args);
        good(&out);
        assert!(text(&out).contains("9 frames: "), "{}", text(&out));
        films.push(std::fs::read(&output).unwrap());
    }
    assert!(films[0].starts_with(b"GIF89a") && films[0] == films[1]);
}

#[test]
fn heat_spreads_and_is_kept() {
    let said: Vec<String> = [1, 2, 3]
        .iter()
        .map(|ranks| {
            let out = run(*ranks, "heat_equation", &["48", "60"]);
            good(&out);
            let said = text(&out);
            let (_, numbers) = said.split_once("; error ").unwrap();
            numbers.lines().next().unwrap().to_owned()
        })
        .collect();
    assert!(said.iter().all(|other| *other == said[0]), "{said:?}");
    let out = run(1, "heat_equation", &["2", "60"]);
    assert_eq!(out.status.code(), Some(2), "{}", text(&out));
}
