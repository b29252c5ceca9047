//! The fabrics, above all MPI: this binary starts itself under `mpirun` and then acts as a rank.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

mod support;

use hyperslab::comm::{Comm, Fabric, Stream, detect, launch, quiet_panics};
use hyperslab::{Error, Result};
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use support::{comm_scenarios, mpirun};

/// Says what a rank does; without it this process is the test.
const CHILD: &str = "HYPERSLAB_COMM_CHILD";

fn main() {
    match std::env::var(CHILD) {
        Ok(role) => {
            if let Err(error) = child(&role) {
                eprintln!("hyperslab: {error}");
                std::process::exit(i32::from(error.fault().exit_code()));
            }
        }
        Err(_) => {
            let wanted: Vec<String> = std::env::args()
                .skip(1)
                .filter(|a| !a.starts_with('-'))
                .collect();
            for (name, test) in TESTS {
                if wanted.is_empty() || wanted.iter().any(|w| name.contains(w.as_str())) {
                    let begin = Instant::now();
                    test();
                    println!(
                        "test {name} ... ok ({:.1} s)",
                        begin.elapsed().as_secs_f64()
                    );
                }
            }
        }
    }
}

fn child(role: &str) -> Result<()> {
    let (role, number) = role.split_once(':').unwrap_or((role, "0"));
    let number: usize = number.parse().unwrap();
    launch(
        detect(),
        if number == 0 { 1 << 30 } else { number },
        |comm| match role {
            "scenarios" => {
                comm_scenarios::all(comm, if number == 0 { 1 << 20 } else { 40 * number })
            }
            "panic" => {
                // A caught panic is an error, not the end.
                assert!(quiet_panics(|| -> u8 { panic!("quiet") }).is_err());
                if comm.rank() + 1 == comm.size() {
                    panic!("chunk 17 is cursed");
                }
                comm.barrier()
            }
            "worker-panic" => {
                if comm.rank() == 0 {
                    std::thread::spawn(|| panic!("on a worker")).join().ok();
                }
                comm.barrier()
            }
            "killed" => {
                if comm.rank() == 1 {
                    rustix::process::kill_process(
                        rustix::process::getpid(),
                        rustix::process::Signal::KILL,
                    )
                    .map_err(Error::internal)?;
                }
                comm.barrier()
            }
            "killed-in-stream" => {
                comm.share_memory(true)?;
                let (rank, size) = (comm.rank(), comm.size());
                let stream = |rank| Stream {
                    rank,
                    lengths: &[1000; 9],
                    messages: 1,
                };
                comm.stream(
                    Some(stream((rank + 1) % size)),
                    &mut |piece, _| match (rank, piece) {
                        (1, 5) => rustix::process::kill_process(
                            rustix::process::getpid(),
                            rustix::process::Signal::KILL,
                        )
                        .map_err(Error::internal),
                        _ => Ok(()),
                    },
                    Some(stream((rank + size - 1) % size)),
                    &mut |_, _| Ok(()),
                )?;
                comm.barrier()
            }
            "mismatch" => {
                let sends = if comm.rank() == 0 {
                    vec![(1, vec![1, 2])]
                } else {
                    vec![]
                };
                let receives = if comm.rank() == 1 {
                    vec![(0, 3)]
                } else {
                    vec![]
                };
                comm.exchange(sends, &receives)?;
                comm.barrier()
            }
            "hang" => hang(comm),
            "bench" => bench(comm),
            "error" => Err(Error::data("the same on all ranks")),
            "idle" => idle(comm),
            _ => Err(Error::invalid(format!("role {role}"))),
        },
    )
}

/// One rank computes without end, seen by its watchdog.
fn hang(comm: &dyn Comm) -> Result<()> {
    let watchdog = hyperslab::comm::Watchdog::start(comm, Some(Duration::from_millis(500)));
    watchdog.stage("mean over time");
    if comm.rank() == 1 {
        std::thread::sleep(Duration::from_secs(50));
    }
    comm.barrier()
}

/// A rank that waits uses next to no processor time.
fn idle(comm: &dyn Comm) -> Result<()> {
    if comm.rank() == 0 {
        std::thread::sleep(Duration::from_secs(2));
    }
    let before = ticks();
    comm.barrier()?;
    if comm.rank() == 1 {
        let used = ticks() - before;
        assert!(used < 60, "a waiting rank used {used} of 200 ticks");
    }
    Ok(())
}

/// Latency and bandwidth, printed by rank 0: `HYPERSLAB_COMM_CHILD=bench mpirun -n 2 target/.../comm-...`.
fn bench(comm: &dyn Comm) -> Result<()> {
    let timed = |name: &str, times: u32, bytes: usize, f: &dyn Fn() -> Result<()>| {
        comm.barrier()?;
        let (begin, before) = (Instant::now(), ticks());
        for _ in 0..times {
            f()?;
        }
        let each = begin.elapsed() / times;
        let busy = (ticks() - before) as f64 * 1e4 / f64::from(times);
        if comm.rank() == 0 {
            let rate = bytes as f64 / each.as_secs_f64() / 1e9;
            println!("{name}: {each:?} each, {busy:.1} µs of CPU, {rate:.2} GB/s sent by a rank");
        }
        Ok::<_, Error>(())
    };
    let (rank, size) = (comm.rank(), comm.size());
    timed("barrier", 2000, 0, &|| comm.barrier())?;
    timed("all_gather of 8 bytes", 2000, 8, &|| {
        comm.all_gather(&[1; 8]).map(drop)
    })?;
    for bytes in [64 << 10, 64 << 20] {
        let times = if bytes > 1 << 20 { 10 } else { 500 };
        timed(
            &format!("exchange of {bytes} bytes with the neighbour"),
            times,
            bytes,
            &|| {
                let (to, from) = ((rank + 1) % size, (rank + size - 1) % size);
                comm.exchange(vec![(to, vec![1; bytes])], &[(from, bytes)])
                    .map(drop)
            },
        )?;
    }
    Ok(())
}

/// User and system time of this process, in hundredths of a second.
fn ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .unwrap()
        .1
        .split_whitespace()
        .collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

const TESTS: &[(&str, fn())] = &[
    ("threads", threads),
    ("scenarios", scenarios),
    ("panics", panics),
    ("killed", killed),
    ("foreign_launcher", foreign_launcher),
    ("errors", errors),
    ("watchdog", watchdog),
    ("idle_ranks_leave_the_cores_alone", idle_ranks),
];

fn run(ranks: usize, role: &str) -> (Output, Duration) {
    let begin = Instant::now();
    let output = mpirun(ranks)
        .arg(std::env::current_exe().unwrap())
        .env(CHILD, role)
        .output()
        .unwrap();
    (output, begin.elapsed())
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// No other process runs this binary (a rank may take a moment to go).
fn no_rank_is_left() {
    let own = std::env::current_exe().unwrap();
    let me = std::process::id().to_string();
    let left = || -> Option<String> {
        std::fs::read_dir("/proc")
            .unwrap()
            .flatten()
            .find_map(|entry| {
                let link = std::fs::read_link(entry.path().join("exe"));
                // "self" and "thread-self" are this process, too.
                let name = entry.file_name().to_string_lossy().into_owned();
                let other = name != me && name.parse::<u32>().is_ok();
                let status =
                    std::fs::read_to_string(entry.path().join("status")).unwrap_or_default();
                (link.is_ok_and(|exe| exe == own) && other).then_some(status)
            })
    };
    let begin = Instant::now();
    while let Some(status) = left() {
        let waited = begin.elapsed();
        assert!(waited < Duration::from_secs(5), "a rank is left: {status}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn threads() {
    for ranks in 1..8 {
        for (limit, longest) in [(3, 50), (1 << 20, 10_000)] {
            launch(Fabric::Threads(ranks), limit, |comm| {
                comm_scenarios::all(comm, longest)
            })
            .unwrap();
        }
    }
    launch(Fabric::Solo, 3, |comm| comm_scenarios::all(comm, 100)).unwrap();
}

fn scenarios() {
    for ranks in [1, 2, 3, 4, 16] {
        for role in ["scenarios", "scenarios:3"] {
            let (output, took) = run(ranks, role);
            assert!(
                output.status.success(),
                "{role} on {ranks} ranks: {}",
                stderr(&output)
            );
            println!("  {role} on {ranks} ranks: {:.2} s", took.as_secs_f64());
        }
    }
}

fn panics() {
    let (output, took) = run(4, "panic");
    let text = stderr(&output);
    assert!(
        !output.status.success() && took < Duration::from_secs(5),
        "{took:?} {text}"
    );
    assert_eq!(text.matches("chunk 17 is cursed").count(), 1, "{text}");
    assert!(text.contains("rank 3 of 4, host "), "{text}");
    assert!(!text.contains("quiet"), "{text}");
    let (output, took) = run(2, "worker-panic");
    assert!(
        !output.status.success() && took < Duration::from_secs(5),
        "{took:?}"
    );
    assert!(stderr(&output).contains("on a worker"));
    no_rank_is_left();
}

fn killed() {
    for role in ["killed", "killed-in-stream"] {
        let (output, took) = run(3, role);
        assert!(
            !output.status.success() && took < Duration::from_secs(10),
            "{role}: {took:?}"
        );
    }
    no_rank_is_left();
}

fn foreign_launcher() {
    for name in ["PMI_SIZE", "OMPI_COMM_WORLD_SIZE"] {
        let output = Command::new("timeout")
            .args(["-k", "5", "30"])
            .arg(std::env::current_exe().unwrap())
            .env(CHILD, "scenarios")
            .env(name, "4")
            .env("OMPI_ALLOW_RUN_AS_ROOT", "1")
            .env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")
            .output()
            .unwrap();
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(
            text.contains(&format!("{name}=4")) && text.contains("mpirun"),
            "{text}"
        );
    }
}

fn errors() {
    let (output, _) = run(3, "error");
    assert_eq!(output.status.code(), Some(65), "{}", stderr(&output));
    let (output, took) = run(2, "mismatch");
    let text = stderr(&output);
    assert!(
        !output.status.success() && took < Duration::from_secs(5),
        "{took:?} {text}"
    );
    assert!(
        text.contains("expects 3 bytes from rank 0 and got 2"),
        "{text}"
    );
}

fn watchdog() {
    let (output, took) = run(2, "hang");
    let text = stderr(&output);
    assert!(
        !output.status.success() && took < Duration::from_secs(8),
        "{took:?} {text}"
    );
    assert!(
        text.contains("rank 1 of 2") && text.contains("in: mean over time"),
        "{text}"
    );
}

fn idle_ranks() {
    let (output, _) = run(4, "idle");
    assert!(output.status.success(), "{}", stderr(&output));
}
