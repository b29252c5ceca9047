//! A finished hierarchy takes its name, also where an older one has it.
//!
//! Laws: only a Zarr hierarchy is ever replaced; a finished hierarchy is never removed because it could not be renamed.

use super::store::root_id;
use crate::error::{Error, Fault, Result};
use crate::io::save::{directory, output};
use crate::spec::OutputSpec;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use std::path::Path;

/// Whether a hierarchy can be created at a path where something is already.
pub(in crate::io) fn check_existing(spec: &OutputSpec) -> Result<()> {
    let path = &spec.path;
    if path.symlink_metadata().is_err() {
        return Ok(());
    }
    if !spec.overwrite {
        return Err(output(path, "it exists already; --overwrite replaces it"));
    }
    // Whoever asked to replace an output did not ask to delete a folder of something else.
    match root_id(path) {
        Ok(Some(_)) => Ok(()),
        _ => Err(output(
            path,
            "it exists and is no Zarr hierarchy; only a hierarchy is replaced, remove it yourself",
        )),
    }
}

/// Puts the folder `new` in the place of the hierarchy at `path`, and removes that.
pub(super) fn replace(new: &Path, path: &Path) -> Result<()> {
    replace_by(new, path, &System)
}

/// What of the file system can fail here.
trait Renames {
    fn exchange(&self, a: &Path, b: &Path) -> rustix::io::Result<()>;
    fn rename(&self, from: &Path, to: &Path) -> std::io::Result<()>;
}

struct System;

impl Renames for System {
    fn exchange(&self, a: &Path, b: &Path) -> rustix::io::Result<()> {
        renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE)
    }

    fn rename(&self, from: &Path, to: &Path) -> std::io::Result<()> {
        std::fs::rename(from, to)
    }
}

fn replace_by(new: &Path, path: &Path, system: &impl Renames) -> Result<()> {
    let failed = |why: &dyn std::fmt::Display| {
        Error::new(
            Fault::Io,
            format!(
                "save: replacing {} failed: {why}; what was written is complete, at {}",
                path.display(),
                new.display()
            ),
        )
    };
    // One step: at no time is there neither the old hierarchy nor the new one.
    let old = match system.exchange(new, path) {
        Ok(()) => new.to_owned(),
        // Some parallel file systems, and all of NFS, have no such step: two, and back when the second fails.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            let aside = match new.file_name() {
                Some(name) => {
                    let mut name = name.to_owned();
                    name.push(".old");
                    directory(path).join(name)
                }
                None => return Err(failed(&"it has no name")),
            };
            // Left over by an earlier process of this number.
            let _ = std::fs::remove_dir_all(&aside);
            system.rename(path, &aside).map_err(|e| failed(&e))?;
            if let Err(e) = system.rename(new, path) {
                return Err(match system.rename(&aside, path) {
                    Ok(()) => failed(&e),
                    Err(back) => failed(&format!(
                        "{e}; nor could the old one be put back ({back}): it is at {}",
                        aside.display()
                    )),
                });
            }
            aside
        }
        Err(e) => return Err(failed(&e)),
    };
    std::fs::remove_dir_all(&old).map_err(|e| {
        Error::new(
            Fault::Io,
            format!(
                "save: {} is complete, but what it replaced could not be removed from {}: {e}",
                path.display(),
                old.display()
            ),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// A file system without exchange, which fails from the given rename on.
    struct Failing {
        exchange: Errno,
        good: Cell<usize>,
    }

    impl Renames for Failing {
        fn exchange(&self, _: &Path, _: &Path) -> rustix::io::Result<()> {
            Err(self.exchange)
        }

        fn rename(&self, from: &Path, to: &Path) -> std::io::Result<()> {
            match self.good.replace(self.good.get().saturating_sub(1)) {
                0 => Err(std::io::ErrorKind::StorageFull.into()),
                // The second one fails alone.
                102 => Err(std::io::ErrorKind::StorageFull.into()),
                _ => std::fs::rename(from, to),
            }
        }
    }

    fn names(dir: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(dir).unwrap();
        let mut names: Vec<String> = entries
            .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    fn case(exchange: Errno, good: usize) -> (Result<()>, Vec<String>, Option<String>) {
        let dir = tempfile::tempdir().unwrap();
        let (new, path) = (dir.path().join(".x.part"), dir.path().join("x.zarr"));
        for (folder, text) in [(&new, "new"), (&path, "old")] {
            std::fs::create_dir(folder).unwrap();
            std::fs::write(folder.join("zarr.json"), text).unwrap();
        }
        let good = Cell::new(good);
        let result = replace_by(&new, &path, &Failing { exchange, good });
        let there = std::fs::read_to_string(path.join("zarr.json")).ok();
        (result, names(dir.path()), there)
    }

    #[test]
    fn without_exchange_the_old_one_is_moved_aside_and_comes_back_on_failure() {
        for errno in [Errno::INVAL, Errno::NOSYS, Errno::OPNOTSUPP] {
            let (result, names, there) = case(errno, 100);
            result.unwrap();
            assert_eq!(
                (names, there.as_deref()),
                (vec!["x.zarr".into()], Some("new"))
            );
        }
        let both = vec![".x.part".to_owned(), "x.zarr".to_owned()];
        // Another error, or the first rename failing: nothing moved.
        for (errno, good) in [(Errno::ACCESS, 100), (Errno::INVAL, 0)] {
            let (result, names, there) = case(errno, good);
            let said = result.unwrap_err().to_string();
            assert!(
                said.contains("is complete, at") && said.contains(".x.part"),
                "{said}"
            );
            assert_eq!((&names, there.as_deref()), (&both, Some("old")));
        }
        // The second one failing: the old one is back.
        let (result, names, there) = case(Errno::INVAL, 103);
        let said = result.unwrap_err().to_string();
        assert!(said.contains("is complete, at"), "{said}");
        assert_eq!((names, there.as_deref()), (both, Some("old")));
        // And it cannot be put back either: both are named.
        let (result, names, there) = case(Errno::INVAL, 1);
        let said = result.unwrap_err().to_string();
        assert!(said.contains("nor could the old one be put back"), "{said}");
        assert_eq!(names, [".x.part", ".x.part.old"]);
        assert_eq!(there, None);
    }
}
