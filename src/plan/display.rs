//! Text of a plan: one paragraph per stage.

use super::plan::{ArrayDecl, Groups, Make, Pass, Plan, SinkTarget, Stage};
use std::fmt;

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, stage) in self.stages.iter().enumerate() {
            match stage {
                Stage::Pass(pass) => {
                    writeln!(f, "stage {number}: pass over {:?}", pass.tiles.shape())?;
                    self.fmt_pass(f, pass)?;
                }
                Stage::Write(write) => {
                    let spec = &self.files[write.file as usize].variables[write.variable as usize];
                    writeln!(
                        f,
                        "stage {number}: {} and write {} in chunks {:?}, process grid {:?}",
                        match self.in_scratch(write.array) {
                            true => "read from scratch files",
                            false => "exchange",
                        },
                        spec.name,
                        write
                            .chunks
                            .axes
                            .iter()
                            .map(|a| a.longest())
                            .collect::<Vec<_>>(),
                        write.placement.parts
                    )?;
                }
            }
        }
        for note in &self.notes {
            writeln!(f, "note: {note}")?;
        }
        Ok(())
    }
}

/// What a pass does, as the lines of a plan say it.
struct PassText<'a>(&'a Plan, &'a Pass);

impl fmt::Display for PassText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt_pass(f, self.1)
    }
}

/// Longest text of a stage: a pass over many files has a line for each.
const MOST_TEXT: usize = 240;

impl Plan {
    /// What a stage does, in one line.
    pub fn stage_text(&self, stage: &Stage) -> String {
        match stage {
            Stage::Pass(pass) => {
                let lines = PassText(self, pass).to_string();
                // The first one is about tiles.
                let steps: Vec<&str> = lines.lines().skip(1).map(str::trim).collect();
                let text = steps.join("; ");
                match text.char_indices().nth(MOST_TEXT) {
                    Some((end, _)) => format!("{} …", &text[..end]),
                    None => text,
                }
            }
            Stage::Write(write) => {
                let file = &self.files[write.file as usize];
                format!("write {}", file.variables[write.variable as usize].name)
            }
        }
    }

    fn fmt_pass(&self, f: &mut fmt::Formatter<'_>, pass: &Pass) -> fmt::Result {
        let tile: Vec<usize> = pass.tiles.axes.iter().map(|a| a.longest()).collect();
        write!(f, "  tiles {tile:?}, {} of them", pass.tiles.count())?;
        if let Some(axis) = pass.stream_axis {
            write!(
                f,
                ", streamed along axis {axis} in segments of {}",
                pass.segment_tiles
            )?;
        }
        write!(f, "; tasks {:?} ", pass.task_counts())?;
        match &pass.runs {
            Some(runs) => writeln!(
                f,
                "in {} runs of equal work along axes {:?}",
                runs.ranks, runs.order
            )?,
            None => writeln!(f, "on process grid {:?}", pass.placement.parts)?,
        }
        for slot in &pass.slots {
            let name = match &slot.make {
                Make::Load(array) => match self.array(*array) {
                    ArrayDecl::File(spec) => format!("read {} ({})", spec.variable, spec.dtype),
                    ArrayDecl::Memory { dtype, shape, .. } => format!("memory {dtype} {shape:?}"),
                    ArrayDecl::Held { dtype, shape, .. } => format!("held {dtype} {shape:?}"),
                    ArrayDecl::Result {
                        stage,
                        dtype,
                        shape,
                        ..
                    } if self.in_scratch(*array) => {
                        format!(
                            "read the result of stage {stage} from scratch files ({dtype} {shape:?})"
                        )
                    }
                    ArrayDecl::Result {
                        stage,
                        dtype,
                        shape,
                        ..
                    } => {
                        format!("exchange the result of stage {stage} ({dtype} {shape:?})")
                    }
                },
                Make::Generate(generator) => {
                    format!("generate {} {:?}", generator.name(), slot.shape)
                }
                Make::Fuse { program, .. } => {
                    format!(
                        "compute {} fused steps into {} {:?}",
                        program.steps.len(),
                        slot.dtype,
                        slot.shape
                    )
                }
                Make::Assemble(parts) => {
                    format!(
                        "assemble {} parts into {} {:?}",
                        parts.len(),
                        slot.dtype,
                        slot.shape
                    )
                }
                Make::Call { op, .. } => {
                    format!("{} into {} {:?}", op.name(), slot.dtype, slot.shape)
                }
            };
            writeln!(f, "  {name}")?;
        }
        writeln!(f, "  compute {} fused steps", pass.program.steps.len())?;
        for sink in &pass.sinks {
            match &sink.fold {
                None => write!(f, "  keep")?,
                Some(fold) => {
                    write!(f, "  fold {} over axes {:?}", fold.reduction, fold.axes)?;
                    if let Some(Groups {
                        first,
                        last,
                        groups,
                        ..
                    }) = fold.group
                    {
                        match first == last {
                            true => write!(f, ", axis {last} in {groups} groups")?,
                            false => write!(f, ", axes {first} to {last} in {groups} groups")?,
                        }
                    }
                }
            }
            write!(f, " -> {} {:?}", sink.dtype, sink.shape)?;
            for target in &sink.targets {
                match target {
                    SinkTarget::Store(array) => {
                        write!(f, ", store as array {}", array.0)?;
                        if self.keeps.iter().any(|(kept, _)| kept == array) {
                            write!(f, ", kept")?;
                        }
                        if self.in_scratch(*array) {
                            write!(f, " in scratch files")?;
                        }
                    }
                    SinkTarget::Gather(number) => write!(f, ", gather as result {number}")?,
                    SinkTarget::Write { file, variable } => {
                        let spec = &self.files[*file as usize].variables[*variable as usize];
                        write!(f, ", write {}", spec.name)?;
                    }
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
