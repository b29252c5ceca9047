//! Boxes of a plan: what is read, the stages with their fused steps, and what goes where, with the bytes.

use super::boxes::written;
use super::drawing::{Drawing, Kind};
use crate::config::format_bytes;
use crate::op::{Instr, Program};
use crate::plan::{
    ArrayDecl, ArrayId, Footprint, Make, Pass, Plan, ReadyPlan, SinkTarget, Stage, WriteChunks,
};
use std::collections::{BTreeMap, HashMap};

/// Steps that a stage lists, and files and variables that one line names.
const MOST_STEPS: usize = 14;

fn array_bytes(decl: &ArrayDecl) -> u64 {
    let elements = decl.shape().iter().map(|n| *n as u64);
    elements.fold(decl.dtype().size() as u64, u64::saturating_mul)
}

/// Names of the operations of a program, in order; runs of one name counted.
fn steps(program: &Program, lines: &mut Vec<String>) {
    let name = |instr: &Instr| match instr {
        Instr::Load(_) | Instr::Const(_) => None,
        Instr::Unary(op, _) => Some(op.name()),
        Instr::Binary(op, ..) => Some(op.name()),
        Instr::Where(..) => Some("where"),
        Instr::Cast(_) => Some("cast"),
    };
    let names: Vec<&str> = program
        .steps
        .iter()
        .filter_map(|step| name(&step.instr))
        .collect();
    for run in names.chunk_by(|a, b| a == b) {
        lines.push(match run.len() {
            1 => format!("  {}", run[0]),
            n => format!("  {} × {n}", run[0]),
        });
    }
}

/// What a pass does, line by line.
fn pass_lines(pass: &Pass, footprint: &Footprint) -> Vec<String> {
    let tile: Vec<usize> = pass.tiles.axes.iter().map(|a| a.longest()).collect();
    let mut lines = vec![
        format!("over {:?}", pass.tiles.shape()),
        match pass.tiles.count() {
            1 => "one tile".to_owned(),
            count => format!("{count} tiles of {tile:?}"),
        },
        format!("peak {} a rank", format_bytes(footprint.peak_bytes)),
    ];
    if footprint.decoded_bytes > 0 {
        lines.push(format!("decodes {}", format_bytes(footprint.decoded_bytes)));
    }
    let mut done = Vec::new();
    let mut calls: BTreeMap<String, usize> = BTreeMap::new();
    for slot in &pass.slots {
        let name = match &slot.make {
            Make::Load(_) => continue,
            Make::Generate(generator) => generator.name().to_owned(),
            Make::Assemble(parts) => format!("side by side, {} parts", parts.len()),
            Make::Call { op, .. } => op.name().to_owned(),
            Make::Fuse { program, .. } => {
                steps(program, &mut done);
                continue;
            }
        };
        *calls.entry(name).or_default() += 1;
    }
    let calls = calls.into_iter().map(|(name, count)| match count {
        1 => format!("  {name}"),
        count => format!("  {name} × {count}"),
    });
    done.extend(calls);
    steps(&pass.program, &mut done);
    for sink in &pass.sinks {
        if let Some(fold) = &sink.fold {
            let over = match fold.axes.as_slice() {
                [] => String::new(),
                axes => format!(" over axes {axes:?}"),
            };
            let groups = fold.group.map(|g| format!(", {} groups", g.groups));
            let groups = groups.unwrap_or_default();
            done.push(format!("  {}{over}{groups}", fold.reduction));
        }
    }
    if !done.is_empty() {
        lines.push("fused:".to_owned());
    }
    let more = done.len().saturating_sub(MOST_STEPS);
    lines.extend(done.into_iter().take(MOST_STEPS));
    if more > 0 {
        lines.push(format!("  … and {more} more"));
    }
    lines
}

/// What is read from files: variables of alike names are one box.
fn inputs(plan: &Plan, drawing: &mut Drawing) -> HashMap<ArrayId, usize> {
    let mut by_name: BTreeMap<String, Vec<ArrayId>> = BTreeMap::new();
    for (number, array) in plan.arrays.iter().enumerate() {
        let name = match array {
            ArrayDecl::File(spec) => format!("read {}", spec.variable),
            // Blocks in memory are small and of many uses: each kind is one box.
            ArrayDecl::Memory { .. } => "memory of rank 0".to_owned(),
            ArrayDecl::Held { .. } => "persisted".to_owned(),
            ArrayDecl::Result { .. } => continue,
        };
        let loads = |stage: &Stage| match stage {
            Stage::Pass(pass) => pass.loads(ArrayId(number as u32)),
            Stage::Write(_) => false,
        };
        if plan.stages.iter().any(loads) {
            by_name
                .entry(name)
                .or_default()
                .push(ArrayId(number as u32));
        }
    }
    let mut boxes = HashMap::new();
    for (name, arrays) in by_name {
        let kind = match plan.array(arrays[0]) {
            ArrayDecl::File(_) => Kind::File,
            _ => Kind::Source,
        };
        let bytes: u64 = arrays.iter().map(|a| array_bytes(plan.array(*a))).sum();
        let mut lines = vec![match arrays.len() {
            1 => name,
            count => format!("{name} × {count}"),
        }];
        if let ArrayDecl::File(spec) = plan.array(arrays[0]) {
            let file = spec.file.path.file_name().unwrap_or_default();
            let file = file.to_string_lossy();
            lines.push(match arrays.len() {
                1 => file.into_owned(),
                count => format!("{count} files: {file} …"),
            });
            if arrays.len() == 1 {
                lines.push(format!("{} {:?}", spec.dtype, spec.shape));
            }
        }
        lines.push(format_bytes(bytes));
        let node = drawing.push(kind, lines);
        boxes.extend(arrays.into_iter().map(|array| (array, node)));
    }
    boxes
}

/// The stages of a plan.
pub(super) fn stages_drawing(title: &str, ready: &ReadyPlan) -> Drawing {
    let plan = ready.plan();
    let mut drawing = Drawing {
        title: title.to_owned(),
        ..Drawing::default()
    };
    let sources = inputs(plan, &mut drawing);
    let mut boxes: Vec<usize> = Vec::new();
    let mut results: Vec<(usize, String, u64)> = Vec::new();
    for (number, (stage, footprint)) in plan.stages.iter().zip(ready.footprints()).enumerate() {
        let (mut lines, reads) = match stage {
            Stage::Pass(pass) => {
                let title = match pass.only_moves() {
                    true => format!("stage {number}: move"),
                    false => format!("stage {number}: pass"),
                };
                let mut lines = vec![title];
                lines.extend(pass_lines(pass, footprint));
                (lines, pass.arrays())
            }
            Stage::Write(write) => (
                write_lines(number, write, plan, footprint),
                vec![write.array],
            ),
        };
        if footprint.moved_bytes > 0 {
            lines.push(format!(
                "moves {} in {} messages",
                format_bytes(footprint.moved_bytes),
                footprint.messages
            ));
        }
        let node = drawing.push(Kind::Stage, lines);
        boxes.push(node);
        let mut carried: BTreeMap<usize, (u64, bool)> = BTreeMap::new();
        for array in reads {
            let from = match plan.array(array) {
                ArrayDecl::Result { stage, .. } => boxes.get(*stage as usize).copied(),
                _ => sources.get(&array).copied(),
            };
            if let Some(from) = from {
                let sum = carried.entry(from).or_default();
                sum.0 += array_bytes(plan.array(array));
                sum.1 |= plan.in_scratch(array);
            }
        }
        for (from, (bytes, scratch)) in carried {
            let through = if scratch { " by scratch files" } else { "" };
            drawing.link(from, node, format!("{}{through}", format_bytes(bytes)));
        }
        targets(plan, stage, node, &mut results);
    }
    for (from, name, bytes) in results {
        let node = drawing.push(Kind::Output, vec![name]);
        drawing.link(from, node, format_bytes(bytes));
    }
    drawing.notes = plan.notes.clone();
    drawing
}

fn write_lines(
    number: usize,
    write: &WriteChunks,
    plan: &Plan,
    footprint: &Footprint,
) -> Vec<String> {
    let chunk: Vec<usize> = write.chunks.axes.iter().map(|a| a.longest()).collect();
    vec![
        format!("stage {number}: write"),
        format!("{:?} in chunks {chunk:?}", plan.array(write.array).shape()),
        format!("peak {} a rank", format_bytes(footprint.peak_bytes)),
    ]
}

/// Adds what a stage gives to the outside.
fn targets(plan: &Plan, stage: &Stage, node: usize, results: &mut Vec<(usize, String, u64)>) {
    match stage {
        Stage::Write(write) => {
            let name = written(&plan.files, write.file, write.variable);
            results.push((node, name, array_bytes(plan.array(write.array))));
        }
        Stage::Pass(pass) => {
            for sink in &pass.sinks {
                let elements = sink.shape.iter().map(|n| *n as u64);
                let bytes = elements.fold(sink.dtype.size() as u64, u64::saturating_mul);
                for target in &sink.targets {
                    let name = match target {
                        SinkTarget::Gather(number) => format!("result {number} on rank 0"),
                        SinkTarget::Write { file, variable } => {
                            written(&plan.files, *file, *variable)
                        }
                        SinkTarget::Store(array) => {
                            match plan.keeps.iter().any(|(kept, _)| kept == array) {
                                true => "persisted by the ranks".to_owned(),
                                false => continue,
                            }
                        }
                    };
                    results.push((node, name, bytes));
                }
            }
        }
    }
}
