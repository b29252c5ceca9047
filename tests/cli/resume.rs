//! Jobs that are stopped, killed, and continued, as users do it: exit codes, messages, the same values, nothing left behind.

use super::{BIN, on, set, support, text};
use hyperslab::io::journal::{Log, Record};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A sweep and two folds of it. `scale` makes it another one.
const SCRIPT: &str = "
let x = default_rng(7).normal(0.0, scale, [200, 300, 200]).chunk([4, 300, 200]);
let y = sin(sqrt(abs(x * 2.0 + 1.0)));
store(#{ y: y, mean: y.mean(0), largest: y.max([1, 2]) }, output, #{ OPTIONS });
";

struct Job {
    dir: tempfile::TempDir,
    script: PathBuf,
}

impl Job {
    fn new(options: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let script = dir.path().join("job.rhai");
        std::fs::write(&script, SCRIPT.replace("OPTIONS", options)).unwrap();
        Job { dir, script }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn args(&self, output: &str, more: &[&str]) -> Vec<String> {
        let mut args = vec![
            "run".to_owned(),
            self.script.display().to_string(),
            "--threads".to_owned(),
            "1".to_owned(),
            "--set".to_owned(),
            set("output", &self.path(output)),
        ];
        if !more.iter().any(|arg| arg.starts_with("scale=")) {
            args.extend(["--set".to_owned(), "scale=1.0".to_owned()]);
        }
        args.extend(more.iter().map(|arg| (*arg).to_owned()));
        args
    }

    fn alone(&self, output: &str, more: &[&str]) -> Output {
        let args = self.args(output, more);
        super::alone(&args.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn on(&self, ranks: usize, output: &str, more: &[&str]) -> Output {
        let args = self.args(output, more);
        on(ranks, &args.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// What lies beside the script but complete outputs.
    fn hidden(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.dir.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with('.')).collect()
    }

    /// Pieces that the journal beside an output says are finished.
    fn noted(&self) -> usize {
        let journals = self
            .hidden()
            .into_iter()
            .filter(|name| name.ends_with(".journal"));
        let mut pieces = HashSet::new();
        for journal in journals {
            for entry in std::fs::read_dir(self.path(&journal)).unwrap() {
                let path = entry.unwrap().path();
                if path.extension().is_some_and(|ending| ending == "log") {
                    for record in Log::read(&path).unwrap() {
                        if let Record::Piece { file, piece, .. } = record {
                            pieces.insert((file, piece.variable, piece.place));
                        }
                    }
                }
            }
        }
        pieces.len()
    }

    /// Fails when the output does not have the values of the other, or is damaged.
    #[track_caller]
    fn same(&self, output: &str, expected: &str) {
        let out = super::alone(&["check", self.path(output).to_str().unwrap()]);
        assert_eq!(out.status.code(), Some(0), "{}", text(&out));
        let script = self.path("same.rhai");
        let source = "
let a = open(left); let b = open(right);
for name in [\"y\", \"mean\", \"largest\"] {
    let same = (a[name] == b[name]).all().compute();
    print(`${name}: ${same}`);
}
";
        std::fs::write(&script, source).unwrap();
        let (left, right) = (
            set("left", &self.path(output)),
            set("right", &self.path(expected)),
        );
        let out = super::alone(&[
            "run",
            script.to_str().unwrap(),
            "--set",
            &left,
            "--set",
            &right,
        ]);
        assert_eq!(text(&out).matches("true").count(), 3, "{}", text(&out));
    }
}

fn start(command: &mut Command, log: &Path) -> Child {
    let log = std::fs::File::create(log).unwrap();
    let errors = log.try_clone().unwrap();
    command.stdout(log).stderr(errors).stdin(Stdio::null());
    command.spawn().unwrap()
}

/// Waits until a journal has noted so many pieces, or the job has ended.
fn until_noted(job: &Job, child: &mut Child, pieces: usize) {
    let began = Instant::now();
    while job.noted() < pieces && child.try_wait().unwrap().is_none() {
        assert!(
            began.elapsed() < Duration::from_secs(30),
            "no piece is noted"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A number from 0 to 1 out of another: kills fall anywhere, and the same in each run of the test.
fn random(seed: u64) -> f64 {
    let mut x = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((x ^ (x >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

/// The kill that cannot be caught, at random moments of starts that go on from one another: no finished piece is lost, none is
/// wrong, and nothing is left at the end.
#[test]
fn kills_at_random_moments_lose_only_what_was_in_flight() {
    let long = std::env::var_os("HYPERSLAB_LONG").is_some_and(|v| v == "1");
    let kills = if long { 200 } else { 24 };
    let mut killed = 0;
    let forms = [
        ("x.zarr", "zstd: 1"),
        ("x.nc", "deflate: 1"),
        ("y.nc", "overwrite: false"),
    ];
    let jobs: Vec<(Job, &str, f64)> = forms
        .into_iter()
        .map(|(name, options)| {
            let job = Job::new(options);
            let began = Instant::now();
            let out = job.alone(&format!("whole_{name}"), &[]);
            assert_eq!(out.status.code(), Some(0), "{}", text(&out));
            (job, name, began.elapsed().as_secs_f64())
        })
        .collect();
    for round in 0.. {
        if killed >= kills {
            break;
        }
        let (job, name, whole_s) = &jobs[round % jobs.len()];
        let mut before = 0;
        for start_number in 0.. {
            let mut args = job.args(name, &["--resume", "--log", "info"]);
            args[3] = (1 + start_number % 2).to_string();
            let log = job.path("log");
            let mut child = start(Command::new(BIN).args(&args), &log);
            // Starts that are killed early, late, and not at all.
            let wait = random((round * 1000 + start_number) as u64) * whole_s * 1.2;
            let began = Instant::now();
            let mut ended = None;
            while began.elapsed().as_secs_f64() < wait && ended.is_none() {
                ended = child.try_wait().unwrap();
                std::thread::sleep(Duration::from_millis(1));
            }
            if ended.is_none() && killed < kills {
                child.kill().unwrap();
                killed += 1;
            }
            let status = child.wait().unwrap();
            let said = std::fs::read_to_string(&log).unwrap();
            // What the starts before had noted is found, and is as it was written.
            if let Some(line) = said
                .lines()
                .find(|line| line.contains("as they were written"))
            {
                let words: Vec<&str> = line.split_whitespace().collect();
                let at = words.iter().position(|word| *word == "resume:").unwrap();
                let count = |at: usize| words[at].parse::<usize>().unwrap();
                assert_eq!((count(at + 1), count(at + 3)), (before, before), "{said}");
            } else {
                assert!(before == 0 || !status.success(), "{said}");
            }
            if status.success() {
                break;
            }
            if job.path(name).exists() {
                // Killed between its name and its end: a further start finds it complete, and clears away what is left.
                let out = job.alone(name, &["--resume", "--log", "info"]);
                assert_eq!(out.status.code(), Some(0), "{}", text(&out));
                assert!(text(&out).contains("is complete"), "{}", text(&out));
                break;
            }
            let now = job.noted();
            assert!(now >= before, "{before} pieces were noted, now {now}");
            before = now;
        }
        job.same(name, &format!("whole_{name}"));
        assert_eq!(job.hidden(), Vec::<String>::new());
        match job.path(name).is_dir() {
            true => std::fs::remove_dir_all(job.path(name)).unwrap(),
            false => std::fs::remove_file(job.path(name)).unwrap(),
        }
    }
}

/// A signal stops all ranks between two tiles with code 75 and one message; another number of ranks goes on.
#[test]
fn signals_stop_all_ranks_and_others_go_on() {
    let job = Job::new("zstd: 1");
    let out = job.alone("whole.zarr", &[]);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out));
    let log = job.path("log");
    for (signal, before, after) in [("USR1", 2, 3), ("TERM", 3, 1)] {
        // Only rank 1 gets the signal: it tells the others through the journal.
        let mut command = support::mpirun(before);
        let mut child = start(
            command
                .arg(BIN)
                .args(job.args("x.zarr", &[]))
                .env("HYPERSLAB_FAULT", "slow:compute:0"),
            &log,
        );
        until_noted(&job, &mut child, 3);
        assert!(rank_of(&job, 1, signal), "no rank 1");
        let status = child.wait().unwrap();
        let said = std::fs::read_to_string(&log).unwrap();
        assert_eq!(status.code(), Some(75), "{signal}: {said}");
        let expected = format!("stopped by SIG{signal} before the end");
        assert_eq!(said.matches("hyperslab: ").count(), 1, "{said}");
        assert!(
            said.contains(&expected) && said.contains("--resume"),
            "{said}"
        );
        assert!(!job.path("x.zarr").exists());
        let noted = job.noted();
        let out = job.on(after, "x.zarr", &["--resume", "--log", "info"]);
        assert_eq!(out.status.code(), Some(0), "{}", text(&out));
        let found = format!("{noted} of {noted} pieces");
        assert!(text(&out).contains(&found), "{found}: {}", text(&out));
        job.same("x.zarr", "whole.zarr");
        assert_eq!(job.hidden(), Vec::<String>::new());
        std::fs::remove_dir_all(job.path("x.zarr")).unwrap();
    }
}

/// Sends a signal to one rank of the job whose script lies here.
fn rank_of(job: &Job, rank: usize, signal: &str) -> bool {
    let (script, mark) = (
        job.script.display().to_string(),
        format!("OMPI_COMM_WORLD_RANK={rank}"),
    );
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let has = |file: &str, text: &str| {
            let bytes = std::fs::read(entry.path().join(file)).unwrap_or_default();
            bytes.split(|b| *b == 0).any(|part| part == text.as_bytes())
        };
        if has("cmdline", &script) && has("environ", &mark) {
            let pid = entry.file_name().into_string().unwrap();
            let sent = Command::new("kill").args(["-s", signal, &pid]).status();
            return sent.unwrap().success();
        }
    }
    false
}

/// The time that a job has ends it cleanly; what it was before counts, and only the same job goes on.
#[test]
fn a_time_limit_stops_and_only_the_same_job_goes_on() {
    let job = Job::new("deflate: 1");
    let out = job.alone("whole.nc", &[]);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out));
    let slow = |output: &str, more: &[&str]| {
        let mut command = Command::new(BIN);
        command
            .args(job.args(output, more))
            .env("HYPERSLAB_FAULT", "slow:compute:0");
        command.output().unwrap()
    };
    let out = slow("x.nc", &["--time-limit", "4s"]);
    assert_eq!(out.status.code(), Some(75), "{}", text(&out));
    assert!(
        text(&out).contains("stopped near the end of --time-limit"),
        "{}",
        text(&out)
    );
    let kept = job.hidden();
    assert_eq!(kept.len(), 2, "a part and a journal: {kept:?}");

    // Another script, or another constant.
    let refused = |out: Output, words: &[&str]| {
        assert_eq!(out.status.code(), Some(2), "{}", text(&out));
        assert_eq!(
            text(&out).matches("hyperslab: ").count(),
            1,
            "{}",
            text(&out)
        );
        for word in words {
            assert!(text(&out).contains(word), "{word}: {}", text(&out));
        }
        assert_eq!(job.hidden(), kept);
    };
    let out = job.alone("x.nc", &["--resume", "--set", "scale=2.0"]);
    refused(
        out,
        &["resume", "what is computed has changed", "without --resume"],
    );
    // Another version.
    let journal = kept.iter().find(|name| name.ends_with(".journal")).unwrap();
    let run = job.path(journal).join("run.json");
    let text_of_run = std::fs::read_to_string(&run).unwrap();
    std::fs::write(
        &run,
        text_of_run.replace("\"version\":\"0.", "\"version\":\"7."),
    )
    .unwrap();
    refused(
        job.alone("x.nc", &["--resume"]),
        &["was started by hyperslab 7."],
    );
    std::fs::write(&run, &text_of_run).unwrap();
    // Another process that still writes it.
    let lock = std::fs::File::open(&run).unwrap();
    lock.lock().unwrap();
    let out = job.alone("x.nc", &["--resume"]);
    drop(lock);
    assert_eq!(out.status.code(), Some(73), "{}", text(&out));
    assert!(
        text(&out).contains("another process is writing it"),
        "{}",
        text(&out)
    );

    let out = job.alone("x.nc", &["--resume"]);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out));
    job.same("x.nc", "whole.nc");
    assert_eq!(job.hidden(), Vec::<String>::new());
    // Complete: a further start does nothing; without --resume it is refused.
    let out = job.alone("x.nc", &["--resume", "--log", "info"]);
    assert!(text(&out).contains("is complete"), "{}", text(&out));
    let out = job.alone("x.nc", &[]);
    assert_eq!(out.status.code(), Some(73), "{}", text(&out));
    let out = job.alone("x.nc", &["--time-limit", "never"]);
    assert_eq!(out.status.code(), Some(2), "{}", text(&out));
    assert!(text(&out).contains("--time-limit"), "{}", text(&out));
}

/// Without --resume a start begins anew, says what it passes over, and clears it away at its end; a changed input is named.
#[test]
fn a_changed_input_is_named_and_a_start_without_resume_begins_anew() {
    let job = Job::new("deflate: 1");
    let out = job.alone("whole.nc", &[]);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out));
    let script = job.path("next.rhai");
    let source = "(open(input)[\"y\"] * 2.0).save(output, #{ deflate: 1 });";
    std::fs::write(&script, source).unwrap();
    let (input, output) = (
        set("input", &job.path("whole.nc")),
        set("output", &job.path("z.nc")),
    );
    let args = [
        "run",
        script.to_str().unwrap(),
        "--set",
        &input,
        "--set",
        &output,
    ];
    let out = Command::new(BIN)
        .args(args)
        .args(["--time-limit", "4s"])
        .env("HYPERSLAB_FAULT", "slow:compute:0")
        .output()
        .unwrap();
    assert_eq!(out.status.code(), Some(75), "{}", text(&out));
    // Written to: another time of modification is enough.
    let file = std::fs::File::options()
        .append(true)
        .open(job.path("whole.nc"))
        .unwrap();
    file.set_modified(std::time::SystemTime::now()).unwrap();
    let out = super::alone(&[&args[..], &["--resume"]].concat());
    assert_eq!(out.status.code(), Some(2), "{}", text(&out));
    assert!(
        text(&out).contains("its input") && text(&out).contains("whole.nc has changed"),
        "{}",
        text(&out)
    );
    let out = super::alone(&args);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out));
    assert_eq!(job.hidden(), Vec::<String>::new());
}
