//! Shapes: the same elements under other axes, and arrays put together.

use super::array::Array;
use crate::error::Error;
use crate::geom::normalize_axis;
use crate::op::Reshape;

impl Array {
    /// The same elements in row-major order under another shape; one length may be −1: what remains. NumPy's `reshape`.
    #[must_use]
    #[track_caller]
    pub fn reshape(&self, shape: &[isize]) -> Array {
        let elements: usize = self.shape().iter().product();
        self.push(|g, a| {
            let known: usize = shape.iter().filter(|len| **len >= 0).map(|len| *len as usize).product();
            let open = shape.iter().filter(|len| **len < 0).count();
            let refused = || {
                Error::invalid(format!(
                    "reshape: {elements} elements cannot become shape {shape:?}; the product of the lengths must be {elements}, and \
                     at most one length may be -1"
                ))
            };
            if open > 1 || shape.iter().any(|len| *len < -1) || (open == 1 && (known == 0 || elements % known != 0)) {
                return Err(refused());
            }
            let shape: Vec<usize> = shape
                .iter()
                .map(|len| if *len < 0 { elements / known } else { *len as usize })
                .collect();
            if shape.iter().product::<usize>() != elements {
                return Err(refused());
            }
            if g.shape(a) == shape {
                return Ok(a);
            }
            g.call(Reshape { shape }, vec![a])
        })
    }

    /// This array and `others` one after another along `axis`. NumPy's `concat` (`concatenate`).
    #[must_use]
    #[track_caller]
    pub fn concat(&self, others: &[&Array], axis: isize) -> Array {
        let nodes: crate::error::Result<Vec<_>> = others.iter().map(|array| array.node()).collect();
        self.push(|g, a| {
            let mut parts = vec![a];
            parts.extend(nodes?);
            let mut shape = g.shape(a).to_vec();
            let axis = normalize_axis("concat", axis, shape.len())?;
            shape[axis] = 0;
            let mut placed = Vec::with_capacity(parts.len());
            for (number, part) in parts.into_iter().enumerate() {
                let lengths = g.shape(part);
                let fits = lengths.len() == shape.len()
                    && (0..shape.len()).all(|k| k == axis || lengths[k] == g.shape(a)[k]);
                if !fits {
                    return Err(Error::invalid(format!(
                        "concat: array {number} has shape {lengths:?}, the first one {:?}; all axes but axis {axis} must agree",
                        g.shape(a)
                    )));
                }
                let mut start = vec![0; shape.len()];
                start[axis] = shape[axis];
                shape[axis] += lengths[axis];
                placed.push((part, start));
            }
            g.assemble(&shape, placed)
        })
    }
}
