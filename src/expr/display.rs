//! One line per node, for snapshots and `plan`.

use super::graph::Graph;
use super::node::{MapOp, Node, SourceDecl};
use std::fmt;

impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for id in 0..self.len() as u32 {
            let id = super::NodeId(id);
            let schema = self.schema(id);
            write!(f, "#{} {}{:?} = ", id.0, schema.dtype, schema.shape)?;
            match self.node(id) {
                Node::Source(number) => match &self.sources()[*number as usize] {
                    SourceDecl::File(spec) => {
                        let name = spec.file.path.file_name().unwrap_or_default();
                        write!(f, "read {} of {}", spec.variable, name.to_string_lossy())?;
                    }
                    SourceDecl::Memory { .. } => write!(f, "memory")?,
                    SourceDecl::Held { .. } => write!(f, "held by the ranks")?,
                    SourceDecl::Generated { generator, .. } => write!(f, "{}", generator.name())?,
                },
                Node::Fill(value) => write!(f, "fill {value}")?,
                Node::Map(op, inputs) => {
                    let name = match op {
                        MapOp::Unary(op) => op.name(),
                        MapOp::Binary(op) => op.name(),
                        MapOp::Where => "where",
                        MapOp::Cast => "cast",
                    };
                    let inputs: Vec<String> = inputs.iter().map(|i| format!("#{}", i.0)).collect();
                    write!(f, "{name}({})", inputs.join(", "))?;
                }
                Node::Select(input, select) => {
                    let axes: Vec<String> = select
                        .axes
                        .iter()
                        .map(|axis| match axis.parent {
                            Some(parent) => {
                                format!(
                                    "{parent}:{}+{}x{}",
                                    select.base[parent], axis.step, axis.len
                                )
                            }
                            None => format!("new x{}", axis.len),
                        })
                        .collect();
                    write!(f, "select #{} [{}]", input.0, axes.join(", "))?;
                }
                Node::Reduce {
                    input,
                    reduction,
                    axes,
                    group,
                } => {
                    write!(f, "{reduction} #{} axes {axes:?}", input.0)?;
                    if let Some(group) = group {
                        write!(f, " axis {} in {} groups", group.axis, group.groups)?;
                    }
                }
                Node::Assemble(inputs, starts) => {
                    let parts: Vec<String> = inputs
                        .iter()
                        .zip(starts)
                        .map(|(input, start)| format!("#{} at {start:?}", input.0))
                        .collect();
                    write!(f, "assemble {}", parts.join(", "))?;
                }
                Node::Call(op, inputs) => {
                    let inputs: Vec<String> = inputs.iter().map(|i| format!("#{}", i.0)).collect();
                    write!(f, "{}({})", op.name(), inputs.join(", "))?;
                }
                Node::Rechunk(input, chunk) => write!(f, "rechunk #{} to {chunk:?}", input.0)?,
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
