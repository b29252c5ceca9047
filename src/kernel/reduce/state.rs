//! The running partial result of all cells of one task, and the choice of the family that folds them.

use super::super::column::Column;
use super::arg::ArgExtreme;
use super::extremes::Extreme;
use super::fold::{Fold, Number, Out, Time, Wire};
use super::logical::{Count, Logical};
use super::moments::Moments;
use super::pick::Pick;
use super::sum::{Mean, Sum};
use super::user;
use super::walk::{AxisRole, FoldTile, Runs, Walk};
use crate::block::{Block, Native};
use crate::dtype::{DType, Physical, Scalar};
use crate::error::{Error, Result};
use crate::op::{Reduction, ReductionKind};
use num_complex::Complex;
use serde::{Deserialize, Serialize};

/// What is folded, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoldSpec {
    /// The reduction.
    pub reduction: Reduction,
    /// Dtype of the elements.
    pub dtype: DType,
    /// Role of each axis of a tile; at most one is a group axis.
    pub roles: Vec<AxisRole>,
    /// Number of groups; not read without a group axis.
    pub groups: usize,
}

/// Partial results. The cell shape has, per axis of the tile: its length when it is kept, the number of groups when it is
/// grouped, nothing when it is reduced; cells are in row-major order.
pub struct State {
    spec: FoldSpec,
    cell_shape: Vec<usize>,
    fold: Box<dyn Fold>,
    walk: Walk,
}

impl State {
    /// Cells that have seen nothing.
    ///
    /// # Errors
    /// Invalid input when the reduction is not defined for the dtype; internal when two axes are grouped.
    pub fn new(spec: &FoldSpec, cell_shape: &[usize]) -> Result<State> {
        spec.reduction.result_dtype(spec.dtype)?;
        if spec.roles.iter().filter(|r| **r == AxisRole::Group).count() > 1 {
            return Err(Error::internal(format!(
                "two group axes in {:?}",
                spec.roles
            )));
        }
        let mut state = State {
            spec: spec.clone(),
            cell_shape: Vec::new(),
            fold: choose(spec)?,
            walk: Walk::default(),
        };
        state.reset(cell_shape);
        Ok(state)
    }

    /// Bytes of the cells: [`Reduction::state_bytes`] for each.
    pub fn bytes(spec: &FoldSpec, cell_shape: &[usize]) -> usize {
        cell_shape.iter().product::<usize>() * spec.reduction.state_bytes(spec.dtype)
    }

    /// Bytes of the cells as they are allocated now.
    pub fn live_bytes(&self) -> usize {
        self.fold.bytes()
    }

    /// Folds a sub-tile: runs of the tile's elements, in row-major order each.
    ///
    /// A tile is fed before the next tile, beginning at its start, in an order that depends on its shape alone and in which no
    /// cell gets a later element before an earlier one.
    ///
    /// # Errors
    /// Internal when the column, the tile and the cells do not fit.
    pub fn feed(&mut self, tile: &FoldTile<'_>, runs: &Runs, values: Column<'_>) -> Result<()> {
        let elements: usize = tile.shape.iter().product();
        let columns = runs.count.saturating_sub(1) * runs.pitch + runs.len;
        if runs.start + runs.reach() > elements || columns != values.len() {
            return Err(Error::internal(format!(
                "{runs:?} of a tile of {:?} in a column of {}",
                tile.shape,
                values.len()
            )));
        }
        self.walk
            .prepare(&self.spec.roles, self.spec.groups, &self.cell_shape, tile)?;
        self.fold.feed(&mut self.walk, tile, runs, values)
    }

    /// Takes in the partial results of the elements that follow these in canonical order.
    ///
    /// # Errors
    /// Internal when `right` folds something else.
    pub fn merge(&mut self, right: &State) -> Result<()> {
        if self.spec != right.spec || self.cell_shape != right.cell_shape {
            return Err(Error::internal(format!(
                "merging {:?} {:?} into {:?} {:?}",
                right.spec, right.cell_shape, self.spec, self.cell_shape
            )));
        }
        self.fold.merge(&*right.fold)
    }

    /// The results: dtype [`Reduction::result_dtype`], shape the cell shape.
    ///
    /// # Errors
    /// Data when a cell saw nothing that counts and its result cannot say so: extremes, first and last of integers,
    /// argmin and argmax; the message names the group or the cell.
    ///
    /// The cells are spent: [`State::reset`] makes them ready for others.
    pub fn finalize(&mut self) -> Result<Block> {
        let result = self.spec.reduction.result_dtype(self.spec.dtype)?;
        let (roles, shape) = (&self.spec.roles, &self.cell_shape);
        let place = |cell: usize| place(roles, shape, cell);
        let buffer = self.fold.finalize(&place)?;
        Block::new(result, shape.clone(), buffer)
    }

    /// Appends the partial results as bytes, for another rank that runs the same binary.
    pub fn encode(&self, out: &mut dyn Out) {
        self.fold.encode(out);
    }

    /// Partial results from their bytes.
    ///
    /// # Errors
    /// Internal when the bytes are not those of such a state.
    pub fn decode(spec: &FoldSpec, cell_shape: &[usize], bytes: &[u8]) -> Result<State> {
        let mut state = State::new(spec, cell_shape)?;
        let mut wire = Wire(bytes);
        state.fold.decode(&mut wire)?;
        if !wire.0.is_empty() {
            return Err(Error::internal(format!(
                "{} bytes too many after a partial result of {}",
                wire.0.len(),
                spec.reduction
            )));
        }
        Ok(state)
    }

    /// Cells of this shape that have seen nothing, in the memory of the old ones.
    pub fn reset(&mut self, cell_shape: &[usize]) {
        self.cell_shape.clear();
        self.cell_shape.extend_from_slice(cell_shape);
        self.fold.reset(cell_shape.iter().product());
        self.walk = Walk::default();
    }
}

/// "group 3, cell [3, 0, 7]": the place of a cell for people.
fn place(roles: &[AxisRole], shape: &[usize], cell: usize) -> String {
    let mut rest = cell;
    let mut index = vec![0; shape.len()];
    for (index, len) in index.iter_mut().zip(shape).rev() {
        *index = rest % len;
        rest /= len;
    }
    let mut kept = roles.iter().filter(|r| **r != AxisRole::Reduce);
    match kept.position(|r| *r == AxisRole::Group) {
        Some(axis) => format!("group {} (cell {index:?})", index[axis]),
        None if shape.is_empty() => "the array".to_owned(),
        None => format!("cell {index:?}"),
    }
}

type Boxed = Box<dyn Fold>;

/// The family of a reduction over a dtype, with `skipna` only where the type has missing values.
fn choose(spec: &FoldSpec) -> Result<Boxed> {
    use ReductionKind as R;
    let (kind, dtype) = (spec.reduction.kind, spec.dtype);
    let skip = spec.reduction.skipna && dtype.has_missing();
    let refused = || Error::internal(format!("{}: no fold for {dtype}", spec.reduction));
    // `$Family<…, true>` or `$Family<…, false>`.
    macro_rules! skipping {
        ($Family:ident < $($arg:tt),* > ($($value:expr),*)) => {
            if skip {
                Box::new($Family::<$($arg,)* true>::new($($value),*)) as Boxed
            } else {
                Box::new($Family::<$($arg,)* false>::new($($value),*)) as Boxed
            }
        };
    }
    type C32 = Complex<f32>;
    type C64 = Complex<f64>;
    macro_rules! sums {
        ($T:ident, $A:ident, $R:ident, $M:ident) => {
            match kind {
                R::Prod => skipping!(Sum < $T, $A, $R, $M, true > ()),
                _ => skipping!(Sum < $T, $A, $R, $M, false > ()),
            }
        };
    }
    // Types without missing values need no loop that skips.
    macro_rules! whole_sums {
        ($T:ident, $A:ident) => {
            match kind {
                R::Prod => Box::new(Sum::<$T, $A, $A, Number, true, false>::new()) as Boxed,
                _ => Box::new(Sum::<$T, $A, $A, Number, false, false>::new()) as Boxed,
            }
        };
    }
    macro_rules! ordered {
        ($T:ident, $M:ident) => {
            match kind {
                R::Min => skipping!(Extreme < $T, $M, false > ()),
                R::Max => skipping!(Extreme < $T, $M, true > ()),
                R::Argmin => Box::new(ArgExtreme::<$T, $M, false>::new(skip)) as Boxed,
                _ => Box::new(ArgExtreme::<$T, $M, true>::new(skip)) as Boxed,
            }
        };
    }
    macro_rules! whole_ordered {
        ($T:ident) => {
            match kind {
                R::Min => Box::new(Extreme::<$T, Number, false, false>::new()) as Boxed,
                R::Max => Box::new(Extreme::<$T, Number, true, false>::new()) as Boxed,
                R::Argmin => Box::new(ArgExtreme::<$T, Number, false>::new(false)) as Boxed,
                _ => Box::new(ArgExtreme::<$T, Number, true>::new(false)) as Boxed,
            }
        };
    }
    let physical = dtype.physical();
    let time = dtype.is_time();
    Ok(match kind {
        R::Sum | R::Prod => match physical {
            Physical::I64 if time => sums!(i64, i64, i64, Time),
            Physical::Bool => whole_sums!(bool, i64),
            Physical::I8 => whole_sums!(i8, i64),
            Physical::I16 => whole_sums!(i16, i64),
            Physical::I32 => whole_sums!(i32, i64),
            Physical::I64 => whole_sums!(i64, i64),
            Physical::U8 => whole_sums!(u8, u64),
            Physical::U16 => whole_sums!(u16, u64),
            Physical::U32 => whole_sums!(u32, u64),
            Physical::U64 => whole_sums!(u64, u64),
            Physical::F32 => sums!(f32, f64, f32, Number),
            Physical::F64 => sums!(f64, f64, f64, Number),
            Physical::C64 => sums!(C32, C64, C32, Number),
            Physical::C128 => sums!(C64, C64, C64, Number),
        },
        R::Mean => match physical {
            Physical::I64 if time => skipping!(Mean < i64, i64, i64, Time > ()),
            Physical::Bool => Box::new(Mean::<bool, f64, f64, Number, false>::new()),
            Physical::I8 => Box::new(Mean::<i8, f64, f64, Number, false>::new()),
            Physical::I16 => Box::new(Mean::<i16, f64, f64, Number, false>::new()),
            Physical::I32 => Box::new(Mean::<i32, f64, f64, Number, false>::new()),
            Physical::I64 => Box::new(Mean::<i64, f64, f64, Number, false>::new()),
            Physical::U8 => Box::new(Mean::<u8, f64, f64, Number, false>::new()),
            Physical::U16 => Box::new(Mean::<u16, f64, f64, Number, false>::new()),
            Physical::U32 => Box::new(Mean::<u32, f64, f64, Number, false>::new()),
            Physical::U64 => Box::new(Mean::<u64, f64, f64, Number, false>::new()),
            Physical::F32 => skipping!(Mean < f32, f64, f32, Number > ()),
            Physical::F64 => skipping!(Mean < f64, f64, f64, Number > ()),
            Physical::C64 => skipping!(Mean < C32, C64, C32, Number > ()),
            Physical::C128 => skipping!(Mean < C64, C64, C64, Number > ()),
        },
        R::Var { ddof } | R::Std { ddof } => {
            let root = matches!(kind, R::Std { .. });
            match physical {
                Physical::Bool => Box::new(Moments::<bool, f64, f64, false>::new(ddof, root)),
                Physical::I8 => Box::new(Moments::<i8, f64, f64, false>::new(ddof, root)),
                Physical::I16 => Box::new(Moments::<i16, f64, f64, false>::new(ddof, root)),
                Physical::I32 => Box::new(Moments::<i32, f64, f64, false>::new(ddof, root)),
                Physical::I64 => Box::new(Moments::<i64, f64, f64, false>::new(ddof, root)),
                Physical::U8 => Box::new(Moments::<u8, f64, f64, false>::new(ddof, root)),
                Physical::U16 => Box::new(Moments::<u16, f64, f64, false>::new(ddof, root)),
                Physical::U32 => Box::new(Moments::<u32, f64, f64, false>::new(ddof, root)),
                Physical::U64 => Box::new(Moments::<u64, f64, f64, false>::new(ddof, root)),
                Physical::F32 => skipping!(Moments < f32, f64, f32 > (ddof, root)),
                Physical::F64 => skipping!(Moments < f64, f64, f64 > (ddof, root)),
                Physical::C64 => skipping!(Moments < C32, C64, f32 > (ddof, root)),
                Physical::C128 => skipping!(Moments < C64, C64, f64 > (ddof, root)),
            }
        }
        R::Min | R::Max | R::Argmin | R::Argmax => match physical {
            Physical::I64 if time => ordered!(i64, Time),
            Physical::Bool => whole_ordered!(bool),
            Physical::I8 => whole_ordered!(i8),
            Physical::I16 => whole_ordered!(i16),
            Physical::I32 => whole_ordered!(i32),
            Physical::I64 => whole_ordered!(i64),
            Physical::U8 => whole_ordered!(u8),
            Physical::U16 => whole_ordered!(u16),
            Physical::U32 => whole_ordered!(u32),
            Physical::U64 => whole_ordered!(u64),
            Physical::F32 => ordered!(f32, Number),
            Physical::F64 => ordered!(f64, Number),
            Physical::C64 | Physical::C128 => return Err(refused()),
        },
        R::Any => {
            for_physical!(physical, T => Box::new(Logical::<T, Number, false>::new(skip)) as Boxed)
        }
        R::All => {
            for_physical!(physical, T => Box::new(Logical::<T, Number, true>::new(skip)) as Boxed)
        }
        R::User(op) => user::fold(op, dtype)?,
        R::Count if time => Box::new(Count::<i64, Time>::new()),
        R::Count => for_physical!(physical, T => Box::new(Count::<T, Number>::new()) as Boxed),
        R::First | R::Last if time => {
            let missing = Some(crate::dtype::NAT);
            match kind {
                R::First => Box::new(Pick::<i64, Time, false>::new(missing, skip)) as Boxed,
                _ => Box::new(Pick::<i64, Time, true>::new(missing, skip)) as Boxed,
            }
        }
        R::First | R::Last => for_physical!(physical, T => {
            let missing = Scalar::missing(dtype).and_then(T::from_scalar);
            match kind {
                R::First => Box::new(Pick::<T, Number, false>::new(missing, skip)) as Boxed,
                _ => Box::new(Pick::<T, Number, true>::new(missing, skip)) as Boxed,
            }
        }),
    })
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
