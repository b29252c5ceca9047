//! Every command has a form for people, one for programs (`--json`) and one that says nothing (`--quiet`), and help with examples.

use super::{alone, cube, text};
use serde_json::{Deserializer, Value};
use std::path::Path;
use std::process::Output;

/// The commands that the program names itself.
fn commands() -> Vec<String> {
    let out = alone(&["--help"]);
    let help = String::from_utf8(out.stdout).unwrap();
    let list = help.split("Commands:").nth(1).unwrap();
    let list = list.split("\n\n").next().unwrap();
    let lines = list.lines().filter_map(|line| line.strip_prefix("  "));
    let names = lines.filter(|line| !line.starts_with(' '));
    let names = names.filter_map(|line| line.split_whitespace().next());
    names
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

/// A call of each command that does something small, in `dir`; a new command fails here until it has one.
fn call(command: &str, dir: &Path) -> Vec<String> {
    let at = |name: &str| dir.join(name).display().to_string();
    let script = at("job.rhai");
    let own: Vec<String> = match command {
        "run" | "plan" => vec![script],
        "graph" => [&script, "--overwrite", "-o", &at("graph.svg")]
            .map(str::to_owned)
            .into(),
        "calibrate" => ["--quick", "--dir", &at("."), "-o", &at("machine.json")]
            .map(str::to_owned)
            .into(),
        "slurm" => [&script, "--cores-per-node", "2", "-o", &at("job.sbatch")]
            .map(str::to_owned)
            .into(),
        "info" => vec![cube().display().to_string()],
        "check" => vec![at("in.nc")],
        "convert" => vec![at("in.nc"), at("out.zarr"), "--overwrite".to_owned()],
        "demo" => vec![at("demo"), "--overwrite".to_owned()],
        "top" => vec![at("status")],
        "doctor" => Vec::new(),
        "completions" => vec!["bash".to_owned()],
        other => panic!("{other} has no call here"),
    };
    [vec![command.to_owned()], own].concat()
}

fn with(call: &[String], form: &str) -> Output {
    let args = call.iter().map(String::as_str).chain([form]);
    alone(&args.collect::<Vec<_>>())
}

#[test]
fn every_command_has_a_form_for_programs_and_one_that_says_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let at = |name: &str| dir.join(name).display().to_string();
    let job = "print(arange(100.0).sum().compute());";
    std::fs::write(at("job.rhai"), job).unwrap();
    let made = "arange(100.0).data_array([\"x\"]).rename(\"v\").save(out);";
    std::fs::write(at("made.rhai"), made).unwrap();
    let (out, made, status) = (
        format!("out={}", at("in.nc")),
        at("made.rhai"),
        at("status"),
    );
    let ran = alone(&["run", &made, "--set", &out, "--status", &status]);
    assert!(ran.status.success(), "{}", text(&ran));
    let commands = commands();
    assert!(commands.len() >= 12, "{commands:?}");
    for command in &commands {
        let help = text(&alone(&[command, "--help"]));
        for word in [
            "--json",
            "--quiet",
            "Examples:",
            &format!("hyperslab {command}"),
        ] {
            assert!(
                help.contains(word),
                "{command} --help has no {word}:\n{help}"
            );
        }
        let call = call(command, dir);
        let out = with(&call, "--json");
        // What a doctor finds is no failure of the doctor.
        let fine = |out: &Output| out.status.success() || command == "doctor";
        assert!(fine(&out), "{call:?}: {}", text(&out));
        let values: Result<Vec<Value>, _> =
            Deserializer::from_slice(&out.stdout).into_iter().collect();
        let values = values.unwrap_or_else(|e| panic!("{call:?}: {e}: {}", text(&out)));
        assert_eq!(values.len(), 1, "{call:?}: {}", text(&out));
        let out = with(&call, "--quiet");
        assert!(fine(&out), "{call:?}: {}", text(&out));
        let said = String::from_utf8_lossy(&out.stdout);
        let expected = match command.as_str() {
            // What a script prints is its result.
            "run" => said == "4950.0\n",
            "doctor" => said.lines().all(|line| line.starts_with("WARNING")),
            _ => said.is_empty(),
        };
        assert!(expected, "{call:?} --quiet said {said}");
        assert_eq!(String::from_utf8_lossy(&out.stderr), "", "{call:?}");
    }
    // An error is said in both forms, on the channel of each.
    for command in ["info", "plan", "graph", "check", "convert", "top", "slurm"] {
        let missing = [command.to_owned(), at("missing")];
        let more = match command {
            "convert" => vec![at("o.nc")],
            "slurm" => vec!["--cores-per-node".to_owned(), "2".to_owned()],
            _ => Vec::new(),
        };
        let call = [&missing[..], &more].concat();
        let out = with(&call, "--quiet");
        assert!(!out.status.success(), "{call:?}");
        assert!(
            String::from_utf8_lossy(&out.stderr).contains("missing"),
            "{call:?}: {}",
            text(&out)
        );
        let out = with(&call, "--json");
        assert!(!out.status.success(), "{call:?}");
        let told: Value = serde_json::from_slice(&out.stdout).unwrap();
        assert!(told.to_string().contains("missing"), "{call:?}: {told}");
    }
}
