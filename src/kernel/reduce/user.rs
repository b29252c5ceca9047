//! Reductions of the user's program: three functions with a name, so that rank 0 can name them in a plan and every rank finds
//! them. They are folded, joined and sent as all others are, so all laws of reductions hold for them.

use super::super::column::InColumn;
use super::fold::{Family, Fold, Out, Place, Wire, refill};
use crate::block::{Block, Buffer, Native};
use crate::dtype::{DType, Element, Scalar};
use crate::error::{Error, Result, nearest_names};
use crate::op::{Name, UserReduction};
use std::any::TypeId;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// What a partial result may be: numbers, or arrays of numbers (`[f64; 3]`), or a struct of such with `bytemuck`'s `Pod`.
pub trait Partial: bytemuck::Pod + Send + Sync {}
impl<T: bytemuck::Pod + Send + Sync> Partial for T {}

/// A reduction of the user's program: dask's `reduction(chunk, combine, aggregate)`.
///
/// Its law: `chunk` of all elements, and `combine` of the partial results of two parts of them, mean the same. Rounding may
/// differ; which runs are folded and in which order they are combined follows from the array alone, so the bits of a result
/// are the same on any ranks and threads.
pub trait FoldKernels: Send + Sync + 'static {
    /// The elements. An array of another dtype is cast where NumPy calls that safe, and refused elsewhere.
    type Item: InColumn;
    /// What is known of the elements of one cell of the result so far. Budgets count its size for every cell.
    type Partial: Partial;
    /// The elements of the result.
    type Output: Native;

    /// What is known of no elements.
    fn empty() -> Self::Partial;
    /// Takes in elements of one cell.
    fn chunk(partial: &mut Self::Partial, elements: &[Self::Item]);
    /// Takes in what is known of other elements of the same cell.
    fn combine(partial: &mut Self::Partial, other: &Self::Partial);
    /// The result.
    ///
    /// # Errors
    /// The program's own: they end the job on all ranks.
    fn finalize(partial: &Self::Partial) -> Result<Self::Output>;
}

/// A reduction that was registered.
#[derive(Clone, Copy)]
pub struct RegisteredReduction {
    /// What plans say of it.
    pub op: UserReduction,
    kernels: TypeId,
    fold: fn(Name) -> Box<dyn Fold>,
}

impl RegisteredReduction {
    /// The result of no elements.
    ///
    /// # Errors
    /// Those of its `finalize`.
    pub fn of_nothing(&self) -> Result<Scalar> {
        let mut fold = (self.fold)(self.op.name);
        fold.reset(1);
        let buffer = fold.finalize(&|_| "nothing".to_owned())?;
        Block::new(self.op.output, [1], buffer)?
            .get(0)
            .ok_or_else(|| Error::internal("a reduction without a result"))
    }
}

static REGISTRY: Mutex<BTreeMap<String, RegisteredReduction>> = Mutex::new(BTreeMap::new());

/// Registers a reduction for `Array::reduction`. Call it on every rank before the launch: at the start of `main`.
///
/// # Errors
/// Invalid input when the name is empty or taken by other kernels.
pub fn register_reduction<K: FoldKernels>(name: &str) -> Result<()> {
    if name.is_empty() {
        return Err(Error::invalid(
            "register_reduction: a reduction needs a name",
        ));
    }
    let mut registry = REGISTRY.lock().unwrap_or_else(PoisonError::into_inner);
    match registry.get(name) {
        Some(known) if known.kernels != TypeId::of::<K>() => Err(Error::invalid(format!(
            "register_reduction: the name {name:?} is taken by other kernels"
        ))),
        Some(_) => Ok(()),
        None => {
            let op = UserReduction {
                name: Name::new(name),
                item: K::Item::DTYPE,
                output: K::Output::DTYPE,
                state_bytes: size_of::<K::Partial>() as u32,
            };
            let registered = RegisteredReduction {
                op,
                kernels: TypeId::of::<K>(),
                fold: |name| Box::new(User::<K>::new(name)),
            };
            registry.insert(name.to_owned(), registered);
            Ok(())
        }
    }
}

/// The reduction of a name.
///
/// # Errors
/// Invalid input when there is none; the known names are listed.
pub fn registered_reduction(name: &str) -> Result<RegisteredReduction> {
    let registry = REGISTRY.lock().unwrap_or_else(PoisonError::into_inner);
    match registry.get(name) {
        Some(found) => Ok(*found),
        None if registry.is_empty() => Err(Error::invalid(format!(
            "reduction: no reduction {name:?}: none is registered; call register_reduction at the start of main"
        ))),
        None => Err(Error::invalid(format!(
            "reduction: unknown reduction {name:?}; known: {}",
            nearest_names(name, registry.keys().map(String::as_str))
        ))),
    }
}

/// The names of all reductions, for ranks to compare.
pub(in crate::kernel) fn reduction_names() -> Vec<String> {
    let registry = REGISTRY.lock().unwrap_or_else(PoisonError::into_inner);
    registry.keys().cloned().collect()
}

/// The fold of a registered reduction over elements of `dtype`.
pub(super) fn fold(op: UserReduction, dtype: DType) -> Result<Box<dyn Fold>> {
    let found = registered_reduction(op.name.as_str())?;
    match found.op == op && dtype == op.item {
        true => Ok((found.fold)(op.name)),
        false => Err(Error::internal(format!(
            "reduction {:?}: {dtype} {op:?}, registered as {:?}",
            op.name, found.op
        ))),
    }
}

struct User<K: FoldKernels> {
    name: Name,
    cells: Vec<K::Partial>,
}

impl<K: FoldKernels> User<K> {
    fn new(name: Name) -> Self {
        User {
            name,
            cells: Vec::new(),
        }
    }
}

impl<K: FoldKernels> Family for User<K> {
    type Item = K::Item;

    fn keep(&mut self, cell: usize, values: &[K::Item], _arg: i64) {
        let cells = &mut self.cells[cell..cell + values.len()];
        for (cell, value) in cells.iter_mut().zip(values) {
            K::chunk(cell, std::slice::from_ref(value));
        }
    }

    fn reduce(&mut self, cell: usize, values: &[K::Item], _arg: i64, _step: i64) {
        K::chunk(&mut self.cells[cell], values);
    }

    fn one(&mut self, cell: usize, value: K::Item, _arg: i64) {
        K::chunk(&mut self.cells[cell], std::slice::from_ref(&value));
    }

    fn join(&mut self, right: &Self) {
        for (cell, other) in self.cells.iter_mut().zip(&right.cells) {
            K::combine(cell, other);
        }
    }

    fn finish(&mut self, place: Place<'_>) -> Result<Buffer> {
        let results = self.cells.iter().enumerate().map(|(number, cell)| {
            K::finalize(cell).map_err(|e| {
                e.context(format!(
                    "finishing the reduction {:?} of {}",
                    self.name,
                    place(number)
                ))
            })
        });
        results.collect::<Result<Vec<_>>>().map(Native::wrap)
    }

    fn put(&self, out: &mut dyn Out) {
        out.put(bytemuck::cast_slice(&self.cells));
    }

    fn take(&mut self, from: &mut Wire<'_>) -> Result<()> {
        from.bytes(bytemuck::cast_slice_mut(&mut self.cells))
    }

    fn clear(&mut self, cells: usize) {
        refill(&mut self.cells, cells, K::empty());
    }

    fn bytes(&self) -> usize {
        size_of_val(&self.cells[..])
    }
}
