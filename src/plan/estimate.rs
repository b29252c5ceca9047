//! How long a plan takes on a machine: pure arithmetic over plan and profile.
//!
//! A stage of a rank reads, decodes and computes on its threads, tile after tile; what comes from the disk is read while others are
//! decoded. Then partial results and pieces travel, and results are packed and written. The stage takes as long as its busiest
//! rank.

use super::cost::{Compute, compute};
use super::plan::{ArrayDecl, Plan, SinkTarget, Stage};
use super::profile::{CodecRate, Profile};
use super::reads::FileRead;
use super::traffic::{RankTraffic, traffic};
use super::validate::ReadyPlan;
use crate::spec::{Compression, Filter, Layout, VariableSpec};

/// Where the files of a job are when it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilesAre {
    /// On disks.
    OnDisk,
    /// In the memory of the system, since they were read or written a while ago.
    Cached,
}

/// The machine that a plan is to run on.
#[derive(Clone, Debug)]
pub struct Machine<'a> {
    /// Its rates.
    pub profile: &'a Profile,
    /// Cores of a node.
    pub cores_per_node: usize,
    /// Ranks on a node.
    pub ranks_per_node: usize,
    /// Threads of a rank.
    pub threads: usize,
    /// Where its files are.
    pub files: FilesAre,
}

impl<'a> Machine<'a> {
    /// Nodes of `cores`, filled by ranks of so many threads; files are on disks.
    pub fn filled(profile: &'a Profile, cores: usize, threads: usize) -> Machine<'a> {
        Machine {
            profile,
            cores_per_node: cores.max(1),
            ranks_per_node: (cores / threads.max(1)).max(1),
            threads: threads.max(1),
            files: FilesAre::OnDisk,
        }
    }

    /// Nodes that so many ranks fill.
    pub fn nodes(&self, ranks: usize) -> usize {
        ranks.div_ceil(self.ranks_per_node).max(1)
    }

    /// How many times as fast as one core a rank is that has this many threads at work, while all ranks of its node have.
    fn speed(&self, threads: usize, ranks: usize) -> f64 {
        let beside = self.ranks_per_node.min(ranks.max(1));
        let (busy, cores) = ((beside * threads) as f64, self.cores_per_node as f64);
        let at_work = busy.min(cores);
        let lost = 1.0 - self.profile.parallel_efficiency.min(1.0);
        // Cores share memory and caches: the more of them work, the less each gets done.
        let share = match self.cores_per_node {
            1 => 0.0,
            _ => (at_work - 1.0) / (cores - 1.0),
        };
        at_work * (1.0 - lost * share) / beside as f64
    }
}

/// The time of a stage, by its parts, on its busiest rank.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StageTime {
    /// Bytes from files into memory.
    pub read_s: f64,
    /// Chunks into arrays.
    pub decode_s: f64,
    /// Loops.
    pub compute_s: f64,
    /// Messages.
    pub exchange_s: f64,
    /// Packing and writing.
    pub write_s: f64,
    /// The whole: less than the sum where files are read or written meanwhile, more by what every stage takes.
    pub total_s: f64,
    /// Operations on elements, as far as they are known.
    pub operations: f64,
    /// What crosses ranks.
    pub moves: Moves,
}

/// What crosses ranks in a stage: the mean of all ranks, and the busiest ones.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moves {
    /// Messages: of a rank in the mean, most, and of which rank.
    pub messages: (f64, u64, usize),
    /// Bytes.
    pub bytes: (f64, u64, usize),
}

impl Moves {
    /// Of a stage of `plan`.
    pub fn of(plan: &Plan, stage: &Stage) -> Self {
        let ranks = traffic(plan, stage);
        // Each message leaves one rank and arrives at one: the means of both directions are the same.
        let over = |sent: fn(&RankTraffic) -> u64, worst: fn(&RankTraffic) -> u64| {
            let mean = ranks.iter().map(sent).sum::<u64>() as f64 / ranks.len().max(1) as f64;
            let numbered = ranks.iter().enumerate().rev();
            let busiest = numbered.max_by_key(|(_, traffic)| worst(traffic));
            busiest.map_or((mean, 0, 0), |(rank, t)| (mean, worst(t), rank))
        };
        Moves {
            messages: over(|t| t.messages_in, RankTraffic::messages),
            bytes: over(|t| t.bytes_in, RankTraffic::bytes),
        }
    }
}

/// The time of a plan.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Estimate {
    /// Of each stage.
    pub stages: Vec<StageTime>,
    /// Opening inputs, making outputs.
    pub fixed_s: f64,
}

impl Estimate {
    /// Seconds of the whole run of the plan; the start of the program comes before (`Profile::start_s`, once a job).
    pub fn total_s(&self) -> f64 {
        self.fixed_s + self.stages.iter().map(|stage| stage.total_s).sum::<f64>()
    }
}

/// The time that `plan` takes on `machine`; `reads` says per stage what it reads (`file_reads`).
///
/// # Memory
/// Time grows with operations and ranks, not with chunks.
pub fn estimate(ready: &ReadyPlan, reads: &[Vec<FileRead>], machine: &Machine<'_>) -> Estimate {
    let plan = ready.plan();
    let profile = machine.profile;
    let stages =
        (plan.stages.iter().zip(ready.footprints()).enumerate()).map(|(number, (stage, f))| {
            // A write packs chunks on all threads of a rank.
            let at_work = match stage {
                Stage::Pass(_) => f.threads.max(1),
                Stage::Write(_) => machine.threads.max(1),
            };
            let of_rank = |all: f64| match f.tasks {
                (0, _) => 0.0,
                (total, busiest) => {
                    // Threads take whole tasks.
                    let threads = at_work as u64;
                    let rounds = busiest.div_ceil(threads) * threads;
                    all * rounds as f64 / total as f64
                }
            };
            let speed = machine.speed(at_work, f.working_ranks.max(1));
            let spread = |ns: f64| of_rank(ns) * 1e-9 / speed;
            let nodes = machine.nodes(plan.ranks) as f64;
            let mut time = StageTime {
                moves: Moves::of(plan, stage),
                ..StageTime::default()
            };
            let none = Vec::new();
            let own = reads.get(number).unwrap_or(&none);
            let read_bytes: f64 = own.iter().map(|read| read.read_bytes as f64).sum();
            let files: f64 = (own.iter())
                .filter(|read| is_file_per_chunk(plan, read))
                .map(|read| read.chunks as f64)
                .sum();
            let copied = spread(
                (read_bytes / profile.files.cached_bytes_per_s + files * profile.files.file_s)
                    * 1e9,
            );
            time.decode_s = spread(own.iter().map(|read| decode_ns(plan, read, profile)).sum());
            if let Stage::Pass(pass) = stage {
                let Compute { ns, operations } = compute(plan, pass, profile);
                time.compute_s = spread(ns);
                time.operations = operations;
            }
            let scratch = (f.scratch_read.1 as f64 / profile.files.cached_bytes_per_s)
                + f.scratch_written.1 as f64 * machine.ranks_per_node.min(plan.ranks) as f64
                    / profile.files.write_bytes_per_s;
            let on_threads = copied + time.decode_s + time.compute_s;
            let from_disk = match machine.files {
                FilesAre::Cached => 0.0,
                FilesAre::OnDisk => read_bytes / (profile.files.disk_bytes_per_s * nodes),
            };
            time.read_s = copied.max(from_disk);
            if plan.ranks > 1 {
                let network = &profile.network;
                let (mean, most, _) = time.moves.messages;
                let gathered = f.moved_bytes as f64 - time.moves.bytes.0 * plan.ranks as f64;
                let steps = f64::from(plan.ranks.ilog2() + 1);
                time.exchange_s = (most as f64).max(mean) * network.latency_s
                    + (time.moves.bytes.1 as f64 + gathered.max(0.0)) / network.bytes_per_s
                    + 4.0 * steps * network.latency_s;
            }
            let written = written(plan, stage);
            let (mut pack_ns, mut alone, mut meanwhile) = (0.0, 0.0, 0.0);
            for (spec, bytes) in written {
                let write = Written::of(spec, plan, bytes, profile);
                pack_ns += write.pack_ns;
                let writers = if write.one_writer { 1.0 } else { nodes };
                let seconds = write.bytes / (profile.files.write_bytes_per_s * writers);
                match write.one_writer {
                    true => alone += seconds,
                    false => meanwhile += seconds,
                }
            }
            let packed = spread(pack_ns);
            time.write_s = packed + alone + meanwhile + scratch;
            time.total_s = (on_threads + packed).max(from_disk).max(meanwhile)
                + alone
                + scratch
                + time.exchange_s
                + profile.stage_s;
            time
        });
    Estimate {
        stages: stages.collect(),
        fixed_s: plan.files.len() as f64 * profile.files.save_s,
    }
}

/// Each chunk is a file that is opened.
fn is_file_per_chunk(plan: &Plan, read: &FileRead) -> bool {
    let ArrayDecl::File(spec) = plan.array(read.array) else {
        return false;
    };
    matches!(&spec.layout, Layout::Zarr { .. })
}

/// What unpacks the chunks of a variable.
fn codec(plan: &Plan, read: &FileRead, profile: &Profile) -> CodecRate {
    let codecs = &profile.codecs;
    let ArrayDecl::File(spec) = plan.array(read.array) else {
        return codecs.plain;
    };
    match &spec.layout {
        Layout::Chunked { filters, .. } => {
            let packs = filters.iter().find(|filter| filter.compresses());
            match packs {
                None => codecs.plain,
                Some(Filter::Deflate(_)) => codecs.deflate,
                // It takes several times as long as zlib.
                Some(Filter::Bzip2) => codecs.deflate.times(8.0),
                Some(_) => codecs.zstd,
            }
        }
        Layout::Zarr { metadata, .. } => {
            let has = |name: &str| metadata.contains(&format!("\"{name}\""));
            match (has("gzip") || has("zlib"), has("zstd") || has("blosc")) {
                (true, _) => codecs.deflate,
                (_, true) => codecs.zstd,
                _ => codecs.plain,
            }
        }
        Layout::Contiguous | Layout::Records { .. } | Layout::Compact => codecs.plain,
    }
}

impl CodecRate {
    fn times(self, factor: f64) -> CodecRate {
        CodecRate {
            packed_ns: self.packed_ns * factor,
            plain_ns: self.plain_ns * factor,
            encode_ns: self.encode_ns * factor,
        }
    }
}

fn decode_ns(plan: &Plan, read: &FileRead, profile: &Profile) -> f64 {
    let codec = codec(plan, read, profile);
    read.read_bytes as f64 * codec.packed_ns + read.decoded_bytes as f64 * codec.plain_ns
}

/// The variables that a stage writes, with their bytes.
fn written<'a>(plan: &'a Plan, stage: &Stage) -> Vec<(&'a VariableSpec, u64)> {
    let spec = |file: u32, variable: u32| {
        let file = plan.files.get(file as usize)?;
        let spec = file.variables.get(variable as usize)?;
        let elements: u64 = spec.shape.iter().map(|len| *len as u64).product();
        Some((spec, elements * spec.dtype.size() as u64))
    };
    match stage {
        Stage::Write(write) => spec(write.file, write.variable).into_iter().collect(),
        Stage::Pass(pass) => (pass.sinks.iter())
            .flat_map(|sink| &sink.targets)
            .filter_map(|target| match *target {
                SinkTarget::Write { file, variable } => spec(file, variable),
                _ => None,
            })
            .collect(),
    }
}

/// What is guessed of packed results: this part of the plain bytes.
const PACKED_PART: f64 = 0.7;

/// How a variable is written.
struct Written {
    pack_ns: f64,
    bytes: f64,
    /// Chunks of NetCDF-4 go into the file from one rank.
    one_writer: bool,
}

impl Written {
    fn of(spec: &VariableSpec, plan: &Plan, bytes: u64, profile: &Profile) -> Written {
        let zarr = (plan.files.iter())
            .find(|file| {
                file.variables
                    .iter()
                    .any(|variable| std::ptr::eq(variable, spec))
            })
            .is_some_and(|file| file.format.is_zarr());
        let codecs = &profile.codecs;
        // Times that of level 1, roughly as levels go.
        let (ns, part) = match spec.encoding.compression {
            None | Some(Compression::None) => (codecs.plain.encode_ns, 1.0),
            Some(Compression::Deflate(level)) => {
                let slower = [1.0, 1.1, 1.3, 1.6, 2.0, 3.0, 4.0, 6.0, 8.0];
                let level = usize::from(level).clamp(1, 9) - 1;
                (codecs.deflate.encode_ns * slower[level], PACKED_PART)
            }
            Some(Compression::Zstd(level)) => {
                let slower = 1.0 + f64::from(level.saturating_sub(1)) * 0.4;
                (codecs.zstd.encode_ns * slower, PACKED_PART)
            }
            Some(Compression::Lz4(_)) => (codecs.zstd.encode_ns, PACKED_PART),
        };
        let mut pack_ns = bytes as f64 * ns;
        if zarr && let Some(chunks) = &spec.encoding.chunks {
            let chunks = spec.encoding.shards.as_ref().unwrap_or(chunks);
            let files = spec.shape.iter().zip(chunks);
            let files: f64 = files
                .map(|(len, chunk)| len.div_ceil((*chunk).max(1)) as f64)
                .product();
            pack_ns += files * profile.files.file_s * 1e9;
        }
        Written {
            pack_ns,
            bytes: bytes as f64 * part,
            one_writer: !zarr && spec.encoding.is_chunked(),
        }
    }
}
