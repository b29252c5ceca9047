//! The sum of all families, and what each of them answers.

use super::{
    Blockwise, Bounds, Compress, Fourier, Reshape, Scan, SearchSorted, Sliding, Take, TakeAlong,
    User, Window,
};
use crate::dtype::DType;
use crate::error::Result;
use crate::geom::Region;
use serde::{Deserialize, Serialize};

/// What a family of operations on blocks says of itself.
pub trait Family {
    /// Stable name: NumPy's or xarray's.
    fn name(&self) -> &'static str;

    /// Dtype and shape of the result.
    ///
    /// # Errors
    /// Invalid input when the operation is not defined for the inputs.
    fn result(&self, inputs: &[(DType, &[usize])]) -> Result<(DType, Vec<usize>)>;

    /// What input `number` must hold to make the region `wanted` (not empty) of the result; `shapes` are those of the
    /// inputs.
    fn demand(&self, number: usize, shapes: &[&[usize]], wanted: &Region) -> Region;

    /// Work per element of the result, where copying one is 1.
    fn weight(&self) -> f64;

    /// Work of making the region `wanted` of the result, in the same unit: more than its elements where an operation makes
    /// more than is wanted.
    fn work(&self, _shapes: &[&[usize]], wanted: &Region) -> f64 {
        self.weight() * wanted.elements() as f64
    }

    /// Bytes of workspace per element of a piece of the result.
    fn scratch_bytes(&self) -> usize {
        0
    }

    /// Bytes of workspace for the region `wanted` of the result, of inputs of these shapes.
    fn workspace_bytes(&self, _shapes: &[&[usize]], wanted: &Region) -> usize {
        self.scratch_bytes() * wanted.elements()
    }

    /// An axis of the result and a length: regions that start at its multiples there demand least.
    fn grain(&self) -> Option<(usize, usize)> {
        None
    }

    /// Lengths of the pieces of the result that are only made whole, as storage chunks are only decoded whole.
    fn pieces(&self) -> Option<&[usize]> {
        None
    }
}

/// One line per family gives the sum and the way to each.
macro_rules! families {
    ($($(#[$doc:meta])* $Name:ident),* $(,)?) => {
        /// An operation on blocks.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub enum BlockOp {
            $($(#[$doc])* $Name($Name),)*
        }

        impl BlockOp {
            fn family(&self) -> &dyn Family {
                match self {
                    $(BlockOp::$Name(family) => family,)*
                }
            }
        }

        $(impl From<$Name> for BlockOp {
            fn from(family: $Name) -> Self {
                BlockOp::$Name(family)
            }
        })*
    };
}

families! {
    /// Elements under a mask.
    Compress,
    /// Discrete Fourier transforms.
    Fourier,
    /// The same elements under another shape.
    Reshape,
    /// Running folds along an axis.
    Scan,
    /// Boxes of neighbours.
    Window,
    /// Statistics of windows of an axis.
    Sliding,
    /// Kernels of the user's program over boxes with margins.
    User,
    /// Kernels of the user's program that make pieces.
    Blockwise,
    /// Indices that must lie inside an axis.
    Bounds,
    /// Places in a sorted list.
    SearchSorted,
    /// Elements at listed indices.
    Take,
    /// Elements at computed indices along an axis.
    TakeAlong,
}

impl BlockOp {
    /// Stable name: NumPy's or xarray's.
    pub fn name(&self) -> &'static str {
        self.family().name()
    }

    /// Dtype and shape of the result.
    ///
    /// # Errors
    /// Invalid input when the operation is not defined for the inputs.
    pub fn result(&self, inputs: &[(DType, &[usize])]) -> Result<(DType, Vec<usize>)> {
        self.family().result(inputs)
    }

    /// What input `number` must hold to make the region `wanted` (not empty) of the result; `shapes` are those of the
    /// inputs.
    pub fn demand(&self, number: usize, shapes: &[&[usize]], wanted: &Region) -> Region {
        self.family().demand(number, shapes, wanted)
    }

    /// Work of making the region `wanted` of the result, where copying an element is 1.
    pub fn work(&self, shapes: &[&[usize]], wanted: &Region) -> f64 {
        self.family().work(shapes, wanted)
    }

    /// Bytes of workspace for the region `wanted` of the result.
    pub fn workspace_bytes(&self, shapes: &[&[usize]], wanted: &Region) -> usize {
        self.family().workspace_bytes(shapes, wanted)
    }

    /// Lengths of the pieces of the result that are only made whole.
    pub fn pieces(&self) -> Option<&[usize]> {
        self.family().pieces()
    }

    /// An axis of the result and a length: regions that start at its multiples there demand least.
    pub fn grain(&self) -> Option<(usize, usize)> {
        self.family().grain()
    }
}
