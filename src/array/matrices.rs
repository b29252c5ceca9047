//! Matrices by their diagonals: made from the indices of their elements, stored nowhere.

use super::array::Array;
use super::ranges::index_along;
use crate::driver::Driver;
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result};
use crate::expr::{Graph, NodeId};
use crate::geom::{Select, normalize_axis};
use crate::op::BinaryOp;
use std::panic::Location;

impl Array {
    /// The lower triangle of the last two axes, with `k` diagonals above the main one; zeros elsewhere. NumPy's `tril`.
    #[must_use]
    #[track_caller]
    pub fn tril(&self, k: isize) -> Array {
        self.triangle("tril", BinaryOp::LessEqual, k)
    }

    /// The upper triangle of the last two axes, from diagonal `k` on; zeros elsewhere. NumPy's `triu`.
    #[must_use]
    #[track_caller]
    pub fn triu(&self, k: isize) -> Array {
        self.triangle("triu", BinaryOp::GreaterEqual, k)
    }

    #[track_caller]
    fn triangle(&self, name: &str, compare: BinaryOp, k: isize) -> Array {
        self.push(|g, a| {
            let shape = g.shape(a).to_vec();
            let [.., _, _] = shape.as_slice() else {
                return Err(Error::invalid(format!(
                    "{name}: the array has shape {shape:?}; at least two axes are needed"
                )));
            };
            let kept = diagonals(g, &shape[shape.len() - 2..], compare, k)?;
            let zero = g.fill(Scalar::zero(g.dtype(a)), &[])?;
            g.where_(kept, a, zero)
        })
    }

    /// A matrix with this vector on diagonal `k` and zeros elsewhere; of a matrix, its diagonal `k`. NumPy's `diag`.
    #[must_use]
    #[track_caller]
    pub fn diag(&self, k: isize) -> Array {
        if self.ndim() != 1 {
            return match self.check().is_err() || self.ndim() == 2 {
                true => self.diagonal(k, 0, 1),
                false => Array::failed(
                    self.session(),
                    Error::invalid(format!(
                        "diag: the array has shape {:?}; one or two axes are allowed",
                        self.shape()
                    )),
                ),
            };
        }
        self.push(|g, a| {
            let len = g.shape(a)[0];
            let side = len + k.unsigned_abs();
            let zero = Scalar::zero(g.dtype(a));
            // Row i holds element i for k ≥ 0; for k < 0 it is the columns that count.
            let rest = g.fill(zero, &[k.unsigned_abs()])?;
            let long = g.assemble(&[side], vec![(a, vec![0]), (rest, vec![len])])?;
            let shape = [side, side];
            let spread = g.select(
                long,
                Select::broadcast(&[side], &[usize::from(k < 0)], &shape),
            )?;
            let kept = diagonals(g, &shape, BinaryOp::Equal, k)?;
            let zero = g.fill(zero, &[])?;
            g.where_(kept, spread, zero)
        })
    }

    /// Diagonal `offset` of the axes `axis1` and `axis2`, as a last axis. NumPy's `diagonal`.
    #[must_use]
    #[track_caller]
    pub fn diagonal(&self, offset: isize, axis1: isize, axis2: isize) -> Array {
        let shape = self.shape();
        let axes = normalize_axis("diagonal", axis1, shape.len())
            .and_then(|one| normalize_axis("diagonal", axis2, shape.len()).map(|two| (one, two)));
        let (one, two) = match axes {
            _ if self.check().is_err() => return self.clone(),
            Ok((one, two)) if one != two => (one, two),
            Ok((one, _)) => {
                return Array::failed(
                    self.session(),
                    Error::invalid(format!(
                        "diagonal: axis1 and axis2 are both axis {one}; they must differ"
                    )),
                );
            }
            Err(error) => return Array::failed(self.session(), error),
        };
        let mut order: Vec<usize> = (0..shape.len())
            .filter(|a| *a != one && *a != two)
            .collect();
        let lead: Vec<isize> = order.iter().map(|a| shape[*a] as isize).collect();
        order.extend([one, two]);
        let (rows, columns) = (shape[one], shape[two]);
        let shift = offset.unsigned_abs();
        let (start, len) = match offset >= 0 {
            true => (shift, rows.min(columns.saturating_sub(shift))),
            false => (shift * columns, columns.min(rows.saturating_sub(shift))),
        };
        // In row-major order the elements of a diagonal lie evenly.
        let flat: Vec<isize> = lead
            .iter()
            .copied()
            .chain([(rows * columns) as isize])
            .collect();
        let flat = self.transpose(&order).reshape(&flat);
        if len == 0 {
            return flat.slice(-1, Some(0), Some(0), 1);
        }
        let stop = start + (len - 1) * (columns + 1) + 1;
        flat.slice(
            -1,
            Some(start as isize),
            Some(stop as isize),
            columns as isize + 1,
        )
    }
}

/// Where `column − row` compares so with `k`, for a matrix of `shape`.
fn diagonals(g: &mut Graph, shape: &[usize], compare: BinaryOp, k: isize) -> Result<NodeId> {
    let (row, column) = (index_along(g, shape, 0)?, index_along(g, shape, 1)?);
    let distance = g.binary(BinaryOp::Subtract, column, row)?;
    let k = g.fill(Scalar::I64(k as i64), &[])?;
    g.binary(compare, distance, k)
}

impl Driver {
    /// Ones on diagonal `k` of `rows` × `columns` (`None`: as many as rows), zeros elsewhere, float64. NumPy's `eye`.
    #[track_caller]
    pub fn eye(&self, rows: usize, columns: Option<usize>, k: isize) -> Array {
        let session = self.session();
        let location = Location::caller();
        let shape = [rows, columns.unwrap_or(rows)];
        let node = session.with_graph(|g| {
            let ones = diagonals(g, &shape, BinaryOp::Equal, k)?;
            g.cast(ones, DType::F64)
        });
        Array::new(session.clone(), node.map_err(|e| e.at_call(location)))
    }

    /// The identity matrix, float64. NumPy's `identity`.
    #[track_caller]
    pub fn identity(&self, n: usize) -> Array {
        self.eye(n, None, 0)
    }

    /// Ones at and below diagonal `k`, zeros above, float64. NumPy's `tri`.
    #[track_caller]
    pub fn tri(&self, rows: usize, columns: Option<usize>, k: isize) -> Array {
        self.full(&[rows, columns.unwrap_or(rows)], 1.0).tril(k)
    }
}
