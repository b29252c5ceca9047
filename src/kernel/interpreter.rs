//! The interpreter of fused element-wise programs.
//!
//! Laws: sub-tiles are runs of [`SUB_TILE`] elements of the tile in row-major order, or the same columns of several rows of it,
//! whatever the machine; the loop over
//! sub-tiles allocates nothing (registers grow to the longest sub-tile seen); a contiguous input is never copied; a step decides once per sub-tile which loop runs.

use super::column::{Column, operand, result};
use super::load::Load;
use super::reduce::Runs;
use super::slots::Slots;
use super::{cast, elementwise, math, vector};
use crate::block::{BlockView, Buffer};
use crate::dtype::{DType, Physical};
use crate::error::{Error, Result};
use crate::op::{Instr, Program, Register, Step};
use num_complex::Complex;

pub use crate::op::SUB_TILE;

/// Most rows of which a sub-tile has the same columns.
const MOST_ABREAST: usize = 16;
/// Columns of such a sub-tile are a multiple of so many, but at the end.
const ALIGN: usize = 16;

/// One sub-tile after all steps ran: the columns of the outputs.
pub struct SubTile<'a> {
    /// Row-major position of the first element in the tile.
    pub start: usize,
    /// Number of elements.
    pub len: usize,
    /// Its elements in the tile, but for the pitch of an output.
    runs: Runs,
    workspace: &'a Interpreter,
    inputs: &'a [BlockView<'a>],
}

impl SubTile<'_> {
    /// The elements of output `index` of the program; of more than one run they lie as [`SubTile::runs`] says.
    pub fn output(&self, index: usize) -> Column<'_> {
        let register = self.workspace.program.outputs[index];
        self.workspace.column(register, self.inputs, &self.runs)
    }

    /// Where the elements of output `index` lie in the tile and in their column.
    pub fn runs(&self, index: usize) -> Runs {
        let register = self.workspace.program.outputs[index];
        let pitch = match self.workspace.is_borrowed(register) {
            true => self.runs.stride,
            false => self.runs.len,
        };
        Runs { pitch, ..self.runs }
    }
}

/// The workspace of one thread for one program.
pub struct Interpreter {
    program: Program,
    of: Vec<Option<usize>>,
    slots: Vec<Buffer>,
    /// Elements that each slot has room for: those of the longest sub-tile so far.
    room: usize,
    loads: Vec<Load>,
}

impl Interpreter {
    /// A workspace for `program`.
    ///
    /// # Errors
    /// Internal when the program is ill-typed: a step reads a later one, or its dtypes are not those of its signature.
    pub fn new(program: &Program) -> Result<Self> {
        check(program)?;
        let slots = Slots::assign(program);
        let buffers = slots.physical.iter().map(|&p| Buffer::zeros(p, 0));
        Ok(Interpreter {
            program: program.clone(),
            of: slots.of,
            slots: buffers.collect(),
            room: 0,
            loads: program.inputs.iter().map(|_| Load::default()).collect(),
        })
    }

    /// Gives its room back; the next run takes it again.
    pub fn let_go(&mut self) {
        for slot in &mut self.slots {
            *slot = Buffer::zeros(slot.physical(), 0);
        }
        self.room = 0;
    }

    /// Room for sub-tiles of `len` elements: a pass may have many programs for small pieces (the borders of a padding).
    fn make_room(&mut self, len: usize) -> Result<()> {
        if len <= self.room {
            return Ok(());
        }
        for slot in &mut self.slots {
            *slot = Buffer::zeros(slot.physical(), len);
        }
        for (step, slot) in self.program.steps.iter().zip(&self.of) {
            if let (Instr::Const(value), Some(slot)) = (step.instr, *slot) {
                self.slots[slot] = Buffer::filled(step.dtype.physical(), value, len)?;
            }
        }
        self.room = len;
        Ok(())
    }

    /// Memory of the registers of `program` for sub-tiles of full length, in bytes.
    pub fn bytes(program: &Program) -> usize {
        Slots::assign(program)
            .physical
            .iter()
            .map(|p| p.size() * SUB_TILE)
            .sum()
    }

    /// Runs over all elements of a tile of `shape` in row-major order and hands each sub-tile to `each`.
    ///
    /// Each input is a view of exactly that shape; strides may be 0 (broadcast), negative, or those of a larger block.
    ///
    /// # Errors
    /// Invalid input where NumPy raises (integers to negative integer powers); internal when inputs do not fit the
    /// program; else what `each` returns.
    pub fn run(
        &mut self,
        shape: &[usize],
        inputs: &[BlockView<'_>],
        each: &mut dyn FnMut(&SubTile<'_>) -> Result<()>,
    ) -> Result<()> {
        self.run_rows(shape, 1, inputs, each)
    }

    /// As [`Interpreter::run`], but the tile is `rows` rows, and a sub-tile has the same columns of several of them: what folds
    /// the rows into one has a cell at hand until all its elements passed by.
    ///
    /// # Errors
    /// Those of [`Interpreter::run`].
    pub fn run_rows(
        &mut self,
        shape: &[usize],
        rows: usize,
        inputs: &[BlockView<'_>],
        each: &mut dyn FnMut(&SubTile<'_>) -> Result<()>,
    ) -> Result<()> {
        if inputs.len() != self.program.inputs.len() {
            return Err(Error::internal(format!(
                "{} inputs for a program of {}",
                inputs.len(),
                self.program.inputs.len()
            )));
        }
        for (k, view) in inputs.iter().enumerate() {
            let dtype = self.program.inputs[k];
            if view.shape != shape || view.buffer.physical() != dtype.physical() {
                return Err(Error::internal(format!(
                    "input {k} is {} {:?} where {dtype} {shape:?} is due",
                    view.dtype, view.shape
                )));
            }
            self.loads[k].prepare(view)?;
        }
        let elements: usize = shape.iter().product();
        self.make_room(SUB_TILE.min(elements))?;
        // Steps want the runs of an input side by side.
        let loads = |step: &Step| matches!(step.instr, Instr::Load(_));
        if rows > 1 && !self.program.steps.iter().all(loads) {
            for load in &mut self.loads {
                load.direct = false;
            }
        }
        let stride = elements / rows.max(1);
        let height = rows.div_ceil(rows.div_ceil(MOST_ABREAST).max(1)).max(1);
        for row in (0..rows).step_by(height) {
            let count = height.min(rows - row);
            let most = match count {
                1 => SUB_TILE,
                _ => SUB_TILE / count / ALIGN * ALIGN,
            };
            for column in (0..stride).step_by(most) {
                let len = most.min(stride - column);
                let runs = Runs {
                    start: row * stride + column,
                    count,
                    len,
                    stride,
                    pitch: len,
                };
                for i in 0..self.program.steps.len() {
                    self.step(i, inputs, &runs)?;
                }
                each(&SubTile {
                    start: runs.start,
                    len: count * len,
                    runs,
                    workspace: self,
                    inputs,
                })?;
            }
        }
        Ok(())
    }

    fn step(&mut self, i: usize, inputs: &[BlockView<'_>], runs: &Runs) -> Result<()> {
        let Some(slot) = self.of[i] else {
            return Ok(());
        };
        let step = self.program.steps[i];
        match step.instr {
            Instr::Const(_) => return Ok(()),
            Instr::Load(k) => {
                let k = usize::from(k);
                if self.loads[k].direct {
                    return Ok(());
                }
                return self.loads[k].gather(&inputs[k], runs, &mut self.slots[slot]);
            }
            _ => {}
        }
        // The slot is taken out while it is written (no slot of an operand is ever that of its step).
        let mut out = std::mem::replace(&mut self.slots[slot], Buffer::Bool(Vec::new()));
        let done = self.compute(step.instr, step.dtype, inputs, runs, &mut out);
        self.slots[slot] = out;
        done
    }

    fn compute(
        &self,
        instr: Instr,
        dtype: DType,
        inputs: &[BlockView<'_>],
        runs: &Runs,
        out: &mut Buffer,
    ) -> Result<()> {
        let len = runs.count * runs.len;
        let column = |register| self.column(register, inputs, runs);
        match instr {
            Instr::Load(_) | Instr::Const(_) => Ok(()),
            Instr::Unary(op, a) => math::unary(op, self.dtype(a), column(a), out),
            Instr::Binary(op, a, b) => elementwise::binary(
                op,
                (self.dtype(a), self.dtype(b)),
                column(a),
                column(b),
                out,
            ),
            Instr::Cast(a) => cast::cast(self.dtype(a), dtype, column(a), out),
            Instr::Where(condition, a, b) => {
                let condition = operand::<bool>(column(condition))?;
                let (a, b) = (column(a), column(b));
                macro_rules! by {
                    (bits $T:ty as $U:ty) => {
                        vector::choose_bits::<$U>(
                            condition,
                            bytemuck::cast_slice(operand::<$T>(a)?),
                            bytemuck::cast_slice(operand::<$T>(b)?),
                            bytemuck::cast_slice_mut(result::<$T>(out, len)?),
                        )
                    };
                    ($T:ty) => {
                        vector::choose::<$T>(condition, operand(a)?, operand(b)?, result(out, len)?)
                    };
                }
                match dtype.physical() {
                    Physical::Bool => by!(bool),
                    Physical::I8 => by!(bits i8 as u8),
                    Physical::I16 => by!(bits i16 as u16),
                    Physical::I32 => by!(bits i32 as u32),
                    Physical::I64 => by!(bits i64 as u64),
                    Physical::U8 => by!(bits u8 as u8),
                    Physical::U16 => by!(bits u16 as u16),
                    Physical::U32 => by!(bits u32 as u32),
                    Physical::U64 => by!(bits u64 as u64),
                    Physical::F32 => by!(bits f32 as u32),
                    Physical::F64 => by!(bits f64 as u64),
                    Physical::C64 => by!(Complex<f32>),
                    Physical::C128 => by!(Complex<f64>),
                }
                Ok(())
            }
        }
    }

    fn dtype(&self, register: Register) -> DType {
        self.program.steps[usize::from(register)].dtype
    }

    /// True of a load whose input is used where it lies.
    fn is_borrowed(&self, register: Register) -> bool {
        match self.program.steps[usize::from(register)].instr {
            Instr::Load(k) => self.loads[usize::from(k)].direct,
            _ => false,
        }
    }

    fn column<'a>(
        &'a self,
        register: Register,
        inputs: &'a [BlockView<'_>],
        runs: &Runs,
    ) -> Column<'a> {
        let register = usize::from(register);
        if let Instr::Load(k) = self.program.steps[register].instr {
            let k = usize::from(k);
            if self.loads[k].direct {
                return self.loads[k].borrow(&inputs[k], runs.start, runs.reach());
            }
        }
        match self.of[register] {
            Some(slot) => Column::of(&self.slots[slot], 0, runs.count * runs.len),
            None => Column::Bool(&[]),
        }
    }
}

/// Refuses programs that `op`'s rules would not have built.
fn check(program: &Program) -> Result<()> {
    let ill = |i: usize, why: String| {
        Err(Error::internal(format!(
            "step %{i} of a program: {why}\n{program}"
        )))
    };
    for (i, step) in program.steps.iter().enumerate() {
        if let Some(r) = Program::operands(&step.instr).find(|r| usize::from(*r) >= i) {
            return ill(i, format!("it reads %{r}, which is not above it"));
        }
        let dtype = |r: Register| program.steps[usize::from(r)].dtype;
        match step.instr {
            Instr::Load(k) => match program.inputs.get(usize::from(k)) {
                Some(input) if *input == step.dtype => {}
                input => return ill(i, format!("input {k} is {input:?}")),
            },
            Instr::Const(value) => {
                if value.dtype() != step.dtype {
                    return ill(i, format!("the constant is {}", value.dtype()));
                }
            }
            Instr::Unary(op, a) => {
                let due = op.signature(dtype(a))?;
                if (due.left, due.result) != (dtype(a), step.dtype) {
                    return ill(i, format!("the signature is {due:?}"));
                }
            }
            Instr::Binary(op, a, b) => {
                let due = op.signature(dtype(a), dtype(b))?;
                if (due.left, due.right, due.result) != (dtype(a), dtype(b), step.dtype) {
                    return ill(i, format!("the signature is {due:?}"));
                }
            }
            Instr::Where(condition, a, b) => {
                if dtype(condition) != DType::Bool
                    || dtype(a) != step.dtype
                    || dtype(b) != step.dtype
                {
                    return ill(
                        i,
                        "where wants bool and two operands of its own dtype".to_owned(),
                    );
                }
            }
            Instr::Cast(_) => {}
        }
    }
    match program
        .outputs
        .iter()
        .find(|r| usize::from(**r) >= program.steps.len())
    {
        Some(r) => ill(usize::from(*r), "an output that does not exist".to_owned()),
        None => Ok(()),
    }
}

#[cfg(test)]
#[path = "interpreter_tests.rs"]
mod tests;
