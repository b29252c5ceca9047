//! Kernels of the user's program: functions with names, so that rank 0 can name them in a plan and every rank finds them.
//!
//! A program registers them by an explicit call at the start of `main`, before the launch: every rank runs `main`. Crates that
//! collect statics at link time (`inventory`, `linkme`) would save that line, but a linker drops what nothing names (a kernel in
//! a library of the user's own), in silence and only in some builds; a call cannot be dropped, and tells of a doubled name.
//! The names are compared over all ranks when a job starts.

use super::reduce::reduction_names;
use super::user::KernelCall;
use crate::error::{Error, Result, nearest_names};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// The body of a registered kernel. Its law: an element of the result depends on the inputs inside the margin around it, on the
/// parameters and on its index alone, not on the box that is asked for. Budgets
/// count 16 bytes per element of the result for what it holds of its own.
pub type KernelFn = fn(&mut KernelCall<'_>) -> Result<()>;

static REGISTRY: Mutex<BTreeMap<String, KernelFn>> = Mutex::new(BTreeMap::new());

/// Registers a kernel for `map_blocks`, `map_overlap`, `blockwise`, `apply_along_axis`, `from_fn`, `from_blocks` and
/// `from_delayed`. Call it on every rank before the launch: at the start of `main`.
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

/// A digest of the names of all registered kernels and reductions (FNV-1a), for ranks to compare.
pub fn registry_hash() -> u64 {
    let registry = REGISTRY.lock().unwrap_or_else(PoisonError::into_inner);
    let reductions = reduction_names();
    if registry.is_empty() && reductions.is_empty() {
        return 0;
    }
    let kernels = registry.keys().flat_map(|name| name.bytes().chain([0]));
    let reductions = reductions.iter().flat_map(|name| name.bytes().chain([1]));
    kernels
        .chain(reductions)
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
}
