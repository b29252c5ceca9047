//! Differences between neighbours: shifted views, so that a tile needs a margin and nothing else.

use super::array::{Array, Operand};
use super::dtypes::can_cast;
use crate::dtype::{DType, Kind, Scalar};
use crate::error::{Error, Result};
use crate::geom::normalize_axis;
use std::sync::Arc;

/// Distance of the samples along an axis.
#[derive(Clone, Debug)]
pub enum Spacing {
    /// The same everywhere.
    Even(f64),
    /// Where each sample lies: one axis, as long as that of the samples.
    Coordinates(Array),
}

impl From<f64> for Spacing {
    fn from(step: f64) -> Self {
        Spacing::Even(step)
    }
}

impl From<&Array> for Spacing {
    fn from(coordinates: &Array) -> Self {
        Spacing::Coordinates(coordinates.clone())
    }
}

impl Array {
    /// The `n`-th difference of neighbours along `axis`, after `prepend` and `append` were put before and after the elements: arrays,
    /// or numbers that take this array's dtype. NumPy's `diff`; bools differ where they are not equal.
    #[must_use]
    #[track_caller]
    pub fn diff(
        &self,
        n: usize,
        axis: isize,
        prepend: Option<Operand>,
        append: Option<Operand>,
    ) -> Array {
        let shape = self.shape();
        if self.check().is_err() {
            return self.clone();
        }
        let axis = match normalize_axis("diff", axis, shape.len()) {
            Ok(axis) => axis,
            Err(error) => return Array::failed(self.session(), error),
        };
        if n == 0 {
            return self.clone();
        }
        let at = axis as isize;
        let beside = |operand: Operand| {
            let node = operand.node_beside(self);
            let array = Array::new(self.session().clone(), node);
            match array.check().is_ok() && array.ndim() == 0 {
                true => {
                    let mut one = shape.clone();
                    one[axis] = 1;
                    array.broadcast_to(&one)
                }
                false => array,
            }
        };
        let mut result = match prepend {
            Some(operand) => beside(operand).concat(&[self], at),
            None => self.clone(),
        };
        if let Some(operand) = append {
            result = result.concat(&[&beside(operand)], at);
        }
        for _ in 0..n {
            let (after, before) = (
                result.slice(at, Some(1), None, 1),
                result.slice(at, None, Some(-1), 1),
            );
            result = match result.dtype() {
                DType::Bool => after.ne(&before),
                _ => after.subtract(&before),
            };
        }
        result
    }

    /// The differences of neighbours in row-major order, between `to_begin` and `to_end`. NumPy's `ediff1d`.
    #[must_use]
    #[track_caller]
    pub fn ediff1d(&self, to_end: Option<&Array>, to_begin: Option<&Array>) -> Array {
        let (flat, dtype) = (self.ravel(), self.dtype());
        let wrong = [("to_end", to_end), ("to_begin", to_begin)]
            .into_iter()
            .filter_map(|(name, array)| Some((name, array?)))
            .find(|(_, array)| !can_cast(array.dtype(), dtype, "same_kind").is_ok_and(|c| c));
        if let (Some((name, array)), true) = (wrong, self.check().is_ok()) {
            return Array::failed(
                self.session(),
                Error::invalid(format!(
                    "ediff1d: {name} is {}, which does not become {dtype} under the rule \"same_kind\"; cast it first",
                    array.dtype()
                )),
            );
        }
        let mut result = match flat.shape() == [0] {
            // Of times nothing is left, but durations.
            true if dtype.is_time() => flat.subtract(&flat),
            true => flat,
            false => flat.diff(1, 0, None, None),
        };
        if let Some(begin) = to_begin {
            result = begin.ravel().astype(dtype).concat(&[&result], 0);
        }
        match to_end {
            Some(end) => result.concat(&[&end.ravel().astype(dtype)], 0),
            None => result,
        }
    }

    /// Central differences along `axes` (empty: all), one array per axis; at the borders one-sided ones of `edge_order` 1 or 2.
    /// `spacing` has nothing (1), one for all axes, or one per axis. NumPy's `gradient`: integers become f64.
    ///
    /// # Errors
    /// Invalid input when axes and spacings do not fit, an axis is too short, or the elements are not real or complex numbers.
    #[track_caller]
    pub fn gradient(
        &self,
        spacing: &[Spacing],
        axes: &[isize],
        edge_order: usize,
    ) -> Result<Vec<Array>> {
        self.check()?;
        let all: Vec<isize> = match axes {
            [] => (0..self.ndim() as isize).collect(),
            axes => axes.to_vec(),
        };
        if spacing.len() > 1 && spacing.len() != all.len() {
            return Err(Error::invalid(format!(
                "gradient: {} spacings for {} axes; give none, one, or one per axis",
                spacing.len(),
                all.len()
            )));
        }
        let made = all.iter().enumerate().map(|(number, axis)| {
            let even = Spacing::Even(1.0);
            let spacing = match spacing {
                [] => &even,
                [one] => one,
                several => &several[number],
            };
            let made = self.gradient_along(*axis, spacing, edge_order)?;
            made.check().map(|()| made)
        });
        made.collect()
    }

    fn gradient_along(&self, axis: isize, spacing: &Spacing, edge_order: usize) -> Result<Array> {
        let shape = self.shape();
        let axis = normalize_axis("gradient", axis, shape.len())?;
        let len = shape[axis];
        if !(1..=2).contains(&edge_order) {
            return Err(Error::invalid(format!(
                "gradient: edge_order {edge_order} is not allowed; give 1 or 2"
            )));
        }
        if len < edge_order + 1 {
            return Err(Error::invalid(format!(
                "gradient: axis {axis} has length {len}; edge_order {edge_order} needs at least {}",
                edge_order + 1
            )));
        }
        let dtype = self.dtype();
        let (work, dtype) = match dtype.kind() {
            Kind::Float | Kind::Complex => (self.clone(), dtype),
            Kind::Signed | Kind::Unsigned => (self.astype(DType::F64), DType::F64),
            Kind::Bool | Kind::Time => {
                return Err(Error::invalid(format!(
                    "gradient: not defined for {dtype}; allowed: numbers"
                )));
            }
        };
        let at = axis as isize;
        let part = |start: isize, stop: isize| {
            let stop = if stop == 0 { None } else { Some(stop) };
            work.slice(at, Some(start), stop, 1)
        };
        let one = |index: isize| part(index, index + 1);
        let n = len as isize;
        let (first, middle, last) = match spacing {
            Spacing::Even(h) => {
                let h = *h;
                let middle = (part(2, 0) - part(0, -2)) / (2.0 * h);
                let (first, last) = match edge_order {
                    1 => ((one(1) - one(0)) / h, (one(-1) - one(n - 2)) / h),
                    _ => (
                        one(0) * (-1.5 / h) + one(1) * (2.0 / h) + one(2) * (-0.5 / h),
                        one(n - 3) * (0.5 / h) + one(n - 2) * (-2.0 / h) + one(-1) * (1.5 / h),
                    ),
                };
                (first, middle, last)
            }
            Spacing::Coordinates(x) => {
                x.check()?;
                let given = x.shape();
                if given != [len] {
                    return Err(Error::invalid(format!(
                        "gradient: coordinates of shape {given:?} along axis {axis} of length {len}; allowed is shape [{len}]"
                    )));
                }
                let x = match x.dtype().is_float() {
                    true => x.clone(),
                    false => x.astype(DType::F64),
                };
                let steps = x.diff(1, 0, None, None);
                let along = |steps: Array| {
                    let mut to = shape.clone();
                    to[axis] = steps.shape().first().copied().unwrap_or(0);
                    steps.broadcast_axes(&[axis], &to)
                };
                let step = |index: isize| along(steps.slice(0, Some(index), Some(index + 1), 1));
                let last_step = along(steps.slice(0, Some(-1), None, 1));
                let before = along(steps.slice(0, None, Some(-1), 1));
                let after = along(steps.slice(0, Some(1), None, 1));
                let both = &before + &after;
                let a = (&after / &(&before * &both)).negative();
                let b = (&after - &before) / (&before * &after);
                let c = &before / &(&after * &both);
                let middle = a * part(0, -2) + b * part(1, -1) + c * part(2, 0);
                let (first, last) = match edge_order {
                    1 => (
                        (one(1) - one(0)) / step(0),
                        (one(-1) - one(n - 2)) / last_step,
                    ),
                    _ => {
                        let (p, q) = (step(0), step(1));
                        let sum = &p + &q;
                        let a = ((&p * 2.0 + &q) / (&p * &sum)).negative();
                        let b = &sum / &(&p * &q);
                        let c = (&p / &(&q * &sum)).negative();
                        let first = a * one(0) + b * one(1) + c * one(2);
                        let (p, q) = (step(n - 3), last_step);
                        let sum = &p + &q;
                        let a = &q / &(&p * &sum);
                        let b = (&sum / &(&p * &q)).negative();
                        let c = (&q * 2.0 + &p) / (&q * &sum);
                        (first, a * one(n - 3) + b * one(n - 2) + c * one(-1))
                    }
                };
                (first, middle, last)
            }
        };
        let parts = [first, middle, last].map(|part| part.astype(dtype));
        Ok(parts[0].concat(&[&parts[1], &parts[2]], at))
    }

    /// The integral along `axis` by the trapezoidal rule: samples at `x` (one axis, or the shape of this array), or `dx` apart.
    /// NumPy's `trapezoid`.
    #[must_use]
    #[track_caller]
    pub fn trapezoid(&self, x: Option<&Array>, dx: f64, axis: isize) -> Array {
        let shape = self.shape();
        let axis = match (self.check(), normalize_axis("trapezoid", axis, shape.len())) {
            (Err(_), _) => return self.clone(),
            (_, Err(error)) => return Array::failed(self.session(), error),
            (_, Ok(axis)) => axis,
        };
        let at = axis as isize;
        let sums = self
            .slice(at, Some(1), None, 1)
            .add(self.slice(at, None, Some(-1), 1));
        let steps: Operand = match x {
            None => Operand::Weak(Scalar::F64(dx)),
            Some(x) if !Arc::ptr_eq(x.session(), self.session()) => Operand::from(x),
            Some(x) if x.ndim() == 1 && x.check().is_ok() => {
                if x.shape() != [shape[axis]] {
                    let error = Error::invalid(format!(
                        "trapezoid: coordinates of shape {:?} along axis {axis} of length {}; allowed is shape [{1}]",
                        x.shape(),
                        shape[axis]
                    ));
                    return Array::failed(self.session(), error);
                }
                let mut to = shape.clone();
                to[axis] = shape[axis].saturating_sub(1);
                x.diff(1, 0, None, None).broadcast_axes(&[axis], &to).into()
            }
            Some(x) => x.diff(1, at, None, None).into(),
        };
        (sums.multiply(steps) / 2.0).sum(&[at])
    }
}
