//! Outputs before they have their names: where they are written, and where their pieces are noted.

use super::folder::part_name;
use super::log::Log;
use super::record::Record;
use crate::io::manifest::{Manifest, Piece};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Under which name an output is written until it is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// The name.
    pub part: PathBuf,
    /// It is there already, from an earlier start of the same run.
    pub adopted: bool,
}

impl Unfinished {
    /// A new name beside the output; that of the run with this token, or of none.
    pub fn new(path: &Path, token: Option<&str>) -> Self {
        Unfinished {
            // What has no name is refused where it is created.
            part: part_name(path, token).unwrap_or_else(|| path.to_owned()),
            adopted: false,
        }
    }
}

/// Where pieces are noted when they are written.
#[derive(Clone)]
pub struct Noting {
    /// Number of the output.
    pub file: u32,
    /// The log of this rank.
    pub log: Arc<Log>,
}

impl Noting {
    pub(in crate::io) fn note(&self, piece: &Piece, address: u64) {
        self.log.note(&Record::Piece {
            file: self.file,
            piece: piece.clone(),
            address,
        });
    }
}

/// The digest of the run that wrote a complete output; `None` when nothing is there, or nothing that says so.
pub fn finished_run(path: &Path) -> Option<String> {
    let manifest = match path.is_dir() {
        true => Manifest::inside(path),
        false => Manifest::behind(&File::open(path).ok()?),
    };
    let manifest = manifest.ok()??.ok()?;
    (!manifest.run.is_empty()).then_some(manifest.run)
}
