//! Scratch files that cannot be made, written or seen: one error on all ranks, nothing left, where it can be helped.

use super::unwritable::{BOUND, ROOM};
use super::{left_in, ranks, ranks_with, stderr};
use hyperslab::config::Limits;
use hyperslab::driver::Driver;
use hyperslab::{Error, Result};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

/// Lengths of what is folded along its last axis: 8 MiB are stored, and read in both directions.
const SHAPE: [usize; 3] = [1024, 1024, 2];

/// The budget of a role.
pub(crate) fn limits(role: &str) -> Limits {
    let kib = role
        .strip_prefix("turn ")
        .and_then(|kib| kib.parse::<u64>().ok());
    super::support::files::limits(2, kib.map_or(64 << 20, |kib| kib << 10))
}

/// A fold, and a pass that reads it beside its transpose.
pub(crate) fn turn(driver: &Driver, _kib: &str) -> Result<()> {
    let fold = driver.ones(&SHAPE).chunk(&[8, 1024, 2]).sum(&[2]);
    let both = &fold + fold.transpose(&[1, 0]) * 2.0;
    let sum = both.sum(&[]).compute_block()?;
    match sum.as_slice::<f64>() {
        Some([sum]) if *sum == (6 * SHAPE[0] * SHAPE[1]) as f64 => Ok(()),
        other => Err(Error::internal(format!("a sum of {other:?}"))),
    }
}

const ROLE: &str = "turn 3000";

pub(crate) fn faults() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().display().to_string();
    let set = |more: &[(&'static str, &str)]| -> Vec<(&'static str, String)> {
        let mut all = vec![(Limits::SCRATCH_VARIABLE, at.clone())];
        all.extend(
            more.iter()
                .map(|(name, value)| (*name, (*value).to_owned())),
        );
        all
    };
    let run = |count: usize, set: &[(&'static str, String)]| {
        let set: Vec<(&str, &str)> = set.iter().map(|(n, v)| (*n, v.as_str())).collect();
        ranks_with(count, ROLE, &set)
    };
    for count in [1, 3] {
        let (output, _) = run(count, &set(&[]));
        assert!(output.status.success(), "{count}: {}", stderr(&output));
        assert!(left_in(&folder).is_empty(), "{:?}", left_in(&folder));
    }
    // A write that fails, on any rank; and a disk that is full for one.
    for (count, rank, more, expected, code) in [
        (
            4,
            0,
            ("HYPERSLAB_FAULT", "error:scratch:0"),
            "injected at scratch",
            70,
        ),
        (
            4,
            3,
            ("HYPERSLAB_FAULT", "error:scratch:3"),
            "injected at scratch",
            70,
        ),
        (
            4,
            2,
            ("HYPERSLAB_FAULT", "panic:scratch:2"),
            "injected at scratch",
            70,
        ),
        (1, 0, (ROOM, "0:6291456"), "File too large", 74),
        (3, 2, (ROOM, "2:6291456"), "File too large", 74),
    ] {
        let what = format!("{more:?} on {count} ranks");
        let (output, took) = run(count, &set(&[more]));
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{what}: {text}");
        assert_eq!(text.matches(expected).count(), 1, "{what}: {text}");
        assert!(
            count == 1 || text.contains(&format!("rank {rank} of {count}")),
            "{what}: {text}"
        );
        assert!(took < Duration::from_secs(10), "{what}: {took:?}");
        assert!(
            left_in(&folder).is_empty(),
            "{what}: {:?}",
            left_in(&folder)
        );
    }
    // Killed while it writes: the files have lost their names before.
    let (output, took) = run(3, &set(&[("HYPERSLAB_FAULT", "kill:scratch:1")]));
    assert!(
        !output.status.success() && took < Duration::from_secs(10),
        "{took:?}"
    );
    assert!(left_in(&folder).is_empty(), "{:?}", left_in(&folder));
}

pub(crate) fn folders() {
    // Without a folder the refusal names the option.
    let (output, _) = ranks(3, ROLE, None);
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(71), "{text}");
    assert!(
        text.contains("let 8.00 MiB of stored results go to files"),
        "{text}"
    );
    assert!(text.contains("`--scratch DIR`"), "{text}");
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("none");
    let locked = folder.path().join("locked");
    std::fs::create_dir(&locked).unwrap();
    std::fs::set_permissions(&locked, PermissionsExt::from_mode(0o500)).unwrap();
    for (scratch, expected) in [(&missing, "No such file"), (&locked, "Permission denied")] {
        let scratch = scratch.display().to_string();
        let set = [(Limits::SCRATCH_VARIABLE, scratch.as_str()), (BOUND, "1")];
        let (output, _) = ranks_with(3, ROLE, &set);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(73), "{text}");
        for part in [expected, scratch.as_str(), "scratch files"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert_eq!(text.matches("hyperslab: ").count(), 1, "{text}");
    }
}
