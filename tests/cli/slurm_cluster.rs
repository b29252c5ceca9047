//! `hyperslab slurm` on a real Slurm of three nodes, which `scripts/slurm-cluster` starts on this machine: submit, run over the nodes,
//! cancel, run again, arrays, what sbatch refuses.
//!
//! Needs root and Slurm's packages, so it runs where `HYPERSLAB_SLURM=1` asks for it, as `make test` and `make test-slurm` do.

use super::slurm::{folder, slurm, submitted};
use super::{JOB, support, text, values};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// A cluster that goes with the value: after a failed test, too. Should this process be killed, the script ends it.
struct Cluster {
    dir: tempfile::TempDir,
}

fn script(action: &str, dir: &Path) -> Command {
    let mut command = Command::new("timeout");
    command.args(["-k", "5", "60"]);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/slurm-cluster"));
    command.arg(action).arg(dir);
    command
}

impl Cluster {
    fn start() -> Self {
        let cluster = Cluster {
            dir: tempfile::tempdir().unwrap(),
        };
        let owner = std::process::id().to_string();
        let out = script("start", &cluster.place())
            .arg(owner)
            .output()
            .unwrap();
        assert!(out.status.success(), "{}", text(&out));
        cluster
    }

    fn place(&self) -> PathBuf {
        self.dir.path().join("slurm")
    }

    /// A command that asks this cluster.
    fn asks(&self, command: &mut Command) -> Output {
        command.env("SLURM_CONF", self.place().join("slurm.conf"));
        command.env("OMPI_ALLOW_RUN_AS_ROOT", "1");
        command.env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
        command.env("OMPI_MCA_btl_vader_single_copy_mechanism", "none");
        command.output().unwrap()
    }

    fn tool(&self, name: &str, args: &[&str]) -> String {
        let mut command = Command::new("timeout");
        let out = self.asks(command.args(["-k", "5", "20", name]).args(args));
        assert!(out.status.success(), "{name} {args:?}\n{}", text(&out));
        text(&out)
    }

    /// Submits the season job of `dir`; gives its number.
    fn submit(&self, dir: &Path, more: &[&str]) -> String {
        submitted(|command| self.asks(command), dir, &[&SEASON, more].concat())
    }

    /// What Slurm says of a job, once it has ended.
    fn ended(&self, job: &str) -> String {
        let mut said = String::new();
        within(90, &format!("the end of job {job}"), || {
            said = self.tool("scontrol", &["show", "job", "-o", job]);
            let under_way = ["PENDING", "RUNNING", "COMPLETING", "CONFIGURING"];
            !under_way
                .iter()
                .any(|state| said.contains(&format!("JobState={state}")))
        });
        said
    }

    fn completed(&self, job: &str, dir: &Path) {
        let said = self.ended(job);
        let lines = said.lines().filter(|line| line.starts_with("JobId="));
        for line in lines {
            assert!(
                line.contains("JobState=COMPLETED") && line.contains("ExitCode=0:0"),
                "{said}\n{}",
                logs(dir)
            );
        }
    }

    /// Processes of a job that are there, on all nodes.
    fn processes(&self, job: &str) -> usize {
        let mine = format!("SLURM_CONF={}", self.place().join("slurm.conf").display());
        let job = format!("SLURM_JOB_ID={job}");
        let of_job = |environ: Vec<u8>| {
            let has = |entry: &str| environ.split(|b| *b == 0).any(|e| e == entry.as_bytes());
            has(&mine) && has(&job)
        };
        let all = std::fs::read_dir("/proc").unwrap().flatten();
        all.filter(|entry| std::fs::read(entry.path().join("environ")).is_ok_and(of_job))
            .count()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let out = script("stop", &self.place()).output();
        let stopped = out.as_ref().is_ok_and(|out| out.status.success());
        if !std::thread::panicking() {
            assert!(stopped && !self.place().exists(), "{out:?}");
        }
    }
}

/// Three ranks of a thread each, with little memory.
const SEASON: [&str; 11] = [
    JOB,
    "--set",
    "input=landsat.nc",
    "--set",
    "output=season.nc",
    "--threads",
    "1",
    "--memory",
    "64MiB",
    "--time",
    "00:05:00",
];
const THREE: [&str; 4] = ["--nodes", "3", "--ranks", "3"];
/// The ranks stop before the output gets its name, at the first start of the job.
const STOPS: [&str; 2] = [
    "--setup",
    "[ \"${SLURM_RESTART_COUNT:-0}\" -gt 0 ] || export HYPERSLAB_FAULT=hang:finish:0",
];

/// At the first start of the job rank 0 takes its time.
const SLOW: [&str; 2] = [
    "--setup",
    "[ \"${SLURM_RESTART_COUNT:-0}\" -gt 0 ] || export HYPERSLAB_FAULT=slow:compute:0",
];

fn within(seconds: u64, what: &str, mut done: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !done() {
        assert!(
            begin.elapsed() < Duration::from_secs(seconds),
            "{what}: not within {seconds} s"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn logs(dir: &Path) -> String {
    let names = std::fs::read_dir(dir)
        .unwrap()
        .flatten()
        .map(|entry| entry.path());
    let logs = names.filter(|path| path.extension().is_some_and(|e| e == "log"));
    logs.map(|path| std::fs::read_to_string(path).unwrap())
        .collect()
}

/// Waits until the job of `dir` has written its output, which has no name yet.
fn written_but_for_its_name(dir: &Path) {
    within(60, "an output that is being written", || {
        let mut names = std::fs::read_dir(dir).unwrap().flatten();
        names.any(|entry| {
            let part = entry.file_name().to_string_lossy().ends_with(".part");
            part && entry.metadata().is_ok_and(|m| m.len() > 100_000)
        })
    });
    assert!(!dir.join("season.nc").exists());
}

/// The bytes of an output up to where HDF5's file ends: behind it are checksums, which cover the time in its history.
fn bytes(path: &Path) -> Vec<u8> {
    let mut all = std::fs::read(path).unwrap();
    let word = b"\"end\":";
    let at = all.windows(word.len()).rposition(|w| w == word).unwrap() + word.len();
    let digits = all[at..].iter().take_while(|b| b.is_ascii_digit());
    let end: String = digits.map(|b| char::from(*b)).collect();
    all.truncate(end.parse().unwrap());
    all
}

/// Two outputs of the same command have the same bytes, but for the time in their history.
fn same_file(left: &Path, right: &Path) {
    assert_eq!(values(left), values(right));
    let (left, right) = (bytes(left), bytes(right));
    assert_eq!(left.len(), right.len());
    let differ = left.iter().zip(&right).filter(|(a, b)| a != b).count();
    assert!(differ <= 32, "{differ} bytes of {} differ", left.len());
}

#[test]
fn jobs_run_and_end_on_three_nodes() {
    if std::env::var_os("HYPERSLAB_SLURM").is_none_or(|v| v != "1") {
        eprintln!(
            "no Slurm is started for this test without HYPERSLAB_SLURM=1; `make test-slurm` does it all"
        );
        return;
    }
    let cluster = Cluster::start();
    refused(&cluster);

    // These wait for nobody: nodes may do them side by side.
    let (by_srun, by_mpirun, years) = (folder(), folder(), folder());
    let srun = cluster.submit(by_srun.path(), &THREE);
    let mpirun = cluster.submit(
        by_mpirun.path(),
        &[&THREE[..], &["--launcher", "mpirun"]].concat(),
    );
    let array = [
        "examples/ndvi_season.rhai",
        "--set",
        "input=landsat_{year}.nc",
        "--set",
        "output=season_{year}.nc",
        "--array",
        "year=2001..2003",
        "--threads",
        "1",
        "--memory",
        "64MiB",
        "--time",
        "00:05:00",
    ];
    let array = submitted(|command| cluster.asks(command), years.path(), &array);

    let local = folder();
    let out = support::mpirun(3)
        .arg(super::BIN)
        .args([
            "run",
            JOB,
            "--set",
            "input=landsat.nc",
            "--set",
            "output=season.nc",
            "--threads",
            "1",
            "--memory",
            "64MiB",
        ])
        .current_dir(local.path())
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", text(&out));
    let expected = local.path().join("season.nc");

    for (job, dir) in [(&srun, &by_srun), (&mpirun, &by_mpirun)] {
        cluster.completed(job, dir.path());
        let said = logs(dir.path());
        assert!(said.contains("on 3 ranks"), "{said}");
        same_file(&dir.path().join("season.nc"), &expected);
    }
    let said = cluster.tool("scontrol", &["show", "job", "-o", &srun]);
    assert!(said.contains(" NodeList=n[1-3] "), "{said}");
    cluster.completed(&array, years.path());
    for year in 2001..=2003 {
        assert_eq!(
            values(&years.path().join(format!("season_{year}.nc"))),
            values(&expected)
        );
    }

    cancelled(&cluster);
    run_again(&cluster, &expected);
    told_of_the_end(&cluster, &expected);
}

/// What only the cluster can know is one error, with sbatch's words.
fn refused(cluster: &Cluster) {
    let dir = folder();
    for (more, words) in [
        (["--partition", "nowhere"], "nvalid partition"),
        (["--time", "3-00:00:00"], "time limit"),
        (["--sbatch", "--nodelist=n9"], "node"),
    ] {
        let args: Vec<&str> = match more[0] {
            "--time" => SEASON[..9].to_vec(),
            _ => SEASON.to_vec(),
        };
        let out = cluster.asks(&mut slurm(
            dir.path(),
            &[&args[..], &more, &["--submit"]].concat(),
        ));
        assert_eq!(out.status.code(), Some(74), "{}", text(&out));
        assert!(
            text(&out).contains("submitting by sbatch: ") && text(&out).contains(words),
            "{}",
            text(&out)
        );
        assert_eq!(text(&out).trim().lines().count(), 1, "{}", text(&out));
    }
}

/// After scancel no process is left, and no output has its name.
fn cancelled(cluster: &Cluster) {
    let dir = folder();
    let job = cluster.submit(dir.path(), &[&THREE[..], &STOPS].concat());
    written_but_for_its_name(dir.path());
    assert!(
        cluster.processes(&job) >= 4,
        "the batch script and three ranks"
    );
    cluster.tool("scancel", &[&job]);
    let said = cluster.ended(&job);
    assert!(said.contains("JobState=CANCELLED"), "{said}");
    within(20, "the end of all processes", || {
        cluster.processes(&job) == 0
    });
    assert!(!dir.path().join("season.nc").exists());
}

/// A job that Slurm puts back into the queue starts from the beginning, ends well, and appends to its log.
fn run_again(cluster: &Cluster, expected: &Path) {
    let dir = folder();
    let job = cluster.submit(dir.path(), &[&THREE[..], &STOPS].concat());
    written_but_for_its_name(dir.path());
    cluster.tool("scontrol", &["requeue", &job]);
    goes_on(cluster, &job);
    cluster.completed(&job, dir.path());
    same_file(&dir.path().join("season.nc"), expected);
    let said = logs(dir.path());
    assert!(
        said.contains("REQUEUE") && said.contains("on 3 ranks"),
        "{said}"
    );
}

/// A job that was put back into the queue starts again, and ends.
fn goes_on(cluster: &Cluster, job: &str) {
    // Slurm lets two minutes pass before such a job may start; an administrator need not.
    within(40, "the job in the queue", || {
        cluster
            .tool("scontrol", &["show", "job", "-o", job])
            .contains("JobState=PENDING")
    });
    // Nor need it wait for the nodes to clear away what is left of its first run; but then it may fail at once.
    within(30, "nodes without processes of the job", || {
        cluster.processes(job) == 0
    });
    std::thread::sleep(Duration::from_secs(3));
    cluster.tool(
        "scontrol",
        &["update", &format!("JobId={job}"), "StartTime=now"],
    );
    let said = cluster.ended(job);
    assert!(
        said.contains("JobState=COMPLETED") && said.contains(" Restarts=1 "),
        "{said}"
    );
}

/// The signal before the time limit stops the ranks, and ends the job with a code of its own, or puts it back into the queue: there it
/// goes on.
fn told_of_the_end(cluster: &Cluster, expected: &Path) {
    for (launcher, requeues) in [("srun", "1"), ("mpirun", "0")] {
        let dir = folder();
        let job = cluster.submit(
            dir.path(),
            &[
                &THREE[..],
                &SLOW,
                &["--launcher", launcher, "--requeues", requeues],
            ]
            .concat(),
        );
        let said = cluster.tool("scontrol", &["show", "job", "-o", &job]);
        assert!(
            said.contains(" Requeue=1 ") && said.contains(" TimeLimit=00:05:00 "),
            "{said}"
        );
        within(60, "an output that is being written", || {
            let mut names = std::fs::read_dir(dir.path()).unwrap().flatten();
            names.any(|entry| entry.file_name().to_string_lossy().ends_with(".part"))
        });
        std::thread::sleep(Duration::from_secs(1));
        cluster.tool("scancel", &["--batch", "--signal=USR1", &job]);
        if requeues == "1" {
            goes_on(cluster, &job);
            same_file(&dir.path().join("season.nc"), expected);
        } else {
            let said = cluster.ended(&job);
            assert!(
                said.contains("JobState=FAILED") && said.contains("ExitCode=75:0"),
                "{launcher}: {said}\n{}",
                logs(dir.path())
            );
            assert!(!dir.path().join("season.nc").exists());
        }
        assert!(
            logs(dir.path()).contains("stopped by SIGUSR1 before the end"),
            "{}",
            logs(dir.path())
        );
        assert!(
            logs(dir.path()).contains("before the time limit the ranks are told to end"),
            "{}",
            logs(dir.path())
        );
        within(20, "the end of all processes", || {
            cluster.processes(&job) == 0
        });
    }
}
