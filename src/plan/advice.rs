//! What would make a job cheaper: pure functions over its plan, each with the reason in numbers and the call that mends it.

use super::estimate::{Estimate, Machine};
use super::plan::{ArrayDecl, ArrayId, Make, Pass, Plan, Slot, Stage, View};
use super::reads::FileRead;
use super::validate::ReadyPlan;
use crate::config::{Limits, format_bytes};
use crate::dtype::DType;
use crate::op::{Instr, Program};
use crate::spec::SourceSpec;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// One piece of advice.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Advice {
    /// What it is about: `misaligned_chunks`, `idle_ranks`, `float64_promotion`, `many_files`, `decoded_again`.
    pub kind: &'static str,
    /// What was found, with its numbers.
    pub reason: String,
    /// The number that matters: the read amplification, ranks or threads that idle, bytes more, files, bytes decoded again.
    pub value: f64,
    /// What to do.
    pub fix: String,
}

/// Decoding this many times what is needed is worth a word.
const AMPLIFICATION: f64 = 1.5;
/// What is wasted has to be this part of all that the job decodes.
const WASTED_PART: f64 = 0.1;
/// A stage below this part of the job's time may idle.
const STAGE_PART: f64 = 0.1;
/// Idle ranks, or threads, of this part are worth a word.
const IDLE_PART: f64 = 0.1;
/// Many files, and how small they are on the average.
const MANY_FILES: usize = 100;
const SMALL_FILE_BYTES: u64 = 16 << 20;
/// Chunks of an output that are files of their own, and how small they are.
const MANY_CHUNKS: u64 = 10_000;
const SMALL_CHUNK_BYTES: u64 = 1 << 20;

/// All advice for a plan; `reads` and `estimate` are those of its stages.
pub fn advice(
    ready: &ReadyPlan,
    reads: &[Vec<FileRead>],
    estimate: &Estimate,
    machine: &Machine<'_>,
    limits: &Limits,
) -> Vec<Advice> {
    let plan = ready.plan();
    let mut all = misaligned(plan, reads);
    all.extend(decoded_again(ready, reads, limits));
    all.extend(idle(ready, estimate, machine));
    all.extend(promoted(plan));
    all.extend(many_files(plan));
    all.extend(many_chunks(plan));
    all
}

fn file(plan: &Plan, array: ArrayId) -> Option<&SourceSpec> {
    match plan.array(array) {
        ArrayDecl::File(spec) => Some(spec),
        _ => None,
    }
}

fn name(spec: &SourceSpec) -> String {
    let file = spec.file.path.file_name().unwrap_or_default();
    format!("{} of {}", spec.variable, file.to_string_lossy())
}

/// Chunks of storage that lie across what stages need.
fn misaligned(plan: &Plan, reads: &[Vec<FileRead>]) -> Vec<Advice> {
    let all: u64 = reads.iter().flatten().map(|read| read.decoded_bytes).sum();
    let mut found = Vec::new();
    for (stage, reads) in reads.iter().enumerate() {
        // Variables of many files are alike: those that are worst.
        let wasted = |read: &&FileRead| read.decoded_bytes.saturating_sub(read.needed_bytes);
        let (decoded, needed): (u64, u64) = (reads.iter()).fold((0, 0), |sum, read| {
            (sum.0 + read.decoded_bytes, sum.1 + read.needed_bytes)
        });
        let (Some(worst), true) = (reads.iter().max_by_key(wasted), needed > 0) else {
            continue;
        };
        let amplification = decoded as f64 / needed as f64;
        let matters = (decoded.saturating_sub(needed)) as f64 > WASTED_PART * all as f64;
        let (Some(spec), true) = (
            file(plan, worst.array),
            amplification > AMPLIFICATION && matters,
        ) else {
            continue;
        };
        let Some(chunk) = spec.layout.chunk() else {
            continue;
        };
        let Some(Stage::Pass(pass)) = plan.stages.get(stage) else {
            continue;
        };
        let needs = needed_lengths(pass, worst.array, spec);
        let wanted = aligned(chunk, &needs, &worst.along);
        found.push(Advice {
            kind: "misaligned_chunks",
            reason: format!(
                "stage {stage} decodes {} for {} that it needs ({amplification:.1} times): {} is stored in chunks {chunk:?}, and a \
                 task needs {needs:?} of it",
                format_bytes(decoded),
                format_bytes(needed),
                name(spec)
            ),
            value: amplification,
            fix: format!(
                "store it in chunks like {wanted:?}, once: `hyperslab convert IN OUT --chunks DIM=N,…`"
            ),
        });
    }
    found
}

/// Lengths of what the tile in the middle needs of an array.
fn needed_lengths(pass: &Pass, array: ArrayId, spec: &SourceSpec) -> Vec<usize> {
    let middle: Vec<usize> = pass.tiles.counts().iter().map(|count| count / 2).collect();
    let needs = pass.slot_regions(&pass.tiles.region(&middle));
    let of_array = pass
        .slots
        .iter()
        .zip(needs)
        .filter(|(slot, _)| slot.make == Make::Load(array));
    let need = of_array
        .filter_map(|(_, need)| need)
        .reduce(|a, b| a.union_box(&b));
    need.map_or_else(|| spec.shape.clone(), |need| need.shape)
}

/// Lengths of chunks of about as many elements as `chunk`: shorter along axes of which too much is decoded (`along` says how many
/// times), longer along others, as far as a task needs them together.
fn aligned(chunk: &[usize], needs: &[usize], along: &[f64]) -> Vec<usize> {
    let elements: usize = chunk.iter().product();
    let too_much = |axis: usize| along.get(axis).is_some_and(|times| *times > AMPLIFICATION);
    let mut wanted: Vec<usize> = (0..chunk.len())
        .map(|axis| match along.get(axis) {
            Some(times) if too_much(axis) => ((chunk[axis] as f64 / times).round() as usize).max(1),
            _ => chunk[axis].min(needs[axis]).max(1),
        })
        .collect();
    for axis in (0..wanted.len()).rev().filter(|axis| !too_much(*axis)) {
        let others = wanted.iter().enumerate().filter(|(k, _)| *k != axis);
        let others: usize = others.map(|(_, len)| *len).product();
        let most = needs[axis].max(wanted[axis]);
        wanted[axis] = (elements / others.max(1)).clamp(wanted[axis], most);
    }
    wanted
}

/// Chunks that several stages decode, and the memory that would keep them.
fn decoded_again(ready: &ReadyPlan, reads: &[Vec<FileRead>], limits: &Limits) -> Vec<Advice> {
    let plan = ready.plan();
    let mut by_array: BTreeMap<u32, Vec<(usize, u64)>> = BTreeMap::new();
    for (stage, reads) in reads.iter().enumerate() {
        for read in reads.iter().filter(|read| read.decoded_bytes > 0) {
            by_array
                .entry(read.array.0)
                .or_default()
                .push((stage, read.decoded_bytes));
        }
    }
    let all: u64 = reads.iter().flatten().map(|read| read.decoded_bytes).sum();
    let mut found: Option<(u64, u64, Vec<usize>, Vec<&SourceSpec>)> = None;
    for (array, stages) in by_array {
        let Some(spec) = file(plan, ArrayId(array)) else {
            continue;
        };
        let again: u64 = stages[1..].iter().map(|(_, bytes)| bytes).sum();
        // Where that is not worth memory, the plan would not keep it either.
        let Some(more) = plan.memory_to_keep(ArrayId(array), ready.footprints()) else {
            continue;
        };
        if again == 0 {
            continue;
        }
        let stages = stages.iter().map(|(stage, _)| *stage).collect();
        let (bytes, memory, at, specs) = found.get_or_insert((0, 0, stages, Vec::new()));
        *bytes += again;
        *memory += more;
        specs.push(spec);
        at.sort_unstable();
    }
    let Some((again, more, stages, specs)) = found else {
        return Vec::new();
    };
    if (again as f64) < WASTED_PART * all as f64 {
        return Vec::new();
    }
    let what = match specs[..] {
        [one] => name(one),
        _ => format!("{} and {} more variables", name(specs[0]), specs.len() - 1),
    };
    let kept = plan.reuse.iter().map(|reuse| reuse.bytes).sum::<u64>();
    let peak = ready.peak_bytes() - kept.min(ready.peak_bytes());
    // The plan leaves an eighth of what is free as it is.
    let memory = (peak + more + more / 7 + (1 << 20)).next_multiple_of(1 << 20);
    if memory <= limits.memory_bytes {
        return Vec::new();
    }
    let stages: Vec<String> = stages.iter().map(usize::to_string).collect();
    vec![Advice {
        kind: "decoded_again",
        reason: format!(
            "stages {} decode {what} again: {} that {} of memory per rank would keep",
            stages.join(" and "),
            format_bytes(again),
            format_bytes(memory)
        ),
        value: again as f64,
        fix: format!(
            "`--memory {}` (now {}), or more ranks",
            round_up(memory),
            format_bytes(limits.memory_bytes)
        ),
    }]
}

/// A size that `--memory` reads and that is no smaller than `bytes`.
fn round_up(bytes: u64) -> String {
    match bytes >> 30 {
        0..10 => format!("{}MiB", bytes.div_ceil(1 << 20)),
        _ => format!("{}GiB", bytes.div_ceil(1 << 30)),
    }
}

/// Ranks and threads without work, in stages that take time.
fn idle(ready: &ReadyPlan, estimate: &Estimate, machine: &Machine<'_>) -> Vec<Advice> {
    let plan = ready.plan();
    let all: f64 = estimate.stages.iter().map(|stage| stage.total_s).sum();
    let long = |stage: usize| {
        estimate
            .stages
            .get(stage)
            .is_some_and(|s| s.total_s >= STAGE_PART * all)
    };
    let mut found = Vec::new();
    let passes = (plan.stages.iter().zip(ready.footprints()).enumerate())
        .filter(|(number, (stage, _))| matches!(stage, Stage::Pass(_)) && long(*number));
    for (number, (_, f)) in passes {
        let tasks = f.tasks.0;
        let lazy = plan.ranks - f.working_ranks.min(plan.ranks);
        if lazy as f64 > IDLE_PART * plan.ranks as f64 {
            let working = f.working_ranks.max(1);
            found.push(Advice {
                kind: "idle_ranks",
                reason: format!("stage {number} has {tasks} tasks: {lazy} of {} ranks have none", plan.ranks),
                value: lazy as f64,
                fix: format!("start {working} ranks (`mpirun -n {working}`), or cut the arrays into smaller chunks (`.chunk(…)`)"),
            });
            continue;
        }
        let busiest = f.tasks.1 as usize;
        let threads = machine.threads;
        if f.threads < threads.min(busiest) {
            continue;
        }
        let without = threads.saturating_sub(busiest);
        if without as f64 > IDLE_PART * threads as f64 {
            found.push(Advice {
                kind: "idle_ranks",
                reason: format!("stage {number} has {busiest} tasks on its busiest rank: {without} of {threads} threads have none"),
                value: without as f64,
                fix: format!("use `--threads {}`, or cut the arrays into smaller chunks (`.chunk(…)`)", busiest.max(1)),
            });
        }
    }
    found
}

/// 32-bit floats that an operand makes 64-bit floats.
fn promoted(plan: &Plan) -> Vec<Advice> {
    let mut found: Vec<Advice> = Vec::new();
    let mut seen = BTreeSet::new();
    for (number, stage) in plan.stages.iter().enumerate() {
        let Stage::Pass(pass) = stage else { continue };
        let mut programs: Vec<(&Program, &[View], usize)> = Vec::new();
        for slot in &pass.slots {
            if let Make::Fuse { program, inputs } = &slot.make {
                programs.push((program, inputs, slot.shape.iter().product()));
            }
        }
        programs.push((
            &pass.program,
            &pass.inputs,
            pass.tiles.shape().iter().product(),
        ));
        for (program, inputs, elements) in programs {
            for (operation, operand, input) in promotions(program) {
                let Some(narrow) = source_name(plan, &pass.slots, inputs, input) else {
                    continue;
                };
                let operand = match operand {
                    Operand::Number(value) => format!("the float64 {value}"),
                    Operand::Input(input) => source_name(plan, &pass.slots, inputs, input)
                        .map_or_else(
                            || "a float64 array".to_owned(),
                            |name| format!("{name}, which is float64"),
                        ),
                    Operand::Computed => "a float64 array".to_owned(),
                };
                if !seen.insert((operation, narrow.clone(), operand.clone())) {
                    continue;
                }
                let more = 4 * elements as u64;
                found.push(Advice {
                    kind: "float64_promotion",
                    reason: format!(
                        "stage {number}: `{operation}` makes {narrow}, which is float32, float64 for {operand}: {} more to compute \
                         with",
                        format_bytes(more)
                    ),
                    value: more as f64,
                    fix: "give that operand as float32: `.astype(\"float32\")`".to_owned(),
                });
            }
        }
    }
    found
}

/// What an operation is asked for beside 32-bit floats.
enum Operand {
    Number(String),
    Input(u16),
    Computed,
}

/// Operations of a program of which one operand is a 32-bit float that was made a 64-bit one for the other: their names, the other
/// operand, and an input of 32 bits that the first is made from.
fn promotions(program: &Program) -> Vec<(&'static str, Operand, u16)> {
    let step = |register: u16| &program.steps[usize::from(register)];
    // The input that a 32-bit float comes from.
    let narrow = |register: u16| -> Option<u16> {
        let mut at = register;
        loop {
            let step = step(at);
            if step.dtype != DType::F32 {
                return None;
            }
            if let Instr::Load(input) = step.instr {
                return Some(input);
            }
            at = Program::operands(&step.instr)
                .filter(|operand| program.steps[usize::from(*operand)].dtype == DType::F32)
                .find(|operand| {
                    !matches!(program.steps[usize::from(*operand)].instr, Instr::Const(_))
                })?;
        }
    };
    let mut found = Vec::new();
    for step_of in &program.steps {
        let Instr::Binary(op, a, b) = step_of.instr else {
            continue;
        };
        for (own, other) in [(a, b), (b, a)] {
            let Instr::Cast(from) = step(own).instr else {
                continue;
            };
            let wide = |register: u16| step(register).dtype == DType::F64;
            let cast_too = matches!(step(other).instr, Instr::Cast(_));
            let (Some(input), true, true) = (narrow(from), wide(own), wide(other)) else {
                continue;
            };
            if cast_too {
                continue;
            }
            let operand = match step(other).instr {
                Instr::Const(value) => Operand::Number(value.to_string()),
                Instr::Load(input) => Operand::Input(input),
                _ => Operand::Computed,
            };
            found.push((op.name(), operand, input));
        }
    }
    found
}

/// What people call an input of a program: the variable of a file, or of which operation it is the result.
fn source_name(plan: &Plan, slots: &[Slot], inputs: &[View], input: u16) -> Option<String> {
    let slot = slots.get(usize::from(inputs.get(usize::from(input))?.slot))?;
    Some(match &slot.make {
        Make::Load(array) => match plan.array(*array) {
            ArrayDecl::File(spec) => name(spec),
            ArrayDecl::Memory { .. } => "an array in memory".to_owned(),
            ArrayDecl::Held { .. } => "a persisted array".to_owned(),
            ArrayDecl::Result { stage, .. } => format!("the result of stage {stage}"),
        },
        Make::Generate(generator) => format!("what `{}` makes", generator.name()),
        Make::Fuse { .. } => "a computed array".to_owned(),
        Make::Assemble(_) => "arrays side by side".to_owned(),
        Make::Call { op, .. } => format!("what `{}` makes", op.name()),
    })
}

/// Many small input files.
fn many_files(plan: &Plan) -> Vec<Advice> {
    let mut files: BTreeMap<&std::path::Path, u64> = BTreeMap::new();
    for array in &plan.arrays {
        if let ArrayDecl::File(spec) = array {
            files.insert(&spec.file.path, spec.file.bytes);
        }
    }
    let bytes: u64 = files.values().sum();
    let count = files.len();
    if count < MANY_FILES || bytes / count as u64 >= SMALL_FILE_BYTES {
        return Vec::new();
    }
    vec![Advice {
        kind: "many_files",
        reason: format!(
            "{count} files of {} on the average are opened, each by the ranks that read it",
            format_bytes(bytes / count as u64)
        ),
        value: count as f64,
        fix: "put them into one, once: `open_many([…]).save(\"all.zarr\")`".to_owned(),
    }]
}

/// Many small files to write: each chunk of Zarr is one.
fn many_chunks(plan: &Plan) -> Vec<Advice> {
    let mut found = Vec::new();
    for file in plan.files.iter().filter(|file| file.format.is_zarr()) {
        for variable in &file.variables {
            let Some(chunks) = &variable.encoding.chunks else {
                continue;
            };
            if variable.encoding.shards.is_some() {
                continue;
            }
            let along = variable.shape.iter().zip(chunks);
            let count: u64 = along
                .map(|(len, chunk)| len.div_ceil((*chunk).max(1)) as u64)
                .product();
            let elements: u64 = chunks.iter().map(|len| *len as u64).product();
            let bytes = elements * variable.dtype.size() as u64;
            if count >= MANY_CHUNKS && bytes < SMALL_CHUNK_BYTES {
                found.push(Advice {
                    kind: "many_files",
                    reason: format!(
                        "{} of {} becomes {count} files of at most {}",
                        variable.name,
                        file.path.display(),
                        format_bytes(bytes)
                    ),
                    value: count as f64,
                    fix: "write shards of several chunks, or larger chunks: `save(\"out.zarr\", #{ shards: #{ DIM: N, … } })`"
                        .to_owned(),
                });
            }
        }
    }
    found
}
