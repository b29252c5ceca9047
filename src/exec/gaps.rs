//! Programs over boxes of larger pieces, such as the shifted views of a stencil: rows with short gaps between them.
//!
//! A view with gaps is gathered, row by row, into a register, for every view and every sub-tile; a stencil of nine views copies
//! more than it computes. When all views have the same gaps, the program runs over rows and gaps as if they were one line, whose
//! views are contiguous; what it makes of the gaps is dropped. Elements of gaps are elements of the same pieces, so nothing is
//! read that is not there; and since operations are element by element, no wanted bit changes.

use super::sink::copy_column;
use crate::block::{BlockView, Buffer};
use crate::error::Result;
use crate::geom::positions;
use crate::kernel::Interpreter;
use crate::op::{BinaryOp, Instr, Program};

/// So large a part of a line may be gaps.
const MOST_GAPS: f64 = 0.1;
/// Shorter rows are copied too often.
const SHORTEST_ROW: usize = 64;

/// Runs `program` over a box of `shape`, row-major, into the elements of `out` from `first` on.
pub(super) fn run(
    interpreter: &mut Interpreter,
    program: &Program,
    shape: &[usize],
    views: &[BlockView<'_>],
    (out, first): (&mut Buffer, usize),
) -> Result<()> {
    let Some(strides) = common_strides(program, shape, views) else {
        return interpreter.run(shape, views, &mut |sub| {
            copy_column(out, first + sub.start, sub.output(0))
        });
    };
    let length = span(shape, &strides);
    let lines: Vec<BlockView<'_>> = views
        .iter()
        .map(|view| BlockView {
            buffer: view.buffer,
            dtype: view.dtype,
            offset: view.offset,
            shape: vec![length],
            strides: vec![isize::from(view.strides.iter().any(|stride| *stride != 0))],
        })
        .collect();
    let width = shape[shape.len() - 1];
    let outer = shape[..shape.len() - 1].iter().map(|len| 0..*len).collect();
    let start_of = |index: Vec<usize>| -> usize {
        index
            .iter()
            .zip(&strides)
            .map(|(i, stride)| i * stride)
            .sum()
    };
    // Rows follow each other on the line as they do in the box.
    let mut rows = positions(outer).map(start_of).enumerate().peekable();
    interpreter.run(&[length], &lines, &mut |sub| {
        let column = sub.output(0);
        let end = sub.start + sub.len;
        while let Some(&(row, start)) = rows.peek() {
            let (from, to) = (start.max(sub.start), (start + width).min(end));
            if from < to {
                let part = column.part(from - sub.start, to - from);
                copy_column(out, first + row * width + from - start, part)?;
            }
            if start + width > end {
                break;
            }
            rows.next();
        }
        Ok(())
    })
}

/// The strides that all views of more than one element share, when it pays to fill their gaps.
fn common_strides(
    program: &Program,
    shape: &[usize],
    views: &[BlockView<'_>],
) -> Option<Vec<usize>> {
    let (&width, elements) = (shape.last()?, shape.iter().product::<usize>());
    if width < SHORTEST_ROW || views.iter().all(BlockView::is_contiguous) {
        return None;
    }
    // The only operation that some elements make fail.
    let fails = |step: &crate::op::Step| {
        matches!(step.instr, Instr::Binary(BinaryOp::Power, ..)) && !step.dtype.is_float()
    };
    if program.steps.iter().any(fails) {
        return None;
    }
    let mut common: Option<Vec<usize>> = None;
    for view in views {
        if view.strides.iter().all(|stride| *stride == 0) {
            continue;
        }
        let strides: Option<Vec<usize>> = (view.strides.iter().zip(shape))
            .map(|(stride, len)| match len {
                1 => Some(0),
                _ => usize::try_from(*stride).ok(),
            })
            .collect();
        let strides = strides?;
        if common.as_ref().is_some_and(|common| *common != strides) {
            return None;
        }
        common = Some(strides);
    }
    let strides = common?;
    // Rows lie one after another: no axis begins again before the axes inside it have ended.
    let mut inside = 1;
    for (stride, len) in strides.iter().zip(shape).rev() {
        if *len > 1 {
            if *stride < inside {
                return None;
            }
            inside += stride * (len - 1);
        }
    }
    let line = span(shape, &strides);
    let last = strides[strides.len() - 1] == 1;
    (last && line as f64 * (1.0 - MOST_GAPS) <= elements as f64).then_some(strides)
}

/// Elements from the first one of a box to the last.
fn span(shape: &[usize], strides: &[usize]) -> usize {
    let last: usize = shape
        .iter()
        .zip(strides)
        .map(|(len, stride)| (len - 1) * stride)
        .sum();
    last + 1
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::block::Block;
    use crate::dtype::DType;
    use crate::geom::Region;
    use crate::op::ProgramBuilder;

    /// A sum of shifted views of a block: with gaps filled and gathered, over one, two and three axes.
    #[test]
    fn filled_gaps_change_nothing() {
        let all = [3, 70, 500];
        let values: Vec<f64> = (0..all.iter().product())
            .map(|i| (i as f64).sin())
            .collect();
        let block = Block::from_vec(&all, values.clone()).unwrap();
        let mut builder = ProgramBuilder::new();
        let mut sum = None;
        for _ in 0..3 {
            let input = builder.input(DType::F64);
            let load = builder.push(Instr::Load(input), DType::F64);
            sum = Some(match sum {
                Some(sum) => builder.push(Instr::Binary(BinaryOp::Add, sum, load), DType::F64),
                None => load,
            });
        }
        let program = builder.finish(vec![sum.unwrap()]);
        let mut interpreter = Interpreter::new(&program).unwrap();
        for (shape, filled) in [
            ([1, 1, 480], false),
            ([1, 69, 498], true),
            ([3, 68, 490], true),
            ([2, 40, 490], false),
            ([3, 68, 300], false),
            ([1, 2, 499], true),
        ] {
            let starts = [[0, 0, 0], [0, 1, 1], [0, 1, 0]];
            let starts = starts.map(|s| [0, 1, 2].map(|axis| s[axis].min(all[axis] - shape[axis])));
            let views: Vec<BlockView<'_>> = starts
                .iter()
                .map(|start| block.part(&Region::new(start.to_vec(), shape.to_vec())))
                .collect();
            assert_eq!(
                common_strides(&program, &shape, &views).is_some(),
                filled,
                "{shape:?}"
            );
            let mut out = Buffer::F64(vec![0.0; 5 + shape.iter().product::<usize>()]);
            run(&mut interpreter, &program, &shape, &views, (&mut out, 5)).unwrap();
            let Buffer::F64(out) = out else {
                unreachable!()
            };
            for (at, index) in positions(shape.iter().map(|len| 0..*len).collect()).enumerate() {
                let value = |start: &[usize; 3]| {
                    let place = |axis: usize| start[axis] + index[axis];
                    values[(place(0) * all[1] + place(1)) * all[2] + place(2)]
                };
                let sum = value(&starts[0]) + value(&starts[1]) + value(&starts[2]);
                assert_eq!(out[5 + at].to_bits(), sum.to_bits(), "{shape:?} {index:?}");
            }
        }
    }
}
