//! Every kind of fault at every point on every rank: the job ends in time, says once what has happened where, and leaves nothing
//! that looks complete.

use super::support::files::{limits, on};
use super::support::mpirun_within;
use super::{CHILD, cube};
use hyperslab::Result;
use hyperslab::comm::Fabric;
use hyperslab::driver::Driver;
use std::collections::VecDeque;
use std::path::Path;
use std::process::Output;
use std::sync::Mutex;
use std::time::{Duration, Instant};

const KINDS: [&str; 5] = ["error", "panic", "abort", "kill", "stop"];
const POINTS: [&str; 8] = [
    "open", "read", "decode", "compute", "exchange", "combine", "write", "finish",
];
const RANKS: usize = 3;
/// Of the watchdog: what is stopped is found after so many seconds.
const LIMIT_SECONDS: u64 = 2;
/// The longest that a job may take beyond what it takes without a fault.
const LONGEST: Duration = Duration::from_secs(10);
/// Marks the processes of a job.
const MARK: &str = "HYPERSLAB_FAULTS_CELL";
/// Jobs at once: most of them wait most of the time.
const ABREAST: usize = 3;

/// A fold over all ranks, and a pass that reads its result and the file, and whose result every rank writes.
pub(crate) fn anomaly(driver: &Driver, input: &str, output: &str) -> Result<()> {
    let red = driver.open(input)?.var("red");
    (&red - red.mean(())).rename("v").save(output)
}

fn host() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}

/// Processes of a job that still run.
fn left(mark: &str) -> usize {
    let wanted = format!("{MARK}={mark}");
    let own = |entry: &std::fs::DirEntry| {
        let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        let mut variables = environment.split(|byte| *byte == 0);
        // One that has ended and waits for its parent has no environment any more.
        variables.any(|variable| variable == wanted.as_bytes())
    };
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes.filter(own).count()
}

/// Runs the job without a fault: how long that takes on this machine.
fn plain(input: &Path) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let role = format!(
        "anomaly {} {}",
        input.display(),
        folder.path().join("out.nc").display()
    );
    let (output, took) = super::ranks_with(RANKS, &role, &[]);
    assert!(output.status.success(), "{}", super::stderr(&output));
    took
}

/// Runs the job with a fault, and checks what holds for all of them; gives what it printed.
fn ends((input, plain): (&Path, Duration), fault: &str, code: i32) -> (String, Duration) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.nc");
    // A process that aborts may take seconds to die, and the launcher to say so.
    let limit = match fault.starts_with("stop") || fault.starts_with("hang") {
        true => LIMIT_SECONDS,
        false => 60,
    };
    let begin = Instant::now();
    let output: Output = mpirun_within(RANKS, 30)
        .arg(std::env::current_exe().unwrap())
        .env(
            CHILD,
            format!("anomaly {} {}", input.display(), out.display()),
        )
        .env("HYPERSLAB_FAULT", fault)
        .env("HYPERSLAB_WATCHDOG_SECONDS", limit.to_string())
        .env(MARK, fault)
        .output()
        .unwrap();
    let took = begin.elapsed();
    let text = super::stderr(&output);
    assert_eq!(output.status.code(), Some(code), "{fault}: {text}");
    assert!(took < LONGEST + plain, "{fault}: {took:?}: {text}");
    let gone = Instant::now();
    while left(fault) > 0 {
        assert!(
            gone.elapsed() < Duration::from_secs(3),
            "{fault}: a process is left: {text}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    let names: Vec<String> = std::fs::read_dir(folder.path())
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    let hidden = |name: &String| {
        name.starts_with('.') && (name.ends_with(".part") || name.ends_with(".journal"))
    };
    assert!(names.iter().all(hidden), "{fault}: {names:?}");
    let clean = fault.starts_with("error") || fault.starts_with("panic");
    assert!(
        !clean || names.is_empty(),
        "{fault}: {names:?} are left: {text}"
    );
    (text, took)
}

/// One cell of the matrix.
fn cell(input: (&Path, Duration), kind: &str, point: &str, rank: usize) -> Duration {
    let fault = format!("{kind}:{point}:{rank}");
    let code = match kind {
        "abort" => 128 + 6,
        "kill" => 128 + 9,
        _ => 70,
    };
    let (text, took) = ends(input, &fault, code);
    let said = text.matches("hyperslab: ").count();
    let place = format!("rank {rank} of {RANKS}, host {}", host());
    match kind {
        "abort" | "kill" => {
            // Nobody is there to say it but the launcher.
            let signal = if kind == "kill" {
                "signal 9"
            } else {
                "signal 6"
            };
            assert_eq!(said, 0, "{fault}: {text}");
            assert_eq!(
                text.matches("noticed that process").count(),
                1,
                "{fault}: {text}"
            );
            let line = text
                .split("noticed that process")
                .nth(1)
                .unwrap_or_default();
            for part in [&format!("rank {rank} "), &host(), signal] {
                assert!(line.contains(part), "{fault}: {part:?} is not in: {text}");
            }
        }
        _ => {
            let cause = match kind {
                "stop" => "no sign of life for 2 s".to_owned(),
                _ => format!("injected at {point}"),
            };
            assert_eq!(said, 1, "{fault}: {text}");
            assert_eq!(text.matches(&cause).count(), 1, "{fault}: {text}");
            assert_eq!(text.matches(&place).count(), 1, "{fault}: {text}");
            let stage = match point {
                "open" => ["opening the inputs of the plan", "running a plan"],
                "finish" => ["finishing the outputs", "running stage 1"],
                _ => ["running stage 0", "running stage 1"],
            };
            assert!(
                stage.iter().any(|stage| text.contains(stage)),
                "{fault}: {text}"
            );
        }
    }
    took
}

/// Does all of `work` on a few threads; a panic of one is that of the test.
fn abreast<T: Send>(work: impl IntoIterator<Item = T>, run: impl Fn(T) + Sync) {
    let queue: Mutex<VecDeque<T>> = Mutex::new(work.into_iter().collect());
    let next = || queue.lock().unwrap().pop_front();
    std::thread::scope(|scope| {
        for _ in 0..ABREAST {
            scope.spawn(|| {
                while let Some(item) = next() {
                    run(item);
                }
            });
        }
    });
}

/// Every kind at every point once, on one rank or another; with `HYPERSLAB_LONG=1` on every rank.
pub(crate) fn matrix() {
    let (_folder, input) = cube();
    let all = std::env::var_os("HYPERSLAB_LONG").is_some();
    let mut cells = Vec::new();
    // Those that wait for the watchdog come first.
    for (k, kind) in KINDS.iter().enumerate().rev() {
        for (p, point) in POINTS.iter().enumerate() {
            let ranks = if all {
                0..RANKS
            } else {
                (k + p) % RANKS..(k + p) % RANKS + 1
            };
            cells.extend(ranks.map(|rank| (*kind, *point, rank)));
        }
    }
    let plain = plain(&input);
    let worst = Mutex::new((Duration::ZERO, String::new()));
    let count = cells.len();
    abreast(cells, |(kind, point, rank)| {
        let took = cell((&input, plain), kind, point, rank);
        let mut worst = worst.lock().unwrap();
        if took > worst.0 {
            *worst = (took, format!("{kind}:{point}:{rank}"));
        }
    });
    let (took, fault) = worst.into_inner().unwrap();
    println!(
        "  without a fault {:.1} s; {count} cells, the longest {fault}: {:.1} s",
        plain.as_secs_f64(),
        took.as_secs_f64()
    );
}

/// What fails in the middle of a collective, a rank that computes without end, and reads that go well at the third try.
pub(crate) fn others() {
    let (_folder, input) = cube();
    let faults = [
        "error:move:0",
        "panic:move:0",
        "error:merge:0",
        "panic:merge:0",
        "hang:compute:2",
    ];
    let plain = plain(&input);
    abreast(faults, |fault| {
        let (text, took) = ends((&input, plain), fault, 70);
        assert_eq!(text.matches("hyperslab: ").count(), 1, "{fault}: {text}");
        let (kind, rest) = fault.split_once(':').unwrap();
        let (point, rank) = rest.split_once(':').unwrap();
        let cause = match kind {
            "hang" => "has not moved for".to_owned(),
            _ => format!("injected at {point}"),
        };
        for part in [
            &cause,
            &format!("rank {rank} of 3, host "),
            "running stage ",
        ] {
            assert!(text.contains(part), "{fault}: {part:?} is not in: {text}");
        }
        println!("  {fault}: {:.1} s", took.as_secs_f64());
    });
}

/// Reads that fail twice and then go well: a warning for each, and the bits of a run without a fault.
pub(crate) fn transient() {
    let (folder, input) = cube();
    let run = |name: &str, fault: &str| {
        let out = folder.path().join(name);
        let role = format!("anomaly {} {}", input.display(), out.display());
        let set = [("HYPERSLAB_FAULT", fault), (super::TOLD, "1")];
        let (output, _) = super::ranks_with(RANKS, &role, &set);
        let text = super::stderr(&output);
        assert!(output.status.success(), "{fault}: {text}");
        let read = |driver: &Driver| driver.open(&out)?.var("v").compute_block();
        let block = on(Fabric::Solo, limits(1, 64 << 20), read).unwrap();
        (text, block.buffer().as_bytes().to_vec())
    };
    let (text, plain) = run("plain.nc", "none:none:0");
    assert!(!text.contains("follows in"), "{text}");
    for fault in ["transient:open:0", "transient:read:1"] {
        let (text, found) = run("tried.nc", fault);
        std::fs::remove_file(folder.path().join("tried.nc")).unwrap();
        for part in [
            "try 2 of 4 follows in 0.1 s",
            "try 3 of 4 follows in 0.4 s",
            "Input/output error",
        ] {
            assert_eq!(
                text.matches(part).count().min(1),
                1,
                "{fault}: {part:?} is not in: {text}"
            );
        }
        assert!(found == plain, "{fault}");
    }
}
