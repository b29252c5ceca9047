//! What a plan is going to cost: bytes and seconds per stage, and advice. Here because file indices and plans are both seen.

use crate::config::Limits;
use crate::geom::ChunkGrid;
use crate::io::{self, StorageIndex};
use crate::plan::{
    Advice, ArrayDecl, ArrayId, Estimate, FileRead, Machine, Plan, ReadyPlan, Stored, advice,
    estimate, file_reads,
};
use crate::spec::{FileId, SourceSpec};
use std::collections::HashMap;
use std::sync::Arc;

/// Chunks of a Zarr array that are looked at to guess the size of all.
const CHUNKS_SAMPLED: usize = 16;

/// What is known of the bytes that chunks take in their files.
#[derive(Debug, Default)]
pub struct StoredSizes {
    known: HashMap<(FileId, String), Known>,
}

#[derive(Debug)]
enum Known {
    Sizes(Vec<u32>),
    Part(f64, bool),
}

/// The costs of one run of a program.
#[derive(Clone, Debug)]
pub struct Forecast {
    /// What each stage reads.
    pub reads: Vec<Vec<FileRead>>,
    /// How long each takes.
    pub estimate: Estimate,
    /// What would make it cheaper.
    pub advice: Vec<Advice>,
}

impl StoredSizes {
    /// Looks into the indices of all files that the plans read: exact for HDF5 and NetCDF, a sample for Zarr in a folder.
    pub fn of(plans: &[ReadyPlan]) -> Self {
        let mut sizes = StoredSizes::default();
        for array in plans.iter().flat_map(|plan| &plan.plan().arrays) {
            if let ArrayDecl::File(spec) = array {
                let key = (spec.file.clone(), spec.variable.clone());
                sizes.known.entry(key).or_insert_with(|| known(spec));
            }
        }
        sizes
    }

    /// What is known of an array of `plan`.
    pub fn get(&self, plan: &Plan, array: ArrayId) -> Stored<'_> {
        let ArrayDecl::File(spec) = plan.array(array) else {
            return Stored::Part(1.0, false);
        };
        match self.known.get(&(spec.file.clone(), spec.variable.clone())) {
            Some(Known::Sizes(sizes)) => Stored::Sizes(sizes),
            Some(Known::Part(part, exact)) => Stored::Part(*part, *exact),
            None => Stored::Part(1.0, false),
        }
    }
}

/// What the file's index says; a file that cannot be read is told of when the job runs.
fn known(spec: &SourceSpec) -> Known {
    let bound = Known::Part(1.0, false);
    let Ok(index) = io::index(spec) else {
        return bound;
    };
    match index {
        StorageIndex::Chunked {
            sizes, addresses, ..
        } => {
            let written = sizes.into_iter().zip(addresses);
            Known::Sizes(
                written
                    .map(|(size, at)| if at == u64::MAX { 0 } else { size })
                    .collect(),
            )
        }
        StorageIndex::Contiguous { address: None } => Known::Part(0.0, true),
        StorageIndex::Contiguous { .. } => Known::Part(1.0, true),
        // With the header.
        StorageIndex::Compact(_) => Known::Part(0.0, true),
        StorageIndex::References { ref chunks, .. } => {
            let count =
                ChunkGrid::regular(&spec.shape, &spec.fetch_chunk()).map_or(0, |grid| grid.count());
            let mut sizes = vec![0u32; count];
            for (number, _, range) in chunks {
                let size = range.and_then(|(_, bytes)| u32::try_from(bytes).ok());
                match (size, sizes.get_mut(*number as usize)) {
                    (Some(size), Some(place)) => *place = size,
                    _ => return bound,
                }
            }
            Known::Sizes(sizes)
        }
        StorageIndex::Keys if io::is_url(&spec.file.path).is_none() => {
            sampled(spec, index).unwrap_or(bound)
        }
        StorageIndex::Keys | StorageIndex::Library => bound,
    }
}

/// A few chunks of a folder, from all over the array.
fn sampled(spec: &SourceSpec, index: StorageIndex) -> Option<Known> {
    let source = io::open_source(spec, Arc::new(index)).ok()?;
    let grid = source.grid();
    let count = grid.count();
    let step = count.div_ceil(CHUNKS_SAMPLED).max(1);
    let (mut stored, mut plain, mut raw) = (0u64, 0u64, Vec::new());
    for number in (step / 2..count).step_by(step) {
        let chunk = grid.position(number);
        source.fetch(&chunk, &mut raw).ok()?;
        stored += raw.len() as u64;
        plain += (grid.region(&chunk).elements() * spec.dtype.size()) as u64;
    }
    (plain > 0).then(|| Known::Part(stored as f64 / plain as f64, false))
}

/// The costs of one plan.
pub fn forecast(
    ready: &ReadyPlan,
    sizes: &StoredSizes,
    machine: &Machine<'_>,
    limits: &Limits,
) -> Forecast {
    let plan = ready.plan();
    let reads: Vec<Vec<FileRead>> = (0..plan.stages.len())
        .map(|stage| file_reads(ready, stage, &|array| sizes.get(plan, array)))
        .collect();
    let estimate = estimate(ready, &reads, machine);
    let advice = advice(ready, &reads, &estimate, machine, limits);
    Forecast {
        reads,
        estimate,
        advice,
    }
}
