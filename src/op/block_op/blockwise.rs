//! Kernels of the user's program that make pieces: from nothing but indices and parameters, or from boxes of inputs that axes
//! with labels tie to the result.

use super::Family;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::geom::Region;
use serde::{Deserialize, Serialize};

/// A registered kernel that makes an array piece by piece. A piece is made whole, in one call; an axis without a piece length
/// is cut as the plan likes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Blockwise {
    /// What the user called.
    pub operation: Made,
    /// The kernel's name in the registry of every rank.
    pub kernel: String,
    /// Numbers that it takes.
    pub params: Vec<f64>,
    /// Per input and axis of it: the axis of the result that it walks along; `None`: the kernel gets it whole.
    pub inputs: Vec<Vec<Option<usize>>>,
    /// Lengths of the result.
    pub shape: Vec<usize>,
    /// Per axis of the result the length of a piece; 0: any box will do.
    pub piece: Vec<usize>,
    /// Dtype of the result.
    pub dtype: DType,
}

/// The public names of these operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Made {
    FromFn,
    FromBlocks,
    FromDelayed,
    Blockwise,
    /// The axis that the kernel gets whole.
    AlongAxis(usize),
}

impl Blockwise {
    /// The pieces that `wanted` (not empty) touches, as one box.
    pub fn whole_pieces(&self, wanted: &Region) -> Region {
        let mut region = wanted.clone();
        for (axis, piece) in self.piece.iter().enumerate() {
            if *piece > 0 {
                let start = wanted.start[axis] / piece * piece;
                let end = wanted.end(axis).next_multiple_of(*piece);
                region.start[axis] = start;
                region.shape[axis] = end.min(self.shape[axis]) - start;
            }
        }
        region
    }
}

impl Family for Blockwise {
    fn name(&self) -> &'static str {
        match self.operation {
            Made::FromFn => "from_fn",
            Made::FromBlocks => "from_blocks",
            Made::FromDelayed => "from_delayed",
            Made::Blockwise => "blockwise",
            Made::AlongAxis(_) => "apply_along_axis",
        }
    }

    fn result(&self, inputs: &[(DType, &[usize])]) -> Result<(DType, Vec<usize>)> {
        let fits = |axes: &[Option<usize>], shape: &[usize]| {
            let each = |axis: &Option<usize>, len: &usize| match axis {
                None => true,
                Some(axis) => *len == 1 || self.shape.get(*axis) == Some(len),
            };
            axes.len() == shape.len() && axes.iter().zip(shape).all(|(a, len)| each(a, len))
        };
        let all = self.inputs.len() == inputs.len()
            && self.piece.len() == self.shape.len()
            && self.inputs.iter().zip(inputs).all(|(a, i)| fits(a, i.1));
        match all {
            true => Ok((self.dtype, self.shape.clone())),
            false => Err(Error::internal(format!(
                "{}: axes {:?} of {inputs:?} for a result of {:?}",
                self.name(),
                self.inputs,
                self.shape
            ))),
        }
    }

    fn demand(&self, number: usize, shapes: &[&[usize]], wanted: &Region) -> Region {
        let made = self.whole_pieces(wanted);
        let mut region = Region::whole(shapes[number]);
        for (own, axis) in self.inputs[number].iter().enumerate() {
            // An axis of length 1 is stretched by the kernel, as NumPy would.
            if let (Some(axis), true) = (axis, shapes[number][own] != 1) {
                region.start[own] = made.start[*axis];
                region.shape[own] = made.shape[*axis];
            }
        }
        region
    }

    fn weight(&self) -> f64 {
        16.0
    }

    /// Whole pieces are made, whatever is wanted of them.
    fn work(&self, _shapes: &[&[usize]], wanted: &Region) -> f64 {
        self.weight() * self.whole_pieces(wanted).elements() as f64
    }

    /// What a kernel may hold of its own.
    fn scratch_bytes(&self) -> usize {
        16
    }

    /// That, and one piece beside what is wanted of it.
    fn workspace_bytes(&self, _shapes: &[&[usize]], wanted: &Region) -> usize {
        let made = self.whole_pieces(wanted);
        let piece: usize = (self.piece.iter().zip(&made.shape))
            .map(|(piece, len)| if *piece > 0 { *piece.min(len) } else { *len })
            .product();
        made.elements() * self.scratch_bytes() + piece * self.dtype.size()
    }

    fn pieces(&self) -> Option<&[usize]> {
        let all = !self.piece.is_empty() && !self.piece.contains(&0);
        all.then_some(&self.piece)
    }
}
