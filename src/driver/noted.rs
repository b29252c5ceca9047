//! What a session notes of its runs for the report and for the provenance of outputs: plans, inputs, a number that stands for both.

use super::forecast::{StoredSizes, forecast};
use crate::config::Limits;
use crate::observe::{Expected, InputFact, PlannedStage, StageRecord};
use crate::plan::{ArrayDecl, Machine, Plan, Profile, ReadyPlan};
use serde_json::{Value, json};

/// Inputs that a provenance lists one by one.
const MOST_LISTED: usize = 16;

/// What was planned and read so far.
#[derive(Clone, Debug, Default)]
pub struct Noted {
    /// Files that were read, each once.
    pub inputs: Vec<InputFact>,
    /// Stages of all runs.
    pub stages: Vec<PlannedStage>,
    /// The plans themselves, with the numbers of their runs.
    plans: Vec<(u32, ReadyPlan)>,
    hash: u32,
}

impl Noted {
    /// Notes a plan before it runs, as run number `run`.
    pub(super) fn note(&mut self, plan: &ReadyPlan, run: u64, hash: u32) {
        self.hash = crc32c::crc32c_append(self.hash, &hash.to_le_bytes());
        for input in inputs(plan.plan()) {
            if !self.inputs.contains(&input) {
                self.inputs.push(input);
            }
        }
        self.plans.push((run as u32, plan.clone()));
        let stages = plan.footprints().iter().zip(&plan.plan().stages);
        for (number, (footprint, stage)) in stages.enumerate() {
            self.stages.push(PlannedStage {
                run: run as u32,
                stage: number as u32,
                text: plan.plan().stage_text(stage),
                peak_bytes: footprint.peak_bytes,
                decoded_bytes: footprint.decoded_bytes,
                moved_bytes: footprint.moved_bytes,
                messages: footprint.messages,
                written_bytes: footprint.written_bytes,
                tasks: footprint.tasks,
            });
        }
    }

    /// How long the runs were to take on `hosts` nodes by the machine profile of this user; `None` where none was measured, or it
    /// cannot be read.
    pub(super) fn expected(&self, limits: &Limits, hosts: usize) -> Option<Expected> {
        let profile = match Profile::load(None, limits.threads) {
            Ok(profile) => profile,
            Err(error) => {
                tracing::warn!("the report has no expected times: {error}");
                return None;
            }
        };
        if !profile.is_measured() {
            return None;
        }
        let ranks = self.plans.first().map_or(1, |(_, plan)| plan.plan().ranks);
        let mut machine = Machine::filled(&profile, profile.cores, limits.threads);
        machine.ranks_per_node = ranks.div_ceil(hosts.max(1));
        let mut stages = Vec::new();
        for (run, plan) in &self.plans {
            let sizes = StoredSizes::of(std::slice::from_ref(plan));
            let estimate = forecast(plan, &sizes, &machine, limits).estimate;
            stages.push((*run, StageRecord::BESIDE, estimate.fixed_s));
            let numbered = (0u32..).zip(&estimate.stages);
            stages.extend(numbered.map(|(number, stage)| (*run, number, stage.total_s)));
        }
        Some(Expected {
            profile: format!("{} (measured {})", profile.machine, profile.measured),
            seconds: stages.iter().map(|stage| stage.2).sum(),
            stages,
        })
    }

    /// The number of all plans together.
    pub fn hash(&self) -> String {
        format!("{:08x}", self.hash)
    }
}

/// The files that a plan reads, each once.
fn inputs(plan: &Plan) -> Vec<InputFact> {
    let mut inputs: Vec<InputFact> = Vec::new();
    for array in &plan.arrays {
        let ArrayDecl::File(spec) = array else {
            continue;
        };
        let input = InputFact {
            path: spec.file.path.display().to_string(),
            bytes: spec.file.bytes,
            modified_ns: u64::try_from(spec.file.modified_ns).unwrap_or(0),
        };
        // Variables of one file follow each other.
        if inputs.last() != Some(&input) && !inputs.contains(&input) {
            inputs.push(input);
        }
    }
    inputs
}

/// Where an output comes from, as an attribute of it: the same on any number of ranks.
pub(super) fn provenance(plan: &Plan, hash: u32) -> String {
    let inputs = inputs(plan);
    let listed = |input: &InputFact| json!({"path": input.path, "bytes": input.bytes, "modified_ns": input.modified_ns});
    let listed: Vec<Value> = inputs.iter().take(MOST_LISTED).map(listed).collect();
    let mut text = json!({
        "hyperslab": env!("CARGO_PKG_VERSION"),
        "plan": format!("{hash:08x}"),
        "inputs": listed,
    });
    if inputs.len() > MOST_LISTED {
        text["inputs_in_all"] = json!(inputs.len());
        text["bytes_in_all"] = json!(inputs.iter().map(|input| input.bytes).sum::<u64>());
    }
    text.to_string()
}
