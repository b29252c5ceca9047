//! `visualize` of arrays and datasets, and the page of several runs.

use super::boxes::graph_drawing;
use super::dot::dot;
use super::drawing::{Drawing, Parts};
use super::stages::stages_drawing;
use super::svg::svg;
use crate::array::Array;
use crate::driver::{Session, Trace, Wanted};
use crate::error::{Error, Fault, Result};
use crate::io::check_file;
use crate::labelled::{DataArray, Dataset};
use std::path::Path;

fn drawings(traces: &[Trace], parts: Parts) -> Vec<Drawing> {
    let mut made = Vec::new();
    for (number, trace) in traces.iter().enumerate() {
        let run = match traces.len() {
            1 => String::new(),
            _ => format!("Run {number}: "),
        };
        let drawn = |part| parts == Parts::All || parts == part;
        if drawn(Parts::Graph) {
            made.push(graph_drawing(
                &format!("{run}the graph as it was written"),
                &trace.graph,
                &trace.outputs,
                &trace.wanted,
                &trace.files,
            ));
        }
        if drawn(Parts::Optimized) {
            let mut drawing = graph_drawing(
                &format!("{run}after the rewrite rules"),
                &trace.optimized.graph,
                &trace.optimized.outputs,
                &trace.wanted,
                &trace.files,
            );
            drawing.notes.extend(trace.optimized.notes.iter().cloned());
            made.push(drawing);
        }
        if drawn(Parts::Stages) {
            let title = format!("{run}the stages of the plan");
            made.push(match &trace.plan {
                Ok(plan) => {
                    let ranks = plan.plan().ranks;
                    let plural = if ranks == 1 { "" } else { "s" };
                    stages_drawing(&format!("{title}, for {ranks} rank{plural}"), plan)
                }
                Err(error) => Drawing {
                    title,
                    notes: vec![format!("there is no plan: {}", error.message())],
                    ..Drawing::default()
                },
            });
        }
    }
    for drawing in &mut made {
        drawing.notes = counted(std::mem::take(&mut drawing.notes));
    }
    made
}

/// Each note once, in the order of the first ones: of many files a planner says the same of each.
fn counted(notes: Vec<String>) -> Vec<String> {
    let mut counts: Vec<(String, usize)> = Vec::new();
    for note in notes {
        match counts.iter_mut().find(|(known, _)| *known == note) {
            Some((_, count)) => *count += 1,
            None => counts.push((note, 1)),
        }
    }
    let told = counts.into_iter().map(|(note, count)| match count {
        1 => note,
        count => format!("{note} (× {count})"),
    });
    told.collect()
}

/// The text of a page: SVG, or DOT where the path ends in `.dot` or `.gv`.
///
/// # Errors
/// Output for other endings.
pub fn render(path: &Path, title: &str, traces: &[Trace], parts: Parts) -> Result<String> {
    let ending = path
        .extension()
        .map(|e| e.to_string_lossy().to_ascii_lowercase());
    match ending.as_deref() {
        Some("svg") => Ok(svg(title, &drawings(traces, parts))),
        Some("dot" | "gv") => Ok(dot(title, &drawings(traces, parts))),
        _ => Err(Error::new(
            Fault::Output,
            format!(
                "graph: {}: the format follows from the name; known: .svg, .dot, .gv",
                path.display()
            ),
        )),
    }
}

/// Writes a page under a temporary name, then gives it its own.
pub(crate) fn publish(path: &Path, text: &str, session: &Session) -> Result<()> {
    check_file("graph", path, session.overwrite())?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let part = path.with_file_name(format!(".{name}.hyperslab-{}.part", std::process::id()));
    let written = std::fs::write(&part, text).and_then(|()| std::fs::rename(&part, path));
    written.map_err(|e| {
        let _ = std::fs::remove_file(&part);
        Error::new(Fault::Io, format!("graph: writing {}: {e}", path.display()))
    })
}

fn visualize(session: &Session, arrays: &[&Array], path: &Path, title: &str) -> Result<()> {
    let nodes = arrays.iter().map(|a| a.node().map(Wanted::Block));
    let wanted = nodes.collect::<Result<Vec<_>>>()?;
    let trace = session.trace(&wanted, Vec::new())?;
    let text = render(path, title, &[trace], Parts::All)?;
    match session.dry() {
        true => Ok(()),
        false => publish(path, &text, session),
    }
}

impl Array {
    /// Draws the graph of the array, before and after optimisation, and the stages that would compute it: as SVG, or DOT where
    /// the path ends in `.dot`. Nothing is computed. dask's `visualize`.
    ///
    /// # Errors
    /// The first error of the array's making; output errors.
    pub fn visualize(&self, path: impl AsRef<Path>) -> Result<()> {
        self.check()?;
        visualize(self.session(), &[self], path.as_ref(), &self.to_string())
    }
}

impl DataArray {
    /// As [`Array::visualize`].
    ///
    /// # Errors
    /// As [`Array::visualize`].
    pub fn visualize(&self, path: impl AsRef<Path>) -> Result<()> {
        self.check()?;
        let array = self.array();
        let title = format!(
            "{} ({})",
            self.name().unwrap_or("array"),
            self.dims().join(", ")
        );
        visualize(array.session(), &[array], path.as_ref(), &title)
    }
}

impl Dataset {
    /// As [`Array::visualize`], of all variables together.
    ///
    /// # Errors
    /// As [`Array::visualize`].
    pub fn visualize(&self, path: impl AsRef<Path>) -> Result<()> {
        self.check()?;
        let arrays: Vec<&Array> = self.variables().iter().map(DataArray::array).collect();
        let Some(first) = arrays.first() else {
            return Err(Error::invalid(
                "visualize: the dataset has no variable, and nothing would be computed",
            ));
        };
        let names: Vec<&str> = self
            .variables()
            .iter()
            .filter_map(DataArray::name)
            .collect();
        visualize(first.session(), &arrays, path.as_ref(), &names.join(", "))
    }
}
