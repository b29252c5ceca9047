//! Kernels of the user's program: functions with names, so that rank 0 can name them in a plan and every rank finds them.
//!
//! A program registers them by an explicit call at the start of `main`, before the launch: every rank runs `main`. Crates that
//! collect statics at link time (`inventory`, `linkme`) would save that line, but a linker drops what nothing names (a kernel in
//! a library of the user's own), in silence and only in some builds; a call cannot be dropped, and tells of a doubled name.
//! The names are compared over all ranks when a job starts.

use super::PieceView;
use crate::block::{Block, Native};
use crate::dtype::DType;
use crate::error::{Error, Result, nearest_names};
use crate::geom::Region;
use crate::op::User;
use ndarray::{ArrayViewD, ArrayViewMutD, IxDyn, ShapeBuilder};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// The body of a registered kernel. Its law: an element of the result depends on the inputs inside the margin around it, on the
/// parameters and on its index alone, not on the box that is asked for. Budgets
/// count 16 bytes per element of the result for what it holds of its own.
pub type KernelFn = fn(&mut KernelCall<'_>) -> Result<()>;

static REGISTRY: Mutex<BTreeMap<String, KernelFn>> = Mutex::new(BTreeMap::new());

/// Registers a kernel for `map_blocks` and `map_overlap`. Call it on every rank before the launch: at the start of `main`.
///
/// # Errors
/// Invalid input when the name is empty or taken by another function.
pub fn register_kernel(name: &str, body: KernelFn) -> Result<()> {
    if name.is_empty() {
        return Err(Error::invalid("register_kernel: a kernel needs a name"));
    }
    let mut registry = REGISTRY.lock().unwrap_or_else(PoisonError::into_inner);
    match registry.get(name) {
        Some(known) if *known as usize != body as usize => Err(Error::invalid(format!(
            "register_kernel: the name {name:?} is taken by another function"
        ))),
        Some(_) => Ok(()),
        None => {
            registry.insert(name.to_owned(), body);
            Ok(())
        }
    }
}

/// The kernel of a name.
///
/// # Errors
/// Invalid input when there is none; the known names are listed.
pub fn registered_kernel(operation: &str, name: &str) -> Result<KernelFn> {
    let registry = REGISTRY.lock().unwrap_or_else(PoisonError::into_inner);
    match registry.get(name) {
        Some(body) => Ok(*body),
        None if registry.is_empty() => Err(Error::invalid(format!(
            "{operation}: no kernel {name:?}: none is registered; call register_kernel at the start of main"
        ))),
        None => Err(Error::invalid(format!(
            "{operation}: unknown kernel {name:?}; known: {}",
            nearest_names(name, registry.keys().map(String::as_str))
        ))),
    }
}

/// A digest of all registered names (FNV-1a), for ranks to compare.
pub fn registry_hash() -> u64 {
    let registry = REGISTRY.lock().unwrap_or_else(PoisonError::into_inner);
    if registry.is_empty() {
        return 0;
    }
    let names = registry.keys().flat_map(|name| name.bytes().chain([0]));
    names.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// What a kernel is called with: boxes of the inputs with their margins, and the box of the result to make.
pub struct KernelCall<'a> {
    op: &'a User,
    pieces: &'a [PieceView<'a>],
    region: &'a Region,
    out: &'a mut Block,
}

impl KernelCall<'_> {
    /// The numbers given with the call.
    pub fn params(&self) -> &[f64] {
        &self.op.params
    }

    /// Number of inputs.
    pub fn inputs(&self) -> usize {
        self.pieces.len()
    }

    /// Dtype of an input; that of the result beyond the last.
    pub fn dtype(&self, number: usize) -> DType {
        self.pieces
            .get(number)
            .map_or(self.op.dtype, |piece| piece.view.dtype)
    }

    /// First index of the box, in the whole result.
    pub fn start(&self) -> &[usize] {
        &self.region.start
    }

    /// Lengths of the box.
    pub fn shape(&self) -> &[usize] {
        &self.region.shape
    }

    /// Elements of the margin before and after the box along an axis. They are the depth, but for boxes at the borders of an
    /// array without a boundary.
    pub fn margin(&self, axis: usize) -> (usize, usize) {
        let depth = self.op.depth[axis];
        let before = match self.op.clipped[axis] {
            true => depth.min(self.region.start[axis]),
            false => depth,
        };
        let whole = self.pieces.first().map_or(0, |p| p.region.shape[axis]);
        (
            before,
            whole.saturating_sub(before + self.region.shape[axis]),
        )
    }

    /// The box of an input with its margins.
    ///
    /// # Errors
    /// Invalid input when there is no such input, or its elements are not `T`.
    pub fn input<T: Native>(&self, number: usize) -> Result<ArrayViewD<'_, T>> {
        let Some(piece) = self.pieces.get(number) else {
            return Err(Error::invalid(format!(
                "kernel {:?}: input {number} of {}",
                self.op.name,
                self.pieces.len()
            )));
        };
        let Some(values) = T::slice(piece.view.buffer) else {
            return Err(self.wrong::<T>(&format!("input {number}"), piece.view.dtype));
        };
        let strides: Vec<usize> = piece.view.strides.iter().map(|s| *s as usize).collect();
        let shape = IxDyn(&piece.view.shape).strides(IxDyn(&strides));
        ArrayViewD::from_shape(shape, &values[piece.view.offset..])
            .map_err(|e| Error::internal(format!("a piece of the wrong length: {e}")))
    }

    /// The box of the result. Its elements are unspecified before.
    ///
    /// # Errors
    /// Invalid input when its elements are not `T`.
    pub fn output<T: Native>(&mut self) -> Result<ArrayViewMutD<'_, T>> {
        let error = self.wrong::<T>("the result", self.op.dtype);
        let shape = IxDyn(&self.region.shape);
        let values = T::slice_mut(self.out.buffer_mut()).ok_or(error)?;
        ArrayViewMutD::from_shape(shape, values)
            .map_err(|e| Error::internal(format!("a result of the wrong length: {e}")))
    }

    fn wrong<T: Native>(&self, what: &str, dtype: DType) -> Error {
        Error::invalid(format!(
            "kernel {:?}: {what} is {dtype}, not {}",
            self.op.name,
            T::DTYPE
        ))
    }
}

/// Runs a registered kernel.
pub(super) fn user(
    op: &User,
    pieces: &[PieceView<'_>],
    region: &Region,
    out: &mut Block,
) -> Result<()> {
    let body = registered_kernel("map_overlap", &op.name)?;
    body(&mut KernelCall {
        op,
        pieces,
        region,
        out,
    })
    .map_err(|e| e.context(format!("running the kernel {:?}", op.name)))
}
