//! What each stage reads of each file: which chunks its tiles touch, how often, and how much of them it needs.
//!
//! A plan knows chunks by their places alone. How many bytes each takes in the file is in the file's index, which lies beside the
//! plan: who has it says so by [`Stored`].

use super::decoded::{Touched, touched};
use super::plan::{ArrayDecl, ArrayId, Make, Stage};
use super::reuse::Spared;
use super::validate::ReadyPlan;
use crate::geom::{ChunkGrid, Region};

/// What is known of the bytes that a variable's chunks take in its file.
#[derive(Clone, Copy, Debug)]
pub enum Stored<'a> {
    /// Of every chunk, in row-major order of their grid.
    Sizes(&'a [u32]),
    /// About this part of what is decoded; `true`: exactly, as of what is not packed (1) or was never written (0).
    Part(f64, bool),
}

/// What a stage reads of one variable of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct FileRead {
    /// The variable.
    pub array: ArrayId,
    /// Bytes that are decoded, chunks as often as they are.
    pub decoded_bytes: u64,
    /// Bytes that the stage needs, each once: of elements that the program looks at, or of the box around them.
    pub needed_bytes: u64,
    /// Bytes that are read from the file.
    pub read_bytes: u64,
    /// The bytes that are read are known, and not only guessed or bounded.
    pub exact: bool,
    /// Chunks that are read, as often as they are.
    pub chunks: u64,
    /// Per axis: how many times as many indices are decoded as are needed; empty where only the whole is known.
    pub along: Vec<f64>,
}

/// What stage `number` reads, per variable; `stored` tells of the file of an array what is known.
pub fn file_reads<'a>(
    ready: &ReadyPlan,
    number: usize,
    stored: &dyn Fn(ArrayId) -> Stored<'a>,
) -> Vec<FileRead> {
    let plan = ready.plan();
    let Some(Stage::Pass(pass)) = plan.stages.get(number) else {
        return Vec::new();
    };
    let mut reads: Vec<FileRead> = Vec::new();
    for (slot, touched) in touched(plan, pass) {
        let Make::Load(array) = pass.slots[slot].make else {
            continue;
        };
        let ArrayDecl::File(spec) = plan.array(array) else {
            continue;
        };
        let Ok(grid) = ChunkGrid::regular(&spec.shape, &spec.fetch_chunk()) else {
            continue;
        };
        let element = spec.dtype.size() as u64;
        let mut read = FileRead {
            array,
            decoded_bytes: touched.elements(&grid).saturating_mul(element),
            needed_bytes: touched.needed().saturating_mul(element),
            read_bytes: 0,
            exact: touched.is_exact(),
            chunks: touched.chunks(),
            along: touched.along(&grid),
        };
        let known = stored(array);
        if let Stored::Sizes(sizes) = known {
            read.read_bytes = touched.sum(&grid, &|number, _| {
                u64::from(sizes.get(number).copied().unwrap_or(0))
            });
        }
        // What an earlier stage left decoded.
        let left = |spared: &&Spared| (spared.array, spared.stage) == (array, number);
        for spared in ready.spared().iter().filter(left) {
            read.decoded_bytes = (read.decoded_bytes).saturating_sub(spared.elements * element);
            read.chunks = read.chunks.saturating_sub(spared.chunks);
            let reuse = plan.reuse.iter().find(|reuse| reuse.array == array);
            if let (Stored::Sizes(sizes), Some(reuse)) = (known, reuse) {
                plan.each_spared(reuse, number, &mut |chunk, _, times| {
                    let size = u64::from(sizes.get(chunk).copied().unwrap_or(0));
                    read.read_bytes = read.read_bytes.saturating_sub(times * size);
                });
            }
        }
        if let Stored::Part(part, exact) = known {
            read.read_bytes = (read.decoded_bytes as f64 * part).round() as u64;
            read.exact &= exact;
        }
        match reads.iter_mut().find(|other| other.array == array) {
            None => reads.push(read),
            Some(other) => {
                other.decoded_bytes += read.decoded_bytes;
                other.needed_bytes = other.needed_bytes.max(read.needed_bytes);
                other.read_bytes += read.read_bytes;
                other.exact &= read.exact;
                other.chunks += read.chunks;
            }
        }
    }
    reads
}

impl Touched {
    /// Σ over the chunks that are touched, as often as they are, of what `each` says of a chunk's number and place.
    fn sum(&self, grid: &ChunkGrid, each: &dyn Fn(usize, &[usize]) -> u64) -> u64 {
        match self {
            Touched::ByAxis { times, over, .. } => {
                let lists: Vec<Vec<(usize, u64)>> = times
                    .iter()
                    .map(|along| {
                        let all = along.iter().enumerate();
                        all.filter(|(_, n)| **n > 0).map(|(k, n)| (k, *n)).collect()
                    })
                    .collect();
                let mut sum = 0u64;
                let all = crate::geom::positions(lists.iter().map(|list| 0..list.len()).collect());
                let mut place = vec![0; lists.len()];
                for at in all {
                    let mut often = *over;
                    for (axis, k) in at.iter().enumerate() {
                        place[axis] = lists[axis][*k].0;
                        often *= lists[axis][*k].1;
                    }
                    sum += often * each(grid.linear(&place), &place);
                }
                sum
            }
            Touched::ByTile {
                needs,
                count,
                looked_at,
                ..
            } => {
                let of_need = |need: &Region| {
                    let chunks = grid.overlapping(need);
                    chunks
                        .map(|chunk| each(grid.linear(&chunk), &chunk))
                        .sum::<u64>()
                };
                let sum: u128 = needs.iter().map(|need| u128::from(of_need(need))).sum();
                (sum * *count as u128 / (*looked_at).max(1) as u128) as u64
            }
        }
    }
}
