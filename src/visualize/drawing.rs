//! What is drawn, whatever the format: boxes with lines of text, and edges between them.

use crate::error::{Error, Result};

/// What a box stands for; it decides the colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    /// A variable of a file.
    File,
    /// Elements in memory, or made of their indices.
    Source,
    /// Element by element.
    Map,
    /// Views and boxes side by side: nothing is computed.
    View,
    /// Operations on blocks.
    Call,
    /// Reductions.
    Reduce,
    /// A stage of the plan.
    Stage,
    /// A result.
    Output,
}

impl Kind {
    /// In a legend.
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::File => "file",
            Kind::Source => "memory or generated",
            Kind::Map => "element by element",
            Kind::View => "view",
            Kind::Call => "on blocks",
            Kind::Reduce => "reduction",
            Kind::Stage => "stage",
            Kind::Output => "result",
        }
    }

    /// Fill and border.
    pub(super) fn colours(self) -> (&'static str, &'static str) {
        match self {
            Kind::File => ("#dbeafe", "#2563eb"),
            Kind::Source => ("#e0f2f1", "#0f766e"),
            Kind::Map => ("#f8fafc", "#64748b"),
            Kind::View => ("#f5f3ff", "#7c3aed"),
            Kind::Call => ("#fef3c7", "#b45309"),
            Kind::Reduce => ("#fce7f3", "#be185d"),
            Kind::Stage => ("#fffbeb", "#92400e"),
            Kind::Output => ("#dcfce7", "#15803d"),
        }
    }
}

/// A box: the first line is its title.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) lines: Vec<String>,
}

/// An arrow, and what it carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edge {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) text: String,
}

/// One graph under its title. Law: edges lead from boxes of lower numbers to those of higher ones.
#[derive(Clone, Debug, Default)]
pub(super) struct Drawing {
    pub(super) title: String,
    pub(super) nodes: Vec<Node>,
    pub(super) edges: Vec<Edge>,
    /// Lines below the graph.
    pub(super) notes: Vec<String>,
}

impl Drawing {
    pub(super) fn push(&mut self, kind: Kind, lines: Vec<String>) -> usize {
        self.nodes.push(Node { kind, lines });
        self.nodes.len() - 1
    }

    /// An edge; equal ones are one.
    pub(super) fn link(&mut self, from: usize, to: usize, text: impl Into<String>) {
        let text = text.into();
        let edge = Edge { from, to, text };
        if !self.edges.contains(&edge) {
            self.edges.push(edge);
        }
    }
}

/// Which graphs of a run are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Parts {
    /// All three, one below the other.
    #[default]
    All,
    /// The graph as it was written.
    Graph,
    /// The graph after the rewrite rules.
    Optimized,
    /// The stages of the plan.
    Stages,
}

impl std::str::FromStr for Parts {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "all" => Ok(Parts::All),
            "graph" => Ok(Parts::Graph),
            "optimized" => Ok(Parts::Optimized),
            "stages" => Ok(Parts::Stages),
            other => Err(Error::invalid(format!(
                "graph: unknown part {other:?}; known: all, graph, optimized, stages"
            ))),
        }
    }
}
