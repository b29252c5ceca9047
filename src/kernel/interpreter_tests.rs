//! Programs over strided inputs, memory of registers, refusals.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;
use crate::block::Block;
use crate::dtype::Scalar;
use crate::op::{BinaryOp, ProgramBuilder, UnaryOp};
use proptest::prelude::*;

/// `where(a > b, a + b, -a)` for i32, with a constant, and `a` itself as second output.
fn program() -> Program {
    let mut b = ProgramBuilder::new();
    let inputs = [b.input(DType::I32), b.input(DType::I32)];
    let [x, y] = inputs.map(|k| b.push(Instr::Load(k), DType::I32));
    let greater = b.push(Instr::Binary(BinaryOp::Greater, x, y), DType::Bool);
    let sum = b.push(Instr::Binary(BinaryOp::Add, x, y), DType::I32);
    let three = b.push(Instr::Const(Scalar::I32(3)), DType::I32);
    let product = b.push(Instr::Binary(BinaryOp::Multiply, sum, three), DType::I32);
    let negative = b.push(Instr::Unary(UnaryOp::Negative, x), DType::I32);
    let chosen = b.push(Instr::Where(greater, product, negative), DType::I32);
    b.finish(vec![chosen, x])
}

fn outputs(shape: &[usize], views: &[BlockView<'_>]) -> (Vec<i32>, Vec<i32>) {
    let (mut first, mut second) = (Vec::new(), Vec::new());
    let mut work = Interpreter::new(&program()).unwrap();
    work.run(shape, views, &mut |sub| {
        assert_eq!(sub.start, first.len());
        for (index, all) in [(0, &mut first), (1, &mut second)] {
            let Column::I32(v) = sub.output(index) else {
                unreachable!("i32")
            };
            assert_eq!(v.len(), sub.len);
            all.extend_from_slice(v);
        }
        Ok(())
    })
    .unwrap();
    (first, second)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    /// Any strides give what a contiguous copy gives.
    #[test]
    fn strided_inputs_answer_as_their_copies(
        shape in prop::collection::vec(1usize..40, 0..4),
        reversed in 0usize..16,
        repeated in 0usize..16,
        step in 1isize..3,
    ) {
        // A buffer with room for every stride, and a view into it.
        let mut strides = vec![0isize; shape.len()];
        let mut room = 1isize;
        let mut offset = 0isize;
        for k in (0..shape.len()).rev() {
            if repeated >> k & 1 == 1 {
                continue;
            }
            strides[k] = room * step;
            room = strides[k] * shape[k] as isize;
            if reversed >> k & 1 == 1 {
                offset += strides[k] * (shape[k] as isize - 1);
                strides[k] = -strides[k];
            }
        }
        let values: Vec<i32> = (0..room).map(|i| (i * 7919 % 1013) as i32 - 500).collect();
        let source = Block::from_vec::<i32>(&[values.len()], values.clone()).unwrap();
        let mut view = source.view();
        view.offset = offset as usize;
        view.shape.clone_from(&shape);
        view.strides.clone_from(&strides);
        let elements: usize = shape.iter().product();
        let copy: Vec<i32> = (0..elements)
            .map(|mut p| {
                let mut at = offset;
                for k in (0..shape.len()).rev() {
                    at += (p % shape[k]) as isize * strides[k];
                    p /= shape[k];
                }
                values[at as usize]
            })
            .collect();
        let other: Vec<i32> = (0..elements as i32).map(|i| i % 11).collect();
        let other = Block::from_vec::<i32>(&shape, other).unwrap();
        let copy = Block::from_vec::<i32>(&shape, copy).unwrap();
        let strided = outputs(&shape, &[view, other.view()]);
        prop_assert_eq!(&strided, &outputs(&shape, &[copy.view(), other.view()]));
        prop_assert_eq!(strided.1, copy.as_slice::<i32>().unwrap());
    }
}

#[test]
fn registers_take_the_bytes_that_are_projected() {
    let program = program();
    let mut work = Interpreter::new(&program).unwrap();
    work.make_room(SUB_TILE).unwrap();
    let live: usize = work.slots.iter().map(Buffer::bytes).sum();
    assert_eq!(live, Interpreter::bytes(&program));
    // A long chain lives in two slots, beside its input and its constant.
    let mut b = ProgramBuilder::new();
    let k = b.input(DType::F32);
    let mut x = b.push(Instr::Load(k), DType::F32);
    let one = b.push(Instr::Const(Scalar::F32(1.0)), DType::F32);
    for _ in 0..100 {
        x = b.push(Instr::Binary(BinaryOp::Add, x, one), DType::F32);
    }
    assert_eq!(Interpreter::bytes(&b.finish(vec![x])), 3 * SUB_TILE * 4);
}

#[test]
fn a_contiguous_input_is_not_copied() {
    let mut b = ProgramBuilder::new();
    let k = b.input(DType::F64);
    let x = b.push(Instr::Load(k), DType::F64);
    let mut work = Interpreter::new(&b.finish(vec![x])).unwrap();
    let block = Block::from_vec::<f64>(&[2, 5000], vec![1.0; 10_000]).unwrap();
    let first = block.as_slice::<f64>().unwrap().as_ptr();
    let mut seen = 0;
    work.run(&[2, 5000], &[block.view()], &mut |sub| {
        let Column::F64(v) = sub.output(0) else {
            unreachable!("f64")
        };
        assert_eq!(v.as_ptr(), first.wrapping_add(sub.start));
        seen += v.len();
        Ok(())
    })
    .unwrap();
    assert_eq!(seen, 10_000);
}

#[test]
fn negative_integer_powers_are_refused_as_in_numpy() {
    let mut b = ProgramBuilder::new();
    let k = b.input(DType::I64);
    let x = b.push(Instr::Load(k), DType::I64);
    let y = b.push(Instr::Binary(BinaryOp::Power, x, x), DType::I64);
    let mut work = Interpreter::new(&b.finish(vec![y])).unwrap();
    let block = Block::from_vec::<i64>(&[2], vec![2, -1]).unwrap();
    let error = work
        .run(&[2], &[block.view()], &mut |_| Ok(()))
        .unwrap_err();
    assert!(error.is_invalid_input());
    assert!(
        error
            .message()
            .contains("Integers to negative integer powers are not allowed"),
        "{error}"
    );
    // The workspace survives: its register came back.
    let block = Block::from_vec::<i64>(&[2], vec![2, 3]).unwrap();
    work.run(&[2], &[block.view()], &mut |_| Ok(())).unwrap();
}

#[test]
fn ill_typed_programs_and_inputs_are_internal_errors() {
    let mut b = ProgramBuilder::new();
    let k = b.input(DType::F32);
    let x = b.push(Instr::Load(k), DType::F32);
    let y = b.push(Instr::Binary(BinaryOp::Add, x, x), DType::F64);
    assert!(
        Interpreter::new(&b.finish(vec![y]))
            .err()
            .unwrap()
            .is_internal()
    );

    let mut work = Interpreter::new(&program()).unwrap();
    let block = Block::from_vec::<i32>(&[3], vec![1, 2, 3]).unwrap();
    let mut outside = block.view();
    outside.offset = 1;
    let error = work
        .run(&[3], &[block.view(), outside], &mut |_| Ok(()))
        .unwrap_err();
    assert!(error.is_internal(), "{error}");
    assert!(
        work.run(&[3], &[block.view()], &mut |_| Ok(()))
            .unwrap_err()
            .is_internal()
    );
}
