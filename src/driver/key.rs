//! What a run is: everything that its bits depend on, so that only the same run goes on from its journal.

use super::session::{Save, Session};
use crate::block::Block;
use crate::expr::{DataId, Graph, Node, SourceDecl};
use crate::io::journal::{InputKey, RunKey, Sha};
use crate::kernel::registry_hash;
use crate::plan::{ArrayDecl, Plan, Prepared, Stage};
use crate::spec::FileId;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Attributes that say when and from what an output was made.
const NOT_ITS_OWN: [&str; 2] = ["history", "provenance"];

/// Digest of what a graph computes, but for the state of the files that it reads.
pub(super) fn graph_digest(prepared: &Prepared) -> String {
    let mut sha = Sha::default();
    sha.debug(&(&prepared.requests, prepared.tiling.elements));
    let mut stored: Vec<_> = prepared.stored.iter().collect();
    stored.sort();
    sha.debug(&stored);
    nodes(&prepared.graph, &mut sha);
    sha.hex()
}

fn nodes(graph: &Graph, sha: &mut Sha) {
    for id in (0..graph.len() as u32).map(crate::expr::NodeId) {
        let schema = graph.schema(id);
        sha.debug(&(schema.dtype, &schema.shape));
        let node = graph.node(id);
        let Node::Source(number) = node else {
            sha.debug(node);
            continue;
        };
        match &graph.sources()[*number as usize] {
            SourceDecl::File(spec) => {
                let mut spec = spec.clone();
                spec.file = FileId {
                    path: spec.file.path,
                    bytes: 0,
                    modified_ns: 0,
                };
                sha.debug(&spec);
            }
            // Where it lies depends on the ranks.
            SourceDecl::Held {
                data, dtype, shape, ..
            } => sha.debug(&(data, dtype, shape)),
            other => sha.debug(other),
        }
    }
}

/// The files that a plan reads, each once.
fn inputs(plan: &Plan) -> Vec<InputKey> {
    let mut seen = BTreeSet::new();
    let mut inputs = Vec::new();
    for array in &plan.arrays {
        if let ArrayDecl::File(spec) = array
            && seen.insert(&spec.file.path)
        {
            inputs.push(InputKey {
                path: spec.file.path.display().to_string(),
                bytes: spec.file.bytes,
                modified_ns: spec.file.modified_ns,
            });
        }
    }
    inputs
}

/// Digest of the blocks that a plan names.
fn data(plan: &Plan, blocks: &HashMap<DataId, Arc<Block>>) -> String {
    let mut used = BTreeSet::new();
    for array in &plan.arrays {
        if let ArrayDecl::Memory { data, .. } = array {
            used.insert(data.0);
        }
    }
    for stage in &plan.stages {
        if let Stage::Pass(pass) = stage {
            let folds = pass.sinks.iter().filter_map(|sink| sink.fold.as_ref());
            used.extend(folds.filter_map(|fold| Some(fold.group?.codes.0)));
        }
    }
    let mut sha = Sha::default();
    for id in used {
        if let Some(block) = blocks.get(&DataId(id)) {
            add(&mut sha, block);
        }
    }
    sha.hex()
}

fn add(sha: &mut Sha, block: &Block) {
    sha.debug(&(block.dtype(), block.shape()));
    sha.bytes(block.buffer().as_bytes());
}

/// Digest of the descriptions of outputs and of what they are given with.
fn outputs(plan: &Plan, files: &[Save]) -> String {
    let mut sha = Sha::default();
    for (spec, file) in plan.files.iter().zip(files) {
        let attrs = spec.attrs.0.iter();
        let own: Vec<_> = attrs
            .filter(|(name, _)| !NOT_ITS_OWN.contains(&name.as_str()))
            .collect();
        sha.debug(&(spec.format, &spec.dims, own, &spec.variables));
        for (spec, block) in &file.inline {
            sha.debug(spec);
            add(&mut sha, block);
        }
        sha.debug(&file.texts);
    }
    sha.hex()
}

impl Session {
    /// What the run of a plan is.
    pub(super) fn run_key(&self, plan: &Plan, files: &[Save]) -> RunKey {
        let (graph, blocks, before) = self.facts();
        let mut of_data = Sha::default();
        // What the ranks hold of earlier runs was made by those.
        of_data.debug(&(data(plan, &blocks), before));
        RunKey {
            version: format!("{} ({:x})", env!("CARGO_PKG_VERSION"), registry_hash()),
            graph,
            outputs: outputs(plan, files),
            data: of_data.hex(),
            inputs: inputs(plan),
        }
    }
}
