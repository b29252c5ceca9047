//! The last gate: only a `ReadyPlan` can be run.

use super::derive::SinkGeometry;
use super::memory::{Footprint, footprint};
use super::plan::{ArrayDecl, Plan, SinkTarget, Stage};
use super::reuse::Spared;
use crate::config::{Limits, format_bytes};
use crate::error::{Error, Result};
use crate::spec::Attrs;
use std::path::Path;

/// A plan that keeps the laws and fits the budget, with the footprint of each stage.
#[derive(Clone, Debug)]
pub struct ReadyPlan {
    plan: Plan,
    footprints: Vec<Footprint>,
    spared: Vec<Spared>,
}

impl ReadyPlan {
    /// What stages need not decode, by array and stage.
    pub(super) fn spared(&self) -> &[Spared] {
        &self.spared
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What each stage costs.
    pub fn footprints(&self) -> &[Footprint] {
        &self.footprints
    }

    /// The global attributes of the output files, which cost nothing.
    pub fn output_attrs(&mut self) -> impl Iterator<Item = &mut Attrs> {
        self.plan.files.iter_mut().map(|file| &mut file.attrs)
    }

    /// Output files at these paths may replace what is there.
    pub fn overwrite_where(&mut self, which: impl Fn(&Path) -> bool) {
        for file in &mut self.plan.files {
            file.overwrite |= which(&file.path);
        }
    }

    /// Peak bytes of the worst rank over all stages.
    pub fn peak_bytes(&self) -> u64 {
        peak(&self.footprints)
    }

    /// Most threads that any stage can use within the budget.
    pub fn threads(&self) -> usize {
        self.footprints.iter().map(|f| f.threads).max().unwrap_or(1)
    }
}

fn peak(footprints: &[Footprint]) -> u64 {
    footprints.iter().map(|f| f.peak_bytes).max().unwrap_or(0)
}

impl Plan {
    /// Checks laws and budget; stored results that do not fit go to scratch files where `limits.scratch` names a folder.
    ///
    /// # Errors
    /// Resource, naming the worst stage, its size, the budget and what to change, when a rank would need more than
    /// `limits.memory_bytes`; internal when the plan breaks a law.
    pub fn validate(self, limits: &Limits) -> Result<ReadyPlan> {
        self.check_order()?;
        self.check_placements()?;
        self.check_writers()?;
        let mut footprints: Vec<Footprint> = (0..self.stages.len())
            .map(|stage| footprint(&self, stage, limits))
            .collect();
        if peak(&footprints) <= limits.memory_bytes {
            let mut plan = self;
            let spared = plan.keep_chunks(&mut footprints, limits);
            return Ok(ReadyPlan {
                plan,
                footprints,
                spared,
            });
        }
        let mut spilled = self.clone();
        let with_scratch = spilled.spill(limits);
        let fits = peak(&with_scratch) <= limits.memory_bytes;
        if fits && limits.scratch.is_some() {
            let notes = spilled.scratch_notes(limits);
            spilled.notes.extend(notes);
            return Ok(ReadyPlan {
                plan: spilled,
                footprints: with_scratch,
                spared: Vec::new(),
            });
        }
        // What scratch files leave to do is what is to be said, where there are some.
        let (plan, footprints) = match limits.scratch.is_some() {
            true => (&spilled, &with_scratch),
            false => (&self, &footprints),
        };
        let scratch = (fits && limits.scratch.is_none()).then(|| spilled.scratch_bytes());
        let worst = footprints.iter().enumerate();
        let Some((stage, worst)) = worst.max_by_key(|(_, f)| f.peak_bytes) else {
            return Err(Error::internal("a plan without stages is over budget"));
        };
        Err(plan.over_budget(stage, worst, limits, scratch))
    }

    fn over_budget(
        &self,
        stage: usize,
        worst: &Footprint,
        limits: &Limits,
        scratch: Option<u64>,
    ) -> Error {
        let (what, tile) = match &self.stages[stage] {
            Stage::Pass(pass) => {
                let tile: Vec<usize> = pass.tiles.axes.iter().map(|a| a.longest()).collect();
                ("pass", tile)
            }
            Stage::Write(write) => (
                "write",
                write.chunks.axes.iter().map(|a| a.longest()).collect(),
            ),
        };
        let fixed = worst.resident_bytes + worst.exchange_bytes;
        let gathered: u64 = self
            .gathers
            .iter()
            .map(|(dtype, shape)| (shape.iter().product::<usize>() * dtype.size()) as u64)
            .sum();
        let advice = if let Some(bytes) = scratch {
            let bytes = format_bytes(bytes);
            format!(
                "let {bytes} of stored results go to files in a folder that all ranks see (`--scratch DIR`)"
            )
        } else if 2 * gathered > worst.peak_bytes {
            "save the result to a file instead of computing it onto rank 0".to_owned()
        } else if fixed > worst.task_bytes && !self.keeps.is_empty() {
            "use more ranks, or save to a file what `persist` would keep in memory".to_owned()
        } else if fixed > worst.task_bytes {
            "use more ranks, or save the result instead of computing it onto rank 0".to_owned()
        } else {
            format!("use smaller chunks than {tile:?} (with `chunk`, or by rechunking the file)")
        };
        Error::resource(format!(
            "the plan does not fit the memory budget: stage {stage} ({what} over pieces of {tile:?}) needs {} on rank {}: {} for \
             one task, {} for results and exchanged inputs; the budget is {} per rank. Raise it (`--memory {}`), or {advice}",
            format_bytes(worst.peak_bytes),
            worst.worst_rank,
            format_bytes(worst.task_bytes),
            format_bytes(fixed),
            format_bytes(limits.memory_bytes),
            format_bytes(worst.peak_bytes.next_multiple_of(1 << 20)).replace(' ', ""),
        ))
    }

    /// A stage reads only results of earlier stages.
    fn check_order(&self) -> Result<()> {
        for (number, stage) in self.stages.iter().enumerate() {
            let reads: Vec<_> = match stage {
                Stage::Pass(pass) => pass.arrays(),
                Stage::Write(write) => vec![write.array],
            };
            for array in reads {
                if let ArrayDecl::Result { stage, .. } = self.array(array)
                    && *stage as usize >= number
                {
                    return Err(Error::internal(format!(
                        "stage {number} reads array {} of stage {stage}",
                        array.0
                    )));
                }
            }
        }
        Ok(())
    }

    /// Every task has a rank: what a rank beyond the last one had to do would be missing without a word.
    fn check_placements(&self) -> Result<()> {
        for (number, stage) in self.stages.iter().enumerate() {
            let placement = match stage {
                Stage::Pass(pass) => &pass.placement,
                Stage::Write(write) => &write.placement,
            };
            if placement.working_ranks() > self.ranks {
                return Err(Error::internal(format!(
                    "stage {number} is placed on {:?} ranks, of which there are {}",
                    placement.parts, self.ranks
                )));
            }
        }
        Ok(())
    }

    /// Every storage chunk has exactly one writer: each variable has one writing sink or stage; pieces written as they
    /// finish hold whole chunks and are disjoint because tiles are.
    fn check_writers(&self) -> Result<()> {
        let mut writers = std::collections::HashMap::new();
        for stage in &self.stages {
            match stage {
                Stage::Pass(pass) => {
                    for sink in &pass.sinks {
                        for target in &sink.targets {
                            let SinkTarget::Write { file, variable } = target else {
                                continue;
                            };
                            *writers.entry((*file, *variable)).or_insert(0) += 1;
                            let spec = &self.files[*file as usize].variables[*variable as usize];
                            if spec.encoding.chunks.is_none() {
                                continue;
                            }
                            let chunk = spec.encoding.unit(&sink.shape)?;
                            let chunks = crate::geom::ChunkGrid::regular(&sink.shape, &chunk)?;
                            if !pass.piece_grid(sink).is_coarsening_of(&chunks) {
                                return Err(Error::internal(format!(
                                    "storage chunks of {} would have two writers",
                                    spec.name
                                )));
                            }
                        }
                        // The owner of every piece exists.
                        let geometry = SinkGeometry::new(pass.tiles.ndim(), sink.fold.as_ref());
                        if geometry.kept.len() != sink.shape.len() {
                            return Err(Error::internal("a sink's shape does not fit its axes"));
                        }
                    }
                }
                Stage::Write(write) => {
                    *writers.entry((write.file, write.variable)).or_insert(0) += 1;
                }
            }
        }
        for (file, spec) in self.files.iter().enumerate() {
            for (variable, spec) in spec.variables.iter().enumerate() {
                match writers
                    .get(&(file as u32, variable as u32))
                    .copied()
                    .unwrap_or(0)
                {
                    1 => {}
                    n => {
                        return Err(Error::internal(format!(
                            "output variable {} has {n} writers",
                            spec.name
                        )));
                    }
                }
            }
        }
        Ok(())
    }
}
