//! Outputs that cannot be written: no room for them, no permission, no such folder. Under every fabric.
//!
//! A full disk is played by the limit of file sizes, on one rank of the job: the same calls fail, a plain container allows
//! it, and no other program suffers. Permissions do not bind root: ranks give up that power, and remain root elsewhere.

use super::{CHILD, THREADS, left_in, ranks_with, stderr};
use hyperslab::block::Block;
use hyperslab::comm::launcher_rank;
use hyperslab::driver::Driver;
use hyperslab::error::Fault;
use hyperslab::labelled::DataArray;
use hyperslab::{Error, Result};
use ndarray::ArrayD;
use rustix::process::{Resource, Rlimit, setrlimit};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Instant;

/// `RANK:BYTES`: no file of this rank may grow beyond so many bytes.
pub(crate) const ROOM: &str = "HYPERSLAB_FAULTS_ROOM";
/// Permissions bind the ranks, also those of root.
pub(crate) const BOUND: &str = "HYPERSLAB_FAULTS_BOUND";

/// More than the 4 MiB that Open MPI shares with each rank through a file, less than the 9.2 MB of `noise`.
const ROOM_BYTES: u64 = 6 << 20;
const SHAPE: [usize; 3] = [6, 480, 400];

/// What the environment takes from a rank before it starts.
pub(crate) fn constrain() {
    if let Ok(text) = std::env::var(ROOM) {
        let (rank, bytes) = text.split_once(':').unwrap();
        if launcher_rank().unwrap_or(0) == rank.parse::<usize>().unwrap() {
            let limit = Rlimit {
                current: bytes.parse().ok(),
                maximum: None,
            };
            setrlimit(Resource::Fsize, limit).unwrap();
        }
    }
    if std::env::var_os(BOUND).is_some() {
        let mut sets = capabilities(None).unwrap();
        let powers = CapabilitySet::DAC_OVERRIDE | CapabilitySet::DAC_READ_SEARCH;
        for set in [
            &mut sets.effective,
            &mut sets.permitted,
            &mut sets.inheritable,
        ] {
            set.remove(powers);
        }
        set_capabilities(None, sets).unwrap();
    }
}

/// Numbers that no compression makes smaller, contiguous or in compressed chunks.
fn noise(driver: &Driver, layout: &str) -> DataArray {
    let mut state = 1u64;
    let values = ArrayD::from_shape_simple_fn(&SHAPE[..], || {
        // xorshift64, after Marsaglia 2003.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        f64::from_bits(state >> 2 | 1 << 61)
    });
    let chunks = [1, 120, 400];
    let array = driver.from_ndarray(values).chunk(&chunks);
    let noise = DataArray::new(array, &["time", "y", "x"], Vec::new()).rename("v");
    match layout {
        "packed" => noise.with_encoding(super::support::files::packed(&chunks)),
        _ => noise,
    }
}

pub(crate) fn save_noise(driver: &Driver, layout: &str, output: &str) -> Result<()> {
    noise(driver, layout).save(output)
}

/// A program that goes on after its first output failed: it writes a part of it elsewhere and reads that.
pub(crate) fn save_part_instead(driver: &Driver, layout: &str, output: &str) -> Result<()> {
    let error = save_noise(driver, layout, output).unwrap_err();
    assert_eq!(error.fault(), Fault::Io, "{error}");
    // A file that is removed but open would keep its room on the disk.
    let open: Vec<_> = std::fs::read_dir("/proc/self/fd")
        .map_err(Error::internal)?
        .flatten()
        .filter_map(|entry| std::fs::read_link(entry.path()).ok())
        .filter(|to| to.to_string_lossy().contains("out.nc"))
        .collect();
    assert!(open.is_empty(), "still open: {open:?}");
    let left = Path::new(output).with_file_name("part.nc");
    let part = noise(driver, layout).isel([("time", (0..3).into())]);
    part.save(&left)?;
    let again = driver.open(&left)?.var("v").compute_block()?;
    let expected = part.compute_block()?;
    let bits = |block: &Block| block.buffer().as_bytes().to_vec();
    assert!(bits(&again) == bits(&expected));
    std::fs::remove_file(&left).map_err(Error::internal)
}

fn alone(role: &str, threads: Option<usize>, set: &[(&str, &str)]) -> Output {
    let mut command = Command::new("timeout");
    command.args(["-k", "5", "30"]);
    command.arg(std::env::current_exe().unwrap());
    command.env(CHILD, role).envs(set.iter().copied());
    if let Some(count) = threads {
        command.env(THREADS, count.to_string());
    }
    command.output().unwrap()
}

pub(crate) fn disk_full() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.nc");
    let check = |what: &str, output: &Output, begin: Instant, place: &str| {
        let text = stderr(output);
        assert_eq!(output.status.code(), Some(74), "{what}: {text}");
        for part in ["save: writing ", "out.nc", "File too large", place] {
            assert!(text.contains(part), "{what}: {part:?} is not in: {text}");
        }
        assert_eq!(text.matches("hyperslab: ").count(), 1, "{what}: {text}");
        assert!(begin.elapsed().as_secs() < 15, "{what}");
        assert!(
            left_in(&folder).is_empty(),
            "{what}: {:?}",
            left_in(&folder)
        );
        let line = text.lines().find(|line| line.contains("hyperslab: "));
        println!("  {what}: {}", line.unwrap_or_default());
    };
    for layout in ["contiguous", "packed"] {
        let role = format!("noise {layout} {}", out.display());
        for threads in [None, Some(3)] {
            let begin = Instant::now();
            let output = alone(&role, threads, &[(ROOM, &format!("0:{ROOM_BYTES}"))]);
            let what = format!("{layout}, {} threads", threads.unwrap_or(1));
            check(&what, &output, begin, "");
        }
        for (count, rank) in [(1, 0), (2, 0), (2, 1), (3, 0), (3, 2)] {
            let begin = Instant::now();
            let (output, _) = ranks_with(count, &role, &[(ROOM, &format!("{rank}:{ROOM_BYTES}"))]);
            let what = format!("{layout}, rank {rank} of {count}");
            if layout == "packed" && rank > 0 {
                // Rank 0 alone writes compressed chunks: what others may not do is no matter.
                assert!(output.status.success(), "{what}: {}", stderr(&output));
                std::fs::remove_file(&out).unwrap();
                continue;
            }
            let place = match count {
                1 => String::new(),
                _ => format!("on rank {rank} of {count}, host"),
            };
            check(&what, &output, begin, &place);
        }
        // The error is one that a program can live with.
        let role = format!("part_instead {layout} {}", out.display());
        let room = format!("0:{ROOM_BYTES}");
        let outputs = [
            alone(&role, None, &[(ROOM, &room)]),
            ranks_with(2, &role, &[(ROOM, &room)]).0,
        ];
        for output in outputs {
            assert!(output.status.success(), "{layout}: {}", stderr(&output));
            assert!(left_in(&folder).is_empty(), "{:?}", left_in(&folder));
        }
    }
    super::no_rank_is_left();
}

/// Folders that are missing or closed, and an input that may not be read.
pub(crate) fn permissions() {
    let (folder, input) = super::cube();
    let closed = folder.path().join("closed");
    std::fs::create_dir(&closed).unwrap();
    let secret = folder.path().join("secret.nc");
    std::fs::copy(&input, &secret).unwrap();
    let mode = |path: &Path, mode| {
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    };
    mode(&closed, 0o555);
    mode(&secret, 0o000);
    let copy = |from: &Path, to: &Path| format!("copy {} {}", from.display(), to.display());
    let missing = folder.path().join("no/such");
    let cases = [
        (
            copy(&input, &closed.join("out.nc")),
            73,
            vec![
                "save: ",
                "closed/out.nc",
                "not writable",
                "Permission denied",
            ],
        ),
        (
            copy(&input, &missing.join("out.nc")),
            73,
            vec!["save: ", "no/such/out.nc", "does not exist; create it"],
        ),
        (
            copy(&secret, &folder.path().join("out.nc")),
            66,
            vec!["secret.nc", "ermission"],
        ),
    ];
    for (role, code, parts) in cases {
        let bound = [(BOUND, "1")];
        let outputs = [
            ("alone", alone(&role, None, &bound)),
            ("three threads", alone(&role, Some(3), &bound)),
            ("two ranks", ranks_with(2, &role, &bound).0),
        ];
        for (what, output) in outputs {
            let text = stderr(&output);
            assert_eq!(output.status.code(), Some(code), "{what}: {text}");
            for part in &parts {
                assert!(text.contains(part), "{what}: {part:?} is not in: {text}");
            }
            assert_eq!(text.matches("hyperslab: ").count(), 1, "{what}: {text}");
            println!("  {what}: {}", text.lines().next().unwrap_or_default());
        }
    }
    assert_eq!(std::fs::read_dir(&closed).unwrap().count(), 0);
    let mut left = left_in(&folder);
    left.sort();
    assert_eq!(left, ["closed", "secret.nc"]);
    super::no_rank_is_left();
}
