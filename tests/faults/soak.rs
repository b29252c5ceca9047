//! Long runs: thousands of computes in one launch, ranks that start and stop, counts beyond 2^31.
//! `HYPERSLAB_LONG=1` makes them as long as they are meant to be.

use super::support::files::limits;
use super::support::mpirun_within;
use super::{CHILD, cube, stderr};
use hyperslab::array::Array;
use hyperslab::comm::{Comm, Fabric, launch};
use hyperslab::config::Limits;
use hyperslab::driver::Driver;
use hyperslab::dtype::DType;
use hyperslab::plan::Tiling;
use hyperslab::{Error, Result};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Marks the processes of a job, so that one of them finds all.
const MARK: &str = "HYPERSLAB_FAULTS_SOAK";
/// Reader threads start with the first chunk that the system does not have in memory: late, perhaps. What is lost at each turn
/// is more.
const FEW: usize = 8;
/// More than MPI's counts hold, and not a multiple of a page, a slab or a piece.
const BEYOND: usize = (1 << 31) + 4099;

fn long() -> bool {
    std::env::var_os("HYPERSLAB_LONG").is_some()
}

/// Limits and tiles of a role.
pub(crate) fn config(role: &str) -> Option<(Limits, Tiling)> {
    match role.split(' ').next() {
        // Many messages, each in many pieces.
        Some("pieces") => {
            let limits = Limits {
                message_bytes: 777,
                ..limits(2, 64 << 20)
            };
            Some((limits, Tiling::default()))
        }
        // Several tiles and tasks on each rank, but not one for each chunk.
        Some("many") => {
            let tiling = Tiling {
                elements: 4096,
                ..Tiling::default()
            };
            Some((limits(2, 64 << 20), tiling))
        }
        Some("beyond") => Some((limits(1, 6 << 30), Tiling::default())),
        _ => None,
    }
}

/// What a process holds.
#[derive(Clone, Copy, Debug)]
struct Held {
    rss_kib: u64,
    files: usize,
    threads: usize,
}

impl Held {
    fn of(process: &Path) -> Held {
        let status = std::fs::read_to_string(process.join("status")).unwrap();
        let rss = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .unwrap();
        Held {
            rss_kib: rss.trim().trim_end_matches(" kB").parse().unwrap(),
            files: std::fs::read_dir(process.join("fd")).unwrap().count(),
            threads: std::fs::read_dir(process.join("task")).unwrap().count(),
        }
    }
}

/// The ranks of this job, by their folders of `/proc`.
fn ranks() -> Vec<PathBuf> {
    let own = std::env::current_exe().unwrap();
    let mark = format!("{MARK}={}", std::env::var(MARK).unwrap());
    let is_rank = |process: &PathBuf| {
        let environment = std::fs::read(process.join("environ")).unwrap_or_default();
        let marked = environment
            .split(|byte| *byte == 0)
            .any(|variable| variable == mark.as_bytes());
        marked && std::fs::read_link(process.join("exe")).is_ok_and(|exe| exe == own)
    };
    let processes = std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .map(|entry| entry.path());
    let mut ranks: Vec<PathBuf> = processes
        .filter(|process| process.join("exe").exists())
        .filter(is_rank)
        .collect();
    // `self` and `thread-self` are numbers, too.
    ranks.retain(|process| {
        process
            .file_name()
            .is_some_and(|name| name.to_string_lossy().parse::<u32>().is_ok())
    });
    ranks.sort();
    ranks
}

/// Computes again and again: folds, exchanges, results that are kept and dropped, and an output each hundred times.
pub(crate) fn many(driver: &Driver, input: &str, count: usize) -> Result<()> {
    let folder = Path::new(input).parent().unwrap().to_owned();
    let ranks = ranks();
    assert_eq!(ranks.len(), 2);
    let held = || -> Vec<Held> { ranks.iter().map(|rank| Held::of(rank)).collect() };
    let (warm, mut before) = (count / 4, Vec::new());
    let mut firsts = [None, None];
    for turn in 0..count {
        if turn == warm {
            before = held();
        }
        let red = driver.open(input)?.var("red");
        let anomaly = (&red - red.mean("time")).array().clone();
        let fold = |of: &Array| {
            of.transpose(&[2, 0, 1])
                .std(&[0], 0)
                .sum(&[])
                .compute_block()
        };
        let found = match turn % 20 {
            0 => {
                let kept = anomaly.persist()?;
                let found = fold(&kept)?;
                kept.release()?;
                found
            }
            _ => fold(&anomaly)?,
        };
        let found = found.buffer().as_bytes().to_vec();
        // A fold of what is kept has tiles of its own, and so bits of its own.
        let first = &mut firsts[usize::from(turn % 20 == 0)];
        assert_eq!(
            *first.get_or_insert_with(|| found.clone()),
            found,
            "turn {turn}"
        );
        if turn % 100 == 0 {
            let out = folder.join("again.nc");
            (&red * 2.0).rename("v").save(&out)?;
            std::fs::remove_file(&out).map_err(Error::internal)?;
        }
    }
    for (rank, (before, after)) in before.iter().zip(held()).enumerate() {
        println!(
            "rank {rank}: {before:?}, after {} more {after:?}",
            count - warm
        );
        let grown = after.rss_kib.saturating_sub(before.rss_kib);
        // What the allocator and MPI move about, and the graph, which has a new source for each array that is kept.
        assert!(
            grown < 4096 + (count - warm) as u64 / 2,
            "rank {rank}: {before:?} {after:?}"
        );
        assert!(
            after.files < before.files + FEW && after.threads < before.threads + FEW,
            "rank {rank}: {before:?} {after:?}"
        );
    }
    Ok(())
}

/// A few exchanges and folds whose result is known.
pub(crate) fn known(driver: &Driver) -> Result<()> {
    let count = 60_000usize;
    let numbers = driver
        .arange(0i64, count as i64, 1i64)
        .reshape(&[200, 300])
        .persist()?;
    let turned = numbers.transpose(&[1, 0]).persist()?;
    let sum = (&turned * 2i64).sum(&[]).compute_block()?;
    match sum.as_slice::<i64>() {
        Some([sum]) if *sum == (count * (count - 1)) as i64 => Ok(()),
        other => Err(Error::internal(format!("a sum of {other:?}"))),
    }
}

/// An array of more than 2^31 elements of one byte, kept by the ranks and folded.
pub(crate) fn beyond(driver: &Driver) -> Result<()> {
    let bytes = (driver.arange(0i64, BEYOND as i64, 1i64) % 251i64)
        .astype(DType::U8)
        .persist()?;
    let sum = bytes.sum(&[]).compute_block()?;
    let (whole, rest) = (BEYOND as u64 / 251, BEYOND as u64 % 251);
    let expected = whole * (251 * 250 / 2) + rest * (rest - 1) / 2;
    let most = bytes.max(&[]).compute_block()?;
    match (sum.as_slice::<u64>(), most.as_slice::<u8>()) {
        (Some([sum]), Some([250])) if *sum == expected => Ok(()),
        other => Err(Error::internal(format!(
            "{other:?}, expected {expected} and 250"
        ))),
    }
}

/// One message of more than 2^31 bytes from rank 0 to rank 1, and a short one back.
pub(crate) fn long_message() -> Result<()> {
    launch(
        Fabric::Mpi,
        Limits::DEFAULT_MESSAGE_BYTES,
        |comm: &dyn Comm| {
            let other = 1 - comm.rank();
            let pattern: Vec<u8> = (0..=250).collect();
            if comm.rank() == 0 {
                let mut bytes = pattern.repeat(BEYOND.div_ceil(pattern.len()));
                bytes.truncate(BEYOND);
                let back = comm.exchange(vec![(other, bytes)], &[(other, 3)])?;
                assert_eq!(back, [[1, 2, 3]]);
            } else {
                let found = comm.exchange(vec![(other, vec![1, 2, 3])], &[(other, BEYOND)])?;
                assert_eq!(found[0].len(), BEYOND);
                let mut parts = found[0].chunks(pattern.len());
                assert!(parts.all(|part| *part == pattern[..part.len()]));
            }
            comm.barrier()
        },
    )
}

fn run(count: usize, role: &str, seconds: u32) -> Duration {
    let begin = Instant::now();
    let output = mpirun_within(count, seconds)
        .arg(std::env::current_exe().unwrap())
        .env(CHILD, role)
        .env(
            MARK,
            format!("{}-{}", std::process::id(), begin.elapsed().as_nanos()),
        )
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{role} on {count} ranks: {} {}",
        output.status,
        stderr(&output)
    );
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .for_each(|line| println!("  {line}"));
    begin.elapsed()
}

/// Computes in one launch: no rank's memory, files or threads grow.
pub(crate) fn computes() {
    let (_folder, input) = cube();
    let count = if long() { 10_000 } else { 500 };
    let took = run(2, &format!("many {} {count}", input.display()), 1800);
    println!("  {count} computes: {:.1} s", took.as_secs_f64());
}

/// Ranks start and stop, each time within a limit.
pub(crate) fn starts() {
    let counts: Vec<usize> = match long() {
        true => (0..200).map(|turn| turn % 16 + 1).collect(),
        false => vec![1, 2, 7, 16],
    };
    let mut worst = (Duration::ZERO, 0);
    for count in counts {
        worst = worst.max((run(count, "known", 60), count));
    }
    println!(
        "  the slowest: {} ranks, {:.1} s",
        worst.1,
        worst.0.as_secs_f64()
    );
    super::no_rank_is_left();
}

/// Messages in many pieces; with `HYPERSLAB_LONG=1` counts beyond 2^31 for real (about 5 GB of memory).
pub(crate) fn counts() {
    run(3, "pieces", 60);
    if long() {
        for role in ["beyond", "message"] {
            println!("  {role}: {:.1} s", run(2, role, 600).as_secs_f64());
        }
    }
}
