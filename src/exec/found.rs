//! What the journal of an interrupted run says is finished, as rank 0 reads it.

use super::done::StoredResult;
use crate::geom::Region;
use crate::io::journal::{Attempt, Found, Record, StoredState, good_layout};
use crate::io::{Created, Piece, Place, Placement};
use crate::plan::{Plan, SinkTarget, Stage};
use crate::spec::{OutputSpec, VariableSpec};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// What the journal says is finished, not yet compared with checksums.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Work {
    /// Unfinished outputs of earlier starts.
    pub(super) parts: Vec<PathBuf>,
    /// Output, number of the part, address, piece.
    pub(super) pieces: Vec<(u32, u32, u64, Piece)>,
    pub(super) states: Vec<(u32, StoredState)>,
    pub(super) results: Vec<StoredResult>,
}

/// Whether an unfinished NetCDF-4 file can be written on: the library was done with it when it was noted, and it is as it was then.
pub(super) fn writes_on(found: &Found, number: usize, part: &Path, spec: &OutputSpec) -> bool {
    let contiguous = |variable: &VariableSpec| !variable.encoding.is_chunked();
    if !spec.variables.iter().all(contiguous) {
        return false;
    }
    let of_part = |start: u32| {
        let attempt = found
            .attempts
            .iter()
            .find(|attempt| attempt.number == start);
        attempt.is_some_and(|attempt| attempt.parts.get(number).is_some_and(|p| p == part))
    };
    let logs = found.logs.iter().filter(|(start, _)| of_part(*start));
    let last = logs
        .flat_map(|(_, records)| records)
        .filter_map(|record| match record {
            Record::Layout {
                file,
                end,
                crc32c,
                addresses,
            } if *file as usize == number => Some((*end, *crc32c, addresses.as_slice())),
            _ => None,
        })
        .next_back();
    // What cannot be read is copied, which tells why it cannot.
    last.is_some_and(|layout| good_layout(part, spec, layout).unwrap_or(false))
}

/// What the logs say is finished, each thing once: of several starts the last word counts.
pub(super) fn work(plan: &Plan, created: &[Created], now: &Attempt, found: Found) -> Work {
    let mut work = Work::default();
    for part in found.attempts.iter().flat_map(|attempt| &attempt.parts) {
        if !work.parts.contains(part) {
            work.parts.push(part.clone());
        }
    }
    let mut pieces: HashMap<(u32, u32, Place), (u32, u64, Piece)> = HashMap::new();
    for (start, records) in found.logs {
        let Some(attempt) = found.attempts.iter().find(|a| a.number == start) else {
            continue;
        };
        let number = |part: &PathBuf| work.parts.iter().position(|known| known == part);
        let parts: Vec<u32> = (attempt.parts.iter())
            .map(|part| number(part).map_or(u32::MAX, |n| n as u32))
            .collect();
        let usable = attempt.tiles == now.tiles;
        let mut states: HashMap<(u32, u32), Vec<StoredState>> = HashMap::new();
        for record in records {
            match record {
                Record::Piece {
                    file,
                    piece,
                    address,
                } => {
                    let Some(part) = parts.get(file as usize) else {
                        continue;
                    };
                    // Chunk files of an earlier folder are gone with it.
                    let zarr = plan
                        .files
                        .get(file as usize)
                        .is_some_and(|f| f.format.is_zarr());
                    let here = now.parts.get(file as usize);
                    if zarr && here != work.parts.get(*part as usize) {
                        continue;
                    }
                    let key = (file, piece.variable, piece.place.clone());
                    pieces.insert(key, (*part, address, piece));
                }
                Record::Result {
                    stage,
                    sink,
                    start,
                    shape,
                    blob,
                } if usable => work.results.push(StoredResult {
                    stage,
                    sink,
                    start,
                    shape,
                    blob,
                }),
                Record::States {
                    stage,
                    lane,
                    states: of_lane,
                } if usable => {
                    states.insert((stage, lane), of_lane);
                }
                Record::Layout { .. } | Record::Result { .. } | Record::States { .. } => {}
            }
        }
        for ((stage, _), states) in states {
            work.states
                .extend(states.into_iter().map(|state| (stage, state)));
        }
    }
    for ((file, _, _), (part, address, piece)) in pieces {
        if fits(plan, created, file, &piece) {
            work.pieces.push((file, part, address, piece));
        }
    }
    // Neighbours in the file are neighbours in the list.
    work.pieces
        .sort_by(|a, b| (a.0, a.1, a.2, &a.3.place).cmp(&(b.0, b.1, b.2, &b.3.place)));
    work
}

/// Whether a piece is one of those that this plan writes: boxes of contiguous variables are those of tiles, which may be others with
/// another budget.
fn fits(plan: &Plan, created: &[Created], file: u32, piece: &Piece) -> bool {
    let variable = piece.variable as usize;
    let placement = created
        .get(file as usize)
        .and_then(|c| c.variables.get(variable));
    match (placement, &piece.place) {
        (Some(Placement::Chunked { .. } | Placement::Files { .. }), Place::Chunk(_)) => true,
        (Some(Placement::Contiguous { .. }), Place::Region(start, shape)) => {
            let target = SinkTarget::Write {
                file,
                variable: piece.variable,
            };
            let region = Region::new(start.clone(), shape.clone());
            plan.stages.iter().any(|stage| match stage {
                Stage::Pass(pass) => pass.sinks.iter().any(|sink| {
                    let grid = pass.piece_grid(sink);
                    sink.targets.contains(&target)
                        && Region::whole(&grid.shape()).contains(&region)
                        && grid.overlapping(&region).count() == 1
                        && grid
                            .overlapping(&region)
                            .all(|at| grid.region(&at) == region)
                }),
                Stage::Write(_) => false,
            })
        }
        _ => false,
    }
}
