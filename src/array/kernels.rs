//! Arrays that kernels of the user's program make: from indices, piece by piece, or from boxes of other arrays.

use super::array::{Array, Operand};
use crate::driver::Driver;
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result};
use crate::geom::{Select, Span, normalize_axis};
use crate::kernel::registered_kernel;
use crate::op::{Blockwise, Made};
use std::collections::BTreeMap;
use std::panic::Location;

impl Driver {
    /// An array whose elements a registered kernel (see [`register_kernel`](crate::kernel::register_kernel)) makes from their
    /// indices: it is called for boxes of the array, with [`start`](crate::kernel::KernelCall::start) for the first index. Every
    /// rank makes what it needs.
    #[must_use]
    #[track_caller]
    pub fn from_fn(&self, kernel: &str, shape: &[usize], dtype: DType, params: &[f64]) -> Array {
        let piece = vec![0; shape.len()];
        self.made(Made::FromFn, kernel, shape, piece, dtype, params)
    }

    /// An array of pieces of the lengths `chunk` (the last ones along an axis may be shorter), each made by one call of a
    /// registered kernel on the rank that needs it: a grid of files that are loaded, say. The kernel asks
    /// [`piece`](crate::kernel::KernelCall::piece) which one is due, and gives it with
    /// [`give`](crate::kernel::KernelCall::give) or writes it to [`output`](crate::kernel::KernelCall::output). This is what
    /// dask's `from_delayed` and `stack` or `block` make together; the plan does not grow with the number of pieces.
    #[must_use]
    #[track_caller]
    pub fn from_blocks(
        &self,
        kernel: &str,
        shape: &[usize],
        chunk: &[usize],
        dtype: DType,
        params: &[f64],
    ) -> Array {
        if chunk.len() != shape.len() || chunk.contains(&0) {
            return Array::failed(
                self.session(),
                Error::invalid(format!(
                    "from_blocks: pieces of {chunk:?} for an array of shape {shape:?}; give one length of at least 1 per axis"
                )),
            );
        }
        let piece = chunk.iter().zip(shape).map(|(c, len)| *c.min(len));
        let piece = piece.map(|len| len.max(1)).collect();
        self.made(Made::FromBlocks, kernel, shape, piece, dtype, params)
    }

    /// An array that one call of a registered kernel makes: dask's `da.from_delayed(delayed(load)(…), shape, dtype)`, with the
    /// arguments in `params`. `stack`, `concat` and `block` put several together;
    /// [`from_blocks`](Driver::from_blocks) is the form for thousands.
    #[must_use]
    #[track_caller]
    pub fn from_delayed(
        &self,
        kernel: &str,
        params: &[f64],
        shape: &[usize],
        dtype: DType,
    ) -> Array {
        let piece = shape.iter().map(|len| (*len).max(1)).collect();
        self.made(Made::FromDelayed, kernel, shape, piece, dtype, params)
    }

    #[track_caller]
    fn made(
        &self,
        operation: Made,
        kernel: &str,
        shape: &[usize],
        piece: Vec<usize>,
        dtype: DType,
        params: &[f64],
    ) -> Array {
        let op = Blockwise {
            operation,
            kernel: kernel.to_owned(),
            params: params.to_vec(),
            inputs: Vec::new(),
            shape: shape.to_vec(),
            piece,
            dtype,
        };
        let session = self.session();
        let name = crate::op::Family::name(&op);
        let node = registered_kernel(name, kernel).and_then(|_| {
            session.with_graph(|g| match shape.contains(&0) {
                true => g.fill(Scalar::zero(dtype), shape),
                false => g.call(op, Vec::new()),
            })
        });
        let location = Location::caller();
        Array::new(session.clone(), node.map_err(|e| e.at_call(location)))
    }
}

impl Array {
    /// A registered kernel over the lines along `axis`: a line becomes `len` elements of `dtype` (`None`: one, and the axis
    /// goes). The kernel walks them with [`each_line`](crate::kernel::KernelCall::each_line), or works on the box as a whole. NumPy's
    /// `apply_along_axis`.
    #[must_use]
    #[track_caller]
    pub fn apply_along_axis(
        &self,
        kernel: &str,
        axis: isize,
        len: Option<usize>,
        dtype: DType,
        params: &[f64],
    ) -> Array {
        const NAME: &str = "apply_along_axis";
        self.push(|g, a| {
            registered_kernel(NAME, kernel)?;
            let mut shape = g.shape(a).to_vec();
            let axis = normalize_axis(NAME, axis, shape.len())?;
            if shape[axis] == 0 {
                return Err(Error::invalid(format!(
                    "{NAME}: axis {axis} has length 0; there are no lines along it"
                )));
            }
            let walks = (0..shape.len()).map(|own| (own != axis).then_some(own));
            let inputs = vec![walks.collect()];
            shape[axis] = len.unwrap_or(1);
            let mut piece = vec![0; shape.len()];
            piece[axis] = shape[axis];
            let made = match shape.contains(&0) {
                true => g.fill(Scalar::zero(dtype), &shape)?,
                false => g.call(
                    Blockwise {
                        operation: Made::AlongAxis(axis),
                        kernel: kernel.to_owned(),
                        params: params.to_vec(),
                        inputs,
                        shape: shape.clone(),
                        piece,
                        dtype,
                    },
                    vec![a],
                )?,
            };
            match len {
                Some(_) => Ok(made),
                None => {
                    let spans: Vec<Span> = shape.iter().map(|len| Span::all(*len)).collect();
                    g.select(made, Select::spans(&spans).fix(axis, 0))
                }
            }
        })
    }
}

/// A registered kernel over arrays whose axes have labels: dask's `blockwise(func, "ik", a, "ij", b, "jk", …)`. A box of the result
/// is made from the boxes of the arrays along the labels of `out`, and from all elements along the other labels; a length of 1
/// is stretched by the kernel. `new_axes` gives labels of `out` that no array has their lengths; the kernel gets such an axis
/// whole. Boxes are the tiles of the plan, not the chunks of the arrays.
///
/// # Errors
/// Invalid input when no kernel has this name, there are no arrays, or labels and lengths contradict one another.
#[track_caller]
pub fn blockwise(
    kernel: &str,
    out: &str,
    arrays: &[(&Array, &str)],
    new_axes: &[(char, usize)],
    dtype: DType,
    params: &[f64],
) -> Result<Array> {
    let location = Location::caller();
    let made = || -> Result<Array> {
        let Some((first, _)) = arrays.first() else {
            return Err(Error::invalid(
                "blockwise: no arrays; from_fn makes an array from indices alone",
            ));
        };
        registered_kernel("blockwise", kernel)?;
        let labels = Labels::new(out, arrays, new_axes)?;
        let nodes = arrays
            .iter()
            .map(|(array, _)| Operand::from(*array).node_beside(first))
            .collect::<Result<Vec<_>>>()?;
        let op = Blockwise {
            operation: Made::Blockwise,
            kernel: kernel.to_owned(),
            params: params.to_vec(),
            inputs: labels.inputs,
            shape: labels.shape.clone(),
            piece: labels.piece,
            dtype,
        };
        let session = first.session();
        let node = session.with_graph(|g| match labels.shape.contains(&0) {
            true => g.fill(Scalar::zero(dtype), &labels.shape),
            false => g.call(op, nodes),
        })?;
        Ok(Array::new(session.clone(), Ok(node)))
    };
    made().map_err(|e| e.at_call(location))
}

/// What the labels of a `blockwise` say.
struct Labels {
    inputs: Vec<Vec<Option<usize>>>,
    shape: Vec<usize>,
    piece: Vec<usize>,
}

impl Labels {
    fn new(out: &str, arrays: &[(&Array, &str)], new_axes: &[(char, usize)]) -> Result<Labels> {
        let invalid = |text: String| Err(Error::invalid(format!("blockwise: {text}")));
        let out: Vec<char> = out.chars().collect();
        if let Some(label) = repeated(&out) {
            return invalid(format!("the label {label:?} is twice in the result"));
        }
        let mut lengths: BTreeMap<char, usize> = BTreeMap::new();
        let mut inputs = Vec::with_capacity(arrays.len());
        for (number, (array, labels)) in arrays.iter().enumerate() {
            array.check()?;
            let own: Vec<char> = labels.chars().collect();
            let shape = array.shape();
            if own.len() != shape.len() {
                return invalid(format!(
                    "array {number} of shape {shape:?} has {} labels {labels:?}; give one per axis",
                    own.len()
                ));
            }
            if let Some(label) = repeated(&own) {
                return invalid(format!("the label {label:?} is twice at array {number}"));
            }
            for (label, len) in own.iter().zip(&shape) {
                let known = lengths.entry(*label).or_insert(*len);
                if *known != *len && *known != 1 && *len != 1 {
                    return invalid(format!(
                        "the label {label:?} has the lengths {known} and {len}; they must agree (or be 1)"
                    ));
                }
                // 1 is stretched, to 0 too, as NumPy has it.
                *known = if *known == 1 { *len } else { *known };
            }
            let place = |label: &char| out.iter().position(|l| l == label);
            inputs.push(own.iter().map(place).collect());
        }
        let (mut shape, mut piece) = (Vec::new(), Vec::new());
        for label in &out {
            let new = new_axes.iter().find(|(l, _)| l == label);
            match (lengths.get(label), new) {
                (Some(len), None) => {
                    shape.push(*len);
                    piece.push(0);
                }
                (None, Some((_, len))) => {
                    shape.push(*len);
                    piece.push(*len);
                }
                (Some(_), Some(_)) => {
                    return invalid(format!(
                        "the label {label:?} of new_axes is one of the arrays, too"
                    ));
                }
                (None, None) => {
                    return invalid(format!(
                        "no array has the label {label:?} of the result; give its length in new_axes"
                    ));
                }
            }
        }
        Ok(Labels {
            inputs,
            shape,
            piece,
        })
    }
}

fn repeated(labels: &[char]) -> Option<char> {
    let twice = labels
        .iter()
        .enumerate()
        .find(|(k, label)| labels[..*k].contains(label));
    twice.map(|(_, label)| *label)
}
