//! Kernels of the user's program over boxes with margins: dask's `map_blocks` and `map_overlap`.

use super::array::Array;
use super::pad::{PadMode, pad};
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result};
use crate::kernel::registered_kernel;
use crate::op::User;

/// What a kernel sees beyond the borders of the array: dask's choices.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Boundary {
    /// Nothing: margins end at the border.
    None,
    /// This value.
    Constant(Scalar),
    /// The border element.
    Nearest,
    /// The array mirrored at its border, whose element is repeated.
    Reflect,
    /// The other end.
    Periodic,
}

impl Boundary {
    fn pad(self) -> Option<PadMode> {
        match self {
            Boundary::None => None,
            Boundary::Constant(value) => Some(PadMode::Constant(vec![(value, value)])),
            Boundary::Nearest => Some(PadMode::Edge),
            Boundary::Reflect => Some(PadMode::Symmetric),
            Boundary::Periodic => Some(PadMode::Wrap),
        }
    }
}

impl Array {
    /// A registered kernel (see [`register_kernel`](crate::kernel::register_kernel)) over this array and `others` of its shape
    /// (or broadcast to it), box by box. It gives elements of `dtype`. Boxes are the tiles of the plan, not the chunks of the
    /// arrays: an element must not depend on the box that it is in.
    #[must_use]
    #[track_caller]
    pub fn map_blocks(
        &self,
        kernel: &str,
        others: &[&Array],
        dtype: DType,
        params: &[f64],
    ) -> Array {
        self.user(
            "map_blocks",
            kernel,
            others,
            &[0],
            &[Boundary::None],
            dtype,
            params,
        )
    }

    /// As [`Array::map_blocks`], with a margin of `depth` elements on either side (one, or one per axis); `boundary` says what lies
    /// beyond the array (one, or one per axis).
    #[must_use]
    #[track_caller]
    pub fn map_overlap(
        &self,
        kernel: &str,
        others: &[&Array],
        depth: &[usize],
        boundary: &[Boundary],
        dtype: DType,
        params: &[f64],
    ) -> Array {
        self.user(
            "map_overlap",
            kernel,
            others,
            depth,
            boundary,
            dtype,
            params,
        )
    }

    #[allow(clippy::too_many_arguments)] // The two methods above in one.
    #[track_caller]
    fn user(
        &self,
        name: &str,
        kernel: &str,
        others: &[&Array],
        depth: &[usize],
        boundary: &[Boundary],
        dtype: DType,
        params: &[f64],
    ) -> Array {
        let others: Result<Vec<_>> = others.iter().map(|array| array.node()).collect();
        self.push(|g, a| {
            registered_kernel(name, kernel)?;
            let shape = g.shape(a).to_vec();
            let depth = one_or_each(name, "depths", depth, shape.len())?;
            let boundary = one_or_each(name, "boundaries", boundary, shape.len())?;
            let mut inputs = vec![a];
            for other in others? {
                inputs.push(g.broadcast_to(other, &shape)?);
            }
            if shape.contains(&0) {
                return g.fill(Scalar::zero(dtype), &shape);
            }
            for input in &mut inputs {
                for axis in 0..shape.len() {
                    if let (Some(mode), true) = (boundary[axis].pad(), depth[axis] > 0) {
                        let mut width = vec![(0, 0); shape.len()];
                        width[axis] = (depth[axis], depth[axis]);
                        *input = pad(g, *input, &width, &mode)?;
                    }
                }
            }
            let op = User {
                name: kernel.to_owned(),
                params: params.to_vec(),
                clipped: boundary.iter().map(|b| *b == Boundary::None).collect(),
                depth,
                dtype,
            };
            g.call(op, inputs)
        })
    }
}

fn one_or_each<T: Copy>(name: &str, what: &str, given: &[T], ndim: usize) -> Result<Vec<T>> {
    match given {
        [one] => Ok(vec![*one; ndim]),
        given if given.len() == ndim => Ok(given.to_vec()),
        given => Err(Error::invalid(format!(
            "{name}: {} {what} for {ndim} axes; give one, or one per axis",
            given.len()
        ))),
    }
}
