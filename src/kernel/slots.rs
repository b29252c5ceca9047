//! Which register lives in which slot of the workspace: slots are reused once the last reader of a register has run,
//! so that the working set of a long program stays in the caches next to the core.

use crate::dtype::Physical;
use crate::op::{Instr, Program};

/// The places of a program's registers.
pub(super) struct Slots {
    /// Slot of each step; `None` when nothing reads it.
    pub(super) of: Vec<Option<usize>>,
    /// What each slot holds.
    pub(super) physical: Vec<Physical>,
}

impl Slots {
    /// Places for all registers that an output depends on. Operands must lie below their step.
    pub(super) fn assign(program: &Program) -> Slots {
        const FOREVER: usize = usize::MAX;
        let steps = &program.steps;
        let mut last_use: Vec<Option<usize>> = vec![None; steps.len()];
        for output in &program.outputs {
            last_use[usize::from(*output)] = Some(FOREVER);
        }
        for i in (0..steps.len()).rev() {
            if last_use[i].is_none() {
                continue;
            }
            for operand in Program::operands(&steps[i].instr) {
                let last = &mut last_use[usize::from(operand)];
                *last = Some(last.unwrap_or(i).max(i));
            }
        }
        let mut slots = Slots {
            of: vec![None; steps.len()],
            physical: Vec::new(),
        };
        let mut free: Vec<usize> = Vec::new();
        for (i, step) in steps.iter().enumerate() {
            if last_use[i].is_none() {
                continue;
            }
            let physical = step.dtype.physical();
            // A constant is written once, before the first sub-tile: its slot is its own.
            let constant = matches!(step.instr, Instr::Const(_));
            let reused = free
                .iter()
                .rposition(|&s| !constant && slots.physical[s] == physical);
            slots.of[i] = Some(match reused {
                Some(at) => free.swap_remove(at),
                None => {
                    slots.physical.push(physical);
                    slots.physical.len() - 1
                }
            });
            let mut freed: [Option<u16>; 3] = [None; 3];
            for (k, operand) in Program::operands(&step.instr).enumerate() {
                let register = usize::from(operand);
                let constant = matches!(steps[register].instr, Instr::Const(_));
                if last_use[register] == Some(i) && !constant && !freed.contains(&Some(operand)) {
                    free.extend(slots.of[register]);
                    freed[k] = Some(operand);
                }
            }
        }
        slots
    }
}
