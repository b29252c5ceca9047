//! Calls of registered kernels: what they are called with, and the pieces that they make.

use super::PieceView;
use super::registry::registered_kernel;
use crate::block::{Block, Native};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::geom::{Region, positions};
use crate::op::{Blockwise, Family, Made, User};
use ndarray::{
    ArrayD, ArrayView1, ArrayViewD, ArrayViewMut1, ArrayViewMutD, Axis, IxDyn, ShapeBuilder,
};

/// What a kernel is called with: boxes of the inputs with their margins, and the box of the result to make.
pub struct KernelCall<'a> {
    form: Form<'a>,
    pieces: &'a [PieceView<'a>],
    region: &'a Region,
    out: &'a mut Block,
}

#[derive(Clone, Copy)]
enum Form<'a> {
    Overlap(&'a User),
    Blockwise(&'a Blockwise),
}

impl<'a> KernelCall<'a> {
    fn name(&self) -> &'a str {
        match self.form {
            Form::Overlap(op) => &op.name,
            Form::Blockwise(op) => &op.kernel,
        }
    }

    /// The numbers given with the call.
    pub fn params(&self) -> &[f64] {
        match self.form {
            Form::Overlap(op) => &op.params,
            Form::Blockwise(op) => &op.params,
        }
    }

    /// Number of inputs.
    pub fn inputs(&self) -> usize {
        self.pieces.len()
    }

    /// Dtype of an input; that of the result beyond the last.
    pub fn dtype(&self, number: usize) -> DType {
        let result = match self.form {
            Form::Overlap(op) => op.dtype,
            Form::Blockwise(op) => op.dtype,
        };
        self.pieces
            .get(number)
            .map_or(result, |piece| piece.view.dtype)
    }

    /// First index of the box, in the whole result.
    pub fn start(&self) -> &[usize] {
        &self.region.start
    }

    /// Lengths of the box.
    pub fn shape(&self) -> &[usize] {
        &self.region.shape
    }

    /// `from_blocks`: the number of the piece along each axis of the grid. 0 along axes that have no pieces.
    pub fn piece(&self) -> Vec<usize> {
        match self.form {
            Form::Overlap(_) => vec![0; self.region.ndim()],
            Form::Blockwise(op) => piece_of(op, self.region),
        }
    }

    /// Elements of the margin before and after the box along an axis. They are the depth, but for boxes at the borders of an
    /// array without a boundary.
    pub fn margin(&self, axis: usize) -> (usize, usize) {
        let Form::Overlap(op) = self.form else {
            return (0, 0);
        };
        let depth = op.depth[axis];
        let before = match op.clipped[axis] {
            true => depth.min(self.region.start[axis]),
            false => depth,
        };
        let whole = self.pieces.first().map_or(0, |p| p.region.shape[axis]);
        (
            before,
            whole.saturating_sub(before + self.region.shape[axis]),
        )
    }

    /// The box of an input with its margins. It may be held while [`output`](KernelCall::output) is written.
    ///
    /// # Errors
    /// Invalid input when there is no such input, or its elements are not `T`.
    pub fn input<T: Native>(&self, number: usize) -> Result<ArrayViewD<'a, T>> {
        input(self.pieces, self.name(), number)
    }

    /// The box of the result. Its elements are unspecified before.
    ///
    /// # Errors
    /// Invalid input when its elements are not `T`.
    pub fn output<T: Native>(&mut self) -> Result<ArrayViewMutD<'_, T>> {
        let error = wrong::<T>(self.name(), "the result", self.dtype(usize::MAX));
        output(self.out, &self.region.shape, error)
    }

    /// Gives the elements of the box as an array: what a loader returns. It has the lengths of the box; axes of length 1 before
    /// the others may be missing, as in an image that becomes a piece of a stack.
    ///
    /// # Errors
    /// Invalid input when it has another shape, or its elements are not those of the result.
    pub fn give<T: Native>(&mut self, values: ArrayD<T>) -> Result<()> {
        let shape = &self.region.shape;
        let missing = shape.len().saturating_sub(values.ndim());
        let fits = values.shape() == &shape[missing..] && shape[..missing].iter().all(|l| *l == 1);
        if !fits {
            return Err(Error::invalid(format!(
                "kernel {:?}: it gave an array of shape {:?} for a box of {shape:?}",
                self.name(),
                values.shape()
            )));
        }
        let mut out = self.output::<T>()?;
        for (out, value) in out.iter_mut().zip(values.iter()) {
            *out = *value;
        }
        Ok(())
    }

    /// `apply_along_axis`: calls `f` with every line of the input along the axis, and the line of the result for it (of one
    /// element where the axis goes).
    ///
    /// # Errors
    /// Invalid input when the elements are not those of the arrays, or this is another operation; the first error of `f`.
    pub fn each_line<T: Native, R: Native>(
        &mut self,
        mut f: impl FnMut(ArrayView1<'_, T>, ArrayViewMut1<'_, R>) -> Result<()>,
    ) -> Result<()> {
        let (form, dtype) = (self.form, self.dtype(usize::MAX));
        let (name, along) = match form {
            Form::Blockwise(op) => match op.operation {
                Made::AlongAxis(axis) => (op.kernel.as_str(), Axis(axis)),
                _ => return Err(only_along(&op.kernel, op.name())),
            },
            Form::Overlap(op) => return Err(only_along(&op.name, op.name())),
        };
        let lines = input::<T>(self.pieces, name, 0)?;
        let error = wrong::<R>(name, "the result", dtype);
        let mut out = output::<R>(self.out, &self.region.shape, error)?;
        let mut pairs = lines.lanes(along).into_iter().zip(out.lanes_mut(along));
        pairs.try_for_each(|(line, out)| f(line, out))
    }
}

fn only_along(kernel: &str, operation: &str) -> Error {
    Error::invalid(format!(
        "kernel {kernel:?}: each_line belongs to apply_along_axis, and this is {operation}"
    ))
}

fn wrong<T: Native>(kernel: &str, what: &str, dtype: DType) -> Error {
    Error::invalid(format!(
        "kernel {kernel:?}: {what} is {dtype}, not {}",
        T::DTYPE
    ))
}

fn input<'a, T: Native>(
    pieces: &[PieceView<'a>],
    kernel: &str,
    number: usize,
) -> Result<ArrayViewD<'a, T>> {
    let Some(piece) = pieces.get(number) else {
        return Err(Error::invalid(format!(
            "kernel {kernel:?}: input {number} of {}",
            pieces.len()
        )));
    };
    let Some(values) = T::slice(piece.view.buffer) else {
        let what = format!("input {number}");
        return Err(wrong::<T>(kernel, &what, piece.view.dtype));
    };
    let strides: Vec<usize> = piece.view.strides.iter().map(|s| *s as usize).collect();
    let shape = IxDyn(&piece.view.shape).strides(IxDyn(&strides));
    ArrayViewD::from_shape(shape, &values[piece.view.offset..])
        .map_err(|e| Error::internal(format!("a piece of the wrong length: {e}")))
}

fn output<'a, T: Native>(
    out: &'a mut Block,
    shape: &[usize],
    error: Error,
) -> Result<ArrayViewMutD<'a, T>> {
    let values = T::slice_mut(out.buffer_mut()).ok_or(error)?;
    ArrayViewMutD::from_shape(IxDyn(shape), values)
        .map_err(|e| Error::internal(format!("a result of the wrong length: {e}")))
}

/// Runs a registered kernel over a box with margins.
pub(super) fn overlap(
    op: &User,
    pieces: &[PieceView<'_>],
    region: &Region,
    out: &mut Block,
) -> Result<()> {
    let body = registered_kernel("map_overlap", &op.name)?;
    body(&mut KernelCall {
        form: Form::Overlap(op),
        pieces,
        region,
        out,
    })
    .map_err(|e| e.context(format!("running the kernel {:?}", op.name)))
}

/// Has a registered kernel make the pieces that `region` touches. What is a whole piece is made in place.
pub(super) fn blockwise(
    op: &Blockwise,
    pieces: &[PieceView<'_>],
    region: &Region,
    out: &mut Block,
) -> Result<()> {
    let body = registered_kernel(op.name(), &op.kernel)?;
    let made = op.whole_pieces(region);
    let counts = (0..region.ndim())
        .map(|axis| match op.piece[axis] {
            0 => 0..1,
            piece => 0..made.shape[axis].div_ceil(piece),
        })
        .collect();
    for at in positions(counts) {
        let mut part = made.clone();
        for (axis, piece) in op.piece.iter().enumerate().filter(|(_, piece)| **piece > 0) {
            part.start[axis] += at[axis] * piece;
            part.shape[axis] = (*piece).min(made.end(axis) - part.start[axis]);
        }
        let boxes = boxes(op, pieces, &made, &part);
        let run = |region: &Region, out: &mut Block| {
            body(&mut KernelCall {
                form: Form::Blockwise(op),
                pieces: &boxes,
                region,
                out,
            })
            .map_err(|e| e.context(doing(op, region)))
        };
        if part == *region {
            return run(region, out);
        }
        let mut whole = Block::zeros(op.dtype, &part.shape);
        run(&part, &mut whole)?;
        if let Some(wanted) = part.intersect(region) {
            let view = whole.part(&wanted.relative_to(&part.start));
            out.paste(&wanted.relative_to(&region.start), &view)?;
        }
    }
    Ok(())
}

/// The boxes of the inputs for one piece, out of those for all.
fn boxes<'a>(
    op: &Blockwise,
    pieces: &'a [PieceView<'_>],
    made: &Region,
    part: &Region,
) -> Vec<PieceView<'a>> {
    let each = pieces.iter().zip(&op.inputs);
    each.map(|(piece, axes)| {
        let mut region = piece.region.clone();
        let mut view = piece.view.clone();
        for (own, axis) in axes.iter().enumerate() {
            // A length that is not that of the result is 1: stretched.
            if let (Some(axis), true) = (axis, piece.region.shape[own] > 1) {
                let skipped = part.start[*axis] - made.start[*axis];
                region.start[own] += skipped;
                region.shape[own] = part.shape[*axis];
                view.offset =
                    (view.offset as isize + skipped as isize * view.strides[own]) as usize;
                view.shape[own] = part.shape[*axis];
            }
        }
        PieceView { region, view }
    })
    .collect()
}

fn piece_of(op: &Blockwise, region: &Region) -> Vec<usize> {
    let starts = region.start.iter().zip(&op.piece);
    starts
        .map(|(start, piece)| start.checked_div(*piece).unwrap_or(0))
        .collect()
}

/// What was being done, for an error: which kernel, which piece of what, with which parameters.
fn doing(op: &Blockwise, region: &Region) -> String {
    let params = match op.params.is_empty() {
        true => String::new(),
        false => format!(" with the parameters {:?}", op.params),
    };
    match op.operation {
        Made::FromBlocks => format!(
            "running the kernel {:?}{params} for piece {:?} of from_blocks",
            op.kernel,
            piece_of(op, region)
        ),
        Made::FromDelayed => format!("running the kernel {:?}{params} of from_delayed", op.kernel),
        _ => format!("running the kernel {:?}{params}", op.kernel),
    }
}
