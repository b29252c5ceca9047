//! The loops that most jobs wait for: a seasonal NDVI mean from packed integers, the sum of everything; random numbers.
#![allow(clippy::unwrap_used, missing_docs)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hyperslab::block::{Block, BlockView};
use hyperslab::dtype::{DType, Scalar};
use hyperslab::geom::Region;
use hyperslab::kernel::{AxisRole, FoldSpec, FoldTile, Interpreter, State, generate};
use hyperslab::op::{
    BinaryOp, Draw, Generator, Instr, Program, ProgramBuilder, Reduction, ReductionKind,
};
use std::hint::black_box;

/// `where((qa & 153) == 0, (nir - red) / (nir + red), NaN)` as the expression layer builds it.
fn ndvi() -> Program {
    let mut b = ProgramBuilder::new();
    let loads = [DType::U16, DType::I16, DType::I16].map(|dtype| {
        let input = b.input(dtype);
        b.push(Instr::Load(input), dtype)
    });
    let [qa, nir, red] = loads;
    let mask = b.push(Instr::Const(Scalar::U16(153)), DType::U16);
    let zero = b.push(Instr::Const(Scalar::U16(0)), DType::U16);
    let bits = b.push(Instr::Binary(BinaryOp::BitwiseAnd, qa, mask), DType::U16);
    let clear = b.push(Instr::Binary(BinaryOp::Equal, bits, zero), DType::Bool);
    let nan = b.push(Instr::Const(Scalar::F32(f32::NAN)), DType::F32);
    let [nir, red] = [nir, red].map(|band| {
        let float = b.cast(band, DType::F32);
        b.push(Instr::Where(clear, float, nan), DType::F32)
    });
    let difference = b.push(Instr::Binary(BinaryOp::Subtract, nir, red), DType::F32);
    let sum = b.push(Instr::Binary(BinaryOp::Add, nir, red), DType::F32);
    let ratio = b.push(Instr::Binary(BinaryOp::Divide, difference, sum), DType::F32);
    b.finish(vec![ratio])
}

fn run(work: &mut Interpreter, tile: &FoldTile<'_>, views: &[BlockView<'_>], state: &mut State) {
    work.run(tile.shape, views, &mut |sub| {
        state.feed(tile, &sub.runs(0), sub.output(0))
    })
    .unwrap();
}

fn kernels(c: &mut Criterion) {
    let (times, y, x) = (8usize, 512usize, 512usize);
    let n = y * x;
    // One tile per time step, so that inputs come from memory as they do in a job.
    let tiles: Vec<[Block; 3]> = (0..times)
        .map(|t| {
            let noise = |i: usize| (i.wrapping_mul(2_654_435_761).wrapping_add(t * 97) >> 7) as u16;
            let qa = (0..n)
                .map(|i| if noise(i) % 3 == 0 { 8 } else { 64 })
                .collect();
            let nir = (0..n)
                .map(|i| 7000 + (noise(i + 1) % 9000) as i16)
                .collect();
            let red = (0..n)
                .map(|i| 7000 + (noise(i + 2) % 6000) as i16)
                .collect();
            [
                Block::from_vec::<u16>(&[1, y, x], qa).unwrap(),
                Block::from_vec::<i16>(&[1, y, x], nir).unwrap(),
                Block::from_vec::<i16>(&[1, y, x], red).unwrap(),
            ]
        })
        .collect();
    let program = ndvi();
    let spec = FoldSpec {
        reduction: Reduction {
            kind: ReductionKind::Mean,
            skipna: true,
        },
        dtype: DType::F32,
        roles: vec![AxisRole::Group, AxisRole::Keep, AxisRole::Keep],
        groups: 4,
    };
    let mut state = State::new(&spec, &[4, y, x]).unwrap();
    let mut work = Interpreter::new(&program).unwrap();
    let mut group = c.benchmark_group("kernels");
    group
        .sample_size(20)
        .throughput(Throughput::Elements((times * n) as u64));
    group.bench_function("seasonal_ndvi_mean", |bencher| {
        bencher.iter(|| {
            for (t, blocks) in tiles.iter().enumerate() {
                let codes = [(t % 4) as u32];
                let shape = [1, y, x];
                let tile = FoldTile {
                    shape: &shape,
                    codes: &codes,
                    arg_base: 0,
                    arg_strides: &[],
                };
                let views: Vec<BlockView<'_>> = blocks.iter().map(Block::view).collect();
                run(&mut work, &tile, &views, &mut state);
            }
        });
    });
    group.bench_function("ndvi_without_mean", |bencher| {
        bencher.iter(|| {
            for blocks in &tiles {
                let views: Vec<BlockView<'_>> = blocks.iter().map(Block::view).collect();
                work.run(&[1, y, x], &views, &mut |sub| {
                    black_box(sub.output(0));
                    Ok(())
                })
                .unwrap();
            }
        });
    });

    let elements = 1 << 24;
    let block =
        Block::from_vec::<f64>(&[elements], (0..elements).map(|i| i as f64).collect()).unwrap();
    let mut b = ProgramBuilder::new();
    let input = b.input(DType::F64);
    let load = b.push(Instr::Load(input), DType::F64);
    let program = b.finish(vec![load]);
    let mut work = Interpreter::new(&program).unwrap();
    for (name, kind) in [
        ("sum_f64", ReductionKind::Sum),
        ("max_f64", ReductionKind::Max),
        ("std_f64", ReductionKind::Std { ddof: 0 }),
        ("argmin_f64", ReductionKind::Argmin),
    ] {
        let spec = FoldSpec {
            reduction: Reduction { kind, skipna: true },
            dtype: DType::F64,
            roles: vec![AxisRole::Reduce],
            groups: 0,
        };
        group.throughput(Throughput::Bytes(8 * elements as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut state = State::new(&spec, &[]).unwrap();
                let shape = [elements];
                let tile = FoldTile {
                    shape: &shape,
                    codes: &[],
                    arg_base: 0,
                    arg_strides: &[1],
                };
                run(&mut work, &tile, &[block.view()], &mut state);
                state.finalize().unwrap()
            });
        });
    }
    group.finish();
}

/// Random numbers of one thread, in a block that stays in the second cache.
fn random(c: &mut Criterion) {
    let mut group = c.benchmark_group("random");
    let shape = [1 << 16];
    group
        .sample_size(20)
        .throughput(Throughput::Elements(shape[0] as u64));
    for (name, draw) in [
        ("uniform_f64", Draw::Uniform),
        ("uniform_f32", Draw::Uniform32),
        ("normal_f64", Draw::Normal),
        ("integers_i64", Draw::Integers { low: -5, last: 99 }),
    ] {
        let generator = Generator::Random {
            seed: 42,
            stream: 0,
            draw,
        };
        let region = Region::new(vec![0], shape.to_vec());
        let mut block = Block::zeros(generator.dtype(), &shape);
        group.bench_function(name, |bencher| {
            bencher.iter(|| generate(&generator, &shape, &region, &mut block).unwrap());
        });
    }
    group.finish();
}

criterion_group!(benches, kernels, random);
criterion_main!(benches);
