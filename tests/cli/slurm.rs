//! `hyperslab slurm`: scripts from plans, what is refused before anything is opened, the kept templates.
//! On a real Slurm they run in `slurm_cluster.rs`.

use super::{JOB, cube, json, text};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output};

/// A folder with the example scripts and the demo's cube under names that templates use.
pub(super) fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    symlink(root.join("examples"), dir.path().join("examples")).unwrap();
    symlink(cube(), dir.path().join("landsat.nc")).unwrap();
    for year in 2001..=2012 {
        symlink(cube(), dir.path().join(format!("landsat_{year}.nc"))).unwrap();
    }
    dir
}

/// `hyperslab slurm` in a folder, without what the caller's own Slurm says.
pub(super) fn slurm(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new("timeout");
    command
        .args(["-k", "5", "60", super::BIN, "slurm"])
        .args(args);
    command.current_dir(dir);
    for (name, _) in std::env::vars() {
        if ["OMPI_COMM", "PMI", "SLURM_", "SBATCH_", "HYPERSLAB_SCRATCH"]
            .iter()
            .any(|p| name.starts_with(p))
        {
            command.env_remove(name);
        }
    }
    command
}

fn run(dir: &Path, args: &[&str]) -> Output {
    slurm(dir, args).output().unwrap()
}

/// What the season job takes, and enough of a machine.
const SEASON: [&str; 9] = [
    JOB,
    "--set",
    "input=landsat.nc",
    "--set",
    "output=season.nc",
    "--cores-per-node",
    "8",
    "--time",
    "00:10:00",
];

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&SEASON[..], more].concat()
}

fn program(dir: &Path, name: &str, text: &str) {
    let path = dir.join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
}

/// The value of `#SBATCH --name=` in a script.
fn directive<'a>(script: &'a str, name: &str) -> Option<&'a str> {
    let start = format!("#SBATCH --{name}=");
    script.lines().find_map(|line| line.strip_prefix(&start))
}

#[test]
fn templates_are_what_the_command_renders() {
    let dir = folder();
    let both = [
        "examples/ndvi_season.rhai",
        "--setup",
        "module load openmpi hdf5",
    ];
    let plain = ["--program", "hyperslab", "--chdir", "."];
    let (input, output) = ("input=landsat.nc", "output=season.nc");
    let sets = ["--set", input, "--set", output];
    let years = [
        "--set",
        "input=landsat_{year}.nc",
        "--set",
        "output=season_{year}.nc",
    ];
    let single = [
        "--nodes",
        "1",
        "--ranks",
        "4",
        "--cores-per-node",
        "32",
        "--memory",
        "4GiB",
        "--time",
        "00:30:00",
    ];
    let multi = [
        "--nodes",
        "4",
        "--ranks",
        "16",
        "--cores-per-node",
        "64",
        "--memory",
        "8GiB",
        "--time",
        "01:00:00",
    ];
    let array = [
        "--array",
        "year=2001..2012",
        "--at-once",
        "4",
        "--cores-per-node",
        "16",
        "--time",
        "00:30:00",
    ];
    for (name, args) in [
        ("single_node", [&both[..], &sets, &single, &plain].concat()),
        (
            "multi_node",
            [&both[..], &sets, &multi, &["--sbatch=--exclusive"], &plain].concat(),
        ),
        (
            "mpirun",
            [&both[..], &sets, &multi, &["--launcher", "mpirun"], &plain].concat(),
        ),
        ("array", [&both[..], &years, &array, &plain].concat()),
    ] {
        let out = run(dir.path(), &args);
        assert_eq!(out.status.code(), Some(0), "{}", text(&out));
        let rendered = String::from_utf8(out.stdout).unwrap();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("slurm/{name}.sbatch"));
        if std::env::var_os("HYPERSLAB_BLESS").is_some() {
            std::fs::write(&path, &rendered).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            kept == rendered,
            "{} is not what the command renders (HYPERSLAB_BLESS=1 writes it again):\n{rendered}",
            path.display()
        );
    }
}

/// The words that a rendered script hands to srun, by running it with one that prints them.
fn words_for_srun(script: &str, task: &str) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    program(dir.path(), "srun", "#!/bin/bash\nprintf '%s\\0' \"$@\"\n");
    let file = dir.path().join("job.sbatch");
    std::fs::write(&file, script).unwrap();
    let path = format!(
        "{}:{}",
        dir.path().display(),
        std::env::var("PATH").unwrap()
    );
    let out = Command::new("bash")
        .arg(&file)
        .env("PATH", path)
        .env("SLURM_ARRAY_TASK_ID", task)
        .env("TMPDIR", "/node/own folder")
        .output()
        .unwrap();
    assert_eq!(out.status.code(), Some(0), "{}\n{script}", text(&out));
    let said = String::from_utf8(out.stdout).unwrap();
    said.split_terminator('\0').map(str::to_owned).collect()
}

#[test]
fn bash_hands_every_word_on_as_it_was_given() {
    let dir = tempfile::tempdir().unwrap();
    let odd = dir.path().join("it's \"a\" $HOME folder");
    std::fs::create_dir(&odd).unwrap();
    for model in ["a b", "c'd"] {
        symlink(cube(), odd.join(format!("in {model}.nc"))).unwrap();
    }
    let job = "my job #1.rhai";
    std::fs::copy(JOB, odd.join(job)).unwrap();
    let args = [
        job,
        "--set",
        "input=in {model}.nc",
        "--set",
        "output=out $(id) {model}.nc",
        "--array",
        "model=a b,c'd",
        "--threads",
        "2",
        "--time",
        "1-00:00:00",
        "--memory",
        "300 MiB",
        "--scratch",
        "$TMPDIR/x",
        "--overwrite",
        "--report",
        "report of {model}.html",
        "--program",
        "/opt/h s/hyperslab",
        "--partition",
        "p q",
        "--setup",
        "export GREETING='hello you'",
    ];
    let out = run(&odd, &args);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out));
    let script = String::from_utf8(out.stdout).unwrap();
    let words = [
        "--mpi=pmix",
        "--cpus-per-task=2",
        "--cpu-bind=cores",
        "--kill-on-bad-exit=1",
        "/opt/h s/hyperslab",
        "run",
        job,
        "--set",
        "input=in c'd.nc",
        "--set",
        "output=out $(id) c'd.nc",
        "--set",
        "model=c'd",
        "--threads",
        "2",
        "--memory",
        "300 MiB",
        "--scratch",
        "/node/own folder/x",
        "--report",
        "report of c'd.html",
        "--resume",
        "--overwrite",
    ];
    assert_eq!(words_for_srun(&script, "1"), words);
    assert_eq!(directive(&script, "job-name"), Some("\"my job #1\""));
    assert_eq!(directive(&script, "partition"), Some("\"p q\""));
    assert_eq!(directive(&script, "array"), Some("0-1"));
    assert_eq!(directive(&script, "time"), Some("1-00:00:00"));
    assert_eq!(directive(&script, "signal"), Some("B:USR1@120"));
    assert!(script.contains("\nexport GREETING='hello you'\n"));
    let chdir = odd.display().to_string().replace('"', "\\\"");
    assert_eq!(
        directive(&script, "chdir"),
        Some(format!("\"{chdir}\"").as_str())
    );
}

#[test]
fn the_plan_decides_what_is_left_open() {
    let dir = folder();
    let made = |args: &[&str]| {
        let out = run(dir.path(), &[args, &["--json"]].concat());
        assert_eq!(out.status.code(), Some(0), "{}", text(&out));
        json(&out)
    };
    // One tile: one rank, and all cores for it, though 32 cores are room for two.
    let one = made(&[&SEASON[..5], &SEASON[7..], &["--cores-per-node", "64"]].concat());
    assert_eq!(
        (&one["nodes"], &one["ranks"], &one["threads"]),
        (&1.into(), &2.into(), &32.into()),
        "{one}"
    );
    let reasons = one["reasons"].to_string();
    assert!(reasons.contains("the plan has work for 2"), "{reasons}");
    // Memory: 1 GiB, an eighth more, and 256 MiB.
    assert_eq!(
        one["memory_bytes_per_node"],
        2 * ((1u64 << 30) * 9 / 8 + (256 << 20))
    );
    let script = one["script"].as_str().unwrap();
    assert_eq!(directive(script, "mem"), Some("2816M"));
    assert_eq!(directive(script, "cpus-per-task"), Some("32"));
    // What stands at the head are the plan's own numbers.
    let plan = super::alone(&[
        "plan",
        "--ranks",
        "2",
        JOB,
        "--set",
        &super::set("input", cube()),
        "--set",
        "output=season.nc",
        "--json",
    ]);
    let plan = json(&plan);
    assert_eq!(one["bytes_decoded"], plan["bytes_decoded"]);
    assert_eq!(one["bytes_written"], plan["bytes_written"]);
    assert!(
        script.contains("# The plan for 2 ranks of 32 threads"),
        "{script}"
    );
    // What does not fit one rank goes to more nodes.
    let wide = dir.path().join("wide.rhai");
    let source =
        "let a = zeros([4096, 4096]).chunk([512, 512]).persist();\nprint(a.sum().item());\n";
    std::fs::write(&wide, source).unwrap();
    let spread = made(&[
        "wide.rhai",
        "--threads",
        "1",
        "--memory",
        "64MiB",
        "--time",
        "00:01:00",
    ]);
    assert!(spread["nodes"].as_u64().unwrap() >= 4, "{spread}");
    assert!(
        spread["peak_bytes"].as_u64().unwrap() <= 64 << 20,
        "{spread}"
    );
    assert!(
        spread["reasons"]
            .to_string()
            .contains("does not fit the memory of fewer"),
        "{spread}"
    );
    let tight = run(
        dir.path(),
        &[
            "wide.rhai",
            "--threads",
            "1",
            "--memory",
            "64MiB",
            "--time",
            "00:01:00",
            "--nodes",
            "1",
        ],
    );
    assert_eq!(tight.status.code(), Some(71), "{}", text(&tight));
}

#[test]
fn bad_input_is_refused_with_what_is_allowed() {
    let dir = folder();
    let base = [
        JOB,
        "--set",
        "input=landsat.nc",
        "--set",
        "output=season.nc",
    ];
    let time = ["--time", "00:10:00"];
    let cores = ["--cores-per-node", "8"];
    let cases: &[(&[&str], &[&str], &[&str])] = &[
        (&cores, &["--time", "90"], &["--time 90", "HH:MM:SS"]),
        (
            &cores,
            &["--time", "00:61:00"],
            &["--time 00:61:00", "below 60"],
        ),
        (&time, &[], &["--cores-per-node", "--threads", "sinfo"]),
        (
            &time,
            &["--cores-per-node", "0"],
            &["--cores-per-node 0", "1 … "],
        ),
        (&time, &["--threads", "0"], &["--threads 0"]),
        (
            &cores,
            &["--time", "00:01:00", "--signal-before", "60"],
            &["--signal-before 60", "1 … 59"],
        ),
        (
            &SEASON[5..],
            &["--nodes", "2", "--ranks", "5"],
            &["--ranks 5", "multiples of 2"],
        ),
        (
            &SEASON[5..],
            &["--ranks", "9", "--nodes", "1"],
            &["9 ranks", "1 … 8"],
        ),
        (
            &SEASON[5..],
            &["--memory-per-node", "1GiB"],
            &["--memory-per-node 1.00 GiB", "needs 1.38 GiB", "--memory"],
        ),
        (
            &SEASON[5..],
            &["--memory-per-node", "lots"],
            &["lots", "--memory-per-node"],
        ),
        (
            &SEASON[5..],
            &["--array", "year=2..1"],
            &["--array year=2..1", "2001..2020"],
        ),
        (
            &SEASON[5..],
            &["--array", "input=a,b"],
            &["--array input=a,b", "--set"],
        ),
        (
            &SEASON[5..],
            &["--array", "year=1..2", "--at-once", "0"],
            &["--at-once 0"],
        ),
        (
            &SEASON[5..],
            &["--job-name", "a\nb"],
            &["--job-name", "line breaks"],
        ),
        // Only the plans can tell these.
        (
            &SEASON[5..],
            &["--array", "year=1..2"],
            &["year=1", "year=2", "both write", "{year}"],
        ),
    ];
    for (first, more, words) in cases {
        let out = run(dir.path(), &[&base, *first, *more].concat());
        assert_eq!(out.status.code(), Some(2), "{more:?}\n{}", text(&out));
        for word in *words {
            assert!(
                text(&out).contains(word),
                "{more:?}\n{}\nexpected {word}",
                text(&out)
            );
        }
        assert_eq!(
            text(&out).matches("hyperslab: ").count(),
            1,
            "{}",
            text(&out)
        );
        assert!(out.stdout.is_empty(), "{}", text(&out));
    }
    let out = run(
        dir.path(),
        &[
            "examples/ndvi_season.rhai",
            "--set",
            "output=s_{year}.nc",
            "--set",
            "input=landsat_{year}.nc",
            "--array",
            "year=2011..2013",
            "--threads",
            "1",
            "--time",
            "00:10:00",
        ],
    );
    assert_eq!(out.status.code(), Some(66), "{}", text(&out));
    assert!(text(&out).contains("year=2013"), "{}", text(&out));
}

#[test]
fn a_file_that_was_not_rendered_is_kept() {
    let dir = folder();
    let path = dir.path().join("job.sbatch");
    let args = with(&["-o", "job.sbatch"]);
    for _ in 0..2 {
        let out = run(dir.path(), &args);
        assert_eq!(out.status.code(), Some(0), "{}", text(&out));
        assert!(out.stdout.is_empty(), "{}", text(&out));
        assert!(
            std::fs::read_to_string(&path)
                .unwrap()
                .contains("#SBATCH --nodes=1\n")
        );
    }
    std::fs::write(&path, "#!/bin/bash\nprecious\n").unwrap();
    let out = run(dir.path(), &args);
    assert_eq!(out.status.code(), Some(73), "{}", text(&out));
    assert_eq!(std::fs::read(&path).unwrap(), b"#!/bin/bash\nprecious\n");
}

#[test]
fn what_sbatch_says_is_the_error() {
    let dir = folder();
    let tools = tempfile::tempdir().unwrap();
    let submit = |args: &[&str]| {
        let mut command = Command::new(super::BIN);
        command
            .arg("slurm")
            .args(with(&[&["--submit"], args].concat()));
        command.current_dir(dir.path()).env("PATH", tools.path());
        command.output().unwrap()
    };
    let failed = |out: &Output, words: &[&str]| {
        assert_eq!(out.status.code(), Some(74), "{}", text(out));
        for word in words {
            assert!(text(out).contains(word), "{}\nexpected {word}", text(out));
        }
        assert!(text(out).trim().lines().count() == 1, "{}", text(out));
    };
    failed(
        &submit(&[]),
        &["sbatch", "no program of this name", "-o FILE"],
    );
    program(
        tools.path(),
        "sbatch",
        "#!/bin/sh\necho 'sbatch: error: Invalid account' >&2\nexit 3\n",
    );
    failed(&submit(&[]), &["sbatch: error: Invalid account", "3"]);
    let out = submit(&["--json"]);
    assert_eq!(json(&out)["error"]["exit_code"], 74, "{}", text(&out));
    assert!(text(&out).contains("Invalid account"));
    program(tools.path(), "sbatch", "#!/bin/sh\necho oops\n");
    failed(&submit(&[]), &["oops"]);
    program(tools.path(), "sbatch", "#!/bin/sh\necho '17;far'\n");
    let out = submit(&[]);
    assert_eq!(
        (out.status.code(), out.stdout),
        (Some(0), b"17;far\n".to_vec())
    );
}

/// Submits, by a command that `ask` starts; gives the number of the job.
pub(super) fn submitted(
    ask: impl FnOnce(&mut Command) -> Output,
    dir: &Path,
    args: &[&str],
) -> String {
    let args = [args, &["--submit", "--json", "-o", "job.sbatch"]].concat();
    let out = ask(&mut slurm(dir, &args));
    assert_eq!(out.status.code(), Some(0), "{}", text(&out));
    json(&out)["job_id"].as_str().unwrap().to_owned()
}

#[test]
fn a_time_is_estimated_where_none_is_given() {
    let dir = folder();
    let plain = [
        JOB,
        "--set",
        "input=landsat.nc",
        "--set",
        "output=season.nc",
        "--cores-per-node",
        "8",
    ];
    let out = run(dir.path(), &plain);
    assert!(out.status.success(), "{}", text(&out));
    let script = String::from_utf8(out.stdout).unwrap();
    // A job of seconds: three times the estimate and the time of a start, in whole minutes.
    let time = directive(&script, "time").unwrap();
    assert!(time.starts_with("00:0") && time.ends_with(":00"), "{time}");
    assert!(script.contains("times the estimate of"), "{script}");
}
